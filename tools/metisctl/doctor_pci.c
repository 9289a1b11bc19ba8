// SPDX-License-Identifier: GPL-2.0
/* metisctl doctor: what PCI, by sysfs, says of a card and of what is above it. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "dev.h"
#include "doctor_card.h"
#include "doctor_pci.h"
#include "host.h"
#include "out.h"
#include "report.h"

#define BAR2_SIZE	 (32ULL << 20)
#define GIB4		 (1ULL << 32)
#define IORESOURCE_MEM	 0x200ULL /* linux/ioport.h, seen in sysfs */
#define IORESOURCE_UNSET 0x20000000ULL
#define RESOURCE_WINDOWS 7 /* line of the file from which windows can come */

/* Configuration space */
#define PCI_STATUS	    0x06
#define PCI_HEADER_TYPE	    0x0e
#define PCI_STATUS_CAP_LIST 0x10
#define PCI_CAPABILITY_LIST 0x34
#define PCI_CAP_ID_EXP	    0x10
#define PCI_EXP_DEVCTL	    8

static const char *attr_path(const char *pci, const char *name, char buf[400])
{
	snprintf(buf, 400, SYS_PCI "/%.64s/%.128s", pci, name);
	return buf;
}

static bool attr(const char *pci, const char *name, char *buf, size_t size)
{
	char path[400];

	return read_line(attr_path(pci, name, path), buf, size);
}

static u32 attr_hex(const char *pci, const char *name)
{
	char text[32];

	return attr(pci, name, text, sizeof(text)) ? (u32)strtoul(text, NULL, 16) : 0;
}

/* Not more than this: some devices dislike reads further up. */
static size_t read_config(const char *pci, u8 buf[256])
{
	char path[400];
	int fd = open(attr_path(pci, "config", path), O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, buf, 256);

	if (fd >= 0)
		close(fd);
	return n < 0 ? 0 : (size_t)n;
}

/* 0000:00:01.0 */
static bool is_pci_name(const char *s)
{
	static const char form[] = "xxxx:xx:xx.x";
	size_t i;

	/* Domains that a driver made up (VMD) have five digits. */
	while (isxdigit((unsigned char)s[0]) && isxdigit((unsigned char)s[4]))
		s++;
	for (i = 0; form[i]; i++)
		if (form[i] == 'x' ? !isxdigit((unsigned char)s[i]) : s[i] != form[i])
			return false;
	return !s[i];
}

const char *without_domain(const char *pci)
{
	const char *colon = strchr(pci, ':');

	return colon ? colon + 1 : pci;
}

/* ../../../devices/platform/BRIDGE/pci0000:00/0000:00:01.0/0000:01:00.0 */
static void find_place(struct card *c)
{
	char target[512], path[400], *part, *save = NULL, *rest;
	ssize_t n;

	snprintf(path, sizeof(path), SYS_PCI "/%s", c->pci);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return;
	target[n] = '\0';
	for (rest = target; !strncmp(rest, "../", 3); rest += 3)
		;
	part = strstr(rest, "/pci");
	if (part)
		snprintf(c->root, sizeof(c->root), "/sys/%.*s", (int)(part - rest), rest);
	for (part = strtok_r(rest, "/", &save); part; part = strtok_r(NULL, "/", &save))
		if (is_pci_name(part) && strcmp(part, c->pci))
			snprintf(c->port, sizeof(c->port), "%.31s", part);
}

static bool is_metis(u32 vendor, u32 device)
{
	return vendor == 0x1f9d || (vendor == 0x1234 && (device == 0x2024 || device == 0x2023));
}

/* The IP block's own identity; a bridge that has it is a root port of another vendor. */
static bool is_unbooted(const char *pci, u32 vendor, u32 device)
{
	u8 config[256];

	if (vendor != 0x16c3 || device != 0xabcd)
		return false;
	/* Every user may read so far. The class is not read: firmware has not set it. */
	return read_config(pci, config) <= PCI_HEADER_TYPE || (config[PCI_HEADER_TYPE] & 0x7f) != 1;
}

