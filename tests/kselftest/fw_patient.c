// SPDX-License-Identifier: GPL-2.0
/*
 * A firmware load that waits for an hour holds nothing that others need: while
 * firmware does not answer the start message, other files' calls return or can be
 * killed, and a reset, unbind, unload, system sleep and PCI error come back within
 * two seconds and end the load. A PCI error is acknowledged within 10 ms in every
 * state of the card.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "librestart.h"

#define ROOM		65536
#define HOUR		AT_SEC(3600)
/* What every agent gets its answer in */
#define PROMPT		AT_SEC(2)
#define AT_ONCE		AT_MSEC(500)
#define SOME_USER	12345
#define CAP		"/sys/module/axl/parameters/fw_timeout_max_ms"
#define DELAY		"/sys/module/suspend/parameters/pm_test_delay"

FIXTURE(patient)
{
	struct at_ctx t;
	struct at_image image;
	struct at_mem mem;
	struct axl_xfer x;
	pid_t loader;
};

static pid_t load_in_child(const struct at_image *image, uint64_t timeout, uid_t user)
{
	pid_t child = fork();

	if (!child) {
		struct axl_ioc_fw_load load = { .timeout_ns = timeout };
		int fd = at_open();

		if (fd < 0 || (user && setuid(user)))
			_exit(ENODEV);
		_exit(-at_fw_load(fd, image, &load));
	}
	return child;
}

/* True when a load has sent its message and waits for the link to go down */
static bool start_sent(int fd)
{
	uint64_t end = at_now() + AT_SOON;
	struct axl_ioc_query q;

	do {
		if (!at_query(fd, &q) && q.fw_phase == AXL_FW_PHASE_START &&
		    q.fw_state == AXL_FW_STARTING)
			return true;
		at_sleep_ms(2);
	} while (at_now() < end);
	return false;
}

/* What a child exits with; -1 if it does not end in time or was killed */
static int result(pid_t child, uint64_t timeout)
{
	uint64_t end = at_now() + timeout;
	int status;

	while (waitpid(child, &status, WNOHANG) != child) {
		if (at_now() > end)
			return -1;
		at_sleep_ms(2);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool killed_in_time(pid_t child, uint64_t timeout)
{
	uint64_t end = at_now() + timeout;
	int status;

	kill(child, SIGKILL);
	while (waitpid(child, &status, WNOHANG) != child) {
		if (at_now() > end)
			return false;
		at_sleep_ms(2);
	}
	return WIFSIGNALED(status);
}

FIXTURE_SETUP(patient)
{
	struct axl_ioc_buf_register reg;

	AT_BEGIN(&self->t, AT_NEEDS_RUNNING | AT_PROVOKES_STRAY);
	ASSERT_EQ(0, at_image_good(&self->image, &self->t.q, 64));
	ASSERT_EQ(0, at_mem_alloc(&self->mem, AT_PLAIN, ROOM));
	ASSERT_EQ(0, at_register(self->t.fd, self->mem.p, ROOM,
				 AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE, &reg));
	self->x = (struct axl_xfer){
		.handle = reg.handle, .direction = AXL_TO_DEVICE, .length = ROOM,
		.device_addr = at_scratch_l2(&self->t.q),
		.channel = AXL_CHANNEL_ANY,
	};
	at_lab_set(METIS_LAB_START_FAULT, METIS_LAB_START_SILENT);
	fflush(stdout);
	self->loader = load_in_child(&self->image, HOUR, 0);
	ASSERT_GT(self->loader, 0);
	ASSERT_TRUE(start_sent(self->t.fd));
}

/* Also with another buffer, after the driver was bound anew */
static void still_usable(struct __test_metadata *_metadata,
			 FIXTURE_DATA(patient) *self)
{
	struct axl_ioc_buf_register reg;

	at_lab_reset();
	ASSERT_EQ(0, at_fw_run(self->t.fd));
	ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
	ASSERT_EQ(0, at_register(self->t.fd, self->mem.p, ROOM,
				 AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE, &reg));
	EXPECT_EQ(0, at_move(self->t.fd, reg.handle, AXL_TO_DEVICE, 0,
			     at_scratch_l2(&self->t.q), ROOM));
}

FIXTURE_TEARDOWN(patient)
{
	if (self->loader > 0)
		EXPECT_TRUE(killed_in_time(self->loader, PROMPT));
	still_usable(_metadata, self);
	at_image_free(&self->image);
	at_mem_free(&self->mem);
	AT_END(&self->t);
}

/* The load has ended with @err, and its process with it */
#define LOAD_ENDED(err) do {						\
	EXPECT_EQ(err, result(self->loader, PROMPT));			\
	self->loader = 0;						\
} while (0)

TEST_F_TIMEOUT(patient, calls_of_others, 60)
{
	uint64_t begin = at_now(), count;
	struct axl_ioc_wait w;
	int fd = at_open();

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, at_query(fd, &self->t.q));
	EXPECT_EQ(AXL_FW_STARTING, self->t.q.fw_state);
	EXPECT_NE(0, at_wait(fd, 1, 0, &w));
	EXPECT_EQ(0, at_event_count(fd, 24, &count));
	EXPECT_EQ(-ETIMEDOUT, at_wait_event(fd, 24, count, AT_MSEC(20), NULL));
	EXPECT_EQ(0, close(fd));
	EXPECT_LT(at_now() - begin, AT_ONCE);
	/* the load does not mind */
	EXPECT_EQ(0, waitpid(self->loader, NULL, WNOHANG));
}

