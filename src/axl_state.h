/* SPDX-License-Identifier: GPL-2.0 */
/* State of a card: axl_state.c executes axl_state_table.c */
#ifndef AXL_STATE_H
#define AXL_STATE_H

#include <linux/types.h>

#include "axl_state_table.h"

struct axl_device;

/*
 * A firmware start or a reset that a thread waits for; on its stack. The state
 * machine has ended with it when &axl_machine.start is another pointer.
 */
struct axl_start {
	/* jiffies; the result is then -ETIMEDOUT */
	unsigned long deadline;
	/* of the start message */
	u32 opcode;
	/* count of mailbox events before the start message */
	u64 mbox_seen;
	/* firmware has replied; jiffies until which the link may still go down */
	bool replied;
	unsigned long refused_at;
	/* opcode word of the reply, if firmware refused to start */
	u32 reply_opcode;
	/* 0 or an error; valid at the end */
	int result;
};

/* Written with reset_sem held for writing; other access as noted. */
struct axl_machine {
	/* read without lock by axl_is_open() and axl_status() */
	enum axl_state state;
	/* the state before the last change */
	enum axl_state from;
	/* number of state changes */
	unsigned int changes;
	/* AXL_FACT_ENDED and AXL_FACT_EXPECTED */
	bool ended;
	bool expected;
	/* agents that have not ended their pause: AXL_FACT_PAUSED */
	unsigned int pauses;
	/* PCI error recovery is one of the @pauses */
	bool bus_error;
	/* link bounces since the recovery began */
	unsigned int bounces;
	/* the start or reset under way; NULL if no thread waits for it */
	struct axl_start *start;
	/* jiffies of the next attempt to recover a dead card; word, no lock */
	unsigned long retry_at;
	/* interval to the attempt after the next failure; jiffies */
	unsigned long retry;
};

void axl_state_setup(struct axl_device *axl);
int axl_drain(struct axl_device *axl);
int axl_state_trigger(struct axl_device *axl, enum axl_trigger trigger,
		      const char *why);
void axl_start_end(struct axl_device *axl, int result);
enum axl_fw_state axl_fw_state(struct axl_device *axl);

#endif
