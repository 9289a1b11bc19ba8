// SPDX-License-Identifier: GPL-2.0
/*
 * Transitions between the states online, offline and dead.
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

/* Longest interval between attempts to recover a dead card; jiffies */
#define AXL_RETRY_MAX		(640 * HZ)

/**
 * axl_set_online() - allow or end access to the hardware by axl_enter()
 * @axl: the device
 * @online: if false, this waits for every axl_exit(), the polling timer and the
 *	interrupt handlers, and may sleep
 */
void axl_set_online(struct axl_device *axl, bool online)
{
	/* pairs with axl_enter(), axl_irq_handler() and axl_irq_poll() */
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
 * axl_raise_generation() - start a new generation and wake all waiters
 * @axl: the device; reset_sem is held for writing
 */
void axl_raise_generation(struct axl_device *axl)
{
	lockdep_assert_held_write(&axl->reset_sem);
	WRITE_ONCE(axl->generation, axl->generation + 1);
	axl_event_wake_all(axl);
	wake_up_all(&axl->state_wait);
	/* axl_mailbox_take() checks axl_status() again */
	wake_up_all(&axl->hostif.mbox_wait);
}

/**
 * axl_dma_hold() - start no requests until axl_dma_release(); idempotent
 * @axl: the device; reset_sem is held for writing
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
 * axl_hostif_publish() - write the address of the vMSI table to firmware's area
 * @axl: the device; layout just read, no earlier interrupt handler running
 *
 * After a restart bus mastering is still off: until the target is set,
 * firmware's slot writes go to bus address 0.
 */
void axl_hostif_publish(struct axl_device *axl)
{
	const struct axl_ref *ref = &axl_layout_of(axl)->hostif;

	WRITE_ONCE(axl->hostif.published, false);
	if (!ref->valid)
		return;
	writel(0, axl->l2 + ref->offset + AXL_HOSTIF_CTRL);
	/* before the memset: keep events that came through the guard page */
	axl_irq_take_all(axl);
	memset(axl->irq.vmsi, 0, AXL_NR_EVENTS * sizeof(*axl->irq.vmsi));
	axl_hostif_write_target(axl);
	WRITE_ONCE(axl->hostif.published, true);
}

/**
 * axl_hostif_forget() - take pending slots, mark the table unknown to firmware
 * @axl: the device, offline; its link is down, or bus mastering off
 *
 * Later slot writes can only arrive through the guard page. May sleep.
 */
void axl_hostif_forget(struct axl_device *axl)
{
	axl_dma_poll_stop(axl);
	axl_irq_sync(axl);
	axl_irq_take_all(axl);
	WRITE_ONCE(axl->hostif.published, false);
}

/**
 * axl_bring_up() - initialise the engine, publish the table and go online
 * @axl: the device: offline, held, idle; config space valid, bus mastering off;
 *	reset_sem is held for writing
 * @ret: result of axl_hostif_refresh()
 *
 * Firmware's slot writes and the engine's messages must have a target before
 * bus mastering is switched on. May sleep.
 *
 * Return: 0, or -EIO if a channel does not stop; bus mastering is then off.
 */
int axl_bring_up(struct axl_device *axl, int ret)
{
	if (axl_edma_init(axl))
		return -EIO;
	axl_fw_state_from_layout(axl, ret);
	axl_irq_route(axl);
	axl_hostif_publish(axl);
	/* messages from before the restart can no longer arrive */
	WRITE_ONCE(axl->irq.taken, 0);
	pci_set_master(axl->pdev);
	if (axl_irq_selftest(axl)) {
		pci_clear_master(axl->pdev);
		axl_hostif_withdraw(axl);
		axl_hostif_forget(axl);
		/* stop the engine for the next attempt */
		pcie_reset_flr(axl->pdev, PCI_RESET_DO_RESET);
		return -EIO;
	}
	axl->retry = AXL_RETRY;
	axl_set_online(axl, true);
	axl_dma_release(axl);
	return 0;
}

/**
 * axl_set_dead() - mark the card as dead until it answers again
 * @axl: the device, offline; reset_sem is held for writing
 * @why: reason for the log
 *
 * Doubles the interval until the next attempt, up to AXL_RETRY_MAX. Does
 * nothing if the device is gone.
 */
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
 * axl_quiesce() - end all access of the card to host memory
 * @axl: the device; reset_sem is held for writing
 *
 * For removal, shutdown and reset. Afterwards the card is offline and held, bus
 * mastering is off and no channel runs; axl_dma_flush() must follow. If the
 * engine is not proven stopped, leaks the memory of running requests. Sleeps.
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
	/* with its link down the card cannot write, nor be accessed */
	up = !axl_link_bounced(axl);
	if (axl->online && up && stopped)
		stopped = axl_dma_stop(axl);
	axl_set_online(axl, false);
	if (up) {
		/* first: without a table firmware writes to bus address 0 */
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
