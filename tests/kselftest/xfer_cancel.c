// SPDX-License-Identifier: GPL-2.0
/*
 * Transfers whose owner goes away or stops waiting: nothing is written into
 * memory that is not the owner's any more, nothing hangs, nothing is lost.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "liblab.h"

#define SIZE		(1024 * 1024UL)
#define SPONGE		(96 * SIZE)	/* takes up what was freed */

FIXTURE(cancel)
{
	struct at_ctx t;
	uint64_t base;
};

FIXTURE_SETUP(cancel)
{
	AT_BEGIN(&self->t, 0);
	self->base = at_scratch_l2(&self->t.q);
	ASSERT_EQ(0, at_dev_fill(self->base, 0xbd, 8 * SIZE));
}

FIXTURE_TEARDOWN(cancel)
{
	struct axl_ioc_buf_register reg;
	uint8_t *p;

	/* Whatever happened, the device works for the next one */
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	at_lab_set(METIS_LAB_UNDO, 1);
	EXPECT_EQ(0, at_register(self->t.fd, p, 8192, AXL_BUF_FROM_DEVICE,
				 &reg));
	EXPECT_EQ(0, at_move(self->t.fd, reg.handle, AXL_FROM_DEVICE, 0,
			     self->base, 8192));
	EXPECT_EQ(-1, at_check_byte(p, 8192, 0xbd));
	munmap(p, 8192);
	AT_END(&self->t);
}

TEST_F(cancel, wait_interrupted)
{
	struct axl_ioc_buf_register reg;
	struct axl_ioc_wait w;
	struct at_mem mem;
	uint64_t seq;
	pid_t child;
	int i, status;

	ASSERT_EQ(0, at_mem_alloc(&mem, AT_PLAIN, SIZE));
	ASSERT_EQ(0, at_register(self->t.fd, mem.p, SIZE, AXL_BUF_FROM_DEVICE,
				 &reg));
	struct axl_xfer x = {
		.handle = reg.handle, .direction = AXL_FROM_DEVICE,
		.device_addr = self->base, .length = SIZE,
		.channel = AXL_CHANNEL_ANY,
	};

	at_lab_set(METIS_LAB_FREEZE, 1);
	ASSERT_EQ(0, at_submit(self->t.fd, &x, 1, self->t.q.generation,
			       AT_SEC(30), &seq));
	at_catch_signal(SIGUSR1);
	child = fork();
	if (!child) {
		for (i = 0; i < 3; i++) {
			at_sleep_ms(60);
			kill(getppid(), SIGUSR1);
		}
		_exit(0);
	}
	ASSERT_GT(child, 0);
	/* Every time at once, not at the end of the time given */
	for (i = 0; i < 3; i++) {
		uint64_t start = at_now();

		EXPECT_EQ(-EINTR, at_wait(self->t.fd, seq,
					  i == 1 ? AT_SEC(25) :
					  AXL_TIMEOUT_INFINITE, &w));
		EXPECT_LT(at_now() - start, AT_SEC(5));
	}
	waitpid(child, &status, 0);
	at_lab_set(METIS_LAB_FREEZE, 0);
	/* Nothing was lost: it is still there to be collected */
	EXPECT_EQ(0, at_wait(self->t.fd, seq, AT_SOON, &w));
	EXPECT_EQ(0, w.status);
	EXPECT_EQ(SIZE, w.bytes);
	EXPECT_EQ(-1, at_check_byte(mem.p, SIZE, 0xbd));
	at_mem_free(&mem);
}

/* In the child: a transfer into its own memory that is under way for long */
static void child_with_transfers(uint64_t base, unsigned int count, int ready)
{
	struct axl_ioc_buf_register reg;
	struct axl_ioc_query q;
	struct axl_ioc_wait w;
	struct at_mem mem;
	uint64_t seq;
	unsigned int i;
	int fd = at_open();

	if (fd < 0 || at_query(fd, &q) ||
	    at_mem_alloc(&mem, AT_PLAIN, 8 * SIZE) ||
	    at_register(fd, mem.p, mem.size, AXL_BUF_FROM_DEVICE, &reg))
		_exit(1);
	for (i = 0; i < count; i++) {
		struct axl_xfer x = {
			.handle = reg.handle, .direction = AXL_FROM_DEVICE,
			.offset = i % 8 * SIZE,
			.device_addr = base + i % 8 * SIZE, .length = SIZE,
			.channel = AXL_CHANNEL_ANY,
		};

		if (at_submit(fd, &x, 1, q.generation, AT_SEC(1), &seq))
			_exit(2);
	}
	if (write(ready, "r", 1) != 1)
		_exit(3);
	at_wait(fd, seq, AXL_TIMEOUT_INFINITE, &w);
	_exit(4);
}

static void kill_in_flight(struct __test_metadata *_metadata, uint64_t base,
			   unsigned int count)
{
	uint64_t start;
	uint8_t *p;
	int status, fds[2];
	ssize_t bad;
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe(fds));
	child = fork();
	if (!child)
		child_with_transfers(base, count, fds[1]);
	ASSERT_GT(child, 0);
	close(fds[1]);
	ASSERT_EQ(1, read(fds[0], &byte, 1));
	EXPECT_NE(0, at_lab_get(METIS_LAB_RUNNING));
	start = at_now();
	kill(child, SIGKILL);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status))
		TH_LOG("child ended by itself, step %d", WEXITSTATUS(status));
	EXPECT_LT(at_now() - start, AT_SEC(10));

	p = at_sponge(SPONGE);
	ASSERT_NE(NULL, p);
	EXPECT_TRUE(at_engine_rests(AT_SEC(15)));
	bad = at_check_byte(p, SPONGE, AT_CANARY);
	EXPECT_EQ(-1, bad)
		TH_LOG("memory of another owner was written at %zd", bad);
	munmap(p, SPONGE);
	close(fds[0]);
}

