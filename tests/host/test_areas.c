// SPDX-License-Identifier: GPL-2.0
/*
 * The areas that the shared area refers to, list buffer, virtual MSIs, contexts and
 * streams: sane ones are understood, each bad value is refused or left out, and no
 * damage of a sane area gets past the oracles.
 */
#include "layout_parse.h"

static int desc(const struct axl_layout *l, u64 addr, u64 bytes, u32 *offset,
		u32 *size)
{
	u8 *snap = malloc(16);
	const char *wrong;
	int ret;

	assert_non_null(snap);
	sample_put(snap, addr, 8);
	sample_put(snap + 8, bytes, 8);
	*offset = 0xdead;
	*size = 0xbeef;
	ret = axl_layout_parse_dma_desc(snap, 16, l, SAMPLE_BAR2, offset, size);
	free(snap);
	if (ret) {
		assert_int_equal(*offset, 0xdead);
		assert_int_equal(*size, 0xbeef);
	} else {
		wrong = dma_desc_oracle(l, SAMPLE_BAR2, *offset, *size);
		if (wrong)
			fail_msg("%s", wrong);
	}
	return ret;
}

static void list_buffer(void **state)
{
	const u64 l2 = SAMPLE_L2, end = SAMPLE_L2 + SAMPLE_BAR2;
	struct axl_layout l;
	u32 offset, size;

	(void)state;
	sample_fill(bar2);
	assert_int_equal(parse(&l), 0);
	assert_int_equal(axl_layout_parse_dma_desc(bar2 + SAMPLE_DMA_DESC, 16, &l,
						   SAMPLE_BAR2, &offset, &size), 0);
	assert_int_equal(offset, SAMPLE_LISTS);
	assert_int_equal(size, SAMPLE_LISTS_SIZE);
	assert_int_equal(axl_layout_parse_dma_desc(bar2 + SAMPLE_DMA_DESC, 15, &l,
						   SAMPLE_BAR2, &offset, &size),
			 -EINVAL);

	/* where older firmware has it */
	assert_int_equal(desc(&l, l2 + 0x1ff8080, 32640, &offset, &size), 0);
	assert_int_equal(offset, 0x1ff8080);

	assert_int_equal(desc(&l, ~0ull, ~0ull, &offset, &size), -EIO);
	assert_int_equal(desc(&l, 0, 0, &offset, &size), -EINVAL);
	/* a list of 4 elements for each of 8 channels */
	assert_int_equal(desc(&l, end - 768, 768, &offset, &size), 0);
	assert_int_equal(desc(&l, end - 768, 767, &offset, &size), -EINVAL);
	assert_int_equal(desc(&l, l2 + 0x10004, 32640, &offset, &size), -EINVAL);
	assert_int_equal(desc(&l, l2 + 0x10001, 32640, &offset, &size), -EINVAL);
	/* outside */
	assert_int_equal(desc(&l, end - 760, 768, &offset, &size), -ERANGE);
	assert_int_equal(desc(&l, end, 768, &offset, &size), -ERANGE);
	assert_int_equal(desc(&l, l2 - 8, 768, &offset, &size), -ERANGE);
	assert_int_equal(desc(&l, 0x10000, 32640, &offset, &size), -ERANGE);
	assert_int_equal(desc(&l, SAMPLE_DDR, 32640, &offset, &size), -ERANGE);
	assert_int_equal(desc(&l, l2 + 0x10000, ~0ull, &offset, &size), -ERANGE);
	assert_int_equal(desc(&l, l2 + 0x10000, SAMPLE_BAR2, &offset, &size),
			 -ERANGE);
	assert_int_equal(desc(&l, l2 + 0x100010000, 32640, &offset, &size),
			 -ERANGE);
	assert_int_equal(desc(&l, l2 + 0x10000, 0 - (l2 + 0x10000) + l2, &offset,
			      &size), -ERANGE);
	assert_int_equal(desc(&l, l2 + 0x10000, 0x100000000 + 32640, &offset,
			      &size), -ERANGE);
	/* over the shared area, and over each area that it refers to */
	assert_int_equal(desc(&l, l2, 32640, &offset, &size), -ERANGE);
	assert_int_equal(desc(&l, l2 + 0x7f8, 768, &offset, &size), -ERANGE);
	assert_int_equal(desc(&l, l2 + 0x800, 768, &offset, &size), 0);
	assert_int_equal(desc(&l, l2 + SAMPLE_BOARD_INFO - 760, 768, &offset,
			      &size), -ERANGE);
	assert_int_equal(desc(&l, l2 + SAMPLE_BOARD_INFO - 768, 768, &offset,
			      &size), 0);
	assert_int_equal(desc(&l, l2 + SAMPLE_CONTEXTS + 312, 768, &offset,
			      &size), -ERANGE);
	assert_int_equal(desc(&l, l2 + SAMPLE_HOSTIF + 16, 768, &offset, &size),
			 -ERANGE);
	assert_int_equal(desc(&l, l2 + SAMPLE_VMSI + SAMPLE_VMSI_SIZE - 4, 768,
			      &offset, &size), -ERANGE);
	assert_int_equal(desc(&l, l2 + SAMPLE_VMSI + SAMPLE_VMSI_SIZE + 4, 768,
			      &offset, &size), 0);
	assert_int_equal(desc(&l, l2 + SAMPLE_STREAMS + 8, 768, &offset, &size),
			 -ERANGE);
	/* over everything at once */
	assert_int_equal(desc(&l, l2 + 0x800, SAMPLE_BAR2 - 0x800, &offset,
			      &size), -ERANGE);

	/* L2 at the bottom of addresses: a distance that all but wraps */
	l.l2_base = 0x1000;
	assert_int_equal(desc(&l, 0 - (u64)8, 0x4000, &offset, &size), -ERANGE);
	assert_int_equal(desc(&l, 0x1000 + 0x10000, 0x4000, &offset, &size), 0);

	/* behind its descriptor in one area: right; on it: wrong */
	sample_ref(bar2, 0x2d0, 0xd4d4, 16 + 32640, 0x10000);
	assert_int_equal(parse(&l), 0);
	assert_int_equal(desc(&l, l2 + 0x10010, 32640, &offset, &size), 0);
	assert_int_equal(desc(&l, l2 + 0x10008, 32640, &offset, &size), -ERANGE);
	assert_int_equal(desc(&l, l2 + 0x10000, 32640, &offset, &size), -ERANGE);
}

