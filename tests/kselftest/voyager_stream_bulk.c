// SPDX-License-Identifier: GPL-2.0
/*
 * Data streams that carry much: the binary trace, rings larger than firmware's, what
 * the engine moves and what the processor reads, how much is kept for a slow reader.
 * Every byte comes, in order, or the loss is counted for the reader that has it.
 *
 * Taken, where the description is silent: an overrun is a byte or an occasion.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "voyager_stream.h"

/* ---- the trace: binary, large ---- */

static ssize_t trace_differs(const struct reader *r, uint64_t at)
{
	size_t i;

	for (i = 0; i < r->len; i++)
		if (r->data[i] != trace_byte(at + i))
			return i;
	return -1;
}

/* Past what the ring held at the opening: the trace from a known byte on */
static int trace_open(struct __test_metadata *_metadata, struct reader *r,
		      volatile uint8_t *l2)
{
	int err = reader_open(r, TRACE);

	if (err)
		return err;
	EXPECT_TRUE(ring_empty(l2, 1));
	at_sleep_ms(50);
	reader_take(r);
	r->len = 0;
	return 0;
}

TEST_F_TIMEOUT(stream, trace, 60)
{
	static const uint32_t pieces[] = { 1, 2, 3, 64, 1000, 4096, 16384, 5001 };
	uint64_t at, from = ~0ULL;
	struct vy_stream_stats s;
	struct reader r[3];
	size_t want = 0;
	unsigned int i, k;

	for (k = 0; k < 3; k++)
		ASSERT_EQ(0, trace_open(_metadata, &r[k], self->l2));
	ASSERT_EQ(0, vy_stream(r[0].fd, VY_STREAM_ENABLE, TRACE));
	/* several times around its 256 KiB */
	for (i = 0; i < 200; i++) {
		uint32_t n = pieces[i % at_array_size(pieces)];

		ASSERT_EQ(n, trace(self->l2, n, &at));
		if (!i)
			from = at;
		want += n;
		for (k = 0; k < 3; k++)
			ASSERT_EQ(0, reader_want(&r[k], want))
				TH_LOG("reader %u, round %u", k, i);
	}
	for (k = 0; k < 3; k++) {
		EXPECT_EQ(want, r[k].len);
		EXPECT_EQ(-1, trace_differs(&r[k], from));
		ASSERT_EQ(0, vy_call(r[k].fd, VY_STREAM_STATS, &s));
		EXPECT_EQ(0, s.overruns);
		EXPECT_EQ(0, s.available);
		reader_close(&r[k]);
	}
}

/* As much as the ring holds at a time: complete, or the loss is counted */
TEST_F_TIMEOUT(stream, trace_in_large_pieces, 60)
{
	uint32_t capacity = *field(self->l2, 1, CAPACITY);
	struct vy_stream_stats s;
	struct reader r;
	uint64_t at, from = 0;
	size_t want = 0;
	unsigned int i;

	EXPECT_EQ(0x40000, capacity);
	ASSERT_EQ(0, trace_open(_metadata, &r, self->l2));
	ASSERT_EQ(0, vy_stream(r.fd, VY_STREAM_ENABLE, TRACE));
	for (i = 0; i < 10; i++) {
		ASSERT_TRUE(ring_empty(self->l2, 1));
		ASSERT_EQ(capacity - 1, trace(self->l2, ~0U, &at));
		if (!i)
			from = at;
		want += capacity - 1;
		ASSERT_TRUE(ring_empty(self->l2, 1));
		if (reader_want(&r, want))
			break;
	}
	ASSERT_EQ(0, vy_call(r.fd, VY_STREAM_STATS, &s));
	if (i < 10) {
		at_msg("%zu of %zu bytes, %llu overruns", r.len, want,
		       (unsigned long long)s.overruns);
		EXPECT_NE(0, s.overruns);
	} else {
		EXPECT_EQ(0, s.overruns);
		EXPECT_EQ(want, r.len);
		EXPECT_EQ(-1, trace_differs(&r, from));
	}
	reader_close(&r);
}

