// SPDX-License-Identifier: GPL-2.0
/* Finding, opening and asking a device; and why there is none. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base.h"
#include "dev.h"
#include "options.h"
#include "out.h"
#include "parse.h"

#define PCI_DEVICES	"/sys/bus/pci/devices"
#define PCI_HEADER_TYPE		0x0e
#define IORESOURCE_UNSET	0x20000000ULL	/* linux/ioport.h, seen in sysfs */

int dev_ioctl(const struct dev *d, unsigned long request, void *arg)
{
	return ioctl(d->fd, request, arg) < 0 ? -errno : 0;
}

static void pci_name(const struct axl_ioc_query *q, char *buf, size_t size)
{
	snprintf(buf, size, "%04x:%02x:%02x.%x", q->pci_domain, q->pci_bus,
		 q->pci_devfn >> 3, q->pci_devfn & 7);
}

bool link_name(const char *path, char *buf, size_t size)
{
	char target[512];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	const char *base;

	if (n < 0)
		return false;
	target[n] = '\0';
	base = strrchr(target, '/');
	base = base ? base + 1 : target;
	return (size_t)snprintf(buf, size, "%s", base) < size;
}

/* Leaves fd open on success. */
static int node_probe(struct node *n, int *fd)
{
	const char *name = strrchr(n->path, '/');
	char link[300];

	*fd = open(n->path, O_RDWR | O_CLOEXEC);
	if (*fd >= 0) {
		if (!ioctl(*fd, AXL_IOC_QUERY, &n->q)) {
			pci_name(&n->q, n->pci, sizeof(n->pci));
			return 0;
		}
		n->err = errno;
		close(*fd);
		*fd = -1;
	} else {
		n->err = errno;
	}
	/* A node that cannot be asked can still be told by its place in sysfs. */
	snprintf(link, sizeof(link), "/sys/class/metis/%s/device", name ? name + 1 : n->path);
	if (!link_name(link, n->pci, sizeof(n->pci)))
		n->pci[0] = '\0';
	return n->err;
}

static int by_number(const void *a, const void *b)
{
	return strverscmp(((const struct node *)a)->path, ((const struct node *)b)->path);
}

struct node *nodes_scan(size_t *count)
{
	struct node *nodes = NULL, *grown;
	struct dirent *e;
	DIR *dir;
	int fd;

	*count = 0;
	dir = opendir("/dev");
	while (dir && (e = readdir(dir))) {
		if (strncmp(e->d_name, "metis", 5) || !e->d_name[5] || strlen(e->d_name) > 15 ||
		    e->d_name[5 + strspn(e->d_name + 5, "0123456789")])
			continue;
		grown = realloc(nodes, (*count + 1) * sizeof(*nodes));
		if (!grown)
			break;
		nodes = grown;
		memset(&nodes[*count], 0, sizeof(*nodes));
		snprintf(nodes[*count].path, sizeof(nodes->path), "/dev/%.15s", e->d_name);
		if (!node_probe(&nodes[*count], &fd))
			close(fd);
		(*count)++;
	}
	if (dir)
		closedir(dir);
	if (*count)
		qsort(nodes, *count, sizeof(*nodes), by_number);
	return nodes;
}

/* Reads /etc/group itself: NSS would make a static program need shared ones. */
static bool group_name(gid_t gid, char *buf, size_t size)
{
	FILE *f = fopen("/etc/group", "re");
	struct group *g;
	bool found = false;

	while (f && !found && (g = fgetgrent(f))) {
		found = g->gr_gid == gid;
		if (found)
			snprintf(buf, size, "%s", g->gr_name);
	}
	if (f)
		fclose(f);
	return found;
}

int node_fail(const struct node *n)
{
	char group[64], *cause, *next;
	struct stat st;

	if ((n->err != EACCES && n->err != EPERM) || stat(n->path, &st))
		return fail(n->err, NULL, "cannot use %s", n->path);
	if (!group_name(st.st_gid, group, sizeof(group)))
		snprintf(group, sizeof(group), "%u", st.st_gid);
	cause = str("permission denied; it is for user id %u and group %s (mode %04o)",
		    st.st_uid, group, st.st_mode & 07777);
	if (st.st_gid && st.st_mode & 0060)
		next = str("join the group and log in again: sudo usermod -aG %s \"$USER\"", group);
	else
		next = str("run as root, or install axl's udev rule, which names a group");
	fail_because(n->err, cause, next, "cannot open %s", n->path);
	free(cause);
	free(next);
	return EXIT_FAILED;
}

