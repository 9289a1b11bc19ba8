/* SPDX-License-Identifier: GPL-2.0 */
/* Firmware: check, upload, start: axl_fw.c */
#ifndef AXL_FW_H
#define AXL_FW_H

#include <uapi/axl.h>

struct axl_device;
struct axl_fw_load;

int axl_fw_load(struct axl_device *axl, struct axl_fw_load *req);

#endif
