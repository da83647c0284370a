/* SPDX-License-Identifier: GPL-3.0-or-later */
/* kbkdf.h - NIST SP 800-108 in counter mode with AES-256-CMAC: one key out of another */
#ifndef CRYPTO_KBKDF_H
#define CRYPTO_KBKDF_H

#include <stddef.h>
#include <stdint.h>

#define KBKDF_KEY_SIZE 32

/*
 * @outlen bytes from @key. What is authenticated for each block of output: its number (32 bit big
 * endian, from 1), @label, a zero byte, @context, and the output's length in bits (32 bit big
 * endian). 0, -ENOPKG, -ENOMEM, -EIO.
 */
int kbkdf_aes256_cmac(const uint8_t key[static KBKDF_KEY_SIZE], const void *label, size_t labellen,
		      const void *context, size_t contextlen, uint8_t *out, size_t outlen);

#endif
