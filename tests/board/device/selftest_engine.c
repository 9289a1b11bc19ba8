// SPDX-License-Identifier: GPL-2.0
/*
 * The DMA engine of the model: single blocks, lists, messages, stops, hangs, aborts, and
 * each rule that the police watches.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "selftest.h"

void t_no_master(void)
{
	set_command(PCI_COMMAND_MEMORY);
	setup_engine();
	start(RD, 0, DATA_L2, BUF_IOVA, 4096);
	EQ(wait_cs(RD, 0), 2);
	EQ(reg(0x0b8), 1);
	start(WR, 0, DATA_L2, BUF_IOVA, 4096);
	EQ(wait_cs(WR, 0), 3);
	EQ(lab64(METIS_LAB_BYTES_DROPPED), 4096);
	EQ(lab64(METIS_LAB_BYTES_RD), 0);
	YES(lab(METIS_LAB_NO_MASTER) >= 2);
	set(INT_CLEAR(RD), 0xff00ff);
	EQ(reg(0x0b8), 0);
	bring_up(false);
}

void t_single(void)
{
	static const uint32_t sizes[] = { 1, 3, 4, 4095, 4097, 65537, 1 << 20 };

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (unsigned int where = 0; where < 2; where++) {
			uint64_t dev = (where ? ddr : DATA_L2) + i;
			uint32_t n = sizes[i], ch = i & 3;
			uint8_t *back = buf + (2 << 20);

			pattern(buf + i, n, i + 1);
			memset(back, 0x55, n + 2);
			start(RD, ch, dev, BUF_IOVA + i, n);
			EQ(wait_cs(RD, ch), 3);
			ONE_EVENT(4 + ch);
			EQ(dev_crc(dev, n), crc32(buf + i, n));
			if (!where && n > 8)
				EQ(*(volatile uint8_t *)(bar2 + 0x100000 + i + 5), buf[i + 5]);
			start(WR, ch, dev, BUF_IOVA + (2 << 20) + 1, n);
			EQ(wait_cs(WR, ch), 3);
			ONE_EVENT(8 + ch);
			YES(!memcmp(back + 1, buf + i, n));
			EQ(back[0], 0x55);
			EQ(back[n + 1], 0x55);
		}
	}
	EQ(reg(INT_STATUS(RD)) & 0xff, 0xf);
	set(INT_CLEAR(RD), 0xff00ff);
	set(INT_CLEAR(WR), 0xff00ff);
	EQ(reg(INT_STATUS(RD)), 0);
	EQ(lab(METIS_LAB_IMWR_SENT), 28);
	EQ(lab64(METIS_LAB_BYTES_RD), lab64(METIS_LAB_BYTES_WR));
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
}

void t_running(void)
{
	unsigned int seen = 0;

	lab_set(METIS_LAB_STEP_BYTES, 4096);
	lab_set(METIS_LAB_STEP_NS, 2000000);
	lab_set(METIS_LAB_CS_DELAY_NS, 20000000);
	start(RD, 1, DATA_L2, BUF_IOVA, 64 << 10);
	for (uint64_t end = now_ms() + 2000; now_ms() < end && !(seen & 8);)
		seen |= 1u << cs(RD, 1);
	EQ(seen, 1 << 0 | 1 << 1 | 1 << 3);
	EQ(reg(CH(RD, 1, SIZE)), 0);
	lab_set(METIS_LAB_STEP_BYTES, 65536);
	lab_set(METIS_LAB_STEP_NS, 10000);
	lab_set(METIS_LAB_CS_DELAY_NS, 1000);
	ONE_EVENT(5);
}

/* Three blocks in two pieces joined by a link; the second lap runs with the cycle bit toggled */
static void list_of_three(int d, uint64_t list, uint64_t dev, bool toggle)
{
	uint64_t piece2 = list + 0x1000;
	uint32_t cb = toggle ? 0 : CB;
	struct element a[] = {
		{ CB, 5000, BUF_IOVA, dev },
		{ CB | LINK | (toggle ? TCB : 0), 0, piece2, 0 },
	}, b[] = {
		{ cb, 1, BUF_IOVA + 5000, dev + 5000 },
		{ cb | RIE, 70000, BUF_IOVA + 5001, dev + 5001 },
		{ cb ^ CB, 0, 0, 0 },
	};

	for (unsigned int i = 0; i < 3 && d == WR; i++) {
		struct element *e[] = { &a[0], &b[0], &b[1] };
		uint64_t t = e[i]->sar;

		e[i]->sar = e[i]->dar;
		e[i]->dar = t;
	}
	poke(list, a, sizeof(a));
	poke(piece2, b, sizeof(b));
}

