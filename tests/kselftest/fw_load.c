// SPDX-License-Identifier: GPL-2.0
/*
 * Firmware loads: a good image runs afterwards, a bad one is refused with its errno, a
 * load that is cut short leaves a card that can be loaded again, and other clients see
 * a new generation.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "liblab.h"
#include "../host/corpus.h"

FIXTURE(fw)
{
	struct at_ctx t;
	struct at_image image;
	struct at_mem mem;
	uint32_t handle;
	uint64_t base;
	uint32_t down;
};

FIXTURE_SETUP(fw)
{
	struct axl_ioc_buf_register reg;

	AT_BEGIN(&self->t, 0);
	ASSERT_EQ(0, at_image_good(&self->image, &self->t.q, 64));
	ASSERT_EQ(0, at_mem_alloc(&self->mem, AT_SCATTERED, MIB));
	ASSERT_EQ(0, at_register(self->t.fd, self->mem.p, MIB,
				 AXL_BUF_TO_DEVICE | AXL_BUF_FROM_DEVICE,
				 &reg));
	self->handle = reg.handle;
	self->base = at_scratch_l2(&self->t.q);
	self->down = at_down_accesses();
}

/* A good image loads and runs, and data moves with a buffer of before */
static void still_usable(struct __test_metadata *_metadata,
			 FIXTURE_DATA(fw) *self)
{
	struct axl_ioc_fw_load load = { };
	struct axl_ioc_query q;
	uint64_t before = at_generation(self->t.fd);
	uint32_t starts = at_lab_get(METIS_LAB_GENERATION), crc;
	int err = at_fw_load(self->t.fd, &self->image, &load);

	ASSERT_EQ(0, err);
	ASSERT_EQ(0, at_query(self->t.fd, &q));
	EXPECT_EQ(AXL_FW_RUNNING, q.fw_state);
	EXPECT_EQ(AXL_FW_PHASE_IDLE, q.fw_phase);
	EXPECT_GT(q.generation, before);
	EXPECT_EQ(q.generation, load.generation);
	EXPECT_EQ(starts + 1, at_lab_get(METIS_LAB_GENERATION));
	at_fill(self->mem.p, MIB, before, 0);
	ASSERT_EQ(0, at_move(self->t.fd, self->handle, AXL_TO_DEVICE, 0,
			     self->base, MIB));
	ASSERT_EQ(0, at_dev_crc(self->base, MIB, &crc));
	EXPECT_EQ(at_crc32(0, self->mem.p, MIB), crc);
}

FIXTURE_TEARDOWN(fw)
{
	at_lab_reset();
	still_usable(_metadata, self);
	at_image_free(&self->image);
	at_mem_free(&self->mem);
	AT_END(&self->t);
}

TEST_F_TIMEOUT(fw, good_images, 60)
{
	uint64_t gen = self->t.q.generation, end;
	struct axl_ioc_query q;
	struct at_image image;
	int classes[] = { 32, 64 };
	uint8_t zero[64];
	uint32_t crc, want;
	size_t i;

	for (i = 0; i < 2; i++) {
		struct axl_ioc_fw_load load = { };

		/* Something to be overwritten, and to be zeroed behind a file */
		ASSERT_EQ(0, at_dev_fill(self->t.q.l2_base + AT_L2_IMAGE, 0xff,
					 64 * KIB));
		ASSERT_EQ(0, at_image_good(&image, &self->t.q, classes[i]));
		ASSERT_EQ(0, at_fw_load(self->t.fd, &image, &load))
			TH_LOG("class %d", classes[i]);
		EXPECT_EQ(self->t.q.l2_base + AT_L2_IMAGE, load.entry);
		ASSERT_EQ(0, at_query(self->t.fd, &q));
		EXPECT_EQ(gen + 1 + i, q.generation);
		EXPECT_EQ(q.generation, load.generation);
		EXPECT_EQ(AXL_FW_RUNNING, q.fw_state);
		EXPECT_EQ(AXL_FW_PHASE_IDLE, q.fw_phase);
		EXPECT_EQ(q.fw_total, q.fw_done);
		EXPECT_GE(q.fw_total, 20000);

		/* The segments are where the file says, with zeroes behind */
		ASSERT_EQ(0, at_dev_crc(load.entry + 24, 20001, &crc));
		{
			static uint8_t payload[20001];

			at_fill(payload, sizeof(payload), 0xf1f2, 0);
			want = at_crc32(0, payload, sizeof(payload));
		}
		EXPECT_EQ(want, crc);
		end = load.entry + AT_ALIGN(24 + 20001, 4096) + 1;
		ASSERT_EQ(0, at_dev_read(end + 5001 - 64, zero, 64));
		EXPECT_EQ(-1, at_check_byte(zero, 64, 0))
			TH_LOG("memory behind the file's part is not zero");
		ASSERT_EQ(0, at_dev_read(end + 5001, zero, 4));
		EXPECT_EQ(-1, at_check_byte(zero, 4, 0xff))
			TH_LOG("zeroed too much");
		at_image_free(&image);
	}
}

