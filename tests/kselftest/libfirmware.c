// SPDX-License-Identifier: GPL-2.0
/* Firmware: images, starting it, its memory as the node maps it, its mailbox. */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "liblab.h"

#define EM_RISCV_NR	243

int at_elf_build(struct at_image *image, int elf_class, uint64_t entry,
		 const struct at_segment *segs, unsigned int nr)
{
	bool wide = elf_class == 64;
	size_t head = wide ? sizeof(Elf64_Ehdr) + nr * sizeof(Elf64_Phdr) :
			     sizeof(Elf32_Ehdr) + nr * sizeof(Elf32_Phdr);
	size_t at = AT_ALIGN(head, 16);
	unsigned int i;
	uint8_t *p;

	image->size = at;
	for (i = 0; i < nr; i++)
		image->size += AT_ALIGN(segs[i].filesz, 16);
	p = calloc(1, image->size);
	if (!p)
		return -ENOMEM;
	image->data = p;

	memcpy(p, ELFMAG, SELFMAG);
	p[EI_CLASS] = wide ? ELFCLASS64 : ELFCLASS32;
	p[EI_DATA] = ELFDATA2LSB;
	p[EI_VERSION] = EV_CURRENT;
	if (wide) {
		Elf64_Ehdr *eh = (Elf64_Ehdr *)p;

		eh->e_type = ET_EXEC;
		eh->e_machine = EM_RISCV_NR;
		eh->e_version = EV_CURRENT;
		eh->e_entry = entry;
		eh->e_phoff = sizeof(*eh);
		eh->e_ehsize = sizeof(*eh);
		eh->e_phentsize = sizeof(Elf64_Phdr);
		eh->e_phnum = nr;
	} else {
		Elf32_Ehdr *eh = (Elf32_Ehdr *)p;

		eh->e_type = ET_EXEC;
		eh->e_machine = EM_RISCV_NR;
		eh->e_version = EV_CURRENT;
		eh->e_entry = entry;
		eh->e_phoff = sizeof(*eh);
		eh->e_ehsize = sizeof(*eh);
		eh->e_phentsize = sizeof(Elf32_Phdr);
		eh->e_phnum = nr;
	}
	for (i = 0; i < nr; i++) {
		if (wide) {
			Elf64_Phdr *ph = (Elf64_Phdr *)(p + sizeof(Elf64_Ehdr));

			ph[i].p_type = PT_LOAD;
			ph[i].p_flags = PF_R | PF_W | PF_X;
			ph[i].p_offset = at;
			ph[i].p_vaddr = segs[i].paddr;
			ph[i].p_paddr = segs[i].paddr;
			ph[i].p_filesz = segs[i].filesz;
			ph[i].p_memsz = segs[i].memsz;
			ph[i].p_align = 8;
		} else {
			Elf32_Phdr *ph = (Elf32_Phdr *)(p + sizeof(Elf32_Ehdr));

			ph[i].p_type = PT_LOAD;
			ph[i].p_flags = PF_R | PF_W | PF_X;
			ph[i].p_offset = at;
			ph[i].p_vaddr = segs[i].paddr;
			ph[i].p_paddr = segs[i].paddr;
			ph[i].p_filesz = segs[i].filesz;
			ph[i].p_memsz = segs[i].memsz;
			ph[i].p_align = 8;
		}
		memcpy(p + at, segs[i].data, segs[i].filesz);
		at += AT_ALIGN(segs[i].filesz, 16);
	}
	return 0;
}

int at_image_build(struct at_image *image, const struct axl_ioc_query *q,
		   int elf_class, size_t payload)
{
	static const uint8_t data[] = "read-only data of the firmware";
	struct metis_emu_image head = {
		.magic0 = METIS_EMU_IMAGE_MAGIC0,
		.magic1 = METIS_EMU_IMAGE_MAGIC1,
		.header_size = sizeof(head),
		.payload_size = payload,
	};
	uint64_t entry = q->l2_base + AT_L2_IMAGE;
	struct at_segment segs[3];
	uint8_t *text;
	int err;

	text = malloc(sizeof(head) + payload);
	if (!text)
		return -ENOMEM;
	at_fill(text + sizeof(head), payload, 0xf1f2, 0);
	head.payload_crc = payload ? at_crc32(0, text + sizeof(head), payload) :
				     0;
	memcpy(text, &head, sizeof(head));

	segs[0] = (struct at_segment){
		entry, text, sizeof(head) + payload, sizeof(head) + payload,
	};
	/* Odd addresses and sizes, and one that wants zeroes behind the file */
	segs[1] = (struct at_segment){
		entry + AT_ALIGN(sizeof(head) + payload, 4096) + 1, data,
		sizeof(data), 5001,
	};
	segs[2] = (struct at_segment){
		elf_class == 64 && (q->features & AXL_FEAT_DDR) ?
			q->ddr_base + AT_DDR_IMAGE : segs[1].paddr + 8192,
		data, sizeof(data), sizeof(data),
	};
	err = at_elf_build(image, elf_class, entry, segs, 3);
	free(text);
	return err;
}

