// SPDX-License-Identifier: GPL-2.0
/*
 * The firmware of the model: bootloader, mailbox, start, virtual MSIs, contexts, streams,
 * and each rule that the police watches.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "selftest.h"

void t_bootloader(void)
{
	EQ(lab(METIS_LAB_FW_STATE), METIS_EMU_BOOTLOADER);
	EQ(sh32(0) & 0xffff, old_fw ? 0 : 0xfd1f);
	EQ(sh64(0x008), old_fw ? 0 : L2);
	EQ(sh64(0x010) > 0, !old_fw);
	EQ(sh64(0x208), L2);
	ddr = sh64(0x210);
	EQ(ddr, lab64(METIS_LAB_DDR_BASE));
	YES(lab64(METIS_LAB_DDR_SIZE) >= 64 << 20);
	for (unsigned int off = 0x240; off < 0x300; off += 8)
		EQ(sh64(off), 0);
}

void t_mailbox(void)
{
	uint8_t msg[300];

	pattern(msg, sizeof(msg), 9);
	EQ(mbox(METIS_EMU_OP_PING, msg, 100), 0);
	EQ(sh32(METIS_EMU_MBOX_SIZE), 104);
	for (unsigned int i = 0; i < 100; i++)
		EQ(bar2[METIS_EMU_MBOX_MSG + 4 + i], msg[i]);
	ONE_EVENT(12);
	EQ((uint32_t)mbox(0x777, msg, 0), (uint32_t)METIS_EMU_ENOSYS);
	EQ((uint32_t)mbox(METIS_EMU_OP_LOG, msg, 4), (uint32_t)METIS_EMU_ENOSYS);
	PROVOKE(MBOX_SIZE, EQ((uint32_t)mbox(METIS_EMU_OP_PING, msg, 300),
			      (uint32_t)METIS_EMU_EMSGSIZE));
	EQ(mbox(METIS_EMU_OP_MUTE, msg, 0), 1);
	lab_set(METIS_LAB_MBOX_MUTE, 1);
	EQ(mbox(METIS_EMU_OP_PING, msg, 4), 1);
	EQ(mbox(METIS_EMU_OP_PING, msg, 4), 0);
	lab_set(METIS_LAB_MBOX_DELAY_US, 50000);
	PROVOKE(MBOX_BUSY, mbox_send(METIS_EMU_OP_PING, msg, 4), usleep(5000),
		mbox_send(METIS_EMU_OP_PING, msg, 4));
	lab_set(METIS_LAB_MBOX_DELAY_US, 20);
	usleep(60000);
	drain();
	/* a bootloader has no table to write to: not even a stray write */
	EQ(lab(METIS_LAB_STRAY_WRITES), 0);
}

void put_image(uint64_t at, uint32_t payload, bool good)
{
	struct metis_emu_image h = {
		METIS_EMU_IMAGE_MAGIC0, METIS_EMU_IMAGE_MAGIC1, sizeof(h), payload, 0, 0,
	};
	uint32_t size = sizeof(h) + payload;

	pattern(buf + sizeof(h), payload, 1234);
	h.payload_crc = crc32(buf + sizeof(h), payload) ^ !good;
	memcpy(buf, &h, sizeof(h));
	start(RD, 0, at, BUF_IOVA, size);
	EQ(wait_cs(RD, 0), 3);
	ONE_EVENT(4);
	sh_set64(0x238, at);
}

void t_start_refused(void)
{
	sh_set64(0x238, ddr + 0x200000);
	EQ((uint32_t)mbox(METIS_EMU_OP_START, "", 0), (uint32_t)METIS_EMU_ENOEXEC);
	ONE_EVENT(12);
	sh_set64(0x238, 0x1234);
	EQ((uint32_t)mbox(METIS_EMU_OP_START, "", 0), (uint32_t)METIS_EMU_EFAULT);
	put_image(ddr + 0x200000, 100000, false);
	EQ((uint32_t)mbox(METIS_EMU_OP_START, "", 0), (uint32_t)METIS_EMU_EBADMSG);
	EQ(lab(METIS_LAB_START_REFUSED), 3);
	EQ(lab(METIS_LAB_LINK_BOUNCES), 0);
	EQ(lab(METIS_LAB_FW_STATE), METIS_EMU_BOOTLOADER);
	drain();
}

