// SPDX-License-Identifier: GPL-2.0
/*
 * Stands for the vendor's module on the board: it has its name, takes the card
 * and leaves it alone.
 */
#include <linux/module.h>
#include <linux/pci.h>

static int dummy_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	return 0;
}

static const struct pci_device_id dummy_ids[] = {
	{ PCI_DEVICE(0x1f9d, 0x1100) },
	{ }
};

static struct pci_driver dummy_driver = {
	.name = "metis",
	.id_table = dummy_ids,
	.probe = dummy_probe,
};
module_pci_driver(dummy_driver);

MODULE_DESCRIPTION("Takes a Metis and does nothing");
MODULE_LICENSE("GPL");
