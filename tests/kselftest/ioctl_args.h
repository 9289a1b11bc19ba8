/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fixture of tests of bad arguments: registered buffers, memory with edges, and a
 * device that has not restarted and still moves data afterwards.
 */
#ifndef IOCTL_ARGS_H
#define IOCTL_ARGS_H

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "kselftest_harness.h"
#include "liblab.h"

#define BUF_SIZE	(64 * 1024UL)
#define TO		AXL_BUF_TO_DEVICE
#define FROM		AXL_BUF_FROM_DEVICE

/* A page followed by a hole, and one that is read-only */
struct edge {
	uint8_t *page;
	uint8_t *end;		/* first byte that is not mapped */
	uint8_t *ro;
};

FIXTURE(args)
{
	struct at_ctx t;
	struct edge e;
	uint8_t *buf;
	uint32_t handle;	/* both directions */
	uint32_t to, from;	/* one direction each */
	uint64_t device_addr;
};

FIXTURE_SETUP(args)
{
	struct axl_ioc_buf_register reg;
	size_t page = at_page_size();
	uint8_t *p;

	AT_BEGIN(&self->t, 0);

	p = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	self->e.page = p;
	self->e.end = p + page;
	self->e.ro = p + 2 * page;
	memset(p, 0, page);
	memset(self->e.ro, 0, page);
	ASSERT_EQ(0, munmap(self->e.end, page));
	ASSERT_EQ(0, mprotect(self->e.ro, page, PROT_READ));

	self->buf = mmap(NULL, BUF_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->buf);
	memset(self->buf, 0x5a, BUF_SIZE);
	ASSERT_EQ(0, at_register(self->t.fd, self->buf, BUF_SIZE, TO | FROM,
				 &reg));
	self->handle = reg.handle;
	ASSERT_EQ(0, at_register(self->t.fd, self->buf, BUF_SIZE, TO, &reg));
	self->to = reg.handle;
	ASSERT_EQ(0, at_register(self->t.fd, self->buf, BUF_SIZE, FROM, &reg));
	self->from = reg.handle;
	self->device_addr = at_scratch_l2(&self->t.q);
}

FIXTURE_TEARDOWN(args)
{
	struct axl_ioc_query q;

	/* Whatever was asked, nothing restarted and transfers still work */
	EXPECT_EQ(0, at_query(self->t.fd, &q));
	EXPECT_EQ(self->t.q.generation, q.generation);
	memset(self->buf, 0xa5, 4096);
	EXPECT_EQ(0, at_move(self->t.fd, self->to, AXL_TO_DEVICE, 0,
			     self->device_addr, 4096));
	memset(self->buf, 0, 4096);
	EXPECT_EQ(0, at_move(self->t.fd, self->from, AXL_FROM_DEVICE, 0,
			     self->device_addr, 4096));
	EXPECT_EQ(-1, at_check_byte(self->buf, 4096, 0xa5));
	AT_END(&self->t);
}

#endif
