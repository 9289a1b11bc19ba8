// SPDX-License-Identifier: GPL-2.0
/*
 * Random calls of both interfaces of /dev/metisN, made by somebody who knows them:
 * mostly valid ones, with a field or two that are not, sometimes noise, sometimes
 * a bad pointer; by several threads and processes that share files, some of which
 * are killed on the way, on a card that now and then restarts.
 *
 * A program is what a 64-bit seed makes: who calls what with which arguments. The
 * kernel log names it before it runs. What the calls return, and with more than one
 * thread their order, is up to the driver.
 *
 * FUZZ_SECONDS: how long; without it nothing is done. FUZZ_SEED: one program, over
 * and over. FUZZ_BASE: where the sequence of random seeds begins. FUZZ_TRACE: tell
 * every call.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest.h"
#include "libvoyager.h"

#define KIB		1024UL
#define MIB		(1024 * KIB)

#define MAX_PROCS	2
#define MAX_THREADS	3
#define MAX_ACTORS	(MAX_PROCS * MAX_THREADS)
#define NR_FILES	3
#define NR_BUFS		6	/* remembered of a file */
#define NR_SEQS		6
#define NR_MAPS		3
#define NR_DMABUFS	6
/* DMA_API_DEBUG counts no more mappings of a page than 7, and says so */
#define DMABUF_USES	6

/* What a thread's buffers are made of, and what it checks transfers with */
#define ARENA		(512 * KIB)
#define CANARY		(256 * KIB)
#define ARGS		(16 * KIB)

/*
 * Device memory that programs may write, as offsets: the rest of L2 is firmware's,
 * and where checked transfers go nobody else writes.
 */
#define L2_RANDOM	AT_L2_SCRATCH
#define L2_CANARY	0x01000000ULL
#define L2_HIGH		0x01f90000ULL	/* behind the rings: lists, or nothing */
#define DDR_RANDOM	AT_DDR_SCRATCH
#define DDR_CANARY	0x01800000ULL
#define DDR_LIMIT	0x04000000ULL	/* the emulated card's */
#define DDR_CLAIMED	(16 * 1024 * MIB)	/* what the driver lets pass */

/* ---- numbers ---- */

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

struct rng {
	uint64_t state;
};

static uint64_t any(struct rng *r)
{
	r->state += 0x9e3779b97f4a7c15ULL;
	return mix(r->state);
}

static uint64_t below(struct rng *r, uint64_t n)
{
	return any(r) % n;
}

static bool one_in(struct rng *r, unsigned int n)
{
	return !below(r, n);
}

/* Small ones more often */
static uint64_t length_to(struct rng *r, uint64_t max)
{
	uint64_t top = 1ULL << below(r, 8 * sizeof(max) - __builtin_clzll(max));

	return 1 + below(r, top > max ? max : top);
}

/* ---- what all processes see ---- */

enum {
#define CALLS(C)							\
	C(query) C(fw_load) C(buf_register) C(buf_release) C(submit)	\
	C(wait) C(wait_event) C(event_counts) C(event_fd) C(reset)	\
	C(verified)							\
	C(vy_mailbox) C(vy_ctx_alloc) C(vy_ctx_free) C(vy_property)	\
	C(vy_buf_attach) C(vy_buf_detach) C(vy_buf_xfer)		\
	C(vy_buf_state) C(vy_buf_wait) C(vy_user_xfer) C(vy_msi_wait)	\
	C(vy_msi_clear) C(vy_msi_attach) C(vy_core_mask)		\
	C(vy_consume) C(vy_resources) C(vy_windows) C(vy_p2p_xfer)	\
	C(vy_dynmem_load) C(vy_stream_open) C(vy_stream_close)		\
	C(vy_stream_stats) C(vy_stream_enable) C(vy_stream_disable)	\
	C(vy_stream_reset) C(vy_dma_stats) C(vy_user_pa)		\
	C(vy_verified) C(vy_dmabuf_verified) C(vy_talk) C(vy_start)	\
	C(noise) C(reopen) C(read) C(write) C(poll) C(nonblock)		\
	C(map) C(touch) C(unmap) C(memory) C(child) C(look)		\
	C(raise) C(log) C(rough)
#define NAME(name) CALL_##name,
	CALLS(NAME)
#undef NAME
	NR_CALLS
};

static const char *const names[NR_CALLS] = {
#define NAME(name) #name,
	CALLS(NAME)
#undef NAME
};

struct record {			/* what a thread does at this moment */
	pid_t pid, tid;
	unsigned int call, index;
	uint64_t begun;		/* 0: between calls */
	uint64_t patience;	/* 0: not to be interrupted */
	uint64_t poked;
};

static struct shared {
	struct record actors[MAX_ACTORS];
	uint64_t tried[NR_CALLS], done[NR_CALLS];
	uint64_t calls;		/* of this program */
	uint64_t total;
	uint64_t generation;
	int dmabuf_uses[NR_DMABUFS];
	int failed;
	char why[512];
} *shared;

static struct axl_query card;
static struct at_image image;
static uint8_t *plain_image;
static size_t plain_size;
static uint64_t seed;
static bool tracing;
static long page;
static char debugfs[4][128];

static void fail(const char *fmt, ...)
{
	va_list ap;

	if (__sync_lock_test_and_set(&shared->failed, 1))
		return;
	va_start(ap, fmt);
	vsnprintf(shared->why, sizeof(shared->why), fmt, ap);
	va_end(ap);
	__atomic_store_n(&shared->failed, 2, __ATOMIC_RELEASE);
}

/* ---- what a process has ---- */

struct buf {
	uint32_t handle, flags;
	uint64_t length;
};

/* Threads change these under each other: so much the better */
struct file {
	int fd;
	bool reader;
	size_t attached;	/* bytes of the dma-buf */
	struct buf bufs[NR_BUFS];
	uint64_t seqs[NR_SEQS];
};

static struct file files[NR_FILES];
static struct vy_dmabuf dmabufs[NR_DMABUFS];
static int eventfds[2];
static int own[MAX_ACTORS];	/* of those without privileges */
static bool dropped;		/* no privileges */
static bool rough;		/* the card restarts */

struct map {
	uint8_t *p;
	size_t length;
	uint64_t offset;	/* in L2 */
	bool regs, writable;
};

struct actor {
	unsigned int slot, calls;
	struct record *rec;
	struct rng r;
	bool wild;		/* an argument is not as it should be */
	bool seen;		/* it was where issue() had put it, and whole */
	int fd;			/* its own */
	uint8_t *arena, *canary, *args, *guard, *readonly;
	struct map maps[NR_MAPS];
	uint64_t counts[AXL_NR_EVENTS];
};

static __thread sigjmp_buf landing;
static __thread volatile sig_atomic_t jumping;
static __thread const struct actor *whose;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	if (!jumping) {
		if (whose)
			dprintf(1, "# %u.%u %s: signal %d at %p\n", whose->slot,
				whose->rec->index, names[whose->rec->call], sig,
				info->si_addr);
		signal(sig, SIG_DFL);
		raise(sig);
		return;
	}
	siglongjmp(landing, 1);
}

/* ---- arguments ---- */

static uint64_t interesting(struct rng *r)
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
static unsigned int beyond(struct actor *a)
{
	if (!one_in(&a->r, 16))
		return 0;
	a->wild = true;
	return 1 + below(&a->r, 2);
}

/* Memory of this process that is not what it should be */
static void *bad_pointer(struct actor *a, size_t size)
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

static void spoil_field(struct rng *r, uint8_t *p, size_t size)
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

static bool nameable(uint64_t addr, uint64_t len)
{
	return inside(addr, len, card.l2_base, card.l2_size) ||
	       inside(addr, len, card.ddr_base, DDR_CLAIMED);
}

/*
 * Firmware's memory is nothing that the driver guards, and DDR ends somewhere:
 * what a transfer would do there proves nothing. Ranges that are refused stay.
 */
static void tame(bool to_device, uint64_t *addr, uint64_t len)
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

static uint64_t device_address(struct rng *r, bool to_device, uint64_t len)
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
static long issue(struct actor *a, int fd, unsigned long request, void *arg,
		  size_t size, void (*check)(void *arg))
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
static void allow(struct actor *a, long ret, bool good)
{
	if (ret >= 0 && a->seen && !good)
		fail("call %u of thread %u: %s accepted bad arguments",
		     a->rec->index, a->slot, names[a->rec->call]);
}

