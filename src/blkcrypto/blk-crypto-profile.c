/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-crypto-profile.c - keyslots: which key is where, how many use it, and who goes first */
#include "blkcrypto/blk-crypto-profile.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "util/bits.h"
#include "util/log.h"

#define CACHE_LINE 64

/*
 * A hit takes the lock of one hash bucket for a few instructions and a put takes none, so that I/O
 * on different keys shares nothing. Idle slots are therefore not kept in a list, which every first
 * get and last put would have to lock: a put stamps the slot with the time, and who needs a slot to
 * program looks for the oldest stamp. The order is the same, and only the rare path pays.
 */
struct blk_crypto_keyslot {
	_Alignas(CACHE_LINE) atomic_uint refs; /* raised from 0 only under the bucket's lock */
	_Atomic uint64_t stamp;		       /* time of the last put; 0: holds no key */
	/*
	 * NULL when not in the table. Written under driver_lock and the bucket's lock, read under
	 * either.
	 */
	const struct blk_crypto_key *key;
	struct blk_crypto_keyslot *next; /* in the bucket; protected by its lock */
	struct blk_crypto_profile *profile;
	unsigned index;
};

struct bucket {
	_Alignas(CACHE_LINE) pthread_mutex_t lock;
	struct blk_crypto_keyslot *head;
};

/* Lock order: driver_lock, then a bucket's lock; wait_lock is innermost and alone. */
struct keyslot_table {
	pthread_mutex_t driver_lock; /* serialises ll_ops and all changes of slots' keys */
	struct bucket *buckets;
	unsigned bucket_bits;

	pthread_mutex_t wait_lock;
	pthread_cond_t wait;
	_Alignas(CACHE_LINE) atomic_uint waiters;
	_Alignas(CACHE_LINE) _Atomic uint64_t clock;
};

static void *zalloc_aligned(size_t count, size_t size)
{
	size_t bytes = round_up(count * size, CACHE_LINE);
	void *p = aligned_alloc(CACHE_LINE, bytes);

	if (p)
		memset(p, 0, bytes);
	return p;
}

/* ---- the table ---------------------------------------------------------------------------- */

static struct bucket *key_bucket(struct keyslot_table *table, const struct blk_crypto_key *key)
{
	/* Fibonacci hashing: the top bits of the product are the well-mixed ones. */
	uint64_t hash = (uint64_t)(uintptr_t)key * UINT64_C(0x9e3779b97f4a7c15);

	return &table->buckets[hash >> (64 - table->bucket_bits)];
}

static struct blk_crypto_keyslot *lookup_locked(struct bucket *bucket,
						const struct blk_crypto_key *key)
{
	struct blk_crypto_keyslot *slot = bucket->head;

	while (slot && slot->key != key)
		slot = slot->next;
	return slot;
}

/* The slot of @key with one more reference, or NULL. */
static struct blk_crypto_keyslot *find_and_get(struct keyslot_table *table,
					       const struct blk_crypto_key *key)
{
	struct bucket *bucket = key_bucket(table, key);
	struct blk_crypto_keyslot *slot;

	pthread_mutex_lock(&bucket->lock);
	slot = lookup_locked(bucket, key);
	if (slot)
		atomic_fetch_add(&slot->refs, 1);
	pthread_mutex_unlock(&bucket->lock);
	return slot;
}

static struct blk_crypto_keyslot *find(struct keyslot_table *table,
				       const struct blk_crypto_key *key)
{
	struct bucket *bucket = key_bucket(table, key);
	struct blk_crypto_keyslot *slot;

	pthread_mutex_lock(&bucket->lock);
	slot = lookup_locked(bucket, key);
	pthread_mutex_unlock(&bucket->lock);
	return slot;
}

/* Caller holds driver_lock. */
static void link_slot(struct keyslot_table *table, struct blk_crypto_keyslot *slot,
		      const struct blk_crypto_key *key)
{
	struct bucket *bucket = key_bucket(table, key);

	pthread_mutex_lock(&bucket->lock);
	slot->key = key;
	slot->next = bucket->head;
	bucket->head = slot;
	pthread_mutex_unlock(&bucket->lock);
}

