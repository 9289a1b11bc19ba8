// SPDX-License-Identifier: GPL-2.0
/*
 * The ELF corpus: see corpus.h.
 *
 * Each image is the good base image with one thing changed, so that a loader
 * which refuses it refuses it for that. The file is encoded here by hand, field
 * by field, not with the structures that the loader uses.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "corpus.h"

enum {				/* p_type */
	PT_NULL_ = 0,
	PT_LOAD_ = 1,
	PT_NOTE_ = 4,
	PT_RISCV_ATTRIBUTES_ = 0x70000003,
};

enum { X = 1, W = 2, R = 4 };	/* p_flags */

#define MAX_PH		80
#define FILE_MAX	(1 << 18)

struct ph {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz;
};

struct image {
	const struct corpus_params *dev;
	bool is64;
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff;
	uint16_t ehsize, phentsize, phnum;
	struct ph ph[MAX_PH];
	unsigned int nr_ph;
	size_t content;		/* file offset of what segments hold */
	size_t size;		/* of the file, once encoded */
};

struct sample {
	const char *name;
	int error;
	const char *what;
	bool is32;
	void (*change)(struct image *img);
	/* changes the encoded file; returns its new size */
	size_t (*cut)(const struct image *img, uint8_t *file);
};

/* wfi; j back: harmless on a core that really runs it */
static const uint8_t idle_loop[] = {
	0x73, 0x00, 0x50, 0x10, 0x6f, 0xf0, 0xdf, 0xff,
};

const struct corpus_params corpus_defaults = {
	.l2_base = 0x08000000,
	.l2_size = 0x02000000,
	.shared_size = 0x800,
	.list_base = 0x09ff8080,
	.list_size = 32640,
	.ddr_base = 0x80000000,
	.ddr_size = 0x40000000,
	.max_total = 0x10000000,
	.load_addr = 0x08100000,
	.payload = idle_loop,
	.payload_size = sizeof(idle_loop),
};

static uint8_t *put(uint8_t *p, uint64_t value, unsigned int bytes)
{
	while (bytes--) {
		*p++ = value;
		value >>= 8;
	}
	return p;
}

static void encode(struct image *img, uint8_t *file)
{
	unsigned int word = img->is64 ? 8 : 4;
	unsigned int i;
	uint8_t *p = file;

	memcpy(p, img->ident, sizeof(img->ident));
	p = put(p + sizeof(img->ident), img->type, 2);
	p = put(p, img->machine, 2);
	p = put(p, img->version, 4);
	p = put(p, img->entry, word);
	p = put(p, img->phoff, word);
	p = put(p, 0, word);			/* e_shoff */
	p = put(p, 0, 4);			/* e_flags */
	p = put(p, img->ehsize, 2);
	p = put(p, img->phentsize, 2);
	p = put(p, img->phnum, 2);
	put(p, 0, 6);				/* no sections */

	p = file + (img->is64 ? 64 : 52);
	for (i = 0; i < img->nr_ph; i++) {
		const struct ph *ph = &img->ph[i];

		p = put(p, ph->type, 4);
		if (img->is64)
			p = put(p, ph->flags, 4);
		p = put(p, ph->offset, word);
		p = put(p, ph->vaddr, word);
		p = put(p, ph->paddr, word);
		p = put(p, ph->filesz, word);
		p = put(p, ph->memsz, word);
		if (!img->is64)
			p = put(p, ph->flags, 4);
		p = put(p, 1, word);		/* p_align: none */
	}
}

static struct ph *add(struct image *img, uint32_t type, uint32_t flags,
		      uint64_t addr, uint64_t filesz, uint64_t memsz)
{
	struct ph *ph = &img->ph[img->nr_ph++];

	*ph = (struct ph){
		.type = type,
		.flags = flags,
		.offset = img->content,
		.vaddr = addr,
		.paddr = addr,
		.filesz = filesz,
		.memsz = memsz,
	};
	img->phnum = img->nr_ph;
	return ph;
}

