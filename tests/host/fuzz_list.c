// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer harness of cursors and lists: any segments, any part of the buffer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "list_model.h"

#define MAX_SEGS	64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct {
		u64 offset;
		u64 length;
		u64 dev_addr;
		u8 max;
		u8 flags;
	} in;
	struct {
		u64 addr;
		u64 len;
	} raw;
	struct axl_seg segs[MAX_SEGS];
	unsigned int nr = 0, max;
	struct axl_cursor cur;
	const char *wrong;
	u64 total = 0;
	bool inside;

	if (size < sizeof(in) + sizeof(raw))
		return 0;
	memcpy(&in, data, sizeof(in));
	data += sizeof(in);
	size -= sizeof(in);

	while (size >= sizeof(raw) && nr < MAX_SEGS) {
		memcpy(&raw, data, sizeof(raw));
		data += sizeof(raw);
		size -= sizeof(raw);
		/* what the DMA API hands out wraps neither way */
		raw.len &= in.flags & 2 ? 0xfff : 0x3ffffffff;
		raw.addr &= 0xffffffffffffff;
		segs[nr++] = (struct axl_seg){ raw.addr, raw.len, total };
		total += raw.len;
	}
	if (in.flags & 4 && total) {	/* mostly inside */
		in.offset %= total;
		in.length %= total - in.offset + 1;
		in.dev_addr &= 0xffffffffffff;
	}
	max = 2 + in.max % 255;

	inside = in.length && in.offset <= total &&
		 in.length <= total - in.offset &&
		 in.dev_addr + in.length >= in.dev_addr;
	if (!axl_cursor_init(&cur, segs, nr, in.offset, in.length,
			     in.dev_addr) != inside) {
		fprintf(stderr, "range check\n");
		abort();
	}
	if (!inside)
		return 0;

	wrong = list_model(segs, nr, in.offset, in.length, in.dev_addr,
			   in.flags & 1, max);
	if (wrong) {
		fprintf(stderr, "%s\n", wrong);
		abort();
	}
	return 0;
}
