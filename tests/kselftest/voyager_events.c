// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts in the Voyager SDK's interface: each one raised ends one wait, whether it
 * comes before or after the call, can be forgotten, and is reported by poll() where it
 * is attached. A wait ends with a signal, a kill, a restart of firmware.
 *
 * Taken, where the description is silent: an interrupt is pending for a process
 * from its first call on until it waits for it or forgets it, by whichever of its
 * files, and whatever other processes do; a wait ends with the first one, new or
 * pending.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "voyager_events.h"

static void raise_event(unsigned int n)
{
	at_lab_set(METIS_LAB_RAISE, n);
}

struct waiter {
	pthread_t thread;
	int fd, num, timeout, err;
	uint64_t took;
	volatile pid_t tid;
	volatile bool ended;
};

static void *wait_run(void *arg)
{
	struct waiter *w = arg;
	uint64_t start = at_now();

	w->tid = syscall(SYS_gettid);
	w->err = vy_wait(w->fd, w->num, w->timeout);
	w->took = at_now() - start;
	w->ended = true;
	return NULL;
}

static bool sleeps(pid_t tid)
{
	char path[64], text[256], *state;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	if (at_read_text(path, text, sizeof(text)))
		return false;
	state = strrchr(text, ')');
	return state && state[1] == ' ' && state[2] == 'S';
}

/* It waits, or need not: however long it takes to get there */
static void waiter_start(struct waiter *w, int fd, int num, int timeout)
{
	uint64_t end = at_now() + AT_SOON;

	*w = (struct waiter){ .fd = fd, .num = num, .timeout = timeout };
	pthread_create(&w->thread, NULL, wait_run, w);
	do {
		at_sleep_ms(50);
	} while (!w->ended && !(w->tid && sleeps(w->tid)) && at_now() < end);
}

/* ---- interrupts ---- */

TEST_F(events, wait_is_woken)
{
	static const int nums[] = { 0, 1, 2, 3, 12, 24 };
	struct waiter w;
	size_t i;

	for (i = 0; i < at_array_size(nums); i++) {
		EXPECT_EQ(0, vy_clear(self->fd, nums[i]));
		waiter_start(&w, self->fd, nums[i], 0);
		if (self->exact)
			EXPECT_FALSE(w.ended);
		raise_event(nums[i]);
		pthread_join(w.thread, NULL);
		EXPECT_EQ(0, w.err)
			TH_LOG("interrupt %d", nums[i]);
	}
}

TEST_F(events, pending_before_the_wait)
{
	uint64_t start;
	int i;

	EXPECT_EQ(0, vy_clear(self->fd, 2));
	for (i = 0; i < 3; i++) {
		raise_event(2);
		at_sleep_ms(100);
	}
	start = at_now();
	EXPECT_EQ(0, vy_wait(self->fd, 2, 20));
	EXPECT_LT(at_now() - start, AT_SEC(2));
	if (!self->exact)
		return;
	/* Each ends a wait, and no more than that */
	EXPECT_EQ(0, vy_wait(self->t.fd, 2, 1));
	EXPECT_EQ(0, vy_wait(self->fd, 2, 1));
	EXPECT_EQ(-ETIMEDOUT, vy_wait(self->fd, 2, 1));
}

TEST_F(events, forgotten)
{
	uint64_t start, took;

	if (!self->exact)
		SKIP(return, "events cannot be told apart here");
	raise_event(3);
	raise_event(3);
	at_sleep_ms(100);
	EXPECT_EQ(0, vy_clear(self->fd, 3));
	start = at_now();
	EXPECT_EQ(-ETIMEDOUT, vy_wait(self->fd, 3, 1));
	took = at_now() - start;
	/* The unit is a second */
	EXPECT_GE(took, AT_MSEC(900));
	EXPECT_LT(took, AT_SEC(8));
	/* Only that one */
	raise_event(1);
	raise_event(2);
	at_sleep_ms(100);
	EXPECT_EQ(0, vy_clear(self->fd, 1));
	EXPECT_EQ(0, vy_wait(self->fd, 2, 5));
}

