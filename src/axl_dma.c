// SPDX-License-Identifier: GPL-2.0
/*
 * Transfers: the queues and channels of each direction, completion, polled
 * completion. axl_edma.c has the engine's registers.
 *
 * A request ends exactly once, under its direction's lock. From the doorbell
 * until the channel is proven stopped the job keeps its buffers, even if the
 * process, the file or the card goes away.
 */
#include <linux/delay.h>
#include <linux/export.h>
#include <linux/hrtimer.h>
#include <linux/log2.h>
#include <linux/rcupdate.h>

#include "axl_buf.h"
#include "axl_device.h"
#include "axl_dma.h"
#include "axl_edma.h"
#include "axl_edma_list.h"
#include "axl_event.h"
#include "axl_job.h"
#include "axl_queue.h"
#include "axl_trace.h"

/* Cost of starting and ending a transfer, in bytes, for fair queueing. */
#define AXL_REQ_COST		SZ_16K

/* Write the next elements of a channel's request to a half of its list. */
static unsigned int axl_channel_fill(struct axl_device *axl,
				     struct axl_dma_dir *dir, unsigned int n,
				     u8 half)
{
	const struct axl_seg *segs;
	unsigned int nr_segs;

	segs = axl_buf_segs(dir->ch[n].req->buf, &nr_segs);
	return axl_edma_fill(axl, dir, n, half, segs, nr_segs);
}

/* Start a channel's request from its beginning. */
void axl_channel_run(struct axl_device *axl, struct axl_dma_dir *dir,
		     unsigned int n)
{
	struct axl_channel *ch = &dir->ch[n];
	struct axl_req *req = ch->req;
	const struct axl_seg *segs;
	struct axl_elem elem;
	unsigned int nr;

	segs = axl_buf_segs(req->buf, &nr);
	/* checked at submission, and a buffer is immutable */
	WARN_ON_ONCE(axl_cursor_init(&ch->cur, segs, nr, req->offset,
				     req->length, req->dev_addr));
	ch->seen_done = false;
	ch->nr_next = 0;
	ch->half = 0;
	ch->started = jiffies;
	ch->deadline = jiffies + req->timeout;
	ch->begun = ktime_get();
	ch->stats.max_segs = max(ch->stats.max_segs, nr);
	ch->single = axl_cursor_single(&ch->cur, segs, nr);
	trace_axl_start(axl, req, n, ch->single);
	if (ch->single) {
		axl_cursor_next(&ch->cur, segs, nr, dir->to_device, &elem);
		axl_edma_start_single(axl, dir, n, &elem);
	} else {
		axl_channel_fill(axl, dir, n, 0);
		axl_edma_start_list(axl, dir, n, 0);
		/* while the first half runs */
		ch->nr_next = axl_channel_fill(axl, dir, n, 1);
	}
}

/* The queue that a request waits in. */
static unsigned int axl_req_queue(const struct axl_req *req)
{
	return min_t(u32, req->channel, AXL_NR_CHANNELS);
}

static void axl_req_enqueue(struct axl_device *axl, struct axl_dma_dir *dir,
			    struct axl_req *req)
{
	struct axl_client *client = req->job->client;
	unsigned int n = axl_req_queue(req);
	struct axl_sfq_flow *flow = &client->flows[req->to_device][n];

	/* a firmware load goes before all clients */
	if (client == &axl->dma.kernel)
		axl_queue_add_first(&dir->queues[n], flow, &req->entry);
	else
		axl_queue_add(&dir->queues[n], flow, &req->entry,
			      req->length + AXL_REQ_COST);
}

static struct axl_req *axl_queue_req(const struct axl_queue *queue)
{
	struct axl_sfq_entry *entry = axl_queue_first(queue);

	return entry ? container_of(entry, struct axl_req, entry) : NULL;
}

/*
 * Take the next request for a channel. Requests for this channel and requests
 * for any channel alternate if both are queued.
 */
static struct axl_req *axl_channel_take(struct axl_device *axl,
					struct axl_dma_dir *dir, unsigned int n)
{
	struct axl_channel *ch = &dir->ch[n];
	struct axl_req *any, *own, *req;

