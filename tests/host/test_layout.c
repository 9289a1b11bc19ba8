// SPDX-License-Identifier: GPL-2.0
/*
 * The shared area: what sane firmware publishes is understood, and each value
 * that it could get wrong costs that value and nothing else.
 */
#include "layout_parse.h"

static void check_ref(const struct axl_ref *ref, u32 size, u32 offset)
{
	assert_true(ref->valid);
	assert_int_equal(ref->major, 1);
	assert_int_equal(ref->minor, 2);
	assert_int_equal(ref->size, size);
	assert_int_equal(ref->offset, offset);
}

static void constants(void **state)
{
	(void)state;
	assert_int_equal(AXL_AREA_MBOX_OPCODE, 0x0b0);
	assert_int_equal(AXL_AREA_MBOX_SIZE, 0x0b4);
	assert_int_equal(AXL_AREA_MBOX_MSG, 0x0b8);
	assert_int_equal(AXL_AREA_FW_LOAD_ADDR, 0x238);
	/* the list buffer of older firmware: the last bytes of L2, 8 x 170 x 24 */
	assert_int_equal(AXL_LIST_FALLBACK_OFFSET + AXL_LIST_FALLBACK_SIZE,
			 SAMPLE_BAR2);
	assert_int_equal(8 * 170 * 24, AXL_LIST_FALLBACK_SIZE);
	assert_int_equal(axl_layout_list_elems(AXL_LIST_FALLBACK_SIZE), 170);
	assert_int_equal(axl_layout_list_elems(SAMPLE_BAR2), 170);
	assert_int_equal(axl_layout_list_elems(8 * 24 * 5 - 1), 4);
}

static void sane(void **state)
{
	struct axl_layout l;

	(void)state;
	sample_fill(bar2);
	assert_int_equal(parse(&l), 0);
	assert_true(l.has_header);
	assert_int_equal(l.l2_base, SAMPLE_L2);
	assert_int_equal(l.area_size, 0x1000);
	assert_int_equal(l.major, 3);
	assert_int_equal(l.minor, 7);
	assert_int_equal(l.ddr_base, SAMPLE_DDR);
	assert_false(l.dma_vm);
	assert_null(l.complaint);
	assert_true(axl_layout_has_areas(&l));
	check_ref(&l.streams, SAMPLE_STREAMS_SIZE, SAMPLE_STREAMS);
	check_ref(&l.board_info, 64, SAMPLE_BOARD_INFO);
	check_ref(&l.contexts, 320, SAMPLE_CONTEXTS);
	check_ref(&l.hostif, 24, SAMPLE_HOSTIF);
	check_ref(&l.dma_desc, 16, SAMPLE_DMA_DESC);
	check_ref(&l.vmsi, SAMPLE_VMSI_SIZE, SAMPLE_VMSI);
}

static void bootloader(void **state)
{
	struct axl_layout l;

	(void)state;
	sample_fill(bar2);
	memset(bar2 + 0x200, 0, 0x200);
	assert_int_equal(parse(&l), 0);
	assert_true(l.has_header);
	assert_false(axl_layout_has_areas(&l));
	assert_int_equal(l.ddr_base, 0);
	assert_null(l.complaint);

	/* board info alone does not make a runtime */
	sample_ref(bar2, 0x258, 0x1234, 64, 0x1000);
	assert_int_equal(parse(&l), 0);
	assert_true(l.board_info.valid);
	assert_false(axl_layout_has_areas(&l));
}

static void old_firmware(void **state)
{
	struct axl_layout l;

	(void)state;
	sample_fill(bar2);
	memset(bar2, 0, 0x200);			/* no header */
	memset(bar2 + 0x2d0, 0, 0x30);		/* no lists, no vMSI */
	assert_int_equal(parse(&l), 0);
	assert_false(l.has_header);
	assert_int_equal(l.l2_base, SAMPLE_L2);
	assert_int_equal(l.area_size, 0x800);
	assert_int_equal(l.ddr_base, SAMPLE_DDR);
	assert_true(l.hostif.valid);
	assert_true(l.contexts.valid);
	assert_false(l.dma_desc.valid);
	assert_false(l.vmsi.valid);
	assert_null(l.complaint);
	assert_true(axl_layout_has_areas(&l));

	/* no version either: a magic is enough */
	memset(bar2 + 0x200, 0, 2);
	assert_int_equal(parse(&l), 0);
	assert_true(l.hostif.valid);
}

