/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hkdf.c - HKDF-SHA512 on libsodium's HMAC (its own HKDF came after Debian 12) */
#include "crypto/hkdf.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "util/compiler.h"
#include "util/secret.h"

#define BLOCK	 crypto_auth_hmacsha512_BYTES
#define MAX_INFO 64

static_assert(BLOCK == HKDF_PRK_SIZE, "a PRK is one HMAC");

int hkdf_extract(const uint8_t *ikm, size_t len, uint8_t prk[static HKDF_PRK_SIZE])
{
	static const uint8_t no_salt[BLOCK];
	crypto_auth_hmacsha512_state st;

	crypto_auth_hmacsha512_init(&st, no_salt, sizeof(no_salt));
	crypto_auth_hmacsha512_update(&st, ikm, len);
	crypto_auth_hmacsha512_final(&st, prk);
	secret_wipe(&st, sizeof(st));
	return 0;
}

int hkdf_expand(const uint8_t prk[static HKDF_PRK_SIZE], uint8_t context, const void *info,
		size_t infolen, uint8_t *out, size_t outlen)
{
	static const char prefix[8] = "fscrypt"; /* the NUL belongs to it */
	crypto_auth_hmacsha512_state keyed, st;
	uint8_t block[BLOCK], count = 0;
	size_t n;

	if (infolen > MAX_INFO || outlen > 255 * BLOCK)
		return -EINVAL;
	crypto_auth_hmacsha512_init(&keyed, prk, HKDF_PRK_SIZE);
	while (outlen) {
		st = keyed;
		if (count)
			crypto_auth_hmacsha512_update(&st, block, sizeof(block));
		count++;
		crypto_auth_hmacsha512_update(&st, (const uint8_t *)prefix, sizeof(prefix));
		crypto_auth_hmacsha512_update(&st, &context, 1);
		crypto_auth_hmacsha512_update(&st, info, infolen);
		crypto_auth_hmacsha512_update(&st, &count, 1);
		crypto_auth_hmacsha512_final(&st, block);
		n = MIN(outlen, sizeof(block));
		memcpy(out, block, n);
		out += n;
		outlen -= n;
	}
	secret_wipe(&keyed, sizeof(keyed));
	secret_wipe(&st, sizeof(st));
	secret_wipe(block, sizeof(block));
	return 0;
}
