/* SPDX-License-Identifier: GPL-2.0 */
/* Stands in for the C library's header in kernel builds. */
#include <linux/types.h>
