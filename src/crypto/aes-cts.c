/* SPDX-License-Identifier: GPL-3.0-or-later */
/* aes-cts.c - "cts(cbc(aes))", the last two blocks always swapped (CS3): file names */
#include "crypto/skcipher-algs.h"

#include <openssl/core_names.h>

#include "crypto/evp-block.h"

static int init(void *ctx, const char *name)
{
	/* OpenSSL's default is CS1, which swaps only when the last block is short. */
	static char mode[] = "CS3";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_CIPHER_PARAM_CTS_MODE, mode, 0),
		OSSL_PARAM_construct_end(),
	};

	return evp_pair_init(ctx, evp_find(name), params);
}

static int cts_256_init(void *ctx)
{
	return init(ctx, "AES-256-CBC-CTS");
}

static int cts_128_init(void *ctx)
{
	return init(ctx, "AES-128-CBC-CTS");
}

static void cts_exit(void *ctx)
{
	evp_pair_exit(ctx);
}

static int cts_setkey(void *ctx, const uint8_t *key)
{
	return evp_pair_setkey(ctx, key);
}

static int cts_encrypt(void *ctx, const uint8_t *iv, const uint8_t *src, uint8_t *dst, size_t len)
{
	return evp_run(((struct evp_pair *)ctx)->enc, iv, src, dst, len);
}

static int cts_decrypt(void *ctx, const uint8_t *iv, const uint8_t *src, uint8_t *dst, size_t len)
{
	return evp_run(((struct evp_pair *)ctx)->dec, iv, src, dst, len);
}

const struct skcipher_alg aes_256_cts_alg = {
	.name = "cts(cbc(aes))",
	.variant = "aes-256-cts",
	.key_size = 32,
	.iv_size = 16,
	.block_align = 1,
	.min_len = 16,
	.ctx_size = sizeof(struct evp_pair),
	.init = cts_256_init,
	.exit = cts_exit,
	.setkey = cts_setkey,
	.encrypt = cts_encrypt,
	.decrypt = cts_decrypt,
};

const struct skcipher_alg aes_128_cts_alg = {
	.name = "cts(cbc(aes))",
	.variant = "aes-128-cts",
	.key_size = 16,
	.iv_size = 16,
	.block_align = 1,
	.min_len = 16,
	.ctx_size = sizeof(struct evp_pair),
	.init = cts_128_init,
	.exit = cts_exit,
	.setkey = cts_setkey,
	.encrypt = cts_encrypt,
	.decrypt = cts_decrypt,
};
