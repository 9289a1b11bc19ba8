// SPDX-License-Identifier: GPL-2.0
/*
 * Registered buffers and imported dma-bufs: pinned memory is counted against its
 * owner's limit, a release while a transfer runs takes effect after it, and memory
 * whose pages are not what they seem (a fork, read-only pages, a mapping of a device)
 * is transferred right or refused.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/dma-buf.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "liblab.h"

#define BOTH		(AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE)

FIXTURE(buffers)
{
	struct at_ctx t;
	uint64_t base;
};

FIXTURE_SETUP(buffers)
{
	AT_BEGIN(&self->t, 0);
	self->base = at_scratch_l2(&self->t.q);
}

FIXTURE_TEARDOWN(buffers)
{
	AT_END(&self->t);
}

TEST_F(buffers, accounting)
{
	size_t page = at_page_size();
	struct axl_ioc_buf_register a, b;
	long start = at_pinned_kb();
	uint8_t *p;

	p = mmap(NULL, 512 * KIB, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, at_register(self->t.fd, p, 256 * KIB, BOTH, &a));
	EXPECT_EQ(start + 256, at_pinned_kb());
	/* Two bytes on two pages are two pages */
	ASSERT_EQ(0, at_register(self->t.fd, p + page - 1, 2, BOTH, &b));
	EXPECT_EQ((long)(start + 256 + 2 * page / KIB), at_pinned_kb());
	EXPECT_EQ(0, at_release(self->t.fd, a.handle));
	EXPECT_EQ((long)(start + 2 * page / KIB), at_pinned_kb());
	/* The end of the file ends the rest */
	close(self->t.fd);
	self->t.fd = -1;
	EXPECT_EQ(start, at_pinned_kb());
	munmap(p, 512 * KIB);
}