/* The first reader comes when a transfer is going to fail: late, but all of it */
TEST_F_TIMEOUT(stream, trace_begun_with_an_error, 60)
{
	uint32_t capacity = *field(self->l2, 1, CAPACITY), to_end;
	uint64_t at, from;
	struct reader r;
	int64_t n;

	/* A little up to the end of the ring, for the processor, then much */
	ASSERT_EQ(0, trace_open(_metadata, &r, self->l2));
	to_end = capacity - *field(self->l2, 1, WRITE_POS);
	n = (to_end + capacity - 1000) % capacity;
	ASSERT_EQ(n, trace(self->l2, n, &at));
	ASSERT_TRUE(ring_empty(self->l2, 1));
	reader_close(&r);
	ASSERT_EQ(9000, trace(self->l2, 9000, &from));
	at_lab_set(METIS_LAB_ABORT_NEXT, 0xf);
	EXPECT_EQ(0, reader_open(&r, TRACE));
	at_lab_set(METIS_LAB_UNDO, 1);
	EXPECT_EQ(0, reader_want(&r, 9000));
	EXPECT_EQ(9000, r.len);
	EXPECT_EQ(-1, trace_differs(&r, from));
	reader_close(&r);
}

/* ---- rings of our own, larger than firmware's ---- */

/* Record @n has another ring, which is full */
static void ring_put(volatile uint8_t *l2, unsigned int n, uint64_t base,
		     uint32_t size)
{
	*field(l2, n, READ_POS) = 0;
	*field(l2, n, WRITE_POS) = size - 4;
	*field(l2, n, CAPACITY) = size;
	*field(l2, n, RING_SIZE) = size;
	*field(l2, n, RING) = base;
	*field(l2, n, RING + 4) = base >> 32;
}

/*
 * More lies there than is kept of a stream: all of it comes. More than the 4 MiB that
 * are kept on firmware's word: the end of it comes, and the loss is counted.
 */
TEST_F_TIMEOUT(stream, large_ring, 120)
{
	static const uint32_t sizes[] = { 1 * MIB, 6 * MIB };
	uint64_t base = at_scratch_l2(&self->t.q);
	struct vy_stream_stats s;
	struct reader r;
	unsigned int i, k;
	uint32_t *data;
	size_t want;

	self->t.flags |= AT_PROVOKES_POLICE;
	for (i = 0; i < at_array_size(sizes); i++) {
		data = malloc(sizes[i]);
		for (k = 0; k < sizes[i] / 4; k++)
			data[k] = k * METIS_EMU_TRACE_STEP;
		ASSERT_EQ(0, vy_user_xfer(self->t.fd, VY_WRITE, base, data,
					  sizes[i]));
		ring_put(self->l2, 1, base, sizes[i]);
		ASSERT_EQ(0, reader_open(&r, TRACE));
		want = sizes[i] < 4 * MIB ? sizes[i] - 4 : 4 * MIB;
		EXPECT_EQ(0, reader_want(&r, want));
		EXPECT_EQ(want, r.len);
		EXPECT_EQ(0, memcmp((char *)data + sizes[i] - 4 - r.len, r.data,
				    r.len));
		ASSERT_EQ(0, vy_call(r.fd, VY_STREAM_STATS, &s));
		EXPECT_EQ(want < sizes[i] - 4, s.overruns);
		EXPECT_EQ(sizes[i] - 4, s.total);
		reader_close(&r);
		free(data);
	}
	ASSERT_EQ(0, rings_back(self->t.fd));
}

/* What the engine has moved to the host so far */
static uint64_t moved_to_host(int fd)
{
	struct vy_dma_stats stats;
	uint64_t bytes = 0;
	int ch;

	if (vy_call(fd, VY_DMA_STATS, &stats))
		return 0;
	for (ch = 0; ch < 4; ch++)
		bytes += stats.rd[ch].bytes;
	return bytes;
}

