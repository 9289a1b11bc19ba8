// SPDX-License-Identifier: GPL-2.0
/*
 * Transfers of user memory by the Voyager SDK's ioctl 10 that do not end as usual: the
 * card restarts, hangs, refuses, loses its link, dies or is removed, the caller gets a
 * signal or is killed. No call reports success for what was not moved, none hangs, and
 * the engine never writes into memory that was given back.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "voyager_dma.h"

#define SPONGE		(24 * MIB)	/* takes up what was freed */

/* ---- a restart between pieces of a long transfer ---- */

/* Restarts the card before a page of the memory is there */
struct trap {
	pthread_t thread;
	struct at_ctx *t;
	struct at_trap mem;
	uint64_t generation;
	int err;
	volatile bool over;
};

static void *trap_wait(void *arg)
{
	struct trap *t = arg;
	int err;

	do {
		err = at_trap_wait(&t->mem, 100);
	} while (err == -ETIMEDOUT && !t->over);
	if (err) {
		t->err = -ECANCELED;
		return NULL;
	}
	at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_RUNTIME);
	t->err = vy_settle(t->t->fd, t->generation);
	err = at_trap_open(&t->mem);
	if (err)
		t->err = err;
	return NULL;
}

static void restart_while_pinning(struct __test_metadata *_metadata,
				  FIXTURE_DATA(dma) *self, size_t offset,
				  int expected)
{
	struct trap t = { .t = &self->t };
	int err;

	if (self->t.q.fw_state != AXL_FW_RUNNING)
		ASSERT_EQ(0, at_fw_run(self->fd));
	t.generation = at_generation(self->fd);
	err = at_trap_set(&t.mem, 8 * MIB, offset);
	if (err == -ENOSYS || err == -EPERM)
		SKIP(return, "no userfaultfd (%d)", err);
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, pthread_create(&t.thread, NULL, trap_wait, &t));
	err = vy_user_xfer(self->fd, VY_WRITE, self->base, t.mem.p,
			   t.mem.n);
	t.over = true;
	pthread_join(t.thread, NULL);
	/* 6.1 cannot wait for a page that it is to pin */
	if (err == -EFAULT && t.err == -ECANCELED)
		SKIP(goto out, "no call waits for that page here");
	EXPECT_EQ(expected, err);
	EXPECT_EQ(0, t.err);
	/* one that comes now is for the firmware that runs now */
	if (err)
		EXPECT_EQ(0, vy_user_xfer(self->fd, VY_WRITE, self->base,
					  t.mem.p, t.mem.n));
	EXPECT_EQ(0, at_dev_differs(self->base, t.mem.p, t.mem.n));
out:
	at_trap_free(&t.mem);
}

/* Nothing has been moved yet: all of it is for the next firmware */
TEST_F_TIMEOUT(dma, restart_before_the_first_piece, 60)
{
	restart_while_pinning(_metadata, self, 2 * MIB, 0);
}

/* What has been moved is gone, so the rest must not count as the whole */
TEST_F_TIMEOUT(dma, restart_between_pieces, 60)
{
	restart_while_pinning(_metadata, self, 6 * MIB, -ESTALE);
}

/* ---- time runs out ---- */

struct one_shot {
	pthread_t thread;
	int fd, err;
	uint32_t flags;
	uint64_t dev;
	void *p;
	size_t n;
	uint64_t took;
	volatile bool ended;
};

static void *shoot(void *arg)
{
	struct one_shot *o = arg;
	uint64_t start = at_now();

	o->err = vy_user_xfer(o->fd, o->flags, o->dev, o->p, o->n);
	o->took = at_now() - start;
	o->ended = true;
	return NULL;
}

static void shot_start(struct one_shot *o)
{
	o->ended = false;
	pthread_create(&o->thread, NULL, shoot, o);
}

