/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A model of a channel that runs the lists of one transfer and checks that they
 * move what was asked for. It finds bus addresses by walking the segments, not
 * by searching.
 */
#ifndef AXL_LIST_MODEL_H
#define AXL_LIST_MODEL_H

#include <stdlib.h>
#include <string.h>

#include "axl_edma_list.h"

/* Offset @off of the buffer: its bus address, and how far it is contiguous. */
static inline u64 list_model_addr(const struct axl_seg *segs, unsigned int nr,
				  u64 off, u64 *contiguous)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (off < segs[i].len) {
			*contiguous = segs[i].len - off;
			return segs[i].addr + off;
		}
		off -= segs[i].len;
	}
	*contiguous = 0;
	return 0;
}

/*
 * Transfer [@offset, @offset + @length), which must be inside the buffer, with
 * lists of up to @max elements, 2..256.
 *
 * Return: NULL, or what is wrong.
 */
static inline const char *list_model(const struct axl_seg *segs, unsigned int nr,
				     u64 offset, u64 length, u64 dev_addr,
				     bool to_device, unsigned int max)
{
	struct axl_elem *out = malloc(max * sizeof(*out));
	u64 pos = offset, contiguous;
	const char *wrong = NULL;
	struct axl_cursor cur;
	unsigned int n, i;
	bool single;

	if (!out)
		return "no memory";
	if (axl_cursor_init(&cur, segs, nr, offset, length, dev_addr)) {
		wrong = "cursor refused";
		goto out;
	}
	list_model_addr(segs, nr, offset, &contiguous);
	single = length <= contiguous && length <= 0x80000000u;
	if (axl_cursor_single(&cur, segs, nr) != single) {
		wrong = "single-block decision";
		goto out;
	}

	for (;;) {
		memset(out, 0xa5, max * sizeof(*out));
		n = axl_list_fill(&cur, segs, nr, to_device, out, max);
		if (!n)
			break;
		if (n < 2 || n > max) {
			wrong = "number of elements";
			goto out;
		}
		for (i = 0; i < n - 1; i++) {
			const struct axl_elem *e = &out[i];
			u64 bus = to_device ? e->sar : e->dar;
			u64 dev = to_device ? e->dar : e->sar;

			if (e->control != (i == n - 2 ? 0x11 : 0x01)) {
				wrong = "control of a data element";
				goto out;
			}
			if (!e->size || e->size > 0x80000000u) {
				wrong = "size of an element";
				goto out;
			}
			if (bus != list_model_addr(segs, nr, pos, &contiguous) ||
			    e->size > contiguous) {
				wrong = "bus address";
				goto out;
			}
			if (dev != dev_addr + (pos - offset)) {
				wrong = "device address";
				goto out;
			}
			/* anything shorter than possible wastes elements */
			if (e->size != contiguous && e->size != 0x80000000u &&
			    pos + e->size != offset + length) {
				wrong = "element too short";
				goto out;
			}
			pos += e->size;
		}
		if (out[n - 1].control & 1) {
			wrong = "terminator";
			goto out;
		}
		if (n < max && pos != offset + length) {
			wrong = "list not filled";
			goto out;
		}
		if (pos > offset + length) {
			wrong = "more bytes than asked for";
			goto out;
		}
	}
	if (pos != offset + length || cur.left)
		wrong = "fewer bytes than asked for";
out:
	free(out);
	return wrong;
}

#endif
