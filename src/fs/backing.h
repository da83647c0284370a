/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backing.h - from an inode to its backing object: one component at a time, checked */
#ifndef FS_BACKING_H
#define FS_BACKING_H

#include <dirent.h>

#include "fs/inode.h"

/*
 * Directory descriptors: O_PATH, opened on first use from the parent's, kept in a list of least
 * recent use that is bounded by a share of RLIMIT_NOFILE.
 */
int fs_dirfds_create(struct fs_super *sb);
/*
 * Open handles and what is kept of removed files (fs_inode_keep()) have taken the descriptors that
 * there are for them: waits, a tenth of a second at most, while FORGETs that would give some back
 * are on their way. Called before a descriptor of that kind is taken, with no lock held.
 */
void fs_descriptors_settle(struct fs_super *sb);
/*
 * One more open file or directory: 0, or -ENFILE when that would leave no descriptors for work. May
 * wait, as above.
 */
int fs_handle_take(struct fs_super *sb);
void fs_handle_give(struct fs_super *sb);
/* Whether there is room for one: asked before anything is made that is then to be opened. May wait.
 */
int fs_handle_room(struct fs_super *sb);
void fs_dirfds_destroy(struct fs_super *sb);

/* Pin the descriptor of @dir. Returns it or -errno (-ESTALE when another object is there now). */
int fs_dirfd_get(struct fs_inode *dir);
void fs_dirfd_put(struct fs_inode *dir);
/*
 * openat() that closes some of them that nobody is using when descriptors have run out, and tries
 * again. Returns a descriptor or -errno.
 */
int fs_open_somehow(struct fs_super *sb, int dirfd, const char *name, int flags);
/* The same for a directory that is to be read: its DIR, or NULL and -errno in @ret_err. */
DIR *fs_dir_open_somehow(struct fs_super *sb, int dirfd, int *ret_err);
/* Close it when the inode dies. */
void fs_dirfd_drop(struct fs_inode *dir);

/*
 * A name of @inode that stays valid: the parent's descriptor is pinned and its dir_lock held
 * shared. * For an inode that has lost its last name, dirfd is its kept descriptor and the name is
 * empty, as AT_EMPTY_PATH wants it; -ESTALE when there is none.
 */
struct fs_path {
	struct fs_inode *parent; /* NULL for the root, and for a nameless inode */
	int dirfd;
	char name[NAME_MAX_LEN + 1];
};
int fs_path_get(struct fs_inode *inode, struct fs_path *path);
void fs_path_put(struct fs_path *path);

#define FS_STATX_MASK (STATX_BASIC_STATS | STATX_BTIME)

/* statx of the inode by an open handle, its kept descriptor or its name; -ESTALE unless it is it.
 */
int fs_inode_statx(struct fs_inode *inode, struct statx *ret_stx);

/* True when @stx is this inode (device, number, type, birth time). */
bool fs_inode_is(const struct fs_inode *inode, const struct statx *stx);

/* O_PATH descriptor, checked. The caller closes it. */
int fs_inode_open_path(struct fs_inode *inode);

/*
 * A real descriptor of a regular file or directory: O_RDONLY or O_RDWR in @flags (others of
 * O_TRUNC, O_CREAT ... are not allowed). Checked before it is opened; never follows, blocks or
 * becomes a controlling terminal. The caller closes it. @ret_stx, which may be NULL: its stat,
 * before anything was read; stx_mask is 0 where there is none.
 */
int fs_inode_open(struct fs_inode *inode, int flags, struct statx *ret_stx);

/* "/proc/self/fd/N" of @fd, for calls that only take paths. */
struct fs_procpath {
	char s[32];
};
struct fs_procpath fs_procpath(int fd);

#endif
