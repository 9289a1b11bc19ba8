// SPDX-License-Identifier: GPL-2.0
/*
 * Transfers and events work although messages do not arrive: from the start, from some
 * moment on, one now and then, or because firmware has messages but no table. The
 * driver finds out by itself and does not wait busily.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "liblab.h"

#define ALL_MESSAGES	(METIS_LAB_LOSE_IMWR | METIS_LAB_LOSE_PMSI)
#define FOR_EVER	1000000
#define ROOM		65536

FIXTURE(polling)
{
	struct at_ctx t;
	struct at_mem mem;
	uint32_t handle;
	uint64_t base;
	bool silent;		/* by nature */
};

FIXTURE_SETUP(polling)
{
	struct axl_ioc_buf_register reg;

	AT_BEGIN(&self->t, AT_NEEDS_RUNNING | AT_PROVOKES_SILENCE);
	self->silent = at_silent(&self->t.q);
	ASSERT_EQ(0, at_mem_alloc(&self->mem, AT_PLAIN, ROOM));
	ASSERT_EQ(0, at_register(self->t.fd, self->mem.p, ROOM,
				 AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE,
				 &reg));
	self->handle = reg.handle;
	self->base = at_scratch_l2(&self->t.q);
}

static int reset(struct at_ctx *t)
{
	struct axl_ioc_reset r = { };
	int err = at_ioctl(t->fd, AXL_IOC_RESET, &r);

	return err ? err : at_query(t->fd, &t->q);
}

static void lose(uint32_t kinds, uint32_t count)
{
	at_lab_set(METIS_LAB_LOSE_KINDS, kinds);
	at_lab_set(METIS_LAB_LOSE_MSGS, count);
}

FIXTURE_TEARDOWN(polling)
{
	at_lab_reset();
	EXPECT_EQ(0, reset(&self->t));
	EXPECT_EQ(self->silent ? AXL_DELIVERY_POLLED : AXL_DELIVERY_MESSAGES,
		  self->t.q.delivery);
	at_mem_free(&self->mem);
	AT_END(&self->t);
}

/* As many round trips; the time of one in ms */
static double round_trips(struct __test_metadata *_metadata,
			  FIXTURE_DATA(polling) *self, unsigned int nr)
{
	uint64_t start = at_now();
	unsigned int i;

	for (i = 0; i < nr; i++) {
		at_fill(self->mem.p, ROOM, i, 0);
		ASSERT_EQ(0, at_move(self->t.fd, self->handle, AXL_TO_DEVICE,
				     0, self->base, ROOM));
		memset(self->mem.p, 0, ROOM);
		ASSERT_EQ(0, at_move(self->t.fd, self->handle, AXL_FROM_DEVICE,
				     0, self->base, ROOM));
		ASSERT_EQ(-1, at_check(self->mem.p, ROOM, i, 0));
	}
	return (double)(at_now() - start) / 1e6 / nr;
}

TEST_F(polling, messages_are_found_to_arrive)
{
	if (self->silent)
		SKIP(return, "this board delivers no messages");
	EXPECT_EQ(AXL_DELIVERY_MESSAGES, self->t.q.delivery);
	ASSERT_EQ(0, reset(&self->t));
	EXPECT_EQ(AXL_DELIVERY_MESSAGES, self->t.q.delivery);
}

/* Found at the start, told in one line with a cause, and it works all the same */
TEST_F_TIMEOUT(polling, from_the_start, 60)
{
	static const char said[] = "do not arrive, transfers are polled: ";
	unsigned int before = at_log_count(";axl ", said);
	uint64_t lost;
	double ms;

	lose(ALL_MESSAGES, FOR_EVER);
	ASSERT_EQ(0, reset(&self->t));
	EXPECT_EQ(AXL_DELIVERY_POLLED, self->t.q.delivery);
	/* without a vector it was said when there was none to be had */
	if (self->t.q.vectors) {
		EXPECT_EQ(before + !self->silent, at_log_count(";axl ", said));
	} else {
		EXPECT_LE(1, at_log_count(";axl ", "no interrupt vectors"));
	}
	lost = self->t.q.lost_interrupts;
	ms = round_trips(_metadata, self, 50);
	at_msg("polled: %.2f ms a round trip", ms);
	/* the watchdog alone would take 400 */
	EXPECT_LT(ms, 100);
	ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
	EXPECT_EQ(lost, self->t.q.lost_interrupts);
}

/* One that the messages of others would have to tell, but not those of firmware */
TEST_F_TIMEOUT(polling, engine_only, 60)
{
	lose(METIS_LAB_LOSE_IMWR, FOR_EVER);
	ASSERT_EQ(0, reset(&self->t));
	EXPECT_EQ(AXL_DELIVERY_POLLED, self->t.q.delivery);
	EXPECT_LT(round_trips(_metadata, self, 20), 100);
	at_lab_reset();
	/* looked at again with each start */
	ASSERT_EQ(0, at_fw_run(self->t.fd));
	ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
	EXPECT_EQ(self->silent ? AXL_DELIVERY_POLLED : AXL_DELIVERY_MESSAGES,
		  self->t.q.delivery);
}

