/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-crypt-engine.c - keyslots with ciphers behind them: what an engine in software consists of */
#include "blkcrypto/blk-crypt-engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/secret.h"

/* ---- keyslots ----------------------------------------------------------------------------- */

static int slot_blank(struct blk_crypt_engine *engine, struct blk_crypt_slot *slot)
{
	enum blk_crypto_mode_num mode = slot->live;

	slot->live = BLK_ENCRYPTION_MODE_INVALID;
	if (mode == BLK_ENCRYPTION_MODE_INVALID)
		return 0;
	return blk_slot_cipher_program(slot->ciphers[mode], engine->blank_key,
				       blk_crypto_modes[mode].keysize);
}

int blk_crypt_engine_program(struct blk_crypt_engine *engine, enum blk_crypto_mode_num mode,
			     const uint8_t *bytes, unsigned size, unsigned index)
{
	struct blk_crypt_slot *slot = &engine->slots[index];
	int err;

	if (!slot->ciphers[mode])
		return -EIO;
	if (slot->live != mode) {
		err = slot_blank(engine, slot);
		if (err)
			return err;
	}
	/* Live even if it fails: what is left of the key then is blanked by the next one. */
	slot->live = mode;
	return blk_slot_cipher_program(slot->ciphers[mode], bytes, size);
}

static int engine_keyslot_program(struct blk_crypto_profile *profile,
				  const struct blk_crypto_key *key, unsigned slot)
{
	struct blk_crypt_engine *engine = container_of(profile, struct blk_crypt_engine, profile);

	if (key->crypto_cfg.key_type != BLK_CRYPTO_KEY_TYPE_RAW)
		return -EOPNOTSUPP;
	return blk_crypt_engine_program(engine, key->crypto_cfg.crypto_mode, key->bytes, key->size,
					slot);
}

static int engine_keyslot_evict(struct blk_crypto_profile *profile,
				const struct blk_crypto_key *key, unsigned slot_index)
{
	struct blk_crypt_engine *engine = container_of(profile, struct blk_crypt_engine, profile);

	return slot_blank(engine, &engine->slots[slot_index]);
}

/* ---- life --------------------------------------------------------------------------------- */

int blk_crypt_engine_init(struct blk_crypt_engine *engine, unsigned num_slots,
			  unsigned num_bounce_pages)
{
	int err;

	if (num_slots == 0)
		return -EINVAL;
	memset(engine, 0, sizeof(*engine));
	err = blk_crypto_profile_init(&engine->profile, num_slots);
	if (err)
		return err;
	engine->slots = calloc(num_slots, sizeof(*engine->slots));
	if (!engine->slots) {
		err = -ENOMEM;
		goto destroy_profile;
	}
	err = blk_bounce_pool_init(&engine->bounce, num_bounce_pages);
	if (err)
		goto free_slots;
	secret_random(engine->blank_key, sizeof(engine->blank_key));
	engine->profile.ll_ops.keyslot_program = engine_keyslot_program;
	engine->profile.ll_ops.keyslot_evict = engine_keyslot_evict;
	return 0;

free_slots:
	free(engine->slots);
destroy_profile:
	blk_crypto_profile_destroy(&engine->profile);
	return err;
}

static void remove_mode(struct blk_crypt_engine *engine, enum blk_crypto_mode_num mode)
{
	for (unsigned i = 0; i < engine->profile.num_slots; i++) {
		blk_slot_cipher_destroy(engine->slots[i].ciphers[mode]);
		engine->slots[i].ciphers[mode] = NULL;
	}
}

void blk_crypt_engine_destroy(struct blk_crypt_engine *engine)
{
	for (unsigned mode = 0; mode < BLK_ENCRYPTION_MODE_MAX; mode++)
		remove_mode(engine, mode);
	blk_bounce_pool_destroy(&engine->bounce);
	free(engine->slots);
	blk_crypto_profile_destroy(&engine->profile);
}

int blk_crypt_engine_add_mode(struct blk_crypt_engine *engine, enum blk_crypto_mode_num mode)
{
	for (unsigned i = 0; i < engine->profile.num_slots; i++) {
		int err = blk_slot_cipher_create(mode, &engine->slots[i].ciphers[mode]);

		if (err) {
			remove_mode(engine, mode);
			return err;
		}
	}
	return 0;
}

/* ---- use ---------------------------------------------------------------------------------- */

void blk_crypt_engine_forget_slot(struct blk_crypt_engine *engine, unsigned slot)
{
	for (unsigned mode = 0; mode < BLK_ENCRYPTION_MODE_MAX; mode++)
		if (engine->slots[slot].ciphers[mode])
			blk_slot_cipher_forget(engine->slots[slot].ciphers[mode]);
}

void blk_crypt_engine_forget(struct blk_crypt_engine *engine)
{
	for (unsigned i = 0; i < engine->profile.num_slots; i++)
		blk_crypt_engine_forget_slot(engine, i);
}

enum blk_status blk_crypt_engine_crypt(struct blk_crypt_engine *engine, unsigned slot,
				       const struct blk_crypto_key *key, bool encrypt,
				       uint64_t dun[static BLK_CRYPTO_DUN_ARRAY_SIZE],
				       const void *src, void *dst, size_t len, bool zero_is_hole)
{
	enum blk_status status;

	status = blk_slot_cipher_crypt(engine->slots[slot].ciphers[key->crypto_cfg.crypto_mode],
				       encrypt, dun, key->crypto_cfg.data_unit_size, src, dst, len,
				       zero_is_hole);
	bio_crypt_dun_increment(dun, len >> key->data_unit_size_bits);
	return status;
}
