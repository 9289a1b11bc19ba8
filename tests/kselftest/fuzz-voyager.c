// SPDX-License-Identifier: GPL-2.0
/* The fuzzer's calls of the Voyager SDK's interface. */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

static long by_int(struct actor *a, unsigned long request, int value, int max)
{
	long ret = issue(a, some_file(a)->fd, request, &value, sizeof(value), NULL);

	allow(a, ret, value >= 0 && value <= max);
	return ret;
}

/* Those that take no argument do not look at what is there */
static long by_nothing(struct actor *a, unsigned long request)
{
	return vy_call(some_file(a)->fd, request,
		       (void *)(uintptr_t)interesting(&a->r));
}

long do_vy_mailbox(struct actor *a)
{
	long value = below(&a->r, 2);

	if (one_in(&a->r, 8)) {
		value = interesting(&a->r);
		a->wild = true;
	}
	return vy_call_value(some_file(a)->fd, VY_MAILBOX, value);
}

long do_vy_ctx_alloc(struct actor *a)
{
	long ret = by_int(a, VY_CTX_ALLOC, 1 + below(&a->r, VY_CORES) + beyond(a),
			  VY_CORES);

	if (ret >= VY_CORES)
		fail("core %ld was allocated", ret);
	return ret < 0 ? ret : 0;
}

long do_vy_ctx_free(struct actor *a)
{
	return by_nothing(a, VY_CTX_FREE);
}

long do_vy_property(struct actor *a)
{
	uint64_t which = below(&a->r, 4);

	return issue(a, some_file(a)->fd, VY_PROPERTY, &which, sizeof(which), NULL);
}

long do_vy_buf_attach(struct actor *a)
{
	const struct vy_dmabuf *b = some_dmabuf(a);
	struct file *f = some_file(a);
	int fd = b->fd;
	long ret;

	a->wild |= fd < 0;
	ret = issue(a, f->fd, VY_BUF_ATTACH, &fd, sizeof(fd), NULL);
	if (!ret)
		f->attached = b->size;
	return ret;
}

static bool one_of_two(int flags)
{
	return (flags & 3) == 1 || (flags & 3) == 2;
}

static void check_buf_xfer(void *arg)
{
	struct vy_buf_xfer *x = arg;

	tame(!(x->flags & VY_READ), &x->dev_addr, x->size);
}

/* A file with a dma-buf, if there is any */
static struct file *attached_file(struct actor *a)
{
	struct file *f = some_file(a);
	unsigned int i;

	for (i = 0; !f->attached && i < 2; i++)
		f = &files[(f - files + 1) % NR_FILES];
	return f;
}

long do_vy_buf_detach(struct actor *a)
{
	struct file *f = attached_file(a);

	f->attached = 0;
	return vy_call(f->fd, VY_BUF_DETACH, NULL);
}

long do_vy_buf_xfer(struct actor *a)
{
	struct rng *r = &a->r;
	struct file *f = attached_file(a);
	size_t size = f->attached ? f->attached : page;
	struct vy_buf_xfer x = { .channel = (int)below(r, 5) - 1 };
	long ret;

	x.size = length_to(r, size);
	x.offset = one_in(r, 8) ? size - x.size + beyond(a) :
				  below(r, size - x.size + 1);
	x.flags = (one_in(r, 2) ? VY_READ : VY_WRITE) |
		  (one_in(r, 3) ? VY_SYNC : VY_ASYNC);
	x.dev_addr = device_address(r, !(x.flags & VY_READ), x.size);
	ret = issue(a, f->fd, VY_BUF_XFER, &x, sizeof(x), check_buf_xfer);
	allow(a, ret, !(x.flags & ~15) && one_of_two(x.flags) &&
	      one_of_two(x.flags >> 2) && x.channel >= -1 && x.channel < 4 &&
	      x.size && nameable(x.dev_addr, x.size));
	return ret;
}

long do_vy_buf_state(struct actor *a)
{
	long ret = by_nothing(a, VY_BUF_STATE);

	if (ret > VY_PENDING)
		fail("state %ld of a transfer", ret);
	return ret < 0 ? ret : 0;
}

long do_vy_buf_wait(struct actor *a)
{
	struct vy_buf_xfer x = { .flags = VY_SYNC, .channel = -1 };

	return issue(a, attached_file(a)->fd, VY_BUF_WAIT, &x, sizeof(x), NULL);
}

static void check_user_xfer(void *arg)
{
	struct vy_user_xfer *x = arg;

	tame(!(x->flags & VY_READ), &x->dev_addr, x->size);
}

