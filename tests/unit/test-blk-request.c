/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-blk-request.c - bios merged; requests and their keyslots */
#include "blk-recorder.h"

#include "blkcrypto/blk-pm.h"
#include "util/secret.h"

#define HW BLK_CRYPTO_CFG_ALLOW_HW

/* ---- merging ------------------------------------------------------------------------------ */

#define MAX_ONES 40

static struct one ones[MAX_ONES];

static void expect(unsigned i, uint64_t sector, size_t units, unsigned bios, uint64_t dun)
{
	assert_true(i < rec.num_seen);
	assert_int_equal(rec.seen[i].sector, sector);
	assert_int_equal(rec.seen[i].size, units * UNIT);
	assert_int_equal(rec.seen[i].bios, bios);
	assert_int_equal(rec.seen[i].dun, dun);
}

/* Two bios in a plug: one request or two? */
static unsigned pair(const struct one *a, const struct one *b)
{
	struct blk_plug plug;

	ones[0] = *a;
	ones[1] = *b;
	ones[0].iov.iov_base = ones[0].buf;
	ones[1].iov.iov_base = ones[1].buf;
	for (unsigned i = 0; i < 2; i++) {
		ones[i].bio.bi_iov = &ones[i].iov;
		if (ones[i].bio.bi_crypt_context)
			ones[i].bio.bi_crypt_context = &ones[i].bio.bi_crypt_mem;
	}
	rec.num_seen = 0;
	blk_start_plug(&plug);
	blk_crypto_submit_bio(&ones[0].bio);
	blk_crypto_submit_bio(&ones[1].bio);
	assert_int_equal(rec.num_seen, 0);
	blk_finish_plug(&plug);
	assert_int_equal(ones[0].ended + ones[1].ended, 2);
	return rec.num_seen;
}

static void test_b28_merge_rules(void **state)
{
	struct blk_crypto_key key, other;
	struct blk_file file = { .fd = -1 };
	struct one a, b;

	rec_open(4);
	make_key(&key, 1, UNIT, HW);
	other = key; /* equal bytes: another key all the same */
	assert_int_equal(blk_crypto_start_using_key(&rec.dev, &key), 0);
	assert_int_equal(blk_crypto_start_using_key(&rec.dev, &other), 0);

	/* plain with plain, back and front */
	one_init(&a, REQ_OP_WRITE, 8, 2, NULL, 0);
	one_init(&b, REQ_OP_WRITE, 10, 1, NULL, 0);
	assert_int_equal(pair(&a, &b), 1);
	expect(0, 8, 3, 2, 0);
	assert_int_equal(pair(&b, &a), 1);
	expect(0, 8, 3, 2, 0);
	/* a gap, an overlap, another direction, file or kind */
	one_init(&b, REQ_OP_WRITE, 11, 1, NULL, 0);
	assert_int_equal(pair(&a, &b), 2);
	one_init(&b, REQ_OP_WRITE, 9, 1, NULL, 0);
	assert_int_equal(pair(&a, &b), 2);
	one_init(&b, REQ_OP_READ, 10, 1, NULL, 0);
	assert_int_equal(pair(&a, &b), 2);
	one_init(&b, REQ_OP_WRITE, 10, 1, NULL, 0);
	b.bio.bi_file = &file;
	assert_int_equal(pair(&a, &b), 2);
	one_init(&b, REQ_OP_WRITE, 10, 1, NULL, 0);
	b.bio.bi_flags = BIO_ZERO_UNIT_IS_HOLE;
	assert_int_equal(pair(&a, &b), 2);
	/* a head is in front or nowhere */
	one_init(&b, REQ_OP_WRITE, 10, 1, NULL, 0);
	b.bio.bi_head = "x";
	b.bio.bi_head_size = 1;
	assert_int_equal(pair(&a, &b), 2);
	one_init(&b, REQ_OP_WRITE, 10, 1, NULL, 0);
	a.bio.bi_head = "x";
	a.bio.bi_head_size = 1;
	assert_int_equal(pair(&b, &a), 1);
	assert_int_equal(rec.seen[0].head_size, 1);

	/* same key, contiguous numbers: the front one's number is the request's */
	one_init(&a, REQ_OP_WRITE, 8, 2, &key, 100);
	one_init(&b, REQ_OP_WRITE, 10, 1, &key, 102);
	assert_int_equal(pair(&a, &b), 1);
	expect(0, 8, 3, 2, 100);
	assert_int_equal(pair(&b, &a), 1);
	expect(0, 8, 3, 2, 100);
	/* a gap in numbers, either way */
	one_init(&b, REQ_OP_WRITE, 10, 1, &key, 103);
	assert_int_equal(pair(&a, &b), 2);
	assert_int_equal(pair(&b, &a), 2);
	/* another key; encrypted and plain */
	one_init(&b, REQ_OP_WRITE, 10, 1, &other, 102);
	assert_int_equal(pair(&a, &b), 2);
	one_init(&b, REQ_OP_WRITE, 10, 1, NULL, 0);
	assert_int_equal(pair(&a, &b), 2);
	assert_int_equal(pair(&b, &a), 2);
	/* over the top of all limbs: a wrap is not contiguous; over the top of one: it is */
	one_init(&a, REQ_OP_WRITE, 8, 2, &key, 0);
	memset(a.bio.bi_crypt_mem.bc_dun, 0xff, sizeof(a.bio.bi_crypt_mem.bc_dun));
	a.bio.bi_crypt_mem.bc_dun[0]--;
	one_init(&b, REQ_OP_WRITE, 10, 1, &key, 0);
	assert_int_equal(pair(&a, &b), 2);
	a.bio.bi_crypt_mem.bc_dun[3] = b.bio.bi_crypt_mem.bc_dun[3] = 7;
	assert_int_equal(pair(&a, &b), 2);
	b.bio.bi_crypt_mem.bc_dun[3] = 8;
	assert_int_equal(pair(&a, &b), 1);
	blk_crypto_evict_key(&rec.dev, &key);
	blk_crypto_evict_key(&rec.dev, &other);
	rec_close();
}

