/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Firmware images: ELF files and the device addresses of their segments.
 *
 * Pure: no kernel services, no allocation, no I/O. The same source is built
 * into the module, into the host tests and into a fuzzer.
 */
#ifndef AXL_ELF_H
#define AXL_ELF_H

#include <linux/types.h>

/* Maximum of loadable segments; real images have fewer than ten. */
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
 * struct axl_elf_limits - allowed places and size of an image
 * @allow: every segment must be entirely inside one of these regions
 * @nr_allow: entries of @allow
 * @deny: no segment may overlap any of these regions
 * @nr_deny: entries of @deny
 * @max_total: limit of the sum of all segments' sizes in memory, bytes
 */
struct axl_elf_limits {
	const struct axl_region *allow;
	unsigned int nr_allow;
	const struct axl_region *deny;
	unsigned int nr_deny;
	u64 max_total;
};

/**
 * struct axl_elf_segment - a loadable segment of an image
 * @dev_addr: device address of its first byte (p_paddr)
 * @file_offset: offset in the file; the segment ends inside the file
 * @file_size: bytes from the file, 0..@mem_size
 * @mem_size: bytes in device memory, at least 1; the caller must zero those
 *	after @file_size
 */
struct axl_elf_segment {
	u64 dev_addr;
	u64 file_offset;
	u64 file_size;
	u64 mem_size;
};

/**
 * struct axl_elf - a validated image
 * @entry: device address where execution starts; inside the bytes of an
 *	executable segment that come from the file
 * @total: sum of all segments' @mem_size
 * @nr_segments: entries of @segments in use, at least 1
 * @segments: in file order; they do not overlap
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
 * @size: bytes of @image
 * @limits: allowed places and size
 * @elf: filled in on success; undefined on failure
 * @why: set on failure to a constant one-line reason, on success to NULL; may
 *	itself be NULL
 *
 * Accepts little-endian RISC-V executables (ET_EXEC) of either class. A
 * position-independent image is refused, because the driver does not relocate.
 * Program headers other than PT_LOAD are ignored, and empty segments, too.
 *
 * The content of @image must not change during the call nor until the segments
 * are used: callers parse a private copy, never user memory.
 *
 * Return: 0, -ENOEXEC (not an executable of this kind), -EINVAL (malformed),
 * -ERANGE (a segment is not inside an allowed region or overlaps a denied one)
 * or -E2BIG (too many segments, or more than @limits->max_total bytes).
 */
int axl_elf_parse(const void *image, size_t size,
		  const struct axl_elf_limits *limits, struct axl_elf *elf,
		  const char **why);

#endif /* AXL_ELF_H */
