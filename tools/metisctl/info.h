/* SPDX-License-Identifier: GPL-2.0 */
/* Names of states and modes: info.c */
#ifndef METISCTL_INFO_H
#define METISCTL_INFO_H

#include "base.h"

const char *fw_state_name(u32 state);
const char *iommu_name(u32 mode);

#endif
