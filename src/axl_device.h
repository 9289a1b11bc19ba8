/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Axelera Metis driver: state of one card and access to its hardware
 * (axl_device.c). Diagrams: docs/architecture.md.
 *
 * Lock order:
 *	mmap_lock (page faults) -> axl->reset_sem -> axl->buf.lock
 *	axl->buf.lock -> axl_buf.lock -> axl_dmabuf_sems[] -> locks of exporters
 *	mmap_lock, axl_cards_lock -> axl_ext_use_lock
 *	axl_dma_dir.lock (hardirq) -> axl_client.lock, axl_event_bucket.lock
 * Pages are pinned and user memory is copied with none of them held.
 */
#ifndef AXL_DEVICE_H
#define AXL_DEVICE_H

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/hrtimer.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/rcupdate.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <uapi/axl.h>

#include "axl_buf.h"
#include "axl_core.h"
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
#include "axl_reset.h"
#include "axl_selftest.h"
#include "axl_state.h"
#include "compat/axl_compat.h"

#define AXL_VERSION		"0.1.0"

#define AXL_BAR_REGS_SIZE	SZ_4K

#define AXL_MINORS		256	/* cards */

/*
 * One card; freed with the last reference to @dev.
 *
 * The state of each source file is a structure in its header.
 */
struct axl_device {
	/* class device; its reference count is that of this structure */
	struct device dev;
	/* in axl_cards, under axl_cards_lock */
	struct list_head node;
	/* /dev/metisN, and its number N */
	struct cdev cdev;
	int id;
	/* PCI function; referenced, but for log lines only while unbound */
	struct pci_dev *pdev;
	/* config space as saved in probe, bus mastering off */
	struct pci_saved_state *saved;
	/* BAR0 (engine) and BAR2 (L2, shared with firmware); NULL if unbound */
	void __iomem *regs;
	void __iomem *l2;
	/* CPU physical addresses of BAR0 and BAR2; bytes of BAR2 */
	resource_size_t bar0_phys;
	resource_size_t bar2_phys;
	u64 bar2_size;

	/* readers access hardware or config space: axl_enter() to axl_exit() */
	struct srcu_struct srcu;
	/* unbinding or shutdown has begun, or probe failed; never cleared */
	bool gone;
	/*
	 * Held for reading while the generation must not change, for writing
	 * while the state changes; not while waiting for the card.
	 */
	struct rw_semaphore reset_sem;
	/* raised by each restart; written with reset_sem held for writing */
	u64 generation;
	/* what ran on the card when it was online last; as @generation */
	enum axl_fw_state fw_state;
	/* woken for a new generation or state, and after recovery */
	wait_queue_head_t state_wait;

	/* ordered: watchdog, monitor and recovery never run concurrently */
	struct workqueue_struct *wq;
	/* checks for overdue requests while any channel runs */
	struct delayed_work watchdog;
	/*
	 * Looks at the card while it is neither open nor dead, serves requests for
	 * recovery; and the reason for one, NULL: none pending. Set without a lock
	 * by axl_reset_request(), cleared with reset_sem held for writing.
	 */
	struct delayed_work reset_work;
	const char *reset_why;
	/* AXL_BUS_*: PCI error callbacks for @reset_work; atomic bits */
	unsigned long bus_events;
	/* ends the pause for a PCI error without a reported result */
	struct delayed_work bus_work;
	/* checks link and slots without a message while the device is open */
	struct delayed_work monitor;

	/* Up to @guard: written with reset_sem held for writing or as noted. */

	/*
	 * A direction was not proven stopped: DMA is blocked, bus mastering may
	 * be off. Set by the watchdog inside axl_enter(), cleared with
	 * reset_sem held for writing.
	 */
	bool fenced;
	/* areas in L2 may predate system sleep and must not be used */
	bool fw_stale;
	/* unsolicited restarts */
	u64 restarts;
	/* restarts without a link bounce are no longer detected */
	bool restart_blind;

	struct axl_machine machine;
	struct axl_recovery recovery;
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
	/* debugfs directory of this device */
	struct dentry *debugfs;
};

/*
 * Bound cards that have a node. The lock is also held while a node is created,
 * and while the second interface adds or deletes a card.
 */
extern struct mutex axl_cards_lock;
extern struct list_head axl_cards;

static inline struct axl_device *axl_from_dev(struct device *dev)
{
	return container_of(dev, struct axl_device, dev);
}

/*
 * What firmware has published, as one immutable snapshot. It is valid, and the
 * same, as long as the caller holds reset_sem or is inside axl_enter(): it is
 * replaced with reset_sem held for writing and the card offline. Others use
 * rcu_read_lock(): interrupt handlers, which also run while the card is
 * offline, and callers for which it need not be online.
 */
static inline const struct axl_areas *
axl_areas_of(const struct axl_device *axl)
{
	return rcu_dereference_check(axl->hostif.areas,
				     lockdep_is_held(&axl->reset_sem) ||
				     srcu_read_lock_held(&axl->srcu));
}

static inline const struct axl_layout *
axl_layout_of(const struct axl_device *axl)
{
	return &axl_areas_of(axl)->layout;
}

/* Interrupt messages do not arrive: completions are polled. */
static inline bool axl_polled(const struct axl_device *axl)
{
	return READ_ONCE(axl->selftest.delivery) == AXL_DELIVERY_POLLED;
}

/* Access to the BARs is allowed. */
static inline bool axl_is_open(struct axl_device *axl)
{
	/* pairs with axl_state_set(): what was set up for the state is visible */
	return axl_state_is_open(smp_load_acquire(&axl->machine.state));
}

unsigned long axl_timeout(u64 ns);
int axl_enter(struct axl_device *axl, int *idx);
void axl_exit(struct axl_device *axl, int idx);
int axl_lock_online(struct axl_device *axl);
void axl_step_request(struct axl_device *axl);
void axl_reset_request(struct axl_device *axl, const char *why);
void axl_restart_seen(struct axl_device *axl);
bool axl_is_restart(const char *why);
bool axl_find_l2(u64 bus_addr, u64 length, phys_addr_t *phys);

#endif
