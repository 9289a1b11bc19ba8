// SPDX-License-Identifier: GPL-2.0
#include "axl_device.h"

#define CREATE_TRACE_POINTS
#include "axl_trace.h"
