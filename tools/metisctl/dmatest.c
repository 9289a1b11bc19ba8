// SPDX-License-Identifier: GPL-2.0
/*
 * metisctl dma test. One loop, for each of --depth slots at once:
 *
 *   fill with the pattern -> device		(timed)
 *   fill with the pattern's opposite <- device	(timed)
 *   compare every byte, and the canaries around the slot
 *
 * The same goes before, untimed, with a filler that differs from the pattern in
 * every byte: what was in device memory before must not pass for what is sent.
 * A byte that still holds filler or opposite tells which direction lost it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base.h"
#include "commands.h"
#include "dev.h"
#include "options.h"
#include "out.h"
#include "parse.h"
#include "pattern.h"
#include "xfer.h"

#define CANARY_SIZE	4096U
#define CANARY		0xc5
#define SALT_DEVICE	0x55	/* pattern ^ this: was on the device before */
#define SALT_HOST	0xff	/* expected ^ this: was in the buffer before */

/* Where nothing of firmware is expected; see --help */
#define L2_PLACE	(16ULL << 20)
#define DDR_PLACE	(32ULL << 20)

struct test {
	u64 sizes[32];
	size_t nr_sizes;
	struct place place;
	enum pattern pattern;
	u64 loops, seed;
	u32 depth, channels;
	bool dmabuf, time_to, time_from, verify;
	/* at work, for one size */
	struct dev dev;
	struct arena arena;
	u64 addr, size, slot_size, dev_stride;
	u64 *seq;
	u64 ns[2], bytes[2];	/* by direction */
	u64 verified;
	struct mismatch mismatch;
	u64 bad_loop;
	u32 bad_slot;
	bool wrong, canary_wrong;
};

static u8 *slot(const struct test *t, u32 i)
{
	return t->arena.mem + i * t->slot_size + CANARY_SIZE;
}

static u64 slot_seed(const struct test *t, u64 loop, u32 i)
{
	return t->seed + ((loop * t->depth + i) << 40);
}

static void fill(const struct test *t, u64 loop, u8 salt)
{
	arena_cpu_begin(&t->arena);
	for (u32 i = 0; i < t->depth; i++) {
		memset(slot(t, i) - CANARY_SIZE, CANARY, (size_t)t->slot_size);
		pattern_fill(t->pattern, slot_seed(t, loop, i), salt, slot(t, i), (size_t)t->size);
	}
	arena_cpu_end(&t->arena);
}

/* All slots at once, one direction; what was started is collected in any case. */
static int move(struct test *t, u32 direction, bool timed)
{
	u64 start = now_ns();
	u32 i, started, channel;
	int ret = 0, err;

	for (started = 0; started < t->depth && !ret && !interrupted; started++) {
		i = started;
		channel = t->channels ? i % t->channels : AXL_CHANNEL_ANY;
		err = xfer_submit(&t->arena, direction, i * (size_t)t->slot_size + CANARY_SIZE,
				  t->addr + i * t->dev_stride, t->size, channel, &t->seq[i]);
		if (err) {
			ret = xfer_fail(&t->dev, err, direction, t->addr + i * t->dev_stride, t->size);
			break;
		}
	}
	for (i = 0; i < started; i++) {
		err = xfer_wait(&t->arena, t->seq[i]);
		if (err && !ret)
			ret = xfer_fail(&t->dev, err, direction, t->addr + i * t->dev_stride, t->size);
	}
	if (timed && !ret && !interrupted) {
		t->ns[direction] += now_ns() - start;
		t->bytes[direction] += t->depth * t->size;
	}
	return ret;
}

static bool canaries_whole(const struct test *t, u32 i)
{
	const u8 *start = slot(t, i) - CANARY_SIZE, *end = start + t->slot_size;

	for (const u8 *p = start; p < end; p++) {
		if (p == slot(t, i))
			p += t->size;
		if (*p != CANARY)
			return false;
	}
	return true;
}

static void compare(struct test *t, u64 loop, u8 salt)
{
	arena_cpu_begin(&t->arena);
	for (u32 i = 0; i < t->depth && !t->wrong; i++) {
		t->canary_wrong = !canaries_whole(t, i);
		t->wrong = !pattern_verify(t->pattern, slot_seed(t, loop, i), salt, slot(t, i),
					   (size_t)t->size, &t->mismatch) || t->canary_wrong;
		if (t->wrong) {
			t->bad_loop = loop;
			t->bad_slot = i;
		} else if (!salt) {
			t->verified += t->size;
		}
	}
	arena_cpu_end(&t->arena);
}

