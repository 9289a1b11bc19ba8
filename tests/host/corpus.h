/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A corpus of ELF images, good ones and malformed ones, made from the addresses
 * of the device that is to load them.
 */
#ifndef AXL_CORPUS_H
#define AXL_CORPUS_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct corpus_params - the device that the images are for
 * @l2_base: device address of L2
 * @l2_size: bytes of L2
 * @shared_size: bytes at the start of L2 that no segment may touch
 * @list_base: device address of the engine's list buffer
 * @list_size: bytes of it that no segment may touch
 * @ddr_base: device address of DDR; 0 leaves out images that need it
 * @ddr_size: bytes of DDR that segments may use
 * @max_total: bound on all segments together; 0, or more than
 *	@ddr_size, leaves out images that need it
 * @load_addr: where good images go: 1 MiB of L2 from here must be free
 * @payload: what a good image has at its entry point
 * @payload_size: bytes at @payload, at most 64 KiB
 */
struct corpus_params {
	uint64_t l2_base;
	uint64_t l2_size;
	uint64_t shared_size;
	uint64_t list_base;
	uint64_t list_size;
	uint64_t ddr_base;
	uint64_t ddr_size;
	uint64_t max_total;
	uint64_t load_addr;
	const void *payload;
	size_t payload_size;
};

/* Metis with older firmware, 1 GiB of DDR at an arbitrary address. */
extern const struct corpus_params corpus_defaults;

/**
 * corpus_each() - make every image in turn
 * @params: see there
 * @emit: called with each image: its name ("good_..." or "bad_...", no suffix),
 *	the errno that a loader has to answer (0, ENOEXEC, EINVAL, ERANGE,
 *	E2BIG), what it shows, and the file's bytes
 * @arg: for @emit
 *
 * Return: number of images, or -1 when @emit returned non-zero.
 */
int corpus_each(const struct corpus_params *params,
		int (*emit)(void *arg, const char *name, int error,
			    const char *what, const void *data, size_t size),
		void *arg);

#endif
