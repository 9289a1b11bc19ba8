// SPDX-License-Identifier: GPL-2.0
/*
 * Channels that hang, transfers that abort, messages that get lost, a link that drops:
 * the transfer concerned fails with its errno, the others succeed, and the device
 * works afterwards.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "liblab.h"

#define PART		(64 * 1024UL)
#define NR		4
#define GUILTY		1
/* A part takes so long that the siblings run when the guilty one is stopped */
#define SLOW		AT_MSEC(512)

FIXTURE(errors)
{
	struct at_ctx t;
	struct at_mem mem;
	uint32_t handle;
	uint64_t base;
	struct axl_xfer x[NR];	/* one for each channel of the direction */
};

FIXTURE_VARIANT(errors)
{
	uint32_t direction;
};

FIXTURE_VARIANT_ADD(errors, to_device) { .direction = AXL_TO_DEVICE, };
FIXTURE_VARIANT_ADD(errors, from_device) { .direction = AXL_FROM_DEVICE, };

static int reload(struct at_ctx *t)
{
	uint64_t end = at_now() + AT_SEC(20);
	int err;

	do {
		err = at_query(t->fd, &t->q);
		if (!err && t->q.fw_state == AXL_FW_BOOTLOADER)
			err = at_fw_run(t->fd);
		if (!err && t->q.fw_state == AXL_FW_RUNNING)
			return 0;
		at_sleep_ms(20);
	} while (at_now() < end);
	at_msg("after 20 s: errno %d, firmware state %u", -err, t->q.fw_state);
	return -ETIMEDOUT;
}

FIXTURE_SETUP(errors)
{
	struct axl_ioc_buf_register reg;
	unsigned int i;

	AT_BEGIN(&self->t, AT_NEEDS_RUNNING);
	ASSERT_EQ(0, at_mem_alloc(&self->mem, AT_SCATTERED, NR * PART));
	ASSERT_EQ(0, at_register(self->t.fd, self->mem.p, NR * PART,
				 AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE,
				 &reg));
	self->handle = reg.handle;
	self->base = at_scratch_l2(&self->t.q);
	for (i = 0; i < NR; i++)
		self->x[i] = (struct axl_xfer){
			.handle = reg.handle,
			.direction = variant->direction, .offset = i * PART,
			.device_addr = self->base + i * PART, .length = PART,
			.channel = i,
		};
}

/* All channels of the direction move their part, verified */
static void all_work(struct __test_metadata *_metadata,
		     FIXTURE_DATA(errors) *self, uint32_t direction,
		     unsigned int but)
{
	uint64_t seed = 4242 + but;
	uint8_t *p = self->mem.p;
	uint32_t crc;
	unsigned int i;

	at_fill(p, NR * PART, seed, 0);
	if (direction == AXL_TO_DEVICE) {
		ASSERT_EQ(0, at_dev_fill(self->base, 0, NR * PART));
		ASSERT_EQ(0, at_run(self->t.fd, self->x, NR));
	} else {
		for (i = 0; i < NR; i++)
			ASSERT_EQ(0, at_move(self->t.fd, self->handle,
					     AXL_TO_DEVICE, i * PART,
					     self->base + i * PART, PART));
		memset(p, 0, NR * PART);
		ASSERT_EQ(0, at_run(self->t.fd, self->x, NR));
	}
	EXPECT_EQ(-1, at_check(p, NR * PART, seed, 0));
	ASSERT_EQ(0, at_dev_crc(self->base, NR * PART, &crc));
	EXPECT_EQ(at_crc32(0, p, NR * PART), crc);
}

FIXTURE_TEARDOWN(errors)
{
	uint64_t end = at_now() + AT_SEC(10);

	at_lab_reset();
	EXPECT_EQ(0, reload(&self->t));
	/* Who asks in the middle of a reset is stale afterwards, and asks again */
	while (at_run(self->t.fd, self->x, NR) == -ESTALE && at_now() < end)
		at_sleep_ms(20);
	EXPECT_EQ(0, reload(&self->t));
	all_work(_metadata, self, variant->direction, 99);
	at_mem_free(&self->mem);
	AT_END(&self->t);
}

