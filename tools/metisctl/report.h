/* SPDX-License-Identifier: GPL-2.0 */
/* The report of metisctl doctor: report.c */
#ifndef METISCTL_REPORT_H
#define METISCTL_REPORT_H

#include "base.h"

/* One rank a verdict: also the exit status that it leads to */
enum verdict { PASS, WARN, FAIL };

struct card;

void report_begin(bool json);
/* What the lines that follow are about; nothing is printed until there is one */
void report_head(const char *what, const char *name);
/* One line of the report; card is NULL for what concerns the machine */
void found(const struct card *card, enum verdict v, const char *check, const char *remedy,
	   const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Prints the sum; the worst verdict */
enum verdict report_end(void);

#endif
