/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of restarts and recoveries share: waiting for the driver to be
 * at work again, binding it anew, and keeping processors from running anything
 * but one thread of the test, which makes an order of events certain.
 */
#ifndef AXLTEST_RESTART_H
#define AXLTEST_RESTART_H

#include "liblab.h"

/* Wait until runtime firmware is at work under another generation than @gen */
int at_settled(int fd, uint64_t gen, struct axl_ioc_query *q);
/* Wait until the card is in a state in which it moves data, or given up */
int at_wait_state(int fd, enum axl_fw_state state, uint64_t timeout,
		  struct axl_ioc_query *q);
/* Wait until firmware runs again and the transfers succeed; updates @t->q */
int at_moves_again(struct at_ctx *t, const struct axl_xfer *x, uint32_t count);
/* Unbind and bind the driver and open the node anew; the card stays as it is */
int at_bind_again(struct at_ctx *t);
/* The same, and run firmware if none runs */
int at_rebind(struct at_ctx *t);

/*
 * A thread that keeps a processor busy with real-time priority: nothing of the
 * kernel's but hard interrupts runs there. at_hog_start() returns when it does.
 * It ends by itself before the kernel's throttling of such threads begins.
 */
#define AT_HOG_LIMIT	AT_MSEC(600)

struct at_hog {
	pthread_t thread;
	unsigned int cpu;
	volatile bool running, stop;
};

unsigned int at_cpus(void);		/* processors, 8 at most */
int at_hog_start(struct at_hog *hog, unsigned int cpu);
/* false: it had ended by itself, and the order of events is not certain */
bool at_hog_end(struct at_hog *hog);

/* Run this thread on one processor, in real time, or as usual again */
int at_cpu_take(unsigned int cpu, bool realtime);
void at_cpu_give(void);

#endif