static void each_area_counts(void **state)
{
	static const struct {
		unsigned int at;
		u16 magic;
		u32 size;
	} refs[] = {
		{ 0x240, 0xf0f0, 264 }, { 0x288, 1, 320 }, { 0x2b8, 0xbac1, 24 },
		{ 0x2d0, 0xd4d4, 16 }, { 0x2e8, 0xb5b5, 260 },
	};
	struct axl_layout l;
	unsigned int i;

	(void)state;
	for (i = 0; i < 5; i++) {
		sample_fill(bar2);
		memset(bar2 + 0x240, 0, 0xc0);
		assert_int_equal(parse(&l), 0);
		assert_false(axl_layout_has_areas(&l));
		sample_ref(bar2, refs[i].at, refs[i].magic, refs[i].size, 0x1000);
		assert_int_equal(parse(&l), 0);
		assert_true(axl_layout_has_areas(&l));
		assert_null(l.complaint);
	}
}

static void dead_link(void **state)
{
	struct axl_layout l;
	size_t dead;

	(void)state;
	memset(bar2, 0xff, sizeof(bar2));
	assert_int_equal(parse(&l), -EIO);
	assert_int_equal(l.l2_base, 0x08000000);
	assert_false(axl_layout_has_areas(&l));

	/* dies during the snapshot: wherever, no wild value is believed */
	for (dead = 0; dead < 0x800; dead++) {
		sample_fill(bar2);
		memset(bar2 + dead, 0xff, 0x800 - dead);
		assert_int_equal(parse(&l), dead <= 0x200 ? -EIO : 0);
		/* the first reference's last field that counts ends here */
		if (dead < 0x252)
			assert_false(axl_layout_has_areas(&l));
	}
}

static void nothing_there(void **state)
{
	struct axl_layout l;
	unsigned int i;

	(void)state;
	memset(bar2, 0, sizeof(bar2));
	assert_int_equal(parse(&l), -ENODATA);
	assert_int_equal(l.l2_base, 0x08000000);
	assert_int_equal(l.area_size, 0x800);
	assert_null(l.complaint);

	/* a memory test's pattern: no header, no version, no known magic */
	for (i = 0; i < sizeof(bar2); i++)
		bar2[i] = 0x55;
	memset(bar2 + 0x200, 0, 2);
	assert_int_equal(parse(&l), -ENODATA);
	memset(bar2 + 0x200, 0xff, 2);
	assert_int_equal(parse(&l), -ENODATA);
	assert_int_equal(l.ddr_base, 0);

	/* the mailbox alone proves nothing */
	memset(bar2, 0, sizeof(bar2));
	bar2[0xb0] = 1;
	assert_int_equal(parse(&l), -ENODATA);
}

static void caller_mistakes(void **state)
{
	struct axl_layout l;

	(void)state;
	sample_fill(bar2);
	assert_int_equal(parse_sized(0x7ff, SAMPLE_BAR2, &l), -EINVAL);
	assert_int_equal(parse_sized(0, SAMPLE_BAR2, &l), -EINVAL);
	assert_int_equal(parse_sized(0x800, 0x7ff, &l), -EINVAL);
	assert_int_equal(parse_sized(0x800, 1ull << 32, &l), -EINVAL);
	assert_int_equal(parse_sized(0x900, SAMPLE_BAR2, &l), 0);
}

