/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The area at the start of L2 that firmware shares with the host.
 *
 * Pure: no kernel services, no allocation, no I/O; see axl_elf.h. The caller
 * takes a snapshot with memcpy_fromio(), so that a value cannot change between
 * its check and its use. The content is not trusted.
 */
#ifndef AXL_LAYOUT_H
#define AXL_LAYOUT_H

#include <linux/bits.h>
#include <linux/minmax.h>
#include <linux/sizes.h>
#include <linux/types.h>

#include "axl_edma_regs.h"

/* Offsets in BAR2, and magics (hardware-notes: Shared area) */
#define AXL_AREA_SIZE			0x800	/* with the bootloader's part */

#define AXL_AREA_MAGIC			0x000	/* 16 bits; newer firmware */
#define   AXL_AREA_MAGIC_VALUE		0xfd1f
#define AXL_AREA_BASE			0x008	/* 64 bits; valid with the magic */
#define AXL_AREA_RESERVED		0x010	/* 64 bits; valid with the magic */
#define AXL_AREA_MBOX_OPCODE		0x0b0	/* 32 bits */
#define AXL_AREA_MBOX_SIZE		0x0b4	/* 32 bits */
#define AXL_AREA_MBOX_MSG		0x0b8
#define   AXL_AREA_MBOX_MSG_BYTES	256
#define AXL_AREA_VERSION		0x200	/* 8 bits major, 8 bits minor */
#define AXL_AREA_MEMORY_MAP(n)		(0x208 + 8 * (n))	/* 64 bits */
#define   AXL_AREA_MEMORY_L2		0
#define   AXL_AREA_MEMORY_DDR		1
#define AXL_AREA_DMA_VM			0x218	/* 32 bits */
#define   AXL_AREA_DMA_VM_VALUE		0xc1a0c1a0u
#define AXL_AREA_FW_LOAD_ADDR		0x238	/* 64 bits */
#define AXL_AREA_REF_STREAMS		0x240
#define AXL_AREA_REF_BOARD_INFO		0x258
#define AXL_AREA_REF_CONTEXTS		0x288
#define AXL_AREA_REF_HOSTIF		0x2b8
#define AXL_AREA_REF_DMA_DESC		0x2d0
#define AXL_AREA_REF_VMSI		0x2e8
#define AXL_AREA_REF_END		0x300	/* of header, mailbox and references */
#define AXL_AREA_BOOTLOADER		0x400

/* A reference to another area */
#define AXL_REF_MAGIC			0x00	/* 16 bits */
#define   AXL_REF_MAGIC_STREAMS		0xf0f0
#define   AXL_REF_MAGIC_HOSTIF		0xbac1
#define   AXL_REF_MAGIC_DMA_DESC	0xd4d4
#define   AXL_REF_MAGIC_VMSI		0xb5b5
#define AXL_REF_MAJOR			0x02	/* 8 bits */
#define AXL_REF_MINOR			0x03	/* 8 bits */
#define AXL_REF_SIZE			0x04	/* 32 bits */
#define AXL_REF_OFFSET			0x08	/* 64 bits, from the start of BAR2 */
#define AXL_REF_MEMORY			0x10	/* 16 bits, AXL_AREA_MEMORY_* */
#define AXL_REF_BYTES			24

/* Device address of L2 unless firmware publishes one */
#define AXL_L2_BASE_FALLBACK		0x08000000u

/* Range of DDR sizes of boards (hardware-notes: Firmware life cycle) */
#define AXL_DDR_MIN			SZ_1G
#define AXL_DDR_MAX			SZ_16G

/* Host-driver area (hardware-notes: Interrupts) */
#define AXL_HOSTIF_CTRL			0x00	/* 32 bits */
#define   AXL_HOSTIF_CTRL_VALID		1
#define AXL_HOSTIF_BASE			0x04	/* 32 bits */
#define AXL_HOSTIF_TARGET		0x08	/* 64 bits; only 4-byte aligned */
#define AXL_HOSTIF_SIZE			0x10	/* 32 bits */
#define AXL_HOSTIF_BYTES		24

