/* SPDX-License-Identifier: GPL-3.0-or-later */
/* number.c - numbers on the command line: bytes with a suffix, data unit numbers of 256 bits */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "blk/blk.h"
#include "util/bits.h"

int blk_parse_number(const char *text, uint64_t *ret_value)
{
	static const char suffixes[] = "KMGT";
	const char *suffix;
	unsigned shift = 0;
	uint64_t n;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, text[0] == '0' && text[1] == 'x' ? 16 : 10);
	if (errno)
		return -EINVAL;
	if (*end) {
		suffix = strchr(suffixes, *end);
		if (!suffix || end[1])
			return -EINVAL;
		shift = 10 * (unsigned)(suffix - suffixes + 1);
	}
	if (n > UINT64_MAX >> shift)
		return -EINVAL;
	*ret_value = n << shift;
	return 0;
}

/* dun = dun * base + digit; false when that takes more than 256 bits. */
static bool append_digit(uint64_t dun[static BLK_CRYPTO_DUN_ARRAY_SIZE], unsigned base,
			 unsigned digit)
{
	unsigned __int128 carry = digit;

	for (unsigned i = 0; i < BLK_CRYPTO_DUN_ARRAY_SIZE; i++) {
		carry += (unsigned __int128)dun[i] * base;
		dun[i] = (uint64_t)carry;
		carry >>= 64;
	}
	return carry == 0;
}

int blk_parse_dun(const char *text, uint64_t ret_dun[static BLK_CRYPTO_DUN_ARRAY_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	uint64_t dun[BLK_CRYPTO_DUN_ARRAY_SIZE] = { 0 };
	unsigned base = 10;

	if (text[0] == '0' && text[1] == 'x') {
		base = 16;
		text += 2;
	}
	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		const char *d = strchr(digits, *text | (*text >= 'A' ? 0x20 : 0));

		if (!d || (unsigned)(d - digits) >= base ||
		    !append_digit(dun, base, (unsigned)(d - digits)))
			return -EINVAL;
	}
	memcpy(ret_dun, dun, sizeof(dun));
	return 0;
}

unsigned blk_dun_size(const uint64_t dun[static BLK_CRYPTO_DUN_ARRAY_SIZE])
{
	for (unsigned i = BLK_CRYPTO_DUN_ARRAY_SIZE; i-- > 0;)
		if (dun[i])
			return 8 * i + (fls64(dun[i]) + 7) / 8;
	return 1;
}
