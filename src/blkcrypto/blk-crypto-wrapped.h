/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-crypto-wrapped.h - hardware-wrapped keys: what only the device that wrapped one can do */
#ifndef BLKCRYPTO_BLK_CRYPTO_WRAPPED_H
#define BLKCRYPTO_BLK_CRYPTO_WRAPPED_H

#include "blkcrypto/blk-crypto.h"

struct blk_device;
struct blk_crypto_profile;

/*
 * A hardware-wrapped key is opaque to us. Its long-term form is made once, by import or generation,
 * and kept; the ephemeral form is made of that for each boot of the device, and it is what
 * blk_crypto_key objects of type HW_WRAPPED hold. From it the device derives the inline key, which
 * never leaves it, and a software secret for what is not encrypted inline. The fallback knows
 * nothing of all this.
 *
 * All return -EOPNOTSUPP when @bdev has no engine for wrapped keys, or the device's error. Those
 * that make a key return its size in bytes. Context: may sleep; takes the profile's lock.
 */

/* -EBADMSG when the device has not made @eph_key, or not since it was started. */
int blk_crypto_derive_sw_secret(struct blk_device *bdev, const uint8_t *eph_key,
				size_t eph_key_size,
				uint8_t ret_sw_secret[static BLK_CRYPTO_SW_SECRET_SIZE]);

/* -EINVAL for a size that the device does not take. */
int blk_crypto_import_key(struct blk_device *bdev, const uint8_t *raw_key, size_t raw_key_size,
			  uint8_t ret_lt_key[static BLK_CRYPTO_MAX_HW_WRAPPED_KEY_SIZE]);
int blk_crypto_generate_key(struct blk_device *bdev,
			    uint8_t ret_lt_key[static BLK_CRYPTO_MAX_HW_WRAPPED_KEY_SIZE]);
/* -EBADMSG when the device has not made @lt_key. */
int blk_crypto_prepare_key(struct blk_device *bdev, const uint8_t *lt_key, size_t lt_key_size,
			   uint8_t ret_eph_key[static BLK_CRYPTO_MAX_HW_WRAPPED_KEY_SIZE]);

#endif