static unsigned long sysfs_hex(const char *addr, const char *file)
{
	char path[300];
	unsigned long val = 0;
	FILE *f;

	snprintf(path, sizeof(path), PCI_DEVICES "/%.200s/%s", addr, file);
	f = fopen(path, "re");
	if (f) {
		if (fscanf(f, "%lx", &val) != 1)
			val = 0;
		fclose(f);
	}
	return val;
}

static bool bar2_assigned(const char *addr)
{
	unsigned long long start = 0, end, flags = 0;
	bool ok = true;
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), PCI_DEVICES "/%.200s/resource", addr);
	f = fopen(path, "re");
	if (!f)
		return true;	/* unknown: blame nothing */
	for (int i = 0; i <= 2 && ok; i++)
		ok = fscanf(f, "%llx %llx %llx", &start, &end, &flags) == 3;
	fclose(f);
	return !ok || (start && flags && !(flags & IORESOURCE_UNSET));
}

/* Every user may read the first 64 bytes of configuration space. */
static bool is_bridge(const char *addr)
{
	unsigned char config[PCI_HEADER_TYPE + 1];
	char path[300];
	bool bridge;
	FILE *f;

	snprintf(path, sizeof(path), PCI_DEVICES "/%.200s/config", addr);
	f = fopen(path, "re");
	if (!f)
		return false;
	bridge = fread(config, sizeof(config), 1, f) == 1 && (config[PCI_HEADER_TYPE] & 0x7f) == 1;
	fclose(f);
	return bridge;
}

/* One PCI function; returns whether it was one of ours, explained. */
static bool explain_function(const char *addr, bool loaded)
{
	unsigned long vendor = sysfs_hex(addr, "vendor");
	unsigned long device = sysfs_hex(addr, "device");
	char path[300], driver[64], *what, *cause = NULL;
	const char *next;

	/* A bridge with this identity is a root port of another vendor. */
	if (vendor == 0x16c3 && device == 0xabcd && !is_bridge(addr)) {
		fail_because(0, "a card with the unbooted identity 16c3:abcd: its bootloader did not start, or it hung",
			     "switch the machine's power off and on (a reboot does not reset the card)",
			     "PCI function %s", addr);
		return true;
	}
	if (vendor != 0x1f9d && (vendor != 0x1234 || (device != 0x2024 && device != 0x2023)))
		return false;

	what = str("PCI function %s (%04lx:%04lx)", addr, vendor, device);
	snprintf(path, sizeof(path), PCI_DEVICES "/%.200s/driver", addr);
	if (!bar2_assigned(addr)) {
		fail_because(0, "its BAR 2 (32 MiB, below 4 GiB) got no address: the bridge's 32-bit window is too small",
			     "see dmesg | grep 'BAR 2'; on RK3588 apply the overlay in dts-overlays/ that widens the window",
			     "%s", what);
	} else if (!link_name(path, driver, sizeof(driver))) {
		fail_because(0, loaded ? "axl is loaded, but did not take it" : "the module axl is not loaded",
			     loaded ? "see why: dmesg | grep axl" : "load it: modprobe axl", "%s", what);
	} else if (strcmp(driver, "axl")) {
		cause = str("the driver '%s' holds it", driver);
		fail_because(0, cause, "unload that module, then: modprobe axl", "%s", what);
	} else {
		next = "see dmesg | grep axl; without udev or devtmpfs: mknod by the numbers in /sys/class/metis/*/dev";
		fail_because(0, "axl drives it, but there is no node in /dev", next, "%s", what);
	}
	free(what);
	free(cause);
	return true;
}

int explain_no_device(void)
{
	bool loaded, found = false;
	struct dirent *e;
	struct stat st;
	DIR *dir;

	loaded = !stat("/sys/module/axl", &st);
	dir = opendir(PCI_DEVICES);
	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.')
			found |= explain_function(e->d_name, loaded);
	if (dir)
		closedir(dir);
	if (!found)
		fail_because(0, "PCI shows no Metis card (1f9d:*)",
			     "check seat and power; a card that came up late appears after: echo 1 > /sys/bus/pci/rescan",
			     loaded ? "no device" : "no device, and the module axl is not loaded");
	return EXIT_FAILED;
}

static char *choices(const struct node *nodes, size_t count)
{
	char *list = str("%s", ""), *longer;

	for (size_t i = 0; i < count; i++) {
		longer = str("%s%s%s (%s)", list, i ? ", " : "", nodes[i].path + strlen("/dev/"),
			     *nodes[i].pci ? nodes[i].pci : "PCI address unknown");
		free(list);
		list = longer;
	}
	return list;
}

/* 0000:01:00.0 or, as lspci writes it, 01:00.0 */
static bool looks_like_pci(const char *s)
{
	return strchr(s, ':') && strchr(s, '.') && !strchr(s, '/');
}