/* In the vendor's driver the engine goes on writing into what was unmapped */
static void timed_out(struct __test_metadata *_metadata, int fd, uint64_t base,
		      uint32_t flags, enum metis_lab_reg how, uint32_t mask)
{
	struct at_mem m;
	uint8_t *p, *q;
	uint64_t start;
	int err;

	ASSERT_EQ(0, at_mem_alloc(&m, AT_SCATTERED, MIB));
	at_lab_set(how, mask);
	start = at_now();
	err = vy_user_xfer(fd, flags, base, m.p, m.size);
	/* Taken: a card that had to be reset may be the reason that is told */
	EXPECT_TRUE(err == -ETIMEDOUT ||
		    (how == METIS_LAB_HANG_HARD && err == -ESTALE))
		TH_LOG("%d", err);
	/* dma_timeout is two seconds */
	EXPECT_GE(at_now() - start, AT_MSEC(1500));
	EXPECT_LT(at_now() - start, AT_SEC(20));
	at_mem_free(&m);
	p = at_sponge(SPONGE);
	ASSERT_NE(NULL, p);
	at_lab_set(METIS_LAB_UNDO, 1);
	at_sleep_ms(20);
	EXPECT_TRUE(at_engine_rests(AT_SOON));
	q = at_sponge(SPONGE);
	ASSERT_NE(NULL, q);
	EXPECT_EQ(-1, at_check_byte(p, SPONGE, AT_CANARY));
	EXPECT_EQ(-1, at_check_byte(q, SPONGE, AT_CANARY));
	munmap(p, SPONGE);
	munmap(q, SPONGE);
}

TEST_F_TIMEOUT(dma, time_is_up_read, 60)
{
	ASSERT_EQ(0, at_dev_fill(self->base, 0x77, MIB));
	timed_out(_metadata, self->fd, self->base, VY_READ, METIS_LAB_FREEZE, 1);
	timed_out(_metadata, self->fd, self->base, VY_READ, METIS_LAB_HANG_SOFT,
		  0xff);
}

TEST_F_TIMEOUT(dma, time_is_up_write, 60)
{
	timed_out(_metadata, self->fd, self->base, VY_WRITE, METIS_LAB_FREEZE, 1);
}

/* Channels that obey no stop: only a reset of the card helps */
TEST_F_TIMEOUT(dma, time_is_up_hard, 60)
{
	timed_out(_metadata, self->fd, self->base, VY_READ, METIS_LAB_HANG_HARD,
		  0xff);
}

/* ---- the card refuses, the link goes ---- */

TEST_F(dma, aborts)
{
	struct vy_dma_stats before, after;
	static uint8_t p[65536];
	int i, errors = 0;

	ASSERT_EQ(0, vy_call(self->fd, VY_DMA_STATS, &before));
	at_lab_set(METIS_LAB_ABORT_NEXT, 0xff);
	i = vy_user_xfer(self->fd, VY_READ, self->base, p, sizeof(p));
	EXPECT_EQ(-EIO, i);
	at_lab_set(METIS_LAB_UNDO, 1);
	at_lab_set(METIS_LAB_ABORT_NEXT, 0xff);
	i = vy_user_xfer(self->fd, VY_WRITE, self->base, p, sizeof(p));
	EXPECT_EQ(-EIO, i);
	at_lab_set(METIS_LAB_UNDO, 1);
	ASSERT_EQ(0, vy_call(self->fd, VY_DMA_STATS, &after));
	for (i = 0; i < 4; i++) {
		errors += after.rd[i].errors - before.rd[i].errors;
		errors += after.wr[i].errors - before.wr[i].errors;
	}
	EXPECT_EQ(2, errors);
	EXPECT_EQ(0, vy_user_xfer(self->fd, VY_WRITE, self->base, p,
				  sizeof(p)));
}

/* All ones look like "done": a transfer that did not happen is no success */
TEST_F_TIMEOUT(dma, link_lost_under_a_transfer, 60)
{
	struct one_shot o[2];
	uint64_t end;
	int i, k, err;

	for (k = 0; k < 2; k++) {
		for (i = 0; i < 2; i++) {
			o[i] = (struct one_shot){
				.fd = self->fd, .dev = self->base + i * MIB,
				.flags = i ? VY_WRITE : VY_READ, .n = MIB,
				.p = malloc(MIB),
			};
			memset(o[i].p, 0x42, MIB);
		}
		at_lab_set(METIS_LAB_FREEZE, 1);
		for (i = 0; i < 2; i++)
			shot_start(&o[i]);
		EXPECT_TRUE(at_engine_runs(AT_SOON));
		at_sleep_ms(20);
		at_lab_set(METIS_LAB_LINK_DOWN, 300);
		for (i = 0; i < 2; i++) {
			pthread_join(o[i].thread, NULL);
			EXPECT_LT(o[i].err, 0)
				TH_LOG("%s: %d after %llu ms",
				       i ? "write" : "read", o[i].err,
				       (unsigned long long)o[i].took / 1000000);
			EXPECT_LT(o[i].took, AT_SEC(20));
		}
		EXPECT_EQ(-1, at_check_byte(o[0].p, MIB, 0x42));
		at_lab_set(METIS_LAB_UNDO, 1);
		end = at_now() + AT_SEC(20);
		do {
			at_sleep_ms(20);
			err = vy_user_xfer(self->fd, VY_WRITE, self->base,
					   o[1].p, MIB);
		} while (err && at_now() < end);
		EXPECT_EQ(0, err);
		EXPECT_EQ(0, at_dev_differs(self->base, o[1].p, MIB));
		free(o[0].p);
		free(o[1].p);
	}
}

