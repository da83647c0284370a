/* SPDX-License-Identifier: GPL-3.0-or-later */
/* namei.h - names in directories: look up, make, link, remove, rename */
#ifndef FS_NAMEI_H
#define FS_NAMEI_H

#include "fs/attr.h"
#include "fs/file.h"
#include "fs/name.h"

/*
 * All take the directory as the kernel knows it, user-visible names, and return 0 or -errno as
 * spec/ioctls.md section 9 has it. Entries are referenced; the caller raises the kernel's count.
 */

/* namei.c */
int fs_lookup(struct fs_inode *parent, const char *name, struct fs_entry *ret_entry);
/* Regular file, opened; -EEXIST when the name exists. */
int fs_create(struct fs_inode *parent, const char *name, mode_t mode, const struct fs_cred *cred,
	      struct fs_entry *ret_entry, struct fs_file **ret_file);
/* Any but directories and symlinks. */
int fs_mknod(struct fs_inode *parent, const char *name, mode_t mode, dev_t rdev,
	     const struct fs_cred *cred, struct fs_entry *ret_entry);
int fs_mkdir(struct fs_inode *parent, const char *name, mode_t mode, const struct fs_cred *cred,
	     struct fs_entry *ret_entry);
int fs_symlink(struct fs_inode *parent, const char *name, const char *target,
	       const struct fs_cred *cred, struct fs_entry *ret_entry);

/* link.c */
int fs_link(struct fs_inode *inode, struct fs_inode *parent, const char *name,
	    const struct fs_cred *cred, struct fs_entry *ret_entry);
/* A file without a name in @parent's policy (O_TMPFILE); -EOPNOTSUPP where the backing cannot. */
int fs_tmpfile(struct fs_inode *parent, mode_t mode, int flags, const struct fs_cred *cred,
	       struct fs_entry *ret_entry, struct fs_file **ret_file);

/* remove.c */
int fs_unlink(struct fs_inode *parent, const char *name);
int fs_rmdir(struct fs_inode *parent, const char *name);

/* rename.c; @flags: RENAME_NOREPLACE, RENAME_EXCHANGE */
int fs_rename(struct fs_inode *parent, const char *name, struct fs_inode *new_parent,
	      const char *new_name, unsigned flags);

/* ---- shared by these files ---------------------------------------------------------------------
 */

/*
 * A directory to find names in, with the key or without: loaded, its descriptor pinned (returned),
 * its dir_lock held, exclusively to @change names. Or -errno and nothing held.
 */
int fs_dir_enter(struct fs_inode *dir, bool change);
void fs_dir_leave(struct fs_inode *dir);

/* statx of a stored name. */
int fs_stat_stored(int dirfd, const char *stored, struct statx *ret_stx);

/*
 * Find @name in @parent, whose dir_lock is held and whose descriptor is @dirfd: the stored name (in
 * either spelling) and its statx. -ENOENT.
 */
int fs_find_entry(struct fs_inode *parent, int dirfd, const char *name, struct fs_name *ret_name,
		  struct statx *ret_stx);

/*
 * Before a new entry: the directory is alive and has its context in the store; *ret_name is the
 * stored name and its sidecar is there. dir_lock is held exclusively. A name that exists in the
 * other spelling of a plain directory is -EEXIST.
 */
int fs_prepare_entry(struct fs_inode *parent, int dirfd, const char *name, bool encrypted_object,
		     struct fs_name *ret_name);

/*
 * Make an encrypted directory that has no entries really empty, for rmdir and for rename over it:
 * its context and leftovers are removed. -ENOTEMPTY. Its parent's dir_lock is held exclusively;
 * takes the directory's own for the time of the call. fs_undo_empty_dir() gives it its context
 * back.
 */
int fs_empty_dir(struct fs_inode *dir);
void fs_undo_empty_dir(struct fs_inode *dir);

/* @dir has been removed: nothing is made in it, or of it, any more. Takes its dir_lock. */
void fs_dir_gone(struct fs_inode *dir);

/* Before the last name of @inode may go: keep what handles and the kernel still need. */
void fs_prepare_last_name(struct fs_inode *inode, struct fs_inode *parent, int dirfd,
			  const char *stored);

#endif
