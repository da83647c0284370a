/* SPDX-License-Identifier: GPL-3.0-or-later */
/* keysetup_v1.c - the derivation of v1 policies, kept apart: AES-128-ECB under the nonce */
#include "fs/fscrypt/fscrypt_private.h"

#include <errno.h>
#include <openssl/evp.h>

int fscrypt_v1_derive_key(const uint8_t *master_key,
			  const uint8_t nonce[static FSCRYPT_FILE_NONCE_SIZE], size_t size,
			  uint8_t *ret_key)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n, err = -EIO;

	if (ctx == NULL)
		return -ENOMEM;
	if (EVP_EncryptInit_ex(ctx, EVP_aes_128_ecb(), NULL, nonce, NULL) == 1 &&
	    EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
	    EVP_EncryptUpdate(ctx, ret_key, &n, master_key, (int)size) == 1 && (size_t)n == size)
		err = 0;
	EVP_CIPHER_CTX_free(ctx);
	return err;
}
