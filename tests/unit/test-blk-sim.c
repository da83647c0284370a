/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-blk-sim.c - the simulated engine when it is slow, fails, loses its keys or sleeps */
#include "blk-test.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "blkcrypto/blk-crypto-profile.h"
#include "blkcrypto/blk-request.h"
#include "blkcrypto/devices/sim.h"
#include "util/secret.h"

#define HW BLK_CRYPTO_CFG_ALLOW_HW

static uint64_t programs(const struct blk_device *dev)
{
	const struct sim *sim = dev->private;

	return stat_read((stat_counter *)&sim->engine.profile.stats.programs);
}

static struct blk_device *open_with_key(const char *spec, struct blk_crypto_key *key)
{
	struct blk_device *dev = open_device(spec, true);

	make_key(key, 1, 4096, HW);
	assert_int_equal(blk_crypto_start_using_key(dev, key), 0);
	return dev;
}

static void close_with_key(struct blk_device *dev, struct blk_crypto_key *key)
{
	blk_crypto_evict_key(dev, key);
	blk_device_close(dev);
}

static void test_b40_programming_takes_time(void **state)
{
	struct blk_crypto_key key;
	struct blk_device *dev = open_with_key("sim(program=30ms;mem)", &key);
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	round_trip(dev, &key, 4096, 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_true((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 >= 29);
	close_with_key(dev, &key);
}

static void test_b12_failed_programmings(void **state)
{
	static const char *const specs[] = { "sim(slots=1,fail-program=1000;mem)",
					     "sim(slots=0,fail-program=1000;mem)" };
	uint8_t buf[4096] = { 0 };
	size_t size;

	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct blk_crypto_key key;
		struct blk_device *dev = open_with_key(specs[i], &key);
		struct io io = { .dev = dev, .key = &key };

		assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), -EIO);
		assert_int_equal(do_io(&io, REQ_OP_READ, buf, sizeof(buf)), -EIO);
		stored(dev, &size);
		assert_int_equal(size, 0);
		assert_int_equal(blk_device_control(dev, BLK_CONTROL_FAIL_PROGRAM, 0), 0);
		round_trip(dev, &key, 8192, 0);
		/* What is in a slot needs no programming. */
		assert_int_equal(blk_device_control(dev, BLK_CONTROL_FAIL_PROGRAM, 1000), 0);
		round_trip(dev, &key, 8192, 0);
		/* Over an occupied slot: the old key is not believed to be there afterwards. */
		if (i == 0) {
			struct blk_crypto_key other;

			make_key(&other, 2, 4096, HW);
			assert_int_equal(blk_crypto_start_using_key(dev, &other), 0);
			io.key = &other;
			assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), -EIO);
			blk_crypto_profile_for_each_slot(dev->crypto_profile, no_key, NULL);
			blk_device_control(dev, BLK_CONTROL_FAIL_PROGRAM, 0);
			round_trip(dev, &key, 8192, 0);
			blk_crypto_evict_key(dev, &other);
		}
		close_with_key(dev, &key);
	}
}

/* A share of 1000, the same in each run. */
static void test_b12_some_programmings_fail(void **state)
{
	struct blk_device *dev = open_device("sim(slots=1,fail-program=250;mem)", true);
	static struct blk_crypto_key keys[2];
	uint8_t buf[4096] = { 0 };
	unsigned failed = 0;

	for (unsigned i = 0; i < 2; i++) {
		make_key(&keys[i], i, 4096, HW);
		assert_int_equal(blk_crypto_start_using_key(dev, &keys[i]), 0);
	}
	for (unsigned i = 0; i < 1000; i++) {
		struct io io = { .dev = dev, .key = &keys[i % 2] };
		int err = do_io(&io, REQ_OP_READ, buf, sizeof(buf));

		assert_true(err == 0 || err == -EIO);
		failed += err != 0;
	}
	assert_int_equal(failed, 250);
	for (unsigned i = 0; i < 2; i++)
		blk_crypto_evict_key(dev, &keys[i]);
	blk_device_close(dev);
}

