/* SPDX-License-Identifier: GPL-2.0 */
/* Interrupt vectors and their dispatch: axl_irq.c */
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
 * The outbound window behind the vMSI table needs a target aligned to its size
 * (hardware-notes: Interrupts); only the first 4 KiB are slots.
 */
#define AXL_VMSI_BUF_SIZE	SZ_2M
/*
 * Offset of the spare area, in no page with slots: target of the self-test and
 * of the engine when it has no usable message.
 */
#define AXL_VMSI_SPARE		SZ_1M

/* Host side of the virtual-MSI table, and dispatch. */
struct axl_irq {
	/* slots, written by the card; start of the aligned 2 MiB */
	__le32 *vmsi;
	/* IOVA of @vmsi, aligned to 2 MiB */
	dma_addr_t vmsi_dma;
	/* the allocation that holds them: CPU address, IOVA, bytes */
	void *buf;
	dma_addr_t buf_dma;
	size_t buf_size;
	/* events that arrived through a slot, by event number */
	atomic64_t *counts;
	/* serialises taking slots; taken in hard interrupts */
	spinlock_t lock;
	/* slots that the monitor found pending; atomic bits */
	DECLARE_BITMAP(seen, AXL_NR_EVENTS);
	/* messages whose slot was taken before they arrived; atomic bits */
	unsigned long taken;
	/* messages that matched no completion and no event */
	atomic64_t stray;
	/* events that arrived through the guard page */
	atomic64_t rescued;
	/* line about @rescued already logged; set with xchg() */
	bool rescued_logged;
	/* jiffies of the next signalling of candidates; monitor work only */
	unsigned long guess_at;
};

int axl_irq_setup(struct axl_device *axl);
void axl_irq_release(struct axl_device *axl);
int axl_irq_alloc(struct axl_device *axl);
void axl_irq_free(struct axl_device *axl);
void axl_irq_route(struct axl_device *axl);
unsigned int axl_irq_take_all(struct axl_device *axl);
void axl_irq_rescued(struct axl_device *axl, unsigned int nr);
void axl_signal_candidates(struct axl_device *axl, bool online);
void axl_scan_slots(struct axl_device *axl, unsigned int n,
		    unsigned int end, bool seen_only);

#endif
