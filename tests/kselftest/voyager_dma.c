// SPDX-License-Identifier: GPL-2.0
/*
 * Transfers by the Voyager SDK's calls: user memory, dma-bufs, both at the same
 * time, and what goes wrong with them.
 *
 * Taken, where the description is silent: @offset of ioctl 10 is not looked at, as
 * in the vendor's driver, and its transfers end before it does whether SYNC or
 * ASYNC is said. A transfer that is refused moves nothing. What
 * a second transfer of the same dma-buf meets while an asynchronous one is under
 * way is -EBUSY, or it runs. After a wait the state stays what it became, or is
 * "none".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "kselftest_harness.h"
#include "libvoyager.h"

#define SPONGE		(24 * MIB)	/* takes up what was freed */

FIXTURE(dma)
{
	struct at_ctx t;
	uint64_t base;
	int fd;
};

FIXTURE_SETUP(dma)
{
	VY_BEGIN(&self->t, 0);
	self->base = at_scratch_l2(&self->t.q);
	self->fd = at_open();
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(dma)
{
	uint8_t p[100];

	/* Whatever happened, the card works for the next one */
	at_lab_set(METIS_LAB_UNDO, 1);
	EXPECT_EQ(0, vy_parameter_set("dma_timeout", "2"));
	EXPECT_EQ(0, at_dev_fill(self->base, 0xbd, 104));
	EXPECT_EQ(0, vy_user_xfer(self->t.fd, VY_READ, self->base, p,
				  sizeof(p)));
	EXPECT_EQ(-1, at_check_byte(p, sizeof(p), 0xbd));
	close(self->fd);
	AT_END(&self->t);
}

/* ---- user memory ---- */

TEST_F_TIMEOUT(dma, user_both_ways, 90)
{
	static const size_t sizes[] = { 1, 4, 63, 4096, 4097, 65536, 1000003,
					8 * MIB };
	struct at_mem m;
	size_t i, n;
	int shape;

	for (shape = 0; shape < 3; shape++) {
		if (at_mem_alloc(&m, shape, 8 * MIB + 4096))
			continue;
		for (i = 0; i < at_array_size(sizes); i++) {
			n = sizes[i];
			at_fill(m.p + 5, n, i + 70, 0);
			/* SYNC may be said, it is what ioctl 10 does anyway */
			ASSERT_EQ(0, vy_user_xfer(self->fd, VY_WRITE |
						  (i % 2 ? VY_SYNC : 0),
						  self->base + 3, m.p + 5, n))
				TH_LOG("%zu bytes", n);
			EXPECT_EQ(0, at_dev_differs(self->base + 3, m.p + 5, n));
			memset(m.p, 0, n + 10);
			ASSERT_EQ(0, vy_user_xfer(self->fd, VY_READ,
						  self->base + 3, m.p + 5, n));
			EXPECT_EQ(-1, at_check(m.p + 5, n, i + 70, 0));
			EXPECT_EQ(0, m.p[4]);
			EXPECT_EQ(0, m.p[5 + n]);
		}
		at_mem_free(&m);
	}
}

/* Nobody has ever looked at the field: callers may leave anything in it */
TEST_F(dma, user_offset)
{
	static const uint32_t offsets[] = { 1, 4100, 0x7fffffff, ~0U };
	struct vy_user_xfer x = { .dev_addr = self->base, .size = 1000 };
	static uint8_t p[8192];
	size_t i;

	x.user_addr = (uintptr_t)p;
	for (i = 0; i < at_array_size(offsets); i++) {
		x.offset = offsets[i];
		x.flags = VY_WRITE;
		at_fill(p, sizeof(p), i, 0);
		ASSERT_EQ(0, vy_call(self->fd, VY_USER_XFER, &x))
			TH_LOG("offset %u", x.offset);
		EXPECT_EQ(0, at_dev_differs(self->base, p, 1000));
		memset(p, 0, sizeof(p));
		x.flags = VY_READ;
		ASSERT_EQ(0, vy_call(self->fd, VY_USER_XFER, &x));
		EXPECT_EQ(-1, at_check(p, 1000, i, 0));
		EXPECT_EQ(-1, at_check_byte(p + 1000, sizeof(p) - 1000, 0));
	}
}

/* Whichever is said, the transfer has ended when the call returns */
TEST_F(dma, user_sync_or_async)
{
	static const uint32_t modes[] = { 0, VY_SYNC, VY_ASYNC,
					  VY_SYNC | VY_ASYNC };
	static uint8_t p[2 * MIB];
	size_t i;

	for (i = 0; i < at_array_size(modes); i++) {
		at_fill(p, sizeof(p), i, 0);
		ASSERT_EQ(0, vy_user_xfer(self->fd, VY_WRITE | modes[i],
					  self->base, p, sizeof(p)))
			TH_LOG("flags %#x", modes[i]);
		EXPECT_EQ(0, at_dev_differs(self->base, p, sizeof(p)));
		memset(p, 0, sizeof(p));
		ASSERT_EQ(0, vy_user_xfer(self->fd, VY_READ | modes[i],
					  self->base, p, sizeof(p)));
		EXPECT_EQ(-1, at_check(p, sizeof(p), i, 0));
	}
	EXPECT_EQ(VY_NONE, vy_call(self->fd, VY_BUF_STATE, NULL));
	EXPECT_EQ(0, vy_polled(self->fd, 0));
}

/* The vendor's driver looks at no flag */
TEST_F(dma, user_flags)
{
	static const uint32_t bad[] = {
		0, VY_SYNC, VY_ASYNC, VY_READ | VY_WRITE,
		VY_READ | VY_WRITE | VY_SYNC, VY_SYNC | VY_ASYNC,
		VY_READ | 16, VY_WRITE | 0x40000000, VY_READ | VY_P2P,
		VY_WRITE | VY_P2P | VY_SYNC, ~0U, 0x7fffffff, VY_P2P,
	};
	uint32_t before = at_doorbells_both();
	uint8_t p[64] = { };
	size_t i;

	for (i = 0; i < at_array_size(bad); i++)
		EXPECT_EQ(-EINVAL, vy_user_xfer(self->fd, bad[i], self->base, p,
						sizeof(p)))
			TH_LOG("flags %#x", bad[i]);
	EXPECT_EQ(before, at_doorbells_both());
	EXPECT_EQ(-1, at_check_byte(p, sizeof(p), 0));
}

TEST_F(dma, user_ranges)
{
	uint64_t l2 = self->t.q.l2_base, end = l2 + self->t.q.l2_size;
	uint64_t list, list_size;
	uint32_t before;
	uint8_t *p, *ro;
	size_t page = at_page_size(), i;

	p = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	memset(p, 0, page);
	ro = p + 2 * page;
	munmap(p + page, page);
	mprotect(ro, page, PROT_READ);
	ASSERT_EQ(0, at_list_buffer(&self->t, &list, &list_size));
	before = at_doorbells_both();
	const struct {
		uint64_t dev;
		void *p;
		size_t n;
		uint32_t flags;
	} bad[] = {
		{ self->base, p, 0, VY_READ },
		{ self->base, p, 0, VY_WRITE },
		{ 0, p, 64, VY_READ },
		{ l2 - 1, p, 64, VY_WRITE },
		{ end - 63, p, 64, VY_READ },
		{ end, p, 1, VY_READ },
		{ ~0ULL, p, 1, VY_READ },
		{ ~0ULL - 10, p, 64, VY_WRITE },
		{ list, p, 64, VY_WRITE },
		{ list + list_size - 1, p, 1, VY_WRITE },
		{ self->base, p, page + 1, VY_READ },
		{ self->base, p + page, 1, VY_WRITE },
		{ self->base, NULL, 64, VY_READ },
		{ self->base, ro, 64, VY_READ },
		{ self->base, (void *)0xffff000000000000ULL, 64, VY_WRITE },
		{ self->base, p, ~0UL, VY_READ },
		{ self->base, p, 1UL << 63, VY_WRITE },
		{ self->base, p, 1UL << 40, VY_WRITE },
		{ self->base, (void *)(~0UL - 10), 64, VY_READ },
	};

	for (i = 0; i < at_array_size(bad); i++)
		EXPECT_REFUSED(vy_user_xfer(self->fd, bad[i].flags, bad[i].dev,
					    bad[i].p, bad[i].n));
	EXPECT_EQ(before, at_doorbells_both());
	EXPECT_EQ(-1, at_check_byte(p, page, 0));
	/* Reading the card into memory that may be read only is possible */
	EXPECT_EQ(0, vy_user_xfer(self->fd, VY_WRITE, self->base, ro, 64));
	munmap(p, page);
}

TEST_F(dma, ddr)
{
	static uint8_t p[100000];
	uint64_t addr;

	if (!(self->t.q.features & AXL_FEAT_DDR))
		SKIP(return, "no DDR here");
	addr = at_scratch_ddr(&self->t.q);
	at_fill(p, sizeof(p), 33, 0);
	ASSERT_EQ(0, vy_user_xfer(self->fd, VY_WRITE, addr, p, sizeof(p)));
	EXPECT_EQ(0, at_dev_differs(addr, p, sizeof(p)));
	memset(p, 0, sizeof(p));
	ASSERT_EQ(0, vy_user_xfer(self->fd, VY_READ, addr, p, sizeof(p)));
	EXPECT_EQ(-1, at_check(p, sizeof(p), 33, 0));
}

static int both_ways(int fd, uint64_t base, uint8_t *p, size_t n)
{
	int err;

	at_fill(p, n, n, 0);
	err = vy_user_xfer(fd, VY_WRITE, base, p, n);
	if (err)
		return err;
	if (at_dev_differs(base, p, n))
		return -EILSEQ;
	memset(p, 0, n);
	err = vy_user_xfer(fd, VY_READ, base, p, n);
	if (!err && at_check(p, n, n, 0) != -1)
		err = -EILSEQ;
	return err;
}

/*
 * As others than root have it, and memory begins anywhere. Taken: the vendor's driver
 * knows no limit, so the smallest that is usual does not matter.
 */
TEST_F(dma, user_may_lock_little)
{
	static const rlim_t limits[] = { 8 * MIB, 64 * KIB, 0 };
	int status;
	pid_t child;
	size_t i;

	for (i = 0; i < at_array_size(limits); i++) {
		fflush(stdout);
		child = fork();
		if (!child) {
			struct rlimit limit = { limits[i], limits[i] };
			uint8_t *p = malloc(MIB + 64);

			/* without CAP_IPC_LOCK from here on */
			if (!p || setrlimit(RLIMIT_MEMLOCK, &limit) ||
			    setuid(12345))
				_exit(255);
			_exit(-both_ways(self->fd, self->base, p + 5, MIB));
		}
		ASSERT_GT(child, 0);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		ASSERT_TRUE(WIFEXITED(status));
		EXPECT_EQ(0, WEXITSTATUS(status))
			TH_LOG("%lu KiB may be locked: %s",
			       (unsigned long)(limits[i] / KIB),
			       strerror(WEXITSTATUS(status)));
	}
}

struct reader {
	pthread_t thread;
	uint64_t base;
	int fd, err;
};

static void *read_around(void *arg)
{
	struct reader *r = arg;
	uint8_t *p = malloc(4 * MIB);
	int i;

	for (i = 0; i < 1 + 9 / (int)at_slow() && !r->err; i++)
		r->err = vy_user_xfer(r->fd, VY_READ, r->base, p, 4 * MIB);
	free(p);
	return NULL;
}

static int many_read(int fd, uint64_t base)
{
	struct reader r[12] = { };
	int err = 0;
	size_t i;

	for (i = 0; i < at_array_size(r); i++) {
		r[i].fd = fd;
		r[i].base = base;
		if (pthread_create(&r[i].thread, NULL, read_around, &r[i]))
			return -EAGAIN;
	}
	for (i = 0; i < at_array_size(r); i++) {
		pthread_join(r[i].thread, NULL);
		err = err ? err : r[i].err;
	}
	return err;
}

/* 8 MiB are the kernel's default, and 12 threads have 48 under way */
TEST_F_TIMEOUT(dma, threads_may_lock_little, 60)
{
	struct rlimit limit = { 8 * MIB, 8 * MIB };
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (!child) {
		if (setrlimit(RLIMIT_MEMLOCK, &limit) || setuid(12345))
			_exit(255);
		_exit(-many_read(self->fd, self->base));
	}
	ASSERT_GT(child, 0);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status))
		TH_LOG("%s", strerror(WEXITSTATUS(status)));
}

