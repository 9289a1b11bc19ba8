// SPDX-License-Identifier: GPL-2.0
/*
 * Looking after a card that is open: new areas, unseen restarts, its link.
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

/* How often a card without a table is asked for news: that takes 2 KiB of L2. */
#define AXL_NEWS		(HZ / 10)

/* How often a card that is open is looked after, with and without messages. */
#define AXL_MONITOR_MS		100
#define AXL_MONITOR_POLL_MS	10
/* The same for what can only be guessed at: it wakes waiters for nothing. */
#define AXL_GUESS		(HZ / 10)

/*
 * Read what firmware publishes; the card is online and idle. An error: it is
 * going to be reset.
 */
static int axl_adopt(struct axl_device *axl)
{
	int ret;

	axl_dma_hold(axl);
	axl_set_online(axl, false);
	pci_clear_master(axl->pdev);
	axl_hostif_forget(axl);
	ret = axl_bring_up(axl, axl_hostif_refresh(axl));
	if (ret) {
		/* not a firmware start that somebody left to us */
		axl->bounced = true;
		axl_reset_request(axl, "engine does not stop");
	}
	axl_raise_generation(axl);
	return ret;
}

/**
 * axl_fw_detect() - adopt what the card has done meanwhile
 * @axl: the device
 *
 * Costs a few reads of configuration space and of L2 once firmware knows the
 * table. Does nothing while the card is busy: it is asked again later.
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
	if (axl->online && !axl->hostif.published && !axl->fw_stale &&
	    axl_dma_idle(axl) && axl_hostif_has_new_areas(axl))
		axl_adopt(axl);
	up_write(&axl->reset_sem);
}
EXPORT_SYMBOL_AXL(axl_fw_detect);

/**
 * axl_rescan() - look after the card at once, also after one that was given up
 * @axl: the device
 */
void axl_rescan(struct axl_device *axl)
{
	WRITE_ONCE(axl->retry_at, jiffies - 1);
	axl_fw_detect(axl);
}
EXPORT_SYMBOL_AXL(axl_rescan);

/**
 * axl_fw_resync() - firmware was started, says whoever did it
 * @axl: the device
 *
 * If that shows, all that it publishes is read again, and transfers that run are
 * waited for. In any case it is told the table's address again.
 *
 * Return: 0, -EIO, -ENODEV or -EINTR (killed).
 */
int axl_fw_resync(struct axl_device *axl)
{
	int ret;

	axl_check_link(axl);
	for (;;) {
		/* a recovery that is due, or under way, comes first */
		ret = axl_lock_ready(axl);
		if (ret)
			return ret;
		up_read(&axl->reset_sem);
		if (down_write_killable(&axl->reset_sem))
			return -EINTR;
		if (axl->online && !axl->reset_why)
			break;
		up_write(&axl->reset_sem);
	}
	/* not for nothing: slots, and what others have queued, would be lost */
	if (axl->fw_stale || axl_hostif_changed(axl)) {
		ret = axl_dma_drain(axl);
		axl->fw_stale = false;
		if (!ret)
			ret = axl_adopt(axl);
	} else {
		axl_hostif_rewrite_target(axl);
		axl_edma_reprogram(axl);
	}
	up_write(&axl->reset_sem);
	return ret;
}
EXPORT_SYMBOL_AXL(axl_fw_resync);

/*
 * While the card is open: did it restart by itself, did an event come whose
 * message did not? Configuration space and host memory first; L2 when a slot
 * was found, and for contexts where nothing else tells.
 */
static void axl_monitor(struct work_struct *work)
{
	struct axl_device *axl = container_of(to_delayed_work(work),
					      struct axl_device, monitor);
	bool polled = axl_polled(axl);
	int idx;

	if (axl_check_link(axl) && !axl_enter(axl, &idx)) {
		axl_scan_slots(axl, 0, AXL_NR_EVENTS, !polled);
		/* what has no slot can have happened at any time */
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
 * axl_monitor_setup() - initialise what needs no hardware
 * @axl: the device
 */
void axl_monitor_setup(struct axl_device *axl)
{
	INIT_DELAYED_WORK(&axl->monitor, axl_monitor);
}

/**
 * axl_monitor_start() - look after the card while it is open
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
 * axl_monitor_stop() - the device goes away
 * @axl: the device
 */
void axl_monitor_stop(struct axl_device *axl)
{
	cancel_delayed_work_sync(&axl->monitor);
}

/**
 * axl_check_link() - notice that the card restarted by itself, or is back
 * @axl: the device
 *
 * Configuration space only; for calls that programs make rarely.
 *
 * Return: is the card online, and its link up.
 */
bool axl_check_link(struct axl_device *axl)
{
	bool good = false;
	int idx;

	idx = srcu_read_lock(&axl->srcu);
	if (READ_ONCE(axl->online)) {
		good = !axl_link_bounced(axl);
		if (!good)
			axl_reset_request(axl, "link went down");
	} else if (axl_status(axl) == -EIO &&
		   time_after(jiffies, axl->retry_at) && axl_link_up(axl)) {
		axl_reset_request(axl, "card answers again");
	}
	srcu_read_unlock(&axl->srcu, idx);
	return good;
}
