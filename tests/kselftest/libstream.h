/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Data streams for tests of the Voyager interface: firmware's description of them
 * in L2, lines and bytes for firmware to write, and readers that collect what
 * comes.
 */
#ifndef STREAMTEST_H
#define STREAMTEST_H

#include "libvoyager.h"

#define LOG		METIS_EMU_LOG_SOURCE
#define TRACE		METIS_EMU_TRACE_SOURCE

/* The contract's description of a stream */
#define REF		0x240
#define MAGIC		0xf0f0
#define RECORD(n)	(264 + 80 * (n))
#define READ_POS	0
#define CAPACITY	4
#define WRITE_POS	8
#define REG		12
#define RING		16
#define RING_SIZE	24
#define REG_ENABLED	(1u << 31)

/* Field @at of record @n */
volatile uint32_t *field(volatile uint8_t *l2, unsigned int n, unsigned int at);
/* Wait until the driver has taken everything out of the ring */
bool ring_empty(volatile uint8_t *l2, unsigned int n);

/* Have firmware publish its own rings again, after a test wrote into the records */
int rings_back(int fd);

/* Have firmware log @text */
int say(volatile uint8_t *l2, const char *text);
/* @n bytes more of the trace; how many were taken, and where they begin */
int64_t trace(volatile uint8_t *l2, uint32_t n, uint64_t *at);
uint8_t trace_byte(uint64_t at);
/* Lines that fit into the ring, so that none is lost before the driver sees it */
bool log_lines(volatile uint8_t *l2, unsigned int lines);
void mark(char *text, size_t size, unsigned int *marks);

struct reader {
	int fd;
	uint8_t *data;
	size_t len, room;
};

int reader_open(struct reader *r, uint32_t source);
void reader_close(struct reader *r);
/* Whatever is there; the number of bytes or -errno */
ssize_t reader_take(struct reader *r);
/* Until @len bytes are there, or nothing has come for a while */
int reader_want(struct reader *r, size_t len);
void reader_drop(struct reader *r, size_t n);
/* Drops everything up to and with @text */
int reader_past(struct reader *r, const char *text);
/* Numbered lines without a gap; how many, or -1 */
int lines_in_order(const struct reader *r, unsigned int *first);

/* One read() in a thread of its own, by block() */
struct blocked {
	pthread_t thread;
	volatile bool ended;
	int fd;
	ssize_t n;
	int err;
	char buf[256];
};

void *block(void *blocked);

#endif
