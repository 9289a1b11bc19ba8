// SPDX-License-Identifier: GPL-2.0
/*
 * The guard page at bus address 0 ends the failure that this driver exists for:
 * firmware restarts and signals before the host has told it where its table is. The
 * failure is shown first, with the guard page switched off, then that it does not
 * happen with it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "liblab.h"

#define MAILBOX		AXL_EVENT_MAILBOX
#define STRAY		0x30	/* 4 * 12: where the mailbox reply goes astray */

FIXTURE(guard)
{
	struct at_ctx t;
	struct axl_ioc_query q;	/* as it was last asked */
	uint64_t count;		/* of mailbox events, likewise */
	bool silent;
};

/* Load the driver anew with these options and start firmware */
static int reload(struct at_ctx *t, const char *options)
{
	int err;

	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	err = at_module_unload();
	if (err)
		return err;
	setenv("AXL_MODULE_OPTIONS", options, 1);
	err = at_module_load();
	unsetenv("AXL_MODULE_OPTIONS");
	if (err)
		return err;
	t->fd = at_open();
	if (t->fd < 0)
		return t->fd;
	err = at_fw_run(t->fd);
	/* the event of the start may be found by looking */
	at_sleep_ms(50);
	return err ? err : at_query(t->fd, &t->q);
}

static int look(FIXTURE_DATA(guard) *self)
{
	int err = at_query(self->t.fd, &self->q);

	return err ? err : at_event_count(self->t.fd, MAILBOX, &self->count);
}

FIXTURE_SETUP(guard)
{
	AT_BEGIN(&self->t, AT_NEEDS_RUNNING | AT_PROVOKES_SMMU);
	self->silent = at_silent(&self->t.q);
	ASSERT_EQ(0, look(self));
}

FIXTURE_TEARDOWN(guard)
{
	at_lab_reset();
	AT_END(&self->t);
}

static bool translates(const struct axl_ioc_query *q)
{
	return q->iommu_mode == AXL_IOMMU_TRANSLATED ||
	       q->iommu_mode == AXL_IOMMU_LAZY;
}

#define NEEDS_GUARD()							\
	do {								\
		if (!translates(&self->t.q))				\
			SKIP(return, "nothing translates: no guard");	\
		if (!(self->t.q.features & AXL_FEAT_VMSI))		\
			SKIP(return, "firmware has no table");		\
	} while (0)

/* Where events cannot be told apart a count may rise without its event */
#define EXPECT_ONE_MORE(before, after)					\
	do {								\
		if (self->q.features & AXL_FEAT_EVENTS_EXACT) {	\
			EXPECT_EQ((before) + 1, after);			\
		} else {						\
			EXPECT_GT(after, before);			\
		}							\
	} while (0)

/* The firmware restarts; its link does not show it. @lost: nor does a message come */
static void restart(enum metis_lab_restart how, bool lost)
{
	if (lost) {
		at_lab_set(METIS_LAB_LOSE_KINDS, METIS_LAB_LOSE_PMSI);
		at_lab_set(METIS_LAB_LOSE_MSGS, 1);
	}
	at_lab_set(METIS_LAB_FW_RESTART, how);
}

static void waiter_start(struct at_waiter *w, FIXTURE_DATA(guard) *self,
			 uint64_t timeout)
{
	at_waiter_start(w, self->t.fd, MAILBOX, self->count, self->q.generation,
			timeout);
}

/* Restart while a thread waits; the result of the wait */
#define RESTART_AND_WAIT(how, lost, timeout) ({				\
	struct at_waiter __w;						\
									\
	waiter_start(&__w, self, timeout);				\
	restart(how, lost);						\
	__w.err = at_waiter_end(&__w);					\
	after = __w.wait.count;						\
	__w.err;							\
})

/* SMMU events that name the address, in either form of the kernel's words */
static unsigned int events_at(struct at_ctx *t, uint64_t addr)
{
	char raw[64], decoded[64];

	at_sleep_ms(50);
	snprintf(raw, sizeof(raw), "0x%016llx", (unsigned long long)addr);
	snprintf(decoded, sizeof(decoded), "iova: 0x%llx ",
		 (unsigned long long)addr);
	at_log_read(&t->log);
	return at_log_count("arm-smmu", raw) +
	       at_log_count("arm-smmu", decoded);
}

/* When the recovery is over events arrive through the table that is in force */
static void events_arrive(struct __test_metadata *_metadata,
			  FIXTURE_DATA(guard) *self)
{
	uint64_t end = at_now() + AT_SOON, before;
	struct axl_ioc_query q;
	uint32_t writes;

	do {
		at_sleep_ms(5);
		ASSERT_EQ(0, at_query(self->t.fd, &q));
	} while (q.generation == self->q.generation && at_now() < end);
	ASSERT_NE(self->q.generation, q.generation)
		TH_LOG("the restart was not noticed");
	ASSERT_NE(0, at_lab_get64(METIS_LAB_TARGET))
		TH_LOG("the table was not published again");
	self->q = q;
	ASSERT_EQ(0, at_event_count(self->t.fd, 24, &before));
	writes = at_lab_get(METIS_LAB_VMSI_WRITES);
	at_lab_set(METIS_LAB_RAISE, 24);
	EXPECT_EQ(0, at_wait_event(self->t.fd, 24, before, AT_SOON, NULL));
	EXPECT_EQ(writes + 1, at_lab_get(METIS_LAB_VMSI_WRITES));
}

