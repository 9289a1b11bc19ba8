/* SPDX-License-Identifier: GPL-2.0 */
/* metisctl: what its files share. Each block below names its owner. */
#ifndef METISCTL_H
#define METISCTL_H

#include <argp.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <json-c/json.h>

#include "../../include/uapi/axl.h"

#ifndef METISCTL_VERSION
#define METISCTL_VERSION	"0.1.0"
#endif

/* The kernel's names; unlike uint64_t, %llu fits them on every architecture. */
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;

#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define NSEC_PER_SEC		1000000000ULL

/* Exit statuses beside argp's 64 for wrong usage; metisctl(1) documents them. */
enum {
	EXIT_OK			= 0,
	EXIT_FAILED		= 1,
	EXIT_TIMEOUT		= 2,
	EXIT_INTERRUPTED	= 130,
};

/* main.c: options that every command takes */
struct options {
	const char *device;
	bool json;
	bool quiet;
};

extern struct options opt;
extern const struct argp_child global_child[];

/* The commands, each in the file of its name (dma_test() in dmatest.c). */
int cmd_list(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_fw_load(int argc, char **argv);
int cmd_dma_read(int argc, char **argv);
int cmd_dma_write(int argc, char **argv);
int cmd_dma_test(int argc, char **argv);
int cmd_wait(int argc, char **argv);
int cmd_events(int argc, char **argv);
int cmd_reset(int argc, char **argv);
int cmd_doctor(int argc, char **argv);

/* out.c: what people and machines get to read */

/* An errno in words: the cause, and what to do about it */
struct why {
	int err;
	const char *cause;
	const char *next;
};

/*
 * Says what failed, why, and what to do next; on stdout as well with --json.
 * Looks for the errno in the caller's list first, then in the general one.
 * Returns EXIT_FAILED.
 */
int fail(int err, const struct why *whys, const char *what, ...)
	__attribute__((format(printf, 3, 4)));
/* The same where cause and remedy are known, not looked up; err may be 0. */
int fail_because(int err, const char *cause, const char *next, const char *what, ...)
	__attribute__((format(printf, 4, 5)));

/* printf to a new string; ends the program when memory is out */
char *str(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char *human_size(u64 bytes, char buf[24]);
void row(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void json_str(struct json_object *o, const char *key, const char *val);
void json_num(struct json_object *o, const char *key, u64 val);
void json_real(struct json_object *o, const char *key, double val);
void json_hex(struct json_object *o, const char *key, u64 val);
/* Prints the object and gives it up; pretty when it is the only one */
void json_end(struct json_object *o, bool pretty);

/* A line on stderr that is overwritten; nothing with --quiet or without a tty */
bool progress_shown(void);
void progress(const char *label, u64 done, u64 total);
void progress_clear(void);

u64 now_ns(void);
double seconds_since(u64 start);

/* parse.c: what people type; all call argp_error() on nonsense */
u64 parse_size(const char *s, struct argp_state *state);
u32 parse_u32(const char *s, const char *what, struct argp_state *state);
u64 parse_u64(const char *s, const char *what, struct argp_state *state);
u64 parse_seconds(const char *s, struct argp_state *state);

/* A device address as typed; l2 and ddr get their base when the device is known. */
struct place {
	enum { PLACE_NUMBER, PLACE_L2, PLACE_DDR } base;
	bool has_offset;
	u64 offset;
};

struct place parse_place(const char *s, struct argp_state *state);

/* dev.c: finding, opening and asking a device */
struct dev {
	int fd;
	char path[256];
	char pci[32];
	struct axl_query q;
};

struct node {
	int err;		/* why it cannot be opened or asked, or 0 */
	char path[256];
	char pci[32];		/* empty when unknown */
	struct axl_query q;	/* valid without err */
};

/* The device that --device or its absence means; 0 or an exit status */
int dev_open(struct dev *d);
void dev_close(struct dev *d);
int dev_ioctl(const struct dev *d, unsigned long request, void *arg);
/* Device address of a place; 0 or an exit status */
int dev_place(const struct dev *d, struct place p, u64 *addr);
/* Checks a transfer's device side before anything is moved */
int dev_check_range(const struct dev *d, u64 addr, u64 length);

struct node *nodes_scan(size_t *count);
int node_fail(const struct node *n);
/* Where a link in sysfs ends, its last component only */
bool link_name(const char *path, char *buf, size_t size);
/* There is no node at all: says what PCI and the modules look like instead */
int explain_no_device(void);

/* info.c: names of numbers */
const char *fw_state_name(u32 state);
const char *iommu_name(u32 mode);

/* xfer.c: memory known to the device, and transfers from and to it */
struct arena {
	const struct dev *dev;
	u8 *mem;
	size_t size;
	u32 handle;
	int dmabuf;		/* fd, or -1 for ordinary memory */
};

int arena_open(struct arena *a, const struct dev *d, u64 size, u32 directions, bool dmabuf);
void arena_close(struct arena *a);
/* Brackets around the CPU's use of the memory; only dma-bufs need them */
void arena_cpu_begin(const struct arena *a);
void arena_cpu_end(const struct arena *a);
/* Both return 0 or -errno; a submission of any length, cut where it must be */
int xfer_submit(const struct arena *a, u32 direction, size_t offset, u64 addr,
		u64 length, u32 channel, u64 *seq);
int xfer_wait(const struct arena *a, u64 seq);
int xfer_fail(const struct dev *d, int err, u32 direction, u64 addr, u64 length);

/* Ctrl-C ends long work in order; a second one ends the program at once */
extern volatile int interrupted;
void catch_interrupt(void);

/* pattern.c: test data, a function of position so that it can be made twice */
enum pattern { PATTERN_RANDOM, PATTERN_COUNT, PATTERN_ZERO, PATTERN_ONES, PATTERN_WALK };

int pattern_by_name(const char *name);
void pattern_fill(enum pattern p, u64 seed, u8 salt, u8 *buf, size_t len);

struct mismatch {
	u64 offset;		/* of the first wrong byte */
	u64 wrong;		/* how many bytes are wrong */
	u8 expected;
	u8 got;
};

bool pattern_verify(enum pattern p, u64 seed, u8 salt, const u8 *buf, size_t len,
		    struct mismatch *m);

#endif
