// SPDX-License-Identifier: GPL-2.0
/*
 * Data streams: every reader gets every byte from its opening on, whatever the
 * others do and whatever firmware writes where the ring is described.
 *
 * Taken, where the description is silent: a source is a byte, and one that
 * firmware has not got may be that of the next firmware; what was in the ring at
 * the opening may come first; the total is what came for this reader since then; an overrun
 * is a byte or an occasion; after a restart of firmware a reader goes on or is
 * told (EPOLLHUP), and a new one works.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libstream.h"

FIXTURE(stream)
{
	struct at_ctx t;
	volatile uint8_t *l2;
	unsigned int marks;
};

FIXTURE_SETUP(stream)
{
	VY_BEGIN(&self->t, AT_NEEDS_RUNNING);
	self->l2 = vy_map_l2(self->t.fd, &self->t);
	ASSERT_NE(NULL, self->l2);
}

FIXTURE_TEARDOWN(stream)
{
	if (self->l2)
		munmap((void *)self->l2, self->t.q.bar2_size);
	AT_END(&self->t);
}

/* ---- the log ---- */

TEST_F(stream, every_line)
{
	uint32_t dropped;
	struct reader r;
	unsigned int first;
	char text[32];

	ASSERT_EQ(0, reader_open(&r, LOG));
	ASSERT_TRUE(ring_empty(self->l2, 0));
	mark(text, sizeof(text), &self->marks);
	ASSERT_EQ(0, say(self->l2, text));
	ASSERT_EQ(0, reader_past(&r, text));
	EXPECT_EQ(0, r.len);
	dropped = at_lab_get(METIS_LAB_LOG_DROPPED);
	/* many times around the ring */
	ASSERT_TRUE(log_lines(self->l2, 1000));
	EXPECT_EQ(dropped, at_lab_get(METIS_LAB_LOG_DROPPED));
	mark(text, sizeof(text), &self->marks);
	ASSERT_EQ(0, say(self->l2, text));
	while (r.len < strlen(text) ||
	       memcmp(r.data + r.len - strlen(text), text, strlen(text)))
		ASSERT_EQ(0, reader_want(&r, r.len + 1));
	r.len -= strlen(text);
	EXPECT_EQ(1000, lines_in_order(&r, &first));
	reader_close(&r);
}

/* Nobody has read: the ring is full, and a reader brings it to life again */
TEST_F(stream, full_ring_at_opening)
{
	struct reader r;
	char text[32];

	at_lab_set(METIS_LAB_LOG_BURST, 400);
	ASSERT_EQ(0, reader_open(&r, LOG));
	ASSERT_TRUE(ring_empty(self->l2, 0));
	mark(text, sizeof(text), &self->marks);
	ASSERT_EQ(0, say(self->l2, text));
	EXPECT_EQ(0, reader_past(&r, text));
	reader_close(&r);
}

TEST_F(stream, several_readers)
{
	struct reader r[5];
	unsigned int first, i, k;
	char text[32];
	int n;

	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, reader_open(&r[i], LOG));
		ASSERT_TRUE(ring_empty(self->l2, 0));
		mark(text, sizeof(text), &self->marks);
		ASSERT_EQ(0, say(self->l2, text));
		for (k = 0; k <= i; k++)
			ASSERT_EQ(0, reader_past(&r[k], text));
		ASSERT_TRUE(log_lines(self->l2, 40));
		/* Some read now, the others later */
		reader_take(&r[i / 2]);
		for (k = 0; k <= i; k++)
			ASSERT_EQ(0, reader_want(&r[k], 40 * 10));
	}
	ASSERT_TRUE(log_lines(self->l2, 40));
	mark(text, sizeof(text), &self->marks);
	ASSERT_EQ(0, say(self->l2, text));
	for (i = 0; i < 5; i++) {
		/* whatever was left of the round before, then the last */
		while (r[i].len < strlen(text) ||
		       memcmp(r[i].data + r[i].len - strlen(text), text,
			      strlen(text)))
			ASSERT_EQ(0, reader_want(&r[i], r[i].len + 1))
				TH_LOG("reader %u", i);
		r[i].len -= strlen(text);
		n = lines_in_order(&r[i], &first);
		EXPECT_EQ(80, n)
			TH_LOG("reader %u", i);
		EXPECT_EQ(r[0].len, r[i].len);
		EXPECT_EQ(0, memcmp(r[0].data, r[i].data, r[i].len));
	}
	/* One goes, the others stay */
	reader_close(&r[0]);
	reader_close(&r[3]);
	mark(text, sizeof(text), &self->marks);
	ASSERT_EQ(0, say(self->l2, text));
	for (i = 1; i < 5; i++) {
		if (i == 3)
			continue;
		EXPECT_EQ(0, reader_past(&r[i], text));
		reader_close(&r[i]);
	}
}

