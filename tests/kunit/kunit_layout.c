// SPDX-License-Identifier: GPL-2.0
/*
 * The shared area: firmware's values at the edges of BAR2, of 32 and of 64 bits, are
 * accepted or refused as they should be. Each snapshot is an allocation of its exact
 * size, so that KASAN sees a byte read too far.
 */
#include "../../src/axl_layout.c"

#include <kunit/test.h>
#include <linux/slab.h>

#include "kunit_oracle.h"
#include "layout_oracle.h"
#include "layout_sample.h"

#define BAR2_END	(SAMPLE_L2 + SAMPLE_BAR2)
#define STREAM		(SAMPLE_STREAMS + AXL_STREAMS_RECORDS)

/**
 * struct area_case - one thing of a sane area changed
 * @name: what it is
 * @pokes: where and what; a second one where two fields have to agree
 * @bar2: size of BAR2, 0 for the sample's
 * @parse: of axl_layout_parse(); with an error nothing below counts
 * @desc: of axl_layout_parse_dma_desc()
 * @stream: of axl_layout_parse_stream() for source 0
 * @complains: the shared area is found wrong
 */
struct area_case {
	const char *name;
	struct {
		u16 at;
		u8 bytes;
		u64 value;
	} pokes[2];
	u64 bar2;
	int parse;
	int desc;
	int stream;
	bool complains;
};

#define BOTH_BASES(base)	{ { 0x008, 8, base }, { 0x208, 8, base } }