void t_start(void)
{
	unsigned int exp = find_cap(port, PCI_CAP_ID_EXP);
	uint32_t generation = lab(METIS_LAB_GENERATION);

	put_image(ddr + 0x200000, 300001, true);
	lab_set(METIS_LAB_LINK_DOWN_MS, 500);
	EQ(raw_config(port, exp + PCI_EXP_LNKSTA, 2) & PCI_EXP_LNKSTA_DLLLA, PCI_EXP_LNKSTA_DLLLA);
	mbox_send(METIS_EMU_OP_START, "", 0);
	YES(wait_link(0));
	usleep(20000);
	EQ(raw_config(card, 0, 4), ~0u);
	EQ(raw_config(card, PCI_COMMAND, 2), 0xffff);
	EQ(reg(CH(RD, 0, CONTROL1)), ~0u);
	EQ(sh32(0), ~0u);
	EQ(*(volatile uint32_t *)(bar2 + 0x1000000), ~0u);
	EQ(lab(METIS_LAB_DOWN_READS), 3);
	EQ(raw_config(port, exp + PCI_EXP_LNKSTA, 2) & PCI_EXP_LNKSTA_DLLLA, 0);
	YES(wait_link(1));
	EQ(raw_config(port, exp + PCI_EXP_LNKSTA, 2) & PCI_EXP_LNKSTA_DLLLA, PCI_EXP_LNKSTA_DLLLA);
	/* reset configuration space */
	EQ(raw_config(card, 0, 4), card_id);
	EQ(raw_config(card, PCI_COMMAND, 2), 0);
	EQ(raw_config(card, PCI_BASE_ADDRESS_0, 4), 4);
	EQ(raw_config(card, PCI_BASE_ADDRESS_2, 4), 0);
	EQ(raw_config(card, 0x52, 2) & PCI_MSI_FLAGS_ENABLE, 0);
	EQ(raw_config(card, 0x54, 4), 0);
	/* no BAR decodes now: the port answers for the hole */
	EQ(sh32(0), ~0u);
	set_command(0);
	set_command(PCI_COMMAND_MEMORY);
	EQ(reg(ENGINE_EN(RD)), 0);
	EQ(lab(METIS_LAB_FW_STATE), METIS_EMU_STARTING);
	EQ(area(0x2b8, 0xbac1), 0);
	YES(wait_state(METIS_EMU_RUNNING));
	YES(area(0x2b8, 0xbac1));
	EQ(!area(0x2d0, 0xd4d4), old_fw);
	EQ(!area(0x2e8, 0xb5b5), old_fw);
	EQ(sh32(0x218) == 0xc1a0c1a0, dma_vm);
	YES(area(0x240, 0xf0f0));
	EQ(sh32(METIS_EMU_MBOX_OPCODE), METIS_EMU_OP_START | METIS_EMU_OP_REPLY);
	EQ(sh32(METIS_EMU_MBOX_MSG), 0);
	EQ(lab(METIS_LAB_PMSI_SENT), 0);
	enable_msi();
	publish_table();
	EQ(lab64(METIS_LAB_TARGET), TABLE_IOVA);
	EQ(lab64(METIS_LAB_DESC_BASE), old_fw ? OLD_LIST : sh64(area(0x2d0, 0xd4d4)));
	set_command(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	ONE_EVENT(12);
	EQ(table[12], 1);
	setup_engine();
	EQ(lab(METIS_LAB_GENERATION), generation + 1);
	EQ(lab(METIS_LAB_LINK_BOUNCES), 1);
	EQ(lab(METIS_LAB_STRAY_WRITES), 0);
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
}

void t_dma_vm(void)
{
	/* firmware's IMWR reaches the host without the host's doing */
	start(RD, 1, ddr, BUF_IOVA, 64);
	EQ(wait_cs(RD, 1), 3);
	ONE_EVENT(5);
	start(WR, 3, ddr, BUF_IOVA, 64);
	EQ(wait_cs(WR, 3), 3);
	ONE_EVENT(11);
	EQ(lab64(METIS_LAB_LAST_MSG_ADDR), msi_addr);
	EQ(lab(METIS_LAB_LAST_MSG_DATA), msi_data | vec(11));
	if (!dma_vm) {
		EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
		return;
	}
	EQ(reg(DONE_IMWR(WR)), (uint32_t)msi_addr);
	PROVOKE(IMWR_DMA_VM, set(DONE_IMWR(WR), msi_addr));
}

void t_early_reply(void)
{
	lab_set(METIS_LAB_EARLY_REPLY, 1);
	lab_set(METIS_LAB_LINK_DOWN_MS, 500);
	put_image(ddr + 0x200000, 16, true);
	mbox_send(METIS_EMU_OP_START, "", 0);
	YES(wait_link(0));
	YES(wait_state(METIS_EMU_RUNNING));
	set_command(0);
	set_command(PCI_COMMAND_MEMORY);
	enable_msi();
	/* the wrong order: bus mastering before the table */
	PROVOKE(MASTER_ORDER, set_command(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER));
	EQ(lab(METIS_LAB_STRAY_WRITES), 1);
	EQ(lab(METIS_LAB_STRAY_LAST), 0x30);
	YES(lab(METIS_LAB_STRAY_RESULT));
	ONE_EVENT(12);	/* the message arrives, its slot is lost */
	lab_set(METIS_LAB_EARLY_REPLY, 0);
	publish_table();
	setup_engine();
}

void t_vmsi(void)
{
	void *page = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	volatile uint32_t *zero = page;
	uint32_t msg[3] = { 24, 3, 2000 };

	publish_table();
	lab_set(METIS_LAB_RAISE, 24);
	ONE_EVENT(24);
	EQ(table[24], 1);
	lab_set(METIS_LAB_RAISE, 1023);
	ONE_EVENT(24);
	EQ(table[1023], 1);
	table[24] = 0;
	EQ(mbox(METIS_EMU_OP_RAISE, msg, 12), 0);
	ONE_EVENT(12);
	/* messages that follow each other closely may arrive as one */
	for (uint64_t end = now_ms() + 1000; lab(METIS_LAB_PMSI_SENT) < 6 && now_ms() < end;)
		usleep(1000);
	EQ(lab(METIS_LAB_PMSI_SENT), 6);
	YES(events(24, 1000));
	EQ(table[24], 1);
	EQ(lab(METIS_LAB_STRAY_WRITES), 0);
	/* withdrawn: the window starts at bus address 0 */
	withdraw_table();
	EQ(lab64(METIS_LAB_TARGET), 0);
	lab_set(METIS_LAB_RAISE, 12);
	EQ(lab(METIS_LAB_STRAY_LAST), 0x30);
	YES(lab(METIS_LAB_STRAY_RESULT));
	if (map_iova(0, page, 65536))
		bail("cannot map IOVA 0: %s", strerror(errno));
	lab_set(METIS_LAB_RAISE, 12);
	EQ(lab(METIS_LAB_STRAY_RESULT), 0);
	EQ(zero[12], 1);
	unmap_iova(0, 65536);
	EQ(lab(METIS_LAB_STRAY_WRITES), 2);
	usleep(2000);
	YES(events(12, 100));
	/* a restart without a bounce */
	publish_table();
	lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_WARM);
	EQ(lab(METIS_LAB_STRAY_WRITES), 3);
	ONE_EVENT(12);
	EQ(area(0x2b8, 0xbac1), hostdrv);
	EQ(sh32(hostdrv), 0);
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
	publish_table();
	munmap(page, 65536);
}

