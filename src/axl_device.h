/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Axelera Metis driver: one card, and the gate to its hardware (axl_device.c).
 * docs/architecture.md has the drawings.
 *
 * Lock order:
 *	mmap_lock (page faults) -> axl->reset_sem -> axl->buf_lock
 *	axl->buf_lock -> axl_buf.lock -> axl_dmabuf_sems[] -> locks of exporters
 *	mmap_lock, axl_ext_lock() -> axl_ext_use_lock
 *	axl->fw_lock -> axl->reset_sem
 *	axl_dma_dir.lock (hardirq) -> axl_client.lock, axl_event_bucket.lock
 * Pages are pinned and user memory is copied outside all of them.
 */
#ifndef AXL_DEVICE_H
#define AXL_DEVICE_H

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/hrtimer.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <uapi/axl.h>

#include "axl_dma.h"
#include "axl_edma_regs.h"
#include "axl_event.h"
#include "axl_job.h"
#include "axl_layout.h"
#include "axl_msi.h"
#include "compat/axl_compat.h"

#define AXL_VERSION		"0.1.0"

#define AXL_BAR_REGS_SIZE	SZ_4K

/* Limits that the native interface reports. */
#define AXL_MAX_XFERS		256u
#define AXL_MAX_JOBS		1024u
#define AXL_MAX_REQS		16384u
#define AXL_MAX_LENGTH		SZ_1G
#define AXL_MAX_IMAGE		((u64)SZ_256M)
#define AXL_MAX_BUFS		4096u
#define AXL_MINORS		256	/* cards */

/*
 * The outbound window behind the vMSI table wants a target that is aligned to
 * its size (hardware-notes: Interrupts); only the first 4 KiB are slots.
 */
#define AXL_VMSI_BUF_SIZE	SZ_2M
/* Behind the slots, in no page with them: where the driver's own writes go. */
#define AXL_VMSI_SPARE		SZ_1M

struct iommu_domain;

/**
 * struct axl_device - one card; lives until the last file is closed
 * @dev: class device; its reference count is the device's
 * @cdev: /dev/metisN
 * @pdev: PCI function; only to be used while the driver is bound
 * @id: N
 * @regs: BAR0, the engine
 * @l2: BAR2, shared with firmware
 * @bar0_phys: for mmap(); never told to anybody
 * @bar2_phys: likewise
 * @bar2_size: bytes of BAR2
 *
 * @srcu: readers are between axl_enter() and axl_exit()
 * @online: the hardware may be touched; cleared, then synchronize_srcu()
 * @gone: the driver was unbound
 * @dead: the link is down for good
 * @reset_sem: shared by whoever needs one generation to last, exclusive for
 *	firmware starts, resets and removal
 * @generation: what runs on the card; written under @reset_sem exclusive
 * @fw_state: &enum axl_fw_state
 * @saved: config space after probe, bus mastering off
 * @max_map: bytes that the DMA API maps in one piece
 * @wq: ordered: watchdog and recovery never run side by side
 * @watchdog: looks for overdue requests while any channel runs
 * @reset_work: the one way in to recovery
 * @bus_work: ends a pause for a bus error whose end nobody tells
 * @reset_why: reason for @reset_work; NULL when none is pending
 * @held: DMA is blocked at the wish of the holder of @reset_sem
 * @fenced: the watchdog blocked the DMA and switched bus mastering off
 * @idle_wait: woken when a direction runs dry, or recovery begins
 * @state_wait: woken when the generation or the device's fate changes
 * @retry_at: jiffies before which a dead card is left alone
 * @retry: jiffies from one retry to the next, growing
 * @bounce_by: jiffies until which a start message may take effect
 * @bounced: it has
 * @paused: count of those who reset the card, or cut its power: no recovery now
 * @bus_error: one of them is the bus, which recovers from an error
 * @raised: the generation was raised before the restart was over
 * @slept: what L2 says is from before the system slept: not to be believed
 * @restarts: restarts that nobody asked us for; written under @reset_sem
 *	exclusive
 * @rejoin_from: jiffies when @rejoins began to count
 * @rejoins: restarts since then which the link did not show
 * @restart_blind: such restarts are not looked for any more
 * @monitor: looks after a card that is open: its link, slots without a message
 *
 * @area: snapshot of the shared area, then of the virtual-MSI configuration, to be
 *	parsed; under @reset_sem exclusive
 * @news_at: jiffies when a card without a table is looked at again
 * @layout: what firmware published, validated
 * @vmsi_cfg: likewise
 * @list_offset: list buffer in BAR2
 * @list_size: bytes of it
 * @list_elems: elements of one channel's list
 * @parsed: the same as it was read, with what turned out to be unusable
 * @complained: what the log said last of @layout
 * @areas_known: @layout has areas (else look again later)
 * @published: the host-driver area names our table
 *
 * @vectors: see &struct axl_vector
 * @nr_vectors: granted
 * @msix: the vectors are MSI-X
 * @vmsi: slots, host memory that the card writes: the start of 2 MiB
 * @vmsi_dma: its IOVA, aligned to 2 MiB
 * @vmsi_buf: what was allocated
 * @vmsi_buf_dma: likewise
 * @vmsi_size: likewise
 * @nr_vmsi: slots looked at
 * @event_counts: by event number, and of all
 * @buckets: waiters
 * @vmsi_counts: events that came through a slot
 * @vmsi_lock: one at a time takes a slot; taken in hard interrupts
 * @vmsi_seen: slots that the monitor found pending; atomic bits
 * @vmsi_taken: messages whose slot was taken before they came; atomic bits
 * @lost_irqs: completions and events without a message
 * @lost_said: the log knows
 * @lost_row: looks that found completions without a message, one after the
 *	other: no handler found one in between
 * @stray_irqs: messages in which nothing was found
 * @rescued: events that came through the guard page
 * @rescued_said: the log knows
 * @delivery: &enum axl_delivery
 * @testing: the self-test's messages come now
 * @guess_at: jiffies when events are guessed at again, where messages are polled
 * @poll_timer: looks at busy channels where no messages arrive
 * @poll_ns: until it looks again
 *
 * @guard: &enum axl_guard
 * @guard_domain: where the device's addresses are translated, NULL if nowhere
 * @guard_size: bytes of the page at bus address 0
 * @guard_node: with the other cards whose addresses are translated
 * @unguarded_said: the log knows that nothing protects bus address 0
 *
 * @dirs: 0 to the device (read channels), 1 from the device
 * @kernel: submits the driver's own transfers
 *
 * @buf_lock: protects @bufs
 * @bufs: every registered buffer, to be unmapped at removal
 *
 * @fw_lock: one load at a time
 * @fw_phase: &enum axl_fw_phase
 * @fw_done: bytes uploaded
 * @fw_total: bytes to upload
 *
 * @open_lock: protects @files
 * @files: open files, whose mappings of BAR2 can be revoked
 * @debugfs: directory of this device
 *
 * @mbox_owner: who talks to firmware through the mailbox, NULL nobody
 * @mbox_wait: woken when nobody does any more
 *
 * @ext_node: with the other cards that a second interface can serve
 * @ext_added: it does
 * @ext: what it keeps of this card; both under its own rules
 */
