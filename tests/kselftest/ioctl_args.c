// SPDX-License-Identifier: GPL-2.0
/*
 * Bad values in the arguments of every call of /dev/metisN: each has a documented errno,
 * changes nothing and leaves the device usable; the last good value next to it works.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ioctl_args.h"

/* ---- BUF_REGISTER, BUF_RELEASE ---- */

TEST_F(args, buf_register)
{
	size_t page = at_page_size();
	uint8_t *hole = self->e.end, *ro = self->e.ro;
	int null = open("/dev/null", O_RDWR);
	struct {
		const char *what;
		struct axl_ioc_buf_register r;
		int result, or;
	} cases[] = {
		{ "no direction", { .addr = (uintptr_t)self->buf,
		  .length = 4096 }, -EINVAL, 0 },
		{ "unknown flag", { .flags = TO | 8,
		  .addr = (uintptr_t)self->buf, .length = 4096 }, -EINVAL, 0 },
		{ "highest flag", { .flags = TO | 1u << 31,
		  .addr = (uintptr_t)self->buf, .length = 4096 }, -EINVAL, 0 },
		{ "reserved", { .flags = TO, .addr = (uintptr_t)self->buf,
		  .length = 4096, .reserved = 1 }, -EINVAL, 0 },
		{ "fd of user memory", { .flags = TO, .fd = 3,
		  .addr = (uintptr_t)self->buf, .length = 4096 }, -EINVAL, 0 },
		{ "length 0", { .flags = TO, .addr = (uintptr_t)self->buf },
		  -EINVAL, 0 },
		{ "length 2^36 + 1", { .flags = TO,
		  .addr = (uintptr_t)self->buf, .length = (1ULL << 36) + 1 },
		  -EINVAL, 0 },
		{ "length ~0", { .flags = TO, .addr = (uintptr_t)self->buf,
		  .length = ~0ULL }, -EINVAL, -EOVERFLOW },
		{ "2^36 bytes", { .flags = TO, .addr = (uintptr_t)self->buf,
		  .length = 1ULL << 36 }, -EFAULT, -ENOMEM },
		{ "wraps", { .flags = TO, .addr = ~0ULL - page + 1,
		  .length = 2 * page }, -EOVERFLOW, 0 },
		{ "wraps by rounding up", { .flags = TO,
		  .addr = ~0ULL - page + 2, .length = page - 1 }, -EOVERFLOW,
		  -EFAULT },
		{ "null", { .flags = TO, .length = 4096 }, -EFAULT, 0 },
		{ "hole", { .flags = TO, .addr = (uintptr_t)hole,
		  .length = 16 }, -EFAULT, 0 },
		{ "into a hole", { .flags = TO, .addr = (uintptr_t)hole - 1,
		  .length = 2 }, -EFAULT, 0 },
		{ "kernel", { .flags = TO, .addr = 0xffff800000000000,
		  .length = 4096 }, -EFAULT, 0 },
		{ "read-only, from device", { .flags = FROM,
		  .addr = (uintptr_t)ro, .length = 4096 }, -EFAULT, 0 },
		{ "read-only, both", { .flags = TO | FROM,
		  .addr = (uintptr_t)ro, .length = 4096 }, -EFAULT, 0 },
		{ "dma-buf, no direction", { .flags = AXL_BUF_DMABUF,
		  .fd = null }, -EINVAL, 0 },
		{ "dma-buf, address", { .flags = TO | AXL_BUF_DMABUF,
		  .fd = null, .addr = 1 }, -EINVAL, 0 },
		{ "dma-buf -1", { .flags = TO | AXL_BUF_DMABUF, .fd = -1 },
		  -EBADF, 0 },
		{ "dma-buf 9999", { .flags = TO | AXL_BUF_DMABUF, .fd = 9999 },
		  -EBADF, 0 },
		{ "dma-buf, other file", { .flags = TO | AXL_BUF_DMABUF,
		  .fd = null }, -EINVAL, 0 },
		{ "dma-buf, own file", { .flags = TO | AXL_BUF_DMABUF,
		  .fd = self->t.fd }, -EINVAL, 0 },
	};
	long before = at_pinned_kb();
	size_t i;
	int err;

	ASSERT_GE(null, 0);
	for (i = 0; i < at_array_size(cases); i++) {
		struct axl_ioc_buf_register r = cases[i].r;

		err = at_ioctl(self->t.fd, AXL_IOC_BUF_REGISTER, &r);
		EXPECT_TRUE(err == cases[i].result ||
			    (cases[i].or && err == cases[i].or))
			TH_LOG("%s: %d, not %d", cases[i].what, err,
			       cases[i].result);
	}
	EXPECT_EQ(before, at_pinned_kb());
	close(null);
}

