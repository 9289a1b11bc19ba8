// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupt events: every event that firmware can raise is counted, ends a wait and
 * reaches eventfds and poll(), in every interrupt mode that QUERY reports.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "liblab.h"

#define CONTEXT_REF	0x288		/* in the shared area */

FIXTURE(events)
{
	struct at_ctx t;
	volatile uint8_t *bar2;
	bool exact;
	bool silent;		/* a board that delivers no message */
};

#define NEEDS_MESSAGES()						\
	if (self->silent && !(self->t.q.features & AXL_FEAT_VMSI))	\
		SKIP(return, "no messages, and firmware has no table")

FIXTURE_SETUP(events)
{
	AT_BEGIN(&self->t, AT_NEEDS_RUNNING);
	self->bar2 = at_map_l2(self->t.fd, &self->t);
	ASSERT_NE(NULL, self->bar2);
	self->exact = self->t.q.features & AXL_FEAT_EVENTS_EXACT;
	self->silent = at_silent(&self->t.q);
}

FIXTURE_TEARDOWN(events)
{
	munmap((void *)self->bar2, self->t.q.bar2_size);
	AT_END(&self->t);
}

/* Numbers of the first 32 that a firmware can raise; the others are the engine's */
static bool firmware_event(unsigned int n)
{
	return n < 4 || n >= 12;
}

TEST_F(events, physical)
{
	uint64_t before, after;
	unsigned int n;

	NEEDS_MESSAGES();
	for (n = 0; n < 32; n++) {
		if (!firmware_event(n))
			continue;
		/* With no table and few vectors only these have a meaning */
		if (!self->exact && n != 12 && n != 24 &&
		    !(self->t.q.features & AXL_FEAT_VMSI))
			continue;
		ASSERT_EQ(0, at_event_count(self->t.fd, n, &before));
		at_lab_set(METIS_LAB_RAISE, n);
		EXPECT_EQ(0, at_wait_event(self->t.fd, n, before, AT_SOON,
					   &after))
			TH_LOG("event %u", n);
		if (self->exact) {
			EXPECT_EQ(before + 1, after)
				TH_LOG("event %u", n);
		} else {
			EXPECT_GT(after, before)
				TH_LOG("event %u", n);
		}
	}
}

TEST_F(events, virtual)
{
	static const unsigned int some[] = { 32, 33, 63, 64, 100, 511, 1023 };
	uint64_t before, after;
	size_t i;

	NEEDS_MESSAGES();
	if (!(self->t.q.features & AXL_FEAT_VMSI))
		SKIP(return, "firmware has no table in host memory");
	for (i = 0; i < at_array_size(some); i++) {
		if (some[i] >= self->t.q.nr_vmsi)
			continue;
		ASSERT_EQ(0, at_event_count(self->t.fd, some[i], &before));
		at_lab_set(METIS_LAB_RAISE, some[i]);
		EXPECT_EQ(0, at_wait_event(self->t.fd, some[i], before,
					   AT_SOON, &after))
			TH_LOG("event %u", some[i]);
		EXPECT_EQ(before + 1, after)
			TH_LOG("event %u", some[i]);
	}
}

/* Only the event raised counts: nothing leaks into neighbours */
TEST_F(events, counts_exact)
{
	static uint64_t before[AXL_NR_EVENTS], after[AXL_NR_EVENTS];
	static const unsigned int raise[] = { 1, 12, 24, 24, 31, 24 };
	struct axl_ioc_event_counts c = {
		.counts = (uintptr_t)before, .nr = AXL_NR_EVENTS,
	};
	unsigned int n, times, k;
	uint64_t got;

	NEEDS_MESSAGES();
	if (!self->exact)
		SKIP(return, "%u vectors and no table: counts are not exact",
		     self->t.q.vectors);
	ASSERT_EQ(0, at_ioctl(self->t.fd, AXL_IOC_EVENT_COUNTS, &c));
	for (k = 0; k < at_array_size(raise); k++) {
		ASSERT_EQ(0, at_event_count(self->t.fd, raise[k], &got));
		at_lab_set(METIS_LAB_RAISE, raise[k]);
		/* A slot can be pending once: wait for each before the next */
		ASSERT_EQ(0, at_wait_event(self->t.fd, raise[k], got, AT_SOON,
					   NULL));
	}
	at_sleep_ms(5);
	c.counts = (uintptr_t)after;
	ASSERT_EQ(0, at_ioctl(self->t.fd, AXL_IOC_EVENT_COUNTS, &c));
	for (n = 0; n < AXL_NR_EVENTS; n++) {
		for (times = 0, k = 0; k < at_array_size(raise); k++)
			times += raise[k] == n;
		EXPECT_EQ(before[n] + times, after[n])
			TH_LOG("event %u", n);
	}
}

