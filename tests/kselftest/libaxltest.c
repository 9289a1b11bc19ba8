// SPDX-License-Identifier: GPL-2.0
/* Calls, patterns, memory, the kernel log and PCI for the tests. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/userfaultfd.h>

#include "libaxltest.h"

void at_msg(const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	printf("# %s\n", line);
	fflush(stdout);
}

uint64_t at_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * AT_NSEC_PER_SEC + ts.tv_nsec;
}

void at_sleep_ms(unsigned int ms)
{
	struct timespec ts = {
		.tv_sec = ms / 1000,
		.tv_nsec = (long)(ms % 1000) * 1000000,
	};

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

size_t at_page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

int at_read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	int err;

	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	err = errno;
	close(fd);
	if (n < 0)
		return -err;
	while (n && (text[n - 1] == '\n' || text[n - 1] == ' '))
		n--;
	text[n] = '\0';
	return 0;
}

int at_write_text(const char *path, const char *text)
{
	/* truncation is what empties a trace buffer */
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	ssize_t n;
	int err;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	err = errno;
	close(fd);
	return n < 0 ? -err : 0;
}

int at_find_line(const char *path, const char *a, const char *b, char *line,
		 size_t size)
{
	char text[512];
	FILE *f = fopen(path, "re");
	int n = 0;

	if (!f)
		return -errno;
	while (fgets(text, sizeof(text), f)) {
		if (!strstr(text, a) || !strstr(text, b))
			continue;
		if (!n++ && line)
			snprintf(line, size, "%s", text);
	}
	fclose(f);
	return n;
}

unsigned int at_slow(void)
{
	const char *slow = getenv("AXLTEST_SLOW");

	return slow ? atoi(slow) : 1;
}

/* The harness limits each test by alarm(). */
unsigned int __real_alarm(unsigned int seconds);

unsigned int __wrap_alarm(unsigned int seconds)
{
	return __real_alarm(seconds * at_slow());
}

/* ---- the node and its calls ---- */

int at_node(char *path, size_t size)
{
	const char *env = getenv("AXLTEST_NODE");
	struct dirent *de;
	int best = INT_MAX;
	DIR *dir;

	if (env) {
		snprintf(path, size, "%s", env);
		return 0;
	}

	dir = opendir("/dev");
	if (!dir)
		return -errno;
	while ((de = readdir(dir))) {
		int n, used = 0;

		if (sscanf(de->d_name, "metis%d%n", &n, &used) == 1 &&
		    !de->d_name[used] && n < best)
			best = n;
	}
	closedir(dir);
	if (best == INT_MAX)
		return -ENOENT;
	snprintf(path, size, "/dev/metis%d", best);
	return 0;
}

int at_open(void)
{
	uint64_t end = at_now() + AT_SOON;
	char path[64];
	int fd, err;

	do {
		err = at_node(path, sizeof(path));
		if (!err) {
			fd = open(path, O_RDWR | O_CLOEXEC);
			if (fd >= 0)
				return fd;
			err = -errno;
			if (err != -ENOENT && err != -ENXIO && err != -ENODEV)
				return err;
		}
		at_sleep_ms(10);
	} while (at_now() < end);
	return err;
}

