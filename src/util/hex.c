/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hex.c - lower-case hex out, strict hex in */
#include "util/hex.h"

#include <errno.h>

void hex_encode(const uint8_t *in, size_t len, char *out)
{
	static const char digits[16] = "0123456789abcdef";

	for (; len; len--, in++) {
		*out++ = digits[*in >> 4];
		*out++ = digits[*in & 15];
	}
	*out = '\0';
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hex_decode(const char *in, uint8_t *out, size_t len)
{
	size_t i;

	/* First look, then write: @out stays as it was on error. Stops at an early NUL. */
	for (i = 0; i < 2 * len; i++)
		if (digit(in[i]) < 0)
			return -EINVAL;
	if (in[i] != '\0')
		return -EINVAL;
	for (i = 0; i < len; i++)
		out[i] = (uint8_t)(digit(in[2 * i]) << 4 | digit(in[2 * i + 1]));
	return 0;
}
