/* SPDX-License-Identifier: GPL-2.0 */
/* The fixture of tests of waiting: runtime firmware, two files, nothing pending. */
#ifndef VOYAGER_EVENTS_H
#define VOYAGER_EVENTS_H

#include <unistd.h>

#include "kselftest_harness.h"
#include "libvoyager.h"

FIXTURE(events)
{
	struct at_ctx t;
	int fd;
	bool exact;		/* nothing is pending that was not raised */
};

FIXTURE_SETUP(events)
{
	VY_BEGIN(&self->t, AT_NEEDS_RUNNING);
	self->exact = self->t.q.features & AXL_FEAT_EVENTS_EXACT;
	self->fd = at_open();
	ASSERT_GE(self->fd, 0);
	EXPECT_EQ(0, vy_consume(self->fd));
	EXPECT_EQ(0, vy_consume(self->t.fd));
}

FIXTURE_TEARDOWN(events)
{
	close(self->fd);
	AT_END(&self->t);
}

#endif
