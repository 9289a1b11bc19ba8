// SPDX-License-Identifier: GPL-2.0
/* Memory known to the device, and transfers from and to it. */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base.h"
#include "dev.h"
#include "out.h"
#include "xfer.h"

volatile int interrupted;

static void on_interrupt(int sig)
{
	interrupted = sig;
}

void catch_interrupt(void)
{
	struct sigaction sa = { .sa_handler = on_interrupt }, old;
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

	/* No SA_RESTART: blocking calls shall return. Reset: a second one kills. */
	sa.sa_flags = (int)SA_RESETHAND;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		sigaction(signals[i], NULL, &old);
		if (old.sa_handler != SIG_IGN)
			sigaction(signals[i], &sa, NULL);
	}
}

/* A dma-buf of anonymous memory; maps it too */
static int udmabuf_open(struct arena *a)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = a->size };
	int memfd, dev, buf = -1;

	dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		return fail_because(errno, strerror(errno),
				    "modprobe udmabuf (CONFIG_UDMABUF), and have access to /dev/udmabuf",
				    "cannot open /dev/udmabuf");
	memfd = memfd_create("metisctl", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memfd >= 0 && !ftruncate(memfd, (off_t)a->size) &&
	    !fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK)) {
		create.memfd = (u32)memfd;
		buf = ioctl(dev, UDMABUF_CREATE, &create);
	}
	if (buf >= 0)
		a->mem = mmap(NULL, a->size, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (buf < 0 || a->mem == MAP_FAILED) {
		int err = errno;

		a->mem = NULL;
		if (buf >= 0)
			close(buf);
		buf = -1;
		fail_because(err, strerror(err),
			     "ask for less, or raise /sys/module/udmabuf/parameters/size_limit_mb",
			     "cannot make a dma-buf of %zu bytes", a->size);
	}
	if (memfd >= 0)
		close(memfd);
	close(dev);
	a->dmabuf = buf;
	return buf < 0 ? EXIT_FAILED : 0;
}

static int register_fail(const struct arena *a, int err)
{
	char size[24], limit[24], *cause;
	struct rlimit r;

	if (err == ENOMEM && !getrlimit(RLIMIT_MEMLOCK, &r) && r.rlim_cur != RLIM_INFINITY) {
		cause = str("out of memory, or over the limit for locked memory, which is %s",
			    human_size(r.rlim_cur, limit));
		fail_because(err, cause, "ask for less, or raise the limit: ulimit -l (limits.conf: memlock)",
			     "cannot give the device %s of memory", human_size(a->size, size));
		free(cause);
		return EXIT_FAILED;
	}
	return fail(err, NULL, "cannot give the device %s of memory", human_size(a->size, size));
}