int at_ioctl(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

int at_query(int fd, struct axl_query *q)
{
	memset(q, 0, sizeof(*q));
	return at_ioctl(fd, AXL_IOC_QUERY, q);
}

uint64_t at_generation(int fd)
{
	struct axl_query q;

	return at_query(fd, &q) ? 0 : q.generation;
}

int at_register(int fd, void *addr, uint64_t length, uint32_t flags,
		struct axl_buf_register *reg)
{
	memset(reg, 0, sizeof(*reg));
	reg->flags = flags;
	reg->addr = (uintptr_t)addr;
	reg->length = length;
	return at_ioctl(fd, AXL_IOC_BUF_REGISTER, reg);
}

int at_import(int fd, int dmabuf, uint64_t length, uint32_t flags,
	      struct axl_buf_register *reg)
{
	memset(reg, 0, sizeof(*reg));
	reg->flags = flags | AXL_BUF_DMABUF;
	reg->fd = dmabuf;
	reg->length = length;
	return at_ioctl(fd, AXL_IOC_BUF_REGISTER, reg);
}

int at_release(int fd, uint32_t handle)
{
	struct axl_buf_release rel = { .handle = handle };

	return at_ioctl(fd, AXL_IOC_BUF_RELEASE, &rel);
}

int at_submit(int fd, const struct axl_xfer *xfers, uint32_t count,
	      uint64_t generation, uint64_t timeout_ns, uint64_t *seq)
{
	struct axl_submit s = {
		.xfers = (uintptr_t)xfers,
		.count = count,
		.generation = generation,
		.timeout_ns = timeout_ns,
	};
	int err = at_ioctl(fd, AXL_IOC_SUBMIT, &s);

	*seq = s.seq;
	return err;
}

int at_wait(int fd, uint64_t seq, uint64_t timeout_ns, struct axl_wait *wait)
{
	memset(wait, 0, sizeof(*wait));
	wait->seq = seq;
	wait->timeout_ns = timeout_ns;
	return at_ioctl(fd, AXL_IOC_WAIT, wait);
}

int at_run(int fd, const struct axl_xfer *xfers, uint32_t count)
{
	struct axl_wait wait;
	uint64_t seq, sum = 0;
	uint32_t i;
	int err;

	err = at_submit(fd, xfers, count, at_generation(fd), 0, &seq);
	if (err)
		return err;
	err = at_wait(fd, seq, AT_SEC(60), &wait);
	if (err) {
		at_msg("wait for submission %llu: %s",
		       (unsigned long long)seq, strerror(-err));
		return err;
	}
	if (wait.status)
		return wait.status;
	for (i = 0; i < count; i++)
		sum += xfers[i].length;
	if (wait.bytes != sum) {
		at_msg("%llu bytes reported, %llu submitted",
		       (unsigned long long)wait.bytes,
		       (unsigned long long)sum);
		return -EPROTO;
	}
	return 0;
}

int at_move(int fd, uint32_t handle, uint32_t direction, uint64_t offset,
	    uint64_t device_addr, uint64_t length)
{
	struct axl_xfer x = {
		.handle = handle,
		.direction = direction,
		.offset = offset,
		.device_addr = device_addr,
		.length = length,
		.channel = AXL_CHANNEL_ANY,
	};

	return at_run(fd, &x, 1);
}

int at_uring_poll(struct at_uring *u, int fd, unsigned int events)
{
	struct io_uring_sqe *sqe;
	uint32_t *tail;
	size_t cqes;
	int err = 0;

	memset(u, 0, sizeof(*u));
	u->fd = syscall(SYS_io_uring_setup, 1, &u->p);
	if (u->fd < 0)
		return -errno;
	u->rings_size = u->p.sq_off.array + u->p.sq_entries * 4;
	cqes = u->p.cq_off.cqes + u->p.cq_entries * sizeof(struct io_uring_cqe);
	if (u->rings_size < cqes)
		u->rings_size = cqes;
	u->entries_size = u->p.sq_entries * sizeof(*sqe);
	/* one mapping since 5.4 */
	u->rings = mmap(NULL, u->rings_size, PROT_READ | PROT_WRITE,
			MAP_SHARED, u->fd, IORING_OFF_SQ_RING);
	u->entries = mmap(NULL, u->entries_size, PROT_READ | PROT_WRITE,
			  MAP_SHARED, u->fd, IORING_OFF_SQES);
	if (u->rings == MAP_FAILED || u->entries == MAP_FAILED)
		return -errno;
	sqe = u->entries;
	*sqe = (struct io_uring_sqe){
		.opcode = IORING_OP_POLL_ADD,
		.fd = fd,
		.poll32_events = events,
	};
	tail = u->rings + u->p.sq_off.tail;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, u->fd, 1, 0, 0, NULL, 0) != 1)
		err = -errno;
	return err;
}

