/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lab: registers of a second PCI function through which tests watch and
 * disturb an emulated Metis. Nothing here exists on a real card.
 *
 * Plain C, usable by the device model, by the guest's command line tool and by
 * tests. All registers are 32 bits wide, little-endian, in BAR0 of the lab
 * function; a 64-bit value is two registers, the low half first. From sysfs:
 * find the function by its ids, write 1 to "enable", map "resource0".
 */
#ifndef METIS_LAB_H
#define METIS_LAB_H

#define METIS_LAB_VENDOR_ID	0x1234
#define METIS_LAB_DEVICE_ID	0x1ab5
#define METIS_LAB_BAR0_SIZE	0x10000		/* page aligned for every page size */
#define METIS_LAB_MAGIC_VALUE	0x42414c4d	/* "MLAB" */
#define METIS_LAB_VERSION_VALUE	1

/*
 * Channel masks (HANG_*, ABORT_NEXT, RUNNING): bits 3:0 are write channels 0..3
 * (device to host), bits 7:4 are read channels 0..3 (host to device).
 */
#define METIS_LAB_WR_CH(n)	(1u << (n))
#define METIS_LAB_RD_CH(n)	(1u << (4 + (n)))

/*
 * Every register: R(name, offset, kind, text). Kinds: RO/RW/WO and the width;
 * writing a RW register does what its text says, at once. C32/C64 are
 * read-only counters that RESET_COUNTERS clears.
 *
 * MMIO counters count guest CPU accesses; an access of any width counts one.
 * BAR2_* counts the first 64 KiB (the shared area) unless the device property
 * trap-bar2=on traps the whole BAR.
 */
