// SPDX-License-Identifier: GPL-2.0
/*
 * The system sleeps and wakes up: as far as /sys/power/pm_test lets it go, and
 * for real (suspend to idle) until the clock's alarm. Transfers in flight end
 * within a bound or keep the system awake; afterwards there is a new generation,
 * and firmware is not believed to have survived.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "liblab.h"

#define POWER		"/sys/power/"
#define DELAY		"/sys/module/suspend/parameters/pm_test_delay"
#define ALARM		"/sys/class/rtc/rtc0/wakealarm"

#define CYCLES		10
#define SIZE		(256 * 1024UL)
#define STEPS		8
#define PIECES		8			/* half of them in each direction */
#define CARD		0xbd
#define HOST		0x71
/* What the driver gives transfers before it keeps the system awake */
#define DRAIN		AT_SEC(2)

/* Is @word one of the words of a file in /sys/power? */
static bool offers(const char *file, const char *word)
{
	char path[64], text[128], *w, *save;

	snprintf(path, sizeof(path), POWER "%s", file);
	if (at_read_text(path, text, sizeof(text)))
		return false;
	for (w = strtok_r(text, " []\n", &save); w;
	     w = strtok_r(NULL, " []\n", &save))
		if (!strcmp(w, word))
			return true;
	return false;
}

/* @level: how far to go, NULL: all the way */
static int to_sleep(const char *level, const char *state)
{
	int err;

	/* a host that pauses the board must not fail it: its clock goes on */
	at_write_text(POWER "pm_freeze_timeout", "50000");
	err = at_write_text(POWER "pm_test", level ? level : "none");
	if (err && level)
		return err;
	err = at_write_text(POWER "state", state);
	if (level)
		at_write_text(POWER "pm_test", "none");
	return err;
}

/*
 * For real, @seconds long. An alarm that comes too early must not be missed, or
 * the system would not wake: that is what wakeup_count is for.
 */
static int to_sleep_for(unsigned int seconds)
{
	char count[32], text[32];
	int err, tries;

	for (tries = 0; tries < 3; tries++) {
		at_write_text(ALARM, "0");
		err = at_read_text(POWER "wakeup_count", count, sizeof(count));
		if (!err)
			err = at_write_text(POWER "wakeup_count", count);
		if (err)
			continue;
		snprintf(text, sizeof(text), "+%u", seconds);
		err = at_write_text(ALARM, text);
		if (err)
			return err;
		err = to_sleep(NULL, "freeze");
		if (err != -EBUSY)
			return err;
	}
	return err;
}

FIXTURE(sleep)
{
	struct at_ctx t;
	struct at_mem mem;
	struct axl_ioc_buf_register reg;
	uint64_t base;
	char delay[16];
};

static const char *prepare(struct at_ctx *t, struct at_mem *mem,
			   struct axl_ioc_buf_register *reg, uint64_t base)
{
	if (at_mem_alloc(mem, AT_SCATTERED, PIECES * SIZE))
		return "no memory";
	memset(mem->p, HOST, mem->size);
	if (at_register(t->fd, mem->p, mem->size, AXL_BUF_TO_DEVICE |
			AXL_BUF_FROM_DEVICE, reg))
		return "the buffer cannot be registered";
	if (at_dev_fill(base, CARD, PIECES * SIZE))
		return "device memory cannot be filled";
	return NULL;
}

FIXTURE_SETUP(sleep)
{
	const char *wrong;

	if (!offers("state", "freeze"))
		SKIP(return, "this kernel cannot suspend to idle");
	if (!offers("pm_test", "devices"))
		SKIP(return, "this kernel has no /sys/power/pm_test");
	AT_BEGIN(&self->t, AT_NEEDS_RUNNING);
	/* Nothing to watch during the seconds that it would stay there */
	if (!at_read_text(DELAY, self->delay, sizeof(self->delay)))
		at_write_text(DELAY, "0");
	self->base = at_scratch_l2(&self->t.q);
	wrong = prepare(&self->t, &self->mem, &self->reg, self->base);
	ASSERT_EQ(NULL, wrong)
		TH_LOG("%s", wrong);
}