static void memory_bases(void **state)
{
	static const u64 bad_l2[] = {
		1, 0x800, 0x08000001, ~0ull, ~0xfffull, 0 - SAMPLE_BAR2 + 0x1000,
	};
	static const u64 bad_ddr[] = {
		SAMPLE_L2, SAMPLE_L2 + 1, SAMPLE_L2 + SAMPLE_BAR2 - 1,
		SAMPLE_L2 - 0x1000, 0x1000, ~0ull, 0 - (1ull << 30),
	};
	struct axl_layout l;
	unsigned int i;

	(void)state;
	/* header and map agree, or one is silent; else the constant */
	sample_fill(bar2);
	sample_put(bar2 + 0x08, 0x10000000, 8);
	assert_int_equal(parse(&l), 0);
	assert_int_equal(l.l2_base, 0x08000000);
	assert_non_null(l.complaint);
	sample_put(bar2 + 0x208, 0, 8);
	assert_int_equal(parse(&l), 0);
	assert_int_equal(l.l2_base, 0x10000000);
	assert_null(l.complaint);
	sample_put(bar2 + 0x208, 0x10000000, 8);
	assert_int_equal(parse(&l), 0);
	assert_int_equal(l.l2_base, 0x10000000);
	assert_null(l.complaint);
	bar2[0] = 0;
	sample_put(bar2 + 0x208, 0x18000000, 8);
	assert_int_equal(parse(&l), 0);
	assert_int_equal(l.l2_base, 0x18000000);
	sample_put(bar2 + 0x208, 0, 8);
	assert_int_equal(parse(&l), 0);
	assert_int_equal(l.l2_base, 0x08000000);
	assert_null(l.complaint);

	for (i = 0; i < sizeof(bad_l2) / sizeof(bad_l2[0]); i++) {
		sample_fill(bar2);
		sample_put(bar2 + 0x08, bad_l2[i], 8);
		sample_put(bar2 + 0x208, 0, 8);
		assert_int_equal(parse(&l), 0);
		assert_int_equal(l.l2_base, 0x08000000);
		assert_non_null(l.complaint);
		assert_true(l.hostif.valid);

		sample_fill(bar2);
		sample_put(bar2 + 0x208, bad_l2[i], 8);
		assert_int_equal(parse(&l), 0);
		assert_int_equal(l.l2_base, SAMPLE_L2);
		assert_non_null(l.complaint);
	}
	for (i = 0; i < sizeof(bad_ddr) / sizeof(bad_ddr[0]); i++) {
		sample_fill(bar2);
		sample_put(bar2 + 0x210, bad_ddr[i], 8);
		assert_int_equal(parse(&l), 0);
		assert_int_equal(l.ddr_base, 0);
		assert_non_null(l.complaint);
		assert_true(l.hostif.valid);
	}
	sample_fill(bar2);
	sample_put(bar2 + 0x210, SAMPLE_L2 + SAMPLE_BAR2, 8);
	assert_int_equal(parse(&l), 0);
	assert_int_equal(l.ddr_base, SAMPLE_L2 + SAMPLE_BAR2);
	assert_null(l.complaint);
}

static void area_sizes(void **state)
{
	static const u64 bad[] = { 0, 0x7ff, SAMPLE_BAR2 + 1, ~0ull };
	struct axl_layout l;
	unsigned int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		sample_fill(bar2);
		sample_put(bar2 + 0x10, bad[i], 8);
		assert_int_equal(parse(&l), 0);
		assert_int_equal(l.area_size, 0x800);
		assert_non_null(l.complaint);
	}
	sample_fill(bar2);
	sample_put(bar2 + 0x10, SAMPLE_BAR2, 8);
	assert_int_equal(parse(&l), 0);
	assert_int_equal(l.area_size, SAMPLE_BAR2);
	/* without the magic the field means nothing */
	bar2[1] = 0;
	assert_int_equal(parse(&l), 0);
	assert_int_equal(l.area_size, 0x800);
	assert_null(l.complaint);
}

static void dma_vm(void **state)
{
	struct axl_layout l;

	(void)state;
	sample_fill(bar2);
	sample_put(bar2 + 0x218, 0xc1a0c1a0, 4);
	assert_int_equal(parse(&l), 0);
	assert_true(l.dma_vm);
	sample_put(bar2 + 0x218, 0xc1a0c1a1, 4);
	assert_int_equal(parse(&l), 0);
	assert_false(l.dma_vm);
}

struct ref_case {
	unsigned int at;
	u16 magic;		/* 0: any but 0 and 0xffff */
	u32 min_size;
	u32 align;
	size_t member;		/* of struct axl_layout */
	const char *name;	/* in the complaint */
};

#define REF_CASE(at_, magic_, min_, align_, member_, name_)		\
	{ at_, magic_, min_, align_, offsetof(struct axl_layout, member_), name_ }

static struct ref_case ref_cases[] = {
	REF_CASE(0x240, 0xf0f0, 264, 8, streams, "streams"),
	REF_CASE(0x258, 0, 1, 1, board_info, "board info"),
	REF_CASE(0x288, 0, 320, 8, contexts, "contexts"),
	REF_CASE(0x2b8, 0xbac1, 24, 4, hostif, "host-driver"),
	REF_CASE(0x2d0, 0xd4d4, 16, 8, dma_desc, "DMA descriptor"),
	REF_CASE(0x2e8, 0xb5b5, 260, 4, vmsi, "virtual-MSI"),
};

