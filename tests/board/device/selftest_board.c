// SPDX-License-Identifier: GPL-2.0
/*
 * The self-test's way to the board: reports, the lab, the card by sysfs and vfio, the
 * engine's registers and firmware's conventions.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "selftest.h"

char card[64], port[64];
int container, device, irq[VECTORS];
volatile uint8_t *bar0, *bar2;
volatile uint32_t *lab_bar;
off_t config_at;
uint64_t msi_addr;
uint32_t msi_data;
uint64_t ddr;
uint8_t *buf;
uint32_t *table;

/* Device properties that this run has to allow for */
unsigned int vectors;
bool old_fw, dma_vm;
uint32_t card_id = 0x11001f9d;

unsigned int test_nr, failures;
bool failed;
unsigned int hostdrv;

/* ---- reporting ---- */

void bail(const char *fmt, ...)
{
	va_list ap;

	printf("Bail out! ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	exit(1);
}

void check_at(const char *file, int line, bool ok, const char *what, uint64_t have,
	      uint64_t want)
{
	if (ok)
		return;
	failed = true;
	printf("# %s:%d: %s: 0x%llx, expected 0x%llx\n", basename(file), line, what,
	       (unsigned long long)have, (unsigned long long)want);
}

uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

/* ---- lab ---- */

uint32_t lab(unsigned int reg)
{
	return lab_bar[reg / 4];
}

uint64_t lab64(unsigned int reg)
{
	uint64_t lo = lab_bar[reg / 4];

	return lo | (uint64_t)lab_bar[reg / 4 + 1] << 32;
}

void lab_set(unsigned int reg, uint32_t val)
{
	lab_bar[reg / 4] = val;
}

void lab_set64(unsigned int reg, uint64_t val)
{
	lab_set(reg, val);
	lab_set(reg + 4, val >> 32);
}

uint32_t police(enum metis_police kind)
{
	return lab(METIS_LAB_POLICE_KIND + 4 * kind);
}

uint32_t peek(uint64_t addr)
{
	lab_set64(METIS_LAB_DEV_ADDR, addr);
	return lab(METIS_LAB_DEV_DATA);
}

void poke(uint64_t addr, const void *data, size_t len)
{
	uint32_t word;

	lab_set64(METIS_LAB_DEV_ADDR, addr);
	for (size_t i = 0; i + 4 <= len; i += 4) {
		memcpy(&word, (const uint8_t *)data + i, 4);
		lab_set(METIS_LAB_DEV_DATA, word);
	}
}

uint32_t dev_crc(uint64_t addr, uint64_t len)
{
	lab_set64(METIS_LAB_DEV_ADDR, addr);
	lab_set64(METIS_LAB_DEV_LEN, len);
	return lab(METIS_LAB_DEV_CRC);
}

void fresh_counters(void)
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
uint32_t raw_config(const char *dev, unsigned int off, unsigned int len)
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

unsigned int find_cap(const char *dev, uint8_t id)
{
	unsigned int at = raw_config(dev, PCI_CAPABILITY_LIST, 1);

	while (at >= 0x40 && at < 0xff) {
		if (raw_config(dev, at, 1) == id)
			return at;
		at = raw_config(dev, at + 1, 1);
	}
	return 0;
}

void set_command(uint16_t cmd)
{
	if (pwrite(device, &cmd, 2, config_at + PCI_COMMAND) != 2)
		bail("cannot write the command register: %s", strerror(errno));
}

int map_iova(uint64_t iova, void *p, uint64_t size)
{
	struct vfio_iommu_type1_dma_map m = {
		.argsz = sizeof(m), .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)p, .iova = iova, .size = size,
	};

	return ioctl(container, VFIO_IOMMU_MAP_DMA, &m);
}

void unmap_iova(uint64_t iova, uint64_t size)
{
	struct vfio_iommu_type1_dma_unmap u = { .argsz = sizeof(u), .iova = iova, .size = size };

	if (ioctl(container, VFIO_IOMMU_UNMAP_DMA, &u))
		bail("VFIO_IOMMU_UNMAP_DMA: %s", strerror(errno));
}

