// SPDX-License-Identifier: GPL-2.0
/*
 * The bus and the link of the model: accesses of the card, hostile values, a link that
 * drops in each way, reads that fail, restarts that the link shows or not, death.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftest.h"

void t_bus(void)
{
	uint32_t v;

	lab_set64(METIS_LAB_BUS_ADDR, BUF_IOVA + 8);
	lab_set64(METIS_LAB_BUS_DATA, 0x1122334455667788ull);
	memset(buf, 0, 64);
	lab_set(METIS_LAB_BUS_WRITE, 4);
	EQ(lab(METIS_LAB_BUS_RESULT), 0);
	memcpy(&v, buf + 8, 4);
	EQ(v, 0x55667788);
	EQ(buf[12], 0);
	lab_set(METIS_LAB_BUS_WRITE, 8);
	EQ(buf[15], 0x11);
	lab_set(METIS_LAB_BUS_READ, 2);
	EQ(lab64(METIS_LAB_BUS_DATA), 0x7788);
	lab_set64(METIS_LAB_BUS_ADDR, NO_IOVA);
	lab_set(METIS_LAB_BUS_READ, 4);
	YES(lab(METIS_LAB_BUS_RESULT));
	EQ(lab64(METIS_LAB_BUS_DATA), ~0ull);
	/* device memory */
	lab_set64(METIS_LAB_DEV_ADDR, ddr);
	lab_set64(METIS_LAB_DEV_LEN, 10);
	lab_set(METIS_LAB_DEV_FILL, 0x01010101);
	EQ(lab64(METIS_LAB_DEV_SUM), 10);
	EQ(lab(METIS_LAB_DEV_RESULT), 0);
	lab_set64(METIS_LAB_DEV_LEN, ~0ull);
	EQ(lab64(METIS_LAB_DEV_SUM), 0);
	EQ(lab(METIS_LAB_DEV_RESULT), 1);
}

void t_hostile(void)
{
	uint64_t good[24];

	for (unsigned int i = 0; i < 24; i++)
		good[i] = sh64(0x240 + 8 * i);
	for (unsigned int h = 1; h < METIS_HOSTILE_COUNT; h++) {
		lab_set(METIS_LAB_HOSTILE_SEED, h);
		lab_set(METIS_LAB_HOSTILE, h);
		EQ(lab(METIS_LAB_HOSTILE), h);
		if (h == METIS_HOSTILE_REF_OFFSET)
			EQ(sh64(0x2b8 + 8), 32 << 20);
		if (h == METIS_HOSTILE_SHARED_ONES)
			EQ(sh32(0), ~0u);
		if (h == METIS_HOSTILE_FLIPPING)
			YES(sh64(0x2b8) != sh64(0x2b8));
		/* firmware keeps its head */
		lab_set(METIS_LAB_LOG_BURST, 2);
		lab_set(METIS_LAB_HOSTILE, 0);
		EQ(mbox(METIS_EMU_OP_PING, "ping", 4), 0);
		for (unsigned int i = 0; i < 24; i++)
			EQ(sh64(0x240 + 8 * i), good[i]);
	}
	EQ(lab(METIS_LAB_HOSTILE), 0);
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
	drain();
}

void t_link_down(void)
{
	publish_table();
	lab_set(METIS_LAB_FREEZE, 1);
	start(RD, 0, ddr, BUF_IOVA, 64);
	lab_set(METIS_LAB_LINK_DOWN, 50);
	EQ(reg(ENGINE_EN(RD)), ~0u);
	set(ENGINE_EN(RD), 1);
	EQ(lab(METIS_LAB_DOWN_READS), 1);
	EQ(lab(METIS_LAB_DOWN_WRITES), 1);
	EQ(lab(METIS_LAB_RUNNING), 0);
	lab_set(METIS_LAB_FREEZE, 0);
	YES(wait_link(1));
	EQ(lab(METIS_LAB_FW_STATE), METIS_EMU_RUNNING);
	EQ(lab64(METIS_LAB_TARGET), 0);
	bring_up(true);
	start(RD, 0, ddr, BUF_IOVA, 64);
	EQ(wait_cs(RD, 0), 3);
	ONE_EVENT(4);
	EQ(mbox(METIS_EMU_OP_PING, "x", 1), 0);
	ONE_EVENT(12);
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
}

