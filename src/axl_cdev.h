/* SPDX-License-Identifier: GPL-2.0 */
/* Device nodes and open files: axl_cdev.c */
#ifndef AXL_CDEV_H
#define AXL_CDEV_H

#include <linux/types.h>

struct axl_device;
struct class;
struct device;

int axl_cdev_init(void);
void axl_cdev_exit(void);
void axl_cdev_setup(struct axl_device *axl, struct device *parent);
int axl_cdev_add(struct axl_device *axl);
void axl_cdev_del(struct axl_device *axl);
struct class *axl_cdev_class(void);

#endif
