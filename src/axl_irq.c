// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupt vectors, the host side of the virtual-MSI table, and slots whose
 * message does not arrive.
 * (hardware-notes: Interrupts)
 */
#include <linux/delay.h>
#include <linux/export.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "axl_device.h"
#include "axl_dma.h"
#include "axl_event.h"
#include "axl_hostif.h"
#include "axl_irq.h"
#include "axl_msi.h"
#include "axl_trace.h"

static unsigned int max_vectors = AXL_NR_MESSAGES;
module_param(max_vectors, uint, 0444);
MODULE_PARM_DESC(max_vectors, "Interrupt vectors to ask for, 1..32 (32)");

/* Time allowed between a slot write and the message that announces it. */
#define AXL_IRQ_GRACE_US	20000

static bool axl_slot_pending(struct axl_device *axl, unsigned int n)
{
	return READ_ONCE(axl->irq.vmsi[n]) & cpu_to_le32(1);
}

/* Firmware's vMSI configuration maps the slot of this event to a message. */
static bool axl_vmsi_mapped(const struct axl_areas *areas, unsigned int n)
{
	return areas->layout.vmsi.valid && n < areas->nr_vmsi &&
	       areas->vmsi.pmsi_of[n] != AXL_PMSI_UNKNOWN;
}

/* Message that announces a slot; AXL_NR_MESSAGES if unknown. */
static unsigned int axl_slot_message(const struct axl_areas *areas,
				     unsigned int n)
{
	if (axl_vmsi_mapped(areas, n))
		return areas->vmsi.pmsi_of[n];
	return n < AXL_NR_MESSAGES ? n : AXL_NR_MESSAGES;
}

/*
 * Take a slot if it is pending. @announced: by the message being handled;
 * otherwise its message may still arrive and must not count a second time.
 */
static bool axl_slot_take(struct axl_device *axl, unsigned int n,
			  bool announced)
{
	unsigned int message = axl_slot_message(axl_areas_of(axl), n);
	unsigned long flags;
	bool pending;

	if (!axl_slot_pending(axl, n))
		return false;
	spin_lock_irqsave(&axl->irq.lock, flags);
	pending = axl_slot_pending(axl, n);
	if (pending) {
		clear_bit(n, axl->irq.seen);
		if (!announced && message < AXL_NR_MESSAGES)
			set_bit(message, &axl->irq.taken);
		/*
		 * Order the bit before the empty slot: a handler that finds the
		 * slot empty must see the bit. Pairs with test_and_clear_bit().
		 */
		smp_mb__after_atomic();
		/* clear before counting: a later write is a new event */
		WRITE_ONCE(axl->irq.vmsi[n], 0);
	}
	spin_unlock_irqrestore(&axl->irq.lock, flags);
	if (!pending)
		return false;
	atomic64_inc(&axl->irq.counts[n]);
	/* DMA events are signalled by axl_channel_poll() */
	if (!axl_is_dma(n))
		axl_event_signal(axl, n);
	return true;
}

/* True if the card may have written to the table. */
static bool axl_slots_used(const struct axl_device *axl)
{
	return READ_ONCE(axl->hostif.published) || READ_ONCE(axl->guard.mode) == AXL_GUARD_ACTIVE;
}

/**
 * axl_irq_take_all() - take every pending slot
 * @axl: the device
 *
 * Return: number of slots taken.
 */
unsigned int axl_irq_take_all(struct axl_device *axl)
{
	unsigned int n, found = 0;

	for (n = 0; n < AXL_NR_EVENTS; n++)
		found += axl_slot_take(axl, n, false);
	return found;
}

/**
 * axl_irq_rescued() - count events that the guard page caught
 * @axl: the device
 * @nr: slots taken while firmware did not know the table
 */
void axl_irq_rescued(struct axl_device *axl, unsigned int nr)
{
	if (!nr || READ_ONCE(axl->guard.mode) != AXL_GUARD_ACTIVE)
		return;
	atomic64_add(nr, &axl->irq.rescued);
	if (xchg(&axl->irq.rescued_logged, true))
		return;
	dev_info(&axl->pdev->dev,
		 "guard page caught an interrupt write sent before the vMSI table was configured\n");
}

/*
 * Check whether the slots taken came through the guard page, and whether that
 * reveals a firmware restart.
 */
