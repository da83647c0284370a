/* SPDX-License-Identifier: GPL-3.0-or-later */
/* digest.c - SHA-256 and SipHash-2-4 from libsodium, in the shapes that we need */
#include "crypto/digest.h"

#include <sodium.h>

#include "util/bits.h"

void sha256(const void *data, size_t len, uint8_t out[static SHA256_SIZE])
{
	crypto_hash_sha256(out, data, len);
}

void sha256_2(const void *a, size_t alen, const void *b, size_t blen,
	      uint8_t out[static SHA256_SIZE])
{
	crypto_hash_sha256_state st;

	crypto_hash_sha256_init(&st);
	crypto_hash_sha256_update(&st, a, alen);
	crypto_hash_sha256_update(&st, b, blen);
	crypto_hash_sha256_final(&st, out);
}

uint64_t siphash24(const uint8_t key[static 16], const void *data, size_t len)
{
	uint8_t out[8];

	crypto_shorthash_siphash24(out, data, len, key);
	return get_le64(out);
}
