// SPDX-License-Identifier: GPL-2.0
/*
 * The node and QUERY are right: QUERY agrees with sysfs, with configuration space and
 * with the variant of firmware that the board emulates; only root can open the node,
 * and BAR2 can be mapped through it.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "libaxltest.h"
#include "liblab.h"

FIXTURE(basics)
{
	struct at_ctx t;
};

FIXTURE_SETUP(basics)
{
	AT_BEGIN(&self->t, 0);
}

FIXTURE_TEARDOWN(basics)
{
	AT_END(&self->t);
}

TEST_F(basics, node)
{
	char path[64], link[128], target[256], text[64];
	struct stat st;
	ssize_t n;

	ASSERT_EQ(0, at_node(path, sizeof(path)));
	EXPECT_STREQ("/dev/metis0", path);
	ASSERT_EQ(0, stat(path, &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(0660, st.st_mode & 07777);
	EXPECT_EQ(0, st.st_uid);

	ASSERT_EQ(0, at_read_text("/sys/class/metis/metis0/dev", text,
				  sizeof(text)));
	snprintf(target, sizeof(target), "%u:%u", major(st.st_rdev),
		 minor(st.st_rdev));
	EXPECT_STREQ(target, text);

	/* The class device hangs below the PCI function */
	snprintf(link, sizeof(link), "/sys/class/metis/metis0/device");
	n = readlink(link, target, sizeof(target) - 1);
	ASSERT_GT(n, 0);
	target[n] = '\0';
	EXPECT_STREQ(self->t.pci.bdf, strrchr(target, '/') + 1);
}

static unsigned long attr_number(struct at_pci *pci, const char *name)
{
	char text[64];

	return at_pci_attr(pci, name, text, sizeof(text)) ? ~0UL :
		strtoul(text, NULL, 0);
}

static unsigned int count_entries(const char *path)
{
	struct dirent *de;
	unsigned int n = 0;
	DIR *dir = opendir(path);

	if (!dir)
		return 0;
	while ((de = readdir(dir)))
		n += de->d_name[0] != '.';
	closedir(dir);
	return n;
}

TEST_F(basics, query_matches_the_bus)
{
	struct axl_ioc_query *q = &self->t.q;
	struct at_pci *pci = &self->t.pci;
	unsigned int domain, bus, slot, func, gts, tenth = 0;
	static const unsigned int speeds[] = { 0, 25, 50, 80, 160 };
	char text[128], path[128];

	EXPECT_EQ(AXL_ABI_VERSION, q->abi);
	ASSERT_EQ(4, sscanf(pci->bdf, "%x:%x:%x.%x", &domain, &bus, &slot,
			    &func));
	EXPECT_EQ(domain, q->pci_domain);
	EXPECT_EQ(bus, q->pci_bus);
	EXPECT_EQ(slot << 3 | func, q->pci_devfn);
	EXPECT_EQ(attr_number(pci, "vendor"), q->vendor);
	EXPECT_EQ(attr_number(pci, "device"), q->device);
	EXPECT_EQ(attr_number(pci, "revision"), q->revision);
	EXPECT_EQ(at_pci_bar_size(pci, 0), q->bar0_size);
	EXPECT_EQ(at_pci_bar_size(pci, 2), q->bar2_size);

	ASSERT_EQ(0, at_pci_attr(pci, "current_link_speed", text,
				 sizeof(text)));
	ASSERT_GE(sscanf(text, "%u.%u", &gts, &tenth), 1);
	ASSERT_LT(q->link_speed, at_array_size(speeds));
	EXPECT_EQ(gts * 10 + tenth, speeds[q->link_speed]);
	EXPECT_EQ(attr_number(pci, "current_link_width"), q->link_width);

	/* A directory entry for every vector that was granted */
	snprintf(path, sizeof(path), "%s/msi_irqs", pci->dir);
	EXPECT_EQ(count_entries(path), q->vectors);
	EXPECT_LE(q->vectors, 32);
	EXPECT_EQ(q->vectors ? AXL_IRQ_MSI : AXL_IRQ_NONE, q->irq_mode);

	if (at_pci_attr(pci, "iommu_group/type", text, sizeof(text)))
		strcpy(text, "none");
	if (!strcmp(text, "DMA")) {
		EXPECT_EQ(AXL_IOMMU_TRANSLATED, q->iommu_mode);
	} else if (!strcmp(text, "DMA-FQ")) {
		EXPECT_EQ(AXL_IOMMU_LAZY, q->iommu_mode);
	} else if (!strcmp(text, "identity")) {
		EXPECT_EQ(AXL_IOMMU_IDENTITY, q->iommu_mode);
	} else {
		EXPECT_EQ(AXL_IOMMU_NONE, q->iommu_mode);
	}
}

