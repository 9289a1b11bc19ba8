/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Axelera Metis driver: the core's structures and what its files offer to each
 * other. docs/architecture.md has the drawings.
 *
 * Lock order:
 *	mmap_lock (page faults) -> axl->reset_sem -> axl->buf_lock
 *	axl->buf_lock -> axl_buf.lock -> axl_dmabuf_sems[] -> locks of exporters
 *	mmap_lock, axl_ext_lock -> axl_ext_use_lock
 *	axl->fw_lock -> axl->reset_sem
 *	axl_dma_dir.lock (hardirq) -> axl_client.lock, axl_event_bucket.lock
 * Pages are pinned and user memory is copied outside all of them.
 */
#ifndef AXL_H
#define AXL_H

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

#include "axl_edma_list.h"
#include "axl_edma_regs.h"
#include "axl_elf.h"
#include "axl_layout.h"
#include "axl_queue.h"
#include "compat/axl_compat.h"

#define AXL_VERSION		"0.1.0"

#define AXL_NR_CHANNELS		4	/* of each direction */
#define AXL_NR_QUEUES		(AXL_NR_CHANNELS + 1)
#define AXL_BAR_REGS_SIZE	SZ_4K
#define AXL_NR_MESSAGES		32	/* physical messages (PMSI) */

/* A list is used in two halves: one runs while the other is filled. */
#define AXL_LIST_HALF		(AXL_LIST_ELEMS / 2)

/* Limits that the native interface reports. */
#define AXL_MAX_XFERS		256u
#define AXL_MAX_JOBS		1024u
#define AXL_MAX_REQS		16384u
#define AXL_MAX_LENGTH		SZ_1G
#define AXL_MAX_IMAGE		((u64)SZ_256M)
#define AXL_MAX_BUFS		4096u
#define AXL_MAX_BINDINGS	64u
#define AXL_MINORS		256	/* cards */

/*
 * The outbound window behind the vMSI table wants a target that is aligned to
 * its size (hardware-notes: Interrupts); only the first 4 KiB are slots.
 */
#define AXL_VMSI_BUF_SIZE	SZ_2M
/* Behind the slots, in no page with them: where the driver's own writes go. */
#define AXL_VMSI_SPARE		SZ_1M

struct iommu_domain;
struct axl_device;
struct axl_buf;
struct axl_job;
struct axl_binding;

/**
 * struct axl_client - whoever submits jobs: an open file, or the driver itself
 * @lock: protects the fields below; taken in hard interrupts
 * @jobs: by sequence number, until collected
 * @done: jobs that have ended, oldest first
 * @wait: woken when a job ends
 * @last_seq: sequence number given last
 * @nr_jobs: entries of @jobs
 * @nr_reqs: requests of all these jobs
 * @nr_active: jobs that still have requests queued or running
 * @shares: of the queues, by axl_req.to_device; protected by the direction's lock
 */
struct axl_client {
	spinlock_t lock;	/* see above */
	struct xarray jobs;
	struct list_head done;
	wait_queue_head_t wait;
	u64 last_seq;
	u32 nr_jobs;
	u32 nr_reqs;
	u32 nr_active;
	struct axl_share shares[2][AXL_NR_QUEUES];
};

/**
 * struct axl_req - one transfer, the unit a channel runs
 * @turn: in a queue of its direction
 * @job: the submission it belongs to
 * @buf: memory, referenced by the job
 * @offset: first byte in @buf
 * @length: bytes
 * @dev_addr: device address
 * @timeout: jiffies it may take on a channel
 * @channel: a channel number, or AXL_CHANNEL_ANY
 * @to_device: direction
 */
struct axl_req {
	struct axl_turn turn;
	struct axl_job *job;
	struct axl_buf *buf;
	u64 offset;
	u64 length;
	u64 dev_addr;
	unsigned long timeout;
	u32 channel;
	bool to_device;
};

/**
 * struct axl_job - one submission
 * @client: who collects it; outlives the job
 * @seq: its name
 * @nr_reqs: entries of @reqs
 * @node: in client->done; with the fields below protected by client->lock
 * @nr_pending: requests that have not ended, and one while it is submitted
 * @status: first error
 * @failed: index of the request that had it
 * @bytes: moved by requests that succeeded
 * @reqs: the transfers
 */
struct axl_job {
	struct axl_client *client;
	u64 seq;
	u32 nr_reqs;
	struct list_head node;
	u32 nr_pending;
	int status;
	u32 failed;
	u64 bytes;
	struct axl_req reqs[];
};

