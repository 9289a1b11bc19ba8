// SPDX-License-Identifier: GPL-2.0
/*
 * Transfers of dma-bufs by the Voyager SDK's calls, synchronous and asynchronous: each
 * byte, the states that a caller sees, refused arguments, files closed and threads at
 * work on one file while the engine runs.
 *
 * Taken, where the description is silent: what a second transfer of the same dma-buf
 * meets while an asynchronous one is under way is -EBUSY, or it runs. After a wait the
 * state stays what it became, or is "none".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "voyager_dmabuf.h"

#define SPONGE		(24 * MIB)	/* takes up what was freed */

static void fill_buf(const struct vy_dmabuf *b, uint64_t seed)
{
	vy_dmabuf_begin(b);
	at_fill(b->p, b->size, seed, 0);
	vy_dmabuf_end(b);
}

TEST_F(dmabuf, sync_both_ways)
{
	size_t n = self->b.size - 5;
	int ch;

	ASSERT_EQ(0, vy_buf_attach(self->fd, self->b.fd));
	for (ch = VY_CHANNEL_ANY; ch < 4; ch++) {
		fill_buf(&self->b, ch + 20);
		ASSERT_EQ(0, vy_buf_xfer(self->fd, VY_WRITE | VY_SYNC,
					 self->base, 5, n, ch));
		EXPECT_EQ(0, at_dev_differs(self->base, self->b.p + 5, n));
		vy_dmabuf_begin(&self->b);
		memset(self->b.p, 0, self->b.size);
		vy_dmabuf_end(&self->b);
		ASSERT_EQ(0, vy_buf_xfer(self->fd, VY_READ | VY_SYNC,
					 self->base, 3, n, ch));
		vy_dmabuf_begin(&self->b);
		EXPECT_EQ(-1, at_check(self->b.p + 3, n, ch + 20, 5));
		EXPECT_EQ(0, self->b.p[2]);
		EXPECT_EQ(0, self->b.p[3 + n]);
		vy_dmabuf_end(&self->b);
	}
	EXPECT_EQ(0, vy_call(self->fd, VY_BUF_DETACH, NULL));
	EXPECT_REFUSED(vy_buf_xfer(self->fd, VY_READ | VY_SYNC, self->base, 0,
				   64, VY_CHANNEL_ANY));
}

TEST_F(dmabuf, attach_and_detach)
{
	int i, pipes[2], err;

	ASSERT_EQ(0, pipe(pipes));
	EXPECT_EQ(-EBADF, vy_buf_attach(self->fd, -1));
	EXPECT_EQ(-EBADF, vy_buf_attach(self->fd, 9999));
	/* files that are no dma-bufs */
	EXPECT_EQ(-EINVAL, vy_buf_attach(self->fd, pipes[0]));
	EXPECT_EQ(-EINVAL, vy_buf_attach(self->fd, self->fd));
	EXPECT_REFUSED(vy_buf_xfer(self->fd, VY_READ | VY_SYNC, self->base, 0,
				   64, VY_CHANNEL_ANY));
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, vy_buf_attach(self->fd, self->b.fd));
		EXPECT_EQ(0, vy_buf_xfer(self->fd, VY_WRITE | VY_SYNC,
					 self->base, 0, 4096, VY_CHANNEL_ANY));
		EXPECT_EQ(0, vy_call(self->fd, VY_BUF_DETACH, NULL));
	}
	/* Taken: a second one is refused, or takes the first one's place */
	ASSERT_EQ(0, vy_buf_attach(self->fd, self->b.fd));
	for (i = 0; i < 5; i++) {
		err = vy_buf_attach(self->fd, self->b.fd);
		EXPECT_TRUE(!err || vy_refusal(err))
			TH_LOG("%d", err);
	}
	/* A bad one is refused in any case and changes nothing */
	EXPECT_REFUSED(vy_buf_attach(self->fd, -1));
	EXPECT_EQ(0, vy_buf_xfer(self->fd, VY_WRITE | VY_SYNC, self->base, 0,
				 4096, VY_CHANNEL_ANY));
	/* Another file has not got it */
	EXPECT_REFUSED(vy_buf_xfer(self->t.fd, VY_READ | VY_SYNC, self->base, 0,
				   64, VY_CHANNEL_ANY));
	ASSERT_EQ(0, vy_buf_attach(self->t.fd, self->b.fd));
	EXPECT_EQ(0, vy_buf_xfer(self->t.fd, VY_READ | VY_SYNC, self->base, 0,
				 64, VY_CHANNEL_ANY));
	/* Closing gives it back */
	close(pipes[0]);
	close(pipes[1]);
}

