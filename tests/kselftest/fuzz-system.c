// SPDX-License-Identifier: GPL-2.0
/*
 * What the fuzzer does besides ioctls: the file, its mappings, the process and its
 * memory, debugfs and sysfs; and what it has the card do.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

/* Requests that there are none of, and some that there are, with noise */
long do_noise(struct actor *a)
{
	static const uint8_t types[] = { AXL_IOC_MAGIC, 'U', 'T', 0, 0xb9 };
	struct rng *r = &a->r;
	uint8_t type = types[below(r, at_array_size(types))];
	uint32_t size = one_in(r, 2) ? 8 * below(r, 20) : below(r, 1 << 14);
	uint32_t request = _IOC(below(r, 4), type, below(r, 60), size);
	size_t i;

	a->wild = true;
	/* a load may take what time it likes */
	if (type == AXL_IOC_MAGIC && _IOC_NR(request) == 1)
		return -ENOTTY;
	for (i = 0; i < size; i++)
		a->guard[-(long)size + i] = one_in(r, 2) ? 0 : any(r);
	return vy_call(some_file(a)->fd, request, a->guard - size);
}

long do_reopen(struct actor *a)
{
	struct file *f = some_file(a);
	char path[64];
	int fd;

	if (at_node(path, sizeof(path)))
		return -ENOENT;
	fd = open(path, O_RDWR | O_CLOEXEC | (one_in(&a->r, 2) ? O_NONBLOCK : 0));
	if (fd < 0)
		return errno == EACCES && dropped ? 0 : -errno;
	/* the number always leads to the card: other threads use it */
	if (one_in(&a->r, 4))
		dup3(files[below(&a->r, NR_FILES)].fd, f->fd, O_CLOEXEC);
	else
		dup3(fd, f->fd, O_CLOEXEC);
	close(fd);
	return 0;
}

long do_read(struct actor *a)
{
	size_t n = one_in(&a->r, 4) ? interesting(&a->r) : below(&a->r, 8192);
	void *to = a->arena + below(&a->r, ARENA / 2);
	ssize_t got;

	if (one_in(&a->r, 6)) {
		to = bad_pointer(a, 64);
		a->wild = true;
	}
	if (n > ARENA / 2)
		a->wild = true;
	got = read(reader_file(a)->fd, to, n);
	if (got > 0 && (size_t)got > n)
		fail("%zd bytes of %zu were read", got, n);
	return got < 0 ? -errno : 0;
}

long do_write(struct actor *a)
{
	return write(some_file(a)->fd, a->arena, below(&a->r, 100)) < 0 ? -errno :
									 0;
}

long do_poll(struct actor *a)
{
	struct pollfd p[NR_FILES + 2];
	unsigned int i;

	for (i = 0; i < NR_FILES + 2; i++)
		p[i] = (struct pollfd){
			.fd = i < NR_FILES ? files[i].fd : eventfds[i - NR_FILES],
			.events = POLLIN | POLLOUT | POLLPRI,
		};
	if (poll(p, NR_FILES + 2, below(&a->r, 20)) < 0)
		return -errno;
	for (i = 0; i < NR_FILES; i++)
		if (p[i].revents & (POLLOUT | POLLPRI | POLLNVAL))
			fail("poll() reports %#x", p[i].revents);
	return 0;
}

long do_nonblock(struct actor *a)
{
	return fcntl(some_file(a)->fd, F_SETFL,
		     one_in(&a->r, 2) ? O_NONBLOCK : 0) ? -errno : 0;
}

long do_map(struct actor *a)
{
	struct rng *r = &a->r;
	struct map *m = &a->maps[below(r, NR_MAPS)], n = { };
	int prot = PROT_READ, flags = MAP_SHARED;
	uint64_t offset = 0;

	n.length = page * (one_in(r, 2) ? 1 + below(r, 4) :
					  1 + below(r, card.bar2_size / page));
	if (one_in(r, 3)) {
		/* the registers, or the second page of L2 */
		offset = page;
		n.length = page;
		n.regs = true;
	} else if (one_in(r, 3)) {
		n.length = card.bar2_size;
	}
	n.writable = one_in(r, 2);
	if (n.writable)
		prot |= PROT_WRITE;
	if (one_in(r, 6)) {
		a->wild = true;
		switch (below(r, 4)) {
		case 0:
			prot |= PROT_EXEC;
			break;
		case 1:
			flags = MAP_PRIVATE;
			break;
		case 2:
			n.length = page * below(r, 3 * card.bar2_size / page);
			break;
		default:
			offset = interesting(r) & -page;
		}
		n.regs = true;		/* whatever it is */
	}
	n.p = mmap(NULL, n.length, prot, flags, some_file(a)->fd, offset);
	if (n.p == MAP_FAILED)
		return -errno;
	n.offset = offset;
	if (m->p)
		munmap(m->p, m->length);
	*m = n;
	return 0;
}

volatile uint8_t *own_l2(struct actor *a)
{
	struct map *m = &a->maps[0];

	if (!m->p || m->regs || m->offset || m->length != card.bar2_size ||
	    !m->writable) {
		if (m->p)
			munmap(m->p, m->length);
		m->p = mmap(NULL, card.bar2_size, PROT_READ | PROT_WRITE,
			    MAP_SHARED, a->fd, 0);
		if (m->p == MAP_FAILED)
			m->p = NULL;
		*m = (struct map){ m->p, card.bar2_size, 0, false, true };
	}
	return m->p;
}

