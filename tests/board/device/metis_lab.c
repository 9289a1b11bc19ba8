// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Emulated Metis: the lab, a PCI function of its own through which tests watch
 * and disturb the card. metis_lab.h describes every register.
 */
#include "metis.h"
#include "qemu/module.h"
#include "qapi/error.h"
#include "migration/vmstate.h"

OBJECT_DECLARE_SIMPLE_TYPE(MetisLabState, METIS_LAB)

struct MetisLabState {
	PCIDevice parent_obj;
	MemoryRegion bar;
	MetisState *metis;
	/* operands */
	uint64_t bus_addr, bus_data, dev_addr, dev_len;
	uint32_t bus_force, bus_result, dev_result;
	/* the high half of the last 64-bit register whose low half was read */
	unsigned int latched;
	uint32_t latch;
};

typedef enum { RO32, RO64, RW32, RW64, WO32, C32, C64 } LabKind;

typedef struct LabReg {
	const char *name;
	LabKind kind;
} LabReg;

static const LabReg regs[METIS_LAB_DEV_RESULT / 4 + 1] = {
#define REG(reg, offset, k, text)	[(offset) / 4] = { #reg, k },
	METIS_LAB_REGS(REG)
#undef REG
};

static bool wide(LabKind k)
{
	return k == RO64 || k == RW64 || k == C64;
}

/* The register that off belongs to, and whether off is its high half */
static const LabReg *find_reg(hwaddr off, bool *high)
{
	unsigned int i = off / 4;

	*high = false;
	if (off & 3 || i >= ARRAY_SIZE(regs))
		return NULL;
	if (regs[i].name)
		return &regs[i];
	if (i && regs[i - 1].name && wide(regs[i - 1].kind)) {
		*high = true;
		return &regs[i - 1];
	}
	return NULL;
}

static MetisState *the_metis(MetisLabState *l)
{
	if (!l->metis)
		l->metis = (MetisState *)object_resolve_path_type("", TYPE_METIS, NULL);
	return l->metis;
}

static uint32_t variant(MetisState *s)
{
	return (s->old_fw ? METIS_LAB_VARIANT_OLD_FW : 0) |
	       (s->dma_vm ? METIS_LAB_VARIANT_DMA_VM : 0) |
	       (s->msi_deliver ? 0 : METIS_LAB_VARIANT_NO_MSI) |
	       (s->alpha ? METIS_LAB_VARIANT_ALPHA : 0) |
	       (s->trap_bar2 ? METIS_LAB_VARIANT_TRAP_BAR2 : 0) | s->msi_vectors << 16;
}

/* ---- bus and device memory ---- */

static AddressSpace *bus_as(MetisLabState *l, MetisState *s)
{
	PCIDevice *pdev = PCI_DEVICE(s);

	if (!s->link_up)
		return NULL;
	if (l->bus_force)
		return pci_device_iommu_address_space(pdev);
	return metis_master(s) ? pci_get_address_space(pdev) : NULL;
}

static void bus_access(MetisLabState *l, MetisState *s, uint32_t len, bool write)
{
	MemTxAttrs attrs = { .requester_id = pci_requester_id(PCI_DEVICE(s)) };
	AddressSpace *as = bus_as(l, s);
	uint8_t buf[8];

	if (len != 1 && len != 2 && len != 4 && len != 8)
		return;
	l->bus_result = MEMTX_DECODE_ERROR;
	stq_le_p(buf, l->bus_data);
	if (as)
		l->bus_result = address_space_rw(as, l->bus_addr, attrs, buf, len, write);
	if (!write)
		l->bus_data = l->bus_result == MEMTX_OK ? ldn_le_p(buf, len) : ~0ull;
}

static uint8_t *dev_range(MetisLabState *l, MetisState *s, uint64_t len)
{
	uint8_t *p = metis_mem(s, l->dev_addr, len);

	l->dev_result = !p;
	return p;
}

static uint32_t dev_peek(MetisLabState *l, MetisState *s)
{
	uint8_t *p = dev_range(l, s, 4);
	uint32_t val = p ? get32(p) : ~0u;

	l->dev_addr += 4;
	return val;
}

