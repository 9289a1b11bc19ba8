// SPDX-License-Identifier: GPL-2.0
/*
 * Linked lists move every byte of buffers of very many pieces on a bus without
 * translation; behind an IOMMU there is one piece and no list. The lab counts the
 * elements fetched.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "liblab.h"

#define MAX_PAGES	1200
#define CANARY		0x3d

FIXTURE(lists)
{
	struct at_ctx t;
	struct at_mem mem;
	uint32_t handle, segments;
	uint64_t base;
	size_t page;
	bool translated;
};

FIXTURE_VARIANT(lists)
{
	uint32_t direction;
};

FIXTURE_VARIANT_ADD(lists, to_device) { .direction = AXL_TO_DEVICE, };
FIXTURE_VARIANT_ADD(lists, from_device) { .direction = AXL_FROM_DEVICE, };

FIXTURE_SETUP(lists)
{
	struct axl_ioc_buf_register reg;

	AT_BEGIN(&self->t, AT_NEEDS_RUNNING);
	self->page = at_page_size();
	ASSERT_EQ(0, at_mem_alloc(&self->mem, AT_SCATTERED,
				  MAX_PAGES * self->page));
	ASSERT_EQ(0, at_register(self->t.fd, self->mem.p, self->mem.size,
				 AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE,
				 &reg));
	self->handle = reg.handle;
	self->segments = reg.segments;
	self->base = at_scratch_l2(&self->t.q);
	self->translated = self->t.q.iommu_mode == AXL_IOMMU_TRANSLATED ||
			   self->t.q.iommu_mode == AXL_IOMMU_LAZY;
}

FIXTURE_TEARDOWN(lists)
{
	at_mem_free(&self->mem);
	AT_END(&self->t);
}

static uint32_t elements(uint32_t direction)
{
	return at_lab_get(direction == AXL_TO_DEVICE ? METIS_LAB_ELEMENTS_RD :
			  METIS_LAB_ELEMENTS_WR);
}

/* One transfer, verified on both sides */
static void move(struct __test_metadata *_metadata,
		 FIXTURE_DATA(lists) *self, uint32_t direction, size_t offset,
		 size_t length)
{
	uint8_t *p = self->mem.p;
	uint64_t seed = 1000 + length;
	uint32_t crc;

	if (direction == AXL_TO_DEVICE) {
		at_fill(p + offset, length, seed, offset);
		ASSERT_EQ(0, at_dev_fill(self->base, CANARY, length + 8));
		ASSERT_EQ(0, at_move(self->t.fd, self->handle, direction,
				     offset, self->base, length))
			TH_LOG("%zu bytes at %zu", length, offset);
		ASSERT_EQ(0, at_dev_crc(self->base, length, &crc));
		EXPECT_EQ(at_crc32(0, p + offset, length), crc)
			TH_LOG("%zu bytes at %zu", length, offset);
		uint8_t tail[4];

		ASSERT_EQ(0, at_dev_read(self->base + length, tail, 4));
		EXPECT_EQ(-1, at_check_byte(tail, 4, CANARY));
		return;
	}

	/* What the device holds is counted in words of the lab's fill */
	ASSERT_EQ(0, at_dev_fill(self->base, 0xa6, length));
	at_fill(p + offset, 64, seed, 0);
	ASSERT_EQ(0, at_dev_write(self->base, p + offset,
				  length < 64 ? length : 64));
	ASSERT_EQ(0, at_dev_crc(self->base, length, &crc));
	memset(p, CANARY, self->mem.size);
	ASSERT_EQ(0, at_move(self->t.fd, self->handle, direction, offset,
			     self->base, length))
		TH_LOG("%zu bytes at %zu", length, offset);
	EXPECT_EQ(crc, at_crc32(0, p + offset, length))
		TH_LOG("%zu bytes at %zu", length, offset);
	EXPECT_EQ(-1, at_check_byte(p, offset, CANARY));
	EXPECT_EQ(-1, at_check_byte(p + offset + length,
				    self->mem.size - offset - length, CANARY));
}

TEST_F(lists, segments)
{
	size_t pieces = at_mem_pieces(self->mem.p, self->mem.size);

	ASSERT_GT(pieces, 1000);
	if (self->translated) {
		EXPECT_EQ(1, self->segments);
	} else {
		EXPECT_EQ(pieces, self->segments);
	}
}