TEST_F_TIMEOUT(dmabuf, attach_leaks_nothing, 60)
{
	struct at_leak leak;
	struct vy_dmabuf b;
	const char *grew;
	int i, fd;

	for (i = 0; i < 50; i++) {
		if (i == 10)
			at_leak_mark(&leak);
		fd = at_open();
		ASSERT_GE(fd, 0);
		ASSERT_EQ(0, vy_dmabuf_make(&b, MIB));
		ASSERT_EQ(0, vy_buf_attach(fd, b.fd));
		vy_buf_attach(fd, b.fd);
		if (i % 3 == 0)
			EXPECT_EQ(0, vy_call(fd, VY_BUF_DETACH, NULL));
		/* the dma-buf goes first, or the file does */
		if (i % 2)
			close(fd);
		vy_dmabuf_free(&b);
		if (!(i % 2))
			close(fd);
	}
	grew = at_leak_check(&leak);
	EXPECT_EQ(NULL, grew)
		TH_LOG("in 40 rounds: %s", grew);
}

TEST_F(dmabuf, flags)
{
	static const uint32_t bad[] = {
		0, VY_READ, VY_WRITE, VY_SYNC, VY_ASYNC, VY_READ | VY_WRITE |
		VY_SYNC, VY_READ | VY_SYNC | VY_ASYNC, VY_WRITE | VY_SYNC |
		VY_ASYNC, VY_SYNC | VY_ASYNC, VY_READ | VY_SYNC | 16,
		VY_WRITE | VY_ASYNC | 0x100, VY_READ | VY_SYNC | VY_P2P,
		VY_WRITE | VY_ASYNC | VY_P2P, ~0U, 15,
	};
	uint32_t before;
	size_t i;

	ASSERT_EQ(0, vy_buf_attach(self->fd, self->b.fd));
	before = at_doorbells_both();
	for (i = 0; i < at_array_size(bad); i++)
		EXPECT_EQ(-EINVAL, vy_buf_xfer(self->fd, bad[i], self->base, 0,
					       4096, VY_CHANNEL_ANY))
			TH_LOG("flags %#x", bad[i]);
	EXPECT_EQ(before, at_doorbells_both());
	EXPECT_EQ(VY_NONE, vy_call(self->fd, VY_BUF_STATE, NULL));
	EXPECT_EQ(0, vy_polled(self->fd, 0));
}

TEST_F(dmabuf, ranges)
{
	uint64_t end = self->t.q.l2_base + self->t.q.l2_size;
	size_t size = self->b.size, i;
	uint64_t list, list_size;
	uint32_t before;

	ASSERT_EQ(0, at_list_buffer(&self->t, &list, &list_size));
	ASSERT_EQ(0, vy_buf_attach(self->fd, self->b.fd));
	before = at_doorbells_both();
	const struct {
		uint64_t dev;
		size_t n;
		uint32_t offset;
		int channel;
	} bad[] = {
		{ self->base, 0, 0, -1 },
		{ self->base, size + 1, 0, -1 },
		{ self->base, size, 1, -1 },
		{ self->base, 1, size, -1 },
		{ self->base, 1, ~0U, -1 },
		{ self->base, ~0UL, 1, -1 },
		{ self->base, ~0UL - size + 2, size - 1, -1 },
		{ self->base, 64, 0, -2 },
		{ self->base, 64, 0, 4 },
		{ self->base, 64, 0, INT_MAX },
		{ self->base, 64, 0, INT_MIN },
		{ 0, 64, 0, -1 },
		{ end - 63, 64, 0, -1 },
		{ ~0ULL - 31, 64, 0, -1 },
		{ list, 64, 0, -1 },
	};

	for (i = 0; i < at_array_size(bad); i++) {
		EXPECT_REFUSED(vy_buf_xfer(self->fd, VY_READ | VY_SYNC,
					   bad[i].dev, bad[i].offset, bad[i].n,
					   bad[i].channel));
		EXPECT_REFUSED(vy_buf_xfer(self->fd, VY_WRITE | VY_ASYNC,
					   bad[i].dev, bad[i].offset, bad[i].n,
					   bad[i].channel));
	}
	EXPECT_EQ(before, at_doorbells_both());
	EXPECT_EQ(VY_NONE, vy_call(self->fd, VY_BUF_STATE, NULL));
	/* The unused field */
	struct vy_buf_xfer x = {
		.dev_addr = self->base, .size = 64, .handle = -77,
		.flags = VY_WRITE | VY_SYNC, .channel = VY_CHANNEL_ANY,
	};

	EXPECT_EQ(0, vy_call(self->fd, VY_BUF_XFER, &x));
}

