/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the interfaces see of the rest of the driver: axl_cdev.c, axl_ioctl.c,
 * axl_mmap.c and metis.ko. Documented where the functions are defined. A card
 * is opaque; axl_cdev.c and axl_mmap.c know its nodes, open files and BARs.
 */
#ifndef AXL_CORE_H
#define AXL_CORE_H

#include <linux/ktime.h>
#include <linux/types.h>

#include <uapi/axl.h>

#include "axl_buf.h"
#include "axl_event.h"
#include "axl_job.h"
#include "axl_layout.h"

struct axl_device;
struct device;
struct pci_dev;
struct wait_queue_head;

/* Limits of the native interface; most are reported by AXL_IOC_QUERY. */
#define AXL_MAX_XFERS		256u
#define AXL_MAX_JOBS		1024u
#define AXL_MAX_REQS		16384u
#define AXL_MAX_LENGTH		SZ_1G
#define AXL_MAX_IMAGE		((u64)SZ_256M)
#define AXL_MAX_BUFS		4096u

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

/* axl_core.c */
int axl_core_query(struct axl_device *axl, struct axl_ioc_query *q);
int axl_core_reset(struct axl_device *axl, u64 *generation);

/* axl_fw.c */
int axl_fw_load(struct axl_device *axl, struct axl_ioc_fw_load *req);

/* axl_monitor.c */
void axl_fw_detect(struct axl_device *axl);
int axl_fw_resync(struct axl_device *axl);
void axl_rescan(struct axl_device *axl);
void axl_monitor_start(struct axl_device *axl);

/* axl_irq.c */
bool axl_irq_exact(const struct axl_device *axl);
void axl_irq_late(struct axl_device *axl, u32 event);

/* axl_dma.c */
int axl_job_submit(struct axl_device *axl, struct axl_job *job, u64 *seq);
int axl_job_collect_killable(struct axl_device *axl, struct axl_client *client,
			     u64 seq, struct axl_job **done);
void axl_client_close(struct axl_device *axl, struct axl_client *client);
bool axl_dma_range_ok(struct axl_device *axl, u64 dev_addr, u64 length);
unsigned int axl_nr_channels(const struct axl_device *axl, bool to_device);
bool axl_channel_get_stats(struct axl_device *axl, bool to_device,
			   unsigned int n, struct axl_channel_stats *stats);

/* axl_hostif.c */
int axl_mailbox_take(struct axl_device *axl, const void *owner);
int axl_mailbox_give(struct axl_device *axl, const void *owner);
int axl_hostif_context(struct axl_device *axl, unsigned int n,
		       struct axl_context *out);
int axl_hostif_stream(struct axl_device *axl, const void *snap, size_t len,
		      unsigned int source, struct axl_stream *out);
size_t axl_streams_len(struct axl_device *axl);
void axl_streams_copy(struct axl_device *axl, u32 offset, void *to, size_t len);
u32 axl_streams_read(struct axl_device *axl, u32 offset);
void axl_streams_write(struct axl_device *axl, u32 offset, u32 value);
void axl_l2_copy(struct axl_device *axl, u32 offset, void *to, size_t len);
u64 axl_l2_base(struct axl_device *axl);
u64 axl_ddr_base(struct axl_device *axl);

/* axl_device.c */
ktime_t axl_ktime(u64 ns);
int axl_status(struct axl_device *axl);
bool axl_gone(const struct axl_device *axl);
void axl_set_gone(struct axl_device *axl);
struct wait_queue_head *axl_state_wait_head(struct axl_device *axl);
struct device *axl_dev(struct axl_device *axl);
struct pci_dev *axl_pdev(const struct axl_device *axl);
u64 axl_l2_size(const struct axl_device *axl);
int axl_generation_get(struct axl_device *axl);
int axl_generation_get_freezable(struct axl_device *axl);
int axl_generation_tryget(struct axl_device *axl);
void axl_generation_put(struct axl_device *axl);
int axl_generation_wait(struct axl_device *axl);
u64 axl_generation(const struct axl_device *axl);

/* axl_link.c */
bool axl_port_link(struct axl_device *axl);

#endif
