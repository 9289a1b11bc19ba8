/* SPDX-License-Identifier: GPL-2.0 */
/* debugfs files: axl_debugfs.c */
#ifndef AXL_DEBUGFS_H
#define AXL_DEBUGFS_H

struct axl_device;

void axl_debugfs_init(void);
void axl_debugfs_exit(void);
void axl_debugfs_add(struct axl_device *axl);
void axl_debugfs_del(struct axl_device *axl);

#endif
