// SPDX-License-Identifier: GPL-2.0
/*
 * Recovery and firmware starts: a work item looks at the card and tells the state
 * machine (axl_state.c). It holds reset_sem for steps, not while it waits.
 */
#include <linux/module.h>
#include <linux/wait.h>

#include "axl_device.h"
#include "axl_dma.h"
#include "axl_edma.h"
#include "axl_event.h"
#include "axl_hostif.h"
#include "axl_irq.h"
#include "axl_link.h"
#include "axl_pm.h"
#include "axl_reset.h"
#include "axl_state.h"

static unsigned int fw_refuse_ms = 1000;
module_param(fw_refuse_ms, uint, 0644);
MODULE_PARM_DESC(fw_refuse_ms,
		 "A reply to the start message without a link bounce within this many ms is a refusal (1000)");

/*
 * Time limits for the link to come up, then for the areas to be published; ms
 * (hardware-notes: Firmware life cycle). A bootloader publishes no areas.
 */
#define AXL_RESET_LINK_MS	5000
#define AXL_RESET_AREA_MS	5000
/* Time from the start message until the link goes down, at most; ms */
#define AXL_FW_BOUNCE_MS	5000

/* Deadline without a caller's limit: longer than AXL_RESET_AREA_MS; jiffies */
#define AXL_SETTLE		msecs_to_jiffies(AXL_RESET_AREA_MS + 1000)

/*
 * Restarts per minute without a link bounce. More of them mean that the driver
 * takes something else for a restart.
 */
#define AXL_REJOINS_MAX		60

/* Link bounces allowed during one recovery. */
#define AXL_BOUNCES_MAX		5

/* Intervals between two looks at the card; ms */
#define AXL_LOOK_START_MS	2
#define AXL_LOOK_LINK_MS	5
#define AXL_LOOK_AREAS_MS	10

/* Report the progress of a firmware start or AXL_IOC_RESET. */
static void axl_set_phase(struct axl_device *axl, enum axl_fw_phase phase)
{
	if (axl->machine.start)
		WRITE_ONCE(axl->fw.phase, phase);
}

/* Wait for firmware's answer to the start message. No BAR is accessed. */
static unsigned int axl_look_start(struct axl_device *axl)
{
	struct axl_start *start = axl->machine.start;
	bool silent;

	if (axl_link_bounced(axl)) {
		axl->fw_stale = false;
		axl_state_trigger(axl, AXL_ON_LINK_LOST, NULL);
		return AXL_LOOK_LINK_MS;
	}
	if (start && !start->replied &&
	    axl_event_count(axl, AXL_EVENT_MAILBOX) != start->mbox_seen) {
		start->replied = true;
		start->refused_at = jiffies + msecs_to_jiffies(fw_refuse_ms);
	}
	silent = time_after(jiffies, axl->recovery.bounce_by) &&
		 (!start || time_after(jiffies, start->deadline));
	if (!silent && !(start && start->replied &&
			 time_after(jiffies, start->refused_at)))
		return AXL_LOOK_START_MS;

	/* the link did not bounce: the old firmware still runs */
	if (start) {
		start->reply_opcode = axl_mailbox_opcode(axl);
		if (start->reply_opcode != start->opcode)
			start->replied = true;
		axl_start_end(axl, start->replied ? -EREMOTEIO : -ETIMEDOUT);
	}
	axl_state_trigger(axl, AXL_ON_REFUSED, NULL);
	return 0;
}

/* Wait for the link. Configuration space is accessed only. */
static unsigned int axl_look_link(struct axl_device *axl)
{
	struct axl_recovery *r = &axl->recovery;

	axl_set_phase(axl, AXL_FW_PHASE_LINK);
	if (!axl_link_up(axl)) {
		if (!time_after(jiffies, r->link_by))
			return AXL_LOOK_LINK_MS;
		axl_state_trigger(axl, AXL_ON_FAILED, "link did not come back");
		return 0;
	}
	axl_state_trigger(axl, AXL_ON_LINK_BACK, NULL);
	if (axl_edma_alive(axl))
		return AXL_LOOK_AREAS_MS;
	if (axl_link_bounced(axl) && axl->machine.bounces < AXL_BOUNCES_MAX) {
		axl_state_trigger(axl, AXL_ON_LINK_LOST, NULL);
		return AXL_LOOK_LINK_MS;
	}
	axl_state_trigger(axl, AXL_ON_FAILED,
			  "engine does not answer after the restart");
	return 0;
}