TEST_F(args, buf_release)
{
	struct axl_ioc_buf_register reg;
	struct axl_ioc_buf_release rel = { .handle = self->handle, .reserved = 1 };
	int other;

	EXPECT_EQ(-EINVAL, at_ioctl(self->t.fd, AXL_IOC_BUF_RELEASE, &rel));
	EXPECT_EQ(-ENOENT, at_release(self->t.fd, 0));
	EXPECT_EQ(-ENOENT, at_release(self->t.fd, ~0U));
	EXPECT_EQ(-ENOENT, at_release(self->t.fd, 1u << 31));
	EXPECT_EQ(-ENOENT, at_release(self->t.fd, self->from + 1000));
	/* which has not made 0 a handle */
	ASSERT_EQ(0, at_register(self->t.fd, self->buf, 4096, TO, &reg));
	EXPECT_NE(0, reg.handle);
	EXPECT_EQ(0, at_release(self->t.fd, reg.handle));

	/* Of another file */
	other = at_open();
	ASSERT_GE(other, 0);
	EXPECT_EQ(-ENOENT, at_release(other, self->handle));

	/* Twice; and a handle is never 0 */
	ASSERT_EQ(0, at_register(other, self->buf, 4096, TO, &reg));
	EXPECT_NE(0, reg.handle);
	EXPECT_EQ(0, at_release(other, reg.handle));
	EXPECT_EQ(-ENOENT, at_release(other, reg.handle));
	close(other);
}

/* ---- SUBMIT, WAIT ---- */

TEST_F(args, submit_call)
{
	struct axl_xfer good = {
		.handle = self->to, .direction = AXL_TO_DEVICE,
		.device_addr = self->device_addr, .length = 64,
		.channel = AXL_CHANNEL_ANY,
	};
	uint64_t gen = self->t.q.generation, max = self->t.q.max_xfers;
	struct axl_xfer *edge;
	struct axl_ioc_wait w;
	uint64_t seq;
	uint32_t i;

	struct {
		const char *what;
		struct axl_ioc_submit s;
		int result;
	} cases[] = {
		{ "null", { .count = 1, .generation = gen }, -EFAULT },
		{ "no entries", { .xfers = (uintptr_t)&good,
		  .generation = gen }, -EINVAL },
		{ "one too many", { .xfers = (uintptr_t)&good,
		  .count = max + 1, .generation = gen }, -EINVAL },
		{ "count ~0", { .xfers = (uintptr_t)&good, .count = ~0U,
		  .generation = gen }, -EINVAL },
		{ "count wraps the array size", { .xfers = (uintptr_t)&good,
		  .count = 1u << 31, .generation = gen }, -EINVAL },
		{ "flag", { .xfers = (uintptr_t)&good, .count = 1, .flags = 1,
		  .generation = gen }, -EINVAL },
		{ "kernel pointer", { .xfers = 0xffff800000000000, .count = 1,
		  .generation = gen }, -EFAULT },
		{ "pointer ~0", { .xfers = ~0ULL, .count = 1,
		  .generation = gen }, -EFAULT },
		{ "generation 0", { .xfers = (uintptr_t)&good, .count = 1 },
		  -ESTALE },
		{ "old generation", { .xfers = (uintptr_t)&good, .count = 1,
		  .generation = gen - 1 }, -ESTALE },
		{ "future generation", { .xfers = (uintptr_t)&good,
		  .count = 1, .generation = gen + 1 }, -ESTALE },
		{ "generation ~0", { .xfers = (uintptr_t)&good, .count = 1,
		  .generation = ~0ULL }, -ESTALE },
	};

	for (i = 0; i < at_array_size(cases); i++) {
		const char *what = cases[i].what;

		EXPECT_EQ(cases[i].result,
			  at_ioctl(self->t.fd, AXL_IOC_SUBMIT, &cases[i].s))
			TH_LOG("%s", what);
	}

	/* The array ends at the edge of a page, then one entry over it */
	edge = (struct axl_xfer *)self->e.end - 2;
	edge[0] = good;
	edge[1] = good;
	EXPECT_EQ(0, at_submit(self->t.fd, edge, 2, gen, 0, &seq));
	EXPECT_EQ(1, seq);	/* what was refused has no number */
	EXPECT_EQ(0, at_wait(self->t.fd, seq, AT_SOON, &w));
	EXPECT_EQ(0, w.status);
	EXPECT_EQ(128, w.bytes);
	EXPECT_EQ(-EFAULT, at_submit(self->t.fd, edge, 3, gen, 0, &seq));
	EXPECT_EQ(-EFAULT, at_submit(self->t.fd,
				     (void *)((uint8_t *)(edge + 1) + 1), 1,
				     gen, 0, &seq));
	/* Unaligned is a matter of taste, but it is not an error */
	memmove((uint8_t *)edge - 3, edge, sizeof(good));
	EXPECT_EQ(0, at_submit(self->t.fd, (void *)((uint8_t *)edge - 3), 1,
			       gen, 0, &seq));
	EXPECT_EQ(2, seq);
	EXPECT_EQ(0, at_wait(self->t.fd, seq, AT_SOON, &w));
	EXPECT_EQ(0, w.status);
}