/* A transfer that takes long is not looked at in a hurry */
TEST_F_TIMEOUT(polling, no_busy_waiting, 60)
{
	struct axl_xfer x = {
		.handle = self->handle, .direction = AXL_TO_DEVICE,
		.device_addr = self->base, .length = ROOM,
		.channel = AXL_CHANNEL_ANY,
	};
	struct axl_ioc_wait w;
	uint32_t reads;
	uint64_t seq, start, ms;

	lose(ALL_MESSAGES, FOR_EVER);
	ASSERT_EQ(0, reset(&self->t));
	at_lab_set(METIS_LAB_FREEZE, 1);
	ASSERT_EQ(0, at_submit(self->t.fd, &x, 1, self->t.q.generation, 0,
			       &seq));
	at_sleep_ms(50);
	start = at_now();
	reads = at_lab_get(METIS_LAB_BAR0_READS);
	at_sleep_ms(500);
	reads = at_lab_get(METIS_LAB_BAR0_READS) - reads;
	ms = (at_now() - start) / 1000000;
	at_msg("%u register reads in %llu ms", reads, (unsigned long long)ms);
	EXPECT_LE(reads, ms + ms / 4 + 20);
	EXPECT_GT(reads, 10);
	at_lab_set(METIS_LAB_FREEZE, 0);
	EXPECT_EQ(0, at_wait(self->t.fd, seq, AT_SOON, &w));
	EXPECT_EQ(0, w.status);
	/* nothing to do: nothing is looked at */
	reads = at_lab_get(METIS_LAB_BAR0_READS);
	at_sleep_ms(200);
	EXPECT_LE(at_lab_get(METIS_LAB_BAR0_READS) - reads, 2);
}

/* Events have slots: they come, a little later */
TEST_F_TIMEOUT(polling, events, 60)
{
	static const uint32_t which[] = { 12, 24, 0, 3, 700 };
	uint64_t count, after, start, worst = 0;
	unsigned int i;

	if (!(self->t.q.features & AXL_FEAT_VMSI))
		SKIP(return, "firmware has no table");
	lose(ALL_MESSAGES, FOR_EVER);
	ASSERT_EQ(0, at_fw_run(self->t.fd));
	ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
	ASSERT_EQ(AXL_DELIVERY_POLLED, self->t.q.delivery);
	/* that of the start */
	at_sleep_ms(100);
	for (i = 0; i < at_array_size(which); i++) {
		if (which[i] >= self->t.q.nr_vmsi)
			continue;
		ASSERT_EQ(0, at_event_count(self->t.fd, which[i], &count));
		start = at_now();
		at_lab_set(METIS_LAB_RAISE, which[i]);
		EXPECT_EQ(0, at_wait_event(self->t.fd, which[i], count,
					   AT_SOON, &after))
			TH_LOG("event %u", which[i]);
		if (at_now() - start > worst)
			worst = at_now() - start;
		if (self->t.q.features & AXL_FEAT_EVENTS_EXACT) {
			EXPECT_EQ(count + 1, after);
		} else {
			EXPECT_GT(after, count);
		}
	}
	at_msg("slowest event: %.1f ms", (double)worst / 1e6);
	EXPECT_LT(worst, AT_SEC(1));
}

/* The bootloader has no table: its replies are seen in the mailbox */
TEST_F_TIMEOUT(polling, bootloader_reply, 60)
{
	uint8_t reply[METIS_EMU_MBOX_MSG_MAX];
	volatile uint8_t *bar2;
	uint32_t size;
	uint64_t count;
	int i;

	bar2 = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, self->t.fd,
		    0);
	ASSERT_NE(MAP_FAILED, (void *)bar2);
	ASSERT_EQ(0, at_cure(self->t.fd));
	lose(ALL_MESSAGES, FOR_EVER);
	ASSERT_EQ(0, reset(&self->t));
	ASSERT_EQ(0, self->t.q.features & AXL_FEAT_VMSI);
	at_sleep_ms(100);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, at_event_count(self->t.fd, 12, &count));
		size = 0;
		EXPECT_EQ(0, at_mailbox(bar2, METIS_EMU_OP_PING, &i, 4, reply,
					&size));
		EXPECT_EQ(0, at_wait_event(self->t.fd, 12, count, AT_SOON,
					   NULL));
		at_sleep_ms(50);
	}
	munmap((void *)bar2, 4096);
}

/* Later on: each is found; after some in a row no more are waited for */
TEST_F_TIMEOUT(polling, from_now_on, 60)
{
	uint64_t lost = self->t.q.lost_interrupts;
	double ms;

	if (self->silent)
		SKIP(return, "this board delivers no messages");
	lose(METIS_LAB_LOSE_IMWR, FOR_EVER);
	round_trips(_metadata, self, 5);
	ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
	EXPECT_EQ(AXL_DELIVERY_POLLED, self->t.q.delivery);
	EXPECT_EQ(lost + 8, self->t.q.lost_interrupts);
	ms = round_trips(_metadata, self, 20);
	EXPECT_LT(ms, 100);
	ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
	EXPECT_EQ(lost + 8, self->t.q.lost_interrupts);
}

