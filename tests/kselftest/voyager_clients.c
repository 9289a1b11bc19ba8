// SPDX-License-Identifier: GPL-2.0
/*
 * The card shared by a client of the Voyager SDK's interface and a native one: both get
 * channels, events and firmware, and one that is killed or hangs leaves the other its
 * card.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libvoyager.h"

FIXTURE(shared)
{
	struct at_ctx t;	/* its file is the native client's */
	int fd;			/* the SDK's */
	uint64_t base;
	volatile uint8_t *l2;
};

FIXTURE_SETUP(shared)
{
	VY_BEGIN(&self->t, AT_NEEDS_RUNNING);
	self->base = at_scratch_l2(&self->t.q);
	self->fd = at_open();
	ASSERT_GE(self->fd, 0);
	self->l2 = at_map_l2(self->fd, &self->t);
	ASSERT_NE(NULL, self->l2);
}

FIXTURE_TEARDOWN(shared)
{
	at_lab_set(METIS_LAB_UNDO, 1);
	munmap((void *)self->l2, self->t.q.bar2_size);
	close(self->fd);
	AT_END(&self->t);
}

struct client {
	pthread_t thread;
	bool native;
	int fd, err;
	uint64_t base, worst;
	uint32_t direction;
	unsigned int depth;
	volatile unsigned int done;
	volatile bool stop;
};

/* Some more transfers, all of them begun from now on but one */
static bool goes_on(const struct client *c)
{
	unsigned int before = c->done;
	uint64_t end = at_now() + AT_SEC(20);

	while (c->done - before < 3 && !c->err && at_now() < end)
		at_sleep_ms(1);
	return c->done - before >= 3;
}

/* Keeps @depth transfers queued */
static void native_client(struct client *c)
{
	uint64_t seqs[32], gen = at_generation(c->fd);
	struct axl_ioc_buf_register reg;
	struct axl_ioc_wait w;
	struct at_mem mem;
	unsigned int i, n = 0;

	if (at_mem_alloc(&mem, AT_PLAIN, MIB) ||
	    at_register(c->fd, mem.p, MIB, c->direction ? AXL_BUF_FROM_DEVICE :
			AXL_BUF_TO_DEVICE, &reg)) {
		c->err = -ENOMEM;
		return;
	}
	struct axl_xfer x = {
		.handle = reg.handle, .direction = c->direction,
		.device_addr = c->base, .length = MIB,
		.channel = AXL_CHANNEL_ANY,
	};

	while (!c->err && (!c->stop || n)) {
		for (; n < c->depth && !c->stop && !c->err; n++)
			c->err = at_submit(c->fd, &x, 1, gen, AT_SEC(30),
					   &seqs[n]);
		if (!n)
			break;
		if (!c->err)
			c->err = at_wait(c->fd, seqs[0], AT_SEC(30), &w);
		if (!c->err)
			c->err = w.status;
		for (i = 1; i < n; i++)
			seqs[i - 1] = seqs[i];
		n--;
		c->done++;
	}
	at_mem_free(&mem);
}

static void voyager_client(struct client *c)
{
	uint8_t *p = malloc(MIB);
	uint64_t start;

	while (!c->err && !c->stop) {
		start = at_now();
		c->err = vy_user_xfer(c->fd, c->direction ? VY_READ : VY_WRITE,
				      c->base, p, MIB);
		if (at_now() - start > c->worst)
			c->worst = at_now() - start;
		c->done++;
	}
	free(p);
}

static void *client_run(void *arg)
{
	struct client *c = arg;

	if (c->native)
		native_client(c);
	else
		voyager_client(c);
	return NULL;
}

/* Neither waits behind all that the other can think of */
TEST_F_TIMEOUT(shared, channels, 60)
{
	uint64_t end = at_now() + AT_SEC(40);
	struct client c[8];
	unsigned int done[2] = { }, i;

	at_slow_engine(65536, MIB, AT_MSEC(10));
	for (i = 0; i < 8; i++) {
		c[i] = (struct client){
			.native = i % 2, .fd = at_open(), .depth = 16,
			.base = self->base + i * MIB, .direction = i / 4,
		};
		ASSERT_GE(c[i].fd, 0);
		ASSERT_EQ(0, pthread_create(&c[i].thread, NULL, client_run,
					    &c[i]));
	}
	at_sleep_ms(3000 * (1 + at_slow()));
	/* a kernel that watches all takes its time */
	for (i = 0; i < 8; i++)
		while (c[i].done < 2 && !c[i].err && at_now() < end)
			at_sleep_ms(50);
	for (i = 0; i < 8; i++)
		c[i].stop = true;
	for (i = 0; i < 8; i++) {
		pthread_join(c[i].thread, NULL);
		EXPECT_EQ(0, c[i].err)
			TH_LOG("client %u", i);
		EXPECT_LE(2, c[i].done)
			TH_LOG("client %u", i);
		done[c[i].native] += c[i].done;
		close(c[i].fd);
	}
	at_msg("%u transfers of the SDK's files, %u of native ones", done[0],
	       done[1]);
	/* One at a time loses the moments between two of its calls, no more */
	EXPECT_LE(done[1], 4 * done[0]);
}