TEST_F(stream, many_readers)
{
	struct reader r[40];
	char text[32];
	int i;

	for (i = 0; i < 40; i++)
		ASSERT_EQ(0, reader_open(&r[i], i % 2 ? LOG : TRACE));
	ASSERT_TRUE(ring_empty(self->l2, 0));
	mark(text, sizeof(text), &self->marks);
	ASSERT_EQ(0, say(self->l2, text));
	for (i = 1; i < 40; i += 2)
		EXPECT_EQ(0, reader_past(&r[i], text));
	for (i = 0; i < 40; i++)
		reader_close(&r[i]);
}

/* ---- calls ---- */

TEST_F(stream, sources)
{
	static const uint32_t none[] = { 2, 5, 12, 83, 255, 256, 65536, ~0U,
					 0x80000000 };
	struct reader r;
	uint8_t byte;
	size_t i;

	for (i = 0; i < at_array_size(none); i++) {
		if (none[i] < 256) {
			/* firmware that is loaded later may have it */
			EXPECT_EQ(0, reader_open(&r, none[i]));
			EXPECT_EQ(-1, read(r.fd, &byte, 1));
			EXPECT_EQ(EAGAIN, errno);
			EXPECT_EQ(0, vy_polled(r.fd, 0));
			/* what asks firmware to do something knows better */
			EXPECT_REFUSED(vy_stream(r.fd, VY_STREAM_ENABLE,
						 none[i]));
			reader_close(&r);
		} else {
			EXPECT_REFUSED(vy_stream(self->t.fd, VY_STREAM_OPEN,
						 none[i]));
		}
		EXPECT_REFUSED(vy_stream(self->t.fd, VY_STREAM_ENABLE, none[i]));
		EXPECT_REFUSED(vy_stream(self->t.fd, VY_STREAM_DISABLE, none[i]));
		EXPECT_REFUSED(vy_stream(self->t.fd, VY_STREAM_RESET, none[i]));
	}
	/* A file that failed to become a reader is none */
	EXPECT_REFUSED(read(self->t.fd, &byte, 1) < 0 ? -errno : 0);
	ASSERT_EQ(0, reader_open(&r, LOG));
	EXPECT_REFUSED(vy_stream(r.fd, VY_STREAM_OPEN, 77));
	EXPECT_EQ(0, vy_stream(r.fd, VY_STREAM_CLOSE, 0));
	EXPECT_REFUSED(read(r.fd, &byte, 1) < 0 ? -errno : 0);
	/* and can become one again, of another source */
	EXPECT_EQ(0, vy_stream(r.fd, VY_STREAM_OPEN, TRACE));
	EXPECT_EQ(0, vy_stream(r.fd, VY_STREAM_CLOSE, 0));
	EXPECT_EQ(0, vy_stream(r.fd, VY_STREAM_OPEN, LOG));
	reader_close(&r);
}

struct blocked {
	pthread_t thread;
	volatile bool ended;
	int fd;
	ssize_t n;
	int err;
	char buf[256];
};

static void *block(void *arg)
{
	struct blocked *b = arg;

	b->n = read(b->fd, b->buf, sizeof(b->buf));
	b->err = errno;
	b->ended = true;
	return NULL;
}

TEST_F(stream, read_call)
{
	struct blocked b = { };
	struct reader r;
	char text[32], *hole;
	size_t page = at_page_size();

	hole = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, hole);
	munmap(hole + page, page);
	at_catch_signal(SIGUSR1);
	ASSERT_EQ(0, reader_open(&r, LOG));
	ASSERT_TRUE(ring_empty(self->l2, 0));
	at_sleep_ms(50);
	reader_take(&r);
	EXPECT_EQ(-1, read(r.fd, text, sizeof(text)));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(0, vy_polled(r.fd, 0));

	/* Blocked: by a signal, then by data */
	fcntl(r.fd, F_SETFL, 0);
	b.fd = r.fd;
	ASSERT_EQ(0, pthread_create(&b.thread, NULL, block, &b));
	at_sleep_ms(100);
	pthread_kill(b.thread, SIGUSR1);
	pthread_join(b.thread, NULL);
	EXPECT_EQ(-1, b.n);
	EXPECT_EQ(EINTR, b.err);
	ASSERT_EQ(0, pthread_create(&b.thread, NULL, block, &b));
	at_sleep_ms(100);
	ASSERT_EQ(0, say(self->l2, "0123456789"));
	pthread_join(b.thread, NULL);
	EXPECT_LE(1, b.n);
	EXPECT_EQ('0', b.buf[0]);
	fcntl(r.fd, F_SETFL, O_NONBLOCK);
	at_sleep_ms(50);
	reader_take(&r);

	/* A bad address is the caller's mistake and costs no data */
	ASSERT_EQ(0, say(self->l2, "abcdefghij"));
	EXPECT_EQ(POLLIN, vy_polled(r.fd, 10000) & POLLIN);
	EXPECT_EQ(0, read(r.fd, text, 0));
	EXPECT_EQ(-1, read(r.fd, hole + page, 4));
	EXPECT_EQ(EFAULT, errno);
	/* in pieces */
	EXPECT_EQ(1, read(r.fd, text, 1));
	EXPECT_EQ('a', text[0]);
	EXPECT_EQ(3, read(r.fd, text, 3));
	EXPECT_EQ(0, memcmp(text, "bcd", 3));
	EXPECT_EQ(POLLIN, vy_polled(r.fd, 0) & POLLIN);
	EXPECT_EQ(6, read(r.fd, text, sizeof(text)));
	EXPECT_EQ(0, memcmp(text, "efghij", 6));
	EXPECT_EQ(0, vy_polled(r.fd, 0));
	munmap(hole, page);
	reader_close(&r);
}

