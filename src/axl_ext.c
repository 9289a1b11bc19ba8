// SPDX-License-Identifier: GPL-2.0
/*
 * The second interface of the device nodes: the module that provides it, the
 * cards that it serves and the files that use it.
 */
#include <linux/compat.h>
#include <linux/module.h>

#include "axl_device.h"
#include "axl_ext.h"

/*
 * Protects axl_ext_ops and axl_device.ext.card during a file's first use.
 * Nests inside axl_cards_lock and inside mmap_lock. Both variables are written
 * with both locks held.
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

	mutex_lock(&axl_cards_lock);
	if (axl_ext_ops) {
		ret = -EBUSY;
	} else {
		axl_ext_offer(ops);
		list_for_each_entry(axl, &axl_cards, node)
			axl_ext_add_to(axl);
	}
	mutex_unlock(&axl_cards_lock);
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

	mutex_lock(&axl_cards_lock);
	list_for_each_entry(axl, &axl_cards, node)
		axl_ext_del_from(axl);
	axl_ext_offer(NULL);
	mutex_unlock(&axl_cards_lock);
}
EXPORT_SYMBOL_AXL(axl_ext_unregister);

/**
 * axl_ext_add() - add a card to the interface, if one is registered
 * @axl: the device, ready for use; axl_cards_lock is held
 *
 * May sleep.
 */
void axl_ext_add(struct axl_device *axl)
{
	lockdep_assert_held(&axl_cards_lock);
	if (axl_ext_ops)
		axl_ext_add_to(axl);
}

/**
 * axl_ext_del() - remove a card from the interface, if it serves the card
 * @axl: the device, stopped; its PCI device can still be used; axl_cards_lock is
 *	held
 *
 * May sleep.
 */
void axl_ext_del(struct axl_device *axl)
{
	lockdep_assert_held(&axl_cards_lock);
	axl_ext_del_from(axl);
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
	if (mutex_lock_killable(&axl_cards_lock))
		return -EINTR;
	mutex_unlock(&axl_cards_lock);
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
