// SPDX-License-Identifier: GPL-2.0
/*
 * Data streams whose source changes under the driver: the link goes down while
 * bytes are copied, or before firmware is told of them; the stream moves to
 * another virtual interrupt. Readers get each byte once. (A link that dies while the
 * write of the read position is under way is not covered: its bytes come twice.)
 *
 * The lab takes the link down at a chosen read of L2, so these windows are hit
 * every time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libstream.h"

#define LINES		30	/* fit into the ring of the log */

FIXTURE(loss)
{
	struct at_ctx t;
	volatile uint8_t *l2;
	struct reader r;
	unsigned int marks;
};

FIXTURE_SETUP(loss)
{
	self->r.fd = -1;
	VY_BEGIN(&self->t, AT_NEEDS_RUNNING);
	self->l2 = at_map_l2(self->t.fd, &self->t);
	ASSERT_NE(NULL, self->l2);
	at_lab_set(METIS_LAB_LINK_DOWN_MS, 20);
}

FIXTURE_TEARDOWN(loss)
{
	if (self->r.fd >= 0)
		reader_close(&self->r);
	if (self->l2)
		munmap((void *)self->l2, self->t.q.bar2_size);
	AT_END(&self->t);
}

/* Offset in L2 of the byte that firmware logs after @ahead others */
static uint32_t log_place(volatile uint8_t *l2, const struct axl_ioc_query *q,
			  uint32_t ahead)
{
	uint64_t ring = *field(l2, 0, RING) |
			(uint64_t)*field(l2, 0, RING + 4) << 32;

	return ring - q->l2_base + (*field(l2, 0, WRITE_POS) + ahead) %
				   *field(l2, 0, CAPACITY);
}

/* Bytes of the lines that a burst of the lab writes */
static uint32_t burst_length(unsigned int first, unsigned int lines)
{
	uint32_t length = 0;

	while (lines--)
		length += snprintf(NULL, 0, "log line %u\n", first++);
	return length;
}

/* The link has gone down where it was to; asked of the lab, not of the card */
static bool dropped(void)
{
	uint64_t end = at_now() + AT_SOON;

	while (at_lab_get(METIS_LAB_DROP_READ)) {
		if (at_now() > end)
			return false;
		at_sleep_ms(1);
	}
	return true;
}

/* Until the ring begins anew, so that what comes lies in one piece */
static int ring_begin(volatile uint8_t *l2)
{
	uint32_t size = *field(l2, 0, CAPACITY), end = *field(l2, 0, WRITE_POS);
	uint64_t until = at_now() + AT_SOON;
	char text[128];
	int err = 0;

	memset(text, '.', sizeof(text));
	while (!err && end) {
		uint32_t some = size - end;

		if (some > sizeof(text) - 1)
			some = sizeof(text) - 1;
		text[some] = '\0';
		err = say(l2, text);
		text[some] = '.';
		if (!err && !ring_empty(l2, 0))
			err = -ETIMEDOUT;
		end = *field(l2, 0, WRITE_POS);
		if (!err && end && at_now() > until)
			err = -ETIMEDOUT;
	}
	return err;
}

/*
 * Lines lie in the ring when a reader is about to take them, and the link goes
 * down @skip reads of L2 after that of the last byte. 0: bytes are all ones. 1: so
 * is firmware's read position. 2: so is its write position.
 */
static void lines_over_a_loss(struct __test_metadata *_metadata,
			      FIXTURE_DATA(loss) *self, uint32_t skip)
{
	uint64_t gen = at_generation(self->t.fd);
	uint32_t bounces = at_lab_get(METIS_LAB_LINK_BOUNCES);
	struct reader *r = &self->r;
	unsigned int line, first;
	uint32_t length;
	char text[32];
	int n;

	ASSERT_EQ(0, reader_open(r, LOG));
	ASSERT_TRUE(ring_empty(self->l2, 0));
	ASSERT_EQ(0, ring_begin(self->l2));
	mark(text, sizeof(text), &self->marks);
	ASSERT_EQ(0, say(self->l2, text));
	ASSERT_EQ(0, reader_past(r, text));
	at_lab_set(METIS_LAB_LOG_BURST, 1);
	ASSERT_EQ(0, reader_want(r, strlen("log line 0\n")));
	ASSERT_EQ(1, lines_in_order(r, &line));
	r->len = 0;

	/* not announced: the driver finds all lines of the burst at once */
	ASSERT_EQ(0, vy_stream(r->fd, VY_STREAM_DISABLE, LOG));
	ASSERT_TRUE(ring_empty(self->l2, 0));
	length = burst_length(line + 1, LINES);
	mark(text, sizeof(text), &self->marks);
	at_lab_set(METIS_LAB_DROP_SKIP, skip);
	at_lab_set(METIS_LAB_DROP_READ,
		   log_place(self->l2, &self->t.q, length - 1));
	at_lab_set(METIS_LAB_LOG_BURST, LINES);
	ASSERT_TRUE(dropped());
	ASSERT_EQ(0, vy_settle(self->t.fd, gen));
	EXPECT_EQ(bounces + 1, at_lab_get(METIS_LAB_LINK_BOUNCES));

	ASSERT_EQ(0, vy_stream(r->fd, VY_STREAM_ENABLE, LOG));
	ASSERT_TRUE(ring_empty(self->l2, 0));
	ASSERT_EQ(0, say(self->l2, text));
	while (r->len < strlen(text) ||
	       memcmp(r->data + r->len - strlen(text), text, strlen(text)))
		ASSERT_EQ(0, reader_want(r, r->len + 1));
	r->len -= strlen(text);
	n = lines_in_order(r, &first);
	EXPECT_EQ(LINES, n)
		TH_LOG("%zu bytes, %u were logged", r->len, length);
	EXPECT_EQ(line + 1, first);
	reader_close(r);
}

