// SPDX-License-Identifier: GPL-2.0
/*
 * All channels work at once: as many processes make a thousand transfers each, and
 * every one of them is verified.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "liblab.h"

#define PROCESSES	8
#define TRANSFERS	1000
#define BATCH		25
#define SLOT		8192UL
#define ROOM		(BATCH * SLOT)
#define CANARY		0x5c

FIXTURE(parallel)
{
	struct at_ctx t;
};

FIXTURE_SETUP(parallel)
{
	AT_BEGIN(&self->t, 0);
}

FIXTURE_TEARDOWN(parallel)
{
	AT_END(&self->t);
}

static uint64_t random_next(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

/* Lengths up to a slot less its canaries, any alignment on both sides */
static void random_xfer(struct axl_xfer *x, uint64_t *rnd, unsigned int slot)
{
	uint64_t in = 16 + random_next(rnd) % 64;

	x->offset = slot * SLOT + in;
	x->length = 1 + random_next(rnd) % (SLOT - 16 - 80);
	if (random_next(rnd) % 8 == 0)
		x->length = 1 + random_next(rnd) % 16;
}

/*
 * One process: @direction on @channel (or any) in its own memory, on its own
 * file. Returns 0, or the number of the step that failed.
 */
static int worker(unsigned int id, uint32_t direction, uint32_t channel,
		  const struct axl_ioc_query *q)
{
	uint64_t base = q->l2_base + AT_L2_SCRATCH + id * AT_ALIGN(ROOM, 65536);
	uint64_t rnd = 77 + id, seed, seq, at;
	static uint8_t model[ROOM];
	struct axl_ioc_buf_register reg;
	struct axl_xfer x[BATCH];
	unsigned int batch, i;
	struct axl_ioc_wait w;
	struct at_mem mem;
	uint32_t crc;
	int fd, err;

	fd = at_open();
	if (fd < 0)
		return 1;
	if (at_mem_alloc(&mem, id % 2 ? AT_SCATTERED : AT_PLAIN, ROOM))
		return 2;
	if (at_register(fd, mem.p, ROOM, direction == AXL_TO_DEVICE ?
			AXL_BUF_TO_DEVICE : AXL_BUF_FROM_DEVICE, &reg))
		return 3;

	for (batch = 0; batch < TRANSFERS / BATCH; batch++) {
		seed = (uint64_t)id << 32 | batch;
		for (i = 0; i < BATCH; i++) {
			x[i] = (struct axl_xfer){
				.handle = reg.handle, .direction = direction,
				.channel = channel,
			};
			random_xfer(&x[i], &rnd, i);
			x[i].device_addr = base + x[i].offset;
		}

		/* What the target must look like afterwards */
		memset(model, CANARY, ROOM);
		for (i = 0; i < BATCH; i++)
			at_fill(model + x[i].offset, x[i].length, seed,
				x[i].offset);
		if (direction == AXL_TO_DEVICE) {
			at_fill(mem.p, ROOM, seed, 0);
			if (at_dev_fill(base, CANARY, ROOM))
				return 4;
		} else {
			/* The device's side was filled when this began */
			seed = (uint64_t)id << 32;
			memset(model, CANARY, ROOM);
			for (i = 0; i < BATCH; i++)
				at_fill(model + x[i].offset, x[i].length, seed,
					x[i].offset);
			memset(mem.p, CANARY, ROOM);
		}

		/* Some in one submission, the others alone, some overlapping */
		if (batch % 2) {
			err = at_run(fd, x, BATCH);
			if (err) {
				at_msg("process %u: %s", id, strerror(-err));
				return 5;
			}
		} else {
			uint64_t first = 0;

			for (i = 0; i < BATCH; i++) {
				err = at_submit(fd, &x[i], 1, q->generation, 0,
						&seq);
				if (err == -EBUSY) {
					if (at_wait(fd, first++, AT_SEC(30),
						    &w) || w.status)
						return 6;
					i--;
					continue;
				}
				if (err)
					return 7;
				if (!first)
					first = seq;
			}
			for (; first <= seq; first++) {
				if (at_wait(fd, first, AT_SEC(30), &w) ||
				    w.status)
					return 8;
			}
		}

		if (direction == AXL_TO_DEVICE) {
			if (at_dev_crc(base, ROOM, &crc))
				return 9;
			if (crc != at_crc32(0, model, ROOM))
				return 10;
		} else if (memcmp(mem.p, model, ROOM)) {
			for (at = 0; at < ROOM; at++)
				if (mem.p[at] != model[at])
					break;
			at_msg("process %u, batch %u: byte %llu differs", id,
			       batch, (unsigned long long)at);
			return 11;
		}
	}
	close(fd);
	return 0;
}

