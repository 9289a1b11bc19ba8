/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel interface that the Voyager SDK knows, bit for bit. (docs/voyager.md)
 *
 * Many numbers carry the size of a pointer instead of that of what it points to:
 * they are written as they are, not composed.
 */
#ifndef METIS_ABI_H
#define METIS_ABI_H

#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>

#define METIS_IOC_MAILBOX_LOCK	0xc0045500	/* int by value: 1 take, 0 give */
#define METIS_IOC_CORES_ALLOC	0xc0045501	/* s32: how many */
#define METIS_IOC_CORES_FREE	0xc0045502
#define METIS_IOC_PROPERTY	0xc0085503	/* u64: METIS_PROP_*, then its value */
#define METIS_IOC_BUF_ATTACH	0xc0045505	/* s32: fd of a dma-buf */
#define METIS_IOC_BUF_DETACH	0xc0045506
#define METIS_IOC_BUF_XFER	0xc0085507	/* struct metis_buf_xfer */
#define METIS_IOC_BUF_STATE	0xc0085508	/* returns METIS_XFER_* */
#define METIS_IOC_BUF_WAIT	0xc0085509	/* struct metis_buf_xfer */
#define METIS_IOC_MEM_XFER	0xc008550a	/* struct metis_mem_xfer */
#define METIS_IOC_MSI_WAIT	0xc008550b	/* struct metis_msi */
#define METIS_IOC_MSI_CLEAR	0xc008550c	/* struct metis_msi */
#define METIS_IOC_MSI_ATTACH	0xc004550d	/* s32: number */
#define METIS_IOC_CORES_MASK	0xc008550e	/* u64 */
#define METIS_IOC_EVENT_CONSUME	0xc004550f	/* returns 1 or 0 */
#define METIS_IOC_RESOURCES	0x80405510	/* struct metis_resources */
#define METIS_IOC_WINDOWS	0x80805511	/* struct metis_windows */
#define METIS_IOC_P2P_XFER	0xc0205512	/* struct metis_p2p_xfer */
#define METIS_IOC_FW_STARTED	0x5513
#define METIS_IOC_STREAM_BEGIN	0x40045514	/* u32: source */
#define METIS_IOC_STREAM_END	0x5515
#define METIS_IOC_STREAM_STATS	0x80185516	/* struct metis_stream_stats */
#define METIS_IOC_STREAM_ON	0x40045517	/* u32: source */
#define METIS_IOC_STREAM_OFF	0x40045518	/* u32: source */
#define METIS_IOC_STREAM_RESET	0x40045519	/* u32: source */
#define METIS_IOC_DMA_STATS	0x82005520	/* struct metis_dma_stats */
#define METIS_IOC_USER_PA	0xc0105532	/* struct metis_user_pa */

#define METIS_PROP_GENERATION	0
#define METIS_PROP_AI_CORES	1
#define METIS_PROP_PVE_CORES	2
#define METIS_PROP_SWITCH	3

#define METIS_FLAG_READ		0x1	/* device to host */
#define METIS_FLAG_WRITE	0x2	/* host to device */
#define METIS_FLAG_SYNC		0x4
#define METIS_FLAG_ASYNC	0x8
#define METIS_FLAG_P2P		0x80000000

enum metis_xfer_state {
	METIS_XFER_NONE,
	METIS_XFER_DONE,
	METIS_XFER_FAILED,
	METIS_XFER_TIMED_OUT,
	METIS_XFER_PENDING,
};

struct metis_buf_xfer {
	__u64 dev_addr;
	__u64 size;
	__u32 offset;
	__s32 handle;
	__u32 flags;
	__s32 channel;
};

struct metis_mem_xfer {
	__u64 dev_addr;
	__u64 user_addr;
	__u64 size;
	__u32 offset;
	__u32 flags;
};

struct metis_p2p_xfer {
	__u64 dev_addr;
	__u64 bus_addr;
	__u64 size;
	__s32 channel;
	__u32 flags;
};

struct metis_msi {
	__s32 num;
	__s32 timeout;	/* seconds, 0 for ever */
};

struct metis_resources {
	__u64 sysspm_base;
	__u64 sysspm_size;
	__u64 l2_base;
	__u64 l2_size;
	__u64 ddr_base[2];
	__u64 ddr_size[2];
};

struct metis_windows {
	__u64 mem_base;
	__u64 mem_size;
	__u64 pref_base;
	__u64 pref_size;
	__u64 bar_base[6];
	__u64 bar_size[6];
};

struct metis_stream_stats {
	__u64 total;
	__u64 overruns;
	__u64 available;
};

struct metis_channel_stats {
	__s32 active;
	__s32 transfers;
	__s32 errors;
	__s32 reserved0;
	__u64 bytes;
	__s32 max_segs;
	__s32 reserved1;
	__u64 max_us;
	__u64 last_us;
	__u64 last_size;
	__u32 last_mbps;
	__u32 reserved2;
};

struct metis_dma_stats {
	struct metis_channel_stats rd[4];	/* METIS_FLAG_READ */
	struct metis_channel_stats wr[4];
};

struct metis_user_pa {
	__u64 virt;
	__u64 phys;
};

static_assert(sizeof(struct metis_buf_xfer) == 32);
static_assert(offsetof(struct metis_buf_xfer, channel) == 28);
static_assert(sizeof(struct metis_mem_xfer) == 32);
static_assert(offsetof(struct metis_mem_xfer, flags) == 28);
static_assert(sizeof(struct metis_p2p_xfer) == 32);
static_assert(sizeof(struct metis_msi) == 8);
static_assert(sizeof(struct metis_resources) == 64);
static_assert(sizeof(struct metis_windows) == 128);
static_assert(sizeof(struct metis_stream_stats) == 24);
static_assert(sizeof(struct metis_channel_stats) == 64);
static_assert(offsetof(struct metis_channel_stats, bytes) == 16);
static_assert(offsetof(struct metis_channel_stats, max_us) == 32);
static_assert(offsetof(struct metis_channel_stats, last_size) == 48);
static_assert(offsetof(struct metis_channel_stats, last_mbps) == 56);
static_assert(sizeof(struct metis_dma_stats) == 512);
static_assert(sizeof(struct metis_user_pa) == 16);

#endif /* METIS_ABI_H */
