// SPDX-License-Identifier: GPL-2.0
/* The calls of the Voyager SDK, dma-bufs, metis.ko. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/capability.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>

#include "libvoyager.h"

const unsigned long vy_requests[VY_NR_REQUESTS] = {
	VY_MAILBOX, VY_CTX_ALLOC, VY_CTX_FREE, VY_PROPERTY, VY_BUF_ATTACH,
	VY_BUF_DETACH, VY_BUF_XFER, VY_BUF_STATE, VY_BUF_WAIT, VY_USER_XFER,
	VY_MSI_WAIT, VY_MSI_CLEAR, VY_MSI_ATTACH, VY_CORE_MASK,
	VY_EVENT_CONSUME, VY_RESOURCES, VY_WINDOWS, VY_P2P_XFER,
	VY_DYNMEM_LOAD, VY_STREAM_OPEN, VY_STREAM_CLOSE, VY_STREAM_STATS,
	VY_STREAM_ENABLE, VY_STREAM_DISABLE, VY_STREAM_RESET, VY_DMA_STATS,
	VY_USER_PA,
};

int vy_call(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

int vy_call_value(int fd, unsigned long request, long arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

int vy_lock(int fd, int take)
{
	return vy_call_value(fd, VY_MAILBOX, take);
}

int vy_ctx_alloc(int fd, int cores)
{
	return vy_call(fd, VY_CTX_ALLOC, &cores);
}

int vy_ctx_free(int fd)
{
	return vy_call(fd, VY_CTX_FREE, NULL);
}

uint64_t vy_ctx_mask(int fd)
{
	uint64_t mask = ~0ULL;

	return vy_call(fd, VY_CORE_MASK, &mask) ? ~0ULL : mask;
}

int vy_wait(int fd, int num, int timeout)
{
	struct vy_msi msi = { .num = num, .timeout = timeout };

	return vy_call(fd, VY_MSI_WAIT, &msi);
}

int vy_clear(int fd, int num)
{
	struct vy_msi msi = { .num = num };

	return vy_call(fd, VY_MSI_CLEAR, &msi);
}

int vy_attach_msi(int fd, int num)
{
	return vy_call(fd, VY_MSI_ATTACH, &num);
}

int vy_consume(int fd)
{
	return vy_call(fd, VY_EVENT_CONSUME, NULL);
}

int vy_user_xfer(int fd, uint32_t flags, uint64_t dev_addr, void *p, size_t n)
{
	struct vy_user_xfer x = {
		.dev_addr = dev_addr, .user_addr = (uintptr_t)p, .size = n,
		.flags = (int)flags,
	};

	return vy_call(fd, VY_USER_XFER, &x);
}

int vy_buf_attach(int fd, int dmabuf)
{
	return vy_call(fd, VY_BUF_ATTACH, &dmabuf);
}

int vy_buf_xfer(int fd, uint32_t flags, uint64_t dev_addr, uint32_t offset,
		size_t n, int channel)
{
	struct vy_buf_xfer x = {
		.dev_addr = dev_addr, .size = n, .offset = offset,
		.flags = (int)flags, .channel = channel,
	};

	return vy_call(fd, VY_BUF_XFER, &x);
}

int vy_buf_wait(int fd)
{
	struct vy_buf_xfer x = { .flags = VY_SYNC, .channel = VY_CHANNEL_ANY };

	return vy_call(fd, VY_BUF_WAIT, &x);
}

int vy_p2p(int fd, uint32_t flags, uint64_t dev_addr, uint64_t bus_addr,
	   size_t n, int channel)
{
	struct vy_p2p_xfer x = {
		.dev_addr = dev_addr, .bus_addr = bus_addr, .size = n,
		.channel = channel, .flags = (int)flags,
	};

	return vy_call(fd, VY_P2P_XFER, &x);
}

int vy_stream(int fd, unsigned long request, uint32_t source)
{
	return vy_call(fd, request, &source);
}

int vy_drop_rawio(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data))
		return -errno;
	data[0].effective &= ~(1u << CAP_SYS_RAWIO);
	data[0].permitted &= ~(1u << CAP_SYS_RAWIO);
	return syscall(SYS_capset, &head, data) ? -errno : 0;
}

bool vy_refusal(int err)
{
	static const int ours[] = {
		EINVAL, EFAULT, ERANGE, EOVERFLOW, EPERM, EACCES, EBUSY, EBADF,
		ENOENT, ENXIO, ENODATA, ENOTCONN, EALREADY, EDEADLK, EOPNOTSUPP,
		ENODEV, E2BIG, ENOSPC, ENOMEM, EADDRNOTAVAIL, EEXIST, EMSGSIZE,
	};
	size_t i;

	for (i = 0; i < at_array_size(ours); i++)
		if (err == -ours[i])
			return true;
	return false;
}

short vy_polled(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, timeout_ms) < 0 ? -1 : p.revents;
}

/* ---- dma-bufs ---- */