static void test_b28_requests_join(void **state)
{
	struct blk_plug plug, inner;

	rec_open(0);
	blk_start_plug(&plug);
	blk_start_plug(&inner);
	for (unsigned i = 0; i < 3; i++) /* 0, 4, 8: then 2 joins the first two, 6 all */
		one_init(&ones[i], REQ_OP_READ, i * 4, 2, NULL, 0);
	one_init(&ones[3], REQ_OP_READ, 2, 2, NULL, 0);
	one_init(&ones[4], REQ_OP_READ, 6, 2, NULL, 0);
	for (unsigned i = 0; i < 5; i++)
		blk_crypto_submit_bio(&ones[i].bio);
	blk_finish_plug(&inner);
	assert_int_equal(rec.num_seen, 0);
	blk_finish_plug(&plug);
	assert_int_equal(rec.num_seen, 1);
	expect(0, 0, 10, 5, 0);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(ones[i].ended, 1);
	assert_int_equal(stat_read(&rec.dev.stats.merges), 4);
	assert_int_equal(stat_read(&rec.dev.stats.requests), 1);
	assert_int_equal(stat_read(&rec.dev.stats.reads), 5);

	/* From the other end; and one that is first in the plug joins a later one. */
	rec.num_seen = 0;
	blk_start_plug(&plug);
	for (unsigned i = 0; i < 2; i++) /* 0 and 4, then 2: the second grows to the front */
		one_init(&ones[i], REQ_OP_READ, i * 4, i ? 2 : 1, NULL, 0);
	one_init(&ones[2], REQ_OP_READ, 1, 3, NULL, 0);
	one_init(&ones[3], REQ_OP_READ, 20, 1, NULL, 0);
	one_init(&ones[4], REQ_OP_READ, 10, 1, NULL, 0);
	one_init(&ones[5], REQ_OP_READ, 12, 1, NULL, 0);
	one_init(&ones[6], REQ_OP_READ, 11, 1, NULL, 0);
	for (unsigned i = 0; i < 7; i++)
		blk_crypto_submit_bio(&ones[i].bio);
	blk_finish_plug(&plug);
	assert_int_equal(rec.num_seen, 3);
	expect(0, 0, 6, 3, 0);
	expect(1, 20, 1, 1, 0);
	expect(2, 10, 3, 3, 0);

	/* A full plug is sent on; a flush sends what came before it first. */
	rec.num_seen = 0;
	blk_start_plug(&plug);
	for (unsigned i = 0; i < 17; i++) {
		one_init(&ones[i], REQ_OP_WRITE, i * 8, 1, NULL, 0);
		blk_crypto_submit_bio(&ones[i].bio);
	}
	assert_int_equal(rec.num_seen, 16);
	one_init(&ones[20], REQ_OP_FLUSH, 0, 0, NULL, 0);
	blk_crypto_submit_bio(&ones[20].bio);
	assert_int_equal(rec.num_seen, 18);
	assert_int_equal(rec.seen[16].sector, 16 * 8);
	assert_int_equal(rec.seen[17].op, REQ_OP_FLUSH);
	/* Who waits sends what is there. */
	one_init(&ones[0], REQ_OP_WRITE, 0, 1, NULL, 0);
	one_init(&ones[1], REQ_OP_WRITE, 8, 1, NULL, 0);
	blk_crypto_submit_bio(&ones[0].bio);
	assert_int_equal(submit_bio_wait(&ones[1].bio), 0);
	assert_int_equal(rec.num_seen, 20);
	blk_finish_plug(&plug);
	rec_close();
}