static int vmsi(const u8 *from, size_t len, struct axl_vmsi_cfg *cfg)
{
	u8 *snap = malloc(len ? len : 1);
	const char *wrong;
	int ret;

	assert_non_null(snap);
	memcpy(snap, from, len);
	memset(cfg, 0xa5, sizeof(*cfg));
	ret = axl_layout_parse_vmsi(snap, len, cfg);
	free(snap);
	if (!ret) {
		wrong = vmsi_oracle(cfg);
		if (wrong)
			fail_msg("%s", wrong);
	}
	return ret;
}

static void vmsi_config(void **state)
{
	struct axl_vmsi_cfg cfg;
	struct axl_ref ref = { .valid = true };
	u8 *p = bar2 + SAMPLE_VMSI;

	(void)state;
	sample_fill(bar2);
	assert_int_equal(vmsi(p, SAMPLE_VMSI_SIZE, &cfg), 0);
	assert_int_equal(cfg.nr_vmsi, 1024);
	assert_int_equal(cfg.nr_pmsi, 32);
	assert_int_equal(cfg.pmsi_of[12], 12);
	assert_int_equal(cfg.pmsi_of[31], 31);
	assert_int_equal(cfg.pmsi_of[1023], 24);

	/* counts that say anything */
	sample_put(p, 1025, 2);
	assert_int_equal(vmsi(p, SAMPLE_VMSI_SIZE, &cfg), 0);
	assert_int_equal(cfg.nr_vmsi, 1024);
	sample_put(p, 0xffff, 2);
	sample_put(p + 2, 0xffff, 2);
	assert_int_equal(vmsi(p, SAMPLE_VMSI_SIZE, &cfg), 0);
	assert_int_equal(cfg.nr_vmsi, 1024);
	assert_int_equal(cfg.nr_pmsi, 32);
	sample_put(p, 13, 2);
	assert_int_equal(vmsi(p, SAMPLE_VMSI_SIZE, &cfg), 0);
	assert_int_equal(cfg.nr_vmsi, 13);
	assert_int_equal(cfg.pmsi_of[12], 12);
	assert_int_equal(cfg.pmsi_of[13], 0xff);
	sample_put(p, 0, 2);
	assert_int_equal(vmsi(p, SAMPLE_VMSI_SIZE, &cfg), 0);
	assert_int_equal(cfg.nr_vmsi, 0);

	/* slots in no enabled entry of firmware's are not relied on */
	sample_put(p, 1024, 2);
	sample_put(p + 8, 3, 2);
	sample_put(p + 10, 12, 2);
	assert_int_equal(vmsi(p, SAMPLE_VMSI_SIZE, &cfg), 0);
	assert_int_equal(cfg.pmsi_of[2], 0xff);
	assert_int_equal(cfg.pmsi_of[3], 3);
	assert_int_equal(cfg.pmsi_of[12], 12);
	assert_int_equal(cfg.pmsi_of[13], 0xff);
	p[5] = 1;	/* hardware's */
	assert_int_equal(vmsi(p, SAMPLE_VMSI_SIZE, &cfg), 0);
	assert_int_equal(cfg.pmsi_of[3], 0xff);
	p[5] = 0;
	p[4] = 0;	/* not enabled */
	assert_int_equal(vmsi(p, SAMPLE_VMSI_SIZE, &cfg), 0);
	assert_int_equal(cfg.pmsi_of[3], 0xff);
	p[4] = 1;
	sample_put(p + 8, 9, 2);	/* first behind last */
	sample_put(p + 10, 3, 2);
	assert_int_equal(vmsi(p, SAMPLE_VMSI_SIZE, &cfg), 0);
	assert_int_equal(cfg.pmsi_of[3], 0xff);
	assert_int_equal(cfg.pmsi_of[9], 0xff);
	sample_put(p + 8, 0, 2);
	sample_put(p + 10, 0xffff, 2);

	/* messages that do not exist */
	p[260 + 5] = 32;
	p[260 + 6] = 0xff;
	assert_int_equal(vmsi(p, SAMPLE_VMSI_SIZE, &cfg), 0);
	assert_int_equal(cfg.pmsi_of[5], 0xff);
	assert_int_equal(cfg.pmsi_of[6], 0xff);
	assert_int_equal(cfg.pmsi_of[7], 7);

	/* an area shorter than its counts */
	assert_int_equal(vmsi(p, 260 + 8, &cfg), 0);
	assert_int_equal(cfg.nr_vmsi, 1024);
	assert_int_equal(cfg.pmsi_of[7], 7);
	assert_int_equal(cfg.pmsi_of[8], 0xff);
	assert_int_equal(vmsi(p, 260, &cfg), 0);
	assert_int_equal(cfg.pmsi_of[0], 0xff);
	assert_int_equal(vmsi(p, 259, &cfg), -EINVAL);
	assert_int_equal(vmsi(p, 0, &cfg), -EINVAL);
	memset(p, 0xff, SAMPLE_VMSI_SIZE);
	assert_int_equal(vmsi(p, SAMPLE_VMSI_SIZE, &cfg), -EIO);

	ref.size = 0x1000000;
	assert_int_equal(axl_layout_vmsi_len(&ref), 260 + 1024);
	ref.size = 270;
	assert_int_equal(axl_layout_vmsi_len(&ref), 270);
}

