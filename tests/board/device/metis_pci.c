// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Emulated Metis: the PCI function. Identity, configuration space, the two
 * BARs, and the way to memory on the bus.
 */
#include "metis.h"
#include "qemu/module.h"
#include "qapi/error.h"
#include "migration/vmstate.h"
#include "hw/pci/pci_bridge.h"
#if __has_include("system/reset.h")
#include "system/reset.h"
#include "system/runstate.h"
#else
#include "sysemu/reset.h"
#include "sysemu/runstate.h"
#endif

/* Capability offsets besides METIS_CAP_PM. MSI at 0x50 is the contract's, the others are ours */
#define CAP_MSI			0x50
#define CAP_EXP			0x70
#define CAP_AER			0x100

#define DEVCTL_SIZES		(PCI_EXP_DEVCTL_PAYLOAD | PCI_EXP_DEVCTL_READRQ)

#define VENDOR_METIS		0x1f9d
#define DEVICE_OMEGA		0x1100
#define DEVICE_ALPHA		0x11aa
#define VENDOR_WEDGED		0x16c3	/* a card that did not boot shows its IP vendor's defaults */
#define DEVICE_WEDGED		0xabcd

/* The switch that the vendor's interface asks for */
#define VENDOR_MICROSEMI	0x11f8
#define DEVICE_MICROSEMI	0x8562

/* ---- the card on the bus ---- */

static unsigned int power_state(MetisState *s)
{
	return pci_get_word(PCI_DEVICE(s)->config + METIS_CAP_PM + PCI_PM_CTRL) & PCI_PM_CTRL_STATE_MASK;
}

/* May memory requests pass in either direction? */
bool metis_accessible(MetisState *s)
{
	return s->link_up && !s->away && power_state(s) == 0;
}

bool metis_master(MetisState *s)
{
	return metis_accessible(s) &&
	       pci_get_word(PCI_DEVICE(s)->config + PCI_COMMAND) & PCI_COMMAND_MASTER;
}

/* The same for what the card wants to send now: a refusal is counted */
bool metis_may_master(MetisState *s)
{
	if (metis_master(s))
		return true;
	metis_count(s, METIS_LAB_NO_MASTER);
	s->refused++;
	return false;
}

/*
 * QEMU splits an access that no memory answers into words and tries each: the
 * IOMMU would report hundreds of faults a page. Ask once first.
 */
static MemTxResult bus_rw(MetisState *s, uint64_t addr, void *buf, uint32_t len, bool write)
{
	PCIDevice *pdev = PCI_DEVICE(s);
	MemTxAttrs attrs = { .requester_id = pci_requester_id(pdev) };

	MemTxResult r = MEMTX_DECODE_ERROR;

	if (!metis_may_master(s))
		return r;
	s->on_bus++;
	if (len <= 8 || address_space_access_valid(&pdev->bus_master_as, addr, len, write, attrs))
		r = address_space_rw(&pdev->bus_master_as, addr, attrs, buf, len, write);
	s->on_bus--;
	return r;
}

MemTxResult metis_bus_read(MetisState *s, uint64_t addr, void *buf, uint32_t len)
{
	return bus_rw(s, addr, buf, len, false);
}

MemTxResult metis_bus_write(MetisState *s, uint64_t addr, const void *buf, uint32_t len)
{
	return bus_rw(s, addr, (void *)buf, len, true);
}

/* ---- BARs ---- */

/*
 * Is this read the one that is to fail, or one of those after it? A read that
 * fails is answered with all ones by the host; writes get through.
 */
static bool read_fails(MetisState *s)
{
	if (!s->read_fail_at)
		return false;
	if (s->read_fail_at > 1) {
		s->read_fail_at--;
		return false;
	}
	if (!s->read_fails) {
		s->read_fail_at = 0;
		metis_link_down(s, s->link_down_ms, NEXT_SAME);
		return true;
	}
	if (!--s->read_fails)
		s->read_fail_at = 0;
	return true;
}

