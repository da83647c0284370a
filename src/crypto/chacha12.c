/* SPDX-License-Identifier: GPL-3.0-or-later */
/* chacha12.c - XChaCha12: a block at a time in C, eight at a time where there is AVX2 */
#include "crypto/chacha12.h"

#include <stdbool.h>
#include <string.h>

#include "crypto/blocks.h"
#include "crypto/cpu.h"
#include "util/bits.h"
#include "util/compiler.h"
#include "util/secret.h"

#define DOUBLE_ROUNDS 6

/* "expand 32-byte k" */
static const uint32_t constants[4] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };

static inline uint32_t rotl32(uint32_t v, unsigned n)
{
	return v << n | v >> (32 - n);
}

static inline void quarter(uint32_t *x, unsigned a, unsigned b, unsigned c, unsigned d)
{
	x[a] += x[b];
	x[d] = rotl32(x[d] ^ x[a], 16);
	x[c] += x[d];
	x[b] = rotl32(x[b] ^ x[c], 12);
	x[a] += x[b];
	x[d] = rotl32(x[d] ^ x[a], 8);
	x[c] += x[d];
	x[b] = rotl32(x[b] ^ x[c], 7);
}

static void permute(uint32_t x[16])
{
	for (unsigned i = 0; i < DOUBLE_ROUNDS; i++) {
		quarter(x, 0, 4, 8, 12);
		quarter(x, 1, 5, 9, 13);
		quarter(x, 2, 6, 10, 14);
		quarter(x, 3, 7, 11, 15);
		quarter(x, 0, 5, 10, 15);
		quarter(x, 1, 6, 11, 12);
		quarter(x, 2, 7, 8, 13);
		quarter(x, 3, 4, 9, 14);
	}
}

static void load_state(uint32_t state[16], const uint8_t *key, const uint8_t last[16])
{
	memcpy(state, constants, sizeof(constants));
	for (unsigned i = 0; i < 8; i++)
		state[4 + i] = get_le32(key + 4 * i);
	for (unsigned i = 0; i < 4; i++)
		state[12 + i] = get_le32(last + 4 * i);
}

void hchacha12(const uint8_t key[static CHACHA12_KEY_SIZE], const uint8_t nonce[static 16],
	       uint8_t ret_subkey[static CHACHA12_KEY_SIZE])
{
	uint32_t x[16];

	load_state(x, key, nonce);
	permute(x);
	for (unsigned i = 0; i < 4; i++) {
		put_le32(ret_subkey + 4 * i, x[i]);
		put_le32(ret_subkey + 16 + 4 * i, x[12 + i]);
	}
	secret_wipe(x, sizeof(x));
}

static void advance(uint32_t state[16], unsigned blocks)
{
	uint64_t counter = (state[12] | (uint64_t)state[13] << 32) + blocks;

	state[12] = (uint32_t)counter;
	state[13] = (uint32_t)(counter >> 32);
}

static void xor_portable(uint32_t state[16], const uint8_t *src, uint8_t *dst, size_t len)
{
	uint8_t pad[CHACHA12_BLOCK];
	uint32_t x[16];

	while (len) {
		size_t n = MIN(len, sizeof(pad));

		memcpy(x, state, sizeof(x));
		permute(x);
		for (unsigned i = 0; i < 16; i++)
			put_le32(pad + 4 * i, x[i] + state[i]);
		xor_bytes(dst, src, pad, n);
		advance(state, 1);
		src += n;
		dst += n;
		len -= n;
	}
	secret_wipe(x, sizeof(x));
	secret_wipe(pad, sizeof(pad));
}

#if defined(__x86_64__)
/* Eight blocks cost what two cost in C, so they pay even when most of them are thrown away. */
static void xor_wide(uint32_t state[16], const uint8_t *src, uint8_t *dst, size_t len)
{
	uint8_t part[CHACHA12_WIDE];

	for (; len >= CHACHA12_WIDE; len -= CHACHA12_WIDE) {
		chacha12_wide_avx2(state, src, dst);
		advance(state, CHACHA12_WIDE_BLOCKS);
		src += CHACHA12_WIDE;
		dst += CHACHA12_WIDE;
	}
	if (len <= CHACHA12_BLOCK) {
		xor_portable(state, src, dst, len);
		return;
	}
	memcpy(part, src, len);
	memset(part + len, 0, sizeof(part) - len);
	chacha12_wide_avx2(state, part, part);
	memcpy(dst, part, len);
	secret_wipe(part, sizeof(part));
}
#endif

void xchacha12_xor(const uint8_t key[static CHACHA12_KEY_SIZE],
		   const uint8_t nonce[static XCHACHA12_NONCE_SIZE], uint64_t block,
		   const uint8_t *src, uint8_t *dst, size_t len)
{
	uint8_t subkey[CHACHA12_KEY_SIZE], last[16];
	uint32_t state[16];

	if (!len)
		return;
	hchacha12(key, nonce, subkey);
	put_le64(last, block);
	memcpy(last + 8, nonce + 16, 8);
	load_state(state, subkey, last);
#if defined(__x86_64__)
	if (cpu_has(CPU_AVX2))
		xor_wide(state, src, dst, len);
	else
#endif
		xor_portable(state, src, dst, len);
	secret_wipe(subkey, sizeof(subkey));
	secret_wipe(state, sizeof(state));
}
