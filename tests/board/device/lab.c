// SPDX-License-Identifier: GPL-2.0
/*
 * lab: the guest's command line to the lab function of the emulated board.
 *
 *   lab list                 registers, kinds and meanings
 *   lab get NAME...          values, one per line (decimal)
 *   lab set NAME VALUE ...   write; VALUE is a number, or the name of a
 *                            hostile pattern for HOSTILE
 *   lab dump                 every readable register and its value
 *   lab police               names and counts of violated rules; status 1 if any
 *   lab clear                all counters and the police to 0
 *   lab hostile              names of the hostile patterns
 *
 * With several cards: -d 0000:01:00.0 in front of the command picks the lab that
 * watches this one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "metis_lab.h"

#define PCI_DIR	"/sys/bus/pci/devices"

enum kind { RO32, RO64, RW32, RW64, WO32, C32, C64 };
static const char *const kind_name[] = { "ro32", "ro64", "rw32", "rw64", "wo32", "count32", "count64" };

static const struct reg {
	const char *name;
	unsigned int offset;
	enum kind kind;
	const char *text;
} regs[] = {
#define REG(name, offset, kind, text)	{ #name, offset, kind, text },
	METIS_LAB_REGS(REG)
#undef REG
};

static const struct { const char *name; const char *text; } police[] = {
#define P(name, number, text)	[number] = { #name, text },
	METIS_POLICE_KINDS(P)
#undef P
}, hostiles[] = {
#define H(name, number, text)	[number] = { #name, text },
	METIS_LAB_HOSTILES(H)
#undef H
};

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static volatile uint32_t *bar;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
	va_list ap;

	fputs("lab: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(2);
}

static unsigned long sysfs_number(const char *dev, const char *file)
{
	char path[512], text[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), PCI_DIR "/%s/%s", dev, file);
	f = fopen(path, "r");
	if (!f)
		return 0;
	if (!fgets(text, sizeof(text), f))
		text[0] = 0;
	fclose(f);
	return strtoul(text, NULL, 0);
}

static volatile uint32_t *map_lab(const char *dev)
{
	char path[512];
	void *p;
	int fd;

	/* without a driver memory decoding is off */
	snprintf(path, sizeof(path), PCI_DIR "/%s/enable", dev);
	if (!sysfs_number(dev, "enable")) {
		fd = open(path, O_WRONLY);
		if (fd < 0 || write(fd, "1", 1) != 1)
			die("%s: %s", path, strerror(errno));
		close(fd);
	}
	snprintf(path, sizeof(path), PCI_DIR "/%s/resource0", dev);
	fd = open(path, O_RDWR | O_SYNC);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	p = mmap(NULL, METIS_LAB_BAR0_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		die("mapping %s: %s", path, strerror(errno));
	close(fd);
	return p;
}

/* The lab function that watches the card at address "want", or the first one */
static void find_lab(const char *want)
{
	DIR *d = opendir(PCI_DIR);
	struct dirent *e;

	if (!d)
		die(PCI_DIR ": %s (is sysfs mounted?)", strerror(errno));
	while ((e = readdir(d))) {
		char bdf[32];

		if (sysfs_number(e->d_name, "vendor") != METIS_LAB_VENDOR_ID ||
		    sysfs_number(e->d_name, "device") != METIS_LAB_DEVICE_ID)
			continue;
		bar = map_lab(e->d_name);
		snprintf(bdf, sizeof(bdf), "0000:%02x:%02x.%x", bar[METIS_LAB_BDF / 4] >> 8 & 0xff,
			 bar[METIS_LAB_BDF / 4] >> 3 & 0x1f, bar[METIS_LAB_BDF / 4] & 7);
		if (!want || !strcmp(want, bdf))
			break;
		munmap((void *)bar, METIS_LAB_BAR0_SIZE);
		bar = NULL;
	}
	closedir(d);
	if (!bar)
		die("no lab function %04x:%04x%s%s in this machine", METIS_LAB_VENDOR_ID,
		    METIS_LAB_DEVICE_ID, want ? " for " : "", want ? want : "");
	if (bar[METIS_LAB_MAGIC / 4] != METIS_LAB_MAGIC_VALUE ||
	    bar[METIS_LAB_VERSION / 4] != METIS_LAB_VERSION_VALUE)
		die("the lab function is of another version than this tool");
}

static int wide(const struct reg *r)
{
	return r->kind == RO64 || r->kind == RW64 || r->kind == C64;
}

