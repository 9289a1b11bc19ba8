// SPDX-License-Identifier: GPL-2.0
/*
 * Transfers move every byte and none beside it, for sizes and alignments of every
 * kind, both memories of the device and two shapes of host memory. What arrived in the
 * device is compared by the lab's checksum, not by reading it back with the engine.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "liblab.h"

static const uint64_t sizes[] = {
	1, 3, 4, 4095, 4096, 4097, 65537, MIB + 1, 16 * MIB,
};

#define NR_SIZES	at_array_size(sizes)
/*
 * How many of them this kernel does in reasonable time: DMA_API_DEBUG searches for
 * each page that is synchronized from there to the beginning of the mapping.
 */
static size_t nr_sizes = NR_SIZES;
#define GAP		4096UL		/* around each transfer */
#define ROOM		(18 * MIB)
#define HOST_CANARY	0x77
#define DEV_CANARY	0xee

enum where { IN_L2, IN_DDR };

FIXTURE(matrix)
{
	struct at_ctx t;
	struct at_mem mem;
	uint32_t to, from;
	uint64_t base;		/* device address of the room */
};

FIXTURE_VARIANT(matrix)
{
	enum where where;
	enum at_shape shape;
	bool odd;
};

#define VARIANT(name, w, s, o)						\
	FIXTURE_VARIANT_ADD(matrix, name) {				\
		.where = w, .shape = s, .odd = o,			\
	}

VARIANT(l2_scattered_aligned, IN_L2, AT_SCATTERED, false);
VARIANT(l2_scattered_odd, IN_L2, AT_SCATTERED, true);
VARIANT(l2_huge_aligned, IN_L2, AT_HUGE, false);
VARIANT(l2_huge_odd, IN_L2, AT_HUGE, true);
VARIANT(ddr_scattered_aligned, IN_DDR, AT_SCATTERED, false);
VARIANT(ddr_scattered_odd, IN_DDR, AT_SCATTERED, true);
VARIANT(ddr_huge_aligned, IN_DDR, AT_HUGE, false);
VARIANT(ddr_huge_odd, IN_DDR, AT_HUGE, true);

FIXTURE_SETUP(matrix)
{
	struct axl_ioc_buf_register reg;
	size_t pages, pieces;
	uint32_t mode;
	int err;

	if (!access("/sys/kernel/debug/dma-api", F_OK))
		nr_sizes = NR_SIZES - 1;
	AT_BEGIN(&self->t, AT_NEEDS_RUNNING);
	err = at_mem_alloc(&self->mem, variant->shape, ROOM);
	if (err && variant->shape == AT_HUGE)
		SKIP(return, "no huge pages: %s", strerror(-err));
	ASSERT_EQ(0, err);

	if (variant->where == IN_DDR) {
		if (!(self->t.q.features & AXL_FEAT_DDR))
			SKIP(return, "firmware does not tell the DDR's base");
		self->base = at_scratch_ddr(&self->t.q);
	} else {
		self->base = at_scratch_l2(&self->t.q);
	}

	ASSERT_EQ(0, at_register(self->t.fd, self->mem.p, self->mem.size,
				 AXL_BUF_TO_DEVICE, &reg));
	self->to = reg.handle;
	/* The memory has the shape it claims, now that it cannot move */
	pages = self->mem.size / at_page_size();
	pieces = at_mem_pieces(self->mem.p, self->mem.size);
	if (variant->shape == AT_SCATTERED) {
		ASSERT_GT(pieces, pages - pages / 8);
	} else {
		ASSERT_LE(pieces, pages / 64);
		ASSERT_GE(pieces, 1);
	}
	mode = self->t.q.iommu_mode;
	if (mode == AXL_IOMMU_TRANSLATED || mode == AXL_IOMMU_LAZY) {
		EXPECT_EQ(1, reg.segments);
	} else if (at_bounced(&self->t.q)) {
		/* swiotlb bounces 256 KiB at once, so huge pages are divided */
		EXPECT_EQ(variant->shape == AT_SCATTERED ? pieces :
			  self->mem.size / (256 * KIB), reg.segments);
	} else {
		EXPECT_EQ(pieces, reg.segments);
	}
	ASSERT_EQ(0, at_register(self->t.fd, self->mem.p, self->mem.size,
				 AXL_BUF_FROM_DEVICE, &reg));
	self->from = reg.handle;
}

FIXTURE_TEARDOWN(matrix)
{
	at_mem_free(&self->mem);
	AT_END(&self->t);
}

/* Places of the transfers; host and device offsets differ when odd */
static size_t layout(struct axl_xfer *x, bool odd, uint64_t base)
{
	uint64_t host = GAP, dev = GAP;
	size_t i;

	for (i = 0; i < nr_sizes; i++) {
		x[i] = (struct axl_xfer){
			.offset = host + (odd ? 2 * i + 1 : 0),
			.device_addr = base + dev + (odd ? 2 * i + 3 : 0),
			.length = sizes[i],
			.channel = AXL_CHANNEL_ANY,
		};
		host += AT_ALIGN(sizes[i], GAP) + GAP;
		dev += AT_ALIGN(sizes[i], GAP) + GAP;
	}
	return host;
}

