/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-blk-profile.c - keyslots, seen through a driver that writes down what it is told */
#include "blk-test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "blkcrypto/blk-crypto-profile.h"
#include "util/secret.h"

#define MAX_KEYS   40
#define MAX_SLOTS  8
#define MAX_EVENTS 256

struct event {
	char op; /* 'p'rogram, 'e'vict */
	unsigned key, slot;
};

/* One a test. Keys are known by their index in keys[]. */
static struct driver {
	struct blk_crypto_profile profile;
	struct blk_crypto_key keys[MAX_KEYS];
	struct event events[MAX_EVENTS];
	unsigned num_events;
	int program_err, evict_err;
	atomic_int inside; /* calls at this moment */
	atomic_uint overlaps;
	_Atomic(const struct blk_crypto_key *) holds[MAX_SLOTS];
} drv;

static void record(char op, const struct blk_crypto_key *key, unsigned slot)
{
	if (drv.num_events < MAX_EVENTS)
		drv.events[drv.num_events++] =
			(struct event){ op, (unsigned)(key - drv.keys), slot };
}

static int drv_program(struct blk_crypto_profile *profile, const struct blk_crypto_key *key,
		       unsigned slot)
{
	int err = drv.program_err;

	if (atomic_fetch_add(&drv.inside, 1) != 0)
		atomic_fetch_add(&drv.overlaps, 1);
	record('p', key, slot);
	atomic_store(&drv.holds[slot], err ? NULL : key);
	atomic_fetch_sub(&drv.inside, 1);
	return err;
}

static int drv_evict(struct blk_crypto_profile *profile, const struct blk_crypto_key *key,
		     unsigned slot)
{
	if (atomic_fetch_add(&drv.inside, 1) != 0)
		atomic_fetch_add(&drv.overlaps, 1);
	record('e', key, slot);
	if (slot < MAX_SLOTS)
		atomic_store(&drv.holds[slot], NULL);
	atomic_fetch_sub(&drv.inside, 1);
	return drv.evict_err;
}

static void start(unsigned num_slots)
{
	memset(&drv, 0, sizeof(drv));
	assert_int_equal(blk_crypto_profile_init(&drv.profile, num_slots), 0);
	drv.profile.ll_ops.keyslot_program = drv_program;
	drv.profile.ll_ops.keyslot_evict = drv_evict;
	for (unsigned i = 0; i < MAX_KEYS; i++)
		make_key(&drv.keys[i], i, 4096, 0);
}

static void finish(void)
{
	assert_int_equal(atomic_load(&drv.overlaps), 0);
	blk_crypto_profile_destroy(&drv.profile);
}

static struct blk_crypto_keyslot *get(unsigned key)
{
	struct blk_crypto_keyslot *slot = NULL;

	assert_int_equal(blk_crypto_get_keyslot(&drv.profile, &drv.keys[key], &slot), BLK_STS_OK);
	if (slot)
		assert_ptr_equal(atomic_load(&drv.holds[blk_crypto_keyslot_index(slot)]),
				 &drv.keys[key]);
	return slot;
}

static unsigned use(unsigned key)
{
	struct blk_crypto_keyslot *slot = get(key);
	unsigned index = blk_crypto_keyslot_index(slot);

	blk_crypto_put_keyslot(slot);
	return index;
}

static void expect_events(const struct event *events, unsigned count)
{
	assert_int_equal(drv.num_events, count);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(drv.events[i].op, events[i].op);
		assert_int_equal(drv.events[i].key, events[i].key);
		assert_int_equal(drv.events[i].slot, events[i].slot);
	}
	drv.num_events = 0;
}

struct slot_view {
	unsigned slots, keys, users;
	const struct blk_crypto_key *key[MAX_SLOTS];
};

static void look_at(unsigned slot, const struct blk_crypto_key *key, unsigned users, void *arg)
{
	struct slot_view *view = arg;

	for (unsigned i = 0; key && i < slot; i++)
		assert_ptr_not_equal(view->key[i], key); /* a key is in one slot at most */
	view->slots++;
	view->keys += key != NULL;
	view->users += users;
	view->key[slot] = key;
}

static struct slot_view look(void)
{
	struct slot_view view = { 0 };

	blk_crypto_profile_for_each_slot(&drv.profile, look_at, &view);
	assert_int_equal(view.slots, drv.profile.num_slots);
	return view;
}