static int from_heap(struct vy_dmabuf *b)
{
	struct dma_heap_allocation_data alloc = {
		.len = b->size, .fd_flags = O_RDWR | O_CLOEXEC,
	};
	int heap = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC), err = 0;

	if (heap < 0)
		return -ENOTSUP;
	if (ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &alloc))
		err = -errno;
	close(heap);
	if (err)
		return err;
	b->fd = alloc.fd;
	b->kind = "dma_heap";
	b->p = mmap(NULL, b->size, PROT_READ | PROT_WRITE, MAP_SHARED, b->fd, 0);
	return b->p == MAP_FAILED ? -errno : 0;
}

/* The SDK takes them from the system heap, which Debian's kernels do not have */
int vy_dmabuf_make(struct vy_dmabuf *b, size_t size)
{
	int err;

	memset(b, 0, sizeof(*b));
	b->fd = -1;
	b->size = AT_ALIGN(size, at_page_size());
	err = from_heap(b);
	if (err != -ENOTSUP)
		return err;
	b->kind = "udmabuf";
	b->fd = at_udmabuf(b->size, &b->p);
	return b->fd < 0 ? b->fd : 0;
}

void vy_dmabuf_free(struct vy_dmabuf *b)
{
	if (b->p && b->p != MAP_FAILED)
		munmap(b->p, b->size);
	if (b->fd >= 0)
		close(b->fd);
	b->fd = -1;
	b->p = NULL;
}

static void cpu_access(const struct vy_dmabuf *b, uint64_t flags)
{
	int err = at_dmabuf_sync(b->fd, flags | DMA_BUF_SYNC_RW);

	if (err)
		at_msg("DMA_BUF_IOCTL_SYNC: %s", strerror(-err));
}

void vy_dmabuf_begin(const struct vy_dmabuf *b)
{
	cpu_access(b, DMA_BUF_SYNC_START);
}

void vy_dmabuf_end(const struct vy_dmabuf *b)
{
	cpu_access(b, DMA_BUF_SYNC_END);
}

/* ---- metis.ko ---- */

int vy_module_load(const char *options)
{
	return at_insmod(at_module_path("VOYAGER_MODULE", "metis"), options);
}

int vy_module_unload(void)
{
	return at_rmmod("metis");
}

bool vy_module_loaded(void)
{
	return !access("/sys/module/metis", F_OK);
}

int vy_parameter(const char *name, char *text, size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/metis/parameters/%s", name);
	return at_read_text(path, text, size);
}

int vy_parameter_set(const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/metis/parameters/%s", name);
	return at_write_text(path, text);
}

const char *vy_begin(struct at_ctx *t, unsigned int flags)
{
	static char text[128];
	int err;

	memset(t, 0, sizeof(*t));
	t->fd = -1;
	t->log.fd = -1;
	if (!at_module_loaded())
		at_module_load();
	if (!vy_module_loaded()) {
		err = vy_module_load(NULL);
		if (err) {
			snprintf(text, sizeof(text), "metis.ko cannot be loaded: %s",
				 strerror(-err));
			return text;
		}
	}
	/* A test that was ended has not brought its card back */
	if (!at_lab_open() && at_lab_dead()) {
		err = at_pci_find(&t->pci);
		if (!err)
			err = vy_revive(t);
		if (err) {
			snprintf(text, sizeof(text), "the dead card does not come back: %s",
				 strerror(-err));
			return text;
		}
		close(t->fd);
	}
	return at_begin(t, flags);
}

int vy_settle(int fd, uint64_t other_than)
{
	uint64_t end = at_now() + AT_SEC(20);
	struct axl_ioc_query q = { };
	int err;

	do {
		err = at_query(fd, &q);
		if (!err && q.generation != other_than &&
		    q.fw_state == AXL_FW_RUNNING)
			return 0;
		at_sleep_ms(5);
	} while (at_now() < end);
	at_msg("not back: errno %d, generation %llu, state %u", -err,
	       (unsigned long long)q.generation, q.fw_state);
	return err ? err : -ETIMEDOUT;
}

