/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gcry-xts.h - AES-256-XTS by libgcrypt, for processors on which that is the faster library */
#ifndef CRYPTO_GCRY_XTS_H
#define CRYPTO_GCRY_XTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gcry_cipher_handle; /* the library's */

/*
 * A handle for both directions; it serves one thread at a time. NULL without memory, or when the
 * library does not offer the cipher. Starts the library at the first call.
 */
struct gcry_cipher_handle *gcry_xts_new(void);
void gcry_xts_free(struct gcry_cipher_handle *h); /* wipes; NULL is fine */

/* Both halves, 64 bytes. No allocation. 0 or -EIO. */
int gcry_xts_setkey(struct gcry_cipher_handle *h, const uint8_t *key);

/* One message of whole blocks, at most 16 MiB. @dst may be @src. No allocation. 0 or -EIO. */
int gcry_xts_run(struct gcry_cipher_handle *h, bool encrypt, const uint8_t *iv, const uint8_t *src,
		 uint8_t *dst, size_t len);

#endif
