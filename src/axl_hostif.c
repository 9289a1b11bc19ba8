// SPDX-License-Identifier: GPL-2.0
/*
 * The shared area in BAR2: taking snapshots for axl_layout.c to judge, the
 * host-driver area, mailbox and contexts. (hardware-notes: Shared area)
 */
#include <linux/io.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/slab.h>

#include "axl.h"

/**
 * axl_hostif_alloc() - allocate the virtual-MSI table
 * @axl: the device, with its DMA mask set
 *
 * Without it firmware cannot tell events apart where vectors are few; that is
 * worth a warning, not a failure.
 */
void axl_hostif_alloc(struct axl_device *axl)
{
	struct device *dev = &axl->pdev->dev;

	axl->vmsi = dma_alloc_coherent(dev, AXL_VMSI_BUF_SIZE, &axl->vmsi_dma,
				       GFP_KERNEL | __GFP_NOWARN);
	if (axl->vmsi && !IS_ALIGNED(axl->vmsi_dma, AXL_VMSI_BUF_SIZE)) {
		dma_free_coherent(dev, AXL_VMSI_BUF_SIZE, axl->vmsi,
				  axl->vmsi_dma);
		axl->vmsi = NULL;
	}
	if (!axl->vmsi)
		dev_warn(dev,
			 "no aligned 2 MiB for virtual MSI: going on without; reload the driver when memory is less fragmented\n");
}

void axl_hostif_free(struct axl_device *axl)
{
	if (axl->vmsi)
		dma_free_coherent(&axl->pdev->dev, AXL_VMSI_BUF_SIZE,
				  axl->vmsi, axl->vmsi_dma);
	axl->vmsi = NULL;
}

static void axl_hostif_read_vmsi(struct axl_device *axl)
{
	size_t len = axl_layout_vmsi_len(&axl->layout.vmsi);
	void *snap = kmalloc(len, GFP_KERNEL);

	axl->nr_vmsi = AXL_NR_MESSAGES;
	if (!snap) {
		axl->layout.vmsi.valid = false;
		return;
	}
	memcpy_fromio(snap, axl->l2 + axl->layout.vmsi.offset, len);
	if (axl_layout_parse_vmsi(snap, len, &axl->vmsi_cfg)) {
		axl->layout.vmsi.valid = false;
		axl->layout.complaint = "virtual-MSI configuration unusable";
	} else {
		/* slots below 32 exist whatever firmware says */
		axl->nr_vmsi = max_t(unsigned int, axl->vmsi_cfg.nr_vmsi,
				     AXL_NR_MESSAGES);
	}
	kfree(snap);
}

static int axl_hostif_read(struct axl_device *axl, struct axl_layout *layout)
{
	void *area = kmalloc(AXL_AREA_SIZE, GFP_KERNEL);
	int ret;

	if (!area)
		return -ENOMEM;
	memcpy_fromio(area, axl->l2, AXL_AREA_SIZE);
	ret = axl_layout_parse(area, AXL_AREA_SIZE, axl->bar2_size, layout);
	kfree(area);
	/* a link that died on the way left all ones behind the good part */
	if (!ret && axl_edma_probe(axl))
		ret = -EIO;
	return ret;
}

/**
 * axl_hostif_news() - has firmware published something that we do not know
 * @axl: the device, online
 *
 * Looks only; axl_hostif_refresh() is for adopting it.
 */
bool axl_hostif_news(struct axl_device *axl)
{
	struct axl_layout layout;
	int ret = axl_hostif_read(axl, &layout);

	if (ret)
		return false;
	return axl->fw_state == AXL_FW_NONE || axl_layout_has_areas(&layout);
}

/**
 * axl_hostif_refresh() - read what firmware publishes
 * @axl: the device: no channel runs, and nobody else reads or writes the layout
 *
 * Sets the layout and everything that follows from it; whatever the card says,
 * the result can be used.
 *
 * Return: 0, -ENODATA (nothing published), -EIO (reads all ones) or -ENOMEM.
 */
