// SPDX-License-Identifier: GPL-2.0
/*
 * Self-test of the emulated board, without the axl driver: registers, rings
 * and firmware conventions are driven by hand, through vfio-pci, behind a
 * translating SMMU. It proves the model against the device contract, so that
 * a failing driver test can be blamed on the driver.
 *
 * Allows for the device properties fw, dma-vm, msi-vectors, boot and step-*.
 * Needs the vfio modules (taken from /lib/modules/NAME.ko or /job/NAME.ko when
 * they are not in the kernel) and a translating SMMU. It provokes SMMU
 * events and police violations. TAP on stdout. Arguments: rounds and seed of the
 * random test.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "metis_emu.h"
#include "metis_lab.h"

#define PCI_DIR		"/sys/bus/pci/devices"
#define VECTORS		32

/* Bus addresses of this program's choice */
#define BUF_IOVA	0x100000000ull
#define BUF_SIZE	(4u << 20)
#define TABLE_IOVA	0x180000000ull	/* 2 MiB aligned */
#define TABLE_SIZE	(2u << 20)
#define NO_IOVA		0x1f0000000ull	/* never mapped */

/* Engine registers, as in the contract */
#define WR		0
#define RD		1
#define ENGINE_EN(d)	((d) ? 0x02c : 0x00c)
#define DOORBELL(d)	((d) ? 0x030 : 0x010)
#define INT_STATUS(d)	((d) ? 0x0a0 : 0x04c)
#define INT_CLEAR(d)	((d) ? 0x0ac : 0x058)
#define ERR_STATUS(d)	((d) ? 0x0b4 : 0x05c)
#define DONE_IMWR(d)	((d) ? 0x0cc : 0x060)
#define ABORT_IMWR(d)	((d) ? 0x0d4 : 0x068)
#define IMWR_DATA(d)	((d) ? 0x0dc : 0x070)
#define LL_ERR_EN(d)	((d) ? 0x0c4 : 0x090)
#define CH(d, n, r)	(0x200 + (n) * 0x200 + (d) * 0x100 + (r))
#define CONTROL1	0x00
#define SIZE		0x08
#define SAR		0x0c
#define DAR		0x14
#define LLP		0x1c
#define CB		(1u << 0)
#define TCB		(1u << 1)
#define LINK		(1u << 2)
#define LIE		(1u << 3)
#define RIE		(1u << 4)
#define CCS		(1u << 8)
#define LLE		(1u << 9)
#define STOP		(1u << 31)

#define L2		0x08000000ull
#define OLD_LIST	(L2 + 0x1ff8080)
#define DATA_L2		(L2 + 0x100000)

static char card[64], port[64];
static int container, device, irq[VECTORS];
static volatile uint8_t *bar0, *bar2;
static volatile uint32_t *lab_bar;
static off_t config_at;
static uint64_t msi_addr;
static uint32_t msi_data;
static uint64_t ddr;
static uint8_t *buf;
static uint32_t *table;

/* Device properties that this run has to allow for */
static unsigned int vectors;
static bool old_fw, dma_vm;
static uint32_t card_id = 0x11001f9d;

static unsigned int test_nr, failures;
static bool failed;

/* ---- reporting ---- */

static void __attribute__((noreturn, format(printf, 1, 2))) bail(const char *fmt, ...)
{
	va_list ap;

	printf("Bail out! ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	exit(1);
}

static void check_at(int line, bool ok, const char *what, uint64_t have, uint64_t want)
{
	if (ok)
		return;
	failed = true;
	printf("# line %d: %s: 0x%llx, expected 0x%llx\n", line, what,
	       (unsigned long long)have, (unsigned long long)want);
}

#define EQ(have, want) do { \
	uint64_t h_ = (have), w_ = (want); \
	check_at(__LINE__, h_ == w_, #have, h_, w_); \
} while (0)
#define YES(cond)	check_at(__LINE__, !!(cond), #cond, 0, 1)

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

/* ---- lab ---- */

static uint32_t lab(unsigned int reg)
{
	return lab_bar[reg / 4];
}

static uint64_t lab64(unsigned int reg)
{
	uint64_t lo = lab_bar[reg / 4];

	return lo | (uint64_t)lab_bar[reg / 4 + 1] << 32;
}

static void lab_set(unsigned int reg, uint32_t val)
{
	lab_bar[reg / 4] = val;
}

static void lab_set64(unsigned int reg, uint64_t val)
{
	lab_set(reg, val);
	lab_set(reg + 4, val >> 32);
}

static uint32_t police(enum metis_police kind)
{
	return lab(METIS_LAB_POLICE_KIND + 4 * kind);
}

static uint32_t peek(uint64_t addr)
{
	lab_set64(METIS_LAB_DEV_ADDR, addr);
	return lab(METIS_LAB_DEV_DATA);
}

static void poke(uint64_t addr, const void *data, size_t len)
{
	uint32_t word;

	lab_set64(METIS_LAB_DEV_ADDR, addr);
	for (size_t i = 0; i + 4 <= len; i += 4) {
		memcpy(&word, (const uint8_t *)data + i, 4);
		lab_set(METIS_LAB_DEV_DATA, word);
	}
}

static uint32_t dev_crc(uint64_t addr, uint64_t len)
{
	lab_set64(METIS_LAB_DEV_ADDR, addr);
	lab_set64(METIS_LAB_DEV_LEN, len);
	return lab(METIS_LAB_DEV_CRC);
}

static void fresh_counters(void)
{
	lab_set(METIS_LAB_UNDO, 1);
	lab_set(METIS_LAB_RESET_COUNTERS, 1);
	lab_set(METIS_LAB_POLICE_RESET, 1);
}

/* ---- sysfs and vfio ---- */

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

static void sysfs_put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		bail("%s: %s", path, strerror(errno));
	close(fd);
}

/* Configuration space as the hardware has it, not as vfio shows it */
static uint32_t raw_config(const char *dev, unsigned int off, unsigned int len)
{
	uint32_t val = ~0u;
	char path[512];
	int fd;

	snprintf(path, sizeof(path), PCI_DIR "/%s/config", dev);
	fd = open(path, O_RDONLY);
	if (fd < 0 || pread(fd, &val, len, off) != (ssize_t)len)
		bail("%s at 0x%x: %s", path, off, strerror(errno));
	close(fd);
	return len == 4 ? val : val & ((1u << 8 * len) - 1);
}

static unsigned int find_cap(const char *dev, uint8_t id)
{
	unsigned int at = raw_config(dev, PCI_CAPABILITY_LIST, 1);

	while (at >= 0x40 && at < 0xff) {
		if (raw_config(dev, at, 1) == id)
			return at;
		at = raw_config(dev, at + 1, 1);
	}
	return 0;
}

static void set_command(uint16_t cmd)
{
	if (pwrite(device, &cmd, 2, config_at + PCI_COMMAND) != 2)
		bail("cannot write the command register: %s", strerror(errno));
}

static int map_iova(uint64_t iova, void *p, uint64_t size)
{
	struct vfio_iommu_type1_dma_map m = {
		.argsz = sizeof(m), .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)p, .iova = iova, .size = size,
	};

	return ioctl(container, VFIO_IOMMU_MAP_DMA, &m);
}

static void unmap_iova(uint64_t iova, uint64_t size)
{
	struct vfio_iommu_type1_dma_unmap u = { .argsz = sizeof(u), .iova = iova, .size = size };

	if (ioctl(container, VFIO_IOMMU_UNMAP_DMA, &u))
		bail("VFIO_IOMMU_UNMAP_DMA: %s", strerror(errno));
}

static void enable_msi(void)
{
	static uint8_t space[sizeof(struct vfio_irq_set) + VECTORS * sizeof(int)];
	struct vfio_irq_set *s = (void *)space;
	unsigned int cap = 0x50;

	*s = (struct vfio_irq_set) {
		.argsz = sizeof(*s), .index = VFIO_PCI_MSI_IRQ_INDEX,
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
	};
	ioctl(device, VFIO_DEVICE_SET_IRQS, s);
	s->argsz = sizeof(*s) + vectors * sizeof(int);
	s->flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	s->count = vectors;
	memcpy(s->data, irq, sizeof(irq));
	if (ioctl(device, VFIO_DEVICE_SET_IRQS, s))
		bail("%u MSI vectors: %s", vectors, strerror(errno));
	msi_addr = raw_config(card, cap + 4, 4) | (uint64_t)raw_config(card, cap + 8, 4) << 32;
	msi_data = raw_config(card, cap + 12, 2);
}

static void load_module(const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/lib/modules/%s.ko", name);
	fd = open(path, O_RDONLY);
	if (fd < 0) {
		snprintf(path, sizeof(path), "/job/%s.ko", name);
		fd = open(path, O_RDONLY);
	}
	if (fd < 0)
		return;		/* built in, or not there: opening /dev/vfio/vfio tells */
	if (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST)
		printf("# %s: %s\n", path, strerror(errno));
	close(fd);
}

static void find_functions(void)
{
	char path[512], target[512];
	struct dirent *e;
	DIR *d = opendir(PCI_DIR);
	char lab_name[64] = "";
	ssize_t n;
	char *p;

	while (d && (e = readdir(d))) {
		unsigned long id = sysfs_number(e->d_name, "vendor") << 16 |
				   sysfs_number(e->d_name, "device");

		if (id == 0x1f9d1100 || id == 0x1f9d11aa)
			snprintf(card, sizeof(card), "%.63s", e->d_name);
		if (id == (METIS_LAB_VENDOR_ID << 16 | METIS_LAB_DEVICE_ID))
			snprintf(lab_name, sizeof(lab_name), "%.63s", e->d_name);
	}
	if (!d || !card[0] || !lab_name[0])
		bail("no card or no lab in this machine");
	closedir(d);

	snprintf(path, sizeof(path), PCI_DIR "/%s", card);
	n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = 0;
	p = strrchr(target, '/');
	if (p) {
		*p = 0;
		p = strrchr(target, '/');
		snprintf(port, sizeof(port), "%.63s", p ? p + 1 : target);
	}

	snprintf(path, sizeof(path), PCI_DIR "/%s/enable", lab_name);
	sysfs_put(path, "1");
	snprintf(path, sizeof(path), PCI_DIR "/%s/resource0", lab_name);
	int fd = open(path, O_RDWR | O_SYNC);

	lab_bar = mmap(NULL, METIS_LAB_BAR0_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || lab_bar == MAP_FAILED)
		bail("%s: %s", path, strerror(errno));
	close(fd);
	if (lab(METIS_LAB_MAGIC) != METIS_LAB_MAGIC_VALUE)
		bail("the lab does not show its magic");
}