/* One poll() for both kinds of news */
TEST_F(stream, reader_and_events)
{
	struct reader r;

	ASSERT_EQ(0, reader_open(&r, LOG));
	ASSERT_TRUE(ring_empty(self->l2, 0));
	at_sleep_ms(50);
	reader_take(&r);
	ASSERT_EQ(0, vy_attach_msi(r.fd, 2));
	EXPECT_EQ(0, vy_polled(r.fd, 0));
	at_lab_set(METIS_LAB_RAISE, 2);
	EXPECT_EQ(POLLIN, vy_polled(r.fd, 10000) & POLLIN);
	EXPECT_EQ(1, vy_consume(r.fd));
	while (vy_consume(r.fd) == 1)
		;
	EXPECT_EQ(0, vy_polled(r.fd, 0));
	ASSERT_EQ(0, say(self->l2, "x"));
	EXPECT_EQ(POLLIN, vy_polled(r.fd, 10000) & POLLIN);
	EXPECT_EQ(0, reader_want(&r, r.len + 1));
	reader_close(&r);
}

TEST_F(stream, enabled_bit)
{
	uint32_t before = *field(self->l2, 1, REG), log = *field(self->l2, 0, REG);

	ASSERT_EQ(0, vy_stream(self->t.fd, VY_STREAM_ENABLE, TRACE));
	EXPECT_EQ(REG_ENABLED | METIS_EMU_TRACE_VMSI, *field(self->l2, 1, REG));
	ASSERT_EQ(0, vy_stream(self->t.fd, VY_STREAM_ENABLE, TRACE));
	EXPECT_EQ(REG_ENABLED | METIS_EMU_TRACE_VMSI, *field(self->l2, 1, REG));
	EXPECT_EQ(log, *field(self->l2, 0, REG));
	ASSERT_EQ(0, vy_stream(self->t.fd, VY_STREAM_DISABLE, TRACE));
	EXPECT_EQ(METIS_EMU_TRACE_VMSI, *field(self->l2, 1, REG));
	ASSERT_EQ(0, vy_stream(self->t.fd, VY_STREAM_DISABLE, LOG));
	EXPECT_EQ(METIS_EMU_LOG_VMSI, *field(self->l2, 0, REG));
	ASSERT_EQ(0, vy_stream(self->t.fd, VY_STREAM_ENABLE, LOG));
	EXPECT_EQ(REG_ENABLED | METIS_EMU_LOG_VMSI, *field(self->l2, 0, REG));
	EXPECT_EQ(0, before & REG_ENABLED);
}

TEST_F(stream, statistics)
{
	struct vy_stream_stats s, s0;
	struct reader r, other;
	char text[32];
	size_t n;

	EXPECT_REFUSED(vy_call(self->t.fd, VY_STREAM_STATS, &s));
	ASSERT_EQ(0, reader_open(&r, LOG));
	ASSERT_TRUE(ring_empty(self->l2, 0));
	at_sleep_ms(50);
	reader_take(&r);
	ASSERT_EQ(0, vy_call(r.fd, VY_STREAM_STATS, &s0));
	EXPECT_EQ(0, s0.available);
	EXPECT_EQ(0, s0.overruns);
	ASSERT_EQ(0, reader_open(&other, LOG));
	mark(text, sizeof(text), &self->marks);
	n = strlen(text);
	ASSERT_EQ(0, say(self->l2, text));
	EXPECT_EQ(POLLIN, vy_polled(r.fd, 10000) & POLLIN);
	EXPECT_EQ(POLLIN, vy_polled(other.fd, 10000) & POLLIN);
	ASSERT_EQ(0, vy_call(r.fd, VY_STREAM_STATS, &s));
	EXPECT_EQ(n, s.available);
	EXPECT_EQ(n, s.total - s0.total);
	EXPECT_EQ(1, read(r.fd, text, 1));
	ASSERT_EQ(0, vy_call(r.fd, VY_STREAM_STATS, &s));
	EXPECT_EQ(n - 1, s.available);
	EXPECT_EQ(n, s.total - s0.total);
	EXPECT_EQ(0, s.overruns);
	/* each reader its own */
	ASSERT_EQ(0, vy_call(other.fd, VY_STREAM_STATS, &s));
	EXPECT_EQ(n, s.available);
	reader_close(&r);
	reader_close(&other);
}