/* A dma-buf to be mapped, or one that is none */
static const struct vy_dmabuf *some_dmabuf(struct actor *a)
{
	static const struct vy_dmabuf none = { .fd = -1 };
	unsigned int n = below(&a->r, NR_DMABUFS);

	if (dmabufs[n].fd < 0 ||
	    __sync_fetch_and_add(&shared->dmabuf_uses[n], 1) >= DMABUF_USES)
		return &none;
	return &dmabufs[n];
}

static struct file *some_file(struct actor *a)
{
	return &files[below(&a->r, NR_FILES)];
}

/* One that reads a stream, most often */
static struct file *reader_file(struct actor *a)
{
	struct file *f = some_file(a);
	unsigned int i;

	for (i = 0; !f->reader && i < 2; i++)
		f = &files[(f - files + 1) % NR_FILES];
	return f;
}

static uint32_t some_event(struct rng *r)
{
	static const uint32_t events[] = {
		0, 1, 2, 3, 4, 8, 12, 24, 31, 32, 64, 65, 100, 1023,
	};

	return events[below(r, at_array_size(events))];
}

static uint32_t event_arg(struct actor *a)
{
	return one_in(&a->r, 12) ? AXL_NR_EVENTS - 1 + beyond(a) :
				   some_event(&a->r);
}

static uint64_t some_timeout(struct rng *r)
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

/* ---- the native interface ---- */

static void saw_generation(uint64_t generation, uint64_t before)
{
	if (generation < before)
		fail("generation went back from %llu to %llu",
		     (unsigned long long)before, (unsigned long long)generation);
	/* where a later one is lost, the next call is stale */
	__atomic_store_n(&shared->generation, generation, __ATOMIC_RELAXED);
}

