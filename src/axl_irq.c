// SPDX-License-Identifier: GPL-2.0
/*
 * Vectors, the virtual-MSI table's reading side, events: their counters, waiters
 * and eventfds, and what is done when messages do not arrive.
 * (hardware-notes: Interrupts)
 */
#include <linux/delay.h>
#include <linux/eventfd.h>
#include <linux/interrupt.h>
#include <linux/iopoll.h>
#include <linux/msi.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "axl.h"
#include "axl_trace.h"

static unsigned int max_vectors = AXL_NR_MESSAGES;
module_param(max_vectors, uint, 0444);
MODULE_PARM_DESC(max_vectors, "Interrupt vectors to ask for, 1..32 (32)");

/**
 * struct axl_binding - an eventfd that follows an event
 * @node: in its bucket
 * @ctx: the eventfd
 * @event: number, or AXL_EVENT_ANY
 */
struct axl_binding {
	struct list_head node;
	struct eventfd_ctx *ctx;
	u32 event;
};

/* Where no messages arrive: how often busy channels are looked at. */
#define AXL_POLL_MIN_NS		(50 * NSEC_PER_USEC)
#define AXL_POLL_MAX_NS		NSEC_PER_MSEC

/* How often a card that is open is looked after, with and without messages. */
#define AXL_MONITOR_MS		100
#define AXL_MONITOR_POLL_MS	10
/* The same for what can only be guessed at: it wakes waiters for nothing. */
#define AXL_GUESS		(HZ / 10)

/* How long a message may take after the slot that it announces. */
#define AXL_IRQ_GRACE_US	20000

#define AXL_PMSI_DMA_READ	4
#define AXL_PMSI_DMA_WRITE	8
#define AXL_PMSI_DMA_END	12

static bool axl_is_dma(unsigned int n)
{
	return n >= AXL_PMSI_DMA_READ && n < AXL_PMSI_DMA_END;
}

/* With all messages granted each has a vector of its own. */
static bool axl_irq_own(const struct axl_device *axl)
{
	return axl->nr_vectors == AXL_NR_MESSAGES;
}

static struct axl_event_bucket *axl_bucket(struct axl_device *axl, u32 event)
{
	if (event == AXL_EVENT_ANY)
		return &axl->buckets[AXL_EVENT_ANY_BUCKET];
	return &axl->buckets[event % AXL_EVENT_BUCKETS];
}

static void axl_bucket_signal(struct axl_device *axl, u32 event)
{
	struct axl_event_bucket *bucket = axl_bucket(axl, event);
	struct axl_binding *binding;
	unsigned long flags;

	spin_lock_irqsave(&bucket->lock, flags);
	list_for_each_entry(binding, &bucket->bindings, node)
		if (binding->event == event)
			axl_eventfd_signal(binding->ctx);
	spin_unlock_irqrestore(&bucket->lock, flags);
	if (wq_has_sleeper(&bucket->wait))
		wake_up_all(&bucket->wait);
}

/**
 * axl_event_signal() - an event happened
 * @axl: the device
 * @event: below AXL_NR_EVENTS
 */
void axl_event_signal(struct axl_device *axl, unsigned int event)
{
	atomic64_inc(&axl->event_counts[event]);
	atomic64_inc(&axl->event_counts[AXL_NR_EVENTS]);
	axl_bucket_signal(axl, event);
	axl_bucket_signal(axl, AXL_EVENT_ANY);
}

/**
 * axl_event_wake_all() - let every waiter look again
 * @axl: the device: its generation or its state has changed
 */
void axl_event_wake_all(struct axl_device *axl)
{
	unsigned int i;

	for (i = 0; i <= AXL_EVENT_ANY_BUCKET; i++)
		wake_up_all(&axl->buckets[i].wait);
}

u64 axl_event_count(struct axl_device *axl, u32 event)
{
	if (event == AXL_EVENT_ANY)
		event = AXL_NR_EVENTS;
	return atomic64_read(&axl->event_counts[event]);
}
EXPORT_SYMBOL_AXL(axl_event_count);

struct wait_queue_head *axl_event_wait_head(struct axl_device *axl, u32 event)
{
	return &axl_bucket(axl, event)->wait;
}
EXPORT_SYMBOL_AXL(axl_event_wait_head);

