/* SPDX-License-Identifier: GPL-2.0 */
/* Stands in for the kernel's header in host builds. */
#ifndef AXL_HOST_KERNEL_H
#define AXL_HOST_KERNEL_H

#include_next <linux/kernel.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#endif
