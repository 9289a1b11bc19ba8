/* SPDX-License-Identifier: GPL-2.0 */
/* Firmware image check, upload and start: axl_fw.c */
#ifndef AXL_FW_H
#define AXL_FW_H

#include <linux/types.h>
#include <uapi/axl.h>

/* State of the current firmware load. */
struct axl_fw {
	/* 1 for a load or AXL_IOC_RESET; no mutex: its owner can be frozen */
	int busy;
	/* progress for AXL_IOC_QUERY; word, written by load and recovery */
	enum axl_fw_phase phase;
	/* bytes uploaded, and in total; words, written by the load */
	u64 done;
	u64 total;
};

static inline bool axl_fw_busy(const struct axl_fw *fw)
{
	return READ_ONCE(fw->busy);
}

bool axl_fw_try(struct axl_device *axl);
void axl_fw_give(struct axl_device *axl);

#endif
