// SPDX-License-Identifier: GPL-2.0
/*
 * Overdue transfers and lost completion messages.
 */
#include "axl_device.h"
#include "axl_dma.h"
#include "axl_edma.h"
#include "axl_msi.h"
#include "axl_trace.h"
#include "axl_watchdog.h"

/* Restarts of a request before it fails with -ETIMEDOUT. */
#define AXL_REPLAYS_MAX		3

/* Consecutive checks with completions but no message before polling starts. */
#define AXL_LOST_ROW_MAX	8

/* Stop a direction, fail timed-out requests, restart the others. */
static void axl_dir_recover(struct axl_device *axl, struct axl_dma_dir *dir,
			    u8 guilty)
{
	const char *name = dir->to_device ? "read" : "write";
	unsigned int n, replayed = 0;

	spin_lock_irq(&dir->lock);
	/* a channel may have ended or started another request since */
	for (n = 0; n < dir->nr_ch; n++)
		if (!(dir->running & BIT(n)) ||
		    !time_after(jiffies, dir->ch[n].deadline))
			guilty &= ~BIT(n);
	if (guilty)
		dir->blocked++;
	spin_unlock_irq(&dir->lock);
	if (!guilty)
		return;

	if (!axl_edma_stop(axl, dir, false)) {
		dev_err(&axl->pdev->dev,
			"%s engine does not stop: bus mastering off, resetting the card\n",
			name);
		/*
		 * Without bus mastering a posted write is lost without an
		 * error: requests of the other direction must not count as done.
		 */
		axl_dma_block(axl);
		axl_dir_unblock(axl, dir);
		pci_clear_master(axl->pdev);
		/* both directions stay blocked: axl_state_stop() unblocks them */
		axl->fenced = true;
		axl_reset_request(axl, "DMA engine does not stop");
		return;
	}

	if (!axl_edma_proven(axl, dir)) {
		/* all ones prove nothing: reads may have failed temporarily */
		axl_dma_block(axl);
		axl_dir_unblock(axl, dir);
		axl->fenced = true;
		axl_reset_request(axl, "device does not answer");
		return;
	}

	spin_lock_irq(&dir->lock);
	axl_edma_enable(axl, dir);
	for (n = 0; n < dir->nr_ch; n++) {
		struct axl_req *req = dir->ch[n].req;

		if (!(dir->running & BIT(n)))
			continue;
		if (!(guilty & BIT(n)) &&
		    ++dir->ch[n].replays <= AXL_REPLAYS_MAX)
			continue;
		trace_axl_timeout(axl, req, n, -ETIMEDOUT);
		dev_err_ratelimited(&axl->pdev->dev,
				    "%s channel %u stopped: %llu bytes took more than %u ms\n",
				    name, n, req->length,
				    jiffies_to_msecs(req->timeout));
		axl_edma_ack(axl, dir, n);
		axl_channel_end(axl, dir, n, -ETIMEDOUT);
	}
	dir->blocked--;
	if (!dir->blocked) {
		/* the requests have not ended: moving the bytes twice is safe */
		for (n = 0; n < dir->nr_ch; n++) {
			if (!(dir->running & BIT(n)))
				continue;
			axl_edma_ack(axl, dir, n);
			axl_channel_run(axl, dir, n);
			replayed++;
		}
		axl_dir_kick(axl, dir);
	}
	spin_unlock_irq(&dir->lock);
	if (replayed)
		dev_info_ratelimited(&axl->pdev->dev,
				     "%u %s transfers started again\n",
				     replayed, name);
}

/* Check the busy channels of a direction; returns a mask of overdue ones. */
static u8 axl_dir_check(struct axl_device *axl, struct axl_dma_dir *dir)
{
	bool found = false, dead = false, give_up;
	unsigned int n, lost = 0;
	u8 guilty = 0;

	spin_lock_irq(&dir->lock);
	for (n = 0; n < dir->nr_ch && !dir->blocked; n++) {
		struct axl_channel *ch = &dir->ch[n];
		int cs;

		if (!(dir->running & BIT(n)) ||
		    time_before(jiffies, ch->started + AXL_TICK))
			continue;
		cs = axl_edma_status(axl, dir, n);
		if (cs < 0) {
			dead = true;
		} else if (cs == AXL_EDMA_CS_STOPPED ||
			   cs == AXL_EDMA_CS_HALTED) {
			/* its message may be under way: allow one tick */
			if (!ch->seen_done) {
				ch->seen_done = true;
				continue;
			}
			lost++;
			found |= axl_channel_poll(axl, dir, n, false);
		} else if (time_after(jiffies, ch->deadline)) {
			guilty |= BIT(n);
		}
	}
	axl_irq_lost(axl, lost, "a transfer ended");
	/* count once per check: a stalled CPU delays all channels */
	axl->dma.lost_row += !!lost;
	give_up = axl->dma.lost_row >= AXL_LOST_ROW_MAX && !axl_polled(axl);
	if (give_up)
		WRITE_ONCE(axl->selftest.delivery, AXL_DELIVERY_POLLED);
	if (found || give_up)
		axl_dir_kick(axl, dir);
	spin_unlock_irq(&dir->lock);

	if (give_up)
		dev_warn_ratelimited(&axl->pdev->dev,
				     "interrupts of the DMA engine do not arrive any more, transfers are polled until the next reset: see the ITS in the device tree and the interrupts' affinity\n");
	if (dead)
		axl_reset_request(axl, "device does not answer");
	return guilty;
}

/* Find lost interrupts and overdue transfers while any channel is busy. */
static void axl_dma_watchdog(struct work_struct *work)
{
	struct axl_device *axl = container_of(to_delayed_work(work),
					      struct axl_device, watchdog);
	struct axl_dma_dir *dir;
	u8 guilty;
	int idx;

	if (axl_enter(axl, &idx))
		return;
	for_each_axl_dir(axl, dir) {
		/* a pending recovery handles all channels */
		if (axl->reset_why)
			break;
		guilty = axl_dir_check(axl, dir);
		if (guilty)
			axl_dir_recover(axl, dir, guilty);
	}
	axl_exit(axl, idx);
	if (!axl_dma_idle(axl))
		queue_delayed_work(axl->wq, &axl->watchdog, AXL_TICK);
}

/**
 * axl_watchdog_setup() - initialise the watchdog work
 * @axl: the device
 */
void axl_watchdog_setup(struct axl_device *axl)
{
	INIT_DELAYED_WORK(&axl->watchdog, axl_dma_watchdog);
}
