// SPDX-License-Identifier: GPL-2.0
/*
 * State of a card that lives until its last file is closed; the workqueue.
 */
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "metis.h"

/* runs the work items that empty streams */
struct workqueue_struct *metis_wq;

static void metis_device_release(struct kref *ref)
{
	struct metis_device *m = container_of(ref, struct metis_device, ref);

	mutex_destroy(&m->view_lock);
	mutex_destroy(&m->stream_lock);
	kvfree(m);
}

void metis_device_put(struct metis_device *m)
{
	kref_put(&m->ref, metis_device_release);
}
