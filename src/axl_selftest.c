// SPDX-License-Identifier: GPL-2.0
/*
 * Self-test: check whether interrupt messages of the engine arrive, and find
 * the reason if not. (hardware-notes: Interrupts)
 */
#include <linux/iopoll.h>

#include "axl_device.h"
#include "axl_edma.h"
#include "axl_iova.h"
#include "axl_irq.h"
#include "axl_msi.h"
#include "axl_selftest.h"

/*
 * Missing messages that prove that none arrive, and the time limit in us for a
 * message. The limit doubles with each missing one: a host that stalls (a
 * virtual machine without its processors, a slow console) must not look like
 * one that loses messages.
 */
#define AXL_IRQ_TEST_MISSES	3
#define AXL_IRQ_TEST_US		50000

/* Count messages on the vectors that can announce the self-test's transfer. */
static u64 axl_irq_test_count(struct axl_device *axl)
{
	u64 sum = 0;
	unsigned int v;

	for (v = 0; v < axl->msi.nr; v++)
		if (axl->msi.vectors[v].channels & axl_irq_dir_mask(false))
			sum += atomic64_read(&axl->msi.vectors[v].count);
	return sum;
}

/*
 * Let write channel 0 copy eight bytes of L2 to the spare area of the table's
 * buffer. Returns 1 if a message came, 0 if none, -ENODATA if the transfer did
 * not succeed, -EIO if the channel does not stop.
 */
static int axl_irq_try(struct axl_device *axl, unsigned int limit_us)
{
	struct axl_dma_dir *dir = &axl->dma.dirs[AXL_DIR_FROM_DEVICE];
	const struct axl_elem elem = {
		.size = sizeof(u64),
		.sar = axl_layout_of(axl)->l2_base,
		.dar = axl->irq.vmsi_dma + AXL_VMSI_SPARE,
	};
	u64 before = axl_irq_test_count(axl), after;
	int cs;

	spin_lock_irq(&dir->lock);
	axl_edma_start_single(axl, dir, 0, &elem);
	spin_unlock_irq(&dir->lock);
	if (read_poll_timeout(axl_edma_status, cs,
			      cs != AXL_EDMA_CS_NONE &&
			      cs != AXL_EDMA_CS_RUNNING, 20, limit_us,
			      false, axl, dir, 0)) {
		if (!axl_edma_stop(axl, dir, true))
			return -EIO;
		axl_edma_enable(axl, dir);
		return -ENODATA;
	}
	if (cs < 0)
		return -ENODATA;
	axl_edma_ack(axl, dir, 0);
	if (cs != AXL_EDMA_CS_STOPPED)
		return -ENODATA;
	return !read_poll_timeout(axl_irq_test_count, after, after != before,
				  20, limit_us, false, axl);
}

/* Find the probable reason why messages do not arrive, for the log. */
static const char *axl_irq_why_silent(struct axl_device *axl)
{
	struct pci_dev *pdev = axl->pdev, *bridge;
	u16 data[AXL_NR_CHANNELS], command;
	u64 addr;

	for (bridge = pci_upstream_bridge(pdev); bridge;
	     bridge = pci_upstream_bridge(bridge)) {
		pci_read_config_word(bridge, PCI_COMMAND, &command);
		if (!(command & PCI_COMMAND_MASTER))
			return "bus mastering is off at a bridge above the card";
	}
	if (axl_layout_of(axl)->dma_vm)
		return "firmware sends them itself (dma_vm), to somewhere else";
	if (axl_irq_message(axl, false, &addr, data))
		return "the engine cannot send such a message; try max_vectors=1";
	if (IS_ENABLED(CONFIG_ARM64) && !axl_iommu_maps(axl, addr))
		return "the IOMMU does not map the interrupt controller: see msi-map";
	return "see ITS, msi-map, affinity; in a virtual machine use dma_vm firmware";
}

/* A message on a shared vector may be another event's: require two there. */
static int axl_irq_test(struct axl_device *axl, enum axl_delivery *delivery)
{
	unsigned int wanted = axl_has_dedicated_vectors(axl) ? 1 : 2;
	u64 came = axl_irq_test_count(axl);
	unsigned int got = 0, missed = 0;
	int ret;

	*delivery = AXL_DELIVERY_UNKNOWN;
	while (got < wanted && missed < AXL_IRQ_TEST_MISSES) {
		ret = axl_irq_try(axl, AXL_IRQ_TEST_US << missed);
		if (ret < 0)
			return ret == -EIO ? ret : 0;
		if (ret)
			got++;
		else
			missed++;
	}
	*delivery = got == wanted ? AXL_DELIVERY_MESSAGES :
				    AXL_DELIVERY_POLLED;
	/* more messages than transfers: other events happened, too */
	if (!axl_irq_exact(axl) && axl_irq_test_count(axl) - came > got)
		axl_signal_candidates(axl, false);
	return 0;
}

/**
 * axl_irq_selftest() - check whether the engine's messages arrive
 * @axl: the device: held, bus mastering on, interrupts requested
 *
 * Sets @delivery. May sleep.
 *
 * Return: 0, or -EIO if the engine hangs.
 */
int axl_irq_selftest(struct axl_device *axl)
{
	enum axl_delivery delivery = AXL_DELIVERY_POLLED;
	int ret = 0;

	axl->dma.lost_row = 0;
	axl->dma.poll_ns = AXL_POLL_MIN_NS;
	/* without vectors axl_irq_alloc() has logged the reason */
	if (axl->msi.nr) {
		WRITE_ONCE(axl->selftest.running, true);
		ret = axl_irq_test(axl, &delivery);
		WRITE_ONCE(axl->selftest.running, false);
		if (delivery == AXL_DELIVERY_POLLED && !axl_polled(axl))
			dev_warn(&axl->pdev->dev,
				 "interrupts of the DMA engine do not arrive, transfers are polled: %s\n",
				 axl_irq_why_silent(axl));
	}
	WRITE_ONCE(axl->selftest.delivery, delivery);
	return ret;
}