/* Two segments: the payload, executable, and 100 bytes of data with 4 KiB bss */
static void base_image(struct image *img, const struct corpus_params *dev,
		       bool is64)
{
	memset(img, 0, sizeof(*img));
	img->dev = dev;
	img->is64 = is64;
	memcpy(img->ident, "\177ELF", 4);
	img->ident[4] = is64 ? 2 : 1;
	img->ident[5] = 1;
	img->ident[6] = 1;
	img->type = 2;
	img->machine = 243;
	img->version = 1;
	img->entry = dev->load_addr;
	img->ehsize = is64 ? 64 : 52;
	img->phoff = img->ehsize;
	img->phentsize = is64 ? 56 : 32;
	img->content = 0x1400;		/* behind MAX_PH program headers */
	img->size = img->content + dev->payload_size + 256;
	add(img, PT_LOAD_, R | X, dev->load_addr, dev->payload_size,
	    dev->payload_size);
	add(img, PT_LOAD_, R | W, dev->load_addr + 0x20000, 100, 4096);
}

static struct ph *code(struct image *img)
{
	return &img->ph[0];
}

static struct ph *data(struct image *img)
{
	return &img->ph[1];
}

static void move(struct ph *ph, uint64_t addr)
{
	ph->vaddr = addr;
	ph->paddr = addr;
}

/* A change that takes one statement. */
#define CHANGE(name, statement)			\
	static void name(struct image *img)	\
	{					\
		statement;			\
	}

/* --- good ones --------------------------------------------------------- */

static void same(struct image *img)
{
	(void)img;
}

static void one_segment(struct image *img)
{
	img->nr_ph = 1;
	img->phnum = 1;
}

static void bss_only_segment(struct image *img)
{
	add(img, PT_LOAD_, R | W, img->dev->load_addr + 0x40000, 0, 65536);
}

static void bss_offset_unused(struct image *img)
{
	/* linkers give a segment without file bytes any offset inside */
	add(img, PT_LOAD_, R | W, img->dev->load_addr + 0x40000, 0, 16)->offset =
		img->size;
}

static void first_free_byte(struct image *img)
{
	move(data(img), img->dev->l2_base + img->dev->shared_size);
}

static void up_to_lists(struct image *img)
{
	move(data(img), img->dev->list_base - data(img)->memsz);
}

static void odd_everything(struct image *img)
{
	data(img)->offset += 1;
	data(img)->filesz = 99;
	data(img)->memsz = 103;
	move(data(img), img->dev->load_addr + 0x30001);
}

static void adjacent_segments(struct image *img)
{
	move(data(img), img->dev->load_addr + code(img)->memsz);
}

static void most_segments(struct image *img)
{
	while (img->nr_ph < 64)
		add(img, PT_LOAD_, R, img->dev->load_addr + 0x40000 +
		    16 * img->nr_ph, 7, 16);
}

static void ignored_headers(struct image *img)
{
	struct ph *ph;

	/* neither is loaded, hence neither is checked */
	ph = add(img, PT_NOTE_, R, ~0ull - 3, 16, 16);
	ph->offset = ~0ull;
	ph = add(img, PT_RISCV_ATTRIBUTES_, R, 0, 64, 0);
	ph->filesz = ~0ull;
	add(img, PT_NULL_, ~0u, ~0ull, ~0ull, ~0ull);
	add(img, PT_LOAD_, R | X, 0, 0, 0)->offset = ~0ull;
}

static void entry_inside(struct image *img)
{
	/* the payload stays at the entry, with 32 bytes before it */
	move(code(img), img->dev->load_addr - 32);
	code(img)->offset -= 32;
	code(img)->filesz += 32;
	code(img)->memsz += 32;
}

static void code_with_bss(struct image *img)
{
	code(img)->flags = R | W | X;
	code(img)->memsz += 4096;
}

static void linked_elsewhere(struct image *img)
{
	/* what counts is where the bytes are put */
	data(img)->vaddr = 0xc0000000;
}

static void data_in_ddr(struct image *img)
{
	move(data(img), img->dev->ddr_base + 0x100000);
}

/* --- the file header --------------------------------------------------- */

CHANGE(bad_magic, img->ident[0] = 0x7e)
CHANGE(class_none, img->ident[4] = 0)
CHANGE(class_unknown, img->ident[4] = 3)
CHANGE(data_none, img->ident[5] = 0)
CHANGE(big_endian, img->ident[5] = 2)
CHANGE(ident_version, img->ident[6] = 0)
CHANGE(version_zero, img->version = 0)
CHANGE(version_two, img->version = 2)
CHANGE(machine_none, img->machine = 0)
CHANGE(machine_arm64, img->machine = 183)
CHANGE(machine_x86, img->machine = 62)
CHANGE(type_none, img->type = 0)
CHANGE(type_rel, img->type = 1)
CHANGE(type_dyn, img->type = 3)
CHANGE(type_core, img->type = 4)
CHANGE(ehsize_small, img->ehsize--)
CHANGE(ehsize_zero, img->ehsize = 0)