/* ---- two at a time ---- */

struct mover {
	pthread_t thread;
	int fd, err;
	uint64_t base;
	unsigned int seed, rounds;
	volatile bool stop;
	unsigned int done;
};

static void *move_around(void *arg)
{
	struct mover *m = arg;
	size_t n = 200001;
	uint8_t *p = malloc(n);
	unsigned int i;

	for (i = 0; i < m->rounds && !m->stop && !m->err; i++) {
		at_fill(p, n, m->seed, i);
		m->err = vy_user_xfer(m->fd, VY_WRITE, m->base, p, n);
		memset(p, 0, n);
		if (!m->err)
			m->err = vy_user_xfer(m->fd, VY_READ, m->base, p, n);
		if (!m->err && at_check(p, n, m->seed, i) != -1)
			m->err = -EILSEQ;
		m->done++;
	}
	free(p);
	return NULL;
}

/* The vendor's driver lets them free each other's work */
TEST_F_TIMEOUT(dma, two_threads_one_file, 60)
{
	struct mover m[4];
	int i;

	for (i = 0; i < 4; i++) {
		m[i] = (struct mover){ .fd = self->fd, .rounds = 60,
				       .base = self->base + i * MIB,
				       .seed = i };
		ASSERT_EQ(0, pthread_create(&m[i].thread, NULL, move_around,
					    &m[i]));
	}
	for (i = 0; i < 4; i++) {
		pthread_join(m[i].thread, NULL);
		EXPECT_EQ(0, m[i].err)
			TH_LOG("thread %d, after %u rounds", i, m[i].done);
	}
}

TEST_F_TIMEOUT(dma, files_and_threads, 60)
{
	struct mover m[6];
	int i;

	for (i = 0; i < 6; i++) {
		m[i] = (struct mover){ .fd = at_open(), .rounds = 30,
				       .base = self->base + i * MIB,
				       .seed = i };
		ASSERT_GE(m[i].fd, 0);
		ASSERT_EQ(0, pthread_create(&m[i].thread, NULL, move_around,
					    &m[i]));
	}
	for (i = 0; i < 6; i++) {
		pthread_join(m[i].thread, NULL);
		EXPECT_EQ(0, m[i].err);
		close(m[i].fd);
	}
}

/* ---- ioctl 19, with nothing to be told ---- */

static void tell_nothing_new(struct __test_metadata *_metadata, int fd,
			     uint64_t base)
{
	uint64_t before = at_generation(fd);
	struct mover m[2];
	unsigned int told = 0;
	int i, err = 0;

	ASSERT_NE(0, before);
	for (i = 0; i < 2; i++) {
		m[i] = (struct mover){ .fd = at_open(), .rounds = 40,
				       .base = base + i * MIB, .seed = i };
		ASSERT_GE(m[i].fd, 0);
		ASSERT_EQ(0, pthread_create(&m[i].thread, NULL, move_around,
					    &m[i]));
	}
	while (!err && (m[0].done < m[0].rounds || m[1].done < m[1].rounds) &&
	       !m[0].err && !m[1].err) {
		err = vy_call(fd, VY_DYNMEM_LOAD, NULL);
		told++;
	}
	EXPECT_EQ(0, err);
	for (i = 0; i < 2; i++) {
		pthread_join(m[i].thread, NULL);
		EXPECT_EQ(0, m[i].err)
			TH_LOG("after %u rounds, told %u times", m[i].done,
			       told);
		close(m[i].fd);
	}
	EXPECT_LT(1, told);
	EXPECT_EQ(before, at_generation(fd));
}

/* Without areas, too: it must not end an upload */
TEST_F_TIMEOUT(dma, told_without_firmware, 60)
{
	struct axl_query q;

	ASSERT_EQ(0, at_cure(self->fd));
	ASSERT_EQ(0, at_query(self->fd, &q));
	ASSERT_EQ(AXL_FW_BOOTLOADER, q.fw_state);
	/* its header may have come after the reset was over, which is news */
	at_sleep_ms(500);
	ASSERT_EQ(0, vy_call(self->fd, VY_DYNMEM_LOAD, NULL));
	tell_nothing_new(_metadata, self->fd, self->base);
}

/* What was refused once is not refused as something new each time */
TEST_F_TIMEOUT(dma, told_of_what_is_unusable, 60)
{
	/* where lists are needed, they are not where that area says */
	self->t.flags |= AT_PROVOKES_POLICE;
	ASSERT_EQ(0, at_cure(self->fd));
	at_lab_set(METIS_LAB_HOSTILE, METIS_HOSTILE_DESC_TINY);
	ASSERT_EQ(0, at_fw_run(self->fd));
	ASSERT_EQ(0, vy_call(self->fd, VY_DYNMEM_LOAD, NULL));
	tell_nothing_new(_metadata, self->fd, self->base);
	at_lab_set(METIS_LAB_HOSTILE, 0);
	ASSERT_EQ(0, at_fw_run(self->fd));
	at_lab_set(METIS_LAB_POLICE_RESET, 1);
}

/* What firmware does not change, a restart can have made it forget */
TEST_F_TIMEOUT(dma, told_of_a_restart_without_a_trace, 60)
{
	uint64_t before, count, after, generation;

	if (!(self->t.q.features & AXL_FEAT_VMSI))
		SKIP(return, "firmware has no table");
	if (self->t.q.iommu_mode < AXL_IOMMU_TRANSLATED)
		SKIP(return, "nothing translates: its event would go astray");
	self->t.flags |= AT_PROVOKES_STRAY;
	before = at_lab_get64(METIS_LAB_TARGET);
	ASSERT_NE(0, before);
	generation = at_generation(self->fd);
	ASSERT_EQ(0, at_event_count(self->fd, AXL_EVENT_MESSAGE, &count));
	at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_SILENT);
	EXPECT_EQ(0, at_lab_get64(METIS_LAB_TARGET));
	ASSERT_EQ(0, vy_call(self->fd, VY_DYNMEM_LOAD, NULL));
	EXPECT_EQ(before, at_lab_get64(METIS_LAB_TARGET));
	EXPECT_EQ(generation, at_generation(self->fd));
	at_lab_set(METIS_LAB_RAISE, AXL_EVENT_MESSAGE);
	EXPECT_EQ(0, at_wait_event(self->fd, AXL_EVENT_MESSAGE, count, AT_SOON,
				   &after));
}

