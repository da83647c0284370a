/* SPDX-License-Identifier: GPL-3.0-or-later */
/* xctr.h - XCTR, the counter mode inside HCTR2 (eprint 2021/1441) */
#ifndef CRYPTO_XCTR_H
#define CRYPTO_XCTR_H

#include "crypto/blocks.h"
#include "crypto/evp-pair.h"

/*
 * @dst = @src ^ keystream of @nonce. @ecb encrypts blocks (see evp_blocks()). @dst may be @src;
 * any length and alignment. No allocation; nothing secret is left on the stack. 0 or -EIO.
 */
int xctr(EVP_CIPHER_CTX *ecb, struct le128 nonce, const uint8_t *src, uint8_t *dst, size_t len);

#endif
