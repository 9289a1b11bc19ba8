// SPDX-License-Identifier: GPL-2.0
/*
 * Parsing of the shared area: see axl_layout.h.
 */
#include <linux/bitfield.h>
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/string.h>
#include <linux/types.h>

#include "axl_layout.h"
#include "axl_le.h"

/* Granularity of the PCIe controller's windows. */
#define L2_BASE_ALIGN		0x1000

static bool all_ones(const u8 *p, size_t len)
{
	while (len--)
		if (*p++ != 0xff)
			return false;
	return true;
}

static bool all_zeroes(const u8 *p, size_t len)
{
	while (len--)
		if (*p++)
			return false;
	return true;
}

static bool touches(u64 base1, u64 size1, u64 base2, u64 size2)
{
	return base1 < base2 ? base2 - base1 < size1 : base1 - base2 < size2;
}

/* Convert a device address range to an offset in BAR2; false if outside. */
static bool l2_offset(const struct axl_layout *layout, u64 bar2_size, u64 addr,
		      u64 size, u32 *offset)
{
	u64 off = addr - layout->l2_base;

	/* BAR2 is a 32-bit BAR, hence an offset in it fits @offset. */
	if (bar2_size > U32_MAX)
		return false;
	if (addr < layout->l2_base || size > bar2_size || off > bar2_size - size)
		return false;
	*offset = off;
	return true;
}

/* Only the first complaint is kept: it is usually the cause of the others. */
static void complain(struct axl_layout *out, const char *text)
{
	if (!out->complaint)
		out->complaint = text;
}

/**
 * struct ref_rule - conditions that a reference must meet
 * @at: offset of the reference in the shared area
 * @magic: expected magic, or 0 if unknown
 * @align: alignment of the area that the driver's accesses need, bytes
 * @min_size: bytes of the area that the driver needs
 * @complaint: constant text if a condition is not met
 */
struct ref_rule {
	u16 at;
	u16 magic;
	u16 align;
	u16 min_size;
	const char *complaint;
};

static const struct ref_rule rule_streams = {
	.at = AXL_AREA_REF_STREAMS,
	.magic = AXL_REF_MAGIC_STREAMS,
	.align = 8,
	.min_size = AXL_STREAMS_RECORDS,
	.complaint = "bad reference to the data streams",
};

static const struct ref_rule rule_board_info = {
	.at = AXL_AREA_REF_BOARD_INFO,
	.align = 1,
	.min_size = 1,
	.complaint = "bad reference to the board info",
};

static const struct ref_rule rule_contexts = {
	.at = AXL_AREA_REF_CONTEXTS,
	.align = 8,
	.min_size = AXL_CONTEXT_COUNT * AXL_CONTEXT_BYTES,
	.complaint = "bad reference to the contexts",
};

static const struct ref_rule rule_hostif = {
	.at = AXL_AREA_REF_HOSTIF,
	.magic = AXL_REF_MAGIC_HOSTIF,
	.align = 4,
	.min_size = AXL_HOSTIF_BYTES,
	.complaint = "bad reference to the host-driver area",
};

static const struct ref_rule rule_dma_desc = {
	.at = AXL_AREA_REF_DMA_DESC,
	.magic = AXL_REF_MAGIC_DMA_DESC,
	.align = 8,
	.min_size = AXL_DMA_DESC_BYTES,
	.complaint = "bad reference to the DMA descriptor area",
};

static const struct ref_rule rule_vmsi = {
	.at = AXL_AREA_REF_VMSI,
	.magic = AXL_REF_MAGIC_VMSI,
	.align = 4,
	.min_size = AXL_VMSI_MAP,
	.complaint = "bad reference to the virtual-MSI configuration",
};

static void parse_ref(const u8 *area, u64 bar2_size,
		      const struct ref_rule *rule, struct axl_layout *out,
		      struct axl_ref *ref)
{
	const u8 *p = area + rule->at;
	u16 magic = axl_le16(p + AXL_REF_MAGIC);
	u32 size = axl_le32(p + AXL_REF_SIZE);
	u64 offset = axl_le64(p + AXL_REF_OFFSET);
	bool magic_ok;

