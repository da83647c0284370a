/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nh.c - NH in four passes, each over the key moved on by 16 bytes: in C and with AVX2 */
#include "crypto/nh.h"

#include <string.h>

#include "crypto/blocks.h"
#include "crypto/cpu.h"
#include "util/bits.h"
#include "util/secret.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define PASSES 4
#define UNIT   16 /* bytes that are hashed together: two products */

void nh_setkey(uint32_t ret_key[static NH_KEY_WORDS], const uint8_t bytes[static NH_KEY_SIZE])
{
	for (unsigned i = 0; i < NH_KEY_WORDS; i++)
		ret_key[i] = get_le32(bytes + 4 * i);
}

static void units_portable(const uint32_t *key, const uint8_t *msg, size_t units,
			   uint64_t sums[PASSES])
{
	for (; units; units--, msg += UNIT, key += UNIT / 4) {
		uint32_t w0 = get_le32(msg), w1 = get_le32(msg + 4);
		uint32_t w2 = get_le32(msg + 8), w3 = get_le32(msg + 12);

		UNROLLED
		for (unsigned p = 0; p < PASSES; p++) {
			const uint32_t *k = key + p * UNIT / 4;

			sums[p] += (uint64_t)(w0 + k[0]) * (uint32_t)(w2 + k[2]);
			sums[p] += (uint64_t)(w1 + k[1]) * (uint32_t)(w3 + k[3]);
		}
	}
}

#if defined(__x86_64__)
#define AVX2	    __attribute__((target("avx2")))
#define AVX2_INLINE AVX2 __attribute__((always_inline)) static inline

/* Both products of each half, as 64-bit numbers. */
AVX2_INLINE __m256i products(__m256i msg, const uint32_t *key)
{
	__m256i t = _mm256_add_epi32(msg, _mm256_loadu_si256((const __m256i *)key));

	return _mm256_mul_epu32(_mm256_shuffle_epi32(t, _MM_SHUFFLE(1, 1, 0, 0)),
				_mm256_shuffle_epi32(t, _MM_SHUFFLE(3, 3, 2, 2)));
}

AVX2_INLINE uint64_t sum_lanes(__m256i v)
{
	__m128i half = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));

	return (uint64_t)_mm_cvtsi128_si64(half) + (uint64_t)_mm_extract_epi64(half, 1);
}

/*
 * Two units at a time. The second one's key is 16 bytes further on, as the second half of a
 * 32-byte load is: the same loads serve both.
 */
AVX2 static size_t pairs_avx2(const uint32_t *key, const uint8_t *msg, size_t units,
			      uint64_t sums[PASSES])
{
	__m256i s0 = _mm256_setzero_si256(), s1 = s0, s2 = s0, s3 = s0;
	size_t done;

	for (done = 0; done + 2 <= units; done += 2) {
		__m256i m = _mm256_loadu_si256((const __m256i *)(msg + done * UNIT));
		const uint32_t *k = key + done * UNIT / 4;

		s0 = _mm256_add_epi64(s0, products(m, k));
		s1 = _mm256_add_epi64(s1, products(m, k + 4));
		s2 = _mm256_add_epi64(s2, products(m, k + 8));
		s3 = _mm256_add_epi64(s3, products(m, k + 12));
	}
	sums[0] += sum_lanes(s0);
	sums[1] += sum_lanes(s1);
	sums[2] += sum_lanes(s2);
	sums[3] += sum_lanes(s3);
	return done;
}
#endif

void nh(const uint32_t key[static NH_KEY_WORDS], const uint8_t *msg, size_t len,
	uint8_t ret_hash[static NH_HASH_SIZE])
{
	size_t units = len / UNIT, done = 0;
	uint64_t sums[PASSES] = { 0 };

#if defined(__x86_64__)
	if (cpu_has(CPU_AVX2))
		done = pairs_avx2(key, msg, units, sums);
#endif
	units_portable(key + done * UNIT / 4, msg + done * UNIT, units - done, sums);
	if (len % UNIT) {
		uint8_t last[UNIT] = { 0 };

		memcpy(last, msg + units * UNIT, len % UNIT);
		units_portable(key + units * UNIT / 4, last, 1, sums);
		secret_wipe(last, sizeof(last));
	}
	for (unsigned p = 0; p < PASSES; p++)
		put_le64(ret_hash + 8 * p, sums[p]);
	secret_wipe(sums, sizeof(sums));
}