static void fill(struct card *c, const struct node *nodes, size_t nr_nodes)
{
	char path[400];

	find_place(c);
	c->revision = attr_hex(c->pci, "revision");
	if (!link_name(attr_path(c->pci, "driver", path), c->driver, sizeof(c->driver)))
		c->driver[0] = '\0';
	if (!link_name(attr_path(c->pci, "iommu_group", path), c->group, sizeof(c->group)))
		c->group[0] = '\0';
	c->config_len = read_config(c->pci, c->config);
	c->axl = !strcmp(c->driver, "axl");
	c->err = ENOENT;
	for (size_t i = 0; i < nr_nodes && c->axl; i++) {
		if (strcmp(nodes[i].pci, c->pci))
			continue;
		snprintf(c->dev.path, sizeof(c->dev.path), "%s", nodes[i].path);
		snprintf(c->dev.pci, sizeof(c->dev.pci), "%s", c->pci);
		c->dev.q = nodes[i].q;
		c->err = nodes[i].err;
		if (!c->err && c->dev.q.abi != AXL_ABI_VERSION)
			c->err = EPROTO;
	}
}

static int by_address(const void *a, const void *b)
{
	return strcmp(((const struct card *)a)->pci, ((const struct card *)b)->pci);
}

struct card *cards_scan(size_t *count)
{
	struct card *cards = NULL, *grown;
	struct node *nodes;
	struct dirent *e;
	size_t nr_nodes;
	DIR *dir;

	*count = 0;
	nodes = nodes_scan(&nr_nodes);
	dir = opendir(SYS_PCI);
	while (dir && (e = readdir(dir))) {
		struct card c = { .dev.fd = -1 };

		if (strlen(e->d_name) >= sizeof(c.pci) || e->d_name[0] == '.')
			continue;
		strcpy(c.pci, e->d_name);
		c.vendor = attr_hex(c.pci, "vendor");
		c.device = attr_hex(c.pci, "device");
		c.unbooted = is_unbooted(c.pci, c.vendor, c.device);
		if (!c.unbooted && !is_metis(c.vendor, c.device))
			continue;
		grown = realloc(cards, (*count + 1) * sizeof(*cards));
		if (!grown)
			break;
		cards = grown;
		fill(&c, nodes, nr_nodes);
		cards[(*count)++] = c;
	}
	if (dir)
		closedir(dir);
	free(nodes);
	if (*count)
		qsort(cards, *count, sizeof(*cards), by_address);
	return cards;
}

/* All ones are what a dead link reads as; the ids in sysfs are from long ago. */
bool config_is_dead(const struct card *c)
{
	return c->config_len >= 4 && !memcmp(c->config, "\377\377\377\377", 4);
}

void check_card(const struct card *c)
{
	if (c->unbooted)
		found(c, FAIL, "card",
		      "switch the machine's power off and on (a reboot does not reset the card); if it "
		      "comes back like this: power supply and seat of the card",
		      "%s shows 16c3:abcd: a card whose bootloader did not start, or that hangs", c->pci);
	else if (c->vendor == 0x1f9d && c->device != 0x1100 && c->device != 0x11aa)
		found(c, WARN, "card", "see whether a newer release of axl knows it",
		      "%s is %04x:%04x rev %02x, a model unknown to axl",
		      c->pci, c->vendor, c->device, c->revision);
	else
		found(c, PASS, "card", NULL, "%s is %04x:%04x rev %02x", c->pci, c->vendor, c->device,
		      c->revision);
}

struct range {
	u64 start, size, flags;
};

/* One line of a resource file; size 0 when there is nothing */
static bool resource(const char *pci, unsigned int nr, struct range *r)
{
	char path[400], *all, *line;
	unsigned long long start, end, flags;
	bool ok;

	all = read_all(attr_path(pci, "resource", path), NULL);
	if (!all)
		return false;
	for (line = all; line && nr; nr--) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	ok = line && sscanf(line, "%llx %llx %llx", &start, &end, &flags) == 3;
	if (ok)
		*r = (struct range){ start, end > start ? end - start + 1 : 0, flags };
	free(all);
	return ok;
}

/* Largest memory window of a bridge that is below 4 GiB for the CPU */
static u64 bridge_window(const char *pci)
{
	struct range r;
	u64 most = 0;

	for (unsigned int i = RESOURCE_WINDOWS; *pci && resource(pci, i, &r); i++)
		if (r.flags & IORESOURCE_MEM && r.start && r.start < GIB4 && r.size > most)
			most = r.size;
	return most;
}

static u64 cells(const u8 *p, unsigned int nr)
{
	u64 val = 0;

	for (unsigned int i = 0; i < 4 * nr; i++)
		val = val << 8 | p[i];
	return val;
}