/* Much that is binary is moved by the engine, as much text is read all the same */
TEST_F_TIMEOUT(stream, which_way, 60)
{
	uint64_t base = at_scratch_l2(&self->t.q), moved, board;
	static uint8_t data[MIB];
	uint32_t rung, sent;
	struct reader r;
	unsigned int n;

	self->t.flags |= AT_PROVOKES_POLICE;
	sent = sizeof(data) - 4;
	for (n = 0; n < 2; n++) {
		at_fill(data, sizeof(data), 80 + n, 0);
		ASSERT_EQ(0, vy_user_xfer(self->t.fd, VY_WRITE, base, data,
					  sizeof(data)));
		ring_put(self->l2, n, base, sizeof(data));
		moved = moved_to_host(self->t.fd);
		board = at_lab_get64(METIS_LAB_BYTES_WR);
		rung = at_lab_get(METIS_LAB_DOORBELLS_WR);
		ASSERT_EQ(0, reader_open(&r, n ? TRACE : LOG));
		EXPECT_EQ(0, reader_want(&r, sent));
		EXPECT_EQ(sent, r.len);
		EXPECT_EQ(0, memcmp(data, r.data, r.len));
		moved = moved_to_host(self->t.fd) - moved;
		board = at_lab_get64(METIS_LAB_BYTES_WR) - board;
		rung = at_lab_get(METIS_LAB_DOORBELLS_WR) - rung;
		at_msg("%s: %llu of %u bytes by the engine, in %u transfers",
		       n ? "binary" : "text", (unsigned long long)moved, sent,
		       rung);
		EXPECT_EQ(board, moved);
		if (n) {
			/* Taken: what is little at the ends may be read */
			EXPECT_LE(sent - sent / 10, moved);
			EXPECT_GE(sent, moved);
			/* and not word by word */
			EXPECT_GE(64, rung);
		} else {
			EXPECT_EQ(0, moved);
			EXPECT_EQ(0, rung);
		}
		reader_close(&r);
	}
	ASSERT_EQ(0, rings_back(self->t.fd));
}

/* The multiplier is odd: a word tells its place */
static uint32_t inverse(uint32_t x)
{
	uint32_t y = x;
	int i;

	for (i = 0; i < 5; i++)
		y *= 2 - x * y;
	return y;
}

/* In how many pieces without a gap; 0 when there are bytes that are no trace */
static unsigned int trace_pieces(const struct reader *r)
{
	uint32_t inv = inverse(METIS_EMU_TRACE_STEP), word, skip;
	unsigned int pieces = 0;
	size_t i = 0, k;
	uint64_t at;

	while (i < r->len) {
		/* too little to tell where it is from */
		if (r->len - i < 16)
			return pieces + 1;
		for (skip = 0; skip < 4; skip++) {
			memcpy(&word, r->data + i + skip, 4);
			at = (uint64_t)(uint32_t)(word * inv) * 4 - skip;
			for (k = 0; k < 12; k++)
				if (r->data[i + k] != trace_byte(at + k))
					break;
			if (k == 12)
				break;
		}
		if (skip == 4)
			return 0;
		while (i < r->len && r->data[i] == trace_byte(at)) {
			i++;
			at++;
		}
		pieces++;
	}
	return pieces;
}

static void *read_on(void *arg)
{
	struct fast *f = arg;

	while (!f->stop && !f->err) {
		if (!(vy_polled(f->r.fd, 20) & POLLIN))
			continue;
		if (reader_take(&f->r) < 0)
			f->err = -errno;
	}
	return NULL;
}