/* Around every size at which a list could be full or half full */
TEST_F_TIMEOUT(lists, many_pieces, 60)
{
	static const unsigned int pages[] = {
		1, 2, 3, 84, 85, 86, 87, 127, 128, 129, 168, 169, 170, 171,
		172, 255, 256, 257, 339, 340, 341, 342, 680, 1023, 1024, 1100,
	};
	uint32_t d = variant->direction, fetched, rung;
	size_t i, pieces, length;

	for (i = 0; i < at_array_size(pages); i++) {
		fetched = elements(d);
		rung = at_doorbells(d);
		/* From the middle of a page to the middle of another */
		length = (pages[i] - 1) * self->page + 100;
		move(_metadata, self, d, self->page / 2 + 1, length);
		pieces = at_mem_pieces(self->mem.p + self->page / 2 + 1,
				       length);
		fetched = elements(d) - fetched;
		rung = at_doorbells(d) - rung;
		if (self->translated || pieces == 1) {
			EXPECT_EQ(0, fetched)
				TH_LOG("%u pages: a list for one piece",
				       pages[i]);
			EXPECT_EQ(1, rung);
		} else {
			/* All pieces, links, and where each run ended */
			EXPECT_GE(fetched, pieces);
			EXPECT_LE(fetched, pieces + pieces / 8 + 8 * rung)
				TH_LOG("%u pages: %u elements fetched",
				       pages[i], fetched);
			EXPECT_LE(rung, pieces);
		}
	}
}

/* Lists on all channels of the direction at once must not share memory */
TEST_F_TIMEOUT(lists, all_channels, 60)
{
	uint32_t d = variant->direction, crc;
	size_t part = MAX_PAGES / 4 * self->page, i, round;
	struct axl_xfer x[4];

	for (round = 0; round < 5; round++) {
		at_fill(self->mem.p, self->mem.size, round, 0);
		if (d == AXL_FROM_DEVICE) {
			/* The lab knows what the other direction left there */
			ASSERT_EQ(0, at_move(self->t.fd, self->handle,
					     AXL_TO_DEVICE, 0, self->base,
					     self->mem.size));
		} else {
			ASSERT_EQ(0, at_dev_fill(self->base, CANARY,
						 self->mem.size));
		}
		for (i = 0; i < 4; i++)
			x[i] = (struct axl_xfer){
				.handle = self->handle, .direction = d,
				.offset = i * part,
				.device_addr = self->base + i * part,
				.length = part, .channel = i,
			};
		if (d == AXL_FROM_DEVICE) {
			ASSERT_EQ(0, at_dev_crc(self->base, self->mem.size,
						&crc));
			ASSERT_EQ(at_crc32(0, self->mem.p, self->mem.size),
				  crc);
			memset(self->mem.p, CANARY, self->mem.size);
		}
		ASSERT_EQ(0, at_run(self->t.fd, x, 4));
		ASSERT_EQ(0, at_dev_crc(self->base, self->mem.size, &crc));
		EXPECT_EQ(at_crc32(0, self->mem.p, self->mem.size), crc)
			TH_LOG("round %zu", round);
		EXPECT_EQ(-1, at_check(self->mem.p, self->mem.size, round, 0));
	}
}

/*
 * The lab fails the fetch of an element, on each channel: the transfer fails, as
 * its message tells, and the next works. RIE is in the last element, which the
 * engine has not seen: the message depends on the list error enable.
 */
TEST_F(lists, fetch_error)
{
	uint32_t d = variant->direction, sent;
	struct axl_xfer x = {
		.handle = self->handle, .direction = d,
		.device_addr = self->base, .length = 10 * self->page,
	};
	struct axl_ioc_query q;

	if (self->translated)
		SKIP(return, "one piece, no list");
	for (; x.channel < 4; x.channel++) {
		sent = at_lab_get(METIS_LAB_IMWR_SENT);
		at_lab_set(METIS_LAB_ABORT_CAUSE, METIS_LAB_CAUSE_FETCH);
		at_lab_set(METIS_LAB_ABORT_NEXT, at_channel_bit(d, x.channel));
		EXPECT_EQ(-EIO, at_run(self->t.fd, &x, 1));
		if (!at_silent(&self->t.q)) {
			EXPECT_EQ(sent + 1, at_lab_get(METIS_LAB_IMWR_SENT))
				TH_LOG("channel %u", x.channel);
		}
		EXPECT_EQ(0, at_run(self->t.fd, &x, 1));
	}
	ASSERT_EQ(0, at_query(self->t.fd, &q));
	EXPECT_EQ(self->t.q.lost_interrupts, q.lost_interrupts);
}

TEST_HARNESS_MAIN
