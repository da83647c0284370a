/* SPDX-License-Identifier: GPL-3.0-or-later */
/* aes-gcm.c - AES-256-GCM, from OpenSSL */
#include "crypto/aes-gcm.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>

#include "crypto/evp-block.h"
#include "util/secret.h"

static int start(EVP_CIPHER_CTX **ret_ctx, const uint8_t *key, const uint8_t *nonce, const void *ad,
		 size_t adlen, size_t len, int enc)
{
	const EVP_CIPHER *cipher = evp_find("AES-256-GCM");
	EVP_CIPHER_CTX *ctx;
	int n;

	if (!cipher)
		return -ENOPKG;
	if (adlen > INT_MAX || len > INT_MAX)
		return -EINVAL;
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx)
		return -ENOMEM;
	if (EVP_CipherInit_ex2(ctx, cipher, key, nonce, enc, NULL) != 1 ||
	    EVP_CipherUpdate(ctx, NULL, &n, ad, (int)adlen) != 1) {
		EVP_CIPHER_CTX_free(ctx);
		ERR_clear_error();
		return -EIO;
	}
	*ret_ctx = ctx;
	return 0;
}

int aes256_gcm_seal(const uint8_t key[static AES_GCM_KEY_SIZE],
		    const uint8_t nonce[static AES_GCM_NONCE_SIZE], const void *ad, size_t adlen,
		    const uint8_t *in, size_t len, uint8_t *out,
		    uint8_t ret_tag[static AES_GCM_TAG_SIZE])
{
	EVP_CIPHER_CTX *ctx;
	int n, err = start(&ctx, key, nonce, ad, adlen, len, 1);

	if (err)
		return err;
	if (EVP_CipherUpdate(ctx, out, &n, in, (int)len) != 1 ||
	    EVP_CipherFinal_ex(ctx, out + n, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AES_GCM_TAG_SIZE, ret_tag) != 1)
		err = -EIO;
	EVP_CIPHER_CTX_free(ctx);
	ERR_clear_error();
	return err;
}

int aes256_gcm_open(const uint8_t key[static AES_GCM_KEY_SIZE],
		    const uint8_t nonce[static AES_GCM_NONCE_SIZE], const void *ad, size_t adlen,
		    const uint8_t *in, size_t len, uint8_t *out,
		    const uint8_t tag[static AES_GCM_TAG_SIZE])
{
	EVP_CIPHER_CTX *ctx;
	int n, err = start(&ctx, key, nonce, ad, adlen, len, 0);

	if (err)
		return err;
	if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, AES_GCM_TAG_SIZE, (void *)tag) != 1 ||
	    EVP_CipherUpdate(ctx, out, &n, in, (int)len) != 1)
		err = -EIO;
	else if (EVP_CipherFinal_ex(ctx, out + n, &n) != 1)
		err = -EBADMSG;
	if (err)
		secret_wipe(out, len);
	EVP_CIPHER_CTX_free(ctx);
	ERR_clear_error();
	return err;
}