static void test_b5_more_keys_than_slots(void **state)
{
	static const unsigned counts[] = { 1, 2, 3, 8 };

	for (size_t c = 0; c < ARRAY_SIZE(counts); c++) {
		unsigned n = counts[c];

		start(n);
		for (unsigned i = 0; i < MAX_KEYS; i++) {
			assert_int_equal(use(i), i % n);
			assert_int_equal(use(i), i % n); /* a hit: no second programming */
			look();
		}
		assert_int_equal(drv.num_events, MAX_KEYS);
		assert_int_equal(stat_read(&drv.profile.stats.programs), MAX_KEYS);
		assert_int_equal(stat_read(&drv.profile.stats.hits), MAX_KEYS);
		assert_int_equal(stat_read(&drv.profile.stats.waits), 0);
		assert_int_equal(look().keys, n);
		assert_int_equal(look().users, 0);
		finish();
	}
}

static void test_b6_lru_order(void **state)
{
	static const struct event first[] = { { 'p', 0, 0 }, { 'p', 1, 1 }, { 'p', 2, 2 } };
	static const struct event then[] = {
		{ 'p', 3, 1 }, { 'p', 4, 2 }, { 'p', 1, 0 }, { 'p', 2, 1 }
	};
	struct blk_crypto_keyslot *a, *b;

	start(3);
	use(0);
	use(1);
	use(2);
	expect_events(first, 3);
	use(0); /* oldest is now key 1 */
	use(3); /* over 1; oldest is 2 */
	use(4); /* over 2; oldest is 0 */
	/* In use from before but put last: the time of the put counts. */
	a = get(3);
	use(4);
	use(1); /* over 0 */
	blk_crypto_put_keyslot(a);
	/* In use: not a candidate, though oldest. Now 4 < 1 < 3. */
	a = get(4);
	b = get(1);
	use(2); /* over 3, the only one */
	expect_events(then, 4);
	blk_crypto_put_keyslot(b);
	blk_crypto_put_keyslot(a);
	finish();
}

static void test_b9_identity_is_address(void **state)
{
	start(2);
	drv.keys[1] = drv.keys[0];
	assert_int_not_equal(use(0), use(1));
	finish();
}

struct waiter {
	pthread_t thread;
	unsigned key;
	enum blk_status status;
	unsigned slot;
	atomic_bool done;
};

static void *wait_for_slot(void *arg)
{
	struct waiter *w = arg;
	struct blk_crypto_keyslot *slot;

	w->status = blk_crypto_get_keyslot(&drv.profile, &drv.keys[w->key], &slot);
	if (w->status == BLK_STS_OK) {
		w->slot = blk_crypto_keyslot_index(slot);
		blk_crypto_put_keyslot(slot);
	}
	atomic_store(&w->done, true);
	return NULL;
}

static void test_b7_waits_while_all_in_use(void **state)
{
	struct blk_crypto_keyslot *a, *a2, *b;
	struct waiter w[3] = { { .key = 2 }, { .key = 3 }, { .key = 4 } };

	start(2);
	a = get(0);
	a2 = get(0);
	b = get(1);
	assert_ptr_equal(a, a2);
	assert_int_equal(look().users, 3);
	for (unsigned i = 0; i < ARRAY_SIZE(w); i++)
		assert_int_equal(pthread_create(&w[i].thread, NULL, wait_for_slot, &w[i]), 0);
	while (stat_read(&drv.profile.stats.waits) < ARRAY_SIZE(w))
		usleep(1000);
	/* One user less is not idle. */
	blk_crypto_put_keyslot(a2);
	usleep(20000);
	for (unsigned i = 0; i < ARRAY_SIZE(w); i++)
		assert_false(atomic_load(&w[i].done));
	assert_int_equal(drv.num_events, 2);
	/* A hit does not wait, whoever else does. */
	blk_crypto_put_keyslot(get(1));

	blk_crypto_put_keyslot(a);
	for (unsigned i = 0; i < ARRAY_SIZE(w); i++) {
		pthread_join(w[i].thread, NULL);
		assert_int_equal(w[i].status, BLK_STS_OK);
		assert_int_equal(w[i].slot, 0); /* b still holds 1 */
	}
	assert_int_equal(drv.num_events, 5);
	blk_crypto_put_keyslot(b);
	finish();
}

