// SPDX-License-Identifier: GPL-2.0
/*
 * What the driver does with L2 around a restart of firmware: it does not write
 * to an area that firmware has moved, does not adopt areas that are left from
 * before the restart, and gives up on restarts that the link does not show when
 * they never end, without leaving a caller behind.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "librestart.h"

#define ROOM		4096UL
/* AXL_REJOINS_MAX of the driver, and the time in which so many are too many */
#define REJOINS_MAX	60
#define REJOINS_TIME	AT_SEC(60)

/* The host-driver area: its reference's offset, and what the driver writes */
#define REF_HOSTIF_OFFSET	(0x2b8 + 8)
#define HOSTIF_TARGET		8
#define HOSTIF_BYTES		24

FIXTURE(areas)
{
	struct at_ctx t;
};

FIXTURE_SETUP(areas)
{
	AT_BEGIN(&self->t, AT_NEEDS_RUNNING | AT_PROVOKES_STRAY);
	at_lab_set(METIS_LAB_LINK_DOWN_MS, 20);
	at_lab_set(METIS_LAB_AREA_DELAY_MS, 10);
}

FIXTURE_TEARDOWN(areas)
{
	AT_END(&self->t);
}

/* Device address of the host-driver area that firmware publishes */
static uint64_t hostif(const struct axl_ioc_query *q)
{
	uint64_t offset = 0;

	at_dev_read(q->l2_base + REF_HOSTIF_OFFSET, &offset, sizeof(offset));
	return q->l2_base + offset;
}

/* Until a call finds it, the driver does not learn of a restart */
static void keep_quiet(void)
{
	at_lab_set(METIS_LAB_LOSE_KINDS, METIS_LAB_LOSE_PMSI |
		   METIS_LAB_LOSE_VMSI);
	at_lab_set(METIS_LAB_LOSE_MSGS, 1000000);
}

/*
 * Firmware restarts without a bounce of the link, its areas move, and what was
 * the host-driver area is used for something else.
 */
static void moved(struct __test_metadata *_metadata, FIXTURE_DATA(areas) *self,
		  bool by_reset, bool keep_target)
{
	uint64_t old = hostif(&self->t.q), gen = self->t.q.generation;
	uint8_t pattern[HOSTIF_BYTES], after[HOSTIF_BYTES];
	struct axl_ioc_reset reset = { };

	at_fill(pattern, sizeof(pattern), gen, 0);
	if (keep_target)
		ASSERT_EQ(0, at_dev_read(old + HOSTIF_TARGET,
					 pattern + HOSTIF_TARGET, 8));
	keep_quiet();
	at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_MOVED);
	ASSERT_NE(old, hostif(&self->t.q));
	ASSERT_EQ(0, at_dev_write(old, pattern, sizeof(pattern)));
	at_lab_set(METIS_LAB_LOSE_MSGS, 0);
	if (by_reset)
		ASSERT_EQ(0, at_ioctl(self->t.fd, AXL_IOC_RESET, &reset));
	ASSERT_EQ(0, at_settled(self->t.fd, gen, &self->t.q));
	ASSERT_EQ(0, at_dev_read(old, after, sizeof(after)));
	EXPECT_EQ(0, memcmp(pattern, after, sizeof(after)))
		TH_LOG("the driver wrote to %#llx, which is not firmware's area any more",
		       (unsigned long long)old);
	EXPECT_NE(0, at_lab_get64(METIS_LAB_TARGET));
}

TEST_F_TIMEOUT(areas, moved_area_is_left_alone, 60)
{
	if (!(self->t.q.features & AXL_FEAT_VMSI))
		SKIP(return, "firmware has no table");
	moved(_metadata, self, false, false);
	moved(_metadata, self, true, false);
	/* only the reference tells that the area is not there any more */
	moved(_metadata, self, false, true);
}

/* L2 keeps its content through a bounce; the new areas take their time */
TEST_F_TIMEOUT(areas, old_areas_are_not_adopted, 60)
{
	uint64_t gen = self->t.q.generation;
	uint32_t starts = at_lab_get(METIS_LAB_GENERATION);

	if (!(self->t.q.features & AXL_FEAT_VMSI))
		SKIP(return, "firmware has no table");
	at_lab_set(METIS_LAB_AREA_DELAY_MS, 800);
	at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_KEPT);
	ASSERT_EQ(0, at_settled(self->t.fd, gen, &self->t.q));
	EXPECT_EQ(METIS_EMU_RUNNING, at_lab_get(METIS_LAB_FW_STATE))
		TH_LOG("online although firmware has not published its areas");
	EXPECT_NE(0, at_lab_get64(METIS_LAB_TARGET));
	EXPECT_EQ(starts + 1, at_lab_get(METIS_LAB_GENERATION));
	EXPECT_EQ(gen + 1, self->t.q.generation);
}