/* All that the runtime publishes is found, after the first start and later ones */
TEST_F_TIMEOUT(fw, areas, 60)
{
	uint32_t board = at_lab_get(METIS_LAB_VARIANT);
	struct axl_ioc_query q;
	uint64_t count;
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, at_fw_run(self->t.fd));
		ASSERT_EQ(0, at_query(self->t.fd, &q));
		EXPECT_EQ(!(board & METIS_LAB_VARIANT_OLD_FW),
			  !!(q.features & AXL_FEAT_DMA_LIST));
		if (q.features & AXL_FEAT_VMSI) {
			EXPECT_NE(0, at_lab_get64(METIS_LAB_TARGET));
			EXPECT_GE(q.nr_vmsi, 32);
		}
		EXPECT_NE(0, q.features & AXL_FEAT_DDR);
		if (at_silent(&q))
			continue;
		ASSERT_EQ(0, at_event_count(self->t.fd, 12, &count));
		at_lab_set(METIS_LAB_RAISE, 12);
		EXPECT_EQ(0, at_wait_event(self->t.fd, 12, count, AT_SOON,
					   NULL));
	}
}

/* The driver keeps its hands off a link that is down */
TEST_F_TIMEOUT(fw, no_access_while_down, 60)
{
	at_lab_set(METIS_LAB_LINK_DOWN_MS, 300);
	ASSERT_EQ(0, at_fw_run(self->t.fd));
	EXPECT_EQ(self->down, at_down_accesses());
}

static pid_t load_in_child(int fd, const struct at_image *image,
			   uint64_t timeout)
{
	pid_t child = fork();

	if (!child) {
		struct axl_ioc_fw_load load = { .timeout_ns = timeout };

		_exit(-at_fw_load(fd, image, &load));
	}
	return child;
}

TEST_F_TIMEOUT(fw, progress, 60)
{
	uint64_t gen = self->t.q.generation, done = 0, end;
	bool seen[8] = { };
	struct at_image big;
	struct axl_ioc_query q;
	pid_t child;
	int status;

	ASSERT_EQ(0, at_image_build(&big, &self->t.q, 64, 4 * MIB));
	at_lab_set(METIS_LAB_STEP_BYTES, 262144);
	at_lab_set(METIS_LAB_STEP_NS, 16000000);
	at_lab_set(METIS_LAB_LINK_DOWN_MS, 100);
	at_lab_set(METIS_LAB_AREA_DELAY_MS, 100);
	child = load_in_child(self->t.fd, &big, 0);
	ASSERT_GT(child, 0);
	end = at_now() + AT_SEC(40);
	while (waitpid(child, &status, WNOHANG) == 0 && at_now() < end) {
		ASSERT_EQ(0, at_query(self->t.fd, &q));
		ASSERT_LE(q.fw_phase, AXL_FW_PHASE_AREAS);
		seen[q.fw_phase] = true;
		if (q.fw_phase == AXL_FW_PHASE_UPLOAD) {
			EXPECT_GE(q.fw_done, done);
			EXPECT_LE(q.fw_done, q.fw_total);
			EXPECT_GE(q.fw_total, 4 * MIB);
			done = q.fw_done;
			EXPECT_EQ(gen, q.generation);
		}
		if (q.fw_phase == AXL_FW_PHASE_LINK) {
			EXPECT_EQ(AXL_FW_STARTING, q.fw_state);
		}
		usleep(500);
	}
	EXPECT_EQ(0, status);
	EXPECT_TRUE(seen[AXL_FW_PHASE_UPLOAD]);
	EXPECT_TRUE(seen[AXL_FW_PHASE_LINK]);
	EXPECT_TRUE(seen[AXL_FW_PHASE_AREAS]);
	EXPECT_GT(done, 0);
	ASSERT_EQ(0, at_query(self->t.fd, &q));
	EXPECT_EQ(AXL_FW_PHASE_IDLE, q.fw_phase);
	EXPECT_EQ(q.fw_total, q.fw_done);
	at_image_free(&big);
}

