/* SPDX-License-Identifier: GPL-3.0-or-later */
/* digest.h - SHA-256 and SipHash-2-4 from libsodium, in the shapes that we need */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32

void sha256(const void *data, size_t len, uint8_t out[static SHA256_SIZE]);

/* SHA-256 over a || b without joining them. */
void sha256_2(const void *a, size_t alen, const void *b, size_t blen,
	      uint8_t out[static SHA256_SIZE]);

/* SipHash-2-4 of @data under a 16-byte key, as the little-endian number it stands for. */
uint64_t siphash24(const uint8_t key[static 16], const void *data, size_t len);

#endif
