/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The start of L2 as sane firmware leaves it, with each area that it refers to:
 * what the tests spoil and what the fuzzer starts from. Offsets are written out
 * here, not taken from axl_layout.h: a wrong constant there must show.
 */
#ifndef AXL_LAYOUT_SAMPLE_H
#define AXL_LAYOUT_SAMPLE_H

#include <string.h>

#include <linux/types.h>

#define SAMPLE_SIZE		0x2200		/* of the part of BAR2 described below */
#define SAMPLE_BAR2		0x2000000ull
#define SAMPLE_L2		0x08000000ull
#define SAMPLE_DDR		0x200000000ull

/* where this firmware keeps its areas */
#define SAMPLE_BOARD_INFO	0x1000
#define SAMPLE_CONTEXTS		0x1100
#define SAMPLE_HOSTIF		0x1400
#define SAMPLE_DMA_DESC		0x1440
#define SAMPLE_VMSI		0x1500
#define SAMPLE_VMSI_SIZE	(260 + 1024)
#define SAMPLE_STREAMS		0x2000
#define SAMPLE_STREAMS_SIZE	(264 + 2 * 80)

/* the content of these is not parsed */
#define SAMPLE_RING		0x4000
#define SAMPLE_RING_SIZE	0x1000
#define SAMPLE_LISTS		0x8000
#define SAMPLE_LISTS_SIZE	32640

static inline void sample_put(u8 *p, u64 value, unsigned int bytes)
{
	while (bytes--) {
		*p++ = value;
		value >>= 8;
	}
}

static inline void sample_ref(u8 *bar2, unsigned int at, u16 magic, u32 size,
			      u64 offset)
{
	sample_put(bar2 + at, magic, 2);
	bar2[at + 2] = 1;
	bar2[at + 3] = 2;
	sample_put(bar2 + at + 4, size, 4);
	sample_put(bar2 + at + 8, offset, 8);
	sample_put(bar2 + at + 16, 0, 8);
}

static inline void sample_stream(u8 *record, u64 ring, u32 type, u32 vmsi,
				 const char *name)
{
	sample_put(record, 16, 4);			/* read_pos */
	sample_put(record + 4, 0xf00, 4);		/* capacity */
	sample_put(record + 8, 80, 4);			/* write_pos */
	sample_put(record + 12, 0x80000000u | vmsi, 4);
	sample_put(record + 16, ring, 8);
	sample_put(record + 24, SAMPLE_RING_SIZE, 8);
	sample_put(record + 32, type, 4);
	strncpy((char *)record + 44, name, 32);
}

/* @bar2 has SAMPLE_SIZE bytes. */
static inline void sample_fill(u8 *bar2)
{
	unsigned int i;
	u8 *p;

	memset(bar2, 0, SAMPLE_SIZE);
	sample_put(bar2, 0xfd1f, 2);
	sample_put(bar2 + 0x08, SAMPLE_L2, 8);
	sample_put(bar2 + 0x10, 0x1000, 8);
	bar2[0x200] = 3;
	bar2[0x201] = 7;
	sample_put(bar2 + 0x208, SAMPLE_L2, 8);
	sample_put(bar2 + 0x210, SAMPLE_DDR, 8);
	sample_ref(bar2, 0x240, 0xf0f0, SAMPLE_STREAMS_SIZE, SAMPLE_STREAMS);
	sample_ref(bar2, 0x258, 0x1234, 64, SAMPLE_BOARD_INFO);
	sample_ref(bar2, 0x288, 0x4321, 320, SAMPLE_CONTEXTS);
	sample_ref(bar2, 0x2b8, 0xbac1, 24, SAMPLE_HOSTIF);
	sample_ref(bar2, 0x2d0, 0xd4d4, 16, SAMPLE_DMA_DESC);
	sample_ref(bar2, 0x2e8, 0xb5b5, SAMPLE_VMSI_SIZE, SAMPLE_VMSI);

	for (i = 0; i < 4; i++) {
		p = bar2 + SAMPLE_CONTEXTS + 80 * i;
		sample_put(p, 1u << i, 8);
		sample_put(p + 8, SAMPLE_L2 + 0x100000 * i, 8);
		sample_put(p + 16, 0x100000, 8);
		sample_put(p + 24, SAMPLE_DDR + 0x1000000ull * i, 8);
		sample_put(p + 32, 0x1000000, 8);
		sample_put(p + 40, i, 8);
	}

	sample_put(bar2 + SAMPLE_DMA_DESC, SAMPLE_L2 + SAMPLE_LISTS, 8);
	sample_put(bar2 + SAMPLE_DMA_DESC + 8, SAMPLE_LISTS_SIZE, 8);

	p = bar2 + SAMPLE_VMSI;
	/* one entry: enabled, of firmware, slots 0 to 1023 */
	p[4] = 1;
	sample_put(p + 10, 1023, 2);
	sample_put(p, 1024, 2);
	sample_put(p + 2, 32, 2);
	for (i = 0; i < 1024; i++)
		p[260 + i] = i < 32 ? i : 24;

	p = bar2 + SAMPLE_STREAMS;
	sample_put(p, 2, 4);
	memset(p + 4, 0xff, 256);
	p[4 + 0] = 0;
	p[4 + 83] = 1;
	sample_stream(p + 264, SAMPLE_L2 + SAMPLE_RING, 0, 40, "control-core log");
	sample_stream(p + 264 + 80, SAMPLE_L2 + SAMPLE_RING + SAMPLE_RING_SIZE,
		      1, 41, "monitor");
}

#endif
