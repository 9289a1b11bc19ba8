// SPDX-License-Identifier: GPL-2.0
/*
 * A device in a preloaded library, to test metisctl without one. It moves bytes
 * for real, at the latest moment the interface allows (when a submission is
 * collected), so that a program that touches its buffer too early is found out.
 * It checks its caller: what breaks a rule of axl.h is written to FAKE_LOG as a
 * line "POLICE ...", requests as other lines.
 *
 *  FAKE_ROOT=dir		/dev, /dev/metisN, /sys, /etc/group, and of the kernel:
 *			/boot, /lib/modules, some of /proc, its log (file dmesg)
 *  FAKE_UNAME=machine:release
 *  FAKE_MEM=file		device memory, kept between runs
 *  FAKE_ERR=WAIT=5,...		the named call fails with this errno (OPEN too)
 *  FAKE_STATUS=n:err		submission n ends with -err
 *  FAKE_FLIP=n			from-device transfers get byte n wrong
 *  FAKE_DROP=to|from		transfers of this direction move nothing
 *  FAKE_OVERRUN=1		from-device transfers write one byte too many
 *  FAKE_UNDERRUN=1		the same, one byte before
 *  FAKE_EINTR=1		every second blocking call is interrupted
 *  FAKE_SLOW=ms		how long a submission, or a phase of a load, takes
 *  FAKE_EVENTS=ms:event,...	events, from the time the device was opened
 *  FAKE_RESTART=ms		firmware restarts then
 *  FAKE_REPLY=n		reply_opcode of a load
 *  FAKE_LOSE=1		every transfer is found by looking, not by a message
 *  FAKE_LOSE_SEQ=n, FAKE_LOSE_CHANNEL=n	only this submission, only this channel's
 *  FAKE_ABI=n, FAKE_BOOTLOADER=1
 *  FAKE_STATE=n, FAKE_GUARD=n, FAKE_DELIVERY=n, FAKE_IOMMU=n, FAKE_VECTORS=n,
 *  FAKE_LOST=n, FAKE_RESCUED=n, FAKE_RESTARTS=n	what a query tells
 */
#undef _FILE_OFFSET_BITS	/* both kinds of names are defined here */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/klog.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "../../../include/uapi/axl.h"

typedef __u64 u64;
typedef __u32 u32;

#define L2_BASE		0x8000000ULL
#define L2_SIZE		(32ULL << 20)
#define LIST_SIZE	32640ULL
#define DDR_BASE	0x100000000ULL
#define DDR_SIZE	(64ULL << 20)
#define MAX_LENGTH	(1ULL << 20)
#define MAX_XFERS	64
#define MAX_JOBS	32
#define MAX_BUFS	8
#define MS		1000000ULL

int open(const char *path, int flags, ...);
int open64(const char *path, int flags, ...);
FILE *fopen(const char *path, const char *mode);
FILE *fopen64(const char *path, const char *mode);
DIR *opendir(const char *path);
int stat(const char *path, struct stat *st);
int stat64(const char *path, struct stat64 *st);
ssize_t readlink(const char *path, char *buf, size_t size);
int ioctl(int fd, unsigned long request, ...);
int close(int fd);

struct buf {
	char *mem;
	u64 length;
	u32 flags;
	int fd;
};

static struct {
	bool open;
	int number;
	u64 opened, generation, seq;
	struct buf bufs[MAX_BUFS];
	struct { u64 seq, start; u32 count; struct axl_xfer x[MAX_XFERS]; } jobs[MAX_JOBS];
	volatile u32 phase, state;
	volatile u64 done, total;
	u64 lost;
	char *mem;
} dev;

static int dev_fd = -1, udmabuf_fd = -1, dmabuf_fd = -1;
static bool cpu_access;
static unsigned int calls;

static const char *env(const char *name)
{
	return getenv(name) ?: "";
}

static u64 env_num(const char *name, u64 otherwise)
{
	return *env(name) ? strtoull(env(name), NULL, 0) : otherwise;
}

