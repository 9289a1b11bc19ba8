/* SPDX-License-Identifier: GPL-2.0 */
/* The area shared with firmware: axl_hostif.c */
#ifndef AXL_HOSTIF_H
#define AXL_HOSTIF_H

#include <linux/types.h>
#include <linux/wait.h>
#include <uapi/axl.h>

#include "axl_layout.h"

struct axl_device;

/**
 * struct axl_areas - what firmware has published, checked; never changes
 * @layout: the shared area, without references to unusable areas
 * @vmsi: virtual-MSI configuration; only if @layout.vmsi is valid
 * @nr_vmsi: number of slots to check
 * @list_offset: offset of the list buffer in BAR2
 * @list_size: bytes of the list buffer
 * @list_elems: elements of one channel's list
 */
struct axl_areas {
	struct axl_layout layout;
	struct axl_vmsi_cfg vmsi;
	unsigned int nr_vmsi;
	u32 list_offset;
	u32 list_size;
	u32 list_elems;
};

/*
 * The shared area.
 *
 * Written with reset_sem held for writing. Readers hold it for reading, or read
 * a word-sized field while the card is online; @areas: see axl_areas_of().
 */
struct axl_hostif {
	/* snapshot of the shared area, then of the vMSI configuration */
	u8 area[AXL_AREA_SIZE];
	/* jiffies of the next check for areas, unless @published */
	unsigned long news_at;
	/* the one of @snapshots that is in use, never NULL */
	struct axl_areas __rcu *areas;
	/* the other one has no readers: the next is prepared there */
	struct axl_areas snapshots[2];
	/* layout as it was read, unusable areas included; writers only */
	struct axl_layout parsed;
	/* complaint that was logged last; constant text or NULL */
	const char *complaint;
	/* @areas has areas; if not, the driver checks again later */
	bool areas_known;
	/* the host-driver area holds the address of our table */
	bool published;
	/* the firmware that was online last had a host-driver area */
	bool had_table;
	/* result of the last axl_hostif_refresh() */
	int answer;
	/* owner of the mailbox, NULL if free; changed with cmpxchg() only */
	const void *mbox_owner;
	/* woken when @mbox_owner becomes NULL or the generation changes */
	wait_queue_head_t mbox_wait;
};

void axl_hostif_setup(struct axl_device *axl);
int axl_hostif_alloc(struct axl_device *axl);
void axl_hostif_free(struct axl_device *axl);
int axl_hostif_refresh(struct axl_device *axl);
bool axl_hostif_has_new_areas(struct axl_device *axl);
bool axl_hostif_changed(struct axl_device *axl);
void axl_hostif_write_target(struct axl_device *axl);
void axl_hostif_rewrite_target(struct axl_device *axl);
bool axl_hostif_stale(struct axl_device *axl);
bool axl_hostif_lost(struct axl_device *axl);
void axl_hostif_drop_areas(struct axl_device *axl);
void axl_hostif_withdraw(struct axl_device *axl);
void axl_mailbox_send(struct axl_device *axl, u32 opcode, const void *msg,
		      u32 size);
u32 axl_mailbox_opcode(struct axl_device *axl);
bool axl_mailbox_try(struct axl_device *axl, const void *owner);
void axl_fw_load_addr(struct axl_device *axl, u64 entry);
s64 axl_context_sts(struct axl_device *axl, unsigned int n);

#endif
