/* SPDX-License-Identifier: GPL-3.0-or-later */
/* aes-gcm.h - AES-256-GCM: a key wrapped under another so that any change to it shows */
#ifndef CRYPTO_AES_GCM_H
#define CRYPTO_AES_GCM_H

#include <stddef.h>
#include <stdint.h>

#define AES_GCM_KEY_SIZE   32
#define AES_GCM_NONCE_SIZE 12
#define AES_GCM_TAG_SIZE   16

/*
 * Encrypt @len bytes of @in to @out; @ad is authenticated with them. A nonce is used once under a
 * key. 0, -ENOPKG, -ENOMEM, -EIO.
 */
int aes256_gcm_seal(const uint8_t key[static AES_GCM_KEY_SIZE],
		    const uint8_t nonce[static AES_GCM_NONCE_SIZE], const void *ad, size_t adlen,
		    const uint8_t *in, size_t len, uint8_t *out,
		    uint8_t ret_tag[static AES_GCM_TAG_SIZE]);

/* The reverse. -EBADMSG when anything differs from what was sealed: then @out is all zero. */
int aes256_gcm_open(const uint8_t key[static AES_GCM_KEY_SIZE],
		    const uint8_t nonce[static AES_GCM_NONCE_SIZE], const void *ad, size_t adlen,
		    const uint8_t *in, size_t len, uint8_t *out,
		    const uint8_t tag[static AES_GCM_TAG_SIZE]);

#endif
