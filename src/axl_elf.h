/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Firmware images: which bytes of an ELF file go to which device address.
 *
 * Pure: no kernel services, no allocation, no I/O. The same source is built
 * into the module, into the host tests and into a fuzzer.
 */
#ifndef AXL_ELF_H
#define AXL_ELF_H

#include <linux/types.h>

/* Loadable segments that an image can have; real ones have fewer than ten. */
#define AXL_ELF_MAX_SEGMENTS	64

/**
 * struct axl_region - a range of device addresses
 * @base: first device address
 * @size: bytes; a region of 0 bytes contains and touches nothing
 */
struct axl_region {
	u64 base;
	u64 size;
};

/**
 * struct axl_elf_limits - where an image may be placed
 * @allow: every segment must lie wholly inside one of these
 * @nr_allow: entries of @allow
 * @deny: no segment may touch any of these
 * @nr_deny: entries of @deny
 * @max_total: bound on the sum of all segments' sizes in memory
 */
struct axl_elf_limits {
	const struct axl_region *allow;
	unsigned int nr_allow;
	const struct axl_region *deny;
	unsigned int nr_deny;
	u64 max_total;
};

/**
 * struct axl_elf_segment - one piece of an image
 * @dev_addr: device address of its first byte (p_paddr)
 * @file_offset: first byte in the file; @file_offset + @file_size is inside it
 * @file_size: bytes taken from the file, 0..@mem_size
 * @mem_size: bytes in device memory, at least 1; those after @file_size are to
 *	be zeroed
 */
struct axl_elf_segment {
	u64 dev_addr;
	u64 file_offset;
	u64 file_size;
	u64 mem_size;
};

/**
 * struct axl_elf - what is left of an image after validation
 * @entry: device address where execution starts; inside the part of an
 *	executable segment that comes from the file
 * @total: sum of all segments' @mem_size
 * @nr_segments: entries of @segments in use, at least 1
 * @segments: in the order of the file; they do not overlap
 */
struct axl_elf {
	u64 entry;
	u64 total;
	unsigned int nr_segments;
	struct axl_elf_segment segments[AXL_ELF_MAX_SEGMENTS];
};

/**
 * axl_elf_parse() - validate an image and list its segments
 * @image: the file; any alignment, any content
 * @size: bytes at @image
 * @limits: where segments may go
 * @elf: filled in on success; without meaning on failure
 * @why: set on failure to a constant one-line reason, to NULL on success; may
 *	itself be NULL
 *
 * Accepts little-endian RISC-V executables (ET_EXEC) of either class. A
 * position-independent image is refused: nobody here would relocate it. Segments
 * of 0 bytes in memory and all that is not PT_LOAD are ignored.
 *
 * The content of @image must not change during the call nor until the segments
 * are used: callers parse a private copy, never user memory.
 *
 * Return: 0, -ENOEXEC (not an executable of this kind), -EINVAL (malformed),
 * -ERANGE (a segment lies outside what is allowed or touches what is denied) or
 * -E2BIG (too many segments, or more than @limits->max_total bytes).
 */
int axl_elf_parse(const void *image, size_t size,
		  const struct axl_elf_limits *limits, struct axl_elf *elf,
		  const char **why);

#endif /* AXL_ELF_H */
