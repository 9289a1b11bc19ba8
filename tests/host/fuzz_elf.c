// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer harness of axl_elf_parse(): any file. What passes is checked.
 */
#include <stdio.h>
#include <stdlib.h>

#include "elf_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct axl_region allow[] = {
		{ 0x08000000, 0x02000000 },
		{ 0x80000000, 0x40000000 },
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
		.max_total = 0x10000000,
	};
	const char *why, *wrong;
	struct axl_elf elf;

	if (axl_elf_parse(data, size, &limits, &elf, &why)) {
		wrong = why ? NULL : "refused without a reason";
	} else {
		wrong = elf_oracle(size, &limits, &elf);
	}
	if (wrong) {
		fprintf(stderr, "accepted an image: %s\n", wrong);
		abort();
	}
	return 0;
}
