/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-crypt-units.c - run a cipher over the data units of a bio: what every engine has in common */
#include "blkcrypto/blk-crypt-units.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/skcipher.h"
#include "util/bits.h"
#include "util/secret.h"

#define MAX_LANES  8
#define CACHE_LINE 64

/* One transform. The lock is nearly always free: a thread has a lane of its own to begin with. */
struct lane {
	_Alignas(CACHE_LINE) pthread_mutex_t lock;
	struct skcipher *tfm;
	bool keyed; /* tfm has the slot's key; protected by lock */
};

struct blk_slot_cipher {
	unsigned num_lanes;
	unsigned key_size; /* 0: none. Protected by every lane's lock */
	uint8_t *key;	   /* secret_slab; as key_size */
	struct lane lanes[];
};

/* Asked once: the answer comes from a file in sysfs, and a profile has a hundred slots. */
static unsigned lane_count(void)
{
	static atomic_uint known;
	unsigned lanes = atomic_load_explicit(&known, memory_order_relaxed);
	long n;

	if (lanes)
		return lanes;
	n = sysconf(_SC_NPROCESSORS_ONLN);
	lanes = n < 1 ? 1 : MIN((unsigned)n, MAX_LANES);
	atomic_store_explicit(&known, lanes, memory_order_relaxed);
	return lanes;
}

/* Threads are dealt out over the lanes in the order in which they first cipher something. */
static unsigned thread_lane(void)
{
	static atomic_uint next;
	static __thread unsigned mine; /* plus one */

	if (unlikely(mine == 0))
		mine = atomic_fetch_add_explicit(&next, 1, memory_order_relaxed) % MAX_LANES + 1;
	return mine - 1;
}

int blk_slot_cipher_create(enum blk_crypto_mode_num mode, struct blk_slot_cipher **ret)
{
	const struct skcipher_alg *alg;
	struct blk_slot_cipher *sc;
	unsigned lanes = lane_count();
	size_t size = sizeof(*sc) + lanes * sizeof(sc->lanes[0]);
	int err;

	if (mode <= BLK_ENCRYPTION_MODE_INVALID || mode >= BLK_ENCRYPTION_MODE_MAX)
		return -ENOPKG;
	alg = skcipher_find(blk_crypto_modes[mode].variant);
	if (!alg)
		return -ENOPKG;
	sc = aligned_alloc(CACHE_LINE, round_up(size, CACHE_LINE));
	if (!sc)
		return -ENOMEM;
	memset(sc, 0, size);
	sc->key = secret_slab_alloc();
	if (!sc->key) {
		err = -ENOMEM;
		goto destroy;
	}
	for (unsigned i = 0; i < lanes; i++) {
		err = skcipher_alloc(alg, &sc->lanes[i].tfm);
		if (err)
			goto destroy;
		pthread_mutex_init(&sc->lanes[i].lock, NULL);
		sc->num_lanes++;
	}
	*ret = sc;
	return 0;

destroy:
	blk_slot_cipher_destroy(sc);
	return err;
}

void blk_slot_cipher_destroy(struct blk_slot_cipher *sc)
{
	if (!sc)
		return;
	for (unsigned i = 0; i < sc->num_lanes; i++) {
		pthread_mutex_destroy(&sc->lanes[i].lock);
		skcipher_free(sc->lanes[i].tfm);
	}
	secret_slab_free(sc->key);
	free(sc);
}

/*
 * The first lane is keyed at once, to learn whether the key is good, and those that were in use
 * under the old key, to get rid of its schedule; the others when they are first used.
 */
int blk_slot_cipher_program(struct blk_slot_cipher *sc, const uint8_t *key, unsigned size)
{
	int err = 0;

	if (size == 0 || size > BLK_CRYPTO_MAX_RAW_KEY_SIZE)
		return -EINVAL;

	/* After a reset of an engine even a slot with users is programmed; else nobody contends. */
	for (unsigned i = 0; i < sc->num_lanes; i++)
		pthread_mutex_lock(&sc->lanes[i].lock);

	memcpy(sc->key, key, size);
	sc->key_size = size;
	for (unsigned i = 0; i < sc->num_lanes; i++) {
		struct lane *lane = &sc->lanes[i];
		int ret;

		if (i != 0 && !lane->keyed)
			continue;
		ret = skcipher_setkey(lane->tfm, key, size);
		lane->keyed = ret == 0;
		if (ret)
			err = ret;
	}
	if (err) {
		secret_wipe(sc->key, size);
		sc->key_size = 0;
	}

	for (unsigned i = sc->num_lanes; i-- > 0;)
		pthread_mutex_unlock(&sc->lanes[i].lock);
	return err;
}

