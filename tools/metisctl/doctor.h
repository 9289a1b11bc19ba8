/* SPDX-License-Identifier: GPL-2.0 */
/* metisctl doctor: what its files share. */
#ifndef METISCTL_DOCTOR_H
#define METISCTL_DOCTOR_H

#include "metisctl.h"

#define SYS_PCI		"/sys/bus/pci/devices"

/* One rank a verdict: also the exit status that it leads to */
enum verdict { PASS, WARN, FAIL };

/* doctor.c: one line of the report; card is NULL for what concerns the machine */
struct card;
void found(const struct card *card, enum verdict v, const char *check, const char *remedy,
	   const char *fmt, ...) __attribute__((format(printf, 5, 6)));

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

/* doctor_pci.c */
bool config_is_dead(const struct card *c);
/* 01:00.0 of 0000:01:00.0; a domain can have more digits than four */
const char *without_domain(const char *pci);
struct card *cards_scan(size_t *count);
void check_card(const struct card *c);
void check_bar2(const struct card *c);
void check_link(const struct card *c);
void check_mps(const struct card *c);
void check_iommu(const struct card *c);
void check_group(const struct card *c);
/* Does a bridge above forbid message interrupts? Its address, or NULL */
const char *msi_forbidden_by(const struct card *c, char buf[32]);

/* doctor_host.c */
void check_faults(const struct card *c);
void check_driver(const struct card *c);
void check_module(void);
void check_kernel(void);
void check_parameters(void);
void check_vendor(void);
/* Is this word among the kernel's parameters, or in the list of one (pci=a,b)? */
bool kernel_parameter(const char *name, const char *value);
/* Is the machine what an overlay in dts-overlays/ is for? RK3588S is not. */
bool is_rk3588(void);
bool have_iommu(void);
/* Lines of the kernel log; NULL with errno when it cannot be read */
const char *kernel_log(void);

/* All of a file, with a NUL behind it; NULL with errno */
char *read_all(const char *path, size_t *len);
/* One line of it, without its end; false when it cannot be read */
bool read_line(const char *path, char *buf, size_t size);
bool is_there(const char *path);

#endif
