// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Emulated Metis: what firmware does on request. Mailbox commands, and jobs of the
 * compute contexts.
 */
#include "metis.h"

/* ---- mailbox ---- */

void metis_fw_answer(MetisState *s, uint32_t op, int32_t status, const void *payload,
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
void metis_fw_mbox_tick(void *opaque)
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
		metis_fw_answer(s, op, METIS_EMU_EMSGSIZE, out, 0);
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
		stl_le_p(out + 8, metis_fw_trace(s, get32(f->mbox_msg)));
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
	metis_fw_answer(s, op, status, out, len);
	metis_fw_raise(s, PMSI_MAILBOX);
	if (op == METIS_EMU_OP_RAISE && !status) {
		f->raise_nr = get32(f->mbox_msg);
		f->raise_left = get32(f->mbox_msg + 4);
		f->raise_period_us = get32(f->mbox_msg + 8);
		timer_mod(f->raise_timer, metis_now() + SCALE_US);
	}
}

void metis_fw_mbox_poll(MetisState *s)
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
		metis_fw_police(s, METIS_POLICE_MBOX_SIZE, METIS_EMU_MBOX_SIZE, f->mbox_len);
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

void metis_fw_ctx_tick(void *opaque)
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

void metis_fw_ctx_poll(MetisState *s, unsigned int nr)
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
