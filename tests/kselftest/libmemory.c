// SPDX-License-Identifier: GPL-2.0
/* Patterns, memory of a known physical shape, memory that leaks. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <linux/userfaultfd.h>

#include "libaxltest.h"

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

bool at_bounced(const struct axl_ioc_query *q)
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

uint8_t *at_sponge(size_t size)
{
	uint8_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, size, MADV_NOHUGEPAGE);
	memset(p, AT_CANARY, size);
	return p;
}

long at_pinned_kb(void)
{
	char line[128];
	long sum = 0, n;
	FILE *f = fopen("/proc/self/status", "r");

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmLck: %ld", &n) == 1 ||
		    sscanf(line, "VmPin: %ld", &n) == 1)
			sum += n;
	fclose(f);
	return sum;
}

/* Stock kernels have it as a module. */
static int udmabuf_open(void)
{
	int fd = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	at_insmod("/lib/modules/udmabuf.ko", NULL);
	fd = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	return fd < 0 ? -ENOTSUP : fd;
}

int at_udmabuf(size_t size, uint8_t **p)
{
	struct udmabuf_create create = {
		.size = size, .flags = UDMABUF_FLAGS_CLOEXEC,
	};
	int dev = udmabuf_open(), mem, fd;

	*p = NULL;
	if (dev < 0)
		return dev;
	mem = memfd_create("axltest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (mem < 0 || ftruncate(mem, size) ||
	    fcntl(mem, F_ADD_SEALS, F_SEAL_SHRINK)) {
		fd = -errno;
		goto out;
	}
	*p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0);
	if (*p == MAP_FAILED) {
		fd = -errno;
		*p = NULL;
		goto out;
	}
	create.memfd = mem;
	fd = ioctl(dev, UDMABUF_CREATE, &create);
	if (fd < 0) {
		fd = -errno;
		munmap(*p, size);
		*p = NULL;
	}
out:
	if (mem >= 0)
		close(mem);
	close(dev);
	return fd;
}

int at_dmabuf_sync(int dmabuf, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags };

	return ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync) ? -errno : 0;
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
