/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wrapped.c - requests to make hardware-wrapped keys, which the mount's device answers */
#include "fs/wrapped.h"

#include <errno.h>

#include "blkcrypto/blk-crypto-wrapped.h"
#include "blkcrypto/blk-device.h"

int fs_wrapped_allowed(const struct fs_super *sb, const struct fs_caller *who)
{
	if (!who->cap_sys_admin)
		return -EACCES;
	return sb->bdev->crypto_profile ? 0 : -EOPNOTSUPP;
}

int fs_wrapped_check_size(enum fs_wrapped_op op, uint64_t size)
{
	switch (op) {
	case FS_WRAPPED_IMPORT:
		return size < FSCRYPT_MIN_KEY_SIZE || size > FSCRYPT_MAX_RAW_KEY_SIZE ? -EINVAL : 0;
	case FS_WRAPPED_GENERATE:
		return 0;
	case FS_WRAPPED_PREPARE:
		return size > FSCRYPT_MAX_HW_WRAPPED_KEY_SIZE ? -EINVAL : 0;
	}
	return -EINVAL;
}

int fs_wrapped_key(struct fs_super *sb, enum fs_wrapped_op op, const uint8_t *key, size_t size,
		   uint8_t *ret_key, size_t *ret_size)
{
	int ret = -EINVAL;

	switch (op) {
	case FS_WRAPPED_IMPORT:
		ret = blk_crypto_import_key(sb->bdev, key, size, ret_key);
		break;
	case FS_WRAPPED_GENERATE:
		ret = blk_crypto_generate_key(sb->bdev, ret_key);
		break;
	case FS_WRAPPED_PREPARE:
		ret = blk_crypto_prepare_key(sb->bdev, key, size, ret_key);
		break;
	}
	if (ret < 0)
		return ret;
	*ret_size = (size_t)ret;
	return 0;
}
