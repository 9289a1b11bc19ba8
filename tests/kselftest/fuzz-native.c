// SPDX-License-Identifier: GPL-2.0
/* The fuzzer's calls of the native interface. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

static void saw_generation(uint64_t generation, uint64_t before)
{
	if (generation < before)
		fail("generation went back from %llu to %llu",
		     (unsigned long long)before, (unsigned long long)generation);
	/* where a later one is lost, the next call is stale */
	__atomic_store_n(&shared->generation, generation, __ATOMIC_RELAXED);
}

long do_query(struct actor *a)
{
	struct axl_ioc_query q = { };
	/* whatever the other threads see later is not before this */
	static __thread uint64_t last;
	uint64_t before = last;
	long ret = issue(a, some_file(a)->fd, AXL_IOC_QUERY, &q, sizeof(q), NULL);

	if (ret || a->wild)
		return ret;
	if (q.abi != AXL_ABI_VERSION || q.bar2_size != card.bar2_size)
		fail("QUERY tells of another card");
	saw_generation(q.generation, before);
	last = q.generation;
	return 0;
}

static void check_fw_load(void *arg)
{
	struct axl_ioc_fw_load *load = arg;

	if (load->timeout_ns > AT_SEC(3))
		load->timeout_ns %= AT_SEC(3);
}

/* Well-formed but for a field or two of its headers, or its end */
static void damage(struct rng *r, uint8_t *p, size_t *size)
{
	/* what an ELF64 file has where: e_*, and p_* of the first segments */
	static const struct {
		uint16_t at, width;
	} fields[] = {
		{ 0, 4 }, { 4, 1 }, { 5, 1 }, { 6, 1 }, { 16, 2 }, { 18, 2 },
		{ 20, 4 }, { 24, 8 }, { 32, 8 }, { 52, 2 }, { 54, 2 }, { 56, 2 },
		{ 64, 4 }, { 72, 8 }, { 96, 8 }, { 120, 4 }, { 128, 8 },
		{ 152, 8 },
	};
	/* places and sizes: none of these is inside the device's DDR */
	const uint64_t places[] = {
		0, card.l2_base - 1, card.l2_base, card.l2_base + 4096,
		card.l2_base + 0x01fd0000, card.l2_base + 0x01fb0000,
		card.l2_base + card.l2_size - 8, card.l2_base + card.l2_size,
		card.ddr_base + DDR_CLAIMED, 1ULL << 63, ~0ULL, ~0ULL - 4095,
	};
	unsigned int i, n = 1 + below(r, 2);
	uint64_t value;
	size_t at;

	for (i = 0; i < n; i++) {
		switch (below(r, 5)) {
		case 0:
			*size = 1 + below(r, *size);
			break;
		case 1:		/* p_paddr */
			at = 64 + 24 + 56 * below(r, 3);
			value = places[below(r, at_array_size(places))];
			memcpy(p + at, &value, 8);
			break;
		case 2:		/* p_memsz */
			at = 64 + 40 + 56 * below(r, 3);
			value = one_in(r, 2) ? below(r, 20000) :
					       interesting(r) | 1ULL << 40;
			memcpy(p + at, &value, 8);
			break;
		case 3:
			p[below(r, *size)] ^= 1 << below(r, 8);
			/* not where it goes, lest it goes beyond the DDR */
			memcpy(p, image.data, *size < 232 ? *size : 232);
			break;
		default:
			at = below(r, at_array_size(fields));
			value = interesting(r);
			memcpy(p + fields[at].at, &value, fields[at].width);
		}
	}
}

long do_fw_load(struct actor *a)
{
	static const char *const images[] = {
		"there/is/no-such.elf", "../etc/passwd", "/dev/mem", "a", "", "a b",
	};
	struct rng *r = &a->r;
	struct axl_ioc_fw_load load = {
		.start_opcode = at_start_opcode(),
		.image_size = image.size,
		.timeout_ns = one_in(r, 3) ? below(r, AT_MSEC(300)) :
					     AT_SEC(3),
	};
	uint8_t *copy = NULL;
	uint64_t kind = below(r, 10);
	long ret;

	if (kind < 1) {
		const char *name = images[below(r, at_array_size(images))];

		a->wild = true;
		load.flags = AXL_FW_LOAD_NAME;
		load.image = (uintptr_t)name;
		load.image_size = strlen(name);
	} else {
		size_t size = image.size;

		copy = malloc(image.size);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, image.data, image.size);
		if (kind < 6) {
			damage(r, copy, &size);
			a->wild = true;
		}
		if (kind < 8 || !rough)
			load.flags = AXL_FW_LOAD_NO_START;
		load.image = (uintptr_t)copy;
		load.image_size = size;
	}
	if (one_in(r, 4)) {
		load.msg = (uintptr_t)a->args;
		load.msg_size = below(r, AXL_MAILBOX_MSG_MAX + 1);
		a->wild |= !load.msg_size;
	}
	ret = issue(a, some_file(a)->fd, AXL_IOC_FW_LOAD, &load, sizeof(load),
		    check_fw_load);
	free(copy);
	allow(a, ret, !(load.flags & ~3U) && !load.reserved &&
	      load.image_size <= card.max_image &&
	      load.msg_size <= AXL_MAILBOX_MSG_MAX);
	if (!ret && !a->wild)
		saw_generation(load.generation, 0);
	return ret;
}