static void contexts(void **state)
{
	struct axl_context ctx;
	u8 *snap = malloc(80);
	unsigned int i;

	(void)state;
	assert_non_null(snap);
	for (i = 0; i < 10; i++)
		sample_put(snap + 8 * i, 0x1111111111111111ull * (i + 1), 8);
	assert_int_equal(axl_layout_parse_context(snap, &ctx), 0);
	assert_int_equal(ctx.aicore_mask, 0x1111111111111111);
	assert_int_equal(ctx.l2_base, 0x2222222222222222);
	assert_int_equal(ctx.l2_size, 0x3333333333333333);
	assert_int_equal(ctx.ddr_base, 0x4444444444444444);
	assert_int_equal(ctx.ddr_size, 0x5555555555555555);
	assert_int_equal(ctx.msi, 0x6666666666666666);
	assert_int_equal(ctx.cmd, 0x7777777777777777);
	assert_true(ctx.sts == (s64)0x8888888888888888ull);
	assert_true(ctx.sts < 0);
	assert_int_equal(ctx.arg, 0x9999999999999999ull);
	assert_int_equal(ctx.elf_base, 0xaaaaaaaaaaaaaaaaull);

	memset(snap, 0xff, 80);
	assert_int_equal(axl_layout_parse_context(snap, &ctx), -EIO);
	/* a failed job in an otherwise wild record is not a dead link */
	snap[0] = 1;
	assert_int_equal(axl_layout_parse_context(snap, &ctx), 0);
	assert_true(ctx.sts == -1);
	free(snap);
}

