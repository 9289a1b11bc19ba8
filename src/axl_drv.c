// SPDX-License-Identifier: GPL-2.0
/*
 * Axelera Metis driver: PCI probe, removal and shutdown; the callbacks of power
 * management and of PCI error recovery.
 */
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "axl_buf.h"
#include "axl_cdev.h"
#include "axl_debugfs.h"
#include "axl_device.h"
#include "axl_dma.h"
#include "axl_edma.h"
#include "axl_hostif.h"
#include "axl_iova.h"
#include "axl_irq.h"
#include "axl_link.h"
#include "axl_mmap.h"
#include "axl_monitor.h"
#include "axl_pm.h"
#include "axl_reset.h"
#include "axl_state.h"
#include "axl_watchdog.h"

#define AXL_VENDOR		0x1f9d
#define AXL_DEVICE_OMEGA	0x1100	/* all shipping cards */
#define AXL_DEVICE_ALPHA	0x11aa
#define AXL_EMU_VENDOR		0x1234	/* ids of the vendor's emulators */
#define AXL_EMU_DEVICE_OMEGA	0x2024
#define AXL_EMU_DEVICE_ALPHA	0x2023

#define AXL_BAR_REGS		0
#define AXL_BAR_L2		2
#define AXL_BAR_L2_SIZE		SZ_32M

static DEFINE_IDA(axl_ids);
/* devices not yet released: bound, or referenced, e.g. by open files */
static atomic_t axl_devices = ATOMIC_INIT(0);