/**
 * axl_event_bind() - make an eventfd follow an event
 * @axl: the device
 * @event: checked by the caller
 * @fd: the eventfd
 *
 * Return: the binding, for axl_event_unbind(), or an error.
 */
struct axl_binding *axl_event_bind(struct axl_device *axl, u32 event, int fd)
{
	struct axl_event_bucket *bucket = axl_bucket(axl, event);
	struct axl_binding *binding;
	struct eventfd_ctx *ctx;

	ctx = eventfd_ctx_fdget(fd);
	if (IS_ERR(ctx))
		return ERR_CAST(ctx);
	binding = kzalloc(sizeof(*binding), GFP_KERNEL_ACCOUNT);
	if (!binding) {
		eventfd_ctx_put(ctx);
		return ERR_PTR(-ENOMEM);
	}
	binding->ctx = ctx;
	binding->event = event;
	spin_lock_irq(&bucket->lock);
	list_add_tail(&binding->node, &bucket->bindings);
	spin_unlock_irq(&bucket->lock);
	return binding;
}

void axl_event_unbind(struct axl_device *axl, struct axl_binding *binding)
{
	struct axl_event_bucket *bucket = axl_bucket(axl, binding->event);

	spin_lock_irq(&bucket->lock);
	list_del(&binding->node);
	spin_unlock_irq(&bucket->lock);
	eventfd_ctx_put(binding->ctx);
	kfree(binding);
}

/**
 * axl_event_same() - is this the same event and the same eventfd
 * @a: a binding
 * @b: another
 */
bool axl_event_same(const struct axl_binding *a, const struct axl_binding *b)
{
	return a->event == b->event && a->ctx == b->ctx;
}

u32 axl_binding_event(const struct axl_binding *binding)
{
	return binding->event;
}

static bool axl_slot_pending(struct axl_device *axl, unsigned int n)
{
	return READ_ONCE(axl->vmsi[n]) & cpu_to_le32(1);
}

/* Firmware says that it uses the slot of this event. */
static bool axl_irq_told(const struct axl_device *axl, unsigned int n)
{
	return axl->layout.vmsi.valid && n < axl->nr_vmsi &&
	       axl->vmsi_cfg.pmsi_of[n] != AXL_PMSI_UNKNOWN;
}

/* The message that announces a slot; AXL_NR_MESSAGES if that is not known. */
static unsigned int axl_slot_message(const struct axl_device *axl,
				     unsigned int n)
{
	if (axl_irq_told(axl, n))
		return axl->vmsi_cfg.pmsi_of[n];
	return n < AXL_NR_MESSAGES ? n : AXL_NR_MESSAGES;
}

/*
 * Take a slot if it is pending. @announced: by the message that is being
 * handled; if not, that may still come, and must not count once more.
 */
static bool axl_slot_take(struct axl_device *axl, unsigned int n,
			  bool announced)
{
	unsigned int message = axl_slot_message(axl, n);
	unsigned long flags;
	bool pending;

	if (!axl_slot_pending(axl, n))
		return false;
	spin_lock_irqsave(&axl->vmsi_lock, flags);
	pending = axl_slot_pending(axl, n);
	if (pending) {
		clear_bit(n, axl->vmsi_seen);
		if (!announced && message < AXL_NR_MESSAGES)
			set_bit(message, &axl->vmsi_taken);
		/* who finds the slot empty must see that it was taken */
		smp_mb__after_atomic();
		/* first of all: what comes from here on is another event */
		WRITE_ONCE(axl->vmsi[n], 0);
	}
	spin_unlock_irqrestore(&axl->vmsi_lock, flags);
	if (!pending)
		return false;
	atomic64_inc(&axl->vmsi_counts[n]);
	/* a DMA event is told when its channel has been looked at */
	if (!axl_is_dma(n))
		axl_event_signal(axl, n);
	return true;
}

/* Can anything have been written to the table? */
static bool axl_slots_used(const struct axl_device *axl)
{
	return READ_ONCE(axl->published) || READ_ONCE(axl->guard) == AXL_GUARD_ACTIVE;
}

/**
 * axl_irq_take_all() - take every pending slot
 * @axl: the device
 *
 * Return: how many.
 */
unsigned int axl_irq_take_all(struct axl_device *axl)
{
	unsigned int n, found = 0;

	for (n = 0; n < AXL_NR_EVENTS; n++)
		found += axl_slot_take(axl, n, false);
	return found;
}

