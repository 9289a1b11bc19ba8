// SPDX-License-Identifier: GPL-2.0
/*
 * The driver recovers from every restart of firmware, whether the driver, another
 * process through the mailbox or the card itself starts it, and whether the link shows
 * it or not. Nothing accesses the card while its link is down.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "librestart.h"

#define RESTARTS	100
#define ROOM		(64 * KIB)

FIXTURE(restart)
{
	struct at_ctx t;
	volatile uint8_t *bar2;
	uint32_t down;
	bool silent;
};

FIXTURE_SETUP(restart)
{
	AT_BEGIN(&self->t, AT_NEEDS_RUNNING);
	self->bar2 = at_map_l2(self->t.fd, &self->t);
	ASSERT_NE(NULL, self->bar2);
	self->down = at_down_accesses();
	self->silent = at_silent(&self->t.q);
	at_lab_set(METIS_LAB_LINK_DOWN_MS, 20);
	at_lab_set(METIS_LAB_AREA_DELAY_MS, 10);
}

FIXTURE_TEARDOWN(restart)
{
	munmap((void *)self->bar2, self->t.q.bar2_size);
	AT_END(&self->t);
}

/* Every later event comes: one with a message of its own, one by its slot */
static int events_come(int fd, const struct axl_ioc_query *q)
{
	static const uint32_t which[] = { 12, 1, 24, 500 };
	struct axl_ioc_wait_event w;
	uint64_t count;
	size_t i;
	int err;

	for (i = 0; i < at_array_size(which); i++) {
		if (which[i] >= 32 && which[i] >= q->nr_vmsi)
			continue;
		err = at_event_count(fd, which[i], &count);
		if (err)
			return err;
		at_lab_set(METIS_LAB_RAISE, which[i]);
		w = (struct axl_ioc_wait_event){
			.event = which[i], .seen = count, .timeout_ns = AT_SOON,
			.generation = q->generation,
		};
		err = at_ioctl(fd, AXL_IOC_WAIT_EVENT, &w);
		if (err) {
			at_msg("event %u: %s", which[i], strerror(-err));
			return err;
		}
	}
	return 0;
}

/* The image is in place; who starts it is another matter */
static int upload(int fd, const struct axl_ioc_query *q)
{
	struct axl_ioc_fw_load load = { .flags = AXL_FW_LOAD_NO_START };
	struct at_image image;
	int err = at_image_good(&image, q, 64);

	if (!err)
		err = at_fw_load(fd, &image, &load);
	at_image_free(&image);
	return err;
}

/* Another process starts it, by a word in the mailbox */
static int start_by_mailbox(void)
{
	volatile uint8_t *bar2;
	pid_t child = fork();
	int status, fd;

	if (!child) {
		fd = at_open();
		bar2 = fd < 0 ? MAP_FAILED :
		       mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			    0);
		if (bar2 == MAP_FAILED)
			_exit(1);
		*(volatile uint32_t *)(bar2 + METIS_EMU_MBOX_SIZE) = 0;
		__sync_synchronize();
		*(volatile uint32_t *)(bar2 + METIS_EMU_MBOX_OPCODE) =
			at_start_opcode();
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		return -ECHILD;
	return 0;
}

enum starter { BY_IOCTL, BY_MAILBOX, BY_ITSELF, UNSEEN, BY_RESET, STARTERS };

static const char *const starter_names[] = {
	"ioctl", "mailbox", "by itself", "unseen", "reset",
};

static int start_by(int fd, enum starter how)
{
	struct axl_ioc_reset reset = { };
	struct axl_ioc_query q;
	int err;

	switch (how) {
	case BY_IOCTL:
		return at_fw_run(fd);
	case BY_MAILBOX:
		err = at_query(fd, &q);
		if (!err)
			err = upload(fd, &q);
		return err ? err : start_by_mailbox();
	case BY_ITSELF:
		at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_RUNTIME);
		return 0;
	case UNSEEN:
		at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_WARM);
		return 0;
	case BY_RESET:
		return at_ioctl(fd, AXL_IOC_RESET, &reset);
	default:
		return -EINVAL;
	}
}

