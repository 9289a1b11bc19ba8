// SPDX-License-Identifier: GPL-2.0
/*
 * Open files: the ioctl table, and the short ioctls: mailbox, AI cores,
 * properties of the card.
 */
#include <linux/device.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "metis.h"
#include "metis_reader.h"
#include "metis_ring.h"

/* Forward wakeups of the client's and the streams' wait queues to poll(). */
static int metis_async_wake(struct wait_queue_entry *entry, unsigned int mode,
			    int flags, void *key)
{
	wake_up(container_of(entry, struct metis_file, async_entry)->wait);
	return 0;
}

static int metis_stream_wake_file(struct wait_queue_entry *entry,
				  unsigned int mode, int flags, void *key)
{
	wake_up(container_of(entry, struct metis_file, stream_entry)->wait);
	return 0;
}

void *metis_open(void *card, wait_queue_head_t *wait)
{
	struct metis_device *m = card;
	struct metis_file *file;
	int ret;

	file = kzalloc(sizeof(*file), GFP_KERNEL_ACCOUNT);
	if (!file)
		return ERR_PTR(-ENOMEM);
	file->m = m;
	file->wait = wait;
	mutex_init(&file->lock);
	metis_dma_open(file);
	ret = metis_event_open(file);
	if (ret) {
		kfree(file);
		return ERR_PTR(ret);
	}
	kref_get(&m->ref);
	init_waitqueue_func_entry(&file->async_entry, metis_async_wake);
	add_wait_queue(&file->async.wait, &file->async_entry);
	init_waitqueue_func_entry(&file->stream_entry, metis_stream_wake_file);
	add_wait_queue(&m->stream_wait, &file->stream_entry);
	return file;
}

static void metis_cores_free(struct metis_file *file)
{
	struct metis_device *m = file->m;

	mutex_lock(&file->lock);
	spin_lock(&m->lock);
	m->cores &= ~file->cores;
	spin_unlock(&m->lock);
	file->cores = 0;
	mutex_unlock(&file->lock);
}

void metis_release(void *priv)
{
	struct metis_file *file = priv;
	struct metis_device *m = file->m;

	axl_mailbox_give(m->axl, file);
	metis_cores_free(file);
	metis_stream_end(file);
	remove_wait_queue(&m->stream_wait, &file->stream_entry);
	metis_dma_close(file);
	remove_wait_queue(&file->async.wait, &file->async_entry);
	metis_event_close(file);
	mutex_destroy(&file->lock);
	kfree(file);
	metis_device_put(m);
}

ssize_t metis_read(void *priv, struct file *filp, char __user *to, size_t count)
{
	return metis_stream_read(priv, filp, to, count);
}

__poll_t metis_poll(void *priv)
{
	struct metis_file *file = priv;
	__poll_t mask = metis_stream_poll(file);

	if (metis_event_pending(file) ||
	    !list_empty_careful(&file->async.done))
		mask |= EPOLLIN | EPOLLRDNORM;
	return mask;
}

static long metis_ioc_mailbox(struct metis_file *file, unsigned long arg)
{
	int ret;

	switch ((s32)arg) {
	case 1:
		ret = axl_mailbox_take(file->m->axl, file);
		/* earlier replies belong to previous owners of the mailbox */
		if (!ret)
			metis_msi_clear(file, AXL_EVENT_MAILBOX);
		return ret;
	case 0:
		return axl_mailbox_give(file->m->axl, file);
	default:
		return -EINVAL;
	}
}

/*
 * Allocate adjacent cores, as firmware requires for a context. Returns the
 * first one, or -EINVAL.
 */
static long metis_ioc_cores_alloc(struct metis_file *file, void *arg)
{
	struct metis_device *m = file->m;
	s32 nr = *(s32 *)arg;
	u32 mask, first, n;
	long ret = -EINVAL;

	if (nr < 1 || nr > METIS_CORES)
		return -EINVAL;
	mutex_lock(&file->lock);
	spin_lock(&m->lock);
	for (first = 0; !file->cores && first + nr <= METIS_CORES; first++) {
		mask = (BIT(nr) - 1) << first;
		if (m->cores & mask)
			continue;
		m->cores |= mask;
		file->cores = mask;
		ret = first;
		break;
	}
	spin_unlock(&m->lock);
	/* earlier events belong to jobs of previous users of the cores */
	for (n = first; ret >= 0 && n < first + nr; n++)
		metis_msi_clear(file, n);
	mutex_unlock(&file->lock);
	return ret;
}

static long metis_ioc_cores_free(struct metis_file *file, void *arg)
{
	metis_cores_free(file);
	return 0;
}

