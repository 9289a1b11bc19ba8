// SPDX-License-Identifier: GPL-2.0
/*
 * Each event is counted once, in whatever order slots and messages arrive: a slot that
 * is found before its message, several slots for one message, a message without a
 * slot. A restart and an unbind wake waiters for any event, although no event happens.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "liblab.h"

#define FIRST		40	/* slots that message 24 announces */
#define SECOND		41

FIXTURE(order)
{
	struct at_ctx t;
	uint64_t interrupts;
};

FIXTURE_SETUP(order)
{
	AT_BEGIN(&self->t, AT_NEEDS_RUNNING);
}

FIXTURE_TEARDOWN(order)
{
	AT_END(&self->t);
}

#define NEEDS_SLOTS()							\
do {									\
	if (at_silent(&self->t.q))					\
		SKIP(return, "no messages arrive here");		\
	if (!(self->t.q.features & AXL_FEAT_VMSI))			\
		SKIP(return, "firmware has no table in host memory");	\
} while (0)

/* A message without a slot is an event only on a vector of its own. */
#define NEEDS_OWN_VECTORS()						\
do {									\
	NEEDS_SLOTS();							\
	if (self->t.q.vectors < 32)					\
		SKIP(return, "%u vectors", self->t.q.vectors);		\
} while (0)

#define NEEDS_VIRTUAL()							\
do {									\
	NEEDS_SLOTS();							\
	if (self->t.q.nr_vmsi <= SECOND)				\
		SKIP(return, "firmware names no slots beyond 31");	\
} while (0)

/* Send message @n alone, and wait until its handler has run. */
static int message(unsigned int n)
{
	uint64_t before = at_irq_count(), end = at_now() + AT_SOON;

	at_lab_set(METIS_LAB_RAISE_PMSI, n);
	while (at_irq_count() == before) {
		if (at_now() > end)
			return -ETIMEDOUT;
		at_sleep_ms(1);
	}
	/* the interrupt is counted before its handler runs */
	at_sleep_ms(20);
	return 0;
}

/* The slot of event @n is written and found although no message has come. */
static int slot_found(int fd, unsigned int n, uint64_t *count)
{
	uint64_t before, end = at_now() + AT_SOON;
	int err;

	err = at_event_count(fd, n, &before);
	if (err)
		return err;
	at_lab_set(METIS_LAB_RAISE_VMSI, n);
	do {
		/* a wait that times out looks at the slot */
		err = at_wait_event(fd, n, before, AT_MSEC(1), count);
	} while (err == -ETIMEDOUT && at_now() < end);
	if (!err && *count != before + 1)
		err = -ERANGE;
	return err;
}

TEST_F(order, slot_then_message)
{
	uint64_t count, after;
	int i;

	NEEDS_SLOTS();
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, slot_found(self->t.fd, 24, &count));
		ASSERT_EQ(0, message(24));
		ASSERT_EQ(0, at_event_count(self->t.fd, 24, &after));
		EXPECT_EQ(count, after);
	}
}

/* The handler of another message finds the slot. */
TEST_F(order, slot_taken_by_another_message)
{
	uint64_t before, after;

	NEEDS_SLOTS();
	ASSERT_EQ(0, at_event_count(self->t.fd, 24, &before));
	at_lab_set(METIS_LAB_RAISE_VMSI, 24);
	at_lab_set(METIS_LAB_RAISE_PMSI, 12);
	ASSERT_EQ(0, at_wait_event(self->t.fd, 24, before, AT_SOON, &after));
	EXPECT_EQ(before + 1, after);
	ASSERT_EQ(0, message(24));
	ASSERT_EQ(0, at_event_count(self->t.fd, 24, &after));
	EXPECT_EQ(before + 1, after);
}

/*
 * Two slots, then their two messages: the first message's handler takes both
 * slots, and the second message is no event of its own.
 */
