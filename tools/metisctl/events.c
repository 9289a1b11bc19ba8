// SPDX-License-Identifier: GPL-2.0
/* metisctl wait and metisctl events. Ctrl-C just ends them: nothing is held. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base.h"
#include "commands.h"
#include "dev.h"
#include "info.h"
#include "options.h"
#include "out.h"
#include "parse.h"

/* Fixed names; other numbers have none */
static const struct {
	const char *name;
	u32 first;
	u32 count;
} names[] = {
	{ "context", AXL_EVENT_CONTEXT(0), 4 },
	{ "read", AXL_EVENT_DMA_READ(0), 4 },
	{ "write", AXL_EVENT_DMA_WRITE(0), 4 },
	{ "mailbox", AXL_EVENT_MAILBOX, 1 },
	{ "message", AXL_EVENT_MESSAGE, 1 },
	{ "any", AXL_EVENT_ANY, 1 },
};

static const char *event_name(u32 event, char buf[24])
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (event - names[i].first >= names[i].count)
			continue;
		if (names[i].count == 1)
			snprintf(buf, 24, "%s", names[i].name);
		else
			snprintf(buf, 24, "%s%u", names[i].name, event - names[i].first);
		return buf;
	}
	snprintf(buf, 24, "event%u", event);
	return buf;
}

static u32 parse_event(const char *s, struct argp_state *state)
{
	char buf[24], *end;
	unsigned long n;

	for (u32 e = 0; e < AXL_NR_EVENTS; e++)
		if (!strcasecmp(s, event_name(e, buf)))
			return e;
	if (!strcasecmp(s, "any"))
		return AXL_EVENT_ANY;
	n = strtoul(s, &end, 0);
	if (*s < '0' || *s > '9' || *end || n >= AXL_NR_EVENTS)
		argp_error(state, "'%s' is no event; there are: 0..1023, context0..3, read0..3, write0..3, "
			   "mailbox, message, any", s);
	return (u32)n;
}

/*
 * One look: returns 0 when the count differs from seen, else -errno. A signal
 * that was handled does not end it.
 */
static int wait_event(const struct dev *d, u32 event, u64 seen, u64 timeout_ns, u64 *count)
{
	u64 start = now_ns(), passed = 0;
	struct axl_ioc_wait_event w;
	int ret;

	do {
		w = (struct axl_ioc_wait_event){
			.event = event,
			.seen = seen,
			.generation = d->q.generation,
			.timeout_ns = timeout_ns,
		};
		if (timeout_ns != AXL_TIMEOUT_INFINITE) {
			passed = now_ns() - start;
			w.timeout_ns = passed < timeout_ns ? timeout_ns - passed : 0;
		}
		ret = dev_ioctl(d, AXL_IOC_WAIT_EVENT, &w);
	} while (ret == -EINTR);
	if (!ret || ret == -ETIMEDOUT)
		*count = w.count;
	return ret;
}

static u64 left(u64 start, u64 timeout_ns)
{
	u64 passed = now_ns() - start;

	if (timeout_ns == AXL_TIMEOUT_INFINITE)
		return timeout_ns;
	return passed < timeout_ns ? timeout_ns - passed : 0;
}

struct wait_args {
	bool have_event, have_seen;
	u32 event;
	u64 timeout_ns, count, seen;
};

static error_t parse_wait(int key, char *arg, struct argp_state *state)
{
	struct wait_args *a = state->input;

	switch (key) {
	case 't':
		a->timeout_ns = parse_seconds(arg, state);
		return 0;
	case 'c':
		a->count = parse_u64(arg, "count", state);
		if (!a->count)
			argp_error(state, "--count starts at 1");
		return 0;
	case 's':
		a->seen = parse_u64(arg, "count", state);
		a->have_seen = true;
		return 0;
	case ARGP_KEY_ARG:
		if (a->have_event)
			return ARGP_ERR_UNKNOWN;
		a->event = parse_event(arg, state);
		a->have_event = true;
		return 0;
	case ARGP_KEY_END:
		if (!a->have_event)
			argp_error(state, "EVENT is missing");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static void print_wait(const struct dev *d, u32 event, u64 seen, u64 count, bool timed_out, double s)
{
	u64 fresh = count < seen ? count : count - seen;
	struct json_object *o;
	char name[24];

	if (opt.json) {
		o = json_object_new_object();
		json_str(o, "device", d->path);
		if (event != AXL_EVENT_ANY)
			json_num(o, "event", event);
		json_str(o, "name", event_name(event, name));
		json_num(o, "seen", seen);
		json_num(o, "count", count);
		json_object_object_add(o, "timed_out", json_object_new_boolean(timed_out));
		json_real(o, "seconds", s);
		json_end(o, true);
	} else if (timed_out) {
		fprintf(stderr, "metisctl: %s: %s: timed out after %.3f s (%llu new, count %llu)\n",
			d->path, event_name(event, name), s, fresh, count);
	} else if (!opt.quiet) {
		printf("%s: %s: %llu new, count %llu, after %.3f s\n", d->path, event_name(event, name),
		       fresh, count, s);
	}
}

int cmd_wait(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "timeout", 't', "S", 0, "seconds to wait (default: for ever)", 0 },
		{ "count", 'c', "N", 0, "wait until it has happened N times (default: 1)", 0 },
		{ "seen", 's', "N", 0, "count already known, from an earlier call: events since then are "
		  "not missed (default: the count at the start)", 0 },
		{ 0 }
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse_wait,
		.args_doc = "EVENT",
		.doc = "Wait for an interrupt event: a number 0..1023, or context0..3 (job done), read0..3 and "
		       "write0..3 (DMA channels), mailbox, message, any.\v"
		       "Exit status: 0 it happened, 2 timed out, 1 failed.",
		.children = global_child,
	};
	struct wait_args a = { .timeout_ns = AXL_TIMEOUT_INFINITE, .count = 1 };
	u64 start, count = 0, last;
	char name[24];
	struct dev d;
	int ret = 0;

	argp_parse(&argp, argc, argv, 0, NULL, &a);
	ret = dev_open(&d);
	if (ret)
		return ret;
	start = now_ns();
	/* No count is ever all ones: this reads the present count and returns. */
	if (!a.have_seen)
		ret = wait_event(&d, a.event, ~0ULL, 0, &a.seen);
	last = a.seen;
	while (!ret) {
		ret = wait_event(&d, a.event, last, left(start, a.timeout_ns), &count);
		/* Unsigned: a --seen from before the driver was reloaded is above the count. */
		if (ret || count - a.seen >= a.count)
			break;
		last = count;
	}
	if (!ret || ret == -ETIMEDOUT) {
		print_wait(&d, a.event, a.seen, count, ret, seconds_since(start));
		ret = ret ? EXIT_TIMEOUT : EXIT_OK;
	} else {
		ret = fail(-ret, NULL, "%s: waiting for %s", d.path, event_name(a.event, name));
	}
	dev_close(&d);
	return ret;
}

