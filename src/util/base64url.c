/* SPDX-License-Identifier: GPL-3.0-or-later */
/* base64url.c - one table in each direction; every encrypted name passes here */
#include "util/base64url.h"

#include <errno.h>

static const char enc[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* 64 has a bit that no value has, so a whole group is checked with one OR. */
#define XX  64
#define X16 XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX
/* clang-format off */
static const uint8_t dec[256] = {
	X16, X16,
	XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, 62, XX, XX, /* 0x20 */
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61, XX, XX, XX, XX, XX, XX, /* 0x30 */
	XX,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, /* 0x40 */
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, XX, XX, XX, XX, 63, /* 0x50 */
	XX, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, /* 0x60 */
	41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, XX, XX, XX, XX, XX, /* 0x70 */
	X16, X16, X16, X16, X16, X16, X16, X16,
};
/* clang-format on */

size_t base64url_encode(const uint8_t *in, size_t len, char *out)
{
	const char *start = out;
	uint32_t v;

	for (; len >= 3; len -= 3, in += 3, out += 4) {
		v = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
		out[0] = enc[v >> 18];
		out[1] = enc[v >> 12 & 63];
		out[2] = enc[v >> 6 & 63];
		out[3] = enc[v & 63];
	}
	if (len == 2) {
		v = (uint32_t)in[0] << 8 | in[1];
		*out++ = enc[v >> 10];
		*out++ = enc[v >> 4 & 63];
		*out++ = enc[v << 2 & 63];
	} else if (len == 1) {
		*out++ = enc[in[0] >> 2];
		*out++ = enc[in[0] << 4 & 63];
	}
	return (size_t)(out - start);
}

ssize_t base64url_decode(const char *in, size_t len, uint8_t *out, size_t cap)
{
	const uint8_t *s = (const uint8_t *)in;
	size_t need = len / 4 * 3 + (len % 4 ? len % 4 - 1 : 0);
	uint32_t a, b, c, d;

	/* One character left over carries six bits: not even one byte. */
	if (len % 4 == 1)
		return -EINVAL;
	if (need > cap)
		return -ENOSPC;
	for (; len >= 4; len -= 4, s += 4, out += 3) {
		a = dec[s[0]];
		b = dec[s[1]];
		c = dec[s[2]];
		d = dec[s[3]];
		if ((a | b | c | d) & XX)
			return -EINVAL;
		a = a << 18 | b << 12 | c << 6 | d;
		out[0] = (uint8_t)(a >> 16);
		out[1] = (uint8_t)(a >> 8);
		out[2] = (uint8_t)a;
	}
	if (len) {
		a = dec[s[0]];
		b = dec[s[1]];
		c = len == 3 ? dec[s[2]] : 0;
		if ((a | b | c) & XX)
			return -EINVAL;
		a = a << 12 | b << 6 | c;
		/* The bits past the last whole byte must be zero, or two texts would mean one. */
		if (a & (len == 3 ? 3 : 0x3ff))
			return -EINVAL;
		out[0] = (uint8_t)(a >> 10);
		if (len == 3)
			out[1] = (uint8_t)(a >> 2);
	}
	return (ssize_t)need;
}