/**
 * struct axl_channel - one DMA channel; protected by its direction's lock
 * @took_any: its latest request would have taken any channel
 * @req: what it runs, NULL when idle
 * @cur: how far list elements have been made
 * @deadline: jiffies when @req is overdue
 * @started: jiffies of the last doorbell
 * @half: half of the list buffer that runs
 * @nr_next: elements prepared in the other half
 * @single: @req runs in single-block mode
 * @replays: how often @req was started again for a sibling's sake
 * @seen_done: the watchdog saw it finished; its message may be under way
 * @transfers: requests that ended well
 * @errors: requests that failed
 * @bytes: moved
 * @elements: list elements written
 * @begun: when @req got its first doorbell
 * @last_ns: how long the last request that ended well took
 * @max_ns: the longest that one took
 * @last_length: bytes of the last one
 * @max_segs: of a buffer that was moved
 */
struct axl_channel {
	bool took_any;
	struct axl_req *req;
	struct axl_cursor cur;
	unsigned long deadline;
	unsigned long started;
	u8 half;
	bool single;
	u8 replays;
	bool seen_done;
	unsigned int nr_next;
	u64 transfers;
	u64 errors;
	u64 bytes;
	u64 elements;
	ktime_t begun;
	u64 last_ns;
	u64 max_ns;
	u64 last_length;
	unsigned int max_segs;
};

/**
 * struct axl_dma_dir - four channels that share an engine enable
 * @lock: protects everything below and the direction's registers; taken in hard
 *	interrupts
 * @queues: requests waiting for a channel, the last for whichever is free
 * @ch: the channels
 * @nr_ch: how many the engine has
 * @running: bitmap of channels with a request
 * @to_device: read channels
 * @blocked: count of those (recovery, reset, removal) at whose wish nothing is
 *	started and the interrupt handler keeps off
 * @imwr: interrupt message that the registers hold
 * @imwr_data: per channel
 * @scratch: elements on their way to the list buffer; in here because a list
 *	half does not fit the stack
 */
struct axl_dma_dir {
	spinlock_t lock;	/* see above */
	struct axl_queue queues[AXL_NR_QUEUES];
	struct axl_channel ch[AXL_NR_CHANNELS];
	u8 nr_ch;
	u8 running;
	bool to_device;
	unsigned int blocked;
	u64 imwr;
	u16 imwr_data[AXL_NR_CHANNELS];
	struct axl_elem scratch[AXL_LIST_HALF];
};

/**
 * struct axl_vector - one interrupt vector
 * @axl: the device
 * @index: number of the vector
 * @irq: Linux interrupt number
 * @channels: channels whose completion arrives here: bit n read channel n, bit
 *	4 + n write channel n
 * @slots: vMSI slots to look at when it fires
 * @count: how often it fired
 * @name: in /proc/interrupts
 */
struct axl_vector {
	struct axl_device *axl;
	u8 index;
	u8 channels;
	int irq;
	DECLARE_BITMAP(slots, AXL_NR_EVENTS);
	atomic64_t count;
	char name[24];
};

/* Waiters and eventfds of all events whose number has the same low bits. */
struct axl_event_bucket {
	spinlock_t lock;	/* protects bindings; taken in interrupts */
	wait_queue_head_t wait;
	struct list_head bindings;
};

#define AXL_EVENT_BUCKETS	64
#define AXL_EVENT_ANY_BUCKET	AXL_EVENT_BUCKETS	/* one more, its own */

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

/* What runs on the device, as an index of axl_device.dirs */
#define AXL_DIR_TO_DEVICE	0
#define AXL_DIR_FROM_DEVICE	1

static inline struct axl_device *axl_from_dev(struct device *dev)
{
	return container_of(dev, struct axl_device, dev);
}

/* Do messages not arrive, so that ends have to be found by looking? */
static inline bool axl_polled(const struct axl_device *axl)
{
	return READ_ONCE(axl->delivery) == AXL_DELIVERY_POLLED;
}

/* axl_drv.c */
ktime_t axl_ktime(u64 ns);
unsigned long axl_timeout(u64 ns);
bool axl_impatient(struct axl_device *axl, unsigned long deadline);
int axl_status(struct axl_device *axl);
int axl_enter(struct axl_device *axl, int *idx);
void axl_exit(struct axl_device *axl, int idx);
void axl_set_online(struct axl_device *axl, bool online);
int axl_lock_ready(struct axl_device *axl);
void axl_raise_generation(struct axl_device *axl);
void axl_pick_up(struct axl_device *axl);
int axl_pick_up_now(struct axl_device *axl);
void axl_look_now(struct axl_device *axl);
void axl_device_free(struct axl_device *axl);

/* axl_cdev.c */
int axl_cdev_init(void);
void axl_cdev_exit(void);
void axl_cdev_setup(struct axl_device *axl, struct device *parent);
int axl_cdev_add(struct axl_device *axl);
void axl_cdev_del(struct axl_device *axl);
void axl_cdev_zap(struct axl_device *axl);
bool axl_cdev_opened(struct axl_device *axl);
struct class *axl_cdev_class(void);

