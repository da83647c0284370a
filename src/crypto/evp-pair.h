/* SPDX-License-Identifier: GPL-3.0-or-later */
/* evp-pair.h - an OpenSSL cipher, ready in both directions: what most rows of the table are made of
 */
#ifndef CRYPTO_EVP_PAIR_H
#define CRYPTO_EVP_PAIR_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

/* One context a direction, for OpenSSL computes a key schedule anew whenever the direction turns.
 */
struct evp_pair {
	EVP_CIPHER_CTX *enc, *dec;
};

/*
 * Make both contexts for @cipher (from EVP_CIPHER_fetch(), so that nothing is looked up later; NULL
 * gives -ENOPKG). @params are OpenSSL's, or NULL. A mode that pads (CBC, ECB) is told not to by
 * OSSL_CIPHER_PARAM_PADDING in there: EVP_CIPHER_CTX_set_padding() would be repeated by OpenSSL at
 * every message, 30 ns. Returns 0, -ENOPKG when the library has the cipher but not the parameters,
 * -ENOMEM. On error nothing needs to be released.
 */
int evp_pair_init(struct evp_pair *pair, const EVP_CIPHER *cipher, const OSSL_PARAM *params);

/* Release; OpenSSL wipes its key schedules. */
void evp_pair_exit(struct evp_pair *pair);

/* Both key schedules, at once, so that nothing of the old key is left. No allocation. 0 or -EIO. */
int evp_pair_setkey(struct evp_pair *pair, const uint8_t *key);

/* One whole message in one direction. No allocation. 0, or -EIO when the library fails. */
int evp_run(EVP_CIPHER_CTX *ctx, const uint8_t *iv, const uint8_t *src, uint8_t *dst, size_t len);

#endif
