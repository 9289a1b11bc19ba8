// SPDX-License-Identifier: GPL-2.0
/* The calls of the native interface that fail_nth repeats. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail_nth.h"

static const char fw_name[] = "axl/axltest-nth.elf";

int close_node(struct nth *self)
{
	if (self->result >= 0)
		close(self->result);
	if (self->fd >= 0)
		close(self->fd);
	self->result = -1;
	self->fd = -1;
	return 0;
}

int open_node(struct nth *self)
{
	self->fd = at_open();
	return self->fd < 0 ? self->fd : 0;
}

int call_open(struct nth *self)
{
	self->fd = open("/dev/metis0", O_RDWR | O_CLOEXEC);
	return self->fd < 0 ? -errno : 0;
}

int map(struct nth *self, size_t size, off_t offset)
{
	self->mapped = size;
	self->map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			 self->fd, offset);
	return self->map == MAP_FAILED ? -errno : 0;
}

int call_mmap(struct nth *self)
{
	return map(self, SIZE, 0);
}

int end_mmap(struct nth *self)
{
	int err = 0;

	if (self->map != MAP_FAILED) {
		(void)*(volatile uint32_t *)self->map;
		err = munmap(self->map, self->mapped) ? -errno : 0;
	}
	close_node(self);
	return err;
}

int call_query(struct nth *self)
{
	struct axl_ioc_query q;

	return at_query(self->fd, &q);
}

int call_register(struct nth *self)
{
	struct axl_ioc_buf_register reg;
	int err = at_register(self->fd, self->mem.p, SIZE, BOTH, &reg);

	self->handle = reg.handle;
	return err;
}

int call_register_read(struct nth *self)
{
	struct axl_ioc_buf_register reg;

	return at_register(self->fd, self->mem.p + 5, SIZE - 9,
			   AXL_BUF_TO_DEVICE, &reg);
}

int begin_import(struct nth *self)
{
	uint8_t *p;

	self->result = at_udmabuf(SIZE, &p);
	if (self->result < 0)
		return self->result;
	munmap(p, SIZE);
	return open_node(self);
}

int call_import(struct nth *self)
{
	struct axl_ioc_buf_register reg;

	return at_import(self->fd, self->result, 0, BOTH, &reg);
}

int begin_buffer(struct nth *self)
{
	return open_node(self) ?: call_register(self);
}

int call_release(struct nth *self)
{
	return at_release(self->fd, self->handle);
}

/* As many as do not fit a page: such a job's memory comes from elsewhere. */
int call_submit(struct nth *self)
{
	static struct axl_xfer x[64];
	size_t i;

	for (i = 0; i < at_array_size(x); i++)
		x[i] = (struct axl_xfer){
			.handle = self->handle, .direction = i % 2,
			.device_addr = self->base, .length = 64,
			.channel = AXL_CHANNEL_ANY,
		};
	return at_submit(self->fd, x, i, self->t.q.generation, 0, &self->seq);
}

/* A submission whose number could not be told is there nevertheless. */
int end_submit(struct nth *self)
{
	struct axl_ioc_wait wait;
	int err, status = 0;

	while (!(err = at_wait(self->fd, 0, AT_SOON, &wait)))
		status = status ?: wait.status;
	close_node(self);
	return err == -ENOENT ? status : err;
}

int begin_wait(struct nth *self)
{
	return begin_buffer(self) ?: call_submit(self);
}

int call_wait(struct nth *self)
{
	struct axl_ioc_wait wait;
	int err = at_wait(self->fd, self->seq, AT_SOON, &wait);

	return err ?: wait.status;
}

int call_wait_event(struct nth *self)
{
	struct axl_ioc_wait_event w = {
		.event = AXL_EVENT_ANY, .seen = ~0ULL, .timeout_ns = AT_SOON,
		.generation = self->t.q.generation,
	};

	return at_ioctl(self->fd, AXL_IOC_WAIT_EVENT, &w);
}

int call_event_counts(struct nth *self)
{
	struct axl_ioc_event_counts c = {
		.counts = (uintptr_t)self->counts, .nr = AXL_NR_EVENTS,
	};

	return at_ioctl(self->fd, AXL_IOC_EVENT_COUNTS, &c);
}

int begin_event_fd(struct nth *self)
{
	self->result = eventfd(0, EFD_CLOEXEC);
	return self->result < 0 ? -errno : open_node(self);
}

int call_event_fd(struct nth *self)
{
	struct axl_ioc_event_fd bind = {
		.event = AXL_EVENT_MAILBOX, .fd = self->result,
	};

	return at_ioctl(self->fd, AXL_IOC_EVENT_FD, &bind);
}

int begin_event_end(struct nth *self)
{
	return begin_event_fd(self) ?: call_event_fd(self);
}

int call_event_end(struct nth *self)
{
	struct axl_ioc_event_fd unbind = { .event = AXL_EVENT_MAILBOX, .fd = -1 };

	return at_ioctl(self->fd, AXL_IOC_EVENT_FD, &unbind);
}

int call_reset(struct nth *self)
{
	struct axl_ioc_reset reset = { };

	return at_ioctl(self->fd, AXL_IOC_RESET, &reset);
}

int call_fw_upload(struct nth *self)
{
	struct axl_ioc_fw_load load = { .flags = AXL_FW_LOAD_NO_START };

	return at_fw_load(self->fd, &self->image, &load);
}

int call_fw_start(struct nth *self)
{
	static const char msg[] = "nth";
	struct axl_ioc_fw_load load = {
		.msg = (uintptr_t)msg, .msg_size = sizeof(msg),
	};

	return at_fw_load(self->fd, &self->image, &load);
}

int begin_fw_name(struct nth *self)
{
	char path[64];
	int fd, err = 0;

	mkdir("/lib/firmware", 0755);
	mkdir("/lib/firmware/axl", 0755);
	snprintf(path, sizeof(path), "/lib/firmware/%s", fw_name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	if (write(fd, self->image.data, self->image.size) !=
	    (ssize_t)self->image.size)
		err = -EIO;
	close(fd);
	return err ?: open_node(self);
}

int call_fw_name(struct nth *self)
{
	struct axl_ioc_fw_load load = {
		.flags = AXL_FW_LOAD_NAME | AXL_FW_LOAD_NO_START,
		.image = (uintptr_t)fw_name, .image_size = strlen(fw_name),
	};

	return at_ioctl(self->fd, AXL_IOC_FW_LOAD, &load);
}

int begin_bind(struct nth *self)
{
	return at_pci_unbind(&self->t.pci);
}

/* Bound although the write failed: its end could not be told. */
int end_bind(struct nth *self)
{
	return at_driver_bound(&self->t.pci) ? 0 : at_pci_bind(&self->t.pci);
}

int call_bind(struct nth *self)
{
	return at_pci_bind(&self->t.pci);
}

int call_unbind(struct nth *self)
{
	return at_pci_unbind(&self->t.pci);
}