TEST_F(args, submit_entry)
{
	struct axl_ioc_query *q = &self->t.q;
	uint64_t l2_end = q->l2_base + q->l2_size;
	uint64_t list, list_size;
	struct axl_xfer good = {
		.handle = self->handle, .direction = AXL_TO_DEVICE,
		.device_addr = self->device_addr, .length = 64,
		.channel = AXL_CHANNEL_ANY,
	};
	struct {
		const char *what;
		struct axl_xfer x;
		int result, or;
	} cases[64];
	uint64_t gen = q->generation, seq;
	struct axl_ioc_wait w;
	size_t n = 0, i;
	int other, err;

#define BAD(text, field, value, errno1, errno2) do {			\
	cases[n].what = text;						\
	cases[n].x = good;						\
	cases[n].x.field = (value);					\
	cases[n].result = (errno1);					\
	cases[n].or = (errno2);						\
	n++;								\
} while (0)

	BAD("direction 2", direction, 2, -EINVAL, 0);
	BAD("direction ~0", direction, ~0U, -EINVAL, 0);
	BAD("reserved", reserved, 1, -EINVAL, 0);
	BAD("handle 0", handle, 0, -ENOENT, 0);
	BAD("handle ~0", handle, ~0U, -ENOENT, 0);
	BAD("never registered", handle, self->from + 1000, -ENOENT, 0);
	BAD("only from the device", handle, self->from, -EACCES, 0);
	BAD("only to the device", handle, self->to, -EACCES, 0);
	cases[n - 1].x.direction = AXL_FROM_DEVICE;
	/* The text names no errno for a length or channel out of range */
	BAD("length 0", length, 0, -EINVAL, -ERANGE);
	BAD("length ~0", length, ~0ULL, -ERANGE, -EINVAL);
	BAD("length over the maximum", length, q->max_length + 1, -ERANGE,
	    -EINVAL);
	BAD("longer than the buffer", length, BUF_SIZE + 1, -ERANGE, 0);
	BAD("offset at the end", offset, BUF_SIZE, -ERANGE, 0);
	BAD("offset one byte too far", offset, BUF_SIZE - 63, -ERANGE, 0);
	BAD("offset + length wraps", offset, ~0ULL - 31, -ERANGE, 0);
	BAD("offset ~0", offset, ~0ULL, -ERANGE, 0);
	BAD("device address 0", device_addr, 0, -ERANGE, 0);
	BAD("device address ~0", device_addr, ~0ULL, -ERANGE, 0);
	BAD("device address wraps", device_addr, ~0ULL - 31, -ERANGE, 0);
	BAD("below L2", device_addr, q->l2_base - 1, -ERANGE, 0);
	BAD("end of L2", device_addr, l2_end - 1, -ERANGE, 0);
	BAD("behind L2", device_addr, l2_end, -ERANGE, 0);
	BAD("read channel too high", channel, q->read_channels, -EINVAL,
	    -ERANGE);
	BAD("read channel 32", channel, 32, -EINVAL, -ERANGE);
	BAD("read channel ~0 - 1", channel, AXL_CHANNEL_ANY - 1, -EINVAL,
	    -ERANGE);
	BAD("write channel too high", channel, q->write_channels, -EINVAL,
	    -ERANGE);
	cases[n - 1].x.direction = AXL_FROM_DEVICE;
	if (q->features & AXL_FEAT_DDR) {
		BAD("below DDR", device_addr, q->ddr_base - 1, -ERANGE, 0);
		BAD("end of DDR", device_addr,
		    q->ddr_base + q->ddr_size - 1, -ERANGE, 0);
		BAD("behind DDR", device_addr, q->ddr_base + q->ddr_size,
		    -ERANGE, 0);
	}
	ASSERT_EQ(0, at_list_buffer(&self->t, &list, &list_size));
	if (list_size) {
		BAD("list buffer", device_addr, list, -ERANGE, 0);
		BAD("last byte before the list buffer and on", device_addr,
		    list - 1, -ERANGE, 0);
		BAD("last byte of the list buffer", device_addr,
		    list + list_size - 1, -ERANGE, 0);
		cases[n - 1].x.length = 1;
	}
