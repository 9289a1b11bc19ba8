// SPDX-License-Identifier: GPL-2.0
/*
 * axl_elf_parse() gives every image of the corpus the errno that its MANIFEST names, a
 * test each: test_corpus DIR
 */
#include "check.h"

#include <errno.h>
#include <string.h>

#include "axl_elf.h"
#include "corpus.h"
#include "elf_oracle.h"

#define MAX_IMAGES	256

static const char *dir;

struct entry {
	char name[128];
	char error[16];
};

static int error_number(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} errors[] = {
		{ "0", 0 },
		{ "ENOEXEC", -ENOEXEC },
		{ "EINVAL", -EINVAL },
		{ "ERANGE", -ERANGE },
		{ "E2BIG", -E2BIG },
	};
	size_t i;

	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (!strcmp(errors[i].name, name))
			return errors[i].number;
	fail_msg("MANIFEST: unknown errno %s", name);
	return 0;
}

static void one_image(void **state)
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
		.nr_allow = 2,
		.deny = deny,
		.nr_deny = 2,
		.max_total = dev->max_total,
	};
	const struct entry *entry = *state;
	int expected = error_number(entry->error);
	const char *why = NULL;
	struct axl_elf elf;
	char path[4096];
	u8 *image;
	long size;
	FILE *f;
	int ret;

	snprintf(path, sizeof(path), "%s/%s", dir, entry->name);
	f = fopen(path, "rb");
	assert_non_null(f);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	size = ftell(f);
	assert_true(size > 0);
	rewind(f);
	image = malloc(size);
	assert_non_null(image);
	assert_int_equal(fread(image, 1, size, f), size);
	fclose(f);

	ret = axl_elf_parse(image, size, &limits, &elf, &why);
	if (ret != expected)
		print_error("%s: %d (%s), expected %d\n", entry->name, ret,
			    why ? why : "accepted", expected);
	assert_int_equal(ret, expected);

	/* the name says it, too */
	assert_int_equal(strncmp(entry->name, "good_", 5) == 0, expected == 0);
	assert_int_equal(strncmp(entry->name, "bad_", 4) == 0, expected != 0);
	if (ret) {
		assert_non_null(why);
	} else {
		assert_null(elf_oracle(size, &limits, &elf));
		assert_int_equal(elf.entry, dev->load_addr);
	}
	free(image);
}

int main(int argc, char **argv)
{
	static struct CMUnitTest tests[MAX_IMAGES];
	static struct entry entries[MAX_IMAGES];
	size_t nr = 0, bad = 0;
	char path[4096];
	FILE *manifest;

	if (argc != 2) {
		fprintf(stderr, "usage: test_corpus DIR\n");
		return 2;
	}
	dir = argv[1];
	snprintf(path, sizeof(path), "%s/MANIFEST", dir);
	manifest = fopen(path, "r");
	if (!manifest) {
		perror(path);
		return 1;
	}
	while (nr < MAX_IMAGES &&
	       fscanf(manifest, "%127s %15s %*[^\n]", entries[nr].name,
		      entries[nr].error) == 2) {
		tests[nr].name = entries[nr].name;
		tests[nr].test_func = one_image;
		tests[nr].initial_state = &entries[nr];
		if (strncmp(entries[nr].name, "bad_", 4) == 0)
			bad++;
		nr++;
	}
	fclose(manifest);
	if (bad < 30 || nr == MAX_IMAGES) {
		fprintf(stderr, "%s: %zu malformed images of %zu\n", path, bad, nr);
		return 1;
	}

	return _cmocka_run_group_tests("corpus", tests, nr, NULL, NULL);
}
