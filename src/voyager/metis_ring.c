// SPDX-License-Identifier: GPL-2.0
/*
 * Data streams: firmware fills a ring in L2, the driver moves the data to its
 * own ring. The control words of the ring in L2 are not trusted.
 * (hardware-notes: Contexts, mailbox, streams)
 */
#include <linux/device.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "metis.h"
#include "metis_ring.h"

static unsigned int stream_kib = 256;
module_param(stream_kib, uint, 0444);
MODULE_PARM_DESC(stream_kib,
		 "KiB kept of a stream for slow readers, at least, 16..65536 (256)");

/* Limit for rings sized by firmware's values; stream_kib may exceed it. */
#define METIS_STREAM_RING_MAX	SZ_4M

/* Minimum of binary data to move by DMA; bytes */
#define METIS_STREAM_DMA_MIN	SZ_4K

/*
 * Keep the generation. Does not wait, since a restart can take long and the
 * work item runs again. Returns 0, or without it -EAGAIN, -EIO or -ENODEV.
 */
static int metis_stream_enter(struct axl_device *axl)
{
	int ret = axl_generation_tryget(axl);

	/* a restart of a dead card is in progress: report it as dead */
	return ret == -EAGAIN ? axl_status(axl) ?: ret : ret;
}

static int metis_stream_wake(struct wait_queue_entry *entry, unsigned int mode,
			     int flags, void *key)
{
	struct metis_stream *s = container_of(entry, struct metis_stream,
					      entry);

	mod_delayed_work(metis_wq, &s->work, 0);
	return 0;
}

static void metis_stream_disarm(struct metis_stream *s)
{
	if (s->armed)
		remove_wait_queue(axl_event_wait_head(s->m->axl, s->info.vmsi),
				  &s->entry);
	s->armed = false;
}

/* True if s->info is of the current generation. Inside metis_stream_enter(). */
static bool metis_stream_known(const struct metis_stream *s)
{
	struct axl_device *axl = s->m->axl;

	return s->generation == axl_generation(axl) &&
	       s->snap_len == axl_streams_len(axl);
}

/*
 * Read the stream's record: the whole area once per generation, then the record
 * only, because L2 is slow. Inside metis_stream_enter().
 */
static int metis_stream_look(struct metis_stream *s)
{
	struct axl_device *axl = s->m->axl;
	size_t len = axl_streams_len(axl);
	struct axl_stream info;
	int ret;

	if (!len)
		return -ENODATA;
	if (!metis_stream_known(s)) {
		kvfree(s->snap);
		s->snap_len = 0;
		s->snap = kvmalloc(len, GFP_KERNEL);
		if (!s->snap)
			return -ENOMEM;
		s->snap_len = len;
		s->generation = axl_generation(axl);
		axl_streams_copy(axl, 0, s->snap, len);
	} else {
		axl_streams_copy(axl, s->info.record,
				 s->snap + s->info.record, AXL_STREAM_BYTES);
	}
	ret = axl_hostif_stream(axl, s->snap, len, s->source, &info);
	if (ret) {
		/* read the whole area next time: the index may be wrong, too */
		s->generation = 0;
		return ret;
	}
	if (s->armed && info.vmsi != s->info.vmsi)
		metis_stream_disarm(s);
	s->info = info;
	if (!s->armed && !s->ending) {
		s->armed = true;
		add_wait_queue(axl_event_wait_head(axl, info.vmsi), &s->entry);
		/* for data between reading the record and add_wait_queue() */
		metis_stream_wake(&s->entry, 0, 0, NULL);
	}
	return 0;
}

/*
 * Grow our ring to twice firmware's ring at least: otherwise one full ring
 * would push out bytes that readers had no time to read.
 */
