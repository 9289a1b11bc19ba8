// SPDX-License-Identifier: GPL-2.0
/*
 * Stopping the DMA engine where it is not as easy as a doorbell: channels that
 * only the engine enable ends, reads that fail while the driver looks whether
 * the channels have stopped, and a link that dies just then. No transfer may be
 * called done that was not, no memory given back under a running channel, and
 * the device works afterwards.
 *
 * The device model counts what a driver must not do to a running channel.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "kselftest_harness.h"
#include "librestart.h"

#define PART		65536UL
#define NR		4
#define INNOCENT	0
#define GUILTY		1
#define ALL_CHANNELS	0xff

FIXTURE(stop)
{
	struct at_ctx t;
	struct at_mem mem;
	struct axl_xfer x[NR];	/* one for each channel of the direction */
	uint64_t seq[NR];
	uint32_t flrs;
};

FIXTURE_VARIANT(stop)
{
	uint32_t direction;
};

FIXTURE_VARIANT_ADD(stop, to_device) { .direction = AXL_TO_DEVICE, };
FIXTURE_VARIANT_ADD(stop, from_device) { .direction = AXL_FROM_DEVICE, };

FIXTURE_SETUP(stop)
{
	struct axl_ioc_buf_register reg;
	unsigned int i;

	AT_BEGIN(&self->t, AT_NEEDS_RUNNING);
	ASSERT_EQ(0, at_mem_alloc(&self->mem, AT_PLAIN, NR * PART));
	ASSERT_EQ(0, at_register(self->t.fd, self->mem.p, NR * PART,
				 AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE,
				 &reg));
	for (i = 0; i < NR; i++)
		self->x[i] = (struct axl_xfer){
			.handle = reg.handle,
			.direction = variant->direction, .offset = i * PART,
			.device_addr = at_scratch_l2(&self->t.q) + i * PART,
			.length = PART, .channel = i,
		};
	self->flrs = at_lab_get(METIS_LAB_FLRS);
}

/* All channels of the direction move their part, verified */
static void all_work(struct __test_metadata *_metadata,
		     FIXTURE_DATA(stop) *self, uint64_t seed)
{
	uint64_t base = self->x[0].device_addr;
	uint32_t crc;

	at_fill(self->mem.p, NR * PART, seed, 0);
	if (self->x[0].direction == AXL_TO_DEVICE) {
		ASSERT_EQ(0, at_dev_fill(base, 0, NR * PART));
	} else {
		ASSERT_EQ(0, at_move(self->t.fd, self->x[0].handle,
				     AXL_TO_DEVICE, 0, base, NR * PART));
		memset(self->mem.p, 0, NR * PART);
	}
	ASSERT_EQ(0, at_run(self->t.fd, self->x, NR));
	EXPECT_EQ(-1, at_check(self->mem.p, NR * PART, seed, 0));
	ASSERT_EQ(0, at_dev_crc(base, NR * PART, &crc));
	EXPECT_EQ(at_crc32(0, self->mem.p, NR * PART), crc);
}

FIXTURE_TEARDOWN(stop)
{
	at_lab_reset();
	ASSERT_EQ(0, at_moves_again(&self->t, self->x, NR));
	all_work(_metadata, self, 99);
	at_mem_free(&self->mem);
	AT_END(&self->t);
}

static void submit(struct __test_metadata *_metadata, FIXTURE_DATA(stop) *self,
		   unsigned int n, uint64_t timeout_ns)
{
	ASSERT_EQ(0, at_submit(self->t.fd, &self->x[n], 1,
			       self->t.q.generation, timeout_ns,
			       &self->seq[n]));
}

/* A frozen transfer whose time is soon up, and one that has plenty */
static void submit_both(struct __test_metadata *_metadata,
			FIXTURE_DATA(stop) *self)
{
	at_lab_set(METIS_LAB_FREEZE, 1);
	submit(_metadata, self, INNOCENT, AT_SEC(60));
	submit(_metadata, self, GUILTY, AT_MSEC(50));
}

static int status_of(struct __test_metadata *_metadata,
		     FIXTURE_DATA(stop) *self, unsigned int n)
{
	struct axl_ioc_wait w = { };

	EXPECT_EQ(0, at_wait(self->t.fd, self->seq[n], AT_SEC(20), &w))
		TH_LOG("transfer %u", n);
	return w.status;
}

