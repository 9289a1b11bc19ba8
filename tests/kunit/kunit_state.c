// SPDX-License-Identifier: GPL-2.0
/*
 * The table of the state machine inside a kernel: the same walk and the same
 * planted errors as in tests/host/test_state.c.
 */
#include "../../src/axl_state_table.c"

#include <kunit/test.h>
#include <linux/slab.h>

#include "state_walk.h"

static const char *walk_with(struct kunit *test, struct state_walk *walk,
			     const struct state_fault *fault)
{
	memset(walk, 0, sizeof(*walk));
	walk->fault = fault;
	return state_walk(walk);
}

static struct state_walk *walk_alloc(struct kunit *test)
{
	struct state_walk *walk = kunit_kzalloc(test, sizeof(*walk), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, walk);
	return walk;
}

static void state_all_reachable(struct kunit *test)
{
	struct state_walk *walk = walk_alloc(test);
	const char *wrong = walk_with(test, walk, NULL);

	if (wrong)
		KUNIT_FAIL(test, "%s: in state \"%s\", trigger %u", wrong,
			   axl_state_name(walk->wrong_state), walk->wrong_trigger);
	kunit_info(test, "%u combinations, %lu steps", walk->nr_nodes,
		   walk->nr_steps);
	KUNIT_EXPECT_GT(test, walk->nr_nodes, 100);
}

static void state_planted_errors(struct kunit *test)
{
	struct state_walk *walk = walk_alloc(test);
	unsigned int i;

	for (i = 0; i < NR_STATE_FAULTS; i++) {
		const char *wrong = walk_with(test, walk, &state_faults[i]);

		KUNIT_EXPECT_STREQ(test, wrong ?: "nothing", state_faults[i].finds);
	}
}

static struct kunit_case state_cases[] = {
	KUNIT_CASE(state_all_reachable),
	KUNIT_CASE(state_planted_errors),
	{ }
};

static struct kunit_suite state_suite = {
	.name = "axl_state",
	.test_cases = state_cases,
};
kunit_test_suite(state_suite);
