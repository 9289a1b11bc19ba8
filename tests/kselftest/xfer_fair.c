// SPDX-License-Identifier: GPL-2.0
/*
 * Files share the channels of a direction by the bytes they move, however much each of
 * them has queued.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "liblab.h"

#define STEP		(64 * KIB)
#define QUEUED		200
#define CHURNERS	16

FIXTURE(fair)
{
	struct at_ctx t;
	uint64_t base;
};

FIXTURE_SETUP(fair)
{
	AT_BEGIN(&self->t, 0);
	self->base = at_scratch_l2(&self->t.q);
	/* slower than transfers can be submitted and collected */
	at_lab_set(METIS_LAB_STEP_BYTES, STEP);
	at_lab_set(METIS_LAB_STEP_NS, AT_MSEC(5) * at_slow());
}

FIXTURE_TEARDOWN(fair)
{
	at_lab_set(METIS_LAB_UNDO, 1);
	AT_END(&self->t);
}

/* A client: a file with one buffer */
struct client {
	pthread_t thread;
	struct at_mem mem;
	struct axl_xfer x;
	uint64_t generation, seq, moved;
	unsigned int files;
	int fd, err;
	volatile bool *stop;
};

static int client_open(struct client *c, uint64_t base, uint64_t length)
{
	struct axl_ioc_buf_register reg;
	int err;

	c->fd = at_open();
	if (c->fd < 0)
		return c->fd;
	c->generation = at_generation(c->fd);
	err = at_mem_alloc(&c->mem, AT_PLAIN, length);
	if (!err)
		err = at_register(c->fd, c->mem.p, length, AXL_BUF_TO_DEVICE,
				  &reg);
	c->x = (struct axl_xfer){
		.handle = reg.handle, .direction = AXL_TO_DEVICE,
		.device_addr = base, .length = length,
		.channel = AXL_CHANNEL_ANY,
	};
	return err;
}

static void client_close(struct client *c)
{
	close(c->fd);
	at_mem_free(&c->mem);
}

static int client_submit(struct client *c)
{
	return at_submit(c->fd, &c->x, 1, c->generation, AT_SEC(60), &c->seq);
}

/* Collects the oldest: any of them, if there is none yet -ETIMEDOUT */
static int client_collect(struct client *c, uint64_t timeout_ns)
{
	struct axl_ioc_wait w;
	int err = at_wait(c->fd, 0, timeout_ns, &w);

	if (err)
		return err;
	c->moved += w.bytes;
	return w.status;
}

/* One transfer, and two hundred of another file that were there before */
static void behind_a_queue(struct __test_metadata *_metadata,
			   FIXTURE_DATA(fair) *self, uint32_t channel)
{
	struct client many = { }, one = { };
	unsigned int i, ended = 0;

	ASSERT_EQ(0, client_open(&many, self->base, STEP));
	ASSERT_EQ(0, client_open(&one, self->base + STEP, STEP));
	many.x.channel = channel;
	one.x.channel = channel;
	/* what happens first, whichever is slow */
	at_lab_set(METIS_LAB_FREEZE, 1);
	for (i = 1; i < QUEUED; i++)
		ASSERT_EQ(0, client_submit(&many));
	/* has its turn at once if another channel is idle, and counts here not */
	many.x.channel = AXL_CHANNEL_ANY;
	ASSERT_EQ(0, client_submit(&many));
	ASSERT_EQ(0, client_submit(&one));
	/* so slow that few end while the end of 'one' is on its way to here */
	at_lab_set(METIS_LAB_STEP_NS, AT_MSEC(100));
	at_lab_set(METIS_LAB_FREEZE, 0);
	EXPECT_EQ(0, client_collect(&one, AT_SOON));
	at_lab_set(METIS_LAB_FREEZE, 1);
	while (!client_collect(&many, 0))
		ended++;
	at_msg("%u of %u had ended before", ended, QUEUED);
	EXPECT_GT(QUEUED / 4, ended);
	at_lab_set(METIS_LAB_STEP_NS, AT_MSEC(5));
	at_lab_set(METIS_LAB_FREEZE, 0);
	for (; ended < QUEUED; ended++)
		ASSERT_EQ(0, client_collect(&many, AT_SOON));
	client_close(&many);
	client_close(&one);
}

