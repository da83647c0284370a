/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-crypt-units.h - run a cipher over the data units of a bio: what every engine has in common */
#ifndef BLKCRYPTO_BLK_CRYPT_UNITS_H
#define BLKCRYPTO_BLK_CRYPT_UNITS_H

#include "blkcrypto/blk-crypto.h"

/*
 * Transforms of one mode in one keyslot, several so that threads sharing the slot do not wait for
 * each other. Made when the mode starts; keyed when first used after programming, without
 * allocation. Opaque.
 */
struct blk_slot_cipher;

/* 0, -ENOPKG, -ENOMEM. */
int blk_slot_cipher_create(enum blk_crypto_mode_num mode, struct blk_slot_cipher **ret);
void blk_slot_cipher_destroy(struct blk_slot_cipher *sc); /* NULL is fine; wipes */

/* Set the key; the slot has no user. -EINVAL for a weak key. */
int blk_slot_cipher_program(struct blk_slot_cipher *sc, const uint8_t *key, unsigned size);

/* The key is gone, from every lane: ciphering is AGAIN until the next program. Any time. */
void blk_slot_cipher_forget(struct blk_slot_cipher *sc);

/*
 * Encrypt or decrypt @len bytes (a multiple of @data_unit_size) from @src to @dst (equal or
 * disjoint), data unit by data unit, from @dun on. With @zero_is_hole, decryption leaves units that
 * are all zero. Context: any number of threads at once.
 */
enum blk_status blk_slot_cipher_crypt(struct blk_slot_cipher *sc, bool encrypt,
				      const uint64_t dun[static BLK_CRYPTO_DUN_ARRAY_SIZE],
				      unsigned data_unit_size, const void *src, void *dst,
				      size_t len, bool zero_is_hole);

#endif
