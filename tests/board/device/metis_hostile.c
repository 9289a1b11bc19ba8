// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Emulated Metis: firmware that publishes nonsense, one kind at a time, on the
 * lab's request. Only what the host reads is changed; firmware keeps its state.
 */
#include "metis.h"

static const uint32_t refs[] = {
	SH_REF_STREAMS, SH_REF_BOARD, SH_REF_CONTEXTS, SH_REF_HOSTDRV, SH_REF_DESC, SH_REF_VMSI,
};

static uint32_t xorshift(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

static void scramble(MetisState *s, uint32_t from, uint32_t to, uint32_t *seed)
{
	for (uint32_t off = from; off < to; off++)
		s->l2[off] = xorshift(seed) >> 8;
}

static void randomize(MetisState *s)
{
	const MetisLayout *at = &s->fw.at;
	uint32_t seed = s->fw.hostile_seed ? s->fw.hostile_seed : 1;

	/* not the mailbox: tests talk to firmware through it */
	scramble(s, 0, METIS_EMU_MBOX_OPCODE, &seed);
	scramble(s, SH_VERSION, 0x400, &seed);
	if (!s->fw.areas)
		return;
	scramble(s, at->hostdrv, at->hostdrv + HOSTDRV_SIZE, &seed);
	scramble(s, at->desc_ref, at->desc_ref + DESC_REF_SIZE, &seed);
	scramble(s, at->board, at->board + BOARD_SIZE, &seed);
	scramble(s, at->contexts, at->contexts + METIS_CONTEXTS * CTX_SIZE, &seed);
	scramble(s, at->vmsi, at->vmsi + VMSI_SIZE, &seed);
	scramble(s, at->streams, at->streams + STREAMS_SIZE, &seed);
}

static void spoil_refs(MetisState *s, uint32_t kind)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(refs); i++) {
		uint8_t *p = s->l2 + refs[i];

		if (!lduw_le_p(p))
			continue;	/* not published by this firmware */
		switch (kind) {
		case METIS_HOSTILE_REF_OFFSET:
			stq_le_p(p + 8, METIS_L2_SIZE);
			break;
		case METIS_HOSTILE_REF_OFFSET_WRAP:
			stq_le_p(p + 8, -256ull);
			break;
		case METIS_HOSTILE_REF_SIZE_WRAP:
			stl_le_p(p + 4, ~0u);
			break;
		case METIS_HOSTILE_REF_STRADDLE:
			stq_le_p(p + 8, METIS_L2_SIZE + 1 - get32(p + 4));
			break;
		case METIS_HOSTILE_REF_MISALIGNED:
			stq_le_p(p + 8, ldq_le_p(p + 8) + 1);
			break;
		case METIS_HOSTILE_REF_ONES:
			memset(p, 0xff, 24);
			break;
		case METIS_HOSTILE_REF_MAGIC:
			p[0] ^= 0x10;
			break;
		case METIS_HOSTILE_REF_AREA:
			stw_le_p(p + 16, 7);
			break;
		case METIS_HOSTILE_REF_DDR:
			stw_le_p(p + 16, 1);
			break;
		case METIS_HOSTILE_REF_EMPTY:
			stl_le_p(p + 4, 0);
			break;
		case METIS_HOSTILE_REF_SHORT:
			stl_le_p(p + 4, get32(p + 4) - 1);
			break;
		case METIS_HOSTILE_REF_OVERLAP:
			stq_le_p(p + 8, 0);
			break;
		case METIS_HOSTILE_REF_VERSION:
			p[2] = p[3] = 0xff;
			break;
		}
	}
}

static void spoil_header(MetisState *s, uint32_t kind)
{
	uint8_t *p = s->l2;

	switch (kind) {
	case METIS_HOSTILE_HEADER_BASE:
		stq_le_p(p + SH_BASE, 0xffffffff00000000ull);
		break;
	case METIS_HOSTILE_HEADER_SIZE:
		stq_le_p(p + SH_SIZE, ~0ull);
		break;
	case METIS_HOSTILE_LAYOUT_VERSION:
		p[SH_VERSION] = p[SH_VERSION + 1] = 0xff;
		break;
	case METIS_HOSTILE_L2_BASE:
		stq_le_p(p + SH_MEMORY_MAP, ~0ull);
		break;
	case METIS_HOSTILE_L2_BASE_ODD:
		stq_le_p(p + SH_MEMORY_MAP, METIS_L2_BASE + 4);
		break;
	case METIS_HOSTILE_DDR_BASE:
		stq_le_p(p + SH_MEMORY_MAP + 8, ~0ull);
		break;
	case METIS_HOSTILE_DMA_VM:
		stl_le_p(p + SH_DMA_VM, DMA_VM_VALUE + 1);
		break;
	case METIS_HOSTILE_MBOX_ONES:
		memset(p + METIS_EMU_MBOX_OPCODE, 0xff, 8);
		break;
	case METIS_HOSTILE_RANDOM:
		randomize(s);
		break;
	}
}

