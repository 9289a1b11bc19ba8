// SPDX-License-Identifier: GPL-2.0
/*
 * Arguments of the fuzzer: values at the edges of what calls take, structures with a
 * field or two spoiled, pointers to what is no memory, and addresses in the device.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "fuzz.h"

uint64_t interesting(struct rng *r)
{
	static const uint64_t numbers[] = {
		0, 1, 2, 3, 4, 5, 8, 16, 31, 32, 63, 64, 65, 127, 128, 255, 256,
		257, 1023, 1024, 1025, 4095, 4096, 4097, 16384, 65535, 65536,
		1ULL << 20, 1ULL << 30, (1ULL << 30) + 1, 0x7fffffff, 0x80000000,
		0xffffffff, 1ULL << 32, 1ULL << 36, (1ULL << 36) + 1,
		1ULL << 47, 1ULL << 48, 1ULL << 52, 0x7fffffffffffffff,
		1ULL << 63, ~0ULL, ~0ULL - 1, ~0ULL - 4095, 0xffff000000000000,
	};
	uint64_t value = numbers[below(r, at_array_size(numbers))];

	switch (below(r, 6)) {
	case 0:
		return 1ULL << below(r, 64);
	case 1:
		return card.l2_base + value;
	case 2:
		return any(r);
	case 3:
		return value + below(r, 9) - 4;
	default:
		return value;
	}
}

/* One or two too many, sometimes */
unsigned int beyond(struct actor *a)
{
	if (!one_in(&a->r, 16))
		return 0;
	a->wild = true;
	return 1 + below(&a->r, 2);
}

/* Memory of this process that is not what it should be */
void *bad_pointer(struct actor *a, size_t size)
{
	struct rng *r = &a->r;
	struct map *m = &a->maps[below(r, NR_MAPS)];

	switch (below(r, 9)) {
	case 0:
		return NULL;
	case 1:
		return a->guard;
	case 2:		/* ends too early */
		return a->guard - below(r, size + 1);
	case 3:
		return a->readonly + below(r, page);
	case 4:
		return (void *)(0xffff800000000000 + any(r) % (1ULL << 40));
	case 5:
		return (void *)(uintptr_t)interesting(r);
	case 6:		/* two pages */
		return a->args + page - 8 * below(r, size / 8 + 1);
	case 7:
		/* device memory, which takes no access that is not aligned */
		if (m->p && m->writable && !m->regs &&
		    m->offset == 0 && m->length >= L2_RANDOM + MIB)
			return m->p + L2_RANDOM + below(r, 64 * KIB);
		return NULL;
	default:
		return a->args + below(r, 64);	/* not aligned */
	}
}

void spoil_field(struct rng *r, uint8_t *p, size_t size)
{
	size_t width = size >= 8 && one_in(r, 2) ? 8 : 4;
	uint64_t value = interesting(r), old = 0;
	size_t at;

	if (size < width)
		return;
	at = below(r, size / width) * width;
	memcpy(&old, p + at, width);
	switch (below(r, 4)) {
	case 0:
		value = old ^ 1ULL << below(r, 8 * width);
		break;
	case 1:
		value = old + below(r, 5) - 2;
		break;
	}
	memcpy(p + at, &value, width);
}

/* Is the whole range inside what the driver lets programs name? */
static bool inside(uint64_t addr, uint64_t len, uint64_t base, uint64_t size)
{
	return base && addr >= base && len <= size && addr - base <= size - len;
}

bool nameable(uint64_t addr, uint64_t len)
{
	return inside(addr, len, card.l2_base, card.l2_size) ||
	       inside(addr, len, card.ddr_base, DDR_CLAIMED);
}

/*
 * Firmware's memory is nothing that the driver guards, and DDR ends somewhere:
 * what a transfer would do there proves nothing. Ranges that are refused stay.
 */
void tame(bool to_device, uint64_t *addr, uint64_t len)
{
	uint64_t off = *addr - card.l2_base;

	if (inside(*addr, len, card.l2_base, card.l2_size) && to_device) {
		if ((off >= L2_RANDOM && off + len <= L2_CANARY) ||
		    off >= L2_HIGH)
			return;
		*addr = len <= 8 * MIB ? card.l2_base + L2_RANDOM + off % (4 * MIB) :
					 card.l2_base - 1;
	} else if (inside(*addr, len, card.ddr_base, DDR_CLAIMED)) {
		off = *addr - card.ddr_base;
		if (off >= (to_device ? DDR_RANDOM : 0) &&
		    off + len <= (to_device ? DDR_CANARY : DDR_LIMIT))
			return;
		*addr = len <= 8 * MIB ? card.ddr_base + DDR_RANDOM + off % (4 * MIB) :
					 card.ddr_base - 1;
	}
}