static void test_b12_program_failure(void **state)
{
	struct blk_crypto_keyslot *slot = (void *)1;

	start(1);
	use(0);
	drv.program_err = -ENOMEM;
	assert_int_equal(blk_crypto_get_keyslot(&drv.profile, &drv.keys[1], &slot),
			 BLK_STS_RESOURCE);
	assert_ptr_equal(slot, (void *)1); /* written only on success */
	/* Neither key is in the table: the engine may have dropped the old one. */
	assert_int_equal(look().keys, 0);
	assert_int_equal(look().users, 0);
	drv.program_err = -EIO;
	assert_int_equal(blk_crypto_get_keyslot(&drv.profile, &drv.keys[0], &slot), BLK_STS_IOERR);
	drv.program_err = 0;
	drv.num_events = 0;
	use(0);
	expect_events((struct event[]){ { 'p', 0, 0 } }, 1);
	assert_int_equal(stat_read(&drv.profile.stats.program_errors), 2);
	assert_int_equal(stat_read(&drv.profile.stats.programs), 4);
	finish();
}

static void test_b10_evict(void **state)
{
	struct blk_crypto_keyslot *slot;

	start(2);
	/* absent */
	assert_int_equal(blk_crypto_profile_evict(&drv.profile, &drv.keys[0]), 0);
	assert_int_equal(drv.num_events, 0);
	/* idle; the empty slot is then taken before a warm one */
	use(0);
	use(1);
	use(0);
	drv.num_events = 0;
	assert_int_equal(blk_crypto_profile_evict(&drv.profile, &drv.keys[0]), 0);
	assert_int_equal(look().keys, 1);
	use(2);
	use(1);
	expect_events((struct event[]){ { 'e', 0, 0 }, { 'p', 2, 0 } }, 2);
	/* the driver fails: unlinked all the same */
	drv.evict_err = -EIO;
	assert_int_equal(blk_crypto_profile_evict(&drv.profile, &drv.keys[1]), -EIO);
	assert_int_equal(look().keys, 1);
	assert_int_equal(blk_crypto_profile_evict(&drv.profile, &drv.keys[1]), 0);
	drv.evict_err = 0;
	expect_events((struct event[]){ { 'e', 1, 1 } }, 1);
	/* in use: a bug of the caller, but the key is gone from the table */
	slot = get(2);
	assert_int_equal(blk_crypto_profile_evict(&drv.profile, &drv.keys[2]), -EBUSY);
	assert_int_equal(look().keys, 0);
	assert_int_equal(look().users, 1);
	assert_int_equal(drv.num_events, 0);
	assert_int_equal(use(3), 1); /* not the one in use */
	assert_int_equal(use(4), 1);
	blk_crypto_put_keyslot(slot);
	slot = get(4);
	assert_int_equal(use(5), 0); /* the one that was in use is free again */
	blk_crypto_put_keyslot(slot);
	assert_int_equal(stat_read(&drv.profile.stats.evictions), 2);
	finish();
}

static void test_b13_reprogram_all(void **state)
{
	struct blk_crypto_keyslot *busy;

	start(4);
	use(0);
	busy = get(1);
	use(2);
	drv.num_events = 0;
	blk_crypto_reprogram_all_keys(&drv.profile);
	expect_events((struct event[]){ { 'p', 0, 0 }, { 'p', 1, 1 }, { 'p', 2, 2 } }, 3);
	use(0);
	assert_int_equal(drv.num_events, 0);

	/* What cannot be put back is not believed to be there. */
	drv.program_err = -EIO;
	blk_crypto_reprogram_all_keys(&drv.profile);
	assert_int_equal(look().keys, 0);
	assert_int_equal(look().users, 1);
	drv.program_err = 0;
	blk_crypto_put_keyslot(busy);
	drv.num_events = 0;
	use(1);
	assert_int_equal(drv.num_events, 1);
	finish();

	start(0);
	blk_crypto_reprogram_all_keys(&drv.profile);
	assert_int_equal(drv.num_events, 0);
	finish();
}

static void test_b15_passthrough(void **state)
{
	struct blk_crypto_keyslot *slot = (void *)1;

	start(0);
	assert_int_equal(blk_crypto_get_keyslot(&drv.profile, &drv.keys[0], &slot), BLK_STS_OK);
	assert_null(slot);
	blk_crypto_put_keyslot(slot);
	assert_int_equal(drv.num_events, 0);
	assert_int_equal(blk_crypto_profile_evict(&drv.profile, &drv.keys[0]), 0);
	expect_events((struct event[]){ { 'e', 0, (unsigned)-1 } }, 1);
	drv.evict_err = -EIO;
	assert_int_equal(blk_crypto_profile_evict(&drv.profile, &drv.keys[0]), -EIO);
	drv.profile.ll_ops.keyslot_evict = NULL;
	assert_int_equal(blk_crypto_profile_evict(&drv.profile, &drv.keys[0]), 0);
	look();
	finish();
}

