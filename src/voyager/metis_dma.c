// SPDX-License-Identifier: GPL-2.0
/*
 * Transfers of the SDK: user memory, the dma-buf that a file has attached (one
 * at most), and the L2 of another card. All are jobs of axl.ko.
 */
#include <linux/capability.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "metis.h"

static unsigned int dma_timeout = 2;
module_param(dma_timeout, uint, 0644);
MODULE_PARM_DESC(dma_timeout,
		 "Base of a transfer's time limit in s; 1 s per 16 MiB is added (2)");

/* User memory is pinned in pieces: the SDK moves any amount in one call. */
#define METIS_PIECE	SZ_4M

static int metis_direction(u32 flags, bool *to_device)
{
	switch (flags & (METIS_FLAG_READ | METIS_FLAG_WRITE)) {
	case METIS_FLAG_READ:
		*to_device = false;
		return 0;
	case METIS_FLAG_WRITE:
		*to_device = true;
		return 0;
	default:
		return -EINVAL;
	}
}

static int metis_channel(s32 wanted, u32 *channel)
{
	if (wanted < -1 || wanted >= AXL_NR_CHANNELS)
		return -EINVAL;
	*channel = wanted < 0 ? AXL_CHANNEL_ANY : wanted;
	return 0;
}

static unsigned long metis_limit(const struct axl_req *req)
{
	u64 ms = clamp(READ_ONCE(dma_timeout), 1u, 3600u) * MSEC_PER_SEC +
		 div_u64(req->length * MSEC_PER_SEC, SZ_16M);

	return msecs_to_jiffies(ms);
}

/*
 * One transfer. @generation: required generation; 0 for the current one, since
 * the SDK does not pass any.
 */
struct metis_move {
	struct axl_buf *buf;
	u64 offset;
	u64 length;
	u64 dev_addr;
	u64 generation;
	u32 channel;
	bool to_device;
};

static struct axl_job *metis_job(struct axl_client *client,
				 const struct metis_move *move)
{
	struct axl_job *job;
	struct axl_req *req;
	int ret;

	/* the SDK does not use DMA_BUF_IOCTL_SYNC */
	ret = axl_buf_cpu_end(move->buf, move->to_device);
	if (ret)
		return ERR_PTR(ret);
	job = axl_job_alloc(client, 1);
	if (!job)
		return ERR_PTR(-ENOMEM);
	req = &job->reqs[0];
	axl_req_init(req, move->buf, move->offset, move->length, move->dev_addr,
		     move->channel, move->to_device);
	req->timeout = metis_limit(req);
	axl_buf_sync_for_device(req->buf, req->offset, req->length);
	return job;
}

/* Submit a job, between axl_generation_get() and axl_generation_put(). */
static int metis_queue(struct axl_device *axl, struct axl_job *job, u64 *seq)
{
	const struct axl_req *req = &job->reqs[0];

	if ((req->channel != AXL_CHANNEL_ANY &&
	     req->channel >= axl_nr_channels(axl, req->to_device)) ||
	    !axl_dma_range_ok(axl, req->dev_addr, req->length))
		return -EINVAL;
	return axl_job_submit(axl, job, seq);
}

/* Submit a transfer. If move->generation is 0, it is set to the current one. */
static int metis_submit(struct axl_device *axl, struct axl_client *client,
			struct metis_move *move, u64 *seq)
{
	struct axl_job *job = metis_job(client, move);
	bool gone = false;
	int ret;

	if (IS_ERR(job))
		return PTR_ERR(job);
	do {
		ret = axl_generation_get(axl);
		if (ret)
			break;
		gone = move->generation &&
		       move->generation != axl_generation(axl);
		ret = gone ? -ESTALE : metis_queue(axl, job, seq);
		if (!ret)
			move->generation = axl_generation(axl);
		axl_generation_put(axl);
		/* a recovery was requested meanwhile: retry after it */
	} while (ret == -ESTALE && !gone);
	if (ret)
		axl_job_free(job);
	return ret;
}

/**
 * metis_dma_run() - run a transfer and wait for it; may sleep
 * @axl: the device
 * @client: its submitter
 * @move: the transfer; inside its buffer
 *
 * Return: 0 or the error of the transfer; -EINTR if the process was killed, or
 * got a signal while waiting for other users of a dma-buf.
 */
static int metis_dma_run(struct axl_device *axl, struct axl_client *client,
			 struct metis_move *move)
{
	struct axl_job *job;
	int ret, err = 0;
	u64 seq;

