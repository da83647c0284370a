/* SPDX-License-Identifier: GPL-3.0-or-later */
/* block.c - contents: from the index of a data unit to the encryption context of a bio */
#include "fs/fscrypt/fscrypt_private.h"

#include <string.h>

#include "util/bits.h"

void fscrypt_generate_dun(const struct fscrypt_info *info, uint64_t index,
			  uint64_t ret_dun[static BLK_CRYPTO_DUN_ARRAY_SIZE])
{
	memset(ret_dun, 0, BLK_CRYPTO_DUN_ARRAY_SIZE * sizeof(ret_dun[0]));
	if ((info->flags & FSCRYPT_POLICY_FLAG_IV_INO_LBLK_64) != 0) {
		index |= (uint64_t)info->ino << 32;
	} else if ((info->flags & FSCRYPT_POLICY_FLAG_IV_INO_LBLK_32) != 0) {
		index = (uint32_t)(info->hashed_ino + index);
	} else if ((info->flags & FSCRYPT_POLICY_FLAG_DIRECT_KEY) != 0) {
		/* Bytes 8..23 of the IV, and limbs become IV bytes little endian. */
		ret_dun[1] = get_le64(info->nonce);
		ret_dun[2] = get_le64(info->nonce + 8);
	}
	ret_dun[0] = index;
}

unsigned fscrypt_info_data_unit_size(const struct fscrypt_info *info)
{
	return 1u << info->data_unit_bits;
}

void fscrypt_set_bio_crypt_ctx(const struct fscrypt_info *info, struct bio *bio, uint64_t index)
{
	uint64_t dun[BLK_CRYPTO_DUN_ARRAY_SIZE];

	fscrypt_generate_dun(info, index, dun);
	bio_crypt_set_ctx(bio, info->key->blk_key, dun);
}

size_t fscrypt_contiguous_bytes(const struct fscrypt_info *info, uint64_t index, size_t len)
{
	uint64_t left;

	if ((info->flags & FSCRYPT_POLICY_FLAG_IV_INO_LBLK_32) == 0)
		return len;
	/* Data units up to the one with the number 0xFFFFFFFF. */
	left = (1ULL << 32) - (uint32_t)(info->hashed_ino + index);
	return MIN(len, left << info->data_unit_bits);
}
