/* SPDX-License-Identifier: GPL-3.0-or-later */
/* attr.h - attributes as users see them, and their changes */
#ifndef FS_ATTR_H
#define FS_ATTR_H

#include <sys/stat.h>
#include <sys/statvfs.h>

#include "fs/inode.h"

struct fs_file;

/* An entry found or made: the inode, referenced, and its attributes. */
struct fs_entry {
	struct fs_inode *inode;
	struct stat attr;
};

enum {
	FS_SET_MODE = 1u << 0,
	FS_SET_UID = 1u << 1,
	FS_SET_GID = 1u << 2,
	FS_SET_SIZE = 1u << 3,
	FS_SET_ATIME = 1u << 4,
	FS_SET_MTIME = 1u << 5,
	FS_SET_ATIME_NOW = 1u << 6,
	FS_SET_MTIME_NOW = 1u << 7,
};

/*
 * st of statx: size and blocks as the plaintext has them. A damaged object still has attributes:
 * its size is 0 then.
 */
void fs_attr_from_statx(struct fs_inode *inode, const struct statx *stx, struct stat *ret_attr);

int fs_getattr(struct fs_inode *inode, struct stat *ret_attr);

/* Whether the daemon itself, and so a user who is alone on its mount, may do @mask (R_OK, W_OK,
 * X_OK). 0 or -EACCES, -EROFS, ... */
int fs_access(struct fs_inode *inode, int mask);

/* Changes @set of @attr; @file (may be NULL) is an open handle, for the size. *ret_attr:
 * afterwards. A size change without the key is -ENOKEY. */
int fs_setattr(struct fs_inode *inode, struct fs_file *file, const struct stat *attr, unsigned set,
	       struct stat *ret_attr);

int fs_statfs(struct fs_super *sb, struct statvfs *ret_st);

/* Extended attributes pass through: the store keeps nothing of its own in them. Returns sizes as
 * the system calls do, or -errno. */
ssize_t fs_getxattr(struct fs_inode *inode, const char *name, void *value, size_t size);
ssize_t fs_listxattr(struct fs_inode *inode, char *list, size_t size);
int fs_setxattr(struct fs_inode *inode, const char *name, const void *value, size_t size,
		int flags);
int fs_removexattr(struct fs_inode *inode, const char *name);

#endif