FIXTURE_TEARDOWN(sleep)
{
	if (!self->t.q.abi)
		return;		/* skipped */
	at_write_text(POWER "pm_test", "none");
	if (self->delay[0])
		at_write_text(DELAY, self->delay);
	at_lab_set(METIS_LAB_UNDO, 1);
	at_mem_free(&self->mem);
	AT_END(&self->t);
}

/* ---- before and after ---- */

/* Pieces 0..3 to the device, 4..7 from it, @ms of the board's time together */
static int start(int fd, uint32_t handle, uint64_t base, uint64_t generation,
		 unsigned int ms, uint64_t *seq)
{
	struct axl_xfer x[PIECES];
	unsigned int i;

	if (ms) {
		/* few: on a busy host each of them comes late */
		at_lab_set(METIS_LAB_STEP_BYTES, SIZE / STEPS);
		at_lab_set(METIS_LAB_STEP_NS, ms * 1000000ULL / STEPS);
	}
	for (i = 0; i < PIECES; i++)
		x[i] = (struct axl_xfer){
			.handle = handle,
			.direction = i < PIECES / 2 ? AXL_TO_DEVICE :
						      AXL_FROM_DEVICE,
			.offset = i * SIZE,
			.device_addr = base + i * SIZE,
			.length = SIZE,
			.channel = AXL_CHANNEL_ANY,
		};
	return at_submit(fd, x, PIECES, generation, AT_SEC(30), seq);
}

/* The freezer interrupts a wait as a signal would */
static int collect(int fd, uint64_t seq, struct axl_ioc_wait *w)
{
	uint64_t end = at_now() + AT_SEC(20);
	int err;

	do {
		err = at_wait(fd, seq, AT_SOON, w);
	} while (err == -EINTR && at_now() < end);
	return err;
}

static const char *data_wrong(const struct at_mem *mem, uint64_t base)
{
	uint32_t crc;

	if (at_check_byte(mem->p + PIECES / 2 * SIZE, PIECES / 2 * SIZE,
			  CARD) >= 0)
		return "what came from the card is wrong";
	if (at_dev_crc(base, PIECES / 2 * SIZE, &crc) ||
	    crc != at_crc32(0, mem->p, PIECES / 2 * SIZE))
		return "what arrived on the card is wrong";
	return NULL;
}

/* A process that waits for transfers in flight; exits with 0 if all succeeded */
static pid_t waiter(int fd, uint64_t seq)
{
	struct axl_ioc_wait w;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (!child) {
		if (collect(fd, seq, &w))
			_exit(1);
		_exit(w.status ? 2 : w.bytes != PIECES * SIZE ? 3 : 0);
	}
	return child;
}

/*
 * After a sleep: a new generation, no firmware, for this file and for others;
 * what was published before is not used.
 */
static const char *not_gone(int fd, uint64_t generation, uint32_t handle)
{
	static char text[128];
	uint64_t end = at_now() + AT_SOON, seq;
	struct axl_xfer x = { .handle = handle, .length = 4096 };
	struct axl_ioc_query q;
	int other, err;

	do {
		err = at_query(fd, &q);
		if (err || q.fw_state != AXL_FW_STARTING)
			break;
		at_sleep_ms(10);
	} while (at_now() < end);
	if (!err && q.generation <= generation)
		return "the generation was not raised";
	if (!err && q.fw_state != AXL_FW_NONE &&
	    q.fw_state != AXL_FW_BOOTLOADER) {
		snprintf(text, sizeof(text), "firmware is in state %u",
			 q.fw_state);
		return text;
	}
	/* The table may be published, as long as no other area is relied on */
	if (!err && q.features & AXL_FEAT_DMA_LIST)
		return "areas of before are believed";
	x.device_addr = at_scratch_l2(&q);
	if (!err && at_submit(fd, &x, 1, generation, 0, &seq) != -ESTALE)
		return "the old generation still passes";
	if (err) {
		snprintf(text, sizeof(text), "query: %s", strerror(-err));
		return text;
	}

	/* Opening the node makes the driver look at the card */
	other = at_open();
	if (other < 0)
		return "the node does not open";
	err = at_query(other, &q);
	close(other);
	if (err || (q.fw_state != AXL_FW_NONE &&
		    q.fw_state != AXL_FW_BOOTLOADER))
		return "firmware is believed again after another open";
	return NULL;
}

