/* SPDX-License-Identifier: GPL-2.0 */
/* Resets, PCI errors and power cuts by other agents: axl_pm.c */
#ifndef AXL_PM_H
#define AXL_PM_H

#include <linux/types.h>

struct axl_device;

/* Bits of &axl_device.bus_events. */
#define AXL_BUS_DETECTED	0
#define AXL_BUS_FAILED		1

void axl_reset_prepare(struct axl_device *axl);
int axl_suspend(struct axl_device *axl);
void axl_reset_done(struct axl_device *axl, const char *why);
void axl_pci_error_detected(struct axl_device *axl, bool failed);
void axl_pci_error_step(struct axl_device *axl);
void axl_pci_error_recovered(struct axl_device *axl, const char *why);
void axl_pm_setup(struct axl_device *axl);

#endif
