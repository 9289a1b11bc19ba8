/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the fuzzer share: random numbers, what all of its processes
 * see, what a process and a thread have.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

#include "libvoyager.h"

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
 * and no other thread writes where checked transfers go.
 */
#define L2_RANDOM	AT_L2_SCRATCH
#define L2_CANARY	0x01000000ULL
#define L2_HIGH		0x01f90000ULL	/* behind the rings: lists, or nothing */
#define DDR_RANDOM	AT_DDR_SCRATCH
#define DDR_CANARY	0x01800000ULL
#define DDR_LIMIT	0x04000000ULL	/* the emulated card's */
#define DDR_CLAIMED	(16 * 1024 * MIB)	/* what the driver lets pass */

/* ---- numbers ---- */

static inline uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

struct rng {
	uint64_t state;
};

static inline uint64_t any(struct rng *r)
{
	r->state += 0x9e3779b97f4a7c15ULL;
	return mix(r->state);
}

static inline uint64_t below(struct rng *r, uint64_t n)
{
	return any(r) % n;
}

static inline bool one_in(struct rng *r, unsigned int n)
{
	return !below(r, n);
}

/* Small ones more often */
static inline uint64_t length_to(struct rng *r, uint64_t max)
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

extern const char *const names[NR_CALLS];

struct record {			/* what a thread does at this moment */
	pid_t pid, tid;
	unsigned int call, index;
	uint64_t begun;		/* 0: between calls */
	uint64_t patience;	/* 0: not to be interrupted */
	uint64_t poked;
};

struct shared {
	struct record actors[MAX_ACTORS];
	uint64_t tried[NR_CALLS], done[NR_CALLS];
	uint64_t calls;		/* of this program */
	uint64_t total;
	uint64_t generation;
	int dmabuf_uses[NR_DMABUFS];
	int failed;
	char why[512];
};

extern struct shared *shared;
extern struct axl_ioc_query card;
extern struct at_image image;
extern uint8_t *plain_image;
extern size_t plain_size;
extern uint64_t seed;
extern long page;
extern char debugfs[4][128];

/* The first failure counts */
void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* What time limits are multiplied by */
uint64_t slow_factor(void);

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

extern struct file files[NR_FILES];
extern struct vy_dmabuf dmabufs[NR_DMABUFS];
extern int eventfds[2];
extern bool dropped;		/* no privileges */
extern bool rough;		/* the card restarts */

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

/* A fault jumps to @landing while @jumping */
extern __thread sigjmp_buf landing;
extern __thread volatile sig_atomic_t jumping;

/* ---- arguments: fuzz-args.c ---- */

/* A value at an edge of something */
uint64_t interesting(struct rng *r);
/* 0, or how far beyond the last valid value to go */
unsigned int beyond(struct actor *a);
/* To @size bytes that are not all there */
void *bad_pointer(struct actor *a, size_t size);
void spoil_field(struct rng *r, uint8_t *p, size_t size);
/* Whether the driver lets programs name the whole range */
bool nameable(uint64_t addr, uint64_t len);
/* Move a range to where a transfer does no harm, unless it is refused */
void tame(bool to_device, uint64_t *addr, uint64_t len);
uint64_t device_address(struct rng *r, bool to_device, uint64_t len);
/*
 * Make an ioctl with a copy of @arg, spoiled sometimes; @check may change the copy
 * before. The result comes back in @arg.
 */
long issue(struct actor *a, int fd, unsigned long request, void *arg, size_t size,
	   void (*check)(void *arg));
/* Fail if @ret tells success and the arguments were not @good */
void allow(struct actor *a, long ret, bool good);
const struct vy_dmabuf *some_dmabuf(struct actor *a);
struct file *some_file(struct actor *a);
struct file *reader_file(struct actor *a);
uint32_t some_event(struct rng *r);
uint32_t event_arg(struct actor *a);
uint64_t some_timeout(struct rng *r);
/* Device memory where checked transfers of this thread go, and their check */
long verify(struct actor *a, const uint8_t *got, size_t len, uint64_t pattern,
	    const char *what);
uint64_t canary_address(struct actor *a, size_t len);

/* ---- calls, each with a result: fuzz-native.c, fuzz-voyager.c, fuzz-system.c ---- */

#define CALL(name) long do_##name(struct actor *a);
CALLS(CALL)
#undef CALL

/* A mapping of all of L2 of this thread's own, or NULL */
volatile uint8_t *own_l2(struct actor *a);

/* ---- after a program: fuzz-health.c ---- */

/* Does the card do everything that it is for? Else fail() has been called */
bool healthy(void);
/* NULL, or what memory is missing */
const char *leaked(const struct at_leak *before);

#endif
