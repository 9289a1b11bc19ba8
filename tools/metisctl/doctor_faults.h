/* SPDX-License-Identifier: GPL-2.0 */
/* Faults that IOMMUs reported for a card: doctor_faults.c */
#ifndef METISCTL_DOCTOR_FAULTS_H
#define METISCTL_DOCTOR_FAULTS_H

#include "doctor_card.h"

void check_faults(const struct card *c);

#endif