TEST_F(order, two_slots_then_two_messages)
{
	uint64_t first, second, own, after, lost;
	int i, tries = 0;

	NEEDS_VIRTUAL();
	for (i = 0; i < 3 && tries < 20; tries++) {
		ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
		lost = self->t.q.lost_interrupts;
		ASSERT_EQ(0, at_event_count(self->t.fd, FIRST, &first));
		ASSERT_EQ(0, at_event_count(self->t.fd, SECOND, &second));
		ASSERT_EQ(0, at_event_count(self->t.fd, 24, &own));
		at_lab_set(METIS_LAB_RAISE_VMSI, FIRST);
		at_lab_set(METIS_LAB_RAISE_VMSI, SECOND);
		at_lab_set(METIS_LAB_RAISE_PMSI, 24);
		ASSERT_EQ(0, at_wait_event(self->t.fd, FIRST, first, AT_SOON,
					   &after));
		EXPECT_EQ(first + 1, after);
		ASSERT_EQ(0, at_wait_event(self->t.fd, SECOND, second, AT_SOON,
					   &after));
		EXPECT_EQ(second + 1, after);
		ASSERT_EQ(0, message(24));
		ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
		/* the board has stalled between slots and message */
		if (self->t.q.lost_interrupts != lost)
			continue;
		ASSERT_EQ(0, at_event_count(self->t.fd, 24, &after));
		EXPECT_EQ(own, after);
		i++;
	}
	EXPECT_EQ(3, i);
}

/* What a reset drops is not held against the next message. */
TEST_F(order, message_lost_over_a_reset)
{
	struct axl_ioc_reset reset = { };
	uint64_t count, after;

	NEEDS_OWN_VECTORS();
	ASSERT_EQ(0, slot_found(self->t.fd, 24, &count));
	ASSERT_EQ(0, at_ioctl(self->t.fd, AXL_IOC_RESET, &reset));
	ASSERT_EQ(0, at_event_count(self->t.fd, 24, &after));
	EXPECT_EQ(count, after);
	at_lab_set(METIS_LAB_RAISE_PMSI, 24);
	ASSERT_EQ(0, at_wait_event(self->t.fd, 24, count, AT_SOON, &after));
	EXPECT_EQ(count + 1, after);
}

/* Nor is a lost message, once the next event has come with slot and message. */
TEST_F(order, message_lost_before_the_next)
{
	uint64_t count, after;

	NEEDS_OWN_VECTORS();
	ASSERT_EQ(0, slot_found(self->t.fd, 24, &count));
	at_lab_set(METIS_LAB_RAISE, 24);
	ASSERT_EQ(0, at_wait_event(self->t.fd, 24, count, AT_SOON, &after));
	EXPECT_EQ(count + 1, after);
	at_lab_set(METIS_LAB_RAISE_PMSI, 24);
	ASSERT_EQ(0, at_wait_event(self->t.fd, 24, after, AT_SOON, &after));
	EXPECT_EQ(count + 2, after);
}

/* The count of event @n has left @before; a call that reads no configuration. */
static int counted(int fd, unsigned int n, uint64_t before, uint64_t *after)
{
	uint64_t end = at_now() + AT_SOON;
	int err;

	for (;;) {
		err = at_event_count(fd, n, after);
		if (err || *after != before)
			return err;
		if (at_now() > end)
			return -ETIMEDOUT;
		usleep(500);
	}
}

/* The driver's periodic look begins with configuration reads. */
static bool looked(uint32_t since)
{
	uint64_t end = at_now() + AT_SOON;

	while (at_lab_get(METIS_LAB_CFG_READS) == since) {
		if (at_now() > end)
			return false;
		usleep(500);
	}
	/* let it reach the slots */
	at_sleep_ms(10);
	return true;
}

/*
 * The periodic look sees each slot once before its message comes, which is no
 * reason to call the message lost. A round in which the board stalled until the
 * second look is repeated.
 */
