// SPDX-License-Identifier: GPL-2.0
/*
 * A session as the Voyager SDK plays it works from finding the card to closing it: over
 * the bootloader, over a runtime, over one that a native client started, and after a
 * start that firmware refuses.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libvoyager.h"

#define LOAD_ADDR	0x238

FIXTURE(session)
{
	struct at_ctx t;
};

FIXTURE_SETUP(session)
{
	VY_BEGIN(&self->t, 0);
}

FIXTURE_TEARDOWN(session)
{
	at_lab_set(METIS_LAB_UNDO, 1);
	AT_END(&self->t);
}

/* ---- what the SDK does ---- */

/* The card is a name in the class, its node that with the same numbers */
static int find_and_open(void)
{
	char path[512], version[32], dev[32], name[300] = "";
	unsigned int a, b, c, major_nr, minor_nr, v[3];
	struct dirent *de;
	struct stat st;
	DIR *dir;
	int fd;

	if (at_read_text("/sys/class/metis/version", version, sizeof(version)) ||
	    sscanf(version, "%u.%u.%u", &v[0], &v[1], &v[2]) != 3)
		return -EPROTO;
	if (v[0] * 1000000 + v[1] * 1000 + v[2] < 1006002)
		return -EPROTONOSUPPORT;
	dir = opendir("/sys/class/metis");
	while (dir && (de = readdir(dir)))
		if (sscanf(de->d_name, "metis-%x:%x:%x", &a, &b, &c) == 3)
			snprintf(name, sizeof(name), "%s", de->d_name);
	if (dir)
		closedir(dir);
	if (!*name)
		return -ENODEV;
	/* udev makes this name, the kernel alone does not */
	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "/sys/class/metis/%s/dev", name);
	if (at_read_text(path, dev, sizeof(dev)) ||
	    sscanf(dev, "%u:%u", &major_nr, &minor_nr) != 2)
		return -EPROTO;
	dir = opendir("/dev");
	while (dir && (de = readdir(dir))) {
		snprintf(path, sizeof(path), "/dev/%s", de->d_name);
		if (!stat(path, &st) && S_ISCHR(st.st_mode) &&
		    st.st_rdev == makedev(major_nr, minor_nr))
			fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0)
			break;
	}
	if (dir)
		closedir(dir);
	return fd;
}

static uint64_t at64(volatile uint8_t *p)
{
	return *(volatile uint64_t *)p;
}

/* Image into the card, some of it by DMA, some by hand; entry point; start */
static int start_runtime(int fd, volatile uint8_t *l2)
{
	uint64_t base = at64(l2 + 0x208), entry = base + AT_L2_IMAGE;
	size_t size, head = 4096 + 12;
	uint8_t *image;
	uint32_t crc, i, word;
	int err;

	err = vy_image(&image, &size);
	if (err)
		return err;
	for (i = 0; i < head; i += 4) {
		memcpy(&word, image + i, 4);
		*(volatile uint32_t *)(l2 + AT_L2_IMAGE + i) = word;
	}
	err = vy_user_xfer(fd, VY_WRITE, entry + head, image + head,
			   size - head);
	if (!err)
		err = at_dev_crc(entry, size, &crc);
	if (!err && crc != at_crc32(0, image, size))
		err = -EILSEQ;
	free(image);
	if (err)
		return err;
	*(volatile uint64_t *)(l2 + LOAD_ADDR) = entry;
	err = vy_request(fd, l2, METIS_EMU_OP_START, NULL, 0, 15);
	if (err)
		return err;
	return vy_call(fd, VY_DYNMEM_LOAD, NULL);
}

static int run_job(int fd, volatile uint8_t *l2, unsigned int ctx,
		   uint64_t where)
{
	uint32_t pattern = 0xc0ffee00 + ctx, crc, i;
	struct metis_emu_job job = {
		.magic = METIS_EMU_JOB_MAGIC, .op = METIS_EMU_JOB_FILL,
		.addr = where, .len = 10000, .pattern = pattern,
	};
	static uint32_t want[2500];
	int err = vy_job(fd, l2, ctx, &job);

	for (i = 0; i < at_array_size(want); i++)
		want[i] = pattern;
	if (!err)
		err = at_dev_crc(where, sizeof(want), &crc);
	if (!err && crc != at_crc32(0, want, sizeof(want)))
		err = -EILSEQ;
	return err;
}

