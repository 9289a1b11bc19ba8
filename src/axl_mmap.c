// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings of BAR2 in user space: page faults and revocation.
 */
#include <linux/compat.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>

#include "axl_core.h"
#include "axl_device.h"
#include "axl_ext.h"
#include "axl_file.h"
#include "axl_mmap.h"

/*
 * Wait until the card is online. If the fault can be retried, drop its lock for
 * that, so as not to block other threads of the process.
 */
static vm_fault_t axl_vm_fault_wait(struct axl_device *axl,
				    struct vm_fault *vmf)
{
	struct file *filp = vmf->vma->vm_file;

	if (!fault_flag_allow_retry_first(vmf->flags)) {
		/* second attempt, or the caller cannot retry */
		if (axl_generation_wait(axl))
			return VM_FAULT_SIGBUS;
		return VM_FAULT_NOPAGE;
	}
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;
	/* without the lock the mapping and its file may be freed */
	get_file(filp);
	axl_release_fault_lock(vmf);
	if (!axl_generation_get_freezable(axl))
		axl_generation_put(axl);
	fput(filp);
	return VM_FAULT_RETRY;
}

static vm_fault_t axl_vm_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct axl_file *file = vma->vm_file->private_data;
	struct axl_device *axl = file->axl;
	/* axl_mmap_ext() has marked a mapping of the registers */
	phys_addr_t phys = vma->vm_private_data ? axl->bar0_phys :
			   axl->bar2_phys + (vmf->pgoff << PAGE_SHIFT);
	vm_fault_t ret;
	int err;

	/* a firmware start excludes faults until the link is back */
	err = axl_generation_tryget(axl);
	if (err == -EAGAIN)
		return axl_vm_fault_wait(axl, vmf);
	if (err)
		return VM_FAULT_SIGBUS;
	ret = vmf_insert_pfn(vma, vmf->address & PAGE_MASK, PHYS_PFN(phys));
	axl_generation_put(axl);
	return ret;
}

static const struct vm_operations_struct axl_vm_ops = {
	.fault = axl_vm_fault,
};

/*
 * The other interface (axl_ext.h) maps BAR2 from its start only, and the
 * engine's registers at page offset 1. A file that used the native interface
 * first is not affected.
 */
static int axl_mmap_ext(struct axl_file *file, struct vm_area_struct *vma)
{
	int ret;

	if (!axl_ext_used(&file->ext)) {
		/* 32-bit programs cannot use the other interface */
		if (vma->vm_pgoff != AXL_EXT_PGOFF_REGS ||
		    READ_ONCE(file->native) || in_compat_syscall())
			return 0;
		ret = axl_ext_claim(file->axl, &file->ext);
		if (ret)
			return ret == -ENOTTY ? 0 : ret;
	}
	if (vma->vm_pgoff == AXL_EXT_PGOFF_L2)
		return 0;
	if (vma->vm_pgoff != AXL_EXT_PGOFF_REGS || vma_pages(vma) > 1)
		return -EINVAL;
	/* the registers program DMA to any address the IOMMU allows */
	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;
	/* a larger page would map more than the registers */
	if (PAGE_SIZE > AXL_BAR_REGS_SIZE)
		return -EOPNOTSUPP;
	vma->vm_private_data = file->axl;
	return 0;
}

int axl_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct axl_file *file = filp->private_data;
	u64 pages = axl_l2_size(file->axl) >> PAGE_SHIFT;
	int ret;

	if (axl_gone(file->axl))
		return -ENODEV;
	/* not VM_SHARED: mmap() clears it for a file opened read-only */
	if (!(vma->vm_flags & VM_MAYSHARE) || vma->vm_pgoff >= pages ||
	    vma_pages(vma) > pages - vma->vm_pgoff)
		return -EINVAL;
	ret = axl_mmap_ext(file, vma);
	if (ret)
		return ret;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	axl_vm_flags_mod(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP,
			 VM_MAYEXEC);
	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	vma->vm_ops = &axl_vm_ops;
	return 0;
}

/**
 * axl_cdev_opened() - check whether the device has open files
 * @axl: the device
 */
bool axl_cdev_opened(struct axl_device *axl)
{
	return !list_empty_careful(&axl->files.list);
}

/**
 * axl_cdev_zap() - revoke every mapping of BAR2
 * @axl: the device; reset_sem is held for writing, so that faults wait
 */
void axl_cdev_zap(struct axl_device *axl)
{
	struct axl_file *file;

	/* the device can have several nodes, each with its own address_space */
	mutex_lock(&axl->files.lock);
	list_for_each_entry(file, &axl->files.list, node)
		unmap_mapping_range(file->filp->f_mapping, 0, 0, 1);
	mutex_unlock(&axl->files.lock);
}
