// SPDX-License-Identifier: GPL-2.0
/*
 * Data streams while firmware publishes nonsense or restarts, while the link is lost and
 * while the card is removed: no reader hangs or gets bytes from elsewhere, the driver
 * writes nothing that firmware must not see, and a new reader works.
 *
 * Taken, where the description is silent: after a restart of firmware a reader goes
 * on or is told (EPOLLHUP), and a new one works.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "voyager_stream.h"

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
	ASSERT_EQ(0, rings_back(self->t.fd));
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
 * Firmware restarts while bytes are on their way, and the driver has not noticed: the
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

TEST_HARNESS_MAIN
