// SPDX-License-Identifier: GPL-2.0
/*
 * axl_elf_parse() with a hand-made image: it returns what good ones hold and keeps
 * every limit to the byte. test_corpus.c has the malformed files.
 */
#include "check.h"

#include <errno.h>
#include <string.h>

#include "axl_elf.h"
#include "elf_oracle.h"

#define IMAGE_MAX	8192
#define CODE		0x08100000ull
#define DATA		0x08200000ull

static const struct axl_region allow[] = {
	{ 0x08000000, 0x02000000 },
	{ 0x80000000, 0x10000000 },
};

static const struct axl_region deny[] = {
	{ 0x08000000, 0x800 },
	{ 0x09ff8080, 32640 },
};

static const struct axl_elf_limits limits = {
	.allow = allow,
	.nr_allow = 2,
	.deny = deny,
	.nr_deny = 2,
	.max_total = 0x20000000,
};

struct test_image {
	bool is64;
	unsigned int nr;
	size_t size;
	u8 bytes[IMAGE_MAX];
};

static void put(u8 *p, u64 value, unsigned int bytes)
{
	while (bytes--) {
		*p++ = value;
		value >>= 8;
	}
}

static void start(struct test_image *img, bool is64, u64 entry)
{
	u8 *p = img->bytes;

	memset(img, 0, sizeof(*img));
	img->is64 = is64;
	img->size = IMAGE_MAX;
	memcpy(p, "\177ELF", 4);
	p[4] = is64 ? 2 : 1;
	p[5] = 1;
	p[6] = 1;
	put(p + 16, 2, 2);
	put(p + 18, 243, 2);
	put(p + 20, 1, 4);
	if (is64) {
		put(p + 24, entry, 8);
		put(p + 32, 64, 8);
		put(p + 52, 64, 2);
		put(p + 54, 56, 2);
	} else {
		put(p + 24, entry, 4);
		put(p + 28, 52, 4);
		put(p + 40, 52, 2);
		put(p + 42, 32, 2);
	}
}

static void segment(struct test_image *img, u32 flags, u64 offset, u64 filesz,
		    u64 addr, u64 memsz)
{
	u8 *p;

	if (img->is64) {
		p = img->bytes + 64 + 56 * img->nr++;
		put(p, 1, 4);
		put(p + 4, flags, 4);
		put(p + 8, offset, 8);
		put(p + 24, addr, 8);
		put(p + 32, filesz, 8);
		put(p + 40, memsz, 8);
		put(img->bytes + 56, img->nr, 2);
	} else {
		p = img->bytes + 52 + 32 * img->nr++;
		put(p, 1, 4);
		put(p + 4, offset, 4);
		put(p + 12, addr, 4);
		put(p + 16, filesz, 4);
		put(p + 20, memsz, 4);
		put(p + 24, flags, 4);
		put(img->bytes + 44, img->nr, 2);
	}
}

static void good(struct test_image *img, bool is64)
{
	start(img, is64, CODE);
	segment(img, 5, 0x1800, 64, CODE, 64);
	segment(img, 6, 0x1840, 32, DATA, 4096);
}

/* From a heap copy of the exact size: one byte too far is an ASan report. */
static int parse_at(const struct test_image *img, size_t size, size_t shift,
		    const struct axl_elf_limits *lim, struct axl_elf *elf,
		    const char **why)
{
	u8 *copy = malloc(size + shift);
	int ret;

	assert_non_null(copy);
	memcpy(copy + shift, img->bytes, size);
	ret = axl_elf_parse(copy + shift, size, lim, elf, why);
	free(copy);
	return ret;
}

static int parse(const struct test_image *img, struct axl_elf *elf)
{
	const char *why = "untouched";
	int ret = parse_at(img, img->size, 0, &limits, elf, &why);

	/* a reason if, and only if, it failed */
	if (ret) {
		assert_non_null(why);
		assert_string_not_equal(why, "untouched");
		assert_null(strchr(why, '\n'));
	} else {
		assert_null(why);
		assert_null(elf_oracle(img->size, &limits, elf));
	}
	return ret;
}

