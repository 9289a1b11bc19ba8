/* SPDX-License-Identifier: GPL-2.0 */
/* State of an open file: axl_cdev.c, axl_ioctl.c, axl_mmap.c */
#ifndef AXL_FILE_H
#define AXL_FILE_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "axl_ext.h"
#include "axl_job.h"

struct axl_device;

#define AXL_MAX_BINDINGS	64u

/**
 * struct axl_file - an open file
 * @axl: the device, referenced
 * @filp: the file
 * @node: entry in axl->files.list
 * @client: its jobs
 * @bufs: registered buffers by handle; @lock
 * @lock: protects @bufs, @nr_bufs and @bindings
 * @nr_bufs: number of entries in @bufs; @lock
 * @bindings: eventfds, NULL if unused; an array, as there are few; @lock
 * @native: a native ioctl was called; word, no lock
 * @ext: use of the second interface
 */
struct axl_file {
	struct axl_device *axl;
	struct file *filp;
	struct list_head node;
	struct axl_client client;
	struct xarray bufs;
	struct mutex lock;	/* see above */
	u32 nr_bufs;
	struct axl_binding *bindings[AXL_MAX_BINDINGS];
	bool native;
	struct axl_ext_file ext;
};

#endif
