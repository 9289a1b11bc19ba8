// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that the device accesses: user memory, dma-bufs, other cards' L2 and
 * the driver's own. Mapped once at registration; unmapped on the last put or on
 * device removal, whichever comes first.
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/hash.h>
#include <linux/rwsem.h>
#include <linux/scatterlist.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "axl_buf.h"
#include "axl_device.h"
#include "axl_iova.h"

/**
 * struct axl_buf - one buffer
 * @ref: one for the file's handle, and one for each job that names it
 * @axl: referenced
 * @node: in axl->buf.list
 * @lock: protects @mapped against cache maintenance
 * @mapped: @sgt or @peer has a DMA mapping
 * @leaked: the device may still access it: never unmap, never unpin
 * @need_sync: DMA API syncs are needed (caches, bounce buffers)
 * @dir: direction of the mapping
 * @length: bytes
 * @segs: segments that the device accesses
 * @nr_segs: entries of @segs
 * @sgt: scatterlist; owned by the dma-buf for an import
 * @own: storage for @sgt unless imported
 * @pages: pinned pages, or those of @vaddr
 * @nr_pages: entries of @pages
 * @pinned: @pages are pinned user pages
 * @mm: address space charged for @pages, or NULL
 * @vaddr: vmalloc memory owned by the buffer
 * @dmabuf: imported dma-buf, or NULL
 * @attach: attachment to @dmabuf
 * @peer: IOVA of another card's L2, valid while mapped
 * @is_peer: the buffer is another card's L2
 */
struct axl_buf {
	struct kref ref;
	struct axl_device *axl;
	struct list_head node;
	struct mutex lock;	/* see above */
	bool mapped;
	bool leaked;
	bool need_sync;
	enum dma_data_direction dir;
	u64 length;
	struct axl_seg *segs;
	unsigned int nr_segs;
	struct sg_table *sgt;
	struct sg_table own;
	struct page **pages;
	unsigned long nr_pages;
	bool pinned;
	struct mm_struct *mm;
	void *vaddr;
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attach;
	dma_addr_t peer;
	bool is_peer;
};

/*
 * On CPU access an exporter syncs every mapped attachment. The system heap
 * checks for a mapping without a lock, so ours must not be unmapped meanwhile.
 * Hashed by dma-buf: a sync can take long, and few others should wait for it.
 */
#define AXL_DMABUF_SEM_BITS	6
static struct rw_semaphore axl_dmabuf_sems[1 << AXL_DMABUF_SEM_BITS];

static struct rw_semaphore *axl_dmabuf_sem(const struct dma_buf *dmabuf)
{
	return &axl_dmabuf_sems[hash_ptr(dmabuf, AXL_DMABUF_SEM_BITS)];
}

/* Called at module init, before the first probe. */
void __init axl_buf_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(axl_dmabuf_sems); i++)
		init_rwsem(&axl_dmabuf_sems[i]);
}

static enum dma_data_direction axl_buf_dir(u32 flags)
{
	if (!(flags & AXL_BUF_FROM_DEVICE))
		return DMA_TO_DEVICE;
	return flags & AXL_BUF_TO_DEVICE ? DMA_BIDIRECTIONAL : DMA_FROM_DEVICE;
}

static struct axl_buf *axl_buf_alloc(struct axl_device *axl, u64 length,
				     u32 flags)
{
	struct axl_buf *buf = kzalloc(sizeof(*buf), GFP_KERNEL_ACCOUNT);

	if (!buf)
		return NULL;
	kref_init(&buf->ref);
	mutex_init(&buf->lock);
	INIT_LIST_HEAD(&buf->node);
	buf->length = length;
	buf->dir = axl_buf_dir(flags);
	buf->axl = axl;
	get_device(&axl->dev);
	return buf;
}