TEST_F(events, wait_any)
{
	uint64_t before, after, start;

	NEEDS_MESSAGES();
	/* For "any" the count is that of all events: learn it, then wait */
	at_wait_event(self->t.fd, AXL_EVENT_ANY, 0, 0, &before);
	EXPECT_EQ(-ETIMEDOUT, at_wait_event(self->t.fd, AXL_EVENT_ANY, before,
					    0, &before));
	at_lab_set(METIS_LAB_RAISE, 24);
	EXPECT_EQ(0, at_wait_event(self->t.fd, AXL_EVENT_ANY, before, AT_SOON,
				   &after));
	EXPECT_NE(before, after);

	/* And nothing comes: the time is kept */
	if (self->exact) {
		start = at_now();
		EXPECT_EQ(-ETIMEDOUT,
			  at_wait_event(self->t.fd, AXL_EVENT_ANY, after,
					AT_MSEC(50), &before));
		EXPECT_EQ(after, before);
		EXPECT_GE(at_now() - start, AT_MSEC(50));
		EXPECT_LT(at_now() - start, AT_SEC(2));
	}
}

/* A waiter that sleeps when the event comes, not one that finds it there */
static void *raise_later(void *arg)
{
	at_sleep_ms(50);
	at_lab_set(METIS_LAB_RAISE, (uint32_t)(uintptr_t)arg);
	return NULL;
}

TEST_F(events, wakes_a_sleeper)
{
	uint64_t before, after;
	pthread_t thread;

	NEEDS_MESSAGES();
	ASSERT_EQ(0, at_event_count(self->t.fd, 24, &before));
	ASSERT_EQ(0, pthread_create(&thread, NULL, raise_later, (void *)24));
	EXPECT_EQ(0, at_wait_event(self->t.fd, 24, before,
				   AXL_TIMEOUT_INFINITE, &after));
	EXPECT_GT(after, before);
	pthread_join(thread, NULL);
}

/* All waiters are woken by one event, whichever file it is */
TEST_F(events, wakes_all)
{
	uint64_t before, after;
	pid_t pids[4];
	int i, status;

	NEEDS_MESSAGES();
	ASSERT_EQ(0, at_event_count(self->t.fd, 12, &before));
	for (i = 0; i < 4; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			int fd = i < 2 ? self->t.fd : at_open();

			_exit(at_wait_event(fd, 12, before, AT_SOON, &after) ||
			      after == before);
		}
		ASSERT_GT(pids[i], 0);
	}
	at_sleep_ms(100);
	at_lab_set(METIS_LAB_RAISE, 12);
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(pids[i], waitpid(pids[i], &status, 0));
		EXPECT_EQ(0, status)
			TH_LOG("waiter %d", i);
	}
}

