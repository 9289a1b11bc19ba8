/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What all host tests share: the test library's preconditions, and a random
 * number generator whose runs can be repeated.
 */
#ifndef AXL_HOST_CHECK_H
#define AXL_HOST_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t rnd_state;

/* Start from $AXL_SEED, or from a constant: a failure must be repeatable. */
static inline void rnd_init(void)
{
	const char *seed = getenv("AXL_SEED");

	rnd_state = seed ? strtoull(seed, NULL, 0) : 0x1f9d1100;
	print_message("# AXL_SEED=0x%llx\n", (unsigned long long)rnd_state);
}

/* splitmix64 (public domain algorithm by S. Vigna) */
static inline uint64_t rnd(void)
{
	uint64_t z = (rnd_state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* 0..bound - 1 */
static inline uint64_t rnd_below(uint64_t bound)
{
	return rnd() % bound;
}

#endif
