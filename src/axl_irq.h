/* SPDX-License-Identifier: GPL-2.0 */
/* Vectors and their dispatch: axl_irq.c */
#ifndef AXL_IRQ_H
#define AXL_IRQ_H

#include <linux/types.h>
#include <uapi/axl.h>

struct axl_device;

int axl_irq_setup(struct axl_device *axl);
void axl_irq_release(struct axl_device *axl);
int axl_irq_alloc(struct axl_device *axl);
void axl_irq_free(struct axl_device *axl);
void axl_irq_route(struct axl_device *axl);
bool axl_irq_exact(const struct axl_device *axl);
unsigned int axl_irq_take_all(struct axl_device *axl);
void axl_irq_rescued(struct axl_device *axl, unsigned int nr);
void axl_irq_late(struct axl_device *axl, u32 event);
void axl_irq_guess(struct axl_device *axl, bool online);
void axl_irq_look(struct axl_device *axl, unsigned int n,
			 unsigned int end, bool seen_only);

#endif
