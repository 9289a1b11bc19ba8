/* SPDX-License-Identifier: GPL-2.0 */
/* Events: axl_event.c */
#ifndef AXL_EVENT_H
#define AXL_EVENT_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

struct axl_binding;
struct axl_device;
struct wait_queue_head;

/* Waiters and eventfds of the events whose numbers have the same low bits. */
struct axl_event_bucket {
	/* protects @bindings; taken in hard interrupts */
	spinlock_t lock;
	wait_queue_head_t wait;
	struct list_head bindings;
};

#define AXL_EVENT_BUCKETS	64
#define AXL_EVENT_ANY_BUCKET	AXL_EVENT_BUCKETS	/* extra bucket */

/* A card's events. */
struct axl_events {
	/* counts since probe by event number; the last entry is the sum */
	atomic64_t *counts;
	/* AXL_EVENT_BUCKETS entries and the one of AXL_EVENT_ANY */
	struct axl_event_bucket *buckets;
};

void axl_event_signal(struct axl_device *axl, unsigned int event);
void axl_event_wake_all(struct axl_device *axl);
u64 axl_event_count(struct axl_device *axl, u32 event);
struct wait_queue_head *axl_event_wait_head(struct axl_device *axl, u32 event);
struct axl_binding *axl_event_bind(struct axl_device *axl, u32 event, int fd);
void axl_event_unbind(struct axl_device *axl, struct axl_binding *binding);
bool axl_event_same(const struct axl_binding *a, const struct axl_binding *b);
u32 axl_binding_event(const struct axl_binding *binding);

#endif
