/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nhpoly1305.c - Adiantum's hashes: libsodium's Poly1305, its addend zero, and our NH under it */
#include "crypto/nhpoly1305.h"

#include <sodium.h>

#include "util/compiler.h"
#include "util/secret.h"

static_assert(sizeof(struct polyhash_key) == crypto_onetimeauth_poly1305_KEYBYTES,
	      "the key is libsodium's");
static_assert(BLOCK_LEN == crypto_onetimeauth_poly1305_BYTES, "the hash is a block");

typedef crypto_onetimeauth_poly1305_state poly_state;

void polyhash_setkey(struct polyhash_key *ret_key, const uint8_t r[static POLYHASH_KEY_SIZE])
{
	memset(ret_key, 0, sizeof(*ret_key));
	memcpy(ret_key->bytes, r, POLYHASH_KEY_SIZE);
}

/* The state holds powers of the key: libsodium wipes it here. */
static struct le128 finish(poly_state *st)
{
	uint8_t hash[BLOCK_LEN];
	struct le128 sum;

	crypto_onetimeauth_poly1305_final(st, hash);
	sum = le128_load(hash);
	secret_wipe(hash, sizeof(hash));
	return sum;
}

struct le128 polyhash(const struct polyhash_key *key, const uint8_t *a, size_t alen,
		      const uint8_t *b, size_t blen)
{
	poly_state st;

	crypto_onetimeauth_poly1305_init(&st, key->bytes);
	crypto_onetimeauth_poly1305_update(&st, a, alen);
	crypto_onetimeauth_poly1305_update(&st, b, blen);
	return finish(&st);
}

struct le128 nhpoly1305(const struct polyhash_key *key, const uint32_t nh_key[static NH_KEY_WORDS],
			const uint8_t *msg, size_t len)
{
	uint8_t hash[NH_HASH_SIZE];
	poly_state st;

	crypto_onetimeauth_poly1305_init(&st, key->bytes);
	while (len) {
		size_t n = MIN(len, (size_t)NH_CHUNK);

		nh(nh_key, msg, n, hash);
		crypto_onetimeauth_poly1305_update(&st, hash, sizeof(hash));
		msg += n;
		len -= n;
	}
	secret_wipe(hash, sizeof(hash));
	return finish(&st);
}
