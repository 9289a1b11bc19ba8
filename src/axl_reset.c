// SPDX-License-Identifier: GPL-2.0
/*
 * Recovery: function level reset, link bounces and firmware restarts. One work
 * item serves all requests; firmware starts and AXL_IOC_RESET recover directly.
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
 * Time limits for the link to come up, then for the areas to be published; ms
 * (hardware-notes: Firmware life cycle). A bootloader publishes no areas.
 */
#define AXL_RESET_LINK_MS	5000
#define AXL_RESET_AREA_MS	5000

/* Deadline without a caller's limit: longer than AXL_RESET_AREA_MS; jiffies */
#define AXL_SETTLE		msecs_to_jiffies(AXL_RESET_AREA_MS + 1000)

/*
 * Restarts per minute without a link bounce. More of them mean that the driver
 * takes something else for a restart.
 */
#define AXL_REJOINS_MAX		60

/* Link bounces allowed during one recovery. */
#define AXL_BOUNCES_MAX		5

/* Report the progress of a firmware start or AXL_IOC_RESET, not of the work. */
static void axl_set_phase(struct axl_device *axl, enum axl_fw_phase phase)
{
	if (!(current->flags & PF_WQ_WORKER))
		WRITE_ONCE(axl->fw.phase, phase);
}

static bool axl_await_link(struct axl_device *axl, unsigned long deadline)
{
	unsigned long until = jiffies + msecs_to_jiffies(AXL_RESET_LINK_MS);

	/* a caller's short limit must not make the card dead */
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
 * axl_recover_deferred() - let the work item finish a start or reset
 * @axl: the device, offline and held; reset_sem is held for writing
 *
 * For a caller that was killed or reached its time limit: the card must not
 * stay half restarted.
 *
 * Return: -EINTR (killed), -ETIMEDOUT, or -ENODEV or -EIO from axl_status().
 */
int axl_recover_deferred(struct axl_device *axl)
{
	if (axl_status(axl))
		return axl_status(axl);
	axl_reset_request(axl, "nobody waits for the firmware start any more");
	/* @raised: axl_recover() must not raise it again */
	axl_raise_generation(axl);
	axl->raised = true;
	return fatal_signal_pending(current) ? -EINTR : -ETIMEDOUT;
}

/**
 * axl_recover() - bring the card online after a restart
 * @axl: the device: offline, held, without requests; reset_sem is held for
 *	writing
 * @deadline: jiffies until which to wait for the link and for firmware's areas;
 *	the link gets AXL_RESET_LINK_MS at least
 * @settle: firmware may be starting: keep bus mastering off until its areas
 *	appear or AXL_RESET_AREA_MS have passed, here or in the work item
 *
 * Without areas the state becomes AXL_FW_BOOTLOADER, or AXL_FW_NONE after
 * system sleep. May sleep.
 *
 * Return: 0, -ETIMEDOUT (no areas, or not yet), -EIO (dead), -ENODEV or -EINTR
 * (killed; the work item continues).
 */
int axl_recover(struct axl_device *axl, unsigned long deadline, bool settle)
{
	struct pci_dev *pdev = axl->pdev;
	/* firmware that had a host-driver area will publish it again */
	bool had_table = axl_layout_of(axl)->hostif.valid;
	unsigned long settled, nonsense, changed;
	const struct axl_layout *layout;
	struct axl_layout last;
	unsigned int bounces = 0;
	bool late, same;
	int ret;

	lockdep_assert_held_write(&axl->reset_sem);
	axl->bounced = true;
	axl_guard_restart(axl);
again:
	/* a layout read before the link went down is void */
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
	/* BARs, MSI and PCIe settings; saved with bus mastering off */
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
		/* another bounce: the restored configuration is lost */
		if (axl_link_bounced(axl) && bounces++ < AXL_BOUNCES_MAX)
			goto again;
		ret = axl_hostif_refresh(axl);
		if (axl->fw_stale) {
			axl_hostif_drop_areas(axl);
			break;
		}
		/*
		 * Areas appear one by one, and some may be from before the
		 * restart: adopt a layout only if two reads agree and it has
		 * the host-driver area, which takes the table's address.
		 */
		layout = axl_layout_of(axl);
		same = !memcmp(&last, layout, sizeof(last));
		if (!same)
			changed = jiffies;
		last = *layout;
		if (layout->hostif.valid && !axl_hostif_stale(axl) && same)
			break;
		if (axl->hostif.areas_known && !layout->hostif.valid &&
		    !had_table && time_after(jiffies, changed + HZ / 2))
			break;
		/* invalid areas: allow half a second, not the full time */
		if (layout->complaint && !nonsense)
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
	/* this also serves a request made in the meantime */
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
 * axl_reset() - reset the function and bring the card online
 * @axl: the device; reset_sem is held for writing
 *
 * Fails all requests with -ESTALE. May sleep.
 *
 * Return: 0, also without areas, -EOPNOTSUPP (no function level reset), -EIO
 * (dead), -ENODEV or -EINTR (killed; the work item continues).
 */
int axl_reset(struct axl_device *axl)
{
	/* a card without areas is not expected to publish them now */
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
 * Recover from a link bounce, or a dead card; the link may be up again.
 * Transfers fail with -EIO if it does not come back, otherwise with -ESTALE.
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
	/* bus mastering on: the function was not reset, its engine may run */
	pci_read_config_word(axl->pdev, PCI_COMMAND, &command);
	if (command & PCI_COMMAND_MASTER) {
		pci_clear_master(axl->pdev);
		if (pcie_reset_flr(axl->pdev, PCI_RESET_DO_RESET))
			axl_dma_leak(axl);
	}
	axl_dma_flush(axl, -ESTALE);
	axl_recover(axl, jiffies + AXL_SETTLE, true);
}

/* Recover from a restart without a link bounce; false: too many restarts. */
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

/* Continue after axl_recover_deferred(): check whether the link bounces. */
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

/* Reset, unless only a restart was suspected and none was found. */
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
	/* while paused, axl_reset_done() requests recovery again */
	why = axl->paused ? NULL : axl->reset_why;
	/* NULL: a previous holder of reset_sem has recovered the card */
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
		/* axl_generation_get() waits for reset_why to be cleared */
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
