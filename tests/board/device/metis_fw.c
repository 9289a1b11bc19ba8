// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Emulated Metis: what the card's own CPU does. A bootloader at power-on, a
 * runtime once the host has started one: shared area, mailbox, compute
 * contexts, data streams and virtual MSIs.
 *
 * Firmware polls: a host write is seen a few microseconds later. It keeps its
 * own state and takes from shared memory only what belongs to the host, so bad
 * values published on purpose (metis_hostile.c) do not confuse it.
 */
#include "metis.h"
#include "qemu/cutils.h"

#define POLL_NS		5000

/* Areas move when firmware restarts: a runtime uses one of these in turn */
static const MetisLayout layouts[2] = {
	{
		.hostdrv = 0x1000, .desc_ref = 0x1040, .board = 0x1080, .contexts = 0x1100,
		.vmsi = 0x1400, .streams = 0x2000, .ring = 0x3000, .desc = 0x01fd0000,
		.trace = 0x01f00000,
	}, {
		.hostdrv = 0x8a40, .desc_ref = 0x8000, .board = 0x8040, .contexts = 0x8200,
		.vmsi = 0x8c00, .streams = 0x9800, .ring = 0xa000, .desc = 0x01fb0000,
		.trace = 0x01f40000,
	},
};

static bool overlaps(uint64_t off, uint64_t len, uint64_t at, uint64_t size)
{
	return off < at + size && at < off + len;
}

static bool runtime(MetisState *s)
{
	return s->fw.state == METIS_EMU_STARTING || s->fw.state == METIS_EMU_RUNNING;
}

/* Police on the firmware side would blame the driver for our own bad values */
static void fw_police(MetisState *s, enum metis_police kind, uint64_t off, uint64_t val)
{
	if (!s->fw.hostile)
		metis_police(s, kind, off, val);
}

/* ---- publishing ---- */

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

/* ---- events ---- */

/* One slot through the outbound window; without a target the window starts at bus address 0 */
void metis_fw_vmsi(MetisState *s, unsigned int nr)
{
	uint64_t addr = (s->fw.target_on ? s->fw.target : 0) + 4ull * nr;
	uint32_t one = cpu_to_le32(1);
	bool targeted = s->fw.target_on;
	MemTxResult r;

	if (!runtime(s) || nr >= METIS_VMSI_SLOTS || metis_lose(s, METIS_LAB_LOSE_VMSI))
		return;
	if (!metis_master(s)) {
		metis_count(s, METIS_LAB_NO_MASTER);
		metis_count(s, METIS_LAB_VMSI_LOST);
		s->refused++;
		return;
	}
	r = metis_bus_write(s, addr, &one, sizeof(one));
	metis_note(s, "vMSI %u to %#" PRIx64 ", result %u", nr, addr, r);
	if (targeted) {
		metis_count(s, r == MEMTX_OK ? METIS_LAB_VMSI_WRITES : METIS_LAB_VMSI_LOST);
		return;
	}
	metis_count(s, METIS_LAB_STRAY_WRITES);
	s->count[(METIS_LAB_STRAY_LAST - METIS_LAB_BAR0_READS) / 4] = addr;
	s->count[(METIS_LAB_STRAY_RESULT - METIS_LAB_BAR0_READS) / 4] = r;
}

void metis_fw_raise(MetisState *s, unsigned int nr)
{
	metis_fw_vmsi(s, nr);
	metis_send_pmsi(s, nr < METIS_MAX_VECTORS ? nr : METIS_EMU_VMSI_PMSI);
}

/* The answer to START is signalled when the host can hear it, or too early on request */
static void try_start_event(MetisState *s)
{
	if (!s->fw.start_event || !metis_master(s))
		return;
	if (!s->early_reply && !(s->fw.state == METIS_EMU_RUNNING && s->fw.target_on))
		return;
	s->fw.start_event = false;
	metis_fw_raise(s, PMSI_MAILBOX);
}

