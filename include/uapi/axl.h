/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * axl: native interface of /dev/metisN, the Axelera Metis AI accelerator.
 *
 * Rules that hold for every call:
 *  - Structures have fixed-width, naturally aligned fields and no holes; 32-bit
 *    and 64-bit callers see the same layout. User pointers are __u64.
 *  - Structures grow at the end only. The size is encoded in the request
 *    number. A shorter structure of an older program is zero-extended and gets
 *    the results that fit. A longer one of a newer program is accepted if the
 *    part unknown to the driver is zero, output fields included; else -E2BIG.
 *  - Unknown flag bits and non-zero reserved fields are refused with -EINVAL.
 *  - "Device address" is an address on the accelerator's own bus. No physical
 *    address and no IOVA crosses this interface.
 *  - Times are relative, in nanoseconds; 0 checks without waiting,
 *    %AXL_TIMEOUT_INFINITE waits without limit.
 *
 * Errors that any call can return: -ENOTTY (not a request of this interface),
 * -EFAULT (bad user pointer), -EINVAL and -E2BIG (as above), -ENOMEM, -EINTR (a
 * signal arrived while waiting; a wait can be called again, a firmware load or
 * a reset goes on without its caller), -ENODEV (the device was removed; the
 * file can only be closed), -EIO (the device is dead: its link is down and did
 * not come back).
 *
 * While the card restarts, calls that need it wait; a fatal signal ends the
 * wait.
 */
#ifndef _UAPI_AXL_H
#define _UAPI_AXL_H

#include <linux/ioctl.h>
#include <linux/types.h>

/** AXL_ABI_VERSION - raised only if the meaning of an existing item changes */
#define AXL_ABI_VERSION		1

#define AXL_IOC_MAGIC		0xBA

/** AXL_TIMEOUT_INFINITE - wait without limit */
#define AXL_TIMEOUT_INFINITE	(~(__u64)0)

/** AXL_NR_EVENTS - events are numbered 0..1023; see &struct axl_ioc_wait_event */
#define AXL_NR_EVENTS		1024

/* Events with a fixed meaning (docs/hardware-notes.md, "Interrupts"). */
#define AXL_EVENT_CONTEXT(n)	(n)		/* job done on context 0..3 */
#define AXL_EVENT_DMA_READ(n)	(4 + (n))	/* read channel 0..3 */
#define AXL_EVENT_DMA_WRITE(n)	(8 + (n))	/* write channel 0..3 */
#define AXL_EVENT_MAILBOX	12		/* reply in the mailbox */
#define AXL_EVENT_MESSAGE	24		/* device message */
/** AXL_EVENT_ANY - any event */
#define AXL_EVENT_ANY		(~(__u32)0)

/**
 * enum axl_feature - bits of &axl_ioc_query.features
 * @AXL_FEAT_VMSI: the host-driver area is published: firmware signals events
 *	through the vMSI table in host memory
 * @AXL_FEAT_EVENTS_EXACT: every event is counted once, except that an event
 *	found before its message arrived may count twice if the next event
 *	follows at once. Without this bit (fewer than 32 vectors, and no virtual
 *	MSI or no information from firmware about the events that use it) the
 *	driver cannot distinguish some events: no event is lost, but a count may
 *	rise without its event
 * @AXL_FEAT_DMA_LIST: firmware published the list buffer (else the fixed place
 *	at the end of L2 is used)
 * @AXL_FEAT_DMA_VM: firmware programs the engine's interrupt messages itself
 * @AXL_FEAT_DDR: the base of the device's DDR is known
 */
enum axl_feature {
	AXL_FEAT_VMSI		= 1 << 0,
	AXL_FEAT_EVENTS_EXACT	= 1 << 1,
	AXL_FEAT_DMA_LIST	= 1 << 2,
	AXL_FEAT_DMA_VM		= 1 << 3,
	AXL_FEAT_DDR		= 1 << 4,
};

/**
 * enum axl_iommu_mode - translation of the device's memory accesses
 * @AXL_IOMMU_NONE: no IOMMU: bus addresses are physical addresses
 * @AXL_IOMMU_IDENTITY: an IOMMU that passes all accesses untranslated
 * @AXL_IOMMU_TRANSLATED: paging domain, strict invalidation
 * @AXL_IOMMU_LAZY: paging domain, deferred invalidation
 */