static pid_t submit_in_child(FIXTURE_DATA(patient) *self)
{
	pid_t child = fork();
	uint64_t seq;

	if (!child)
		_exit(-at_submit(self->t.fd, &self->x, 1, self->t.q.generation, 0,
				 &seq));
	return child;
}

static pid_t touch_in_child(volatile uint8_t *l2)
{
	pid_t child = fork();

	if (!child)
		_exit(l2[0x200000]);
	return child;
}

TEST_F_TIMEOUT(patient, waits_can_be_killed, 60)
{
	volatile uint8_t *l2 = at_map_l2(self->t.fd, &self->t);
	pid_t submitter, reader;

	ASSERT_NE(NULL, l2);
	submitter = submit_in_child(self);
	reader = touch_in_child(l2);
	ASSERT_GT(submitter, 0);
	ASSERT_GT(reader, 0);
	at_sleep_ms(300);
	EXPECT_EQ(0, waitpid(submitter, NULL, WNOHANG));
	EXPECT_EQ(0, waitpid(reader, NULL, WNOHANG));
	EXPECT_TRUE(killed_in_time(submitter, AT_SEC(1)));
	EXPECT_TRUE(killed_in_time(reader, AT_SEC(1)));
	munmap((void *)l2, self->t.q.bar2_size);
}

/* The firmware of before still runs */
TEST_F_TIMEOUT(patient, loader_killed, 60)
{
	uint64_t generation = self->t.q.generation;
	struct axl_ioc_query q;

	EXPECT_TRUE(killed_in_time(self->loader, AT_SEC(1)));
	self->loader = 0;
	ASSERT_EQ(0, at_wait_state(self->t.fd, AXL_FW_RUNNING, AT_SEC(8), &q));
	EXPECT_EQ(generation, q.generation);
	EXPECT_EQ(0, at_run(self->t.fd, &self->x, 1));
}

TEST_F_TIMEOUT(patient, reset_by_sysfs, 60)
{
	uint64_t begin = at_now();

	EXPECT_EQ(0, at_pci_set(&self->t.pci, "reset", "1"));
	EXPECT_LT(at_now() - begin, PROMPT);
	LOAD_ENDED(ESTALE);
}