#undef BAD

	for (i = 0; i < n; i++) {
		struct axl_xfer pair[2] = { good, cases[i].x };

		err = at_submit(self->t.fd, &cases[i].x, 1, gen, 0, &seq);
		EXPECT_TRUE(err == cases[i].result ||
			    (cases[i].or && err == cases[i].or))
			TH_LOG("%s: %d, not %d", cases[i].what, err,
			       cases[i].result);

		/* All or none: the good one before it does not start */
		memset(self->buf, (int)i, 64);
		err = at_submit(self->t.fd, pair, 2, gen, 0, &seq);
		EXPECT_TRUE(err == cases[i].result ||
			    (cases[i].or && err == cases[i].or))
			TH_LOG("second entry, %s: %d, not %d", cases[i].what,
			       err, cases[i].result);
	}

	/* Nothing was submitted, so there is nothing to collect */
	EXPECT_EQ(-ENOENT, at_wait(self->t.fd, 0, 0, &w));
	EXPECT_EQ(-ENOENT, at_wait(self->t.fd, 1, 0, &w));

	/* A handle of another file */
	other = at_open();
	ASSERT_GE(other, 0);
	EXPECT_EQ(-ENOENT, at_submit(other, &good, 1, gen, 0, &seq));
	close(other);

	/* A handle that was released */
	ASSERT_EQ(0, at_release(self->t.fd, self->handle));
	EXPECT_EQ(-ENOENT, at_submit(self->t.fd, &good, 1, gen, 0, &seq));
}

/* The last bytes that may be named, at both ends of everything */
TEST_F(args, submit_limits)
{
	struct axl_ioc_query *q = &self->t.q;
	uint64_t l2_end = q->l2_base + q->l2_size;
	uint64_t list, list_size;

	ASSERT_EQ(0, at_list_buffer(&self->t, &list, &list_size));
	if (list + list_size < l2_end) {
		EXPECT_EQ(0, at_move(self->t.fd, self->handle, AXL_FROM_DEVICE,
				     BUF_SIZE - 64, l2_end - 64, 64));
		EXPECT_EQ(0, at_move(self->t.fd, self->handle, AXL_FROM_DEVICE,
				     0, list + list_size, 1));
	}
	EXPECT_EQ(0, at_move(self->t.fd, self->handle, AXL_FROM_DEVICE,
			     BUF_SIZE - 64, list - 64, 64));
	EXPECT_EQ(0, at_move(self->t.fd, self->handle, AXL_FROM_DEVICE, 0,
			     q->l2_base, 1));
	if (q->features & AXL_FEAT_DDR)
		EXPECT_EQ(0, at_move(self->t.fd, self->handle, AXL_FROM_DEVICE,
				     0, q->ddr_base, 64));
}

TEST_F(args, wait)
{
	struct axl_xfer x = {
		.handle = self->handle, .direction = AXL_TO_DEVICE,
		.device_addr = self->device_addr, .length = 64,
		.channel = AXL_CHANNEL_ANY,
	};
	uint64_t seq;
	struct axl_ioc_wait w = { .seq = 1, .flags = 1 };
	int other;

	EXPECT_EQ(-EINVAL, at_ioctl(self->t.fd, AXL_IOC_WAIT, &w));
	w = (struct axl_ioc_wait){ .seq = 1, .reserved = 1 };
	EXPECT_EQ(-EINVAL, at_ioctl(self->t.fd, AXL_IOC_WAIT, &w));
	EXPECT_EQ(-ENOENT, at_wait(self->t.fd, 1, 0, &w));
	EXPECT_EQ(-ENOENT, at_wait(self->t.fd, 0, 0, &w));
	EXPECT_EQ(-ENOENT, at_wait(self->t.fd, 0, AXL_TIMEOUT_INFINITE, &w));
	EXPECT_EQ(-ENOENT, at_wait(self->t.fd, ~0ULL, AXL_TIMEOUT_INFINITE,
				   &w));

	ASSERT_EQ(0, at_submit(self->t.fd, &x, 1, self->t.q.generation, 0,
			       &seq));
	EXPECT_EQ(1, seq);
	EXPECT_EQ(-ENOENT, at_wait(self->t.fd, 2, AT_SOON, &w));

	/* Of another file */
	other = at_open();
	ASSERT_GE(other, 0);
	EXPECT_EQ(-ENOENT, at_wait(other, 1, AT_SOON, &w));
	EXPECT_EQ(-ENOENT, at_wait(other, 0, 0, &w));
	close(other);

	EXPECT_EQ(0, at_wait(self->t.fd, 0, AT_SOON, &w));
	EXPECT_EQ(1, w.seq);
	EXPECT_EQ(0, w.status);
	EXPECT_EQ(0, w.failed);
	EXPECT_EQ(64, w.bytes);
	EXPECT_EQ(-ENOENT, at_wait(self->t.fd, 1, 0, &w));
	EXPECT_EQ(-ENOENT, at_wait(self->t.fd, 0, 0, &w));
}