TEST_F(dmabuf, async_states)
{
	int state;

	ASSERT_EQ(0, vy_buf_attach(self->fd, self->b.fd));
	EXPECT_EQ(VY_NONE, vy_call(self->fd, VY_BUF_STATE, NULL));
	fill_buf(&self->b, 50);
	at_lab_set(METIS_LAB_FREEZE, 1);
	ASSERT_EQ(0, vy_buf_xfer(self->fd, VY_WRITE | VY_ASYNC, self->base, 0,
				 self->b.size, VY_CHANNEL_ANY));
	EXPECT_EQ(VY_PENDING, vy_call(self->fd, VY_BUF_STATE, NULL));
	EXPECT_EQ(0, vy_polled(self->fd, 0));
	/* While it runs the buffer stays */
	EXPECT_EQ(-EBUSY, vy_call(self->fd, VY_BUF_DETACH, NULL));
	EXPECT_REFUSED(vy_buf_attach(self->fd, self->b.fd));
	at_lab_set(METIS_LAB_FREEZE, 0);
	EXPECT_EQ(POLLIN, vy_polled(self->fd, 10000) & POLLIN);
	EXPECT_EQ(VY_DONE, vy_call(self->fd, VY_BUF_STATE, NULL));
	EXPECT_EQ(1, vy_consume(self->fd));
	EXPECT_EQ(0, vy_consume(self->fd));
	EXPECT_EQ(0, vy_polled(self->fd, 0));
	EXPECT_EQ(0, at_dev_differs(self->base, self->b.p, self->b.size));
	/* A wait after the end returns at once */
	EXPECT_EQ(0, vy_buf_wait(self->fd));
	state = vy_call(self->fd, VY_BUF_STATE, NULL);
	EXPECT_TRUE(state == VY_DONE || state == VY_NONE)
		TH_LOG("state %d", state);
	EXPECT_EQ(0, vy_call(self->fd, VY_BUF_DETACH, NULL));
}

TEST_F(dmabuf, async_wait)
{
	struct vy_buf_xfer x = { .channel = VY_CHANNEL_ANY };
	int i;

	ASSERT_EQ(0, vy_buf_attach(self->fd, self->b.fd));
	at_lab_set(METIS_LAB_STEP_BYTES, 16384);
	at_lab_set(METIS_LAB_STEP_NS, 1000000);
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, at_dev_fill(self->base, i + 1, self->b.size));
		ASSERT_EQ(0, vy_buf_xfer(self->fd, VY_READ | VY_ASYNC,
					 self->base, 0, self->b.size, i % 4));
		ASSERT_EQ(0, vy_buf_wait(self->fd));
		vy_dmabuf_begin(&self->b);
		EXPECT_EQ(-1, at_check_byte(self->b.p, self->b.size, i + 1));
		vy_dmabuf_end(&self->b);
	}
	/* flags has SYNC, says the description */
	x.flags = 0;
	EXPECT_LE(vy_call(self->fd, VY_BUF_WAIT, &x), 0);
	while (vy_consume(self->fd) == 1)
		;
	EXPECT_EQ(0, vy_call(self->fd, VY_BUF_DETACH, NULL));
}

TEST_F_TIMEOUT(dmabuf, async_failed, 60)
{
	struct vy_dma_stats before, after;

	ASSERT_EQ(0, vy_buf_attach(self->fd, self->b.fd));
	ASSERT_EQ(0, vy_call(self->fd, VY_DMA_STATS, &before));
	at_lab_set(METIS_LAB_ABORT_NEXT, METIS_LAB_WR_CH(1));
	ASSERT_EQ(0, vy_buf_xfer(self->fd, VY_READ | VY_ASYNC, self->base, 0,
				 65536, 1));
	EXPECT_EQ(POLLIN, vy_polled(self->fd, 10000) & POLLIN);
	EXPECT_EQ(VY_FAILED, vy_call(self->fd, VY_BUF_STATE, NULL));
	EXPECT_EQ(-EIO, vy_buf_wait(self->fd));
	ASSERT_EQ(0, vy_call(self->fd, VY_DMA_STATS, &after));
	EXPECT_EQ(1, after.rd[1].errors - before.rd[1].errors);
	while (vy_consume(self->fd) == 1)
		;
	at_lab_set(METIS_LAB_UNDO, 1);
	/* A new one wipes the slate */
	ASSERT_EQ(0, vy_buf_xfer(self->fd, VY_READ | VY_ASYNC, self->base, 0,
				 65536, 1));
	EXPECT_EQ(0, vy_buf_wait(self->fd));
	EXPECT_EQ(0, vy_call(self->fd, VY_BUF_DETACH, NULL));
}