TEST_F_TIMEOUT(patient, unbind, 60)
{
	uint64_t begin = at_now();

	EXPECT_EQ(0, at_pci_unbind(&self->t.pci));
	EXPECT_LT(at_now() - begin, PROMPT);
	LOAD_ENDED(ENODEV);
	close(self->t.fd);
	at_lab_reset();
	ASSERT_EQ(0, at_pci_bind(&self->t.pci));
	self->t.fd = at_open();
	ASSERT_GE(self->t.fd, 0);
	ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
}

/* After the last file is closed: the start goes on by itself */
TEST_F_TIMEOUT(patient, unload, 60)
{
	uint64_t begin;

	EXPECT_TRUE(killed_in_time(self->loader, AT_SEC(1)));
	self->loader = 0;
	close(self->t.fd);
	begin = at_now();
	ASSERT_EQ(0, at_module_unload());
	/* the debug kernel delays the release of each object by up to a second */
	EXPECT_LT(at_now() - begin, at_slow() > 1 ? AT_SEC(30) : PROMPT);
	at_lab_reset();
	ASSERT_EQ(0, at_module_load());
	self->t.fd = at_open();
	ASSERT_GE(self->t.fd, 0);
	ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
}

/* Processes that wait for the card are frozen like all others */
TEST_F_TIMEOUT(patient, system_sleep, 60)
{
	volatile uint8_t *l2 = at_map_l2(self->t.fd, &self->t);
	pid_t submitter, reader;
	char delay[16] = "";
	uint64_t begin;
	int err;

	if (access("/sys/power/pm_test", W_OK))
		SKIP(return, "this kernel has no /sys/power/pm_test");
	ASSERT_NE(NULL, l2);
	submitter = submit_in_child(self);
	reader = touch_in_child(l2);
	ASSERT_GT(submitter, 0);
	ASSERT_GT(reader, 0);
	if (!at_read_text(DELAY, delay, sizeof(delay)))
		at_write_text(DELAY, "0");
	ASSERT_EQ(0, at_write_text("/sys/power/pm_test", "devices"));
	begin = at_now();
	err = at_write_text("/sys/power/state", "freeze");
	EXPECT_LT(at_now() - begin, PROMPT);
	at_write_text("/sys/power/pm_test", "none");
	if (delay[0])
		at_write_text(DELAY, delay);
	EXPECT_EQ(0, err);
	LOAD_ENDED(ESTALE);
	/* the sleep has ended what they waited for */
	EXPECT_EQ(ESTALE, result(submitter, AT_SOON));
	EXPECT_NE(-1, result(reader, AT_SOON));
	munmap((void *)l2, self->t.q.bar2_size);
}

TEST_F_TIMEOUT(patient, pci_error, 60)
{
	int err;

	if (!access("/dev/metis1", F_OK))
		SKIP(return, "for a card that is alone");
	err = at_aer_inject(&self->t.pci, PCI_ERR_UNC_DLP);
	if (err == -ENOTSUP)
		SKIP(return, "this kernel has no aer_inject");
	ASSERT_EQ(0, err);
	LOAD_ENDED(ESTALE);
	EXPECT_EQ(0, at_settled(self->t.fd, self->t.q.generation, &self->t.q));
}

/* A time limit of an hour is for administrators */
TEST_F_TIMEOUT(patient, limit_of_others, 60)
{
	uint64_t begin;
	char text[32];

	EXPECT_TRUE(killed_in_time(self->loader, AT_SEC(1)));
	self->loader = 0;
	ASSERT_EQ(0, at_wait_state(self->t.fd, AXL_FW_RUNNING, AT_SEC(8),
				   &self->t.q));
	ASSERT_EQ(0, at_read_text(CAP, text, sizeof(text)));
	ASSERT_EQ(0, at_write_text(CAP, "6000"));
	at_lab_set(METIS_LAB_START_FAULT, METIS_LAB_START_SILENT);
	begin = at_now();
	self->loader = load_in_child(&self->image, HOUR, SOME_USER);
	ASSERT_GT(self->loader, 0);
	EXPECT_EQ(ETIMEDOUT, result(self->loader, AT_SEC(12)));
	self->loader = 0;
	EXPECT_GT(at_now() - begin, AT_SEC(5));
	at_write_text(CAP, text);
}