/* ---- restarts without end ---- */

/*
 * Submits while the recovery that its own QUERY has asked for cannot have begun:
 * the work item gets no processor before the submission waits for it.
 */
static int submit_in_recovery(struct axl_ioc_query *q)
{
	unsigned int nr = at_cpus(), i;
	struct axl_ioc_buf_register reg;
	struct at_hog hogs[8];
	struct axl_ioc_wait w;
	struct at_mem mem;
	uint64_t seq;
	int err, fd;

	fd = at_open();
	if (fd < 0)
		return fd;
	err = at_mem_alloc(&mem, AT_PLAIN, ROOM);
	if (!err)
		err = at_register(fd, mem.p, ROOM, AXL_BUF_TO_DEVICE, &reg);
	if (err)
		return err;
	struct axl_xfer x = {
		.handle = reg.handle, .direction = AXL_TO_DEVICE,
		.device_addr = at_scratch_l2(q), .length = ROOM,
		.channel = AXL_CHANNEL_ANY,
	};
	for (i = 1; i < nr && !err; i++)
		err = at_hog_start(&hogs[i], i);
	if (!err)
		err = at_cpu_take(0, true);
	if (err)
		return err;
	at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_WARM);
	err = at_query(fd, q);
	if (!err)
		err = at_submit(fd, &x, 1, q->generation, 0, &seq);
	for (i = 1; i < nr; i++)
		at_hog_end(&hogs[i]);
	at_cpu_give();
	if (!err)
		err = at_wait(fd, seq, AT_SOON, &w);
	return err ? err : w.status;
}

/*
 * After so many in a minute the driver does not look for them any more. Nothing is
 * recovered then, and a submission that waited for the recovery goes on.
 */
TEST_F_TIMEOUT(areas, too_many_restarts, 120)
{
	static const char said[] = "firmware seems to restart all the time";
	unsigned int i, before = at_log_count(";axl ", said);
	struct axl_ioc_query q;
	uint64_t begun, end, gen, restarts;
	int status = -1;
	pid_t child;

	if (!(self->t.q.features & AXL_FEAT_VMSI))
		SKIP(return, "without a table nothing shows a restart");
	/* restarts count from here, not from an earlier test on */
	ASSERT_EQ(0, at_rebind(&self->t));
	begun = at_now();
	keep_quiet();
	for (i = 0; i < REJOINS_MAX; i++) {
		gen = self->t.q.generation;
		restarts = self->t.q.restarts;
		at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_WARM);
		ASSERT_EQ(0, at_settled(self->t.fd, gen, &self->t.q))
			TH_LOG("restart %u", i + 1);
		ASSERT_EQ(restarts + 1, self->t.q.restarts);
	}
	EXPECT_EQ(before, at_log_count(";axl ", said));
	gen = self->t.q.generation;
	child = fork();
	if (!child)
		_exit(-submit_in_recovery(&self->t.q));
	ASSERT_GT(child, 0);
	end = at_now() + AT_SOON;
	while (!waitpid(child, &status, WNOHANG) && at_now() < end)
		at_sleep_ms(2);
	if (at_now() - begun > REJOINS_TIME)
		at_msg("%u restarts took more than a minute: nothing is shown",
		       i + 1);
	if (status == -1) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	EXPECT_EQ(0, status)
		TH_LOG("%s", status == -1 ? "the submission did not return" :
					    strerror(WEXITSTATUS(status)));
	if (at_now() - begun <= REJOINS_TIME) {
		/* neither this one nor those to come */
		at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_WARM);
		for (i = 0; i < 10; i++) {
			ASSERT_EQ(0, at_query(self->t.fd, &q));
			at_sleep_ms(5);
		}
		EXPECT_EQ(gen, q.generation);
		EXPECT_EQ(restarts + 1, q.restarts);
		EXPECT_EQ(before + 1, at_log_count(";axl ", said));
	}
	/* until the driver is bound again */
	ASSERT_EQ(0, at_rebind(&self->t));
	gen = self->t.q.generation;
	at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_WARM);
	ASSERT_EQ(0, at_settled(self->t.fd, gen, &self->t.q));
	at_lab_reset();
}

TEST_HARNESS_MAIN