TEST_F_TIMEOUT(dmabuf, async_timed_out, 60)
{
	uint8_t *p;

	ASSERT_EQ(0, vy_buf_attach(self->fd, self->b.fd));
	at_lab_set(METIS_LAB_HANG_SOFT, 0xff);
	ASSERT_EQ(0, vy_buf_xfer(self->fd, VY_READ | VY_ASYNC, self->base, 0,
				 self->b.size, 2));
	EXPECT_EQ(-ETIMEDOUT, vy_buf_wait(self->fd));
	EXPECT_EQ(VY_TIMED_OUT, vy_call(self->fd, VY_BUF_STATE, NULL));
	EXPECT_EQ(POLLIN, vy_polled(self->fd, 1000) & POLLIN);
	while (vy_consume(self->fd) == 1)
		;
	/* Nothing runs any more: the buffer can go, and the memory with it */
	EXPECT_EQ(0, vy_call(self->fd, VY_BUF_DETACH, NULL));
	vy_dmabuf_free(&self->b);
	p = at_sponge(SPONGE);
	ASSERT_NE(NULL, p);
	at_lab_set(METIS_LAB_UNDO, 1);
	at_sleep_ms(20);
	EXPECT_TRUE(at_engine_rests(AT_SOON));
	EXPECT_EQ(-1, at_check_byte(p, SPONGE, AT_CANARY));
	munmap(p, SPONGE);
}

/* It is over for the caller; the memory stays the engine's until it is */
TEST_F_TIMEOUT(dmabuf, closed_in_flight, 60)
{
	uint8_t *p;
	int i, fd;

	for (i = 0; i < 6; i++) {
		at_lab_set(METIS_LAB_FREEZE, i % 2);
		at_lab_set(METIS_LAB_STEP_BYTES, 4096);
		at_lab_set(METIS_LAB_STEP_NS, 200000);
		if (self->b.fd < 0)
			ASSERT_EQ(0, vy_dmabuf_make(&self->b, 2 * MIB));
		fd = at_open();
		ASSERT_GE(fd, 0);
		ASSERT_EQ(0, vy_buf_attach(fd, self->b.fd));
		ASSERT_EQ(0, vy_buf_xfer(fd, VY_READ | VY_ASYNC, self->base, 0,
					 self->b.size, i % 4));
		if (i % 3)
			vy_dmabuf_free(&self->b);
		close(fd);
		vy_dmabuf_free(&self->b);
		p = at_sponge(SPONGE);
		ASSERT_NE(NULL, p);
		at_lab_set(METIS_LAB_FREEZE, 0);
		EXPECT_TRUE(at_engine_rests(AT_SOON));
		EXPECT_EQ(-1, at_check_byte(p, SPONGE, AT_CANARY));
		munmap(p, SPONGE);
	}
}

struct buf_user {
	pthread_t thread;
	int fd, dmabuf, err;
	uint64_t base;
	uint32_t offset;
	volatile bool stop;
	unsigned int done, busy;
};

static void *use_buf(void *arg)
{
	struct buf_user *u = arg;
	int err;

	while (!u->stop && !u->err) {
		err = vy_buf_xfer(u->fd, VY_WRITE | (u->done % 4 ? VY_SYNC :
						    VY_ASYNC),
				  u->base, u->offset, 65536, VY_CHANNEL_ANY);
		if (!err)
			u->done++;
		else if (err == -EBUSY)
			u->busy++;
		else if (!vy_refusal(err))
			u->err = err;
		if (u->done % 4 == 1)
			vy_buf_wait(u->fd);
	}
	return NULL;
}