TEST_F_TIMEOUT(stream, overrun, 120)
{
	struct vy_stream_stats s = { };
	struct reader slow;
	struct fast f = { };
	uint64_t at, from = 0, end;
	size_t sent = 0;
	unsigned int pieces;
	int64_t n;

	ASSERT_EQ(0, trace_open(_metadata, &slow, self->l2));
	ASSERT_EQ(0, trace_open(_metadata, &f.r, self->l2));
	ASSERT_EQ(0, vy_stream(slow.fd, VY_STREAM_ENABLE, TRACE));
	ASSERT_EQ(0, pthread_create(&f.thread, NULL, read_on, &f));
	while (!s.overruns && sent < 64 * MIB) {
		n = trace(self->l2, 16384, &at);
		ASSERT_GE(n, 0);
		if (!sent)
			from = at;
		sent += n;
		ASSERT_TRUE(ring_empty(self->l2, 1));
		/* the fast one shall not depend on the scheduler */
		for (end = at_now() + AT_SOON; f.r.len < sent && at_now() < end;)
			at_sleep_ms(1);
		ASSERT_EQ(0, vy_call(slow.fd, VY_STREAM_STATS, &s));
	}
	f.stop = true;
	pthread_join(f.thread, NULL);
	at_msg("%llu overruns after %zu bytes", (unsigned long long)s.overruns,
	       sent);
	EXPECT_NE(0, s.overruns);
	EXPECT_EQ(0, f.err);
	/* The slow reader's loss is not the other's */
	EXPECT_EQ(sent, f.r.len);
	EXPECT_EQ(-1, trace_differs(&f.r, from));
	ASSERT_EQ(0, vy_call(f.r.fd, VY_STREAM_STATS, &s));
	EXPECT_EQ(0, s.overruns);
	ASSERT_EQ(0, vy_call(slow.fd, VY_STREAM_STATS, &s));
	reader_take(&slow);
	EXPECT_LE(slow.len, s.available);
	EXPECT_LE(4096, slow.len);
	pieces = trace_pieces(&slow);
	EXPECT_TRUE(pieces >= 1 && pieces <= 1 + s.overruns)
		TH_LOG("%u pieces, %llu overruns", pieces,
		       (unsigned long long)s.overruns);
	reader_close(&slow);
	reader_close(&f.r);
}

/* ---- how much is kept for who is slow ---- */

FIXTURE(kept)
{
	struct at_ctx t;
	volatile uint8_t *l2;
	struct reader r;
};

FIXTURE_SETUP(kept)
{
	self->r.fd = -1;
	VY_BEGIN(&self->t, AT_NEEDS_RUNNING);
}

static int reload(struct at_ctx *t, volatile uint8_t **l2, const char *options)
{
	int err;

	if (*l2)
		munmap((void *)*l2, t->q.bar2_size);
	*l2 = NULL;
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	err = vy_module_unload();
	if (!err)
		err = vy_module_load(options);
	if (err)
		return err;
	t->fd = at_open();
	if (t->fd < 0)
		return t->fd;
	*l2 = at_map_l2(t->fd, t);
	return *l2 ? 0 : -ENOMEM;
}

FIXTURE_TEARDOWN(kept)
{
	if (self->r.fd >= 0)
		close(self->r.fd);
	/* the others' is the usual one */
	if (vy_module_loaded()) {
		EXPECT_EQ(0, reload(&self->t, &self->l2, NULL));
	} else {
		EXPECT_EQ(0, vy_module_load(NULL));
	}
	if (self->l2)
		munmap((void *)self->l2, self->t.q.bar2_size);
	AT_END(&self->t);
}

/* So many bytes at least, none of which firmware drops; how many, or -errno */
static int64_t produce(volatile uint8_t *l2, uint32_t source, size_t least,
		       uint64_t *end)
{
	uint32_t before = at_lab_get(METIS_LAB_LOG_BYTES);
	int64_t n, sent = 0;
	uint64_t at;

	while (sent < (int64_t)least) {
		if (source == LOG) {
			at_lab_set(METIS_LAB_LOG_BURST, 100);
			sent = at_lab_get(METIS_LAB_LOG_BYTES) - before;
		} else {
			n = trace(l2, 200000, &at);
			if (n < 0)
				return n;
			sent += n;
			*end = at + n;
		}
		if (!ring_empty(l2, source == TRACE))
			return -ETIMEDOUT;
	}
	return sent;
}

