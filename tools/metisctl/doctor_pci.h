/* SPDX-License-Identifier: GPL-2.0 */
/* What PCI says of a card: doctor_pci.c */
#ifndef METISCTL_DOCTOR_PCI_H
#define METISCTL_DOCTOR_PCI_H

#include "doctor_card.h"

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

#endif