TEST_F(events, interrupted)
{
	struct pollfd told;
	uint64_t before, after;
	int status, pipes[2], i;
	pid_t child;

	NEEDS_MESSAGES();
	ASSERT_EQ(0, at_event_count(self->t.fd, 12, &before));
	ASSERT_EQ(0, pipe(pipes));
	/* before the fork: the signal may come as early as it likes */
	at_catch_signal(SIGUSR1);
	child = fork();
	if (!child) {
		int err;

		err = at_wait_event(self->t.fd, 12, before,
				    AXL_TIMEOUT_INFINITE, &after);
		signal(SIGUSR1, SIG_IGN);
		if (err != -EINTR || write(pipes[1], "", 1) != 1)
			_exit(1);
		/* Nothing was lost: again, and now the event comes */
		err = at_wait_event(self->t.fd, 12, before, AT_SOON, &after);
		_exit(err || after == before ? 2 : 0);
	}
	ASSERT_GT(child, 0);
	/* again and again: one that comes before the wait does not end it */
	told = (struct pollfd){ .fd = pipes[0], .events = POLLIN };
	for (i = 0; i < 100 && !poll(&told, 1, 0); i++) {
		kill(child, SIGUSR1);
		at_sleep_ms(50);
	}
	EXPECT_LT(i, 100);
	signal(SIGUSR1, SIG_DFL);
	close(pipes[0]);
	close(pipes[1]);
	at_lab_set(METIS_LAB_RAISE, 12);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F(events, eventfd)
{
	int one = eventfd(0, EFD_NONBLOCK), any = eventfd(0, EFD_NONBLOCK);
	struct axl_ioc_event_fd e = { .event = 24, .fd = one };
	struct pollfd pfd = { .fd = one, .events = POLLIN };
	uint64_t value, before;
	unsigned int i;

	NEEDS_MESSAGES();
	ASSERT_EQ(0, at_ioctl(self->t.fd, AXL_IOC_EVENT_FD, &e));
	e.event = AXL_EVENT_ANY;
	e.fd = any;
	ASSERT_EQ(0, at_ioctl(self->t.fd, AXL_IOC_EVENT_FD, &e));

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, at_event_count(self->t.fd, 24, &before));
		at_lab_set(METIS_LAB_RAISE, 24);
		ASSERT_EQ(1, poll(&pfd, 1, 5000));
		ASSERT_EQ(8, read(one, &value, 8));
		if (self->exact) {
			EXPECT_EQ(1, value);
		}
		ASSERT_EQ(0, at_wait_event(self->t.fd, 24, before, AT_SOON,
					   NULL));
	}
	ASSERT_EQ(8, read(any, &value, 8));
	if (self->exact) {
		EXPECT_EQ(3, value);
	} else {
		EXPECT_GE(value, 3);
	}

	/* Another event says nothing to the first, but something to "any" */
	if (self->exact) {
		ASSERT_EQ(0, at_event_count(self->t.fd, 12, &before));
		at_lab_set(METIS_LAB_RAISE, 12);
		ASSERT_EQ(0, at_wait_event(self->t.fd, 12, before, AT_SOON,
					   NULL));
		EXPECT_EQ(-1, read(one, &value, 8));
		pfd.fd = any;
		EXPECT_EQ(1, poll(&pfd, 1, 5000));
	}

	/* After the end of a binding nothing is told */
	e.event = 24;
	e.fd = -1;
	ASSERT_EQ(0, at_ioctl(self->t.fd, AXL_IOC_EVENT_FD, &e));
	ASSERT_EQ(0, at_event_count(self->t.fd, 24, &before));
	at_lab_set(METIS_LAB_RAISE, 24);
	ASSERT_EQ(0, at_wait_event(self->t.fd, 24, before, AT_SOON, NULL));
	EXPECT_EQ(-1, read(one, &value, 8));
	close(one);
	close(any);
}

/* A file that goes away takes its bindings along */
TEST_F(events, eventfd_close)
{
	int efd = eventfd(0, EFD_NONBLOCK), fd = at_open();
	struct axl_ioc_event_fd e = { .event = 24, .fd = efd };
	uint64_t value, before;

	NEEDS_MESSAGES();
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, at_ioctl(fd, AXL_IOC_EVENT_FD, &e));
	close(fd);
	ASSERT_EQ(0, at_event_count(self->t.fd, 24, &before));
	at_lab_set(METIS_LAB_RAISE, 24);
	ASSERT_EQ(0, at_wait_event(self->t.fd, 24, before, AT_SOON, NULL));
	EXPECT_EQ(-1, read(efd, &value, 8));
	close(efd);
}

