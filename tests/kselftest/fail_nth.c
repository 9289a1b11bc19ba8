// SPDX-License-Identifier: GPL-2.0
/*
 * Allocations and user copies that fail, one after the other: every call is
 * repeated with its n-th of them failing, for n = 1, 2, 3 ... until it gets by
 * without (Documentation/fault-injection: fail-nth). Each time the error must be
 * one that the interface knows, and the next call must work; in the end nothing
 * may be missing.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "liblab.h"
#include "libvoyager.h"

#define DEBUGFS		"/sys/kernel/debug/"
#define DRIVER		"/sys/bus/pci/drivers/axl/"
#define BOTH		(AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE)
#define SIZE		(16 * at_page_size())
#define MAX_FAULTS	5000	/* more than any call has */

static const char fw_name[] = "axl/axltest-nth.elf";

FIXTURE(nth)
{
	struct at_ctx t;
	struct at_image image;
	struct at_mem mem;
	uint64_t base;
	int arm;		/* our fail-nth */
	int fd;			/* of this round */
	int result;		/* what the call opened */
	uint32_t handle;
	uint64_t seq;
	uint64_t counts[AXL_NR_EVENTS];
	void *map;
	long pins, dma;
};

#define SELF FIXTURE_DATA(nth) *self

/* Every kind of fault can be the n-th; without a stack trace in the log. */
static const char *const setup[][2] = {
	{ "failslab/verbose", "0" },
	{ "failslab/ignore-gfp-wait", "N" },
	{ "fail_page_alloc/verbose", "0" },
	{ "fail_page_alloc/ignore-gfp-wait", "N" },
	{ "fail_page_alloc/ignore-gfp-highmem", "N" },
	{ "fail_page_alloc/min-order", "0" },
	{ "fail_usercopy/verbose", "0" },
};

/*
 * When it gets no memory for a file of /proc/irq/N, the kernel goes without, and
 * warns when the interrupt is freed that it is not there.
 */
static const char spared[] = "register_irq_proc";

/* No fault in the kernel's function @name */
static int spare(const char *name)
{
	unsigned long long at, start = 0, end = 0;
	char line[256], symbol[128], text[32];
	FILE *f = fopen("/proc/kallsyms", "r");
	int err = -ENOENT;

	if (!f)
		return -errno;
	/* by address: it ends where the next one begins */
	while (!end && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx %*c %127s", &at, symbol) != 2)
			continue;
		if (start && at > start)
			end = at;
		else if (!strcmp(symbol, name))
			start = at;
	}
	fclose(f);
	if (end) {
		snprintf(text, sizeof(text), "%llu", start);
		err = at_write_text(DEBUGFS "failslab/reject-start", text);
		err = err ?: at_write_text(DEBUGFS "fail_page_alloc/reject-start",
					   text);
		snprintf(text, sizeof(text), "%llu", end);
		err = err ?: at_write_text(DEBUGFS "failslab/reject-end", text);
		err = err ?: at_write_text(DEBUGFS "fail_page_alloc/reject-end",
					   text);
	}
	return err;
}

static long number(const char *path)
{
	char text[64];

	return at_read_text(path, text, sizeof(text)) ? -1 : atol(text);
}

/* Mappings that exist, by the DMA API's own count */
static long dma_mappings(void)
{
	return number(DEBUGFS "dma-api/nr_total_entries") -
	       number(DEBUGFS "dma-api/num_free_entries");
}

static long pinned_pages(void)
{
	struct at_leak now;

	at_leak_mark(&now);
	return now.pins;
}