static void dma_bufs(struct __test_metadata *_metadata, int fd, uint64_t base)
{
	struct vy_dmabuf b;
	uint32_t crc;
	int i, err = vy_dmabuf_make(&b, 512 * KIB);

	if (err == -ENOTSUP) {
		at_msg("no dma-bufs on this kernel: that part is left out");
		return;
	}
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, vy_buf_attach(fd, b.fd));
	for (i = 0; i < 4; i++) {
		vy_dmabuf_begin(&b);
		at_fill(b.p, b.size, 300 + i, 0);
		vy_dmabuf_end(&b);
		/* in by an asynchronous transfer, found by poll() */
		ASSERT_EQ(0, vy_buf_xfer(fd, VY_WRITE | VY_ASYNC, base, 0,
					 b.size, i));
		EXPECT_EQ(POLLIN, vy_polled(fd, 10000) & POLLIN);
		EXPECT_EQ(VY_DONE, vy_call(fd, VY_BUF_STATE, NULL));
		EXPECT_EQ(1, vy_consume(fd));
		ASSERT_EQ(0, at_dev_crc(base, b.size, &crc));
		EXPECT_EQ(at_crc32(0, b.p, b.size), crc);
		vy_dmabuf_begin(&b);
		memset(b.p, 0, b.size);
		vy_dmabuf_end(&b);
		/* out by a synchronous one, or by one that is waited for */
		if (i % 2) {
			ASSERT_EQ(0, vy_buf_xfer(fd, VY_READ | VY_SYNC, base,
						 0, b.size, VY_CHANNEL_ANY));
		} else {
			ASSERT_EQ(0, vy_buf_xfer(fd, VY_READ | VY_ASYNC, base,
						 0, b.size, VY_CHANNEL_ANY));
			ASSERT_EQ(0, vy_buf_wait(fd));
		}
		vy_dmabuf_begin(&b);
		EXPECT_EQ(-1, at_check(b.p, b.size, 300 + i, 0));
		vy_dmabuf_end(&b);
		while (vy_consume(fd) == 1)
			;
	}
	EXPECT_EQ(0, vy_call(fd, VY_BUF_DETACH, NULL));
	vy_dmabuf_free(&b);
}

static void read_log(struct __test_metadata *_metadata, int fd, int log,
		     volatile uint8_t *l2)
{
	static const char text[] = "the session's own line\n";
	uint64_t end = at_now() + AT_SOON;
	static char got[8192];
	size_t len = 0;
	ssize_t n;

	fcntl(log, F_SETFL, O_NONBLOCK);
	ASSERT_EQ(0, vy_lock(fd, 1));
	ASSERT_EQ(0, vy_request(fd, l2, METIS_EMU_OP_LOG, text, strlen(text),
				10));
	ASSERT_EQ(0, vy_lock(fd, 0));
	while (!memmem(got, len, text, strlen(text)) && at_now() < end) {
		if (!(vy_polled(log, 100) & POLLIN))
			continue;
		n = read(log, got + len, sizeof(got) - len);
		if (n > 0)
			len += n;
		if (len > sizeof(got) / 2)
			len = 0;
	}
	EXPECT_NE(NULL, memmem(got, len, text, strlen(text)));
}