int vy_revive(struct at_ctx *t)
{
	uint64_t end = at_now() + AT_SOON;

	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	at_pci_remove(&t->pci);
	at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_POWER);
	while (at_lab_get(METIS_LAB_LINK) != 1 && at_now() < end)
		at_sleep_ms(10);
	at_sleep_ms(50);
	at_pci_rescan();
	t->fd = at_open();
	return t->fd < 0 ? t->fd : 0;
}

int vy_move_some(int fd, const struct at_ctx *t)
{
	static uint8_t buf[65536];
	int err;

	at_fill(buf, sizeof(buf), at_now(), 0);
	err = vy_user_xfer(fd, VY_WRITE, at_scratch_l2(&t->q), buf,
			   sizeof(buf));
	if (!err)
		err = at_dev_differs(at_scratch_l2(&t->q), buf, sizeof(buf));
	return err > 0 ? -EILSEQ : err;
}

/* ---- the card's memory ---- */

static uint64_t read64(volatile uint8_t *p)
{
	return *(volatile uint64_t *)p;
}

uint64_t vy_area(volatile uint8_t *l2, unsigned int reference, uint16_t magic)
{
	uint16_t seen = *(volatile uint16_t *)(l2 + reference);

	if (magic && seen != magic)
		return 0;
	return read64(l2 + reference + 8);
}

int vy_image(uint8_t **data, size_t *size)
{
	struct metis_emu_image head = {
		.magic0 = METIS_EMU_IMAGE_MAGIC0,
		.magic1 = METIS_EMU_IMAGE_MAGIC1,
		.header_size = sizeof(head),
		.payload_size = 123457,
	};

	*size = sizeof(head) + head.payload_size;
	*data = malloc(*size);
	if (!*data)
		return -ENOMEM;
	at_fill(*data + sizeof(head), head.payload_size, 0x5d, 0);
	head.payload_crc = at_crc32(0, *data + sizeof(head), head.payload_size);
	memcpy(*data, &head, sizeof(head));
	return 0;
}

#define CTX_BYTES	80
#define CTX_CMD		48
#define CTX_STS		56
#define CTX_ARG		64

int vy_job(int fd, volatile uint8_t *l2, unsigned int n,
	   const struct metis_emu_job *job)
{
	uint64_t record = at_lab_get64(METIS_LAB_L2_BASE) + AT_L2_SCRATCH +
			  AT_L2_SCRATCH_SIZE - 4096 + n * 64;
	uint64_t ctx = vy_area(l2, 0x288, 0) + n * CTX_BYTES;
	int64_t status;
	int err;

	err = at_dev_write(record, job, sizeof(*job));
	if (!err)
		err = vy_clear(fd, n);
	if (err)
		return err;
	*(volatile uint64_t *)(l2 + ctx + CTX_ARG) = record;
	__sync_synchronize();
	*(volatile uint64_t *)(l2 + ctx + CTX_CMD) = METIS_EMU_JOB_RUN;
	/* Where events cannot be told apart a wait may end early */
	do {
		err = vy_wait(fd, n, 10);
		if (err)
			return err;
		status = read64(l2 + ctx + CTX_STS);
	} while (status > 0 || read64(l2 + ctx + CTX_CMD));
	return status;
}

/* As the SDK does it: forget event 12, ask, wait for event 12 */
int vy_request(int fd, volatile uint8_t *l2, uint32_t opcode, const void *msg,
	       uint32_t size, int timeout)
{
	volatile uint32_t *op = (volatile void *)(l2 + METIS_EMU_MBOX_OPCODE);
	uint32_t word, i;
	int err;

	err = vy_clear(fd, AXL_EVENT_MAILBOX);
	if (err)
		return err;
	for (i = 0; i < size; i += 4) {
		word = 0;
		memcpy(&word, (const uint8_t *)msg + i,
		       size - i < 4 ? size - i : 4);
		*(volatile uint32_t *)(l2 + METIS_EMU_MBOX_MSG + i) = word;
	}
	*(volatile uint32_t *)(l2 + METIS_EMU_MBOX_SIZE) = size;
	__sync_synchronize();
	*op = opcode;
	do {
		err = vy_wait(fd, AXL_EVENT_MAILBOX, timeout);
		if (err)
			return err;
	} while (*op != (opcode | METIS_EMU_OP_REPLY));
	return *(volatile int32_t *)(l2 + METIS_EMU_MBOX_MSG);
}
