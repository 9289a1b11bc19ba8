/* SPDX-License-Identifier: GPL-2.0 */
/* The IOMMU, and the guard page at bus address 0: axl_iova.c */
#ifndef AXL_IOVA_H
#define AXL_IOVA_H

#include <linux/list.h>
#include <linux/types.h>
#include <uapi/axl.h>

struct axl_device;

/* The page at bus address 0. */
struct axl_guard_page {
	/* written at probe and removal; read as a word */
	enum axl_guard mode;
	/* where the device's addresses are translated, NULL: nowhere */
	struct iommu_domain *domain;
	/* bytes */
	size_t size;
	/* in the list of cards whose addresses are translated, under its lock */
	struct list_head node;
	/* the log has a line that nothing protects bus address 0 */
	bool logged;
};

enum axl_iommu_mode axl_iommu_mode(struct axl_device *axl);
u32 axl_iommu_granule(struct axl_device *axl);
bool axl_iommu_maps(struct axl_device *axl, u64 addr);
void axl_guard_install(struct axl_device *axl);
void axl_guard_remove(struct axl_device *axl);
void axl_guard_restart(struct axl_device *axl);

#endif
