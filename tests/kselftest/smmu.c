// SPDX-License-Identifier: GPL-2.0
/*
 * The card reaches only the memory that the driver gives it. First that the check
 * notices an access at all, then that a release, an unbind and a closed table leave
 * nothing open.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "liblab.h"

FIXTURE(smmu)
{
	struct at_ctx t;
};

FIXTURE_SETUP(smmu)
{
	AT_BEGIN(&self->t, AT_PROVOKES_SMMU);
	if (self->t.q.iommu_mode != AXL_IOMMU_TRANSLATED &&
	    self->t.q.iommu_mode != AXL_IOMMU_LAZY)
		SKIP(return, "nothing translates");
}

FIXTURE_TEARDOWN(smmu)
{
	AT_END(&self->t);
}

static unsigned int events(struct at_ctx *t)
{
	at_sleep_ms(30);
	at_log_read(&t->log);
	return t->log.count[AT_LOG_SMMU];
}

/* Addresses that are not mapped: each is refused, and each is seen */
TEST_F(smmu, refused_and_seen)
{
	/* the first page is the guard's */
	const uint64_t nowhere[] = {
		self->t.q.page_size + 0x30, 0x40000000, 0x12345678000, 0x7ffffffff000,
	};
	unsigned int before = events(&self->t);
	uint32_t value;
	size_t i;

	for (i = 0; i < at_array_size(nowhere); i++) {
		EXPECT_NE(0, at_bus_read32(nowhere[i], &value))
			TH_LOG("read of %#llx", (unsigned long long)nowhere[i]);
		EXPECT_EQ(0xffffffff, value);
		EXPECT_NE(0, at_bus_write32(nowhere[i], 0xdeadbeef))
			TH_LOG("write to %#llx",
			       (unsigned long long)nowhere[i]);
	}
	EXPECT_GT(events(&self->t), before)
		TH_LOG("the kernel log shows no event: the checks are blind");
}

/*
 * Where buffers were is not known, but the engine knows: let it run slowly into
 * a buffer whose owner is gone. If anything was unmapped too early, it shows.
 */
TEST_F(smmu, nothing_open_after_release)
{
	struct axl_ioc_buf_register reg;
	struct axl_ioc_wait w;
	struct at_mem mem;
	unsigned int before = events(&self->t), i;
	uint64_t seq;

	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, at_mem_alloc(&mem, AT_SCATTERED, 256 * 1024));
		ASSERT_EQ(0, at_register(self->t.fd, mem.p, mem.size,
					 AXL_BUF_FROM_DEVICE, &reg));
		struct axl_xfer x = {
			.handle = reg.handle, .direction = AXL_FROM_DEVICE,
			.device_addr = at_scratch_l2(&self->t.q),
			.length = mem.size, .channel = AXL_CHANNEL_ANY,
		};

		at_lab_set(METIS_LAB_FREEZE, 1);
		ASSERT_EQ(0, at_submit(self->t.fd, &x, 1,
				       self->t.q.generation, AT_SEC(20),
				       &seq));
		ASSERT_EQ(0, at_release(self->t.fd, reg.handle));
		at_mem_free(&mem);
		at_lab_set(METIS_LAB_FREEZE, 0);
		EXPECT_EQ(0, at_wait(self->t.fd, seq, AT_SOON, &w));
		EXPECT_EQ(0, w.status);
	}
	EXPECT_EQ(before, events(&self->t))
		TH_LOG("%s", self->t.log.first[AT_LOG_SMMU]);
}

/* The table of virtual interrupts is closed when the driver is gone */
TEST_F_TIMEOUT(smmu, table_closed, 60)
{
	uint64_t target;

	if (self->t.q.iommu_mode == AXL_IOMMU_LAZY)
		SKIP(return, "deferred invalidation: a closed door may stay ajar");
	ASSERT_EQ(0, at_fw_run(self->t.fd));
	ASSERT_EQ(0, at_query(self->t.fd, &self->t.q));
	if (!(self->t.q.features & AXL_FEAT_VMSI))
		SKIP(return, "firmware has no table in host memory");
	target = at_lab_get64(METIS_LAB_TARGET);
	ASSERT_NE(0, target);
	/* Open now, for the slot and for nothing behind the buffer */
	EXPECT_EQ(0, at_bus_write32(target + 4 * 1000, 1));
	close(self->t.fd);
	self->t.fd = -1;
	ASSERT_EQ(0, at_pci_unbind(&self->t.pci));
	EXPECT_EQ(0, at_lab_get64(METIS_LAB_TARGET));
	at_lab_set(METIS_LAB_BUS_FORCE, 1);
	EXPECT_NE(0, at_bus_write32(target + 4 * 1000, 1));
	at_lab_set(METIS_LAB_BUS_FORCE, 0);
	ASSERT_EQ(0, at_pci_bind(&self->t.pci));
}

/* Bus mastering is off when no driver is bound */
TEST_F(smmu, no_master_without_driver)
{
	uint16_t command;

	close(self->t.fd);
	self->t.fd = -1;
	ASSERT_EQ(0, at_pci_config(&self->t.pci, 4, &command, 2));
	EXPECT_NE(0, command & 4);
	ASSERT_EQ(0, at_pci_unbind(&self->t.pci));
	ASSERT_EQ(0, at_pci_config(&self->t.pci, 4, &command, 2));
	EXPECT_EQ(0, command & 4);
	ASSERT_EQ(0, at_pci_bind(&self->t.pci));
}

TEST_HARNESS_MAIN
