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

/* Begin a pause. The caller holds reset_sem for writing. */
static void axl_pause(struct axl_device *axl)
{
	axl->machine.pauses++;
	axl_state_trigger(axl, AXL_ON_PAUSE, NULL);
}

/* End a pause; the work item recovers the card after the last one. */
static void axl_resume(struct axl_device *axl, const char *why)
{
	axl->machine.pauses--;
	axl_state_trigger(axl, AXL_ON_RESUME, why);
	axl_step_request(axl);
}

/**
 * axl_reset_done() - end a pause; recovery begins after the last one
 * @axl: the device, paused
 * @why: reason for the log; a string constant
 *
 * May sleep; takes reset_sem.
 */
void axl_reset_done(struct axl_device *axl, const char *why)
{
	down_write(&axl->reset_sem);
	axl_resume(axl, why);
	up_write(&axl->reset_sem);
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
	axl_pause(axl);
	up_write(&axl->reset_sem);
}

/**
 * axl_pci_error_detected() - PCI error recovery begins
 * @axl: the device
 * @failed: it has failed at once
 *
 * Returns at once: the work item quiesces the card. Any context.
 */
void axl_pci_error_detected(struct axl_device *axl, bool failed)
{
	set_bit(failed ? AXL_BUS_FAILED : AXL_BUS_DETECTED, &axl->bus_events);
	/* new submissions wait for the work item */
	axl_reset_request(axl, "PCI error");
}

/**
 * axl_pci_error_step() - act on axl_pci_error_detected(), if it was called
 * @axl: the device; reset_sem is held for writing
 *
 * Pauses recovery once even if called repeatedly: a failed PCI error recovery
 * may not be reported before the next one. May sleep.
 */
void axl_pci_error_step(struct axl_device *axl)
{
	struct axl_machine *m = &axl->machine;

	if (!READ_ONCE(axl->bus_events))
		return;
	/* the request of axl_pci_error_detected() */
	WRITE_ONCE(axl->reset_why, NULL);
	if (test_and_clear_bit(AXL_BUS_DETECTED, &axl->bus_events)) {
		if (!m->bus_error)
			axl_pause(axl);
		m->bus_error = true;
		mod_delayed_work(axl->wq, &axl->bus_work, AXL_BUS_WAIT);
	}
	if (test_and_clear_bit(AXL_BUS_FAILED, &axl->bus_events)) {
		cancel_delayed_work(&axl->bus_work);
		/* without an error before, the card goes from paused to dead */
		if (!m->bus_error)
			axl_pause(axl);
		m->bus_error = false;
		m->pauses--;
		axl_state_trigger(axl, AXL_ON_BUS_FAILED, "PCI error recovery failed");
	}
	wake_up_all(&axl->state_wait);
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
	down_write(&axl->reset_sem);
	axl_pci_error_step(axl);
	cancel_delayed_work(&axl->bus_work);
	if (axl->machine.bus_error) {
		axl->machine.bus_error = false;
		axl_resume(axl, why);
	}
	up_write(&axl->reset_sem);
}

/* No result of PCI error recovery within AXL_BUS_WAIT: check the card. */
static void axl_pci_error_work(struct work_struct *work)
{
	axl_pci_error_recovered(container_of(to_delayed_work(work), struct axl_device,
					     bus_work),
				"no PCI error recovery result within 75 s");
}

void axl_pm_setup(struct axl_device *axl)
{
	INIT_DELAYED_WORK(&axl->bus_work, axl_pci_error_work);
}

/*
 * Let transfers end before system sleep; requests still queued are dropped. The
 * work items are frozen, so completions without a message are polled here.
 * Returns false if transfers still run.
 */
static bool axl_suspend_drain(struct axl_device *axl)
{
	unsigned long end = jiffies + AXL_SLEEP_DRAIN;
	bool dropped = false;
	int idx;

	while (!axl_dma_idle(axl)) {
		/* the transfers will not end by themselves */
		if (axl->fenced || READ_ONCE(axl->reset_why) || axl_link_bounced(axl))
			return true;
		if (time_after(jiffies, end))
			return false;
		if (!dropped && time_after(jiffies, end - AXL_SLEEP_DRAIN / 2)) {
			axl_dma_drop_queued(axl, -ESTALE);
			dropped = true;
		}
		fsleep(5000);
		if (axl_enter(axl, &idx))
			return true;
		axl_dma_irq(axl, 0xff);
		axl_exit(axl, idx);
	}
	return true;
}

/**
 * axl_suspend() - quiesce the card before system sleep
 * @axl: the device
 *
 * Gives transfers AXL_SLEEP_DRAIN to end; all other threads are frozen, so none
 * is added. Areas in L2 become stale: power may be cut, which firmware does not
 * survive. Undone by axl_reset_done(). May sleep; takes reset_sem.
 *
 * Return: 0, or -EBUSY if transfers still run.
 */
int axl_suspend(struct axl_device *axl)
{
	if (axl_is_open(axl) && !axl_suspend_drain(axl)) {
		dev_warn(&axl->pdev->dev,
			 "transfers still run after %u s: the system cannot sleep now\n",
			 AXL_SLEEP_DRAIN / HZ);
		return -EBUSY;
	}
	down_write(&axl->reset_sem);
	/* firmware that was just started publishes its areas after the sleep */
	axl->fw_stale = !axl->machine.expected;
	axl_pause(axl);
	up_write(&axl->reset_sem);
	return 0;
}
