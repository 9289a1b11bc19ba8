// SPDX-License-Identifier: GPL-2.0
/*
 * PCIe link and configuration space: checks that do not need the BARs.
 */
#include <linux/export.h>

#include "axl_device.h"
#include "axl_link.h"

/**
 * axl_port_link() - check the link state in the upstream port
 * @axl: the device
 *
 * The port's registers can be read while the link is down.
 *
 * Return: true if the link is active, or if the port cannot report its state.
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
 * axl_link_up() - check whether the link is up and the function answers
 * @axl: the device
 *
 * Reads configuration space only; safe while the link bounces.
 *
 * Return: true if the function answers with its ids.
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
 * axl_link_bounced() - check whether the link is down or was down
 * @axl: the device, memory decoding was on
 *
 * After a bounce too short to be observed, config space is reset.
 *
 * Return: true if the link is down or memory decoding is off.
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
 * axl_restore_config() - restore config space for the next driver
 * @axl: the device, stopped for good
 *
 * A reset during removal, or a restart of the card, may have cleared it, and
 * the PCI core does not write BARs again.
 */
void axl_restore_config(struct axl_device *axl)
{
	if (!axl_link_up(axl) || !axl_link_bounced(axl))
		return;
	pci_load_saved_state(axl->pdev, axl->saved);
	pci_restore_state(axl->pdev);
}
