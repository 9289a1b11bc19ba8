/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Convert the segments of a mapped buffer to the elements of an engine list.
 *
 * Pure: no kernel services, no allocation, no I/O; see axl_elf.h.
 */
#ifndef AXL_EDMA_LIST_H
#define AXL_EDMA_LIST_H

#include <linux/sizes.h>
#include <linux/types.h>

/*
 * Maximum bytes of one element or single-block transfer. The size register has
 * 32 bits; a power of two preserves the alignment for the next element.
 * (hardware-notes: DMA engine)
 */
#define AXL_ELEM_MAX		SZ_2G

/**
 * struct axl_seg - a bus-contiguous piece of a buffer
 * @addr: bus address (an IOVA behind an IOMMU)
 * @len: bytes
 * @start: offset in the buffer: the sum of @len of the pieces before
 */
struct axl_seg {
	u64 addr;
	u64 len;
	u64 start;
};

/**
 * struct axl_elem - a list element, in CPU byte order
 * @control: AXL_EDMA_CB, AXL_EDMA_RIE
 * @size: bytes to move
 * @sar: source: a bus address on a read channel, a device address on a write
 *	channel
 * @dar: destination: a device address on a read channel, a bus address on a
 *	write channel
 *
 * Not the layout in device memory: the caller writes each field with an
 * accessor at AXL_EDMA_ELEM_*.
 */
struct axl_elem {
	u32 control;
	u32 size;
	u64 sar;
	u64 dar;
};

/**
 * struct axl_cursor - position up to which a transfer was turned into elements
 * @seg: index of the current segment
 * @seg_off: offset in that segment, at most its length
 * @left: bytes not yet covered by an element
 * @dev_addr: device address of the next byte
 *
 * A plain value: copy it to save a position, assign it to restore one.
 */
struct axl_cursor {
	unsigned int seg;
	u64 seg_off;
	u64 left;
	u64 dev_addr;
};

/**
 * axl_cursor_init() - set a cursor to the start of a transfer
 * @cur: the cursor
 * @segs: segments of the buffer
 * @nr: entries of @segs
 * @offset: first byte of the transfer, in the buffer
 * @length: bytes to transfer
 * @dev_addr: first byte of the transfer, on the device
 *
 * Return: 0, -EINVAL (@length is 0) or -ERANGE ([@offset, @offset + @length) is
 * not inside the buffer, or @dev_addr + @length wraps).
 */
int axl_cursor_init(struct axl_cursor *cur, const struct axl_seg *segs,
		    unsigned int nr, u64 offset, u64 length, u64 dev_addr);

/**
 * axl_cursor_next() - build the next element of a transfer
 * @cur: the cursor; moved behind the element
 * @segs: segments of the buffer
 * @nr: entries of @segs
 * @to_device: direction: true for a read channel
 * @elem: the element, at most %AXL_ELEM_MAX bytes, with only AXL_EDMA_CB set
 *
 * Return: true, or false with @elem unchanged if nothing is left.
 */
bool axl_cursor_next(struct axl_cursor *cur, const struct axl_seg *segs,
		     unsigned int nr, bool to_device, struct axl_elem *elem);

/**
 * axl_list_fill() - build a list, or the next part of a long one
 * @cur: the cursor; moved behind the last data element
 * @segs: segments of the buffer
 * @nr: entries of @segs
 * @to_device: direction: true for a read channel
 * @out: room for @max elements
 * @max: at least 2: data elements and the terminator
 *
 * Writes up to @max - 1 data elements, the last of which raises the remote
 * interrupt, and behind them a terminator: an element whose cycle bit differs
 * from that of a channel started with AXL_EDMA_CCS, so that the engine stops
 * there.
 *
 * Return: elements written including the terminator; 0 if nothing is left or
 * @max has no room for a data element.
 */
unsigned int axl_list_fill(struct axl_cursor *cur, const struct axl_seg *segs,
			   unsigned int nr, bool to_device,
			   struct axl_elem *out, unsigned int max);

/**
 * axl_cursor_single() - check whether one element covers the rest
 * @cur: the cursor
 * @segs: segments of the buffer
 * @nr: entries of @segs
 *
 * Return: true if something is left and one element covers all of it.
 */
bool axl_cursor_single(const struct axl_cursor *cur, const struct axl_seg *segs,
		       unsigned int nr);

#endif /* AXL_EDMA_LIST_H */
