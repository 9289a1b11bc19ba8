// SPDX-License-Identifier: GPL-2.0
/*
 * State of a card: executes the actions of axl_state_table.c.
 */
#include <linux/rcupdate.h>

#include "axl_device.h"
#include "axl_dma.h"
#include "axl_edma.h"
#include "axl_event.h"
#include "axl_hostif.h"
#include "axl_iova.h"
#include "axl_irq.h"
#include "axl_link.h"
#include "axl_mmap.h"
#include "axl_msi.h"
#include "axl_selftest.h"
#include "axl_state.h"

/* First interval between attempts to recover a dead card; jiffies */
#define AXL_RETRY		(10 * HZ)
/* Longest interval between attempts to recover a dead card; jiffies */
#define AXL_RETRY_MAX		(640 * HZ)

static void axl_wake_all(struct axl_device *axl)
{
	axl_event_wake_all(axl);
	wake_up_all(&axl->state_wait);
	/* axl_mailbox_take() checks axl_status() again */
	wake_up_all(&axl->hostif.mbox_wait);
}

/* Change the state. From here on, axl_enter() behaves as the new state asks. */
static void axl_state_set(struct axl_device *axl, enum axl_state state)
{
	struct axl_machine *m = &axl->machine;

	if (m->state == state)
		return;
	m->from = m->state;
	WRITE_ONCE(m->changes, m->changes + 1);
	if (state == AXL_STATE_LINK_DOWN)
		m->bounces = m->from == AXL_STATE_SETTLING ? m->bounces + 1 : 0;
	/* pairs with axl_is_open() */
	smp_store_release(&m->state, state);
	wake_up_all(&axl->state_wait);
	wake_up_all(&axl->dma.idle_wait);
}

/*
 * Write the address of the vMSI table to firmware's area. Bus mastering is off:
 * until the target is set, firmware's slot writes go to bus address 0.
 */
static void axl_hostif_publish(struct axl_device *axl)
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

/*
 * Take pending slots, mark the table as unknown to firmware. Later slot writes
 * can only arrive through the guard page.
 */
static void axl_hostif_forget(struct axl_device *axl)
{
	axl_dma_poll_stop(axl);
	axl_irq_sync(axl);
	axl_irq_take_all(axl);
	WRITE_ONCE(axl->hostif.published, false);
}

/* Stop the engine. Returns false if it is not proven stopped. */
static bool axl_state_stop(struct axl_device *axl)
{
	cancel_delayed_work_sync(&axl->watchdog);
	if (axl->fenced) {
		axl->fenced = false;
		axl_dma_unblock(axl);
		return false;
	}
	/* with its link down the card cannot write, nor be accessed */
	return axl_link_bounced(axl) || axl_dma_stop(axl);
}

/* End access to the hardware: axl_enter(), polling timer, handlers. */
static void axl_state_close(struct axl_device *axl, enum axl_state state)
{
	axl_state_set(axl, state);
	synchronize_srcu_expedited(&axl->srcu);
	axl_dma_poll_stop(axl);
	axl_irq_sync(axl);
}

static void axl_state_quiet(struct axl_device *axl, bool stopped)
{
	if (axl_link_bounced(axl))
		return;
	/* first: without a table firmware writes to bus address 0 */
	pci_clear_master(axl->pdev);
	axl_hostif_withdraw(axl);
	if (!stopped && pcie_reset_flr(axl->pdev, PCI_RESET_DO_RESET))
		axl_dma_leak(axl);
}

static void axl_state_prove(struct axl_device *axl)
{
	u16 command;

	if (!axl_link_up(axl))
		return;
	pci_read_config_word(axl->pdev, PCI_COMMAND, &command);
	if (!(command & PCI_COMMAND_MASTER))
		return;
	pci_clear_master(axl->pdev);
	if (pcie_reset_flr(axl->pdev, PCI_RESET_DO_RESET))
		axl_dma_leak(axl);
}

/* Actions that end something. */
static void axl_state_leave(struct axl_device *axl, const struct axl_step *step)
{
	bool stopped = true;

	if (step->actions & AXL_DO_DROP)
		axl_dma_drop_queued(axl, step->status);
	if (step->actions & AXL_DO_ZAP)
		axl_cdev_zap(axl);
	if (step->actions & AXL_DO_HOLD)
		axl_dma_block(axl);
	if (step->actions & AXL_DO_STOP)
		stopped = axl_state_stop(axl);
	if (step->actions & AXL_DO_CLOSE)
		axl_state_close(axl, step->state);
	if (step->actions & AXL_DO_QUIET)
		axl_state_quiet(axl, stopped);
	if (step->actions & AXL_DO_FORGET)
		axl_hostif_forget(axl);
	if (step->actions & AXL_DO_GUARD)
		axl_guard_restart(axl);
	if (step->actions & AXL_DO_PROVE)
		axl_state_prove(axl);
	if (step->actions & AXL_DO_FLUSH)
		axl_dma_flush(axl, step->status);
}

