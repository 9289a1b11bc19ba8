// SPDX-License-Identifier: GPL-2.0
/*
 * Transfers: jobs and their requests, the queue of each direction, completion,
 * timeout and recovery. The engine's registers are axl_edma.c's.
 *
 * A request ends exactly once, under its direction's lock. From the doorbell
 * until the channel is proven stopped the job keeps its buffers, whatever
 * happens to the process, the file or the card in the meantime.
 */
#include <linux/delay.h>
#include <linux/log2.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "axl.h"
#include "axl_trace.h"

static unsigned int dma_timeout_ms = 2000;
module_param(dma_timeout_ms, uint, 0644);
MODULE_PARM_DESC(dma_timeout_ms,
		 "Base of a transfer's time limit in ms; 1 s per 16 MiB is added (2000)");

/* What a user's time limit may add to the default one. */
#define AXL_TIMEOUT_EXTRA_MS	60000

/* A transfer that was started again this often has had its chance. */
#define AXL_REPLAYS_MAX		3

/* How often a busy channel is looked at without having been asked to. */
#define AXL_TICK		(HZ / 10)

/* That many looks in a row with completions, but no message: there will be none. */
#define AXL_LOST_ROW_MAX	8

/* What starting and ending a transfer costs, in bytes that could have moved. */
#define AXL_REQ_COST		SZ_16K

void axl_client_init(struct axl_client *client)
{
	spin_lock_init(&client->lock);
	xa_init_flags(&client->jobs, XA_FLAGS_LOCK_IRQ);
	INIT_LIST_HEAD(&client->done);
	init_waitqueue_head(&client->wait);
}
EXPORT_SYMBOL_AXL(axl_client_init);

/**
 * axl_job_alloc() - make an empty job
 * @client: who submits it
 * @nr: requests it will have
 *
 * Return: the job, its requests zeroed but for their job; NULL without memory.
 */
struct axl_job *axl_job_alloc(struct axl_client *client, u32 nr)
{
	struct axl_job *job;
	u32 i;

	job = kvzalloc(struct_size(job, reqs, nr), GFP_KERNEL_ACCOUNT);
	if (!job)
		return NULL;
	job->client = client;
	job->nr_reqs = nr;
	for (i = 0; i < nr; i++) {
		job->reqs[i].job = job;
		axl_turn_init(&job->reqs[i].turn);
	}
	return job;
}
EXPORT_SYMBOL_AXL(axl_job_alloc);

/**
 * axl_job_free() - release a job and the buffers of its requests
 * @job: never submitted, or ended and collected
 */
void axl_job_free(struct axl_job *job)
{
	u32 i;

	for (i = 0; i < job->nr_reqs; i++)
		if (job->reqs[i].buf)
			axl_buf_put(job->reqs[i].buf);
	kvfree(job);
}
EXPORT_SYMBOL_AXL(axl_job_free);

/* One of the things that a job waits for is over. */
static void axl_job_put(struct axl_job *job)
{
	struct axl_client *client = job->client;

	lockdep_assert_held(&client->lock);
	if (--job->nr_pending)
		return;
	client->nr_active--;
	list_add_tail(&job->node, &client->done);
	/* inside the lock: afterwards a waiter may free the client */
	wake_up_all(&client->wait);
}

/* The request has ended; its channel, if it had one, is proven stopped. */
static void axl_req_end(struct axl_req *req, int status)
{
	struct axl_job *job = req->job;
	struct axl_client *client = job->client;

	spin_lock(&client->lock);
	if (!status) {
		job->bytes += req->length;
	} else if (!job->status) {
		job->status = status;
		job->failed = req - job->reqs;
	}
	axl_job_put(job);
	spin_unlock(&client->lock);
}

/**
 * axl_req_limit() - time a request may take on its channel
 * @req: length is set
 * @timeout_ns: what the user asked for, 0 for the default
 *
 * Stopping a channel disturbs its siblings: only the administrator may want it
 * early. And memory is held until the end, so nobody may want it much later.
 *
 * Return: jiffies.
 */