/* ------------------------------------------------------- acknowledged at once */

/* Longest of the calls since the trace was cleared, in microseconds; -1: none */
static long longest_call(void)
{
	double at, entered = 0, longest = -1;
	char line[512], *p;
	FILE *f = fopen(TRACING "trace", "r");

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		/* "task-pid [cpu] flags seconds: event: ..." */
		p = strstr(line, ": entered:");
		if (!p)
			p = strstr(line, ": left:");
		if (!p)
			continue;
		*p = 0;
		at = atof(strrchr(line, ' ') ?: line);
		if (!strncmp(p + 2, "entered", 7))
			entered = at;
		else if (entered && (at - entered) * 1e6 > longest)
			longest = (at - entered) * 1e6;
	}
	fclose(f);
	return longest;
}

FIXTURE(acknowledged)
{
	struct at_ctx t;
	struct at_image image;
	struct at_mem mem;
	struct axl_xfer x;
};

FIXTURE_VARIANT(acknowledged)
{
	/* what goes on: a load in this phase, AXL_IOC_RESET, a transfer that hangs */
	enum axl_fw_phase phase;
	bool silent, reset, hung;
};

FIXTURE_VARIANT_ADD(acknowledged, idle) { };
FIXTURE_VARIANT_ADD(acknowledged, hung) { .hung = true };
FIXTURE_VARIANT_ADD(acknowledged, reset) { .reset = true };
FIXTURE_VARIANT_ADD(acknowledged, start) {
	.phase = AXL_FW_PHASE_START, .silent = true
};
FIXTURE_VARIANT_ADD(acknowledged, link) { .phase = AXL_FW_PHASE_LINK };
FIXTURE_VARIANT_ADD(acknowledged, areas) { .phase = AXL_FW_PHASE_AREAS };

FIXTURE_SETUP(acknowledged)
{
	struct axl_ioc_buf_register reg;

	AT_BEGIN(&self->t, AT_NEEDS_RUNNING | AT_PROVOKES_STRAY);
	ASSERT_EQ(0, at_image_good(&self->image, &self->t.q, 64));
	ASSERT_EQ(0, at_mem_alloc(&self->mem, AT_PLAIN, ROOM));
	ASSERT_EQ(0, at_register(self->t.fd, self->mem.p, ROOM,
				 AXL_BUF_FROM_DEVICE, &reg));
	self->x = (struct axl_xfer){
		.handle = reg.handle, .direction = AXL_FROM_DEVICE, .length = ROOM,
		.device_addr = at_scratch_l2(&self->t.q),
		.channel = AXL_CHANNEL_ANY,
	};
}

FIXTURE_TEARDOWN(acknowledged)
{
	at_kprobes_clear();
	at_lab_reset();
	EXPECT_EQ(0, at_fw_run(self->t.fd));
	at_image_free(&self->image);
	at_mem_free(&self->mem);
	AT_END(&self->t);
}

/* The port above: aer_inject reads registers of the function that it names */
static int port_of(const struct at_pci *pci, struct at_pci *port)
{
	char link[64], path[512], *name;
	ssize_t n;

	snprintf(link, sizeof(link), "/sys/bus/pci/devices/%s", pci->bdf);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return -errno;
	path[n] = 0;
	name = strrchr(path, '/');
	if (name)
		*name = 0;
	name = strrchr(path, '/');
	if (!name || strlen(name + 1) >= sizeof(port->bdf))
		return -ENODEV;
	strcpy(port->bdf, name + 1);
	return 0;
}

static pid_t reset_in_child(int fd)
{
	pid_t child = fork();

	if (!child) {
		struct axl_ioc_reset r = { };

		_exit(-at_ioctl(fd, AXL_IOC_RESET, &r));
	}
	return child;
}

