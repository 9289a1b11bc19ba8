// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Emulated Metis: the DesignWare eDMA engine behind BAR0.
 *
 * Each running channel has a timer. A tick moves at most step-bytes, then lets
 * the virtual time pass that this would have taken; the tick after the last
 * data reports the end. So a channel is seen running, can be stopped half-way,
 * and never keeps the emulator's main loop for long.
 */
#include "metis.h"

/* Global registers */
#define R_CTRL			0x008
#define R_ENGINE_EN(d)		((d) ? 0x02c : 0x00c)
#define R_DOORBELL(d)		((d) ? 0x030 : 0x010)
#define R_INT_STATUS(d)		((d) ? 0x0a0 : 0x04c)
#define R_INT_MASK(d)		((d) ? 0x0a8 : 0x054)
#define R_INT_CLEAR(d)		((d) ? 0x0ac : 0x058)
#define R_ERR(d)		((d) ? 0x0b4 : 0x05c)
#define R_RD_ERR_HI		0x0b8
#define R_DONE_IMWR(d)		((d) ? 0x0cc : 0x060)
#define R_ABORT_IMWR(d)		((d) ? 0x0d4 : 0x068)
#define R_IMWR_DATA(d)		((d) ? 0x0dc : 0x070)
#define R_LL_ERR_EN(d)		((d) ? 0x0c4 : 0x090)
#define R_PWR_EN(d)		((d) ? 0x168 : 0x128)

/* Channel blocks */
#define R_CH_FIRST		0x200
#define R_CH_STRIDE		0x200	/* write channel n; read channel n is 0x100 further */
#define R_CH_READ		0x100
enum {
	CH_CONTROL1 = 0x00, CH_CONTROL2 = 0x04, CH_SIZE = 0x08, CH_SAR = 0x0c,
	CH_DAR = 0x14, CH_LLP = 0x1c, CH_END = 0x24,
};

#define C_CB			(1u << 0)
#define C_TCB			(1u << 1)
#define C_LLP			(1u << 2)
#define C_LIE			(1u << 3)
#define C_RIE			(1u << 4)
#define C_CS_SHIFT		5
#define C_CS			(3u << C_CS_SHIFT)
#define C_CCS			(1u << 8)
#define C_LLE			(1u << 9)
#define C_WRITABLE		(C_CB | C_TCB | C_LLP | C_LIE | C_RIE | C_CCS | C_LLE)
#define ELEMENT_BITS		(C_CB | C_TCB | C_LLP | C_LIE | C_RIE)

#define CS_RUNNING		1
#define CS_HALTED		2
#define CS_STOPPED		3

#define DOORBELL_STOP		(1u << 31)
#define DOORBELL_CHANNEL	7u

#define ELEMENT_SIZE		24
#define ELEMENTS_PER_STEP	64	/* a list of links only must not spin */
#define MIN_STEP_NS		500
#define HOST_PAGE		4096	/* no IOMMU maps less: errors are found page by page */

#define ERR_APP(n)		(1u << (n))
#define ERR_FETCH(n)		(1u << (16 + (n)))
#define ERR_HI(byte, n)		(1u << (8 * (byte) + (n)))	/* UR, CA, timeout, poison */
#define INT_DONE(n)		(1u << (n))
#define INT_ABORT(n)		(1u << (16 + (n)))

static uint32_t lab_bit(MetisChannel *ch)
{
	return ch->dir == METIS_WR ? METIS_LAB_WR_CH(ch->nr) : METIS_LAB_RD_CH(ch->nr);
}

static bool running(MetisChannel *ch)
{
	return ch->phase != CH_IDLE;
}

static uint32_t ch_cs(MetisChannel *ch)
{
	if (!running(ch))
		return ch->cs;
	return metis_now() < ch->cs_visible ? 0 : CS_RUNNING;
}

static uint64_t plain64(MetisState *s, unsigned int off)
{
	return s->dma.plain[off / 4] | (uint64_t)s->dma.plain[off / 4 + 1] << 32;
}

static void ch_message(MetisChannel *ch, bool abort)
{
	MetisState *s = ch->s;
	uint32_t data = s->dma.plain[R_IMWR_DATA(ch->dir) / 4 + ch->nr / 2];

	if (s->int_status || abort)
		s->dma.int_status[ch->dir] |= abort ? INT_ABORT(ch->nr) : INT_DONE(ch->nr);
	metis_send_imwr(s, plain64(s, abort ? R_ABORT_IMWR(ch->dir) : R_DONE_IMWR(ch->dir)),
			data >> (ch->nr & 1 ? 16 : 0) & 0xffff);
}

