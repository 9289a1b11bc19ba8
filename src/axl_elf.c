// SPDX-License-Identifier: GPL-2.0
/*
 * Validation of firmware images: see axl_elf.h.
 */
#include <linux/elf.h>
#include <linux/errno.h>
#include <linux/overflow.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>

#include "axl_elf.h"
#include "axl_le.h"

/* e_phnum if the real number is in the first section header (gABI) */
#define AXL_ELF_PN_XNUM		0xffff

/* Fields used of the file header, for both classes. */
struct file_header {
	u64 entry;
	u64 phoff;
	u32 version;
	u16 type;
	u16 machine;
	u16 ehsize;
	u16 phentsize;
	u16 phnum;
};

/* Fields used of a program header, for both classes. */
struct program_header {
	u32 type;
	u32 flags;
	u64 offset;
	u64 paddr;
	u64 filesz;
	u64 memsz;
};

/*
 * Fields are read by offset: the members of the ELF structures need CPU byte
 * order and alignment, and the image guarantees neither.
 */
static void read_file_header(const u8 *p, bool is64, struct file_header *hdr)
{
	if (is64) {
		hdr->type = axl_le16(p + offsetof(struct elf64_hdr, e_type));
		hdr->machine = axl_le16(p + offsetof(struct elf64_hdr, e_machine));
		hdr->version = axl_le32(p + offsetof(struct elf64_hdr, e_version));
		hdr->entry = axl_le64(p + offsetof(struct elf64_hdr, e_entry));
		hdr->phoff = axl_le64(p + offsetof(struct elf64_hdr, e_phoff));
		hdr->ehsize = axl_le16(p + offsetof(struct elf64_hdr, e_ehsize));
		hdr->phentsize = axl_le16(p + offsetof(struct elf64_hdr, e_phentsize));
		hdr->phnum = axl_le16(p + offsetof(struct elf64_hdr, e_phnum));
	} else {
		hdr->type = axl_le16(p + offsetof(struct elf32_hdr, e_type));
		hdr->machine = axl_le16(p + offsetof(struct elf32_hdr, e_machine));
		hdr->version = axl_le32(p + offsetof(struct elf32_hdr, e_version));
		hdr->entry = axl_le32(p + offsetof(struct elf32_hdr, e_entry));
		hdr->phoff = axl_le32(p + offsetof(struct elf32_hdr, e_phoff));
		hdr->ehsize = axl_le16(p + offsetof(struct elf32_hdr, e_ehsize));
		hdr->phentsize = axl_le16(p + offsetof(struct elf32_hdr, e_phentsize));
		hdr->phnum = axl_le16(p + offsetof(struct elf32_hdr, e_phnum));
	}
}

static void read_program_header(const u8 *p, bool is64,
				struct program_header *hdr)
{
	if (is64) {
		hdr->type = axl_le32(p + offsetof(struct elf64_phdr, p_type));
		hdr->flags = axl_le32(p + offsetof(struct elf64_phdr, p_flags));
		hdr->offset = axl_le64(p + offsetof(struct elf64_phdr, p_offset));
		hdr->paddr = axl_le64(p + offsetof(struct elf64_phdr, p_paddr));
		hdr->filesz = axl_le64(p + offsetof(struct elf64_phdr, p_filesz));
		hdr->memsz = axl_le64(p + offsetof(struct elf64_phdr, p_memsz));
	} else {
		hdr->type = axl_le32(p + offsetof(struct elf32_phdr, p_type));
		hdr->flags = axl_le32(p + offsetof(struct elf32_phdr, p_flags));
		hdr->offset = axl_le32(p + offsetof(struct elf32_phdr, p_offset));
		hdr->paddr = axl_le32(p + offsetof(struct elf32_phdr, p_paddr));
		hdr->filesz = axl_le32(p + offsetof(struct elf32_phdr, p_filesz));
		hdr->memsz = axl_le32(p + offsetof(struct elf32_phdr, p_memsz));
	}
}

static bool inside(u64 base, u64 size, const struct axl_region *region)
{
	/* Only smaller values are subtracted, so nothing can wrap. */
	return base >= region->base && size <= region->size &&
	       base - region->base <= region->size - size;
}

static bool touches(u64 base, u64 size, const struct axl_region *region)
{
	if (base < region->base)
		return region->size && region->base - base < size;
	return size && base - region->base < region->size;
}

static int check_header(const u8 *image, size_t size, bool *is64,
			struct file_header *hdr, const char **why)
{
	size_t ehdr_size;

	if (size < EI_NIDENT || memcmp(image, ELFMAG, SELFMAG)) {
		*why = "not an ELF file";
		return -ENOEXEC;
	}
	if (image[EI_CLASS] != ELFCLASS32 && image[EI_CLASS] != ELFCLASS64) {
		*why = "ELF class is neither 32 nor 64 bits";
		return -ENOEXEC;
	}
	if (image[EI_DATA] != ELFDATA2LSB) {
		*why = "ELF file is not little-endian";
		return -ENOEXEC;
	}
	if (image[EI_VERSION] != EV_CURRENT) {
		*why = "unknown ELF version";
		return -ENOEXEC;
	}

