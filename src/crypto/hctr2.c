/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hctr2.c - "hctr2(aes)" with 256-bit AES, a wide-block cipher (eprint 2021/1441): file names */
#include "crypto/hctr2.h"

#include <string.h>

#include "crypto/evp-block.h"
#include "crypto/skcipher-algs.h"
#include "crypto/xctr.h"
#include "util/secret.h"

#define TWEAK_LEN 32

int hctr2_init(struct hctr2_ctx *ctx)
{
	return evp_block_init(&ctx->aes, "AES-256-ECB");
}

void hctr2_exit(struct hctr2_ctx *ctx)
{
	evp_pair_exit(&ctx->aes);
}

int hctr2_setkey(struct hctr2_ctx *ctx, const uint8_t *key)
{
	uint8_t blocks[2 * BLOCK_LEN] = { [BLOCK_LEN] = 1 };
	int err = evp_pair_setkey(&ctx->aes, key);

	if (!err)
		err = evp_blocks(ctx->aes.enc, blocks, blocks, sizeof(blocks));
	if (!err) {
		polyval_setkey(&ctx->hash, blocks);
		ctx->mask = le128_load(blocks + BLOCK_LEN);
	}
	secret_wipe(blocks, sizeof(blocks));
	return err;
}

/* All of @data, and if it does not end with a block, @fill and zeros up to there. */
static struct le128 absorb(const struct hctr2_ctx *ctx, struct le128 acc, const uint8_t *data,
			   size_t len, uint8_t fill)
{
	size_t whole = len / BLOCK_LEN, rest = len % BLOCK_LEN;
	uint8_t padded[BLOCK_LEN] = { 0 };
	struct le128 last;

	if (!rest)
		return polyval_blocks(&ctx->hash, acc, data, whole, NULL);
	memcpy(padded, data + whole * BLOCK_LEN, rest);
	padded[rest] = fill;
	last = le128_load(padded);
	secret_wipe(padded, sizeof(padded));
	acc = polyval_blocks(&ctx->hash, acc, data, whole, &last);
	secret_wipe(&last, sizeof(last));
	return acc;
}

/* The part of the hash that both sides of a message, which are equally long, have in common. */
static struct le128 absorb_tweak(const struct hctr2_ctx *ctx, const uint8_t *tweak,
				 size_t tweak_len, size_t len)
{
	uint8_t first[BLOCK_LEN + TWEAK_LEN] = { 0 };
	struct le128 acc = { 0, 0 };

	put_le64(first, 16 * (uint64_t)tweak_len + 2 + (len % BLOCK_LEN != 0));
	if (likely(tweak_len == TWEAK_LEN)) {
		memcpy(first + BLOCK_LEN, tweak, TWEAK_LEN);
		return polyval_blocks(&ctx->hash, acc, first, sizeof(first) / BLOCK_LEN, NULL);
	}
	acc = polyval_blocks(&ctx->hash, acc, first, 1, NULL);
	return absorb(ctx, acc, tweak, tweak_len, 0);
}

/*
 * Encryption and decryption differ in the direction of one block: first half hashed in, AES one way
 * or the other, and what went in and came out make the keystream of the rest.
 */
int hctr2_crypt(struct hctr2_ctx *ctx, bool encrypt, const uint8_t *tweak, size_t tweak_len,
		const uint8_t *src, uint8_t *dst, size_t len)
{
	size_t rest = len - BLOCK_LEN;
	struct le128 prefix = absorb_tweak(ctx, tweak, tweak_len, rest);
	struct le128 in, out, nonce;
	uint8_t block[BLOCK_LEN];
	int err;

	in = le128_xor(le128_load(src), absorb(ctx, prefix, src + BLOCK_LEN, rest, 1));
	le128_store(block, in);
	err = evp_blocks(encrypt ? ctx->aes.enc : ctx->aes.dec, block, block, sizeof(block));
	if (err)
		goto wipe;
	out = le128_load(block);
	nonce = le128_xor(le128_xor(in, out), ctx->mask);
	err = xctr(ctx->aes.enc, nonce, src + BLOCK_LEN, dst + BLOCK_LEN, rest);
	if (err)
		goto wipe;
	le128_store(dst, le128_xor(out, absorb(ctx, prefix, dst + BLOCK_LEN, rest, 1)));
wipe:
	secret_wipe(block, sizeof(block));
	return err;
}

static int alg_init(void *ctx)
{
	return hctr2_init(ctx);
}

static void alg_exit(void *ctx)
{
	hctr2_exit(ctx);
}

static int alg_setkey(void *ctx, const uint8_t *key)
{
	return hctr2_setkey(ctx, key);
}

static int alg_encrypt(void *ctx, const uint8_t *iv, const uint8_t *src, uint8_t *dst, size_t len)
{
	return hctr2_crypt(ctx, true, iv, TWEAK_LEN, src, dst, len);
}

static int alg_decrypt(void *ctx, const uint8_t *iv, const uint8_t *src, uint8_t *dst, size_t len)
{
	return hctr2_crypt(ctx, false, iv, TWEAK_LEN, src, dst, len);
}

const struct skcipher_alg aes_256_hctr2_alg = {
	.name = "hctr2(aes)",
	.variant = "aes-256-hctr2",
	.key_size = 32,
	.iv_size = TWEAK_LEN,
	.block_align = 1,
	.min_len = BLOCK_LEN,
	.ctx_size = sizeof(struct hctr2_ctx),
	.init = alg_init,
	.exit = alg_exit,
	.setkey = alg_setkey,
	.encrypt = alg_encrypt,
	.decrypt = alg_decrypt,
};