static void raise_tick(void *opaque)
{
	MetisState *s = opaque;

	if (!s->fw.raise_left)
		return;
	if (--s->fw.raise_left)
		timer_mod(s->fw.raise_timer, metis_now() +
			  MAX(s->fw.raise_period_us, 1u) * (int64_t)SCALE_US);
	metis_fw_raise(s, s->fw.raise_nr);
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

static uint32_t trace(MetisState *s, uint32_t len)
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

/* ---- mailbox ---- */

static void mbox_answer(MetisState *s, uint32_t op, int32_t status, const void *payload,
			uint32_t len)
{
	uint8_t *p = s->l2;

	stl_le_p(p + METIS_EMU_MBOX_MSG, status);
	memcpy(p + METIS_EMU_MBOX_MSG + 4, payload, len);
	stl_le_p(p + METIS_EMU_MBOX_SIZE, 4 + len);
	stl_le_p(p + METIS_EMU_MBOX_OPCODE, op | METIS_EMU_OP_REPLY);
	metis_count(s, METIS_LAB_MBOX_REPLIES);
	metis_note(s, "mailbox %#x answered, status %d", op, status);
}

static int32_t check_image(MetisState *s)
{
	uint64_t entry = ldq_le_p(s->l2 + SH_LOAD_ADDR);
	const uint8_t *p = metis_mem(s, entry, sizeof(struct metis_emu_image));
	uint32_t size;

	if (!p || (metis_in_l2(entry) && entry - METIS_L2_BASE < METIS_SHARED_SIZE))
		return METIS_EMU_EFAULT;
	if (get32(p) != METIS_EMU_IMAGE_MAGIC0 || get32(p + 4) != METIS_EMU_IMAGE_MAGIC1 ||
	    get32(p + 8) != sizeof(struct metis_emu_image))
		return METIS_EMU_ENOEXEC;
	size = get32(p + 12);
	if (!metis_mem(s, entry, sizeof(struct metis_emu_image) + (uint64_t)size))
		return METIS_EMU_EFAULT;
	if (size && metis_crc32(p + sizeof(struct metis_emu_image), size) != get32(p + 16))
		return METIS_EMU_EBADMSG;
	return 0;
}

/* True when the request needs an answer now: a start that works is answered by the runtime */
static bool mbox_start(MetisState *s, int32_t *status)
{
	uint32_t fault = s->fw.start_fault;

	s->fw.start_fault = METIS_LAB_START_OK;
	*status = fault == METIS_LAB_START_REFUSE ? METIS_EMU_EIO : check_image(s);
	if (*status) {
		metis_count(s, METIS_LAB_START_REFUSED);
		return true;
	}
	switch (fault) {
	case METIS_LAB_START_SILENT:
		return false;
	case METIS_LAB_START_LINK_LOST:
		metis_link_down(s, 0, NEXT_NEVER);
		return false;
	case METIS_LAB_START_BOOTLOADER:
		metis_link_down(s, s->link_down_ms, NEXT_BOOTLOADER);
		return false;
	}
	metis_link_down(s, s->link_down_ms, NEXT_RUNTIME);
	s->fw.start_reply = true;
	s->fw.start_event = true;
	s->fw.no_areas = fault == METIS_LAB_START_NO_AREAS;
	return false;
}

static int32_t mbox_crc(MetisState *s, uint8_t *out)
{
	uint64_t addr = ldq_le_p(s->fw.mbox_msg), len = ldq_le_p(s->fw.mbox_msg + 8);
	const uint8_t *p = metis_mem(s, addr, len);

	if (!p)
		return METIS_EMU_EFAULT;
	stl_le_p(out, metis_crc32(p, len));
	return 0;
}

/* Handle the request in mbox_op/mbox_len/mbox_msg */
static void mbox_tick(void *opaque)
{
	MetisState *s = opaque;
	MetisFirmware *f = &s->fw;
	uint8_t out[METIS_EMU_MBOX_MSG_MAX - 4] = { 0 };
	uint32_t op = f->mbox_op, in = f->mbox_len, len = 0;
	bool running = f->state == METIS_EMU_RUNNING;
	int32_t status = 0;

	f->mbox_busy = false;
	if (in > METIS_EMU_MBOX_MSG_MAX) {
		/* nothing of such a message is looked at */
		mbox_answer(s, op, METIS_EMU_EMSGSIZE, out, 0);
		metis_fw_raise(s, PMSI_MAILBOX);
		return;
	}
	switch (op) {
	case METIS_EMU_OP_PING:
		len = MIN(in, sizeof(out));
		memcpy(out, f->mbox_msg, len);
		break;
	case METIS_EMU_OP_VERSION:
		stl_le_p(out, f->state);
		len = 4 + snprintf((char *)out + 4, sizeof(out) - 4, "emulated Metis, %s firmware, %s",
				   s->old_fw ? "old" : "current",
				   running ? "runtime" : "bootloader");
		break;
	case METIS_EMU_OP_STATE:
		stl_le_p(out, f->state);
		stl_le_p(out + 4, f->generation);
		len = 8;
		break;
	case METIS_EMU_OP_START:
		if (!mbox_start(s, &status))
			return;
		break;
	case METIS_EMU_OP_RESET:
		metis_link_down(s, s->link_down_ms, NEXT_BOOTLOADER);
		return;
	case METIS_EMU_OP_CRC:
		status = in < 16 ? METIS_EMU_EINVAL : mbox_crc(s, out);
		len = status ? 0 : 4;
		break;
	case METIS_EMU_OP_RAISE:
		if (!running)
			status = METIS_EMU_ENOSYS;
		else if (in < 12 || get32(f->mbox_msg) >= METIS_VMSI_SLOTS)
			status = METIS_EMU_EINVAL;
		break;
	case METIS_EMU_OP_LOG:
		if (!running)
			status = METIS_EMU_ENOSYS;
		else
			metis_fw_log(s, (char *)f->mbox_msg, in);
		break;
	case METIS_EMU_OP_TRACE:
		status = !running ? METIS_EMU_ENOSYS : in < 4 ? METIS_EMU_EINVAL : 0;
		if (status)
			break;
		stq_le_p(out, f->traced);
		stl_le_p(out + 8, trace(s, get32(f->mbox_msg)));
		len = 12;
		break;
	case METIS_EMU_OP_FAIL:
		status = in < 4 ? METIS_EMU_EINVAL : (int32_t)get32(f->mbox_msg);
		break;
	case METIS_EMU_OP_MUTE:
		return;
	default:
		status = METIS_EMU_ENOSYS;
	}
	mbox_answer(s, op, status, out, len);
	metis_fw_raise(s, PMSI_MAILBOX);
	if (op == METIS_EMU_OP_RAISE && !status) {
		f->raise_nr = get32(f->mbox_msg);
		f->raise_left = get32(f->mbox_msg + 4);
		f->raise_period_us = get32(f->mbox_msg + 8);
		timer_mod(f->raise_timer, metis_now() + SCALE_US);
	}
}

static void mbox_poll(MetisState *s)
{
	MetisFirmware *f = &s->fw;
	uint32_t op = get32(s->l2 + METIS_EMU_MBOX_OPCODE);

	if (!f->mbox_touched || f->mbox_busy)
		return;
	f->mbox_touched = false;
	if (!op || op & METIS_EMU_OP_REPLY)
		return;
	metis_count(s, METIS_LAB_MBOX_REQUESTS);
	metis_note(s, "mailbox request %#x", op);
	if (f->mbox_mute) {
		f->mbox_mute--;
		return;
	}
	f->mbox_op = op;
	f->mbox_len = get32(s->l2 + METIS_EMU_MBOX_SIZE);
	if (f->mbox_len > METIS_EMU_MBOX_MSG_MAX)
		fw_police(s, METIS_POLICE_MBOX_SIZE, METIS_EMU_MBOX_SIZE, f->mbox_len);
	else
		memcpy(f->mbox_msg, s->l2 + METIS_EMU_MBOX_MSG, f->mbox_len);
	f->mbox_busy = true;
	timer_mod(f->mbox_timer, metis_now() + f->mbox_delay_us * (int64_t)SCALE_US);
}

/* ---- contexts ---- */

static void fill(uint8_t *p, uint64_t len, uint32_t pattern)
{
	uint8_t word[4];

	stl_le_p(word, pattern);
	for (uint64_t i = 0; i < len; i++)
		p[i] = word[i & 3];
}

static int64_t run_job(MetisState *s, uint64_t arg)
{
	uint8_t *job = arg & 7 ? NULL : metis_mem(s, arg, sizeof(struct metis_emu_job));
	uint64_t addr, len, pattern;
	uint8_t *p, *from;

	if (!job)
		return METIS_EMU_EFAULT;
	if (get32(job) != METIS_EMU_JOB_MAGIC)
		return METIS_EMU_EINVAL;
	addr = ldq_le_p(job + 8);
	len = ldq_le_p(job + 16);
	pattern = ldq_le_p(job + 24);
	p = metis_mem(s, addr, len);
	switch (get32(job + 4)) {
	case METIS_EMU_JOB_FILL:
		if (!p)
			return METIS_EMU_EFAULT;
		fill(p, len, pattern);
		metis_mem_written(s, addr, len);
		return 0;
	case METIS_EMU_JOB_CRC:
		if (!p)
			return METIS_EMU_EFAULT;
		stq_le_p(job + 32, metis_crc32(p, len));
		return 0;
	case METIS_EMU_JOB_COPY:
		from = metis_mem(s, pattern, len);
		if (!p || !from)
			return METIS_EMU_EFAULT;
		memmove(p, from, len);
		metis_mem_written(s, addr, len);
		return 0;
	default:
		return METIS_EMU_EINVAL;
	}
}

static void ctx_tick(void *opaque)
{
	struct MetisCtxArg *a = opaque;
	MetisState *s = a->s;
	int64_t status;

	if (!s->fw.ctx_busy[a->nr])
		return;
	status = run_job(s, s->fw.ctx_arg[a->nr]);
	s->fw.ctx_busy[a->nr] = false;
	stq_le_p(s->l2 + s->fw.at.contexts + a->nr * CTX_SIZE + CTX_STS, status);
	metis_count(s, METIS_LAB_JOBS);
	if (status)
		metis_count(s, METIS_LAB_JOB_ERRORS);
	metis_fw_raise(s, a->nr);
}

static void ctx_poll(MetisState *s, unsigned int nr)
{
	uint8_t *p = s->l2 + s->fw.at.contexts + nr * CTX_SIZE;

	if (!s->fw.ctx_touched[nr] || s->fw.ctx_busy[nr])
		return;
	s->fw.ctx_touched[nr] = false;
	if (!ldq_le_p(p + CTX_CMD))
		return;
	s->fw.ctx_busy[nr] = true;
	/* an unknown command is a job record that does not exist */
	s->fw.ctx_arg[nr] = ldq_le_p(p + CTX_CMD) == METIS_EMU_JOB_RUN ?
			    ldq_le_p(p + CTX_ARG) : 0;
	stq_le_p(p + CTX_STS, 1);
	stq_le_p(p + CTX_CMD, 0);
	if (s->fw.job_hang >> nr & 1) {
		s->fw.job_hang &= ~(1u << nr);
		return;
	}
	timer_mod(s->fw.ctx_timer[nr], metis_now() + s->fw.job_us * (int64_t)SCALE_US);
}

/* ---- what the host writes ---- */

static void poll_tick(void *opaque)
{
	MetisState *s = opaque;

	if (s->fw.dead)
		return;
	if (s->fw.state == METIS_EMU_BOOTLOADER || s->fw.state == METIS_EMU_RUNNING)
		mbox_poll(s);
	if (s->fw.state == METIS_EMU_RUNNING)
		for (unsigned int n = 0; n < METIS_CONTEXTS; n++)
			ctx_poll(s, n);
}

static void look_soon(MetisState *s)
{
	if (!timer_pending(s->fw.poll))
		timer_mod(s->fw.poll, metis_now() + POLL_NS);
}

static void latch_target(MetisState *s)
{
	const uint8_t *p = s->l2 + s->fw.at.hostdrv;
	bool on = get32(p + HOSTDRV_CTRL) == 1;
	uint64_t target;
	uint32_t size;

	if (on == s->fw.target_on)
		return;
	s->fw.target_on = on;
	if (!on)
		return;
	target = ldq_le_p(p + HOSTDRV_TARGET);
	size = get32(p + HOSTDRV_BYTES);
	if (!target || get32(p + HOSTDRV_BASE) || size < 4 * METIS_VMSI_SLOTS ||
	    !is_power_of_2(size) || target & (size - 1))
		fw_police(s, METIS_POLICE_HOSTDRV_TARGET, target, size);
	/* the window translates the bits above its size only */
	if (is_power_of_2(size))
		target &= ~(uint64_t)(size - 1);
	s->fw.target = target;
	s->fw.target_size = size;
	s->fw.need_target = false;
	metis_note(s, "outbound window at %#" PRIx64 " size %#x", target, size);
	try_start_event(s);
}

/* Bytes [off, off + len) of the shared area have changed */
void metis_fw_touched(MetisState *s, uint64_t off, uint64_t len)
{
	MetisFirmware *f = &s->fw;

	if (f->state == METIS_EMU_OFF)
		return;
	if (overlaps(off, len, METIS_EMU_MBOX_OPCODE, 4)) {
		f->mbox_touched = true;
		look_soon(s);
	}
	if (!f->areas)
		return;
	for (unsigned int n = 0; n < METIS_CONTEXTS; n++) {
		if (overlaps(off, len, f->at.contexts + n * CTX_SIZE + CTX_CMD, 8)) {
			f->ctx_touched[n] = true;
			look_soon(s);
		}
	}
	if (overlaps(off, len, f->at.hostdrv, HOSTDRV_SIZE))
		latch_target(s);
}

/* A wide write may take ctrl away together with what follows it */
static bool withdraws(MetisState *s, uint64_t off, uint64_t len, const uint8_t *data)
{
	uint64_t ctrl = s->fw.at.hostdrv + HOSTDRV_CTRL;

	return off <= ctrl && off + len >= ctrl + 4 && get32(data + (ctrl - off)) != 1;
}

/* The CPU is about to write data at off of BAR2: what must it not do now? */
void metis_fw_before_write(MetisState *s, uint64_t off, uint64_t len, const uint8_t *data)
{
	MetisFirmware *f = &s->fw;
	uint64_t val = ldn_le_p(data, len);

	if (f->mbox_busy && overlaps(off, len, METIS_EMU_MBOX_OPCODE, 4))
		fw_police(s, METIS_POLICE_MBOX_BUSY, off, val);
	if (!f->areas)
		return;
	for (unsigned int n = 0; n < METIS_CONTEXTS; n++)
		if (f->ctx_busy[n] && val &&
		    overlaps(off, len, f->at.contexts + n * CTX_SIZE + CTX_CMD, 8))
			fw_police(s, METIS_POLICE_CTX_BUSY, off, val);
	if (f->target_on && overlaps(off, len, f->at.hostdrv + HOSTDRV_BASE, HOSTDRV_SIZE - 4) &&
	    !withdraws(s, off, len, data) && memcmp(s->l2 + off, data, len))
		fw_police(s, METIS_POLICE_HOSTDRV_ORDER, off, val);
	for (unsigned int n = 0; n < METIS_STREAMS; n++) {
		uint32_t old, new, capacity = streams[n].capacity;

		if (off != f->at.streams + n * STREAM_SIZE + STREAM_READ || len < 4)
			continue;
		old = get32(s->l2 + off);
		new = get32(data);
		/* powers of two: the differences may wrap */
		if (new >= capacity ||
		    (new - old) % capacity > (f->stream_write[n] - old) % capacity)
			fw_police(s, METIS_POLICE_STREAM_POS, off, new);
	}
}

static void check_master_order(MetisState *s)
{
	if (s->fw.need_target && s->fw.state == METIS_EMU_RUNNING && metis_master(s)) {
		s->fw.need_target = false;	/* once a start */
		fw_police(s, METIS_POLICE_MASTER_ORDER, PCI_COMMAND, 0);
	}
}

/* Under dma_vm it is firmware that keeps IMWR in step with the MSI capability */
static void program_imwr(MetisState *s)
{
	PCIDevice *pdev = PCI_DEVICE(s);
	MSIMessage m;

	if (!s->dma_vm || !s->fw.areas || !msi_enabled(pdev))
		return;
	m = msi_get_message(pdev, 0);
	metis_edma_set_imwr(s, m.address, m.data);
}

void metis_fw_config_written(MetisState *s, bool was_master)
{
	program_imwr(s);
	if (was_master || !metis_master(s))
		return;
	check_master_order(s);
	try_start_event(s);
}

/* FLR and the like: the outbound window is part of the PCIe core and forgets its target */
void metis_fw_function_reset(MetisState *s)
{
	s->fw.target_on = false;
	if (s->fw.areas)
		stl_le_p(s->l2 + s->fw.at.hostdrv + HOSTDRV_CTRL, 0);
}

/* ---- life ---- */

static void greet(MetisState *s)
{
	char line[80];
	int n = snprintf(line, sizeof(line), "runtime up, start %u\n", s->fw.generation);

	metis_fw_log(s, line, n);
}

static void publish_tick(void *opaque)
{
	MetisState *s = opaque;
	MetisFirmware *f = &s->fw;

	metis_fw_areas(s);
	f->areas = true;
	f->state = METIS_EMU_RUNNING;
	metis_note(s, "runtime running, areas published");
	if (f->start_reply && !f->mbox_touched)
		mbox_answer(s, METIS_EMU_OP_START, 0, "", 0);
	f->start_reply = false;
	program_imwr(s);
	metis_hostile_apply(s);
	greet(s);
	check_master_order(s);
	try_start_event(s);
	if (f->mbox_touched)
		look_soon(s);
}

static void enter(MetisState *s, enum metis_emu_state state, bool keep)
{
	MetisFirmware *f = &s->fw;

	if (!keep)
		memset(s->l2, 0, METIS_SHARED_SIZE);
	metis_fw_header(s);
	f->state = state;
	metis_note(s, "%s", state == METIS_EMU_BOOTLOADER ? "bootloader" : "runtime starts");
	if (state == METIS_EMU_BOOTLOADER)
		return;
	f->generation++;
	f->at = layouts[f->at.hostdrv != layouts[1].hostdrv];
	f->need_target = true;
}

/* The link is back and the card's CPU runs the next program */
void metis_fw_boot(MetisState *s, MetisNext next)
{
	MetisFirmware *f = &s->fw;
	bool reply = f->start_reply, event = f->start_event, no_areas = f->no_areas;

	metis_fw_stop(s);
	if (next == NEXT_POWER_ON) {
		metis_fw_power_on(s);
		return;
	}
	if (next != NEXT_RUNTIME && next != NEXT_KEPT) {
		enter(s, METIS_EMU_BOOTLOADER, false);
		return;
	}
	enter(s, METIS_EMU_STARTING, next == NEXT_KEPT);
	f->start_reply = reply;
	f->start_event = event;
	if (!no_areas)
		timer_mod(f->area_timer, metis_now() + s->area_delay_ms * (int64_t)SCALE_MS);
}

/* A restart that the link does not show: the host finds out by losing its events */
void metis_fw_warm_restart(MetisState *s, bool moved)
{
	MetisLayout at = s->fw.at;

	if (!s->fw.areas || s->fw.dead)
		return;
	metis_fw_stop(s);
	enter(s, METIS_EMU_STARTING, false);
	if (!moved)
		s->fw.at = at;
	s->fw.need_target = false;	/* the host cannot know */
	publish_tick(s);
	metis_fw_raise(s, PMSI_MAILBOX);
}

/*
 * Whether a restart clears the host-driver area is not known. Here it does not:
 * all that shows is that the outbound window has forgotten its target.
 */
void metis_fw_silent_restart(MetisState *s)
{
	if (!s->fw.areas || s->fw.dead)
		return;
	s->fw.generation++;
	s->fw.target_on = false;
	metis_note(s, "runtime restarted, L2 as it was");
	metis_fw_raise(s, PMSI_MAILBOX);
}

/* The card's CPU hangs: PCIe and the engine go on without it */
void metis_fw_die(MetisState *s)
{
	MetisFirmware *f = &s->fw;

	f->dead = true;
	timer_del(f->poll);
	timer_del(f->mbox_timer);
	timer_del(f->raise_timer);
	timer_del(f->area_timer);
	for (unsigned int n = 0; n < METIS_CONTEXTS; n++)
		timer_del(f->ctx_timer[n]);
	f->start_event = false;
}

void metis_fw_stop(MetisState *s)
{
	MetisFirmware *f = &s->fw;

	timer_del(f->poll);
	timer_del(f->mbox_timer);
	timer_del(f->raise_timer);
	timer_del(f->area_timer);
	for (unsigned int n = 0; n < METIS_CONTEXTS; n++) {
		timer_del(f->ctx_timer[n]);
		f->ctx_busy[n] = f->ctx_touched[n] = false;
	}
	f->state = METIS_EMU_OFF;
	f->areas = f->target_on = f->need_target = false;
	f->mbox_touched = f->mbox_busy = false;
	f->start_reply = f->start_event = f->no_areas = false;
	f->raise_left = 0;
	memset(f->stream_write, 0, sizeof(f->stream_write));
	f->traced = 0;
}

void metis_fw_power_on(MetisState *s)
{
	s->fw.generation = 0;
	s->fw.dead = false;
	if (!s->boot_runtime) {
		enter(s, METIS_EMU_BOOTLOADER, false);
		return;
	}
	enter(s, METIS_EMU_STARTING, false);
	publish_tick(s);
}

void metis_fw_init(MetisState *s)
{
	MetisFirmware *f = &s->fw;

	f->poll = timer_new_ns(QEMU_CLOCK_VIRTUAL, poll_tick, s);
	f->mbox_timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, mbox_tick, s);
	f->raise_timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, raise_tick, s);
	f->area_timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, publish_tick, s);
	for (unsigned int n = 0; n < METIS_CONTEXTS; n++) {
		f->ctx_opaque[n] = (struct MetisCtxArg) { s, n };
		f->ctx_timer[n] = timer_new_ns(QEMU_CLOCK_VIRTUAL, ctx_tick, &f->ctx_opaque[n]);
	}
	f->mbox_delay_us = 20;
	f->job_us = 2000;
}

void metis_fw_exit(MetisState *s)
{
	MetisFirmware *f = &s->fw;

	timer_free(f->poll);
	timer_free(f->mbox_timer);
	timer_free(f->raise_timer);
	timer_free(f->area_timer);
	for (unsigned int n = 0; n < METIS_CONTEXTS; n++)
		timer_free(f->ctx_timer[n]);
}
