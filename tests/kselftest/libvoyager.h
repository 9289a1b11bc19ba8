/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel interface of the Voyager SDK (vendor driver 1.6.2) as a client of
 * it sees it: numbers and layouts written down once more, from the description
 * of the interface and from no header of a driver.
 */
#ifndef VOYAGERTEST_H
#define VOYAGERTEST_H

#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "liblab.h"

/* Every request as the SDK's binaries have it */
#define VY_MAILBOX		0xC0045500UL	/* int by value: 1 take, 0 give */
#define VY_CTX_ALLOC		0xC0045501UL	/* int *: cores; returns the first */
#define VY_CTX_FREE		0xC0045502UL
#define VY_PROPERTY		0xC0085503UL	/* uint64_t *: which, then its value */
#define VY_BUF_ATTACH		0xC0045505UL	/* int *: dma-buf */
#define VY_BUF_DETACH		0xC0045506UL
#define VY_BUF_XFER		0xC0085507UL	/* struct vy_buf_xfer * */
#define VY_BUF_STATE		0xC0085508UL	/* returns enum vy_state */
#define VY_BUF_WAIT		0xC0085509UL	/* struct vy_buf_xfer * */
#define VY_USER_XFER		0xC008550AUL	/* struct vy_user_xfer * */
#define VY_MSI_WAIT		0xC008550BUL	/* struct vy_msi * */
#define VY_MSI_CLEAR		0xC008550CUL	/* struct vy_msi * */
#define VY_MSI_ATTACH		0xC004550DUL	/* int * */
#define VY_CORE_MASK		0xC008550EUL	/* uint64_t * */
#define VY_EVENT_CONSUME	0xC004550FUL	/* returns 1 or 0 */
#define VY_RESOURCES		0x80405510UL	/* struct vy_resources * */
#define VY_WINDOWS		0x80805511UL	/* struct vy_windows * */
#define VY_P2P_XFER		0xC0205512UL	/* struct vy_p2p_xfer * */
#define VY_DYNMEM_LOAD		0x5513UL
#define VY_STREAM_OPEN		0x40045514UL	/* uint32_t *: source */
#define VY_STREAM_CLOSE		0x5515UL
#define VY_STREAM_STATS		0x80185516UL	/* struct vy_stream_stats * */
#define VY_STREAM_ENABLE	0x40045517UL	/* uint32_t *: source */
#define VY_STREAM_DISABLE	0x40045518UL	/* uint32_t *: source */
#define VY_STREAM_RESET		0x40045519UL	/* uint32_t *: source */
#define VY_DMA_STATS		0x82005520UL	/* struct vy_dma_stats * */
#define VY_USER_PA		0xC0105532UL	/* struct vy_user_pa * */

#define VY_CORES		4
#define VY_VERSION		"1.6.2"

/* Flags of transfers */
#define VY_READ			1u		/* device to host */
#define VY_WRITE		2u		/* host to device */
#define VY_SYNC			4u
#define VY_ASYNC		8u
#define VY_P2P			0x80000000u

#define VY_CHANNEL_ANY		(-1)

enum vy_property {
	VY_PROP_GENERATION	= 0,		/* 0: Metis */
	VY_PROP_CORES		= 1,
	VY_PROP_PVE_CORES	= 2,
	VY_PROP_SWITCH_GROUP	= 3,
};

enum vy_state {
	VY_NONE			= 0,
	VY_DONE			= 1,
	VY_FAILED		= 2,
	VY_TIMED_OUT		= 3,
	VY_PENDING		= 4,
};

struct vy_buf_xfer {
	uint64_t dev_addr;
	size_t size;
	uint32_t offset;
	int handle;
	int flags;
	int channel;
};

struct vy_user_xfer {
	uint64_t dev_addr;
	uint64_t user_addr;
	size_t size;
	uint32_t offset;
	int flags;
};

