// SPDX-License-Identifier: GPL-2.0
/*
 * Axelera Metis driver: PCI probe, removal and shutdown, and the gate through
 * which everybody else passes to the hardware.
 */
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "axl.h"
#include "axl_ext.h"

#define AXL_VENDOR		0x1f9d
#define AXL_DEVICE_OMEGA	0x1100	/* all shipping cards */
#define AXL_DEVICE_ALPHA	0x11aa
#define AXL_EMU_VENDOR		0x1234	/* ids the vendor's emulators use */
#define AXL_EMU_DEVICE_OMEGA	0x2024
#define AXL_EMU_DEVICE_ALPHA	0x2023

#define AXL_BAR_REGS		0
#define AXL_BAR_L2		2
#define AXL_BAR_L2_SIZE		SZ_32M

/* How often a card without a table is asked for news: that takes 2 KiB of L2. */
#define AXL_NEWS		(HZ / 10)

static DEFINE_IDA(axl_ids);
/* devices, bound or kept by open files or by whoever holds a reference */
static atomic_t axl_devices = ATOMIC_INIT(0);

/**
 * axl_ktime() - a time limit of the native interface, for high resolution timers
 * @ns: nanoseconds, 0 to look only
 */
ktime_t axl_ktime(u64 ns)
{
	return min_t(u64, ns, KTIME_MAX);
}

/**
 * axl_timeout() - the same in jiffies, where ticks are good enough
 * @ns: nanoseconds
 */
unsigned long axl_timeout(u64 ns)
{
	u64 left;

	if (ns == AXL_TIMEOUT_INFINITE)
		return MAX_SCHEDULE_TIMEOUT;
	left = nsecs_to_jiffies64(ns);
	/* never too early: the rest, and the tick that has partly gone by */
	if (ns)
		left += 2;
	return min_t(u64, left, MAX_SCHEDULE_TIMEOUT - 1);
}

/**
 * axl_impatient() - is it time to stop waiting for the card
 * @axl: the device
 * @deadline: jiffies
 *
 * Also when the driver is being unbound or the caller was killed.
 */
bool axl_impatient(struct axl_device *axl, unsigned long deadline)
{
	return time_after(jiffies, deadline) || READ_ONCE(axl->gone) ||
	       fatal_signal_pending(current);
}

/**
 * axl_status() - can this device be used at all
 * @axl: the device
 *
 * Return: 0, -ENODEV (unbound) or -EIO (dead).
 */
int axl_status(struct axl_device *axl)
{
	if (READ_ONCE(axl->gone))
		return -ENODEV;
	return READ_ONCE(axl->dead) ? -EIO : 0;
}
EXPORT_SYMBOL_AXL(axl_status);

/**
 * axl_enter() - begin to touch the hardware
 * @axl: the device
 * @idx: for axl_exit()
 *
 * What follows must not sleep without bound. Until axl_exit() the driver stays
 * bound and nobody resets the card on purpose.
 *
 * Return: 0, -ENODEV, -EIO, or -EAGAIN while the card is being restarted.
 */
int axl_enter(struct axl_device *axl, int *idx)
{
	*idx = srcu_read_lock(&axl->srcu);
	/* with what axl_bring_up() has left */
	if (smp_load_acquire(&axl->online)) {
		/* for sparse, which knows no lock that is taken on success */
		__release(&axl->srcu);
		return 0;
	}
	srcu_read_unlock(&axl->srcu, *idx);
	return axl_status(axl) ?: -EAGAIN;
}
EXPORT_SYMBOL_AXL(axl_enter);

void axl_exit(struct axl_device *axl, int idx)
{
	__acquire(&axl->srcu);
	srcu_read_unlock(&axl->srcu, idx);
}
EXPORT_SYMBOL_AXL(axl_exit);

/**
 * axl_set_online() - open or close the gate to the hardware
 * @axl: the device
 * @online: false: when this returns, nobody is behind the gate, nor any
 *	interrupt handler
 */