static volatile uint8_t *map_region(unsigned int index, uint64_t *size)
{
	struct vfio_region_info r = { .argsz = sizeof(r), .index = index };
	void *p;

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &r))
		bail("region %u: %s", index, strerror(errno));
	*size = r.size;
	if (index == VFIO_PCI_CONFIG_REGION_INDEX) {
		config_at = r.offset;
		return NULL;
	}
	p = mmap(NULL, r.size, PROT_READ | PROT_WRITE, MAP_SHARED, device, r.offset);
	if (p == MAP_FAILED)
		bail("mapping region %u: %s", index, strerror(errno));
	return p;
}

static void open_card(void)
{
	static const char *const modules[] = {
		"vfio", "vfio_virqfd", "vfio_iommu_type1", "vfio-pci-core", "vfio-pci",
	};
	char path[512], target[512];
	uint64_t size;
	ssize_t n;
	int group;

	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
		load_module(modules[i]);
	snprintf(path, sizeof(path), PCI_DIR "/%s/driver", card);
	if (!access(path, F_OK)) {
		snprintf(path, sizeof(path), PCI_DIR "/%s/driver/unbind", card);
		sysfs_put(path, card);
	}
	snprintf(path, sizeof(path), PCI_DIR "/%s/driver_override", card);
	sysfs_put(path, "vfio-pci");
	sysfs_put("/sys/bus/pci/drivers_probe", card);
	snprintf(path, sizeof(path), PCI_DIR "/%s/iommu_group", card);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		bail("the card is in no IOMMU group: no SMMU in this machine?");
	target[n] = 0;
	snprintf(path, sizeof(path), "/dev/vfio/%.100s", strrchr(target, '/') + 1);
	container = open("/dev/vfio/vfio", O_RDWR);
	group = open(path, O_RDWR);
	if (container < 0 || group < 0)
		bail("%s: %s (are the vfio modules on the board?)", path, strerror(errno));
	if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) ||
	    ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		bail("vfio container: %s", strerror(errno));
	device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, card);
	if (device < 0)
		bail("vfio device %s: %s", card, strerror(errno));
	bar0 = map_region(VFIO_PCI_BAR0_REGION_INDEX, &size);
	EQ(size, 4096);
	bar2 = map_region(VFIO_PCI_BAR2_REGION_INDEX, &size);
	EQ(size, 32 << 20);
	map_region(VFIO_PCI_CONFIG_REGION_INDEX, &size);
	for (int i = 0; i < VECTORS; i++)
		irq[i] = eventfd(0, EFD_NONBLOCK);

	buf = mmap(NULL, BUF_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	table = mmap(NULL, TABLE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (map_iova(BUF_IOVA, buf, BUF_SIZE) || map_iova(TABLE_IOVA, table, TABLE_SIZE))
		bail("VFIO_IOMMU_MAP_DMA: %s", strerror(errno));
}

/* With fewer vectors than events, those beyond are on vector 0 */
static unsigned int vec(unsigned int n)
{
	return n < vectors ? n : 0;
}

/* Events on the vector of PMSI n within ms; 0 when none came */
static uint64_t events(unsigned int nr, int ms)
{
	struct pollfd p = { .fd = irq[vec(nr)], .events = POLLIN };
	uint64_t n = 0;

	if (poll(&p, 1, ms) == 1 && read(p.fd, &n, sizeof(n)) != sizeof(n))
		n = 0;
	return n;
}

static void drain(void)
{
	for (unsigned int v = 0; v < vectors; v++)
		events(v, 0);
}

/* Events that share a vector may have arrived together with others */
#define ONE_EVENT(nr) do { \
	uint64_t n_ = events(nr, 1000); \
	check_at(__LINE__, n_ == 1 || (n_ && vectors < VECTORS), "event " #nr, n_, 1); \
} while (0)

/* ---- engine ---- */

static uint32_t reg(unsigned int off)
{
	return *(volatile uint32_t *)(bar0 + off);
}

static void set(unsigned int off, uint32_t val)
{
	*(volatile uint32_t *)(bar0 + off) = val;
}

static void set64(unsigned int off, uint64_t val)
{
	set(off, val);
	set(off + 4, val >> 32);
}

static unsigned int cs(int d, int n)
{
	return reg(CH(d, n, CONTROL1)) >> 5 & 3;
}

static unsigned int wait_cs(int d, int n)
{
	uint64_t end = now_ms() + 3000;

	while (cs(d, n) < 2 && now_ms() < end)
		usleep(100);
	return cs(d, n);
}

/* IMWR from the MSI message; vector 4+n for read channels, 8+n for write channels */
static void setup_engine(void)
{
	for (int d = 0; d < 2; d++) {
		unsigned int n = d == RD ? 4 : 8;

		set(LL_ERR_EN(d), 0xf);
		set(ENGINE_EN(d), 1);
		if (dma_vm && lab(METIS_LAB_FW_STATE) == METIS_EMU_RUNNING)
			continue;	/* firmware's */
		set64(DONE_IMWR(d), msi_addr);
		set64(ABORT_IMWR(d), msi_addr);
		set(IMWR_DATA(d), (msi_data | vec(n)) | (msi_data | vec(n + 1)) << 16);
		set(IMWR_DATA(d) + 4, (msi_data | vec(n + 2)) | (msi_data | vec(n + 3)) << 16);
	}
}

static void start(int d, int n, uint64_t dev, uint64_t bus, uint32_t size)
{
	set(CH(d, n, SIZE), size);
	set64(CH(d, n, SAR), d == RD ? bus : dev);
	set64(CH(d, n, DAR), d == RD ? dev : bus);
	set(CH(d, n, CONTROL1), RIE);
	set(DOORBELL(d), n);
}

static void start_list(int d, int n, uint64_t list)
{
	set(CH(d, n, CONTROL1), LLE | CCS);
	set64(CH(d, n, LLP), list);
	set(DOORBELL(d), n);
}

struct element {
	uint32_t control, size;
	uint64_t sar, dar;
};

static void pattern(uint8_t *p, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		p[i] = seed >> 24;
	}
}

static uint32_t crc32(const uint8_t *p, size_t len)
{
	uint32_t c = ~0u;

	while (len--) {
		c ^= *p++;
		for (int k = 0; k < 8; k++)
			c = (c >> 1) ^ (c & 1 ? 0xedb88320u : 0);
	}
	return ~c;
}

/* ---- firmware ---- */

static uint32_t sh32(unsigned int off)
{
	return *(volatile uint32_t *)(bar2 + off);
}

static uint64_t sh64(unsigned int off)
{
	return *(volatile uint64_t *)(bar2 + off);
}

static void sh_set32(unsigned int off, uint32_t val)
{
	*(volatile uint32_t *)(bar2 + off) = val;
}

static void sh_set64(unsigned int off, uint64_t val)
{
	*(volatile uint64_t *)(bar2 + off) = val;
}

static unsigned int area(unsigned int ref, uint16_t magic)
{
	if (*(volatile uint16_t *)(bar2 + ref) != magic)
		return 0;
	return sh64(ref + 8);
}

static void mbox_send(uint32_t op, const void *msg, uint32_t len)
{
	for (uint32_t i = 0; i < len && i < METIS_EMU_MBOX_MSG_MAX; i++)
		bar2[METIS_EMU_MBOX_MSG + i] = ((const uint8_t *)msg)[i];
	sh_set32(METIS_EMU_MBOX_SIZE, len);
	sh_set32(METIS_EMU_MBOX_OPCODE, op);
}

/* A whole conversation: status, or 1 when no answer came */
static int mbox(uint32_t op, const void *msg, uint32_t len)
{
	uint64_t end = now_ms() + 1000;

	mbox_send(op, msg, len);
	while (sh32(METIS_EMU_MBOX_OPCODE) != (op | METIS_EMU_OP_REPLY))
		if (now_ms() > end)
			return 1;
		else
			usleep(100);
	return sh32(METIS_EMU_MBOX_MSG);
}

static bool wait_state(enum metis_emu_state state)
{
	uint64_t end = now_ms() + 5000;

	while (lab(METIS_LAB_FW_STATE) != state && now_ms() < end)
		usleep(1000);
	return lab(METIS_LAB_FW_STATE) == state;
}

static bool wait_link(unsigned int want)
{
	uint64_t end = now_ms() + 5000;

	while (lab(METIS_LAB_LINK) != want && now_ms() < end)
		usleep(1000);
	return lab(METIS_LAB_LINK) == want;
}

static unsigned int hostdrv;

static void withdraw_table(void)
{
	sh_set32(hostdrv, 0);
}

static void publish_table(void)
{
	hostdrv = area(0x2b8, 0xbac1);
	withdraw_table();
	memset(table, 0, 4096);
	sh_set64(hostdrv + 8, TABLE_IOVA);
	sh_set32(hostdrv + 4, 0);
	sh_set32(hostdrv + 16, TABLE_SIZE);
	sh_set32(hostdrv, 1);
}