unsigned long axl_req_limit(const struct axl_req *req, u64 timeout_ns)
{
	u64 ms = READ_ONCE(dma_timeout_ms) +
		 div_u64(req->length * 1000, SZ_16M);
	unsigned long def = msecs_to_jiffies(min_t(u64, ms, INT_MAX / 2));
	unsigned long limit = axl_timeout(timeout_ns);

	if (!timeout_ns)
		return def;
	if (limit < def && !capable(CAP_SYS_ADMIN))
		return def;
	return min(limit, def + msecs_to_jiffies(AXL_TIMEOUT_EXTRA_MS));
}

/* Ring the doorbell for the request from its beginning. */
static void axl_channel_run(struct axl_device *axl, struct axl_dma_dir *dir,
			    unsigned int n)
{
	struct axl_channel *ch = &dir->ch[n];
	struct axl_req *req = ch->req;
	const struct axl_seg *segs;
	struct axl_elem elem;
	unsigned int nr;

	segs = axl_buf_segs(req->buf, &nr);
	/* checked at submission, and a buffer never changes */
	WARN_ON_ONCE(axl_cursor_init(&ch->cur, segs, nr, req->offset,
				     req->length, req->dev_addr));
	ch->seen_done = false;
	ch->nr_next = 0;
	ch->half = 0;
	ch->started = jiffies;
	ch->deadline = jiffies + req->timeout;
	ch->begun = ktime_get();
	ch->max_segs = max(ch->max_segs, nr);
	ch->single = axl_cursor_single(&ch->cur, segs, nr);
	trace_axl_start(axl, req, n, ch->single);
	if (ch->single) {
		axl_cursor_next(&ch->cur, segs, nr, dir->to_device, &elem);
		axl_edma_start_single(axl, dir, n, &elem);
	} else {
		axl_edma_fill(axl, dir, n, 0);
		axl_edma_start_list(axl, dir, n, 0);
		/* while that runs */
		ch->nr_next = axl_edma_fill(axl, dir, n, 1);
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
	struct axl_share *share = &client->shares[req->to_device][n];

	/* nobody's queue stands before a firmware load */
	if (client == &axl->kernel)
		axl_queue_add_first(&dir->queues[n], share, &req->turn);
	else
		axl_queue_add(&dir->queues[n], share, &req->turn,
			      req->length + AXL_REQ_COST);
}

static struct axl_req *axl_queue_req(const struct axl_queue *queue)
{
	struct axl_turn *turn = axl_queue_first(queue);

	return turn ? container_of(turn, struct axl_req, turn) : NULL;
}

/*
 * What a channel does next. Those who want this one and those who take any have
 * every second turn on it, if both are there.
 */
static struct axl_req *axl_channel_take(struct axl_device *axl,
					struct axl_dma_dir *dir, unsigned int n)
{
	struct axl_channel *ch = &dir->ch[n];
	struct axl_req *any, *own, *req;

	lockdep_assert_held(&dir->lock);
	any = axl_queue_req(&dir->queues[AXL_NR_CHANNELS]);
	own = axl_queue_req(&dir->queues[n]);
	if (any && (!own || !ch->took_any || any->job->client == &axl->kernel))
		req = any;
	else
		req = own;
	if (!req)
		return NULL;
	ch->took_any = req == any;
	axl_queue_take(&dir->queues[axl_req_queue(req)], &req->turn);
	return req;
}

/* End those requests of a job that no channel has taken yet. */
static void axl_job_drop(struct axl_device *axl, struct axl_job *job, int status)
{
	int d;
	u32 i;

	for (d = 0; d < ARRAY_SIZE(axl->dirs); d++) {
		struct axl_dma_dir *dir = &axl->dirs[d];

		spin_lock_irq(&dir->lock);
		for (i = 0; i < job->nr_reqs; i++) {
			struct axl_req *req = &job->reqs[i];

			if (req->to_device == dir->to_device &&
			    axl_queue_drop(&dir->queues[axl_req_queue(req)],
					   &req->turn))
				axl_req_end(req, status);
		}
		spin_unlock_irq(&dir->lock);
	}
}

/**
 * axl_dma_drop_queued() - end every request that no channel has taken yet
 * @axl: the device
 * @status: what becomes of them
 */
void axl_dma_drop_queued(struct axl_device *axl, int status)
{
	unsigned int n;
	int d;

	for (d = 0; d < ARRAY_SIZE(axl->dirs); d++) {
		struct axl_dma_dir *dir = &axl->dirs[d];

		spin_lock_irq(&dir->lock);
		for (n = 0; n < AXL_NR_QUEUES; n++) {
			struct axl_queue *queue = &dir->queues[n];
			struct axl_req *req;

			while ((req = axl_queue_req(queue))) {
				axl_queue_drop(queue, &req->turn);
				axl_req_end(req, status);
			}
		}
		spin_unlock_irq(&dir->lock);
	}
}

/* Give every idle channel something to do. */
static void axl_dir_kick(struct axl_device *axl, struct axl_dma_dir *dir)
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
	if (!dir->running && wq_has_sleeper(&axl->idle_wait))
		wake_up_all(&axl->idle_wait);
}

