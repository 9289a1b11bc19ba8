/* SPDX-License-Identifier: GPL-2.0 */
/* Do messages arrive?: axl_selftest.c */
#ifndef AXL_SELFTEST_H
#define AXL_SELFTEST_H

struct axl_device;

int axl_irq_selftest(struct axl_device *axl);

#endif
