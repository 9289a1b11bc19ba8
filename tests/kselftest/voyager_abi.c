// SPDX-License-Identifier: GPL-2.0
/*
 * The Voyager SDK's interface, row by row: how it finds the driver, good and bad
 * arguments of every call, mappings, and metis.ko that comes and goes.
 *
 * Where the description of the interface is silent, a test says what it takes
 * for granted ("Taken:").
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
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

FIXTURE(abi)
{
	struct at_ctx t;
	size_t page;
	uint8_t *hole;		/* the page before it is writable */
	uint8_t *ro;
};

FIXTURE_SETUP(abi)
{
	uint8_t *p;

	VY_BEGIN(&self->t, 0);
	self->page = at_page_size();
	p = mmap(NULL, 4 * self->page, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, p);
	self->hole = p + self->page;
	self->ro = p + 2 * self->page;
	memset(p, 0, self->page);
	ASSERT_EQ(0, munmap(self->hole, self->page));
	ASSERT_EQ(0, mprotect(self->ro, self->page, PROT_READ));
}

FIXTURE_TEARDOWN(abi)
{
	if (!vy_module_loaded())
		EXPECT_EQ(0, vy_module_load(NULL));
	AT_END(&self->t);
}

/* ---- how the SDK finds the driver ---- */

static unsigned int lines_starting(const char *path, const char *word)
{
	char line[512];
	unsigned int n = 0;
	FILE *f = fopen(path, "r");

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		n += !strncmp(line, word, strlen(word));
	fclose(f);
	return n;
}

TEST_F(abi, module_and_version)
{
	char text[64];

	/* lsmod */
	EXPECT_EQ(1, lines_starting("/proc/modules", "metis "));
	ASSERT_EQ(0, at_read_text("/sys/class/metis/version", text,
				  sizeof(text)));
	EXPECT_STREQ(VY_VERSION, text);
	ASSERT_EQ(0, at_read_text("/sys/kernel/debug/metis/version", text,
				  sizeof(text)));
	EXPECT_STREQ(VY_VERSION, text);
}

/* An engine with fewer than the four that the SDK can name */
TEST_F(abi, channels_that_are_not_there)
{
	int n = self->t.q.write_channels;
	struct vy_dmabuf b;

	if (n == 4)
		SKIP(return, "all are there");
	if (vy_dmabuf_make(&b, 65536))
		SKIP(return, "no dma-buf");
	ASSERT_EQ(0, vy_buf_attach(self->t.fd, b.fd));
	for (; n < 4; n++) {
		EXPECT_EQ(-EINVAL, vy_buf_xfer(self->t.fd, VY_READ | VY_SYNC,
					       self->t.q.l2_base, 0, 65536, n));
		EXPECT_EQ(-EINVAL, vy_buf_xfer(self->t.fd, VY_WRITE | VY_ASYNC,
					       at_scratch_l2(&self->t.q), 0,
					       65536, n));
	}
	EXPECT_EQ(0, vy_buf_xfer(self->t.fd, VY_READ | VY_SYNC,
				 self->t.q.l2_base, 0, 65536, 0));
	EXPECT_EQ(0, vy_call(self->t.fd, VY_BUF_DETACH, NULL));
	vy_dmabuf_free(&b);
}

/* Whoever sees the node can use it: exits with 1 when it cannot */
static void first_in(const char *node)
{
	uint64_t value = VY_PROP_CORES;
	int fd;

	do {
		fd = open(node, O_RDWR | O_CLOEXEC);
	} while (fd < 0);
	_exit(vy_call(fd, VY_PROPERTY, &value) ? 1 : 0);
}

TEST_F_TIMEOUT(abi, first_call_after_probe, 60)
{
	char node[64];
	unsigned int i;
	int status;
	pid_t child;

	ASSERT_EQ(0, at_node(node, sizeof(node)));
	for (i = 0; i < 20 / at_slow(); i++) {
		close(self->t.fd);
		self->t.fd = -1;
		ASSERT_EQ(0, at_pci_remove(&self->t.pci));
		child = fork();
		if (!child)
			first_in(node);
		ASSERT_GT(child, 0);
		ASSERT_EQ(0, at_pci_rescan());
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_EQ(0, status)
			TH_LOG("round %d", i);
		self->t.fd = at_open();
		ASSERT_GE(self->t.fd, 0);
	}
}

static void class_name(const struct axl_query *q, char sep, char *name,
		       size_t size)
{
	snprintf(name, size, "metis-%x%c%x%c%x", q->pci_domain, sep,
		 q->pci_bus, sep, q->pci_devfn >> 3);
}

TEST_F(abi, class_names)
{
	char name[64], path[PATH_MAX], real[2][PATH_MAX], text[64], want[64];
	struct stat st;
	int i;

	ASSERT_EQ(0, fstat(self->t.fd, &st));
	snprintf(want, sizeof(want), "%u:%u", major(st.st_rdev),
		 minor(st.st_rdev));
	for (i = 0; i < 2; i++) {
		class_name(&self->t.q, i ? ':' : '-', name, sizeof(name));
		snprintf(path, sizeof(path), "/sys/class/metis/%s", name);
		ASSERT_NE(NULL, realpath(path, real[i]))
			TH_LOG("%s: %s", path, strerror(errno));
		snprintf(path, sizeof(path), "/sys/class/metis/%s/dev", name);
		ASSERT_EQ(0, at_read_text(path, text, sizeof(text)));
		EXPECT_STREQ(want, text);
		snprintf(path, sizeof(path), "/sys/class/metis/%s/device", name);
		ASSERT_NE(NULL, realpath(path, real[i]));
		EXPECT_NE(NULL, strstr(real[i], self->t.pci.bdf));
	}
	EXPECT_STREQ(real[0], real[1]);
}