/* Events whose numbers differ by a multiple of 64 share a list in the driver */
TEST_F(events, eventfd_of_a_neighbour)
{
	int near = eventfd(0, EFD_NONBLOCK), far = eventfd(0, EFD_NONBLOCK);
	struct axl_ioc_event_fd e = { .event = 24, .fd = near };
	uint64_t value, before;

	NEEDS_MESSAGES();
	if (!(self->t.q.features & AXL_FEAT_VMSI) || self->t.q.nr_vmsi <= 24 + 64)
		SKIP(return, "firmware has no table in host memory");
	if (!self->exact)
		SKIP(return, "counts are not exact");
	ASSERT_EQ(0, at_ioctl(self->t.fd, AXL_IOC_EVENT_FD, &e));
	e.event = 24 + 64;
	e.fd = far;
	ASSERT_EQ(0, at_ioctl(self->t.fd, AXL_IOC_EVENT_FD, &e));

	ASSERT_EQ(0, at_event_count(self->t.fd, 24 + 64, &before));
	at_lab_set(METIS_LAB_RAISE, 24 + 64);
	ASSERT_EQ(0, at_wait_event(self->t.fd, 24 + 64, before, AT_SOON, NULL));
	ASSERT_EQ(8, read(far, &value, 8));
	EXPECT_EQ(1, value);
	EXPECT_EQ(-1, read(near, &value, 8));

	ASSERT_EQ(0, at_event_count(self->t.fd, 24, &before));
	at_lab_set(METIS_LAB_RAISE, 24);
	ASSERT_EQ(0, at_wait_event(self->t.fd, 24, before, AT_SOON, NULL));
	ASSERT_EQ(8, read(near, &value, 8));
	EXPECT_EQ(1, value);
	EXPECT_EQ(-1, read(far, &value, 8));
	close(near);
	close(far);
}

TEST_F(events, poll)
{
	static uint8_t buf[8192] __attribute__((aligned(4096)));
	struct pollfd pfd = { .fd = self->t.fd, .events = POLLIN | POLLOUT };
	struct axl_ioc_buf_register reg;
	struct axl_xfer x = { .direction = AXL_TO_DEVICE,
		.device_addr = at_scratch_l2(&self->t.q),
		.length = sizeof(buf), .channel = AXL_CHANNEL_ANY };
	struct axl_ioc_wait w;
	uint64_t seq[2];

	ASSERT_EQ(0, at_register(self->t.fd, buf, sizeof(buf),
				 AXL_BUF_TO_DEVICE, &reg));
	x.handle = reg.handle;
	EXPECT_EQ(0, poll(&pfd, 1, 0))
		TH_LOG("revents %#x", pfd.revents);

	/* Not ended yet: nothing to collect */
	at_lab_set(METIS_LAB_FREEZE, 1);
	ASSERT_EQ(0, at_submit(self->t.fd, &x, 1, self->t.q.generation,
			       AT_SEC(20), &seq[0]));
	EXPECT_EQ(0, poll(&pfd, 1, 20))
		TH_LOG("revents %#x", pfd.revents);
	EXPECT_EQ(-ETIMEDOUT, at_wait(self->t.fd, seq[0], 0, &w));
	EXPECT_EQ(-ENOENT, at_wait(self->t.fd, seq[0] + 1, 0, &w));
	at_lab_set(METIS_LAB_FREEZE, 0);
	EXPECT_EQ(1, poll(&pfd, 1, 5000));
	EXPECT_EQ(POLLIN, pfd.revents);

	/* Until the last is collected */
	ASSERT_EQ(0, at_submit(self->t.fd, &x, 1, self->t.q.generation, 0,
			       &seq[1]));
	EXPECT_EQ(0, at_wait(self->t.fd, seq[1], AT_SOON, &w));
	EXPECT_EQ(1, poll(&pfd, 1, 0));
	EXPECT_EQ(0, at_wait(self->t.fd, seq[0], AT_SOON, &w));
	EXPECT_EQ(0, w.status);
	EXPECT_EQ(0, poll(&pfd, 1, 0));

	/* An event is no reason: eventfds are for that */
	at_lab_set(METIS_LAB_RAISE, 24);
	at_sleep_ms(5);
	EXPECT_EQ(0, poll(&pfd, 1, 0));
}

TEST_F(events, poll_by_io_uring)
{
	static uint8_t buf[8192] __attribute__((aligned(4096)));
	struct axl_ioc_buf_register reg;
	struct axl_xfer x = { .direction = AXL_TO_DEVICE,
		.device_addr = at_scratch_l2(&self->t.q),
		.length = sizeof(buf), .channel = AXL_CHANNEL_ANY };
	struct at_uring ring;
	struct axl_ioc_wait w;
	uint64_t seq;
	int err;

	err = at_uring_poll(&ring, self->t.fd, POLLIN);
	if (err == -ENOSYS)
		SKIP(return, "this kernel has no io_uring");
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, at_register(self->t.fd, buf, sizeof(buf),
				 AXL_BUF_TO_DEVICE, &reg));
	x.handle = reg.handle;
	ASSERT_EQ(0, at_submit(self->t.fd, &x, 1, self->t.q.generation,
			       AT_SEC(20), &seq));
	EXPECT_EQ(POLLIN, at_uring_end(&ring, 10000));
	EXPECT_EQ(0, at_wait(self->t.fd, seq, AT_SOON, &w));
	/* nothing to tell: no error either */
	ASSERT_EQ(0, at_uring_poll(&ring, self->t.fd, POLLIN));
	EXPECT_EQ(-ETIMEDOUT, at_uring_end(&ring, 50));
}

