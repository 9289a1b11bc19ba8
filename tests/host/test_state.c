// SPDX-License-Identifier: GPL-2.0
/*
 * The table of the state machine: every reachable state under every trigger keeps
 * the invariants, and each invariant finds an error that is planted for it.
 */
#include <string.h>

#include "check.h"

#include "../../src/axl_state_table.c"

#include "state_walk.h"

static struct state_walk walk;

static const char *walk_with(const struct state_fault *fault)
{
	memset(&walk, 0, sizeof(walk));
	walk.fault = fault;
	return state_walk(&walk);
}

static void state_all_reachable(void **state)
{
	unsigned int i, seen = 0;
	const char *wrong = walk_with(NULL);

	(void)state;
	if (wrong)
		fail_msg("%s: in state \"%s\", trigger %u", wrong,
			 axl_state_name(walk.wrong_state), walk.wrong_trigger);
	for (i = 0; i < walk.nr_nodes; i++)
		seen |= 1u << walk.nodes[i].state;
	assert_int_equal(seen, (1u << AXL_NR_STATES) - 1);
	print_message("# %u combinations, %lu steps\n", walk.nr_nodes, walk.nr_steps);
}

/* An entry that no reachable combination uses cannot be right or wrong. */
static void state_all_entries(void **state)
{
	bool used[ARRAY_SIZE(axl_transitions)] = { false };
	unsigned int i, n, t;

	(void)state;
	assert_null(walk_with(NULL));
	for (n = 0; n < walk.nr_nodes; n++) {
		for (t = 0; t < AXL_NR_TRIGGERS; t++) {
			struct state_world w = walk.nodes[n];

			if (!state_possible(&w, t))
				continue;
			for (i = 0; i < ARRAY_SIZE(axl_transitions); i++)
				if (axl_transitions[i].from == w.state &&
				    axl_transitions[i].on == t &&
				    (axl_transitions[i].fact & state_facts(&w)) ==
				    axl_transitions[i].fact) {
					used[i] = true;
					break;
				}
		}
	}
	for (i = 0; i < ARRAY_SIZE(axl_transitions); i++)
		if (!used[i])
			fail_msg("entry %u (from \"%s\") is never used", i,
				 axl_state_name(axl_transitions[i].from));
}

static void state_planted_errors(void **state)
{
	unsigned int i, failed = 0;

	(void)state;
	for (i = 0; i < NR_STATE_FAULTS; i++) {
		const char *wrong = walk_with(&state_faults[i]);

		if (wrong && !strcmp(wrong, state_faults[i].finds))
			continue;
		failed++;
		print_error("error %u: expected \"%s\", found \"%s\"\n", i,
			    state_faults[i].finds, wrong ? wrong : "nothing");
	}
	assert_int_equal(failed, 0);
}

/* No action of the table can be left out without a violation. */
static void state_each_action(void **state)
{
	unsigned int i, a, nr = 0;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(axl_transitions); i++) {
		const struct axl_transition *t = &axl_transitions[i];

		for (a = 0; a < AXL_NR_ACTIONS; a++) {
			struct state_fault fault = {
				t->from, t->on, 1u << a, .facts = t->fact,
			};

			if (!(t->actions & 1u << a))
				continue;
			nr++;
			if (!walk_with(&fault))
				fail_msg("entry %u (from \"%s\"): action %u can be left out",
					 i, axl_state_name(t->from), a);
		}
	}
	print_message("# %u actions, each needed\n", nr);
}

static void state_names(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < AXL_NR_STATES; i++)
		assert_non_null(axl_state_name(i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(state_all_reachable),
		cmocka_unit_test(state_all_entries),
		cmocka_unit_test(state_planted_errors),
		cmocka_unit_test(state_each_action),
		cmocka_unit_test(state_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
