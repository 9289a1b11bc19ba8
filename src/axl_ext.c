// SPDX-License-Identifier: GPL-2.0
/*
 * The second interface of the device nodes: who offers it, which cards it knows,
 * which files use it.
 */
#include <linux/compat.h>
#include <linux/module.h>

#include "axl_device.h"
#include "axl_ext.h"

/*
 * Bound cards, by axl_device.ext.node. The lock is held over add() and del(), and
 * while a card's node appears.
 */
static DEFINE_MUTEX(axl_ext_list_lock);
static LIST_HEAD(axl_ext_devices);
/*
 * What a file's first use needs: this and axl_device.ext.added. Inside
 * axl_ext_list_lock, and also taken with the mmap_lock held. Written with both.
 */
static DEFINE_MUTEX(axl_ext_use_lock);
static const struct axl_ext_ops *axl_ext_ops;

static void axl_ext_offer(const struct axl_ext_ops *ops)
{
	mutex_lock(&axl_ext_use_lock);
	axl_ext_ops = ops;
	mutex_unlock(&axl_ext_use_lock);
}

static void axl_ext_set_added(struct axl_device *axl, bool added)
{
	mutex_lock(&axl_ext_use_lock);
	axl->ext.added = added;
	mutex_unlock(&axl_ext_use_lock);
}

static void axl_ext_add_to(struct axl_device *axl)
{
	int ret = axl_ext_ops->add(axl);

	axl_ext_set_added(axl, !ret);
	if (ret)
		dev_warn(&axl->pdev->dev,
			 "%s cannot serve this card (%d)\n",
			 module_name(axl_ext_ops->owner), ret);
}

static void axl_ext_del_from(struct axl_device *axl)
{
	if (!axl->ext.added)
		return;
	/* nobody is in open() after this */
	axl_ext_set_added(axl, false);
	axl_ext_ops->del(axl);
}

/**
 * axl_ext_register() - offer a second interface
 * @ops: stays valid until axl_ext_unregister()
 *
 * Return: 0 or -EBUSY: there is one.
 */
int axl_ext_register(const struct axl_ext_ops *ops)
{
	struct axl_device *axl;
	int ret = 0;

	mutex_lock(&axl_ext_list_lock);
	if (axl_ext_ops) {
		ret = -EBUSY;
	} else {
		axl_ext_offer(ops);
		list_for_each_entry(axl, &axl_ext_devices, ext.node)
			axl_ext_add_to(axl);
	}
	mutex_unlock(&axl_ext_list_lock);
	return ret;
}
EXPORT_SYMBOL_AXL(axl_ext_register);

/**
 * axl_ext_unregister() - the interface goes away
 * @ops: as registered; no file uses it, or its module could not be unloaded
 */
void axl_ext_unregister(const struct axl_ext_ops *ops)
{
	struct axl_device *axl;

	mutex_lock(&axl_ext_list_lock);
	list_for_each_entry(axl, &axl_ext_devices, ext.node)
		axl_ext_del_from(axl);
	axl_ext_offer(NULL);
	mutex_unlock(&axl_ext_list_lock);
}
EXPORT_SYMBOL_AXL(axl_ext_unregister);

/**
 * axl_ext_lock() - keep files from being opened, and the list of cards as it is
 */
void axl_ext_lock(void)
{
	mutex_lock(&axl_ext_list_lock);
}

void axl_ext_unlock(void)
{
	mutex_unlock(&axl_ext_list_lock);
}

/**
 * axl_ext_add() - a card can be served
 * @axl: the device, ready; between axl_ext_lock() and axl_ext_unlock()
 */
void axl_ext_add(struct axl_device *axl)
{
	list_add_tail(&axl->ext.node, &axl_ext_devices);
	if (axl_ext_ops)
		axl_ext_add_to(axl);
}

/**
 * axl_ext_del() - a card goes away
 * @axl: the device, stopped; its PCI device can still be used
 */
void axl_ext_del(struct axl_device *axl)
{
	mutex_lock(&axl_ext_list_lock);
	list_del(&axl->ext.node);
	axl_ext_del_from(axl);
	mutex_unlock(&axl_ext_list_lock);
}

/**
 * axl_ext_find_l2() - is this the L2 of a card
 * @bus_addr: bus address
 * @length: bytes
 * @phys: out: as the CPU sees it
 *
 * Its list buffer is out of bounds, where that is now: a start of other firmware
 * can move it under a transfer.
 */