static int round_trip(struct test *t, u64 loop, u8 salt)
{
	bool timed = !salt;
	int ret = 0;

	if (t->time_to || t->verify) {
		fill(t, loop, salt);
		ret = move(t, AXL_TO_DEVICE, timed && t->time_to);
	}
	if (!ret && !interrupted && (t->time_from || t->verify)) {
		fill(t, loop, salt ^ SALT_HOST);
		ret = move(t, AXL_FROM_DEVICE, timed && t->time_from);
		if (!ret && !interrupted && t->verify)
			compare(t, loop, salt);
	}
	return ret;
}

static int one_loop(struct test *t, u64 loop)
{
	int ret = 0;

	/* Random data differs from loop to loop: only the first needs a filler. */
	if (t->verify && (!loop || t->pattern != PATTERN_RANDOM))
		ret = round_trip(t, loop, SALT_DEVICE);
	if (!ret && !t->wrong && !interrupted)
		ret = round_trip(t, loop, 0);
	return ret;
}

static double mb_per_s(const struct test *t, u32 direction)
{
	return t->ns[direction] ? (double)t->bytes[direction] * 1e3 / (double)t->ns[direction] : 0;
}

static void print_speed(const struct test *t, u32 direction, bool timed)
{
	if (timed)
		printf("  %9.1f MB/s", mb_per_s(t, direction));
	else
		printf("  %14s", "-");
}

static const char *what_happened(const struct mismatch *m)
{
	if ((m->expected ^ m->got) == SALT_HOST)
		return "as before the transfer: what the device wrote did not arrive in host memory; "
		       "an IOMMU that refuses a write drops it silently: see dmesg for F_TRANSLATION";
	if ((m->expected ^ m->got) == SALT_DEVICE)
		return "as before the test: what was sent did not arrive in device memory; "
		       "does firmware, or another program, use that place?";
	return "neither old nor new data; does firmware, or another program, use that place?";
}

static void explain(const struct test *t)
{
	const struct mismatch *m = &t->mismatch;
	char size[24];

	fflush(stdout);
	if (t->canary_wrong)
		fprintf(stderr, "metisctl: %s: %s, loop %llu, slot %u: bytes around the buffer were overwritten\n",
			t->dev.path, human_size(t->size, size), t->bad_loop, t->bad_slot);
	if (m->wrong)
		fprintf(stderr, "metisctl: %s: %s, loop %llu, slot %u: %llu wrong byte%s, first at offset 0x%llx "
			"(device 0x%llx): expected 0x%02x, got 0x%02x\n  %s\n",
			t->dev.path, human_size(t->size, size), t->bad_loop, t->bad_slot, m->wrong,
			m->wrong == 1 ? "" : "s", m->offset,
			t->addr + t->bad_slot * t->dev_stride + m->offset, m->expected, m->got,
			what_happened(m));
	fprintf(stderr, "  to repeat with the same data: --seed 0x%llx\n", t->seed);
}

static struct json_object *result_json(const struct test *t)
{
	struct json_object *o = json_object_new_object(), *m;

	json_num(o, "size", t->size);
	json_num(o, "depth", t->depth);
	json_hex(o, "address", t->addr);
	if (t->time_to)
		json_real(o, "to_mb_per_s", mb_per_s(t, AXL_TO_DEVICE));
	if (t->time_from)
		json_real(o, "from_mb_per_s", mb_per_s(t, AXL_FROM_DEVICE));
	json_num(o, "bytes_to", t->bytes[AXL_TO_DEVICE]);
	json_num(o, "bytes_from", t->bytes[AXL_FROM_DEVICE]);
	json_num(o, "bytes_verified", t->verified);
	json_object_object_add(o, "ok", json_object_new_boolean(!t->wrong));
	if (!t->wrong)
		return o;
	m = json_object_new_object();
	json_num(m, "loop", t->bad_loop);
	json_num(m, "slot", t->bad_slot);
	json_object_object_add(m, "around_buffer", json_object_new_boolean(t->canary_wrong));
	json_num(m, "wrong_bytes", t->mismatch.wrong);
	if (t->mismatch.wrong) {
		json_num(m, "offset", t->mismatch.offset);
		json_num(m, "expected", t->mismatch.expected);
		json_num(m, "got", t->mismatch.got);
	}
	json_object_object_add(o, "mismatch", m);
	return o;
}

