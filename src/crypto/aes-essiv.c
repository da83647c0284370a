/* SPDX-License-Identifier: GPL-3.0-or-later */
/* aes-essiv.c - "essiv(cbc(aes),sha256)" with 128-bit AES: file contents for weak machines */
#include "crypto/skcipher-algs.h"

#include "crypto/digest.h"
#include "crypto/evp-block.h"
#include "util/secret.h"

struct essiv_ctx {
	struct evp_pair cbc;
	struct evp_pair ecb; /* keyed with the hash of the key; only encrypts, and only IVs */
};

static int essiv_init(void *ptr)
{
	struct essiv_ctx *ctx = ptr;
	int err = evp_block_init(&ctx->cbc, "AES-128-CBC");

	if (err)
		return err;
	err = evp_block_init(&ctx->ecb, "AES-256-ECB");
	if (err)
		goto exit_cbc;
	return 0;

exit_cbc:
	evp_pair_exit(&ctx->cbc);
	return err;
}

static void essiv_exit(void *ptr)
{
	struct essiv_ctx *ctx = ptr;

	evp_pair_exit(&ctx->ecb);
	evp_pair_exit(&ctx->cbc);
}

static int essiv_setkey(void *ptr, const uint8_t *key)
{
	struct essiv_ctx *ctx = ptr;
	uint8_t salt[SHA256_SIZE];
	int err;

	sha256(key, 16, salt);
	err = evp_pair_setkey(&ctx->ecb, salt);
	secret_wipe(salt, sizeof(salt));
	return err ? err : evp_pair_setkey(&ctx->cbc, key);
}

/* One message in the direction of @cbc. */
static int crypt(struct essiv_ctx *ctx, EVP_CIPHER_CTX *cbc, const uint8_t *iv, const uint8_t *src,
		 uint8_t *dst, size_t len)
{
	uint8_t hidden[16];
	int err = evp_blocks(ctx->ecb.enc, iv, hidden, sizeof(hidden));

	return err ? err : evp_run(cbc, hidden, src, dst, len);
}

static int essiv_encrypt(void *ptr, const uint8_t *iv, const uint8_t *src, uint8_t *dst, size_t len)
{
	struct essiv_ctx *ctx = ptr;

	return crypt(ctx, ctx->cbc.enc, iv, src, dst, len);
}

static int essiv_decrypt(void *ptr, const uint8_t *iv, const uint8_t *src, uint8_t *dst, size_t len)
{
	struct essiv_ctx *ctx = ptr;

	return crypt(ctx, ctx->cbc.dec, iv, src, dst, len);
}

const struct skcipher_alg aes_128_cbc_essiv_alg = {
	.name = "essiv(cbc(aes),sha256)",
	.variant = "aes-128-cbc-essiv",
	.key_size = 16,
	.iv_size = 16,
	.block_align = 16,
	.min_len = 16,
	.ctx_size = sizeof(struct essiv_ctx),
	.init = essiv_init,
	.exit = essiv_exit,
	.setkey = essiv_setkey,
	.encrypt = essiv_encrypt,
	.decrypt = essiv_decrypt,
};