static int axl_state_selftest(struct axl_device *axl)
{
	int ret = axl_irq_selftest(axl);

	if (ret) {
		pci_clear_master(axl->pdev);
		axl_hostif_withdraw(axl);
		axl_hostif_forget(axl);
		/* stop the engine for the next attempt */
		pcie_reset_flr(axl->pdev, PCI_RESET_DO_RESET);
	}
	return ret;
}

static void axl_state_found(struct axl_device *axl)
{
	if (axl->hostif.areas_known)
		axl->fw_state = AXL_FW_RUNNING;
	else
		axl->fw_state = axl->hostif.answer || axl->fw_stale ?
				AXL_FW_NONE : AXL_FW_BOOTLOADER;
}

/* Actions that begin something; an error leaves the state unchanged. */
static int axl_state_begin(struct axl_device *axl, const struct axl_step *step)
{
	if (step->actions & AXL_DO_RESTORE) {
		/* BARs, MSI and PCIe settings; saved with bus mastering off */
		pci_load_saved_state(axl->pdev, axl->saved);
		pci_restore_state(axl->pdev);
	}
	if (step->actions & AXL_DO_INIT) {
		if (axl_edma_init(axl))
			return -EIO;
		axl_state_found(axl);
		axl_irq_route(axl);
	}
	if (step->actions & AXL_DO_PUBLISH) {
		axl_hostif_publish(axl);
		/* messages from before the restart can no longer arrive */
		WRITE_ONCE(axl->irq.taken, 0);
	}
	if (step->actions & AXL_DO_MASTER)
		pci_set_master(axl->pdev);
	if (step->actions & AXL_DO_SELFTEST && axl_state_selftest(axl))
		return -EIO;
	if (step->actions & AXL_DO_RAISE) {
		axl->machine.ended = true;
		WRITE_ONCE(axl->generation, axl->generation + 1);
	}
	if (step->actions & AXL_DO_OPEN) {
		axl->hostif.had_table = axl_layout_of(axl)->hostif.valid;
		axl->machine.ended = false;
		axl->machine.expected = false;
		axl->machine.retry = AXL_RETRY;
		axl_state_set(axl, step->state);
		axl_dma_unblock(axl);
	}
	return 0;
}

/* The card is dead until it answers again; later attempts are less frequent. */
static void axl_state_dead(struct axl_device *axl, const char *why)
{
	struct axl_machine *m = &axl->machine;

	/* NULL: probe, which has its own message */
	if (why && !axl->gone)
		dev_err_ratelimited(&axl->pdev->dev,
				    "%s: card does not answer; retrying. Power-cycle it if this persists\n",
				    why);
	m->expected = false;
	WRITE_ONCE(m->retry_at, jiffies + m->retry);
	m->retry = min_t(unsigned long, 2 * m->retry, AXL_RETRY_MAX);
}

/**
 * axl_start_end() - end the start or reset that a thread waits for, if any
 * @axl: the device; reset_sem is held for writing
 * @result: for the thread
 */
void axl_start_end(struct axl_device *axl, int result)
{
	struct axl_start *start = axl->machine.start;

	if (!start)
		return;
	start->result = result;
	/* pairs with axl_start_ended(); the thread may return at once */
	smp_store_release(&axl->machine.start, NULL);
	wake_up_all(&axl->state_wait);
}

/* What the new state means for the thread that waits. */
static void axl_state_tell_start(struct axl_device *axl)
{
	switch (axl->machine.state) {
	case AXL_STATE_ONLINE:
		axl_start_end(axl, axl->hostif.areas_known ? 0 : -ETIMEDOUT);
		break;
	case AXL_STATE_PAUSED:
		axl_start_end(axl, -ESTALE);
		break;
	case AXL_STATE_DEAD:
		axl_start_end(axl, -EIO);
		break;
	case AXL_STATE_GONE:
		axl_start_end(axl, -ENODEV);
		break;
	default:
		break;
	}
}

static unsigned int axl_state_facts(struct axl_device *axl)
{
	return (axl->machine.ended ? AXL_FACT_ENDED : 0) |
	       (axl->machine.pauses ? AXL_FACT_PAUSED : 0) |
	       (axl->machine.expected ? AXL_FACT_EXPECTED : 0);
}

