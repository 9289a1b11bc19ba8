// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Emulated Metis: what firmware publishes in L2. Header, areas and the references to
 * them, and the rings of the data streams.
 */
#include "metis.h"
#include "qemu/cutils.h"

static void put_ref(MetisState *s, uint32_t at, uint16_t magic, uint8_t major, uint32_t size,
		    uint64_t offset)
{
	uint8_t *p = s->l2 + at;

	memset(p, 0, 24);
	p[2] = major;
	stl_le_p(p + 4, size);
	stq_le_p(p + 8, offset);
	stw_le_p(p, magic);
}

/* What bootloader and runtime both publish */
void metis_fw_header(MetisState *s)
{
	uint8_t *p = s->l2;

	stw_le_p(p + SH_MAGIC, s->old_fw ? 0 : SH_MAGIC_VALUE);
	stq_le_p(p + SH_BASE, s->old_fw ? 0 : METIS_L2_BASE);
	stq_le_p(p + SH_SIZE, s->old_fw ? 0 : METIS_SHARED_SIZE);
	p[SH_VERSION] = s->old_fw ? 1 : 2;
	p[SH_VERSION + 1] = 0;
	stq_le_p(p + SH_MEMORY_MAP, METIS_L2_BASE);
	stq_le_p(p + SH_MEMORY_MAP + 8, METIS_EMU_DDR_BASE);
}

static void put_hostdrv(MetisState *s)
{
	uint8_t *p = s->l2 + s->fw.at.hostdrv;

	memset(p, 0, HOSTDRV_SIZE);
	if (!s->fw.target_on)
		return;
	stq_le_p(p + HOSTDRV_TARGET, s->fw.target);
	stl_le_p(p + HOSTDRV_BYTES, s->fw.target_size);
	stl_le_p(p + HOSTDRV_CTRL, 1);
}

static void put_contexts(MetisState *s)
{
	for (unsigned int n = 0; n < METIS_CONTEXTS; n++) {
		uint8_t *p = s->l2 + s->fw.at.contexts + n * CTX_SIZE;
		uint64_t quarter = METIS_L2_SIZE / METIS_CONTEXTS;

		memset(p, 0, CTX_SIZE);
		stq_le_p(p, 1ull << n);
		stq_le_p(p + 8, METIS_L2_BASE + n * quarter + (n ? 0 : METIS_SHARED_SIZE));
		stq_le_p(p + 16, quarter - (n ? 0 : METIS_SHARED_SIZE));
		stq_le_p(p + 24, METIS_EMU_DDR_BASE + n * (s->ddr_size / METIS_CONTEXTS));
		stq_le_p(p + 32, s->ddr_size / METIS_CONTEXTS);
		stq_le_p(p + CTX_MSI, n);
		stq_le_p(p + CTX_STS, s->fw.ctx_busy[n]);
	}
}

static void put_vmsi(MetisState *s)
{
	uint8_t *p = s->l2 + s->fw.at.vmsi;

	memset(p, 0, VMSI_SIZE);
	stw_le_p(p, METIS_VMSI_SLOTS);
	stw_le_p(p + 2, VMSI_ENTRIES);
	for (unsigned int n = 0; n < VMSI_ENTRIES; n++) {
		uint8_t *e = p + 4 + 8 * n;

		if (n < METIS_CONTEXTS || n == PMSI_MAILBOX || n == PMSI_DEVICE) {
			e[0] = 1;
			stw_le_p(e + 4, n);
			stw_le_p(e + 6, n == PMSI_DEVICE ? METIS_VMSI_SLOTS - 1 : n);
		} else if (n >= 4 && n < PMSI_MAILBOX) {
			/* the engine's own messages: no slot goes with them */
			e[0] = 1;
			e[1] = 1;
			stl_le_p(e + 4, n);
		}
	}
	p += 4 + 8 * VMSI_ENTRIES;
	for (unsigned int n = 0; n < METIS_VMSI_SLOTS; n++)
		p[n] = n < PMSI_DEVICE ? n : METIS_EMU_VMSI_PMSI;
}

static const struct {
	uint32_t source, capacity, reg, type;
	const char *name;
} streams[METIS_STREAMS] = {
	[METIS_LOG] = {
		METIS_EMU_LOG_SOURCE, METIS_LOG_CAPACITY,
		METIS_EMU_LOG_VMSI | STREAM_REG_ENABLED, 0, "control-core log",
	},
	[METIS_TRACE] = {
		METIS_EMU_TRACE_SOURCE, METIS_TRACE_CAPACITY,
		METIS_EMU_TRACE_VMSI, 1, "control-core trace",
	},
};

static uint32_t ring_of(MetisState *s, unsigned int n)
{
	return n == METIS_LOG ? s->fw.at.ring : s->fw.at.trace;
}

