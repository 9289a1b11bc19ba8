// SPDX-License-Identifier: GPL-2.0
/*
 * The card can be removed while everything is in use, fifty times: every caller gets
 * an error, none hangs, no memory is lost, and the card works when it comes back.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "liblab.h"

#define ROUNDS		50
#define SIZE		(256 * 1024UL)

enum actor { WAITS, WAITS_EVENT, POLLS, TRANSFERS, MAPS, NR_ACTORS };

/* Each ends with 0 when it was told properly, else the number of a step */
static int actor(enum actor what, int fd, const struct axl_ioc_query *q,
		 uint8_t *buf, uint32_t handle, int ready)
{
	struct axl_xfer x = {
		.handle = handle, .direction = AXL_FROM_DEVICE,
		.device_addr = at_scratch_l2(q), .length = SIZE,
		.channel = AXL_CHANNEL_ANY,
	};
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	uint64_t seq, count, end;
	struct axl_ioc_wait w;
	volatile uint32_t *p;
	int err;

	(void)buf;
	switch (what) {
	case WAITS:
		/* On a file of its own: numbers of others are not in the way */
		if (at_submit(fd, &x, 1, q->generation, AT_SEC(30), &seq))
			return 1;
		if (write(ready, "r", 1) != 1)
			return 2;
		err = at_wait(fd, seq, AXL_TIMEOUT_INFINITE, &w);
		if (!err)
			return w.status == -ENODEV || !w.status ? 0 : 3;
		return err == -ENODEV ? 0 : 4;
	case WAITS_EVENT:
		if (at_event_count(fd, 2, &count))
			return 1;
		if (write(ready, "r", 1) != 1)
			return 2;
		do {
			err = at_wait_event(fd, 2, count, AXL_TIMEOUT_INFINITE,
					    &count);
			/* counts may rise where they are not exact */
		} while (!err && !(q->features & AXL_FEAT_EVENTS_EXACT));
		return err == -ENODEV ? 0 : 3;
	case POLLS:
		if (write(ready, "r", 1) != 1)
			return 2;
		if (poll(&pfd, 1, 20000) != 1)
			return 3;
		return (pfd.revents & (POLLERR | POLLHUP)) ==
			(POLLERR | POLLHUP) ? 0 : 4;
	case TRANSFERS:
		if (write(ready, "r", 1) != 1)
			return 2;
		end = at_now() + AT_SEC(20);
		while (at_now() < end) {
			err = at_submit(fd, &x, 1, q->generation, AT_SEC(30),
					&seq);
			if (err)
				return err == -ENODEV ? 0 : 3;
			err = at_wait(fd, seq, AT_SEC(20), &w);
			if (err)
				return err == -ENODEV ? 0 : 4;
			if (w.status && w.status != -ENODEV)
				return 5;
		}
		return 6;
	case MAPS:
		p = mmap(NULL, q->bar2_size, PROT_READ, MAP_SHARED, fd, 0);
		if (p == MAP_FAILED)
			return 1;
		if (write(ready, "r", 1) != 1)
			return 2;
		/* Ends by SIGBUS, which the parent expects */
		for (end = at_now() + AT_SEC(20); at_now() < end;)
			(void)p[AT_L2_SCRATCH / 4];
		return 3;
	case NR_ACTORS:
		break;
	}
	return 9;
}

