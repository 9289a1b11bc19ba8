/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Read by sparse before each source: what the headers of 7.x use and sparse
 * 0.6.4 does not know.
 */
#define __typeof_unqual__	__typeof__

/* MODULE_INFO() asserts with it that its string has no NUL inside. */
#define __builtin_strlen(s)	(sizeof(s) - 1)
