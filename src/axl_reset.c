// SPDX-License-Identifier: GPL-2.0
/*
 * The device's states: going online, offline, through a reset or a link bounce,
 * and dead. One work item recovers, whoever asks.
 */
#include <linux/delay.h>
#include <linux/sched/signal.h>

#include "axl_device.h"
#include "axl_dma.h"
#include "axl_edma.h"
#include "axl_hostif.h"
#include "axl_iova.h"
#include "axl_irq.h"
#include "axl_link.h"
#include "axl_mmap.h"
#include "axl_pm.h"
#include "axl_reset.h"
#include "axl_state.h"

/*
 * How long a card may take to show its link, and then its areas (hardware-notes:
 * Firmware life cycle). A bootloader never shows any.
 */
#define AXL_RESET_LINK_MS	5000
#define AXL_RESET_AREA_MS	5000

/* For who has time: longer than areas are waited for. */
#define AXL_SETTLE		msecs_to_jiffies(AXL_RESET_AREA_MS + 1000)

/*
 * A card that restarts so often, in a minute and without its link showing it, is
 * misunderstood: what is taken for a restart is something else.
 */
#define AXL_REJOINS_MAX		60

/* How often a link may go down while the card is being brought back. */
#define AXL_BOUNCES_MAX		5

/* Phases are those of a load; what the work item does is nobody's progress. */
static void axl_set_phase(struct axl_device *axl, enum axl_fw_phase phase)
{
	if (!(current->flags & PF_WQ_WORKER))
		WRITE_ONCE(axl->fw.phase, phase);
}

static bool axl_await_link(struct axl_device *axl, unsigned long deadline)
{
	unsigned long until = jiffies + msecs_to_jiffies(AXL_RESET_LINK_MS);

	/* an impatient caller is no reason to give the card up */
	if (time_before(until, deadline))
		until = deadline;
	axl_set_phase(axl, AXL_FW_PHASE_LINK);
	while (!axl_link_up(axl)) {
		if (axl_wait_expired(axl, until))
			return false;
		fsleep(5000);
	}
	return true;
}

/**
 * axl_recover_deferred() - leave the rest of a firmware start to the work item
 * @axl: the device, offline and held; reset_sem is held exclusive
 *
 * Whoever waited was killed, or has no time. It must not stay, and the card must
 * not be left half way.
 *
 * Return: -EINTR (killed), -ENODEV or -ETIMEDOUT.
 */
int axl_recover_deferred(struct axl_device *axl)
{
	if (axl_status(axl))
		return axl_status(axl);
	axl_reset_request(axl, "nobody waits for the firmware start any more");
	/* now, and not once more when it is finished */
	axl_raise_generation(axl);
	axl->raised = true;
	return fatal_signal_pending(current) ? -EINTR : -ETIMEDOUT;
}

/**
 * axl_recover() - bring a card back whose link went down
 * @axl: the device: offline, held and flushed; reset_sem is held exclusive
 * @deadline: jiffies: how long to wait for the link and for firmware's areas;
 *	the link gets a few seconds at least
 * @settle: firmware may be coming up: unless its areas appear, bus mastering
 *	stays off for as long as it may take, here or in the work item
 *
 * Without areas the card comes up as one that has its bootloader only; after
 * sleep as one whose firmware is gone.
 *
 * Return: 0, -ETIMEDOUT (no areas, or not yet), -EIO (dead), -ENODEV or -EINTR
 * (killed; recovery goes on).
 */
