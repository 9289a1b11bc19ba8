// SPDX-License-Identifier: GPL-2.0
/*
 * Vectors, the virtual-MSI table's reading side, and events: their counters,
 * waiters and eventfds. (hardware-notes: Interrupts)
 */
#include <linux/eventfd.h>
#include <linux/interrupt.h>
#include <linux/msi.h>
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

struct wait_queue_head *axl_event_wait_head(struct axl_device *axl, u32 event)
{
	return &axl_bucket(axl, event)->wait;
}

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

/*
 * Take what firmware left in the slots of this vector: true if any was pending.
 * @own: out: the slot with the vector's own number was.
 */
static bool axl_irq_slots(struct axl_vector *vec, bool *own)
{
	struct axl_device *axl = vec->axl;
	bool found = false;
	unsigned int n;

	if (!READ_ONCE(axl->published))
		return false;
	/* the slots were written before the message that brought us here */
	dma_rmb();
	for_each_set_bit(n, vec->slots, axl->nr_vmsi) {
		if (!(READ_ONCE(axl->vmsi[n]) & cpu_to_le32(1)))
			continue;
		/* cleared first: what comes from here on is another event */
		WRITE_ONCE(axl->vmsi[n], 0);
		found = true;
		if (n == vec->index)
			*own = true;
		atomic64_inc(&axl->vmsi_counts[n]);
		/* a DMA event is told when its channel has been looked at */
		if (!axl_is_dma(n))
			axl_event_signal(axl, n);
	}
	return found;
}

/*
 * Fewer vectors than messages, and firmware does not tell which event it was:
 * signal all that it can have been. None is lost; a waiter may find nothing.
 */
static void axl_irq_guess(struct axl_device *axl, bool online)
{
	unsigned int n;

	if (!READ_ONCE(axl->published)) {
		axl_event_signal(axl, AXL_EVENT_MAILBOX);
		axl_event_signal(axl, AXL_EVENT_MESSAGE);
	}
	if (!online || !axl->layout.contexts.valid)
		return;
	for (n = 0; n < AXL_CONTEXT_COUNT; n++)
		if (axl_context_sts(axl, n) <= 0)
			axl_event_signal(axl, AXL_EVENT_CONTEXT(n));
}

/* Firmware says that it uses the slot of this event. */
static bool axl_irq_told(const struct axl_device *axl, unsigned int n)
{
	return axl->layout.vmsi.valid && n < axl->nr_vmsi &&
	       axl->vmsi_cfg.pmsi_of[n] != AXL_PMSI_UNKNOWN;
}

static irqreturn_t axl_irq_handler(int irq, void *data)
{
	struct axl_vector *vec = data;
	struct axl_device *axl = vec->axl;
	bool online = READ_ONCE(axl->online);
	u8 channels = READ_ONCE(vec->channels);
	bool own = false, found = false, slots;

	atomic64_inc(&vec->count);
	trace_axl_irq(axl, vec->index);

	if (online && channels)
		found |= axl_dma_irq(axl, channels);
	slots = axl_irq_slots(vec, &own);
	found |= slots;
	if (axl_irq_own(axl)) {
		/*
		 * The message may have announced another slot. Then its own
		 * event is counted only if firmware would not use a slot for it.
		 */
		if (!own && !axl_is_dma(vec->index) &&
		    !(slots && axl_irq_told(axl, vec->index))) {
			axl_event_signal(axl, vec->index);
			found = true;
		}
	} else if (!axl_irq_exact(axl)) {
		axl_irq_guess(axl, online);
		found = true;
	}
	if (!found)
		atomic64_inc(&axl->stray_irqs);
	return IRQ_HANDLED;
}

/**
 * axl_irq_exact() - is every event counted exactly once
 * @axl: the device
 *
 * Either each message has its own vector, or firmware tells by the table, and
 * its configuration says that it does so for every event.
 */
bool axl_irq_exact(const struct axl_device *axl)
{
	static const u8 told[] = { 0, 1, 2, 3, AXL_EVENT_MAILBOX,
				   AXL_EVENT_MESSAGE };
	unsigned int i;

	if (axl_irq_own(axl))
		return true;
	if (!READ_ONCE(axl->published))
		return false;
	for (i = 0; i < ARRAY_SIZE(told); i++)
		if (!axl_irq_told(axl, told[i]))
			return false;
	return true;
}

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
		vec->channels = axl_is_dma(v) ? BIT(v - AXL_PMSI_DMA_READ) : 0;
		/*
		 * A slot is looked at by the message that announces it; one
		 * below 32 also by the message of the same number.
		 */
		__set_bit(v, vec->slots);
		for (n = 0; n < axl->nr_vmsi; n++) {
			if (axl_irq_told(axl, n) ?
			    axl->vmsi_cfg.pmsi_of[n] == v :
			    n >= AXL_NR_MESSAGES && !axl_is_dma(v))
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
 * axl_irq_sync() - wait for handlers that run
 * @axl: the device
 */
void axl_irq_sync(struct axl_device *axl)
{
	unsigned int v;

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
	if (axl->nr_vectors)
		axl_irq_free_some(axl, axl->nr_vectors);
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
