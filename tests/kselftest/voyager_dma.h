/* SPDX-License-Identifier: GPL-2.0 */
/* The fixture of tests of user memory: two files, and a card that works afterwards. */
#ifndef VOYAGER_DMA_H
#define VOYAGER_DMA_H

#include <unistd.h>

#include "kselftest_harness.h"
#include "libvoyager.h"

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

#endif