/* Registers of the engine that a restart of firmware could reset */
TEST_F_TIMEOUT(dma, told_of_an_engine_that_was_reset, 60)
{
	static const uint32_t regs[] = {
		0x00c, 0x02c,			/* engine_en */
		0x060, 0x064, 0x068, 0x06c,	/* wr_done_imwr, wr_abort_imwr */
		0x0cc, 0x0d0, 0x0d4, 0x0d8,	/* rd */
		0x090, 0x0c4,			/* ll_err_en */
	};
	uint32_t was[ARRAY_SIZE(regs)], lost;
	volatile uint8_t *p;
	uint8_t *mem;
	unsigned int i;

	if (sysconf(_SC_PAGESIZE) > 4096)
		SKIP(return, "registers are not mapped here");
	ASSERT_EQ(0, vy_call(self->fd, VY_DYNMEM_LOAD, NULL));
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd,
		 4096);
	ASSERT_NE(MAP_FAILED, p);
	if (self->t.q.features & AXL_FEAT_DMA_VM)
		SKIP(return, "they are firmware's");
	for (i = 0; i < ARRAY_SIZE(regs); i++) {
		was[i] = *(volatile uint32_t *)(p + regs[i]);
		*(volatile uint32_t *)(p + regs[i]) = 0;
	}
	ASSERT_EQ(0, vy_call(self->fd, VY_DYNMEM_LOAD, NULL));
	for (i = 0; i < ARRAY_SIZE(regs); i++)
		EXPECT_EQ(was[i], *(volatile uint32_t *)(p + regs[i]))
			TH_LOG("register %#x", regs[i]);
	lost = at_lab_get(METIS_LAB_IMWR_LOST);
	mem = malloc(MIB);
	memset(mem, 0x17, MIB);
	EXPECT_EQ(0, vy_user_xfer(self->fd, VY_WRITE, self->base, mem, MIB));
	EXPECT_EQ(0, vy_user_xfer(self->fd, VY_READ, self->base, mem, MIB));
	EXPECT_EQ(lost, at_lab_get(METIS_LAB_IMWR_LOST));
	free(mem);
	munmap((void *)p, 4096);
}

/* ---- a restart between pieces of a long transfer ---- */

/* Restarts the card before a page of the memory is there */
struct trap {
	pthread_t thread;
	struct at_ctx *t;
	struct at_trap mem;
	uint64_t generation;
	int err;
	volatile bool over;
};

static void *trap_wait(void *arg)
{
	struct trap *t = arg;
	int err;

	do {
		err = at_trap_wait(&t->mem, 100);
	} while (err == -ETIMEDOUT && !t->over);
	if (err) {
		t->err = -ECANCELED;
		return NULL;
	}
	at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_RUNTIME);
	t->err = vy_settle(t->t->fd, t->generation);
	err = at_trap_open(&t->mem);
	if (err)
		t->err = err;
	return NULL;
}

static void restart_while_pinning(struct __test_metadata *_metadata,
				  FIXTURE_DATA(dma) *self, size_t offset,
				  int expected)
{
	struct trap t = { .t = &self->t };
	int err;

	if (self->t.q.fw_state != AXL_FW_RUNNING)
		ASSERT_EQ(0, at_fw_run(self->fd));
	t.generation = at_generation(self->fd);
	err = at_trap_set(&t.mem, 8 * MIB, offset);
	if (err == -ENOSYS || err == -EPERM)
		SKIP(return, "no userfaultfd (%d)", err);
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, pthread_create(&t.thread, NULL, trap_wait, &t));
	err = vy_user_xfer(self->fd, VY_WRITE, self->base, t.mem.p,
			   t.mem.n);
	t.over = true;
	pthread_join(t.thread, NULL);
	/* 6.1 cannot wait for a page that it is to pin */
	if (err == -EFAULT && t.err == -ECANCELED)
		SKIP(goto out, "nobody waits for that page here");
	EXPECT_EQ(expected, err);
	EXPECT_EQ(0, t.err);
	/* one that comes now is for the firmware that runs now */
	if (err)
		EXPECT_EQ(0, vy_user_xfer(self->fd, VY_WRITE, self->base,
					  t.mem.p, t.mem.n));
	EXPECT_EQ(0, at_dev_differs(self->base, t.mem.p, t.mem.n));
out:
	at_trap_free(&t.mem);
}

/* Nothing has been moved yet: all of it is for the next firmware */
TEST_F_TIMEOUT(dma, restart_before_the_first_piece, 60)
{
	restart_while_pinning(_metadata, self, 2 * MIB, 0);
}

/* What has been moved is gone, so the rest must not count as the whole */
TEST_F_TIMEOUT(dma, restart_between_pieces, 60)
{
	restart_while_pinning(_metadata, self, 6 * MIB, -ESTALE);
}

/* ---- time runs out ---- */

struct one_shot {
	pthread_t thread;
	int fd, err;
	uint32_t flags;
	uint64_t dev;
	void *p;
	size_t n;
	uint64_t took;
	volatile bool ended;
};

static void *shoot(void *arg)
{
	struct one_shot *o = arg;
	uint64_t start = at_now();

	o->err = vy_user_xfer(o->fd, o->flags, o->dev, o->p, o->n);
	o->took = at_now() - start;
	o->ended = true;
	return NULL;
}

static void shot_start(struct one_shot *o)
{
	o->ended = false;
	pthread_create(&o->thread, NULL, shoot, o);
}

/* In the vendor's driver the engine goes on writing into what was unmapped */
static void timed_out(struct __test_metadata *_metadata, int fd, uint64_t base,
		      uint32_t flags, enum metis_lab_reg how, uint32_t mask)
{
	struct at_mem m;
	uint8_t *p, *q;
	uint64_t start;
	int err;

	ASSERT_EQ(0, at_mem_alloc(&m, AT_SCATTERED, MIB));
	at_lab_set(how, mask);
	start = at_now();
	err = vy_user_xfer(fd, flags, base, m.p, m.size);
	/* Taken: a card that had to be reset may be the reason that is told */
	EXPECT_TRUE(err == -ETIMEDOUT ||
		    (how == METIS_LAB_HANG_HARD && err == -ESTALE))
		TH_LOG("%d", err);
	/* dma_timeout is two seconds */
	EXPECT_GE(at_now() - start, AT_MSEC(1500));
	EXPECT_LT(at_now() - start, AT_SEC(20));
	at_mem_free(&m);
	p = at_sponge(SPONGE);
	ASSERT_NE(NULL, p);
	at_lab_set(METIS_LAB_UNDO, 1);
	at_sleep_ms(20);
	EXPECT_TRUE(at_engine_rests(AT_SOON));
	q = at_sponge(SPONGE);
	ASSERT_NE(NULL, q);
	EXPECT_EQ(-1, at_check_byte(p, SPONGE, AT_CANARY));
	EXPECT_EQ(-1, at_check_byte(q, SPONGE, AT_CANARY));
	munmap(p, SPONGE);
	munmap(q, SPONGE);
}

TEST_F_TIMEOUT(dma, time_is_up_read, 60)
{
	ASSERT_EQ(0, at_dev_fill(self->base, 0x77, MIB));
	timed_out(_metadata, self->fd, self->base, VY_READ, METIS_LAB_FREEZE, 1);
	timed_out(_metadata, self->fd, self->base, VY_READ, METIS_LAB_HANG_SOFT,
		  0xff);
}

TEST_F_TIMEOUT(dma, time_is_up_write, 60)
{
	timed_out(_metadata, self->fd, self->base, VY_WRITE, METIS_LAB_FREEZE, 1);
}

/* Channels that obey no stop: only a reset of the card helps */
TEST_F_TIMEOUT(dma, time_is_up_hard, 60)
{
	timed_out(_metadata, self->fd, self->base, VY_READ, METIS_LAB_HANG_HARD,
		  0xff);
}

/* ---- the card refuses, the link goes ---- */

TEST_F(dma, aborts)
{
	struct vy_dma_stats before, after;
	static uint8_t p[65536];
	int i, errors = 0;

	ASSERT_EQ(0, vy_call(self->fd, VY_DMA_STATS, &before));
	at_lab_set(METIS_LAB_ABORT_NEXT, 0xff);
	i = vy_user_xfer(self->fd, VY_READ, self->base, p, sizeof(p));
	EXPECT_EQ(-EIO, i);
	at_lab_set(METIS_LAB_UNDO, 1);
	at_lab_set(METIS_LAB_ABORT_NEXT, 0xff);
	i = vy_user_xfer(self->fd, VY_WRITE, self->base, p, sizeof(p));
	EXPECT_EQ(-EIO, i);
	at_lab_set(METIS_LAB_UNDO, 1);
	ASSERT_EQ(0, vy_call(self->fd, VY_DMA_STATS, &after));
	for (i = 0; i < 4; i++) {
		errors += after.rd[i].errors - before.rd[i].errors;
		errors += after.wr[i].errors - before.wr[i].errors;
	}
	EXPECT_EQ(2, errors);
	EXPECT_EQ(0, vy_user_xfer(self->fd, VY_WRITE, self->base, p,
				  sizeof(p)));
}

