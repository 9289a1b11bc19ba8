// SPDX-License-Identifier: GPL-2.0
/*
 * Jobs and their clients: time limits, completion, waiting and collecting.
 */
#include <linux/export.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "axl_buf.h"
#include "axl_device.h"
#include "axl_job.h"
#include "axl_queue.h"

static unsigned int dma_timeout_ms = 2000;
module_param(dma_timeout_ms, uint, 0644);
MODULE_PARM_DESC(dma_timeout_ms,
		 "Base of a transfer's time limit in ms; 1 s per 16 MiB is added (2000)");

/* Maximum by which a user's time limit may exceed the default. */
#define AXL_TIMEOUT_EXTRA_MS	60000

void axl_client_init(struct axl_client *client)
{
	spin_lock_init(&client->lock);
	xa_init_flags(&client->jobs, XA_FLAGS_LOCK_IRQ);
	INIT_LIST_HEAD(&client->done);
	init_waitqueue_head(&client->wait);
}
EXPORT_SYMBOL_AXL(axl_client_init);

/**
 * axl_job_alloc() - allocate a job
 * @client: its submitter
 * @nr: number of requests
 *
 * May sleep.
 *
 * Return: the job, its requests zeroed except for their job; NULL if out of
 * memory.
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
		axl_sfq_entry_init(&job->reqs[i].entry);
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

/**
 * axl_req_init() - fill in the transfer of a request
 * @req: a request of a new job; the caller sets its time limit
 * @buf: memory; the request gets its own reference, put by axl_job_free()
 * @offset: first byte in @buf
 * @length: bytes
 * @dev_addr: device address
 * @channel: a channel number, or AXL_CHANNEL_ANY
 * @to_device: direction
 *
 * Checks nothing.
 */
void axl_req_init(struct axl_req *req, struct axl_buf *buf, u64 offset,
		  u64 length, u64 dev_addr, u32 channel, bool to_device)
{
	axl_buf_get(buf);
	req->buf = buf;
	req->offset = offset;
	req->length = length;
	req->dev_addr = dev_addr;
	req->channel = channel;
	req->to_device = to_device;
}
EXPORT_SYMBOL_AXL(axl_req_init);

/* Drop one pending count of a job; the last one ends the job. */
void axl_job_put(struct axl_job *job)
{
	struct axl_client *client = job->client;

	lockdep_assert_held(&client->lock);
	if (--job->nr_pending)
		return;
	client->nr_active--;
	list_add_tail(&job->node, &client->done);
	/* under the lock: afterwards a waiter may free the client */
	wake_up_all(&client->wait);
}

/*
 * End a request; its channel, if it had one, is proven stopped. The lock of its
 * direction is held.
 */
void axl_req_end(struct axl_req *req, int status)
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
 * axl_req_limit() - get the time limit of a request on its channel
 * @req: the request; its length is set
 * @timeout_ns: limit that the user requested, 0 for the default
 *
 * Stopping a channel disturbs its siblings: only an administrator may shorten
 * the limit. Memory is held until the end: the limit may exceed the default by
 * at most AXL_TIMEOUT_EXTRA_MS.
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

/**
 * axl_client_take() - collect a job that has ended
 * @client: client of the job
 * @seq: sequence number of the job, 0 for any
 * @done: out: the job
 *
 * Return: 0, -EAGAIN (not yet ended) or -ENOENT (no such job).
 */
int axl_client_take(struct axl_client *client, u64 seq,
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

/* End condition of a wait. On removal jobs are left for axl_client_close(). */
static bool axl_wait_over(struct axl_device *axl, struct axl_client *client,
			  u64 seq, struct axl_job **done, int *ret)
{
	*ret = READ_ONCE(axl->gone) ? -ENODEV :
				      axl_client_take(client, seq, done);
	return *ret != -EAGAIN;
}

/* Make what the device wrote visible to the CPU. */
void axl_job_sync(struct axl_job *job)
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
 * @client: client of the job
 * @seq: sequence number of the job, 0 for any
 * @timeout_ns: maximum time, 0 not to wait
 * @done: out: the job, to be freed by the caller. What the device wrote is
 *	visible to the CPU
 *
 * Return: 0, -ENOENT (no such job), -ETIMEDOUT, -EINTR (signal) or -ENODEV
 * (device removed).
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
 * axl_job_collect() - wait for a job of the driver's own and collect it
 * @client: client of the job
 * @seq: sequence number of the job
 *
 * May sleep, bounded by the time limits of running requests, its own requests
 * and those queued before them (none for &axl_device.dma.kernel). The caller
 * must not hold reset_sem, since recovery takes it.
 *
 * Return: the job, to be freed by the caller. What the device wrote is visible
 * to the CPU.
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
