/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-crypto-key.c - keys: modes, what is a valid key, and the life that it must lead */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "blkcrypto/blk-crypto-internal.h"
#include "blkcrypto/blk-crypto.h"
#include "util/bits.h"
#include "util/log.h"

const struct blk_crypto_mode blk_crypto_modes[BLK_ENCRYPTION_MODE_MAX] = {
	[BLK_ENCRYPTION_MODE_AES_256_XTS] = {
		.name = "AES-256-XTS",
		.variant = "aes-256-xts",
		.keysize = 64,
		.security_strength = 32,
		.ivsize = 16,
	},
	[BLK_ENCRYPTION_MODE_AES_128_CBC_ESSIV] = {
		.name = "AES-128-CBC-ESSIV",
		.variant = "aes-128-cbc-essiv",
		.keysize = 16,
		.security_strength = 16,
		.ivsize = 16,
	},
	[BLK_ENCRYPTION_MODE_ADIANTUM] = {
		.name = "Adiantum",
		.variant = "adiantum",
		.keysize = 32,
		.security_strength = 32,
		.ivsize = 32,
	},
	[BLK_ENCRYPTION_MODE_SM4_XTS] = {
		.name = "SM4-XTS",
		.variant = "sm4-xts",
		.keysize = 32,
		.security_strength = 16,
		.ivsize = 16,
	},
};

/* ---- validity ----------------------------------------------------------------------------- */

static bool key_size_valid(const struct blk_crypto_mode *mode, unsigned size, unsigned key_type)
{
	switch (key_type) {
	case BLK_CRYPTO_KEY_TYPE_RAW:
		return size == mode->keysize;
	case BLK_CRYPTO_KEY_TYPE_HW_WRAPPED:
		return size >= mode->security_strength &&
		       size <= BLK_CRYPTO_MAX_HW_WRAPPED_KEY_SIZE;
	default:
		return false;
	}
}

int blk_crypto_init_key(struct blk_crypto_key *key, const uint8_t *bytes, unsigned size,
			unsigned key_type, enum blk_crypto_mode_num mode, unsigned dun_bytes,
			unsigned data_unit_size, unsigned flags)
{
	memset(key, 0, sizeof(*key));
	if ((unsigned)mode >= BLK_ENCRYPTION_MODE_MAX)
		return -EINVAL;
	if (!key_size_valid(&blk_crypto_modes[mode], size, key_type))
		return -EINVAL;
	/* The row of BLK_ENCRYPTION_MODE_INVALID has no IV, so nothing fits. */
	if (dun_bytes == 0 || dun_bytes > blk_crypto_modes[mode].ivsize)
		return -EINVAL;
	if (!is_power_of_2(data_unit_size))
		return -EINVAL;
	if (flags & ~BLK_CRYPTO_CFG_ALLOW_HW)
		return -EINVAL;

	key->crypto_cfg.crypto_mode = mode;
	key->crypto_cfg.data_unit_size = data_unit_size;
	key->crypto_cfg.dun_bytes = dun_bytes;
	key->crypto_cfg.key_type = key_type;
	key->crypto_cfg.flags = flags;
	key->data_unit_size_bits = ilog2(data_unit_size);
	key->size = size;
	memcpy(key->bytes, bytes, size);
	return 0;
}

void blk_crypto_label_key(struct blk_crypto_key *key, const void *label, size_t size)
{
	key->label_size = (unsigned)MIN(size, sizeof(key->label));
	memcpy(key->label, label, key->label_size);
}

/* ---- life --------------------------------------------------------------------------------- */

/*
 * Started, used, evicted: an order that the kernel asks for in words. A count on each key finds who
 * does not keep it, for two atomic operations a bio on a line that its threads share anyway.
 */

/* Who waits for the last bio of a key. Not in the key, which may be gone once nothing is in flight.
 */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t wait;
	atomic_uint waiters;
} drain = { .lock = PTHREAD_MUTEX_INITIALIZER, .wait = PTHREAD_COND_INITIALIZER };

/* The one part of a key that changes: the owner's object is not const. */
static struct blk_crypto_key_life *life_of(const struct blk_crypto_key *key)
{
	return (struct blk_crypto_key_life *)&key->life;
}

void blk_crypto_key_started(const struct blk_crypto_key *key)
{
	atomic_fetch_add(&life_of(key)->started, 1);
}

bool blk_crypto_bio_count(struct bio *bio)
{
	struct blk_crypto_key_life *life = life_of(bio->bi_crypt_context->bc_key);

	if (bio->bi_counted)
		return true;
	if (unlikely(atomic_load_explicit(&life->started, memory_order_relaxed) == 0))
		return false;
	atomic_fetch_add_explicit(&life->in_flight, 1, memory_order_relaxed);
	bio->bi_counted = true;
	return true;
}

void blk_crypto_bio_uncount(struct bio *bio)
{
	struct blk_crypto_key_life *life = life_of(bio->bi_crypt_mem.bc_key);

	bio->bi_counted = false;
	/* Not a word about the key afterwards. The waiter counts itself before it looks. */
	if (atomic_fetch_sub(&life->in_flight, 1) != 1 || likely(atomic_load(&drain.waiters) == 0))
		return;
	pthread_mutex_lock(&drain.lock);
	pthread_cond_broadcast(&drain.wait);
	pthread_mutex_unlock(&drain.lock);
}

void blk_crypto_key_stopped(const struct blk_crypto_key *key)
{
	struct blk_crypto_key_life *life = life_of(key);
	unsigned n = atomic_load(&life->in_flight);

	if (unlikely(n > 0)) {
		BLK_CRYPTO_BUG("a key is evicted with %u of its bios in flight", n);
		atomic_fetch_add(&drain.waiters, 1);
		pthread_mutex_lock(&drain.lock);
		while (atomic_load(&life->in_flight) > 0)
			pthread_cond_wait(&drain.wait, &drain.lock);
		pthread_mutex_unlock(&drain.lock);
		atomic_fetch_sub(&drain.waiters, 1);
	}
	n = atomic_load(&life->started);
	while (n > 0 && !atomic_compare_exchange_weak(&life->started, &n, n - 1))
		;
}
