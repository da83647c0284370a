/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hctr2.h - HCTR2 with a tweak of any length, for the row of 32 and for published vectors */
#ifndef CRYPTO_HCTR2_H
#define CRYPTO_HCTR2_H

#include <stdbool.h>

#include "crypto/evp-pair.h"
#include "crypto/polyval.h"

struct hctr2_ctx {
	struct evp_pair aes;
	struct le128 mask; /* the paper's L */
	struct polyval_key hash;
};

/* As the operations of a struct skcipher_alg, @key of 32 bytes. */
int hctr2_init(struct hctr2_ctx *ctx);
void hctr2_exit(struct hctr2_ctx *ctx);
int hctr2_setkey(struct hctr2_ctx *ctx, const uint8_t *key);

/* One message of at least 16 bytes; @dst may be @src. No allocation. 0 or -EIO. */
int hctr2_crypt(struct hctr2_ctx *ctx, bool encrypt, const uint8_t *tweak, size_t tweak_len,
		const uint8_t *src, uint8_t *dst, size_t len);

#endif