/* By the device tree: ranges of (space, PCI address; CPU address; size), 3 + 2 + 2 cells */
static bool tree_window(const struct card *c, u64 *most)
{
	char path[400];
	size_t len = 0;
	u8 *all;

	if (!*c->root)
		return false;
	snprintf(path, sizeof(path), "%s/of_node/ranges", c->root);
	all = (u8 *)read_all(path, &len);
	if (!all)
		return false;
	for (size_t i = 0; len % 28 == 0 && i < len; i += 28) {
		u32 space = (u32)cells(all + i, 1) >> 24 & 3;
		u64 start = cells(all + i + 4, 2), size = cells(all + i + 20, 2);

		if (space < 2 || start >= GIB4) /* 1: I/O */
			continue;
		if (size > GIB4 - start)
			size = GIB4 - start;
		if (size > *most)
			*most = size;
	}
	free(all);
	return len && len % 28 == 0;
}

/* By the log: root bus resource [mem A-B flags] (bus address [C-D]) */
static bool log_window(const struct card *c, u64 *most)
{
	const char *log = kernel_log(), *line, *bus, *at;
	bool any = false;
	char *start;

	/* The root bus is what stands first below the host bridge. */
	start = str("pci_bus %.*s", (int)(without_domain(c->pci) - c->pci), c->pci);
	for (line = log; line && (line = strstr(line, start)); line++) {
		size_t len = strcspn(line, "\n");
		unsigned long long a, b;

		at = memmem(line, len, "root bus resource [mem ", 23);
		if (!at)
			continue;
		bus = memmem(line, len, "bus address [", 13);
		if (sscanf(bus ? bus + 13 : at + 23, "%llx-%llx", &a, &b) != 2 || a >= GIB4)
			continue;
		any = true;
		b = b < GIB4 ? b : GIB4 - 1;
		if (b >= a && b - a + 1 > *most)
			*most = b - a + 1;
	}
	free(start);
	return any;
}

static bool tree_node_is(const char *path, const char *name)
{
	char node[256];

	return link_name(path, node, sizeof(node)) && !strcmp(node, name);
}

/* Is the card below the controller whose window an overlay widens? */
static bool is_behind_pcie3x4(const struct card *c)
{
	static const char pcie3x4[] = "pcie@fe150000";
	char path[400];

	snprintf(path, sizeof(path), "%s/of_node", c->root);
	if (*c->root && tree_node_is(path, pcie3x4))
		return true;
	return *c->port && tree_node_is(attr_path(c->port, "of_node", path), pcie3x4);
}

void check_bar2(const struct card *c)
{
	struct range bar;
	u64 window = 0, above;
	char size[24], w[24], *host, *detail;
	const char *remedy;

	if (!resource(c->pci, 2, &bar)) {
		found(c, WARN, "bar2", RUN_AS_ROOT, "its resource file in sysfs is not readable");
		return;
	}
	if (tree_window(c, &window) || log_window(c, &window))
		host = str("the host bridge's largest window below 4 GiB has %s",
			   window ? human_size(window, w) : "nothing");
	else
		host = str("the host bridge's windows are not known");
	if (bar.start && bar.size && !(bar.flags & IORESOURCE_UNSET)) {
		above = bridge_window(c->port);
		detail = above ? str("; the port's window has %s", human_size(above, w)) : str("%s", "");
		if (bar.size < BAR2_SIZE)
			found(c, WARN, "bar2",
			      "a Metis has 32 MiB: see whether a newer release of axl knows this card",
			      "%s at 0x%llx", human_size(bar.size, size), bar.start);
		else
			found(c, PASS, "bar2", NULL, "%s at 0x%llx%s; %s", human_size(bar.size, size),
			      bar.start, detail, host);
		free(detail);
		free(host);
		return;
	}
	if (is_rk3588() && is_behind_pcie3x4(c))
		remedy = "apply the overlay rk3588-pcie3x4-bar2-window (dts-overlays/README.md)";
	else if (window >= 2 * BAR2_SIZE)
		remedy = "there is room: try the kernel parameter pci=realloc, or another slot; see dmesg "
			 "| grep 'BAR 2'";
	else
		remedy = "give the host bridge a window of at least 64 MiB with PCI addresses below 4 GiB, "
			 "in the device tree or the firmware's setup (docs/hardware-notes.md, \"Identity "
			 "and BARs\")";
	found(c, FAIL, "bar2", remedy, "it has no address (32 MiB below 4 GiB are needed); %s", host);
	free(host);
}

