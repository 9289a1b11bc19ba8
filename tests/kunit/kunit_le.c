// SPDX-License-Identifier: GPL-2.0
/*
 * The field accessors return what the kernel's own do, at every alignment, up to the
 * last byte of an allocation.
 */
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "axl_le.h"

static void le_any_alignment(struct kunit *test)
{
	static const u8 bytes[] = {
		0x80, 0x7f, 0xff, 0x00, 0x01, 0xfe, 0x81, 0x92,
		0xa3, 0xb4, 0xc5, 0xd6, 0xe7, 0xf8, 0x89, 0x80,
	};
	unsigned int at;
	__le64 le64;
	__le32 le32;
	__le16 le16;
	u8 *p;

	p = kunit_kmalloc(test, sizeof(bytes), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	memcpy(p, bytes, sizeof(bytes));

	for (at = 0; at <= sizeof(bytes) - sizeof(le16); at++) {
		memcpy(&le16, bytes + at, sizeof(le16));
		KUNIT_EXPECT_EQ(test, axl_le16(p + at), le16_to_cpu(le16));
	}
	for (at = 0; at <= sizeof(bytes) - sizeof(le32); at++) {
		memcpy(&le32, bytes + at, sizeof(le32));
		KUNIT_EXPECT_EQ(test, axl_le32(p + at), le32_to_cpu(le32));
	}
	for (at = 0; at <= sizeof(bytes) - sizeof(le64); at++) {
		memcpy(&le64, bytes + at, sizeof(le64));
		KUNIT_EXPECT_EQ(test, axl_le64(p + at), le64_to_cpu(le64));
	}
}

static struct kunit_case le_cases[] = {
	KUNIT_CASE(le_any_alignment),
	{}
};

static struct kunit_suite le_suite = {
	.name = "axl_le",
	.test_cases = le_cases,
};

kunit_test_suite(le_suite);

MODULE_DESCRIPTION("KUnit tests for the pure files of axl");
MODULE_LICENSE("GPL");
