/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fscrypt_private.h - what the files of this folder share, grouped by the file that implements it
 */
#ifndef FS_FSCRYPT_PRIVATE_H
#define FS_FSCRYPT_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "crypto/hkdf.h"
#include "fs/fscrypt/fscrypt.h"

struct skcipher;

/* Context bytes of HKDF-Expand: spec/fscrypt.md section 5. */
#define HKDF_CONTEXT_KEY_IDENTIFIER	1
#define HKDF_CONTEXT_PER_FILE_ENC_KEY	2
#define HKDF_CONTEXT_DIRECT_KEY		3
#define HKDF_CONTEXT_IV_INO_LBLK_64_KEY 4
#define HKDF_CONTEXT_IV_INO_LBLK_32_KEY 6
#define HKDF_CONTEXT_INODE_HASH_KEY	7
#define HKDF_CONTEXT_WRAPPED_IDENTIFIER 8

#define FSCRYPT_MODE_MAX	  FSCRYPT_MODE_AES_256_HCTR2
#define FSCRYPT_MAX_MODE_KEY_SIZE 64

/* ---- modes.c -----------------------------------------------------------------------------------
 */

struct fscrypt_mode {
	const char *name;		   /* fscryptctl's spelling */
	const char *variant;		   /* skcipher row */
	unsigned key_size;		   /* bytes */
	unsigned security_strength;	   /* bytes */
	unsigned iv_size;		   /* bytes */
	enum blk_crypto_mode_num blk_mode; /* INVALID: names only */
	bool is_xts;			   /* a key of two equal halves is weak */
};

/* The row of a mode number, NULL when there is none. */
const struct fscrypt_mode *fscrypt_mode_get(unsigned mode);

/* ---- policy.c ----------------------------------------------------------------------------------
 */

/* Bytes of the specifier's union that count: 8, 16, or 0 for an unknown type. */
size_t fscrypt_key_spec_len(const struct fscrypt_key_specifier *spec);

/* ---- super.c -----------------------------------------------------------------------------------
 */

#define FSCRYPT_KEYRING_BUCKETS 4096
#define FSCRYPT_TFM_POOL	32

struct fscrypt_charge;

struct fscrypt_super {
	struct blk_device *bdev;
	uint8_t uuid[16];
	bool inlinecrypt;
	bool stable_inodes;

	/* keyring.c, claims.c */
	pthread_mutex_t keyring_lock;
	struct fscrypt_master_key *keys[FSCRYPT_KEYRING_BUCKETS]; /* Protected by keyring_lock */
	struct fscrypt_charge *charges;				  /* Protected by keyring_lock */
	_Atomic uint64_t generation;

	/* keyring_kernel.c */
	void (*kernel_key_came)(void *arg); /* NULL: the kernel's keyrings are not searched */
	void *kernel_key_arg;
	pthread_mutex_t kernel_lock;		/* outside of keyring_lock */
	struct fscrypt_kernel_key *kernel_keys; /* Protected by kernel_lock */
	int kernel_key_bad;			/* last one complained of; by kernel_lock */

	_Atomic unsigned file_infos; /* of regular files, keysetup.c */

	/* Transforms that nobody uses and that hold no key, by mode */
	pthread_mutex_t tfm_lock;
	struct {
		struct skcipher *tfm[FSCRYPT_TFM_POOL];
		unsigned count;
	} tfm_pool[FSCRYPT_MODE_MAX + 1]; /* Protected by tfm_lock */
};

/* A transform of @mode without a key, from the pool if it has one. -ENOPKG, -ENOMEM. */
int fscrypt_tfm_get(struct fscrypt_super *fsc, unsigned mode, struct skcipher **ret_tfm);
/* Blank the key of @tfm and keep or free it. */
void fscrypt_tfm_put(struct fscrypt_super *fsc, unsigned mode, struct skcipher *tfm);

/* ---- claims.c: who added a key ------------------------------------------------------------------
 */

struct fscrypt_claim {
	uid_t uid;
	struct fscrypt_claim *next;
};

/* All with fsc->keyring_lock held. */
bool fscrypt_claim_exists(const struct fscrypt_master_key *mk, uid_t uid);
unsigned fscrypt_claim_count(const struct fscrypt_master_key *mk);
/* -EDQUOT when @uid has used up its key quota, -ENOMEM. @uid has no claim on @mk yet. */
int fscrypt_claim_add(struct fscrypt_super *fsc, struct fscrypt_master_key *mk, uid_t uid);
/* False when @uid had none. */
bool fscrypt_claim_drop(struct fscrypt_super *fsc, struct fscrypt_master_key *mk, uid_t uid);
void fscrypt_claims_drop_all(struct fscrypt_super *fsc, struct fscrypt_master_key *mk);

/* ---- keyring.c ---------------------------------------------------------------------------------
 */

/* In secret_alloc() memory. */
struct fscrypt_secret {
	union {
		/* v2: HKDF-Extract of the raw key, or of a wrapped key's software secret */
		uint8_t prk[HKDF_PRK_SIZE];
		uint8_t raw[FSCRYPT_MAX_RAW_KEY_SIZE]; /* v1: the raw key itself */
	};
	uint8_t ino_hash_key[16]; /* Protected by mode_keys_lock; valid with have_ino_hash_key */
	bool have_ino_hash_key;	  /* Protected by mode_keys_lock */
	unsigned size;		  /* of the key as it was added, bytes */
	/* A hardware-wrapped key, as the device wants it for contents. Else is_hw_wrapped is false.
	 */
	bool is_hw_wrapped;
	uint8_t wrapped[FSCRYPT_MAX_HW_WRAPPED_KEY_SIZE];
};