TEST_F(abi, names_go_with_the_card)
{
	char name[64], path[PATH_MAX];
	struct stat st;

	close(self->t.fd);
	self->t.fd = -1;
	class_name(&self->t.q, ':', name, sizeof(name));
	snprintf(path, sizeof(path), "/sys/class/metis/%s", name);
	ASSERT_EQ(0, lstat(path, &st));
	ASSERT_EQ(0, at_pci_remove(&self->t.pci));
	EXPECT_EQ(-1, lstat(path, &st));
	EXPECT_EQ(-1, stat("/sys/kernel/debug/metis/metis-0000:01:00.0", &st));
	ASSERT_EQ(0, at_pci_rescan());
	self->t.fd = at_open();
	ASSERT_GE(self->t.fd, 0);
	EXPECT_EQ(0, lstat(path, &st));
	EXPECT_EQ(0, stat(path, &st));
	/* A second card's worth of calls works as the first did */
	EXPECT_EQ(0, vy_lock(self->t.fd, 1));
	EXPECT_EQ(0, vy_lock(self->t.fd, 0));
}

#define VMSI_EVENTS	1024

/* A line for each event that has happened: its number and how often, in order */
static int vmsi_read(const char *path, uint64_t count[VMSI_EVENTS])
{
	unsigned int n, least = 0;
	unsigned long long c;
	FILE *f = fopen(path, "r");
	char line[64], end;
	int err = 0;

	if (!f)
		return -errno;
	memset(count, 0, VMSI_EVENTS * sizeof(*count));
	while (!err && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%u %llu%c", &n, &c, &end) != 3 ||
		    end != '\n' || n < least || n >= VMSI_EVENTS || !c) {
			at_msg("vmsi: '%s'", line);
			err = -EPROTO;
			break;
		}
		count[n] = c;
		least = n + 1;
	}
	fclose(f);
	return err;
}

static unsigned int vmsi_files(void)
{
	struct dirent *de;
	unsigned int n = 0;
	DIR *dir = opendir("/sys/kernel/debug/metis");

	if (!dir)
		return 0;
	while ((de = readdir(dir)))
		n += !strncmp(de->d_name, "metis-", 6);
	closedir(dir);
	return n;
}

TEST_F(abi, debugfs_vmsi)
{
	static uint64_t before[VMSI_EVENTS], after[VMSI_EVENTS];
	static const unsigned int raised[] = {
		2, AXL_EVENT_MESSAGE, METIS_EMU_LOG_VMSI,
	};
	unsigned int n, i, k, nr = at_array_size(raised);
	char name[64], path[PATH_MAX];
	struct axl_query q;
	uint64_t count;
	bool exact;

	ASSERT_EQ(0, at_fw_run(self->t.fd));
	ASSERT_EQ(0, at_query(self->t.fd, &q));
	exact = q.features & AXL_FEAT_EVENTS_EXACT;
	/* above 31 only where firmware says which message announces it */
	if (q.nr_vmsi <= METIS_EMU_LOG_VMSI)
		nr--;
	/* where no message arrives the answer to the start is found later */
	at_sleep_ms(200);
	EXPECT_EQ(1, vmsi_files());
	class_name(&self->t.q, ':', name, sizeof(name));
	snprintf(path, sizeof(path), "/sys/kernel/debug/metis/%s/vmsi", name);
	ASSERT_EQ(0, vmsi_read(path, before));
	for (i = 0; i < nr; i++) {
		for (k = 0; k < 3 + i; k++) {
			ASSERT_EQ(0, at_event_count(self->t.fd, raised[i],
						    &count));
			at_lab_set(METIS_LAB_RAISE, raised[i]);
			ASSERT_EQ(0, at_wait_event(self->t.fd, raised[i], count,
						   AT_SOON, NULL));
		}
	}
	ASSERT_EQ(0, vmsi_read(path, after));
	for (n = 0; n < VMSI_EVENTS; n++) {
		for (i = 0; i < nr && raised[i] != n; i++)
			;
		k = i < nr ? 3 + i : 0;
		if (exact) {
			EXPECT_EQ(before[n] + k, after[n])
				TH_LOG("event %u", n);
		} else {
			EXPECT_LE(before[n] + k, after[n])
				TH_LOG("event %u", n);
		}
	}
}

/* What else the vendor's driver has is no parameter here: docs/voyager.md */
TEST_F(abi, parameters)
{
	char text[32];
	struct stat st;

	ASSERT_EQ(0, stat("/sys/module/metis/parameters/dma_timeout", &st));
	EXPECT_EQ(0, st.st_mode & 022);
	ASSERT_EQ(0, vy_parameter("dma_timeout", text, sizeof(text)));
	EXPECT_STREQ("2", text);
}

static int move_some(int fd, const struct at_ctx *t)
{
	static uint8_t buf[65536];
	uint32_t crc;
	int err;

	at_fill(buf, sizeof(buf), at_now(), 0);
	err = vy_user_xfer(fd, VY_WRITE, at_scratch_l2(&t->q), buf,
			   sizeof(buf));
	if (!err)
		err = at_dev_crc(at_scratch_l2(&t->q), sizeof(buf), &crc);
	if (!err && crc != at_crc32(0, buf, sizeof(buf)))
		err = -EILSEQ;
	return err;
}

