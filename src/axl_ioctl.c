// SPDX-License-Identifier: GPL-2.0
/*
 * The native ioctls of /dev/metisN.
 */
#include <linux/fs.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "axl_core.h"
#include "axl_ext.h"
#include "axl_file.h"
#include "axl_ioctl.h"
#include "compat/axl_compat.h"

static int axl_call_query(struct axl_file *file, void *arg)
{
	return axl_core_query(file->axl, arg);
}

static int axl_call_fw_load(struct axl_file *file, void *arg)
{
	struct axl_ioc_fw_load *req = arg;

	if (req->flags & ~(AXL_FW_LOAD_NAME | AXL_FW_LOAD_NO_START) ||
	    req->reserved)
		return -EINVAL;
	return axl_fw_load(file->axl, req);
}

static int axl_call_buf_register(struct axl_file *file, void *arg)
{
	struct axl_ioc_buf_register *req = arg;
	u32 dirs = AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE;
	struct axl_buf *buf;
	u32 handle;
	u64 end;
	int ret;

	if (req->flags & ~(dirs | AXL_BUF_DMABUF) || !(req->flags & dirs) ||
	    req->reserved || req->length > BIT_ULL(36))
		return -EINVAL;
	if (req->flags & AXL_BUF_DMABUF) {
		if (req->addr)
			return -EINVAL;
		buf = axl_buf_dmabuf(file->axl, req->fd, req->length,
				     req->flags);
	} else {
		if (req->fd || !req->length)
			return -EINVAL;
		if (check_add_overflow(req->addr, req->length, &end) ||
		    end > ULONG_MAX)
			return -EOVERFLOW;
		buf = axl_buf_user(file->axl, req->addr, req->length,
				   req->flags, true);
	}
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	axl_buf_segs(buf, &req->segments);

	mutex_lock(&file->lock);
	ret = file->nr_bufs < AXL_MAX_BUFS ?
	      xa_alloc(&file->bufs, &handle, buf, XA_LIMIT(1, INT_MAX),
		       GFP_KERNEL_ACCOUNT) : -ENOSPC;
	if (!ret)
		file->nr_bufs++;
	mutex_unlock(&file->lock);
	if (ret) {
		axl_buf_put(buf);
		return ret == -EBUSY ? -ENOSPC : ret;
	}
	req->handle = handle;
	return 0;
}

static int axl_call_buf_release(struct axl_file *file, void *arg)
{
	struct axl_ioc_buf_release *req = arg;
	struct axl_buf *buf;

	if (req->reserved)
		return -EINVAL;
	mutex_lock(&file->lock);
	buf = xa_erase(&file->bufs, req->handle);
	if (buf)
		file->nr_bufs--;
	mutex_unlock(&file->lock);
	if (!buf)
		return -ENOENT;
	axl_buf_put(buf);
	return 0;
}

/* Check a transfer from user space and fill in its request. */
static int axl_xfer_check(struct axl_file *file, const struct axl_xfer *xfer,
			  struct axl_req *req)
{
	bool to_device = xfer->direction == AXL_TO_DEVICE;
	struct axl_buf *buf;
	u64 end;

	if (xfer->direction > AXL_FROM_DEVICE || xfer->reserved ||
	    !xfer->length || xfer->length > AXL_MAX_LENGTH)
		return -EINVAL;
	if (xfer->channel != AXL_CHANNEL_ANY &&
	    xfer->channel >= axl_nr_channels(file->axl, to_device))
		return -EINVAL;

	mutex_lock(&file->lock);
	buf = xa_load(&file->bufs, xfer->handle);
	if (buf)
		axl_req_init(req, buf, xfer->offset, xfer->length,
			     xfer->device_addr, xfer->channel, to_device);
	mutex_unlock(&file->lock);
	if (!buf)
		return -ENOENT;
	if (!axl_buf_allows(buf, to_device))
		return -EACCES;
	if (check_add_overflow(xfer->offset, xfer->length, &end) ||
	    end > axl_buf_length(buf))
		return -ERANGE;
	return 0;
}

