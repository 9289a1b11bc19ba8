// SPDX-License-Identifier: GPL-2.0
/*
 * Messages: which vector has which, and what the engine is to send.
 * (hardware-notes: Interrupts)
 */
#include <linux/interrupt.h>
#include <linux/msi.h>

#include "axl_device.h"
#include "axl_msi.h"

bool axl_is_dma(unsigned int n)
{
	return n >= AXL_PMSI_DMA_READ && n < AXL_PMSI_DMA_END;
}

/* With all messages granted each has a vector of its own. */
bool axl_has_dedicated_vectors(const struct axl_device *axl)
{
	return axl->msi.nr == AXL_NR_MESSAGES;
}

/**
 * axl_irq_lost() - something happened without its message
 * @axl: the device
 * @nr: how often
 * @what: for the log
 */
void axl_irq_lost(struct axl_device *axl, unsigned int nr, const char *what)
{
	if (!nr || axl_polled(axl))
		return;
	atomic64_add(nr, &axl->msi.lost);
	if (xchg(&axl->msi.lost_logged, true))
		return;
	dev_warn(&axl->pdev->dev,
		 "%s without its interrupt: completion polled; lost messages are counted, see metisctl info\n",
		 what);
}

/* All channels of one direction in struct axl_vector.channels */
u8 axl_irq_dir_mask(bool to_device)
{
	return to_device ? GENMASK(3, 0) : GENMASK(7, 4);
}

static int axl_irq_vector_message(struct axl_device *axl, unsigned int v,
				  struct msi_msg *msg)
{
	get_cached_msi_msg(axl->msi.vectors[v].irq, msg);
	/* all vectors of a multi-message MSI report the message of the first */
	if (!axl->msi.msix)
		msg->data |= v;
	/* the engine sends 16 bits, zero-extended */
	return msg->data >> 16 ? -ERANGE : 0;
}

/**
 * axl_irq_message() - the messages that a direction's channels are to send
 * @axl: the device
 * @to_device: the direction
 * @addr: out: bus address; behind an IOMMU an IOVA
 * @data: out: per channel
 *
 * There is one address for all channels. If their vectors have several, all use
 * the vector of the first.
 *
 * Return: 0, -ENOENT (no vectors) or -ERANGE (the engine cannot send this).
 */
int axl_irq_message(struct axl_device *axl, bool to_device, u64 *addr,
		    u16 data[AXL_NR_CHANNELS])
{
	unsigned int base = to_device ? AXL_PMSI_DMA_READ : AXL_PMSI_DMA_WRITE;
	unsigned int n, v, first = 0;
	struct msi_msg msg;
	u64 this;
	int ret;

	if (!axl->msi.nr)
		return -ENOENT;
	for (n = 0; n < AXL_NR_CHANNELS; n++) {
		v = (base + n) % axl->msi.nr;
		ret = axl_irq_vector_message(axl, v, &msg);
		if (ret)
			return ret;
		this = (u64)msg.address_hi << 32 | msg.address_lo;
		if (!n) {
			first = v;
			*addr = this;
		} else if (this != *addr) {
			WRITE_ONCE(axl->msi.vectors[first].channels,
				   axl->msi.vectors[first].channels |
				   axl_irq_dir_mask(to_device));
			memset16(data, data[0], AXL_NR_CHANNELS);
			return 0;
		}
		data[n] = msg.data;
	}
	return 0;
}

/**
 * axl_irq_sync() - wait for handlers that run
 * @axl: the device, offline
 */
void axl_irq_sync(struct axl_device *axl)
{
	unsigned int v;

	for (v = 0; v < axl->msi.nr; v++)
		synchronize_irq(axl->msi.vectors[v].irq);
}
