/* SPDX-License-Identifier: GPL-2.0 */
/* Jobs and their clients: axl_job.c */
#ifndef AXL_JOB_H
#define AXL_JOB_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/xarray.h>
#include <uapi/axl.h>

#include "axl_queue.h"

struct axl_device;

#define AXL_NR_CHANNELS		4	/* of each direction */
#define AXL_NR_QUEUES		(AXL_NR_CHANNELS + 1)

struct axl_buf;
struct axl_job;

/**
 * struct axl_client - submitter of jobs: an open file, or the driver itself
 * @lock: protects the fields below; taken in hard interrupts
 * @jobs: jobs by sequence number, until collected
 * @done: ended jobs, oldest first
 * @wait: woken when a job ends
 * @last_seq: last sequence number assigned
 * @nr_jobs: entries of @jobs
 * @nr_reqs: requests of all these jobs
 * @nr_active: jobs with requests queued or running
 * @flows: state in the queues, by axl_req.to_device; protected by the
 *	direction's lock
 */
struct axl_client {
	spinlock_t lock;	/* see above */
	struct xarray jobs;
	struct list_head done;
	wait_queue_head_t wait;
	u64 last_seq;
	u32 nr_jobs;
	u32 nr_reqs;
	u32 nr_active;
	struct axl_sfq_flow flows[2][AXL_NR_QUEUES];
};

/**
 * struct axl_req - one transfer, the unit a channel runs
 * @entry: entry in a queue of its direction
 * @job: the job it belongs to
 * @buf: memory, referenced by the job
 * @offset: first byte in @buf
 * @length: bytes
 * @dev_addr: device address
 * @timeout: time limit on a channel, jiffies
 * @channel: a channel number, or AXL_CHANNEL_ANY
 * @to_device: direction
 */
struct axl_req {
	struct axl_sfq_entry entry;
	struct axl_job *job;
	struct axl_buf *buf;
	u64 offset;
	u64 length;
	u64 dev_addr;
	unsigned long timeout;
	u32 channel;
	bool to_device;
};

/**
 * struct axl_job - one submission
 * @client: submitter of the job; outlives it
 * @seq: sequence number, unique in @client
 * @nr_reqs: entries of @reqs
 * @node: in client->done; with the fields below protected by client->lock
 * @nr_pending: requests that have not ended, plus one during submission
 * @status: first error
 * @failed: index of the request with that error
 * @bytes: moved by requests that succeeded
 * @reqs: the transfers
 */
struct axl_job {
	struct axl_client *client;
	u64 seq;
	u32 nr_reqs;
	struct list_head node;
	u32 nr_pending;
	int status;
	u32 failed;
	u64 bytes;
	struct axl_req reqs[];
};

void axl_client_init(struct axl_client *client);
struct axl_job *axl_job_alloc(struct axl_client *client, u32 nr);
void axl_job_free(struct axl_job *job);
void axl_req_init(struct axl_req *req, struct axl_buf *buf, u64 offset,
		  u64 length, u64 dev_addr, u32 channel, bool to_device);
int axl_job_wait(struct axl_device *axl, struct axl_client *client, u64 seq,
		 u64 timeout_ns, struct axl_job **done);
struct axl_job *axl_job_collect(struct axl_client *client, u64 seq);
unsigned long axl_req_limit(const struct axl_req *req, u64 timeout_ns);
int axl_client_take(struct axl_client *client, u64 seq,
		    struct axl_job **done);
void axl_job_put(struct axl_job *job);
void axl_job_sync(struct axl_job *job);
void axl_req_end(struct axl_req *req, int status);

#endif