static uint64_t bar0_read(void *opaque, hwaddr off, unsigned int size)
{
	MetisState *s = opaque;

	if (!metis_accessible(s) || read_fails(s)) {
		metis_count(s, METIS_LAB_DOWN_READS);
		return ~0ull;
	}
	metis_count(s, METIS_LAB_BAR0_READS);
	return metis_edma_read(s, off, size);
}

static void bar0_write(void *opaque, hwaddr off, uint64_t val, unsigned int size)
{
	MetisState *s = opaque;

	if (!metis_accessible(s)) {
		metis_count(s, METIS_LAB_DOWN_WRITES);
		return;
	}
	metis_count(s, METIS_LAB_BAR0_WRITES);
	metis_edma_write(s, off, val, size);
}

/* Is this the read at which the lab wants the link to go down? */
static bool drop_due(MetisState *s, hwaddr off, unsigned int size)
{
	if (!s->drop_read)
		return false;
	if (off <= s->drop_read && s->drop_read - off < size)
		s->drop_near = true;
	if (!s->drop_near)
		return false;
	if (s->drop_skip) {
		s->drop_skip--;
		return false;
	}
	s->drop_read = 0;
	s->drop_near = false;
	return true;
}

static uint64_t shared_read(void *opaque, hwaddr off, unsigned int size)
{
	MetisState *s = opaque;
	uint64_t val = 0;

	if (metis_accessible(s) && drop_due(s, off, size))
		metis_link_down(s, s->link_down_ms, NEXT_SAME);
	/* down_mr may be a moment late */
	if (!metis_accessible(s) || read_fails(s)) {
		metis_count(s, METIS_LAB_DOWN_READS);
		return ~0ull;
	}
	metis_count(s, METIS_LAB_BAR2_READS);
	if (size > 8 || off > METIS_L2_SIZE - size)
		return ~0ull;
	val = ldn_le_p(s->l2 + off, size);
	if (s->fw.hostile)
		metis_hostile_read(s, off, size, &val);
	return val;
}

static void shared_write(void *opaque, hwaddr off, uint64_t val, unsigned int size)
{
	MetisState *s = opaque;
	uint8_t data[8];

	if (!metis_accessible(s)) {
		metis_count(s, METIS_LAB_DOWN_WRITES);
		return;
	}
	metis_count(s, METIS_LAB_BAR2_WRITES);
	if (size > 8 || off > METIS_L2_SIZE - size)
		return;
	stn_le_p(data, size, val);
	metis_fw_before_write(s, off, size, data);
	memcpy(s->l2 + off, data, size);
	metis_mem_written(s, METIS_L2_BASE + off, size);
}

static uint64_t down_read(void *opaque, hwaddr off, unsigned int size)
{
	metis_count(opaque, METIS_LAB_DOWN_READS);
	return ~0ull;
}

static void down_write(void *opaque, hwaddr off, uint64_t val, unsigned int size)
{
	metis_count(opaque, METIS_LAB_DOWN_WRITES);
}

/* Every width and alignment reaches the model: judging them is its own business */
#define ANY_ACCESS { .min_access_size = 1, .max_access_size = 8, .unaligned = true }

static const MemoryRegionOps bar0_ops = {
	.read = bar0_read,
	.write = bar0_write,
	.endianness = DEVICE_LITTLE_ENDIAN,
	.valid = ANY_ACCESS,
	.impl = ANY_ACCESS,
};

static const MemoryRegionOps shared_ops = {
	.read = shared_read,
	.write = shared_write,
	.endianness = DEVICE_LITTLE_ENDIAN,
	.valid = ANY_ACCESS,
	.impl = ANY_ACCESS,
};

static const MemoryRegionOps down_ops = {
	.read = down_read,
	.write = down_write,
	.endianness = DEVICE_LITTLE_ENDIAN,
	.valid = ANY_ACCESS,
	.impl = ANY_ACCESS,
};

/* ---- configuration space ---- */

static uint32_t config_read(PCIDevice *pdev, uint32_t addr, int len)
{
	MetisState *s = METIS(pdev);

	metis_count(s, METIS_LAB_CFG_READS);
	if (!s->link_up || s->away)
		return ~0u >> (32 - 8 * len);
	return pci_default_read_config(pdev, addr, len);
}