void t_police_firmware(void)
{
	unsigned int streams = area(0x240, 0xf0f0), ctx = sh64(0x288 + 8);
	struct metis_emu_job job = { METIS_EMU_JOB_MAGIC, METIS_EMU_JOB_FAIL, 0, 0, 0, 0 };

	publish_table();
	PROVOKE(HOSTDRV_ORDER, sh_set64(hostdrv + 8, TABLE_IOVA + TABLE_SIZE));
	EQ(lab64(METIS_LAB_TARGET), TABLE_IOVA);
	sh_set32(hostdrv, 0);
	sh_set64(hostdrv + 8, TABLE_IOVA + 4096);
	PROVOKE(HOSTDRV_TARGET, sh_set32(hostdrv, 1));
	publish_table();
	PROVOKE(STREAM_POS, sh_set32(streams + 264, 5000));
	sh_set32(streams + 264, sh32(streams + 272));
	lab_set(METIS_LAB_JOB_US, 20000);
	poke(ddr, &job, sizeof(job));
	sh_set64(ctx + 64, ddr);
	sh_set64(ctx + 48, METIS_EMU_JOB_RUN);
	usleep(3000);
	PROVOKE(CTX_BUSY, sh_set64(ctx + 48, METIS_EMU_JOB_RUN));
	usleep(80000);
	lab_set(METIS_LAB_JOB_US, 2000);
	drain();
}

