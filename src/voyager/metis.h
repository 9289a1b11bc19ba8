/* SPDX-License-Identifier: GPL-2.0 */
/*
 * metis.ko: the Voyager SDK's interface on top of axl.ko. It owns no hardware
 * and uses the DMA and interrupt paths of axl.ko.
 *
 * Lock order:
 *	metis_file.lock -> axl_generation_get()
 *	axl_ext_use_lock -> metis_device.view_lock -> metis_device.lock
 *	metis_device.stream_lock -> metis_stream.lock -> axl_generation_tryget()
 *	wait queues of an event (hardirq), of a client (hardirq), of streams
 *		-> metis_file.wait
 */
#ifndef METIS_H
#define METIS_H

#include <linux/debugfs.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "../axl_cdev.h"
#include "../axl_core.h"
#include "../axl_ext.h"
#include "../compat/axl_compat.h"
#include "metis_abi.h"

#define METIS_VERSION		"1.6.2"	/* of the vendor's driver replaced */
#define METIS_CORES		4
#define METIS_NAMES		2

/**
 * struct metis_device - SDK state of a card; lives until the last file closes
 * @ref: one reference of the bound card and one per file
 * @axl: the card; each holder of @ref also holds a reference to the card
 * @lock: protects @cores and @taken
 * @cores: bitmap of AI cores allocated to files
 * @taken: per event: highest count that any process has consumed
 * @view_lock: protects @views
 * @views: views of processes that have files
 * @res: bus addresses found when the card was added; constant
 * @win: likewise
 * @switch_group: see %METIS_PROP_SWITCH
 * @names: class devices without a node, for further names of the card
 * @debugfs: directory in debugfs
 * @stream_lock: protects @streams
 * @streams: streams with readers
 * @stream_wait: wait queue of the readers of all streams
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
 * struct metis_view - events consumed by a process, shared by its files
 * @node: in metis_device.views
 * @files: number of files whose first call of this interface came from the
 *	process; protected by metis_device.view_lock
 * @pid: the process, referenced
 * @lock: protects @seen
 * @seen: per event: count up to which the process has consumed it by a wait or
 *	a clear
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
 * struct metis_file - an open file that uses this interface
 * @m: the card, referenced
 * @lock: protects @buf to @cores
 * @buf: attached dma-buf, or NULL
 * @users: synchronous transfers that use @buf
 * @seq: sequence number of the asynchronous transfer
 * @state: state of the asynchronous transfer
 * @to_device: direction of the asynchronous transfer
 * @status: result of the asynchronous transfer, 0 or negative errno
 * @cores: bitmap of AI cores allocated to this file
 * @reader: reader of a stream, or NULL; protected by @events, because poll()
 *	must not wait for @lock
 * @sync: client of synchronous transfers
 * @async: client of the asynchronous transfer
 * @view: view of the process that used this interface first through this file;
 *	a child process that inherits the file shares it
 * @events: protects @reader, @attached and @ended
 * @attached: events that poll() reports
 * @ended: number of asynchronous transfers that ended and were not consumed
 * @wait: wait queue of poll(); belongs to the node's file, which lives longer
 * @async_entry: in the wait queue of @async, to wake @wait
 * @stream_entry: in metis_device.stream_wait, to wake @wait
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
void *metis_open(void *card, wait_queue_head_t *wait);
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

#endif /* METIS_H */
