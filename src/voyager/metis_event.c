// SPDX-License-Identifier: GPL-2.0
/*
 * Events ("MSIs" of the SDK): an event stays pending until a wait or a clear
 * consumes it, and poll() reports the events that a file has attached.
 */
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "metis.h"

/**
 * struct metis_attach - an event that poll() of a file reports
 * @node: in file->attached
 * @entry: in the event's wait queue
 * @file: the file
 * @num: event
 * @seen: count up to which the file has consumed it; under file->events
 */
struct metis_attach {
	struct list_head node;
	struct wait_queue_entry entry;
	struct metis_file *file;
	u32 num;
	u64 seen;
};

/*
 * Get the view of the calling process for a file that begins to use this
 * interface. In a new view, events not consumed by any process are pending.
 */
static struct metis_view *metis_view_get(struct metis_device *m)
{
	struct metis_view *fresh = kvzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	struct metis_view *view;

	if (!fresh)
		return NULL;
	mutex_lock(&m->view_lock);
	list_for_each_entry(view, &m->views, node) {
		if (view->pid == task_tgid(current)) {
			view->files++;
			mutex_unlock(&m->view_lock);
			kvfree(fresh);
			return view;
		}
	}
	fresh->files = 1;
	fresh->pid = get_pid(task_tgid(current));
	spin_lock_init(&fresh->lock);
	spin_lock(&m->lock);
	memcpy(fresh->seen, m->taken, sizeof(m->taken));
	spin_unlock(&m->lock);
	list_add(&fresh->node, &m->views);
	mutex_unlock(&m->view_lock);
	return fresh;
}

static void metis_view_put(struct metis_device *m, struct metis_view *view)
{
	mutex_lock(&m->view_lock);
	if (--view->files)
		view = NULL;
	else
		list_del(&view->node);
	mutex_unlock(&m->view_lock);
	if (!view)
		return;
	put_pid(view->pid);
	kvfree(view);
}

int metis_event_open(struct metis_file *file)
{
	spin_lock_init(&file->events);
	INIT_LIST_HEAD(&file->attached);
	file->view = metis_view_get(file->m);
	return file->view ? 0 : -ENOMEM;
}

void metis_event_close(struct metis_file *file)
{
	struct metis_attach *a, *tmp;

	list_for_each_entry_safe(a, tmp, &file->attached, node) {
		remove_wait_queue(axl_event_wait_head(file->m->axl, a->num),
				  &a->entry);
		kfree(a);
	}
	metis_view_put(file->m, file->view);
}

/* Record that an event was consumed up to @count, for views created later. */
static void metis_msi_told(struct metis_file *file, u32 num, u64 count)
{
	struct metis_device *m = file->m;

	spin_lock(&m->lock);
	m->taken[num] = max(m->taken[num], count);
	spin_unlock(&m->lock);
}

/*
 * Consume one pending occurrence of an event, or @all. Returns false if there
 * was none. @count: out: the event's count.
 */
static bool metis_msi_take(struct metis_file *file, u32 num, bool all,
			   u64 *count)
{
	struct metis_view *view = file->view;
	bool pending;
	u64 seen;

	spin_lock(&view->lock);
	/* read under the lock, so that @seen never moves back */
	*count = axl_event_count(file->m->axl, num);
	pending = *count != view->seen[num];
	seen = pending && !all ? view->seen[num] + 1 : *count;
	view->seen[num] = seen;
	spin_unlock(&view->lock);
	if (pending)
		metis_msi_told(file, num, seen);
	return pending;
}

/*
 * Check whether an event occurred after count @since: 0, -EAGAIN or the error
 * of axl_status(). All waiting threads get the same occurrence, @since + 1. A
 * later one stays pending for the next wait, even if it has occurred by now.
 */
static int metis_msi_look(struct metis_file *file, u32 num, u64 since)
{
	struct metis_view *view = file->view;

	if (axl_event_count(file->m->axl, num) == since)
		return axl_status(file->m->axl) ?: -EAGAIN;
	spin_lock(&view->lock);
	view->seen[num] = max(view->seen[num], since + 1);
	spin_unlock(&view->lock);
	metis_msi_told(file, num, since + 1);
	return 0;
}

static bool metis_msi_ok(s32 num)
{
	return num >= 0 && num < AXL_NR_EVENTS;
}