int axl_hostif_refresh(struct axl_device *axl)
{
	u8 desc[AXL_DMA_DESC_BYTES];
	u32 offset, size;
	int ret;

	ret = axl_hostif_read(axl, &axl->layout);
	if (ret == -ENOMEM) {
		axl->areas_known = false;
		return ret;
	}
	axl->nr_vmsi = AXL_NR_MESSAGES;
	if (axl->layout.vmsi.valid)
		axl_hostif_read_vmsi(axl);

	axl->list_offset = AXL_LIST_FALLBACK_OFFSET;
	axl->list_size = AXL_LIST_FALLBACK_SIZE;
	if (axl->layout.dma_desc.valid) {
		memcpy_fromio(desc, axl->l2 + axl->layout.dma_desc.offset,
			      sizeof(desc));
		if (!axl_layout_parse_dma_desc(desc, sizeof(desc),
					       &axl->layout, axl->bar2_size,
					       &offset, &size)) {
			axl->list_offset = offset;
			axl->list_size = size;
		} else {
			axl->layout.dma_desc.valid = false;
			axl->layout.complaint = "DMA descriptor area unusable";
		}
	}
	axl->list_elems = axl_layout_list_elems(axl->list_size);
	axl->areas_known = !ret && axl_layout_has_areas(&axl->layout);
	/* once: the areas are looked at again and again while firmware starts */
	if (axl->layout.complaint && axl->layout.complaint != axl->complained)
		dev_warn_ratelimited(&axl->pdev->dev,
				     "shared area: %s; going on without it\n",
				     axl->layout.complaint);
	axl->complained = axl->layout.complaint;
	return ret;
}

/**
 * axl_hostif_publish() - tell firmware where the virtual-MSI table is
 * @axl: the device, its layout fresh
 *
 * The one place that does so. At a firmware start bus mastering is still off:
 * until the target is set, firmware's slot writes go to bus address 0.
 */
void axl_hostif_publish(struct axl_device *axl)
{
	void __iomem *area = axl->l2 + axl->layout.hostif.offset;

	WRITE_ONCE(axl->published, false);
	if (!axl->layout.hostif.valid || !axl->vmsi)
		return;
	writel(0, area + AXL_HOSTIF_CTRL);
	memset(axl->vmsi, 0, AXL_NR_EVENTS * sizeof(*axl->vmsi));
	writel(lower_32_bits(axl->vmsi_dma), area + AXL_HOSTIF_TARGET);
	writel(upper_32_bits(axl->vmsi_dma), area + AXL_HOSTIF_TARGET + 4);
	writel(0, area + AXL_HOSTIF_BASE);
	writel(AXL_VMSI_BUF_SIZE, area + AXL_HOSTIF_SIZE);
	/* writel() orders the table's zeros and the fields before this */
	writel(AXL_HOSTIF_CTRL_VALID, area + AXL_HOSTIF_CTRL);
	readl(area + AXL_HOSTIF_CTRL);
	WRITE_ONCE(axl->published, true);
}

/**
 * axl_hostif_withdraw() - take the table away from firmware
 * @axl: the device, its link up
 */
void axl_hostif_withdraw(struct axl_device *axl)
{
	void __iomem *area = axl->l2 + axl->layout.hostif.offset;

	if (!axl->published)
		return;
	WRITE_ONCE(axl->published, false);
	writel(0, area + AXL_HOSTIF_CTRL);
	readl(area + AXL_HOSTIF_CTRL);
}

/**
 * axl_mailbox_send() - start a conversation with firmware
 * @axl: the device; reset_sem is held exclusive
 * @opcode: the firmware's
 * @msg: message
 * @size: its bytes, at most AXL_MAILBOX_MSG_MAX
 */
void axl_mailbox_send(struct axl_device *axl, u32 opcode, const void *msg,
		      u32 size)
{
	lockdep_assert_held_write(&axl->reset_sem);
	writel(size, axl->l2 + AXL_AREA_MBOX_SIZE);
	memcpy_toio(axl->l2 + AXL_AREA_MBOX_MSG, msg, size);
	/* firmware looks at the rest when it sees the opcode */
	writel(opcode, axl->l2 + AXL_AREA_MBOX_OPCODE);
}

u32 axl_mailbox_opcode(struct axl_device *axl)
{
	return readl(axl->l2 + AXL_AREA_MBOX_OPCODE);
}

void axl_fw_load_addr(struct axl_device *axl, u64 entry)
{
	writeq(entry, axl->l2 + AXL_AREA_FW_LOAD_ADDR);
}

/**
 * axl_context_sts() - status of a context's job
 * @axl: the device; its layout has contexts
 * @n: below AXL_CONTEXT_COUNT
 *
 * Return: > 0 running, 0 done, < 0 failed.
 */
s64 axl_context_sts(struct axl_device *axl, unsigned int n)
{
	return readq(axl->l2 + axl->layout.contexts.offset +
		     n * AXL_CONTEXT_BYTES + AXL_CONTEXT_STS);
}