/* What the transfers other than the guilty one must have moved */
static void check_innocent(struct __test_metadata *_metadata,
			   FIXTURE_DATA(errors) *self, uint32_t direction,
			   uint64_t seed)
{
	uint32_t crc, want;
	unsigned int i;
	uint8_t *part;

	for (i = 0; i < NR; i++) {
		part = self->mem.p + i * PART;
		if (i == GUILTY)
			continue;
		ASSERT_EQ(0, at_dev_crc(self->base + i * PART, PART, &crc));
		want = at_crc32(0, part, PART);
		EXPECT_EQ(want, crc)
			TH_LOG("channel %u", i);
		EXPECT_EQ(-1, at_check(part, PART, seed, i * PART))
			TH_LOG("channel %u", i);
	}
	(void)direction;
}

/* Puts the pattern where the direction has its source, zeroes the target */
static void prepare(struct __test_metadata *_metadata,
		    FIXTURE_DATA(errors) *self, uint32_t direction,
		    uint64_t seed)
{
	at_fill(self->mem.p, NR * PART, seed, 0);
	if (direction == AXL_TO_DEVICE) {
		ASSERT_EQ(0, at_dev_fill(self->base, 0, NR * PART));
		return;
	}
	ASSERT_EQ(0, at_move(self->t.fd, self->handle, AXL_TO_DEVICE, 0,
			     self->base, NR * PART));
	memset(self->mem.p, 0, NR * PART);
}

TEST_F_TIMEOUT(errors, hung_channel, 60)
{
	uint32_t d = variant->direction;
	uint64_t seq[NR], start;
	struct axl_ioc_wait w;
	unsigned int i;

	prepare(_metadata, self, d, 7);
	at_lab_set(METIS_LAB_HANG_SOFT, at_channel_bit(d, GUILTY));
	at_slow_engine(1024, PART, SLOW);
	start = at_now();
	for (i = 0; i < NR; i++)
		ASSERT_EQ(0, at_submit(self->t.fd, &self->x[i], 1,
				       self->t.q.generation,
				       i == GUILTY ? AT_MSEC(200) : AT_SEC(20),
				       &seq[i]));
	EXPECT_EQ(0, at_wait(self->t.fd, seq[GUILTY], AT_SEC(20), &w));
	EXPECT_EQ(-ETIMEDOUT, w.status);
	EXPECT_EQ(0, w.bytes);
	EXPECT_GE(at_now() - start, AT_MSEC(200));
	EXPECT_LT(at_now() - start, AT_SEC(8));
	for (i = 0; i < NR; i++) {
		if (i == GUILTY)
			continue;
		EXPECT_EQ(0, at_wait(self->t.fd, seq[i], AT_SEC(30), &w));
		EXPECT_EQ(0, w.status)
			TH_LOG("channel %u", i);
		EXPECT_EQ(PART, w.bytes);
	}
	check_innocent(_metadata, self, d, 7);
	/* A restart of the card would be a high price for one transfer */
	EXPECT_EQ(self->t.q.generation, at_generation(self->t.fd));
}

TEST_F_TIMEOUT(errors, hung_in_a_batch, 60)
{
	uint32_t d = variant->direction;
	struct axl_ioc_wait w;
	uint64_t seq;

	prepare(_metadata, self, d, 8);
	at_lab_set(METIS_LAB_HANG_SOFT, at_channel_bit(d, GUILTY));
	ASSERT_EQ(0, at_submit(self->t.fd, self->x, NR, self->t.q.generation,
			       AT_MSEC(300), &seq));
	EXPECT_EQ(0, at_wait(self->t.fd, seq, AT_SEC(20), &w));
	EXPECT_EQ(-ETIMEDOUT, w.status);
	EXPECT_EQ(GUILTY, w.failed);
	EXPECT_EQ((NR - 1) * PART, w.bytes);
	check_innocent(_metadata, self, d, 8);
}

