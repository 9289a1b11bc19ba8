// SPDX-License-Identifier: GPL-2.0
/*
 * The state machine of a card: (state, trigger, facts) -> (state, actions).
 * docs/architecture.md has the drawing, made from this file.
 */
#include <linux/errno.h>
#include <linux/kernel.h>

#include "axl_state_table.h"

/* From an open state, with the link down. */
#define LEAVE		(AXL_DO_ZAP | AXL_DO_HOLD | AXL_DO_STOP | AXL_DO_CLOSE | \
			 AXL_DO_FORGET)
/* End all access of the card to host memory, from an open state. */
#define QUIESCE		(LEAVE | AXL_DO_QUIET)
/* The same without a running transfer; mappings of BAR2 stay. */
#define RELEASE		(AXL_DO_HOLD | AXL_DO_CLOSE | AXL_DO_QUIET | AXL_DO_FORGET)
/*
 * End the generation before the next one begins: threads must not wait for a card
 * that is not expected back soon. axl_state_next() leaves out RAISE if it has been
 * executed since the card was online.
 */
#define END		(AXL_DO_FLUSH | AXL_DO_RAISE)
#define BRING_UP	(AXL_DO_INIT | AXL_DO_PUBLISH | AXL_DO_MASTER | \
			 AXL_DO_SELFTEST | AXL_DO_RAISE | AXL_DO_OPEN)

struct axl_transition {
	enum axl_state from;
	enum axl_trigger on;
	/* this fact has to be set; 0: none */
	unsigned int fact;
	enum axl_state to;
	unsigned int actions;
	int status;
};

#define T(from_, on_, to_, actions_, status_) { \
	.from = AXL_STATE_##from_, .on = AXL_ON_##on_, \
	.to = AXL_STATE_##to_, .actions = (actions_), .status = (status_) }
#define T_IF(fact_, from_, on_, to_, actions_, status_) { \
	.fact = AXL_FACT_##fact_, \
	.from = AXL_STATE_##from_, .on = AXL_ON_##on_, \
	.to = AXL_STATE_##to_, .actions = (actions_), .status = (status_) }

/*
 * One entry a transition; the first that matches is used. A trigger without an
 * entry in a state is ignored there.
 */