enum axl_iommu_mode {
	AXL_IOMMU_NONE		= 0,
	AXL_IOMMU_IDENTITY	= 1,
	AXL_IOMMU_TRANSLATED	= 2,
	AXL_IOMMU_LAZY		= 3,
};

/**
 * enum axl_guard - effect of firmware's writes to bus address 0
 * @AXL_GUARD_NONE: no translation: the writes reach physical memory
 * @AXL_GUARD_ACTIVE: page 0 is mapped to the vMSI table: events that firmware
 *	signals while it restarts are not lost
 * @AXL_GUARD_REFUSED: page 0 could not be mapped (see the kernel log): the
 *	IOMMU refuses the writes, and their events are lost
 * @AXL_GUARD_OFF: as %AXL_GUARD_REFUSED, but set by a module parameter
 *
 * Restarting firmware without a vMSI table yet signals events by writes to bus
 * addresses just above 0 (docs/hardware-notes.md, "Interrupts").
 */
enum axl_guard {
	AXL_GUARD_NONE		= 0,
	AXL_GUARD_ACTIVE	= 1,
	AXL_GUARD_REFUSED	= 2,
	AXL_GUARD_OFF		= 3,
};

/**
 * enum axl_delivery - how the driver learns of completions and events
 * @AXL_DELIVERY_UNKNOWN: the self-test's transfer did not succeed
 * @AXL_DELIVERY_MESSAGES: interrupt messages of the engine arrive
 * @AXL_DELIVERY_POLLED: they do not arrive, or there is no vector: the driver
 *	polls at a short interval
 */
enum axl_delivery {
	AXL_DELIVERY_UNKNOWN	= 0,
	AXL_DELIVERY_MESSAGES	= 1,
	AXL_DELIVERY_POLLED	= 2,
};

/**
 * enum axl_irq_mode - how interrupts reach the host
 * @AXL_IRQ_NONE: no vector was granted
 * @AXL_IRQ_MSI: message signalled interrupts
 * @AXL_IRQ_MSIX: MSI-X
 */
enum axl_irq_mode {
	AXL_IRQ_NONE		= 0,
	AXL_IRQ_MSI		= 1,
	AXL_IRQ_MSIX		= 2,
};

/**
 * enum axl_fw_state - firmware on the card
 * @AXL_FW_NONE: no firmware answers (no shared area could be read), or it is
 *	not trusted, because it may have been left from before system sleep
 * @AXL_FW_BOOTLOADER: the bootloader: mailbox and DMA, no published areas
 * @AXL_FW_STARTING: start message sent, or the link is down
 * @AXL_FW_RUNNING: runtime firmware with published areas
 * @AXL_FW_DEAD: the link went down and did not come back
 */
enum axl_fw_state {
	AXL_FW_NONE		= 0,
	AXL_FW_BOOTLOADER	= 1,
	AXL_FW_STARTING		= 2,
	AXL_FW_RUNNING		= 3,
	AXL_FW_DEAD		= 4,
};

/**
 * enum axl_fw_phase - progress of a firmware load
 * @AXL_FW_PHASE_IDLE: no load under way
 * @AXL_FW_PHASE_UPLOAD: segments are being written; see &axl_ioc_query.fw_done
 * @AXL_FW_PHASE_START: start message sent, waiting for the link to go down
 * @AXL_FW_PHASE_LINK: link down, waiting for it to come back
 * @AXL_FW_PHASE_AREAS: link up, waiting for firmware to publish its areas
 */
enum axl_fw_phase {
	AXL_FW_PHASE_IDLE	= 0,
	AXL_FW_PHASE_UPLOAD	= 1,
	AXL_FW_PHASE_START	= 2,
	AXL_FW_PHASE_LINK	= 3,
	AXL_FW_PHASE_AREAS	= 4,
};