/* Some reads fail while everything else lives; or one takes the link down */
void t_read_fails(void)
{
	set(CH(RD, 0, SIZE), 4711);
	lab_set(METIS_LAB_READ_FAILS, 2);
	lab_set(METIS_LAB_READ_FAIL_AT, 3);
	EQ(reg(CH(RD, 0, SIZE)), 4711);
	EQ(sh64(0x208), L2);
	EQ(lab(METIS_LAB_READ_FAIL_AT), 1);
	EQ(sh64(0x208), ~0ull);
	set(CH(RD, 0, SIZE), 4712);
	EQ(reg(CH(RD, 0, SIZE)), ~0u);
	EQ(lab(METIS_LAB_READ_FAIL_AT), 0);
	EQ(lab(METIS_LAB_READ_FAILS), 0);
	EQ(reg(CH(RD, 0, SIZE)), 4712);
	EQ(lab(METIS_LAB_DOWN_READS), 2);
	EQ(lab(METIS_LAB_LINK), 1);

	lab_set(METIS_LAB_LINK_DOWN_MS, 200);
	lab_set(METIS_LAB_READ_FAIL_AT, 2);
	EQ(reg(CH(RD, 0, SIZE)), 4712);
	EQ(reg(CH(RD, 0, SIZE)), ~0u);
	EQ(lab(METIS_LAB_LINK), 0);
	EQ(lab(METIS_LAB_LINK_BOUNCES), 1);
	EQ(raw_config(card, 0, 4), ~0u);
	YES(wait_link(1));
	bring_up(true);
	EQ(reg(CH(RD, 0, SIZE)), 0);
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
}

/* LINK_KEEP: configuration space, engine and outbound window survive the bounce */
void t_link_keep(void)
{
	publish_table();
	lab_set(METIS_LAB_LINK_KEEP, 1);
	lab_set(METIS_LAB_FREEZE, 1);
	start(RD, 0, ddr, BUF_IOVA, 64);
	lab_set(METIS_LAB_LINK_DOWN, 50);
	EQ(reg(ENGINE_EN(RD)), ~0u);
	YES(wait_link(1));
	EQ(raw_config(card, PCI_COMMAND, 2) & (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER),
	   PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	EQ(reg(ENGINE_EN(RD)), 1);
	EQ(lab(METIS_LAB_RUNNING), METIS_LAB_RD_CH(0));
	EQ(lab64(METIS_LAB_TARGET), TABLE_IOVA);
	lab_set(METIS_LAB_FREEZE, 0);
	EQ(wait_cs(RD, 0), 3);
	ONE_EVENT(4);
	lab_set(METIS_LAB_LINK_KEEP, 0);
	EQ(lab(METIS_LAB_RESETS), 0);
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
}

/* NOT_READY: the kernel waits for the function until the lab lets it come back */
void t_not_ready(void)
{
	pid_t child;
	int status;

	lab_set(METIS_LAB_NOT_READY, 1);
	child = fork();
	if (child < 0)
		bail("fork: %s", strerror(errno));
	if (!child)
		_exit(!!ioctl(device, VFIO_DEVICE_RESET));
	usleep(500000);
	EQ(lab(METIS_LAB_FLRS), 1);
	EQ(waitpid(child, &status, WNOHANG), 0);
	lab_set(METIS_LAB_NOT_READY, 0);
	EQ(waitpid(child, &status, 0), child);
	EQ(status, 0);
	EQ(lab(METIS_LAB_FLRS), 1);
	bring_up(false);
	EQ(mbox(METIS_EMU_OP_PING, "x", 1), 0);
}

/* RESTART_MOVED and RESTART_KEPT: where the areas lie, and what L2 keeps */
void t_restarts(void)
{
	unsigned int before;

	publish_table();
	before = hostdrv;
	lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_MOVED);
	EQ(lab64(METIS_LAB_TARGET), 0);
	YES(area(0x2b8, 0xbac1) != before);
	EQ(sh32(before), 0);
	publish_table();
	before = hostdrv;
	lab_set(METIS_LAB_AREA_DELAY_MS, 1000);
	lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_KEPT);
	YES(wait_link(0));
	YES(wait_link(1));
	bring_up(false);
	EQ(lab(METIS_LAB_FW_STATE), METIS_EMU_STARTING);
	EQ(area(0x2b8, 0xbac1), before);
	EQ(sh32(before), 1);
	EQ(lab64(METIS_LAB_TARGET), 0);
	set_command(PCI_COMMAND_MEMORY);
	YES(wait_state(METIS_EMU_RUNNING));
	YES(area(0x2b8, 0xbac1) != before);
	bring_up(true);
	EQ(mbox(METIS_EMU_OP_PING, "x", 1), 0);
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
	lab_set(METIS_LAB_AREA_DELAY_MS, 100);
}

