// SPDX-License-Identifier: GPL-2.0
/*
 * The device's states: going online, offline, through a reset or a link bounce,
 * and dead. One work item recovers, whoever asks.
 */
#include <linux/delay.h>
#include <linux/sched/signal.h>

#include "axl.h"

/*
 * How long a card may take to show its link, and then its areas (hardware-notes:
 * Firmware life cycle). A bootloader never shows any.
 */
#define AXL_RESET_LINK_MS	5000
#define AXL_RESET_AREA_MS	5000

/* For who has time: longer than areas are waited for. */
#define AXL_SETTLE		msecs_to_jiffies(AXL_RESET_AREA_MS + 1000)

/* How long transfers may hold up the system's way to sleep. */
#define AXL_SLEEP_DRAIN		(2 * HZ)

/* When a dead card that answers is given another chance: at first, and at last. */
#define AXL_RETRY		(10 * HZ)
#define AXL_RETRY_MAX		(640 * HZ)

/*
 * A card that restarts so often, in a minute and without its link showing it, is
 * misunderstood: what is taken for a restart is something else.
 */
#define AXL_REJOINS_MAX		60

/*
 * A recovery of the bus that fails need not say so (older kernels, a neighbour
 * without a driver): the card is looked at after the longest reset that the core
 * waits for, a minute.
 */
#define AXL_BUS_WAIT		(75 * HZ)

/* How often a link may go down while the card is being brought back. */
#define AXL_BOUNCES_MAX		5

static const char axl_why_restart[] = "firmware restarted by itself";

/**
 * axl_port_link() - is the link active, as the port above sees it
 * @axl: the device
 *
 * Where the link is looked at: the port need not cross it.
 */
bool axl_port_link(struct axl_device *axl)
{
	struct pci_dev *port = pci_upstream_bridge(axl->pdev);
	u32 cap;
	u16 sta;

	if (!port || !pci_is_pcie(port))
		return true;
	if (pcie_capability_read_dword(port, PCI_EXP_LNKCAP, &cap) ||
	    !(cap & PCI_EXP_LNKCAP_DLLLARC))
		return true;
	if (pcie_capability_read_word(port, PCI_EXP_LNKSTA, &sta) ||
	    sta == (u16)~0)
		return false;
	return sta & PCI_EXP_LNKSTA_DLLLA;
}
EXPORT_SYMBOL_AXL(axl_port_link);

/**
 * axl_link_up() - does the function answer
 * @axl: the device
 *
 * Configuration space only; safe while the link bounces.
 */
bool axl_link_up(struct axl_device *axl)
{
	struct pci_dev *pdev = axl->pdev;
	u16 vendor, device;

	return axl_port_link(axl) &&
	       !pci_read_config_word(pdev, PCI_VENDOR_ID, &vendor) &&
	       !pci_read_config_word(pdev, PCI_DEVICE_ID, &device) &&
	       vendor == pdev->vendor && device == pdev->device;
}

/**
 * axl_link_bounced() - is the link down, or was it
 * @axl: the device, which had memory decoding on
 *
 * A bounce that was too short to be seen leaves reset config space behind.
 */
bool axl_link_bounced(struct axl_device *axl)
{
	u16 command;

	if (!axl_link_up(axl))
		return true;
	pci_read_config_word(axl->pdev, PCI_COMMAND, &command);
	return !(command & PCI_COMMAND_MEMORY);
}

/**
 * axl_put_back() - leave the card's config space to the next one who drives it
 * @axl: the device, stopped for good
 *
 * A reset on the way out, or the card's own restart, has cleared it, and the core
 * does not set BARs a second time.
 */
void axl_put_back(struct axl_device *axl)
{
	if (!axl_link_up(axl) || !axl_link_bounced(axl))
		return;
	pci_load_saved_state(axl->pdev, axl->saved);
	pci_restore_state(axl->pdev);
}

/**
 * axl_hold() - let nothing be started until axl_resume()
 * @axl: the device; reset_sem is held exclusive, or nobody knows it yet
 */
void axl_hold(struct axl_device *axl)
{
	if (!axl->held)
		axl_dma_block(axl);
	axl->held = true;
}

void axl_resume(struct axl_device *axl)
{
	if (axl->held)
		axl_dma_unblock(axl);
	axl->held = false;
}

static void axl_fw_state_from_layout(struct axl_device *axl, int ret)
{
	if (axl->areas_known)
		axl->fw_state = AXL_FW_RUNNING;
	else
		axl->fw_state = ret || axl->slept ? AXL_FW_NONE : AXL_FW_BOOTLOADER;
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
	WRITE_ONCE(axl->vmsi_taken, 0);
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
	axl_resume(axl);
	return 0;
}

/* Give up on the card until it is seen to answer. */
static void axl_set_dead(struct axl_device *axl, const char *why)
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

