/* SPDX-License-Identifier: GPL-2.0 */
/* The IOMMU, and the guard page at bus address 0: axl_iova.c */
#ifndef AXL_IOVA_H
#define AXL_IOVA_H

#include <linux/list.h>
#include <linux/types.h>
#include <uapi/axl.h>

struct axl_device;

/* The guard page at bus address 0. */
struct axl_guard_page {
	/* written at probe or removal of any card; read as a word */
	enum axl_guard mode;
	/* domain that translates the device's addresses, or NULL */
	struct iommu_domain *domain;
	/* bytes; valid if mapped */
	size_t size;
	/* in axl_guards, under axl_guards_lock */
	struct list_head node;
	/* warning logged that nothing protects bus address 0 */
	bool logged;
};

enum axl_iommu_mode axl_iommu_mode(struct axl_device *axl);
u32 axl_iommu_granule(struct axl_device *axl);
bool axl_iommu_maps(struct axl_device *axl, u64 addr);
void axl_guard_install(struct axl_device *axl);
void axl_guard_remove(struct axl_device *axl);
void axl_guard_restart(struct axl_device *axl);

#endif
