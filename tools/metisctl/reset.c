// SPDX-License-Identifier: GPL-2.0
/* metisctl reset. */
#include <stdio.h>

#include "commands.h"
#include "dev.h"
#include "info.h"
#include "options.h"
#include "out.h"

int cmd_reset(int argc, char **argv)
{
	static const struct why whys[] = {
		{ EBUSY, "a firmware load is under way", "wait until it has ended; metisctl info shows the state" },
		{ EOPNOTSUPP, "this function cannot be reset",
		  "power-cycle the card, or: echo 1 > remove in its sysfs folder, echo 1 > /sys/bus/pci/rescan" },
		{ 0, NULL, NULL }
	};
	static const struct argp argp = {
		.children = global_child,
		.doc = "Function level reset. Ends the transfers of all programs; firmware that was loaded is "
		       "in general gone afterwards.",
	};
	struct axl_ioc_reset r = { 0 };
	struct json_object *o;
	struct dev d;
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	ret = dev_open(&d);
	if (ret)
		return ret;
	do {
		ret = dev_ioctl(&d, AXL_IOC_RESET, &r);
	} while (ret == -EINTR);
	if (!ret)
		ret = dev_ioctl(&d, AXL_IOC_QUERY, &d.q);
	if (ret) {
		ret = fail(-ret, whys, "%s: reset", d.path);
	} else if (opt.json) {
		o = json_object_new_object();
		json_str(o, "device", d.path);
		json_num(o, "generation", r.generation);
		json_str(o, "firmware", fw_state_name(d.q.fw_state));
		json_end(o, true);
	} else if (!opt.quiet) {
		printf("%s: reset: generation %llu, firmware %s\n", d.path, r.generation,
		       fw_state_name(d.q.fw_state));
	}
	dev_close(&d);
	return ret;
}
