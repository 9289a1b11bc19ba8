/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM axl

#if !defined(AXL_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define AXL_TRACE_H

#include <linux/tracepoint.h>

#include "axl_device.h"

/*
 * Traces may be published: no pointers, no bus addresses. @limit_ms: time limit
 * of the request on its channel.
 */
DECLARE_EVENT_CLASS(axl_req,
	TP_PROTO(struct axl_device *axl, const struct axl_req *req,
		 unsigned int channel, int status),
	TP_ARGS(axl, req, channel, status),
	TP_STRUCT__entry(
		__field(int, id)
		__field(bool, to_device)
		__field(unsigned int, channel)
		__field(u64, seq)
		__field(u32, index)
		__field(u64, dev_addr)
		__field(u64, length)
		__field(unsigned int, limit_ms)
		__field(int, status)
	),
	TP_fast_assign(
		__entry->id = axl->id;
		__entry->to_device = req->to_device;
		__entry->channel = channel;
		__entry->seq = req->job->seq;
		__entry->index = req - req->job->reqs;
		__entry->dev_addr = req->dev_addr;
		__entry->length = req->length;
		__entry->limit_ms = jiffies_to_msecs(req->timeout);
		__entry->status = status;
	),
	TP_printk("metis%d %s%d seq=%llu.%u dev=%#llx len=%llu limit=%u status=%d",
		  __entry->id, __entry->to_device ? "read" : "write",
		  (int)__entry->channel, __entry->seq, __entry->index,
		  __entry->dev_addr, __entry->length, __entry->limit_ms,
		  __entry->status)
);

/* channel: as requested by the caller; -1: any */
DEFINE_EVENT(axl_req, axl_submit,
	TP_PROTO(struct axl_device *axl, const struct axl_req *req,
		 unsigned int channel, int status),
	TP_ARGS(axl, req, channel, status)
);

/* status: 1 for single-block mode, 0 for a list */
DEFINE_EVENT(axl_req, axl_start,
	TP_PROTO(struct axl_device *axl, const struct axl_req *req,
		 unsigned int channel, int status),
	TP_ARGS(axl, req, channel, status)
);

DEFINE_EVENT(axl_req, axl_complete,
	TP_PROTO(struct axl_device *axl, const struct axl_req *req,
		 unsigned int channel, int status),
	TP_ARGS(axl, req, channel, status)
);

DEFINE_EVENT(axl_req, axl_timeout,
	TP_PROTO(struct axl_device *axl, const struct axl_req *req,
		 unsigned int channel, int status),
	TP_ARGS(axl, req, channel, status)
);

TRACE_EVENT(axl_irq,
	TP_PROTO(struct axl_device *axl, unsigned int vector),
	TP_ARGS(axl, vector),
	TP_STRUCT__entry(
		__field(int, id)
		__field(unsigned int, vector)
	),
	TP_fast_assign(
		__entry->id = axl->id;
		__entry->vector = vector;
	),
	TP_printk("metis%d vector=%u", __entry->id, __entry->vector)
);

#endif /* AXL_TRACE_H */

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE axl_trace
#include <trace/define_trace.h>
