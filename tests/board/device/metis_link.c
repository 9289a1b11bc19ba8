// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Emulated Metis: the link to the port above. It drops, comes back, or stays away; BAR2
 * reads all ones meanwhile, and the card's CPU runs what it is to run next.
 */
#include "metis.h"
#include "qemu/main-loop.h"
#include "hw/pci/pci_bridge.h"
#if __has_include("system/reset.h")
#include "system/cpus.h"
#include "system/runstate.h"
#else
#include "sysemu/cpus.h"
#include "sysemu/runstate.h"
#endif

/* ---- changes of the memory map ---- */

/*
 * In QEMU before 8.2 a virtual CPU that is in the middle of an MMIO access
 * while the memory map changes may look its target up in the new map with an
 * index of the old one, and hit another device. Test programs poll registers
 * all the time, so the CPUs are held while our BARs come and go. Only the main
 * loop can do that: a CPU that waits for the others within an access of its own
 * waits forever if one of them waits to run alone.
 */
static bool cpus_held;

static bool hold_cpus(void)
{
	if (!runstate_is_running())
		return false;
	pause_all_vcpus();
	cpus_held = true;
	return true;
}

static void release_cpus(bool held)
{
	if (!held)
		return;
	cpus_held = false;
	resume_all_vcpus();
}

/* Would this configuration write change what a BAR decodes? */
static bool changes_decode(PCIDevice *pdev, uint32_t addr, uint32_t val, int len)
{
	uint32_t devctl = pdev->exp.exp_cap + PCI_EXP_DEVCTL;
	bool on = pci_get_word(pdev->config + PCI_COMMAND) & PCI_COMMAND_MEMORY;

	if (addr == PCI_COMMAND)
		return on != !!(val & PCI_COMMAND_MEMORY);
	if (addr < METIS_CAP_PM)
		return on && addr + len > PCI_BASE_ADDRESS_0 && addr < PCI_CARDBUS_CIS;
	return on && pdev->exp.exp_cap && addr == devctl && val & PCI_EXP_DEVCTL_BCR_FLR;
}

typedef struct {
	PCIDevice *pdev;
	MetisConfigWrite *write;
	uint32_t addr, val;
	int len;
} LateWrite;

static void late_write(void *opaque)
{
	LateWrite *w = opaque;
	bool held = hold_cpus();

	w->write(w->pdev, w->addr, w->val, w->len);
	release_cpus(held);
	g_free(w);
}

/*
 * Does a configuration write in the main loop if it changes the memory map. The
 * CPU that wrote stops behind its access until then, so it sees no difference.
 * One at a time: the guest holds its lock for configuration space meanwhile.
 */
void metis_config_write(PCIDevice *pdev, uint32_t addr, uint32_t val, int len,
			MetisConfigWrite *write)
{
	LateWrite *w;

	if (!qemu_in_vcpu_thread() || !runstate_is_running() ||
	    !changes_decode(pdev, addr, val, len)) {
		write(pdev, addr, val, len);
		return;
	}
	w = g_new(LateWrite, 1);
	*w = (LateWrite){ pdev, write, addr, val, len };
	aio_bh_schedule_oneshot(qemu_get_aio_context(), late_write, w);
	cpu_stop_current();
}

/* ---- link ---- */

void metis_set_link_active(MetisState *s, bool active)
{
	PCIDevice *port = pci_bridge_get_device(pci_get_bus(PCI_DEVICE(s)));
	uint8_t *lnksta;

	if (!port || !port->exp.exp_cap)
		return;
	lnksta = port->config + port->exp.exp_cap + PCI_EXP_LNKSTA;
	if (active)
		pci_word_test_and_set_mask(lnksta, PCI_EXP_LNKSTA_DLLLA);
	else
		pci_word_test_and_clear_mask(lnksta, PCI_EXP_LNKSTA_DLLLA);
}

/* While the card does not answer, a region that reads all ones lies over BAR2 */
void metis_update_bars(MetisState *s)
{
	bool down = !metis_accessible(s);

	if (down == s->down_shown)
		return;
	if (!cpus_held && runstate_is_running()) {
		qemu_bh_schedule(s->map_bh);
		return;
	}
	s->down_shown = down;
	memory_region_set_enabled(&s->down_mr, down);
}

static void link_take_down(MetisState *s, bool keep)
{
	s->link_up = false;
	s->back_due = false;
	s->kept = keep;
	if (!keep)
		metis_edma_reset(s);
	metis_update_bars(s);
}

/*
 * The link drops for ms milliseconds. Configuration space is reset when it
 * comes back, not when it drops: until then every access reads all ones anyway,
 * and the BARs stay decoded so that such accesses can be counted.
 */
void metis_link_down(MetisState *s, uint32_t ms, MetisNext next)
{
	if (s->dead)
		return;
	metis_note(s, "link down for %u ms", ms);
	metis_count(s, METIS_LAB_LINK_BOUNCES);
	if (next != NEXT_SAME)
		metis_fw_stop(s);
	/* a restart that was under way is not lost by a second drop */
	if (s->link_up || next != NEXT_SAME)
		s->next = next;
	link_take_down(s, s->link_keep && s->next == NEXT_SAME);
	metis_set_link_active(s, false);
	if (s->next == NEXT_NEVER) {
		s->dead = true;
		timer_del(s->link_timer);
		return;
	}
	timer_mod(s->link_timer, metis_now() + ms * (int64_t)SCALE_MS);
}

static void link_back(MetisState *s)
{
	s->back_due = false;
	if (!s->kept)
		pci_device_reset(PCI_DEVICE(s));
	s->link_up = true;
	metis_set_link_active(s, true);
	metis_note(s, "link up");
	if (s->next != NEXT_SAME)
		metis_fw_boot(s, s->next);
}

static void link_timer(void *opaque)
{
	MetisState *s = opaque;

	s->back_due = true;
	qemu_bh_schedule(s->map_bh);
}

/* Outside of timers, because the CPUs cannot be held from within one */
static void map_bh(void *opaque)
{
	MetisState *s = opaque;
	bool held = hold_cpus();

	if (s->back_due)
		link_back(s);
	metis_update_bars(s);
	release_cpus(held);
	metis_edma_kick(s);
}

/* A reset leaves the function away for as long as this is on */
void metis_set_not_ready(MetisState *s, bool on)
{
	s->not_ready = on;
	if (on)
		return;
	s->away = false;
	metis_update_bars(s);
}

void metis_power_cycle(MetisState *s)
{
	s->dead = false;
	metis_link_down(s, s->link_down_ms, NEXT_POWER_ON);
}

void metis_die(MetisState *s, uint32_t how)
{
	switch (how) {
	case METIS_LAB_DIE_FIRMWARE:
		metis_fw_die(s);
		return;
	case METIS_LAB_DIE_LINK:
		metis_link_down(s, 0, NEXT_NEVER);
		return;
	case METIS_LAB_DIE_WEDGED:
		metis_fw_stop(s);
		link_take_down(s, false);
		timer_del(s->link_timer);
		s->dead = true;
		return;
	}
}

void metis_link_init(MetisState *s)
{
	s->link_timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, link_timer, s);
	s->map_bh = qemu_bh_new(map_bh, s);
}

void metis_link_exit(MetisState *s)
{
	timer_free(s->link_timer);
	qemu_bh_delete(s->map_bh);
}