bool axl_ext_find_l2(u64 bus_addr, u64 length, phys_addr_t *phys)
{
	struct axl_device *axl;
	bool found = false;
	u64 offset, list;

	mutex_lock(&axl_ext_list_lock);
	list_for_each_entry(axl, &axl_ext_devices, ext.node) {
		/* below it: wraps */
		offset = bus_addr - pci_bus_address(axl->pdev, 2);
		list = READ_ONCE(axl->hostif.list_offset);
		if (offset >= axl->bar2_size ||
		    length > axl->bar2_size - offset ||
		    (offset < list + READ_ONCE(axl->hostif.list_size) &&
		     offset + length > list))
			continue;
		*phys = axl->bar2_phys + offset;
		found = true;
	}
	mutex_unlock(&axl_ext_list_lock);
	return found;
}

/**
 * axl_ext_claim() - use the other interface if it is offered
 * @axl: the device
 * @ext: the file's
 *
 * Return: 0, -ENOTTY (nobody offers it) or -ENOMEM.
 */
int axl_ext_claim(struct axl_device *axl, struct axl_ext_file *ext)
{
	const struct axl_ext_ops *ops;
	void *priv;
	int ret = -ENOTTY;

	mutex_lock(&axl_ext_use_lock);
	ops = axl_ext_ops;
	/* two threads may come first */
	if (ext->ops) {
		ret = 0;
	} else if (ops && axl->ext.added && try_module_get(ops->owner)) {
		priv = ops->open(axl, ext->wait);
		ret = PTR_ERR_OR_ZERO(priv);
		if (ret) {
			module_put(ops->owner);
		} else {
			ext->priv = priv;
			/* pairs with axl_ext_used() */
			smp_store_release(&ext->ops, ops);
			/* whoever polled it before looks again */
			wake_up(ext->wait);
		}
	}
	mutex_unlock(&axl_ext_use_lock);
	return ret;
}

/**
 * axl_ext_init() - a file is opened
 * @ext: the file's
 * @wait: what its poll() waits on
 *
 * Return: 0 or -EINTR (killed).
 */
int axl_ext_init(struct axl_ext_file *ext, wait_queue_head_t *wait)
{
	ext->wait = wait;
	/* the card may be half way through axl_cdev_add() */
	if (mutex_lock_killable(&axl_ext_list_lock))
		return -EINTR;
	mutex_unlock(&axl_ext_list_lock);
	return 0;
}

/**
 * axl_ext_used() - does this file use the other interface
 * @ext: the file's
 */
bool axl_ext_used(struct axl_ext_file *ext)
{
	/* pairs with axl_ext_claim(): priv is there, too */
	return smp_load_acquire(&ext->ops);
}

/**
 * axl_ext_ioctl() - an ioctl that is not the driver's own
 * @axl: the device
 * @ext: the file's; in use afterwards, when the ioctl is the interface's
 * @cmd: command
 * @arg: argument
 */
long axl_ext_ioctl(struct axl_device *axl, struct axl_ext_file *ext,
		   unsigned int cmd, unsigned long arg)
{
	int ret;

	/* its structures are those of 64-bit programs */
	if (in_compat_syscall())
		return -ENOTTY;
	if (!axl_ext_used(ext)) {
		/* one letter, known without a look at who offers it */
		if (_IOC_TYPE(cmd) != AXL_EXT_MAGIC)
			return -ENOTTY;
		ret = axl_ext_claim(axl, ext);
		if (ret)
			return ret;
	}
	return ext->ops->ioctl(ext->priv, cmd, arg);
}

ssize_t axl_ext_read(struct axl_ext_file *ext, struct file *filp,
		     char __user *to, size_t count)
{
	return axl_ext_used(ext) ? ext->ops->read(ext->priv, filp, to, count) :
				   -EINVAL;
}

__poll_t axl_ext_poll(struct axl_ext_file *ext)
{
	return axl_ext_used(ext) ? ext->ops->poll(ext->priv) : 0;
}

/**
 * axl_ext_end() - the file is closed
 * @ext: the file's
 */
void axl_ext_end(struct axl_ext_file *ext)
{
	if (!ext->ops)
		return;
	ext->ops->release(ext->priv);
	module_put(ext->ops->owner);
}
