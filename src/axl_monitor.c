// SPDX-License-Identifier: GPL-2.0
/*
 * Checks of an open device, periodic and on demand: the link, new areas,
 * restarts without a link bounce, slots whose message did not arrive.
 */
#include <linux/export.h>
#include <linux/rcupdate.h>

#include "axl_device.h"
#include "axl_dma.h"
#include "axl_edma.h"
#include "axl_hostif.h"
#include "axl_irq.h"
#include "axl_link.h"
#include "axl_mmap.h"
#include "axl_monitor.h"
#include "axl_state.h"

/* Interval of checks for new areas, which read 2 KiB of L2; jiffies */
#define AXL_NEWS		(HZ / 10)

/* Period of axl_monitor() with and without working messages; ms */
#define AXL_MONITOR_MS		100
#define AXL_MONITOR_POLL_MS	10
/* Period of signalling candidates, which wakes waiters needlessly; jiffies */
#define AXL_GUESS		(HZ / 10)

/*
 * Adopt what firmware publishes now. No transfer runs, the state is online or
 * draining, reset_sem is held for writing. After an error recovery is pending.
 */
static int axl_adopt(struct axl_device *axl)
{
	int ret;

	axl_state_trigger(axl, AXL_ON_ADOPT, NULL);
	axl_hostif_refresh(axl);
	ret = axl_state_trigger(axl, AXL_ON_AREAS, NULL);
	if (ret) {
		axl_state_trigger(axl, AXL_ON_RESET, "engine does not stop");
		axl_step_request(axl);
	}
	return ret;
}

/**
 * axl_fw_detect() - detect restarts and adopt newly published areas
 * @axl: the device
 *
 * Once firmware knows the table, costs a few reads of configuration space and
 * L2. New areas are not adopted while transfers run or reset_sem is taken: a
 * later call checks again. May sleep.
 */
void axl_fw_detect(struct axl_device *axl)
{
	int idx;

	if (!axl_check_link(axl))
		return;
	if (!axl_enter(axl, &idx)) {
		if (axl_hostif_lost(axl))
			axl_restart_seen(axl);
		axl_exit(axl, idx);
	}
	if (READ_ONCE(axl->hostif.published) || axl_status(axl) ||
	    time_before(jiffies, READ_ONCE(axl->hostif.news_at)) ||
	    !down_write_trylock(&axl->reset_sem))
		return;
	WRITE_ONCE(axl->hostif.news_at, jiffies + AXL_NEWS);
	if (axl->machine.state == AXL_STATE_ONLINE &&
	    !axl->hostif.published && !axl->fw_stale &&
	    axl_dma_idle(axl) && axl_hostif_has_new_areas(axl))
		axl_adopt(axl);
	up_write(&axl->reset_sem);
}
EXPORT_SYMBOL_AXL(axl_fw_detect);

/**
 * axl_rescan() - check the card now, a dead one without waiting for its next attempt
 * @axl: the device
 *
 * May sleep.
 */
void axl_rescan(struct axl_device *axl)
{
	WRITE_ONCE(axl->machine.retry_at, jiffies - 1);
	axl_fw_detect(axl);
}
EXPORT_SYMBOL_AXL(axl_rescan);

/**
 * axl_fw_resync() - resynchronise after a program has started firmware
 * @axl: the device
 *
 * If the published data has changed, waits for running transfers and adopts it.
 * In any case writes the table's address again. May sleep; takes reset_sem.
 *
 * Return: 0, -EIO, -ENODEV or -EINTR (killed).
 */
int axl_fw_resync(struct axl_device *axl)
{
	int ret;

	axl_check_link(axl);
	ret = axl_lock_online(axl);
	if (ret)
		return ret;
	/* only if needed: loses slots and the queued transfers of others */
	if (axl->fw_stale || axl_hostif_changed(axl)) {
		ret = axl_drain(axl);
		if (!ret) {
			axl->fw_stale = false;
			ret = axl_adopt(axl);
		}
	} else {
		axl_hostif_rewrite_target(axl);
		axl_edma_reprogram(axl);
	}
	up_write(&axl->reset_sem);
	return ret;
}
EXPORT_SYMBOL_AXL(axl_fw_resync);

/*
 * Check for unsolicited restarts and events without a message. Reads config
 * space and host memory; L2 only after a pending slot was found, and for the
 * state of contexts when polling without exact events.
 */
static void axl_monitor(struct work_struct *work)
{
	struct axl_device *axl = container_of(to_delayed_work(work),
					      struct axl_device, monitor);
	bool polled = axl_polled(axl);
	int idx;

	if (axl_check_link(axl) && !axl_enter(axl, &idx)) {
		axl_scan_slots(axl, 0, AXL_NR_EVENTS, !polled);
		/* events without a slot cannot be detected: assume them */
		if (polled && !axl_irq_exact(axl) &&
		    time_after_eq(jiffies, axl->irq.guess_at)) {
			axl->irq.guess_at = jiffies + AXL_GUESS;
			axl_signal_candidates(axl, true);
		}
		axl_exit(axl, idx);
	}
	axl_monitor_start(axl);
}

/**
 * axl_monitor_setup() - initialise the monitor work
 * @axl: the device
 */
void axl_monitor_setup(struct axl_device *axl)
{
	INIT_DELAYED_WORK(&axl->monitor, axl_monitor);
}

/**
 * axl_monitor_start() - schedule the next check if the device is open
 * @axl: the device
 */
void axl_monitor_start(struct axl_device *axl)
{
	unsigned int ms = axl_polled(axl) ? AXL_MONITOR_POLL_MS :
					    AXL_MONITOR_MS;

	if (!READ_ONCE(axl->gone) && axl_cdev_opened(axl))
		queue_delayed_work(axl->wq, &axl->monitor,
				   msecs_to_jiffies(ms));
}

/**
 * axl_monitor_stop() - cancel the monitor work and wait for it
 * @axl: the device, gone or closed: the work does not queue itself again
 */
void axl_monitor_stop(struct axl_device *axl)
{
	cancel_delayed_work_sync(&axl->monitor);
}

/**
 * axl_check_link() - detect a link bounce, or a dead card that answers again
 * @axl: the device
 *
 * Requests recovery for either. Reads configuration space only; not for calls
 * that programs make often.
 *
 * Return: true if the card is online and its link did not bounce.
 */
bool axl_check_link(struct axl_device *axl)
{
	bool good = false;
	int idx;

	idx = srcu_read_lock(&axl->srcu);
	if (axl_is_open(axl)) {
		good = !axl_link_bounced(axl);
		if (!good)
			axl_reset_request(axl, "link went down");
	} else if (axl_status(axl) == -EIO &&
		   time_after(jiffies, READ_ONCE(axl->machine.retry_at)) && axl_link_up(axl)) {
		axl_reset_request(axl, "card answers again");
	}
	srcu_read_unlock(&axl->srcu, idx);
	return good;
}
