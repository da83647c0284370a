/* SPDX-License-Identifier: GPL-3.0-or-later */
/* change.h - every change of the store that is no bio goes by here, so that devices can record it
 */
#ifndef FS_CHANGE_H
#define FS_CHANGE_H

#include <stddef.h>
#include <sys/types.h>

#include "fs/super.h"

/*
 * The system calls of these names, with sb->bdev told what was done where one of its devices wants
 * to know (`log`, `integrity`). Return 0 or -errno; those that open a descriptor or -errno. Changes
 * of attributes are not among them: nothing depends on these.
 */
int fs_do_create(const struct fs_super *sb, int dirfd, const char *name, int flags, mode_t mode);
int fs_do_tmpfile(const struct fs_super *sb, int dirfd, int flags, mode_t mode);
int fs_do_mkdir(const struct fs_super *sb, int dirfd, const char *name, mode_t mode);
int fs_do_mknod(const struct fs_super *sb, int dirfd, const char *name, mode_t mode, dev_t rdev);
int fs_do_symlink(const struct fs_super *sb, const char *target, int dirfd, const char *name);
/* Another name for what @fd is, which may be O_PATH. */
int fs_do_link(const struct fs_super *sb, int fd, int dirfd, const char *name);
int fs_do_rename(const struct fs_super *sb, int dirfd, const char *name, int dirfd2,
		 const char *name2, unsigned flags);
/* @flags as of unlinkat(). */
int fs_do_unlink(const struct fs_super *sb, int dirfd, const char *name, int flags);
int fs_do_truncate(const struct fs_super *sb, int fd, off_t size);
int fs_do_fallocate(const struct fs_super *sb, int fd, int mode, off_t pos, off_t len);
/* All of it, as io_pwrite(). For what is not the contents of a user's file. */
int fs_do_pwrite(const struct fs_super *sb, int fd, const void *buf, size_t len, off_t pos);
int fs_do_fsync(const struct fs_super *sb, int fd, bool datasync);
int fs_do_syncfs(const struct fs_super *sb, int fd);
/* io_replace_file(). */
int fs_do_replace_file(const struct fs_super *sb, int dirfd, const char *name, const void *buf,
		       size_t len, mode_t mode);

/*
 * Tell a device that wants to know (wants_base) all that the store has, before anything changes:
 * one name after the other, directories before what is in them. Nothing where none wants to know.
 */
int fs_change_base(const struct fs_super *sb, int root_fd);

#endif
