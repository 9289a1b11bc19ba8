// SPDX-License-Identifier: GPL-2.0
/*
 * Data streams: every reader gets every byte from its opening on, whatever the others
 * do. The calls of a reader, how soon it is woken, and readers that come and go.
 *
 * Taken, where the description is silent: a source is a byte, and one that
 * firmware has not got may be that of the next firmware; what was in the ring at
 * the opening may come first; the total is what came for this reader since then.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "voyager_stream.h"

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

/* No reader: the ring is full, and a reader brings it to life again */
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

/* A stream without a reader, by a file that reads another or none */
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
		/* the driver does not read a slot that firmware does not announce */
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

/* ---- readers that come and go ---- */

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
