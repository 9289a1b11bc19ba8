// SPDX-License-Identifier: GPL-2.0
/*
 * kexec-board IMAGE FROM TO: starts the kernel IMAGE in place of the running
 * one, with its device tree, in which FROM in the kernel parameters becomes TO
 * (as long). The initial RAM disk is found where the boot loader put it, so the
 * running kernel needs the parameter retain_initrd.
 *
 * arm64 only. kexec_file_load(2) would do all of this, but is not configured in
 * the board's kernels.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ALIGN(x, a)	(((x) + (a) - 1) / (a) * (a))
#define PAGE		65536UL			/* fits every page size */
#define MIB		0x100000UL

/* In the middle of the board's memory, clear of the RAM disk at its start */
#define PLACE_TREE	0x5f000000UL
#define PLACE_ENTRY	0x5f800000UL
#define PLACE_IMAGE	0x60000000UL

static void die(const char *what)
{
	fprintf(stderr, "kexec-board: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint8_t *slurp(const char *path, size_t *size)
{
	size_t room = 256 * MIB, n = 0;
	int fd = open(path, O_RDONLY);
	uint8_t *p = malloc(room);
	ssize_t got;

	if (fd < 0 || !p)
		die(path);
	while ((got = read(fd, p + n, room - n)) > 0)
		n += got;
	if (got < 0)
		die(path);
	close(fd);
	*size = n;
	return p;
}

int main(int argc, char **argv)
{
	/* x0 = device tree, x1 to x3 = 0, jump to the kernel */
	static struct {
		uint32_t code[8];
		uint64_t tree, kernel;
	} entry = {
		.code = {
			0x58000100,	/* ldr x0, tree */
			0x58000124,	/* ldr x4, kernel */
			0xaa1f03e1, 0xaa1f03e2, 0xaa1f03e3,
			0xd61f0080,	/* br x4 */
			0xd503201f, 0xd503201f,
		},
		.tree = PLACE_TREE,
	};
	size_t image_size, tree_size;
	uint8_t *image, *tree, *at;
	uint64_t offset, memory;

	if (argc != 4 || strlen(argv[2]) != strlen(argv[3])) {
		fprintf(stderr, "usage: kexec-board IMAGE FROM TO\n");
		return 2;
	}
	image = slurp(argv[1], &image_size);
	if (image_size < 64 || memcmp(image + 56, "ARM\x64", 4)) {
		fprintf(stderr, "kexec-board: %s is no arm64 Image\n", argv[1]);
		return 1;
	}
	memcpy(&offset, image + 8, 8);
	memcpy(&memory, image + 16, 8);
	entry.kernel = PLACE_IMAGE + le64toh(offset);

	tree = slurp("/sys/firmware/fdt", &tree_size);
	tree_size = be32toh(((uint32_t *)tree)[1]);
	at = memmem(tree, tree_size, argv[2], strlen(argv[2]));
	if (!at) {
		fprintf(stderr, "kexec-board: no %s in the device tree\n",
			argv[2]);
		return 1;
	}
	memcpy(at, argv[3], strlen(argv[3]));

	struct kexec_segment segs[] = {
		{ image, image_size, (void *)entry.kernel,
		  ALIGN(le64toh(memory), PAGE) },
		{ tree, tree_size, (void *)PLACE_TREE, ALIGN(tree_size, PAGE) },
		{ &entry, sizeof(entry), (void *)PLACE_ENTRY, PAGE },
	};

	if (syscall(SYS_kexec_load, PLACE_ENTRY, sizeof(segs) / sizeof(segs[0]),
		    segs, KEXEC_ARCH_AARCH64))
		die("kexec_load");
	printf("kexec-board: %s at %#llx, %s\n", argv[1],
	       (unsigned long long)entry.kernel, argv[3]);
	fflush(stdout);
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
		LINUX_REBOOT_CMD_KEXEC, NULL);
	die("reboot");
	return 1;
}
