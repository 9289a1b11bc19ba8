// SPDX-License-Identifier: GPL-2.0
/*
 * mkseeds DIR: write what the fuzzer of the shared area starts from: a sane one
 * with all that it refers to, and the references alone, which are short and thus
 * hit more often.
 */
#include <stdio.h>

#include "layout_sample.h"

static int write_seed(const char *dir, const char *name, const u8 *data, size_t size)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	if (!f || fwrite(data, size, 1, f) != 1 || fclose(f)) {
		perror(path);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static u8 bar2[SAMPLE_SIZE];

	if (argc != 2) {
		fprintf(stderr, "usage: mkseeds DIR\n");
		return 2;
	}
	sample_fill(bar2);
	return write_seed(argv[1], "whole", bar2, sizeof(bar2)) ||
	       write_seed(argv[1], "references", bar2, 0x300);
}