/* Phases are those of a load; what the work item does is nobody's progress. */
static void axl_set_phase(struct axl_device *axl, enum axl_fw_phase phase)
{
	if (!(current->flags & PF_WQ_WORKER))
		WRITE_ONCE(axl->fw_phase, phase);
}

static bool axl_await_link(struct axl_device *axl, unsigned long deadline)
{
	unsigned long until = jiffies + msecs_to_jiffies(AXL_RESET_LINK_MS);

	/* an impatient caller is no reason to give the card up */
	if (time_before(until, deadline))
		until = deadline;
	axl_set_phase(axl, AXL_FW_PHASE_LINK);
	while (!axl_link_up(axl)) {
		if (axl_impatient(axl, until))
			return false;
		fsleep(5000);
	}
	return true;
}

/**
 * axl_hand_over() - leave the rest of a firmware start to the work item
 * @axl: the device, offline and held; reset_sem is held exclusive
 *
 * Whoever waited was killed, or has no time. It must not stay, and the card must
 * not be left half way.
 *
 * Return: -EINTR (killed), -ENODEV or -ETIMEDOUT.
 */
int axl_hand_over(struct axl_device *axl)
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
	bool had_table = axl->layout.hostif.valid;
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
			return axl_hand_over(axl);
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
	if (settle && !axl->slept)
		settled += msecs_to_jiffies(AXL_RESET_AREA_MS);
	for (;;) {
		/* once more: all that was restored is lost */
		if (axl_link_bounced(axl) && bounces++ < AXL_BOUNCES_MAX)
			goto again;
		ret = axl_hostif_refresh(axl);
		if (axl->slept) {
			axl_hostif_disbelieve(axl);
			break;
		}
		/*
		 * Areas appear one by one, and some may be left over from before:
		 * adopted is what has not changed between two looks. The one
		 * that matters is that of the table's address.
		 */
		same = !memcmp(&last, &axl->layout, sizeof(last));
		if (!same)
			changed = jiffies;
		last = axl->layout;
		if (axl->layout.hostif.valid && !axl_hostif_stale(axl) && same)
			break;
		if (axl->areas_known && !axl->layout.hostif.valid &&
		    !had_table && time_after(jiffies, changed + HZ / 2))
			break;
		/* it has published, and published nonsense: that is no news */
		if (axl->layout.complaint && !nonsense)
			nonsense = jiffies + HZ / 2;
		late = time_after_eq(jiffies, settled) ||
		       (nonsense && time_after(jiffies, nonsense));
		if (late && (axl->areas_known || nonsense ||
			     axl_impatient(axl, deadline)))
			break;
		if (!late && axl_impatient(axl, deadline))
			return axl_hand_over(axl);
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
	return axl_status(axl) ?: axl->areas_known ? 0 : -ETIMEDOUT;
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

	axl_hold(axl);
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

/**
 * axl_reset() - function level reset, and start over
 * @axl: the device; reset_sem is held exclusive
 *
 * Return: 0, -EOPNOTSUPP, -EIO, -ENODEV or -EINTR.
 */
int axl_reset(struct axl_device *axl)
{
	/* what showed no areas before is not expected to do so now */
	bool settle = axl->areas_known;
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
	WRITE_ONCE(axl->fw_phase, AXL_FW_PHASE_IDLE);
	return ret == -ETIMEDOUT ? 0 : ret;
}

/*
 * The link went down without our doing; the card may be long since back. Its
 * transfers are told when it is known what became of it.
 */
static void axl_relink(struct axl_device *axl)
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
static bool axl_rejoin(struct axl_device *axl)
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
	axl->slept = false;
	axl->fw_state = AXL_FW_STARTING;
	axl_cdev_zap(axl);
	axl_irq_rescued(axl, axl_irq_take_all(axl));
	axl_quiesce(axl);
	axl_dma_flush(axl, -ESTALE);
	axl_recover(axl, jiffies + AXL_SETTLE, true);
	return true;
}

static void axl_stop_for_good(struct axl_device *axl, const char *why)
{
	axl_cdev_zap(axl);
	axl_quiesce(axl);
	axl_dma_flush(axl, -EIO);
	axl_set_dead(axl, why);
}

/* A firmware start was left to us: see whether it happens. */
static void axl_finish_start(struct axl_device *axl)
{
	while (!axl->bounced && !axl_impatient(axl, axl->bounce_by)) {
		axl->bounced = axl_link_bounced(axl);
		if (axl->bounced)
			axl->slept = false;
		fsleep(5000);
	}
	if (axl->bounced) {
		axl_relink(axl);
	} else if (!axl->gone) {
		axl->raised = false;
		axl_fw_state_from_layout(axl, 0);
		axl_set_online(axl, true);
		axl_resume(axl);
	}
}

