/* SPDX-License-Identifier: GPL-3.0-or-later */
/* chacha12.h - XChaCha12, the stream cipher inside Adiantum (eprint 2018/720) */
#ifndef CRYPTO_CHACHA12_H
#define CRYPTO_CHACHA12_H

#include <stddef.h>
#include <stdint.h>

#define CHACHA12_KEY_SIZE    32
#define XCHACHA12_NONCE_SIZE 24
#define CHACHA12_BLOCK	     64

/* Sub-key of a key and the first 16 bytes of a nonce. */
void hchacha12(const uint8_t key[static CHACHA12_KEY_SIZE], const uint8_t nonce[static 16],
	       uint8_t ret_subkey[static CHACHA12_KEY_SIZE]);

/*
 * @dst = @src ^ keystream from block number @block on. @dst may be @src, must not overlap it
 * otherwise; any alignment and length. Constant time; nothing secret is left on the stack.
 */
void xchacha12_xor(const uint8_t key[static CHACHA12_KEY_SIZE],
		   const uint8_t nonce[static XCHACHA12_NONCE_SIZE], uint64_t block,
		   const uint8_t *src, uint8_t *dst, size_t len);

/* ---- for chacha12.c alone; chacha12-avx2.c ---- */

#define CHACHA12_WIDE_BLOCKS 8
#define CHACHA12_WIDE	     ((size_t)CHACHA12_WIDE_BLOCKS * CHACHA12_BLOCK)

/* Eight blocks from the counter in @state on (which is not advanced). Needs CPU_AVX2. */
void chacha12_wide_avx2(const uint32_t state[static 16], const uint8_t *src, uint8_t *dst);

#endif