static void test_b28_limits(void **state)
{
	static uint8_t big[BLK_REQUEST_MAX_BYTES];
	struct iovec iov[2] = { { big, sizeof(big) - UNIT }, { big, 2 * UNIT } };
	static struct iovec many[2][200];
	struct blk_plug plug;
	struct bio bios[2];

	rec_open(0);
	for (unsigned round = 0; round < 2; round++) {
		blk_start_plug(&plug);
		for (unsigned i = 0; i < 2; i++) {
			for (unsigned v = 0; v < 200; v++)
				many[i][v] = (struct iovec){ big, UNIT };
			if (round == 0)
				bio_init(&bios[i], &rec.dev, NULL, REQ_OP_READ,
					 i ? iov[0].iov_len / 512 : 0, &iov[i], 1);
			else
				bio_init(&bios[i], &rec.dev, NULL, REQ_OP_READ, i * 200, many[i],
					 200);
		}
		ones[0].ended = ones[1].ended = 0;
		rec.num_seen = 0;
		for (unsigned i = 0; i < 2; i++) {
			ones[i].bio = bios[i];
			ones[i].bio.bi_end_io = one_end_io;
			blk_crypto_submit_bio(&ones[i].bio);
		}
		blk_finish_plug(&plug);
		assert_int_equal(rec.num_seen, 2);
	}
	rec_close();
}