/* Called on the last put or on device removal; idempotent. */
static void axl_buf_unmap(struct axl_buf *buf)
{
	struct rw_semaphore *sem;

	mutex_lock(&buf->lock);
	if (buf->mapped && !buf->leaked) {
		if (buf->attach) {
			sem = axl_dmabuf_sem(buf->dmabuf);
			down_write(sem);
			axl_dma_buf_unmap(buf->attach, buf->sgt,
					  DMA_BIDIRECTIONAL);
			up_write(sem);
		} else if (buf->is_peer) {
			dma_unmap_resource(&buf->axl->pdev->dev, buf->peer,
					   buf->length, buf->dir, 0);
		} else {
			/*
			 * Ranges were synced when their jobs were collected.
			 * The rest may be dirty in CPU caches: do not sync it.
			 */
			dma_unmap_sgtable(&buf->axl->pdev->dev, buf->sgt,
					  buf->dir, DMA_ATTR_SKIP_CPU_SYNC);
		}
		buf->mapped = false;
	}
	/* an attachment refers to the PCI device, which may go away */
	if (buf->attach && !buf->leaked) {
		dma_buf_detach(buf->dmabuf, buf->attach);
		buf->attach = NULL;
	}
	mutex_unlock(&buf->lock);
}

static void axl_buf_release(struct kref *ref)
{
	struct axl_buf *buf = container_of(ref, struct axl_buf, ref);
	struct axl_device *axl = buf->axl;

	/* still in the list: removal must not finish before the unmap */
	axl_buf_unmap(buf);
	mutex_lock(&axl->buf.lock);
	list_del(&buf->node);
	mutex_unlock(&axl->buf.lock);

	if (buf->leaked) {
		put_device(&axl->dev);
		return;
	}
	if (buf->dmabuf)
		dma_buf_put(buf->dmabuf);
	sg_free_table(&buf->own);
	if (buf->pinned)
		unpin_user_pages_dirty_lock(buf->pages, buf->nr_pages,
					    buf->dir != DMA_TO_DEVICE);
	if (buf->mm) {
		atomic64_sub(buf->nr_pages, &buf->mm->pinned_vm);
		mmdrop(buf->mm);
	}
	vfree(buf->vaddr);
	kvfree(buf->pages);
	kvfree(buf->segs);
	kfree(buf);
	put_device(&axl->dev);
}

void axl_buf_get(struct axl_buf *buf)
{
	kref_get(&buf->ref);
}

void axl_buf_put(struct axl_buf *buf)
{
	kref_put(&buf->ref, axl_buf_release);
}
EXPORT_SYMBOL_AXL(axl_buf_put);

u64 axl_buf_length(const struct axl_buf *buf)
{
	return buf->length;
}
EXPORT_SYMBOL_AXL(axl_buf_length);

/**
 * axl_buf_allows() - check whether the buffer is registered for a direction
 * @buf: the buffer
 * @to_device: the direction
 */
bool axl_buf_allows(const struct axl_buf *buf, bool to_device)
{
	return buf->dir == DMA_BIDIRECTIONAL ||
	       buf->dir == (to_device ? DMA_TO_DEVICE : DMA_FROM_DEVICE);
}

const struct axl_seg *axl_buf_segs(const struct axl_buf *buf, unsigned int *nr)
{
	*nr = buf->nr_segs;
	return buf->segs;
}

/* Record the DMA segments of a mapped scatterlist. */
static int axl_buf_note_segs(struct axl_buf *buf)
{
	struct scatterlist *sg;
	u64 start = 0;
	unsigned int i;

	buf->segs = kvcalloc(buf->sgt->nents, sizeof(*buf->segs),
			     GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!buf->segs)
		return -ENOMEM;
	for_each_sgtable_dma_sg(buf->sgt, sg, i) {
		buf->segs[i].addr = sg_dma_address(sg);
		buf->segs[i].len = sg_dma_len(sg);
		buf->segs[i].start = start;
		start += sg_dma_len(sg);
		/* the exporter handles CPU access to a dma-buf */
		if (!buf->dmabuf)
			buf->need_sync |= dma_need_sync(&buf->axl->pdev->dev,
							sg_dma_address(sg));
	}
	buf->nr_segs = i;
	if (start < buf->length)
		return -EINVAL;
	return 0;
}

