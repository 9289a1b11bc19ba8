// SPDX-License-Identifier: GPL-2.0
/* The calls of the Voyager SDK's interface that fail_nth repeats. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "fail_nth.h"

#define EVENT		3	/* of a context that runs nothing */
#define TRACE_BYTES	16384	/* so many are moved by the engine */

/* The minor version of board information, which is not read, is of this word. */
#define BOARD_INFO	0x258
#define BOARD_MINOR	(1u << 24)

static const char log_line[] = "<a line of the log>\n";

static int sdk_call(struct nth *self)
{
	const struct call *c = self->c;
	int ret;

	if (c->request == VY_MAILBOX)
		ret = vy_call_value(self->fd, c->request, c->arg.number);
	else
		ret = vy_call(self->fd, c->request, &self->arg);
	return ret == c->ret ? 0 : ret < 0 ? ret : -EBADMSG;
}

/* A file that has made its first call; where a call is the first, more can fail */
int sdk_open(struct nth *self)
{
	return open_node(self) ?: vy_clear(self->fd, EVENT);
}

/* Something is to be had on the file. */
static int sdk_polled(struct nth *self)
{
	return vy_polled(self->fd, AT_SOON / AT_MSEC(1)) & POLLIN ? 0 :
								    -ETIMEDOUT;
}

static int sdk_cores(struct nth *self)
{
	int ret = sdk_open(self) ?: vy_ctx_alloc(self->fd, 2);

	return ret < 0 ? ret : 0;
}

static int sdk_dmabuf(struct nth *self)
{
	int err = begin_import(self);

	self->arg.number = self->result;
	return err;
}

static int sdk_attached(struct nth *self)
{
	int err = begin_import(self) ?: vy_buf_attach(self->fd, self->result);

	self->arg.buf = (struct vy_buf_xfer){
		.dev_addr = self->base, .size = SIZE,
		.flags = self->c->arg.buf.flags, .channel = VY_CHANNEL_ANY,
	};
	return err;
}

/* It has ended when poll() tells, and its result was not read. */
static int sdk_moved(struct nth *self)
{
	return sdk_attached(self) ?:
	       vy_buf_xfer(self->fd, VY_READ | VY_ASYNC, self->base, 0, SIZE,
			   VY_CHANNEL_ANY) ?:
	       sdk_polled(self);
}

static int sdk_user(struct nth *self)
{
	self->arg.user = (struct vy_user_xfer){
		.dev_addr = self->base, .user_addr = (uintptr_t)self->mem.p,
		.size = SIZE, .flags = VY_WRITE,
	};
	return sdk_open(self);
}

static int sdk_peer(struct nth *self)
{
	self->arg.p2p = (struct vy_p2p_xfer){
		.dev_addr = self->base, .bus_addr = self->peer, .size = SIZE,
		.channel = VY_CHANNEL_ANY, .flags = VY_READ | VY_SYNC | VY_P2P,
	};
	return sdk_open(self);
}

static int sdk_fired(struct nth *self)
{
	int err = sdk_open(self);

	at_lab_set(METIS_LAB_RAISE, EVENT);
	return err;
}

static int sdk_told(struct nth *self)
{
	int err = sdk_open(self) ?: vy_attach_msi(self->fd, EVENT);

	at_lab_set(METIS_LAB_RAISE, EVENT);
	return err ?: sdk_polled(self);
}

/* Firmware publishes something new, which makes no difference. */
static int sdk_news(struct nth *self)
{
	uint64_t at = self->t.q.l2_base + BOARD_INFO;
	uint32_t word;
	int err;

	err = at_dev_read(at, &word, sizeof(word));
	word += BOARD_MINOR;
	return err ?: at_dev_write(at, &word, sizeof(word)) ?: sdk_open(self);
}

static int sdk_reader(struct nth *self)
{
	return sdk_open(self) ?: vy_stream(self->fd, VY_STREAM_OPEN,
					   METIS_EMU_LOG_SOURCE);
}

static int sdk_say(struct nth *self)
{
	uint8_t reply[METIS_EMU_MBOX_MSG_MAX];
	uint32_t size;

	return at_mailbox(self->l2, METIS_EMU_OP_LOG, log_line,
			  strlen(log_line), reply, &size);
}

static int sdk_unread(struct nth *self)
{
	return sdk_reader(self) ?: sdk_say(self);
}

/* It was not read: it is in firmware's ring. */
static int sdk_trace(struct nth *self)
{
	uint8_t reply[METIS_EMU_MBOX_MSG_MAX];
	uint32_t bytes = TRACE_BYTES, size;

	return at_mailbox(self->l2, METIS_EMU_OP_TRACE, &bytes, sizeof(bytes),
			  reply, &size) ?: open_node(self);
}

