/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-blk-threads.c - many threads on few slots and little memory, and late completions */
#include "blk-test.h"

#include <pthread.h>

#include "blk-canary.h"
#include "blkcrypto/blk-crypto-profile.h"
#include "util/secret.h"

#define HW BLK_CRYPTO_CFG_ALLOW_HW

#define THREADS	     6
#define ROUNDS	     60
#define STRESS_BYTES (40 * 1024)

struct user {
	pthread_t thread;
	struct blk_device *dev;
	const struct blk_crypto_key *shared;
	unsigned index;
	unsigned flags;
	bool reserve;
	unsigned errors;
};

static void *user_thread(void *arg)
{
	struct user *user = arg;
	static const size_t segs[] = { 512, 4096, 8192, 0 };
	uint8_t *buf = malloc(3 * STRESS_BYTES);
	uint8_t *copy = buf + STRESS_BYTES, *in = copy + STRESS_BYTES;
	struct blk_crypto_key own;
	struct blk_bounce held;

	if (!buf)
		abort();
	make_key(&own, 100 + user->index, 512, user->flags);
	if (blk_crypto_start_using_key(user->dev, &own) != 0)
		abort();
	if (user->reserve)
		hold_thread_buffer(&held);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct io io = {
			.dev = user->dev,
			.key = i % 2 ? user->shared : &own,
			.sector = user->index * (STRESS_BYTES / 512),
			.dun = i * 1000,
			.seg = segs[i % ARRAY_SIZE(segs)],
		};

		fill_pattern(buf, STRESS_BYTES, i + 1);
		memcpy(copy, buf, STRESS_BYTES);
		if (do_io(&io, REQ_OP_WRITE, buf, STRESS_BYTES) != 0 ||
		    memcmp(buf, copy, STRESS_BYTES) != 0 ||
		    do_io(&io, REQ_OP_READ, in, STRESS_BYTES) != 0 ||
		    memcmp(in, copy, STRESS_BYTES) != 0)
			user->errors++;
		if (i % 5 == 0) {
			blk_crypto_evict_key(user->dev, &own);
			if (blk_crypto_start_using_key(user->dev, &own) != 0)
				abort();
		}
	}
	if (user->reserve)
		blk_bounce_put(&held);
	blk_crypto_evict_key(user->dev, &own);
	free(buf);
	return NULL;
}

static void run_users(struct blk_device *dev, unsigned flags, bool reserve,
		      struct blk_crypto_profile *reset)
{
	struct user users[THREADS] = { 0 };
	struct blk_crypto_key shared;

	make_key(&shared, 99, 512, flags);
	assert_int_equal(blk_crypto_start_using_key(dev, &shared), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		users[i] = (struct user){ .dev = dev,
					  .shared = &shared,
					  .index = i,
					  .flags = flags,
					  .reserve = reserve };
		assert_int_equal(pthread_create(&users[i].thread, NULL, user_thread, &users[i]), 0);
	}
	for (unsigned i = 0; reset && i < 50; i++) {
		blk_crypto_reprogram_all_keys(reset);
		usleep(500);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(users[i].thread, NULL);
		assert_int_equal(users[i].errors, 0);
	}
	blk_crypto_evict_key(dev, &shared);
}

static void test_b7_b25_threads_fallback(void **state)
{
	struct blk_device *dev = open_device("mem", false);

	configure(2, 1);
	run_users(dev, 0, false, NULL);
	run_users(dev, 0, true, NULL); /* one page for all of them */
	blk_crypto_profile_for_each_slot(blk_crypto_fallback_profile(), no_key, NULL);
	blk_device_close(dev);
}

static void test_b13_threads_engines(void **state)
{
	static const char *const specs[] = { "sim(slots=1;mem)", "sim(slots=4;mem)",
					     "sim(slots=0;mem)" };

	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct blk_device *dev = open_device(specs[i], true);

		run_users(dev, HW, false, NULL);
		/* With resets of the engine under it, slots in use and all. */
		run_users(dev, HW, false, dev->crypto_profile);
		blk_crypto_profile_for_each_slot(dev->crypto_profile, no_key, NULL);
		blk_device_close(dev);
	}
}

/* Completions come from other threads, which decrypt and wait for slots there. */
static void test_b22_threads_async(void **state)
{
	canary_open(false, 3);
	configure(1, 1);
	run_users(&canary.dev, 0, false, NULL);
	run_users(&canary.dev, 0, true, NULL);
	canary_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_b7_b25_threads_fallback, stop_fallback),
		cmocka_unit_test_teardown(test_b13_threads_engines, stop_fallback),
		cmocka_unit_test_teardown(test_b22_threads_async, stop_fallback),
	};

	if (secret_init() != 0)
		return 99;
	return cmocka_run_group_tests_name("blk-threads", tests, NULL, NULL);
}
