// SPDX-License-Identifier: GPL-2.0
/*
 * Errors of the bus (AER), injected with the kernel's aer_inject: the card is reset by
 * the PCI core and works afterwards. If the core does not report how a recovery ended,
 * because a neighbour without a driver takes part in it, the driver checks the card
 * after a time limit.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "librestart.h"

#define ROOM	65536

FIXTURE(bus)
{
	struct at_ctx t;
	struct at_mem mem;
	struct axl_ioc_buf_register reg;
};

FIXTURE_SETUP(bus)
{
	AT_BEGIN(&self->t, AT_PROVOKES_STRAY);
	ASSERT_EQ(0, at_mem_alloc(&self->mem, AT_PLAIN, ROOM));
	ASSERT_EQ(0, at_register(self->t.fd, self->mem.p, ROOM,
				 AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE,
				 &self->reg));
}

FIXTURE_TEARDOWN(bus)
{
	at_mem_free(&self->mem);
	AT_END(&self->t);
}

/* From 6.18 on drivers are told that a recovery failed */
static bool failures_are_told(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname uts;

	uname(&uts);
	sscanf(uts.release, "%u.%u", &major, &minor);
	return major > 6 || (major == 6 && minor >= 18);
}

/* Waits until the card can be used again, under a new generation */
static bool is_back(int fd, uint64_t generation, uint64_t timeout)
{
	uint64_t end = at_now() + timeout;
	struct axl_ioc_query q;

	do {
		if (!at_query(fd, &q) && q.generation != generation &&
		    (q.fw_state == AXL_FW_RUNNING ||
		     q.fw_state == AXL_FW_BOOTLOADER))
			return true;
		at_sleep_ms(20);
	} while (at_now() < end);
	return false;
}

static void data_moves(struct __test_metadata *_metadata, FIXTURE_DATA(bus) *self)
{
	uint64_t base = at_scratch_l2(&self->t.q);

	at_fill(self->mem.p, ROOM, 7, 0);
	EXPECT_EQ(0, at_move(self->t.fd, self->reg.handle, AXL_TO_DEVICE, 0,
			     base, ROOM));
	memset(self->mem.p, 0, ROOM);
	EXPECT_EQ(0, at_move(self->t.fd, self->reg.handle, AXL_FROM_DEVICE, 0,
			     base, ROOM));
	EXPECT_EQ(-1, at_check(self->mem.p, ROOM, 7, 0));
}

static void error_and_back(struct __test_metadata *_metadata,
			   FIXTURE_DATA(bus) *self, uint32_t error,
			   uint64_t timeout, bool fails)
{
	struct axl_ioc_reset reset = { };
	struct axl_ioc_query q;
	struct axl_xfer x = {
		.handle = self->reg.handle, .direction = AXL_FROM_DEVICE,
		.device_addr = at_scratch_l2(&self->t.q), .length = ROOM,
		.channel = AXL_CHANNEL_ANY,
	};
	uint64_t generation = at_generation(self->t.fd), seq;
	struct axl_ioc_wait w;

	at_lab_set(METIS_LAB_FREEZE, 1);
	ASSERT_EQ(0, at_submit(self->t.fd, &x, 1, generation, AT_SEC(200), &seq));
	ASSERT_EQ(0, at_aer_inject(&self->t.pci, error));
	/* told at once, not when it is known how the bus fares */
	ASSERT_EQ(0, at_wait(self->t.fd, seq, AT_SEC(20), &w));
	EXPECT_EQ(-ESTALE, w.status);
	at_lab_set(METIS_LAB_FREEZE, 0);
	if (fails && failures_are_told()) {
		/* at once, and not when it has been waited for long enough */
		ASSERT_EQ(0, at_wait_state(self->t.fd, AXL_FW_DEAD, AT_SEC(20),
					   &q));
		EXPECT_EQ(-EIO, at_ioctl(self->t.fd, AXL_IOC_RESET, &reset));
	}
	ASSERT_TRUE(is_back(self->t.fd, generation, timeout));
	data_moves(_metadata, self);
}

TEST_F_TIMEOUT(bus, recovers, 120)
{
	/* a completion that did not come in time; an error of the link's protocol */
	static const uint32_t errors[] = { PCI_ERR_UNC_COMP_TIME, PCI_ERR_UNC_DLP };
	unsigned int i;

	if (!access("/dev/metis1", F_OK))
		SKIP(return, "for a card that is alone");
	if (at_aer_inject(&self->t.pci, 0) == -ENOTSUP)
		SKIP(return, "this kernel has no aer_inject");
	for (i = 0; i < 2 * at_array_size(errors); i++) {
		error_and_back(_metadata, self, errors[i / 2], AT_SEC(30),
			       false);
		ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
	}
}

/* The reset that the recovery makes takes its time; no other reset is begun meanwhile */
TEST_F_TIMEOUT(bus, reset_is_refused, 60)
{
	uint64_t generation = self->t.q.generation, end = at_now() + AT_SOON;
	uint32_t resets = at_lab_get(METIS_LAB_RESETS);
	struct axl_ioc_reset reset = { };

	if (!access("/dev/metis1", F_OK))
		SKIP(return, "for a card that is alone");
	if (at_aer_inject(&self->t.pci, 0) == -ENOTSUP)
		SKIP(return, "this kernel has no aer_inject");
	at_lab_set(METIS_LAB_NOT_READY, 1);
	ASSERT_EQ(0, at_aer_inject(&self->t.pci, PCI_ERR_UNC_DLP));
	while (at_lab_get(METIS_LAB_RESETS) == resets && at_now() < end)
		at_sleep_ms(1);
	EXPECT_EQ(-EBUSY, at_ioctl(self->t.fd, AXL_IOC_RESET, &reset));
	at_lab_set(METIS_LAB_NOT_READY, 0);
	ASSERT_TRUE(is_back(self->t.fd, generation, AT_SEC(30)));
	ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
	data_moves(_metadata, self);
}

TEST_F_TIMEOUT(bus, recovery_fails, 240)
{
	struct at_pci other = self->t.pci;

	if (access("/dev/metis1", F_OK))
		SKIP(return, "for two cards behind one port");
	if (at_aer_inject(&self->t.pci, 0) == -ENOTSUP)
		SKIP(return, "this kernel has no aer_inject");
	/* the slot's other function has no driver that could agree */
	other.bdf[strlen(other.bdf) - 1] ^= 1;
	ASSERT_EQ(0, at_pci_unbind(&other));
	error_and_back(_metadata, self, PCI_ERR_UNC_DLP, AT_SEC(150), true);
}

TEST_HARNESS_MAIN
