/* SPDX-License-Identifier: GPL-3.0-or-later */
/* skcipher.c - the table of ciphers, and the checks that no row has to make itself */
#include "crypto/skcipher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/skcipher-algs.h"
#include "util/secret.h"

/* clang-format off */
static const struct skcipher_alg *const algs[] = {
	&aes_256_xts_alg,
	&aes_256_cts_alg,
	&aes_256_hctr2_alg,
	&aes_128_cbc_essiv_alg,
	&aes_128_cts_alg,
	&adiantum_alg,
	&sm4_xts_alg,
	&sm4_cts_alg,
};
/* clang-format on */

struct skcipher {
	const struct skcipher_alg *alg;
	void *ctx;
	bool keyed;
};

const struct skcipher_alg *skcipher_by_index(unsigned i)
{
	return i < ARRAY_SIZE(algs) ? algs[i] : NULL;
}

const struct skcipher_alg *skcipher_find(const char *variant)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(algs); i++)
		if (strcmp(algs[i]->variant, variant) == 0)
			return algs[i];
	return NULL;
}

/* There is one for each directory in use: pages of their own would be too many mappings. */
static void *ctx_alloc(size_t size)
{
	if (size <= SECRET_SLAB_MAX)
		return secret_slab_alloc();
	return size <= SECRET_SLAB_LARGE ? secret_slab_alloc_large() : secret_alloc(size);
}

static void ctx_free(void *ctx, size_t size)
{
	if (size <= SECRET_SLAB_MAX)
		secret_slab_free(ctx);
	else if (size <= SECRET_SLAB_LARGE)
		secret_slab_free_large(ctx);
	else
		secret_free(ctx);
}

int skcipher_alloc(const struct skcipher_alg *alg, struct skcipher **ret_tfm)
{
	struct skcipher *tfm;
	int err = -ENOMEM;

	tfm = calloc(1, sizeof(*tfm));
	if (!tfm)
		return -ENOMEM;
	tfm->alg = alg;
	tfm->ctx = ctx_alloc(alg->ctx_size);
	if (!tfm->ctx)
		goto free_tfm;
	err = alg->init(tfm->ctx);
	if (err)
		goto free_ctx;
	*ret_tfm = tfm;
	return 0;

free_ctx:
	ctx_free(tfm->ctx, alg->ctx_size);
free_tfm:
	free(tfm);
	return err;
}

void skcipher_free(struct skcipher *tfm)
{
	if (!tfm)
		return;
	tfm->alg->exit(tfm->ctx);
	ctx_free(tfm->ctx, tfm->alg->ctx_size);
	free(tfm);
}

const struct skcipher_alg *skcipher_get_alg(const struct skcipher *tfm)
{
	return tfm->alg;
}

int skcipher_setkey(struct skcipher *tfm, const uint8_t *key, size_t len)
{
	/* Not a secret, and not weak: its halves differ. */
	static const uint8_t blank[SKCIPHER_MAX_KEY_SIZE] = { 1 };
	int err;

	err = len == tfm->alg->key_size ? tfm->alg->setkey(tfm->ctx, key) : -EINVAL;
	tfm->keyed = !err;
	/* Nobody can use the old schedule any more, but it is to be gone from memory as well. */
	if (err)
		(void)tfm->alg->setkey(tfm->ctx, blank);
	return err;
}

static int check_message(const struct skcipher *tfm, size_t len)
{
	const struct skcipher_alg *alg = tfm->alg;

	if (unlikely(!tfm->keyed))
		return -ENOKEY;
	if (unlikely(len < alg->min_len || (alg->block_align > 1 && len % alg->block_align)))
		return -EINVAL;
	return 0;
}

int skcipher_encrypt(struct skcipher *tfm, const uint8_t *iv, const void *src, void *dst,
		     size_t len)
{
	int err = check_message(tfm, len);

	return err ? err : tfm->alg->encrypt(tfm->ctx, iv, src, dst, len);
}

int skcipher_decrypt(struct skcipher *tfm, const uint8_t *iv, const void *src, void *dst,
		     size_t len)
{
	int err = check_message(tfm, len);

	return err ? err : tfm->alg->decrypt(tfm->ctx, iv, src, dst, len);
}