/* Who believes in the firmware of before is told so */
TEST_F_TIMEOUT(fw, stale, 60)
{
	uint64_t gen = self->t.q.generation, seq;
	struct axl_ioc_wait_event e = { .event = 1, .generation = gen };
	struct axl_xfer x = {
		.handle = self->handle, .direction = AXL_TO_DEVICE,
		.device_addr = self->base, .length = 4096,
		.channel = AXL_CHANNEL_ANY,
	};

	ASSERT_EQ(0, at_fw_run(self->t.fd));
	EXPECT_EQ(-ESTALE, at_submit(self->t.fd, &x, 1, gen, 0, &seq));
	EXPECT_EQ(-ESTALE, at_ioctl(self->t.fd, AXL_IOC_WAIT_EVENT, &e));
	EXPECT_EQ(0, at_run(self->t.fd, &x, 1));
}

/* A load waits for running transfers and fails the queued ones */
TEST_F_TIMEOUT(fw, transfers_before_a_load, 60)
{
	unsigned int i, good = 0, stale = 0;
	uint64_t seq[16];
	struct axl_ioc_wait w;

	at_lab_set(METIS_LAB_STEP_BYTES, 4096);
	at_lab_set(METIS_LAB_STEP_NS, 20000000);	/* 320 ms each */
	at_fill(self->mem.p, MIB, 77, 0);
	for (i = 0; i < 16; i++) {
		struct axl_xfer x = {
			.handle = self->handle, .direction = AXL_TO_DEVICE,
			.offset = i * 64 * KIB, .length = 64 * KIB,
			.device_addr = self->base + i * 64 * KIB,
			/* all on one channel: the upload finds another free */
			.channel = 1,
		};

		ASSERT_EQ(0, at_submit(self->t.fd, &x, 1,
				       self->t.q.generation, AT_SEC(20),
				       &seq[i]));
	}
	EXPECT_EQ(0x20, at_lab_get(METIS_LAB_RUNNING));
	ASSERT_EQ(0, at_fw_run(self->t.fd));
	for (i = 0; i < 16; i++) {
		uint32_t crc;

		ASSERT_EQ(0, at_wait(self->t.fd, seq[i], 0, &w))
			TH_LOG("submission %u has not ended", i);
		if (w.status == -ESTALE) {
			stale++;
			EXPECT_EQ(0, w.bytes);
			continue;
		}
		EXPECT_EQ(0, w.status);
		good++;
		ASSERT_EQ(0, at_dev_crc(self->base + i * 64 * KIB, 64 * KIB,
					&crc));
		EXPECT_EQ(at_crc32(0, self->mem.p + i * 64 * KIB, 64 * KIB),
			  crc);
	}
	EXPECT_GE(good, 1);
	EXPECT_GE(stale, 1);
}