static void one(struct __test_metadata *_metadata, FIXTURE_DATA(restart) *self,
		enum starter how)
{
	uint64_t gen = self->t.q.generation, restarts = self->t.q.restarts;
	uint64_t base = at_scratch_l2(&self->t.q), seq;
	struct axl_ioc_buf_register reg;
	struct at_waiter waiter;
	struct axl_ioc_query q;
	struct axl_ioc_wait w;
	struct at_mem mem;
	uint32_t word;

	ASSERT_EQ(0, at_mem_alloc(&mem, AT_SCATTERED, ROOM));
	ASSERT_EQ(0, at_register(self->t.fd, mem.p, ROOM,
				 AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE,
				 &reg));
	struct axl_xfer x = {
		.handle = reg.handle, .direction = AXL_FROM_DEVICE,
		.device_addr = base, .length = ROOM,
		.channel = AXL_CHANNEL_ANY,
	};

	/* a thread waits for an event that never comes */
	at_waiter_start(&waiter, self->t.fd, 900, 0, gen,
			AXL_TIMEOUT_INFINITE);
	/* in the ioctl's own way running transfers are waited for */
	if (how != BY_IOCTL) {
		if (how == BY_MAILBOX)
			ASSERT_EQ(0, upload(self->t.fd, &self->t.q));
		at_lab_set(METIS_LAB_FREEZE, 1);
		ASSERT_EQ(0, at_submit(self->t.fd, &x, 1, gen, 0, &seq));
	}
	if (how == BY_MAILBOX) {
		ASSERT_EQ(0, start_by_mailbox());
	} else {
		ASSERT_EQ(0, start_by(self->t.fd, how));
	}
	/* an unseen one shows when a program asks, or a message comes */
	if (how == UNSEEN && self->silent)
		ASSERT_EQ(0, at_query(self->t.fd, &q));
	/* no program has to ask: the waiter is woken */
	EXPECT_EQ(-ESTALE, at_waiter_end(&waiter));
	at_lab_set(METIS_LAB_FREEZE, 0);
	ASSERT_EQ(0, at_settled(self->t.fd, gen, &q));
	EXPECT_EQ(restarts + (how != BY_IOCTL && how != BY_RESET), q.restarts);
	if (how != BY_IOCTL) {
		EXPECT_EQ(0, at_wait(self->t.fd, seq, AT_SOON, &w));
		EXPECT_EQ(-ESTALE, w.status);
	}
	/* the mapping works without being made again */
	word = *(volatile uint32_t *)(self->bar2 + AT_L2_SCRATCH);
	*(volatile uint32_t *)(self->bar2 + AT_L2_SCRATCH) = ~word;
	EXPECT_EQ(~word, *(volatile uint32_t *)(self->bar2 + AT_L2_SCRATCH));
	/* and so does the buffer */
	at_fill(mem.p, ROOM, gen, 0);
	EXPECT_EQ(0, at_move(self->t.fd, reg.handle, AXL_TO_DEVICE, 0, base,
			     ROOM));
	memset(mem.p, 0, ROOM);
	EXPECT_EQ(0, at_move(self->t.fd, reg.handle, AXL_FROM_DEVICE, 0, base,
			     ROOM));
	EXPECT_EQ(-1, at_check(mem.p, ROOM, gen, 0));
	EXPECT_EQ(0, events_come(self->t.fd, &q));
	at_mem_free(&mem);
}

TEST_F_TIMEOUT(restart, by_ioctl, 60)
{
	one(_metadata, self, BY_IOCTL);
	EXPECT_EQ(self->down, at_down_accesses());
}

