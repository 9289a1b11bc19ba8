// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Emulated Metis: what the card's own CPU does. A bootloader at power-on, a
 * runtime once the host has started one. This file has its life, what it sees
 * of the host's writes, and its events; what it publishes is in metis_fw_areas.c,
 * what it does on request in metis_fw_requests.c.
 *
 * Firmware polls: a host write is seen a few microseconds later. It keeps its
 * own state and takes from shared memory only what belongs to the host, so bad
 * values published on purpose (metis_hostile.c) do not confuse it.
 */
#include "metis.h"

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
void metis_fw_police(MetisState *s, enum metis_police kind, uint64_t off, uint64_t val)
{
	if (!s->fw.hostile)
		metis_police(s, kind, off, val);
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

/* ---- what the host writes ---- */

static void poll_tick(void *opaque)
{
	MetisState *s = opaque;

	if (s->fw.dead)
		return;
	if (s->fw.state == METIS_EMU_BOOTLOADER || s->fw.state == METIS_EMU_RUNNING)
		metis_fw_mbox_poll(s);
	if (s->fw.state == METIS_EMU_RUNNING)
		for (unsigned int n = 0; n < METIS_CONTEXTS; n++)
			metis_fw_ctx_poll(s, n);
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
		metis_fw_police(s, METIS_POLICE_HOSTDRV_TARGET, target, size);
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
		metis_fw_police(s, METIS_POLICE_MBOX_BUSY, off, val);
	if (!f->areas)
		return;
	for (unsigned int n = 0; n < METIS_CONTEXTS; n++)
		if (f->ctx_busy[n] && val &&
		    overlaps(off, len, f->at.contexts + n * CTX_SIZE + CTX_CMD, 8))
			metis_fw_police(s, METIS_POLICE_CTX_BUSY, off, val);
	if (f->target_on && overlaps(off, len, f->at.hostdrv + HOSTDRV_BASE, HOSTDRV_SIZE - 4) &&
	    !withdraws(s, off, len, data) && memcmp(s->l2 + off, data, len))
		metis_fw_police(s, METIS_POLICE_HOSTDRV_ORDER, off, val);
	for (unsigned int n = 0; n < METIS_STREAMS; n++) {
		uint32_t old, new, capacity = metis_fw_capacity(n);

		if (off != f->at.streams + n * STREAM_SIZE + STREAM_READ || len < 4)
			continue;
		old = get32(s->l2 + off);
		new = get32(data);
		/* powers of two: the differences may wrap */
		if (new >= capacity ||
		    (new - old) % capacity > (f->stream_write[n] - old) % capacity)
			metis_fw_police(s, METIS_POLICE_STREAM_POS, off, new);
	}
}

static void check_master_order(MetisState *s)
{
	if (s->fw.need_target && s->fw.state == METIS_EMU_RUNNING && metis_master(s)) {
		s->fw.need_target = false;	/* once a start */
		metis_fw_police(s, METIS_POLICE_MASTER_ORDER, PCI_COMMAND, 0);
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
		metis_fw_answer(s, METIS_EMU_OP_START, 0, "", 0);
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
	f->mbox_timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, metis_fw_mbox_tick, s);
	f->raise_timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, raise_tick, s);
	f->area_timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, publish_tick, s);
	for (unsigned int n = 0; n < METIS_CONTEXTS; n++) {
		f->ctx_opaque[n] = (struct MetisCtxArg) { s, n };
		f->ctx_timer[n] = timer_new_ns(QEMU_CLOCK_VIRTUAL, metis_fw_ctx_tick, &f->ctx_opaque[n]);
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