long do_vy_user_xfer(struct actor *a)
{
	struct rng *r = &a->r;
	uint64_t from = below(r, ARENA);
	struct vy_user_xfer x = {
		.size = length_to(r, ARENA - from),
		.flags = one_in(r, 2) ? VY_READ : VY_WRITE,
	};
	long ret;

	x.user_addr = (uintptr_t)a->arena + from;
	/* it is not checked */
	x.offset = one_in(r, 3) ? below(r, ARENA) : 0;
	x.dev_addr = device_address(r, !(x.flags & VY_READ), x.size);
	ret = issue(a, some_file(a)->fd, VY_USER_XFER, &x, sizeof(x),
		    check_user_xfer);
	allow(a, ret, !(x.flags & ~15) && one_of_two(x.flags) && x.size &&
	      nameable(x.dev_addr, x.size));
	return ret;
}

long do_vy_msi_wait(struct actor *a)
{
	struct vy_msi m = {
		.num = event_arg(a), .timeout = one_in(&a->r, 3) ? 0 : 1,
	};
	long ret = issue(a, some_file(a)->fd, VY_MSI_WAIT, &m, sizeof(m), NULL);

	allow(a, ret, m.num >= 0 && m.num < AXL_NR_EVENTS && m.timeout >= 0);
	return ret;
}

long do_vy_msi_clear(struct actor *a)
{
	struct vy_msi m = { .num = event_arg(a) };
	long ret = issue(a, some_file(a)->fd, VY_MSI_CLEAR, &m, sizeof(m), NULL);

	allow(a, ret, m.num >= 0 && m.num < AXL_NR_EVENTS);
	return ret;
}

long do_vy_msi_attach(struct actor *a)
{
	return by_int(a, VY_MSI_ATTACH, event_arg(a), AXL_NR_EVENTS - 1);
}

long do_vy_core_mask(struct actor *a)
{
	uint64_t mask = ~0ULL;
	long ret = issue(a, some_file(a)->fd, VY_CORE_MASK, &mask, sizeof(mask),
			 NULL);

	if (!ret && !a->wild && mask > 15)
		fail("core mask %#llx", (unsigned long long)mask);
	return ret;
}

long do_vy_consume(struct actor *a)
{
	long ret = by_nothing(a, VY_EVENT_CONSUME);

	if (ret > 1)
		fail("%ld events consumed", ret);
	return ret < 0 ? ret : 0;
}

long do_vy_resources(struct actor *a)
{
	struct vy_resources res = { };
	long ret = issue(a, some_file(a)->fd, VY_RESOURCES, &res, sizeof(res),
			 NULL);

	if (!ret && !a->wild && res.l2_size != card.bar2_size)
		fail("L2 has another size");
	return ret;
}

long do_vy_windows(struct actor *a)
{
	struct vy_windows win = { };

	return issue(a, some_file(a)->fd, VY_WINDOWS, &win, sizeof(win), NULL);
}

long do_vy_p2p_xfer(struct actor *a)
{
	struct rng *r = &a->r;
	struct vy_p2p_xfer x = {
		.size = length_to(r, MIB), .channel = (int)below(r, 5) - 1,
		.flags = one_in(r, 2) ? VY_READ : VY_WRITE,
		/* of the only card: its own, or of no card */
		.bus_addr = interesting(r),
	};

	x.dev_addr = device_address(r, true, x.size);
	return issue(a, some_file(a)->fd, VY_P2P_XFER, &x, sizeof(x), NULL);
}

long do_vy_dynmem_load(struct actor *a)
{
	return by_nothing(a, VY_DYNMEM_LOAD);
}

long do_vy_stream_open(struct actor *a)
{
	struct file *f = some_file(a);
	int source = below(&a->r, 2);
	long ret = issue(a, f->fd, VY_STREAM_OPEN, &source, sizeof(source), NULL);

	f->reader |= !ret;
	return ret;
}

long do_vy_stream_close(struct actor *a)
{
	struct file *f = reader_file(a);

	f->reader = false;
	return vy_call(f->fd, VY_STREAM_CLOSE, NULL);
}

long do_vy_stream_stats(struct actor *a)
{
	struct vy_stream_stats s = { };
	long ret = issue(a, reader_file(a)->fd, VY_STREAM_STATS, &s, sizeof(s),
			 NULL);

	if (!ret && !a->wild && s.available > 64 * MIB)
		fail("%llu bytes of a stream are there",
		     (unsigned long long)s.available);
	return ret;
}

long do_vy_stream_enable(struct actor *a)
{
	return by_int(a, VY_STREAM_ENABLE, below(&a->r, 2), 255);
}

long do_vy_stream_disable(struct actor *a)
{
	return by_int(a, VY_STREAM_DISABLE, below(&a->r, 2), 255);
}

long do_vy_stream_reset(struct actor *a)
{
	int source = below(&a->r, 2);

	return issue(a, reader_file(a)->fd, VY_STREAM_RESET, &source,
		     sizeof(source), NULL);
}

long do_vy_dma_stats(struct actor *a)
{
	struct vy_dma_stats s;

	memset(&s, 0xff, sizeof(s));
	return issue(a, some_file(a)->fd, VY_DMA_STATS, &s, sizeof(s), NULL);
}

long do_vy_user_pa(struct actor *a)
{
	struct vy_user_pa pa = { .virt = (uintptr_t)a->arena };

	return issue(a, some_file(a)->fd, VY_USER_PA, &pa, sizeof(pa), NULL);
}

