// SPDX-License-Identifier: GPL-2.0
/*
 * The calls and mappings of the Voyager SDK's interface, row by row: good and bad
 * arguments of each call, what takes privileges, and what may be mapped. A refusal
 * changes nothing.
 *
 * Where the description of the interface is silent, a test says what it takes
 * for granted ("Taken:").
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libvoyager.h"

FIXTURE(abi)
{
	struct at_ctx t;
	size_t page;
	uint8_t *hole;		/* the page before it is writable */
	uint8_t *ro;
};

FIXTURE_SETUP(abi)
{
	uint8_t *p;

	VY_BEGIN(&self->t, 0);
	self->page = at_page_size();
	p = mmap(NULL, 4 * self->page, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	self->hole = p + self->page;
	self->ro = p + 2 * self->page;
	memset(p, 0, self->page);
	ASSERT_EQ(0, munmap(self->hole, self->page));
	ASSERT_EQ(0, mprotect(self->ro, self->page, PROT_READ));
}

FIXTURE_TEARDOWN(abi)
{
	if (!vy_module_loaded())
		EXPECT_EQ(0, vy_module_load(NULL));
	AT_END(&self->t);
}

/* ---- requests ---- */

/* All that a wrong word, or a random one, can be taken for */
TEST_F(abi, unknown_requests)
{
	uint8_t arg[1024] = { };
	unsigned int nr;
	size_t i;

	for (nr = 0; nr < 256; nr++) {
		for (i = 0; i < VY_NR_REQUESTS; i++)
			if (nr == (vy_requests[i] & 0xff))
				break;
		if (i < VY_NR_REQUESTS)
			continue;
		EXPECT_EQ(-ENOTTY, vy_call(self->t.fd, _IO('U', nr), arg))
			TH_LOG("%u", nr);
		EXPECT_EQ(-ENOTTY, vy_call(self->t.fd, _IOWR('U', nr, int), arg))
			TH_LOG("%u", nr);
	}
	/* Taken: a known number with another size or direction is another request */
	EXPECT_EQ(-ENOTTY, vy_call(self->t.fd, _IOWR('U', 10, struct vy_user_xfer),
				   arg));
	EXPECT_EQ(-ENOTTY, vy_call(self->t.fd, _IO('U', 16), arg));
	EXPECT_EQ(-ENOTTY, vy_call(self->t.fd, _IOR('U', 32, int), arg));
	/* and the native interface knows nothing of the other's */
	EXPECT_EQ(-ENOTTY, vy_call(self->t.fd, _IO('V', 0), arg));
}

static const struct pointer {
	unsigned long request;
	size_t size;
	bool out;		/* writes the structure */
	bool vague;		/* another reason to refuse may come first */
} pointers[] = {
	{ VY_CTX_ALLOC, 4 },
	{ VY_PROPERTY, 8, true },
	{ VY_BUF_ATTACH, 4 },
	{ VY_BUF_XFER, 32, .vague = true },
	{ VY_BUF_WAIT, 32, .vague = true },
	{ VY_USER_XFER, 32 },
	{ VY_MSI_WAIT, 8 },
	{ VY_MSI_CLEAR, 8 },
	{ VY_MSI_ATTACH, 4 },
	{ VY_CORE_MASK, 8, true },
	{ VY_RESOURCES, 64, true },
	{ VY_WINDOWS, 128, true },
	{ VY_P2P_XFER, 32, .vague = true },
	{ VY_STREAM_OPEN, 4 },
	{ VY_STREAM_STATS, 24, true, true },
	{ VY_STREAM_ENABLE, 4 },
	{ VY_STREAM_DISABLE, 4 },
	{ VY_STREAM_RESET, 4, .vague = true },
	{ VY_DMA_STATS, 512, true },
	{ VY_USER_PA, 16, .vague = true },
};

TEST_F(abi, bad_pointers)
{
	void *bad[5];
	size_t i, k;
	int err;

	for (i = 0; i < at_array_size(pointers); i++) {
		const struct pointer *p = &pointers[i];

		bad[0] = NULL;
		bad[1] = self->hole;
		bad[2] = self->hole - p->size + 1;	/* its last byte */
		bad[3] = (void *)0xffff000000000000ULL;	/* the kernel's */
		bad[4] = p->out ? self->ro : NULL;
		for (k = 0; k < at_array_size(bad); k++) {
			err = vy_call(self->t.fd, p->request, bad[k]);
			if (p->vague) {
				EXPECT_TRUE(vy_refusal(err))
					TH_LOG("request %#lx, pointer %zu: %d",
					       p->request, k, err);
			} else {
				EXPECT_EQ(-EFAULT, err)
					TH_LOG("request %#lx, pointer %zu",
					       p->request, k);
			}
		}
	}
	/* Nothing was left behind: no context, no lock, no event */
	EXPECT_EQ(0, vy_ctx_mask(self->t.fd));
	EXPECT_EQ(0, vy_consume(self->t.fd));
}

TEST_F(abi, property)
{
	static const struct {
		uint64_t which, value;
	} rows[] = {
		{ VY_PROP_GENERATION, 0 },
		{ VY_PROP_CORES, VY_CORES },
		{ VY_PROP_PVE_CORES, 0 },
		/* no Microsemi switch on this board */
		{ VY_PROP_SWITCH_GROUP, ~0ULL },
	};
	static const uint64_t none[] = { 4, 5, 1ULL << 32, ~0ULL };
	uint64_t value;
	size_t i;

	for (i = 0; i < at_array_size(rows); i++) {
		value = rows[i].which;
		EXPECT_EQ(0, vy_call(self->t.fd, VY_PROPERTY, &value));
		EXPECT_EQ(rows[i].value, value)
			TH_LOG("property %llu", (unsigned long long)rows[i].which);
	}
	for (i = 0; i < at_array_size(none); i++) {
		value = none[i];
		EXPECT_REFUSED(vy_call(self->t.fd, VY_PROPERTY, &value));
		EXPECT_EQ(none[i], value);
	}
}

static uint64_t bar(const struct at_pci *pci, unsigned int n, bool wide)
{
	uint32_t reg[2] = { };

	at_pci_config(pci, 0x10 + 4 * n, reg, wide ? 8 : 4);
	return (reg[0] & ~15U) | (uint64_t)reg[1] << 32;
}

TEST_F(abi, resources)
{
	struct vy_resources r;

	memset(&r, 0xaa, sizeof(r));
	ASSERT_EQ(0, vy_call(self->t.fd, VY_RESOURCES, &r));
	EXPECT_EQ(bar(&self->t.pci, 2, false), r.l2_base);
	EXPECT_EQ(at_pci_bar_size(&self->t.pci, 2), r.l2_size);
	EXPECT_EQ(at_lab_get64(METIS_LAB_L2_SIZE), r.l2_size);
	/* Taken: what the host does not know is 0; one DDR is all there is */
	EXPECT_EQ(0, r.sysspm_base);
	EXPECT_EQ(0, r.sysspm_size);
	EXPECT_EQ(0, r.ddr_base[1]);
	EXPECT_EQ(0, r.ddr_size[1]);
	/* Taken: before firmware runs DDR may not be known */
	EXPECT_TRUE(!r.ddr_base[0] ||
		    r.ddr_base[0] == at_lab_get64(METIS_LAB_DDR_BASE))
		TH_LOG("DDR at %#llx", (unsigned long long)r.ddr_base[0]);
	EXPECT_TRUE(!r.ddr_size[0] ||
		    r.ddr_size[0] == at_lab_get64(METIS_LAB_DDR_SIZE))
		TH_LOG("DDR of %#llx", (unsigned long long)r.ddr_size[0]);

	ASSERT_EQ(0, at_fw_run(self->t.fd));
	memset(&r, 0xaa, sizeof(r));
	ASSERT_EQ(0, vy_call(self->t.fd, VY_RESOURCES, &r));
	EXPECT_EQ(bar(&self->t.pci, 2, false), r.l2_base);
	EXPECT_EQ(at_lab_get64(METIS_LAB_L2_SIZE), r.l2_size);
	EXPECT_EQ(at_lab_get64(METIS_LAB_DDR_BASE), r.ddr_base[0]);
	EXPECT_EQ(at_lab_get64(METIS_LAB_DDR_SIZE), r.ddr_size[0]);
	EXPECT_EQ(0, r.ddr_base[1]);
	EXPECT_EQ(0, r.ddr_size[1]);
}

TEST_F(abi, windows)
{
	struct vy_windows w;
	int i;

	memset(&w, 0xaa, sizeof(w));
	ASSERT_EQ(0, vy_call(self->t.fd, VY_WINDOWS, &w));
	EXPECT_EQ(bar(&self->t.pci, 0, true), w.base[0]);
	EXPECT_EQ(4096, w.size[0]);
	EXPECT_EQ(bar(&self->t.pci, 2, false), w.base[2]);
	EXPECT_EQ(self->t.q.bar2_size, w.size[2]);
	for (i = 1; i < 6; i++) {
		if (i == 2)
			continue;
		EXPECT_EQ(0, w.base[i]);
		EXPECT_EQ(0, w.size[i]);
	}
	/* The port's windows: both BARs are not prefetchable */
	EXPECT_LE(w.np_base, w.base[2]);
	EXPECT_GE(w.np_base + w.np_size, w.base[2] + w.size[2]);
	EXPECT_NE(0xaaaaaaaaaaaaaaaaULL, w.p_base);
	EXPECT_NE(0xaaaaaaaaaaaaaaaaULL, w.p_size);
}

TEST_F(abi, mailbox_values)
{
	EXPECT_REFUSED(vy_lock(self->t.fd, 2));
	EXPECT_REFUSED(vy_lock(self->t.fd, -1));
	EXPECT_REFUSED(vy_lock(self->t.fd, INT_MIN));
	EXPECT_EQ(0, vy_lock(self->t.fd, 1));
	EXPECT_REFUSED(vy_lock(self->t.fd, 3));
	EXPECT_EQ(0, vy_lock(self->t.fd, 0));
}

TEST_F(abi, nothing_to_end)
{
	/* Each at once, none makes a mess */
	EXPECT_EQ(0, vy_ctx_free(self->t.fd));
	EXPECT_EQ(0, vy_consume(self->t.fd));
	EXPECT_EQ(VY_NONE, vy_call(self->t.fd, VY_BUF_STATE, NULL));
	/* Taken: 0, or a refusal */
	EXPECT_LE(vy_call(self->t.fd, VY_BUF_DETACH, NULL), 0);
	EXPECT_LE(vy_buf_wait(self->t.fd), 0);
	EXPECT_LE(vy_call(self->t.fd, VY_STREAM_CLOSE, NULL), 0);
	EXPECT_EQ(0, vy_call(self->t.fd, VY_DYNMEM_LOAD, NULL));
	EXPECT_EQ(0, vy_move_some(self->t.fd, &self->t));
}

/* An engine with fewer than the four that the SDK can name */
TEST_F(abi, channels_that_are_not_there)
{
	int n = self->t.q.write_channels;
	struct vy_dmabuf b;

	if (n == 4)
		SKIP(return, "all are there");
	if (vy_dmabuf_make(&b, 65536))
		SKIP(return, "no dma-buf");
	ASSERT_EQ(0, vy_buf_attach(self->t.fd, b.fd));
	for (; n < 4; n++) {
		EXPECT_EQ(-EINVAL, vy_buf_xfer(self->t.fd, VY_READ | VY_SYNC,
					       self->t.q.l2_base, 0, 65536, n));
		EXPECT_EQ(-EINVAL, vy_buf_xfer(self->t.fd, VY_WRITE | VY_ASYNC,
					       at_scratch_l2(&self->t.q), 0,
					       65536, n));
	}
	EXPECT_EQ(0, vy_buf_xfer(self->t.fd, VY_READ | VY_SYNC,
				 self->t.q.l2_base, 0, 65536, 0));
	EXPECT_EQ(0, vy_call(self->t.fd, VY_BUF_DETACH, NULL));
	vy_dmabuf_free(&b);
}

/* ---- what takes privileges ---- */

TEST_F(abi, p2p)
{
	uint64_t dev = at_scratch_l2(&self->t.q);
	uint64_t own = bar(&self->t.pci, 2, false);
	uint64_t regs = bar(&self->t.pci, 0, true);
	uint32_t flags = VY_READ | VY_SYNC | VY_P2P;
	uint32_t before = at_doorbells_both();
	/* On this board is no other Metis to write to */
	const struct {
		uint64_t bus;
		size_t n;
		uint32_t flags;
	} bad[] = {
		{ 0, 4096, flags },
		{ 0x30, 4, flags },
		{ 0x40000000, 4096, flags },
		{ own, 4096, flags },
		{ regs, 64, flags },
		{ ~0ULL - 4095, 4096, flags },
		{ own, ~0UL, flags },
		{ own, 0, flags },
		{ own, 4096, 0 },
		{ own, 4096, ~0U },
	};
	int fd = self->t.fd, status;
	pid_t child;
	size_t i;

	for (i = 0; i < at_array_size(bad); i++) {
		EXPECT_EQ(-EINVAL, vy_p2p(fd, bad[i].flags, dev, bad[i].bus,
					  bad[i].n, VY_CHANNEL_ANY))
			TH_LOG("row %zu", i);
	}
	child = fork();
	if (!child) {
		if (vy_drop_rawio())
			_exit(1);
		_exit(vy_p2p(fd, flags, dev, own, 4096, VY_CHANNEL_ANY) ==
		      -EPERM ? 0 : 2);
	}
	ASSERT_GT(child, 0);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(before, at_doorbells_both());
}

/* A dummy address in the answer would be worse than none */
TEST_F(abi, user_pa)
{
	struct vy_user_pa pa = { .virt = (uintptr_t)&pa, .phys = 0x55 };
	unsigned int lines;
	struct at_log log;
	char first[256];
	int i;

	ASSERT_EQ(0, at_log_open(&log));
	EXPECT_EQ(-EOPNOTSUPP, vy_call(self->t.fd, VY_USER_PA, &pa));
	EXPECT_EQ(0x55, pa.phys);
	at_log_read(&log);
	lines = log.count[AT_LOG_DRIVER];
	snprintf(first, sizeof(first), "%s", log.first[AT_LOG_DRIVER]);
	for (i = 0; i < 100; i++)
		EXPECT_EQ(-EOPNOTSUPP, vy_call(self->t.fd, VY_USER_PA, &pa));
	at_log_read(&log);
	/* One line that says why; how often is nothing that a process decides */
	EXPECT_LE(log.count[AT_LOG_DRIVER], lines + 1);
	at_log_close(&log);
	EXPECT_LE(1, at_log_count("axl", "physical") +
		     at_log_count("metis", "physical"))
		TH_LOG("said: '%s'", first);
}

/* ---- mappings ---- */

static void *map(int fd, size_t length, int prot, off_t pages)
{
	return mmap(NULL, length, prot, MAP_SHARED, fd,
		    pages * (off_t)at_page_size());
}

#define EXPECT_NO_MAP(fd, length, prot, pages, err) do {		\
	void *__p = map(fd, length, prot, pages);			\
	EXPECT_EQ(MAP_FAILED, __p)					\
		TH_LOG("%zu bytes at page %ld", (size_t)(length),	\
		       (long)(pages));					\
	if (__p == MAP_FAILED) {					\
		EXPECT_EQ(err, errno);					\
	} else {							\
		munmap(__p, length);					\
	}								\
} while (0)