	lockdep_assert_held(&dir->lock);
	any = axl_queue_req(&dir->queues[AXL_NR_CHANNELS]);
	own = axl_queue_req(&dir->queues[n]);
	if (any && (!own || !ch->took_any || any->job->client == &axl->dma.kernel))
		req = any;
	else
		req = own;
	if (!req)
		return NULL;
	ch->took_any = req == any;
	axl_queue_take(&dir->queues[axl_req_queue(req)], &req->entry);
	return req;
}

/* End the requests of a job that are still queued. */
static void axl_job_drop(struct axl_device *axl, struct axl_job *job, int status)
{
	struct axl_dma_dir *dir;
	u32 i;

	for_each_axl_dir(axl, dir) {
		spin_lock_irq(&dir->lock);
		for (i = 0; i < job->nr_reqs; i++) {
			struct axl_req *req = &job->reqs[i];

			if (req->to_device == dir->to_device &&
			    axl_queue_drop(&dir->queues[axl_req_queue(req)],
					   &req->entry))
				axl_req_end(req, status);
		}
		spin_unlock_irq(&dir->lock);
	}
}

/**
 * axl_dma_drop_queued() - end every request that is still queued
 * @axl: the device
 * @status: error for these requests
 */
void axl_dma_drop_queued(struct axl_device *axl, int status)
{
	struct axl_dma_dir *dir;
	unsigned int n;

	for_each_axl_dir(axl, dir) {
		spin_lock_irq(&dir->lock);
		for (n = 0; n < AXL_NR_QUEUES; n++) {
			struct axl_queue *queue = &dir->queues[n];
			struct axl_req *req;

			while ((req = axl_queue_req(queue))) {
				axl_queue_drop(queue, &req->entry);
				axl_req_end(req, status);
			}
		}
		spin_unlock_irq(&dir->lock);
	}
}

/* Start queued requests on idle channels. */
void axl_dir_kick(struct axl_device *axl, struct axl_dma_dir *dir)
{
	unsigned int n;

	lockdep_assert_held(&dir->lock);
	if (dir->blocked)
		return;
	for (n = 0; n < dir->nr_ch; n++) {
		struct axl_req *req;

		if (dir->running & BIT(n))
			continue;
		req = axl_channel_take(axl, dir, n);
		if (!req)
			continue;
		dir->ch[n].req = req;
		dir->ch[n].replays = 0;
		if (!dir->running)
			queue_delayed_work(axl->wq, &axl->watchdog,
					   AXL_TICK);
		dir->running |= BIT(n);
		axl_channel_run(axl, dir, n);
	}
	if (dir->running && axl_polled(axl))
		axl_irq_poll_arm(axl);
	if (!dir->running && wq_has_sleeper(&axl->dma.idle_wait))
		wake_up_all(&axl->dma.idle_wait);
}

void axl_channel_end(struct axl_device *axl, struct axl_dma_dir *dir,
		     unsigned int n, int status)
{
	struct axl_channel *ch = &dir->ch[n];
	struct axl_channel_stats *stats = &ch->stats;
	struct axl_req *req = ch->req;

	ch->req = NULL;
	dir->running &= ~BIT(n);
	if (status) {
		stats->errors++;
	} else {
		stats->transfers++;
		stats->bytes += req->length;
		stats->last_length = req->length;
		stats->last_ns = ktime_to_ns(ktime_sub(ktime_get(), ch->begun));
		stats->max_ns = max(stats->max_ns, stats->last_ns);
	}
	trace_axl_complete(axl, req, n, status);
	axl_req_end(req, status);
}

/**
 * axl_channel_poll() - check one channel for completion
 * @axl: the device
 * @dir: the direction; its lock is held
 * @n: a running channel
 * @told: the message was for this channel only. The status may follow it by
 *	some microseconds and no second message comes: check for 10 us
 *
 * Return: true if the request ended or the next part of its list was started.
 */
