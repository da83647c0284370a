/* SPDX-License-Identifier: GPL-3.0-or-later */
/* adiantum.h - Adiantum with a tweak of any length, for the row of 32 and for published vectors */
#ifndef CRYPTO_ADIANTUM_H
#define CRYPTO_ADIANTUM_H

#include <stdbool.h>

#include "crypto/chacha12.h"
#include "crypto/evp-pair.h"
#include "crypto/nhpoly1305.h"

struct adiantum_ctx {
	struct evp_pair aes;
	uint8_t stream_key[CHACHA12_KEY_SIZE];
	struct polyhash_key header_key, message_key;
	uint32_t nh_key[NH_KEY_WORDS];
};

/* As the operations of a struct skcipher_alg, @key of 32 bytes. */
int adiantum_init(struct adiantum_ctx *ctx);
void adiantum_exit(struct adiantum_ctx *ctx);
int adiantum_setkey(struct adiantum_ctx *ctx, const uint8_t *key);

/* One message of at least 16 bytes; @dst may be @src. No allocation. 0 or -EIO. */
int adiantum_crypt(struct adiantum_ctx *ctx, bool encrypt, const uint8_t *tweak, size_t tweak_len,
		   const uint8_t *src, uint8_t *dst, size_t len);

#endif