static void *real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static void __attribute__((format(printf, 1, 2))) note(const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int fd, n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	fd = ((int (*)(const char *, int, ...))real("open"))(env("FAKE_LOG"), O_WRONLY | O_APPEND | O_CREAT, 0600);
	if (fd >= 0) {
		if (write(fd, line, (size_t)n) != n || write(fd, "\n", 1) != 1)
			abort();
		((int (*)(int))real("close"))(fd);
	}
}

#define POLICE(cond)	do { if (cond) note("POLICE %s", #cond); } while (0)

static u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000 * MS + (u64)t.tv_nsec;
}

static int sleep_ns(u64 ns)
{
	struct timespec t = { .tv_sec = (time_t)(ns / (1000 * MS)), .tv_nsec = (long)(ns % (1000 * MS)) };

	return nanosleep(&t, NULL) ? errno : 0;
}

static const char *redirect(const char *path, char *buf)
{
	static const char *const whole[] = {
		"/dev", "/etc/group", "/proc/cmdline", "/proc/config.gz", "/proc/interrupts",
	};
	static const char *const below[] = { "/dev/metis", "/sys/", "/boot/", "/lib/modules/", "/usr/lib/modules/" };
	bool fake = false;

	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		fake |= !strcmp(path, whole[i]);
	for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++)
		fake |= !strncmp(path, below[i], strlen(below[i]));
	if (!fake || !*env("FAKE_ROOT"))
		return path;
	snprintf(buf, 512, "%s%s", env("FAKE_ROOT"), path);
	return buf;
}