/**
 * axl_irq_rescued() - slots came although firmware does not know the table
 * @axl: the device
 * @nr: how many
 */
void axl_irq_rescued(struct axl_device *axl, unsigned int nr)
{
	if (!nr || READ_ONCE(axl->guard) != AXL_GUARD_ACTIVE)
		return;
	atomic64_add(nr, &axl->rescued);
	if (xchg(&axl->rescued_said, true))
		return;
	dev_info(&axl->pdev->dev,
		 "restarting firmware signalled before it knew where to: the guard page at bus address 0 caught it\n");
}

/* Slots were taken: by which way did they come? */
static void axl_slots_came(struct axl_device *axl, unsigned int nr, bool online)
{
	if (!nr)
		return;
	if (!READ_ONCE(axl->published)) {
		axl_irq_rescued(axl, nr);
	} else if (online && axl_hostif_lost(axl)) {
		axl_irq_rescued(axl, nr);
		axl_restart_seen(axl);
	}
}

/**
 * axl_irq_lost() - something happened without its message
 * @axl: the device
 * @nr: how often
 * @what: for the log
 */
void axl_irq_lost(struct axl_device *axl, unsigned int nr, const char *what)
{
	if (!nr || axl_polled(axl))
		return;
	atomic64_add(nr, &axl->lost_irqs);
	if (xchg(&axl->lost_said, true))
		return;
	dev_warn(&axl->pdev->dev,
		 "%s without its interrupt: completion polled; lost messages are counted, see metisctl info\n",
		 what);
}

/*
 * Take what firmware left in the slots of this vector: how many were pending.
 * @own: out: the slot with the vector's own number was.
 * @mine: out: how many this vector announces.
 */
static unsigned int axl_irq_slots(struct axl_vector *vec, bool *own,
				  unsigned int *mine)
{
	struct axl_device *axl = vec->axl;
	unsigned int n, found = 0;
	bool announced;

	if (!axl_slots_used(axl))
		return 0;
	/* the slots were written before the message that brought us here */
	dma_rmb();
	for_each_set_bit(n, vec->slots, axl->nr_vmsi) {
		announced = !axl_irq_own(axl) ||
			    axl_slot_message(axl, n) == vec->index;
		if (!axl_slot_take(axl, n, announced))
			continue;
		found++;
		*mine += announced;
		if (n == vec->index)
			*own = true;
	}
	return found;
}

/*
 * Take slots, from @n up to @end, whose message has not come. @seen_only: only
 * those that the last look found, too.
 */
static void axl_irq_look(struct axl_device *axl, unsigned int n,
			 unsigned int end, bool seen_only)
{
	unsigned int found = 0;

	if (!axl_slots_used(axl))
		return;
	dma_rmb();
	for (end = min(end, axl->nr_vmsi); n < end; n++) {
		if (!axl_slot_pending(axl, n))
			clear_bit(n, axl->vmsi_seen);
		else if (!seen_only || test_and_set_bit(n, axl->vmsi_seen))
			found += axl_slot_take(axl, n, false);
	}
	axl_irq_lost(axl, found, "an event came");
	axl_slots_came(axl, found, true);
}

/**
 * axl_irq_late() - a wait for an event is about to time out: look once more
 * @axl: the device
 * @event: number, or AXL_EVENT_ANY
 *
 * A slot that is pending may have its message under way; it is given a moment.
 */
void axl_irq_late(struct axl_device *axl, u32 event)
{
	unsigned int n = event == AXL_EVENT_ANY ? 0 : event, end;
	int idx;

	if (axl_enter(axl, &idx))
		return;
	end = event == AXL_EVENT_ANY ? axl->nr_vmsi :
				       min(event + 1, axl->nr_vmsi);
	while (n < end && !axl_slot_pending(axl, n))
		n++;
	if (n < end && axl_slots_used(axl)) {
		fsleep(AXL_IRQ_GRACE_US);
		axl_irq_look(axl, n, end, false);
	}
	axl_exit(axl, idx);
}
EXPORT_SYMBOL_AXL(axl_irq_late);