struct events_args {
	u64 timeout_ns;
	u64 max;
};

static error_t parse_events(int key, char *arg, struct argp_state *state)
{
	struct events_args *a = state->input;

	switch (key) {
	case 't':
		a->timeout_ns = parse_seconds(arg, state);
		return 0;
	case 'n':
		a->max = parse_u64(arg, "number of lines", state);
		if (!a->max)
			argp_error(state, "-n starts at 1");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static void print_event(u32 event, u64 fresh, u64 count)
{
	struct json_object *o;
	char when[40], name[24];
	struct timespec t;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &t);
	localtime_r(&t.tv_sec, &tm);
	n = strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(when + n, sizeof(when) - n, ".%06ld", t.tv_nsec / 1000);
	strftime(when + n, sizeof(when) - n, "%z", &tm);
	event_name(event, name);
	if (opt.json) {
		o = json_object_new_object();
		json_str(o, "time", when);
		json_num(o, "event", event);
		json_str(o, "name", name);
		json_num(o, "new", fresh);
		json_num(o, "count", count);
		json_end(o, false);
	} else {
		printf("%s  %4u  %-10s  +%llu  %llu\n", when, event, name, fresh, count);
		fflush(stdout);
	}
}

/* Firmware restarted: counts go on, so this does too, and says so. */
static int follow_generation(struct dev *d)
{
	u64 before = d->q.generation;
	struct json_object *o;
	int ret = dev_ioctl(d, AXL_IOC_QUERY, &d->q);

	if (!ret && d->q.generation == before)
		ret = -ESTALE;	/* not a restart: do not spin on it */
	if (ret)
		return ret;
	if (opt.json) {
		o = json_object_new_object();
		json_num(o, "generation", d->q.generation);
		json_str(o, "firmware", fw_state_name(d->q.fw_state));
		json_end(o, false);
	} else if (!opt.quiet) {
		printf("-- device restarted: generation %llu, firmware %s\n", d->q.generation,
		       fw_state_name(d->q.fw_state));
		fflush(stdout);
	}
	return 0;
}

static int get_counts(const struct dev *d, u64 *counts)
{
	struct axl_ioc_event_counts c = { .counts = (uintptr_t)counts, .nr = AXL_NR_EVENTS };
	int ret;

	do {
		ret = dev_ioctl(d, AXL_IOC_EVENT_COUNTS, &c);
	} while (ret == -EINTR);
	return ret;
}

int cmd_events(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "timeout", 't', "S", 0, "end after S seconds (default: Ctrl-C ends)", 0 },
		{ "lines", 'n', "N", 0, "end after N lines", 0 },
		{ 0 }
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse_events,
		.doc = "Print interrupt events as they arrive: time, number, name, how many new, count. Events "
		       "in quick succession share a line. With --json one object a line.\v"
		       "Exit status: 0 ended as asked, 2 when fewer than -n lines came in time, 1 failed.",
		.children = global_child,
	};
	static u64 known[AXL_NR_EVENTS], counts[AXL_NR_EVENTS];
	struct events_args a = { .timeout_ns = AXL_TIMEOUT_INFINITE };
	u64 start, seen = 0, lines = 0;
	struct dev d;
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &a);
	ret = dev_open(&d);
	if (ret)
		return ret;
	start = now_ns();
	/* Counters first: what comes between these two is seen in the first round. */
	ret = get_counts(&d, known);
	if (!ret)
		ret = wait_event(&d, AXL_EVENT_ANY, ~0ULL, 0, &seen);
	while (!ret) {
		ret = get_counts(&d, counts);
		for (u32 e = 0; !ret && e < AXL_NR_EVENTS && (!a.max || lines < a.max); e++) {
			if (counts[e] == known[e])
				continue;
			print_event(e, counts[e] - known[e], counts[e]);
			known[e] = counts[e];
			lines++;
		}
		if (ret || (a.max && lines >= a.max))
			break;
		ret = wait_event(&d, AXL_EVENT_ANY, seen, left(start, a.timeout_ns), &seen);
		if (ret == -ESTALE)
			ret = follow_generation(&d);
	}
	if (ret == -ETIMEDOUT)
		ret = a.max ? EXIT_TIMEOUT : EXIT_OK;
	else if (ret)
		ret = fail(-ret, NULL, "%s: waiting for events", d.path);
	dev_close(&d);
	return ret;
}
