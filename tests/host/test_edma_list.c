// SPDX-License-Identifier: GPL-2.0
/*
 * Cursors and lists: the edges by hand, the rest by property. Whatever the
 * segments, the elements of all lists together move exactly the bytes asked for,
 * in order, and every list is one that the engine stops after.
 */
#include "check.h"

#include <errno.h>
#include <string.h>

#include "axl_edma_list.h"
#include "axl_edma_regs.h"
#include "list_model.h"

#define CB	(1u << 0)
#define RIE	(1u << 4)
#define DEV	0x08001000ull

/* Give segments their start offsets. */
static u64 lay_out(struct axl_seg *segs, unsigned int nr)
{
	u64 start = 0;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		segs[i].start = start;
		start += segs[i].len;
	}
	return start;
}

static void register_map(void **state)
{
	(void)state;
	assert_int_equal(AXL_EDMA_CB, 0x001);
	assert_int_equal(AXL_EDMA_TCB, 0x002);
	assert_int_equal(AXL_EDMA_LLP, 0x004);
	assert_int_equal(AXL_EDMA_LIE, 0x008);
	assert_int_equal(AXL_EDMA_RIE, 0x010);
	assert_int_equal(AXL_EDMA_CS, 0x060);
	assert_int_equal(AXL_EDMA_CCS, 0x100);
	assert_int_equal(AXL_EDMA_LLE, 0x200);
	assert_int_equal(AXL_EDMA_WR_CH(0), 0x200);
	assert_int_equal(AXL_EDMA_RD_CH(0), 0x300);
	assert_int_equal(AXL_EDMA_WR_CH(3), 0x800);
	assert_int_equal(AXL_EDMA_RD_CH(3) + AXL_EDMA_CH_LLP_HI, 0x920);
	assert_int_equal(AXL_EDMA_WR_IMWR_DATA(0), 0x70);
	assert_int_equal(AXL_EDMA_WR_IMWR_DATA(1), 0x70);
	assert_int_equal(AXL_EDMA_WR_IMWR_DATA(3), 0x74);
	assert_int_equal(AXL_EDMA_RD_IMWR_DATA(1), 0xdc);
	assert_int_equal(AXL_EDMA_RD_IMWR_DATA(2), 0xe0);
	assert_int_equal(AXL_EDMA_WR_CH_PWR_EN(3), 0x134);
	assert_int_equal(AXL_EDMA_RD_CH_PWR_EN(3), 0x174);
	assert_int_equal(AXL_EDMA_INT_DONE_CH(3), 0x8);
	assert_int_equal(AXL_EDMA_INT_ABORT_CH(3), 0x80000);
	assert_int_equal(AXL_EDMA_CTRL_RD_CH, 0xf0000);
	assert_int_equal(AXL_EDMA_DOORBELL_STOP, 0x80000000);
	assert_int_equal(AXL_EDMA_ELEM_DAR + 8, AXL_EDMA_ELEM_BYTES);
}

