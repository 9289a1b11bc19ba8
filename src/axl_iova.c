// SPDX-License-Identifier: GPL-2.0
/*
 * IOMMU mode of the device, and the guard page at bus address 0.
 * (hardware-notes: Interrupts)
 */
#include <linux/dma-map-ops.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/mutex.h>

#include "axl_device.h"
#include "axl_iova.h"

static bool iova0_guard = true;
module_param(iova0_guard, bool, 0444);
MODULE_PARM_DESC(iova0_guard,
		 "Behind an IOMMU, catch at bus address 0 what restarting firmware signals before it knows the interrupt table (Y)");

/* The IOMMU domain that translates the device's addresses, or NULL. */
static struct iommu_domain *axl_iommu_domain(struct axl_device *axl)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(&axl->pdev->dev);

	return domain && domain->type & __IOMMU_DOMAIN_PAGING ? domain : NULL;
}

/**
 * axl_iommu_mode() - get the IOMMU mode of the device
 * @axl: the device, bound
 */
enum axl_iommu_mode axl_iommu_mode(struct axl_device *axl)
{
	struct iommu_domain *domain = axl_iommu_domain(axl);

	if (!domain)
		return iommu_get_domain_for_dev(&axl->pdev->dev) ?
		       AXL_IOMMU_IDENTITY : AXL_IOMMU_NONE;
	if (domain->type == IOMMU_DOMAIN_DMA_FQ)
		return AXL_IOMMU_LAZY;
	return AXL_IOMMU_TRANSLATED;
}

/**
 * axl_iommu_granule() - get the smallest unit that the IOMMU maps
 * @axl: the device, bound
 *
 * Return: bytes; the CPU's page size without translation.
 */
u32 axl_iommu_granule(struct axl_device *axl)
{
	struct iommu_domain *domain = axl_iommu_domain(axl);

	if (!domain || !domain->pgsize_bitmap)
		return PAGE_SIZE;
	return 1u << __ffs(domain->pgsize_bitmap);
}

/**
 * axl_iommu_maps() - check whether the device can access a bus address
 * @axl: the device, bound
 * @addr: bus address
 *
 * Return: false only if the IOMMU certainly refuses the access.
 */
bool axl_iommu_maps(struct axl_device *axl, u64 addr)
{
	struct iommu_domain *domain = axl_iommu_domain(axl);

	return !domain || iommu_iova_to_phys(domain, addr);
}

/* True if addresses below @size are reserved: direct mappings, MSI windows. */
static bool axl_guard_reserved(struct axl_device *axl, size_t size)
{
	struct device *dev = &axl->pdev->dev;
	struct iommu_group *group = iommu_group_get(dev);
	struct iommu_resv_region *region;
	bool reserved = false;
	LIST_HEAD(regions);

	if (!group)
		return false;
	if (iommu_get_group_resv_regions(group, &regions))
		reserved = true;
	list_for_each_entry(region, &regions, list)
		reserved |= region->start < size;
	iommu_put_resv_regions(dev, &regions);
	iommu_group_put(group);
	return reserved;
}

/* Map the first granule of the table at 0. Returns NULL, or why it failed. */
static const char *axl_guard_map(struct axl_device *axl)
{
	struct iommu_domain *domain = axl->guard.domain;
	size_t size = axl_iommu_granule(axl);
	int prot = IOMMU_WRITE | IOMMU_NOEXEC;
	phys_addr_t phys;

	/* the page must contain nothing but the table */
	if (size > AXL_VMSI_SPARE)
		return "the IOMMU's pages are too large";
	if (domain->geometry.aperture_start)
		return "the IOMMU translates no address so low";
	if (axl_guard_reserved(axl, size))
		return "the address is reserved";
	if (iommu_iova_to_phys(domain, 0) ||
	    iommu_iova_to_phys(domain, size - 1))
		return "the address is in use";
	phys = iommu_iova_to_phys(domain, axl->irq.vmsi_dma);
	if (!phys || phys & (size - 1) ||
	    iommu_iova_to_phys(domain, axl->irq.vmsi_dma + size - 1) !=
	    phys + size - 1)
		return "the table is not one page for the IOMMU";
	/* same attributes as the DMA API's mapping of the table */
	if (dev_is_dma_coherent(&axl->pdev->dev))
		prot |= IOMMU_CACHE;
	if (axl_iommu_map(domain, 0, phys, size, prot))
		return "the IOMMU refuses";
	axl->guard.size = size;
	return NULL;
}

