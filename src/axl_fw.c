// SPDX-License-Identifier: GPL-2.0
/*
 * Firmware: fetch an image, validate it, write its segments by DMA, start it
 * and wait for the restart. (hardware-notes: Firmware life cycle)
 */
#include <linux/ctype.h>
#include <linux/delay.h>
#include <linux/firmware.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "axl_buf.h"
#include "axl_device.h"
#include "axl_dma.h"
#include "axl_elf.h"
#include "axl_event.h"
#include "axl_fw.h"
#include "axl_hostif.h"
#include "axl_job.h"
#include "axl_link.h"
#include "axl_mmap.h"
#include "axl_reset.h"
#include "axl_state.h"

static unsigned int fw_timeout_ms = 15000;
module_param(fw_timeout_ms, uint, 0644);
MODULE_PARM_DESC(fw_timeout_ms,
		 "Default time limit of a firmware start in ms (15000)");

static unsigned int fw_refuse_ms = 1000;
module_param(fw_refuse_ms, uint, 0644);
MODULE_PARM_DESC(fw_refuse_ms,
		 "A reply to the start message without a link bounce within this many ms is a refusal (1000)");

/* Time from the start message until the link goes down, at most; ms */
#define AXL_FW_BOUNCE_MS	5000

/* Bytes per upload transfer; also the step of the reported progress. */
#define AXL_FW_CHUNK		SZ_1M
/* Bytes of zeros after the image: source for what is not in the file (bss). */
#define AXL_FW_ZEROS		SZ_64K

/**
 * struct axl_fw_image - an image to be loaded
 * @data: private copy, followed by AXL_FW_ZEROS zeros; NULL once @buf owns it
 * @size: bytes of the copy
 * @zeros: offset of the zeros in @data
 * @buf: DMA buffer that owns the memory of @data, NULL until mapped
 * @elf: parsed headers
 */
struct axl_fw_image {
	void *data;
	u64 size;
	u64 zeros;
	struct axl_buf *buf;
	struct axl_elf elf;
};

static int axl_fw_alloc(struct axl_fw_image *image, u64 size)
{
	if (!size || size > AXL_MAX_IMAGE)
		return size ? -E2BIG : -EINVAL;
	image->size = size;
	image->zeros = ALIGN(size, PAGE_SIZE);
	/* size from user space: no allocation warning */
	image->data = __vmalloc(image->zeros + AXL_FW_ZEROS,
				GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN);
	return image->data ? 0 : -ENOMEM;
}

static bool axl_fw_name_ok(const char *name)
{
	const char *c;

	for (c = name; *c; c++)
		if (!isalnum(*c) && !strchr("._-/", *c))
			return false;
	return *name && *name != '/' && !strstr(name, "..");
}

/* Fetch the image by its name through the kernel's firmware loader. */
static int axl_fw_fetch_name(struct axl_device *axl, struct axl_fw_image *image,
			     const struct axl_fw_load *req)
{
	char name[AXL_FW_NAME_MAX + 1] = "";
	const struct firmware *fw;
	int ret;

	if (!req->image_size || req->image_size > AXL_FW_NAME_MAX)
		return -EINVAL;
	if (copy_from_user(name, u64_to_user_ptr(req->image), req->image_size))
		return -EFAULT;
	if (strlen(name) != req->image_size || !axl_fw_name_ok(name))
		return -EINVAL;
	ret = firmware_request_nowarn(&fw, name, &axl->dev);
	if (ret)
		return ret;
	ret = axl_fw_alloc(image, fw->size);
	if (!ret)
		memcpy(image->data, fw->data, fw->size);
	release_firmware(fw);
	return ret;
}

static int axl_fw_fetch(struct axl_device *axl, struct axl_fw_image *image,
			const struct axl_fw_load *req)
{
	int ret;

	if (req->flags & AXL_FW_LOAD_NAME)
		return axl_fw_fetch_name(axl, image, req);
	ret = axl_fw_alloc(image, req->image_size);
	if (!ret && copy_from_user(image->data, u64_to_user_ptr(req->image),
				   req->image_size))
		ret = -EFAULT;
	return ret;
}

static struct axl_region axl_fw_area(const struct axl_layout *layout,
				     const struct axl_ref *ref)
{
	return (struct axl_region){
		.base = layout->l2_base + ref->offset,
		.size = ref->valid ? ref->size : 0,
	};
}