static void check_good(bool is64)
{
	struct test_image img;
	struct axl_elf elf;

	good(&img, is64);
	assert_int_equal(parse(&img, &elf), 0);
	assert_int_equal(elf.entry, CODE);
	assert_int_equal(elf.total, 64 + 4096);
	assert_int_equal(elf.nr_segments, 2);
	assert_int_equal(elf.segments[0].dev_addr, CODE);
	assert_int_equal(elf.segments[0].file_offset, 0x1800);
	assert_int_equal(elf.segments[0].file_size, 64);
	assert_int_equal(elf.segments[0].mem_size, 64);
	assert_int_equal(elf.segments[1].dev_addr, DATA);
	assert_int_equal(elf.segments[1].file_offset, 0x1840);
	assert_int_equal(elf.segments[1].file_size, 32);
	assert_int_equal(elf.segments[1].mem_size, 4096);
}

static void good_64(void **state)
{
	(void)state;
	check_good(true);
}

static void good_32(void **state)
{
	(void)state;
	check_good(false);
}

static void wide_values_64(void **state)
{
	static const struct axl_region high = { 0x123456789a000000, 0x100000000 };
	const struct axl_elf_limits lim = {
		.allow = &high, .nr_allow = 1, .max_total = ~0ull,
	};
	struct test_image img;
	struct axl_elf elf;

	(void)state;
	start(&img, true, 0x123456789a000010);
	segment(&img, 5, 0x1000, 0x20, 0x123456789a000000, 0x100000000);
	assert_int_equal(parse_at(&img, img.size, 0, &lim, &elf, NULL), 0);
	assert_int_equal(elf.entry, 0x123456789a000010);
	assert_int_equal(elf.segments[0].dev_addr, 0x123456789a000000);
	assert_int_equal(elf.segments[0].mem_size, 0x100000000);
	assert_int_equal(elf.total, 0x100000000);
}

static void any_alignment(void **state)
{
	struct test_image img;
	struct axl_elf elf;
	size_t shift;

	(void)state;
	for (shift = 0; shift < 8; shift++) {
		good(&img, shift % 2);
		assert_int_equal(parse_at(&img, img.size, shift, &limits, &elf,
					  NULL), 0);
	}
}

static void every_truncation(void **state)
{
	size_t needed = 0x1840 + 32, header, size;
	struct test_image img;
	struct axl_elf elf;
	int is64, ret;

	(void)state;
	for (is64 = 0; is64 < 2; is64++) {
		good(&img, is64);
		header = is64 ? 64 : 52;
		for (size = 0; size <= needed; size++) {
			ret = parse_at(&img, size, 0, &limits, &elf, NULL);
			if (size < 16)
				assert_int_equal(ret, -ENOEXEC);
			else if (size < header || size < needed)
				assert_int_equal(ret, -EINVAL);
			else
				assert_int_equal(ret, 0);
		}
	}
}

/* Every value of every header byte: no crash, and what passes is right. */
static void every_byte(void **state)
{
	size_t at, end;
	struct test_image img;
	struct axl_elf elf;
	unsigned int accepted = 0, refused = 0;
	int is64, value, ret;
	const char *why;

	(void)state;
	for (is64 = 0; is64 < 2; is64++) {
		good(&img, is64);
		end = is64 ? 64 + 2 * 56 : 52 + 2 * 32;
		for (at = 0; at < end; at++) {
			u8 saved = img.bytes[at];

			for (value = 0; value < 256; value++) {
				img.bytes[at] = value;
				ret = axl_elf_parse(img.bytes, img.size, &limits,
						    &elf, &why);
				if (ret) {
					assert_true(ret == -ENOEXEC ||
						    ret == -EINVAL ||
						    ret == -ERANGE ||
						    ret == -E2BIG);
					refused++;
				} else {
					assert_null(elf_oracle(img.size,
							       &limits, &elf));
					accepted++;
				}
			}
			img.bytes[at] = saved;
		}
	}
	/* it would prove nothing if all went one way */
	assert_true(accepted > 1000);
	assert_true(refused > 1000);
}

static int place(u64 addr, u64 memsz, bool is64)
{
	struct test_image img;
	struct axl_elf elf;

	start(&img, is64, CODE);
	segment(&img, 5, 0x1800, 64, CODE, 64);
	segment(&img, 6, 0x1840, 1, addr, memsz);
	return parse(&img, &elf);
}

