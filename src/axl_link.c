// SPDX-License-Identifier: GPL-2.0
/*
 * The link and configuration space: what can be asked and done without BARs.
 */
#include <linux/export.h>

#include "axl_device.h"
#include "axl_link.h"

/**
 * axl_port_link() - is the link active, as the port above sees it
 * @axl: the device
 *
 * Where the link is looked at: the port need not cross it.
 */
bool axl_port_link(struct axl_device *axl)
{
	struct pci_dev *port = pci_upstream_bridge(axl->pdev);
	u32 cap;
	u16 sta;

	if (!port || !pci_is_pcie(port))
		return true;
	if (pcie_capability_read_dword(port, PCI_EXP_LNKCAP, &cap) ||
	    !(cap & PCI_EXP_LNKCAP_DLLLARC))
		return true;
	if (pcie_capability_read_word(port, PCI_EXP_LNKSTA, &sta) ||
	    sta == (u16)~0)
		return false;
	return sta & PCI_EXP_LNKSTA_DLLLA;
}
EXPORT_SYMBOL_AXL(axl_port_link);

/**
 * axl_link_up() - does the function answer
 * @axl: the device
 *
 * Configuration space only; safe while the link bounces.
 */
bool axl_link_up(struct axl_device *axl)
{
	struct pci_dev *pdev = axl->pdev;
	u16 vendor, device;

	return axl_port_link(axl) &&
	       !pci_read_config_word(pdev, PCI_VENDOR_ID, &vendor) &&
	       !pci_read_config_word(pdev, PCI_DEVICE_ID, &device) &&
	       vendor == pdev->vendor && device == pdev->device;
}

/**
 * axl_link_bounced() - is the link down, or was it
 * @axl: the device, which had memory decoding on
 *
 * A bounce that was too short to be seen leaves reset config space behind.
 */
bool axl_link_bounced(struct axl_device *axl)
{
	u16 command;

	if (!axl_link_up(axl))
		return true;
	pci_read_config_word(axl->pdev, PCI_COMMAND, &command);
	return !(command & PCI_COMMAND_MEMORY);
}

/**
 * axl_restore_config() - leave the card's config space to the next one who drives it
 * @axl: the device, stopped for good
 *
 * A reset on the way out, or the card's own restart, has cleared it, and the core
 * does not set BARs a second time.
 */
void axl_restore_config(struct axl_device *axl)
{
	if (!axl_link_up(axl) || !axl_link_bounced(axl))
		return;
	pci_load_saved_state(axl->pdev, axl->saved);
	pci_restore_state(axl->pdev);
}
