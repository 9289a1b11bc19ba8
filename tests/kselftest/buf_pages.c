// SPDX-License-Identifier: GPL-2.0
/*
 * The pages behind a registered buffer: those that the device may have written
 * are dirty once the buffer is released, so that the kernel cannot drop what was
 * written, others are not; and releasing a buffer does not overwrite what the CPU
 * has written since the last transfer.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "liblab.h"

#define PAGES		16
#define PFN_MASK	((1ULL << 55) - 1)
/* include/uapi/linux/kernel-page-flags.h */
#define KPF_DIRTY	(1ULL << 4)

FIXTURE(pages)
{
	struct at_ctx t;
	uint64_t base;
	size_t page, size;
	uint8_t *p;
};

FIXTURE_SETUP(pages)
{
	AT_BEGIN(&self->t, 0);
	self->base = at_scratch_l2(&self->t.q);
	self->page = at_page_size();
	self->size = PAGES * self->page;
	/* not populated: pinning is what faults the pages in */
	self->p = mmap(NULL, self->size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->p);
	/* a page of a huge one would share its flags */
	madvise(self->p, self->size, MADV_NOHUGEPAGE);
}

FIXTURE_TEARDOWN(pages)
{
	munmap(self->p, self->size);
	AT_END(&self->t);
}

/* How many of the pages have PG_dirty set; -errno when the kernel does not tell */
static int dirty_pages(const uint8_t *p, size_t page)
{
	int maps = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	int flags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	uint64_t entry, pfn, bits;
	int i, dirty = 0;

	for (i = 0; i < PAGES && dirty >= 0; i++) {
		off_t at = ((uintptr_t)p / page + i) * sizeof(entry);

		if (pread(maps, &entry, sizeof(entry), at) != sizeof(entry)) {
			dirty = -ENOTSUP;
			break;
		}
		pfn = entry & PFN_MASK;
		if (!pfn || pread(flags, &bits, sizeof(bits),
				  pfn * sizeof(bits)) != sizeof(bits))
			dirty = -ENOTSUP;
		else
			dirty += !!(bits & KPF_DIRTY);
	}
	if (maps >= 0)
		close(maps);
	if (flags >= 0)
		close(flags);
	return dirty;
}

/*
 * The flag of the page itself, which only set_page_dirty() gives to anonymous
 * memory while there is no swap; that of the page table is set by pinning.
 */
static void dirty_after(struct __test_metadata *_metadata,
			FIXTURE_DATA(pages) *self, uint32_t flags,
			uint32_t direction, int expected)
{
	struct axl_ioc_buf_register reg;
	int dirty;

	ASSERT_EQ(0, at_register(self->t.fd, self->p, self->size, flags, &reg));
	dirty = dirty_pages(self->p, self->page);
	if (dirty < 0)
		SKIP(return, "the kernel does not show page flags");
	EXPECT_EQ(0, dirty)
		TH_LOG("the pages are dirty before a transfer");
	ASSERT_EQ(0, at_dev_fill(self->base, 0x3c, self->size));
	ASSERT_EQ(0, at_move(self->t.fd, reg.handle, direction, 0, self->base,
			     self->size));
	ASSERT_EQ(0, at_release(self->t.fd, reg.handle));
	EXPECT_EQ(expected, dirty_pages(self->p, self->page));
}

TEST_F(pages, dirty_when_the_device_wrote)
{
	dirty_after(_metadata, self, AXL_BUF_FROM_DEVICE, AXL_FROM_DEVICE,
		    PAGES);
	EXPECT_EQ(-1, at_check_byte(self->p, self->size, 0x3c));
}

TEST_F(pages, dirty_when_both_ways_are_allowed)
{
	dirty_after(_metadata, self, AXL_BUF_FROM_DEVICE | AXL_BUF_TO_DEVICE,
		    AXL_TO_DEVICE, PAGES);
}

TEST_F(pages, clean_when_the_device_only_read)
{
	dirty_after(_metadata, self, AXL_BUF_TO_DEVICE, AXL_TO_DEVICE, 0);
}

/*
 * Ranges are synchronized when a transfer is collected. What the CPU writes later
 * is newer than what a bounce buffer or a cache line of the mapping holds.
 */