/*
 * Areas appear one by one, and some may be from before the restart: adopt a
 * layout only if two reads agree and it has the host-driver area, which takes
 * the table's address. Returns true if firmware has published what it will.
 */
static bool axl_areas_complete(struct axl_device *axl)
{
	struct axl_recovery *r = &axl->recovery;
	const struct axl_layout *layout;
	bool late, same;

	axl_hostif_refresh(axl);
	if (axl->fw_stale) {
		axl_hostif_drop_areas(axl);
		return true;
	}
	layout = axl_layout_of(axl);
	same = !memcmp(&r->last, layout, sizeof(r->last));
	if (!same)
		r->changed = jiffies;
	r->last = *layout;
	if (layout->hostif.valid && !axl_hostif_stale(axl) && same)
		return true;
	if (axl->hostif.areas_known && !layout->hostif.valid &&
	    !axl->hostif.had_table && time_after(jiffies, r->changed + HZ / 2))
		return true;
	/* invalid areas: allow half a second, not the full time */
	if (layout->complaint && !r->nonsense)
		r->nonsense = jiffies + HZ / 2;
	late = time_after_eq(jiffies, r->areas_by) ||
	       (r->nonsense && time_after(jiffies, r->nonsense));
	return late && (axl->hostif.areas_known || r->nonsense ||
			time_after(jiffies, r->deadline));
}

static unsigned int axl_look_areas(struct axl_device *axl)
{
	axl_set_phase(axl, AXL_FW_PHASE_AREAS);
	/* another bounce: the restored configuration is lost */
	if (axl_link_bounced(axl)) {
		if (axl->machine.bounces < AXL_BOUNCES_MAX)
			axl_state_trigger(axl, AXL_ON_LINK_LOST, NULL);
		else
			axl_state_trigger(axl, AXL_ON_FAILED,
					  "link goes down again and again");
		return AXL_LOOK_LINK_MS;
	}
	if (!axl_areas_complete(axl))
		return AXL_LOOK_AREAS_MS;
	if (axl_state_trigger(axl, AXL_ON_AREAS, NULL))
		axl_state_trigger(axl, AXL_ON_FAILED,
				  "engine does not stop after the restart");
	return 0;
}

/* Set the time limits of a state that was just entered. */
static void axl_recovery_enter(struct axl_device *axl)
{
	struct axl_recovery *r = &axl->recovery;
	enum axl_state from = axl->machine.from;

	if (r->seen == axl->machine.changes)
		return;
	r->seen = axl->machine.changes;
	switch (axl->machine.state) {
	case AXL_STATE_LINK_DOWN:
		if (from != AXL_STATE_STARTING && from != AXL_STATE_RESETTING &&
		    from != AXL_STATE_SETTLING) {
			r->deadline = jiffies + AXL_SETTLE;
			r->settle = true;
		}
		r->link_by = jiffies + msecs_to_jiffies(AXL_RESET_LINK_MS);
		/* a caller's short limit must not make the card dead */
		if (axl->machine.start && time_before(r->link_by, r->deadline))
			r->link_by = r->deadline;
		break;
	case AXL_STATE_RESETTING:
		/* from elsewhere axl_reset_begin() has set them */
		if (from == AXL_STATE_SETTLING) {
			r->deadline = jiffies + AXL_SETTLE;
			r->settle = true;
		}
		break;
	case AXL_STATE_SETTLING:
		memset(&r->last, 0, sizeof(r->last));
		r->changed = jiffies;
		r->nonsense = 0;
		r->areas_by = jiffies;
		if (r->settle && !axl->fw_stale)
			r->areas_by += msecs_to_jiffies(AXL_RESET_AREA_MS);
		break;
	default:
		break;
	}
}

