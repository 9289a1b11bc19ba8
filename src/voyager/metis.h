/* SPDX-License-Identifier: GPL-2.0 */
/*
 * metis.ko: the Voyager SDK's interface on top of axl.ko. It owns no hardware and
 * has no DMA or interrupt path of its own.
 *
 * Lock order:
 *	metis_file.lock -> axl->reset_sem
 *	axl_ext_use_lock -> metis_device.view_lock -> metis_device.lock
 *	metis_device.stream_lock -> metis_stream.lock -> axl->reset_sem
 *	wait queues of an event (hardirq), of a client (hardirq), of streams
 *		-> metis_file.wait
 */
#ifndef METIS_H
#define METIS_H

#include <linux/debugfs.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "../axl_buf.h"
#include "../axl_cdev.h"
#include "../axl_device.h"
#include "../axl_dma.h"
#include "../axl_event.h"
#include "../axl_ext.h"
#include "../axl_hostif.h"
#include "../axl_irq.h"
#include "../axl_job.h"
#include "../axl_link.h"
#include "../axl_monitor.h"
#include "metis_abi.h"

#define METIS_VERSION		"1.6.2"	/* the vendor's driver that this stands in for */
#define METIS_CORES		4
#define METIS_NAMES		2

/**
 * struct metis_device - a card, as the SDK sees it; lives until the last file
 * @ref: the core's, and one a file
 * @axl: the card; whoever has a reference to this has one to it
 * @lock: protects @cores and @taken
 * @cores: AI cores that files have, a bit each
 * @taken: by event: up to which count some process has taken it
 * @view_lock: protects @views
 * @views: of processes that have files
 * @res: bus addresses, as they were found at the start
 * @win: likewise
 * @switch_group: see %METIS_PROP_SWITCH
 * @names: further names in the class
 * @debugfs: our directory
 * @stream_lock: protects @streams
 * @streams: those with readers
 * @stream_wait: readers, of all of them
 */
struct metis_device {
	struct kref ref;
	struct axl_device *axl;
	spinlock_t lock;	/* see above */
	u32 cores;
	u64 taken[AXL_NR_EVENTS];
	struct mutex view_lock;	/* see above */
	struct list_head views;
	struct metis_resources res;
	struct metis_windows win;
	u64 switch_group;
	struct device *names[METIS_NAMES];
	struct dentry *debugfs;
	struct mutex stream_lock;	/* see above */
	struct list_head streams;
	wait_queue_head_t stream_wait;
};

/**
 * struct metis_view - what is news to a process, by whichever of its files
 * @node: in metis_device.views
 * @files: whose first call of the SDK's interface was its; protected by
 *	metis_device.view_lock
 * @pid: the process
 * @lock: protects @seen
 * @seen: by event: up to which count it was waited for, or forgotten
 */
struct metis_view {
	struct list_head node;
	unsigned int files;
	struct pid *pid;
	spinlock_t lock;	/* see above */
	u64 seen[AXL_NR_EVENTS];
};

struct metis_reader;

/**
 * struct metis_file - an open file that speaks this interface
 * @m: the card
 * @lock: protects what follows, up to @events
 * @buf: attached dma-buf
 * @users: synchronous transfers that use it
 * @seq: asynchronous transfer
 * @state: of that one
 * @to_device: its direction
 * @status: its errno
 * @cores: AI cores of this file
 * @reader: of a stream; protected by @events: poll() must not wait for @lock
 * @sync: submits synchronous transfers
 * @async: submits the asynchronous one
 * @view: of the process whose call made it one; a child that inherits the file
 *	shares it
 * @events: protects @attached and @ended
 * @attached: events that poll() tells
 * @ended: asynchronous transfers that ended and were not consumed
 * @wait: poll(); the node's, which lives longer
 * @async_entry: in the wait queue of @async, to wake @wait
 * @stream_entry: likewise in metis_device.stream_wait
 */
struct metis_file {
	struct metis_device *m;
	struct mutex lock;	/* see above */
	struct axl_buf *buf;
	unsigned int users;
	u64 seq;
	enum metis_xfer_state state;
	bool to_device;
	int status;
	u32 cores;
	struct metis_reader *reader;
	struct axl_client sync;
	struct axl_client async;
	struct metis_view *view;
	spinlock_t events;	/* see above */
	struct list_head attached;
	unsigned int ended;
	wait_queue_head_t *wait;
	struct wait_queue_entry async_entry;
	struct wait_queue_entry stream_entry;
};

/* metis_device.c */
extern struct workqueue_struct *metis_wq;
void metis_device_put(struct metis_device *m);

/* metis_file.c */
void *metis_open(struct axl_device *axl, wait_queue_head_t *wait);
void metis_release(void *priv);
long metis_ioctl(void *priv, unsigned int cmd, unsigned long arg);
ssize_t metis_read(void *priv, struct file *filp, char __user *to,
		   size_t count);
__poll_t metis_poll(void *priv);

/* metis_event.c */
int metis_event_open(struct metis_file *file);
void metis_event_close(struct metis_file *file);
int metis_msi_wait(struct metis_file *file, s32 num, s32 timeout);
int metis_msi_clear(struct metis_file *file, s32 num);
int metis_msi_attach(struct metis_file *file, s32 num);
int metis_event_consume(struct metis_file *file);
bool metis_event_pending(struct metis_file *file);
void metis_event_ended(struct metis_file *file);

/* metis_dma.c */
void metis_dma_open(struct metis_file *file);
void metis_dma_close(struct metis_file *file);
int metis_buf_attach(struct metis_file *file, int fd);
int metis_buf_detach(struct metis_file *file);
int metis_buf_xfer(struct metis_file *file, const struct metis_buf_xfer *x);
int metis_buf_state(struct metis_file *file);
int metis_buf_wait(struct metis_file *file, const struct metis_buf_xfer *x);
int metis_mem_xfer(struct metis_file *file, const struct metis_mem_xfer *x);
int metis_p2p_xfer(struct metis_file *file, const struct metis_p2p_xfer *x);
void metis_dma_stats(struct axl_device *axl, struct metis_dma_stats *stats);
int metis_dma_fetch(struct axl_device *axl, struct axl_client *client,
		    struct axl_buf *buf, u64 length, u64 dev_addr);

/* metis_stream.c */
void metis_stream_setup(struct metis_device *m);
void metis_stream_stop(struct metis_device *m);
int metis_stream_begin(struct metis_file *file, u32 source);
int metis_stream_end(struct metis_file *file);
int metis_stream_enable(struct metis_file *file, u32 source, bool on);
int metis_stream_reset(struct metis_file *file, u32 source);
int metis_stream_stats(struct metis_file *file,
		       struct metis_stream_stats *stats);
ssize_t metis_stream_read(struct metis_file *file, struct file *filp,
			  char __user *to, size_t count);
__poll_t metis_stream_poll(struct metis_file *file);

#endif /* METIS_H */