TEST_F(basics, query_is_plausible)
{
	struct axl_ioc_query *q = &self->t.q;
	uint64_t all = AXL_FEAT_VMSI | AXL_FEAT_EVENTS_EXACT |
		       AXL_FEAT_DMA_LIST | AXL_FEAT_DMA_VM | AXL_FEAT_DDR;

	EXPECT_EQ(0, q->features & ~all);
	EXPECT_GE(q->generation, 1);
	EXPECT_EQ(4096, q->bar0_size);
	EXPECT_EQ(32 << 20, q->bar2_size);
	EXPECT_EQ(at_lab_get64(METIS_LAB_L2_BASE), q->l2_base);
	EXPECT_EQ(at_lab_get64(METIS_LAB_L2_SIZE), q->l2_size);
	if (q->features & AXL_FEAT_DDR) {
		EXPECT_EQ(at_lab_get64(METIS_LAB_DDR_BASE), q->ddr_base);
		EXPECT_GE(q->ddr_size, at_lab_get64(METIS_LAB_DDR_SIZE));
	}
	EXPECT_GE(q->max_length, 16 << 20);
	EXPECT_GE(q->max_image, 1 << 20);
	EXPECT_EQ(4, q->read_channels);
	EXPECT_EQ(4, q->write_channels);
	EXPECT_LE(q->iommu_mode, AXL_IOMMU_LAZY);
	EXPECT_TRUE(q->fw_state == AXL_FW_BOOTLOADER ||
		    q->fw_state == AXL_FW_RUNNING);
	EXPECT_EQ(AXL_FW_PHASE_IDLE, q->fw_phase);
	EXPECT_GE(q->page_size, 4096);
	EXPECT_EQ(0, q->page_size & (q->page_size - 1));
	EXPECT_GE(q->max_xfers, 16);
	EXPECT_GE(q->max_jobs, 8);
	EXPECT_LE(q->nr_vmsi, AXL_NR_EVENTS);
	EXPECT_EQ(0, q->reserved);
	EXPECT_EQ(0, q->reserved2);
}

/* What the board is said to be, the driver must have found out by itself */
TEST_F(basics, query_matches_the_variant)
{
	uint32_t board = at_lab_get(METIS_LAB_VARIANT);
	unsigned int cap = METIS_LAB_VARIANT_VECTORS(board);
	bool old = board & METIS_LAB_VARIANT_OLD_FW, exact;
	struct axl_ioc_query *q = &self->t.q;
	char text[1024];

	if (q->fw_state != AXL_FW_RUNNING) {
		EXPECT_EQ(AXL_FW_BOOTLOADER, q->fw_state);
		EXPECT_EQ(METIS_EMU_BOOTLOADER,
			  at_lab_get(METIS_LAB_FW_STATE));
		EXPECT_EQ(0, q->features & AXL_FEAT_VMSI);
		EXPECT_EQ(0, at_fw_run(self->t.fd));
		ASSERT_EQ(0, at_query(self->t.fd, q));
	}
	EXPECT_EQ(AXL_FW_RUNNING, q->fw_state);
	EXPECT_EQ(METIS_EMU_RUNNING, at_lab_get(METIS_LAB_FW_STATE));
	EXPECT_EQ(board & METIS_LAB_VARIANT_ALPHA ? 0x11aa : 0x1100,
		  q->device);

	/* The GIC's ITS grants what is asked for: all that the card has */
	ASSERT_EQ(0, at_read_text("/sys/module/axl/parameters/max_vectors",
				  text, sizeof(text)));
	if ((unsigned int)atoi(text) < cap)
		cap = atoi(text);
	/* unless the kernel was told to grant none */
	ASSERT_EQ(0, at_read_text("/proc/cmdline", text, sizeof(text)));
	if (strstr(text, "pci=nomsi"))
		cap = 0;
	EXPECT_EQ(cap, q->vectors);
	EXPECT_EQ(cap ? AXL_IRQ_MSI : AXL_IRQ_NONE, q->irq_mode);

	EXPECT_EQ(!old, !!(q->features & AXL_FEAT_DMA_LIST));
	EXPECT_EQ(!!(board & METIS_LAB_VARIANT_DMA_VM),
		  !!(q->features & AXL_FEAT_DMA_VM));
	EXPECT_EQ(AXL_FEAT_DDR, q->features & AXL_FEAT_DDR);
	if (q->features & AXL_FEAT_VMSI) {
		EXPECT_NE(0, at_lab_get64(METIS_LAB_TARGET));
		EXPECT_GE(q->nr_vmsi, 32);
	} else {
		EXPECT_EQ(0, at_lab_get64(METIS_LAB_TARGET));
	}
	/* Older firmware does not say what it tells by the table */
	exact = q->vectors >= 32 || (q->features & AXL_FEAT_VMSI && !old);
	EXPECT_EQ(exact, !!(q->features & AXL_FEAT_EVENTS_EXACT));
}