/**
 * struct axl_ioc_query - properties and state of device and driver (output only)
 * @abi: %AXL_ABI_VERSION of the driver
 * @vectors: interrupt vectors granted, 0..32
 * @features: &enum axl_feature bits
 * @generation: starts at 1; raised by every firmware start and reset. Calls
 *	that access the device pass the generation that the caller expects
 * @bar0_size: bytes of engine registers
 * @bar2_size: bytes of L2 that mmap() offers
 * @l2_base: device address of the first byte of L2
 * @l2_size: bytes of L2
 * @ddr_base: device address of DDR; valid with %AXL_FEAT_DDR
 * @ddr_size: bytes from @ddr_base on that transfers may address (an upper
 *	bound; firmware does not report the installed size)
 * @max_length: maximum bytes of a transfer
 * @max_image: maximum bytes of a firmware image
 * @fw_done: bytes of the current or last upload that are on the device
 * @fw_total: total bytes of that upload
 * @lost_interrupts: completions and events found by polling because no message
 *	arrived
 * @pci_domain: PCI domain (segment) number
 * @pci_bus: bus number
 * @pci_devfn: slot << 3 | function
 * @vendor: PCI vendor id
 * @device: PCI device id
 * @revision: PCI revision id
 * @link_speed: 1 = 2.5, 2 = 5, 3 = 8, 4 = 16 GT/s; 0 unknown
 * @link_width: lanes; 0 unknown
 * @read_channels: host-to-device DMA channels
 * @write_channels: device-to-host DMA channels
 * @irq_mode: &enum axl_irq_mode
 * @iommu_mode: &enum axl_iommu_mode
 * @fw_state: &enum axl_fw_state
 * @fw_phase: &enum axl_fw_phase
 * @layout_major: major version of the shared area
 * @layout_minor: minor version of the shared area
 * @page_size: bytes; smallest unit the IOMMU maps, or the CPU's page size if
 *	there is no translation
 * @max_xfers: maximum transfers of one AXL_IOC_SUBMIT
 * @max_jobs: maximum submissions per file not collected by AXL_IOC_WAIT
 * @nr_vmsi: virtual interrupts that the driver checks, 0..1024
 * @reserved: 0
 * @rescued_interrupts: events that came through the guard page at bus address 0
 * @restarts: unsolicited restarts of the card or its firmware
 * @guard: &enum axl_guard
 * @delivery: &enum axl_delivery
 * @max_bufs: maximum buffers registered per file; 0 from an older driver, which
 *	has the same limit, 4096
 * @reserved2: 0
 */
struct axl_ioc_query {
	__u32 abi;
	__u32 vectors;
	__u64 features;
	__u64 generation;
	__u64 bar0_size;
	__u64 bar2_size;
	__u64 l2_base;
	__u64 l2_size;
	__u64 ddr_base;
	__u64 ddr_size;
	__u64 max_length;
	__u64 max_image;
	__u64 fw_done;
	__u64 fw_total;
	__u64 lost_interrupts;
	__u32 pci_domain;
	__u8 pci_bus;
	__u8 pci_devfn;
	__u16 vendor;
	__u16 device;
	__u8 revision;
	__u8 link_speed;
	__u8 link_width;
	__u8 read_channels;
	__u8 write_channels;
	__u8 irq_mode;
	__u32 iommu_mode;
	__u32 fw_state;
	__u32 fw_phase;
	__u16 layout_major;
	__u16 layout_minor;
	__u32 page_size;
	__u32 max_xfers;
	__u32 max_jobs;
	__u32 nr_vmsi;
	__u64 reserved;
	__u64 rescued_interrupts;
	__u64 restarts;
	__u32 guard;
	__u32 delivery;
	__u32 max_bufs;
	__u32 reserved2;
};

/** AXL_FW_LOAD_NAME - @image is a file name for request_firmware() */
#define AXL_FW_LOAD_NAME	(1u << 0)
/** AXL_FW_LOAD_NO_START - write the segments and fw_load_addr, do not start */
#define AXL_FW_LOAD_NO_START	(1u << 1)

/** AXL_MAILBOX_MSG_MAX - maximum bytes of a mailbox message */
#define AXL_MAILBOX_MSG_MAX	256
/** AXL_FW_NAME_MAX - maximum bytes of a firmware name, without a final NUL */
#define AXL_FW_NAME_MAX		127

