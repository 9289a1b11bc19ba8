// SPDX-License-Identifier: GPL-2.0
/*
 * A program of 32 bits has the native interface as it is (basics_32, ioctl_args_32 and
 * others), and no call of the SDK's: its structures are those of 64 bits. Built for
 * both.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libvoyager.h"

#define NARROW	(sizeof(void *) == 4)

FIXTURE(compat)
{
	struct at_ctx t;
	int fd;
};

FIXTURE_SETUP(compat)
{
	VY_BEGIN(&self->t, 0);
	self->fd = at_open();
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(compat)
{
	close(self->fd);
	AT_END(&self->t);
}

TEST_F(compat, requests)
{
	size_t i;
	int err;

	for (i = 0; i < VY_NR_REQUESTS; i++) {
		/* no address, no state of the mailbox lock */
		err = vy_call_value(self->fd, vy_requests[i], 8);
		if (NARROW) {
			EXPECT_EQ(-ENOTTY, err)
				TH_LOG("%#lx", vy_requests[i]);
		} else {
			EXPECT_NE(-ENOTTY, err)
				TH_LOG("%#lx", vy_requests[i]);
		}
	}
}

static int second_page(int fd, const struct at_ctx *t)
{
	size_t page = at_page_size();
	uint32_t word;
	void *p;
	int err;

	/* to have asked changes nothing */
	if (vy_call_value(fd, VY_MAILBOX, 8) != (NARROW ? -ENOTTY : -EINVAL) ||
	    vy_drop_rawio())
		return 1;
	p = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, page);
	if (p == MAP_FAILED)
		return !NARROW && errno == EPERM ? 0 : 2;
	if (!NARROW)
		return 3;
	err = at_dev_read(t->q.l2_base + page, &word, sizeof(word));
	return err || memcmp(p, &word, sizeof(word)) ? 4 : 0;
}

/* It is the engine's registers for the SDK only */
TEST_F(compat, second_page)
{
	int status;
	pid_t child = fork();

	if (!child)
		_exit(second_page(self->fd, &self->t));
	ASSERT_GT(child, 0);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
