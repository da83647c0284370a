/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fscrypt.h - for the filesystem: policies, master keys, per-inode keys, names, contents */
#ifndef FS_FSCRYPT_FSCRYPT_H
#define FS_FSCRYPT_FSCRYPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "blkcrypto/blk-crypto.h"
#include "fs/fscrypt/fscrypt_uapi.h"
#include "util/compiler.h"

struct blk_device;
struct fscrypt_super;	   /* opaque: one a mount; holds the keyring */
struct fscrypt_info;	   /* opaque: the key of one inode, set up */
struct fscrypt_master_key; /* opaque */

/* ---- policy.c: policies and contexts --------------------------------------------------------- */

/* FSCRYPT_CONTEXT_SIZE_V1 or _V2 of a context's version byte, 0 for an unknown one. */
size_t fscrypt_context_size(const union fscrypt_context *ctx);

/*
 * Policy of @len context bytes. -EINVAL ("unrecognised") when the version is unknown or the length
 * is not exactly that version's. Does not judge whether the policy is supported.
 */
int fscrypt_policy_from_context(const void *ctx, size_t len, union fscrypt_policy *ret_policy);

/* Context of @policy and @nonce; returns its size. */
size_t fscrypt_context_from_policy(const union fscrypt_policy *policy,
				   const uint8_t nonce[static FSCRYPT_FILE_NONCE_SIZE],
				   union fscrypt_context *ret_ctx);

const uint8_t *fscrypt_context_nonce(const union fscrypt_context *ctx);
size_t fscrypt_policy_size(const union fscrypt_policy *policy); /* 12, 24, or 0 when unknown */
bool fscrypt_policies_equal(const union fscrypt_policy *a, const union fscrypt_policy *b);

/* Whether inodes with this context need a number that persists: IV_INO_LBLK_64 or _32. */
bool fscrypt_context_uses_ino(const union fscrypt_context *ctx);

/* The key specifier that a policy names. */
void fscrypt_policy_to_key_spec(const union fscrypt_policy *policy,
				struct fscrypt_key_specifier *ret_spec);
bool fscrypt_key_spec_equal(const struct fscrypt_key_specifier *a,
			    const struct fscrypt_key_specifier *b);

unsigned fscrypt_policy_contents_mode(const union fscrypt_policy *policy);
unsigned fscrypt_policy_filenames_mode(const union fscrypt_policy *policy);
unsigned fscrypt_policy_flags(const union fscrypt_policy *policy);
unsigned fscrypt_policy_data_unit_size(const union fscrypt_policy *policy); /* bytes; 0 -> 4096 */
unsigned fscrypt_policy_padding(const union fscrypt_policy *policy);	    /* 4, 8, 16 or 32 */

/*
 * Whether the policy may be set here: modes, flags, data unit size, reserved bytes, by the whole
 * matrix of spec/fscrypt.md sections 3 and 4 with a largest file of FSCRYPT_MAX_FILE_SIZE; IV_INO
 * flags only when the super has stable 32-bit inode numbers. A cipher that this build lacks is no
 * reason to refuse: as in the kernel that is -ENOPKG once a key is set up.
 */
bool fscrypt_supported_policy(const struct fscrypt_super *fsc, const union fscrypt_policy *policy);

/*
 * Whether contents can be encrypted under @policy at all: by the device's own engine or by the
 * fallback. False only with --no-fallback; a cipher that this build lacks shows when a key is set
 * up. Which kind of key the policy's is, is not known: either will do.
 */
bool fscrypt_contents_possible(const struct fscrypt_super *fsc, const union fscrypt_policy *policy);

/* Name of a mode as fscryptctl spells it ("AES-256-XTS"), or NULL; and back (0: unknown). */
const char *fscrypt_mode_name(unsigned mode);
unsigned fscrypt_mode_by_name(const char *name);

/* ---- super.c of this folder: one a mount --------------------------------------------------------
 */

