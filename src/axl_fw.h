/* SPDX-License-Identifier: GPL-2.0 */
/* Firmware: check, upload, start: axl_fw.c */
#ifndef AXL_FW_H
#define AXL_FW_H

#include <linux/mutex.h>
#include <linux/types.h>
#include <uapi/axl.h>

struct axl_device;
struct axl_fw_load;

/* The load under way. */
struct axl_fw {
	/* one load at a time */
	struct mutex lock;
	/* progress, for QUERY: words, written by the load and by recovery */
	enum axl_fw_phase phase;
	/* bytes uploaded, and to upload; likewise */
	u64 done;
	u64 total;
};

int axl_fw_load(struct axl_device *axl, struct axl_fw_load *req);

#endif
