/* SPDX-License-Identifier: GPL-2.0 */
/* Data streams: metis_ring.c */
#ifndef METIS_RING_H
#define METIS_RING_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "../axl_job.h"
#include "../axl_layout.h"

struct axl_buf;
struct metis_device;
struct metis_file;

/* Polling period, in case the interrupt of a stream does not arrive; jiffies */
#define METIS_STREAM_POLL	(HZ / 10)

/* Maximum of data to move at once, from firmware's ring or by a read(); bytes */
#define METIS_STREAM_CHUNK	SZ_64K

/**
 * struct metis_stream - a stream with readers
 * @node: in m->streams
 * @m: the card; every reader's file has a reference to it
 * @source: number of the stream
 * @nr_readers: number of readers; under m->stream_lock
 * @lock: protects what follows
 * @ring: the latest bytes; NULL until firmware's ring was seen
 * @size: bytes of @ring, a power of two, or 0
 * @head: number of bytes received so far
 * @floor: number of the oldest byte in @ring; not lowered if @head moves back
 * @snap: snapshot of the streams area
 * @snap_len: bytes of @snap
 * @generation: generation of @snap, 0 if it must be read again
 * @info: parsed record of the stream
 * @armed: @entry is in the wait queue of event info.vmsi
 * @complained: warning already logged that the ring is invalid
 * @chunk: DMA destination; NULL until it is needed
 * @chunk_mem: memory of @chunk
 * @client: client of the transfers to @chunk
 * @ending: do not arm: the last reader is gone, or the stream is temporary
 * @entry: wait queue entry for the stream's event
 * @work: empties firmware's ring
 */
struct metis_stream {
	struct list_head node;
	struct metis_device *m;
	u32 source;
	unsigned int nr_readers;
	struct mutex lock;	/* see above */
	u8 *ring;
	size_t size;
	u64 head;
	u64 floor;
	void *snap;
	size_t snap_len;
	u64 generation;
	struct axl_stream info;
	bool armed;
	bool complained;
	struct axl_buf *chunk;
	void *chunk_mem;
	struct axl_client client;
	bool ending;
	struct wait_queue_entry entry;
	struct delayed_work work;
};

enum metis_stream_op {
	METIS_STREAM_ON,
	METIS_STREAM_OFF,
	METIS_STREAM_CLEAR,
};

void metis_stream_setup(struct metis_device *m);
void metis_stream_stop(struct metis_device *m);
struct metis_stream *metis_stream_alloc(struct metis_device *m, u32 source);
void metis_stream_free(struct metis_stream *s);
struct metis_stream *metis_stream_find(struct metis_device *m, u32 source);
int metis_stream_pump(struct metis_stream *s);
int metis_stream_do(struct metis_file *file, u32 source,
		    enum metis_stream_op op);
int metis_stream_enable(struct metis_file *file, u32 source, bool on);

#endif /* METIS_RING_H */
