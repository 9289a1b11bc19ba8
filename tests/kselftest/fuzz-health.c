// SPDX-License-Identifier: GPL-2.0
/*
 * After a program of the fuzzer the card and both interfaces work: firmware runs,
 * data moves, events arrive, and nothing that a killed process had is still taken.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fuzz.h"

static const char *await_card(int fd)
{
	/* a card that was given up is tried again after ten seconds */
	uint64_t end = at_now() + AT_SEC(40) * slow_factor();
	static char text[96];
	struct axl_ioc_query q = { };
	int err, load = 0, tries = 100;

	/* firmware that was made to hang needs a push of the button */
	while (at_lab_get(METIS_LAB_FW_STATE) == METIS_EMU_STARTING && tries--)
		at_sleep_ms(20);
	if (tries < 0)
		at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_BOOTLOADER);
	for (;;) {
		err = at_query(fd, &q);
		if (!err && q.fw_state == AXL_FW_RUNNING)
			return NULL;
		/* another thread may do it; a start that was under way goes on */
		if (!err && (q.fw_state == AXL_FW_BOOTLOADER ||
			     q.fw_state == AXL_FW_NONE))
			load = at_fw_run(fd);
		else
			at_sleep_ms(20);
		if (at_now() < end)
			continue;
		snprintf(text, sizeof(text),
			 "the card does not come back: errno %d, state %u of %u, load %d",
			 -err, q.fw_state, at_lab_get(METIS_LAB_FW_STATE), load);
		return text;
	}
}

static const char *move_some(int fd, uint64_t pattern)
{
	struct axl_ioc_buf_register reg;
	const char *why = NULL;
	struct at_mem m;
	int err, try;

	if (at_mem_alloc(&m, AT_PLAIN, 256 * KIB))
		return "no memory";
	err = at_register(fd, m.p, m.size, AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE,
			  &reg);
	if (err) {
		at_mem_free(&m);
		return "a buffer cannot be registered";
	}
	/* what was under way when the program ended may still raise it */
	for (try = 0; try < 5; try++) {
		at_fill(m.p, m.size, pattern, 0);
		err = at_move(fd, reg.handle, AXL_TO_DEVICE, 0,
			      at_scratch_l2(&card), m.size);
		memset(m.p, 0, m.size);
		if (!err)
			err = at_move(fd, reg.handle, AXL_FROM_DEVICE, 0,
				      at_scratch_l2(&card), m.size);
		if (err != -ESTALE)
			break;
		at_sleep_ms(200);
	}
	if (err) {
		at_msg("%s", strerror(-err));
		why = "a good transfer fails";
	} else if (at_check(m.p, m.size, pattern, 0) >= 0) {
		why = "a good transfer moves something else";
	}
	at_release(fd, reg.handle);
	at_mem_free(&m);
	return why;
}

static const char *hear_events(int fd)
{
	struct axl_ioc_event_fd bind = { .event = 40 };
	struct pollfd p = { .events = POLLIN };
	const char *why = NULL;

	p.fd = eventfd(0, EFD_CLOEXEC);
	bind.fd = p.fd;
	if (at_ioctl(fd, AXL_IOC_EVENT_FD, &bind))
		why = "an eventfd cannot be bound";
	at_lab_set(METIS_LAB_RAISE, 40);
	if (!why && poll(&p, 1, 10000) != 1)
		why = "an event is not told";
	close(p.fd);
	return why;
}

static const char *speak_voyager(int fd)
{
	static char text[96];
	char some[512];
	int err;

	/* all that a process that was killed had is free */
	alarm(20);
	err = vy_lock(fd, 1);
	alarm(0);
	if (err) {
		snprintf(text, sizeof(text), "the mailbox cannot be had (%d)", err);
		return text;
	}
	if (vy_lock(fd, 0))
		return "the mailbox cannot be given back";
	if (vy_ctx_alloc(fd, VY_CORES) || vy_ctx_free(fd))
		return "the cores are not free";
	if (vy_clear(fd, 41))
		return "an interrupt cannot be cleared";
	at_lab_set(METIS_LAB_RAISE, 41);
	if (vy_wait(fd, 41, 10))
		return "an interrupt is not told";
	err = vy_stream(fd, VY_STREAM_OPEN, METIS_EMU_LOG_SOURCE);
	if (err) {
		snprintf(text, sizeof(text), "no stream (%d)", err);
		return text;
	}
	at_lab_set(METIS_LAB_LOG_BURST, 3);
	if (!(vy_polled(fd, 10000) & POLLIN) || read(fd, some, sizeof(some)) <= 0)
		return "a stream tells nothing";
	return NULL;
}

bool healthy(void)
{
	int fd = at_open(), other = at_open();
	const char *why = fd < 0 || other < 0 ? "the node does not open" : NULL;

	at_lab_reset();
	if (!why)
		why = await_card(fd);
	if (!why)
		why = move_some(fd, seed);
	if (!why)
		why = hear_events(fd);
	if (!why)
		why = speak_voyager(other);
	close(fd);
	close(other);
	if (why)
		fail("%s", why);
	return !why;
}

/*
 * More than what caches and the allocator make of so many processes. A debug
 * kernel keeps what was freed, and has its own means to find what was not.
 */
const char *leaked(const struct at_leak *before)
{
	const char *text = at_leak_check(before);
	struct at_leak now;

	at_leak_mark(&now);
	if (now.pins != before->pins ||
	    now.vmalloc_kb > before->vmalloc_kb + 2048 ||
	    (slow_factor() == 1 && now.slab_kb > before->slab_kb + 16384))
		return text ? text : "memory is missing";
	return NULL;
}