/* Transfers behind the hung one get their turn */
TEST_F_TIMEOUT(errors, queue_behind_a_hung_one, 60)
{
	uint32_t d = variant->direction;
	uint64_t first, later[3];
	struct axl_ioc_wait w;
	unsigned int i;

	prepare(_metadata, self, d, 9);
	at_lab_set(METIS_LAB_HANG_SOFT, at_channel_bit(d, GUILTY));
	ASSERT_EQ(0, at_submit(self->t.fd, &self->x[GUILTY], 1,
			       self->t.q.generation, AT_MSEC(200), &first));
	for (i = 0; i < 3; i++) {
		self->x[i].channel = GUILTY;
		ASSERT_EQ(0, at_submit(self->t.fd, &self->x[i], 1,
				       self->t.q.generation, AT_SEC(10),
				       &later[i]));
	}
	EXPECT_EQ(0, at_wait(self->t.fd, first, AT_SEC(20), &w));
	EXPECT_EQ(-ETIMEDOUT, w.status);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, at_wait(self->t.fd, later[i], AT_SEC(20), &w));
		EXPECT_EQ(0, w.status);
		self->x[i].channel = i;
	}
}

/* Neither stop nor engine enable helps: a reset does, and is survived */
TEST_F_TIMEOUT(errors, hard_hang, 90)
{
	uint32_t d = variant->direction;
	struct axl_ioc_wait w;
	uint64_t seq, start = at_now();

	prepare(_metadata, self, d, 10);
	at_lab_set(METIS_LAB_HANG_HARD, at_channel_bit(d, GUILTY));
	ASSERT_EQ(0, at_submit(self->t.fd, self->x, NR, self->t.q.generation,
			       AT_MSEC(300), &seq));
	EXPECT_EQ(0, at_wait(self->t.fd, seq, AT_SEC(30), &w));
	EXPECT_TRUE(w.status == -ETIMEDOUT || w.status == -ESTALE ||
		    w.status == -EIO)
		TH_LOG("status %d", w.status);
	EXPECT_LT(at_now() - start, AT_SEC(20));
	EXPECT_EQ(0, at_lab_get(METIS_LAB_RUNNING))
		TH_LOG("memory was given back under a running channel");
}

TEST_F_TIMEOUT(errors, aborted, 60)
{
	static const enum metis_lab_cause causes[] = {
		METIS_LAB_CAUSE_DEFAULT, METIS_LAB_CAUSE_COMPLETER,
		METIS_LAB_CAUSE_TIMEOUT, METIS_LAB_CAUSE_POISON,
		METIS_LAB_CAUSE_APP, METIS_LAB_CAUSE_FETCH,
	};
	static const char *const said[][2] = {
		[METIS_LAB_CAUSE_DEFAULT] = {
			"bad device address",
			"host refused the read (IOMMU fault?)"
		},
		[METIS_LAB_CAUSE_COMPLETER] = { "", "host aborted the read" },
		[METIS_LAB_CAUSE_TIMEOUT] = {
			"", "host did not answer the read"
		},
		[METIS_LAB_CAUSE_POISON] = { "", "host data was poisoned" },
		[METIS_LAB_CAUSE_APP] = {
			"bad device address", "bad device address"
		},
		[METIS_LAB_CAUSE_FETCH] = {
			"list could not be fetched", "list could not be fetched"
		},
	};
	uint32_t d = variant->direction;
	unsigned int lines;
	char line[80];
	uint64_t seq, start;
	struct axl_ioc_wait w;
	size_t i;

	at_log_unlimited(" halted: ");
	for (i = 0; i < at_array_size(causes); i++) {
		if (d == AXL_FROM_DEVICE && causes[i] &&
		    causes[i] < METIS_LAB_CAUSE_APP)
			continue;
		snprintf(line, sizeof(line), "%s channel %u halted: %s",
			 d == AXL_TO_DEVICE ? "read" : "write", GUILTY,
			 said[causes[i]][d == AXL_TO_DEVICE]);
		lines = at_log_count(";axl ", line);
		prepare(_metadata, self, d, 20 + i);
		at_lab_set(METIS_LAB_ABORT_CAUSE, causes[i]);
		at_lab_set(METIS_LAB_ABORT_NEXT, at_channel_bit(d, GUILTY));
		start = at_now();
		ASSERT_EQ(0, at_submit(self->t.fd, self->x, NR,
				       self->t.q.generation, AT_SEC(20),
				       &seq));
		EXPECT_EQ(0, at_wait(self->t.fd, seq, AT_SEC(30), &w));
		EXPECT_EQ(-EIO, w.status)
			TH_LOG("cause %u", causes[i]);
		EXPECT_EQ(GUILTY, w.failed);
		EXPECT_EQ((NR - 1) * PART, w.bytes);
		/* Told by the abort message, not found out by the timeout */
		if (self->t.q.vectors) {
			EXPECT_LT(at_now() - start, AT_SEC(10));
		}
		check_innocent(_metadata, self, d, 20 + i);
		EXPECT_EQ(lines + 1, at_log_count(";axl ", line))
			TH_LOG("not in the log: %s", line);
	}
	EXPECT_EQ(self->t.q.generation, at_generation(self->t.fd));
}

