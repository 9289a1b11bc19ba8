/* SPDX-License-Identifier: GPL-2.0 */
/* Registers of the DMA engine: axl_edma.c */
#ifndef AXL_EDMA_H
#define AXL_EDMA_H

#include <linux/types.h>

struct axl_device;
struct axl_dma_dir;
struct axl_elem;

int axl_edma_probe(struct axl_device *axl);
bool axl_edma_alive(struct axl_device *axl);
int axl_edma_init(struct axl_device *axl);
void axl_edma_update_imwr(struct axl_device *axl, struct axl_dma_dir *dir);
unsigned int axl_edma_fill(struct axl_device *axl, struct axl_dma_dir *dir,
			   unsigned int n, u8 half, const struct axl_seg *segs,
			   unsigned int nr_segs);
void axl_edma_start_single(struct axl_device *axl, struct axl_dma_dir *dir,
			   unsigned int n, const struct axl_elem *elem);
void axl_edma_start_list(struct axl_device *axl, struct axl_dma_dir *dir,
			 unsigned int n, u8 half);
int axl_edma_status(struct axl_device *axl, struct axl_dma_dir *dir,
		    unsigned int n);
void axl_edma_ack(struct axl_device *axl, struct axl_dma_dir *dir,
		  unsigned int n);
void axl_edma_report(struct axl_device *axl, struct axl_dma_dir *dir,
		     unsigned int n);
bool axl_edma_proven(struct axl_device *axl, struct axl_dma_dir *dir);
bool axl_edma_stop(struct axl_device *axl, struct axl_dma_dir *dir,
		   bool disable);
void axl_edma_enable(struct axl_device *axl, struct axl_dma_dir *dir);
void axl_edma_reprogram(struct axl_device *axl);

#endif
