// SPDX-License-Identifier: GPL-2.0
/*
 * Firmware: fetch an image, validate it, write its segments by DMA, start it
 * and wait for the restart. (hardware-notes: Firmware life cycle)
 */
#include <linux/ctype.h>
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
#include "axl_reset.h"
#include "axl_state.h"

static unsigned int fw_timeout_ms = 15000;
module_param(fw_timeout_ms, uint, 0644);
MODULE_PARM_DESC(fw_timeout_ms,
		 "Default time limit of a firmware start in ms (15000)");

static unsigned int fw_timeout_max_ms = 60000;
module_param(fw_timeout_max_ms, uint, 0644);
MODULE_PARM_DESC(fw_timeout_max_ms,
		 "Longest time limit of a firmware start without CAP_SYS_ADMIN in ms (60000)");

/* Longest time limit with CAP_SYS_ADMIN; jiffies */
#define AXL_FW_LIMIT		(3600 * HZ)

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
			     const struct axl_ioc_fw_load *req)
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
			const struct axl_ioc_fw_load *req)
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
	ret = axl_generation_get(axl);
	if (!ret) {
		ret = axl->generation == generation ?
			      axl_job_submit(axl, job, &seq) : -ESTALE;
		up_read(&axl->reset_sem);
	}
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

static unsigned long axl_fw_limit(u64 timeout_ns)
{
	unsigned long limit = axl_timeout(timeout_ns);

	if (!timeout_ns)
		return msecs_to_jiffies(fw_timeout_ms);
	if (!capable(CAP_SYS_ADMIN))
		limit = min(limit, msecs_to_jiffies(fw_timeout_max_ms));
	return min_t(unsigned long, limit, AXL_FW_LIMIT);
}

/*
 * Start the uploaded image. The caller holds reset_sem for writing; it is released
 * on return.
 */
static int axl_fw_start(struct axl_device *axl, struct axl_ioc_fw_load *req,
			const void *msg)
{
	struct axl_start start = {
		.deadline = jiffies + axl_fw_limit(req->timeout_ns),
		.opcode = req->start_opcode,
	};
	int ret;

	WRITE_ONCE(axl->fw.phase, AXL_FW_PHASE_START);
	ret = axl_drain(axl);
	/* unsolicited restart or error: recovery is pending */
	if (!ret && axl->reset_why) {
		axl_state_trigger(axl, AXL_ON_UNDRAIN, NULL);
		ret = -ESTALE;
	}
	if (ret) {
		up_write(&axl->reset_sem);
		return ret;
	}
	/* while the link is down, a mapped access causes a bus error */
	axl_state_trigger(axl, AXL_ON_START, NULL);
	start.mbox_seen = axl_event_count(axl, AXL_EVENT_MAILBOX);
	axl_mailbox_send(axl, req->start_opcode, msg, req->msg_size);
	axl_start_begin(axl, &start);
	up_write(&axl->reset_sem);

	ret = axl_start_wait(axl, &start);
	req->reply_opcode = start.reply_opcode;
	return ret;
}

/*
 * Write the entry point and start the image, as its owner of the mailbox. The
 * caller holds reset_sem for writing; it is released on return.
 */
static int axl_fw_enter(struct axl_device *axl, struct axl_ioc_fw_load *req,
			struct axl_fw_image *image, const void *msg)
{
	int ret;

	axl_fw_load_addr(axl, image->elf.entry);
	req->entry = image->elf.entry;
	if (req->flags & AXL_FW_LOAD_NO_START) {
		up_write(&axl->reset_sem);
		return 0;
	}
	if (!axl_mailbox_try(axl, req)) {
		up_write(&axl->reset_sem);
		return -EBUSY;
	}
	ret = axl_fw_start(axl, req, msg);
	axl_mailbox_give(axl, req);
	return ret;
}

static int axl_fw_run(struct axl_device *axl, struct axl_ioc_fw_load *req,
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

	ret = axl_lock_online(axl);
	if (ret)
		return ret;
	if (axl->generation == generation) {
		ret = axl_fw_enter(axl, req, image, msg);
	} else {
		up_write(&axl->reset_sem);
		ret = -ESTALE;
	}
	req->generation = READ_ONCE(axl->generation);
	return ret;
}

/**
 * axl_fw_try() - begin a load or AXL_IOC_RESET if none is under way
 * @axl: the device
 *
 * Return: true if axl_fw_give() must follow.
 */
bool axl_fw_try(struct axl_device *axl)
{
	return !cmpxchg_acquire(&axl->fw.busy, 0, 1);
}

void axl_fw_give(struct axl_device *axl)
{
	WRITE_ONCE(axl->fw.phase, AXL_FW_PHASE_IDLE);
	/* pairs with axl_fw_try() */
	smp_store_release(&axl->fw.busy, 0);
}

/**
 * axl_fw_load() - load a firmware image and start it
 * @axl: the device
 * @req: from user space; flags and reserved fields are checked by the caller
 *
 * May sleep for the whole upload and start. Takes reset_sem.
 *
 * Return: 0 or an error that &struct axl_ioc_fw_load documents.
 */
int axl_fw_load(struct axl_device *axl, struct axl_ioc_fw_load *req)
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
	/* before axl_fw_try(): reading user memory or a file can take long */
	ret = axl_fw_fetch(axl, image, req);
	if (!ret && !axl_fw_try(axl)) {
		ret = -EBUSY;
	} else if (!ret) {
		ret = axl_fw_run(axl, req, image, msg);
		axl_fw_give(axl);
	}
	if (image->buf)
		axl_buf_put(image->buf);
	vfree(image->data);
	kfree(image);
	return ret;
}