#define RW	(PROT_READ | PROT_WRITE)

/* Taken: a file is the SDK's when it has made one of its calls */
static void be_the_sdk(int fd)
{
	uint64_t which = VY_PROP_GENERATION;

	vy_call(fd, VY_PROPERTY, &which);
}

TEST_F(abi, map_l2)
{
	size_t size = self->t.q.bar2_size;
	uint8_t *p, *more;
	uint32_t word = 0x600df00d;

	be_the_sdk(self->t.fd);
	p = map(self->t.fd, size, RW, 0);
	ASSERT_NE(MAP_FAILED, p);
	*(volatile uint32_t *)(p + AT_L2_SCRATCH) = word;
	*(volatile uint32_t *)(p + AT_L2_SCRATCH + AT_L2_SCRATCH_SIZE - 4) = ~word;
	word = 0;
	EXPECT_EQ(0, at_dev_read(at_scratch_l2(&self->t.q), &word, 4));
	EXPECT_EQ(0x600df00d, word);
	/* Neither made executable nor longer later */
	EXPECT_EQ(-1, mprotect(p, self->page, PROT_READ | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
	more = mremap(p, size, size + self->page, MREMAP_MAYMOVE);
	EXPECT_EQ(MAP_FAILED, more);
	munmap(p, size);
	p = map(self->t.fd, self->page, RW, 0);
	ASSERT_NE(MAP_FAILED, p);
	more = mremap(p, self->page, 2 * self->page, MREMAP_MAYMOVE);
	EXPECT_EQ(MAP_FAILED, more);
	munmap(p, self->page);

	/* The vendor's driver checks no length */
	EXPECT_NO_MAP(self->t.fd, size + self->page, RW, 0, EINVAL);
	EXPECT_NO_MAP(self->t.fd, 2 * size, RW, 0, EINVAL);
	EXPECT_NO_MAP(self->t.fd, 1UL << 32, PROT_READ, 0, EINVAL);
	p = map(self->t.fd, self->page, PROT_READ | PROT_EXEC, 0);
	EXPECT_EQ(MAP_FAILED, p);
}

TEST_F(abi, map_registers)
{
	volatile uint32_t *p;
	int status;
	pid_t child;

	be_the_sdk(self->t.fd);
	EXPECT_NO_MAP(self->t.fd, 2 * self->page, RW, 1, EINVAL);
	EXPECT_NO_MAP(self->t.fd, self->t.q.bar2_size, RW, 1, EINVAL);
	EXPECT_EQ(MAP_FAILED, map(self->t.fd, self->page, RW | PROT_EXEC, 1));
	if (self->page > 4096) {
		/* Its page holds others' registers; no errno is named for this */
		EXPECT_EQ(MAP_FAILED, map(self->t.fd, self->page, RW, 1));
	} else {
		p = map(self->t.fd, self->page, RW, 1);
		ASSERT_NE(MAP_FAILED, p);
		/* number of channels of either direction */
		EXPECT_EQ(self->t.q.read_channels << 16 |
			  self->t.q.write_channels, p[2] & 0x000f000f);
		EXPECT_EQ(-1, mprotect((void *)p, self->page,
				       PROT_READ | PROT_EXEC));
		munmap((void *)p, self->page);
	}
	child = fork();
	if (!child) {
		if (vy_drop_rawio())
			_exit(1);
		if (map(self->t.fd, 4096, PROT_READ, 1) != MAP_FAILED)
			_exit(2);
		if (errno != EPERM && errno != EACCES && errno != EINVAL)
			_exit(3);
		/* but L2 as before */
		_exit(map(self->t.fd, 4096, RW, 0) == MAP_FAILED ? 4 : 0);
	}
	ASSERT_GT(child, 0);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F(abi, map_elsewhere)
{
	static const off_t pages[] = { 2, 3, 15, 8191, 8192, 1L << 20, 1L << 39 };
	size_t i;

	be_the_sdk(self->t.fd);
	for (i = 0; i < at_array_size(pages); i++)
		EXPECT_NO_MAP(self->t.fd, self->page, RW, pages[i], EINVAL);
}

static void on_sigbus(int sig)
{
	(void)sig;
	_exit(7);
}

/*
 * In a child, since it may end by a SIGBUS: reads through a mapping for as long
 * as the link is down and longer. 0: waited, then honest values; 7: SIGBUS; 1:
 * all ones, when the driver knew that the link is down.
 */
static pid_t reader(int fd, size_t length, off_t pages, size_t at, int ready)
{
	volatile uint32_t *p;
	struct axl_ioc_query q;
	uint64_t end;
	pid_t child = fork();

	if (child)
		return child;
	signal(SIGBUS, on_sigbus);
	p = map(fd, length, PROT_READ, pages);
	if (p == MAP_FAILED || p[at / 4] == ~0U || write(ready, "r", 1) != 1)
		_exit(3);
	end = at_now() + AT_SOON;
	while (at_now() < end && !at_query(fd, &q) &&
	       q.fw_state != AXL_FW_STARTING)
		;
	if (q.fw_state != AXL_FW_STARTING)
		_exit(4);
	/* the state is told a moment before the mappings go */
	at_sleep_ms(100);
	_exit(p[at / 4] == ~0U ? 1 : 0);
}

TEST_F_TIMEOUT(abi, revoked_on_restart, 60)
{
	int ready[2], status, i, n = self->page > 4096 ? 1 : 2;
	uint64_t gen = self->t.q.generation;
	pid_t child[2];
	char byte;

	be_the_sdk(self->t.fd);
	ASSERT_EQ(0, at_fw_run(self->t.fd));
	ASSERT_EQ(0, vy_settle(self->t.fd, gen));
	gen = at_generation(self->t.fd);
	ASSERT_EQ(0, pipe(ready));
	at_lab_set(METIS_LAB_LINK_DOWN_MS, 1000);
	fflush(stdout);
	for (i = 0; i < n; i++) {
		child[i] = reader(self->t.fd, 4096, i, i ? 8 : 0, ready[1]);
		ASSERT_GT(child[i], 0);
		ASSERT_EQ(1, read(ready[0], &byte, 1));
	}
	at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_RUNTIME);
	for (i = 0; i < n; i++) {
		ASSERT_EQ(child[i], waitpid(child[i], &status, 0));
		EXPECT_TRUE(status == 0 || (WIFEXITED(status) &&
					    WEXITSTATUS(status) == 7))
			TH_LOG("BAR %d: status %#x", 2 - 2 * i, status);
	}
	EXPECT_EQ(0, vy_settle(self->t.fd, gen));
}

TEST_HARNESS_MAIN
