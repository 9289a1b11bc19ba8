/* SPDX-License-Identifier: GPL-2.0 */
/* The commands, each in the file of its name (cmd_dma_test() in dmatest.c) */
#ifndef METISCTL_COMMANDS_H
#define METISCTL_COMMANDS_H

int cmd_list(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_fw_load(int argc, char **argv);
int cmd_dma_read(int argc, char **argv);
int cmd_dma_write(int argc, char **argv);
int cmd_dma_test(int argc, char **argv);
int cmd_wait(int argc, char **argv);
int cmd_events(int argc, char **argv);
int cmd_reset(int argc, char **argv);
int cmd_doctor(int argc, char **argv);

#endif