struct fscrypt_mode_key;

/*
 * A master key in the table. One active reference while PRESENT and one for every info that was set
 * up with it; when the last goes the object leaves the table (spec/fscrypt.md section 15).
 */
struct fscrypt_master_key {
	struct fscrypt_super *fsc;
	struct fscrypt_key_specifier spec;
	struct fscrypt_master_key *hash_next; /* Protected by keyring_lock */
	unsigned long active_refs;	      /* Protected by keyring_lock */
	struct fscrypt_claim *claims;	      /* Protected by keyring_lock */
	uid_t last_uid; /* Protected by keyring_lock: who gave up the last claim */
	bool had_claim; /* Protected by keyring_lock: last_uid counts, when there are no claims */
	/* Written with keyring_lock and secret_lock held: false is INCOMPLETELY_REMOVED. */
	_Atomic bool present;
	/* How often it was revoked; infos from before the last time are good for nothing. */
	_Atomic unsigned revocations;

	/* Held for reading while something is derived; taken inside keyring_lock for writing. */
	pthread_rwlock_t secret_lock;
	struct fscrypt_secret *secret; /* Protected by secret_lock; NULL unless present */

	pthread_mutex_t mode_keys_lock;
	struct fscrypt_mode_key *mode_keys; /* Protected by mode_keys_lock; live as long as we do */
};

/*
 * The key of @spec if it is PRESENT, with one more active reference and its secret_lock held for
 * reading; else -ENOKEY.
 */
int fscrypt_master_key_get(struct fscrypt_super *fsc, const struct fscrypt_key_specifier *spec,
			   struct fscrypt_master_key **ret_mk);
/* Drop an active reference. No lock held, secret_lock neither. */
void fscrypt_master_key_put(struct fscrypt_master_key *mk);
/* An empty one, to be given to fscrypt_add_secret() or secret_free(). NULL without memory. */
struct fscrypt_secret *fscrypt_secret_new(size_t size);
/*
 * Extract secret->prk from @key and derive the identifier with HKDF context byte @context. 0 or
 * -errno.
 */
int fscrypt_secret_extract(struct fscrypt_secret *secret, const uint8_t *key, size_t size,
			   uint8_t context,
			   uint8_t ret_identifier[static FSCRYPT_KEY_IDENTIFIER_SIZE]);
/*
 * The rest of adding a key, once its secret and full specifier are known. Takes over @secret
 * whatever happens. 0, -EDQUOT, -ENOMEM.
 */
int fscrypt_add_secret(struct fscrypt_super *fsc, const struct fscrypt_caller *who,
		       const struct fscrypt_key_specifier *spec, struct fscrypt_secret *secret);
/* For fscrypt_super_destroy(). */
void fscrypt_keyring_destroy(struct fscrypt_super *fsc);

/* ---- keyring_kernel.c ---------------------------------------------------------------------------
 */

/*
 * Add the key that @spec names if the kernel's keyrings have it: true when it has been. No lock
 * held but an inode's.
 */
bool fscrypt_kernel_key_fetch(struct fscrypt_super *fsc, const struct fscrypt_key_specifier *spec);
void fscrypt_kernel_keys_destroy(struct fscrypt_super *fsc);

/* ---- keysetup.c --------------------------------------------------------------------------------
 */

/* A key ready for use; one of the two. */
struct fscrypt_prepared_key {
	struct blk_crypto_key *blk_key; /* contents; secret_slab memory, started on the device */
	struct skcipher *tfm;		/* names; Protected by tfm_lock */
	pthread_mutex_t tfm_lock;
};

struct fscrypt_info {
	struct fscrypt_super *fsc;
	struct fscrypt_master_key *mk; /* an active reference */
	unsigned revocations;	       /* of mk when this was set up */
	union fscrypt_policy policy;
	uint8_t nonce[FSCRYPT_FILE_NONCE_SIZE];
	enum fscrypt_inode_kind kind;
	unsigned mode_num;
	const struct fscrypt_mode *mode;
	unsigned flags, padding; /* of the policy */
	unsigned data_unit_bits;
	uint32_t ino, hashed_ino; /* hashed: IV_INO_LBLK_32 only */
	uint8_t names_iv[BLK_CRYPTO_MAX_IV_SIZE];
	struct fscrypt_prepared_key *key; /* &own, or one that the master key's inodes share */
	struct fscrypt_prepared_key own;
};

/* Evict, wipe, free what fscrypt_prepared_key holds. Also for the shared ones. */
void fscrypt_prepared_key_destroy(struct fscrypt_super *fsc, unsigned mode_num,
				  struct fscrypt_prepared_key *key);
/* Free all per-mode keys of @mk, which nobody uses any more. */
void fscrypt_mode_keys_destroy(struct fscrypt_master_key *mk);

/* ---- keysetup_v1.c -----------------------------------------------------------------------------
 */

/* @size bytes (a multiple of 16) of a per-file key: spec/fscrypt.md section 6. -EIO, -ENOMEM. */
int fscrypt_v1_derive_key(const uint8_t *master_key,
			  const uint8_t nonce[static FSCRYPT_FILE_NONCE_SIZE], size_t size,
			  uint8_t *ret_key);

/* ---- block.c -----------------------------------------------------------------------------------
 */

/* Data unit number, that is the IV in limbs, of data unit @index; 0 for names and targets. */
void fscrypt_generate_dun(const struct fscrypt_info *info, uint64_t index,
			  uint64_t ret_dun[static BLK_CRYPTO_DUN_ARRAY_SIZE]);

#endif