/*
 * Map the buffer and add it to the list for removal. On failure the caller puts
 * the buffer, which undoes the completed steps.
 */
static int axl_buf_map(struct axl_buf *buf, bool wait)
{
	struct axl_device *axl = buf->axl;
	struct device *dev = &axl->pdev->dev;
	int ret = 0;

	if (wait)
		ret = down_read_killable(&axl->reset_sem);
	else if (!down_read_trylock(&axl->reset_sem))
		ret = -EAGAIN;
	if (ret)
		return ret;
	if (axl->gone) {
		ret = -ENODEV;
		goto out;
	}
	if (buf->dmabuf) {
		struct sg_table *sgt;

		buf->attach = dma_buf_attach(buf->dmabuf, dev);
		if (IS_ERR(buf->attach)) {
			ret = PTR_ERR(buf->attach);
			buf->attach = NULL;
			goto out;
		}
		/* exporters sync all attachments, for any direction */
		sgt = axl_dma_buf_map(buf->attach, DMA_BIDIRECTIONAL);
		if (IS_ERR(sgt)) {
			ret = PTR_ERR(sgt);
			goto out_list;
		}
		buf->sgt = sgt;
	} else {
		ret = dma_map_sgtable(dev, buf->sgt, buf->dir, 0);
		if (ret)
			goto out;
	}
	buf->mapped = true;
	ret = axl_buf_note_segs(buf);
out_list:
	mutex_lock(&axl->buf.lock);
	list_add(&buf->node, &axl->buf.list);
	mutex_unlock(&axl->buf.lock);
out:
	up_read(&axl->reset_sem);
	return ret;
}

/* Map a peer device's BAR (no struct page). */
static int axl_buf_map_peer(struct axl_buf *buf, phys_addr_t phys, u64 bus_addr)
{
	struct axl_device *axl = buf->axl;
	struct device *dev = &axl->pdev->dev;
	int ret;

	buf->segs = kzalloc(sizeof(*buf->segs), GFP_KERNEL_ACCOUNT);
	if (!buf->segs)
		return -ENOMEM;
	ret = down_read_killable(&axl->reset_sem);
	if (ret)
		return ret;
	ret = axl->gone ? -ENODEV : 0;
	if (ret)
		goto out;
	buf->is_peer = true;
	/* untranslated, the device uses the bus address: no mapping */
	buf->segs[0].addr = bus_addr;
	if (axl_iommu_mode(axl) >= AXL_IOMMU_TRANSLATED) {
		buf->peer = dma_map_resource(dev, phys, buf->length, buf->dir,
					     0);
		ret = dma_mapping_error(dev, buf->peer);
		if (ret)
			goto out;
		buf->mapped = true;
		buf->segs[0].addr = buf->peer;
	}
	buf->segs[0].len = buf->length;
	buf->nr_segs = 1;
	mutex_lock(&axl->buf.lock);
	list_add(&buf->node, &axl->buf.list);
	mutex_unlock(&axl->buf.lock);
out:
	up_read(&axl->reset_sem);
	return ret;
}