struct vy_p2p_xfer {
	uint64_t dev_addr;
	uint64_t bus_addr;
	size_t size;
	int channel;
	int flags;
};

struct vy_msi {
	int num;
	int timeout;			/* seconds; 0: for ever */
};

struct vy_resources {
	uint64_t sysspm_base;
	uint64_t sysspm_size;
	uint64_t l2_base;		/* bus address of BAR2 */
	uint64_t l2_size;
	uint64_t ddr_base[2];
	uint64_t ddr_size[2];
};

struct vy_windows {
	uint64_t np_base;
	uint64_t np_size;
	uint64_t p_base;
	uint64_t p_size;
	uint64_t base[6];
	uint64_t size[6];
};

struct vy_stream_stats {
	uint64_t total;
	uint64_t overruns;
	uint64_t available;
};

struct vy_channel_stats {
	int active;
	int transfers;
	int errors;
	uint64_t bytes;
	int max_segments;
	uint64_t longest_us;
	uint64_t last_us;
	size_t last_size;
	uint32_t last_mbps;
};

struct vy_dma_stats {
	struct vy_channel_stats rd[4];	/* VY_READ: device to host */
	struct vy_channel_stats wr[4];
};

struct vy_user_pa {
	uint64_t virt;
	uint64_t phys;
};

