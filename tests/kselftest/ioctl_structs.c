// SPDX-License-Identifier: GPL-2.0
/*
 * The structures of all calls of /dev/metisN as such: at the edge of memory, unaligned,
 * read-only, shorter and longer than today's, with noise, and requests that do not
 * exist. Each has a documented errno, no byte outside the structure is read or written,
 * and the device stays usable.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ioctl_args.h"

/*
 * One instance of every call whose result is known and that has no effect that
 * matters: either it succeeds, or one field is bad on purpose.
 */
struct call {
	const char *name;
	unsigned long request;
	size_t size;
	int result;
	bool writes;		/* an output is written with @result */
	union {
		struct axl_ioc_query query;
		struct axl_ioc_fw_load fw_load;
		struct axl_ioc_buf_register buf_register;
		struct axl_ioc_buf_release buf_release;
		struct axl_ioc_submit submit;
		struct axl_ioc_wait wait;
		struct axl_ioc_wait_event wait_event;
		struct axl_ioc_event_counts event_counts;
		struct axl_ioc_event_fd event_fd;
		struct axl_ioc_reset reset;
		uint8_t bytes[256];
	} arg;
};

#define NR_CALLS	10

static void make_calls(struct call *c, const struct axl_ioc_query *q,
		       uint8_t *buf, uint64_t *counts)
{
	memset(c, 0, NR_CALLS * sizeof(*c));

	c[0] = (struct call){ "QUERY", AXL_IOC_QUERY, sizeof(struct axl_ioc_query),
			      0, true, { } };
	c[1] = (struct call){ "FW_LOAD", AXL_IOC_FW_LOAD,
			      sizeof(struct axl_ioc_fw_load), -EINVAL, false, { } };
	c[1].arg.fw_load.image = (uintptr_t)buf;
	c[2] = (struct call){ "BUF_REGISTER", AXL_IOC_BUF_REGISTER,
			      sizeof(struct axl_ioc_buf_register), 0, true, { } };
	c[2].arg.buf_register.flags = TO;
	c[2].arg.buf_register.addr = (uintptr_t)buf;
	c[2].arg.buf_register.length = 4096;
	c[3] = (struct call){ "BUF_RELEASE", AXL_IOC_BUF_RELEASE,
			      sizeof(struct axl_ioc_buf_release), -ENOENT, false,
			      { } };
	c[3].arg.buf_release.handle = 0xfffffff0;
	c[4] = (struct call){ "SUBMIT", AXL_IOC_SUBMIT,
			      sizeof(struct axl_ioc_submit), -EINVAL, false, { } };
	c[4].arg.submit.xfers = (uintptr_t)buf;
	c[4].arg.submit.generation = q->generation;
	c[5] = (struct call){ "WAIT", AXL_IOC_WAIT, sizeof(struct axl_ioc_wait),
			      -ENOENT, false, { } };
	c[5].arg.wait.seq = 0x123456789;
	c[6] = (struct call){ "WAIT_EVENT", AXL_IOC_WAIT_EVENT,
			      sizeof(struct axl_ioc_wait_event), 0, true, { } };
	c[6].arg.wait_event.event = 1000;
	c[6].arg.wait_event.seen = ~0ULL - 1;
	c[6].arg.wait_event.generation = q->generation;
	c[7] = (struct call){ "EVENT_COUNTS", AXL_IOC_EVENT_COUNTS,
			      sizeof(struct axl_ioc_event_counts), 0, false, { } };
	c[7].arg.event_counts.counts = (uintptr_t)counts;
	c[7].arg.event_counts.nr = 16;
	c[8] = (struct call){ "EVENT_FD", AXL_IOC_EVENT_FD,
			      sizeof(struct axl_ioc_event_fd), -ENOENT, false,
			      { } };
	c[8].arg.event_fd.event = 1000;
	c[8].arg.event_fd.fd = -1;
	c[9] = (struct call){ "RESET", AXL_IOC_RESET, sizeof(struct axl_ioc_reset),
			      -EINVAL, false, { } };
	c[9].arg.reset.flags = 1u << 31;
}