static void init_range(void **state)
{
	struct axl_seg segs[] = { { 0x1000, 100, 0 }, { 0x9000, 50, 100 } };
	struct axl_cursor cur;

	(void)state;
	assert_int_equal(axl_cursor_init(&cur, segs, 2, 0, 150, DEV), 0);
	assert_int_equal(cur.seg, 0);
	assert_int_equal(cur.seg_off, 0);
	assert_int_equal(cur.left, 150);
	assert_int_equal(cur.dev_addr, DEV);
	assert_int_equal(axl_cursor_init(&cur, segs, 2, 99, 1, DEV), 0);
	assert_int_equal(cur.seg, 0);
	assert_int_equal(cur.seg_off, 99);
	assert_int_equal(axl_cursor_init(&cur, segs, 2, 100, 50, DEV), 0);
	assert_int_equal(cur.seg, 1);
	assert_int_equal(cur.seg_off, 0);
	assert_int_equal(axl_cursor_init(&cur, segs, 2, 149, 1, DEV), 0);
	assert_int_equal(cur.seg, 1);
	assert_int_equal(cur.seg_off, 49);

	assert_int_equal(axl_cursor_init(&cur, segs, 2, 0, 151, DEV), -ERANGE);
	assert_int_equal(axl_cursor_init(&cur, segs, 2, 149, 2, DEV), -ERANGE);
	assert_int_equal(axl_cursor_init(&cur, segs, 2, 150, 1, DEV), -ERANGE);
	assert_int_equal(axl_cursor_init(&cur, segs, 2, ~0ull, 2, DEV), -ERANGE);
	assert_int_equal(axl_cursor_init(&cur, segs, 2, 2, ~0ull, DEV), -ERANGE);
	assert_int_equal(axl_cursor_init(&cur, segs, 2, 0, 0, DEV), -EINVAL);
	assert_int_equal(axl_cursor_init(&cur, segs, 0, 0, 1, DEV), -ERANGE);
	assert_int_equal(axl_cursor_init(&cur, segs, 2, 0, 2, ~0ull), -ERANGE);
	assert_int_equal(axl_cursor_init(&cur, segs, 2, 0, 2, ~0ull - 2), 0);

	/* a buffer whose end cannot be named */
	segs[1].start = ~0ull - 10;
	assert_int_equal(axl_cursor_init(&cur, segs, 2, 0, 1, DEV), -ERANGE);
}

static void directions(void **state)
{
	struct axl_seg seg = { 0xffff0000, 0x1000, 0 };
	struct axl_cursor cur;
	struct axl_elem elem;

	(void)state;
	assert_int_equal(axl_cursor_init(&cur, &seg, 1, 0x10, 0x20, DEV), 0);
	assert_true(axl_cursor_next(&cur, &seg, 1, true, &elem));
	assert_int_equal(elem.control, CB);
	assert_int_equal(elem.size, 0x20);
	assert_int_equal(elem.sar, 0xffff0010);
	assert_int_equal(elem.dar, DEV);

	assert_int_equal(axl_cursor_init(&cur, &seg, 1, 0x10, 0x20, DEV), 0);
	assert_true(axl_cursor_next(&cur, &seg, 1, false, &elem));
	assert_int_equal(elem.control, CB);
	assert_int_equal(elem.sar, DEV);
	assert_int_equal(elem.dar, 0xffff0010);

	memset(&elem, 0x5a, sizeof(elem));
	assert_false(axl_cursor_next(&cur, &seg, 1, false, &elem));
	assert_int_equal(elem.size, 0x5a5a5a5a);
}

static void empty_segments(void **state)
{
	struct axl_seg segs[] = {
		{ 0x1000, 0, 0 }, { 0x2000, 0, 0 }, { 0x3000, 8, 0 },
		{ 0x4000, 0, 0 }, { 0x5000, 0, 0 }, { 0x6000, 8, 0 },
		{ 0x7000, 0, 0 },
	};
	struct axl_elem out[4];
	struct axl_cursor cur;

	(void)state;
	assert_int_equal(lay_out(segs, 7), 16);
	assert_int_equal(axl_cursor_init(&cur, segs, 7, 0, 16, DEV), 0);
	assert_int_equal(axl_list_fill(&cur, segs, 7, true, out, 4), 3);
	assert_int_equal(out[0].sar, 0x3000);
	assert_int_equal(out[1].sar, 0x6000);
	assert_int_equal(axl_cursor_init(&cur, segs, 7, 8, 8, DEV), 0);
	assert_true(axl_cursor_single(&cur, segs, 7));
	assert_true(axl_cursor_next(&cur, segs, 7, true, out));
	assert_int_equal(out[0].sar, 0x6000);
	assert_int_equal(axl_cursor_init(&cur, segs, 7, 16, 1, DEV), -ERANGE);
}

/* A segment list that is shorter than the cursor believes: stop, never read on */
static void cursor_from_elsewhere(void **state)
{
	struct axl_seg seg = { 0x1000, 100, 0 };
	struct axl_cursor cur = { .seg = 0, .left = 200, .dev_addr = DEV };
	struct axl_elem out[4];

	(void)state;
	assert_false(axl_cursor_single(&cur, &seg, 1));
	assert_int_equal(axl_list_fill(&cur, &seg, 1, true, out, 4), 2);
	assert_int_equal(out[0].control, CB | RIE);
	assert_int_equal(axl_list_fill(&cur, &seg, 1, true, out, 4), 0);
	cur = (struct axl_cursor){ .seg = 7, .left = 1 };
	assert_false(axl_cursor_next(&cur, &seg, 1, true, out));
}