static uint64_t get(const struct reg *r)
{
	uint64_t v = bar[r->offset / 4];

	if (wide(r))
		v |= (uint64_t)bar[r->offset / 4 + 1] << 32;
	return v;
}

static void set(const struct reg *r, uint64_t v)
{
	bar[r->offset / 4] = v;
	if (wide(r))
		bar[r->offset / 4 + 1] = v >> 32;
}

static const struct reg *by_name(const char *name)
{
	for (size_t i = 0; i < COUNT(regs); i++)
		if (!strcasecmp(regs[i].name, name))
			return &regs[i];
	die("no register %s (lab list shows them)", name);
}

static uint64_t number(const struct reg *r, const char *text)
{
	uint64_t v;
	char *end;

	if (r->offset == METIS_LAB_HOSTILE)
		for (size_t i = 0; i < COUNT(hostiles); i++)
			if (!strcasecmp(hostiles[i].name, text))
				return i;
	errno = 0;
	v = strtoull(text, &end, 0);
	if (errno || end == text || *end)
		die("%s is not a number", text);
	if (!wide(r) && v > UINT32_MAX)
		die("%s does not fit the 32-bit register %s", text, r->name);
	return v;
}

static int do_police(void)
{
	unsigned int bad = 0;

	for (size_t i = 1; i < COUNT(police); i++) {
		uint32_t n = bar[(METIS_LAB_POLICE_KIND + 4 * i) / 4];

		if (!n)
			continue;
		printf("%s %u (%s)\n", police[i].name, n, police[i].text);
		bad++;
	}
	if (bad)
		printf("last: %s offset 0x%llx value 0x%llx\n",
		       police[bar[METIS_LAB_POLICE_LAST_KIND / 4] % COUNT(police)].name,
		       (unsigned long long)get(by_name("POLICE_LAST_OFFSET")),
		       (unsigned long long)get(by_name("POLICE_LAST_VALUE")));
	return bad != 0;
}

static void do_list(void)
{
	for (size_t i = 0; i < COUNT(regs); i++)
		printf("0x%03x %-8s%-20s%s\n", regs[i].offset, kind_name[regs[i].kind],
		       regs[i].name, regs[i].text);
}

static void do_dump(void)
{
	for (size_t i = 0; i < COUNT(regs); i++) {
		/* reading these has an effect, or none at all */
		if (regs[i].kind == WO32 ||
		    (regs[i].offset >= METIS_LAB_DEV_DATA && regs[i].offset <= METIS_LAB_DEV_SUM))
			continue;
		printf("%s %llu\n", regs[i].name, (unsigned long long)get(&regs[i]));
	}
}

static void __attribute__((noreturn)) usage(void)
{
	fputs("usage: lab [-d DOMAIN:BUS:DEV.FN] list | get NAME... | set NAME VALUE [NAME VALUE]... |\n"
	      "           dump | police | clear | hostile\n", stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	const char *want = NULL;

	if (argc > 2 && !strcmp(argv[1], "-d")) {
		want = argv[2];
		argv += 2;
		argc -= 2;
	}
	if (argc < 2)
		usage();
	if (!strcmp(argv[1], "list")) {
		do_list();
		return 0;
	}
	if (!strcmp(argv[1], "hostile")) {
		for (size_t i = 0; i < COUNT(hostiles); i++)
			printf("%2zu %-16s%s\n", i, hostiles[i].name, hostiles[i].text);
		return 0;
	}
	find_lab(want);
	if (!strcmp(argv[1], "get") && argc > 2) {
		for (int i = 2; i < argc; i++) {
			const struct reg *r = by_name(argv[i]);

			if (r->kind == WO32)
				die("%s is write-only", r->name);
			printf("%llu\n", (unsigned long long)get(r));
		}
		return 0;
	}
	if (!strcmp(argv[1], "set") && argc > 3 && argc % 2 == 0) {
		for (int i = 2; i < argc; i += 2) {
			const struct reg *r = by_name(argv[i]);

			if (r->kind == RO32 || r->kind == RO64 || r->kind == C32 || r->kind == C64)
				die("%s is read-only", r->name);
			set(r, number(r, argv[i + 1]));
		}
		return 0;
	}
	if (!strcmp(argv[1], "dump")) {
		do_dump();
		return 0;
	}
	if (!strcmp(argv[1], "police"))
		return do_police();
	if (!strcmp(argv[1], "clear")) {
		set(by_name("RESET_COUNTERS"), 1);
		set(by_name("POLICE_RESET"), 1);
		return 0;
	}
	usage();
}