static const struct area_case area_cases[] = {
	{ "sane" },
	{ "BAR2 as small as the shared area", .bar2 = 0x800, .desc = -ERANGE,
	  .stream = -ERANGE, .complains = true },
	{ "BAR2 one byte smaller", .bar2 = 0x7ff, .parse = -EINVAL },
	{ "BAR2 of 4 GiB, which 32 bits see as 0", .bar2 = 1ull << 32,
	  .parse = -EINVAL },
	{ "no header", { { 0x000, 2, 0 } } },
	{ "no header, no version", { { 0x000, 2, 0 }, { 0x200, 2, 0 } } },

	/* moved away from under the areas that device addresses name */
	{ "highest base of L2", BOTH_BASES(0 - SAMPLE_BAR2 - 0x1000),
	  .desc = -ERANGE, .stream = -ERANGE },
	{ "L2 that ends with the last address", BOTH_BASES(0 - SAMPLE_BAR2),
	  .complains = true },
	{ "L2 that wraps", BOTH_BASES(~0xfffull), .complains = true },
	{ "base of L2 right in 32 bits", BOTH_BASES((1ull << 32) + SAMPLE_L2),
	  .desc = -ERANGE, .stream = -ERANGE },
	{ "base of L2 off by one", BOTH_BASES(SAMPLE_L2 + 1), .complains = true },
	{ "two bases of L2", { { 0x208, 8, SAMPLE_L2 + 0x1000 } },
	  .complains = true },

	{ "highest base of DDR", { { 0x210, 8, 0 - (16ull << 30) - 1 } } },
	{ "DDR that wraps", { { 0x210, 8, 0 - (16ull << 30) } },
	  .complains = true },
	{ "DDR right behind L2", { { 0x210, 8, BAR2_END } } },
	{ "DDR on the last byte of L2", { { 0x210, 8, BAR2_END - 1 } },
	  .complains = true },

	{ "area size 0x800", { { 0x010, 8, 0x800 } } },
	{ "area size 0x7ff", { { 0x010, 8, 0x7ff } }, .complains = true },
	{ "area size of BAR2", { { 0x010, 8, SAMPLE_BAR2 } } },
	{ "area size of BAR2 and a byte", { { 0x010, 8, SAMPLE_BAR2 + 1 } },
	  .complains = true },
	{ "area size right in 32 bits", { { 0x010, 8, (1ull << 32) + 0x1000 } },
	  .complains = true },

	{ "lists that end with L2",
	  { { SAMPLE_DMA_DESC, 8, BAR2_END - SAMPLE_LISTS_SIZE } } },
	{ "lists that end behind L2",
	  { { SAMPLE_DMA_DESC, 8, BAR2_END - SAMPLE_LISTS_SIZE + 8 } },
	  .desc = -ERANGE },
	{ "lists right before L2", { { SAMPLE_DMA_DESC, 8, SAMPLE_L2 - 8 } },
	  .desc = -ERANGE },
	{ "lists right in 32 bits",
	  { { SAMPLE_DMA_DESC, 8, (1ull << 32) + SAMPLE_L2 + SAMPLE_LISTS } },
	  .desc = -ERANGE },
	{ "lists at the last address", { { SAMPLE_DMA_DESC, 8, ~7ull } },
	  .desc = -ERANGE },
	{ "lists at an address divisible by 4",
	  { { SAMPLE_DMA_DESC, 8, SAMPLE_L2 + SAMPLE_LISTS + 4 } },
	  .desc = -EINVAL },
	{ "lists of a size right in 32 bits",
	  { { SAMPLE_DMA_DESC + 8, 8, (1ull << 32) + SAMPLE_LISTS_SIZE } },
	  .desc = -ERANGE },
	{ "lists whose end wraps",
	  { { SAMPLE_DMA_DESC + 8, 8, 0 - SAMPLE_L2 - SAMPLE_LISTS } },
	  .desc = -ERANGE },
	{ "room for the smallest lists", { { SAMPLE_DMA_DESC + 8, 8, 768 } } },
	{ "no room for lists", { { SAMPLE_DMA_DESC + 8, 8, 767 } },
	  .desc = -EINVAL },
	{ "lists on the last bytes of another area",
	  { { SAMPLE_DMA_DESC, 8,
	      SAMPLE_L2 + SAMPLE_STREAMS + SAMPLE_STREAMS_SIZE - 8 } },
	  .desc = -ERANGE },
	{ "a dead link in the descriptor",
	  { { SAMPLE_DMA_DESC, 8, ~0ull }, { SAMPLE_DMA_DESC + 8, 8, ~0ull } },
	  .desc = -EIO },

	{ "ring that ends with L2",
	  { { STREAM + 16, 8, BAR2_END - SAMPLE_RING_SIZE } } },
	{ "ring that ends behind L2",
	  { { STREAM + 16, 8, BAR2_END - SAMPLE_RING_SIZE + 1 } },
	  .stream = -ERANGE },
	{ "ring right in 32 bits",
	  { { STREAM + 16, 8, (1ull << 32) + SAMPLE_L2 + SAMPLE_RING } },
	  .stream = -ERANGE },
	{ "ring of a size right in 32 bits",
	  { { STREAM + 24, 8, (1ull << 32) + SAMPLE_RING_SIZE } },
	  .stream = -ERANGE },
	{ "read position of the last byte", { { STREAM, 4, 0xeff } } },
	{ "read position behind it", { { STREAM, 4, 0xf00 } },
	  .stream = -EINVAL },
	{ "largest write position", { { STREAM + 8, 4, U32_MAX } },
	  .stream = -EINVAL },
	{ "capacity of the ring", { { STREAM + 4, 4, SAMPLE_RING_SIZE } } },
	{ "capacity of the ring and a byte",
	  { { STREAM + 4, 4, SAMPLE_RING_SIZE + 1 } }, .stream = -EINVAL },
	{ "last record that an index can name",
	  { { SAMPLE_STREAMS, 4, U32_MAX }, { SAMPLE_STREAMS + 4, 1, 254 } },
	  .stream = -ERANGE },
};

KUNIT_ARRAY_PARAM_DESC(area, area_cases, name);

/* The sample in memory of the test's, and its layout. */
struct area {
	u8 *bar2;
	struct axl_layout layout;
};

static struct area *area_new(struct kunit *test)
{
	struct area *a = kunit_kzalloc(test, sizeof(*a), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, a);
	a->bar2 = kunit_kmalloc(test, SAMPLE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, a->bar2);
	sample_fill(a->bar2);
	return a;
}

