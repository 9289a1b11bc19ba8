// SPDX-License-Identifier: GPL-2.0
/*
 * The shared area in BAR2: taking snapshots for axl_layout.c to judge, the
 * host-driver area, mailbox and contexts. (hardware-notes: Shared area)
 */
#include <linux/export.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/io.h>

#include "axl_device.h"
#include "axl_edma.h"
#include "axl_hostif.h"
#include "axl_layout.h"

/**
 * axl_hostif_alloc() - allocate the virtual-MSI table
 * @axl: the device, with its DMA mask set
 *
 * Firmware that has no target for its slots writes to bus address 0, so a card
 * without a table must not become bus master.
 *
 * Return: 0 or -ENOMEM.
 */
int axl_hostif_alloc(struct axl_device *axl)
{
	struct device *dev = &axl->pdev->dev;
	dma_addr_t aligned;

	/*
	 * Behind an IOMMU the address is aligned to the size. Without one the
	 * contiguous allocator may stop short of that: twice the size holds an
	 * aligned half.
	 */
	for (axl->irq.buf_size = AXL_VMSI_BUF_SIZE;
	     axl->irq.buf_size <= 2 * AXL_VMSI_BUF_SIZE; axl->irq.buf_size *= 2) {
		axl->irq.buf = dma_alloc_coherent(dev, axl->irq.buf_size,
						   &axl->irq.buf_dma,
						   GFP_KERNEL | __GFP_NOWARN);
		if (!axl->irq.buf)
			break;
		aligned = ALIGN(axl->irq.buf_dma, AXL_VMSI_BUF_SIZE);
		if (aligned - axl->irq.buf_dma + AXL_VMSI_BUF_SIZE <=
		    axl->irq.buf_size) {
			axl->irq.vmsi = axl->irq.buf +
				    (aligned - axl->irq.buf_dma);
			axl->irq.vmsi_dma = aligned;
			return 0;
		}
		dma_free_coherent(dev, axl->irq.buf_size, axl->irq.buf,
				  axl->irq.buf_dma);
	}
	axl->irq.buf = NULL;
	dev_err(dev,
		"no 2 MiB of contiguous memory for the card's interrupt table: load the driver early, or boot with cma=16M\n");
	return -ENOMEM;
}

void axl_hostif_free(struct axl_device *axl)
{
	dma_free_coherent(&axl->pdev->dev, axl->irq.buf_size, axl->irq.buf,
			  axl->irq.buf_dma);
	axl->irq.vmsi = NULL;
}

static void axl_hostif_read_vmsi(struct axl_device *axl,
				 struct axl_layout *layout)
{
	size_t len = axl_layout_vmsi_len(&layout->vmsi);
	/* the shared area in it has been parsed */
	u8 *snap = axl->hostif.area;

	static_assert(sizeof(axl->hostif.area) >= AXL_VMSI_MAP + AXL_VMSI_MAX);
	memcpy_fromio(snap, axl->l2 + layout->vmsi.offset, len);
	if (axl_layout_parse_vmsi(snap, len, &axl->hostif.vmsi_cfg)) {
		layout->vmsi.valid = false;
		layout->complaint = "virtual-MSI configuration unusable";
	} else {
		/* slots below 32 exist whatever firmware says */
		axl->irq.nr_vmsi = max_t(unsigned int, axl->hostif.vmsi_cfg.nr_vmsi,
				     AXL_NR_MESSAGES);
	}
}

static int axl_hostif_read(struct axl_device *axl, struct axl_layout *layout)
{
	u8 *area = axl->hostif.area;
	int ret;

	memcpy_fromio(area, axl->l2, AXL_AREA_SIZE);
	ret = axl_layout_parse(area, AXL_AREA_SIZE, axl->bar2_size, layout);
	/* a link that died on the way left all ones behind the good part */
	if (!ret && !axl_edma_alive(axl)) {
		memset(area, 0, AXL_AREA_SIZE);
		axl_layout_parse(area, AXL_AREA_SIZE, axl->bar2_size, layout);
		ret = -EIO;
	}
	return ret;
}

