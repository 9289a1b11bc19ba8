// SPDX-License-Identifier: GPL-2.0
/* The ELF corpus of the host tests. */
#include "corpus.c"