/* Channels obey no stop doorbell: the engine is disabled, and enabled again */
TEST_F_TIMEOUT(stop, by_the_engine_enable, 60)
{
	uint32_t d = variant->direction, rung = at_doorbells(d);

	at_lab_set(METIS_LAB_IGNORE_STOP, ALL_CHANNELS);
	submit_both(_metadata, self);
	EXPECT_EQ(-ETIMEDOUT, status_of(_metadata, self, GUILTY));
	/* the sibling is started again */
	EXPECT_EQ(rung + 3, at_doorbells_wait(d, rung + 3));
	at_lab_set(METIS_LAB_FREEZE, 0);
	EXPECT_EQ(0, status_of(_metadata, self, INNOCENT));
	all_work(_metadata, self, 1);
	/* A reset of the card would be a high price for one transfer */
	EXPECT_EQ(self->flrs, at_lab_get(METIS_LAB_FLRS));
	EXPECT_EQ(self->t.q.generation, at_generation(self->t.fd));
}

/* The transfer with which a start tests interrupts is stopped by that, too */
TEST_F_TIMEOUT(stop, of_the_interrupt_test, 60)
{
	struct axl_ioc_reset r = { };

	at_lab_set(METIS_LAB_FREEZE, 1);
	ASSERT_EQ(0, at_ioctl(self->t.fd, AXL_IOC_RESET, &r));
	EXPECT_EQ(0, at_lab_get(METIS_LAB_RUNNING));
	at_lab_set(METIS_LAB_FREEZE, 0);
	all_work(_metadata, self, 2);
	ASSERT_EQ(0, at_ioctl(self->t.fd, AXL_IOC_RESET, &r));
}

/*
 * Reads of the engine fail, then it answers again, and the channel runs on all
 * the while: nothing of that proves that it has stopped. Read 1 is the look at
 * the channel, which is overdue when it is looked at first; from 2 on the driver
 * asks whether it has stopped, and after one that failed whether the engine is
 * there.
 */
TEST_F_TIMEOUT(stop, reads_fail_meanwhile, 120)
{
	static const struct {
		uint32_t at, nr;
		int status;
	} fails[] = {
		{ 1, 1, -ESTALE },
		{ 2, 1, -ETIMEDOUT },	/* no reason for a reset */
		{ 2, 2, -ESTALE },
		{ 2, 3, -ESTALE },
	};
	unsigned int i;
	int status;

	if (at_silent(&self->t.q))
		SKIP(return, "channels are looked at all the time");
	for (i = 0; i < at_array_size(fails); i++) {
		at_lab_set(METIS_LAB_FREEZE, 1);
		at_lab_set(METIS_LAB_IGNORE_STOP, ALL_CHANNELS);
		at_lab_set(METIS_LAB_READ_FAILS, fails[i].nr);
		at_lab_set(METIS_LAB_READ_FAIL_AT, fails[i].at);
		submit(_metadata, self, 0, AT_MSEC(50));
		status = status_of(_metadata, self, 0);
		EXPECT_EQ(fails[i].status, status)
			TH_LOG("%u from %u", fails[i].nr, fails[i].at);
		EXPECT_EQ(0, at_lab_get(METIS_LAB_RUNNING))
			TH_LOG("%u from %u: memory given back under a running channel",
			       fails[i].nr, fails[i].at);
		EXPECT_EQ(0, at_lab_get(METIS_LAB_READ_FAIL_AT));
		at_lab_set(METIS_LAB_UNDO, 1);
		ASSERT_EQ(0, at_moves_again(&self->t, self->x, NR));
	}
}

/* The link goes down at a read: of the look, of the stop, or of its proof */
TEST_F_TIMEOUT(stop, link_dies_meanwhile, 120)
{
	static const uint32_t reads[] = { 1, 2, 3, 6, 7, 10 };
	unsigned int i;
	int status;

	at_lab_set(METIS_LAB_LINK_DOWN_MS, 20);
	for (i = 0; i < at_array_size(reads); i++) {
		submit_both(_metadata, self);
		at_lab_set(METIS_LAB_READ_FAIL_AT, reads[i]);
		status = status_of(_metadata, self, GUILTY);
		EXPECT_TRUE(status == -ETIMEDOUT || status == -ESTALE)
			TH_LOG("read %u: status %d", reads[i], status);
		status = status_of(_metadata, self, INNOCENT);
		EXPECT_EQ(-ESTALE, status)
			TH_LOG("read %u", reads[i]);
		EXPECT_EQ(0, at_lab_get(METIS_LAB_READ_FAIL_AT));
		at_lab_set(METIS_LAB_FREEZE, 0);
		ASSERT_EQ(0, at_moves_again(&self->t, self->x, NR));
	}
}

TEST_HARNESS_MAIN