static int axl_buf_pin(struct axl_buf *buf, u64 addr, bool charge)
{
	unsigned long limit, done = 0, nr;
	int got = 0;

	nr = DIV_ROUND_UP(offset_in_page(addr) + buf->length, PAGE_SIZE);
	limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	if (charge &&
	    atomic64_add_return(nr, &current->mm->pinned_vm) > limit &&
	    !capable(CAP_IPC_LOCK)) {
		atomic64_sub(nr, &current->mm->pinned_vm);
		return -ENOMEM;
	}

	/* size from user space: no backtrace if the allocation fails */
	buf->pages = kvmalloc_array(nr, sizeof(*buf->pages),
				    GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	while (buf->pages && done < nr) {
		unsigned long from = (addr & PAGE_MASK) + done * PAGE_SIZE;
		int some = min_t(unsigned long, nr - done, SZ_64K);

		if (buf->dir == DMA_TO_DEVICE)
			got = axl_pin_for_read(from, some, buf->pages + done);
		else
			got = pin_user_pages_fast(from, some,
						  FOLL_LONGTERM | FOLL_WRITE,
						  buf->pages + done);
		if (got <= 0)
			break;
		done += got;
		cond_resched();
	}
	if (done < nr) {
		if (done)
			unpin_user_pages(buf->pages, done);
		if (charge)
			atomic64_sub(nr, &current->mm->pinned_vm);
		if (fatal_signal_pending(current))
			return -EINTR;
		return !buf->pages || got == -ENOMEM ? -ENOMEM : -EFAULT;
	}
	buf->nr_pages = nr;
	buf->pinned = true;
	if (charge) {
		buf->mm = current->mm;
		mmgrab(buf->mm);
	}
	return 0;
}

static int axl_buf_table(struct axl_buf *buf, unsigned int offset)
{
	int ret;

	ret = sg_alloc_table_from_pages_segment(&buf->own, buf->pages,
						buf->nr_pages, offset,
						buf->length,
						buf->axl->buf.max_map,
						GFP_KERNEL_ACCOUNT);
	if (!ret)
		buf->sgt = &buf->own;
	return ret;
}

/**
 * axl_buf_user() - register user memory
 * @axl: the device
 * @addr: user address; the caller has checked that the range does not wrap
 * @length: bytes
 * @flags: AXL_BUF_TO_DEVICE, AXL_BUF_FROM_DEVICE
 * @charge: count against RLIMIT_MEMLOCK. Not needed for memory that is pinned
 *	during one call only, as in direct I/O
 *
 * May sleep; takes mmap_lock, then reset_sem for reading.
 *
 * Return: the buffer, or an error that &struct axl_ioc_buf_register documents.
 */
struct axl_buf *axl_buf_user(struct axl_device *axl, u64 addr, u64 length,
			     u32 flags, bool charge)
{
	struct axl_buf *buf = axl_buf_alloc(axl, length, flags);
	int ret;

	if (!buf)
		return ERR_PTR(-ENOMEM);
	ret = axl_buf_pin(buf, addr, charge);
	if (!ret)
		ret = axl_buf_table(buf, offset_in_page(addr));
	if (!ret)
		ret = axl_buf_map(buf, true);
	if (ret) {
		axl_buf_put(buf);
		return ERR_PTR(ret);
	}
	return buf;
}
EXPORT_SYMBOL_AXL(axl_buf_user);

/**
 * axl_buf_dmabuf() - import a dma-buf
 * @axl: the device
 * @fd: file descriptor of the dma-buf
 * @length: bytes, 0 for the whole dma-buf
 * @flags: AXL_BUF_TO_DEVICE, AXL_BUF_FROM_DEVICE
 *
 * May sleep; takes reset_sem for reading.
 *
 * Return: the buffer, or an error that &struct axl_ioc_buf_register documents.
 */
struct axl_buf *axl_buf_dmabuf(struct axl_device *axl, int fd, u64 length,
			       u32 flags)
{
	struct dma_buf *dmabuf = dma_buf_get(fd);
	struct axl_buf *buf;
	int ret;

	if (IS_ERR(dmabuf))
		return ERR_CAST(dmabuf);
	if (length > dmabuf->size) {
		dma_buf_put(dmabuf);
		return ERR_PTR(-EINVAL);
	}
	buf = axl_buf_alloc(axl, length ?: dmabuf->size, flags);
	if (!buf) {
		dma_buf_put(dmabuf);
		return ERR_PTR(-ENOMEM);
	}
	buf->dmabuf = dmabuf;
	ret = axl_buf_map(buf, true);
	if (ret) {
		axl_buf_put(buf);
		return ERR_PTR(ret);
	}
	return buf;
}
EXPORT_SYMBOL_AXL(axl_buf_dmabuf);

/**
 * axl_buf_kernel() - map the driver's own memory for the device
 * @axl: the device
 * @vaddr: vmalloc memory; freed with the buffer, also on failure
 * @length: bytes
 * @flags: AXL_BUF_TO_DEVICE, AXL_BUF_FROM_DEVICE
 * @wait: wait while reset_sem is held for writing; otherwise fail with -EAGAIN
 *
 * May sleep; takes reset_sem for reading.
 *
 * Return: the buffer, or -ENOMEM, -EAGAIN, -EINTR (killed), -ENODEV (removed),
 * or the error of the mapping.
 */
struct axl_buf *axl_buf_kernel(struct axl_device *axl, void *vaddr, u64 length,
			       u32 flags, bool wait)
{
	struct axl_buf *buf = axl_buf_alloc(axl, length, flags);
	unsigned long i;
	int ret = -ENOMEM;

	if (!buf) {
		vfree(vaddr);
		return ERR_PTR(-ENOMEM);
	}
	buf->vaddr = vaddr;
	buf->nr_pages = DIV_ROUND_UP(length, PAGE_SIZE);
	buf->pages = kvmalloc_array(buf->nr_pages, sizeof(*buf->pages),
				    GFP_KERNEL);
	if (!buf->pages)
		goto err;
	for (i = 0; i < buf->nr_pages; i++)
		buf->pages[i] = vmalloc_to_page(vaddr + i * PAGE_SIZE);
	ret = axl_buf_table(buf, 0);
	if (!ret)
		ret = axl_buf_map(buf, wait);
	if (!ret)
		return buf;
err:
	axl_buf_put(buf);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_AXL(axl_buf_kernel);

/**
 * axl_buf_peer() - map another card's L2 for the device
 * @axl: the device
 * @bus_addr: bus address in the other card's L2; not in this card's own
 * @length: bytes
 * @flags: AXL_BUF_TO_DEVICE, AXL_BUF_FROM_DEVICE
 *
 * For administrators only: the other card may be removed while it is in use.
 * May sleep; takes reset_sem for reading.
 *
 * Return: the buffer, or -EINVAL (no such card), -ENOMEM, -EINTR (killed),
 * -ENODEV (removed) or the error of the mapping.
 */
struct axl_buf *axl_buf_peer(struct axl_device *axl, u64 bus_addr, u64 length,
			     u32 flags)
{
	struct axl_buf *buf;
	phys_addr_t phys;
	int ret;

	if (!axl_find_l2(bus_addr, length, &phys) ||
	    (phys >= axl->bar2_phys && phys - axl->bar2_phys < axl->bar2_size))
		return ERR_PTR(-EINVAL);
	buf = axl_buf_alloc(axl, length, flags);
	if (!buf)
		return ERR_PTR(-ENOMEM);
	ret = axl_buf_map_peer(buf, phys, bus_addr);
	if (ret) {
		axl_buf_put(buf);
		return ERR_PTR(ret);
	}
	return buf;
}
EXPORT_SYMBOL_AXL(axl_buf_peer);

/*
 * Sync a range, in pieces that stay inside a page of the DMA address space:
 * behind an IOMMU a segment is contiguous for the device only.
 */
static void axl_buf_sync(struct axl_buf *buf, u64 offset, u64 length,
			 bool for_cpu)
{
	struct device *dev = &buf->axl->pdev->dev;
	u64 end = offset + length;
	unsigned int i;

	if (!buf->need_sync)
		return;
	mutex_lock(&buf->lock);
	for (i = 0; buf->mapped && i < buf->nr_segs; i++) {
		const struct axl_seg *seg = &buf->segs[i];
		u64 from = max(offset, seg->start);
		u64 to = min(end, seg->start + seg->len);

		while (from < to) {
			dma_addr_t addr = seg->addr + (from - seg->start);
			size_t len = min_t(u64, to - from,
					   PAGE_SIZE - offset_in_page(addr));

			if (for_cpu)
				dma_sync_single_for_cpu(dev, addr, len,
							buf->dir);
			else
				dma_sync_single_for_device(dev, addr, len,
							   buf->dir);
			from += len;
			cond_resched();
		}
	}
	mutex_unlock(&buf->lock);
}

/**
 * axl_buf_sync_for_device() - make CPU writes visible to the device
 * @buf: the buffer
 * @offset: first byte
 * @length: bytes
 *
 * May sleep.
 */
void axl_buf_sync_for_device(struct axl_buf *buf, u64 offset, u64 length)
{
	axl_buf_sync(buf, offset, length, false);
}
EXPORT_SYMBOL_AXL(axl_buf_sync_for_device);

/**
 * axl_buf_sync_for_cpu() - make device writes visible to the CPU
 * @buf: the buffer
 * @offset: first byte
 * @length: bytes
 *
 * May sleep.
 */
void axl_buf_sync_for_cpu(struct axl_buf *buf, u64 offset, u64 length)
{
	axl_buf_sync(buf, offset, length, true);
}

/**
 * axl_buf_cpu_begin() - begin CPU access to an imported dma-buf
 * @buf: the buffer; ignored unless it is a dma-buf
 * @dir: %DMA_FROM_DEVICE after the device wrote, %DMA_BIDIRECTIONAL before the
 *	first transfer
 *
 * For clients whose programs do not sync dma-bufs themselves. May sleep; takes
 * locks of the exporter and waits for the fences of other users of the dma-buf.
 *
 * Return: 0, -EINTR, or the exporter's error.
 */
int axl_buf_cpu_begin(struct axl_buf *buf, enum dma_data_direction dir)
{
	struct rw_semaphore *sem;
	long ret;

	if (!buf->dmabuf)
		return 0;
	/* the fences of dma_buf_begin_cpu_access(), without a lock held */
	ret = dma_resv_wait_timeout(buf->dmabuf->resv,
				    dma_resv_usage_rw(dir != DMA_FROM_DEVICE),
				    true, MAX_SCHEDULE_TIMEOUT);
	if (ret < 0)
		return ret == -ERESTARTSYS ? -EINTR : ret;
	sem = axl_dmabuf_sem(buf->dmabuf);
	down_read(sem);
	ret = dma_buf_begin_cpu_access(buf->dmabuf, dir);
	up_read(sem);
	return ret == -ERESTARTSYS ? -EINTR : ret;
}
EXPORT_SYMBOL_AXL(axl_buf_cpu_begin);

/**
 * axl_buf_cpu_end() - end CPU access to an imported dma-buf
 * @buf: the buffer; ignored unless it is a dma-buf
 * @to_device: direction of the next transfer
 *
 * Also needed before the device writes: a dirty cache line could be written
 * back over its data later, and bytes that it does not write must not be lost.
 * May sleep.
 *
 * Return: 0, -EINTR, or the exporter's error.
 */
int axl_buf_cpu_end(struct axl_buf *buf, bool to_device)
{
	struct rw_semaphore *sem;
	int ret;

	if (!buf->dmabuf)
		return 0;
	sem = axl_dmabuf_sem(buf->dmabuf);
	down_read(sem);
	ret = dma_buf_end_cpu_access(buf->dmabuf, to_device ? DMA_TO_DEVICE :
							      DMA_BIDIRECTIONAL);
	up_read(sem);
	return ret == -ERESTARTSYS ? -EINTR : ret;
}
EXPORT_SYMBOL_AXL(axl_buf_cpu_end);

/**
 * axl_buf_leak() - never release this buffer
 * @buf: the buffer; the device may still access it
 */
void axl_buf_leak(struct axl_buf *buf)
{
	if (buf->leaked)
		return;
	buf->leaked = true;
	/* the attachment refers to the PCI device */
	get_device(&buf->axl->pdev->dev);
	dev_err(&buf->axl->dev,
		"%llu bytes stay mapped and pinned: the card cannot be stopped; power it off\n",
		buf->length);
}

/**
 * axl_buf_unmap_all() - unmap every buffer
 * @axl: the device; its engines are stopped, no buffer can be registered
 *
 * May sleep.
 */
void axl_buf_unmap_all(struct axl_device *axl)
{
	struct axl_buf *buf;

	mutex_lock(&axl->buf.lock);
	list_for_each_entry(buf, &axl->buf.list, node)
		axl_buf_unmap(buf);
	mutex_unlock(&axl->buf.lock);
}
