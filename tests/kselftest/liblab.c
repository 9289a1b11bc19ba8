// SPDX-License-Identifier: GPL-2.0
/* The lab function, and what happens around every test. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "liblab.h"

static volatile uint32_t *lab;
static int lab_lock_fd = -1;
static pid_t lab_lock_pid;

/* Controls that have a value other than 0 after power-on, or keep theirs */
static const enum metis_lab_reg tunables[] = {
	METIS_LAB_ABORT_CAUSE, METIS_LAB_STEP_BYTES, METIS_LAB_STEP_NS,
	METIS_LAB_CS_DELAY_NS, METIS_LAB_LATE_CS_NS, METIS_LAB_LOSE_KINDS,
	METIS_LAB_START_FAULT, METIS_LAB_LINK_DOWN_MS,
	METIS_LAB_AREA_DELAY_MS, METIS_LAB_EARLY_REPLY, METIS_LAB_MBOX_MUTE,
	METIS_LAB_MBOX_DELAY_US, METIS_LAB_JOB_US, METIS_LAB_JOB_HANG,
	METIS_LAB_HOSTILE, METIS_LAB_HOSTILE_SEED, METIS_LAB_BUS_FORCE,
};

int at_lab_open(void)
{
	struct at_pci pci;
	char path[96];
	int fd, err;

	if (lab)
		return 0;
	err = at_pci_find_id(&pci, METIS_LAB_VENDOR_ID, METIS_LAB_DEVICE_ID);
	if (err)
		return err;
	err = at_pci_set(&pci, "enable", "1");
	if (err)
		return err;
	snprintf(path, sizeof(path), "%s/resource0", pci.dir);
	fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	lab = mmap(NULL, METIS_LAB_BAR0_SIZE, PROT_READ | PROT_WRITE,
		   MAP_SHARED, fd, 0);
	close(fd);
	if (lab == MAP_FAILED) {
		lab = NULL;
		return -errno;
	}
	if (at_lab_get(METIS_LAB_MAGIC) != METIS_LAB_MAGIC_VALUE ||
	    at_lab_get(METIS_LAB_VERSION) != METIS_LAB_VERSION_VALUE)
		return -EPROTO;
	return 0;
}

uint32_t at_lab_get(enum metis_lab_reg reg)
{
	return lab[reg / 4];
}

void at_lab_set(enum metis_lab_reg reg, uint32_t value)
{
	lab[reg / 4] = value;
}

uint64_t at_lab_get64(enum metis_lab_reg reg)
{
	uint32_t lo = lab[reg / 4], hi = lab[reg / 4 + 1];

	return lo | (uint64_t)hi << 32;
}

void at_lab_set64(enum metis_lab_reg reg, uint64_t value)
{
	lab[reg / 4] = (uint32_t)value;
	lab[reg / 4 + 1] = (uint32_t)(value >> 32);
}

/* The values of the first test of this boot are the ones to come back to */
void at_lab_reset(void)
{
	static const char path[] = "/tmp/axltest.lab-defaults";
	uint32_t values[at_array_size(tunables)];
	size_t i;
	int fd;

	at_lab_set(METIS_LAB_UNDO, 1);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (read(fd, values, sizeof(values)) == sizeof(values))
			for (i = 0; i < at_array_size(tunables); i++)
				if (at_lab_get(tunables[i]) != values[i])
					at_lab_set(tunables[i], values[i]);
	} else {
		for (i = 0; i < at_array_size(tunables); i++)
			values[i] = at_lab_get(tunables[i]);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (write(fd, values, sizeof(values)) != sizeof(values))
			at_msg("%s cannot be written", path);
	}
	close(fd);
}

/* Every process needs an open file of its own: flock() belongs to it */
void at_lab_lock(void)
{
	if (lab_lock_fd < 0 || lab_lock_pid != getpid()) {
		lab_lock_fd = open("/tmp/axltest.lab-lock",
				   O_RDWR | O_CREAT | O_CLOEXEC, 0666);
		lab_lock_pid = getpid();
	}
	flock(lab_lock_fd, LOCK_EX);
}

void at_lab_unlock(void)
{
	flock(lab_lock_fd, LOCK_UN);
}