/* All ones look like "done": a transfer that did not happen is no success */
TEST_F_TIMEOUT(dma, link_lost_under_a_transfer, 60)
{
	struct one_shot o[2];
	uint64_t end;
	int i, k, err;

	for (k = 0; k < 2; k++) {
		for (i = 0; i < 2; i++) {
			o[i] = (struct one_shot){
				.fd = self->fd, .dev = self->base + i * MIB,
				.flags = i ? VY_WRITE : VY_READ, .n = MIB,
				.p = malloc(MIB),
			};
			memset(o[i].p, 0x42, MIB);
		}
		at_lab_set(METIS_LAB_FREEZE, 1);
		for (i = 0; i < 2; i++)
			shot_start(&o[i]);
		EXPECT_TRUE(at_engine_runs(AT_SOON));
		at_sleep_ms(20);
		at_lab_set(METIS_LAB_LINK_DOWN, 300);
		for (i = 0; i < 2; i++) {
			pthread_join(o[i].thread, NULL);
			EXPECT_LT(o[i].err, 0)
				TH_LOG("%s: %d after %llu ms",
				       i ? "write" : "read", o[i].err,
				       (unsigned long long)o[i].took / 1000000);
			EXPECT_LT(o[i].took, AT_SEC(20));
		}
		EXPECT_EQ(-1, at_check_byte(o[0].p, MIB, 0x42));
		at_lab_set(METIS_LAB_UNDO, 1);
		end = at_now() + AT_SEC(20);
		do {
			at_sleep_ms(20);
			err = vy_user_xfer(self->fd, VY_WRITE, self->base,
					   o[1].p, MIB);
		} while (err && at_now() < end);
		EXPECT_EQ(0, err);
		EXPECT_EQ(0, at_dev_differs(self->base, o[1].p, MIB));
		free(o[0].p);
		free(o[1].p);
	}
}

/* The link stays "active", everything reads all ones */
TEST_F_TIMEOUT(dma, card_dies, 60)
{
	struct one_shot o = {
		.fd = self->fd, .dev = self->base, .flags = VY_READ, .n = MIB,
	};
	uint64_t start, value = VY_PROP_CORES;
	struct vy_dma_stats stats;
	int err;

	o.p = malloc(MIB);
	memset(o.p, 0x42, MIB);
	at_lab_set(METIS_LAB_FREEZE, 1);
	shot_start(&o);
	EXPECT_TRUE(at_engine_runs(AT_SOON));
	at_lab_set(METIS_LAB_DIE, METIS_LAB_DIE_WEDGED);
	pthread_join(o.thread, NULL);
	EXPECT_LT(o.err, 0);
	EXPECT_LT(o.took, AT_SEC(30));
	EXPECT_EQ(-1, at_check_byte(o.p, MIB, 0x42));
	start = at_now();
	do {
		err = vy_user_xfer(self->fd, VY_WRITE, self->base, o.p, 4096);
		EXPECT_LT(err, 0);
	} while (err != -ENODEV && err != -EIO && at_now() - start < AT_SEC(30));
	EXPECT_TRUE(err == -ENODEV || err == -EIO)
		TH_LOG("%d", err);
	/* What needs no card may work, nothing hangs */
	vy_call(self->fd, VY_PROPERTY, &value);
	vy_call(self->fd, VY_DMA_STATS, &stats);
	vy_call(self->fd, VY_DYNMEM_LOAD, NULL);
	vy_lock(self->fd, 1);
	vy_lock(self->fd, 0);
	EXPECT_LT(at_now() - start, AT_SEC(40));
	EXPECT_EQ(0, vy_revive(&self->t));
	/* The old file stays one of a card that is gone */
	EXPECT_LT(vy_user_xfer(self->fd, VY_WRITE, self->base, o.p, 4096), 0);
	free(o.p);
}

/* ---- the card is taken away, the owner is killed ---- */

TEST_F_TIMEOUT(dma, removed_under_a_transfer, 60)
{
	struct one_shot o = {
		.fd = self->fd, .dev = self->base, .flags = VY_READ, .n = MIB,
	};
	uint8_t *p;
	int i;

	for (i = 0; i < 3; i++) {
		o.p = malloc(MIB);
		o.fd = at_open();
		ASSERT_GE(o.fd, 0);
		at_lab_set(METIS_LAB_FREEZE, 1);
		shot_start(&o);
		EXPECT_TRUE(at_engine_runs(AT_SOON));
		ASSERT_EQ(0, at_pci_remove(&self->t.pci));
		pthread_join(o.thread, NULL);
		EXPECT_LT(o.err, 0);
		EXPECT_EQ(-ENODEV, vy_user_xfer(o.fd, VY_READ, self->base, o.p,
						64));
		EXPECT_LT(vy_lock(o.fd, 1), 0);
		free(o.p);
		p = at_sponge(SPONGE);
		at_lab_set(METIS_LAB_UNDO, 1);
		ASSERT_EQ(0, at_pci_rescan());
		close(self->t.fd);
		self->t.fd = at_open();
		ASSERT_GE(self->t.fd, 0);
		EXPECT_EQ(-1, at_check_byte(p, SPONGE, AT_CANARY));
		munmap(p, SPONGE);
		/* the structure behind the old file is still there to be closed */
		close(o.fd);
	}
}

TEST_F_TIMEOUT(dma, killed_in_flight, 60)
{
	uint64_t start;
	int status, i, fd;
	uint8_t *p, *q;
	pid_t child;

	for (i = 0; i < 6; i++) {
		at_lab_set(METIS_LAB_FREEZE, i % 2);
		at_lab_set(METIS_LAB_STEP_BYTES, 4096);
		at_lab_set(METIS_LAB_STEP_NS, 500000);
		child = fork();
		if (!child) {
			q = malloc(2 * MIB);
			fd = at_open();
			_exit(vy_user_xfer(fd, VY_READ, self->base, q, 2 * MIB));
		}
		ASSERT_GT(child, 0);
		EXPECT_TRUE(at_engine_runs(AT_SOON));
		start = at_now();
		kill(child, SIGKILL);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_LT(at_now() - start, AT_SEC(10));
		p = at_sponge(SPONGE);
		at_lab_set(METIS_LAB_FREEZE, 0);
		EXPECT_TRUE(at_engine_rests(AT_SOON));
		EXPECT_EQ(-1, at_check_byte(p, SPONGE, AT_CANARY));
		munmap(p, SPONGE);
	}
}

/*
 * The file outlives the process, in one that shares it: what the process had under
 * way goes with the process, what it had queued at once.
 */
TEST_F_TIMEOUT(dma, killed_with_a_shared_file, 60)
{
	struct at_leak leak;
	const char *grew;
	uint64_t start;
	pid_t child[6];
	uint8_t *p;
	int i, k, n;

	/* None may be stopped for its time before it is killed */
	ASSERT_EQ(0, vy_parameter_set("dma_timeout", "40"));
	p = malloc(MIB);
	ASSERT_EQ(0, vy_user_xfer(self->fd, VY_READ, self->base, p, MIB));
	for (k = 0; k < 4; k++) {
		/* caches fill first */
		if (k == 1)
			at_leak_mark(&leak);
		at_lab_set(METIS_LAB_FREEZE, 1);
		for (i = 0; i < 6; i++) {
			child[i] = fork();
			if (!child[i])
				_exit(vy_user_xfer(self->fd, VY_READ,
						   self->base, p, MIB));
			ASSERT_GT(child[i], 0);
			/* a channel each, in this order; the last ones wait */
			for (n = 0; n < 10000 && at_engine_running() < (i < 4 ? i + 1 : 4); n++)
				at_sleep_ms(1);
			ASSERT_EQ((i < 4 ? i + 1 : 4), at_engine_running());
		}
		at_sleep_ms(100);
		for (i = 5; i >= 0; i--) {
			/* no channel for the last ones */
			if (i == 3)
				at_lab_set(METIS_LAB_FREEZE, 0);
			start = at_now();
			kill(child[i], SIGKILL);
			ASSERT_EQ(child[i], waitpid(child[i], NULL, 0));
			EXPECT_LT(at_now() - start, AT_SEC(1) * at_slow())
				TH_LOG("child %d", i);
		}
	}
	EXPECT_TRUE(at_engine_rests(AT_SOON));
	grew = at_leak_check(&leak);
	EXPECT_EQ(NULL, grew)
		TH_LOG("in three rounds: %s", grew);
	free(p);
}