/* Fills the rooms of the processes that will read the device */
static int prepare(int fd, const struct axl_ioc_query *q, unsigned int id)
{
	uint64_t base = q->l2_base + AT_L2_SCRATCH + id * AT_ALIGN(ROOM, 65536);
	struct axl_ioc_buf_register reg;
	struct at_mem mem;
	uint32_t crc;
	int err;

	if (at_mem_alloc(&mem, AT_PLAIN, ROOM))
		return -ENOMEM;
	at_fill(mem.p, ROOM, (uint64_t)id << 32, 0);
	err = at_register(fd, mem.p, ROOM, AXL_BUF_TO_DEVICE, &reg);
	if (!err)
		err = at_move(fd, reg.handle, AXL_TO_DEVICE, 0, base, ROOM);
	if (!err)
		err = at_dev_crc(base, ROOM, &crc);
	if (!err && crc != at_crc32(0, mem.p, ROOM))
		err = -EIO;
	at_release(fd, reg.handle);
	at_mem_free(&mem);
	return err;
}

static void run_all(struct __test_metadata *_metadata, struct at_ctx *t,
		    bool pinned)
{
	uint32_t rd = at_lab_get(METIS_LAB_DONE_RD);
	uint32_t wr = at_lab_get(METIS_LAB_DONE_WR);
	uint64_t events[12], after[12];
	struct axl_ioc_event_counts c = {
		.counts = (uintptr_t)events, .nr = 12,
	};
	pid_t pids[PROCESSES];
	unsigned int i;
	int status;

	for (i = PROCESSES / 2; i < PROCESSES; i++)
		ASSERT_EQ(0, prepare(t->fd, &t->q, i));
	ASSERT_EQ(0, at_ioctl(t->fd, AXL_IOC_EVENT_COUNTS, &c));
	for (i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (!pids[i])
			_exit(worker(i, i < PROCESSES / 2 ? AXL_TO_DEVICE :
				     AXL_FROM_DEVICE,
				     pinned ? i % 4 : AXL_CHANNEL_ANY, &t->q));
		ASSERT_GT(pids[i], 0);
	}
	for (i = 0; i < PROCESSES; i++) {
		ASSERT_EQ(pids[i], waitpid(pids[i], &status, 0));
		EXPECT_EQ(0, status)
			TH_LOG("process %u: step %d", i, WEXITSTATUS(status));
	}

	/* The engine did that much work, on every channel */
	EXPECT_GE(at_lab_get(METIS_LAB_DONE_RD) - rd, 4 * TRANSFERS / BATCH);
	EXPECT_GE(at_lab_get(METIS_LAB_DONE_WR) - wr, 4 * TRANSFERS / BATCH);
	c.counts = (uintptr_t)after;
	ASSERT_EQ(0, at_ioctl(t->fd, AXL_IOC_EVENT_COUNTS, &c));
	for (i = 4; pinned && i < 12; i++)
		EXPECT_GT(after[i], events[i])
			TH_LOG("event %u: the channel did nothing", i);
}

TEST_F_TIMEOUT(parallel, a_channel_each, 120)
{
	run_all(_metadata, &self->t, true);
}

TEST_F_TIMEOUT(parallel, any_channel, 120)
{
	run_all(_metadata, &self->t, false);
}

/* Seen by the lab: eight channels that run in the same moment */
TEST_F(parallel, all_running)
{
	uint64_t base = at_scratch_l2(&self->t.q), seq;
	struct axl_ioc_buf_register reg;
	struct axl_xfer x[8];
	struct axl_ioc_wait w;
	struct at_mem mem;
	unsigned int i;
	uint64_t end;

	ASSERT_EQ(0, at_mem_alloc(&mem, AT_PLAIN, 8 * 65536));
	ASSERT_EQ(0, at_register(self->t.fd, mem.p, mem.size,
				 AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE,
				 &reg));
	for (i = 0; i < 8; i++)
		x[i] = (struct axl_xfer){
			.handle = reg.handle, .direction = i / 4,
			.offset = i * 65536, .length = 65536,
			.device_addr = base + i * 65536,
			.channel = AXL_CHANNEL_ANY,
		};
	at_lab_set(METIS_LAB_FREEZE, 1);
	ASSERT_EQ(0, at_submit(self->t.fd, x, 8, self->t.q.generation,
			       AT_SEC(30), &seq));
	end = at_now() + AT_SEC(5);
	while (at_lab_get(METIS_LAB_RUNNING) != 0xff && at_now() < end)
		at_sleep_ms(1);
	EXPECT_EQ(0xff, at_lab_get(METIS_LAB_RUNNING));
	EXPECT_EQ(-ETIMEDOUT, at_wait(self->t.fd, seq, AT_MSEC(20), &w));
	at_lab_set(METIS_LAB_FREEZE, 0);
	EXPECT_EQ(0, at_wait(self->t.fd, seq, AT_SOON, &w));
	EXPECT_EQ(0, w.status);
	EXPECT_EQ(8 * 65536, w.bytes);
	at_mem_free(&mem);
}

TEST_HARNESS_MAIN