/* A submission whose number could not be told must not stay for ever */
TEST_F(args, submit_read_only)
{
	size_t page = at_page_size();
	struct axl_xfer x = {
		.handle = self->handle, .direction = AXL_TO_DEVICE,
		.device_addr = self->device_addr, .length = 64,
		.channel = AXL_CHANNEL_ANY,
	};
	struct axl_ioc_submit s = {
		.xfers = (uintptr_t)&x, .count = 1,
		.generation = self->t.q.generation,
	};
	struct axl_ioc_wait w;
	uint64_t i;
	int err;

	ASSERT_EQ(0, mprotect(self->e.ro, page, PROT_READ | PROT_WRITE));
	memcpy(self->e.ro, &s, sizeof(s));
	ASSERT_EQ(0, mprotect(self->e.ro, page, PROT_READ));
	for (i = 0; i < self->t.q.max_jobs + 2ULL; i++) {
		err = at_ioctl(self->t.fd, AXL_IOC_SUBMIT, self->e.ro);
		ASSERT_EQ(-EFAULT, err)
			TH_LOG("call %llu", (unsigned long long)i);
		/* Started or not, it can be collected or is forgotten */
		err = at_wait(self->t.fd, 0, AT_SOON, &w);
		ASSERT_TRUE(err == 0 || err == -ENOENT);
	}
}

TEST_F(args, too_many_jobs)
{
	struct axl_xfer x = {
		.handle = self->handle, .direction = AXL_TO_DEVICE,
		.device_addr = self->device_addr, .length = 1,
		.channel = AXL_CHANNEL_ANY,
	};
	uint64_t gen = self->t.q.generation, seq, i;
	struct axl_ioc_wait w;

	ASSERT_GT(self->t.q.max_jobs, 0);
	for (i = 0; i < self->t.q.max_jobs; i++) {
		ASSERT_EQ(0, at_submit(self->t.fd, &x, 1, gen, 0, &seq));
		ASSERT_EQ(i + 1, seq);
	}
	EXPECT_EQ(-EBUSY, at_submit(self->t.fd, &x, 1, gen, 0, &seq));
	EXPECT_EQ(0, at_wait(self->t.fd, i / 2, AT_SOON, &w));
	EXPECT_EQ(0, at_submit(self->t.fd, &x, 1, gen, 0, &seq));
	EXPECT_EQ(i + 1, seq);
	EXPECT_EQ(-EBUSY, at_submit(self->t.fd, &x, 1, gen, 0, &seq));
	for (i = 0; i < self->t.q.max_jobs; i++) {
		ASSERT_EQ(0, at_wait(self->t.fd, 0, AT_SOON, &w));
		ASSERT_EQ(0, w.status);
	}
	EXPECT_EQ(-ENOENT, at_wait(self->t.fd, 0, 0, &w));
}

/* ---- events ---- */

TEST_F(args, wait_event)
{
	uint64_t gen = self->t.q.generation, count = ~0ULL;
	int known = at_event_count(self->t.fd, 1023, &count);
	struct {
		const char *what;
		struct axl_ioc_wait_event w;
		int result;
	} cases[] = {
		{ "event 1024", { .event = 1024, .generation = gen },
		  -EINVAL },
		{ "event ANY - 1", { .event = AXL_EVENT_ANY - 1,
		  .generation = gen }, -EINVAL },
		{ "event 2^31", { .event = 1u << 31, .generation = gen },
		  -EINVAL },
		{ "flag", { .event = 0, .flags = 1, .generation = gen },
		  -EINVAL },
		{ "generation 0", { .event = 0 }, -ESTALE },
		{ "old generation", { .event = 0, .generation = gen - 1,
		  .timeout_ns = AXL_TIMEOUT_INFINITE }, -ESTALE },
		{ "future generation", { .event = 0, .generation = gen + 1,
		  .timeout_ns = AXL_TIMEOUT_INFINITE }, -ESTALE },
		{ "differs already", { .event = 1023, .seen = count + 77,
		  .timeout_ns = AXL_TIMEOUT_INFINITE, .generation = gen }, 0 },
		{ "nothing to see", { .event = 1023, .seen = count,
		  .generation = gen }, -ETIMEDOUT },
	};
	size_t i;

	ASSERT_EQ(0, known);
	for (i = 0; i < at_array_size(cases); i++) {
		cases[i].w.count = 0xdead;
		EXPECT_EQ(cases[i].result,
			  at_ioctl(self->t.fd, AXL_IOC_WAIT_EVENT,
				   &cases[i].w))
			TH_LOG("%s", cases[i].what);
	}
	/* The count is told with both outcomes */
	EXPECT_EQ(count, cases[i - 1].w.count);
	EXPECT_EQ(count, cases[i - 2].w.count);
}