bool axl_channel_poll(struct axl_device *axl, struct axl_dma_dir *dir,
		      unsigned int n, bool told)
{
	struct axl_channel *ch = &dir->ch[n];
	int tries = told ? 10 : 0;
	int cs;

	cs = axl_edma_status(axl, dir, n);
	while ((cs == AXL_EDMA_CS_RUNNING || cs == AXL_EDMA_CS_NONE) &&
	       tries--) {
		udelay(1);
		cs = axl_edma_status(axl, dir, n);
	}
	switch (cs) {
	case AXL_EDMA_CS_STOPPED:
		axl_edma_ack(axl, dir, n);
		if (ch->nr_next) {
			ch->half ^= 1;
			ch->seen_done = false;
			ch->started = jiffies;
			axl_edma_start_list(axl, dir, n, ch->half);
			ch->nr_next = axl_channel_fill(axl, dir, n, !ch->half);
			return true;
		}
		axl_channel_end(axl, dir, n, 0);
		break;
	case AXL_EDMA_CS_HALTED:
		axl_edma_report(axl, dir, n);
		axl_edma_ack(axl, dir, n);
		axl_channel_end(axl, dir, n, -EIO);
		break;
	case AXL_EDMA_CS_RUNNING:
	case AXL_EDMA_CS_NONE:
		return false;
	default:
		axl_reset_request(axl, "device does not answer");
		return false;
	}
	axl_event_signal(axl, dir->to_device ? AXL_EVENT_DMA_READ(n) :
					       AXL_EVENT_DMA_WRITE(n));
	return true;
}

/**
 * axl_dma_irq() - check channels after an interrupt message, or when polled
 * @axl: the device
 * @channels: channels to check: bit n read channel n, bit 4 + n write channel n
 *
 * Any context.
 *
 * Return: true if axl_channel_poll() was true for a channel.
 */
bool axl_dma_irq(struct axl_device *axl, u8 channels)
{
	struct axl_dma_dir *dir;
	bool told = is_power_of_2(channels);
	bool any = false;
	unsigned long flags;

	for_each_axl_dir(axl, dir) {
		u8 mask = dir->to_device ? channels :
					   channels >> AXL_NR_CHANNELS;
		bool found = false;
		unsigned int n;

		if (!(mask & GENMASK(AXL_NR_CHANNELS - 1, 0)))
			continue;
		spin_lock_irqsave(&dir->lock, flags);
		if (!dir->blocked) {
			for (n = 0; n < dir->nr_ch; n++)
				if (mask & dir->running & BIT(n))
					found |= axl_channel_poll(axl, dir, n,
								  told);
			if (found)
				axl_dir_kick(axl, dir);
		}
		spin_unlock_irqrestore(&dir->lock, flags);
		any |= found;
	}
	return any;
}

/**
 * axl_dma_range_ok() - check a range of device addresses from user space
 * @axl: the device, after axl_generation_get()
 * @dev_addr: first byte
 * @length: bytes
 *
 * The list buffer is excluded: writing it programs the engine.
 *
 * Return: true if the range is allowed.
 */
bool axl_dma_range_ok(struct axl_device *axl, u64 dev_addr, u64 length)
{
	const struct axl_areas *areas = axl_areas_of(axl);
	const struct axl_layout *layout = &areas->layout;
	u64 list = layout->l2_base + areas->list_offset;
	u64 list_end = list + areas->list_size;
	u64 end;

	if (check_add_overflow(dev_addr, length, &end))
		return false;
	if (dev_addr >= layout->l2_base &&
	    end <= layout->l2_base + axl->bar2_size)
		return end <= list || dev_addr >= list_end;
	return layout->ddr_base && dev_addr >= layout->ddr_base &&
	       end - layout->ddr_base <= AXL_DDR_MAX;
}
EXPORT_SYMBOL_AXL(axl_dma_range_ok);

/**
 * axl_job_submit() - queue all requests of a job
 * @axl: the device
 * @job: filled in and checked; on success it belongs to its client and may
 *	already be freed
 * @seq: out: sequence number of the job
 *
 * The caller is between axl_generation_get() and axl_generation_put(). May
 * sleep.
 *
 * Return: 0, -EBUSY (too many jobs or requests not collected), -ENOMEM, -ESTALE
 * (a recovery is pending), or -ENODEV or -EIO from axl_status().
 */
