// SPDX-License-Identifier: GPL-2.0
/*
 * Online, offline and dead: the steps from one to the other.
 */
#include <linux/rcupdate.h>

#include "axl_device.h"
#include "axl_dma.h"
#include "axl_edma.h"
#include "axl_event.h"
#include "axl_hostif.h"
#include "axl_irq.h"
#include "axl_link.h"
#include "axl_mmap.h"
#include "axl_msi.h"
#include "axl_selftest.h"
#include "axl_state.h"

/* Up to so long a dead card that answers waits for another chance. */
#define AXL_RETRY_MAX		(640 * HZ)

/**
 * axl_set_online() - open or close the gate to the hardware
 * @axl: the device
 * @online: false: when this returns, nobody is behind the gate, nor any
 *	interrupt handler
 */
void axl_set_online(struct axl_device *axl, bool online)
{
	/* axl_enter() and the interrupt handler */
	smp_store_release(&axl->online, online);
	if (online) {
		wake_up_all(&axl->state_wait);
	} else {
		synchronize_srcu_expedited(&axl->srcu);
		axl_dma_poll_stop(axl);
		axl_irq_sync(axl);
	}
}

/**
 * axl_raise_generation() - what ran on the card is gone
 * @axl: the device; reset_sem is held exclusive
 */
void axl_raise_generation(struct axl_device *axl)
{
	lockdep_assert_held_write(&axl->reset_sem);
	WRITE_ONCE(axl->generation, axl->generation + 1);
	axl_event_wake_all(axl);
	wake_up_all(&axl->state_wait);
	/* they may wait on a card that is gone */
	wake_up_all(&axl->hostif.mbox_wait);
}

/**
 * axl_dma_hold() - let nothing be started until axl_dma_release()
 * @axl: the device; reset_sem is held exclusive, or nobody knows it yet
 */
void axl_dma_hold(struct axl_device *axl)
{
	if (!axl->held)
		axl_dma_block(axl);
	axl->held = true;
}

void axl_dma_release(struct axl_device *axl)
{
	if (axl->held)
		axl_dma_unblock(axl);
	axl->held = false;
}

void axl_fw_state_from_layout(struct axl_device *axl, int ret)
{
	if (axl->hostif.areas_known)
		axl->fw_state = AXL_FW_RUNNING;
	else
		axl->fw_state = ret || axl->fw_stale ? AXL_FW_NONE : AXL_FW_BOOTLOADER;
}

/**
 * axl_hostif_publish() - tell firmware where the virtual-MSI table is
 * @axl: the device, its layout fresh, no interrupt of before under way
 *
 * At a firmware start bus mastering is still off:
 * until the target is set, firmware's slot writes go to bus address 0.
 */
void axl_hostif_publish(struct axl_device *axl)
{
	WRITE_ONCE(axl->hostif.published, false);
	if (!axl->hostif.layout.hostif.valid)
		return;
	writel(0, axl->l2 + axl->hostif.layout.hostif.offset + AXL_HOSTIF_CTRL);
	/* what came through the guard page is not to be wiped out */
	axl_irq_take_all(axl);
	memset(axl->irq.vmsi, 0, AXL_NR_EVENTS * sizeof(*axl->irq.vmsi));
	axl_hostif_write_target(axl);
	WRITE_ONCE(axl->hostif.published, true);
}

/**
 * axl_hostif_forget() - firmware does not know the table any more
 * @axl: the device, offline; its link is down, or bus mastering off
 *
 * What it has written until now is taken; what comes from now on can only come
 * through the guard page.
 */
void axl_hostif_forget(struct axl_device *axl)
{
	axl_dma_poll_stop(axl);
	axl_irq_sync(axl);
	axl_irq_take_all(axl);
	WRITE_ONCE(axl->hostif.published, false);
}

/**
 * axl_bring_up() - start using a card whose config space is in order
 * @axl: the device: offline, held and idle, bus mastering off
 * @ret: from axl_hostif_refresh()
 *
 * The order matters: a target for firmware's slot writes and for the engine's
 * messages before the card may write at all.
 *
 * Return: 0 or -EIO: the engine runs something that will not stop; bus mastering
 * is off.
 */
int axl_bring_up(struct axl_device *axl, int ret)
{
	if (axl_edma_init(axl))
		return -EIO;
	axl_fw_state_from_layout(axl, ret);
	axl_irq_route(axl);
	axl_hostif_publish(axl);
	/* no message of before can come any more */
	WRITE_ONCE(axl->irq.taken, 0);
	pci_set_master(axl->pdev);
	if (axl_irq_selftest(axl)) {
		pci_clear_master(axl->pdev);
		axl_hostif_withdraw(axl);
		axl_hostif_forget(axl);
		/* whoever tries again finds it at rest */
		pcie_reset_flr(axl->pdev, PCI_RESET_DO_RESET);
		return -EIO;
	}
	axl->retry = AXL_RETRY;
	axl_set_online(axl, true);
	axl_dma_release(axl);
	return 0;
}

/* Give up on the card until it is seen to answer. */
void axl_set_dead(struct axl_device *axl, const char *why)
{
	if (axl->gone)
		return;
	dev_err_ratelimited(&axl->pdev->dev,
			    "%s: giving up until it answers again; power-cycle the card\n",
			    why);
	axl->retry_at = jiffies + axl->retry;
	axl->retry = min_t(unsigned long, 2 * axl->retry, AXL_RETRY_MAX);
	axl->fw_state = AXL_FW_DEAD;
	WRITE_ONCE(axl->dead, true);
	axl_raise_generation(axl);
}

/**
 * axl_quiesce() - make the card leave host memory alone
 * @axl: the device; reset_sem is held exclusive
 *
 * For removal, shutdown and reset. Afterwards the card is offline and held, bus
 * mastering is off and no channel runs; axl_dma_flush() is next.
 */
void axl_quiesce(struct axl_device *axl)
{
	struct pci_dev *pdev = axl->pdev;
	bool stopped = true;
	bool up;

	axl_dma_hold(axl);
	cancel_delayed_work_sync(&axl->watchdog);
	if (axl->fenced) {
		axl->fenced = false;
		stopped = false;
		axl_dma_unblock(axl);
	}
	/* a card whose link is down writes nothing, and must not be touched */
	up = !axl_link_bounced(axl);
	if (axl->online && up && stopped)
		stopped = axl_dma_stop(axl);
	axl_set_online(axl, false);
	if (up) {
		/* first: without a table firmware would write to address 0 */
		pci_clear_master(pdev);
		axl_hostif_withdraw(axl);
		if (!stopped && pcie_reset_flr(pdev, PCI_RESET_DO_RESET))
			axl_dma_leak(axl);
	}
	axl_hostif_forget(axl);
}

void axl_stop_for_good(struct axl_device *axl, const char *why)
{
	axl_cdev_zap(axl);
	axl_quiesce(axl);
	axl_dma_flush(axl, -EIO);
	axl_set_dead(axl, why);
}
