// SPDX-License-Identifier: GPL-2.0
/* The ELF corpus of the host tests, made on the board for the card it has. */
#include "../host/corpus.c"