int at_uring_end(struct at_uring *u, int timeout_ms)
{
	struct pollfd pfd = { .fd = u->fd, .events = POLLIN };
	struct io_uring_cqe *cqe = u->rings + u->p.cq_off.cqes;
	int ret = poll(&pfd, 1, timeout_ms);

	if (ret == 1)
		ret = cqe->res;
	else
		ret = ret ? -errno : -ETIMEDOUT;
	munmap(u->rings, u->rings_size);
	munmap(u->entries, u->entries_size);
	close(u->fd);
	return ret;
}

int at_event_count(int fd, uint32_t event, uint64_t *count)
{
	struct axl_event_counts c = {
		.counts = (uintptr_t)count,
		.first = event,
		.nr = 1,
	};

	return at_ioctl(fd, AXL_IOC_EVENT_COUNTS, &c);
}

int at_wait_event(int fd, uint32_t event, uint64_t seen, uint64_t timeout_ns,
		  uint64_t *count)
{
	struct axl_wait_event w = {
		.event = event,
		.seen = seen,
		.timeout_ns = timeout_ns,
		.generation = at_generation(fd),
	};
	int err = at_ioctl(fd, AXL_IOC_WAIT_EVENT, &w);

	if (count)
		*count = w.count;
	return err;
}

static void *waiter_run(void *arg)
{
	struct at_waiter *w = arg;

	w->err = at_ioctl(w->fd, AXL_IOC_WAIT_EVENT, &w->wait);
	__atomic_store_n(&w->ended, true, __ATOMIC_RELEASE);
	return NULL;
}

void at_waiter_start(struct at_waiter *w, int fd, uint32_t event, uint64_t seen,
		     uint64_t generation, uint64_t timeout_ns)
{
	*w = (struct at_waiter){
		.fd = fd,
		.wait = {
			.event = event, .seen = seen, .timeout_ns = timeout_ns,
			.generation = generation,
		},
	};
	pthread_create(&w->thread, NULL, waiter_run, w);
	at_sleep_ms(20);
}

bool at_waiter_ended(struct at_waiter *w, uint64_t timeout_ns)
{
	uint64_t end = at_now() + timeout_ns;

	while (!__atomic_load_n(&w->ended, __ATOMIC_ACQUIRE)) {
		if (at_now() > end)
			return false;
		at_sleep_ms(1);
	}
	return true;
}

int at_waiter_end(struct at_waiter *w)
{
	pthread_join(w->thread, NULL);
	return w->err;
}

uint64_t at_irq_count(void)
{
	FILE *f = fopen("/proc/interrupts", "re");
	unsigned long long n;
	uint64_t sum = 0;
	char line[512], *p;
	int used;

	while (f && fgets(line, sizeof(line), f)) {
		p = strchr(line, ':');
		if (!p || !strstr(line, " metis"))
			continue;
		for (p++; sscanf(p, " %llu%n", &n, &used) == 1 &&
			  (p[used] == ' ' || p[used] == '\n'); p += used)
			sum += n;
	}
	if (f)
		fclose(f);
	return sum;
}

/* ---- patterns ---- */

static inline uint64_t pattern_word(uint64_t seed, uint64_t n)
{
	uint64_t x = (n + 1) * 0x9e3779b97f4a7c15ULL + seed;

	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9ULL;
	return x ^ x >> 32;
}

void at_fill(void *buf, size_t length, uint64_t seed, uint64_t pos)
{
	uint8_t *p = buf;

	while (length) {
		uint64_t word = pattern_word(seed, pos / 8);
		size_t skip = pos % 8, n = 8 - skip;

		if (n > length)
			n = length;
		memcpy(p, (uint8_t *)&word + skip, n);
		p += n;
		pos += n;
		length -= n;
		/* whole words, which is where the time goes */
		for (; length >= 8; p += 8, pos += 8, length -= 8) {
			word = pattern_word(seed, pos / 8);
			memcpy(p, &word, 8);
		}
	}
}