static int metis_stream_size(struct metis_stream *s)
{
	size_t size = clamp(stream_kib, 16u, 65536u) * SZ_1K;
	size_t some, from, to;
	u8 *ring;
	u64 pos;

	size = max(size, min_t(size_t, 2 * (size_t)s->info.capacity,
			       METIS_STREAM_RING_MAX));
	size = roundup_pow_of_two(size);
	if (size <= s->size)
		return 0;
	ring = kvmalloc(size, GFP_KERNEL_ACCOUNT);
	if (!ring)
		return s->ring ? 0 : -ENOMEM;
	for (pos = s->floor; pos != s->head; pos += some) {
		from = pos & (s->size - 1);
		to = pos & (size - 1);
		some = min_t(u64, s->head - pos,
			     min(s->size - from, size - to));
		memcpy(ring + to, s->ring + from, some);
	}
	kvfree(s->ring);
	s->ring = ring;
	s->size = size;
	return 0;
}

/* Make room for @len bytes. The caller may move @head back afterwards. */
static void metis_stream_room(struct metis_stream *s, size_t len)
{
	if (s->head + len > s->size)
		s->floor = max(s->floor, s->head + len - s->size);
}

static void metis_stream_put(struct metis_stream *s, const void *from,
			     size_t len)
{
	metis_stream_room(s, len);
	while (len) {
		size_t at = s->head & (s->size - 1);
		size_t some = min(len, s->size - at);

		memcpy(s->ring + at, from, some);
		s->head += some;
		from += some;
		len -= some;
	}
}

/* @from: offset in BAR2. Inside metis_stream_enter(). */
static void metis_stream_put_l2(struct metis_stream *s, u32 from, size_t len)
{
	metis_stream_room(s, len);
	while (len) {
		size_t at = s->head & (s->size - 1);
		size_t some = min(len, s->size - at);

		axl_l2_copy(s->m->axl, from, s->ring + at, some);
		s->head += some;
		from += some;
		len -= some;
	}
}

/*
 * Allocate memory for DMA, kept as long as the stream has readers. No warning
 * on failure, because the CPU copies instead.
 */