void axl_set_online(struct axl_device *axl, bool online)
{
	/* axl_enter() and the interrupt handler */
	smp_store_release(&axl->online, online);
	if (online) {
		wake_up_all(&axl->state_wait);
	} else {
		synchronize_srcu_expedited(&axl->srcu);
		axl_irq_sync(axl);
	}
}

/**
 * axl_lock_ready() - take reset_sem shared, with the card online
 * @axl: the device
 *
 * Waits while a restart is under way, also between its steps.
 *
 * Return: 0, or without the semaphore -ENODEV, -EIO or -EINTR (killed).
 */
int axl_lock_ready(struct axl_device *axl)
{
	int ret;

	for (;;) {
		if (down_read_killable(&axl->reset_sem))
			return -EINTR;
		ret = axl_status(axl);
		/* a recovery that is due would make the caller's work stale */
		if (!ret && axl->online && !READ_ONCE(axl->reset_why))
			return 0;
		up_read(&axl->reset_sem);
		if (ret)
			return ret;
		if (wait_event_killable(axl->state_wait,
					(READ_ONCE(axl->online) &&
					 !READ_ONCE(axl->reset_why)) ||
					axl_status(axl)))
			return -EINTR;
	}
}
EXPORT_SYMBOL_AXL(axl_lock_ready);

/**
 * axl_raise_generation() - what ran on the card is gone
 * @axl: the device; reset_sem is held exclusive
 */
void axl_raise_generation(struct axl_device *axl)
{
	lockdep_assert_held_write(&axl->reset_sem);
	WRITE_ONCE(axl->generation, axl->generation + 1);
	axl_event_wake_all(axl);
	wake_up_all(&axl->state_wait);
	/* they may wait on a card that is gone */
	wake_up_all(&axl->mbox_wait);
}

/*
 * Read what firmware publishes; the card is online and idle. An error: it is
 * going to be reset.
 */
static int axl_adopt(struct axl_device *axl)
{
	int ret;

	axl_hold(axl);
	axl_set_online(axl, false);
	pci_clear_master(axl->pdev);
	axl_hostif_forget(axl);
	ret = axl_bring_up(axl, axl_hostif_refresh(axl));
	if (ret) {
		/* not a firmware start that somebody left to us */
		axl->bounced = true;
		axl_reset_request(axl, "engine does not stop");
	}
	axl_raise_generation(axl);
	return ret;
}

/**
 * axl_pick_up() - adopt what the card has done meanwhile
 * @axl: the device
 *
 * Costs a few reads of configuration space and of L2 once firmware knows the
 * table. Does nothing while the card is busy: it is asked again later.
 */
void axl_pick_up(struct axl_device *axl)
{
	int idx;

	if (!axl_check_link(axl))
		return;
	if (!axl_enter(axl, &idx)) {
		if (axl_hostif_lost(axl))
			axl_restart_seen(axl);
		axl_exit(axl, idx);
	}
	if (READ_ONCE(axl->published) || axl_status(axl) ||
	    time_before(jiffies, READ_ONCE(axl->news_at)) ||
	    !down_write_trylock(&axl->reset_sem))
		return;
	WRITE_ONCE(axl->news_at, jiffies + AXL_NEWS);
	if (axl->online && !axl->published && !axl->slept &&
	    axl_dma_idle(axl) && axl_hostif_news(axl))
		axl_adopt(axl);
	up_write(&axl->reset_sem);
}
EXPORT_SYMBOL_AXL(axl_pick_up);

/**
 * axl_look_now() - look after the card at once, also after one that was given up
 * @axl: the device
 */
void axl_look_now(struct axl_device *axl)
{
	WRITE_ONCE(axl->retry_at, jiffies - 1);
	axl_pick_up(axl);
}
EXPORT_SYMBOL_AXL(axl_look_now);

/**
 * axl_pick_up_now() - firmware was started, says whoever did it
 * @axl: the device
 *
 * If that shows, all that it publishes is read again, and transfers that run are
 * waited for. In any case it is told the table's address again.
 *
 * Return: 0, -EIO, -ENODEV or -EINTR (killed).
 */