static unsigned int jobs_seen_running;

static int64_t run_job(unsigned int n, struct metis_emu_job *job)
{
	unsigned int rec = sh64(0x288 + 8) + n * 80;
	uint64_t at = ddr + 0x1000 + n * 64;

	poke(at, job, sizeof(*job));
	sh_set64(rec + 64, at);
	sh_set64(rec + 48, METIS_EMU_JOB_RUN);
	for (uint64_t end = now_ms() + 1000; sh64(rec + 48) && now_ms() < end;)
		;
	jobs_seen_running += sh64(rec + 56) == 1;
	ONE_EVENT(n);
	EQ(table[n], 1);
	table[n] = 0;
	job->result = peek(at + 32);
	return sh64(rec + 56);
}

void t_contexts(void)
{
	lab_set(METIS_LAB_JOB_US, 30000);
	for (unsigned int n = 0; n < 4; n++) {
		struct metis_emu_job job = {
			METIS_EMU_JOB_MAGIC, METIS_EMU_JOB_FILL, DATA_L2, 5001, 0x11223344 + n, 0,
		};

		EQ(run_job(n, &job), 0);
		EQ(*(volatile uint32_t *)(bar2 + 0x100000), 0x11223344 + n);
		EQ(bar2[0x100000 + 5000], 0x44 + n);
		job.op = METIS_EMU_JOB_CRC;
		EQ(run_job(n, &job), 0);
		EQ(job.result, dev_crc(DATA_L2, 5001));
		job.addr = ~0ull - 100;
		EQ(run_job(n, &job), (uint64_t)METIS_EMU_EFAULT);
		job.magic = 0;
		EQ(run_job(n, &job), (uint64_t)METIS_EMU_EINVAL);
	}
	lab_set(METIS_LAB_JOB_US, 2000);
	/* a stalled guest may miss some */
	YES(jobs_seen_running > 0);
	EQ(lab(METIS_LAB_JOBS), 16);
	EQ(lab(METIS_LAB_JOB_ERRORS), 8);
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
}

static unsigned int read_stream(unsigned int nr, char *out, unsigned int max)
{
	unsigned int s = area(0x240, 0xf0f0), rec = s + 264 + 80 * nr;
	unsigned int r = sh32(rec), w = sh32(rec + 8), cap = sh32(rec + 4);
	unsigned int ring = sh64(rec + 16) - L2, n = 0;

	while (r != w && n < max) {
		out[n++] = bar2[ring + r];
		r = (r + 1) % cap;
	}
	sh_set32(rec, r);
	return n;
}

