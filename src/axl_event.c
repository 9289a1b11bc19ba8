// SPDX-License-Identifier: GPL-2.0
/*
 * Events: their counters, waiters and eventfds. (hardware-notes: Interrupts)
 */
#include <linux/eventfd.h>
#include <linux/export.h>
#include <linux/slab.h>

#include "axl_device.h"
#include "axl_event.h"

/**
 * struct axl_binding - an eventfd bound to an event
 * @node: in &axl_event_bucket.bindings
 * @ctx: the eventfd, referenced
 * @event: number, or AXL_EVENT_ANY
 */
struct axl_binding {
	struct list_head node;
	struct eventfd_ctx *ctx;
	u32 event;
};

static struct axl_event_bucket *axl_bucket(struct axl_device *axl, u32 event)
{
	if (event == AXL_EVENT_ANY)
		return &axl->events.buckets[AXL_EVENT_ANY_BUCKET];
	return &axl->events.buckets[event % AXL_EVENT_BUCKETS];
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
 * axl_event_signal() - count an event and wake its waiters
 * @axl: the device
 * @event: below AXL_NR_EVENTS
 *
 * Any context.
 */
void axl_event_signal(struct axl_device *axl, unsigned int event)
{
	atomic64_inc(&axl->events.counts[event]);
	atomic64_inc(&axl->events.counts[AXL_NR_EVENTS]);
	axl_bucket_signal(axl, event);
	axl_bucket_signal(axl, AXL_EVENT_ANY);
}

/**
 * axl_event_wake_all() - wake every waiter to check the device again
 * @axl: the device: its generation or its state has changed
 */
void axl_event_wake_all(struct axl_device *axl)
{
	unsigned int i;

	for (i = 0; i <= AXL_EVENT_ANY_BUCKET; i++)
		wake_up_all(&axl->events.buckets[i].wait);
}

u64 axl_event_count(struct axl_device *axl, u32 event)
{
	if (event == AXL_EVENT_ANY)
		event = AXL_NR_EVENTS;
	return atomic64_read(&axl->events.counts[event]);
}
EXPORT_SYMBOL_AXL(axl_event_count);

struct wait_queue_head *axl_event_wait_head(struct axl_device *axl, u32 event)
{
	return &axl_bucket(axl, event)->wait;
}
EXPORT_SYMBOL_AXL(axl_event_wait_head);

/**
 * axl_event_bind() - bind an eventfd to an event
 * @axl: the device
 * @event: number or AXL_EVENT_ANY, checked by the caller
 * @fd: file descriptor of the eventfd
 *
 * May sleep.
 *
 * Return: the binding, for axl_event_unbind(), or an ERR_PTR(): -EBADF or
 * -EINVAL (not an eventfd), -ENOMEM.
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
 * axl_event_same() - check whether two bindings have the same event and eventfd
 * @a: a binding
 * @b: another binding
 */
bool axl_event_same(const struct axl_binding *a, const struct axl_binding *b)
{
	return a->event == b->event && a->ctx == b->ctx;
}

u32 axl_binding_event(const struct axl_binding *binding)
{
	return binding->event;
}
