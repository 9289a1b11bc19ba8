/* SPDX-License-Identifier: GPL-2.0 */
/* Memory known to the device, transfers from and to it: xfer.c */
#ifndef METISCTL_XFER_H
#define METISCTL_XFER_H

#include "dev.h"

struct arena {
	const struct dev *dev;
	u8 *mem;
	size_t size;
	u32 handle;
	int dmabuf;		/* fd, or -1 for ordinary memory */
};

int arena_open(struct arena *a, const struct dev *d, u64 size, u32 directions, bool dmabuf);
void arena_close(struct arena *a);
/* Brackets around the CPU's use of the memory; only dma-bufs need them */
void arena_cpu_begin(const struct arena *a);
void arena_cpu_end(const struct arena *a);
/* Both return 0 or -errno; a submission of any length, cut where it must be */
int xfer_submit(const struct arena *a, u32 direction, size_t offset, u64 addr,
		u64 length, u32 channel, u64 *seq);
int xfer_wait(const struct arena *a, u64 seq);
int xfer_fail(const struct dev *d, int err, u32 direction, u64 addr, u64 length);

/* Ctrl-C ends long work in order; a second one ends the program at once */
extern volatile int interrupted;
void catch_interrupt(void);

#endif