/* The caller holds reset_sem, so the layout does not change. */
static int axl_fw_parse(struct axl_device *axl, struct axl_fw_image *image)
{
	const struct axl_areas *areas = axl_areas_of(axl);
	const struct axl_layout *layout = &areas->layout;
	const struct axl_region allow[] = {
		{ layout->l2_base, axl->bar2_size },
		{ layout->ddr_base, layout->ddr_base ? AXL_DDR_MAX : 0 },
	};
	/* running firmware uses its published areas until it is replaced */
	const struct axl_region deny[] = {
		{ layout->l2_base, layout->area_size },
		{ layout->l2_base + areas->list_offset, areas->list_size },
		axl_fw_area(layout, &layout->streams),
		axl_fw_area(layout, &layout->board_info),
		axl_fw_area(layout, &layout->contexts),
		axl_fw_area(layout, &layout->hostif),
		axl_fw_area(layout, &layout->dma_desc),
		axl_fw_area(layout, &layout->vmsi),
	};
	const struct axl_elf_limits limits = {
		.allow = allow,
		.nr_allow = ARRAY_SIZE(allow),
		.deny = deny,
		.nr_deny = ARRAY_SIZE(deny),
		.max_total = AXL_MAX_IMAGE,
	};
	const char *why;
	int ret;

	ret = axl_elf_parse(image->data, image->size, &limits, &image->elf,
			    &why);
	if (ret)
		dev_err_ratelimited(&axl->pdev->dev,
				    "firmware image refused: %s\n", why);
	return ret;
}

/* Upload one piece of the image and wait for completion. */
static int axl_fw_move(struct axl_device *axl, struct axl_fw_image *image,
		       u64 generation, u64 offset, u64 length, u64 dev_addr)
{
	struct axl_job *job = axl_job_alloc(&axl->dma.kernel, 1);
	struct axl_req *req;
	u64 seq;
	int ret;

	if (!job)
		return -ENOMEM;
	req = &job->reqs[0];
	axl_req_init(req, image->buf, offset, length, dev_addr,
		     AXL_CHANNEL_ANY, true);
	req->timeout = axl_req_limit(req, 0);
	axl_buf_sync_for_device(req->buf, offset, length);

	/* released before the wait: recovery of a hung channel takes it */
	down_read(&axl->reset_sem);
	ret = axl_status(axl);
	if (!ret)
		ret = axl->generation == generation ?
			      axl_job_submit(axl, job, &seq) : -ESTALE;
	up_read(&axl->reset_sem);
	if (ret) {
		axl_job_free(job);
		return ret;
	}
	job = axl_job_collect(&axl->dma.kernel, seq);
	ret = job->status;
	axl_job_free(job);
	return ret;
}

static int axl_fw_upload(struct axl_device *axl, struct axl_fw_image *image,
			 u64 generation)
{
	unsigned int i;
	u64 done, len;
	int ret;

	WRITE_ONCE(axl->fw.done, 0);
	WRITE_ONCE(axl->fw.total, image->elf.total);
	/* pairs with axl_core_query(): a new phase implies new byte counts */
	smp_store_release(&axl->fw.phase, AXL_FW_PHASE_UPLOAD);
	for (i = 0; i < image->elf.nr_segments; i++) {
		const struct axl_elf_segment *seg = &image->elf.segments[i];

		for (done = 0; done < seg->mem_size; done += len) {
			u64 from = seg->file_offset + done;

			if (signal_pending(current))
				return -EINTR;
			if (done < seg->file_size) {
				len = min_t(u64, seg->file_size - done,
					    AXL_FW_CHUNK);
			} else {
				len = min_t(u64, seg->mem_size - done,
					    AXL_FW_ZEROS);
				from = image->zeros;
			}
			ret = axl_fw_move(axl, image, generation, from, len,
					  seg->dev_addr + done);
			if (ret) {
				dev_err_ratelimited(&axl->pdev->dev,
						    "firmware upload failed at device address %#llx (%d)\n",
						    seg->dev_addr + done, ret);
				return ret == -ETIMEDOUT ? -EIO : ret;
			}
			WRITE_ONCE(axl->fw.done, axl->fw.done + len);
		}
	}
	return 0;
}

enum axl_fw_answer {
	AXL_FW_BOUNCED,
	AXL_FW_REPLIED,
	AXL_FW_SILENT,
};

/*
 * Wait for the result of the start message. Must not access a BAR: the link may
 * go down at any time.
 */
static enum axl_fw_answer axl_fw_await(struct axl_device *axl, u64 seen,
				       unsigned long deadline)
{
	unsigned long refuse = 0;
	bool replied = false;

	while (!axl_link_bounced(axl)) {
		if (!replied && axl_event_count(axl, AXL_EVENT_MAILBOX) != seen) {
			replied = true;
			refuse = jiffies + msecs_to_jiffies(fw_refuse_ms);
		}
		if (replied && time_after(jiffies, refuse))
			return AXL_FW_REPLIED;
		if (axl_wait_expired(axl, deadline))
			return AXL_FW_SILENT;
		fsleep(2000);
	}
	return AXL_FW_BOUNCED;
}