	if (all_zeroes(p, AXL_REF_BYTES))
		return;		/* not published: no error */

	magic_ok = rule->magic ? magic == rule->magic : magic && magic != 0xffff;
	/*
	 * An area must not overlap header, mailbox and references: the host
	 * writes to some areas and would overwrite the references.
	 */
	if (!magic_ok || size < rule->min_size ||
	    axl_le16(p + AXL_REF_MEMORY) != AXL_AREA_MEMORY_L2 ||
	    size > bar2_size || offset > bar2_size - size ||
	    offset < AXL_AREA_REF_END || (offset & (rule->align - 1))) {
		complain(out, rule->complaint);
		return;
	}

	ref->valid = true;
	ref->major = p[AXL_REF_MAJOR];
	ref->minor = p[AXL_REF_MINOR];
	ref->size = size;
	ref->offset = offset;
}

static bool l2_base_plausible(u64 base, u64 bar2_size)
{
	u64 end;

	return base && base % L2_BASE_ALIGN == 0 &&
	       !check_add_overflow(base, bar2_size, &end);
}

static void parse_memory(const u8 *area, u64 bar2_size, struct axl_layout *out)
{
	u64 l2 = axl_le64(area + AXL_AREA_MEMORY_MAP(AXL_AREA_MEMORY_L2));
	u64 ddr = axl_le64(area + AXL_AREA_MEMORY_MAP(AXL_AREA_MEMORY_DDR));
	u64 base, reserved;

	/* The header is newer; if both bases are given they must be equal. */
	if (l2) {
		if (l2_base_plausible(l2, bar2_size))
			out->l2_base = l2;
		else
			complain(out, "memory map: impossible base of L2");
	}
	if (out->has_header) {
		base = axl_le64(area + AXL_AREA_BASE);
		reserved = axl_le64(area + AXL_AREA_RESERVED);

		if (!l2_base_plausible(base, bar2_size)) {
			complain(out, "header: impossible base of L2");
		} else if (l2_base_plausible(l2, bar2_size) && l2 != base) {
			/* trust neither: lists would go to a wrong place */
			out->l2_base = AXL_L2_BASE_FALLBACK;
			complain(out, "header and memory map disagree on L2");
		} else {
			out->l2_base = base;
		}
		if (reserved >= AXL_AREA_SIZE && reserved <= bar2_size)
			out->area_size = reserved;
		else
			complain(out, "header: impossible size");
	}

	/* Even the smallest DDR must not reach into L2. */
	if (!ddr)
		return;
	if (ddr > U64_MAX - AXL_DDR_MAX ||
	    touches(ddr, AXL_DDR_MIN, out->l2_base, bar2_size))
		complain(out, "memory map: impossible base of DDR");
	else
		out->ddr_base = ddr;
}

/* Distinguish firmware without a header from memory that was never written. */
static bool layout_written(const u8 *area)
{
	static const struct ref_rule *const rules[] = {
		&rule_streams, &rule_hostif, &rule_dma_desc, &rule_vmsi,
	};
	u16 version = axl_le16(area + AXL_AREA_VERSION);
	unsigned int i;

	if (version != 0 && version != 0xffff)
		return true;
	for (i = 0; i < ARRAY_SIZE(rules); i++)
		if (axl_le16(area + rules[i]->at) == rules[i]->magic)
			return true;
	return false;
}

int axl_layout_parse(const void *area, size_t area_len, u64 bar2_size,
		     struct axl_layout *out)
{
	const u8 *p = area;

	memset(out, 0, sizeof(*out));
	out->l2_base = AXL_L2_BASE_FALLBACK;
	out->area_size = AXL_AREA_SIZE;

	if (area_len < AXL_AREA_SIZE || bar2_size < AXL_AREA_SIZE ||
	    bar2_size > U32_MAX)
		return -EINVAL;
	/*
	 * Checking this part is enough: if the link dies during the snapshot,
	 * its end reads as all ones, not its beginning.
	 */
	if (all_ones(p + AXL_AREA_VERSION, AXL_AREA_REF_END - AXL_AREA_VERSION))
		return -EIO;