/* Is there more than we know? Areas, or the one that tells the table. */
static bool axl_hostif_newer(const struct axl_device *axl,
			     const struct axl_layout *layout)
{
	return axl->fw_state == AXL_FW_NONE ||
	       (layout->hostif.valid && !axl->hostif.layout.hostif.valid) ||
	       (axl_layout_has_areas(layout) && !axl->hostif.areas_known);
}

/**
 * axl_hostif_has_new_areas() - has firmware published something that we do not know
 * @axl: the device, online
 *
 * Looks only; axl_hostif_refresh() is for adopting it.
 */
bool axl_hostif_has_new_areas(struct axl_device *axl)
{
	struct axl_layout layout;

	return !axl_hostif_read(axl, &layout) && axl_hostif_newer(axl, &layout);
}

/* The host-driver area is not where it was. Firmware may be writing just now. */
static bool axl_hostif_moved(struct axl_device *axl)
{
	void __iomem *ref = axl->l2 + AXL_AREA_REF_HOSTIF;
	u32 at = readl(ref + AXL_REF_OFFSET);

	return at != axl->hostif.layout.hostif.offset &&
	       readl(ref + AXL_REF_OFFSET) == at;
}

/* Does the host-driver area not hold our target any more? Three reads. */
static bool axl_hostif_gone(struct axl_device *axl)
{
	void __iomem *area = axl->l2 + axl->hostif.layout.hostif.offset;

	return readl(area + AXL_HOSTIF_TARGET) !=
	       lower_32_bits(axl->irq.vmsi_dma) ||
	       readl(area + AXL_HOSTIF_TARGET + 4) !=
	       upper_32_bits(axl->irq.vmsi_dma) ||
	       axl_hostif_moved(axl);
}

/**
 * axl_hostif_changed() - is what firmware publishes not what it was
 * @axl: the device, online
 *
 * Compared as it was read: what turned out to be unusable is no news.
 */
bool axl_hostif_changed(struct axl_device *axl)
{
	struct axl_layout layout;
	int ret;

	if (axl->hostif.published && axl_hostif_gone(axl))
		return true;
	ret = axl_hostif_read(axl, &layout);
	/* nothing, as without firmware, can be compared as well */
	return ret == -EIO || memcmp(&layout, &axl->hostif.parsed, sizeof(layout)) ||
	       (!ret && axl_hostif_newer(axl, &layout));
}

/**
 * axl_hostif_drop_areas() - what L2 says of areas is not to be relied on
 * @axl: the device, its layout fresh
 *
 * Memory may survive what its firmware did not. But in case firmware does live,
 * it must have a target, and lists go where it does not mind: the host-driver
 * area and the list buffer stay in use.
 */
void axl_hostif_drop_areas(struct axl_device *axl)
{
	struct axl_layout *layout = &axl->hostif.layout;

	layout->streams.valid = false;
	layout->board_info.valid = false;
	layout->contexts.valid = false;
	layout->dma_desc.valid = false;
	layout->vmsi.valid = false;
	axl->irq.nr_vmsi = AXL_NR_MESSAGES;
	axl->hostif.areas_known = false;
}

/**
 * axl_hostif_refresh() - read what firmware publishes
 * @axl: the device: no channel runs, and nobody else reads or writes the layout
 *
 * Sets the layout and everything that follows from it; whatever the card says,
 * the result can be used.
 *
 * Return: 0, -ENODATA (nothing published) or -EIO (reads all ones).
 */