/*
 * Take the slot's key out of the table. With @only_idle it stays there if it has users. Returns
 * whether it had none: then nobody can get the slot any more but by link_slot().
 * Caller holds driver_lock.
 */
static bool unlink_slot(struct keyslot_table *table, struct blk_crypto_keyslot *slot,
			bool only_idle)
{
	struct bucket *bucket;
	struct blk_crypto_keyslot **p;
	bool idle;

	if (!slot->key)
		return atomic_load(&slot->refs) == 0;
	bucket = key_bucket(table, slot->key);
	pthread_mutex_lock(&bucket->lock);
	idle = atomic_load(&slot->refs) == 0;
	if (idle || !only_idle) {
		for (p = &bucket->head; *p != slot; p = &(*p)->next)
			;
		*p = slot->next;
		slot->key = NULL;
		atomic_store(&slot->stamp, 0);
	}
	pthread_mutex_unlock(&bucket->lock);
	return idle;
}

/* ---- idle slots --------------------------------------------------------------------------- */

/* Least recently used first, those without a key before all. */
static struct blk_crypto_keyslot *oldest_idle(struct blk_crypto_profile *profile)
{
	struct blk_crypto_keyslot *best = NULL;
	uint64_t best_stamp = UINT64_MAX;

	for (unsigned i = 0; i < profile->num_slots; i++) {
		struct blk_crypto_keyslot *slot = &profile->slots[i];
		uint64_t stamp;

		if (atomic_load(&slot->refs) != 0)
			continue;
		stamp = atomic_load(&slot->stamp);
		if (stamp < best_stamp) {
			best_stamp = stamp;
			best = slot;
		}
	}
	return best;
}

/*
 * The waiter counts itself before it looks at the slots, and who puts a slot looks at the count
 * afterwards: with sequentially consistent accesses one of the two sees the other.
 */
static void wait_for_idle(struct blk_crypto_profile *profile)
{
	struct keyslot_table *table = profile->table;

	stat_inc(&profile->stats.waits);
	pthread_mutex_lock(&table->wait_lock);
	atomic_fetch_add(&table->waiters, 1);
	while (!oldest_idle(profile))
		pthread_cond_wait(&table->wait, &table->wait_lock);
	atomic_fetch_sub(&table->waiters, 1);
	pthread_mutex_unlock(&table->wait_lock);
}

static void drop_ref(struct keyslot_table *table, struct blk_crypto_keyslot *slot)
{
	if (atomic_fetch_sub(&slot->refs, 1) != 1)
		return;
	if (likely(atomic_load(&table->waiters) == 0))
		return;
	pthread_mutex_lock(&table->wait_lock);
	pthread_cond_broadcast(&table->wait);
	pthread_mutex_unlock(&table->wait_lock);
}

/* ---- life --------------------------------------------------------------------------------- */

int blk_crypto_profile_init(struct blk_crypto_profile *profile, unsigned num_slots)
{
	struct keyslot_table *table;

	memset(profile, 0, sizeof(*profile));
	table = zalloc_aligned(1, sizeof(*table));
	if (!table)
		return -ENOMEM;
	if (num_slots > 0) {
		profile->slots = zalloc_aligned(num_slots, sizeof(*profile->slots));
		if (!profile->slots)
			goto free_table;
		table->bucket_bits = num_slots > 2 ? fls64(num_slots - 1) : 1;
		table->buckets = zalloc_aligned(1u << table->bucket_bits, sizeof(*table->buckets));
		if (!table->buckets)
			goto free_slots;
		for (unsigned i = 0; i < 1u << table->bucket_bits; i++)
			pthread_mutex_init(&table->buckets[i].lock, NULL);
	}
	for (unsigned i = 0; i < num_slots; i++) {
		profile->slots[i].profile = profile;
		profile->slots[i].index = i;
	}
	pthread_mutex_init(&table->driver_lock, NULL);
	pthread_mutex_init(&table->wait_lock, NULL);
	pthread_cond_init(&table->wait, NULL);
	profile->num_slots = num_slots;
	profile->table = table;
	return 0;

free_slots:
	free(profile->slots);
free_table:
	free(table);
	memset(profile, 0, sizeof(*profile));
	return -ENOMEM;
}