TEST_F(args, event_counts)
{
	static uint64_t counts[1025];
	uint64_t *edge = (uint64_t *)self->e.end - 4;
	struct {
		const char *what;
		struct axl_ioc_event_counts c;
		int result;
	} cases[] = {
		{ "all", { (uintptr_t)counts, 0, 1024 }, 0 },
		{ "last", { (uintptr_t)counts, 1023, 1 }, 0 },
		{ "none", { (uintptr_t)counts, 0, 0 }, -EINVAL },
		{ "one too many", { (uintptr_t)counts, 0, 1025 }, -EINVAL },
		{ "over the end", { (uintptr_t)counts, 1, 1024 }, -EINVAL },
		{ "behind the end", { (uintptr_t)counts, 1024, 1 }, -EINVAL },
		{ "sum wraps", { (uintptr_t)counts, ~0U, 1 }, -EINVAL },
		{ "sum wraps to 1024", { (uintptr_t)counts, ~0U - 1022,
		  2047 }, -EINVAL },
		{ "null", { 0, 0, 1 }, -EFAULT },
		{ "kernel", { 0xffff800000000000, 0, 1 }, -EFAULT },
		{ "ends at the edge", { (uintptr_t)edge, 0, 4 }, 0 },
		{ "over the edge", { (uintptr_t)edge, 0, 5 }, -EFAULT },
		{ "read-only", { (uintptr_t)self->e.ro, 0, 4 }, -EFAULT },
		{ "unaligned", { (uintptr_t)counts + 1, 0, 4 }, 0 },
	};
	size_t i;

	for (i = 0; i < at_array_size(cases); i++) {
		counts[1024] = 0xfeedfeed;
		EXPECT_EQ(cases[i].result,
			  at_ioctl(self->t.fd, AXL_IOC_EVENT_COUNTS,
				   &cases[i].c))
			TH_LOG("%s", cases[i].what);
		EXPECT_EQ(0xfeedfeed, counts[1024]);
	}
}

TEST_F(args, event_fd)
{
	int efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	int null = open("/dev/null", O_RDWR);
	int closed = eventfd(0, 0);
	struct {
		const char *what;
		struct axl_ioc_event_fd e;
		int result;
	} cases[] = {
		{ "event 1024", { 1024, efd, 0, 0 }, -EINVAL },
		{ "event ANY - 1", { AXL_EVENT_ANY - 1, efd, 0, 0 }, -EINVAL },
		{ "flag", { 0, efd, 1, 0 }, -EINVAL },
		{ "reserved", { 0, efd, 0, 1 }, -EINVAL },
		{ "nothing to end", { 0, -1, 0, 0 }, -ENOENT },
		{ "nothing to end, any", { AXL_EVENT_ANY, -1, 0, 0 },
		  -ENOENT },
		{ "descriptor -2", { 0, -2, 0, 0 }, -EBADF },
		{ "closed descriptor", { 0, closed, 0, 0 }, -EBADF },
		{ "not an eventfd", { 0, null, 0, 0 }, -EINVAL },
		{ "the node itself", { 0, self->t.fd, 0, 0 }, -EINVAL },
		{ "bind", { 5, efd, 0, 0 }, 0 },
		{ "bind again", { 5, efd, 0, 0 }, -EEXIST },
		{ "bind to another event", { 6, efd, 0, 0 }, 0 },
		{ "bind to any", { AXL_EVENT_ANY, efd, 0, 0 }, 0 },
		{ "bind to any again", { AXL_EVENT_ANY, efd, 0, 0 }, -EEXIST },
		{ "end event 5", { 5, -1, 0, 0 }, 0 },
		{ "end event 5 again", { 5, -1, 0, 0 }, -ENOENT },
		{ "end any", { AXL_EVENT_ANY, -1, 0, 0 }, 0 },
		{ "event 6 is still bound", { 6, efd, 0, 0 }, -EEXIST },
		{ "end event 6", { 6, -1, 0, 0 }, 0 },
	};
	uint32_t n;
	size_t i;

	ASSERT_GE(efd, 0);
	ASSERT_GE(null, 0);
	close(closed);
	for (i = 0; i < at_array_size(cases); i++) {
		const char *what = cases[i].what;

		EXPECT_EQ(cases[i].result,
			  at_ioctl(self->t.fd, AXL_IOC_EVENT_FD, &cases[i].e))
			TH_LOG("%s", what);
	}

	for (n = 0; n < 64; n++) {
		struct axl_ioc_event_fd e = { .event = 100 + n, .fd = efd };

		ASSERT_EQ(0, at_ioctl(self->t.fd, AXL_IOC_EVENT_FD, &e));
	}
	{
		struct axl_ioc_event_fd e = { .event = 200, .fd = efd };

		EXPECT_EQ(-ENOSPC, at_ioctl(self->t.fd, AXL_IOC_EVENT_FD, &e));
		e.event = 100;
		e.fd = -1;
		EXPECT_EQ(0, at_ioctl(self->t.fd, AXL_IOC_EVENT_FD, &e));
		e.event = 200;
		e.fd = efd;
		EXPECT_EQ(0, at_ioctl(self->t.fd, AXL_IOC_EVENT_FD, &e));
	}
	/* The rest ends with the file; a closed eventfd is no problem */
	close(efd);
	close(null);
}

