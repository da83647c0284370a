/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-blk-bio.c - bios taken apart and chained */
#include "blk-recorder.h"

#include "util/secret.h"

#define HW BLK_CRYPTO_CFG_ALLOW_HW

static void check_iter(const struct bio *bio, const uint8_t *want, size_t len)
{
	struct bio_iter iter;
	struct iovec seg;
	size_t pos = 0;

	bio_for_each_segment(seg, bio, iter)
	{
		assert_ptr_equal(seg.iov_base, want + pos);
		pos += seg.iov_len;
	}
	assert_int_equal(pos, len);
	assert_int_equal(bio->bi_size, len);
}

static void test_b2_split_everywhere(void **state)
{
	/* Contiguous memory in uneven vectors, so that a place is an address. */
	static const size_t lens[] = { 512, 1536, 0, 512, 1024, 512 };
	struct iovec iov[ARRAY_SIZE(lens)];
	struct blk_crypto_key key;
	uint8_t buf[4096];
	size_t pos = 0;

	make_key(&key, 1, UNIT, 0);
	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		iov[i] = (struct iovec){ .iov_base = buf + pos, .iov_len = lens[i] };
		pos += lens[i];
	}
	for (size_t at = UNIT; at < sizeof(buf); at += UNIT)
		for (size_t skip = 0; skip < at; skip += UNIT) {
			uint64_t dun[4] = { UINT64_MAX - 2, UINT64_MAX, 5, 0 };
			struct bio bio, front;
			uint64_t want[4];

			bio_init(&bio, NULL, NULL, REQ_OP_WRITE, 100, iov, ARRAY_SIZE(iov));
			bio_crypt_set_ctx(&bio, &key, dun);
			bio.bi_head = "head";
			bio.bi_head_size = 4;
			bio_advance(&bio, skip);
			assert_int_equal(bio.bi_head_size, skip ? 0 : 4);
			bio.bi_head_size = 4;
			check_iter(&bio, buf + skip, sizeof(buf) - skip);
			assert_int_equal(bio_split(&bio, at - skip, &front), 0);
			check_iter(&front, buf + skip, at - skip);
			check_iter(&bio, buf + at, sizeof(buf) - at);
			assert_int_equal(front.bi_sector, 100 + skip / 512);
			assert_int_equal(bio.bi_sector, 100 + at / 512);
			assert_int_equal(front.bi_head_size, 4);
			assert_int_equal(bio.bi_head_size, 0);
			assert_ptr_equal(front.bi_crypt_context, &front.bi_crypt_mem);
			memcpy(want, dun, sizeof(want));
			bio_crypt_dun_increment(want, skip / UNIT);
			assert_memory_equal(front.bi_crypt_context->bc_dun, want, sizeof(want));
			bio_crypt_dun_increment(want, (at - skip) / UNIT);
			assert_memory_equal(bio.bi_crypt_context->bc_dun, want, sizeof(want));
			bio_crypt_dun_decrement(want, at / UNIT);
			assert_memory_equal(want, dun, sizeof(want));
		}
}

static void test_b2_split_refused(void **state)
{
	struct blk_crypto_key key;
	struct bio front;
	struct one one;

	make_key(&key, 1, 1024, 0);
	one_init(&one, REQ_OP_READ, 0, 4, &key, 0);
	assert_int_equal(bio_split(&one.bio, 0, &front), -EINVAL);
	assert_int_equal(bio_split(&one.bio, 2048, &front), -EINVAL);
	assert_int_equal(bio_split(&one.bio, 512, &front), -EINVAL); /* half a data unit */
	assert_int_equal(bio_split(&one.bio, 1024, &front), 0);
	one_init(&one, REQ_OP_READ, 0, 4, NULL, 0);
	assert_int_equal(bio_split(&one.bio, 100, &front), -EINVAL); /* less than a sector */
	assert_int_equal(bio_split(&one.bio, 512, &front), 0);
	assert_null(front.bi_crypt_context);
	/* To the very end: nothing is left. */
	bio_advance(&one.bio, one.bio.bi_size);
	assert_int_equal(one.bio.bi_size, 0);
	assert_int_equal(one.bio.bi_vcnt, 0);
}

/* Cut at every data unit, in parts of their own, the ciphertext is that of the whole. */
static void test_b27_split_same_ciphertext(void **state)
{
	static const char *const specs[] = { "mem", "sim(slots=2;mem)", "sim(slots=0;mem)" };
	uint8_t buf[8 * UNIT], want[8 * UNIT], in[8 * UNIT];

	fill_pattern(buf, sizeof(buf), 9);
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct blk_device *dev = open_device(specs[i], false);
		struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
		uint64_t dun[4] = { 40 };
		struct blk_crypto_key key;
		size_t size;

		make_key(&key, 3, UNIT, HW);
		reference_encrypt(&key, 40, buf, want, sizeof(buf));
		assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
		for (size_t at = UNIT; at < sizeof(buf); at += UNIT) {
			struct bio bio, front;

			bio_init(&bio, dev, NULL, REQ_OP_WRITE, 0, &iov, 1);
			bio_crypt_set_ctx(&bio, &key, dun);
			assert_int_equal(bio_split(&bio, at, &front), 0);
			assert_int_equal(submit_bio_wait(&bio), 0);
			assert_int_equal(submit_bio_wait(&front), 0);
			assert_memory_equal(stored(dev, &size), want, sizeof(want));

			iov.iov_base = in;
			memset(in, 0xee, sizeof(in));
			bio_init(&bio, dev, NULL, REQ_OP_READ, 0, &iov, 1);
			bio_crypt_set_ctx(&bio, &key, dun);
			assert_int_equal(bio_split(&bio, at, &front), 0);
			assert_int_equal(submit_bio_wait(&front), 0);
			/* The submitted range only. */
			for (size_t b = at; b < sizeof(in); b++)
				assert_int_equal(in[b], 0xee);
			assert_int_equal(submit_bio_wait(&bio), 0);
			assert_memory_equal(in, buf, sizeof(buf));
			iov.iov_base = buf;
		}
		blk_crypto_evict_key(dev, &key);
		blk_device_close(dev);
	}
}

static void test_chain(void **state)
{
	struct one parent, child[3];

	/* In any order; the first error of a child is the parent's, a backing's errno and all. */
	for (unsigned order = 0; order < 4; order++)
		for (int err = 0; err >= -EDQUOT; err -= EDQUOT) {
			rec_open(0);
			one_init(&parent, REQ_OP_READ, 0, 1, NULL, 0);
			for (unsigned i = 0; i < 3; i++) {
				one_init(&child[i], REQ_OP_READ, 0, 1, NULL, 0);
				bio_chain(&child[i].bio, &parent.bio);
			}
			for (unsigned i = 0; i < 4; i++) {
				assert_int_equal(parent.ended, 0);
				if (i == order)
					bio_end_errno(&parent.bio, 0);
				else
					bio_end_errno(&child[i - (i > order)].bio,
						      i == 2 ? err : 0);
			}
			assert_int_equal(parent.ended, 1);
			assert_int_equal(bio_errno(&parent.bio), order == 2 ? 0 : err);
			rec_close();
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_b2_split_everywhere),
		cmocka_unit_test(test_b2_split_refused),
		cmocka_unit_test_teardown(test_b27_split_same_ciphertext, stop_fallback),
		cmocka_unit_test(test_chain),
	};

	if (secret_init() != 0)
		return 99;
	return cmocka_run_group_tests_name("blk-bio", tests, NULL, NULL);
}
