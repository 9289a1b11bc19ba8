/* SPDX-License-Identifier: GPL-2.0 */
/* PCIe link and configuration space: axl_link.c */
#ifndef AXL_LINK_H
#define AXL_LINK_H

#include <linux/types.h>

struct axl_device;

bool axl_link_up(struct axl_device *axl);
bool axl_link_bounced(struct axl_device *axl);
void axl_restore_config(struct axl_device *axl);

#endif
