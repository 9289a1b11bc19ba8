/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Axelera Metis driver: one card, and the gate to its hardware (axl_device.c).
 * docs/architecture.md has the drawings.
 *
 * Lock order:
 *	mmap_lock (page faults) -> axl->reset_sem -> axl->buf.lock
 *	axl->buf.lock -> axl_buf.lock -> axl_dmabuf_sems[] -> locks of exporters
 *	mmap_lock, axl_ext_lock() -> axl_ext_use_lock
 *	axl->fw.lock -> axl->reset_sem
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

#include "axl_buf.h"
#include "axl_dma.h"
#include "axl_edma_regs.h"
#include "axl_event.h"
#include "axl_ext.h"
#include "axl_fw.h"
#include "axl_hostif.h"
#include "axl_iova.h"
#include "axl_irq.h"
#include "axl_mmap.h"
#include "axl_msi.h"
#include "axl_selftest.h"
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
 * One card; lives until the last file is closed.
 *
 * An assembly: each floor's state is in the structure of its header.
 */
struct axl_device {
	/* class device; its reference count is the device's */
	struct device dev;
	/* /dev/metisN, and N */
	struct cdev cdev;
	int id;
	/* PCI function; only to be used while the driver is bound */
	struct pci_dev *pdev;
	/* config space after probe, bus mastering off */
	struct pci_saved_state *saved;
	/* BAR0, the engine, and BAR2, shared with firmware: NULL when unbound */
	void __iomem *regs;
	void __iomem *l2;
	/* of BAR0 and BAR2, for mmap() only: the CPU's addresses; bytes of BAR2 */
	resource_size_t bar0_phys;
	resource_size_t bar2_phys;
	u64 bar2_size;

	/* readers are between axl_enter() and axl_exit() */
	struct srcu_struct srcu;
	/* the hardware may be touched; cleared, then synchronize_srcu() */
	bool online;
	/* the driver was unbound */
	bool gone;
	/* the link is down for good; written with reset_sem held exclusive */
	bool dead;
	/*
	 * Shared by users who need one generation to last, exclusive for firmware
	 * starts, resets and removal.
	 */
	struct rw_semaphore reset_sem;
	/* what runs on the card; both are written with reset_sem held exclusive */
	u64 generation;
	enum axl_fw_state fw_state;
	/* woken when the generation changes, or one of @online, @gone, @dead */
	wait_queue_head_t state_wait;

	/* ordered: watchdog and recovery never run side by side */
	struct workqueue_struct *wq;
	/* looks for overdue requests while any channel runs */
	struct delayed_work watchdog;
	/* the one way in to recovery, and the reason; NULL: none is pending */
	struct work_struct reset_work;
	const char *reset_why;
	/* ends a pause for a bus error whose end is not reported */
	struct delayed_work bus_work;
	/* looks after a card that is open: its link, slots without a message */
	struct delayed_work monitor;

	/* The rest, as far as @guard, is written with reset_sem held exclusive. */

	/* new DMA is blocked by the reset_sem writer */
	bool held;
	/* the watchdog blocked the DMA and switched bus mastering off */
	bool fenced;
	/* jiffies before which a dead card is left alone, and to the retry after */
	unsigned long retry_at;
	unsigned long retry;
	/* jiffies until which a start message may take effect; it has */
	unsigned long bounce_by;
	bool bounced;
	/* other agents that reset the card, or cut its power: no recovery now */
	unsigned int paused;
	/* one of them is the bus, which recovers from an error */
	bool bus_error;
	/* the generation was raised before the restart was over */
	bool raised;
	/* what L2 holds is from before the system slept: not to be believed */
	bool fw_stale;
	/* unsolicited restarts; those that the link did not show, since when */
	u64 restarts;
	unsigned int rejoins;
	unsigned long rejoin_from;
	/* such restarts are not looked for any more */
	bool restart_blind;

	struct axl_guard_page guard;
	struct axl_events events;
	struct axl_msi msi;
	struct axl_irq irq;
	struct axl_selftest selftest;
	struct axl_hostif hostif;
	struct axl_bufs buf;
	struct axl_dma dma;
	struct axl_fw fw;
	struct axl_files files;
	struct axl_ext ext;
	/* debugfs: directory of this device */
	struct dentry *debugfs;
};

static inline struct axl_device *axl_from_dev(struct device *dev)
{
	return container_of(dev, struct axl_device, dev);
}

/* Do messages not arrive, so that ends have to be found by looking? */
static inline bool axl_polled(const struct axl_device *axl)
{
	return READ_ONCE(axl->selftest.delivery) == AXL_DELIVERY_POLLED;
}

ktime_t axl_ktime(u64 ns);
unsigned long axl_timeout(u64 ns);
bool axl_wait_expired(struct axl_device *axl, unsigned long deadline);
int axl_status(struct axl_device *axl);
int axl_enter(struct axl_device *axl, int *idx);
void axl_exit(struct axl_device *axl, int idx);
int axl_lock_ready(struct axl_device *axl);
void axl_reset_request(struct axl_device *axl, const char *why);
void axl_restart_seen(struct axl_device *axl);
bool axl_is_restart(const char *why);

#endif
