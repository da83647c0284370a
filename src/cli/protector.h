/* SPDX-License-Identifier: GPL-3.0-or-later */
/* protector.h - a master key wrapped under a passphrase, as a file in the store */
#ifndef CLI_PROTECTOR_H
#define CLI_PROTECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "cli/kdf.h"
#include "cli/secretbuf.h"
#include "fs/fscrypt/fscrypt_uapi.h"

#define PROTECTOR_VERSION    1
#define PROTECTOR_ID_LEN     16 /* hex digits */
#define PROTECTOR_NAME_MAX   128
#define PROTECTOR_FILE_MAX   8192
#define PROTECTOR_NONCE_SIZE 24
#define PROTECTOR_TAG_SIZE   16
#define PROTECTORS_DIR	     "protectors" /* in STORE/.fuscrypt */
#define PROTECTORS_MAX	     256	  /* a store with more is somebody's trick */

/*
 * STORE/.fuscrypt/protectors/<id>.json. The wrapped key is XChaCha20-Poly1305 of the raw master key
 * under the key that Argon2id makes of the passphrase; all other members are authenticated with it
 * (fuscrypt-format(5) gives the bytes).
 */
struct protector {
	char id[PROTECTOR_ID_LEN + 1];
	char name[PROTECTOR_NAME_MAX + 1];
	uint8_t key_identifier[FSCRYPT_KEY_IDENTIFIER_SIZE];
	struct kdf_params kdf;
	uint8_t nonce[PROTECTOR_NONCE_SIZE];
	uint8_t wrapped[FSCRYPT_MAX_RAW_KEY_SIZE + PROTECTOR_TAG_SIZE];
	size_t wrapped_len;
	time_t written; /* the file's time of modification; 0 before it is one */
};

/* Wrap @key under @passphrase with a random id and nonce. 0, -ENOMEM, -EINVAL. */
int protector_create(const char *name, const struct kdf_params *kdf,
		     const struct secretbuf *passphrase, const struct secretbuf *key,
		     const uint8_t key_identifier[static FSCRYPT_KEY_IDENTIFIER_SIZE],
		     struct protector *ret_p);

/* The same key, and the same id, under another passphrase. 0, -ENOMEM, -EINVAL. */
int protector_rewrap(const struct protector *old, const char *name, const struct kdf_params *kdf,
		     const struct secretbuf *passphrase, const struct secretbuf *key,
		     struct protector *ret_p);

/* The master key. -EKEYREJECTED for another passphrase (or a forged file), -ENOMEM. @ret_key is
 * initialised by the caller (secretbuf_init()). */
int protector_unwrap(const struct protector *p, const struct secretbuf *passphrase,
		     struct secretbuf *ret_key);

/* To and from the file's text. Parsing trusts nothing: -EINVAL with a word on what is wrong. */
char *protector_format(const struct protector *p); /* malloc'ed; NULL when out of memory */
int protector_parse(const char *text, size_t len, struct protector *ret_p, const char **ret_why);

bool protector_is_id(const char *text);

/*
 * Files of STORE/.fuscrypt/protectors are written under another name, synced and renamed: a crash
 * leaves the old one or the new one. They get the owner that the directory has, or that the old one
 * had, so that root does not lock the owner out. All are 0 or -errno.
 */

/* A new one; -EEXIST. The directory is made when it is missing. */
int protector_write(int meta_fd, const struct protector *p);

/* In the place of @old, which has the same id; -ESTALE when it is no longer what is there. */
int protector_replace(int meta_fd, const struct protector *old, const struct protector *p);

/*
 * Keep others from replacing and removing until *ret_dirfd is closed (where the filesystem has
 * locks). protector_remove() is for who holds it.
 */
int protector_lock(int meta_fd, int *ret_dirfd);
int protector_remove(int dirfd, const char *id);

/* Read one; -ENOENT, or -errno with a word on what is wrong. */
int protector_load(int meta_fd, const char *id, struct protector *ret_p, const char **ret_why);

/*
 * Read all of a store. *ret_list is malloc'ed and sorted by id. A file that cannot be used is left
 * out: their number goes to *ret_bad and a sentence on the first one to @why (of @why_cap bytes).
 * 0 or -errno when the directory cannot be read; without one there are none.
 */
int protector_load_all(int meta_fd, struct protector **ret_list, size_t *ret_count, size_t *ret_bad,
		       char *why, size_t why_cap);

#endif
