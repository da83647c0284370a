/* SPDX-License-Identifier: GPL-3.0-or-later */
/* remount.h - change the flags of a mount that is there */
#ifndef CLI_REMOUNT_H
#define CLI_REMOUNT_H

#include "cli/mount-opts.h"

/*
 * Set and clear the flags of mount(2) that @opts name on the mount at @mnt, and leave the others
 * as they are. What only a new mount can have (keys, devices) is ignored: mount(8) repeats all of a
 * mount's options, and fstab's. An exit code, reported.
 */
int remount(const struct mount_opts *opts, const char *mnt);

#endif