/* What a host has to do after the function was reset */
static void bring_up(bool with_table)
{
	set_command(0);
	set_command(PCI_COMMAND_MEMORY);
	enable_msi();
	if (with_table)
		publish_table();
	set_command(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	setup_engine();
	drain();
}

/* ---- tests ---- */

static void t_identity(void)
{
	unsigned int pm = find_cap(card, PCI_CAP_ID_PM), exp = find_cap(card, PCI_CAP_ID_EXP);
	unsigned int flags = raw_config(card, 0x52, 2);

	EQ(raw_config(card, PCI_VENDOR_ID, 4), card_id);
	EQ(raw_config(card, PCI_CLASS_REVISION, 4), 0x12000002);
	EQ(raw_config(card, 0x50, 1), PCI_CAP_ID_MSI);
	EQ(1u << ((flags & PCI_MSI_FLAGS_QMASK) >> 1), vectors);
	YES(flags & PCI_MSI_FLAGS_64BIT);
	YES(flags & PCI_MSI_FLAGS_MASKBIT);
	YES(pm);
	YES(exp);
	EQ(raw_config(card, exp + PCI_EXP_LNKCAP, 4) & 0x3ff, 0x43);
	EQ(raw_config(card, exp + PCI_EXP_LNKSTA, 2) & 0x3ff, 0x43);
	YES(raw_config(card, exp + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR);
	EQ(raw_config(card, 0x100, 2), PCI_EXT_CAP_ID_ERR);
	EQ(raw_config(card, PCI_BASE_ADDRESS_0, 4) & 0xf, 4);
	EQ(raw_config(card, PCI_BASE_ADDRESS_2, 4) & 0xf, 0);
	EQ(reg(0x008), 4 | 4 << 16);
}

static void t_bootloader(void)
{
	EQ(lab(METIS_LAB_FW_STATE), METIS_EMU_BOOTLOADER);
	EQ(sh32(0) & 0xffff, old_fw ? 0 : 0xfd1f);
	EQ(sh64(0x008), old_fw ? 0 : L2);
	EQ(sh64(0x010) > 0, !old_fw);
	EQ(sh64(0x208), L2);
	ddr = sh64(0x210);
	EQ(ddr, lab64(METIS_LAB_DDR_BASE));
	YES(lab64(METIS_LAB_DDR_SIZE) >= 64 << 20);
	for (unsigned int off = 0x240; off < 0x300; off += 8)
		EQ(sh64(off), 0);
}

static void t_no_master(void)
{
	set_command(PCI_COMMAND_MEMORY);
	setup_engine();
	start(RD, 0, DATA_L2, BUF_IOVA, 4096);
	EQ(wait_cs(RD, 0), 2);
	EQ(reg(0x0b8), 1);
	start(WR, 0, DATA_L2, BUF_IOVA, 4096);
	EQ(wait_cs(WR, 0), 3);
	EQ(lab64(METIS_LAB_BYTES_DROPPED), 4096);
	EQ(lab64(METIS_LAB_BYTES_RD), 0);
	YES(lab(METIS_LAB_NO_MASTER) >= 2);
	set(INT_CLEAR(RD), 0xff00ff);
	EQ(reg(0x0b8), 0);
	bring_up(false);
}

static void t_single(void)
{
	static const uint32_t sizes[] = { 1, 3, 4, 4095, 4097, 65537, 1 << 20 };

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (unsigned int where = 0; where < 2; where++) {
			uint64_t dev = (where ? ddr : DATA_L2) + i;
			uint32_t n = sizes[i], ch = i & 3;
			uint8_t *back = buf + (2 << 20);

			pattern(buf + i, n, i + 1);
			memset(back, 0x55, n + 2);
			start(RD, ch, dev, BUF_IOVA + i, n);
			EQ(wait_cs(RD, ch), 3);
			ONE_EVENT(4 + ch);
			EQ(dev_crc(dev, n), crc32(buf + i, n));
			if (!where && n > 8)
				EQ(*(volatile uint8_t *)(bar2 + 0x100000 + i + 5), buf[i + 5]);
			start(WR, ch, dev, BUF_IOVA + (2 << 20) + 1, n);
			EQ(wait_cs(WR, ch), 3);
			ONE_EVENT(8 + ch);
			YES(!memcmp(back + 1, buf + i, n));
			EQ(back[0], 0x55);
			EQ(back[n + 1], 0x55);
		}
	}
	EQ(reg(INT_STATUS(RD)) & 0xff, 0xf);
	set(INT_CLEAR(RD), 0xff00ff);
	set(INT_CLEAR(WR), 0xff00ff);
	EQ(reg(INT_STATUS(RD)), 0);
	EQ(lab(METIS_LAB_IMWR_SENT), 28);
	EQ(lab64(METIS_LAB_BYTES_RD), lab64(METIS_LAB_BYTES_WR));
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
}

static void t_running(void)
{
	unsigned int seen = 0;

	lab_set(METIS_LAB_STEP_BYTES, 4096);
	lab_set(METIS_LAB_STEP_NS, 2000000);
	lab_set(METIS_LAB_CS_DELAY_NS, 20000000);
	start(RD, 1, DATA_L2, BUF_IOVA, 64 << 10);
	for (uint64_t end = now_ms() + 2000; now_ms() < end && !(seen & 8);)
		seen |= 1u << cs(RD, 1);
	EQ(seen, 1 << 0 | 1 << 1 | 1 << 3);
	EQ(reg(CH(RD, 1, SIZE)), 0);
	lab_set(METIS_LAB_STEP_BYTES, 65536);
	lab_set(METIS_LAB_STEP_NS, 10000);
	lab_set(METIS_LAB_CS_DELAY_NS, 1000);
	ONE_EVENT(5);
}

/* Three blocks in two pieces joined by a link; the second lap runs with the cycle bit toggled */
static void list_of_three(int d, uint64_t list, uint64_t dev, bool toggle)
{
	uint64_t piece2 = list + 0x1000;
	uint32_t cb = toggle ? 0 : CB;
	struct element a[] = {
		{ CB, 5000, BUF_IOVA, dev },
		{ CB | LINK | (toggle ? TCB : 0), 0, piece2, 0 },
	}, b[] = {
		{ cb, 1, BUF_IOVA + 5000, dev + 5000 },
		{ cb | RIE, 70000, BUF_IOVA + 5001, dev + 5001 },
		{ cb ^ CB, 0, 0, 0 },
	};

	for (unsigned int i = 0; i < 3 && d == WR; i++) {
		struct element *e[] = { &a[0], &b[0], &b[1] };
		uint64_t t = e[i]->sar;

		e[i]->sar = e[i]->dar;
		e[i]->dar = t;
	}
	poke(list, a, sizeof(a));
	poke(piece2, b, sizeof(b));
}

static void t_list(void)
{
	for (int toggle = 0; toggle < 2; toggle++) {
		pattern(buf, 75001, 77 + toggle);
		list_of_three(RD, OLD_LIST, ddr + 64, toggle);
		start_list(RD, 2, OLD_LIST);
		EQ(wait_cs(RD, 2), 3);
		ONE_EVENT(6);
		EQ(dev_crc(ddr + 64, 75001), crc32(buf, 75001));
		EQ(!!(reg(CH(RD, 2, CONTROL1)) & CCS), !toggle);

		memset(buf, 0, 75001);
		list_of_three(WR, OLD_LIST, ddr + 64, toggle);
		start_list(WR, 3, OLD_LIST);
		EQ(wait_cs(WR, 3), 3);
		ONE_EVENT(11);
		EQ(dev_crc(ddr + 64, 75001), crc32(buf, 75001));
	}
	/* data, link, data, data, end: five fetches a run */
	EQ(lab(METIS_LAB_ELEMENTS_RD), 10);
	EQ(lab(METIS_LAB_ELEMENTS_WR), 10);
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
	/* the engine reads lists anywhere; that place belongs to nobody in particular, though */
	list_of_three(RD, ddr + 0x100000, ddr + 64, false);
	start_list(RD, 2, ddr + 0x100000);
	EQ(wait_cs(RD, 2), 3);
	ONE_EVENT(6);
	EQ(police(METIS_POLICE_LIST_PLACE), 5);
	set(INT_CLEAR(RD), 0xff00ff);
	set(INT_CLEAR(WR), 0xff00ff);
}

static void t_list_spin(void)
{
	struct element loop = { CB | LINK, 0, OLD_LIST, 0 };

	poke(OLD_LIST, &loop, sizeof(loop));
	start_list(RD, 0, OLD_LIST);
	usleep(20000);
	EQ(cs(RD, 0), 1);
	set(DOORBELL(RD), STOP);
	EQ(cs(RD, 0), 3);
}

static void t_refused_read(void)
{
	struct element e[] = { { CB, 64, NO_IOVA, ddr }, { 0, 0, 0, 0 } };

	start(RD, 3, ddr, NO_IOVA, 8192);
	EQ(wait_cs(RD, 3), 2);
	EQ(reg(0x0b8), 1 << 3);
	EQ(reg(INT_STATUS(RD)), 1u << 19);
	ONE_EVENT(7);
	set(INT_CLEAR(RD), 1u << 19);
	EQ(reg(0x0b8), 0);
	/* the mapping ends half-way: the part before it arrives */
	start(RD, 3, ddr, BUF_IOVA + BUF_SIZE - 4096, 8192);
	EQ(wait_cs(RD, 3), 2);
	ONE_EVENT(7);
	EQ(lab64(METIS_LAB_BYTES_RD), 4096);
	/* within a list: by the list error enable */
	poke(OLD_LIST, e, sizeof(e));
	start_list(RD, 3, OLD_LIST);
	EQ(wait_cs(RD, 3), 2);
	ONE_EVENT(7);
	set(INT_CLEAR(RD), 0xff00ff);
	EQ(lab(METIS_LAB_ABORT_RD), 3);
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
}

static void t_refused_write(void)
{
	start(WR, 0, ddr, NO_IOVA, 8192);
	EQ(wait_cs(WR, 0), 3);
	ONE_EVENT(8);
	EQ(reg(0x05c), 0);
	EQ(lab64(METIS_LAB_BYTES_DROPPED), 8192);
	start(WR, 0, ddr, BUF_IOVA + BUF_SIZE - 4096, 8192);
	EQ(wait_cs(WR, 0), 3);
	ONE_EVENT(8);
	EQ(lab64(METIS_LAB_BYTES_DROPPED), 12288);
	EQ(lab64(METIS_LAB_BYTES_WR), 4096);
}

static void t_imwr(void)
{
	volatile uint32_t *word = (volatile uint32_t *)(buf + BUF_SIZE - 64);

	/* an ordinary write: aimed at memory it lands there */
	*word = 0xdeadbeef;
	set64(DONE_IMWR(WR), BUF_IOVA + BUF_SIZE - 64);
	set(IMWR_DATA(WR), 0xa5c3);
	start(WR, 0, ddr, BUF_IOVA, 64);
	EQ(wait_cs(WR, 0), 3);
	usleep(2000);
	EQ(*word, 0xa5c3);
	EQ(lab(METIS_LAB_IMWR_SENT), 1);
	/* aimed at nothing it is lost */
	set64(DONE_IMWR(WR), NO_IOVA);
	start(WR, 0, ddr, BUF_IOVA, 64);
	EQ(wait_cs(WR, 0), 3);
	set64(DONE_IMWR(WR), 0);
	start(WR, 0, ddr, BUF_IOVA, 64);
	EQ(wait_cs(WR, 0), 3);
	EQ(lab(METIS_LAB_IMWR_LOST), 2);
	EQ(events(8, 50), 0);
	setup_engine();
	/* and lost on request, and without RIE not sent */
	lab_set(METIS_LAB_LOSE_MSGS, 1);
	start(WR, 0, ddr, BUF_IOVA, 64);
	EQ(wait_cs(WR, 0), 3);
	EQ(events(8, 50), 0);
	EQ(lab(METIS_LAB_MSG_DROPPED), 1);
	set(CH(WR, 0, SIZE), 64);
	set(CH(WR, 0, CONTROL1), 0);
	set(DOORBELL(WR), 0);
	EQ(wait_cs(WR, 0), 3);
	EQ(events(8, 50), 0);
	EQ(lab(METIS_LAB_IMWR_SENT), 1);
}

static void t_stop(void)
{
	lab_set(METIS_LAB_FREEZE, 1);
	start(WR, 0, ddr, BUF_IOVA, 4096);
	start(WR, 1, ddr, BUF_IOVA, 4096);
	start(RD, 0, ddr, BUF_IOVA, 4096);
	usleep(1000);
	EQ(lab(METIS_LAB_RUNNING), METIS_LAB_WR_CH(0) | METIS_LAB_WR_CH(1) | METIS_LAB_RD_CH(0));
	set(DOORBELL(WR), STOP | 2);	/* idle: nothing happens */
	EQ(cs(WR, 0), 1);
	set(DOORBELL(WR), STOP | 0);
	EQ(cs(WR, 0), 3);
	EQ(cs(WR, 1), 3);
	EQ(cs(RD, 0), 1);
	EQ(lab(METIS_LAB_QUIESCED), 1);
	set(ENGINE_EN(RD), 0);
	EQ(cs(RD, 0), 3);
	EQ(lab(METIS_LAB_STOPS), 2);
	set(ENGINE_EN(RD), 1);
	lab_set(METIS_LAB_FREEZE, 0);
	usleep(2000);
	EQ(lab64(METIS_LAB_BYTES_WR) + lab64(METIS_LAB_BYTES_RD), 0);
	EQ(events(8, 20) + events(9, 0) + events(4, 0), 0);
	/* innocent transfers can be run again */
	start(WR, 1, ddr, BUF_IOVA, 4096);
	EQ(wait_cs(WR, 1), 3);
	ONE_EVENT(9);
}

static void flr(void)
{
	if (ioctl(device, VFIO_DEVICE_RESET))
		bail("VFIO_DEVICE_RESET: %s", strerror(errno));
}

static void t_hang(void)
{
	lab_set(METIS_LAB_HANG_SOFT, METIS_LAB_WR_CH(2));
	start(WR, 2, ddr, BUF_IOVA, 4096);
	usleep(5000);
	EQ(cs(WR, 2), 1);
	set(DOORBELL(WR), STOP | 2);
	EQ(cs(WR, 2), 3);
	EQ(lab(METIS_LAB_HANG_SOFT), 0);
	/* no stop doorbell ends it, its own nor a sibling's: the engine enable does */
	lab_set(METIS_LAB_FREEZE, 1);
	lab_set(METIS_LAB_IGNORE_STOP, METIS_LAB_WR_CH(2));
	start(WR, 2, ddr, BUF_IOVA, 4096);
	start(WR, 3, ddr, BUF_IOVA, 4096);
	usleep(1000);
	set(DOORBELL(WR), STOP | 2);
	EQ(cs(WR, 2), 1);
	EQ(cs(WR, 3), 1);
	set(DOORBELL(WR), STOP | 3);
	EQ(cs(WR, 2), 1);
	EQ(cs(WR, 3), 3);
	set(ENGINE_EN(WR), 0);
	EQ(cs(WR, 2), 3);
	set(ENGINE_EN(WR), 1);
	EQ(lab(METIS_LAB_IGNORE_STOP), METIS_LAB_WR_CH(2));
	lab_set(METIS_LAB_UNDO, 1);
	EQ(lab(METIS_LAB_IGNORE_STOP), 0);
	lab_set(METIS_LAB_HANG_HARD, METIS_LAB_RD_CH(1));
	start(RD, 1, ddr, BUF_IOVA, 4096);
	usleep(1000);
	set(DOORBELL(RD), STOP | 1);
	set(ENGINE_EN(RD), 0);
	EQ(cs(RD, 1), 1);
	flr();
	EQ(lab(METIS_LAB_FLRS), 1);
	EQ(lab(METIS_LAB_RUNNING), 0);
	EQ(lab(METIS_LAB_HANG_HARD), 0);
	/* all engine registers are lost, firmware is not */
	EQ(reg(ENGINE_EN(WR)), 0);
	EQ(reg(DONE_IMWR(WR)), 0);
	EQ(sh64(0x208), L2);
	bring_up(false);
}

static void t_aborts(void)
{
	static const struct { uint32_t cause, lo, hi; } causes[] = {
		{ METIS_LAB_CAUSE_DEFAULT, 0, 1 << 0 }, { METIS_LAB_CAUSE_COMPLETER, 0, 1 << 8 },
		{ METIS_LAB_CAUSE_TIMEOUT, 0, 1 << 16 }, { METIS_LAB_CAUSE_POISON, 0, 1 << 24 },
		{ METIS_LAB_CAUSE_APP, 1 << 0, 0 }, { METIS_LAB_CAUSE_FETCH, 1 << 16, 0 },
	};

	for (unsigned int i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		lab_set(METIS_LAB_ABORT_CAUSE, causes[i].cause);
		lab_set(METIS_LAB_ABORT_NEXT, METIS_LAB_RD_CH(0));
		start(RD, 0, ddr, BUF_IOVA, 4096);
		EQ(wait_cs(RD, 0), 2);
		EQ(reg(0x0b4), causes[i].lo);
		EQ(reg(0x0b8), causes[i].hi);
		ONE_EVENT(4);
		set(INT_CLEAR(RD), 0xff00ff);
	}
	lab_set(METIS_LAB_ABORT_CAUSE, 0);
	start(RD, 0, ddr, BUF_IOVA, 4096);
	EQ(wait_cs(RD, 0), 3);
	ONE_EVENT(4);
	/* a message may come before CS shows the end */
	lab_set(METIS_LAB_LATE_CS_NS, 100000000);
	start(RD, 0, ddr, BUF_IOVA, 4096);
	ONE_EVENT(4);
	EQ(cs(RD, 0), 1);
	EQ(wait_cs(RD, 0), 3);
	EQ(events(4, 20), 0);
}

#define PROVOKE(kind, ...) do { \
	uint32_t before_ = police(METIS_POLICE_##kind); \
	__VA_ARGS__; \
	usleep(2000); \
	check_at(__LINE__, police(METIS_POLICE_##kind) == before_ + 1, #kind, \
		 police(METIS_POLICE_##kind), before_ + 1); \
} while (0)

static void t_police_engine(void)
{
	struct element e[2] = { { CB, 64, BUF_IOVA, ddr }, { 0, 0, 0, 0 } };

	lab_set(METIS_LAB_FREEZE, 1);
	start(WR, 0, ddr, BUF_IOVA, 64);
	PROVOKE(DOORBELL_RUNNING, set(DOORBELL(WR), 0));
	PROVOKE(RUNNING_WRITE, set(CH(WR, 0, SIZE), 128));
	EQ(reg(CH(WR, 0, SIZE)), 64);
	lab_set(METIS_LAB_FREEZE, 0);
	EQ(wait_cs(WR, 0), 3);
	set(ENGINE_EN(WR), 0);
	PROVOKE(DOORBELL_DISABLED, start(WR, 0, ddr, BUF_IOVA, 64));
	set(ENGINE_EN(WR), 1);
	PROVOKE(DOORBELL_CHANNEL, set(DOORBELL(WR), 5));
	PROVOKE(DOORBELL_CHANNEL, set(DOORBELL(WR), 0x100));
	PROVOKE(LIE, set(CH(WR, 0, CONTROL1), LIE | RIE));
	PROVOKE(CONTROL_BITS, set(CH(WR, 0, CONTROL1), 1u << 20));
	PROVOKE(ZERO_LENGTH, start(RD, 0, ddr, BUF_IOVA, 0));
	PROVOKE(DATA_RANGE, start(RD, 0, ddr + lab64(METIS_LAB_DDR_SIZE) - 1, BUF_IOVA, 2));
	EQ(wait_cs(RD, 0), 2);
	EQ(reg(0x0b4), 1);
	PROVOKE(DATA_RANGE, start(WR, 0, ~0ull, BUF_IOVA, ~0u));
	PROVOKE(LIST_RANGE, start_list(RD, 0, L2 + (32 << 20) - 8));
	EQ(wait_cs(RD, 0), 2);
	EQ(reg(0x0b4) & 0x10000, 0x10000);
	PROVOKE(LIST_RANGE, start_list(RD, 0, ~0ull - 7));
	PROVOKE(LIST_ALIGN, start_list(RD, 0, OLD_LIST + 4));
	e[0].control = CB | 1u << 7;
	poke(OLD_LIST, e, sizeof(e));
	PROVOKE(ELEMENT_BITS, start_list(RD, 0, OLD_LIST));
	e[0].control = CB | LIE;
	poke(OLD_LIST, e, sizeof(e));
	PROVOKE(LIE, start_list(RD, 0, OLD_LIST));
	PROVOKE(ACCESS, (void)*(volatile uint16_t *)(bar0 + 0x008));
	PROVOKE(ACCESS, *(volatile uint64_t *)(bar0 + 0x060) = 0);
	EQ(*(volatile uint8_t *)(bar0 + 9), 0xff);
	PROVOKE(RESERVED_WRITE, set(0x004, 0));
	PROVOKE(CHANNEL_ABSENT, (void)reg(CH(WR, 4, CONTROL1)));
	PROVOKE(CHANNEL_ABSENT, set(CH(RD, 4, CONTROL1), 0));
	PROVOKE(READONLY_WRITE, set(0x008, 0));
	PROVOKE(SHARED_OVERWRITE, start(RD, 0, L2 + 0x600, BUF_IOVA, 4));
	PROVOKE(LIST_PLACE, e[0].control = 0, poke(DATA_L2, e, sizeof(e)),
		start_list(RD, 0, DATA_L2));
	set(INT_CLEAR(RD), 0xff00ff);
	set(INT_CLEAR(WR), 0xff00ff);
	setup_engine();
	drain();
}

static void t_mailbox(void)
{
	uint8_t msg[300];

	pattern(msg, sizeof(msg), 9);
	EQ(mbox(METIS_EMU_OP_PING, msg, 100), 0);
	EQ(sh32(METIS_EMU_MBOX_SIZE), 104);
	for (unsigned int i = 0; i < 100; i++)
		EQ(bar2[METIS_EMU_MBOX_MSG + 4 + i], msg[i]);
	ONE_EVENT(12);
	EQ((uint32_t)mbox(0x777, msg, 0), (uint32_t)METIS_EMU_ENOSYS);
	EQ((uint32_t)mbox(METIS_EMU_OP_LOG, msg, 4), (uint32_t)METIS_EMU_ENOSYS);
	PROVOKE(MBOX_SIZE, EQ((uint32_t)mbox(METIS_EMU_OP_PING, msg, 300),
			      (uint32_t)METIS_EMU_EMSGSIZE));
	EQ(mbox(METIS_EMU_OP_MUTE, msg, 0), 1);
	lab_set(METIS_LAB_MBOX_MUTE, 1);
	EQ(mbox(METIS_EMU_OP_PING, msg, 4), 1);
	EQ(mbox(METIS_EMU_OP_PING, msg, 4), 0);
	lab_set(METIS_LAB_MBOX_DELAY_US, 50000);
	PROVOKE(MBOX_BUSY, mbox_send(METIS_EMU_OP_PING, msg, 4), usleep(5000),
		mbox_send(METIS_EMU_OP_PING, msg, 4));
	lab_set(METIS_LAB_MBOX_DELAY_US, 20);
	usleep(60000);
	drain();
	/* a bootloader has no table to write to: not even a stray write */
	EQ(lab(METIS_LAB_STRAY_WRITES), 0);
}

static void put_image(uint64_t at, uint32_t payload, bool good)
{
	struct metis_emu_image h = {
		METIS_EMU_IMAGE_MAGIC0, METIS_EMU_IMAGE_MAGIC1, sizeof(h), payload, 0, 0,
	};
	uint32_t size = sizeof(h) + payload;

	pattern(buf + sizeof(h), payload, 1234);
	h.payload_crc = crc32(buf + sizeof(h), payload) ^ !good;
	memcpy(buf, &h, sizeof(h));
	start(RD, 0, at, BUF_IOVA, size);
	EQ(wait_cs(RD, 0), 3);
	ONE_EVENT(4);
	sh_set64(0x238, at);
}

static void t_start_refused(void)
{
	sh_set64(0x238, ddr + 0x200000);
	EQ((uint32_t)mbox(METIS_EMU_OP_START, "", 0), (uint32_t)METIS_EMU_ENOEXEC);
	ONE_EVENT(12);
	sh_set64(0x238, 0x1234);
	EQ((uint32_t)mbox(METIS_EMU_OP_START, "", 0), (uint32_t)METIS_EMU_EFAULT);
	put_image(ddr + 0x200000, 100000, false);
	EQ((uint32_t)mbox(METIS_EMU_OP_START, "", 0), (uint32_t)METIS_EMU_EBADMSG);
	EQ(lab(METIS_LAB_START_REFUSED), 3);
	EQ(lab(METIS_LAB_LINK_BOUNCES), 0);
	EQ(lab(METIS_LAB_FW_STATE), METIS_EMU_BOOTLOADER);
	drain();
}

static void t_start(void)
{
	unsigned int exp = find_cap(port, PCI_CAP_ID_EXP);
	uint32_t generation = lab(METIS_LAB_GENERATION);

	put_image(ddr + 0x200000, 300001, true);
	lab_set(METIS_LAB_LINK_DOWN_MS, 500);
	EQ(raw_config(port, exp + PCI_EXP_LNKSTA, 2) & PCI_EXP_LNKSTA_DLLLA, PCI_EXP_LNKSTA_DLLLA);
	mbox_send(METIS_EMU_OP_START, "", 0);
	YES(wait_link(0));
	usleep(20000);
	EQ(raw_config(card, 0, 4), ~0u);
	EQ(raw_config(card, PCI_COMMAND, 2), 0xffff);
	EQ(reg(CH(RD, 0, CONTROL1)), ~0u);
	EQ(sh32(0), ~0u);
	EQ(*(volatile uint32_t *)(bar2 + 0x1000000), ~0u);
	EQ(lab(METIS_LAB_DOWN_READS), 3);
	EQ(raw_config(port, exp + PCI_EXP_LNKSTA, 2) & PCI_EXP_LNKSTA_DLLLA, 0);
	YES(wait_link(1));
	EQ(raw_config(port, exp + PCI_EXP_LNKSTA, 2) & PCI_EXP_LNKSTA_DLLLA, PCI_EXP_LNKSTA_DLLLA);
	/* reset configuration space */
	EQ(raw_config(card, 0, 4), card_id);
	EQ(raw_config(card, PCI_COMMAND, 2), 0);
	EQ(raw_config(card, PCI_BASE_ADDRESS_0, 4), 4);
	EQ(raw_config(card, PCI_BASE_ADDRESS_2, 4), 0);
	EQ(raw_config(card, 0x52, 2) & PCI_MSI_FLAGS_ENABLE, 0);
	EQ(raw_config(card, 0x54, 4), 0);
	/* no BAR decodes now: the port answers for the hole */
	EQ(sh32(0), ~0u);
	set_command(0);
	set_command(PCI_COMMAND_MEMORY);
	EQ(reg(ENGINE_EN(RD)), 0);
	EQ(lab(METIS_LAB_FW_STATE), METIS_EMU_STARTING);
	EQ(area(0x2b8, 0xbac1), 0);
	YES(wait_state(METIS_EMU_RUNNING));
	YES(area(0x2b8, 0xbac1));
	EQ(!area(0x2d0, 0xd4d4), old_fw);
	EQ(!area(0x2e8, 0xb5b5), old_fw);
	EQ(sh32(0x218) == 0xc1a0c1a0, dma_vm);
	YES(area(0x240, 0xf0f0));
	EQ(sh32(METIS_EMU_MBOX_OPCODE), METIS_EMU_OP_START | METIS_EMU_OP_REPLY);
	EQ(sh32(METIS_EMU_MBOX_MSG), 0);
	EQ(lab(METIS_LAB_PMSI_SENT), 0);
	enable_msi();
	publish_table();
	EQ(lab64(METIS_LAB_TARGET), TABLE_IOVA);
	EQ(lab64(METIS_LAB_DESC_BASE), old_fw ? OLD_LIST : sh64(area(0x2d0, 0xd4d4)));
	set_command(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	ONE_EVENT(12);
	EQ(table[12], 1);
	setup_engine();
	EQ(lab(METIS_LAB_GENERATION), generation + 1);
	EQ(lab(METIS_LAB_LINK_BOUNCES), 1);
	EQ(lab(METIS_LAB_STRAY_WRITES), 0);
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
}

static void t_dma_vm(void)
{
	/* firmware's IMWR reaches the host without the host's doing */
	start(RD, 1, ddr, BUF_IOVA, 64);
	EQ(wait_cs(RD, 1), 3);
	ONE_EVENT(5);
	start(WR, 3, ddr, BUF_IOVA, 64);
	EQ(wait_cs(WR, 3), 3);
	ONE_EVENT(11);
	EQ(lab64(METIS_LAB_LAST_MSG_ADDR), msi_addr);
	EQ(lab(METIS_LAB_LAST_MSG_DATA), msi_data | vec(11));
	if (!dma_vm) {
		EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
		return;
	}
	EQ(reg(DONE_IMWR(WR)), (uint32_t)msi_addr);
	PROVOKE(IMWR_DMA_VM, set(DONE_IMWR(WR), msi_addr));
}

static void t_early_reply(void)
{
	lab_set(METIS_LAB_EARLY_REPLY, 1);
	lab_set(METIS_LAB_LINK_DOWN_MS, 500);
	put_image(ddr + 0x200000, 16, true);
	mbox_send(METIS_EMU_OP_START, "", 0);
	YES(wait_link(0));
	YES(wait_state(METIS_EMU_RUNNING));
	set_command(0);
	set_command(PCI_COMMAND_MEMORY);
	enable_msi();
	/* the wrong order: bus mastering before the table */
	PROVOKE(MASTER_ORDER, set_command(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER));
	EQ(lab(METIS_LAB_STRAY_WRITES), 1);
	EQ(lab(METIS_LAB_STRAY_LAST), 0x30);
	YES(lab(METIS_LAB_STRAY_RESULT));
	ONE_EVENT(12);	/* the message arrives, its slot is lost */
	lab_set(METIS_LAB_EARLY_REPLY, 0);
	publish_table();
	setup_engine();
}

static void t_vmsi(void)
{
	void *page = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	volatile uint32_t *zero = page;
	uint32_t msg[3] = { 24, 3, 2000 };

	publish_table();
	lab_set(METIS_LAB_RAISE, 24);
	ONE_EVENT(24);
	EQ(table[24], 1);
	lab_set(METIS_LAB_RAISE, 1023);
	ONE_EVENT(24);
	EQ(table[1023], 1);
	table[24] = 0;
	EQ(mbox(METIS_EMU_OP_RAISE, msg, 12), 0);
	ONE_EVENT(12);
	/* messages that follow each other closely may arrive as one */
	for (uint64_t end = now_ms() + 1000; lab(METIS_LAB_PMSI_SENT) < 6 && now_ms() < end;)
		usleep(1000);
	EQ(lab(METIS_LAB_PMSI_SENT), 6);
	YES(events(24, 1000));
	EQ(table[24], 1);
	EQ(lab(METIS_LAB_STRAY_WRITES), 0);
	/* withdrawn: the window starts at bus address 0 */
	withdraw_table();
	EQ(lab64(METIS_LAB_TARGET), 0);
	lab_set(METIS_LAB_RAISE, 12);
	EQ(lab(METIS_LAB_STRAY_LAST), 0x30);
	YES(lab(METIS_LAB_STRAY_RESULT));
	if (map_iova(0, page, 65536))
		bail("cannot map IOVA 0: %s", strerror(errno));
	lab_set(METIS_LAB_RAISE, 12);
	EQ(lab(METIS_LAB_STRAY_RESULT), 0);
	EQ(zero[12], 1);
	unmap_iova(0, 65536);
	EQ(lab(METIS_LAB_STRAY_WRITES), 2);
	usleep(2000);
	YES(events(12, 100));
	/* a restart that nobody sees */
	publish_table();
	lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_WARM);
	EQ(lab(METIS_LAB_STRAY_WRITES), 3);
	ONE_EVENT(12);
	EQ(area(0x2b8, 0xbac1), hostdrv);
	EQ(sh32(hostdrv), 0);
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
	publish_table();
	munmap(page, 65536);
}

static void t_police_firmware(void)
{
	unsigned int streams = area(0x240, 0xf0f0), ctx = sh64(0x288 + 8);
	struct metis_emu_job job = { METIS_EMU_JOB_MAGIC, METIS_EMU_JOB_FAIL, 0, 0, 0, 0 };

	publish_table();
	PROVOKE(HOSTDRV_ORDER, sh_set64(hostdrv + 8, TABLE_IOVA + TABLE_SIZE));
	EQ(lab64(METIS_LAB_TARGET), TABLE_IOVA);
	sh_set32(hostdrv, 0);
	sh_set64(hostdrv + 8, TABLE_IOVA + 4096);
	PROVOKE(HOSTDRV_TARGET, sh_set32(hostdrv, 1));
	publish_table();
	PROVOKE(STREAM_POS, sh_set32(streams + 264, 5000));
	sh_set32(streams + 264, sh32(streams + 272));
	lab_set(METIS_LAB_JOB_US, 20000);
	poke(ddr, &job, sizeof(job));
	sh_set64(ctx + 64, ddr);
	sh_set64(ctx + 48, METIS_EMU_JOB_RUN);
	usleep(3000);
	PROVOKE(CTX_BUSY, sh_set64(ctx + 48, METIS_EMU_JOB_RUN));
	usleep(80000);
	lab_set(METIS_LAB_JOB_US, 2000);
	drain();
}

static unsigned int jobs_seen_running;

static int64_t run_job(unsigned int n, struct metis_emu_job *job)
{
	unsigned int rec = sh64(0x288 + 8) + n * 80;
	uint64_t at = ddr + 0x1000 + n * 64;

	poke(at, job, sizeof(*job));
	sh_set64(rec + 64, at);
	sh_set64(rec + 48, METIS_EMU_JOB_RUN);
	for (uint64_t end = now_ms() + 1000; sh64(rec + 48) && now_ms() < end;)
		;
	jobs_seen_running += sh64(rec + 56) == 1;
	ONE_EVENT(n);
	EQ(table[n], 1);
	table[n] = 0;
	job->result = peek(at + 32);
	return sh64(rec + 56);
}

static void t_contexts(void)
{
	lab_set(METIS_LAB_JOB_US, 30000);
	for (unsigned int n = 0; n < 4; n++) {
		struct metis_emu_job job = {
			METIS_EMU_JOB_MAGIC, METIS_EMU_JOB_FILL, DATA_L2, 5001, 0x11223344 + n, 0,
		};

		EQ(run_job(n, &job), 0);
		EQ(*(volatile uint32_t *)(bar2 + 0x100000), 0x11223344 + n);
		EQ(bar2[0x100000 + 5000], 0x44 + n);
		job.op = METIS_EMU_JOB_CRC;
		EQ(run_job(n, &job), 0);
		EQ(job.result, dev_crc(DATA_L2, 5001));
		job.addr = ~0ull - 100;
		EQ(run_job(n, &job), (uint64_t)METIS_EMU_EFAULT);
		job.magic = 0;
		EQ(run_job(n, &job), (uint64_t)METIS_EMU_EINVAL);
	}
	lab_set(METIS_LAB_JOB_US, 2000);
	/* a stalled guest may miss some */
	YES(jobs_seen_running > 0);
	EQ(lab(METIS_LAB_JOBS), 16);
	EQ(lab(METIS_LAB_JOB_ERRORS), 8);
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
}

static unsigned int read_stream(unsigned int nr, char *out, unsigned int max)
{
	unsigned int s = area(0x240, 0xf0f0), rec = s + 264 + 80 * nr;
	unsigned int r = sh32(rec), w = sh32(rec + 8), cap = sh32(rec + 4);
	unsigned int ring = sh64(rec + 16) - L2, n = 0;

	while (r != w && n < max) {
		out[n++] = bar2[ring + r];
		r = (r + 1) % cap;
	}
	sh_set32(rec, r);
	return n;
}

static void t_log(void)
{
	static char text[4096];
	unsigned int n, s = area(0x240, 0xf0f0), line;

	EQ(sh32(s), 2);
	EQ(bar2[s + 4], 0);
	EQ(bar2[s + 5], 1);
	EQ(bar2[s + 6], 0xff);
	EQ(sh32(s + 264 + 12), METIS_EMU_LOG_VMSI | 1u << 31);
	read_stream(0, text, sizeof(text));
	publish_table();
	EQ(mbox(METIS_EMU_OP_LOG, "hello, host", 11), 0);
	ONE_EVENT(24);
	EQ(table[METIS_EMU_LOG_VMSI], 1);
	n = read_stream(0, text, sizeof(text));
	EQ(n, 11);
	YES(!memcmp(text, "hello, host", 11));
	/* several laps around the ring */
	for (line = 0; line < 400; line++) {
		char want[64];
		unsigned int w;

		lab_set(METIS_LAB_LOG_BURST, 1);
		w = snprintf(want, sizeof(want), "log line %u\n", line);
		n = read_stream(0, text, sizeof(text));
		if (n != w || memcmp(text, want, w))
			break;
	}
	EQ(line, 400);
	EQ(lab(METIS_LAB_LOG_DROPPED), 0);
	/* a consumer that is too slow loses lines, the producer goes on */
	lab_set(METIS_LAB_LOG_BURST, 400);
	YES(lab(METIS_LAB_LOG_DROPPED) > 0);
	EQ(read_stream(0, text, sizeof(text)), 2047);
	drain();
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
}

static void trace_lap(uint32_t want, uint32_t taken, uint64_t *at)
{
	static uint8_t data[0x40000];
	uint32_t n, i;

	EQ(mbox(METIS_EMU_OP_TRACE, &want, 4), 0);
	ONE_EVENT(12);
	EQ(sh64(METIS_EMU_MBOX_MSG + 4), *at);
	EQ(sh32(METIS_EMU_MBOX_MSG + 12), taken);
	n = read_stream(1, (char *)data, sizeof(data));
	EQ(n, taken);
	for (i = 0; i < n; i++, ++*at)
		if (data[i] != (uint8_t)((uint32_t)(*at / 4 * METIS_EMU_TRACE_STEP) >> 8 * (*at % 4)))
			break;
	EQ(i, n);
}

static void t_trace(void)
{
	unsigned int rec = area(0x240, 0xf0f0) + 264 + 80;
	uint64_t at = 0;

	publish_table();
	EQ(sh32(rec + 4), 0x40000);
	EQ(sh32(rec + 12), METIS_EMU_TRACE_VMSI);
	EQ(sh32(rec + 32), 1);
	/* not announced until the host wants it */
	trace_lap(101, 101, &at);
	EQ(table[METIS_EMU_TRACE_VMSI], 0);
	/* the log's, which has the same message, may have been on their way */
	drain();
	sh_set32(rec + 12, METIS_EMU_TRACE_VMSI | 1u << 31);
	trace_lap(200001, 200001, &at);
	ONE_EVENT(24);
	EQ(table[METIS_EMU_TRACE_VMSI], 1);
	/* once around; then as much as there is room for */
	trace_lap(200001, 200001, &at);
	trace_lap(~0u, 0x3ffff, &at);
	sh_set32(rec + 12, METIS_EMU_TRACE_VMSI);
	drain();
	EQ((uint32_t)mbox(METIS_EMU_OP_TRACE, "", 0), (uint32_t)METIS_EMU_EINVAL);
	PROVOKE(STREAM_POS, sh_set32(rec, 0x40000));
	sh_set32(rec, sh32(rec + 8));
	drain();
}

static void t_bus(void)
{
	uint32_t v;

	lab_set64(METIS_LAB_BUS_ADDR, BUF_IOVA + 8);
	lab_set64(METIS_LAB_BUS_DATA, 0x1122334455667788ull);
	memset(buf, 0, 64);
	lab_set(METIS_LAB_BUS_WRITE, 4);
	EQ(lab(METIS_LAB_BUS_RESULT), 0);
	memcpy(&v, buf + 8, 4);
	EQ(v, 0x55667788);
	EQ(buf[12], 0);
	lab_set(METIS_LAB_BUS_WRITE, 8);
	EQ(buf[15], 0x11);
	lab_set(METIS_LAB_BUS_READ, 2);
	EQ(lab64(METIS_LAB_BUS_DATA), 0x7788);
	lab_set64(METIS_LAB_BUS_ADDR, NO_IOVA);
	lab_set(METIS_LAB_BUS_READ, 4);
	YES(lab(METIS_LAB_BUS_RESULT));
	EQ(lab64(METIS_LAB_BUS_DATA), ~0ull);
	/* device memory */
	lab_set64(METIS_LAB_DEV_ADDR, ddr);
	lab_set64(METIS_LAB_DEV_LEN, 10);
	lab_set(METIS_LAB_DEV_FILL, 0x01010101);
	EQ(lab64(METIS_LAB_DEV_SUM), 10);
	EQ(lab(METIS_LAB_DEV_RESULT), 0);
	lab_set64(METIS_LAB_DEV_LEN, ~0ull);
	EQ(lab64(METIS_LAB_DEV_SUM), 0);
	EQ(lab(METIS_LAB_DEV_RESULT), 1);
}

static void t_hostile(void)
{
	uint64_t good[24];

	for (unsigned int i = 0; i < 24; i++)
		good[i] = sh64(0x240 + 8 * i);
	for (unsigned int h = 1; h < METIS_HOSTILE_COUNT; h++) {
		lab_set(METIS_LAB_HOSTILE_SEED, h);
		lab_set(METIS_LAB_HOSTILE, h);
		EQ(lab(METIS_LAB_HOSTILE), h);
		if (h == METIS_HOSTILE_REF_OFFSET)
			EQ(sh64(0x2b8 + 8), 32 << 20);
		if (h == METIS_HOSTILE_SHARED_ONES)
			EQ(sh32(0), ~0u);
		if (h == METIS_HOSTILE_FLIPPING)
			YES(sh64(0x2b8) != sh64(0x2b8));
		/* firmware keeps its head */
		lab_set(METIS_LAB_LOG_BURST, 2);
		lab_set(METIS_LAB_HOSTILE, 0);
		EQ(mbox(METIS_EMU_OP_PING, "ping", 4), 0);
		for (unsigned int i = 0; i < 24; i++)
			EQ(sh64(0x240 + 8 * i), good[i]);
	}
	EQ(lab(METIS_LAB_HOSTILE), 0);
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
	drain();
}

static void t_link_down(void)
{
	publish_table();
	lab_set(METIS_LAB_FREEZE, 1);
	start(RD, 0, ddr, BUF_IOVA, 64);
	lab_set(METIS_LAB_LINK_DOWN, 50);
	EQ(reg(ENGINE_EN(RD)), ~0u);
	set(ENGINE_EN(RD), 1);
	EQ(lab(METIS_LAB_DOWN_READS), 1);
	EQ(lab(METIS_LAB_DOWN_WRITES), 1);
	EQ(lab(METIS_LAB_RUNNING), 0);
	lab_set(METIS_LAB_FREEZE, 0);
	YES(wait_link(1));
	EQ(lab(METIS_LAB_FW_STATE), METIS_EMU_RUNNING);
	EQ(lab64(METIS_LAB_TARGET), 0);
	bring_up(true);
	start(RD, 0, ddr, BUF_IOVA, 64);
	EQ(wait_cs(RD, 0), 3);
	ONE_EVENT(4);
	EQ(mbox(METIS_EMU_OP_PING, "x", 1), 0);
	ONE_EVENT(12);
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
}

/* Some reads fail while everything else lives; or one takes the link down */
static void t_read_fails(void)
{
	set(CH(RD, 0, SIZE), 4711);
	lab_set(METIS_LAB_READ_FAILS, 2);
	lab_set(METIS_LAB_READ_FAIL_AT, 3);
	EQ(reg(CH(RD, 0, SIZE)), 4711);
	EQ(sh64(0x208), L2);
	EQ(lab(METIS_LAB_READ_FAIL_AT), 1);
	EQ(sh64(0x208), ~0ull);
	set(CH(RD, 0, SIZE), 4712);
	EQ(reg(CH(RD, 0, SIZE)), ~0u);
	EQ(lab(METIS_LAB_READ_FAIL_AT), 0);
	EQ(lab(METIS_LAB_READ_FAILS), 0);
	EQ(reg(CH(RD, 0, SIZE)), 4712);
	EQ(lab(METIS_LAB_DOWN_READS), 2);
	EQ(lab(METIS_LAB_LINK), 1);

	lab_set(METIS_LAB_LINK_DOWN_MS, 200);
	lab_set(METIS_LAB_READ_FAIL_AT, 2);
	EQ(reg(CH(RD, 0, SIZE)), 4712);
	EQ(reg(CH(RD, 0, SIZE)), ~0u);
	EQ(lab(METIS_LAB_LINK), 0);
	EQ(lab(METIS_LAB_LINK_BOUNCES), 1);
	EQ(raw_config(card, 0, 4), ~0u);
	YES(wait_link(1));
	bring_up(true);
	EQ(reg(CH(RD, 0, SIZE)), 0);
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
}

/* LINK_KEEP: configuration space, engine and outbound window survive the bounce */
static void t_link_keep(void)
{
	publish_table();
	lab_set(METIS_LAB_LINK_KEEP, 1);
	lab_set(METIS_LAB_FREEZE, 1);
	start(RD, 0, ddr, BUF_IOVA, 64);
	lab_set(METIS_LAB_LINK_DOWN, 50);
	EQ(reg(ENGINE_EN(RD)), ~0u);
	YES(wait_link(1));
	EQ(raw_config(card, PCI_COMMAND, 2) & (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER),
	   PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	EQ(reg(ENGINE_EN(RD)), 1);
	EQ(lab(METIS_LAB_RUNNING), METIS_LAB_RD_CH(0));
	EQ(lab64(METIS_LAB_TARGET), TABLE_IOVA);
	lab_set(METIS_LAB_FREEZE, 0);
	EQ(wait_cs(RD, 0), 3);
	ONE_EVENT(4);
	lab_set(METIS_LAB_LINK_KEEP, 0);
	EQ(lab(METIS_LAB_RESETS), 0);
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
}

/* NOT_READY: the kernel waits for the function until the lab lets it come back */
static void t_not_ready(void)
{
	pid_t child;
	int status;

	lab_set(METIS_LAB_NOT_READY, 1);
	child = fork();
	if (child < 0)
		bail("fork: %s", strerror(errno));
	if (!child)
		_exit(!!ioctl(device, VFIO_DEVICE_RESET));
	usleep(500000);
	EQ(lab(METIS_LAB_FLRS), 1);
	EQ(waitpid(child, &status, WNOHANG), 0);
	lab_set(METIS_LAB_NOT_READY, 0);
	EQ(waitpid(child, &status, 0), child);
	EQ(status, 0);
	EQ(lab(METIS_LAB_FLRS), 1);
	bring_up(false);
	EQ(mbox(METIS_EMU_OP_PING, "x", 1), 0);
}

/* RESTART_MOVED and RESTART_KEPT: where the areas lie, and what L2 keeps */
static void t_restarts(void)
{
	unsigned int before;

	publish_table();
	before = hostdrv;
	lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_MOVED);
	EQ(lab64(METIS_LAB_TARGET), 0);
	YES(area(0x2b8, 0xbac1) != before);
	EQ(sh32(before), 0);
	publish_table();
	before = hostdrv;
	lab_set(METIS_LAB_AREA_DELAY_MS, 1000);
	lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_KEPT);
	YES(wait_link(0));
	YES(wait_link(1));
	bring_up(false);
	EQ(lab(METIS_LAB_FW_STATE), METIS_EMU_STARTING);
	EQ(area(0x2b8, 0xbac1), before);
	EQ(sh32(before), 1);
	EQ(lab64(METIS_LAB_TARGET), 0);
	set_command(PCI_COMMAND_MEMORY);
	YES(wait_state(METIS_EMU_RUNNING));
	YES(area(0x2b8, 0xbac1) != before);
	bring_up(true);
	EQ(mbox(METIS_EMU_OP_PING, "x", 1), 0);
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
	lab_set(METIS_LAB_AREA_DELAY_MS, 100);
}

/* The link goes down at a read of the host's, or a number of reads later */
static void t_drop_read(void)
{
	uint32_t skip;

	for (skip = 0; skip < 3; skip++) {
		lab_set(METIS_LAB_DROP_SKIP, skip);
		lab_set(METIS_LAB_DROP_READ, 0x3102);
		/* neither neighbours nor writes */
		sh32(0x30fc);
		sh32(0x3104);
		*(volatile uint32_t *)(bar2 + 0x3100) = 0x5a5a5a5a;
		EQ(lab(METIS_LAB_LINK), 1);
		if (skip) {
			EQ(sh32(0x3100), 0x5a5a5a5a);
			EQ(lab(METIS_LAB_DROP_SKIP), skip - 1);
		}
		if (skip > 1)
			sh32(0x30fc);
		EQ(lab(METIS_LAB_LINK), 1);
		EQ(sh32(skip ? 0x3104 : 0x3100), ~0u);
		EQ(lab(METIS_LAB_LINK), 0);
		EQ(lab(METIS_LAB_DROP_READ), 0);
		YES(wait_link(1));
		bring_up(true);
		EQ(sh32(0x3100), 0x5a5a5a5a);
	}
	/* off again before it happens */
	lab_set(METIS_LAB_DROP_READ, 0x3100);
	lab_set(METIS_LAB_UNDO, 1);
	EQ(lab(METIS_LAB_DROP_READ), 0);
	EQ(sh32(0x3100), 0x5a5a5a5a);
	EQ(lab(METIS_LAB_LINK), 1);
	/* where the last piece went */
	start(RD, 0, ddr, BUF_IOVA + 0x100, 64);
	EQ(wait_cs(RD, 0), 3);
	ONE_EVENT(4);
	EQ(lab64(METIS_LAB_LAST_DMA_ADDR), BUF_IOVA + 0x100);
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
}

/*
 * Another processor drops mappings, for which QEMU stops all the others at
 * times; the model stops them while a BAR comes or goes. Neither may wait for
 * the other for ever.
 */
static void t_decode(void)
{
	unsigned int i, bad = 0;
	pid_t child = fork();

	if (child < 0)
		bail("fork: %s", strerror(errno));
	while (!child) {
		char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

		if (p != MAP_FAILED)
			munmap(p, 65536);
	}
	for (i = 0; i < 500; i++) {
		set_command(0);
		bad += raw_config(card, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY;
		set_command(PCI_COMMAND_MEMORY);
		bad += reg(ENGINE_EN(RD)) == ~0u;
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	EQ(bad, 0);
}

static void t_back_to_bootloader(void)
{
	/* long enough to be seen by a guest that is not always running */
	lab_set(METIS_LAB_LINK_DOWN_MS, 500);
	mbox_send(METIS_EMU_OP_RESET, "", 0);
	YES(wait_link(0));
	YES(wait_state(METIS_EMU_BOOTLOADER));
	bring_up(false);
	EQ(area(0x2b8, 0xbac1), 0);
	EQ(mbox(METIS_EMU_OP_PING, "x", 1), 0);
	/* and a start that comes to nothing */
	put_image(ddr + 0x200000, 16, true);
	lab_set(METIS_LAB_START_FAULT, METIS_LAB_START_BOOTLOADER);
	mbox_send(METIS_EMU_OP_START, "", 0);
	YES(wait_link(0));
	YES(wait_state(METIS_EMU_BOOTLOADER));
	bring_up(false);
	EQ(mbox(METIS_EMU_OP_PING, "x", 1), 0);
}

static void t_death(void)
{
	lab_set(METIS_LAB_DIE, METIS_LAB_DIE_FIRMWARE);
	EQ(mbox(METIS_EMU_OP_PING, "x", 1), 1);
	start(RD, 0, ddr, BUF_IOVA, 64);
	EQ(wait_cs(RD, 0), 3);
	lab_set(METIS_LAB_DIE, METIS_LAB_DIE_WEDGED);
	EQ(lab(METIS_LAB_LINK), 2);
	EQ(raw_config(card, 0, 4), ~0u);
	EQ(reg(CH(RD, 0, CONTROL1)), ~0u);
	EQ(sh32(0), ~0u);
	lab_set(METIS_LAB_LINK_DOWN, 1);
	usleep(10000);
	EQ(lab(METIS_LAB_LINK), 2);
	lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_POWER);
	YES(wait_link(1));
	YES(lab(METIS_LAB_FW_STATE) == METIS_EMU_BOOTLOADER ||
	    lab(METIS_LAB_FW_STATE) == METIS_EMU_RUNNING);
	set_command(0);
	set_command(PCI_COMMAND_MEMORY);
	EQ(mbox(METIS_EMU_OP_PING, "x", 1), 0);
}

static uint32_t rnd_state = 2463534242u;
static unsigned int rnd_rounds = 10;

static uint32_t rnd(void)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 17;
	rnd_state ^= rnd_state << 5;
	return rnd_state;
}

/* Values of every magnitude, addresses that mean something now and then */
static uint32_t rnd_value(void)
{
	static const uint32_t known[] = {
		(uint32_t)BUF_IOVA, BUF_IOVA >> 32, (uint32_t)OLD_LIST, (uint32_t)DATA_L2,
		METIS_EMU_DDR_BASE >> 32, RIE, LLE | CCS, METIS_EMU_OP_START, METIS_EMU_JOB_MAGIC, ~0u,
	};

	return rnd() & 1 ? known[rnd() % (sizeof(known) / sizeof(known[0]))] :
	       rnd() >> (rnd() & 31);
}

static void random_write(void)
{
	static const uint8_t width[] = { 1, 2, 4, 4, 4, 8 };
	unsigned int how = rnd() % 10, w = width[rnd() % sizeof(width)];
	volatile uint8_t *at;
	uint64_t val = rnd_value() | (uint64_t)rnd_value() << 32;

	if (how < 4) {
		w = rnd() % 16 ? 4 : w;
		at = bar0 + (rnd() % 0xa00 & -w);
	} else if (how < 8) {
		at = bar2 + (rnd() % 0x3000 & -w);
	} else if (how < 9) {
		poke(OLD_LIST + (rnd() % 480 & ~3u), &val, 4);
		return;
	} else {
		lab_set(0x800 + (rnd() % 0xe8 & ~3u), val);
		return;
	}
	if (w == 8)
		*(volatile uint64_t *)at = val;
	else if (w == 4)
		*(volatile uint32_t *)at = val;
	else if (w == 2)
		*(volatile uint16_t *)at = val;
	else
		*at = val;
}

/* Whatever a guest writes, QEMU survives, and a power cycle makes a sane card of it */
static void t_random(void)
{
	static const struct { unsigned int reg; uint32_t val; } sane[] = {
		{ METIS_LAB_STEP_BYTES, 65536 }, { METIS_LAB_STEP_NS, 10000 },
		{ METIS_LAB_CS_DELAY_NS, 1000 }, { METIS_LAB_LINK_DOWN_MS, 50 },
		{ METIS_LAB_AREA_DELAY_MS, 100 }, { METIS_LAB_EARLY_REPLY, 0 },
		{ METIS_LAB_MBOX_DELAY_US, 20 }, { METIS_LAB_JOB_US, 2000 },
		{ METIS_LAB_UNDO, 1 }, { METIS_LAB_FW_RESTART, METIS_LAB_RESTART_POWER },
	};
	unsigned int round, i;

	for (round = 0; round < rnd_rounds; round++) {
		for (i = 0; i < sizeof(sane) / sizeof(sane[0]); i++)
			lab_set(sane[i].reg, sane[i].val);
		YES(wait_link(1));
		bring_up(false);
		for (i = 0; i < 1500; i++)
			random_write();
	}
	for (i = 0; i < sizeof(sane) / sizeof(sane[0]); i++)
		lab_set(sane[i].reg, sane[i].val);
	YES(wait_link(1));
	fresh_counters();
	bring_up(false);
	start(RD, 0, ddr, BUF_IOVA, 64);
	EQ(wait_cs(RD, 0), 3);
	EQ(mbox(METIS_EMU_OP_PING, "x", 1), 0);
	EQ(lab(METIS_LAB_POLICE_TOTAL), 0);
}

static const struct { const char *name; void (*run)(void); } tests[] = {
	{ "identity and capabilities", t_identity },
	{ "bootloader at power-on", t_bootloader },
	{ "no bus mastering, no DMA", t_no_master },
	{ "single blocks both ways, L2 and DDR", t_single },
	{ "a running channel is seen running", t_running },
	{ "linked lists with a link element", t_list },
	{ "a list that never ends can be stopped", t_list_spin },
	{ "refused reads abort", t_refused_read },
	{ "refused posted writes are lost silently", t_refused_write },
	{ "completion message is a memory write", t_imwr },
	{ "stopping a channel quiesces its direction", t_stop },
	{ "hung channels and function reset", t_hang },
	{ "abort causes, late CS", t_aborts },
	{ "police: engine", t_police_engine },
	{ "mailbox in the bootloader", t_mailbox },
	{ "start refused", t_start_refused },
	{ "start, link bounce, areas", t_start },
	{ "who programs IMWR", t_dma_vm },
	{ "early reply strays to bus address 0x30", t_early_reply },
	{ "virtual MSI", t_vmsi },
	{ "police: firmware", t_police_firmware },
	{ "context jobs", t_contexts },
	{ "log stream", t_log },
	{ "trace stream", t_trace },
	{ "lab: bus and device memory", t_bus },
	{ "hostile values come and go", t_hostile },
	{ "link down without a restart", t_link_down },
	{ "reads that fail", t_read_fails },
	{ "link down without a reset", t_link_keep },
	{ "a reset that does not come to its end", t_not_ready },
	{ "restarts: areas moved, L2 kept", t_restarts },
	{ "link down at a read", t_drop_read },
	{ "BARs come and go beside a busy processor", t_decode },
	{ "back to the bootloader", t_back_to_bootloader },
	{ "death and resurrection", t_death },
	{ "random writes", t_random },
};

#define TESTS (sizeof(tests) / sizeof(tests[0]))

int main(int argc, char **argv)
{
	if (argc > 1)
		rnd_rounds = strtoul(argv[1], NULL, 0);
	if (argc > 2)
		rnd_state = strtoul(argv[2], NULL, 0) | 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n1..%zu\n", TESTS);
	find_functions();
	vectors = METIS_LAB_VARIANT_VECTORS(lab(METIS_LAB_VARIANT));
	old_fw = lab(METIS_LAB_VARIANT) & METIS_LAB_VARIANT_OLD_FW;
	dma_vm = lab(METIS_LAB_VARIANT) & METIS_LAB_VARIANT_DMA_VM;
	if (lab(METIS_LAB_VARIANT) & METIS_LAB_VARIANT_ALPHA)
		card_id = 0x11aa1f9d;
	open_card();
	if (lab(METIS_LAB_FW_STATE) == METIS_EMU_RUNNING) {
		lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_BOOTLOADER);
		wait_state(METIS_EMU_BOOTLOADER);
	}
	bring_up(false);
	for (test_nr = 0; test_nr < TESTS; test_nr++) {
		fresh_counters();
		drain();
		failed = false;
		tests[test_nr].run();
		failures += failed;
		printf("%sok %u %s\n", failed ? "not " : "", test_nr + 1, tests[test_nr].name);
	}
	printf("# %zu passed, %u failed\n", TESTS - failures, failures);
	return failures != 0;
}