int axl_job_submit(struct axl_device *axl, struct axl_job *job, u64 *seq)
{
	struct axl_client *client = job->client;
	unsigned long flags;
	struct axl_dma_dir *dir;
	int idx, ret;
	u32 i;

	lockdep_assert_held(&axl->reset_sem);
	ret = axl_enter(axl, &idx);
	if (ret)
		/* a pending recovery will raise the generation */
		return ret == -EAGAIN ? -ESTALE : ret;

	spin_lock_irqsave(&client->lock, flags);
	if (client->nr_jobs >= AXL_MAX_JOBS ||
	    client->nr_reqs + job->nr_reqs > AXL_MAX_REQS) {
		spin_unlock_irqrestore(&client->lock, flags);
		ret = -EBUSY;
		goto out;
	}
	client->nr_jobs++;
	client->nr_reqs += job->nr_reqs;
	client->nr_active++;
	job->seq = ++client->last_seq;
	*seq = job->seq;
	/* one extra: no collection while the requests are being queued */
	job->nr_pending = job->nr_reqs + 1;
	spin_unlock_irqrestore(&client->lock, flags);

	ret = xa_err(xa_store_irq(&client->jobs, job->seq, job,
				  GFP_KERNEL_ACCOUNT));
	if (ret) {
		spin_lock_irqsave(&client->lock, flags);
		client->nr_jobs--;
		client->nr_reqs -= job->nr_reqs;
		client->nr_active--;
		/* a waiter for any job may have counted this one */
		wake_up_all(&client->wait);
		spin_unlock_irqrestore(&client->lock, flags);
		goto out;
	}

	for_each_axl_dir(axl, dir) {
		spin_lock_irqsave(&dir->lock, flags);
		for (i = 0; i < job->nr_reqs; i++) {
			struct axl_req *req = &job->reqs[i];

			if (req->to_device != dir->to_device)
				continue;
			trace_axl_submit(axl, req, req->channel, 0);
			axl_req_enqueue(axl, dir, req);
		}
		axl_dir_kick(axl, dir);
		spin_unlock_irqrestore(&dir->lock, flags);
	}
	spin_lock_irqsave(&client->lock, flags);
	axl_job_put(job);
	spin_unlock_irqrestore(&client->lock, flags);
out:
	axl_exit(axl, idx);
	return ret;
}
EXPORT_SYMBOL_AXL(axl_job_submit);

/**
 * axl_job_collect_killable() - wait for a job and collect it, killable
 * @axl: the device
 * @client: client of the job
 * @seq: sequence number of the job
 * @done: out: the job, to be freed by the caller. What the device wrote is
 *	visible to the CPU
 *
 * If the process is killed the job is ended as in axl_client_close(), since the
 * file may live on in another process. Context as in axl_job_collect().
 *
 * Return: 0, -ENOENT, or -EINTR (killed; the job has been freed).
 */
int axl_job_collect_killable(struct axl_device *axl, struct axl_client *client,
			     u64 seq, struct axl_job **done)
{
	int ret, why;

	why = wait_event_killable(client->wait,
				  (ret = axl_client_take(client, seq, done)) !=
				  -EAGAIN);
	if (why) {
		/* the job exists until it is collected below */
		axl_job_drop(axl, xa_load(&client->jobs, seq), -ECANCELED);
		axl_job_free(axl_job_collect(client, seq));
		return -EINTR;
	}
	if (!ret)
		axl_job_sync(*done);
	return ret;
}
EXPORT_SYMBOL_AXL(axl_job_collect_killable);

/**
 * axl_client_close() - end and free all jobs of a client
 * @axl: the device
 * @client: without submitters or waiters
 *
 * Drops queued requests and waits for running ones: each ends by itself or by
 * its time limit, and its memory must stay until then. May sleep. The caller
 * must not hold reset_sem, since recovery takes it.
 */