/**
 * struct axl_ioc_fw_load - load a firmware image and start it
 * @flags: AXL_FW_LOAD_* bits
 * @start_opcode: mailbox opcode that starts the image. The caller must know it:
 *	opcodes are defined by firmware and are not public
 * @image: pointer to an ELF image (RISC-V, executable, its load segments in L2
 *	outside the shared area or in DDR), or to a name
 * @image_size: bytes at @image: 1..&axl_ioc_query.max_image, or the length of the
 *	name, 1..%AXL_FW_NAME_MAX, letters, digits and "._-/", no ".."
 * @msg: pointer to the message for @start_opcode; 0 if @msg_size is 0
 * @msg_size: bytes at @msg, 0..%AXL_MAILBOX_MSG_MAX
 * @reply_opcode: out: with -EREMOTEIO, the mailbox opcode word of the reply
 * @timeout_ns: limit for the whole start, from the start message to published
 *	areas; 0 means the driver's default (15 s). At most one minute (module
 *	parameter fw_timeout_max_ms), with CAP_SYS_ADMIN one hour. A restart that
 *	takes longer goes on without the caller
 * @generation: out: the new generation; with %AXL_FW_LOAD_NO_START the current
 *	one
 * @entry: out: entry point, a device address
 * @reserved: 0
 *
 * The upload shares the channels with other transfers. Before the start message
 * is sent, queued transfers of all files fail with -ESTALE, and the driver
 * waits for running ones. After a failed load the device can be loaded again.
 *
 * Errors: -ENOEXEC (no RISC-V executable ELF), -EINVAL (malformed), -ERANGE (a
 * segment is outside L2 and DDR, or in memory used by firmware or the engine),
 * -E2BIG (too large, too many segments), -ENOENT (no such firmware file),
 * -EBUSY (another load is under way, or an SDK program holds the mailbox),
 * -EREMOTEIO (firmware replied to the start message and did not restart: it
 * refused the image; see @reply_opcode), -ETIMEDOUT (no reply, or no areas in
 * time), -EIO (upload failed, or the link did not come back), -ESTALE (the card
 * was restarted during the load).
 */
struct axl_ioc_fw_load {
	__u32 flags;
	__u32 start_opcode;
	__u64 image;
	__u64 image_size;
	__u64 msg;
	__u32 msg_size;
	__u32 reply_opcode;
	__u64 timeout_ns;
	__u64 generation;
	__u64 entry;
	__u64 reserved;
};

/** AXL_BUF_TO_DEVICE - the device will read this memory (read channels) */
#define AXL_BUF_TO_DEVICE	(1u << 0)
/** AXL_BUF_FROM_DEVICE - the device will write this memory (write channels) */
#define AXL_BUF_FROM_DEVICE	(1u << 1)
/** AXL_BUF_DMABUF - import the dma-buf @fd instead of user memory */
#define AXL_BUF_DMABUF		(1u << 2)

/**
 * struct axl_ioc_buf_register - map memory for the device
 * @flags: AXL_BUF_* bits; at least one direction
 * @fd: dma-buf with %AXL_BUF_DMABUF, else 0
 * @addr: start of the user memory, any alignment; 0 for a dma-buf
 * @length: bytes, 1..2^36; for a dma-buf 0 (all of it) or at most its size
 * @handle: out: identifies the buffer in this file, never 0
 * @segments: out: number of contiguous pieces on the bus; 1 behind most IOMMUs
 * @reserved: 0
 *
 * User memory is pinned and counted against RLIMIT_MEMLOCK until released. The
 * mapping stays valid across generations. On hosts without coherent DMA, the
 * driver maintains CPU caches for the range of a transfer when it is submitted
 * and when AXL_IOC_WAIT collects it: in between, programs must not access the
 * range and the cache lines at its ends. For dma-bufs use DMA_BUF_IOCTL_SYNC.
 *
 * The driver does not wait for implicit fences of a dma-buf.
 *
 * Errors: -EINVAL, -EFAULT (not mapped, or not writable for
 * %AXL_BUF_FROM_DEVICE), -EIO (the IOMMU could not map it, or swiotlb has too
 * few bounce buffers left), any error of the dma-buf's exporter, -ENOMEM (also
 * RLIMIT_MEMLOCK), -EBADF, -EOVERFLOW (address range wraps), -ENOSPC
 * (&axl_ioc_query.max_bufs buffers in this file).
 */
