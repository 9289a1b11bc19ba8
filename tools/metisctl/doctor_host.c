// SPDX-License-Identifier: GPL-2.0
/* metisctl doctor: the kernel's configuration, parameters and modules. */
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "base.h"
#include "doctor_card.h"
#include "doctor_host.h"
#include "host.h"
#include "out.h"
#include "report.h"

extern char **environ;

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
