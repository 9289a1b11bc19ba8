// SPDX-License-Identifier: GPL-2.0
/*
 * mkseeds FILE: write the sane shared area that the fuzzer starts from.
 */
#include <stdio.h>

#include "layout_sample.h"

int main(int argc, char **argv)
{
	static u8 bar2[SAMPLE_SIZE];
	FILE *f;

	if (argc != 2) {
		fprintf(stderr, "usage: mkseeds FILE\n");
		return 2;
	}
	sample_fill(bar2);
	f = fopen(argv[1], "wb");
	if (!f || fwrite(bar2, sizeof(bar2), 1, f) != 1 || fclose(f)) {
		perror(argv[1]);
		return 1;
	}
	return 0;
}
