// SPDX-License-Identifier: GPL-2.0
/*
 * Readers of data streams: every reader gets all data from the time it began to
 * read, unless it is too slow. metis_ring.c has the streams.
 */
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "metis.h"
#include "metis_reader.h"
#include "metis_ring.h"

/**
 * struct metis_reader - a file that reads a stream
 * @ref: one reference of the file and one per call that uses the reader
 * @stream: the stream; this reader is in its @nr_readers
 * @pos: number of the next byte, as in stream->head; under stream->lock, as are
 *	@start, @overruns and @ended
 * @start: number of the first byte
 * @overruns: how often bytes were lost because the reader was too slow
 * @ended: the file has stopped reading
 * @read_lock: serialises read(), so that two calls do not get the same bytes
 */
struct metis_reader {
	struct kref ref;
	struct metis_stream *stream;
	u64 pos;
	u64 start;
	u64 overruns;
	bool ended;
	struct mutex read_lock;	/* see above */
};

static void metis_reader_release(struct kref *ref)
{
	struct metis_reader *r = container_of(ref, struct metis_reader, ref);
	struct metis_stream *s = r->stream;
	struct metis_device *m = s->m;

	mutex_lock(&m->stream_lock);
	if (!--s->nr_readers) {
		list_del(&s->node);
		/*
		 * Under the lock: a new stream of the same source must not
		 * empty the same ring at the same time.
		 */
		metis_stream_free(s);
	}
	mutex_unlock(&m->stream_lock);
	mutex_destroy(&r->read_lock);
	kfree(r);
}

static void metis_reader_put(struct metis_reader *r)
{
	kref_put(&r->ref, metis_reader_release);
}

/* Get a reference to the file's reader, or NULL. */
static struct metis_reader *metis_reader_get(struct metis_file *file)
{
	struct metis_reader *r;

	spin_lock(&file->events);
	r = file->reader;
	if (r)
		kref_get(&r->ref);
	spin_unlock(&file->events);
	return r;
}

/* Add @r to the readers of a stream; create the stream for its first reader. */
static int metis_reader_join(struct metis_device *m, u32 source,
			     struct metis_reader *r)
{
	struct metis_stream *s;
	int ret;

	mutex_lock(&m->stream_lock);
	s = metis_stream_find(m, source);
	if (!s) {
		s = metis_stream_alloc(m, source);
		if (!s) {
			ret = -ENOMEM;
			goto out;
		}
	}
	mutex_lock(&s->lock);
	/* only the first reader gets the data already in firmware's ring */
	r->start = s->head;
	ret = metis_stream_pump(s);
	/* no such stream yet is no error; nor may bytes just read be lost */
	if (ret == -ENODATA || ret == -ENOENT || s->head != r->start)
		ret = 0;
	if (s->nr_readers)
		r->start = s->head;
	r->pos = r->start;
	r->stream = s;
	mutex_unlock(&s->lock);
	if (!s->nr_readers && ret) {
		metis_stream_free(s);
		goto out;
	}
	ret = 0;
	if (!s->nr_readers++) {
		list_add(&s->node, &m->streams);
		queue_delayed_work(metis_wq, &s->work,
				   METIS_STREAM_POLL);
	}
out:
	mutex_unlock(&m->stream_lock);
	return ret;
}

/**
 * metis_stream_begin() - make a file a reader of a stream
 * @file: the file
 * @source: number of the stream
 *
 * Succeeds without data if firmware has no such stream or has not started,
 * since firmware started later may have the stream. May sleep.
 *
 * Return: 0, -EBUSY (the file is a reader), -EINVAL (bad number, or malformed
 * record), -ERANGE (bad ring), -ENOMEM, -EIO or -ETIMEDOUT (the card does not
 * answer, or not at the moment), -EINTR (killed) or -ENODEV (removed).
 */
int metis_stream_begin(struct metis_file *file, u32 source)
{
	struct metis_reader *r;
	int ret;

	if (source >= AXL_STREAMS_SOURCES)
		return -EINVAL;
	/* before any data is taken, which would be lost; checked again below */
	if (READ_ONCE(file->reader))
		return -EBUSY;
	r = kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	if (!r)
		return -ENOMEM;
	kref_init(&r->ref);
	mutex_init(&r->read_lock);
	do {
		ret = axl_generation_wait(file->m->axl);
		if (!ret)
			ret = metis_reader_join(file->m, source, r);
		/* a restart began meanwhile: retry after it */
	} while (ret == -EAGAIN || ret == -ESTALE);
	if (ret) {
		mutex_destroy(&r->read_lock);
		kfree(r);
		return ret;
	}
	spin_lock(&file->events);
	if (file->reader)
		ret = -EBUSY;
	else
		swap(file->reader, r);
	spin_unlock(&file->events);
	if (r)
		metis_reader_put(r);
	return ret;
}

/* Stop reading; -EINVAL if the file is no reader. */
int metis_stream_end(struct metis_file *file)
{
	struct metis_reader *r = NULL;

	spin_lock(&file->events);
	swap(file->reader, r);
	spin_unlock(&file->events);
	if (!r)
		return -EINVAL;
	mutex_lock(&r->stream->lock);
	r->ended = true;
	mutex_unlock(&r->stream->lock);
	wake_up_all(&file->m->stream_wait);
	metis_reader_put(r);
	return 0;
}