static void axl_slots_came(struct axl_device *axl, unsigned int nr, bool online)
{
	if (!nr)
		return;
	if (!READ_ONCE(axl->hostif.published)) {
		axl_irq_rescued(axl, nr);
	} else if (online && axl_hostif_lost(axl)) {
		axl_irq_rescued(axl, nr);
		axl_restart_seen(axl);
	}
}

/*
 * Take the pending slots of a vector and return their number.
 * @own: out: set if the slot with the vector's number was pending.
 * @mine: out: incremented for each taken slot that this vector announces.
 */
static unsigned int axl_irq_slots(struct axl_vector *vec, bool *own,
				  unsigned int *mine)
{
	struct axl_device *axl = vec->axl;
	const struct axl_areas *areas = axl_areas_of(axl);
	unsigned int n, found = 0;
	bool announced;

	if (!axl_slots_used(axl))
		return 0;
	/* firmware writes the slots before it sends the message */
	dma_rmb();
	for_each_set_bit(n, vec->slots, areas->nr_vmsi) {
		announced = !axl_has_dedicated_vectors(axl) ||
			    axl_slot_message(areas, n) == vec->index;
		if (!axl_slot_take(axl, n, announced))
			continue;
		found++;
		*mine += announced;
		if (n == vec->index)
			*own = true;
	}
	return found;
}

/**
 * axl_scan_slots() - take pending slots whose message has not arrived
 * @axl: the device, inside axl_enter()
 * @n: first slot
 * @end: slot behind the last
 * @seen_only: take only those that were pending in the previous scan, too
 */
void axl_scan_slots(struct axl_device *axl, unsigned int n,
		    unsigned int end, bool seen_only)
{
	unsigned int found = 0;

	if (!axl_slots_used(axl))
		return;
	dma_rmb();
	for (end = min(end, axl_areas_of(axl)->nr_vmsi); n < end; n++) {
		if (!axl_slot_pending(axl, n))
			clear_bit(n, axl->irq.seen);
		else if (!seen_only || test_and_set_bit(n, axl->irq.seen))
			found += axl_slot_take(axl, n, false);
	}
	axl_irq_lost(axl, found, "an event came");
	axl_slots_came(axl, found, true);
}

/**
 * axl_irq_late() - check the slots once more before a wait times out
 * @axl: the device
 * @event: number, or AXL_EVENT_ANY
 *
 * The message of a pending slot may be under way: allow it AXL_IRQ_GRACE_US.
 * May sleep.
 */
void axl_irq_late(struct axl_device *axl, u32 event)
{
	unsigned int n = event == AXL_EVENT_ANY ? 0 : event, end;
	const struct axl_areas *areas;
	int idx;

	if (axl_enter(axl, &idx))
		return;
	areas = axl_areas_of(axl);
	end = event == AXL_EVENT_ANY ? areas->nr_vmsi :
				       min(event + 1, areas->nr_vmsi);
	while (n < end && !axl_slot_pending(axl, n))
		n++;
	if (n < end && axl_slots_used(axl)) {
		fsleep(AXL_IRQ_GRACE_US);
		axl_scan_slots(axl, n, end, false);
	}
	axl_exit(axl, idx);
}
EXPORT_SYMBOL_AXL(axl_irq_late);

/* Signal an event unless its slot was taken before the message arrived. */
static void axl_signal_candidate(struct axl_device *axl, unsigned int n)
{
	if (!test_and_clear_bit(n, &axl->irq.taken))
		axl_event_signal(axl, n);
}

/**
 * axl_signal_candidates() - signal every event that a message can stand for
 * @axl: the device
 * @online: the contexts in L2 may be read
 *
 * For fewer vectors than messages, if firmware does not identify the event. No
 * event is lost; a waiter may wake up without its event. Any context.
 */
void axl_signal_candidates(struct axl_device *axl, bool online)
{
	unsigned int n;

	if (!READ_ONCE(axl->hostif.published)) {
		axl_signal_candidate(axl, AXL_EVENT_MAILBOX);
		axl_signal_candidate(axl, AXL_EVENT_MESSAGE);
	}
	if (!online || !axl_layout_of(axl)->contexts.valid)
		return;
	for (n = 0; n < AXL_CONTEXT_COUNT; n++)
		if (axl_context_sts(axl, n) <= 0)
			axl_event_signal(axl, AXL_EVENT_CONTEXT(n));
}

/*
 * With dedicated vectors: count the event of this message unless a slot has
 * counted it. Returns false if the message came without a slot.
 */
