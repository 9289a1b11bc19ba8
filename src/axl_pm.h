/* SPDX-License-Identifier: GPL-2.0 */
/* Resets and power cuts from outside: axl_pm.c */
#ifndef AXL_PM_H
#define AXL_PM_H

struct axl_device;
struct work_struct;

void axl_pause(struct axl_device *axl);
int axl_sleep(struct axl_device *axl);
void axl_unpause(struct axl_device *axl, const char *why);
void axl_bus_error(struct axl_device *axl);
void axl_bus_gone(struct axl_device *axl);
void axl_bus_good(struct axl_device *axl, const char *why);
void axl_bus_work(struct work_struct *work);

#endif