/* Unless its slot was taken before the message came. */
static void axl_irq_guess_one(struct axl_device *axl, unsigned int n)
{
	if (!test_and_clear_bit(n, &axl->vmsi_taken))
		axl_event_signal(axl, n);
}

/*
 * Fewer vectors than messages, and firmware does not tell which event it was:
 * signal all that it can have been. None is lost; a waiter may find nothing.
 */
static void axl_irq_guess(struct axl_device *axl, bool online)
{
	unsigned int n;

	if (!READ_ONCE(axl->published)) {
		axl_irq_guess_one(axl, AXL_EVENT_MAILBOX);
		axl_irq_guess_one(axl, AXL_EVENT_MESSAGE);
	}
	if (!online || !axl->layout.contexts.valid)
		return;
	for (n = 0; n < AXL_CONTEXT_COUNT; n++)
		if (axl_context_sts(axl, n) <= 0)
			axl_event_signal(axl, AXL_EVENT_CONTEXT(n));
}

/*
 * Each message has its vector: count the event of this one, unless a slot has
 * told it. False when no slot came with the message.
 */
static bool axl_irq_own_event(struct axl_vector *vec, bool own, bool mine)
{
	struct axl_device *axl = vec->axl;
	bool told = axl_irq_told(axl, vec->index);

	if (axl_is_dma(vec->index))
		return true;
	if (own) {
		clear_bit(vec->index, &axl->vmsi_taken);
		return true;
	}
	/* the slot was taken before this message came */
	if (test_and_clear_bit(vec->index, &axl->vmsi_taken))
		return true;
	/*
	 * The message may have announced another slot. Then its own event is
	 * counted only if firmware would not use a slot for it.
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
	/* pairs with axl_set_online() */
	bool online = smp_load_acquire(&axl->online);
	u8 channels = READ_ONCE(vec->channels);
	/* now: what is found below can start a recovery that changes it */
	bool exact = axl_irq_exact(axl);
	bool own = false, found = false, odd = false;
	unsigned int slots, mine = 0;

	atomic64_inc(&vec->count);
	trace_axl_irq(axl, vec->index);

	if (online && channels && axl_dma_irq(axl, channels)) {
		WRITE_ONCE(axl->lost_row, 0);
		found = true;
	}
	slots = axl_irq_slots(vec, &own, &mine);
	axl_slots_came(axl, slots, online);
	found |= slots;
	if (axl_irq_own(axl)) {
		odd = !axl_irq_own_event(vec, own, mine);
		found |= !axl_is_dma(vec->index);
		/* each had a message; the next will find nothing */
		if (mine > 1 && axl_irq_told(axl, vec->index))
			set_bit(vec->index, &axl->vmsi_taken);
	} else if (!exact && !READ_ONCE(axl->testing)) {
		odd = !found;
		axl_irq_guess(axl, online);
		found = true;
	}
	if (!online)
		return IRQ_HANDLED;
	if (!found)
		atomic64_inc(&axl->stray_irqs);
	/* no slot came with the message: one may have gone astray */
	if ((odd || !found) && axl_hostif_lost(axl))
		axl_restart_seen(axl);
	return IRQ_HANDLED;
}

/**
 * axl_irq_exact() - is every event counted exactly once
 * @axl: the device
 *
 * Either each message arrives on a vector of its own, or firmware tells by the
 * table, and its configuration says that it does so for every event.
 */
bool axl_irq_exact(const struct axl_device *axl)
{
	static const u8 told[] = { 0, 1, 2, 3, AXL_EVENT_MAILBOX,
				   AXL_EVENT_MESSAGE };
	unsigned int i;

	if (axl_irq_own(axl) && !axl_polled(axl))
		return true;
	if (!READ_ONCE(axl->published))
		return false;
	for (i = 0; i < ARRAY_SIZE(told); i++)
		if (!axl_irq_told(axl, told[i]))
			return false;
	return true;
}
EXPORT_SYMBOL_AXL(axl_irq_exact);

/* All channels of one direction in struct axl_vector.channels */
static u8 axl_irq_dir_mask(bool to_device)
{
	return to_device ? GENMASK(3, 0) : GENMASK(7, 4);
}

/**
 * axl_irq_route() - decide what to look at when a vector fires
 * @axl: the device; offline, or its interrupts not yet requested
 */
