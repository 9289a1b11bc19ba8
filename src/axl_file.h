/* SPDX-License-Identifier: GPL-2.0 */
/* What an open file owns: axl_cdev.c, axl_ioctl.c, axl_mmap.c */
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
 * @axl: referenced
 * @filp: the file
 * @node: in axl->files.list
 * @client: its jobs
 * @bufs: its buffers by handle
 * @lock: protects @bindings and allocation of handles
 * @nr_bufs: entries of @bufs
 * @bindings: eventfds, in a fixed array because there are few
 * @native: the driver's own interface was used first
 * @ext: use of the other interface
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
