// SPDX-License-Identifier: GPL-2.0
/* Data streams: see libstream.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libstream.h"

volatile uint32_t *field(volatile uint8_t *l2, unsigned int n, unsigned int at)
{
	return (volatile uint32_t *)(l2 + vy_area(l2, REF, MAGIC) + RECORD(n) +
				     at);
}

bool ring_empty(volatile uint8_t *l2, unsigned int n)
{
	uint64_t end = at_now() + AT_SOON;

	while (*field(l2, n, READ_POS) != *field(l2, n, WRITE_POS)) {
		if (at_now() > end)
			return false;
		at_sleep_ms(1);
	}
	return true;
}

int rings_back(int fd)
{
	/* It was us who wrote these */
	at_lab_set(METIS_LAB_POLICE_RESET, 1);
	at_lab_set(METIS_LAB_HOSTILE, METIS_HOSTILE_STREAM_NAME);
	at_lab_set(METIS_LAB_HOSTILE, METIS_HOSTILE_OFF);
	return vy_call(fd, VY_DYNMEM_LOAD, NULL);
}

int say(volatile uint8_t *l2, const char *text)
{
	uint8_t reply[256];
	uint32_t n;

	return at_mailbox(l2, METIS_EMU_OP_LOG, text, strlen(text), reply, &n);
}

int64_t trace(volatile uint8_t *l2, uint32_t n, uint64_t *at)
{
	uint8_t reply[256];
	uint32_t size, taken;
	int err = at_mailbox(l2, METIS_EMU_OP_TRACE, &n, 4, reply, &size);

	if (err)
		return err;
	if (size != 16)
		return -EPROTO;
	memcpy(at, reply + 4, 8);
	memcpy(&taken, reply + 12, 4);
	return taken;
}

uint8_t trace_byte(uint64_t at)
{
	return (uint32_t)(at / 4 * METIS_EMU_TRACE_STEP) >> 8 * (at % 4);
}

int reader_open(struct reader *r, uint32_t source)
{
	int err;

	memset(r, 0, sizeof(*r));
	r->fd = at_open();
	if (r->fd < 0)
		return r->fd;
	err = vy_stream(r->fd, VY_STREAM_OPEN, source);
	fcntl(r->fd, F_SETFL, O_NONBLOCK);
	return err;
}

void reader_close(struct reader *r)
{
	close(r->fd);
	free(r->data);
	memset(r, 0, sizeof(*r));
	r->fd = -1;
}

ssize_t reader_take(struct reader *r)
{
	ssize_t n, all = 0;

	for (;;) {
		if (r->room - r->len < 65536) {
			r->room += 16 * 65536;
			r->data = realloc(r->data, r->room);
		}
		n = read(r->fd, r->data + r->len, 65536);
		if (n <= 0)
			return n < 0 && errno != EAGAIN && !all ? -errno : all;
		r->len += n;
		all += n;
	}
}

int reader_want(struct reader *r, size_t len)
{
	uint64_t end = at_now() + AT_SOON;
	ssize_t n;

	while (r->len < len) {
		if (!(vy_polled(r->fd, 100) & POLLIN)) {
			if (at_now() > end)
				return -ETIMEDOUT;
			continue;
		}
		n = reader_take(r);
		if (n < 0)
			return n;
		end = at_now() + AT_SOON;
	}
	return 0;
}

void reader_drop(struct reader *r, size_t n)
{
	memmove(r->data, r->data + n, r->len - n);
	r->len -= n;
}

int reader_past(struct reader *r, const char *text)
{
	uint64_t end = at_now() + AT_SOON;
	uint8_t *p;

	while (!r->len || !(p = memmem(r->data, r->len, text, strlen(text)))) {
		if (at_now() > end)
			return -ETIMEDOUT;
		if (vy_polled(r->fd, 100) & POLLIN)
			reader_take(r);
	}
	reader_drop(r, p + strlen(text) - r->data);
	return 0;
}

int lines_in_order(const struct reader *r, unsigned int *first)
{
	const char *p = (char *)r->data, *end = p + r->len;
	unsigned int n, count = 0;
	int used;

	while (p < end) {
		char line[64] = { };

		memcpy(line, p, end - p < 63 ? end - p : 63);
		used = 0;
		if (sscanf(line, "log line %u%n", &n, &used) != 1 || !used ||
		    line[used] != '\n')
			return -1;
		if (!count)
			*first = n;
		else if (n != *first + count)
			return -1;
		count++;
		p += used + 1;
	}
	return count;
}

bool log_lines(volatile uint8_t *l2, unsigned int lines)
{
	while (lines) {
		unsigned int n = lines < 25 ? lines : 25;

		at_lab_set(METIS_LAB_LOG_BURST, n);
		if (!ring_empty(l2, 0))
			return false;
		lines -= n;
	}
	return true;
}

void mark(char *text, size_t size, unsigned int *marks)
{
	snprintf(text, size, "<mark %u>\n", ++*marks);
}

void *block(void *arg)
{
	struct blocked *b = arg;

	b->n = read(b->fd, b->buf, sizeof(b->buf));
	b->err = errno;
	b->ended = true;
	return NULL;
}
