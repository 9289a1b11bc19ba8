// SPDX-License-Identifier: GPL-2.0
/* metisctl doctor: the kernel's log, configuration, parameters and modules. */
#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doctor.h"

extern char **environ;

/* -------------------------------------------------------------------- files */

static char *read_stream(FILE *f, size_t *len)
{
	size_t size = 4096, n = 0, got;
	char *buf = malloc(size), *grown;

	while (buf && (got = fread(buf + n, 1, size - n - 1, f))) {
		n += got;
		if (n < size - 1)
			continue;
		size *= 2;
		grown = realloc(buf, size);
		if (!grown)
			free(buf);
		buf = grown;
	}
	if (buf)
		buf[n] = '\0';
	if (len)
		*len = n;
	return buf;
}

char *read_all(const char *path, size_t *len)
{
	FILE *f = fopen(path, "re");
	char *buf;
	int err;

	if (!f)
		return NULL;
	buf = read_stream(f, len);
	err = ferror(f) ? EIO : ENOMEM;
	if (buf && ferror(f)) {
		free(buf);
		buf = NULL;
	}
	fclose(f);
	if (!buf)
		errno = err;
	return buf;
}

bool read_line(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fgets(buf, (int)size, f);

	if (f)
		fclose(f);
	if (ok)
		buf[strcspn(buf, "\n")] = '\0';
	return ok;
}

bool is_there(const char *path)
{
	struct stat st;

	return !stat(path, &st);
}

static bool dir_has_entries(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	bool any = false;

	while (dir && !any && (e = readdir(dir)))
		any = e->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return any;
}

/* Is this one of the names by which the device tree calls the machine? */
static bool is_compatible(const char *name)
{
	size_t len = 0;
	char *all = read_all("/sys/firmware/devicetree/base/compatible", &len);
	bool yes = false;

	for (const char *at = all; at && at < all + len && !yes; at += strlen(at) + 1)
		yes = !strcmp(at, name);
	free(all);
	return yes;
}

bool is_rk3588(void)
{
	return is_compatible("rockchip,rk3588");
}

bool have_iommu(void)
{
	return dir_has_entries("/sys/class/iommu");
}

/* --------------------------------------------------------------- kernel log */

#define SYSLOG_ACTION_READ_ALL	  3
#define SYSLOG_ACTION_SIZE_BUFFER 10

const char *kernel_log(void)
{
	static char *text;
	static int err = -1;
	int size, n;

	if (err >= 0) {
		errno = err;
		return text;
	}
	err = 0;
	size = klogctl(SYSLOG_ACTION_SIZE_BUFFER, NULL, 0);
	text = size > 0 ? malloc((size_t)size + 1) : NULL;
	n = text ? klogctl(SYSLOG_ACTION_READ_ALL, text, size) : -1;
	if (n < 0) {
		err = errno;
		free(text);
		text = NULL;
	} else {
		text[n] = '\0';
	}
	errno = err;
	return text;
}

/* What IOMMUs complained about in the name of one card */
struct faults {
	unsigned int all, low, stream, remap;
	bool has_addr;
	u64 addr;      /* of the last that has one */
	char name[32]; /* of the last */
	u64 low_addr;
};

static void add_fault(struct faults *f, const char *name, bool has_addr, u64 addr)
{
	f->all++;
	snprintf(f->name, sizeof(f->name), "%.31s", name);
	if (has_addr) {
		f->has_addr = true;
		f->addr = addr;
		if (addr < 0x1000) {
			f->low++;
			f->low_addr = addr;
		}
	}
}

/* Adds the later ones to the earlier, and empties them */
static void merge_faults(struct faults *to, struct faults *later)
{
	struct faults sum = *later;

	if (!later->all)
		return;
	sum.all += to->all;
	sum.low += to->low;
	sum.stream += to->stream;
	sum.remap += to->remap;
	if (!later->low)
		sum.low_addr = to->low_addr;
	if (!later->has_addr) {
		sum.has_addr = to->has_addr;
		sum.addr = to->addr;
	}
	*to = sum;
	*later = (struct faults){ 0 };
}