bool at_lab_dead(void)
{
	return at_lab_get(METIS_LAB_LINK) == 2;
}

const char *at_police_name(unsigned int kind)
{
	static const char *const names[] = {
#define NAME(name, number, text) [number] = #name,
		METIS_POLICE_KINDS(NAME)
#undef NAME
	};

	return kind < at_array_size(names) && names[kind] ? names[kind] : "?";
}

uint64_t at_scratch_l2(const struct axl_ioc_query *q)
{
	return q->l2_base + AT_L2_SCRATCH;
}

uint64_t at_scratch_ddr(const struct axl_ioc_query *q)
{
	return q->ddr_base + AT_DDR_SCRATCH;
}

static int dev_result(void)
{
	return at_lab_get(METIS_LAB_DEV_RESULT) ? -EFAULT : 0;
}

int at_dev_read(uint64_t addr, void *buf, size_t length)
{
	uint8_t *p = buf;
	int err = 0;

	at_lab_lock();
	at_lab_set64(METIS_LAB_DEV_ADDR, addr);
	while (length && !err) {
		uint32_t word = at_lab_get(METIS_LAB_DEV_DATA);
		size_t n = length < 4 ? length : 4;

		memcpy(p, &word, n);
		p += n;
		length -= n;
		err = dev_result();
	}
	at_lab_unlock();
	return err;
}

int at_dev_write(uint64_t addr, const void *buf, size_t length)
{
	const uint8_t *p = buf;
	int err = 0;

	at_lab_lock();
	while (length && !err) {
		size_t n = length < 4 ? length : 4;
		uint32_t word;

		at_lab_set64(METIS_LAB_DEV_ADDR, addr);
		if (n < 4) {
			word = at_lab_get(METIS_LAB_DEV_DATA);
			at_lab_set64(METIS_LAB_DEV_ADDR, addr);
		}
		memcpy(&word, p, n);
		at_lab_set(METIS_LAB_DEV_DATA, word);
		p += n;
		addr += n;
		length -= n;
		err = dev_result();
	}
	at_lab_unlock();
	return err;
}

int at_dev_fill(uint64_t addr, uint8_t byte, size_t length)
{
	int err;

	at_lab_lock();
	at_lab_set64(METIS_LAB_DEV_ADDR, addr);
	at_lab_set64(METIS_LAB_DEV_LEN, length);
	at_lab_set(METIS_LAB_DEV_FILL, byte * 0x01010101U);
	err = dev_result();
	at_lab_unlock();
	return err;
}

int at_dev_crc(uint64_t addr, size_t length, uint32_t *crc)
{
	int err;

	at_lab_lock();
	at_lab_set64(METIS_LAB_DEV_ADDR, addr);
	at_lab_set64(METIS_LAB_DEV_LEN, length);
	*crc = at_lab_get(METIS_LAB_DEV_CRC);
	err = dev_result();
	at_lab_unlock();
	return err;
}

int at_dev_differs(uint64_t addr, const void *buf, size_t length)
{
	uint32_t crc;
	int err = at_dev_crc(addr, length, &crc);

	return err ? err : crc != at_crc32(0, buf, length);
}

int at_bus_write32(uint64_t addr, uint32_t value)
{
	int result;

	at_lab_lock();
	at_lab_set64(METIS_LAB_BUS_ADDR, addr);
	at_lab_set64(METIS_LAB_BUS_DATA, value);
	at_lab_set(METIS_LAB_BUS_WRITE, 4);
	result = at_lab_get(METIS_LAB_BUS_RESULT);
	at_lab_unlock();
	return result;
}

int at_bus_read32(uint64_t addr, uint32_t *value)
{
	int result;

	at_lab_lock();
	at_lab_set64(METIS_LAB_BUS_ADDR, addr);
	at_lab_set(METIS_LAB_BUS_READ, 4);
	*value = at_lab_get64(METIS_LAB_BUS_DATA);
	result = at_lab_get(METIS_LAB_BUS_RESULT);
	at_lab_unlock();
	return result;
}

