/* SPDX-License-Identifier: GPL-2.0 */
/* A card as metisctl doctor sees it */
#ifndef METISCTL_DOCTOR_CARD_H
#define METISCTL_DOCTOR_CARD_H

#include "dev.h"

#define SYS_PCI		"/sys/bus/pci/devices"
#define RUN_AS_ROOT	"run as root: metisctl doctor then sees it"

/* A PCI function that is, or should be, a Metis */
struct card {
	char pci[32];
	char port[32];		/* the bridge above, empty when unknown */
	char root[300];		/* folder of the host bridge in sysfs, or empty */
	u32 vendor, device, revision;
	bool unbooted;		/* 16c3:abcd */
	enum { NOT_MOVED, MOVED, MOVE_FAILED } self_test; /* what check_delivery() saw */
	char driver[64];	/* empty: none */
	char group[32];		/* number of its IOMMU group, empty: none */
	u8 config[256];
	size_t config_len;	/* 64 for all but root */
	/* Through axl */
	bool axl;		/* axl drives it */
	int err;		/* why it cannot be asked, 0 when q is valid */
	struct dev dev;		/* fd -1 without a node that can be opened */
};

#endif
