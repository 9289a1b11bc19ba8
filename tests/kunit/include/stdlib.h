/* SPDX-License-Identifier: GPL-2.0 */
/* Stands in for the C library's header in kernel builds. */
#ifndef AXL_KUNIT_STDLIB_H
#define AXL_KUNIT_STDLIB_H

#include <linux/slab.h>

static inline void *malloc(size_t size)
{
	return kmalloc(size, GFP_KERNEL);
}

static inline void free(void *p)
{
	kfree(p);
}

#endif
