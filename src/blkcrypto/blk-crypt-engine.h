/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-crypt-engine.h - keyslots with ciphers behind them: what an engine in software consists of */
#ifndef BLKCRYPTO_BLK_CRYPT_ENGINE_H
#define BLKCRYPTO_BLK_CRYPT_ENGINE_H

#include "blkcrypto/blk-bounce.h"
#include "blkcrypto/blk-crypt-units.h"
#include "blkcrypto/blk-crypto-profile.h"

/* A slot's ciphers, one for each mode that the engine has; only one has a key that matters. */
struct blk_crypt_slot {
	struct blk_slot_cipher *ciphers[BLK_ENCRYPTION_MODE_MAX];
	enum blk_crypto_mode_num live; /* INVALID: none. Protected by the profile's lock */
};

struct blk_crypt_engine {
	struct blk_crypto_profile profile; /* at least one slot; ll_ops are the engine's own */
	struct blk_crypt_slot *slots;	   /* profile.num_slots of them */
	struct blk_bounce_pool bounce;
	/*
	 * Random; replaces the keys of evicted slots. Not zeros, which XTS refuses. Nothing that
	 * is encrypted under it is ever stored.
	 */
	uint8_t blank_key[BLK_CRYPTO_MAX_RAW_KEY_SIZE];
};

/*
 * An engine without modes. The caller then fills in the capabilities of @engine->profile and adds
 * modes. 0, -EINVAL (no slots or pages), -ENOMEM.
 */
int blk_crypt_engine_init(struct blk_crypt_engine *engine, unsigned num_slots,
			  unsigned num_bounce_pages);
void blk_crypt_engine_destroy(struct blk_crypt_engine *engine); /* no bio in flight */

/*
 * Make the ciphers of @mode for all slots: all or none. 0, -ENOPKG, -ENOMEM.
 * Context: allocates. No bio of this mode may be submitted before it returns; calls are serialised
 * by the caller.
 */
int blk_crypt_engine_add_mode(struct blk_crypt_engine *engine, enum blk_crypto_mode_num mode);

/*
 * Put @size bytes of key for @mode into the ciphers of slot @index, over what it held, which is
 * blanked: what keyslot_program does with a raw key, for an engine that makes the raw key of
 * something else. Caller holds the profile's lock. 0, -EIO (mode not added), -EINVAL (weak).
 */
int blk_crypt_engine_program(struct blk_crypt_engine *engine, enum blk_crypto_mode_num mode,
			     const uint8_t *bytes, unsigned size, unsigned index);

/* As in a reset: no slot has a key any more, until the profile's owner reprograms all. */
void blk_crypt_engine_forget(struct blk_crypt_engine *engine);
/* The same for one slot, whose users, if it has any, fail then. */
void blk_crypt_engine_forget_slot(struct blk_crypt_engine *engine, unsigned slot);

/*
 * Encrypt or decrypt @len bytes from @src to @dst (equal or disjoint), whole data units, from @dun
 * on, which is advanced. @slot is held, for @key. As blk_slot_cipher_crypt() otherwise: AGAIN when
 * the slot has lost its key.
 */
enum blk_status blk_crypt_engine_crypt(struct blk_crypt_engine *engine, unsigned slot,
				       const struct blk_crypto_key *key, bool encrypt,
				       uint64_t dun[static BLK_CRYPTO_DUN_ARRAY_SIZE],
				       const void *src, void *dst, size_t len, bool zero_is_hole);

#endif
