/* SPDX-License-Identifier: GPL-2.0 */
/* Options that every command takes: options.c */
#ifndef METISCTL_OPTIONS_H
#define METISCTL_OPTIONS_H

#include <argp.h>

#include "base.h"

struct options {
	const char *device;
	bool json;
	bool quiet;
};

extern struct options opt;
extern const struct argp_child global_child[];

#endif
