/* SPDX-License-Identifier: GPL-2.0 */
/* Files and facts of this machine: host.c */
#ifndef METISCTL_HOST_H
#define METISCTL_HOST_H

#include <stdio.h>

#include "base.h"

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
/* The same of a stream */
char *read_stream(FILE *f, size_t *len);
/* Is this one of the names by which the device tree calls the machine? */
bool is_compatible(const char *name);
/* The kernel's command line, or NULL */
const char *command_line(void);

#endif
