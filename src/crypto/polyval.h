/* SPDX-License-Identifier: GPL-3.0-or-later */
/* polyval.h - POLYVAL (RFC 8452), the hash inside HCTR2 */
#ifndef CRYPTO_POLYVAL_H
#define CRYPTO_POLYVAL_H

#include <stddef.h>
#include <stdint.h>

#include "crypto/blocks.h"

#define POLYVAL_POWERS 8

/* power[i] is the hash key to the power i + 1 (by RFC 8452's dot), of which the twin in C takes
 * one.
 */
struct polyval_key {
	struct le128 power[POLYVAL_POWERS];
};

void polyval_setkey(struct polyval_key *ret_key, const uint8_t hash_key[static BLOCK_LEN]);

/*
 * What @blocks blocks of 16 bytes at @data, and then @tail unless it is NULL, make of the
 * accumulator @acc (zero at the beginning). Constant time; any alignment of @data.
 */
struct le128 polyval_blocks(const struct polyval_key *key, struct le128 acc, const uint8_t *data,
			    size_t blocks, const struct le128 *tail);

#endif