	out->has_header = axl_le16(p + AXL_AREA_MAGIC) == AXL_AREA_MAGIC_VALUE;
	if (!out->has_header && !layout_written(p))
		return -ENODATA;

	out->major = p[AXL_AREA_VERSION];
	out->minor = p[AXL_AREA_VERSION + 1];
	out->dma_vm = axl_le32(p + AXL_AREA_DMA_VM) == AXL_AREA_DMA_VM_VALUE;
	parse_memory(p, bar2_size, out);

	parse_ref(p, bar2_size, &rule_streams, out, &out->streams);
	parse_ref(p, bar2_size, &rule_board_info, out, &out->board_info);
	parse_ref(p, bar2_size, &rule_contexts, out, &out->contexts);
	parse_ref(p, bar2_size, &rule_hostif, out, &out->hostif);
	parse_ref(p, bar2_size, &rule_dma_desc, out, &out->dma_desc);
	parse_ref(p, bar2_size, &rule_vmsi, out, &out->vmsi);
	return 0;
}

bool axl_layout_has_areas(const struct axl_layout *layout)
{
	return layout->streams.valid || layout->contexts.valid ||
	       layout->hostif.valid || layout->dma_desc.valid ||
	       layout->vmsi.valid;
}

int axl_layout_parse_dma_desc(const void *snap, size_t len,
			      const struct axl_layout *layout, u64 bar2_size,
			      u32 *offset, u32 *size)
{
	const struct axl_ref *others[] = {
		&layout->streams, &layout->board_info, &layout->contexts,
		&layout->hostif, &layout->vmsi,
	};
	const u8 *p = snap;
	u64 addr, bytes;
	unsigned int i;
	u32 off;

	if (len < AXL_DMA_DESC_BYTES)
		return -EINVAL;
	if (all_ones(p, AXL_DMA_DESC_BYTES))
		return -EIO;

	addr = axl_le64(p + AXL_DMA_DESC_ADDR);
	bytes = axl_le64(p + AXL_DMA_DESC_SIZE);
	if (addr % AXL_EDMA_ELEM_ALIGN ||
	    bytes < AXL_LIST_COUNT * AXL_LIST_MIN_ELEMS * AXL_EDMA_ELEM_BYTES)
		return -EINVAL;
	if (!l2_offset(layout, bar2_size, addr, bytes, &off))
		return -ERANGE;

	/*
	 * Firmware would read a list in another area as the content of that
	 * area: in the host-driver area, as the target of its slot writes.
	 */
	if (touches(off, bytes, 0, AXL_AREA_SIZE))
		return -ERANGE;
	for (i = 0; i < ARRAY_SIZE(others); i++)
		if (others[i]->valid &&
		    touches(off, bytes, others[i]->offset, others[i]->size))
			return -ERANGE;
	/* The buffer may follow its descriptor in the same area. */
	if (layout->dma_desc.valid &&
	    touches(off, bytes, layout->dma_desc.offset, AXL_DMA_DESC_BYTES))
		return -ERANGE;

	*offset = off;
	*size = bytes;
	return 0;
}

int axl_layout_parse_vmsi(const void *snap, size_t len,
			  struct axl_vmsi_cfg *out)
{
	const u8 *p = snap;
	unsigned int i, mapped;

	if (len < AXL_VMSI_MAP)
		return -EINVAL;
	if (all_ones(p, AXL_VMSI_MAP))
		return -EIO;

	out->nr_vmsi = min_t(u16, axl_le16(p + AXL_VMSI_NUM_VMSI), AXL_VMSI_MAX);
	out->nr_pmsi = min_t(u16, axl_le16(p + AXL_VMSI_NUM_PMSI), AXL_PMSI_MAX);

