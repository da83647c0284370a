/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bits.c - is it all zero: asked of every data unit that is read */
#include "util/bits.h"

bool mem_is_zero(const void *p, size_t len)
{
	const uint8_t *b = p;

	if (len < 16) {
		while (len)
			if (b[--len])
				return false;
		return true;
	}
	/* Ciphertext is all but never zero here: most calls end with this line. */
	if (get_le64(b) | get_le64(b + 8))
		return false;
	/*
	 * Zero in front and equal to itself 16 bytes on is zero throughout. libc's memcmp() knows
	 * the machine's widest registers; measured 1.5 times as fast as a loop of ours with SSE2.
	 */
	return memcmp(b, b + 16, len - 16) == 0;
}