static bool axl_irq_own_event(struct axl_vector *vec, bool own, bool mine)
{
	struct axl_device *axl = vec->axl;
	bool told = axl_vmsi_mapped(axl_areas_of(axl), vec->index);

	if (axl_is_dma(vec->index))
		return true;
	if (own) {
		clear_bit(vec->index, &axl->irq.taken);
		return true;
	}
	/* the slot was taken before this message arrived */
	if (test_and_clear_bit(vec->index, &axl->irq.taken))
		return true;
	/*
	 * The message may have announced another slot. Then its own event is
	 * counted only if firmware does not use a slot for it.
	 */
	if (mine && told)
		return true;
	axl_event_signal(axl, vec->index);
	return false;
}

static irqreturn_t axl_irq_handler(int irq, void *data)
{
	struct axl_vector *vec = data;
	struct axl_device *axl = vec->axl;
	bool online = axl_is_open(axl);
	u8 channels = READ_ONCE(vec->channels);
	/* sampled first: a recovery started below can change it */
	bool exact = axl_irq_exact(axl);
	bool own = false, found = false, odd = false;
	unsigned int slots, mine = 0;

	atomic64_inc(&vec->count);
	trace_axl_irq(axl, vec->index);

	/* for axl_areas_of(): the card may be offline */
	rcu_read_lock();
	if (online && channels && axl_dma_irq(axl, channels)) {
		WRITE_ONCE(axl->dma.lost_row, 0);
		found = true;
	}
	slots = axl_irq_slots(vec, &own, &mine);
	axl_slots_came(axl, slots, online);
	found |= slots;
	if (axl_has_dedicated_vectors(axl)) {
		odd = !axl_irq_own_event(vec, own, mine);
		found |= !axl_is_dma(vec->index);
		/* each has a message: the next one finds its slot empty */
		if (mine > 1 && axl_vmsi_mapped(axl_areas_of(axl), vec->index))
			set_bit(vec->index, &axl->irq.taken);
	} else if (!exact && !READ_ONCE(axl->selftest.running)) {
		odd = !found;
		axl_signal_candidates(axl, online);
		found = true;
	}
	if (!online)
		goto out;
	if (!found)
		atomic64_inc(&axl->irq.stray);
	/* message without a slot: it may have been written elsewhere */
	if ((odd || !found) && axl_hostif_lost(axl))
		axl_restart_seen(axl);
out:
	rcu_read_unlock();
	return IRQ_HANDLED;
}

/**
 * axl_irq_exact() - check whether each event is counted exactly once
 * @axl: the device
 *
 * Return: true if each message arrives on its own vector, or if firmware uses
 * the table and its configuration maps a slot for every event.
 */
bool axl_irq_exact(const struct axl_device *axl)
{
	static const u8 told[] = { 0, 1, 2, 3, AXL_EVENT_MAILBOX,
				   AXL_EVENT_MESSAGE };
	bool exact = true;
	unsigned int i;

	if (axl_has_dedicated_vectors(axl) && !axl_polled(axl))
		return true;
	if (!READ_ONCE(axl->hostif.published))
		return false;
	rcu_read_lock();
	for (i = 0; i < ARRAY_SIZE(told); i++)
		exact &= axl_vmsi_mapped(axl_areas_of(axl), told[i]);
	rcu_read_unlock();
	return exact;
}
EXPORT_SYMBOL_AXL(axl_irq_exact);

/**
 * axl_irq_route() - select the channels and slots to check for each vector
 * @axl: the device; offline, or its interrupts not yet requested
 */
void axl_irq_route(struct axl_device *axl)
{
	const struct axl_areas *areas;
	unsigned int v, n;

	rcu_read_lock();
	areas = axl_areas_of(axl);
	for (v = 0; v < axl->msi.nr; v++) {
		struct axl_vector *vec = &axl->msi.vectors[v];

		bitmap_zero(vec->slots, AXL_NR_EVENTS);
		if (!axl_has_dedicated_vectors(axl)) {
			vec->channels = 0xff;
			bitmap_fill(vec->slots, AXL_NR_EVENTS);
			continue;
		}
		/* sent by the engine itself, without a slot */
		if (axl_is_dma(v)) {
			vec->channels = BIT(v - AXL_PMSI_DMA_READ);
			continue;
		}
		/*
		 * Every firmware message checks all slots below 32, so that a
		 * slot whose message is lost does not wait. A higher slot is
		 * checked by the message that announces it, by all if unknown.
		 */
		vec->channels = 0;
		bitmap_set(vec->slots, 0, AXL_NR_MESSAGES);
		for (n = 0; n < areas->nr_vmsi; n++) {
			if (axl_vmsi_mapped(areas, n) ?
			    areas->vmsi.pmsi_of[n] == v : n >= AXL_NR_MESSAGES)
				__set_bit(n, vec->slots);
		}
	}
	rcu_read_unlock();
}

