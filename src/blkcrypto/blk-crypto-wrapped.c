/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-crypto-wrapped.c - hardware-wrapped keys: what only the device that wrapped one can do */
#include "blkcrypto/blk-crypto-wrapped.h"

#include <errno.h>

#include "blkcrypto/blk-crypto-profile.h"
#include "blkcrypto/blk-device.h"

/* The engine of @bdev, ready to be asked, if it takes wrapped keys. 0, -EOPNOTSUPP or -errno. */
static int enter(struct blk_device *bdev, struct blk_crypto_profile **ret_profile)
{
	struct blk_crypto_profile *profile = bdev->crypto_profile;
	int err;

	if (!profile || !(profile->key_types_supported & BLK_CRYPTO_KEY_TYPE_HW_WRAPPED))
		return -EOPNOTSUPP;
	err = blk_crypto_hw_enter(profile);
	if (!err)
		*ret_profile = profile;
	return err;
}

/* What the engine's @op says, if it has one. */
#define ASK(bdev, op, ...)                                                                      \
	({                                                                                      \
		struct blk_crypto_profile *profile_;                                            \
		int ret_ = enter(bdev, &profile_);                                              \
                                                                                                \
		if (ret_ == 0) {                                                                \
			ret_ = profile_->ll_ops.op ? profile_->ll_ops.op(profile_, __VA_ARGS__) \
						   : -EOPNOTSUPP;                               \
			blk_crypto_hw_exit(profile_);                                           \
		}                                                                               \
		ret_;                                                                           \
	})

int blk_crypto_derive_sw_secret(struct blk_device *bdev, const uint8_t *eph_key,
				size_t eph_key_size,
				uint8_t ret_sw_secret[static BLK_CRYPTO_SW_SECRET_SIZE])
{
	return ASK(bdev, derive_sw_secret, eph_key, eph_key_size, ret_sw_secret);
}

int blk_crypto_import_key(struct blk_device *bdev, const uint8_t *raw_key, size_t raw_key_size,
			  uint8_t ret_lt_key[static BLK_CRYPTO_MAX_HW_WRAPPED_KEY_SIZE])
{
	return ASK(bdev, import_key, raw_key, raw_key_size, ret_lt_key);
}

int blk_crypto_generate_key(struct blk_device *bdev,
			    uint8_t ret_lt_key[static BLK_CRYPTO_MAX_HW_WRAPPED_KEY_SIZE])
{
	return ASK(bdev, generate_key, ret_lt_key);
}

int blk_crypto_prepare_key(struct blk_device *bdev, const uint8_t *lt_key, size_t lt_key_size,
			   uint8_t ret_eph_key[static BLK_CRYPTO_MAX_HW_WRAPPED_KEY_SIZE])
{
	return ASK(bdev, prepare_key, lt_key, lt_key_size, ret_eph_key);
}