static const char *smmu_event_name(unsigned int id)
{
	switch (id) {
	case 0x02: return "C_BAD_STREAMID";
	case 0x03: return "F_STE_FETCH";
	case 0x04: return "C_BAD_STE";
	case 0x06: return "F_STREAM_DISABLED";
	case 0x0a: return "C_BAD_CD";
	case 0x10: return "F_TRANSLATION";
	case 0x11: return "F_ADDR_SIZE";
	case 0x12: return "F_ACCESS";
	case 0x13: return "F_PERMISSION";
	}
	return "SMMU event";
}

/* An event as raw words, which older kernels print alone and newer ones first */
struct raw_event {
	unsigned int words, id, sid;
	bool told;	    /* its words are complete: a decoded line that follows is the same event */
	struct faults were; /* without it */
};

static bool has_addr(unsigned int id)
{
	return id >= 0x10 && id <= 0x13;
}

/*
 * A decoded line names the client, by the device tree's map, which is not always
 * the requester id; where it does not, and in raw words, there is the id alone.
 */
static bool is_client(const char *line, const char *pci, u32 line_sid, u32 sid)
{
	const char *at = strstr(line, " client: ");
	size_t n = strlen(pci);

	if (!at || at[9] == '(') /* (unassigned sid) */
		return line_sid == sid;
	return !strncmp(at + 9, pci, n) && (at[9 + n] == ' ' || !at[9 + n]);
}

static void smmu3_line(struct faults *f, struct raw_event *raw, const char *line, u32 sid, const char *pci)
{
	unsigned long long word, iova = 0;
	unsigned int id, line_sid;
	char name[32];
	const char *at;

	at = strstr(line, ": event 0x");
	if (at && sscanf(at + 2, "event 0x%x received", &id) == 1) {
		*raw = (struct raw_event){ .id = id, .words = 1, .were = *f };
		return;
	}
	at = strstr(line, ": \t0x");
	if (raw->words && at && sscanf(at + 3, "%llx", &word) == 1) {
		if (raw->words == 1)
			raw->sid = (u32)(word >> 32);
		if (raw->words == (has_addr(raw->id) ? 3 : 1)) {
			raw->told = true;
			if (raw->sid == sid) {
				f->stream += raw->id == 2;
				add_fault(f, smmu_event_name(raw->id), has_addr(raw->id), word);
			}
		}
		raw->words = raw->words < 4 ? raw->words + 1 : 0;
		return;
	}
	at = strstr(line, ": event: ");
	if (!at || sscanf(at + 9, "%31s", name) != 1)
		return;
	raw->words = 0;
	at = strstr(line, " sid: ");
	line_sid = at ? (u32)strtoul(at + 6, NULL, 0) : ~0U;
	if (raw->told && line_sid == raw->sid)
		*f = raw->were;
	raw->told = false;
	if (!is_client(line, pci, line_sid, sid))
		return;
	at = strstr(line, " iova: ");
	if (at)
		iova = strtoull(at + 7, NULL, 0);
	f->stream += !strcmp(name, "C_BAD_STREAMID");
	add_fault(f, name, at, iova);
}

/* SMMUv2: Unhandled context fault: fsr=0x402, iova=0x30, fsynr=0x11, cbfrsynra=0x100, cb=0 */
static void smmu2_line(struct faults *f, const char *line, u32 sid)
{
	const char *who = strstr(line, "cbfrsynra="), *at = strstr(line, "iova=");

	if (who && (strtoul(who + 10, NULL, 16) & 0xffff) == sid)
		add_fault(f, "context fault", at, at ? strtoull(at + 5, NULL, 16) : 0);
}

/* DMAR: [DMA Write NO_PASID] Request device [01:00.0] fault addr 0x30 [fault reason 0x05] ... */
static void dmar_line(struct faults *f, const char *line, const char *pci)
{
	char *device = str("Request device [%s]", without_domain(pci));
	const char *at;

	if (strstr(line, device)) {
		at = strstr(line, "fault addr ");
		f->remap += strstr(line, "INTR-REMAP") != NULL;
		add_fault(f, strstr(line, "INTR-REMAP") ? "interrupt remapping fault" : "DMAR fault", at,
			  at ? strtoull(at + 11, NULL, 16) : 0);
	}
	free(device);
}

/* AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:01:00.0 domain=0x000e address=0x30 flags=0x0020] */
static void amd_line(struct faults *f, const char *line, const char *pci)
{
	const char *at = strstr(line, "address=");
	char name[32];

	if (!strstr(line, without_domain(pci)) ||
	    sscanf(strstr(line, "Event logged [") + 14, "%31[A-Z_]", name) != 1)
		return;
	add_fault(f, name, at, at ? strtoull(at + 8, NULL, 16) : 0);
}

static u32 requester_id(const char *pci)
{
	unsigned int bus, slot, fn;

	if (sscanf(without_domain(pci), "%x:%x.%x", &bus, &slot, &fn) != 3)
		return ~0U;
	return bus << 8 | slot << 3 | fn;
}

/* axl 0000:01:00.0: metis0: firmware running, ... */
static bool is_bind_line(const char *line, const char *start)
{
	const char *at = strstr(line, start);
	size_t digits;

	if (!at)
		return false;
	at += strlen(start);
	digits = strspn(at, "0123456789");
	return digits && at[digits] == ':';
}

/* f is what came since axl has the card; before, what came earlier */
static void read_faults(const char *log, const struct card *c, struct faults *f, struct faults *before)
{
	u32 sid = requester_id(c->pci);
	struct raw_event raw = { 0 };
	char line[512], *bind = str("axl %s: metis", c->pci);
	bool bound = false;

	for (const char *at = log; *at; at += *at == '\n') {
		size_t len = strcspn(at, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)(len < 511 ? len : 511), at);
		at += len;
		if (is_bind_line(line, bind)) {
			bound = true;
			merge_faults(before, f);
			raw = (struct raw_event){ 0 };
		} else if (strstr(line, "arm-smmu-v3")) {
			smmu3_line(f, &raw, line, sid, c->pci);
		} else if (strstr(line, "arm-smmu") && strstr(line, "context fault")) {
			smmu2_line(f, line, sid);
		} else if (strstr(line, "DMAR: ")) {
			dmar_line(f, line, c->pci);
		} else if (strstr(line, "AMD-Vi: Event logged [")) {
			amd_line(f, line, c->pci);
		}
	}
	free(bind);
	/* Without such a line axl has it for longer than the log goes back, or never had it. */
	if (!bound && !c->axl)
		merge_faults(before, f);
}

/* What to add where the log does not begin at boot; to be freed */
static char *log_since(const char *log)
{
	const char *line = log;
	double at;

	for (int i = 0; line && i < 8; i++, line = strchr(line, '\n'), line = line ? line + 1 : NULL)
		if (memmem(line, strcspn(line, "\n"), "Linux version ", 14))
			return str("%s", "");
	if (sscanf(log, "<%*d>[%lf]", &at) == 1)
		return str("; it tells only since %.1f s after boot", at);
	return str("; it does not tell since boot");
}