static void ch_idle(MetisChannel *ch, uint32_t cs)
{
	timer_del(ch->timer);
	ch->phase = CH_IDLE;
	ch->cs = cs;
	ch->loaded = false;
	ch->message_due = false;
}

static void ch_schedule(MetisChannel *ch, int64_t ns)
{
	timer_mod(ch->timer, metis_now() + MAX(ns, MIN_STEP_NS));
}

static void ch_abort(MetisChannel *ch, enum metis_lab_cause cause)
{
	MetisEngine *e = &ch->s->dma;
	uint32_t *err = e->err[ch->dir];
	bool rie;

	switch (cause) {
	case METIS_LAB_CAUSE_FETCH:
		err[0] |= ERR_FETCH(ch->nr);
		metis_count(ch->s, METIS_LAB_FETCH_ERRORS);
		break;
	case METIS_LAB_CAUSE_APP:
		err[0] |= ERR_APP(ch->nr);
		break;
	default:
		/* only reads learn what the host did with them */
		if (ch->dir == METIS_WR)
			err[0] |= ERR_APP(ch->nr);
		else
			err[1] |= ERR_HI(cause, ch->nr);
	}
	if (ch->control1 & C_LLE)
		rie = e->plain[R_LL_ERR_EN(ch->dir) / 4] >> ch->nr & 1 ||
		      (ch->loaded && ch->element & C_RIE);
	else
		rie = ch->control1 & C_RIE;

	metis_count(ch->s, ch->dir == METIS_WR ? METIS_LAB_ABORT_WR : METIS_LAB_ABORT_RD);
	metis_note(ch->s, "%s channel %u aborts, cause %d", ch->dir ? "read" : "write",
		   ch->nr, cause);
	e->int_status[ch->dir] |= INT_ABORT(ch->nr);
	ch_idle(ch, CS_HALTED);
	if (rie)
		ch_message(ch, true);
}

/* Data address and length of the block in sar/dar/size: false when the channel aborted */
static bool ch_check_block(MetisChannel *ch)
{
	MetisState *s = ch->s;
	uint64_t dev = ch->dir == METIS_WR ? ch->sar : ch->dar;

	if (!ch->size) {
		metis_police(s, METIS_POLICE_ZERO_LENGTH, ch->element_at, 0);
		ch_abort(ch, METIS_LAB_CAUSE_APP);
		return false;
	}
	if (!metis_mem(s, dev, ch->size)) {
		metis_police(s, METIS_POLICE_DATA_RANGE, dev, ch->size);
		ch_abort(ch, METIS_LAB_CAUSE_APP);
		return false;
	}
	if (ch->dir == METIS_RD && metis_in_l2(dev) && dev - METIS_L2_BASE < METIS_SHARED_SIZE)
		metis_police(s, METIS_POLICE_SHARED_OVERWRITE, dev, ch->size);
	return true;
}

typedef enum { LOAD_BLOCK, LOAD_LINK, LOAD_END, LOAD_ABORT } MetisLoad;