/* Is the reference valid, and is that all that differs from a sane area? */
static bool ref_valid(const struct ref_case *c)
{
	struct axl_layout l, good;
	const struct axl_ref *ref;
	unsigned int i;

	assert_int_equal(parse(&l), 0);
	ref = (const void *)((const u8 *)&l + c->member);
	if (ref->valid)
		assert_null(l.complaint);
	else if (l.complaint)
		assert_non_null(strstr(l.complaint, c->name));

	sample_fill(bar2);
	assert_int_equal(parse(&good), 0);
	for (i = 0; i < 6; i++)
		if (&ref_cases[i] != c)
			assert_memory_equal((u8 *)&l + ref_cases[i].member,
					    (u8 *)&good + ref_cases[i].member,
					    sizeof(struct axl_ref));
	return ref->valid;
}

static void one_reference(void **state)
{
	const struct ref_case *c = *state;
	u16 magic = c->magic ? c->magic : 0x1111;
	struct axl_layout l;
	u8 *p = bar2 + c->at;
	unsigned int bit;

#define REF(size, offset) \
	(sample_fill(bar2), sample_ref(bar2, c->at, magic, size, offset), ref_valid(c))

	/* the largest and the smallest that fit */
	assert_true(REF(c->min_size, 0x300));
	assert_true(REF(SAMPLE_BAR2 - 0x300, 0x300));
	assert_true(REF(1024, SAMPLE_BAR2 - 1024));
	/* size */
	assert_false(REF(c->min_size - 1, 0x10000));
	assert_false(REF(0, 0x10000));
	assert_false(REF(0xffffffff, 0x10000));
	assert_false(REF(SAMPLE_BAR2 + 1, 0x300));
	/* place */
	assert_false(REF(1024, SAMPLE_BAR2 - 1024 + c->align));
	assert_false(REF(1024, SAMPLE_BAR2));
	assert_false(REF(1024, 0x300 - c->align));
	assert_false(REF(1024, 0));
	assert_false(REF(1024, ~0ull - 1023));		/* sum wraps to 0 */
	assert_false(REF(1024, 0 - (u64)512));
	assert_false(REF(1024, 0x100010000));		/* right in 32 bits */
	assert_false(REF(1024, 1ull << 63));
	/* alignment */
	assert_int_equal(REF(1024, 0x10001), c->align == 1);
	assert_int_equal(REF(1024, 0x10002), c->align == 1);
	assert_int_equal(REF(1024, 0x10004), c->align <= 4);
	assert_true(REF(1024, 0x10008));

	/* in DDR, where BAR2 does not reach */
	sample_fill(bar2);
	bar2[c->at + 16] = 1;
	assert_false(ref_valid(c));
	sample_fill(bar2);
	bar2[c->at + 17] = 1;
	assert_false(ref_valid(c));

	/* magic: each bit counts where one is known */
	for (bit = 0; c->magic && bit < 16; bit++) {
		sample_fill(bar2);
		p[bit / 8] ^= 1u << bit % 8;
		assert_false(ref_valid(c));
	}
	sample_fill(bar2);
	sample_put(p, 0xffff, 2);
	assert_false(ref_valid(c));
	sample_fill(bar2);
	sample_put(p, 0, 2);
	assert_false(ref_valid(c));

	/* absent is not a mistake, half absent is */
	sample_fill(bar2);
	memset(p, 0, 24);
	assert_int_equal(parse(&l), 0);
	assert_null(l.complaint);
	p[23] = 1;
	assert_int_equal(parse(&l), 0);
	assert_non_null(l.complaint);
	sample_fill(bar2);
	memset(p, 0xff, 24);
	assert_int_equal(parse(&l), 0);
	assert_non_null(l.complaint);
	assert_non_null(strstr(l.complaint, c->name));
}

int main(void)
{
	static struct CMUnitTest tests[] = {
		cmocka_unit_test(constants),
		cmocka_unit_test(sane),
		cmocka_unit_test(bootloader),
		cmocka_unit_test(old_firmware),
		cmocka_unit_test(each_area_counts),
		cmocka_unit_test(dead_link),
		cmocka_unit_test(nothing_there),
		cmocka_unit_test(caller_mistakes),
		cmocka_unit_test(memory_bases),
		cmocka_unit_test(area_sizes),
		cmocka_unit_test(dma_vm),
		cmocka_unit_test_prestate(one_reference, &ref_cases[0]),
		cmocka_unit_test_prestate(one_reference, &ref_cases[1]),
		cmocka_unit_test_prestate(one_reference, &ref_cases[2]),
		cmocka_unit_test_prestate(one_reference, &ref_cases[3]),
		cmocka_unit_test_prestate(one_reference, &ref_cases[4]),
		cmocka_unit_test_prestate(one_reference, &ref_cases[5]),
	};

	return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