/* The engine's own events count its transfers */
TEST_F(events, dma_channels)
{
	static uint8_t buf[4096] __attribute__((aligned(4096)));
	struct axl_ioc_buf_register reg;
	uint64_t before, after;
	unsigned int ch, d;

	ASSERT_EQ(0, at_register(self->t.fd, buf, sizeof(buf),
				 AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE,
				 &reg));
	for (d = 0; d < 2; d++) {
		unsigned int nr = d ? self->t.q.write_channels :
				      self->t.q.read_channels;

		for (ch = 0; ch < nr; ch++) {
			uint32_t event = d ? AXL_EVENT_DMA_WRITE(ch) :
					     AXL_EVENT_DMA_READ(ch);
			struct axl_xfer x = {
				.handle = reg.handle, .direction = d,
				.device_addr = at_scratch_l2(&self->t.q),
				.length = sizeof(buf), .channel = ch,
			};

			ASSERT_EQ(0, at_event_count(self->t.fd, event,
						    &before));
			ASSERT_EQ(0, at_run(self->t.fd, &x, 1));
			ASSERT_EQ(0, at_wait_event(self->t.fd, event, before,
						   AT_SOON, &after))
				TH_LOG("event %u", event);
			if (self->exact) {
				EXPECT_EQ(before + 1, after)
					TH_LOG("event %u", event);
			}
		}
	}
}

TEST_F(events, mailbox)
{
	static const char text[] = "ping, and an odd number of bytes";
	uint8_t reply[METIS_EMU_MBOX_MSG_MAX];
	uint64_t before, after;
	uint32_t n;
	int32_t status;
	unsigned int i;

	NEEDS_MESSAGES();
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, at_event_count(self->t.fd, AXL_EVENT_MAILBOX,
					    &before));
		ASSERT_EQ(0, at_mailbox(self->bar2, METIS_EMU_OP_PING, text,
					sizeof(text), reply, &n));
		ASSERT_EQ(0, at_wait_event(self->t.fd, AXL_EVENT_MAILBOX,
					   before, AT_SOON, &after));
		if (self->exact) {
			EXPECT_EQ(before + 1, after);
		}
		ASSERT_EQ(4 + sizeof(text), n);
		memcpy(&status, reply, 4);
		EXPECT_EQ(0, status);
		EXPECT_EQ(0, memcmp(reply + 4, text, sizeof(text)));
	}
}

/* A storm from the firmware: every number stands for itself, none gets lost */
TEST_F(events, mailbox_storm)
{
	struct { uint32_t n, count, period_us; } msg = { 24, 200, 200 };
	uint8_t reply[METIS_EMU_MBOX_MSG_MAX];
	uint64_t before, after, lost, end;
	uint32_t size;

	NEEDS_MESSAGES();
	ASSERT_EQ(0, at_event_count(self->t.fd, 24, &before));
	ASSERT_EQ(0, at_mailbox(self->bar2, METIS_EMU_OP_RAISE, &msg,
				sizeof(msg), reply, &size));
	end = at_now() + AT_SOON;
	after = before;
	/* A slot or a masked message merges what comes too fast: >= 1 */
	while (at_now() < end && after < before + msg.count) {
		if (at_wait_event(self->t.fd, 24, after, AT_MSEC(300), &after))
			break;
	}
	EXPECT_GT(after, before);
	if (self->exact) {
		/* one ahead of its message, by the reply's handler; or by looking */
		lost = self->t.q.lost_interrupts;
		ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
		EXPECT_LE(after, before + msg.count + 1 +
				 self->t.q.lost_interrupts - lost);
	}
}

static uint64_t context_record(struct __test_metadata *_metadata,
			       volatile uint8_t *bar2, unsigned int n)
{
	uint64_t offset;

	offset = *(volatile uint64_t *)(bar2 + CONTEXT_REF + 8);
	ASSERT_LT(offset, 32 << 20);
	return offset + 80 * n;
}