/*
 * A processor that stands still for some time, as one of a virtual machine may,
 * takes its messages late: they arrive all the same, whatever the self-test
 * and the watchdog see.
 */
TEST_F_TIMEOUT(polling, late_is_not_never, 60)
{
	struct axl_xfer x[4];
	unsigned int i;

	if (self->silent)
		SKIP(return, "this board delivers no messages");
	at_lab_set(METIS_LAB_MSG_DELAY_MS, 180);
	ASSERT_EQ(0, reset(&self->t));
	EXPECT_EQ(AXL_DELIVERY_MESSAGES, self->t.q.delivery);

	/* eight are overdue in two looks of the watchdog */
	at_lab_set(METIS_LAB_MSG_DELAY_MS, 400);
	for (i = 0; i < at_array_size(x); i++)
		x[i] = (struct axl_xfer) {
			.handle = self->handle, .direction = AXL_TO_DEVICE,
			.offset = i * (ROOM / 4), .length = ROOM / 4,
			.device_addr = self->base + i * (ROOM / 4),
			.channel = i,
		};
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, at_run(self->t.fd, x, at_array_size(x)));
	ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
	EXPECT_EQ(AXL_DELIVERY_MESSAGES, self->t.q.delivery);
	at_lab_set(METIS_LAB_MSG_DELAY_MS, 0);
	at_sleep_ms(450);
	round_trips(_metadata, self, 5);
	ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
	EXPECT_EQ(AXL_DELIVERY_MESSAGES, self->t.q.delivery);
}

TEST_F_TIMEOUT(polling, one_now_and_then, 60)
{
	uint64_t lost = self->t.q.lost_interrupts;
	int i;

	if (self->silent)
		SKIP(return, "this board delivers no messages");
	for (i = 0; i < 5; i++) {
		lose(METIS_LAB_LOSE_IMWR, 1);
		round_trips(_metadata, self, 1);
		round_trips(_metadata, self, 3);
	}
	ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
	EXPECT_EQ(AXL_DELIVERY_MESSAGES, self->t.q.delivery);
	EXPECT_EQ(lost + 5, self->t.q.lost_interrupts);
}

/* An event whose message is lost: by the end of a wait, or without any */
TEST_F_TIMEOUT(polling, event_without_message, 60)
{
	uint64_t lost = self->t.q.lost_interrupts, count, after;

	if (self->silent)
		SKIP(return, "this board delivers no messages");
	if (!(self->t.q.features & AXL_FEAT_VMSI))
		SKIP(return, "firmware has no table");
	ASSERT_EQ(0, at_event_count(self->t.fd, 24, &count));
	lose(METIS_LAB_LOSE_PMSI, 1);
	at_lab_set(METIS_LAB_RAISE, 24);
	EXPECT_EQ(0, at_wait_event(self->t.fd, 24, count, AT_MSEC(20),
				   &after));
	EXPECT_EQ(count + 1, after);
	count = after;
	lose(METIS_LAB_LOSE_PMSI, 1);
	at_lab_set(METIS_LAB_RAISE, 24);
	EXPECT_EQ(0, at_wait_event(self->t.fd, 24, count,
				   AXL_TIMEOUT_INFINITE, &after));
	EXPECT_EQ(count + 1, after);
	ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
	EXPECT_EQ(lost + 2, self->t.q.lost_interrupts);
}

/* Messages, but no table: all events come, on one vector as on 32 */
TEST_F_TIMEOUT(polling, no_table, 60)
{
	static const uint32_t which[] = { 0, 1, 2, 3, 12, 24 };
	static const char *const options[] = { "max_vectors=1", "" };
	uint64_t count;
	size_t i, k;

	if (self->silent)
		SKIP(return, "this board delivers no messages");
	for (k = 0; k < at_array_size(options); k++) {
		close(self->t.fd);
		self->t.fd = -1;
		ASSERT_EQ(0, at_module_unload());
		setenv("AXL_MODULE_OPTIONS", options[k], 1);
		ASSERT_EQ(0, at_module_load());
		unsetenv("AXL_MODULE_OPTIONS");
		self->t.fd = at_open();
		ASSERT_GE(self->t.fd, 0);
		/* from the next start on: no reference with a magic is good */
		at_lab_set(METIS_LAB_HOSTILE, METIS_HOSTILE_REF_MAGIC);
		at_fw_run(self->t.fd);
		ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
		ASSERT_EQ(0, self->t.q.features & AXL_FEAT_VMSI);
		EXPECT_EQ(AXL_DELIVERY_MESSAGES, self->t.q.delivery);
		for (i = 0; i < at_array_size(which); i++) {
			ASSERT_EQ(0, at_event_count(self->t.fd, which[i],
						    &count));
			at_lab_set(METIS_LAB_RAISE_PMSI, which[i]);
			EXPECT_EQ(0, at_wait_event(self->t.fd, which[i], count,
						   AT_SOON, NULL))
				TH_LOG("'%s': event %u", options[k], which[i]);
		}
		at_lab_set(METIS_LAB_HOSTILE, METIS_HOSTILE_OFF);
	}
}

TEST_HARNESS_MAIN