TEST_F(abi, restore_attribute)
{
	char path[192], text[32];
	struct stat st;
	uint64_t end;
	int i;

	snprintf(path, sizeof(path), "%s/axl_aipu_restore", self->t.pci.dir);
	ASSERT_EQ(0, stat(path, &st));
	EXPECT_EQ(0, st.st_mode & 022);
	ASSERT_EQ(0, at_read_text(path, text, sizeof(text)));
	EXPECT_STREQ("1", text);
	EXPECT_EQ(0, move_some(self->t.fd, &self->t));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, at_write_text(path, i ? "1" : "anything\n"));
		EXPECT_EQ(0, move_some(self->t.fd, &self->t));
	}

	/* While the link is down it says so, and comes back by itself */
	at_lab_set(METIS_LAB_LINK_DOWN, 1000);
	ASSERT_EQ(0, at_read_text(path, text, sizeof(text)));
	EXPECT_STREQ("0", text);
	at_write_text(path, "1");
	end = at_now() + AT_SEC(20);
	do {
		at_sleep_ms(20);
		i = move_some(self->t.fd, &self->t);
	} while (i && at_now() < end);
	EXPECT_EQ(0, i);
	ASSERT_EQ(0, at_read_text(path, text, sizeof(text)));
	EXPECT_STREQ("1", text);
}

static uint16_t command(const struct at_pci *pci)
{
	uint16_t word = 0;

	at_pci_config(pci, 4, &word, sizeof(word));
	return word;
}

#define COMMAND_MEMORY	(1u << 1)
#define COMMAND_MASTER	(1u << 2)

/*
 * The link stays away for longer than anybody waits, and what comes back has
 * forgotten where its BARs are. Nobody touches it until it is told to.
 */
TEST_F_TIMEOUT(abi, restored_by_a_write, 60)
{
	uint64_t end, start;
	char path[192], text[32];
	struct axl_query q;
	int err;

	ASSERT_EQ(0, at_fw_run(self->t.fd));
	ASSERT_EQ(0, move_some(self->t.fd, &self->t));
	snprintf(path, sizeof(path), "%s/axl_aipu_restore", self->t.pci.dir);
	at_lab_set(METIS_LAB_LINK_DOWN, 6000);
	start = at_now();
	end = start + AT_SEC(20);
	do {
		at_sleep_ms(20);
		err = at_query(self->t.fd, &q);
	} while (((!err && q.fw_state != AXL_FW_DEAD) ||
		  at_lab_get(METIS_LAB_LINK) != 1) && at_now() < end);
	ASSERT_TRUE(err == -EIO || (!err && q.fw_state == AXL_FW_DEAD))
		TH_LOG("%d, state %u: it was not given up", err, q.fw_state);
	at_msg("given up, and the link back, after %llu ms",
	       (unsigned long long)(at_now() - start) / 1000000);

	/* It answers, and is left alone */
	ASSERT_EQ(0, at_read_text(path, text, sizeof(text)));
	EXPECT_STREQ("1", text);
	for (end = at_now() + AT_SEC(1); at_now() < end; at_sleep_ms(100)) {
		ASSERT_NE(0, move_some(self->t.fd, &self->t))
			TH_LOG("it comes back by itself");
		ASSERT_EQ(0, command(&self->t.pci) & COMMAND_MEMORY);
	}

	ASSERT_EQ(0, at_write_text(path, "x"));
	start = at_now();
	do {
		at_sleep_ms(20);
		err = move_some(self->t.fd, &self->t);
	} while (err && at_now() < start + AT_SEC(4));
	ASSERT_EQ(0, err);
	at_msg("at work %llu ms after the write",
	       (unsigned long long)(at_now() - start) / 1000000);
	EXPECT_EQ(COMMAND_MEMORY | COMMAND_MASTER, command(&self->t.pci) &
		  (COMMAND_MEMORY | COMMAND_MASTER));
}

/* ---- requests ---- */

/* All that a wrong word, or a random one, can be taken for */
TEST_F(abi, unknown_requests)
{
	uint8_t arg[1024] = { };
	unsigned int nr;
	size_t i;

	for (nr = 0; nr < 256; nr++) {
		for (i = 0; i < VY_NR_REQUESTS; i++)
			if (nr == (vy_requests[i] & 0xff))
				break;
		if (i < VY_NR_REQUESTS)
			continue;
		EXPECT_EQ(-ENOTTY, vy_call(self->t.fd, _IO('U', nr), arg))
			TH_LOG("%u", nr);
		EXPECT_EQ(-ENOTTY, vy_call(self->t.fd, _IOWR('U', nr, int), arg))
			TH_LOG("%u", nr);
	}
	/* Taken: a known number with another size or direction is another request */
	EXPECT_EQ(-ENOTTY, vy_call(self->t.fd, _IOWR('U', 10, struct vy_user_xfer),
				   arg));
	EXPECT_EQ(-ENOTTY, vy_call(self->t.fd, _IO('U', 16), arg));
	EXPECT_EQ(-ENOTTY, vy_call(self->t.fd, _IOR('U', 32, int), arg));
	/* and the native interface knows nothing of the other's */
	EXPECT_EQ(-ENOTTY, vy_call(self->t.fd, _IO('V', 0), arg));
}

