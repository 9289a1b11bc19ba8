/* SPDX-License-Identifier: GPL-2.0 */
/* Stands in for the kernel's header in host builds. */
#ifndef AXL_HOST_SIZES_H
#define AXL_HOST_SIZES_H

#define SZ_1G		0x40000000
#define SZ_2G		0x80000000
#define SZ_16G		0x400000000ull

#endif
