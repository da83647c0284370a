/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mounted-store.h - from a store to the place where it is mounted */
#ifndef CLI_MOUNTED_STORE_H
#define CLI_MOUNTED_STORE_H

/*
 * Open the root of the mount that @path belongs to: @path is in a mount, or it is a store that is
 * mounted somewhere. *ret_fd is to be closed. 0; -ENOTTY when it is neither; -errno.
 */
int mounted_store_open(const char *path, int *ret_fd);

#endif
