// SPDX-License-Identifier: GPL-2.0
/*
 * A card whose firmware hangs still moves data; one that dies for good fails every
 * call with an error, and the driver can be unloaded. The card cannot be brought back,
 * so this is the last test of a boot.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "liblab.h"

/* Firmware hangs, the engine lives: transfers go on, a load fails cleanly */
TEST(firmware_hangs)
{
	struct axl_ioc_buf_register reg;
	struct axl_ioc_fw_load load = { .timeout_ns = AT_SEC(2) };
	struct at_image image;
	struct at_ctx t;
	struct at_mem mem;
	uint64_t start;
	int err;

	AT_BEGIN(&t, AT_NEEDS_RUNNING);
	ASSERT_EQ(0, at_mem_alloc(&mem, AT_PLAIN, 65536));
	ASSERT_EQ(0, at_register(t.fd, mem.p, mem.size, AXL_BUF_TO_DEVICE,
				 &reg));
	at_lab_set(METIS_LAB_DIE, METIS_LAB_DIE_FIRMWARE);
	EXPECT_EQ(0, at_move(t.fd, reg.handle, AXL_TO_DEVICE, 0,
			     at_scratch_l2(&t.q), mem.size));
	ASSERT_EQ(0, at_image_good(&image, &t.q, 64));
	start = at_now();
	err = at_fw_load(t.fd, &image, &load);
	EXPECT_TRUE(err == -ETIMEDOUT || err == -EIO)
		TH_LOG("load: %d", err);
	EXPECT_LT(at_now() - start, AT_SEC(15));
	at_image_free(&image);
	at_mem_free(&mem);
	AT_END(&t);
}

/* Everything reads all ones from now on */
TEST(card_dies)
{
	struct axl_ioc_buf_register reg;
	struct axl_ioc_query q;
	struct axl_ioc_wait w;
	struct at_ctx t;
	struct at_mem mem;
	struct pollfd pfd;
	uint64_t seq, start, count;
	unsigned int i;
	pid_t waiter;
	int status, err;

	AT_BEGIN(&t, 0);
	ASSERT_EQ(0, at_mem_alloc(&mem, AT_SCATTERED, 1 << 20));
	ASSERT_EQ(0, at_register(t.fd, mem.p, mem.size,
				 AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE,
				 &reg));
	struct axl_xfer x[8];

	for (i = 0; i < 8; i++)
		x[i] = (struct axl_xfer){
			.handle = reg.handle, .direction = i / 4,
			.offset = i * 65536, .length = 65536,
			.device_addr = at_scratch_l2(&t.q) + i * 65536,
			.channel = AXL_CHANNEL_ANY,
		};
	ASSERT_EQ(0, at_event_count(t.fd, 1, &count));
	waiter = fork();
	if (!waiter)
		_exit(-at_wait_event(t.fd, 1, count, AT_SEC(60), NULL));
	ASSERT_GT(waiter, 0);
	at_sleep_ms(50);

	at_lab_set(METIS_LAB_FREEZE, 1);
	ASSERT_EQ(0, at_submit(t.fd, x, 8, t.q.generation, AT_SEC(1), &seq));
	start = at_now();
	at_lab_set(METIS_LAB_DIE, METIS_LAB_DIE_WEDGED);
	/* all ones of a card that the driver takes for alive are no speed */
	ASSERT_EQ(0, at_query(t.fd, &q));
	EXPECT_EQ(0, q.link_speed);
	EXPECT_EQ(0, q.link_width);
	err = at_wait(t.fd, seq, AT_SEC(60), &w);
	/* The submission is told to have failed, or the file is told */
	EXPECT_TRUE(err == 0 || err == -EIO || err == -ENODEV)
		TH_LOG("wait: %d", err);
	if (!err) {
		EXPECT_TRUE(w.status == -EIO || w.status == -ENODEV ||
			    w.status == -ETIMEDOUT)
			TH_LOG("status %d", w.status);
	}
	EXPECT_LT(at_now() - start, AT_SEC(30));

	/* Within a while everything says so, and fast */
	start = at_now();
	while (!at_query(t.fd, &q) && q.fw_state != AXL_FW_DEAD &&
	       at_now() - start < AT_SEC(40))
		at_sleep_ms(50);
	err = at_query(t.fd, &q);
	if (!err) {
		EXPECT_EQ(AXL_FW_DEAD, q.fw_state);
	} else {
		EXPECT_EQ(-EIO, err);
	}
	start = at_now();
	err = at_submit(t.fd, x, 1, t.q.generation, 0, &seq);
	EXPECT_TRUE(err == -EIO || err == -ESTALE)
		TH_LOG("submit: %d", err);
	EXPECT_LT(at_now() - start, AT_SEC(1));
	pfd = (struct pollfd){ .fd = t.fd, .events = POLLIN };
	EXPECT_EQ(1, poll(&pfd, 1, 1000));
	EXPECT_EQ(POLLERR | POLLHUP, pfd.revents & (POLLERR | POLLHUP));
	ASSERT_EQ(waiter, waitpid(waiter, &status, 0));
	EXPECT_TRUE(WEXITSTATUS(status) == EIO ||
		    WEXITSTATUS(status) == ESTALE)
		TH_LOG("event waiter: %d", WEXITSTATUS(status));

	start = at_now();
	close(t.fd);
	t.fd = -1;
	EXPECT_LT(at_now() - start, AT_SEC(5));
	at_mem_free(&mem);

	/* The function can be removed, and a scan finds nothing to bind */
	EXPECT_EQ(0, at_pci_remove(&t.pci));
	EXPECT_EQ(0, at_pci_rescan());
	AT_END(&t);
}

/* And the module unloads: what the dead card held is not in the way */
TEST(unload)
{
	struct at_log log;

	ASSERT_EQ(0, at_log_open(&log));
	ASSERT_EQ(0, at_module_unload());
	EXPECT_EQ(0, at_module_load());
	at_log_read(&log);
	EXPECT_EQ(0, log.count[AT_LOG_WARN])
		TH_LOG("%s", log.first[AT_LOG_WARN]);
	at_log_close(&log);
}

TEST_HARNESS_MAIN