/* No restart was found that explains it all. */
static void axl_reset_if_wanted(struct axl_device *axl, const char *why)
{
	if (!axl->fenced && why == axl_why_restart)
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
			axl->slept = false;
		}
		if (axl->dead || bounced)
			axl_relink(axl);
		else if (!axl->online)
			axl_finish_start(axl);
		else if (axl->fenced || !axl_hostif_lost(axl) ||
			 !axl_rejoin(axl))
			axl_reset_if_wanted(axl, why);
		/* whoever waited for the recovery goes on */
		wake_up_all(&axl->state_wait);
	}
	up_write(&axl->reset_sem);
}

/**
 * axl_unpause() - the card may be used again
 * @axl: the device
 * @why: constant text for the log
 */
void axl_unpause(struct axl_device *axl, const char *why)
{
	bool paused;

	down_write(&axl->reset_sem);
	paused = --axl->paused;
	up_write(&axl->reset_sem);
	if (!paused)
		axl_reset_request(axl, why);
}

/* The caller holds reset_sem exclusive. */
static void axl_pause_locked(struct axl_device *axl)
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
 * axl_pause() - somebody else is going to reset the card or cut its power
 * @axl: the device
 *
 * Undone by axl_unpause(); until then nobody recovers it.
 */
void axl_pause(struct axl_device *axl)
{
	down_write(&axl->reset_sem);
	axl_pause_locked(axl);
	up_write(&axl->reset_sem);
}

/**
 * axl_bus_error() - the bus has an error, and its recovery begins
 * @axl: the device
 *
 * One pause, however often the bus says so: failed recoveries need not tell.
 */
void axl_bus_error(struct axl_device *axl)
{
	down_write(&axl->reset_sem);
	if (!axl->bus_error)
		axl_pause_locked(axl);
	axl->bus_error = true;
	mod_delayed_work(axl->wq, &axl->bus_work, AXL_BUS_WAIT);
	up_write(&axl->reset_sem);
}

/**
 * axl_bus_gone() - the bus could not be recovered
 * @axl: the device, after axl_bus_error()
 */
void axl_bus_gone(struct axl_device *axl)
{
	down_write(&axl->reset_sem);
	cancel_delayed_work(&axl->bus_work);
	axl->bus_error = false;
	axl->paused--;
	axl_stop_for_good(axl, "the bus gave the card up");
	up_write(&axl->reset_sem);
}

/**
 * axl_bus_good() - the bus has recovered
 * @axl: the device
 * @why: constant text for the log
 */
void axl_bus_good(struct axl_device *axl, const char *why)
{
	bool error;

	down_write(&axl->reset_sem);
	error = axl->bus_error;
	axl->bus_error = false;
	cancel_delayed_work(&axl->bus_work);
	up_write(&axl->reset_sem);
	if (error)
		axl_unpause(axl, why);
}

/* Nobody said how it ended. */
static void axl_bus_work(struct work_struct *work)
{
	axl_bus_good(container_of(to_delayed_work(work), struct axl_device,
				  bus_work),
		     "nobody told how a bus error ended");
}

/*
 * Let transfers end before the system sleeps; what is still queued after half of
 * the time is dropped. Nobody else looks at the channels now: the work items are
 * frozen.
 */
static bool axl_sleep_drain(struct axl_device *axl)
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
 * axl_sleep() - the system is going to sleep
 * @axl: the device
 *
 * Transfers are given some time to end; nothing new comes, since submission
 * needs reset_sem. Firmware is written off: power may go. Undone by
 * axl_unpause().
 *
 * Return: 0 or -EBUSY: transfers still run.
 */
int axl_sleep(struct axl_device *axl)
{
	int ret = 0;

	down_write(&axl->reset_sem);
	if (axl->online && !axl_status(axl) && !axl_sleep_drain(axl)) {
		dev_warn(&axl->pdev->dev,
			 "transfers still run after %u s: the system cannot sleep now\n",
			 AXL_SLEEP_DRAIN / HZ);
		ret = -EBUSY;
	} else {
		axl->slept = true;
		axl_pause_locked(axl);
	}
	up_write(&axl->reset_sem);
	return ret;
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

/**
 * axl_restart_seen() - firmware has restarted, which its link did not show
 * @axl: the device; axl_hostif_lost() said so
 */
void axl_restart_seen(struct axl_device *axl)
{
	/* a reason that wants more stays */
	if (!READ_ONCE(axl->reset_why))
		axl_reset_request(axl, axl_why_restart);
}

/**
 * axl_reset_request() - have the card reset
 * @axl: the device
 * @why: constant text for the log
 */
void axl_reset_request(struct axl_device *axl, const char *why)
{
	if (READ_ONCE(axl->gone))
		return;
	WRITE_ONCE(axl->reset_why, why);
	wake_up_all(&axl->idle_wait);
	queue_work(axl->wq, &axl->reset_work);
}

void axl_reset_setup(struct axl_device *axl)
{
	init_rwsem(&axl->reset_sem);
	INIT_WORK(&axl->reset_work, axl_reset_work);
	INIT_DELAYED_WORK(&axl->bus_work, axl_bus_work);
	axl->retry = AXL_RETRY;
	axl->rejoin_from = jiffies;
}
