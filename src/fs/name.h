/* SPDX-License-Identifier: GPL-3.0-or-later */
/* name.h - between the names that users see and the names that the store has */
#ifndef FS_NAME_H
#define FS_NAME_H

#include "fs/format.h"
#include "fs/inode.h"

/* A name in a directory, in the store's form. */
struct fs_name {
	char stored[NAME_MAX_LEN + 1];
	bool is_long;		  /* has a sidecar */
	bool plain;		  /* in a plain directory: may stand there in either spelling */
	uint8_t ct[NAME_MAX_LEN]; /* ciphertext, when @ct_len is not 0 */
	size_t ct_len;
};

/*
 * All: @dir is loaded, its dir_lock is held (shared for look-ups and reading, exclusive for
 * making), and
 * @dirfd is its descriptor.
 */

/*
 * The stored name that @name would have. With the key by encryption; without it @name is a no-key
 * name. -ENOENT when it can stand for nothing here, -ENAMETOOLONG, -EUCLEAN (directory damaged).
 * The entry need not exist.
 */
int fs_name_lookup(struct fs_inode *dir, int dirfd, const char *name, struct fs_name *ret);

/* For a new entry: -ENOKEY when locked or the key is on its way out, -EPERM for a reserved name. */
int fs_name_create(struct fs_inode *dir, const char *name, struct fs_name *ret);

/* In a plain directory: the spelling of encrypted files and symlinks. -ENAMETOOLONG. */
int fs_name_mark_encrypted(struct fs_name *name);

/*
 * What a stored name is to users: @ret_name (at most 255 bytes, NUL added). -ENOENT: not an entry.
 * -ESTALE: it went away meanwhile.
 */
int fs_name_read(struct fs_inode *dir, int dirfd, const char *stored,
		 char ret_name[static NAME_MAX_LEN + 1], size_t *ret_len);

/* Sidecar of a long name: written before the entry appears, removed after it is gone. */
int fs_sidecar_write(struct fs_inode *dir, int dirfd, const struct fs_name *name);
/* fsync it: before its entry becomes the name of something that is relied on. */
int fs_sidecar_sync(struct fs_inode *dir, int dirfd, const struct fs_name *name);
void fs_sidecar_remove(struct fs_inode *dir, int dirfd, const struct fs_name *name);
/* The entry could not be made: its sidecar goes, unless there is such an entry, whose it is. */
void fs_sidecar_undo(struct fs_inode *dir, int dirfd, const struct fs_name *name);

/* A small file made whole under @name in @dirfd: 0, -EEXIST, -errno. */
int fs_store_small_file(struct fs_super *sb, int dirfd, const char *name, bool replace,
			const void *data, size_t len);
/* A random name that is never an entry. */
void fs_temp_name(char ret_name[static NAME_MAX_LEN + 1]);

#endif