static long do_query(struct actor *a)
{
	struct axl_query q = { };
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
	struct axl_fw_load *load = arg;

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

static long do_fw_load(struct actor *a)
{
	static const char *const images[] = {
		"there/is/no-such.elf", "../etc/passwd", "/dev/mem", "a", "", "a b",
	};
	struct rng *r = &a->r;
	struct axl_fw_load load = {
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
	struct axl_buf_register reg = { .flags = 1 + below(r, 3) };
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

static long do_buf_register(struct actor *a)
{
	return register_in(a, some_file(a), below(&a->r, NR_BUFS));
}

static long do_buf_release(struct actor *a)
{
	struct file *f = some_file(a);
	unsigned int n = below(&a->r, NR_BUFS), i;
	struct axl_buf_release rel = { };
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

static long do_submit(struct actor *a)
{
	struct rng *r = &a->r;
	struct file *f = some_file(a);
	struct axl_submit s = { .generation = shared->generation };
	unsigned int n = below(r, NR_BUFS);
	struct axl_xfer *xfers;
	struct axl_query q;
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

static long do_wait(struct actor *a)
{
	struct rng *r = &a->r;
	unsigned int at = below(r, NR_FILES * NR_SEQS), i;
	struct axl_wait w = { .timeout_ns = some_timeout(r) };
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

static long do_wait_event(struct actor *a)
{
	struct rng *r = &a->r;
	struct axl_wait_event w = {
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

static long do_event_counts(struct actor *a)
{
	struct rng *r = &a->r;
	struct axl_event_counts c = {
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

static long do_event_fd(struct actor *a)
{
	struct rng *r = &a->r;
	struct axl_event_fd e = {
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

static long do_reset(struct actor *a)
{
	struct axl_reset reset = { };
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

/* What a transfer that succeeded has moved is where it should be. */
static long verify(struct actor *a, const uint8_t *got, size_t len,
		   uint64_t pattern, const char *what)
{
	ssize_t at = at_check(got, len, pattern, 0);

	if (at < 0)
		return 0;
	fail("%s: byte %zd of %zu is wrong", what, at, len);
	return -EILSEQ;
}

static uint64_t canary_address(struct actor *a, size_t len)
{
	uint64_t off = a->slot * 2 * MIB + below(&a->r, MIB - len + 1);

	return card.ddr_base && one_in(&a->r, 2) ?
		       card.ddr_base + DDR_CANARY + off :
		       card.l2_base + L2_CANARY + off;
}

/* In several transfers at a time, there and back */
static long move_canary(struct actor *a, uint32_t handle, uint32_t direction,
			uint64_t offset, uint64_t addr, size_t len)
{
	struct axl_xfer x[8];
	struct axl_wait w;
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

static long do_verified(struct actor *a)
{
	size_t len = length_to(&a->r, CANARY - 64), edge = below(&a->r, 64);
	uint64_t pattern = any(&a->r), addr = canary_address(a, len);
	uint8_t *in = a->canary, *out = a->canary + CANARY;
	struct axl_buf_register reg;
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

/* ---- the other interface ---- */

static long by_int(struct actor *a, unsigned long request, int value, int max)
{
	long ret = issue(a, some_file(a)->fd, request, &value, sizeof(value), NULL);

	allow(a, ret, value >= 0 && value <= max);
	return ret;
}

/* Those that take no argument do not look at what is there */
static long by_nothing(struct actor *a, unsigned long request)
{
	return vy_call(some_file(a)->fd, request,
		       (void *)(uintptr_t)interesting(&a->r));
}

static long do_vy_mailbox(struct actor *a)
{
	long value = below(&a->r, 2);

	if (one_in(&a->r, 8)) {
		value = interesting(&a->r);
		a->wild = true;
	}
	return vy_call_value(some_file(a)->fd, VY_MAILBOX, value);
}

static long do_vy_ctx_alloc(struct actor *a)
{
	long ret = by_int(a, VY_CTX_ALLOC, 1 + below(&a->r, VY_CORES) + beyond(a),
			  VY_CORES);

	if (ret >= VY_CORES)
		fail("core %ld was allocated", ret);
	return ret < 0 ? ret : 0;
}

static long do_vy_ctx_free(struct actor *a)
{
	return by_nothing(a, VY_CTX_FREE);
}

static long do_vy_property(struct actor *a)
{
	uint64_t which = below(&a->r, 4);

	return issue(a, some_file(a)->fd, VY_PROPERTY, &which, sizeof(which), NULL);
}

static long do_vy_buf_attach(struct actor *a)
{
	const struct vy_dmabuf *b = some_dmabuf(a);
	struct file *f = some_file(a);
	int fd = b->fd;
	long ret;

	a->wild |= fd < 0;
	ret = issue(a, f->fd, VY_BUF_ATTACH, &fd, sizeof(fd), NULL);
	if (!ret)
		f->attached = b->size;
	return ret;
}

static bool one_of_two(int flags)
{
	return (flags & 3) == 1 || (flags & 3) == 2;
}

static void check_buf_xfer(void *arg)
{
	struct vy_buf_xfer *x = arg;

	tame(!(x->flags & VY_READ), &x->dev_addr, x->size);
}

/* A file with a dma-buf, if there is any */
static struct file *attached_file(struct actor *a)
{
	struct file *f = some_file(a);
	unsigned int i;

	for (i = 0; !f->attached && i < 2; i++)
		f = &files[(f - files + 1) % NR_FILES];
	return f;
}

static long do_vy_buf_detach(struct actor *a)
{
	struct file *f = attached_file(a);

	f->attached = 0;
	return vy_call(f->fd, VY_BUF_DETACH, NULL);
}

static long do_vy_buf_xfer(struct actor *a)
{
	struct rng *r = &a->r;
	struct file *f = attached_file(a);
	size_t size = f->attached ? f->attached : page;
	struct vy_buf_xfer x = { .channel = (int)below(r, 5) - 1 };
	long ret;

	x.size = length_to(r, size);
	x.offset = one_in(r, 8) ? size - x.size + beyond(a) :
				  below(r, size - x.size + 1);
	x.flags = (one_in(r, 2) ? VY_READ : VY_WRITE) |
		  (one_in(r, 3) ? VY_SYNC : VY_ASYNC);
	x.dev_addr = device_address(r, !(x.flags & VY_READ), x.size);
	ret = issue(a, f->fd, VY_BUF_XFER, &x, sizeof(x), check_buf_xfer);
	allow(a, ret, !(x.flags & ~15) && one_of_two(x.flags) &&
	      one_of_two(x.flags >> 2) && x.channel >= -1 && x.channel < 4 &&
	      x.size && nameable(x.dev_addr, x.size));
	return ret;
}

static long do_vy_buf_state(struct actor *a)
{
	long ret = by_nothing(a, VY_BUF_STATE);

	if (ret > VY_PENDING)
		fail("state %ld of a transfer", ret);
	return ret < 0 ? ret : 0;
}

static long do_vy_buf_wait(struct actor *a)
{
	struct vy_buf_xfer x = { .flags = VY_SYNC, .channel = -1 };

	return issue(a, attached_file(a)->fd, VY_BUF_WAIT, &x, sizeof(x), NULL);
}

static void check_user_xfer(void *arg)
{
	struct vy_user_xfer *x = arg;

	tame(!(x->flags & VY_READ), &x->dev_addr, x->size);
}

static long do_vy_user_xfer(struct actor *a)
{
	struct rng *r = &a->r;
	uint64_t from = below(r, ARENA);
	struct vy_user_xfer x = {
		.size = length_to(r, ARENA - from),
		.flags = one_in(r, 2) ? VY_READ : VY_WRITE,
	};
	long ret;

	x.user_addr = (uintptr_t)a->arena + from;
	/* nobody looks at it */
	x.offset = one_in(r, 3) ? below(r, ARENA) : 0;
	x.dev_addr = device_address(r, !(x.flags & VY_READ), x.size);
	ret = issue(a, some_file(a)->fd, VY_USER_XFER, &x, sizeof(x),
		    check_user_xfer);
	allow(a, ret, !(x.flags & ~15) && one_of_two(x.flags) && x.size &&
	      nameable(x.dev_addr, x.size));
	return ret;
}

static long do_vy_msi_wait(struct actor *a)
{
	struct vy_msi m = {
		.num = event_arg(a), .timeout = one_in(&a->r, 3) ? 0 : 1,
	};
	long ret = issue(a, some_file(a)->fd, VY_MSI_WAIT, &m, sizeof(m), NULL);

	allow(a, ret, m.num >= 0 && m.num < AXL_NR_EVENTS && m.timeout >= 0);
	return ret;
}

static long do_vy_msi_clear(struct actor *a)
{
	struct vy_msi m = { .num = event_arg(a) };
	long ret = issue(a, some_file(a)->fd, VY_MSI_CLEAR, &m, sizeof(m), NULL);

	allow(a, ret, m.num >= 0 && m.num < AXL_NR_EVENTS);
	return ret;
}

static long do_vy_msi_attach(struct actor *a)
{
	return by_int(a, VY_MSI_ATTACH, event_arg(a), AXL_NR_EVENTS - 1);
}

static long do_vy_core_mask(struct actor *a)
{
	uint64_t mask = ~0ULL;
	long ret = issue(a, some_file(a)->fd, VY_CORE_MASK, &mask, sizeof(mask),
			 NULL);

	if (!ret && !a->wild && mask > 15)
		fail("core mask %#llx", (unsigned long long)mask);
	return ret;
}

static long do_vy_consume(struct actor *a)
{
	long ret = by_nothing(a, VY_EVENT_CONSUME);

	if (ret > 1)
		fail("%ld events consumed", ret);
	return ret < 0 ? ret : 0;
}

static long do_vy_resources(struct actor *a)
{
	struct vy_resources res = { };
	long ret = issue(a, some_file(a)->fd, VY_RESOURCES, &res, sizeof(res),
			 NULL);

	if (!ret && !a->wild && res.l2_size != card.bar2_size)
		fail("L2 has another size");
	return ret;
}

static long do_vy_windows(struct actor *a)
{
	struct vy_windows win = { };

	return issue(a, some_file(a)->fd, VY_WINDOWS, &win, sizeof(win), NULL);
}

static long do_vy_p2p_xfer(struct actor *a)
{
	struct rng *r = &a->r;
	struct vy_p2p_xfer x = {
		.size = length_to(r, MIB), .channel = (int)below(r, 5) - 1,
		.flags = one_in(r, 2) ? VY_READ : VY_WRITE,
		/* of the only card: its own, or nobody's */
		.bus_addr = interesting(r),
	};

	x.dev_addr = device_address(r, true, x.size);
	return issue(a, some_file(a)->fd, VY_P2P_XFER, &x, sizeof(x), NULL);
}

static long do_vy_dynmem_load(struct actor *a)
{
	return by_nothing(a, VY_DYNMEM_LOAD);
}

static long do_vy_stream_open(struct actor *a)
{
	struct file *f = some_file(a);
	int source = below(&a->r, 2);
	long ret = issue(a, f->fd, VY_STREAM_OPEN, &source, sizeof(source), NULL);

	f->reader |= !ret;
	return ret;
}

static long do_vy_stream_close(struct actor *a)
{
	struct file *f = reader_file(a);

	f->reader = false;
	return vy_call(f->fd, VY_STREAM_CLOSE, NULL);
}

static long do_vy_stream_stats(struct actor *a)
{
	struct vy_stream_stats s = { };
	long ret = issue(a, reader_file(a)->fd, VY_STREAM_STATS, &s, sizeof(s),
			 NULL);

	if (!ret && !a->wild && s.available > 64 * MIB)
		fail("%llu bytes of a stream are there",
		     (unsigned long long)s.available);
	return ret;
}

static long do_vy_stream_enable(struct actor *a)
{
	return by_int(a, VY_STREAM_ENABLE, below(&a->r, 2), 255);
}

static long do_vy_stream_disable(struct actor *a)
{
	return by_int(a, VY_STREAM_DISABLE, below(&a->r, 2), 255);
}

static long do_vy_stream_reset(struct actor *a)
{
	int source = below(&a->r, 2);

	return issue(a, reader_file(a)->fd, VY_STREAM_RESET, &source,
		     sizeof(source), NULL);
}

static long do_vy_dma_stats(struct actor *a)
{
	struct vy_dma_stats s;

	memset(&s, 0xff, sizeof(s));
	return issue(a, some_file(a)->fd, VY_DMA_STATS, &s, sizeof(s), NULL);
}

static long do_vy_user_pa(struct actor *a)
{
	struct vy_user_pa pa = { .virt = (uintptr_t)a->arena };

	return issue(a, some_file(a)->fd, VY_USER_PA, &pa, sizeof(pa), NULL);
}

static long do_vy_verified(struct actor *a)
{
	size_t len = length_to(&a->r, CANARY);
	uint64_t pattern = any(&a->r), addr = canary_address(a, len);
	int fd = some_file(a)->fd;
	uint8_t *p = a->canary + below(&a->r, CANARY);
	long ret;

	at_fill(p, len, pattern, 0);
	ret = vy_user_xfer(fd, VY_WRITE, addr, p, len);
	if (ret)
		return ret;
	memset(p, 0, len);
	ret = vy_user_xfer(fd, VY_READ, addr, p, len);
	return ret ? ret : verify(a, p, len, pattern, "checked user transfer");
}

static long do_vy_dmabuf_verified(struct actor *a)
{
	size_t len = length_to(&a->r, 128 * KIB);
	uint64_t pattern = any(&a->r), addr = canary_address(a, len);
	struct vy_dmabuf b;
	long ret;

	ret = vy_dmabuf_make(&b, len);
	if (ret) {
		a->wild = true;
		return ret;
	}
	ret = vy_buf_attach(a->fd, b.fd);
	if (ret)
		goto out;
	vy_dmabuf_begin(&b);
	at_fill(b.p, len, pattern, 0);
	vy_dmabuf_end(&b);
	ret = vy_buf_xfer(a->fd, VY_WRITE | VY_SYNC, addr, 0, len, -1);
	if (ret)
		goto out;
	vy_dmabuf_begin(&b);
	memset(b.p, 0, len);
	vy_dmabuf_end(&b);
	ret = vy_buf_xfer(a->fd, VY_READ | VY_ASYNC, addr, 0, len,
			  below(&a->r, 4));
	if (!ret)
		ret = vy_buf_wait(a->fd);
	if (ret)
		goto out;
	vy_dmabuf_begin(&b);
	ret = verify(a, b.p, len, pattern, "checked dma-buf transfer");
	vy_dmabuf_end(&b);
out:
	if (one_in(&a->r, 2))
		vy_call(a->fd, VY_BUF_DETACH, NULL);
	vy_dmabuf_free(&b);
	return ret;
}

static volatile uint8_t *own_l2(struct actor *a)
{
	struct map *m = &a->maps[0];

	if (!m->p || m->regs || m->offset || m->length != card.bar2_size ||
	    !m->writable) {
		if (m->p)
			munmap(m->p, m->length);
		m->p = mmap(NULL, card.bar2_size, PROT_READ | PROT_WRITE,
			    MAP_SHARED, a->fd, 0);
		if (m->p == MAP_FAILED)
			m->p = NULL;
		*m = (struct map){ m->p, card.bar2_size, 0, false, true };
	}
	return m->p;
}

/* A request of firmware, while nobody else talks to it */
static long talk(struct actor *a, uint32_t opcode, const void *msg, size_t size)
{
	volatile uint8_t *l2 = own_l2(a);
	uint32_t before;
	long ret;

	if (!l2)
		return -ENOMEM;
	ret = vy_lock(a->fd, 1);
	if (ret)
		return ret;
	before = *(volatile uint32_t *)(l2 + METIS_EMU_MBOX_OPCODE);
	/* one that was killed may have left a question */
	if (before && !(before & METIS_EMU_OP_REPLY))
		ret = -EBUSY;
	else
		ret = vy_request(a->fd, l2, opcode, msg, size, 5);
	if (vy_lock(a->fd, 0))
		fail("the mailbox's owner cannot give it back");
	return ret;
}

static long do_vy_talk(struct actor *a)
{
	uint32_t n = 1 + below(&a->r, 8192), raise[3] = {
		below(&a->r, AXL_NR_EVENTS), 1 + below(&a->r, 5), 100,
	};
	long ret;

	jumping = 1;
	if (sigsetjmp(landing, 1)) {
		/* the link is gone: SIGBUS */
		jumping = 0;
		vy_lock(a->fd, 0);
		return -EIO;
	}
	switch (below(&a->r, 4)) {
	case 0:
		ret = talk(a, METIS_EMU_OP_PING, a->arena, below(&a->r, 240));
		break;
	case 1:
		ret = talk(a, METIS_EMU_OP_RAISE, raise, sizeof(raise));
		break;
	case 2:
		ret = talk(a, METIS_EMU_OP_LOG, "a line of the fuzzer\n", 21);
		break;
	default:
		ret = talk(a, METIS_EMU_OP_TRACE, &n, sizeof(n));
	}
	jumping = 0;
	/* a bootloader knows no streams */
	return ret == -ENOSYS ? 0 : ret;
}

/* As the SDK does it: upload by hand, a word in the mailbox, event 12 */
static long do_vy_start(struct actor *a)
{
	uint64_t entry = card.l2_base + AT_L2_IMAGE;
	volatile uint8_t *l2;
	long ret;

	ret = vy_user_xfer(a->fd, VY_WRITE, entry, plain_image, plain_size);
	if (ret)
		return ret;
	jumping = 1;
	if (sigsetjmp(landing, 1)) {
		jumping = 0;
		vy_lock(a->fd, 0);
		return -EIO;
	}
	l2 = own_l2(a);
	ret = -ENOMEM;
	if (l2) {
		*(volatile uint64_t *)(l2 + 0x238) = entry;
		ret = talk(a, METIS_EMU_OP_START, NULL, 0);
	}
	jumping = 0;
	return ret ? ret : vy_call(a->fd, VY_DYNMEM_LOAD, NULL);
}

/* ---- the file, the mapping, the process ---- */

/* Requests that there are none of, and some that there are, with noise */
static long do_noise(struct actor *a)
{
	static const uint8_t types[] = { AXL_IOC_MAGIC, 'U', 'T', 0, 0xb9 };
	struct rng *r = &a->r;
	uint8_t type = types[below(r, at_array_size(types))];
	uint32_t size = one_in(r, 2) ? 8 * below(r, 20) : below(r, 1 << 14);
	uint32_t request = _IOC(below(r, 4), type, below(r, 60), size);
	size_t i;

	a->wild = true;
	/* a load may take what time it likes */
	if (type == AXL_IOC_MAGIC && _IOC_NR(request) == 1)
		return -ENOTTY;
	for (i = 0; i < size; i++)
		a->guard[-(long)size + i] = one_in(r, 2) ? 0 : any(r);
	return vy_call(some_file(a)->fd, request, a->guard - size);
}

static long do_reopen(struct actor *a)
{
	struct file *f = some_file(a);
	char path[64];
	int fd;

	if (at_node(path, sizeof(path)))
		return -ENOENT;
	fd = open(path, O_RDWR | O_CLOEXEC | (one_in(&a->r, 2) ? O_NONBLOCK : 0));
	if (fd < 0)
		return errno == EACCES && dropped ? 0 : -errno;
	/* the number always leads to the card: other threads use it */
	if (one_in(&a->r, 4))
		dup3(files[below(&a->r, NR_FILES)].fd, f->fd, O_CLOEXEC);
	else
		dup3(fd, f->fd, O_CLOEXEC);
	close(fd);
	return 0;
}

static long do_read(struct actor *a)
{
	size_t n = one_in(&a->r, 4) ? interesting(&a->r) : below(&a->r, 8192);
	void *to = a->arena + below(&a->r, ARENA / 2);
	ssize_t got;

	if (one_in(&a->r, 6)) {
		to = bad_pointer(a, 64);
		a->wild = true;
	}
	if (n > ARENA / 2)
		a->wild = true;
	got = read(reader_file(a)->fd, to, n);
	if (got > 0 && (size_t)got > n)
		fail("%zd bytes of %zu were read", got, n);
	return got < 0 ? -errno : 0;
}

static long do_write(struct actor *a)
{
	return write(some_file(a)->fd, a->arena, below(&a->r, 100)) < 0 ? -errno :
									 0;
}

static long do_poll(struct actor *a)
{
	struct pollfd p[NR_FILES + 2];
	unsigned int i;

	for (i = 0; i < NR_FILES + 2; i++)
		p[i] = (struct pollfd){
			.fd = i < NR_FILES ? files[i].fd : eventfds[i - NR_FILES],
			.events = POLLIN | POLLOUT | POLLPRI,
		};
	if (poll(p, NR_FILES + 2, below(&a->r, 20)) < 0)
		return -errno;
	for (i = 0; i < NR_FILES; i++)
		if (p[i].revents & (POLLOUT | POLLPRI | POLLNVAL))
			fail("poll() reports %#x", p[i].revents);
	return 0;
}

static long do_nonblock(struct actor *a)
{
	return fcntl(some_file(a)->fd, F_SETFL,
		     one_in(&a->r, 2) ? O_NONBLOCK : 0) ? -errno : 0;
}

static long do_map(struct actor *a)
{
	struct rng *r = &a->r;
	struct map *m = &a->maps[below(r, NR_MAPS)], n = { };
	int prot = PROT_READ, flags = MAP_SHARED;
	uint64_t offset = 0;

	n.length = page * (one_in(r, 2) ? 1 + below(r, 4) :
					  1 + below(r, card.bar2_size / page));
	if (one_in(r, 3)) {
		/* the registers, or the second page of L2 */
		offset = page;
		n.length = page;
		n.regs = true;
	} else if (one_in(r, 3)) {
		n.length = card.bar2_size;
	}
	n.writable = one_in(r, 2);
	if (n.writable)
		prot |= PROT_WRITE;
	if (one_in(r, 6)) {
		a->wild = true;
		switch (below(r, 4)) {
		case 0:
			prot |= PROT_EXEC;
			break;
		case 1:
			flags = MAP_PRIVATE;
			break;
		case 2:
			n.length = page * below(r, 3 * card.bar2_size / page);
			break;
		default:
			offset = interesting(r) & -page;
		}
		n.regs = true;		/* whatever it is */
	}
	n.p = mmap(NULL, n.length, prot, flags, some_file(a)->fd, offset);
	if (n.p == MAP_FAILED)
		return -errno;
	n.offset = offset;
	if (m->p)
		munmap(m->p, m->length);
	*m = n;
	return 0;
}

static long do_touch(struct actor *a)
{
	struct rng *r = &a->r;
	struct map *m = &a->maps[below(r, NR_MAPS)];
	uint64_t at, off;
	long ret = 0;

	if (!m->p) {
		m = &a->maps[0];
		if (!own_l2(a))
			return -ENOMEM;
	}
	at = below(r, m->length) & ~7ULL;
	off = m->offset + at;
	jumping = 1;
	if (sigsetjmp(landing, 1))
		ret = -EIO;
	else if (!m->regs && m->writable && off >= L2_RANDOM && off < L2_CANARY)
		*(volatile uint64_t *)(m->p + at) = any(r);
	else
		*(volatile uint32_t *)(m->p + at);
	jumping = 0;
	return ret;
}

static long do_unmap(struct actor *a)
{
	struct map *m = a->maps;

	while (!m->p)
		if (++m == a->maps + NR_MAPS) {
			a->wild = true;
			return -ENOENT;
		}
	/* half of it first: the mapping is split, and the half may be others' soon */
	if (m->length >= 2UL * page && one_in(&a->r, 2)) {
		munmap(m->p, page);
		m->p += page;
		m->length -= page;
	}
	if (one_in(&a->r, 4))
		madvise(m->p, m->length, MADV_DONTNEED);
	munmap(m->p, m->length);
	m->p = NULL;
	return 0;
}

/* The memory behind buffers goes, comes and changes. */
static long do_memory(struct actor *a)
{
	struct rng *r = &a->r;
	uint64_t from = below(r, ARENA) & -page;
	size_t len = AT_ALIGN(length_to(r, ARENA - from), page);

	switch (below(r, 5)) {
	case 0:
		return madvise(a->arena + from, len, MADV_DONTNEED) ? -errno : 0;
	case 1:
		return mprotect(a->arena + from, len, PROT_READ) ? -errno : 0;
	case 2:
		if (mmap(a->arena + from, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		    MAP_FAILED)
			return -errno;
		return 0;
	default:
		return mprotect(a->arena, ARENA, PROT_READ | PROT_WRITE) ?
			       -errno : 0;
	}
}

/* A process for a moment, with all files and mappings */
static long do_child(struct actor *a)
{
	struct axl_query q;
	int fd = some_file(a)->fd, status;
	bool kill_it = one_in(&a->r, 2), call = one_in(&a->r, 2);
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		if (call)
			at_query(fd, &q);
		if (kill_it)
			vy_wait(fd, 500, 1);
		_exit(0);
	}
	if (kill_it)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return 0;
}

/* debugfs and sysfs, which only root reads */
static long do_look(struct actor *a)
{
	unsigned int n = below(&a->r, at_array_size(debugfs));
	char text[4096];
	long ret;

	if (dropped) {
		a->wild = true;
		return -EACCES;
	}
	if (n == 3 && one_in(&a->r, 2))
		ret = at_write_text(debugfs[n], "1");
	else
		ret = at_read_text(debugfs[n], text, sizeof(text));
	return ret;
}

/* ---- the card ---- */

static long do_raise(struct actor *a)
{
	at_lab_set(METIS_LAB_RAISE, some_event(&a->r));
	return 0;
}

static long do_log(struct actor *a)
{
	at_lab_set(METIS_LAB_LOG_BURST, 1 + below(&a->r, 100));
	return 0;
}

/* What the card does to us; only few programs have this. */
static long do_rough(struct actor *a)
{
	static const uint32_t restarts[] = {
		METIS_LAB_RESTART_RUNTIME, METIS_LAB_RESTART_RUNTIME,
		METIS_LAB_RESTART_BOOTLOADER, METIS_LAB_RESTART_WARM,
		METIS_LAB_RESTART_SILENT,
	};
	static const uint32_t faults[] = {
		METIS_LAB_START_REFUSE, METIS_LAB_START_SILENT,
		METIS_LAB_START_NO_AREAS, METIS_LAB_START_BOOTLOADER,
	};
	struct rng *r = &a->r;

	switch (below(r, 9)) {
	case 0:
		at_lab_set(METIS_LAB_LINK_DOWN, 1 + below(r, 150));
		break;
	case 1:
		at_lab_set(METIS_LAB_FW_RESTART,
			   restarts[below(r, at_array_size(restarts))]);
		break;
	case 2:
		at_lab_set(METIS_LAB_LOSE_MSGS, 1 + below(r, 10));
		break;
	case 3:
		at_lab_set(METIS_LAB_ABORT_NEXT, below(r, 256));
		break;
	case 4:
		at_lab_set(METIS_LAB_HANG_SOFT, 1 << below(r, 8));
		break;
	case 5:
		at_lab_set(METIS_LAB_START_FAULT,
			   faults[below(r, at_array_size(faults))]);
		break;
	case 6:
		at_lab_set(METIS_LAB_HOSTILE, METIS_HOSTILE_STREAM_COUNT +
			   below(r, METIS_HOSTILE_STREAM_NAME -
				    METIS_HOSTILE_STREAM_COUNT + 1));
		break;
	case 7:
		at_lab_set(METIS_LAB_STEP_NS, 1 + below(r, 200000));
		break;
	default:
		at_lab_set(METIS_LAB_UNDO, 1);
	}
	return 0;
}

/*
 * Every call: how often it is made, what it may fail with besides %common (and EIO,
 * where the card restarts), what besides when an argument is spoiled, and what stands for success, where success
 * would be wrong.
 */
#define TRANSFER	ESTALE, ETIMEDOUT
#define NEVER		~0U

static const struct call {
	long (*run)(struct actor *a);
	unsigned int weight;
	int errors[12];
	int spoiled[8];
	int right;
	unsigned int patience;	/* ms until it is interrupted; 0: any */
	bool dmabuf;		/* cannot succeed without */
	bool rough;		/* only where the card restarts */
} calls[NR_CALLS] = {
#define CALL(n, w, ...) [CALL_##n] = { do_##n, w, __VA_ARGS__ }
	CALL(query, 6),
	CALL(fw_load, 2, { EBUSY, EREMOTEIO, ETIMEDOUT, ESTALE },
	     { ENOEXEC, ERANGE, ENOENT }),
	CALL(buf_register, 8, { ENOSPC, EFAULT }, { EBADF, EOVERFLOW }),
	CALL(buf_release, 3, { ENOENT }),
	/* a direction of a buffer that another thread has changed meanwhile */
	CALL(submit, 14, { ENOENT, EACCES, ERANGE, ESTALE, EBUSY, EFAULT, ENOSPC },
	     { EBADF, EOVERFLOW }),
	CALL(wait, 8, { ENOENT, ETIMEDOUT }),
	CALL(wait_event, 5, { ETIMEDOUT, ESTALE }),
	CALL(event_counts, 3),
	CALL(event_fd, 4, { EEXIST, ENOSPC, ENOENT }, { EBADF }),
	CALL(reset, 1, { EBUSY, EOPNOTSUPP }),
	CALL(verified, 4, { TRANSFER }, { }, .patience = NEVER),
	CALL(vy_mailbox, 4, { EALREADY, EPERM }),
	CALL(vy_ctx_alloc, 3, { EINVAL }),
	CALL(vy_ctx_free, 2),
	CALL(vy_property, 2),
	CALL(vy_buf_attach, 4, { EBUSY }, { EBADF }, .dmabuf = true),
	CALL(vy_buf_detach, 2, { EINVAL, EBUSY }, { }, .dmabuf = true),
	CALL(vy_buf_xfer, 8, { EINVAL, EBUSY, TRANSFER }, { }, .dmabuf = true),
	CALL(vy_buf_state, 2),
	CALL(vy_buf_wait, 3, { EINVAL, TRANSFER }, { }, .dmabuf = true),
	/* the arena may be read-only */
	CALL(vy_user_xfer, 6, { EINVAL, EFAULT, TRANSFER }),
	CALL(vy_msi_wait, 4, { ETIMEDOUT }),
	CALL(vy_msi_clear, 2),
	CALL(vy_msi_attach, 3),
	CALL(vy_core_mask, 1),
	CALL(vy_consume, 2),
	CALL(vy_resources, 2),
	CALL(vy_windows, 1),
	CALL(vy_p2p_xfer, 1, { EINVAL, EPERM }, { }, .right = EINVAL),
	CALL(vy_dynmem_load, 2),
	CALL(vy_stream_open, 4, { EBUSY, EINVAL, ERANGE }),
	CALL(vy_stream_close, 2, { EINVAL }),
	CALL(vy_stream_stats, 2, { EINVAL }),
	CALL(vy_stream_enable, 2, { ENOENT, ENODATA, EINVAL, ERANGE }),
	CALL(vy_stream_disable, 1, { ENOENT, ENODATA, EINVAL, ERANGE }),
	CALL(vy_stream_reset, 2, { ENOENT, ENODATA, EINVAL, ERANGE }),
	CALL(vy_dma_stats, 2),
	CALL(vy_user_pa, 1, { EOPNOTSUPP }, { }, .right = EOPNOTSUPP),
	CALL(vy_verified, 4, { TRANSFER }, { }, .patience = NEVER),
	CALL(vy_dmabuf_verified, 2, { EINVAL, TRANSFER }, { EACCES, ENOTSUP },
	     .patience = NEVER, .dmabuf = true),
	CALL(vy_talk, 3, { EBUSY, ETIMEDOUT }, { }),
	CALL(vy_start, 3, { EBUSY, ESTALE, ETIMEDOUT, EFAULT, ENOEXEC, EBADMSG,
			    EINVAL, ENOSYS }, { }, .patience = 3000,
	     .rough = true),
	CALL(noise, 4, { ENOTTY }, { ENOENT, EBADF, ETIMEDOUT, EALREADY, EPERM,
				     EBUSY, EOPNOTSUPP, ENODATA }, .right = ENOTTY),
	CALL(reopen, 3),
	CALL(read, 4, { EINVAL, EAGAIN, ENODEV, EFAULT }),
	CALL(write, 1, { EINVAL }, { }, .right = EINVAL),
	CALL(poll, 3),
	CALL(nonblock, 1),
	CALL(map, 4, { EPERM, EAGAIN, EINVAL, EOPNOTSUPP }, { EACCES, EOVERFLOW }),
	CALL(touch, 4),
	CALL(unmap, 2, { }, { ENOENT }),
	CALL(memory, 3),
	CALL(child, 1, { EAGAIN }),
	CALL(look, 1, { }, { EACCES }),
	CALL(raise, 8),
	CALL(log, 2),
	CALL(rough, 6, .rough = true),
};

static bool is_one_of(int err, const int *list, size_t n)
{
	size_t i;

	for (i = 0; i < n && list[i]; i++)
		if (err == list[i])
			return true;
	return false;
}

static void judge(struct actor *a, unsigned int n, long ret)
{
	/* what any call can return, and what is wrong with arguments */
	static const int common[] = { ENOMEM, EINTR };
	static const int spoiled[] = { EFAULT, EINVAL, E2BIG, ENOTTY };
	const struct call *c = &calls[n];
	int err = ret < 0 ? -ret : 0;

	__sync_fetch_and_add(&shared->tried[n], 1);
	if (err == c->right)
		__sync_fetch_and_add(&shared->done[n], 1);
	if ((!err && !c->right) || (err == EIO && rough) ||
	    is_one_of(err, common, at_array_size(common)) ||
	    is_one_of(err, c->errors, at_array_size(c->errors)))
		return;
	if (a->wild && (!err || is_one_of(err, spoiled, at_array_size(spoiled)) ||
			is_one_of(err, c->spoiled, at_array_size(c->spoiled))))
		return;
	fail("call %u of thread %u: %s returned %ld (%s)%s", a->rec->index,
	     a->slot, names[n], ret, err ? strerror(err) : "success",
	     a->wild ? ", arguments spoiled" : "");
}

/* ---- a program ---- */

struct program {
	unsigned int procs, threads, calls;
	bool rough, drop;
	enum { KILL_NONE, KILL_FIRST, KILL_ALL } killed;
	uint64_t kill_at;
};

static void decode(uint64_t s, struct program *p)
{
	struct rng r = { mix(s) };

	memset(p, 0, sizeof(*p));
	p->threads = 1;
	p->procs = 1;
	if (!one_in(&r, 3)) {
		p->threads = 1 + below(&r, MAX_THREADS);
		p->procs = 1 + below(&r, MAX_PROCS);
	}
	p->calls = 30 + below(&r, 71);
	p->rough = one_in(&r, 8);
	p->drop = one_in(&r, 4);
	if (one_in(&r, 4))
		p->killed = one_in(&r, 2) ? KILL_ALL : KILL_FIRST;
	p->kill_at = below(&r, p->calls * p->procs * p->threads);
}

static unsigned int pick(struct rng *r)
{
	unsigned int n, i, sum = 0;

	for (i = 0; i < NR_CALLS; i++)
		sum += calls[i].weight;
	do {
		n = below(r, sum);
		for (i = 0; n >= calls[i].weight; i++)
			n -= calls[i].weight;
	} while (calls[i].rough && !rough);
	return i;
}

static uint64_t patience(unsigned int ms, struct rng *r)
{
	if (ms)
		return ms == NEVER ? 0 : AT_MSEC(ms);
	switch (below(r, 12)) {
	case 0:
		return AT_MSEC(1500);
	case 1:
	case 2:
		return AT_MSEC(200);
	default:
		return AT_MSEC(30);
	}
}

static bool prepare(struct actor *a)
{
	size_t size = ARGS + 2 * page + ARENA + 2 * CANARY + 2 * page;
	uint8_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return false;
	/* arguments, read-only, nothing, arguments, nothing, arena, canary */
	a->args = p;
	a->readonly = p + ARGS;
	a->arena = p + ARGS + 2 * page;
	a->canary = a->arena + ARENA;
	mprotect(a->readonly, page, PROT_READ);
	mprotect(a->readonly + page, page, PROT_NONE);
	p = mmap(NULL, ARGS + 2 * page, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return false;
	a->guard = p + ARGS + page;
	mprotect(a->guard, page, PROT_NONE);
	return true;
}

static void *act(void *arg)
{
	struct actor *a = arg;
	struct rng order = { mix(seed + 1 + a->slot) };
	unsigned int i;

	a->rec->pid = getpid();
	a->rec->tid = syscall(SYS_gettid);
	whose = a;
	if (!prepare(a))
		return NULL;
	for (i = 0; i < a->calls; i++) {
		unsigned int n = pick(&order);
		long ret;

		/* independent of what calls before drew */
		a->r.state = any(&order);
		a->wild = false;
		a->rec->call = n;
		a->rec->index = i;
		a->rec->patience = patience(calls[n].patience, &order);
		a->rec->poked = 0;
		__atomic_store_n(&a->rec->begun, at_now(), __ATOMIC_RELEASE);
		if (tracing)
			printf("# %u.%u %s\n", a->slot, i, names[n]);
		ret = calls[n].run(a);
		__atomic_store_n(&a->rec->begun, 0, __ATOMIC_RELEASE);
		if (tracing)
			printf("# %u.%u %s: %ld%s\n", a->slot, i, names[n],
			       ret, a->wild ? " (spoiled)" : "");
		judge(a, n, ret);
		__sync_fetch_and_add(&shared->calls, 1);
		if (shared->failed)
			break;
	}
	close(a->fd);
	return NULL;
}

static void run_threads(const struct program *p, unsigned int proc)
{
	static struct actor actors[MAX_THREADS];
	pthread_t threads[MAX_THREADS];
	unsigned int i;

	for (i = 0; i < p->threads; i++) {
		struct actor *a = &actors[i];

		a->slot = proc * MAX_THREADS + i;
		a->rec = &shared->actors[a->slot];
		a->calls = p->calls;
		a->fd = dropped ? own[a->slot] : at_open();
		if (a->fd < 0 || pthread_create(&threads[i], NULL, act, a))
			_exit(2);
	}
	for (i = 0; i < p->threads; i++)
		pthread_join(threads[i], NULL);
}

static void drop_privileges(void)
{
	unsigned int i;

	/* they cannot be opened afterwards */
	for (i = 0; i < MAX_ACTORS; i++)
		own[i] = at_open();
	if (setgroups(0, NULL) || setresgid(65534, 65534, 65534) ||
	    setresuid(65534, 65534, 65534))
		_exit(3);
	dropped = true;
}

/* The first process of a program */
static void lead(const struct program *p)
{
	struct sigaction fault = {
		.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER,
	};
	unsigned int i;

	at_catch_signal(SIGUSR1);
	sigaction(SIGBUS, &fault, NULL);
	sigaction(SIGSEGV, &fault, NULL);
	rough = p->rough;
	for (i = 0; i < NR_FILES; i++) {
		files[i].fd = at_open();
		if (files[i].fd < 0)
			_exit(2);
	}
	for (i = 0; i < 2; i++)
		eventfds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	for (i = 0; i < NR_DMABUFS; i++)
		vy_dmabuf_make(&dmabufs[i], i % 2 ? page : 256 * KIB);
	if (p->drop)
		drop_privileges();
	if (p->procs > 1) {
		pid_t pid = fork();

		if (pid < 0)
			_exit(2);
		if (!pid) {
			run_threads(p, 1);
			_exit(0);
		}
	}
	run_threads(p, 0);
	_exit(0);
}

/* ---- watching ---- */

static uint64_t slow_factor(void)
{
	const char *slow = getenv("AXLTEST_SLOW");

	/* what waits for the card's clock takes no longer */
	return slow && atoi(slow) > 1 ? 2 : 1;
}

static void tell_stacks(pid_t pid)
{
	char command[128];

	snprintf(command, sizeof(command),
		 "for s in /proc/%d/task/*/stack; do echo \"#   $s\"; sed 's/^/#   /' $s; done",
		 pid);
	fflush(stdout);
	if (system(command))
		at_msg("no stacks");
}

/* Interrupt calls that wait for long; give up those that cannot be. */
static void look_after(struct record *rec)
{
	uint64_t begun = __atomic_load_n(&rec->begun, __ATOMIC_ACQUIRE);
	uint64_t now = at_now();

	if (!begun || now < begun || !rec->tid)
		return;
	if (now - begun > AT_SEC(60) * slow_factor() && !shared->failed) {
		fail("call %u of thread %u: %s does not come back", rec->index,
		     (unsigned int)(rec - shared->actors), names[rec->call]);
		tell_stacks(rec->pid);
		return;
	}
	if (rec->patience && now - begun > rec->patience &&
	    now - rec->poked > AT_MSEC(20)) {
		rec->poked = now;
		syscall(SYS_tgkill, rec->pid, rec->tid, SIGUSR1);
	}
}

static void kill_actors(bool all)
{
	unsigned int i;

	for (i = 0; i < (all ? MAX_ACTORS : MAX_THREADS); i++)
		if (shared->actors[i].pid)
			kill(shared->actors[i].pid, SIGKILL);
}

/* What a program was the first to get done: worth a look when seeds are chosen */
static void tell_first(const uint64_t *before)
{
	char text[400] = "";
	unsigned int i;

	for (i = 0; i < NR_CALLS; i++)
		if (!before[i] && shared->done[i])
			snprintf(text + strlen(text), sizeof(text) - strlen(text),
				 " %s", names[i]);
	if (*text)
		at_msg("%#llx: first%s", (unsigned long long)seed, text);
}

/*
 * Run what @s makes; false when something is wrong with it. @shaken: the card has
 * been through something.
 */
static bool run_program(uint64_t s, struct at_ctx *t, bool *shaken)
{
	uint64_t begun = at_now(), end, police, before[NR_CALLS];
	char text[64];
	struct program p;
	bool killed = false;
	unsigned int i;
	int status;
	pid_t pid, leader;

	seed = s;
	decode(seed, &p);
	memcpy(before, shared->done, sizeof(before));
	memset(shared->actors, 0, sizeof(shared->actors));
	memset(shared->dmabuf_uses, 0, sizeof(shared->dmabuf_uses));
	shared->calls = 0;
	/* before, and for a machine that stops at once: as an error, which is shown */
	snprintf(text, sizeof(text), "<3>fuzz: %#llx\n", (unsigned long long)seed);
	at_write_text("/dev/kmsg", text);
	fflush(stdout);
	leader = fork();
	if (leader < 0) {
		fail("fork: %s", strerror(errno));
		return false;
	}
	if (!leader)
		lead(&p);
	end = begun + AT_SEC(180) * slow_factor();
	for (;;) {
		/* also of those whose parent was killed: we are the subreaper */
		pid = waitpid(-1, &status, WNOHANG);
		if (pid < 0)
			break;
		if (pid > 0) {
			if (!killed && status)
				fail("the program ended with status %#x", status);
			continue;
		}
		for (i = 0; i < MAX_ACTORS; i++)
			look_after(&shared->actors[i]);
		if (p.killed != KILL_NONE && !killed && shared->calls >= p.kill_at) {
			killed = true;
			kill_actors(p.killed == KILL_ALL);
		}
		if (at_now() > end && !shared->failed) {
			fail("the program does not end");
			tell_stacks(leader);
		}
		if (shared->failed) {
			killed = true;
			kill_actors(true);
			kill(leader, SIGKILL);
			if (at_now() > end + AT_SEC(60))
				break;
		}
		at_sleep_ms(3);
	}
	shared->total += shared->calls;
	tell_first(before);
	*shaken = p.rough;
	if (p.rough)
		at_lab_reset();
	at_log_read(&t->log);
	if (t->log.count[AT_LOG_WARN])
		fail("the kernel complains: %s", t->log.first[AT_LOG_WARN]);
	if (t->log.count[AT_LOG_SMMU])
		fail("the IOMMU complains: %s", t->log.first[AT_LOG_SMMU]);
	police = at_lab_get(METIS_LAB_POLICE_TOTAL);
	if (police != t->police)
		fail("the card complains: %s, offset %#llx, value %#llx",
		     at_police_name(at_lab_get(METIS_LAB_POLICE_LAST_KIND)),
		     (unsigned long long)at_lab_get64(METIS_LAB_POLICE_LAST_OFFSET),
		     (unsigned long long)at_lab_get64(METIS_LAB_POLICE_LAST_VALUE));
	return !shared->failed;
}

/* ---- is all well afterwards? ---- */

static const char *await_card(int fd)
{
	/* a card that was given up is tried again after ten seconds */
	uint64_t end = at_now() + AT_SEC(40) * slow_factor();
	static char text[96];
	struct axl_query q = { };
	int err, load = 0, tries = 100;

	/* firmware that was made to hang needs a push of the button */
	while (at_lab_get(METIS_LAB_FW_STATE) == METIS_EMU_STARTING && tries--)
		at_sleep_ms(20);
	if (tries < 0)
		at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_BOOTLOADER);
	for (;;) {
		err = at_query(fd, &q);
		if (!err && q.fw_state == AXL_FW_RUNNING)
			return NULL;
		/* somebody may be at it; a start that was under way goes on */
		if (!err && (q.fw_state == AXL_FW_BOOTLOADER ||
			     q.fw_state == AXL_FW_NONE))
			load = at_fw_run(fd);
		else
			at_sleep_ms(20);
		if (at_now() < end)
			continue;
		snprintf(text, sizeof(text),
			 "the card does not come back: errno %d, state %u of %u, load %d",
			 -err, q.fw_state, at_lab_get(METIS_LAB_FW_STATE), load);
		return text;
	}
}

static const char *move_some(int fd, uint64_t pattern)
{
	struct axl_buf_register reg;
	const char *why = NULL;
	struct at_mem m;
	int err, try;

	if (at_mem_alloc(&m, AT_PLAIN, 256 * KIB))
		return "no memory";
	err = at_register(fd, m.p, m.size, AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE,
			  &reg);
	if (err) {
		at_mem_free(&m);
		return "a buffer cannot be registered";
	}
	/* what was under way when the program ended may still raise it */
	for (try = 0; try < 5; try++) {
		at_fill(m.p, m.size, pattern, 0);
		err = at_move(fd, reg.handle, AXL_TO_DEVICE, 0,
			      at_scratch_l2(&card), m.size);
		memset(m.p, 0, m.size);
		if (!err)
			err = at_move(fd, reg.handle, AXL_FROM_DEVICE, 0,
				      at_scratch_l2(&card), m.size);
		if (err != -ESTALE)
			break;
		at_sleep_ms(200);
	}
	if (err) {
		at_msg("%s", strerror(-err));
		why = "a good transfer fails";
	} else if (at_check(m.p, m.size, pattern, 0) >= 0) {
		why = "a good transfer moves something else";
	}
	at_release(fd, reg.handle);
	at_mem_free(&m);
	return why;
}

static const char *hear_events(int fd)
{
	struct axl_event_fd bind = { .event = 40 };
	struct pollfd p = { .events = POLLIN };
	const char *why = NULL;

	p.fd = eventfd(0, EFD_CLOEXEC);
	bind.fd = p.fd;
	if (at_ioctl(fd, AXL_IOC_EVENT_FD, &bind))
		why = "an eventfd cannot be bound";
	at_lab_set(METIS_LAB_RAISE, 40);
	if (!why && poll(&p, 1, 10000) != 1)
		why = "an event is not told";
	close(p.fd);
	return why;
}

static const char *speak_voyager(int fd)
{
	static char text[96];
	char some[512];
	int err;

	/* all that a process that was killed had is free */
	alarm(20);
	err = vy_lock(fd, 1);
	alarm(0);
	if (err) {
		snprintf(text, sizeof(text), "the mailbox cannot be had (%d)", err);
		return text;
	}
	if (vy_lock(fd, 0))
		return "the mailbox cannot be given back";
	if (vy_ctx_alloc(fd, VY_CORES) || vy_ctx_free(fd))
		return "the cores are not free";
	if (vy_clear(fd, 41))
		return "an interrupt cannot be cleared";
	at_lab_set(METIS_LAB_RAISE, 41);
	if (vy_wait(fd, 41, 10))
		return "an interrupt is not told";
	err = vy_stream(fd, VY_STREAM_OPEN, METIS_EMU_LOG_SOURCE);
	if (err) {
		snprintf(text, sizeof(text), "no stream (%d)", err);
		return text;
	}
	at_lab_set(METIS_LAB_LOG_BURST, 3);
	if (!(vy_polled(fd, 10000) & POLLIN) || read(fd, some, sizeof(some)) <= 0)
		return "a stream tells nothing";
	return NULL;
}

static bool healthy(void)
{
	int fd = at_open(), other = at_open();
	const char *why = fd < 0 || other < 0 ? "the node does not open" : NULL;

	at_lab_reset();
	if (!why)
		why = await_card(fd);
	if (!why)
		why = move_some(fd, seed);
	if (!why)
		why = hear_events(fd);
	if (!why)
		why = speak_voyager(other);
	close(fd);
	close(other);
	if (why)
		fail("%s", why);
	return !why;
}

static void report(const char *what)
{
	static bool told;

	if (!shared->failed)
		return;
	while (shared->failed == 1)
		at_sleep_ms(1);
	at_msg("%s: seed %#llx: %s", what, (unsigned long long)seed, shared->why);
	if (!told)
		at_msg("again: make fuzz SEED=%#llx", (unsigned long long)seed);
	told = true;
}

/* Calls that never did what they are for test nothing. */
static bool enough(bool with_dmabufs)
{
	bool good = true;
	unsigned int i;

	at_msg("%-20s %9s %9s", "call", "made", "done");
	for (i = 0; i < NR_CALLS; i++) {
		bool needed = with_dmabufs || !calls[i].dmabuf;

		at_msg("%-20s %9llu %9llu%s", names[i],
		       (unsigned long long)shared->tried[i],
		       (unsigned long long)shared->done[i],
		       shared->done[i] || !needed ? "" : " NEVER");
		good &= shared->done[i] || !needed;
	}
	return good;
}

/*
 * More than what caches and the allocator make of so many processes. A debug
 * kernel keeps what was freed, and has its own means to find what was not.
 */
static const char *leaked(const struct at_leak *before)
{
	const char *text = at_leak_check(before);
	struct at_leak now;

	at_leak_mark(&now);
	if (now.pins != before->pins ||
	    now.vmalloc_kb > before->vmalloc_kb + 2048 ||
	    (slow_factor() == 1 && now.slab_kb > before->slab_kb + 16384))
		return text ? text : "memory is missing";
	return NULL;
}

static const char *const vy_names[] = {
	"/sys/kernel/debug/axl/metis%d/state",
	"/sys/kernel/debug/axl/metis%d/channels",
	"/sys/kernel/debug/axl/metis%d/vmsi",
};

static bool find_files(const struct at_ctx *t)
{
	char path[64];
	unsigned int i;
	int nr;

	if (at_node(path, sizeof(path)) || sscanf(path, "/dev/metis%d", &nr) != 1)
		return false;
	for (i = 0; i < at_array_size(vy_names); i++)
		snprintf(debugfs[i], sizeof(debugfs[i]), vy_names[i], nr);
	snprintf(debugfs[i], sizeof(debugfs[i]), "%s/axl_aipu_restore", t->pci.dir);
	return true;
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

int main(void)
{
	static const struct {
		uint64_t seed;
		const char *why;
	} kept[] = {
#define SEED(number, why) { number, why },
#include "fuzz_seeds.h"
		{ 0, NULL }
	};
	uint64_t seconds = number_of("FUZZ_SECONDS", 0), start = at_now();
	uint64_t one = number_of("FUZZ_SEED", 0), base, told = 0, programs = 0;
	struct vy_dmabuf probe;
	struct at_leak before;
	const char *why;
	struct at_ctx t;
	bool with_dmabufs, shaken;
	unsigned int i;

	ksft_print_header();
	if (!seconds)
		ksft_exit_skip("FUZZ_SECONDS says how long: the row 'fuzz', or 'make fuzz'\n");
	ksft_set_plan(4);
	page = at_page_size();
	tracing = number_of("FUZZ_TRACE", 0);
	setlinebuf(stdout);
	if (getrandom(&base, sizeof(base), 0) != sizeof(base))
		base = at_now();
	base = number_of("FUZZ_BASE", base);
	at_catch_signal(SIGALRM);
	/* lines about seeds are not too many */
	at_write_text("/proc/sys/kernel/printk_devkmsg", "on");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	why = vy_begin(&t, AT_NEEDS_RUNNING | AT_PROVOKES_STRAY |
		       AT_PROVOKES_SILENCE);
	if (why || shared == MAP_FAILED || !find_files(&t))
		ksft_exit_fail_msg("set-up: %s\n", why ? why : strerror(errno));
	card = t.q;
	shared->generation = card.generation;
	if (at_image_good(&image, &card, 64) || vy_image(&plain_image, &plain_size))
		ksft_exit_fail_msg("no image\n");
	with_dmabufs = !vy_dmabuf_make(&probe, page);
	if (with_dmabufs)
		vy_dmabuf_free(&probe);
	else
		at_msg("no dma-bufs on this kernel: calls that need one are only refused");

	/* what happens once, happens now */
	healthy();
	at_leak_mark(&before);

	for (i = 0; !one && kept[i].why && !shared->failed; i++)
		if (run_program(kept[i].seed, &t, &shaken))
			healthy();
	report("kept");
	ksft_test_result(!shared->failed, "%u kept seeds\n", i);

	if (!one)
		at_msg("base %#llx", (unsigned long long)base);
	while (!shared->failed && at_now() - start < AT_SEC(seconds)) {
		if (run_program(one ? one : mix(base + programs), &t, &shaken) &&
		    (!(++programs % 4) || shaken || one))
			healthy();
		if (at_now() - told > AT_SEC(10)) {
			told = at_now();
			at_msg("%llu s: %llu programs, %llu calls",
			       (unsigned long long)((told - start) / AT_SEC(1)),
			       (unsigned long long)programs,
			       (unsigned long long)shared->total);
		}
	}
	if (!shared->failed)
		healthy();
	report("random");
	ksft_test_result(!shared->failed && programs, "%llu random programs, %llu calls\n",
			 (unsigned long long)programs,
			 (unsigned long long)shared->total);
	ksft_test_result(enough(with_dmabufs) || one, "each call was of use\n");

	why = leaked(&before);
	if (!why)
		why = at_end(&t);
	if (why)
		at_msg("%s", why);
	ksft_test_result(!why, "nothing is left behind\n");
	ksft_finished();
}