static void config_written(PCIDevice *pdev, uint32_t addr, uint32_t val, int len)
{
	MetisState *s = METIS(pdev);
	bool was_master;

	if (!s->link_up || s->away)
		return;
	was_master = metis_master(s);
	if (was_master)
		s->refused = 0;
	pci_default_write_config(pdev, addr, val, len);
	pcie_aer_write_config(pdev, addr, val, len);
	s->flr = pci_get_word(pdev->config + CAP_EXP + PCI_EXP_DEVCTL) & PCI_EXP_DEVCTL_BCR_FLR;
	if (s->flr) {
		metis_count(s, METIS_LAB_FLRS);
		pcie_cap_flr_write_config(pdev, addr, val, len);
		s->flr = false;
	}
	metis_update_bars(s);
	metis_edma_kick(s);	/* back in D0 */
	metis_fw_config_written(s, was_master);
}

static void config_write(PCIDevice *pdev, uint32_t addr, uint32_t val, int len)
{
	MetisState *s = METIS(pdev);

	metis_count(s, METIS_LAB_CFG_WRITES);
	if (s->on_bus)
		config_written(pdev, addr, val, len);
	else
		metis_config_write(pdev, addr, val, len, config_written);
}

/*
 * A reset of the function: FLR, hot reset, or the end of a link bounce. Engine
 * registers are lost. Firmware runs on a CPU of its own and does not notice,
 * but its outbound window belongs to the PCIe core and is gone.
 */
static void metis_reset(DeviceState *dev)
{
	MetisState *s = METIS(dev);
	PCIDevice *pdev = PCI_DEVICE(dev);

	metis_count(s, METIS_LAB_RESETS);
	metis_edma_reset(s);
	metis_fw_function_reset(s);
	pcie_cap_deverr_reset(pdev);
	/* payload 128 bytes, read requests 512 */
	pci_word_test_and_clear_mask(pdev->config + CAP_EXP + PCI_EXP_DEVCTL, DEVCTL_SIZES);
	pci_word_test_and_set_mask(pdev->config + CAP_EXP + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_READRQ_512B);
	pci_word_test_and_clear_mask(pdev->config + METIS_CAP_PM + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);
	s->away = s->not_ready;
	metis_update_bars(s);
}

/* A reset of the machine is a power cycle of the card */
static void metis_power_on(void *opaque)
{
	MetisState *s = opaque;

	timer_del(s->link_timer);
	s->back_due = false;
	metis_fw_stop(s);
	metis_edma_reset(s);
	s->dead = s->away = false;
	s->link_up = true;
	metis_update_bars(s);
	metis_set_link_active(s, true);
	metis_fw_power_on(s);
}

/*
 * The guest asks for a reset or to be turned off: in which state is the card
 * left? Without bus mastering it reaches nothing any more; a channel that runs
 * then has been forgotten all the same.
 */
static void tell_reset(Notifier *n, void *data)
{
	MetisState *s = container_of(n, MetisState, shutdown);
	ShutdownCause cause = *(ShutdownCause *)data;

	fprintf(stderr, "metis: machine %s: master %d, target %d, running %#x, engines %u %u, refused %" PRIu64 ", stray %" PRIu64 "\n",
		cause == SHUTDOWN_CAUSE_GUEST_RESET ? "reset" :
		cause == SHUTDOWN_CAUSE_GUEST_SHUTDOWN ? "power-off" : "end",
		metis_master(s), s->fw.target_on, metis_edma_running(s),
		s->dma.enable[0], s->dma.enable[1],
		s->refused, s->count[(METIS_LAB_STRAY_WRITES - METIS_LAB_BAR0_READS) / 4]);
}

/* ---- QOM ---- */

static bool check_choice(const char *name, char **value, const char *a, const char *b,
			 bool *is_b, Error **errp)
{
	if (!*value)
		*value = g_strdup(a);
	*is_b = !strcmp(*value, b);
	if (*is_b || !strcmp(*value, a))
		return true;
	error_setg(errp, "metis: %s is '%s', must be %s or %s", name, *value, a, b);
	return false;
}

