/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the self-test share: the card by vfio, the lab, the engine's
 * registers and firmware's conventions.
 */
#ifndef SELFTEST_H
#define SELFTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

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

extern char card[64], port[64];
extern int container, device, irq[VECTORS];
extern volatile uint8_t *bar0, *bar2;
extern volatile uint32_t *lab_bar;
extern off_t config_at;
extern uint64_t msi_addr;
extern uint32_t msi_data;
extern uint64_t ddr;
extern uint8_t *buf;
extern uint32_t *table;

/* Device properties that this run has to allow for */
extern unsigned int vectors;
extern bool old_fw, dma_vm;
extern uint32_t card_id;

extern unsigned int test_nr, failures;
extern bool failed;
extern unsigned int hostdrv;		/* where the host-driver area is in L2 */

struct element {
	uint32_t control, size;
	uint64_t sar, dar;
};

/* ---- reporting ---- */

void bail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void check_at(const char *file, int line, bool ok, const char *what, uint64_t have,
	      uint64_t want);
uint64_t now_ms(void);

/* ---- lab ---- */

uint32_t lab(unsigned int reg);
uint64_t lab64(unsigned int reg);
void lab_set(unsigned int reg, uint32_t val);
void lab_set64(unsigned int reg, uint64_t val);
uint32_t police(enum metis_police kind);
uint32_t peek(uint64_t addr);
void poke(uint64_t addr, const void *data, size_t len);
uint32_t dev_crc(uint64_t addr, uint64_t len);
void fresh_counters(void);

/* ---- sysfs and vfio ---- */

/* Configuration space as the hardware has it, not as vfio shows it */
uint32_t raw_config(const char *dev, unsigned int off, unsigned int len);
unsigned int find_cap(const char *dev, uint8_t id);
void set_command(uint16_t cmd);
int map_iova(uint64_t iova, void *p, uint64_t size);
void unmap_iova(uint64_t iova, uint64_t size);
void enable_msi(void);
void find_functions(void);
void open_card(void);
unsigned int vec(unsigned int n);
/* Events on the vector of PMSI @nr within @ms; 0 when none came */
uint64_t events(unsigned int nr, int ms);
void drain(void);

/* ---- engine ---- */

uint32_t reg(unsigned int off);
void set(unsigned int off, uint32_t val);
void set64(unsigned int off, uint64_t val);
unsigned int cs(int d, int n);
unsigned int wait_cs(int d, int n);
/* IMWR from the MSI message */
void setup_engine(void);
void start(int d, int n, uint64_t dev, uint64_t bus, uint32_t size);
void start_list(int d, int n, uint64_t list);
void pattern(uint8_t *p, size_t len, uint32_t seed);
uint32_t crc32(const uint8_t *p, size_t len);

/* ---- firmware ---- */

uint32_t sh32(unsigned int off);
uint64_t sh64(unsigned int off);
void sh_set32(unsigned int off, uint32_t val);
void sh_set64(unsigned int off, uint64_t val);
unsigned int area(unsigned int ref, uint16_t magic);
void mbox_send(uint32_t op, const void *msg, uint32_t len);
/* A whole conversation: status, or 1 when no answer came */
int mbox(uint32_t op, const void *msg, uint32_t len);
bool wait_state(enum metis_emu_state state);
bool wait_link(unsigned int want);
void withdraw_table(void);
void publish_table(void);
/* What a host has to do after the function was reset */
void bring_up(bool with_table);

/* ---- checks ---- */

#define EQ(have, want) do { \
	uint64_t h_ = (have), w_ = (want); \
	check_at(__FILE__, __LINE__, h_ == w_, #have, h_, w_); \
} while (0)
#define YES(cond)	check_at(__FILE__, __LINE__, !!(cond), #cond, 0, 1)

/* Events that share a vector may have arrived together with others */
#define ONE_EVENT(nr) do { \
	uint64_t n_ = events(nr, 1000); \
	check_at(__FILE__, __LINE__, n_ == 1 || (n_ && vectors < VECTORS), "event " #nr, n_, 1); \
} while (0)

#define PROVOKE(kind, ...) do { \
	uint32_t before_ = police(METIS_POLICE_##kind); \
	__VA_ARGS__; \
	usleep(2000); \
	check_at(__FILE__, __LINE__, police(METIS_POLICE_##kind) == before_ + 1, #kind, \
		 police(METIS_POLICE_##kind), before_ + 1); \
} while (0)

/* ---- selftest_engine.c ---- */

void t_no_master(void);
void t_single(void);
void t_running(void);
void t_list(void);
void t_list_spin(void);
void t_refused_read(void);
void t_refused_write(void);
void t_imwr(void);
void t_stop(void);
void t_hang(void);
void t_aborts(void);
void t_police_engine(void);

/* ---- selftest_firmware.c ---- */

void t_bootloader(void);
void t_mailbox(void);
void put_image(uint64_t at, uint32_t payload, bool good);
void t_start_refused(void);
void t_start(void);
void t_dma_vm(void);
void t_early_reply(void);
void t_vmsi(void);
void t_police_firmware(void);
void t_contexts(void);
void t_log(void);
void t_trace(void);

/* ---- selftest_link.c ---- */

void t_bus(void);
void t_hostile(void);
void t_link_down(void);
void t_read_fails(void);
void t_link_keep(void);
void t_not_ready(void);
void t_restarts(void);
void t_drop_read(void);
void t_decode(void);
void t_back_to_bootloader(void);
void t_death(void);

#endif