TEST_F(stream, reset)
{
	struct vy_stream_stats s;
	struct reader r, other;
	char text[32];

	ASSERT_EQ(0, reader_open(&r, LOG));
	ASSERT_EQ(0, reader_open(&other, LOG));
	ASSERT_TRUE(ring_empty(self->l2, 0));
	mark(text, sizeof(text), &self->marks);
	ASSERT_EQ(0, say(self->l2, text));
	/* What is in the ring goes to the others, all of it is gone here */
	ASSERT_EQ(0, vy_stream(r.fd, VY_STREAM_RESET, LOG));
	ASSERT_EQ(0, vy_call(r.fd, VY_STREAM_STATS, &s));
	EXPECT_EQ(0, s.available);
	EXPECT_EQ(0, vy_polled(r.fd, 100));
	EXPECT_EQ(0, reader_past(&other, text));
	/* and it goes on from there */
	mark(text, sizeof(text), &self->marks);
	ASSERT_EQ(0, say(self->l2, text));
	ASSERT_EQ(0, reader_want(&r, strlen(text)));
	EXPECT_EQ(0, memcmp(r.data, text, strlen(text)));
	/* Who reads it loses nothing to one who does not */
	mark(text, sizeof(text), &self->marks);
	ASSERT_EQ(0, say(self->l2, text));
	EXPECT_EQ(0, vy_stream(self->t.fd, VY_STREAM_RESET, LOG));
	EXPECT_EQ(*field(self->l2, 0, WRITE_POS), *field(self->l2, 0, READ_POS));
	EXPECT_EQ(0, reader_past(&r, text));
	EXPECT_EQ(0, reader_past(&other, text));
	reader_close(&r);
	reader_close(&other);
}

/* A stream that nobody reads, by one who reads another or none */
TEST_F(stream, reset_unread)
{
	struct reader log, r;
	uint64_t at;
	int i;

	ASSERT_EQ(0, reader_open(&log, LOG));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(1000, trace(self->l2, 1000, &at));
		EXPECT_NE(*field(self->l2, 1, WRITE_POS),
			  *field(self->l2, 1, READ_POS));
		EXPECT_EQ(0, vy_stream(i ? log.fd : self->t.fd, VY_STREAM_RESET,
				       TRACE));
		EXPECT_EQ(*field(self->l2, 1, WRITE_POS),
			  *field(self->l2, 1, READ_POS));
		/* The next one begins with what comes next */
		ASSERT_EQ(100, trace(self->l2, 100, &at));
		ASSERT_EQ(0, reader_open(&r, TRACE));
		ASSERT_EQ(0, reader_want(&r, 100));
		EXPECT_EQ(100, r.len);
		EXPECT_EQ(trace_byte(at), r.data[0]);
		reader_close(&r);
	}
	reader_close(&log);
}

/* What waits for its first reader is not lost to a file that reads another */
TEST_F(stream, one_stream_a_file)
{
	struct reader log, r;
	uint64_t at;

	ASSERT_EQ(0, vy_stream(self->t.fd, VY_STREAM_RESET, TRACE));
	ASSERT_EQ(1000, trace(self->l2, 1000, &at));
	ASSERT_EQ(0, reader_open(&log, LOG));
	EXPECT_EQ(-EBUSY, vy_stream(log.fd, VY_STREAM_OPEN, TRACE));
	ASSERT_EQ(0, reader_open(&r, TRACE));
	ASSERT_EQ(0, reader_want(&r, 1000));
	EXPECT_EQ(1000, r.len);
	EXPECT_EQ(trace_byte(at), r.data[0]);
	reader_close(&r);
	reader_close(&log);
}

/* The SDK's programs may be there before firmware is */
TEST_F_TIMEOUT(stream, before_firmware, 60)
{
	struct reader r;
	char byte;

	ASSERT_EQ(0, at_cure(self->t.fd));
	ASSERT_EQ(0, reader_open(&r, LOG));
	EXPECT_EQ(-1, read(r.fd, &byte, 1));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(0, vy_polled(r.fd, 0));
	EXPECT_REFUSED(vy_stream(self->t.fd, VY_STREAM_ENABLE, LOG));
	EXPECT_REFUSED(vy_stream(self->t.fd, VY_STREAM_RESET, LOG));
	ASSERT_EQ(0, at_fw_run(self->t.fd));
	ASSERT_EQ(0, say(self->l2, "firmware has started"));
	EXPECT_EQ(0, reader_past(&r, "firmware has started"));
	reader_close(&r);
}

