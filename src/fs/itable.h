/* SPDX-License-Identifier: GPL-3.0-or-later */
/* itable.h - inside of the inode table: for itable.c, inode.c and alias.c only */
#ifndef FS_ITABLE_H
#define FS_ITABLE_H

#include "fs/inode.h"

/*
 * A hash table of inodes by (device, number), one of names in each directory (struct fs_use_dir),
 * and lists of inodes by key, all under one mutex. The sections under it are short and free of
 * system calls, but for those that look for all there is. A table doubles when there are two in a
 * bucket on average and never shrinks; that of a directory goes with it.
 */
#define FS_KEY_BUCKETS 4096u

struct fs_itable {
	pthread_mutex_t mutex;
	struct fs_inode **inodes; /* Protected by mutex, as all below */
	size_t inode_buckets;	  /* a power of two */
	size_t num_inodes;
	size_t peak; /* the most inodes since memory was last given back */
	/* Those whose number belongs to another object now, until the kernel forgets them. */
	struct fs_inode *stale;
	/* Those that are encrypted, by a hash of their key: its users are found among few others.
	 */
	LIST_HEAD(, fs_inode) by_key[FS_KEY_BUCKETS];
};

/* All but fs_itable_init_alias(), fs_itable_new_alias() and fs_inode_free_dead() want the mutex
 * held. */

/* itable.c */
struct fs_inode *fs_itable_find(struct fs_itable *t, uint32_t dev, uint64_t ino);
void fs_itable_add(struct fs_itable *t, struct fs_inode *inode);
void fs_itable_unhash(struct fs_itable *t, struct fs_inode *inode);
/* Its number has been given to another object: out of the way, but not out of sight. */
void fs_itable_make_stale(struct fs_itable *t, struct fs_inode *inode);
struct fs_alias *fs_itable_find_alias(const struct fs_inode *parent, const char *name);
/* Fills in one that is not linked yet; @len: of @name. */
void fs_itable_init_alias(struct fs_alias *a, struct fs_inode *parent, const char *name,
			  size_t len);
struct fs_alias *fs_itable_new_alias(struct fs_inode *parent, const char *name);
void fs_itable_link_alias(struct fs_alias *a, struct fs_inode *inode);
/* Takes the alias out; it is the caller's now, with its reference on the parent. */
void fs_itable_unlink_alias(struct fs_alias *a);
/* Gives back the memory of one that is not linked any more, unless that is its inode's. */
void fs_itable_free_alias(struct fs_alias *a);
/*
 * Takes the alias out for good. Where the last one of a file was is remembered (nameless): what a
 * file without a name is, encrypted or not and with which policy, still follows from it. Returns
 * what is left over for fs_itable_drop_alias(), or NULL.
 */
struct fs_alias *fs_itable_retire_alias(struct fs_alias *a);
/* Links @a as a name of @inode, whatever it has been a name of. */
void fs_itable_give_name(struct fs_itable *t, struct fs_inode *inode, struct fs_alias *a,
			 struct fs_inode **dead);
/* Frees one that is not linked (NULL is fine), with its reference on the parent. */
void fs_itable_drop_alias(struct fs_itable *t, struct fs_alias *a, struct fs_inode **dead);

/* None at all, or none but the one that it has lost. */
static inline bool fs_itable_is_nameless(const struct fs_inode *inode)
{
	return inode->nameless || LIST_EMPTY(&inode->names);
}

/* key-users.c: the inode dies. */
void fs_itable_leave_key(struct fs_inode *inode);

/* inode.c: drop a reference; what dies with it is put on *dead, to be freed without the mutex. */
void fs_inode_put_locked(struct fs_itable *t, struct fs_inode *inode, struct fs_inode **dead);
void fs_inode_free_dead(struct fs_inode *dead);

#endif