static long metis_ioc_cores_mask(struct metis_file *file, void *arg)
{
	*(u64 *)arg = READ_ONCE(file->cores);
	return 0;
}

static long metis_ioc_property(struct metis_file *file, void *arg)
{
	u64 *value = arg;

	switch (*value) {
	case METIS_PROP_GENERATION:
	case METIS_PROP_PVE_CORES:
		*value = 0;
		return 0;
	case METIS_PROP_AI_CORES:
		*value = METIS_CORES;
		return 0;
	case METIS_PROP_SWITCH:
		*value = file->m->switch_group;
		return 0;
	default:
		return -EINVAL;
	}
}

static long metis_ioc_buf_attach(struct metis_file *file, void *arg)
{
	return metis_buf_attach(file, *(s32 *)arg);
}

static long metis_ioc_buf_detach(struct metis_file *file, void *arg)
{
	return metis_buf_detach(file);
}

static long metis_ioc_buf_xfer(struct metis_file *file, void *arg)
{
	return metis_buf_xfer(file, arg);
}

static long metis_ioc_buf_state(struct metis_file *file, void *arg)
{
	return metis_buf_state(file);
}

static long metis_ioc_buf_wait(struct metis_file *file, void *arg)
{
	return metis_buf_wait(file, arg);
}

static long metis_ioc_mem_xfer(struct metis_file *file, void *arg)
{
	return metis_mem_xfer(file, arg);
}

static long metis_ioc_p2p_xfer(struct metis_file *file, void *arg)
{
	return metis_p2p_xfer(file, arg);
}

static long metis_ioc_msi_wait(struct metis_file *file, void *arg)
{
	const struct metis_msi *msi = arg;

	return metis_msi_wait(file, msi->num, msi->timeout);
}

static long metis_ioc_msi_clear(struct metis_file *file, void *arg)
{
	const struct metis_msi *msi = arg;

	return metis_msi_clear(file, msi->num);
}

static long metis_ioc_msi_attach(struct metis_file *file, void *arg)
{
	return metis_msi_attach(file, *(s32 *)arg);
}

static long metis_ioc_event_consume(struct metis_file *file, void *arg)
{
	/* collects the asynchronous transfer if it has ended */
	metis_buf_state(file);
	return metis_event_consume(file);
}

/*
 * Bytes of DDR, derived from the ranges that firmware assigned to contexts. The
 * caller keeps the generation.
 */
static u64 metis_ddr_size(struct axl_device *axl)
{
	u64 base = axl_ddr_base(axl), end, last = 0;
	struct axl_context context;
	unsigned int n;

	if (!base)
		return 0;
	for (n = 0; n < AXL_CONTEXT_COUNT; n++) {
		if (axl_hostif_context(axl, n, &context) ||
		    context.ddr_base < base ||
		    check_add_overflow(context.ddr_base, context.ddr_size,
				       &end))
			continue;
		if (end - base <= AXL_DDR_MAX)
			last = max(last, end - base);
	}
	return last;
}

static long metis_ioc_resources(struct metis_file *file, void *arg)
{
	struct axl_device *axl = file->m->axl;
	struct metis_resources *res = arg;
	int ret;

	ret = axl_generation_get(axl);
	if (ret)
		return ret;
	*res = file->m->res;
	res->ddr_base[0] = axl_ddr_base(axl);
	res->ddr_size[0] = metis_ddr_size(axl);
	axl_generation_put(axl);
	return 0;
}

static long metis_ioc_windows(struct metis_file *file, void *arg)
{
	*(struct metis_windows *)arg = file->m->win;
	return 0;
}

static long metis_ioc_fw_started(struct metis_file *file, void *arg)
{
	return axl_fw_resync(file->m->axl);
}

static long metis_ioc_stream_begin(struct metis_file *file, void *arg)
{
	int ret = metis_stream_begin(file, *(u32 *)arg);

	/* data may be available already */
	if (!ret)
		wake_up(file->wait);
	return ret;
}

static long metis_ioc_stream_end(struct metis_file *file, void *arg)
{
	return metis_stream_end(file);
}

static long metis_ioc_stream_on(struct metis_file *file, void *arg)
{
	return metis_stream_enable(file, *(u32 *)arg, true);
}

static long metis_ioc_stream_off(struct metis_file *file, void *arg)
{
	return metis_stream_enable(file, *(u32 *)arg, false);
}

static long metis_ioc_stream_reset(struct metis_file *file, void *arg)
{
	return metis_stream_reset(file, *(u32 *)arg);
}