static unsigned long with_size(unsigned long request, size_t size)
{
	return _IOC(_IOC_DIR(request), _IOC_TYPE(request), _IOC_NR(request),
		    size);
}

TEST_F(args, structure_at_page_edge)
{
	struct call calls[NR_CALLS];
	uint64_t counts[16];
	int i;

	make_calls(calls, &self->t.q, self->buf, counts);
	for (i = 0; i < NR_CALLS; i++) {
		struct call *c = &calls[i];
		uint8_t *at = self->e.end - c->size;

		memcpy(at, &c->arg, c->size);
		EXPECT_EQ(c->result, at_ioctl(self->t.fd, c->request, at))
			TH_LOG("%s, ends at the edge", c->name);
		if (i == 2)
			EXPECT_EQ(0, at_release(self->t.fd,
				((struct axl_ioc_buf_register *)at)->handle));

		/* One byte, then half of it over the edge */
		memcpy(at + 1, &c->arg, c->size - 1);
		EXPECT_EQ(-EFAULT, at_ioctl(self->t.fd, c->request, at + 1))
			TH_LOG("%s, one byte over the edge", c->name);
		at = self->e.end - c->size / 2;
		memcpy(at, &c->arg, c->size / 2);
		EXPECT_EQ(-EFAULT, at_ioctl(self->t.fd, c->request, at))
			TH_LOG("%s, half over the edge", c->name);
	}
}

TEST_F(args, structure_bad_pointer)
{
	static const uintptr_t bad[] = {
		0, 1, 0xffff000000000000, 0xffffffffffffff00, ~(uintptr_t)0,
		0x0001000000000000,
	};
	struct call calls[NR_CALLS];
	uint64_t counts[16];
	size_t i, j;

	make_calls(calls, &self->t.q, self->buf, counts);
	for (i = 0; i < NR_CALLS; i++) {
		const struct call *c = &calls[i];

		for (j = 0; j < at_array_size(bad); j++)
			EXPECT_EQ(-EFAULT, at_ioctl(self->t.fd, c->request,
						    (void *)bad[j]))
				TH_LOG("%s(%#lx)", c->name,
				       (unsigned long)bad[j]);
	}
}

TEST_F(args, structure_unaligned)
{
	struct call calls[NR_CALLS];
	uint64_t counts[16];
	uint8_t room[512];
	int i, shift;

	make_calls(calls, &self->t.q, self->buf, counts);
	for (i = 0; i < NR_CALLS; i++) {
		struct call *c = &calls[i];

		for (shift = 1; shift < 8; shift += 2) {
			struct axl_ioc_buf_register reg;

			memcpy(room + shift, &c->arg, c->size);
			EXPECT_EQ(c->result, at_ioctl(self->t.fd, c->request,
						      room + shift))
				TH_LOG("%s at +%d", c->name, shift);
			if (i == 2) {
				memcpy(&reg, room + shift, sizeof(reg));
				EXPECT_EQ(0, at_release(self->t.fd,
							reg.handle));
			}
		}
	}
}

TEST_F(args, structure_read_only)
{
	struct call calls[NR_CALLS];
	uint64_t counts[16];
	size_t page = at_page_size();
	long before = at_pinned_kb();
	int i, err;

	ASSERT_GE(before, 0);
	make_calls(calls, &self->t.q, self->buf, counts);
	for (i = 0; i < NR_CALLS; i++) {
		struct call *c = &calls[i];

		ASSERT_EQ(0, mprotect(self->e.ro, page, PROT_READ | PROT_WRITE));
		memcpy(self->e.ro, &c->arg, c->size);
		ASSERT_EQ(0, mprotect(self->e.ro, page, PROT_READ));
		/* A result that could not be told may be refused beforehand */
		err = at_ioctl(self->t.fd, c->request, self->e.ro);
		EXPECT_TRUE(c->writes ? err == -EFAULT : err == c->result ||
			    (err == -EFAULT &&
			     _IOC_DIR(c->request) & _IOC_READ))
			TH_LOG("%s in read-only memory: %d", c->name, err);
	}
	/* The buffer whose handle could not be told is not kept */
	EXPECT_EQ(before, at_pinned_kb());
}