#define METIS_LAB_REGS(R) \
	/* what is there */ \
	R(MAGIC,		0x000, RO32, "METIS_LAB_MAGIC_VALUE") \
	R(VERSION,		0x004, RO32, "METIS_LAB_VERSION_VALUE") \
	R(BDF,			0x008, RO32, "bus << 8 | devfn of the Metis function watched") \
	R(FW_STATE,		0x00c, RO32, "enum metis_emu_state (metis_emu.h)") \
	R(LINK,			0x010, RO32, "0 down, 1 up, 2 dead for good") \
	R(VARIANT,		0x014, RO32, "METIS_LAB_VARIANT_* bits") \
	R(RUNNING,		0x018, RO32, "channel mask: channels that run now") \
	R(GENERATION,		0x01c, RO32, "firmware starts since power-on") \
	R(L2_BASE,		0x020, RO64, "device address of L2 (BAR2 offset 0)") \
	R(L2_SIZE,		0x028, RO64, "bytes of L2") \
	R(DDR_BASE,		0x030, RO64, "device address of DDR") \
	R(DDR_SIZE,		0x038, RO64, "bytes of DDR") \
	R(VCLOCK,		0x040, RO64, "virtual clock, ns; reading the low half latches the high half") \
	R(TARGET,		0x048, RO64, "outbound window target in force, 0 when none") \
	R(DESC_BASE,		0x050, RO64, "device address of the descriptor buffer in force") \
	R(DESC_SIZE,		0x058, RO64, "bytes of it") \
	/* counters */ \
	R(BAR0_READS,		0x100, C32, "CPU reads of BAR0") \
	R(BAR0_WRITES,		0x104, C32, "CPU writes of BAR0") \
	R(BAR2_READS,		0x108, C32, "CPU reads of BAR2 (trapped part)") \
	R(BAR2_WRITES,		0x10c, C32, "CPU writes of BAR2 (trapped part)") \
	R(CFG_READS,		0x110, C32, "configuration reads of the Metis function") \
	R(CFG_WRITES,		0x114, C32, "configuration writes") \
	R(DOWN_READS,		0x118, C32, "BAR reads while the link was down, or that READ_FAIL_AT let fail (answered with all ones)") \
	R(DOWN_WRITES,		0x11c, C32, "BAR writes while the link was down (dropped)") \
	R(DOORBELLS_WR,		0x120, C32, "start doorbells, write channels") \
	R(DOORBELLS_RD,		0x124, C32, "start doorbells, read channels") \
	R(STOPS,		0x128, C32, "stop doorbells and engine disables that stopped something") \
	R(QUIESCED,		0x12c, C32, "channels stopped along with a sibling, or by engine_en") \
	R(DONE_WR,		0x130, C32, "write channel runs that ended with CS 3") \
	R(DONE_RD,		0x134, C32, "read channel runs that ended with CS 3") \
	R(ABORT_WR,		0x138, C32, "write channel runs that ended with CS 2") \
	R(ABORT_RD,		0x13c, C32, "read channel runs that ended with CS 2") \
	R(ELEMENTS_WR,		0x140, C32, "list elements fetched, write channels") \
	R(ELEMENTS_RD,		0x144, C32, "list elements fetched, read channels") \
	R(FETCH_ERRORS,		0x148, C32, "list fetches that failed") \
	R(BYTES_WR,		0x150, C64, "bytes moved device to host") \
	R(BYTES_RD,		0x158, C64, "bytes moved host to device") \
	R(BYTES_DROPPED,	0x160, C64, "bytes of posted writes that were refused (lost silently)") \
	R(IMWR_SENT,		0x168, C32, "engine messages whose write was accepted") \
	R(IMWR_LOST,		0x16c, C32, "engine messages whose write failed, or IMWR address 0") \
	R(PMSI_SENT,		0x170, C32, "firmware messages (PMSI) sent") \
	R(PMSI_LOST,		0x174, C32, "PMSI not sent: MSI disabled, no bus mastering, link down") \
	R(PMSI_PENDING,		0x178, C32, "PMSI held back by the vector's mask bit") \
	R(MSG_DROPPED,		0x17c, C32, "messages swallowed by LOSE_MSGS or msi-deliver=off") \
	R(VMSI_WRITES,		0x180, C32, "vMSI slots written to a published target") \
	R(VMSI_LOST,		0x184, C32, "vMSI slot writes that were refused") \
	R(STRAY_WRITES,		0x188, C32, "vMSI slot writes to 0 + 4n: no target published") \
	R(STRAY_LAST,		0x18c, C32, "bus address of the last of these") \
	R(STRAY_RESULT,		0x190, C32, "its result: 0 accepted, else a QEMU MemTxResult") \
	R(MBOX_REQUESTS,	0x198, C32, "mailbox requests seen by firmware") \
	R(MBOX_REPLIES,		0x19c, C32, "mailbox replies written") \
	R(JOBS,			0x1a0, C32, "context jobs finished") \
	R(JOB_ERRORS,		0x1a4, C32, "of these with a negative status") \
	R(LOG_BYTES,		0x1a8, C32, "bytes put into the log stream") \
	R(LOG_DROPPED,		0x1ac, C32, "log bytes dropped because the ring was full") \
	R(LINK_BOUNCES,		0x1b0, C32, "times the link went down") \
	R(FLRS,			0x1b4, C32, "function level resets") \
	R(RESETS,		0x1b8, C32, "resets of any kind seen by the function") \
	R(NO_MASTER,		0x1bc, C32, "DMA pieces and messages refused because bus mastering was off") \
	R(LAST_MSG_ADDR,	0x1c0, C64, "address of the last engine message") \
	R(LAST_MSG_DATA,	0x1c8, C32, "data of the last engine message") \
	R(START_REFUSED,	0x1cc, C32, "START requests refused") \
	R(LAST_DMA_ADDR,	0x1d0, C64, "bus address of the last piece of data that a channel moved") \
	/* police: enum metis_police below */ \
	R(POLICE_TOTAL,		0x300, RO32, "violations since POLICE_RESET") \
	R(POLICE_LAST_KIND,	0x304, RO32, "enum metis_police of the last one") \
	R(POLICE_LAST_OFFSET,	0x308, RO64, "register offset or address it concerned") \
	R(POLICE_LAST_VALUE,	0x310, RO64, "value written, or the address or length at fault") \
	/* controls: housekeeping */ \
	R(RESET_COUNTERS,	0x800, WO32, "any value: all C32/C64 counters to 0") \
	R(POLICE_RESET,		0x804, WO32, "any value: police counters to 0") \
	R(UNDO,			0x808, WO32, "any value: hangs, aborts, losses, freezes, hostile values off; not a dead link") \
	/* controls: engine */ \
	R(HANG_SOFT,		0x810, RW32, "channel mask: a run makes no progress but obeys stop; the stop clears the bit") \
	R(HANG_HARD,		0x814, RW32, "channel mask: no progress, no stop, not even by engine_en; a reset clears the bit") \
	R(ABORT_NEXT,		0x818, RW32, "channel mask: the running or next transfer halts with CS 2; bit clears then") \
	R(ABORT_CAUSE,		0x81c, RW32, "enum metis_lab_cause for ABORT_NEXT") \
	R(FREEZE,		0x820, RW32, "1: channels start and stay running without progress until 0") \
	R(STEP_BYTES,		0x824, RW32, "bytes a channel moves per step (property step-bytes)") \
	R(STEP_NS,		0x828, RW32, "virtual time of a step (property step-ns)") \
	R(CS_DELAY_NS,		0x82c, RW32, "time that CS reads 0 after a doorbell (property cs-delay-ns)") \
	R(LATE_CS_NS,		0x830, RW32, "time from the last element's message to CS 3 (0: CS first)") \
	R(IGNORE_STOP,		0x834, RW32, "channel mask: no stop doorbell ends it, a sibling's neither; engine_en 0 does") \
	/* controls: messages and events */ \
	R(LOSE_MSGS,		0x840, RW32, "swallow the next n messages; reads what is left") \
	R(LOSE_KINDS,		0x844, RW32, "which: METIS_LAB_LOSE_* bits (default all)") \
	R(RAISE,		0x848, WO32, "firmware raises event n now: vMSI slot, then message") \
	R(RAISE_VMSI,		0x84c, WO32, "only the slot of vMSI n") \
	R(RAISE_PMSI,		0x850, WO32, "only message n") \
	/* controls: reads that fail */ \
	R(READ_FAIL_AT,		0x854, RW32, "the n-th read from now on of BAR0 or of BAR2's trapped part fails; counts down; 0: none") \
	R(READ_FAILS,		0x858, RW32, "how many fail then, the link up; 0: instead the link goes down, as by LINK_DOWN") \
	R(MSG_DELAY_MS,		0x85c, RW32, "time that messages of the engine are under way, in order") \
	/* controls: firmware and link */ \
	R(FW_RESTART,		0x860, WO32, "enum metis_lab_restart") \
	R(LINK_DOWN,		0x864, WO32, "link down for n ms now; firmware survives, config space does not") \
	R(DIE,			0x868, WO32, "enum metis_lab_die") \
	R(START_FAULT,		0x86c, RW32, "enum metis_lab_start_fault for the next start; then back to 0") \
	R(LINK_DOWN_MS,		0x870, RW32, "length of a bounce (property link-down-ms)") \
	R(AREA_DELAY_MS,	0x874, RW32, "link up to areas (property area-delay-ms)") \
	R(EARLY_REPLY,		0x878, RW32, "property early-reply") \
	R(MBOX_MUTE,		0x87c, RW32, "leave the next n mailbox requests unanswered") \
	R(MBOX_DELAY_US,	0x880, RW32, "time to answer a mailbox request") \
	R(JOB_US,		0x884, RW32, "time that a context job takes") \
	R(JOB_HANG,		0x888, RW32, "context mask: the next job never ends (until a firmware restart)") \
	R(LOG_BURST,		0x88c, WO32, "firmware logs n numbered lines now (10000 at most)") \
	R(HOSTILE,		0x890, RW32, "enum metis_lab_hostile: publish such values now and after restarts; 0 heals") \
	R(HOSTILE_SEED,		0x894, RW32, "seed for METIS_HOSTILE_RANDOM") \
	R(NOT_READY,		0x898, RW32, "1: after its next reset (FLR, hot reset) the function reads all ones, until 0") \
	R(LINK_KEEP,		0x89c, RW32, "1: LINK_DOWN does not reset the function: bus mastering and channels stay as they are") \
	R(DROP_READ,		0x838, RW32, "link down for LINK_DOWN_MS when the CPU reads this BAR2 offset (trapped part), which gives all ones; back to 0 then, which is off") \
	R(DROP_SKIP,		0x83c, RW32, "let n reads of BAR2 pass first, that of DROP_READ included; counts down") \
	/* controls: bus access in the name of the Metis function */ \
	R(BUS_ADDR,		0x8a0, RW64, "bus address (behind an IOMMU: an IOVA)") \
	R(BUS_DATA,		0x8a8, RW64, "value to write, or value read (1, 2, 4 or 8 bytes)") \
	R(BUS_WRITE,		0x8b0, WO32, "write that many low bytes of BUS_DATA to BUS_ADDR") \
	R(BUS_READ,		0x8b4, WO32, "read that many bytes into BUS_DATA (all ones on error)") \
	R(BUS_RESULT,		0x8b8, RO32, "0 accepted, else a QEMU MemTxResult (1 error, 2 decode error)") \
	R(BUS_FORCE,		0x8bc, RW32, "1: leave out the bus master check for BUS_* (a broken device)") \
	/* controls: device memory, without the engine */ \
	R(DEV_ADDR,		0x8c0, RW64, "device address in L2 or DDR") \
	R(DEV_LEN,		0x8c8, RW64, "length for DEV_CRC, DEV_SUM, DEV_FILL") \
	R(DEV_DATA,		0x8d0, RW32, "peek/poke 4 bytes at DEV_ADDR, which then advances by 4") \
	R(DEV_CRC,		0x8d4, RO32, "CRC-32 (IEEE, as zlib's) of DEV_LEN bytes at DEV_ADDR") \
	R(DEV_SUM,		0x8d8, RO64, "sum of these bytes; reading the low half computes") \
	R(DEV_FILL,		0x8e0, WO32, "repeat this 32-bit pattern over these bytes") \
	R(DEV_RESULT,		0x8e4, RO32, "0, or 1 when the last DEV_* access left device memory")

