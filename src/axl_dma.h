/* SPDX-License-Identifier: GPL-2.0 */
/* Transfers: queues, channels, completion: axl_dma.c */
#ifndef AXL_DMA_H
#define AXL_DMA_H

#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "axl_edma_list.h"
#include "axl_job.h"
#include "axl_layout.h"
#include "axl_queue.h"

struct axl_device;

/* A list is used in two halves: one runs while the other is filled. */
#define AXL_LIST_HALF		(AXL_LIST_ELEMS / 2)

/* How often a busy channel is looked at without having been asked to. */
#define AXL_TICK		(HZ / 10)

/* Where no messages arrive: how often busy channels are looked at. */
#define AXL_POLL_MIN_NS		(50 * NSEC_PER_USEC)
#define AXL_POLL_MAX_NS		NSEC_PER_MSEC

/* What runs on the device, as an index of axl_device.dma.dirs */
#define AXL_DIR_TO_DEVICE	0
#define AXL_DIR_FROM_DEVICE	1

/**
 * struct axl_channel - one DMA channel; protected by its direction's lock
 * @took_any: its latest request would have taken any channel
 * @req: what it runs, NULL when idle
 * @cur: how far list elements have been made
 * @deadline: jiffies when @req is overdue
 * @started: jiffies of the last doorbell
 * @half: half of the list buffer that runs
 * @nr_next: elements prepared in the other half
 * @single: @req runs in single-block mode
 * @replays: how often @req was started again for a sibling's sake
 * @seen_done: the watchdog saw it finished; its message may be under way
 * @transfers: requests that ended well
 * @errors: requests that failed
 * @bytes: moved
 * @elements: list elements written
 * @begun: when @req got its first doorbell
 * @last_ns: how long the last request that ended well took
 * @max_ns: the longest that one took
 * @last_length: bytes of the last one
 * @max_segs: of a buffer that was moved
 */
struct axl_channel {
	bool took_any;
	struct axl_req *req;
	struct axl_cursor cur;
	unsigned long deadline;
	unsigned long started;
	u8 half;
	bool single;
	u8 replays;
	bool seen_done;
	unsigned int nr_next;
	u64 transfers;
	u64 errors;
	u64 bytes;
	u64 elements;
	ktime_t begun;
	u64 last_ns;
	u64 max_ns;
	u64 last_length;
	unsigned int max_segs;
};

/**
 * struct axl_dma_dir - four channels that share an engine enable
 * @lock: protects everything below and the direction's registers; taken in hard
 *	interrupts
 * @queues: requests waiting for a channel, the last for whichever is free
 * @ch: the channels
 * @nr_ch: how many the engine has
 * @running: bitmap of channels with a request
 * @to_device: read channels
 * @blocked: count of those (recovery, reset, removal) at whose wish nothing is
 *	started and the interrupt handler keeps off
 * @imwr: interrupt message that the registers hold
 * @imwr_data: per channel
 * @scratch: elements on their way to the list buffer; in here because a list
 *	half does not fit the stack
 */
struct axl_dma_dir {
	spinlock_t lock;	/* see above */
	struct axl_queue queues[AXL_NR_QUEUES];
	struct axl_channel ch[AXL_NR_CHANNELS];
	u8 nr_ch;
	u8 running;
	bool to_device;
	unsigned int blocked;
	u64 imwr;
	u16 imwr_data[AXL_NR_CHANNELS];
	struct axl_elem scratch[AXL_LIST_HALF];
};

/* The transfers of a card. */
struct axl_dma {
	/* AXL_DIR_TO_DEVICE (read channels), AXL_DIR_FROM_DEVICE */
	struct axl_dma_dir dirs[2];
	/* submits the driver's own transfers */
	struct axl_client kernel;
	/* woken when a direction runs dry, or recovery begins */
	wait_queue_head_t idle_wait;
	/* looks at busy channels where no messages arrive */
	struct hrtimer poll_timer;
	/* ns until it looks again; the timer's own */
	u64 poll_ns;
	/*
	 * Looks of the watchdog that found completions without a message, one
	 * after the other: no handler found one in between. A word.
	 */
	unsigned int lost_row;
};

void axl_dma_setup(struct axl_device *axl);
void axl_client_close(struct axl_device *axl, struct axl_client *client);
int axl_job_submit(struct axl_device *axl, struct axl_job *job, u64 *seq);
int axl_job_collect_killable(struct axl_device *axl, struct axl_client *client,
			     u64 seq, struct axl_job **done);
bool axl_dma_idle(struct axl_device *axl);
bool axl_dma_range_ok(struct axl_device *axl, u64 dev_addr, u64 length);
bool axl_dma_irq(struct axl_device *axl, u8 channels);
int axl_dma_drain(struct axl_device *axl);
void axl_dma_drop_queued(struct axl_device *axl, int status);
void axl_dma_block(struct axl_device *axl);
bool axl_dma_stop(struct axl_device *axl);
void axl_dma_leak(struct axl_device *axl);
void axl_dma_flush(struct axl_device *axl, int status);
void axl_dma_unblock(struct axl_device *axl);
void axl_irq_poll_arm(struct axl_device *axl);
void axl_channel_end(struct axl_device *axl, struct axl_dma_dir *dir,
			    unsigned int n, int status);
bool axl_channel_poll(struct axl_device *axl, struct axl_dma_dir *dir,
			     unsigned int n, bool told);
void axl_channel_run(struct axl_device *axl, struct axl_dma_dir *dir,
			    unsigned int n);
void axl_dir_kick(struct axl_device *axl, struct axl_dma_dir *dir);
void axl_dir_unblock(struct axl_device *axl, struct axl_dma_dir *dir);
void axl_dma_poll_stop(struct axl_device *axl);

#endif
