// SPDX-License-Identifier: GPL-2.0
/*
 * axl.ko can be unloaded only while no file is open, binding and unbinding work in
 * every state of the card, the driver binds to no other device, and fifty loads leak
 * nothing.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "liblab.h"

#define ROUNDS		50
/* kmemleak needs no repetition, and a debug kernel takes seconds for each */
#define ROUNDS_KMEMLEAK	15

FIXTURE(modules)
{
	struct at_ctx t;
};

FIXTURE_SETUP(modules)
{
	AT_BEGIN(&self->t, AT_NO_OPEN);
}

FIXTURE_TEARDOWN(modules)
{
	if (!at_module_loaded()) {
		EXPECT_EQ(0, at_module_load());
	}
	AT_END(&self->t);
}

TEST_F(modules, refused_while_open)
{
	struct axl_ioc_query q;
	uint8_t *p;
	int fd = at_open();

	ASSERT_GE(fd, 0);
	EXPECT_EQ(-EWOULDBLOCK, at_module_unload());
	EXPECT_EQ(0, at_query(fd, &q));
	/* A mapping holds the file even without a descriptor */
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, p);
	close(fd);
	EXPECT_EQ(-EWOULDBLOCK, at_module_unload());
	munmap(p, 4096);
	EXPECT_EQ(0, at_module_unload());
	EXPECT_EQ(0, at_module_load());
	fd = at_open();
	EXPECT_GE(fd, 0);
	close(fd);
}

/* A card that is fine is bound without a complaint */
TEST_F(modules, no_error_in_the_log)
{
	struct at_log log;

	ASSERT_EQ(0, at_module_unload());
	ASSERT_EQ(0, at_log_open(&log));
	ASSERT_EQ(0, at_module_load());
	at_log_read(&log);
	EXPECT_NE(0, log.count[AT_LOG_DRIVER]);
	EXPECT_EQ(0, log.count[AT_LOG_ERROR])
		TH_LOG("%s", log.first[AT_LOG_ERROR]);
	at_log_close(&log);
}

/* An inert shell, left open over a removal, holds the module as well */
TEST_F(modules, refused_while_a_shell_is_open)
{
	int fd = at_open();

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, at_pci_remove(&self->t.pci));
	EXPECT_EQ(-EWOULDBLOCK, at_module_unload());
	close(fd);
	EXPECT_EQ(0, at_module_unload());
	EXPECT_EQ(0, at_pci_rescan());
	EXPECT_EQ(0, at_module_load());
	fd = at_open();
	EXPECT_GE(fd, 0);
	close(fd);
}

TEST_F_TIMEOUT(modules, load_and_unload, 240)
{
	static uint8_t buf[65536] __attribute__((aligned(4096)));
	struct axl_ioc_buf_register reg;
	unsigned int i, rounds = ROUNDS;
	struct at_leak leak;
	const char *grew;
	struct axl_ioc_query q;
	struct stat st;
	int fd;

	if (!access("/sys/kernel/debug/kmemleak", F_OK))
		rounds = ROUNDS_KMEMLEAK;
	for (i = 0; i < rounds; i++) {
		ASSERT_EQ(0, at_module_unload())
			TH_LOG("round %u", i);
		EXPECT_EQ(-1, stat("/dev/metis0", &st));
		EXPECT_EQ(0, at_lab_get64(METIS_LAB_TARGET));
		EXPECT_EQ(0, at_find_line("/proc/interrupts", "axl", "axl",
					  NULL, 0));
		EXPECT_EQ(0, at_find_line("/proc/iomem", "axl", "axl",
					  NULL, 0));
		ASSERT_EQ(0, at_module_load())
			TH_LOG("round %u", i);
		fd = at_open();
		ASSERT_GE(fd, 0);
		ASSERT_EQ(0, at_query(fd, &q));
		/* With running firmware now and then, so the table is set up */
		if (i % 10 == 0)
			ASSERT_EQ(0, at_fw_run(fd));
		ASSERT_EQ(0, at_register(fd, buf, sizeof(buf),
					 AXL_BUF_TO_DEVICE, &reg));
		ASSERT_EQ(0, at_move(fd, reg.handle, AXL_TO_DEVICE, 0,
				     at_scratch_l2(&q), sizeof(buf)));
		close(fd);
		if (i == 9)
			at_leak_mark(&leak);
	}
	grew = at_leak_check(&leak);
	EXPECT_EQ(NULL, grew)
		TH_LOG("in %u rounds: %s", rounds - 10, grew);
}

