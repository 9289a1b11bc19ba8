// SPDX-License-Identifier: GPL-2.0
/*
 * A call that meets a recovery gets the right answer: with one that is due, a firmware
 * start is not sent; with one of another agent, a reset is refused; after one that
 * failed, the card is left alone for a while. A card that is still bus master after a
 * bounce of the link is reset.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "librestart.h"

#define ROOM	65536
#define TRIES	5

FIXTURE(recoveries)
{
	struct at_ctx t;
	struct at_mem mem;
	struct axl_xfer from;	/* by write channel 0 */
};

FIXTURE_SETUP(recoveries)
{
	struct axl_ioc_buf_register reg;

	AT_BEGIN(&self->t, AT_NEEDS_RUNNING | AT_PROVOKES_STRAY);
	ASSERT_EQ(0, at_mem_alloc(&self->mem, AT_PLAIN, ROOM));
	ASSERT_EQ(0, at_register(self->t.fd, self->mem.p, ROOM,
				 AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE,
				 &reg));
	self->from = (struct axl_xfer){
		.handle = reg.handle, .direction = AXL_FROM_DEVICE,
		.device_addr = at_scratch_l2(&self->t.q), .length = ROOM,
	};
}

FIXTURE_TEARDOWN(recoveries)
{
	at_lab_reset();
	at_mem_free(&self->mem);
	AT_END(&self->t);
}

/* The state letter of a process, 0 when it has ended */
static char state_of(pid_t pid)
{
	char path[32], text[512];
	const char *p;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (at_read_text(path, text, sizeof(text)))
		return 0;
	p = strrchr(text, ')');
	return p && p[1] ? p[2] : 0;
}

/* Is it waiting within the kernel, in this phase of a load? */
static bool blocked_in(int fd, pid_t pid, enum axl_fw_phase phase)
{
	uint64_t end = at_now() + AT_SOON;
	struct axl_ioc_query q;

	do {
		at_sleep_ms(5);
		if (!at_query(fd, &q) && q.fw_phase == phase &&
		    state_of(pid) == 'D')
			return true;
	} while (at_now() < end);
	return false;
}

/*
 * One load whose wait for a transfer ends together with the link: the loader has
 * no processor from before the end of the transfer until the driver knows of the
 * link. What the load returned, -EAGAIN when the order is not certain.
 */
static int load_with_recovery_due(FIXTURE_DATA(recoveries) *self,
				  const struct at_image *image)
{
	uint64_t gen = self->t.q.generation, seq;
	struct axl_ioc_wait_event e = {
		.event = 900, .generation = gen, .timeout_ns = AT_MSEC(1),
	};
	struct at_hog hog;
	struct axl_ioc_wait w;
	int status, err;
	pid_t child;

	at_lab_set(METIS_LAB_HANG_SOFT, METIS_LAB_WR_CH(0));
	err = at_submit(self->t.fd, &self->from, 1, gen, AT_SEC(50), &seq);
	if (err)
		return err;
	child = fork();
	if (child < 0)
		return -errno;
	if (!child) {
		struct axl_ioc_fw_load load = { };

		at_cpu_take(1, false);
		_exit(-at_fw_load(self->t.fd, image, &load));
	}
	err = blocked_in(self->t.fd, child, AXL_FW_PHASE_START) ? 0 : -EPROTO;
	at_cpu_take(0, false);
	if (!err)
		err = at_hog_start(&hog, 1);
	if (!err) {
		at_lab_set(METIS_LAB_HANG_SOFT, 0);
		err = at_wait(self->t.fd, seq, AT_SOON, &w);
		at_lab_set(METIS_LAB_LINK_DOWN, 500);
		/* notices that the link is down, and asks for the recovery */
		at_ioctl(self->t.fd, AXL_IOC_WAIT_EVENT, &e);
		if (!at_hog_end(&hog) && !err)
			err = -EAGAIN;
	}
	at_lab_set(METIS_LAB_HANG_SOFT, 0);
	at_cpu_give();
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return -ECHILD;
	return err ? err : -WEXITSTATUS(status);
}

TEST_F_TIMEOUT(recoveries, start_is_not_sent, 60)
{
	uint32_t requests, writes;
	struct at_image image;
	uint64_t gen;
	int err, i;

	if (at_cpus() < 2)
		SKIP(return, "needs a processor for the loader alone");
	ASSERT_EQ(0, at_image_good(&image, &self->t.q, 64));
	for (i = 0, err = -EAGAIN; i < TRIES && err == -EAGAIN; i++) {
		gen = self->t.q.generation;
		requests = at_lab_get(METIS_LAB_MBOX_REQUESTS);
		writes = at_lab_get(METIS_LAB_DOWN_WRITES);
		err = load_with_recovery_due(self, &image);
		ASSERT_EQ(0, at_settled(self->t.fd, gen, &self->t.q));
	}
	at_image_free(&image);
	if (err == -EAGAIN)
		SKIP(return, "the board is too slow to be certain");
	EXPECT_EQ(-ESTALE, err);
	EXPECT_EQ(requests, at_lab_get(METIS_LAB_MBOX_REQUESTS));
	EXPECT_EQ(writes, at_lab_get(METIS_LAB_DOWN_WRITES));
}

