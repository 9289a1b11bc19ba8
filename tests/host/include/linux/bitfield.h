/* SPDX-License-Identifier: GPL-2.0 */
/* Stands in for the kernel's header in host builds. */
#ifndef AXL_HOST_BITFIELD_H
#define AXL_HOST_BITFIELD_H

#define FIELD_GET(mask, reg)	(((reg) & (mask)) >> __builtin_ctzl(mask))

#endif