/* Of 64-bit programs; others do not speak it */
#ifdef __LP64__
#define VY_LAYOUT(type, field, offset)					\
	_Static_assert(offsetof(struct type, field) == (offset),	\
		       #type "." #field)
#define VY_SIZE(type, size)						\
	_Static_assert(sizeof(struct type) == (size), #type)

VY_SIZE(vy_buf_xfer, 32);
VY_LAYOUT(vy_buf_xfer, dev_addr, 0);
VY_LAYOUT(vy_buf_xfer, size, 8);
VY_LAYOUT(vy_buf_xfer, offset, 16);
VY_LAYOUT(vy_buf_xfer, handle, 20);
VY_LAYOUT(vy_buf_xfer, flags, 24);
VY_LAYOUT(vy_buf_xfer, channel, 28);
VY_SIZE(vy_user_xfer, 32);
VY_LAYOUT(vy_user_xfer, dev_addr, 0);
VY_LAYOUT(vy_user_xfer, user_addr, 8);
VY_LAYOUT(vy_user_xfer, size, 16);
VY_LAYOUT(vy_user_xfer, offset, 24);
VY_LAYOUT(vy_user_xfer, flags, 28);
VY_SIZE(vy_p2p_xfer, 32);
VY_LAYOUT(vy_p2p_xfer, dev_addr, 0);
VY_LAYOUT(vy_p2p_xfer, bus_addr, 8);
VY_LAYOUT(vy_p2p_xfer, size, 16);
VY_LAYOUT(vy_p2p_xfer, channel, 24);
VY_LAYOUT(vy_p2p_xfer, flags, 28);
VY_SIZE(vy_msi, 8);
VY_LAYOUT(vy_msi, num, 0);
VY_LAYOUT(vy_msi, timeout, 4);
VY_SIZE(vy_resources, 64);
VY_LAYOUT(vy_resources, sysspm_base, 0);
VY_LAYOUT(vy_resources, sysspm_size, 8);
VY_LAYOUT(vy_resources, l2_base, 16);
VY_LAYOUT(vy_resources, l2_size, 24);
VY_LAYOUT(vy_resources, ddr_base, 32);
VY_LAYOUT(vy_resources, ddr_size, 48);
VY_SIZE(vy_windows, 128);
VY_LAYOUT(vy_windows, np_base, 0);
VY_LAYOUT(vy_windows, np_size, 8);
VY_LAYOUT(vy_windows, p_base, 16);
VY_LAYOUT(vy_windows, p_size, 24);
VY_LAYOUT(vy_windows, base, 32);
VY_LAYOUT(vy_windows, size, 80);
VY_SIZE(vy_stream_stats, 24);
VY_LAYOUT(vy_stream_stats, total, 0);
VY_LAYOUT(vy_stream_stats, overruns, 8);
VY_LAYOUT(vy_stream_stats, available, 16);
VY_SIZE(vy_channel_stats, 64);
VY_LAYOUT(vy_channel_stats, active, 0);
VY_LAYOUT(vy_channel_stats, transfers, 4);
VY_LAYOUT(vy_channel_stats, errors, 8);
VY_LAYOUT(vy_channel_stats, bytes, 16);
VY_LAYOUT(vy_channel_stats, max_segments, 24);
VY_LAYOUT(vy_channel_stats, longest_us, 32);
VY_LAYOUT(vy_channel_stats, last_us, 40);
VY_LAYOUT(vy_channel_stats, last_size, 48);
VY_LAYOUT(vy_channel_stats, last_mbps, 56);
VY_SIZE(vy_dma_stats, 512);
VY_LAYOUT(vy_dma_stats, rd, 0);
VY_LAYOUT(vy_dma_stats, wr, 256);
VY_SIZE(vy_user_pa, 16);
VY_LAYOUT(vy_user_pa, virt, 0);
VY_LAYOUT(vy_user_pa, phys, 8);

/* The numbers again, made: several carry the size of a pointer */
#define VY_NUMBER(request, made)					\
	_Static_assert((request) == (made), #request)

VY_NUMBER(VY_MAILBOX, _IOWR('U', 0, int));
VY_NUMBER(VY_CTX_ALLOC, _IOWR('U', 1, int));
VY_NUMBER(VY_CTX_FREE, _IOWR('U', 2, int));
VY_NUMBER(VY_PROPERTY, _IOWR('U', 3, void *));
VY_NUMBER(VY_BUF_ATTACH, _IOWR('U', 5, int));
VY_NUMBER(VY_BUF_DETACH, _IOWR('U', 6, int));
VY_NUMBER(VY_BUF_XFER, _IOWR('U', 7, void *));
VY_NUMBER(VY_BUF_STATE, _IOWR('U', 8, void *));
VY_NUMBER(VY_BUF_WAIT, _IOWR('U', 9, void *));
VY_NUMBER(VY_USER_XFER, _IOWR('U', 10, void *));
VY_NUMBER(VY_MSI_WAIT, _IOWR('U', 11, void *));
VY_NUMBER(VY_MSI_CLEAR, _IOWR('U', 12, void *));
VY_NUMBER(VY_MSI_ATTACH, _IOWR('U', 13, int));
VY_NUMBER(VY_CORE_MASK, _IOWR('U', 14, void *));
VY_NUMBER(VY_EVENT_CONSUME, _IOWR('U', 15, int));
VY_NUMBER(VY_RESOURCES, _IOR('U', 16, struct vy_resources));
VY_NUMBER(VY_WINDOWS, _IOR('U', 17, struct vy_windows));
VY_NUMBER(VY_P2P_XFER, _IOWR('U', 18, struct vy_p2p_xfer));
VY_NUMBER(VY_DYNMEM_LOAD, _IO('U', 19));
VY_NUMBER(VY_STREAM_OPEN, _IOW('U', 20, uint32_t));
VY_NUMBER(VY_STREAM_CLOSE, _IO('U', 21));
VY_NUMBER(VY_STREAM_STATS, _IOR('U', 22, struct vy_stream_stats));
VY_NUMBER(VY_STREAM_ENABLE, _IOW('U', 23, uint32_t));
VY_NUMBER(VY_STREAM_DISABLE, _IOW('U', 24, uint32_t));
VY_NUMBER(VY_STREAM_RESET, _IOW('U', 25, uint32_t));
VY_NUMBER(VY_DMA_STATS, _IOR('U', 32, struct vy_dma_stats));
VY_NUMBER(VY_USER_PA, _IOWR('U', 50, struct vy_user_pa));
#endif

/* All of them */
#define VY_NR_REQUESTS		27
extern const unsigned long vy_requests[VY_NR_REQUESTS];

/* As ioctl(), but -errno instead of -1 */
int vy_call(int fd, unsigned long request, void *arg);
int vy_call_value(int fd, unsigned long request, long arg);

int vy_lock(int fd, int take);
int vy_ctx_alloc(int fd, int cores);
int vy_ctx_free(int fd);
uint64_t vy_ctx_mask(int fd);
int vy_wait(int fd, int num, int timeout);
int vy_clear(int fd, int num);
int vy_attach_msi(int fd, int num);
int vy_consume(int fd);
int vy_user_xfer(int fd, uint32_t flags, uint64_t dev_addr, void *p, size_t n);
int vy_buf_attach(int fd, int dmabuf);
int vy_buf_xfer(int fd, uint32_t flags, uint64_t dev_addr, uint32_t offset,
		size_t n, int channel);
int vy_buf_wait(int fd);
int vy_p2p(int fd, uint32_t flags, uint64_t dev_addr, uint64_t bus_addr,
	   size_t n, int channel);
int vy_stream(int fd, unsigned long request, uint32_t source);
/* What mapping registers and card to card take */
int vy_drop_rawio(void);

/*
 * An errno that says "not like this": where the description names none, any
 * that tells the caller of a bad argument or a wrong moment will do, but not
 * one that tells of something else.
 */
bool vy_refusal(int err);
#define EXPECT_REFUSED(call) do {					\
	int __err = (call);						\
	EXPECT_TRUE(vy_refusal(__err))					\
		TH_LOG("%s: %d", #call, __err);				\
} while (0)

/* Does poll() report @events now? */
short vy_polled(int fd, int timeout_ms);

/* A dma-buf of @size bytes and its memory; -errno, -ENOTSUP where none is */
struct vy_dmabuf {
	int fd;
	size_t size;
	uint8_t *p;
	const char *kind;
};

int vy_dmabuf_make(struct vy_dmabuf *b, size_t size);
void vy_dmabuf_free(struct vy_dmabuf *b);
/* Around what the CPU does with that memory */
void vy_dmabuf_begin(const struct vy_dmabuf *b);
void vy_dmabuf_end(const struct vy_dmabuf *b);

/* metis.ko; the path is VOYAGER_MODULE or found beside axl.ko */
int vy_module_load(const char *options);
int vy_module_unload(void);
bool vy_module_loaded(void);
int vy_parameter(const char *name, char *text, size_t size);
int vy_parameter_set(const char *name, const char *text);

/* As at_begin(), with metis.ko loaded */
const char *vy_begin(struct at_ctx *t, unsigned int flags);
#define VY_BEGIN(t, flags) do {						\
	const char *__why = vy_begin(t, flags);				\
	ASSERT_EQ(0, __why ? 1 : 0)					\
		TH_LOG("setup: %s", __why ? __why : "");		\
} while (0)

/* 64 KiB to the card, checked there; 0 when the card and metis.ko work */
int vy_move_some(int fd, const struct at_ctx *t);

/* The card is back, with the runtime running, after what a test did to it */
int vy_settle(int fd, uint64_t other_than);
/* Brings a card back that died; the node is another one then */
int vy_revive(struct at_ctx *t);

/* Device addresses and areas as firmware publishes them */
uint64_t vy_area(volatile uint8_t *l2, unsigned int reference, uint16_t magic);

/* An image that firmware starts, as one block */
int vy_image(uint8_t **data, size_t *size);
/* A job for context @n; its status after event @n, or the error of the wait */
int vy_job(int fd, volatile uint8_t *l2, unsigned int n,
	   const struct metis_emu_job *job);
/* A mailbox request; firmware's status, or the error of the wait */
int vy_request(int fd, volatile uint8_t *l2, uint32_t opcode, const void *msg,
	       uint32_t size, int timeout);

#endif
