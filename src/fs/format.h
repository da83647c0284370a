/* SPDX-License-Identifier: GPL-3.0-or-later */
/* format.h - on-disk format 1: header block, sizes, stored names, stored symlinks (no I/O here) */
#ifndef FS_FORMAT_H
#define FS_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "fs/fscrypt/fscrypt_uapi.h"

#define STORE_FORMAT	      1
#define STORE_HEADER_SIZE     4096
#define STORE_DIR	      ".fuscrypt"     /* in the store's root */
#define STORE_RESERVED_PREFIX ".fuscrypt"     /* hidden in plain directories */
#define STORE_CTX_NAME	      ".fuscrypt.ctx" /* an encrypted directory's context */
#define STORE_CTX_TMP_PREFIX  ".fuscrypt.t."  /* a context, sidecar or directory being made */
#define STORE_LONG_PREFIX     ".fuscrypt.l."  /* entry whose name is too long to be stored */
#define STORE_SIDECAR_PREFIX  ".fuscrypt.n."  /* the ciphertext of such a name */
#define STORE_ENC_PREFIX      ".fuscrypt.e."  /* encrypted file or symlink in a plain directory */
#define STORE_SYMLINK_MAX     1000 /* longest stored symlink text; longer ones go aside */

/*
 * The header: of a regular file its first block, of a directory the file STORE_CTX_NAME, of a
 * symlink the first bytes of the decoded target. Little endian:
 *
 *   0  8  magic "fuscrypt"
 *   8  1  format (1)
 *   9  1  flags: 1 = LONG (symlink whose payload is in .fuscrypt/symlinks/<nonce hex>),
 *         2 = PLAIN (directory that is not encrypted and has a number: no context)
 *  10  2  used length, checksum included
 *  12  4  virtual inode number, 0 when the policy needs none
 *  16  4  parent's virtual inode number when created (hint)
 *  20  1  context length (28 or 40; 0 with PLAIN)
 *  21  3  zero
 *  24 16  parent's nonce when created (hint), zeros when there was none
 *  40  n  fscrypt_context, as the kernel's xattr holds it
 *  40+n 8 first 8 bytes of SHA-256 over bytes 0 .. 40+n-1
 *
 * The rest of a 4096-byte block is zero. A directory's file holds the used part only.
 */
#define STORE_HDR_FLAG_LONG  0x01
#define STORE_HDR_FLAG_PLAIN 0x02
#define STORE_HDR_CTX_OFFSET 40
#define STORE_HDR_MAX_USED   (STORE_HDR_CTX_OFFSET + FSCRYPT_CONTEXT_SIZE_MAX + 8)

struct store_header {
	uint8_t flags;
	uint32_t ino;
	uint32_t parent_ino;
	uint8_t parent_nonce[FSCRYPT_FILE_NONCE_SIZE];
	union fscrypt_context ctx;
	size_t ctx_len;
};

/* Encode the used part into @buf (STORE_HDR_MAX_USED bytes). Returns its length. */
size_t store_header_encode(const struct store_header *hdr, uint8_t *buf);

/*
 * Decode from the first bytes of a block, file or symlink. *ret_used is the used length.
 * -EUCLEAN: bad magic, length, checksum or reserved bytes. -EPROTONOSUPPORT: a newer format.
 * -ENODATA: all of the @len bytes (at least STORE_HDR_MAX_USED or what there is) are zero.
 * The context is not judged: an unrecognised one inside a sound header is the caller's -EINVAL.
 */
int store_header_decode(const uint8_t *buf, size_t len, struct store_header *ret_hdr,
			size_t *ret_used);

/*
 * Sizes (DESIGN section 2): st_size of a file of @size bytes in data units of @du; a file without
 * anything stored is 0 bytes long, one with only a header STORE_HEADER_SIZE.
 */
uint64_t store_size_encode(uint64_t size, unsigned du);

/* The file's size from st_size. -EUCLEAN for a length that no file can have. */
int store_size_decode(uint64_t st_size, unsigned du, uint64_t *ret_size);

/* Ciphertext of a name (16..255 bytes) to its stored name; @ret_name NUL-terminated. */
void store_name_encode(const uint8_t *ct, size_t len, char ret_name[static NAME_MAX_LEN + 1],
		       bool *ret_long);
/* Stored name of the long form by the first 149 bytes and the hash of the rest (a no-key name). */
void store_name_encode_long(const uint8_t prefix[static 149], const uint8_t rest_sha256[static 32],
			    char ret_name[static NAME_MAX_LEN + 1]);

enum store_name_kind {
	STORE_NAME_SHORT,    /* base64url of the ciphertext, given back */
	STORE_NAME_LONG,     /* STORE_LONG_PREFIX: the sidecar has the ciphertext */
	STORE_NAME_INTERNAL, /* context, sidecar, temporary: not an entry */
	STORE_NAME_FOREIGN,  /* nothing of ours: a sync tool's or somebody's */
};
/* What a name in an encrypted directory is. @ret_ct gets 16..255 bytes for SHORT. */
enum store_name_kind store_name_classify(const char *name, uint8_t ret_ct[static NAME_MAX_LEN],
					 size_t *ret_len);
/* Sidecar's name of a long stored name (same hash, other prefix). */
void store_sidecar_name(const char *long_name, char ret_name[static NAME_MAX_LEN + 1]);
/* True when @ct hashes to the long stored name. */
bool store_long_name_matches(const char *long_name, const uint8_t *ct, size_t len);

/* Foreign entries as no-key names: hash words 0xFFFFFFFF, bytes the raw stored name. */
size_t store_foreign_nokey(const char *name, char *ret_text, size_t cap);

/* True for names that are hidden in plain directories and may not be created there. */
bool store_name_is_reserved(const char *name);

#endif