static const struct pointer {
	unsigned long request;
	size_t size;
	bool out;		/* writes the structure */
	bool vague;		/* another reason to refuse may come first */
} pointers[] = {
	{ VY_CTX_ALLOC, 4 },
	{ VY_PROPERTY, 8, true },
	{ VY_BUF_ATTACH, 4 },
	{ VY_BUF_XFER, 32, .vague = true },
	{ VY_BUF_WAIT, 32, .vague = true },
	{ VY_USER_XFER, 32 },
	{ VY_MSI_WAIT, 8 },
	{ VY_MSI_CLEAR, 8 },
	{ VY_MSI_ATTACH, 4 },
	{ VY_CORE_MASK, 8, true },
	{ VY_RESOURCES, 64, true },
	{ VY_WINDOWS, 128, true },
	{ VY_P2P_XFER, 32, .vague = true },
	{ VY_STREAM_OPEN, 4 },
	{ VY_STREAM_STATS, 24, true, true },
	{ VY_STREAM_ENABLE, 4 },
	{ VY_STREAM_DISABLE, 4 },
	{ VY_STREAM_RESET, 4, .vague = true },
	{ VY_DMA_STATS, 512, true },
	{ VY_USER_PA, 16, .vague = true },
};

TEST_F(abi, bad_pointers)
{
	void *bad[5];
	size_t i, k;
	int err;

	for (i = 0; i < at_array_size(pointers); i++) {
		const struct pointer *p = &pointers[i];

		bad[0] = NULL;
		bad[1] = self->hole;
		bad[2] = self->hole - p->size + 1;	/* its last byte */
		bad[3] = (void *)0xffff000000000000ULL;	/* the kernel's */
		bad[4] = p->out ? self->ro : NULL;
		for (k = 0; k < at_array_size(bad); k++) {
			err = vy_call(self->t.fd, p->request, bad[k]);
			if (p->vague) {
				EXPECT_TRUE(vy_refusal(err))
					TH_LOG("request %#lx, pointer %zu: %d",
					       p->request, k, err);
			} else {
				EXPECT_EQ(-EFAULT, err)
					TH_LOG("request %#lx, pointer %zu",
					       p->request, k);
			}
		}
	}
	/* Nothing was left behind: no context, no lock, no event */
	EXPECT_EQ(0, vy_ctx_mask(self->t.fd));
	EXPECT_EQ(0, vy_consume(self->t.fd));
}

TEST_F(abi, property)
{
	static const struct {
		uint64_t which, value;
	} rows[] = {
		{ VY_PROP_GENERATION, 0 },
		{ VY_PROP_CORES, VY_CORES },
		{ VY_PROP_PVE_CORES, 0 },
		/* no Microsemi switch on this board */
		{ VY_PROP_SWITCH_GROUP, ~0ULL },
	};
	static const uint64_t none[] = { 4, 5, 1ULL << 32, ~0ULL };
	uint64_t value;
	size_t i;

	for (i = 0; i < at_array_size(rows); i++) {
		value = rows[i].which;
		EXPECT_EQ(0, vy_call(self->t.fd, VY_PROPERTY, &value));
		EXPECT_EQ(rows[i].value, value)
			TH_LOG("property %llu", (unsigned long long)rows[i].which);
	}
	for (i = 0; i < at_array_size(none); i++) {
		value = none[i];
		EXPECT_REFUSED(vy_call(self->t.fd, VY_PROPERTY, &value));
		EXPECT_EQ(none[i], value);
	}
}

static uint64_t bar(const struct at_pci *pci, unsigned int n, bool wide)
{
	uint32_t reg[2] = { };

	at_pci_config(pci, 0x10 + 4 * n, reg, wide ? 8 : 4);
	return (reg[0] & ~15U) | (uint64_t)reg[1] << 32;
}

TEST_F(abi, resources)
{
	struct vy_resources r;

	memset(&r, 0xaa, sizeof(r));
	ASSERT_EQ(0, vy_call(self->t.fd, VY_RESOURCES, &r));
	EXPECT_EQ(bar(&self->t.pci, 2, false), r.l2_base);
	EXPECT_EQ(at_pci_bar_size(&self->t.pci, 2), r.l2_size);
	EXPECT_EQ(at_lab_get64(METIS_LAB_L2_SIZE), r.l2_size);
	/* Taken: what the host does not know is 0; one DDR is all there is */
	EXPECT_EQ(0, r.sysspm_base);
	EXPECT_EQ(0, r.sysspm_size);
	EXPECT_EQ(0, r.ddr_base[1]);
	EXPECT_EQ(0, r.ddr_size[1]);
	/* Taken: before firmware runs DDR may not be known */
	EXPECT_TRUE(!r.ddr_base[0] ||
		    r.ddr_base[0] == at_lab_get64(METIS_LAB_DDR_BASE))
		TH_LOG("DDR at %#llx", (unsigned long long)r.ddr_base[0]);
	EXPECT_TRUE(!r.ddr_size[0] ||
		    r.ddr_size[0] == at_lab_get64(METIS_LAB_DDR_SIZE))
		TH_LOG("DDR of %#llx", (unsigned long long)r.ddr_size[0]);

	ASSERT_EQ(0, at_fw_run(self->t.fd));
	memset(&r, 0xaa, sizeof(r));
	ASSERT_EQ(0, vy_call(self->t.fd, VY_RESOURCES, &r));
	EXPECT_EQ(bar(&self->t.pci, 2, false), r.l2_base);
	EXPECT_EQ(at_lab_get64(METIS_LAB_L2_SIZE), r.l2_size);
	EXPECT_EQ(at_lab_get64(METIS_LAB_DDR_BASE), r.ddr_base[0]);
	EXPECT_EQ(at_lab_get64(METIS_LAB_DDR_SIZE), r.ddr_size[0]);
	EXPECT_EQ(0, r.ddr_base[1]);
	EXPECT_EQ(0, r.ddr_size[1]);
}

