/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sm4-xts.c - "xts(sm4)", file contents: IEEE 1619's XTS put together from OpenSSL's SM4-ECB */
#include "crypto/skcipher-algs.h"

#include <errno.h>

#include "crypto/blocks.h"
#include "crypto/evp-block.h"
#include "util/compiler.h"
#include "util/secret.h"

/*
 * OpenSSL has an SM4-XTS from 3.2 on, but its default is the doubling of GB/T 17964, which is not
 * the kernel's.
 */
struct xts_ctx {
	struct evp_pair data;
	struct evp_pair tweak; /* only encrypts */
};

#define BATCH 32 /* blocks to a call of the library */

static int xts_init(void *ptr)
{
	struct xts_ctx *ctx = ptr;
	int err = evp_block_init(&ctx->data, "SM4-ECB");

	if (err)
		return err;
	err = evp_block_init(&ctx->tweak, "SM4-ECB");
	if (err)
		goto exit_data;
	return 0;

exit_data:
	evp_pair_exit(&ctx->data);
	return err;
}

static void xts_exit(void *ptr)
{
	struct xts_ctx *ctx = ptr;

	evp_pair_exit(&ctx->tweak);
	evp_pair_exit(&ctx->data);
}

static int xts_setkey(void *ptr, const uint8_t *key)
{
	struct xts_ctx *ctx = ptr;
	int err;

	if (secret_equal(key, key + 16, 16))
		return -EINVAL;
	err = evp_pair_setkey(&ctx->data, key);
	return err ? err : evp_pair_setkey(&ctx->tweak, key + 16);
}

/* Times x: IEEE's bit order, little endian throughout. */
static struct le128 doubled(struct le128 t)
{
	return (struct le128){ t.lo << 1 ^ (0x87 & -(t.hi >> 63)), t.hi << 1 | t.lo >> 63 };
}

/* One message in the direction of @data. */
static int crypt(struct xts_ctx *ctx, EVP_CIPHER_CTX *data, const uint8_t *iv, const uint8_t *src,
		 uint8_t *dst, size_t len)
{
	uint8_t tweaks[BATCH * BLOCK_LEN];
	struct le128 t;
	int err = evp_blocks(ctx->tweak.enc, iv, tweaks, BLOCK_LEN);

	t = le128_load(tweaks);
	while (len && !err) {
		size_t n = MIN(len, sizeof(tweaks));

		for (size_t at = 0; at < n; at += BLOCK_LEN) {
			le128_store(tweaks + at, t);
			t = doubled(t);
		}
		xor_bytes(dst, src, tweaks, n);
		err = evp_blocks(data, dst, dst, n);
		xor_bytes(dst, dst, tweaks, n);
		src += n;
		dst += n;
		len -= n;
	}
	secret_wipe(tweaks, sizeof(tweaks));
	return err;
}

static int xts_encrypt(void *ptr, const uint8_t *iv, const uint8_t *src, uint8_t *dst, size_t len)
{
	struct xts_ctx *ctx = ptr;

	return crypt(ctx, ctx->data.enc, iv, src, dst, len);
}

static int xts_decrypt(void *ptr, const uint8_t *iv, const uint8_t *src, uint8_t *dst, size_t len)
{
	struct xts_ctx *ctx = ptr;

	return crypt(ctx, ctx->data.dec, iv, src, dst, len);
}

const struct skcipher_alg sm4_xts_alg = {
	.name = "xts(sm4)",
	.variant = "sm4-xts",
	.key_size = 32,
	.iv_size = 16,
	.block_align = 16,
	.min_len = 16,
	.ctx_size = sizeof(struct xts_ctx),
	.init = xts_init,
	.exit = xts_exit,
	.setkey = xts_setkey,
	.encrypt = xts_encrypt,
	.decrypt = xts_decrypt,
};