int axl_recover(struct axl_device *axl, unsigned long deadline, bool settle)
{
	struct pci_dev *pdev = axl->pdev;
	/* firmware that had a table will have one again */
	bool had_table = axl->hostif.layout.hostif.valid;
	unsigned long settled, nonsense, changed;
	struct axl_layout last;
	unsigned int bounces = 0;
	bool late, same;
	int ret;

	lockdep_assert_held_write(&axl->reset_sem);
	axl->bounced = true;
	axl_guard_restart(axl);
again:
	/* what was seen before the link went down proves nothing */
	memset(&last, 0, sizeof(last));
	changed = jiffies;
	nonsense = 0;
	if (!axl_await_link(axl, deadline)) {
		if (fatal_signal_pending(current))
			return axl_recover_deferred(axl);
		axl_set_dead(axl, "link did not come back");
		return axl_status(axl);
	}

	WRITE_ONCE(axl->dead, false);
	/* BARs, MSI and PCIe settings; bus mastering was off when it was saved */
	pci_load_saved_state(pdev, axl->saved);
	pci_restore_state(pdev);
	if (!axl_edma_alive(axl)) {
		if (axl_link_bounced(axl) && bounces++ < AXL_BOUNCES_MAX)
			goto again;
		axl_set_dead(axl, "engine does not answer after the restart");
		return -EIO;
	}

	axl_set_phase(axl, AXL_FW_PHASE_AREAS);
	settled = jiffies;
	if (settle && !axl->fw_stale)
		settled += msecs_to_jiffies(AXL_RESET_AREA_MS);
	for (;;) {
		/* once more: all that was restored is lost */
		if (axl_link_bounced(axl) && bounces++ < AXL_BOUNCES_MAX)
			goto again;
		ret = axl_hostif_refresh(axl);
		if (axl->fw_stale) {
			axl_hostif_drop_areas(axl);
			break;
		}
		/*
		 * Areas appear one by one, and some may be left over from before:
		 * adopted is what has not changed between two looks. The one
		 * that matters is that of the table's address.
		 */
		same = !memcmp(&last, &axl->hostif.layout, sizeof(last));
		if (!same)
			changed = jiffies;
		last = axl->hostif.layout;
		if (axl->hostif.layout.hostif.valid && !axl_hostif_stale(axl) && same)
			break;
		if (axl->hostif.areas_known && !axl->hostif.layout.hostif.valid &&
		    !had_table && time_after(jiffies, changed + HZ / 2))
			break;
		/* it has published, and published nonsense: that is no news */
		if (axl->hostif.layout.complaint && !nonsense)
			nonsense = jiffies + HZ / 2;
		late = time_after_eq(jiffies, settled) ||
		       (nonsense && time_after(jiffies, nonsense));
		if (late && (axl->hostif.areas_known || nonsense ||
			     axl_wait_expired(axl, deadline)))
			break;
		if (!late && axl_wait_expired(axl, deadline))
			return axl_recover_deferred(axl);
		fsleep(10000);
	}
	/* a request that came meanwhile is served by this */
	axl->reset_why = NULL;
	if (axl_bring_up(axl, ret)) {
		axl_set_dead(axl, "engine does not stop after the restart");
		return -EIO;
	}
	if (!axl->raised)
		axl_raise_generation(axl);
	axl->raised = false;
	return axl_status(axl) ?: axl->hostif.areas_known ? 0 : -ETIMEDOUT;
}

/**
 * axl_reset() - function level reset, and start over
 * @axl: the device; reset_sem is held exclusive
 *
 * Return: 0, -EOPNOTSUPP, -EIO, -ENODEV or -EINTR.
 */
int axl_reset(struct axl_device *axl)
{
	/* what showed no areas before is not expected to do so now */
	bool settle = axl->hostif.areas_known;
	unsigned long deadline;
	int ret;

	lockdep_assert_held_write(&axl->reset_sem);
	if (pcie_reset_flr(axl->pdev, PCI_RESET_PROBE))
		return -EOPNOTSUPP;
	axl->fw_state = AXL_FW_STARTING;
	axl_cdev_zap(axl);
	axl_quiesce(axl);
	axl_dma_flush(axl, -ESTALE);
	axl->reset_why = NULL;
	if (axl_link_up(axl) &&
	    pcie_reset_flr(axl->pdev, PCI_RESET_DO_RESET)) {
		axl_set_dead(axl, "function level reset failed");
		return -EIO;
	}
	deadline = jiffies + (settle ? AXL_SETTLE : 0);
	ret = axl_recover(axl, deadline, settle);
	WRITE_ONCE(axl->fw.phase, AXL_FW_PHASE_IDLE);
	return ret == -ETIMEDOUT ? 0 : ret;
}

/*
 * The link went down without our doing; the card may be long since back. Its
 * transfers are told when it is known what became of it.
 */