void blk_slot_cipher_forget(struct blk_slot_cipher *sc)
{
	uint8_t random[BLK_CRYPTO_MAX_RAW_KEY_SIZE];

	for (unsigned i = 0; i < sc->num_lanes; i++)
		pthread_mutex_lock(&sc->lanes[i].lock);
	secret_random(random, sizeof(random));
	for (unsigned i = 0; i < sc->num_lanes; i++) {
		/* For the schedule's sake only. A failure leaves no more than was there. */
		if (sc->lanes[i].keyed && sc->key_size > 0)
			skcipher_setkey(sc->lanes[i].tfm, random, sc->key_size);
		sc->lanes[i].keyed = false;
	}
	secret_wipe(sc->key, sc->key_size);
	sc->key_size = 0;
	for (unsigned i = sc->num_lanes; i-- > 0;)
		pthread_mutex_unlock(&sc->lanes[i].lock);
}

static struct lane *lane_get(struct blk_slot_cipher *sc)
{
	unsigned first = thread_lane() % sc->num_lanes;
	struct lane *lane;

	for (unsigned i = 0; i < sc->num_lanes; i++) {
		lane = &sc->lanes[(first + i) % sc->num_lanes];
		if (pthread_mutex_trylock(&lane->lock) == 0)
			return lane;
	}
	lane = &sc->lanes[first];
	pthread_mutex_lock(&lane->lock);
	return lane;
}

static void lane_put(struct lane *lane)
{
	pthread_mutex_unlock(&lane->lock);
}

static int lane_key(struct blk_slot_cipher *sc, struct lane *lane)
{
	int err;

	if (likely(lane->keyed))
		return 0;
	if (sc->key_size == 0)
		return -ENOKEY;
	err = skcipher_setkey(lane->tfm, sc->key, sc->key_size);
	lane->keyed = err == 0;
	return err;
}

static int crypt_units(struct skcipher *tfm, bool encrypt,
		       uint64_t dun[static BLK_CRYPTO_DUN_ARRAY_SIZE], size_t unit,
		       const uint8_t *src, uint8_t *dst, size_t len, bool zero_is_hole)
{
	uint8_t iv[BLK_CRYPTO_MAX_IV_SIZE];
	int err;

	for (size_t pos = 0; pos < len; pos += unit) {
		if (!encrypt && zero_is_hole && mem_is_zero(src + pos, unit)) {
			if (src != dst)
				memset(dst + pos, 0, unit);
		} else {
			blk_crypto_dun_to_iv(dun, iv);
			err = encrypt ? skcipher_encrypt(tfm, iv, src + pos, dst + pos, unit)
				      : skcipher_decrypt(tfm, iv, src + pos, dst + pos, unit);
			if (err)
				return err;
		}
		bio_crypt_dun_increment(dun, 1);
	}
	return 0;
}

enum blk_status blk_slot_cipher_crypt(struct blk_slot_cipher *sc, bool encrypt,
				      const uint64_t dun[static BLK_CRYPTO_DUN_ARRAY_SIZE],
				      unsigned data_unit_size, const void *src, void *dst,
				      size_t len, bool zero_is_hole)
{
	uint64_t next[BLK_CRYPTO_DUN_ARRAY_SIZE];
	struct lane *lane;
	int err;

	if (len % data_unit_size != 0)
		return BLK_STS_INVAL;
	memcpy(next, dun, sizeof(next));
	lane = lane_get(sc);
	err = lane_key(sc, lane);
	if (!err)
		err = crypt_units(lane->tfm, encrypt, next, data_unit_size, src, dst, len,
				  zero_is_hole);
	lane_put(lane);
	if (err == -ENOKEY)
		return BLK_STS_AGAIN;
	return err ? BLK_STS_IOERR : BLK_STS_OK;
}