static long register_in(struct actor *a, struct file *f, unsigned int n)
{
	struct rng *r = &a->r;
	struct axl_ioc_buf_register reg = { .flags = 1 + below(r, 3) };
	const struct vy_dmabuf *b = one_in(r, 4) ? some_dmabuf(a) : NULL;
	uint64_t from = below(r, ARENA);
	long ret;

	if (b && b->fd >= 0) {
		reg.flags |= AXL_BUF_DMABUF;
		reg.fd = b->fd;
		reg.length = one_in(r, 2) ? 0 : length_to(r, b->size);
	} else {
		if (one_in(r, 2))
			from &= ~(page - 1ULL);
		reg.addr = (uintptr_t)a->arena + from;
		reg.length = length_to(r, ARENA - from);
	}
	ret = issue(a, f->fd, AXL_IOC_BUF_REGISTER, &reg, sizeof(reg), NULL);
	allow(a, ret, !(reg.flags & ~7U) && reg.flags & 3 && !reg.reserved &&
	      (reg.flags & AXL_BUF_DMABUF ? !reg.addr : !reg.fd && reg.length));
	if (!ret) {
		if (!a->wild && !reg.handle)
			fail("a buffer's handle is 0");
		f->bufs[n].handle = reg.handle;
		f->bufs[n].flags = reg.flags;
		f->bufs[n].length = reg.length || !b ? reg.length : b->size;
	}
	return ret;
}

long do_buf_register(struct actor *a)
{
	return register_in(a, some_file(a), below(&a->r, NR_BUFS));
}

long do_buf_release(struct actor *a)
{
	struct file *f = some_file(a);
	unsigned int n = below(&a->r, NR_BUFS), i;
	struct axl_ioc_buf_release rel = { };
	struct buf *b;
	long ret;

	for (i = 0; i < NR_BUFS && !f->bufs[n].handle; i++)
		n = (n + 1) % NR_BUFS;
	b = &f->bufs[n];
	rel.handle = b->handle;
	/* used afterwards, sometimes */
	if (!one_in(&a->r, 4))
		b->handle = 0;
	ret = issue(a, f->fd, AXL_IOC_BUF_RELEASE, &rel, sizeof(rel), NULL);
	allow(a, ret, !rel.reserved && rel.handle);
	return ret;
}

/* @b is a copy: the original may change at any moment */
static void random_xfer(struct actor *a, struct buf b, struct axl_xfer *x)
{
	struct rng *r = &a->r;
	uint64_t addr;

	memset(x, 0, sizeof(*x));
	x->handle = b.handle;
	x->direction = b.flags & AXL_BUF_TO_DEVICE &&
		       (one_in(r, 2) || !(b.flags & AXL_BUF_FROM_DEVICE)) ?
			       AXL_TO_DEVICE : AXL_FROM_DEVICE;
	x->length = length_to(r, b.length ? b.length : 1);
	x->offset = b.length > x->length ? below(r, b.length - x->length) : 0;
	if (one_in(r, 16))
		x->offset = b.length - x->length + beyond(a);
	x->channel = one_in(r, 3) ? below(r, 4) : AXL_CHANNEL_ANY;
	x->device_addr = device_address(r, x->direction == AXL_TO_DEVICE,
					x->length);
	if (one_in(r, 64)) {
		spoil_field(r, (uint8_t *)x, sizeof(*x));
		addr = x->device_addr;
		tame(!(x->direction & 1), &addr, x->length);
		x->device_addr = addr;
		a->wild = true;
	}
}

