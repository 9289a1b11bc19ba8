// SPDX-License-Identifier: GPL-2.0
/*
 * Test data. Word i of a pattern depends on i and the seed only, so that the
 * expected bytes can be made again in small pieces and need no second buffer.
 */
#include <string.h>

#include "base.h"
#include "pattern.h"

int pattern_by_name(const char *name)
{
	static const char *const names[] = { "random", "count", "zero", "ones", "walk" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i]))
			return (int)i;
	return -1;
}

/* splitmix64 of a counter (Steele, Lea, Flood 2014) */
static u64 mix(u64 x)
{
	x *= 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static u64 word(enum pattern p, u64 seed, u64 i)
{
	switch (p) {
	case PATTERN_RANDOM:
		return mix(seed + i);
	case PATTERN_COUNT:
		return (seed << 32) + i;
	case PATTERN_ZERO:
		return 0;
	case PATTERN_ONES:
		return ~0ULL;
	case PATTERN_WALK:
		return 1ULL << ((seed + i) % 64);
	}
	return 0;
}

static void fill_at(enum pattern p, u64 seed, u64 salt, u64 first, u8 *buf, size_t len)
{
	u64 w;

	for (; len >= 8; len -= 8, buf += 8) {
		w = word(p, seed, first++) ^ salt;
		memcpy(buf, &w, 8);
	}
	w = word(p, seed, first) ^ salt;
	memcpy(buf, &w, len);
}

/* Every byte is xor-ed with salt: data that differs from the pattern everywhere */
void pattern_fill(enum pattern p, u64 seed, u8 salt, u8 *buf, size_t len)
{
	fill_at(p, seed, salt * 0x0101010101010101ULL, 0, buf, len);
}

bool pattern_verify(enum pattern p, u64 seed, u8 salt, const u8 *buf, size_t len, struct mismatch *m)
{
	u8 expected[4096];

	m->wrong = 0;
	for (size_t at = 0; at < len; at += sizeof(expected)) {
		size_t n = len - at < sizeof(expected) ? len - at : sizeof(expected);

		fill_at(p, seed, salt * 0x0101010101010101ULL, at / 8, expected, n);
		if (!memcmp(expected, buf + at, n))
			continue;
		for (size_t i = 0; i < n; i++) {
			if (expected[i] == buf[at + i])
				continue;
			if (!m->wrong++) {
				m->offset = at + i;
				m->expected = expected[i];
				m->got = buf[at + i];
			}
		}
	}
	return !m->wrong;
}