void check_faults(const struct card *c)
{
	static const char guarded[] =
		"axl's guard page catches these now: empty the log (dmesg -C) and see whether they come back";
	static const char got_by[] =
		"axl's guard page should have caught these: report it, with dmesg; dmesg -C empties the log";
	static const char unguarded[] =
		"firmware that restarts signalled before it knew where to, and the host has not seen it: "
		"use axl with its guard page (see 'guard'), then empty the log (dmesg -C)";
	static const char lost[] =
		"data of these transfers is lost: see dmesg around them, and report it; dmesg -C empties the "
		"log";
	static const char not_ours[] =
		"whoever had the card then lost data, be it another driver or an earlier load of axl: see "
		"dmesg around them; dmesg -C empties the log";
	const struct axl_query *q = c->axl && !c->err ? &c->dev.q : NULL;
	struct faults now = { 0 }, before = { 0 }, *f;
	const char *log = kernel_log();
	char *since, *text;
	enum verdict v;

	if (!log) {
		if (have_iommu())
			found(c, WARN, "faults", RUN_AS_ROOT, "the kernel log is not readable (%s)",
			      strerror(errno));
		else
			found(c, PASS, "faults", NULL, "there is no IOMMU that could report any");
		return;
	}
	since = log_since(log);
	read_faults(log, c, &now, &before);
	f = now.all ? &now : &before;
	v = now.all ? FAIL : before.all ? WARN : PASS;
	if (now.all && before.all)
		text = str(", and %u before axl had the card%s", before.all, since);
	else
		text = str("%s%s", before.all ? ", before axl had the card" : "", since);
	free(since);
	if (v == PASS)
		found(c, PASS, "faults", NULL, "the kernel log has no IOMMU fault of this card%s", text);
	else if (f->stream)
		found(c, v, "faults",
		      "device tree: the SMMU's node and iommu-map of the PCIe controller must be enabled "
		      "together, or neither; what came before a driver took the card does not count",
		      "%u refused accesses of this card, %u of them C_BAD_STREAMID: the SMMU does not know "
		      "the card%s",
		      f->all, f->stream, text);
	else if (f->low)
		found(c, v, "faults",
		      !q || q->guard != AXL_GUARD_ACTIVE ? unguarded : now.all ? got_by : guarded,
		      "%u refused accesses of this card, %u of them just above bus address 0, the last at "
		      "0x%llx%s%s",
		      f->all, f->low, f->low_addr, f->low_addr == 0x30 ? " (a mailbox reply)" : "", text);
	else if (f->remap)
		found(c, v, "faults",
		      "in a virtual machine: use firmware with dma_vm; else report the axl lines of dmesg",
		      "%u interrupt messages of this card refused%s", f->remap, text);
	else if (f->has_addr)
		found(c, v, "faults", now.all ? lost : not_ours,
		      "%u refused accesses of this card, the last %s, address 0x%llx%s", f->all, f->name,
		      f->addr, text);
	else
		found(c, v, "faults", now.all ? lost : not_ours,
		      "%u refused accesses of this card, the last %s%s", f->all, f->name, text);
	free(text);
}

/* ---------------------------------------------------- kernel configuration */