TEST_F_TIMEOUT(restart, by_mailbox, 60)
{
	one(_metadata, self, BY_MAILBOX);
}

TEST_F_TIMEOUT(restart, by_itself, 60)
{
	one(_metadata, self, BY_ITSELF);
}

TEST_F_TIMEOUT(restart, unseen, 60)
{
	if (!(self->t.q.features & AXL_FEAT_VMSI))
		SKIP(return, "without a table nothing shows it");
	self->t.flags |= AT_PROVOKES_STRAY;
	one(_metadata, self, UNSEEN);
}

TEST_F_TIMEOUT(restart, by_reset, 60)
{
	one(_metadata, self, BY_RESET);
}

/* The link goes once more while the driver waits for firmware's areas. */
TEST_F_TIMEOUT(restart, link_lost_twice, 60)
{
	uint64_t gen = self->t.q.generation, begun = at_now(), took;
	struct axl_ioc_query q;

	at_lab_set(METIS_LAB_AREA_DELAY_MS, 600);
	at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_RUNTIME);
	/* the call that notices; and the time to begin */
	at_sleep_ms(5);
	at_query(self->t.fd, &q);
	at_sleep_ms(250);
	at_lab_set(METIS_LAB_LINK_DOWN, 20);
	ASSERT_EQ(0, at_settled(self->t.fd, gen, &q));
	took = at_now() - begun;
	at_msg("back after %u ms", (unsigned int)(took / AT_MSEC(1)));
	/* not as long as areas are waited for that do not come */
	EXPECT_LT(took, AT_SEC(4));
	EXPECT_EQ(gen + 1, q.generation);
	EXPECT_EQ(0, events_come(self->t.fd, &q));
}

/* The card is idle at the time: found all the same, while it is open */
TEST_F_TIMEOUT(restart, found_while_idle, 60)
{
	uint64_t end = at_now() + AT_SEC(5), target, gen;

	gen = self->t.q.generation;
	at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_RUNTIME);
	at_sleep_ms(50);
	do {
		at_sleep_ms(10);
		target = at_lab_get64(METIS_LAB_TARGET);
	} while (!target && at_now() < end);
	EXPECT_NE(0, target)
		TH_LOG("no call was made, and the table is not published");
	ASSERT_EQ(0, at_settled(self->t.fd, gen, &self->t.q));
}

static volatile bool touched_enough;

/* Ends the test wherever it strikes: a bus error is what must not happen */
static void on_sigbus(int sig)
{
	static const char text[] = "# SIGBUS although the link comes back\n";

	(void)sig;
	(void)!write(1, text, sizeof(text) - 1);
	_exit(1);
}

/* Processes that go on reading L2 while the link goes down and up again */
static void *toucher(void *arg)
{
	FIXTURE_DATA(restart) *self = arg;
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; !touched_enough; i++) {
		sum += *(volatile uint32_t *)(self->bar2 + AT_L2_SCRATCH +
					      i % 1024 * 4);
		usleep(500);
	}
	return (void *)(sum & 1);
}

TEST_F_TIMEOUT(restart, no_bus_error, 60)
{
	uint64_t gen = self->t.q.generation;
	pthread_t thread;
	int i;

	signal(SIGBUS, on_sigbus);
	pthread_create(&thread, NULL, toucher, self);
	for (i = 0; i < 6; i++) {
		ASSERT_EQ(0, start_by(self->t.fd,
				      i % 2 ? BY_IOCTL : BY_ITSELF));
		ASSERT_EQ(0, at_settled(self->t.fd, gen, &self->t.q));
		gen = self->t.q.generation;
	}
	touched_enough = true;
	pthread_join(thread, NULL);
	signal(SIGBUS, SIG_DFL);
}

/* ---- a hundred of all kinds, with data moving all the time ---- */

struct load {
	pthread_t thread;
	uint32_t direction;
	unsigned int nr;
	volatile bool stop;
	uint64_t good, stale;
	int err;
};

