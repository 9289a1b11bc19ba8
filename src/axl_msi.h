/* SPDX-License-Identifier: GPL-2.0 */
/* Interrupt messages: axl_msi.c */
#ifndef AXL_MSI_H
#define AXL_MSI_H

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/types.h>
#include <uapi/axl.h>

#include "axl_job.h"

struct axl_device;

#define AXL_NR_MESSAGES		32	/* physical messages (PMSI) */

#define AXL_PMSI_DMA_READ	4
#define AXL_PMSI_DMA_WRITE	8
#define AXL_PMSI_DMA_END	12

/**
 * struct axl_vector - one interrupt vector
 * @axl: the device
 * @index: number of the vector
 * @irq: Linux interrupt number
 * @channels: channels whose completion arrives here: bit n read channel n, bit
 *	4 + n write channel n
 * @slots: vMSI slots to check when it fires
 * @count: how often it fired
 * @name: name in /proc/interrupts
 */
struct axl_vector {
	struct axl_device *axl;
	u8 index;
	u8 channels;
	int irq;
	DECLARE_BITMAP(slots, AXL_NR_EVENTS);
	atomic64_t count;
	char name[24];
};

/* The vectors that the host granted. */
struct axl_msi {
	/*
	 * AXL_NR_MESSAGES entries, set at probe. axl_irq_route() and
	 * axl_irq_message() change their channels and slots later.
	 */
	struct axl_vector *vectors;
	/* number granted; constant from probe to removal */
	unsigned int nr;
	/* MSI-X, not MSI; constant from probe to removal */
	bool msix;
	/* completions and events found without a message */
	atomic64_t lost;
	/* warning about @lost already logged; set with xchg() */
	bool lost_logged;
};

void axl_irq_sync(struct axl_device *axl);
void axl_irq_lost(struct axl_device *axl, unsigned int nr, const char *what);
int axl_irq_message(struct axl_device *axl, bool to_device, u64 *addr,
		    u16 data[AXL_NR_CHANNELS]);
u8 axl_irq_dir_mask(bool to_device);
bool axl_has_dedicated_vectors(const struct axl_device *axl);
bool axl_is_dma(unsigned int n);

#endif
