/* SPDX-License-Identifier: GPL-2.0 */
/* Readers of data streams: metis_reader.c */
#ifndef METIS_READER_H
#define METIS_READER_H

#include <linux/poll.h>
#include <linux/types.h>

#include "metis_abi.h"

struct file;
struct metis_file;

int metis_stream_begin(struct metis_file *file, u32 source);
int metis_stream_end(struct metis_file *file);
int metis_stream_reset(struct metis_file *file, u32 source);
int metis_stream_stats(struct metis_file *file,
		       struct metis_stream_stats *stats);
ssize_t metis_stream_read(struct metis_file *file, struct file *filp,
			  char __user *to, size_t count);
__poll_t metis_stream_poll(struct metis_file *file);

#endif /* METIS_READER_H */