TEST_F(args, structure_longer)
{
	static const size_t more[] = { 1, 8, 100, 4096 };
	static uint8_t room[16384];
	struct call calls[NR_CALLS];
	uint64_t counts[16];
	size_t i, j;
	int err;

	make_calls(calls, &self->t.q, self->buf, counts);
	for (i = 0; i < NR_CALLS; i++) {
		struct call *c = &calls[i];

		for (j = 0; j < at_array_size(more) + 1; j++) {
			size_t size = j < at_array_size(more) ?
				c->size + more[j] : _IOC_SIZEMASK;

			memset(room, 0, sizeof(room));
			memcpy(room, &c->arg, c->size);
			EXPECT_EQ(c->result,
				  at_ioctl(self->t.fd,
					   with_size(c->request, size), room))
				TH_LOG("%s + %zu zero bytes", c->name,
				       size - c->size);
			EXPECT_EQ(-1, at_check_byte(room + c->size,
						    size - c->size, 0))
				TH_LOG("%s wrote behind the structure",
				       c->name);
			if (i == 2)
				EXPECT_EQ(0, at_release(self->t.fd,
					((struct axl_ioc_buf_register *)room)->handle));

			/* The last byte is something from the future */
			memset(room, 0, sizeof(room));
			memcpy(room, &c->arg, c->size);
			room[size - 1] = 1;
			err = at_ioctl(self->t.fd, with_size(c->request, size),
				       room);
			/* What is output only may be cleared instead */
			EXPECT_TRUE(err == -E2BIG ||
				    (_IOC_DIR(c->request) == _IOC_READ &&
				     err == 0 && !room[size - 1]))
				TH_LOG("%s + %zu bytes, the last one 1: %d",
				       c->name, size - c->size, err);
		}

		/* The tail goes over the edge */
		memset(self->e.end - c->size, 0, c->size);
		memcpy(self->e.end - c->size, &c->arg, c->size);
		EXPECT_EQ(-EFAULT, at_ioctl(self->t.fd,
					    with_size(c->request, c->size + 8),
					    self->e.end - c->size))
			TH_LOG("%s, tail over the edge", c->name);
	}
}

static bool documented(int err)
{
	static const int all[] = {
		0, ENOTTY, EFAULT, EINVAL, E2BIG, ENOMEM, EINTR, ENODEV, EIO,
		ENOEXEC, ERANGE, ENOENT, EBUSY, EREMOTEIO, ETIMEDOUT, EBADF,
		EOVERFLOW, ENOSPC, EACCES, ESTALE, EEXIST, EOPNOTSUPP,
	};
	size_t i;

	for (i = 0; i < at_array_size(all); i++)
		if (-err == all[i])
			return true;
	return false;
}

/*
 * A structure cut anywhere: the missing part counts as zero, and no byte behind
 * the size given is looked at or written.
 */
TEST_F(args, structure_shorter)
{
	struct call calls[NR_CALLS];
	uint64_t counts[16];
	size_t size;
	int i, err;

	make_calls(calls, &self->t.q, self->buf, counts);
	for (i = 0; i < NR_CALLS; i++) {
		struct call *c = &calls[i];
		int fd = at_open();

		ASSERT_GE(fd, 0);
		/* A reset cut before its bad flag would be a reset */
		for (size = i == 9 ? 4 : 0; size < c->size; size++) {
			uint8_t *at = self->e.end - size;

			memcpy(at, &c->arg, size);
			err = at_ioctl(fd, with_size(c->request, size), at);
			EXPECT_TRUE(documented(err) && err != -EFAULT &&
				    err != -E2BIG)
				TH_LOG("%s cut to %zu: %d", c->name, size,
				       err);

			memset(self->e.page, 0xcc, 512);
			memcpy(self->e.page, &c->arg, size);
			err = at_ioctl(fd, with_size(c->request, size),
				       self->e.page);
			EXPECT_EQ(-1, at_check_byte(self->e.page + size,
						    512 - size, 0xcc))
				TH_LOG("%s cut to %zu: writes on", c->name,
				       size);
			if (i == 0 && size >= 4) {
				EXPECT_EQ(0, err);
				EXPECT_EQ(AXL_ABI_VERSION,
					  ((struct axl_ioc_query *)
					   self->e.page)->abi);
			}
		}
		close(fd);
	}
}

