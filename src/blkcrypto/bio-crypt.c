/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bio-crypt.c - contexts of bios: data unit numbers of 256 bits, and what may stand side by side */
#include <string.h>

#include "blkcrypto/blk-crypto.h"
#include "util/bits.h"

void bio_crypt_set_ctx(struct bio *bio, const struct blk_crypto_key *key,
		       const uint64_t dun[static BLK_CRYPTO_DUN_ARRAY_SIZE])
{
	bio->bi_crypt_mem.bc_key = key;
	memcpy(bio->bi_crypt_mem.bc_dun, dun, sizeof(bio->bi_crypt_mem.bc_dun));
	bio->bi_crypt_context = &bio->bi_crypt_mem;
}

void bio_crypt_dun_increment(uint64_t dun[static BLK_CRYPTO_DUN_ARRAY_SIZE], uint64_t inc)
{
	for (unsigned i = 0; inc != 0 && i < BLK_CRYPTO_DUN_ARRAY_SIZE; i++) {
		dun[i] += inc;
		inc = dun[i] < inc;
	}
}

void bio_crypt_dun_decrement(uint64_t dun[static BLK_CRYPTO_DUN_ARRAY_SIZE], uint64_t dec)
{
	for (unsigned i = 0; dec != 0 && i < BLK_CRYPTO_DUN_ARRAY_SIZE; i++) {
		bool borrow = dun[i] < dec;

		dun[i] -= dec;
		dec = borrow;
	}
}

void bio_crypt_advance(struct bio_crypt_ctx *ctx, size_t bytes)
{
	bio_crypt_dun_increment(ctx->bc_dun, bytes >> ctx->bc_key->data_unit_size_bits);
}

bool bio_crypt_dun_is_contiguous(const struct bio_crypt_ctx *ctx, size_t bytes,
				 const uint64_t next[static BLK_CRYPTO_DUN_ARRAY_SIZE])
{
	uint64_t carry = bytes >> ctx->bc_key->data_unit_size_bits;

	for (unsigned i = 0; i < BLK_CRYPTO_DUN_ARRAY_SIZE; i++) {
		uint64_t limb = ctx->bc_dun[i] + carry;

		if (limb != next[i])
			return false;
		carry = limb < carry;
	}
	return carry == 0;
}

bool bio_crypt_ctx_mergeable(const struct bio_crypt_ctx *ctx, size_t bytes,
			     const struct bio_crypt_ctx *next)
{
	const struct blk_crypto_key *key = ctx ? ctx->bc_key : NULL;

	if (key != (next ? next->bc_key : NULL))
		return false;
	return !key || bio_crypt_dun_is_contiguous(ctx, bytes, next->bc_dun);
}

void blk_crypto_dun_to_iv(const uint64_t dun[static BLK_CRYPTO_DUN_ARRAY_SIZE],
			  uint8_t iv[static BLK_CRYPTO_MAX_IV_SIZE])
{
	for (unsigned i = 0; i < BLK_CRYPTO_DUN_ARRAY_SIZE; i++)
		put_le64(iv + i * sizeof(uint64_t), dun[i]);
}
