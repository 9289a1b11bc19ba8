/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Programs of the fuzzer that are run first, each time: SEED(number, why it is
 * kept). A change of the generators changes what a seed does; one that found a
 * bug is worth a test of its own, too.
 */
SEED(0x540dfc68f47ec940, "nearly every call, by several threads")
SEED(0xe8ed535b1861ab44, "restarts, and a start as the SDK makes it")
SEED(0x152637440616bfce, "a reset during calls of other threads")
SEED(0x57237907694e83e5, "reads of a stream")
SEED(0x3baa5129d26165d7, "found: a link lost during a recovery, bus mastering on too early")
