/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of fail_nth share: the state of a test, what can be repeated with one
 * fault after the other, and the functions that calls are described by.
 */
#ifndef FAIL_NTH_H
#define FAIL_NTH_H

#include "libvoyager.h"

#define BOTH		(AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE)
#define SIZE		(16 * at_page_size())

struct call;

/* What the SDK's calls point to */
union sdk_arg {
	int number;
	uint64_t value;
	struct vy_buf_xfer buf;
	struct vy_user_xfer user;
	struct vy_p2p_xfer p2p;
	struct vy_msi msi;
	struct vy_resources resources;
	struct vy_windows windows;
	struct vy_stream_stats stream;
	struct vy_dma_stats stats;
	struct vy_user_pa pa;
};

struct nth {
	struct at_ctx t;
	struct at_image image;
	struct at_mem mem;
	uint64_t base;
	int arm;		/* our fail-nth */
	int fd;			/* of this round */
	int result;		/* what the call opened */
	uint32_t handle;
	uint64_t seq;
	uint64_t counts[AXL_NR_EVENTS];
	void *map;
	size_t mapped;
	long pins, dma;
	/* of the SDK's interface */
	const struct call *c;
	union sdk_arg arg;
	volatile uint8_t *l2;
	ssize_t got;
	uint64_t peer;		/* where the other card is on the bus */
};

/**
 * struct call - something that can fail
 * @name: for messages
 * @begin: brings about what it needs; no fault is injected
 * @call: the call; 0 or -errno
 * @end: undoes what it did, whether it worked or not
 * @also: an error that is right besides -ENOMEM and -EFAULT
 * @repeats: @end makes the call again when it failed
 * @request: what sdk_call() asks for
 * @arg: its argument, unless @begin sets another
 * @ret: what it returns
 */
struct call {
	const char *name;
	int (*begin)(struct nth *self);
	int (*call)(struct nth *self);
	int (*end)(struct nth *self);
	int also;
	bool repeats;
	unsigned long request;
	union sdk_arg arg;
	int ret;
};

/* ---- the native interface: fail_nth-native.c ---- */

int close_node(struct nth *self);
int open_node(struct nth *self);
int call_open(struct nth *self);
int map(struct nth *self, size_t size, off_t offset);
int call_mmap(struct nth *self);
int end_mmap(struct nth *self);
int call_query(struct nth *self);
int call_register(struct nth *self);
int call_register_read(struct nth *self);
int begin_import(struct nth *self);
int call_import(struct nth *self);
int begin_buffer(struct nth *self);
int call_release(struct nth *self);
int call_submit(struct nth *self);
int end_submit(struct nth *self);
int begin_wait(struct nth *self);
int call_wait(struct nth *self);
int call_wait_event(struct nth *self);
int call_event_counts(struct nth *self);
int begin_event_fd(struct nth *self);
int call_event_fd(struct nth *self);
int begin_event_end(struct nth *self);
int call_event_end(struct nth *self);
int call_reset(struct nth *self);
int call_fw_upload(struct nth *self);
int call_fw_start(struct nth *self);
int begin_fw_name(struct nth *self);
int call_fw_name(struct nth *self);
int begin_bind(struct nth *self);
int end_bind(struct nth *self);
int call_bind(struct nth *self);
int call_unbind(struct nth *self);

/* ---- the SDK's interface: fail_nth-sdk.c ---- */

/* Every request of the SDK, but card to card, for which there have to be two */
extern const struct call sdk_calls[];
extern const unsigned int nr_sdk_calls;
extern const struct call sdk_card_to_card;

bool sdk_called(unsigned long request);
int sdk_open(struct nth *self);
int sdk_map_registers(struct nth *self);
int sdk_begin_epoll(struct nth *self);
int sdk_epoll(struct nth *self);
int sdk_begin_read(struct nth *self);
int sdk_read(struct nth *self);
int sdk_end_read(struct nth *self);
int sdk_load(struct nth *self);
int sdk_unload(struct nth *self);
int sdk_end_bind(struct nth *self);

#endif
