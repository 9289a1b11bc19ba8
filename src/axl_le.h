/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Read little-endian fields from a byte buffer, at any alignment.
 *
 * The kernel's get_unaligned_le*() moved to another header in 6.12. From these
 * byte accesses the compiler makes the same single load, on any byte order.
 */
#ifndef AXL_LE_H
#define AXL_LE_H

#include <linux/types.h>

/**
 * axl_le16() - read a 16-bit field
 * @p: first byte of the field
 *
 * Return: the value.
 */
static inline u16 axl_le16(const void *p)
{
	const u8 *b = p;

	return (u16)(b[0] | b[1] << 8);
}

/**
 * axl_le32() - read a 32-bit field
 * @p: first byte of the field
 *
 * Return: the value.
 */
static inline u32 axl_le32(const void *p)
{
	const u8 *b = p;

	return axl_le16(b) | (u32)axl_le16(b + 2) << 16;
}

/**
 * axl_le64() - read a 64-bit field
 * @p: first byte of the field
 *
 * Return: the value.
 */
static inline u64 axl_le64(const void *p)
{
	const u8 *b = p;

	return axl_le32(b) | (u64)axl_le32(b + 4) << 32;
}

#endif /* AXL_LE_H */