static void axl_recover_link(struct axl_device *axl)
{
	u16 command;

	axl->fw_state = AXL_FW_STARTING;
	axl_cdev_zap(axl);
	axl_quiesce(axl);
	if (!axl_await_link(axl, jiffies)) {
		axl_dma_flush(axl, -EIO);
		axl_set_dead(axl, "link did not come back");
		return;
	}
	/* still master: it was not reset, and its engine may still run */
	pci_read_config_word(axl->pdev, PCI_COMMAND, &command);
	if (command & PCI_COMMAND_MASTER) {
		pci_clear_master(axl->pdev);
		if (pcie_reset_flr(axl->pdev, PCI_RESET_DO_RESET))
			axl_dma_leak(axl);
	}
	axl_dma_flush(axl, -ESTALE);
	axl_recover(axl, jiffies + AXL_SETTLE, true);
}

/* It restarted without its link showing it: what we know of it is history. */
static bool axl_recover_fw(struct axl_device *axl)
{
	if (time_after(jiffies, axl->rejoin_from + 60 * HZ)) {
		axl->rejoin_from = jiffies;
		axl->rejoins = 0;
	}
	if (++axl->rejoins > AXL_REJOINS_MAX) {
		dev_err(&axl->pdev->dev,
			"firmware seems to restart all the time; restarts that the link does not show are not looked for until the driver is bound again\n");
		WRITE_ONCE(axl->restart_blind, true);
		return false;
	}
	WRITE_ONCE(axl->restarts, axl->restarts + 1);
	axl->fw_stale = false;
	axl->fw_state = AXL_FW_STARTING;
	axl_cdev_zap(axl);
	axl_irq_rescued(axl, axl_irq_take_all(axl));
	axl_quiesce(axl);
	axl_dma_flush(axl, -ESTALE);
	axl_recover(axl, jiffies + AXL_SETTLE, true);
	return true;
}

/* A firmware start was left to us: see whether it happens. */
static void axl_finish_start(struct axl_device *axl)
{
	while (!axl->bounced && !axl_wait_expired(axl, axl->bounce_by)) {
		axl->bounced = axl_link_bounced(axl);
		if (axl->bounced)
			axl->fw_stale = false;
		fsleep(5000);
	}
	if (axl->bounced) {
		axl_recover_link(axl);
	} else if (!axl->gone) {
		axl->raised = false;
		axl_fw_state_from_layout(axl, 0);
		axl_set_online(axl, true);
		axl_dma_release(axl);
	}
}

/* No restart was found that explains it all. */
static void axl_reset_if_wanted(struct axl_device *axl, const char *why)
{
	if (!axl->fenced && axl_is_restart(why))
		return;
	if (axl_reset(axl) == -EOPNOTSUPP)
		axl_stop_for_good(axl, "the card cannot be reset");
}

static void axl_reset_work(struct work_struct *work)
{
	struct axl_device *axl = container_of(work, struct axl_device,
					      reset_work);
	const char *why;
	bool bounced;

	down_write(&axl->reset_sem);
	/* whoever paused asks again when it is done */
	why = axl->paused ? NULL : axl->reset_why;
	/* none: whoever held the semaphore has done it */
	if (why && !axl->gone) {
		dev_warn_ratelimited(&axl->pdev->dev, "recovering: %s\n", why);
		axl->reset_why = NULL;
		bounced = axl->online && axl_link_bounced(axl);
		if (bounced) {
			WRITE_ONCE(axl->restarts, axl->restarts + 1);
			axl->fw_stale = false;
		}
		if (axl->dead || bounced)
			axl_recover_link(axl);
		else if (!axl->online)
			axl_finish_start(axl);
		else if (axl->fenced || !axl_hostif_lost(axl) ||
			 !axl_recover_fw(axl))
			axl_reset_if_wanted(axl, why);
		/* whoever waited for the recovery goes on */
		wake_up_all(&axl->state_wait);
	}
	up_write(&axl->reset_sem);
}

void axl_reset_setup(struct axl_device *axl)
{
	init_rwsem(&axl->reset_sem);
	INIT_WORK(&axl->reset_work, axl_reset_work);
	INIT_DELAYED_WORK(&axl->bus_work, axl_pci_error_work);
	axl->retry = AXL_RETRY;
	axl->rejoin_from = jiffies;
}
