// SPDX-License-Identifier: GPL-2.0
/*
 * What one client of the Voyager SDK's interface has alone, the mailbox lock and compute
 * contexts: no two have it at a time, a waiter gets it when its owner gives it back, is
 * killed or closes its file, and firmware that restarts does not break it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "voyager_events.h"

static bool ends_soon(volatile bool *ended)
{
	uint64_t end = at_now() + AT_SOON;

	while (!*ended && at_now() < end)
		at_sleep_ms(5);
	return *ended;
}

/* ---- the mailbox lock ---- */

struct taker {
	pthread_t thread;
	int fd, err;
	volatile bool ended;
};

static void *take_run(void *arg)
{
	struct taker *k = arg;

	k->err = vy_lock(k->fd, 1);
	k->ended = true;
	return NULL;
}

static void taker_start(struct taker *k, int fd)
{
	*k = (struct taker){ .fd = fd };
	pthread_create(&k->thread, NULL, take_run, k);
	at_sleep_ms(100);
}

TEST_F(events, lock_excludes)
{
	struct taker k;

	ASSERT_EQ(0, vy_lock(self->fd, 1));
	taker_start(&k, self->t.fd);
	EXPECT_FALSE(k.ended);
	ASSERT_EQ(0, vy_lock(self->fd, 0));
	ASSERT_TRUE(ends_soon(&k.ended));
	pthread_join(k.thread, NULL);
	EXPECT_EQ(0, k.err);
	EXPECT_EQ(0, vy_lock(self->t.fd, 0));
}

/* Neither a deadlock nor a count: a second take says no at once */
TEST_F(events, lock_second_take)
{
	uint64_t start;

	ASSERT_EQ(0, vy_lock(self->fd, 1));
	start = at_now();
	EXPECT_REFUSED(vy_lock(self->fd, 1));
	EXPECT_REFUSED(vy_lock(self->fd, 1));
	EXPECT_LT(at_now() - start, AT_SEC(2));
	ASSERT_EQ(0, vy_lock(self->fd, 0));
	/* One give was enough */
	EXPECT_EQ(0, vy_lock(self->t.fd, 1));
	EXPECT_EQ(0, vy_lock(self->t.fd, 0));
}

TEST_F(events, lock_give_by_another)
{
	struct taker k;

	EXPECT_REFUSED(vy_lock(self->fd, 0));
	ASSERT_EQ(0, vy_lock(self->fd, 1));
	EXPECT_REFUSED(vy_lock(self->t.fd, 0));
	/* which changed nothing */
	taker_start(&k, self->t.fd);
	EXPECT_FALSE(k.ended);
	ASSERT_EQ(0, vy_lock(self->fd, 0));
	ASSERT_TRUE(ends_soon(&k.ended));
	pthread_join(k.thread, NULL);
	EXPECT_EQ(0, k.err);
	EXPECT_REFUSED(vy_lock(self->fd, 0));
	EXPECT_EQ(0, vy_lock(self->t.fd, 0));
}

TEST_F(events, lock_interrupted)
{
	struct taker k;
	int i;

	at_catch_signal(SIGUSR1);
	ASSERT_EQ(0, vy_lock(self->fd, 1));
	for (i = 0; i < 3; i++) {
		taker_start(&k, self->t.fd);
		EXPECT_FALSE(k.ended);
		pthread_kill(k.thread, SIGUSR1);
		ASSERT_TRUE(ends_soon(&k.ended));
		pthread_join(k.thread, NULL);
		EXPECT_EQ(-EINTR, k.err);
	}
	/* The interrupted one owns nothing */
	EXPECT_REFUSED(vy_lock(self->t.fd, 0));
	EXPECT_EQ(0, vy_lock(self->fd, 0));
	EXPECT_EQ(0, vy_lock(self->t.fd, 1));
	EXPECT_EQ(0, vy_lock(self->t.fd, 0));
}