/* One look at the card; returns ms until the next, 0: none. */
static unsigned int axl_look(struct axl_device *axl)
{
	struct axl_start *start;
	unsigned int ms = 0;

	axl_recovery_enter(axl);
	switch (axl->machine.state) {
	case AXL_STATE_STARTING:
		ms = axl_look_start(axl);
		break;
	case AXL_STATE_LINK_DOWN:
		ms = axl_look_link(axl);
		break;
	case AXL_STATE_SETTLING:
		ms = axl_look_areas(axl);
		break;
	default:
		break;
	}
	start = axl->machine.start;
	/* the caller returns, the restart goes on */
	if (start && axl->machine.state != AXL_STATE_STARTING &&
	    time_after(jiffies, start->deadline)) {
		axl_start_end(axl, -ETIMEDOUT);
		axl->recovery.deadline = jiffies;
	}
	return ms;
}

/* Too many restarts without a link bounce. */
static bool axl_rejoins_exceeded(struct axl_device *axl)
{
	struct axl_recovery *r = &axl->recovery;

	if (time_after(jiffies, r->rejoin_from + 60 * HZ)) {
		r->rejoin_from = jiffies;
		r->rejoins = 0;
	}
	if (++r->rejoins <= AXL_REJOINS_MAX)
		return false;
	dev_err(&axl->pdev->dev,
		"firmware seems to restart all the time; restarts that the link does not show are not looked for until the driver is bound again\n");
	WRITE_ONCE(axl->restart_blind, true);
	return true;
}

static void axl_reset_begin(struct axl_device *axl, const char *why)
{
	struct axl_recovery *r = &axl->recovery;

	/* a card without areas is not expected to publish them now */
	r->settle = axl->hostif.areas_known;
	r->deadline = jiffies + (r->settle ? AXL_SETTLE : 0);
	axl_state_trigger(axl, AXL_ON_RESET, why);
}

/* Find out what is wrong with an open card. */
static void axl_diagnose(struct axl_device *axl, const char *why)
{
	if (axl_link_bounced(axl)) {
		WRITE_ONCE(axl->restarts, axl->restarts + 1);
		axl->fw_stale = false;
		axl_state_trigger(axl, AXL_ON_LINK_LOST, why);
	} else if (!axl->fenced && axl_hostif_lost(axl) &&
		   !axl_rejoins_exceeded(axl)) {
		WRITE_ONCE(axl->restarts, axl->restarts + 1);
		axl->fw_stale = false;
		axl_irq_rescued(axl, axl_irq_take_all(axl));
		axl_state_trigger(axl, AXL_ON_RESTART, why);
	} else if (!axl->fenced && axl_is_restart(why)) {
		/* only a restart was suspected, and none was found */
		dev_warn_ratelimited(&axl->pdev->dev, "recovering: %s\n", why);
	} else if (pcie_reset_flr(axl->pdev, PCI_RESET_PROBE)) {
		axl_state_trigger(axl, AXL_ON_FAILED, "the card cannot be reset");
	} else {
		axl_reset_begin(axl, why);
	}
}

/* Serve axl_reset_request(). */
static void axl_serve_request(struct axl_device *axl)
{
	const char *why = axl->reset_why;

	/* NULL: a recovery has served it */
	if (!why)
		return;
	if (axl_state_is_open(axl->machine.state))
		axl_diagnose(axl, why);
	else if (axl->machine.state == AXL_STATE_DEAD)
		axl_state_trigger(axl, AXL_ON_RETRY, why);
	WRITE_ONCE(axl->reset_why, NULL);
	/* axl_generation_get() and axl_drain() wait for it */
	wake_up_all(&axl->state_wait);
	wake_up_all(&axl->dma.idle_wait);
}

/* The reset itself takes 0.1 s, and a minute if the card does not come back. */
static void axl_flr_unlocked(struct axl_device *axl)
{
	int ret;

	up_write(&axl->reset_sem);
	/* without a link the bounce has reset the function */
	ret = axl_link_up(axl) ? pcie_reset_flr(axl->pdev, PCI_RESET_DO_RESET) : 0;
	down_write(&axl->reset_sem);
	/* ignored if the state has changed meanwhile */
	if (ret)
		axl_state_trigger(axl, AXL_ON_FAILED, "function level reset failed");
	else
		axl_state_trigger(axl, AXL_ON_RESET_DONE, NULL);
}