void blk_crypto_profile_destroy(struct blk_crypto_profile *profile)
{
	struct keyslot_table *table = profile->table;

	if (profile->num_slots > 0) {
		for (unsigned i = 0; i < 1u << table->bucket_bits; i++)
			pthread_mutex_destroy(&table->buckets[i].lock);
		free(table->buckets);
		free(profile->slots);
	}
	pthread_cond_destroy(&table->wait);
	pthread_mutex_destroy(&table->wait_lock);
	pthread_mutex_destroy(&table->driver_lock);
	free(table);
	memset(profile, 0, sizeof(*profile));
}

/* ---- the engine --------------------------------------------------------------------------- */

/* Awake first: to wake it may take the lock. */
int blk_crypto_hw_enter(struct blk_crypto_profile *profile)
{
	int err = blk_pm_get(profile->pm);

	if (!err)
		pthread_mutex_lock(&profile->table->driver_lock);
	return err;
}

void blk_crypto_hw_exit(struct blk_crypto_profile *profile)
{
	pthread_mutex_unlock(&profile->table->driver_lock);
	blk_pm_put(profile->pm);
}

/* ---- get and put -------------------------------------------------------------------------- */

/*
 * Put @key into an idle slot and return it with one reference; or find that somebody else has, or
 * that there is no idle slot (NULL with OK).
 */
static enum blk_status program_idle_slot(struct blk_crypto_profile *profile,
					 const struct blk_crypto_key *key,
					 struct blk_crypto_keyslot **ret_slot)
{
	struct keyslot_table *table = profile->table;
	struct blk_crypto_keyslot *slot;
	enum blk_status status = BLK_STS_OK;
	int err;

	err = blk_crypto_hw_enter(profile);
	if (err)
		return errno_to_blk_status(err);
	slot = find_and_get(table, key);
	if (slot) {
		stat_inc(&profile->stats.hits);
		goto exit;
	}
	/*
	 * The old key leaves the table before the engine is asked: whatever becomes of the
	 * programming, nobody finds the old key in a slot that may have lost it.
	 */
	do {
		slot = oldest_idle(profile);
		if (!slot)
			goto exit;
	} while (!unlink_slot(table, slot, true));

	atomic_fetch_add(&slot->refs, 1);
	stat_inc(&profile->stats.programs);
	err = profile->ll_ops.keyslot_program(profile, key, slot->index);
	if (err) {
		stat_inc(&profile->stats.program_errors);
		status = errno_to_blk_status(err);
		drop_ref(table, slot);
		goto exit;
	}
	link_slot(table, slot, key);

exit:
	blk_crypto_hw_exit(profile);
	if (status == BLK_STS_OK)
		*ret_slot = slot;
	return status;
}

enum blk_status blk_crypto_get_keyslot(struct blk_crypto_profile *profile,
				       const struct blk_crypto_key *key,
				       struct blk_crypto_keyslot **ret_slot)
{
	struct blk_crypto_keyslot *slot;
	enum blk_status status;

	if (profile->num_slots == 0) {
		*ret_slot = NULL;
		return BLK_STS_OK;
	}
	slot = find_and_get(profile->table, key);
	if (likely(slot)) {
		stat_inc(&profile->stats.hits);
		*ret_slot = slot;
		return BLK_STS_OK;
	}
	for (;;) {
		status = program_idle_slot(profile, key, &slot);
		if (status != BLK_STS_OK)
			return status;
		if (slot)
			break;
		wait_for_idle(profile);
	}
	*ret_slot = slot;
	return BLK_STS_OK;
}

unsigned blk_crypto_keyslot_index(const struct blk_crypto_keyslot *slot)
{
	return slot->index;
}