static void test_b13_reset(void **state)
{
	static const char *const specs[] = { "sim(slots=2;mem)", "sim(slots=0;mem)" };

	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct blk_crypto_key key;
		struct blk_device *dev = open_with_key(specs[i], &key);
		struct sim *sim = dev->private;

		assert_int_equal(blk_device_control(dev, BLK_CONTROL_RESET, 0), 0);
		assert_int_equal(programs(dev), 0); /* empty slots are left */
		round_trip(dev, &key, 8192, 0);
		assert_int_equal(programs(dev), 1);
		assert_int_equal(blk_device_control(dev, BLK_CONTROL_RESET, 0), 0);
		assert_int_equal(programs(dev), 2);
		round_trip(dev, &key, 8192, 0);
		assert_int_equal(programs(dev), 2);
		/* A key that cannot be put back is programmed for the next bio, or that fails. */
		blk_device_control(dev, BLK_CONTROL_FAIL_PROGRAM, 1000);
		assert_int_equal(blk_device_control(dev, BLK_CONTROL_RESET, 0), 0);
		blk_crypto_profile_for_each_slot(&sim->engine.profile, no_key, NULL);
		blk_device_control(dev, BLK_CONTROL_FAIL_PROGRAM, 0);
		round_trip(dev, &key, 8192, 0);
		close_with_key(dev, &key);
	}
}

/* A slot in use whose key is gone for good: the request fails, whoever has it. */
static void test_b13_reset_in_use(void **state)
{
	struct blk_crypto_key key;
	struct blk_device *dev = open_with_key("sim(slots=1;mem)", &key);
	struct sim *sim = dev->private;
	struct blk_crypto_keyslot *slot;
	uint64_t dun[BLK_CRYPTO_DUN_ARRAY_SIZE] = { 0 };
	uint8_t in[4096] = { 1 }, out[4096], again[4096];

	assert_int_equal(blk_crypto_get_keyslot(dev->crypto_profile, &key, &slot), BLK_STS_OK);
	assert_int_equal(
		blk_crypt_engine_crypt(&sim->engine, 0, &key, true, dun, in, out, 4096, false),
		BLK_STS_OK);
	assert_int_equal(dun[0], 1);
	/* Put back under the hands of its user. */
	assert_int_equal(blk_device_control(dev, BLK_CONTROL_RESET, 0), 0);
	dun[0] = 0;
	assert_int_equal(
		blk_crypt_engine_crypt(&sim->engine, 0, &key, true, dun, in, again, 4096, false),
		BLK_STS_OK);
	assert_memory_equal(out, again, sizeof(out));
	/* And not put back. */
	blk_device_control(dev, BLK_CONTROL_FAIL_PROGRAM, 1000);
	assert_int_equal(blk_device_control(dev, BLK_CONTROL_RESET, 0), 0);
	memset(again, 7, sizeof(again));
	assert_int_equal(
		blk_crypt_engine_crypt(&sim->engine, 0, &key, true, dun, in, again, 4096, false),
		BLK_STS_AGAIN);
	assert_int_equal(again[0], 7);
	blk_device_control(dev, BLK_CONTROL_FAIL_PROGRAM, 0);
	blk_crypto_put_keyslot(slot);
	round_trip(dev, &key, 8192, 0);
	close_with_key(dev, &key);
}

static void test_b13_resets_while_it_works(void **state)
{
	struct blk_crypto_key key;
	struct blk_device *dev = open_with_key("sim(slots=2,reset=2;mem)", &key);

	for (unsigned i = 0; i < 20; i++)
		round_trip(dev, &key, 8192, 4096);
	assert_true(programs(dev) >= 20);
	close_with_key(dev, &key);
}

static void test_b14_sleep(void **state)
{
	static const char *const specs[] = { "sim(slots=2;mem)", "sim(slots=0;mem)" };

	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct blk_crypto_key key;
		struct blk_device *dev = open_with_key(specs[i], &key);
		struct sim *sim = dev->private;

		round_trip(dev, &key, 8192, 0);
		assert_int_equal(blk_device_control(dev, BLK_CONTROL_SUSPEND, 0), 0);
		assert_false(blk_pm_awake(&sim->pm));
		/* The next request wakes it, once, and finds its key where it was. */
		round_trip(dev, &key, 8192, 0);
		assert_int_equal(stat_read(&sim->pm.resumes), 1);
		assert_int_equal(programs(dev), 2);
		/* Plain requests and evictions wake it too. */
		assert_int_equal(blk_device_control(dev, BLK_CONTROL_SUSPEND, 0), 0);
		blk_crypto_evict_key(dev, &key);
		assert_int_equal(stat_read(&sim->pm.resumes), 2);
		assert_int_equal(blk_device_control(dev, BLK_CONTROL_SUSPEND, 0), 0);
		assert_int_equal(do_io(&(struct io){ .dev = dev }, REQ_OP_FLUSH, NULL, 0), 0);
		assert_int_equal(stat_read(&sim->pm.resumes), 3);
		/* So does a reset, which puts nothing back that is not there. */
		assert_int_equal(blk_device_control(dev, BLK_CONTROL_SUSPEND, 0), 0);
		assert_int_equal(blk_device_control(dev, BLK_CONTROL_RESET, 0), 0);
		assert_int_equal(stat_read(&sim->pm.resumes), 4);
		assert_int_equal(blk_device_control(dev, BLK_CONTROL_FAIL_IO, 0), -EOPNOTSUPP);
		blk_device_close(dev);
	}
}

