// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/metisN: files, the ioctl dispatcher, poll and mmap of BAR2. What a file
 * owns lives here; the work is done elsewhere.
 */
#include <linux/bitfield.h>
#include <linux/compat.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "axl.h"
#include "axl_ext.h"

static dev_t axl_devt;

/**
 * struct axl_file - an open file
 * @axl: referenced
 * @filp: the file
 * @node: in axl->files
 * @client: its jobs
 * @bufs: its buffers by handle
 * @lock: protects @bindings and allocation of handles
 * @nr_bufs: entries of @bufs
 * @bindings: eventfds, in a fixed array because there are few
 * @native: the driver's own interface was used first
 * @ext: use of the other interface
 */
struct axl_file {
	struct axl_device *axl;
	struct file *filp;
	struct list_head node;
	struct axl_client client;
	struct xarray bufs;
	struct mutex lock;	/* see above */
	u32 nr_bufs;
	struct axl_binding *bindings[AXL_MAX_BINDINGS];
	bool native;
	struct axl_ext_file ext;
};

static char *axl_devnode(axl_devnode_device *dev, umode_t *mode)
{
	if (mode)
		*mode = 0660;
	return NULL;
}

/* What udev makes names of that stay with the slot */
static int axl_uevent(axl_uevent_device *dev, struct kobj_uevent_env *env)
{
	struct pci_dev *pdev;

	if (!dev->devt || !dev->parent || !dev_is_pci(dev->parent))
		return 0;
	pdev = to_pci_dev(dev->parent);
	return add_uevent_var(env, "METIS_SLOT=%x:%x:%x",
			      pci_domain_nr(pdev->bus), pdev->bus->number,
			      PCI_SLOT(pdev->devfn)) ?:
	       add_uevent_var(env, "METIS_SLOT_DASHED=%x-%x-%x",
			      pci_domain_nr(pdev->bus), pdev->bus->number,
			      PCI_SLOT(pdev->devfn));
}

/* Not in the module: what the kernel keeps of a class can end after it. */
static struct class *axl_class;

static void axl_release_dev(struct device *dev)
{
	axl_device_free(axl_from_dev(dev));
}

static int axl_ioc_query(struct axl_file *file, void *arg)
{
	struct axl_device *axl = file->axl;
	struct axl_query *q = arg;
	enum axl_fw_phase phase;
	struct pci_dev *pdev;
	int idx, ret;
	u16 sta;

	/* a progress display need not slow down what it shows */
	if (!mutex_is_locked(&axl->fw_lock))
		axl_pick_up(axl);
	/* counters and constants can be read in any state but gone */
	idx = srcu_read_lock(&axl->srcu);
	if (READ_ONCE(axl->gone)) {
		ret = -ENODEV;
		goto out;
	}
	pdev = axl->pdev;
	/* before the numbers that belong to it: pairs with axl_fw_upload() */
	phase = smp_load_acquire(&axl->fw_phase);
	*q = (struct axl_query) {
		.abi = AXL_ABI_VERSION,
		.vectors = axl->nr_vectors,
		.generation = READ_ONCE(axl->generation),
		.bar0_size = pci_resource_len(pdev, 0),
		.bar2_size = axl->bar2_size,
		.l2_base = axl->layout.l2_base,
		.l2_size = axl->bar2_size,
		.ddr_base = axl->layout.ddr_base,
		.ddr_size = axl->layout.ddr_base ? AXL_DDR_MAX : 0,
		.max_length = AXL_MAX_LENGTH,
		.max_image = AXL_MAX_IMAGE,
		.fw_done = READ_ONCE(axl->fw_done),
		.fw_total = READ_ONCE(axl->fw_total),
		.lost_interrupts = atomic64_read(&axl->lost_irqs),
		.pci_domain = pci_domain_nr(pdev->bus),
		.pci_bus = pdev->bus->number,
		.pci_devfn = pdev->devfn,
		.vendor = pdev->vendor,
		.device = pdev->device,
		.revision = pdev->revision,
		.read_channels = axl->dirs[AXL_DIR_TO_DEVICE].nr_ch,
		.write_channels = axl->dirs[AXL_DIR_FROM_DEVICE].nr_ch,
		.irq_mode = !axl->nr_vectors ? AXL_IRQ_NONE :
			    axl->msix ? AXL_IRQ_MSIX : AXL_IRQ_MSI,
		.iommu_mode = axl_iommu_mode(axl),
		.fw_state = READ_ONCE(axl->fw_state),
		.fw_phase = phase,
		.layout_major = axl->layout.major,
		.layout_minor = axl->layout.minor,
		.page_size = axl_iommu_granule(axl),
		.max_xfers = AXL_MAX_XFERS,
		.max_jobs = AXL_MAX_JOBS,
		.nr_vmsi = axl->published ? axl->nr_vmsi : 0,
		.rescued_interrupts = atomic64_read(&axl->rescued),
		.restarts = READ_ONCE(axl->restarts),
		.guard = axl->guard,
		.delivery = READ_ONCE(axl->delivery),
		.max_bufs = AXL_MAX_BUFS,
	};
	if (axl->published)
		q->features |= AXL_FEAT_VMSI;
	if (axl_irq_exact(axl))
		q->features |= AXL_FEAT_EVENTS_EXACT;
	if (axl->layout.dma_desc.valid)
		q->features |= AXL_FEAT_DMA_LIST;
	if (axl->layout.dma_vm)
		q->features |= AXL_FEAT_DMA_VM;
	if (axl->layout.ddr_base)
		q->features |= AXL_FEAT_DDR;
	if (READ_ONCE(axl->online) &&
	    !pcie_capability_read_word(pdev, PCI_EXP_LNKSTA, &sta) &&
	    sta != (u16)~0) {
		q->link_speed = FIELD_GET(PCI_EXP_LNKSTA_CLS, sta);
		q->link_width = FIELD_GET(PCI_EXP_LNKSTA_NLW, sta);
	}
	ret = 0;
out:
	srcu_read_unlock(&axl->srcu, idx);
	return ret;
}