/* Turns --device or its absence into a path; 0 or an exit status */
static int choose(char *path, size_t size)
{
	struct node *nodes;
	size_t count, i;
	char *list;
	int ret = EXIT_FAILED;

	if (opt.device && !looks_like_pci(opt.device)) {
		snprintf(path, size, "%s%s", strchr(opt.device, '/') ? "" : "/dev/", opt.device);
		return 0;
	}
	nodes = nodes_scan(&count);
	for (i = 0; i < count; i++) {
		const char *pci = nodes[i].pci;

		if (!opt.device || !strcasecmp(pci, opt.device) ||
		    (strlen(pci) > 5 && !strncmp(pci, "0000:", 5) && !strcasecmp(pci + 5, opt.device)))
			break;
	}
	if (!count) {
		ret = explain_no_device();
	} else if (i == count || (!opt.device && count > 1)) {
		list = choices(nodes, count);
		if (opt.device)
			fail_because(0, "no such device", "metisctl list shows what there is",
				     "%s (there are: %s)", opt.device, list);
		else
			fail_because(0, list, "choose one with -d, e.g. -d metis0",
				     "there are several devices");
		free(list);
	} else {
		snprintf(path, size, "%s", nodes[i].path);
		ret = 0;
	}
	free(nodes);
	return ret;
}

int dev_open(struct dev *d)
{
	struct node n = { 0 };
	size_t count;
	char *list;
	int ret;

	ret = choose(n.path, sizeof(n.path));
	if (ret)
		return ret;
	if (node_probe(&n, &d->fd)) {
		struct node *nodes;

		if (n.err != ENOENT)
			return node_fail(&n);
		nodes = nodes_scan(&count);
		if (!count) {
			fail_because(n.err, "no such device", NULL, "%s", n.path);
			ret = explain_no_device();
		} else {
			list = choices(nodes, count);
			ret = fail_because(n.err, "no such device", "metisctl list shows what there is",
					   "%s (there are: %s)", n.path, list);
			free(list);
		}
		free(nodes);
		return ret;
	}
	if (n.q.abi != AXL_ABI_VERSION) {
		char *cause = str("its driver speaks version %u of the interface, this metisctl version %u",
				  n.q.abi, AXL_ABI_VERSION);

		close(d->fd);
		ret = fail_because(0, cause, "install driver and metisctl of the same release",
				   "cannot use %s", n.path);
		free(cause);
		return ret;
	}
	memcpy(d->path, n.path, sizeof(d->path));
	memcpy(d->pci, n.pci, sizeof(d->pci));
	d->q = n.q;
	return 0;
}

void dev_close(struct dev *d)
{
	close(d->fd);
	d->fd = -1;
}

int dev_place(const struct dev *d, struct place p, u64 *addr)
{
	u64 base = 0;

	if (p.base == PLACE_DDR && !(d->q.features & AXL_FEAT_DDR))
		return fail_because(0, "firmware has not told where its DDR is",
				    "load firmware first: metisctl fw load; or give the address as a number",
				    "%s", d->path);
	if (p.base == PLACE_L2)
		base = d->q.l2_base;
	else if (p.base == PLACE_DDR)
		base = d->q.ddr_base;
	if (p.offset > ~base)
		return fail_because(ERANGE, "the address does not fit 64 bits", NULL, "%s", d->path);
	*addr = base + p.offset;
	return 0;
}

static bool inside(u64 addr, u64 length, u64 base, u64 size)
{
	return addr >= base && addr - base <= size && length <= size - (addr - base);
}

int dev_check_range(const struct dev *d, u64 addr, u64 length)
{
	const struct axl_ioc_query *q = &d->q;
	bool ddr = q->features & AXL_FEAT_DDR;
	char *next, size[24];

	if (inside(addr, length, q->l2_base, q->l2_size) ||
	    (ddr && inside(addr, length, q->ddr_base, q->ddr_size)))
		return 0;
	if (ddr)
		next = str("L2 is 0x%llx..0x%llx, DDR 0x%llx..0x%llx (at most)", q->l2_base,
			   q->l2_base + q->l2_size - 1, q->ddr_base, q->ddr_base + q->ddr_size - 1);
	else
		next = str("L2 is 0x%llx..0x%llx; where DDR is, is known once firmware runs",
			   q->l2_base, q->l2_base + q->l2_size - 1);
	fail_because(ERANGE, "not inside the device's memory", next, "%s at device address 0x%llx",
		     human_size(length, size), addr);
	free(next);
	return EXIT_FAILED;
}