static void print_result(const struct test *t)
{
	char size[24];

	printf("%-10s %5u %6llu", human_size(t->size, size), t->depth, t->loops);
	print_speed(t, AXL_TO_DEVICE, t->time_to);
	print_speed(t, AXL_FROM_DEVICE, t->time_from);
	if (t->wrong)
		puts("  WRONG");
	else if (t->verify)
		printf("  %s ok\n", human_size(t->verified, size));
	else
		puts("  not verified");
	fflush(stdout);
}

static int test_size(struct test *t, u64 size, struct json_object *results)
{
	u32 directions = 0;
	char label[64], a[24];
	int ret;

	t->size = size;
	t->ns[0] = t->ns[1] = t->bytes[0] = t->bytes[1] = t->verified = 0;
	/* Slots keep whole pages apart, on both sides. */
	t->dev_stride = (size + 4095) & ~4095ULL;
	t->slot_size = t->dev_stride + 2 * CANARY_SIZE;
	if (size > 1ULL << 40)
		return fail_because(ERANGE, "too large", "L2 has 32 MiB", "%s", human_size(size, a));
	ret = dev_check_range(&t->dev, t->addr, (t->depth - 1) * t->dev_stride + size);
	if (ret)
		return ret;
	if (t->time_to || t->verify)
		directions |= AXL_BUF_TO_DEVICE;
	if (t->time_from || t->verify)
		directions |= AXL_BUF_FROM_DEVICE;
	ret = arena_open(&t->arena, &t->dev, t->slot_size * t->depth, directions, t->dmabuf);
	if (ret)
		return ret;
	for (u64 loop = 0; loop < t->loops && !ret && !t->wrong && !interrupted; loop++) {
		snprintf(label, sizeof(label), "%s, loop %llu of %llu", human_size(size, a), loop + 1, t->loops);
		progress(label, loop * t->depth * size, t->loops * t->depth * size);
		ret = one_loop(t, loop);
	}
	progress_clear();
	arena_close(&t->arena);
	if (ret || (interrupted && !t->wrong))
		return ret;
	if (results)
		json_object_array_add(results, result_json(t));
	else
		print_result(t);
	if (t->wrong)
		explain(t);
	return t->wrong ? EXIT_FAILED : 0;
}

static int run(struct test *t)
{
	const struct axl_ioc_query *q = &t->dev.q;
	struct json_object *results = opt.json ? json_object_new_array() : NULL, *o;
	int ret = 0;

	t->seq = calloc(t->depth, sizeof(*t->seq));
	if (!t->seq)
		ret = fail(ENOMEM, NULL, "%s", t->dev.path);
	if (!ret && t->depth > q->max_jobs) {
		char *cause = str("a file can have %u submissions in flight", q->max_jobs);

		ret = fail_because(0, cause, "use a lower --depth", "%s: --depth %u", t->dev.path, t->depth);
		free(cause);
	}
	if (!ret && ((t->channels > q->read_channels && (t->time_to || t->verify)) ||
		     (t->channels > q->write_channels && (t->time_from || t->verify)))) {
		char *cause = str("the device has %u channels to it and %u from it",
				  q->read_channels, q->write_channels);

		ret = fail_because(0, cause, "use fewer", "%s: --channels %u", t->dev.path, t->channels);
		free(cause);
	}
	if (!ret)
		ret = dev_place(&t->dev, t->place, &t->addr);
	catch_interrupt();
	if (!ret && !opt.json)
		printf("%-10s %5s %6s  %14s  %14s  verified\n", "size", "depth", "loops", "to device", "from device");
	for (size_t i = 0; i < t->nr_sizes && !ret && !interrupted; i++)
		ret = test_size(t, t->sizes[i], results);
	if (interrupted && !ret) {
		fprintf(stderr, "metisctl: interrupted; transfers ended, memory released\n");
		ret = EXIT_INTERRUPTED;
	}
	/* With another failure its error object stands alone; these belong together. */
	if (opt.json && (!ret || t->wrong || json_object_array_length(results))) {
		o = json_object_new_object();
		json_str(o, "device", t->dev.path);
		json_hex(o, "seed", t->seed);
		json_object_object_add(o, "ok", json_object_new_boolean(!ret));
		json_object_object_add(o, "results", results);
		json_end(o, true);
	} else if (opt.json) {
		json_object_put(results);
	}
	free(t->seq);
	return ret;
}