/* Any order of bios, merged or one by one, comes to the same bytes. */
static void test_b28_merged_or_not_same_bytes(void **state)
{
	static const char *const specs[] = { "mem", "sim(slots=2;mem)", "sim(slots=0;mem)" };
	static struct one a[MAX_ONES];
	uint32_t x = 12345;

	for (unsigned round = 0; round < 60; round++) {
		struct blk_device *plain = open_device("mem", false), *dev;
		struct blk_crypto_key keys[2];
		const uint8_t *p, *q;
		struct blk_plug plug;
		size_t psize, qsize;

		dev = open_device(specs[round % 3], false);
		for (unsigned k = 0; k < 2; k++) {
			make_key(&keys[k], k, UNIT, HW);
			assert_int_equal(blk_crypto_start_using_key(dev, &keys[k]), 0);
			assert_int_equal(blk_crypto_start_using_key(plain, &keys[k]), 0);
		}
		rec_open(0);
		blk_start_plug(&plug);
		for (unsigned i = 0; i < MAX_ONES; i++) {
			/* Places of their own: 3 is prime to 40, so each once, in a wild order. */
			unsigned place = (i * 3 + round) % MAX_ONES;
			const struct blk_crypto_key *key;
			uint64_t dun = place;

			x = x * 1664525u + 1013904223u;
			key = (x >> 28) % 8 == 0 ? NULL : &keys[(x >> 20) % 16 == 0];
			if ((x >> 12) % 8 == 0)
				dun += 1000;
			one_init(&a[i], REQ_OP_WRITE, place, 1, key, dun);
			fill_pattern(a[i].buf, UNIT, x);
			a[i].bio.bi_bdev = plain;
			ones[i] = a[i];
			ones[i].bio.bi_bdev = dev;
			ones[i].iov.iov_base = ones[i].buf;
			ones[i].bio.bi_iov = &ones[i].iov;
			if (key)
				ones[i].bio.bi_crypt_context = &ones[i].bio.bi_crypt_mem;
			blk_crypto_submit_bio(&ones[i].bio);
		}
		blk_finish_plug(&plug);
		for (unsigned i = 0; i < MAX_ONES; i++) {
			assert_int_equal(submit_bio_wait(&a[i].bio), 0);
			assert_int_equal(ones[i].ended, 1);
			assert_int_equal(bio_errno(&ones[i].bio), 0);
		}
		if (round % 3 != 0)
			assert_true(stat_read(&dev->stats.merges) > 0);
		p = stored(plain, &psize);
		q = stored(dev, &qsize);
		assert_int_equal(psize, qsize);
		assert_memory_equal(p, q, psize);
		for (unsigned k = 0; k < 2; k++) {
			blk_crypto_evict_key(dev, &keys[k]);
			blk_crypto_evict_key(plain, &keys[k]);
		}
		rec_close();
		blk_device_close(dev);
		blk_device_close(plain);
	}
}

/* ---- keyslots ----------------------------------------------------------------------------- */

static unsigned users(void)
{
	unsigned n = 0;

	blk_crypto_profile_for_each_slot(&rec.profile, count_users, &n);
	return n;
}

