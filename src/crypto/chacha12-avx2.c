/* SPDX-License-Identifier: GPL-3.0-or-later */
/* chacha12-avx2.c - ChaCha12, eight blocks side by side: a register holds one word of each */
#include "crypto/chacha12.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "crypto/blocks.h"

#define AVX2	      __attribute__((target("avx2")))
#define AVX2_INLINE   AVX2 __attribute__((always_inline)) static inline
#define DOUBLE_ROUNDS 6

AVX2_INLINE __m256i rotl(__m256i v, int n)
{
	return _mm256_or_si256(_mm256_slli_epi32(v, n), _mm256_srli_epi32(v, 32 - n));
}

/* By whole bytes a rotation is one shuffle. */
AVX2_INLINE __m256i rotl16(__m256i v)
{
	return _mm256_shuffle_epi8(v, _mm256_set_epi8(13, 12, 15, 14, 9, 8, 11, 10, 5, 4, 7, 6, 1,
						      0, 3, 2, 13, 12, 15, 14, 9, 8, 11, 10, 5, 4,
						      7, 6, 1, 0, 3, 2));
}

AVX2_INLINE __m256i rotl8(__m256i v)
{
	return _mm256_shuffle_epi8(v, _mm256_set_epi8(14, 13, 12, 15, 10, 9, 8, 11, 6, 5, 4, 7, 2,
						      1, 0, 3, 14, 13, 12, 15, 10, 9, 8, 11, 6, 5,
						      4, 7, 2, 1, 0, 3));
}

AVX2_INLINE void quarter(__m256i *a, __m256i *b, __m256i *c, __m256i *d)
{
	*a = _mm256_add_epi32(*a, *b);
	*d = rotl16(_mm256_xor_si256(*d, *a));
	*c = _mm256_add_epi32(*c, *d);
	*b = rotl(_mm256_xor_si256(*b, *c), 12);
	*a = _mm256_add_epi32(*a, *b);
	*d = rotl8(_mm256_xor_si256(*d, *a));
	*c = _mm256_add_epi32(*c, *d);
	*b = rotl(_mm256_xor_si256(*b, *c), 7);
}

/* Rows become columns: afterwards row i has the eight words of block i, in order. */
AVX2_INLINE void transpose(__m256i r[8])
{
	__m256i pair[8], quad[8];

	UNROLLED
	for (unsigned i = 0; i < 8; i += 2) {
		pair[i] = _mm256_unpacklo_epi32(r[i], r[i + 1]);
		pair[i + 1] = _mm256_unpackhi_epi32(r[i], r[i + 1]);
	}
	UNROLLED
	for (unsigned i = 0; i < 8; i += 4) {
		quad[i] = _mm256_unpacklo_epi64(pair[i], pair[i + 2]);
		quad[i + 1] = _mm256_unpackhi_epi64(pair[i], pair[i + 2]);
		quad[i + 2] = _mm256_unpacklo_epi64(pair[i + 1], pair[i + 3]);
		quad[i + 3] = _mm256_unpackhi_epi64(pair[i + 1], pair[i + 3]);
	}
	UNROLLED
	for (unsigned i = 0; i < 4; i++) {
		r[i] = _mm256_permute2x128_si256(quad[i], quad[i + 4], 0x20);
		r[i + 4] = _mm256_permute2x128_si256(quad[i], quad[i + 4], 0x31);
	}
}

AVX2_INLINE void xor32(uint8_t *dst, const uint8_t *src, __m256i pad)
{
	__m256i v = _mm256_loadu_si256((const __m256i *)src);

	_mm256_storeu_si256((__m256i *)dst, _mm256_xor_si256(v, pad));
}

/* Words 12 and 13 of eight blocks in a row. */
AVX2_INLINE void counters(const uint32_t *state, __m256i *ret_lo, __m256i *ret_hi)
{
	const __m256i sign = _mm256_set1_epi32((int)0x80000000u);
	__m256i base = _mm256_set1_epi32((int)state[12]);
	__m256i lo = _mm256_add_epi32(base, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
	/* Where the sum is below its part there was a carry; the comparison is a signed one. */
	__m256i carry =
		_mm256_cmpgt_epi32(_mm256_xor_si256(base, sign), _mm256_xor_si256(lo, sign));

	*ret_lo = lo;
	*ret_hi = _mm256_sub_epi32(_mm256_set1_epi32((int)state[13]), carry);
}

AVX2 void chacha12_wide_avx2(const uint32_t state[static 16], const uint8_t *src, uint8_t *dst)
{
	__m256i x[16], lo, hi;

	counters(state, &lo, &hi);
	UNROLLED
	for (unsigned i = 0; i < 16; i++)
		x[i] = _mm256_set1_epi32((int)state[i]);
	x[12] = lo;
	x[13] = hi;

	for (unsigned i = 0; i < DOUBLE_ROUNDS; i++) {
		quarter(&x[0], &x[4], &x[8], &x[12]);
		quarter(&x[1], &x[5], &x[9], &x[13]);
		quarter(&x[2], &x[6], &x[10], &x[14]);
		quarter(&x[3], &x[7], &x[11], &x[15]);
		quarter(&x[0], &x[5], &x[10], &x[15]);
		quarter(&x[1], &x[6], &x[11], &x[12]);
		quarter(&x[2], &x[7], &x[8], &x[13]);
		quarter(&x[3], &x[4], &x[9], &x[14]);
	}

	x[12] = _mm256_add_epi32(x[12], lo);
	x[13] = _mm256_add_epi32(x[13], hi);
	UNROLLED
	for (unsigned i = 0; i < 16; i++)
		if (i != 12 && i != 13)
			x[i] = _mm256_add_epi32(x[i], _mm256_set1_epi32((int)state[i]));
	transpose(x);
	transpose(x + 8);
	UNROLLED
	for (unsigned i = 0; i < CHACHA12_WIDE_BLOCKS; i++) {
		xor32(dst + i * CHACHA12_BLOCK, src + i * CHACHA12_BLOCK, x[i]);
		xor32(dst + i * CHACHA12_BLOCK + 32, src + i * CHACHA12_BLOCK + 32, x[8 + i]);
	}
}
#endif