void t_list(void)
{
	for (int toggle = 0; toggle < 2; toggle++) {
		pattern(buf, 75001, 77 + toggle);
		list_of_three(RD, OLD_LIST, ddr + 64, toggle);
		start_list(RD, 2, OLD_LIST);
		EQ(wait_cs(RD, 2), 3);
		ONE_EVENT(6);
		EQ(dev_crc(ddr + 64, 75001), crc32(buf, 75001));
		EQ(!!(reg(CH(RD, 2, CONTROL1)) & CCS), !toggle);

		memset(buf, 0, 75001);
		list_of_three(WR, OLD_LIST, ddr + 64, toggle);
		start_list(WR, 3, OLD_LIST);
		EQ(wait_cs(WR, 3), 3);
		ONE_EVENT(11);
		EQ(dev_crc(ddr + 64, 75001), crc32(buf, 75001));
	}
	/* data, link, data, data, end: five fetches a run */
	EQ(lab(METIS_LAB_ELEMENTS_RD), 10);
	EQ(lab(METIS_LAB_ELEMENTS_WR), 10);
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
	/* the engine reads lists anywhere; that place has no other use, though */
	list_of_three(RD, ddr + 0x100000, ddr + 64, false);
	start_list(RD, 2, ddr + 0x100000);
	EQ(wait_cs(RD, 2), 3);
	ONE_EVENT(6);
	EQ(police(METIS_POLICE_LIST_PLACE), 5);
	set(INT_CLEAR(RD), 0xff00ff);
	set(INT_CLEAR(WR), 0xff00ff);
}

void t_list_spin(void)
{
	struct element loop = { CB | LINK, 0, OLD_LIST, 0 };

	poke(OLD_LIST, &loop, sizeof(loop));
	start_list(RD, 0, OLD_LIST);
	usleep(20000);
	EQ(cs(RD, 0), 1);
	set(DOORBELL(RD), STOP);
	EQ(cs(RD, 0), 3);
}

void t_refused_read(void)
{
	struct element e[] = { { CB, 64, NO_IOVA, ddr }, { 0, 0, 0, 0 } };

	start(RD, 3, ddr, NO_IOVA, 8192);
	EQ(wait_cs(RD, 3), 2);
	EQ(reg(0x0b8), 1 << 3);
	EQ(reg(INT_STATUS(RD)), 1u << 19);
	ONE_EVENT(7);
	set(INT_CLEAR(RD), 1u << 19);
	EQ(reg(0x0b8), 0);
	/* the mapping ends half-way: the part before it arrives */
	start(RD, 3, ddr, BUF_IOVA + BUF_SIZE - 4096, 8192);
	EQ(wait_cs(RD, 3), 2);
	ONE_EVENT(7);
	EQ(lab64(METIS_LAB_BYTES_RD), 4096);
	/* within a list: by the list error enable */
	poke(OLD_LIST, e, sizeof(e));
	start_list(RD, 3, OLD_LIST);
	EQ(wait_cs(RD, 3), 2);
	ONE_EVENT(7);
	set(INT_CLEAR(RD), 0xff00ff);
	EQ(lab(METIS_LAB_ABORT_RD), 3);
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
}