static void parse_sizes(char *arg, struct test *t, struct argp_state *state)
{
	char *s, *save = NULL;

	t->nr_sizes = 0;
	for (s = strtok_r(arg, ",", &save); s; s = strtok_r(NULL, ",", &save)) {
		if (t->nr_sizes == ARRAY_SIZE(t->sizes))
			argp_error(state, "more than %zu sizes", ARRAY_SIZE(t->sizes));
		else
			t->sizes[t->nr_sizes++] = parse_size(s, state);
	}
	if (!t->nr_sizes)
		argp_error(state, "--size names no size");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct test *t = state->input;
	int p;

	switch (key) {
	case 's':
		parse_sizes(arg, t, state);
		return 0;
	case 'a':
		t->place = parse_place(arg, state);
		/* The bare names mean a harmless place; l2+0 is the very start. */
		if (!t->place.has_offset)
			t->place.offset = t->place.base == PLACE_DDR ? DDR_PLACE : L2_PLACE;
		return 0;
	case 'p':
		p = pattern_by_name(arg);
		if (p < 0)
			argp_error(state, "no pattern '%s'; there are: random, count, zero, ones, walk", arg);
		t->pattern = (enum pattern)p;
		return 0;
	case 'l':
		t->loops = parse_u32(arg, "number of loops", state);
		if (!t->loops)
			argp_error(state, "--loops starts at 1");
		return 0;
	case 'n':
		t->depth = parse_u32(arg, "depth", state);
		if (!t->depth || t->depth > 65536)
			argp_error(state, "--depth is 1..65536");
		return 0;
	case 'c':
		t->channels = parse_u32(arg, "number of channels", state);
		if (!t->channels)
			argp_error(state, "--channels starts at 1");
		return 0;
	case 'b':
		t->dmabuf = true;
		return 0;
	case 'r':
		t->time_to = strcmp(arg, "from");
		t->time_from = strcmp(arg, "to");
		if (strcmp(arg, "both") && t->time_to && t->time_from)
			argp_error(state, "no direction '%s'; there are: both, to, from", arg);
		return 0;
	case 'v':
		t->verify = false;
		return 0;
	case 'e':
		t->seed = parse_u64(arg, "seed", state);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int cmd_dma_test(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "size", 's', "N,...", 0, "sizes of a transfer (default: 4K,64K,1M)", 0 },
		{ "to", 'a', "PLACE", 0, "device memory to use, which GETS OVERWRITTEN: l2 (default; means l2+16M), "
		  "ddr (means ddr+32M), l2+..., ddr+..., or a number", 0 },
		{ "pattern", 'p', "NAME", 0, "random (default), count, zero, ones, walk", 0 },
		{ "loops", 'l', "N", 0, "repetitions for each size (default: 16)", 0 },
		{ "depth", 'n', "N", 0, "transfers at a time, each with its own memory (default: 4)", 0 },
		{ "channels", 'c', "N", 0, "spread over channels 0..N-1 (default: the driver chooses)", 0 },
		{ "dmabuf", 'b', NULL, 0, "use a dma-buf (from udmabuf) for host memory", 0 },
		{ "direction", 'r', "D", 0, "what to measure: both (default), to, from; verification "
		  "needs both directions and adds the other one unmeasured", 0 },
		{ "no-verify", 'v', NULL, 0, "only move; with --direction from nothing gets overwritten", 0 },
		{ "seed", 'e', "N", 0, "of the random pattern (default: another one each time)", 0 },
		{ 0 }
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "Write a pattern to device memory, read it back, compare every byte and 4 KiB on each side "
		       "of the buffer; one row for each size, with MB/s (10^6) for each direction.\v"
		       "The device memory used, --depth times the size, gets overwritten. The default, the upper "
		       "half of L2 (from l2+16M), keeps clear of the shared area at the start of L2 and of the "
		       "engine's list buffer in its last 32 KiB; running jobs may use it all the same: "
		       "test an idle card.\n\n"
		       "Example: metisctl dma test --size 64K,1M --depth 1 --loops 100",
		.children = global_child,
	};
	struct test t = {
		.sizes = { 4096, 65536, 1 << 20 },
		.nr_sizes = 3,
		.place = { .base = PLACE_L2, .offset = L2_PLACE },
		.loops = 16,
		.depth = 4,
		.time_to = true,
		.time_from = true,
		.verify = true,
	};
	int ret;

	if (getrandom(&t.seed, sizeof(t.seed), GRND_NONBLOCK) != sizeof(t.seed))
		t.seed = now_ns();
	argp_parse(&argp, argc, argv, 0, NULL, &t);
	ret = dev_open(&t.dev);
	if (ret)
		return ret;
	ret = run(&t);
	dev_close(&t.dev);
	return ret;
}
