/* SPDX-License-Identifier: GPL-2.0 */
/* Stands in for the kernel's header in host builds. */
#ifndef AXL_HOST_STRING_H
#define AXL_HOST_STRING_H

#include <string.h>

#endif
