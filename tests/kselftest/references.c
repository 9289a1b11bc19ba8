// SPDX-License-Identifier: GPL-2.0
/*
 * The driver releases its references to eventfds and processes, and unmaps user
 * memory. A stock kernel shows each without a leak detector:
 * the number of an eventfd is only given out again when it is freed, a PID
 * namespace counts against its limit while one of its processes is referenced,
 * and the lab reaches memory that is still mapped.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libvoyager.h"

#define NAMESPACES	"/proc/sys/user/max_pid_namespaces"
#define ROUNDS		32
#define OTHERS		8	/* eventfds that others may make meanwhile */

FIXTURE(references)
{
	struct at_ctx t;
};

FIXTURE_SETUP(references)
{
	VY_BEGIN(&self->t, AT_PROVOKES_SMMU);
}

FIXTURE_TEARDOWN(references)
{
	AT_END(&self->t);
}

/* ---- eventfds ---- */

/* The kernel's number of an eventfd: the lowest one that is free; -1 if not told */
static int eventfd_id(int fd)
{
	char path[64], line[128];
	int id = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "eventfd-id: %d", &id);
	if (f)
		fclose(f);
	return id;
}

static int next_eventfd_id(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), id = eventfd_id(fd);

	close(fd);
	return id;
}

static int follow(int fd, uint32_t event, int efd)
{
	struct axl_ioc_event_fd e = { .event = event, .fd = efd };

	return at_ioctl(fd, AXL_IOC_EVENT_FD, &e);
}

TEST_F(references, eventfd_of_an_ended_binding)
{
	int before = next_eventfd_id(), i, efd;

	if (before < 0)
		SKIP(return, "this kernel does not number eventfds");
	for (i = 0; i < ROUNDS; i++) {
		efd = eventfd(0, EFD_NONBLOCK);
		ASSERT_EQ(0, follow(self->t.fd, 24, efd));
		/* the refused one has a reference of its own, for a moment */
		ASSERT_EQ(-EEXIST, follow(self->t.fd, 24, efd));
		ASSERT_EQ(0, follow(self->t.fd, 24, -1));
		close(efd);
	}
	EXPECT_LE(next_eventfd_id(), before + OTHERS);
}

TEST_F(references, eventfd_of_a_closed_file)
{
	int before = next_eventfd_id(), i, fd, efd, any;

	if (before < 0)
		SKIP(return, "this kernel does not number eventfds");
	for (i = 0; i < ROUNDS; i++) {
		fd = at_open();
		ASSERT_GE(fd, 0);
		efd = eventfd(0, EFD_NONBLOCK);
		any = eventfd(0, EFD_NONBLOCK);
		ASSERT_EQ(0, follow(fd, 24, efd));
		ASSERT_EQ(0, follow(fd, AXL_EVENT_ANY, any));
		close(efd);
		/* the file is the first or the last to go */
		close(i % 2 ? any : fd);
		close(i % 2 ? fd : any);
	}
	EXPECT_LE(next_eventfd_id(), before + OTHERS);
}

TEST_F_TIMEOUT(references, eventfd_over_unbinding, 60)
{
	int before = next_eventfd_id(), efd[ROUNDS], i, err;

	if (before < 0)
		SKIP(return, "this kernel does not number eventfds");
	for (i = 0; i < ROUNDS; i++) {
		efd[i] = eventfd(0, EFD_NONBLOCK);
		ASSERT_EQ(0, follow(self->t.fd, i, efd[i]));
	}
	ASSERT_EQ(0, at_pci_unbind(&self->t.pci));
	close(self->t.fd);
	for (i = 0; i < ROUNDS; i++)
		close(efd[i]);
	err = at_pci_bind(&self->t.pci);
	EXPECT_LE(next_eventfd_id(), before + OTHERS);
	ASSERT_EQ(0, err);
	self->t.fd = at_open();
	EXPECT_GE(self->t.fd, 0);
}

/* ---- processes ---- */

/* A child that is the first process of a PID namespace; -errno */
static pid_t fork_namespace(void)
{
	pid_t pid = syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL,
			    NULL);

	return pid < 0 ? -errno : pid;
}

/* The same, once the namespaces before are gone */
static pid_t fork_the_only_namespace(void)
{
	uint64_t end = at_now() + AT_SOON;
	pid_t pid;

	while ((pid = fork_namespace()) == -ENOSPC && at_now() < end)
		at_sleep_ms(5);
	return pid;
}

/* What makes metis.ko remember the process that calls */
static int be_remembered(int how)
{
	int fd = at_open(), other;

	if (fd < 0)
		return 1;
	if (vy_clear(fd, 2) || vy_attach_msi(fd, 3))
		return 2;
	other = at_open();
	if (other < 0 || vy_clear(other, 2))
		return 3;
	if (how)
		close(fd);
	return 0;
}

