// SPDX-License-Identifier: GPL-2.0
/*
 * Firmware publishes nonsense, of every kind the lab knows: the driver binds or
 * reports why not, restarts or reports why not, reads nothing outside what it checked,
 * and works again with honest values.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "liblab.h"

static const char *const names[] = {
#define NAME(name, number, text) [number] = #name,
	METIS_LAB_HOSTILES(NAME)
#undef NAME
};

FIXTURE(hostile)
{
	struct at_ctx t;
	uint32_t police[METIS_POLICE_COUNT];
};

static uint32_t police(unsigned int kind)
{
	return at_lab_get((enum metis_lab_reg)
			  (METIS_LAB_POLICE_KIND + 4 * kind));
}

/*
 * Who is told wrong addresses uses wrong addresses: of the card's own memory
 * only, and the card refuses them. Everything else is the driver's fault.
 */
static bool follows_from_lies(unsigned int kind)
{
	return kind == METIS_POLICE_LIST_PLACE ||
	       kind == METIS_POLICE_DATA_RANGE;
}

FIXTURE_SETUP(hostile)
{
	unsigned int kind;

	AT_BEGIN(&self->t, AT_NEEDS_RUNNING | AT_PROVOKES_POLICE |
		 AT_PROVOKES_SILENCE);
	for (kind = 0; kind < METIS_POLICE_COUNT; kind++)
		self->police[kind] = police(kind);
}

FIXTURE_TEARDOWN(hostile)
{
	struct axl_ioc_query q;
	unsigned int kind;
	int fd;

	for (kind = 0; kind < METIS_POLICE_COUNT; kind++) {
		if (follows_from_lies(kind))
			continue;
		EXPECT_EQ(self->police[kind], police(kind))
			TH_LOG("%s", at_police_name(kind));
	}

	/* With honest values everything is as before */
	at_lab_reset();
	at_pci_unbind(&self->t.pci);
	EXPECT_EQ(0, at_pci_bind(&self->t.pci));
	fd = at_open();
	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, at_fw_run(fd));
	ASSERT_EQ(0, at_query(fd, &q));
	EXPECT_EQ(AXL_FW_RUNNING, q.fw_state);
	EXPECT_EQ(self->t.q.features, q.features);
	EXPECT_EQ(self->t.q.l2_base, q.l2_base);
	EXPECT_EQ(self->t.q.ddr_base, q.ddr_base);
	close(fd);
	AT_END(&self->t);
}

/*
 * Uses what can be used of a card whose firmware lies. Calls may fail, by a
 * documented errno, but the driver must not come to harm.
 */
static void poke_around(struct __test_metadata *_metadata, const char *name)
{
	static uint8_t buf[16384] __attribute__((aligned(4096)));
	struct axl_ioc_buf_register reg;
	uint64_t count[32];
	struct axl_ioc_event_counts c = {
		.counts = (uintptr_t)count, .nr = 32,
	};
	struct axl_ioc_query q;
	int fd, err, i;

	fd = at_open();
	ASSERT_GE(fd, 0)
		TH_LOG("%s: no node", name);
	ASSERT_EQ(0, at_query(fd, &q));
	EXPECT_LE(q.nr_vmsi, AXL_NR_EVENTS)
		TH_LOG("%s", name);
	EXPECT_EQ(32 << 20, q.bar2_size);
	EXPECT_LE(q.l2_size, q.bar2_size);
	ASSERT_EQ(0, at_register(fd, buf, sizeof(buf),
				 AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE,
				 &reg));
	for (i = 0; i < 4; i++) {
		err = at_move(fd, reg.handle, i & 1, 0,
			      q.l2_base + AT_L2_SCRATCH, sizeof(buf));
		/* -ESTALE: the driver is still busy with a failed start */
		EXPECT_TRUE(err == 0 || err == -ERANGE || err == -EIO ||
			    err == -ETIMEDOUT || err == -ESTALE)
			TH_LOG("%s: transfer: %d", name, err);
	}
	at_lab_set(METIS_LAB_RAISE_PMSI, 12);
	at_lab_set(METIS_LAB_RAISE_PMSI, 24);
	at_lab_set(METIS_LAB_RAISE_PMSI, 0);
	at_sleep_ms(1);
	EXPECT_EQ(0, at_ioctl(fd, AXL_IOC_EVENT_COUNTS, &c));
	close(fd);
}

