/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What must hold of whatever the parsers of the shared area let through.
 */
#ifndef AXL_LAYOUT_ORACLE_H
#define AXL_LAYOUT_ORACLE_H

#include <string.h>

#include "axl_layout.h"

static inline const char *ref_oracle(const struct axl_ref *ref, u64 bar2_size,
				     u32 align, u32 min_size)
{
	static const struct axl_ref none;

	if (!ref->valid)
		return memcmp(ref, &none, sizeof(none)) ?
		       "rest of an invalid reference" : NULL;
	if (ref->size < min_size)
		return "reference too small";
	if ((u64)ref->offset + ref->size > bar2_size)
		return "reference outside BAR2";
	if (ref->offset < 0x300 || ref->offset % align)
		return "place of a reference";
	return NULL;
}

/* Return: NULL, or what does not hold. */
static inline const char *layout_oracle(const struct axl_layout *l, int ret,
					u64 bar2_size)
{
	const char *wrong;

	/* L2 can be addressed after an error, too */
	if (!l->l2_base || l->l2_base % 4096 || l->l2_base + bar2_size < bar2_size)
		return "base of L2";
	if (l->area_size < 0x800 || (!ret && l->area_size > bar2_size))
		return "size of the shared area";
	if (ret && (l->ddr_base || l->dma_vm || l->has_header ||
		    axl_layout_has_areas(l) || l->board_info.valid))
		return "something believed after an error";
	if (l->ddr_base + (16ull << 30) < l->ddr_base)
		return "DDR wraps";
	if (l->ddr_base && l->ddr_base + (1ull << 30) > l->l2_base &&
	    l->ddr_base < l->l2_base + bar2_size)
		return "DDR overlaps L2";
	if (l->complaint && (!*l->complaint || strchr(l->complaint, '\n')))
		return "complaint";
	wrong = ref_oracle(&l->streams, bar2_size, 8, 264);
	if (!wrong)
		wrong = ref_oracle(&l->board_info, bar2_size, 1, 1);
	if (!wrong)
		wrong = ref_oracle(&l->contexts, bar2_size, 8, 320);
	if (!wrong)
		wrong = ref_oracle(&l->hostif, bar2_size, 4, 24);
	if (!wrong)
		wrong = ref_oracle(&l->dma_desc, bar2_size, 8, 16);
	if (!wrong)
		wrong = ref_oracle(&l->vmsi, bar2_size, 4, 260);
	return wrong;
}

static inline bool ref_touched(const struct axl_ref *ref, u32 offset, u32 size)
{
	return ref->valid && (u64)ref->offset + ref->size > offset &&
	       (u64)offset + size > ref->offset;
}

static inline const char *dma_desc_oracle(const struct axl_layout *l,
					  u64 bar2_size, u32 offset, u32 size)
{
	u32 elems = axl_layout_list_elems(size);

	if (offset % 8 || (u64)offset + size > bar2_size)
		return "lists outside BAR2";
	if (offset < 0x800)
		return "lists on the shared area";
	if (elems < 4 || elems > 170 || 8ull * elems * 24 > size)
		return "elements of a list";
	if (ref_touched(&l->streams, offset, size) ||
	    ref_touched(&l->board_info, offset, size) ||
	    ref_touched(&l->contexts, offset, size) ||
	    ref_touched(&l->hostif, offset, size) ||
	    ref_touched(&l->vmsi, offset, size))
		return "lists on another area";
	if (l->dma_desc.valid && offset < l->dma_desc.offset + 16 &&
	    (u64)offset + size > l->dma_desc.offset)
		return "lists on their own descriptor";
	return NULL;
}

static inline const char *vmsi_oracle(const struct axl_vmsi_cfg *cfg)
{
	unsigned int i;

	if (cfg->nr_vmsi > 1024 || cfg->nr_pmsi > 32)
		return "counts";
	for (i = 0; i < 1024; i++) {
		if (cfg->pmsi_of[i] >= 32 && cfg->pmsi_of[i] != 0xff)
			return "message number";
		if (i >= cfg->nr_vmsi && cfg->pmsi_of[i] != 0xff)
			return "message of a virtual interrupt that is not";
	}
	return NULL;
}

static inline const char *stream_oracle(const struct axl_stream *s,
					size_t snap_len, u64 bar2_size)
{
	const char *p;

	if (s->record < 264 || s->record % 8 || s->record + 80 > snap_len)
		return "record outside the snapshot";
	if (!s->capacity || s->capacity > s->ring_size ||
	    s->read_pos >= s->capacity || s->write_pos >= s->capacity)
		return "positions";
	if ((u64)s->ring_offset + s->ring_size > bar2_size)
		return "ring outside BAR2";
	if (s->vmsi > 1023 || s->type > 1)
		return "number or type";
	if (strnlen(s->name, sizeof(s->name)) > 32)
		return "name without an end";
	for (p = s->name; *p; p++)
		if (*p <= ' ' || *p > '~')
			return "name not printable";
	return NULL;
}

#endif