/* The checksum of the device's room: canaries with the transfers between */
static uint32_t expected_crc(const struct axl_xfer *x, uint64_t base,
			     const uint8_t *host, size_t room)
{
	static uint8_t canary[4 * GAP];
	uint64_t at = base;
	uint32_t crc = 0;
	size_t i;

	memset(canary, DEV_CANARY, sizeof(canary));
	for (i = 0; i < nr_sizes; i++) {
		crc = at_crc32(crc, canary, x[i].device_addr - at);
		crc = at_crc32(crc, host + x[i].offset, x[i].length);
		at = x[i].device_addr + x[i].length;
	}
	return at_crc32(crc, canary, base + room - at);
}

TEST_F_TIMEOUT(matrix, both_ways, 120)
{
	struct axl_xfer x[NR_SIZES];
	uint64_t at, seed = 0x1234 + variant->odd;
	uint8_t *host = self->mem.p;
	uint32_t crc, want, one;
	size_t i, room;
	ssize_t bad;

	room = layout(x, variant->odd, self->base);
	ASSERT_LE(room, self->mem.size);

	/* To the device */
	at_fill(host, room, seed, 0);
	ASSERT_EQ(0, at_dev_fill(self->base, DEV_CANARY, room));
	for (i = 0; i < nr_sizes; i++) {
		x[i].handle = self->to;
		x[i].direction = AXL_TO_DEVICE;
	}
	ASSERT_EQ(0, at_run(self->t.fd, x, nr_sizes));
	bad = at_check(host, room, seed, 0);
	EXPECT_EQ(-1, bad)
		TH_LOG("memory that was only read changed at %zd", bad);
	want = expected_crc(x, self->base, host, room);
	ASSERT_EQ(0, at_dev_crc(self->base, room, &crc));
	EXPECT_EQ(want, crc);
	for (i = 0; crc != want && i < nr_sizes; i++) {
		ASSERT_EQ(0, at_dev_crc(x[i].device_addr, x[i].length, &one));
		EXPECT_EQ(at_crc32(0, host + x[i].offset, x[i].length), one)
			TH_LOG("to device: %llu bytes",
			       (unsigned long long)x[i].length);
	}

	/* And back into memory that was cleared */
	memset(host, HOST_CANARY, room);
	for (i = 0; i < nr_sizes; i++) {
		x[i].handle = self->from;
		x[i].direction = AXL_FROM_DEVICE;
	}
	ASSERT_EQ(0, at_run(self->t.fd, x, nr_sizes));
	for (i = 0, at = 0; i < nr_sizes; i++) {
		bad = at_check_byte(host + at, x[i].offset - at, HOST_CANARY);
		EXPECT_EQ(-1, bad)
			TH_LOG("byte %zd before the transfer of %llu written",
			       bad, (unsigned long long)x[i].length);
		bad = at_check(host + x[i].offset, x[i].length, seed,
			       x[i].offset);
		EXPECT_EQ(-1, bad)
			TH_LOG("from device: %llu bytes, byte %zd is wrong",
			       (unsigned long long)x[i].length, bad);
		at = x[i].offset + x[i].length;
	}
	bad = at_check_byte(host + at, room - at, HOST_CANARY);
	EXPECT_EQ(-1, bad)
		TH_LOG("byte %zd behind the last transfer written", bad);
	ASSERT_EQ(0, at_dev_crc(self->base, room, &crc));
	EXPECT_EQ(want, crc)
		TH_LOG("reading changed the device's memory");
}

/* One at a time, so that a batch cannot hide an order or a queue */
TEST_F_TIMEOUT(matrix, one_by_one, 60)
{
	struct axl_xfer x[NR_SIZES];
	uint8_t *host = self->mem.p;
	uint64_t seed = 0x9876;
	size_t i;

	layout(x, variant->odd, self->base);
	for (i = 0; i < nr_sizes && x[i].length < MIB; i++) {
		size_t n = x[i].length;
		uint32_t crc;

		at_fill(host, x[i].offset + n + GAP, seed, 0);
		x[i].handle = self->to;
		x[i].direction = AXL_TO_DEVICE;
		ASSERT_EQ(0, at_run(self->t.fd, &x[i], 1));
		ASSERT_EQ(0, at_dev_crc(x[i].device_addr, n, &crc));
		EXPECT_EQ(at_crc32(0, host + x[i].offset, n), crc)
			TH_LOG("to device: %zu bytes", n);

		memset(host + x[i].offset - GAP / 2, HOST_CANARY, n + GAP);
		x[i].handle = self->from;
		x[i].direction = AXL_FROM_DEVICE;
		ASSERT_EQ(0, at_run(self->t.fd, &x[i], 1));
		EXPECT_EQ(-1, at_check(host + x[i].offset, n, seed,
				       x[i].offset))
			TH_LOG("from device: %zu bytes", n);
		EXPECT_EQ(-1, at_check_byte(host + x[i].offset - GAP / 2,
					    GAP / 2, HOST_CANARY));
		EXPECT_EQ(-1, at_check_byte(host + x[i].offset + n, GAP / 2,
					    HOST_CANARY));
	}
}

TEST_HARNESS_MAIN