void t_refused_write(void)
{
	start(WR, 0, ddr, NO_IOVA, 8192);
	EQ(wait_cs(WR, 0), 3);
	ONE_EVENT(8);
	EQ(reg(0x05c), 0);
	EQ(lab64(METIS_LAB_BYTES_DROPPED), 8192);
	start(WR, 0, ddr, BUF_IOVA + BUF_SIZE - 4096, 8192);
	EQ(wait_cs(WR, 0), 3);
	ONE_EVENT(8);
	EQ(lab64(METIS_LAB_BYTES_DROPPED), 12288);
	EQ(lab64(METIS_LAB_BYTES_WR), 4096);
}

void t_imwr(void)
{
	volatile uint32_t *word = (volatile uint32_t *)(buf + BUF_SIZE - 64);

	/* an ordinary write: aimed at memory it lands there */
	*word = 0xdeadbeef;
	set64(DONE_IMWR(WR), BUF_IOVA + BUF_SIZE - 64);
	set(IMWR_DATA(WR), 0xa5c3);
	start(WR, 0, ddr, BUF_IOVA, 64);
	EQ(wait_cs(WR, 0), 3);
	usleep(2000);
	EQ(*word, 0xa5c3);
	EQ(lab(METIS_LAB_IMWR_SENT), 1);
	/* aimed at nothing it is lost */
	set64(DONE_IMWR(WR), NO_IOVA);
	start(WR, 0, ddr, BUF_IOVA, 64);
	EQ(wait_cs(WR, 0), 3);
	set64(DONE_IMWR(WR), 0);
	start(WR, 0, ddr, BUF_IOVA, 64);
	EQ(wait_cs(WR, 0), 3);
	EQ(lab(METIS_LAB_IMWR_LOST), 2);
	EQ(events(8, 50), 0);
	setup_engine();
	/* and lost on request, and without RIE not sent */
	lab_set(METIS_LAB_LOSE_MSGS, 1);
	start(WR, 0, ddr, BUF_IOVA, 64);
	EQ(wait_cs(WR, 0), 3);
	EQ(events(8, 50), 0);
	EQ(lab(METIS_LAB_MSG_DROPPED), 1);
	set(CH(WR, 0, SIZE), 64);
	set(CH(WR, 0, CONTROL1), 0);
	set(DOORBELL(WR), 0);
	EQ(wait_cs(WR, 0), 3);
	EQ(events(8, 50), 0);
	EQ(lab(METIS_LAB_IMWR_SENT), 1);
}

void t_stop(void)
{
	lab_set(METIS_LAB_FREEZE, 1);
	start(WR, 0, ddr, BUF_IOVA, 4096);
	start(WR, 1, ddr, BUF_IOVA, 4096);
	start(RD, 0, ddr, BUF_IOVA, 4096);
	usleep(1000);
	EQ(lab(METIS_LAB_RUNNING), METIS_LAB_WR_CH(0) | METIS_LAB_WR_CH(1) | METIS_LAB_RD_CH(0));
	set(DOORBELL(WR), STOP | 2);	/* idle: nothing happens */
	EQ(cs(WR, 0), 1);
	set(DOORBELL(WR), STOP | 0);
	EQ(cs(WR, 0), 3);
	EQ(cs(WR, 1), 3);
	EQ(cs(RD, 0), 1);
	EQ(lab(METIS_LAB_QUIESCED), 1);
	set(ENGINE_EN(RD), 0);
	EQ(cs(RD, 0), 3);
	EQ(lab(METIS_LAB_STOPS), 2);
	set(ENGINE_EN(RD), 1);
	lab_set(METIS_LAB_FREEZE, 0);
	usleep(2000);
	EQ(lab64(METIS_LAB_BYTES_WR) + lab64(METIS_LAB_BYTES_RD), 0);
	EQ(events(8, 20) + events(9, 0) + events(4, 0), 0);
	/* innocent transfers can be run again */
	start(WR, 1, ddr, BUF_IOVA, 4096);
	EQ(wait_cs(WR, 1), 3);
	ONE_EVENT(9);
}