	memset(out->pmsi_of, AXL_PMSI_UNKNOWN, sizeof(out->pmsi_of));
	mapped = min_t(size_t, out->nr_vmsi, len - AXL_VMSI_MAP);
	for (i = 0; i < AXL_PMSI_MAX; i++) {
		const u8 *entry = p + AXL_VMSI_ENTRIES + i * AXL_VMSI_ENTRY_BYTES;
		unsigned int n = axl_le16(entry + AXL_VMSI_ENTRY_FIRST);
		unsigned int last = axl_le16(entry + AXL_VMSI_ENTRY_LAST);

		if (entry[AXL_VMSI_ENTRY_ENABLED] != 1 ||
		    entry[AXL_VMSI_ENTRY_SOURCE] != AXL_VMSI_SOURCE_FIRMWARE)
			continue;
		for (; n <= last && n < mapped; n++)
			if (p[AXL_VMSI_MAP + n] < AXL_PMSI_MAX)
				out->pmsi_of[n] = p[AXL_VMSI_MAP + n];
	}
	return 0;
}

int axl_layout_parse_context(const void *snap80, struct axl_context *out)
{
	const u8 *p = snap80;

	if (all_ones(p, AXL_CONTEXT_BYTES))
		return -EIO;

	out->aicore_mask = axl_le64(p + 0x00);
	out->l2_base = axl_le64(p + 0x08);
	out->l2_size = axl_le64(p + 0x10);
	out->ddr_base = axl_le64(p + 0x18);
	out->ddr_size = axl_le64(p + 0x20);
	out->msi = axl_le64(p + 0x28);
	out->cmd = axl_le64(p + 0x30);
	out->sts = (s64)axl_le64(p + AXL_CONTEXT_STS);
	out->arg = axl_le64(p + 0x40);
	out->elf_base = axl_le64(p + 0x48);
	return 0;
}

/* Replace control characters, which must not reach logs and sysfs. */
static void copy_name(char *name, const u8 *p)
{
	unsigned int i;

	for (i = 0; i < AXL_STREAM_NAME_BYTES && p[i]; i++)
		name[i] = p[i] > ' ' && p[i] <= '~' ? p[i] : '_';
	name[i] = '\0';
}

int axl_layout_parse_stream(const void *snap, size_t len,
			    const struct axl_layout *layout, u64 bar2_size,
			    unsigned int source, struct axl_stream *out)
{
	const u8 *p = snap;
	unsigned int index;
	u64 ring_size;
	u32 reg;

	if (len < AXL_STREAMS_RECORDS)
		return -EINVAL;
	if (all_ones(p, AXL_STREAMS_RECORDS))
		return -EIO;
	if (source >= AXL_STREAMS_SOURCES)
		return -ENOENT;
	index = p[AXL_STREAMS_INDEX + source];
	if (index == AXL_STREAMS_INDEX_NONE)
		return -ENOENT;
	if (index >= axl_le32(p + AXL_STREAMS_COUNT))
		return -EINVAL;

	memset(out, 0, sizeof(*out));
	out->record = AXL_STREAMS_RECORDS + index * AXL_STREAM_BYTES;
	if (len < out->record + AXL_STREAM_BYTES)
		return -ERANGE;
	p += out->record;
	if (all_ones(p, AXL_STREAM_BYTES))
		return -EIO;

	out->read_pos = axl_le32(p + AXL_STREAM_READ_POS);
	out->write_pos = axl_le32(p + AXL_STREAM_WRITE_POS);
	out->capacity = axl_le32(p + AXL_STREAM_CAPACITY);
	out->type = axl_le32(p + AXL_STREAM_TYPE);
	ring_size = axl_le64(p + AXL_STREAM_RING_SIZE);
	/* A position below the capacity also excludes a capacity of 0. */
	if (out->read_pos >= out->capacity || out->write_pos >= out->capacity ||
	    out->capacity > ring_size || out->type > AXL_STREAM_TYPE_BINARY)
		return -EINVAL;
	if (!l2_offset(layout, bar2_size, axl_le64(p + AXL_STREAM_RING_ADDR),
		       ring_size, &out->ring_offset))
		return -ERANGE;
	out->ring_size = ring_size;

	reg = axl_le32(p + AXL_STREAM_REG);
	out->vmsi = FIELD_GET(AXL_STREAM_REG_VMSI, reg);
	out->enabled = reg & AXL_STREAM_REG_ENABLED;
	copy_name(out->name, p + AXL_STREAM_NAME);
	return 0;
}