/* Taken: a wait for the engine ends with a signal; if not, when it is done */
TEST_F_TIMEOUT(dma, interrupted, 60)
{
	struct one_shot o = {
		.fd = self->fd, .dev = self->base, .flags = VY_READ, .n = MIB,
	};
	uint8_t *p;

	at_catch_signal(SIGUSR1);
	o.p = mmap(NULL, MIB, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, o.p);
	at_lab_set(METIS_LAB_FREEZE, 1);
	shot_start(&o);
	EXPECT_TRUE(at_engine_runs(AT_SOON));
	pthread_kill(o.thread, SIGUSR1);
	pthread_join(o.thread, NULL);
	EXPECT_TRUE(o.err == -EINTR || o.err == -ETIMEDOUT)
		TH_LOG("%d", o.err);
	munmap(o.p, MIB);
	p = at_sponge(SPONGE);
	at_lab_set(METIS_LAB_FREEZE, 0);
	EXPECT_TRUE(at_engine_rests(AT_SOON));
	EXPECT_EQ(-1, at_check_byte(p, SPONGE, AT_CANARY));
	munmap(p, SPONGE);
}

/* ---- who looks after the caches ---- */

static int probes_set(void)
{
	int err;

	if (access(TRACING "kprobe_events", W_OK))
		return -ENOTSUP;
	err = at_write_text(TRACING "kprobe_events",
			    "p:vy/end dma_buf_end_cpu_access\n"
			    "p:vy/begin dma_buf_begin_cpu_access\n");
	return err ? err : at_write_text(TRACING "events/vy/enable", "1");
}

static void probes_clear(void)
{
	at_write_text(TRACING "events/vy/enable", "0");
	at_write_text(TRACING "kprobe_events", "-:vy/end\n-:vy/begin\n");
}

/* ---- dma-bufs ---- */

FIXTURE(dmabuf)
{
	struct at_ctx t;
	struct vy_dmabuf b;
	uint64_t base;
	int fd;
};

FIXTURE_SETUP(dmabuf)
{
	int err;

	self->b.fd = -1;
	self->fd = -1;
	VY_BEGIN(&self->t, 0);
	self->base = at_scratch_l2(&self->t.q);
	err = vy_dmabuf_make(&self->b, 2 * MIB);
	if (err == -ENOTSUP)
		SKIP(return, "this kernel has neither dma_heap nor udmabuf");
	ASSERT_EQ(0, err);
	self->fd = at_open();
	ASSERT_GE(self->fd, 0);
	at_msg("dma-buf by %s", self->b.kind);
}

FIXTURE_TEARDOWN(dmabuf)
{
	at_lab_set(METIS_LAB_UNDO, 1);
	probes_clear();
	if (self->fd >= 0)
		close(self->fd);
	vy_dmabuf_free(&self->b);
	AT_END(&self->t);
}

static void fill_buf(const struct vy_dmabuf *b, uint64_t seed)
{
	vy_dmabuf_begin(b);
	at_fill(b->p, b->size, seed, 0);
	vy_dmabuf_end(b);
}

TEST_F(dmabuf, sync_both_ways)
{
	size_t n = self->b.size - 5;
	int ch;

	ASSERT_EQ(0, vy_buf_attach(self->fd, self->b.fd));
	for (ch = VY_CHANNEL_ANY; ch < 4; ch++) {
		fill_buf(&self->b, ch + 20);
		ASSERT_EQ(0, vy_buf_xfer(self->fd, VY_WRITE | VY_SYNC,
					 self->base, 5, n, ch));
		EXPECT_EQ(0, at_dev_differs(self->base, self->b.p + 5, n));
		vy_dmabuf_begin(&self->b);
		memset(self->b.p, 0, self->b.size);
		vy_dmabuf_end(&self->b);
		ASSERT_EQ(0, vy_buf_xfer(self->fd, VY_READ | VY_SYNC,
					 self->base, 3, n, ch));
		vy_dmabuf_begin(&self->b);
		EXPECT_EQ(-1, at_check(self->b.p + 3, n, ch + 20, 5));
		EXPECT_EQ(0, self->b.p[2]);
		EXPECT_EQ(0, self->b.p[3 + n]);
		vy_dmabuf_end(&self->b);
	}
	EXPECT_EQ(0, vy_call(self->fd, VY_BUF_DETACH, NULL));
	EXPECT_REFUSED(vy_buf_xfer(self->fd, VY_READ | VY_SYNC, self->base, 0,
				   64, VY_CHANNEL_ANY));
}

TEST_F(dmabuf, attach_and_detach)
{
	int i, pipes[2], err;

	ASSERT_EQ(0, pipe(pipes));
	EXPECT_EQ(-EBADF, vy_buf_attach(self->fd, -1));
	EXPECT_EQ(-EBADF, vy_buf_attach(self->fd, 9999));
	/* files that are no dma-bufs */
	EXPECT_EQ(-EINVAL, vy_buf_attach(self->fd, pipes[0]));
	EXPECT_EQ(-EINVAL, vy_buf_attach(self->fd, self->fd));
	EXPECT_REFUSED(vy_buf_xfer(self->fd, VY_READ | VY_SYNC, self->base, 0,
				   64, VY_CHANNEL_ANY));
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, vy_buf_attach(self->fd, self->b.fd));
		EXPECT_EQ(0, vy_buf_xfer(self->fd, VY_WRITE | VY_SYNC,
					 self->base, 0, 4096, VY_CHANNEL_ANY));
		EXPECT_EQ(0, vy_call(self->fd, VY_BUF_DETACH, NULL));
	}
	/* Taken: a second one is refused, or takes the first one's place */
	ASSERT_EQ(0, vy_buf_attach(self->fd, self->b.fd));
	for (i = 0; i < 5; i++) {
		err = vy_buf_attach(self->fd, self->b.fd);
		EXPECT_TRUE(!err || vy_refusal(err))
			TH_LOG("%d", err);
	}
	/* A bad one is refused in any case and changes nothing */
	EXPECT_REFUSED(vy_buf_attach(self->fd, -1));
	EXPECT_EQ(0, vy_buf_xfer(self->fd, VY_WRITE | VY_SYNC, self->base, 0,
				 4096, VY_CHANNEL_ANY));
	/* Another file has not got it */
	EXPECT_REFUSED(vy_buf_xfer(self->t.fd, VY_READ | VY_SYNC, self->base, 0,
				   64, VY_CHANNEL_ANY));
	ASSERT_EQ(0, vy_buf_attach(self->t.fd, self->b.fd));
	EXPECT_EQ(0, vy_buf_xfer(self->t.fd, VY_READ | VY_SYNC, self->base, 0,
				 64, VY_CHANNEL_ANY));
	/* Closing gives it back */
	close(pipes[0]);
	close(pipes[1]);
}

TEST_F_TIMEOUT(dmabuf, attach_leaks_nothing, 60)
{
	struct at_leak leak;
	struct vy_dmabuf b;
	const char *grew;
	int i, fd;

	for (i = 0; i < 50; i++) {
		if (i == 10)
			at_leak_mark(&leak);
		fd = at_open();
		ASSERT_GE(fd, 0);
		ASSERT_EQ(0, vy_dmabuf_make(&b, MIB));
		ASSERT_EQ(0, vy_buf_attach(fd, b.fd));
		vy_buf_attach(fd, b.fd);
		if (i % 3 == 0)
			EXPECT_EQ(0, vy_call(fd, VY_BUF_DETACH, NULL));
		/* the dma-buf goes first, or the file does */
		if (i % 2)
			close(fd);
		vy_dmabuf_free(&b);
		if (!(i % 2))
			close(fd);
	}
	grew = at_leak_check(&leak);
	EXPECT_EQ(NULL, grew)
		TH_LOG("in 40 rounds: %s", grew);
}

TEST_F(dmabuf, flags)
{
	static const uint32_t bad[] = {
		0, VY_READ, VY_WRITE, VY_SYNC, VY_ASYNC, VY_READ | VY_WRITE |
		VY_SYNC, VY_READ | VY_SYNC | VY_ASYNC, VY_WRITE | VY_SYNC |
		VY_ASYNC, VY_SYNC | VY_ASYNC, VY_READ | VY_SYNC | 16,
		VY_WRITE | VY_ASYNC | 0x100, VY_READ | VY_SYNC | VY_P2P,
		VY_WRITE | VY_ASYNC | VY_P2P, ~0U, 15,
	};
	uint32_t before;
	size_t i;

	ASSERT_EQ(0, vy_buf_attach(self->fd, self->b.fd));
	before = at_doorbells_both();
	for (i = 0; i < at_array_size(bad); i++)
		EXPECT_EQ(-EINVAL, vy_buf_xfer(self->fd, bad[i], self->base, 0,
					       4096, VY_CHANNEL_ANY))
			TH_LOG("flags %#x", bad[i]);
	EXPECT_EQ(before, at_doorbells_both());
	EXPECT_EQ(VY_NONE, vy_call(self->fd, VY_BUF_STATE, NULL));
	EXPECT_EQ(0, vy_polled(self->fd, 0));
}

