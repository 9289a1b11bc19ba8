// SPDX-License-Identifier: GPL-2.0
/*
 * Resets, PCI errors and power cuts by other agents than this driver.
 */
#include <linux/delay.h>

#include "axl_device.h"
#include "axl_dma.h"
#include "axl_link.h"
#include "axl_mmap.h"
#include "axl_pm.h"
#include "axl_state.h"

/* Time for running transfers to end before system sleep; jiffies */
#define AXL_SLEEP_DRAIN		(2 * HZ)

/*
 * Time to wait for the result of PCI error recovery; jiffies. A failure may not
 * be reported (older kernels, a neighbour without a driver). Longer than any
 * reset that the PCI core waits for, 60 s.
 */
#define AXL_BUS_WAIT		(75 * HZ)

/**
 * axl_reset_done() - end a pause and request recovery
 * @axl: the device, paused
 * @why: reason for the log; a string constant
 *
 * Recovery waits until every pause has ended. May sleep; takes reset_sem.
 */
void axl_reset_done(struct axl_device *axl, const char *why)
{
	bool paused;

	down_write(&axl->reset_sem);
	paused = --axl->paused;
	up_write(&axl->reset_sem);
	if (!paused)
		axl_reset_request(axl, why);
}

/* The caller holds reset_sem for writing. */
static void axl_reset_prepare_locked(struct axl_device *axl)
{
	axl->paused++;
	if (axl_status(axl))
		return;
	axl->fw_state = AXL_FW_STARTING;
	axl_cdev_zap(axl);
	axl_quiesce(axl);
	axl_dma_flush(axl, -ESTALE);
	axl->bounced = true;
	/* @raised: axl_recover() must not raise it again */
	axl_raise_generation(axl);
	axl->raised = true;
}

/**
 * axl_reset_prepare() - quiesce the card before another agent resets it
 * @axl: the device
 *
 * Pauses recovery until axl_reset_done(). May sleep; takes reset_sem.
 */
void axl_reset_prepare(struct axl_device *axl)
{
	down_write(&axl->reset_sem);
	axl_reset_prepare_locked(axl);
	up_write(&axl->reset_sem);
}

/**
 * axl_pci_error_detected() - quiesce the card when PCI error recovery begins
 * @axl: the device
 *
 * Pauses recovery once even if called repeatedly: a failed PCI error recovery
 * may not be reported before the next one. May sleep; takes reset_sem.
 */
void axl_pci_error_detected(struct axl_device *axl)
{
	down_write(&axl->reset_sem);
	if (!axl->bus_error)
		axl_reset_prepare_locked(axl);
	axl->bus_error = true;
	mod_delayed_work(axl->wq, &axl->bus_work, AXL_BUS_WAIT);
	up_write(&axl->reset_sem);
}

/**
 * axl_pci_error_failed() - stop the card after PCI error recovery failed
 * @axl: the device, after axl_pci_error_detected()
 *
 * May sleep; takes reset_sem.
 */
void axl_pci_error_failed(struct axl_device *axl)
{
	down_write(&axl->reset_sem);
	cancel_delayed_work(&axl->bus_work);
	axl->bus_error = false;
	axl->paused--;
	axl_stop_for_good(axl, "the bus gave the card up");
	up_write(&axl->reset_sem);
}

/**
 * axl_pci_error_recovered() - end the pause of axl_pci_error_detected(), if any
 * @axl: the device
 * @why: reason for the log; a string constant
 *
 * May sleep; takes reset_sem.
 */
void axl_pci_error_recovered(struct axl_device *axl, const char *why)
{
	bool error;

	down_write(&axl->reset_sem);
	error = axl->bus_error;
	axl->bus_error = false;
	cancel_delayed_work(&axl->bus_work);
	up_write(&axl->reset_sem);
	if (error)
		axl_reset_done(axl, why);
}

/* No result of PCI error recovery within AXL_BUS_WAIT: check the card. */
void axl_pci_error_work(struct work_struct *work)
{
	axl_pci_error_recovered(container_of(to_delayed_work(work), struct axl_device,
					     bus_work),
		     "nobody told how a bus error ended");
}

/*
 * Let transfers end before system sleep; requests still queued after half of
 * AXL_SLEEP_DRAIN are dropped. The work items are frozen, so completions
 * without a message are polled here. Returns false if transfers still run.
 */
static bool axl_suspend_drain(struct axl_device *axl)
{
	unsigned long end = jiffies + AXL_SLEEP_DRAIN;
	bool dropped = false;

	while (!axl_dma_idle(axl)) {
		/* the transfers will not end by themselves */
		if (axl->fenced || axl->reset_why || axl_link_bounced(axl))
			return true;
		if (time_after(jiffies, end))
			return false;
		if (!dropped && time_after(jiffies, end - AXL_SLEEP_DRAIN / 2)) {
			axl_dma_drop_queued(axl, -ESTALE);
			dropped = true;
		}
		fsleep(5000);
		axl_dma_irq(axl, 0xff);
	}
	return true;
}

/**
 * axl_suspend() - quiesce the card before system sleep
 * @axl: the device
 *
 * Gives transfers AXL_SLEEP_DRAIN to end; submission needs reset_sem, so none
 * is added. Areas in L2 become stale: power may be cut, which firmware does not
 * survive. Undone by axl_reset_done(). May sleep; takes reset_sem.
 *
 * Return: 0, or -EBUSY if transfers still run.
 */
int axl_suspend(struct axl_device *axl)
{
	int ret = 0;

	down_write(&axl->reset_sem);
	if (axl->online && !axl_status(axl) && !axl_suspend_drain(axl)) {
		dev_warn(&axl->pdev->dev,
			 "transfers still run after %u s: the system cannot sleep now\n",
			 AXL_SLEEP_DRAIN / HZ);
		ret = -EBUSY;
	} else {
		axl->fw_stale = true;
		axl_reset_prepare_locked(axl);
	}
	up_write(&axl->reset_sem);
	return ret;
}