TEST_F(pages, released_without_a_copy)
{
	static const uint32_t flags[] = {
		AXL_BUF_FROM_DEVICE, AXL_BUF_FROM_DEVICE | AXL_BUF_TO_DEVICE,
	};
	struct axl_ioc_buf_register reg;
	size_t i;

	for (i = 0; i < at_array_size(flags); i++) {
		ASSERT_EQ(0, at_dev_fill(self->base, 0x51, self->size));
		memset(self->p, 0x52, self->size);
		ASSERT_EQ(0, at_register(self->t.fd, self->p, self->size,
					 flags[i], &reg));
		ASSERT_EQ(0, at_move(self->t.fd, reg.handle, AXL_FROM_DEVICE,
				     0, self->base, self->size));
		EXPECT_EQ(-1, at_check_byte(self->p, self->size, 0x51));
		at_fill(self->p, self->size, i, 0);
		ASSERT_EQ(0, at_release(self->t.fd, reg.handle));
		EXPECT_EQ(-1, at_check(self->p, self->size, i, 0));
	}
}

/*
 * More in one piece than swiotlb bounces (256 KiB): mapped in several pieces, all
 * of which are moved and synchronized.
 */
TEST_F(pages, larger_than_a_bounce_buffer)
{
	struct axl_ioc_buf_register reg;
	struct at_mem mem;
	uint32_t crc;
	size_t n;

	if (at_mem_alloc(&mem, AT_HUGE, 1 << 20))
		SKIP(return, "no huge pages");
	/* from the middle of a page to the middle of another */
	n = (1 << 20) - self->page;
	at_fill(mem.p, mem.size, 60, 0);
	ASSERT_EQ(0, at_register(self->t.fd, mem.p + 100, n,
				 AXL_BUF_FROM_DEVICE | AXL_BUF_TO_DEVICE,
				 &reg));
	EXPECT_GE(reg.segments, at_bounced(&self->t.q) ? n >> 18 : 1);
	at_fill(mem.p, mem.size, 61, 0);
	ASSERT_EQ(0, at_move(self->t.fd, reg.handle, AXL_TO_DEVICE, 0,
			     self->base, n));
	ASSERT_EQ(0, at_dev_crc(self->base, n, &crc));
	EXPECT_EQ(at_crc32(0, mem.p + 100, n), crc);

	ASSERT_EQ(0, at_dev_fill(self->base, 0x62, n));
	ASSERT_EQ(0, at_move(self->t.fd, reg.handle, AXL_FROM_DEVICE, 0,
			     self->base, n));
	EXPECT_EQ(-1, at_check(mem.p, 100, 61, 0));
	EXPECT_EQ(-1, at_check_byte(mem.p + 100, n, 0x62));
	EXPECT_EQ(-1, at_check(mem.p + 100 + n, mem.size - 100 - n, 61,
			       100 + n));
	ASSERT_EQ(0, at_release(self->t.fd, reg.handle));
	at_mem_free(&mem);
}

/* Without room for it in swiotlb: refused as documented, and nothing is kept */
TEST_F(pages, no_bounce_buffers_left)
{
	uint32_t handles[64];
	struct axl_ioc_buf_register reg;
	int err = 0, n = 0, round, first = 0;
	struct at_mem mem;

	if (!at_bounced(&self->t.q))
		SKIP(return, "nothing is bounced");
	ASSERT_EQ(0, at_mem_alloc(&mem, AT_PLAIN, 8 << 20));
	for (round = 0; round < 2; round++) {
		for (n = 0; n < 64; n++) {
			err = at_register(self->t.fd, mem.p, mem.size,
					  AXL_BUF_TO_DEVICE, &reg);
			if (err)
				break;
			handles[n] = reg.handle;
		}
		EXPECT_EQ(-EIO, err);
		at_msg("%d buffers of 8 MiB", n);
		if (round)
			/* another device may hold a slot */
			EXPECT_LE(first, n + 1);
		first = n;
		while (n--)
			EXPECT_EQ(0, at_release(self->t.fd, handles[n]));
	}
	at_mem_free(&mem);
}

TEST_HARNESS_MAIN
