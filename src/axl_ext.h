/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Second interface of the device nodes, provided by another module: metis.ko.
 * There is at most one.
 */
#ifndef AXL_EXT_H
#define AXL_EXT_H

#include <linux/poll.h>
#include <linux/types.h>

struct axl_device;
struct file;
struct module;

/* letter of its ioctls */
#define AXL_EXT_MAGIC		'U'
/* mmap() of its files: page offsets of BAR2 (L2) and BAR0 (engine registers) */
#define AXL_EXT_PGOFF_L2	0
#define AXL_EXT_PGOFF_REGS	1

/**
 * struct axl_ext_ops - callbacks of the second interface
 * @owner: module; referenced by each file that uses the interface
 * @add: start serving a card; its PCI device can be used until @del returns.
 *	Returns the argument of @del and @open, or an ERR_PTR(): then the card
 *	does not get the interface
 * @del: stop serving a card, on removal of the card or of the interface. Files
 *	may stay open and keep the result of @open
 * @open: called on the first use by a file; returns the priv argument of the
 *	callbacks below, or an ERR_PTR(). The file holds a reference to the
 *	card. The interface wakes the queue given as argument when the file
 *	becomes readable; the queue is valid until @release returns
 * @release: called when the file is closed
 * @ioctl: called for every command with %AXL_EXT_MAGIC and, once the file uses
 *	the interface, for every other command unknown to the native interface.
 *	The argument is unchanged; the process is a 64-bit one
 * @read: as in &struct file_operations
 * @poll: returns the current event mask
 *
 * @add and @del are called with axl_cards_lock held, so never concurrently;
 * @open with axl_ext_use_lock and possibly mmap_lock held.
 */
struct axl_ext_ops {
	struct module *owner;
	void *(*add)(struct axl_device *axl);
	void (*del)(void *card);
	void *(*open)(void *card, wait_queue_head_t *wait);
	void (*release)(void *priv);
	long (*ioctl)(void *priv, unsigned int cmd, unsigned long arg);
	ssize_t (*read)(void *priv, struct file *filp, char __user *to,
			size_t count);
	__poll_t (*poll)(void *priv);
};

/**
 * struct axl_ext_file - a file's use of the second interface
 * @ops: NULL until the first use, then constant; see axl_ext_used()
 * @priv: result of &axl_ext_ops.open; valid once @ops is set
 * @wait: the file's wait queue, shared with the native interface, because epoll
 *	registers once, possibly before the first use, and io_uring waits on two
 *	queues at most
 */
struct axl_ext_file {
	const struct axl_ext_ops *ops;
	void *priv;
	wait_queue_head_t *wait;
};

/* State of the second interface in a card. */
struct axl_ext {
	/* result of add(), NULL: not served; written with both locks held */
	void *card;
};

int axl_ext_register(const struct axl_ext_ops *ops);
void axl_ext_unregister(const struct axl_ext_ops *ops);

/* For axl_cdev.c, axl_ioctl.c and axl_mmap.c */
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
