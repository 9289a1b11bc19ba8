// SPDX-License-Identifier: GPL-2.0
/*
 * debugfs: axl/metisN/{state,channels,vmsi}. For diagnosis: not a stable
 * interface.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "axl_debugfs.h"
#include "axl_device.h"

static struct dentry *axl_debugfs_root;

static int axl_state_show(struct seq_file *s, void *unused)
{
	static const char * const fw[] = {
		[AXL_FW_NONE] = "none",
		[AXL_FW_BOOTLOADER] = "bootloader",
		[AXL_FW_STARTING] = "starting",
		[AXL_FW_RUNNING] = "running",
		[AXL_FW_DEAD] = "dead",
	};
	static const char * const guard[] = {
		[AXL_GUARD_NONE] = "nothing translates",
		[AXL_GUARD_ACTIVE] = "active",
		[AXL_GUARD_REFUSED] = "refused",
		[AXL_GUARD_OFF] = "off",
	};
	static const char * const delivery[] = {
		[AXL_DELIVERY_UNKNOWN] = "unknown",
		[AXL_DELIVERY_MESSAGES] = "messages",
		[AXL_DELIVERY_POLLED] = "polled",
	};
	struct axl_device *axl = s->private;
	const struct axl_layout *layout;
	const struct axl_areas *areas;
	unsigned int v;

	if (down_read_killable(&axl->reset_sem))
		return -EINTR;
	areas = axl_areas_of(axl);
	layout = &areas->layout;
	seq_printf(s, "online:      %s\n", axl_is_open(axl) ? "yes" : "no");
	seq_printf(s, "state:       %s\n", axl_state_name(axl->machine.state));
	seq_printf(s, "generation:  %llu\n", axl->generation);
	seq_printf(s, "firmware:    %s\n", fw[axl_fw_state(axl)]);
	seq_printf(s, "layout:      %u.%u%s\n", layout->major, layout->minor,
		   layout->has_header ? "" : " (no header)");
	seq_printf(s, "areas:       %s%s%s%s%s\n",
		   layout->contexts.valid ? "contexts " : "",
		   layout->hostif.valid ? "host-driver " : "",
		   layout->dma_desc.valid ? "lists " : "",
		   layout->vmsi.valid ? "vmsi " : "",
		   layout->streams.valid ? "streams" : "");
	seq_printf(s, "complaint:   %s\n", layout->complaint ?: "none");
	seq_printf(s, "lists:       L2 + %#x, %u elements each\n",
		   areas->list_offset, areas->list_elems);
	seq_printf(s, "vmsi table:  %s, %u slots\n",
		   axl->hostif.published ? "published" : "not published",
		   areas->nr_vmsi);
	seq_printf(s, "vectors:     %u %s\n", axl->msi.nr,
		   axl->msi.msix ? "MSI-X" : "MSI");
	for (v = 0; v < axl->msi.nr; v++) {
		u64 count = atomic64_read(&axl->msi.vectors[v].count);

		if (count)
			seq_printf(s, "  %2u:        %llu\n", v, count);
	}
	seq_printf(s, "delivery:    %s\n", delivery[axl->selftest.delivery]);
	seq_printf(s, "lost:        %lld\n", atomic64_read(&axl->msi.lost));
	seq_printf(s, "stray:       %lld\n", atomic64_read(&axl->irq.stray));
	seq_printf(s, "guard:       %s, page of %zu bytes\n", guard[axl->guard.mode],
		   axl->guard.size);
	seq_printf(s, "rescued:     %lld\n", atomic64_read(&axl->irq.rescued));
	seq_printf(s, "restarts:    %llu unsolicited\n", axl->restarts);
	up_read(&axl->reset_sem);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(axl_state);

static int axl_channels_show(struct seq_file *s, void *unused)
{
	struct axl_device *axl = s->private;
	struct axl_dma_dir *dir;
	unsigned int n;

	seq_puts(s, "channel  busy   transfers  errors      elements         bytes\n");
	for_each_axl_dir(axl, dir) {
		for (n = 0; n < dir->nr_ch; n++) {
			struct axl_channel_stats stats;
			bool busy;

			busy = axl_channel_get_stats(axl, dir->to_device, n,
						     &stats);
			seq_printf(s, "%-5s %u  %-4s %11llu %7llu %13llu %13llu\n",
				   dir->to_device ? "read" : "write", n,
				   busy ? "yes" : "no", stats.transfers,
				   stats.errors, stats.elements, stats.bytes);
		}
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(axl_channels);

static int axl_vmsi_show(struct seq_file *s, void *unused)
{
	struct axl_device *axl = s->private;
	unsigned int n;

	seq_puts(s, "event      happened  through its slot\n");
	for (n = 0; n < AXL_NR_EVENTS; n++) {
		u64 count = atomic64_read(&axl->events.counts[n]);
		u64 vmsi = atomic64_read(&axl->irq.counts[n]);

		if (count || vmsi)
			seq_printf(s, "%5u %13llu %17llu\n", n, count, vmsi);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(axl_vmsi);

void axl_debugfs_add(struct axl_device *axl)
{
	char name[16];

	snprintf(name, sizeof(name), "metis%d", axl->id);
	axl->debugfs = debugfs_create_dir(name, axl_debugfs_root);
	debugfs_create_file("state", 0400, axl->debugfs, axl, &axl_state_fops);
	debugfs_create_file("channels", 0400, axl->debugfs, axl,
			    &axl_channels_fops);
	debugfs_create_file("vmsi", 0400, axl->debugfs, axl, &axl_vmsi_fops);
}

void axl_debugfs_del(struct axl_device *axl)
{
	debugfs_remove_recursive(axl->debugfs);
	axl->debugfs = NULL;
}

void axl_debugfs_init(void)
{
	axl_debugfs_root = debugfs_create_dir("axl", NULL);
}

void axl_debugfs_exit(void)
{
	debugfs_remove_recursive(axl_debugfs_root);
}