/* As the driver's memcpy_fromio() does: exactly so many bytes. */
static u8 *area_snap(struct kunit *test, struct area *a, u32 at, size_t len)
{
	u8 *snap = kunit_kmalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, snap);
	memcpy(snap, a->bar2 + at, len);
	return snap;
}

static int area_parse(struct kunit *test, struct area *a, u64 bar2_size)
{
	u8 *snap = area_snap(test, a, 0, AXL_AREA_SIZE);
	int ret;

	memset(&a->layout, 0xa5, sizeof(a->layout));
	ret = axl_layout_parse(snap, AXL_AREA_SIZE, bar2_size, &a->layout);
	kunit_oracle(test, layout_oracle(&a->layout, ret,
					 ret == -EINVAL ? 0x1000 : bar2_size));
	return ret;
}

static void layout_edges(struct kunit *test)
{
	const struct area_case *c = test->param_value;
	u64 bar2_size = c->bar2 ? c->bar2 : SAMPLE_BAR2;
	struct area *a = area_new(test);
	u32 offset = 1, size = 1;
	struct axl_stream *s;
	unsigned int i;
	u8 *snap;
	int ret;

	for (i = 0; i < ARRAY_SIZE(c->pokes); i++)
		sample_put(a->bar2 + c->pokes[i].at, c->pokes[i].value,
			   c->pokes[i].bytes);

	KUNIT_ASSERT_EQ(test, c->parse, area_parse(test, a, bar2_size));
	if (c->parse)
		return;
	KUNIT_EXPECT_EQ(test, c->complains, !!a->layout.complaint);

	snap = area_snap(test, a, SAMPLE_DMA_DESC, AXL_DMA_DESC_BYTES);
	ret = axl_layout_parse_dma_desc(snap, AXL_DMA_DESC_BYTES, &a->layout,
					bar2_size, &offset, &size);
	KUNIT_EXPECT_EQ(test, c->desc, ret);
	if (!ret)
		kunit_oracle(test, dma_desc_oracle(&a->layout, bar2_size, offset,
						   size));

	s = kunit_kmalloc(test, sizeof(*s), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, s);
	snap = area_snap(test, a, SAMPLE_STREAMS, SAMPLE_STREAMS_SIZE);
	ret = axl_layout_parse_stream(snap, SAMPLE_STREAMS_SIZE, &a->layout,
				      bar2_size, 0, s);
	KUNIT_EXPECT_EQ(test, c->stream, ret);
	if (!ret)
		kunit_oracle(test, stream_oracle(s, SAMPLE_STREAMS_SIZE,
						 bar2_size));
}

struct ref_case {
	const char *name;
	u16 at;
	u16 magic;
	u32 min_size;
	u32 align;
	size_t member;
};

static const struct ref_case ref_cases[] = {
	{ "streams", 0x240, 0xf0f0, 264, 8, offsetof(struct axl_layout, streams) },
	{ "board info", 0x258, 0x1111, 1, 1,
	  offsetof(struct axl_layout, board_info) },
	{ "contexts", 0x288, 0x1111, 320, 8,
	  offsetof(struct axl_layout, contexts) },
	{ "host-driver", 0x2b8, 0xbac1, 24, 4,
	  offsetof(struct axl_layout, hostif) },
	{ "DMA descriptor", 0x2d0, 0xd4d4, 16, 8,
	  offsetof(struct axl_layout, dma_desc) },
	{ "virtual-MSI", 0x2e8, 0xb5b5, 260, 4,
	  offsetof(struct axl_layout, vmsi) },
};

KUNIT_ARRAY_PARAM_DESC(ref, ref_cases, name);