/* Firmware says no, by its own judgement and by the lab's */
TEST_F_TIMEOUT(fw, refused, 60)
{
	struct axl_ioc_fw_load load = { };
	uint64_t gen = self->t.q.generation;
	static uint8_t code[256] = "no firmware at all";
	struct at_segment seg = {
		self->t.q.l2_base + AT_L2_IMAGE, code, sizeof(code),
		sizeof(code),
	};
	struct axl_xfer x = {
		.handle = self->handle, .direction = AXL_TO_DEVICE,
		.device_addr = self->base, .length = 4096,
		.channel = AXL_CHANNEL_ANY,
	};
	struct at_image image;

	at_lab_set(METIS_LAB_START_FAULT, METIS_LAB_START_REFUSE);
	EXPECT_EQ(-EREMOTEIO, at_fw_load(self->t.fd, &self->image, &load));
	EXPECT_EQ(METIS_EMU_OP_START | METIS_EMU_OP_REPLY, load.reply_opcode);
	EXPECT_EQ(0, at_run(self->t.fd, &x, 1));

	ASSERT_EQ(0, at_elf_build(&image, 64, seg.paddr, &seg, 1));
	EXPECT_EQ(-EREMOTEIO, at_fw_load(self->t.fd, &image, &load));
	EXPECT_EQ(METIS_EMU_OP_START | METIS_EMU_OP_REPLY, load.reply_opcode);
	EXPECT_EQ(0, at_run(self->t.fd, &x, 1));
	at_image_free(&image);

	/* An opcode that this firmware does not know is a refusal, too */
	load = (struct axl_ioc_fw_load){
		.start_opcode = 0x7777, .image = (uintptr_t)self->image.data,
		.image_size = self->image.size,
	};
	EXPECT_EQ(-EREMOTEIO, at_ioctl(self->t.fd, AXL_IOC_FW_LOAD, &load));
	EXPECT_EQ(0x7777 | METIS_EMU_OP_REPLY, load.reply_opcode);
	/* Nothing restarted, so the generation is the same */
	EXPECT_EQ(gen, at_generation(self->t.fd));
}

static void start_fault(struct __test_metadata *_metadata,
			FIXTURE_DATA(fw) *self, enum metis_lab_start_fault how,
			int want)
{
	struct axl_ioc_fw_load load = { .timeout_ns = AT_SEC(1) };
	uint64_t start = at_now();

	at_lab_set(METIS_LAB_START_FAULT, how);
	EXPECT_EQ(want, at_fw_load(self->t.fd, &self->image, &load));
	EXPECT_LT(at_now() - start, AT_SEC(12));
}

TEST_F_TIMEOUT(fw, start_unanswered, 60)
{
	start_fault(_metadata, self, METIS_LAB_START_SILENT, -ETIMEDOUT);
}

/* Firmware that comes up and publishes nothing answers nothing either */
TEST_F_TIMEOUT(fw, start_without_areas, 60)
{
	uint64_t end = at_now() + AT_SEC(10);
	struct axl_ioc_query q;
	int err;

	start_fault(_metadata, self, METIS_LAB_START_NO_AREAS, -ETIMEDOUT);
	ASSERT_EQ(0, at_query(self->t.fd, &q));
	EXPECT_NE(AXL_FW_DEAD, q.fw_state);
	/* The engine does not need it, once the driver has cleaned up */
	do {
		err = at_move(self->t.fd, self->handle, AXL_TO_DEVICE, 0,
			      self->base, 4096);
	} while (err == -ESTALE && at_now() < end);
	EXPECT_EQ(0, err);
	/* The card is turned off and on */
	EXPECT_EQ(0, at_cure(self->t.fd));
}

TEST_F_TIMEOUT(fw, start_into_bootloader, 60)
{
	start_fault(_metadata, self, METIS_LAB_START_BOOTLOADER, -ETIMEDOUT);
}

TEST_F_TIMEOUT(fw, busy, 60)
{
	struct axl_ioc_fw_load load = { };
	struct axl_ioc_reset r = { };
	struct axl_ioc_query q;
	uint64_t end;
	pid_t child;
	int status;

	at_lab_set(METIS_LAB_LINK_DOWN_MS, 600);
	child = load_in_child(self->t.fd, &self->image, 0);
	ASSERT_GT(child, 0);
	end = at_now() + AT_SEC(10);
	do {
		ASSERT_EQ(0, at_query(self->t.fd, &q));
	} while (q.fw_phase < AXL_FW_PHASE_LINK && at_now() < end);
	EXPECT_EQ(AXL_FW_PHASE_LINK, q.fw_phase);
	EXPECT_EQ(-EBUSY, at_fw_load(self->t.fd, &self->image, &load));
	EXPECT_EQ(-EBUSY, at_ioctl(self->t.fd, AXL_IOC_RESET, &r));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status)
		TH_LOG("first load: %d", WEXITSTATUS(status));
}