TEST_F_TIMEOUT(shared, contexts_stay, 60)
{
	struct metis_emu_job job = {
		.magic = METIS_EMU_JOB_MAGIC, .op = METIS_EMU_JOB_CRC,
		.addr = self->base, .len = 4096,
	};
	struct client c = {
		.native = true, .fd = self->t.fd, .depth = 8,
		.base = self->base + MIB, .direction = AXL_FROM_DEVICE,
	};
	int other = at_open(), i;

	ASSERT_GE(other, 0);
	ASSERT_EQ(0, vy_ctx_alloc(self->fd, 2));
	at_lab_set(METIS_LAB_JOB_US, 200000);
	ASSERT_EQ(0, pthread_create(&c.thread, NULL, client_run, &c));
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(0, vy_job(self->fd, self->l2, i % 2, &job));
		EXPECT_EQ(-EINVAL, vy_ctx_alloc(other, 3));
		EXPECT_EQ(2, vy_ctx_alloc(other, 2));
		EXPECT_EQ(0, vy_ctx_free(other));
		EXPECT_EQ(3, vy_ctx_mask(self->fd));
	}
	c.stop = true;
	pthread_join(c.thread, NULL);
	EXPECT_EQ(0, c.err);
	EXPECT_LT(0, c.done);
	close(other);
}

TEST_F(shared, events_reach_both)
{
	struct at_waiter w;
	uint64_t count;

	ASSERT_EQ(0, at_event_count(self->t.fd, 3, &count));
	ASSERT_EQ(0, vy_clear(self->fd, 3));
	ASSERT_EQ(0, vy_attach_msi(self->fd, 3));
	at_waiter_start(&w, self->t.fd, 3, count, self->t.q.generation,
			AT_SEC(20));
	at_lab_set(METIS_LAB_RAISE, 3);
	EXPECT_EQ(0, vy_wait(self->fd, 3, 20));
	EXPECT_EQ(POLLIN, vy_polled(self->fd, 10000) & POLLIN);
	EXPECT_EQ(0, at_waiter_end(&w));
}

static void mailbox_and_transfers(uint64_t base, volatile uint8_t *l2, int ready)
{
	uint8_t *p = malloc(2 * MIB);
	int fd = at_open();

	if (fd < 0 || vy_lock(fd, 1) || vy_ctx_alloc(fd, VY_CORES) ||
	    vy_attach_msi(fd, 12) ||
	    vy_stream(fd, VY_STREAM_OPEN, METIS_EMU_LOG_SOURCE))
		_exit(1);
	/* A request whose answer is not read */
	*(volatile uint32_t *)(l2 + METIS_EMU_MBOX_SIZE) = 0;
	__sync_synchronize();
	*(volatile uint32_t *)(l2 + METIS_EMU_MBOX_OPCODE) = METIS_EMU_OP_PING;
	if (write(ready, "r", 1) != 1)
		_exit(2);
	for (;;)
		vy_user_xfer(fd, VY_READ, base, p, 2 * MIB);
}

/* The SDK's process dies with everything in its hands */
TEST_F_TIMEOUT(shared, sdk_killed, 120)
{
	struct client c = {
		.native = true, .fd = self->t.fd, .depth = 4,
		.base = self->base + 4 * MIB, .direction = AXL_FROM_DEVICE,
	};
	uint64_t start;
	int i, ready[2], status;
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe(ready));
	at_slow_engine(65536, MIB, AT_MSEC(20));
	ASSERT_EQ(0, pthread_create(&c.thread, NULL, client_run, &c));
	for (i = 0; i < 8; i++) {
		fflush(stdout);
		child = fork();
		if (!child)
			mailbox_and_transfers(self->base, self->l2, ready[1]);
		ASSERT_GT(child, 0);
		ASSERT_EQ(1, read(ready[0], &byte, 1));
		at_sleep_ms(7 * i);
		kill(child, SIGKILL);
		start = at_now();
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status))
			TH_LOG("ended by itself, step %d", WEXITSTATUS(status));
		EXPECT_EQ(0, vy_lock(self->fd, 1));
		EXPECT_EQ(0, vy_ctx_alloc(self->fd, VY_CORES));
		EXPECT_LT(at_now() - start, AT_SEC(10));
		/* the next conversation is not disturbed by the last */
		EXPECT_EQ(0, vy_request(self->fd, self->l2, METIS_EMU_OP_PING,
					NULL, 0, 10));
		EXPECT_EQ(0, vy_ctx_free(self->fd));
		EXPECT_EQ(0, vy_lock(self->fd, 0));
		EXPECT_TRUE(goes_on(&c));
	}
	c.stop = true;
	pthread_join(c.thread, NULL);
	EXPECT_EQ(0, c.err);
	/* and the native client can start firmware */
	EXPECT_EQ(0, at_fw_run(self->t.fd));
}