/*
 * What users report: the SMMU refuses a write to 0x30, the interrupt never
 * comes. The guard page is off, and so is what would find the restart by a
 * message that comes without its slot.
 */
TEST_F_TIMEOUT(guard, failure_as_reported, 60)
{
	unsigned int before;
	uint64_t after;

	NEEDS_GUARD();
	ASSERT_EQ(0, reload(&self->t, "iova0_guard=0"));
	ASSERT_EQ(0, look(self));
	EXPECT_EQ(AXL_GUARD_OFF, self->q.guard);
	before = events_at(&self->t, STRAY);
	EXPECT_EQ(-ETIMEDOUT, RESTART_AND_WAIT(METIS_LAB_RESTART_WARM, true,
					       AT_SEC(1)));
	EXPECT_EQ(self->count, after);
	EXPECT_EQ(STRAY, at_lab_get(METIS_LAB_STRAY_LAST));
	EXPECT_NE(0, at_lab_get(METIS_LAB_STRAY_RESULT));
	EXPECT_GT(events_at(&self->t, STRAY), before)
		TH_LOG("no SMMU event for address 0x30");
	/* The wait that timed out has found the restart: no reload is needed */
	events_arrive(_metadata, self);
	EXPECT_EQ(0, self->q.rescued_interrupts);
	ASSERT_EQ(0, reload(&self->t, ""));
}

/* The same with the driver as it is: the event comes, nothing is refused */
TEST_F_TIMEOUT(guard, rescued_when_a_wait_ends, 60)
{
	struct axl_ioc_query *q = &self->q;
	struct axl_ioc_wait_event w = {
		.event = MAILBOX, .seen = self->count,
		.timeout_ns = AT_MSEC(20), .generation = self->q.generation,
	};
	uint64_t rescued, gen, restarts, after;
	unsigned int before;

	NEEDS_GUARD();
	ASSERT_EQ(AXL_GUARD_ACTIVE, q->guard);
	rescued = q->rescued_interrupts;
	restarts = q->restarts;
	gen = q->generation;
	before = events_at(&self->t, STRAY);
	/* short enough for the monitor not to be first */
	restart(METIS_LAB_RESTART_WARM, true);
	EXPECT_EQ(0, at_ioctl(self->t.fd, AXL_IOC_WAIT_EVENT, &w));
	after = w.count;
	EXPECT_ONE_MORE(self->count, after);
	EXPECT_EQ(STRAY, at_lab_get(METIS_LAB_STRAY_LAST));
	EXPECT_EQ(0, at_lab_get(METIS_LAB_STRAY_RESULT));
	EXPECT_EQ(before, events_at(&self->t, STRAY));
	events_arrive(_metadata, self);
	EXPECT_EQ(rescued + 1, q->rescued_interrupts);
	EXPECT_EQ(restarts + 1, q->restarts);
	EXPECT_EQ(gen + 1, q->generation);
	ASSERT_EQ(0, at_event_count(self->t.fd, MAILBOX, &after));
	EXPECT_ONE_MORE(self->count, after);
}

/* Its message does arrive: at once, and counted once */
TEST_F_TIMEOUT(guard, rescued_by_its_message, 60)
{
	uint64_t rescued = self->q.rescued_interrupts, after;

	NEEDS_GUARD();
	if (self->silent)
		SKIP(return, "this board delivers no messages");
	EXPECT_EQ(0, RESTART_AND_WAIT(METIS_LAB_RESTART_WARM, false,
				      AT_SOON));
	EXPECT_ONE_MORE(self->count, after);
	EXPECT_EQ(0, at_lab_get(METIS_LAB_STRAY_RESULT));
	events_arrive(_metadata, self);
	EXPECT_EQ(rescued + 1, self->q.rescued_interrupts);
	ASSERT_EQ(0, at_event_count(self->t.fd, MAILBOX, &after));
	EXPECT_ONE_MORE(self->count, after);
}

/* Another message comes first: all slots are looked at */
TEST_F_TIMEOUT(guard, rescued_by_another_message, 60)
{
	struct at_waiter w;

	NEEDS_GUARD();
	if (self->silent)
		SKIP(return, "this board delivers no messages");
	waiter_start(&w, self, AXL_TIMEOUT_INFINITE);
	restart(METIS_LAB_RESTART_WARM, true);
	at_lab_set(METIS_LAB_RAISE, 24);
	EXPECT_EQ(0, at_waiter_end(&w));
	EXPECT_ONE_MORE(self->count, w.wait.count);
	events_arrive(_metadata, self);
}

