/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a second module adds an interface of its own to the device nodes. Only one
 * can: metis.ko.
 */
#ifndef AXL_EXT_H
#define AXL_EXT_H

#include <linux/list.h>
#include <linux/poll.h>
#include <linux/types.h>

struct axl_device;
struct file;
struct module;

/* letter of its ioctls */
#define AXL_EXT_MAGIC		'U'
/* what its files can map, as page offsets */
#define AXL_EXT_PGOFF_L2	0
#define AXL_EXT_PGOFF_REGS	1

/**
 * struct axl_ext_ops - the other interface
 * @owner: cannot be unloaded while a file uses the interface
 * @add: a card is there; its PCI device can be used until @del. An error costs
 *	this card the interface
 * @del: the card goes away, or the interface does. Its files may stay: they keep
 *	what @open returned
 * @open: first use of the interface through this file; an ERR_PTR() or what the
 *	others get. The file keeps a reference to the card. What makes it readable is
 *	to wake @wait, until @release returns
 * @release: the file is closed
 * @ioctl: any with %AXL_EXT_MAGIC, and of a file that uses the interface any other
 *	that is not the driver's; the argument is as the process gave it, which is
 *	one of 64 bits
 * @read: as in &struct file_operations
 * @poll: what the file is ready for now
 *
 * @add and @del are never called side by side.
 */
struct axl_ext_ops {
	struct module *owner;
	int (*add)(struct axl_device *axl);
	void (*del)(struct axl_device *axl);
	void *(*open)(struct axl_device *axl, wait_queue_head_t *wait);
	void (*release)(void *priv);
	long (*ioctl)(void *priv, unsigned int cmd, unsigned long arg);
	ssize_t (*read)(void *priv, struct file *filp, char __user *to,
			size_t count);
	__poll_t (*poll)(void *priv);
};

/**
 * struct axl_ext_file - a file's use of the other interface
 * @ops: NULL until the first use, then constant
 * @priv: what &axl_ext_ops.open returned
 * @wait: the file's, also of what is not the interface's: epoll asks once, before
 *	the first use, and io_uring waits on two queues at most
 */
struct axl_ext_file {
	const struct axl_ext_ops *ops;
	void *priv;
	wait_queue_head_t *wait;
};

/* A card, as the other interface knows it. */
struct axl_ext {
	/* in the list of bound cards, under its lock */
	struct list_head node;
	/* it serves this card; written with both locks of axl_ext.c held */
	bool added;
	/* what it keeps of this card, under its own rules */
	void *priv;
};

int axl_ext_register(const struct axl_ext_ops *ops);
void axl_ext_unregister(const struct axl_ext_ops *ops);

/* For axl_drv.c, axl_buf.c and axl_cdev.c */
bool axl_ext_find_l2(u64 bus_addr, u64 length, phys_addr_t *phys);
void axl_ext_lock(void);
void axl_ext_unlock(void);
void axl_ext_add(struct axl_device *axl);
void axl_ext_del(struct axl_device *axl);
int axl_ext_init(struct axl_ext_file *ext, wait_queue_head_t *wait);
bool axl_ext_used(struct axl_ext_file *ext);
int axl_ext_claim(struct axl_device *axl, struct axl_ext_file *ext);
long axl_ext_ioctl(struct axl_device *axl, struct axl_ext_file *ext,
		   unsigned int cmd, unsigned long arg);
ssize_t axl_ext_read(struct axl_ext_file *ext, struct file *filp,
		     char __user *to, size_t count);
__poll_t axl_ext_poll(struct axl_ext_file *ext);
void axl_ext_end(struct axl_ext_file *ext);

#endif /* AXL_EXT_H */