void t_log(void)
{
	static char text[4096];
	unsigned int n, s = area(0x240, 0xf0f0), line;

	EQ(sh32(s), 2);
	EQ(bar2[s + 4], 0);
	EQ(bar2[s + 5], 1);
	EQ(bar2[s + 6], 0xff);
	EQ(sh32(s + 264 + 12), METIS_EMU_LOG_VMSI | 1u << 31);
	read_stream(0, text, sizeof(text));
	publish_table();
	EQ(mbox(METIS_EMU_OP_LOG, "hello, host", 11), 0);
	ONE_EVENT(24);
	EQ(table[METIS_EMU_LOG_VMSI], 1);
	n = read_stream(0, text, sizeof(text));
	EQ(n, 11);
	YES(!memcmp(text, "hello, host", 11));
	/* several laps around the ring */
	for (line = 0; line < 400; line++) {
		char want[64];
		unsigned int w;

		lab_set(METIS_LAB_LOG_BURST, 1);
		w = snprintf(want, sizeof(want), "log line %u\n", line);
		n = read_stream(0, text, sizeof(text));
		if (n != w || memcmp(text, want, w))
			break;
	}
	EQ(line, 400);
	EQ(lab(METIS_LAB_LOG_DROPPED), 0);
	/* a consumer that is too slow loses lines, the producer goes on */
	lab_set(METIS_LAB_LOG_BURST, 400);
	YES(lab(METIS_LAB_LOG_DROPPED) > 0);
	EQ(read_stream(0, text, sizeof(text)), 2047);
	drain();
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
}

static void trace_lap(uint32_t want, uint32_t taken, uint64_t *at)
{
	static uint8_t data[0x40000];
	uint32_t n, i;

	EQ(mbox(METIS_EMU_OP_TRACE, &want, 4), 0);
	ONE_EVENT(12);
	EQ(sh64(METIS_EMU_MBOX_MSG + 4), *at);
	EQ(sh32(METIS_EMU_MBOX_MSG + 12), taken);
	n = read_stream(1, (char *)data, sizeof(data));
	EQ(n, taken);
	for (i = 0; i < n; i++, ++*at)
		if (data[i] != (uint8_t)((uint32_t)(*at / 4 * METIS_EMU_TRACE_STEP) >> 8 * (*at % 4)))
			break;
	EQ(i, n);
}

void t_trace(void)
{
	unsigned int rec = area(0x240, 0xf0f0) + 264 + 80;
	uint64_t at = 0;

	publish_table();
	EQ(sh32(rec + 4), 0x40000);
	EQ(sh32(rec + 12), METIS_EMU_TRACE_VMSI);
	EQ(sh32(rec + 32), 1);
	/* not announced until the host wants it */
	trace_lap(101, 101, &at);
	EQ(table[METIS_EMU_TRACE_VMSI], 0);
	/* the log's, which has the same message, may have been on their way */
	drain();
	sh_set32(rec + 12, METIS_EMU_TRACE_VMSI | 1u << 31);
	trace_lap(200001, 200001, &at);
	ONE_EVENT(24);
	EQ(table[METIS_EMU_TRACE_VMSI], 1);
	/* once around; then as much as there is room for */
	trace_lap(200001, 200001, &at);
	trace_lap(~0u, 0x3ffff, &at);
	sh_set32(rec + 12, METIS_EMU_TRACE_VMSI);
	drain();
	EQ((uint32_t)mbox(METIS_EMU_OP_TRACE, "", 0), (uint32_t)METIS_EMU_EINVAL);
	PROVOKE(STREAM_POS, sh_set32(rec, 0x40000));
	sh_set32(rec, sh32(rec + 8));
	drain();
}