static void test_b14_sleeps_between_requests(void **state)
{
	struct blk_crypto_key key;
	struct blk_device *dev = open_with_key("sim(slots=2,suspend=1ms;mem)", &key);
	struct sim *sim = dev->private;

	for (unsigned i = 0; i < 5; i++) {
		round_trip(dev, &key, 8192, 0);
		usleep(3000);
	}
	assert_true(stat_read(&sim->pm.suspends) >= 4);
	close_with_key(dev, &key);
}

/* ---- all of it at once -------------------------------------------------------------------- */

#define THREADS 4
#define KEYS	6
#define ROUNDS	150

static struct {
	struct blk_device *dev;
	struct blk_crypto_key keys[KEYS];
	atomic_uint mismatches, errors;
	atomic_bool stop;
} st;

static void *stress(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg;
	static const size_t len = 12288;
	uint8_t *out = malloc(2 * len), *in = out + len;

	if (!out)
		abort();
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct io io = { .dev = st.dev,
				 .key = &st.keys[(i * 7 + me) % KEYS],
				 .dun = i,
				 .sector = me * 24,
				 .seg = i % 2 ? 4096 : 0 };

		fill_pattern(out, len, i * THREADS + me);
		if (do_io(&io, REQ_OP_WRITE, out, len) != 0 ||
		    do_io(&io, REQ_OP_READ, in, len) != 0)
			atomic_fetch_add(&st.errors, 1);
		else if (memcmp(in, out, len) != 0)
			atomic_fetch_add(&st.mismatches, 1);
	}
	free(out);
	return NULL;
}

static void *trouble(void *arg)
{
	for (unsigned i = 0; !atomic_load(&st.stop); i++) {
		blk_device_control(st.dev, BLK_CONTROL_RESET, 0);
		blk_device_control(st.dev, BLK_CONTROL_FAIL_PROGRAM, i % 2 ? 100 : 0);
		blk_device_control(st.dev, BLK_CONTROL_SUSPEND, 0);
		usleep(200);
	}
	return NULL;
}

/* Requests may fail; what does not is right. */
static void test_b13_b14_stress(void **state)
{
	static const char *const specs[] = { "sim(slots=2;mem)", "sim(slots=0;mem)",
					     "sim(slots=1;sim(slots=1;mem))" };
	pthread_t threads[THREADS], bad;

	for (size_t s = 0; s < ARRAY_SIZE(specs); s++) {
		st.dev = open_device(specs[s], true);
		atomic_store(&st.stop, false);
		atomic_store(&st.errors, 0);
		for (unsigned k = 0; k < KEYS; k++) {
			make_key(&st.keys[k], k, 4096, HW);
			assert_int_equal(blk_crypto_start_using_key(st.dev, &st.keys[k]), 0);
		}
		assert_int_equal(pthread_create(&bad, NULL, trouble, NULL), 0);
		for (uintptr_t i = 0; i < THREADS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, stress, (void *)i), 0);
		for (unsigned i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		atomic_store(&st.stop, true);
		pthread_join(bad, NULL);
		assert_int_equal(atomic_load(&st.mismatches), 0);
		assert_true(atomic_load(&st.errors) < THREADS * ROUNDS);
		blk_device_control(st.dev, BLK_CONTROL_FAIL_PROGRAM, 0);
		for (unsigned k = 0; k < KEYS; k++) {
			round_trip(st.dev, &st.keys[k], 8192, 0);
			blk_crypto_evict_key(st.dev, &st.keys[k]);
		}
		blk_crypto_profile_for_each_slot(st.dev->crypto_profile, no_key, NULL);
		blk_device_close(st.dev);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_b40_programming_takes_time),
		cmocka_unit_test(test_b12_failed_programmings),
		cmocka_unit_test(test_b12_some_programmings_fail),
		cmocka_unit_test(test_b13_reset),
		cmocka_unit_test(test_b13_reset_in_use),
		cmocka_unit_test(test_b13_resets_while_it_works),
		cmocka_unit_test(test_b14_sleep),
		cmocka_unit_test(test_b14_sleeps_between_requests),
		cmocka_unit_test(test_b13_b14_stress),
	};

	if (secret_init() != 0)
		return 99;
	return cmocka_run_group_tests_name("blk-sim", tests, NULL, NULL);
}
