/* SPDX-License-Identifier: GPL-2.0 */
/* BAR2 as a test makes it, and what the parser of the shared area says of it. */
#ifndef LAYOUT_PARSE_H
#define LAYOUT_PARSE_H

#include <errno.h>
#include <string.h>

#include "check.h"
#include "axl_layout.h"
#include "layout_oracle.h"
#include "layout_sample.h"

static u8 bar2[SAMPLE_SIZE];

/* From a heap copy of the exact size: one byte too far is an ASan report. */
static inline int parse_sized(size_t len, u64 bar2_size, struct axl_layout *l)
{
	u8 *copy = malloc(len ? len : 1);
	const char *wrong;
	int ret;

	assert_non_null(copy);
	memcpy(copy, bar2, len);
	memset(l, 0xa5, sizeof(*l));
	ret = axl_layout_parse(copy, len, bar2_size, l);
	free(copy);
	wrong = layout_oracle(l, ret, ret == -EINVAL ? 0x1000 : bar2_size);
	if (wrong)
		fail_msg("%s", wrong);
	return ret;
}

static inline int parse(struct axl_layout *l)
{
	return parse_sized(0x800, SAMPLE_BAR2, l);
}

#endif