static void element_limit(void **state)
{
	static const u64 max = 0x80000000ull;
	struct axl_seg seg = { 1ull << 40, 5 * max, 0 };
	struct axl_cursor cur;
	struct axl_elem out[8];

	(void)state;
	assert_int_equal(AXL_ELEM_MAX, max);
	assert_int_equal(axl_cursor_init(&cur, &seg, 1, 0, max, DEV), 0);
	assert_true(axl_cursor_single(&cur, &seg, 1));
	assert_int_equal(axl_cursor_init(&cur, &seg, 1, 0, max + 1, DEV), 0);
	assert_false(axl_cursor_single(&cur, &seg, 1));
	assert_int_equal(axl_list_fill(&cur, &seg, 1, true, out, 8), 3);
	assert_int_equal(out[0].size, max);
	assert_int_equal(out[1].size, 1);
	assert_int_equal(out[1].sar, (1ull << 40) + max);
	assert_int_equal(out[1].dar, DEV + max);
	assert_int_equal(axl_cursor_init(&cur, &seg, 1, 0, 5 * max, DEV), 0);
	assert_int_equal(axl_list_fill(&cur, &seg, 1, true, out, 8), 6);
}

static void single(void **state)
{
	struct axl_seg segs[] = { { 0x1000, 100, 0 }, { 0x9000, 50, 100 } };
	struct axl_cursor cur, before;
	struct axl_elem elem;

	(void)state;
	assert_int_equal(axl_cursor_init(&cur, segs, 2, 0, 100, DEV), 0);
	before = cur;
	assert_true(axl_cursor_single(&cur, segs, 2));
	assert_memory_equal(&cur, &before, sizeof(cur));
	assert_int_equal(axl_cursor_init(&cur, segs, 2, 0, 101, DEV), 0);
	assert_false(axl_cursor_single(&cur, segs, 2));
	assert_true(axl_cursor_next(&cur, segs, 2, true, &elem));
	assert_true(axl_cursor_single(&cur, segs, 2));
	assert_true(axl_cursor_next(&cur, segs, 2, true, &elem));
	assert_false(axl_cursor_single(&cur, segs, 2));
}

static void fill_edges(void **state)
{
	struct axl_seg segs[] = {
		{ 0x1000, 10, 0 }, { 0x2000, 10, 10 }, { 0x3000, 10, 20 },
	};
	struct axl_elem out[5];
	struct axl_cursor cur, before;

	(void)state;
	assert_int_equal(axl_cursor_init(&cur, segs, 3, 0, 30, DEV), 0);
	before = cur;
	/* no room for a data element: nothing may be lost */
	assert_int_equal(axl_list_fill(&cur, segs, 3, true, out, 0), 0);
	assert_int_equal(axl_list_fill(&cur, segs, 3, true, out, 1), 0);
	assert_memory_equal(&cur, &before, sizeof(cur));

	/* room for two: the third is for the next list */
	memset(out, 0xee, sizeof(out));
	assert_int_equal(axl_list_fill(&cur, segs, 3, true, out, 3), 3);
	assert_int_equal(out[0].control, CB);
	assert_int_equal(out[1].control, CB | RIE);
	assert_int_equal(out[2].control, 0);
	assert_int_equal(out[2].size, 0);
	assert_int_equal(out[2].sar, 0);
	assert_int_equal(out[2].dar, 0);
	assert_int_equal(out[3].control, 0xeeeeeeee);
	assert_int_equal(cur.left, 10);

	assert_int_equal(axl_list_fill(&cur, segs, 3, true, out, 3), 2);
	assert_int_equal(out[0].control, CB | RIE);
	assert_int_equal(out[0].sar, 0x3000);
	assert_int_equal(out[0].dar, DEV + 20);
	assert_int_equal(out[1].control, 0);
	assert_int_equal(axl_list_fill(&cur, segs, 3, true, out, 3), 0);

	/* exactly full: no empty list follows */
	cur = before;
	assert_int_equal(axl_list_fill(&cur, segs, 3, true, out, 4), 4);
	assert_int_equal(axl_list_fill(&cur, segs, 3, true, out, 4), 0);
}

