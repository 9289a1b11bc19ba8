/* SPDX-License-Identifier: GPL-2.0 */
/* Resets, PCI errors and power cuts by other agents: axl_pm.c */
#ifndef AXL_PM_H
#define AXL_PM_H

struct axl_device;
struct work_struct;

void axl_reset_prepare(struct axl_device *axl);
int axl_suspend(struct axl_device *axl);
void axl_reset_done(struct axl_device *axl, const char *why);
void axl_pci_error_detected(struct axl_device *axl);
void axl_pci_error_failed(struct axl_device *axl);
void axl_pci_error_recovered(struct axl_device *axl, const char *why);
void axl_pci_error_work(struct work_struct *work);

#endif
