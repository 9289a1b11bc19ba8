// SPDX-License-Identifier: GPL-2.0
/*
 * The queue: clients take turns by the cost of what they have queued, a client that is
 * new or was idle does not wait behind a backlog of others, and what is dropped leaves
 * no trace.
 */
#include "../../src/axl_queue.c"

#include <kunit/test.h>
#include <linux/module.h>
#include <linux/sizes.h>

#define COST		SZ_16K
#define MANY		200

struct waiting {
	struct axl_sfq_entry turn;
	unsigned int client;
};

/* A queue, its clients, and entries enough for them */
struct world {
	struct axl_queue queue;
	struct axl_sfq_flow shares[MANY];
	struct waiting entries[8000];
	unsigned int used;
	unsigned int had[MANY];
};

static struct waiting *enqueue(struct kunit *test, struct world *w,
			       unsigned int client, u64 cost)
{
	struct waiting *t = &w->entries[w->used++];

	KUNIT_ASSERT_LE(test, w->used, ARRAY_SIZE(w->entries));
	axl_sfq_entry_init(&t->turn);
	t->client = client;
	axl_queue_add(&w->queue, &w->shares[client], &t->turn, cost);
	return t;
}

/* Whose turn it was, or -1 */
static int serve(struct world *w)
{
	struct axl_sfq_entry *turn = axl_queue_first(&w->queue);
	struct waiting *t;

	if (!turn)
		return -1;
	axl_queue_take(&w->queue, turn);
	t = container_of(turn, struct waiting, turn);
	w->had[t->client]++;
	return t->client;
}

/* Turns until @client has had one */
static unsigned int serve_until(struct kunit *test, struct world *w,
				unsigned int client)
{
	unsigned int n = 1;
	int who;

	for (;; n++) {
		who = serve(w);
		if (who == client)
			return n;
		KUNIT_ASSERT_GE(test, who, 0);
	}
}

static struct world *world(struct kunit *test)
{
	struct world *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, w);
	axl_queue_init(&w->queue);
	return w;
}

static void queue_one_client(struct kunit *test)
{
	struct world *w = world(test);
	struct axl_sfq_entry *turn;
	unsigned int i;

	for (i = 0; i < 50; i++)
		enqueue(test, w, 0, i % 7);
	for (i = 0; i < 50; i++) {
		turn = axl_queue_first(&w->queue);
		KUNIT_EXPECT_PTR_EQ(test, turn, &w->entries[i].turn);
		axl_queue_take(&w->queue, turn);
	}
	KUNIT_EXPECT_NULL(test, axl_queue_first(&w->queue));
	KUNIT_EXPECT_EQ(test, w->queue.nr_clients, 0);
}

static void queue_behind_a_queue(struct kunit *test)
{
	struct world *w = world(test);
	unsigned int i;

	for (i = 0; i < 1000; i++)
		enqueue(test, w, 0, COST);
	for (i = 0; i < 100; i++)
		serve(w);
	enqueue(test, w, 1, COST);
	KUNIT_EXPECT_LE(test, serve_until(test, w, 1), 2);
	/* one after the other, it has every second turn */
	w->had[0] = 0;
	for (i = 0; i < 100; i++) {
		enqueue(test, w, 1, COST);
		serve_until(test, w, 1);
	}
	KUNIT_EXPECT_LE(test, w->had[0], 101);
	KUNIT_EXPECT_GE(test, w->had[0], 99);
}

static void queue_by_cost(struct kunit *test)
{
	struct world *w = world(test);
	unsigned int i;

	for (i = 0; i < 800; i++) {
		enqueue(test, w, 0, COST);
		enqueue(test, w, 1, 8 * COST);
	}
	for (i = 0; i < 450; i++)
		serve(w);
	KUNIT_EXPECT_GE(test, w->had[0], 395);
	KUNIT_EXPECT_LE(test, w->had[0], 405);
}

/* More clients than the lag: who comes late waits one round, whenever that is */
static void queue_many_clients(struct kunit *test)
{
	struct world *w = world(test);
	unsigned int i, round;

	for (i = 1; i < MANY; i++)
		for (round = 0; round < 38; round++)
			enqueue(test, w, i, COST);
	for (round = 0; round < 30; round++) {
		enqueue(test, w, 0, COST);
		KUNIT_EXPECT_LE(test, serve_until(test, w, 0), MANY);
	}
}

/* A client of its own for each turn */
static void queue_new_clients(struct kunit *test)
{
	struct world *w = world(test);
	unsigned int i, next = 1, had = 0;

	enqueue(test, w, 0, COST);
	enqueue(test, w, 0, COST);
	for (i = 0; i < 8; i++)
		enqueue(test, w, next++, COST);
	for (i = 0; i < 150 && had < 2; i++) {
		had += serve(w) == 0;
		enqueue(test, w, next++, COST);
	}
	KUNIT_EXPECT_EQ(test, had, 2);
	KUNIT_EXPECT_LE(test, i, AXL_QUEUE_LAG + 2 * 10);
}

static void queue_dropped(struct kunit *test)
{
	struct world *w = world(test);
	struct waiting *t;
	unsigned int i;

	for (i = 0; i < 100; i++)
		enqueue(test, w, 1, COST);
	for (i = 0; i < 100; i++)
		enqueue(test, w, 0, COST);
	serve(w);
	for (i = 100; i < 200; i++)
		axl_queue_drop(&w->queue, &w->entries[i].turn);
	KUNIT_EXPECT_EQ(test, w->queue.nr_clients, 1);
	/* no debt */
	t = enqueue(test, w, 0, COST);
	KUNIT_EXPECT_LE(test, serve_until(test, w, 0), 3);
	/* it has been taken, so it does not wait */
	KUNIT_EXPECT_FALSE(test, axl_queue_drop(&w->queue, &t->turn));
}

static void queue_first_goes_first(struct kunit *test)
{
	struct world *w = world(test);
	struct waiting *t = &w->entries[w->used++];
	unsigned int i;

	for (i = 0; i < 10; i++)
		enqueue(test, w, 0, COST);
	serve(w);
	axl_sfq_entry_init(&t->turn);
	t->client = 1;
	axl_queue_add_first(&w->queue, &w->shares[1], &t->turn);
	KUNIT_EXPECT_EQ(test, serve(w), 1);
	KUNIT_EXPECT_EQ(test, serve(w), 0);
}

static struct kunit_case queue_cases[] = {
	KUNIT_CASE(queue_one_client),
	KUNIT_CASE(queue_behind_a_queue),
	KUNIT_CASE(queue_by_cost),
	KUNIT_CASE(queue_many_clients),
	KUNIT_CASE(queue_new_clients),
	KUNIT_CASE(queue_dropped),
	KUNIT_CASE(queue_first_goes_first),
	{ }
};

static struct kunit_suite queue_suite = {
	.name = "axl_queue",
	.test_cases = queue_cases,
};
kunit_test_suite(queue_suite);
