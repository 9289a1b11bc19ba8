// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/metisN: device nodes and open files, poll and read.
 */
#include <linux/compat.h>
#include <linux/export.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "axl_cdev.h"
#include "axl_core.h"
#include "axl_device.h"
#include "axl_ext.h"
#include "axl_file.h"
#include "axl_ioctl.h"
#include "axl_mmap.h"

static dev_t axl_devt;

static char *axl_devnode(axl_devnode_device *dev, umode_t *mode)
{
	if (mode)
		*mode = 0660;
	return NULL;
}

/* Variables for udev rules: node names that depend on the PCI slot only. */
static int axl_uevent(axl_uevent_device *dev, struct kobj_uevent_env *env)
{
	struct pci_dev *pdev;

	if (!dev->devt || !dev->parent || !dev_is_pci(dev->parent))
		return 0;
	pdev = to_pci_dev(dev->parent);
	return add_uevent_var(env, "METIS_SLOT=%x:%x:%x",
			      pci_domain_nr(pdev->bus), pdev->bus->number,
			      PCI_SLOT(pdev->devfn)) ?:
	       add_uevent_var(env, "METIS_SLOT_DASHED=%x-%x-%x",
			      pci_domain_nr(pdev->bus), pdev->bus->number,
			      PCI_SLOT(pdev->devfn));
}

/* Allocated, not static: the kernel can use a class after module unload. */
static struct class *axl_class;

static __poll_t axl_poll(struct file *filp, struct poll_table_struct *wait)
{
	struct axl_file *file = filp->private_data;
	__poll_t mask;

	/* at most two queues: io_uring refuses a third */
	poll_wait(filp, &file->client.wait, wait);
	poll_wait(filp, axl_state_wait_head(file->axl), wait);
	mask = axl_ext_poll(&file->ext);
	if (!list_empty_careful(&file->client.done))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (axl_status(file->axl))
		mask |= EPOLLERR | EPOLLHUP;
	return mask;
}

static ssize_t axl_read(struct file *filp, char __user *to, size_t count,
			loff_t *pos)
{
	struct axl_file *file = filp->private_data;

	if (axl_gone(file->axl))
		return -ENODEV;
	return axl_ext_read(&file->ext, filp, to, count);
}

/**
 * axl_cdev_class() - get the class of the device nodes
 *
 * Return: the class.
 */
struct class *axl_cdev_class(void)
{
	return axl_class;
}
EXPORT_SYMBOL_AXL(axl_cdev_class);

static struct lock_class_key axl_file_wait_key;

static int axl_open(struct inode *inode, struct file *filp)
{
	struct axl_device *axl = container_of(inode->i_cdev, struct axl_device,
					      cdev);
	struct axl_file *file;
	int ret;

	if (axl_gone(axl))
		return -ENODEV;
	file = kzalloc(sizeof(*file), GFP_KERNEL_ACCOUNT);
	if (!file)
		return -ENOMEM;
	axl_client_init(&file->client);
	/*
	 * Woken from a wait queue callback with the lock of another client's
	 * queue held: needs its own lockdep class.
	 */
	lockdep_set_class(&file->client.wait.lock, &axl_file_wait_key);
	ret = axl_ext_init(&file->ext, &file->client.wait);
	/* it may have waited for probe, which can fail */
	if (!ret && axl_gone(axl))
		ret = -ENODEV;
	if (ret) {
		kfree(file);
		return ret;
	}
	file->axl = axl;
	get_device(&axl->dev);
	xa_init_flags(&file->bufs, XA_FLAGS_ALLOC1);
	mutex_init(&file->lock);

	file->filp = filp;
	filp->private_data = file;
	mutex_lock(&axl->files.lock);
	list_add(&file->node, &axl->files.list);
	mutex_unlock(&axl->files.lock);
	axl_fw_detect(axl);
	axl_monitor_start(axl);
	return nonseekable_open(inode, filp);
}

