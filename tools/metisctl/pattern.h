/* SPDX-License-Identifier: GPL-2.0 */
/* Test data, a function of position so that it can be made twice: pattern.c */
#ifndef METISCTL_PATTERN_H
#define METISCTL_PATTERN_H

#include "base.h"

enum pattern { PATTERN_RANDOM, PATTERN_COUNT, PATTERN_ZERO, PATTERN_ONES, PATTERN_WALK };

int pattern_by_name(const char *name);
void pattern_fill(enum pattern p, u64 seed, u8 salt, u8 *buf, size_t len);

struct mismatch {
	u64 offset;		/* of the first wrong byte */
	u64 wrong;		/* how many bytes are wrong */
	u8 expected;
	u8 got;
};

bool pattern_verify(enum pattern p, u64 seed, u8 salt, const u8 *buf, size_t len,
		    struct mismatch *m);

#endif