/* The link stays "active", everything reads all ones */
TEST_F_TIMEOUT(dma, card_dies, 60)
{
	struct one_shot o = {
		.fd = self->fd, .dev = self->base, .flags = VY_READ, .n = MIB,
	};
	uint64_t start, value = VY_PROP_CORES;
	struct vy_dma_stats stats;
	int err;

	o.p = malloc(MIB);
	memset(o.p, 0x42, MIB);
	at_lab_set(METIS_LAB_FREEZE, 1);
	shot_start(&o);
	EXPECT_TRUE(at_engine_runs(AT_SOON));
	at_lab_set(METIS_LAB_DIE, METIS_LAB_DIE_WEDGED);
	pthread_join(o.thread, NULL);
	EXPECT_LT(o.err, 0);
	EXPECT_LT(o.took, AT_SEC(30));
	EXPECT_EQ(-1, at_check_byte(o.p, MIB, 0x42));
	start = at_now();
	do {
		err = vy_user_xfer(self->fd, VY_WRITE, self->base, o.p, 4096);
		EXPECT_LT(err, 0);
	} while (err != -ENODEV && err != -EIO && at_now() - start < AT_SEC(30));
	EXPECT_TRUE(err == -ENODEV || err == -EIO)
		TH_LOG("%d", err);
	/* What needs no card may work, nothing hangs */
	vy_call(self->fd, VY_PROPERTY, &value);
	vy_call(self->fd, VY_DMA_STATS, &stats);
	vy_call(self->fd, VY_DYNMEM_LOAD, NULL);
	vy_lock(self->fd, 1);
	vy_lock(self->fd, 0);
	EXPECT_LT(at_now() - start, AT_SEC(40));
	EXPECT_EQ(0, vy_revive(&self->t));
	/* The old file stays one of a card that is gone */
	EXPECT_LT(vy_user_xfer(self->fd, VY_WRITE, self->base, o.p, 4096), 0);
	free(o.p);
}

/* ---- the card is taken away, the owner is killed ---- */

TEST_F_TIMEOUT(dma, removed_under_a_transfer, 60)
{
	struct one_shot o = {
		.fd = self->fd, .dev = self->base, .flags = VY_READ, .n = MIB,
	};
	uint8_t *p;
	int i;

	for (i = 0; i < 3; i++) {
		o.p = malloc(MIB);
		o.fd = at_open();
		ASSERT_GE(o.fd, 0);
		at_lab_set(METIS_LAB_FREEZE, 1);
		shot_start(&o);
		EXPECT_TRUE(at_engine_runs(AT_SOON));
		ASSERT_EQ(0, at_pci_remove(&self->t.pci));
		pthread_join(o.thread, NULL);
		EXPECT_LT(o.err, 0);
		EXPECT_EQ(-ENODEV, vy_user_xfer(o.fd, VY_READ, self->base, o.p,
						64));
		EXPECT_LT(vy_lock(o.fd, 1), 0);
		free(o.p);
		p = at_sponge(SPONGE);
		at_lab_set(METIS_LAB_UNDO, 1);
		ASSERT_EQ(0, at_pci_rescan());
		close(self->t.fd);
		self->t.fd = at_open();
		ASSERT_GE(self->t.fd, 0);
		EXPECT_EQ(-1, at_check_byte(p, SPONGE, AT_CANARY));
		munmap(p, SPONGE);
		/* the structure behind the old file is still there to be closed */
		close(o.fd);
	}
}

