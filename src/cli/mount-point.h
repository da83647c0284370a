/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mount-point.h - whether a store may be mounted there */
#ifndef CLI_MOUNT_POINT_H
#define CLI_MOUNT_POINT_H

#include <stdbool.h>

/*
 * Check @mnt, cleaning up a dead mount of ours first: an existing directory, empty unless
 * @nonempty, not mounted by us already, not within @store nor @store within it. Reports and returns
 * an exit code; with EXIT_DONE *ret_mnt and *ret_store are absolute and resolved (malloc'ed).
 */
int mount_point_check(const char *store, const char *mnt, bool nonempty, char **ret_store,
		      char **ret_mnt);

#endif