/* The next block: the registers themselves, or a list element copied into them */
static MetisLoad ch_load(MetisChannel *ch)
{
	MetisState *s = ch->s;
	uint64_t desc, desc_size;
	const uint8_t *p;
	uint32_t ctl;

	if (!(ch->control1 & C_LLE)) {
		ch->loaded = true;
		return ch_check_block(ch) ? LOAD_BLOCK : LOAD_ABORT;
	}
	ch->element_at = ch->llp;
	if (ch->llp & 7) {
		metis_police(s, METIS_POLICE_LIST_ALIGN, ch->llp, 0);
		ch_abort(ch, METIS_LAB_CAUSE_FETCH);
		return LOAD_ABORT;
	}
	p = metis_mem(s, ch->llp, ELEMENT_SIZE);
	if (!p) {
		metis_police(s, METIS_POLICE_LIST_RANGE, ch->llp, 0);
		ch_abort(ch, METIS_LAB_CAUSE_FETCH);
		return LOAD_ABORT;
	}
	metis_fw_desc(s, &desc, &desc_size);
	if (ch->llp < desc || desc_size < ELEMENT_SIZE || ch->llp - desc > desc_size - ELEMENT_SIZE)
		metis_police(s, METIS_POLICE_LIST_PLACE, ch->llp, desc);
	metis_count(s, ch->dir == METIS_WR ? METIS_LAB_ELEMENTS_WR : METIS_LAB_ELEMENTS_RD);

	ctl = get32(p);
	if (!(ctl & C_CB) != !(ch->control1 & C_CCS))
		return LOAD_END;
	if (ctl & ~ELEMENT_BITS)
		metis_police(s, METIS_POLICE_ELEMENT_BITS, ch->llp, ctl);
	if (ctl & C_LIE)
		metis_police(s, METIS_POLICE_LIE, ch->llp, ctl);
	if (ctl & C_LLP) {
		if (ctl & C_TCB)
			ch->control1 ^= C_CCS;
		ch->llp = ldq_le_p(p + 8);
		return LOAD_LINK;
	}
	/* the list goes on: the block before it was not the last */
	if (ch->message_due) {
		uint32_t run = ch->run;

		ch->message_due = false;
		ch_message(ch, false);
		if (ch->run != run || ch->phase != CH_MOVING)
			return LOAD_ABORT;
	}
	ch->element = ctl;
	ch->size = get32(p + 4);
	ch->sar = ldq_le_p(p + 8);
	ch->dar = ldq_le_p(p + 16);
	ch->llp += ELEMENT_SIZE;
	ch->loaded = true;
	return ch_check_block(ch) ? LOAD_BLOCK : LOAD_ABORT;
}

/* Move up to room bytes of the block, within one host page. 0: the channel aborted */
static uint32_t ch_piece(MetisChannel *ch, uint32_t room)
{
	MetisState *s = ch->s;
	bool rd = ch->dir == METIS_RD;
	uint64_t host = rd ? ch->sar : ch->dar;
	uint64_t dev = rd ? ch->dar : ch->sar;
	uint32_t n = MIN(MIN(ch->size, room), HOST_PAGE - (host & (HOST_PAGE - 1)));
	uint8_t *p = metis_mem(s, dev, n);
	uint32_t run = ch->run;
	uint8_t buf[HOST_PAGE];
	MemTxResult r;

	if (!p) {
		ch_abort(ch, METIS_LAB_CAUSE_APP);
		return 0;
	}
	s->count[(METIS_LAB_LAST_DMA_ADDR - METIS_LAB_BAR0_READS) / 4] = host;
	r = rd ? metis_bus_read(s, host, buf, n) : metis_bus_write(s, host, p, n);
	if (ch->run != run || ch->phase != CH_MOVING)
		return 0;
	if (rd && r != MEMTX_OK) {
		ch_abort(ch, METIS_LAB_CAUSE_DEFAULT);
		return 0;
	}
	if (rd) {
		memcpy(p, buf, n);
		metis_mem_written(s, dev, n);
		metis_count_add(s, METIS_LAB_BYTES_RD, n);
	} else {
		/* a refused posted write leaves no trace at the device */
		metis_count_add(s, r == MEMTX_OK ? METIS_LAB_BYTES_WR :
				METIS_LAB_BYTES_DROPPED, n);
	}
	ch->sar += n;
	ch->dar += n;
	ch->size -= n;
	return n;
}

static void ch_move(MetisChannel *ch)
{
	MetisState *s = ch->s;
	uint32_t moved = 0, elements = 0, n;
	uint64_t ns;

	if (s->dma.abort_next & lab_bit(ch)) {
		s->dma.abort_next &= ~lab_bit(ch);
		ch_abort(ch, s->dma.abort_cause);
		return;
	}
	while (moved < s->step_bytes && ch->phase == CH_MOVING) {
		if (!ch->loaded) {
			MetisLoad what;

			if (elements++ == ELEMENTS_PER_STEP)
				break;
			what = ch_load(ch);
			if (what == LOAD_ABORT)
				return;
			if (what == LOAD_END)
				ch->phase = CH_ENDING;
			if (what != LOAD_BLOCK)
				continue;
		}
		n = ch_piece(ch, s->step_bytes - moved);
		if (!n)
			return;
		moved += n;
		if (ch->size)
			continue;
		ch->loaded = false;
		ch->message_due = ch->element & C_RIE;
		if (!(ch->control1 & C_LLE))
			ch->phase = CH_ENDING;
	}
	ns = (uint64_t)s->step_ns * moved / s->step_bytes;
	ch_schedule(ch, ns);
}

