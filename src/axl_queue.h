/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who is next: start-time fair queueing (Goyal, Vin, Cheng, 1996). Knows nothing of
 * transfers; whoever uses a queue locks it.
 */
#ifndef AXL_QUEUE_H
#define AXL_QUEUE_H

#include <linux/rbtree.h>
#include <linux/types.h>

/*
 * By how many clients more than there are one can fall behind those that are new
 * each time.
 */
#define AXL_QUEUE_LAG		64

/**
 * struct axl_queue - turns, in their order
 * @turns: by &axl_turn.start
 * @vtime: virtual time: what a client has had that was always served
 * @nr_clients: that wait in here
 */
struct axl_queue {
	struct rb_root_cached turns;
	u64 vtime;
	u32 nr_clients;
};

/**
 * struct axl_share - a client in one queue; all zero at first
 * @finish: virtual time at which it will have had all its turns
 * @nr_turns: that wait in the queue
 */
struct axl_share {
	u64 finish;
	u32 nr_turns;
};

/**
 * struct axl_turn - one thing that waits in a queue, or does not
 * @node: in axl_queue.turns, or empty
 * @share: whose it is; outlives it
 * @start: virtual time of the turn
 * @cost: what it counts, in a unit of the user's
 */
struct axl_turn {
	struct rb_node node;
	struct axl_share *share;
	u64 start;
	u64 cost;
};

void axl_queue_init(struct axl_queue *queue);
void axl_turn_init(struct axl_turn *turn);
void axl_queue_add(struct axl_queue *queue, struct axl_share *share,
		   struct axl_turn *turn, u64 cost);
void axl_queue_add_first(struct axl_queue *queue, struct axl_share *share,
			 struct axl_turn *turn);
struct axl_turn *axl_queue_first(const struct axl_queue *queue);
void axl_queue_take(struct axl_queue *queue, struct axl_turn *turn);
bool axl_queue_drop(struct axl_queue *queue, struct axl_turn *turn);

#endif /* AXL_QUEUE_H */