/**
 * axl_state_trigger() - make the state machine move
 * @axl: the device; reset_sem is held for writing
 * @trigger: what happened; ignored if the table has no entry for it
 * @why: reason for the log, a string constant, or NULL
 *
 * Executes the actions. May sleep, but does not wait for the card: for its
 * engine to stop and for a function level reset of an engine that hangs at most.
 *
 * Return: 0, or -EIO if the card could not be brought up: the state is still
 * AXL_STATE_SETTLING.
 */
int axl_state_trigger(struct axl_device *axl, enum axl_trigger trigger,
		      const char *why)
{
	enum axl_state old = axl->machine.state;
	struct axl_step step = axl_state_next(old, trigger, axl_state_facts(axl));
	int ret;

	lockdep_assert_held_write(&axl->reset_sem);
	if (step.state == old && !step.actions)
		return 0;
	if (why && (step.state == AXL_STATE_LINK_DOWN ||
		    step.state == AXL_STATE_RESETTING))
		dev_warn_ratelimited(&axl->pdev->dev, "recovering: %s\n", why);
	/* bringing it up also serves a request made in the meantime */
	if (step.actions & AXL_DO_INIT)
		WRITE_ONCE(axl->reset_why, NULL);
	if (trigger == AXL_ON_START)
		axl->machine.expected = true;

	axl_state_leave(axl, &step);
	ret = axl_state_begin(axl, &step);
	if (ret)
		return ret;
	if (step.state == AXL_STATE_DEAD)
		axl_state_dead(axl, why);
	axl_state_set(axl, step.state);
	/* when the state is the new one: threads that wake look at it */
	if (step.actions & AXL_DO_RAISE || step.state == AXL_STATE_DEAD ||
	    step.state == AXL_STATE_GONE)
		axl_wake_all(axl);
	axl_state_tell_start(axl);
	return 0;
}

/**
 * axl_drain() - drop queued requests and wait for running ones
 * @axl: the device, AXL_STATE_ONLINE; reset_sem is held for writing, released
 *	for the wait and held again on return
 *
 * Queued requests fail with -ESTALE, new ones wait. May sleep.
 *
 * Return: 0 in AXL_STATE_DRAINING, which AXL_ON_UNDRAIN ends; otherwise -EINTR
 * (killed), -ENODEV, -ESTALE (another state), or -EIO (dead, or the engine hangs
 * and recovery has been requested).
 */
int axl_drain(struct axl_device *axl)
{
	unsigned int changes;
	int ret;

	axl_state_trigger(axl, AXL_ON_DRAIN, NULL);
	changes = axl->machine.changes;
	up_write(&axl->reset_sem);
	ret = wait_event_state(axl->dma.idle_wait,
			       axl_dma_idle(axl) || READ_ONCE(axl->reset_why) ||
			       READ_ONCE(axl->machine.changes) != changes ||
			       axl_status(axl),
			       (TASK_KILLABLE | TASK_FREEZABLE));
	down_write(&axl->reset_sem);
	if (ret)
		ret = -EINTR;
	else if (axl_status(axl))
		ret = axl_status(axl);
	else if (axl->machine.changes != changes)
		ret = -ESTALE;
	else
		ret = axl_dma_idle(axl) ? 0 : -EIO;
	/* ignored in any other state than AXL_STATE_DRAINING */
	if (ret && axl->machine.changes == changes)
		axl_state_trigger(axl, AXL_ON_UNDRAIN, NULL);
	return ret;
}

/**
 * axl_fw_state() - what runs on the card, as AXL_IOC_QUERY reports it
 * @axl: the device
 *
 * Any context; a snapshot.
 */
enum axl_fw_state axl_fw_state(struct axl_device *axl)
{
	enum axl_state state = READ_ONCE(axl->machine.state);

	if (axl_state_is_open(state))
		return READ_ONCE(axl->fw_state);
	return state == AXL_STATE_DEAD ? AXL_FW_DEAD : AXL_FW_STARTING;
}

/**
 * axl_state_setup() - initialise the state machine
 * @axl: the device, before its hardware is touched: AXL_STATE_SETTLING, DMA blocked
 */
void axl_state_setup(struct axl_device *axl)
{
	init_rwsem(&axl->reset_sem);
	axl->generation = 1;
	/* the first generation begins when probe brings the card online */
	axl->machine.ended = true;
	axl->machine.retry = AXL_RETRY;
	axl_dma_block(axl);
}
