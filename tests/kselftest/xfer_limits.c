// SPDX-License-Identifier: GPL-2.0
/*
 * Time limits of transfers: which user may shorten them, how far they can be stretched,
 * and how often a transfer is started again because a sibling was stopped.
 *
 * Limits are read from the trace, where the driver says what it computed; that
 * they are obeyed is shown with channels that are frozen, so no result depends
 * on how fast the board is.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "liblab.h"

#define PARAMETER	"/sys/module/axl/parameters/dma_timeout_ms"
#define PART		65536u
#define NR		4
#define SOME_USER	12345
/* The most that a limit can exceed the default, in ms (axl.h: axl_submit) */
#define EXTRA_MS	60000
/* Limits are rounded up to ticks, and some */
#define ROUNDING_MS	50

FIXTURE(limits)
{
	struct at_ctx t;
	struct at_mem mem;
	struct axl_xfer x[NR];	/* one for each channel of the direction */
	char parameter[32];	/* to be put back */
	uint64_t *seq;		/* shared with children */
};

FIXTURE_VARIANT(limits)
{
	uint32_t direction;
};

FIXTURE_VARIANT_ADD(limits, to_device) { .direction = AXL_TO_DEVICE, };
FIXTURE_VARIANT_ADD(limits, from_device) { .direction = AXL_FROM_DEVICE, };

FIXTURE_SETUP(limits)
{
	struct axl_ioc_buf_register reg;
	unsigned int i;

	AT_BEGIN(&self->t, AT_NEEDS_RUNNING);
	ASSERT_EQ(0, at_read_text(PARAMETER, self->parameter,
				  sizeof(self->parameter)));
	self->seq = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->seq);
	ASSERT_EQ(0, at_mem_alloc(&self->mem, AT_PLAIN, NR * PART));
	ASSERT_EQ(0, at_register(self->t.fd, self->mem.p, NR * PART,
				 AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE,
				 &reg));
	for (i = 0; i < NR; i++)
		self->x[i] = (struct axl_xfer){
			.handle = reg.handle,
			.direction = variant->direction, .offset = i * PART,
			.device_addr = at_scratch_l2(&self->t.q) + i * PART,
			.length = PART, .channel = i,
		};
}

FIXTURE_TEARDOWN(limits)
{
	at_lab_reset();
	at_write_text(TRACING "events/axl/enable", "0");
	EXPECT_EQ(0, at_write_text(PARAMETER, self->parameter));
	EXPECT_EQ(0, at_run(self->t.fd, self->x, NR));
	/* Nothing here takes a restart of the card */
	EXPECT_EQ(self->t.q.generation, at_generation(self->t.fd));
	at_mem_free(&self->mem);
	munmap(self->seq, 4096);
	AT_END(&self->t);
}

/* Submits one transfer as an unprivileged user */
static int submit_as_user(FIXTURE_DATA(limits) *self, const struct axl_xfer *x,
			  uint64_t timeout_ns, uint64_t *seq)
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(setuid(SOME_USER) ? EPERM :
		      -at_submit(self->t.fd, x, 1, self->t.q.generation,
				 timeout_ns, self->seq));
	if (child < 0 || waitpid(child, &status, 0) != child ||
	    !WIFEXITED(status))
		return -ECHILD;
	*seq = *self->seq;
	return -WEXITSTATUS(status);
}

static int submit(FIXTURE_DATA(limits) *self, const struct axl_xfer *x,
		  uint64_t timeout_ns, uint64_t *seq)
{
	return at_submit(self->t.fd, x, 1, self->t.q.generation, timeout_ns,
			 seq);
}

/* The limit that the driver gave a transfer, in ms; -errno */
static long limit_of(FIXTURE_DATA(limits) *self, bool user, uint64_t timeout_ns)
{
	static uint32_t length = 4096;
	struct axl_xfer x = self->x[0];
	char line[512], len[32], *at;
	struct axl_ioc_wait w;
	uint64_t seq;
	int err;

	/* which tells its line from the others */
	x.length = length += 8;
	snprintf(len, sizeof(len), "len=%u ", (unsigned int)x.length);
	err = user ? submit_as_user(self, &x, timeout_ns, &seq) :
		     submit(self, &x, timeout_ns, &seq);
	if (!err)
		err = at_wait(self->t.fd, seq, AT_SOON, &w);
	if (!err)
		err = w.status;
	if (err)
		return err;
	err = at_find_line(TRACING "trace", "axl_submit:", len, line,
			   sizeof(line));
	at = err == 1 ? strstr(line, "limit=") : NULL;
	return at ? atol(at + strlen("limit=")) : -ENODATA;
}

#define EXPECT_LIMIT(want, have) do {					\
	long __have = (have), __want = (want);				\
	EXPECT_LE(__want, __have);					\
	EXPECT_GE(__want + ROUNDING_MS, __have);			\
} while (0)