static void swapped(struct image *img)
{
	img->machine = 243 << 8;
	img->type = 2 << 8;
	img->ident[5] = 2;
}

static void other_class(struct image *img)
{
	/* a 64-bit file that says 32: its fields are somewhere else */
	img->ident[4] = 1;
}

static size_t cut_one_byte(const struct image *img, uint8_t *file)
{
	(void)img;
	(void)file;
	return 1;
}

static size_t cut_ident(const struct image *img, uint8_t *file)
{
	(void)img;
	(void)file;
	return 15;
}

static size_t cut_after_ident(const struct image *img, uint8_t *file)
{
	(void)img;
	(void)file;
	return 16;
}

static size_t cut_header(const struct image *img, uint8_t *file)
{
	(void)file;
	return img->ehsize - 1;
}

static size_t cut_after_header(const struct image *img, uint8_t *file)
{
	(void)file;
	return img->ehsize;
}

static size_t cut_table(const struct image *img, uint8_t *file)
{
	(void)file;
	return img->phoff + (size_t)img->phnum * img->phentsize - 1;
}

static size_t cut_content(const struct image *img, uint8_t *file)
{
	(void)file;
	return img->ph[0].offset + img->ph[0].filesz - 1;
}

static size_t script(const struct image *img, uint8_t *file)
{
	static const char text[] = "#!/bin/sh\nexit 0\n";

	memcpy(file, text, sizeof(text));
	return img->size;
}

static size_t zeroes(const struct image *img, uint8_t *file)
{
	memset(file, 0, img->size);
	return img->size;
}

/* --- the program header table ------------------------------------------ */

CHANGE(phnum_zero, img->phnum = 0)
CHANGE(phnum_xnum, img->phnum = 0xffff)
CHANGE(phnum_beyond, img->phnum = 0xfffe)
CHANGE(phentsize_zero, img->phentsize = 0)
CHANGE(phentsize_small, img->phentsize--)
CHANGE(phentsize_large, img->phentsize += 8)
CHANGE(phentsize_other, img->phentsize ^= 56 ^ 32)
CHANGE(phoff_end, img->phoff = img->size)
CHANGE(phoff_wraps, img->phoff = -111ull)
CHANGE(phoff_max, img->phoff = ~0ull)
CHANGE(phoff_zero, img->phoff = 0)

static void no_load(struct image *img)
{
	code(img)->type = PT_NOTE_;
	data(img)->type = PT_NULL_;
}

static void only_empty(struct image *img)
{
	code(img)->filesz = 0;
	code(img)->memsz = 0;
	one_segment(img);
}

static void too_many(struct image *img)
{
	most_segments(img);
	add(img, PT_LOAD_, R, img->dev->load_addr + 0x80000, 1, 1);
}

/* --- a segment's place in the file ------------------------------------- */

CHANGE(offset_beyond, data(img)->offset = img->size)
CHANGE(offset_max, data(img)->offset = ~0ull)

static void offset_wraps(struct image *img)
{
	/* offset + filesz wraps to a place inside the file */
	data(img)->offset = 0 - (uint64_t)64;
}

static void filesz_beyond(struct image *img)
{
	data(img)->filesz = img->size - data(img)->offset + 1;
	data(img)->memsz = data(img)->filesz;
}

static void filesz_max(struct image *img)
{
	data(img)->filesz = ~0ull;
	data(img)->memsz = ~0ull;
}

static void filesz_over_memsz(struct image *img)
{
	data(img)->memsz = data(img)->filesz - 1;
}

CHANGE(memsz_zero, data(img)->memsz = 0)

/* --- a segment's place on the device ----------------------------------- */

CHANGE(at_zero, move(data(img), 0))
CHANGE(at_end, move(data(img), -4096ull))
CHANGE(wraps, move(data(img), -4095ull))
CHANGE(memsz_max, data(img)->memsz = ~0ull)
CHANGE(memsz_wraps_32, data(img)->memsz = 0xf8000000)

static void memsz_wraps(struct image *img)
{
	/* address + memsz is an address in L2, below the segment's own */
	data(img)->memsz = img->dev->load_addr - data(img)->paddr;
}

static void far_away(struct image *img)
{
	move(data(img), 1ull << 48);
}

static void below_l2(struct image *img)
{
	move(data(img), img->dev->l2_base - 4096);
}

