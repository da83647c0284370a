/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nhpoly1305.h - Poly1305 without its last addition, and NH under it: Adiantum's two hashes */
#ifndef CRYPTO_NHPOLY1305_H
#define CRYPTO_NHPOLY1305_H

#include "crypto/blocks.h"
#include "crypto/nh.h"

#define POLYHASH_KEY_SIZE 16

/* A Poly1305 key whose addend is zero. */
struct polyhash_key {
	uint8_t bytes[2 * POLYHASH_KEY_SIZE];
};

void polyhash_setkey(struct polyhash_key *ret_key, const uint8_t r[static POLYHASH_KEY_SIZE]);

/* Hash of @a and then @b, both of any length, as a number below 2^128. Constant time. */
struct le128 polyhash(const struct polyhash_key *key, const uint8_t *a, size_t alen,
		      const uint8_t *b, size_t blen);

/* Hash of the NH hashes of @msg, of any length. Constant time; leaves nothing on the stack. */
struct le128 nhpoly1305(const struct polyhash_key *key, const uint32_t nh_key[static NH_KEY_WORDS],
			const uint8_t *msg, size_t len);

#endif