static void one_removal(struct __test_metadata *_metadata, unsigned int round,
			bool firmware)
{
	struct at_pci pci;
	int fds[NR_ACTORS], ready[2], status, i, err, efd;
	struct axl_ioc_buf_register reg, other;
	pid_t pids[NR_ACTORS];
	uint64_t start, count, seq;
	struct axl_ioc_query q;
	struct at_mem mem;
	struct axl_ioc_wait w;
	char byte;

	ASSERT_EQ(0, at_pci_find(&pci));
	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, at_mem_alloc(&mem, AT_SCATTERED, SIZE));
	for (i = 0; i < NR_ACTORS; i++) {
		fds[i] = at_open();
		ASSERT_GE(fds[i], 0);
	}
	if (firmware)
		ASSERT_EQ(0, at_fw_run(fds[0]));
	ASSERT_EQ(0, at_query(fds[0], &q));
	for (i = 0; i < NR_ACTORS; i++) {
		ASSERT_EQ(0, at_register(fds[i], mem.p, SIZE,
					 AXL_BUF_FROM_DEVICE, &reg));
		fflush(stdout);
		pids[i] = fork();
		if (!pids[i])
			_exit(actor(i, fds[i], &q, mem.p, reg.handle,
				    ready[1]));
		ASSERT_GT(pids[i], 0);
	}
	efd = eventfd(0, EFD_NONBLOCK);
	struct axl_ioc_event_fd e = { .event = AXL_EVENT_ANY, .fd = efd };

	ASSERT_EQ(0, at_ioctl(fds[0], AXL_IOC_EVENT_FD, &e));
	for (i = 0; i < NR_ACTORS; i++)
		ASSERT_EQ(1, read(ready[0], &byte, 1));
	/* Sometimes at once, sometimes when all sleep, sometimes frozen */
	if (round % 3 == 1)
		at_sleep_ms(10);
	if (round % 3 == 2)
		at_lab_set(METIS_LAB_FREEZE, 1);

	start = at_now();
	ASSERT_EQ(0, at_pci_remove(&pci));
	EXPECT_LT(at_now() - start, AT_SEC(10));
	EXPECT_EQ(0, at_lab_get(METIS_LAB_RUNNING))
		TH_LOG("round %u: the engine runs without a driver", round);
	EXPECT_EQ(0, at_lab_get64(METIS_LAB_TARGET))
		TH_LOG("round %u: the host-driver area is still published",
		       round);
	for (i = 0; i < NR_ACTORS; i++) {
		ASSERT_EQ(pids[i], waitpid(pids[i], &status, 0));
		if (i == MAPS) {
			EXPECT_EQ(SIGBUS, WIFSIGNALED(status) ?
				  WTERMSIG(status) : 0)
				TH_LOG("round %u: mapping: status %#x", round,
				       status);
		} else {
			EXPECT_EQ(0, status)
				TH_LOG("round %u: actor %d: step %d", round, i,
				       WEXITSTATUS(status));
		}
	}

	/* What is open is an inert shell: every call says so, close() works */
	EXPECT_EQ(-ENODEV, at_query(fds[1], &q));
	EXPECT_EQ(-ENODEV, at_register(fds[1], mem.p, SIZE,
				       AXL_BUF_TO_DEVICE, &other));
	EXPECT_EQ(-ENODEV, at_release(fds[1], reg.handle));
	EXPECT_EQ(-ENODEV, at_wait(fds[1], 0, 0, &w));
	EXPECT_EQ(-ENODEV, at_event_count(fds[1], 0, &count));
	EXPECT_EQ(-ENODEV, at_submit(fds[1], (struct axl_xfer[1]){ }, 1, 1, 0,
				     &seq));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, fds[1],
				   0));
	struct pollfd pfd = { .fd = fds[2], .events = POLLIN };

	EXPECT_EQ(1, poll(&pfd, 1, 0));
	EXPECT_EQ(POLLERR | POLLHUP, pfd.revents & (POLLERR | POLLHUP));

	/* Some are closed before the card comes back, some after */
	if (round % 2) {
		for (i = 0; i < NR_ACTORS; i++)
			close(fds[i]);
	}
	at_lab_set(METIS_LAB_FREEZE, 0);
	ASSERT_EQ(0, at_pci_rescan());
	err = at_open();
	ASSERT_GE(err, 0);
	ASSERT_EQ(0, at_query(err, &q));
	ASSERT_EQ(0, at_register(err, mem.p, SIZE, AXL_BUF_TO_DEVICE, &other));
	EXPECT_EQ(0, at_move(err, other.handle, AXL_TO_DEVICE, 0,
			     at_scratch_l2(&q), SIZE));
	close(err);
	if (!(round % 2)) {
		EXPECT_EQ(-ENODEV, at_query(fds[0], &q))
			TH_LOG("an old file speaks to the new card");
		for (i = 0; i < NR_ACTORS; i++)
			close(fds[i]);
	}
	close(efd);
	close(ready[0]);
	close(ready[1]);
	at_mem_free(&mem);
}

FIXTURE(removal)
{
	struct at_ctx t;
};