static void placement_edges(void **state)
{
	int is64;

	(void)state;
	for (is64 = 0; is64 < 2; is64++) {
		/* the start of L2 and the shared area there */
		assert_int_equal(place(0x07ffffff, 1, is64), -ERANGE);
		assert_int_equal(place(0x07ffffff, 2, is64), -ERANGE);
		assert_int_equal(place(0x08000000, 1, is64), -ERANGE);
		assert_int_equal(place(0x080007ff, 1, is64), -ERANGE);
		assert_int_equal(place(0x08000800, 1, is64), 0);
		/* the list buffer, and the end of L2 */
		assert_int_equal(place(0x09ff807f, 1, is64), 0);
		assert_int_equal(place(0x09ff807f, 2, is64), -ERANGE);
		assert_int_equal(place(0x09ff8080, 1, is64), -ERANGE);
		assert_int_equal(place(0x09ffffff, 1, is64), -ERANGE);
		assert_int_equal(place(0x0a000000, 1, is64), -ERANGE);
		/* DDR */
		assert_int_equal(place(0x7fffffff, 1, is64), -ERANGE);
		assert_int_equal(place(0x80000000, 1, is64), 0);
		assert_int_equal(place(0x80000000, 0x10000000, is64), 0);
		assert_int_equal(place(0x80000000, 0x10000001, is64), -ERANGE);
		assert_int_equal(place(0x8fffffff, 1, is64), 0);
		assert_int_equal(place(0x8fffffff, 2, is64), -ERANGE);
		assert_int_equal(place(0x90000000, 1, is64), -ERANGE);
	}
	/* the last address of either class may be named, none behind it */
	assert_int_equal(place(0xffffffff, 1, false), -ERANGE);
	assert_int_equal(place(0xffffffff, 2, false), -EINVAL);
	assert_int_equal(place(0xffffffff, 2, true), -ERANGE);
	assert_int_equal(place(~0ull, 1, true), -ERANGE);
	assert_int_equal(place(~0ull, 2, true), -EINVAL);
}

/* Regions that touch are still two: nothing may lie across. */
static void regions_are_not_joined(void **state)
{
	static const struct axl_region two[] = {
		{ CODE, 0x1000 }, { CODE + 0x1000, 0x1000 },
	};
	struct axl_elf_limits lim = {
		.allow = two, .nr_allow = 2, .max_total = ~0ull,
	};
	struct test_image img;
	struct axl_elf elf;

	(void)state;
	start(&img, true, CODE);
	segment(&img, 5, 0x1000, 0x1000, CODE, 0x1000);
	segment(&img, 6, 0x1000, 0x1000, CODE + 0x1000, 0x1000);
	assert_int_equal(parse_at(&img, img.size, 0, &lim, &elf, NULL), 0);
	start(&img, true, CODE);
	segment(&img, 5, 0x1000, 0x1000, CODE, 0x1001);
	assert_int_equal(parse_at(&img, img.size, 0, &lim, &elf, NULL), -ERANGE);
	lim.nr_allow = 0;
	assert_int_equal(parse_at(&img, img.size, 0, &lim, &elf, NULL), -ERANGE);
}

static void empty_and_extreme_regions(void **state)
{
	static const struct axl_region all = { 0, ~0ull };
	static const struct axl_region nothing = { CODE, 0 };
	static const struct axl_region last = { ~0ull, 1 };
	struct axl_elf_limits lim = {
		.allow = &all, .nr_allow = 1,
		.deny = &nothing, .nr_deny = 1,
		.max_total = ~0ull,
	};
	struct test_image img;
	struct axl_elf elf;

	(void)state;
	good(&img, true);
	assert_int_equal(parse_at(&img, img.size, 0, &lim, &elf, NULL), 0);
	lim.deny = &last;
	assert_int_equal(parse_at(&img, img.size, 0, &lim, &elf, NULL), 0);
	lim.deny = &all;
	assert_int_equal(parse_at(&img, img.size, 0, &lim, &elf, NULL), -ERANGE);
	lim.nr_deny = 0;
	lim.allow = &nothing;
	assert_int_equal(parse_at(&img, img.size, 0, &lim, &elf, NULL), -ERANGE);
}

