/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-blk-units.c - the ciphers of a keyslot: programmed, replaced, shared by threads */
#include "blk-test.h"

#include <pthread.h>

#include "blkcrypto/blk-crypt-engine.h"
#include "util/secret.h"

static void test_b23_slot_cipher(void **state)
{
	struct blk_crypto_key a, b;
	struct blk_slot_cipher *sc, *none;
	uint64_t dun[4] = { UINT64_MAX, 0, 0, 0 };
	uint8_t buf[1024], ca[1024], cb[1024], again[1024], weak[64] = { 1 };

	weak[32] = 1;
	make_key(&a, 1, 512, 0);
	make_key(&b, 2, 512, 0);
	fill_pattern(buf, sizeof(buf), 3);
	assert_int_equal(blk_slot_cipher_create(BLK_ENCRYPTION_MODE_INVALID, &none), -ENOPKG);
	assert_int_equal(blk_slot_cipher_create(BLK_ENCRYPTION_MODE_AES_256_XTS, &sc), 0);
	assert_int_equal(blk_slot_cipher_crypt(sc, true, dun, 512, buf, ca, 1024, false),
			 BLK_STS_AGAIN);
	assert_int_equal(blk_slot_cipher_program(sc, a.bytes, 64), 0);
	assert_int_equal(blk_slot_cipher_crypt(sc, true, dun, 512, buf, ca, 1024, false),
			 BLK_STS_OK);
	assert_int_equal(dun[0], UINT64_MAX);
	assert_int_equal(blk_slot_cipher_program(sc, b.bytes, 64), 0);
	assert_int_equal(blk_slot_cipher_crypt(sc, true, dun, 512, buf, cb, 1024, false),
			 BLK_STS_OK);
	assert_memory_not_equal(ca, cb, 512);
	assert_memory_not_equal(ca + 512, cb + 512, 512);
	assert_int_equal(blk_slot_cipher_program(sc, a.bytes, 64), 0);
	memcpy(again, buf, sizeof(buf)); /* in place, unit by unit, the carry done by hand */
	assert_int_equal(blk_slot_cipher_crypt(sc, true, dun, 512, again, again, 512, false),
			 BLK_STS_OK);
	assert_int_equal(blk_slot_cipher_crypt(sc, true, (uint64_t[4]){ 0, 1 }, 512, again + 512,
					       again + 512, 512, false),
			 BLK_STS_OK);
	assert_memory_equal(again, ca, sizeof(ca));
	assert_int_equal(blk_slot_cipher_crypt(sc, true, dun, 512, buf, cb, 1000, false),
			 BLK_STS_INVAL);
	/* Zeros are only a hole when they come from the store. */
	memset(buf, 0, sizeof(buf));
	assert_int_equal(blk_slot_cipher_crypt(sc, true, dun, 512, buf, cb, 1024, true),
			 BLK_STS_OK);
	assert_memory_not_equal(cb, buf, 512);
	assert_memory_not_equal(cb + 512, buf, 512);
	memset(cb, 0xee, sizeof(cb));
	assert_int_equal(blk_slot_cipher_crypt(sc, false, dun, 512, buf, cb, 1024, true),
			 BLK_STS_OK);
	assert_memory_equal(cb, buf, 1024);
	/* A refused key leaves none, above all not the old one. */
	assert_int_equal(blk_slot_cipher_program(sc, weak, 64), -EINVAL);
	assert_int_equal(blk_slot_cipher_crypt(sc, true, dun, 512, buf, cb, 1024, false),
			 BLK_STS_AGAIN);
	assert_int_equal(blk_slot_cipher_program(sc, a.bytes, 64), 0);
	assert_int_equal(blk_slot_cipher_program(sc, a.bytes, 32), -EINVAL);
	assert_int_equal(blk_slot_cipher_crypt(sc, true, dun, 512, buf, cb, 1024, false),
			 BLK_STS_AGAIN);
	blk_slot_cipher_destroy(sc);
	blk_slot_cipher_destroy(NULL);
}

