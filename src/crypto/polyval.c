/* SPDX-License-Identifier: GPL-3.0-or-later */
/* polyval.c - POLYVAL: with PCLMULQDQ eight blocks to a reduction, or with integer products */
#include "crypto/polyval.h"

#include "crypto/cpu.h"
#include "util/compiler.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* x^63 + x^62 + x^57: the field's polynomial above its 1, divided by x^64, without x^64 itself. */
#define FOLD 0xc200000000000000ull

/* ---- in C: no tables, no branches ---- */

static uint64_t reverse64(uint64_t v)
{
	v = (v & 0x5555555555555555) << 1 | (v >> 1 & 0x5555555555555555);
	v = (v & 0x3333333333333333) << 2 | (v >> 2 & 0x3333333333333333);
	v = (v & 0x0f0f0f0f0f0f0f0f) << 4 | (v >> 4 & 0x0f0f0f0f0f0f0f0f);
	return __builtin_bswap64(v);
}

/*
 * Lower half of the carryless product. With three zeros between the bits of a factor an integer
 * product counts, in four bits a place, how many pairs of bits meet there; its lowest bit is the
 * carryless sum. Only the top place can count to sixteen, and what it carries falls off.
 */
static uint64_t clmul_low(uint64_t x, uint64_t y)
{
	const uint64_t mask = 0x1111111111111111;
	uint64_t z = 0;

	UNROLLED
	for (unsigned place = 0; place < 4; place++) {
		uint64_t sum = 0;

		UNROLLED
		for (unsigned i = 0; i < 4; i++)
			sum ^= (x & mask << i) * (y & mask << (place - i) % 4);
		z |= sum & mask << place;
	}
	return z;
}

/* The upper half is the lower half seen in a mirror, one place aside. */
static struct le128 clmul(uint64_t x, uint64_t y)
{
	uint64_t mirrored = clmul_low(reverse64(x), reverse64(y));

	return (struct le128){ clmul_low(x, y), reverse64(mirrored) >> 1 };
}

/* Divide by x^64: add the multiple of the polynomial that clears the lower half, and drop that. */
static struct le128 fold(struct le128 v)
{
	/* A product with FOLD is three shifts. */
	uint64_t lo = v.lo << 63 ^ v.lo << 62 ^ v.lo << 57;
	uint64_t hi = v.lo >> 1 ^ v.lo >> 2 ^ v.lo >> 7;

	return (struct le128){ v.hi ^ lo, v.lo ^ hi };
}

static struct le128 dot_portable(struct le128 a, struct le128 b)
{
	struct le128 lo = clmul(a.lo, b.lo), hi = clmul(a.hi, b.hi);
	struct le128 mid = clmul(a.lo ^ a.hi, b.lo ^ b.hi);

	mid = le128_xor(mid, le128_xor(lo, hi));
	lo.hi ^= mid.lo;
	hi.lo ^= mid.hi;
	return le128_xor(hi, fold(fold(lo)));
}

static struct le128 blocks_portable(const struct polyval_key *key, struct le128 acc,
				    const uint8_t *data, size_t blocks, const struct le128 *tail)
{
	for (; blocks; blocks--, data += BLOCK_LEN)
		acc = dot_portable(le128_xor(acc, le128_load(data)), key->power[0]);
	return tail ? dot_portable(le128_xor(acc, *tail), key->power[0]) : acc;
}

/* ---- PCLMULQDQ ---- */

#if defined(__x86_64__)
#define CLMUL	     __attribute__((target("pclmul,sse4.1")))
#define CLMUL_INLINE CLMUL __attribute__((always_inline)) static inline

/* A sum of 256-bit products, of which the middle is kept apart. */
struct wide {
	__m128i lo, mid, hi;
};

CLMUL_INLINE __m128i load(struct le128 v)
{
	return _mm_set_epi64x((long long)v.hi, (long long)v.lo);
}