static void dev_poke(MetisLabState *l, MetisState *s, uint32_t val)
{
	uint8_t *p = dev_range(l, s, 4);

	if (p) {
		stl_le_p(p, val);
		metis_mem_written(s, l->dev_addr, 4);
	}
	l->dev_addr += 4;
}

static void dev_fill(MetisLabState *l, MetisState *s, uint32_t val)
{
	uint8_t *p = dev_range(l, s, l->dev_len);
	uint8_t word[4];

	if (!p)
		return;
	stl_le_p(word, val);
	for (uint64_t i = 0; i < l->dev_len; i++)
		p[i] = word[i & 3];
	metis_mem_written(s, l->dev_addr, l->dev_len);
}

static uint64_t dev_sum(MetisLabState *l, MetisState *s)
{
	uint8_t *p = dev_range(l, s, l->dev_len);
	uint64_t sum = 0;

	for (uint64_t i = 0; p && i < l->dev_len; i++)
		sum += p[i];
	return sum;
}

static uint32_t dev_crc(MetisLabState *l, MetisState *s)
{
	uint8_t *p = dev_range(l, s, l->dev_len);

	return p ? metis_crc32(p, l->dev_len) : 0;
}

/* ---- registers ---- */

/* RW32 registers that are plain variables of the card */
static uint32_t *knob(MetisLabState *l, MetisState *s, hwaddr off)
{
	switch (off) {
	case METIS_LAB_HANG_SOFT:
		return &s->dma.hang_soft;
	case METIS_LAB_HANG_HARD:
		return &s->dma.hang_hard;
	case METIS_LAB_ABORT_NEXT:
		return &s->dma.abort_next;
	case METIS_LAB_ABORT_CAUSE:
		return &s->dma.abort_cause;
	case METIS_LAB_FREEZE:
		return &s->dma.freeze;
	case METIS_LAB_STEP_BYTES:
		return &s->step_bytes;
	case METIS_LAB_STEP_NS:
		return &s->step_ns;
	case METIS_LAB_CS_DELAY_NS:
		return &s->cs_delay_ns;
	case METIS_LAB_LATE_CS_NS:
		return &s->dma.late_cs_ns;
	case METIS_LAB_IGNORE_STOP:
		return &s->dma.ignore_stop;
	case METIS_LAB_READ_FAIL_AT:
		return &s->read_fail_at;
	case METIS_LAB_READ_FAILS:
		return &s->read_fails;
	case METIS_LAB_LOSE_MSGS:
		return &s->lose_msgs;
	case METIS_LAB_LOSE_KINDS:
		return &s->lose_kinds;
	case METIS_LAB_MSG_DELAY_MS:
		return &s->msg_delay_ms;
	case METIS_LAB_DROP_READ:
		return &s->drop_read;
	case METIS_LAB_DROP_SKIP:
		return &s->drop_skip;
	case METIS_LAB_START_FAULT:
		return &s->fw.start_fault;
	case METIS_LAB_LINK_DOWN_MS:
		return &s->link_down_ms;
	case METIS_LAB_AREA_DELAY_MS:
		return &s->area_delay_ms;
	case METIS_LAB_MBOX_MUTE:
		return &s->fw.mbox_mute;
	case METIS_LAB_MBOX_DELAY_US:
		return &s->fw.mbox_delay_us;
	case METIS_LAB_JOB_US:
		return &s->fw.job_us;
	case METIS_LAB_JOB_HANG:
		return &s->fw.job_hang;
	case METIS_LAB_HOSTILE:
		return &s->fw.hostile;
	case METIS_LAB_HOSTILE_SEED:
		return &s->fw.hostile_seed;
	case METIS_LAB_NOT_READY:
		return &s->not_ready;
	case METIS_LAB_LINK_KEEP:
		return &s->link_keep;
	case METIS_LAB_BUS_FORCE:
		return &l->bus_force;
	}
	return NULL;
}

