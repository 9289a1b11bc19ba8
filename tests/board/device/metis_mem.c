// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Emulated Metis: device memory, counters and the police.
 */
#include "metis.h"

/* Longer logs of the same violation do not help */
#define POLICE_PRINTS	32

void metis_count_add(MetisState *s, unsigned int reg, uint64_t n)
{
	s->count[(reg - METIS_LAB_BAR0_READS) / 4] += n;
}

static const char *const police_name[METIS_POLICE_COUNT] = {
#define NAME(name, number, text)	[number] = #name,
	METIS_POLICE_KINDS(NAME)
#undef NAME
};

void metis_police(MetisState *s, enum metis_police kind, uint64_t offset, uint64_t value)
{
	s->police[kind]++;
	s->police_total++;
	s->police_kind = kind;
	s->police_offset = offset;
	s->police_value = value;
	if (s->police_printed[kind]++ < POLICE_PRINTS)
		fprintf(stderr, "metis: police: %s offset 0x%" PRIx64 " value 0x%" PRIx64 "\n",
			police_name[kind], offset, value);
}

void metis_note(MetisState *s, const char *fmt, ...)
{
	va_list ap;

	if (!s->verbose)
		return;
	fprintf(stderr, "metis: %" PRId64 " us: ", metis_now() / 1000);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* Host pointer to [addr, addr + len) of device memory, or NULL when any byte lies outside */
uint8_t *metis_mem(MetisState *s, uint64_t addr, uint64_t len)
{
	if (metis_in_l2(addr)) {
		uint64_t off = addr - METIS_L2_BASE;

		return len <= METIS_L2_SIZE - off ? s->l2 + off : NULL;
	}
	if (addr >= METIS_EMU_DDR_BASE && addr - METIS_EMU_DDR_BASE < s->ddr_size) {
		uint64_t off = addr - METIS_EMU_DDR_BASE;

		return len <= s->ddr_size - off ? s->ddr + off : NULL;
	}
	return NULL;
}

/* The engine, firmware or the lab has written device memory: let firmware and QEMU see it */
void metis_mem_written(MetisState *s, uint64_t addr, uint64_t len)
{
	uint64_t off = addr - METIS_L2_BASE;

	if (!metis_in_l2(addr) || !len)
		return;
	memory_region_set_dirty(&s->l2_mr, off, MIN(len, METIS_L2_SIZE - off));
	if (off < METIS_SHARED_SIZE)
		metis_fw_touched(s, off, len);
}

/* CRC-32 as in IEEE 802.3 and zlib, eight bytes a round: the lab sums megabytes with it */
uint32_t metis_crc32(const uint8_t *p, uint64_t len)
{
	static uint32_t table[8][256];
	uint32_t crc = ~0u;

	if (!table[0][1]) {
		for (unsigned int i = 0; i < 256; i++) {
			uint32_t c = i;

			for (int k = 0; k < 8; k++)
				c = (c >> 1) ^ (c & 1 ? 0xedb88320u : 0);
			table[0][i] = c;
		}
		for (unsigned int i = 0; i < 256; i++)
			for (int k = 1; k < 8; k++)
				table[k][i] = (table[k - 1][i] >> 8) ^
					      table[0][table[k - 1][i] & 0xff];
	}
	for (; len >= 8; len -= 8, p += 8) {
		uint32_t a = crc ^ get32(p), b = get32(p + 4);

		crc = table[7][a & 0xff] ^ table[6][a >> 8 & 0xff] ^
		      table[5][a >> 16 & 0xff] ^ table[4][a >> 24] ^
		      table[3][b & 0xff] ^ table[2][b >> 8 & 0xff] ^
		      table[1][b >> 16 & 0xff] ^ table[0][b >> 24];
	}
	while (len--)
		crc = (crc >> 8) ^ table[0][(crc ^ *p++) & 0xff];
	return ~crc;
}
