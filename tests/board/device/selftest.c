// SPDX-License-Identifier: GPL-2.0
/*
 * Self-test of the emulated board, without the axl driver: registers, rings
 * and firmware conventions are driven by hand, through vfio-pci, behind a
 * translating SMMU. It proves the model against the device contract, so that
 * a failing driver test can be blamed on the driver.
 *
 * Allows for the device properties fw, dma-vm, msi-vectors, boot and step-*.
 * Needs the vfio modules (taken from /lib/modules/NAME.ko or /job/NAME.ko when
 * they are not in the kernel) and a translating SMMU. It provokes SMMU
 * events and police violations. TAP on stdout. Arguments: rounds and seed of the
 * random test.
 *
 * The tests are in selftest_engine.c, selftest_firmware.c and selftest_link.c, the way
 * to the board in selftest_board.c.
 */
#include <linux/pci_regs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftest.h"

static void t_identity(void)
{
	unsigned int pm = find_cap(card, PCI_CAP_ID_PM), exp = find_cap(card, PCI_CAP_ID_EXP);
	unsigned int flags = raw_config(card, 0x52, 2);

	EQ(raw_config(card, PCI_VENDOR_ID, 4), card_id);
	EQ(raw_config(card, PCI_CLASS_REVISION, 4), 0x12000002);
	EQ(raw_config(card, 0x50, 1), PCI_CAP_ID_MSI);
	EQ(1u << ((flags & PCI_MSI_FLAGS_QMASK) >> 1), vectors);
	YES(flags & PCI_MSI_FLAGS_64BIT);
	YES(flags & PCI_MSI_FLAGS_MASKBIT);
	YES(pm);
	YES(exp);
	EQ(raw_config(card, exp + PCI_EXP_LNKCAP, 4) & 0x3ff, 0x43);
	EQ(raw_config(card, exp + PCI_EXP_LNKSTA, 2) & 0x3ff, 0x43);
	YES(raw_config(card, exp + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR);
	EQ(raw_config(card, 0x100, 2), PCI_EXT_CAP_ID_ERR);
	EQ(raw_config(card, PCI_BASE_ADDRESS_0, 4) & 0xf, 4);
	EQ(raw_config(card, PCI_BASE_ADDRESS_2, 4) & 0xf, 0);
	EQ(reg(0x008), 4 | 4 << 16);
}

static uint32_t rnd_state = 2463534242u;
static unsigned int rnd_rounds = 10;

static uint32_t rnd(void)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 17;
	rnd_state ^= rnd_state << 5;
	return rnd_state;
}

/* Values of every magnitude, addresses that mean something now and then */
static uint32_t rnd_value(void)
{
	static const uint32_t known[] = {
		(uint32_t)BUF_IOVA, BUF_IOVA >> 32, (uint32_t)OLD_LIST, (uint32_t)DATA_L2,
		METIS_EMU_DDR_BASE >> 32, RIE, LLE | CCS, METIS_EMU_OP_START, METIS_EMU_JOB_MAGIC, ~0u,
	};

	return rnd() & 1 ? known[rnd() % (sizeof(known) / sizeof(known[0]))] :
	       rnd() >> (rnd() & 31);
}

static void random_write(void)
{
	static const uint8_t width[] = { 1, 2, 4, 4, 4, 8 };
	unsigned int how = rnd() % 10, w = width[rnd() % sizeof(width)];
	volatile uint8_t *at;
	uint64_t val = rnd_value() | (uint64_t)rnd_value() << 32;

	if (how < 4) {
		w = rnd() % 16 ? 4 : w;
		at = bar0 + (rnd() % 0xa00 & -w);
	} else if (how < 8) {
		at = bar2 + (rnd() % 0x3000 & -w);
	} else if (how < 9) {
		poke(OLD_LIST + (rnd() % 480 & ~3u), &val, 4);
		return;
	} else {
		lab_set(0x800 + (rnd() % 0xe8 & ~3u), val);
		return;
	}
	if (w == 8)
		*(volatile uint64_t *)at = val;
	else if (w == 4)
		*(volatile uint32_t *)at = val;
	else if (w == 2)
		*(volatile uint16_t *)at = val;
	else
		*at = val;
}