static int axl_release(struct inode *inode, struct file *filp)
{
	struct axl_file *file = filp->private_data;
	struct axl_device *axl = file->axl;
	struct axl_buf *buf;
	unsigned long handle;
	int i;

	axl_ext_end(&file->ext);
	for (i = 0; i < AXL_MAX_BINDINGS; i++)
		if (file->bindings[i])
			axl_event_unbind(axl, file->bindings[i]);
	axl_client_close(axl, &file->client);
	xa_for_each(&file->bufs, handle, buf)
		axl_buf_put(buf);
	xa_destroy(&file->bufs);

	mutex_lock(&axl->files.lock);
	list_del(&file->node);
	mutex_unlock(&axl->files.lock);
	mutex_destroy(&file->lock);
	kfree(file);
	put_device(&axl->dev);
	return 0;
}

static const struct file_operations axl_fops = {
	.owner = THIS_MODULE,
	.open = axl_open,
	.release = axl_release,
	.read = axl_read,
	.unlocked_ioctl = axl_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = axl_poll,
	.mmap = axl_mmap,
};

/**
 * axl_cdev_setup() - initialise the class device
 * @axl: the device, all zeros; the caller sets the release function
 * @parent: its PCI device
 */
void axl_cdev_setup(struct axl_device *axl, struct device *parent)
{
	device_initialize(&axl->dev);
	axl->dev.class = axl_class;
	axl->dev.parent = parent;
	mutex_init(&axl->files.lock);
	INIT_LIST_HEAD(&axl->files.list);
}

static int axl_cdev_show(struct axl_device *axl)
{
	int ret;

	axl->dev.devt = MKDEV(MAJOR(axl_devt), axl->id);
	ret = dev_set_name(&axl->dev, "metis%d", axl->id);
	if (ret)
		return ret;
	cdev_init(&axl->cdev, &axl_fops);
	axl->cdev.owner = THIS_MODULE;
	return cdev_device_add(&axl->cdev, &axl->dev);
}

/**
 * axl_cdev_add() - make the device visible to user space
 * @axl: the device, fully initialised: open() is possible before this returns
 *
 * open() waits in axl_ext_init() until both interfaces are there. May sleep.
 *
 * Return: 0, or the error of dev_set_name() or cdev_device_add(); then no node
 * exists.
 */
int axl_cdev_add(struct axl_device *axl)
{
	int ret;

	mutex_lock(&axl_cards_lock);
	ret = axl_cdev_show(axl);
	if (ret) {
		/* a thread may already wait in open(): let it fail */
		axl_set_gone(axl);
	} else {
		list_add_tail(&axl->node, &axl_cards);
		axl_ext_add(axl);
	}
	mutex_unlock(&axl_cards_lock);
	return ret;
}

/**
 * axl_cdev_del() - remove the device from both interfaces; may sleep
 * @axl: the device, stopped; its PCI device can still be used
 *
 * Open files stay; their calls return -ENODEV.
 */
void axl_cdev_del(struct axl_device *axl)
{
	mutex_lock(&axl_cards_lock);
	list_del(&axl->node);
	axl_ext_del(axl);
	mutex_unlock(&axl_cards_lock);
	cdev_device_del(&axl->cdev, &axl->dev);
}

int axl_cdev_init(void)
{
	int ret = alloc_chrdev_region(&axl_devt, 0, AXL_MINORS, "metis");

	if (ret)
		return ret;
	axl_class = axl_class_create("metis");
	if (IS_ERR(axl_class)) {
		unregister_chrdev_region(axl_devt, AXL_MINORS);
		return PTR_ERR(axl_class);
	}
	axl_class->devnode = axl_devnode;
	axl_class->dev_uevent = axl_uevent;
	return 0;
}

void axl_cdev_exit(void)
{
	class_destroy(axl_class);
	unregister_chrdev_region(axl_devt, AXL_MINORS);
}