/* What is left of it is the end of it */
static bool is_the_end(const struct reader *r, uint32_t source, uint64_t end)
{
	unsigned int first;
	struct reader whole = *r;
	uint8_t *p;

	if (source == TRACE)
		return trace_differs(r, end - r->len) == -1;
	p = memchr(r->data, '\n', r->len);
	if (!p || r->data[r->len - 1] != '\n')
		return false;
	whole.data = p + 1;
	whole.len = r->data + r->len - whole.data;
	return lines_in_order(&whole, &first) > 0;
}

/*
 * Taken: at least that much of the parameter is kept, or of twice firmware's ring,
 * but not twice as much.
 */
TEST_F_TIMEOUT(kept, stream_kib, 120)
{
	static const struct {
		const char *options, *value;
		uint32_t source;
		size_t sent, kept;
	} rows[] = {
		{ NULL, "256", LOG, 40 * KIB, 256 * KIB },
		{ "stream_kib=16", "16", LOG, 40 * KIB, 16 * KIB },
		{ NULL, "256", TRACE, 1200 * KIB, 512 * KIB },
		{ "stream_kib=16", "16", TRACE, 1200 * KIB, 512 * KIB },
		{ "stream_kib=2048", "2048", TRACE, 1200 * KIB, 2 * MIB },
	};
	struct vy_stream_stats s;
	unsigned int i;
	uint64_t end = 0;
	int64_t sent;
	char text[32];

	for (i = 0; i < at_array_size(rows); i++) {
		ASSERT_EQ(0, reload(&self->t, &self->l2, rows[i].options));
		EXPECT_EQ(0, vy_parameter("stream_kib", text, sizeof(text)));
		EXPECT_STREQ(rows[i].value, text);
		ASSERT_EQ(0, reader_open(&self->r, rows[i].source));
		ASSERT_TRUE(ring_empty(self->l2, rows[i].source == TRACE));
		at_sleep_ms(50);
		reader_take(&self->r);
		self->r.len = 0;
		ASSERT_EQ(0, vy_stream(self->r.fd, VY_STREAM_RESET,
				       rows[i].source));
		sent = produce(self->l2, rows[i].source, rows[i].sent, &end);
		ASSERT_LE(rows[i].sent, sent);
		ASSERT_EQ(0, vy_call(self->r.fd, VY_STREAM_STATS, &s));
		at_msg("%s, %s: %llu of %lld bytes",
		       rows[i].options ? rows[i].options : "as it is",
		       rows[i].source == LOG ? "log" : "trace",
		       (unsigned long long)s.available, (long long)sent);
		EXPECT_EQ(sent, s.total);
		if (rows[i].kept > (size_t)sent) {
			EXPECT_EQ(sent, s.available);
			EXPECT_EQ(0, s.overruns);
		} else {
			EXPECT_LE(rows[i].kept, s.available);
			EXPECT_GT(2 * rows[i].kept, s.available);
			EXPECT_NE(0, s.overruns);
		}
		EXPECT_EQ(s.available, reader_take(&self->r));
		EXPECT_TRUE(is_the_end(&self->r, rows[i].source, end));
		reader_close(&self->r);
	}
}

/* Taken: nonsense is refused, or put right */
TEST_F_TIMEOUT(kept, nonsense, 60)
{
	static const char *const options[] = {
		"stream_kib=0", "stream_kib=4294967295", "stream_kib=-1",
	};
	unsigned int i;

	for (i = 0; i < at_array_size(options); i++) {
		if (reload(&self->t, &self->l2, options[i])) {
			ASSERT_FALSE(vy_module_loaded());
			ASSERT_EQ(0, vy_module_load(NULL));
			continue;
		}
		ASSERT_EQ(0, reader_open(&self->r, LOG));
		ASSERT_EQ(0, say(self->l2, options[i]));
		EXPECT_EQ(0, reader_past(&self->r, options[i]));
		reader_close(&self->r);
	}
}

TEST_HARNESS_MAIN