static int stream_sized(size_t len, unsigned int source, struct axl_stream *s)
{
	struct axl_layout l;
	const char *wrong;
	u8 *snap;
	int ret;

	assert_int_equal(parse(&l), 0);
	snap = malloc(len ? len : 1);
	assert_non_null(snap);
	memcpy(snap, bar2 + SAMPLE_STREAMS, len);
	memset(s, 0xa5, sizeof(*s));
	ret = axl_layout_parse_stream(snap, len, &l, SAMPLE_BAR2, source, s);
	free(snap);
	if (!ret) {
		wrong = stream_oracle(s, len, SAMPLE_BAR2);
		if (wrong)
			fail_msg("%s", wrong);
	}
	return ret;
}

static int stream(unsigned int source, struct axl_stream *s)
{
	return stream_sized(SAMPLE_STREAMS_SIZE, source, s);
}

static void streams(void **state)
{
	u8 *area = bar2 + SAMPLE_STREAMS, *r = area + 264;
	struct axl_ref ref = { .valid = true };
	struct axl_stream s;

	(void)state;
	sample_fill(bar2);
	assert_int_equal(stream(0, &s), 0);
	assert_int_equal(s.record, 264);
	assert_int_equal(s.read_pos, 16);
	assert_int_equal(s.write_pos, 80);
	assert_int_equal(s.capacity, 0xf00);
	assert_int_equal(s.ring_offset, SAMPLE_RING);
	assert_int_equal(s.ring_size, SAMPLE_RING_SIZE);
	assert_int_equal(s.type, 0);
	assert_int_equal(s.vmsi, 40);
	assert_true(s.enabled);
	assert_string_equal(s.name, "control-core_log");
	assert_int_equal(stream(83, &s), 0);
	assert_int_equal(s.record, 264 + 80);
	assert_int_equal(s.type, 1);
	assert_string_equal(s.name, "monitor");

	assert_int_equal(stream(1, &s), -ENOENT);
	assert_int_equal(stream(255, &s), -ENOENT);
	assert_int_equal(stream(256, &s), -ENOENT);
	assert_int_equal(stream(~0u, &s), -ENOENT);

	/* index against count, count against size */
	area[4 + 2] = 2;
	assert_int_equal(stream(2, &s), -EINVAL);
	sample_put(area, 0xfffffffe, 4);
	assert_int_equal(stream(2, &s), -ERANGE);
	area[4 + 2] = 254;
	assert_int_equal(stream(2, &s), -ERANGE);
	assert_int_equal(stream_sized(264 + 80, 0, &s), 0);
	assert_int_equal(stream_sized(264 + 79, 0, &s), -ERANGE);
	assert_int_equal(stream_sized(264, 0, &s), -ERANGE);
	assert_int_equal(stream_sized(263, 0, &s), -EINVAL);

#define SPOIL(at, value, bytes) \
	(sample_fill(bar2), sample_put(r + (at), value, bytes), stream(0, &s))

	assert_int_equal(SPOIL(0, 0xf00, 4), -EINVAL);		/* read_pos */
	assert_int_equal(SPOIL(0, 0xeff, 4), 0);
	assert_int_equal(SPOIL(8, 0xf00, 4), -EINVAL);		/* write_pos */
	assert_int_equal(SPOIL(8, 16, 4), 0);
	assert_int_equal(SPOIL(4, 0, 4), -EINVAL);		/* capacity */
	assert_int_equal(SPOIL(4, 0x1000, 4), 0);
	assert_int_equal(SPOIL(4, 0x1001, 4), -EINVAL);
	assert_int_equal(SPOIL(24, 0, 8), -EINVAL);		/* ring */
	assert_int_equal(SPOIL(24, SAMPLE_BAR2, 8), -ERANGE);
	assert_int_equal(SPOIL(24, ~0ull, 8), -ERANGE);
	assert_int_equal(SPOIL(24, 0x100001000, 8), -ERANGE);
	assert_int_equal(SPOIL(16, SAMPLE_L2 - 1, 8), -ERANGE);
	assert_int_equal(SPOIL(16, SAMPLE_L2 + SAMPLE_BAR2 - 0x1000, 8), 0);
	assert_int_equal(SPOIL(16, SAMPLE_L2 + SAMPLE_BAR2 - 0xfff, 8), -ERANGE);
	assert_int_equal(SPOIL(16, SAMPLE_RING, 8), -ERANGE);
	assert_int_equal(SPOIL(32, 2, 4), -EINVAL);		/* type */
	assert_int_equal(SPOIL(12, 0x7fffffff, 4), 0);		/* reg */
	assert_false(s.enabled);
	assert_int_equal(s.vmsi, 1023);

	/* names: without an end, and with what a terminal would obey */
	sample_fill(bar2);
	memset(r + 44, 'x', 36);	/* up to the end of the record */
	assert_int_equal(stream(0, &s), 0);
	assert_int_equal(strlen(s.name), 32);
	memcpy(r + 44, "\033[2J\n\t \177\200", 10);
	assert_int_equal(stream(0, &s), 0);
	assert_string_equal(s.name, "_[2J_____");

	memset(r, 0xff, 80);
	assert_int_equal(stream(0, &s), -EIO);
	memset(area, 0xff, SAMPLE_STREAMS_SIZE);
	assert_int_equal(stream(0, &s), -EIO);

	ref.size = SAMPLE_BAR2;
	assert_int_equal(axl_layout_streams_len(&ref), 264 + 255 * 80);
	ref.size = 300;
	assert_int_equal(axl_layout_streams_len(&ref), 300);
}