static uint64_t reg_value(MetisLabState *l, MetisState *s, hwaddr off)
{
	uint64_t base, size;
	uint32_t *k;

	metis_fw_desc(s, &base, &size);
	switch (off) {
	case METIS_LAB_MAGIC:
		return METIS_LAB_MAGIC_VALUE;
	case METIS_LAB_VERSION:
		return METIS_LAB_VERSION_VALUE;
	case METIS_LAB_BDF:
		return pci_requester_id(PCI_DEVICE(s));
	case METIS_LAB_FW_STATE:
		return s->dead ? METIS_EMU_OFF : s->fw.state;
	case METIS_LAB_LINK:
		return s->dead ? 2 : s->link_up;
	case METIS_LAB_VARIANT:
		return variant(s);
	case METIS_LAB_RUNNING:
		return metis_edma_running(s);
	case METIS_LAB_GENERATION:
		return s->fw.generation;
	case METIS_LAB_L2_BASE:
		return METIS_L2_BASE;
	case METIS_LAB_L2_SIZE:
		return METIS_L2_SIZE;
	case METIS_LAB_DDR_BASE:
		return METIS_EMU_DDR_BASE;
	case METIS_LAB_DDR_SIZE:
		return s->ddr_size;
	case METIS_LAB_VCLOCK:
		return metis_now();
	case METIS_LAB_TARGET:
		return s->fw.target_on ? s->fw.target : 0;
	case METIS_LAB_DESC_BASE:
		return base;
	case METIS_LAB_DESC_SIZE:
		return size;
	case METIS_LAB_POLICE_TOTAL:
		return s->police_total;
	case METIS_LAB_POLICE_LAST_KIND:
		return s->police_kind;
	case METIS_LAB_POLICE_LAST_OFFSET:
		return s->police_offset;
	case METIS_LAB_POLICE_LAST_VALUE:
		return s->police_value;
	case METIS_LAB_EARLY_REPLY:
		return s->early_reply;
	case METIS_LAB_BUS_ADDR:
		return l->bus_addr;
	case METIS_LAB_BUS_DATA:
		return l->bus_data;
	case METIS_LAB_BUS_RESULT:
		return l->bus_result;
	case METIS_LAB_DEV_ADDR:
		return l->dev_addr;
	case METIS_LAB_DEV_LEN:
		return l->dev_len;
	case METIS_LAB_DEV_DATA:
		return dev_peek(l, s);
	case METIS_LAB_DEV_CRC:
		return dev_crc(l, s);
	case METIS_LAB_DEV_SUM:
		return dev_sum(l, s);
	case METIS_LAB_DEV_RESULT:
		return l->dev_result;
	}
	k = knob(l, s, off);
	return k ? *k : 0;
}

static uint64_t lab_read(void *opaque, hwaddr off, unsigned int size)
{
	MetisLabState *l = opaque;
	MetisState *s = the_metis(l);
	const LabReg *r;
	uint64_t val;
	bool high;

	if (!s)
		return ~0ull;
	if (off >= METIS_LAB_POLICE_KIND &&
	    off < METIS_LAB_POLICE_KIND + 4 * METIS_POLICE_COUNT)
		return s->police[(off - METIS_LAB_POLICE_KIND) / 4];
	r = find_reg(off, &high);
	if (!r)
		return 0;
	if (high && l->latched == off)
		return l->latch;
	off -= high ? 4 : 0;
	if (r->kind == C32 || r->kind == C64)
		val = s->count[(off - METIS_LAB_BAR0_READS) / 4];
	else
		val = reg_value(l, s, off);
	if (high)
		return val >> 32;
	if (wide(r->kind)) {
		l->latched = off + 4;
		l->latch = val >> 32;
	}
	return (uint32_t)val;
}

