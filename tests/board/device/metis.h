/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Emulated Metis: state of the card and what its files offer each other.
 *
 * Owners:
 *   metis_pci.c          the PCI function: identity, configuration space, BARs, bus access
 *   metis_link.c         the link to the port above
 *   metis_msg.c          messages of the engine and of firmware
 *   metis_edma.c         the DMA engine behind BAR0
 *   metis_fw.c           the card's firmware: starts and restarts, the host's writes, events
 *   metis_fw_areas.c     what firmware publishes: shared area, areas, streams
 *   metis_fw_requests.c  what firmware does on request: mailbox, contexts
 *   metis_hostile.c      bad values that firmware may be told to publish
 *   metis_mem.c          device memory (L2, DDR), counters, police
 *   metis_lab.c          the lab function: registers over all of the above
 *
 * Everything runs under QEMU's big lock: MMIO handlers and timers never run at
 * the same time. A DMA access of the model may however reach the model's own
 * registers (a guest can aim a transfer at any BAR), so code that has touched
 * the bus looks at its own state again before it goes on.
 */
#ifndef METIS_H
#define METIS_H

#include "qemu/osdep.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "qemu/bswap.h"
#include "qemu/notify.h"
#include "hw/pci/pci.h"
#if __has_include("hw/pci/pci_device.h")
#include "hw/pci/pci_device.h"
#endif
#include "hw/pci/msi.h"
#include "hw/pci/pcie.h"
#include "hw/qdev-properties.h"
#include "qom/object.h"
#include "metis_lab.h"
#include "metis_emu.h"

#define QEMU_AT_LEAST(major, minor) \
	(QEMU_VERSION_MAJOR > (major) || \
	 (QEMU_VERSION_MAJOR == (major) && QEMU_VERSION_MINOR >= (minor)))

/* QEMU 10.1 and later pass class data as const */
#if QEMU_AT_LEAST(10, 1)
#define METIS_CLASS_DATA	const void
#define METIS_IFACES		const InterfaceInfo
#else
#define METIS_CLASS_DATA	void
#define METIS_IFACES		InterfaceInfo
#endif

/* and property lists became const, without a terminator, in 10.0 */
#if QEMU_AT_LEAST(10, 0)
#define METIS_PROPERTY		const Property
#define METIS_PROPERTY_END
#else
#define METIS_PROPERTY		Property
#define METIS_PROPERTY_END	DEFINE_PROP_END_OF_LIST(),
#endif

#if QEMU_AT_LEAST(9, 2)
#define metis_set_reset(dc, fn)	device_class_set_legacy_reset(dc, fn)
#else
#define metis_set_reset(dc, fn)	((dc)->reset = (fn))
#endif

#define TYPE_METIS		"metis"
#define TYPE_METIS_LAB		"metis-lab"
OBJECT_DECLARE_SIMPLE_TYPE(MetisState, METIS)

#define METIS_CAP_PM		0x40		/* the first capability */
#define METIS_BAR0_SIZE		(4 * KiB)
#define METIS_L2_BASE		0x08000000ull
#define METIS_L2_SIZE		0x02000000ull
#define METIS_SHARED_SIZE	0x10000ull	/* firmware's part of L2, trapped */
#define METIS_MAX_VECTORS	32
#define METIS_CHANNELS		4		/* per direction */
#define METIS_CONTEXTS		4
#define METIS_VMSI_SLOTS	1024

/* ---- DMA engine ---- */

enum { METIS_WR = 0, METIS_RD = 1, METIS_DIRS = 2 };

typedef enum {
	CH_IDLE,
	CH_MOVING,	/* the next tick moves data */
	CH_ENDING,	/* all data moved; the next tick reports the end */
	CH_LATE,	/* message sent; the next tick sets CS 3 (LATE_CS_NS) */
} MetisPhase;

typedef struct MetisChannel {
	MetisState *s;
	unsigned int dir, nr;
	QEMUTimer *timer;
	/* registers */
	uint32_t control1;		/* without CS */
	uint32_t control2;
	uint32_t size;
	uint64_t sar, dar, llp;
	/* what the engine is doing */
	MetisPhase phase;
	uint32_t cs;			/* when idle */
	uint32_t run;			/* counts starts: detects a restart behind our back */
	int64_t cs_visible;		/* CS reads 0 until this time */
	bool loaded;			/* sar/dar/size hold a block in progress */
	uint32_t element;		/* control word of the current element */
	bool message_due;		/* a finished element asked for RIE */
	uint64_t element_at;		/* its device address (police) */
} MetisChannel;