TEST_F(fw, no_start)
{
	struct axl_ioc_fw_load load = { .flags = AXL_FW_LOAD_NO_START };
	struct axl_ioc_query q;
	uint64_t entry;
	uint32_t crc, starts = at_lab_get(METIS_LAB_GENERATION);

	ASSERT_EQ(0, at_dev_fill(self->t.q.l2_base + AT_L2_IMAGE, 0, 32768));
	ASSERT_EQ(0, at_fw_load(self->t.fd, &self->image, &load));
	EXPECT_EQ(self->t.q.generation, load.generation);
	EXPECT_EQ(self->t.q.l2_base + AT_L2_IMAGE, load.entry);
	ASSERT_EQ(0, at_query(self->t.fd, &q));
	EXPECT_EQ(self->t.q.generation, q.generation);
	EXPECT_EQ(self->t.q.fw_state, q.fw_state);
	EXPECT_EQ(starts, at_lab_get(METIS_LAB_GENERATION));
	ASSERT_EQ(0, at_dev_read(self->t.q.l2_base + 0x238, &entry, 8));
	EXPECT_EQ(load.entry, entry);
	ASSERT_EQ(0, at_dev_crc(load.entry + 24, 20001, &crc));
	EXPECT_NE(at_crc32(0, NULL, 0), crc);
}

static int write_file(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, data, size);
	close(fd);
	return n == (ssize_t)size ? 0 : -EIO;
}

TEST_F_TIMEOUT(fw, by_name, 60)
{
	static const char name[] = "axl/axltest-1.0_a.elf";
	static const char bad[] = "axl/axltest-bad.elf";
	struct axl_ioc_fw_load load = {
		.flags = AXL_FW_LOAD_NAME, .image = (uintptr_t)name,
		.image_size = sizeof(name) - 1,
		.start_opcode = at_start_opcode(),
	};

	mkdir("/lib/firmware", 0755);
	mkdir("/lib/firmware/axl", 0755);
	ASSERT_EQ(0, write_file("/lib/firmware/axl/axltest-1.0_a.elf",
				self->image.data, self->image.size));
	ASSERT_EQ(0, write_file("/lib/firmware/axl/axltest-bad.elf",
				"not an image, but a text", 24));
	ASSERT_EQ(0, at_ioctl(self->t.fd, AXL_IOC_FW_LOAD, &load));
	EXPECT_EQ(self->t.q.generation + 1, load.generation);
	load.image = (uintptr_t)bad;
	load.image_size = sizeof(bad) - 1;
	EXPECT_EQ(-ENOEXEC, at_ioctl(self->t.fd, AXL_IOC_FW_LOAD, &load));
	unlink("/lib/firmware/axl/axltest-1.0_a.elf");
	unlink("/lib/firmware/axl/axltest-bad.elf");
}

/*
 * A mapping of BAR2 that is read all through a restart: it waits, it sees the
 * memory of before or of after, never the all-ones of a link that is down.
 */
TEST_F_TIMEOUT(fw, mapping, 60)
{
	size_t word = (AT_L2_SCRATCH + 4096) / 4;
	volatile uint32_t *p;
	struct { uint32_t reads, ones; uint64_t longest; } *seen;
	pid_t child;
	int status;

	seen = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, seen);
	p = mmap(NULL, self->t.q.bar2_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		 self->t.fd, 0);
	ASSERT_NE(MAP_FAILED, p);
	p[word] = 0x12345678;
	at_lab_set(METIS_LAB_LINK_DOWN_MS, 200);

	child = fork();
	if (!child) {
		/* A mapping need not be handed down: this is the child's own */
		p = mmap(NULL, self->t.q.bar2_size, PROT_READ, MAP_SHARED,
			 self->t.fd, 0);
		if (p == MAP_FAILED)
			_exit(1);
		for (;;) {
			uint64_t start = at_now();
			uint32_t v = p[word];

			if (at_now() - start > seen->longest)
				seen->longest = at_now() - start;
			seen->reads++;
			seen->ones += v == 0xffffffff;
		}
	}
	ASSERT_GT(child, 0);
	at_sleep_ms(20);
	EXPECT_EQ(0, at_fw_run(self->t.fd));
	at_sleep_ms(20);
	kill(child, SIGTERM);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(SIGTERM, WTERMSIG(status))
		TH_LOG("the reader died of signal %d", WTERMSIG(status));
	EXPECT_GT(seen->reads, 10);
	EXPECT_EQ(0, seen->ones);
	EXPECT_GE(seen->longest, AT_MSEC(100))
		TH_LOG("the reader never had to wait");
	EXPECT_EQ(self->down, at_down_accesses());
	/* And it is still there */
	p[word] = 0x87654321;
	EXPECT_EQ(0x87654321, p[word]);
	munmap((void *)p, self->t.q.bar2_size);
}

