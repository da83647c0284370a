/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sm4-cts.c - "cts(cbc(sm4))", file names: CS3 put together from OpenSSL's SM4-CBC */
#include "crypto/skcipher-algs.h"

#include <string.h>

#include "crypto/blocks.h"
#include "crypto/evp-block.h"
#include "util/secret.h"

static int cts_init(void *ctx)
{
	return evp_block_init(ctx, "SM4-CBC");
}

static void cts_exit(void *ctx)
{
	evp_pair_exit(ctx);
}

static int cts_setkey(void *ctx, const uint8_t *key)
{
	return evp_pair_setkey(ctx, key);
}

/*
 * A message of more than a block is @head bytes of whole blocks and a last one of @tail, 1 to 16.
 * The last two blocks of the ciphertext change places, and the shorter loses what it has too much.
 */
static int cts_encrypt(void *ptr, const uint8_t *iv, const uint8_t *src, uint8_t *dst, size_t len)
{
	const struct evp_pair *pair = ptr;
	size_t head = (len - 1) / BLOCK_LEN * BLOCK_LEN, tail = len - head;
	uint8_t last[BLOCK_LEN] = { 0 };
	int err;

	if (head == 0)
		return evp_run(pair->enc, iv, src, dst, len);
	memcpy(last, src + head, tail);
	err = evp_run(pair->enc, iv, src, dst, head);
	if (!err)
		err = evp_blocks(pair->enc, last, last, BLOCK_LEN);
	if (!err) {
		memcpy(dst + head, dst + head - BLOCK_LEN, tail);
		memcpy(dst + head - BLOCK_LEN, last, BLOCK_LEN);
	}
	secret_wipe(last, sizeof(last));
	return err;
}

/*
 * What stands last but one is the encryption of the last block, so it gives back that block and,
 * behind the tail, what the tail of the ciphertext lost.
 */
static int cts_decrypt(void *ptr, const uint8_t *iv, const uint8_t *src, uint8_t *dst, size_t len)
{
	static const uint8_t zero_iv[BLOCK_LEN];
	const struct evp_pair *pair = ptr;
	size_t head = (len - 1) / BLOCK_LEN * BLOCK_LEN, tail = len - head;
	uint8_t before[BLOCK_LEN], last[BLOCK_LEN];
	int err;

	if (head == 0)
		return evp_run(pair->dec, iv, src, dst, len);
	err = evp_run(pair->dec, zero_iv, src + head - BLOCK_LEN, last, BLOCK_LEN);
	if (err)
		return err;
	memcpy(before, last, BLOCK_LEN);
	memcpy(before, src + head, tail);
	xor_bytes(last, last, before, BLOCK_LEN);
	if (head > BLOCK_LEN) {
		err = evp_run(pair->dec, iv, src, dst, head - BLOCK_LEN);
		if (!err)
			err = evp_blocks(pair->dec, before, dst + head - BLOCK_LEN, BLOCK_LEN);
	} else {
		err = evp_run(pair->dec, iv, before, dst, BLOCK_LEN);
	}
	if (!err)
		memcpy(dst + head, last, tail);
	secret_wipe(before, sizeof(before));
	secret_wipe(last, sizeof(last));
	return err;
}

const struct skcipher_alg sm4_cts_alg = {
	.name = "cts(cbc(sm4))",
	.variant = "sm4-cts",
	.key_size = 16,
	.iv_size = 16,
	.block_align = 1,
	.min_len = 16,
	.ctx_size = sizeof(struct evp_pair),
	.init = cts_init,
	.exit = cts_exit,
	.setkey = cts_setkey,
	.encrypt = cts_encrypt,
	.decrypt = cts_decrypt,
};
