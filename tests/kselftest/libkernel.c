// SPDX-License-Identifier: GPL-2.0
/* The kernel log, PCI devices by sysfs, kernel modules. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libaxltest.h"

/* ---- the kernel log ---- */

int at_log_open(struct at_log *log)
{
	memset(log, 0, sizeof(*log));
	log->fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (log->fd < 0)
		return -errno;
	if (lseek(log->fd, 0, SEEK_END) < 0)
		return -errno;
	return 0;
}

static bool has_one(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strstr(text, *words))
			return true;
	return false;
}

static void log_take(struct at_log *log, enum at_log_class class,
		     const char *text)
{
	if (!log->count[class]++)
		snprintf(log->first[class], sizeof(log->first[class]), "%s",
			 text);
}

void at_log_read(struct at_log *log)
{
	static const char *const warn[] = {
		"WARNING:", "BUG:", "Oops", "Internal error", "Call trace:",
		"Unable to handle", "Kernel panic", "INFO: task ", "rcu: INFO",
		"DMA-API:", "possible circular", "possible recursive",
		"UBSAN:", "KASAN:", "KFENCE:", "refcount_t:", "Bad page",
		"sysfs: cannot create", "nobody cared", "soft lockup",
		"hard LOCKUP", "SError", "list_add corruption",
		"list_del corruption", "new suspected memory leaks",
		"leak detector disabled", "unreferenced object",
		"scheduling while atomic", "page allocation failure",
		"synchronous external abort", NULL
	};
	static const char *const smmu[] = {
		"event 0x", "event: F_", "event: C_", "event: E_",
		"F_TRANSLATION", "Unhandled context fault", "DMAR:", NULL
	};
	static const char silent[] = "interrupts of the DMA engine do not arrive";
	char record[8192];
	char *text, *end;
	ssize_t n;

	if (log->fd < 0)
		return;
	for (;;) {
		n = read(log->fd, record, sizeof(record) - 1);
		if (n < 0) {
			if (errno == EPIPE)	/* overwritten: go on */
				continue;
			break;
		}
		record[n] = '\0';
		text = strchr(record, ';');
		if (!text)
			continue;
		text++;
		end = strchr(text, '\n');
		if (end)
			*end = '\0';
		if (!strncmp(text, "axl", 3) && (atoi(record) & 7) <= 3)
			log_take(log, AT_LOG_ERROR, text);
		if (strstr(text, "arm-smmu") && has_one(text, smmu))
			log_take(log, AT_LOG_SMMU, text);
		else if (has_one(text, warn))
			log_take(log, AT_LOG_WARN, text);
		else if (!strncmp(text, "axl", 3) && strstr(text, silent))
			log_take(log, AT_LOG_SILENT, text);
		else if (!strncmp(text, "axl", 3))
			log_take(log, AT_LOG_DRIVER, text);
	}
}

void at_log_close(struct at_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
}

unsigned int at_log_count(const char *a, const char *b)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char record[8192];
	unsigned int n = 0;
	ssize_t len;

	if (fd < 0)
		return 0;
	for (;;) {
		len = read(fd, record, sizeof(record) - 1);
		if (len < 0 && errno == EPIPE)	/* overwritten: go on */
			continue;
		if (len <= 0)
			break;
		record[len] = '\0';
		n += strstr(record, a) && strstr(record, b);
	}
	close(fd);
	return n;
}

void at_log_unlimited(const char *text)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	unsigned long long us, last = 0;
	char record[8192];
	int64_t left;
	ssize_t len;

	if (fd < 0)
		return;
	for (;;) {
		len = read(fd, record, sizeof(record) - 1);
		if (len < 0 && errno == EPIPE)	/* overwritten: go on */
			continue;
		if (len <= 0)
			break;
		record[len] = '\0';
		if (strstr(record, text) &&
		    sscanf(record, "%*u,%*u,%llu", &us) == 1)
			last = us;
	}
	close(fd);
	left = last ? (int64_t)(last + 5500000) - (int64_t)(at_now() / 1000) : 0;
	if (left > 0)
		at_sleep_ms(left / 1000 + 1);
}

/* ---- PCI ---- */

static int pci_by_bdf(struct at_pci *pci, const char *bdf)
{
	snprintf(pci->bdf, sizeof(pci->bdf), "%.15s", bdf);
	snprintf(pci->dir, sizeof(pci->dir), "/sys/bus/pci/devices/%s",
		 pci->bdf);
	return access(pci->dir, F_OK) ? -ENODEV : 0;
}

int at_pci_find_id(struct at_pci *pci, uint16_t vendor, uint16_t device)
{
	struct at_pci one;
	struct dirent *de;
	char text[32];
	int err = -ENODEV;
	DIR *dir;

	dir = opendir("/sys/bus/pci/devices");
	if (!dir)
		return -errno;
	while ((de = readdir(dir))) {
		if (de->d_name[0] == '.' || pci_by_bdf(&one, de->d_name))
			continue;
		if (at_pci_attr(&one, "vendor", text, sizeof(text)) ||
		    strtoul(text, NULL, 0) != vendor)
			continue;
		if (at_pci_attr(&one, "device", text, sizeof(text)) ||
		    strtoul(text, NULL, 0) != device)
			continue;
		*pci = one;
		err = 0;
		break;
	}
	closedir(dir);
	return err;
}

int at_pci_find(struct at_pci *pci)
{
	static const uint16_t ids[][2] = {
		{ 0x1f9d, 0x1100 }, { 0x1f9d, 0x11aa },
		{ 0x1234, 0x2024 }, { 0x1234, 0x2023 },
	};
	size_t i;

	for (i = 0; i < at_array_size(ids); i++)
		if (!at_pci_find_id(pci, ids[i][0], ids[i][1]))
			return 0;
	return -ENODEV;
}

