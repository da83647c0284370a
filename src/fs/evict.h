/* SPDX-License-Identifier: GPL-3.0-or-later */
/* evict.h - a key is taken from the inodes that use it: from idle ones, or from all */
#ifndef FS_EVICT_H
#define FS_EVICT_H

#include "fs/inode.h"

/*
 * Free what idle inodes hold of the key: infos of inodes without open handles. For removal, after
 * the kernel's caches have been dropped.
 */
void fs_evict_key_users(struct fs_super *sb, const struct fscrypt_key_specifier *spec);

/*
 * The steps of revoking, after fscrypt_revoke_key(). First raise the bar for all regular files that
 * were set up with the key: FS_BAR_READS, so that data can still come to the store, then
 * FS_BAR_ALL. A request that is under way may pass once more.
 */
void fs_bar_key_users(struct fs_super *sb, const struct fscrypt_key_specifier *spec,
		      enum fs_bar bar);

/*
 * Then take the key from all inodes, in use or not: evicted from the device and wiped when this
 * returns. Files that are open are revoked: their handles answer ENOKEY for as long as they live,
 * and the file gets another inode when it is looked up. Waits for requests that use the key.
 * Headers have been stored. Context: no lock held.
 */
void fs_revoke_key_users(struct fs_super *sb, const struct fscrypt_key_specifier *spec);

#endif