/* The message of a transfer that is done never comes */
TEST_F_TIMEOUT(errors, lost_message, 60)
{
	uint32_t d = variant->direction;
	uint64_t lost = self->t.q.lost_interrupts, seq, start = at_now();
	struct axl_ioc_query q;
	struct axl_ioc_wait w;
	unsigned int n, i;

	if (at_silent(&self->t.q))
		SKIP(return, "this board delivers no messages");
	at_lab_set(METIS_LAB_LOSE_KINDS, METIS_LAB_LOSE_IMWR);
	for (n = 1; n <= NR; n += NR - 1) {
		prepare(_metadata, self, d, 30 + n);
		at_lab_set(METIS_LAB_LOSE_MSGS, n);
		ASSERT_EQ(0, at_submit(self->t.fd, self->x, n,
				       self->t.q.generation, AT_MSEC(500),
				       &seq));
		EXPECT_EQ(0, at_wait(self->t.fd, seq, AT_SEC(20), &w));
		EXPECT_EQ(0, w.status)
			TH_LOG("%u messages lost", n);
		EXPECT_EQ(n * PART, w.bytes);
		EXPECT_EQ(0, at_lab_get(METIS_LAB_LOSE_MSGS));
		for (i = 0; i < n; i++)
			EXPECT_EQ(-1, at_check(self->mem.p + i * PART, PART,
					       30 + n, i * PART));
	}
	ASSERT_EQ(0, at_query(self->t.fd, &q));
	EXPECT_GT(q.lost_interrupts, lost);
	EXPECT_LE(q.lost_interrupts, lost + 1 + NR);
	EXPECT_LT(at_now() - start, AT_SEC(10));
}

/*
 * The driver looks at a transfer that has ended before its message is there,
 * which comes right after that look: not lost, only late. The lab swallows the
 * message, and sends it when it has seen the look.
 */
