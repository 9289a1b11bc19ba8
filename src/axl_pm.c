// SPDX-License-Identifier: GPL-2.0
/*
 * Resets, bus errors and power cuts that come from outside of this driver.
 */
#include <linux/delay.h>

#include "axl_device.h"
#include "axl_dma.h"
#include "axl_link.h"
#include "axl_mmap.h"
#include "axl_pm.h"
#include "axl_state.h"

/* How long transfers may hold up the system's way to sleep. */
#define AXL_SLEEP_DRAIN		(2 * HZ)

/*
 * A recovery of the bus that fails need not say so (older kernels, a neighbour
 * without a driver): the card is looked at after the longest reset that the core
 * waits for, a minute.
 */
#define AXL_BUS_WAIT		(75 * HZ)

/**
 * axl_reset_done() - the card may be used again
 * @axl: the device
 * @why: constant text for the log
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

/* The caller holds reset_sem exclusive. */
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
	/* not once more when the card is back */
	axl_raise_generation(axl);
	axl->raised = true;
}

/**
 * axl_reset_prepare() - somebody else is going to reset the card or cut its power
 * @axl: the device
 *
 * Undone by axl_reset_done(); until then nobody recovers it.
 */
void axl_reset_prepare(struct axl_device *axl)
{
	down_write(&axl->reset_sem);
	axl_reset_prepare_locked(axl);
	up_write(&axl->reset_sem);
}

/**
 * axl_pci_error_detected() - the bus has an error, and its recovery begins
 * @axl: the device
 *
 * One pause, however often the bus says so: failed recoveries need not tell.
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
 * axl_pci_error_failed() - the bus could not be recovered
 * @axl: the device, after axl_pci_error_detected()
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
 * axl_pci_error_recovered() - the bus has recovered
 * @axl: the device
 * @why: constant text for the log
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

/* Nobody said how it ended. */
void axl_pci_error_work(struct work_struct *work)
{
	axl_pci_error_recovered(container_of(to_delayed_work(work), struct axl_device,
				  bus_work),
		     "nobody told how a bus error ended");
}

/*
 * Let transfers end before the system sleeps; what is still queued after half of
 * the time is dropped. Nobody else looks at the channels now: the work items are
 * frozen.
 */
static bool axl_suspend_drain(struct axl_device *axl)
{
	unsigned long end = jiffies + AXL_SLEEP_DRAIN;
	bool dropped = false;

	while (!axl_dma_idle(axl)) {
		/* nothing to wait for: it will not end by itself */
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
 * axl_suspend() - the system is going to sleep
 * @axl: the device
 *
 * Transfers are given some time to end; nothing new comes, since submission
 * needs reset_sem. Firmware is written off: power may go. Undone by
 * axl_reset_done().
 *
 * Return: 0 or -EBUSY: transfers still run.
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
