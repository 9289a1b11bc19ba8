// SPDX-License-Identifier: GPL-2.0
/*
 * Reads of the card that fail, or are the last before its link goes down, never pass
 * for the end of a transfer or for what firmware publishes, although all ones would.
 * (The stop of the engine has its own test, xfer_stop.)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "kselftest_harness.h"
#include "librestart.h"

#define LENGTH		65536u
#define CHANNEL		2
#define MANY		100000u

FIXTURE(reads)
{
	struct at_ctx t;
	struct at_mem mem;
	struct axl_xfer x;
};

FIXTURE_SETUP(reads)
{
	struct axl_ioc_buf_register reg;

	AT_BEGIN(&self->t, AT_NEEDS_RUNNING);
	ASSERT_EQ(0, at_mem_alloc(&self->mem, AT_PLAIN, LENGTH));
	ASSERT_EQ(0, at_register(self->t.fd, self->mem.p, LENGTH,
				 AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE,
				 &reg));
	self->x = (struct axl_xfer){
		.handle = reg.handle, .direction = AXL_FROM_DEVICE,
		.device_addr = at_scratch_l2(&self->t.q), .length = LENGTH,
		.channel = CHANNEL,
	};
}

FIXTURE_TEARDOWN(reads)
{
	at_lab_reset();
	EXPECT_EQ(0, at_moves_again(&self->t, &self->x, 1));
	at_mem_free(&self->mem);
	AT_END(&self->t);
}

/*
 * All ones in a channel's status look like its end. @message: have the driver
 * look because of a message that is not the transfer's, else by itself.
 */
static void status_of_a_transfer(struct __test_metadata *_metadata,
				 FIXTURE_DATA(reads) *self, uint32_t fails,
				 bool message)
{
	struct axl_ioc_wait w = { };
	uint64_t seq;

	at_lab_set(METIS_LAB_FREEZE, 1);
	ASSERT_EQ(0, at_submit(self->t.fd, &self->x, 1, self->t.q.generation,
			       AT_SEC(60), &seq));
	at_lab_set(METIS_LAB_READ_FAILS, fails);
	at_lab_set(METIS_LAB_READ_FAIL_AT, 1);
	if (message)
		at_lab_set(METIS_LAB_RAISE_PMSI,
			   AXL_EVENT_DMA_WRITE(CHANNEL));
	EXPECT_EQ(0, at_wait(self->t.fd, seq, AT_SEC(20), &w));
	EXPECT_EQ(-ESTALE, w.status);
	EXPECT_EQ(0, w.bytes);
	EXPECT_EQ(0, at_lab_get(METIS_LAB_READ_FAIL_AT));
	at_lab_set(METIS_LAB_FREEZE, 0);
	EXPECT_EQ(0, at_moves_again(&self->t, &self->x, 1));
}

TEST_F_TIMEOUT(reads, status_of_a_transfer, 60)
{
	unsigned int i;

	at_lab_set(METIS_LAB_LINK_DOWN_MS, 20);
	for (i = 0; i < 4; i++)
		status_of_a_transfer(_metadata, self, i & 1, i & 2);
}

/*
 * Firmware restarts, and while it has not published anything the driver's look at
 * the shared area begins well and ends in all ones. That is not something that
 * firmware has published and got wrong, for which the driver would not wait any
 * longer: bus mastering must not come on before the areas are there.
 */
TEST_F_TIMEOUT(reads, snapshot, 60)
{
	unsigned int said = at_log_count(";axl ", "shared area: ");
	uint64_t end = at_now() + AT_SOON;

	/* long enough for a busy host to set the rest while the link is down */
	at_lab_set(METIS_LAB_LINK_DOWN_MS, 1500);
	at_lab_set(METIS_LAB_AREA_DELAY_MS, 1500);
	at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_RUNTIME);
	/*
	 * While the link is down no read counts. Then there is one of the engine,
	 * and the area, eight bytes at a time: up to the reference to the contexts.
	 */
	at_lab_set(METIS_LAB_READ_FAILS, MANY);
	at_lab_set(METIS_LAB_READ_FAIL_AT, 1 + 1 + 0x288 / 8);
	/* until after what follows the snapshot: more than the area has words */
	while (at_lab_get(METIS_LAB_READ_FAILS) > MANY - 512 && at_now() < end)
		at_sleep_ms(1);
	EXPECT_GE(MANY - 512, at_lab_get(METIS_LAB_READ_FAILS));
	at_lab_set(METIS_LAB_READ_FAIL_AT, 0);
	EXPECT_EQ(0, at_moves_again(&self->t, &self->x, 1));
	EXPECT_EQ(said, at_log_count(";axl ", "shared area: "));
	/* the model counts bus mastering before the table, and stray writes */
}

TEST_HARNESS_MAIN