void axl_irq_route(struct axl_device *axl)
{
	unsigned int v, n;

	for (v = 0; v < axl->nr_vectors; v++) {
		struct axl_vector *vec = &axl->vectors[v];

		bitmap_zero(vec->slots, AXL_NR_EVENTS);
		if (!axl_irq_own(axl)) {
			vec->channels = 0xff;
			bitmap_fill(vec->slots, AXL_NR_EVENTS);
			continue;
		}
		/* a transfer's message is the engine's own: no slot goes with it */
		if (axl_is_dma(v)) {
			vec->channels = BIT(v - AXL_PMSI_DMA_READ);
			continue;
		}
		/*
		 * Any message of firmware looks at all slots below 32, lest one
		 * whose message is lost has to wait; at others that which
		 * announces them.
		 */
		vec->channels = 0;
		bitmap_set(vec->slots, 0, AXL_NR_MESSAGES);
		for (n = 0; n < axl->nr_vmsi; n++) {
			if (axl_irq_told(axl, n) ?
			    axl->vmsi_cfg.pmsi_of[n] == v :
			    n >= AXL_NR_MESSAGES)
				__set_bit(n, vec->slots);
		}
	}
}

static int axl_irq_vector_message(struct axl_device *axl, unsigned int v,
				  struct msi_msg *msg)
{
	get_cached_msi_msg(axl->vectors[v].irq, msg);
	/* all vectors of a multi-message MSI report the message of the first */
	if (!axl->msix)
		msg->data |= v;
	/* the engine sends 16 bits, zero-extended */
	return msg->data >> 16 ? -ERANGE : 0;
}

/**
 * axl_irq_message() - the messages that a direction's channels are to send
 * @axl: the device
 * @to_device: the direction
 * @addr: out: bus address; behind an IOMMU an IOVA
 * @data: out: per channel
 *
 * There is one address for all channels. If their vectors have several, all use
 * the vector of the first.
 *
 * Return: 0, -ENOENT (no vectors) or -ERANGE (the engine cannot send this).
 */
int axl_irq_message(struct axl_device *axl, bool to_device, u64 *addr,
		    u16 data[AXL_NR_CHANNELS])
{
	unsigned int base = to_device ? AXL_PMSI_DMA_READ : AXL_PMSI_DMA_WRITE;
	unsigned int n, v, first = 0;
	struct msi_msg msg;
	u64 this;
	int ret;

	if (!axl->nr_vectors)
		return -ENOENT;
	for (n = 0; n < AXL_NR_CHANNELS; n++) {
		v = (base + n) % axl->nr_vectors;
		ret = axl_irq_vector_message(axl, v, &msg);
		if (ret)
			return ret;
		this = (u64)msg.address_hi << 32 | msg.address_lo;
		if (!n) {
			first = v;
			*addr = this;
		} else if (this != *addr) {
			WRITE_ONCE(axl->vectors[first].channels,
				   axl->vectors[first].channels |
				   axl_irq_dir_mask(to_device));
			memset16(data, data[0], AXL_NR_CHANNELS);
			return 0;
		}
		data[n] = msg.data;
	}
	return 0;
}

/**
 * axl_irq_sync() - wait for handlers that run, and for the polling timer
 * @axl: the device, offline
 */
void axl_irq_sync(struct axl_device *axl)
{
	unsigned int v;

	hrtimer_cancel(&axl->poll_timer);
	for (v = 0; v < axl->nr_vectors; v++)
		synchronize_irq(axl->vectors[v].irq);
}

static void axl_irq_free_some(struct axl_device *axl, unsigned int nr)
{
	while (nr--)
		free_irq(axl->vectors[nr].irq, &axl->vectors[nr]);
	pci_free_irq_vectors(axl->pdev);
	axl->nr_vectors = 0;
}

/**
 * axl_irq_alloc() - get vectors and their handlers
 * @axl: the device; its layout is known
 *
 * As many as the host gives; with none transfers still end, found by looking.
 *
 * Return: 0 or an error other than the lack of vectors.
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
	axl->nr_vectors = nr;
	axl->msix = pdev->msix_enabled;
	for (v = 0; v < nr; v++) {
		struct axl_vector *vec = &axl->vectors[v];

		vec->axl = axl;
		vec->index = v;
		vec->irq = pci_irq_vector(pdev, v);
		snprintf(vec->name, sizeof(vec->name), "metis%d-%u", axl->id,
			 v);
	}
	axl_irq_route(axl);
	for (v = 0; v < nr; v++) {
		struct axl_vector *vec = &axl->vectors[v];

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
	if (!axl->nr_vectors)
		return;
	/*
	 * The card sends nothing any more, but a processor may have taken a
	 * message and not looked up its vector yet: that must still be there.
	 */
	synchronize_rcu();
	axl_irq_free_some(axl, axl->nr_vectors);
}

