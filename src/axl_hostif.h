/* SPDX-License-Identifier: GPL-2.0 */
/* The area shared with firmware: axl_hostif.c */
#ifndef AXL_HOSTIF_H
#define AXL_HOSTIF_H

#include <linux/types.h>
#include <linux/wait.h>
#include <uapi/axl.h>

#include "axl_layout.h"

struct axl_context;
struct axl_device;
struct axl_stream;

/*
 * What firmware has published.
 *
 * Written with reset_sem held exclusive. Readers hold it shared, or read a field
 * that is a word while the card is online.
 */
struct axl_hostif {
	/* snapshot of the shared area, then of the vMSI configuration, to be parsed */
	u8 area[AXL_AREA_SIZE];
	/* jiffies when a card without a table is looked at again */
	unsigned long news_at;
	/* validated */
	struct axl_layout layout;
	/* the same as it was read, with what turned out to be unusable */
	struct axl_layout parsed;
	/* validated */
	struct axl_vmsi_cfg vmsi_cfg;
	/* list buffer in BAR2: offset, bytes; elements of one channel's list */
	u32 list_offset;
	u32 list_size;
	u32 list_elems;
	/* what the log said last of @layout */
	const char *complaint;
	/* @layout has areas; else they are looked for later */
	bool areas_known;
	/* the host-driver area names our table */
	bool published;
	/* the file that talks to firmware through the mailbox, NULL: none; a word */
	const void *mbox_owner;
	/* woken when @mbox_owner becomes NULL */
	wait_queue_head_t mbox_wait;
};

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
int axl_mailbox_take(struct axl_device *axl, const void *owner);
int axl_mailbox_give(struct axl_device *axl, const void *owner);
void axl_fw_load_addr(struct axl_device *axl, u64 entry);
s64 axl_context_sts(struct axl_device *axl, unsigned int n);
int axl_hostif_context(struct axl_device *axl, unsigned int n,
		       struct axl_context *out);
int axl_hostif_stream(struct axl_device *axl, const void *snap, size_t len,
		      unsigned int source, struct axl_stream *out);

#endif
