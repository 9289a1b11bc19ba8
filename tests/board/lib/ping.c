// SPDX-License-Identifier: GPL-2.0
/*
 * Talks to the emulated firmware once: puts a message into the mailbox through
 * the mapping of L2, sleeps until the reply's interrupt, compares the reply.
 * Opcodes are the emulator's own (metis_emu.h); a real card has others.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "axl.h"
#include "metis_emu.h"

#define MESSAGE		"hello, Metis"
#define REPLY_HEAD	4	/* s32 status comes first */

static int fail(const char *what)
{
	fprintf(stderr, "ping: %s: %s\n", what, strerror(errno));
	return 1;
}

int main(int argc, char **argv)
{
	static const uint32_t words[] = { 0x6c6c6568, 0x4d202c6f, 0x73697465 };
	struct axl_ioc_wait_event ev = { .event = AXL_EVENT_MAILBOX };
	volatile uint32_t *l2, *msg;
	struct axl_ioc_query q = { 0 };
	uint32_t opcode;
	size_t i;
	int fd;

	fd = open(argc > 1 ? argv[1] : "/dev/metis0", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return fail("open");
	if (ioctl(fd, AXL_IOC_QUERY, &q))
		return fail("query");
	l2 = mmap(NULL, 0x1000 > q.page_size ? 0x1000 : q.page_size,
		  PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (l2 == MAP_FAILED)
		return fail("mmap");

	/* What has been counted so far; it is the change that is waited for. */
	ev.generation = q.generation;
	ev.seen = ~0ull;
	if (ioctl(fd, AXL_IOC_WAIT_EVENT, &ev))
		return fail("event count");
	ev.seen = ev.count;

	msg = l2 + METIS_EMU_MBOX_MSG / 4;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		msg[i] = words[i];
	l2[METIS_EMU_MBOX_SIZE / 4] = sizeof(words);
	__sync_synchronize();
	l2[METIS_EMU_MBOX_OPCODE / 4] = METIS_EMU_OP_PING;

	ev.timeout_ns = 5000000000ull;
	if (ioctl(fd, AXL_IOC_WAIT_EVENT, &ev))
		return fail("waiting for the mailbox interrupt");

	opcode = l2[METIS_EMU_MBOX_OPCODE / 4];
	if (opcode != (METIS_EMU_OP_PING | METIS_EMU_OP_REPLY) ||
	    l2[METIS_EMU_MBOX_SIZE / 4] != REPLY_HEAD + sizeof(words) || msg[0]) {
		fprintf(stderr, "ping: no answer to this request: opcode 0x%x\n", opcode);
		return 1;
	}
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (msg[REPLY_HEAD / 4 + i] != words[i]) {
			fprintf(stderr, "ping: the answer differs from the question\n");
			return 1;
		}
	}
	printf("firmware answered \"%s\"; mailbox interrupts so far: %llu\n",
	       MESSAGE, (unsigned long long)ev.count);
	return 0;
}