int axl_pick_up_now(struct axl_device *axl)
{
	int ret;

	axl_check_link(axl);
	for (;;) {
		/* a recovery that is due, or under way, comes first */
		ret = axl_lock_ready(axl);
		if (ret)
			return ret;
		up_read(&axl->reset_sem);
		if (down_write_killable(&axl->reset_sem))
			return -EINTR;
		if (axl->online && !axl->reset_why)
			break;
		up_write(&axl->reset_sem);
	}
	/* not for nothing: slots, and what others have queued, would be lost */
	if (axl->slept || axl_hostif_changed(axl)) {
		ret = axl_dma_drain(axl);
		axl->slept = false;
		if (!ret)
			ret = axl_adopt(axl);
	} else {
		axl_hostif_remind(axl);
		axl_edma_remind(axl);
	}
	up_write(&axl->reset_sem);
	return ret;
}
EXPORT_SYMBOL_AXL(axl_pick_up_now);

/**
 * axl_device_free() - the last reference is gone
 * @axl: unbound, its hardware released
 */
void axl_device_free(struct axl_device *axl)
{
	axl_monitor_stop(axl);
	if (axl->wq)
		destroy_workqueue(axl->wq);
	axl_irq_release(axl);
	pci_dev_put(axl->pdev);
	cleanup_srcu_struct(&axl->srcu);
	kvfree(axl);
	/* the module's code may go when the last one is through here */
	if (atomic_dec_and_test(&axl_devices))
		wake_up_var(&axl_devices);
}

static struct axl_device *axl_device_alloc(struct pci_dev *pdev)
{
	struct axl_device *axl;
	int ret;

	axl = kvzalloc(sizeof(*axl), GFP_KERNEL);
	if (!axl)
		return ERR_PTR(-ENOMEM);
	ret = init_srcu_struct(&axl->srcu);
	if (ret) {
		kvfree(axl);
		return ERR_PTR(ret);
	}
	atomic_inc(&axl_devices);
	/* log lines name it, and files can outlive it */
	axl->pdev = pci_dev_get(pdev);
	axl->bounced = true;
	axl->news_at = jiffies;
	axl->generation = 1;
	mutex_init(&axl->buf_lock);
	INIT_LIST_HEAD(&axl->bufs);
	mutex_init(&axl->fw_lock);
	axl_reset_setup(axl);
	axl_dma_setup(axl);
	axl_cdev_setup(axl, &pdev->dev);
	/* from here on put_device() frees it */

	ret = axl_irq_setup(axl);
	if (ret)
		goto err;
	ret = ida_alloc_max(&axl_ids, AXL_MINORS - 1, GFP_KERNEL);
	if (ret < 0)
		goto err;
	axl->id = ret;
	axl->wq = alloc_ordered_workqueue("axl%d", WQ_FREEZABLE, axl->id);
	if (!axl->wq) {
		ret = -ENOMEM;
		goto err_id;
	}
	return axl;
err_id:
	ida_free(&axl_ids, axl->id);
err:
	put_device(&axl->dev);
	return ERR_PTR(ret);
}

/* A BAR that the kernel could not place reads as nothing, or as unset. */
static bool axl_bar_assigned(struct pci_dev *pdev, int bar, u64 min)
{
	return pci_resource_flags(pdev, bar) & IORESOURCE_MEM &&
	       !(pci_resource_flags(pdev, bar) & IORESOURCE_UNSET) &&
	       pci_resource_start(pdev, bar) &&
	       pci_resource_len(pdev, bar) >= min;
}

/*
 * A BAR as the card has it is the one that the core gave it. All ones are no
 * answer at all, which the engine tells better.
 */
static bool axl_bar_kept(struct pci_dev *pdev, int bar)
{
	u64 want = pci_bus_address(pdev, bar);
	int at = PCI_BASE_ADDRESS_0 + 4 * bar;
	u32 lo, hi = upper_32_bits(want);

	pci_read_config_dword(pdev, at, &lo);
	if (pci_resource_flags(pdev, bar) & IORESOURCE_MEM_64)
		pci_read_config_dword(pdev, at + 4, &hi);
	lo &= PCI_BASE_ADDRESS_MEM_MASK;
	return lo == (u32)PCI_BASE_ADDRESS_MEM_MASK ||
	       (lo == lower_32_bits(want) && hi == upper_32_bits(want));
}