/* All lanes of a slot, each with the old key, get the new one: threads find no other. */
struct lane_user {
	pthread_t thread;
	struct blk_slot_cipher *sc;
	pthread_barrier_t *barrier;
	uint8_t out[2][512];
};

static void *use_lane(void *arg)
{
	struct lane_user *user = arg;
	static const uint64_t dun[4];
	static const uint8_t zero[512];

	for (unsigned round = 0; round < 2; round++) {
		pthread_barrier_wait(user->barrier);
		for (unsigned i = 0; i < 200; i++)
			if (blk_slot_cipher_crypt(user->sc, true, dun, 512, zero, user->out[round],
						  512, false) != BLK_STS_OK)
				abort();
		pthread_barrier_wait(user->barrier);
	}
	return NULL;
}

static void test_b23_slot_cipher_lanes(void **state)
{
	struct lane_user users[8];
	uint8_t zero[512] = { 0 }, want[2][512];
	struct blk_crypto_key keys[2];
	struct blk_slot_cipher *sc;
	pthread_barrier_t barrier;

	assert_int_equal(blk_slot_cipher_create(BLK_ENCRYPTION_MODE_AES_256_XTS, &sc), 0);
	pthread_barrier_init(&barrier, NULL, ARRAY_SIZE(users) + 1);
	for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
		users[i].sc = sc;
		users[i].barrier = &barrier;
		assert_int_equal(pthread_create(&users[i].thread, NULL, use_lane, &users[i]), 0);
	}
	for (unsigned round = 0; round < 2; round++) {
		make_key(&keys[round], round, 512, 0);
		reference_encrypt(&keys[round], 0, zero, want[round], 512);
		assert_int_equal(blk_slot_cipher_program(sc, keys[round].bytes, 64), 0);
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
	}
	for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
		pthread_join(users[i].thread, NULL);
		assert_memory_equal(users[i].out, want, sizeof(want));
	}
	pthread_barrier_destroy(&barrier);
	blk_slot_cipher_destroy(sc);
}

/* The slot's own object, after eviction: it has a key, but not the one that was there. */
static void test_b24_evict_replaces_key(void **state)
{
	struct blk_crypt_engine engine;
	struct blk_crypto_keyslot *keyslot;
	struct blk_slot_cipher *sc;
	struct blk_crypto_key key;
	uint64_t dun[4] = { 0 };
	uint8_t buf[4096], before[4096], after[4096];

	make_key(&key, 1, 4096, 0);
	fill_pattern(buf, sizeof(buf), 2);
	assert_int_equal(blk_crypt_engine_init(&engine, 0, 1), -EINVAL);
	assert_int_equal(blk_crypt_engine_init(&engine, 1, 0), -EINVAL);
	assert_int_equal(blk_crypt_engine_init(&engine, 1, 1), 0);
	assert_int_equal(blk_crypt_engine_add_mode(&engine, BLK_ENCRYPTION_MODE_AES_256_XTS), 0);
	assert_int_equal(blk_crypto_get_keyslot(&engine.profile, &key, &keyslot), BLK_STS_OK);
	sc = engine.slots[0].ciphers[BLK_ENCRYPTION_MODE_AES_256_XTS];
	assert_int_equal(blk_slot_cipher_crypt(sc, true, dun, 4096, buf, before, 4096, false),
			 BLK_STS_OK);
	blk_crypto_put_keyslot(keyslot);
	assert_int_equal(blk_crypto_profile_evict(&engine.profile, &key), 0);
	assert_int_equal(blk_slot_cipher_crypt(sc, true, dun, 4096, buf, after, 4096, false),
			 BLK_STS_OK);
	assert_memory_not_equal(before, after, 4096);
	blk_crypt_engine_destroy(&engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_b23_slot_cipher),
		cmocka_unit_test(test_b23_slot_cipher_lanes),
		cmocka_unit_test(test_b24_evict_replaces_key),
	};

	if (secret_init() != 0)
		return 99;
	return cmocka_run_group_tests_name("blk-units", tests, NULL, NULL);
}
