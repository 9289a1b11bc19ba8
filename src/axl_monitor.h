/* SPDX-License-Identifier: GPL-2.0 */
/* Periodic checks while the device is open: axl_monitor.c */
#ifndef AXL_MONITOR_H
#define AXL_MONITOR_H

#include <linux/types.h>

struct axl_device;

void axl_monitor_stop(struct axl_device *axl);
bool axl_check_link(struct axl_device *axl);
void axl_monitor_setup(struct axl_device *axl);

#endif