static void into_l2(struct image *img)
{
	move(data(img), img->dev->l2_base - 1);
}

static void behind_l2(struct image *img)
{
	move(data(img), img->dev->l2_base + img->dev->l2_size);
}

static void out_of_l2(struct image *img)
{
	move(data(img), img->dev->l2_base + img->dev->l2_size - 4095);
}

static void larger_than_l2(struct image *img)
{
	data(img)->memsz = img->dev->l2_size;
}

static void shared_area(struct image *img)
{
	move(data(img), img->dev->l2_base);
}

static void shared_last_byte(struct image *img)
{
	move(data(img), img->dev->l2_base + img->dev->shared_size - 1);
}

static void lists(struct image *img)
{
	data(img)->memsz = 100;
	move(data(img), img->dev->list_base + 24);
}

static void lists_first_byte(struct image *img)
{
	move(data(img), img->dev->list_base - 4095);
}

static void around_lists(struct image *img)
{
	move(data(img), img->dev->load_addr + 0x80000);
	data(img)->memsz = img->dev->l2_base + img->dev->l2_size - data(img)->paddr;
}

static void only_linked_in_l2(struct image *img)
{
	data(img)->paddr = 0x40000;
}

static void behind_ddr(struct image *img)
{
	move(data(img), img->dev->ddr_base + img->dev->ddr_size - 4095);
}

static void total(struct image *img)
{
	move(data(img), img->dev->ddr_base);
	data(img)->memsz = img->dev->max_total;
}

static void overlap_same(struct image *img)
{
	move(data(img), code(img)->paddr);
}

static void overlap_last_byte(struct image *img)
{
	move(data(img), code(img)->paddr + code(img)->memsz - 1);
}

static void overlap_first_byte(struct image *img)
{
	move(data(img), code(img)->paddr - 4095);
}

static void overlap_inside(struct image *img)
{
	code(img)->memsz = 0x30000;
}

static void overlap_zeroes(struct image *img)
{
	add(img, PT_LOAD_, R, data(img)->paddr + 4095, 0, 4);
}

/* --- the entry point --------------------------------------------------- */

CHANGE(entry_zero, img->entry = 0)
CHANGE(entry_max, img->entry = -2ull)
CHANGE(entry_before, img->entry -= 2)
CHANGE(entry_data, img->entry = data(img)->paddr)
CHANGE(not_executable, code(img)->flags = R | W)

static void entry_odd(struct image *img)
{
	img->entry++;
}

static void entry_behind(struct image *img)
{
	/* on an even address, whatever the payload's size */
	code(img)->filesz &= ~1ull;
	code(img)->memsz = code(img)->filesz;
	img->entry += code(img)->filesz;
}

static void entry_bss(struct image *img)
{
	code(img)->memsz += 4096;
	img->entry += code(img)->filesz + 16;
	img->entry &= ~1ull;
}

static void entry_virtual(struct image *img)
{
	/* inside by virtual address, but nothing translates on the device */
	code(img)->vaddr = 0xc0000000;
	img->entry = 0xc0000000;
}

#define GOOD(fn, what_)		{ "good_" #fn, 0, what_, .change = fn }
#define GOOD32(fn, what_)	{ "good_" #fn "_32", 0, what_, .is32 = true, .change = fn }
#define BAD(err, fn, what_)	{ "bad_" #fn, err, what_, .change = fn }
#define BAD32(err, fn, what_)	{ "bad_" #fn "_32", err, what_, .is32 = true, .change = fn }
#define CUT(err, fn, what_)	{ "bad_" #fn, err, what_, .change = same, .cut = fn }
#define CUT32(err, fn, what_)	{ "bad_" #fn "_32", err, what_, .is32 = true, \
				  .change = same, .cut = fn }