TEST_F_TIMEOUT(loss, while_bytes_are_copied, 60)
{
	lines_over_a_loss(_metadata, self, 0);
}

TEST_F_TIMEOUT(loss, before_the_read_position, 60)
{
	lines_over_a_loss(_metadata, self, 1);
}

TEST_F_TIMEOUT(loss, before_the_write_position, 60)
{
	lines_over_a_loss(_metadata, self, 2);
}

/* The first reader is told, and the next one gets what it would have got. */
TEST_F_TIMEOUT(loss, while_a_reader_begins, 60)
{
	uint64_t gen = at_generation(self->t.fd);
	unsigned int first;

	ASSERT_EQ(0, reader_open(&self->r, LOG));
	ASSERT_TRUE(ring_empty(self->l2, 0));
	ASSERT_EQ(0, ring_begin(self->l2));
	reader_close(&self->r);
	at_lab_set(METIS_LAB_LOG_BURST, 5);
	at_lab_set(METIS_LAB_DROP_SKIP, 1);
	/* the last byte that is there */
	at_lab_set(METIS_LAB_DROP_READ,
		   log_place(self->l2, &self->t.q,
			     *field(self->l2, 0, CAPACITY) - 1));
	EXPECT_EQ(-EIO, reader_open(&self->r, LOG));
	EXPECT_EQ(0, at_lab_get(METIS_LAB_DROP_READ));
	reader_close(&self->r);
	ASSERT_EQ(0, vy_settle(self->t.fd, gen));
	ASSERT_EQ(0, reader_open(&self->r, LOG));
	ASSERT_TRUE(ring_empty(self->l2, 0));
	reader_take(&self->r);
	EXPECT_EQ(5, lines_in_order(&self->r, &first));
}

/* ---- another virtual interrupt ---- */

#define WAKES		6

/* Time from the announcement by @vmsi to the news, for the quickest of several */
static uint64_t quickest(struct __test_metadata *_metadata,
			 FIXTURE_DATA(loss) *self, uint32_t vmsi)
{
	uint64_t best = ~0ULL, start, end;
	uint32_t reads;
	int i;

	for (i = 0; i < WAKES; i++) {
		/* right behind the slow look, which is then furthest away */
		reads = at_lab_get(METIS_LAB_BAR2_READS);
		end = at_now() + AT_SOON;
		while (at_lab_get(METIS_LAB_BAR2_READS) == reads &&
		       at_now() < end)
			usleep(500);
		at_sleep_ms(3);
		start = at_now();
		at_lab_set(METIS_LAB_LOG_BURST, 1);
		at_lab_set(METIS_LAB_RAISE, vmsi);
		EXPECT_EQ(POLLIN, vy_polled(self->r.fd, 10000) & POLLIN);
		if (at_now() - start < best)
			best = at_now() - start;
		EXPECT_LE(1, reader_take(&self->r));
	}
	return best;
}

/*
 * Firmware after a restart may announce a stream by another number. Without the
 * interrupt the driver finds the bytes by its look ten times a second.
 */
TEST_F_TIMEOUT(loss, another_interrupt, 60)
{
	static const uint32_t numbers[] = { 70, 77, METIS_EMU_LOG_VMSI };
	struct axl_ioc_reset reset = { };
	uint64_t took;
	size_t i;

	if (at_silent(&self->t.q))
		SKIP(return, "no messages arrive here");
	if (self->t.q.nr_vmsi <= 77)
		SKIP(return, "firmware names no slots beyond 31");
	ASSERT_EQ(0, reader_open(&self->r, LOG));
	ASSERT_TRUE(ring_empty(self->l2, 0));
	for (i = 0; i < at_array_size(numbers); i++) {
		/* not announced by firmware itself: the lab does that */
		*field(self->l2, 0, REG) = numbers[i];
		/* once as it runs, then with a new generation */
		if (i == 1)
			ASSERT_EQ(0, at_ioctl(self->t.fd, AXL_IOC_RESET,
					      &reset));
		/* the driver has looked at the record */
		at_sleep_ms(250);
		reader_take(&self->r);
		took = quickest(_metadata, self, numbers[i]);
		at_msg("interrupt %u: %llu us", numbers[i],
		       (unsigned long long)took / 1000);
		EXPECT_LT(took, AT_MSEC(50))
			TH_LOG("interrupt %u", numbers[i]);
	}
	EXPECT_EQ(0, vy_stream(self->t.fd, VY_STREAM_ENABLE, LOG));
}

TEST_HARNESS_MAIN