FIXTURE_SETUP(nth)
{
	size_t i;

	self->arm = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	self->fd = -1;
	self->result = -1;
	if (self->arm < 0)
		SKIP(return, "this kernel has no fault injection");
	for (i = 0; i < at_array_size(setup); i++) {
		char path[128];

		snprintf(path, sizeof(path), DEBUGFS "%s", setup[i][0]);
		ASSERT_EQ(0, at_write_text(path, setup[i][1]))
			TH_LOG("%s", path);
	}
	ASSERT_EQ(0, spare(spared)) TH_LOG("%s", spared);
	AT_BEGIN(&self->t, AT_NEEDS_RUNNING);
	self->base = at_scratch_l2(&self->t.q);
	ASSERT_EQ(0, at_image_good(&self->image, &self->t.q, 64));
	ASSERT_EQ(0, at_mem_alloc(&self->mem, AT_SCATTERED, SIZE));
	self->pins = pinned_pages();
	self->dma = dma_mappings();
}

FIXTURE_TEARDOWN(nth)
{
	if (self->arm < 0)
		return;
	EXPECT_EQ(self->pins, pinned_pages());
	EXPECT_EQ(self->dma, dma_mappings());
	at_image_free(&self->image);
	at_mem_free(&self->mem);
	close(self->arm);
	AT_END(&self->t);
}

/* ---- what is repeated ---- */

/**
 * struct call - something that can fail
 * @name: for messages
 * @begin: brings about what it needs; no fault is injected
 * @call: the call; 0 or -errno
 * @end: undoes what it did, whether it worked or not
 * @also: an error that is right besides -ENOMEM and -EFAULT
 * @repeats: @end makes the call again when it failed
 */
struct call {
	const char *name;
	int (*begin)(SELF);
	int (*call)(SELF);
	int (*end)(SELF);
	int also;
	bool repeats;
};

static int open_node(SELF)
{
	self->fd = at_open();
	return self->fd < 0 ? self->fd : 0;
}

static int close_node(SELF)
{
	if (self->result >= 0)
		close(self->result);
	if (self->fd >= 0)
		close(self->fd);
	self->result = -1;
	self->fd = -1;
	return 0;
}

static int call_open(SELF)
{
	self->fd = open("/dev/metis0", O_RDWR | O_CLOEXEC);
	return self->fd < 0 ? -errno : 0;
}

static int call_mmap(SELF)
{
	self->map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			 self->fd, 0);
	return self->map == MAP_FAILED ? -errno : 0;
}

static int end_mmap(SELF)
{
	int err = 0;

	if (self->map != MAP_FAILED) {
		(void)*(volatile uint32_t *)self->map;
		err = munmap(self->map, SIZE) ? -errno : 0;
	}
	close_node(self);
	return err;
}

static int call_query(SELF)
{
	struct axl_query q;

	return at_query(self->fd, &q);
}

static int call_register(SELF)
{
	struct axl_buf_register reg;
	int err = at_register(self->fd, self->mem.p, SIZE, BOTH, &reg);

	self->handle = reg.handle;
	return err;
}

static int call_register_read(SELF)
{
	struct axl_buf_register reg;

	return at_register(self->fd, self->mem.p + 5, SIZE - 9,
			   AXL_BUF_TO_DEVICE, &reg);
}