ssize_t at_check(const void *buf, size_t length, uint64_t seed, uint64_t pos)
{
	const uint8_t *p = buf;
	size_t done = 0, i;

	while (done < length) {
		uint64_t word = pattern_word(seed, pos / 8), seen;
		size_t skip = pos % 8, n = 8 - skip;

		if (n > length - done)
			n = length - done;
		for (i = 0; i < n; i++)
			if (p[done + i] != ((uint8_t *)&word)[skip + i])
				return done + i;
		done += n;
		pos += n;
		for (; length - done >= 8; done += 8, pos += 8) {
			memcpy(&seen, p + done, 8);
			if (seen != pattern_word(seed, pos / 8))
				break;
		}
	}
	return -1;
}

ssize_t at_check_byte(const void *buf, size_t length, uint8_t byte)
{
	uint64_t want = byte * 0x0101010101010101ULL, seen;
	const uint8_t *p = buf;
	size_t i = 0;

	for (; length - i >= 8; i += 8) {
		memcpy(&seen, p + i, 8);
		if (seen != want)
			break;
	}
	for (; i < length; i++)
		if (p[i] != byte)
			return i;
	return -1;
}

/* The usual reflected CRC-32, eight bytes at a time (slicing) */
uint32_t at_crc32(uint32_t crc, const void *buf, size_t length)
{
	static uint32_t table[8][256];
	const uint8_t *p = buf;
	uint32_t i, j;

	if (!table[0][1]) {
		for (i = 0; i < 256; i++) {
			uint32_t c = i;

			for (j = 0; j < 8; j++)
				c = c >> 1 ^ (c & 1 ? 0xedb88320 : 0);
			table[0][i] = c;
		}
		for (i = 0; i < 256; i++)
			for (j = 1; j < 8; j++)
				table[j][i] = table[j - 1][i] >> 8 ^
					table[0][table[j - 1][i] & 0xff];
	}

	crc = ~crc;
	while (length >= 8) {
		uint32_t a, b;

		memcpy(&a, p, 4);
		memcpy(&b, p + 4, 4);
		a ^= crc;
		crc = table[7][a & 0xff] ^ table[6][a >> 8 & 0xff] ^
		      table[5][a >> 16 & 0xff] ^ table[4][a >> 24] ^
		      table[3][b & 0xff] ^ table[2][b >> 8 & 0xff] ^
		      table[1][b >> 16 & 0xff] ^ table[0][b >> 24];
		p += 8;
		length -= 8;
	}
	while (length--)
		crc = crc >> 8 ^ table[0][(crc ^ *p++) & 0xff];
	return ~crc;
}

/* ---- memory ---- */

/* /proc/self/pagemap: bit 63 present, bits 54:0 frame number (root only) */
size_t at_mem_pieces(const void *p, size_t size)
{
	size_t page = at_page_size(), first = (uintptr_t)p / page;
	size_t left = ((uintptr_t)p + size - 1) / page - first + 1;
	uint64_t entries[512], frame, next = 0;
	size_t pieces = 0, i, n;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	for (; left; left -= n, first += n) {
		n = left < at_array_size(entries) ? left :
						    at_array_size(entries);
		if (pread(fd, entries, n * 8, first * 8) != (ssize_t)(n * 8))
			goto unknown;
		for (i = 0; i < n; i++) {
			frame = entries[i] & ((1ULL << 55) - 1);
			if (!(entries[i] >> 63) || !frame)
				goto unknown;
			if (frame != next)
				pieces++;
			next = frame + 1;
		}
	}
	close(fd);
	return pieces;

unknown:
	close(fd);
	return 0;
}

/*
 * Small pages, touched in turns with pages of another mapping that is given up
 * afterwards: whatever order the kernel hands them out in, neighbours in the
 * mapping are none in memory. at_mem_pieces() tells how well it went.
 */
