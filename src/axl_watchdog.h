/* SPDX-License-Identifier: GPL-2.0 */
/* Overdue transfers, lost messages: axl_watchdog.c */
#ifndef AXL_WATCHDOG_H
#define AXL_WATCHDOG_H

struct work_struct;

void axl_dma_watchdog(struct work_struct *work);

#endif
