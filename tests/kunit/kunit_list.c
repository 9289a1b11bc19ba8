// SPDX-License-Identifier: GPL-2.0
/*
 * From segments to list elements: they cover the transfer exactly where sizes and
 * addresses reach the edges of 32 and 64 bits. min() and check_add_overflow() here are
 * the kernel's.
 */
#include "../../src/axl_edma_list.c"

#include <kunit/test.h>

#include "kunit_oracle.h"
#include "list_model.h"

#define GIB(n)		((u64)(n) << 30)
#define MAX_SEGS	5

struct list_case {
	const char *name;
	u64 addr[MAX_SEGS];
	u64 len[MAX_SEGS];
	unsigned int nr;
	u64 offset;
	u64 length;
	u64 dev_addr;
	int error;		/* of axl_cursor_init() */
};

static const struct list_case list_cases[] = {
	{ "one byte", { 0xfffffffffffffffe }, { 1 }, 1, 0, 1, 0 },
	{ "an element of the largest size",
	  { GIB(4) }, { GIB(2) }, 1, 0, GIB(2), 0x08001000 },
	{ "one byte more than an element",
	  { GIB(4) }, { GIB(2) + 1 }, 1, 0, GIB(2) + 1, 0x08001000 },
	{ "one byte less than an element",
	  { GIB(4) }, { GIB(2) }, 1, 1, GIB(2) - 1, 0x08001000 },
	{ "a segment of 4 GiB, which 32 bits see as 0",
	  { GIB(64) }, { GIB(4) }, 1, 0, GIB(4), 0 },
	{ "a segment of 4 GiB and a byte, which 32 bits see as 1",
	  { GIB(64) }, { GIB(4) + 1 }, 1, 0, GIB(4) + 1, 0 },
	{ "an offset behind 4 GiB",
	  { GIB(64), GIB(128) }, { GIB(5), GIB(5) }, 2, GIB(4) + 4095, GIB(3), 0 },
	{ "a bus address that crosses 4 GiB",
	  { 0xfffff000 }, { 0x2000 }, 1, 0, 0x2000, 0xfffff800 },
	{ "segments that are empty",
	  { 1, 2, 3, 4, 5 }, { 0, 8, 0, 0, 8 }, 5, 0, 16, 0 },
	{ "the first byte behind empty segments",
	  { 1, 2, 3, 4, 5 }, { 8, 0, 0, 0, 8 }, 5, 8, 1, 0 },
	{ "lists that are exactly full",
	  { 1, 11, 21, 31, 41 }, { 8, 8, 8, 8, 8 }, 5, 0, 32, 0 },
	{ "a buffer of almost 2^64 bytes",
	  { 0, 0 }, { U64_MAX - 8, 8 }, 2, U64_MAX - 9, 9, 0 },
	{ "a device address of almost 2^64",
	  { 0 }, { 4096 }, 1, 0, 4096, U64_MAX - 4096 },

	{ "no bytes", { 0 }, { 4096 }, 1, 0, 0, 0, -EINVAL },
	{ "no segments", { 0 }, { 0 }, 0, 0, 1, 0, -ERANGE },
	{ "one byte behind the buffer", { 0 }, { 4096 }, 1, 4096, 1, 0, -ERANGE },
	{ "the last byte behind the buffer",
	  { 0 }, { 4096 }, 1, 1, 4096, 0, -ERANGE },
	{ "an end that wraps", { 0 }, { 4096 }, 1, 2, U64_MAX, 0, -ERANGE },
	{ "a length that 32 bits see as fit",
	  { 0 }, { 4096 }, 1, 0, GIB(4) + 1, 0, -ERANGE },
	{ "an offset that 32 bits see as fit",
	  { 0 }, { 4096 }, 1, GIB(4), 1, 0, -ERANGE },
	{ "a device address that wraps",
	  { 0 }, { 4096 }, 1, 0, 4096, U64_MAX - 4095, -ERANGE },
	{ "a buffer whose end wraps",
	  { 0, 0 }, { U64_MAX, 1 }, 2, 0, 1, 0, -ERANGE },
};

KUNIT_ARRAY_PARAM_DESC(list, list_cases, name);

static void list_edges(struct kunit *test)
{
	const struct list_case *c = test->param_value;
	struct axl_seg *segs = NULL;
	struct axl_cursor cur;
	unsigned int i, max;
	u64 start = 0;

	/* of the exact size: KASAN sees a segment read too far */
	if (c->nr) {
		segs = kunit_kcalloc(test, c->nr, sizeof(*segs), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, segs);
	}
	for (i = 0; i < c->nr; i++) {
		segs[i].addr = c->addr[i];
		segs[i].len = c->len[i];
		segs[i].start = start;
		start += c->len[i];
	}

	KUNIT_ASSERT_EQ(test, c->error,
			axl_cursor_init(&cur, segs, c->nr, c->offset, c->length,
					c->dev_addr));
	if (c->error)
		return;
	for (max = 2; max <= 7; max++) {
		kunit_oracle(test, list_model(segs, c->nr, c->offset, c->length,
					      c->dev_addr, true, max));
		kunit_oracle(test, list_model(segs, c->nr, c->offset, c->length,
					      c->dev_addr, false, max));
	}
}

/* What is behind the list belongs to another owner. */
static void list_room(struct kunit *test)
{
	struct axl_seg segs[] = { { 0x1000, 8, 0 }, { 0x2000, 8, 8 } };
	struct axl_elem *out;
	struct axl_cursor cur, before;
	unsigned int max;

	for (max = 0; max <= 3; max++) {
		out = kunit_kcalloc(test, max, sizeof(*out), GFP_KERNEL);
		KUNIT_ASSERT_EQ(test, 0, axl_cursor_init(&cur, segs, 2, 0, 16, 0));
		before = cur;
		if (max < 2) {
			KUNIT_EXPECT_EQ(test, 0, axl_list_fill(&cur, segs, 2, true,
							       out, max));
			KUNIT_EXPECT_MEMEQ(test, &cur, &before, sizeof(cur));
			continue;
		}
		KUNIT_ASSERT_NOT_NULL(test, out);
		KUNIT_EXPECT_EQ(test, max, axl_list_fill(&cur, segs, 2, true, out,
							 max));
		KUNIT_EXPECT_EQ(test, out[max - 2].control,
				AXL_EDMA_CB | AXL_EDMA_RIE);
		KUNIT_EXPECT_EQ(test, out[max - 1].control & AXL_EDMA_CB, 0);
	}
}

static struct kunit_case list_suite_cases[] = {
	KUNIT_CASE_PARAM(list_edges, list_gen_params),
	KUNIT_CASE(list_room),
	{}
};

static struct kunit_suite list_suite = {
	.name = "axl_edma_list",
	.test_cases = list_suite_cases,
};

kunit_test_suite(list_suite);