int at_list_buffer(const struct at_ctx *t, uint64_t *addr, uint64_t *size)
{
	if (t->q.features & AXL_FEAT_DMA_LIST) {
		*addr = at_lab_get64(METIS_LAB_DESC_BASE);
		*size = at_lab_get64(METIS_LAB_DESC_SIZE);
		return *size ? 0 : -EPROTO;
	}
	*size = 32640;
	*addr = t->q.l2_base + t->q.l2_size - *size;
	return 0;
}

uint32_t at_channel_bit(uint32_t direction, unsigned int channel)
{
	return direction == AXL_TO_DEVICE ? METIS_LAB_RD_CH(channel) :
					    METIS_LAB_WR_CH(channel);
}

void at_slow_engine(size_t step, size_t bytes, uint64_t ns)
{
	at_lab_set(METIS_LAB_STEP_BYTES, step);
	at_lab_set(METIS_LAB_STEP_NS, ns * step / bytes);
}

unsigned int at_engine_running(void)
{
	return __builtin_popcount(at_lab_get(METIS_LAB_RUNNING));
}

static bool engine_becomes(bool running, uint64_t timeout_ns)
{
	uint64_t end = at_now() + timeout_ns;

	while (!!at_engine_running() != running) {
		if (at_now() > end)
			return false;
		at_sleep_ms(1);
	}
	return true;
}

bool at_engine_runs(uint64_t timeout_ns)
{
	return engine_becomes(true, timeout_ns);
}

bool at_engine_rests(uint64_t timeout_ns)
{
	return engine_becomes(false, timeout_ns);
}

uint32_t at_down_accesses(void)
{
	return at_lab_get(METIS_LAB_DOWN_READS) +
	       at_lab_get(METIS_LAB_DOWN_WRITES);
}

uint32_t at_doorbells(uint32_t direction)
{
	return at_lab_get(direction == AXL_TO_DEVICE ? METIS_LAB_DOORBELLS_RD :
			  METIS_LAB_DOORBELLS_WR);
}

uint32_t at_doorbells_both(void)
{
	return at_doorbells(AXL_TO_DEVICE) + at_doorbells(AXL_FROM_DEVICE);
}

uint32_t at_doorbells_wait(uint32_t direction, uint32_t want)
{
	uint64_t end = at_now() + AT_SOON;

	while ((int32_t)(at_doorbells(direction) - want) < 0 && at_now() < end)
		at_sleep_ms(1);
	return at_doorbells(direction);
}

bool at_silent(const struct axl_ioc_query *q)
{
	return !q->vectors ||
	       at_lab_get(METIS_LAB_VARIANT) & METIS_LAB_VARIANT_NO_MSI;
}

/* ---- around every test ---- */

static char why_text[1024];

#define why(...) (snprintf(why_text, sizeof(why_text), __VA_ARGS__), why_text)

static const char *bring_up(struct at_ctx *t)
{
	int err;

	if (at_pci_find(&t->pci)) {
		at_pci_rescan();
		err = at_pci_find(&t->pci);
		if (err)
			return why("no Metis on the bus: %s", strerror(-err));
	}
	if (!at_module_loaded()) {
		err = at_module_load();
		if (err)
			return why("axl.ko cannot be loaded: %s",
				   strerror(-err));
	}
	if (at_driver_bound(&t->pci) != 1)
		at_write_text("/sys/bus/pci/drivers_probe", t->pci.bdf);

	t->fd = at_open();
	if (t->fd < 0)
		return why("the node does not open: %s", strerror(-t->fd));
	err = at_query(t->fd, &t->q);
	if (err)
		return why("QUERY: %s", strerror(-err));
	return NULL;
}

