/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of /dev/metisN share: calls (libaxltest.c), patterns and memory
 * of a known physical shape (libmemory.c), the kernel log, PCI and modules
 * (libkernel.c), and what happens around every test (liblab.c).
 *
 * Functions return 0 or -errno unless told otherwise; a message that helps to
 * understand a failure goes to stdout as a TAP comment.
 */
#ifndef AXLTEST_H
#define AXLTEST_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/io_uring.h>

#include "axl.h"

#define AT_NSEC_PER_SEC		1000000000ULL
#define AT_SEC(n)		((n) * AT_NSEC_PER_SEC)
#define AT_MSEC(n)		((n) * 1000000ULL)
#define AT_ALIGN(x, a)		(((x) + (a) - 1) / (a) * (a))
/* A bound for things that end at once unless something is broken */
#define AT_SOON			AT_SEC(10)

#define KIB			1024UL
#define MIB			(1024 * KIB)

#define TRACING			"/sys/kernel/tracing/"

#define at_array_size(a)	(sizeof(a) / sizeof((a)[0]))

void at_msg(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
uint64_t at_now(void);		/* CLOCK_MONOTONIC, ns */
void at_sleep_ms(unsigned int ms);
size_t at_page_size(void);
unsigned int at_slow(void);	/* how many times slower the board is than others */
int at_read_text(const char *path, char *text, size_t size);
int at_write_text(const char *path, const char *text);
/*
 * Copies the first line of a file that holds both words; how many hold them, or
 * -errno. @line may be NULL.
 */
int at_find_line(const char *path, const char *a, const char *b, char *line,
		 size_t size);

/* The node and its calls */
int at_node(char *path, size_t size);
int at_open(void);		/* descriptor or -errno; waits for the node */
int at_ioctl(int fd, unsigned long request, void *arg);
int at_query(int fd, struct axl_ioc_query *q);
uint64_t at_generation(int fd);	/* 0 on error */
int at_register(int fd, void *addr, uint64_t length, uint32_t flags,
		struct axl_ioc_buf_register *reg);
int at_import(int fd, int dmabuf, uint64_t length, uint32_t flags,
	      struct axl_ioc_buf_register *reg);
int at_release(int fd, uint32_t handle);
int at_submit(int fd, const struct axl_xfer *xfers, uint32_t count,
	      uint64_t generation, uint64_t timeout_ns, uint64_t *seq);
int at_wait(int fd, uint64_t seq, uint64_t timeout_ns, struct axl_ioc_wait *wait);
/* submit, collect; -errno of the calls, else the status of the transfer */
int at_run(int fd, const struct axl_xfer *xfers, uint32_t count);
int at_move(int fd, uint32_t handle, uint32_t direction, uint64_t offset,
	    uint64_t device_addr, uint64_t length);
int at_event_count(int fd, uint32_t event, uint64_t *count);
int at_wait_event(int fd, uint32_t event, uint64_t seen, uint64_t timeout_ns,
		  uint64_t *count);

/*
 * A waiter that is there when it happens; at_wait_event() asks for the
 * generation first, and may learn that it is another one.
 */
struct at_waiter {
	pthread_t thread;
	int fd, err;
	bool ended;
	struct axl_ioc_wait_event wait;
};

void at_waiter_start(struct at_waiter *w, int fd, uint32_t event, uint64_t seen,
		     uint64_t generation, uint64_t timeout_ns);
/* has the call returned by now, or does it within that time */
bool at_waiter_ended(struct at_waiter *w, uint64_t timeout_ns);
int at_waiter_end(struct at_waiter *w);	/* what the call returned */

/* Signal @sig interrupts calls and does nothing else */
void at_catch_signal(int sig);

uint64_t at_irq_count(void);	/* interrupts of all cards, by /proc/interrupts */

/* poll() as io_uring does it, which waits on two queues at most */
struct at_uring {
	int fd;
	void *rings, *entries;
	size_t rings_size, entries_size;
	struct io_uring_params p;
};

int at_uring_poll(struct at_uring *u, int fd, unsigned int events);
/* what was polled for, -ETIMEDOUT, or the error of the poll; ends it */
int at_uring_end(struct at_uring *u, int timeout_ms);

/*
 * Patterns: byte i of pattern "seed" depends on the seed and on i alone, so a
 * displaced, repeated or missing piece shows. @pos is the first byte's i.
 */
void at_fill(void *buf, size_t length, uint64_t seed, uint64_t pos);
/* offset of the first wrong byte, or -1 */
ssize_t at_check(const void *buf, size_t length, uint64_t seed, uint64_t pos);
ssize_t at_check_byte(const void *buf, size_t length, uint8_t byte);
uint32_t at_crc32(uint32_t crc, const void *buf, size_t length);

/* Memory of a known physical shape */
enum at_shape {
	AT_SCATTERED,		/* no two neighbours are physical neighbours */
	AT_HUGE,		/* huge pages */
	AT_PLAIN,		/* whatever comes */
};

struct at_mem {
	uint8_t *p;
	size_t size;
};

/*
 * Memory allocated now: what was freed a moment ago, if anything was. In small pages,
 * as it was freed, all bytes AT_CANARY. NULL if there is none; ends by munmap().
 */
#define AT_CANARY		0x19
uint8_t *at_sponge(size_t size);

/* kB that this process has pinned: VmLck or VmPin, whichever the driver uses */
long at_pinned_kb(void);

/* Does every streaming transfer go through a bounce buffer (swiotlb=force)? */
bool at_bounced(const struct axl_ioc_query *q);

int at_mem_alloc(struct at_mem *m, enum at_shape shape, size_t size);
void at_mem_free(struct at_mem *m);
/* physically contiguous pieces by /proc/self/pagemap; 0 if it cannot tell */
size_t at_mem_pieces(const void *p, size_t size);

/* A dma-buf of @size bytes, mapped at @p; descriptor, -errno, -ENOTSUP */
int at_udmabuf(size_t size, uint8_t **p);
/* Around what the CPU does with that memory: DMA_BUF_SYNC_* */
int at_dmabuf_sync(int dmabuf, uint64_t flags);

/*
 * Memory whose pages from @offset on are not there until at_trap_open(): a call
 * that pins them blocks in between. Not before 6.2, where pinning for long gets
 * -EFAULT instead.
 */
struct at_trap {
	uint8_t *p;
	size_t n, offset;
	int uffd;
};

int at_trap_set(struct at_trap *t, size_t n, size_t offset);
int at_trap_wait(struct at_trap *t, int timeout_ms);	/* until it blocks */
int at_trap_open(struct at_trap *t);
void at_trap_free(struct at_trap *t);

/* The kernel log */
enum at_log_class {
	AT_LOG_SMMU,		/* an IOMMU fault event */
	AT_LOG_WARN,		/* warnings, oopses, reports of debug options */
	AT_LOG_DRIVER,		/* what axl said */
	AT_LOG_SILENT,		/* axl: messages of the engine do not arrive */
	AT_LOG_ERROR,		/* what axl said at the level of errors */
	AT_LOG_CLASSES,
};

struct at_log {
	int fd;
	unsigned int count[AT_LOG_CLASSES];
	char first[AT_LOG_CLASSES][256];
};

int at_log_open(struct at_log *log);		/* from now on */
void at_log_read(struct at_log *log);		/* adds what was said since */
void at_log_close(struct at_log *log);
/* records of the whole log that hold both words */
unsigned int at_log_count(const char *a, const char *b);
/* waits until no rate limit can keep a line with that text from the log */
void at_log_unlimited(const char *text);

/* PCI by sysfs */
struct at_pci {
	char bdf[16];
	char dir[64];
};

int at_pci_find(struct at_pci *pci);		/* the Metis behind the node */
int at_pci_find_id(struct at_pci *pci, uint16_t vendor, uint16_t device);
int at_pci_attr(const struct at_pci *pci, const char *name, char *text,
		size_t size);
int at_pci_set(const struct at_pci *pci, const char *name, const char *text);
int at_pci_config(const struct at_pci *pci, unsigned int offset, void *buf,
		  size_t length);
uint64_t at_pci_bar_size(const struct at_pci *pci, unsigned int bar);
int at_pci_remove(const struct at_pci *pci);
int at_pci_rescan(void);
/* From and to axl */
int at_pci_unbind(const struct at_pci *pci);
int at_pci_bind(const struct at_pci *pci);
int at_driver_bound(const struct at_pci *pci);	/* 1, 0, -errno */

/* A PCI error for this function by aer_inject: PCI_ERR_UNC_*, 0: none; or -ENOTSUP */
int at_aer_inject(const struct at_pci *pci, uint32_t uncorrectable);

/*
 * Modules: NAME.ko by path, which is the value of variable @env if there is one,
 * else found below /lib/modules and /.
 */
const char *at_module_path(const char *env, const char *name);
int at_insmod(const char *path, const char *options);	/* @options may be NULL */
int at_rmmod(const char *name);			/* does not wait */
/* axl.ko; AXL_MODULE is its path, AXL_MODULE_OPTIONS are its options */
int at_module_load(void);
int at_module_unload(void);
int at_module_loaded(void);

/*
 * Kernel functions counted: @probes are lines for kprobe_events, in group "at".
 * -ENOTSUP where the kernel has none.
 */
int at_kprobes_set(const char *probes);
void at_kprobes_clear(void);
long at_kprobe_hits(const char *name);	/* since it was set; -1: not there */

/*
 * Does memory go away? at_leak_mark() takes the state to compare with (after a
 * few rounds: caches fill first), at_leak_check() returns NULL or what grew.
 */
struct at_leak {
	long free_kb, slab_kb, vmalloc_kb, pins;
};

void at_leak_mark(struct at_leak *leak);
const char *at_leak_check(const struct at_leak *leak);

/*
 * Around every test: begin() puts the lab's controls at rest, brings a dead
 * device back, opens the node and remembers counters; end() tells what a test
 * must not leave behind. Both return NULL or what is wrong.
 */
#define AT_PROVOKES_SMMU	(1u << 0)
#define AT_PROVOKES_POLICE	(1u << 1)
#define AT_PROVOKES_WARN	(1u << 2)
#define AT_NEEDS_RUNNING	(1u << 3)	/* runtime firmware with areas */
#define AT_NO_OPEN		(1u << 4)
#define AT_PROVOKES_STRAY	(1u << 5)	/* a restart that the driver cannot foresee */
#define AT_PROVOKES_SILENCE	(1u << 6)	/* messages are lost on purpose */

struct at_ctx {
	int fd;
	unsigned int flags;
	struct axl_ioc_query q;
	struct at_pci pci;
	struct at_log log;
	uint64_t police;
	uint64_t stray;
};

const char *at_begin(struct at_ctx *t, unsigned int flags);
const char *at_end(struct at_ctx *t);

#define AT_BEGIN(t, flags) do {						\
	const char *__why = at_begin(t, flags);				\
	ASSERT_EQ(0, __why ? 1 : 0)					\
		TH_LOG("setup: %s", __why ? __why : "");		\
} while (0)

#define AT_END(t) do {							\
	const char *__why = at_end(t);					\
	EXPECT_EQ(0, __why ? 1 : 0)					\
		TH_LOG("after the test: %s", __why ? __why : "");	\
} while (0)

#endif
