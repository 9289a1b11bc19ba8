// SPDX-License-Identifier: GPL-2.0
/*
 * metis.ko: names, version and attributes, which the SDK reads before it opens
 * a device node.
 */
#include <linux/device.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "metis.h"
#include "metis_ring.h"

#define METIS_SWITCH_VENDOR	0x11f8	/* Microsemi */
#define METIS_SWITCH_DEVICE	0x8562

static struct dentry *metis_debugfs;

static ssize_t axl_aipu_restore_show(struct device *dev,
				     struct device_attribute *attr, char *buf)
{
	struct axl_device *axl = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%d\n", axl_port_link(axl));
}

/* axl.ko restores a restarted card by itself; this makes it check now. */
static ssize_t axl_aipu_restore_store(struct device *dev,
				      struct device_attribute *attr,
				      const char *buf, size_t count)
{
	struct axl_device *axl = dev_get_drvdata(dev);

	axl_rescan(axl);
	return count;
}

static DEVICE_ATTR_RW(axl_aipu_restore);

static ssize_t version_show(axl_attr_class *class, axl_attr_class_attr *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%s\n", METIS_VERSION);
}

static CLASS_ATTR_RO(version);

static int metis_version_show(struct seq_file *s, void *unused)
{
	seq_printf(s, "%s\n", METIS_VERSION);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(metis_version);

static int metis_vmsi_show(struct seq_file *s, void *unused)
{
	struct axl_device *axl = s->private;
	unsigned int n;

	for (n = 0; n < AXL_NR_EVENTS; n++) {
		u64 count = axl_event_count(axl, n);

		if (count)
			seq_printf(s, "%u %llu\n", n, count);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(metis_vmsi);

static void metis_find_windows(struct pci_dev *pdev, struct metis_windows *win)
{
	struct pci_dev *port = pci_upstream_bridge(pdev);
	struct pci_bus_region region;
	struct resource *res;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(win->bar_base); i++) {
		if (!pci_resource_len(pdev, i))
			continue;
		win->bar_base[i] = pci_bus_address(pdev, i);
		win->bar_size[i] = pci_resource_len(pdev, i);
	}
	if (!port)
		return;
	for (i = PCI_BRIDGE_MEM_WINDOW; i <= PCI_BRIDGE_PREF_MEM_WINDOW; i++) {
		res = &port->resource[i];
		if (!res->flags || !resource_size(res))
			continue;
		pcibios_resource_to_bus(port->bus, &region, res);
		if (i == PCI_BRIDGE_MEM_WINDOW) {
			win->mem_base = region.start;
			win->mem_size = resource_size(res);
		} else {
			win->pref_base = region.start;
			win->pref_size = resource_size(res);
		}
	}
}

/*
 * Cards below the same switch of this type can reach each other without the
 * host. Returns the number of the bus that the switch is on, or all ones.
 */
static u64 metis_find_switch(struct pci_dev *pdev)
{
	struct pci_dev *bridge;

	for (bridge = pci_upstream_bridge(pdev); bridge;
	     bridge = pci_upstream_bridge(bridge))
		if (bridge->vendor == METIS_SWITCH_VENDOR &&
		    bridge->device == METIS_SWITCH_DEVICE &&
		    pci_pcie_type(bridge) == PCI_EXP_TYPE_UPSTREAM)
			return bridge->bus->number;
	return ~0ull;
}

/* Device number of the node that this name stands for */
static ssize_t dev_show(struct device *dev, struct device_attribute *attr,
			char *buf)
{
	struct axl_device *axl = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%u:%u\n", MAJOR(axl_dev(axl)->devt),
			  MINOR(axl_dev(axl)->devt));
}

static DEVICE_ATTR_RO(dev);

static struct attribute *metis_name_attrs[] = {
	&dev_attr_dev.attr,
	NULL
};
ATTRIBUTE_GROUPS(metis_name);

/*
 * Add devices without a node to the class, for further names of the card; udev
 * makes links of these names to the node. If two cards are functions of one
 * slot, both have the same name, and the first card gets it.
 */
static void metis_add_names(struct metis_device *m)
{
	static const char * const formats[METIS_NAMES] = {
		"metis-%x:%x:%x", "metis-%x-%x-%x",
	};
	struct pci_dev *pdev = axl_pdev(m->axl);
	struct device *dev;
	char name[32];
	unsigned int i;

	for (i = 0; i < METIS_NAMES; i++) {
		snprintf(name, sizeof(name), formats[i],
			 pci_domain_nr(pdev->bus), pdev->bus->number,
			 PCI_SLOT(pdev->devfn));
		dev = class_find_device_by_name(axl_cdev_class(), name);
		if (dev) {
			put_device(dev);
			continue;
		}
		dev = device_create_with_groups(axl_cdev_class(), &pdev->dev,
						0, m->axl, metis_name_groups,
						"%s", name);
		if (IS_ERR(dev))
			dev_warn(&pdev->dev,
				 "no further name in the class (%ld)\n",
				 PTR_ERR(dev));
		else
			m->names[i] = dev;
	}
}

static void *metis_device_add(struct axl_device *axl)
{
	struct pci_dev *pdev = axl_pdev(axl);
	struct metis_device *m;
	unsigned int n;
	int ret;

	m = kvzalloc(sizeof(*m), GFP_KERNEL);
	if (!m)
		return ERR_PTR(-ENOMEM);
	kref_init(&m->ref);
	m->axl = axl;
	spin_lock_init(&m->lock);
	mutex_init(&m->view_lock);
	INIT_LIST_HEAD(&m->views);
	metis_stream_setup(m);
	for (n = 0; n < AXL_NR_EVENTS; n++)
		m->taken[n] = axl_event_count(axl, n);
	m->res.l2_base = pci_bus_address(pdev, 2);
	m->res.l2_size = axl_l2_size(axl);
	metis_find_windows(pdev, &m->win);
	m->switch_group = metis_find_switch(pdev);

	ret = device_create_file(&pdev->dev, &dev_attr_axl_aipu_restore);
	if (ret) {
		metis_device_put(m);
		return ERR_PTR(ret);
	}
	metis_add_names(m);
	if (m->names[0]) {
		m->debugfs = debugfs_create_dir(dev_name(m->names[0]),
						metis_debugfs);
		debugfs_create_file("vmsi", 0400, m->debugfs, axl,
				    &metis_vmsi_fops);
	}
	return m;
}

static void metis_device_del(void *card)
{
	struct metis_device *m = card;
	unsigned int i;

	debugfs_remove_recursive(m->debugfs);
	for (i = 0; i < METIS_NAMES; i++)
		if (m->names[i])
			device_unregister(m->names[i]);
	device_remove_file(&axl_pdev(m->axl)->dev, &dev_attr_axl_aipu_restore);
	metis_stream_stop(m);
	metis_device_put(m);
}

static const struct axl_ext_ops metis_ext_ops = {
	.owner = THIS_MODULE,
	.add = metis_device_add,
	.del = metis_device_del,
	.open = metis_open,
	.release = metis_release,
	.ioctl = metis_ioctl,
	.read = metis_read,
	.poll = metis_poll,
};

static int __init metis_init(void)
{
	int ret;

	metis_wq = alloc_workqueue("metis", WQ_UNBOUND, 0);
	if (!metis_wq)
		return -ENOMEM;
	ret = class_create_file(axl_cdev_class(), &class_attr_version);
	if (ret)
		goto err;
	metis_debugfs = debugfs_create_dir("metis", NULL);
	debugfs_create_file("version", 0444, metis_debugfs, NULL,
			    &metis_version_fops);
	ret = axl_ext_register(&metis_ext_ops);
	if (!ret)
		return 0;
	debugfs_remove_recursive(metis_debugfs);
	class_remove_file(axl_cdev_class(), &class_attr_version);
err:
	destroy_workqueue(metis_wq);
	return ret;
}
module_init(metis_init);

static void __exit metis_exit(void)
{
	axl_ext_unregister(&metis_ext_ops);
	debugfs_remove_recursive(metis_debugfs);
	class_remove_file(axl_cdev_class(), &class_attr_version);
	destroy_workqueue(metis_wq);
}
module_exit(metis_exit);

MODULE_DESCRIPTION("Axelera Metis: the Voyager SDK's kernel interface");
MODULE_LICENSE("GPL");
MODULE_VERSION(METIS_VERSION);
AXL_IMPORT_NS(AXL);
