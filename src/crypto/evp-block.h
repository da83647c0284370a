/* SPDX-License-Identifier: GPL-3.0-or-later */
/* evp-block.h - OpenSSL's plain block modes (ECB, CBC), which other modes are composed of */
#ifndef CRYPTO_EVP_BLOCK_H
#define CRYPTO_EVP_BLOCK_H

#include "crypto/evp-pair.h"

/*
 * A cipher of OpenSSL's by its name, looked up when it is first asked for and kept until the
 * process ends; NULL when this OpenSSL does not have it. Context: any thread; takes a mutex.
 */
const EVP_CIPHER *evp_find(const char *name);

/* evp_pair_init() of a block mode, without padding. 0, -ENOPKG, -ENOMEM. evp_pair_exit() after. */
int evp_block_init(struct evp_pair *pair, const char *name);

/*
 * Whole blocks with one call, @src to @dst, which may be the same. In ECB mode that is all there
 * is to do; in CBC mode it goes on where the last message ended (evp_run() begins one). No
 * allocation. 0 or -EIO.
 */
int evp_blocks(EVP_CIPHER_CTX *ctx, const uint8_t *src, uint8_t *dst, size_t len);

#endif
