/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What must hold of any image that axl_elf_parse() accepts, checked without its
 * help: sums are made in 128 bits, where they cannot wrap.
 */
#ifndef AXL_ELF_ORACLE_H
#define AXL_ELF_ORACLE_H

#include "axl_elf.h"

__extension__ typedef unsigned __int128 elf_wide;

static inline bool elf_disjoint(u64 base1, u64 size1, u64 base2, u64 size2)
{
	return !size1 || !size2 || (elf_wide)base1 + size1 <= base2 ||
	       (elf_wide)base2 + size2 <= base1;
}

/* Return: NULL, or what does not hold. */
static inline const char *elf_oracle(size_t image_size,
				     const struct axl_elf_limits *limits,
				     const struct axl_elf *elf)
{
	bool entry_in_file = false;
	elf_wide total = 0;
	unsigned int i, j;

	if (!elf->nr_segments || elf->nr_segments > AXL_ELF_MAX_SEGMENTS)
		return "number of segments";

	for (i = 0; i < elf->nr_segments; i++) {
		const struct axl_elf_segment *seg = &elf->segments[i];
		bool allowed = false;

		if (!seg->mem_size || seg->file_size > seg->mem_size)
			return "sizes of a segment";
		if ((elf_wide)seg->file_offset + seg->file_size > image_size)
			return "segment outside the file";
		if (((elf_wide)seg->dev_addr + seg->mem_size - 1) >> 64)
			return "segment wraps";
		for (j = 0; j < limits->nr_allow; j++)
			if (seg->dev_addr >= limits->allow[j].base &&
			    (elf_wide)seg->dev_addr + seg->mem_size <=
			    (elf_wide)limits->allow[j].base +
			    limits->allow[j].size)
				allowed = true;
		if (!allowed)
			return "segment not where it may be";
		for (j = 0; j < limits->nr_deny; j++)
			if (!elf_disjoint(seg->dev_addr, seg->mem_size,
					  limits->deny[j].base,
					  limits->deny[j].size))
				return "segment where it may not be";
		for (j = 0; j < i; j++)
			if (!elf_disjoint(seg->dev_addr, seg->mem_size,
					  elf->segments[j].dev_addr,
					  elf->segments[j].mem_size))
				return "segments overlap";
		if (elf->entry >= seg->dev_addr &&
		    elf->entry < (elf_wide)seg->dev_addr + seg->file_size)
			entry_in_file = true;
		total += seg->mem_size;
	}
	if (total != elf->total || total > limits->max_total)
		return "total";
	if (!entry_in_file || elf->entry % 2)
		return "entry point";
	return NULL;
}

#endif
