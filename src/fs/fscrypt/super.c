/* SPDX-License-Identifier: GPL-3.0-or-later */
/* super.c - the fscrypt state of one mount, and its spare transforms for names */
#include "fs/fscrypt/fscrypt_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/skcipher.h"

int fscrypt_super_create(const struct fscrypt_super_params *params, struct fscrypt_super **ret_fsc)
{
	struct fscrypt_super *fsc = calloc(1, sizeof(*fsc));

	if (fsc == NULL)
		return -ENOMEM;
	fsc->bdev = params->bdev;
	memcpy(fsc->uuid, params->uuid, sizeof(fsc->uuid));
	fsc->inlinecrypt = params->inlinecrypt;
	fsc->stable_inodes = params->stable_inodes;
	pthread_mutex_init(&fsc->keyring_lock, NULL);
	pthread_mutex_init(&fsc->tfm_lock, NULL);
	pthread_mutex_init(&fsc->kernel_lock, NULL);
	*ret_fsc = fsc;
	return 0;
}

void fscrypt_super_destroy(struct fscrypt_super *fsc)
{
	if (fsc == NULL)
		return;
	fscrypt_keyring_destroy(fsc);
	fscrypt_kernel_keys_destroy(fsc);
	for (size_t mode = 0; mode < ARRAY_SIZE(fsc->tfm_pool); mode++)
		for (unsigned i = 0; i < fsc->tfm_pool[mode].count; i++)
			skcipher_free(fsc->tfm_pool[mode].tfm[i]);
	pthread_mutex_destroy(&fsc->kernel_lock);
	pthread_mutex_destroy(&fsc->tfm_lock);
	pthread_mutex_destroy(&fsc->keyring_lock);
	free(fsc);
}

int fscrypt_tfm_get(struct fscrypt_super *fsc, unsigned mode, struct skcipher **ret_tfm)
{
	struct skcipher *tfm = NULL;
	const struct skcipher_alg *alg;

	pthread_mutex_lock(&fsc->tfm_lock);
	if (fsc->tfm_pool[mode].count > 0)
		tfm = fsc->tfm_pool[mode].tfm[--fsc->tfm_pool[mode].count];
	pthread_mutex_unlock(&fsc->tfm_lock);
	if (tfm != NULL) {
		*ret_tfm = tfm;
		return 0;
	}
	alg = skcipher_find(fscrypt_mode_get(mode)->variant);
	return alg != NULL ? skcipher_alloc(alg, ret_tfm) : -ENOPKG;
}

void fscrypt_tfm_put(struct fscrypt_super *fsc, unsigned mode, struct skcipher *tfm)
{
	static const uint8_t blank[FSCRYPT_MAX_MODE_KEY_SIZE];

	/* A spare must not keep the key of a directory that may have been locked since. */
	if (skcipher_setkey(tfm, blank, fscrypt_mode_get(mode)->key_size) != 0) {
		skcipher_free(tfm);
		return;
	}
	pthread_mutex_lock(&fsc->tfm_lock);
	if (fsc->tfm_pool[mode].count < FSCRYPT_TFM_POOL) {
		fsc->tfm_pool[mode].tfm[fsc->tfm_pool[mode].count++] = tfm;
		tfm = NULL;
	}
	pthread_mutex_unlock(&fsc->tfm_lock);
	skcipher_free(tfm);
}