int axl_hostif_refresh(struct axl_device *axl)
{
	u8 desc[AXL_DMA_DESC_BYTES];
	struct axl_layout layout;
	u32 offset, size;
	bool known;
	int ret;

	axl->hostif.areas_known = false;
	ret = axl_hostif_read(axl, &layout);
	axl->hostif.parsed = layout;
	/* references, not what they lead to: that can be nonsense for ever */
	known = !ret && axl_layout_has_areas(&layout);
	axl->irq.nr_vmsi = AXL_NR_MESSAGES;
	if (layout.vmsi.valid)
		axl_hostif_read_vmsi(axl, &layout);

	if (layout.dma_desc.valid) {
		memcpy_fromio(desc, axl->l2 + layout.dma_desc.offset,
			      sizeof(desc));
		if (axl_layout_parse_dma_desc(desc, sizeof(desc), &layout,
					      axl->bar2_size, &offset, &size)) {
			layout.dma_desc.valid = false;
			layout.complaint = "DMA descriptor area unusable";
		}
	}
	if (!layout.dma_desc.valid) {
		offset = AXL_LIST_FALLBACK_OFFSET;
		size = AXL_LIST_FALLBACK_SIZE;
	}
	/* another card may be about to write next to it */
	WRITE_ONCE(axl->hostif.list_offset, offset);
	WRITE_ONCE(axl->hostif.list_size, size);
	axl->hostif.list_elems = axl_layout_list_elems(axl->hostif.list_size);
	/* in one go: AXL_IOC_QUERY may look at any time */
	axl->hostif.layout = layout;
	axl->hostif.areas_known = known;
	/* once: the areas are looked at again and again while firmware starts */
	if (axl->hostif.layout.complaint && axl->hostif.layout.complaint != axl->hostif.complaint)
		dev_warn_ratelimited(&axl->pdev->dev,
				     "shared area: %s; going on without it\n",
				     axl->hostif.layout.complaint);
	axl->hostif.complaint = axl->hostif.layout.complaint;
	return ret;
}

/* Target, base and size, and ctrl last */
void axl_hostif_write_target(struct axl_device *axl)
{
	void __iomem *area = axl->l2 + axl->hostif.layout.hostif.offset;

	writel(lower_32_bits(axl->irq.vmsi_dma), area + AXL_HOSTIF_TARGET);
	writel(upper_32_bits(axl->irq.vmsi_dma), area + AXL_HOSTIF_TARGET + 4);
	writel(0, area + AXL_HOSTIF_BASE);
	writel(AXL_VMSI_BUF_SIZE, area + AXL_HOSTIF_SIZE);
	/* writel() orders the table's zeros and the fields before this */
	writel(AXL_HOSTIF_CTRL_VALID, area + AXL_HOSTIF_CTRL);
	readl(area + AXL_HOSTIF_CTRL);
}

/**
 * axl_hostif_rewrite_target() - tell firmware the same once more
 * @axl: the device, online; reset_sem is held exclusive
 *
 * For firmware that may have restarted and left the area as it was. If it has
 * not, nothing changes for it: the table is not withdrawn for a moment.
 */
void axl_hostif_rewrite_target(struct axl_device *axl)
{
	lockdep_assert_held_write(&axl->reset_sem);
	if (axl->hostif.published)
		axl_hostif_write_target(axl);
}

/**
 * axl_hostif_stale() - is this what firmware published before it restarted
 * @axl: the device, its layout fresh, nothing published since the restart
 *
 * L2 may keep its content through a link bounce. Then our own entry is still
 * there, which firmware that has come up would have cleared.
 */
bool axl_hostif_stale(struct axl_device *axl)
{
	void __iomem *area = axl->l2 + axl->hostif.layout.hostif.offset;

	return axl->hostif.layout.hostif.valid &&
	       readl(area + AXL_HOSTIF_CTRL) == AXL_HOSTIF_CTRL_VALID &&
	       readl(area + AXL_HOSTIF_TARGET) == lower_32_bits(axl->irq.vmsi_dma) &&
	       readl(area + AXL_HOSTIF_TARGET + 4) ==
	       upper_32_bits(axl->irq.vmsi_dma);
}

/**
 * axl_hostif_lost() - has firmware forgotten the table that it was told of
 * @axl: the device, its link up; any context
 *
 * That is how a restart shows which the link does not. What firmware makes of
 * ctrl once it has read it is not known, so the target is compared.
 */
bool axl_hostif_lost(struct axl_device *axl)
{
	/* a dead link is another matter */
	return READ_ONCE(axl->hostif.published) && !READ_ONCE(axl->restart_blind) &&
	       axl_hostif_gone(axl) && axl_edma_alive(axl);
}