TEST_F_TIMEOUT(shared, native_killed, 60)
{
	struct client c = {
		.fd = self->fd, .base = self->base, .direction = 1,
	};
	int i, status;
	pid_t child;

	at_slow_engine(65536, MIB, AT_MSEC(20));
	ASSERT_EQ(0, pthread_create(&c.thread, NULL, client_run, &c));
	for (i = 0; i < 6; i++) {
		fflush(stdout);
		child = fork();
		if (!child) {
			struct client n = {
				.native = true, .fd = at_open(), .depth = 16,
				.base = self->base + 4 * MIB,
				.direction = i % 2,
			};

			native_client(&n);
			_exit(1);
		}
		ASSERT_GT(child, 0);
		at_sleep_ms(60 + 7 * i);
		kill(child, SIGKILL);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
		EXPECT_TRUE(goes_on(&c));
	}
	c.stop = true;
	pthread_join(c.thread, NULL);
	EXPECT_EQ(0, c.err);
}

#define HUNG		2	/* a channel */

static void hold_a_channel(bool native, uint64_t base, const struct vy_dmabuf *b)
{
	struct axl_xfer x = {
		.direction = AXL_FROM_DEVICE, .device_addr = base,
		.length = MIB, .channel = HUNG,
	};
	int fd = at_open();
	struct axl_ioc_buf_register reg;
	uint64_t seq;

	if (native) {
		if (at_register(fd, malloc(MIB), MIB, AXL_BUF_FROM_DEVICE,
				&reg))
			_exit(1);
		x.handle = reg.handle;
		if (at_submit(fd, &x, 1, at_generation(fd), 0, &seq))
			_exit(2);
	} else if (vy_lock(fd, 1) || vy_ctx_alloc(fd, 2) ||
		   vy_buf_attach(fd, b->fd) ||
		   vy_buf_xfer(fd, VY_READ | VY_ASYNC, base, 0, MIB, HUNG)) {
		_exit(3);
	}
	for (;;)
		pause();
}

/*
 * The card has stopped working on what the dead process wanted: until its time is
 * up the other one has the other channels, and loses nothing when the direction
 * is stopped then.
 */
TEST_F_TIMEOUT(shared, killed_on_a_hung_channel, 120)
{
	unsigned int native, before;
	struct vy_dmabuf b;
	uint64_t end;
	int status, err;
	pid_t child;

	err = vy_dmabuf_make(&b, MIB);
	if (err == -ENOTSUP)
		at_msg("no dma-bufs on this kernel: only a native client is killed");
	else
		ASSERT_EQ(0, err);
	for (native = err == -ENOTSUP; native < 2; native++) {
		struct client c = {
			.native = !native, .depth = 1, .direction = 1,
			.fd = native ? self->fd : self->t.fd,
			.base = self->base + 4 * MIB,
		};

		at_lab_set(METIS_LAB_HANG_SOFT, METIS_LAB_WR_CH(HUNG));
		ASSERT_EQ(0, pthread_create(&c.thread, NULL, client_run, &c));
		fflush(stdout);
		child = fork();
		if (!child)
			hold_a_channel(native, self->base, &b);
		ASSERT_GT(child, 0);
		end = at_now() + AT_SOON;
		while (!(at_lab_get(METIS_LAB_RUNNING) & METIS_LAB_WR_CH(HUNG)) &&
		       at_now() < end)
			at_sleep_ms(1);
		before = c.done;
		kill(child, SIGKILL);
		end = at_now() + AT_SEC(20);
		while (at_lab_get(METIS_LAB_RUNNING) & METIS_LAB_WR_CH(HUNG) &&
		       at_now() < end)
			at_sleep_ms(1);
		at_msg("%u transfers beside the hung channel", c.done - before);
		EXPECT_LT(0, c.done - before);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status))
			TH_LOG("ended by itself, step %d", WEXITSTATUS(status));
		EXPECT_TRUE(goes_on(&c));
		c.stop = true;
		pthread_join(c.thread, NULL);
		EXPECT_EQ(0, c.err);
		EXPECT_EQ(0, vy_lock(self->fd, 1));
		EXPECT_EQ(0, vy_ctx_alloc(self->fd, VY_CORES));
		EXPECT_EQ(0, vy_ctx_free(self->fd));
		EXPECT_EQ(0, vy_lock(self->fd, 0));
	}
	vy_dmabuf_free(&b);
}