TEST_F_TIMEOUT(errors, message_after_the_look, 60)
{
	uint64_t addr, lost, seq, end;
	uint32_t data, reads;
	struct axl_ioc_query q;
	unsigned int round, try;
	struct axl_ioc_wait w;

	if (at_silent(&self->t.q))
		SKIP(return, "this board delivers no messages");
	ASSERT_EQ(0, at_run(self->t.fd, &self->x[GUILTY], 1));
	addr = at_lab_get64(METIS_LAB_LAST_MSG_ADDR);
	data = at_lab_get(METIS_LAB_LAST_MSG_DATA);
	at_lab_set(METIS_LAB_LOSE_KINDS, METIS_LAB_LOSE_IMWR);
	/* twice, since the first look at a transfer is no look at the next */
	for (round = try = 0; round < 2 && try < 10; try++) {
		ASSERT_EQ(0, at_query(self->t.fd, &q));
		lost = q.lost_interrupts;
		reads = at_lab_get(METIS_LAB_BAR0_READS);
		at_lab_set(METIS_LAB_LOSE_MSGS, 1);
		ASSERT_EQ(0, at_submit(self->t.fd, &self->x[GUILTY], 1,
				       self->t.q.generation, AT_SEC(20),
				       &seq));
		end = at_now() + AT_SOON;
		while (at_lab_get(METIS_LAB_BAR0_READS) == reads &&
		       at_now() < end)
			at_sleep_ms(1);
		EXPECT_EQ(0, at_lab_get(METIS_LAB_LOSE_MSGS));
		EXPECT_EQ(0, at_bus_write32(addr, data));
		EXPECT_EQ(0, at_wait(self->t.fd, seq, AT_SOON, &w));
		EXPECT_EQ(0, w.status);
		ASSERT_EQ(0, at_query(self->t.fd, &q));
		reads = at_lab_get(METIS_LAB_BAR0_READS) - reads;
		if (q.lost_interrupts == lost) {
			round++;
			continue;
		}
		/* the second look, which is not as patient, may have been faster */
		ASSERT_LT(2, reads)
			TH_LOG("taken for lost by the first look");
	}
	EXPECT_EQ(2, round);
	EXPECT_EQ(AXL_DELIVERY_MESSAGES, q.delivery);
}

/* Without trouble the counter of lost interrupts does not move */
TEST_F(errors, none_lost)
{
	uint64_t lost = self->t.q.lost_interrupts;
	struct axl_ioc_query q;
	unsigned int i;

	if (at_silent(&self->t.q))
		SKIP(return, "this board delivers no messages");
	for (i = 0; i < 100; i++)
		ASSERT_EQ(0, at_run(self->t.fd, self->x, NR));
	ASSERT_EQ(0, at_query(self->t.fd, &q));
	EXPECT_EQ(lost, q.lost_interrupts);
}

/* On silicon CS reads 0 for a while after the doorbell, and late after the message */
TEST_F(errors, late_status)
{
	uint32_t d = variant->direction;
	unsigned int i;

	at_lab_set(METIS_LAB_CS_DELAY_NS, 200000);
	for (i = 0; i < 10; i++)
		all_work(_metadata, self, d, i);
	at_lab_set(METIS_LAB_CS_DELAY_NS, 0);
	at_lab_set(METIS_LAB_LATE_CS_NS, 50000);
	for (i = 0; i < 10; i++)
		all_work(_metadata, self, d, i);
}

/* The link drops under running transfers and comes back by itself */
TEST_F_TIMEOUT(errors, link_drops, 90)
{
	uint32_t d = variant->direction;
	struct axl_ioc_wait w;
	uint64_t seq;
	int err;

	at_slow_engine(1024, PART, SLOW);
	ASSERT_EQ(0, at_submit(self->t.fd, self->x, NR, self->t.q.generation,
			       AT_SEC(1), &seq));
	at_lab_set(METIS_LAB_LINK_DOWN, 100);
	err = at_wait(self->t.fd, seq, AT_SEC(30), &w);
	EXPECT_EQ(0, err);
	EXPECT_TRUE(w.status == -EIO || w.status == -ESTALE ||
		    w.status == -ETIMEDOUT)
		TH_LOG("status %d", w.status);
	(void)d;
	at_lab_reset();
	EXPECT_EQ(0, reload(&self->t));
}

/* Firmware crashes and restarts by itself: same story */
TEST_F_TIMEOUT(errors, firmware_restarts, 90)
{
	struct axl_ioc_wait w;
	uint64_t seq;

	at_slow_engine(1024, PART, SLOW);
	ASSERT_EQ(0, at_submit(self->t.fd, self->x, NR, self->t.q.generation,
			       AT_SEC(1), &seq));
	at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_RUNTIME);
	EXPECT_EQ(0, at_wait(self->t.fd, seq, AT_SEC(30), &w));
	EXPECT_TRUE(w.status == -EIO || w.status == -ESTALE ||
		    w.status == -ETIMEDOUT)
		TH_LOG("status %d", w.status);
	at_lab_reset();
	EXPECT_EQ(0, reload(&self->t));
}

TEST_HARNESS_MAIN
