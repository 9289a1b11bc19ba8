/* SPDX-License-Identifier: GPL-2.0 */
/* Results, errors and progress for people and machines: out.c */
#ifndef METISCTL_OUT_H
#define METISCTL_OUT_H

#include <json-c/json.h>

#include "base.h"

/* An errno in words: the cause, and what to do about it */
struct why {
	int err;
	const char *cause;
	const char *next;
};

/*
 * Says what failed, why, and what to do next; on stdout as well with --json.
 * Looks for the errno in the caller's list first, then in the general one.
 * Returns EXIT_FAILED.
 */
int fail(int err, const struct why *whys, const char *what, ...)
	__attribute__((format(printf, 3, 4)));
/* The same where cause and remedy are known, not looked up; err may be 0. */
int fail_because(int err, const char *cause, const char *next, const char *what, ...)
	__attribute__((format(printf, 4, 5)));

/* printf to a new string; ends the program when memory is out */
char *str(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char *human_size(u64 bytes, char buf[24]);
void row(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void json_str(struct json_object *o, const char *key, const char *val);
void json_num(struct json_object *o, const char *key, u64 val);
void json_real(struct json_object *o, const char *key, double val);
void json_hex(struct json_object *o, const char *key, u64 val);
/* Prints the object and gives it up; pretty when it is the only one */
void json_end(struct json_object *o, bool pretty);

/* A line on stderr that is overwritten; nothing with --quiet or without a tty */
bool progress_shown(void);
void progress(const char *label, u64 done, u64 total);
void progress_clear(void);

u64 now_ns(void);
double seconds_since(u64 start);

#endif
