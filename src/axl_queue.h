/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Start-time fair queueing (Goyal, Vin, Cheng, 1996). Independent of transfers; the
 * caller does the locking.
 */
#ifndef AXL_QUEUE_H
#define AXL_QUEUE_H

#include <linux/rbtree.h>
#include <linux/types.h>

/*
 * A client can be delayed by at most so many new clients in addition to those that
 * are queued.
 */
#define AXL_QUEUE_LAG		64

/**
 * struct axl_queue - entries, sorted by start
 * @entries: by &axl_sfq_entry.start
 * @vtime: virtual time: the cost that a client would have used which was always
 *	served
 * @nr_clients: with an entry in the queue
 */
struct axl_queue {
	struct rb_root_cached entries;
	u64 vtime;
	u32 nr_clients;
};

/**
 * struct axl_sfq_flow - the state of a client in one queue; all zero at first
 * @finish: virtual time at which all its entries will have been served
 * @nr_entries: in the queue
 */
struct axl_sfq_flow {
	u64 finish;
	u32 nr_entries;
};

/**
 * struct axl_sfq_entry - an entry of a queue, or one that is in no queue
 * @node: in axl_queue.entries, or empty
 * @flow: its client's; outlives the entry
 * @start: virtual time at which it is served
 * @cost: in a unit of the caller's
 */
struct axl_sfq_entry {
	struct rb_node node;
	struct axl_sfq_flow *flow;
	u64 start;
	u64 cost;
};

void axl_queue_init(struct axl_queue *queue);
void axl_sfq_entry_init(struct axl_sfq_entry *entry);
void axl_queue_add(struct axl_queue *queue, struct axl_sfq_flow *flow,
		   struct axl_sfq_entry *entry, u64 cost);
void axl_queue_add_first(struct axl_queue *queue, struct axl_sfq_flow *flow,
			 struct axl_sfq_entry *entry);
struct axl_sfq_entry *axl_queue_first(const struct axl_queue *queue);
void axl_queue_take(struct axl_queue *queue, struct axl_sfq_entry *entry);
bool axl_queue_drop(struct axl_queue *queue, struct axl_sfq_entry *entry);

#endif /* AXL_QUEUE_H */
