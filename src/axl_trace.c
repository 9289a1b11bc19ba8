// SPDX-License-Identifier: GPL-2.0
#include "axl.h"

#define CREATE_TRACE_POINTS
#include "axl_trace.h"
