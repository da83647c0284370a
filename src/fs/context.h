/* SPDX-License-Identifier: GPL-3.0-or-later */
/* context.h - where an inode's fscrypt_context is kept, and its key set up when it is needed */
#ifndef FS_CONTEXT_H
#define FS_CONTEXT_H

#include "fs/inode.h"

/*
 * Find out whether @inode is encrypted and with which context, reading the store at most once.
 * @fd: an open descriptor of a regular file, or -1. 0, then inode->crypt is PLAIN or ENCRYPTED;
 * else the reason: -EUCLEAN (bad or lost header or context), -EINVAL (unrecognised), -EIO, -ESTALE.
 */
int fs_context_load(struct fs_inode *inode, int fd);

/*
 * After fs_context_load() has failed: whether that will not change, because the context is damaged
 * or unrecognised. Such a directory is as good as locked: what is in it is listed under no-key
 * names and can be removed.
 */
bool fs_context_is_bad(const struct fs_inode *inode);

/*
 * The policy that new files, directories and symlinks in @parent get; it is loaded. -ENODATA: none,
 * they are plain. -EINVAL: nobody understands the parent's.
 */
int fs_context_heritage(const struct fs_inode *parent, union fscrypt_policy *ret_policy);

/* What is stored as the policy of @inode, as far as that has been looked at. -EINVAL when it is not
 * understood, or not there (use.c). */
int fs_context_policy(const struct fs_inode *inode, union fscrypt_policy *ret_policy);

/* A new inode under @parent gets @parent's policy and a fresh nonce, in memory; @parent is loaded,
 * and the inode has its fs_use. */
void fs_context_inherit(struct fs_inode *inode, struct fs_inode *parent);

/* A new inode, which has its fs_use, and whose context and key were made before it: takes @info
 * over. */
void fs_context_adopt(struct fs_inode *inode, struct fs_inode *parent,
		      const union fscrypt_context *ctx, size_t ctx_len, uint32_t vino,
		      struct fscrypt_info *info);

/*
 * An inode whose policy needs a virtual number gets one, if it has none: it is an empty file or
 * directory that a crash caught before its header, which is stored with it. Nothing to do on a
 * read-only mount. Context: as fs_inode_open(); crypt_lock not held.
 */
int fs_context_settle(struct fs_inode *inode);

/*
 * Set up the key when it is there: after 0, inode->use->info is set and stays until the key is
 * removed and no handle is open. -ENOKEY, -ENOPKG, -EINVAL or what fs_context_load() gives. 0 for
 * PLAIN too.
 */
int fs_context_require_key(struct fs_inode *inode);

/* As above for a directory between whose names something is to be moved: -ENOKEY when they are
 * no-key names, for whatever reason. */
int fs_context_require_names(struct fs_inode *dir);

/* Encrypted, and its key is not set up: for look-ups that have just failed. */
bool fs_context_is_locked(struct fs_inode *inode);

/* As above but a locked directory is no error: *ret_info is NULL then (and for plain ones). The
 * info is borrowed: valid while the inode is referenced and its dir_lock is held (either way). */
int fs_context_try_key(struct fs_inode *inode, struct fscrypt_info **ret_info);

/*
 * The header or context file goes to the store unless it is there. Regular files: @fd is a writable
 * descriptor; keeps mtime. Directories: @fd is ignored. An inode that needs a virtual number and
 * has none gets one. Context: crypt_lock not held.
 */
int fs_context_store(struct fs_inode *inode, int fd);
/* The same with crypt_lock held, for an encrypted inode. */
int fs_context_store_locked(struct fs_inode *inode, int fd);

/*
 * A plain directory gets a virtual number, which it keeps when it gets a policy later, and which is
 * stored in place of a context. Context: its dir_lock is held exclusively, or nobody else knows it.
 */
int fs_context_store_number(struct fs_inode *dir);

/* The 4096-byte header block of a regular file's context. crypt_lock is held. */
void fs_context_header_block(const struct fs_inode *inode, uint8_t block[static 4096]);

/* Whether @child may be in @parent (spec/fscrypt.md section 14); both loaded. */
bool fs_context_permitted(const struct fs_inode *parent, const struct fs_inode *child);

/*
 * What a look-up of @inode in @parent, which is loaded, says to that: 0, -EPERM, or why @inode's
 * context cannot be read. Regular files are found whatever they are, and so is what is damaged.
 */
int fs_context_check_found(const struct fs_inode *parent, struct fs_inode *inode);

/* The same for opening a regular file, which is loaded: 0, -EPERM, -EUCLEAN (damaged, foreign). */
int fs_context_check_open(struct fs_inode *inode);

/* A directory's inode goes while what it has in the store may not be on disk yet. */
void fs_context_forget_unsynced(struct fs_inode *dir);

/* fsync contexts and sidecars that @inode needs to be found again, up to the root. */
int fs_context_sync_chain(struct fs_inode *inode);

/*
 * Before an object that somebody may have fsynced gets a name in @dir: what is needed to find it
 * there is fsynced. Else a power cut might keep the name and lose what it means. The latter says
 * whether that is so: false for a file that this mount has made and not fsynced.
 * Context: no lock is held.
 */
int fs_context_secure(struct fs_inode *dir);
bool fs_may_be_synced(const struct fs_inode *inode);

#endif