/* ---- being woken ---- */

/* How long until a reader hears of what firmware writes now */
static uint64_t hears_after(struct __test_metadata *_metadata,
			    volatile uint8_t *l2, struct reader *r,
			    uint32_t source)
{
	uint64_t start, at;

	/* as long after the last news each time: who looks by the clock waits */
	at_sleep_ms(5);
	start = at_now();
	if (source == LOG)
		at_lab_set(METIS_LAB_LOG_BURST, 1);
	else
		EXPECT_EQ(100, trace(l2, 100, &at));
	EXPECT_EQ(POLLIN, vy_polled(r->fd, 10000) & POLLIN);
	start = at_now() - start;
	EXPECT_LE(1, reader_take(r));
	return start;
}

#define WAKES		7

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/*
 * What is announced comes sooner than what is not, which is found by the slow
 * look: the one in the middle of several, for the board has its pauses.
 */
TEST_F_TIMEOUT(stream, woken_by_its_interrupt, 60)
{
	static const struct {
		const char *name;
		uint32_t source, vmsi;
	} rows[] = {
		{ "log", LOG, METIS_EMU_LOG_VMSI },
		{ "trace", TRACE, METIS_EMU_TRACE_VMSI },
	};
	uint64_t took[2][WAKES], woken, looked;
	struct reader r;
	unsigned int i, k, on;

	if (at_silent(&self->t.q))
		SKIP(return, "no messages arrive here");
	for (k = 0; k < at_array_size(rows); k++) {
		ASSERT_EQ(0, reader_open(&r, rows[k].source));
		ASSERT_TRUE(ring_empty(self->l2, k));
		at_sleep_ms(50);
		reader_take(&r);
		for (i = 0; i < 2 * WAKES; i++) {
			on = i % 2;
			ASSERT_EQ(0, vy_stream(r.fd, on ? VY_STREAM_ENABLE :
							  VY_STREAM_DISABLE,
					       rows[k].source));
			took[on][i / 2] = hears_after(_metadata, self->l2, &r,
						      rows[k].source);
		}
		for (on = 0; on < 2; on++)
			qsort(took[on], WAKES, sizeof(took[on][0]), by_size);
		looked = took[0][WAKES / 2];
		woken = took[1][WAKES / 2];
		at_msg("%s: announced %llu us (%llu at most), else %llu us; %u slots looked at",
		       rows[k].name, (unsigned long long)woken / 1000,
		       (unsigned long long)took[1][WAKES - 1] / 1000,
		       (unsigned long long)looked / 1000, self->t.q.nr_vmsi);
		EXPECT_LT(looked, AT_SEC(3));
		/* a slot that firmware does not tell of is looked at by nobody */
		if (self->t.q.nr_vmsi > rows[k].vmsi) {
			EXPECT_LT(2 * woken, looked);
		} else {
			EXPECT_LT(woken, AT_SEC(3));
		}
		reader_close(&r);
	}
	/* as firmware begins */
	EXPECT_EQ(0, vy_stream(self->t.fd, VY_STREAM_ENABLE, LOG));
	EXPECT_EQ(0, vy_stream(self->t.fd, VY_STREAM_DISABLE, TRACE));
}

/* A lost message, or a stream that announces nothing: late, but not never */
TEST_F(stream, not_announced)
{
	struct reader r;
	uint64_t at;

	ASSERT_EQ(0, reader_open(&r, LOG));
	ASSERT_TRUE(ring_empty(self->l2, 0));
	at_sleep_ms(50);
	reader_take(&r);
	at_lab_set(METIS_LAB_LOSE_KINDS, METIS_LAB_LOSE_PMSI |
		   METIS_LAB_LOSE_VMSI);
	at_lab_set(METIS_LAB_LOSE_MSGS, 2);
	at_lab_set(METIS_LAB_LOG_BURST, 1);
	EXPECT_EQ(POLLIN, vy_polled(r.fd, 10000) & POLLIN);
	at_lab_set(METIS_LAB_UNDO, 1);
	reader_close(&r);

	ASSERT_EQ(0, reader_open(&r, TRACE));
	/* Taken: a reader does not enable; if it does, so much the better */
	vy_stream(r.fd, VY_STREAM_DISABLE, TRACE);
	EXPECT_EQ(1000, trace(self->l2, 1000, &at));
	EXPECT_EQ(0, reader_want(&r, 1000));
	reader_close(&r);
}

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

