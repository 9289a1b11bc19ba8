// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Emulated Metis: the messages that the card signals interrupts with. Those of
 * the engine are plain writes, those of firmware go through the function's MSI
 * capability; either can get lost, and the engine's can be late.
 */
#include "metis.h"

bool metis_lose(MetisState *s, uint32_t kind)
{
	bool lost = false;

	if (!s->msi_deliver && kind != METIS_LAB_LOSE_VMSI) {
		lost = true;
	} else if (s->lose_msgs && s->lose_kinds & kind) {
		s->lose_msgs--;
		lost = true;
	}
	if (lost)
		metis_count(s, METIS_LAB_MSG_DROPPED);
	return lost;
}

/* At the host bridge, or with MSG_DELAY_MS some time later */
static void deliver(MetisState *s, uint64_t addr, uint32_t data)
{
	PCIDevice *pdev = PCI_DEVICE(s);
	MemTxAttrs attrs = { .requester_id = pci_requester_id(pdev) };
	MemTxResult r = MEMTX_DECODE_ERROR;

	if (metis_may_master(s)) {
		s->on_bus++;
		address_space_stl_le(&pdev->bus_master_as, addr, data, attrs, &r);
		s->on_bus--;
	}
	metis_count(s, r == MEMTX_OK && addr ? METIS_LAB_IMWR_SENT : METIS_LAB_IMWR_LOST);
	metis_note(s, "message %#x to %#" PRIx64 ", result %u", data, addr, r);
}

static void late_timer(void *opaque)
{
	MetisState *s = opaque;
	MetisLate *l = &s->late;
	int64_t now = metis_now();

	while (l->count && l->msg[l->first].due <= now) {
		MetisLateMsg m = l->msg[l->first];

		l->first = (l->first + 1) % METIS_LATE_MAX;
		l->count--;
		deliver(s, m.addr, m.data);
	}
	if (l->count)
		timer_mod(l->timer, l->msg[l->first].due);
}

/*
 * The engine's message is an ordinary 32-bit memory write, so a wrong address
 * fails as any write does. It must carry the requester id: an interrupt
 * controller tells devices apart by it.
 */
void metis_send_imwr(MetisState *s, uint64_t addr, uint32_t data)
{
	MetisLate *l = &s->late;
	MetisLateMsg *m;

	if (metis_lose(s, METIS_LAB_LOSE_IMWR))
		return;
	s->count[(METIS_LAB_LAST_MSG_ADDR - METIS_LAB_BAR0_READS) / 4] = addr;
	s->count[(METIS_LAB_LAST_MSG_DATA - METIS_LAB_BAR0_READS) / 4] = data;
	/* none overtakes those that wait, also after the delay was set to 0 */
	if ((!s->msg_delay_ms && !l->count) || l->count == METIS_LATE_MAX) {
		deliver(s, addr, data);
		return;
	}
	m = &l->msg[(l->first + l->count) % METIS_LATE_MAX];
	m->due = metis_now() + (int64_t)s->msg_delay_ms * 1000000;
	m->addr = addr;
	m->data = data;
	if (!l->count++)
		timer_mod(l->timer, m->due);
}

/* The vector that event nr gets when the host granted fewer than 32 */
unsigned int metis_fold(MetisState *s, unsigned int nr)
{
	PCIDevice *pdev = PCI_DEVICE(s);
	unsigned int granted = msi_enabled(pdev) ? msi_nr_vectors_allocated(pdev) : 1;

	if (nr < granted)
		return nr;
	return s->fold_mod ? nr % granted : 0;
}

/* Firmware's messages go through the function's own MSI capability */
void metis_send_pmsi(MetisState *s, unsigned int nr)
{
	PCIDevice *pdev = PCI_DEVICE(s);
	unsigned int vector;

	if (metis_lose(s, METIS_LAB_LOSE_PMSI))
		return;
	if (!msi_enabled(pdev) || !metis_may_master(s)) {
		metis_count(s, METIS_LAB_PMSI_LOST);
		return;
	}
	vector = metis_fold(s, nr);
	metis_count(s, msi_is_masked(pdev, vector) ? METIS_LAB_PMSI_PENDING : METIS_LAB_PMSI_SENT);
	metis_note(s, "PMSI %u on vector %u", nr, vector);
	msi_notify(pdev, vector);
}

void metis_msg_init(MetisState *s)
{
	s->lose_kinds = METIS_LAB_LOSE_IMWR | METIS_LAB_LOSE_PMSI;
	s->late.timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, late_timer, s);
}

void metis_msg_exit(MetisState *s)
{
	timer_free(s->late.timer);
}