	ret = metis_submit(axl, client, move, &seq);
	if (ret)
		return ret;
	ret = axl_job_collect_killable(axl, client, seq, &job);
	if (!ret) {
		ret = job->status;
		axl_job_free(job);
	}
	/* a failed transfer may have written, too */
	if (!move->to_device)
		err = axl_buf_cpu_begin(move->buf, DMA_FROM_DEVICE);
	return ret ?: err;
}

/**
 * metis_dma_fetch() - read from the card into memory of this module
 * @axl: the device, after axl_generation_get(); put on return
 * @client: its submitter
 * @buf: destination, not a dma-buf; filled from its start
 * @length: bytes
 * @dev_addr: device address
 *
 * Waits for the transfer; signals do not end the wait.
 *
 * Return: 0, -ENOMEM, -EINVAL (bad device address range), -EBUSY,
 * -ESTALE (a recovery was requested), or the error of the transfer.
 */
int metis_dma_fetch(struct axl_device *axl, struct axl_client *client,
		    struct axl_buf *buf, u64 length, u64 dev_addr)
{
	const struct metis_move move = {
		.buf = buf,
		.length = length,
		.dev_addr = dev_addr,
		.channel = AXL_CHANNEL_ANY,
	};
	struct axl_job *job = metis_job(client, &move);
	u64 seq;
	int ret;

	ret = IS_ERR(job) ? PTR_ERR(job) : metis_queue(axl, job, &seq);
	axl_generation_put(axl);
	if (ret) {
		if (!IS_ERR(job))
			axl_job_free(job);
		return ret;
	}
	job = axl_job_collect(client, seq);
	ret = job->status;
	axl_job_free(job);
	return ret;
}

void metis_dma_open(struct metis_file *file)
{
	axl_client_init(&file->sync);
	axl_client_init(&file->async);
}

void metis_dma_close(struct metis_file *file)
{
	axl_client_close(file->m->axl, &file->sync);
	axl_client_close(file->m->axl, &file->async);
	if (file->buf)
		axl_buf_put(file->buf);
}

/* True if the asynchronous transfer has ended, or the device was removed. */
static bool metis_ended(struct metis_file *file)
{
	return !list_empty_careful(&file->async.done) ||
	       axl_status(file->m->axl) == -ENODEV;
}

/*
 * Collect the asynchronous transfer if it has ended. The caller holds
 * file->lock. Returns 0, or -EINTR: it has ended, but a signal interrupted the
 * CPU sync of the buffer, and it is not collected.
 */
static int metis_reap(struct metis_file *file)
{
	struct axl_job *job;
	int ret, err = 0;

	if (file->state != METIS_XFER_PENDING || !metis_ended(file))
		return 0;
	/* sync before collecting: afterwards -EINTR could not be retried */
	if (!file->to_device)
		err = axl_buf_cpu_begin(file->buf, DMA_FROM_DEVICE);
	if (err == -EINTR)
		return err;
	ret = axl_job_wait(file->m->axl, &file->async, file->seq, 0, &job);
	if (ret == -ETIMEDOUT || ret == -EINTR)
		return 0;
	if (!ret) {
		ret = job->status;
		axl_job_free(job);
	}
	file->status = ret ?: err;
	metis_event_ended(file);
	WRITE_ONCE(file->state, !file->status ? METIS_XFER_DONE :
		   file->status == -ETIMEDOUT ? METIS_XFER_TIMED_OUT :
						METIS_XFER_FAILED);
	/* other threads may wait for the same transfer */
	wake_up_all(&file->async.wait);
	return 0;
}

/* Return 0 if the buffer may be detached, -EBUSY, or -EINTR as metis_reap(). */
static int metis_buf_busy(struct metis_file *file)
{
	int ret = metis_reap(file);

	if (!ret && (file->users || file->state == METIS_XFER_PENDING))
		ret = -EBUSY;
	return ret;
}

/**
 * metis_buf_attach() - attach a dma-buf; may sleep
 * @file: the file; a dma-buf attached before is detached
 * @fd: file descriptor of the dma-buf
 *
 * Return: 0, -EBUSY (a transfer runs), -EINTR, or an error of axl_buf_dmabuf()
 * or axl_buf_cpu_begin().
 */
