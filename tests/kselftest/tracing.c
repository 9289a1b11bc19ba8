// SPDX-License-Identifier: GPL-2.0
/*
 * Tracepoints and debugfs report what was done, with the right numbers, and contain no
 * kernel pointer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "liblab.h"

#define DEBUGFS		"/sys/kernel/debug/axl/metis0/"
#define LENGTH		12345u

FIXTURE(tracing)
{
	struct at_ctx t;
	struct at_mem mem;
	uint32_t handle;
};

FIXTURE_SETUP(tracing)
{
	struct axl_ioc_buf_register reg;

	AT_BEGIN(&self->t, 0);
	ASSERT_EQ(0, at_mem_alloc(&self->mem, AT_PLAIN, 65536));
	ASSERT_EQ(0, at_register(self->t.fd, self->mem.p, 65536,
				 AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE,
				 &reg));
	self->handle = reg.handle;
}

FIXTURE_TEARDOWN(tracing)
{
	at_write_text(TRACING "events/axl/enable", "0");
	at_mem_free(&self->mem);
	AT_END(&self->t);
}

/* Lines of a file that hold all the words given */
static int lines(const char *path, const char *a, const char *b, const char *c)
{
	char line[512];
	int n = 0;
	FILE *f = fopen(path, "r");

	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f))
		n += strstr(line, a) && strstr(line, b) && strstr(line, c);
	fclose(f);
	return n;
}

TEST_F(tracing, a_transfer)
{
	uint64_t base = at_scratch_l2(&self->t.q);
	struct axl_xfer x = {
		.handle = self->handle, .direction = AXL_FROM_DEVICE,
		.device_addr = base, .length = LENGTH, .channel = 2,
	};
	char dev[64];

	snprintf(dev, sizeof(dev), "dev=%#llx len=%u ",
		 (unsigned long long)base, LENGTH);
	ASSERT_EQ(0, at_write_text(TRACING "trace", ""));
	ASSERT_EQ(0, at_write_text(TRACING "events/axl/enable", "1"));
	ASSERT_EQ(0, at_run(self->t.fd, &x, 1));
	ASSERT_EQ(0, at_write_text(TRACING "events/axl/enable", "0"));

	EXPECT_EQ(1, lines(TRACING "trace", "axl_submit:", "metis0 write2 ", dev));
	EXPECT_EQ(1, lines(TRACING "trace", "axl_start:", "metis0 write2 ", dev));
	EXPECT_EQ(1, lines(TRACING "trace", "axl_complete:", dev, "status=0"));
	EXPECT_LE(1, lines(TRACING "trace", "axl_irq:", "metis0 vector=", ""));
	/* nothing that looks like an address of the kernel */
	EXPECT_EQ(0, lines(TRACING "trace", "axl_", "ffff", ""));
}

TEST_F(tracing, a_timeout)
{
	struct axl_xfer x = {
		.handle = self->handle, .direction = AXL_TO_DEVICE,
		.device_addr = at_scratch_l2(&self->t.q), .length = LENGTH,
		.channel = 3,
	};
	struct axl_ioc_wait w;
	uint64_t seq;

	ASSERT_EQ(0, at_write_text(TRACING "trace", ""));
	ASSERT_EQ(0, at_write_text(TRACING "events/axl/enable", "1"));
	at_lab_set(METIS_LAB_HANG_SOFT, 1u << 7);	/* read channel 3 */
	ASSERT_EQ(0, at_submit(self->t.fd, &x, 1, self->t.q.generation,
			       AT_MSEC(200), &seq));
	ASSERT_EQ(0, at_wait(self->t.fd, seq, AT_SEC(10), &w));
	at_lab_set(METIS_LAB_HANG_SOFT, 0);
	EXPECT_EQ(-ETIMEDOUT, w.status);
	EXPECT_EQ(1, lines(TRACING "trace", "axl_timeout:", "metis0 read3 ",
			   "status=-110"));
	EXPECT_EQ(1, lines(TRACING "trace", "axl_complete:", "metis0 read3 ",
			   "status=-110"));
}

static unsigned long long transfers(const char *channel)
{
	unsigned long long n = ~0ull;
	char line[256], want[32], busy[8];
	FILE *f = fopen(DEBUGFS "channels", "r");

	snprintf(want, sizeof(want), "%s", channel);
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, want, strlen(want)))
			sscanf(line + strlen(want), "%7s %llu", busy, &n);
	if (f)
		fclose(f);
	return n;
}

TEST_F(tracing, debugfs)
{
	struct axl_xfer x = {
		.handle = self->handle, .direction = AXL_TO_DEVICE,
		.device_addr = at_scratch_l2(&self->t.q), .length = LENGTH,
		.channel = 1,
	};
	unsigned long long before = transfers("read  1");
	char text[64];

	ASSERT_NE(~0ull, before);
	ASSERT_EQ(0, at_run(self->t.fd, &x, 1));
	EXPECT_EQ(before + 1, transfers("read  1"));

	snprintf(text, sizeof(text), "generation:  %llu",
		 (unsigned long long)self->t.q.generation);
	EXPECT_EQ(1, lines(DEBUGFS "state", text, "", ""));
	EXPECT_EQ(1, lines(DEBUGFS "state", "online:", "yes", ""));
	EXPECT_EQ(1, lines(DEBUGFS "vmsi", "happened", "slot", ""));
	EXPECT_EQ(0, lines(DEBUGFS "state", "ffff", "", ""));
}

TEST_HARNESS_MAIN