/* Last put; on close() if a file was still open at removal. */
static void axl_release_dev(struct device *dev)
{
	struct axl_device *axl = axl_from_dev(dev);

	axl_monitor_stop(axl);
	if (axl->wq)
		destroy_workqueue(axl->wq);
	axl_irq_release(axl);
	pci_dev_put(axl->pdev);
	cleanup_srcu_struct(&axl->srcu);
	kvfree(axl);
	/* axl_module_exit() waits for the last device */
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
	/* referenced for log lines: open files can outlive the binding */
	axl->pdev = pci_dev_get(pdev);
	mutex_init(&axl->buf.lock);
	INIT_LIST_HEAD(&axl->buf.list);
	axl_reset_setup(axl);
	axl_pm_setup(axl);
	axl_monitor_setup(axl);
	axl_watchdog_setup(axl);
	axl_dma_setup(axl);
	axl_hostif_setup(axl);
	axl_state_setup(axl);
	axl_cdev_setup(axl, &pdev->dev);
	axl->dev.release = axl_release_dev;
	/* from here on put_device() frees axl */

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

/* A BAR without an address has no memory flag, or IORESOURCE_UNSET. */
static bool axl_bar_assigned(struct pci_dev *pdev, int bar, u64 min)
{
	return pci_resource_flags(pdev, bar) & IORESOURCE_MEM &&
	       !(pci_resource_flags(pdev, bar) & IORESOURCE_UNSET) &&
	       pci_resource_start(pdev, bar) &&
	       pci_resource_len(pdev, bar) >= min;
}

/*
 * Check that the card's BAR still holds the address that the PCI core assigned.
 * All ones mean no answer and pass: axl_edma_probe() reports that case.
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
	/* the BARs decode nothing, or addresses of another device */
	if (!axl_bar_kept(pdev, AXL_BAR_REGS) || !axl_bar_kept(pdev, AXL_BAR_L2)) {
		dev_err(&pdev->dev,
			"the card restarted while no driver was bound and has lost its configuration: echo 1 > /sys/bus/pci/devices/%s/remove; echo 1 > /sys/bus/pci/rescan\n",
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
	/* behind an IOMMU a scattered buffer can become one segment */
	dma_set_max_seg_size(&pdev->dev, UINT_MAX);
	/* swiotlb bounces at most 256 KiB in one piece */
	axl->buf.max_map = min_t(size_t, dma_max_mapping_size(&pdev->dev),
				 UINT_MAX);
	return ret;
}

static void axl_log_info(struct axl_device *axl)
{
	static const char * const iommu[] = {
		[AXL_IOMMU_NONE] = "no IOMMU",
		[AXL_IOMMU_IDENTITY] = "IOMMU passthrough",
		[AXL_IOMMU_TRANSLATED] = "IOMMU translated, strict",
		[AXL_IOMMU_LAZY] = "IOMMU translated, lazy",
	};

	dev_info(&axl->pdev->dev, "metis%d: %s, %s, %u %s vector%s\n", axl->id,
		 axl->hostif.areas_known ? "firmware running" :
		 axl_fw_state(axl) == AXL_FW_BOOTLOADER ? "bootloader only" :
						      "no firmware answers",
		 iommu[axl_iommu_mode(axl)], axl->msi.nr,
		 axl->msi.msix ? "MSI-X" : "MSI", axl->msi.nr == 1 ? "" : "s");
}

/* End all waits, transfers and mappings, and quiesce the card; may sleep. */
static void axl_stop(struct axl_device *axl)
{
	/* first: ends waits */
	WRITE_ONCE(axl->gone, true);
	wake_up_all(&axl->dma.idle_wait);
	down_write(&axl->reset_sem);
	axl_state_trigger(axl, AXL_ON_REMOVE, NULL);
	up_write(&axl->reset_sem);
	/* work that still runs finds the state gone and does nothing */
	cancel_delayed_work_sync(&axl->bus_work);
	cancel_delayed_work_sync(&axl->reset_work);
	cancel_delayed_work_sync(&axl->watchdog);
	axl_monitor_stop(axl);
	axl_restore_config(axl);
}

static int axl_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct axl_device *axl;
	int ret;

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
	/* a previous owner may have left the card running: stop its DMA */
	pci_clear_master(pdev);

	down_write(&axl->reset_sem);
	axl_hostif_refresh(axl);
	up_write(&axl->reset_sem);
	ret = axl_hostif_alloc(axl);
	if (ret)
		goto err_unmap;
	axl_guard_install(axl);
	ret = axl_irq_alloc(axl);
	if (ret)
		goto err_table;
	/* restored after a restart of the card; bus mastering is still off */
	ret = pci_save_state(pdev);
	axl->saved = ret ? NULL : pci_store_saved_state(pdev);
	if (!axl->saved) {
		ret = ret ?: -ENOMEM;
		goto err_irq;
	}

	down_write(&axl->reset_sem);
	ret = axl_state_trigger(axl, AXL_ON_AREAS, NULL);
	up_write(&axl->reset_sem);
	if (ret) {
		dev_err(&pdev->dev,
			"the DMA engine hangs, or does not stop the transfers of a previous owner: power-cycle the card\n");
		goto err_saved;
	}
	axl_debugfs_add(axl);
	ret = axl_cdev_add(axl);
	if (ret)
		goto err_quiesce;
	axl_log_info(axl);
	return 0;

err_quiesce:
	axl_debugfs_del(axl);
	axl_stop(axl);
	goto err_stopped;
err_saved:
	axl_restore_config(axl);
err_stopped:
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

static void axl_remove(struct pci_dev *pdev)
{
	struct axl_device *axl = pci_get_drvdata(pdev);

	axl_stop(axl);
	axl_cdev_del(axl);
	axl_debugfs_del(axl);
	/* the number can be reused while open files keep the structure */
	ida_free(&axl_ids, axl->id);
	axl_buf_unmap_all(axl);
	axl_irq_free(axl);
	axl_guard_remove(axl);
	axl_hostif_free(axl);
	axl_unmap_bars(axl);
	kfree(axl->saved);
	pci_release_regions(pdev);
	pci_disable_device(pdev);
	/* open files keep the structure; their calls return -ENODEV */
	put_device(&axl->dev);
}

static void axl_shutdown(struct pci_dev *pdev)
{
	/* the SMMU is shut down later: no DMA may be in flight then */
	axl_stop(pci_get_drvdata(pdev));
	/* files closed after that must not find anything to unmap */
	axl_buf_unmap_all(pci_get_drvdata(pdev));
}

/*
 * Resets by other agents, PCI errors and system sleep: what runs on the card
 * does not survive them. The card is quiesced before and recovered afterwards.
 */
static void axl_pci_reset_prepare(struct pci_dev *pdev)
{
	axl_reset_prepare(pci_get_drvdata(pdev));
}

static void axl_pci_reset_done(struct pci_dev *pdev)
{
	axl_reset_done(pci_get_drvdata(pdev), "device was reset by another agent");
}

static pci_ers_result_t axl_error_detected(struct pci_dev *pdev,
					   pci_channel_state_t state)
{
	bool failed = state == pci_channel_io_perm_failure;

	axl_pci_error_detected(pci_get_drvdata(pdev), failed);
	return failed ? PCI_ERS_RESULT_DISCONNECT : PCI_ERS_RESULT_NEED_RESET;
}

static pci_ers_result_t axl_slot_reset(struct pci_dev *pdev)
{
	/* the state machine restores config space: AXL_DO_RESTORE */
	return PCI_ERS_RESULT_RECOVERED;
}

static void axl_error_resume(struct pci_dev *pdev)
{
	axl_pci_error_recovered(pci_get_drvdata(pdev), "recovered from a bus error");
}

static const struct pci_error_handlers axl_err_handlers = {
	.error_detected = axl_error_detected,
	.slot_reset = axl_slot_reset,
	.resume = axl_error_resume,
	.reset_prepare = axl_pci_reset_prepare,
	.reset_done = axl_pci_reset_done,
};

static int axl_pm_suspend(struct device *dev)
{
	return axl_suspend(dev_get_drvdata(dev));
}

static int axl_pm_resume(struct device *dev)
{
	axl_reset_done(dev_get_drvdata(dev), "the system was asleep");
	return 0;
}

static DEFINE_SIMPLE_DEV_PM_OPS(axl_pm_ops, axl_pm_suspend, axl_pm_resume);

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