static int axl_check_bars(struct pci_dev *pdev)
{
	if (!axl_bar_assigned(pdev, AXL_BAR_L2, AXL_BAR_L2_SIZE)) {
		dev_err(&pdev->dev,
			"BAR2 (32 MiB, 32-bit) has no address: the host bridge's window below 4 GiB is too small. On RK3588 apply the overlay rk3588-pcie3x4-bar2-window; see dts-overlays/README.md\n");
		return -ENOSPC;
	}
	if (!axl_bar_assigned(pdev, AXL_BAR_REGS, AXL_BAR_REGS_SIZE)) {
		dev_err(&pdev->dev,
			"BAR0 (4 KiB) has no address: see docs/hardware-notes.md, \"Identity and BARs\"\n");
		return -ENOSPC;
	}
	/* its BARs decode nothing, or what is somebody else's */
	if (!axl_bar_kept(pdev, AXL_BAR_REGS) || !axl_bar_kept(pdev, AXL_BAR_L2)) {
		dev_err(&pdev->dev,
			"the card restarted while nobody drove it and has lost its configuration: echo 1 > /sys/bus/pci/devices/%s/remove; echo 1 > /sys/bus/pci/rescan\n",
			pci_name(pdev));
		return -EIO;
	}
	return 0;
}

static int axl_map_bars(struct axl_device *axl)
{
	struct pci_dev *pdev = axl->pdev;

	axl->bar0_phys = pci_resource_start(pdev, AXL_BAR_REGS);
	axl->bar2_phys = pci_resource_start(pdev, AXL_BAR_L2);
	axl->bar2_size = AXL_BAR_L2_SIZE;
	axl->regs = pci_iomap(pdev, AXL_BAR_REGS, AXL_BAR_REGS_SIZE);
	axl->l2 = pci_iomap(pdev, AXL_BAR_L2, AXL_BAR_L2_SIZE);
	return axl->regs && axl->l2 ? 0 : -ENOMEM;
}

static void axl_unmap_bars(struct axl_device *axl)
{
	if (axl->l2)
		pci_iounmap(axl->pdev, axl->l2);
	if (axl->regs)
		pci_iounmap(axl->pdev, axl->regs);
	axl->l2 = NULL;
	axl->regs = NULL;
}

static int axl_set_dma_limits(struct axl_device *axl)
{
	struct pci_dev *pdev = axl->pdev;
	int ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));

	if (ret)
		ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(32));
	if (ret)
		dev_err(&pdev->dev, "no usable DMA addressing (%d)\n", ret);
	/* behind an IOMMU a scattered buffer becomes one segment */
	dma_set_max_seg_size(&pdev->dev, UINT_MAX);
	/* swiotlb bounces 256 KiB in one piece at most */
	axl->max_map = min_t(size_t, dma_max_mapping_size(&pdev->dev),
			     UINT_MAX);
	return ret;
}

static void axl_hello(struct axl_device *axl)
{
	static const char * const iommu[] = {
		[AXL_IOMMU_NONE] = "no IOMMU",
		[AXL_IOMMU_IDENTITY] = "IOMMU passthrough",
		[AXL_IOMMU_TRANSLATED] = "IOMMU translated, strict",
		[AXL_IOMMU_LAZY] = "IOMMU translated, lazy",
	};

	dev_info(&axl->pdev->dev, "metis%d: %s, %s, %u %s vector%s\n", axl->id,
		 axl->areas_known ? "firmware running" :
		 axl->fw_state == AXL_FW_BOOTLOADER ? "bootloader only" :
						      "no firmware answers",
		 iommu[axl_iommu_mode(axl)], axl->nr_vectors,
		 axl->msix ? "MSI-X" : "MSI", axl->nr_vectors == 1 ? "" : "s");
}