static int axl_call_submit(struct axl_file *file, void *arg)
{
	struct axl_device *axl = file->axl;
	struct axl_ioc_submit *req = arg;
	struct axl_xfer *xfers;
	struct axl_job *job = NULL;
	int ret;
	u32 i;

	if (req->flags || !req->count || req->count > AXL_MAX_XFERS)
		return -EINVAL;
	xfers = axl_memdup_array_user(u64_to_user_ptr(req->xfers), req->count,
				      sizeof(*xfers));
	if (IS_ERR(xfers))
		return PTR_ERR(xfers);
	job = axl_job_alloc(&file->client, req->count);
	if (!job) {
		ret = -ENOMEM;
		goto out;
	}
	for (i = 0; i < req->count; i++) {
		ret = axl_xfer_check(file, &xfers[i], &job->reqs[i]);
		if (ret)
			goto out;
		job->reqs[i].timeout = axl_req_limit(&job->reqs[i],
						     req->timeout_ns);
	}
	/* before the generation: cache maintenance can take long */
	for (i = 0; i < req->count; i++)
		axl_buf_sync_for_device(job->reqs[i].buf, job->reqs[i].offset,
					job->reqs[i].length);

	ret = axl_generation_get_freezable(axl);
	if (ret)
		goto out;
	if (req->generation != axl_generation(axl))
		ret = -ESTALE;
	for (i = 0; !ret && i < req->count; i++)
		if (!axl_dma_range_ok(axl, job->reqs[i].dev_addr,
				      job->reqs[i].length))
			ret = -ERANGE;
	if (!ret)
		ret = axl_job_submit(axl, job, &req->seq);
	axl_generation_put(axl);
	if (!ret)
		job = NULL;
out:
	if (job)
		axl_job_free(job);
	kvfree(xfers);
	return ret;
}

static int axl_call_wait(struct axl_file *file, void *arg)
{
	struct axl_ioc_wait *req = arg;
	struct axl_job *job;
	int ret;

	if (req->flags || req->reserved)
		return -EINVAL;
	ret = axl_job_wait(file->axl, &file->client, req->seq, req->timeout_ns,
			   &job);
	if (ret)
		return ret;
	req->seq = job->seq;
	req->bytes = job->bytes;
	req->status = job->status;
	req->failed = job->failed;
	axl_job_free(job);
	return 0;
}

static bool axl_event_ok(u32 event)
{
	return event < AXL_NR_EVENTS || event == AXL_EVENT_ANY;
}

/* Result of a wait for an event; -EAGAIN: continue to wait. */
static int axl_event_look(struct axl_device *axl, struct axl_ioc_wait_event *req)
{
	int status = axl_status(axl);

	req->count = axl_event_count(axl, req->event);
	if (status)
		return status;
	/* before the generation: the event may have revealed the restart */
	if (req->count != req->seen)
		return 0;
	return axl_generation(axl) == req->generation ? -EAGAIN : -ESTALE;
}

static int axl_call_wait_event(struct axl_file *file, void *arg)
{
	struct axl_device *axl = file->axl;
	struct axl_ioc_wait_event *req = arg;
	struct wait_queue_head *head;
	int ret, why;

	if (req->flags || !axl_event_ok(req->event))
		return -EINVAL;
	if (axl_generation(axl) != req->generation) {
		req->count = axl_event_count(axl, req->event);
		return axl_status(axl) ?: -ESTALE;
	}
	head = axl_event_wait_head(axl, req->event);
	why = wait_event_interruptible_hrtimeout(*head,
						 (ret = axl_event_look(axl, req)) != -EAGAIN,
						 axl_ktime(req->timeout_ns));
	/* no delay with timeout 0; axl_monitor() finds late slots */
	if (ret == -EAGAIN && why == -ETIME && req->timeout_ns) {
		axl_irq_late(axl, req->event);
		ret = axl_event_look(axl, req);
		/* if the card restarted, the next call returns -ESTALE */
		if (ret == -EAGAIN)
			axl_fw_detect(axl);
	}
	if (ret != -EAGAIN)
		return ret;
	return why == -ETIME ? -ETIMEDOUT : -EINTR;
}

static int axl_call_event_counts(struct axl_file *file, void *arg)
{
	struct axl_ioc_event_counts *req = arg;
	u64 __user *to = u64_to_user_ptr(req->counts);
	u32 i;

	if (!req->nr || req->first >= AXL_NR_EVENTS ||
	    req->nr > AXL_NR_EVENTS - req->first)
		return -EINVAL;
	for (i = 0; i < req->nr; i++)
		if (put_user(axl_event_count(file->axl, req->first + i),
			     to + i))
			return -EFAULT;
	return 0;
}

static int axl_event_fd_end(struct axl_file *file, u32 event)
{
	int i, ret = -ENOENT;

	for (i = 0; i < AXL_MAX_BINDINGS; i++) {
		if (!file->bindings[i] ||
		    axl_binding_event(file->bindings[i]) != event)
			continue;
		axl_event_unbind(file->axl, file->bindings[i]);
		file->bindings[i] = NULL;
		ret = 0;
	}
	return ret;
}

static int axl_event_fd_begin(struct axl_file *file, u32 event, int fd)
{
	struct axl_binding *binding = axl_event_bind(file->axl, event, fd);
	int i, slot = -1, ret = 0;

	if (IS_ERR(binding))
		return PTR_ERR(binding);
	for (i = AXL_MAX_BINDINGS - 1; i >= 0; i--) {
		if (!file->bindings[i])
			slot = i;
		else if (axl_event_same(file->bindings[i], binding))
			ret = -EEXIST;
	}
	if (!ret && slot < 0)
		ret = -ENOSPC;
	if (ret)
		axl_event_unbind(file->axl, binding);
	else
		file->bindings[slot] = binding;
	return ret;
}

