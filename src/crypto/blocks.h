/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blocks.h - bytes and 16-byte blocks: exclusive or, addition modulo 2^128; all constant time */
#ifndef CRYPTO_BLOCKS_H
#define CRYPTO_BLOCKS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "util/bits.h"

#define BLOCK_LEN 16

/* Before a short loop of known length: at -O2 its arrays stay in memory otherwise. */
#if defined(__clang__)
#define UNROLLED _Pragma("unroll")
#else
#define UNROLLED _Pragma("GCC unroll 16")
#endif

/* A block as a little-endian number. */
struct le128 {
	uint64_t lo, hi;
};

/* What the machine moves at once. */
typedef uint64_t vec128 __attribute__((vector_size(16)));

static inline struct le128 le128_load(const uint8_t *p)
{
	return (struct le128){ get_le64(p), get_le64(p + 8) };
}

static inline void le128_store(uint8_t *p, struct le128 v)
{
	vec128 bytes = { htole64(v.lo), htole64(v.hi) };

	memcpy(p, &bytes, sizeof(bytes));
}

static inline struct le128 le128_xor(struct le128 a, struct le128 b)
{
	return (struct le128){ a.lo ^ b.lo, a.hi ^ b.hi };
}

static inline struct le128 le128_add(struct le128 a, struct le128 b)
{
	struct le128 sum = { a.lo + b.lo, a.hi + b.hi };

	sum.hi += sum.lo < a.lo;
	return sum;
}

static inline struct le128 le128_sub(struct le128 a, struct le128 b)
{
	return (struct le128){ a.lo - b.lo, a.hi - b.hi - (a.lo < b.lo) };
}

/*
 * @dst = @src ^ @pad. @dst may be @src or @pad. Any alignment. By 16 bytes, because what is hashed
 * next is loaded so: two stores of 8 would make that wait.
 */
static inline void xor_bytes(uint8_t *dst, const uint8_t *src, const uint8_t *pad, size_t len)
{
	vec128 a, b;

	for (; len >= sizeof(a); len -= sizeof(a)) {
		memcpy(&a, src, sizeof(a));
		memcpy(&b, pad, sizeof(b));
		a ^= b;
		memcpy(dst, &a, sizeof(a));
		src += sizeof(a);
		pad += sizeof(a);
		dst += sizeof(a);
	}
	while (len--)
		*dst++ = *src++ ^ *pad++;
}

#endif
