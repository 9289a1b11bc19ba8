// SPDX-License-Identifier: GPL-2.0
/*
 * Start-time fair queueing between clients. The entries of a client are spaced in
 * virtual time by their cost, and the entry with the earliest start is served first.
 * A client with many entries delays only itself. A new client waits for the entries
 * that are due now, not for all that are queued.
 */
#include <linux/math64.h>
#include <linux/minmax.h>

#include "axl_queue.h"

/**
 * axl_queue_init() - initialise an empty queue
 * @queue: the queue
 */
void axl_queue_init(struct axl_queue *queue)
{
	*queue = (struct axl_queue){ .entries = RB_ROOT_CACHED };
}

/**
 * axl_sfq_entry_init() - initialise an entry that is in no queue
 * @entry: the entry
 */
void axl_sfq_entry_init(struct axl_sfq_entry *entry)
{
	RB_CLEAR_NODE(&entry->node);
}

static bool axl_sfq_entry_before(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct axl_sfq_entry, node)->start <
	       rb_entry(b, struct axl_sfq_entry, node)->start;
}

static void axl_queue_insert(struct axl_queue *queue, struct axl_sfq_flow *flow,
			     struct axl_sfq_entry *entry)
{
	entry->flow = flow;
	if (!flow->nr_entries++)
		queue->nr_clients++;
	rb_add_cached(&entry->node, &queue->entries, axl_sfq_entry_before);
}

static void axl_queue_remove(struct axl_queue *queue, struct axl_sfq_entry *entry)
{
	rb_erase_cached(&entry->node, &queue->entries);
	RB_CLEAR_NODE(&entry->node);
	if (!--entry->flow->nr_entries)
		queue->nr_clients--;
}

/**
 * axl_queue_add() - queue an entry
 * @queue: the queue
 * @flow: the client's state in this queue
 * @entry: in no queue
 * @cost: below 2^48, so that virtual time never wraps
 */
void axl_queue_add(struct axl_queue *queue, struct axl_sfq_flow *flow,
		   struct axl_sfq_entry *entry, u64 cost)
{
	entry->start = max(queue->vtime, flow->finish);
	entry->cost = cost;
	flow->finish = entry->start + cost;
	axl_queue_insert(queue, flow, entry);
}

/**
 * axl_queue_add_first() - queue an entry before all that axl_queue_add() queued
 * @queue: the queue
 * @flow: the client's state in this queue
 * @entry: in no queue
 */
void axl_queue_add_first(struct axl_queue *queue, struct axl_sfq_flow *flow,
			 struct axl_sfq_entry *entry)
{
	entry->start = 0;
	entry->cost = 0;
	axl_queue_insert(queue, flow, entry);
}

/**
 * axl_queue_first() - look at the entry to be served next
 * @queue: the queue
 *
 * Return: the entry, which stays in the queue, or NULL: the queue is empty.
 */
struct axl_sfq_entry *axl_queue_first(const struct axl_queue *queue)
{
	return rb_entry_safe(rb_first_cached(&queue->entries), struct axl_sfq_entry,
			     node);
}

/**
 * axl_queue_take() - remove the first entry, to serve it
 * @queue: the queue
 * @entry: its first entry
 *
 * Virtual time advances with each entry, at least as fast as it would with
 * AXL_QUEUE_LAG more clients. New clients start at the current virtual time:
 * without the minimum a stream of new clients would starve an older one.
 */
void axl_queue_take(struct axl_queue *queue, struct axl_sfq_entry *entry)
{
	u64 least = div_u64(entry->cost, queue->nr_clients + AXL_QUEUE_LAG);

	queue->vtime = max(queue->vtime + least, entry->start);
	axl_queue_remove(queue, entry);
}

/**
 * axl_queue_drop() - remove an entry that will not be served
 * @queue: the queue it may be in
 * @entry: initialised
 *
 * With the last entry of a client the virtual time that its dropped entries had
 * reserved is given back.
 *
 * Return: false if the entry is in no queue.
 */
bool axl_queue_drop(struct axl_queue *queue, struct axl_sfq_entry *entry)
{
	struct axl_sfq_flow *flow = entry->flow;

	if (RB_EMPTY_NODE(&entry->node))
		return false;
	axl_queue_remove(queue, entry);
	if (!flow->nr_entries)
		flow->finish = min(flow->finish, queue->vtime);
	return true;
}