static const struct sample samples[] = {
	{ "good_plain", 0, "two segments in L2", .change = same },
	{ "good_plain_32", 0, "two segments in L2, 32-bit class", .is32 = true,
	  .change = same },
	GOOD(one_segment, "nothing but code"),
	GOOD(bss_only_segment, "a segment without bytes in the file"),
	GOOD(bss_offset_unused, "such a segment, its offset at the end of the file"),
	GOOD(first_free_byte, "a segment right behind the shared area"),
	GOOD(up_to_lists, "a segment right before the engine's lists"),
	GOOD(odd_everything, "odd offset, address and lengths"),
	GOOD(adjacent_segments, "one segment begins where another ends"),
	GOOD(most_segments, "64 segments"),
	GOOD32(most_segments, "64 segments, 32-bit class"),
	GOOD(ignored_headers, "wild values in headers that are not loaded"),
	GOOD32(ignored_headers, "the same, 32-bit class"),
	GOOD(entry_inside, "entry point not at the start of its segment"),
	GOOD(code_with_bss, "code and zeroes in one segment"),
	GOOD(linked_elsewhere, "virtual and physical address differ"),

	CUT(ENOEXEC, cut_one_byte, "a file of one byte"),
	CUT(ENOEXEC, cut_ident, "file ends inside e_ident"),
	CUT(ENOEXEC, script, "a shell script"),
	CUT(ENOEXEC, zeroes, "nothing but zeroes"),
	BAD(ENOEXEC, bad_magic, "wrong magic"),
	BAD(ENOEXEC, class_none, "class 0"),
	BAD(ENOEXEC, class_unknown, "class 3"),
	BAD(ENOEXEC, data_none, "byte order 0"),
	BAD(ENOEXEC, big_endian, "says big-endian"),
	BAD(ENOEXEC, swapped, "is big-endian"),
	BAD(ENOEXEC, ident_version, "version 0 in e_ident"),
	BAD(ENOEXEC, version_zero, "e_version 0"),
	BAD(ENOEXEC, version_two, "e_version 2"),
	BAD(ENOEXEC, machine_none, "for no machine"),
	BAD(ENOEXEC, machine_arm64, "for arm64"),
	BAD32(ENOEXEC, machine_x86, "for x86"),
	BAD(ENOEXEC, type_none, "of no type"),
	BAD(ENOEXEC, type_rel, "an object file"),
	BAD(ENOEXEC, type_dyn, "position-independent: needs relocation"),
	BAD(ENOEXEC, type_core, "a core dump"),
	CUT(EINVAL, cut_after_ident, "file ends behind e_ident"),
	CUT(EINVAL, cut_header, "file ends inside the header"),
	CUT32(EINVAL, cut_header, "file ends inside the header, 32-bit class"),
	BAD(EINVAL, ehsize_small, "e_ehsize too small by one"),
	BAD(EINVAL, ehsize_zero, "e_ehsize 0"),
	BAD(EINVAL, other_class, "64-bit layout in a file that says 32"),

	BAD(EINVAL, phnum_zero, "no program headers"),
	BAD(E2BIG, phnum_xnum, "number of program headers in a section (PN_XNUM)"),
	BAD(EINVAL, phnum_beyond, "65534 program headers in a small file"),
	BAD(EINVAL, phentsize_zero, "e_phentsize 0"),
	BAD(EINVAL, phentsize_small, "e_phentsize too small by one"),
	BAD(EINVAL, phentsize_large, "e_phentsize too large"),
	BAD(EINVAL, phentsize_other, "e_phentsize of the other class"),
	BAD32(EINVAL, phentsize_other, "e_phentsize of the other class"),
	BAD(EINVAL, phoff_end, "program headers behind the end of the file"),
	BAD(EINVAL, phoff_wraps, "e_phoff + size wraps to 1"),
	BAD(EINVAL, phoff_max, "e_phoff is the largest number"),
	BAD32(EINVAL, phoff_max, "e_phoff is the largest number, 32-bit class"),
	BAD(EINVAL, phoff_zero, "program headers on top of the file header"),
	CUT(EINVAL, cut_after_header, "file ends before the program headers"),
	CUT(EINVAL, cut_table, "file ends one byte before the last program header"),
	CUT32(EINVAL, cut_table, "the same, 32-bit class"),
	BAD(EINVAL, no_load, "no segment to load"),
	BAD(EINVAL, only_empty, "the only segment is empty"),
	BAD(E2BIG, too_many, "65 segments"),

	CUT(EINVAL, cut_content, "file ends one byte before a segment does"),
	BAD(EINVAL, offset_beyond, "segment begins behind the end of the file"),
	BAD(EINVAL, offset_max, "p_offset is the largest number"),
	BAD(EINVAL, offset_wraps, "p_offset + p_filesz wraps into the file"),
	BAD32(EINVAL, offset_wraps, "the same in 32 bits"),
	BAD(EINVAL, filesz_beyond, "segment ends one byte behind the file"),
	BAD(EINVAL, filesz_max, "p_filesz is the largest number"),
	BAD(EINVAL, filesz_over_memsz, "more bytes in the file than in memory"),
	BAD(EINVAL, memsz_zero, "bytes in the file, none in memory"),

	BAD(EINVAL, wraps, "address + size wraps to 1"),
	BAD32(EINVAL, wraps, "the same in 32 bits"),
	BAD(EINVAL, memsz_max, "p_memsz is the largest number"),
	BAD(EINVAL, memsz_wraps, "address + size wraps into L2"),
	BAD32(EINVAL, memsz_wraps_32, "address + size wraps to a place below L2"),
	BAD(ERANGE, at_zero, "segment at address 0"),
	BAD(ERANGE, at_end, "segment that ends with the last address"),
	BAD(ERANGE, far_away, "segment at 2^48"),
	BAD(ERANGE, below_l2, "segment right before L2"),
	BAD(ERANGE, into_l2, "segment reaches into L2"),
	BAD(ERANGE, behind_l2, "segment right behind L2"),
	BAD(ERANGE, out_of_l2, "segment ends one byte behind L2"),
	BAD(ERANGE, larger_than_l2, "segment as large as L2, not at its start"),
	BAD(ERANGE, shared_area, "segment on the shared area"),
	BAD(ERANGE, shared_last_byte, "segment on the shared area's last byte"),
	BAD(ERANGE, lists, "segment inside the engine's lists"),
	BAD(ERANGE, lists_first_byte, "segment on the lists' first byte"),
	BAD(ERANGE, around_lists, "segment over all of the lists"),
	BAD(ERANGE, only_linked_in_l2, "virtual address in L2, physical elsewhere"),
	BAD(EINVAL, overlap_same, "two segments at one address"),
	BAD(EINVAL, overlap_last_byte, "segment begins on the last byte of another"),
	BAD(EINVAL, overlap_first_byte, "segment ends on the first byte of another"),
	BAD(EINVAL, overlap_inside, "segment inside another"),
	BAD(EINVAL, overlap_zeroes, "zeroes of two segments overlap"),

	BAD(EINVAL, entry_zero, "entry point 0"),
	BAD(EINVAL, entry_max, "entry point at the end of addresses"),
	BAD(EINVAL, entry_before, "entry point before its segment"),
	BAD(EINVAL, entry_behind, "entry point behind its segment"),
	BAD(EINVAL, entry_odd, "odd entry point"),
	BAD(EINVAL, entry_data, "entry point in data"),
	BAD(EINVAL, entry_bss, "entry point in zeroes"),
	BAD(EINVAL, entry_virtual, "entry point right only by virtual address"),
	BAD(EINVAL, not_executable, "no segment is executable"),
};

