// SPDX-License-Identifier: GPL-2.0
/*
 * mkcorpus: write the ELF corpus into a directory.
 *
 * Each image becomes NAME.elf; MANIFEST has a line for each: the file's name,
 * the errno a loader has to answer (0, ENOEXEC, ...), and what the image shows.
 */
#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "corpus.h"

#define PAYLOAD_MAX	65536

struct out {
	const char *dir;
	FILE *manifest;
};

static const char *errno_name(int error)
{
	switch (error) {
	case 0:
		return "0";
	case ENOEXEC:
		return "ENOEXEC";
	case EINVAL:
		return "EINVAL";
	case ERANGE:
		return "ERANGE";
	case E2BIG:
		return "E2BIG";
	default:
		abort();
	}
}

static int emit(void *arg, const char *name, int error, const char *what,
		const void *data, size_t size)
{
	struct out *out = arg;
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.elf", out->dir, name);
	f = fopen(path, "wb");
	if (!f || fwrite(data, 1, size, f) != size || fclose(f)) {
		perror(path);
		return -1;
	}
	if (fprintf(out->manifest, "%s.elf %s %s\n", name, errno_name(error),
		    what) < 0) {
		perror("MANIFEST");
		return -1;
	}
	return 0;
}

static void *read_payload(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	char *data = malloc(PAYLOAD_MAX + 1);

	if (!f || !data) {
		perror(path);
		exit(1);
	}
	*size = fread(data, 1, PAYLOAD_MAX + 1, f);
	if (ferror(f) || *size < 4 || *size > PAYLOAD_MAX) {
		fprintf(stderr, "%s: a payload has 4..%d bytes\n", path,
			PAYLOAD_MAX);
		exit(1);
	}
	fclose(f);
	return data;
}

static uint64_t number(const char *text)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end || *text == '-') {
		fprintf(stderr, "mkcorpus: not a number: %s\n", text);
		exit(2);
	}
	return value;
}

static void usage(FILE *f)
{
	const struct corpus_params *p = &corpus_defaults;

	fprintf(f,
		"usage: mkcorpus [options] DIR\n"
		"Write good and malformed ELF images and a MANIFEST into DIR.\n"
		"  --l2-base ADDR      device address of L2 (0x%llx)\n"
		"  --l2-size BYTES     (0x%llx)\n"
		"  --shared-size BYTES start of L2 that is in use (0x%llx)\n"
		"  --list-base ADDR    the engine's list buffer (0x%llx)\n"
		"  --list-size BYTES   (%llu)\n"
		"  --ddr-base ADDR     device address of DDR, 0: none (0x%llx)\n"
		"  --ddr-size BYTES    what segments may use of it (0x%llx)\n"
		"  --max-total BYTES   bound on all segments, 0: none (0x%llx)\n"
		"  --load-addr ADDR    where good images go (0x%llx)\n"
		"  --payload FILE      what good images have at their entry\n",
		(unsigned long long)p->l2_base, (unsigned long long)p->l2_size,
		(unsigned long long)p->shared_size,
		(unsigned long long)p->list_base,
		(unsigned long long)p->list_size,
		(unsigned long long)p->ddr_base,
		(unsigned long long)p->ddr_size,
		(unsigned long long)p->max_total,
		(unsigned long long)p->load_addr);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "l2-base", required_argument, NULL, 'b' },
		{ "l2-size", required_argument, NULL, 's' },
		{ "shared-size", required_argument, NULL, 'a' },
		{ "list-base", required_argument, NULL, 'l' },
		{ "list-size", required_argument, NULL, 'n' },
		{ "ddr-base", required_argument, NULL, 'd' },
		{ "ddr-size", required_argument, NULL, 'z' },
		{ "max-total", required_argument, NULL, 't' },
		{ "load-addr", required_argument, NULL, 'o' },
		{ "payload", required_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct corpus_params params = corpus_defaults;
	struct out out = { };
	void *payload = NULL;
	char path[4096];
	int opt, count;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (opt) {
		case 'b':
			params.l2_base = number(optarg);
			break;
		case 's':
			params.l2_size = number(optarg);
			break;
		case 'a':
			params.shared_size = number(optarg);
			break;
		case 'l':
			params.list_base = number(optarg);
			break;
		case 'n':
			params.list_size = number(optarg);
			break;
		case 'd':
			params.ddr_base = number(optarg);
			break;
		case 'z':
			params.ddr_size = number(optarg);
			break;
		case 't':
			params.max_total = number(optarg);
			break;
		case 'o':
			params.load_addr = number(optarg);
			break;
		case 'p':
			free(payload);
			payload = read_payload(optarg, &params.payload_size);
			params.payload = payload;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind != argc - 1) {
		usage(stderr);
		return 2;
	}

	out.dir = argv[optind];
	if (mkdir(out.dir, 0777) && errno != EEXIST) {
		perror(out.dir);
		return 1;
	}
	snprintf(path, sizeof(path), "%s/MANIFEST", out.dir);
	out.manifest = fopen(path, "w");
	if (!out.manifest) {
		perror(path);
		return 1;
	}
	count = corpus_each(&params, emit, &out);
	if (fclose(out.manifest)) {
		perror(path);
		return 1;
	}
	free(payload);
	if (count < 0)
		return 1;
	printf("%d images in %s\n", count, out.dir);
	return 0;
}