struct axl_ioc_buf_register {
	__u32 flags;
	__s32 fd;
	__u64 addr;
	__u64 length;
	__u32 handle;
	__u32 segments;
	__u64 reserved;
};

/**
 * struct axl_ioc_buf_release - release a buffer
 * @handle: from AXL_IOC_BUF_REGISTER
 * @reserved: 0
 *
 * Submissions that use the buffer keep its memory until they are collected.
 * Errors: -ENOENT (no such handle).
 */
struct axl_ioc_buf_release {
	__u32 handle;
	__u32 reserved;
};

/* Directions of &struct axl_xfer */
#define AXL_TO_DEVICE		0
#define AXL_FROM_DEVICE		1

/** AXL_CHANNEL_ANY - the first free channel */
#define AXL_CHANNEL_ANY		(~(__u32)0)

/**
 * struct axl_xfer - one transfer
 * @handle: buffer, registered for this direction
 * @direction: %AXL_TO_DEVICE or %AXL_FROM_DEVICE
 * @offset: of the first byte in the buffer, bytes
 * @device_addr: device address, in L2 outside the engine's list buffer or in
 *	DDR; any alignment
 * @length: bytes, 1..&axl_ioc_query.max_length
 * @channel: %AXL_CHANNEL_ANY or a channel number of this direction
 * @reserved: 0
 */
struct axl_xfer {
	__u32 handle;
	__u32 direction;
	__u64 offset;
	__u64 device_addr;
	__u64 length;
	__u32 channel;
	__u32 reserved;
};

/**
 * struct axl_ioc_submit - start transfers
 * @xfers: pointer to an array of &struct axl_xfer
 * @count: entries of @xfers, 1..&axl_ioc_query.max_xfers
 * @flags: 0
 * @generation: the current generation
 * @timeout_ns: limit for each transfer's time on its channel; 0 means the
 *	driver's default, which grows with the length. A shorter limit needs
 *	CAP_SYS_ADMIN, since stopping a channel disturbs its siblings; a longer
 *	one is cut to the default plus one minute
 * @seq: out: identifies this submission in this file; increases with each one
 *
 * If one entry is bad no transfer is started. Transfers run in any order and
 * concurrently, on several channels. Open files share the channels fairly, by
 * bytes moved. Every submission must be collected by AXL_IOC_WAIT.
 *
 * Errors: -ENOENT (no such handle), -EACCES (buffer not registered for this
 * direction), -ERANGE (outside the buffer or outside usable device memory),
 * -ESTALE (not the current generation), -EBUSY (&axl_ioc_query.max_jobs
 * submissions, or 16384 transfers, not collected).
 */
struct axl_ioc_submit {
	__u64 xfers;
	__u32 count;
	__u32 flags;
	__u64 generation;
	__u64 timeout_ns;
	__u64 seq;
};

/**
 * struct axl_ioc_wait - collect a submission
 * @seq: from AXL_IOC_SUBMIT, 0 for any that has ended; out: the one collected
 * @timeout_ns: maximum time to wait
 * @bytes: out: bytes moved by successful transfers
 * @status: out: 0, or the first failed transfer's -errno: -EIO (the bus
 *	refused an access, or the device is broken), -ETIMEDOUT (stopped by the
 *	driver), -ESTALE (firmware restarted or was reset), -ENODEV
 * @failed: out: index of that transfer, else 0
 * @flags: 0
 * @reserved: 0
 *
 * Returns 0 if the submission has ended, with any @status; @seq is then no
 * longer valid. Errors: -ENOENT (never submitted, or collected already),
 * -ETIMEDOUT (still under way), -EINTR.
 */
struct axl_ioc_wait {
	__u64 seq;
	__u64 timeout_ns;
	__u64 bytes;
	__s32 status;
	__u32 failed;
	__u32 flags;
	__u32 reserved;
};