/* DMA descriptor area, and the place of lists in firmware without it */
#define AXL_DMA_DESC_ADDR		0x00	/* 64 bits, a device address */
#define AXL_DMA_DESC_SIZE		0x08	/* 64 bits */
#define AXL_DMA_DESC_BYTES		16
#define AXL_LIST_FALLBACK_OFFSET	0x1ff8080u
#define AXL_LIST_FALLBACK_SIZE		32640u
#define AXL_LIST_ELEMS			170	/* per list, if there is room */
#define AXL_LIST_MIN_ELEMS		4	/* two halves: data and terminator */
#define AXL_LIST_COUNT			(2 * AXL_EDMA_MAX_CHANNELS)

/* Virtual-MSI configuration (hardware-notes: Interrupts) */
#define AXL_VMSI_NUM_VMSI		0x00	/* 16 bits */
#define AXL_VMSI_NUM_PMSI		0x02	/* 16 bits */
#define AXL_VMSI_ENTRIES		0x04	/* one per physical message */
#define   AXL_VMSI_ENTRY_BYTES		8
#define   AXL_VMSI_ENTRY_ENABLED	0x00	/* 8 bits */
#define   AXL_VMSI_ENTRY_SOURCE		0x01	/* 8 bits */
#define     AXL_VMSI_SOURCE_FIRMWARE	0
#define   AXL_VMSI_ENTRY_FIRST		0x04	/* 16 bits, a slot */
#define   AXL_VMSI_ENTRY_LAST		0x06	/* 16 bits, a slot */
#define AXL_VMSI_MAP			0x104	/* 8 bits per virtual MSI */
#define AXL_VMSI_MAX			1024	/* slots of the table */
#define AXL_PMSI_MAX			32
#define AXL_PMSI_UNKNOWN		0xff

/* Contexts (hardware-notes: Contexts, mailbox, streams) */
#define AXL_CONTEXT_COUNT		4
#define AXL_CONTEXT_BYTES		80
#define AXL_CONTEXT_STS			0x38	/* 64 bits, signed */

/* Data streams (hardware-notes: Contexts, mailbox, streams) */
#define AXL_STREAMS_COUNT		0x000	/* 32 bits */
#define AXL_STREAMS_INDEX		0x004	/* 8 bits per source */
#define   AXL_STREAMS_INDEX_NONE	0xff
#define AXL_STREAMS_RECORDS		0x108
#define AXL_STREAMS_SOURCES		256
#define AXL_STREAMS_MAX			255	/* records an index can name */
#define AXL_STREAM_READ_POS		0x00	/* 32 bits, set by the host */
#define AXL_STREAM_CAPACITY		0x04	/* 32 bits */
#define AXL_STREAM_WRITE_POS		0x08	/* 32 bits, set by firmware */
#define AXL_STREAM_REG			0x0c	/* 32 bits */
#define   AXL_STREAM_REG_VMSI		GENMASK(9, 0)
#define   AXL_STREAM_REG_ENABLED	BIT(31)
#define AXL_STREAM_RING_ADDR		0x10	/* 64 bits, a device address */
#define AXL_STREAM_RING_SIZE		0x18	/* 64 bits */
#define AXL_STREAM_TYPE			0x20	/* 32 bits */
#define   AXL_STREAM_TYPE_TEXT		0
#define   AXL_STREAM_TYPE_BINARY	1
#define AXL_STREAM_NAME			0x2c
#define   AXL_STREAM_NAME_BYTES		32
#define AXL_STREAM_BYTES		80

/**
 * struct axl_ref - a reference to another area
 * @valid: all checks passed; the other fields are 0 otherwise
 * @major: major version of the area
 * @minor: minor version of the area
 * @size: bytes of the area; @offset + @size is inside BAR2
 * @offset: of the area in BAR2, aligned for the driver's accesses
 */
struct axl_ref {
	bool valid;
	u8 major;
	u8 minor;
	u32 size;
	u32 offset;
};