/**
 * metis_stream_reset() - skip the data so far; may sleep
 * @file: the file
 * @source: stream that it reads, or any other stream
 *
 * Restarts the statistics of the file's reader, too. Data that firmware has
 * written so far goes to other readers, or is dropped if there are none.
 *
 * Return: as metis_stream_enable().
 */
int metis_stream_reset(struct metis_file *file, u32 source)
{
	struct metis_reader *r = metis_reader_get(file);
	int ret;

	if (!r || r->stream->source != source) {
		ret = metis_stream_do(file, source, METIS_STREAM_CLEAR);
		goto out;
	}
	ret = axl_generation_wait(file->m->axl);
	if (!ret) {
		mutex_lock(&r->stream->lock);
		/* errors ignored: then the data is of firmware that is gone */
		metis_stream_pump(r->stream);
		r->pos = r->stream->head;
		r->start = r->pos;
		r->overruns = 0;
		mutex_unlock(&r->stream->lock);
	}
out:
	if (r)
		metis_reader_put(r);
	return ret;
}

/*
 * Get the number of bytes available; a reader that is too slow has lost the
 * oldest. The caller holds stream->lock.
 */
static u64 metis_reader_avail(struct metis_reader *r)
{
	struct metis_stream *s = r->stream;

	if (r->pos < s->floor) {
		r->pos = s->floor;
		r->overruns++;
	}
	return s->head - r->pos;
}

int metis_stream_stats(struct metis_file *file,
		       struct metis_stream_stats *stats)
{
	struct metis_reader *r = metis_reader_get(file);

	if (!r)
		return -EINVAL;
	mutex_lock(&r->stream->lock);
	stats->available = metis_reader_avail(r);
	stats->overruns = r->overruns;
	stats->total = r->stream->head - r->start;
	mutex_unlock(&r->stream->lock);
	metis_reader_put(r);
	return 0;
}

/* Copy up to @count bytes to @to; @pos: out: number of the first byte. */
static size_t metis_reader_peek(struct metis_reader *r, void *to, size_t count,
				u64 *pos)
{
	struct metis_stream *s = r->stream;
	size_t done, some;

	mutex_lock(&s->lock);
	count = min_t(u64, count, metis_reader_avail(r));
	*pos = r->pos;
	for (done = 0; done < count; done += some) {
		size_t at = (*pos + done) & (s->size - 1);

		some = min(count - done, s->size - at);
		memcpy(to + done, s->ring + at, some);
	}
	mutex_unlock(&s->lock);
	return count;
}

/*
 * Copy available bytes to user memory; -EFAULT consumes none. Only read_lock is
 * held meanwhile, because access to user memory can take long.
 */
static ssize_t metis_reader_give(struct metis_reader *r, char __user *to,
				 void *some, size_t count)
{
	ssize_t ret;
	u64 pos;

	mutex_lock(&r->read_lock);
	ret = metis_reader_peek(r, some, count, &pos);
	if (ret && copy_to_user(to, some, ret)) {
		ret = -EFAULT;
	} else if (ret) {
		mutex_lock(&r->stream->lock);
		/* an overrun or a reset may have advanced it further */
		r->pos = max(r->pos, pos + ret);
		mutex_unlock(&r->stream->lock);
	}
	mutex_unlock(&r->read_lock);
	return ret;
}

static bool metis_reader_ready(struct metis_reader *r)
{
	return READ_ONCE(r->stream->head) != READ_ONCE(r->pos) ||
	       READ_ONCE(r->ended) || axl_status(r->stream->m->axl);
}

/**
 * metis_stream_read() - read(2) of a stream; sleeps unless O_NONBLOCK
 * @file: the file
 * @filp: the open file, for its flags
 * @to: user memory
 * @count: bytes
 *
 * Return: bytes, 0 (the reader was ended meanwhile), -EINVAL (the file is no
 * reader), -EAGAIN (O_NONBLOCK), -EFAULT, -ENOMEM, -ERESTARTSYS, or -ENODEV
 * (the card was removed or is dead).
 */
ssize_t metis_stream_read(struct metis_file *file, struct file *filp,
			  char __user *to, size_t count)
{
	struct metis_reader *r = metis_reader_get(file);
	void *some = NULL;
	ssize_t ret;

	if (!r)
		return -EINVAL;
	count = min_t(size_t, count, METIS_STREAM_CHUNK);
	ret = -ENOMEM;
	some = kvmalloc(max_t(size_t, count, 1), GFP_KERNEL_ACCOUNT);
	if (!some)
		goto out;
	do {
		ret = metis_reader_give(r, to, some, count);
		if (ret || !count)
			break;
		ret = r->ended ? 0 : axl_status(file->m->axl) ? -ENODEV : -EAGAIN;
		if (ret != -EAGAIN || filp->f_flags & O_NONBLOCK)
			break;
		ret = wait_event_interruptible(file->m->stream_wait,
					       metis_reader_ready(r));
	} while (!ret);
out:
	kvfree(some);
	metis_reader_put(r);
	return ret;
}

__poll_t metis_stream_poll(struct metis_file *file)
{
	struct metis_reader *r = metis_reader_get(file);
	__poll_t mask = 0;

	if (!r)
		return 0;
	if (READ_ONCE(r->stream->head) != READ_ONCE(r->pos))
		mask = EPOLLIN | EPOLLRDNORM;
	metis_reader_put(r);
	return mask;
}
