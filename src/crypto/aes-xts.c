/* SPDX-License-Identifier: GPL-3.0-or-later */
/* aes-xts.c - "xts(aes)" with 256-bit AES: file contents */
#include "crypto/skcipher-algs.h"

#include <errno.h>

#include "crypto/cpu.h"
#include "crypto/evp-block.h"
#include "crypto/gcry-xts.h"
#include "util/secret.h"

/*
 * OpenSSL 3.0, which Debian 12 has, does one block at a time where a processor with VAES could do
 * two; its libgcrypt does two: 13.5 GB/s a core in place of 6.7 with units of 4096 bytes, 6.9 in
 * place of 3.3 with units of 512. Elsewhere they are alike, and it is OpenSSL.
 */
struct xts {
	struct gcry_cipher_handle *gcry; /* NULL: evp */
	struct evp_pair evp;
};

static int xts_init(void *ctx)
{
	struct xts *x = ctx;

	if (cpu_has(CPU_VAES))
		x->gcry = gcry_xts_new();
	return x->gcry ? 0 : evp_pair_init(&x->evp, evp_find("AES-256-XTS"), NULL);
}

static void xts_exit(void *ctx)
{
	struct xts *x = ctx;

	gcry_xts_free(x->gcry);
	evp_pair_exit(&x->evp);
}

static int xts_setkey(void *ctx, const uint8_t *key)
{
	struct xts *x = ctx;

	/* The libraries refuse this now and then; Linux always does. */
	if (secret_equal(key, key + 32, 32))
		return -EINVAL;
	return x->gcry ? gcry_xts_setkey(x->gcry, key) : evp_pair_setkey(&x->evp, key);
}

static int xts_encrypt(void *ctx, const uint8_t *iv, const uint8_t *src, uint8_t *dst, size_t len)
{
	struct xts *x = ctx;

	return x->gcry ? gcry_xts_run(x->gcry, true, iv, src, dst, len)
		       : evp_run(x->evp.enc, iv, src, dst, len);
}

static int xts_decrypt(void *ctx, const uint8_t *iv, const uint8_t *src, uint8_t *dst, size_t len)
{
	struct xts *x = ctx;

	return x->gcry ? gcry_xts_run(x->gcry, false, iv, src, dst, len)
		       : evp_run(x->evp.dec, iv, src, dst, len);
}

const struct skcipher_alg aes_256_xts_alg = {
	.name = "xts(aes)",
	.variant = "aes-256-xts",
	.key_size = 64,
	.iv_size = 16,
	/* XTS could steal ciphertext, but fscrypt only ever has whole blocks. */
	.block_align = 16,
	.min_len = 16,
	.ctx_size = sizeof(struct xts),
	.init = xts_init,
	.exit = xts_exit,
	.setkey = xts_setkey,
	.encrypt = xts_encrypt,
	.decrypt = xts_decrypt,
};
