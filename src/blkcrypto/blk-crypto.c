/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-crypto.c - the point where it is decided who encrypts, before use and on submission */
#include "blkcrypto/blk-crypto.h"

#include <errno.h>
#include <string.h>

#include "blkcrypto/blk-account.h"
#include "blkcrypto/blk-crypto-fallback.h"
#include "blkcrypto/blk-crypto-internal.h"
#include "blkcrypto/blk-crypto-profile.h"
#include "blkcrypto/blk-device.h"
#include "blkcrypto/blk-request.h"
#include "crypto/skcipher.h"
#include "util/bits.h"
#include "util/log.h"

/* ---- who can ------------------------------------------------------------------------------ */

bool blk_crypto_config_supported_natively(struct blk_device *bdev,
					  const struct blk_crypto_config *cfg)
{
	return (cfg->flags & BLK_CRYPTO_CFG_ALLOW_HW) != 0 &&
	       blk_crypto_profile_supports(bdev->crypto_profile, cfg);
}

bool blk_crypto_config_supported(struct blk_device *bdev, const struct blk_crypto_config *cfg)
{
	if (blk_crypto_config_supported_natively(bdev, cfg))
		return true;
	return !bdev->fallback_disabled && cfg->key_type == BLK_CRYPTO_KEY_TYPE_RAW &&
	       cfg->crypto_mode > BLK_ENCRYPTION_MODE_INVALID &&
	       cfg->crypto_mode < BLK_ENCRYPTION_MODE_MAX &&
	       skcipher_find(blk_crypto_modes[cfg->crypto_mode].variant);
}

int blk_crypto_start_using_key(struct blk_device *bdev, const struct blk_crypto_key *key)
{
	int err = 0;

	if (!blk_crypto_config_supported_natively(bdev, &key->crypto_cfg)) {
		if (key->crypto_cfg.key_type != BLK_CRYPTO_KEY_TYPE_RAW)
			return -EOPNOTSUPP;
		if (bdev->fallback_disabled)
			return -ENOPKG;
		err = blk_crypto_fallback_start_using_mode(key->crypto_cfg.crypto_mode);
	}
	if (!err)
		blk_crypto_key_started(key);
	return err;
}

/* A layered device's profile passes it on to what is below (blk-stack.c). */
static void evict_from_device(struct blk_device *bdev, const struct blk_crypto_key *key)
{
	int err;

	if (blk_crypto_config_supported_natively(bdev, &key->crypto_cfg)) {
		err = blk_crypto_profile_evict(bdev->crypto_profile, key);
		if (err)
			log_err("device %s: evicting a key failed: %s", bdev->type->name,
				strerror(-err));
	}
}

void blk_crypto_evict_key(struct blk_device *bdev, const struct blk_crypto_key *key)
{
	int err;

	blk_flush_plug();
	blk_crypto_key_stopped(key);
	evict_from_device(bdev, key);
	err = blk_crypto_fallback_evict_key(key);
	if (err)
		log_err("fallback: evicting a key failed: %s", strerror(-err));
}

/* ---- submission --------------------------------------------------------------------------- */

/* Lengths and position in whole data units; the memory may lie anywhere. */
static bool bio_aligned(const struct bio *bio, unsigned data_unit_size)
{
	uint64_t mask = data_unit_size - 1;
	struct bio_iter iter;
	struct iovec seg;

	bio_for_each_segment(seg, bio, iter) if (seg.iov_len & mask) return false;
	return ((bio->bi_sector << SECTOR_SHIFT) & mask) == 0;
}

static bool bio_head_valid(const struct bio *bio)
{
	return bio->bi_head_size == 0 ||
	       (bio->bi_op == REQ_OP_WRITE && bio->bi_head_size >> SECTOR_SHIFT <= bio->bi_sector &&
		bio->bi_head_size <= bio->bi_sector << SECTOR_SHIFT);
}

static void submit_to_device(struct bio *bio)
{
	struct blk_device *bdev = bio->bi_bdev;

	blk_account_start(bdev, bio);
	if (bdev->type->queue_rq)
		blk_request_submit_bio(bio);
	else
		bdev->type->submit_bio(bdev, bio);
}

static void fail_not_started(struct bio *bio)
{
	BLK_CRYPTO_BUG_ONCE("I/O with a key that was not started on its device");
	bio_end_status(bio, BLK_STS_IOERR);
}

/* Encryption that was asked for is done or the bio fails: no way out of here leaves it undone. */
static void submit_encrypted(struct bio *bio)
{
	const struct blk_crypto_config *cfg = &bio->bi_crypt_context->bc_key->crypto_cfg;
	struct blk_device *bdev = bio->bi_bdev;
	bool native = blk_crypto_config_supported_natively(bdev, cfg);

	if (bio->bi_size == 0 || (bio->bi_op != REQ_OP_READ && bio->bi_op != REQ_OP_WRITE))
		bio_end_status(bio, BLK_STS_IOERR);
	else if (!bio_aligned(bio, cfg->data_unit_size))
		bio_end_status(bio, BLK_STS_INVAL);
	else if (!native && (bdev->fallback_disabled || cfg->key_type != BLK_CRYPTO_KEY_TYPE_RAW))
		bio_end_status(bio, BLK_STS_NOTSUPP);
	else if (unlikely(!blk_crypto_bio_count(bio)))
		fail_not_started(bio);
	else if (native)
		submit_to_device(bio);
	else
		blk_crypto_fallback_submit_bio(bio);
}

void blk_crypto_submit_bio(struct bio *bio)
{
	if (!bio_head_valid(bio))
		bio_end_status(bio, BLK_STS_INVAL);
	else if (bio->bi_crypt_context)
		submit_encrypted(bio);
	else
		submit_to_device(bio);
}
