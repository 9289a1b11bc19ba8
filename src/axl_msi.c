// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupt messages: their vectors, and the messages for the engine to send.
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

/* True if every message has its own vector. */
bool axl_has_dedicated_vectors(const struct axl_device *axl)
{
	return axl->msi.nr == AXL_NR_MESSAGES;
}

/**
 * axl_irq_lost() - count completions or events without a message
 * @axl: the device
 * @nr: their number
 * @what: text for the log
 *
 * Any context. Does nothing while completion is polled.
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

/* Mask of one direction's channels in struct axl_vector.channels. */
u8 axl_irq_dir_mask(bool to_device)
{
	return to_device ? GENMASK(3, 0) : GENMASK(7, 4);
}

static int axl_irq_vector_message(struct axl_device *axl, unsigned int v,
				  struct msi_msg *msg)
{
	get_cached_msi_msg(axl->msi.vectors[v].irq, msg);
	/* all vectors of a multi-message MSI report the first one's message */
	if (!axl->msi.msix)
		msg->data |= v;
	/* the engine sends 16 bits, zero-extended */
	return msg->data >> 16 ? -ERANGE : 0;
}

/**
 * axl_irq_message() - get the messages for a direction's channels to send
 * @axl: the device
 * @to_device: the direction
 * @addr: out: bus address; behind an IOMMU an IOVA
 * @data: out: message data of each channel
 *
 * The engine has one address for all channels of a direction. If their vectors
 * have different addresses, all channels use the vector of the first.
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
 * axl_irq_sync() - wait for running interrupt handlers
 * @axl: the device, offline
 *
 * May sleep.
 */
void axl_irq_sync(struct axl_device *axl)
{
	unsigned int v;

	for (v = 0; v < axl->msi.nr; v++)
		synchronize_irq(axl->msi.vectors[v].irq);
}