TEST_F(dmabuf, ranges)
{
	uint64_t end = self->t.q.l2_base + self->t.q.l2_size;
	size_t size = self->b.size, i;
	uint64_t list, list_size;
	uint32_t before;

	ASSERT_EQ(0, at_list_buffer(&self->t, &list, &list_size));
	ASSERT_EQ(0, vy_buf_attach(self->fd, self->b.fd));
	before = at_doorbells_both();
	const struct {
		uint64_t dev;
		size_t n;
		uint32_t offset;
		int channel;
	} bad[] = {
		{ self->base, 0, 0, -1 },
		{ self->base, size + 1, 0, -1 },
		{ self->base, size, 1, -1 },
		{ self->base, 1, size, -1 },
		{ self->base, 1, ~0U, -1 },
		{ self->base, ~0UL, 1, -1 },
		{ self->base, ~0UL - size + 2, size - 1, -1 },
		{ self->base, 64, 0, -2 },
		{ self->base, 64, 0, 4 },
		{ self->base, 64, 0, INT_MAX },
		{ self->base, 64, 0, INT_MIN },
		{ 0, 64, 0, -1 },
		{ end - 63, 64, 0, -1 },
		{ ~0ULL - 31, 64, 0, -1 },
		{ list, 64, 0, -1 },
	};

	for (i = 0; i < at_array_size(bad); i++) {
		EXPECT_REFUSED(vy_buf_xfer(self->fd, VY_READ | VY_SYNC,
					   bad[i].dev, bad[i].offset, bad[i].n,
					   bad[i].channel));
		EXPECT_REFUSED(vy_buf_xfer(self->fd, VY_WRITE | VY_ASYNC,
					   bad[i].dev, bad[i].offset, bad[i].n,
					   bad[i].channel));
	}
	EXPECT_EQ(before, at_doorbells_both());
	EXPECT_EQ(VY_NONE, vy_call(self->fd, VY_BUF_STATE, NULL));
	/* The field that nobody uses */
	struct vy_buf_xfer x = {
		.dev_addr = self->base, .size = 64, .handle = -77,
		.flags = VY_WRITE | VY_SYNC, .channel = VY_CHANNEL_ANY,
	};

	EXPECT_EQ(0, vy_call(self->fd, VY_BUF_XFER, &x));
}

TEST_F(dmabuf, async_states)
{
	int state;

	ASSERT_EQ(0, vy_buf_attach(self->fd, self->b.fd));
	EXPECT_EQ(VY_NONE, vy_call(self->fd, VY_BUF_STATE, NULL));
	fill_buf(&self->b, 50);
	at_lab_set(METIS_LAB_FREEZE, 1);
	ASSERT_EQ(0, vy_buf_xfer(self->fd, VY_WRITE | VY_ASYNC, self->base, 0,
				 self->b.size, VY_CHANNEL_ANY));
	EXPECT_EQ(VY_PENDING, vy_call(self->fd, VY_BUF_STATE, NULL));
	EXPECT_EQ(0, vy_polled(self->fd, 0));
	/* While it runs the buffer stays */
	EXPECT_EQ(-EBUSY, vy_call(self->fd, VY_BUF_DETACH, NULL));
	EXPECT_REFUSED(vy_buf_attach(self->fd, self->b.fd));
	at_lab_set(METIS_LAB_FREEZE, 0);
	EXPECT_EQ(POLLIN, vy_polled(self->fd, 10000) & POLLIN);
	EXPECT_EQ(VY_DONE, vy_call(self->fd, VY_BUF_STATE, NULL));
	EXPECT_EQ(1, vy_consume(self->fd));
	EXPECT_EQ(0, vy_consume(self->fd));
	EXPECT_EQ(0, vy_polled(self->fd, 0));
	EXPECT_EQ(0, at_dev_differs(self->base, self->b.p, self->b.size));
	/* A wait after the end returns at once */
	EXPECT_EQ(0, vy_buf_wait(self->fd));
	state = vy_call(self->fd, VY_BUF_STATE, NULL);
	EXPECT_TRUE(state == VY_DONE || state == VY_NONE)
		TH_LOG("state %d", state);
	EXPECT_EQ(0, vy_call(self->fd, VY_BUF_DETACH, NULL));
}

TEST_F(dmabuf, async_wait)
{
	struct vy_buf_xfer x = { .channel = VY_CHANNEL_ANY };
	int i;

	ASSERT_EQ(0, vy_buf_attach(self->fd, self->b.fd));
	at_lab_set(METIS_LAB_STEP_BYTES, 16384);
	at_lab_set(METIS_LAB_STEP_NS, 1000000);
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, at_dev_fill(self->base, i + 1, self->b.size));
		ASSERT_EQ(0, vy_buf_xfer(self->fd, VY_READ | VY_ASYNC,
					 self->base, 0, self->b.size, i % 4));
		ASSERT_EQ(0, vy_buf_wait(self->fd));
		vy_dmabuf_begin(&self->b);
		EXPECT_EQ(-1, at_check_byte(self->b.p, self->b.size, i + 1));
		vy_dmabuf_end(&self->b);
	}
	/* flags has SYNC, says the description */
	x.flags = 0;
	EXPECT_LE(vy_call(self->fd, VY_BUF_WAIT, &x), 0);
	while (vy_consume(self->fd) == 1)
		;
	EXPECT_EQ(0, vy_call(self->fd, VY_BUF_DETACH, NULL));
}

TEST_F_TIMEOUT(dmabuf, async_failed, 60)
{
	struct vy_dma_stats before, after;

	ASSERT_EQ(0, vy_buf_attach(self->fd, self->b.fd));
	ASSERT_EQ(0, vy_call(self->fd, VY_DMA_STATS, &before));
	at_lab_set(METIS_LAB_ABORT_NEXT, METIS_LAB_WR_CH(1));
	ASSERT_EQ(0, vy_buf_xfer(self->fd, VY_READ | VY_ASYNC, self->base, 0,
				 65536, 1));
	EXPECT_EQ(POLLIN, vy_polled(self->fd, 10000) & POLLIN);
	EXPECT_EQ(VY_FAILED, vy_call(self->fd, VY_BUF_STATE, NULL));
	EXPECT_EQ(-EIO, vy_buf_wait(self->fd));
	ASSERT_EQ(0, vy_call(self->fd, VY_DMA_STATS, &after));
	EXPECT_EQ(1, after.rd[1].errors - before.rd[1].errors);
	while (vy_consume(self->fd) == 1)
		;
	at_lab_set(METIS_LAB_UNDO, 1);
	/* A new one wipes the slate */
	ASSERT_EQ(0, vy_buf_xfer(self->fd, VY_READ | VY_ASYNC, self->base, 0,
				 65536, 1));
	EXPECT_EQ(0, vy_buf_wait(self->fd));
	EXPECT_EQ(0, vy_call(self->fd, VY_BUF_DETACH, NULL));
}

TEST_F_TIMEOUT(dmabuf, async_timed_out, 60)
{
	uint8_t *p;

	ASSERT_EQ(0, vy_buf_attach(self->fd, self->b.fd));
	at_lab_set(METIS_LAB_HANG_SOFT, 0xff);
	ASSERT_EQ(0, vy_buf_xfer(self->fd, VY_READ | VY_ASYNC, self->base, 0,
				 self->b.size, 2));
	EXPECT_EQ(-ETIMEDOUT, vy_buf_wait(self->fd));
	EXPECT_EQ(VY_TIMED_OUT, vy_call(self->fd, VY_BUF_STATE, NULL));
	EXPECT_EQ(POLLIN, vy_polled(self->fd, 1000) & POLLIN);
	while (vy_consume(self->fd) == 1)
		;
	/* Nothing runs any more: the buffer can go, and the memory with it */
	EXPECT_EQ(0, vy_call(self->fd, VY_BUF_DETACH, NULL));
	vy_dmabuf_free(&self->b);
	p = at_sponge(SPONGE);
	ASSERT_NE(NULL, p);
	at_lab_set(METIS_LAB_UNDO, 1);
	at_sleep_ms(20);
	EXPECT_TRUE(at_engine_rests(AT_SOON));
	EXPECT_EQ(-1, at_check_byte(p, SPONGE, AT_CANARY));
	munmap(p, SPONGE);
}

/* It is over for the caller; the memory stays the engine's until it is */
TEST_F_TIMEOUT(dmabuf, closed_in_flight, 60)
{
	uint8_t *p;
	int i, fd;

	for (i = 0; i < 6; i++) {
		at_lab_set(METIS_LAB_FREEZE, i % 2);
		at_lab_set(METIS_LAB_STEP_BYTES, 4096);
		at_lab_set(METIS_LAB_STEP_NS, 200000);
		if (self->b.fd < 0)
			ASSERT_EQ(0, vy_dmabuf_make(&self->b, 2 * MIB));
		fd = at_open();
		ASSERT_GE(fd, 0);
		ASSERT_EQ(0, vy_buf_attach(fd, self->b.fd));
		ASSERT_EQ(0, vy_buf_xfer(fd, VY_READ | VY_ASYNC, self->base, 0,
					 self->b.size, i % 4));
		if (i % 3)
			vy_dmabuf_free(&self->b);
		close(fd);
		vy_dmabuf_free(&self->b);
		p = at_sponge(SPONGE);
		ASSERT_NE(NULL, p);
		at_lab_set(METIS_LAB_FREEZE, 0);
		EXPECT_TRUE(at_engine_rests(AT_SOON));
		EXPECT_EQ(-1, at_check_byte(p, SPONGE, AT_CANARY));
		munmap(p, SPONGE);
	}
}