struct fscrypt_super_params {
	struct blk_device *bdev; /* contents go there; must outlive the super */
	uint8_t uuid[16];	 /* the store's, enters IV_INO_LBLK keys */
	bool inlinecrypt;	 /* BLK_CRYPTO_CFG_ALLOW_HW on all keys */
	bool stable_inodes;	 /* inode numbers persist, 32 bits: IV_INO policies may be set */
};
int fscrypt_super_create(const struct fscrypt_super_params *params, struct fscrypt_super **ret_fsc);
/* No info may be left. Removes and wipes all master keys. */
void fscrypt_super_destroy(struct fscrypt_super *fsc);

/* ---- keyring.c: master keys --------------------------------------------------------------------
 */

/* Who asks, from the request. */
struct fscrypt_caller {
	uid_t fsuid;
	bool cap_sys_admin; /* in the initial user name space, or owner of the mount */
};

/* The v2 identifier of a raw key. -EINVAL for a size outside 16..64. */
int fscrypt_key_identifier(const uint8_t *raw, size_t size,
			   uint8_t ret_identifier[static FSCRYPT_KEY_IDENTIFIER_SIZE]);

/*
 * The logic of FS_IOC_ADD_ENCRYPTION_KEY after argument fetching: a v2 key (its identifier goes to
 * spec->u.identifier) gets a claim for the caller; state INCOMPLETELY_REMOVED becomes PRESENT.
 * v1 keys need cap_sys_admin (-EACCES). @raw is not kept. -EINVAL, -EACCES, -EDQUOT, -ENOMEM.
 */
int fscrypt_add_key(struct fscrypt_super *fsc, const struct fscrypt_caller *who,
		    struct fscrypt_key_specifier *spec, const uint8_t *raw, size_t size);

/*
 * The same for FSCRYPT_ADD_KEY_FLAG_HW_WRAPPED (keyring_wrapped.c): @wrapped is the ephemeral form,
 * @spec an identifier's. -EOPNOTSUPP without -o inlinecrypt or without a device that takes wrapped
 * keys, -EBADMSG when the device cannot unwrap it.
 */
int fscrypt_add_wrapped_key(struct fscrypt_super *fsc, const struct fscrypt_caller *who,
			    struct fscrypt_key_specifier *spec, const uint8_t *wrapped,
			    size_t size);

/*
 * First part of FS_IOC_REMOVE_ENCRYPTION_KEY(_ALL_USERS): drops the caller's claim (or all). When
 * claims remain: *ret_flags = FSCRYPT_KEY_REMOVAL_STATUS_FLAG_OTHER_USERS, *ret_evict false. Else
 * the secret is wiped, the state is INCOMPLETELY_REMOVED, and *ret_evict says that the filesystem
 * must now evict inodes of this key and then call fscrypt_finish_removal(). -EINVAL, -EACCES,
 * -ENOKEY.
 */
int fscrypt_remove_key(struct fscrypt_super *fsc, const struct fscrypt_caller *who,
		       const struct fscrypt_key_specifier *spec, bool all_users, bool *ret_evict,
		       uint32_t *ret_flags);

/*
 * As the first part of a removal, but all claims go, and what has been set up with the key so far
 * is revoked: the filesystem must now take it from its inodes, in use or not, and then call
 * fscrypt_finish_removal(). For whom fscrypt_may_revoke() says so. -EINVAL, -EACCES, -ENOKEY.
 */
int fscrypt_revoke_key(struct fscrypt_super *fsc, const struct fscrypt_caller *who,
		       const struct fscrypt_key_specifier *spec);

/*
 * Whether the key is @who's own: an administrator's, of the only one who has a claim, or of the one
 * who gave up the last. 0, -EACCES, -ENOKEY (no such key), -EINVAL.
 */
int fscrypt_may_revoke(struct fscrypt_super *fsc, const struct fscrypt_caller *who,
		       const struct fscrypt_key_specifier *spec);

/* Sets FSCRYPT_KEY_REMOVAL_STATUS_FLAG_FILES_BUSY in *flags when infos still use the key. */
void fscrypt_finish_removal(struct fscrypt_super *fsc, const struct fscrypt_key_specifier *spec,
			    uint32_t *flags);

/* Fills the output part of @arg from its key_spec. -EINVAL for a bad specifier or reserved bytes.
 */
int fscrypt_key_status(struct fscrypt_super *fsc, const struct fscrypt_caller *who,
		       struct fscrypt_get_key_status_arg *arg);