static void axl_guard_unmap(struct axl_device *axl)
{
	if (axl->guard.mode != AXL_GUARD_ACTIVE)
		return;
	if (iommu_unmap(axl->guard.domain, 0, axl->guard.size) !=
	    axl->guard.size)
		dev_err(&axl->pdev->dev,
			"the guard page at bus address 0 stays mapped\n");
}

static void axl_guard_refuse(struct axl_device *axl, const char *why)
{
	axl_guard_unmap(axl);
	WRITE_ONCE(axl->guard.mode, AXL_GUARD_REFUSED);
	dev_warn(&axl->pdev->dev,
		 "no guard page at bus address 0 (%s): interrupts of restarting firmware may be lost\n",
		 why);
}

/*
 * Cards behind a translating IOMMU. Of two cards in one domain neither gets the
 * guard page, since address 0 can lead to one card's table only. Before 6.14 or
 * so a shared domain is visible only once the second card is bound.
 */
static DEFINE_MUTEX(axl_guards_lock);
static LIST_HEAD(axl_guards);

static bool axl_guard_shared(struct axl_device *axl)
{
	struct axl_device *other;
	bool shared = false;

	lockdep_assert_held(&axl_guards_lock);
	list_for_each_entry(other, &axl_guards, guard.node) {
		if (other->guard.domain != axl->guard.domain)
			continue;
		shared = true;
		if (other->guard.mode == AXL_GUARD_ACTIVE)
			axl_guard_refuse(other, "another card shares the IOMMU group");
	}
	return shared;
}

/**
 * axl_guard_install() - map the vMSI table at bus address 0, too
 * @axl: the device: its table is allocated, bus mastering is off
 *
 * The window of starting firmware has target 0 until the host sets another one.
 * Until then firmware writes slot n to address 4n: the IOMMU refuses the write
 * and the event is lost, but with this page the write reaches its slot. The
 * driver works without the page, so this does not fail. May sleep.
 */
void axl_guard_install(struct axl_device *axl)
{
	const char *why;

	axl->guard.mode = AXL_GUARD_NONE;
	axl->guard.domain = axl_iommu_domain(axl);
	if (!axl->guard.domain)
		return;
	axl->guard.mode = AXL_GUARD_OFF;
	if (!iova0_guard)
		return;
	mutex_lock(&axl_guards_lock);
	if (axl_guard_shared(axl))
		why = "another card shares the IOMMU group";
	else
		why = axl_guard_map(axl);
	if (why)
		axl_guard_refuse(axl, why);
	else
		axl->guard.mode = AXL_GUARD_ACTIVE;
	list_add(&axl->guard.node, &axl_guards);
	mutex_unlock(&axl_guards_lock);
}

/**
 * axl_guard_remove() - unmap the guard page; may sleep
 * @axl: the device: bus mastering is off, its table still allocated
 */
void axl_guard_remove(struct axl_device *axl)
{
	if (axl->guard.mode == AXL_GUARD_NONE || axl->guard.mode == AXL_GUARD_OFF)
		return;
	mutex_lock(&axl_guards_lock);
	list_del(&axl->guard.node);
	axl_guard_unmap(axl);
	WRITE_ONCE(axl->guard.mode, AXL_GUARD_OFF);
	mutex_unlock(&axl_guards_lock);
}

/**
 * axl_guard_restart() - warn once if nothing protects address 0
 * @axl: the device; it restarts
 */
void axl_guard_restart(struct axl_device *axl)
{
	if (axl->guard.mode != AXL_GUARD_NONE || axl->guard.logged)
		return;
	axl->guard.logged = true;
	dev_warn(&axl->pdev->dev,
		 "bus address 0 is not protected: what the card signals while it restarts can reach physical memory there. Let the IOMMU translate: no iommu.passthrough=1 or iommu=pt; on RK3588 see docs/rk3588.md\n");
}
