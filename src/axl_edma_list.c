// SPDX-License-Identifier: GPL-2.0
/*
 * Elements for the DMA engine: see axl_edma_list.h.
 */
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/types.h>

#include "axl_edma_list.h"
#include "axl_edma_regs.h"

int axl_cursor_init(struct axl_cursor *cur, const struct axl_seg *segs,
		    unsigned int nr, u64 offset, u64 length, u64 dev_addr)
{
	unsigned int low = 0, high = nr;
	u64 total, end, dev_end;

	if (!length)
		return -EINVAL;
	if (!nr || check_add_overflow(segs[nr - 1].start, segs[nr - 1].len, &total))
		return -ERANGE;
	if (check_add_overflow(offset, length, &end) || end > total)
		return -ERANGE;
	if (check_add_overflow(dev_addr, length, &dev_end))
		return -ERANGE;

	/*
	 * Find the last segment that starts at or before @offset. Of several
	 * with the same start all but the last are empty.
	 */
	while (high - low > 1) {
		unsigned int mid = low + (high - low) / 2;

		if (segs[mid].start <= offset)
			low = mid;
		else
			high = mid;
	}

	cur->seg = low;
	cur->seg_off = offset - segs[low].start;
	cur->left = length;
	cur->dev_addr = dev_addr;
	return 0;
}

bool axl_cursor_next(struct axl_cursor *cur, const struct axl_seg *segs,
		     unsigned int nr, bool to_device, struct axl_elem *elem)
{
	u64 bus_addr, bytes;

	if (!cur->left)
		return false;

	/* Elements of 0 bytes are undefined: skip used-up segments. */
	while (cur->seg < nr && cur->seg_off >= segs[cur->seg].len) {
		cur->seg++;
		cur->seg_off = 0;
	}
	if (cur->seg >= nr)
		return false;

	bus_addr = segs[cur->seg].addr + cur->seg_off;
	bytes = min(cur->left, segs[cur->seg].len - cur->seg_off);
	bytes = min_t(u64, bytes, AXL_ELEM_MAX);

	elem->control = AXL_EDMA_CB;
	elem->size = bytes;
	elem->sar = to_device ? bus_addr : cur->dev_addr;
	elem->dar = to_device ? cur->dev_addr : bus_addr;

	cur->seg_off += bytes;
	cur->left -= bytes;
	cur->dev_addr += bytes;
	return true;
}

unsigned int axl_list_fill(struct axl_cursor *cur, const struct axl_seg *segs,
			   unsigned int nr, bool to_device,
			   struct axl_elem *out, unsigned int max)
{
	unsigned int n = 0;

	while (n + 1 < max && axl_cursor_next(cur, segs, nr, to_device, &out[n]))
		n++;
	if (!n)
		return 0;

	/* One interrupt per list, raised when all elements are done. */
	out[n - 1].control |= AXL_EDMA_RIE;
	out[n] = (struct axl_elem){ .control = 0 };
	return n + 1;
}

bool axl_cursor_single(const struct axl_cursor *cur, const struct axl_seg *segs,
		       unsigned int nr)
{
	struct axl_cursor rest = *cur;
	struct axl_elem elem;

	return axl_cursor_next(&rest, segs, nr, true, &elem) && !rest.left;
}
