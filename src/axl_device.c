// SPDX-License-Identifier: GPL-2.0
/*
 * Access to the hardware (axl_enter()), generations, time limits, recovery
 * requests; the list of bound cards.
 */
#include <linux/export.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>

#include "axl_device.h"

/* protects axl_cards; see axl_device.h */
DEFINE_MUTEX(axl_cards_lock);
LIST_HEAD(axl_cards);

static const char axl_why_restart[] = "firmware restarted by itself";

/**
 * axl_ktime() - convert a time limit for high resolution timers
 * @ns: nanoseconds; 0: do not wait; AXL_TIMEOUT_INFINITE
 *
 * Return: the limit, at most KTIME_MAX.
 */
ktime_t axl_ktime(u64 ns)
{
	return min_t(u64, ns, KTIME_MAX);
}

/**
 * axl_timeout() - convert a time limit to jiffies
 * @ns: nanoseconds; 0: do not wait; AXL_TIMEOUT_INFINITE
 *
 * Return: jiffies, at most MAX_SCHEDULE_TIMEOUT.
 */
unsigned long axl_timeout(u64 ns)
{
	u64 left;

	if (ns == AXL_TIMEOUT_INFINITE)
		return MAX_SCHEDULE_TIMEOUT;
	left = nsecs_to_jiffies64(ns);
	/* never too early: round up, and add the current partial tick */
	if (ns)
		left += 2;
	return min_t(u64, left, MAX_SCHEDULE_TIMEOUT - 1);
}

/**
 * axl_gone() - check whether the driver is unbound
 * @axl: the device
 *
 * Return: true from removal or shutdown on; never false again.
 */
bool axl_gone(const struct axl_device *axl)
{
	return READ_ONCE(axl->gone);
}

/**
 * axl_set_gone() - let open files fail with -ENODEV from now on
 * @axl: the device
 */
void axl_set_gone(struct axl_device *axl)
{
	WRITE_ONCE(axl->gone, true);
}

/**
 * axl_state_wait_head() - get the wait queue of the card's state
 * @axl: the device
 *
 * Return: the queue; woken for a new generation, and when the result of
 * axl_status() changes.
 */
struct wait_queue_head *axl_state_wait_head(struct axl_device *axl)
{
	return &axl->state_wait;
}

/**
 * axl_dev() - get the class device
 * @axl: the device
 *
 * Return: the device; its reference count is that of @axl.
 */
struct device *axl_dev(struct axl_device *axl)
{
	return &axl->dev;
}
EXPORT_SYMBOL_AXL(axl_dev);

/**
 * axl_pdev() - get the PCI function
 * @axl: the device
 *
 * Return: the function; for log lines only once the driver is unbound.
 */
struct pci_dev *axl_pdev(const struct axl_device *axl)
{
	return axl->pdev;
}
EXPORT_SYMBOL_AXL(axl_pdev);

/**
 * axl_l2_size() - get the size of BAR2
 * @axl: the device
 *
 * Return: bytes; constant after probe.
 */
u64 axl_l2_size(const struct axl_device *axl)
{
	return axl->bar2_size;
}
EXPORT_SYMBOL_AXL(axl_l2_size);

/**
 * axl_status() - check whether the device is usable
 * @axl: the device
 *
 * Return: 0, -ENODEV (unbound) or -EIO (dead).
 */
int axl_status(struct axl_device *axl)
{
	if (READ_ONCE(axl->gone))
		return -ENODEV;
	return READ_ONCE(axl->machine.state) == AXL_STATE_DEAD ? -EIO : 0;
}
EXPORT_SYMBOL_AXL(axl_status);

/**
 * axl_enter() - begin access to the hardware
 * @axl: the device
 * @idx: out: for axl_exit()
 *
 * Until axl_exit() the driver stays bound and does not reset the card; the
 * caller must not sleep without bound. Any context.
 *
 * Return: 0, -ENODEV (unbound), -EIO (dead), or -EAGAIN while the card is being
 * restarted.
 */
int axl_enter(struct axl_device *axl, int *idx)
{
	*idx = srcu_read_lock(&axl->srcu);
	if (axl_is_open(axl)) {
		/* sparse cannot express a lock held on success only */
		__release(&axl->srcu);
		return 0;
	}
	srcu_read_unlock(&axl->srcu, *idx);
	return axl_status(axl) ?: -EAGAIN;
}

void axl_exit(struct axl_device *axl, int idx)
{
	__acquire(&axl->srcu);
	srcu_read_unlock(&axl->srcu, idx);
}

/* No firmware start, no recovery, and none is pending. */
static bool axl_is_ready(struct axl_device *axl)
{
	return READ_ONCE(axl->machine.state) == AXL_STATE_ONLINE &&
	       !READ_ONCE(axl->reset_why);
}

static int axl_generation_get_in(struct axl_device *axl, unsigned int state)
{
	int ret;

	for (;;) {
		if (down_read_killable(&axl->reset_sem))
			return -EINTR;
		ret = axl_status(axl);
		/* a pending recovery would make the caller's work stale */
		if (!ret && axl_is_ready(axl))
			return 0;
		up_read(&axl->reset_sem);
		if (ret)
			return ret;
		if (wait_event_state(axl->state_wait,
				     axl_is_ready(axl) || axl_status(axl), state))
			return -EINTR;
	}
}

/**
 * axl_generation_get() - keep the card online and its generation unchanged
 * @axl: the device
 *
 * Takes reset_sem for reading, after waiting until no restart or recovery is
 * pending or in progress. Until axl_generation_put() what firmware publishes
 * does not change, and L2 may be accessed. The caller must not wait for a
 * transfer meanwhile, since recovery takes reset_sem. May sleep.
 *
 * Return: 0, -ENODEV (unbound), -EIO (dead) or -EINTR (killed).
 */