static bool check_properties(MetisState *s, Error **errp)
{
	if (!check_choice("fw", &s->fw_name, "current", "old", &s->old_fw, errp) ||
	    !check_choice("boot", &s->boot, "bootloader", "runtime", &s->boot_runtime, errp) ||
	    !check_choice("pmsi-fold", &s->pmsi_fold, "zero", "mod", &s->fold_mod, errp))
		return false;
	if (!is_power_of_2(s->msi_vectors) || s->msi_vectors > METIS_MAX_VECTORS)
		error_setg(errp, "metis: msi-vectors must be 1, 2, 4, 8, 16 or 32");
	else if (!s->channels || s->channels > METIS_CHANNELS)
		error_setg(errp, "metis: channels must be 1 to %d", METIS_CHANNELS);
	else if (!is_power_of_2(s->bar2_mib) || s->bar2_mib < 32 || s->bar2_mib > 2048)
		error_setg(errp, "metis: bar2-mib must be a power of two from 32 to 2048");
	else if (s->ddr_mib < 1 || s->ddr_mib > 16384)
		error_setg(errp, "metis: ddr-mib must be 1 to 16384");
	else if (s->step_bytes < 64 || s->step_bytes > 16 * MiB)
		error_setg(errp, "metis: step-bytes must be 64 to 16 Mi");
	else
		return true;
	return false;
}

