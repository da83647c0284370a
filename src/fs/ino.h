/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ino.h - the inode numbers that users see: virtual ones, and others that cannot equal one */
#ifndef FS_INO_H
#define FS_INO_H

#include "fs/inode.h"

/*
 * st_ino of @inode, whose number in the backing is @backing. In a store without IV_INO policies
 * that one; else the virtual number of those that have one, and for all others the backing's with
 * the highest bit set, which no virtual number has.
 */
ino_t fs_ino_shown(const struct fs_inode *inode, ino_t backing);

/*
 * A regular file was found in @parent: its number may be in its header, which is read then (a
 * directory's and a symlink's is read anyway). What is wrong with it shows when it is opened.
 * Context: the parent's dir_lock may be held shared.
 */
void fs_ino_found(struct fs_inode *parent, struct fs_inode *inode);

/*
 * d_ino of the entry @stored of @dir: the number that stat would show. @backing and @type (DT_*)
 * are what the backing's directory says. @dir's dir_lock is held shared; @dirfd is its descriptor.
 */
ino_t fs_ino_of_entry(struct fs_inode *dir, int dirfd, const char *stored, ino_t backing,
		      unsigned char type);

#endif
