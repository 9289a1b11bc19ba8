/* SPDX-License-Identifier: GPL-2.0 */
/* Transfers: queues, channels and completion: axl_dma.c */
#ifndef AXL_DMA_H
#define AXL_DMA_H

#include <linux/hrtimer.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "axl_core.h"
#include "axl_edma_list.h"
#include "axl_job.h"
#include "axl_layout.h"
#include "axl_queue.h"

struct axl_device;

/* Elements of half a list: one half runs while the other is filled. */
#define AXL_LIST_HALF		(AXL_LIST_ELEMS / 2)

/* Watchdog period, and time for a message to arrive late; jiffies */
#define AXL_TICK		(HZ / 10)

/* Period of polled completion; it grows while no request ends. */
#define AXL_POLL_MIN_NS		(50 * NSEC_PER_USEC)
#define AXL_POLL_MAX_NS		NSEC_PER_MSEC

/* Indices of axl_dma.dirs */
#define AXL_DIR_TO_DEVICE	0
#define AXL_DIR_FROM_DEVICE	1

/**
 * struct axl_channel - one DMA channel; protected by its direction's lock
 * @took_any: its last request came from the queue for any channel
 * @req: running request, NULL when idle
 * @cur: position up to which list elements were built
 * @deadline: jiffies after which @req is overdue
 * @started: jiffies of the last doorbell
 * @half: running half of the list buffer
 * @nr_next: elements prepared in the other half
 * @single: @req runs in single-block mode
 * @replays: restarts of @req because a sibling had to be stopped
 * @seen_done: the watchdog found it finished; its message may be under way
 * @begun: time at which @req was started, or last restarted
 * @stats: statistics since probe
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
	ktime_t begun;
	struct axl_channel_stats stats;
};

/**
 * struct axl_dma_dir - four channels that share an engine enable
 * @lock: protects everything below and the direction's registers; taken in hard
 *	interrupts
 * @queues: requests waiting for a channel; the last queue is for any channel
 * @ch: the channels
 * @nr_ch: number of channels
 * @running: bitmap of channels with a request
 * @to_device: read channels
 * @blocked: number of blockers (recovery, reset, removal): unless 0, no request
 *	is started and the interrupt handler does not touch the channels
 * @imwr: interrupt message address in the registers
 * @imwr_data: interrupt message data of each channel in the registers
 * @scratch: elements to be copied to the list buffer; half a list is too large
 *	for the stack
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
	/* client of the driver's own transfers */
	struct axl_client kernel;
	/* woken when a direction becomes idle, or recovery is requested */
	wait_queue_head_t idle_wait;
	/* polls busy channels if no messages arrive */
	struct hrtimer poll_timer;
	/* its period, ns; written by the timer, or by the self-test offline */
	u64 poll_ns;
	/*
	 * Consecutive watchdog checks that found completions without a message;
	 * cleared by the interrupt handler on a completion. A word, no lock.
	 */
	unsigned int lost_row;
};

static inline struct axl_dma_dir *axl_dma_dir_at(struct axl_dma *dma,
						 unsigned int index)
{
	return index < ARRAY_SIZE(dma->dirs) ? &dma->dirs[index] : NULL;
}

/* Iterate over both directions of a card; @dir: the variable of the loop. */
#define for_each_axl_dir(axl, dir)					\
	for (unsigned int __dir = 0;					\
	     ((dir) = axl_dma_dir_at(&(axl)->dma, __dir++));)

void axl_dma_setup(struct axl_device *axl);
bool axl_dma_idle(struct axl_device *axl);
bool axl_dma_irq(struct axl_device *axl, u8 channels);
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
