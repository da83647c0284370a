/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dir.h - listing directories */
#ifndef FS_DIR_H
#define FS_DIR_H

#include "fs/attr.h"

/* An open directory. fi->fh is its address. */
struct fs_dir;

int fs_opendir(struct fs_inode *inode, struct fs_dir **ret_dir);
void fs_releasedir(struct fs_dir *dir);

/* fsync of the directory and of all that its entries need to be found. */
int fs_fsyncdir(struct fs_dir *dir, bool datasync);

/*
 * Calls @emit for each entry from @off on (0: the beginning; else an @next of before). @entry is
 * NULL for "." and "..", and always when @plus is false: then @ino and @type are all there is.
 * @emit returns false when it has no room for this entry, which ends the call; it owns a reference
 * that it accepts by returning true (and none otherwise). 0 or -errno.
 */
typedef bool (*fs_emit_fn)(void *arg, const char *name, ino_t ino, mode_t type,
			   struct fs_entry *entry, off_t next);
int fs_readdir(struct fs_dir *dir, off_t off, bool plus, fs_emit_fn emit, void *arg);

/*
 * 0 when the directory @dirfd has no entry, -ENOTEMPTY when it has, another -errno when that cannot
 * be told; *ret_internal (may be NULL) at 0: whether it holds a context file or leftovers, which
 * are not entries.
 */
int fs_dir_check_empty(struct fs_super *sb, int dirfd, bool *ret_internal);

#endif