static void flr(void)
{
	if (ioctl(device, VFIO_DEVICE_RESET))
		bail("VFIO_DEVICE_RESET: %s", strerror(errno));
}

void t_hang(void)
{
	lab_set(METIS_LAB_HANG_SOFT, METIS_LAB_WR_CH(2));
	start(WR, 2, ddr, BUF_IOVA, 4096);
	usleep(5000);
	EQ(cs(WR, 2), 1);
	set(DOORBELL(WR), STOP | 2);
	EQ(cs(WR, 2), 3);
	EQ(lab(METIS_LAB_HANG_SOFT), 0);
	/* no stop doorbell ends it, its own nor a sibling's: the engine enable does */
	lab_set(METIS_LAB_FREEZE, 1);
	lab_set(METIS_LAB_IGNORE_STOP, METIS_LAB_WR_CH(2));
	start(WR, 2, ddr, BUF_IOVA, 4096);
	start(WR, 3, ddr, BUF_IOVA, 4096);
	usleep(1000);
	set(DOORBELL(WR), STOP | 2);
	EQ(cs(WR, 2), 1);
	EQ(cs(WR, 3), 1);
	set(DOORBELL(WR), STOP | 3);
	EQ(cs(WR, 2), 1);
	EQ(cs(WR, 3), 3);
	set(ENGINE_EN(WR), 0);
	EQ(cs(WR, 2), 3);
	set(ENGINE_EN(WR), 1);
	EQ(lab(METIS_LAB_IGNORE_STOP), METIS_LAB_WR_CH(2));
	lab_set(METIS_LAB_UNDO, 1);
	EQ(lab(METIS_LAB_IGNORE_STOP), 0);
	lab_set(METIS_LAB_HANG_HARD, METIS_LAB_RD_CH(1));
	start(RD, 1, ddr, BUF_IOVA, 4096);
	usleep(1000);
	set(DOORBELL(RD), STOP | 1);
	set(ENGINE_EN(RD), 0);
	EQ(cs(RD, 1), 1);
	flr();
	EQ(lab(METIS_LAB_FLRS), 1);
	EQ(lab(METIS_LAB_RUNNING), 0);
	EQ(lab(METIS_LAB_HANG_HARD), 0);
	/* all engine registers are lost, firmware is not */
	EQ(reg(ENGINE_EN(WR)), 0);
	EQ(reg(DONE_IMWR(WR)), 0);
	EQ(sh64(0x208), L2);
	bring_up(false);
}

void t_aborts(void)
{
	static const struct { uint32_t cause, lo, hi; } causes[] = {
		{ METIS_LAB_CAUSE_DEFAULT, 0, 1 << 0 }, { METIS_LAB_CAUSE_COMPLETER, 0, 1 << 8 },
		{ METIS_LAB_CAUSE_TIMEOUT, 0, 1 << 16 }, { METIS_LAB_CAUSE_POISON, 0, 1 << 24 },
		{ METIS_LAB_CAUSE_APP, 1 << 0, 0 }, { METIS_LAB_CAUSE_FETCH, 1 << 16, 0 },
	};

	for (unsigned int i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		lab_set(METIS_LAB_ABORT_CAUSE, causes[i].cause);
		lab_set(METIS_LAB_ABORT_NEXT, METIS_LAB_RD_CH(0));
		start(RD, 0, ddr, BUF_IOVA, 4096);
		EQ(wait_cs(RD, 0), 2);
		EQ(reg(0x0b4), causes[i].lo);
		EQ(reg(0x0b8), causes[i].hi);
		ONE_EVENT(4);
		set(INT_CLEAR(RD), 0xff00ff);
	}
	lab_set(METIS_LAB_ABORT_CAUSE, 0);
	start(RD, 0, ddr, BUF_IOVA, 4096);
	EQ(wait_cs(RD, 0), 3);
	ONE_EVENT(4);
	/* a message may come before CS shows the end */
	lab_set(METIS_LAB_LATE_CS_NS, 100000000);
	start(RD, 0, ddr, BUF_IOVA, 4096);
	ONE_EVENT(4);
	EQ(cs(RD, 0), 1);
	EQ(wait_cs(RD, 0), 3);
	EQ(events(4, 20), 0);
}

