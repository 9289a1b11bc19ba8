/* SPDX-License-Identifier: GPL-2.0 */
/* Firmware image check, upload and start: axl_fw.c */
#ifndef AXL_FW_H
#define AXL_FW_H

#include <linux/mutex.h>
#include <linux/types.h>
#include <uapi/axl.h>

/* State of the current firmware load. */
struct axl_fw {
	/* held for a load or AXL_IOC_RESET; trylock only */
	struct mutex lock;
	/* progress for AXL_IOC_QUERY; word, written by load and recovery */
	enum axl_fw_phase phase;
	/* bytes uploaded, and in total; words, written by the load */
	u64 done;
	u64 total;
};

#endif