/* The limit of a user without privileges */
TEST_F(buffers, memlock_limit)
{
	struct rlimit limit = { 1024 * KIB, 1024 * KIB };
	struct axl_ioc_buf_register a, b;
	uint8_t *p;

	p = mmap(NULL, 4096 * KIB, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	ASSERT_EQ(0, setgid(12345));
	ASSERT_EQ(0, setuid(12345));

	EXPECT_EQ(-ENOMEM, at_register(self->t.fd, p, 2048 * KIB, BOTH, &a));
	ASSERT_EQ(0, at_register(self->t.fd, p, 640 * KIB, BOTH, &a));
	EXPECT_EQ(-ENOMEM, at_register(self->t.fd, p, 640 * KIB, BOTH, &b));
	EXPECT_EQ(0, at_release(self->t.fd, a.handle));
	ASSERT_EQ(0, at_register(self->t.fd, p, 640 * KIB, BOTH, &b));
	ASSERT_EQ(0, at_register(self->t.fd, p, 384 * KIB, BOTH, &a));
	EXPECT_EQ(-ENOMEM, at_register(self->t.fd, p, 1, BOTH, &a));
	/* A failed registration gives back what it counted */
	EXPECT_EQ(0, at_release(self->t.fd, b.handle));
	EXPECT_EQ(-EFAULT, at_register(self->t.fd, p + 4096 * KIB - 4096,
				       512 * KIB, BOTH, &b));
	EXPECT_EQ(0, at_register(self->t.fd, p, 640 * KIB, BOTH, &b));

	/* And it moves data for the user it was opened for */
	EXPECT_EQ(0, at_move(self->t.fd, b.handle, AXL_TO_DEVICE, 0,
			     self->base, 640 * KIB));
	/* The log of the kernel is root's: no end check from here */
	self->t.log.fd = -1;
}

TEST_F(buffers, many)
{
	unsigned int n, i, max = self->t.q.max_bufs;
	struct axl_ioc_buf_register reg;
	uint32_t *handles;
	size_t page = at_page_size();
	uint8_t *p;
	uint32_t crc;

	/* the number that the interface documents */
	ASSERT_EQ(4096, max);
	handles = calloc(max, sizeof(*handles));
	p = mmap(NULL, 16 * page, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	at_fill(p, 16 * page, 3, 0);
	for (n = 0; n < max; n++) {
		ASSERT_EQ(0, at_register(self->t.fd, p + n % 16 * page, page,
					 AXL_BUF_TO_DEVICE, &reg))
			TH_LOG("buffer %u", n);
		handles[n] = reg.handle;
		EXPECT_NE(0, reg.handle);
	}
	/* One in the place of another, and not one more */
	EXPECT_EQ(-ENOSPC, at_register(self->t.fd, p, page, AXL_BUF_TO_DEVICE,
				       &reg));
	ASSERT_EQ(0, at_release(self->t.fd, handles[max - 1]));
	ASSERT_EQ(0, at_register(self->t.fd, p + (max - 1) % 16 * page, page,
				 AXL_BUF_TO_DEVICE, &reg));
	handles[max - 1] = reg.handle;
	EXPECT_EQ(-ENOSPC, at_register(self->t.fd, p, page, AXL_BUF_TO_DEVICE,
				       &reg));
	for (i = 0; i < n; i += 97) {
		ASSERT_EQ(0, at_move(self->t.fd, handles[i], AXL_TO_DEVICE, 0,
				     self->base, page));
		ASSERT_EQ(0, at_dev_crc(self->base, page, &crc));
		EXPECT_EQ(at_crc32(0, p + i % 16 * page, page), crc)
			TH_LOG("buffer %u", i);
	}
	/* Every second one, then a new one fits again, then the file ends */
	for (i = 0; i < n; i += 2)
		EXPECT_EQ(0, at_release(self->t.fd, handles[i]));
	for (i = 0; i < n; i += 97)
		EXPECT_EQ(i % 2 ? 0 : -ENOENT,
			  at_move(self->t.fd, handles[i], AXL_TO_DEVICE, 0,
				  self->base, page));
	EXPECT_EQ(0, at_register(self->t.fd, p, page, AXL_BUF_TO_DEVICE,
				 &reg));
	free(handles);
}

/* A released buffer's transfers end well, new ones are refused */
TEST_F(buffers, release_in_flight)
{
	struct axl_ioc_buf_register reg;
	struct axl_ioc_wait w;
	struct at_mem mem;
	uint64_t seq, other;

	ASSERT_EQ(0, at_mem_alloc(&mem, AT_SCATTERED, 256 * KIB));
	ASSERT_EQ(0, at_dev_fill(self->base, 0x4e, mem.size));
	ASSERT_EQ(0, at_register(self->t.fd, mem.p, mem.size, BOTH, &reg));
	struct axl_xfer x = {
		.handle = reg.handle, .direction = AXL_FROM_DEVICE,
		.device_addr = self->base, .length = mem.size,
		.channel = AXL_CHANNEL_ANY,
	};

	at_lab_set(METIS_LAB_FREEZE, 1);
	ASSERT_EQ(0, at_submit(self->t.fd, &x, 1, self->t.q.generation,
			       AT_SEC(20), &seq));
	EXPECT_EQ(0, at_release(self->t.fd, reg.handle));
	EXPECT_EQ(-ENOENT, at_release(self->t.fd, reg.handle));
	EXPECT_EQ(-ENOENT, at_submit(self->t.fd, &x, 1, self->t.q.generation,
				     0, &other));
	at_lab_set(METIS_LAB_FREEZE, 0);
	EXPECT_EQ(0, at_wait(self->t.fd, seq, AT_SOON, &w));
	EXPECT_EQ(0, w.status);
	EXPECT_EQ(-1, at_check_byte(mem.p, mem.size, 0x4e));
	at_mem_free(&mem);
}

/* Moves from @p by an existing buffer and compares with what is there now */
static void expect_current(struct __test_metadata *_metadata,
			   struct at_ctx *t, uint32_t handle, uint8_t *p,
			   size_t n, const char *what)
{
	uint64_t base = at_scratch_l2(&t->q);
	uint32_t crc;

	ASSERT_EQ(0, at_move(t->fd, handle, AXL_TO_DEVICE, 0, base, n));
	ASSERT_EQ(0, at_dev_crc(base, n, &crc));
	EXPECT_EQ(at_crc32(0, p, n), crc)
		TH_LOG("the device sees other memory than the program: %s",
		       what);
}

/*
 * Memory that the program has not written yet is backed by the zero page or by
 * a page of a file. When it is written later the program gets a page of its
 * own; the buffer must follow, or rather have had that page from the start.
 */
TEST_F(buffers, written_after_register)
{
	size_t page = at_page_size(), n = 4 * page;
	struct axl_ioc_buf_register reg;
	uint8_t *p;
	int fd;

	p = mmap(NULL, n, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, at_register(self->t.fd, p, n, AXL_BUF_TO_DEVICE, &reg));
	at_fill(p, n, 11, 0);
	expect_current(_metadata, &self->t, reg.handle, p, n, "untouched");
	munmap(p, n);

	p = mmap(NULL, n, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(-1, at_check_byte(p, n, 0));	/* the zero page is mapped */
	ASSERT_EQ(0, at_register(self->t.fd, p, n, AXL_BUF_TO_DEVICE, &reg));
	at_fill(p, n, 12, 0);
	expect_current(_metadata, &self->t, reg.handle, p, n, "only read");
	munmap(p, n);

	fd = memfd_create("axltest", MFD_CLOEXEC);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, ftruncate(fd, n));
	p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(-1, at_check_byte(p, n, 0));
	ASSERT_EQ(0, at_register(self->t.fd, p, n, AXL_BUF_TO_DEVICE, &reg));
	at_fill(p, n, 13, 0);
	expect_current(_metadata, &self->t, reg.handle, p, n,
		       "private mapping of a file");
	munmap(p, n);
	close(fd);
}

/* After fork() the buffer stays the parent's memory, whichever process writes first */
TEST_F(buffers, fork)
{
	size_t page = at_page_size(), n = 8 * page;
	struct axl_ioc_buf_register reg;
	int status, go[2], done[2];
	uint8_t *p;
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe(go));
	ASSERT_EQ(0, pipe(done));
	p = mmap(NULL, n, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	at_fill(p, n, 21, 0);
	ASSERT_EQ(0, at_register(self->t.fd, p, n, BOTH, &reg));
	child = fork();
	if (!child) {
		/* The child's copy is its own; the handle is the file's */
		memset(p, 0xcc, n);
		if (write(done[1], "d", 1) != 1 || read(go[0], &byte, 1) != 1)
			_exit(1);
		if (at_check_byte(p, n, 0xcc) != -1)
			_exit(2);
		if (at_move(self->t.fd, reg.handle, AXL_TO_DEVICE, 0,
			    self->base, page))
			_exit(3);
		_exit(0);
	}
	ASSERT_GT(child, 0);
	ASSERT_EQ(1, read(done[0], &byte, 1));
	at_fill(p, n, 22, 0);
	expect_current(_metadata, &self->t, reg.handle, p, n, "after fork");
	/* And from the device: into the parent's pages, not the child's */
	ASSERT_EQ(0, at_dev_fill(self->base, 0x66, n));
	ASSERT_EQ(0, at_move(self->t.fd, reg.handle, AXL_FROM_DEVICE, 0,
			     self->base, n));
	EXPECT_EQ(-1, at_check_byte(p, n, 0x66));
	ASSERT_EQ(1, write(go[1], "g", 1));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status)
		TH_LOG("child: step %d", WEXITSTATUS(status));
}

static const uint8_t constant[3 * 4096] = { 1, 2, 3, [12287] = 4 };

TEST_F(buffers, read_only)
{
	size_t page = at_page_size(), n = 4 * page;
	struct axl_ioc_buf_register reg;
	uint8_t *p;
	int fd;

	/* The program's own constants: a read-only private mapping of a file */
	ASSERT_EQ(0, at_register(self->t.fd, (void *)constant,
				 sizeof(constant), AXL_BUF_TO_DEVICE, &reg));
	expect_current(_metadata, &self->t, reg.handle, (uint8_t *)constant,
		       sizeof(constant), "constants");
	EXPECT_EQ(-EFAULT, at_register(self->t.fd, (void *)constant,
				       sizeof(constant), AXL_BUF_FROM_DEVICE,
				       &reg));

	p = mmap(NULL, n, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	at_fill(p, n, 31, 0);
	ASSERT_EQ(0, mprotect(p, n, PROT_READ));
	ASSERT_EQ(0, at_register(self->t.fd, p, n, AXL_BUF_TO_DEVICE, &reg));
	expect_current(_metadata, &self->t, reg.handle, p, n, "PROT_READ");
	munmap(p, n);

	/* Shared memory mapped read-only */
	fd = memfd_create("axltest", MFD_CLOEXEC);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, ftruncate(fd, n));
	p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, p);
	at_fill(p, n, 32, 0);
	munmap(p, n);
	p = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(0, at_register(self->t.fd, p, n, AXL_BUF_TO_DEVICE, &reg));
	if (reg.handle)
		expect_current(_metadata, &self->t, reg.handle, p, n,
			       "shared, PROT_READ");
	EXPECT_EQ(-EFAULT, at_register(self->t.fd, p, n, BOTH, &reg));
	munmap(p, n);
	close(fd);
}

