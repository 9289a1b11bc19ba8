// SPDX-License-Identifier: GPL-2.0
/*
 * Mistakes on purpose, one for each detector of the debug kernel: proof that
 * they watch modules on the board (tests/board/planted). Not for any other use.
 */
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static char *bug = "none";
module_param(bug, charp, 0);
MODULE_PARM_DESC(bug, "the mistake to make; none of them by default");

static DEFINE_SPINLOCK(lock_a);
static DEFINE_SPINLOCK(lock_b);
/* keeps the compiler from seeing what comes */
static int width = 8 * sizeof(int);

static int use_after_free(void)
{
	int *p = kzalloc(64, GFP_KERNEL);

	if (!p)
		return -ENOMEM;
	kfree(p);
	OPTIMIZER_HIDE_VAR(p);
	pr_info("planted: %d\n", READ_ONCE(*p));
	return 0;
}

static int shift(void)
{
	pr_info("planted: %d\n", 1 << READ_ONCE(width));
	return 0;
}

static int sleep_in_atomic(void)
{
	void *p;

	spin_lock(&lock_a);
	p = kmalloc(64, GFP_KERNEL);
	spin_unlock(&lock_a);
	kfree(p);
	return 0;
}

static int lock_order(void)
{
	spin_lock(&lock_a);
	spin_lock(&lock_b);
	spin_unlock(&lock_b);
	spin_unlock(&lock_a);

	spin_lock(&lock_b);
	spin_lock(&lock_a);
	spin_unlock(&lock_a);
	spin_unlock(&lock_b);
	return 0;
}

/* The lab has no driver that could mind. */
static int dma(bool unmap)
{
	struct pci_dev *pdev = pci_get_device(0x1234, 0x1ab5, NULL);
	void *p = kzalloc(64, GFP_KERNEL);
	dma_addr_t addr;
	int ret = -ENODEV;

	if (!pdev || !p)
		goto out;
	addr = dma_map_single(&pdev->dev, p, 64, DMA_TO_DEVICE);
	ret = dma_mapping_error(&pdev->dev, addr);
	if (ret || !unmap)
		goto out;
	dma_unmap_single(&pdev->dev, addr, 32, DMA_TO_DEVICE);
out:
	kfree(p);
	pci_dev_put(pdev);
	return ret;
}

static int dma_size(void)
{
	return dma(true);
}

static int dma_left(void)
{
	return dma(false);
}

static int leak(void)
{
	return kzalloc(1000, GFP_KERNEL) ? 0 : -ENOMEM;
}

static int none(void)
{
	return 0;
}

static const struct {
	const char *name;
	int (*make)(void);
} bugs[] = {
	{ "none", none },
	{ "lock_order", lock_order },
	{ "shift", shift },
	{ "sleep_in_atomic", sleep_in_atomic },
	{ "dma_size", dma_size },
	{ "dma_left", dma_left },
	{ "leak", leak },
	{ "use_after_free", use_after_free },
};

static int __init planted_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bugs); i++)
		if (!strcmp(bug, bugs[i].name))
			return bugs[i].make();
	return -EINVAL;
}
module_init(planted_init);

static void __exit planted_exit(void)
{
}
module_exit(planted_exit);

MODULE_DESCRIPTION("mistakes on purpose");
MODULE_LICENSE("GPL");