static int alloc_scattered(struct at_mem *m, size_t size)
{
	size_t page = at_page_size(), i;
	uint8_t *other;

	m->size = AT_ALIGN(size, page);
	m->p = mmap(NULL, m->size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	other = mmap(NULL, m->size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m->p == MAP_FAILED || other == MAP_FAILED)
		return -errno;
	madvise(m->p, m->size, MADV_NOHUGEPAGE);
	madvise(other, m->size, MADV_NOHUGEPAGE);
	for (i = 0; i < m->size; i += page) {
		m->p[i] = 1;
		other[i] = 1;
	}
	munmap(other, m->size);
	return 0;
}

static int alloc_huge(struct at_mem *m, size_t size)
{
	size_t huge = 0, page = at_page_size();
	char text[64], want[64];
	char line[128];
	uint8_t *p;
	FILE *f;
	int try;

	f = fopen("/proc/meminfo", "r");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f))
		sscanf(line, "Hugepagesize: %zu kB", &huge);
	fclose(f);
	huge *= 1024;
	if (!huge)
		huge = page * (page / 8);	/* a table of the level above */
	m->size = AT_ALIGN(size, huge);

	/* A pool of huge pages, enlarged when it is too small */
	for (try = 0; try < 2; try++) {
		p = mmap(NULL, m->size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB |
			 MAP_POPULATE, -1, 0);
		if (p != MAP_FAILED) {
			m->p = p;
			return 0;
		}
		if (at_read_text("/proc/sys/vm/nr_hugepages", text,
				 sizeof(text)))
			break;
		snprintf(want, sizeof(want), "%ld",
			 atol(text) + (long)(m->size / huge));
		at_write_text("/proc/sys/vm/compact_memory", "1");
		if (at_write_text("/proc/sys/vm/nr_hugepages", want))
			break;
	}

	/* Else transparent ones: ask, then look whether they came */
	p = mmap(NULL, m->size + huge, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	m->p = (uint8_t *)AT_ALIGN((uintptr_t)p, huge);
	if (m->p > p)
		munmap(p, m->p - p);
	if (p + huge > m->p)
		munmap(m->p + m->size, p + huge - m->p);
	madvise(m->p, m->size, MADV_HUGEPAGE);
	memset(m->p, 0, m->size);
	if (at_mem_pieces(m->p, m->size) > m->size / huge) {
		at_mem_free(m);
		return -EOPNOTSUPP;
	}
	return 0;
}

bool at_bounced(const struct axl_query *q)
{
	char text[2048], *word;

	/* behind an IOMMU that translates the option bounces nothing */
	if (q->iommu_mode != AXL_IOMMU_NONE &&
	    q->iommu_mode != AXL_IOMMU_IDENTITY)
		return false;
	if (at_read_text("/proc/cmdline", text, sizeof(text)))
		return false;
	word = strstr(text, "swiotlb=");
	if (!word)
		return false;
	word[strcspn(word, " \n")] = '\0';
	return strstr(word, "=force") || strstr(word, ",force");
}

int at_mem_alloc(struct at_mem *m, enum at_shape shape, size_t size)
{
	m->p = NULL;
	m->size = 0;

	switch (shape) {
	case AT_SCATTERED:
		return alloc_scattered(m, size);
	case AT_HUGE:
		return alloc_huge(m, size);
	case AT_PLAIN:
		break;
	}
	m->size = AT_ALIGN(size, at_page_size());
	m->p = mmap(NULL, m->size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (m->p == MAP_FAILED) {
		m->p = NULL;
		return -errno;
	}
	return 0;
}

void at_mem_free(struct at_mem *m)
{
	if (m->p)
		munmap(m->p, m->size);
	m->p = NULL;
}

int at_trap_set(struct at_trap *t, size_t n, size_t offset)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	t->n = n;
	t->offset = offset;
	t->p = mmap(NULL, n, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t->p == MAP_FAILED)
		return -errno;
	at_fill(t->p, offset, 7, 0);
	t->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (t->uffd < 0)
		return -errno;
	reg.range.start = (uintptr_t)t->p + offset;
	reg.range.len = n - offset;
	if (ioctl(t->uffd, UFFDIO_API, &api) ||
	    ioctl(t->uffd, UFFDIO_REGISTER, &reg))
		return -errno;
	return 0;
}

