/* SPDX-License-Identifier: GPL-2.0 */
/* Stands in for the kernel's header in host builds. */
#ifndef AXL_HOST_BITS_H
#define AXL_HOST_BITS_H

#include <linux/types.h>

#define BIT(nr)		(1ul << (nr))
#define GENMASK(h, l)	((~0ul << (l)) & (~0ul >> (8 * sizeof(long) - 1 - (h))))

#endif