CLMUL_INLINE struct le128 store(__m128i v)
{
	return (struct le128){ (uint64_t)_mm_cvtsi128_si64(v), (uint64_t)_mm_extract_epi64(v, 1) };
}

CLMUL_INLINE void multiply_add(struct wide *sum, __m128i a, __m128i b)
{
	sum->lo = _mm_xor_si128(sum->lo, _mm_clmulepi64_si128(a, b, 0x00));
	sum->hi = _mm_xor_si128(sum->hi, _mm_clmulepi64_si128(a, b, 0x11));
	sum->mid = _mm_xor_si128(sum->mid, _mm_clmulepi64_si128(a, b, 0x01));
	sum->mid = _mm_xor_si128(sum->mid, _mm_clmulepi64_si128(a, b, 0x10));
}

CLMUL_INLINE __m128i fold_clmul(__m128i v)
{
	__m128i swapped = _mm_shuffle_epi32(v, _MM_SHUFFLE(1, 0, 3, 2));

	return _mm_xor_si128(swapped,
			     _mm_clmulepi64_si128(v, _mm_cvtsi64_si128((long long)FOLD), 0x00));
}

CLMUL_INLINE __m128i reduce(struct wide v)
{
	__m128i lo = _mm_xor_si128(v.lo, _mm_slli_si128(v.mid, 8));
	__m128i hi = _mm_xor_si128(v.hi, _mm_srli_si128(v.mid, 8));

	return _mm_xor_si128(hi, fold_clmul(fold_clmul(lo)));
}

/*
 * (acc + X_1) h^n + X_2 h^(n-1) + ... + X_n h: n products, which do not wait for each other. So the
 * tail goes with the blocks before it, and is not a step of its own.
 */
CLMUL static struct le128 blocks_clmul(const struct polyval_key *key, struct le128 start,
				       const uint8_t *data, size_t blocks, const struct le128 *tail)
{
	size_t left = blocks + (tail ? 1 : 0);
	__m128i acc = load(start);

	while (left) {
		size_t n = MIN(left, (size_t)POLYVAL_POWERS), i;
		size_t from_data = left > n || !tail ? n : n - 1;
		__m128i zero = _mm_setzero_si128();
		struct wide sum = { zero, zero, zero };

		for (i = 0; i < from_data; i++) {
			__m128i x = _mm_loadu_si128((const __m128i *)(data + i * BLOCK_LEN));

			multiply_add(&sum, _mm_xor_si128(x, acc), load(key->power[n - 1 - i]));
			acc = zero;
		}
		if (from_data < n)
			multiply_add(&sum, _mm_xor_si128(load(*tail), acc), load(key->power[0]));
		acc = reduce(sum);
		data += from_data * BLOCK_LEN;
		left -= n;
	}
	return store(acc);
}

CLMUL static struct le128 dot_clmul(struct le128 a, struct le128 b)
{
	__m128i zero = _mm_setzero_si128();
	struct wide product = { zero, zero, zero };

	multiply_add(&product, load(a), load(b));
	return store(reduce(product));
}
#endif

/* ---- whichever there is ---- */

static struct le128 dot(struct le128 a, struct le128 b)
{
#if defined(__x86_64__)
	if (cpu_has(CPU_PCLMUL))
		return dot_clmul(a, b);
#endif
	return dot_portable(a, b);
}

void polyval_setkey(struct polyval_key *ret_key, const uint8_t hash_key[static BLOCK_LEN])
{
	ret_key->power[0] = le128_load(hash_key);
	for (unsigned i = 1; i < POLYVAL_POWERS; i++)
		ret_key->power[i] = dot(ret_key->power[i - 1], ret_key->power[0]);
}

struct le128 polyval_blocks(const struct polyval_key *key, struct le128 acc, const uint8_t *data,
			    size_t blocks, const struct le128 *tail)
{
#if defined(__x86_64__)
	if (cpu_has(CPU_PCLMUL))
		return blocks_clmul(key, acc, data, blocks, tail);
#endif
	return blocks_portable(key, acc, data, blocks, tail);
}