int at_trap_wait(struct at_trap *t, int timeout_ms)
{
	struct pollfd pfd = { .fd = t->uffd, .events = POLLIN };
	struct uffd_msg msg;

	if (poll(&pfd, 1, timeout_ms) != 1)
		return -ETIMEDOUT;
	return read(t->uffd, &msg, sizeof(msg)) == sizeof(msg) ? 0 : -EIO;
}

int at_trap_open(struct at_trap *t)
{
	struct uffdio_zeropage zero = {
		.range.start = (uintptr_t)t->p + t->offset,
		.range.len = t->n - t->offset,
	};

	return ioctl(t->uffd, UFFDIO_ZEROPAGE, &zero) ? -errno : 0;
}

void at_trap_free(struct at_trap *t)
{
	close(t->uffd);
	munmap(t->p, t->n);
}

/* ---- the kernel log ---- */

int at_log_open(struct at_log *log)
{
	memset(log, 0, sizeof(*log));
	log->fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (log->fd < 0)
		return -errno;
	if (lseek(log->fd, 0, SEEK_END) < 0)
		return -errno;
	return 0;
}

static bool has_one(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strstr(text, *words))
			return true;
	return false;
}

static void log_take(struct at_log *log, enum at_log_class class,
		     const char *text)
{
	if (!log->count[class]++)
		snprintf(log->first[class], sizeof(log->first[class]), "%s",
			 text);
}

void at_log_read(struct at_log *log)
{
	static const char *const warn[] = {
		"WARNING:", "BUG:", "Oops", "Internal error", "Call trace:",
		"Unable to handle", "Kernel panic", "INFO: task ", "rcu: INFO",
		"DMA-API:", "possible circular", "possible recursive",
		"UBSAN:", "KASAN:", "KFENCE:", "refcount_t:", "Bad page",
		"sysfs: cannot create", "nobody cared", "soft lockup",
		"hard LOCKUP", "SError", "list_add corruption",
		"list_del corruption", "new suspected memory leaks",
		"leak detector disabled", "unreferenced object",
		"scheduling while atomic", "page allocation failure",
		"synchronous external abort", NULL
	};
	static const char *const smmu[] = {
		"event 0x", "event: F_", "event: C_", "event: E_",
		"F_TRANSLATION", "Unhandled context fault", "DMAR:", NULL
	};
	static const char silent[] = "interrupts of the DMA engine do not arrive";
	char record[8192];
	char *text, *end;
	ssize_t n;

	if (log->fd < 0)
		return;
	for (;;) {
		n = read(log->fd, record, sizeof(record) - 1);
		if (n < 0) {
			if (errno == EPIPE)	/* overwritten: go on */
				continue;
			break;
		}
		record[n] = '\0';
		text = strchr(record, ';');
		if (!text)
			continue;
		text++;
		end = strchr(text, '\n');
		if (end)
			*end = '\0';
		if (!strncmp(text, "axl", 3) && (atoi(record) & 7) <= 3)
			log_take(log, AT_LOG_ERROR, text);
		if (strstr(text, "arm-smmu") && has_one(text, smmu))
			log_take(log, AT_LOG_SMMU, text);
		else if (has_one(text, warn))
			log_take(log, AT_LOG_WARN, text);
		else if (!strncmp(text, "axl", 3) && strstr(text, silent))
			log_take(log, AT_LOG_SILENT, text);
		else if (!strncmp(text, "axl", 3))
			log_take(log, AT_LOG_DRIVER, text);
	}
}

void at_log_close(struct at_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
}

unsigned int at_log_count(const char *a, const char *b)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char record[8192];
	unsigned int n = 0;
	ssize_t len;

	if (fd < 0)
		return 0;
	for (;;) {
		len = read(fd, record, sizeof(record) - 1);
		if (len < 0 && errno == EPIPE)	/* overwritten: go on */
			continue;
		if (len <= 0)
			break;
		record[len] = '\0';
		n += strstr(record, a) && strstr(record, b);
	}
	close(fd);
	return n;
}