static void test_b3_supports(void **state)
{
	static const unsigned sizes[] = { 512, 1024, 2048, 4096, 8192 };
	struct blk_crypto_profile *p = &drv.profile;

	start(1);
	p->max_dun_bytes_supported = 8;
	p->key_types_supported = BLK_CRYPTO_KEY_TYPE_RAW;
	p->modes_supported[BLK_ENCRYPTION_MODE_AES_256_XTS] = 512 | 4096;
	p->modes_supported[BLK_ENCRYPTION_MODE_ADIANTUM] = 2048;
	for (unsigned mode = 0; mode <= BLK_ENCRYPTION_MODE_MAX; mode++)
		for (size_t s = 0; s < ARRAY_SIZE(sizes); s++)
			for (unsigned dun = 7; dun <= 9; dun++)
				for (unsigned type = 1; type <= 2; type++) {
					struct blk_crypto_config cfg = {
						.crypto_mode = (enum blk_crypto_mode_num)mode,
						.data_unit_size = sizes[s],
						.dun_bytes = dun,
						.key_type = type,
					};
					bool unit = (mode == 1 &&
						     (sizes[s] == 512 || sizes[s] == 4096)) ||
						    (mode == 3 && sizes[s] == 2048);

					assert_int_equal(blk_crypto_profile_supports(p, &cfg),
							 unit && dun <= 8 && type == 1);
				}
	assert_false(blk_crypto_profile_supports(NULL, &drv.keys[0].crypto_cfg));
	finish();
}

/* ---- many threads ------------------------------------------------------------------------- */

#define THREADS	    6
#define ROUNDS	    4000
#define SHARED_KEYS 7

static atomic_uint stress_errors;

static void *stress(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg;
	unsigned x = me * 2654435761u + 1;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct blk_crypto_keyslot *slot;
		unsigned key;

		x = x * 1664525u + 1013904223u;
		/* Of its own key, a thread knows that nobody uses it, and may evict it. */
		key = (x >> 24) % 4 == 0 ? SHARED_KEYS + me : (x >> 16) % SHARED_KEYS;
		if (blk_crypto_get_keyslot(&drv.profile, &drv.keys[key], &slot) != BLK_STS_OK) {
			atomic_fetch_add(&stress_errors, 1);
			continue;
		}
		for (unsigned j = 0; j < 4; j++)
			if (atomic_load(&drv.holds[blk_crypto_keyslot_index(slot)]) !=
			    &drv.keys[key])
				atomic_fetch_add(&stress_errors, 1);
		if (i % 64 == 0)
			usleep(10);
		blk_crypto_put_keyslot(slot);
		if (key >= SHARED_KEYS && i % 2 &&
		    blk_crypto_profile_evict(&drv.profile, &drv.keys[key]) != 0)
			atomic_fetch_add(&stress_errors, 1);
	}
	return NULL;
}

static void test_b8_b11_stress(void **state)
{
	static const unsigned counts[] = { 1, 3, 8 };
	pthread_t threads[THREADS];

	for (size_t c = 0; c < ARRAY_SIZE(counts); c++) {
		start(counts[c]);
		atomic_store(&stress_errors, 0);
		for (unsigned i = 0; i < THREADS; i++)
			assert_int_equal(
				pthread_create(&threads[i], NULL, stress, (void *)(uintptr_t)i), 0);
		for (unsigned i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		assert_int_equal(atomic_load(&stress_errors), 0);
		assert_int_equal(look().users, 0);
		assert_int_equal(stat_read(&drv.profile.stats.programs) +
					 stat_read(&drv.profile.stats.hits),
				 THREADS * ROUNDS);
		finish();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_b5_more_keys_than_slots),
		cmocka_unit_test(test_b6_lru_order),
		cmocka_unit_test(test_b9_identity_is_address),
		cmocka_unit_test(test_b7_waits_while_all_in_use),
		cmocka_unit_test(test_b12_program_failure),
		cmocka_unit_test(test_b10_evict),
		cmocka_unit_test(test_b13_reprogram_all),
		cmocka_unit_test(test_b15_passthrough),
		cmocka_unit_test(test_b3_supports),
		cmocka_unit_test(test_b8_b11_stress),
	};

	if (secret_init() != 0)
		return 99;
	return cmocka_run_group_tests_name("blk-profile", tests, NULL, NULL);
}