/* No wait has a limit, no message comes: found all the same */
TEST_F_TIMEOUT(guard, rescued_for_a_patient_waiter, 60)
{
	uint64_t after;

	NEEDS_GUARD();
	EXPECT_EQ(0, RESTART_AND_WAIT(METIS_LAB_RESTART_WARM, true,
				      AXL_TIMEOUT_INFINITE));
	EXPECT_ONE_MORE(self->count, after);
	events_arrive(_metadata, self);
}

/*
 * A restart that leaves the host-driver area as it was cannot be told from
 * none. All events come through the guard page then, and none is lost.
 */
TEST_F_TIMEOUT(guard, no_trace_of_a_restart, 60)
{
	uint64_t count, after;
	unsigned int i, before = events_at(&self->t, STRAY);

	NEEDS_GUARD();
	EXPECT_EQ(0, RESTART_AND_WAIT(METIS_LAB_RESTART_SILENT, true,
				      AT_SOON));
	EXPECT_ONE_MORE(self->count, after);
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, at_event_count(self->t.fd, 24, &count));
		at_lab_set(METIS_LAB_RAISE, 24);
		EXPECT_EQ(0, at_wait_event(self->t.fd, 24, count, AT_SOON,
					   &after));
		EXPECT_ONE_MORE(count, after);
	}
	EXPECT_EQ(before, events_at(&self->t, STRAY));
	ASSERT_EQ(0, at_fw_run(self->t.fd));
	events_arrive(_metadata, self);
}

/* One page, and for writing only; gone with the driver */
TEST_F_TIMEOUT(guard, one_page_no_more, 60)
{
	uint32_t page = self->t.q.page_size, value;
	unsigned int before;

	NEEDS_GUARD();
	before = events_at(&self->t, page + STRAY);
	EXPECT_EQ(0, at_bus_write32(page - 4, 0));
	EXPECT_NE(0, at_bus_write32(page + STRAY, 1));
	EXPECT_GT(events_at(&self->t, page + STRAY), before);

	close(self->t.fd);
	self->t.fd = -1;
	ASSERT_EQ(0, at_module_unload());
	if (self->t.q.iommu_mode == AXL_IOMMU_TRANSLATED) {
		at_lab_set(METIS_LAB_BUS_FORCE, 1);
		before = events_at(&self->t, STRAY);
		EXPECT_NE(0, at_bus_write32(STRAY, 1));
		EXPECT_NE(0, at_bus_read32(STRAY, &value));
		/* before 6.14 a device without driver may have no stream */
		events_at(&self->t, STRAY);
		at_lab_set(METIS_LAB_BUS_FORCE, 0);
	}
	ASSERT_EQ(0, at_module_load());
}

/* It is there with any number of vectors, and after any kind of start */
TEST_F_TIMEOUT(guard, one_vector, 60)
{
	uint64_t after;

	NEEDS_GUARD();
	ASSERT_EQ(0, reload(&self->t, "max_vectors=1"));
	ASSERT_EQ(0, look(self));
	EXPECT_EQ(1, self->q.vectors);
	EXPECT_EQ(AXL_GUARD_ACTIVE, self->q.guard);
	EXPECT_EQ(0, RESTART_AND_WAIT(METIS_LAB_RESTART_WARM, self->silent,
				      AT_SOON));
	EXPECT_ONE_MORE(self->count, after);
	events_arrive(_metadata, self);
	EXPECT_EQ(1, self->q.rescued_interrupts);
	/* told once, however often it happens */
	ASSERT_EQ(0, look(self));
	EXPECT_EQ(0, RESTART_AND_WAIT(METIS_LAB_RESTART_WARM, self->silent,
				      AT_SOON));
	EXPECT_ONE_MORE(self->count, after);
	events_arrive(_metadata, self);
	ASSERT_EQ(0, reload(&self->t, ""));
}

TEST_F_TIMEOUT(guard, said_once, 60)
{
	uint64_t after;
	unsigned int before;

	NEEDS_GUARD();
	ASSERT_EQ(0, reload(&self->t, ""));
	before = at_log_count(";axl ", "guard page caught an interrupt write");
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, look(self));
		EXPECT_EQ(0, RESTART_AND_WAIT(METIS_LAB_RESTART_WARM,
					      self->silent, AT_SOON));
		EXPECT_ONE_MORE(self->count, after);
		events_arrive(_metadata, self);
	}
	EXPECT_EQ(before + 1,
		  at_log_count(";axl ", "guard page caught an interrupt write"));
}

/* Nothing translates: no guard, and the first restart is told, once */
TEST_F_TIMEOUT(guard, unprotected_is_told, 60)
{
	unsigned int before;

	if (translates(&self->t.q))
		SKIP(return, "the IOMMU translates");
	EXPECT_EQ(AXL_GUARD_NONE, self->q.guard);
	before = at_log_count(";axl ", "bus address 0 is not protected");
	ASSERT_EQ(0, reload(&self->t, ""));
	ASSERT_EQ(0, at_fw_run(self->t.fd));
	EXPECT_EQ(before + 1,
		  at_log_count(";axl ", "bus address 0 is not protected"));
	ASSERT_EQ(0, at_query(self->t.fd, &self->q));
	EXPECT_EQ(0, self->q.rescued_interrupts);
}

TEST_HARNESS_MAIN