TEST_F(events, lock_ends_with_the_file)
{
	struct taker k;
	int fd = at_open();

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, vy_lock(fd, 1));
	taker_start(&k, self->fd);
	EXPECT_FALSE(k.ended);
	close(fd);
	ASSERT_TRUE(ends_soon(&k.ended));
	pthread_join(k.thread, NULL);
	EXPECT_EQ(0, k.err);
	EXPECT_EQ(0, vy_lock(self->fd, 0));
}

/* It is the file's, not the process': an heir can give it back */
TEST_F(events, lock_belongs_to_the_file)
{
	int status, fd = dup(self->fd);
	pid_t child;

	ASSERT_EQ(0, vy_lock(self->fd, 1));
	child = fork();
	if (!child)
		_exit(vy_lock(self->fd, 0) ? 1 : 0);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_EQ(0, vy_lock(self->t.fd, 1));
	ASSERT_EQ(0, vy_lock(self->t.fd, 0));
	/* and a child's end, or that of one descriptor, does not */
	ASSERT_EQ(0, vy_lock(self->fd, 1));
	child = fork();
	if (!child)
		_exit(0);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	close(fd);
	EXPECT_EQ(0, vy_lock(self->fd, 0));
}

/* As a mutex would have it: taken by one thread, given by another */
static void *give_run(void *arg)
{
	struct taker *k = arg;

	k->err = vy_lock(k->fd, 0);
	return NULL;
}

TEST_F(events, lock_given_by_another_thread)
{
	struct taker k = { .fd = self->fd, .err = 1 };
	pthread_t thread;

	ASSERT_EQ(0, vy_lock(self->fd, 1));
	ASSERT_EQ(0, pthread_create(&thread, NULL, give_run, &k));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, k.err);
	EXPECT_EQ(0, vy_lock(self->fd, 1));
	EXPECT_EQ(0, vy_lock(self->fd, 0));
}

TEST_F_TIMEOUT(events, lock_owner_killed, 60)
{
	int ready[2], status, i, fd;
	struct taker k;
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe(ready));
	for (i = 0; i < 10; i++) {
		child = fork();
		if (!child) {
			fd = at_open();
			if (fd < 0 || vy_lock(fd, 1) ||
			    write(ready[1], "r", 1) != 1)
				_exit(1);
			for (;;)
				pause();
		}
		ASSERT_GT(child, 0);
		ASSERT_EQ(1, read(ready[0], &byte, 1));
		taker_start(&k, self->fd);
		EXPECT_FALSE(k.ended);
		kill(child, SIGKILL);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		ASSERT_TRUE(ends_soon(&k.ended));
		pthread_join(k.thread, NULL);
		EXPECT_EQ(0, k.err);
		EXPECT_EQ(0, vy_lock(self->fd, 0));
	}
}

/* One who waits is killed: the next gets it */
TEST_F(events, lock_waiter_killed)
{
	uint64_t start;
	int status, fd;
	pid_t child;

	ASSERT_EQ(0, vy_lock(self->fd, 1));
	child = fork();
	if (!child) {
		fd = at_open();
		_exit(fd < 0 || vy_lock(fd, 1) ? 1 : 0);
	}
	ASSERT_GT(child, 0);
	at_sleep_ms(100);
	start = at_now();
	kill(child, SIGKILL);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_LT(at_now() - start, AT_SEC(5));
	EXPECT_EQ(0, vy_lock(self->fd, 0));
	EXPECT_EQ(0, vy_lock(self->t.fd, 1));
	EXPECT_EQ(0, vy_lock(self->t.fd, 0));
}

/* No counter behind it but the lock itself: a number that threads count up */
struct counter {
	int fd;
	volatile unsigned int *value;
	int err;
};

static void *count_up(void *arg)
{
	struct counter *c = arg;
	unsigned int v;
	int i;

	for (i = 0; i < 100 && !c->err; i++) {
		c->err = vy_lock(c->fd, 1);
		if (c->err)
			break;
		v = *c->value;
		sched_yield();
		*c->value = v + 1;
		c->err = vy_lock(c->fd, 0);
	}
	return NULL;
}