uint64_t device_address(struct rng *r, bool to_device, uint64_t len)
{
	uint64_t off = below(r, 4 * MIB), addr;

	if (one_in(r, 2))
		off &= ~63ULL;
	addr = card.ddr_base && one_in(r, 2) ?
		       card.ddr_base + DDR_RANDOM + off :
		       card.l2_base + L2_RANDOM + off;
	if (one_in(r, 16)) {
		/* edges: of L2, of DDR, of the lists (two of their places) */
		const uint64_t edges[] = {
			card.l2_base, card.l2_base + card.l2_size,
			card.l2_base + 0x01fd0000, card.l2_base + 0x01fb0000,
			card.l2_base + card.l2_size - 32640, card.ddr_base,
			card.ddr_base + DDR_CLAIMED, ~0ULL, 0,
		};

		addr = edges[below(r, at_array_size(edges))] -
		       (one_in(r, 2) ? len : 0) + below(r, 3) - 1;
	}
	tame(to_device, &addr, len);
	return addr;
}

/*
 * Make an ioctl with a copy of @arg that ends where memory does, and spoil it
 * sometimes. What comes back is where the result points.
 */
long issue(struct actor *a, int fd, unsigned long request, void *arg, size_t size,
	   void (*check)(void *arg))
{
	struct rng *r = &a->r;
	size_t sent = size, i;
	uint8_t *p;
	void *user;
	long ret;

	if (_IOC_TYPE(request) == AXL_IOC_MAGIC && one_in(r, 24)) {
		/* an older or a newer program's structure */
		sent = one_in(r, 2) ? 8 * below(r, size / 8) :
				      size + 8 * below(r, 5);
		request = _IOC(_IOC_DIR(request), _IOC_TYPE(request),
			       _IOC_NR(request), sent);
		a->wild |= sent != size;
	}
	p = a->guard - sent;
	memset(p, 0, sent);
	memcpy(p, arg, sent < size ? sent : size);
	user = p;
	switch (below(r, 24)) {
	case 0:
	case 1:
		spoil_field(r, p, sent);
		/* fallthrough */
	case 2:
	case 3:
		spoil_field(r, p, sent);
		a->wild = true;
		break;
	case 4:
		for (i = 0; i < sent; i++)
			p[i] = any(r);
		a->wild = true;
		break;
	case 5:
		user = bad_pointer(a, sent);
		a->wild = true;
		break;
	}
	if (check && sent >= size)
		check(p);
	a->seen = user == p && sent == size;
	ret = ioctl(fd, request, user);
	if (ret < 0)
		return -errno;
	memcpy(arg, p, sent < size ? sent : size);
	return ret;
}

/* Success is only for what may succeed. */
void allow(struct actor *a, long ret, bool good)
{
	if (ret >= 0 && a->seen && !good)
		fail("call %u of thread %u: %s accepted bad arguments",
		     a->rec->index, a->slot, names[a->rec->call]);
}

/* A dma-buf to be mapped, or one that is none */
const struct vy_dmabuf *some_dmabuf(struct actor *a)
{
	static const struct vy_dmabuf none = { .fd = -1 };
	unsigned int n = below(&a->r, NR_DMABUFS);

	if (dmabufs[n].fd < 0 ||
	    __sync_fetch_and_add(&shared->dmabuf_uses[n], 1) >= DMABUF_USES)
		return &none;
	return &dmabufs[n];
}

struct file *some_file(struct actor *a)
{
	return &files[below(&a->r, NR_FILES)];
}

/* One that reads a stream, most often */
struct file *reader_file(struct actor *a)
{
	struct file *f = some_file(a);
	unsigned int i;

	for (i = 0; !f->reader && i < 2; i++)
		f = &files[(f - files + 1) % NR_FILES];
	return f;
}

uint32_t some_event(struct rng *r)
{
	static const uint32_t events[] = {
		0, 1, 2, 3, 4, 8, 12, 24, 31, 32, 64, 65, 100, 1023,
	};

	return events[below(r, at_array_size(events))];
}

uint32_t event_arg(struct actor *a)
{
	return one_in(&a->r, 12) ? AXL_NR_EVENTS - 1 + beyond(a) :
				   some_event(&a->r);
}

uint64_t some_timeout(struct rng *r)
{
	switch (below(r, 8)) {
	case 0:
		return 0;
	case 1:
		return AXL_TIMEOUT_INFINITE;
	case 2:
		return AT_MSEC(200);
	default:
		return below(r, AT_MSEC(20));
	}
}

/* What a transfer that succeeded has moved is where it should be. */
long verify(struct actor *a, const uint8_t *got, size_t len, uint64_t pattern,
	    const char *what)
{
	ssize_t at = at_check(got, len, pattern, 0);

	if (at < 0)
		return 0;
	fail("%s: byte %zd of %zu is wrong", what, at, len);
	return -EILSEQ;
}

uint64_t canary_address(struct actor *a, size_t len)
{
	uint64_t off = a->slot * 2 * MIB + below(&a->r, MIB - len + 1);

	return card.ddr_base && one_in(&a->r, 2) ?
		       card.ddr_base + DDR_CANARY + off :
		       card.l2_base + L2_CANARY + off;
}