static const struct sample ddr_samples[] = {
	GOOD(data_in_ddr, "a segment in DDR"),
	BAD(ERANGE, behind_ddr, "segment ends one byte behind DDR"),
};

static const struct sample total_samples[] = {
	BAD(E2BIG, total, "more bytes than all segments may have"),
};

typedef int emit_fn(void *arg, const char *name, int error, const char *what,
		    const void *data, size_t size);

static int make(const struct corpus_params *dev, const struct sample *sample,
		size_t nr, emit_fn *emit, void *arg)
{
	/* not on the stack: this is built for the kernel, too */
	struct image *img = malloc(sizeof(*img));
	uint8_t *file = malloc(FILE_MAX);
	int ret = img && file ? 0 : -1;
	size_t i, j;

	for (i = 0; i < nr && !ret; i++, sample++) {
		base_image(img, dev, !sample->is32);
		sample->change(img);

		for (j = 0; j < img->size; j++)
			file[j] = 0x40 + j % 61;
		memcpy(file + img->content, dev->payload, dev->payload_size);
		encode(img, file);
		if (sample->cut)
			img->size = sample->cut(img, file);

		ret = emit(arg, sample->name, sample->error, sample->what, file,
			   img->size);
	}
	free(file);
	free(img);
	return ret ? -1 : (int)nr;
}

#define MAKE(list)	make(params, list, sizeof(list) / sizeof((list)[0]), emit, arg)

int corpus_each(const struct corpus_params *params, emit_fn *emit, void *arg)
{
	int count, more;

	count = MAKE(samples);
	if (count >= 0 && params->ddr_base) {
		more = MAKE(ddr_samples);
		count = more < 0 ? more : count + more;
	}
	if (count >= 0 && params->ddr_base && params->max_total &&
	    params->max_total <= params->ddr_size) {
		more = MAKE(total_samples);
		count = more < 0 ? more : count + more;
	}
	return count;
}