TEST_F_TIMEOUT(cancel, killed_slow_engine, 60)
{
	at_slow_engine(4096, SIZE, AT_MSEC(300));
	kill_in_flight(_metadata, self->base, 2);
}

TEST_F_TIMEOUT(cancel, killed_many_queued, 60)
{
	at_slow_engine(4096, SIZE, AT_MSEC(100));
	kill_in_flight(_metadata, self->base, 30);
}

/* The engine does not move at all until the driver stops it */
TEST_F_TIMEOUT(cancel, killed_frozen_engine, 60)
{
	at_lab_set(METIS_LAB_FREEZE, 1);
	kill_in_flight(_metadata, self->base, 5);
}

TEST_F_TIMEOUT(cancel, close_with_queue, 60)
{
	struct axl_ioc_buf_register reg;
	struct at_mem mem;
	uint64_t seq, start;
	uint8_t *p;
	ssize_t bad;
	int i, fd;

	fd = at_open();
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, at_mem_alloc(&mem, AT_PLAIN, 8 * SIZE));
	ASSERT_EQ(0, at_register(fd, mem.p, mem.size, AXL_BUF_FROM_DEVICE,
				 &reg));
	at_slow_engine(4096, SIZE, AT_MSEC(100));
	for (i = 0; i < 30; i++) {
		struct axl_xfer x = {
			.handle = reg.handle, .direction = AXL_FROM_DEVICE,
			.offset = i % 8 * SIZE,
			.device_addr = self->base + i % 8 * SIZE,
			.length = SIZE, .channel = AXL_CHANNEL_ANY,
		};

		ASSERT_EQ(0, at_submit(fd, &x, 1, self->t.q.generation,
				       AT_SEC(5), &seq));
	}
	start = at_now();
	close(fd);
	EXPECT_LT(at_now() - start, AT_SEC(10));
	at_mem_free(&mem);

	p = at_sponge(SPONGE);
	ASSERT_NE(NULL, p);
	EXPECT_TRUE(at_engine_rests(AT_SEC(15)));
	bad = at_check_byte(p, SPONGE, AT_CANARY);
	EXPECT_EQ(-1, bad)
		TH_LOG("memory of another owner was written at %zd", bad);
	munmap(p, SPONGE);
}

/* Memory unmapped under a transfer stays the transfer's until it ends */
TEST_F_TIMEOUT(cancel, unmapped_in_flight, 60)
{
	struct axl_ioc_buf_register reg;
	struct axl_ioc_wait w;
	struct at_mem mem;
	uint64_t seq;
	uint8_t *p;
	ssize_t bad;

	ASSERT_EQ(0, at_mem_alloc(&mem, AT_PLAIN, SIZE));
	ASSERT_EQ(0, at_register(self->t.fd, mem.p, SIZE, AXL_BUF_FROM_DEVICE,
				 &reg));
	struct axl_xfer x = {
		.handle = reg.handle, .direction = AXL_FROM_DEVICE,
		.device_addr = self->base, .length = SIZE,
		.channel = AXL_CHANNEL_ANY,
	};

	at_slow_engine(4096, SIZE, AT_MSEC(300));
	ASSERT_EQ(0, at_submit(self->t.fd, &x, 1, self->t.q.generation,
			       AT_SEC(20), &seq));
	at_mem_free(&mem);
	EXPECT_EQ(0, at_release(self->t.fd, reg.handle));
	p = at_sponge(SPONGE);
	ASSERT_NE(NULL, p);
	EXPECT_EQ(0, at_wait(self->t.fd, seq, AT_SEC(20), &w));
	EXPECT_EQ(0, w.status);
	EXPECT_EQ(SIZE, w.bytes);
	bad = at_check_byte(p, SPONGE, AT_CANARY);
	EXPECT_EQ(-1, bad)
		TH_LOG("memory of another owner was written at %zd", bad);
	munmap(p, SPONGE);
}

/* A waiter in one thread of execution, close() in another */
TEST_F_TIMEOUT(cancel, close_under_a_waiter, 60)
{
	struct axl_ioc_buf_register reg;
	struct axl_ioc_wait w;
	struct at_mem mem;
	uint64_t seq;
	pid_t child;
	int status, fd;

	fd = at_open();
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, at_mem_alloc(&mem, AT_PLAIN, SIZE));
	ASSERT_EQ(0, at_register(fd, mem.p, SIZE, AXL_BUF_FROM_DEVICE, &reg));
	struct axl_xfer x = {
		.handle = reg.handle, .direction = AXL_FROM_DEVICE,
		.device_addr = self->base, .length = SIZE,
		.channel = AXL_CHANNEL_ANY,
	};

	at_slow_engine(4096, SIZE, AT_MSEC(200));
	ASSERT_EQ(0, at_submit(fd, &x, 1, self->t.q.generation, AT_SEC(20),
			       &seq));
	child = fork();
	if (!child)
		_exit(at_wait(fd, seq, AXL_TIMEOUT_INFINITE, &w) || w.status);
	ASSERT_GT(child, 0);
	/* The child's descriptor keeps the file: it collects in peace */
	close(fd);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(-1, at_check_byte(mem.p, SIZE, 0xbd));
	at_mem_free(&mem);
}

TEST_HARNESS_MAIN
