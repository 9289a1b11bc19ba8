/* SPDX-License-Identifier: GPL-2.0 */
/* Stands in for the kernel's header in host builds. */
#ifndef AXL_HOST_LIMITS_H
#define AXL_HOST_LIMITS_H

#include_next <linux/limits.h>
#include <stdint.h>

#define U32_MAX		UINT32_MAX
#define U64_MAX		UINT64_MAX

#endif
