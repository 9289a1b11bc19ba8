/* SPDX-License-Identifier: GPL-2.0 */
/* Recovery: axl_reset.c */
#ifndef AXL_RESET_H
#define AXL_RESET_H

#include <linux/types.h>

struct axl_device;

void axl_reset_setup(struct axl_device *axl);
int axl_recover_deferred(struct axl_device *axl);
int axl_recover(struct axl_device *axl, unsigned long deadline, bool settle);
int axl_reset(struct axl_device *axl);

#endif