/* ---- FW_LOAD, RESET ---- */

TEST_F(args, fw_load)
{
	static const char dots[] = "axl/../secret", abs[] = "no such file";
	static const char missing[] = "axl/there-is-no-such.elf";
	static char long_name[200];
	static const char nul[] = "a\0b";
	uint64_t max = self->t.q.max_image;
	uint8_t *edge = self->e.end - 100;
	struct {
		const char *what;
		struct axl_ioc_fw_load l;
		int result, or;
	} cases[] = {
		{ "unknown flag", { .flags = 4, .image_size = 1 }, -EINVAL, 0 },
		{ "highest flag", { .flags = 1u << 31, .image_size = 1 },
		  -EINVAL, 0 },
		{ "reserved", { .image_size = 1, .reserved = 1 }, -EINVAL, 0 },
		{ "size 0", { .image_size = 0 }, -EINVAL, 0 },
		{ "over the maximum", { .image_size = max + 1 }, -E2BIG, 0 },
		{ "size ~0", { .image_size = ~0ULL }, -E2BIG, 0 },
		{ "no image", { .image = 1, .image_size = 4096 }, -EFAULT, 0 },
		{ "kernel image", { .image = 0xffff800000000000,
		  .image_size = 4096 }, -EFAULT, 0 },
		{ "image over the edge", { .image = (uintptr_t)edge,
		  .image_size = 101 }, -EFAULT, -ENOEXEC },
		{ "message too long", { .image_size = 1, .msg_size = 257 },
		  -EINVAL, 0 },
		{ "message size ~0", { .image_size = 1, .msg_size = ~0U },
		  -EINVAL, 0 },
		{ "message without size", { .image_size = 1, .msg = 1 },
		  -EINVAL, 0 },
		{ "message at null", { .msg_size = 16 }, -EFAULT, 0 },
		{ "message over the edge", { .msg = (uintptr_t)edge,
		  .msg_size = 101 }, -EFAULT, 0 },
		{ "name of 0 bytes", { .flags = AXL_FW_LOAD_NAME,
		  .image = (uintptr_t)missing }, -EINVAL, 0 },
		{ "name of 128 bytes", { .flags = AXL_FW_LOAD_NAME,
		  .image = (uintptr_t)long_name, .image_size = 128 },
		  -EINVAL, 0 },
		{ "name of 2^32 bytes", { .flags = AXL_FW_LOAD_NAME,
		  .image = (uintptr_t)long_name, .image_size = 1ULL << 32 },
		  -EINVAL, 0 },
		{ "name with ..", { .flags = AXL_FW_LOAD_NAME,
		  .image = (uintptr_t)dots, .image_size = sizeof(dots) - 1 },
		  -EINVAL, 0 },
		{ "name with a space", { .flags = AXL_FW_LOAD_NAME,
		  .image = (uintptr_t)abs, .image_size = sizeof(abs) - 1 },
		  -EINVAL, 0 },
		{ "name with a NUL", { .flags = AXL_FW_LOAD_NAME,
		  .image = (uintptr_t)nul, .image_size = 3 }, -EINVAL, 0 },
		{ "name at a bad address", { .flags = AXL_FW_LOAD_NAME,
		  .image = 1, .image_size = 10 }, -EFAULT, 0 },
		{ "name over the edge", { .flags = AXL_FW_LOAD_NAME,
		  .image = (uintptr_t)edge, .image_size = 101 }, -EFAULT,
		  -EINVAL },
		{ "missing file", { .flags = AXL_FW_LOAD_NAME,
		  .image = (uintptr_t)missing,
		  .image_size = sizeof(missing) - 1 }, -ENOENT, 0 },
		{ "one byte", { .image_size = 1 }, -ENOEXEC, -EINVAL },
		{ "text", { .image_size = 4096 }, -ENOEXEC, 0 },
	};
	struct at_image good;
	size_t i;
	int err;

	memset(long_name, 'a', sizeof(long_name));
	memset(edge, 'a', 100);
	/* All but one thing about each request is right */
	ASSERT_EQ(0, at_image_good(&good, &self->t.q, 64));
	for (i = 0; i < at_array_size(cases); i++) {
		struct axl_ioc_fw_load l = cases[i].l;

		l.start_opcode = at_start_opcode();
		if (!l.image && l.image_size > 1)
			l.image = (uintptr_t)self->buf;
		if (!l.image)
			l.image = (uintptr_t)good.data;
		if (!l.image_size && (l.msg_size || l.msg))
			l.image_size = good.size;
		if (l.image_size == 1 && cases[i].result != -ENOEXEC)
			l.image_size = good.size;
		err = at_ioctl(self->t.fd, AXL_IOC_FW_LOAD, &l);
		EXPECT_TRUE(err == cases[i].result ||
			    (cases[i].or && err == cases[i].or))
			TH_LOG("%s: %d, not %d", cases[i].what, err,
			       cases[i].result);
	}
	at_image_free(&good);
}