static void spoil_stream(uint8_t *p, uint32_t kind)
{
	switch (kind) {
	case METIS_HOSTILE_STREAM_POS:
		stl_le_p(p + STREAM_READ, get32(p + STREAM_CAPACITY) + 100);
		stl_le_p(p + STREAM_WRITE, 0xfffffff0u);
		break;
	case METIS_HOSTILE_STREAM_CAPACITY:
		stl_le_p(p + STREAM_CAPACITY, ~0u);
		break;
	case METIS_HOSTILE_STREAM_EMPTY:
		stl_le_p(p + STREAM_CAPACITY, 0);
		stq_le_p(p + STREAM_RING_SIZE, 0);
		break;
	case METIS_HOSTILE_STREAM_RING:
		stq_le_p(p + STREAM_RING, METIS_L2_BASE + METIS_L2_SIZE - 16);
		break;
	case METIS_HOSTILE_STREAM_NAME:
		memset(p + STREAM_NAME, '\a', 32);
		break;
	}
}

static void spoil_streams(MetisState *s, uint32_t kind)
{
	uint8_t *p = s->l2 + s->fw.at.streams;

	if (kind == METIS_HOSTILE_STREAM_COUNT)
		stl_le_p(p, ~0u);
	else if (kind == METIS_HOSTILE_STREAM_INDEX)
		memset(p + 4, 254, 256);
	for (unsigned int n = 0; n < METIS_STREAMS; n++)
		spoil_stream(p + n * STREAM_SIZE, kind);
}

static void spoil_tables(MetisState *s, uint32_t kind)
{
	uint8_t *vmsi = s->l2 + s->fw.at.vmsi, *desc = s->l2 + s->fw.at.desc_ref;

	if (kind == METIS_HOSTILE_CTX_ONES)
		memset(s->l2 + s->fw.at.contexts, 0xff, METIS_CONTEXTS * CTX_SIZE);
	if (s->old_fw)
		return;
	switch (kind) {
	case METIS_HOSTILE_VMSI_COUNT:
		memset(vmsi, 0xff, 4);
		break;
	case METIS_HOSTILE_VMSI_RANGE:
		for (unsigned int n = 0; n < VMSI_ENTRIES; n++) {
			uint8_t *e = vmsi + 4 + 8 * n;

			e[0] = 0xff;
			e[1] = 9 * (n & 1);
			stw_le_p(e + 4, 0xffff - n);
			stw_le_p(e + 6, n & 2 ? 0xffff : 0);
		}
		break;
	case METIS_HOSTILE_VMSI_PMSI:
		memset(vmsi + 4 + 8 * VMSI_ENTRIES, 0xff, METIS_VMSI_SLOTS);
		break;
	case METIS_HOSTILE_DESC_ADDR:
		stq_le_p(desc, METIS_EMU_DDR_BASE);
		break;
	case METIS_HOSTILE_DESC_MISALIGNED:
		stq_le_p(desc, METIS_L2_BASE + s->fw.at.desc + 4);
		break;
	case METIS_HOSTILE_DESC_WRAP:
		stq_le_p(desc + 8, ~0ull);
		break;
	case METIS_HOSTILE_DESC_TINY:
		stq_le_p(desc + 8, 24);
		break;
	}
}

/* Publish what s->fw.hostile asks for; 0 publishes good values again */
void metis_hostile_apply(MetisState *s)
{
	uint32_t kind = s->fw.hostile;

	if (s->fw.state == METIS_EMU_OFF)
		return;
	metis_fw_header(s);
	if (s->fw.areas)
		metis_fw_areas(s);
	if (get32(s->l2 + METIS_EMU_MBOX_OPCODE) == ~0u)
		memset(s->l2 + METIS_EMU_MBOX_OPCODE, 0, 8);
	if (!kind)
		return;
	metis_note(s, "hostile values %u", kind);
	spoil_header(s, kind);
	if (!s->fw.areas)
		return;
	spoil_refs(s, kind);
	spoil_streams(s, kind);
	spoil_tables(s, kind);
}

static bool within(uint64_t off, uint64_t at, uint64_t size)
{
	return off >= at && off < at + size;
}

/* Values that only exist while the host looks */
void metis_hostile_read(MetisState *s, uint64_t off, unsigned int size, uint64_t *val)
{
	const MetisLayout *at = &s->fw.at;

	switch (s->fw.hostile) {
	case METIS_HOSTILE_SHARED_ONES:
		if (off < 4 * KiB)
			*val = ~0ull;
		break;
	case METIS_HOSTILE_SHARED_ZERO:
		if (off < 4 * KiB)
			*val = 0;
		break;
	case METIS_HOSTILE_FLIPPING:
		if (!within(off, SH_REF_STREAMS, SH_REF_END - SH_REF_STREAMS) &&
		    !(s->fw.areas && (within(off, at->streams, STREAMS_SIZE) ||
				      within(off, at->vmsi, VMSI_SIZE) ||
				      within(off, at->desc_ref, DESC_REF_SIZE))))
			break;
		s->fw.flip = !s->fw.flip;
		if (s->fw.flip)
			*val ^= 0x5a5a5a5a5a5a5a5aull;
		break;
	}
}