static void total_edges(void **state)
{
	struct axl_elf_limits lim = limits;
	struct test_image img;
	struct axl_elf elf;

	(void)state;
	good(&img, true);
	lim.max_total = 64 + 4096;
	assert_int_equal(parse_at(&img, img.size, 0, &lim, &elf, NULL), 0);
	lim.max_total--;
	assert_int_equal(parse_at(&img, img.size, 0, &lim, &elf, NULL), -E2BIG);
	lim.max_total = 0;
	assert_int_equal(parse_at(&img, img.size, 0, &lim, &elf, NULL), -E2BIG);
}

static void segment_count_edges(void **state)
{
	struct test_image img;
	struct axl_elf elf;
	unsigned int i;

	(void)state;
	start(&img, true, CODE);
	for (i = 0; i < 64; i++)
		segment(&img, 5, 0x1f00, 16, CODE + 16 * i, 16);
	assert_int_equal(parse(&img, &elf), 0);
	assert_int_equal(elf.nr_segments, 64);
	assert_int_equal(elf.segments[63].dev_addr, CODE + 16 * 63);
	/* one that holds nothing does not count, one that does is too many */
	segment(&img, 5, 0, 0, CODE + 16 * 64, 0);
	assert_int_equal(parse(&img, &elf), 0);
	segment(&img, 5, 0x1f00, 1, CODE + 16 * 64, 1);
	assert_int_equal(parse(&img, &elf), -E2BIG);
}

static int enter(u64 entry, u32 flags)
{
	struct test_image img;
	struct axl_elf elf;

	start(&img, true, entry);
	segment(&img, flags, 0x1800, 64, CODE, 128);
	return parse(&img, &elf);
}

static void entry_edges(void **state)
{
	(void)state;
	assert_int_equal(enter(CODE, 1), 0);
	assert_int_equal(enter(CODE + 62, 5), 0);
	assert_int_equal(enter(CODE + 63, 5), -EINVAL);
	assert_int_equal(enter(CODE + 64, 5), -EINVAL);
	assert_int_equal(enter(CODE - 2, 5), -EINVAL);
	assert_int_equal(enter(CODE + 1, 5), -EINVAL);
	assert_int_equal(enter(CODE, 6), -EINVAL);
	assert_int_equal(enter(0, 5), -EINVAL);
}

/* Random segments: the parser and the oracle agree on each image. */
static void random_segments(void **state)
{
	static const u64 points[] = {
		0, 0x08000000, 0x08000800, CODE, DATA, 0x09ff8080, 0x0a000000,
		0x80000000, 0x90000000, 0xffffffff, 1ull << 32, ~0ull,
	};
	unsigned int round, i, accepted = 0;
	struct test_image img;
	struct axl_elf elf;

	(void)state;
	for (round = 0; round < 100000; round++) {
		unsigned int nr = 1 + rnd_below(4);

		start(&img, rnd_below(2), CODE);
		segment(&img, 5, 0x1800, 64, CODE, 64);
		for (i = 0; i < nr; i++) {
			u64 filesz = rnd_below(64);
			u64 addr = points[rnd_below(12)] + rnd_below(5) - 2;
			u64 memsz = rnd_below(8) ? filesz + rnd_below(4096) : rnd();

			if (rnd_below(2))
				addr += rnd_below(0x100000);
			segment(&img, 6, rnd_below(0x2000), filesz, addr, memsz);
		}
		if (!parse(&img, &elf))
			accepted++;
	}
	assert_true(accepted > 1000 && accepted < 99000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_64),
		cmocka_unit_test(good_32),
		cmocka_unit_test(wide_values_64),
		cmocka_unit_test(any_alignment),
		cmocka_unit_test(every_truncation),
		cmocka_unit_test(every_byte),
		cmocka_unit_test(placement_edges),
		cmocka_unit_test(regions_are_not_joined),
		cmocka_unit_test(empty_and_extreme_regions),
		cmocka_unit_test(total_edges),
		cmocka_unit_test(segment_count_edges),
		cmocka_unit_test(entry_edges),
		cmocka_unit_test(random_segments),
	};

	rnd_init();
	return cmocka_run_group_tests_name("elf", tests, NULL, NULL);
}