/* The caller holds reset_sem for writing. */
static int axl_fw_start(struct axl_device *axl, struct axl_fw_load *req,
			const void *msg)
{
	unsigned long deadline = jiffies + (req->timeout_ns ?
		min_t(unsigned long, axl_timeout(req->timeout_ns), HZ * 3600) :
		msecs_to_jiffies(fw_timeout_ms));
	enum axl_fw_answer answer;
	enum axl_fw_state state = axl->fw_state;
	u64 seen;
	int ret;

	WRITE_ONCE(axl->fw.phase, AXL_FW_PHASE_START);
	ret = axl_dma_drain(axl);
	if (ret)
		return ret;
	/* unsolicited restart or error: recovery is pending */
	if (axl->reset_why)
		return -ESTALE;
	axl_dma_hold(axl);
	/* while the link is down, a mapped access causes a bus error */
	axl_cdev_zap(axl);
	axl->fw_state = AXL_FW_STARTING;
	axl_set_online(axl, false);
	seen = axl_event_count(axl, AXL_EVENT_MAILBOX);
	axl->bounced = false;
	axl->bounce_by = jiffies + msecs_to_jiffies(AXL_FW_BOUNCE_MS);
	axl_mailbox_send(axl, req->start_opcode, msg, req->msg_size);

	answer = axl_fw_await(axl, seen, deadline);
	if (answer == AXL_FW_BOUNCED) {
		/* the firmware that starts does not know the table */
		axl_hostif_forget(axl);
		axl->fw_stale = false;
		return axl_recover(axl, deadline, true);
	}

	if (answer == AXL_FW_SILENT && time_before(jiffies, axl->bounce_by))
		/* killed or timed out: the link may still go down */
		return axl_recover_deferred(axl);
	req->reply_opcode = axl_mailbox_opcode(axl);
	if (answer == AXL_FW_SILENT && req->reply_opcode != req->start_opcode)
		answer = AXL_FW_REPLIED;
	axl->fw_state = state;
	axl_set_online(axl, true);
	axl_dma_release(axl);
	if (answer == AXL_FW_REPLIED)
		return -EREMOTEIO;
	return axl_status(axl) ?: -ETIMEDOUT;
}

/* Own the mailbox during the start, or fail with -EBUSY. */
static int axl_fw_converse(struct axl_device *axl, struct axl_fw_load *req,
			   const void *msg)
{
	int ret;

	if (!axl_mailbox_try(axl, req))
		return -EBUSY;
	ret = axl_fw_start(axl, req, msg);
	axl_mailbox_give(axl, req);
	return ret;
}

static int axl_fw_run(struct axl_device *axl, struct axl_fw_load *req,
		      struct axl_fw_image *image, const void *msg)
{
	u64 generation;
	int ret;

	ret = axl_generation_get(axl);
	if (ret)
		return ret;
	ret = axl_fw_parse(axl, image);
	generation = axl->generation;
	axl_generation_put(axl);
	if (ret)
		return ret;

	image->buf = axl_buf_kernel(axl, image->data,
				    image->zeros + AXL_FW_ZEROS,
				    AXL_BUF_TO_DEVICE, true);
	/* owned by the buffer, or freed if mapping failed */
	image->data = NULL;
	if (IS_ERR(image->buf)) {
		ret = PTR_ERR(image->buf);
		image->buf = NULL;
		return ret;
	}
	ret = axl_fw_upload(axl, image, generation);
	if (ret)
		return ret;

	ret = down_write_killable(&axl->reset_sem);
	if (ret)
		return ret;
	ret = axl_status(axl);
	if (!ret && (axl->generation != generation || !axl->online))
		ret = -ESTALE;
	if (!ret) {
		axl_fw_load_addr(axl, image->elf.entry);
		req->entry = image->elf.entry;
		if (!(req->flags & AXL_FW_LOAD_NO_START))
			ret = axl_fw_converse(axl, req, msg);
	}
	req->generation = axl->generation;
	up_write(&axl->reset_sem);
	return ret;
}

/**
 * axl_fw_load() - load a firmware image and start it
 * @axl: the device
 * @req: from user space; flags and reserved fields are checked by the caller
 *
 * May sleep for the whole upload and start. Takes reset_sem.
 *
 * Return: 0 or an error that &struct axl_fw_load documents.
 */
int axl_fw_load(struct axl_device *axl, struct axl_fw_load *req)
{
	struct axl_fw_image *image;
	u8 msg[AXL_MAILBOX_MSG_MAX];
	int ret;

	if (req->msg_size > sizeof(msg) || (!req->msg_size && req->msg))
		return -EINVAL;
	if (copy_from_user(msg, u64_to_user_ptr(req->msg), req->msg_size))
		return -EFAULT;
	image = kzalloc(sizeof(*image), GFP_KERNEL);
	if (!image)
		return -ENOMEM;
	/* before fw.lock: reading user memory or a file can take long */
	ret = axl_fw_fetch(axl, image, req);
	if (!ret && !mutex_trylock(&axl->fw.lock)) {
		ret = -EBUSY;
	} else if (!ret) {
		ret = axl_fw_run(axl, req, image, msg);
		WRITE_ONCE(axl->fw.phase, AXL_FW_PHASE_IDLE);
		mutex_unlock(&axl->fw.lock);
	}
	if (image->buf)
		axl_buf_put(image->buf);
	vfree(image->data);
	kfree(image);
	return ret;
}
