/* SPDX-License-Identifier: GPL-2.0 */
/* Self-test of interrupt delivery: axl_selftest.c */
#ifndef AXL_SELFTEST_H
#define AXL_SELFTEST_H

#include <linux/types.h>
#include <uapi/axl.h>

struct axl_device;

/* State and result of the self-test. */
struct axl_selftest {
	/*
	 * How completions reach the driver. Written with reset_sem held for
	 * writing, or by the watchdog under a direction's lock; read without a
	 * lock, as a word.
	 */
	enum axl_delivery delivery;
	/* self-test in progress; written with reset_sem held for writing */
	bool running;
};

int axl_irq_selftest(struct axl_device *axl);

#endif