void axl_client_close(struct axl_device *axl, struct axl_client *client)
{
	struct axl_job *job;
	unsigned long seq;

	xa_for_each(&client->jobs, seq, job)
		axl_job_drop(axl, job, -ECANCELED);
	wait_event(client->wait, !READ_ONCE(client->nr_active));
	/* wait until the waker has dropped the lock */
	spin_lock_irq(&client->lock);
	spin_unlock_irq(&client->lock);

	xa_for_each(&client->jobs, seq, job)
		axl_job_free(job);
	xa_destroy(&client->jobs);
}
EXPORT_SYMBOL_AXL(axl_client_close);

static void axl_dir_block(struct axl_dma_dir *dir)
{
	spin_lock_irq(&dir->lock);
	dir->blocked++;
	spin_unlock_irq(&dir->lock);
}

/**
 * axl_dma_block() - start no more requests, in either direction
 * @axl: the device
 *
 * Running channels continue; their completions wait for axl_dma_unblock().
 */
void axl_dma_block(struct axl_device *axl)
{
	struct axl_dma_dir *dir;

	for_each_axl_dir(axl, dir)
		axl_dir_block(dir);
}

void axl_dir_unblock(struct axl_device *axl, struct axl_dma_dir *dir)
{
	spin_lock_irq(&dir->lock);
	if (!WARN_ON_ONCE(!dir->blocked))
		dir->blocked--;
	axl_dir_kick(axl, dir);
	spin_unlock_irq(&dir->lock);
}

void axl_dma_unblock(struct axl_device *axl)
{
	struct axl_dma_dir *dir;

	for_each_axl_dir(axl, dir)
		axl_dir_unblock(axl, dir);
}

/**
 * axl_dma_stop() - stop all channels of both directions
 * @axl: the device; blocked, its registers may be accessed
 *
 * May sleep.
 *
 * Return: true if axl_edma_stop() was true for both directions.
 */
bool axl_dma_stop(struct axl_device *axl)
{
	struct axl_dma_dir *dir;
	bool stopped = true;

	for_each_axl_dir(axl, dir)
		stopped &= axl_edma_stop(axl, dir, false);
	return stopped;
}

/**
 * axl_dma_leak() - never release the memory of running requests
 * @axl: the device; blocked
 *
 * Last resort if neither stopping the engine nor a reset proved that the card
 * no longer accesses the memory.
 */
void axl_dma_leak(struct axl_device *axl)
{
	struct axl_dma_dir *dir;
	unsigned int n;

	for_each_axl_dir(axl, dir) {
		spin_lock_irq(&dir->lock);
		for (n = 0; n < dir->nr_ch; n++)
			if (dir->running & BIT(n))
				axl_buf_leak(dir->ch[n].req->buf);
		spin_unlock_irq(&dir->lock);
	}
}

/**
 * axl_dma_flush() - end every request
 * @axl: the device; blocked, and no channel runs
 * @status: error for these requests
 */
void axl_dma_flush(struct axl_device *axl, int status)
{
	struct axl_dma_dir *dir;
	unsigned int n;

	axl_dma_drop_queued(axl, status);
	for_each_axl_dir(axl, dir) {
		spin_lock_irq(&dir->lock);
		for (n = 0; n < dir->nr_ch; n++)
			if (dir->running & BIT(n))
				axl_channel_end(axl, dir, n, status);
		spin_unlock_irq(&dir->lock);
	}
	wake_up_all(&axl->dma.idle_wait);
}

/**
 * axl_dma_idle() - check that no channel runs
 * @axl: the device
 *
 * Takes the locks: without them, a channel looks idle between the end of one
 * request and the start of the next. A true result holds while no caller can
 * submit.
 */
bool axl_dma_idle(struct axl_device *axl)
{
	struct axl_dma_dir *dir;
	unsigned long flags;
	u8 running = 0;

	for_each_axl_dir(axl, dir) {
		spin_lock_irqsave(&dir->lock, flags);
		running |= dir->running;
		spin_unlock_irqrestore(&dir->lock, flags);
	}
	return !running;
}

