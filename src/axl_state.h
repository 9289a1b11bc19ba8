/* SPDX-License-Identifier: GPL-2.0 */
/* States online, offline and dead: axl_state.c */
#ifndef AXL_STATE_H
#define AXL_STATE_H

#include <linux/jiffies.h>
#include <linux/types.h>

struct axl_device;

/* First interval between attempts to recover a dead card; jiffies */
#define AXL_RETRY		(10 * HZ)

void axl_set_online(struct axl_device *axl, bool online);
void axl_raise_generation(struct axl_device *axl);
void axl_dma_hold(struct axl_device *axl);
void axl_dma_release(struct axl_device *axl);
void axl_quiesce(struct axl_device *axl);
int axl_bring_up(struct axl_device *axl, int ret);
void axl_fw_state_from_layout(struct axl_device *axl, int ret);
void axl_set_dead(struct axl_device *axl, const char *why);
void axl_stop_for_good(struct axl_device *axl, const char *why);
void axl_hostif_publish(struct axl_device *axl);
void axl_hostif_forget(struct axl_device *axl);

#endif
