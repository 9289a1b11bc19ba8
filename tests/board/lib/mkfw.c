// SPDX-License-Identifier: GPL-2.0
/*
 * Writes a firmware image that the emulated Metis accepts: a RISC-V ELF file
 * whose entry point is the header of a runtime image (metis_emu.h), followed by
 * a payload. A real card does not start it.
 */
#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metis_emu.h"

#define L2_BASE		0x08000000ull
#define IMAGE_OFFSET	0x00100000ull	/* well behind the shared area */
#define DATA_SIZE	4096u		/* second segment, in DDR */
#define MAX_PAYLOAD	(16u << 20)

struct file {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdr[2];
	struct metis_emu_image image;
	uint8_t payload[];
};

static uint32_t crc32(const uint8_t *p, size_t n)
{
	uint32_t crc = ~0u;

	while (n--) {
		crc ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

/* Something that neither repeats soon nor compresses. */
static void fill(uint8_t *p, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525u + 1013904223u;
		p[i] = seed >> 24;
	}
}

int main(int argc, char **argv)
{
	unsigned long payload = 64 << 10;
	uint64_t entry = L2_BASE + IMAGE_OFFSET;
	struct file *f;
	size_t text, total;
	char *end;
	FILE *out;

	if (argc < 2 || argc > 4) {
		fprintf(stderr, "usage: mkfw OUT [PAYLOAD-BYTES [ENTRY-DEVICE-ADDRESS]]\n");
		return 2;
	}
	errno = 0;
	if (argc > 2) {
		payload = strtoul(argv[2], &end, 0);
		if (errno || *end || payload > MAX_PAYLOAD) {
			fprintf(stderr, "mkfw: a payload has 0..%u bytes\n", MAX_PAYLOAD);
			return 2;
		}
	}
	if (argc > 3) {
		entry = strtoull(argv[3], &end, 0);
		if (errno || *end) {
			fprintf(stderr, "mkfw: bad entry '%s'\n", argv[3]);
			return 2;
		}
	}

	text = sizeof(f->image) + payload;
	total = sizeof(*f) + payload + DATA_SIZE;
	f = calloc(1, total);
	if (!f) {
		perror("mkfw");
		return 1;
	}
	memcpy(f->ehdr.e_ident, ELFMAG, SELFMAG);
	f->ehdr.e_ident[EI_CLASS] = ELFCLASS64;
	f->ehdr.e_ident[EI_DATA] = ELFDATA2LSB;
	f->ehdr.e_ident[EI_VERSION] = EV_CURRENT;
	f->ehdr.e_type = ET_EXEC;
	f->ehdr.e_machine = EM_RISCV;
	f->ehdr.e_version = EV_CURRENT;
	f->ehdr.e_entry = entry;
	f->ehdr.e_phoff = offsetof(struct file, phdr);
	f->ehdr.e_ehsize = sizeof(f->ehdr);
	f->ehdr.e_phentsize = sizeof(f->phdr[0]);
	f->ehdr.e_phnum = 2;

	f->phdr[0] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_flags = PF_R | PF_X,
		.p_offset = offsetof(struct file, image),
		.p_vaddr = entry, .p_paddr = entry,
		.p_filesz = text, .p_memsz = text,
	};
	f->phdr[1] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_flags = PF_R | PF_W,
		.p_offset = offsetof(struct file, image) + text,
		.p_vaddr = METIS_EMU_DDR_BASE, .p_paddr = METIS_EMU_DDR_BASE,
		.p_filesz = DATA_SIZE, .p_memsz = 2 * DATA_SIZE,
	};

	fill(f->payload, payload + DATA_SIZE, 1);
	f->image.magic0 = METIS_EMU_IMAGE_MAGIC0;
	f->image.magic1 = METIS_EMU_IMAGE_MAGIC1;
	f->image.header_size = sizeof(f->image);
	f->image.payload_size = payload;
	f->image.payload_crc = payload ? crc32(f->payload, payload) : 0;

	out = fopen(argv[1], "wb");
	if (!out || fwrite(f, 1, total, out) != total || fclose(out)) {
		fprintf(stderr, "mkfw: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	free(f);
	return 0;
}
