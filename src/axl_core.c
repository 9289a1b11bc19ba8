// SPDX-License-Identifier: GPL-2.0
/*
 * What the interfaces ask of the driver as a whole: the facts of a card, a
 * reset.
 */
#include <linux/bitfield.h>
#include <linux/pci.h>
#include <linux/rcupdate.h>

#include "axl_core.h"
#include "axl_device.h"
#include "axl_fw.h"
#include "axl_hostif.h"
#include "axl_iova.h"
#include "axl_irq.h"
#include "axl_monitor.h"
#include "axl_reset.h"
#include "axl_state.h"

/**
 * axl_core_query() - get the facts and the state of a card
 * @axl: the device
 * @q: out
 *
 * Detects restarts and adopts newly published areas, as axl_fw_detect(). May
 * sleep.
 *
 * Return: 0 or -ENODEV (unbound).
 */
int axl_core_query(struct axl_device *axl, struct axl_ioc_query *q)
{
	const struct axl_areas *areas;
	struct axl_layout layout;
	enum axl_fw_phase phase;
	unsigned int nr_vmsi;
	struct pci_dev *pdev;
	int idx, ret;
	u16 sta;

	/* skipped during a firmware load, which it would slow down */
	if (!axl_fw_busy(&axl->fw))
		axl_fw_detect(axl);
	/* not axl_enter(): valid while offline and dead, too */
	idx = srcu_read_lock(&axl->srcu);
	if (READ_ONCE(axl->gone)) {
		ret = -ENODEV;
		goto out;
	}
	pdev = axl->pdev;
	/* the card may be offline: @srcu does not keep the areas */
	rcu_read_lock();
	areas = axl_areas_of(axl);
	layout = areas->layout;
	nr_vmsi = areas->nr_vmsi;
	rcu_read_unlock();
	/* before fw.done and fw.total: pairs with axl_fw_upload() */
	phase = smp_load_acquire(&axl->fw.phase);
	*q = (struct axl_ioc_query) {
		.abi = AXL_ABI_VERSION,
		.vectors = axl->msi.nr,
		.generation = axl_generation(axl),
		.bar0_size = pci_resource_len(pdev, 0),
		.bar2_size = axl->bar2_size,
		.l2_base = layout.l2_base,
		.l2_size = axl->bar2_size,
		.ddr_base = layout.ddr_base,
		.ddr_size = layout.ddr_base ? AXL_DDR_MAX : 0,
		.max_length = AXL_MAX_LENGTH,
		.max_image = AXL_MAX_IMAGE,
		.fw_done = READ_ONCE(axl->fw.done),
		.fw_total = READ_ONCE(axl->fw.total),
		.lost_interrupts = atomic64_read(&axl->msi.lost),
		.pci_domain = pci_domain_nr(pdev->bus),
		.pci_bus = pdev->bus->number,
		.pci_devfn = pdev->devfn,
		.vendor = pdev->vendor,
		.device = pdev->device,
		.revision = pdev->revision,
		.read_channels = axl_nr_channels(axl, true),
		.write_channels = axl_nr_channels(axl, false),
		.irq_mode = !axl->msi.nr ? AXL_IRQ_NONE :
			    axl->msi.msix ? AXL_IRQ_MSIX : AXL_IRQ_MSI,
		.iommu_mode = axl_iommu_mode(axl),
		.fw_state = axl_fw_state(axl),
		.fw_phase = phase,
		.layout_major = layout.major,
		.layout_minor = layout.minor,
		.page_size = axl_iommu_granule(axl),
		.max_xfers = AXL_MAX_XFERS,
		.max_jobs = AXL_MAX_JOBS,
		.nr_vmsi = axl->hostif.published ? nr_vmsi : 0,
		.rescued_interrupts = atomic64_read(&axl->irq.rescued),
		.restarts = READ_ONCE(axl->restarts),
		.guard = axl->guard.mode,
		.delivery = READ_ONCE(axl->selftest.delivery),
		.max_bufs = AXL_MAX_BUFS,
	};
	if (axl->hostif.published)
		q->features |= AXL_FEAT_VMSI;
	if (axl_irq_exact(axl))
		q->features |= AXL_FEAT_EVENTS_EXACT;
	if (layout.dma_desc.valid)
		q->features |= AXL_FEAT_DMA_LIST;
	if (layout.dma_vm)
		q->features |= AXL_FEAT_DMA_VM;
	if (layout.ddr_base)
		q->features |= AXL_FEAT_DDR;
	if (axl_is_open(axl) &&
	    !pcie_capability_read_word(pdev, PCI_EXP_LNKSTA, &sta) &&
	    sta != (u16)~0) {
		q->link_speed = FIELD_GET(PCI_EXP_LNKSTA_CLS, sta);
		q->link_width = FIELD_GET(PCI_EXP_LNKSTA_NLW, sta);
	}
	ret = 0;
out:
	srcu_read_unlock(&axl->srcu, idx);
	return ret;
}

/**
 * axl_core_reset() - reset the card for a user, and bring it online
 * @axl: the device
 * @generation: out: the generation afterwards
 *
 * May sleep; takes reset_sem.
 *
 * Return: 0, -EBUSY (a firmware load or another agent's reset is under way), or an
 * error of axl_reset().
 */
int axl_core_reset(struct axl_device *axl, u64 *generation)
{
	int ret;

	if (!axl_fw_try(axl))
		return -EBUSY;
	ret = axl_reset(axl);
	*generation = axl_generation(axl);
	axl_fw_give(axl);
	return ret;
}