TEST_F(abi, windows)
{
	struct vy_windows w;
	int i;

	memset(&w, 0xaa, sizeof(w));
	ASSERT_EQ(0, vy_call(self->t.fd, VY_WINDOWS, &w));
	EXPECT_EQ(bar(&self->t.pci, 0, true), w.base[0]);
	EXPECT_EQ(4096, w.size[0]);
	EXPECT_EQ(bar(&self->t.pci, 2, false), w.base[2]);
	EXPECT_EQ(self->t.q.bar2_size, w.size[2]);
	for (i = 1; i < 6; i++) {
		if (i == 2)
			continue;
		EXPECT_EQ(0, w.base[i]);
		EXPECT_EQ(0, w.size[i]);
	}
	/* The port's windows: both BARs are not prefetchable */
	EXPECT_LE(w.np_base, w.base[2]);
	EXPECT_GE(w.np_base + w.np_size, w.base[2] + w.size[2]);
	EXPECT_NE(0xaaaaaaaaaaaaaaaaULL, w.p_base);
	EXPECT_NE(0xaaaaaaaaaaaaaaaaULL, w.p_size);
}

TEST_F(abi, mailbox_values)
{
	EXPECT_REFUSED(vy_lock(self->t.fd, 2));
	EXPECT_REFUSED(vy_lock(self->t.fd, -1));
	EXPECT_REFUSED(vy_lock(self->t.fd, INT_MIN));
	EXPECT_EQ(0, vy_lock(self->t.fd, 1));
	EXPECT_REFUSED(vy_lock(self->t.fd, 3));
	EXPECT_EQ(0, vy_lock(self->t.fd, 0));
}

TEST_F(abi, nothing_to_end)
{
	/* Each at once, none makes a mess */
	EXPECT_EQ(0, vy_ctx_free(self->t.fd));
	EXPECT_EQ(0, vy_consume(self->t.fd));
	EXPECT_EQ(VY_NONE, vy_call(self->t.fd, VY_BUF_STATE, NULL));
	/* Taken: 0, or a refusal */
	EXPECT_LE(vy_call(self->t.fd, VY_BUF_DETACH, NULL), 0);
	EXPECT_LE(vy_buf_wait(self->t.fd), 0);
	EXPECT_LE(vy_call(self->t.fd, VY_STREAM_CLOSE, NULL), 0);
	EXPECT_EQ(0, vy_call(self->t.fd, VY_DYNMEM_LOAD, NULL));
	EXPECT_EQ(0, move_some(self->t.fd, &self->t));
}

/* ---- what takes privileges ---- */

TEST_F(abi, p2p)
{
	uint64_t dev = at_scratch_l2(&self->t.q);
	uint64_t own = bar(&self->t.pci, 2, false);
	uint64_t regs = bar(&self->t.pci, 0, true);
	uint32_t flags = VY_READ | VY_SYNC | VY_P2P;
	uint32_t before = at_lab_get(METIS_LAB_DOORBELLS_WR) +
			  at_lab_get(METIS_LAB_DOORBELLS_RD);
	/* On this board is no other Metis to write to */
	const struct {
		uint64_t bus;
		size_t n;
		uint32_t flags;
	} bad[] = {
		{ 0, 4096, flags },
		{ 0x30, 4, flags },
		{ 0x40000000, 4096, flags },
		{ own, 4096, flags },
		{ regs, 64, flags },
		{ ~0ULL - 4095, 4096, flags },
		{ own, ~0UL, flags },
		{ own, 0, flags },
		{ own, 4096, 0 },
		{ own, 4096, ~0U },
	};
	int fd = self->t.fd, status;
	pid_t child;
	size_t i;

	for (i = 0; i < at_array_size(bad); i++) {
		EXPECT_EQ(-EINVAL, vy_p2p(fd, bad[i].flags, dev, bad[i].bus,
					  bad[i].n, VY_CHANNEL_ANY))
			TH_LOG("row %zu", i);
	}
	child = fork();
	if (!child) {
		if (vy_drop_rawio())
			_exit(1);
		_exit(vy_p2p(fd, flags, dev, own, 4096, VY_CHANNEL_ANY) ==
		      -EPERM ? 0 : 2);
	}
	ASSERT_GT(child, 0);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(before, at_lab_get(METIS_LAB_DOORBELLS_WR) +
			  at_lab_get(METIS_LAB_DOORBELLS_RD));
}