TEST_F(events, lock_contended)
{
	volatile unsigned int value = 0;
	struct counter c[4];
	pthread_t threads[4];
	int i;

	for (i = 0; i < 4; i++) {
		c[i] = (struct counter){ at_open(), &value, 0 };
		ASSERT_GE(c[i].fd, 0);
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, count_up, &c[i]));
	}
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, c[i].err);
		close(c[i].fd);
	}
	EXPECT_EQ(400, value);
}

/* ---- contexts ---- */

TEST_F(events, context_counts)
{
	static const int bad[] = { 0, -1, 5, 64, INT_MAX, INT_MIN };
	size_t i;

	for (i = 0; i < at_array_size(bad); i++)
		EXPECT_EQ(-EINVAL, vy_ctx_alloc(self->fd, bad[i]))
			TH_LOG("%d cores", bad[i]);
	EXPECT_EQ(0, vy_ctx_mask(self->fd));
	for (i = 1; i <= VY_CORES; i++) {
		EXPECT_EQ(0, vy_ctx_alloc(self->fd, i));
		EXPECT_EQ((1ULL << i) - 1, vy_ctx_mask(self->fd));
		/* one a file */
		EXPECT_EQ(-EINVAL, vy_ctx_alloc(self->fd, 1));
		EXPECT_EQ(0, vy_ctx_free(self->fd));
		EXPECT_EQ(0, vy_ctx_mask(self->fd));
		/* the vendor's driver loops for ever on this one */
		EXPECT_EQ(0, vy_ctx_free(self->fd));
	}
}

TEST_F(events, context_neighbours)
{
	int fds[4], i;

	for (i = 0; i < 4; i++) {
		fds[i] = at_open();
		ASSERT_GE(fds[i], 0);
	}
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(i, vy_ctx_alloc(fds[i], 1));
		EXPECT_EQ(1ULL << i, vy_ctx_mask(fds[i]));
	}
	EXPECT_EQ(-EINVAL, vy_ctx_alloc(self->fd, 1));
	/* Two that are not neighbours are no two */
	EXPECT_EQ(0, vy_ctx_free(fds[0]));
	EXPECT_EQ(0, vy_ctx_free(fds[2]));
	EXPECT_EQ(-EINVAL, vy_ctx_alloc(self->fd, 2));
	EXPECT_EQ(0, vy_ctx_free(fds[1]));
	EXPECT_EQ(0, vy_ctx_alloc(self->fd, 3));
	EXPECT_EQ(7, vy_ctx_mask(self->fd));
	EXPECT_EQ(-EINVAL, vy_ctx_alloc(fds[0], 1));
	/* A process cannot free what another has */
	EXPECT_EQ(0, vy_ctx_free(fds[0]));
	EXPECT_EQ(7, vy_ctx_mask(self->fd));
	EXPECT_EQ(-EINVAL, vy_ctx_alloc(fds[0], 1));
	EXPECT_EQ(8, vy_ctx_mask(fds[3]));
	for (i = 0; i < 4; i++)
		close(fds[i]);
	EXPECT_EQ(0, vy_ctx_free(self->fd));
	EXPECT_EQ(0, vy_ctx_alloc(self->fd, VY_CORES));
}

/* Jobs that others have run there are no news to the next one */
TEST_F(events, context_of_another_before)
{
	int status, fd, i;
	pid_t child;

	if (!self->exact)
		SKIP(return, "events cannot be told apart here");
	for (i = 0; i < VY_CORES; i++) {
		EXPECT_EQ(0, vy_clear(self->fd, i));
		at_lab_set(METIS_LAB_RAISE, i);
	}
	at_sleep_ms(100);
	ASSERT_EQ(0, vy_ctx_alloc(self->fd, 2));
	EXPECT_EQ(-ETIMEDOUT, vy_wait(self->fd, 0, 1));
	EXPECT_EQ(-ETIMEDOUT, vy_wait(self->t.fd, 1, 1));
	/* one that failed forgets nothing, nor does it those of others */
	EXPECT_EQ(-EINVAL, vy_ctx_alloc(self->fd, 2));
	EXPECT_EQ(0, vy_wait(self->fd, 3, 1));
	/* a process that has never asked */
	child = fork();
	if (!child) {
		fd = at_open();
		if (fd < 0 || vy_ctx_alloc(fd, 1) != 2)
			_exit(1);
		_exit(vy_wait(fd, 2, 1) == -ETIMEDOUT ? 0 : 2);
	}
	ASSERT_GT(child, 0);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	/* what comes later is */
	at_lab_set(METIS_LAB_RAISE, 1);
	EXPECT_EQ(0, vy_wait(self->fd, 1, 20));
}