/**
 * struct axl_layout - the shared area, checked
 * @has_header: the header's magic is present
 * @l2_base: device address of BAR2 offset 0
 * @area_size: bytes at the start of L2 that firmware reserves, at least
 *	%AXL_AREA_SIZE
 * @major: major version of the layout, 0 unknown
 * @minor: minor version of the layout
 * @ddr_base: device address of DDR, 0 unknown
 * @dma_vm: firmware programs the engine's interrupt messages itself
 * @streams: data streams
 * @board_info: board information
 * @contexts: context records
 * @hostif: host-driver area
 * @dma_desc: DMA descriptor area
 * @vmsi: virtual-MSI configuration
 * @complaint: constant text about the first error found, or NULL
 */
struct axl_layout {
	bool has_header;
	u64 l2_base;
	u64 area_size;
	u16 major;
	u16 minor;
	u64 ddr_base;
	bool dma_vm;
	struct axl_ref streams;
	struct axl_ref board_info;
	struct axl_ref contexts;
	struct axl_ref hostif;
	struct axl_ref dma_desc;
	struct axl_ref vmsi;
	const char *complaint;
};

/**
 * struct axl_vmsi_cfg - the virtual-MSI configuration, checked
 * @nr_vmsi: number of virtual interrupts, at most %AXL_VMSI_MAX
 * @nr_pmsi: number of physical messages, at most %AXL_PMSI_MAX
 * @pmsi_of: message that announces each virtual interrupt; %AXL_PMSI_UNKNOWN if
 *	firmware gives none or an impossible one, or has the slot in no enabled
 *	entry with source firmware: such an event may come without a slot write
 */
struct axl_vmsi_cfg {
	u16 nr_vmsi;
	u16 nr_pmsi;
	u8 pmsi_of[AXL_VMSI_MAX];
};

/**
 * struct axl_context - a context record
 * @aicore_mask: AI cores that belong to the context
 * @l2_base: device address of its part of L2
 * @l2_size: bytes of that part
 * @ddr_base: device address of its part of DDR
 * @ddr_size: bytes of that part
 * @msi: message that announces the end of a job
 * @cmd: command
 * @sts: > 0 running, 0 done, < 0 failed
 * @arg: argument of @cmd
 * @elf_base: device address of the job's code
 *
 * Fields are as firmware wrote them; none is checked.
 */
struct axl_context {
	u64 aicore_mask;
	u64 l2_base;
	u64 l2_size;
	u64 ddr_base;
	u64 ddr_size;
	u64 msi;
	u64 cmd;
	s64 sts;
	u64 arg;
	u64 elf_base;
};

/**
 * struct axl_stream - a data stream, checked
 * @record: offset of its record in the streams area
 * @read_pos: offset of the next byte for the host to read, below @capacity
 * @write_pos: offset of the next byte for firmware to write, below @capacity
 * @capacity: bytes of the ring in use, at most @ring_size
 * @ring_offset: offset of the ring in BAR2
 * @ring_size: bytes of the ring; it ends inside BAR2
 * @type: %AXL_STREAM_TYPE_TEXT or %AXL_STREAM_TYPE_BINARY
 * @vmsi: virtual interrupt that announces data
 * @enabled: @vmsi is enabled
 * @name: printable, NUL-terminated
 */
struct axl_stream {
	u32 record;
	u32 read_pos;
	u32 write_pos;
	u32 capacity;
	u32 ring_offset;
	u32 ring_size;
	u32 type;
	u16 vmsi;
	bool enabled;
	char name[AXL_STREAM_NAME_BYTES + 1];
};

/**
 * axl_layout_parse() - parse and check the shared area
 * @area: snapshot of BAR2 from offset 0
 * @area_len: bytes of @area, at least %AXL_AREA_SIZE
 * @bar2_size: bytes of BAR2, %AXL_AREA_SIZE..U32_MAX
 * @out: always filled in; unknown values get their fallback, so that L2 can be
 *	addressed even after an error
 *
 * A bad value disables only the item that it describes and sets a complaint;
 * the rest of the area is used.
 *
 * Return: 0, -EIO (reads as all ones: the link is dead), -ENODATA (not written
 * by firmware) or -EINVAL (@area_len or @bar2_size out of range).
 */