void blk_crypto_put_keyslot(struct blk_crypto_keyslot *slot)
{
	struct keyslot_table *table;

	if (!slot)
		return;
	table = slot->profile->table;
	/* Before the reference goes: afterwards the slot may have another key already. */
	atomic_store_explicit(&slot->stamp,
			      atomic_fetch_add_explicit(&table->clock, 1, memory_order_relaxed) + 1,
			      memory_order_relaxed);
	drop_ref(table, slot);
}

/* ---- evict, reprogram, show --------------------------------------------------------------- */

bool blk_crypto_profile_supports(const struct blk_crypto_profile *profile,
				 const struct blk_crypto_config *cfg)
{
	unsigned sizes, dun_bytes, key_types;

	if (!profile || (unsigned)cfg->crypto_mode >= BLK_ENCRYPTION_MODE_MAX)
		return false;
	/* A table may be reloaded meanwhile: capabilities grow (blk-crypto-caps.h). */
	sizes = __atomic_load_n(&profile->modes_supported[cfg->crypto_mode], __ATOMIC_RELAXED);
	dun_bytes = __atomic_load_n(&profile->max_dun_bytes_supported, __ATOMIC_RELAXED);
	key_types = __atomic_load_n(&profile->key_types_supported, __ATOMIC_RELAXED);
	return (sizes & cfg->data_unit_size) != 0 && dun_bytes >= cfg->dun_bytes &&
	       (key_types & cfg->key_type) != 0;
}

static int evict_passthrough(struct blk_crypto_profile *profile, const struct blk_crypto_key *key)
{
	int err;

	if (!profile->ll_ops.keyslot_evict)
		return 0;
	err = blk_crypto_hw_enter(profile);
	if (err)
		return err;
	stat_inc(&profile->stats.evictions);
	err = profile->ll_ops.keyslot_evict(profile, key, (unsigned)-1);
	blk_crypto_hw_exit(profile);
	return err;
}

int blk_crypto_profile_evict(struct blk_crypto_profile *profile, const struct blk_crypto_key *key)
{
	struct keyslot_table *table = profile->table;
	struct blk_crypto_keyslot *slot;
	int err = 0, pm_err;

	if (profile->num_slots == 0)
		return evict_passthrough(profile, key);
	/* An absent key stays absent, for none of its bios is in flight: this need not wait. */
	if (!find(table, key))
		return 0;

	/* If the engine cannot be woken, the key leaves the table all the same. */
	pm_err = blk_pm_get(profile->pm);
	pthread_mutex_lock(&table->driver_lock);
	slot = find(table, key);
	if (!slot)
		goto exit;
	if (!unlink_slot(table, slot, false)) {
		err = -EBUSY;
		goto exit;
	}
	stat_inc(&profile->stats.evictions);
	err = pm_err ? pm_err : profile->ll_ops.keyslot_evict(profile, key, slot->index);
exit:
	pthread_mutex_unlock(&table->driver_lock);
	if (!pm_err)
		blk_pm_put(profile->pm);
	return err;
}

void blk_crypto_reprogram_all_keys(struct blk_crypto_profile *profile)
{
	struct keyslot_table *table = profile->table;

	pthread_mutex_lock(&table->driver_lock);
	for (unsigned i = 0; i < profile->num_slots; i++) {
		struct blk_crypto_keyslot *slot = &profile->slots[i];
		int err;

		if (!slot->key)
			continue;
		stat_inc(&profile->stats.programs);
		err = profile->ll_ops.keyslot_program(profile, slot->key, i);
		if (err) {
			stat_inc(&profile->stats.program_errors);
			log_warn("keyslot %u lost its key in a reset: error %d", i, -err);
			unlink_slot(table, slot, false);
		}
	}
	pthread_mutex_unlock(&table->driver_lock);
}

void blk_crypto_profile_for_each_slot(struct blk_crypto_profile *profile,
				      void (*fn)(unsigned slot, const struct blk_crypto_key *key,
						 unsigned users, void *arg),
				      void *arg)
{
	pthread_mutex_lock(&profile->table->driver_lock);
	for (unsigned i = 0; i < profile->num_slots; i++)
		fn(i, profile->slots[i].key, atomic_load(&profile->slots[i].refs), arg);
	pthread_mutex_unlock(&profile->table->driver_lock);
}
