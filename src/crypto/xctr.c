/* SPDX-License-Identifier: GPL-3.0-or-later */
/* xctr.c - XCTR: the counter, from 1, is xored into the nonce; many blocks to a library call */
#include "crypto/xctr.h"

#include "crypto/evp-block.h"
#include "util/compiler.h"
#include "util/secret.h"

/* A name of 255 bytes needs 15 blocks; a call costs as much as four. */
#define BATCH 16

int xctr(EVP_CIPHER_CTX *ecb, struct le128 nonce, const uint8_t *src, uint8_t *dst, size_t len)
{
	uint8_t pad[BATCH * BLOCK_LEN];
	size_t used = 0, n, whole;
	uint64_t counter = 1;
	int err = 0;

	for (; len; len -= n, src += n, dst += n) {
		n = MIN(len, sizeof(pad));
		whole = round_up(n, BLOCK_LEN);
		used = MAX(used, whole);
		for (size_t at = 0; at < whole; at += BLOCK_LEN)
			le128_store(pad + at, (struct le128){ nonce.lo ^ counter++, nonce.hi });
		err = evp_blocks(ecb, pad, pad, whole);
		if (err)
			break;
		xor_bytes(dst, src, pad, n);
	}
	secret_wipe(pad, used);
	return err;
}