/* Another agent resets the card, and the card takes its time */
TEST_F_TIMEOUT(recoveries, reset_is_refused, 60)
{
	uint64_t gen = self->t.q.generation, end = at_now() + AT_SOON;
	uint32_t flrs = at_lab_get(METIS_LAB_FLRS);
	struct axl_ioc_reset reset = { };
	pid_t child;
	int status;

	at_lab_set(METIS_LAB_NOT_READY, 1);
	child = fork();
	if (!child)
		_exit(-at_pci_set(&self->t.pci, "reset", "1"));
	while (at_lab_get(METIS_LAB_FLRS) == flrs && at_now() < end)
		at_sleep_ms(1);
	EXPECT_EQ(-EBUSY, at_ioctl(self->t.fd, AXL_IOC_RESET, &reset));
	at_lab_set(METIS_LAB_NOT_READY, 0);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_EQ(0, at_settled(self->t.fd, gen, &self->t.q));
	EXPECT_EQ(flrs + 1, at_lab_get(METIS_LAB_FLRS));
	EXPECT_EQ(0, at_run(self->t.fd, &self->from, 1));
}

/*
 * The engine hangs when firmware has restarted: the card is given up. It answers,
 * but is not tried again each time that a call, or the driver itself, looks at it.
 */
TEST_F_TIMEOUT(recoveries, dead_card_is_left_alone, 60)
{
	static const char said[] = "recovering: ";
	uint64_t end, died;
	unsigned int lines;
	struct axl_ioc_query q;
	int i, err = -1;

	for (i = 0; i < TRIES && err; i++) {
		at_lab_set(METIS_LAB_LINK_DOWN_MS, 20);
		at_lab_set(METIS_LAB_AREA_DELAY_MS, 600);
		at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_RUNTIME);
		end = at_now() + AT_SOON;
		while ((at_lab_get(METIS_LAB_LINK) != 1 ||
			at_lab_get(METIS_LAB_FW_STATE) != METIS_EMU_STARTING) &&
		       at_now() < end)
			at_sleep_ms(1);
		at_lab_set(METIS_LAB_HANG_HARD, 0xff);
		err = at_wait_state(self->t.fd, AXL_FW_DEAD, AT_SEC(3), &q);
		at_lab_set(METIS_LAB_HANG_HARD, 0);
	}
	ASSERT_EQ(0, err);
	died = at_now();
	lines = at_log_count(";axl ", said);
	while (at_now() < died + AT_SEC(1)) {
		ASSERT_EQ(0, at_query(self->t.fd, &q));
		at_sleep_ms(20);
	}
	/* ten seconds later it is given a chance */
	if (at_now() < died + AT_SEC(8)) {
		EXPECT_EQ(AXL_FW_DEAD, q.fw_state);
		EXPECT_EQ(lines, at_log_count(";axl ", said));
		EXPECT_EQ(-EIO, at_run(self->t.fd, &self->from, 1));
	}
	EXPECT_EQ(0, at_rebind(&self->t));
}

/* The link bounces, and the card has not been reset: its engine still runs */
TEST_F_TIMEOUT(recoveries, master_after_a_bounce, 60)
{
	uint64_t gen = self->t.q.generation, seq;
	uint32_t flrs = at_lab_get(METIS_LAB_FLRS);
	struct axl_ioc_query q;
	struct axl_ioc_wait w;

	at_lab_set(METIS_LAB_HANG_HARD, METIS_LAB_WR_CH(0));
	ASSERT_EQ(0, at_submit(self->t.fd, &self->from, 1, gen, AT_SEC(50),
			       &seq));
	at_lab_set(METIS_LAB_LINK_KEEP, 1);
	at_lab_set(METIS_LAB_LINK_DOWN, 500);
	ASSERT_EQ(0, at_query(self->t.fd, &q));
	EXPECT_EQ(0, at_wait(self->t.fd, seq, AT_SOON, &w));
	EXPECT_EQ(-ESTALE, w.status);
	ASSERT_EQ(0, at_settled(self->t.fd, gen, &self->t.q));
	EXPECT_EQ(flrs + 1, at_lab_get(METIS_LAB_FLRS));
	EXPECT_EQ(0, at_lab_get(METIS_LAB_RUNNING));
	at_lab_set(METIS_LAB_LINK_KEEP, 0);
	EXPECT_EQ(0, at_run(self->t.fd, &self->from, 1));
}

TEST_HARNESS_MAIN