/**
 * metis_msi_wait() - wait for an event and consume it
 * @file: the file
 * @num: event
 * @timeout: seconds, 0 for no limit
 *
 * A firmware restart does not end the wait: the SDK waits for the reply to its
 * start message.
 *
 * Return: 0, -EFAULT (no such event; as the SDK expects), -EINVAL (negative
 * @timeout), -ETIMEDOUT, -EINTR (signal), -EIO (dead) or -ENODEV (removed).
 */
int metis_msi_wait(struct metis_file *file, s32 num, s32 timeout)
{
	struct axl_device *axl = file->m->axl;
	ktime_t limit = timeout ? ktime_set(timeout, 0) : KTIME_MAX;
	int ret, why;
	u64 since;

	if (!metis_msi_ok(num))
		return -EFAULT;
	if (timeout < 0)
		return -EINVAL;
	/* if counts are not exact, most pending ones were other events */
	if (metis_msi_take(file, num, !axl_irq_exact(axl), &since))
		return 0;
	why = wait_event_interruptible_hrtimeout(*axl_event_wait_head(axl, num),
						 (ret = metis_msi_look(file, num, since)) !=
						 -EAGAIN, limit);
	if (ret != -EAGAIN)
		return ret;
	if (why != -ETIME)
		return -EINTR;
	/* the message may have been lost */
	axl_irq_late(axl, num);
	ret = metis_msi_look(file, num, since);
	if (ret != -EAGAIN)
		return ret;
	axl_fw_detect(axl);
	return -ETIMEDOUT;
}

int metis_msi_clear(struct metis_file *file, s32 num)
{
	u64 count;

	if (!metis_msi_ok(num))
		return -EFAULT;
	metis_msi_take(file, num, true, &count);
	return 0;
}

static int metis_attach_wake(struct wait_queue_entry *entry, unsigned int mode,
			     int flags, void *key)
{
	struct metis_attach *a = container_of(entry, struct metis_attach,
					      entry);

	wake_up(a->file->wait);
	return 0;
}

/**
 * metis_msi_attach() - make poll() report an event
 * @file: the file
 * @num: event; no change if it is attached already
 *
 * Return: 0, -EFAULT (no such event) or -ENOMEM.
 */
int metis_msi_attach(struct metis_file *file, s32 num)
{
	struct axl_device *axl = file->m->axl;
	struct metis_attach *a, *other;

	if (!metis_msi_ok(num))
		return -EFAULT;
	a = kzalloc(sizeof(*a), GFP_KERNEL_ACCOUNT);
	if (!a)
		return -ENOMEM;
	a->file = file;
	a->num = num;
	init_waitqueue_func_entry(&a->entry, metis_attach_wake);
	spin_lock(&file->events);
	list_for_each_entry(other, &file->attached, node) {
		if (other->num == num) {
			spin_unlock(&file->events);
			kfree(a);
			return 0;
		}
	}
	a->seen = axl_event_count(axl, num);
	list_add_tail(&a->node, &file->attached);
	spin_unlock(&file->events);
	add_wait_queue(axl_event_wait_head(axl, num), &a->entry);
	/* for an event between the count and add_wait_queue() */
	wake_up(file->wait);
	return 0;
}

/**
 * metis_event_ended() - make poll() report the end of an asynchronous transfer
 * @file: the file
 */
void metis_event_ended(struct metis_file *file)
{
	spin_lock(&file->events);
	file->ended++;
	spin_unlock(&file->events);
}

/**
 * metis_event_consume() - consume one of the events that poll() reports
 * @file: the file
 *
 * Return: 1, or 0 if there is none.
 */
int metis_event_consume(struct metis_file *file)
{
	struct metis_attach *a;
	int ret = 0;

	spin_lock(&file->events);
	if (file->ended) {
		file->ended--;
		ret = 1;
		goto out;
	}
	list_for_each_entry(a, &file->attached, node) {
		if (a->seen == axl_event_count(file->m->axl, a->num))
			continue;
		a->seen++;
		ret = 1;
		break;
	}
out:
	spin_unlock(&file->events);
	return ret;
}

bool metis_event_pending(struct metis_file *file)
{
	struct metis_attach *a;
	bool ret;

	spin_lock(&file->events);
	ret = file->ended;
	list_for_each_entry(a, &file->attached, node)
		ret |= a->seen != axl_event_count(file->m->axl, a->num);
	spin_unlock(&file->events);
	return ret;
}
