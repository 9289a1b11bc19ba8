/* SPDX-License-Identifier: GPL-2.0 */
/* Memory that the device accesses: axl_buf.c */
#ifndef AXL_BUF_H
#define AXL_BUF_H

#include <linux/dma-direction.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

struct axl_buf;
struct axl_device;
struct axl_seg;

/* Every registered buffer of a card. */
struct axl_bufs {
	/* protects @list */
	struct mutex lock;
	/* buffers to unmap at removal */
	struct list_head list;
	/* largest piece that the DMA API maps, bytes; constant after probe */
	unsigned int max_map;
};

struct axl_buf *axl_buf_user(struct axl_device *axl, u64 addr, u64 length,
			     u32 flags, bool charge);
struct axl_buf *axl_buf_dmabuf(struct axl_device *axl, int fd, u64 length,
			       u32 flags);
void axl_buf_init(void);
struct axl_buf *axl_buf_kernel(struct axl_device *axl, void *vaddr, u64 length,
			       u32 flags, bool wait);
struct axl_buf *axl_buf_peer(struct axl_device *axl, u64 bus_addr, u64 length,
			     u32 flags);
void axl_buf_get(struct axl_buf *buf);
void axl_buf_put(struct axl_buf *buf);
u64 axl_buf_length(const struct axl_buf *buf);
bool axl_buf_allows(const struct axl_buf *buf, bool to_device);
const struct axl_seg *axl_buf_segs(const struct axl_buf *buf,
				   unsigned int *nr);
int axl_buf_cpu_begin(struct axl_buf *buf, enum dma_data_direction dir);
int axl_buf_cpu_end(struct axl_buf *buf, bool to_device);
void axl_buf_sync_for_device(struct axl_buf *buf, u64 offset, u64 length);
void axl_buf_sync_for_cpu(struct axl_buf *buf, u64 offset, u64 length);
void axl_buf_leak(struct axl_buf *buf);
void axl_buf_unmap_all(struct axl_device *axl);

#endif