TEST_F(events, context_job)
{
	struct metis_emu_job job;
	uint64_t at, before, after, region = at_scratch_l2(&self->t.q) + 65536;
	volatile uint8_t *rec;
	uint32_t crc, want;
	unsigned int n;

	NEEDS_MESSAGES();
	for (n = 0; n < 4; n++) {
		at = at_scratch_l2(&self->t.q) + 256 * n;
		job = (struct metis_emu_job){
			.magic = METIS_EMU_JOB_MAGIC, .op = METIS_EMU_JOB_CRC,
			.addr = region, .len = 4096 + n,
		};
		ASSERT_EQ(0, at_dev_fill(region, 0x30 + n, 8192));
		ASSERT_EQ(0, at_dev_crc(region, 4096 + n, &want));
		ASSERT_EQ(0, at_dev_write(at, &job, sizeof(job)));
		ASSERT_EQ(0, at_event_count(self->t.fd, AXL_EVENT_CONTEXT(n),
					    &before));
		rec = self->bar2 + context_record(_metadata, self->bar2, n);
		*(volatile uint64_t *)(rec + 64) = at;	/* arg */
		__sync_synchronize();
		*(volatile uint64_t *)(rec + 48) = METIS_EMU_JOB_RUN; /* cmd */
		ASSERT_EQ(0, at_wait_event(self->t.fd, AXL_EVENT_CONTEXT(n),
					   before, AT_SOON, &after))
			TH_LOG("context %u", n);
		if (self->exact) {
			EXPECT_EQ(before + 1, after);
		}
		/* With inexact events an early one may be that of another event */
		while (!self->exact && *(volatile int64_t *)(rec + 56) > 0)
			at_sleep_ms(1);
		EXPECT_EQ(0, *(volatile int64_t *)(rec + 56));
		ASSERT_EQ(0, at_dev_read(at, &job, sizeof(job)));
		crc = job.result;
		EXPECT_EQ(want, crc);
	}

	/* A job that fails tells so in sts */
	job = (struct metis_emu_job){ .magic = METIS_EMU_JOB_MAGIC,
				      .op = METIS_EMU_JOB_FAIL };
	at = at_scratch_l2(&self->t.q);
	ASSERT_EQ(0, at_dev_write(at, &job, sizeof(job)));
	ASSERT_EQ(0, at_event_count(self->t.fd, 0, &before));
	rec = self->bar2 + context_record(_metadata, self->bar2, 0);
	*(volatile uint64_t *)(rec + 64) = at;
	__sync_synchronize();
	*(volatile uint64_t *)(rec + 48) = METIS_EMU_JOB_RUN;
	ASSERT_EQ(0, at_wait_event(self->t.fd, 0, before, AT_SOON, &after));
	while (!self->exact && *(volatile int64_t *)(rec + 56) > 0)
		at_sleep_ms(1);
	EXPECT_EQ(METIS_EMU_EINVAL, *(volatile int64_t *)(rec + 56));
}

/*
 * Events while a firmware restarts: waiters get -ESTALE, and
 * afterwards the numbers work again. The restart without a bounce raises a
 * reply at once, before a table can be published: lost or rescued, but the
 * driver lives on.
 */
TEST_F_TIMEOUT(events, stale_while_waiting, 60)
{
	uint64_t before;
	pid_t child;
	int status;

	ASSERT_EQ(0, at_event_count(self->t.fd, 1, &before));
	child = fork();
	if (!child)
		_exit(-at_wait_event(self->t.fd, 1, before,
				     AXL_TIMEOUT_INFINITE, NULL));
	ASSERT_GT(child, 0);
	at_sleep_ms(100);
	ASSERT_EQ(0, at_fw_run(self->t.fd));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	/* A count may rise without its event, but that is no event lost */
	if (self->exact || WEXITSTATUS(status)) {
		EXPECT_EQ(ESTALE, WEXITSTATUS(status));
	}

	NEEDS_MESSAGES();
	ASSERT_EQ(0, at_event_count(self->t.fd, 12, &before));
	at_lab_set(METIS_LAB_RAISE, 12);
	EXPECT_EQ(0, at_wait_event(self->t.fd, 12, before, AT_SOON, NULL));
}

TEST_HARNESS_MAIN