struct axl_device {
	struct device dev;
	struct cdev cdev;
	struct pci_dev *pdev;
	int id;
	void __iomem *regs;
	void __iomem *l2;
	resource_size_t bar0_phys;
	resource_size_t bar2_phys;
	u64 bar2_size;

	struct srcu_struct srcu;
	bool online;
	bool gone;
	bool dead;
	struct rw_semaphore reset_sem;
	u64 generation;
	enum axl_fw_state fw_state;
	struct pci_saved_state *saved;
	unsigned int max_map;
	struct workqueue_struct *wq;
	struct delayed_work watchdog;
	struct work_struct reset_work;
	struct delayed_work bus_work;
	const char *reset_why;
	bool held;
	bool fenced;
	wait_queue_head_t idle_wait;
	wait_queue_head_t state_wait;
	unsigned long retry_at;
	unsigned long retry;
	unsigned long bounce_by;
	bool bounced;
	unsigned int paused;
	bool bus_error;
	bool raised;
	bool slept;
	u64 restarts;
	unsigned long rejoin_from;
	unsigned int rejoins;
	bool restart_blind;
	struct delayed_work monitor;

	u8 area[AXL_AREA_SIZE];
	unsigned long news_at;
	struct axl_layout layout;
	struct axl_layout parsed;
	struct axl_vmsi_cfg vmsi_cfg;
	u32 list_offset;
	u32 list_size;
	u32 list_elems;
	const char *complained;
	bool areas_known;
	bool published;

	struct axl_vector *vectors;
	unsigned int nr_vectors;
	bool msix;
	__le32 *vmsi;
	dma_addr_t vmsi_dma;
	void *vmsi_buf;
	dma_addr_t vmsi_buf_dma;
	size_t vmsi_size;
	unsigned int nr_vmsi;
	atomic64_t *event_counts;
	struct axl_event_bucket *buckets;
	atomic64_t *vmsi_counts;
	spinlock_t vmsi_lock;	/* see above */
	DECLARE_BITMAP(vmsi_seen, AXL_NR_EVENTS);
	unsigned long vmsi_taken;
	atomic64_t lost_irqs;
	bool lost_said;
	unsigned int lost_row;
	atomic64_t stray_irqs;
	atomic64_t rescued;
	bool rescued_said;
	enum axl_delivery delivery;
	bool testing;
	unsigned long guess_at;
	struct hrtimer poll_timer;
	u64 poll_ns;

	enum axl_guard guard;
	struct iommu_domain *guard_domain;
	size_t guard_size;
	struct list_head guard_node;
	bool unguarded_said;

	struct axl_dma_dir dirs[2];
	struct axl_client kernel;

	struct mutex buf_lock;	/* see above */
	struct list_head bufs;

	struct mutex fw_lock;	/* see above */
	enum axl_fw_phase fw_phase;
	u64 fw_done;
	u64 fw_total;

	struct mutex open_lock;	/* see above */
	struct list_head files;
	struct dentry *debugfs;

	const void *mbox_owner;
	wait_queue_head_t mbox_wait;

	struct list_head ext_node;
	bool ext_added;
	void *ext;
};

static inline struct axl_device *axl_from_dev(struct device *dev)
{
	return container_of(dev, struct axl_device, dev);
}

/* Do messages not arrive, so that ends have to be found by looking? */
static inline bool axl_polled(const struct axl_device *axl)
{
	return READ_ONCE(axl->delivery) == AXL_DELIVERY_POLLED;
}

/* the reason that axl_restart_seen() gives */
extern const char axl_why_restart[];

ktime_t axl_ktime(u64 ns);
unsigned long axl_timeout(u64 ns);
bool axl_impatient(struct axl_device *axl, unsigned long deadline);
int axl_status(struct axl_device *axl);
int axl_enter(struct axl_device *axl, int *idx);
void axl_exit(struct axl_device *axl, int idx);
int axl_lock_ready(struct axl_device *axl);
void axl_reset_request(struct axl_device *axl, const char *why);
void axl_restart_seen(struct axl_device *axl);

#endif