enum metis_lab_reg {
#define METIS_LAB_ENUM(name, offset, kind, text) METIS_LAB_##name = (offset),
	METIS_LAB_REGS(METIS_LAB_ENUM)
#undef METIS_LAB_ENUM
};

/* POLICE_KIND + 4 * kind: violations of one kind */
#define METIS_LAB_POLICE_KIND	0x400

/* VARIANT */
#define METIS_LAB_VARIANT_OLD_FW	(1u << 0)
#define METIS_LAB_VARIANT_DMA_VM	(1u << 1)
#define METIS_LAB_VARIANT_NO_MSI	(1u << 2)	/* msi-deliver=off */
#define METIS_LAB_VARIANT_ALPHA		(1u << 3)	/* 1f9d:11aa */
#define METIS_LAB_VARIANT_TRAP_BAR2	(1u << 4)
#define METIS_LAB_VARIANT_VECTORS(v)	(((v) >> 16) & 0xff)	/* size of the MSI capability */

/* LOSE_KINDS */
#define METIS_LAB_LOSE_IMWR	(1u << 0)	/* messages of the engine */
#define METIS_LAB_LOSE_PMSI	(1u << 1)	/* messages of firmware */
#define METIS_LAB_LOSE_VMSI	(1u << 2)	/* slot writes (not in the default) */

