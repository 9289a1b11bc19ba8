/* SPDX-License-Identifier: GPL-2.0 */
/* Kernel configuration, parameters and modules: doctor_host.c */
#ifndef METISCTL_DOCTOR_HOST_H
#define METISCTL_DOCTOR_HOST_H

#include "doctor_card.h"

void check_driver(const struct card *c);
void check_module(void);
void check_kernel(void);
void check_parameters(void);
void check_vendor(void);

#endif
