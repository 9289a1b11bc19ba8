/* SPDX-License-Identifier: GPL-2.0 */
/* Vectors and their dispatch: axl_irq.c */
#ifndef AXL_IRQ_H
#define AXL_IRQ_H

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <uapi/axl.h>

struct axl_device;

/*
 * The outbound window behind the vMSI table wants a target that is aligned to
 * its size (hardware-notes: Interrupts); only the first 4 KiB are slots.
 */
#define AXL_VMSI_BUF_SIZE	SZ_2M
/* Behind the slots, in no page with them: where the driver's own writes go. */
#define AXL_VMSI_SPARE		SZ_1M

/* The virtual-MSI table's reading side, and dispatch. */
struct axl_irq {
	/* slots, host memory that the card writes: the start of 2 MiB */
	__le32 *vmsi;
	/* IOVA of @vmsi, aligned to 2 MiB */
	dma_addr_t vmsi_dma;
	/* what was allocated for that: CPU address, IOVA, bytes */
	void *buf;
	dma_addr_t buf_dma;
	size_t buf_size;
	/* slots that are looked at; written offline */
	unsigned int nr_vmsi;
	/* by event number: those that came through a slot */
	atomic64_t *counts;
	/* one at a time takes a slot; taken in hard interrupts */
	spinlock_t lock;
	/* slots that the monitor found pending; atomic bits */
	DECLARE_BITMAP(seen, AXL_NR_EVENTS);
	/* messages whose slot was taken before they came; atomic bits */
	unsigned long taken;
	/* messages in which nothing was found */
	atomic64_t stray;
	/* events that came through the guard page */
	atomic64_t rescued;
	/* the log has a line about that; no lock: a second line does no harm */
	bool rescued_logged;
	/* jiffies when the monitor signals candidates again; the monitor's own */
	unsigned long guess_at;
};

int axl_irq_setup(struct axl_device *axl);
void axl_irq_release(struct axl_device *axl);
int axl_irq_alloc(struct axl_device *axl);
void axl_irq_free(struct axl_device *axl);
void axl_irq_route(struct axl_device *axl);
bool axl_irq_exact(const struct axl_device *axl);
unsigned int axl_irq_take_all(struct axl_device *axl);
void axl_irq_rescued(struct axl_device *axl, unsigned int nr);
void axl_irq_late(struct axl_device *axl, u32 event);
void axl_signal_candidates(struct axl_device *axl, bool online);
void axl_scan_slots(struct axl_device *axl, unsigned int n,
			 unsigned int end, bool seen_only);

#endif
