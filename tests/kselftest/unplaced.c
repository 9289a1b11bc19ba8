// SPDX-License-Identifier: GPL-2.0
/*
 * A host whose window below 4 GiB is too small for BAR2, as RK3588's is: the driver
 * refuses the card with one line that says what to do. For a board with a device
 * property that makes BAR2 too large; skipped elsewhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"

#define BIND	"/sys/bus/pci/drivers/axl/bind"

FIXTURE(unplaced)
{
	struct at_pci pci;
};

FIXTURE_SETUP(unplaced)
{
	char text[4096], *line;
	unsigned long long start = 0;
	int i;

	ASSERT_EQ(0, at_pci_find_id(&self->pci, 0x1f9d, 0x1100));
	ASSERT_EQ(0, at_pci_attr(&self->pci, "resource", text, sizeof(text)));
	for (i = 0, line = text; i < 2 && line; i++) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	ASSERT_NE(NULL, line);
	start = strtoull(line, NULL, 16);
	if (start)
		SKIP(return, "BAR2 has an address");
}

FIXTURE_TEARDOWN(unplaced)
{
}

TEST_F(unplaced, one_clear_line)
{
	unsigned int before = at_log_count("axl ", "BAR2");
	int fd;

	/* one from the time the driver was loaded */
	EXPECT_EQ(1, before);
	EXPECT_EQ(1, at_log_count("BAR2", "overlay rk3588-pcie3x4-bar2-window"));
	EXPECT_EQ(1, at_log_count("BAR2", "dts-overlays/README.md"));
	EXPECT_NE(0, access("/dev/metis0", F_OK));

	/* another attempt: the same answer, an errno that says what it is */
	fd = open(BIND, O_WRONLY);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(-1, write(fd, self->pci.bdf, strlen(self->pci.bdf)));
	EXPECT_EQ(ENOSPC, errno);
	close(fd);
	EXPECT_EQ(before + 1, at_log_count("axl ", "BAR2"));
}

TEST_F(unplaced, unloads)
{
	ASSERT_EQ(0, at_module_unload());
	ASSERT_EQ(0, at_module_load());
	EXPECT_NE(0, access("/dev/metis0", F_OK));
}

TEST_HARNESS_MAIN