#define MAX_SEGS	400

/* Segments of bytes: small ones, so that each byte can be followed. */
static void random_small(void **state)
{
	static struct axl_seg segs[MAX_SEGS];
	unsigned int round, i, nr;
	u64 total, offset, length;
	const char *wrong;

	(void)state;
	for (round = 0; round < 20000; round++) {
		nr = 1 + rnd_below(round % 10 ? 20 : MAX_SEGS);
		for (i = 0; i < nr; i++) {
			segs[i].addr = rnd() >> 8;
			segs[i].len = rnd_below(8) ? rnd_below(200) : 0;
		}
		total = lay_out(segs, nr);
		if (!total)
			continue;
		offset = rnd_below(total);
		length = 1 + rnd_below(total - offset);
		if (rnd_below(4) == 0)
			length = total - offset;
		wrong = list_model(segs, nr, offset, length, rnd() >> 8,
				   rnd_below(2), 2 + rnd_below(12));
		if (wrong)
			fail_msg("round %u: %s", round, wrong);
	}
}

/* Lengths around powers of two up to many elements, and the real list size. */
static void random_large(void **state)
{
	static struct axl_seg segs[MAX_SEGS];
	unsigned int round, i, nr;
	u64 total, offset, length;
	const char *wrong;

	(void)state;
	for (round = 0; round < 20000; round++) {
		nr = 1 + rnd_below(round % 10 ? 8 : MAX_SEGS);
		for (i = 0; i < nr; i++) {
			segs[i].addr = rnd() >> 8;
			segs[i].len = (1ull << rnd_below(35)) + rnd_below(3) - 1;
		}
		total = lay_out(segs, nr);
		if (!total)
			continue;
		/* on a border half of the time */
		offset = rnd_below(2) ? segs[rnd_below(nr)].start : rnd_below(total);
		if (offset == total)
			offset--;
		length = 1 + rnd_below(total - offset);
		if (rnd_below(4) == 0)
			length = total - offset;
		wrong = list_model(segs, nr, offset, length, rnd() >> 8,
				   rnd_below(2), rnd_below(2) ? 170 : 85);
		if (wrong)
			fail_msg("round %u: %s", round, wrong);
	}
}

/* The search must find what a walk finds, at every offset. */
static void every_offset(void **state)
{
	struct axl_seg segs[33];
	struct axl_cursor cur;
	unsigned int nr, i;
	u64 total, offset;

	(void)state;
	for (nr = 1; nr <= 33; nr++) {
		for (i = 0; i < nr; i++) {
			segs[i].addr = 0x10000 * (i + 1);
			segs[i].len = rnd_below(5);
		}
		segs[rnd_below(nr)].len = 3;
		total = lay_out(segs, nr);
		for (offset = 0; offset < total; offset++) {
			u64 off = offset;

			for (i = 0; off >= segs[i].len; i++)
				off -= segs[i].len;
			assert_int_equal(axl_cursor_init(&cur, segs, nr, offset,
							 1, DEV), 0);
			assert_int_equal(cur.seg, i);
			assert_int_equal(cur.seg_off, off);
		}
		assert_int_equal(axl_cursor_init(&cur, segs, nr, total, 1, DEV),
				 -ERANGE);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(register_map),
		cmocka_unit_test(init_range),
		cmocka_unit_test(directions),
		cmocka_unit_test(empty_segments),
		cmocka_unit_test(cursor_from_elsewhere),
		cmocka_unit_test(element_limit),
		cmocka_unit_test(single),
		cmocka_unit_test(fill_edges),
		cmocka_unit_test(every_offset),
		cmocka_unit_test(random_small),
		cmocka_unit_test(random_large),
	};

	rnd_init();
	return cmocka_run_group_tests_name("edma_list", tests, NULL, NULL);
}