TEST_F_TIMEOUT(references, process_with_a_view, 60)
{
	char limit[32] = "";
	int status, i;
	pid_t pid, second;

	/* the debug kernel has the limit, but nothing to limit */
	if (access("/proc/self/ns/pid", F_OK) ||
	    at_read_text(NAMESPACES, limit, sizeof(limit)))
		SKIP(return, "no PID namespaces");
	ASSERT_EQ(0, at_write_text(NAMESPACES, "1"));
	/* the limit is one indeed, and comes free with the process */
	pid = fork_namespace();
	if (!pid) {
		pause();
		_exit(1);
	}
	second = fork_namespace();
	if (!second)
		_exit(0);
	EXPECT_EQ(-ENOSPC, second);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	for (i = 0; i < 4; i++) {
		pid = fork_the_only_namespace();
		if (!pid)
			_exit(be_remembered(i % 2));
		EXPECT_GT(pid, 0)
			TH_LOG("round %d: a process that has ended is held", i);
		if (pid < 0)
			break;
		EXPECT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status);
	}
	/* the last one's, too */
	pid = fork_the_only_namespace();
	if (!pid)
		_exit(0);
	EXPECT_GT(pid, 0);
	if (pid > 0)
		waitpid(pid, &status, 0);
	EXPECT_EQ(0, at_write_text(NAMESPACES, limit));
}

/* ---- memory ---- */

/* Does the card reach what lies at this bus address? */
static bool reachable(uint64_t iova)
{
	uint32_t word;
	bool can;

	/* without a driver bus mastering is off: a card that ignores that */
	at_lab_set(METIS_LAB_BUS_FORCE, 1);
	can = !at_bus_read32(iova, &word);
	at_lab_set(METIS_LAB_BUS_FORCE, 0);
	return can;
}

/* Where the card sees a buffer; 0 when a transfer fails */
static uint64_t seen_at(struct at_ctx *t, uint32_t handle, uint64_t length)
{
	if (at_move(t->fd, handle, AXL_TO_DEVICE, 0, at_scratch_l2(&t->q),
		    length))
		return 0;
	return at_lab_get64(METIS_LAB_LAST_DMA_ADDR);
}

#define NEEDS_STRICT()							\
do {									\
	if (self->t.q.iommu_mode != AXL_IOMMU_TRANSLATED)		\
		SKIP(return, "what is unmapped may stay reachable here"); \
} while (0)

/* A file keeps its buffers over an unbind, but the card loses them. */
TEST_F_TIMEOUT(references, memory_over_unbinding, 60)
{
	struct axl_ioc_buf_register reg;
	struct vy_dmabuf dmabuf;
	uint64_t iova[2] = { };
	struct at_mem mem;
	size_t i, nr = 1;
	uint32_t word;

	NEEDS_STRICT();
	ASSERT_EQ(0, at_mem_alloc(&mem, AT_SCATTERED, 65536));
	at_fill(mem.p, mem.size, 1, 0);
	ASSERT_EQ(0, at_register(self->t.fd, mem.p, mem.size,
				 AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE,
				 &reg));
	iova[0] = seen_at(&self->t, reg.handle, mem.size);
	ASSERT_NE(0, iova[0]);
	/* the address is that of the last page */
	ASSERT_EQ(0, at_bus_read32(iova[0], &word));
	EXPECT_EQ(0, memcmp(mem.p + mem.size - at_page_size() +
			    (iova[0] & (at_page_size() - 1)), &word, 4));
	if (!vy_dmabuf_make(&dmabuf, 65536)) {
		ASSERT_EQ(0, at_import(self->t.fd, dmabuf.fd, 65536,
				       AXL_BUF_TO_DEVICE, &reg));
		iova[1] = seen_at(&self->t, reg.handle, 65536);
		ASSERT_NE(0, iova[1]);
		EXPECT_NE(iova[0], iova[1]);
		nr = 2;
	}
	for (i = 0; i < nr; i++)
		EXPECT_TRUE(reachable(iova[i]));
	ASSERT_EQ(0, at_pci_unbind(&self->t.pci));
	for (i = 0; i < nr; i++)
		EXPECT_FALSE(reachable(iova[i]))
			TH_LOG("%s", i ? dmabuf.kind : "user memory");
	close(self->t.fd);
	if (nr > 1)
		vy_dmabuf_free(&dmabuf);
	at_mem_free(&mem);
	ASSERT_EQ(0, at_pci_bind(&self->t.pci));
	self->t.fd = at_open();
	EXPECT_GE(self->t.fd, 0);
}

/* Released or closed, it is gone at once. */
TEST_F(references, memory_of_ended_buffers)
{
	struct axl_ioc_buf_register reg;
	struct at_mem mem;
	uint64_t iova;
	int i;

	NEEDS_STRICT();
	ASSERT_EQ(0, at_mem_alloc(&mem, AT_PLAIN, 65536));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, at_register(self->t.fd, mem.p, mem.size,
					 AXL_BUF_TO_DEVICE, &reg));
		iova = seen_at(&self->t, reg.handle, mem.size);
		ASSERT_NE(0, iova);
		EXPECT_TRUE(reachable(iova));
		if (i) {
			close(self->t.fd);
			self->t.fd = at_open();
			ASSERT_GE(self->t.fd, 0);
		} else {
			ASSERT_EQ(0, at_release(self->t.fd, reg.handle));
		}
		EXPECT_FALSE(reachable(iova));
	}
	at_mem_free(&mem);
}

TEST_HARNESS_MAIN