static void axl_channel_end(struct axl_device *axl, struct axl_dma_dir *dir,
			    unsigned int n, int status)
{
	struct axl_channel *ch = &dir->ch[n];
	struct axl_req *req = ch->req;

	ch->req = NULL;
	dir->running &= ~BIT(n);
	if (status) {
		ch->errors++;
	} else {
		ch->transfers++;
		ch->bytes += req->length;
		ch->last_length = req->length;
		ch->last_ns = ktime_to_ns(ktime_sub(ktime_get(), ch->begun));
		ch->max_ns = max(ch->max_ns, ch->last_ns);
	}
	trace_axl_complete(axl, req, n, status);
	axl_req_end(req, status);
}

/*
 * Look at one channel: true when its request ended, or went on to the next part
 * of its list. @told: the message was this channel's own; the status may follow
 * it by some microseconds, and no second message comes.
 */
static bool axl_channel_poll(struct axl_device *axl, struct axl_dma_dir *dir,
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
			ch->nr_next = axl_edma_fill(axl, dir, n, !ch->half);
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
 * axl_dma_irq() - a completion message arrived, or might have
 * @axl: the device
 * @channels: that it can be about: bit n read channel n, bit 4 + n write
 *
 * Return: true when a channel had something to tell.
 */
bool axl_dma_irq(struct axl_device *axl, u8 channels)
{
	bool told = is_power_of_2(channels);
	bool any = false;
	unsigned long flags;
	int d;

	for (d = 0; d < ARRAY_SIZE(axl->dirs); d++) {
		struct axl_dma_dir *dir = &axl->dirs[d];
		u8 mask = channels >> (d * AXL_NR_CHANNELS);
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
 * axl_dma_range_ok() - may user space name this range of device addresses
 * @axl: the device
 * @dev_addr: first byte
 * @length: bytes
 *
 * The list buffer is out of bounds: whoever writes it programs the engine.
 */
bool axl_dma_range_ok(struct axl_device *axl, u64 dev_addr, u64 length)
{
	const struct axl_layout *layout = &axl->layout;
	u64 list = layout->l2_base + axl->list_offset;
	u64 list_end = list + axl->list_size;
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
 *	already be gone
 * @seq: out: its name
 *
 * The caller holds reset_sem.
 *
 * Return: 0, -EBUSY (too many not collected), -ENOMEM, or the device's status.
 */
int axl_job_submit(struct axl_device *axl, struct axl_job *job, u64 *seq)
{
	struct axl_client *client = job->client;
	unsigned long flags;
	int idx, ret, d;
	u32 i;

	lockdep_assert_held(&axl->reset_sem);
	ret = axl_enter(axl, &idx);
	if (ret)
		/* recovery is due and will raise the generation */
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
	/* one for ourselves: nobody can collect it while we walk through it */
	job->nr_pending = job->nr_reqs + 1;
	spin_unlock_irqrestore(&client->lock, flags);

	ret = xa_err(xa_store_irq(&client->jobs, job->seq, job,
				  GFP_KERNEL_ACCOUNT));
	if (ret) {
		spin_lock_irqsave(&client->lock, flags);
		client->nr_jobs--;
		client->nr_reqs -= job->nr_reqs;
		client->nr_active--;
		/* who waits for any job may have counted this one */
		wake_up_all(&client->wait);
		spin_unlock_irqrestore(&client->lock, flags);
		goto out;
	}

	for (d = 0; d < ARRAY_SIZE(axl->dirs); d++) {
		struct axl_dma_dir *dir = &axl->dirs[d];

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

/* Collect a job that has ended: 0, -EAGAIN (not yet), -ENOENT (no such job). */
static int axl_client_take(struct axl_client *client, u64 seq,
			   struct axl_job **done)
{
	struct axl_job *job;
	int ret = 0;

	spin_lock_irq(&client->lock);
	if (seq)
		job = xa_load(&client->jobs, seq);
	else
		job = list_first_entry_or_null(&client->done, struct axl_job,
					       node);
	if (!job) {
		ret = seq || !client->nr_jobs ? -ENOENT : -EAGAIN;
	} else if (job->nr_pending) {
		ret = -EAGAIN;
	} else {
		list_del(&job->node);
		xa_erase(&client->jobs, job->seq);
		client->nr_jobs--;
		client->nr_reqs -= job->nr_reqs;
		*done = job;
	}
	spin_unlock_irq(&client->lock);
	return ret;
}

/* Has waiting an end? On a device that is gone the jobs are left for close(). */
static bool axl_wait_over(struct axl_device *axl, struct axl_client *client,
			  u64 seq, struct axl_job **done, int *ret)
{
	*ret = READ_ONCE(axl->gone) ? -ENODEV :
				      axl_client_take(client, seq, done);
	return *ret != -EAGAIN;
}

/* What the device wrote becomes visible to the CPU. */
static void axl_job_sync(struct axl_job *job)
{
	u32 i;

	for (i = 0; i < job->nr_reqs; i++)
		if (!job->reqs[i].to_device)
			axl_buf_sync_for_cpu(job->reqs[i].buf,
					     job->reqs[i].offset,
					     job->reqs[i].length);
}

/**
 * axl_job_wait() - wait for a job and collect it
 * @axl: the device
 * @client: whose job
 * @seq: its name, 0 for any
 * @timeout_ns: how long
 * @done: out: the job, to be freed by the caller. What the device wrote is
 *	visible to the CPU
 *
 * Return: 0, -ENOENT, -ETIMEDOUT, -EINTR or -ENODEV.
 */
int axl_job_wait(struct axl_device *axl, struct axl_client *client, u64 seq,
		 u64 timeout_ns, struct axl_job **done)
{
	struct axl_job *job;
	int ret, why;

	why = wait_event_interruptible_hrtimeout(client->wait,
						 axl_wait_over(axl, client, seq, &job, &ret),
						 axl_ktime(timeout_ns));
	if (ret == -EAGAIN)
		return why == -ETIME ? -ETIMEDOUT : -EINTR;
	if (ret)
		return ret;

	axl_job_sync(job);
	*done = job;
	return 0;
}
EXPORT_SYMBOL_AXL(axl_job_wait);

/**
 * axl_job_collect() - wait for a job of the driver's own
 * @client: whose job
 * @seq: its name
 *
 * Bounded by the time limits of what runs, of its own requests and of the turns
 * before them, of which there are none for &axl_device.kernel. reset_sem must not
 * be held, since recovery takes it.
 *
 * Return: the job, to be freed by the caller. What the device wrote is visible to
 * the CPU.
 */
struct axl_job *axl_job_collect(struct axl_client *client, u64 seq)
{
	struct axl_job *job;

	wait_event(client->wait,
		   axl_client_take(client, seq, &job) != -EAGAIN);
	axl_job_sync(job);
	return job;
}
EXPORT_SYMBOL_AXL(axl_job_collect);

/**
 * axl_job_collect_killable() - the same for the sake of a process
 * @axl: the device
 * @client: whose job
 * @seq: its name
 * @done: out: the job, to be freed by the caller. What the device wrote is
 *	visible to the CPU
 *
 * When the process is killed the job ends as in axl_client_close(): the file may
 * live on in another process.
 *
 * Return: 0, -ENOENT, or -EINTR: killed, and there is no job any more.
 */
int axl_job_collect_killable(struct axl_device *axl, struct axl_client *client,
			     u64 seq, struct axl_job **done)
{
	int ret, why;

	why = wait_event_killable(client->wait,
				  (ret = axl_client_take(client, seq, done)) !=
				  -EAGAIN);
	if (why) {
		/* there until it is collected, which is up to us */
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
 * axl_client_close() - end everything a client has submitted
 * @axl: the device
 * @client: nobody submits or waits any more
 *
 * Queued requests are dropped. Running ones are waited for: each ends by itself
 * or by its time limit, and its memory must stay until then.
 */
void axl_client_close(struct axl_device *axl, struct axl_client *client)
{
	struct axl_job *job;
	unsigned long seq;

	xa_for_each(&client->jobs, seq, job)
		axl_job_drop(axl, job, -ECANCELED);
	wait_event(client->wait, !READ_ONCE(client->nr_active));
	/* whoever woke us has left the lock */
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
 * axl_dma_block() - start nothing any more, in either direction
 * @axl: the device
 *
 * Undone by axl_dma_unblock(). Running channels go on; their completions wait.
 */
void axl_dma_block(struct axl_device *axl)
{
	int d;

	for (d = 0; d < ARRAY_SIZE(axl->dirs); d++)
		axl_dir_block(&axl->dirs[d]);
}

static void axl_dir_unblock(struct axl_device *axl, struct axl_dma_dir *dir)
{
	spin_lock_irq(&dir->lock);
	if (!WARN_ON_ONCE(!dir->blocked))
		dir->blocked--;
	axl_dir_kick(axl, dir);
	spin_unlock_irq(&dir->lock);
}

void axl_dma_unblock(struct axl_device *axl)
{
	int d;

	for (d = 0; d < ARRAY_SIZE(axl->dirs); d++)
		axl_dir_unblock(axl, &axl->dirs[d]);
}

/**
 * axl_dma_stop() - stop all channels of both directions
 * @axl: the device; blocked, its registers may be touched
 *
 * Return: true when every channel is proven stopped.
 */
bool axl_dma_stop(struct axl_device *axl)
{
	bool stopped = true;
	int d;

	for (d = 0; d < ARRAY_SIZE(axl->dirs); d++)
		stopped &= axl_edma_stop(axl, &axl->dirs[d], false);
	return stopped;
}

/**
 * axl_dma_leak() - keep the memory of running requests for ever
 * @axl: the device; blocked
 *
 * The last resort, when neither the engine nor a reset could be made to prove
 * that the card has let go of it.
 */
void axl_dma_leak(struct axl_device *axl)
{
	unsigned int n;
	int d;

	for (d = 0; d < ARRAY_SIZE(axl->dirs); d++) {
		struct axl_dma_dir *dir = &axl->dirs[d];

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
 * @status: what becomes of them
 */
void axl_dma_flush(struct axl_device *axl, int status)
{
	unsigned int n;
	int d;

	axl_dma_drop_queued(axl, status);
	for (d = 0; d < ARRAY_SIZE(axl->dirs); d++) {
		struct axl_dma_dir *dir = &axl->dirs[d];

		spin_lock_irq(&dir->lock);
		for (n = 0; n < dir->nr_ch; n++)
			if (dir->running & BIT(n))
				axl_channel_end(axl, dir, n, status);
		spin_unlock_irq(&dir->lock);
	}
	wake_up_all(&axl->idle_wait);
}

/**
 * axl_dma_idle() - does no channel run
 * @axl: the device
 *
 * Under the locks: between the end of one request and the start of the next a
 * channel looks idle to anybody else. True for good while nobody can submit.
 */
bool axl_dma_idle(struct axl_device *axl)
{
	unsigned long flags;
	u8 running = 0;
	int d;

	for (d = 0; d < ARRAY_SIZE(axl->dirs); d++) {
		spin_lock_irqsave(&axl->dirs[d].lock, flags);
		running |= axl->dirs[d].running;
		spin_unlock_irqrestore(&axl->dirs[d].lock, flags);
	}
	return !running;
}

/**
 * axl_dma_drain() - let running requests end, drop queued ones
 * @axl: the device
 *
 * For a firmware start. The caller holds reset_sem exclusive, so nothing new
 * comes. Queued requests fail with -ESTALE.
 *
 * Return: 0, -EINTR (killed), -ENODEV, or -EIO when the engine hangs and recovery
 * has been asked for.
 */
int axl_dma_drain(struct axl_device *axl)
{
	lockdep_assert_held_write(&axl->reset_sem);
	axl_dma_drop_queued(axl, -ESTALE);
	if (wait_event_killable(axl->idle_wait,
				axl_dma_idle(axl) || axl_status(axl) ||
				READ_ONCE(axl->reset_why)))
		return -EINTR;
	if (axl_status(axl))
		return axl_status(axl);
	return axl_dma_idle(axl) ? 0 : -EIO;
}

/* Stop a direction, fail the guilty, start the innocent again. */
static void axl_dir_recover(struct axl_device *axl, struct axl_dma_dir *dir,
			    u8 guilty)
{
	const char *name = dir->to_device ? "read" : "write";
	unsigned int n, replayed = 0;

	spin_lock_irq(&dir->lock);
	/* since they were looked at, one may have ended and the next begun */
	for (n = 0; n < dir->nr_ch; n++)
		if (!(dir->running & BIT(n)) ||
		    !time_after(jiffies, dir->ch[n].deadline))
			guilty &= ~BIT(n);
	if (guilty)
		dir->blocked++;
	spin_unlock_irq(&dir->lock);
	if (!guilty)
		return;

	if (!axl_edma_stop(axl, dir, false)) {
		dev_err(&axl->pdev->dev,
			"%s engine does not stop: bus mastering off, resetting the card\n",
			name);
		/*
		 * Without bus mastering a posted write is lost without an error:
		 * what runs in the other direction must not count as done.
		 */
		axl_dma_block(axl);
		axl_dir_unblock(axl, dir);
		pci_clear_master(axl->pdev);
		/* stays blocked: axl_reset() takes that over */
		axl->fenced = true;
		axl_reset_request(axl, "DMA engine does not stop");
		return;
	}

	if (!axl_edma_proven(axl, dir)) {
		/* all ones prove nothing: reads may have failed for a moment */
		axl_dma_block(axl);
		axl_dir_unblock(axl, dir);
		axl->fenced = true;
		axl_reset_request(axl, "device does not answer");
		return;
	}

	spin_lock_irq(&dir->lock);
	axl_edma_enable(axl, dir);
	for (n = 0; n < dir->nr_ch; n++) {
		struct axl_req *req = dir->ch[n].req;

		if (!(dir->running & BIT(n)))
			continue;
		if (!(guilty & BIT(n)) &&
		    ++dir->ch[n].replays <= AXL_REPLAYS_MAX)
			continue;
		trace_axl_timeout(axl, req, n, -ETIMEDOUT);
		dev_err_ratelimited(&axl->pdev->dev,
				    "%s channel %u stopped: %llu bytes took more than %u ms\n",
				    name, n, req->length,
				    jiffies_to_msecs(req->timeout));
		axl_edma_ack(axl, dir, n);
		axl_channel_end(axl, dir, n, -ETIMEDOUT);
	}
	dir->blocked--;
	if (!dir->blocked) {
		/* moving the same bytes again harms nobody: they had not ended */
		for (n = 0; n < dir->nr_ch; n++) {
			if (!(dir->running & BIT(n)))
				continue;
			axl_edma_ack(axl, dir, n);
			axl_channel_run(axl, dir, n);
			replayed++;
		}
		axl_dir_kick(axl, dir);
	}
	spin_unlock_irq(&dir->lock);
	if (replayed)
		dev_info_ratelimited(&axl->pdev->dev,
				     "%u %s transfers started again\n",
				     replayed, name);
}

/* Look at the busy channels of a direction; returns the overdue ones. */
static u8 axl_dir_check(struct axl_device *axl, struct axl_dma_dir *dir)
{
	bool found = false, dead = false, give_up;
	unsigned int n, lost = 0;
	u8 guilty = 0;

	spin_lock_irq(&dir->lock);
	for (n = 0; n < dir->nr_ch && !dir->blocked; n++) {
		struct axl_channel *ch = &dir->ch[n];
		int cs;

		if (!(dir->running & BIT(n)) ||
		    time_before(jiffies, ch->started + AXL_TICK))
			continue;
		cs = axl_edma_status(axl, dir, n);
		if (cs < 0) {
			dead = true;
		} else if (cs == AXL_EDMA_CS_STOPPED ||
			   cs == AXL_EDMA_CS_HALTED) {
			/* give the message that may be under way one tick */
			if (!ch->seen_done) {
				ch->seen_done = true;
				continue;
			}
			lost++;
			found |= axl_channel_poll(axl, dir, n, false);
		} else if (time_after(jiffies, ch->deadline)) {
			guilty |= BIT(n);
		}
	}
	axl_irq_lost(axl, lost, "a transfer ended");
	/* a look counts once: one stall of a processor delays all channels */
	axl->lost_row += !!lost;
	give_up = axl->lost_row >= AXL_LOST_ROW_MAX && !axl_polled(axl);
	if (give_up)
		WRITE_ONCE(axl->delivery, AXL_DELIVERY_POLLED);
	if (found || give_up)
		axl_dir_kick(axl, dir);
	spin_unlock_irq(&dir->lock);

	if (give_up)
		dev_warn_ratelimited(&axl->pdev->dev,
				     "interrupts of the DMA engine do not arrive any more, transfers are polled until the next reset: see the ITS in the device tree and the interrupts' affinity\n");
	if (dead)
		axl_reset_request(axl, "device does not answer");
	return guilty;
}

/**
 * axl_dma_watchdog() - find lost interrupts and overdue transfers
 * @work: axl_device.watchdog
 *
 * Runs while any channel has a request.
 */
void axl_dma_watchdog(struct work_struct *work)
{
	struct axl_device *axl = container_of(to_delayed_work(work),
					      struct axl_device, watchdog);
	int idx, d;

	if (axl_enter(axl, &idx))
		return;
	/* a recovery that is due looks at everything */
	for (d = 0; d < ARRAY_SIZE(axl->dirs) && !axl->reset_why; d++) {
		u8 guilty = axl_dir_check(axl, &axl->dirs[d]);

		if (guilty)
			axl_dir_recover(axl, &axl->dirs[d], guilty);
	}
	axl_exit(axl, idx);
	if (!axl_dma_idle(axl))
		queue_delayed_work(axl->wq, &axl->watchdog, AXL_TICK);
}

/**
 * axl_dma_setup() - initialise what needs no hardware
 * @axl: the device
 */
void axl_dma_setup(struct axl_device *axl)
{
	unsigned int n;
	int d;

	for (d = 0; d < ARRAY_SIZE(axl->dirs); d++) {
		struct axl_dma_dir *dir = &axl->dirs[d];

		spin_lock_init(&dir->lock);
		for (n = 0; n < AXL_NR_QUEUES; n++)
			axl_queue_init(&dir->queues[n]);
		dir->to_device = d == AXL_DIR_TO_DEVICE;
	}
	axl_client_init(&axl->kernel);
	INIT_DELAYED_WORK(&axl->watchdog, axl_dma_watchdog);
	init_waitqueue_head(&axl->idle_wait);
	init_waitqueue_head(&axl->state_wait);
	init_waitqueue_head(&axl->mbox_wait);
}