TEST_F_TIMEOUT(fair, behind_a_queue, 60)
{
	behind_a_queue(_metadata, self, AXL_CHANNEL_ANY);
}

TEST_F_TIMEOUT(fair, behind_a_queue_of_a_channel, 60)
{
	behind_a_queue(_metadata, self, 0);
}

/* Keeps thirty-two transfers queued */
static void *keep_busy(void *arg)
{
	struct client *c = arg;
	unsigned int n = 0;

	while (!c->err && (!*c->stop || n)) {
		for (; n < 32 && !*c->stop && !c->err; n++)
			c->err = client_submit(c);
		if (n && !c->err) {
			c->err = client_collect(c, AT_SOON);
			n--;
		}
	}
	return NULL;
}

/* Bytes count, not transfers */
TEST_F_TIMEOUT(fair, small_and_large, 60)
{
	volatile bool stop = false;
	struct client c[2] = { };
	unsigned int i;

	for (i = 0; i < 2; i++) {
		c[i].stop = &stop;
		ASSERT_EQ(0, client_open(&c[i], self->base + i * MIB,
					 i ? 4 * STEP : STEP));
	}
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&c[i].thread, NULL, keep_busy,
					    &c[i]));
	/* the engine is slower, too */
	at_sleep_ms(3000 * (1 + at_slow()));
	stop = true;
	for (i = 0; i < 2; i++) {
		pthread_join(c[i].thread, NULL);
		EXPECT_EQ(0, c[i].err);
		client_close(&c[i]);
	}
	at_msg("%llu KiB in small ones, %llu KiB in large ones",
	       (unsigned long long)c[0].moved / KIB,
	       (unsigned long long)c[1].moved / KIB);
	EXPECT_LT(c[1].moved / 3, c[0].moved);
	EXPECT_LT(c[0].moved / 3, c[1].moved);
}

/* A file for each transfer */
static void *churn(void *arg)
{
	struct client *c = arg;
	uint64_t base = c->x.device_addr;

	while (!c->err && !*c->stop) {
		c->err = client_open(c, base, STEP);
		if (!c->err)
			c->err = client_submit(c);
		if (!c->err)
			c->err = client_collect(c, AT_SEC(30));
		client_close(c);
		c->files++;
	}
	return NULL;
}

/* Files that are new each time, and owe nothing, do not stop who has queued */
TEST_F_TIMEOUT(fair, new_files, 120)
{
	struct client c[CHURNERS] = { }, slow = { };
	volatile bool stop = false;
	unsigned int i, files = 0;

	/* slower than files can be opened, so that there is always a queue */
	at_lab_set(METIS_LAB_STEP_NS, AT_MSEC(80) * at_slow());
	ASSERT_EQ(0, client_open(&slow, self->base + MIB, STEP));
	for (i = 0; i < CHURNERS; i++) {
		c[i].stop = &stop;
		c[i].x.device_addr = self->base;
		ASSERT_EQ(0, pthread_create(&c[i].thread, NULL, churn, &c[i]));
	}
	at_sleep_ms(500);
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, client_submit(&slow));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(0, client_collect(&slow, AT_SEC(20)))
			TH_LOG("transfer %u", i);
	stop = true;
	for (i = 0; i < CHURNERS; i++) {
		pthread_join(c[i].thread, NULL);
		EXPECT_EQ(0, c[i].err);
		files += c[i].files;
	}
	at_msg("%u files beside it", files);
	/* else there was nothing to wait behind */
	EXPECT_LT(CHURNERS, files);
	client_close(&slow);
}

TEST_HARNESS_MAIN