TEST_F(args, reset)
{
	struct axl_ioc_reset r = { .flags = 1 };

	EXPECT_EQ(-EINVAL, at_ioctl(self->t.fd, AXL_IOC_RESET, &r));
	r = (struct axl_ioc_reset){ .reserved = 1 };
	EXPECT_EQ(-EINVAL, at_ioctl(self->t.fd, AXL_IOC_RESET, &r));
}

/* ---- mmap, read, write ---- */

TEST_F(args, mmap)
{
	size_t page = at_page_size(), size = self->t.q.bar2_size;
	struct {
		const char *what;
		size_t length;
		int prot, flags;
		off_t offset;
		int result, or;
	} cases[] = {
		{ "private", page, PROT_READ, MAP_PRIVATE, 0, EINVAL, 0 },
		{ "too long", size + page, PROT_READ, MAP_SHARED, 0, EINVAL,
		  0 },
		{ "behind the end", page, PROT_READ, MAP_SHARED, size, EINVAL,
		  0 },
		{ "over the end", 2 * page, PROT_READ, MAP_SHARED, size - page,
		  EINVAL, 0 },
		{ "offset near 2^63", page, PROT_READ, MAP_SHARED,
		  (off_t)(0x7ffffffffffff000 & ~(page - 1)), EINVAL,
		  EOVERFLOW },
		{ "executable", page, PROT_READ | PROT_EXEC, MAP_SHARED, 0,
		  EPERM, EINVAL },
	};
	uint8_t *p;
	size_t i;

	for (i = 0; i < at_array_size(cases); i++) {
		errno = 0;
		p = mmap(NULL, cases[i].length, cases[i].prot, cases[i].flags,
			 self->t.fd, cases[i].offset);
		EXPECT_EQ(MAP_FAILED, p)
			TH_LOG("%s", cases[i].what);
		EXPECT_TRUE(errno == cases[i].result || errno == cases[i].or)
			TH_LOG("%s: %d, not %d", cases[i].what, errno,
			       cases[i].result);
	}

	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, self->t.fd,
		 0);
	ASSERT_NE(MAP_FAILED, p);
	EXPECT_NE(0, mprotect(p, page, PROT_READ | PROT_EXEC));
	munmap(p, size);
}

TEST_F(args, read_write)
{
	char byte = 0;
	int fd;

	EXPECT_EQ(-1, read(self->t.fd, &byte, 1));
	EXPECT_EQ(-1, write(self->t.fd, &byte, 1));
	EXPECT_NE(0, fcntl(self->t.fd, F_GETFD) & FD_CLOEXEC);

	/* A file opened for reading answers as well */
	fd = open("/dev/metis0", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		EXPECT_EQ(0, at_query(fd, &self->t.q));
		close(fd);
	}
}

TEST_HARNESS_MAIN