static void axl_irq_free_some(struct axl_device *axl, unsigned int nr)
{
	while (nr--)
		free_irq(axl->msi.vectors[nr].irq, &axl->msi.vectors[nr]);
	pci_free_irq_vectors(axl->pdev);
	axl->msi.nr = 0;
}

/**
 * axl_irq_alloc() - allocate vectors and request their handlers
 * @axl: the device; its layout is known
 *
 * Uses as many vectors as the host grants; without any, completion is polled.
 * May sleep.
 *
 * Return: 0, also without vectors, or the error of request_irq().
 */
int axl_irq_alloc(struct axl_device *axl)
{
	struct pci_dev *pdev = axl->pdev;
	unsigned int max = clamp(max_vectors, 1u, (u32)AXL_NR_MESSAGES);
	unsigned int v;
	int nr, ret;

	nr = pci_alloc_irq_vectors(pdev, 1, max, PCI_IRQ_MSIX | PCI_IRQ_MSI);
	if (nr < 0) {
		dev_warn(&pdev->dev,
			 "no interrupt vectors (%d): is the MSI controller (ITS) enabled? Transfers will be polled\n",
			 nr);
		return 0;
	}
	axl->msi.nr = nr;
	axl->msi.msix = pdev->msix_enabled;
	for (v = 0; v < nr; v++) {
		struct axl_vector *vec = &axl->msi.vectors[v];

		vec->axl = axl;
		vec->index = v;
		vec->irq = pci_irq_vector(pdev, v);
		snprintf(vec->name, sizeof(vec->name), "metis%d-%u", axl->id,
			 v);
	}
	axl_irq_route(axl);
	for (v = 0; v < nr; v++) {
		struct axl_vector *vec = &axl->msi.vectors[v];

		ret = request_irq(vec->irq, axl_irq_handler, 0, vec->name, vec);
		if (ret) {
			axl_irq_free_some(axl, v);
			return ret;
		}
	}
	return 0;
}

void axl_irq_free(struct axl_device *axl)
{
	if (!axl->msi.nr)
		return;
	/*
	 * The card sends no more messages, but a CPU may have accepted one
	 * without having looked up its vector yet: the vector must still exist.
	 */
	synchronize_rcu();
	axl_irq_free_some(axl, axl->msi.nr);
}

/**
 * axl_irq_setup() - allocate the state that outlives the hardware
 * @axl: the device
 *
 * Return: 0 or -ENOMEM; axl_irq_release() undoes both.
 */
int axl_irq_setup(struct axl_device *axl)
{
	unsigned int i;

	spin_lock_init(&axl->irq.lock);
	axl->msi.vectors = kvcalloc(AXL_NR_MESSAGES, sizeof(*axl->msi.vectors),
				    GFP_KERNEL);
	axl->events.counts = kvcalloc(AXL_NR_EVENTS + 1,
				      sizeof(*axl->events.counts), GFP_KERNEL);
	axl->irq.counts = kvcalloc(AXL_NR_EVENTS, sizeof(*axl->irq.counts),
				   GFP_KERNEL);
	axl->events.buckets = kvcalloc(AXL_EVENT_BUCKETS + 1, sizeof(*axl->events.buckets),
				       GFP_KERNEL);
	if (!axl->msi.vectors || !axl->events.counts || !axl->irq.counts ||
	    !axl->events.buckets)
		return -ENOMEM;
	for (i = 0; i <= AXL_EVENT_ANY_BUCKET; i++) {
		struct axl_event_bucket *bucket = &axl->events.buckets[i];

		spin_lock_init(&bucket->lock);
		init_waitqueue_head(&bucket->wait);
		INIT_LIST_HEAD(&bucket->bindings);
	}
	return 0;
}

void axl_irq_release(struct axl_device *axl)
{
	kvfree(axl->msi.vectors);
	kvfree(axl->events.counts);
	kvfree(axl->irq.counts);
	kvfree(axl->events.buckets);
}