/* "8.0 GT/s PCIe": in tenths; 0 when unknown */
static unsigned int speed(const char *pci, const char *name, char buf[32])
{
	double gt = 0;

	if (!*pci || !attr(pci, name, buf, 32) || sscanf(buf, "%lf", &gt) != 1)
		return 0;
	buf[strcspn(buf, "P")] = '\0'; /* without "PCIe" */
	while (*buf && buf[strlen(buf) - 1] == ' ')
		buf[strlen(buf) - 1] = '\0';
	return (unsigned int)(gt * 10);
}

static unsigned int width(const char *pci, const char *name)
{
	char text[32];

	return *pci && attr(pci, name, text, sizeof(text)) ? (unsigned int)strtoul(text, NULL, 10) : 0;
}

static unsigned int lesser(unsigned int a, unsigned int b)
{
	return b && b < a ? b : a;
}

void check_link(const struct card *c)
{
	char now[32], most[32], port[32];
	unsigned int s = speed(c->pci, "current_link_speed", now), w = width(c->pci, "current_link_width");
	unsigned int smax = speed(c->pci, "max_link_speed", most), wmax = width(c->pci, "max_link_width");
	unsigned int sport = speed(c->port, "max_link_speed", port), wport = width(c->port, "max_link_width");
	char *limit;

	if (config_is_dead(c)) {
		found(c, FAIL, "link",
		      "power off and on (a reboot does not reset the card); then power supply, cooling, "
		      "seat of the card",
		      "down: the card's configuration space reads all ones");
	} else if (!s || !w || !smax || !wmax) {
		found(c, WARN, "link", "see lspci -vv -s ADDRESS, LnkSta", "speed and width are not known");
	} else if (s < lesser(smax, sport) || w < lesser(wmax, wport)) {
		limit = sport ? str(", %s x%u the port", port, wport) : str("%s", "");
		found(c, WARN, "link",
		      "works, but slower than it could: seat of the card, adapter or riser, cleanliness of "
		      "the contacts; then power off and on",
		      "%s x%u, but the card can do %s x%u%s", now, w, most, wmax, limit);
		free(limit);
	} else if (s < smax || w < wmax) {
		found(c, PASS, "link", NULL, "%s x%u, all that the port can do (the card: %s x%u)", now, w,
		      most, wmax);
	} else {
		found(c, PASS, "link", NULL, "%s x%u", now, w);
	}
}

/* Device control of the PCIe capability; false when it cannot be found */
static bool device_control(const u8 *cfg, size_t len, u32 *val)
{
	unsigned int at, left = 48;

	if (len < 256 || !(cfg[PCI_STATUS] & PCI_STATUS_CAP_LIST))
		return false;
	for (at = cfg[PCI_CAPABILITY_LIST] & ~3U; at >= 0x40 && left--; at = cfg[at + 1] & ~3U) {
		if (cfg[at] == PCI_CAP_ID_EXP && at + PCI_EXP_DEVCTL + 2 <= 256) {
			*val = cfg[at + PCI_EXP_DEVCTL] | (u32)cfg[at + PCI_EXP_DEVCTL + 1] << 8;
			return true;
		}
	}
	return false;
}

void check_mps(const struct card *c)
{
	u8 above[256];
	size_t above_len;
	unsigned int mps, mrrs, port;
	u32 ctl, port_ctl;

	if (config_is_dead(c)) {
		found(c, WARN, "mps", "see 'link'", "not readable: the link is down");
		return;
	}
	if (c->config_len < 256) {
		found(c, WARN, "mps", RUN_AS_ROOT, "maximum payload: configuration space is not readable");
		return;
	}
	if (!device_control(c->config, c->config_len, &ctl)) {
		found(c, WARN, "mps", "see lspci -vv", "maximum payload: the card shows no PCIe capability");
		return;
	}
	mps = 128U << (ctl >> 5 & 7);
	mrrs = 128U << (ctl >> 12 & 7);
	above_len = *c->port ? read_config(c->port, above) : 0;
	if (*c->port && above_len < 256) {
		found(c, WARN, "mps", RUN_AS_ROOT,
		      "maximum payload %u bytes; the port above (%s) is not readable", mps, c->port);
		return;
	}
	if (!device_control(above, above_len, &port_ctl)) {
		found(c, PASS, "mps", NULL,
		      "maximum payload %u bytes, reads of up to %u; nothing above to compare with", mps,
		      mrrs);
		return;
	}
	port = 128U << (port_ctl >> 5 & 7);
	/* A port may have more where reads are too short to be answered by more. */
	if (mps > port || (mps < port && mrrs > mps))
		found(c, FAIL, "mps",
		      "start the kernel with pci=pcie_bus_safe: packets that are too long for one side are "
		      "dropped as malformed",
		      "maximum payload %u bytes, but %u at the port above (%s)", mps, port, c->port);
	else
		found(c, PASS, "mps", NULL,
		      "maximum payload %u bytes, %u at the port above; reads of up to %u", mps, port, mrrs);
}