static void pci_path(const struct at_pci *pci, const char *name, char *path,
		     size_t size)
{
	snprintf(path, size, "%s/%s", pci->dir, name);
}

int at_pci_attr(const struct at_pci *pci, const char *name, char *text,
		size_t size)
{
	char path[192];

	pci_path(pci, name, path, sizeof(path));
	return at_read_text(path, text, size);
}

int at_pci_set(const struct at_pci *pci, const char *name, const char *text)
{
	char path[192];

	pci_path(pci, name, path, sizeof(path));
	return at_write_text(path, text);
}

int at_pci_config(const struct at_pci *pci, unsigned int offset, void *buf,
		  size_t length)
{
	char path[192];
	ssize_t n;
	int fd;

	pci_path(pci, "config", path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = pread(fd, buf, length, offset);
	close(fd);
	return n == (ssize_t)length ? 0 : -EIO;
}

uint64_t at_pci_bar_size(const struct at_pci *pci, unsigned int bar)
{
	unsigned long long start = 0, end = 0;
	char path[192], line[128];
	unsigned int i;
	FILE *f;

	pci_path(pci, "resource", path, sizeof(path));
	f = fopen(path, "r");
	if (!f)
		return 0;
	for (i = 0; i <= bar && fgets(line, sizeof(line), f); i++)
		if (i == bar && sscanf(line, "%llx %llx", &start, &end) != 2)
			end = 0;
	fclose(f);
	return end > start ? end - start + 1 : 0;
}

int at_pci_remove(const struct at_pci *pci)
{
	return at_pci_set(pci, "remove", "1");
}

int at_pci_rescan(void)
{
	return at_write_text("/sys/bus/pci/rescan", "1");
}

int at_pci_unbind(const struct at_pci *pci)
{
	return at_write_text("/sys/bus/pci/drivers/axl/unbind", pci->bdf);
}

int at_pci_bind(const struct at_pci *pci)
{
	return at_write_text("/sys/bus/pci/drivers/axl/bind", pci->bdf);
}

int at_driver_bound(const struct at_pci *pci)
{
	char path[192], link[256];
	ssize_t n;

	pci_path(pci, "driver", path, sizeof(path));
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return errno == ENOENT ? 0 : -errno;
	link[n] = '\0';
	return !!strstr(link, "/axl");
}

/* ---- modules ---- */

const char *at_module_path(const char *env, const char *name)
{
	static const char *const below[] = { "extra", "updates" };
	static char path[512];
	char release[128] = "";
	size_t i;

	if (getenv(env))
		return getenv(env);
	at_read_text("/proc/sys/kernel/osrelease", release, sizeof(release));
	snprintf(path, sizeof(path), "/lib/modules/%s.ko", name);
	for (i = 0; i < at_array_size(below) && access(path, R_OK); i++)
		snprintf(path, sizeof(path), "/lib/modules/%s/%s/%s.ko",
			 release, below[i], name);
	if (access(path, R_OK))
		snprintf(path, sizeof(path), "/%s.ko", name);
	return path;
}

int at_insmod(const char *path, const char *options)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, options ? options : "", 0))
		err = -errno;
	close(fd);
	return err;
}

int at_rmmod(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

int at_module_load(void)
{
	return at_insmod(at_module_path("AXL_MODULE", "axl"),
			 getenv("AXL_MODULE_OPTIONS"));
}

int at_module_unload(void)
{
	return at_rmmod("axl");
}

int at_module_loaded(void)
{
	return !access("/sys/module/axl", F_OK);
}

/* ---- functions counted ---- */

int at_kprobes_set(const char *probes)
{
	int err;

	if (access(TRACING "kprobe_events", W_OK))
		return -ENOTSUP;
	err = at_write_text(TRACING "kprobe_events", probes);
	return err ? err : at_write_text(TRACING "events/at/enable", "1");
}

void at_kprobes_clear(void)
{
	at_write_text(TRACING "events/at/enable", "0");
	/* truncation removes all probes */
	at_write_text(TRACING "kprobe_events", "");
}

long at_kprobe_hits(const char *name)
{
	FILE *f = fopen(TRACING "kprobe_profile", "r");
	char found[64];
	long n, hits = -1;

	if (!f)
		return -1;
	while (fscanf(f, "%63s %ld %*[^\n]", found, &n) == 2)
		if (!strcmp(found, name))
			hits = n;
	fclose(f);
	return hits;
}

/* What /dev/aer_inject takes (drivers/pci/pcie/aer_inject.c) */
struct injection {
	uint8_t bus, dev, fn;
	uint32_t uncorrectable, correctable;
	uint32_t header_log[4];
	uint32_t domain;
};

int at_aer_inject(const struct at_pci *pci, uint32_t uncorrectable)
{
	unsigned int domain, bus, dev, fn;
	struct injection e = { .uncorrectable = uncorrectable };
	int fd, err = 0;

	if (access("/dev/aer_inject", F_OK))
		at_insmod("/lib/modules/aer_inject.ko", NULL);
	fd = open("/dev/aer_inject", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -ENOTSUP;
	if (sscanf(pci->bdf, "%x:%x:%x.%x", &domain, &bus, &dev, &fn) != 4)
		err = -EINVAL;
	e.domain = domain;
	e.bus = bus;
	e.dev = dev;
	e.fn = fn;
	if (!err && write(fd, &e, sizeof(e)) != sizeof(e))
		err = -errno;
	close(fd);
	return err;
}