/* One thread asks through its file, another waits on one of its own */
TEST_F(events, two_files_one_view)
{
	int third;

	if (!self->exact)
		SKIP(return, "events cannot be told apart here");
	EXPECT_EQ(0, vy_clear(self->fd, 3));
	/* what one has waited for is not news to the other */
	raise_event(3);
	EXPECT_EQ(0, vy_wait(self->fd, 3, 20));
	EXPECT_EQ(-ETIMEDOUT, vy_wait(self->t.fd, 3, 1));
	/* nor what one has forgotten */
	raise_event(3);
	at_sleep_ms(100);
	EXPECT_EQ(0, vy_clear(self->t.fd, 3));
	EXPECT_EQ(-ETIMEDOUT, vy_wait(self->fd, 3, 1));
	/* also to one that comes later */
	third = at_open();
	ASSERT_GE(third, 0);
	EXPECT_EQ(-ETIMEDOUT, vy_wait(third, 3, 1));
	/* an event without a waiter ends one later wait */
	raise_event(3);
	at_sleep_ms(100);
	EXPECT_EQ(0, vy_wait(third, 3, 5));
	EXPECT_EQ(-ETIMEDOUT, vy_wait(self->fd, 3, 1));
	close(third);
}

/* Processes do not take each other's */
TEST_F(events, another_process)
{
	int ready[2], go[2], status, fd;
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, pipe(go));
	EXPECT_EQ(0, vy_clear(self->fd, 3));
	child = fork();
	if (!child) {
		fd = at_open();
		if (fd < 0 || vy_clear(fd, 3) || write(ready[1], "r", 1) != 1 ||
		    read(go[0], &byte, 1) != 1)
			_exit(1);
		_exit(vy_wait(fd, 3, 10) ? 2 : 0);
	}
	ASSERT_GT(child, 0);
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	raise_event(3);
	EXPECT_EQ(0, vy_wait(self->fd, 3, 20));
	EXPECT_EQ(0, vy_clear(self->fd, 3));
	ASSERT_EQ(1, write(go[1], "g", 1));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	close(ready[0]);
	close(ready[1]);
	close(go[0]);
	close(go[1]);
}

TEST_F(events, two_files_wait)
{
	struct waiter a, b;

	EXPECT_EQ(0, vy_clear(self->fd, 1));
	EXPECT_EQ(0, vy_clear(self->t.fd, 1));
	waiter_start(&a, self->fd, 1, 20);
	waiter_start(&b, self->t.fd, 1, 20);
	raise_event(1);
	pthread_join(a.thread, NULL);
	pthread_join(b.thread, NULL);
	EXPECT_EQ(0, a.err);
	EXPECT_EQ(0, b.err);
}

TEST_F(events, bad_numbers)
{
	static const int bad[] = { -1, 1024, 65536, INT_MAX, INT_MIN };
	struct vy_msi msi;
	size_t i;

	for (i = 0; i < at_array_size(bad); i++) {
		EXPECT_EQ(-EFAULT, vy_wait(self->fd, bad[i], 1))
			TH_LOG("number %d", bad[i]);
		EXPECT_REFUSED(vy_clear(self->fd, bad[i]));
		EXPECT_REFUSED(vy_attach_msi(self->fd, bad[i]));
	}
	/* Taken: a negative time is refused, not taken for an endless one */
	msi = (struct vy_msi){ .num = 1, .timeout = -1 };
	EXPECT_REFUSED(vy_call(self->fd, VY_MSI_WAIT, &msi));
	/* one beyond what the kernel counts in is just long */
	raise_event(1);
	EXPECT_EQ(0, vy_wait(self->fd, 1, INT_MAX));
	EXPECT_EQ(0, vy_consume(self->fd));
}

TEST_F(events, wait_is_interrupted)
{
	struct waiter w;
	int i;

	at_catch_signal(SIGUSR1);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, vy_clear(self->fd, 2));
		waiter_start(&w, self->fd, 2, i ? 30 : 0);
		if (!self->exact && w.ended) {
			pthread_join(w.thread, NULL);
			continue;
		}
		pthread_kill(w.thread, SIGUSR1);
		pthread_join(w.thread, NULL);
		EXPECT_EQ(-EINTR, w.err);
		EXPECT_LT(w.took, AT_SEC(10));
	}
}

TEST_F(events, wait_killed)
{
	uint64_t start;
	int status;
	pid_t child = fork();

	if (!child) {
		vy_clear(self->fd, 2);
		for (;;)
			vy_wait(self->fd, 2, 0);
	}
	ASSERT_GT(child, 0);
	at_sleep_ms(100);
	start = at_now();
	kill(child, SIGKILL);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_LT(at_now() - start, AT_SEC(5));
}