/*
 * What silicon would reject, or what the contract leaves undefined. Names as in
 * "metis: police: NAME" on QEMU's stderr and in the lab tool.
 */
#define METIS_POLICE_KINDS(P) \
	P(NONE,			0, "no violation") \
	P(DOORBELL_RUNNING,	1, "start doorbell on a running channel") \
	P(DOORBELL_DISABLED,	2, "start doorbell while the direction's engine is disabled") \
	P(DOORBELL_CHANNEL,	3, "doorbell for a channel that does not exist, or reserved bits") \
	P(LIE,			4, "local interrupt requested (it belongs to the device's CPU)") \
	P(ZERO_LENGTH,		5, "transfer of zero bytes") \
	P(LIST_RANGE,		6, "list pointer outside device memory") \
	P(LIST_ALIGN,		7, "list pointer not 8-byte aligned") \
	P(DATA_RANGE,		8, "device side of a transfer outside device memory") \
	P(ELEMENT_BITS,		9, "reserved bits set in a list element") \
	P(CONTROL_BITS,		10, "reserved bits set in control1 or control2") \
	P(ACCESS,		11, "BAR0 access that is not 32 bits, aligned") \
	P(IMWR_DMA_VM,		12, "IMWR register written although firmware owns it (dma_vm)") \
	P(RUNNING_WRITE,	13, "register of a running channel written") \
	P(RESERVED_WRITE,	14, "write to a BAR0 offset that holds no register") \
	P(READONLY_WRITE,	15, "write to a read-only register") \
	P(LIST_PLACE,		16, "list element outside the descriptor buffer") \
	P(SHARED_OVERWRITE,	17, "engine wrote into firmware's shared area") \
	P(MBOX_BUSY,		18, "mailbox request while another is unanswered") \
	P(MBOX_SIZE,		19, "mailbox message longer than 256 bytes") \
	P(HOSTDRV_ORDER,	20, "host-driver area changed while ctrl is 1") \
	P(HOSTDRV_TARGET,	21, "ctrl 1 with a target of 0, not size-aligned, or base or size wrong") \
	P(CTX_BUSY,		22, "context command while its job runs") \
	P(STREAM_POS,		23, "stream position set outside the ring or past the producer") \
	P(MASTER_ORDER,		24, "bus mastering on after a firmware start before target was published") \
	P(CHANNEL_ABSENT,	25, "register of a channel that the engine does not have")

