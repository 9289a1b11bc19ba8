// SPDX-License-Identifier: GPL-2.0
/* metisctl list. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "commands.h"
#include "dev.h"
#include "info.h"
#include "options.h"
#include "out.h"

static const char *pci_or_unknown(const struct node *n)
{
	return *n->pci ? n->pci : "unknown";
}

static void print_node(const struct node *n)
{
	if (n->err)
		printf("%-12s %-13s %-10s cannot be used: %s\n", n->path, pci_or_unknown(n), "-",
		       strerror(n->err));
	else
		printf("%-12s %-13s %04x:%04x  firmware %s, link x%u, iommu %s\n", n->path, n->pci,
		       n->q.vendor, n->q.device, fw_state_name(n->q.fw_state), n->q.link_width,
		       iommu_name(n->q.iommu_mode));
}

static struct json_object *node_json(const struct node *n)
{
	struct json_object *o = json_object_new_object();

	json_str(o, "device", n->path);
	if (*n->pci)
		json_str(o, "pci", n->pci);
	if (n->err) {
		json_str(o, "errno", strerrorname_np(n->err) ?: "unknown");
		json_str(o, "error", strerror(n->err));
		return o;
	}
	json_hex(o, "vendor", n->q.vendor);
	json_hex(o, "device_id", n->q.device);
	json_str(o, "firmware", fw_state_name(n->q.fw_state));
	json_num(o, "generation", n->q.generation);
	json_str(o, "iommu", iommu_name(n->q.iommu_mode));
	return o;
}

int cmd_list(int argc, char **argv)
{
	static const struct argp argp = {
		.children = global_child,
		.doc = "All devices, one a line: node, PCI address, ids, state.",
	};
	struct json_object *o, *list;
	struct node *nodes;
	size_t count, bad = 0;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	nodes = nodes_scan(&count);
	if (!count) {
		free(nodes);
		return explain_no_device();
	}
	if (opt.json) {
		o = json_object_new_object();
		list = json_object_new_array();
		for (size_t i = 0; i < count; i++)
			json_object_array_add(list, node_json(&nodes[i]));
		json_object_object_add(o, "devices", list);
		json_end(o, true);
	} else {
		for (size_t i = 0; i < count; i++)
			print_node(&nodes[i]);
		fflush(stdout);
	}
	/* The remedy for each node that cannot be used goes to stderr, beside the list. */
	opt.json = false;
	for (size_t i = 0; i < count; i++) {
		if (nodes[i].err) {
			node_fail(&nodes[i]);
			bad++;
		}
	}
	free(nodes);
	return bad == count ? EXIT_FAILED : EXIT_OK;
}
