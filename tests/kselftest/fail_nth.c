// SPDX-License-Identifier: GPL-2.0
/*
 * Every call survives a failed allocation or user copy at any place: it is repeated
 * with the n-th of them failing, for n = 1, 2, 3 ... until it gets by without
 * (Documentation/fault-injection: fail-nth). Each time the error must be one that the
 * interface knows, and the next call must work; in the end nothing may be missing.
 *
 * The calls are in fail_nth-native.c and fail_nth-sdk.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "fail_nth.h"

#define DEBUGFS		"/sys/kernel/debug/"
#define MAX_FAULTS	5000	/* more than any call has */

FIXTURE(nth)
{
	struct nth nth;
};

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

FIXTURE_SETUP(nth)
{
	size_t i;

	self->nth.arm = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	self->nth.fd = -1;
	self->nth.result = -1;
	if (self->nth.arm < 0)
		SKIP(return, "this kernel has no fault injection");
	for (i = 0; i < at_array_size(setup); i++) {
		char path[128];

		snprintf(path, sizeof(path), DEBUGFS "%s", setup[i][0]);
		ASSERT_EQ(0, at_write_text(path, setup[i][1]))
			TH_LOG("%s", path);
	}
	ASSERT_EQ(0, filter("reject", spared)) TH_LOG("%s", spared);
	AT_BEGIN(&self->nth.t, AT_NEEDS_RUNNING);
	self->nth.base = at_scratch_l2(&self->nth.t.q);
	ASSERT_EQ(0, at_image_good(&self->nth.image, &self->nth.t.q, 64));
	ASSERT_EQ(0, at_mem_alloc(&self->nth.mem, AT_SCATTERED, SIZE));
	self->nth.pins = pinned_pages();
	self->nth.dma = dma_mappings();
}

FIXTURE_TEARDOWN(nth)
{
	if (self->nth.arm < 0)
		return;
	close_node(&self->nth);
	if (self->nth.l2)
		munmap((void *)self->nth.l2, self->nth.t.q.bar2_size);
	if (vy_module_loaded())
		EXPECT_EQ(0, vy_module_unload());
	EXPECT_EQ(self->nth.pins, pinned_pages());
	EXPECT_EQ(self->nth.dma, dma_mappings());
	at_image_free(&self->nth.image);
	at_mem_free(&self->nth.mem);
	close(self->nth.arm);
	AT_END(&self->nth.t);
}

static int arm(struct nth *self, unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	return pwrite(self->arm, text, len, 0) == len ? 0 : -errno;
}

/*
 * How many faults were left, 0 when it has happened. Both calls copy, too, and
 * one of them fails when it is its turn.
 */
static long disarm(struct nth *self)
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
static bool all_slots(struct nth *self)
{
	struct axl_ioc_query q = { };
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

static int begin(struct nth *self, const struct call *c)
{
	self->c = c;
	self->arg = c->arg;
	return c->begin ? c->begin(self) : 0;
}

static void each_fault(struct __test_metadata *_metadata, struct nth *self,
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

#define EACH(...) each_fault(_metadata, &self->nth, &(const struct call){ __VA_ARGS__ })

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

static void sdk_begin(struct __test_metadata *_metadata, struct nth *self)
{
	/* the DMA API's checks turn themselves off when they get no memory */
	ASSERT_EQ(0, filter("reject", "add_dma_entry"));
	ASSERT_EQ(0, vy_module_load(NULL));
	self->l2 = at_map_l2(self->t.fd, &self->t);
	ASSERT_NE(NULL, self->l2);
}

TEST_F_TIMEOUT(nth, sdk, 300)
{
	size_t i;

	for (i = 0; i < VY_NR_REQUESTS; i++) {
		EXPECT_TRUE(sdk_called(vy_requests[i]))
			TH_LOG("no case calls %#lx", vy_requests[i]);
	}
	sdk_begin(_metadata, &self->nth);
	for (i = 0; i < nr_sdk_calls; i++)
		each_fault(_metadata, &self->nth, &sdk_calls[i]);
}

TEST_F_TIMEOUT(nth, sdk_files, 300)
{
	sdk_begin(_metadata, &self->nth);
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
	sdk_begin(_metadata, &self->nth);
	ASSERT_EQ(0, vy_call(fd, VY_RESOURCES, &res));
	close(fd);
	self->nth.peer = res.l2_base + AT_L2_SCRATCH;
	each_fault(_metadata, &self->nth, &sdk_card_to_card);
}

/*
 * Of the loading what is metis.ko's: the rest is the kernel's. Without a card, for
 * this kernel takes seconds to unload a module. A load that gets further meets what
 * the one before has left behind.
 */
TEST_F_TIMEOUT(nth, sdk_module, 600)
{
	close(self->nth.t.fd);
	self->nth.t.fd = -1;
	ASSERT_EQ(0, begin_bind(&self->nth));
	ASSERT_EQ(0, filter("require", "do_one_initcall"));
	EACH("SDK, load", NULL, sdk_load, sdk_unload, .repeats = true);
	ASSERT_EQ(0, end_bind(&self->nth));
}

TEST_F_TIMEOUT(nth, sdk_cards, 600)
{
	close(self->nth.t.fd);
	self->nth.t.fd = -1;
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
	self->nth.t.flags |= AT_PROVOKES_WARN;
	EACH("firmware, by name", begin_fw_name, call_fw_name, close_node);
}

TEST_F_TIMEOUT(nth, reset, 300)
{
	EACH("reset", open_node, call_reset, close_node);
}

TEST_F_TIMEOUT(nth, probe, 600)
{
	close(self->nth.t.fd);
	self->nth.t.fd = -1;
	/* what request_region() says when it gets no memory */
	EACH("probe", begin_bind, call_bind, end_bind, EBUSY, true);
	EACH("removal", NULL, call_unbind, end_bind);
}

TEST_HARNESS_MAIN