/* Whatever a guest writes, QEMU survives, and a power cycle makes a sane card of it */
static void t_random(void)
{
	static const struct { unsigned int reg; uint32_t val; } sane[] = {
		{ METIS_LAB_STEP_BYTES, 65536 }, { METIS_LAB_STEP_NS, 10000 },
		{ METIS_LAB_CS_DELAY_NS, 1000 }, { METIS_LAB_LINK_DOWN_MS, 50 },
		{ METIS_LAB_AREA_DELAY_MS, 100 }, { METIS_LAB_EARLY_REPLY, 0 },
		{ METIS_LAB_MBOX_DELAY_US, 20 }, { METIS_LAB_JOB_US, 2000 },
		{ METIS_LAB_UNDO, 1 }, { METIS_LAB_FW_RESTART, METIS_LAB_RESTART_POWER },
	};
	unsigned int round, i;

	for (round = 0; round < rnd_rounds; round++) {
		for (i = 0; i < sizeof(sane) / sizeof(sane[0]); i++)
			lab_set(sane[i].reg, sane[i].val);
		YES(wait_link(1));
		bring_up(false);
		for (i = 0; i < 1500; i++)
			random_write();
	}
	for (i = 0; i < sizeof(sane) / sizeof(sane[0]); i++)
		lab_set(sane[i].reg, sane[i].val);
	YES(wait_link(1));
	fresh_counters();
	bring_up(false);
	start(RD, 0, ddr, BUF_IOVA, 64);
	EQ(wait_cs(RD, 0), 3);
	EQ(mbox(METIS_EMU_OP_PING, "x", 1), 0);
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
}

static const struct { const char *name; void (*run)(void); } tests[] = {
	{ "identity and capabilities", t_identity },
	{ "bootloader at power-on", t_bootloader },
	{ "no bus mastering, no DMA", t_no_master },
	{ "single blocks both ways, L2 and DDR", t_single },
	{ "a running channel is seen running", t_running },
	{ "linked lists with a link element", t_list },
	{ "a list that never ends can be stopped", t_list_spin },
	{ "refused reads abort", t_refused_read },
	{ "refused posted writes are lost silently", t_refused_write },
	{ "completion message is a memory write", t_imwr },
	{ "stopping a channel quiesces its direction", t_stop },
	{ "hung channels and function reset", t_hang },
	{ "abort causes, late CS", t_aborts },
	{ "police: engine", t_police_engine },
	{ "mailbox in the bootloader", t_mailbox },
	{ "start refused", t_start_refused },
	{ "start, link bounce, areas", t_start },
	{ "who programs IMWR", t_dma_vm },
	{ "early reply strays to bus address 0x30", t_early_reply },
	{ "virtual MSI", t_vmsi },
	{ "police: firmware", t_police_firmware },
	{ "context jobs", t_contexts },
	{ "log stream", t_log },
	{ "trace stream", t_trace },
	{ "lab: bus and device memory", t_bus },
	{ "hostile values come and go", t_hostile },
	{ "link down without a restart", t_link_down },
	{ "reads that fail", t_read_fails },
	{ "link down without a reset", t_link_keep },
	{ "a reset that does not come to its end", t_not_ready },
	{ "restarts: areas moved, L2 kept", t_restarts },
	{ "link down at a read", t_drop_read },
	{ "BARs come and go beside a busy processor", t_decode },
	{ "back to the bootloader", t_back_to_bootloader },
	{ "death and resurrection", t_death },
	{ "random writes", t_random },
};

#define TESTS (sizeof(tests) / sizeof(tests[0]))

int main(int argc, char **argv)
{
	if (argc > 1)
		rnd_rounds = strtoul(argv[1], NULL, 0);
	if (argc > 2)
		rnd_state = strtoul(argv[2], NULL, 0) | 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n1..%zu\n", TESTS);
	find_functions();
	vectors = METIS_LAB_VARIANT_VECTORS(lab(METIS_LAB_VARIANT));
	old_fw = lab(METIS_LAB_VARIANT) & METIS_LAB_VARIANT_OLD_FW;
	dma_vm = lab(METIS_LAB_VARIANT) & METIS_LAB_VARIANT_DMA_VM;
	if (lab(METIS_LAB_VARIANT) & METIS_LAB_VARIANT_ALPHA)
		card_id = 0x11aa1f9d;
	open_card();
	if (lab(METIS_LAB_FW_STATE) == METIS_EMU_RUNNING) {
		lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_BOOTLOADER);
		wait_state(METIS_EMU_BOOTLOADER);
	}
	bring_up(false);
	for (test_nr = 0; test_nr < TESTS; test_nr++) {
		fresh_counters();
		drain();
		failed = false;
		tests[test_nr].run();
		failures += failed;
		printf("%sok %u %s\n", failed ? "not " : "", test_nr + 1, tests[test_nr].name);
	}
	printf("# %zu passed, %u failed\n", TESTS - failures, failures);
	return failures != 0;
}
