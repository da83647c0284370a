/* SPDX-License-Identifier: GPL-3.0-or-later */
/* symlink.h - symlinks in the store: header and payload as text, long payloads aside */
#ifndef FS_SYMLINK_H
#define FS_SYMLINK_H

#include "fs/format.h"
#include "fs/inode.h"

/* The text that the backing symlink has. Returns its length (no NUL) or -errno. */
ssize_t fs_symlink_read_stored(struct fs_inode *inode, char *buf, size_t cap);

/*
 * Take @len characters apart: @blob (STORE_SYMLINK_MAX bytes) gets the decoded bytes, of which
 * *ret_used are header; the payload follows, unless the header says LONG. *ret_len (may be NULL):
 * all bytes. -EUCLEAN.
 */
int fs_symlink_decode(const char *text, size_t len, uint8_t *blob, struct store_header *ret_hdr,
		      size_t *ret_used, size_t *ret_len);

/*
 * The text for a new symlink with context @ctx, virtual number @vino and key @info; a payload that
 * is too long for it is written aside. @ret_text has STORE_SYMLINK_MAX + 1 bytes. -ENAMETOOLONG.
 */
int fs_symlink_make(struct fs_super *sb, struct fs_inode *parent, const union fscrypt_context *ctx,
		    size_t ctx_len, uint32_t vino, struct fscrypt_info *info, const char *target,
		    char *ret_text);

/* The payload kept aside of a symlink with this context goes, if there is one. */
void fs_symlink_drop_long(struct fs_super *sb, const union fscrypt_context *ctx);

/* What readlink(2) shows: the target, or its no-key form. @ret_target has
 * FSCRYPT_MAX_SYMLINK_PAYLOAD bytes; NUL added. */
int fs_readlink(struct fs_inode *inode, char *ret_target, size_t *ret_len);

/* st_size of a symlink: the length of the above, remembered while no key comes or goes. */
int fs_symlink_size(struct fs_inode *inode, uint64_t *ret_size);

#endif
