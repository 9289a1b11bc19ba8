/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The emulated board seen from the side: the lab function (counters, controls,
 * device memory without the engine under test: liblab.c) and the emulated firmware's
 * conventions (images, mailbox: libfirmware.c).
 */
#ifndef AXLTEST_LAB_H
#define AXLTEST_LAB_H

#include "libaxltest.h"
#include "metis_emu.h"
#include "metis_lab.h"

/* Scratch areas: no firmware structure, no image and no list lies there */
#define AT_L2_SCRATCH		0x00200000ULL	/* from the start of L2 */
#define AT_L2_SCRATCH_SIZE	0x01c00000ULL	/* 28 MiB */
#define AT_L2_IMAGE		0x00100000ULL	/* where good images go */
#define AT_DDR_SCRATCH		0x00400000ULL
#define AT_DDR_IMAGE		0x00200000ULL

int at_lab_open(void);
uint32_t at_lab_get(enum metis_lab_reg reg);
void at_lab_set(enum metis_lab_reg reg, uint32_t value);
uint64_t at_lab_get64(enum metis_lab_reg reg);
void at_lab_set64(enum metis_lab_reg reg, uint64_t value);
void at_lab_reset(void);	/* every control as it was after power-on */
/* Several registers that belong together; processes take turns */
void at_lab_lock(void);
void at_lab_unlock(void);
bool at_lab_dead(void);
/* No message gets to the driver: the board loses them, or there is no vector */
bool at_silent(const struct axl_ioc_query *q);
const char *at_police_name(unsigned int kind);

uint64_t at_scratch_l2(const struct axl_ioc_query *q);
uint64_t at_scratch_ddr(const struct axl_ioc_query *q);	/* needs FEAT_DDR */

/* Device memory by device address */
int at_dev_read(uint64_t addr, void *buf, size_t length);
int at_dev_write(uint64_t addr, const void *buf, size_t length);
int at_dev_fill(uint64_t addr, uint8_t byte, size_t length);
int at_dev_crc(uint64_t addr, size_t length, uint32_t *crc);
/* 0 if the device has the same bytes, 1 if not, or -errno */
int at_dev_differs(uint64_t addr, const void *buf, size_t length);

/* A bus access in the name of the Metis; MemTxResult (0: accepted) */
int at_bus_write32(uint64_t addr, uint32_t value);
int at_bus_read32(uint64_t addr, uint32_t *value);

/* The engine's list buffer: what the device publishes, else the fixed place */
int at_list_buffer(const struct at_ctx *t, uint64_t *addr, uint64_t *size);

/* A channel's bit in the lab's masks */
uint32_t at_channel_bit(uint32_t direction, unsigned int channel);

/* Have the engine move @bytes in @ns of the board's time, @step at a time */
void at_slow_engine(size_t step, size_t bytes, uint64_t ns);
unsigned int at_engine_running(void);	/* channels */
/* Wait until a channel runs, or until none does; false after @timeout_ns */
bool at_engine_runs(uint64_t timeout_ns);
bool at_engine_rests(uint64_t timeout_ns);

/* Accesses of the host to BARs while the link was down */
uint32_t at_down_accesses(void);

/* Start doorbells so far: of a direction, of both */
uint32_t at_doorbells(uint32_t direction);
uint32_t at_doorbells_both(void);
/*
 * The same, not before there are @want if they come at all: a waiter may wake
 * before the driver has started what it starts next.
 */
uint32_t at_doorbells_wait(uint32_t direction, uint32_t want);

/* Firmware images */
struct at_image {
	uint8_t *data;
	size_t size;
};

struct at_segment {
	uint64_t paddr;
	const void *data;
	size_t filesz;
	size_t memsz;
};

int at_elf_build(struct at_image *image, int elf_class, uint64_t entry,
		 const struct at_segment *segs, unsigned int nr);
/* The payload is @payload bytes of a pattern behind the header */
int at_image_build(struct at_image *image, const struct axl_ioc_query *q,
		   int elf_class, size_t payload);
int at_image_good(struct at_image *image, const struct axl_ioc_query *q,
		  int elf_class);
void at_image_free(struct at_image *image);
uint32_t at_start_opcode(void);
int at_fw_load(int fd, const struct at_image *image, struct axl_ioc_fw_load *load);
int at_fw_run(int fd);		/* load a good image; 0 when areas are there */
/*
 * Firmware that hangs is replaced by the bootloader, as by a push of a button,
 * which bounces the link; 0 when the driver is back at work.
 */
int at_cure(int fd);

/* All of BAR2 through the node; NULL if it cannot be mapped */
volatile uint8_t *at_map_l2(int fd, const struct at_ctx *t);

/* The mailbox through BAR2 as mapped from the node */
int at_mailbox(volatile uint8_t *bar2, uint32_t opcode, const void *msg,
	       uint32_t size, void *reply, uint32_t *reply_size);

#endif