/* A loader that is killed in any phase leaves a card that can be loaded */
TEST_F_TIMEOUT(fw, loader_killed, 120)
{
	static const enum axl_fw_phase phases[] = {
		AXL_FW_PHASE_UPLOAD, AXL_FW_PHASE_LINK, AXL_FW_PHASE_AREAS,
	};
	struct at_image big;
	struct axl_ioc_query q;
	uint64_t end;
	pid_t child;
	int status;
	size_t i;

	ASSERT_EQ(0, at_image_build(&big, &self->t.q, 64, 4 * MIB));
	for (i = 0; i < at_array_size(phases); i++) {
		at_lab_set(METIS_LAB_STEP_BYTES, 262144);
		at_lab_set(METIS_LAB_STEP_NS, 16000000);
		at_lab_set(METIS_LAB_LINK_DOWN_MS, 200);
		at_lab_set(METIS_LAB_AREA_DELAY_MS, 200);
		child = load_in_child(self->t.fd, &big, 0);
		ASSERT_GT(child, 0);
		end = at_now() + AT_SEC(15);
		do {
			ASSERT_EQ(0, at_query(self->t.fd, &q));
		} while (q.fw_phase != phases[i] && at_now() < end);
		EXPECT_EQ(phases[i], q.fw_phase);
		kill(child, SIGKILL);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		at_lab_reset();
		/* What was started may need a while to arrive */
		end = at_now() + AT_SEC(10);
		do {
			at_sleep_ms(10);
			ASSERT_EQ(0, at_query(self->t.fd, &q));
		} while ((q.fw_phase || q.fw_state == AXL_FW_STARTING) &&
			 at_now() < end);
		still_usable(_metadata, self);
	}
	at_image_free(&big);
}

/* A load that is killed while transfers run: nothing was started, nothing lost */
TEST_F_TIMEOUT(fw, killed_while_draining, 60)
{
	struct axl_xfer x = {
		.handle = self->handle, .direction = AXL_TO_DEVICE,
		.length = 256 * KIB, .device_addr = self->base, .channel = 1,
	};
	uint32_t starts = at_lab_get(METIS_LAB_GENERATION);
	uint64_t seq, end = at_now() + AT_SEC(10);
	struct axl_ioc_query q;
	struct axl_ioc_wait w;
	pid_t child;
	int status;

	at_lab_set(METIS_LAB_STEP_BYTES, 4096);
	at_lab_set(METIS_LAB_STEP_NS, 40000000);	/* 2.5 s */
	ASSERT_EQ(0, at_submit(self->t.fd, &x, 1, self->t.q.generation,
			       AT_SEC(20), &seq));
	/* pieces of the image go by other channels and are small */
	child = load_in_child(self->t.fd, &self->image, 0);
	ASSERT_GT(child, 0);
	do {
		ASSERT_EQ(0, at_query(self->t.fd, &q));
	} while (q.fw_phase != AXL_FW_PHASE_START && at_now() < end);
	EXPECT_EQ(AXL_FW_PHASE_START, q.fw_phase);
	kill(child, SIGKILL);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	ASSERT_EQ(0, at_wait(self->t.fd, seq, AT_SEC(20), &w));
	EXPECT_EQ(0, w.status);
	at_lab_reset();
	EXPECT_EQ(starts, at_lab_get(METIS_LAB_GENERATION));
	EXPECT_EQ(self->t.q.generation, at_generation(self->t.fd));
	EXPECT_EQ(0, at_move(self->t.fd, self->handle, AXL_TO_DEVICE, 0,
			     self->base, MIB));
}

