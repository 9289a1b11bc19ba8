/* SPDX-License-Identifier: GPL-2.0 */
/* The fixture of tests of dma-bufs: one of 2 MiB, and a file. */
#ifndef VOYAGER_DMABUF_H
#define VOYAGER_DMABUF_H

#include <errno.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libvoyager.h"

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
	at_kprobes_clear();
	if (self->fd >= 0)
		close(self->fd);
	vy_dmabuf_free(&self->b);
	AT_END(&self->t);
}

#endif