/* Transfers, waits, states, attaching and detaching on one file all at once */
TEST_F_TIMEOUT(dmabuf, threads_on_one_file, 60)
{
	uint64_t end = at_now() + AT_SEC(4);
	struct buf_user u[4];
	unsigned int done = 0;
	int i, err, state;

	ASSERT_EQ(0, vy_buf_attach(self->fd, self->b.fd));
	for (i = 0; i < 4; i++) {
		u[i] = (struct buf_user){
			.fd = self->fd, .dmabuf = self->b.fd,
			.base = self->base + i * 65536, .offset = i * 65536,
		};
		ASSERT_EQ(0, pthread_create(&u[i].thread, NULL, use_buf, &u[i]));
	}
	while (at_now() < end) {
		state = vy_call(self->fd, VY_BUF_STATE, NULL);
		EXPECT_TRUE(state >= VY_NONE && state <= VY_PENDING);
		err = vy_call(self->fd, VY_BUF_DETACH, NULL);
		EXPECT_TRUE(!err || vy_refusal(err))
			TH_LOG("%d", err);
		err = vy_buf_attach(self->fd, self->b.fd);
		EXPECT_TRUE(!err || vy_refusal(err))
			TH_LOG("%d", err);
		at_sleep_ms(2);
	}
	for (i = 0; i < 4; i++) {
		u[i].stop = true;
		pthread_join(u[i].thread, NULL);
		EXPECT_EQ(0, u[i].err);
		done += u[i].done;
	}
	at_msg("%u transfers", done);
	EXPECT_LT(10, done);
	vy_buf_wait(self->fd);
	EXPECT_EQ(0, vy_call(self->fd, VY_BUF_DETACH, NULL));
}

/* Put into epoll before the file has chosen an interface */
TEST_F(dmabuf, epoll_before_the_first_call)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = epoll_create1(0), i;

	ASSERT_GE(ep, 0);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->fd, &ev));
	ASSERT_EQ(0, vy_buf_attach(self->fd, self->b.fd));
	for (i = 0; i < 3; i++) {
		at_lab_set(METIS_LAB_FREEZE, 1);
		ASSERT_EQ(0, vy_buf_xfer(self->fd, VY_WRITE | VY_ASYNC,
					 self->base, 0, 65536, VY_CHANNEL_ANY));
		EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 50));
		at_lab_set(METIS_LAB_FREEZE, 0);
		EXPECT_EQ(1, epoll_wait(ep, &ev, 1, 10000));
		EXPECT_EQ(EPOLLIN, ev.events & (EPOLLIN | EPOLLERR | EPOLLHUP));
		EXPECT_EQ(VY_DONE, vy_call(self->fd, VY_BUF_STATE, NULL));
		EXPECT_EQ(1, vy_consume(self->fd));
		EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	}
	close(ep);
}

TEST_F(dmabuf, statistics)
{
	struct vy_dma_stats before, after;
	int ch, dir;

	ASSERT_EQ(0, vy_buf_attach(self->fd, self->b.fd));
	for (dir = 0; dir < 2; dir++) {
		for (ch = 0; ch < 4; ch++) {
			size_t n = 100000 + 1000 * ch + dir;
			struct vy_channel_stats *a, *b;

			memset(&before, 0xaa, sizeof(before));
			memset(&after, 0x55, sizeof(after));
			ASSERT_EQ(0, vy_call(self->fd, VY_DMA_STATS, &before));
			ASSERT_EQ(0, vy_buf_xfer(self->fd, VY_SYNC |
						 (dir ? VY_WRITE : VY_READ),
						 self->base, 0, n, ch));
			ASSERT_EQ(0, vy_call(self->fd, VY_DMA_STATS, &after));
			b = dir ? &before.wr[ch] : &before.rd[ch];
			a = dir ? &after.wr[ch] : &after.rd[ch];
			EXPECT_EQ(1, a->transfers - b->transfers)
				TH_LOG("direction %d, channel %d", dir, ch);
			EXPECT_EQ(0, a->errors - b->errors);
			EXPECT_EQ(n, a->bytes - b->bytes);
			EXPECT_EQ(n, a->last_size);
			EXPECT_EQ(0, a->active);
			EXPECT_LE(1, a->max_segments);
			EXPECT_LE(a->last_us, a->longest_us);
			EXPECT_LT(a->longest_us, 60000000);
		}
	}
	/* the holes of the structure tell nothing of the kernel */
	EXPECT_EQ(0, *((uint32_t *)&after.rd[0] + 3));
	EXPECT_EQ(0, *((uint32_t *)&after.rd[0] + 7));
	EXPECT_EQ(0, *((uint32_t *)&after.wr[3] + 15));
	/* one that runs */
	at_lab_set(METIS_LAB_FREEZE, 1);
	ASSERT_EQ(0, vy_buf_xfer(self->fd, VY_WRITE | VY_ASYNC, self->base, 0,
				 4096, 2));
	ASSERT_EQ(0, vy_call(self->t.fd, VY_DMA_STATS, &after));
	EXPECT_NE(0, after.wr[2].active);
	EXPECT_EQ(0, after.rd[2].active);
	at_lab_set(METIS_LAB_FREEZE, 0);
	EXPECT_EQ(0, vy_buf_wait(self->fd));
}

TEST_HARNESS_MAIN