/* The values are there when the driver binds */
TEST_F_TIMEOUT(hostile, at_probe, 180)
{
	char text[64];
	int i, err;

	for (i = 1; i < METIS_HOSTILE_COUNT; i++) {
		at_lab_set(METIS_LAB_HOSTILE_SEED, 1000 + i);
		at_lab_set(METIS_LAB_HOSTILE, i);
		at_pci_unbind(&self->t.pci);
		err = at_pci_bind(&self->t.pci);
		/* A card that answers nothing but ones may be refused */
		if (err) {
			at_msg("%s: not bound: %s", names[i], strerror(-err));
			EXPECT_EQ(METIS_HOSTILE_SHARED_ONES, i);
			continue;
		}
		snprintf(text, sizeof(text), "bind, %s", names[i]);
		poke_around(_metadata, text);
		at_log_read(&self->t.log);
		ASSERT_EQ(0, self->t.log.count[AT_LOG_WARN])
			TH_LOG("%s: %s", names[i],
			       self->t.log.first[AT_LOG_WARN]);
		ASSERT_EQ(0, self->t.log.count[AT_LOG_SMMU])
			TH_LOG("%s: %s", names[i],
			       self->t.log.first[AT_LOG_SMMU]);
	}
	at_lab_set(METIS_LAB_HOSTILE, 0);
}

/* The values come with a firmware that the driver itself starts */
TEST_F_TIMEOUT(hostile, at_start, 240)
{
	struct axl_ioc_fw_load load;
	struct at_image image;
	struct axl_ioc_query q;
	int fd, i, err;
	char text[64];

	ASSERT_EQ(0, at_image_good(&image, &self->t.q, 64));
	at_lab_set(METIS_LAB_LINK_DOWN_MS, 5);
	at_lab_set(METIS_LAB_AREA_DELAY_MS, 5);
	for (i = 1; i < METIS_HOSTILE_COUNT; i++) {
		/* Started from honest firmware, or nothing could be uploaded */
		at_lab_set(METIS_LAB_HOSTILE, 0);
		at_pci_unbind(&self->t.pci);
		ASSERT_EQ(0, at_pci_bind(&self->t.pci));
		fd = at_open();
		ASSERT_GE(fd, 0);
		at_lab_set(METIS_LAB_HOSTILE_SEED, 2000 + i);
		at_lab_set(METIS_LAB_HOSTILE, i);
		load = (struct axl_ioc_fw_load){ .timeout_ns = AT_MSEC(400) };
		err = at_fw_load(fd, &image, &load);
		EXPECT_TRUE(err == 0 || err == -ETIMEDOUT ||
			    err == -EREMOTEIO || err == -EIO)
			TH_LOG("%s: load: %d", names[i], err);
		EXPECT_EQ(0, at_query(fd, &q));
		if (!err) {
			EXPECT_EQ(AXL_FW_PHASE_IDLE, q.fw_phase);
			EXPECT_EQ(AXL_FW_RUNNING, q.fw_state);
		}
		close(fd);
		snprintf(text, sizeof(text), "start, %s", names[i]);
		poke_around(_metadata, text);
		at_log_read(&self->t.log);
		ASSERT_EQ(0, self->t.log.count[AT_LOG_WARN])
			TH_LOG("%s: %s", names[i],
			       self->t.log.first[AT_LOG_WARN]);
	}
	at_lab_set(METIS_LAB_HOSTILE, 0);
	at_image_free(&image);
}

/* Random areas, other ones each time */
TEST_F_TIMEOUT(hostile, random, 120)
{
	char text[64];
	int i;

	at_lab_set(METIS_LAB_HOSTILE, METIS_HOSTILE_RANDOM);
	for (i = 0; i < 40; i++) {
		at_lab_set(METIS_LAB_HOSTILE_SEED, i * 7919);
		at_lab_set(METIS_LAB_HOSTILE, METIS_HOSTILE_RANDOM);
		at_pci_unbind(&self->t.pci);
		ASSERT_EQ(0, at_pci_bind(&self->t.pci));
		snprintf(text, sizeof(text), "random %d", i);
		poke_around(_metadata, text);
	}
	at_lab_set(METIS_LAB_HOSTILE, 0);
}

TEST_HARNESS_MAIN
