// SPDX-License-Identifier: GPL-2.0
/*
 * Who is next. A client's turns follow each other in virtual time by what they
 * cost, and the earliest of all goes first: who queues much stands in line behind
 * nobody but himself, and who comes late is behind what is due now, not behind all
 * that waits.
 */
#include <linux/math64.h>
#include <linux/minmax.h>

#include "axl_queue.h"

/**
 * axl_queue_init() - make an empty queue
 * @queue: to be filled in
 */
void axl_queue_init(struct axl_queue *queue)
{
	*queue = (struct axl_queue){ .turns = RB_ROOT_CACHED };
}

/**
 * axl_turn_init() - make a turn that waits in no queue
 * @turn: to be filled in
 */
void axl_turn_init(struct axl_turn *turn)
{
	RB_CLEAR_NODE(&turn->node);
}

static bool axl_turn_before(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct axl_turn, node)->start <
	       rb_entry(b, struct axl_turn, node)->start;
}

static void axl_queue_insert(struct axl_queue *queue, struct axl_share *share,
			     struct axl_turn *turn)
{
	turn->share = share;
	if (!share->nr_turns++)
		queue->nr_clients++;
	rb_add_cached(&turn->node, &queue->turns, axl_turn_before);
}

static void axl_queue_remove(struct axl_queue *queue, struct axl_turn *turn)
{
	rb_erase_cached(&turn->node, &queue->turns);
	RB_CLEAR_NODE(&turn->node);
	if (!--turn->share->nr_turns)
		queue->nr_clients--;
}

/**
 * axl_queue_add() - wait for a turn
 * @queue: where
 * @share: the client's part in this queue
 * @turn: waits in no queue
 * @cost: what it will cost, at most 2^48 or so, that virtual time never wraps
 */
void axl_queue_add(struct axl_queue *queue, struct axl_share *share,
		   struct axl_turn *turn, u64 cost)
{
	turn->start = max(queue->vtime, share->finish);
	turn->cost = cost;
	share->finish = turn->start + cost;
	axl_queue_insert(queue, share, turn);
}

/**
 * axl_queue_add_first() - wait behind nobody but those who were added like this
 * @queue: where
 * @share: likewise
 * @turn: waits in no queue
 */
void axl_queue_add_first(struct axl_queue *queue, struct axl_share *share,
			 struct axl_turn *turn)
{
	turn->start = 0;
	turn->cost = 0;
	axl_queue_insert(queue, share, turn);
}

/**
 * axl_queue_first() - whose turn is it
 * @queue: where
 *
 * Return: the turn, which stays in the queue; NULL if nobody waits.
 */
struct axl_turn *axl_queue_first(const struct axl_queue *queue)
{
	return rb_entry_safe(rb_first_cached(&queue->turns), struct axl_turn,
			     node);
}

/**
 * axl_queue_take() - the turn has come
 * @queue: where it waits
 * @turn: the first one
 *
 * Time goes on with each turn at least as it does when some clients more wait than
 * do: new clients, which all begin now, would otherwise hold up for ever who has
 * had his first turn.
 */
void axl_queue_take(struct axl_queue *queue, struct axl_turn *turn)
{
	u64 least = div_u64(turn->cost, queue->nr_clients + AXL_QUEUE_LAG);

	queue->vtime = max(queue->vtime + least, turn->start);
	axl_queue_remove(queue, turn);
}

/**
 * axl_queue_drop() - the turn will not be had
 * @queue: where it might wait
 * @turn: initialised
 *
 * With a client's last one its debt is forgotten: it will not have had those.
 *
 * Return: false if it waits in no queue.
 */
bool axl_queue_drop(struct axl_queue *queue, struct axl_turn *turn)
{
	struct axl_share *share = turn->share;

	if (RB_EMPTY_NODE(&turn->node))
		return false;
	axl_queue_remove(queue, turn);
	if (!share->nr_turns)
		share->finish = min(share->finish, queue->vtime);
	return true;
}
