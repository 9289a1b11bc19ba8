// SPDX-License-Identifier: GPL-2.0
/*
 * What the Voyager SDK finds of metis.ko before its first call: module, version, names,
 * attributes, parameters, debugfs. The module can be loaded and unloaded at any time,
 * with files open and under callers; nothing is left behind and the files stay safe.
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
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libvoyager.h"

FIXTURE(abi)
{
	struct at_ctx t;
};

FIXTURE_SETUP(abi)
{
	VY_BEGIN(&self->t, 0);
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

/* A program that sees the node can use it: exits with 1 when it cannot */
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

static void class_name(const struct axl_ioc_query *q, char sep, char *name,
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
	struct axl_ioc_query q;
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
	EXPECT_EQ(0, vy_move_some(self->t.fd, &self->t));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, at_write_text(path, i ? "1" : "anything\n"));
		EXPECT_EQ(0, vy_move_some(self->t.fd, &self->t));
	}

	/* While the link is down it says so, and comes back by itself */
	at_lab_set(METIS_LAB_LINK_DOWN, 1000);
	ASSERT_EQ(0, at_read_text(path, text, sizeof(text)));
	EXPECT_STREQ("0", text);
	at_write_text(path, "1");
	end = at_now() + AT_SEC(20);
	do {
		at_sleep_ms(20);
		i = vy_move_some(self->t.fd, &self->t);
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
 * The link stays away for longer than any wait, and what comes back has
 * forgotten where its BARs are. No driver touches it until the test asks for it.
 */
TEST_F_TIMEOUT(abi, restored_by_a_write, 60)
{
	uint64_t end, start;
	char path[192], text[32];
	struct axl_ioc_query q;
	int err;

	ASSERT_EQ(0, at_fw_run(self->t.fd));
	ASSERT_EQ(0, vy_move_some(self->t.fd, &self->t));
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
		ASSERT_NE(0, vy_move_some(self->t.fd, &self->t))
			TH_LOG("it comes back by itself");
		ASSERT_EQ(0, command(&self->t.pci) & COMMAND_MEMORY);
	}

	ASSERT_EQ(0, at_write_text(path, "x"));
	start = at_now();
	do {
		at_sleep_ms(20);
		err = vy_move_some(self->t.fd, &self->t);
	} while (err && at_now() < start + AT_SEC(4));
	ASSERT_EQ(0, err);
	at_msg("at work %llu ms after the write",
	       (unsigned long long)(at_now() - start) / 1000000);
	EXPECT_EQ(COMMAND_MEMORY | COMMAND_MASTER, command(&self->t.pci) &
		  (COMMAND_MEMORY | COMMAND_MASTER));
}

/* ---- the module comes and goes ---- */

TEST_F(abi, without_the_module)
{
	uint8_t arg[1024] = { };
	struct axl_ioc_query q;
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
		EXPECT_EQ(0, vy_move_some(other, &self->t));
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
	/* After the last user it goes */
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
		EXPECT_EQ(0, vy_move_some(fd, &self->t));
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
	EXPECT_EQ(0, vy_move_some(fd, &self->t));
	close(fd);
	ASSERT_EQ(0, vy_module_unload());
	/* Taken: nonsense is refused or put right, and does no harm */
	if (!vy_module_load("dma_timeout=-1")) {
		fd = at_open();
		ASSERT_GE(fd, 0);
		EXPECT_EQ(0, vy_move_some(fd, &self->t));
		close(fd);
		ASSERT_EQ(0, vy_module_unload());
	}
	ASSERT_EQ(0, vy_module_load(NULL));
}

TEST_HARNESS_MAIN