struct buf_user {
	pthread_t thread;
	int fd, dmabuf, err;
	uint64_t base;
	uint32_t offset;
	volatile bool stop;
	unsigned int done, busy;
};

static void *use_buf(void *arg)
{
	struct buf_user *u = arg;
	int err;

	while (!u->stop && !u->err) {
		err = vy_buf_xfer(u->fd, VY_WRITE | (u->done % 4 ? VY_SYNC :
						    VY_ASYNC),
				  u->base, u->offset, 65536, VY_CHANNEL_ANY);
		if (!err)
			u->done++;
		else if (err == -EBUSY)
			u->busy++;
		else if (!vy_refusal(err))
			u->err = err;
		if (u->done % 4 == 1)
			vy_buf_wait(u->fd);
	}
	return NULL;
}

/* Transfers, waits, states, attaching and detaching on one file all at once */
TEST_F_TIMEOUT(dmabuf, threads_on_one_file, 60)
{
	uint64_t end = at_now() + AT_SEC(4);
	struct buf_user u[4];
	unsigned int done = 0;
	int i, err, state;

	ASSERT_EQ(0, vy_buf_attach(self->fd, self->b.fd));
	for (i = 0; i < 4; i++) {
		u[i] = (struct buf_user){
			.fd = self->fd, .dmabuf = self->b.fd,
			.base = self->base + i * 65536, .offset = i * 65536,
		};
		ASSERT_EQ(0, pthread_create(&u[i].thread, NULL, use_buf, &u[i]));
	}
	while (at_now() < end) {
		state = vy_call(self->fd, VY_BUF_STATE, NULL);
		EXPECT_TRUE(state >= VY_NONE && state <= VY_PENDING);
		err = vy_call(self->fd, VY_BUF_DETACH, NULL);
		EXPECT_TRUE(!err || vy_refusal(err))
			TH_LOG("%d", err);
		err = vy_buf_attach(self->fd, self->b.fd);
		EXPECT_TRUE(!err || vy_refusal(err))
			TH_LOG("%d", err);
		at_sleep_ms(2);
	}
	for (i = 0; i < 4; i++) {
		u[i].stop = true;
		pthread_join(u[i].thread, NULL);
		EXPECT_EQ(0, u[i].err);
		done += u[i].done;
	}
	at_msg("%u transfers", done);
	EXPECT_LT(10, done);
	vy_buf_wait(self->fd);
	EXPECT_EQ(0, vy_call(self->fd, VY_BUF_DETACH, NULL));
}

/* Put into epoll before anybody knows whose interface it is to speak */
/* ---- others, while one waits for a fence ---- */

/* Of the kernel's sw_sync, which has no header for programs */
struct timeline_fence {
	uint32_t value;
	char name[32];
	int32_t fence;
};
#define TIMELINE_FENCE	_IOWR('W', 0, struct timeline_fence)
#define TIMELINE_STEP	_IOW('W', 1, uint32_t)
#define TIMELINE	"/sys/kernel/debug/sync/sw_sync"

struct fenced {
	pthread_t thread;
	int timeline, fd;
	uint64_t base;
	size_t n;
	volatile bool begun, ended;
	int err;
};

static void *read_fenced(void *arg)
{
	struct fenced *f = arg;

	f->begun = true;
	f->err = vy_buf_xfer(f->fd, VY_READ | VY_SYNC, f->base, 0, f->n, 0);
	f->ended = true;
	return NULL;
}

/* Lest the test hangs with the driver */
static void *let_go(void *arg)
{
	struct fenced *f = arg;
	uint32_t one = 1;
	int i;

	for (i = 0; i < 100 && !f->ended; i++)
		at_sleep_ms(100);
	ioctl(f->timeline, TIMELINE_STEP, &one);
	return NULL;
}

/* Somebody else's fence may take its time: for nobody but who reads that buffer */
TEST_F_TIMEOUT(dmabuf, others_beside_a_fence, 60)
{
	struct timeline_fence fence = { .value = 1 };
	struct dma_buf_import_sync_file import = {
		.flags = DMA_BUF_SYNC_WRITE,
	};
	struct fenced f = { .base = self->base, .n = self->b.size };
	struct axl_buf_register reg;
	struct vy_dmabuf other;
	pthread_t timer;
	int fd, i;

	f.timeline = open(TIMELINE, O_RDWR | O_CLOEXEC);
	if (f.timeline < 0)
		SKIP(return, "no sw_sync");
	ASSERT_EQ(0, ioctl(f.timeline, TIMELINE_FENCE, &fence));
	f.fd = self->fd;
	ASSERT_EQ(0, vy_buf_attach(self->fd, self->b.fd));
	import.fd = fence.fence;
	ASSERT_EQ(0, ioctl(self->b.fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &import));
	ASSERT_EQ(0, pthread_create(&timer, NULL, let_go, &f));
	ASSERT_EQ(0, pthread_create(&f.thread, NULL, read_fenced, &f));
	for (i = 0; i < 100 && (!f.begun || at_engine_running()); i++)
		at_sleep_ms(10);
	at_sleep_ms(200);
	EXPECT_FALSE(f.ended);

	/* the same memory by the other interface, and memory of its own */
	fd = at_open();
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, vy_dmabuf_make(&other, MIB));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(0, at_import(fd, i ? other.fd : self->b.fd, MIB,
				       AXL_BUF_FROM_DEVICE, &reg));
		EXPECT_EQ(0, at_release(fd, reg.handle));
		EXPECT_FALSE(f.ended);
	}
	EXPECT_EQ(0, vy_buf_attach(fd, other.fd));
	EXPECT_EQ(0, vy_buf_xfer(fd, VY_READ | VY_SYNC, self->base, 0, MIB, 1));
	EXPECT_FALSE(f.ended);
	close(fd);
	EXPECT_FALSE(f.ended);
	EXPECT_EQ(0, ioctl(f.timeline, TIMELINE_STEP, &(uint32_t){ 1 }));
	pthread_join(f.thread, NULL);
	pthread_join(timer, NULL);
	EXPECT_EQ(0, f.err);
	vy_dmabuf_free(&other);
	close(fence.fence);
	close(f.timeline);
}

TEST_F(dmabuf, epoll_before_the_first_call)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = epoll_create1(0), i;

	ASSERT_GE(ep, 0);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->fd, &ev));
	ASSERT_EQ(0, vy_buf_attach(self->fd, self->b.fd));
	for (i = 0; i < 3; i++) {
		at_lab_set(METIS_LAB_FREEZE, 1);
		ASSERT_EQ(0, vy_buf_xfer(self->fd, VY_WRITE | VY_ASYNC,
					 self->base, 0, 65536, VY_CHANNEL_ANY));
		EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 50));
		at_lab_set(METIS_LAB_FREEZE, 0);
		EXPECT_EQ(1, epoll_wait(ep, &ev, 1, 10000));
		EXPECT_EQ(EPOLLIN, ev.events & (EPOLLIN | EPOLLERR | EPOLLHUP));
		EXPECT_EQ(VY_DONE, vy_call(self->fd, VY_BUF_STATE, NULL));
		EXPECT_EQ(1, vy_consume(self->fd));
		EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	}
	close(ep);
}

/* How often a probe was passed since it was set */
static long passed(const char *probe)
{
	FILE *f = fopen(TRACING "kprobe_profile", "r");
	char name[64];
	long n, found = -1;

	if (!f)
		return -1;
	while (fscanf(f, "%63s %ld %*[^\n]", name, &n) == 2)
		if (!strcmp(name, probe))
			found = n;
	fclose(f);
	return found;
}

struct passes {
	long begin, end;
};

/* Since the last look: "the CPU takes it", "the CPU gives it away" */
static bool passed_by(struct passes *last, long begin, long end)
{
	struct passes now = { passed("begin"), passed("end") };
	bool ok = now.begin - last->begin == begin &&
		  now.end - last->end == end;

	if (!ok)
		at_msg("begin %ld (wanted %ld), end %ld (wanted %ld)",
		       now.begin - last->begin, begin, now.end - last->end,
		       end);
	*last = now;
	return ok;
}

/* No DMA_BUF_IOCTL_SYNC after this: the SDK knows none */
static int passes_begin(struct vy_dmabuf *b, int fd, struct passes *p)
{
	int err = probes_set();

	if (err)
		return err;
	at_fill(b->p, b->size, 60, 0);
	err = vy_buf_attach(fd, b->fd);
	*p = (struct passes){ passed("begin"), passed("end") };
	return p->begin < 0 || p->end < 0 ? -ENODATA : err;
}

#define PASSES_BEGIN(self, p) do {					\
	int __err = passes_begin(&(self)->b, (self)->fd, p);		\
	if (__err == -ENOTSUP)						\
		SKIP(return, "this kernel has no kprobe events");	\
	ASSERT_EQ(0, __err);						\
} while (0)