static bool in_phase(int fd, enum axl_fw_phase phase)
{
	uint64_t end = at_now() + AT_SOON;
	struct axl_ioc_query q;

	do {
		if (!at_query(fd, &q) && q.fw_phase == phase)
			return true;
	} while (at_now() < end);
	return false;
}

/* The bus reset of the recovery can end what was loaded */
static bool is_back(int fd, uint64_t generation)
{
	uint64_t end = at_now() + AT_SEC(30);
	struct axl_ioc_query q;

	do {
		if (!at_query(fd, &q) && q.generation != generation &&
		    (q.fw_state == AXL_FW_RUNNING ||
		     q.fw_state == AXL_FW_BOOTLOADER))
			return true;
		at_sleep_ms(10);
	} while (at_now() < end);
	at_msg("firmware state %u, phase %u, generation %llu", q.fw_state, q.fw_phase,
	       (unsigned long long)q.generation);
	return false;
}

/* One error while something goes on; microseconds of the call, or -1 */
static long error_meanwhile(struct __test_metadata *_metadata,
			    FIXTURE_DATA(acknowledged) *self,
			    const FIXTURE_VARIANT(acknowledged) *variant)
{
	uint64_t end = at_now() + AT_SOON, seq, generation;
	struct at_pci port;
	pid_t child = 0;
	long us;
	int status;

	EXPECT_EQ(0, port_of(&self->t.pci, &port));
	generation = at_generation(self->t.fd);
	if (variant->silent)
		at_lab_set(METIS_LAB_START_FAULT, METIS_LAB_START_SILENT);
	/* back before the PCI core looks for the link, which it does once */
	at_lab_set(METIS_LAB_LINK_DOWN_MS, variant->phase ? 700 : 0);
	at_lab_set(METIS_LAB_AREA_DELAY_MS,
		   variant->phase == AXL_FW_PHASE_AREAS ? 3000 : 0);
	at_lab_set(METIS_LAB_FREEZE, variant->hung);
	if (variant->hung)
		EXPECT_EQ(0, at_submit(self->t.fd, &self->x, 1, generation,
				       AT_SEC(100), &seq));
	fflush(stdout);
	if (variant->phase)
		child = load_in_child(&self->image, AT_SEC(20), 0);
	else if (variant->reset)
		child = reset_in_child(self->t.fd);
	if (child)
		EXPECT_TRUE(in_phase(self->t.fd, variant->phase ? variant->phase :
				     AXL_FW_PHASE_AREAS));
	at_write_text(TRACING "trace", "");
	EXPECT_EQ(0, at_aer_inject(&port, PCI_ERR_UNC_DLP));
	do {
		at_sleep_ms(5);
		us = longest_call();
	} while (us < 0 && at_now() < end);
	at_lab_set(METIS_LAB_FREEZE, 0);
	at_lab_set(METIS_LAB_START_FAULT, 0);
	if (child)
		EXPECT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(is_back(self->t.fd, generation));
	return us;
}

TEST_F_TIMEOUT(acknowledged, within_10_ms, 120)
{
	long us, best = -1;
	unsigned int round;

	if (!access("/dev/metis1", F_OK))
		SKIP(return, "for a card that is alone");
	if (at_aer_inject(&self->t.pci, 0) == -ENOTSUP)
		SKIP(return, "this kernel has no aer_inject");
	if (at_kprobes_set("p:at/entered axl:axl_error_detected\n"
			   "r:at/left axl:axl_error_detected\n"))
		SKIP(return, "this kernel has no kprobe events");
	/* the board can stand still for a while: the shortest of three counts */
	for (round = 0; round < 3; round++) {
		us = error_meanwhile(_metadata, self, variant);
		ASSERT_GE(us, 0)
			TH_LOG("the driver was not told of the error");
		if (best < 0 || us < best)
			best = us;
		if (best < 10000)
			break;
		ASSERT_EQ(0, at_fw_run(self->t.fd));
	}
	at_msg("acknowledged after %ld us", best);
	EXPECT_LT(best, 10000);
}

TEST_HARNESS_MAIN