/* A firmware load goes on without its caller, and then the mailbox is free */
TEST_F_TIMEOUT(shared, native_killed_in_a_load, 120)
{
	struct metis_emu_job job = {
		.magic = METIS_EMU_JOB_MAGIC, .op = METIS_EMU_JOB_CRC,
		.addr = self->base, .len = 4096,
	};
	int i, status;
	pid_t child;

	for (i = 0; i < 6; i++) {
		fflush(stdout);
		child = fork();
		if (!child) {
			at_fw_run(at_open());
			_exit(0);
		}
		ASSERT_GT(child, 0);
		at_sleep_ms(15 * i);
		kill(child, SIGKILL);
		ASSERT_EQ(0, vy_lock(self->fd, 1));
		ASSERT_EQ(child, waitpid(child, &status, 0));
		ASSERT_EQ(0, vy_settle(self->fd, 0));
		EXPECT_EQ(0, vy_call(self->fd, VY_DYNMEM_LOAD, NULL));
		EXPECT_EQ(0, vy_request(self->fd, self->l2, METIS_EMU_OP_PING,
					NULL, 0, 10));
		EXPECT_EQ(0, vy_lock(self->fd, 0));
		EXPECT_EQ(0, vy_job(self->fd, self->l2, i % 4, &job));
	}
}

struct loader {
	pthread_t thread;
	int fd, err;
	volatile bool ended;
};

static void *load_run(void *arg)
{
	struct loader *l = arg;

	l->err = at_fw_run(l->fd);
	l->ended = true;
	return NULL;
}

/*
 * One conversation at a time: a native load is refused while an SDK file has the
 * mailbox, and works when the owner is dead.
 */
TEST_F_TIMEOUT(shared, native_load_and_the_lock, 60)
{
	struct loader l = { .fd = self->t.fd };
	int status, ready[2], fd;
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe(ready));
	child = fork();
	if (!child) {
		fd = at_open();
		if (fd < 0 || vy_lock(fd, 1) || write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ASSERT_GT(child, 0);
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	ASSERT_EQ(0, pthread_create(&l.thread, NULL, load_run, &l));
	at_sleep_ms(1500);
	at_msg("with the mailbox locked a native load %s",
	       l.ended ? "ended" : "waits");
	kill(child, SIGKILL);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	pthread_join(l.thread, NULL);
	EXPECT_EQ(-EBUSY, l.err);
	EXPECT_EQ(0, at_fw_run(self->t.fd));
	EXPECT_EQ(0, vy_call(self->fd, VY_DYNMEM_LOAD, NULL));
	EXPECT_EQ(0, vy_lock(self->fd, 1));
	EXPECT_EQ(0, vy_lock(self->fd, 0));
}

/* One file that speaks both: each interface has its own results */
TEST_F(shared, both_on_one_file)
{
	static uint8_t p[65536];
	struct axl_ioc_buf_register reg;
	struct axl_ioc_wait w;
	uint64_t seq;

	ASSERT_EQ(0, at_register(self->fd, p, sizeof(p), AXL_BUF_FROM_DEVICE,
				 &reg));
	struct axl_xfer x = {
		.handle = reg.handle, .direction = AXL_FROM_DEVICE,
		.device_addr = self->base, .length = sizeof(p),
		.channel = AXL_CHANNEL_ANY,
	};

	ASSERT_EQ(0, at_submit(self->fd, &x, 1, self->t.q.generation,
			       AT_SEC(20), &seq));
	EXPECT_EQ(0, vy_user_xfer(self->fd, VY_WRITE, self->base + MIB, p,
				  sizeof(p)));
	EXPECT_EQ(VY_NONE, vy_call(self->fd, VY_BUF_STATE, NULL));
	EXPECT_EQ(0, at_wait(self->fd, seq, AT_SOON, &w));
	EXPECT_EQ(0, w.status);
	EXPECT_EQ(sizeof(p), w.bytes);
	/* the SDK's transfers are not to be collected natively */
	EXPECT_EQ(-ENOENT, at_wait(self->fd, 0, 0, &w));
}

TEST_HARNESS_MAIN