/*
 * The self-test: how many messages may be missing, and how long the first may
 * take. Each later one may take twice as long as the one before: a host that
 * stalls for some time (a virtual machine without its processors, a slow
 * console) must not look like one that loses messages.
 */
#define AXL_IRQ_TEST_MISSES	3
#define AXL_IRQ_TEST_US		50000

/* Messages that may be about the self-test's transfer. */
static u64 axl_irq_test_count(struct axl_device *axl)
{
	u64 sum = 0;
	unsigned int v;

	for (v = 0; v < axl->nr_vectors; v++)
		if (axl->vectors[v].channels & axl_irq_dir_mask(false))
			sum += atomic64_read(&axl->vectors[v].count);
	return sum;
}

/*
 * Let write channel 0 move eight bytes of L2 to a spare place of the table's
 * buffer. Return: 1 a message came, 0 none did, -ENODATA the transfer did not
 * succeed, -EIO the channel does not stop.
 */
static int axl_irq_try(struct axl_device *axl, unsigned int limit_us)
{
	struct axl_dma_dir *dir = &axl->dirs[AXL_DIR_FROM_DEVICE];
	const struct axl_elem elem = {
		.size = sizeof(u64),
		.sar = axl->layout.l2_base,
		.dar = axl->vmsi_dma + AXL_VMSI_SPARE,
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

/* Why messages do not arrive, as far as can be seen from here. */
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
	if (axl->layout.dma_vm)
		return "firmware sends them itself (dma_vm), to somewhere else";
	if (axl_irq_message(axl, false, &addr, data))
		return "the engine cannot send such a message; try max_vectors=1";
	if (IS_ENABLED(CONFIG_ARM64) && !axl_iommu_maps(axl, addr))
		return "the IOMMU does not map the interrupt controller: see msi-map";
	return "see ITS, msi-map, affinity; in a virtual machine use dma_vm firmware";
}

/* Where other events share the vectors one message proves little: ask for two. */
static int axl_irq_test(struct axl_device *axl, enum axl_delivery *delivery)
{
	unsigned int wanted = axl_irq_own(axl) ? 1 : 2;
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
	/* more than the transfers': something else has happened, too */
	if (!axl_irq_exact(axl) && axl_irq_test_count(axl) - came > got)
		axl_irq_guess(axl, false);
	return 0;
}

/**
 * axl_irq_selftest() - find out whether the engine's messages arrive
 * @axl: the device: held, bus mastering on, interrupts requested
 *
 * Return: 0, or -EIO: the engine hangs.
 */
int axl_irq_selftest(struct axl_device *axl)
{
	enum axl_delivery delivery = AXL_DELIVERY_POLLED;
	int ret = 0;

	axl->lost_row = 0;
	axl->poll_ns = AXL_POLL_MIN_NS;
	/* the log knows since they could not be had */
	if (axl->nr_vectors) {
		WRITE_ONCE(axl->testing, true);
		ret = axl_irq_test(axl, &delivery);
		WRITE_ONCE(axl->testing, false);
		if (delivery == AXL_DELIVERY_POLLED && !axl_polled(axl))
			dev_warn(&axl->pdev->dev,
				 "interrupts of the DMA engine do not arrive, transfers are polled: %s\n",
				 axl_irq_why_silent(axl));
	}
	WRITE_ONCE(axl->delivery, delivery);
	return ret;
}

/**
 * axl_irq_poll_arm() - a channel runs, and no message will tell its end
 * @axl: the device
 */
void axl_irq_poll_arm(struct axl_device *axl)
{
	if (!hrtimer_is_queued(&axl->poll_timer))
		hrtimer_start(&axl->poll_timer, ns_to_ktime(axl->poll_ns),
			      HRTIMER_MODE_REL);
}

/* Look at the busy channels; less and less often while nothing ends. */
static enum hrtimer_restart axl_irq_poll(struct hrtimer *timer)
{
	struct axl_device *axl = container_of(timer, struct axl_device,
					      poll_timer);

	/*
	 * Pairs with axl_set_online(). A recovery that is due flushes them, or
	 * the watchdog arms this again.
	 */
	if (!smp_load_acquire(&axl->online) || READ_ONCE(axl->reset_why))
		return HRTIMER_NORESTART;
	if (axl_dma_irq(axl, 0xff))
		axl->poll_ns = AXL_POLL_MIN_NS;
	else
		axl->poll_ns = min_t(u64, 2 * axl->poll_ns, AXL_POLL_MAX_NS);
	/* not by the return value: what was started just now has armed it, too */
	if (!axl_dma_idle(axl))
		axl_irq_poll_arm(axl);
	return HRTIMER_NORESTART;
}

/*
 * While the card is open: did it restart by itself, did an event come whose
 * message did not? Configuration space and host memory first; L2 when a slot
 * was found, and for contexts where nothing else tells.
 */
static void axl_monitor(struct work_struct *work)
{
	struct axl_device *axl = container_of(to_delayed_work(work),
					      struct axl_device, monitor);
	bool polled = axl_polled(axl);
	int idx;

	if (axl_check_link(axl) && !axl_enter(axl, &idx)) {
		axl_irq_look(axl, 0, AXL_NR_EVENTS, !polled);
		/* what has no slot can have happened at any time */
		if (polled && !axl_irq_exact(axl) &&
		    time_after_eq(jiffies, axl->guess_at)) {
			axl->guess_at = jiffies + AXL_GUESS;
			axl_irq_guess(axl, true);
		}
		axl_exit(axl, idx);
	}
	axl_monitor_start(axl);
}

/**
 * axl_monitor_start() - look after the card while it is open
 * @axl: the device
 */
void axl_monitor_start(struct axl_device *axl)
{
	unsigned int ms = axl_polled(axl) ? AXL_MONITOR_POLL_MS :
					    AXL_MONITOR_MS;

	if (!READ_ONCE(axl->gone) && axl_cdev_opened(axl))
		queue_delayed_work(axl->wq, &axl->monitor,
				   msecs_to_jiffies(ms));
}

/**
 * axl_monitor_stop() - the device goes away
 * @axl: the device
 */
void axl_monitor_stop(struct axl_device *axl)
{
	cancel_delayed_work_sync(&axl->monitor);
}

/**
 * axl_irq_setup() - allocate what outlives the hardware
 * @axl: the device
 *
 * Return: 0 or -ENOMEM; undone by axl_irq_release() in both cases.
 */
int axl_irq_setup(struct axl_device *axl)
{
	unsigned int i;

	spin_lock_init(&axl->vmsi_lock);
	INIT_DELAYED_WORK(&axl->monitor, axl_monitor);
	axl_hrtimer_setup(&axl->poll_timer, axl_irq_poll, CLOCK_MONOTONIC,
			  HRTIMER_MODE_REL);
	axl->vectors = kvcalloc(AXL_NR_MESSAGES, sizeof(*axl->vectors),
				GFP_KERNEL);
	axl->event_counts = kvcalloc(AXL_NR_EVENTS + 1,
				     sizeof(*axl->event_counts), GFP_KERNEL);
	axl->vmsi_counts = kvcalloc(AXL_NR_EVENTS, sizeof(*axl->vmsi_counts),
				    GFP_KERNEL);
	axl->buckets = kvcalloc(AXL_EVENT_BUCKETS + 1, sizeof(*axl->buckets),
				GFP_KERNEL);
	if (!axl->vectors || !axl->event_counts || !axl->vmsi_counts ||
	    !axl->buckets)
		return -ENOMEM;
	for (i = 0; i <= AXL_EVENT_ANY_BUCKET; i++) {
		struct axl_event_bucket *bucket = &axl->buckets[i];

		spin_lock_init(&bucket->lock);
		init_waitqueue_head(&bucket->wait);
		INIT_LIST_HEAD(&bucket->bindings);
	}
	return 0;
}

void axl_irq_release(struct axl_device *axl)
{
	kvfree(axl->vectors);
	kvfree(axl->event_counts);
	kvfree(axl->vmsi_counts);
	kvfree(axl->buckets);
}