/* Of the engine: general ones, then 0x200 bytes for both directions of a channel */
#define REGS_SIZE(channels)	(0x200 * (1 + (channels)))

long do_touch(struct actor *a)
{
	struct rng *r = &a->r;
	struct map *m = &a->maps[below(r, NR_MAPS)];
	uint64_t at, off;
	long ret = 0;

	if (!m->p) {
		m = &a->maps[0];
		if (!own_l2(a))
			return -ENOMEM;
	}
	at = below(r, m->length) & ~7ULL;
	/* the card may complain of channels that it does not have */
	if (m->regs)
		at %= REGS_SIZE(card.read_channels);
	off = m->offset + at;
	jumping = 1;
	if (sigsetjmp(landing, 1))
		ret = -EIO;
	else if (!m->regs && m->writable && off >= L2_RANDOM && off < L2_CANARY)
		*(volatile uint64_t *)(m->p + at) = any(r);
	else
		*(volatile uint32_t *)(m->p + at);
	jumping = 0;
	return ret;
}

long do_unmap(struct actor *a)
{
	struct map *m = a->maps;

	while (!m->p)
		if (++m == a->maps + NR_MAPS) {
			a->wild = true;
			return -ENOENT;
		}
	/* half of it first: the mapping is split, and the half may be others' soon */
	if (m->length >= 2UL * page && one_in(&a->r, 2)) {
		munmap(m->p, page);
		m->p += page;
		m->length -= page;
	}
	if (one_in(&a->r, 4))
		madvise(m->p, m->length, MADV_DONTNEED);
	munmap(m->p, m->length);
	m->p = NULL;
	return 0;
}

/* The memory behind buffers goes, comes and changes. */
long do_memory(struct actor *a)
{
	struct rng *r = &a->r;
	uint64_t from = below(r, ARENA) & -page;
	size_t len = AT_ALIGN(length_to(r, ARENA - from), page);

	switch (below(r, 5)) {
	case 0:
		return madvise(a->arena + from, len, MADV_DONTNEED) ? -errno : 0;
	case 1:
		return mprotect(a->arena + from, len, PROT_READ) ? -errno : 0;
	case 2:
		if (mmap(a->arena + from, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		    MAP_FAILED)
			return -errno;
		return 0;
	default:
		return mprotect(a->arena, ARENA, PROT_READ | PROT_WRITE) ?
			       -errno : 0;
	}
}

/* A process for a moment, with all files and mappings */
long do_child(struct actor *a)
{
	struct axl_ioc_query q;
	int fd = some_file(a)->fd, status;
	bool kill_it = one_in(&a->r, 2), call = one_in(&a->r, 2);
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		if (call)
			at_query(fd, &q);
		if (kill_it)
			vy_wait(fd, 500, 1);
		_exit(0);
	}
	if (kill_it)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return 0;
}

/* debugfs and sysfs, which only root reads */
long do_look(struct actor *a)
{
	unsigned int n = below(&a->r, at_array_size(debugfs));
	char text[4096];
	long ret;

	if (dropped) {
		a->wild = true;
		return -EACCES;
	}
	if (n == 3 && one_in(&a->r, 2))
		ret = at_write_text(debugfs[n], "1");
	else
		ret = at_read_text(debugfs[n], text, sizeof(text));
	return ret;
}

/* ---- the card ---- */

long do_raise(struct actor *a)
{
	at_lab_set(METIS_LAB_RAISE, some_event(&a->r));
	return 0;
}

long do_log(struct actor *a)
{
	at_lab_set(METIS_LAB_LOG_BURST, 1 + below(&a->r, 100));
	return 0;
}

/* What the card does to us; only few programs have this. */
long do_rough(struct actor *a)
{
	static const uint32_t restarts[] = {
		METIS_LAB_RESTART_RUNTIME, METIS_LAB_RESTART_RUNTIME,
		METIS_LAB_RESTART_BOOTLOADER, METIS_LAB_RESTART_WARM,
		METIS_LAB_RESTART_SILENT,
	};
	static const uint32_t faults[] = {
		METIS_LAB_START_REFUSE, METIS_LAB_START_SILENT,
		METIS_LAB_START_NO_AREAS, METIS_LAB_START_BOOTLOADER,
	};
	struct rng *r = &a->r;

	switch (below(r, 9)) {
	case 0:
		at_lab_set(METIS_LAB_LINK_DOWN, 1 + below(r, 150));
		break;
	case 1:
		at_lab_set(METIS_LAB_FW_RESTART,
			   restarts[below(r, at_array_size(restarts))]);
		break;
	case 2:
		at_lab_set(METIS_LAB_LOSE_MSGS, 1 + below(r, 10));
		break;
	case 3:
		at_lab_set(METIS_LAB_ABORT_NEXT, below(r, 256));
		break;
	case 4:
		at_lab_set(METIS_LAB_HANG_SOFT, 1 << below(r, 8));
		break;
	case 5:
		at_lab_set(METIS_LAB_START_FAULT,
			   faults[below(r, at_array_size(faults))]);
		break;
	case 6:
		at_lab_set(METIS_LAB_HOSTILE, METIS_HOSTILE_STREAM_COUNT +
			   below(r, METIS_HOSTILE_STREAM_NAME -
				    METIS_HOSTILE_STREAM_COUNT + 1));
		break;
	case 7:
		at_lab_set(METIS_LAB_STEP_NS, 1 + below(r, 200000));
		break;
	default:
		at_lab_set(METIS_LAB_UNDO, 1);
	}
	return 0;
}