long do_submit(struct actor *a)
{
	struct rng *r = &a->r;
	struct file *f = some_file(a);
	struct axl_ioc_submit s = { .generation = shared->generation };
	unsigned int n = below(r, NR_BUFS);
	struct axl_xfer *xfers;
	struct axl_ioc_query q;
	uint32_t i;
	long ret;

	if (!f->bufs[n].handle) {
		ret = register_in(a, f, n);
		if (ret)
			return ret;
	}
	s.count = one_in(r, 24) ? 200 + below(r, 60) : 1 + below(r, 6);
	a->wild |= s.count > card.max_xfers;
	/* at the end of a mapping of their own */
	xfers = (void *)(a->readonly - s.count * sizeof(*xfers));
	for (i = 0; i < s.count; i++) {
		struct buf b = f->bufs[below(r, NR_BUFS)];

		random_xfer(a, b.handle ? b : f->bufs[n], &xfers[i]);
	}
	s.xfers = (uintptr_t)xfers;
	if (one_in(r, 16))
		s.timeout_ns = below(r, AT_MSEC(100));
	if (one_in(r, 2) && !at_query(f->fd, &q))
		s.generation = q.generation;
	ret = issue(a, f->fd, AXL_IOC_SUBMIT, &s, sizeof(s), NULL);
	allow(a, ret, !s.flags && s.count && s.count <= card.max_xfers);
	for (i = 0; !ret && a->seen && i < s.count && i < 256 &&
	     s.xfers == (uintptr_t)xfers; i++)
		allow(a, ret, xfers[i].direction <= AXL_FROM_DEVICE &&
		      !xfers[i].reserved && xfers[i].length &&
		      xfers[i].length <= card.max_length &&
		      (xfers[i].channel < 4 ||
		       xfers[i].channel == AXL_CHANNEL_ANY) &&
		      nameable(xfers[i].device_addr, xfers[i].length));
	if (!ret)
		f->seqs[below(r, NR_SEQS)] = s.seq;
	return ret;
}

static void check_status(int status)
{
	if (status && (status != -EIO || !rough) && status != -ETIMEDOUT &&
	    status != -ESTALE)
		fail("a transfer ended with status %d", status);
}

long do_wait(struct actor *a)
{
	struct rng *r = &a->r;
	unsigned int at = below(r, NR_FILES * NR_SEQS), i;
	struct axl_ioc_wait w = { .timeout_ns = some_timeout(r) };
	struct file *f = &files[at / NR_SEQS];
	long ret;

	/* one that is not collected, if there is any */
	for (i = 0; !w.seq && i < NR_FILES * NR_SEQS; i++) {
		at = (at + 1) % (NR_FILES * NR_SEQS);
		f = &files[at / NR_SEQS];
		w.seq = f->seqs[at % NR_SEQS];
	}
	if (one_in(r, 3))
		w.seq = 0;
	else if (!one_in(r, 4))
		f->seqs[at % NR_SEQS] = 0;
	ret = issue(a, f->fd, AXL_IOC_WAIT, &w, sizeof(w), NULL);
	allow(a, ret, !w.flags && !w.reserved);

	if (!ret && !a->wild)
		check_status(w.status);
	return ret;
}

long do_wait_event(struct actor *a)
{
	struct rng *r = &a->r;
	struct axl_ioc_wait_event w = {
		.event = one_in(r, 6) ? AXL_EVENT_ANY : event_arg(a),
		.timeout_ns = some_timeout(r),
		.generation = shared->generation,
	};
	long ret;

	if (w.event < AXL_NR_EVENTS)
		w.seen = a->counts[w.event];
	ret = issue(a, some_file(a)->fd, AXL_IOC_WAIT_EVENT, &w, sizeof(w), NULL);
	allow(a, ret, !w.flags && (w.event < AXL_NR_EVENTS ||
				   w.event == AXL_EVENT_ANY));
	return ret;
}

long do_event_counts(struct actor *a)
{
	struct rng *r = &a->r;
	struct axl_ioc_event_counts c = {
		.first = below(r, 4) ? some_event(r) : below(r, AXL_NR_EVENTS),
	};
	uint64_t *to;
	uint32_t i;
	long ret;

	c.nr = 1 + below(r, AXL_NR_EVENTS - c.first);
	if (one_in(r, 4))
		c.nr = AXL_NR_EVENTS - c.first + beyond(a);
	/* ends where it must, or has room for more */
	to = one_in(r, 2) ? (uint64_t *)a->args : (uint64_t *)a->readonly - c.nr;
	c.counts = (uintptr_t)to;
	ret = issue(a, some_file(a)->fd, AXL_IOC_EVENT_COUNTS, &c, sizeof(c),
		    NULL);
	allow(a, ret, c.nr && c.first < AXL_NR_EVENTS &&
	      c.nr <= AXL_NR_EVENTS - c.first);
	for (i = 0; !ret && !a->wild && i < c.nr; i++) {
		if (to[i] < a->counts[c.first + i])
			fail("count of event %u went back", c.first + i);
		a->counts[c.first + i] = to[i];
	}
	return ret;
}