static void ch_end(MetisChannel *ch)
{
	bool message = ch->message_due;

	if (message && ch->s->dma.late_cs_ns && ch->phase == CH_ENDING) {
		uint32_t run = ch->run;

		ch->message_due = false;
		ch->phase = CH_LATE;
		ch_message(ch, false);
		if (ch->run == run && ch->phase == CH_LATE)
			ch_schedule(ch, ch->s->dma.late_cs_ns);
		return;
	}
	metis_count(ch->s, ch->dir == METIS_WR ? METIS_LAB_DONE_WR : METIS_LAB_DONE_RD);
	ch_idle(ch, CS_STOPPED);
	if (message)
		ch_message(ch, false);
}

static bool blocked(MetisChannel *ch)
{
	MetisEngine *e = &ch->s->dma;

	return e->freeze || (e->hang_soft | e->hang_hard) & lab_bit(ch) ||
	       !metis_accessible(ch->s);
}

static void ch_tick(void *opaque)
{
	MetisChannel *ch = opaque;

	/* a blocked channel has no timer running; metis_edma_kick() revives it */
	if (!running(ch) || blocked(ch))
		return;
	if (ch->phase == CH_MOVING)
		ch_move(ch);
	else
		ch_end(ch);
}

void metis_edma_kick(MetisState *s)
{
	for (unsigned int d = 0; d < METIS_DIRS; d++) {
		for (unsigned int n = 0; n < METIS_CHANNELS; n++) {
			MetisChannel *ch = &s->dma.ch[d][n];

			if (running(ch) && !blocked(ch) && !timer_pending(ch->timer))
				ch_schedule(ch, 0);
		}
	}
}

static void ch_start(MetisChannel *ch)
{
	ch->run++;
	ch->phase = CH_MOVING;
	ch->message_due = false;
	ch->element = ch->control1;
	ch->element_at = 0;
	ch->cs_visible = metis_now() + ch->s->cs_delay_ns;
	ch->loaded = false;
	metis_count(ch->s, ch->dir == METIS_WR ? METIS_LAB_DOORBELLS_WR : METIS_LAB_DOORBELLS_RD);
	ch_schedule(ch, ch->s->cs_delay_ns);
}

/* The direction shares one enable: stopping a channel stops all four */
static void quiesce(MetisState *s, unsigned int dir, MetisChannel *guilty)
{
	unsigned int stopped = 0;

	for (unsigned int n = 0; n < METIS_CHANNELS; n++) {
		MetisChannel *ch = &s->dma.ch[dir][n];

		if (!running(ch))
			continue;
		stopped++;
		if (ch != guilty)
			metis_count(s, METIS_LAB_QUIESCED);
		if (s->dma.hang_hard & lab_bit(ch))
			continue;
		if (guilty && s->dma.ignore_stop & lab_bit(ch))
			continue;
		s->dma.hang_soft &= ~lab_bit(ch);
		ch_idle(ch, CS_STOPPED);
	}
	if (stopped)
		metis_count(s, METIS_LAB_STOPS);
}

static void doorbell(MetisState *s, unsigned int dir, uint32_t val)
{
	unsigned int nr = val & DOORBELL_CHANNEL;
	MetisChannel *ch;

	if (nr >= s->channels || val & ~(DOORBELL_STOP | DOORBELL_CHANNEL)) {
		metis_police(s, METIS_POLICE_DOORBELL_CHANNEL, R_DOORBELL(dir), val);
		return;
	}
	ch = &s->dma.ch[dir][nr];
	if (val & DOORBELL_STOP) {
		if (running(ch) && !(s->dma.ignore_stop & lab_bit(ch)))
			quiesce(s, dir, ch);
		return;
	}
	if (running(ch)) {
		metis_police(s, METIS_POLICE_DOORBELL_RUNNING, R_DOORBELL(dir), val);
		return;
	}
	if (!(s->dma.enable[dir] & 1)) {
		metis_police(s, METIS_POLICE_DOORBELL_DISABLED, R_DOORBELL(dir), val);
		return;
	}
	ch_start(ch);
}

static MetisChannel *decode_channel(MetisState *s, hwaddr off, unsigned int *reg)
{
	unsigned int nr = (off - R_CH_FIRST) / R_CH_STRIDE;
	unsigned int in = (off - R_CH_FIRST) % R_CH_STRIDE;

	*reg = in % R_CH_READ;
	if (off < R_CH_FIRST || nr >= METIS_CHANNELS || *reg >= CH_END)
		return NULL;
	return &s->dma.ch[in >= R_CH_READ ? METIS_RD : METIS_WR][nr];
}