long do_vy_verified(struct actor *a)
{
	size_t len = length_to(&a->r, CANARY);
	uint64_t pattern = any(&a->r), addr = canary_address(a, len);
	int fd = some_file(a)->fd;
	uint8_t *p = a->canary + below(&a->r, CANARY);
	long ret;

	at_fill(p, len, pattern, 0);
	ret = vy_user_xfer(fd, VY_WRITE, addr, p, len);
	if (ret)
		return ret;
	memset(p, 0, len);
	ret = vy_user_xfer(fd, VY_READ, addr, p, len);
	return ret ? ret : verify(a, p, len, pattern, "checked user transfer");
}

long do_vy_dmabuf_verified(struct actor *a)
{
	size_t len = length_to(&a->r, 128 * KIB);
	uint64_t pattern = any(&a->r), addr = canary_address(a, len);
	struct vy_dmabuf b;
	long ret;

	ret = vy_dmabuf_make(&b, len);
	if (ret) {
		a->wild = true;
		return ret;
	}
	ret = vy_buf_attach(a->fd, b.fd);
	if (ret)
		goto out;
	vy_dmabuf_begin(&b);
	at_fill(b.p, len, pattern, 0);
	vy_dmabuf_end(&b);
	ret = vy_buf_xfer(a->fd, VY_WRITE | VY_SYNC, addr, 0, len, -1);
	if (ret)
		goto out;
	vy_dmabuf_begin(&b);
	memset(b.p, 0, len);
	vy_dmabuf_end(&b);
	ret = vy_buf_xfer(a->fd, VY_READ | VY_ASYNC, addr, 0, len,
			  below(&a->r, 4));
	if (!ret)
		ret = vy_buf_wait(a->fd);
	if (ret)
		goto out;
	vy_dmabuf_begin(&b);
	ret = verify(a, b.p, len, pattern, "checked dma-buf transfer");
	vy_dmabuf_end(&b);
out:
	if (one_in(&a->r, 2))
		vy_call(a->fd, VY_BUF_DETACH, NULL);
	vy_dmabuf_free(&b);
	return ret;
}

/* A request of firmware, while no other thread talks to it */
static long talk(struct actor *a, uint32_t opcode, const void *msg, size_t size)
{
	volatile uint8_t *l2 = own_l2(a);
	uint32_t before;
	long ret;

	if (!l2)
		return -ENOMEM;
	ret = vy_lock(a->fd, 1);
	if (ret)
		return ret;
	before = *(volatile uint32_t *)(l2 + METIS_EMU_MBOX_OPCODE);
	/* one that was killed may have left a question */
	if (before && !(before & METIS_EMU_OP_REPLY))
		ret = -EBUSY;
	else
		ret = vy_request(a->fd, l2, opcode, msg, size, 5);
	if (vy_lock(a->fd, 0))
		fail("the mailbox's owner cannot give it back");
	return ret;
}

long do_vy_talk(struct actor *a)
{
	uint32_t n = 1 + below(&a->r, 8192), raise[3] = {
		below(&a->r, AXL_NR_EVENTS), 1 + below(&a->r, 5), 100,
	};
	long ret;

	jumping = 1;
	if (sigsetjmp(landing, 1)) {
		/* the link is gone: SIGBUS */
		jumping = 0;
		vy_lock(a->fd, 0);
		return -EIO;
	}
	switch (below(&a->r, 4)) {
	case 0:
		ret = talk(a, METIS_EMU_OP_PING, a->arena, below(&a->r, 240));
		break;
	case 1:
		ret = talk(a, METIS_EMU_OP_RAISE, raise, sizeof(raise));
		break;
	case 2:
		ret = talk(a, METIS_EMU_OP_LOG, "a line of the fuzzer\n", 21);
		break;
	default:
		ret = talk(a, METIS_EMU_OP_TRACE, &n, sizeof(n));
	}
	jumping = 0;
	/* a bootloader knows no streams */
	return ret == -ENOSYS ? 0 : ret;
}

/* As the SDK does it: upload by hand, a word in the mailbox, event 12 */
long do_vy_start(struct actor *a)
{
	uint64_t entry = card.l2_base + AT_L2_IMAGE;
	volatile uint8_t *l2;
	long ret;

	ret = vy_user_xfer(a->fd, VY_WRITE, entry, plain_image, plain_size);
	if (ret)
		return ret;
	jumping = 1;
	if (sigsetjmp(landing, 1)) {
		jumping = 0;
		vy_lock(a->fd, 0);
		return -EIO;
	}
	l2 = own_l2(a);
	ret = -ENOMEM;
	if (l2) {
		*(volatile uint64_t *)(l2 + 0x238) = entry;
		ret = talk(a, METIS_EMU_OP_START, NULL, 0);
	}
	jumping = 0;
	return ret ? ret : vy_call(a->fd, VY_DYNMEM_LOAD, NULL);
}
