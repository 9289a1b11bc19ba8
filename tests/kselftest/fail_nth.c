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
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
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
#define EVENT		3	/* of a context that runs nothing */
#define TRACE_BYTES	16384	/* so many are moved by the engine */

/* The minor version of board information, which nobody reads, is of this word. */
#define BOARD_INFO	0x258
#define BOARD_MINOR	(1u << 24)

static const char fw_name[] = "axl/axltest-nth.elf";
static const char log_line[] = "<a line of the log>\n";

struct call;

/* What the SDK's calls point to */
union sdk_arg {
	int number;
	uint64_t value;
	struct vy_buf_xfer buf;
	struct vy_user_xfer user;
	struct vy_p2p_xfer p2p;
	struct vy_msi msi;
	struct vy_resources resources;
	struct vy_windows windows;
	struct vy_stream_stats stream;
	struct vy_dma_stats stats;
	struct vy_user_pa pa;
};

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
	size_t mapped;
	long pins, dma;
	/* of the SDK's interface */
	const struct call *c;
	union sdk_arg arg;
	volatile uint8_t *l2;
	ssize_t got;
	uint64_t peer;		/* where the other card is on the bus */
};

#define SELF FIXTURE_DATA(nth) *self

/* Every kind of fault can be the n-th; without a stack trace in the log. */
static const char *const setup[][2] = {
	{ "failslab/verbose", "0" },
	{ "failslab/ignore-gfp-wait", "N" },
	{ "failslab/require-start", "0" },
	{ "failslab/require-end", "0xffffffffffffffff" },
	{ "fail_page_alloc/verbose", "0" },
	{ "fail_page_alloc/ignore-gfp-wait", "N" },
	{ "fail_page_alloc/ignore-gfp-highmem", "N" },
	{ "fail_page_alloc/min-order", "0" },
	{ "fail_page_alloc/require-start", "0" },
	{ "fail_page_alloc/require-end", "0xffffffffffffffff" },
	{ "fail_usercopy/verbose", "0" },
	{ "fail_usercopy/require-start", "0" },
	{ "fail_usercopy/require-end", "0xffffffffffffffff" },
};

/*
 * When it gets no memory for a file of /proc/irq/N, the kernel goes without, and
 * warns when the interrupt is freed that it is not there.
 */
static const char spared[] = "register_irq_proc";