/**
 * axl_irq_poll_arm() - start the polling timer
 * @axl: the device
 *
 * Any context.
 */
void axl_irq_poll_arm(struct axl_device *axl)
{
	if (!hrtimer_is_queued(&axl->dma.poll_timer))
		hrtimer_start(&axl->dma.poll_timer, ns_to_ktime(axl->dma.poll_ns),
			      HRTIMER_MODE_REL);
}

/* Poll the busy channels, with a growing period while no request ends. */
static enum hrtimer_restart axl_irq_poll(struct hrtimer *timer)
{
	struct axl_device *axl = container_of(timer, struct axl_device,
					      dma.poll_timer);
	bool found;

	/*
	 * A pending recovery flushes the requests, or the watchdog arms the
	 * timer again.
	 */
	if (!axl_is_open(axl) || READ_ONCE(axl->reset_why))
		return HRTIMER_NORESTART;
	/* for axl_areas_of() */
	rcu_read_lock();
	found = axl_dma_irq(axl, 0xff);
	rcu_read_unlock();
	if (found)
		axl->dma.poll_ns = AXL_POLL_MIN_NS;
	else
		axl->dma.poll_ns = min_t(u64, 2 * axl->dma.poll_ns, AXL_POLL_MAX_NS);
	/* no HRTIMER_RESTART: axl_dir_kick() may have armed the timer */
	if (!axl_dma_idle(axl))
		axl_irq_poll_arm(axl);
	return HRTIMER_NORESTART;
}

/**
 * axl_dma_poll_stop() - stop the polling timer and wait for its handler
 * @axl: the device, offline, so that the timer is not armed again
 */
void axl_dma_poll_stop(struct axl_device *axl)
{
	hrtimer_cancel(&axl->dma.poll_timer);
}

static unsigned int axl_dir_index(bool to_device)
{
	return to_device ? AXL_DIR_TO_DEVICE : AXL_DIR_FROM_DEVICE;
}

/**
 * axl_nr_channels() - get the number of channels of a direction
 * @axl: the device
 * @to_device: the direction
 *
 * Return: 1..%AXL_NR_CHANNELS; constant after probe.
 */
unsigned int axl_nr_channels(const struct axl_device *axl, bool to_device)
{
	return axl->dma.dirs[axl_dir_index(to_device)].nr_ch;
}
EXPORT_SYMBOL_AXL(axl_nr_channels);

/**
 * axl_channel_get_stats() - get the statistics of a channel
 * @axl: the device
 * @to_device: its direction
 * @n: below %AXL_NR_CHANNELS; zeros for a channel that the card does not have
 * @stats: out
 *
 * Return: true if the channel runs a request.
 */
bool axl_channel_get_stats(struct axl_device *axl, bool to_device,
			   unsigned int n, struct axl_channel_stats *stats)
{
	struct axl_dma_dir *dir = &axl->dma.dirs[axl_dir_index(to_device)];
	bool busy;

	spin_lock_irq(&dir->lock);
	*stats = dir->ch[n].stats;
	busy = dir->ch[n].req;
	spin_unlock_irq(&dir->lock);
	return busy;
}
EXPORT_SYMBOL_AXL(axl_channel_get_stats);

/**
 * axl_dma_setup() - initialise the state that needs no hardware
 * @axl: the device
 */
void axl_dma_setup(struct axl_device *axl)
{
	struct axl_dma_dir *dir;
	unsigned int n;

	for_each_axl_dir(axl, dir) {
		spin_lock_init(&dir->lock);
		for (n = 0; n < AXL_NR_QUEUES; n++)
			axl_queue_init(&dir->queues[n]);
		dir->to_device = dir == &axl->dma.dirs[AXL_DIR_TO_DEVICE];
	}
	axl_client_init(&axl->dma.kernel);
	axl_hrtimer_setup(&axl->dma.poll_timer, axl_irq_poll, CLOCK_MONOTONIC,
			  HRTIMER_MODE_REL);
	init_waitqueue_head(&axl->dma.idle_wait);
	init_waitqueue_head(&axl->state_wait);
}