void at_log_unlimited(const char *text)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	unsigned long long us, last = 0;
	char record[8192];
	int64_t left;
	ssize_t len;

	if (fd < 0)
		return;
	for (;;) {
		len = read(fd, record, sizeof(record) - 1);
		if (len < 0 && errno == EPIPE)	/* overwritten: go on */
			continue;
		if (len <= 0)
			break;
		record[len] = '\0';
		if (strstr(record, text) &&
		    sscanf(record, "%*u,%*u,%llu", &us) == 1)
			last = us;
	}
	close(fd);
	left = last ? (int64_t)(last + 5500000) - (int64_t)(at_now() / 1000) : 0;
	if (left > 0)
		at_sleep_ms(left / 1000 + 1);
}

/* ---- PCI ---- */

static int pci_by_bdf(struct at_pci *pci, const char *bdf)
{
	snprintf(pci->bdf, sizeof(pci->bdf), "%.15s", bdf);
	snprintf(pci->dir, sizeof(pci->dir), "/sys/bus/pci/devices/%s",
		 pci->bdf);
	return access(pci->dir, F_OK) ? -ENODEV : 0;
}

int at_pci_find_id(struct at_pci *pci, uint16_t vendor, uint16_t device)
{
	struct at_pci one;
	struct dirent *de;
	char text[32];
	int err = -ENODEV;
	DIR *dir;

	dir = opendir("/sys/bus/pci/devices");
	if (!dir)
		return -errno;
	while ((de = readdir(dir))) {
		if (de->d_name[0] == '.' || pci_by_bdf(&one, de->d_name))
			continue;
		if (at_pci_attr(&one, "vendor", text, sizeof(text)) ||
		    strtoul(text, NULL, 0) != vendor)
			continue;
		if (at_pci_attr(&one, "device", text, sizeof(text)) ||
		    strtoul(text, NULL, 0) != device)
			continue;
		*pci = one;
		err = 0;
		break;
	}
	closedir(dir);
	return err;
}

int at_pci_find(struct at_pci *pci)
{
	static const uint16_t ids[][2] = {
		{ 0x1f9d, 0x1100 }, { 0x1f9d, 0x11aa },
		{ 0x1234, 0x2024 }, { 0x1234, 0x2023 },
	};
	size_t i;

	for (i = 0; i < at_array_size(ids); i++)
		if (!at_pci_find_id(pci, ids[i][0], ids[i][1]))
			return 0;
	return -ENODEV;
}

static void pci_path(const struct at_pci *pci, const char *name, char *path,
		     size_t size)
{
	snprintf(path, size, "%s/%s", pci->dir, name);
}

int at_pci_attr(const struct at_pci *pci, const char *name, char *text,
		size_t size)
{
	char path[192];

	pci_path(pci, name, path, sizeof(path));
	return at_read_text(path, text, size);
}

int at_pci_set(const struct at_pci *pci, const char *name, const char *text)
{
	char path[192];

	pci_path(pci, name, path, sizeof(path));
	return at_write_text(path, text);
}

int at_pci_config(const struct at_pci *pci, unsigned int offset, void *buf,
		  size_t length)
{
	char path[192];
	ssize_t n;
	int fd;

	pci_path(pci, "config", path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = pread(fd, buf, length, offset);
	close(fd);
	return n == (ssize_t)length ? 0 : -EIO;
}

int at_pci_remove(const struct at_pci *pci)
{
	return at_pci_set(pci, "remove", "1");
}

int at_pci_rescan(void)
{
	return at_write_text("/sys/bus/pci/rescan", "1");
}

int at_driver_bound(const struct at_pci *pci)
{
	char path[192], link[256];
	ssize_t n;

	pci_path(pci, "driver", path, sizeof(path));
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return errno == ENOENT ? 0 : -errno;
	link[n] = '\0';
	return !!strstr(link, "/axl");
}

/* ---- memory that does not come back ---- */

static long number_in(const char *path, const char *key)
{
	char line[256];
	size_t n = strlen(key);
	long value = 0;
	FILE *f = fopen(path, "r");

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, key, n))
			value = strtol(line + n, NULL, 10);
	fclose(f);
	return value;
}