TEST_F(limits, computed)
{
	long def = atol(self->parameter);

	ASSERT_EQ(0, at_write_text(TRACING "trace", ""));
	ASSERT_EQ(0, at_write_text(TRACING "events/axl/enable", "1"));
	EXPECT_LIMIT(def, limit_of(self, false, 0));
	EXPECT_LIMIT(300, limit_of(self, false, AT_MSEC(300)));
	EXPECT_LIMIT(10000, limit_of(self, false, AT_SEC(10)));
	/* it holds memory of others up, so it ends */
	EXPECT_LIMIT(def + EXTRA_MS, limit_of(self, false, AT_SEC(600)));
	EXPECT_LIMIT(def + EXTRA_MS,
		     limit_of(self, false, AXL_TIMEOUT_INFINITE));
	/* a stop disturbs transfers of other users, so it needs a privilege */
	EXPECT_LIMIT(def, limit_of(self, true, 0));
	EXPECT_LIMIT(def, limit_of(self, true, 1));
	EXPECT_LIMIT(def, limit_of(self, true, AT_MSEC(300)));
	EXPECT_LIMIT(10000, limit_of(self, true, AT_SEC(10)));
	EXPECT_LIMIT(def + EXTRA_MS,
		     limit_of(self, true, AXL_TIMEOUT_INFINITE));
}

/* A hung channel is not stopped early for an unprivileged user */
TEST_F_TIMEOUT(limits, early_for_admins_only, 60)
{
	uint32_t rung, stops;
	uint64_t seq[3];
	struct axl_ioc_wait w;
	unsigned int i;

	ASSERT_EQ(0, at_write_text(PARAMETER, "20000"));
	at_lab_set(METIS_LAB_FREEZE, 1);
	rung = at_doorbells(variant->direction);
	stops = at_lab_get(METIS_LAB_STOPS);
	ASSERT_EQ(0, submit(self, &self->x[0], 0, &seq[0]));
	ASSERT_EQ(0, submit_as_user(self, &self->x[1], AT_MSEC(100), &seq[1]));
	/* several times what it takes to notice */
	at_sleep_ms(600);
	EXPECT_EQ(-ETIMEDOUT, at_wait(self->t.fd, seq[1], 0, &w));
	EXPECT_EQ(stops, at_lab_get(METIS_LAB_STOPS));
	EXPECT_EQ(rung + 2, at_doorbells(variant->direction));

	/* but for the administrator, and the sibling is started again */
	ASSERT_EQ(0, submit(self, &self->x[2], AT_MSEC(100), &seq[2]));
	EXPECT_EQ(0, at_wait(self->t.fd, seq[2], AT_SOON, &w));
	EXPECT_EQ(-ETIMEDOUT, w.status);
	EXPECT_EQ(rung + 5, at_doorbells_wait(variant->direction, rung + 5));
	at_lab_set(METIS_LAB_FREEZE, 0);
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(0, at_wait(self->t.fd, seq[i], AT_SOON, &w));
		EXPECT_EQ(0, w.status);
	}
}

/* Another channel hangs, is stopped after its time, and takes its siblings along */
static void hang(struct __test_metadata *_metadata, FIXTURE_DATA(limits) *self,
		 unsigned int channel)
{
	struct axl_ioc_wait w;
	uint64_t seq;

	ASSERT_EQ(0, submit(self, &self->x[channel], AT_MSEC(50), &seq));
	ASSERT_EQ(0, at_wait(self->t.fd, seq, AT_SOON, &w));
	EXPECT_EQ(-ETIMEDOUT, w.status);
}

/*
 * A transfer that is started again and again because of others ends after three
 * times, and the next one on its channel has three again.
 */
TEST_F_TIMEOUT(limits, replays_end, 60)
{
	static const char said[] = " transfers started again";
	uint32_t d = variant->direction, rung;
	struct axl_ioc_wait w;
	unsigned int i, lines;
	uint64_t slow;

	at_log_unlimited(said);
	lines = at_log_count(";axl ", said);
	at_lab_set(METIS_LAB_FREEZE, 1);
	rung = at_doorbells(d);
	ASSERT_EQ(0, submit(self, &self->x[0], AT_SEC(60), &slow));
	for (i = 1; i <= 3; i++) {
		hang(_metadata, self, i);
		/* its own start, those of the hung ones, its replays */
		EXPECT_EQ(rung + 1 + 2 * i,
			  at_doorbells_wait(d, rung + 1 + 2 * i))
			TH_LOG("hang %u", i);
		EXPECT_EQ(-ETIMEDOUT, at_wait(self->t.fd, slow, 0, &w))
			TH_LOG("ended after %u hangs", i);
	}
	hang(_metadata, self, 1);
	EXPECT_EQ(0, at_wait(self->t.fd, slow, AT_SOON, &w));
	EXPECT_EQ(-ETIMEDOUT, w.status);
	EXPECT_EQ(0, w.bytes);
	EXPECT_EQ(rung + 8, at_doorbells(d));
	EXPECT_EQ(0, at_lab_get(METIS_LAB_RUNNING));
	/* said each time, and not when there was none to start again */
	EXPECT_EQ(lines + 3, at_log_count(";axl ", said));

	rung = at_doorbells(d);
	ASSERT_EQ(0, submit(self, &self->x[0], AT_SEC(60), &slow));
	hang(_metadata, self, 1);
	EXPECT_EQ(rung + 3, at_doorbells_wait(d, rung + 3));
	at_lab_set(METIS_LAB_FREEZE, 0);
	EXPECT_EQ(0, at_wait(self->t.fd, slow, AT_SOON, &w));
	EXPECT_EQ(0, w.status);
}

TEST_HARNESS_MAIN