/* The link goes down at a read of the host's, or a number of reads later */
void t_drop_read(void)
{
	uint32_t skip;

	for (skip = 0; skip < 3; skip++) {
		lab_set(METIS_LAB_DROP_SKIP, skip);
		lab_set(METIS_LAB_DROP_READ, 0x3102);
		/* neither neighbours nor writes */
		sh32(0x30fc);
		sh32(0x3104);
		*(volatile uint32_t *)(bar2 + 0x3100) = 0x5a5a5a5a;
		EQ(lab(METIS_LAB_LINK), 1);
		if (skip) {
			EQ(sh32(0x3100), 0x5a5a5a5a);
			EQ(lab(METIS_LAB_DROP_SKIP), skip - 1);
		}
		if (skip > 1)
			sh32(0x30fc);
		EQ(lab(METIS_LAB_LINK), 1);
		EQ(sh32(skip ? 0x3104 : 0x3100), ~0u);
		EQ(lab(METIS_LAB_LINK), 0);
		EQ(lab(METIS_LAB_DROP_READ), 0);
		YES(wait_link(1));
		bring_up(true);
		EQ(sh32(0x3100), 0x5a5a5a5a);
	}
	/* off again before it happens */
	lab_set(METIS_LAB_DROP_READ, 0x3100);
	lab_set(METIS_LAB_UNDO, 1);
	EQ(lab(METIS_LAB_DROP_READ), 0);
	EQ(sh32(0x3100), 0x5a5a5a5a);
	EQ(lab(METIS_LAB_LINK), 1);
	/* where the last piece went */
	start(RD, 0, ddr, BUF_IOVA + 0x100, 64);
	EQ(wait_cs(RD, 0), 3);
	ONE_EVENT(4);
	EQ(lab64(METIS_LAB_LAST_DMA_ADDR), BUF_IOVA + 0x100);
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
}

/*
 * Another processor drops mappings, for which QEMU stops all the others at
 * times; the model stops them while a BAR comes or goes. Neither may wait for
 * the other for ever.
 */
void t_decode(void)
{
	unsigned int i, bad = 0;
	pid_t child = fork();

	if (child < 0)
		bail("fork: %s", strerror(errno));
	while (!child) {
		char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

		if (p != MAP_FAILED)
			munmap(p, 65536);
	}
	for (i = 0; i < 500; i++) {
		set_command(0);
		bad += raw_config(card, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY;
		set_command(PCI_COMMAND_MEMORY);
		bad += reg(ENGINE_EN(RD)) == ~0u;
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	EQ(bad, 0);
}

void t_back_to_bootloader(void)
{
	/* long enough to be seen by a guest that is not always running */
	lab_set(METIS_LAB_LINK_DOWN_MS, 500);
	mbox_send(METIS_EMU_OP_RESET, "", 0);
	YES(wait_link(0));
	YES(wait_state(METIS_EMU_BOOTLOADER));
	bring_up(false);
	EQ(area(0x2b8, 0xbac1), 0);
	EQ(mbox(METIS_EMU_OP_PING, "x", 1), 0);
	/* and a start that comes to nothing */
	put_image(ddr + 0x200000, 16, true);
	lab_set(METIS_LAB_START_FAULT, METIS_LAB_START_BOOTLOADER);
	mbox_send(METIS_EMU_OP_START, "", 0);
	YES(wait_link(0));
	YES(wait_state(METIS_EMU_BOOTLOADER));
	bring_up(false);
	EQ(mbox(METIS_EMU_OP_PING, "x", 1), 0);
}

void t_death(void)
{
	lab_set(METIS_LAB_DIE, METIS_LAB_DIE_FIRMWARE);
	EQ(mbox(METIS_EMU_OP_PING, "x", 1), 1);
	start(RD, 0, ddr, BUF_IOVA, 64);
	EQ(wait_cs(RD, 0), 3);
	lab_set(METIS_LAB_DIE, METIS_LAB_DIE_WEDGED);
	EQ(lab(METIS_LAB_LINK), 2);
	EQ(raw_config(card, 0, 4), ~0u);
	EQ(reg(CH(RD, 0, CONTROL1)), ~0u);
	EQ(sh32(0), ~0u);
	lab_set(METIS_LAB_LINK_DOWN, 1);
	usleep(10000);
	EQ(lab(METIS_LAB_LINK), 2);
	lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_POWER);
	YES(wait_link(1));
	YES(lab(METIS_LAB_FW_STATE) == METIS_EMU_BOOTLOADER ||
	    lab(METIS_LAB_FW_STATE) == METIS_EMU_RUNNING);
	set_command(0);
	set_command(PCI_COMMAND_MEMORY);
	EQ(mbox(METIS_EMU_OP_PING, "x", 1), 0);
}