	*is64 = image[EI_CLASS] == ELFCLASS64;
	ehdr_size = *is64 ? sizeof(struct elf64_hdr) : sizeof(struct elf32_hdr);
	if (size < ehdr_size) {
		*why = "file ends inside the ELF header";
		return -EINVAL;
	}
	read_file_header(image, *is64, hdr);
	if (hdr->machine != EM_RISCV) {
		*why = "not for RISC-V";
		return -ENOEXEC;
	}
	if (hdr->type != ET_EXEC) {
		*why = "not an executable with fixed addresses";
		return -ENOEXEC;
	}
	if (hdr->version != EV_CURRENT) {
		*why = "unknown ELF version";
		return -ENOEXEC;
	}
	if (hdr->ehsize < ehdr_size) {
		*why = "size of the ELF header is wrong";
		return -EINVAL;
	}
	return 0;
}

static int check_table(size_t size, const struct file_header *hdr,
		       size_t phdr_size, const char **why)
{
	u64 end;

	if (!hdr->phnum) {
		*why = "no program headers";
		return -EINVAL;
	}
	if (hdr->phnum == AXL_ELF_PN_XNUM) {
		*why = "too many program headers";
		return -E2BIG;
	}
	if (hdr->phentsize != phdr_size) {
		*why = "size of a program header is wrong";
		return -EINVAL;
	}
	if (check_add_overflow(hdr->phoff, (u64)hdr->phnum * phdr_size, &end) ||
	    end > size) {
		*why = "program headers lie outside the file";
		return -EINVAL;
	}
	return 0;
}

static int check_placement(const struct axl_elf_segment *seg,
			   const struct axl_elf_limits *limits,
			   const char **why)
{
	unsigned int i;

	for (i = 0; i < limits->nr_allow; i++)
		if (inside(seg->dev_addr, seg->mem_size, &limits->allow[i]))
			break;
	if (i == limits->nr_allow) {
		*why = "segment lies outside device memory";
		return -ERANGE;
	}

	for (i = 0; i < limits->nr_deny; i++) {
		if (touches(seg->dev_addr, seg->mem_size, &limits->deny[i])) {
			*why = "segment touches memory that is in use";
			return -ERANGE;
		}
	}
	return 0;
}

static int add_segment(struct axl_elf *elf, const struct axl_elf_segment *seg,
		       size_t image_size, bool is64,
		       const struct axl_elf_limits *limits, const char **why)
{
	u64 last_addr = is64 ? ~(u64)0 : ~(u32)0;
	unsigned int i;
	u64 end;
	int ret;

	if (check_add_overflow(seg->file_offset, seg->file_size, &end) ||
	    end > image_size) {
		*why = "segment lies outside the file";
		return -EINVAL;
	}
	if (seg->file_size > seg->mem_size) {
		*why = "segment is larger in the file than in memory";
		return -EINVAL;
	}
	/* The last byte must be addressable, not the one after it. */
	if (seg->mem_size - 1 > last_addr - seg->dev_addr) {
		*why = "segment wraps around the end of addresses";
		return -EINVAL;
	}
	if (elf->nr_segments == AXL_ELF_MAX_SEGMENTS) {
		*why = "too many segments";
		return -E2BIG;
	}

	ret = check_placement(seg, limits, why);
	if (ret)
		return ret;

	for (i = 0; i < elf->nr_segments; i++) {
		const struct axl_elf_segment *other = &elf->segments[i];
		const struct axl_region region = {
			.base = other->dev_addr,
			.size = other->mem_size,
		};

		if (touches(seg->dev_addr, seg->mem_size, &region)) {
			*why = "segments overlap";
			return -EINVAL;
		}
	}

	if (check_add_overflow(elf->total, seg->mem_size, &elf->total) ||
	    elf->total > limits->max_total) {
		*why = "image is too large";
		return -E2BIG;
	}

	elf->segments[elf->nr_segments++] = *seg;
	return 0;
}

int axl_elf_parse(const void *image, size_t size,
		  const struct axl_elf_limits *limits, struct axl_elf *elf,
		  const char **why)
{
	const u8 *bytes = image;
	struct file_header hdr;
	bool is64, entry_found = false;
	const char *reason;
	size_t phdr_size;
	unsigned int i;
	int ret;

	if (!why)
		why = &reason;
	*why = NULL;
	memset(elf, 0, sizeof(*elf));

	ret = check_header(bytes, size, &is64, &hdr, why);
	if (ret)
		return ret;
	phdr_size = is64 ? sizeof(struct elf64_phdr) : sizeof(struct elf32_phdr);
	ret = check_table(size, &hdr, phdr_size, why);
	if (ret)
		return ret;

	elf->entry = hdr.entry;
	for (i = 0; i < hdr.phnum; i++) {
		struct program_header phdr;
		struct axl_elf_segment seg;

		read_program_header(bytes + hdr.phoff + i * phdr_size, is64,
				    &phdr);
		if (phdr.type != PT_LOAD || (!phdr.memsz && !phdr.filesz))
			continue;
		seg = (struct axl_elf_segment){
			.dev_addr = phdr.paddr,
			.file_offset = phdr.offset,
			.file_size = phdr.filesz,
			.mem_size = phdr.memsz,
		};
		ret = add_segment(elf, &seg, size, is64, limits, why);
		if (ret)
			return ret;

		/* The zeroed part after the file's bytes contains no code. */
		if ((phdr.flags & PF_X) &&
		    elf->entry >= seg.dev_addr &&
		    elf->entry - seg.dev_addr < seg.file_size)
			entry_found = true;
	}

	if (!elf->nr_segments) {
		*why = "nothing to load";
		return -EINVAL;
	}
	/* RISC-V instructions are aligned to 2 bytes at least. */
	if (!entry_found || elf->entry % 2) {
		*why = "entry point is not in an executable segment";
		return -EINVAL;
	}
	return 0;
}