TEST_F_TIMEOUT(events, context_owner_killed, 60)
{
	int ready[2], status, i, fd;
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe(ready));
	for (i = 0; i < 10; i++) {
		child = fork();
		if (!child) {
			fd = at_open();
			if (fd < 0 || vy_ctx_alloc(fd, i % VY_CORES + 1) < 0 ||
			    write(ready[1], "r", 1) != 1)
				_exit(1);
			for (;;)
				pause();
		}
		ASSERT_GT(child, 0);
		ASSERT_EQ(1, read(ready[0], &byte, 1));
		EXPECT_EQ(-EINVAL, vy_ctx_alloc(self->fd, VY_CORES));
		kill(child, SIGKILL);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_EQ(0, vy_ctx_alloc(self->fd, VY_CORES));
		EXPECT_EQ(0, vy_ctx_free(self->fd));
	}
}

struct allocator {
	int fd, err, seed;
	volatile int *owner;	/* of each core */
};

static void *allocate_around(void *arg)
{
	struct allocator *a = arg;
	unsigned int i, k;
	uint64_t mask;
	int first, n;

	for (i = 0; i < 300 && !a->err; i++) {
		n = 1 + (a->seed + i) % VY_CORES;
		first = vy_ctx_alloc(a->fd, n);
		if (first == -EINVAL)
			continue;
		if (first < 0 || first + n > VY_CORES) {
			a->err = first < 0 ? first : -ERANGE;
			break;
		}
		mask = vy_ctx_mask(a->fd);
		if (mask != ((1ULL << n) - 1) << first)
			a->err = -EBADE;
		for (k = first; k < (unsigned int)(first + n); k++)
			if (__sync_lock_test_and_set(&a->owner[k], 1))
				a->err = -EUSERS;
		sched_yield();
		for (k = first; k < (unsigned int)(first + n); k++)
			__sync_lock_release(&a->owner[k]);
		if (vy_ctx_free(a->fd))
			a->err = -ENOENT;
	}
	return NULL;
}

TEST_F(events, contexts_contended)
{
	volatile int owner[VY_CORES] = { };
	struct allocator a[4];
	pthread_t threads[4];
	int i;

	for (i = 0; i < 4; i++) {
		a[i] = (struct allocator){ at_open(), 0, i, owner };
		ASSERT_GE(a[i].fd, 0);
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, allocate_around,
					    &a[i]));
	}
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, a[i].err);
		close(a[i].fd);
	}
	EXPECT_EQ(0, vy_ctx_alloc(self->fd, VY_CORES));
}

/* A context outlives a restart of firmware, or is given up: never half of it */
TEST_F_TIMEOUT(events, context_over_a_restart, 60)
{
	uint64_t gen = self->t.q.generation, mask;

	ASSERT_EQ(0, vy_ctx_alloc(self->fd, 2));
	at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_RUNTIME);
	ASSERT_EQ(0, vy_settle(self->t.fd, gen));
	EXPECT_EQ(0, vy_call(self->fd, VY_DYNMEM_LOAD, NULL));
	mask = vy_ctx_mask(self->fd);
	EXPECT_TRUE(mask == 3 || mask == 0)
		TH_LOG("mask %#llx", (unsigned long long)mask);
	EXPECT_EQ(mask ? 2 : 0, vy_ctx_alloc(self->t.fd, 2));
	EXPECT_EQ(0, vy_ctx_free(self->fd));
	EXPECT_EQ(0, vy_ctx_free(self->t.fd));
	EXPECT_EQ(0, vy_ctx_alloc(self->fd, VY_CORES));
}

TEST_HARNESS_MAIN