/* By hand: pci_pm_init() is not available to modules before QEMU 10 */
static bool add_pm(PCIDevice *pdev, Error **errp)
{
	int pos = pci_add_capability(pdev, PCI_CAP_ID_PM, METIS_CAP_PM, PCI_PM_SIZEOF, errp);

	if (pos < 0)
		return false;
	pci_set_word(pdev->config + pos + PCI_PM_PMC, 3);
	pci_set_word(pdev->config + pos + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
	pci_set_word(pdev->wmask + pos + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);
	return true;
}

static bool add_express(PCIDevice *pdev, Error **errp)
{
	uint8_t *cap;
	int pos = pcie_endpoint_cap_init(pdev, CAP_EXP);

	if (pos < 0) {
		error_setg(errp, "metis: no room for the PCIe capability");
		return false;
	}
	cap = pdev->config + pos;
	pci_long_test_and_clear_mask(cap + PCI_EXP_LNKCAP, PCI_EXP_LNKCAP_SLS | PCI_EXP_LNKCAP_MLW);
	pci_long_test_and_set_mask(cap + PCI_EXP_LNKCAP,
				   QEMU_PCI_EXP_LNKCAP_MLS(QEMU_PCI_EXP_LNK_8GT) |
				   QEMU_PCI_EXP_LNKCAP_MLW(QEMU_PCI_EXP_LNK_X4));
	pci_set_long(cap + PCI_EXP_LNKCAP2, PCI_EXP_LNKCAP2_SLS_2_5GB |
		     PCI_EXP_LNKCAP2_SLS_5_0GB | PCI_EXP_LNKCAP2_SLS_8_0GB);
	pci_set_word(cap + PCI_EXP_LNKCTL2, QEMU_PCI_EXP_LNK_8GT);
	pci_set_word(cap + PCI_EXP_LNKSTA, QEMU_PCI_EXP_LNKSTA_CLS(QEMU_PCI_EXP_LNK_8GT) |
		     QEMU_PCI_EXP_LNKSTA_NLW(QEMU_PCI_EXP_LNK_X4));
	pcie_cap_deverr_init(pdev);
	pcie_cap_flr_init(pdev);
	pci_word_test_and_set_mask(pdev->wmask + pos + PCI_EXP_DEVCTL, DEVCTL_SIZES);
	return pcie_aer_init(pdev, PCI_ERR_VER, CAP_AER, PCI_ERR_SIZEOF, errp) == 0;
}

static bool add_bars(MetisState *s, Error **errp)
{
	PCIDevice *pdev = PCI_DEVICE(s);
	uint64_t bar2_size = s->bar2_mib * MiB;
	Error *err = NULL;

	memory_region_init_io(&s->bar0, OBJECT(s), &bar0_ops, s, "metis-bar0", METIS_BAR0_SIZE);
	memory_region_init_ram(&s->l2_mr, OBJECT(s), "metis-l2", METIS_L2_SIZE, &err);
	if (err) {
		error_propagate(errp, err);
		return false;
	}
	s->l2 = memory_region_get_ram_ptr(&s->l2_mr);
	memory_region_init(&s->bar2, OBJECT(s), "metis-bar2", bar2_size);
	memory_region_add_subregion(&s->bar2, 0, &s->l2_mr);
	memory_region_init_io(&s->shared_mr, OBJECT(s), &shared_ops, s, "metis-shared",
			      s->trap_bar2 ? METIS_L2_SIZE : METIS_SHARED_SIZE);
	memory_region_add_subregion_overlap(&s->bar2, 0, &s->shared_mr, 1);
	memory_region_init_io(&s->down_mr, OBJECT(s), &down_ops, s, "metis-down", bar2_size);
	memory_region_add_subregion_overlap(&s->bar2, 0, &s->down_mr, 2);
	memory_region_set_enabled(&s->down_mr, false);

	pci_register_bar(pdev, 0, PCI_BASE_ADDRESS_SPACE_MEMORY | PCI_BASE_ADDRESS_MEM_TYPE_64,
			 &s->bar0);
	pci_register_bar(pdev, 2, PCI_BASE_ADDRESS_SPACE_MEMORY, &s->bar2);
	return true;
}

/* QEMU has one kind of switch; its identity is all that is looked at */
static bool rename_switch(PCIDevice *pdev, Error **errp)
{
	PCIDevice *port[2];

	port[0] = pci_bridge_get_device(pci_get_bus(pdev));
	port[1] = port[0] ? pci_bridge_get_device(pci_get_bus(port[0])) : NULL;
	if (!port[1]) {
		error_setg(errp, "metis: microsemi=on needs a switch above the card");
		return false;
	}
	for (int i = 0; i < 2; i++) {
		pci_config_set_vendor_id(port[i]->config, VENDOR_MICROSEMI);
		pci_config_set_device_id(port[i]->config, DEVICE_MICROSEMI);
	}
	return true;
}

static void metis_realize(PCIDevice *pdev, Error **errp)
{
	MetisState *s = METIS(pdev);

	if (!check_properties(s, errp) ||
	    (s->microsemi && !rename_switch(pdev, errp)))
		return;
	s->ddr_size = s->ddr_mib * MiB;
	s->ddr = g_try_malloc0(s->ddr_size);
	if (!s->ddr) {
		error_setg(errp, "metis: no memory for %u MiB of DDR", s->ddr_mib);
		return;
	}
	metis_msg_init(s);
	s->link_up = true;
	if (s->wedged) {
		pci_config_set_vendor_id(pdev->config, VENDOR_WEDGED);
		pci_config_set_device_id(pdev->config, DEVICE_WEDGED);
		pci_config_set_class(pdev->config, 0);
	} else if (s->alpha) {
		pci_config_set_device_id(pdev->config, DEVICE_ALPHA);
	}
	if (!add_pm(pdev, errp) ||
	    msi_init(pdev, CAP_MSI, s->msi_vectors, true, true, errp) < 0 ||
	    !add_express(pdev, errp) || !add_bars(s, errp)) {
		g_free(s->ddr);
		return;
	}
	metis_link_init(s);
	metis_edma_init(s);
	metis_fw_init(s);
	metis_power_on(s);
	qemu_register_reset(metis_power_on, s);
	if (s->tell_reset) {
		s->shutdown.notify = tell_reset;
		qemu_register_shutdown_notifier(&s->shutdown);
	}
}

static void metis_exit(PCIDevice *pdev)
{
	MetisState *s = METIS(pdev);

	qemu_unregister_reset(metis_power_on, s);
	if (s->tell_reset)
		notifier_remove(&s->shutdown);
	metis_link_exit(s);
	metis_fw_exit(s);
	metis_edma_exit(s);
	metis_msg_exit(s);
	pcie_aer_exit(pdev);
	pcie_cap_exit(pdev);
	msi_uninit(pdev);
	g_free(s->ddr);
}

static METIS_PROPERTY metis_properties[] = {
	DEFINE_PROP_BOOL("alpha", MetisState, alpha, false),
	DEFINE_PROP_BOOL("wedged", MetisState, wedged, false),
	DEFINE_PROP_UINT32("bar2-mib", MetisState, bar2_mib, 32),
	DEFINE_PROP_UINT32("ddr-mib", MetisState, ddr_mib, 64),
	DEFINE_PROP_UINT32("msi-vectors", MetisState, msi_vectors, 32),
	DEFINE_PROP_UINT32("channels", MetisState, channels, METIS_CHANNELS),
	DEFINE_PROP_BOOL("msi-deliver", MetisState, msi_deliver, true),
	DEFINE_PROP_STRING("pmsi-fold", MetisState, pmsi_fold),
	DEFINE_PROP_BOOL("int-status", MetisState, int_status, true),
	DEFINE_PROP_UINT32("step-bytes", MetisState, step_bytes, 64 * KiB),
	DEFINE_PROP_UINT32("step-ns", MetisState, step_ns, 10000),
	DEFINE_PROP_UINT32("cs-delay-ns", MetisState, cs_delay_ns, 1000),
	DEFINE_PROP_STRING("fw", MetisState, fw_name),
	DEFINE_PROP_STRING("boot", MetisState, boot),
	DEFINE_PROP_BOOL("dma-vm", MetisState, dma_vm, false),
	DEFINE_PROP_BOOL("early-reply", MetisState, early_reply, false),
	DEFINE_PROP_UINT32("link-down-ms", MetisState, link_down_ms, 50),
	DEFINE_PROP_UINT32("area-delay-ms", MetisState, area_delay_ms, 100),
	DEFINE_PROP_BOOL("microsemi", MetisState, microsemi, false),
	DEFINE_PROP_BOOL("trap-bar2", MetisState, trap_bar2, false),
	DEFINE_PROP_BOOL("tell-reset", MetisState, tell_reset, false),
	DEFINE_PROP_BOOL("verbose", MetisState, verbose, false),
	METIS_PROPERTY_END
};

static const VMStateDescription metis_vmstate = {
	.name = TYPE_METIS,
	.unmigratable = 1,
};

static void metis_class_init(ObjectClass *klass, METIS_CLASS_DATA *data)
{
	DeviceClass *dc = DEVICE_CLASS(klass);
	PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);

#if !QEMU_AT_LEAST(8, 0)
	/* a preloaded library must agree with its QEMU about every structure it touches */
	if (object_type_get_instance_size(TYPE_PCI_DEVICE) != sizeof(PCIDevice) ||
	    object_type_get_instance_size(TYPE_DEVICE) != sizeof(DeviceState)) {
		fprintf(stderr, "metis: built for another QEMU than this one: rebuild it\n");
		exit(1);
	}
#endif
	pc->realize = metis_realize;
	pc->exit = metis_exit;
	pc->config_read = config_read;
	pc->config_write = config_write;
	pc->vendor_id = VENDOR_METIS;
	pc->device_id = DEVICE_OMEGA;
	pc->revision = 2;
	pc->class_id = 0x1200;
	dc->desc = "Metis AI accelerator";
	dc->vmsd = &metis_vmstate;
	device_class_set_props(dc, metis_properties);
	set_bit(DEVICE_CATEGORY_MISC, dc->categories);
	metis_set_reset(dc, metis_reset);
}

static const TypeInfo metis_type = {
	.name = TYPE_METIS,
	.parent = TYPE_PCI_DEVICE,
	.instance_size = sizeof(MetisState),
	.class_init = metis_class_init,
	.interfaces = (METIS_IFACES[]) {
		{ INTERFACE_PCIE_DEVICE },
		{ },
	},
};

static void metis_register(void)
{
	type_register_static(&metis_type);
}
type_init(metis_register)