int at_image_good(struct at_image *image, const struct axl_ioc_query *q,
		  int elf_class)
{
	return at_image_build(image, q, elf_class, 20001);
}

void at_image_free(struct at_image *image)
{
	free(image->data);
	image->data = NULL;
}

uint32_t at_start_opcode(void)
{
	return METIS_EMU_OP_START;
}

int at_fw_load(int fd, const struct at_image *image, struct axl_ioc_fw_load *load)
{
	load->start_opcode = at_start_opcode();
	load->image = (uintptr_t)image->data;
	load->image_size = image->size;
	return at_ioctl(fd, AXL_IOC_FW_LOAD, load);
}

int at_fw_run(int fd)
{
	struct axl_ioc_fw_load load = { };
	struct at_image image;
	struct axl_ioc_query q;
	int err;

	err = at_query(fd, &q);
	if (err)
		return err;
	err = at_image_good(&image, &q, 64);
	if (err)
		return err;
	err = at_fw_load(fd, &image, &load);
	at_image_free(&image);
	return err;
}

int at_cure(int fd)
{
	uint64_t end = at_now() + AT_SEC(20);
	struct axl_ioc_query q;
	int err;

	at_lab_set(METIS_LAB_FW_RESTART, METIS_LAB_RESTART_BOOTLOADER);
	do {
		at_sleep_ms(20);
		err = at_query(fd, &q);
		if (err && err != -EIO)
			return err;
		if (!err && q.fw_state == AXL_FW_BOOTLOADER &&
		    at_lab_get(METIS_LAB_LINK) == 1)
			return 0;
	} while (at_now() < end);
	at_msg("not back after 20 s: errno %d, state %u", -err, q.fw_state);
	return -ETIMEDOUT;
}

/* ---- L2, mailbox ---- */

volatile uint8_t *at_map_l2(int fd, const struct at_ctx *t)
{
	void *p = mmap(NULL, t->q.bar2_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		       fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void copy_in(volatile uint8_t *to, const uint8_t *from, size_t n)
{
	size_t i;

	for (i = 0; i < n; i += 4) {
		uint32_t word = 0;

		memcpy(&word, from + i, n - i < 4 ? n - i : 4);
		*(volatile uint32_t *)(to + i) = word;
	}
}

int at_mailbox(volatile uint8_t *bar2, uint32_t opcode, const void *msg,
	       uint32_t size, void *reply, uint32_t *reply_size)
{
	volatile uint32_t *op = (volatile void *)(bar2 + METIS_EMU_MBOX_OPCODE);
	volatile uint32_t *sz = (volatile void *)(bar2 + METIS_EMU_MBOX_SIZE);
	uint64_t end = at_now() + AT_SOON;
	uint32_t i, word;

	copy_in(bar2 + METIS_EMU_MBOX_MSG, msg, size);
	*sz = size;
	__sync_synchronize();
	*op = opcode;
	while (*op != (opcode | METIS_EMU_OP_REPLY)) {
		if (at_now() > end)
			return -ETIMEDOUT;
		at_sleep_ms(1);
	}
	__sync_synchronize();
	size = *sz;
	if (size > METIS_EMU_MBOX_MSG_MAX)
		return -EPROTO;
	for (i = 0; i < size; i += 4) {
		word = *(volatile uint32_t *)(bar2 + METIS_EMU_MBOX_MSG + i);
		memcpy((uint8_t *)reply + i, &word, size - i < 4 ? size - i : 4);
	}
	*reply_size = size;
	return 0;
}
