// SPDX-License-Identifier: GPL-2.0
/*
 * The shared area in BAR2: snapshots for axl_layout.c to parse, the host-driver
 * area, mailbox and contexts. (hardware-notes: Shared area)
 */
#include <linux/export.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/io.h>
#include <linux/rcupdate.h>

#include "axl_device.h"
#include "axl_edma.h"
#include "axl_hostif.h"
#include "axl_layout.h"

/**
 * axl_hostif_alloc() - allocate the virtual-MSI table
 * @axl: the device, with its DMA mask set
 *
 * Until it knows a table, firmware writes its slots from bus address 0 on, so a
 * card without a table must not become bus master. May sleep.
 *
 * Return: 0 or -ENOMEM.
 */
int axl_hostif_alloc(struct axl_device *axl)
{
	struct device *dev = &axl->pdev->dev;
	dma_addr_t aligned;

	/*
	 * Behind an IOMMU the address is aligned to the size. Without one the
	 * contiguous allocator may align less: then allocate twice the size,
	 * which contains an aligned half.
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

/* The snapshot in use; for the writer. */
static const struct axl_areas *axl_areas_current(struct axl_device *axl)
{
	return rcu_dereference_protected(axl->hostif.areas,
					 lockdep_is_held(&axl->reset_sem));
}

/* The snapshot to prepare; axl_areas_replace() has waited for its readers. */
static struct axl_areas *axl_areas_spare(struct axl_device *axl)
{
	struct axl_areas *first = &axl->hostif.snapshots[0];

	lockdep_assert_held_write(&axl->reset_sem);
	return axl_areas_current(axl) == first ? first + 1 : first;
}

/*
 * Put the prepared snapshot into use. reset_sem is held for writing and the card
 * is offline, so no reader holds reset_sem or is inside axl_enter(): wait for
 * those with rcu_read_lock() only. Nothing is allocated, because a recovery must
 * not fail in the middle.
 */
static void axl_areas_replace(struct axl_device *axl, struct axl_areas *next)
{
	/* no wait for each read while firmware starts, which are 10 ms apart */
	if (!memcmp(next, axl_areas_current(axl), sizeof(*next)))
		return;
	rcu_assign_pointer(axl->hostif.areas, next);
	synchronize_rcu_expedited();
}

/**
 * axl_hostif_setup() - initialise the state that needs no hardware
 * @axl: the device, all zeros
 */
void axl_hostif_setup(struct axl_device *axl)
{
	RCU_INIT_POINTER(axl->hostif.areas, &axl->hostif.snapshots[0]);
	axl->hostif.news_at = jiffies;
	init_waitqueue_head(&axl->hostif.mbox_wait);
}

static void axl_hostif_read_vmsi(struct axl_device *axl,
				 struct axl_areas *areas)
{
	struct axl_layout *layout = &areas->layout;
	size_t len = axl_layout_vmsi_len(&layout->vmsi);
	/* free for reuse: the shared area in it has been parsed */
	u8 *snap = axl->hostif.area;

	static_assert(sizeof(axl->hostif.area) >= AXL_VMSI_MAP + AXL_VMSI_MAX);
	memcpy_fromio(snap, axl->l2 + layout->vmsi.offset, len);
	if (axl_layout_parse_vmsi(snap, len, &areas->vmsi)) {
		layout->vmsi.valid = false;
		layout->complaint = "virtual-MSI configuration unusable";
	} else {
		/* slots below 32 always exist */
		areas->nr_vmsi = max_t(unsigned int, areas->vmsi.nr_vmsi,
				       AXL_NR_MESSAGES);
	}
}

static int axl_hostif_read(struct axl_device *axl, struct axl_layout *layout)
{
	u8 *area = axl->hostif.area;
	int ret;

	memcpy_fromio(area, axl->l2, AXL_AREA_SIZE);
	ret = axl_layout_parse(area, AXL_AREA_SIZE, axl->bar2_size, layout);
	/* if the link died during the copy, the rest reads as all ones */
	if (!ret && !axl_edma_alive(axl)) {
		memset(area, 0, AXL_AREA_SIZE);
		axl_layout_parse(area, AXL_AREA_SIZE, axl->bar2_size, layout);
		ret = -EIO;
	}
	return ret;
}

/* True if no firmware was known, or @layout has areas not adopted so far. */
static bool axl_hostif_newer(const struct axl_device *axl,
			     const struct axl_layout *layout)
{
	return axl->fw_state == AXL_FW_NONE ||
	       (layout->hostif.valid && !axl_layout_of(axl)->hostif.valid) ||
	       (axl_layout_has_areas(layout) && !axl->hostif.areas_known);
}

/**
 * axl_hostif_has_new_areas() - check whether firmware has published new areas
 * @axl: the device, online
 *
 * Adopts nothing: see axl_hostif_refresh(). reset_sem must be held for writing.
 */
bool axl_hostif_has_new_areas(struct axl_device *axl)
{
	struct axl_layout layout;

	return !axl_hostif_read(axl, &layout) && axl_hostif_newer(axl, &layout);
}

/*
 * True if the reference to the host-driver area has changed. Read twice,
 * because firmware may be writing it.
 */
static bool axl_hostif_moved(struct axl_device *axl)
{
	void __iomem *ref = axl->l2 + AXL_AREA_REF_HOSTIF;
	u32 at = readl(ref + AXL_REF_OFFSET);

	return at != axl_layout_of(axl)->hostif.offset &&
	       readl(ref + AXL_REF_OFFSET) == at;
}

/* True if the host-driver area no longer holds our target. Three reads. */
static bool axl_hostif_gone(struct axl_device *axl)
{
	void __iomem *area = axl->l2 + axl_layout_of(axl)->hostif.offset;

	return readl(area + AXL_HOSTIF_TARGET) !=
	       lower_32_bits(axl->irq.vmsi_dma) ||
	       readl(area + AXL_HOSTIF_TARGET + 4) !=
	       upper_32_bits(axl->irq.vmsi_dma) ||
	       axl_hostif_moved(axl);
}

/**
 * axl_hostif_changed() - check whether the shared area has changed
 * @axl: the device, online
 *
 * Compares with the layout as it was read last, before unusable areas were
 * dropped from it. reset_sem must be held for writing.
 */
bool axl_hostif_changed(struct axl_device *axl)
{
	struct axl_layout layout;
	int ret;

	if (axl->hostif.published && axl_hostif_gone(axl))
		return true;
	ret = axl_hostif_read(axl, &layout);
	/* -ENODATA fills in the layout, too */
	return ret == -EIO || memcmp(&layout, &axl->hostif.parsed, sizeof(layout)) ||
	       (!ret && axl_hostif_newer(axl, &layout));
}

/**
 * axl_hostif_drop_areas() - ignore areas that may be left from older firmware
 * @axl: the device, its layout just read; reset_sem held for writing
 *
 * L2 may keep its content when its firmware is gone. If firmware does run, it
 * needs a target, and lists must be where it expects them: so the host-driver
 * area and the list buffer stay in use.
 */
void axl_hostif_drop_areas(struct axl_device *axl)
{
	struct axl_areas *next = axl_areas_spare(axl);

	memcpy(next, axl_areas_current(axl), sizeof(*next));
	next->layout.streams.valid = false;
	next->layout.board_info.valid = false;
	next->layout.contexts.valid = false;
	next->layout.dma_desc.valid = false;
	next->layout.vmsi.valid = false;
	next->nr_vmsi = AXL_NR_MESSAGES;
	axl_areas_replace(axl, next);
	axl->hostif.areas_known = false;
}

/* Read the place of the list buffer. */
static void axl_hostif_read_list(struct axl_device *axl,
				 struct axl_areas *areas)
{
	struct axl_layout *layout = &areas->layout;
	u8 desc[AXL_DMA_DESC_BYTES];

	areas->list_offset = AXL_LIST_FALLBACK_OFFSET;
	areas->list_size = AXL_LIST_FALLBACK_SIZE;
	if (layout->dma_desc.valid) {
		memcpy_fromio(desc, axl->l2 + layout->dma_desc.offset,
			      sizeof(desc));
		if (axl_layout_parse_dma_desc(desc, sizeof(desc), layout,
					      axl->bar2_size,
					      &areas->list_offset,
					      &areas->list_size)) {
			layout->dma_desc.valid = false;
			layout->complaint = "DMA descriptor area unusable";
		}
	}
	areas->list_elems = axl_layout_list_elems(areas->list_size);
}

/**
 * axl_hostif_refresh() - read what firmware publishes
 * @axl: the device: offline, no channel runs; reset_sem held for writing
 *
 * Replaces what axl_areas_of() returns. The result is valid even on an error
 * and for any content of L2. May sleep.
 *
 * Return: 0, -ENODATA (nothing published) or -EIO (reads all ones).
 */
int axl_hostif_refresh(struct axl_device *axl)
{
	struct axl_areas *next = axl_areas_spare(axl);
	const char *complaint;
	int ret;

	axl->hostif.areas_known = false;
	memset(next, 0, sizeof(*next));
	ret = axl_hostif_read(axl, &next->layout);
	axl->hostif.parsed = next->layout;
	next->nr_vmsi = AXL_NR_MESSAGES;
	if (next->layout.vmsi.valid)
		axl_hostif_read_vmsi(axl, next);
	axl_hostif_read_list(axl, next);
	complaint = next->layout.complaint;
	axl_areas_replace(axl, next);
	/* by references only: the content of an area may stay unusable */
	axl->hostif.areas_known = !ret &&
				  axl_layout_has_areas(&axl->hostif.parsed);
	axl->hostif.answer = ret;
	/* log once: the areas are read repeatedly while firmware starts */
	if (complaint && complaint != axl->hostif.complaint)
		dev_warn_ratelimited(&axl->pdev->dev,
				     "shared area: %s; going on without it\n",
				     complaint);
	axl->hostif.complaint = complaint;
	return ret;
}

/* Write target, base and size; ctrl last makes them valid. */
void axl_hostif_write_target(struct axl_device *axl)
{
	void __iomem *area = axl->l2 + axl_layout_of(axl)->hostif.offset;

	writel(lower_32_bits(axl->irq.vmsi_dma), area + AXL_HOSTIF_TARGET);
	writel(upper_32_bits(axl->irq.vmsi_dma), area + AXL_HOSTIF_TARGET + 4);
	writel(0, area + AXL_HOSTIF_BASE);
	writel(AXL_VMSI_BUF_SIZE, area + AXL_HOSTIF_SIZE);
	/* writel() orders the table's zeros and the fields before this */
	writel(AXL_HOSTIF_CTRL_VALID, area + AXL_HOSTIF_CTRL);
	readl(area + AXL_HOSTIF_CTRL);
}

/**
 * axl_hostif_rewrite_target() - write the target again, unchanged
 * @axl: the device, online; reset_sem held for writing
 *
 * For firmware that may have restarted without clearing the area. ctrl is not
 * cleared in between, so running firmware sees no change.
 */
void axl_hostif_rewrite_target(struct axl_device *axl)
{
	lockdep_assert_held_write(&axl->reset_sem);
	if (axl->hostif.published)
		axl_hostif_write_target(axl);
}

/**
 * axl_hostif_stale() - check whether the areas are older than the restart
 * @axl: the device, its layout just read; no target written since the restart
 *
 * L2 may keep its content through a link bounce. Then it still holds our
 * target, which firmware clears when it starts.
 */
bool axl_hostif_stale(struct axl_device *axl)
{
	const struct axl_layout *layout = axl_layout_of(axl);
	void __iomem *area = axl->l2 + layout->hostif.offset;

	return layout->hostif.valid &&
	       readl(area + AXL_HOSTIF_CTRL) == AXL_HOSTIF_CTRL_VALID &&
	       readl(area + AXL_HOSTIF_TARGET) == lower_32_bits(axl->irq.vmsi_dma) &&
	       readl(area + AXL_HOSTIF_TARGET + 4) ==
	       upper_32_bits(axl->irq.vmsi_dma);
}

/**
 * axl_hostif_lost() - check whether firmware no longer has the table's address
 * @axl: the device, its link up; any context
 *
 * Detects a firmware restart without a link bounce. Firmware may change ctrl
 * after reading it (unknown), so the target is compared.
 */
bool axl_hostif_lost(struct axl_device *axl)
{
	/* a dead link reads as all ones: not a firmware restart */
	return READ_ONCE(axl->hostif.published) && !READ_ONCE(axl->restart_blind) &&
	       axl_hostif_gone(axl) && axl_edma_alive(axl);
}

/**
 * axl_hostif_withdraw() - make the table's address invalid for firmware
 * @axl: the device, offline, its link up
 *
 * The caller calls axl_hostif_forget() next.
 */
void axl_hostif_withdraw(struct axl_device *axl)
{
	void __iomem *area = axl->l2 + axl_layout_of(axl)->hostif.offset;

	/* restarted firmware may use this part of L2 for other data */
	if (!axl->hostif.published || axl_hostif_gone(axl))
		return;
	writel(0, area + AXL_HOSTIF_CTRL);
	readl(area + AXL_HOSTIF_CTRL);
}

/**
 * axl_mailbox_send() - send a mailbox message to firmware
 * @axl: the device; reset_sem held for writing
 * @opcode: defined by firmware
 * @msg: message
 * @size: bytes of @msg, at most AXL_MAILBOX_MSG_MAX
 */
void axl_mailbox_send(struct axl_device *axl, u32 opcode, const void *msg,
		      u32 size)
{
	lockdep_assert_held_write(&axl->reset_sem);
	writel(size, axl->l2 + AXL_AREA_MBOX_SIZE);
	memcpy_toio(axl->l2 + AXL_AREA_MBOX_MSG, msg, size);
	/* the opcode last: it makes firmware read the rest */
	writel(opcode, axl->l2 + AXL_AREA_MBOX_OPCODE);
}

u32 axl_mailbox_opcode(struct axl_device *axl)
{
	return readl(axl->l2 + AXL_AREA_MBOX_OPCODE);
}

/**
 * axl_mailbox_try() - acquire the mailbox if it is free
 * @axl: the device
 * @owner: any pointer that is unique to the caller
 *
 * The mailbox has one owner, over all processes. The owner is no thread: it may
 * keep the mailbox between system calls. Does not sleep.
 *
 * Return: true if acquired.
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
 * axl_mailbox_take() - wait until the mailbox is free and acquire it
 * @axl: the device
 * @owner: see axl_mailbox_try()
 *
 * May sleep without a time limit.
 *
 * Return: 0, -EALREADY (@owner has it), -EINTR (signal), -EIO (dead) or -ENODEV
 * (unbound).
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
 * axl_mailbox_give() - release the mailbox and wake waiters
 * @axl: the device
 * @owner: as passed to axl_mailbox_try() or axl_mailbox_take()
 *
 * Return: 0 or -EPERM (@owner does not have the mailbox).
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
 * axl_context_sts() - read the status of a context's job
 * @axl: the device; its layout has contexts
 * @n: below AXL_CONTEXT_COUNT
 *
 * Return: > 0 running, 0 done, < 0 failed.
 */
s64 axl_context_sts(struct axl_device *axl, unsigned int n)
{
	return readq(axl->l2 + axl_layout_of(axl)->contexts.offset +
		     n * AXL_CONTEXT_BYTES + AXL_CONTEXT_STS);
}

/**
 * axl_hostif_context() - read a context record
 * @axl: the device, after axl_generation_get()
 * @n: below AXL_CONTEXT_COUNT
 * @out: filled in on success; no field is checked
 *
 * Return: 0, -ENODATA (firmware has no contexts) or -EIO (reads all ones).
 */
int axl_hostif_context(struct axl_device *axl, unsigned int n,
		       struct axl_context *out)
{
	u8 snap[AXL_CONTEXT_BYTES];

	lockdep_assert_held(&axl->reset_sem);
	if (!axl_layout_of(axl)->contexts.valid)
		return -ENODATA;
	memcpy_fromio(snap, axl->l2 + axl_layout_of(axl)->contexts.offset +
		      n * AXL_CONTEXT_BYTES, sizeof(snap));
	return axl_layout_parse_context(snap, out);
}
EXPORT_SYMBOL_AXL(axl_hostif_context);

/**
 * axl_hostif_stream() - parse a stream's record in a snapshot
 * @axl: the device, after axl_generation_get()
 * @snap: snapshot of the streams area
 * @len: bytes of @snap
 * @source: number of the stream
 * @out: filled in on success
 *
 * Return: as axl_layout_parse_stream().
 */
int axl_hostif_stream(struct axl_device *axl, const void *snap, size_t len,
		      unsigned int source, struct axl_stream *out)
{
	lockdep_assert_held(&axl->reset_sem);
	return axl_layout_parse_stream(snap, len, axl_layout_of(axl),
				       axl->bar2_size, source, out);
}
EXPORT_SYMBOL_AXL(axl_hostif_stream);

/**
 * axl_streams_len() - get the number of usable bytes of the streams area
 * @axl: the device, after axl_generation_get()
 *
 * Return: bytes, 0 if firmware has no streams.
 */
size_t axl_streams_len(struct axl_device *axl)
{
	const struct axl_ref *ref = &axl_layout_of(axl)->streams;

	lockdep_assert_held(&axl->reset_sem);
	return ref->valid ? axl_layout_streams_len(ref) : 0;
}
EXPORT_SYMBOL_AXL(axl_streams_len);

static void __iomem *axl_streams(struct axl_device *axl, u32 offset)
{
	lockdep_assert_held(&axl->reset_sem);
	return axl->l2 + axl_layout_of(axl)->streams.offset + offset;
}

/**
 * axl_streams_copy() - copy a part of the streams area
 * @axl: the device, after axl_generation_get()
 * @offset: first byte in the area
 * @to: destination
 * @len: bytes; the part is inside axl_streams_len()
 */
void axl_streams_copy(struct axl_device *axl, u32 offset, void *to, size_t len)
{
	memcpy_fromio(to, axl_streams(axl, offset), len);
}
EXPORT_SYMBOL_AXL(axl_streams_copy);

/**
 * axl_streams_read() - read a word of the streams area
 * @axl: the device, after axl_generation_get()
 * @offset: of the word in the area; the word is inside axl_streams_len()
 *
 * Return: the word; all ones if the link is dead.
 */
u32 axl_streams_read(struct axl_device *axl, u32 offset)
{
	return readl(axl_streams(axl, offset));
}
EXPORT_SYMBOL_AXL(axl_streams_read);

/**
 * axl_streams_write() - write a word of the streams area
 * @axl: the device, after axl_generation_get()
 * @offset: as for axl_streams_read()
 * @value: the word
 */
void axl_streams_write(struct axl_device *axl, u32 offset, u32 value)
{
	writel(value, axl_streams(axl, offset));
}
EXPORT_SYMBOL_AXL(axl_streams_write);

/**
 * axl_l2_copy() - copy a part of L2 by the CPU
 * @axl: the device, after axl_generation_get()
 * @offset: first byte in BAR2
 * @to: destination
 * @len: bytes; the part is inside BAR2
 */
void axl_l2_copy(struct axl_device *axl, u32 offset, void *to, size_t len)
{
	lockdep_assert_held(&axl->reset_sem);
	memcpy_fromio(to, axl->l2 + offset, len);
}
EXPORT_SYMBOL_AXL(axl_l2_copy);

/**
 * axl_l2_base() - get the device address of BAR2 offset 0
 * @axl: the device, after axl_generation_get()
 */
u64 axl_l2_base(struct axl_device *axl)
{
	lockdep_assert_held(&axl->reset_sem);
	return axl_layout_of(axl)->l2_base;
}
EXPORT_SYMBOL_AXL(axl_l2_base);

/**
 * axl_ddr_base() - get the device address of DDR
 * @axl: the device, after axl_generation_get()
 *
 * Return: the address, 0 if unknown.
 */
u64 axl_ddr_base(struct axl_device *axl)
{
	lockdep_assert_held(&axl->reset_sem);
	return axl_layout_of(axl)->ddr_base;
}
EXPORT_SYMBOL_AXL(axl_ddr_base);