TEST_F(basics, several_files)
{
	struct axl_ioc_query q;
	int fds[64];
	size_t i;

	for (i = 0; i < at_array_size(fds); i++) {
		fds[i] = at_open();
		ASSERT_GE(fds[i], 0);
		EXPECT_EQ(0, at_query(fds[i], &q));
	}
	for (i = 0; i < at_array_size(fds); i++)
		close(fds[i]);
}

/* Only root and the group may open it */
TEST_F(basics, permission)
{
	char path[64];
	int fd;

	ASSERT_EQ(0, at_node(path, sizeof(path)));
	ASSERT_EQ(0, setgid(12345));
	ASSERT_EQ(0, setuid(12345));
	fd = open(path, O_RDWR);
	EXPECT_EQ(-1, fd);
	EXPECT_EQ(EACCES, errno);
}

/* BAR2 as the node maps it is the L2 that the lab sees */
TEST_F(basics, bar2_is_l2)
{
	size_t page = at_page_size(), at = AT_L2_SCRATCH + 8 * page;
	uint64_t addr = self->t.q.l2_base + at;
	volatile uint32_t *p;
	uint32_t words[4];
	size_t i;

	p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, self->t.fd,
		 at);
	ASSERT_NE(MAP_FAILED, p);
	for (i = 0; i < 4; i++)
		p[i] = 0x11223344 * (i + 1);
	ASSERT_EQ(0, at_dev_read(addr, words, sizeof(words)));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(0x11223344 * (uint32_t)(i + 1), words[i]);
	ASSERT_EQ(0, at_dev_fill(addr, 0x42, 16));
	EXPECT_EQ(0x42424242, p[3]);
	munmap((void *)p, page);
}

/* The whole of it can be mapped, and the last word read */
TEST_F(basics, bar2_whole)
{
	size_t size = self->t.q.bar2_size;
	volatile uint32_t *p;
	uint32_t word;

	p = mmap(NULL, size, PROT_READ, MAP_SHARED, self->t.fd, 0);
	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, at_dev_read(self->t.q.l2_base + size - 4, &word, 4));
	EXPECT_EQ(word, p[size / 4 - 1]);
	munmap((void *)p, size);
}

/* By a file that is open for reading only, for reading only */
TEST_F(basics, bar2_read_only)
{
	int fd = open("/dev/metis0", O_RDONLY | O_CLOEXEC);
	volatile uint32_t *p;
	uint32_t word;

	ASSERT_GE(fd, 0);
	p = mmap(NULL, at_page_size(), PROT_READ, MAP_SHARED, fd, AT_L2_SCRATCH);
	ASSERT_NE(MAP_FAILED, p)
		TH_LOG("%s", strerror(errno));
	ASSERT_EQ(0, at_dev_read(self->t.q.l2_base + AT_L2_SCRATCH, &word, 4));
	EXPECT_EQ(word, p[0]);
	EXPECT_EQ(-1, mprotect((void *)p, at_page_size(), PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	munmap((void *)p, at_page_size());
	EXPECT_EQ(MAP_FAILED, mmap(NULL, at_page_size(), PROT_READ, MAP_PRIVATE,
				   fd, AT_L2_SCRATCH));
	EXPECT_EQ(EINVAL, errno);
	close(fd);
}

TEST_HARNESS_MAIN