int axl_generation_get(struct axl_device *axl)
{
	return axl_generation_get_in(axl, TASK_KILLABLE);
}
EXPORT_SYMBOL_AXL(axl_generation_get);

/**
 * axl_generation_get_freezable() - as axl_generation_get(), without locks
 * @axl: the device
 *
 * The caller holds no lock, so that the system can sleep while it waits.
 *
 * Return: as axl_generation_get().
 */
int axl_generation_get_freezable(struct axl_device *axl)
{
	return axl_generation_get_in(axl, TASK_KILLABLE | TASK_FREEZABLE);
}

/**
 * axl_generation_tryget() - as axl_generation_get(), without waiting
 * @axl: the device
 *
 * Succeeds also if a recovery is pending but has not begun.
 *
 * Return: 0, -EAGAIN (a restart may be in progress), -ENODEV (unbound) or -EIO
 * (dead).
 */
int axl_generation_tryget(struct axl_device *axl)
{
	if (!down_read_trylock(&axl->reset_sem))
		return -EAGAIN;
	if (axl_is_open(axl))
		return 0;
	up_read(&axl->reset_sem);
	return axl_status(axl) ?: -EAGAIN;
}
EXPORT_SYMBOL_AXL(axl_generation_tryget);

void axl_generation_put(struct axl_device *axl)
{
	up_read(&axl->reset_sem);
}
EXPORT_SYMBOL_AXL(axl_generation_put);

/**
 * axl_generation_wait() - wait until no restart is pending or in progress
 * @axl: the device
 *
 * May sleep.
 *
 * Return: as axl_generation_get().
 */
int axl_generation_wait(struct axl_device *axl)
{
	int ret = axl_generation_get(axl);

	if (!ret)
		axl_generation_put(axl);
	return ret;
}
EXPORT_SYMBOL_AXL(axl_generation_wait);

/**
 * axl_generation() - get the number of the current generation
 * @axl: the device
 *
 * Return: the number; constant between axl_generation_get() and
 * axl_generation_put().
 */
u64 axl_generation(const struct axl_device *axl)
{
	return READ_ONCE(axl->generation);
}
EXPORT_SYMBOL_AXL(axl_generation);

/**
 * axl_lock_online() - take reset_sem for writing with the card online
 * @axl: the device
 *
 * As axl_generation_get(), for a thread that will change the state.
 *
 * Return: 0 with reset_sem held; without it -ENODEV, -EIO or -EINTR (killed).
 */
int axl_lock_online(struct axl_device *axl)
{
	int ret;

	for (;;) {
		ret = axl_generation_get(axl);
		if (ret)
			return ret;
		up_read(&axl->reset_sem);
		if (down_write_killable(&axl->reset_sem))
			return -EINTR;
		ret = axl_status(axl);
		if (!ret && axl_is_ready(axl))
			return 0;
		up_write(&axl->reset_sem);
		if (ret)
			return ret;
	}
}

/**
 * axl_restart_seen() - request recovery from a restart without a link bounce
 * @axl: the device; axl_hostif_lost() was true
 *
 * Any context.
 */
void axl_restart_seen(struct axl_device *axl)
{
	/* keep a pending reason: it may require a reset, this one does not */
	if (!READ_ONCE(axl->reset_why))
		axl_reset_request(axl, axl_why_restart);
}

/**
 * axl_is_restart() - check whether a reason is that of axl_restart_seen()
 * @why: reason of a recovery
 *
 * Return: true if @why is that string; compares addresses.
 */
bool axl_is_restart(const char *why)
{
	return why == axl_why_restart;
}

/**
 * axl_reset_request() - request recovery by the work item
 * @axl: the device
 * @why: reason for the log; a string constant
 *
 * Any context.
 */
void axl_reset_request(struct axl_device *axl, const char *why)
{
	if (READ_ONCE(axl->gone))
		return;
	WRITE_ONCE(axl->reset_why, why);
	wake_up_all(&axl->dma.idle_wait);
	axl_step_request(axl);
}

/**
 * axl_step_request() - let the work item look at the card now
 * @axl: the device
 *
 * Any context.
 */
void axl_step_request(struct axl_device *axl)
{
	mod_delayed_work(axl->wq, &axl->reset_work, 0);
}

/**
 * axl_find_l2() - check whether a bus address range is in the L2 of a card
 * @bus_addr: bus address
 * @length: bytes
 * @phys: out: physical address of @bus_addr for the CPU
 *
 * The card's list buffer is excluded at its present place; a start of other
 * firmware can move it into the range during a transfer. May sleep.
 *
 * Return: true if found.
 */
bool axl_find_l2(u64 bus_addr, u64 length, phys_addr_t *phys)
{
	const struct axl_areas *areas;
	struct axl_device *axl;
	u64 offset, list, size;
	bool found = false;

	mutex_lock(&axl_cards_lock);
	list_for_each_entry(axl, &axl_cards, node) {
		/* wraps if the address is below BAR2: then beyond bar2_size */
		offset = bus_addr - pci_bus_address(axl->pdev, 2);
		rcu_read_lock();
		areas = axl_areas_of(axl);
		list = areas->list_offset;
		size = areas->list_size;
		rcu_read_unlock();
		if (offset >= axl->bar2_size ||
		    length > axl->bar2_size - offset ||
		    (offset < list + size && offset + length > list))
			continue;
		*phys = axl->bar2_phys + offset;
		found = true;
	}
	mutex_unlock(&axl_cards_lock);
	return found;
}