/**
 * axl_hostif_withdraw() - take the table away from firmware
 * @axl: the device, offline, its link up; axl_hostif_forget() is next
 */
void axl_hostif_withdraw(struct axl_device *axl)
{
	void __iomem *area = axl->l2 + axl->hostif.layout.hostif.offset;

	/* firmware that has restarted may use this memory for something else */
	if (!axl->hostif.published || axl_hostif_gone(axl))
		return;
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

/**
 * axl_mailbox_try() - begin a conversation with firmware, unless one is going on
 * @axl: the device
 * @owner: any pointer that nobody else uses
 *
 * There is one at a time, over all processes. A conversation belongs to whoever
 * began it, not to a thread: it may last while nobody is in the kernel.
 */
bool axl_mailbox_try(struct axl_device *axl, const void *owner)
{
	return !cmpxchg(&axl->hostif.mbox_owner, NULL, owner);
}

static int axl_mailbox_look(struct axl_device *axl, const void *owner)
{
	if (axl_status(axl))
		return axl_status(axl);
	if (READ_ONCE(axl->hostif.mbox_owner) == owner)
		return -EALREADY;
	return axl_mailbox_try(axl, owner) ? 0 : -EAGAIN;
}

/**
 * axl_mailbox_take() - begin a conversation, after those of others
 * @axl: the device
 * @owner: see axl_mailbox_try()
 *
 * Return: 0, -EALREADY (@owner has one), -EINTR, -EIO or -ENODEV.
 */
int axl_mailbox_take(struct axl_device *axl, const void *owner)
{
	int ret = axl_mailbox_look(axl, owner);

	while (ret == -EAGAIN) {
		if (wait_event_interruptible(axl->hostif.mbox_wait,
					     !READ_ONCE(axl->hostif.mbox_owner) ||
					     axl_status(axl)))
			return -EINTR;
		ret = axl_mailbox_look(axl, owner);
	}
	return ret;
}
EXPORT_SYMBOL_AXL(axl_mailbox_take);

/**
 * axl_mailbox_give() - a conversation is over
 * @axl: the device
 * @owner: who began it
 *
 * Return: 0 or -EPERM: somebody else, or nobody, did.
 */
int axl_mailbox_give(struct axl_device *axl, const void *owner)
{
	if (cmpxchg(&axl->hostif.mbox_owner, owner, NULL) != owner)
		return -EPERM;
	wake_up(&axl->hostif.mbox_wait);
	return 0;
}
EXPORT_SYMBOL_AXL(axl_mailbox_give);

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
	return readq(axl->l2 + axl->hostif.layout.contexts.offset +
		     n * AXL_CONTEXT_BYTES + AXL_CONTEXT_STS);
}

/**
 * axl_hostif_context() - read a context record
 * @axl: the device, behind axl_enter()
 * @n: below AXL_CONTEXT_COUNT
 * @out: filled in on success; not one field has been checked
 *
 * Return: 0, -ENODATA (firmware has none) or -EIO.
 */
int axl_hostif_context(struct axl_device *axl, unsigned int n,
		       struct axl_context *out)
{
	u8 snap[AXL_CONTEXT_BYTES];

	if (!axl->hostif.layout.contexts.valid)
		return -ENODATA;
	memcpy_fromio(snap, axl->l2 + axl->hostif.layout.contexts.offset +
		      n * AXL_CONTEXT_BYTES, sizeof(snap));
	return axl_layout_parse_context(snap, out);
}
EXPORT_SYMBOL_AXL(axl_hostif_context);

/**
 * axl_hostif_stream() - what a snapshot of the streams area says of one
 * @axl: the device
 * @snap: the snapshot
 * @len: bytes of it
 * @source: number of the stream
 * @out: filled in on success
 *
 * Return: as axl_layout_parse_stream().
 */
int axl_hostif_stream(struct axl_device *axl, const void *snap, size_t len,
		      unsigned int source, struct axl_stream *out)
{
	return axl_layout_parse_stream(snap, len, &axl->hostif.layout, axl->bar2_size,
				       source, out);
}
EXPORT_SYMBOL_AXL(axl_hostif_stream);
