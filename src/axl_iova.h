/* SPDX-License-Identifier: GPL-2.0 */
/* The IOMMU, and the guard page at bus address 0: axl_iova.c */
#ifndef AXL_IOVA_H
#define AXL_IOVA_H

#include <linux/types.h>
#include <uapi/axl.h>

struct axl_device;

enum axl_iommu_mode axl_iommu_mode(struct axl_device *axl);
u32 axl_iommu_granule(struct axl_device *axl);
bool axl_iommu_maps(struct axl_device *axl, u64 addr);
void axl_guard_install(struct axl_device *axl);
void axl_guard_remove(struct axl_device *axl);
void axl_guard_restart(struct axl_device *axl);

#endif