/* "reject": no fault below the kernel's function @name; "require": only there */
static int filter(const char *how, const char *name)
{
	static const char *const kinds[] = {
		"failslab", "fail_page_alloc", "fail_usercopy",
	};
	unsigned long long at, start = 0, end = 0;
	char line[256], symbol[128], path[128], text[32];
	FILE *f = fopen("/proc/kallsyms", "r");
	int err = 0;
	size_t i;

	if (!f)
		return -errno;
	/*
	 * By address: it ends where the next one begins. A module's are in no
	 * order; more of its functions do no harm.
	 */
	while (!end && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx %*c %127s", &at, symbol) != 2)
			continue;
		if (start && at > start)
			end = at;
		else if (!strcmp(symbol, name))
			start = at;
	}
	fclose(f);
	if (!end)
		return -ENOENT;
	for (i = 0; i < at_array_size(kinds); i++) {
		snprintf(path, sizeof(path), DEBUGFS "%s/%s-start", kinds[i],
			 how);
		snprintf(text, sizeof(text), "%llu", start);
		err = err ?: at_write_text(path, text);
		snprintf(path, sizeof(path), DEBUGFS "%s/%s-end", kinds[i],
			 how);
		snprintf(text, sizeof(text), "%llu", end);
		err = err ?: at_write_text(path, text);
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
	ASSERT_EQ(0, filter("reject", spared)) TH_LOG("%s", spared);
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
	close_node(self);
	if (self->l2)
		munmap((void *)self->l2, self->t.q.bar2_size);
	if (vy_module_loaded())
		EXPECT_EQ(0, vy_module_unload());
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
 * @request: what sdk_call() asks for
 * @arg: its argument, unless @begin sets another
 * @ret: what it returns
 */
struct call {
	const char *name;
	int (*begin)(SELF);
	int (*call)(SELF);
	int (*end)(SELF);
	int also;
	bool repeats;
	unsigned long request;
	union sdk_arg arg;
	int ret;
};

static int open_node(SELF)
{
	self->fd = at_open();
	return self->fd < 0 ? self->fd : 0;
}

static int call_open(SELF)
{
	self->fd = open("/dev/metis0", O_RDWR | O_CLOEXEC);
	return self->fd < 0 ? -errno : 0;
}

static int map(SELF, size_t size, off_t offset)
{
	self->mapped = size;
	self->map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			 self->fd, offset);
	return self->map == MAP_FAILED ? -errno : 0;
}

static int call_mmap(SELF)
{
	return map(self, SIZE, 0);
}

static int end_mmap(SELF)
{
	int err = 0;

	if (self->map != MAP_FAILED) {
		(void)*(volatile uint32_t *)self->map;
		err = munmap(self->map, self->mapped) ? -errno : 0;
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

static int sdk_call(SELF)
{
	const struct call *c = self->c;
	int ret;

	if (c->request == VY_MAILBOX)
		ret = vy_call_value(self->fd, c->request, c->arg.number);
	else
		ret = vy_call(self->fd, c->request, &self->arg);
	return ret == c->ret ? 0 : ret < 0 ? ret : -EBADMSG;
}

/* A file that has made its first call; where a call is the first, more can fail */
static int sdk_open(SELF)
{
	return open_node(self) ?: vy_clear(self->fd, EVENT);
}

/* Something is to be had on the file. */
static int sdk_polled(SELF)
{
	return vy_polled(self->fd, AT_SOON / AT_MSEC(1)) & POLLIN ? 0 :
								    -ETIMEDOUT;
}

static int sdk_cores(SELF)
{
	int ret = sdk_open(self) ?: vy_ctx_alloc(self->fd, 2);

	return ret < 0 ? ret : 0;
}

static int sdk_dmabuf(SELF)
{
	int err = begin_import(self);

	self->arg.number = self->result;
	return err;
}

static int sdk_attached(SELF)
{
	int err = begin_import(self) ?: vy_buf_attach(self->fd, self->result);

	self->arg.buf = (struct vy_buf_xfer){
		.dev_addr = self->base, .size = SIZE,
		.flags = self->c->arg.buf.flags, .channel = VY_CHANNEL_ANY,
	};
	return err;
}

/* It has ended when poll() tells, and nobody has looked. */
static int sdk_moved(SELF)
{
	return sdk_attached(self) ?:
	       vy_buf_xfer(self->fd, VY_READ | VY_ASYNC, self->base, 0, SIZE,
			   VY_CHANNEL_ANY) ?:
	       sdk_polled(self);
}

static int sdk_user(SELF)
{
	self->arg.user = (struct vy_user_xfer){
		.dev_addr = self->base, .user_addr = (uintptr_t)self->mem.p,
		.size = SIZE, .flags = VY_WRITE,
	};
	return sdk_open(self);
}

static int sdk_peer(SELF)
{
	self->arg.p2p = (struct vy_p2p_xfer){
		.dev_addr = self->base, .bus_addr = self->peer, .size = SIZE,
		.channel = VY_CHANNEL_ANY, .flags = VY_READ | VY_SYNC | VY_P2P,
	};
	return sdk_open(self);
}

static int sdk_fired(SELF)
{
	int err = sdk_open(self);

	at_lab_set(METIS_LAB_RAISE, EVENT);
	return err;
}

static int sdk_told(SELF)
{
	int err = sdk_open(self) ?: vy_attach_msi(self->fd, EVENT);

	at_lab_set(METIS_LAB_RAISE, EVENT);
	return err ?: sdk_polled(self);
}

/* Firmware publishes something new, which makes no difference to anybody. */
static int sdk_news(SELF)
{
	uint64_t at = self->t.q.l2_base + BOARD_INFO;
	uint32_t word;
	int err;

	err = at_dev_read(at, &word, sizeof(word));
	word += BOARD_MINOR;
	return err ?: at_dev_write(at, &word, sizeof(word)) ?: sdk_open(self);
}

static int sdk_reader(SELF)
{
	return sdk_open(self) ?: vy_stream(self->fd, VY_STREAM_OPEN,
					   METIS_EMU_LOG_SOURCE);
}

static int sdk_say(SELF)
{
	uint8_t reply[METIS_EMU_MBOX_MSG_MAX];
	uint32_t size;

	return at_mailbox(self->l2, METIS_EMU_OP_LOG, log_line,
			  strlen(log_line), reply, &size);
}

static int sdk_unread(SELF)
{
	return sdk_reader(self) ?: sdk_say(self);
}

/* Nobody has read it: it is in firmware's ring. */
static int sdk_trace(SELF)
{
	uint8_t reply[METIS_EMU_MBOX_MSG_MAX];
	uint32_t bytes = TRACE_BYTES, size;

	return at_mailbox(self->l2, METIS_EMU_OP_TRACE, &bytes, sizeof(bytes),
			  reply, &size) ?: open_node(self);
}

/* By request; each of them is here. */
#define SDK(what, nr, before, ...) {					\
	.name = "SDK, " what, .request = nr, .begin = before,		\
	.call = sdk_call, .end = close_node, __VA_ARGS__		\
}
static const struct call sdk_calls[] = {
	SDK("lock", VY_MAILBOX, open_node, .arg.number = 1),
	SDK("cores", VY_CTX_ALLOC, sdk_open, .arg.number = 2),
	SDK("no cores", VY_CTX_FREE, sdk_cores),
	SDK("first call", VY_PROPERTY, open_node,
	    .arg.value = VY_PROP_CORES),
	SDK("property", VY_PROPERTY, sdk_open,
	    .arg.value = VY_PROP_CORES),
	SDK("attach", VY_BUF_ATTACH, sdk_dmabuf),
	SDK("detach", VY_BUF_DETACH, sdk_attached),
	SDK("transfer", VY_BUF_XFER, sdk_attached,
	    .arg.buf.flags = VY_READ | VY_SYNC),
	SDK("asynchronous", VY_BUF_XFER, sdk_attached,
	    .arg.buf.flags = VY_READ | VY_ASYNC),
	SDK("state", VY_BUF_STATE, sdk_moved, .ret = VY_DONE),
	SDK("wait for it", VY_BUF_WAIT, sdk_moved, .arg.buf.flags = VY_SYNC),
	SDK("user memory", VY_USER_XFER, sdk_user),
	SDK("wait", VY_MSI_WAIT, sdk_fired, .arg.msi = { EVENT, 10 }),
	SDK("forget", VY_MSI_CLEAR, open_node, .arg.msi = { EVENT, 0 }),
	SDK("attach event", VY_MSI_ATTACH, sdk_open, .arg.number = EVENT),
	SDK("core mask", VY_CORE_MASK, sdk_cores),
	SDK("consume", VY_EVENT_CONSUME, sdk_told, .ret = 1),
	SDK("resources", VY_RESOURCES, sdk_open),
	SDK("windows", VY_WINDOWS, sdk_open),
	SDK("firmware started", VY_DYNMEM_LOAD, sdk_news),
	SDK("stream", VY_STREAM_OPEN, sdk_open,
	    .arg.number = METIS_EMU_LOG_SOURCE),
	SDK("stream, by DMA", VY_STREAM_OPEN, sdk_trace,
	    .arg.number = METIS_EMU_TRACE_SOURCE),
	SDK("stream, end", VY_STREAM_CLOSE, sdk_reader),
	SDK("stream statistics", VY_STREAM_STATS, sdk_reader),
	SDK("stream on", VY_STREAM_ENABLE, sdk_open,
	    .arg.number = METIS_EMU_TRACE_SOURCE),
	SDK("stream off", VY_STREAM_DISABLE, sdk_open,
	    .arg.number = METIS_EMU_TRACE_SOURCE),
	SDK("stream reset", VY_STREAM_RESET, sdk_open,
	    .arg.number = METIS_EMU_LOG_SOURCE),
	SDK("reader reset", VY_STREAM_RESET, sdk_unread,
	    .arg.number = METIS_EMU_LOG_SOURCE),
	SDK("statistics", VY_DMA_STATS, sdk_open),
	SDK("physical address", VY_USER_PA, sdk_open, .ret = -EOPNOTSUPP),
};

/* For a board with two cards */
static const struct call sdk_card_to_card =
	SDK("card to card", VY_P2P_XFER, sdk_peer);

static bool sdk_called(unsigned long request)
{
	size_t i;

	for (i = 0; i < at_array_size(sdk_calls); i++)
		if (sdk_calls[i].request == request)
			return true;
	return sdk_card_to_card.request == request;
}

static int sdk_map_registers(SELF)
{
	return map(self, at_page_size(), at_page_size());
}

/* poll() has room for a few files; epoll asks for memory for each. */
static int sdk_begin_epoll(SELF)
{
	self->result = epoll_create1(EPOLL_CLOEXEC);
	return self->result < 0 ? -errno : sdk_open(self);
}

static int sdk_epoll(SELF)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(self->result, EPOLL_CTL_ADD, self->fd, &event) ?
	       -errno : 0;
}

static int sdk_begin_read(SELF)
{
	char before[4096];
	int err = sdk_reader(self);

	while (!err && vy_polled(self->fd, 0) & POLLIN)
		if (read(self->fd, before, sizeof(before)) < 0)
			err = -errno;
	return err ?: sdk_say(self);
}

static int sdk_read(SELF)
{
	char text[4096];

	self->got = read(self->fd, text, sizeof(text));
	if (self->got < 0)
		return -errno;
	return self->got == (ssize_t)strlen(log_line) &&
	       !memcmp(text, log_line, self->got) ? 0 : -EBADMSG;
}

/* What a call could not get is there for the next. */
static int sdk_end_read(SELF)
{
	int err = self->got < 0 ? sdk_polled(self) ?: sdk_read(self) : 0;

	close_node(self);
	return err;
}

static int sdk_load(SELF)
{
	(void)self;
	return vy_module_load(NULL);
}

static int sdk_unload(SELF)
{
	(void)self;
	return vy_module_loaded() ? vy_module_unload() : 0;
}

static int sdk_probe(SELF)
{
	uint64_t value = VY_PROP_CORES;
	int err = open_node(self) ?: vy_call(self->fd, VY_PROPERTY, &value);

	close_node(self);
	return err;
}

/* A card that cannot be served is one without this interface, until it is bound. */
static int sdk_end_bind(SELF)
{
	int err = sdk_probe(self);

	return err == -ENOTTY ? begin_bind(self) ?: call_bind(self) ?:
				sdk_probe(self) : err;
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

/* A driver that got by without memory must not go on with half of the events. */
static bool all_slots(SELF)
{
	struct axl_query q = { };
	int fd;

	if (at_driver_bound(&self->t.pci) != 1)
		return true;
	fd = at_open();
	if (fd < 0)
		return false;
	at_query(fd, &q);
	close(fd);
	return q.nr_vmsi == self->t.q.nr_vmsi;
}

static int begin(SELF, const struct call *c)
{
	self->c = c;
	self->arg = c->arg;
	return c->begin ? c->begin(self) : 0;
}

static void each_fault(struct __test_metadata *_metadata, SELF,
		       const struct call *c)
{
	unsigned int n, told = 0;
	long left = 0;
	int err;

	for (n = 1; n < MAX_FAULTS; n++) {
		err = begin(self, c);
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
		EXPECT_TRUE(all_slots(self))
			TH_LOG("%s: slots are missing after fault %u", c->name,
			       n);
		if (!err || c->repeats)
			continue;
		/* the next one works */
		err = begin(self, c);
		ASSERT_EQ(0, err) TH_LOG("%s: after fault %u", c->name, n);
		err = c->call(self);
		EXPECT_EQ(0, err)
			TH_LOG("%s: the call after fault %u", c->name, n);
		ASSERT_EQ(0, c->end(self));
	}
	EXPECT_GT(n, 1) TH_LOG("%s: no fault could be injected", c->name);
	EXPECT_NE(0, left) TH_LOG("%s: there is no end of faults", c->name);
	at_msg("%-22s %3u faults, %3u reported", c->name, n - 1, told);
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

static void sdk_begin(struct __test_metadata *_metadata, SELF)
{
	/* the DMA API's checks turn themselves off when they get no memory */
	ASSERT_EQ(0, filter("reject", "add_dma_entry"));
	ASSERT_EQ(0, vy_module_load(NULL));
	self->l2 = vy_map_l2(self->t.fd, &self->t);
	ASSERT_NE(NULL, self->l2);
}

TEST_F_TIMEOUT(nth, sdk, 300)
{
	size_t i;

	for (i = 0; i < VY_NR_REQUESTS; i++) {
		EXPECT_TRUE(sdk_called(vy_requests[i]))
			TH_LOG("nobody calls %#lx", vy_requests[i]);
	}
	sdk_begin(_metadata, self);
	for (i = 0; i < at_array_size(sdk_calls); i++)
		each_fault(_metadata, self, &sdk_calls[i]);
}

TEST_F_TIMEOUT(nth, sdk_files, 300)
{
	sdk_begin(_metadata, self);
	EACH("SDK, mmap", sdk_open, call_mmap, end_mmap);
	EACH("SDK, mmap, registers", open_node, sdk_map_registers, end_mmap);
	EACH("SDK, epoll", sdk_begin_epoll, sdk_epoll, close_node);
	EACH("SDK, read", sdk_begin_read, sdk_read, sdk_end_read);
}

TEST_F_TIMEOUT(nth, sdk_two_cards, 300)
{
	struct vy_resources res;
	int fd = open("/dev/metis1", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		SKIP(return, "there is one card only");
	sdk_begin(_metadata, self);
	ASSERT_EQ(0, vy_call(fd, VY_RESOURCES, &res));
	close(fd);
	self->peer = res.l2_base + AT_L2_SCRATCH;
	each_fault(_metadata, self, &sdk_card_to_card);
}

/*
 * Of the loading what is metis.ko's: the rest is the kernel's. Without a card, for
 * this kernel takes seconds to unload a module. A load that gets further meets what
 * the one before has left behind.
 */
TEST_F_TIMEOUT(nth, sdk_module, 600)
{
	close(self->t.fd);
	self->t.fd = -1;
	ASSERT_EQ(0, begin_bind(self));
	ASSERT_EQ(0, filter("require", "do_one_initcall"));
	EACH("SDK, load", NULL, sdk_load, sdk_unload, .repeats = true);
	ASSERT_EQ(0, end_bind(self));
}

TEST_F_TIMEOUT(nth, sdk_cards, 600)
{
	close(self->t.fd);
	self->t.fd = -1;
	ASSERT_EQ(0, vy_module_load(NULL));
	ASSERT_EQ(0, filter("require", "metis_device_add"));
	EACH("SDK, a card", begin_bind, call_bind, sdk_end_bind);
	EXPECT_LT(0, at_log_count("metis", "cannot serve this card"));
	ASSERT_EQ(0, filter("require", "metis_device_del"));
	EACH("SDK, no card", NULL, call_unbind, end_bind);
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
