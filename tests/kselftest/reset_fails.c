// SPDX-License-Identifier: GPL-2.0
/*
 * Function level resets that do not come to their end: the card is given up, is
 * tried again later, and memory that its engine may still write to stays pinned.
 * The kernel waits a minute for such a reset, so the board needs --icount, where
 * time that is slept does not pass on the host.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "librestart.h"

#define ROOM	65536

FIXTURE(reset_fails)
{
	struct at_ctx t;
	struct at_mem mem;
	struct at_leak before;
	struct axl_xfer from;	/* by write channel 0 */
	uint64_t seq;
};

FIXTURE_SETUP(reset_fails)
{
	struct axl_ioc_buf_register reg;

	AT_BEGIN(&self->t, AT_NEEDS_RUNNING | AT_PROVOKES_STRAY);
	at_leak_mark(&self->before);
	ASSERT_EQ(0, at_mem_alloc(&self->mem, AT_PLAIN, ROOM));
	ASSERT_EQ(0, at_register(self->t.fd, self->mem.p, ROOM,
				 AXL_BUF_FROM_DEVICE, &reg));
	self->from = (struct axl_xfer){
		.handle = reg.handle, .direction = AXL_FROM_DEVICE,
		.device_addr = at_scratch_l2(&self->t.q), .length = ROOM,
	};
}

FIXTURE_TEARDOWN(reset_fails)
{
	at_lab_reset();
	/* the driver tries a card again that answers */
	EXPECT_EQ(0, at_wait_state(self->t.fd, AXL_FW_RUNNING, AT_SEC(60),
				   &self->t.q));
	AT_END(&self->t);
}

/* A transfer that neither moves nor stops */
static void hang(struct __test_metadata *_metadata,
		 FIXTURE_DATA(reset_fails) *self)
{
	at_lab_set(METIS_LAB_HANG_HARD, METIS_LAB_WR_CH(0));
	ASSERT_EQ(0, at_submit(self->t.fd, &self->from, 1,
			       self->t.q.generation, AT_SEC(50), &self->seq));
}

/* The transfer is over for its owner, but its memory is not given back */
static void memory_is_kept(struct __test_metadata *_metadata,
			   FIXTURE_DATA(reset_fails) *self)
{
	struct at_leak after;
	struct axl_ioc_wait w;

	EXPECT_EQ(0, at_wait(self->t.fd, self->seq, AT_SEC(200), &w));
	EXPECT_EQ(-ESTALE, w.status);
	ASSERT_EQ(0, at_wait_state(self->t.fd, AXL_FW_DEAD, AT_SEC(60),
				   &self->t.q));
	EXPECT_EQ(0, at_release(self->t.fd, self->from.handle));
	at_mem_free(&self->mem);
	at_leak_mark(&after);
	EXPECT_EQ(self->before.pins + (long)(ROOM / at_page_size()), after.pins);
}

TEST_F_TIMEOUT(reset_fails, given_up, 300)
{
	static const char said[] = "function level reset failed";
	unsigned int before = at_log_count(";axl ", said);
	struct axl_ioc_reset reset = { };
	uint64_t died;

	at_lab_set(METIS_LAB_NOT_READY, 1);
	EXPECT_EQ(-EIO, at_ioctl(self->t.fd, AXL_IOC_RESET, &reset));
	died = at_now();
	EXPECT_EQ(before + 1, at_log_count(";axl ", said));
	EXPECT_EQ(-EIO, at_run(self->t.fd, &self->from, 1));
	ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
	EXPECT_EQ(AXL_FW_DEAD, self->t.q.fw_state);
	/* it answers again, and gets its chance ten seconds after its death */
	at_lab_set(METIS_LAB_NOT_READY, 0);
	ASSERT_EQ(0, at_wait_state(self->t.fd, AXL_FW_RUNNING, AT_SEC(60),
				   &self->t.q));
	EXPECT_GT(at_now() - died, AT_SEC(9));
	EXPECT_LT(at_now() - died, AT_SEC(20));
	EXPECT_EQ(0, at_run(self->t.fd, &self->from, 1));
	at_mem_free(&self->mem);
}

TEST_F_TIMEOUT(reset_fails, engine_does_not_stop, 400)
{
	struct axl_ioc_reset reset = { };

	hang(_metadata, self);
	at_lab_set(METIS_LAB_NOT_READY, 1);
	EXPECT_EQ(-EIO, at_ioctl(self->t.fd, AXL_IOC_RESET, &reset));
	memory_is_kept(_metadata, self);
}

TEST_F_TIMEOUT(reset_fails, master_after_a_bounce, 400)
{
	hang(_metadata, self);
	at_lab_set(METIS_LAB_NOT_READY, 1);
	at_lab_set(METIS_LAB_LINK_KEEP, 1);
	at_lab_set(METIS_LAB_LINK_DOWN, 500);
	memory_is_kept(_metadata, self);
}

TEST_HARNESS_MAIN