typedef struct MetisEngine {
	MetisChannel ch[METIS_DIRS][METIS_CHANNELS];
	uint32_t enable[METIS_DIRS];
	uint32_t int_status[METIS_DIRS];
	uint32_t err[METIS_DIRS][2];	/* write: [0] only */
	uint32_t plain[METIS_BAR0_SIZE / 4];	/* registers that just hold a value */
	/* under the lab's control */
	uint32_t hang_soft, hang_hard, abort_next, abort_cause, freeze, late_cs_ns;
	uint32_t ignore_stop;
} MetisEngine;

/* ---- firmware ---- */

/* Offsets in the shared area (the contract's section 3) */
#define SH_MAGIC		0x000
#define SH_BASE			0x008
#define SH_SIZE			0x010
#define SH_VERSION		0x200
#define SH_MEMORY_MAP		0x208
#define SH_DMA_VM		0x218
#define SH_LOAD_ADDR		0x238
#define SH_REF_STREAMS		0x240
#define SH_REF_BOARD		0x258
#define SH_REF_CONTEXTS		0x288
#define SH_REF_HOSTDRV		0x2b8
#define SH_REF_DESC		0x2d0
#define SH_REF_VMSI		0x2e8
#define SH_REF_END		0x300

#define SH_MAGIC_VALUE		0xfd1f
#define DMA_VM_VALUE		0xc1a0c1a0u

/* and in the areas (sections 4 and 5) */
#define HOSTDRV_SIZE		24
#define HOSTDRV_CTRL		0
#define HOSTDRV_BASE		4
#define HOSTDRV_TARGET		8
#define HOSTDRV_BYTES		16

#define CTX_SIZE		80
#define CTX_MSI			40
#define CTX_CMD			48
#define CTX_STS			56
#define CTX_ARG			64

#define STREAM_RECORD		264
#define STREAM_READ		(STREAM_RECORD + 0)
#define STREAM_CAPACITY		(STREAM_RECORD + 4)
#define STREAM_WRITE		(STREAM_RECORD + 8)
#define STREAM_REG		(STREAM_RECORD + 12)
#define STREAM_RING		(STREAM_RECORD + 16)
#define STREAM_RING_SIZE	(STREAM_RECORD + 24)
#define STREAM_TYPE		(STREAM_RECORD + 32)
#define STREAM_NAME		(STREAM_RECORD + 44)
#define STREAM_SIZE		80
#define STREAMS_SIZE		(STREAM_RECORD + METIS_STREAMS * STREAM_SIZE)
#define STREAM_REG_VMSI		0x3ffu
#define STREAM_REG_ENABLED	(1u << 31)

#define DESC_REF_SIZE		16
#define BOARD_SIZE		64
#define VMSI_ENTRIES		32
#define VMSI_SIZE		(4 + 8 * VMSI_ENTRIES + METIS_VMSI_SLOTS)

/* Records of the data streams; the contract's fields lie at STREAM_* + STREAM_SIZE * n */
enum { METIS_LOG, METIS_TRACE, METIS_STREAMS };

#define METIS_LOG_CAPACITY	2048
#define METIS_TRACE_CAPACITY	0x40000
#define METIS_DESC_SIZE		0x8000
#define METIS_OLD_DESC		0x01ff8080	/* where firmware <= 1.5.0 leaves room for lists */
#define METIS_OLD_DESC_SIZE	32640

#define PMSI_MAILBOX		12
#define PMSI_DEVICE		24

typedef struct MetisLayout {
	uint32_t hostdrv, desc_ref, board, contexts, vmsi, streams, ring;
	uint32_t trace;			/* ring of the trace */
	uint32_t desc;			/* the descriptor buffer itself */
} MetisLayout;

typedef enum {
	NEXT_RUNTIME, NEXT_KEPT, NEXT_BOOTLOADER, NEXT_POWER_ON, NEXT_SAME, NEXT_NEVER
} MetisNext;