/* Firmware's again */
static int rings_back(int fd)
{
	/* It was us who wrote these */
	at_lab_set(METIS_LAB_POLICE_RESET, 1);
	at_lab_set(METIS_LAB_HOSTILE, METIS_HOSTILE_STREAM_NAME);
	at_lab_set(METIS_LAB_HOSTILE, METIS_HOSTILE_OFF);
	return vy_call(fd, VY_DYNMEM_LOAD, NULL);
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

struct fast {
	pthread_t thread;
	struct reader r;
	volatile bool stop;
	int err;
};

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
	*l2 = vy_map_l2(t->fd, t);
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

/* ---- firmware that writes nonsense ---- */

TEST_F_TIMEOUT(stream, hostile, 120)
{
	static const enum metis_lab_hostile kinds[] = {
		METIS_HOSTILE_STREAM_COUNT, METIS_HOSTILE_STREAM_INDEX,
		METIS_HOSTILE_STREAM_POS, METIS_HOSTILE_STREAM_CAPACITY,
		METIS_HOSTILE_STREAM_EMPTY, METIS_HOSTILE_STREAM_RING,
		METIS_HOSTILE_STREAM_NAME, METIS_HOSTILE_REF_OFFSET,
		METIS_HOSTILE_REF_SIZE_WRAP, METIS_HOSTILE_REF_MISALIGNED,
		METIS_HOSTILE_REF_ONES, METIS_HOSTILE_REF_EMPTY,
		METIS_HOSTILE_SHARED_ONES, METIS_HOSTILE_SHARED_ZERO,
		METIS_HOSTILE_FLIPPING, METIS_HOSTILE_RANDOM,
	};
	struct vy_stream_stats s;
	struct reader old[2], r;
	unsigned int i, k;
	uint64_t start;
	char text[32];

	self->t.flags |= AT_PROVOKES_POLICE | AT_PROVOKES_SILENCE;
	for (i = 0; i < at_array_size(kinds); i++) {
		for (k = 0; k < 2; k++)
			ASSERT_EQ(0, reader_open(&old[k], k ? TRACE : LOG))
				TH_LOG("before kind %d", kinds[i]);
		start = at_now();
		at_lab_set(METIS_LAB_HOSTILE_SEED, 0x1234 + i);
		at_lab_set(METIS_LAB_HOSTILE, kinds[i]);
		for (k = 0; k < 2; k++) {
			uint32_t source = k ? TRACE : LOG;

			/* Whatever it answers, it answers */
			if (!reader_open(&r, source))
				reader_take(&r);
			at_lab_set(METIS_LAB_LOG_BURST, 5);
			vy_stream(r.fd, VY_STREAM_ENABLE, source);
			at_sleep_ms(20);
			vy_polled(r.fd, 0);
			if (!vy_call(r.fd, VY_STREAM_STATS, &s)) {
				EXPECT_GE(256 * MIB, s.available);
			}
			vy_stream(r.fd, VY_STREAM_RESET, source);
			vy_stream(r.fd, VY_STREAM_DISABLE, source);
			reader_close(&r);
			/* an endless amount of nonsense is one, too */
			EXPECT_GT((ssize_t)(64 * MIB), reader_take(&old[k]));
		}
		/* Once more with what the driver reads anew */
		vy_call(self->t.fd, VY_DYNMEM_LOAD, NULL);
		for (k = 0; k < 2; k++) {
			if (!reader_open(&r, k ? TRACE : LOG))
				reader_take(&r);
			at_lab_set(METIS_LAB_LOG_BURST, 5);
			at_sleep_ms(10);
			reader_close(&r);
			reader_close(&old[k]);
		}
		EXPECT_LT(at_now() - start, AT_SEC(20))
			TH_LOG("kind %d", kinds[i]);

		/* Honest again: all is well for who comes now */
		at_lab_set(METIS_LAB_HOSTILE, METIS_HOSTILE_OFF);
		EXPECT_EQ(0, vy_call(self->t.fd, VY_DYNMEM_LOAD, NULL))
			TH_LOG("after kind %d", kinds[i]);
		ASSERT_EQ(0, reader_open(&r, LOG))
			TH_LOG("after kind %d", kinds[i]);
		EXPECT_TRUE(ring_empty(self->l2, 0));
		mark(text, sizeof(text), &self->marks);
		ASSERT_EQ(0, say(self->l2, text));
		EXPECT_EQ(0, reader_past(&r, text))
			TH_LOG("after kind %d", kinds[i]);
		reader_close(&r);
	}
}

/* Positions that change under the driver's eyes */
TEST_F_TIMEOUT(stream, positions_jump, 60)
{
	static const uint32_t values[] = { 2048, 2047, 0, ~0U, 0x7fffffff, 5000,
					   1, 0x40000, 0x3ffff, 0x80000000 };
	uint64_t end = at_now() + AT_SEC(3);
	struct reader r[2];
	unsigned int i = 0;
	char text[32];

	self->t.flags |= AT_PROVOKES_POLICE;
	ASSERT_EQ(0, reader_open(&r[0], LOG));
	ASSERT_EQ(0, reader_open(&r[1], TRACE));
	while (at_now() < end) {
		uint32_t v = values[i % at_array_size(values)];

		*field(self->l2, i & 1, i & 2 ? WRITE_POS : READ_POS) = v;
		at_lab_set(METIS_LAB_RAISE, i & 1 ? METIS_EMU_TRACE_VMSI :
						    METIS_EMU_LOG_VMSI);
		at_sleep_ms(3);
		reader_take(&r[0]);
		reader_take(&r[1]);
		r[0].len = r[1].len = 0;
		i++;
	}
	reader_close(&r[0]);
	reader_close(&r[1]);
	/* It was us who wrote these */
	at_lab_set(METIS_LAB_POLICE_RESET, 1);
	/* Republish */
	at_lab_set(METIS_LAB_HOSTILE, METIS_HOSTILE_STREAM_NAME);
	at_lab_set(METIS_LAB_HOSTILE, METIS_HOSTILE_OFF);
	ASSERT_EQ(0, vy_call(self->t.fd, VY_DYNMEM_LOAD, NULL));
	ASSERT_EQ(0, reader_open(&r[0], LOG));
	EXPECT_TRUE(ring_empty(self->l2, 0));
	mark(text, sizeof(text), &self->marks);
	ASSERT_EQ(0, say(self->l2, text));
	EXPECT_EQ(0, reader_past(&r[0], text));
	reader_close(&r[0]);
}

/* ---- restarts, loss, ends ---- */

TEST_F_TIMEOUT(stream, over_a_restart, 60)
{
	uint64_t gen = self->t.q.generation;
	struct reader r, fresh;
	short events;
	int i;

	ASSERT_EQ(0, reader_open(&r, LOG));
	for (i = 0; i < 2; i++) {
		at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_RUNTIME);
		ASSERT_EQ(0, vy_settle(self->t.fd, gen));
		gen = at_generation(self->t.fd);
		ASSERT_EQ(0, vy_call(self->t.fd, VY_DYNMEM_LOAD, NULL));
		ASSERT_EQ(0, reader_open(&fresh, LOG));
		EXPECT_TRUE(ring_empty(self->l2, 0));
		ASSERT_EQ(0, say(self->l2, "after the restart"));
		EXPECT_EQ(0, reader_past(&fresh, "after the restart"));
		reader_close(&fresh);
		/* The old one goes on, or knows that it does not */
		events = vy_polled(r.fd, 0);
		if (events & POLLHUP) {
			at_msg("a restart ends readers");
			reader_close(&r);
			ASSERT_EQ(0, reader_open(&r, LOG));
		} else {
			EXPECT_EQ(0, reader_past(&r, "after the restart"));
		}
	}
	reader_close(&r);
}

