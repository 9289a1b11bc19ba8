// SPDX-License-Identifier: GPL-2.0
/*
 * The gate to the hardware, time limits, and the request for a recovery.
 */
#include <linux/export.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>

#include "axl_device.h"

static const char axl_why_restart[] = "firmware restarted by itself";

/**
 * axl_ktime() - a time limit of the native interface, for high resolution timers
 * @ns: nanoseconds, 0 to look only
 */
ktime_t axl_ktime(u64 ns)
{
	return min_t(u64, ns, KTIME_MAX);
}

/**
 * axl_timeout() - the same in jiffies, where ticks are good enough
 * @ns: nanoseconds
 */
unsigned long axl_timeout(u64 ns)
{
	u64 left;

	if (ns == AXL_TIMEOUT_INFINITE)
		return MAX_SCHEDULE_TIMEOUT;
	left = nsecs_to_jiffies64(ns);
	/* never too early: the rest, and the tick that has partly gone by */
	if (ns)
		left += 2;
	return min_t(u64, left, MAX_SCHEDULE_TIMEOUT - 1);
}

/**
 * axl_wait_expired() - is it time to stop waiting for the card
 * @axl: the device
 * @deadline: jiffies
 *
 * Also when the driver is being unbound or the caller was killed.
 */
bool axl_wait_expired(struct axl_device *axl, unsigned long deadline)
{
	return time_after(jiffies, deadline) || READ_ONCE(axl->gone) ||
	       fatal_signal_pending(current);
}

/**
 * axl_status() - can this device be used at all
 * @axl: the device
 *
 * Return: 0, -ENODEV (unbound) or -EIO (dead).
 */
int axl_status(struct axl_device *axl)
{
	if (READ_ONCE(axl->gone))
		return -ENODEV;
	return READ_ONCE(axl->dead) ? -EIO : 0;
}
EXPORT_SYMBOL_AXL(axl_status);

/**
 * axl_enter() - begin to touch the hardware
 * @axl: the device
 * @idx: for axl_exit()
 *
 * What follows must not sleep without bound. Until axl_exit() the driver stays
 * bound and nobody resets the card on purpose.
 *
 * Return: 0, -ENODEV, -EIO, or -EAGAIN while the card is being restarted.
 */
int axl_enter(struct axl_device *axl, int *idx)
{
	*idx = srcu_read_lock(&axl->srcu);
	/* with what axl_bring_up() has left */
	if (smp_load_acquire(&axl->online)) {
		/* for sparse, which knows no lock that is taken on success */
		__release(&axl->srcu);
		return 0;
	}
	srcu_read_unlock(&axl->srcu, *idx);
	return axl_status(axl) ?: -EAGAIN;
}
EXPORT_SYMBOL_AXL(axl_enter);

void axl_exit(struct axl_device *axl, int idx)
{
	__acquire(&axl->srcu);
	srcu_read_unlock(&axl->srcu, idx);
}
EXPORT_SYMBOL_AXL(axl_exit);

/**
 * axl_lock_ready() - take reset_sem shared, with the card online
 * @axl: the device
 *
 * Waits while a restart is under way, also between its steps.
 *
 * Return: 0, or without the semaphore -ENODEV, -EIO or -EINTR (killed).
 */
int axl_lock_ready(struct axl_device *axl)
{
	int ret;

	for (;;) {
		if (down_read_killable(&axl->reset_sem))
			return -EINTR;
		ret = axl_status(axl);
		/* a recovery that is due would make the caller's work stale */
		if (!ret && axl->online && !READ_ONCE(axl->reset_why))
			return 0;
		up_read(&axl->reset_sem);
		if (ret)
			return ret;
		if (wait_event_killable(axl->state_wait,
					(READ_ONCE(axl->online) &&
					 !READ_ONCE(axl->reset_why)) ||
					axl_status(axl)))
			return -EINTR;
	}
}
EXPORT_SYMBOL_AXL(axl_lock_ready);

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
 * axl_is_restart() - check whether a reason is that of axl_restart_seen()
 * @why: reason of a recovery
 */
bool axl_is_restart(const char *why)
{
	return why == axl_why_restart;
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
	wake_up_all(&axl->dma.idle_wait);
	queue_work(axl->wq, &axl->reset_work);
}