TEST_F(args, not_a_request)
{
	static uint8_t zero[256];
	struct call calls[NR_CALLS];
	uint64_t counts[16];
	unsigned int nr, dir;
	int i;

	make_calls(calls, &self->t.q, self->buf, counts);
	for (i = 0; i < NR_CALLS; i++) {
		unsigned long r = calls[i].request;

		for (dir = 0; dir < 4; dir++) {
			if (dir == _IOC_DIR(r))
				continue;
			EXPECT_EQ(-ENOTTY,
				  at_ioctl(self->t.fd,
					   _IOC(dir, AXL_IOC_MAGIC, _IOC_NR(r),
						calls[i].size),
					   &calls[i].arg))
				TH_LOG("%s with direction bits %u",
				       calls[i].name, dir);
		}
		EXPECT_EQ(-ENOTTY,
			  at_ioctl(self->t.fd,
				   _IOC(_IOC_DIR(r), AXL_IOC_MAGIC + 1,
					_IOC_NR(r), calls[i].size),
				   &calls[i].arg))
			TH_LOG("%s of another type", calls[i].name);
	}

	for (nr = NR_CALLS; nr < 256; nr++)
		EXPECT_EQ(-ENOTTY,
			  at_ioctl(self->t.fd,
				   _IOC(_IOC_READ | _IOC_WRITE, AXL_IOC_MAGIC,
					nr, 64), zero))
			TH_LOG("number %#x", nr);
	EXPECT_EQ(-ENOTTY, at_ioctl(self->t.fd, 0, zero));
	EXPECT_EQ(-ENOTTY, at_ioctl(self->t.fd, ~0U, zero));
	EXPECT_EQ(-ENOTTY, at_ioctl(self->t.fd, 0x5401 /* TCGETS */, zero));
}

/* ---- nonsense of all kinds ---- */

TEST_F(args, nonsense)
{
	static const uint64_t spice[] = {
		0, 1, 2, 3, 4, 64, 4095, 4096, 4097, 1023, 1024, 1025,
		0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
		0x7fffffffffffffff, 0x8000000000000000, ~0ULL, ~0ULL - 4095,
	};
	struct call calls[NR_CALLS];
	uint64_t counts[16];
	int i, fd = at_open();
	unsigned int n, k;
	uint64_t rnd = 0x1234567;

	ASSERT_GE(fd, 0);
	make_calls(calls, &self->t.q, self->buf, counts);
	for (n = 0; n < 3000; n++) {
		struct call c;
		size_t words;
		int err;

		i = n % 9;		/* RESET is the tenth */
		c = calls[i];
		words = c.size / 4;
		for (k = 0; k < 3; k++) {
			uint64_t v;
			size_t at;

			rnd = rnd * 6364136223846793005ULL + 1442695040888963407ULL;
			at = (rnd >> 33) % words;
			v = spice[(rnd >> 40) % at_array_size(spice)];
			if (rnd >> 60 & 1)
				v = rnd >> 7;
			memcpy(c.arg.bytes + 4 * at, &v,
			       at + 1 < words && (rnd >> 61 & 1) ? 8 : 4);
		}
		/* No call may sleep for ever here */
		if (i == 5)
			c.arg.wait.timeout_ns &= 0xfff;
		if (i == 6)
			c.arg.wait_event.timeout_ns &= 0xfff;
		/* and no firmware starts: an image at @buf is none */
		if (i == 1)
			c.arg.fw_load.image = (uintptr_t)self->buf;
		/* EVENT_COUNTS writes where it is told: only to @counts */
		if (i == 7)
			c.arg.event_counts.counts =
				rnd >> 62 & 1 ? (uintptr_t)counts :
				0xffff000000000000;
		if (i == 7 && c.arg.event_counts.nr > 16)
			c.arg.event_counts.counts |= 0xffff000000000000;
		err = at_ioctl(fd, c.request, &c.arg);
		ASSERT_TRUE(documented(err))
			TH_LOG("%s: undocumented errno %d", c.name, -err);
	}
	close(fd);
}

TEST_HARNESS_MAIN