static int planned_error(const char *call)
{
	const char *at = env("FAKE_ERR");
	size_t n = strlen(call);

	for (; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (!strncmp(at, call, n) && at[n] == '=')
			return atoi(at + n + 1);
	return 0;
}

static int open_device(const char *path)
{
	int err = planned_error("OPEN"), fd;
	char buf[512];

	if (access(redirect(path, buf), F_OK))
		err = ENOENT;
	if (err) {
		errno = err;
		return -1;
	}
	POLICE(dev.open);
	fd = memfd_create("fake", MFD_CLOEXEC);
	if (!dev.mem) {
		int mem = *env("FAKE_MEM") ?
			((int (*)(const char *, int, ...))real("open"))(env("FAKE_MEM"), O_RDWR | O_CREAT, 0600) :
			memfd_create("mem", 0);

		if (mem < 0 || ftruncate(mem, (off_t)(L2_SIZE + DDR_SIZE)))
			abort();
		dev.mem = mmap(NULL, L2_SIZE + DDR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0);
		if (dev.mem == MAP_FAILED)
			abort();
	}
	dev.open = true;
	dev.number = atoi(path + strlen("/dev/metis"));
	dev.opened = now();
	dev.generation = 1;
	dev.state = (u32)env_num("FAKE_STATE", env_num("FAKE_BOOTLOADER", 0) ? AXL_FW_BOOTLOADER : AXL_FW_RUNNING);
	dev_fd = fd;
	return fd;
}

static int do_open(const char *name, const char *path, int flags, mode_t mode)
{
	char buf[512];

	if (!strncmp(path, "/dev/metis", 10))
		return open_device(path);
	if (!strcmp(path, "/dev/udmabuf")) {
		udmabuf_fd = memfd_create("udmabuf", MFD_CLOEXEC);
		return udmabuf_fd;
	}
	return ((int (*)(const char *, int, ...))real(name))(redirect(path, buf), flags, mode);
}

int open(const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return do_open("open", path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return do_open("open64", path, flags, mode);
}

FILE *fopen(const char *path, const char *mode)
{
	char buf[512];

	return ((FILE *(*)(const char *, const char *))real("fopen"))(redirect(path, buf), mode);
}

FILE *fopen64(const char *path, const char *mode)
{
	char buf[512];

	return ((FILE *(*)(const char *, const char *))real("fopen64"))(redirect(path, buf), mode);
}

DIR *opendir(const char *path)
{
	char buf[512];

	return ((DIR *(*)(const char *))real("opendir"))(redirect(path, buf));
}

int stat(const char *path, struct stat *st)
{
	char buf[512];

	return ((int (*)(const char *, struct stat *))real("stat"))(redirect(path, buf), st);
}

int stat64(const char *path, struct stat64 *st)
{
	char buf[512];

	return ((int (*)(const char *, struct stat64 *))real("stat64"))(redirect(path, buf), st);
}

ssize_t readlink(const char *path, char *buf, size_t size)
{
	char to[512];

	return ((ssize_t (*)(const char *, char *, size_t))real("readlink"))(redirect(path, to), buf, size);
}

int uname(struct utsname *u)
{
	int ret = ((int (*)(struct utsname *))real("uname"))(u);

	if (*env("FAKE_UNAME"))
		sscanf(env("FAKE_UNAME"), "%60[^:]:%60s", u->machine, u->release);
	return ret;
}

int klogctl(int type, char *buf, int size)
{
	char path[512];
	FILE *f;
	int n;

	snprintf(path, sizeof(path), "%s/dmesg", env("FAKE_ROOT"));
	f = ((FILE *(*)(const char *, const char *))real("fopen"))(path, "re");
	if (!f) {
		errno = EPERM;
		return -1;
	}
	n = type == 10 ? 1 << 20 : (int)fread(buf, 1, (size_t)size, f);
	fclose(f);
	return n;
}

static void check_nothing_left(void)
{
	for (int i = 0; i < MAX_JOBS; i++)
		POLICE(dev.jobs[i].seq);
	for (int i = 0; i < MAX_BUFS; i++)
		POLICE(dev.bufs[i].length);
}

int close(int fd)
{
	if (fd >= 0 && fd == dev_fd) {
		check_nothing_left();
		note("CLOSE");
		dev.open = false;
		dev_fd = -1;
	}
	if (fd >= 0 && fd == dmabuf_fd)
		dmabuf_fd = -1;
	if (fd >= 0 && fd == udmabuf_fd)
		udmabuf_fd = -1;
	return ((int (*)(int))real("close"))(fd);
}

static u64 generation(void)
{
	u64 at = env_num("FAKE_RESTART", 0) * MS;

	return dev.generation + (at && now() - dev.opened >= at);
}

/* Count of an event, or of all, ns after the device was opened */
static u64 event_count(u32 event, u64 ns)
{
	const char *at = env("FAKE_EVENTS");
	u64 count = event == AXL_EVENT_ANY ? 1000 : 5;
	char *end;

	while (*at) {
		u64 when = strtoull(at, &end, 10) * MS;
		u32 what = (u32)strtoul(end + 1, &end, 10);

		count += when <= ns && (event == AXL_EVENT_ANY || event == what);
		at = *end ? end + 1 : end;
	}
	return count;
}

static int query(struct axl_ioc_query *q)
{
	bool boot = dev.state == AXL_FW_BOOTLOADER;

	*q = (struct axl_ioc_query){
		.abi = (u32)env_num("FAKE_ABI", AXL_ABI_VERSION),
		.vectors = (u32)env_num("FAKE_VECTORS", 32), .generation = generation(),
		.features = boot ? 0 : AXL_FEAT_VMSI | AXL_FEAT_EVENTS_EXACT | AXL_FEAT_DDR,
		.bar0_size = 4096, .bar2_size = L2_SIZE, .l2_base = L2_BASE, .l2_size = L2_SIZE,
		.ddr_base = boot ? 0 : DDR_BASE, .ddr_size = boot ? 0 : DDR_SIZE,
		.max_length = MAX_LENGTH, .max_image = 1 << 20,
		.fw_done = dev.done, .fw_total = dev.total, .fw_phase = dev.phase, .fw_state = dev.state,
		.pci_bus = (__u8)(dev.number + 1), .vendor = 0x1f9d, .device = 0x1100, .revision = 2,
		.link_speed = 3, .link_width = 4, .read_channels = 4, .write_channels = 4,
		.irq_mode = AXL_IRQ_MSI, .iommu_mode = (u32)env_num("FAKE_IOMMU", AXL_IOMMU_TRANSLATED),
		.layout_major = 1, .lost_interrupts = env_num("FAKE_LOST", 0) + dev.lost,
		.rescued_interrupts = env_num("FAKE_RESCUED", 0), .restarts = env_num("FAKE_RESTARTS", 0),
		.guard = (u32)env_num("FAKE_GUARD", AXL_GUARD_ACTIVE),
		.delivery = (u32)env_num("FAKE_DELIVERY", AXL_DELIVERY_MESSAGES),
		.page_size = 4096, .max_xfers = MAX_XFERS, .max_jobs = MAX_JOBS, .nr_vmsi = 1024,
	};
	return 0;
}

static int fw_load(struct axl_ioc_fw_load *f)
{
	u64 slow = env_num("FAKE_SLOW", 0) * MS;
	char hex[2 * AXL_MAILBOX_MSG_MAX + 1] = "";

	POLICE(f->reserved || f->reply_opcode || f->generation || f->entry || !f->image_size);
	POLICE(!f->msg != !f->msg_size || f->msg_size > AXL_MAILBOX_MSG_MAX);
	for (u32 i = 0; i < f->msg_size; i++)
		sprintf(hex + 2 * i, "%02x", ((unsigned char *)(uintptr_t)f->msg)[i]);
	note("FW_LOAD flags=%u opcode=%u size=%llu first=%02x msg=%s timeout=%llu", f->flags, f->start_opcode,
	     f->image_size, *(unsigned char *)(uintptr_t)f->image, hex, f->timeout_ns);
	dev.total = f->image_size;
	for (u32 p = AXL_FW_PHASE_UPLOAD; p <= AXL_FW_PHASE_AREAS; p++) {
		dev.done = p == AXL_FW_PHASE_UPLOAD ? f->image_size / 2 : f->image_size;
		dev.phase = p;
		if (slow && sleep_ns(slow)) {
			dev.phase = AXL_FW_PHASE_IDLE;
			return EINTR;
		}
	}
	dev.phase = AXL_FW_PHASE_IDLE;
	f->reply_opcode = (u32)env_num("FAKE_REPLY", 0);
	f->generation = f->flags & AXL_FW_LOAD_NO_START ? dev.generation : ++dev.generation;
	f->entry = L2_BASE + 0x10000;
	dev.state = AXL_FW_RUNNING;
	return 0;
}

static int buf_register(struct axl_ioc_buf_register *r)
{
	u32 both = AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE;
	struct buf *b = dev.bufs;

	POLICE(r->reserved || r->handle || r->segments || r->flags & ~(both | AXL_BUF_DMABUF));
	POLICE(!(r->flags & both));
	while (b < dev.bufs + MAX_BUFS && b->length)
		b++;
	if (b == dev.bufs + MAX_BUFS)
		return ENOSPC;
	*b = (struct buf){ .flags = r->flags, .fd = -1, .length = r->length, .mem = (char *)(uintptr_t)r->addr };
	if (r->flags & AXL_BUF_DMABUF) {
		struct stat st;

		POLICE(r->fd != dmabuf_fd || r->addr || r->length);
		if (fstat(r->fd, &st))
			return EBADF;
		b->length = (u64)st.st_size;
		b->fd = r->fd;
		b->mem = mmap(NULL, b->length, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	}
	r->handle = (u32)(b - dev.bufs) + 1;
	note("REGISTER flags=%u length=%llu", r->flags, b->length);
	return 0;
}

static int buf_release(const struct axl_ioc_buf_release *r)
{
	struct buf *b = &dev.bufs[r->handle - 1];

	if (!r->handle || r->handle > MAX_BUFS || !b->length) {
		note("POLICE release of an unknown handle");
		return ENOENT;
	}
	if (b->fd >= 0)
		munmap(b->mem, b->length);
	b->length = 0;
	return 0;
}

static char *device_memory(u64 addr, u64 len)
{
	if (addr >= L2_BASE && addr + len <= L2_BASE + L2_SIZE - LIST_SIZE)
		return dev.mem + (addr - L2_BASE);
	if (dev.state == AXL_FW_RUNNING && addr >= DDR_BASE && addr + len <= DDR_BASE + DDR_SIZE)
		return dev.mem + L2_SIZE + (addr - DDR_BASE);
	return NULL;
}

static int submit(struct axl_ioc_submit *s)
{
	const struct axl_xfer *x = (const struct axl_xfer *)(uintptr_t)s->xfers;
	int slot = 0;

	POLICE(s->flags || !s->count || s->count > MAX_XFERS);
	POLICE(dmabuf_fd >= 0 && cpu_access);
	if (s->generation != generation())
		return ESTALE;
	while (slot < MAX_JOBS && dev.jobs[slot].seq)
		slot++;
	if (slot == MAX_JOBS)
		return EBUSY;
	for (u32 i = 0; i < s->count; i++) {
		const struct buf *b = &dev.bufs[x[i].handle - 1];

		POLICE(x[i].reserved || !x[i].handle || x[i].handle > MAX_BUFS || !b->length);
		POLICE(x[i].length > MAX_LENGTH || !x[i].length);
		POLICE(x[i].channel != AXL_CHANNEL_ANY && x[i].channel > 3);
		if (x[i].offset + x[i].length > b->length)
			return ERANGE;
		if (!(b->flags & (x[i].direction ? AXL_BUF_FROM_DEVICE : AXL_BUF_TO_DEVICE)))
			return EACCES;
		if (!device_memory(x[i].device_addr, x[i].length))
			return ERANGE;
		if (x[i].channel != AXL_CHANNEL_ANY)
			note("SUBMIT direction=%u channel=%u", x[i].direction, x[i].channel);
	}
	memcpy(dev.jobs[slot].x, x, s->count * sizeof(*x));
	dev.jobs[slot].count = s->count;
	dev.jobs[slot].start = now();
	dev.jobs[slot].seq = s->seq = ++dev.seq;
	return 0;
}

static void move(const struct axl_xfer *x)
{
	char *host = dev.bufs[x->handle - 1].mem + x->offset;
	char *mem = device_memory(x->device_addr, x->length);

	if (x->direction == AXL_TO_DEVICE) {
		if (strcmp(env("FAKE_DROP"), "to"))
			memcpy(mem, host, x->length);
		return;
	}
	if (strcmp(env("FAKE_DROP"), "from"))
		memcpy(host, mem, x->length);
	if (*env("FAKE_FLIP") && env_num("FAKE_FLIP", 0) < x->length)
		host[env_num("FAKE_FLIP", 0)] ^= 4;
	if (*env("FAKE_OVERRUN"))
		host[x->length] = 0;
	if (*env("FAKE_UNDERRUN"))
		host[-1] = 0;
}

static int wait_job(struct axl_ioc_wait *w)
{
	u64 slow = env_num("FAKE_SLOW", 0) * MS, due;
	int slot = 0, err;
	char *end;

	POLICE(w->flags || w->reserved || w->bytes || w->status || w->failed || !w->seq);
	while (slot < MAX_JOBS && dev.jobs[slot].seq != w->seq)
		slot++;
	if (slot == MAX_JOBS) {
		note("POLICE wait for an unknown submission");
		return ENOENT;
	}
	due = dev.jobs[slot].start + slow;
	err = now() < due ? sleep_ns(due - now()) : 0;
	if (err)
		return err;
	for (u32 i = 0; i < dev.jobs[slot].count; i++)
		move(&dev.jobs[slot].x[i]);
	if (*env("FAKE_STATUS") && strtoull(env("FAKE_STATUS"), &end, 10) == w->seq)
		w->status = -atoi(end + 1);
	dev.lost += env_num("FAKE_LOSE", 0) || env_num("FAKE_LOSE_SEQ", 0) == w->seq ||
		    (*env("FAKE_LOSE_CHANNEL") &&
		     env_num("FAKE_LOSE_CHANNEL", 0) == dev.jobs[slot].x[0].channel);
	dev.jobs[slot].seq = 0;
	return 0;
}

static int wait_event(struct axl_ioc_wait_event *w)
{
	u64 start = now();

	POLICE(w->flags || w->count || (w->event != AXL_EVENT_ANY && w->event >= AXL_NR_EVENTS));
	for (;;) {
		if (w->generation != generation())
			return ESTALE;
		w->count = event_count(w->event, now() - dev.opened);
		if (w->count != w->seen)
			return 0;
		if (now() - start >= w->timeout_ns)
			return ETIMEDOUT;
		if (sleep_ns(MS))
			return EINTR;
	}
}

static int event_counts(const struct axl_ioc_event_counts *c)
{
	u64 *counts = (u64 *)(uintptr_t)c->counts, ns = now() - dev.opened;

	POLICE(!c->nr || c->first + c->nr > AXL_NR_EVENTS);
	for (u32 i = 0; i < c->nr; i++)
		counts[i] = event_count(c->first + i, ns);
	return 0;
}

static int reset(struct axl_ioc_reset *r)
{
	POLICE(r->flags || r->reserved || r->generation);
	r->generation = ++dev.generation;
	dev.state = AXL_FW_BOOTLOADER;
	return 0;
}

static int call(unsigned long request, void *arg)
{
	static const char *const names[] = {
		"QUERY", "FW_LOAD", "BUF_REGISTER", "BUF_RELEASE", "SUBMIT", "WAIT", "WAIT_EVENT",
		"EVENT_COUNTS", "EVENT_FD", "RESET",
	};
	unsigned int nr = _IOC_NR(request);
	int err = nr < 10 ? planned_error(names[nr]) : 0;

	/* The failures of a load come at its end, with its output fields. */
	if (err && request == AXL_IOC_FW_LOAD)
		fw_load(arg);
	if (err)
		return err;
	if (*env("FAKE_EINTR") && nr && request != AXL_IOC_BUF_RELEASE &&
	    request != AXL_IOC_BUF_REGISTER && ++calls % 2)
		return EINTR;
	switch (request) {
	case AXL_IOC_QUERY:
		return query(arg);
	case AXL_IOC_FW_LOAD:
		return fw_load(arg);
	case AXL_IOC_BUF_REGISTER:
		return buf_register(arg);
	case AXL_IOC_BUF_RELEASE:
		return buf_release(arg);
	case AXL_IOC_SUBMIT:
		return submit(arg);
	case AXL_IOC_WAIT:
		return wait_job(arg);
	case AXL_IOC_WAIT_EVENT:
		return wait_event(arg);
	case AXL_IOC_EVENT_COUNTS:
		return event_counts(arg);
	case AXL_IOC_RESET:
		return reset(arg);
	}
	return ENOTTY;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;
	int err;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (fd >= 0 && fd == udmabuf_fd) {
		const struct udmabuf_create *c = arg;

		POLICE(c->offset || c->size % 4096);
		dmabuf_fd = dup((int)c->memfd);
		return dmabuf_fd;
	}
	if (fd >= 0 && fd == dmabuf_fd) {
		const struct dma_buf_sync *s = arg;

		cpu_access = !(s->flags & DMA_BUF_SYNC_END);
		return 0;
	}
	if (fd < 0 || fd != dev_fd)
		return ((int (*)(int, unsigned long, ...))real("ioctl"))(fd, request, arg);
	err = call(request, arg);
	if (err)
		errno = err;
	return err ? -1 : 0;
}
