/* SPDX-License-Identifier: GPL-2.0 */
/* Mappings of BAR2: axl_mmap.c */
#ifndef AXL_MMAP_H
#define AXL_MMAP_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

struct axl_device;
struct file;
struct vm_area_struct;

/* The open files of a card. */
struct axl_files {
	/* protects @list */
	struct mutex lock;
	/* of struct axl_file, whose BAR2 mappings can be revoked */
	struct list_head list;
};

bool axl_cdev_opened(struct axl_device *axl);
void axl_cdev_zap(struct axl_device *axl);
int axl_mmap(struct file *filp, struct vm_area_struct *vma);

#endif
