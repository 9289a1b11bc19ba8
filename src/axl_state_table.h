/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state machine of a card as a table: axl_state_table.c. No kernel calls:
 * tests/host and tests/kunit walk every state under every event.
 */
#ifndef AXL_STATE_TABLE_H
#define AXL_STATE_TABLE_H

#include <linux/bits.h>
#include <linux/types.h>

/**
 * enum axl_state - what the driver may do with the card
 * @AXL_STATE_SETTLING: link up, configuration restored, bus mastering off; wait
 *	until firmware has published its areas. Also the state before probe ends
 * @AXL_STATE_ONLINE: normal operation
 * @AXL_STATE_DRAINING: as online, but nothing new is submitted: a caller waits
 *	for running transfers before it sends the start message
 * @AXL_STATE_STARTING: start message sent; the link is expected to go down
 * @AXL_STATE_RESETTING: function level reset in progress
 * @AXL_STATE_LINK_DOWN: wait until the link is up and the function answers
 * @AXL_STATE_PAUSED: another agent resets the card or cuts its power
 * @AXL_STATE_DEAD: recovery failed; tried again when the card answers
 * @AXL_STATE_GONE: unbound or shut down
 * @AXL_NR_STATES: number of states
 */
enum axl_state {
	AXL_STATE_SETTLING,
	AXL_STATE_ONLINE,
	AXL_STATE_DRAINING,
	AXL_STATE_STARTING,
	AXL_STATE_RESETTING,
	AXL_STATE_LINK_DOWN,
	AXL_STATE_PAUSED,
	AXL_STATE_DEAD,
	AXL_STATE_GONE,
	AXL_NR_STATES
};

/**
 * enum axl_trigger - what makes the state machine move
 * @AXL_ON_DRAIN: a caller wants running transfers to end
 * @AXL_ON_UNDRAIN: that caller has given up
 * @AXL_ON_ADOPT: firmware has published new areas; no transfer runs
 * @AXL_ON_START: no transfer runs; the start message is sent next
 * @AXL_ON_REFUSED: no link bounce after the start message
 * @AXL_ON_LINK_LOST: the link is down, or was down
 * @AXL_ON_LINK_BACK: the link is up and the function answers
 * @AXL_ON_RESTART: firmware restarted without a link bounce
 * @AXL_ON_RESET: function level reset wanted
 * @AXL_ON_RESET_DONE: function level reset succeeded
 * @AXL_ON_AREAS: the layout is complete, or its time limit has passed
 * @AXL_ON_FAILED: the card does not answer, or cannot be reset or stopped
 * @AXL_ON_PAUSE: another agent is about to reset the card or to cut its power
 * @AXL_ON_RESUME: an agent has ended its pause
 * @AXL_ON_BUS_FAILED: PCI error recovery has failed
 * @AXL_ON_RETRY: a dead card answers again
 * @AXL_ON_REMOVE: the driver is unbound
 * @AXL_NR_TRIGGERS: number of triggers
 */
enum axl_trigger {
	AXL_ON_DRAIN,
	AXL_ON_UNDRAIN,
	AXL_ON_ADOPT,
	AXL_ON_START,
	AXL_ON_REFUSED,
	AXL_ON_LINK_LOST,
	AXL_ON_LINK_BACK,
	AXL_ON_RESTART,
	AXL_ON_RESET,
	AXL_ON_RESET_DONE,
	AXL_ON_AREAS,
	AXL_ON_FAILED,
	AXL_ON_PAUSE,
	AXL_ON_RESUME,
	AXL_ON_BUS_FAILED,
	AXL_ON_RETRY,
	AXL_ON_REMOVE,
	AXL_NR_TRIGGERS
};

/*
 * Facts that are independent of the state.
 *
 * ENDED: the generation was raised for the restart under way; cleared when the
 *	card goes online.
 * PAUSED: at least one agent has not ended its pause. For AXL_ON_PAUSE and
 *	AXL_ON_RESUME: after it.
 * EXPECTED: a start message was sent and the card has not been online since, so
 *	that the link is expected to go down.
 */
#define AXL_FACT_ENDED		BIT(0)
#define AXL_FACT_PAUSED		BIT(1)
#define AXL_FACT_EXPECTED	BIT(2)
#define AXL_NR_FACTS		3

/*
 * Actions, executed from the lowest bit to the highest.
 *
 * DROP: end queued requests that no channel has started.
 * ZAP: revoke the mappings of BAR2.
 * HOLD: start no requests.
 * STOP: stop the engine. If it is not proven stopped, QUIET resets the function.
 * CLOSE: the state changes; wait until no thread or handler accesses the card.
 * QUIET: if the link is up, bus mastering off, table withdrawn from firmware's
 *	area.
 * FORGET: take pending slots; firmware does not know the table any more.
 * GUARD: the guard page has to serve a restarting firmware.
 * PROVE: if bus mastering is on, the function was not reset when its link was
 *	lost, and its engine may run: reset it.
 * FLUSH: end every request with &axl_step.status.
 * RESTORE: restore configuration space; bus mastering stays off.
 * INIT: stop and initialise the engine.
 * PUBLISH: write the table's address to firmware's area.
 * MASTER: bus mastering on.
 * SELFTEST: one transfer by the driver.
 * RAISE: new generation; waiters are woken when the state has changed.
 * OPEN: the state changes; access allowed, requests are started.
 */
#define AXL_DO_DROP		BIT(0)
#define AXL_DO_ZAP		BIT(1)
#define AXL_DO_HOLD		BIT(2)
#define AXL_DO_STOP		BIT(3)
#define AXL_DO_CLOSE		BIT(4)
#define AXL_DO_QUIET		BIT(5)
#define AXL_DO_FORGET		BIT(6)
#define AXL_DO_GUARD		BIT(7)
#define AXL_DO_PROVE		BIT(8)
#define AXL_DO_FLUSH		BIT(9)
#define AXL_DO_RESTORE		BIT(10)
#define AXL_DO_INIT		BIT(11)
#define AXL_DO_PUBLISH		BIT(12)
#define AXL_DO_MASTER		BIT(13)
#define AXL_DO_SELFTEST		BIT(14)
#define AXL_DO_RAISE		BIT(15)
#define AXL_DO_OPEN		BIT(16)
#define AXL_NR_ACTIONS		17

/**
 * struct axl_step - result of a trigger
 * @state: next state
 * @actions: AXL_DO_* bits
 * @status: error for the requests that AXL_DO_DROP and AXL_DO_FLUSH end
 */
struct axl_step {
	enum axl_state state;
	unsigned int actions;
	int status;
};

/* Access to the BARs is allowed, the engine may run. */
static inline bool axl_state_is_open(enum axl_state state)
{
	return state == AXL_STATE_ONLINE || state == AXL_STATE_DRAINING;
}

struct axl_step axl_state_next(enum axl_state state, enum axl_trigger trigger,
			       unsigned int facts);
const char *axl_state_name(enum axl_state state);

#endif
