/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AXL_KUNIT_ORACLE_H
#define AXL_KUNIT_ORACLE_H

#include <kunit/test.h>

/* The oracles and models of tests/host return NULL, or what does not hold. */
static inline void kunit_oracle(struct kunit *test, const char *wrong)
{
	if (wrong)
		KUNIT_FAIL(test, "%s", wrong);
}

#endif