TEST_F(dmabuf, caches_synchronous)
{
	struct passes p;
	int i;

	PASSES_BEGIN(self, &p);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, vy_buf_xfer(self->fd, VY_WRITE | VY_SYNC,
					 self->base, 0, 4096, VY_CHANNEL_ANY));
		EXPECT_TRUE(passed_by(&p, 0, 1));
		/* what is dirty must not be written back over what comes */
		ASSERT_EQ(0, vy_buf_xfer(self->fd, VY_READ | VY_SYNC,
					 self->base, 64, 4096, VY_CHANNEL_ANY));
		EXPECT_TRUE(passed_by(&p, 1, 1));
	}
	/* one that is refused touches nothing */
	EXPECT_REFUSED(vy_buf_xfer(self->fd, VY_READ | VY_SYNC, self->base, 0,
				   self->b.size + 1, VY_CHANNEL_ANY));
	EXPECT_TRUE(passed_by(&p, 0, 0));
	/* half a transfer has written, too */
	at_lab_set(METIS_LAB_ABORT_NEXT, 0xff);
	EXPECT_EQ(-EIO, vy_buf_xfer(self->fd, VY_READ | VY_SYNC, self->base, 0,
				    4096, VY_CHANNEL_ANY));
	EXPECT_TRUE(passed_by(&p, 1, 1));
	at_lab_set(METIS_LAB_UNDO, 1);
	EXPECT_EQ(0, vy_call(self->fd, VY_BUF_DETACH, NULL));
}

/* Before it starts, and before anybody is told that it has ended */
TEST_F(dmabuf, caches_asynchronous)
{
	int i, err = 0;
	struct passes p;

	PASSES_BEGIN(self, &p);
	for (i = 0; i < 3; i++) {
		at_lab_set(METIS_LAB_FREEZE, 1);
		ASSERT_EQ(0, vy_buf_xfer(self->fd, VY_READ | VY_ASYNC,
					 self->base, 0, 65536, VY_CHANNEL_ANY));
		EXPECT_EQ(VY_PENDING, vy_call(self->fd, VY_BUF_STATE, NULL));
		EXPECT_TRUE(passed_by(&p, 0, 1));
		at_lab_set(METIS_LAB_FREEZE, 0);
		EXPECT_EQ(POLLIN, vy_polled(self->fd, 10000) & POLLIN);
		if (i == 0)
			err = vy_buf_wait(self->fd);
		else if (i == 1)
			err = vy_call(self->fd, VY_BUF_STATE, NULL) - VY_DONE;
		else
			err = vy_consume(self->fd) - 1;
		EXPECT_EQ(0, err);
		EXPECT_TRUE(passed_by(&p, 1, 0));
		/* once */
		EXPECT_EQ(VY_DONE, vy_call(self->fd, VY_BUF_STATE, NULL));
		EXPECT_EQ(0, vy_buf_wait(self->fd));
		EXPECT_TRUE(passed_by(&p, 0, 0));
		while (vy_consume(self->fd) == 1)
			;
	}
	ASSERT_EQ(0, vy_buf_xfer(self->fd, VY_WRITE | VY_ASYNC, self->base, 0,
				 65536, VY_CHANNEL_ANY));
	EXPECT_EQ(0, vy_buf_wait(self->fd));
	EXPECT_TRUE(passed_by(&p, 0, 1));
	EXPECT_EQ(0, vy_call(self->fd, VY_BUF_DETACH, NULL));
}

/* axl's own interface leaves it to the program, as its header says */
TEST_F(dmabuf, caches_natively)
{
	struct axl_buf_register reg;
	static uint8_t mem[4096];
	struct passes p;

	PASSES_BEGIN(self, &p);
	ASSERT_EQ(0, at_import(self->t.fd, self->b.fd, self->b.size,
			       AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE, &reg));
	ASSERT_EQ(0, at_move(self->t.fd, reg.handle, AXL_TO_DEVICE, 0,
			     self->base, 4096));
	ASSERT_EQ(0, at_move(self->t.fd, reg.handle, AXL_FROM_DEVICE, 0,
			     self->base, 4096));
	/* nor does user memory have to do with it */
	ASSERT_EQ(0, vy_user_xfer(self->fd, VY_READ, self->base, mem,
				  sizeof(mem)));
	EXPECT_TRUE(passed_by(&p, 0, 0));
	EXPECT_EQ(0, at_release(self->t.fd, reg.handle));
}

/* ---- statistics ---- */

/* Microseconds and MB/s, by a transfer of which is known how long it takes */
TEST_F(dma, statistics_units)
{
	/* 80 ms, and a little less */
	static const unsigned int steps = 16, step_us = 5000, least = 75000;
	struct vy_dma_stats before, after;
	const struct vy_channel_stats *b, *a;
	int dir, ch, used, n;
	uint64_t took;
	uint8_t *p;

	p = malloc(MIB);
	ASSERT_NE(NULL, p);
	memset(p, 0, MIB);
	at_lab_set(METIS_LAB_STEP_BYTES, MIB / steps);
	at_lab_set(METIS_LAB_STEP_NS, 1000 * step_us);
	for (dir = 0; dir < 2; dir++) {
		ASSERT_EQ(0, vy_call(self->fd, VY_DMA_STATS, &before));
		took = at_now();
		ASSERT_EQ(0, vy_user_xfer(self->fd, dir ? VY_WRITE : VY_READ,
					  self->base, p, MIB));
		took = (at_now() - took) / 1000;
		ASSERT_EQ(0, vy_call(self->fd, VY_DMA_STATS, &after));
		b = dir ? before.wr : before.rd;
		a = dir ? after.wr : after.rd;
		for (ch = n = used = 0; ch < 4; ch++) {
			if (a[ch].transfers == b[ch].transfers)
				continue;
			used = ch;
			n += a[ch].transfers - b[ch].transfers;
		}
		/* Taken: a MiB is not divided */
		ASSERT_EQ(1, n);
		a += used;
		b += used;
		at_msg("%llu us by the clock, told: last %llu us, longest %llu us, %u MB/s",
		       (unsigned long long)took, (unsigned long long)a->last_us,
		       (unsigned long long)a->longest_us, a->last_mbps);
		EXPECT_EQ(MIB, a->last_size);
		EXPECT_LE(least, a->last_us);
		EXPECT_GE(took + 1, a->last_us);
		EXPECT_LE(a->last_us, a->longest_us);
		EXPECT_TRUE(a->longest_us == a->last_us ||
			    a->longest_us == b->longest_us);
		/* Taken: MB may be MiB */
		EXPECT_LE(1000000 / took, a->last_mbps + 1);
		EXPECT_GE(MIB / least, a->last_mbps);
	}
	free(p);
}

TEST_F(dmabuf, statistics)
{
	struct vy_dma_stats before, after;
	int ch, dir;

	ASSERT_EQ(0, vy_buf_attach(self->fd, self->b.fd));
	for (dir = 0; dir < 2; dir++) {
		for (ch = 0; ch < 4; ch++) {
			size_t n = 100000 + 1000 * ch + dir;
			struct vy_channel_stats *a, *b;

			memset(&before, 0xaa, sizeof(before));
			memset(&after, 0x55, sizeof(after));
			ASSERT_EQ(0, vy_call(self->fd, VY_DMA_STATS, &before));
			ASSERT_EQ(0, vy_buf_xfer(self->fd, VY_SYNC |
						 (dir ? VY_WRITE : VY_READ),
						 self->base, 0, n, ch));
			ASSERT_EQ(0, vy_call(self->fd, VY_DMA_STATS, &after));
			b = dir ? &before.wr[ch] : &before.rd[ch];
			a = dir ? &after.wr[ch] : &after.rd[ch];
			EXPECT_EQ(1, a->transfers - b->transfers)
				TH_LOG("direction %d, channel %d", dir, ch);
			EXPECT_EQ(0, a->errors - b->errors);
			EXPECT_EQ(n, a->bytes - b->bytes);
			EXPECT_EQ(n, a->last_size);
			EXPECT_EQ(0, a->active);
			EXPECT_LE(1, a->max_segments);
			EXPECT_LE(a->last_us, a->longest_us);
			EXPECT_LT(a->longest_us, 60000000);
		}
	}
	/* the holes of the structure tell nothing of the kernel */
	EXPECT_EQ(0, *((uint32_t *)&after.rd[0] + 3));
	EXPECT_EQ(0, *((uint32_t *)&after.rd[0] + 7));
	EXPECT_EQ(0, *((uint32_t *)&after.wr[3] + 15));
	/* one that runs */
	at_lab_set(METIS_LAB_FREEZE, 1);
	ASSERT_EQ(0, vy_buf_xfer(self->fd, VY_WRITE | VY_ASYNC, self->base, 0,
				 4096, 2));
	ASSERT_EQ(0, vy_call(self->t.fd, VY_DMA_STATS, &after));
	EXPECT_NE(0, after.wr[2].active);
	EXPECT_EQ(0, after.rd[2].active);
	at_lab_set(METIS_LAB_FREEZE, 0);
	EXPECT_EQ(0, vy_buf_wait(self->fd));
}

TEST_HARNESS_MAIN
