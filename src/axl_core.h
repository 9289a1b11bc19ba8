/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the interfaces see of the rest of the driver: axl_cdev.c, axl_ioctl.c,
 * axl_mmap.c and metis.ko. Documented where the functions are defined.
 */
#ifndef AXL_CORE_H
#define AXL_CORE_H

#include <linux/types.h>

struct axl_device;

/**
 * struct axl_channel_stats - statistics of a channel, over all clients
 * @transfers: successful requests
 * @errors: failed requests
 * @bytes: moved by successful requests
 * @elements: list elements written
 * @last_ns: duration of the last successful request
 * @max_ns: longest duration of a successful request
 * @last_length: bytes of the last successful request
 * @max_segs: largest number of segments of a request's buffer
 */
struct axl_channel_stats {
	u64 transfers;
	u64 errors;
	u64 bytes;
	u64 elements;
	u64 last_ns;
	u64 max_ns;
	u64 last_length;
	unsigned int max_segs;
};

/* axl_dma.c */
unsigned int axl_nr_channels(const struct axl_device *axl, bool to_device);
bool axl_channel_get_stats(struct axl_device *axl, bool to_device,
			   unsigned int n, struct axl_channel_stats *stats);

/* axl_device.c */
int axl_generation_get(struct axl_device *axl);
int axl_generation_tryget(struct axl_device *axl);
void axl_generation_put(struct axl_device *axl);
int axl_generation_wait(struct axl_device *axl);
u64 axl_generation(const struct axl_device *axl);

#endif
