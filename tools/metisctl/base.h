/* SPDX-License-Identifier: GPL-2.0 */
/* metisctl: types and exit statuses that every file knows */
#ifndef METISCTL_BASE_H
#define METISCTL_BASE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../include/uapi/axl.h"

#ifndef METISCTL_VERSION
#define METISCTL_VERSION	"0.1.0"
#endif

/* The kernel's names; unlike uint64_t, %llu fits them on every architecture. */
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;

#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define NSEC_PER_SEC		1000000000ULL

/* Exit statuses beside argp's 64 for wrong usage; metisctl(1) documents them. */
enum {
	EXIT_OK			= 0,
	EXIT_FAILED		= 1,
	EXIT_TIMEOUT		= 2,
	EXIT_INTERRUPTED	= 130,
};

#endif
