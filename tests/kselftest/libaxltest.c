// SPDX-License-Identifier: GPL-2.0
/* Messages, text files, the node and its calls, for the tests. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

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

int at_query(int fd, struct axl_ioc_query *q)
{
	memset(q, 0, sizeof(*q));
	return at_ioctl(fd, AXL_IOC_QUERY, q);
}

uint64_t at_generation(int fd)
{
	struct axl_ioc_query q;

	return at_query(fd, &q) ? 0 : q.generation;
}

int at_register(int fd, void *addr, uint64_t length, uint32_t flags,
		struct axl_ioc_buf_register *reg)
{
	memset(reg, 0, sizeof(*reg));
	reg->flags = flags;
	reg->addr = (uintptr_t)addr;
	reg->length = length;
	return at_ioctl(fd, AXL_IOC_BUF_REGISTER, reg);
}

int at_import(int fd, int dmabuf, uint64_t length, uint32_t flags,
	      struct axl_ioc_buf_register *reg)
{
	memset(reg, 0, sizeof(*reg));
	reg->flags = flags | AXL_BUF_DMABUF;
	reg->fd = dmabuf;
	reg->length = length;
	return at_ioctl(fd, AXL_IOC_BUF_REGISTER, reg);
}

int at_release(int fd, uint32_t handle)
{
	struct axl_ioc_buf_release rel = { .handle = handle };

	return at_ioctl(fd, AXL_IOC_BUF_RELEASE, &rel);
}

int at_submit(int fd, const struct axl_xfer *xfers, uint32_t count,
	      uint64_t generation, uint64_t timeout_ns, uint64_t *seq)
{
	struct axl_ioc_submit s = {
		.xfers = (uintptr_t)xfers,
		.count = count,
		.generation = generation,
		.timeout_ns = timeout_ns,
	};
	int err = at_ioctl(fd, AXL_IOC_SUBMIT, &s);

	*seq = s.seq;
	return err;
}

int at_wait(int fd, uint64_t seq, uint64_t timeout_ns, struct axl_ioc_wait *wait)
{
	memset(wait, 0, sizeof(*wait));
	wait->seq = seq;
	wait->timeout_ns = timeout_ns;
	return at_ioctl(fd, AXL_IOC_WAIT, wait);
}

int at_run(int fd, const struct axl_xfer *xfers, uint32_t count)
{
	struct axl_ioc_wait wait;
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
	struct axl_ioc_event_counts c = {
		.counts = (uintptr_t)count,
		.first = event,
		.nr = 1,
	};

	return at_ioctl(fd, AXL_IOC_EVENT_COUNTS, &c);
}

int at_wait_event(int fd, uint32_t event, uint64_t seen, uint64_t timeout_ns,
		  uint64_t *count)
{
	struct axl_ioc_wait_event w = {
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

static void nothing(int sig)
{
	(void)sig;
}

void at_catch_signal(int sig)
{
	/* without SA_RESTART */
	struct sigaction sa = { .sa_handler = nothing };

	sigaction(sig, &sa, NULL);
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