/**
 * struct axl_ioc_wait_event - wait for an interrupt event
 * @event: 0..1023 or %AXL_EVENT_ANY. Numbers are those of vMSI slots; below 32
 *	also those of physical messages
 * @flags: 0
 * @seen: count that the caller knows; waits until the event's count differs
 * @count: out: occurrences since the driver was bound; also valid with
 *	-ETIMEDOUT
 * @timeout_ns: maximum time to wait
 * @generation: the current generation
 *
 * Errors: -ETIMEDOUT, -EINTR, -ESTALE (not the current generation, or it was
 * raised while waiting and the event did not occur).
 */
struct axl_ioc_wait_event {
	__u32 event;
	__u32 flags;
	__u64 seen;
	__u64 count;
	__u64 timeout_ns;
	__u64 generation;
};

/**
 * struct axl_ioc_event_counts - read the counters of many events
 * @counts: pointer to @nr __u64
 * @first: number of the first event
 * @nr: number of events, 1..1024; @first + @nr is at most 1024
 */
struct axl_ioc_event_counts {
	__u64 counts;
	__u32 first;
	__u32 nr;
};

/**
 * struct axl_ioc_event_fd - bind an eventfd to an event
 * @event: 0..1023, or %AXL_EVENT_ANY
 * @fd: eventfd to signal at each occurrence; -1 removes all bindings of @event
 *	made through this file
 * @flags: 0
 * @reserved: 0
 *
 * Errors: -EBADF and -EINVAL (not an eventfd), -EEXIST (this binding exists),
 * -ENOSPC (more than 64 bindings in this file), -ENOENT (no binding to remove).
 */
struct axl_ioc_event_fd {
	__u32 event;
	__s32 fd;
	__u32 flags;
	__u32 reserved;
};

/**
 * struct axl_ioc_reset - reset the card's function (function level reset)
 * @flags: 0
 * @reserved: 0
 * @generation: out: the new generation
 *
 * Ends every transfer with -ESTALE. Afterwards the card usually runs its
 * bootloader, but this depends on the card. Errors: -EBUSY (a firmware load is
 * under way, or another agent resets the card), -EOPNOTSUPP (the function cannot be reset), -EIO.
 */
struct axl_ioc_reset {
	__u32 flags;
	__u32 reserved;
	__u64 generation;
};

#define AXL_IOC_QUERY		_IOR(AXL_IOC_MAGIC, 0x00, struct axl_ioc_query)
#define AXL_IOC_FW_LOAD		_IOWR(AXL_IOC_MAGIC, 0x01, struct axl_ioc_fw_load)
#define AXL_IOC_BUF_REGISTER	_IOWR(AXL_IOC_MAGIC, 0x02, struct axl_ioc_buf_register)
#define AXL_IOC_BUF_RELEASE	_IOW(AXL_IOC_MAGIC, 0x03, struct axl_ioc_buf_release)
#define AXL_IOC_SUBMIT		_IOWR(AXL_IOC_MAGIC, 0x04, struct axl_ioc_submit)
#define AXL_IOC_WAIT		_IOWR(AXL_IOC_MAGIC, 0x05, struct axl_ioc_wait)
#define AXL_IOC_WAIT_EVENT	_IOWR(AXL_IOC_MAGIC, 0x06, struct axl_ioc_wait_event)
#define AXL_IOC_EVENT_COUNTS	_IOW(AXL_IOC_MAGIC, 0x07, struct axl_ioc_event_counts)
#define AXL_IOC_EVENT_FD	_IOW(AXL_IOC_MAGIC, 0x08, struct axl_ioc_event_fd)
#define AXL_IOC_RESET		_IOWR(AXL_IOC_MAGIC, 0x09, struct axl_ioc_reset)

/*
 * mmap(): offset 0 is the first byte of L2 (BAR2). -EINVAL without MAP_SHARED,
 * or if offset + length exceeds &axl_ioc_query.bar2_size; -EPERM if executable.
 * Access is uncached. While firmware restarts, an access waits until the link
 * is back; it raises SIGBUS if the device is gone.
 *
 * poll(): EPOLLIN if a submission has ended and AXL_IOC_WAIT has not collected
 * it; EPOLLERR | EPOLLHUP if the device was removed or is dead.
 */

#endif /* _UAPI_AXL_H */
