// SPDX-License-Identifier: GPL-2.0
/*
 * No write after free: however a transfer ends early (its process is killed, its file
 * closed, its buffer released, its time is up, the card restarts), the card does not
 * reach the memory once another owner can have it.
 *
 * The card is held or slowed, the transfer is ended, what was freed is taken at
 * once and filled with canaries, and only then does the card go on. Memory that
 * was unpinned too early shows a changed canary, memory that was unmapped too
 * early an event of the SMMU, and what was still read shows on the card.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "liblab.h"

#define KILLS		200
#define KILLS_BRIEF	50	/* where the SMMU does not tell on the driver */
#define PIECE		(64 * 1024UL)
#define FROM		6			/* pieces from the device, */
#define TO		3			/* and to it */
#define SPONGE		(1024 * 1024UL)	/* more than they are together */
#define CARD		0xbd			/* what the card writes */
#define HOST		0x71			/* what it may read */

FIXTURE(killed)
{
	struct at_ctx t;
	uint64_t base;		/* FROM pieces for the card to write, TO to fill */
	uint64_t random;
};

FIXTURE_SETUP(killed)
{
	const char *seed = getenv("AXLTEST_SEED");

	AT_BEGIN(&self->t, AT_NEEDS_RUNNING);
	self->random = seed ? strtoull(seed, NULL, 0) : at_now() | 1;
	at_msg("seed %#llx (AXLTEST_SEED)", (unsigned long long)self->random);
	self->base = at_scratch_l2(&self->t.q);
	ASSERT_EQ(0, at_dev_fill(self->base, CARD, FROM * PIECE));
	ASSERT_EQ(0, at_dev_fill(self->base + FROM * PIECE, HOST, TO * PIECE));
}

FIXTURE_TEARDOWN(killed)
{
	at_lab_set(METIS_LAB_UNDO, 1);
	AT_END(&self->t);
}

static unsigned int random_below(uint64_t *state, unsigned int bound)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (*state >> 16) % bound;
}

static void sleep_us(unsigned int us)
{
	struct timespec ts = { .tv_nsec = us * 1000L };

	nanosleep(&ts, NULL);
}

/*
 * Nothing on the move any more: is every byte of the canaries as it was, is
 * there nothing on the card that was not given to it, has the SMMU refused
 * nothing? NULL, or what is wrong.
 */
static const char *look(struct at_ctx *t, uint64_t base, uint8_t *canaries[2])
{
	static char text[320];
	uint64_t sum;
	ssize_t bad;
	int i;

	text[0] = '\0';
	if (!at_engine_rests(AT_SOON))
		return "the engine does not come to rest";
	for (i = 0; i < 2; i++) {
		if (!canaries[i])
			return "no memory for canaries";
		bad = at_check_byte(canaries[i], SPONGE, AT_CANARY);
		if (bad >= 0)
			snprintf(text, sizeof(text),
				 "memory of another owner was written at %#zx: %#x",
				 bad, canaries[i][bad]);
		munmap(canaries[i], SPONGE);
		canaries[i] = NULL;
	}
	if (text[0])
		return text;

	at_lab_lock();
	at_lab_set64(METIS_LAB_DEV_ADDR, base + FROM * PIECE);
	at_lab_set64(METIS_LAB_DEV_LEN, TO * PIECE);
	sum = at_lab_get64(METIS_LAB_DEV_SUM);
	at_lab_unlock();
	if (sum != HOST * TO * PIECE)
		return "the card has read memory of another owner";
	at_log_read(&t->log);
	if (t->log.count[AT_LOG_SMMU]) {
		snprintf(text, sizeof(text), "the SMMU refused an access: %.250s",
			 t->log.first[AT_LOG_SMMU]);
		return text;
	}
	return NULL;
}

/* One memory for all pieces, both directions, two submissions of everything */
struct load {
	struct at_mem mem;
	struct axl_ioc_buf_register from, to;
	uint64_t seqs[2];
};

