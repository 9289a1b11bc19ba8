/* SPDX-License-Identifier: GPL-2.0 */
/* Overdue transfers and lost messages: axl_watchdog.c */
#ifndef AXL_WATCHDOG_H
#define AXL_WATCHDOG_H

struct axl_device;

void axl_watchdog_setup(struct axl_device *axl);

#endif