/* Firmware can be loaded, and then everything works, with the old buffer, too */
static const char *not_usable(struct at_ctx *t, const struct at_mem *mem,
			      uint32_t handle, uint64_t base)
{
	static char text[128];
	uint64_t seen, seq;
	struct axl_ioc_query q;
	struct axl_ioc_wait w;
	const char *wrong;
	int err;

	err = at_fw_run(t->fd);
	if (!err)
		err = at_query(t->fd, &q);
	if (err) {
		snprintf(text, sizeof(text), "firmware does not load: %s",
			 strerror(-err));
		return text;
	}
	if (q.fw_state != AXL_FW_RUNNING)
		return "firmware does not run after a load";
	at_lab_reset();
	if (at_dev_fill(base, CARD, PIECES * SIZE))
		return "device memory cannot be filled";
	memset(mem->p, HOST, mem->size);
	err = start(t->fd, handle, base, q.generation, 0, &seq);
	if (!err)
		err = at_wait(t->fd, seq, AT_SOON, &w);
	if (!err)
		err = w.status;
	if (err) {
		snprintf(text, sizeof(text), "transfers fail: %s",
			 strerror(-err));
		return text;
	}
	wrong = data_wrong(mem, base);
	if (wrong)
		return wrong;
	err = at_event_count(t->fd, 3, &seen);
	at_lab_set(METIS_LAB_RAISE, 3);
	if (!err)
		err = at_wait_event(t->fd, 3, seen, AT_SOON, NULL);
	if (err) {
		snprintf(text, sizeof(text), "events do not come: %s",
			 strerror(-err));
		return text;
	}
	return NULL;
}

/* ---- tests ---- */

TEST_F_TIMEOUT(sleep, idle_every_level, 120)
{
	static const char *const levels[] = {
		"freezer", "devices", "platform", "processors", "core",
	};
	static const char *const states[] = { "freeze", "mem" };
	const char *wrong;
	size_t i, k;
	int err;

	for (i = 0; i < 2 * at_array_size(levels); i++) {
		const char *level = levels[i / 2], *state = states[i % 2];

		if (!offers("pm_test", level) || !offers("state", state)) {
			at_msg("%s with pm_test %s: not offered", state, level);
			continue;
		}
		ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
		err = to_sleep(level, state);
		/* These need more of the platform than suspend to idle has */
		if (err == -EAGAIN && (i / 2 >= 3)) {
			at_msg("%s with pm_test %s: the kernel refuses this combination",
			       state, level);
			continue;
		}
		ASSERT_EQ(0, err)
			TH_LOG("%s with pm_test %s: %s", state, level,
			       strerror(-err));
		if (!i || i == 1) {
			/* Devices do not take part */
			EXPECT_EQ(self->t.q.generation,
				  at_generation(self->t.fd));
			continue;
		}
		wrong = not_gone(self->t.fd, self->t.q.generation,
				 self->reg.handle);
		EXPECT_EQ(NULL, wrong)
			TH_LOG("%s with pm_test %s: %s", state, level, wrong);
		for (k = 0; k < 2; k++) {
			/* Twice: what was loaded is not disbelieved again */
			wrong = not_usable(&self->t, &self->mem,
					   self->reg.handle, self->base);
			ASSERT_EQ(NULL, wrong)
				TH_LOG("%s with pm_test %s: %s", state, level,
				       wrong);
		}
	}
}

TEST_F_TIMEOUT(sleep, transfers_that_end_in_time, 60)
{
	uint64_t seq, begin;
	const char *wrong;
	int status, err;
	pid_t child;

	ASSERT_EQ(0, start(self->t.fd, self->reg.handle, self->base,
			   self->t.q.generation, 500, &seq));
	child = waiter(self->t.fd, seq);
	ASSERT_GT(child, 0);
	EXPECT_NE(0, at_lab_get(METIS_LAB_RUNNING));
	begin = at_now();
	err = to_sleep("devices", "freeze");
	ASSERT_EQ(0, err)
		TH_LOG("%s after %llu ms", strerror(-err),
		       (unsigned long long)(at_now() - begin) / 1000000);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status)
		TH_LOG("transfers in flight: step %d", WEXITSTATUS(status));
	wrong = data_wrong(&self->mem, self->base);
	EXPECT_EQ(NULL, wrong)
		TH_LOG("%s", wrong);
	wrong = not_gone(self->t.fd, self->t.q.generation,
			 self->reg.handle);
	EXPECT_EQ(NULL, wrong)
		TH_LOG("%s", wrong);
	wrong = not_usable(&self->t, &self->mem, self->reg.handle, self->base);
	EXPECT_EQ(NULL, wrong)
		TH_LOG("%s", wrong);
}

