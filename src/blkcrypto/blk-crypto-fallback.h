/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-crypto-fallback.h - encryption in software for devices that have none */
#ifndef BLKCRYPTO_BLK_CRYPTO_FALLBACK_H
#define BLKCRYPTO_BLK_CRYPTO_FALLBACK_H

#include "blkcrypto/blk-crypto.h"

struct blk_crypto_profile;

struct blk_crypto_fallback_params {
	unsigned num_keyslots;		  /* default 100 */
	unsigned num_prealloc_bounce_pg;  /* default 32 pages of 4096 bytes */
	unsigned num_prealloc_crypt_ctxs; /* default 128: reads at a time */
};

#define BLK_CRYPTO_FALLBACK_MAX_KEYSLOTS  1024
#define BLK_CRYPTO_FALLBACK_MAX_BOUNCE_PG 65536
#define BLK_CRYPTO_FALLBACK_MAX_CTXS	  65536

/*
 * Optional, before the first start: other than the defaults, which a number that is 0 stands for.
 * -EBUSY once started with others, -EINVAL for a number above its maximum.
 */
int blk_crypto_fallback_configure(const struct blk_crypto_fallback_params *params);

/*
 * Get ready for a mode: the fallback's profile on first use, then one transform of the mode per
 * slot and worker. 0, -ENOPKG, -ENOMEM. Context: allocates; not on the data path.
 */
int blk_crypto_fallback_start_using_mode(enum blk_crypto_mode_num mode);

/* Raw keys of modes that have been started. */
bool blk_crypto_fallback_supports(const struct blk_crypto_config *cfg);

/* Encrypt or decrypt @bio around a plain submission to bio->bi_bdev. Completes @bio. */
void blk_crypto_fallback_submit_bio(struct bio *bio);

int blk_crypto_fallback_evict_key(const struct blk_crypto_key *key);

/* The fallback's own profile, for status; NULL before the first start. */
struct blk_crypto_profile *blk_crypto_fallback_profile(void);

/* What is in effect, or will be. */
void blk_crypto_fallback_get_params(struct blk_crypto_fallback_params *ret);

/* At exit and in tests: free everything. No bio in flight, all keys evicted. */
void blk_crypto_fallback_destroy(void);

#endif