static int axl_ioc_fw_load(struct axl_file *file, void *arg)
{
	struct axl_fw_load *req = arg;

	if (req->flags & ~(AXL_FW_LOAD_NAME | AXL_FW_LOAD_NO_START) ||
	    req->reserved)
		return -EINVAL;
	return axl_fw_load(file->axl, req);
}

static int axl_ioc_buf_register(struct axl_file *file, void *arg)
{
	struct axl_buf_register *req = arg;
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

static int axl_ioc_buf_release(struct axl_file *file, void *arg)
{
	struct axl_buf_release *req = arg;
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

/* Turn a transfer from user space into a request that can be queued. */
static int axl_xfer_check(struct axl_file *file, const struct axl_xfer *xfer,
			  struct axl_req *req)
{
	bool to_device = xfer->direction == AXL_TO_DEVICE;
	struct axl_dma_dir *dir = &file->axl->dirs[xfer->direction & 1];
	u64 end;

	if (xfer->direction > AXL_FROM_DEVICE || xfer->reserved ||
	    !xfer->length || xfer->length > AXL_MAX_LENGTH)
		return -EINVAL;
	if (xfer->channel != AXL_CHANNEL_ANY && xfer->channel >= dir->nr_ch)
		return -EINVAL;

	mutex_lock(&file->lock);
	req->buf = xa_load(&file->bufs, xfer->handle);
	if (req->buf)
		axl_buf_get(req->buf);
	mutex_unlock(&file->lock);
	if (!req->buf)
		return -ENOENT;
	if (!axl_buf_allows(req->buf, to_device))
		return -EACCES;
	if (check_add_overflow(xfer->offset, xfer->length, &end) ||
	    end > axl_buf_length(req->buf))
		return -ERANGE;
	req->offset = xfer->offset;
	req->length = xfer->length;
	req->dev_addr = xfer->device_addr;
	req->channel = xfer->channel;
	req->to_device = to_device;
	return 0;
}

static int axl_ioc_submit(struct axl_file *file, void *arg)
{
	struct axl_device *axl = file->axl;
	struct axl_submit *req = arg;
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
	/* outside the locks: cleaning caches can take long */
	for (i = 0; i < req->count; i++)
		axl_buf_sync_for_device(job->reqs[i].buf, job->reqs[i].offset,
					job->reqs[i].length);

	ret = axl_lock_ready(axl);
	if (ret)
		goto out;
	if (req->generation != axl->generation)
		ret = -ESTALE;
	/* where firmware and lists are is fixed for this generation */
	for (i = 0; !ret && i < req->count; i++)
		if (!axl_dma_range_ok(axl, job->reqs[i].dev_addr,
				      job->reqs[i].length))
			ret = -ERANGE;
	if (!ret)
		ret = axl_job_submit(axl, job, &req->seq);
	up_read(&axl->reset_sem);
	if (!ret)
		job = NULL;
out:
	if (job)
		axl_job_free(job);
	kvfree(xfers);
	return ret;
}

static int axl_ioc_wait(struct axl_file *file, void *arg)
{
	struct axl_wait *req = arg;
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

/* What ends a wait for an event; -EAGAIN when it goes on. */
static int axl_event_look(struct axl_device *axl, struct axl_wait_event *req)
{
	int status = axl_status(axl);

	req->count = axl_event_count(axl, req->event);
	if (status)
		return status;
	/* first: it can be the event that gave a restart away */
	if (req->count != req->seen)
		return 0;
	return READ_ONCE(axl->generation) == req->generation ? -EAGAIN :
							       -ESTALE;
}

static int axl_ioc_wait_event(struct axl_file *file, void *arg)
{
	struct axl_device *axl = file->axl;
	struct axl_wait_event *req = arg;
	struct wait_queue_head *head;
	int ret, why;

	if (req->flags || !axl_event_ok(req->event))
		return -EINVAL;
	if (READ_ONCE(axl->generation) != req->generation) {
		req->count = axl_event_count(axl, req->event);
		return axl_status(axl) ?: -ESTALE;
	}
	head = axl_event_wait_head(axl, req->event);
	why = wait_event_interruptible_hrtimeout(*head,
						 (ret = axl_event_look(axl, req)) != -EAGAIN,
						 axl_ktime(req->timeout_ns));
	/* who only looks gets no delay; axl_monitor() finds what is late */
	if (ret == -EAGAIN && why == -ETIME && req->timeout_ns) {
		axl_irq_late(axl, req->event);
		ret = axl_event_look(axl, req);
		/* there may be a reason; the next call is told */
		if (ret == -EAGAIN)
			axl_pick_up(axl);
	}
	if (ret != -EAGAIN)
		return ret;
	return why == -ETIME ? -ETIMEDOUT : -EINTR;
}

static int axl_ioc_event_counts(struct axl_file *file, void *arg)
{
	struct axl_event_counts *req = arg;
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

static int axl_ioc_event_fd(struct axl_file *file, void *arg)
{
	struct axl_event_fd *req = arg;
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

static int axl_ioc_reset(struct axl_file *file, void *arg)
{
	struct axl_device *axl = file->axl;
	struct axl_reset *req = arg;
	int ret;

	if (req->flags || req->reserved)
		return -EINVAL;
	if (!mutex_trylock(&axl->fw_lock))
		return -EBUSY;
	ret = down_write_killable(&axl->reset_sem);
	if (ret)
		goto out;
	ret = axl_status(axl);
	if (!ret)
		ret = axl->paused ? -EBUSY : axl_reset(axl);
	req->generation = axl->generation;
	up_write(&axl->reset_sem);
out:
	mutex_unlock(&axl->fw_lock);
	return ret;
}

/* By request number; the size in a request may be smaller or larger than ours. */
static const struct axl_ioctl {
	int (*handler)(struct axl_file *file, void *arg);
	unsigned int cmd;
} axl_ioctls[] = {
	[_IOC_NR(AXL_IOC_QUERY)] = { axl_ioc_query, AXL_IOC_QUERY },
	[_IOC_NR(AXL_IOC_FW_LOAD)] = { axl_ioc_fw_load, AXL_IOC_FW_LOAD },
	[_IOC_NR(AXL_IOC_BUF_REGISTER)] = {
		axl_ioc_buf_register, AXL_IOC_BUF_REGISTER
	},
	[_IOC_NR(AXL_IOC_BUF_RELEASE)] = {
		axl_ioc_buf_release, AXL_IOC_BUF_RELEASE
	},
	[_IOC_NR(AXL_IOC_SUBMIT)] = { axl_ioc_submit, AXL_IOC_SUBMIT },
	[_IOC_NR(AXL_IOC_WAIT)] = { axl_ioc_wait, AXL_IOC_WAIT },
	[_IOC_NR(AXL_IOC_WAIT_EVENT)] = {
		axl_ioc_wait_event, AXL_IOC_WAIT_EVENT
	},
	[_IOC_NR(AXL_IOC_EVENT_COUNTS)] = {
		axl_ioc_event_counts, AXL_IOC_EVENT_COUNTS
	},
	[_IOC_NR(AXL_IOC_EVENT_FD)] = { axl_ioc_event_fd, AXL_IOC_EVENT_FD },
	[_IOC_NR(AXL_IOC_RESET)] = { axl_ioc_reset, AXL_IOC_RESET },
};

/* Room for any argument. */
union axl_ioctl_arg {
	struct axl_query query;
	struct axl_fw_load fw_load;
	struct axl_buf_register buf_register;
	struct axl_buf_release buf_release;
	struct axl_submit submit;
	struct axl_wait wait;
	struct axl_wait_event wait_event;
	struct axl_event_counts event_counts;
	struct axl_event_fd event_fd;
	struct axl_reset reset;
};

static long axl_ioctl(struct file *filp, unsigned int cmd, unsigned long user)
{
	struct axl_file *file = filp->private_data;
	void __user *uarg = (void __user *)user;
	size_t usize = _IOC_SIZE(cmd);
	const struct axl_ioctl *ioctl;
	union axl_ioctl_arg arg;
	size_t size;
	int ret;

	if (_IOC_TYPE(cmd) != AXL_IOC_MAGIC)
		return READ_ONCE(file->axl->gone) ? -ENODEV :
		       axl_ext_ioctl(file->axl, &file->ext, cmd, user);
	if (_IOC_NR(cmd) >= ARRAY_SIZE(axl_ioctls))
		return -ENOTTY;
	WRITE_ONCE(file->native, true);
	ioctl = &axl_ioctls[array_index_nospec(_IOC_NR(cmd),
					       ARRAY_SIZE(axl_ioctls))];
	if (_IOC_DIR(cmd) != _IOC_DIR(ioctl->cmd))
		return -ENOTTY;
	if (READ_ONCE(file->axl->gone))
		return -ENODEV;
	if (!usize)
		return -EINVAL;

	/* also where nothing is read: the rule for the tail is the same */
	ret = copy_struct_from_user(&arg, _IOC_SIZE(ioctl->cmd), uarg, usize);
	if (ret)
		return ret;
	size = min_t(size_t, usize, _IOC_SIZE(ioctl->cmd));
	/* find out now that results cannot be told, not when it is too late */
	if (_IOC_DIR(cmd) & _IOC_READ && copy_to_user(uarg, &arg, size))
		return -EFAULT;

	ret = ioctl->handler(file, &arg);

	if (_IOC_DIR(cmd) & _IOC_READ && copy_to_user(uarg, &arg, size))
		return -EFAULT;
	return ret;
}

static __poll_t axl_poll(struct file *filp, struct poll_table_struct *wait)
{
	struct axl_file *file = filp->private_data;
	__poll_t mask;

	/* two queues, no more: io_uring refuses a third */
	poll_wait(filp, &file->client.wait, wait);
	poll_wait(filp, &file->axl->state_wait, wait);
	mask = axl_ext_poll(&file->ext);
	if (!list_empty_careful(&file->client.done))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (axl_status(file->axl))
		mask |= EPOLLERR | EPOLLHUP;
	return mask;
}

/* Wait for the card without holding up the rest of the process. */
static vm_fault_t axl_vm_fault_wait(struct axl_device *axl,
				    struct vm_fault *vmf)
{
	struct file *filp = vmf->vma->vm_file;

	if (!fault_flag_allow_retry_first(vmf->flags)) {
		/* second round, or a caller that cannot retry */
		if (axl_lock_ready(axl))
			return VM_FAULT_SIGBUS;
		up_read(&axl->reset_sem);
		return VM_FAULT_NOPAGE;
	}
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;
	/* without the lock the mapping, and with it the file, may go */
	get_file(filp);
	axl_release_fault_lock(vmf);
	if (!axl_lock_ready(axl))
		up_read(&axl->reset_sem);
	fput(filp);
	return VM_FAULT_RETRY;
}

static vm_fault_t axl_vm_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct axl_file *file = vma->vm_file->private_data;
	struct axl_device *axl = file->axl;
	/* registers have the mark that axl_mmap_ext() gave them */
	phys_addr_t phys = vma->vm_private_data ? axl->bar0_phys :
			   axl->bar2_phys + (vmf->pgoff << PAGE_SHIFT);
	vm_fault_t ret = VM_FAULT_SIGBUS;
	int idx, err;

	/* a firmware start holds this until the link is back */
	if (!down_read_trylock(&axl->reset_sem))
		return axl_vm_fault_wait(axl, vmf);
	err = axl_enter(axl, &idx);
	if (!err) {
		ret = vmf_insert_pfn(vma, vmf->address & PAGE_MASK,
				     PHYS_PFN(phys));
		axl_exit(axl, idx);
	}
	up_read(&axl->reset_sem);
	/* recovery is due */
	return err == -EAGAIN ? axl_vm_fault_wait(axl, vmf) : ret;
}

static ssize_t axl_read(struct file *filp, char __user *to, size_t count,
			loff_t *pos)
{
	struct axl_file *file = filp->private_data;

	if (READ_ONCE(file->axl->gone))
		return -ENODEV;
	return axl_ext_read(&file->ext, filp, to, count);
}

static const struct vm_operations_struct axl_vm_ops = {
	.fault = axl_vm_fault,
};

/*
 * The other interface maps BAR2 from its start only, and the engine's registers
 * as the second page; a file that used ours first is left alone.
 */
static int axl_mmap_ext(struct axl_file *file, struct vm_area_struct *vma)
{
	int ret;

	if (!axl_ext_used(&file->ext)) {
		/* a 32-bit program does not speak it */
		if (vma->vm_pgoff != AXL_EXT_PGOFF_REGS ||
		    READ_ONCE(file->native) || in_compat_syscall())
			return 0;
		ret = axl_ext_claim(file->axl, &file->ext);
		if (ret)
			return ret == -ENOTTY ? 0 : ret;
	}
	if (vma->vm_pgoff == AXL_EXT_PGOFF_L2)
		return 0;
	if (vma->vm_pgoff != AXL_EXT_PGOFF_REGS || vma_pages(vma) > 1)
		return -EINVAL;
	/* it programs DMA, to anywhere the IOMMU lets it */
	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;
	/* more than the registers would come along */
	if (PAGE_SIZE > AXL_BAR_REGS_SIZE)
		return -EOPNOTSUPP;
	vma->vm_private_data = file->axl;
	return 0;
}

static int axl_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct axl_file *file = filp->private_data;
	u64 pages = file->axl->bar2_size >> PAGE_SHIFT;
	int ret;

	if (READ_ONCE(file->axl->gone))
		return -ENODEV;
	/* not VM_SHARED: a file that is open for reading only loses that */
	if (!(vma->vm_flags & VM_MAYSHARE) || vma->vm_pgoff >= pages ||
	    vma_pages(vma) > pages - vma->vm_pgoff)
		return -EINVAL;
	ret = axl_mmap_ext(file, vma);
	if (ret)
		return ret;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	axl_vm_flags_mod(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP,
			 VM_MAYEXEC);
	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	vma->vm_ops = &axl_vm_ops;
	return 0;
}

/**
 * axl_cdev_class() - the class of the device nodes
 */
struct class *axl_cdev_class(void)
{
	return axl_class;
}
EXPORT_SYMBOL_AXL(axl_cdev_class);

/**
 * axl_cdev_opened() - has anybody the device open
 * @axl: the device
 */
bool axl_cdev_opened(struct axl_device *axl)
{
	return !list_empty_careful(&axl->files);
}

/**
 * axl_cdev_zap() - revoke every mapping of BAR2
 * @axl: the device; reset_sem is held exclusive, so that faults wait
 */
void axl_cdev_zap(struct axl_device *axl)
{
	struct axl_file *file;

	/* several nodes can name the device, each with a mapping of its own */
	mutex_lock(&axl->open_lock);
	list_for_each_entry(file, &axl->files, node)
		unmap_mapping_range(file->filp->f_mapping, 0, 0, 1);
	mutex_unlock(&axl->open_lock);
}

static struct lock_class_key axl_file_wait_key;

static int axl_open(struct inode *inode, struct file *filp)
{
	struct axl_device *axl = container_of(inode->i_cdev, struct axl_device,
					      cdev);
	struct axl_file *file;
	int ret;

	if (READ_ONCE(axl->gone))
		return -ENODEV;
	file = kzalloc(sizeof(*file), GFP_KERNEL_ACCOUNT);
	if (!file)
		return -ENOMEM;
	axl_client_init(&file->client);
	/* woken from a callback on the queue of another client */
	lockdep_set_class(&file->client.wait.lock, &axl_file_wait_key);
	ret = axl_ext_init(&file->ext, &file->client.wait);
	/* that can take a while */
	if (!ret && READ_ONCE(axl->gone))
		ret = -ENODEV;
	if (ret) {
		kfree(file);
		return ret;
	}
	file->axl = axl;
	get_device(&axl->dev);
	xa_init_flags(&file->bufs, XA_FLAGS_ALLOC1);
	mutex_init(&file->lock);

	file->filp = filp;
	filp->private_data = file;
	mutex_lock(&axl->open_lock);
	list_add(&file->node, &axl->files);
	mutex_unlock(&axl->open_lock);
	axl_pick_up(axl);
	axl_monitor_start(axl);
	return nonseekable_open(inode, filp);
}

static int axl_release(struct inode *inode, struct file *filp)
{
	struct axl_file *file = filp->private_data;
	struct axl_device *axl = file->axl;
	struct axl_buf *buf;
	unsigned long handle;
	int i;

	axl_ext_end(&file->ext);
	for (i = 0; i < AXL_MAX_BINDINGS; i++)
		if (file->bindings[i])
			axl_event_unbind(axl, file->bindings[i]);
	axl_client_close(axl, &file->client);
	xa_for_each(&file->bufs, handle, buf)
		axl_buf_put(buf);
	xa_destroy(&file->bufs);

	mutex_lock(&axl->open_lock);
	list_del(&file->node);
	mutex_unlock(&axl->open_lock);
	mutex_destroy(&file->lock);
	kfree(file);
	put_device(&axl->dev);
	return 0;
}

static const struct file_operations axl_fops = {
	.owner = THIS_MODULE,
	.open = axl_open,
	.release = axl_release,
	.read = axl_read,
	.unlocked_ioctl = axl_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = axl_poll,
	.mmap = axl_mmap,
};

/**
 * axl_cdev_setup() - prepare the class device; axl_device_free() frees it
 * @axl: the device, all zeros
 * @parent: its PCI device
 */
void axl_cdev_setup(struct axl_device *axl, struct device *parent)
{
	device_initialize(&axl->dev);
	axl->dev.class = axl_class;
	axl->dev.parent = parent;
	axl->dev.release = axl_release_dev;
	mutex_init(&axl->open_lock);
	INIT_LIST_HEAD(&axl->files);
}

/**
 * axl_cdev_add() - show the device to user space
 * @axl: complete: an open() can come before this returns
 */
int axl_cdev_add(struct axl_device *axl)
{
	int ret;

	axl->dev.devt = MKDEV(MAJOR(axl_devt), axl->id);
	ret = dev_set_name(&axl->dev, "metis%d", axl->id);
	if (ret)
		return ret;
	cdev_init(&axl->cdev, &axl_fops);
	axl->cdev.owner = THIS_MODULE;
	return cdev_device_add(&axl->cdev, &axl->dev);
}

void axl_cdev_del(struct axl_device *axl)
{
	cdev_device_del(&axl->cdev, &axl->dev);
}

int axl_cdev_init(void)
{
	int ret = alloc_chrdev_region(&axl_devt, 0, AXL_MINORS, "metis");

	if (ret)
		return ret;
	axl_class = axl_class_create("metis");
	if (IS_ERR(axl_class)) {
		unregister_chrdev_region(axl_devt, AXL_MINORS);
		return PTR_ERR(axl_class);
	}
	axl_class->devnode = axl_devnode;
	axl_class->dev_uevent = axl_uevent;
	return 0;
}

void axl_cdev_exit(void)
{
	class_destroy(axl_class);
	unregister_chrdev_region(axl_devt, AXL_MINORS);
}
