// SPDX-License-Identifier: GPL-2.0
/*
 * Firmware images as the kernel's build of the parser sees them: the corpus of the
 * host tests gets the same errnos, each image in an allocation of its exact size, so
 * that KASAN sees a byte read too far.
 */
#include "../../src/axl_elf.c"

#include <kunit/test.h>
#include <linux/slab.h>

#include "corpus.h"
#include "elf_oracle.h"
#include "kunit_oracle.h"

#define MAX_IMAGES	160

struct elf_image {
	const char *name;
	int error;
	u8 *data;
	size_t size;
};

static struct elf_image *images;
static unsigned int nr_images;

static int elf_keep(void *arg, const char *name, int error, const char *what,
		    const void *data, size_t size)
{
	struct elf_image *img = &images[nr_images];

	if (nr_images == MAX_IMAGES)
		return -1;
	img->name = name;
	img->error = error;
	img->size = size;
	img->data = kmemdup(data, size, GFP_KERNEL);
	if (!img->data)
		return -1;
	nr_images++;
	return 0;
}

static void elf_suite_exit(struct kunit_suite *suite)
{
	while (nr_images)
		kfree(images[--nr_images].data);
	kfree(images);
	images = NULL;
}

static int elf_suite_init(struct kunit_suite *suite)
{
	images = kcalloc(MAX_IMAGES, sizeof(*images), GFP_KERNEL);
	if (!images)
		return -ENOMEM;
	if (corpus_each(&corpus_defaults, elf_keep, NULL) < 0) {
		elf_suite_exit(suite);
		return -ENOMEM;
	}
	return 0;
}

static const void *elf_gen_params(const void *prev, char *desc)
{
	const struct elf_image *img = prev ? (const struct elf_image *)prev + 1 :
					     images;

	if (img == images + nr_images)
		return NULL;
	strscpy(desc, img->name, KUNIT_PARAM_DESC_SIZE);
	return img;
}

/* Return: what axl_elf_parse() says, of a copy that starts @shift bytes late. */
static int elf_parse(struct kunit *test, const struct elf_image *img,
		     size_t size, size_t shift)
{
	const struct corpus_params *dev = &corpus_defaults;
	const struct axl_region allow[] = {
		{ dev->l2_base, dev->l2_size },
		{ dev->ddr_base, dev->ddr_size },
	};
	const struct axl_region deny[] = {
		{ dev->l2_base, dev->shared_size },
		{ dev->list_base, dev->list_size },
	};
	const struct axl_elf_limits limits = {
		.allow = allow,
		.nr_allow = ARRAY_SIZE(allow),
		.deny = deny,
		.nr_deny = ARRAY_SIZE(deny),
		.max_total = dev->max_total,
	};
	const char *why = "untouched";
	struct axl_elf *elf;
	u8 *copy;
	int ret;

	elf = kunit_kmalloc(test, sizeof(*elf), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, elf);
	copy = kunit_kmalloc(test, size + shift, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, copy);
	memcpy(copy + shift, img->data, size);

	ret = axl_elf_parse(copy + shift, size, &limits, elf, &why);
	if (ret)
		KUNIT_EXPECT_NOT_NULL(test, why);
	else
		KUNIT_EXPECT_NULL(test, why);
	if (!ret)
		kunit_oracle(test, elf_oracle(size, &limits, elf));
	kunit_kfree(test, copy);
	kunit_kfree(test, elf);
	return ret;
}

static void elf_corpus(struct kunit *test)
{
	const struct elf_image *img = test->param_value;

	KUNIT_EXPECT_EQ(test, elf_parse(test, img, img->size, 0), -img->error);
	KUNIT_EXPECT_EQ(test, elf_parse(test, img, img->size, 1), -img->error);
}

/* A good image that ends anywhere in its headers is no image. */
static void elf_cut(struct kunit *test)
{
	const size_t headers = sizeof(struct elf32_hdr) + sizeof(struct elf32_phdr);
	unsigned int i, tried = 0;
	size_t size;

	for (i = 0; i < nr_images; i++) {
		if (strcmp(images[i].name, "good_plain") &&
		    strcmp(images[i].name, "good_plain_32"))
			continue;
		tried++;
		for (size = 0; size <= headers; size++)
			KUNIT_EXPECT_LT(test, elf_parse(test, &images[i], size,
							size & 1), 0);
	}
	KUNIT_EXPECT_EQ(test, tried, 2);
}

static struct kunit_case elf_cases[] = {
	KUNIT_CASE_PARAM(elf_corpus, elf_gen_params),
	KUNIT_CASE(elf_cut),
	{}
};

static struct kunit_suite elf_suite = {
	.name = "axl_elf",
	.suite_init = elf_suite_init,
	.suite_exit = elf_suite_exit,
	.test_cases = elf_cases,
};

kunit_test_suite(elf_suite);
