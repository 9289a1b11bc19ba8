// SPDX-License-Identifier: GPL-2.0
/*
 * The second interface of the device nodes: the module that provides it, the
 * cards that it serves and the files that use it.
 */
#include <linux/compat.h>
#include <linux/module.h>
#include <linux/rcupdate.h>

#include "axl_device.h"
#include "axl_ext.h"

/*
 * Bound cards, linked by axl_device.ext.node. The lock is held over add() and
 * del(), and while a card's node is created.
 */
static DEFINE_MUTEX(axl_ext_list_lock);
static LIST_HEAD(axl_ext_devices);
/*
 * Protects axl_ext_ops and axl_device.ext.card during a file's first use.
 * Nests inside axl_ext_list_lock and inside mmap_lock. Both variables are
 * written with both locks of this file held.
 */
static DEFINE_MUTEX(axl_ext_use_lock);
static const struct axl_ext_ops *axl_ext_ops;

static void axl_ext_offer(const struct axl_ext_ops *ops)
{
	mutex_lock(&axl_ext_use_lock);
	axl_ext_ops = ops;
	mutex_unlock(&axl_ext_use_lock);
}

static void axl_ext_set_card(struct axl_device *axl, void *card)
{
	mutex_lock(&axl_ext_use_lock);
	axl->ext.card = card;
	mutex_unlock(&axl_ext_use_lock);
}

static void axl_ext_add_to(struct axl_device *axl)
{
	void *card = axl_ext_ops->add(axl);

	if (!IS_ERR(card))
		axl_ext_set_card(axl, card);
	else
		dev_warn(&axl->pdev->dev,
			 "%s cannot serve this card (%ld)\n",
			 module_name(axl_ext_ops->owner), PTR_ERR(card));
}

static void axl_ext_del_from(struct axl_device *axl)
{
	void *card = axl->ext.card;

	if (!card)
		return;
	/* no call of ops->open() is running after this */
	axl_ext_set_card(axl, NULL);
	axl_ext_ops->del(card);
}

/**
 * axl_ext_register() - register the second interface and add all cards to it
 * @ops: stays valid until axl_ext_unregister()
 *
 * May sleep.
 *
 * Return: 0 or -EBUSY (one is registered).
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
 * axl_ext_unregister() - remove all cards from the interface and unregister it
 * @ops: as registered
 *
 * No file uses it: such a file holds a reference to its module. May sleep.
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
 * axl_ext_lock() - block opening of files and changes to the list of cards
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
 * axl_ext_add() - add a card to the interface
 * @axl: the device, ready for use
 *
 * The caller holds axl_ext_lock().
 */
void axl_ext_add(struct axl_device *axl)
{
	list_add_tail(&axl->ext.node, &axl_ext_devices);
	if (axl_ext_ops)
		axl_ext_add_to(axl);
}

/**
 * axl_ext_del() - remove a card from the interface; may sleep
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
 * axl_ext_find_l2() - check whether a bus address range is in the L2 of a card
 * @bus_addr: bus address
 * @length: bytes
 * @phys: out: physical address of @bus_addr for the CPU
 *
 * The card's list buffer is excluded at its present place; a start of other
 * firmware can move it into the range during a transfer. May sleep.
 *
 * Return: true if found.
 */
bool axl_ext_find_l2(u64 bus_addr, u64 length, phys_addr_t *phys)
{
	const struct axl_areas *areas;
	struct axl_device *axl;
	u64 offset, list, size;
	bool found = false;

	mutex_lock(&axl_ext_list_lock);
	list_for_each_entry(axl, &axl_ext_devices, ext.node) {
		/* wraps if the address is below BAR2: then beyond bar2_size */
		offset = bus_addr - pci_bus_address(axl->pdev, 2);
		rcu_read_lock();
		areas = axl_areas_of(axl);
		list = areas->list_offset;
		size = areas->list_size;
		rcu_read_unlock();
		if (offset >= axl->bar2_size ||
		    length > axl->bar2_size - offset ||
		    (offset < list + size && offset + length > list))
			continue;
		*phys = axl->bar2_phys + offset;
		found = true;
	}
	mutex_unlock(&axl_ext_list_lock);
	return found;
}

/**
 * axl_ext_claim() - make a file use the second interface
 * @axl: the device
 * @ext: the file's state
 *
 * Does nothing if the file uses it. May sleep; mmap_lock may be held.
 *
 * Return: 0, -ENOTTY (not available for this card) or -ENOMEM.
 */
int axl_ext_claim(struct axl_device *axl, struct axl_ext_file *ext)
{
	const struct axl_ext_ops *ops;
	void *priv;
	int ret = -ENOTTY;

	mutex_lock(&axl_ext_use_lock);
	ops = axl_ext_ops;
	/* another thread may have claimed it meanwhile */
	if (ext->ops) {
		ret = 0;
	} else if (ops && axl->ext.card && try_module_get(ops->owner)) {
		priv = ops->open(axl->ext.card, ext->wait);
		ret = PTR_ERR_OR_ZERO(priv);
		if (ret) {
			module_put(ops->owner);
		} else {
			ext->priv = priv;
			/* pairs with smp_load_acquire() in axl_ext_used() */
			smp_store_release(&ext->ops, ops);
			/* a poll() that began before must check again */
			wake_up(ext->wait);
		}
	}
	mutex_unlock(&axl_ext_use_lock);
	return ret;
}

/**
 * axl_ext_init() - initialise the state of a new file
 * @ext: the file's state
 * @wait: wait queue of its poll()
 *
 * Waits for axl_cdev_add(): afterwards the card is known to both interfaces.
 *
 * Return: 0 or -EINTR (killed).
 */
int axl_ext_init(struct axl_ext_file *ext, wait_queue_head_t *wait)
{
	ext->wait = wait;
	/* held by axl_cdev_add() until the card is complete */
	if (mutex_lock_killable(&axl_ext_list_lock))
		return -EINTR;
	mutex_unlock(&axl_ext_list_lock);
	return 0;
}

/**
 * axl_ext_used() - check whether a file uses the second interface
 * @ext: the file's state
 */
bool axl_ext_used(struct axl_ext_file *ext)
{
	/* pairs with the release in axl_ext_claim(): priv is valid, too */
	return smp_load_acquire(&ext->ops);
}

/**
 * axl_ext_ioctl() - pass an ioctl to the second interface
 * @axl: the device
 * @ext: the file's state
 * @cmd: command, unknown to the native interface
 * @arg: argument
 *
 * A command with %AXL_EXT_MAGIC makes the file use the interface.
 *
 * Return: the interface's result; -ENOTTY (32-bit program, or unknown command),
 * or an error of axl_ext_claim().
 */
long axl_ext_ioctl(struct axl_device *axl, struct axl_ext_file *ext,
		   unsigned int cmd, unsigned long arg)
{
	int ret;

	/* the interface has 64-bit structures only */
	if (in_compat_syscall())
		return -ENOTTY;
	if (!axl_ext_used(ext)) {
		/* no claim, and no lock, for ioctls of other letters */
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
 * axl_ext_end() - release the second interface when a file is closed
 * @ext: the file's state
 */
void axl_ext_end(struct axl_ext_file *ext)
{
	if (!ext->ops)
		return;
	ext->ops->release(ext->priv);
	module_put(ext->ops->owner);
}