static void session(struct __test_metadata *_metadata, struct at_ctx *t)
{
	uint64_t value = VY_PROP_CORES, base;
	struct vy_resources res;
	struct vy_windows win;
	volatile uint8_t *l2;
	int fd, log, i;

	fd = find_and_open();
	ASSERT_GE(fd, 0)
		TH_LOG("%s", strerror(-fd));
	ASSERT_EQ(0, vy_call(fd, VY_PROPERTY, &value));
	ASSERT_EQ(VY_CORES, value);
	ASSERT_EQ(0, vy_call(fd, VY_RESOURCES, &res));
	ASSERT_EQ(0, vy_call(fd, VY_WINDOWS, &win));
	EXPECT_EQ(res.l2_size, win.size[2]);
	l2 = mmap(NULL, res.l2_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, (void *)l2);

	ASSERT_EQ(0, vy_lock(fd, 1));
	ASSERT_EQ(0, start_runtime(fd, l2));
	ASSERT_EQ(0, vy_request(fd, l2, METIS_EMU_OP_STATE, NULL, 0, 10));
	EXPECT_EQ(METIS_EMU_RUNNING,
		  *(volatile uint32_t *)(l2 + METIS_EMU_MBOX_MSG + 4));
	ASSERT_EQ(0, vy_lock(fd, 0));

	log = find_and_open();
	ASSERT_GE(log, 0);
	ASSERT_EQ(0, vy_stream(log, VY_STREAM_OPEN, METIS_EMU_LOG_SOURCE));
	base = at64(l2 + 0x208) + AT_L2_SCRATCH;

	/* One core, then all of them */
	i = vy_ctx_alloc(fd, 1);
	ASSERT_GE(i, 0);
	EXPECT_EQ(1ULL << i, vy_ctx_mask(fd));
	EXPECT_EQ(0, run_job(fd, l2, i, base + MIB));
	ASSERT_EQ(0, vy_ctx_free(fd));
	ASSERT_EQ(0, vy_ctx_alloc(fd, VY_CORES));
	EXPECT_EQ(15, vy_ctx_mask(fd));
	dma_bufs(_metadata, fd, base);
	for (i = 0; i < VY_CORES; i++)
		EXPECT_EQ(0, run_job(fd, l2, i, base + MIB))
			TH_LOG("context %d", i);
	/* and once by poll() */
	ASSERT_EQ(0, vy_attach_msi(fd, 2));
	EXPECT_EQ(0, run_job(fd, l2, 2, base + MIB));
	EXPECT_EQ(POLLIN, vy_polled(fd, 10000) & POLLIN);
	EXPECT_EQ(1, vy_consume(fd));

	read_log(_metadata, fd, log, l2);
	EXPECT_EQ(0, vy_stream(log, VY_STREAM_CLOSE, 0));
	ASSERT_EQ(0, vy_ctx_free(fd));
	munmap((void *)l2, res.l2_size);
	close(log);
	close(fd);
	(void)t;
}

/* From the bootloader, as after power-on */
TEST_F_TIMEOUT(session, start_to_end, 120)
{
	ASSERT_EQ(0, at_cure(self->t.fd));
	session(_metadata, &self->t);
}

/* All of it in a second: the one that kernel-matrix takes */
TEST_F_TIMEOUT(session, over_a_runtime, 120)
{
	ASSERT_EQ(0, at_fw_run(self->t.fd));
	session(_metadata, &self->t);
}

/* A runtime that the native interface started serves the SDK as well */
TEST_F_TIMEOUT(session, after_a_native_load, 60)
{
	volatile uint8_t *l2;
	int fd;

	ASSERT_EQ(0, at_fw_run(self->t.fd));
	fd = find_and_open();
	ASSERT_GE(fd, 0);
	l2 = at_map_l2(fd, &self->t);
	ASSERT_NE(NULL, l2);
	ASSERT_EQ(0, vy_ctx_alloc(fd, VY_CORES));
	EXPECT_EQ(0, run_job(fd, l2, 3, at_scratch_l2(&self->t.q)));
	/* and goes on over the next, with the files it has */
	ASSERT_EQ(0, at_fw_run(self->t.fd));
	ASSERT_EQ(0, vy_call(fd, VY_DYNMEM_LOAD, NULL));
	if (!vy_ctx_mask(fd))
		ASSERT_EQ(0, vy_ctx_alloc(fd, VY_CORES));
	EXPECT_EQ(0, run_job(fd, l2, 1, at_scratch_l2(&self->t.q)));
	munmap((void *)l2, self->t.q.bar2_size);
	close(fd);
}

/* Firmware that refuses the image says so, and the next try works */
TEST_F_TIMEOUT(session, start_refused, 60)
{
	volatile uint8_t *l2;
	int fd = find_and_open();

	ASSERT_GE(fd, 0);
	l2 = at_map_l2(fd, &self->t);
	ASSERT_NE(NULL, l2);
	ASSERT_EQ(0, vy_lock(fd, 1));
	at_lab_set(METIS_LAB_START_FAULT, METIS_LAB_START_REFUSE);
	EXPECT_EQ(METIS_EMU_EIO, start_runtime(fd, l2));
	at_lab_set(METIS_LAB_START_FAULT, METIS_LAB_START_OK);
	EXPECT_EQ(0, start_runtime(fd, l2));
	EXPECT_EQ(0, vy_lock(fd, 0));
	munmap((void *)l2, self->t.q.bar2_size);
	close(fd);
}

TEST_HARNESS_MAIN
