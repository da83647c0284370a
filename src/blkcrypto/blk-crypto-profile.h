/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-crypto-profile.h - for devices: capabilities, keyslots, and the operations of an engine */
#ifndef BLKCRYPTO_BLK_CRYPTO_PROFILE_H
#define BLKCRYPTO_BLK_CRYPTO_PROFILE_H

#include <pthread.h>

#include "blkcrypto/blk-crypto.h"
#include "blkcrypto/blk-pm.h"
#include "util/stats.h"

struct blk_crypto_profile;
struct blk_crypto_keyslot; /* opaque: blk-crypto-profile.c */

/*
 * What an engine does. All are called serialised by the profile's lock and with the device awake
 * (profile->pm), may sleep, and return 0 or -errno.
 */
struct blk_crypto_ll_ops {
	/*
	 * Required when the profile has slots. Put @key into @slot, over whatever it held; @slot
	 * has no user. On error the slot counts as empty: no later bio may find the old key there.
	 */
	int (*keyslot_program)(struct blk_crypto_profile *profile, const struct blk_crypto_key *key,
			       unsigned slot);
	/*
	 * Required when the profile has slots; optional without (called with slot (unsigned)-1
	 * then, to fan out to children). @slot has no user. The key is unlinked whatever is
	 * returned.
	 */
	int (*keyslot_evict)(struct blk_crypto_profile *profile, const struct blk_crypto_key *key,
			     unsigned slot);
	/*
	 * Required when wrapped keys are among the key types; blk-crypto-wrapped.h has the errors.
	 * The last three return the size of the key that they wrote, at most
	 * BLK_CRYPTO_MAX_HW_WRAPPED_KEY_SIZE.
	 */
	int (*derive_sw_secret)(struct blk_crypto_profile *profile, const uint8_t *eph_key,
				size_t eph_key_size, uint8_t *ret_sw_secret);
	int (*import_key)(struct blk_crypto_profile *profile, const uint8_t *raw_key,
			  size_t raw_key_size, uint8_t *ret_lt_key);
	int (*generate_key)(struct blk_crypto_profile *profile, uint8_t *ret_lt_key);
	int (*prepare_key)(struct blk_crypto_profile *profile, const uint8_t *lt_key,
			   size_t lt_key_size, uint8_t *ret_eph_key);
};

struct blk_crypto_profile_stats {
	stat_counter hits, programs, evictions, waits, program_errors;
};

struct blk_crypto_profile {
	/* public: filled in by the device between init and first use */
	struct blk_crypto_ll_ops ll_ops;
	unsigned max_dun_bytes_supported;
	unsigned key_types_supported; /* BLK_CRYPTO_KEY_TYPE_* */
	/* Bit i set: data units of 2^i bytes; tested by the data unit size itself. 0: no mode. */
	unsigned modes_supported[BLK_ENCRYPTION_MODE_MAX];
	void *driver_data;
	/*
	 * The engine's power, if its operations do not work while it sleeps; else NULL. It is woken
	 * before the profile's lock is taken, for waking may reprogram all keys.
	 */
	struct blk_pm *pm;

	/* private: blk-crypto-profile.c */
	unsigned num_slots;
	struct blk_crypto_keyslot *slots;
	struct keyslot_table *table;
	struct blk_crypto_profile_stats stats;
};

/* @num_slots 0: a passthrough profile, which advertises but manages nothing. 0 or -ENOMEM. */
int blk_crypto_profile_init(struct blk_crypto_profile *profile, unsigned num_slots);

/* No slot may be in use. Evicts nothing: the device is going away. */
void blk_crypto_profile_destroy(struct blk_crypto_profile *profile);

/*
 * A slot that holds @key, programmed now if need be; waits while every slot is in use. *ret_slot is
 * NULL for a profile without slots. Returns OK or the status of a failed programming.
 * Context: may sleep; the caller holds no other slot of this profile.
 */
enum blk_status blk_crypto_get_keyslot(struct blk_crypto_profile *profile,
				       const struct blk_crypto_key *key,
				       struct blk_crypto_keyslot **ret_slot);

unsigned blk_crypto_keyslot_index(const struct blk_crypto_keyslot *slot);

/* NULL is fine. Context: any, never sleeps for long. */
void blk_crypto_put_keyslot(struct blk_crypto_keyslot *slot);

bool blk_crypto_profile_supports(const struct blk_crypto_profile *profile,
				 const struct blk_crypto_config *cfg);

/*
 * 0 (also when absent), -EBUSY when still in use (a bug; unlinked all the same), or the driver's
 * error.
 */
int blk_crypto_profile_evict(struct blk_crypto_profile *profile, const struct blk_crypto_key *key);

/*
 * After the engine lost its keys: program every occupied slot again, those in use as well. One that
 * fails is emptied, so that no later bio finds a key there; users that it has must fail in the
 * engine. Does not wake the device: this is what waking it calls.
 */
void blk_crypto_reprogram_all_keys(struct blk_crypto_profile *profile);

/*
 * Around calls of ll_ops: wakes the device and takes the profile's lock. 0 or -errno of the waking;
 * then nothing is held and there is nothing to exit.
 */
int blk_crypto_hw_enter(struct blk_crypto_profile *profile);
void blk_crypto_hw_exit(struct blk_crypto_profile *profile);

/* For status: @fn gets each slot's index, key (or NULL) and users, under the profile's lock. */
void blk_crypto_profile_for_each_slot(struct blk_crypto_profile *profile,
				      void (*fn)(unsigned slot, const struct blk_crypto_key *key,
						 unsigned users, void *arg),
				      void *arg);

#endif