FIXTURE_SETUP(removal)
{
	AT_BEGIN(&self->t, AT_NO_OPEN);
}

FIXTURE_TEARDOWN(removal)
{
	AT_END(&self->t);
}

TEST_F_TIMEOUT(removal, under_load, 240)
{
	struct at_leak leak;
	const char *grew;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		if (i == 10)
			at_leak_mark(&leak);
		one_removal(_metadata, i, i % 10 == 0);
		ASSERT_EQ(0, _metadata->exit_code);
	}
	grew = at_leak_check(&leak);
	EXPECT_EQ(NULL, grew)
		TH_LOG("in %u rounds: %s", ROUNDS - 10, grew);
}

/* Files that stay open keep their number; the card gets the lowest free one */
TEST_F(removal, lowest_free_number)
{
	struct stat st;
	int fd = at_open(), fd2;

	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, stat("/dev/metis0", &st));
	ASSERT_EQ(0, at_pci_remove(&self->t.pci));
	EXPECT_EQ(-1, stat("/dev/metis0", &st));
	ASSERT_EQ(0, at_pci_rescan());
	fd2 = at_open();
	ASSERT_GE(fd2, 0);
	/* Whether the open shell holds 0 or not is the driver's choice */
	EXPECT_TRUE(!stat("/dev/metis0", &st) || !stat("/dev/metis1", &st));
	close(fd);
	close(fd2);
	ASSERT_EQ(0, at_pci_remove(&self->t.pci));
	ASSERT_EQ(0, at_pci_rescan());
	fd = at_open();
	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, stat("/dev/metis0", &st));
	close(fd);
}

/* Taken away during a firmware load, in each of its phases */
TEST_F_TIMEOUT(removal, during_load, 120)
{
	static const enum axl_fw_phase phases[] = {
		AXL_FW_PHASE_UPLOAD, AXL_FW_PHASE_LINK, AXL_FW_PHASE_AREAS,
	};
	struct at_image big;
	struct axl_ioc_query q;
	uint64_t end;
	int fd, status;
	pid_t child;
	size_t i;

	for (i = 0; i < at_array_size(phases); i++) {
		fd = at_open();
		ASSERT_GE(fd, 0);
		ASSERT_EQ(0, at_query(fd, &q));
		ASSERT_EQ(0, at_image_build(&big, &q, 64, 4 << 20));
		at_lab_set(METIS_LAB_STEP_BYTES, 16384);
		at_lab_set(METIS_LAB_STEP_NS, 1000000);
		at_lab_set(METIS_LAB_LINK_DOWN_MS, 300);
		at_lab_set(METIS_LAB_AREA_DELAY_MS, 300);
		fflush(stdout);
		child = fork();
		if (!child) {
			struct axl_ioc_fw_load load = { };

			_exit(-at_fw_load(fd, &big, &load));
		}
		ASSERT_GT(child, 0);
		end = at_now() + AT_SEC(15);
		do {
			ASSERT_EQ(0, at_query(fd, &q));
		} while (q.fw_phase != phases[i] && at_now() < end);
		EXPECT_EQ(phases[i], q.fw_phase);
		ASSERT_EQ(0, at_pci_remove(&self->t.pci));
		ASSERT_EQ(child, waitpid(child, &status, 0));
		/* Short as it is, it may also be allowed to finish */
		EXPECT_TRUE(WEXITSTATUS(status) == ENODEV || !status)
			TH_LOG("phase %u: %d", phases[i], WEXITSTATUS(status));
		close(fd);
		at_lab_reset();
		end = at_now() + AT_SEC(10);
		while ((at_lab_get(METIS_LAB_LINK) != 1 ||
			at_lab_get(METIS_LAB_FW_STATE) ==
			METIS_EMU_STARTING) && at_now() < end)
			at_sleep_ms(10);
		ASSERT_EQ(0, at_pci_rescan());
		fd = at_open();
		ASSERT_GE(fd, 0);
		EXPECT_EQ(0, at_fw_run(fd));
		close(fd);
		at_image_free(&big);
	}
}