/* What is queued when the system goes to sleep runs before it does, in time */
TEST_F_TIMEOUT(sleep, queued_transfers, 60)
{
	struct axl_xfer x = {
		.handle = self->reg.handle, .direction = AXL_TO_DEVICE,
		.device_addr = self->base, .length = SIZE,
	};
	uint64_t running, queued;
	struct axl_ioc_wait w;

	ASSERT_EQ(0, start(self->t.fd, self->reg.handle, self->base,
			   self->t.q.generation, 200, &running));
	ASSERT_EQ(0, at_submit(self->t.fd, &x, 1, self->t.q.generation,
			       AT_SEC(30), &queued));
	EXPECT_NE(0, at_lab_get(METIS_LAB_RUNNING));
	ASSERT_EQ(0, to_sleep("devices", "freeze"));
	EXPECT_EQ(0, collect(self->t.fd, running, &w));
	EXPECT_EQ(0, w.status);
	EXPECT_EQ(0, collect(self->t.fd, queued, &w));
	EXPECT_EQ(0, w.status);
	EXPECT_EQ(SIZE, w.bytes);
}

/* The system stays up, and only the process that wanted it to sleep notices */
TEST_F_TIMEOUT(sleep, transfers_that_do_not, 60)
{
	uint64_t seq, begin, took, seen;
	struct axl_ioc_query q;
	struct axl_ioc_wait w;
	const char *wrong;
	int status;
	pid_t child;

	at_lab_set(METIS_LAB_FREEZE, 1);
	ASSERT_EQ(0, start(self->t.fd, self->reg.handle, self->base,
			   self->t.q.generation, 0, &seq));
	child = waiter(self->t.fd, seq);
	ASSERT_GT(child, 0);
	begin = at_now();
	EXPECT_EQ(-EBUSY, to_sleep("devices", "freeze"));
	took = at_now() - begin;
	at_msg("refused after %llu ms", (unsigned long long)took / 1000000);
	EXPECT_GE(took, DRAIN * 9 / 10);
	EXPECT_LT(took, DRAIN + AT_SEC(8));
	ASSERT_EQ(0, at_query(self->t.fd, &q));
	EXPECT_EQ(self->t.q.generation, q.generation);
	EXPECT_EQ(AXL_FW_RUNNING, q.fw_state);
	EXPECT_EQ(-ETIMEDOUT, at_wait(self->t.fd, seq, 0, &w));
	/* Events, and another transfer in the queue of the frozen engine */
	ASSERT_EQ(0, at_event_count(self->t.fd, 3, &seen));
	at_lab_set(METIS_LAB_RAISE, 3);
	EXPECT_EQ(0, at_wait_event(self->t.fd, 3, seen, AT_SOON, NULL));

	at_lab_set(METIS_LAB_FREEZE, 0);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status)
		TH_LOG("transfers in flight: step %d", WEXITSTATUS(status));
	wrong = data_wrong(&self->mem, self->base);
	EXPECT_EQ(NULL, wrong)
		TH_LOG("%s", wrong);
	EXPECT_EQ(0, at_move(self->t.fd, self->reg.handle, AXL_TO_DEVICE, 0,
			     self->base, SIZE));
	EXPECT_EQ(self->t.q.generation, at_generation(self->t.fd));

	/* And now that they have ended it can sleep */
	EXPECT_EQ(0, to_sleep("devices", "freeze"));
	wrong = not_gone(self->t.fd, self->t.q.generation,
			 self->reg.handle);
	EXPECT_EQ(NULL, wrong)
		TH_LOG("%s", wrong);
}

