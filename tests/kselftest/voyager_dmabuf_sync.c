// SPDX-License-Identifier: GPL-2.0
/*
 * A dma-buf shared with others: the driver begins and ends CPU access around a transfer,
 * once each and before it reports the end, and a fence of another user holds up only
 * the transfer of that buffer.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "voyager_dmabuf.h"

#define PROBES		"p:at/end dma_buf_end_cpu_access\n"		\
			"p:at/begin dma_buf_begin_cpu_access\n"

struct passes {
	long begin, end;
};

/* Since the last look: "the CPU takes it", "the CPU gives it away" */
static bool passed_by(struct passes *last, long begin, long end)
{
	struct passes now = { at_kprobe_hits("begin"), at_kprobe_hits("end") };
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
	int err = at_kprobes_set(PROBES);

	if (err)
		return err;
	at_fill(b->p, b->size, 60, 0);
	err = vy_buf_attach(fd, b->fd);
	*p = (struct passes){ at_kprobe_hits("begin"), at_kprobe_hits("end") };
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

/* Before it starts, and before its end is reported */
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
	struct axl_ioc_buf_register reg;
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

/* A fence of another device may take long: only the reader of that buffer waits */
TEST_F_TIMEOUT(dmabuf, others_beside_a_fence, 60)
{
	struct timeline_fence fence = { .value = 1 };
	struct dma_buf_import_sync_file import = {
		.flags = DMA_BUF_SYNC_WRITE,
	};
	struct fenced f = { .base = self->base, .n = self->b.size };
	struct axl_ioc_buf_register reg;
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

TEST_HARNESS_MAIN