static void layout_references(struct kunit *test)
{
	const struct ref_case *c = test->param_value;
	const struct {
		u32 size;
		u64 offset;
		bool valid;
	} places[] = {
		{ c->min_size, 0x300, true },
		{ c->min_size - 1, 0x300, false },
		{ c->min_size, 0x300 - c->align, false },
		{ SAMPLE_BAR2 - 0x300, 0x300, true },
		{ SAMPLE_BAR2 - 0x2ff, 0x300, false },
		{ 1024, SAMPLE_BAR2 - 1024, true },
		{ 1024, SAMPLE_BAR2 - 1024 + c->align, false },
		{ 1024, 0x10000 + c->align, true },
		{ 1024, 0x10000 + c->align / 2, c->align == 1 },
		{ U32_MAX, 0x300, false },
		{ 1024, (1ull << 32) + 0x10000, false },
		{ 1024, 0 - 1024ull, false },
	};
	struct area *a = area_new(test);
	const struct axl_ref *ref;
	unsigned int i;

	ref = (const void *)((const u8 *)&a->layout + c->member);
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		sample_fill(a->bar2);
		sample_ref(a->bar2, c->at, c->magic, places[i].size,
			   places[i].offset);
		KUNIT_ASSERT_EQ(test, 0, area_parse(test, a, SAMPLE_BAR2));
		KUNIT_EXPECT_EQ_MSG(test, places[i].valid, ref->valid,
				    "size %#x offset %#llx", places[i].size,
				    places[i].offset);
		KUNIT_EXPECT_EQ(test, places[i].valid, !a->layout.complaint);
	}
}

/* A link that dies while the layout is being read, at each byte of it. */
static void layout_dead_link(struct kunit *test)
{
	struct area *a = area_new(test);
	unsigned int dead;

	for (dead = AXL_AREA_VERSION - 8; dead < AXL_AREA_REF_END; dead++) {
		sample_fill(a->bar2);
		memset(a->bar2 + dead, 0xff, AXL_AREA_SIZE - dead);
		KUNIT_ASSERT_EQ(test, dead <= 0x200 ? -EIO : 0,
				area_parse(test, a, SAMPLE_BAR2));
	}
}

/* Snapshots that end early, in the map or before it. */
static void layout_vmsi_lengths(struct kunit *test)
{
	struct axl_vmsi_cfg *cfg = kunit_kmalloc(test, sizeof(*cfg), GFP_KERNEL);
	struct area *a = area_new(test);
	size_t len;
	u8 *snap;

	KUNIT_ASSERT_NOT_NULL(test, cfg);
	for (len = 1; len <= SAMPLE_VMSI_SIZE; len += len < 270 ? 1 : 97) {
		snap = area_snap(test, a, SAMPLE_VMSI, len);
		KUNIT_ASSERT_EQ(test, len < 260 ? -EINVAL : 0,
				axl_layout_parse_vmsi(snap, len, cfg));
		if (len < 260)
			continue;
		kunit_oracle(test, vmsi_oracle(cfg));
		KUNIT_EXPECT_EQ(test, cfg->pmsi_of[len - 260], AXL_PMSI_UNKNOWN);
		if (len > 260)
			KUNIT_EXPECT_EQ(test, cfg->pmsi_of[len - 261],
					len - 261 < 32 ? len - 261 : 24);
	}
}

/* The one signed field */
static void layout_context_status(struct kunit *test)
{
	struct area *a = area_new(test);
	struct axl_context ctx;
	u8 *snap;

	sample_put(a->bar2 + SAMPLE_CONTEXTS + 0x38, (u64)S64_MIN, 8);
	snap = area_snap(test, a, SAMPLE_CONTEXTS, AXL_CONTEXT_BYTES);
	KUNIT_ASSERT_EQ(test, 0, axl_layout_parse_context(snap, &ctx));
	KUNIT_EXPECT_EQ(test, ctx.sts, S64_MIN);
	memset(snap, 0xff, AXL_CONTEXT_BYTES);
	KUNIT_EXPECT_EQ(test, -EIO, axl_layout_parse_context(snap, &ctx));
}

static struct kunit_case layout_cases[] = {
	KUNIT_CASE_PARAM(layout_edges, area_gen_params),
	KUNIT_CASE_PARAM(layout_references, ref_gen_params),
	KUNIT_CASE(layout_dead_link),
	KUNIT_CASE(layout_vmsi_lengths),
	KUNIT_CASE(layout_context_status),
	{}
};

static struct kunit_suite layout_suite = {
	.name = "axl_layout",
	.test_cases = layout_cases,
};

kunit_test_suite(layout_suite);