static void undo(MetisLabState *l, MetisState *s)
{
	MetisEngine *e = &s->dma;

	e->hang_soft = e->hang_hard = e->abort_next = e->abort_cause = e->freeze = 0;
	e->late_cs_ns = e->ignore_stop = 0;
	s->read_fail_at = s->read_fails = 0;
	s->lose_msgs = s->msg_delay_ms = 0;
	s->drop_read = s->drop_skip = 0;
	s->drop_near = false;
	s->lose_kinds = METIS_LAB_LOSE_IMWR | METIS_LAB_LOSE_PMSI;
	s->fw.start_fault = s->fw.mbox_mute = s->fw.job_hang = 0;
	l->bus_force = s->link_keep = 0;
	metis_set_not_ready(s, false);
	if (s->fw.hostile) {
		s->fw.hostile = METIS_HOSTILE_OFF;
		metis_hostile_apply(s);
	}
	metis_edma_kick(s);
}

static void fw_restart(MetisState *s, uint32_t how)
{
	if (how == METIS_LAB_RESTART_RUNTIME)
		metis_link_down(s, s->link_down_ms, NEXT_RUNTIME);
	else if (how == METIS_LAB_RESTART_BOOTLOADER)
		metis_link_down(s, s->link_down_ms, NEXT_BOOTLOADER);
	else if (how == METIS_LAB_RESTART_WARM)
		metis_fw_warm_restart(s, false);
	else if (how == METIS_LAB_RESTART_MOVED)
		metis_fw_warm_restart(s, true);
	else if (how == METIS_LAB_RESTART_KEPT)
		metis_link_down(s, s->link_down_ms, NEXT_KEPT);
	else if (how == METIS_LAB_RESTART_POWER)
		metis_power_cycle(s);
	else if (how == METIS_LAB_RESTART_SILENT)
		metis_fw_silent_restart(s);
}

static void log_burst(MetisState *s, uint32_t lines)
{
	char text[64];

	for (uint32_t i = 0; i < MIN(lines, 10000u); i++) {
		int n = snprintf(text, sizeof(text), "log line %u\n", s->fw.log_line++);

		metis_fw_log(s, text, n);
	}
}

static void command(MetisLabState *l, MetisState *s, hwaddr off, uint32_t val)
{
	switch (off) {
	case METIS_LAB_RESET_COUNTERS:
		memset(s->count, 0, sizeof(s->count));
		break;
	case METIS_LAB_POLICE_RESET:
		memset(s->police, 0, sizeof(s->police));
		s->police_total = s->police_kind = 0;
		s->police_offset = s->police_value = 0;
		break;
	case METIS_LAB_UNDO:
		undo(l, s);
		break;
	case METIS_LAB_RAISE:
		if (val < METIS_VMSI_SLOTS)
			metis_fw_raise(s, val);
		break;
	case METIS_LAB_RAISE_VMSI:
		metis_fw_vmsi(s, val);
		break;
	case METIS_LAB_RAISE_PMSI:
		if (val < METIS_MAX_VECTORS)
			metis_send_pmsi(s, val);
		break;
	case METIS_LAB_FW_RESTART:
		fw_restart(s, val);
		break;
	case METIS_LAB_LINK_DOWN:
		metis_link_down(s, val, NEXT_SAME);
		break;
	case METIS_LAB_DIE:
		metis_die(s, val);
		break;
	case METIS_LAB_LOG_BURST:
		log_burst(s, val);
		break;
	case METIS_LAB_BUS_WRITE:
		bus_access(l, s, val, true);
		break;
	case METIS_LAB_BUS_READ:
		bus_access(l, s, val, false);
		break;
	case METIS_LAB_DEV_DATA:
		dev_poke(l, s, val);
		break;
	case METIS_LAB_DEV_FILL:
		dev_fill(l, s, val);
		break;
	case METIS_LAB_EARLY_REPLY:
		s->early_reply = val;
		break;
	}
}

static void set_knob(MetisState *s, hwaddr off, uint32_t *k, uint32_t val)
{
	switch (off) {
	case METIS_LAB_STEP_BYTES:
		val = MIN(MAX(val, 64u), 16u * MiB);
		break;
	case METIS_LAB_ABORT_CAUSE:
		val = val > METIS_LAB_CAUSE_FETCH ? METIS_LAB_CAUSE_DEFAULT : val;
		break;
	case METIS_LAB_HOSTILE:
		val = val < METIS_HOSTILE_COUNT ? val : METIS_HOSTILE_OFF;
		break;
	}
	*k = val;
	if (off == METIS_LAB_NOT_READY)
		metis_set_not_ready(s, val);
	else if (off == METIS_LAB_HOSTILE)
		metis_hostile_apply(s);
	else
		metis_edma_kick(s);
}