/*
 * Firmware restarts while bytes are on their way, and nobody has noticed: the
 * next one is not told that they were taken, wherever its positions are.
 */
TEST_F_TIMEOUT(stream, unseen_restart, 60)
{
	uint64_t gen = self->t.q.generation, at;
	struct reader r;
	int i;

	/* The second time from where the next firmware begins, too */
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, reader_open(&r, TRACE));
		if (!i) {
			ASSERT_EQ(5000, trace(self->l2, 5000, &at));
		}
		ASSERT_TRUE(ring_empty(self->l2, 1));
		at_lab_set(METIS_LAB_FREEZE, 1);
		ASSERT_EQ(9000, trace(self->l2, 9000, &at));
		at_sleep_ms(150);
		at_lab_set(METIS_LAB_LOSE_KINDS, METIS_LAB_LOSE_PMSI |
			   METIS_LAB_LOSE_VMSI);
		at_lab_set(METIS_LAB_LOSE_MSGS, 2);
		at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_WARM);
		at_lab_set(METIS_LAB_FREEZE, 0);
		at_sleep_ms(50);
		at_lab_set(METIS_LAB_UNDO, 1);
		at_lab_set(METIS_LAB_RAISE_PMSI, AXL_EVENT_MESSAGE);
		ASSERT_EQ(0, vy_settle(self->t.fd, gen));
		gen = at_generation(self->t.fd);
		ASSERT_EQ(0, vy_call(self->t.fd, VY_DYNMEM_LOAD, NULL));
		reader_close(&r);
		EXPECT_EQ(0, at_lab_get(METIS_LAB_POLICE_KIND +
					4 * METIS_POLICE_STREAM_POS));
	}
}