static void put_streams(MetisState *s)
{
	uint8_t *p = s->l2 + s->fw.at.streams;

	memset(p, 0, STREAMS_SIZE);
	stl_le_p(p, METIS_STREAMS);
	memset(p + 4, 0xff, 256);
	for (unsigned int n = 0; n < METIS_STREAMS; n++) {
		uint8_t *r = p + n * STREAM_SIZE;

		p[4 + streams[n].source] = n;
		stl_le_p(r + STREAM_CAPACITY, streams[n].capacity);
		stl_le_p(r + STREAM_READ, s->fw.stream_write[n]);
		stl_le_p(r + STREAM_WRITE, s->fw.stream_write[n]);
		stl_le_p(r + STREAM_REG, streams[n].reg);
		stq_le_p(r + STREAM_RING, METIS_L2_BASE + ring_of(s, n));
		stq_le_p(r + STREAM_RING_SIZE, streams[n].capacity);
		stl_le_p(r + STREAM_TYPE, streams[n].type);
		pstrcpy((char *)r + STREAM_NAME, 32, streams[n].name);
	}
}

/* Areas first, references after them, as a driver that looks at any time must see them */
void metis_fw_areas(MetisState *s)
{
	MetisLayout *at = &s->fw.at;

	put_hostdrv(s);
	put_contexts(s);
	put_streams(s);
	memset(s->l2 + at->board, 0, BOARD_SIZE);
	pstrcpy((char *)s->l2 + at->board, BOARD_SIZE, "emulated Metis");
	memset(s->l2 + SH_REF_STREAMS, 0, SH_REF_END - SH_REF_STREAMS);
	stl_le_p(s->l2 + SH_DMA_VM, s->dma_vm ? DMA_VM_VALUE : 0);
	put_ref(s, SH_REF_STREAMS, 0xf0f0, 2, STREAMS_SIZE, at->streams);
	put_ref(s, SH_REF_BOARD, 0xb0b0, 1, BOARD_SIZE, at->board);
	put_ref(s, SH_REF_CONTEXTS, 0xc0c0, 1, METIS_CONTEXTS * CTX_SIZE, at->contexts);
	put_ref(s, SH_REF_HOSTDRV, 0xbac1, 1, HOSTDRV_SIZE, at->hostdrv);
	if (s->old_fw)
		return;
	put_vmsi(s);
	stq_le_p(s->l2 + at->desc_ref, METIS_L2_BASE + at->desc);
	stq_le_p(s->l2 + at->desc_ref + 8, METIS_DESC_SIZE);
	put_ref(s, SH_REF_DESC, 0xd4d4, 1, DESC_REF_SIZE, at->desc_ref);
	put_ref(s, SH_REF_VMSI, 0xb5b5, 1, VMSI_SIZE, at->vmsi);
}

/* The descriptor buffer in force */
void metis_fw_desc(MetisState *s, uint64_t *base, uint64_t *size)
{
	bool published = s->fw.areas && !s->old_fw;

	*base = METIS_L2_BASE + (published ? s->fw.at.desc : METIS_OLD_DESC);
	*size = published ? METIS_DESC_SIZE : METIS_OLD_DESC_SIZE;
}

/* ---- data streams ---- */

static uint32_t stream_room(MetisState *s, unsigned int n)
{
	uint32_t capacity = streams[n].capacity, write = s->fw.stream_write[n];
	uint32_t read = get32(s->l2 + s->fw.at.streams + n * STREAM_SIZE + STREAM_READ);

	/* the consumer's position is the host's: nonsense counts as "all read" */
	if (read >= capacity)
		read = write;
	return (read + capacity - write - 1) % capacity;
}

/* There must be room */
static void stream_put(MetisState *s, unsigned int n, const uint8_t *data, uint32_t len)
{
	uint8_t *ring = s->l2 + ring_of(s, n);
	uint32_t *write = &s->fw.stream_write[n];

	while (len--) {
		ring[*write] = *data++;
		*write = (*write + 1) % streams[n].capacity;
	}
}

static void stream_publish(MetisState *s, unsigned int n)
{
	uint8_t *p = s->l2 + s->fw.at.streams + n * STREAM_SIZE;

	stl_le_p(p + STREAM_WRITE, s->fw.stream_write[n]);
	memory_region_set_dirty(&s->l2_mr, ring_of(s, n), streams[n].capacity);
	/* firmware does not announce anything to a host that has no table yet */
	if (get32(p + STREAM_REG) & STREAM_REG_ENABLED && s->fw.target_on)
		metis_fw_raise(s, streams[n].reg & STREAM_REG_VMSI);
}

void metis_fw_log(MetisState *s, const char *text, uint32_t len)
{
	uint32_t n;

	if (s->fw.state != METIS_EMU_RUNNING)
		return;
	n = MIN(len, stream_room(s, METIS_LOG));
	stream_put(s, METIS_LOG, (const uint8_t *)text, n);
	metis_count_add(s, METIS_LAB_LOG_BYTES, n);
	metis_count_add(s, METIS_LAB_LOG_DROPPED, len - n);
	stream_publish(s, METIS_LOG);
}

uint32_t metis_fw_trace(MetisState *s, uint32_t len)
{
	uint32_t n = MIN(len, stream_room(s, METIS_TRACE)), word;
	uint8_t byte;

	for (uint32_t i = 0; i < n; i++, s->fw.traced++) {
		word = s->fw.traced / 4 * METIS_EMU_TRACE_STEP;
		byte = word >> 8 * (s->fw.traced % 4);
		stream_put(s, METIS_TRACE, &byte, 1);
	}
	stream_publish(s, METIS_TRACE);
	return n;
}

uint32_t metis_fw_capacity(unsigned int stream)
{
	return streams[stream].capacity;
}