/* Taken away between two pieces of an upload, too: one error says it all */
TEST_F_TIMEOUT(removal, during_uploads, 120)
{
	struct at_image image;
	struct axl_ioc_query q;
	unsigned int i;
	int fd, status;
	pid_t child;

	fd = at_open();
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, at_query(fd, &q));
	ASSERT_EQ(0, at_image_build(&image, &q, 64, 4096));
	for (i = 0; i < 20; i++) {
		fflush(stdout);
		child = fork();
		if (!child) {
			struct axl_ioc_fw_load load = {
				.flags = AXL_FW_LOAD_NO_START,
			};
			int ret;

			do {
				ret = at_fw_load(fd, &image, &load);
			} while (!ret);
			_exit(-ret);
		}
		ASSERT_GT(child, 0);
		at_sleep_ms(30 + i);
		ASSERT_EQ(0, at_pci_remove(&self->t.pci));
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_EQ(ENODEV, WEXITSTATUS(status))
			TH_LOG("round %u", i);
		close(fd);
		ASSERT_EQ(0, at_pci_rescan());
		fd = at_open();
		ASSERT_GE(fd, 0);
	}
	EXPECT_EQ(0, at_fw_run(fd));
	close(fd);
	at_image_free(&image);
}

/* A removal does not wait for a load that gets nowhere */
TEST_F_TIMEOUT(removal, during_endless_load, 60)
{
	struct axl_ioc_query q;
	uint64_t end, start;
	int fd, status;
	pid_t child;

	fd = at_open();
	ASSERT_GE(fd, 0);
	at_lab_set(METIS_LAB_START_FAULT, METIS_LAB_START_NO_AREAS);
	fflush(stdout);
	child = fork();
	if (!child)
		_exit(-at_fw_run(fd));
	ASSERT_GT(child, 0);
	end = at_now() + AT_SEC(10);
	do {
		ASSERT_EQ(0, at_query(fd, &q));
	} while (q.fw_phase != AXL_FW_PHASE_AREAS && at_now() < end);
	ASSERT_EQ(AXL_FW_PHASE_AREAS, q.fw_phase);
	start = at_now();
	ASSERT_EQ(0, at_pci_remove(&self->t.pci));
	EXPECT_LT(at_now() - start, AT_SEC(5));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(ENODEV, WEXITSTATUS(status));
	close(fd);
	at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_BOOTLOADER);
	at_sleep_ms(500);
	ASSERT_EQ(0, at_pci_rescan());
	fd = at_open();
	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, at_fw_run(fd));
	close(fd);
}

struct registration {
	pthread_t thread;
	int fd, err;
	volatile bool over;
	struct at_trap trap;
	struct axl_ioc_buf_register reg;
};

static void *register_it(void *arg)
{
	struct registration *r = arg;

	r->err = at_register(r->fd, r->trap.p, r->trap.n,
			     AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE, &r->reg);
	r->over = true;
	return NULL;
}

/*
 * The call began while the device was there; the driver is unbound before the
 * pages are pinned. Mapping them for a device that no driver owns would leave the
 * mapping behind for ever.
 */
TEST_F_TIMEOUT(removal, during_registration, 60)
{
	struct registration r = { };
	int err, waiting;

	r.fd = at_open();
	ASSERT_GE(r.fd, 0);
	err = at_trap_set(&r.trap, SIZE, SIZE / 2);
	if (err == -ENOSYS || err == -EPERM)
		SKIP(return, "no userfaultfd (%d)", err);
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, pthread_create(&r.thread, NULL, register_it, &r));
	do {
		waiting = at_trap_wait(&r.trap, 100);
	} while (waiting == -ETIMEDOUT && !r.over);
	if (!waiting)
		EXPECT_EQ(0, at_pci_unbind(&self->t.pci));
	EXPECT_EQ(0, at_trap_open(&r.trap));
	pthread_join(r.thread, NULL);
	if (waiting) {
		/* 6.1 cannot wait for a page that it is to pin */
		EXPECT_EQ(-EFAULT, r.err);
		SKIP(goto out, "pinning does not wait for that page");
	}
	EXPECT_EQ(-ENODEV, r.err);
	EXPECT_EQ(-ENODEV, at_release(r.fd, r.reg.handle));
	ASSERT_EQ(0, at_pci_bind(&self->t.pci));
out:
	close(r.fd);
	at_trap_free(&r.trap);
}

TEST_HARNESS_MAIN