/* The uncompressed text of a file that only a program can unpack */
static char *unpack(const char *path)
{
	char zcat[] = "zcat", *argv[] = { zcat, NULL }, *text = NULL;
	posix_spawn_file_actions_t actions;
	int fd = open(path, O_RDONLY | O_CLOEXEC), out[2], status;
	FILE *f;
	pid_t pid;

	if (fd < 0)
		return NULL;
	if (pipe2(out, O_CLOEXEC)) {
		close(fd);
		return NULL;
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
	status = posix_spawnp(&pid, "zcat", &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(fd);
	close(out[1]);
	f = status ? NULL : fdopen(out[0], "r");
	if (f) {
		text = read_stream(f, NULL);
		fclose(f);
	} else {
		close(out[0]);
	}
	if (!status && (waitpid(pid, &status, 0) != pid || status)) {
		free(text);
		text = NULL;
	}
	return text;
}

static char *kernel_config(const char *release)
{
	static const char *const places[] = {
		"/boot/config-%s",
		"/lib/modules/%s/config",
		"/lib/modules/%s/build/.config",
		"/usr/lib/modules/%s/config",
	};
	char *text = NULL, path[256];

	for (size_t i = 0; i < ARRAY_SIZE(places) && !text; i++) {
		const char *rest = strstr(places[i], "%s");

		snprintf(path, sizeof(path), "%.*s%.128s%s", (int)(rest - places[i]), places[i], release,
			 rest + 2);
		text = read_all(path, NULL);
	}
	return text ?: unpack("/proc/config.gz");
}

static bool config_has(const char *config, const char *option)
{
	size_t n = strlen(option);

	for (const char *at = config; (at = strstr(at, option)); at += n)
		if ((at == config || at[-1] == '\n') && at[n] == '=' &&
		    (at[n + 1] == 'y' || at[n + 1] == 'm'))
			return true;
	return false;
}

enum { ARM = 1, X86 = 2, RK3588 = 4, RK3588_OR_S = 8 };

/*
 * What the kernel must have. Better than what a configuration says is that the
 * thing works: a file or folder that is there, or a word in /proc/interrupts.
 */
static const struct need {
	const char *option, *other;
	int where; /* 0: everywhere */
	enum verdict without;
	const char *sign, *irq;
	const char *why;
} needs[] = {
	{ "CONFIG_PCI_MSI", NULL, 0, FAIL, NULL, "MSI", "no interrupt reaches axl" },
	{ "CONFIG_DMA_SHARED_BUFFER", NULL, 0, FAIL, "/sys/module/axl", NULL, "axl cannot be loaded" },
	{ "CONFIG_ARM_GIC_V3_ITS", NULL, ARM, FAIL, NULL, "ITS-", "no interrupt message is delivered" },
	{ "CONFIG_ARM_SMMU_V3", NULL, ARM, WARN, "/sys/bus/platform/drivers/arm-smmu-v3", NULL,
	  "the card can reach all of memory" },
	{ "CONFIG_PCIE_ROCKCHIP_DW_HOST", "CONFIG_PCIE_DW_ROCKCHIP", RK3588_OR_S, FAIL,
	  "/sys/bus/platform/drivers/rockchip-dw-pcie", NULL, "the slot has no driver" },
	{ "CONFIG_PHY_ROCKCHIP_SNPS_PCIE3", NULL, RK3588, WARN,
	  "/sys/bus/platform/drivers/rockchip-snps-pcie3-phy", NULL, "the M.2 slot's link does not come up" },
	{ "CONFIG_INTEL_IOMMU", "CONFIG_AMD_IOMMU", X86, WARN, "/sys/class/iommu/dmar0", NULL,
	  "the card can reach all of memory" },
	{ "CONFIG_IRQ_REMAP", NULL, X86, WARN, NULL, "IR-", "one interrupt vector only" },
};

static char *append(char *to, const char *sep, const char *what)
{
	char *longer = str("%s%s%s", to, *to ? sep : "", what);

	free(to);
	return longer;
}

void check_kernel(void)
{
	char *config, *irqs, *missing = str("%s", ""), *unknown = str("%s", ""), *item;
	enum verdict worst = PASS;
	unsigned int major = 0, minor = 0;
	struct utsname u;
	int here = 0;

	if (uname(&u))
		memset(&u, 0, sizeof(u));
	if (!strcmp(u.machine, "aarch64"))
		here = ARM | (is_rk3588() ? RK3588 | RK3588_OR_S : 0) |
		       (is_compatible("rockchip,rk3588s") ? RK3588_OR_S : 0);
	else if (!strcmp(u.machine, "x86_64"))
		here = X86;
	config = kernel_config(u.release);
	irqs = read_all("/proc/interrupts", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(needs); i++) {
		const struct need *n = &needs[i];

		if ((n->where && !(n->where & here)) || (n->sign && is_there(n->sign)) ||
		    (n->irq && irqs && strstr(irqs, n->irq)))
			continue;
		if (!config) {
			unknown = append(unknown, ", ", n->option);
		} else if (!config_has(config, n->option) && !(n->other && config_has(config, n->other))) {
			item = str("%s (without it %s)", n->option, n->why);
			missing = append(missing, ", ", item);
			free(item);
			worst = n->without > worst ? n->without : worst;
		}
	}
	free(config);
	free(irqs);
	if (sscanf(u.release, "%u.%u", &major, &minor) == 2 && (major < 6 || (major == 6 && !minor)))
		found(NULL, FAIL, "kernel", "use a kernel from 6.1 on", "%s is too old for axl", u.release);
	else if (!strstr(u.machine, "64"))
		found(NULL, FAIL, "kernel", "use a 64-bit kernel", "%s, %s: axl is for 64-bit kernels",
		      u.release, u.machine);
	else if (*missing)
		found(NULL, worst, "kernel", "use a kernel with these options", "%s, %s, lacks %s", u.release,
		      u.machine, missing);
	else if (*unknown)
		found(NULL, WARN, "kernel",
		      "see whether they are set: /boot/config-$(uname -r), /proc/config.gz",
		      "%s, %s: its configuration is not to be found; unknown: %s", u.release, u.machine,
		      unknown);
	else
		found(NULL, PASS, "kernel", NULL, "%s, %s, has what axl needs", u.release, u.machine);
	free(missing);
	free(unknown);
}

/* -------------------------------------------------------- kernel parameters */

static bool same_name(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((a[i] == '-' ? '_' : a[i]) != (b[i] == '-' ? '_' : b[i]))
			return false;
	return true;
}

static const char *command_line(void)
{
	static char *text;

	if (!text)
		text = read_all("/proc/cmdline", NULL);
	return text;
}

bool kernel_parameter(const char *name, const char *value)
{
	size_t n = strlen(name), v = strlen(value), len;

	for (const char *at = command_line(); at && *at; at += strspn(at, " \n")) {
		len = strcspn(at, " \n");
		if (len > n && at[n] == '=' && same_name(at, name, n)) {
			for (const char *item = at + n; item < at + len;
			     item += 1 + strcspn(item + 1, ", \n")) {
				size_t size = strcspn(item + 1, ", \n");

				if (size == v && !strncmp(item + 1, value, v))
					return true;
			}
		}
		at += len;
	}
	return false;
}

void check_parameters(void)
{
	static const struct {
		const char *name, *value;
		enum verdict v;
		const char *what;
	} bad[] = {
		{ "pci", "nomsi", FAIL, "no interrupt message is delivered" },
		{ "pci", "off", FAIL, "there is no PCI" },
		{ "iommu.passthrough", "1", WARN, "nothing is translated: bus address 0 is unprotected" },
		{ "iommu.passthrough", "on", WARN, "nothing is translated: bus address 0 is unprotected" },
		{ "iommu.passthrough", "y", WARN, "nothing is translated: bus address 0 is unprotected" },
		{ "iommu", "pt", WARN, "nothing is translated: bus address 0 is unprotected" },
		{ "iommu", "off", WARN, "the IOMMU is off: bus address 0 is unprotected" },
		{ "intel_iommu", "off", WARN, "the IOMMU is off: bus address 0 is unprotected" },
		{ "amd_iommu", "off", WARN, "the IOMMU is off: bus address 0 is unprotected" },
		{ "intremap", "off", WARN, "one interrupt vector only" },
		{ "arm-smmu-v3.disable_bypass", "0", WARN, "what has no mapping passes untranslated" },
		{ "arm-smmu-v3.disable_bypass", "n", WARN, "what has no mapping passes untranslated" },
	};
	char *text = str("%s", ""), *item;
	enum verdict worst = PASS;

	if (!command_line()) {
		found(NULL, WARN, "parameters", RUN_AS_ROOT, "/proc/cmdline is not readable");
		free(text);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (!kernel_parameter(bad[i].name, bad[i].value))
			continue;
		item = str("%s=%s (%s)", bad[i].name, bad[i].value, bad[i].what);
		text = append(text, ", ", item);
		free(item);
		worst = bad[i].v > worst ? bad[i].v : worst;
	}
	if (worst != PASS)
		found(NULL, worst, "parameters", "start the kernel without that", "%s", text);
	else
		found(NULL, PASS, "parameters", NULL, "the kernel was started with nothing that hurts");
	free(text);
}

/* ------------------------------------------------------------------ modules */

/*
 * The line of a module in modules.dep: what it is and what it needs; NULL when
 * it is not installed, or, said by *known, when that cannot be told.
 */
static char *installed(const char *module, bool *known)
{
	char path[256], *all, *line, *save = NULL, *found_line = NULL, *name;
	struct utsname u;
	size_t n;

	*known = false;
	if (uname(&u))
		return NULL;
	snprintf(path, sizeof(path), "/lib/modules/%.128s/modules.dep", u.release);
	all = read_all(path, NULL);
	*known = all;
	n = strlen(module);
	for (line = all ? strtok_r(all, "\n", &save) : NULL; line && !found_line;
	     line = strtok_r(NULL, "\n", &save)) {
		size_t file = strcspn(line, ":");

		for (name = line + file; name > line && name[-1] != '/'; name--)
			;
		if (!strncmp(name, module, n) && !strncmp(name + n, ".ko", 3))
			found_line = str("%s", line);
	}
	free(all);
	return found_line;
}

/* The last line of the log, "<LEVEL>[TIME] axl PCI: TEXT", in which axl warns about this card */
static char *last_warning(const struct card *c)
{
	const char *log = kernel_log(), *last = NULL;
	char *start = str("axl %s: ", c->pci), *text;

	for (const char *at = log, *line; at && (at = strstr(at, start)); at++) {
		for (line = at; line > log && line[-1] != '\n'; line--)
			;
		/* Its own words, not the driver core's */
		if (line[0] == '<' && line[1] <= '4' && strncmp(at + strlen(start), "probe with driver", 17))
			last = at + strlen(start);
	}
	text = last ? str("%.*s", (int)strcspn(last, "\n"), last) : NULL;
	free(start);
	return text;
}

void check_driver(const struct card *c)
{
	char *text, *remedy;

	if (!*c->driver && is_there("/sys/module/axl")) {
		text = last_warning(c);
		remedy = str("%s: echo %s > /sys/bus/pci/drivers/axl/bind",
			     text ? "mend what it says, then" :
				    "try, and look at dmesg (driver_override in the card's sysfs folder keeps axl "
				    "away)",
			     c->pci);
		found(c, FAIL, "driver", remedy, "axl is loaded, but did not take the card%s%s",
		      text ? "; it said: " : "", text ?: "");
		free(remedy);
		free(text);
	} else if (!*c->driver) {
		found(c, FAIL, "driver", "modprobe axl", "no driver has the card: axl is not loaded");
	} else if (!c->axl) {
		text = str("echo %s > /sys/bus/pci/drivers/%s/unbind (or unload that module), then: "
			   "modprobe axl",
			   c->pci, c->driver);
		found(c, FAIL, "driver", text, "'%s' has the card", c->driver);
		free(text);
	} else if (!*c->dev.path) {
		found(c, FAIL, "driver",
		      "see dmesg | grep axl; without udev or devtmpfs: mknod by the numbers in "
		      "/sys/class/metis/*/dev",
		      "axl has the card, but there is no node in /dev");
	} else if (c->err == EPROTO) {
		found(c, FAIL, "driver", "install axl and metisctl of the same release",
		      "%s speaks version %u of the interface, this metisctl version %u", c->dev.path,
		      c->dev.q.abi, AXL_ABI_VERSION);
	} else if (c->err == EACCES || c->err == EPERM) {
		found(c, WARN, "driver", "run as root, or join the group of the node: see ls -l /dev/metis*",
		      "axl has the card as %s, which this user may not open", c->dev.path);
	} else if (c->err) {
		found(c, FAIL, "driver", "see dmesg | grep axl", "axl has the card as %s, but: %s",
		      c->dev.path, strerror(c->err));
	} else {
		found(c, PASS, "driver", NULL, "axl has the card as %s", c->dev.path);
	}
}

void check_module(void)
{
	char version[64], *dep;
	bool known;

	if (is_there("/sys/module/axl")) {
		if (!read_line("/sys/module/axl/version", version, sizeof(version)))
			strcpy(version, "of unknown version");
		found(NULL, PASS, "module", NULL, "axl %s is loaded", version);
		return;
	}
	dep = installed("axl", &known);
	if (!known)
		found(NULL, WARN, "module",
		      "modprobe axl; if it is not to be found, build and install it for this kernel: make && "
		      "make install in axl's source, then depmod",
		      "axl is not loaded; what is installed is not known: this kernel's modules.dep is not "
		      "readable");
	else if (dep)
		found(NULL, FAIL, "module", "modprobe axl; if that fails, dmesg says why",
		      "axl is installed, but not loaded");
	else
		found(NULL, FAIL, "module",
		      "build and install it for this kernel: make && make install in axl's source, then "
		      "depmod and modprobe axl",
		      "axl is not loaded, and not installed for this kernel");
	free(dep);
}

/* The vendor's module has the name that axl's own for the vendor's SDK has, too. */
void check_vendor(void)
{
	static const char remedy[] = "rmmod metis, and take it away: apt remove metis-dkms, or dkms remove "
				     "metis/VERSION --all";
	char *dep;
	bool known;

	if (is_there("/sys/module/metis") && !is_there("/sys/module/axl/holders/metis")) {
		found(NULL, FAIL, "vendor", remedy,
		      "the vendor's module 'metis' is loaded: it and axl want the same card");
		return;
	}
	dep = installed("metis", &known);
	if (!known)
		found(NULL, WARN, "vendor", "run depmod; see ls /lib/modules/$(uname -r)",
		      "no module of the vendor is loaded; what is installed is not known: this kernel's "
		      "modules.dep is not readable");
	else if (dep && !strstr(strchr(dep, ':') ?: "", "/axl.ko"))
		found(NULL, WARN, "vendor", remedy,
		      "the vendor's module 'metis' is installed, and may take the card at the next boot");
	else
		found(NULL, PASS, "vendor", NULL, "no module of the vendor is in the way");
	free(dep);
}
