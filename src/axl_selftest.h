/* SPDX-License-Identifier: GPL-2.0 */
/* Do messages arrive?: axl_selftest.c */
#ifndef AXL_SELFTEST_H
#define AXL_SELFTEST_H

#include <linux/types.h>
#include <uapi/axl.h>

struct axl_device;

/* What the self-test found. */
struct axl_selftest {
	/*
	 * How ends of transfers are told. Written with reset_sem held exclusive, or
	 * by the watchdog under a direction's lock; read without a lock, as a word.
	 */
	enum axl_delivery delivery;
	/* its messages come now; written with reset_sem held exclusive */
	bool running;
};

int axl_irq_selftest(struct axl_device *axl);

#endif