enum metis_police {
#define METIS_POLICE_ENUM(name, number, text) METIS_POLICE_##name = (number),
	METIS_POLICE_KINDS(METIS_POLICE_ENUM)
#undef METIS_POLICE_ENUM
	METIS_POLICE_COUNT
};

/* ABORT_CAUSE: the error status bit that explains the abort */
enum metis_lab_cause {
	METIS_LAB_CAUSE_DEFAULT		= 0,	/* read: unsupported request; write: application error */
	METIS_LAB_CAUSE_COMPLETER	= 1,	/* read: completer abort */
	METIS_LAB_CAUSE_TIMEOUT		= 2,	/* read: completion timeout */
	METIS_LAB_CAUSE_POISON		= 3,	/* read: data poisoning */
	METIS_LAB_CAUSE_APP		= 4,	/* device side error */
	METIS_LAB_CAUSE_FETCH		= 5,	/* linked-list fetch error */
};

enum metis_lab_restart {
	METIS_LAB_RESTART_RUNTIME	= 1,	/* crash and come back as runtime, link bounces */
	METIS_LAB_RESTART_BOOTLOADER	= 2,	/* fall back to the bootloader, link bounces */
	METIS_LAB_RESTART_WARM		= 3,	/* no bounce: target forgotten, reply (12) raised at once */
	METIS_LAB_RESTART_POWER		= 4,	/* power cycle: as at boot, even a dead card; link bounces */
	METIS_LAB_RESTART_SILENT	= 5,	/* as 3, but L2 keeps what host and firmware wrote */
	METIS_LAB_RESTART_MOVED		= 6,	/* as 3, but the areas lie elsewhere afterwards */
	METIS_LAB_RESTART_KEPT		= 7,	/* as 1, but L2 keeps its content until the new areas are published */
};

enum metis_lab_die {
	METIS_LAB_DIE_LINK		= 1,	/* link lost for good, link-active bit clear */
	METIS_LAB_DIE_WEDGED		= 2,	/* link stays active, everything reads all ones */
	METIS_LAB_DIE_FIRMWARE		= 3,	/* PCIe and engine live, firmware never answers again */
};

