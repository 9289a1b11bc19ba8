/* SPDX-License-Identifier: GPL-2.0 */
/* Finding, opening and asking a device: dev.c */
#ifndef METISCTL_DEV_H
#define METISCTL_DEV_H

#include "base.h"
#include "parse.h"

struct dev {
	int fd;
	char path[256];
	char pci[32];
	struct axl_ioc_query q;
};

struct node {
	int err;		/* why it cannot be opened or asked, or 0 */
	char path[256];
	char pci[32];		/* empty when unknown */
	struct axl_ioc_query q;	/* valid without err */
};

/* The device that --device or its absence means; 0 or an exit status */
int dev_open(struct dev *d);
void dev_close(struct dev *d);
int dev_ioctl(const struct dev *d, unsigned long request, void *arg);
/* Device address of a place; 0 or an exit status */
int dev_place(const struct dev *d, struct place p, u64 *addr);
/* Checks a transfer's device side before anything is moved */
int dev_check_range(const struct dev *d, u64 addr, u64 length);

struct node *nodes_scan(size_t *count);
int node_fail(const struct node *n);
/* Where a link in sysfs ends, its last component only */
bool link_name(const char *path, char *buf, size_t size);
/* There is no node at all: says what PCI and the modules look like instead */
int explain_no_device(void);

#endif