void t_police_engine(void)
{
	struct element e[2] = { { CB, 64, BUF_IOVA, ddr }, { 0, 0, 0, 0 } };

	lab_set(METIS_LAB_FREEZE, 1);
	start(WR, 0, ddr, BUF_IOVA, 64);
	PROVOKE(DOORBELL_RUNNING, set(DOORBELL(WR), 0));
	PROVOKE(RUNNING_WRITE, set(CH(WR, 0, SIZE), 128));
	EQ(reg(CH(WR, 0, SIZE)), 64);
	lab_set(METIS_LAB_FREEZE, 0);
	EQ(wait_cs(WR, 0), 3);
	set(ENGINE_EN(WR), 0);
	PROVOKE(DOORBELL_DISABLED, start(WR, 0, ddr, BUF_IOVA, 64));
	set(ENGINE_EN(WR), 1);
	PROVOKE(DOORBELL_CHANNEL, set(DOORBELL(WR), 5));
	PROVOKE(DOORBELL_CHANNEL, set(DOORBELL(WR), 0x100));
	PROVOKE(LIE, set(CH(WR, 0, CONTROL1), LIE | RIE));
	PROVOKE(CONTROL_BITS, set(CH(WR, 0, CONTROL1), 1u << 20));
	PROVOKE(ZERO_LENGTH, start(RD, 0, ddr, BUF_IOVA, 0));
	PROVOKE(DATA_RANGE, start(RD, 0, ddr + lab64(METIS_LAB_DDR_SIZE) - 1, BUF_IOVA, 2));
	EQ(wait_cs(RD, 0), 2);
	EQ(reg(0x0b4), 1);
	PROVOKE(DATA_RANGE, start(WR, 0, ~0ull, BUF_IOVA, ~0u));
	PROVOKE(LIST_RANGE, start_list(RD, 0, L2 + (32 << 20) - 8));
	EQ(wait_cs(RD, 0), 2);
	EQ(reg(0x0b4) & 0x10000, 0x10000);
	PROVOKE(LIST_RANGE, start_list(RD, 0, ~0ull - 7));
	PROVOKE(LIST_ALIGN, start_list(RD, 0, OLD_LIST + 4));
	e[0].control = CB | 1u << 7;
	poke(OLD_LIST, e, sizeof(e));
	PROVOKE(ELEMENT_BITS, start_list(RD, 0, OLD_LIST));
	e[0].control = CB | LIE;
	poke(OLD_LIST, e, sizeof(e));
	PROVOKE(LIE, start_list(RD, 0, OLD_LIST));
	PROVOKE(ACCESS, (void)*(volatile uint16_t *)(bar0 + 0x008));
	PROVOKE(ACCESS, *(volatile uint64_t *)(bar0 + 0x060) = 0);
	EQ(*(volatile uint8_t *)(bar0 + 9), 0xff);
	PROVOKE(RESERVED_WRITE, set(0x004, 0));
	PROVOKE(CHANNEL_ABSENT, (void)reg(CH(WR, 4, CONTROL1)));
	PROVOKE(CHANNEL_ABSENT, set(CH(RD, 4, CONTROL1), 0));
	PROVOKE(READONLY_WRITE, set(0x008, 0));
	PROVOKE(SHARED_OVERWRITE, start(RD, 0, L2 + 0x600, BUF_IOVA, 4));
	PROVOKE(LIST_PLACE, e[0].control = 0, poke(DATA_L2, e, sizeof(e)),
		start_list(RD, 0, DATA_L2));
	set(INT_CLEAR(RD), 0xff00ff);
	set(INT_CLEAR(WR), 0xff00ff);
	setup_engine();
	drain();
}
