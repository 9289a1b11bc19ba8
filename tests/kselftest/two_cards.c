// SPDX-License-Identifier: GPL-2.0
/*
 * Two cards in one IOMMU group both work without a guard page: one page at bus address
 * 0 would catch the writes that both mean for tables of their own. The log reports why
 * there is none. For a board with two cards.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "liblab.h"

#define ROOM	65536

FIXTURE(two)
{
	struct at_ctx t;
	int other;
	struct axl_ioc_query q;
};

FIXTURE_SETUP(two)
{
	AT_BEGIN(&self->t, 0);
	self->other = open("/dev/metis1", O_RDWR | O_CLOEXEC);
	ASSERT_GE(self->other, 0);
	ASSERT_EQ(0, at_query(self->other, &self->q));
}

FIXTURE_TEARDOWN(two)
{
	close(self->other);
	AT_END(&self->t);
}

TEST_F(two, no_guard)
{
	if (self->q.iommu_mode != AXL_IOMMU_TRANSLATED &&
	    self->q.iommu_mode != AXL_IOMMU_LAZY)
		SKIP(return, "nothing translates");
	EXPECT_EQ(AXL_GUARD_REFUSED, self->t.q.guard);
	EXPECT_EQ(AXL_GUARD_REFUSED, self->q.guard);
	EXPECT_EQ(2, at_log_count("no guard page at bus address 0",
				  "another card shares the IOMMU group"));
}

static void move(struct __test_metadata *_metadata, int fd,
		 const struct axl_ioc_query *q, uint64_t seed)
{
	struct axl_ioc_buf_register reg;
	uint64_t base = at_scratch_l2(q);
	struct at_mem mem;

	ASSERT_EQ(0, at_mem_alloc(&mem, AT_PLAIN, ROOM));
	ASSERT_EQ(0, at_register(fd, mem.p, ROOM,
				 AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE,
				 &reg));
	at_fill(mem.p, ROOM, seed, 0);
	EXPECT_EQ(0, at_move(fd, reg.handle, AXL_TO_DEVICE, 0, base, ROOM));
	memset(mem.p, 0, ROOM);
	EXPECT_EQ(0, at_move(fd, reg.handle, AXL_FROM_DEVICE, 0, base, ROOM));
	EXPECT_EQ(-1, at_check(mem.p, ROOM, seed, 0));
	at_mem_free(&mem);
}

TEST_F(two, both_work)
{
	uint64_t end = at_now() + AT_SOON;

	move(_metadata, self->t.fd, &self->t.q, 1);
	move(_metadata, self->other, &self->q, 2);
	/* they share the link: a start of one bounces the other */
	ASSERT_EQ(0, at_fw_run(self->t.fd));
	do {
		at_sleep_ms(50);
		ASSERT_EQ(0, at_query(self->other, &self->q));
	} while (self->q.fw_state == AXL_FW_STARTING && at_now() < end);
	ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
	move(_metadata, self->t.fd, &self->t.q, 3);
	move(_metadata, self->other, &self->q, 4);
}

TEST_HARNESS_MAIN