int axl_layout_parse(const void *area, size_t area_len, u64 bar2_size,
		     struct axl_layout *out);

/**
 * axl_layout_has_areas() - check whether runtime firmware has published areas
 * @layout: from axl_layout_parse()
 *
 * Return: true if a reference that only the runtime firmware writes is valid.
 */
bool axl_layout_has_areas(const struct axl_layout *layout);

/**
 * axl_layout_parse_dma_desc() - get the place of the engine's lists
 * @snap: snapshot of the DMA descriptor area
 * @len: bytes of @snap, at least %AXL_DMA_DESC_BYTES
 * @layout: from axl_layout_parse()
 * @bar2_size: bytes of BAR2
 * @offset: out: offset of the list buffer in BAR2, 8-byte aligned
 * @size: out: bytes of the list buffer, all inside BAR2
 *
 * Return: 0, -EIO (all ones), -EINVAL (@len too small, or the buffer misaligned
 * or too small for one list per channel) or -ERANGE (not inside L2, or overlaps
 * another area). On an error @offset and @size are unchanged.
 */
int axl_layout_parse_dma_desc(const void *snap, size_t len,
			      const struct axl_layout *layout, u64 bar2_size,
			      u32 *offset, u32 *size);

/**
 * axl_layout_list_elems() - get the number of elements of each channel's list
 * @size: bytes of the list buffer, from axl_layout_parse_dma_desc()
 *
 * Return: %AXL_LIST_MIN_ELEMS..%AXL_LIST_ELEMS.
 */
static inline u32 axl_layout_list_elems(u32 size)
{
	u32 elems = size / (AXL_LIST_COUNT * AXL_EDMA_ELEM_BYTES);

	return min_t(u32, elems, AXL_LIST_ELEMS);
}

/**
 * axl_layout_vmsi_len() - get the size of a virtual-MSI configuration snapshot
 * @ref: valid reference to the configuration
 *
 * Return: bytes, at most %AXL_VMSI_MAP + %AXL_VMSI_MAX.
 */
static inline size_t axl_layout_vmsi_len(const struct axl_ref *ref)
{
	return min_t(size_t, ref->size, AXL_VMSI_MAP + AXL_VMSI_MAX);
}

/**
 * axl_layout_parse_vmsi() - parse the virtual-MSI configuration
 * @snap: snapshot of the configuration
 * @len: bytes of @snap, from axl_layout_vmsi_len()
 * @out: filled in on success
 *
 * Return: 0, -EIO (all ones) or -EINVAL (@len too small).
 */
int axl_layout_parse_vmsi(const void *snap, size_t len,
			  struct axl_vmsi_cfg *out);

/**
 * axl_layout_parse_context() - parse a context record
 * @snap80: snapshot of the record, %AXL_CONTEXT_BYTES bytes
 * @out: filled in on success
 *
 * Return: 0 or -EIO (all ones).
 */
int axl_layout_parse_context(const void *snap80, struct axl_context *out);

/**
 * axl_layout_streams_len() - get the size of a snapshot of the streams area
 * @ref: valid reference to the area
 *
 * Return: bytes, enough for every record that an index can name.
 */
static inline size_t axl_layout_streams_len(const struct axl_ref *ref)
{
	return min_t(size_t, ref->size,
		     AXL_STREAMS_RECORDS + AXL_STREAMS_MAX * AXL_STREAM_BYTES);
}

/**
 * axl_layout_parse_stream() - parse the record of one stream
 * @snap: snapshot of the streams area
 * @len: bytes of @snap, from axl_layout_streams_len()
 * @layout: from axl_layout_parse()
 * @bar2_size: bytes of BAR2
 * @source: number of the stream, 0..255
 * @out: filled in on success
 *
 * Return: 0, -EIO (all ones), -ENOENT (no such stream), -EINVAL (malformed) or
 * -ERANGE (record not inside the area, or ring not inside L2).
 */
int axl_layout_parse_stream(const void *snap, size_t len,
			    const struct axl_layout *layout, u64 bar2_size,
			    unsigned int source, struct axl_stream *out);

#endif /* AXL_LAYOUT_H */
