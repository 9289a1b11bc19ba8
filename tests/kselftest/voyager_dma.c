// SPDX-License-Identifier: GPL-2.0
/*
 * Transfers of user memory by the Voyager SDK's ioctl 10 move every byte and no other:
 * each size, offset and mode, refused arguments, little memory that may be locked,
 * several threads and files at a time. Ioctl 19 with nothing new disturbs none of them.
 *
 * Taken, where the description is silent: @offset of ioctl 10 is not looked at, as
 * in the vendor's driver, and its transfers end before it does whether SYNC or
 * ASYNC is said. A transfer that is refused moves nothing.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "voyager_dma.h"

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

/* The field was never read: callers may leave any value in it */
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
	struct axl_ioc_query q;

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

TEST_HARNESS_MAIN