typedef struct MetisFirmware {
	enum metis_emu_state state;
	uint32_t generation;
	bool dead;			/* lab: never answers again */
	bool no_areas;			/* start fault: stay in STARTING */
	MetisLayout at;
	bool areas;			/* published */
	/* outbound window, as latched when the host wrote ctrl */
	bool target_on;
	bool need_target;		/* not published since this firmware started */
	uint64_t target;
	uint32_t target_size;
	/* mailbox */
	bool mbox_touched, mbox_busy;
	uint32_t mbox_op, mbox_len;
	uint8_t mbox_msg[METIS_EMU_MBOX_MSG_MAX];
	bool start_reply;		/* answer START when the areas appear */
	bool start_event;		/* its event 12 is still due */
	/* RAISE */
	uint32_t raise_nr, raise_left, raise_period_us;
	/* contexts */
	bool ctx_touched[METIS_CONTEXTS], ctx_busy[METIS_CONTEXTS];
	uint64_t ctx_arg[METIS_CONTEXTS];
	/* rings: the producer's position is ours, the consumer's is the host's */
	uint32_t stream_write[METIS_STREAMS], log_line;
	uint64_t traced;		/* bytes since this firmware started */
	QEMUTimer *poll, *mbox_timer, *raise_timer, *area_timer, *ctx_timer[METIS_CONTEXTS];
	struct MetisCtxArg { MetisState *s; unsigned int nr; } ctx_opaque[METIS_CONTEXTS];
	/* under the lab's control */
	uint32_t start_fault, mbox_mute, mbox_delay_us, job_us, job_hang;
	uint32_t hostile, hostile_seed;
	bool flip;
} MetisFirmware;

/* Messages of the engine that are under way (MSG_DELAY_MS) */
#define METIS_LATE_MAX	64

typedef struct MetisLateMsg {
	int64_t due;			/* virtual time, ns */
	uint64_t addr;
	uint32_t data;
} MetisLateMsg;

typedef struct MetisLate {
	QEMUTimer *timer;
	MetisLateMsg msg[METIS_LATE_MAX];	/* a ring */
	unsigned int first, count;
} MetisLate;

struct MetisState {
	PCIDevice parent_obj;

	MemoryRegion bar0, bar2, l2_mr, shared_mr, down_mr;
	uint8_t *l2, *ddr;
	uint64_t ddr_size;

	/* link */
	bool link_up, dead, flr;
	bool back_due;			/* the link is to come up in map_bh */
	bool down_shown;		/* down_mr covers BAR2 */
	bool away;			/* has not come back from a reset (NOT_READY) */
	bool kept;			/* this bounce resets nothing (LINK_KEEP) */
	unsigned int on_bus;		/* depth of our own bus accesses */
	MetisNext next;
	QEMUTimer *link_timer;
	QEMUBH *map_bh;
	Notifier shutdown;		/* tell-reset */
	uint64_t refused;		/* accesses since bus mastering went off */

	MetisEngine dma;
	MetisFirmware fw;

	/* counters: index is (register offset - 0x100) / 4; a C64 uses one slot */
	uint64_t count[0x200 / 4];
	uint32_t police[METIS_POLICE_COUNT], police_printed[METIS_POLICE_COUNT];
	uint32_t police_total, police_kind;
	uint64_t police_offset, police_value;
	MetisLate late;
	uint32_t lose_msgs, lose_kinds, msg_delay_ms, not_ready, link_keep;
	uint32_t read_fail_at, read_fails;
	uint32_t drop_read, drop_skip;
	bool drop_near;			/* drop_read was read: drop_skip counts down */

	/* properties */
	char *fw_name, *boot, *pmsi_fold;
	bool alpha, wedged, dma_vm, msi_deliver, early_reply, int_status, trap_bar2, verbose, tell_reset;
	bool microsemi;
	uint32_t bar2_mib, ddr_mib, msi_vectors, channels;
	uint32_t link_down_ms, area_delay_ms, step_bytes, step_ns, cs_delay_ns;
	bool old_fw, boot_runtime, fold_mod;
};