static int load_start(struct load *l, int fd, uint64_t base, bool scattered,
		      uint64_t timeout_ns)
{
	struct axl_xfer x[FROM + TO];
	unsigned int i, tries;
	int err;

	err = at_mem_alloc(&l->mem, scattered ? AT_SCATTERED : AT_PLAIN,
			   (FROM + TO) * PIECE);
	if (err)
		return err;
	memset(l->mem.p + FROM * PIECE, HOST, TO * PIECE);
	err = at_register(fd, l->mem.p, FROM * PIECE, AXL_BUF_FROM_DEVICE,
			  &l->from);
	if (err)
		return err;
	err = at_register(fd, l->mem.p + FROM * PIECE, TO * PIECE,
			  AXL_BUF_TO_DEVICE, &l->to);
	if (err)
		return err;
	for (i = 0; i < FROM + TO; i++)
		x[i] = (struct axl_xfer){
			.handle = i < FROM ? l->from.handle : l->to.handle,
			.direction = i < FROM ? AXL_FROM_DEVICE : AXL_TO_DEVICE,
			.offset = (i < FROM ? i : i - FROM) * PIECE,
			.device_addr = base + i * PIECE,
			.length = PIECE,
			.channel = AXL_CHANNEL_ANY,
		};
	for (i = 0; i < 2; i++) {
		/* The restart of an earlier round may have ended just now */
		for (tries = 0; tries < 3; tries++) {
			err = at_submit(fd, x, FROM + TO, at_generation(fd),
					timeout_ns, &l->seqs[i]);
			if (err != -ESTALE)
				break;
		}
		if (err)
			return err;
	}
	return 0;
}

static void load_forget(struct load *l, int fd)
{
	at_release(fd, l->from.handle);
	at_release(fd, l->to.handle);
	at_mem_free(&l->mem);
}

/* ---- the process is killed ---- */

enum moment {
	ANY_MOMENT,	/* also while memory is registered */
	RUNNING,	/* at some point of the transfers */
	FROZEN,		/* before the first byte has moved */
	MOMENTS,
};

static void victim(uint64_t base, bool scattered, int ready)
{
	struct axl_ioc_wait w;
	struct load l;
	int fd = at_open();

	if (fd < 0 || load_start(&l, fd, base, scattered, AT_SEC(20)) ||
	    write(ready, "r", 1) != 1)
		_exit(1);
	at_wait(fd, l.seqs[1], AXL_TIMEOUT_INFINITE, &w);
	for (;;)
		pause();
}

/* Until a killed process has given up its memory, and had time to do more */
static void await_exit(pid_t pid)
{
	uint64_t end = at_now() + AT_SEC(2);
	char path[64], text[128];
	siginfo_t info;
	int grace = 4;

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	while (at_now() < end) {
		info.si_pid = 0;
		if (waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) ||
		    info.si_pid)
			return;
		if (!at_read_text(path, text, sizeof(text)) &&
		    !strncmp(text, "0 ", 2) && !grace--)
			return;
		sleep_us(500);
	}
}

/* The frames that hold some memory; root only */
static int frames(const void *p, size_t size, uint64_t *out)
{
	size_t page = at_page_size(), nr = size / page, i;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = pread(fd, out, nr * 8, (uintptr_t)p / page * 8);
	close(fd);
	if (n != (ssize_t)(nr * 8))
		return -EIO;
	for (i = 0; i < nr; i++)
		out[i] &= (1ULL << 55) - 1;
	return 0;
}

