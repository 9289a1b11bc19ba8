/* SPDX-License-Identifier: GPL-2.0 */
/* Recovery: axl_reset.c */
#ifndef AXL_RESET_H
#define AXL_RESET_H

#include <linux/types.h>

#include "axl_layout.h"

struct axl_device;
struct axl_start;

/*
 * Progress of a recovery or firmware start; written with reset_sem held for
 * writing. Times in jiffies.
 */
struct axl_recovery {
	/* &axl_machine.changes when the fields for the state were set */
	unsigned int seen;
	/* after RESETTING and STARTING: wait for the link and the areas until */
	unsigned long deadline;
	/* firmware may be starting: wait for its areas */
	bool settle;
	/* STARTING: the link may go down until */
	unsigned long bounce_by;
	/* LINK_DOWN: the card is dead after */
	unsigned long link_by;
	/* SETTLING: firmware has had its time after */
	unsigned long areas_by;
	/* SETTLING: last change of the layout */
	unsigned long changed;
	/* SETTLING: end of the time for unusable areas; 0: none seen */
	unsigned long nonsense;
	/* SETTLING: the layout read before */
	struct axl_layout last;
	/* unsolicited restarts without a link bounce since @rejoin_from */
	unsigned int rejoins;
	unsigned long rejoin_from;
};

void axl_reset_setup(struct axl_device *axl);
int axl_reset(struct axl_device *axl);
void axl_start_begin(struct axl_device *axl, struct axl_start *start);
int axl_start_wait(struct axl_device *axl, struct axl_start *start);

#endif