static int poll_events(int fd, int want)
{
	uint64_t end = at_now() + AT_SOON;
	int got = 0;

	while (got < want && at_now() < end) {
		if (vy_polled(fd, 100) & POLLIN)
			got += vy_consume(fd);
	}
	/* and no more */
	at_sleep_ms(20);
	while (vy_consume(fd) == 1)
		got++;
	return got;
}

TEST_F(events, attached_to_poll)
{
	int i;

	EXPECT_EQ(0, vy_polled(self->fd, 0));
	raise_event(1);
	/* Not attached: no business of poll() */
	if (self->exact)
		EXPECT_EQ(0, vy_polled(self->fd, 50));
	ASSERT_EQ(0, vy_attach_msi(self->fd, 1));
	for (i = 0; i < 3; i++) {
		raise_event(1);
		EXPECT_EQ(POLLIN, vy_polled(self->fd, 10000) & POLLIN);
		/* stays so until it is consumed */
		EXPECT_EQ(POLLIN, vy_polled(self->fd, 0) & POLLIN);
		EXPECT_EQ(1, vy_consume(self->fd));
		if (!self->exact)
			continue;
		EXPECT_EQ(0, vy_consume(self->fd));
		EXPECT_EQ(0, vy_polled(self->fd, 0));
	}
}

/* The vendor's driver corrupts a list here */
TEST_F(events, attached_again_and_another)
{
	int i, err, got;

	ASSERT_EQ(0, vy_attach_msi(self->fd, 1));
	ASSERT_EQ(0, vy_attach_msi(self->fd, 2));
	/* Taken: the same again changes nothing; a refusal is as good */
	for (i = 0; i < 2; i++) {
		err = vy_attach_msi(self->fd, 1);
		EXPECT_TRUE(!err || vy_refusal(err))
			TH_LOG("%d", err);
	}
	raise_event(1);
	at_sleep_ms(30);
	raise_event(2);
	at_sleep_ms(30);
	raise_event(1);
	got = poll_events(self->fd, 3);
	if (self->exact) {
		EXPECT_EQ(3, got);
	} else {
		EXPECT_LE(3, got);
	}
	/* a second file is told as well, and its end ends nothing here */
	ASSERT_EQ(0, vy_attach_msi(self->t.fd, 1));
	raise_event(1);
	EXPECT_EQ(POLLIN, vy_polled(self->t.fd, 10000) & POLLIN);
	close(self->t.fd);
	self->t.fd = at_open();
	ASSERT_GE(self->t.fd, 0);
	EXPECT_LE(1, poll_events(self->fd, 1));
	for (i = 0; i < 100; i++) {
		int fd = at_open();

		ASSERT_GE(fd, 0);
		EXPECT_EQ(0, vy_attach_msi(fd, 1));
		EXPECT_EQ(0, vy_attach_msi(fd, i % 32));
		raise_event(1);
		close(fd);
	}
	at_sleep_ms(20);
	raise_event(2);
	EXPECT_LE(1, poll_events(self->fd, 1));
}

/* Every number at once, many times: bounded, and all of them counted */
TEST_F(events, all_attached)
{
	int i, k, got;

	for (k = 0; k < 3; k++)
		for (i = 0; i < 32; i++)
			ASSERT_EQ(0, vy_attach_msi(self->fd, i))
				TH_LOG("number %d", i);
	while (vy_consume(self->fd) == 1)
		;
	for (i = 0; i < 4; i++) {
		raise_event(i);
		at_sleep_ms(30);
	}
	got = poll_events(self->fd, 4);
	if (self->exact) {
		EXPECT_EQ(4, got);
	} else {
		EXPECT_LE(4, got);
	}
}

/* An attached interrupt still ends a wait */
TEST_F(events, attached_and_waited_for)
{
	struct waiter w;

	ASSERT_EQ(0, vy_attach_msi(self->fd, 3));
	EXPECT_EQ(0, vy_clear(self->fd, 3));
	waiter_start(&w, self->fd, 3, 20);
	raise_event(3);
	pthread_join(w.thread, NULL);
	EXPECT_EQ(0, w.err);
	EXPECT_EQ(POLLIN, vy_polled(self->fd, 10000) & POLLIN);
}

struct poller {
	pthread_t thread;
	int fd;
	short got;
};

