// SPDX-License-Identifier: GPL-2.0
/*
 * What the IOMMU is doing for this device.
 */
#include <linux/iommu.h>

#include "axl.h"

/**
 * axl_iommu_mode() - what stands between the device and memory
 * @axl: the device, bound
 */
enum axl_iommu_mode axl_iommu_mode(struct axl_device *axl)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(&axl->pdev->dev);

	if (!domain)
		return AXL_IOMMU_NONE;
	if (!(domain->type & __IOMMU_DOMAIN_PAGING))
		return AXL_IOMMU_IDENTITY;
	if (domain->type == IOMMU_DOMAIN_DMA_FQ)
		return AXL_IOMMU_LAZY;
	return AXL_IOMMU_TRANSLATED;
}

/**
 * axl_iommu_granule() - smallest unit that the IOMMU maps
 * @axl: the device, bound
 *
 * Return: bytes; the CPU's page size when nothing is translated.
 */
u32 axl_iommu_granule(struct axl_device *axl)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(&axl->pdev->dev);

	if (!domain || !(domain->type & __IOMMU_DOMAIN_PAGING) ||
	    !domain->pgsize_bitmap)
		return PAGE_SIZE;
	return 1u << __ffs(domain->pgsize_bitmap);
}