enum metis_lab_start_fault {
	METIS_LAB_START_OK		= 0,
	METIS_LAB_START_REFUSE		= 1,	/* negative reply, no bounce */
	METIS_LAB_START_SILENT		= 2,	/* neither reply nor bounce */
	METIS_LAB_START_LINK_LOST	= 3,	/* link goes down and never comes back */
	METIS_LAB_START_NO_AREAS	= 4,	/* link comes back, areas never appear */
	METIS_LAB_START_BOOTLOADER	= 5,	/* link comes back with the bootloader again */
};

/* HOSTILE: values firmware might publish; the first column is the lab tool's name */
#define METIS_LAB_HOSTILES(H) \
	H(OFF,			0, "good values") \
	H(REF_OFFSET,		1, "every reference's offset is the end of BAR2") \
	H(REF_OFFSET_WRAP,	2, "offset 2^64 - 256: offset + size wraps") \
	H(REF_SIZE_WRAP,	3, "size 0xffffffff") \
	H(REF_STRADDLE,		4, "offset inside BAR2, last byte one past its end") \
	H(REF_MISALIGNED,	5, "offsets + 1") \
	H(REF_ONES,		6, "references are all ones") \
	H(REF_MAGIC,		7, "magics with one bit flipped") \
	H(REF_AREA,		8, "memory area number 7") \
	H(REF_DDR,		9, "memory area 1 (DDR, not behind BAR2)") \
	H(REF_EMPTY,		10, "size 0") \
	H(REF_SHORT,		11, "sizes one byte less than the structure needs") \
	H(REF_OVERLAP,		12, "all references point at offset 0") \
	H(REF_VERSION,		13, "reference versions 255.255") \
	H(SHARED_ONES,		14, "the whole first 4 KiB reads all ones") \
	H(SHARED_ZERO,		15, "the whole first 4 KiB reads zero") \
	H(HEADER_BASE,		16, "header base outside L2") \
	H(HEADER_SIZE,		17, "header size 2^64 - 1") \
	H(LAYOUT_VERSION,	18, "layout version 255.255") \
	H(L2_BASE,		19, "memory_map[0] all ones") \
	H(L2_BASE_ODD,		20, "memory_map[0] + 4") \
	H(DDR_BASE,		21, "memory_map[1] all ones") \
	H(DMA_VM,		22, "dma_vm almost its magic") \
	H(VMSI_COUNT,		23, "num_vmsi and num_pmsi 65535") \
	H(VMSI_RANGE,		24, "entries with first > last, last 65535, source 9") \
	H(VMSI_PMSI,		25, "every vMSI on PMSI 255") \
	H(STREAM_COUNT,		26, "stream count 0xffffffff") \
	H(STREAM_INDEX,		27, "sources on record 254") \
	H(STREAM_POS,		28, "ring positions beyond capacity") \
	H(STREAM_CAPACITY,	29, "capacity 0xffffffff") \
	H(STREAM_EMPTY,		30, "capacity and ring size 0") \
	H(STREAM_RING,		31, "ring outside L2") \
	H(STREAM_NAME,		32, "name without a terminating zero, control characters") \
	H(DESC_ADDR,		33, "descriptor buffer outside L2") \
	H(DESC_MISALIGNED,	34, "descriptor buffer + 4") \
	H(DESC_WRAP,		35, "descriptor buffer size 2^64 - 1") \
	H(DESC_TINY,		36, "descriptor buffer of 24 bytes") \
	H(CTX_ONES,		37, "context records all ones") \
	H(MBOX_ONES,		38, "mailbox size and opcode all ones") \
	H(FLIPPING,		39, "every second read of a reference or area count gives other values") \
	H(RANDOM,		40, "pseudo-random bytes from 0x000 to 0x3ff and in all areas")

enum metis_lab_hostile {
#define METIS_HOSTILE_ENUM(name, number, text) METIS_HOSTILE_##name = (number),
	METIS_LAB_HOSTILES(METIS_HOSTILE_ENUM)
#undef METIS_HOSTILE_ENUM
	METIS_HOSTILE_COUNT
};

#endif