static void test_b29_slot_from_dispatch_to_completion(void **state)
{
	struct blk_crypto_key key;
	struct blk_plug plug;

	rec_open(1);
	make_key(&key, 1, UNIT, HW);
	assert_int_equal(blk_crypto_start_using_key(&rec.dev, &key), 0);
	rec.later = true;
	blk_start_plug(&plug);
	for (unsigned i = 0; i < 3; i++) {
		one_init(&ones[i], REQ_OP_READ, i, 1, &key, i);
		blk_crypto_submit_bio(&ones[i].bio);
	}
	assert_int_equal(users(), 0); /* not while it waits in a plug */
	blk_finish_plug(&plug);
	assert_int_equal(rec.num_seen, 1);
	assert_int_equal(rec.seen[0].slot, 0);
	assert_int_equal(users(), 1); /* one for three bios */
	users_at_end = 0;
	blk_request_end(rec.kept[0], 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(ones[i].ended, 1);
	assert_int_equal(users_at_end, 0); /* whoever heard of an end found the slot free */
	blk_crypto_evict_key(&rec.dev, &key);
	rec_close();
}

static void evict_at_end(struct bio *bio)
{
	struct one *one = container_of(bio, struct one, bio);

	one->ended++;
	blk_crypto_evict_key(&rec.dev, bio->bi_crypt_context->bc_key);
}

/* The last completion of a key may evict it. */
static void test_b29_evict_in_last_completion(void **state)
{
	struct blk_crypto_key key;

	rec_open(2);
	make_key(&key, 1, UNIT, HW);
	assert_int_equal(blk_crypto_start_using_key(&rec.dev, &key), 0);
	one_init(&ones[0], REQ_OP_READ, 0, 1, &key, 0);
	ones[0].bio.bi_end_io = evict_at_end;
	blk_crypto_submit_bio(&ones[0].bio);
	assert_int_equal(ones[0].ended, 1);
	blk_crypto_profile_for_each_slot(&rec.profile, no_key, NULL);
	assert_int_equal(stat_read(&rec.profile.stats.evictions), 1);
	rec_close();
}

static void test_b29_no_slot_no_dispatch(void **state)
{
	struct blk_crypto_key key;

	rec_open(1);
	make_key(&key, 1, UNIT, HW);
	assert_int_equal(blk_crypto_start_using_key(&rec.dev, &key), 0);
	rec.program_err = -ENOMEM;
	one_init(&ones[0], REQ_OP_READ, 0, 1, &key, 0);
	assert_int_equal(submit_bio_wait(&ones[0].bio), -ENOMEM);
	assert_int_equal(rec.num_seen, 0);
	assert_int_equal(stat_read(&rec.dev.stats.errors), 1);
	/* A device's error is that of all bios of the request. */
	rec.program_err = 0;
	rec.err = -EDQUOT;
	one_init(&ones[0], REQ_OP_READ, 0, 1, &key, 0);
	assert_int_equal(submit_bio_wait(&ones[0].bio), -EDQUOT);
	assert_int_equal(users(), 0);
	blk_crypto_evict_key(&rec.dev, &key);
	rec_close();
}

static int refuse(struct blk_pm *pm)
{
	return -ENODEV;
}

static void test_b14_request_wakes_device(void **state)
{
	struct blk_pm pm;

	rec_open(1);
	blk_pm_init(&pm);
	rec.profile.pm = &pm;
	rec.later = true;
	assert_int_equal(blk_pm_suspend(&pm), 0);
	one_init(&ones[0], REQ_OP_READ, 0, 1, NULL, 0);
	blk_crypto_submit_bio(&ones[0].bio);
	assert_true(blk_pm_awake(&pm));
	assert_int_equal(blk_pm_suspend(&pm), -EBUSY); /* while the request lasts */
	blk_request_end(rec.kept[0], 0);
	assert_int_equal(blk_pm_suspend(&pm), 0);
	pm.resume = refuse;
	one_init(&ones[0], REQ_OP_READ, 0, 1, NULL, 0);
	assert_int_equal(submit_bio_wait(&ones[0].bio), -ENODEV);
	assert_int_equal(rec.num_seen, 1);
	rec_close();
	blk_pm_destroy(&pm);
}

/* A clone copies the context; the slot it gets is its target's. */
static void test_b30_clone_has_slot_of_its_target(void **state)
{
	struct blk_device *dev = open_device("sim(slots=2;mem)", false);
	struct blk_crypto_key key;
	uint64_t dun[4] = { 6 };
	uint8_t buf[UNIT], want[UNIT];
	struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
	struct bio bio, clone;
	size_t size;

	rec_open(1);
	make_key(&key, 1, UNIT, HW);
	fill_pattern(buf, sizeof(buf), 4);
	reference_encrypt(&key, 6, buf, want, sizeof(buf));
	assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
	assert_int_equal(blk_crypto_start_using_key(&rec.dev, &key), 0);
	bio_init(&bio, &rec.dev, NULL, REQ_OP_WRITE, 0, &iov, 1);
	bio_crypt_set_ctx(&bio, &key, dun);
	bio_clone(&bio, &clone, dev);
	assert_ptr_equal(clone.bi_crypt_context, &clone.bi_crypt_mem);
	assert_int_equal(submit_bio_wait(&clone), 0);
	assert_int_equal(stat_read(&dev->crypto_profile->stats.programs), 1);
	assert_int_equal(stat_read(&rec.profile.stats.programs), 0);
	assert_memory_equal(stored(dev, &size), want, sizeof(want));
	assert_int_equal(submit_bio_wait(&bio), 0);
	assert_int_equal(stat_read(&rec.profile.stats.programs), 1);
	blk_crypto_evict_key(dev, &key);
	blk_crypto_evict_key(&rec.dev, &key);
	rec_close();
	blk_device_close(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_b28_merge_rules),
		cmocka_unit_test(test_b28_requests_join),
		cmocka_unit_test(test_b28_limits),
		cmocka_unit_test_teardown(test_b28_merged_or_not_same_bytes, stop_fallback),
		cmocka_unit_test(test_b29_slot_from_dispatch_to_completion),
		cmocka_unit_test(test_b29_evict_in_last_completion),
		cmocka_unit_test(test_b29_no_slot_no_dispatch),
		cmocka_unit_test(test_b14_request_wakes_device),
		cmocka_unit_test(test_b30_clone_has_slot_of_its_target),
	};

	if (secret_init() != 0)
		return 99;
	return cmocka_run_group_tests_name("blk-request", tests, NULL, NULL);
}
