/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-crypto.h - for users of keys: blk_crypto_key, bio_crypt_ctx, and the one way to submit */
#ifndef BLKCRYPTO_BLK_CRYPTO_H
#define BLKCRYPTO_BLK_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "blkcrypto/bio.h"
#include "util/compiler.h"

enum blk_crypto_mode_num {
	BLK_ENCRYPTION_MODE_INVALID = 0,
	BLK_ENCRYPTION_MODE_AES_256_XTS = 1,
	BLK_ENCRYPTION_MODE_AES_128_CBC_ESSIV = 2,
	BLK_ENCRYPTION_MODE_ADIANTUM = 3,
	BLK_ENCRYPTION_MODE_SM4_XTS = 4,
	BLK_ENCRYPTION_MODE_MAX,
};

/* Key types are bit flags. */
#define BLK_CRYPTO_KEY_TYPE_RAW	       0x1
#define BLK_CRYPTO_KEY_TYPE_HW_WRAPPED 0x2

#define BLK_CRYPTO_MAX_RAW_KEY_SIZE	   64
#define BLK_CRYPTO_MAX_HW_WRAPPED_KEY_SIZE 128
#define BLK_CRYPTO_MAX_ANY_KEY_SIZE	   128
#define BLK_CRYPTO_SW_SECRET_SIZE	   32
#define BLK_CRYPTO_KEY_LABEL_SIZE	   16

/* blk_crypto_config.flags: the device's own engine may be used (mount -o inlinecrypt). */
#define BLK_CRYPTO_CFG_ALLOW_HW 0x1

/* A row of the modes table. */
struct blk_crypto_mode {
	const char *name;	    /* as in sysfs: "AES-256-XTS" */
	const char *variant;	    /* skcipher row, and the spelling in device strings */
	unsigned keysize;	    /* bytes */
	unsigned security_strength; /* bytes */
	unsigned ivsize;	    /* bytes */
};
extern const struct blk_crypto_mode blk_crypto_modes[BLK_ENCRYPTION_MODE_MAX];

/* What a key needs of a device. */
struct blk_crypto_config {
	enum blk_crypto_mode_num crypto_mode;
	unsigned data_unit_size; /* bytes, power of two */
	unsigned dun_bytes;	 /* bytes needed for the largest data unit number */
	unsigned key_type;
	unsigned flags;
};

/*
 * A key with all that is needed to use it. Immutable after blk_crypto_init_key(), but for its life.
 * Identity is the address: two objects with equal bytes are two keys. It must outlive every bio
 * that uses it, and must be evicted from every device it was started on before it is wiped. The
 * owner allocates it in non-dumped memory (util/secret.h) and wipes it.
 */
struct blk_crypto_key {
	struct blk_crypto_config crypto_cfg;
	unsigned data_unit_size_bits;
	unsigned size; /* bytes */
	uint8_t bytes[BLK_CRYPTO_MAX_ANY_KEY_SIZE];
	/*
	 * For who looks at keyslots: what the owner calls the key, no secret. Means nothing here.
	 * Set between init and first use; all zero: nothing.
	 */
	uint8_t label[BLK_CRYPTO_KEY_LABEL_SIZE];
	unsigned label_size;
	/* private: blk-crypto-key.c. Where the key is in its life. */
	struct blk_crypto_key_life {
		atomic_uint started;   /* starts that no eviction has taken back */
		atomic_uint in_flight; /* bios between submission and completion */
	} life;
};

/*
 * Fill @key (zeroed first). -EINVAL for a mode, size, type, DUN size or data unit size that the
 * rules of spec/blk-crypto.md section 1 refuse. @flags: BLK_CRYPTO_CFG_*.
 */
int blk_crypto_init_key(struct blk_crypto_key *key, const uint8_t *bytes, unsigned size,
			unsigned key_type, enum blk_crypto_mode_num mode, unsigned dun_bytes,
			unsigned data_unit_size, unsigned flags);

/* Label @key, see there; cut to BLK_CRYPTO_KEY_LABEL_SIZE bytes. */
void blk_crypto_label_key(struct blk_crypto_key *key, const void *label, size_t size);

/* Natively by @bdev (and cfg->flags allow it), or by the fallback. */
bool blk_crypto_config_supported(struct blk_device *bdev, const struct blk_crypto_config *cfg);
bool blk_crypto_config_supported_natively(struct blk_device *bdev,
					  const struct blk_crypto_config *cfg);

/*
 * Prepare for I/O with @key on @bdev; before the first bio, never on the data path (allocates).
 * 0; -EOPNOTSUPP for a wrapped key without native support; -ENOPKG when neither the device nor the
 * fallback can (fallback off, or cipher missing); -ENOMEM.
 */
int blk_crypto_start_using_key(struct blk_device *bdev, const struct blk_crypto_key *key);

/*
 * Take @key out of @bdev and of the fallback. After its last bio has completed: if one is still in
 * flight, that is a bug of the caller, which is logged (a debug build stops there), and waited for.
 * The caller may free the key afterwards whatever happened; trouble is logged.
 * Context: may sleep. Fine in the bi_end_io of the key's last bio.
 */
void blk_crypto_evict_key(struct blk_device *bdev, const struct blk_crypto_key *key);

/* ---- contexts of bios (bio-crypt.c) ---- */

/* Give @bio a context: @key, and @dun for its first data unit. */
void bio_crypt_set_ctx(struct bio *bio, const struct blk_crypto_key *key,
		       const uint64_t dun[static BLK_CRYPTO_DUN_ARRAY_SIZE]);

/* dun += inc, carries rippling through the limbs; over the top it begins at 0. */
void bio_crypt_dun_increment(uint64_t dun[static BLK_CRYPTO_DUN_ARRAY_SIZE], uint64_t inc);
/* dun -= dec, with borrow: back to before an increment. */
void bio_crypt_dun_decrement(uint64_t dun[static BLK_CRYPTO_DUN_ARRAY_SIZE], uint64_t dec);

/* @bytes (whole data units) further. */
void bio_crypt_advance(struct bio_crypt_ctx *ctx, size_t bytes);

/* True when data at @next follows @bytes of data at ctx: limb-wise, a wrap is not contiguous. */
bool bio_crypt_dun_is_contiguous(const struct bio_crypt_ctx *ctx, size_t bytes,
				 const uint64_t next[static BLK_CRYPTO_DUN_ARRAY_SIZE]);

/*
 * True when @bytes at @ctx and then what is at @next may be one request: both without key (or
 * NULL), or the same key and contiguous.
 */
bool bio_crypt_ctx_mergeable(const struct bio_crypt_ctx *ctx, size_t bytes,
			     const struct bio_crypt_ctx *next);

/* The IV of a data unit: the limbs little endian, in order, cut to @ivsize bytes. */
void blk_crypto_dun_to_iv(const uint64_t dun[static BLK_CRYPTO_DUN_ARRAY_SIZE],
			  uint8_t iv[static BLK_CRYPTO_MAX_IV_SIZE]);

/* ---- submission ---- */

/*
 * The way to a device: every submission of every layer passes here and nowhere else. A bio with a
 * context is encrypted or fails; one without goes to the device. Of a bio with a context: no data
 * is IOERR, a length or sector that is no whole data unit INVAL, a key that was not started IOERR,
 * what neither the device nor the fallback can do NOTSUPP. May block (for a keyslot, for the
 * device). Completes @bio by bi_end_io exactly once.
 */
void blk_crypto_submit_bio(struct bio *bio);

#endif