int arena_open(struct arena *a, const struct dev *d, u64 size, u32 directions, bool dmabuf)
{
	struct axl_ioc_buf_register reg = { .flags = directions };
	u64 page = (u64)sysconf(_SC_PAGESIZE);
	int ret;

	*a = (struct arena){ .dev = d, .dmabuf = -1 };
	if (size > SIZE_MAX / 2)
		return fail_because(ENOMEM, "more than this program can address", "ask for less",
				    "%llu bytes of memory", size);
	a->size = (size_t)((size + page - 1) & ~(page - 1));
	if (dmabuf) {
		ret = udmabuf_open(a);
		if (ret)
			return ret;
		reg.flags |= AXL_BUF_DMABUF;
		reg.fd = a->dmabuf;
	} else {
		a->mem = mmap(NULL, a->size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (a->mem == MAP_FAILED) {
			a->mem = NULL;
			return fail(errno, NULL, "cannot get %zu bytes of memory", a->size);
		}
		reg.addr = (uintptr_t)a->mem;
		reg.length = a->size;
	}
	ret = dev_ioctl(d, AXL_IOC_BUF_REGISTER, &reg);
	if (ret) {
		ret = register_fail(a, -ret);
		arena_close(a);
		return ret;
	}
	a->handle = reg.handle;
	return 0;
}

void arena_close(struct arena *a)
{
	struct axl_ioc_buf_release rel = { .handle = a->handle };

	if (a->handle)
		dev_ioctl(a->dev, AXL_IOC_BUF_RELEASE, &rel);
	if (a->mem)
		munmap(a->mem, a->size);
	if (a->dmabuf >= 0)
		close(a->dmabuf);
	*a = (struct arena){ .dmabuf = -1 };
}

static void arena_sync(const struct arena *a, u64 flags)
{
	struct dma_buf_sync sync = { .flags = flags | DMA_BUF_SYNC_RW };

	if (a->dmabuf < 0)
		return;
	while (ioctl(a->dmabuf, DMA_BUF_IOCTL_SYNC, &sync) < 0 && (errno == EINTR || errno == EAGAIN))
		;
}

void arena_cpu_begin(const struct arena *a)
{
	arena_sync(a, DMA_BUF_SYNC_START);
}

void arena_cpu_end(const struct arena *a)
{
	arena_sync(a, DMA_BUF_SYNC_END);
}

int xfer_submit(const struct arena *a, u32 direction, size_t offset, u64 addr,
		u64 length, u32 channel, u64 *seq)
{
	const struct axl_ioc_query *q = &a->dev->q;
	u64 count = (length + q->max_length - 1) / q->max_length;
	struct axl_ioc_submit sub = { .generation = q->generation };
	struct axl_xfer *x;
	int ret;

	if (count > q->max_xfers)
		return -E2BIG;
	x = calloc((size_t)count, sizeof(*x));
	if (!x)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		u64 done = i * q->max_length;

		x[i] = (struct axl_xfer){
			.handle = a->handle,
			.direction = direction,
			.offset = offset + done,
			.device_addr = addr + done,
			.length = length - done < q->max_length ? length - done : q->max_length,
			.channel = channel,
		};
	}
	sub.xfers = (uintptr_t)x;
	sub.count = (u32)count;
	do {
		ret = dev_ioctl(a->dev, AXL_IOC_SUBMIT, &sub);
	} while (ret == -EINTR);
	free(x);
	*seq = ret ? 0 : sub.seq;
	return ret;
}

int xfer_wait(const struct arena *a, u64 seq)
{
	struct axl_ioc_wait w;
	int ret;

	/*
	 * Signals do not end this: the driver bounds every transfer, and the
	 * memory is the device's until the transfer is collected.
	 */
	do {
		w = (struct axl_ioc_wait){ .seq = seq, .timeout_ns = AXL_TIMEOUT_INFINITE };
		ret = dev_ioctl(a->dev, AXL_IOC_WAIT, &w);
	} while (ret == -EINTR);
	return ret ? ret : w.status;
}

int xfer_fail(const struct dev *d, int err, u32 direction, u64 addr, u64 length)
{
	static const struct why whys[] = {
		{ EIO, "the bus refused an access, or the device does not answer",
		  "see dmesg for lines of axl and of the SMMU (F_TRANSLATION)" },
		{ ETIMEDOUT, "the transfer did not end in time; the driver stopped it",
		  "see dmesg | grep axl; if it repeats: metisctl reset, then load firmware again" },
		{ ERANGE, "the place is not offered: outside L2 and DDR, or in the engine's list buffer",
		  "metisctl info shows what the device has; the last 32 KiB of L2 may be the engine's" },
		{ EBUSY, "too many submissions wait to be collected", "use a lower --depth" },
		{ E2BIG, "larger than one submission can move", "use a smaller --size" },
		{ EINVAL, "the driver refused the transfer",
		  "with --channels: metisctl info shows how many the device has" },
		{ 0, NULL, NULL }
	};
	char size[24];

	return fail(err < 0 ? -err : err, whys, "%s: %s %s device address 0x%llx", d->path,
		    human_size(length, size), direction == AXL_TO_DEVICE ? "to" : "from", addr);
}
