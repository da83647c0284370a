/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-blk-account.c - histograms, what devices are said to have done, control */
#include "blk-test.h"

#include <pthread.h>

#include "util/histogram.h"
#include "util/secret.h"

/* ---- histograms ---- */

static void buckets_are_in_order(void **state)
{
	unsigned last = 0;

	assert_int_equal(histogram_bucket(0), 0);
	assert_int_equal(histogram_bucket(255), 0);
	assert_int_equal(histogram_bucket(256), 1);
	assert_int_equal(histogram_bucket(319), 1);
	assert_int_equal(histogram_bucket(320), 2);
	assert_int_equal(histogram_bucket(511), 4);
	assert_int_equal(histogram_bucket(512), 5);
	assert_int_equal(histogram_bucket((UINT64_C(1) << HISTOGRAM_MAX_BITS) - 1),
			 HISTOGRAM_BUCKETS - 2);
	assert_int_equal(histogram_bucket(UINT64_C(1) << HISTOGRAM_MAX_BITS),
			 HISTOGRAM_BUCKETS - 1);
	assert_int_equal(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
	for (uint64_t ns = 1; ns < UINT64_C(1) << 40; ns += 1 + ns / 16) {
		unsigned b = histogram_bucket(ns);

		assert_true(b == last || b == last + 1);
		last = b;
	}
	assert_int_equal(last, HISTOGRAM_BUCKETS - 1);
}

/* What is read back is no less than what was put in, and at most a quarter more. */
static void percentiles_are_near(void **state)
{
	static struct histogram h;
	struct histogram_summary sum;

	histogram_summarise(&h, &sum);
	assert_int_equal(sum.count, 0);
	assert_int_equal(sum.max, 0);
	for (uint64_t us = 1; us <= 10000; us++)
		histogram_add(&h, us * 1000);
	histogram_summarise(&h, &sum);
	assert_int_equal(sum.count, 10000);
	assert_int_equal(histogram_count(&h), 10000);
	assert_in_range(sum.p50, 5000000, 5000000 * 5 / 4);
	assert_in_range(sum.p90, 9000000, 9000000 * 5 / 4);
	assert_in_range(sum.p99, 9900000, 9900000 * 5 / 4);
	assert_in_range(sum.p999, 9990000, 9990000 * 5 / 4);
	assert_in_range(sum.max, 10000000, 10000000 * 5 / 4);
}

static void *add_many(void *arg)
{
	for (unsigned i = 0; i < 20000; i++)
		histogram_add(arg, 1000 + i);
	return NULL;
}

/* More threads than shards. */
static void nothing_is_lost(void **state)
{
	static struct histogram h;
	pthread_t threads[3 * HISTOGRAM_SHARDS / 2];

	for (unsigned i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_many, &h), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(histogram_count(&h), 20000 * ARRAY_SIZE(threads));
}

/* ---- devices ---- */

static int one_io(struct blk_device *dev, enum bio_op op, const struct blk_crypto_key *key,
		  void *buf, size_t len)
{
	uint64_t dun[BLK_CRYPTO_DUN_ARRAY_SIZE] = { 5 };
	struct iovec iov = { buf, len };
	struct bio bio;

	bio_init(&bio, dev, NULL, op, 0, &iov, len > 0);
	if (key)
		bio_crypt_set_ctx(&bio, key, dun);
	return submit_bio_wait(&bio);
}

static void check_counts(struct blk_device *dev, unsigned reads, unsigned writes, unsigned flushes)
{
	assert_int_equal(stat_read(&dev->stats.reads), reads);
	assert_int_equal(stat_read(&dev->stats.writes), writes);
	assert_int_equal(stat_read(&dev->stats.flushes), flushes);
	/* Nothing is in anybody's hands. */
	assert_int_equal(histogram_count(&dev->stats.latency[REQ_OP_READ]), reads);
	assert_int_equal(histogram_count(&dev->stats.latency[REQ_OP_WRITE]), writes);
	assert_int_equal(histogram_count(&dev->stats.latency[REQ_OP_FLUSH]), flushes);
}

/* By each way: inline, by the fallback, in the clear; each device of the stack once a bio. */
static void every_device_is_timed_once(void **state)
{
	struct blk_device *dev = open_device("sim(slots=2;mem)", false);
	struct blk_device *mem = dev->children[0];
	struct blk_crypto_key inlined, fallback;
	uint8_t buf[4096] = { 1 };

	make_key(&inlined, 1, 4096, BLK_CRYPTO_CFG_ALLOW_HW);
	make_key(&fallback, 2, 4096, 0);
	assert_int_equal(blk_crypto_start_using_key(dev, &inlined), 0);
	assert_int_equal(blk_crypto_start_using_key(dev, &fallback), 0);

	assert_int_equal(one_io(dev, REQ_OP_WRITE, &inlined, buf, sizeof(buf)), 0);
	assert_int_equal(one_io(dev, REQ_OP_READ, &inlined, buf, sizeof(buf)), 0);
	check_counts(dev, 1, 1, 0);
	check_counts(mem, 1, 1, 0);

	assert_int_equal(one_io(dev, REQ_OP_WRITE, &fallback, buf, sizeof(buf)), 0);
	assert_int_equal(one_io(dev, REQ_OP_READ, &fallback, buf, sizeof(buf)), 0);
	check_counts(dev, 2, 2, 0);
	check_counts(mem, 2, 2, 0);

	assert_int_equal(one_io(dev, REQ_OP_READ, NULL, buf, sizeof(buf)), 0);
	assert_int_equal(one_io(dev, REQ_OP_FLUSH, NULL, NULL, 0), 0);
	check_counts(dev, 3, 2, 1);
	check_counts(mem, 3, 2, 1);

	blk_crypto_evict_key(dev, &inlined);
	blk_crypto_evict_key(dev, &fallback);
	blk_device_close(dev);
	blk_crypto_fallback_destroy();
}

/* What fails is over as well. */
static void errors_are_timed(void **state)
{
	struct blk_device *dev = open_device("sim(slots=1;mem(size=1024))", false);
	uint8_t buf[4096] = { 1 };

	assert_int_equal(one_io(dev, REQ_OP_WRITE, NULL, buf, sizeof(buf)), -ENOSPC);
	check_counts(dev, 0, 1, 0);
	check_counts(dev->children[0], 0, 1, 0);
	blk_device_close(dev);
}

/* ---- control ---- */

static int asked, answer;

static int note_control(struct blk_device *dev, enum blk_device_control what, unsigned value)
{
	asked++;
	return what == BLK_CONTROL_RESET ? answer : -EOPNOTSUPP;
}

static void control_reaches_all(void **state)
{
	static const struct blk_device_type deaf = { .name = "deaf" };
	static const struct blk_device_type listens = { .name = "listens",
							.control = note_control };
	struct blk_device a = { .type = &listens }, b = { .type = &listens };
	struct blk_device *children[] = { &a, &b };
	struct blk_device top = { .type = &deaf, .children = children, .num_children = 2 };

	asked = answer = 0;
	assert_int_equal(blk_device_control(&top, BLK_CONTROL_RESET, 0), 0);
	assert_int_equal(asked, 2);
	assert_int_equal(blk_device_control(&top, BLK_CONTROL_SUSPEND, 0), -EOPNOTSUPP);
	answer = -EBUSY;
	assert_int_equal(blk_device_control(&top, BLK_CONTROL_RESET, 0), -EBUSY);
	top.num_children = 0;
	assert_int_equal(blk_device_control(&top, BLK_CONTROL_RESET, 0), -EOPNOTSUPP);
}

/* The rate of flakey's failures is what it was told. */
static void flakey_fails_as_often_as_told(void **state)
{
	static const struct {
		unsigned permille, least, most;
	} rows[] = { { 1000, 1000, 1000 }, { 0, 0, 0 }, { 300, 200, 400 }, { 10, 1, 30 } };
	struct blk_device *dev = open_device("flakey(;mem)", false);
	uint8_t buf[512] = { 1 };

	assert_int_not_equal(one_io(dev, REQ_OP_WRITE, NULL, buf, sizeof(buf)), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned failed = 0;

		assert_int_equal(blk_device_control(dev, BLK_CONTROL_FAIL_IO, rows[i].permille), 0);
		for (unsigned n = 0; n < 1000; n++)
			failed += one_io(dev, REQ_OP_WRITE, NULL, buf, sizeof(buf)) != 0;
		assert_in_range(failed, rows[i].least, rows[i].most);
	}
	blk_device_close(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_are_in_order),
		cmocka_unit_test(percentiles_are_near),
		cmocka_unit_test(nothing_is_lost),
		cmocka_unit_test(every_device_is_timed_once),
		cmocka_unit_test(errors_are_timed),
		cmocka_unit_test(control_reaches_all),
		cmocka_unit_test(flakey_fails_as_often_as_told),
	};

	if (secret_init() != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