/* axl_buf.c */
struct axl_buf *axl_buf_user(struct axl_device *axl, u64 addr, u64 length,
			     u32 flags, bool charge);
struct axl_buf *axl_buf_dmabuf(struct axl_device *axl, int fd, u64 length,
			       u32 flags);
void axl_buf_init(void);
struct axl_buf *axl_buf_kernel(struct axl_device *axl, void *vaddr, u64 length,
			       u32 flags, bool wait);
struct axl_buf *axl_buf_peer(struct axl_device *axl, u64 bus_addr, u64 length,
			     u32 flags);
void axl_buf_get(struct axl_buf *buf);
void axl_buf_put(struct axl_buf *buf);
u64 axl_buf_length(const struct axl_buf *buf);
bool axl_buf_allows(const struct axl_buf *buf, bool to_device);
const struct axl_seg *axl_buf_segs(const struct axl_buf *buf,
				   unsigned int *nr);
int axl_buf_cpu_begin(struct axl_buf *buf, enum dma_data_direction dir);
int axl_buf_cpu_end(struct axl_buf *buf, bool to_device);
void axl_buf_sync_for_device(struct axl_buf *buf, u64 offset, u64 length);
void axl_buf_sync_for_cpu(struct axl_buf *buf, u64 offset, u64 length);
void axl_buf_leak(struct axl_buf *buf);
void axl_buf_unmap_all(struct axl_device *axl);

/* axl_dma.c */
void axl_dma_setup(struct axl_device *axl);
void axl_client_init(struct axl_client *client);
void axl_client_close(struct axl_device *axl, struct axl_client *client);
struct axl_job *axl_job_alloc(struct axl_client *client, u32 nr);
void axl_job_free(struct axl_job *job);
int axl_job_submit(struct axl_device *axl, struct axl_job *job, u64 *seq);
int axl_job_wait(struct axl_device *axl, struct axl_client *client, u64 seq,
		 u64 timeout_ns, struct axl_job **done);
struct axl_job *axl_job_collect(struct axl_client *client, u64 seq);
int axl_job_collect_killable(struct axl_device *axl, struct axl_client *client,
			     u64 seq, struct axl_job **done);
unsigned long axl_req_limit(const struct axl_req *req, u64 timeout_ns);
bool axl_dma_idle(struct axl_device *axl);
bool axl_dma_range_ok(struct axl_device *axl, u64 dev_addr, u64 length);
bool axl_dma_irq(struct axl_device *axl, u8 channels);
int axl_dma_drain(struct axl_device *axl);
void axl_dma_drop_queued(struct axl_device *axl, int status);
void axl_dma_block(struct axl_device *axl);
bool axl_dma_stop(struct axl_device *axl);
void axl_dma_leak(struct axl_device *axl);
void axl_dma_flush(struct axl_device *axl, int status);
void axl_dma_unblock(struct axl_device *axl);
void axl_dma_watchdog(struct work_struct *work);

/* axl_edma.c: the caller holds the direction's lock or owns the engine */
int axl_edma_probe(struct axl_device *axl);
bool axl_edma_alive(struct axl_device *axl);
int axl_edma_init(struct axl_device *axl);
void axl_edma_update_imwr(struct axl_device *axl, struct axl_dma_dir *dir);
unsigned int axl_edma_fill(struct axl_device *axl, struct axl_dma_dir *dir,
			   unsigned int n, u8 half);
void axl_edma_start_single(struct axl_device *axl, struct axl_dma_dir *dir,
			   unsigned int n, const struct axl_elem *elem);
void axl_edma_start_list(struct axl_device *axl, struct axl_dma_dir *dir,
			 unsigned int n, u8 half);
int axl_edma_status(struct axl_device *axl, struct axl_dma_dir *dir,
		    unsigned int n);
void axl_edma_ack(struct axl_device *axl, struct axl_dma_dir *dir,
		  unsigned int n);
void axl_edma_report(struct axl_device *axl, struct axl_dma_dir *dir,
		     unsigned int n);
bool axl_edma_proven(struct axl_device *axl, struct axl_dma_dir *dir);
bool axl_edma_stop(struct axl_device *axl, struct axl_dma_dir *dir,
		   bool disable);
void axl_edma_enable(struct axl_device *axl, struct axl_dma_dir *dir);
void axl_edma_remind(struct axl_device *axl);