static int metis_stream_chunk(struct metis_stream *s)
{
	struct axl_buf *buf;

	if (s->chunk)
		return 0;
	s->chunk_mem = __vmalloc(METIS_STREAM_CHUNK,
				 GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
	if (!s->chunk_mem)
		return -ENOMEM;
	buf = axl_buf_kernel(s->m->axl, s->chunk_mem, METIS_STREAM_CHUNK,
			     AXL_BUF_FROM_DEVICE, false);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	s->chunk = buf;
	return 0;
}

/*
 * Copy the next contiguous bytes to our ring; @taken: out: their number. If the
 * link dies meanwhile they are all ones, which metis_stream_advance() detects.
 */
static int metis_stream_take(struct metis_stream *s, u32 *taken)
{
	struct axl_device *axl = s->m->axl;
	const struct axl_stream *info = &s->info;
	u32 end = info->write_pos >= info->read_pos ? info->write_pos :
						      info->capacity;
	u32 len = min_t(u32, end - info->read_pos,
			min_t(size_t, METIS_STREAM_CHUNK, s->size));
	u32 at = info->ring_offset + info->read_pos;
	/* before metis_stream_enter(): mapping keeps the generation, too */
	bool dma = info->type == AXL_STREAM_TYPE_BINARY &&
		   len >= METIS_STREAM_DMA_MIN && !metis_stream_chunk(s);
	int ret;

	*taken = 0;
	ret = metis_stream_enter(axl);
	if (ret)
		return ret;
	if (!metis_stream_known(s)) {
		axl_generation_put(axl);
		return -ESTALE;
	}
	if (dma) {
		ret = metis_dma_fetch(axl, &s->client, s->chunk, len,
				      axl_l2_base(axl) + at);
		if (ret)
			return ret;
		metis_stream_put(s, s->chunk_mem, len);
	} else {
		metis_stream_put_l2(s, at, len);
		axl_generation_put(axl);
	}
	*taken = len;
	return 0;
}

/*
 * Advance firmware's read position. Returns -ESTALE if the generation changed,
 * or -ENODATA if the positions show a firmware restart not yet detected.
 */
static int metis_stream_advance(struct metis_stream *s, u32 taken)
{
	struct axl_device *axl = s->m->axl;
	u32 before = s->info.read_pos, next = before + taken;
	u32 read_pos, write_pos;
	u32 at = s->info.record;
	int ret;

	if (next == s->info.capacity)
		next = 0;
	ret = metis_stream_enter(axl);
	if (ret)
		return ret;
	if (!metis_stream_known(s)) {
		ret = -ESTALE;
		goto out;
	}
	read_pos = axl_streams_read(axl, at + AXL_STREAM_READ_POS);
	write_pos = axl_streams_read(axl, at + AXL_STREAM_WRITE_POS);
	/* the link can die between the two reads */
	if (read_pos == U32_MAX || write_pos == U32_MAX) {
		ret = -EIO;
	} else if (read_pos != before ||
		   (write_pos >= before && write_pos - before < taken)) {
		s->generation = 0;
		ret = -ENODATA;
	} else {
		axl_streams_write(axl, at + AXL_STREAM_READ_POS, next);
		s->info.read_pos = next;
	}
out:
	axl_generation_put(axl);
	return ret;
}

/**
 * metis_stream_pump() - empty firmware's ring
 * @s: the stream; s->lock is held
 *
 * Only of the bytes that it contained at the start: otherwise firmware that
 * writes without pause would keep the loop running. May sleep.
 *
 * Return: 0, -EAGAIN or -ESTALE (a restart is under way), -ENODATA (no streams,
 * or firmware restarted), -ENOENT (no such stream), -EINVAL or -ERANGE (invalid
 * record or ring), -ENOMEM, -EIO, -ENODEV, or the error of a transfer.
 */
int metis_stream_pump(struct metis_stream *s)
{
	struct axl_device *axl = s->m->axl;
	u64 before = s->head;
	u32 taken;
	int ret;

	ret = metis_stream_enter(axl);
	if (ret)
		return ret;
	ret = metis_stream_look(s);
	axl_generation_put(axl);
	if (ret == -EINVAL || ret == -ERANGE) {
		if (!s->complained)
			dev_warn_ratelimited(axl_dev(axl),
					     "data stream %u: its ring makes no sense, not read\n",
					     s->source);
		s->complained = true;
	}
	if (ret)
		return ret;
	s->complained = false;
	ret = metis_stream_size(s);
	if (ret)
		return ret;
	while (s->info.read_pos != s->info.write_pos) {
		ret = metis_stream_take(s, &taken);
		if (ret)
			break;
		ret = metis_stream_advance(s, taken);
		if (ret) {
			/* drop bytes of other firmware or of a dead link */
			s->head -= taken;
			break;
		}
		cond_resched();
	}
	if (s->head != before)
		wake_up_all(&s->m->stream_wait);
	return ret;
}

static void metis_stream_work(struct work_struct *work)
{
	struct metis_stream *s = container_of(to_delayed_work(work),
					      struct metis_stream, work);

	mutex_lock(&s->lock);
	metis_stream_pump(s);
	mutex_unlock(&s->lock);
	/* readers must see that the card is dead or removed */
	if (axl_status(s->m->axl))
		wake_up_all(&s->m->stream_wait);
	if (axl_status(s->m->axl) != -ENODEV)
		queue_delayed_work(metis_wq, &s->work,
				   METIS_STREAM_POLL);
}

/**
 * metis_stream_free() - free a stream; may sleep
 * @s: the stream: without readers, in no list
 */
void metis_stream_free(struct metis_stream *s)
{
	mutex_lock(&s->lock);
	s->ending = true;
	metis_stream_disarm(s);
	mutex_unlock(&s->lock);
	/* disarmed: nothing queues the work again but itself */
	cancel_delayed_work_sync(&s->work);
	axl_client_close(s->m->axl, &s->client);
	if (s->chunk)
		axl_buf_put(s->chunk);
	kvfree(s->snap);
	kvfree(s->ring);
	kfree(s);
}

/**
 * metis_stream_alloc() - allocate a stream
 * @m: the card
 * @source: number of the stream
 *
 * Return: the stream, in no list and without readers; NULL if out of memory.
 */
struct metis_stream *metis_stream_alloc(struct metis_device *m, u32 source)
{
	struct metis_stream *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (!s)
		return NULL;
	s->m = m;
	s->source = source;
	mutex_init(&s->lock);
	axl_client_init(&s->client);
	init_waitqueue_func_entry(&s->entry, metis_stream_wake);
	INIT_DELAYED_WORK(&s->work, metis_stream_work);
	return s;
}

/* Find a stream with readers, or NULL; the caller holds m->stream_lock. */
struct metis_stream *metis_stream_find(struct metis_device *m, u32 source)
{
	struct metis_stream *s;

	list_for_each_entry(s, &m->streams, node)
		if (s->source == source)
			return s;
	return NULL;
}

/*
 * Change the enable bit of a stream, or clear its ring: the data goes to the
 * readers, or is dropped if there are none.
 */
static int metis_stream_set(struct metis_stream *s, enum metis_stream_op op)
{
	struct axl_device *axl = s->m->axl;
	struct metis_stream *other;
	u32 at, reg;
	int ret;

	/* serialises read-modify-write of the word, and excludes new readers */
	mutex_lock(&s->m->stream_lock);
	other = metis_stream_find(s->m, s->source);
	if (other && op == METIS_STREAM_CLEAR) {
		mutex_lock(&other->lock);
		ret = metis_stream_pump(other);
		mutex_unlock(&other->lock);
		goto out;
	}
	ret = metis_stream_enter(axl);
	if (ret)
		goto out;
	ret = metis_stream_look(s);
	if (!ret) {
		at = s->info.record;
		if (op == METIS_STREAM_CLEAR) {
			axl_streams_write(axl, at + AXL_STREAM_READ_POS,
					  s->info.write_pos);
		} else {
			at += AXL_STREAM_REG;
			reg = axl_streams_read(axl, at) &
			      ~AXL_STREAM_REG_ENABLED;
			if (op == METIS_STREAM_ON)
				reg |= AXL_STREAM_REG_ENABLED;
			axl_streams_write(axl, at, reg);
		}
	}
	axl_generation_put(axl);
out:
	mutex_unlock(&s->m->stream_lock);
	return ret;
}

/**
 * metis_stream_do() - switch a stream on or off, or clear its ring; may sleep
 * @file: the file
 * @source: number of the stream
 * @op: what to do
 *
 * Return: as metis_stream_enable().
 */
int metis_stream_do(struct metis_file *file, u32 source,
		    enum metis_stream_op op)
{
	struct metis_stream *s;
	int ret;

	if (source >= AXL_STREAMS_SOURCES)
		return -EINVAL;
	/* temporary, to read the record; not in m->streams */
	s = metis_stream_alloc(file->m, source);
	if (!s)
		return -ENOMEM;
	s->ending = true;
	do {
		ret = axl_generation_wait(file->m->axl);
		if (!ret)
			ret = metis_stream_set(s, op);
		/* a restart began meanwhile: retry after it */
	} while (ret == -EAGAIN || ret == -ESTALE);
	metis_stream_free(s);
	return ret;
}

/**
 * metis_stream_enable() - switch a stream's interrupt on or off; may sleep
 * @file: the file
 * @source: number of the stream
 * @on: true: firmware shall announce data
 *
 * Return: as metis_stream_begin(), without -EBUSY; -ENOENT (no such stream) or
 * -ENODATA (firmware has no streams, or has not started).
 */
int metis_stream_enable(struct metis_file *file, u32 source, bool on)
{
	return metis_stream_do(file, source,
			       on ? METIS_STREAM_ON : METIS_STREAM_OFF);
}

void metis_stream_setup(struct metis_device *m)
{
	mutex_init(&m->stream_lock);
	INIT_LIST_HEAD(&m->streams);
	init_waitqueue_head(&m->stream_wait);
}

/**
 * metis_stream_stop() - stop all streams on removal of the card; may sleep
 * @m: the card; readers stay and get -ENODEV
 */
void metis_stream_stop(struct metis_device *m)
{
	struct metis_stream *s;

	mutex_lock(&m->stream_lock);
	list_for_each_entry(s, &m->streams, node)
		cancel_delayed_work_sync(&s->work);
	mutex_unlock(&m->stream_lock);
	wake_up_all(&m->stream_wait);
}
