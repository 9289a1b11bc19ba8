// SPDX-License-Identifier: GPL-2.0
/* Sizes, times and device addresses as people type them. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "parse.h"

/* A number with an optional K, M, G or T (powers of 1024; also KiB, ...) */
static bool number(const char *s, u64 *val)
{
	static const char suffixes[] = "KMGT";
	unsigned int shift = 0;
	const char *at;
	char *end;

	if (*s < '0' || *s > '9')	/* strtoull would take blanks and signs */
		return false;
	errno = 0;
	*val = strtoull(s, &end, 0);
	if (errno)
		return false;
	if (*end) {
		at = strchr(suffixes, toupper((unsigned char)*end));
		if (!at)
			return false;
		shift = 10 * (unsigned int)(at - suffixes + 1);
		end++;
		if (!strcasecmp(end, "iB"))
			end += 2;
	}
	if (*end || (shift && *val > ~0ULL >> shift))
		return false;
	*val <<= shift;
	return true;
}

u64 parse_size(const char *s, struct argp_state *state)
{
	u64 val = 0;

	if (!number(s, &val) || !val)
		argp_error(state, "'%s' is no size; examples: 4096, 0x1000, 64K, 1M", s);
	return val;
}

u32 parse_u32(const char *s, const char *what, struct argp_state *state)
{
	u64 val = 0;

	if (!number(s, &val) || val > UINT32_MAX)
		argp_error(state, "'%s' is no %s", s, what);
	return (u32)val;
}

u64 parse_u64(const char *s, const char *what, struct argp_state *state)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(s, &end, 0);
	if (*s < '0' || *s > '9' || *end || errno)
		argp_error(state, "'%s' is no %s", s, what);
	return n;
}

u64 parse_seconds(const char *s, struct argp_state *state)
{
	char *end;
	double v = strtod(s, &end);

	/* Not above 10^9 s, so that nanoseconds stay far from overflowing. */
	if (end == s || *end || !isfinite(v) || v < 0 || v > 1e9)
		argp_error(state, "'%s' is no time in seconds; examples: 10, 0.5", s);
	return (u64)(v * (double)NSEC_PER_SEC);
}

struct place parse_place(const char *s, struct argp_state *state)
{
	struct place p = { .base = PLACE_NUMBER };
	const char *rest = s;

	if (!strncasecmp(s, "l2", 2)) {
		p.base = PLACE_L2;
		rest = s + 2;
	} else if (!strncasecmp(s, "ddr", 3)) {
		p.base = PLACE_DDR;
		rest = s + 3;
	}
	if (p.base != PLACE_NUMBER && !*rest)
		return p;
	if (p.base != PLACE_NUMBER && *rest++ != '+')
		rest = "";
	p.has_offset = true;
	if (!number(rest, &p.offset))
		argp_error(state, "'%s' is no device address; examples: l2+16M, ddr, ddr+0x1000, 0x8000000", s);
	return p;
}