/* The contract gives such registers no meaning: who looks at them has miscounted */
static bool channel_absent(MetisState *s, hwaddr off, uint64_t val)
{
	unsigned int nr = (off - R_CH_FIRST) / R_CH_STRIDE;

	if (off < R_CH_FIRST || off >= R_CH_FIRST + R_CH_STRIDE * (METIS_CHANNELS + 1) ||
	    nr < s->channels)
		return false;
	metis_police(s, METIS_POLICE_CHANNEL_ABSENT, off, val);
	return true;
}

static uint32_t *half(uint64_t *pair, bool high)
{
	return (uint32_t *)pair + (high ^ (G_BYTE_ORDER == G_BIG_ENDIAN));
}

static uint32_t *ch_reg(MetisChannel *ch, unsigned int reg)
{
	switch (reg) {
	case CH_CONTROL1:
		return &ch->control1;
	case CH_CONTROL2:
		return &ch->control2;
	case CH_SIZE:
		return &ch->size;
	case CH_SAR:
	case CH_SAR + 4:
		return half(&ch->sar, reg != CH_SAR);
	case CH_DAR:
	case CH_DAR + 4:
		return half(&ch->dar, reg != CH_DAR);
	default:
		return half(&ch->llp, reg != CH_LLP);
	}
}

static void ch_write(MetisChannel *ch, unsigned int reg, hwaddr off, uint32_t val)
{
	MetisState *s = ch->s;

	if (running(ch)) {
		metis_police(s, METIS_POLICE_RUNNING_WRITE, off, val);
		return;
	}
	if (reg == CH_CONTROL1) {
		if (val & C_LIE)
			metis_police(s, METIS_POLICE_LIE, off, val);
		/* CS is the engine's: a driver may write back what it read */
		if (val & ~(C_WRITABLE | C_CS))
			metis_police(s, METIS_POLICE_CONTROL_BITS, off, val);
		val &= C_WRITABLE;
	} else if (reg == CH_CONTROL2 && val) {
		metis_police(s, METIS_POLICE_CONTROL_BITS, off, val);
	}
	*ch_reg(ch, reg) = val;
}

static bool is_imwr(hwaddr off)
{
	for (unsigned int d = 0; d < METIS_DIRS; d++)
		if ((off >= R_DONE_IMWR(d) && off < R_DONE_IMWR(d) + 16) ||
		    (off >= R_IMWR_DATA(d) && off < R_IMWR_DATA(d) + 8))
			return true;
	return false;
}

/* Registers that only hold what was written */
static bool is_plain(hwaddr off)
{
	for (unsigned int d = 0; d < METIS_DIRS; d++)
		if (off == R_INT_MASK(d) || off == R_LL_ERR_EN(d) ||
		    (off >= R_PWR_EN(d) && off < R_PWR_EN(d) + 4 * METIS_CHANNELS))
			return true;
	return is_imwr(off);
}

uint64_t metis_edma_read(MetisState *s, hwaddr off, unsigned int size)
{
	MetisEngine *e = &s->dma;
	MetisChannel *ch;
	unsigned int reg;

	if (size != 4 || off & 3) {
		metis_police(s, METIS_POLICE_ACCESS, off, size);
		return ~0ull;
	}
	if (off == R_CTRL)
		return s->channels | s->channels << 16;
	for (unsigned int d = 0; d < METIS_DIRS; d++) {
		if (off == R_ENGINE_EN(d))
			return e->enable[d];
		if (off == R_INT_STATUS(d))
			return e->int_status[d];
		if (off == R_ERR(d))
			return e->err[d][0];
	}
	if (off == R_RD_ERR_HI)
		return e->err[METIS_RD][1];
	if (is_plain(off))
		return e->plain[off / 4];
	if (channel_absent(s, off, 0))
		return 0;
	ch = decode_channel(s, off, &reg);
	if (ch)
		return *ch_reg(ch, reg) | (reg == CH_CONTROL1 ? ch_cs(ch) << C_CS_SHIFT : 0);
	return 0;
}

static void int_clear(MetisState *s, unsigned int dir, uint32_t val)
{
	MetisEngine *e = &s->dma;

	e->int_status[dir] &= ~val;
	for (unsigned int n = 0; n < METIS_CHANNELS; n++) {
		if (!(val & INT_ABORT(n)))
			continue;
		e->err[dir][0] &= ~(ERR_APP(n) | ERR_FETCH(n));
		e->err[dir][1] &= ~(ERR_HI(0, n) | ERR_HI(1, n) | ERR_HI(2, n) | ERR_HI(3, n));
	}
}