void check_iommu(const struct card *c)
{
	static const char enable[] =
		"enable it: in the firmware's setup, by intel_iommu=on, in the device tree by the SMMU's "
		"node and iommu-map together; until then the card can reach all of memory";
	static const char rk3588[] =
		"enable the SMMU: overlay rk3588-pcie-smmu-on; until then the card can reach all of "
		"memory";
	char path[400], type[32] = "";

	snprintf(path, sizeof(path), SYS_PCI "/%s/iommu_group/type", c->pci);
	if (!read_line(path, type, sizeof(type)) && c->axl && !c->err && *c->group) {
		static const char *const by_mode[] = { "", "identity", "DMA", "DMA-FQ" };

		strcpy(type, c->dev.q.iommu_mode < ARRAY_SIZE(by_mode) ? by_mode[c->dev.q.iommu_mode] : "");
	}
	if (!*c->group && !*c->driver && have_iommu())
		found(c, WARN, "iommu", "load axl and look again",
		      "not known yet: the card joins a group when a driver takes it");
	else if (!*c->group)
		found(c, WARN, "iommu", is_rk3588() ? rk3588 : enable,
		      "none: bus addresses are physical addresses");
	else if (!strcmp(type, "DMA"))
		found(c, PASS, "iommu", NULL, "translates, strict invalidation");
	else if (!strcmp(type, "DMA-FQ"))
		found(c, PASS, "iommu", NULL, "translates, lazy invalidation");
	else if (!strcmp(type, "identity"))
		found(c, WARN, "iommu",
		      "start the kernel without iommu.passthrough=1 and iommu=pt; until then the card can "
		      "reach all of memory",
		      "lets everything pass untranslated (identity)");
	else if (!strcmp(type, "blocked"))
		found(c, FAIL, "iommu", "give the card to axl, or start the kernel with iommu.passthrough=0",
		      "refuses everything (blocked)");
	else
		found(c, WARN, "iommu", "is the card given to a virtual machine, or to vfio?", "mode '%s'",
		      *type ? type : "unknown");
}

void check_group(const struct card *c)
{
	char path[400], others[400] = "", *all;
	unsigned int bridges = 0;
	struct dirent *e;
	DIR *dir;

	if (!*c->group)
		return;
	dir = opendir(attr_path(c->pci, "iommu_group/devices", path));
	if (!dir) {
		found(c, WARN, "group", RUN_AS_ROOT, "IOMMU group %s, members not readable", c->group);
		return;
	}
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.' || !strcmp(e->d_name, c->pci))
			continue;
		/* Bridges do no DMA of their own. */
		if (attr_hex(e->d_name, "class") >> 16 == 0x06) {
			bridges++;
		} else if (strlen(others) + strlen(e->d_name) + 2 < sizeof(others)) {
			strcat(others, " ");
			strcat(others, e->d_name);
		}
	}
	closedir(dir);
	if (*others) {
		found(c, WARN, "group",
		      "they see the same mappings as the card, and can disturb it: use another slot, if "
		      "isolation matters",
		      "IOMMU group %s is shared with%s", c->group, others);
		return;
	}
	all = bridges ? str(", with %u bridge%s", bridges, bridges == 1 ? "" : "s") : str(", alone");
	found(c, PASS, "group", NULL, "IOMMU group %s%s", c->group, all);
	free(all);
}

const char *msi_forbidden_by(const struct card *c, char buf[32])
{
	char text[16];

	if (attr(c->pci, "msi_bus", text, sizeof(text)) && !strcmp(text, "0"))
		return strcpy(buf, c->pci);
	if (*c->port && attr(c->port, "msi_bus", text, sizeof(text)) && !strcmp(text, "0"))
		return strcpy(buf, c->port);
	return NULL;
}
