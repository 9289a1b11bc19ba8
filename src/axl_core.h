/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the interfaces see of the rest of the driver: axl_cdev.c, axl_ioctl.c,
 * axl_mmap.c and metis.ko. Documented where the functions are defined.
 */
#ifndef AXL_CORE_H
#define AXL_CORE_H

#include <linux/types.h>

struct axl_device;

/* axl_device.c */
int axl_generation_get(struct axl_device *axl);
int axl_generation_tryget(struct axl_device *axl);
void axl_generation_put(struct axl_device *axl);
int axl_generation_wait(struct axl_device *axl);
u64 axl_generation(const struct axl_device *axl);

#endif