const char *at_begin(struct at_ctx *t, unsigned int flags)
{
	const char *text;
	uint64_t end;
	int err;

	memset(t, 0, sizeof(*t));
	t->fd = -1;
	t->log.fd = -1;
	t->flags = flags;

	err = at_lab_open();
	if (err)
		return why("no lab function: %s", strerror(-err));
	if (at_lab_dead())
		return "the card died for good in an earlier test";
	at_lab_reset();

	/* A card that an earlier test left restarting comes back by itself */
	end = at_now() + AT_SOON;
	while (at_lab_get(METIS_LAB_LINK) != 1 && at_now() < end)
		at_sleep_ms(10);

	/* One that hangs does not */
	while (at_lab_get(METIS_LAB_FW_STATE) == METIS_EMU_STARTING &&
	       at_now() < end)
		at_sleep_ms(10);
	if (at_lab_get(METIS_LAB_FW_STATE) == METIS_EMU_STARTING) {
		at_msg("firmware hangs since an earlier test");
		at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_BOOTLOADER);
		at_sleep_ms(500);
	}

	text = bring_up(t);
	if (!text && t->q.fw_state == AXL_FW_DEAD) {
		at_msg("the driver gave the card up earlier: remove, rescan");
		close(t->fd);
		at_pci_remove(&t->pci);
		at_pci_rescan();
		text = bring_up(t);
	}
	end = at_now() + AT_SOON;
	while (!text && t->q.fw_state == AXL_FW_STARTING && at_now() < end) {
		at_sleep_ms(10);
		if (at_query(t->fd, &t->q))
			return "QUERY fails";
	}
	if (!text && (flags & AT_NEEDS_RUNNING) &&
	    t->q.fw_state != AXL_FW_RUNNING) {
		err = at_fw_run(t->fd);
		if (err)
			return why("firmware does not load: %s",
				   strerror(-err));
		err = at_query(t->fd, &t->q);
		if (err)
			return why("QUERY: %s", strerror(-err));
	}
	if (text)
		return text;
	if (flags & AT_NO_OPEN) {
		close(t->fd);
		t->fd = -1;
	}

	err = at_log_open(&t->log);
	if (err)
		return why("/dev/kmsg: %s", strerror(-err));
	t->police = at_lab_get(METIS_LAB_POLICE_TOTAL);
	t->stray = at_lab_get(METIS_LAB_STRAY_WRITES);
	return NULL;
}

/* Transfers are polled although the engine's messages could arrive */
static bool left_polled(const struct at_ctx *t)
{
	struct axl_ioc_query q;

	return t->fd >= 0 && !at_query(t->fd, &q) &&
	       q.delivery == AXL_DELIVERY_POLLED && !at_silent(&q);
}

const char *at_end(struct at_ctx *t)
{
	bool polled = t->log.fd >= 0 && left_polled(t);
	const char *text = NULL;
	uint32_t police;

	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	if (t->log.fd < 0)
		return NULL;	/* begin() failed and said why */
	/* The interrupt that prints an IOMMU event may be on its way */
	at_sleep_ms(2);
	at_log_read(&t->log);
	if (t->log.count[AT_LOG_WARN] && !(t->flags & AT_PROVOKES_WARN))
		text = why("the kernel complains: %s",
			   t->log.first[AT_LOG_WARN]);
	else if (t->log.count[AT_LOG_SMMU] && !(t->flags & AT_PROVOKES_SMMU))
		text = why("%u IOMMU events, the first: %s",
			   t->log.count[AT_LOG_SMMU],
			   t->log.first[AT_LOG_SMMU]);
	else if (t->log.count[AT_LOG_SILENT] && !at_silent(&t->q) &&
		 !(t->flags & AT_PROVOKES_SILENCE))
		text = why("messages did not arrive: %s",
			   t->log.first[AT_LOG_SILENT]);
	else if (polled && !(t->flags & AT_PROVOKES_SILENCE))
		text = why("transfers are polled, although messages arrive");
	at_log_close(&t->log);
	if (text)
		return text;

	police = at_lab_get(METIS_LAB_POLICE_TOTAL);
	if (police != t->police && !(t->flags & AT_PROVOKES_POLICE))
		return why("%u violations, the last: %s, offset %#llx, value %#llx",
			   police - (uint32_t)t->police,
			   at_police_name(at_lab_get(METIS_LAB_POLICE_LAST_KIND)),
			   (unsigned long long)at_lab_get64(METIS_LAB_POLICE_LAST_OFFSET),
			   (unsigned long long)at_lab_get64(METIS_LAB_POLICE_LAST_VALUE));
	if (at_lab_get(METIS_LAB_STRAY_WRITES) != t->stray &&
	    !(t->flags & (AT_PROVOKES_SMMU | AT_PROVOKES_STRAY)))
		return "firmware wrote a slot while no table was published";
	return NULL;
}