TEST_F_TIMEOUT(fw, reset, 60)
{
	struct axl_ioc_reset r = { };
	struct axl_xfer x = {
		.handle = self->handle, .direction = AXL_TO_DEVICE,
		.device_addr = self->base, .length = MIB,
		.channel = AXL_CHANNEL_ANY,
	};
	uint64_t flrs = at_lab_get(METIS_LAB_FLRS), seq;
	struct axl_ioc_wait w;
	struct axl_ioc_query q;
	int err;

	at_lab_set(METIS_LAB_FREEZE, 1);
	ASSERT_EQ(0, at_submit(self->t.fd, &x, 1, self->t.q.generation,
			       AT_SEC(20), &seq));
	err = at_ioctl(self->t.fd, AXL_IOC_RESET, &r);
	at_lab_set(METIS_LAB_FREEZE, 0);
	if (err == -EOPNOTSUPP)
		SKIP(return, "this function cannot be reset");
	ASSERT_EQ(0, err);
	EXPECT_EQ(0, at_wait(self->t.fd, seq, 0, &w));
	EXPECT_EQ(-ESTALE, w.status);
	EXPECT_EQ(flrs + 1, at_lab_get(METIS_LAB_FLRS));
	ASSERT_EQ(0, at_query(self->t.fd, &q));
	EXPECT_EQ(self->t.q.generation + 1, q.generation);
	EXPECT_EQ(q.generation, r.generation);
	EXPECT_EQ(-ESTALE, at_submit(self->t.fd, &x, 1, self->t.q.generation,
				     0, &seq));
	/* Whatever runs there now, the engine works */
	EXPECT_EQ(0, at_run(self->t.fd, &x, 1));
}

/* ---- the corpus ---- */

struct corpus {
	struct __test_metadata *meta;
	struct at_ctx *t;
	unsigned int good, bad;
	bool sized;		/* firmware tells how much it keeps */
};

static int corpus_one(void *arg, const char *name, int error, const char *what,
		      const void *data, size_t size)
{
	struct corpus *c = arg;
	struct __test_metadata *_metadata = c->meta;
	struct axl_ioc_fw_load load = {
		.flags = error ? 0 : AXL_FW_LOAD_NO_START,
		.start_opcode = at_start_opcode(),
		.image = (uintptr_t)data, .image_size = size,
	};
	int err;

	if (!size)
		return 0;	/* no such request: size 0 is -EINVAL */
	/* Really loaded: it would lie on what older firmware keeps unsaid */
	if (!c->sized && !strncmp(name, "good_first_free_byte", 20))
		return 0;
	err = at_ioctl(c->t->fd, AXL_IOC_FW_LOAD, &load);
	EXPECT_EQ(-error, err)
		TH_LOG("%s (%s)", name, what);
	if (error) {
		c->bad++;
	} else {
		c->good++;
	}
	return 0;
}

TEST_F_TIMEOUT(fw, corpus, 120)
{
	struct axl_ioc_query *q = &self->t.q;
	struct corpus c = { .meta = _metadata, .t = &self->t };
	struct metis_emu_image head = {
		.magic0 = METIS_EMU_IMAGE_MAGIC0,
		.magic1 = METIS_EMU_IMAGE_MAGIC1,
		.header_size = sizeof(head),
	};
	struct corpus_params p = {
		.l2_base = q->l2_base, .l2_size = q->l2_size,
		.shared_size = 0x800,
		.load_addr = q->l2_base + AT_L2_IMAGE,
		.payload = &head, .payload_size = sizeof(head),
	};
	uint64_t gen = q->generation, header[3];

	ASSERT_EQ(0, at_list_buffer(&self->t, &p.list_base, &p.list_size));
	if (q->features & AXL_FEAT_DDR) {
		p.ddr_base = q->ddr_base;
		p.ddr_size = q->ddr_size;
	}
	/* How much firmware keeps for itself, where it tells */
	ASSERT_EQ(0, at_dev_read(q->l2_base, header, sizeof(header)));
	if ((header[0] & 0xffff) == 0xfd1f && header[2] > p.shared_size &&
	    header[2] < AT_L2_IMAGE) {
		p.shared_size = header[2];
		c.sized = true;
	}
	EXPECT_GT(corpus_each(&p, corpus_one, &c), 30);
	EXPECT_GE(c.bad, 30);
	EXPECT_GE(c.good, 1);
	at_msg("%u bad images refused, %u good ones taken", c.bad, c.good);
	EXPECT_EQ(gen, at_generation(self->t.fd));
}

TEST_HARNESS_MAIN
