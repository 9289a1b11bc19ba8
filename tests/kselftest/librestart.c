// SPDX-License-Identifier: GPL-2.0
/* Waiting for a restart to be over, binding the driver anew, processors. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include "librestart.h"

#define MAX_CPUS	8

int at_settled(int fd, uint64_t gen, struct axl_ioc_query *q)
{
	uint64_t end = at_now() + AT_SOON;
	int err;

	do {
		err = at_query(fd, q);
		if (!err && q->generation != gen &&
		    q->fw_state == AXL_FW_RUNNING)
			return 0;
		at_sleep_ms(2);
	} while (at_now() < end);
	return err ? err : -ETIMEDOUT;
}

int at_wait_state(int fd, enum axl_fw_state state, uint64_t timeout,
		  struct axl_ioc_query *q)
{
	uint64_t end = at_now() + timeout;
	int err;

	do {
		err = at_query(fd, q);
		if (err)
			return err;
		if (q->fw_state == state)
			return 0;
		at_sleep_ms(2);
	} while (at_now() < end);
	return -ETIMEDOUT;
}

int at_moves_again(struct at_ctx *t, const struct axl_xfer *x, uint32_t count)
{
	uint64_t end = at_now() + AT_SEC(20);
	int err;

	do {
		err = at_query(t->fd, &t->q);
		if (!err && t->q.fw_state == AXL_FW_RUNNING)
			err = at_run(t->fd, x, count);
		else if (!err)
			err = -EAGAIN;
		if (err)
			at_sleep_ms(10);
	} while (err && at_now() < end);
	return err ? err : at_query(t->fd, &t->q);
}

int at_bind_again(struct at_ctx *t)
{
	int err;

	close(t->fd);
	t->fd = -1;
	err = at_pci_unbind(&t->pci);
	if (!err)
		err = at_pci_bind(&t->pci);
	if (err)
		return err;
	t->fd = at_open();
	return t->fd < 0 ? t->fd : at_query(t->fd, &t->q);
}

int at_rebind(struct at_ctx *t)
{
	int err = at_bind_again(t);

	if (!err && t->q.fw_state != AXL_FW_RUNNING) {
		err = at_fw_run(t->fd);
		if (!err)
			err = at_query(t->fd, &t->q);
	}
	return err;
}

unsigned int at_cpus(void)
{
	long nr = sysconf(_SC_NPROCESSORS_ONLN);

	return nr < 1 ? 1 : nr > MAX_CPUS ? MAX_CPUS : nr;
}

int at_cpu_take(unsigned int cpu, bool realtime)
{
	struct sched_param param = { .sched_priority = realtime ? 50 : 0 };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) ||
	    sched_setscheduler(0, realtime ? SCHED_FIFO : SCHED_OTHER, &param))
		return -errno;
	return 0;
}

void at_cpu_give(void)
{
	struct sched_param param = { };
	cpu_set_t set;
	unsigned int i;

	sched_setscheduler(0, SCHED_OTHER, &param);
	CPU_ZERO(&set);
	for (i = 0; i < MAX_CPUS; i++)
		CPU_SET(i, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *hog_run(void *arg)
{
	struct at_hog *hog = arg;
	uint64_t end;

	if (at_cpu_take(hog->cpu, true))
		return NULL;
	end = at_now() + AT_HOG_LIMIT;
	hog->running = true;
	while (!hog->stop && at_now() < end)
		;
	hog->running = false;
	return NULL;
}

int at_hog_start(struct at_hog *hog, unsigned int cpu)
{
	uint64_t end = at_now() + AT_SOON;

	*hog = (struct at_hog){ .cpu = cpu };
	if (pthread_create(&hog->thread, NULL, hog_run, hog))
		return -EAGAIN;
	while (!hog->running) {
		if (at_now() > end)
			return -ETIMEDOUT;
		sched_yield();
	}
	return 0;
}

bool at_hog_end(struct at_hog *hog)
{
	bool running = hog->running;

	hog->stop = true;
	pthread_join(hog->thread, NULL);
	return running;
}