long do_event_fd(struct actor *a)
{
	struct rng *r = &a->r;
	struct axl_ioc_event_fd e = {
		.event = one_in(r, 6) ? AXL_EVENT_ANY : event_arg(a),
		.fd = one_in(r, 4) ? -1 : eventfds[below(r, 2)],
	};
	uint64_t value;
	long ret;

	if (one_in(r, 2) && read(eventfds[below(r, 2)], &value, 8) == 8 && !value)
		fail("an eventfd without a value can be read");
	ret = issue(a, some_file(a)->fd, AXL_IOC_EVENT_FD, &e, sizeof(e), NULL);
	allow(a, ret, !e.flags && !e.reserved &&
	      (e.event < AXL_NR_EVENTS || e.event == AXL_EVENT_ANY));
	return ret;
}

long do_reset(struct actor *a)
{
	struct axl_ioc_reset reset = { };
	long ret;

	if (!rough && !one_in(&a->r, 4)) {
		reset.flags = 1 << below(&a->r, 32);
		a->wild = true;
	}
	ret = issue(a, some_file(a)->fd, AXL_IOC_RESET, &reset, sizeof(reset),
		    NULL);
	allow(a, ret, !reset.flags && !reset.reserved);
	return ret;
}

/* In several transfers at a time, there and back */
static long move_canary(struct actor *a, uint32_t handle, uint32_t direction,
			uint64_t offset, uint64_t addr, size_t len)
{
	struct axl_xfer x[8];
	struct axl_ioc_wait w;
	uint32_t n = 0, i;
	uint64_t seq, sum = 0;
	long ret;

	while (sum < len) {
		size_t some = n == 7 ? len - sum : 1 + below(&a->r, len - sum);

		x[n] = (struct axl_xfer){
			.handle = handle, .direction = direction,
			.offset = offset + sum, .device_addr = addr + sum,
			.length = some,
			.channel = one_in(&a->r, 2) ? below(&a->r, 4) :
						      AXL_CHANNEL_ANY,
		};
		sum += some;
		n++;
	}
	/* any order will do */
	for (i = n - 1; i > 0; i--) {
		uint32_t j = below(&a->r, i + 1);
		struct axl_xfer tmp = x[i];

		x[i] = x[j];
		x[j] = tmp;
	}
	ret = at_submit(a->fd, x, n, at_generation(a->fd), 0, &seq);
	if (ret)
		return ret;
	ret = at_wait(a->fd, seq, AT_SEC(40), &w);
	if (ret)
		return ret;
	check_status(w.status);
	if (!w.status && w.bytes != len)
		fail("%llu bytes reported, %zu moved",
		     (unsigned long long)w.bytes, len);
	return w.status;
}

long do_verified(struct actor *a)
{
	size_t len = length_to(&a->r, CANARY - 64), edge = below(&a->r, 64);
	uint64_t pattern = any(&a->r), addr = canary_address(a, len);
	uint8_t *in = a->canary, *out = a->canary + CANARY;
	struct axl_ioc_buf_register reg;
	long ret;

	at_fill(in, len, pattern, 0);
	memset(out, 0xa5, CANARY);
	ret = at_register(a->fd, a->canary, 2 * CANARY,
			  AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE, &reg);
	if (ret)
		return ret;
	ret = move_canary(a, reg.handle, AXL_TO_DEVICE, 0, addr, len);
	if (!ret)
		ret = move_canary(a, reg.handle, AXL_FROM_DEVICE, CANARY + edge,
				  addr, len);
	if (!ret)
		ret = verify(a, out + edge, len, pattern, "checked transfer");
	if (at_check_byte(out, edge, 0xa5) >= 0 ||
	    at_check_byte(out + edge + len, CANARY - edge - len, 0xa5) >= 0)
		fail("a transfer wrote beside its range");
	if (at_release(a->fd, reg.handle))
		fail("a buffer cannot be released");
	return ret;
}