TEST_F(order, seen_once_is_not_lost)
{
	uint64_t before, after, lost = self->t.q.lost_interrupts;
	unsigned int good = 0, tries = 0, late = 0;
	uint32_t reads;

	NEEDS_SLOTS();
	/* start right behind a look */
	ASSERT_TRUE(looked(at_lab_get(METIS_LAB_CFG_READS)));
	for (; good < 6 && tries < 30; tries++) {
		ASSERT_EQ(0, at_event_count(self->t.fd, 24, &before));
		reads = at_lab_get(METIS_LAB_CFG_READS);
		at_lab_set(METIS_LAB_RAISE_VMSI, 24);
		ASSERT_TRUE(looked(reads));
		reads = at_lab_get(METIS_LAB_CFG_READS);
		ASSERT_EQ(0, message(24));
		ASSERT_EQ(0, counted(self->t.fd, 24, before, &after));
		EXPECT_EQ(before + 1, after);
		/* a second look may have been in time to take it */
		if (at_lab_get(METIS_LAB_CFG_READS) == reads) {
			good++;
			continue;
		}
		late++;
	}
	ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
	at_msg("%u rounds, %u with a late message", good, late);
	EXPECT_EQ(6, good);
	/* one more: the board may stall between the look and the reading of it */
	EXPECT_LE(self->t.q.lost_interrupts - lost, late + 1);
}

/* ---- waiters for any event ---- */

static void any_begin(struct at_waiter *w, struct at_ctx *t)
{
	uint64_t seen, before, end = at_now() + AT_SOON;

	/* until the events of a firmware start have all come */
	at_wait_event(t->fd, AXL_EVENT_ANY, 0, 0, &seen);
	do {
		before = seen;
		at_sleep_ms(30);
		at_wait_event(t->fd, AXL_EVENT_ANY, before, 0, &seen);
	} while (seen != before && at_now() < end);
	at_waiter_start(w, t->fd, AXL_EVENT_ANY, seen, at_generation(t->fd),
			AXL_TIMEOUT_INFINITE);
}

/* Woken: what the call returned; otherwise -ETIMEDOUT, and an event ends the wait. */
static int any_end(struct at_waiter *w)
{
	if (at_waiter_ended(w, AT_SOON))
		return at_waiter_end(w);
	at_lab_set(METIS_LAB_RAISE, 24);
	if (at_waiter_ended(w, AT_SOON))
		at_waiter_end(w);
	return -ETIMEDOUT;
}

TEST_F_TIMEOUT(order, any_woken_by_a_restart, 60)
{
	uint64_t gen = self->t.q.generation, end;
	struct axl_ioc_reset reset = { };
	struct at_waiter w;

	if (!(self->t.q.features & AXL_FEAT_EVENTS_EXACT))
		SKIP(return, "events that do not happen are signalled, too");
	at_lab_set(METIS_LAB_LINK_DOWN_MS, 20);
	at_lab_set(METIS_LAB_AREA_DELAY_MS, 10);
	any_begin(&w, &self->t);
	ASSERT_EQ(0, at_ioctl(self->t.fd, AXL_IOC_RESET, &reset));
	EXPECT_EQ(-ESTALE, any_end(&w));

	ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
	EXPECT_NE(gen, self->t.q.generation);
	gen = self->t.q.generation;
	any_begin(&w, &self->t);
	at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_RUNTIME);
	EXPECT_EQ(-ESTALE, any_end(&w));
	for (end = at_now() + AT_SOON; at_now() < end; at_sleep_ms(5)) {
		ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
		if (self->t.q.generation != gen &&
		    self->t.q.fw_state == AXL_FW_RUNNING)
			break;
	}
	EXPECT_EQ(AXL_FW_RUNNING, self->t.q.fw_state);
}

TEST_F_TIMEOUT(order, any_woken_by_unbinding, 60)
{
	struct at_waiter w;
	bool ended;

	any_begin(&w, &self->t);
	ASSERT_EQ(0, at_pci_unbind(&self->t.pci));
	ended = at_waiter_ended(&w, AT_SOON);
	EXPECT_EQ(0, at_pci_bind(&self->t.pci));
	ASSERT_TRUE(ended);
	EXPECT_EQ(-ENODEV, at_waiter_end(&w));
}

TEST_HARNESS_MAIN
