/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the emulated Metis' firmware understands. The device contract leaves
 * mailbox opcodes, the runtime image and compute jobs open (the vendor does not
 * publish them): everything in this file is the emulator's own invention and
 * holds on no real card.
 *
 * Plain C constants for the device model, the guest's tests and image builders.
 * Everything is little-endian.
 */
#ifndef METIS_EMU_H
#define METIS_EMU_H

/* Lab register FW_STATE and reply of METIS_EMU_OP_STATE */
enum metis_emu_state {
	METIS_EMU_OFF		= 0,	/* link down or card dead */
	METIS_EMU_BOOTLOADER	= 1,	/* header, memory map and mailbox; no areas */
	METIS_EMU_STARTING	= 2,	/* link is back, areas not yet published */
	METIS_EMU_RUNNING	= 3,	/* areas published, mailbox answers */
};

/*
 * Mailbox. The host writes size and message, then opcode. Firmware sees a
 * non-zero opcode without METIS_EMU_OP_REPLY as a request and answers in place:
 * message = { s32 status, payload }, size = 4 + payload, and last opcode =
 * request | METIS_EMU_OP_REPLY. Then it raises event 12. In the bootloader only
 * the message (PMSI) 12 is sent; a runtime writes vMSI slot 12 before it.
 *
 * A START that is accepted is answered by the runtime it started, after the
 * link bounce: in place when the areas appear, event 12 once bus mastering is
 * on and the host has published its table (early-reply=on: as soon as bus
 * mastering is on, table or not).
 */
#define METIS_EMU_MBOX_OPCODE	0x0b0
#define METIS_EMU_MBOX_SIZE	0x0b4
#define METIS_EMU_MBOX_MSG	0x0b8
#define METIS_EMU_MBOX_MSG_MAX	256
#define METIS_EMU_OP_REPLY	0x80000000u

enum metis_emu_op {
	METIS_EMU_OP_PING	= 0x01,	/* any bytes (252 at most) -> the same bytes */
	METIS_EMU_OP_VERSION	= 0x02,	/* -> u32 state, then a text */
	METIS_EMU_OP_STATE	= 0x03,	/* -> u32 enum metis_emu_state, u32 generation */
	METIS_EMU_OP_START	= 0x10,	/* start the image at fw_load_addr (message ignored) */
	METIS_EMU_OP_RESET	= 0x11,	/* fall back to the bootloader; link bounces; no reply */
	METIS_EMU_OP_CRC	= 0x20,	/* u64 device address, u64 length -> u32 CRC-32 (IEEE) */
	METIS_EMU_OP_RAISE	= 0x21,	/* u32 n, u32 count, u32 period_us -> -; event n < 1024, count times after the reply */
	METIS_EMU_OP_LOG	= 0x22,	/* text -> -; goes to the log stream (runtime only) */
	METIS_EMU_OP_TRACE	= 0x23,	/* u32 n -> u64 position, u32 taken; n bytes more of the trace (runtime only) */
	METIS_EMU_OP_FAIL	= 0x30,	/* s32 status -> that status */
	METIS_EMU_OP_MUTE	= 0x31,	/* never answered */
};

/* status values: negative, as a Linux errno would be */
#define METIS_EMU_OK		0
#define METIS_EMU_ENOEXEC	(-8)	/* START: no image magic at the entry, or its header is bad */
#define METIS_EMU_EFAULT	(-14)	/* address range outside device memory */
#define METIS_EMU_EINVAL	(-22)	/* message too short, or a bad argument */
#define METIS_EMU_ENOSYS	(-38)	/* opcode unknown, or not in this state */
#define METIS_EMU_EMSGSIZE	(-90)	/* message size field > 256 */
#define METIS_EMU_EBADMSG	(-74)	/* START: the image's checksum is wrong */
#define METIS_EMU_EIO		(-5)	/* START: refused by the lab */

/*
 * Runtime image: the entry point (an ELF file's e_entry, written to
 * fw_load_addr) must be the device address of this header, in L2 outside the
 * shared area or in DDR. The payload follows it without a gap; it may be empty.
 */
#define METIS_EMU_IMAGE_MAGIC0	0x454c5841u	/* "AXLE" */
#define METIS_EMU_IMAGE_MAGIC1	0x5452554du	/* "MURT" */

struct metis_emu_image {
	unsigned int magic0;
	unsigned int magic1;
	unsigned int header_size;	/* sizeof(struct metis_emu_image) */
	unsigned int payload_size;
	unsigned int payload_crc;	/* CRC-32 (IEEE) of the payload; 0 when it is empty */
	unsigned int flags;		/* 0 */
};

/*
 * Context jobs. Put a job record into device memory (8-byte aligned, in L2 or
 * DDR), its device address into the context's arg, METIS_EMU_JOB_RUN into cmd.
 * Firmware sets sts to 1 at once, clears cmd, and when it is done writes result
 * and then sts (0 or a negative status), and raises event n of context n.
 */
#define METIS_EMU_JOB_RUN	1	/* value for cmd */
#define METIS_EMU_JOB_MAGIC	0x4a454d4du	/* "MMEJ" */

enum metis_emu_job_op {
	METIS_EMU_JOB_FILL	= 1,	/* repeat the low 32 bits of pattern over [addr, addr + len) */
	METIS_EMU_JOB_CRC	= 2,	/* result = CRC-32 (IEEE) of the region */
	METIS_EMU_JOB_COPY	= 3,	/* copy len bytes from pattern (a device address) to addr */
	METIS_EMU_JOB_FAIL	= 4,	/* sts = METIS_EMU_EINVAL */
};

struct metis_emu_job {
	unsigned int magic;
	unsigned int op;
	unsigned long long addr;
	unsigned long long len;
	unsigned long long pattern;
	unsigned long long result;	/* written by firmware */
};

/*
 * Data streams. Record 0 is the log: source 0 (control-core log), text, enabled.
 * Record 1 is the trace: source 1 (control-core trace), binary, not enabled when
 * firmware starts. A stream that is not enabled is filled, too, but not announced.
 *
 * Byte i of the trace since firmware started is byte i % 4 of the 32-bit word
 * i / 4 * METIS_EMU_TRACE_STEP. A full ring takes no more: the reply to TRACE says
 * how many bytes were taken, and the next ones continue after these.
 */
#define METIS_EMU_LOG_SOURCE	0
#define METIS_EMU_LOG_VMSI	64
#define METIS_EMU_TRACE_SOURCE	1
#define METIS_EMU_TRACE_VMSI	65
#define METIS_EMU_TRACE_STEP	0x9e3779b1u

/* PMSI on which vMSIs >= 32 arrive */
#define METIS_EMU_VMSI_PMSI	24

/* Emulated DDR; memory_map[1] publishes it, do not assume it */
#define METIS_EMU_DDR_BASE	0x200000000ull

#endif