TEST_F_TIMEOUT(modules, unbind_and_bind, 60)
{
	struct axl_ioc_query q;
	int fd, i;

	for (i = 0; i < 5; i++) {
		/* Unlike rmmod this works with a file open, as a removal */
		fd = at_open();
		ASSERT_GE(fd, 0);
		ASSERT_EQ(0, at_pci_unbind(&self->t.pci));
		EXPECT_EQ(-ENODEV, at_query(fd, &q));
		EXPECT_EQ(0, at_driver_bound(&self->t.pci));
		close(fd);
		ASSERT_EQ(0, at_pci_bind(&self->t.pci));
		EXPECT_EQ(1, at_driver_bound(&self->t.pci));
		fd = at_open();
		ASSERT_GE(fd, 0);
		EXPECT_EQ(0, at_query(fd, &q));
		close(fd);
	}
}

static void works(struct __test_metadata *_metadata)
{
	static uint8_t buf[65536] __attribute__((aligned(4096)));
	struct axl_ioc_buf_register reg;
	struct axl_ioc_query q;
	int fd = at_open();

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, at_query(fd, &q));
	ASSERT_EQ(0, at_register(fd, buf, sizeof(buf), AXL_BUF_TO_DEVICE, &reg));
	EXPECT_EQ(0, at_move(fd, reg.handle, AXL_TO_DEVICE, 0,
			     at_scratch_l2(&q), sizeof(buf)));
	close(fd);
}

/* A channel hangs, so the card is reset on the way; who is next finds its BARs */
TEST_F_TIMEOUT(modules, unbind_while_wedged, 60)
{
	static uint8_t buf[65536] __attribute__((aligned(4096)));
	struct axl_ioc_buf_register reg;
	struct axl_xfer x = {
		.direction = AXL_TO_DEVICE, .length = sizeof(buf),
		.channel = AXL_CHANNEL_ANY,
	};
	struct axl_ioc_query q;
	uint64_t seq;
	int fd, i;

	for (i = 0; i < 2; i++) {
		fd = at_open();
		ASSERT_GE(fd, 0);
		ASSERT_EQ(0, at_query(fd, &q));
		ASSERT_EQ(0, at_register(fd, buf, sizeof(buf),
					 AXL_BUF_TO_DEVICE, &reg));
		x.handle = reg.handle;
		x.device_addr = at_scratch_l2(&q);
		at_lab_set(METIS_LAB_HANG_HARD, 0xff);
		ASSERT_EQ(0, at_submit(fd, &x, 1, q.generation, 0, &seq));
		ASSERT_EQ(0, at_pci_unbind(&self->t.pci));
		EXPECT_GT(at_lab_get(METIS_LAB_FLRS), 0);
		close(fd);
		at_lab_set(METIS_LAB_UNDO, 1);
		EXPECT_EQ(0, at_pci_bind(&self->t.pci));
		ASSERT_EQ(1, at_driver_bound(&self->t.pci));
		works(_metadata);
	}
}

/* A probe that fails leaves the card so that the next one can succeed */
TEST_F_TIMEOUT(modules, bind_after_a_failed_one, 60)
{
	ASSERT_EQ(0, at_pci_unbind(&self->t.pci));
	at_lab_set(METIS_LAB_HANG_HARD, 0xff);
	EXPECT_NE(0, at_pci_bind(&self->t.pci));
	EXPECT_EQ(0, at_driver_bound(&self->t.pci));
	at_lab_set(METIS_LAB_UNDO, 1);
	EXPECT_EQ(0, at_pci_bind(&self->t.pci));
	ASSERT_EQ(1, at_driver_bound(&self->t.pci));
	works(_metadata);
}

/*
 * It restarts while no driver is bound, so its BARs are gone: the driver touches
 * nothing and says what helps.
 */
TEST_F_TIMEOUT(modules, restarted_while_unbound, 60)
{
	uint64_t end;
	unsigned int said = at_log_count("lost its configuration", "rescan");

	ASSERT_EQ(0, at_pci_unbind(&self->t.pci));
	at_lab_set(METIS_LAB_LINK_DOWN, 20);
	end = at_now() + AT_SEC(10);
	while (at_lab_get(METIS_LAB_LINK) != 1 && at_now() < end)
		at_sleep_ms(5);
	EXPECT_NE(0, at_pci_bind(&self->t.pci));
	EXPECT_EQ(0, at_driver_bound(&self->t.pci));
	EXPECT_EQ(said + 1, at_log_count("lost its configuration", "rescan"));
	ASSERT_EQ(0, at_pci_remove(&self->t.pci));
	ASSERT_EQ(0, at_pci_rescan());
	ASSERT_EQ(1, at_driver_bound(&self->t.pci));
	works(_metadata);
}

/* The lab function next to it, or anything else, is not taken */
TEST_F(modules, binds_nothing_else)
{
	struct at_pci lab;
	char text[64];

	ASSERT_EQ(0, at_pci_find_id(&lab, METIS_LAB_VENDOR_ID,
				    METIS_LAB_DEVICE_ID));
	EXPECT_EQ(0, at_driver_bound(&lab));
	EXPECT_NE(0, at_pci_bind(&lab));
	ASSERT_EQ(0, at_pci_attr(&self->t.pci, "driver_override", text,
				 sizeof(text)));
}

TEST_HARNESS_MAIN