void enable_msi(void)
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

void find_functions(void)
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

void open_card(void)
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
unsigned int vec(unsigned int n)
{
	return n < vectors ? n : 0;
}

/* Events on the vector of PMSI n within ms; 0 when none came */
uint64_t events(unsigned int nr, int ms)
{
	struct pollfd p = { .fd = irq[vec(nr)], .events = POLLIN };
	uint64_t n = 0;

	if (poll(&p, 1, ms) == 1 && read(p.fd, &n, sizeof(n)) != sizeof(n))
		n = 0;
	return n;
}

void drain(void)
{
	for (unsigned int v = 0; v < vectors; v++)
		events(v, 0);
}

/* ---- engine ---- */

uint32_t reg(unsigned int off)
{
	return *(volatile uint32_t *)(bar0 + off);
}

void set(unsigned int off, uint32_t val)
{
	*(volatile uint32_t *)(bar0 + off) = val;
}

void set64(unsigned int off, uint64_t val)
{
	set(off, val);
	set(off + 4, val >> 32);
}

unsigned int cs(int d, int n)
{
	return reg(CH(d, n, CONTROL1)) >> 5 & 3;
}

unsigned int wait_cs(int d, int n)
{
	uint64_t end = now_ms() + 3000;

	while (cs(d, n) < 2 && now_ms() < end)
		usleep(100);
	return cs(d, n);
}

/* IMWR from the MSI message; vector 4+n for read channels, 8+n for write channels */
void setup_engine(void)
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

void start(int d, int n, uint64_t dev, uint64_t bus, uint32_t size)
{
	set(CH(d, n, SIZE), size);
	set64(CH(d, n, SAR), d == RD ? bus : dev);
	set64(CH(d, n, DAR), d == RD ? dev : bus);
	set(CH(d, n, CONTROL1), RIE);
	set(DOORBELL(d), n);
}

void start_list(int d, int n, uint64_t list)
{
	set(CH(d, n, CONTROL1), LLE | CCS);
	set64(CH(d, n, LLP), list);
	set(DOORBELL(d), n);
}

void pattern(uint8_t *p, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		p[i] = seed >> 24;
	}
}

uint32_t crc32(const uint8_t *p, size_t len)
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

uint32_t sh32(unsigned int off)
{
	return *(volatile uint32_t *)(bar2 + off);
}

uint64_t sh64(unsigned int off)
{
	return *(volatile uint64_t *)(bar2 + off);
}

void sh_set32(unsigned int off, uint32_t val)
{
	*(volatile uint32_t *)(bar2 + off) = val;
}

void sh_set64(unsigned int off, uint64_t val)
{
	*(volatile uint64_t *)(bar2 + off) = val;
}

unsigned int area(unsigned int ref, uint16_t magic)
{
	if (*(volatile uint16_t *)(bar2 + ref) != magic)
		return 0;
	return sh64(ref + 8);
}

void mbox_send(uint32_t op, const void *msg, uint32_t len)
{
	for (uint32_t i = 0; i < len && i < METIS_EMU_MBOX_MSG_MAX; i++)
		bar2[METIS_EMU_MBOX_MSG + i] = ((const uint8_t *)msg)[i];
	sh_set32(METIS_EMU_MBOX_SIZE, len);
	sh_set32(METIS_EMU_MBOX_OPCODE, op);
}

/* A whole conversation: status, or 1 when no answer came */
int mbox(uint32_t op, const void *msg, uint32_t len)
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

bool wait_state(enum metis_emu_state state)
{
	uint64_t end = now_ms() + 5000;

	while (lab(METIS_LAB_FW_STATE) != state && now_ms() < end)
		usleep(1000);
	return lab(METIS_LAB_FW_STATE) == state;
}

bool wait_link(unsigned int want)
{
	uint64_t end = now_ms() + 5000;

	while (lab(METIS_LAB_LINK) != want && now_ms() < end)
		usleep(1000);
	return lab(METIS_LAB_LINK) == want;
}

void withdraw_table(void)
{
	sh_set32(hostdrv, 0);
}

void publish_table(void)
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
void bring_up(bool with_table)
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
