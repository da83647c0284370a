/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nh.h - NH, the almost-universal hash that makes Adiantum's messages short (eprint 2018/720) */
#ifndef CRYPTO_NH_H
#define CRYPTO_NH_H

#include <stddef.h>
#include <stdint.h>

#define NH_CHUNK     1024 /* bytes of message that the key is long enough for */
#define NH_KEY_WORDS 268
#define NH_KEY_SIZE  (NH_KEY_WORDS * 4)
#define NH_HASH_SIZE 32

/* The key's little-endian words. */
void nh_setkey(uint32_t ret_key[static NH_KEY_WORDS], const uint8_t bytes[static NH_KEY_SIZE]);

/*
 * Hash of 1 to NH_CHUNK bytes, as if zeros filled the last 16 of them. Constant time; any
 * alignment.
 */
void nh(const uint32_t key[static NH_KEY_WORDS], const uint8_t *msg, size_t len,
	uint8_t ret_hash[static NH_HASH_SIZE]);

#endif
