/* SPDX-License-Identifier: GPL-2.0 */
/* The native ioctls: axl_ioctl.c */
#ifndef AXL_IOCTL_H
#define AXL_IOCTL_H

struct file;

long axl_ioctl(struct file *filp, unsigned int cmd, unsigned long user);

#endif