/* axl_hostif.c */
int axl_hostif_alloc(struct axl_device *axl);
void axl_hostif_free(struct axl_device *axl);
int axl_hostif_refresh(struct axl_device *axl);
bool axl_hostif_news(struct axl_device *axl);
bool axl_hostif_changed(struct axl_device *axl);
void axl_hostif_publish(struct axl_device *axl);
void axl_hostif_remind(struct axl_device *axl);
bool axl_hostif_stale(struct axl_device *axl);
bool axl_hostif_lost(struct axl_device *axl);
void axl_hostif_disbelieve(struct axl_device *axl);
void axl_hostif_withdraw(struct axl_device *axl);
void axl_hostif_forget(struct axl_device *axl);
void axl_mailbox_send(struct axl_device *axl, u32 opcode, const void *msg,
		      u32 size);
u32 axl_mailbox_opcode(struct axl_device *axl);
bool axl_mailbox_try(struct axl_device *axl, const void *owner);
int axl_mailbox_take(struct axl_device *axl, const void *owner);
int axl_mailbox_give(struct axl_device *axl, const void *owner);
void axl_fw_load_addr(struct axl_device *axl, u64 entry);
s64 axl_context_sts(struct axl_device *axl, unsigned int n);
int axl_hostif_context(struct axl_device *axl, unsigned int n,
		       struct axl_context *out);
int axl_hostif_stream(struct axl_device *axl, const void *snap, size_t len,
		      unsigned int source, struct axl_stream *out);

/* axl_irq.c */
int axl_irq_setup(struct axl_device *axl);
void axl_irq_release(struct axl_device *axl);
int axl_irq_alloc(struct axl_device *axl);
void axl_irq_free(struct axl_device *axl);
void axl_irq_sync(struct axl_device *axl);
void axl_irq_route(struct axl_device *axl);
bool axl_irq_exact(const struct axl_device *axl);
unsigned int axl_irq_take_all(struct axl_device *axl);
void axl_irq_rescued(struct axl_device *axl, unsigned int nr);
void axl_irq_lost(struct axl_device *axl, unsigned int nr, const char *what);
void axl_irq_late(struct axl_device *axl, u32 event);
int axl_irq_selftest(struct axl_device *axl);
void axl_irq_poll_arm(struct axl_device *axl);
void axl_monitor_start(struct axl_device *axl);
void axl_monitor_stop(struct axl_device *axl);
int axl_irq_message(struct axl_device *axl, bool to_device, u64 *addr,
		    u16 data[AXL_NR_CHANNELS]);
void axl_event_signal(struct axl_device *axl, unsigned int event);
void axl_event_wake_all(struct axl_device *axl);
u64 axl_event_count(struct axl_device *axl, u32 event);
struct wait_queue_head *axl_event_wait_head(struct axl_device *axl, u32 event);
struct axl_binding *axl_event_bind(struct axl_device *axl, u32 event, int fd);
void axl_event_unbind(struct axl_device *axl, struct axl_binding *binding);
bool axl_event_same(const struct axl_binding *a, const struct axl_binding *b);
u32 axl_binding_event(const struct axl_binding *binding);

/* axl_iova.c */
enum axl_iommu_mode axl_iommu_mode(struct axl_device *axl);
u32 axl_iommu_granule(struct axl_device *axl);
bool axl_iommu_maps(struct axl_device *axl, u64 addr);
void axl_guard_install(struct axl_device *axl);
void axl_guard_remove(struct axl_device *axl);
void axl_guard_restart(struct axl_device *axl);

/* axl_fw.c */
int axl_fw_load(struct axl_device *axl, struct axl_fw_load *req);

/* axl_reset.c */
void axl_reset_setup(struct axl_device *axl);
void axl_reset_request(struct axl_device *axl, const char *why);
bool axl_port_link(struct axl_device *axl);
bool axl_link_up(struct axl_device *axl);
bool axl_link_bounced(struct axl_device *axl);
void axl_put_back(struct axl_device *axl);
int axl_hand_over(struct axl_device *axl);
int axl_recover(struct axl_device *axl, unsigned long deadline, bool settle);
void axl_pause(struct axl_device *axl);
int axl_sleep(struct axl_device *axl);
void axl_unpause(struct axl_device *axl, const char *why);
void axl_bus_error(struct axl_device *axl);
void axl_bus_gone(struct axl_device *axl);
void axl_bus_good(struct axl_device *axl, const char *why);
void axl_hold(struct axl_device *axl);
void axl_resume(struct axl_device *axl);
bool axl_check_link(struct axl_device *axl);
void axl_restart_seen(struct axl_device *axl);
void axl_quiesce(struct axl_device *axl);
int axl_reset(struct axl_device *axl);
int axl_bring_up(struct axl_device *axl, int ret);

/* axl_debugfs.c */
void axl_debugfs_init(void);
void axl_debugfs_exit(void);
void axl_debugfs_add(struct axl_device *axl);
void axl_debugfs_del(struct axl_device *axl);

#endif /* AXL_H */
