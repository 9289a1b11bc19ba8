// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer harness of the shared area's parsers: any content of BAR2, as long
 * as the input, followed like the driver follows it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layout_oracle.h"
#include "layout_sample.h"

#define BAR2_SIZE	0x10000		/* small, so that references hit something */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
			       unsigned int seed);

/*
 * Chance alone rarely finds the values that matter: half of the time write one
 * near a border into a whole field of the layout, or of an area's start.
 */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
			       unsigned int seed)
{
	static const u64 borders[] = {
		0, 0x300, AXL_AREA_SIZE, BAR2_SIZE, AXL_L2_BASE_FALLBACK,
		AXL_L2_BASE_FALLBACK + AXL_AREA_SIZE,
		AXL_L2_BASE_FALLBACK + BAR2_SIZE, 1ull << 32,
	};
	static const u16 starts[] = {
		SAMPLE_CONTEXTS, SAMPLE_DMA_DESC, SAMPLE_VMSI, SAMPLE_STREAMS,
		SAMPLE_STREAMS + 264,
	};
	u64 value;
	size_t at;

	srand(seed);
	if (rand() % 2 || size < 0x300)
		return LLVMFuzzerMutate(data, size, max_size);

	if (rand() % 3)
		at = 0x200 + 4 * (rand() % 64);
	else
		at = starts[rand() % 5] + 4 * (rand() % 10);
	if (at + 8 > size)
		return LLVMFuzzerMutate(data, size, max_size);
	value = borders[rand() % 8] + rand() % 33 - 16;
	if (rand() % 4 == 0)
		value -= 8 * (rand() % 512);
	sample_put(data + at, value, rand() % 2 ? 4 : 8);
	return size;
}

/* A copy of the exact size: one byte too far is an ASan report. */
static void *snapshot(const u8 *bar2, u32 offset, size_t len)
{
	void *snap = malloc(len);

	if (!snap)
		abort();
	return memcpy(snap, bar2 + offset, len);
}

static void check(const char *wrong)
{
	if (!wrong)
		return;
	fprintf(stderr, "let through: %s\n", wrong);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static u8 bar2[BAR2_SIZE];
	struct axl_vmsi_cfg cfg;
	struct axl_context ctx;
	struct axl_stream stream;
	struct axl_layout l;
	u32 offset, lists;
	unsigned int i;
	size_t len;
	void *snap;
	int ret;

	if (size > BAR2_SIZE)
		size = BAR2_SIZE;
	memcpy(bar2, data, size);
	memset(bar2 + size, 0, BAR2_SIZE - size);

	snap = snapshot(bar2, 0, AXL_AREA_SIZE);
	ret = axl_layout_parse(snap, AXL_AREA_SIZE, BAR2_SIZE, &l);
	free(snap);
	check(layout_oracle(&l, ret, BAR2_SIZE));

	if (l.dma_desc.valid) {
		snap = snapshot(bar2, l.dma_desc.offset, AXL_DMA_DESC_BYTES);
		if (!axl_layout_parse_dma_desc(snap, AXL_DMA_DESC_BYTES, &l,
					       BAR2_SIZE, &offset, &lists))
			check(dma_desc_oracle(&l, BAR2_SIZE, offset, lists));
		free(snap);
	}
	if (l.vmsi.valid) {
		len = axl_layout_vmsi_len(&l.vmsi);
		snap = snapshot(bar2, l.vmsi.offset, len);
		if (!axl_layout_parse_vmsi(snap, len, &cfg))
			check(vmsi_oracle(&cfg));
		free(snap);
	}
	if (l.contexts.valid) {
		snap = snapshot(bar2, l.contexts.offset, AXL_CONTEXT_BYTES);
		axl_layout_parse_context(snap, &ctx);
		free(snap);
	}
	if (l.streams.valid) {
		len = axl_layout_streams_len(&l.streams);
		snap = snapshot(bar2, l.streams.offset, len);
		for (i = 0; i <= AXL_STREAMS_SOURCES; i++)
			if (!axl_layout_parse_stream(snap, len, &l, BAR2_SIZE,
						     i, &stream))
				check(stream_oracle(&stream, len, BAR2_SIZE));
		free(snap);
	}
	return 0;
}