/* Freed pages wait on the list of the processor that freed them */
static void on_one_processor(bool one)
{
	long nr = sysconf(_SC_NPROCESSORS_ONLN), i;
	cpu_set_t set;

	CPU_ZERO(&set);
	for (i = 0; i < (one ? 1 : nr); i++)
		CPU_SET(i, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* The trap works: what a killed process had is what the next one gets */
TEST_F(killed, trap_works)
{
	size_t nr = (FROM + TO) * PIECE / at_page_size(), i, k, got = 0;
	size_t all = SPONGE / at_page_size();
	uint64_t *had, *have;
	struct at_mem mem;
	int status, fds[2];
	uint8_t *p;
	pid_t child;
	char byte;

	had = mmap(NULL, nr * 8, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	have = calloc(all, 8);
	ASSERT_NE(MAP_FAILED, had);
	ASSERT_NE(NULL, have);
	on_one_processor(true);
	ASSERT_EQ(0, pipe(fds));
	fflush(stdout);
	child = fork();
	if (!child) {
		if (at_mem_alloc(&mem, AT_SCATTERED, (FROM + TO) * PIECE) ||
		    frames(mem.p, mem.size, had) || write(fds[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(fds[1]);
	EXPECT_EQ(1, read(fds[0], &byte, 1));
	kill(child, SIGKILL);
	await_exit(child);
	p = at_sponge(SPONGE);
	waitpid(child, &status, 0);
	ASSERT_NE(NULL, p);
	ASSERT_EQ(0, frames(p, SPONGE, have));
	for (i = 0; i < nr; i++) {
		for (k = 0; k < all && have[k] != had[i]; k++)
			;
		got += k < all;
	}
	at_msg("%zu of %zu pages of a killed process were got hold of", got,
	       nr);
	EXPECT_GT(got, nr / 2);
	munmap(p, SPONGE);
	munmap(had, nr * 8);
	free(have);
	close(fds[0]);
}

/* Returns what was wrong; *@caught: transfers were under way */
static const char *kill_once(struct at_ctx *t, uint64_t base, uint64_t *random,
			     bool *caught)
{
	enum moment moment = random_below(random, MOMENTS);
	bool scattered = random_below(random, 2);
	unsigned int us = random_below(random, 8000);
	uint8_t *canaries[2];
	int fds[2], status;
	const char *wrong;
	char byte = 0;
	pid_t child;

	on_one_processor(random_below(random, 4));
	at_lab_set(METIS_LAB_FREEZE, moment == FROZEN);
	if (pipe(fds))
		return "pipe";
	fflush(stdout);
	child = fork();
	if (!child) {
		close(fds[0]);
		victim(base, scattered, fds[1]);
	}
	close(fds[1]);
	if (moment != ANY_MOMENT && read(fds[0], &byte, 1) != 1) {
		waitpid(child, &status, 0);
		close(fds[0]);
		return "the victim did not get as far as its transfers";
	}
	if (moment != FROZEN)
		sleep_us(us);
	*caught = at_lab_get(METIS_LAB_RUNNING);
	kill(child, SIGKILL);
	await_exit(child);
	canaries[0] = at_sponge(SPONGE);
	at_lab_set(METIS_LAB_FREEZE, 0);
	waitpid(child, &status, 0);
	canaries[1] = at_sponge(SPONGE);
	close(fds[0]);
	wrong = look(t, base, canaries);
	if (wrong)
		return wrong;
	return WIFSIGNALED(status) ? NULL : "the victim ended by itself";
}

TEST_F_TIMEOUT(killed, in_flight, 120)
{
	unsigned int i, kills = KILLS, caught = 0;
	struct at_leak leak;
	const char *wrong;
	bool hit;

	if (self->t.q.iommu_mode != AXL_IOMMU_TRANSLATED)
		kills = KILLS_BRIEF;
	at_slow_engine(4096, PIECE, AT_MSEC(4));
	for (i = 0; i < kills; i++) {
		if (i == kills / 10)
			at_leak_mark(&leak);
		wrong = kill_once(&self->t, self->base, &self->random, &hit);
		ASSERT_EQ(NULL, wrong)
			TH_LOG("kill %u: %s", i + 1, wrong);
		caught += hit;
	}
	at_msg("%u of %u were killed with transfers under way", caught, kills);
	EXPECT_GT(caught, kills / 4);
	on_one_processor(false);
	wrong = at_leak_check(&leak);
	EXPECT_EQ(NULL, wrong)
		TH_LOG("in %u kills: %s", kills - kills / 10, wrong);
}

/* ---- the file is closed, the buffer released ---- */

TEST_F_TIMEOUT(killed, file_closed, 60)
{
	uint8_t *canaries[2];
	const char *wrong;
	unsigned int i;
	struct load l;
	int fd;

	on_one_processor(true);
	at_slow_engine(4096, PIECE, AT_MSEC(4));
	for (i = 0; i < 20; i++) {
		fd = at_open();
		ASSERT_GE(fd, 0);
		ASSERT_EQ(0, load_start(&l, fd, self->base, i % 2, AT_SEC(20)));
		sleep_us(random_below(&self->random, 6000));
		/* The memory goes first now and then */
		if (i % 4 < 2)
			at_mem_free(&l.mem);
		close(fd);
		at_mem_free(&l.mem);
		canaries[0] = at_sponge(SPONGE);
		canaries[1] = at_sponge(SPONGE);
		wrong = look(&self->t, self->base, canaries);
		ASSERT_EQ(NULL, wrong)
			TH_LOG("round %u: %s", i, wrong);
	}
}

TEST_F_TIMEOUT(killed, buffer_released, 60)
{
	uint8_t *canaries[2];
	const char *wrong;
	struct axl_ioc_wait w;
	unsigned int i, k;
	struct load l;

	on_one_processor(true);
	for (i = 0; i < 20; i++) {
		/* Before the first byte, or in the middle */
		at_lab_set(METIS_LAB_FREEZE, i % 2);
		at_slow_engine(4096, PIECE, AT_MSEC(4));
		ASSERT_EQ(0, load_start(&l, self->t.fd, self->base, i % 4 < 2,
					AT_SEC(20)));
		if (!(i % 2))
			sleep_us(random_below(&self->random, 4000));
		load_forget(&l, self->t.fd);
		canaries[0] = at_sponge(SPONGE);
		at_lab_set(METIS_LAB_FREEZE, 0);
		for (k = 0; k < 2; k++) {
			ASSERT_EQ(0, at_wait(self->t.fd, l.seqs[k], AT_SOON,
					     &w));
			EXPECT_EQ(0, w.status);
		}
		canaries[1] = at_sponge(SPONGE);
		wrong = look(&self->t, self->base, canaries);
		ASSERT_EQ(NULL, wrong)
			TH_LOG("round %u: %s", i, wrong);
	}
}

/* ---- the driver ends it ---- */

/*
 * Transfers that the card holds are ended by @how. When they are, their memory
 * goes to another owner, and the card is let loose.
 */
static const char *ended_by(struct at_ctx *t, uint64_t base,
			    uint64_t timeout_ns, int (*how)(struct at_ctx *t),
			    int want)
{
	static char text[128];
	uint8_t *canaries[2];
	struct axl_ioc_wait w;
	struct load l;
	int err, k;

	on_one_processor(true);
	err = load_start(&l, t->fd, base, true, timeout_ns);
	if (!err && how)
		err = how(t);
	if (err) {
		snprintf(text, sizeof(text), "start: %s", strerror(-err));
		return text;
	}
	for (k = 0; k < 2; k++) {
		err = at_wait(t->fd, l.seqs[k], AT_SEC(20), &w);
		/* What was queued behind may have been served */
		if (err || (w.status != want && w.status != -ESTALE &&
			    (w.status || !k))) {
			snprintf(text, sizeof(text),
				 "submission %d: wait %d, status %d", k, err,
				 w.status);
			return text;
		}
	}
	load_forget(&l, t->fd);
	canaries[0] = at_sponge(SPONGE);
	at_lab_set(METIS_LAB_UNDO, 1);
	at_sleep_ms(10);
	canaries[1] = at_sponge(SPONGE);
	return look(t, base, canaries);
}

/* The channels obey a stop: two hang, then the rest of the queue is served */
TEST_F_TIMEOUT(killed, time_is_up, 60)
{
	const char *wrong;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		at_lab_set(METIS_LAB_HANG_SOFT, METIS_LAB_WR_CH(i) |
			   METIS_LAB_WR_CH(i + 1) | METIS_LAB_RD_CH(i));
		wrong = ended_by(&self->t, self->base, AT_MSEC(150), NULL,
				 -ETIMEDOUT);
		ASSERT_EQ(NULL, wrong)
			TH_LOG("round %u: %s", i, wrong);
	}
}

/* They do not: only a reset of the card helps */
TEST_F_TIMEOUT(killed, time_is_up_hard, 60)
{
	const char *wrong;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		at_lab_set(METIS_LAB_HANG_HARD, METIS_LAB_WR_CH(i) |
			   METIS_LAB_RD_CH(i));
		wrong = ended_by(&self->t, self->base, AT_MSEC(150), NULL,
				 -ETIMEDOUT);
		ASSERT_EQ(NULL, wrong)
			TH_LOG("round %u: %s", i, wrong);
	}
}

/* ---- the card restarts under them ---- */

static int by_reset(struct at_ctx *t)
{
	struct axl_ioc_reset reset = { };

	return at_ioctl(t->fd, AXL_IOC_RESET, &reset);
}

static int by_itself(struct at_ctx *t)
{
	(void)t;
	at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_RUNTIME);
	return 0;
}

static int by_link(struct at_ctx *t)
{
	(void)t;
	at_lab_set(METIS_LAB_LINK_DOWN, 30);
	return 0;
}

/* A firmware load waits for what runs, so that must come to an end */
static int by_load(struct at_ctx *t)
{
	int fd = at_open(), err;

	(void)t;
	if (fd < 0)
		return fd;
	err = at_fw_run(fd);
	close(fd);
	return err;
}

TEST_F_TIMEOUT(killed, function_reset, 60)
{
	const char *wrong;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		if (i % 2)
			at_lab_set(METIS_LAB_FREEZE, 1);
		else
			at_slow_engine(4096, PIECE, AT_MSEC(20));
		wrong = ended_by(&self->t, self->base, AT_SEC(20), by_reset, 0);
		ASSERT_EQ(NULL, wrong)
			TH_LOG("round %u: %s", i, wrong);
	}
}

TEST_F_TIMEOUT(killed, firmware_loaded, 60)
{
	const char *wrong;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		at_slow_engine(4096, PIECE, AT_MSEC(20));
		wrong = ended_by(&self->t, self->base, AT_SEC(20), by_load, 0);
		ASSERT_EQ(NULL, wrong)
			TH_LOG("round %u: %s", i, wrong);
	}
}

TEST_F_TIMEOUT(killed, firmware_restarts, 60)
{
	struct axl_ioc_query q;
	const char *wrong;
	unsigned int i;
	uint64_t end;

	for (i = 0; i < 3; i++) {
		at_lab_set(METIS_LAB_FREEZE, 1);
		wrong = ended_by(&self->t, self->base, AT_SEC(20), by_itself, 0);
		ASSERT_EQ(NULL, wrong)
			TH_LOG("round %u: %s", i, wrong);
		end = at_now() + AT_SOON;
		do {
			at_sleep_ms(10);
			ASSERT_EQ(0, at_query(self->t.fd, &q));
		} while (q.fw_state != AXL_FW_RUNNING && at_now() < end);
		ASSERT_EQ(AXL_FW_RUNNING, q.fw_state);
	}
}

TEST_F_TIMEOUT(killed, link_bounces, 60)
{
	const char *wrong;

	at_lab_set(METIS_LAB_FREEZE, 1);
	wrong = ended_by(&self->t, self->base, AT_SEC(20), by_link, 0);
	ASSERT_EQ(NULL, wrong)
		TH_LOG("%s", wrong);
}

TEST_HARNESS_MAIN