static long metis_ioc_stream_stats(struct metis_file *file, void *arg)
{
	return metis_stream_stats(file, arg);
}

static long metis_ioc_dma_stats(struct metis_file *file, void *arg)
{
	metis_dma_stats(file->m->axl, arg);
	return 0;
}

static long metis_ioc_user_pa(struct metis_file *file, void *arg)
{
	dev_warn_once(axl_dev(file->m->axl),
		      "physical addresses are not told: behind an IOMMU they are of no use, and else a leak; attach a dma-buf\n");
	return -EOPNOTSUPP;
}

/*
 * By number. @in, @out: bytes to copy from and to user space; the size encoded
 * in the number is often that of a pointer and is not used.
 */
static const struct metis_ioctl {
	unsigned int cmd;
	u16 in;
	u16 out;
	long (*handler)(struct metis_file *file, void *arg);
} metis_ioctls[] = {
	{ METIS_IOC_CORES_ALLOC, 4, 0, metis_ioc_cores_alloc },
	{ METIS_IOC_CORES_FREE, 0, 0, metis_ioc_cores_free },
	{ METIS_IOC_PROPERTY, 8, 8, metis_ioc_property },
	{ METIS_IOC_BUF_ATTACH, 4, 0, metis_ioc_buf_attach },
	{ METIS_IOC_BUF_DETACH, 0, 0, metis_ioc_buf_detach },
	{ METIS_IOC_BUF_XFER, 32, 0, metis_ioc_buf_xfer },
	{ METIS_IOC_BUF_STATE, 0, 0, metis_ioc_buf_state },
	{ METIS_IOC_BUF_WAIT, 32, 0, metis_ioc_buf_wait },
	{ METIS_IOC_MEM_XFER, 32, 0, metis_ioc_mem_xfer },
	{ METIS_IOC_MSI_WAIT, 8, 0, metis_ioc_msi_wait },
	{ METIS_IOC_MSI_CLEAR, 8, 0, metis_ioc_msi_clear },
	{ METIS_IOC_MSI_ATTACH, 4, 0, metis_ioc_msi_attach },
	{ METIS_IOC_CORES_MASK, 0, 8, metis_ioc_cores_mask },
	{ METIS_IOC_EVENT_CONSUME, 0, 0, metis_ioc_event_consume },
	{ METIS_IOC_RESOURCES, 0, 64, metis_ioc_resources },
	{ METIS_IOC_WINDOWS, 0, 128, metis_ioc_windows },
	{ METIS_IOC_P2P_XFER, 32, 0, metis_ioc_p2p_xfer },
	{ METIS_IOC_FW_STARTED, 0, 0, metis_ioc_fw_started },
	{ METIS_IOC_STREAM_BEGIN, 4, 0, metis_ioc_stream_begin },
	{ METIS_IOC_STREAM_END, 0, 0, metis_ioc_stream_end },
	{ METIS_IOC_STREAM_STATS, 0, 24, metis_ioc_stream_stats },
	{ METIS_IOC_STREAM_ON, 4, 0, metis_ioc_stream_on },
	{ METIS_IOC_STREAM_OFF, 4, 0, metis_ioc_stream_off },
	{ METIS_IOC_STREAM_RESET, 4, 0, metis_ioc_stream_reset },
	{ METIS_IOC_DMA_STATS, 0, 512, metis_ioc_dma_stats },
	{ METIS_IOC_USER_PA, 16, 0, metis_ioc_user_pa },
};

/* Large enough for any argument. */
union metis_arg {
	u64 value;
	struct metis_resources resources;
	struct metis_windows windows;
	struct metis_dma_stats stats;
};

long metis_ioctl(void *priv, unsigned int cmd, unsigned long user)
{
	void __user *uarg = (void __user *)user;
	const struct metis_ioctl *ioctl;
	union metis_arg arg = { };
	unsigned int i;
	long ret;

	if (cmd == METIS_IOC_MAILBOX_LOCK)
		return metis_ioc_mailbox(priv, user);
	for (i = 0; i < ARRAY_SIZE(metis_ioctls); i++)
		if (metis_ioctls[i].cmd == cmd)
			break;
	if (i == ARRAY_SIZE(metis_ioctls))
		return -ENOTTY;
	ioctl = &metis_ioctls[i];
	if (copy_from_user(&arg, uarg, ioctl->in))
		return -EFAULT;
	ret = ioctl->handler(priv, &arg);
	if (ret >= 0 && copy_to_user(uarg, &arg, ioctl->out))
		return -EFAULT;
	return ret;
}