TEST_F_TIMEOUT(dma, killed_in_flight, 60)
{
	uint64_t start;
	int status, i, fd;
	uint8_t *p, *q;
	pid_t child;

	for (i = 0; i < 6; i++) {
		at_lab_set(METIS_LAB_FREEZE, i % 2);
		at_lab_set(METIS_LAB_STEP_BYTES, 4096);
		at_lab_set(METIS_LAB_STEP_NS, 500000);
		child = fork();
		if (!child) {
			q = malloc(2 * MIB);
			fd = at_open();
			_exit(vy_user_xfer(fd, VY_READ, self->base, q, 2 * MIB));
		}
		ASSERT_GT(child, 0);
		EXPECT_TRUE(at_engine_runs(AT_SOON));
		start = at_now();
		kill(child, SIGKILL);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_LT(at_now() - start, AT_SEC(10));
		p = at_sponge(SPONGE);
		at_lab_set(METIS_LAB_FREEZE, 0);
		EXPECT_TRUE(at_engine_rests(AT_SOON));
		EXPECT_EQ(-1, at_check_byte(p, SPONGE, AT_CANARY));
		munmap(p, SPONGE);
	}
}

/*
 * The file outlives the process, in one that shares it: what the process had under
 * way goes with the process, what it had queued at once.
 */
TEST_F_TIMEOUT(dma, killed_with_a_shared_file, 60)
{
	struct at_leak leak;
	const char *grew;
	uint64_t start;
	pid_t child[6];
	uint8_t *p;
	int i, k, n;

	/* None may be stopped for its time before it is killed */
	ASSERT_EQ(0, vy_parameter_set("dma_timeout", "40"));
	p = malloc(MIB);
	ASSERT_EQ(0, vy_user_xfer(self->fd, VY_READ, self->base, p, MIB));
	for (k = 0; k < 4; k++) {
		/* caches fill first */
		if (k == 1)
			at_leak_mark(&leak);
		at_lab_set(METIS_LAB_FREEZE, 1);
		for (i = 0; i < 6; i++) {
			child[i] = fork();
			if (!child[i])
				_exit(vy_user_xfer(self->fd, VY_READ,
						   self->base, p, MIB));
			ASSERT_GT(child[i], 0);
			/* a channel each, in this order; the last ones wait */
			for (n = 0; n < 10000 && at_engine_running() < (i < 4 ? i + 1 : 4); n++)
				at_sleep_ms(1);
			ASSERT_EQ((i < 4 ? i + 1 : 4), at_engine_running());
		}
		at_sleep_ms(100);
		for (i = 5; i >= 0; i--) {
			/* no channel for the last ones */
			if (i == 3)
				at_lab_set(METIS_LAB_FREEZE, 0);
			start = at_now();
			kill(child[i], SIGKILL);
			ASSERT_EQ(child[i], waitpid(child[i], NULL, 0));
			EXPECT_LT(at_now() - start, AT_SEC(1) * at_slow())
				TH_LOG("child %d", i);
		}
	}
	EXPECT_TRUE(at_engine_rests(AT_SOON));
	grew = at_leak_check(&leak);
	EXPECT_EQ(NULL, grew)
		TH_LOG("in three rounds: %s", grew);
	free(p);
}

/* Taken: a wait for the engine ends with a signal; if not, when it is done */
TEST_F_TIMEOUT(dma, interrupted, 60)
{
	struct one_shot o = {
		.fd = self->fd, .dev = self->base, .flags = VY_READ, .n = MIB,
	};
	uint8_t *p;

	at_catch_signal(SIGUSR1);
	o.p = mmap(NULL, MIB, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, o.p);
	at_lab_set(METIS_LAB_FREEZE, 1);
	shot_start(&o);
	EXPECT_TRUE(at_engine_runs(AT_SOON));
	pthread_kill(o.thread, SIGUSR1);
	pthread_join(o.thread, NULL);
	EXPECT_TRUE(o.err == -EINTR || o.err == -ETIMEDOUT)
		TH_LOG("%d", o.err);
	munmap(o.p, MIB);
	p = at_sponge(SPONGE);
	at_lab_set(METIS_LAB_FREEZE, 0);
	EXPECT_TRUE(at_engine_rests(AT_SOON));
	EXPECT_EQ(-1, at_check_byte(p, SPONGE, AT_CANARY));
	munmap(p, SPONGE);
}

TEST_HARNESS_MAIN
