/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between kernels from 6.1 on. Version checks are in this directory
 * only; the rest of the driver is written for the newest kernel.
 */
#ifndef AXL_COMPAT_H
#define AXL_COMPAT_H

#include <linux/device/class.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/eventfd.h>
#include <linux/hrtimer.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define AXL_IMPORT_NS(ns)	MODULE_IMPORT_NS(ns)
#define EXPORT_SYMBOL_AXL(symbol)	EXPORT_SYMBOL_NS_GPL(symbol, AXL)
#else
#define AXL_IMPORT_NS(ns)	MODULE_IMPORT_NS(#ns)
#define EXPORT_SYMBOL_AXL(symbol)	EXPORT_SYMBOL_NS_GPL(symbol, "AXL")
#endif

/* class attribute callbacks take a const class since 6.4 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#define axl_attr_class		struct class
#define axl_attr_class_attr	struct class_attribute
#else
#define axl_attr_class		const struct class
#define axl_attr_class_attr	const struct class_attribute
#endif

/* class_create() takes no owner since 6.4 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#define axl_class_create(name)	class_create(THIS_MODULE, name)
#else
#define axl_class_create(name)	class_create(name)
#endif

/* the uevent callback of a class takes a const device since 6.2 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define axl_uevent_device	struct device
#else
#define axl_uevent_device	const struct device
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
/* the devnode callback takes a const device since 6.2 */
#define axl_devnode_device	struct device

static inline struct sg_table *
axl_dma_buf_map(struct dma_buf_attachment *attach, enum dma_data_direction dir)
{
	struct sg_table *sgt;

	dma_resv_lock(attach->dmabuf->resv, NULL);
	sgt = dma_buf_map_attachment(attach, dir);
	dma_resv_unlock(attach->dmabuf->resv);
	return sgt;
}

static inline void axl_dma_buf_unmap(struct dma_buf_attachment *attach,
				     struct sg_table *sgt,
				     enum dma_data_direction dir)
{
	dma_resv_lock(attach->dmabuf->resv, NULL);
	dma_buf_unmap_attachment(attach, sgt, dir);
	dma_resv_unlock(attach->dmabuf->resv);
}

/*
 * Before 6.2 a long-term pin for reading does not unshare a copy-on-write page:
 * after the first write by the process the device would keep the old page. A
 * forced write pin does unshare it; it fails for shared memory that is mapped
 * read-only, which needs no unsharing.
 */
static inline int axl_pin_for_read(unsigned long addr, int nr,
				   struct page **pages)
{
	int got = pin_user_pages_fast(addr, nr, FOLL_LONGTERM | FOLL_WRITE |
				      FOLL_FORCE, pages);

	/* one page only: the next may need the forced write pin */
	return got > 0 ? got :
	       pin_user_pages_fast(addr, 1, FOLL_LONGTERM, pages);
}
#else
#define axl_devnode_device	const struct device
#define axl_dma_buf_map		dma_buf_map_attachment_unlocked
#define axl_dma_buf_unmap	dma_buf_unmap_attachment_unlocked

static inline int axl_pin_for_read(unsigned long addr, int nr,
				   struct page **pages)
{
	return pin_user_pages_fast(addr, nr, FOLL_LONGTERM, pages);
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void axl_vm_flags_mod(struct vm_area_struct *vma,
				    unsigned long set, unsigned long clear)
{
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
}
#else
#define axl_vm_flags_mod	vm_flags_mod
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
#define axl_iommu_map(domain, iova, phys, size, prot)	\
	iommu_map(domain, iova, phys, size, prot)
#else
#define axl_iommu_map(domain, iova, phys, size, prot)	\
	iommu_map(domain, iova, phys, size, prot, GFP_KERNEL)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
static inline void
axl_hrtimer_setup(struct hrtimer *timer,
		  enum hrtimer_restart (*function)(struct hrtimer *),
		  clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#else
#define axl_hrtimer_setup	hrtimer_setup
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
#define axl_eventfd_signal(ctx)	eventfd_signal(ctx, 1)
#else
#define axl_eventfd_signal(ctx)	eventfd_signal(ctx)
#endif

/* a file fault can come with only the per-VMA lock held since 6.6 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define axl_release_fault_lock(vmf)	mmap_read_unlock((vmf)->vma->vm_mm)
#else
#define axl_release_fault_lock(vmf)	release_fault_lock(vmf)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
#define axl_memdup_array_user(src, n, size)	vmemdup_user(src, (n) * (size))
#else
#define axl_memdup_array_user(src, n, size)	vmemdup_array_user(src, n, size)
#endif

#endif /* AXL_COMPAT_H */