static void axl_reset_work(struct work_struct *work)
{
	struct axl_device *axl = container_of(to_delayed_work(work),
					      struct axl_device, reset_work);
	unsigned int ms;

	down_write(&axl->reset_sem);
	axl_pci_error_step(axl);
	axl_serve_request(axl);
	axl_recovery_enter(axl);
	if (axl->machine.state == AXL_STATE_RESETTING)
		axl_flr_unlocked(axl);
	ms = axl_look(axl);
	up_write(&axl->reset_sem);
	/* no mod_delayed_work(): a request may have queued it for now */
	if (ms && !READ_ONCE(axl->gone))
		queue_delayed_work(axl->wq, &axl->reset_work, msecs_to_jiffies(ms));
}

/**
 * axl_start_begin() - let the work item finish a start or a reset
 * @axl: the device, in AXL_STATE_STARTING or AXL_STATE_RESETTING; reset_sem is
 *	held for writing
 * @start: filled in by the caller; axl_start_wait() must follow
 */
void axl_start_begin(struct axl_device *axl, struct axl_start *start)
{
	struct axl_recovery *r = &axl->recovery;

	r->bounce_by = jiffies + msecs_to_jiffies(AXL_FW_BOUNCE_MS);
	if (axl->machine.state == AXL_STATE_STARTING) {
		r->settle = true;
		r->deadline = start->deadline;
	}
	axl->machine.start = start;
	axl_step_request(axl);
}

static bool axl_start_ended(struct axl_device *axl, struct axl_start *start)
{
	/* pairs with axl_start_end(): the result is visible */
	return smp_load_acquire(&axl->machine.start) != start;
}

/**
 * axl_start_wait() - wait for the end of a start or a reset
 * @axl: the device; reset_sem is not held
 * @start: passed to axl_start_begin()
 *
 * A caller that is killed returns, the restart goes on. May sleep; takes
 * reset_sem.
 *
 * Return: 0, -EREMOTEIO (firmware refused to start), -ETIMEDOUT, -ESTALE (another
 * agent reset the card), -EIO (dead), -ENODEV or -EINTR (killed).
 */
int axl_start_wait(struct axl_device *axl, struct axl_start *start)
{
	if (!wait_event_state(axl->state_wait, axl_start_ended(axl, start),
			      (TASK_KILLABLE | TASK_FREEZABLE)))
		return start->result;
	down_write(&axl->reset_sem);
	if (axl->machine.start == start) {
		axl_start_end(axl, -EINTR);
		axl->recovery.deadline = jiffies;
	}
	up_write(&axl->reset_sem);
	return start->result;
}

/**
 * axl_reset() - reset the function and bring the card online
 * @axl: the device
 *
 * Fails all requests with -ESTALE. May sleep; takes reset_sem.
 *
 * Return: 0, also without areas, -EOPNOTSUPP (no function level reset), -EBUSY
 * (another agent resets the card), -EIO (dead), -ENODEV, -ESTALE or -EINTR
 * (killed; the work item continues).
 */
int axl_reset(struct axl_device *axl)
{
	struct axl_start start = { .deadline = jiffies + MAX_JIFFY_OFFSET };
	int ret;

	if (READ_ONCE(axl->machine.pauses) || READ_ONCE(axl->bus_events))
		return -EBUSY;
	if (pcie_reset_flr(axl->pdev, PCI_RESET_PROBE))
		return -EOPNOTSUPP;
	ret = axl_lock_online(axl);
	if (ret)
		return ret;
	axl_reset_begin(axl, NULL);
	axl_start_begin(axl, &start);
	up_write(&axl->reset_sem);

	ret = axl_start_wait(axl, &start);
	return ret == -ETIMEDOUT ? 0 : ret;
}

void axl_reset_setup(struct axl_device *axl)
{
	INIT_DELAYED_WORK(&axl->reset_work, axl_reset_work);
	axl->recovery.rejoin_from = jiffies;
}