TEST_F_TIMEOUT(sleep, waiters_for_events, 60)
{
	static const uint32_t events[] = { 3, 70, AXL_EVENT_ANY };
	pid_t children[at_array_size(events)];
	uint64_t end = at_now() + AT_SEC(20);
	int status;
	size_t i;

	for (i = 0; i < at_array_size(events); i++) {
		fflush(stdout);
		children[i] = fork();
		if (!children[i]) {
			struct axl_ioc_wait_event e = {
				.event = events[i], .seen = ~0ULL,
				.generation = self->t.q.generation,
			};
			int err = at_ioctl(self->t.fd, AXL_IOC_WAIT_EVENT, &e);

			e.seen = e.count;
			e.timeout_ns = AT_SEC(30);
			do {
				err = at_ioctl(self->t.fd, AXL_IOC_WAIT_EVENT,
					       &e);
			} while (err == -EINTR && at_now() < end);
			_exit(-err);
		}
		ASSERT_GT(children[i], 0);
	}
	at_sleep_ms(100);
	EXPECT_EQ(0, to_sleep("devices", "freeze"));
	for (i = 0; i < at_array_size(events); i++) {
		ASSERT_EQ(children[i], waitpid(children[i], &status, 0));
		EXPECT_EQ(ESTALE, WEXITSTATUS(status))
			TH_LOG("waiter for %#x", events[i]);
	}
}

/* A mapping of L2 lives through it */
TEST_F_TIMEOUT(sleep, mapping, 60)
{
	volatile uint32_t *l2, *word;
	uint64_t size = self->t.q.bar2_size;
	uint32_t version;
	int i;

	l2 = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, self->t.fd,
		  0);
	ASSERT_NE(MAP_FAILED, l2);
	version = l2[0x200 / 4];	/* of the shared area */
	word = l2 + AT_L2_SCRATCH / 4;
	*word = 0x12345678;
	EXPECT_EQ(0x12345678, *word);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, to_sleep(i ? "platform" : "devices", "freeze"));
		/* At once: the driver may still be at it */
		EXPECT_EQ(0x12345678, *word);
		*word = 0x9abcdef0 + i;
		EXPECT_EQ(0x9abcdef0 + i, *word);
		*word = 0x12345678;
		EXPECT_EQ(version, l2[0x200 / 4]);
	}
	munmap((void *)l2, size);
}

/* Firmware that lives through it must not write to a table that is not in use */
TEST_F_TIMEOUT(sleep, firmware_that_signals, 60)
{
	uint32_t raise[3] = { 70, 20000, 100 }, size;
	volatile uint8_t *l2;
	uint8_t reply[METIS_EMU_MBOX_MSG_MAX];
	uint64_t strays = at_lab_get(METIS_LAB_STRAY_WRITES);
	const char *wrong;

	l2 = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, self->t.fd,
		  0);
	ASSERT_NE(MAP_FAILED, l2);
	ASSERT_EQ(0, at_mailbox(l2, METIS_EMU_OP_RAISE, raise, sizeof(raise),
				reply, &size));
	EXPECT_EQ(0, to_sleep("devices", "freeze"));
	at_sleep_ms(50);
	EXPECT_EQ(strays, at_lab_get(METIS_LAB_STRAY_WRITES))
		TH_LOG("firmware wrote slots while no table was published");
	munmap((void *)l2, 65536);
	wrong = not_usable(&self->t, &self->mem, self->reg.handle, self->base);
	EXPECT_EQ(NULL, wrong)
		TH_LOG("%s", wrong);
}

/* The load ends first, or the system stays up; afterwards another one works */
TEST_F_TIMEOUT(sleep, during_a_load, 60)
{
	uint64_t end = at_now() + AT_SOON;
	struct axl_ioc_query q;
	const char *wrong;
	int status, err;
	pid_t child;

	at_lab_set(METIS_LAB_LINK_DOWN_MS, 600);
	fflush(stdout);
	child = fork();
	if (!child)
		_exit(-at_fw_run(self->t.fd));
	ASSERT_GT(child, 0);
	do {
		ASSERT_EQ(0, at_query(self->t.fd, &q));
	} while (q.fw_phase != AXL_FW_PHASE_LINK && at_now() < end);
	EXPECT_EQ(AXL_FW_PHASE_LINK, q.fw_phase);
	err = to_sleep("devices", "freeze");
	at_msg("sleep during a load: %s", err ? strerror(-err) : "it slept");
	EXPECT_TRUE(!err || err == -EBUSY)
		TH_LOG("sleep: %d", err);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(!WEXITSTATUS(status) || WEXITSTATUS(status) == ESTALE ||
		    WEXITSTATUS(status) == EINTR ||
		    WEXITSTATUS(status) == ETIMEDOUT)
		TH_LOG("load: %d", WEXITSTATUS(status));
	wrong = not_usable(&self->t, &self->mem, self->reg.handle, self->base);
	EXPECT_EQ(NULL, wrong)
		TH_LOG("%s", wrong);
}