static int begin_import(SELF)
{
	struct udmabuf_create create = {
		.flags = UDMABUF_FLAGS_CLOEXEC, .size = SIZE,
	};
	int dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), err = 0;

	if (dev < 0)
		return -errno;
	create.memfd = memfd_create("axltest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if ((int)create.memfd < 0 || ftruncate(create.memfd, SIZE) ||
	    fcntl(create.memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		return -errno;
	self->result = ioctl(dev, UDMABUF_CREATE, &create);
	if (self->result < 0)
		err = -errno;
	close(create.memfd);
	close(dev);
	return err ?: open_node(self);
}

static int call_import(SELF)
{
	struct axl_buf_register reg;

	return at_import(self->fd, self->result, 0, BOTH, &reg);
}

static int begin_buffer(SELF)
{
	return open_node(self) ?: call_register(self);
}

static int call_release(SELF)
{
	return at_release(self->fd, self->handle);
}

/* As many as do not fit a page: such a job's memory comes from elsewhere. */
static int call_submit(SELF)
{
	static struct axl_xfer x[64];
	size_t i;

	for (i = 0; i < at_array_size(x); i++)
		x[i] = (struct axl_xfer){
			.handle = self->handle, .direction = i % 2,
			.device_addr = self->base, .length = 64,
			.channel = AXL_CHANNEL_ANY,
		};
	return at_submit(self->fd, x, i, self->t.q.generation, 0, &self->seq);
}

/* A submission whose number could not be told is there nevertheless. */
static int end_submit(SELF)
{
	struct axl_wait wait;
	int err, status = 0;

	while (!(err = at_wait(self->fd, 0, AT_SOON, &wait)))
		status = status ?: wait.status;
	close_node(self);
	return err == -ENOENT ? status : err;
}

static int begin_wait(SELF)
{
	return begin_buffer(self) ?: call_submit(self);
}

static int call_wait(SELF)
{
	struct axl_wait wait;
	int err = at_wait(self->fd, self->seq, AT_SOON, &wait);

	return err ?: wait.status;
}

static int call_wait_event(SELF)
{
	struct axl_wait_event w = {
		.event = AXL_EVENT_ANY, .seen = ~0ULL, .timeout_ns = AT_SOON,
		.generation = self->t.q.generation,
	};

	return at_ioctl(self->fd, AXL_IOC_WAIT_EVENT, &w);
}

static int call_event_counts(SELF)
{
	struct axl_event_counts c = {
		.counts = (uintptr_t)self->counts, .nr = AXL_NR_EVENTS,
	};

	return at_ioctl(self->fd, AXL_IOC_EVENT_COUNTS, &c);
}

static int begin_event_fd(SELF)
{
	self->result = eventfd(0, EFD_CLOEXEC);
	return self->result < 0 ? -errno : open_node(self);
}

static int call_event_fd(SELF)
{
	struct axl_event_fd bind = {
		.event = AXL_EVENT_MAILBOX, .fd = self->result,
	};

	return at_ioctl(self->fd, AXL_IOC_EVENT_FD, &bind);
}

static int begin_event_end(SELF)
{
	return begin_event_fd(self) ?: call_event_fd(self);
}

static int call_event_end(SELF)
{
	struct axl_event_fd unbind = { .event = AXL_EVENT_MAILBOX, .fd = -1 };

	return at_ioctl(self->fd, AXL_IOC_EVENT_FD, &unbind);
}

static int call_reset(SELF)
{
	struct axl_reset reset = { };

	return at_ioctl(self->fd, AXL_IOC_RESET, &reset);
}

static int call_fw_upload(SELF)
{
	struct axl_fw_load load = { .flags = AXL_FW_LOAD_NO_START };

	return at_fw_load(self->fd, &self->image, &load);
}

static int call_fw_start(SELF)
{
	static const char msg[] = "nth";
	struct axl_fw_load load = {
		.msg = (uintptr_t)msg, .msg_size = sizeof(msg),
	};

	return at_fw_load(self->fd, &self->image, &load);
}

static int begin_fw_name(SELF)
{
	char path[64];
	int fd, err = 0;

	mkdir("/lib/firmware", 0755);
	mkdir("/lib/firmware/axl", 0755);
	snprintf(path, sizeof(path), "/lib/firmware/%s", fw_name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	if (write(fd, self->image.data, self->image.size) !=
	    (ssize_t)self->image.size)
		err = -EIO;
	close(fd);
	return err ?: open_node(self);
}

static int call_fw_name(SELF)
{
	struct axl_fw_load load = {
		.flags = AXL_FW_LOAD_NAME | AXL_FW_LOAD_NO_START,
		.image = (uintptr_t)fw_name, .image_size = strlen(fw_name),
	};

	return at_ioctl(self->fd, AXL_IOC_FW_LOAD, &load);
}

static int sysfs(SELF, const char *path)
{
	return at_write_text(path, self->t.pci.bdf);
}

static int begin_bind(SELF)
{
	return sysfs(self, DRIVER "unbind");
}

/* Bound although the write failed: its end could not be told. */
static int end_bind(SELF)
{
	return at_driver_bound(&self->t.pci) ? 0 : sysfs(self, DRIVER "bind");
}

static int call_bind(SELF)
{
	return sysfs(self, DRIVER "bind");
}

static int call_unbind(SELF)
{
	return sysfs(self, DRIVER "unbind");
}

/* ---- the SDK's interface ---- */

static int sdk_open(SELF)
{
	return open_node(self) ?: vy_clear(self->fd, 6);
}

static int sdk_property(SELF)
{
	uint64_t value = VY_PROP_CORES;

	return vy_call(self->fd, VY_PROPERTY, &value);
}

static int sdk_resources(SELF)
{
	struct vy_resources res;

	return vy_call(self->fd, VY_RESOURCES, &res);
}

static int sdk_statistics(SELF)
{
	struct vy_dma_stats stats;

	return vy_call(self->fd, VY_DMA_STATS, &stats);
}

static int sdk_cores(SELF)
{
	int first = vy_ctx_alloc(self->fd, 2);

	return first < 0 ? first : 0;
}

static int sdk_attach_msi(SELF)
{
	return vy_attach_msi(self->fd, 6);
}

static int sdk_user_xfer(SELF)
{
	return vy_user_xfer(self->fd, VY_WRITE, self->base, self->mem.p, SIZE);
}

static int sdk_attach(SELF)
{
	return vy_buf_attach(self->fd, self->result);
}

static int sdk_begin_xfer(SELF)
{
	return begin_import(self) ?: sdk_attach(self);
}

static int sdk_xfer(SELF)
{
	return vy_buf_xfer(self->fd, VY_READ | VY_SYNC, self->base, 0, SIZE,
			   VY_CHANNEL_ANY);
}

static int sdk_xfer_async(SELF)
{
	return vy_buf_xfer(self->fd, VY_READ | VY_ASYNC, self->base, 0, SIZE,
			   VY_CHANNEL_ANY);
}

static int sdk_stream(SELF)
{
	return vy_stream(self->fd, VY_STREAM_OPEN, 0);
}

/* ---- the loop ---- */

static int arm(SELF, unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	return pwrite(self->arm, text, len, 0) == len ? 0 : -errno;
}

/*
 * How many faults were left, 0 when it has happened. Both calls copy, too, and
 * one of them fails when it is its turn.
 */
static long disarm(SELF)
{
	char text[16] = "";
	long left = 1;

	if (pread(self->arm, text, sizeof(text) - 1, 0) > 0)
		left = atol(text);
	if (arm(self, 0) && arm(self, 0))
		left = -1;
	return left;
}

static void each_fault(struct __test_metadata *_metadata, SELF,
		       const struct call *c)
{
	unsigned int n, told = 0;
	long left = 0;
	int err;

	for (n = 1; n < MAX_FAULTS; n++) {
		err = c->begin ? c->begin(self) : 0;
		ASSERT_EQ(0, err) TH_LOG("%s: before fault %u", c->name, n);
		ASSERT_EQ(0, arm(self, n));
		err = c->call(self);
		left = disarm(self);
		ASSERT_GE(left, 0);
		if (left) {
			EXPECT_EQ(0, err) TH_LOG("%s: no fault", c->name);
			ASSERT_EQ(0, c->end(self));
			break;
		}
		told += !!err;
		EXPECT_TRUE(!err || err == -ENOMEM || err == -EFAULT ||
			    err == -c->also)
			TH_LOG("%s: fault %u: %s", c->name, n, strerror(-err));
		ASSERT_EQ(0, c->end(self))
			TH_LOG("%s: after fault %u (%s)", c->name, n,
			       strerror(-err));
		if (!err || c->repeats)
			continue;
		/* the next one works */
		err = c->begin ? c->begin(self) : 0;
		ASSERT_EQ(0, err) TH_LOG("%s: after fault %u", c->name, n);
		err = c->call(self);
		EXPECT_EQ(0, err)
			TH_LOG("%s: the call after fault %u", c->name, n);
		ASSERT_EQ(0, c->end(self));
	}
	EXPECT_GT(n, 1) TH_LOG("%s: no fault could be injected", c->name);
	EXPECT_NE(0, left) TH_LOG("%s: there is no end of faults", c->name);
	at_msg("%-18s %3u faults, %3u reported", c->name, n - 1, told);
}

#define EACH(...) each_fault(_metadata, self, &(const struct call){ __VA_ARGS__ })

TEST_F_TIMEOUT(nth, files, 300)
{
	EACH("open", NULL, call_open, close_node);
	EACH("mmap", open_node, call_mmap, end_mmap);
	EACH("query", open_node, call_query, close_node);
}

TEST_F_TIMEOUT(nth, buffers, 300)
{
	EACH("register", open_node, call_register, close_node);
	EACH("register, read", open_node, call_register_read, close_node);
	EACH("import", begin_import, call_import, close_node);
	EACH("release", begin_buffer, call_release, close_node);
}

TEST_F_TIMEOUT(nth, transfers, 300)
{
	EACH("submit", begin_buffer, call_submit, end_submit);
	EACH("wait", begin_wait, call_wait, close_node);
}

TEST_F_TIMEOUT(nth, events, 300)
{
	EACH("wait event", open_node, call_wait_event, close_node);
	EACH("event counts", open_node, call_event_counts, close_node);
	EACH("event fd", begin_event_fd, call_event_fd, close_node);
	EACH("event fd, end", begin_event_end, call_event_end, close_node);
}

TEST_F_TIMEOUT(nth, sdk, 300)
{
	/* the DMA API's checks turn themselves off when they get no memory */
	ASSERT_EQ(0, spare("add_dma_entry"));
	ASSERT_EQ(0, vy_module_load(NULL));
	EACH("SDK, first call", open_node, sdk_property, close_node);
	EACH("SDK, property", sdk_open, sdk_property, close_node);
	EACH("SDK, resources", sdk_open, sdk_resources, close_node);
	EACH("SDK, statistics", sdk_open, sdk_statistics, close_node);
	EACH("SDK, cores", sdk_open, sdk_cores, close_node);
	EACH("SDK, attach event", sdk_open, sdk_attach_msi, close_node);
	EACH("SDK, user memory", sdk_open, sdk_user_xfer, close_node);
	EACH("SDK, attach", begin_import, sdk_attach, close_node);
	EACH("SDK, transfer", sdk_begin_xfer, sdk_xfer, close_node);
	EACH("SDK, asynchronous", sdk_begin_xfer, sdk_xfer_async, close_node);
	EACH("SDK, stream", sdk_open, sdk_stream, close_node);
	EXPECT_EQ(0, vy_module_unload());
}

TEST_F_TIMEOUT(nth, firmware, 600)
{
	EACH("firmware, upload", open_node, call_fw_upload, close_node);
	EACH("firmware, start", open_node, call_fw_start, close_node);
}

/* The firmware loader's vmalloc() prints a backtrace when it fails. */
TEST_F_TIMEOUT(nth, firmware_by_name, 600)
{
	self->t.flags |= AT_PROVOKES_WARN;
	EACH("firmware, by name", begin_fw_name, call_fw_name, close_node);
}

TEST_F_TIMEOUT(nth, reset, 300)
{
	EACH("reset", open_node, call_reset, close_node);
}

TEST_F_TIMEOUT(nth, probe, 600)
{
	close(self->t.fd);
	self->t.fd = -1;
	/* what request_region() says when it gets no memory */
	EACH("probe", begin_bind, call_bind, end_bind, EBUSY, true);
	EACH("removal", NULL, call_unbind, end_bind);
}

TEST_HARNESS_MAIN