static int axl_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct axl_device *axl;
	int ret, found;

	ret = axl_check_bars(pdev);
	if (ret)
		return ret;
	axl = axl_device_alloc(pdev);
	if (IS_ERR(axl))
		return PTR_ERR(axl);
	pci_set_drvdata(pdev, axl);

	ret = pci_enable_device_mem(pdev);
	if (ret)
		goto err_put;
	ret = pci_request_regions(pdev, "axl");
	if (ret)
		goto err_disable;
	ret = axl_map_bars(axl);
	if (ret)
		goto err_unmap;
	ret = axl_edma_probe(axl);
	if (ret) {
		dev_err(&pdev->dev,
			"the DMA engine does not answer: power-cycle the card\n");
		goto err_unmap;
	}
	ret = axl_set_dma_limits(axl);
	if (ret)
		goto err_unmap;
	/* a card left running by somebody else writes nothing before it is ours */
	pci_clear_master(pdev);

	found = axl_hostif_refresh(axl);
	ret = axl_hostif_alloc(axl);
	if (ret)
		goto err_unmap;
	axl_guard_install(axl);
	ret = axl_irq_alloc(axl);
	if (ret)
		goto err_table;
	/* what a restart of the card has to bring back: no bus mastering yet */
	ret = pci_save_state(pdev);
	axl->saved = ret ? NULL : pci_store_saved_state(pdev);
	if (!axl->saved) {
		ret = ret ?: -ENOMEM;
		goto err_irq;
	}

	axl_hold(axl);
	ret = axl_bring_up(axl, found);
	if (ret) {
		dev_err(&pdev->dev,
			"the DMA engine hangs, or does not stop what somebody else started: power-cycle the card\n");
		goto err_saved;
	}
	axl_debugfs_add(axl);
	ret = axl_ext_add(axl);
	if (ret)
		goto err_quiesce;
	axl_hello(axl);
	return 0;

err_quiesce:
	axl_debugfs_del(axl);
	down_write(&axl->reset_sem);
	WRITE_ONCE(axl->gone, true);
	axl_quiesce(axl);
	axl_dma_flush(axl, -ENODEV);
	up_write(&axl->reset_sem);
	cancel_delayed_work_sync(&axl->bus_work);
	cancel_work_sync(&axl->reset_work);
err_saved:
	axl_put_back(axl);
	kfree(axl->saved);
err_irq:
	axl_irq_free(axl);
err_table:
	axl_guard_remove(axl);
	axl_hostif_free(axl);
err_unmap:
	axl_unmap_bars(axl);
	pci_release_regions(pdev);
err_disable:
	pci_disable_device(pdev);
err_put:
	ida_free(&axl_ids, axl->id);
	put_device(&axl->dev);
	return ret;
}

/* Everything that must not happen to a card nobody drives any more. */
static void axl_stop(struct axl_device *axl)
{
	/* first of all: it ends whatever waits for the card under reset_sem */
	WRITE_ONCE(axl->gone, true);
	wake_up_all(&axl->idle_wait);
	down_write(&axl->reset_sem);
	axl_cdev_zap(axl);
	axl_quiesce(axl);
	axl_dma_flush(axl, -ENODEV);
	axl_raise_generation(axl);
	up_write(&axl->reset_sem);
	/* they find the device gone */
	cancel_delayed_work_sync(&axl->bus_work);
	cancel_work_sync(&axl->reset_work);
	axl_monitor_stop(axl);
	axl_put_back(axl);
}

static void axl_remove(struct pci_dev *pdev)
{
	struct axl_device *axl = pci_get_drvdata(pdev);

	axl_stop(axl);
	axl_ext_del(axl);
	axl_cdev_del(axl);
	axl_debugfs_del(axl);
	/* the number is free although files may keep the shell */
	ida_free(&axl_ids, axl->id);
	axl_buf_unmap_all(axl);
	axl_irq_free(axl);
	axl_guard_remove(axl);
	axl_hostif_free(axl);
	axl_unmap_bars(axl);
	kfree(axl->saved);
	pci_release_regions(pdev);
	pci_disable_device(pdev);
	/* open files keep a shell that answers -ENODEV */
	put_device(&axl->dev);
}

