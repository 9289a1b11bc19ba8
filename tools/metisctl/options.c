// SPDX-License-Identifier: GPL-2.0
/* Options that every command takes. */
#include "options.h"

struct options opt;

static error_t parse_global(int key, char *arg, struct argp_state *state)
{
	(void)state;
	switch (key) {
	case 'd':
		opt.device = arg;
		return 0;
	case 'j':
		opt.json = true;
		return 0;
	case 'q':
		opt.quiet = true;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option global_options[] = {
	{ "device", 'd', "DEV", 0, "metis0, /dev/metis0, or a PCI address such as 0000:01:00.0; "
	  "not needed when there is only one device", 10 },
	{ "json", 'j', NULL, 0, "print JSON, also for errors", 10 },
	{ "quiet", 'q', NULL, 0, "print no progress and no success, only results and errors", 10 },
	{ 0 }
};

static const struct argp global_argp = { .options = global_options, .parser = parse_global };
const struct argp_child global_child[] = {
	{ &global_argp, 0, "For every command:", 10 },
	{ 0 }
};