/* A dummy address in the answer would be worse than none */
TEST_F(abi, user_pa)
{
	struct vy_user_pa pa = { .virt = (uintptr_t)&pa, .phys = 0x55 };
	unsigned int lines;
	struct at_log log;
	char first[256];
	int i;

	ASSERT_EQ(0, at_log_open(&log));
	EXPECT_EQ(-EOPNOTSUPP, vy_call(self->t.fd, VY_USER_PA, &pa));
	EXPECT_EQ(0x55, pa.phys);
	at_log_read(&log);
	lines = log.count[AT_LOG_DRIVER];
	snprintf(first, sizeof(first), "%s", log.first[AT_LOG_DRIVER]);
	for (i = 0; i < 100; i++)
		EXPECT_EQ(-EOPNOTSUPP, vy_call(self->t.fd, VY_USER_PA, &pa));
	at_log_read(&log);
	/* One line that says why; how often is nothing that a process decides */
	EXPECT_LE(log.count[AT_LOG_DRIVER], lines + 1);
	at_log_close(&log);
	EXPECT_LE(1, at_log_count("axl", "physical") +
		     at_log_count("metis", "physical"))
		TH_LOG("said: '%s'", first);
}

/* ---- mappings ---- */

static void *map(int fd, size_t length, int prot, off_t pages)
{
	return mmap(NULL, length, prot, MAP_SHARED, fd,
		    pages * (off_t)at_page_size());
}

#define EXPECT_NO_MAP(fd, length, prot, pages, err) do {		\
	void *__p = map(fd, length, prot, pages);			\
	EXPECT_EQ(MAP_FAILED, __p)					\
		TH_LOG("%zu bytes at page %ld", (size_t)(length),	\
		       (long)(pages));					\
	if (__p == MAP_FAILED) {					\
		EXPECT_EQ(err, errno);					\
	} else {							\
		munmap(__p, length);					\
	}								\
} while (0)

#define RW	(PROT_READ | PROT_WRITE)

/* Taken: a file is the SDK's when it has made one of its calls */
static void be_the_sdk(int fd)
{
	uint64_t which = VY_PROP_GENERATION;

	vy_call(fd, VY_PROPERTY, &which);
}

