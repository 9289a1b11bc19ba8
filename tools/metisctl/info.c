// SPDX-License-Identifier: GPL-2.0
/* metisctl info, and the names of the numbers in a query. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "commands.h"
#include "dev.h"
#include "info.h"
#include "options.h"
#include "out.h"

#define NAME(names, i)	((i) < ARRAY_SIZE(names) ? (names)[i] : "unknown")

const char *fw_state_name(u32 state)
{
	static const char *const names[] = { "none", "bootloader", "starting", "running", "dead" };

	return NAME(names, state);
}

const char *iommu_name(u32 mode)
{
	static const char *const names[] = { "none", "identity", "translated", "lazy" };

	return NAME(names, mode);
}

static const char *guard_name(u32 guard)
{
	static const char *const names[] = { "none", "active", "refused", "off" };

	return NAME(names, guard);
}

static const char *delivery_name(u32 delivery)
{
	static const char *const names[] = { "unknown", "messages", "polled" };

	return NAME(names, delivery);
}

static const char *irq_name(u32 mode)
{
	static const char *const names[] = { "none", "msi", "msi-x" };

	return NAME(names, mode);
}

static const char *const fw_state_text[] = {
	"no firmware that can be relied on: none answers, or the system slept since it was loaded",
	"bootloader; load firmware: metisctl fw load",
	"starting",
	"running",
	"dead: the link went down and did not come back",
};

static const char *const iommu_text[] = {
	"none: bus addresses are physical addresses",
	"identity: an IOMMU that lets everything pass untranslated",
	"translated, strict invalidation",
	"translated, lazy invalidation",
};

static const char *const guard_text[] = {
	"none: nothing translates what the card writes there",
	"active",
	"refused: it could not be mapped; see dmesg",
	"off by a module parameter",
};

static const char *const delivery_text[] = {
	"not known: the driver's self-test did not run",
	"messages arrive",
	"polled: messages do not arrive; see metisctl doctor",
};

static const char *const irq_text[] = { "none: no vector was granted", "MSI", "MSI-X" };

static const struct {
	u64 bit;
	const char *name;
	const char *text;
} features[] = {
	{ AXL_FEAT_VMSI, "vmsi", "virtual MSI" },
	{ AXL_FEAT_EVENTS_EXACT, "events-exact", "exact event counts" },
	{ AXL_FEAT_DMA_LIST, "dma-list", "published list buffer" },
	{ AXL_FEAT_DMA_VM, "dma-vm", "firmware programs DMA interrupts" },
	{ AXL_FEAT_DDR, "ddr", "DDR known" },
};

static const char *link_speed(u8 speed)
{
	static const char *const names[] = { "unknown", "2.5", "5", "8", "16", "32", "64" };

	return NAME(names, speed);
}

static void print_range(const char *name, u64 base, u64 size, const char *note)
{
	char a[24];

	row(name, "0x%llx..0x%llx, %s%s", base, base + size - 1, human_size(size, a), note);
}

static void print_human(const struct dev *d)
{
	const struct axl_ioc_query *q = &d->q;
	const char *sep = "";
	char a[24], b[24];

	row("Device", "%s", d->path);
	row("PCI", "%s, %04x:%04x rev %02x", d->pci, q->vendor, q->device, q->revision);
	if (q->link_speed && q->link_width)
		row("Link", "%s GT/s x%u", link_speed(q->link_speed), q->link_width);
	else
		row("Link", "unknown");
	row("Firmware", "%s", NAME(fw_state_text, q->fw_state));
	row("Layout", "%u.%u", q->layout_major, q->layout_minor);
	row("Generation", "%llu", q->generation);
	row("Restarts", "%llu unsolicited", q->restarts);
	row("BAR 0", "%s, DMA engine", human_size(q->bar0_size, a));
	row("BAR 2", "%s, L2", human_size(q->bar2_size, a));
	print_range("L2", q->l2_base, q->l2_size, "");
	if (q->features & AXL_FEAT_DDR)
		print_range("DDR", q->ddr_base, q->ddr_size, " at most");
	else
		row("DDR", "not known yet");
	row("Interrupts", "%s, %u vector%s", NAME(irq_text, q->irq_mode), q->vectors,
	    q->vectors == 1 ? "" : "s");
	row("Delivery", "%s", NAME(delivery_text, q->delivery));
	row("Virtual MSI", "%u slots", q->nr_vmsi);
	row("Lost interrupts", "%llu%s", q->lost_interrupts,
	    q->lost_interrupts ? " (found by looking; see dmesg)" : "");
	row("IOMMU", "%s, page %s", NAME(iommu_text, q->iommu_mode), human_size(q->page_size, a));
	row("Guard page", "%s, %llu interrupts rescued", NAME(guard_text, q->guard), q->rescued_interrupts);
	row("DMA channels", "%u to the device, %u from it", q->read_channels, q->write_channels);
	printf("%-16s ", "Features");
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		if (q->features & features[i].bit) {
			printf("%s%s", sep, features[i].text);
			sep = ", ";
		}
	}
	puts(*sep ? "" : "none");
	row("Limits", "transfer %s, image %s, %u transfers a submission, %u submissions a file",
	    human_size(q->max_length, a), human_size(q->max_image, b), q->max_xfers, q->max_jobs);
	row("Interface", "version %u", q->abi);
}

static struct json_object *group(struct json_object *o, const char *key)
{
	struct json_object *sub = json_object_new_object();

	json_object_object_add(o, key, sub);
	return sub;
}

static void range_json(struct json_object *o, const char *key, u64 base, u64 size)
{
	struct json_object *sub = group(o, key);

	json_hex(sub, "base", base);
	json_num(sub, "size", size);
}

static void print_json(const struct dev *d)
{
	struct json_object *o = json_object_new_object(), *s, *list = json_object_new_array();
	const struct axl_ioc_query *q = &d->q;

	json_str(o, "device", d->path);
	json_num(o, "interface", q->abi);
	s = group(o, "pci");
	json_str(s, "address", d->pci);
	json_hex(s, "vendor", q->vendor);
	json_hex(s, "device", q->device);
	json_hex(s, "revision", q->revision);
	s = group(o, "link");
	json_str(s, "gt_per_s", link_speed(q->link_speed));
	json_num(s, "generation", q->link_speed);
	json_num(s, "width", q->link_width);
	s = group(o, "firmware");
	json_str(s, "state", fw_state_name(q->fw_state));
	json_num(s, "layout_major", q->layout_major);
	json_num(s, "layout_minor", q->layout_minor);
	json_num(s, "restarts", q->restarts);
	json_num(o, "generation", q->generation);
	s = group(o, "bars");
	json_num(s, "bar0_size", q->bar0_size);
	json_num(s, "bar2_size", q->bar2_size);
	range_json(o, "l2", q->l2_base, q->l2_size);
	if (q->features & AXL_FEAT_DDR)
		range_json(o, "ddr", q->ddr_base, q->ddr_size);
	s = group(o, "interrupts");
	json_str(s, "mode", irq_name(q->irq_mode));
	json_num(s, "vectors", q->vectors);
	json_num(s, "vmsi_slots", q->nr_vmsi);
	json_str(s, "delivery", delivery_name(q->delivery));
	json_num(s, "lost", q->lost_interrupts);
	json_num(s, "rescued", q->rescued_interrupts);
	s = group(o, "iommu");
	json_str(s, "mode", iommu_name(q->iommu_mode));
	json_num(s, "page_size", q->page_size);
	json_str(s, "guard", guard_name(q->guard));
	s = group(o, "dma");
	json_num(s, "read_channels", q->read_channels);
	json_num(s, "write_channels", q->write_channels);
	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		if (q->features & features[i].bit)
			json_object_array_add(list, json_object_new_string(features[i].name));
	json_object_object_add(o, "features", list);
	s = group(o, "limits");
	json_num(s, "max_length", q->max_length);
	json_num(s, "max_image", q->max_image);
	json_num(s, "max_xfers", q->max_xfers);
	json_num(s, "max_jobs", q->max_jobs);
	json_end(o, true);
}

int cmd_info(int argc, char **argv)
{
	static const struct argp argp = {
		.children = global_child,
		.doc = "What the device and the driver are: ids, link, memory, interrupts, IOMMU, firmware, limits.",
	};
	struct dev d;
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	ret = dev_open(&d);
	if (ret)
		return ret;
	if (opt.json)
		print_json(&d);
	else
		print_human(&d);
	dev_close(&d);
	return EXIT_OK;
}
