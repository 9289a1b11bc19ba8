/* SPDX-License-Identifier: GPL-2.0 */
/* The fixture of tests of streams: runtime firmware, and L2 to look at its records. */
#ifndef VOYAGER_STREAM_H
#define VOYAGER_STREAM_H

#include <pthread.h>
#include <sys/mman.h>

#include "kselftest_harness.h"
#include "libstream.h"

FIXTURE(stream)
{
	struct at_ctx t;
	volatile uint8_t *l2;
	unsigned int marks;
};

FIXTURE_SETUP(stream)
{
	VY_BEGIN(&self->t, AT_NEEDS_RUNNING);
	self->l2 = at_map_l2(self->t.fd, &self->t);
	ASSERT_NE(NULL, self->l2);
}

FIXTURE_TEARDOWN(stream)
{
	if (self->l2)
		munmap((void *)self->l2, self->t.q.bar2_size);
	AT_END(&self->t);
}

/* A reader with a thread of its own */
struct fast {
	pthread_t thread;
	struct reader r;
	volatile bool stop;
	int err;
};

#endif
