/* SPDX-License-Identifier: GPL-3.0-or-later */
/* aes-xts.c - "xts(aes)" with 256-bit AES: file contents */
#include "crypto/skcipher-algs.h"

#include <errno.h>

#include "crypto/evp-block.h"
#include "util/secret.h"

static int xts_init(void *ctx)
{
	return evp_pair_init(ctx, evp_find("AES-256-XTS"), NULL);
}

static void xts_exit(void *ctx)
{
	evp_pair_exit(ctx);
}

static int xts_setkey(void *ctx, const uint8_t *key)
{
	/* OpenSSL refuses this only when it is told to encrypt; Linux always does. */
	if (secret_equal(key, key + 32, 32))
		return -EINVAL;
	return evp_pair_setkey(ctx, key);
}

static int xts_encrypt(void *ctx, const uint8_t *iv, const uint8_t *src, uint8_t *dst, size_t len)
{
	return evp_run(((struct evp_pair *)ctx)->enc, iv, src, dst, len);
}

static int xts_decrypt(void *ctx, const uint8_t *iv, const uint8_t *src, uint8_t *dst, size_t len)
{
	return evp_run(((struct evp_pair *)ctx)->dec, iv, src, dst, len);
}

const struct skcipher_alg aes_256_xts_alg = {
	.name = "xts(aes)",
	.variant = "aes-256-xts",
	.key_size = 64,
	.iv_size = 16,
	/* XTS could steal ciphertext, but fscrypt only ever has whole blocks. */
	.block_align = 16,
	.min_len = 16,
	.ctx_size = sizeof(struct evp_pair),
	.init = xts_init,
	.exit = xts_exit,
	.setkey = xts_setkey,
	.encrypt = xts_encrypt,
	.decrypt = xts_decrypt,
};
