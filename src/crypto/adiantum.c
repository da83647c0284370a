/* SPDX-License-Identifier: GPL-3.0-or-later */
/* adiantum.c - "adiantum(xchacha12,aes)", a wide-block cipher (eprint 2018/720): contents, names */
#include "crypto/adiantum.h"

#include <string.h>

#include "crypto/evp-block.h"
#include "crypto/skcipher-algs.h"
#include "util/secret.h"

#define TWEAK_LEN    32
#define AES_KEY_SIZE 32

_Static_assert(sizeof(struct adiantum_ctx) <= SECRET_SLAB_LARGE,
	       "as many as there are directories");

int adiantum_init(struct adiantum_ctx *ctx)
{
	return evp_block_init(&ctx->aes, "AES-256-ECB");
}

void adiantum_exit(struct adiantum_ctx *ctx)
{
	evp_pair_exit(&ctx->aes);
}

int adiantum_setkey(struct adiantum_ctx *ctx, const uint8_t *key)
{
	static const uint8_t nonce[XCHACHA12_NONCE_SIZE] = { 1 };
	struct {
		uint8_t aes[AES_KEY_SIZE];
		uint8_t header[POLYHASH_KEY_SIZE], message[POLYHASH_KEY_SIZE];
		uint8_t nh[NH_KEY_SIZE];
	} sub;
	int err;

	memcpy(ctx->stream_key, key, sizeof(ctx->stream_key));
	memset(&sub, 0, sizeof(sub));
	xchacha12_xor(key, nonce, 0, (uint8_t *)&sub, (uint8_t *)&sub, sizeof(sub));
	err = evp_pair_setkey(&ctx->aes, sub.aes);
	polyhash_setkey(&ctx->header_key, sub.header);
	polyhash_setkey(&ctx->message_key, sub.message);
	nh_setkey(ctx->nh_key, sub.nh);
	secret_wipe(&sub, sizeof(sub));
	return err;
}

/* The part of the hash that both sides of a message, which are equally long, have in common. */
static struct le128 hash_header(const struct adiantum_ctx *ctx, const uint8_t *tweak,
				size_t tweak_len, size_t len)
{
	uint8_t bits[BLOCK_LEN] = { 0 };

	put_le64(bits, 8 * (uint64_t)len);
	return polyhash(&ctx->header_key, bits, sizeof(bits), tweak, tweak_len);
}

/*
 * Encryption and decryption differ in the direction of one block, the last: hash of the rest added,
 * AES one way or the other, and of the two the encrypted block is the nonce of the rest's stream.
 */
int adiantum_crypt(struct adiantum_ctx *ctx, bool encrypt, const uint8_t *tweak, size_t tweak_len,
		   const uint8_t *src, uint8_t *dst, size_t len)
{
	size_t rest = len - BLOCK_LEN;
	struct le128 header = hash_header(ctx, tweak, tweak_len, rest), sum;
	uint8_t nonce[XCHACHA12_NONCE_SIZE] = { [BLOCK_LEN] = 1 };
	uint8_t in[BLOCK_LEN], out[BLOCK_LEN];
	int err;

	sum = le128_add(header, nhpoly1305(&ctx->message_key, ctx->nh_key, src, rest));
	le128_store(in, le128_add(le128_load(src + rest), sum));
	err = evp_blocks(encrypt ? ctx->aes.enc : ctx->aes.dec, in, out, sizeof(out));
	if (err)
		goto wipe;
	memcpy(nonce, encrypt ? out : in, BLOCK_LEN);
	xchacha12_xor(ctx->stream_key, nonce, 0, src, dst, rest);
	sum = le128_add(header, nhpoly1305(&ctx->message_key, ctx->nh_key, dst, rest));
	le128_store(dst + rest, le128_sub(le128_load(out), sum));
wipe:
	secret_wipe(in, sizeof(in));
	secret_wipe(out, sizeof(out));
	secret_wipe(nonce, sizeof(nonce));
	return err;
}

static int alg_init(void *ctx)
{
	return adiantum_init(ctx);
}

static void alg_exit(void *ctx)
{
	adiantum_exit(ctx);
}

static int alg_setkey(void *ctx, const uint8_t *key)
{
	return adiantum_setkey(ctx, key);
}

static int alg_encrypt(void *ctx, const uint8_t *iv, const uint8_t *src, uint8_t *dst, size_t len)
{
	return adiantum_crypt(ctx, true, iv, TWEAK_LEN, src, dst, len);
}

static int alg_decrypt(void *ctx, const uint8_t *iv, const uint8_t *src, uint8_t *dst, size_t len)
{
	return adiantum_crypt(ctx, false, iv, TWEAK_LEN, src, dst, len);
}

const struct skcipher_alg adiantum_alg = {
	.name = "adiantum(xchacha12,aes)",
	.variant = "adiantum",
	.key_size = 32,
	.iv_size = TWEAK_LEN,
	.block_align = 1,
	.min_len = BLOCK_LEN,
	.ctx_size = sizeof(struct adiantum_ctx),
	.init = alg_init,
	.exit = alg_exit,
	.setkey = alg_setkey,
	.encrypt = alg_encrypt,
	.decrypt = alg_decrypt,
};