int metis_buf_attach(struct metis_file *file, int fd)
{
	struct axl_buf *buf;
	int ret;

	buf = axl_buf_dmabuf(file->m->axl, fd, 0,
			     AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	/*
	 * The CPU owns the buffer until a transfer. udmabuf needs a begin
	 * before the first end, and maps for the direction of the first begin.
	 */
	ret = axl_buf_cpu_begin(buf, DMA_BIDIRECTIONAL);
	mutex_lock(&file->lock);
	if (!ret)
		ret = metis_buf_busy(file);
	if (!ret)
		swap(file->buf, buf);
	mutex_unlock(&file->lock);
	if (buf)
		axl_buf_put(buf);
	return ret;
}

int metis_buf_detach(struct metis_file *file)
{
	struct axl_buf *buf = NULL;
	int ret;

	mutex_lock(&file->lock);
	ret = file->buf ? metis_buf_busy(file) : -EINVAL;
	if (!ret)
		swap(file->buf, buf);
	mutex_unlock(&file->lock);
	if (buf)
		axl_buf_put(buf);
	return ret;
}

static int metis_buf_check(struct metis_file *file,
			   const struct metis_buf_xfer *x)
{
	u64 end;

	if (!x->size || x->size > AXL_MAX_LENGTH)
		return -EINVAL;
	if (!file->buf || check_add_overflow((u64)x->offset, x->size, &end) ||
	    end > axl_buf_length(file->buf))
		return -EINVAL;
	return 0;
}

/**
 * metis_buf_xfer() - transfer to or from the attached dma-buf
 * @file: the file
 * @x: the transfer; asynchronous with %METIS_FLAG_ASYNC. @x->handle is ignored
 *
 * Return: 0, -EINVAL, -EBUSY (an asynchronous transfer is under way), -EINTR,
 * or the error of the transfer.
 */
int metis_buf_xfer(struct metis_file *file, const struct metis_buf_xfer *x)
{
	struct axl_device *axl = file->m->axl;
	u32 mode = x->flags & (METIS_FLAG_SYNC | METIS_FLAG_ASYNC);
	struct metis_move move = {
		.offset = x->offset,
		.length = x->size,
		.dev_addr = x->dev_addr,
	};
	int ret;

	if (x->flags & ~(METIS_FLAG_READ | METIS_FLAG_WRITE | METIS_FLAG_SYNC |
			 METIS_FLAG_ASYNC) ||
	    (mode != METIS_FLAG_SYNC && mode != METIS_FLAG_ASYNC) ||
	    metis_direction(x->flags, &move.to_device) ||
	    metis_channel(x->channel, &move.channel))
		return -EINVAL;

	mutex_lock(&file->lock);
	ret = metis_buf_check(file, x);
	if (ret)
		goto out;
	move.buf = file->buf;
	if (mode == METIS_FLAG_ASYNC) {
		ret = metis_reap(file);
		if (!ret && file->state == METIS_XFER_PENDING)
			ret = -EBUSY;
		if (!ret)
			ret = metis_submit(axl, &file->async, &move,
					   &file->seq);
		if (!ret) {
			file->to_device = move.to_device;
			WRITE_ONCE(file->state, METIS_XFER_PENDING);
		}
		goto out;
	}
	file->users++;
	mutex_unlock(&file->lock);
	ret = metis_dma_run(axl, &file->sync, &move);
	mutex_lock(&file->lock);
	file->users--;
out:
	mutex_unlock(&file->lock);
	return ret;
}

/* Get the state of the asynchronous transfer, &enum metis_xfer_state. */
int metis_buf_state(struct metis_file *file)
{
	int ret;

	mutex_lock(&file->lock);
	metis_reap(file);
	ret = file->state;
	mutex_unlock(&file->lock);
	return ret;
}

/**
 * metis_buf_wait() - wait for the asynchronous transfer
 * @file: the file
 * @x: flags must contain %METIS_FLAG_SYNC
 *
 * Return: 0, -EINVAL (no transfer, or flag missing), -EINTR, or the error of
 * the transfer.
 */
int metis_buf_wait(struct metis_file *file, const struct metis_buf_xfer *x)
{
	int ret;

	if (!(x->flags & METIS_FLAG_SYNC))
		return -EINVAL;
	do {
		if (wait_event_interruptible(file->async.wait,
					     READ_ONCE(file->state) !=
					     METIS_XFER_PENDING ||
					     metis_ended(file)))
			return -EINTR;
		mutex_lock(&file->lock);
		ret = metis_reap(file);
		if (!ret)
			ret = file->state == METIS_XFER_PENDING ? -EAGAIN :
			      file->state == METIS_XFER_NONE ? -EINVAL :
							       file->status;
		mutex_unlock(&file->lock);
		/* another thread started a new transfer meanwhile */
	} while (ret == -EAGAIN);
	return ret;
}

/**
 * metis_mem_xfer() - transfer user memory and wait for it
 * @file: the file
 * @x: the transfer
 *
 * Return: 0, -EINVAL, -EFAULT, -ENOMEM, -EINTR (killed), or the error of the
 * transfer.
 */
int metis_mem_xfer(struct metis_file *file, const struct metis_mem_xfer *x)
{
	struct axl_device *axl = file->m->axl;
	struct metis_move move = { .channel = AXL_CHANNEL_ANY };
	u64 end, done;
	int ret;

	/* the vendor's driver ignores x->offset, so it may be uninitialised */
	if (x->flags & ~(METIS_FLAG_READ | METIS_FLAG_WRITE | METIS_FLAG_SYNC |
			 METIS_FLAG_ASYNC) ||
	    metis_direction(x->flags, &move.to_device) || !x->size ||
	    check_add_overflow(x->user_addr, x->size, &end))
		return -EINVAL;
	/* check the whole range before the first byte is moved */
	ret = axl_generation_get(axl);
	if (ret)
		return ret;
	if (!axl_dma_range_ok(axl, x->dev_addr, x->size))
		ret = -EINVAL;
	axl_generation_put(axl);

	for (done = 0; !ret && done < x->size; done += move.length) {
		move.length = min_t(u64, x->size - done, METIS_PIECE);
		move.buf = axl_buf_user(axl, x->user_addr + done, move.length,
					move.to_device ? AXL_BUF_TO_DEVICE :
							 AXL_BUF_FROM_DEVICE,
					false);
		if (IS_ERR(move.buf))
			return PTR_ERR(move.buf);
		move.dev_addr = x->dev_addr + done;
		ret = metis_dma_run(axl, &file->sync, &move);
		axl_buf_put(move.buf);
	}
	return ret;
}

/**
 * metis_p2p_xfer() - transfer between this card and another card; may sleep
 * @file: the file
 * @x: the transfer; the bus address is in another card's L2
 *
 * Return: 0, -EPERM (no CAP_SYS_RAWIO), -EINVAL, an error of axl_buf_peer(), or
 * the error of the transfer.
 */
int metis_p2p_xfer(struct metis_file *file, const struct metis_p2p_xfer *x)
{
	struct axl_device *axl = file->m->axl;
	struct metis_move move = {
		.length = x->size,
		.dev_addr = x->dev_addr,
	};
	int ret;

	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;
	if (x->flags & ~(METIS_FLAG_READ | METIS_FLAG_WRITE | METIS_FLAG_SYNC |
			 METIS_FLAG_P2P) ||
	    metis_direction(x->flags, &move.to_device) || !x->size ||
	    metis_channel(x->channel, &move.channel))
		return -EINVAL;
	move.buf = axl_buf_peer(axl, x->bus_addr, x->size,
				move.to_device ? AXL_BUF_TO_DEVICE :
						 AXL_BUF_FROM_DEVICE);
	if (IS_ERR(move.buf))
		return PTR_ERR(move.buf);
	ret = metis_dma_run(axl, &file->sync, &move);
	axl_buf_put(move.buf);
	return ret;
}

static void metis_channel_stats(struct axl_device *axl, bool to_device,
				unsigned int n, struct metis_channel_stats *out)
{
	struct axl_channel_stats stats;

	out->active = axl_channel_get_stats(axl, to_device, n, &stats);
	out->transfers = stats.transfers;
	out->errors = stats.errors;
	out->bytes = stats.bytes;
	out->max_segs = stats.max_segs;
	out->max_us = div_u64(stats.max_ns, NSEC_PER_USEC);
	out->last_us = div_u64(stats.last_ns, NSEC_PER_USEC);
	out->last_size = stats.last_length;
	if (stats.last_ns)
		out->last_mbps = div64_u64(stats.last_length * 1000,
					   stats.last_ns);
}

/**
 * metis_dma_stats() - get the statistics of all channels, over all clients
 * @axl: the device
 * @stats: out; all zeros on entry
 */
void metis_dma_stats(struct axl_device *axl, struct metis_dma_stats *stats)
{
	unsigned int n;

	for (n = 0; n < AXL_NR_CHANNELS; n++) {
		metis_channel_stats(axl, true, n, &stats->wr[n]);
		metis_channel_stats(axl, false, n, &stats->rd[n]);
	}
}
