/* SPDX-License-Identifier: GPL-2.0 */
/* Arguments of the command line: parse.c. All call argp_error() on nonsense */
#ifndef METISCTL_PARSE_H
#define METISCTL_PARSE_H

#include <argp.h>

#include "base.h"

u64 parse_size(const char *s, struct argp_state *state);
u32 parse_u32(const char *s, const char *what, struct argp_state *state);
u64 parse_u64(const char *s, const char *what, struct argp_state *state);
u64 parse_seconds(const char *s, struct argp_state *state);

/* A device address as typed; l2 and ddr get their base when the device is known. */
struct place {
	enum { PLACE_NUMBER, PLACE_L2, PLACE_DDR } base;
	bool has_offset;
	u64 offset;
};

struct place parse_place(const char *s, struct argp_state *state);

#endif