/* All the way, until the alarm: nothing to do, and transfers in flight */
TEST_F_TIMEOUT(sleep, until_the_alarm, 120)
{
	uint64_t seq;
	const char *wrong;
	int status, err, i;
	pid_t child = 0;

	if (access(ALARM, W_OK))
		SKIP(return, "no clock that can wake the system");
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
		if (i) {
			ASSERT_EQ(0, start(self->t.fd, self->reg.handle,
					   self->base, self->t.q.generation,
					   400, &seq));
			child = waiter(self->t.fd, seq);
			ASSERT_GT(child, 0);
		}
		err = to_sleep_for(2);
		if (i) {
			ASSERT_EQ(child, waitpid(child, &status, 0));
			EXPECT_EQ(0, status)
				TH_LOG("transfers in flight: step %d",
				       WEXITSTATUS(status));
		}
		ASSERT_EQ(0, err)
			TH_LOG("sleep: %s", strerror(-err));
		wrong = not_gone(self->t.fd, self->t.q.generation,
				 self->reg.handle);
		EXPECT_EQ(NULL, wrong)
			TH_LOG("round %d: %s", i, wrong);
		wrong = not_usable(&self->t, &self->mem, self->reg.handle,
				   self->base);
		EXPECT_EQ(NULL, wrong)
			TH_LOG("round %d: %s", i, wrong);
	}
}

/* The state of the card once a recovery is over */
static int query_settled(int fd, struct axl_ioc_query *q)
{
	uint64_t end = at_now() + AT_SEC(10);
	int err;

	do {
		err = at_query(fd, q);
	} while (!err && q->fw_state == AXL_FW_STARTING && at_now() < end);
	return err;
}

/* Asleep again before any firmware was loaded */
TEST_F_TIMEOUT(sleep, again_without_firmware, 60)
{
	uint64_t begin = at_now();
	const char *wrong;
	int i, err;

	for (i = 0; i < 4; i++) {
		/* one that is still recovering has its new generation */
		ASSERT_EQ(0, query_settled(self->t.fd, &self->t.q));
		err = to_sleep("devices", "freeze");
		ASSERT_EQ(0, err)
			TH_LOG("round %d: %s", i, strerror(-err));
		if (i % 2)
			continue;
		wrong = not_gone(self->t.fd, self->t.q.generation,
				 self->reg.handle);
		EXPECT_EQ(NULL, wrong)
			TH_LOG("round %d: %s", i, wrong);
	}
	/* No long wait for areas that are not published */
	EXPECT_LT(at_now() - begin, AT_SEC(15));
	wrong = not_usable(&self->t, &self->mem, self->reg.handle, self->base);
	EXPECT_EQ(NULL, wrong)
		TH_LOG("%s", wrong);
}

TEST_F_TIMEOUT(sleep, many_times, 120)
{
	struct at_leak leak;
	const char *wrong;
	unsigned int i;

	for (i = 0; i < CYCLES; i++) {
		if (i == 3)
			at_leak_mark(&leak);
		ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
		ASSERT_EQ(0, to_sleep(i % 2 ? "devices" : "platform",
				      i % 3 || !offers("state", "mem") ?
				      "freeze" : "mem"));
		wrong = not_gone(self->t.fd, self->t.q.generation,
				 self->reg.handle);
		ASSERT_EQ(NULL, wrong)
			TH_LOG("cycle %u: %s", i, wrong);
		wrong = not_usable(&self->t, &self->mem, self->reg.handle,
				   self->base);
		ASSERT_EQ(NULL, wrong)
			TH_LOG("cycle %u: %s", i, wrong);
	}
	wrong = at_leak_check(&leak);
	EXPECT_EQ(NULL, wrong)
		TH_LOG("in %u cycles: %s", CYCLES - 3, wrong);
}

TEST_HARNESS_MAIN