void metis_edma_write(MetisState *s, hwaddr off, uint64_t val, unsigned int size)
{
	MetisEngine *e = &s->dma;
	MetisChannel *ch;
	unsigned int reg;

	if (size != 4 || off & 3) {
		metis_police(s, METIS_POLICE_ACCESS, off, size);
		return;
	}
	for (unsigned int d = 0; d < METIS_DIRS; d++) {
		if (off == R_ENGINE_EN(d)) {
			e->enable[d] = val & 1;
			if (!(val & 1))
				quiesce(s, d, NULL);
			return;
		}
		if (off == R_DOORBELL(d)) {
			doorbell(s, d, val);
			return;
		}
		if (off == R_INT_CLEAR(d)) {
			int_clear(s, d, val);
			return;
		}
		if (off == R_INT_STATUS(d) || off == R_ERR(d)) {
			metis_police(s, METIS_POLICE_READONLY_WRITE, off, val);
			return;
		}
	}
	if (off == R_CTRL || off == R_RD_ERR_HI) {
		metis_police(s, METIS_POLICE_READONLY_WRITE, off, val);
		return;
	}
	if (is_plain(off)) {
		if (is_imwr(off) && s->dma_vm && s->fw.areas)
			metis_police(s, METIS_POLICE_IMWR_DMA_VM, off, val);
		e->plain[off / 4] = val;
		return;
	}
	if (channel_absent(s, off, val))
		return;
	ch = decode_channel(s, off, &reg);
	if (ch)
		ch_write(ch, reg, off, val);
	else
		metis_police(s, METIS_POLICE_RESERVED_WRITE, off, val);
}

/* Firmware of the virtual-machine service points the engine at its own MSI capability */
void metis_edma_set_imwr(MetisState *s, uint64_t addr, uint32_t base_data)
{
	for (unsigned int d = 0; d < METIS_DIRS; d++) {
		unsigned int first = d == METIS_RD ? 4 : 8;

		for (unsigned int off = R_DONE_IMWR(d); off < R_DONE_IMWR(d) + 16; off += 8) {
			s->dma.plain[off / 4] = addr;
			s->dma.plain[off / 4 + 1] = addr >> 32;
		}
		for (unsigned int n = 0; n < METIS_CHANNELS; n += 2)
			s->dma.plain[R_IMWR_DATA(d) / 4 + n / 2] =
				(base_data | metis_fold(s, first + n)) |
				(base_data | metis_fold(s, first + n + 1)) << 16;
	}
}

uint32_t metis_edma_running(MetisState *s)
{
	uint32_t mask = 0;

	for (unsigned int d = 0; d < METIS_DIRS; d++)
		for (unsigned int n = 0; n < METIS_CHANNELS; n++)
			if (running(&s->dma.ch[d][n]))
				mask |= lab_bit(&s->dma.ch[d][n]);
	return mask;
}

void metis_edma_reset(MetisState *s)
{
	MetisEngine *e = &s->dma;

	for (unsigned int d = 0; d < METIS_DIRS; d++) {
		for (unsigned int n = 0; n < METIS_CHANNELS; n++) {
			MetisChannel *ch = &e->ch[d][n];

			ch_idle(ch, 0);
			ch->run++;
			ch->control1 = ch->control2 = ch->size = 0;
			ch->sar = ch->dar = ch->llp = 0;
		}
		e->enable[d] = e->int_status[d] = 0;
		e->err[d][0] = e->err[d][1] = 0;
	}
	memset(e->plain, 0, sizeof(e->plain));
	e->hang_hard = 0;
}

void metis_edma_init(MetisState *s)
{
	for (unsigned int d = 0; d < METIS_DIRS; d++) {
		for (unsigned int n = 0; n < METIS_CHANNELS; n++) {
			MetisChannel *ch = &s->dma.ch[d][n];

			ch->s = s;
			ch->dir = d;
			ch->nr = n;
			ch->timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, ch_tick, ch);
		}
	}
}

void metis_edma_exit(MetisState *s)
{
	for (unsigned int d = 0; d < METIS_DIRS; d++)
		for (unsigned int n = 0; n < METIS_CHANNELS; n++)
			timer_free(s->dma.ch[d][n].timer);
}