/* By request; each of them is here. */
#define SDK(what, nr, before, ...) {					\
	.name = "SDK, " what, .request = nr, .begin = before,		\
	.call = sdk_call, .end = close_node, __VA_ARGS__		\
}
const struct call sdk_calls[] = {
	SDK("lock", VY_MAILBOX, open_node, .arg.number = 1),
	SDK("cores", VY_CTX_ALLOC, sdk_open, .arg.number = 2),
	SDK("no cores", VY_CTX_FREE, sdk_cores),
	SDK("first call", VY_PROPERTY, open_node,
	    .arg.value = VY_PROP_CORES),
	SDK("property", VY_PROPERTY, sdk_open,
	    .arg.value = VY_PROP_CORES),
	SDK("attach", VY_BUF_ATTACH, sdk_dmabuf),
	SDK("detach", VY_BUF_DETACH, sdk_attached),
	SDK("transfer", VY_BUF_XFER, sdk_attached,
	    .arg.buf.flags = VY_READ | VY_SYNC),
	SDK("asynchronous", VY_BUF_XFER, sdk_attached,
	    .arg.buf.flags = VY_READ | VY_ASYNC),
	SDK("state", VY_BUF_STATE, sdk_moved, .ret = VY_DONE),
	SDK("wait for it", VY_BUF_WAIT, sdk_moved, .arg.buf.flags = VY_SYNC),
	SDK("user memory", VY_USER_XFER, sdk_user),
	SDK("wait", VY_MSI_WAIT, sdk_fired, .arg.msi = { EVENT, 10 }),
	SDK("forget", VY_MSI_CLEAR, open_node, .arg.msi = { EVENT, 0 }),
	SDK("attach event", VY_MSI_ATTACH, sdk_open, .arg.number = EVENT),
	SDK("core mask", VY_CORE_MASK, sdk_cores),
	SDK("consume", VY_EVENT_CONSUME, sdk_told, .ret = 1),
	SDK("resources", VY_RESOURCES, sdk_open),
	SDK("windows", VY_WINDOWS, sdk_open),
	SDK("firmware started", VY_DYNMEM_LOAD, sdk_news),
	SDK("stream", VY_STREAM_OPEN, sdk_open,
	    .arg.number = METIS_EMU_LOG_SOURCE),
	SDK("stream, by DMA", VY_STREAM_OPEN, sdk_trace,
	    .arg.number = METIS_EMU_TRACE_SOURCE),
	SDK("stream, end", VY_STREAM_CLOSE, sdk_reader),
	SDK("stream statistics", VY_STREAM_STATS, sdk_reader),
	SDK("stream on", VY_STREAM_ENABLE, sdk_open,
	    .arg.number = METIS_EMU_TRACE_SOURCE),
	SDK("stream off", VY_STREAM_DISABLE, sdk_open,
	    .arg.number = METIS_EMU_TRACE_SOURCE),
	SDK("stream reset", VY_STREAM_RESET, sdk_open,
	    .arg.number = METIS_EMU_LOG_SOURCE),
	SDK("reader reset", VY_STREAM_RESET, sdk_unread,
	    .arg.number = METIS_EMU_LOG_SOURCE),
	SDK("statistics", VY_DMA_STATS, sdk_open),
	SDK("physical address", VY_USER_PA, sdk_open, .ret = -EOPNOTSUPP),
};

const unsigned int nr_sdk_calls = at_array_size(sdk_calls);

/* For a board with two cards */
const struct call sdk_card_to_card =
	SDK("card to card", VY_P2P_XFER, sdk_peer);

bool sdk_called(unsigned long request)
{
	size_t i;

	for (i = 0; i < at_array_size(sdk_calls); i++)
		if (sdk_calls[i].request == request)
			return true;
	return sdk_card_to_card.request == request;
}

int sdk_map_registers(struct nth *self)
{
	return map(self, at_page_size(), at_page_size());
}

/* poll() has room for a few files; epoll asks for memory for each. */
int sdk_begin_epoll(struct nth *self)
{
	self->result = epoll_create1(EPOLL_CLOEXEC);
	return self->result < 0 ? -errno : sdk_open(self);
}

int sdk_epoll(struct nth *self)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(self->result, EPOLL_CTL_ADD, self->fd, &event) ?
	       -errno : 0;
}

int sdk_begin_read(struct nth *self)
{
	char before[4096];
	int err = sdk_reader(self);

	while (!err && vy_polled(self->fd, 0) & POLLIN)
		if (read(self->fd, before, sizeof(before)) < 0)
			err = -errno;
	return err ?: sdk_say(self);
}

int sdk_read(struct nth *self)
{
	char text[4096];

	self->got = read(self->fd, text, sizeof(text));
	if (self->got < 0)
		return -errno;
	return self->got == (ssize_t)strlen(log_line) &&
	       !memcmp(text, log_line, self->got) ? 0 : -EBADMSG;
}

/* What a call could not get is there for the next. */
int sdk_end_read(struct nth *self)
{
	int err = self->got < 0 ? sdk_polled(self) ?: sdk_read(self) : 0;

	close_node(self);
	return err;
}

int sdk_load(struct nth *self)
{
	(void)self;
	return vy_module_load(NULL);
}

int sdk_unload(struct nth *self)
{
	(void)self;
	return vy_module_loaded() ? vy_module_unload() : 0;
}

static int sdk_probe(struct nth *self)
{
	uint64_t value = VY_PROP_CORES;
	int err = open_node(self) ?: vy_call(self->fd, VY_PROPERTY, &value);

	close_node(self);
	return err;
}

/* A card that cannot be served is one without this interface, until it is bound. */
int sdk_end_bind(struct nth *self)
{
	int err = sdk_probe(self);

	return err == -ENOTTY ? begin_bind(self) ?: call_bind(self) ?:
				sdk_probe(self) : err;
}