static uint64_t *operand(MetisLabState *l, hwaddr off)
{
	switch (off) {
	case METIS_LAB_BUS_ADDR:
		return &l->bus_addr;
	case METIS_LAB_BUS_DATA:
		return &l->bus_data;
	case METIS_LAB_DEV_ADDR:
		return &l->dev_addr;
	case METIS_LAB_DEV_LEN:
		return &l->dev_len;
	}
	return NULL;
}

static void lab_write(void *opaque, hwaddr off, uint64_t val, unsigned int size)
{
	MetisLabState *l = opaque;
	MetisState *s = the_metis(l);
	const LabReg *r;
	uint64_t *wide_reg;
	uint32_t *k;
	bool high;

	r = find_reg(off, &high);
	if (!s || !r)
		return;
	off -= high ? 4 : 0;
	wide_reg = operand(l, off);
	if (wide_reg) {
		*wide_reg = deposit64(*wide_reg, high ? 32 : 0, 32, val);
		return;
	}
	k = high ? NULL : knob(l, s, off);
	if (k)
		set_knob(s, off, k, val);
	else if (!high)
		command(l, s, off, val);
}

static const MemoryRegionOps lab_ops = {
	.read = lab_read,
	.write = lab_write,
	.endianness = DEVICE_LITTLE_ENDIAN,
	/* a wider access of a guest's memcpy() is split by QEMU */
	.valid = { .min_access_size = 4, .max_access_size = 8 },
	.impl = { .min_access_size = 4, .max_access_size = 4 },
};

static void lab_config_write(PCIDevice *pdev, uint32_t addr, uint32_t val, int len)
{
	metis_config_write(pdev, addr, val, len, pci_default_write_config);
}

static void lab_realize(PCIDevice *pdev, Error **errp)
{
	MetisLabState *l = METIS_LAB(pdev);

	memory_region_init_io(&l->bar, OBJECT(l), &lab_ops, l, "metis-lab", METIS_LAB_BAR0_SIZE);
	pci_register_bar(pdev, 0, PCI_BASE_ADDRESS_SPACE_MEMORY, &l->bar);
}

static METIS_PROPERTY lab_properties[] = {
	DEFINE_PROP_LINK("metis", MetisLabState, metis, TYPE_METIS, MetisState *),
	METIS_PROPERTY_END
};

static const VMStateDescription lab_vmstate = {
	.name = TYPE_METIS_LAB,
	.unmigratable = 1,
};

static void lab_class_init(ObjectClass *klass, METIS_CLASS_DATA *data)
{
	DeviceClass *dc = DEVICE_CLASS(klass);
	PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);

	pc->realize = lab_realize;
	pc->config_write = lab_config_write;
	pc->vendor_id = METIS_LAB_VENDOR_ID;
	pc->device_id = METIS_LAB_DEVICE_ID;
	pc->revision = METIS_LAB_VERSION_VALUE;
	pc->class_id = PCI_CLASS_OTHERS;
	dc->desc = "Test access to a metis device";
	dc->vmsd = &lab_vmstate;
	device_class_set_props(dc, lab_properties);
	set_bit(DEVICE_CATEGORY_MISC, dc->categories);
}

static const TypeInfo lab_type = {
	.name = TYPE_METIS_LAB,
	.parent = TYPE_PCI_DEVICE,
	.instance_size = sizeof(MetisLabState),
	.class_init = lab_class_init,
	.interfaces = (METIS_IFACES[]) {
		{ INTERFACE_CONVENTIONAL_PCI_DEVICE },
		{ },
	},
};

static void lab_register(void)
{
	type_register_static(&lab_type);
}
type_init(lab_register)
