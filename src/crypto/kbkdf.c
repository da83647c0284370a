/* SPDX-License-Identifier: GPL-3.0-or-later */
/* kbkdf.c - NIST SP 800-108 in counter mode with AES-256-CMAC, from OpenSSL */
#include "crypto/kbkdf.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

int kbkdf_aes256_cmac(const uint8_t key[static KBKDF_KEY_SIZE], const void *label, size_t labellen,
		      const void *context, size_t contextlen, uint8_t *out, size_t outlen)
{
	char mac[] = "CMAC", cipher[] = "AES-256-CBC", mode[] = "counter";
	/* OpenSSL calls the label a salt and the context info. */
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MAC, mac, 0),
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_CIPHER, cipher, 0),
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MODE, mode, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key, KBKDF_KEY_SIZE),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)label, labellen),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)context, contextlen),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "KBKDF", NULL);
	EVP_KDF_CTX *ctx;
	int err = 0;

	if (!kdf) {
		ERR_clear_error();
		return -ENOPKG;
	}
	ctx = EVP_KDF_CTX_new(kdf);
	if (!ctx) {
		err = -ENOMEM;
	} else if (EVP_KDF_derive(ctx, out, outlen, params) != 1) {
		ERR_clear_error();
		err = -EIO;
	}
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return err;
}
