/* SPDX-License-Identifier: GPL-2.0 */
/* Mappings of BAR2: axl_mmap.c */
#ifndef AXL_MMAP_H
#define AXL_MMAP_H

struct axl_device;
struct file;
struct vm_area_struct;

bool axl_cdev_opened(struct axl_device *axl);
void axl_cdev_zap(struct axl_device *axl);
int axl_mmap(struct file *filp, struct vm_area_struct *vma);

#endif