TEST_F(abi, map_l2)
{
	size_t size = self->t.q.bar2_size;
	uint8_t *p, *more;
	uint32_t word = 0x600df00d;

	be_the_sdk(self->t.fd);
	p = map(self->t.fd, size, RW, 0);
	ASSERT_NE(MAP_FAILED, p);
	*(volatile uint32_t *)(p + AT_L2_SCRATCH) = word;
	*(volatile uint32_t *)(p + AT_L2_SCRATCH + AT_L2_SCRATCH_SIZE - 4) = ~word;
	word = 0;
	EXPECT_EQ(0, at_dev_read(at_scratch_l2(&self->t.q), &word, 4));
	EXPECT_EQ(0x600df00d, word);
	/* Neither made executable nor longer later */
	EXPECT_EQ(-1, mprotect(p, self->page, PROT_READ | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
	more = mremap(p, size, size + self->page, MREMAP_MAYMOVE);
	EXPECT_EQ(MAP_FAILED, more);
	munmap(p, size);
	p = map(self->t.fd, self->page, RW, 0);
	ASSERT_NE(MAP_FAILED, p);
	more = mremap(p, self->page, 2 * self->page, MREMAP_MAYMOVE);
	EXPECT_EQ(MAP_FAILED, more);
	munmap(p, self->page);

	/* The vendor's driver checks no length */
	EXPECT_NO_MAP(self->t.fd, size + self->page, RW, 0, EINVAL);
	EXPECT_NO_MAP(self->t.fd, 2 * size, RW, 0, EINVAL);
	EXPECT_NO_MAP(self->t.fd, 1UL << 32, PROT_READ, 0, EINVAL);
	p = map(self->t.fd, self->page, PROT_READ | PROT_EXEC, 0);
	EXPECT_EQ(MAP_FAILED, p);
}

TEST_F(abi, map_registers)
{
	volatile uint32_t *p;
	int status;
	pid_t child;

	be_the_sdk(self->t.fd);
	EXPECT_NO_MAP(self->t.fd, 2 * self->page, RW, 1, EINVAL);
	EXPECT_NO_MAP(self->t.fd, self->t.q.bar2_size, RW, 1, EINVAL);
	EXPECT_EQ(MAP_FAILED, map(self->t.fd, self->page, RW | PROT_EXEC, 1));
	if (self->page > 4096) {
		/* Its page holds others' registers; no errno is named for this */
		EXPECT_EQ(MAP_FAILED, map(self->t.fd, self->page, RW, 1));
	} else {
		p = map(self->t.fd, self->page, RW, 1);
		ASSERT_NE(MAP_FAILED, p);
		/* number of channels of either direction */
		EXPECT_EQ(self->t.q.read_channels << 16 |
			  self->t.q.write_channels, p[2] & 0x000f000f);
		EXPECT_EQ(-1, mprotect((void *)p, self->page,
				       PROT_READ | PROT_EXEC));
		munmap((void *)p, self->page);
	}
	child = fork();
	if (!child) {
		if (vy_drop_rawio())
			_exit(1);
		if (map(self->t.fd, 4096, PROT_READ, 1) != MAP_FAILED)
			_exit(2);
		if (errno != EPERM && errno != EACCES && errno != EINVAL)
			_exit(3);
		/* but L2 as before */
		_exit(map(self->t.fd, 4096, RW, 0) == MAP_FAILED ? 4 : 0);
	}
	ASSERT_GT(child, 0);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F(abi, map_elsewhere)
{
	static const off_t pages[] = { 2, 3, 15, 8191, 8192, 1L << 20, 1L << 39 };
	size_t i;

	be_the_sdk(self->t.fd);
	for (i = 0; i < at_array_size(pages); i++)
		EXPECT_NO_MAP(self->t.fd, self->page, RW, pages[i], EINVAL);
}

static void on_sigbus(int sig)
{
	(void)sig;
	_exit(7);
}

/*
 * In a child, since it may end by a SIGBUS: reads through a mapping for as long
 * as the link is down and longer. 0: waited, then honest values; 7: SIGBUS; 1:
 * all ones, when the driver knew that the link is down.
 */
static pid_t reader(int fd, size_t length, off_t pages, size_t at, int ready)
{
	volatile uint32_t *p;
	struct axl_query q;
	uint64_t end;
	pid_t child = fork();

	if (child)
		return child;
	signal(SIGBUS, on_sigbus);
	p = map(fd, length, PROT_READ, pages);
	if (p == MAP_FAILED || p[at / 4] == ~0U || write(ready, "r", 1) != 1)
		_exit(3);
	end = at_now() + AT_SOON;
	while (at_now() < end && !at_query(fd, &q) &&
	       q.fw_state != AXL_FW_STARTING)
		;
	if (q.fw_state != AXL_FW_STARTING)
		_exit(4);
	/* the state is told a moment before the mappings go */
	at_sleep_ms(100);
	_exit(p[at / 4] == ~0U ? 1 : 0);
}

TEST_F_TIMEOUT(abi, revoked_on_restart, 60)
{
	int ready[2], status, i, n = self->page > 4096 ? 1 : 2;
	uint64_t gen = self->t.q.generation;
	pid_t child[2];
	char byte;

	be_the_sdk(self->t.fd);
	ASSERT_EQ(0, at_fw_run(self->t.fd));
	ASSERT_EQ(0, vy_settle(self->t.fd, gen));
	gen = at_generation(self->t.fd);
	ASSERT_EQ(0, pipe(ready));
	at_lab_set(METIS_LAB_LINK_DOWN_MS, 1000);
	fflush(stdout);
	for (i = 0; i < n; i++) {
		child[i] = reader(self->t.fd, 4096, i, i ? 8 : 0, ready[1]);
		ASSERT_GT(child[i], 0);
		ASSERT_EQ(1, read(ready[0], &byte, 1));
	}
	at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_RUNTIME);
	for (i = 0; i < n; i++) {
		ASSERT_EQ(child[i], waitpid(child[i], &status, 0));
		EXPECT_TRUE(status == 0 || (WIFEXITED(status) &&
					    WEXITSTATUS(status) == 7))
			TH_LOG("BAR %d: status %#x", 2 - 2 * i, status);
	}
	EXPECT_EQ(0, vy_settle(self->t.fd, gen));
}

/* ---- the module comes and goes ---- */

TEST_F(abi, without_the_module)
{
	uint8_t arg[1024] = { };
	struct axl_query q;
	char name[64], path[128], text[16];
	struct stat st;
	size_t i;

	close(self->t.fd);
	ASSERT_EQ(0, vy_module_unload());
	self->t.fd = at_open();
	ASSERT_GE(self->t.fd, 0);
	for (i = 0; i < VY_NR_REQUESTS; i++) {
		EXPECT_EQ(-ENOTTY, vy_call(self->t.fd, vy_requests[i], arg))
			TH_LOG("%#lx", vy_requests[i]);
	}
	EXPECT_EQ(0, at_query(self->t.fd, &q));
	/* and the SDK does not find it */
	EXPECT_NE(0, at_read_text("/sys/class/metis/version", text,
				  sizeof(text)));
	class_name(&self->t.q, ':', name, sizeof(name));
	snprintf(path, sizeof(path), "/sys/class/metis/%s", name);
	EXPECT_EQ(-1, lstat(path, &st));
	snprintf(path, sizeof(path), "%s/axl_aipu_restore", self->t.pci.dir);
	EXPECT_EQ(-1, stat(path, &st));
	EXPECT_EQ(-1, stat("/sys/kernel/debug/metis/version", &st));
	/* Page 1 is a page of L2 again, not the registers */
	EXPECT_EQ(0, lines_starting("/proc/modules", "metis "));
	ASSERT_EQ(0, vy_module_load(NULL));
	EXPECT_EQ(0, vy_lock(self->t.fd, 1));
	EXPECT_EQ(0, vy_lock(self->t.fd, 0));
}

/* Everything a file can hold */
static int hold(int fd)
{
	int err = vy_lock(fd, 1);

	if (!err)
		err = vy_ctx_alloc(fd, 2);
	if (err > 0)
		err = 0;
	if (!err)
		err = vy_attach_msi(fd, 1);
	if (!err)
		err = vy_attach_msi(fd, 2);
	if (!err)
		err = vy_stream(fd, VY_STREAM_OPEN, METIS_EMU_LOG_SOURCE);
	return err;
}

/*
 * Taken: it is refused while a file of the SDK is open, or it succeeds and such
 * a file answers -ENOTTY. Nothing it held keeps others out afterwards.
 */
TEST_F_TIMEOUT(abi, unload_with_files_open, 60)
{
	int fd, other, err, i;

	if (self->t.q.fw_state != AXL_FW_RUNNING)
		ASSERT_EQ(0, at_fw_run(self->t.fd));
	for (i = 0; i < 5; i++) {
		fd = at_open();
		ASSERT_GE(fd, 0);
		ASSERT_EQ(0, hold(fd));
		err = vy_module_unload();
		if (err) {
			EXPECT_EQ(-EWOULDBLOCK, err);
			EXPECT_EQ(0, vy_consume(fd));
			close(fd);
			ASSERT_EQ(0, vy_module_unload());
		} else {
			EXPECT_EQ(-ENOTTY, vy_consume(fd));
			EXPECT_EQ(-ENOTTY, vy_lock(fd, 0));
		}
		at_lab_set(METIS_LAB_RAISE, 1);
		at_lab_set(METIS_LAB_LOG_BURST, 3);
		ASSERT_EQ(0, vy_module_load(NULL));
		other = at_open();
		ASSERT_GE(other, 0);
		EXPECT_EQ(0, vy_lock(other, 1));
		EXPECT_EQ(0, vy_ctx_alloc(other, VY_CORES));
		EXPECT_EQ(0, move_some(other, &self->t));
		if (!err)
			close(fd);
		EXPECT_EQ(0, vy_lock(other, 0));
		close(other);
	}
}

struct caller {
	pthread_t thread;
	volatile bool stop;
	unsigned long calls, wrong;
	int last;
};

static void *call_around(void *arg)
{
	struct caller *c = arg;
	struct vy_dma_stats stats;
	int err, fd;

	while (!c->stop) {
		fd = at_open();
		if (fd >= 0) {
			err = vy_call(fd, VY_DMA_STATS, &stats);
			if (err && err != -ENOTTY) {
				c->wrong++;
				c->last = err;
			}
			err = vy_ctx_alloc(fd, 1);
			if (err < 0 && err != -ENOTTY && err != -EINVAL) {
				c->wrong++;
				c->last = err;
			}
			err = vy_attach_msi(fd, 3);
			if (err && err != -ENOTTY) {
				c->wrong++;
				c->last = err;
			}
			close(fd);
		}
		c->calls++;
		/* a file that has used the module keeps it from being unloaded */
		at_sleep_ms(c->calls % 5 * at_slow());
	}
	return NULL;
}

TEST_F_TIMEOUT(abi, unload_under_callers, 60)
{
	struct caller c[3] = { };
	uint64_t end = at_now() + AT_SEC(30);
	unsigned int loads = 0, i;

	if (self->t.q.fw_state != AXL_FW_RUNNING)
		ASSERT_EQ(0, at_fw_run(self->t.fd));
	close(self->t.fd);
	self->t.fd = -1;
	for (i = 0; i < at_array_size(c); i++)
		ASSERT_EQ(0, pthread_create(&c[i].thread, NULL, call_around,
					    &c[i]));
	while (loads < 20 && at_now() < end) {
		if (!vy_module_unload()) {
			loads++;
			at_sleep_ms(3);
			ASSERT_EQ(0, vy_module_load(NULL));
		}
		at_sleep_ms(3);
	}
	for (i = 0; i < at_array_size(c); i++) {
		c[i].stop = true;
		pthread_join(c[i].thread, NULL);
		EXPECT_EQ(0, c[i].wrong)
			TH_LOG("thread %u: %lu of %lu, the last %d", i,
			       c[i].wrong, c[i].calls, c[i].last);
	}
	EXPECT_LT(0, loads);
	at_msg("%u unloads under %lu rounds of calls", loads,
	       c[0].calls + c[1].calls + c[2].calls);
	/* Once nobody is there any more it goes */
	EXPECT_EQ(0, vy_module_unload());
	EXPECT_EQ(0, vy_module_load(NULL));
}

TEST_F_TIMEOUT(abi, load_and_unload, 120)
{
	struct at_leak leak;
	const char *grew;
	int fd, i;

	if (self->t.q.fw_state != AXL_FW_RUNNING)
		ASSERT_EQ(0, at_fw_run(self->t.fd));
	close(self->t.fd);
	self->t.fd = -1;
	for (i = 0; i < 30; i++) {
		if (i == 10)
			at_leak_mark(&leak);
		ASSERT_EQ(0, vy_module_unload());
		ASSERT_EQ(0, vy_module_load(NULL));
		fd = at_open();
		ASSERT_GE(fd, 0);
		EXPECT_EQ(0, hold(fd));
		EXPECT_EQ(0, move_some(fd, &self->t));
		close(fd);
	}
	grew = at_leak_check(&leak);
	EXPECT_EQ(NULL, grew)
		TH_LOG("in 20 rounds: %s", grew);
}

/* Options as users of the vendor's driver have them in /etc/modprobe.d */
TEST_F(abi, vendor_options)
{
	static const char options[] =
		"dma_timeout=5 irq_timeout=3 single_msi=1 dma_poll=1 "
		"enable_dmabuf_sync=1 enable_sg_host_dma=1";
	char text[32];
	int fd;

	close(self->t.fd);
	self->t.fd = -1;
	ASSERT_EQ(0, vy_module_unload());
	ASSERT_EQ(0, vy_module_load(options));
	EXPECT_EQ(0, vy_parameter("dma_timeout", text, sizeof(text)));
	EXPECT_STREQ("5", text);
	fd = at_open();
	ASSERT_GE(fd, 0);
	EXPECT_EQ(0, move_some(fd, &self->t));
	close(fd);
	ASSERT_EQ(0, vy_module_unload());
	/* Taken: nonsense is refused or put right, and harms nobody */
	if (!vy_module_load("dma_timeout=-1")) {
		fd = at_open();
		ASSERT_GE(fd, 0);
		EXPECT_EQ(0, move_some(fd, &self->t));
		close(fd);
		ASSERT_EQ(0, vy_module_unload());
	}
	ASSERT_EQ(0, vy_module_load(NULL));
}

TEST_HARNESS_MAIN