/* Memory that is no memory: a mapping of device registers cannot be pinned */
TEST_F(buffers, not_memory)
{
	struct axl_ioc_buf_register reg;
	size_t page = at_page_size();
	uint8_t *p;

	p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, self->t.fd,
		 AT_L2_SCRATCH);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_EQ(-EFAULT, at_register(self->t.fd, p, page,
				       AXL_BUF_TO_DEVICE, &reg));
	EXPECT_EQ(-EFAULT, at_register(self->t.fd, p, page,
				       AXL_BUF_FROM_DEVICE, &reg));
	munmap(p, page);
}

FIXTURE(dmabuf)
{
	struct at_ctx t;
	uint64_t base;
	size_t size;
	uint8_t *p;
	int fd;
};

FIXTURE_SETUP(dmabuf)
{
	self->fd = -1;
	AT_BEGIN(&self->t, 0);
	self->base = at_scratch_l2(&self->t.q);
	self->size = 64 * at_page_size();
	self->fd = at_udmabuf(self->size, &self->p);
	if (self->fd == -ENOTSUP)
		SKIP(return, "this kernel has no udmabuf");
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(dmabuf)
{
	if (self->fd >= 0)
		close(self->fd);
	AT_END(&self->t);
}

TEST_F(dmabuf, both_ways)
{
	struct axl_ioc_buf_register reg;
	size_t n = self->size - 5;
	uint32_t crc;

	ASSERT_EQ(0, at_dmabuf_sync(self->fd, DMA_BUF_SYNC_START |
				    DMA_BUF_SYNC_RW));
	at_fill(self->p, self->size, 41, 0);
	ASSERT_EQ(0, at_dmabuf_sync(self->fd, DMA_BUF_SYNC_END |
				    DMA_BUF_SYNC_RW));
	ASSERT_EQ(0, at_import(self->t.fd, self->fd, 0, BOTH, &reg));
	EXPECT_NE(0, reg.handle);
	EXPECT_GE(reg.segments, 1);
	ASSERT_EQ(0, at_move(self->t.fd, reg.handle, AXL_TO_DEVICE, 3,
			     self->base + 1, n));
	ASSERT_EQ(0, at_dev_crc(self->base + 1, n, &crc));
	EXPECT_EQ(at_crc32(0, self->p + 3, n), crc);

	if (at_bounced(&self->t.q))
		SKIP(return, "udmabuf does not sync the mappings of importers");
	ASSERT_EQ(0, at_dev_fill(self->base, 0x29, self->size));
	ASSERT_EQ(0, at_move(self->t.fd, reg.handle, AXL_FROM_DEVICE, 1,
			     self->base, n));
	ASSERT_EQ(0, at_dmabuf_sync(self->fd, DMA_BUF_SYNC_START |
				    DMA_BUF_SYNC_RW));
	EXPECT_EQ(-1, at_check_byte(self->p + 1, n, 0x29));
	EXPECT_EQ(-1, at_check(self->p, 1, 41, 0));
	EXPECT_EQ(-1, at_check(self->p + 1 + n, 4, 41, 1 + n));
	at_dmabuf_sync(self->fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
}

TEST_F(dmabuf, lengths)
{
	struct axl_ioc_buf_register reg;

	EXPECT_EQ(0, at_import(self->t.fd, self->fd, self->size, BOTH, &reg));
	EXPECT_EQ(0, at_import(self->t.fd, self->fd, self->size / 2,
			       AXL_BUF_TO_DEVICE, &reg));
	/* The part imported is the limit, not the dma-buf's size */
	EXPECT_EQ(-ERANGE, at_move(self->t.fd, reg.handle, AXL_TO_DEVICE, 1,
				   self->base, self->size / 2));
	EXPECT_EQ(0, at_move(self->t.fd, reg.handle, AXL_TO_DEVICE, 0,
			     self->base, self->size / 2));
	EXPECT_EQ(-EACCES, at_move(self->t.fd, reg.handle, AXL_FROM_DEVICE, 0,
				   self->base, 16));
	EXPECT_EQ(-EINVAL, at_import(self->t.fd, self->fd, self->size + 1,
				     BOTH, &reg));
	EXPECT_EQ(-EINVAL, at_import(self->t.fd, self->fd, ~0ULL, BOTH, &reg));
}

/* The import keeps the memory, whatever happens to the descriptor */
TEST_F(dmabuf, closed)
{
	struct axl_ioc_buf_register reg;
	uint32_t crc;

	at_fill(self->p, self->size, 43, 0);
	ASSERT_EQ(0, at_import(self->t.fd, self->fd, 0, BOTH, &reg));
	crc = at_crc32(0, self->p, self->size);
	close(self->fd);
	self->fd = -1;
	munmap(self->p, self->size);
	ASSERT_EQ(0, at_move(self->t.fd, reg.handle, AXL_TO_DEVICE, 0,
			     self->base, self->size));
	uint32_t seen;

	ASSERT_EQ(0, at_dev_crc(self->base, self->size, &seen));
	EXPECT_EQ(crc, seen);
	EXPECT_EQ(0, at_release(self->t.fd, reg.handle));
}

TEST_HARNESS_MAIN