/* v2: does @uid hold a claim on a PRESENT key? For SET_POLICY. 0 or -ENOKEY. */
int fscrypt_verify_key_added(struct fscrypt_super *fsc, uid_t uid,
			     const uint8_t identifier[static FSCRYPT_KEY_IDENTIFIER_SIZE]);

/* True when the key that @policy names is PRESENT (state 2). For deciding to create. */
bool fscrypt_key_present(struct fscrypt_super *fsc, const union fscrypt_policy *policy);

/* Raised by one whenever a key becomes present or stops being so: what was cached by key state is
 * valid only while this stays the same. Context: any. */
uint64_t fscrypt_keyring_generation(struct fscrypt_super *fsc);

/* Calls @fn for each master key (for `key list`): specifier, state, number of claims. Under the
 * keyring's lock: @fn must not call anything in here. */
void fscrypt_for_each_key(struct fscrypt_super *fsc,
			  void (*fn)(const struct fscrypt_key_specifier *spec, unsigned status,
				     unsigned user_count, void *arg),
			  void *arg);

/* How many users hold a claim on the key (0 as well when it is absent); the first @max of them. */
unsigned fscrypt_key_holders(struct fscrypt_super *fsc, const struct fscrypt_key_specifier *spec,
			     uid_t *ret_uids, unsigned max);

/* ---- keyring_kernel.c: keys of type "user" in the keyrings that this process possesses ----------
 */

/*
 * From now on, a key that is needed and missing is searched for there: "fuscrypt:<identifier>" or
 * "fscrypt:<descriptor>", in hexadecimal. @came is called, from any thread and under an inode's
 * lock, when one has been added. NULL: no more.
 */
void fscrypt_kernel_keys_enable(struct fscrypt_super *fsc, void (*came)(void *arg), void *arg);
bool fscrypt_kernel_keys_enabled(const struct fscrypt_super *fsc);

/*
 * Look whether these keys are still there. At most @max specifiers of what is to be locked, because
 * its key is gone: at each call again until fscrypt_kernel_key_left(). True when there is something
 * to look at again.
 */
bool fscrypt_kernel_keys_check(struct fscrypt_super *fsc, struct fscrypt_key_specifier *ret_specs,
			       size_t max, size_t *ret_count);
void fscrypt_kernel_key_left(struct fscrypt_super *fsc, const struct fscrypt_key_specifier *spec);

/* Added by @uid in another way: the end of the kernel's key does not lock it any more. */
void fscrypt_kernel_key_taken_over(struct fscrypt_super *fsc, uid_t uid,
				   const struct fscrypt_key_specifier *spec);
/* Somebody locks its tree: it is not taken again until it is another. */
void fscrypt_kernel_key_dismiss(struct fscrypt_super *fsc,
				const struct fscrypt_key_specifier *spec);

/* ---- keysetup.c: from a context and a master key to an inode's key ----------------------------
 */

enum fscrypt_inode_kind { FSCRYPT_REG, FSCRYPT_DIR, FSCRYPT_LNK };

/*
 * Set up the key of an inode. REG: a blk_crypto_key that has been started on the device. DIR, LNK:
 * a names cipher. The master key must be PRESENT: one incompletely removed is -ENOKEY as well (its
 * secret is gone). @ino enters the keys and IVs of IV_INO policies only. -ENOKEY (absent, or too
 * short for the mode), -ENOPKG, -EINVAL (unsupported or unrecognised), -ENOMEM. The info holds its
 * master key until fscrypt_put_info(). Context: allocates, derives; may sleep.
 */
int fscrypt_setup_info(struct fscrypt_super *fsc, const union fscrypt_context *ctx, size_t ctx_len,
		       enum fscrypt_inode_kind kind, uint32_t ino, struct fscrypt_info **ret_info);

/* Evict the key from the engine, wipe, free; drops the master key. NULL is fine. No I/O in flight.
 */
void fscrypt_put_info(struct fscrypt_info *info);

/* How many regular files have their key set up. Context: any; it may have changed meanwhile. */
unsigned fscrypt_num_file_infos(const struct fscrypt_super *fsc);