static void axl_shutdown(struct pci_dev *pdev)
{
	/* the SMMU goes later: nothing may be in flight by then */
	axl_stop(pci_get_drvdata(pdev));
	/* nor may files that are closed later have anything left to unmap */
	axl_buf_unmap_all(pci_get_drvdata(pdev));
}

/*
 * Resets by others, errors and system sleep: what runs on the card does not
 * survive them. The card is quiet before and looked at anew afterwards.
 */
static void axl_reset_prepare(struct pci_dev *pdev)
{
	axl_pause(pci_get_drvdata(pdev));
}

static void axl_reset_done(struct pci_dev *pdev)
{
	axl_unpause(pci_get_drvdata(pdev), "somebody reset the card");
}

static pci_ers_result_t axl_error_detected(struct pci_dev *pdev,
					   pci_channel_state_t state)
{
	axl_bus_error(pci_get_drvdata(pdev));
	if (state == pci_channel_io_perm_failure) {
		axl_bus_gone(pci_get_drvdata(pdev));
		return PCI_ERS_RESULT_DISCONNECT;
	}
	return PCI_ERS_RESULT_NEED_RESET;
}

static pci_ers_result_t axl_slot_reset(struct pci_dev *pdev)
{
	/* config space is restored when the card is looked at */
	return PCI_ERS_RESULT_RECOVERED;
}

static void axl_error_resume(struct pci_dev *pdev)
{
	axl_bus_good(pci_get_drvdata(pdev), "recovered from a bus error");
}

static const struct pci_error_handlers axl_err_handlers = {
	.error_detected = axl_error_detected,
	.slot_reset = axl_slot_reset,
	.resume = axl_error_resume,
	.reset_prepare = axl_reset_prepare,
	.reset_done = axl_reset_done,
};

static int axl_suspend(struct device *dev)
{
	return axl_sleep(dev_get_drvdata(dev));
}

static int axl_pm_resume(struct device *dev)
{
	axl_unpause(dev_get_drvdata(dev), "the system was asleep");
	return 0;
}

static DEFINE_SIMPLE_DEV_PM_OPS(axl_pm_ops, axl_suspend, axl_pm_resume);

static const struct pci_device_id axl_pci_ids[] = {
	{ PCI_DEVICE(AXL_VENDOR, AXL_DEVICE_OMEGA) },
	{ PCI_DEVICE(AXL_VENDOR, AXL_DEVICE_ALPHA) },
	{ PCI_DEVICE(AXL_EMU_VENDOR, AXL_EMU_DEVICE_OMEGA) },
	{ PCI_DEVICE(AXL_EMU_VENDOR, AXL_EMU_DEVICE_ALPHA) },
	{ }
};
MODULE_DEVICE_TABLE(pci, axl_pci_ids);

static struct pci_driver axl_driver = {
	.name = "axl",
	.id_table = axl_pci_ids,
	.probe = axl_probe,
	.remove = axl_remove,
	.shutdown = axl_shutdown,
	.err_handler = &axl_err_handlers,
	.driver.pm = pm_sleep_ptr(&axl_pm_ops),
};

static int __init axl_init(void)
{
	int ret;

	BUILD_BUG_ON(BITS_PER_LONG != 64);
	ret = axl_cdev_init();
	if (ret)
		return ret;
	axl_buf_init();
	axl_debugfs_init();
	ret = pci_register_driver(&axl_driver);
	if (ret) {
		axl_debugfs_exit();
		axl_cdev_exit();
	}
	return ret;
}
module_init(axl_init);

static void __exit axl_module_exit(void)
{
	pci_unregister_driver(&axl_driver);
	wait_var_event(&axl_devices, !atomic_read(&axl_devices));
	axl_debugfs_exit();
	axl_cdev_exit();
}
module_exit(axl_module_exit);

MODULE_DESCRIPTION("Axelera Metis AI accelerator");
MODULE_LICENSE("GPL");
MODULE_VERSION(AXL_VERSION);
AXL_IMPORT_NS(DMA_BUF);