/* metis_mem.c */
void metis_count_add(MetisState *s, unsigned int reg, uint64_t n);
void metis_police(MetisState *s, enum metis_police kind, uint64_t offset, uint64_t value);
void metis_note(MetisState *s, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
uint8_t *metis_mem(MetisState *s, uint64_t addr, uint64_t len);
uint32_t metis_crc32(const uint8_t *p, uint64_t len);
void metis_mem_written(MetisState *s, uint64_t addr, uint64_t len);

static inline void metis_count(MetisState *s, unsigned int reg)
{
	metis_count_add(s, reg, 1);
}

static inline bool metis_in_l2(uint64_t addr)
{
	return addr >= METIS_L2_BASE && addr - METIS_L2_BASE < METIS_L2_SIZE;
}

/* ldl_le_p() is signed: a length or an index must not be */
static inline uint32_t get32(const void *p)
{
	return ldl_le_p(p);
}

static inline int64_t metis_now(void)
{
	return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

/* metis_pci.c: the card's way to the bus. 0 or a MemTxResult */
MemTxResult metis_bus_read(MetisState *s, uint64_t addr, void *buf, uint32_t len);
MemTxResult metis_bus_write(MetisState *s, uint64_t addr, const void *buf, uint32_t len);
bool metis_accessible(MetisState *s);
bool metis_master(MetisState *s);
bool metis_may_master(MetisState *s);

/* metis_link.c */
void metis_link_init(MetisState *s);
void metis_link_exit(MetisState *s);
void metis_link_down(MetisState *s, uint32_t ms, MetisNext next);
void metis_set_link_active(MetisState *s, bool active);
void metis_update_bars(MetisState *s);
void metis_die(MetisState *s, uint32_t how);
void metis_power_cycle(MetisState *s);
void metis_set_not_ready(MetisState *s, bool on);
typedef void MetisConfigWrite(PCIDevice *pdev, uint32_t addr, uint32_t val, int len);
void metis_config_write(PCIDevice *pdev, uint32_t addr, uint32_t val, int len,
			MetisConfigWrite *write);

/* metis_msg.c */
void metis_msg_init(MetisState *s);
void metis_msg_exit(MetisState *s);
bool metis_lose(MetisState *s, uint32_t kind);
void metis_send_imwr(MetisState *s, uint64_t addr, uint32_t data);
void metis_send_pmsi(MetisState *s, unsigned int nr);
unsigned int metis_fold(MetisState *s, unsigned int nr);

/* metis_edma.c */
void metis_edma_init(MetisState *s);
void metis_edma_exit(MetisState *s);
void metis_edma_reset(MetisState *s);
uint64_t metis_edma_read(MetisState *s, hwaddr off, unsigned int size);
void metis_edma_write(MetisState *s, hwaddr off, uint64_t val, unsigned int size);
void metis_edma_kick(MetisState *s);
uint32_t metis_edma_running(MetisState *s);
void metis_edma_set_imwr(MetisState *s, uint64_t addr, uint32_t base_data);

/* metis_fw.c */
void metis_fw_init(MetisState *s);
void metis_fw_exit(MetisState *s);
void metis_fw_power_on(MetisState *s);
void metis_fw_stop(MetisState *s);
void metis_fw_boot(MetisState *s, MetisNext next);
void metis_fw_function_reset(MetisState *s);
void metis_fw_config_written(MetisState *s, bool was_master);
void metis_fw_touched(MetisState *s, uint64_t off, uint64_t len);
void metis_fw_before_write(MetisState *s, uint64_t off, uint64_t len, const uint8_t *data);
void metis_fw_raise(MetisState *s, unsigned int nr);
void metis_fw_vmsi(MetisState *s, unsigned int nr);
void metis_fw_police(MetisState *s, enum metis_police kind, uint64_t off, uint64_t val);
void metis_fw_warm_restart(MetisState *s, bool moved);
void metis_fw_silent_restart(MetisState *s);
void metis_fw_die(MetisState *s);

/* metis_fw_areas.c */
void metis_fw_header(MetisState *s);
void metis_fw_areas(MetisState *s);
void metis_fw_desc(MetisState *s, uint64_t *base, uint64_t *size);
void metis_fw_log(MetisState *s, const char *text, uint32_t len);
uint32_t metis_fw_trace(MetisState *s, uint32_t len);
uint32_t metis_fw_capacity(unsigned int stream);

/* metis_fw_requests.c */
void metis_fw_answer(MetisState *s, uint32_t op, int32_t status, const void *payload,
		     uint32_t len);
void metis_fw_mbox_tick(void *opaque);
void metis_fw_mbox_poll(MetisState *s);
void metis_fw_ctx_tick(void *opaque);
void metis_fw_ctx_poll(MetisState *s, unsigned int nr);

/* metis_hostile.c */
void metis_hostile_apply(MetisState *s);
void metis_hostile_read(MetisState *s, uint64_t off, unsigned int size, uint64_t *val);

#endif