static void *load_run(void *arg)
{
	struct load *l = arg;
	struct axl_ioc_buf_register reg;
	struct axl_ioc_query q;
	struct at_mem mem;
	uint64_t base, seed;
	int fd = at_open();

	if (fd < 0 || at_mem_alloc(&mem, AT_SCATTERED, ROOM) ||
	    at_query(fd, &q) ||
	    at_register(fd, mem.p, ROOM,
			AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE, &reg)) {
		l->err = -ENOMEM;
		return NULL;
	}
	base = at_scratch_l2(&q) + l->nr * 2 * ROOM;
	for (seed = 1; !l->stop && !l->err; seed++) {
		at_fill(mem.p, ROOM, seed, 0);
		l->err = at_move(fd, reg.handle, AXL_TO_DEVICE, 0, base, ROOM);
		if (!l->err) {
			memset(mem.p, 0, ROOM);
			l->err = at_move(fd, reg.handle, AXL_FROM_DEVICE, 0,
					 base, ROOM);
		}
		if (!l->err && at_check(mem.p, ROOM, seed, 0) != -1)
			l->err = -EILSEQ;
		if (!l->err)
			l->good++;
		if (l->err == -ESTALE) {
			l->stale++;
			l->err = 0;
		}
	}
	at_mem_free(&mem);
	close(fd);
	return NULL;
}

TEST_F_TIMEOUT(restart, a_hundred_under_load, 240)
{
	struct load load[3] = { };
	uint64_t gen = self->t.q.generation, lost;
	unsigned int i, n, done = 0, kinds = STARTERS;
	struct axl_ioc_query q;

	at_lab_set(METIS_LAB_LINK_DOWN_MS, 10);
	at_lab_set(METIS_LAB_AREA_DELAY_MS, 5);
	lost = self->t.q.lost_interrupts;
	self->t.flags |= AT_PROVOKES_STRAY;
	for (n = 0; n < at_array_size(load); n++) {
		load[n].nr = n;
		pthread_create(&load[n].thread, NULL, load_run, &load[n]);
	}
	for (i = 0; i < RESTARTS; i++) {
		enum starter how = i % kinds;
		uint32_t starts = at_lab_get(METIS_LAB_GENERATION);
		int err;

		if (how == UNSEEN && !(self->t.q.features & AXL_FEAT_VMSI))
			how = BY_ITSELF;
		/* an upload that a restart overtakes is told so */
		err = start_by(self->t.fd, how);
		ASSERT_EQ(0, err)
			TH_LOG("restart %u, %s: %s", i, starter_names[how],
			       strerror(-err));
		ASSERT_EQ(0, at_settled(self->t.fd, gen, &q))
			TH_LOG("restart %u, %s", i, starter_names[how]);
		gen = q.generation;
		done++;
		if (how != BY_RESET) {
			EXPECT_EQ(starts + 1, at_lab_get(METIS_LAB_GENERATION));
		}
		ASSERT_EQ(0, events_come(self->t.fd, &q))
			TH_LOG("restart %u, %s: an event is lost", i,
			       starter_names[how]);
	}
	for (n = 0; n < at_array_size(load); n++)
		load[n].stop = true;
	for (n = 0; n < at_array_size(load); n++) {
		pthread_join(load[n].thread, NULL);
		EXPECT_EQ(0, load[n].err)
			TH_LOG("load %u: %s", n, strerror(-load[n].err));
		EXPECT_GT(load[n].good, 0);
	}
	EXPECT_EQ(RESTARTS, done);
	at_msg("%u restarts; %llu round trips, %llu told of a restart, %llu messages late",
	       done, (unsigned long long)(load[0].good + load[1].good +
					      load[2].good),
	       (unsigned long long)(load[0].stale + load[1].stale +
				    load[2].stale),
	       (unsigned long long)(q.lost_interrupts - lost));
}

TEST_HARNESS_MAIN
