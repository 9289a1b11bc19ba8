// SPDX-License-Identifier: GPL-2.0
/*
 * Random calls of both interfaces of /dev/metisN crash nothing, hang nothing and
 * leak nothing, and both interfaces work afterwards. Most calls are valid; some have
 * a field or two that are not, are noise, or have a bad pointer. Several threads and
 * processes share files, some processes are killed, and the card restarts now and
 * then.
 *
 * A 64-bit seed makes a program: which thread makes which call with which arguments.
 * The kernel log names the seed before the program runs. The driver decides what the
 * calls return and, with more than one thread, their order.
 *
 * This file makes, runs and judges programs. fuzz-args.c has the arguments,
 * fuzz-native.c, fuzz-voyager.c and fuzz-system.c the calls, fuzz-health.c the look at
 * the card after a program.
 *
 * FUZZ_SECONDS: how long to run; the test is skipped without it. FUZZ_SEED: one
 * program, over and over. FUZZ_BASE: where the sequence of random seeds begins.
 * FUZZ_TRACE: print every call.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
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
#include "fuzz.h"

const char *const names[NR_CALLS] = {
#define NAME(name) #name,
	CALLS(NAME)
#undef NAME
};

struct shared *shared;
struct axl_ioc_query card;
struct at_image image;
uint8_t *plain_image;
size_t plain_size;
uint64_t seed;
static bool tracing;
long page;
char debugfs[4][128];

struct file files[NR_FILES];
struct vy_dmabuf dmabufs[NR_DMABUFS];
int eventfds[2];
static int own[MAX_ACTORS];	/* of those without privileges */
bool dropped;		/* no privileges */
bool rough;		/* the card restarts */

__thread sigjmp_buf landing;
__thread volatile sig_atomic_t jumping;
static __thread const struct actor *whose;

void fail(const char *fmt, ...)
{
	va_list ap;

	if (__sync_lock_test_and_set(&shared->failed, 1))
		return;
	va_start(ap, fmt);
	vsnprintf(shared->why, sizeof(shared->why), fmt, ap);
	va_end(ap);
	__atomic_store_n(&shared->failed, 2, __ATOMIC_RELEASE);
}

uint64_t slow_factor(void)
{
	const char *slow = getenv("AXLTEST_SLOW");

	/* what waits for the card's clock takes no longer */
	return slow && atoi(slow) > 1 ? 2 : 1;
}

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

/*
 * Every call: how often it is made, what it may fail with besides %common (and EIO,
 * where the card restarts), what besides when an argument is spoiled, and what stands
 * for success, where success would be wrong.
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