TEST_F_TIMEOUT(stream, link_lost, 60)
{
	struct blocked b = { };
	struct reader r;
	uint64_t end;
	short events;
	char byte;

	at_catch_signal(SIGUSR1);
	ASSERT_EQ(0, reader_open(&r, LOG));
	ASSERT_TRUE(ring_empty(self->l2, 0));
	at_sleep_ms(50);
	reader_take(&r);
	b.fd = at_open();
	ASSERT_GE(b.fd, 0);
	ASSERT_EQ(0, vy_stream(b.fd, VY_STREAM_OPEN, TRACE));
	/* what its ring held */
	fcntl(b.fd, F_SETFL, O_NONBLOCK);
	at_sleep_ms(50);
	while (read(b.fd, b.buf, sizeof(b.buf)) > 0)
		;
	fcntl(b.fd, F_SETFL, 0);
	ASSERT_EQ(0, pthread_create(&b.thread, NULL, block, &b));
	munmap((void *)self->l2, self->t.q.bar2_size);
	self->l2 = NULL;
	at_lab_set(METIS_LAB_DIE, METIS_LAB_DIE_LINK);
	end = at_now() + AT_SEC(20);
	do {
		events = vy_polled(r.fd, 500);
	} while (!(events & POLLHUP) && at_now() < end);
	EXPECT_EQ(POLLHUP, events & POLLHUP);
	while (!b.ended && at_now() < end)
		at_sleep_ms(10);
	EXPECT_TRUE(b.ended)
		TH_LOG("a blocked read() knows nothing of it");
	if (!b.ended)
		pthread_kill(b.thread, SIGUSR1);
	pthread_join(b.thread, NULL);
	EXPECT_TRUE(!b.n || (b.n < 0 && (b.err == ENODEV || b.err == EIO)))
		TH_LOG("read() gave %zd, errno %d", b.n, b.err);
	EXPECT_TRUE(read(r.fd, &byte, 1) <= 0);
	close(b.fd);
	reader_close(&r);
	EXPECT_EQ(0, vy_revive(&self->t));
}

TEST_F_TIMEOUT(stream, removed, 60)
{
	struct reader r;
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, reader_open(&r, LOG));
		at_lab_set(METIS_LAB_LOG_BURST, 10);
		ASSERT_EQ(0, at_pci_remove(&self->t.pci));
		EXPECT_EQ(POLLHUP, vy_polled(r.fd, 10000) & POLLHUP);
		reader_take(&r);
		EXPECT_EQ(-1, read(r.fd, r.data, 1));
		EXPECT_EQ(ENODEV, errno);
		ASSERT_EQ(0, at_pci_rescan());
		/* An old file is no way to a new card */
		EXPECT_LT(vy_stream(r.fd, VY_STREAM_OPEN, LOG), 0);
		reader_close(&r);
		close(self->t.fd);
		self->t.fd = at_open();
		ASSERT_GE(self->t.fd, 0);
		ASSERT_EQ(0, at_fw_run(self->t.fd));
	}
}

static void *come_and_go(void *arg)
{
	struct fast *f = arg;
	unsigned int i = 0;

	while (!f->stop) {
		f->err = reader_open(&f->r, i++ % 2 ? LOG : TRACE);
		if (f->err)
			break;
		reader_take(&f->r);
		reader_close(&f->r);
	}
	return NULL;
}

/* Readers that come and go while it flows; the one that stays misses nothing */
TEST_F_TIMEOUT(stream, come_and_go, 60)
{
	struct fast f[3] = { };
	unsigned int first, i;
	struct reader r;
	char text[32];

	ASSERT_EQ(0, reader_open(&r, LOG));
	ASSERT_TRUE(ring_empty(self->l2, 0));
	mark(text, sizeof(text), &self->marks);
	ASSERT_EQ(0, say(self->l2, text));
	ASSERT_EQ(0, reader_past(&r, text));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&f[i].thread, NULL, come_and_go,
					    &f[i]));
	for (i = 0; i < 40; i++) {
		EXPECT_TRUE(log_lines(self->l2, 25));
		reader_take(&r);
	}
	for (i = 0; i < 3; i++) {
		f[i].stop = true;
		pthread_join(f[i].thread, NULL);
		EXPECT_EQ(0, f[i].err);
	}
	mark(text, sizeof(text), &self->marks);
	ASSERT_EQ(0, say(self->l2, text));
	while (r.len < strlen(text) ||
	       memcmp(r.data + r.len - strlen(text), text, strlen(text)))
		ASSERT_EQ(0, reader_want(&r, r.len + 1));
	r.len -= strlen(text);
	EXPECT_EQ(1000, lines_in_order(&r, &first));
	reader_close(&r);
}

TEST_F_TIMEOUT(stream, leaks_nothing, 60)
{
	struct at_leak leak;
	struct reader r;
	const char *grew;
	int i;

	for (i = 0; i < 50; i++) {
		if (i == 10)
			at_leak_mark(&leak);
		ASSERT_EQ(0, reader_open(&r, i % 2 ? LOG : TRACE));
		at_lab_set(METIS_LAB_LOG_BURST, 10);
		if (i % 3 == 0)
			vy_stream(r.fd, VY_STREAM_CLOSE, 0);
		reader_close(&r);
	}
	grew = at_leak_check(&leak);
	EXPECT_EQ(NULL, grew)
		TH_LOG("in 40 rounds: %s", grew);
}

TEST_HARNESS_MAIN