/* Free pages that the processors keep for themselves: many megabytes */
static long percpu_free_kb(void)
{
	char line[256];
	long pages = 0, n;
	FILE *f = fopen("/proc/zoneinfo", "r");

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, " count: %ld", &n) == 1)
			pages += n;
	fclose(f);
	return pages * (long)(at_page_size() / 1024);
}

void at_leak_mark(struct at_leak *leak)
{
	static const char stat[] = "/proc/vmstat";
	int i;

	/* What is freed late, by RCU or a work item, is no leak */
	for (i = 0; i < 3; i++) {
		at_sleep_ms(30);
		at_write_text("/proc/sys/vm/drop_caches", "3");
	}
	/* Processors count for themselves; this brings the counts together */
	at_write_text("/proc/sys/vm/stat_refresh", "1");
	leak->free_kb = number_in("/proc/meminfo", "MemFree:") +
			percpu_free_kb();
	leak->slab_kb = number_in("/proc/meminfo", "SUnreclaim:");
	leak->vmalloc_kb = number_in("/proc/meminfo", "VmallocUsed:");
	leak->pins = number_in(stat, "nr_foll_pin_acquired ") -
		     number_in(stat, "nr_foll_pin_released ");
}

static const char *leak_look(const struct at_leak *leak)
{
	static char text[256];
	struct at_leak now;
	long scale = 1;

	at_leak_mark(&now);
	snprintf(text, sizeof(text),
		 "free memory %+ld kB, SUnreclaim %+ld kB, VmallocUsed %+ld kB, pinned pages %+ld",
		 now.free_kb - leak->free_kb, now.slab_kb - leak->slab_kb,
		 now.vmalloc_kb - leak->vmalloc_kb, now.pins - leak->pins);
	at_msg("%s", text);
	/* its own records and KASAN's count, too; it judges in the end */
	if (!access("/sys/kernel/debug/kmemleak", F_OK))
		scale = 10;
	/* 40 rounds: a page table, a buffer or a table of events each shows */
	if (now.free_kb < leak->free_kb - 1000 * scale ||
	    now.slab_kb > leak->slab_kb + 600 * scale ||
	    now.vmalloc_kb > leak->vmalloc_kb + 200 * scale ||
	    now.pins != leak->pins)
		return text;
	return NULL;
}

/* On a busy host some is freed very late; what leaks stays */
const char *at_leak_check(const struct at_leak *leak)
{
	const char *grew = leak_look(leak);
	int i;

	for (i = 0; i < 10 && grew; i++) {
		at_sleep_ms(500);
		grew = leak_look(leak);
	}
	return grew;
}

/* ---- modules ---- */

static const char *module_path(void)
{
	static char path[512];
	const char *env = getenv("AXL_MODULE");
	char release[128];

	if (env)
		return env;
	if (!access("/lib/modules/axl.ko", R_OK))
		return "/lib/modules/axl.ko";
	if (at_read_text("/proc/sys/kernel/osrelease", release,
			 sizeof(release)))
		return "/axl.ko";
	snprintf(path, sizeof(path), "/lib/modules/%s/extra/axl.ko", release);
	if (!access(path, R_OK))
		return path;
	snprintf(path, sizeof(path), "/lib/modules/%s/updates/axl.ko", release);
	if (!access(path, R_OK))
		return path;
	return "/axl.ko";
}

int at_module_load(void)
{
	const char *options = getenv("AXL_MODULE_OPTIONS");
	int fd = open(module_path(), O_RDONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, options ? options : "", 0))
		err = -errno;
	close(fd);
	return err;
}

int at_module_unload(void)
{
	return syscall(SYS_delete_module, "axl", O_NONBLOCK) ? -errno : 0;
}

int at_module_loaded(void)
{
	return !access("/sys/module/axl", F_OK);
}