static void *poll_run(void *arg)
{
	struct poller *p = arg;

	p->got = vy_polled(p->fd, 10000);
	return NULL;
}

/* A thread that waits already is woken, too, whatever the file becomes meanwhile */
TEST_F(events, polled_before_the_first_call)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = epoll_create1(0), fd = at_open();
	struct poller p = { .fd = fd };
	uint64_t start = at_now();

	ASSERT_GE(ep, 0);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	ASSERT_EQ(0, pthread_create(&p.thread, NULL, poll_run, &p));
	at_sleep_ms(50);
	ASSERT_EQ(0, vy_attach_msi(fd, 1));
	if (self->exact)
		EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 50));
	raise_event(1);
	EXPECT_EQ(1, epoll_wait(ep, &ev, 1, 10000));
	EXPECT_EQ(EPOLLIN, ev.events & (EPOLLIN | EPOLLERR | EPOLLHUP));
	pthread_join(p.thread, NULL);
	EXPECT_EQ(POLLIN, p.got);
	EXPECT_LT(at_now() - start, AT_SEC(8));
	EXPECT_EQ(1, vy_consume(fd));
	close(fd);
	close(ep);
}

TEST_F(events, polled_by_io_uring)
{
	struct at_uring ring;
	int err;

	err = at_uring_poll(&ring, self->fd, POLLIN);
	if (err == -ENOSYS)
		SKIP(return, "this kernel has no io_uring");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, vy_attach_msi(self->fd, 2));
	raise_event(2);
	EXPECT_EQ(POLLIN, at_uring_end(&ring, 10000));
	EXPECT_LE(1, vy_consume(self->fd));
}

/* A stream that has bytes when it is begun, and one that gets them later */
TEST_F(events, stream_polled_before_the_first_call)
{
	struct epoll_event ev = { .events = EPOLLIN };
	volatile uint8_t *l2 = at_map_l2(self->t.fd, &self->t);
	int ep = epoll_create1(0), fd, i;
	uint8_t reply[256];
	uint32_t size;
	char some[256];

	ASSERT_NE(NULL, l2);
	ASSERT_GE(ep, 0);
	for (i = 0; i < 2; i++) {
		fd = at_open();
		ASSERT_GE(fd, 0);
		fcntl(fd, F_SETFL, O_NONBLOCK);
		ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
		EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
		if (!i)
			ASSERT_EQ(0, at_mailbox(l2, METIS_EMU_OP_LOG, "before",
						6, reply, &size));
		ASSERT_EQ(0, vy_stream(fd, VY_STREAM_OPEN,
				       METIS_EMU_LOG_SOURCE));
		if (i) {
			while (read(fd, some, sizeof(some)) > 0)
				;
			EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
			ASSERT_EQ(0, at_mailbox(l2, METIS_EMU_OP_LOG, "after",
						5, reply, &size));
		}
		EXPECT_EQ(1, epoll_wait(ep, &ev, 1, 10000))
			TH_LOG("round %d", i);
		EXPECT_LT(0, read(fd, some, sizeof(some)));
		close(fd);
	}
	close(ep);
	munmap((void *)l2, self->t.q.bar2_size);
}

/* A restart of firmware ends no wait for its answer */
TEST_F_TIMEOUT(events, wait_over_a_restart, 60)
{
	uint64_t gen = self->t.q.generation;
	struct waiter w;

	EXPECT_EQ(0, vy_clear(self->fd, 1));
	waiter_start(&w, self->fd, 1, 40);
	at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_RUNTIME);
	EXPECT_EQ(0, vy_settle(self->t.fd, gen));
	EXPECT_EQ(0, vy_call(self->fd, VY_DYNMEM_LOAD, NULL));
	if (self->exact)
		EXPECT_FALSE(w.ended);
	raise_event(1);
	pthread_join(w.thread, NULL);
	EXPECT_EQ(0, w.err);
	/* attachments live on, too */
	ASSERT_EQ(0, vy_attach_msi(self->fd, 2));
	gen = at_generation(self->t.fd);
	at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_RUNTIME);
	EXPECT_EQ(0, vy_settle(self->t.fd, gen));
	EXPECT_EQ(0, vy_call(self->fd, VY_DYNMEM_LOAD, NULL));
	raise_event(2);
	EXPECT_LE(1, poll_events(self->fd, 1));
}

TEST_HARNESS_MAIN
