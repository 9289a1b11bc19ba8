// SPDX-License-Identifier: GPL-2.0
/*
 * What of a card lives as long as its last file, and the module's workqueue.
 */
#include <linux/slab.h>

#include "metis.h"

/* streams are emptied here */
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
