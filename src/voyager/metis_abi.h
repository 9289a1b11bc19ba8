/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel interface of the Voyager SDK, binary compatible. (docs/voyager.md)
 *
 * Many ioctl numbers encode the size of a pointer instead of the size of the
 * structure, so they are given as constants, not composed with _IOC() macros.
 */
#ifndef METIS_ABI_H
#define METIS_ABI_H

#include <linux/build_bug.h>
#include <linux/ioctl.h>
#include <linux/stddef.h>
#include <linux/types.h>

#define METIS_IOC_MAILBOX_LOCK	0xc0045500	/* int by value: 1 lock, 0 unlock */
#define METIS_IOC_CORES_ALLOC	0xc0045501	/* s32: number of cores */
#define METIS_IOC_CORES_FREE	0xc0045502
#define METIS_IOC_PROPERTY	0xc0085503	/* u64: METIS_PROP_*, then value */
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
	__s32 timeout;	/* seconds, 0: no limit */
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

#define METIS_SIZE(type, size)						\
	static_assert(sizeof(struct metis_##type) == (size))
#define METIS_AT(type, field, offset)					\
	static_assert(offsetof(struct metis_##type, field) == (offset))

METIS_SIZE(buf_xfer, 32);
METIS_AT(buf_xfer, dev_addr, 0);
METIS_AT(buf_xfer, size, 8);
METIS_AT(buf_xfer, offset, 16);
METIS_AT(buf_xfer, handle, 20);
METIS_AT(buf_xfer, flags, 24);
METIS_AT(buf_xfer, channel, 28);
METIS_SIZE(mem_xfer, 32);
METIS_AT(mem_xfer, dev_addr, 0);
METIS_AT(mem_xfer, user_addr, 8);
METIS_AT(mem_xfer, size, 16);
METIS_AT(mem_xfer, offset, 24);
METIS_AT(mem_xfer, flags, 28);
METIS_SIZE(p2p_xfer, 32);
METIS_AT(p2p_xfer, dev_addr, 0);
METIS_AT(p2p_xfer, bus_addr, 8);
METIS_AT(p2p_xfer, size, 16);
METIS_AT(p2p_xfer, channel, 24);
METIS_AT(p2p_xfer, flags, 28);
METIS_SIZE(msi, 8);
METIS_AT(msi, num, 0);
METIS_AT(msi, timeout, 4);
METIS_SIZE(resources, 64);
METIS_AT(resources, sysspm_base, 0);
METIS_AT(resources, sysspm_size, 8);
METIS_AT(resources, l2_base, 16);
METIS_AT(resources, l2_size, 24);
METIS_AT(resources, ddr_base, 32);
METIS_AT(resources, ddr_size, 48);
METIS_SIZE(windows, 128);
METIS_AT(windows, mem_base, 0);
METIS_AT(windows, mem_size, 8);
METIS_AT(windows, pref_base, 16);
METIS_AT(windows, pref_size, 24);
METIS_AT(windows, bar_base, 32);
METIS_AT(windows, bar_size, 80);
METIS_SIZE(stream_stats, 24);
METIS_AT(stream_stats, total, 0);
METIS_AT(stream_stats, overruns, 8);
METIS_AT(stream_stats, available, 16);
METIS_SIZE(channel_stats, 64);
METIS_AT(channel_stats, active, 0);
METIS_AT(channel_stats, transfers, 4);
METIS_AT(channel_stats, errors, 8);
METIS_AT(channel_stats, bytes, 16);
METIS_AT(channel_stats, max_segs, 24);
METIS_AT(channel_stats, max_us, 32);
METIS_AT(channel_stats, last_us, 40);
METIS_AT(channel_stats, last_size, 48);
METIS_AT(channel_stats, last_mbps, 56);
METIS_SIZE(dma_stats, 512);
METIS_AT(dma_stats, rd, 0);
METIS_AT(dma_stats, wr, 256);
METIS_SIZE(user_pa, 16);
METIS_AT(user_pa, virt, 0);
METIS_AT(user_pa, phys, 8);

#undef METIS_SIZE
#undef METIS_AT

/* Check the constants against the SDK's direction, letter, number and size. */
#define METIS_NUMBER(name, composed)					\
	static_assert(METIS_IOC_##name == (composed))

METIS_NUMBER(MAILBOX_LOCK, _IOWR('U', 0, __s32));
METIS_NUMBER(CORES_ALLOC, _IOWR('U', 1, __s32));
METIS_NUMBER(CORES_FREE, _IOWR('U', 2, __s32));
METIS_NUMBER(PROPERTY, _IOWR('U', 3, void *));
METIS_NUMBER(BUF_ATTACH, _IOWR('U', 5, __s32));
METIS_NUMBER(BUF_DETACH, _IOWR('U', 6, __s32));
METIS_NUMBER(BUF_XFER, _IOWR('U', 7, void *));
METIS_NUMBER(BUF_STATE, _IOWR('U', 8, void *));
METIS_NUMBER(BUF_WAIT, _IOWR('U', 9, void *));
METIS_NUMBER(MEM_XFER, _IOWR('U', 10, void *));
METIS_NUMBER(MSI_WAIT, _IOWR('U', 11, void *));
METIS_NUMBER(MSI_CLEAR, _IOWR('U', 12, void *));
METIS_NUMBER(MSI_ATTACH, _IOWR('U', 13, __s32));
METIS_NUMBER(CORES_MASK, _IOWR('U', 14, void *));
METIS_NUMBER(EVENT_CONSUME, _IOWR('U', 15, __s32));
METIS_NUMBER(RESOURCES, _IOR('U', 16, struct metis_resources));
METIS_NUMBER(WINDOWS, _IOR('U', 17, struct metis_windows));
METIS_NUMBER(P2P_XFER, _IOWR('U', 18, struct metis_p2p_xfer));
METIS_NUMBER(FW_STARTED, _IO('U', 19));
METIS_NUMBER(STREAM_BEGIN, _IOW('U', 20, __u32));
METIS_NUMBER(STREAM_END, _IO('U', 21));
METIS_NUMBER(STREAM_STATS, _IOR('U', 22, struct metis_stream_stats));
METIS_NUMBER(STREAM_ON, _IOW('U', 23, __u32));
METIS_NUMBER(STREAM_OFF, _IOW('U', 24, __u32));
METIS_NUMBER(STREAM_RESET, _IOW('U', 25, __u32));
METIS_NUMBER(DMA_STATS, _IOR('U', 32, struct metis_dma_stats));
METIS_NUMBER(USER_PA, _IOWR('U', 50, struct metis_user_pa));

#undef METIS_NUMBER

#endif /* METIS_ABI_H */