/* Spoil a few bytes of a sane area: the oracle holds, whatever they are. */
static void random_damage(void **state)
{
	unsigned int round, i, fine = 0, complaints = 0;
	struct axl_vmsi_cfg cfg;
	struct axl_stream s;
	struct axl_layout l;
	u32 offset, size;
	const char *wrong;

	(void)state;
	for (round = 0; round < 50000; round++) {
		sample_fill(bar2);
		for (i = rnd_below(4); i; i--) {
			bar2[rnd_below(0x800)] = rnd();
			bar2[0x200 + rnd_below(0x100)] = rnd();
			bar2[SAMPLE_DMA_DESC + rnd_below(16)] = rnd();
			bar2[SAMPLE_VMSI + rnd_below(264)] = rnd();
			bar2[SAMPLE_STREAMS + rnd_below(SAMPLE_STREAMS_SIZE)] = rnd();
		}
		if (parse(&l))
			continue;
		if (l.complaint)
			complaints++;
		else
			fine++;
		if (!axl_layout_parse_dma_desc(bar2 + SAMPLE_DMA_DESC, 16, &l,
					       SAMPLE_BAR2, &offset, &size)) {
			wrong = dma_desc_oracle(&l, SAMPLE_BAR2, offset, size);
			if (wrong)
				fail_msg("round %u: %s", round, wrong);
		}
		vmsi(bar2 + SAMPLE_VMSI, SAMPLE_VMSI_SIZE, &cfg);
		stream(rnd_below(2) ? 0 : 83, &s);
	}
	assert_true(fine > 1000);
	assert_true(complaints > 1000);
}

int main(void)
{
	static struct CMUnitTest tests[] = {
		cmocka_unit_test(list_buffer),
		cmocka_unit_test(vmsi_config),
		cmocka_unit_test(contexts),
		cmocka_unit_test(streams),
		cmocka_unit_test(random_damage),
	};

	rnd_init();
	return cmocka_run_group_tests_name("areas", tests, NULL, NULL);
}