static const struct axl_transition axl_transitions[] = {
	T(ONLINE, DRAIN, DRAINING, AXL_DO_DROP, -ESTALE),
	T(ONLINE, ADOPT, SETTLING, RELEASE, 0),
	T(ONLINE, LINK_LOST, LINK_DOWN, LEAVE | AXL_DO_GUARD, 0),
	T(ONLINE, RESTART, LINK_DOWN, QUIESCE | AXL_DO_GUARD | AXL_DO_FLUSH, -ESTALE),
	T(ONLINE, RESET, RESETTING, QUIESCE | AXL_DO_FLUSH, -ESTALE),
	T(ONLINE, FAILED, DEAD, QUIESCE | END, -EIO),
	T(ONLINE, PAUSE, PAUSED, QUIESCE | END, -ESTALE),
	T(ONLINE, REMOVE, GONE, QUIESCE | END, -ENODEV),

	T(DRAINING, UNDRAIN, ONLINE, 0, 0),
	T(DRAINING, ADOPT, SETTLING, RELEASE, 0),
	T(DRAINING, START, STARTING, AXL_DO_ZAP | AXL_DO_HOLD | AXL_DO_CLOSE, 0),
	T(DRAINING, LINK_LOST, LINK_DOWN, LEAVE | AXL_DO_GUARD, 0),
	T(DRAINING, RESTART, LINK_DOWN, QUIESCE | AXL_DO_GUARD | AXL_DO_FLUSH, -ESTALE),
	T(DRAINING, RESET, RESETTING, QUIESCE | AXL_DO_FLUSH, -ESTALE),
	T(DRAINING, FAILED, DEAD, QUIESCE | END, -EIO),
	T(DRAINING, PAUSE, PAUSED, QUIESCE | END, -ESTALE),
	T(DRAINING, REMOVE, GONE, QUIESCE | END, -ENODEV),

	/* no requests from here on: they ended before, and new ones wait */
	T(STARTING, REFUSED, ONLINE, AXL_DO_OPEN, 0),
	T(STARTING, LINK_LOST, LINK_DOWN, AXL_DO_FORGET | AXL_DO_GUARD, 0),
	T(STARTING, FAILED, DEAD, AXL_DO_QUIET | AXL_DO_FORGET | AXL_DO_RAISE, 0),
	T(STARTING, PAUSE, PAUSED, AXL_DO_QUIET | AXL_DO_FORGET | AXL_DO_RAISE, 0),
	T(STARTING, REMOVE, GONE, AXL_DO_QUIET | AXL_DO_FORGET | AXL_DO_RAISE, 0),

	T(RESETTING, RESET_DONE, LINK_DOWN, AXL_DO_GUARD, 0),
	T(RESETTING, FAILED, DEAD, AXL_DO_RAISE, 0),
	T(RESETTING, PAUSE, PAUSED, AXL_DO_RAISE, 0),
	T(RESETTING, REMOVE, GONE, AXL_DO_RAISE, 0),

	/* requests of a lost link end here: -ESTALE, or -EIO if it stays down */
	T_IF(EXPECTED, LINK_DOWN, LINK_BACK, SETTLING, AXL_DO_RESTORE, 0),
	T(LINK_DOWN, LINK_BACK, SETTLING,
	  AXL_DO_PROVE | AXL_DO_FLUSH | AXL_DO_RESTORE, -ESTALE),
	T(LINK_DOWN, FAILED, DEAD, AXL_DO_PROVE | END, -EIO),
	T(LINK_DOWN, PAUSE, PAUSED, AXL_DO_PROVE | END, -ESTALE),
	T(LINK_DOWN, REMOVE, GONE, AXL_DO_PROVE | END, -ENODEV),

	T(SETTLING, AREAS, ONLINE, BRING_UP, 0),
	/* after AXL_ON_ADOPT, BAR2 is still mapped */
	T(SETTLING, LINK_LOST, LINK_DOWN, AXL_DO_ZAP | AXL_DO_GUARD, 0),
	T(SETTLING, RESET, RESETTING, AXL_DO_ZAP, 0),
	T(SETTLING, FAILED, DEAD, AXL_DO_ZAP | AXL_DO_RAISE, 0),
	T(SETTLING, PAUSE, PAUSED, AXL_DO_ZAP | AXL_DO_RAISE, 0),
	T(SETTLING, REMOVE, GONE, AXL_DO_ZAP | AXL_DO_RAISE, 0),

	T_IF(PAUSED, PAUSED, RESUME, PAUSED, 0, 0),
	T(PAUSED, RESUME, LINK_DOWN, AXL_DO_GUARD, 0),
	T_IF(PAUSED, PAUSED, BUS_FAILED, PAUSED, 0, 0),
	/* the bus reports the bounce that a start message causes */
	T_IF(EXPECTED, PAUSED, BUS_FAILED, LINK_DOWN, AXL_DO_GUARD, 0),
	T(PAUSED, BUS_FAILED, DEAD, 0, 0),
	T(PAUSED, REMOVE, GONE, AXL_DO_PROVE, 0),

	T_IF(PAUSED, DEAD, RETRY, DEAD, 0, 0),
	T(DEAD, RETRY, LINK_DOWN, AXL_DO_GUARD, 0),
	T_IF(PAUSED, DEAD, RESUME, DEAD, 0, 0),
	T(DEAD, RESUME, LINK_DOWN, AXL_DO_GUARD, 0),
	T(DEAD, REMOVE, GONE, AXL_DO_PROVE, 0),
};

/**
 * axl_state_next() - look up a transition
 * @state: the current state
 * @trigger: what happened
 * @facts: AXL_FACT_* bits
 *
 * Return: the next state and the actions; @state and no actions if @trigger is
 * ignored in @state.
 */
struct axl_step axl_state_next(enum axl_state state, enum axl_trigger trigger,
			       unsigned int facts)
{
	struct axl_step step = { .state = state };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(axl_transitions); i++) {
		const struct axl_transition *t = &axl_transitions[i];

		if (t->from != state || t->on != trigger ||
		    (t->fact & facts) != t->fact)
			continue;
		step.state = t->to;
		step.actions = t->actions;
		step.status = t->status;
		break;
	}
	if (facts & AXL_FACT_ENDED)
		step.actions &= ~AXL_DO_RAISE;
	return step;
}

/**
 * axl_state_name() - name of a state for logs and debugfs
 * @state: the state
 */
const char *axl_state_name(enum axl_state state)
{
	static const char * const names[AXL_NR_STATES] = {
		[AXL_STATE_SETTLING] = "settling",
		[AXL_STATE_ONLINE] = "online",
		[AXL_STATE_DRAINING] = "draining",
		[AXL_STATE_STARTING] = "starting",
		[AXL_STATE_RESETTING] = "resetting",
		[AXL_STATE_LINK_DOWN] = "link down",
		[AXL_STATE_PAUSED] = "paused",
		[AXL_STATE_DEAD] = "dead",
		[AXL_STATE_GONE] = "gone",
	};

	return names[state];
}
