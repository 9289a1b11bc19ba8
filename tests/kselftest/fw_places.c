// SPDX-License-Identifier: GPL-2.0
/*
 * Where a firmware image must not go: each area that running firmware has
 * published, and the engine's list buffer, is refused from its first byte to its
 * last, and the bytes next to it are not. The header of the shared area is given
 * its smallest size for this, since the size that the emulated firmware reserves
 * covers all the areas.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "librestart.h"

/* The shared area (docs/hardware-notes.md); offsets from the start of L2 */
#define HEADER_MAGIC	0x000
#define HEADER_SIZE	0x010
#define SMALLEST	0x800ULL
#define REF_BYTES	24

struct ref {
	uint16_t magic;
	uint8_t major, minor;
	uint32_t size;
	uint64_t offset;
	uint16_t memory, reserved[3];
};

static const struct {
	const char *name;
	unsigned int at;
	bool new_fw;		/* old firmware has no such area */
} areas[] = {
	{ "data streams", 0x240, false },
	{ "board info", 0x258, false },
	{ "contexts", 0x288, false },
	{ "host-driver area", 0x2b8, false },
	{ "DMA descriptor area", 0x2d0, true },
	{ "virtual-MSI configuration", 0x2e8, true },
};

FIXTURE(places)
{
	struct at_ctx t;
	uint64_t l2, size;	/* of the header, as firmware says */
	bool has_header;
};

FIXTURE_SETUP(places)
{
	uint64_t size = SMALLEST;
	uint16_t magic;
	int err;

	AT_BEGIN(&self->t, AT_NEEDS_RUNNING);
	self->l2 = self->t.q.l2_base;
	ASSERT_EQ(0, at_dev_read(self->l2 + HEADER_MAGIC, &magic, 2));
	self->has_header = magic == 0xfd1f;
	if (!self->has_header)
		return;
	ASSERT_EQ(0, at_dev_read(self->l2 + HEADER_SIZE, &self->size, 8));
	ASSERT_EQ(0, at_dev_write(self->l2 + HEADER_SIZE, &size, 8));
	err = at_bind_again(&self->t);
	/* no tear-down follows a set-up that fails */
	if (err || self->t.q.fw_state != AXL_FW_RUNNING) {
		at_dev_write(self->l2 + HEADER_SIZE, &self->size, 8);
		at_bind_again(&self->t);
	}
	ASSERT_EQ(0, err);
	ASSERT_EQ(AXL_FW_RUNNING, self->t.q.fw_state);
}

FIXTURE_TEARDOWN(places)
{
	if (self->has_header) {
		ASSERT_EQ(0, at_dev_write(self->l2 + HEADER_SIZE, &self->size,
					  8));
		ASSERT_EQ(0, at_bind_again(&self->t));
	}
	AT_END(&self->t);
}

/*
 * What becomes of an image with a segment of @length bytes there. The segment
 * comes twice: where it may be, the two overlap, so nothing is ever written.
 */
static int load_at(FIXTURE_DATA(places) *self, uint64_t addr, size_t length)
{
	static const uint8_t data[64];
	const struct at_segment segs[] = {
		{ self->l2 + AT_L2_IMAGE, data, sizeof(data), sizeof(data) },
		{ addr, data, 1, length },
		{ addr, data, 1, length },
	};
	struct axl_ioc_fw_load load = { .flags = AXL_FW_LOAD_NO_START };
	struct at_image image;
	int err;

	err = at_elf_build(&image, 64, segs[0].paddr, segs, 3);
	if (err)
		return err;
	err = at_fw_load(self->t.fd, &image, &load);
	at_image_free(&image);
	return err;
}

static void refused(struct __test_metadata *_metadata,
		    FIXTURE_DATA(places) *self, uint64_t addr, uint64_t size,
		    const char *name)
{
	EXPECT_EQ(-ERANGE, load_at(self, addr, 1))
		TH_LOG("%s: first byte", name);
	EXPECT_EQ(-ERANGE, load_at(self, addr + size - 1, 1))
		TH_LOG("%s: last byte", name);
	EXPECT_EQ(-ERANGE, load_at(self, addr - 1, size + 2))
		TH_LOG("%s: all of it and more", name);
	EXPECT_EQ(-EINVAL, load_at(self, addr - 1, 1))
		TH_LOG("%s: the byte before", name);
	EXPECT_EQ(-EINVAL, load_at(self, addr + size, 1))
		TH_LOG("%s: the byte behind", name);
}

TEST_F(places, published_areas)
{
	bool old = at_lab_get(METIS_LAB_VARIANT) & METIS_LAB_VARIANT_OLD_FW;
	struct ref ref;
	size_t i;

	for (i = 0; i < at_array_size(areas); i++) {
		if (old && areas[i].new_fw)
			continue;
		ASSERT_EQ(0, at_dev_read(self->l2 + areas[i].at, &ref,
					 REF_BYTES));
		ASSERT_NE(0, ref.size)
			TH_LOG("%s: not published", areas[i].name);
		refused(_metadata, self, self->l2 + ref.offset, ref.size,
			areas[i].name);
	}
}

TEST_F(places, shared_area)
{
	EXPECT_EQ(-ERANGE, load_at(self, self->l2, 1));
	EXPECT_EQ(-ERANGE, load_at(self, self->l2 + SMALLEST - 1, 1));
	EXPECT_EQ(-EINVAL, load_at(self, self->l2 + SMALLEST, 1));
	/* Below L2 there is nothing */
	EXPECT_EQ(-ERANGE, load_at(self, self->l2 - 1, 1));
}

TEST_F(places, list_buffer)
{
	uint64_t addr, size;

	ASSERT_EQ(0, at_list_buffer(&self->t, &addr, &size));
	EXPECT_EQ(-ERANGE, load_at(self, addr, 1));
	EXPECT_EQ(-ERANGE, load_at(self, addr + size / 2, 1));
	EXPECT_EQ(-EINVAL, load_at(self, addr - 1, 1));
}

TEST_HARNESS_MAIN
