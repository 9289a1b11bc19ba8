/* SPDX-License-Identifier: GPL-2.0 */
/* The area shared with firmware: axl_hostif.c */
#ifndef AXL_HOSTIF_H
#define AXL_HOSTIF_H

#include <linux/types.h>
#include <uapi/axl.h>

struct axl_context;
struct axl_device;
struct axl_stream;

int axl_hostif_alloc(struct axl_device *axl);
void axl_hostif_free(struct axl_device *axl);
int axl_hostif_refresh(struct axl_device *axl);
bool axl_hostif_news(struct axl_device *axl);
bool axl_hostif_changed(struct axl_device *axl);
void axl_hostif_tell(struct axl_device *axl);
void axl_hostif_remind(struct axl_device *axl);
bool axl_hostif_stale(struct axl_device *axl);
bool axl_hostif_lost(struct axl_device *axl);
void axl_hostif_disbelieve(struct axl_device *axl);
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