static int axl_call_event_fd(struct axl_file *file, void *arg)
{
	struct axl_ioc_event_fd *req = arg;
	int ret;

	if (req->flags || req->reserved || !axl_event_ok(req->event))
		return -EINVAL;
	mutex_lock(&file->lock);
	if (req->fd == -1)
		ret = axl_event_fd_end(file, req->event);
	else
		ret = axl_event_fd_begin(file, req->event, req->fd);
	mutex_unlock(&file->lock);
	return ret;
}

static int axl_call_reset(struct axl_file *file, void *arg)
{
	struct axl_ioc_reset *req = arg;

	if (req->flags || req->reserved)
		return -EINVAL;
	return axl_core_reset(file->axl, &req->generation);
}

/* Indexed by request number; the caller's structure size may differ. */
static const struct axl_ioctl {
	int (*handler)(struct axl_file *file, void *arg);
	unsigned int cmd;
} axl_ioctls[] = {
	[_IOC_NR(AXL_IOC_QUERY)] = { axl_call_query, AXL_IOC_QUERY },
	[_IOC_NR(AXL_IOC_FW_LOAD)] = { axl_call_fw_load, AXL_IOC_FW_LOAD },
	[_IOC_NR(AXL_IOC_BUF_REGISTER)] = {
		axl_call_buf_register, AXL_IOC_BUF_REGISTER
	},
	[_IOC_NR(AXL_IOC_BUF_RELEASE)] = {
		axl_call_buf_release, AXL_IOC_BUF_RELEASE
	},
	[_IOC_NR(AXL_IOC_SUBMIT)] = { axl_call_submit, AXL_IOC_SUBMIT },
	[_IOC_NR(AXL_IOC_WAIT)] = { axl_call_wait, AXL_IOC_WAIT },
	[_IOC_NR(AXL_IOC_WAIT_EVENT)] = {
		axl_call_wait_event, AXL_IOC_WAIT_EVENT
	},
	[_IOC_NR(AXL_IOC_EVENT_COUNTS)] = {
		axl_call_event_counts, AXL_IOC_EVENT_COUNTS
	},
	[_IOC_NR(AXL_IOC_EVENT_FD)] = { axl_call_event_fd, AXL_IOC_EVENT_FD },
	[_IOC_NR(AXL_IOC_RESET)] = { axl_call_reset, AXL_IOC_RESET },
};

/* Large enough for any argument. */
union axl_ioctl_arg {
	struct axl_ioc_query query;
	struct axl_ioc_fw_load fw_load;
	struct axl_ioc_buf_register buf_register;
	struct axl_ioc_buf_release buf_release;
	struct axl_ioc_submit submit;
	struct axl_ioc_wait wait;
	struct axl_ioc_wait_event wait_event;
	struct axl_ioc_event_counts event_counts;
	struct axl_ioc_event_fd event_fd;
	struct axl_ioc_reset reset;
};

long axl_ioctl(struct file *filp, unsigned int cmd, unsigned long user)
{
	struct axl_file *file = filp->private_data;
	void __user *uarg = (void __user *)user;
	size_t usize = _IOC_SIZE(cmd);
	const struct axl_ioctl *ioctl;
	union axl_ioctl_arg arg;
	size_t size;
	int ret;

	if (_IOC_TYPE(cmd) != AXL_IOC_MAGIC)
		return axl_gone(file->axl) ? -ENODEV :
		       axl_ext_ioctl(file->axl, &file->ext, cmd, user);
	if (_IOC_NR(cmd) >= ARRAY_SIZE(axl_ioctls))
		return -ENOTTY;
	WRITE_ONCE(file->native, true);
	ioctl = &axl_ioctls[array_index_nospec(_IOC_NR(cmd),
					       ARRAY_SIZE(axl_ioctls))];
	if (_IOC_DIR(cmd) != _IOC_DIR(ioctl->cmd))
		return -ENOTTY;
	if (axl_gone(file->axl))
		return -ENODEV;
	if (!usize)
		return -EINVAL;

	/* for output-only calls, too: an unknown tail must be zero */
	ret = copy_struct_from_user(&arg, _IOC_SIZE(ioctl->cmd), uarg, usize);
	if (ret)
		return ret;
	size = min_t(size_t, usize, _IOC_SIZE(ioctl->cmd));
	/* check that results can be written before the call has effects */
	if (_IOC_DIR(cmd) & _IOC_READ && copy_to_user(uarg, &arg, size))
		return -EFAULT;

	ret = ioctl->handler(file, &arg);

	if (_IOC_DIR(cmd) & _IOC_READ && copy_to_user(uarg, &arg, size))
		return -EFAULT;
	return ret;
}