const union fscrypt_policy *fscrypt_info_policy(const struct fscrypt_info *info);
/* True when @info was set up from the master key that @spec names. */
bool fscrypt_info_uses_key(const struct fscrypt_info *info,
			   const struct fscrypt_key_specifier *spec);
/* False once removal of its master key has begun: nothing new may be created with it. */
bool fscrypt_info_key_present(const struct fscrypt_info *info);

/* True when the key was revoked after @info had been set up. Context: any. */
bool fscrypt_info_revoked(const struct fscrypt_info *info);

/* ---- fname.c: names with the key ---------------------------------------------------------------
 */

/*
 * Ciphertext of a name of @len bytes (1..255) by the directory's @dir info; *ret_len 16..255.
 * -ENAMETOOLONG over 255. Any number of threads (a lock inside).
 */
int fscrypt_fname_encrypt(struct fscrypt_info *dir, const char *name, size_t len,
			  uint8_t ret_ct[static NAME_MAX_LEN], size_t *ret_len);

/*
 * The name of a ciphertext; at most 255 bytes, no NUL added, *ret_len >= 1. -EUCLEAN for one
 * shorter than 16 bytes, longer than 255, or whose plaintext is empty, ".", ".." or has a '/' (a
 * hostile store).
 */
int fscrypt_fname_decrypt(struct fscrypt_info *dir, const uint8_t *ct, size_t len,
			  char ret_name[static NAME_MAX_LEN], size_t *ret_len);

/* Stored payload (le16 length || ciphertext) of a target of @len bytes (1..4093).
 * -ENAMETOOLONG. @ret_payload has FSCRYPT_MAX_SYMLINK_PAYLOAD bytes. */
int fscrypt_symlink_encrypt(struct fscrypt_info *lnk, const char *target, size_t len,
			    uint8_t *ret_payload, size_t *ret_len);
/* Target (NUL added; @ret_target has FSCRYPT_MAX_SYMLINK_PAYLOAD bytes) of a payload. -EUCLEAN. */
int fscrypt_symlink_decrypt(struct fscrypt_info *lnk, const uint8_t *payload, size_t len,
			    char *ret_target, size_t *ret_len);

/* ---- nokey.c: names without the key ------------------------------------------------------------
 */

#define FSCRYPT_NOKEY_MAX_ENCODED 252
#define FSCRYPT_NOKEY_PREFIX	  149 /* ciphertext bytes that the long form shows */

/* Text of a ciphertext (16..255 bytes), dirhash words as given (0, 0 normally). Returns its length.
 */
size_t fscrypt_nokey_encode(uint32_t hash, uint32_t minor_hash, const uint8_t *ct, size_t len,
			    char ret_text[static FSCRYPT_NOKEY_MAX_ENCODED]);

/* A no-key name taken apart. */
struct fscrypt_nokey_name {
	uint32_t dirhash[2];
	uint8_t bytes[FSCRYPT_NOKEY_PREFIX]; /* the ciphertext, or its first 149 bytes */
	size_t len;			     /* of bytes */
	bool is_long;
	uint8_t sha256[32]; /* of the ciphertext from byte 149 on; long form only */
};

/* By the rules of spec/fscrypt.md section 11. -ENOENT for whatever is no no-key name. */
int fscrypt_nokey_decode(const char *text, size_t len, struct fscrypt_nokey_name *ret_name);

/* What readlink shows of a payload without the key. -EUCLEAN. @ret_text as in nokey_encode. */
int fscrypt_symlink_nokey(const uint8_t *payload, size_t len,
			  char ret_text[static FSCRYPT_NOKEY_MAX_ENCODED], size_t *ret_len);

/* ---- block.c: contents --------------------------------------------------------------------------
 */

/* Bytes in a data unit of this regular file. */
unsigned fscrypt_info_data_unit_size(const struct fscrypt_info *info);

/* Attach the key and the DUN of data unit @index (counted from the start of the file) to @bio. */
void fscrypt_set_bio_crypt_ctx(const struct fscrypt_info *info, struct bio *bio, uint64_t index);

/*
 * How many bytes from data unit @index on may go into one bio (DUNs contiguous): @len, or less
 * where IV_INO_LBLK_32 wraps.
 */
size_t fscrypt_contiguous_bytes(const struct fscrypt_info *info, uint64_t index, size_t len);

#endif
