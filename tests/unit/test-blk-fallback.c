/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-blk-fallback.c - encrypted by the fallback or an engine, alike, or not stored at all */
#include "blk-test.h"

#include "blk-canary.h"
#include "blkcrypto/blk-crypto-profile.h"
#include "util/secret.h"

#define HW BLK_CRYPTO_CFG_ALLOW_HW

static void test_b27_same_bytes_everywhere(void **state)
{
	static const struct {
		const char *spec;
		unsigned flags;
		bool no_fallback;
	} stacks[] = {
		{ "mem", 0, false },
		{ "mem", HW, false },
		{ "sim(slots=1;mem)", HW, true },
		{ "sim(slots=4;mem)", HW, true },
		{ "sim(slots=0;mem)", HW, true },
		{ "sim(slots=4;sim(slots=2;mem))", HW, true },
		/* an engine that is not to be used, or cannot */
		{ "sim(slots=4;mem)", 0, false },
		{ "sim(slots=4,modes=aes-256-xts:2048;mem)", HW, false },
		{ "sim(slots=4,dun=7;mem)", HW, false },
	};
	static const unsigned units[] = { 512, 1024, 4096 };

	for (size_t i = 0; i < ARRAY_SIZE(stacks); i++)
		for (size_t u = 0; u < ARRAY_SIZE(units); u++) {
			static const unsigned segments[] = { 1, 2, 256, 257, 600 };
			struct blk_crypto_key key;

			make_key(&key, i, units[u], stacks[i].flags);
			for (size_t s = 0; s < ARRAY_SIZE(segments); s++) {
				struct blk_device *dev =
					open_device(stacks[i].spec, stacks[i].no_fallback);

				assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
				round_trip(dev, &key, (size_t)segments[s] * units[u], units[u]);
				round_trip(dev, &key, (size_t)segments[s] * units[u], 0);
				blk_crypto_evict_key(dev, &key);
				blk_device_close(dev);
			}
		}
}

/* Who did it? The profiles count. */
static void test_b17_who_encrypts(void **state)
{
	struct blk_device *dev = open_device("sim(slots=4;mem)", false);
	struct blk_crypto_key inline_key, soft_key;

	make_key(&inline_key, 1, 4096, HW);
	make_key(&soft_key, 2, 4096, 0);
	assert_int_equal(blk_crypto_start_using_key(dev, &inline_key), 0);
	assert_null(blk_crypto_fallback_profile());
	assert_int_equal(blk_crypto_start_using_key(dev, &soft_key), 0);

	round_trip(dev, &inline_key, 8192, 0);
	assert_int_equal(stat_read(&dev->crypto_profile->stats.programs), 1);
	assert_int_equal(stat_read(&dev->crypto_profile->stats.hits), 1);
	assert_int_equal(stat_read(&blk_crypto_fallback_profile()->stats.programs), 0);
	round_trip(dev, &soft_key, 8192, 0);
	assert_int_equal(stat_read(&dev->crypto_profile->stats.programs), 1);
	assert_int_equal(stat_read(&blk_crypto_fallback_profile()->stats.programs), 1);

	blk_crypto_evict_key(dev, &inline_key);
	blk_crypto_evict_key(dev, &soft_key);
	assert_int_equal(stat_read(&dev->crypto_profile->stats.evictions), 1);
	assert_int_equal(stat_read(&blk_crypto_fallback_profile()->stats.evictions), 1);
	blk_device_close(dev);
}

/* The eviction of a key from a device that manages no slots reaches its engine all the same. */
static void test_b16_direct_engine_evicts(void **state)
{
	struct blk_device *dev = open_device("sim(slots=0;mem)", true);
	struct blk_crypto_key key;

	make_key(&key, 1, 4096, HW);
	assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
	round_trip(dev, &key, 8192, 0);
	blk_crypto_evict_key(dev, &key);
	assert_int_equal(stat_read(&dev->crypto_profile->stats.evictions), 1);
	/* Another key at the same address: one that had stayed would encrypt it now. */
	make_key(&key, 2, 4096, HW);
	assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
	round_trip(dev, &key, 8192, 0);
	blk_crypto_evict_key(dev, &key);
	blk_device_close(dev);
}

static void test_b21_larger_than_bounce(void **state)
{
	struct blk_device *dev = open_device("mem", false);
	struct blk_crypto_key key;

	make_key(&key, 1, 4096, 0);
	assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
	round_trip(dev, &key, 3 << 20, 40960);
	assert_int_equal(stat_read(&dev->stats.writes), (3 << 20) / BLK_BOUNCE_THREAD_MAX);
	round_trip(dev, &key, BLK_BOUNCE_THREAD_MAX, 0);
	assert_int_equal(stat_read(&dev->stats.writes), (3 << 20) / BLK_BOUNCE_THREAD_MAX + 1);
	blk_crypto_evict_key(dev, &key);
	blk_device_close(dev);
}

/* ---- the reserve -------------------------------------------------------------------------- */

static void test_b25_reserve(void **state)
{
	static const struct {
		unsigned pages, unit, segments, writes;
	} rows[] = {
		{ 1, 4096, 1, 1 },     { 1, 4096, 600, 600 }, { 1, 512, 600, 75 },
		{ 2, 4096, 257, 129 }, { 32, 4096, 256, 8 },  { 32, 512, 257, 2 },
	};
	struct blk_bounce held;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct blk_device *dev = open_device("mem", false);
		struct blk_crypto_key key;

		configure(1, rows[i].pages);
		make_key(&key, i, rows[i].unit, 0);
		assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
		hold_thread_buffer(&held);
		round_trip(dev, &key, (size_t)rows[i].segments * rows[i].unit, rows[i].unit);
		blk_bounce_put(&held);
		assert_int_equal(stat_read(&dev->stats.writes), rows[i].writes);
		blk_crypto_evict_key(dev, &key);
		blk_device_close(dev);
		blk_crypto_fallback_destroy();
	}
}

/* A unit that no memory can hold is an error, not an endless wait. */
static void test_b25_reserve_too_small(void **state)
{
	struct blk_device *dev = open_device("mem", false);
	struct blk_crypto_key key;
	uint8_t buf[16384] = { 0 };
	struct io io = { .dev = dev, .key = &key };
	struct blk_bounce held;

	configure(1, 1);
	make_key(&key, 1, 8192, 0);
	assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
	hold_thread_buffer(&held);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), -ENOMEM);
	blk_bounce_put(&held);
	assert_int_equal(stat_read(&dev->stats.writes), 0);
	assert_int_equal(stat_read(&dev->stats.errors), 1);
	round_trip(dev, &key, sizeof(buf), 8192);
	blk_crypto_evict_key(dev, &key);
	blk_device_close(dev);
}

/* ---- keys --------------------------------------------------------------------------------- */

static void test_b24_evict(void **state)
{
	struct blk_device *dev = open_device("mem", false);
	struct blk_crypto_fallback_params params = { 3, 3, 3 };
	struct blk_crypto_key key;

	assert_int_equal(blk_crypto_fallback_evict_key(&key), 0); /* not even started */
	make_key(&key, 1, 4096, 0);
	assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
	assert_int_equal(blk_crypto_fallback_profile()->num_slots, 100);
	assert_int_equal(blk_crypto_fallback_configure(&params), -EBUSY);
	round_trip(dev, &key, 4096, 0);
	round_trip(dev, &key, 4096, 0);
	assert_int_equal(stat_read(&blk_crypto_fallback_profile()->stats.programs), 1);
	blk_crypto_evict_key(dev, &key);
	blk_crypto_profile_for_each_slot(blk_crypto_fallback_profile(), no_key, NULL);
	/* Other bytes at the same address: found in no slot, so programmed. */
	make_key(&key, 2, 4096, 0);
	assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
	round_trip(dev, &key, 4096, 0);
	blk_crypto_evict_key(dev, &key);
	blk_device_close(dev);
	blk_crypto_fallback_destroy();
	assert_int_equal(blk_crypto_fallback_configure(&params), 0);
}

static void test_b23_weak_key(void **state)
{
	static const char *const specs[] = { "mem", "sim(slots=1;mem)", "sim(slots=0;mem)" };
	uint8_t weak[64] = { 0 }, buf[4096] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct blk_device *dev = open_device(specs[i], false);
		struct blk_crypto_key key;
		struct io io = { .dev = dev, .key = &key };
		size_t size;

		assert_int_equal(blk_crypto_init_key(&key, weak, 64, BLK_CRYPTO_KEY_TYPE_RAW,
						     BLK_ENCRYPTION_MODE_AES_256_XTS, 8, 4096, HW),
				 0);
		assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
		assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, 4096), -EINVAL);
		assert_int_equal(do_io(&io, REQ_OP_READ, buf, 4096), -EINVAL);
		stored(dev, &size);
		assert_int_equal(size, 0);
		blk_crypto_evict_key(dev, &key);
		blk_device_close(dev);
	}
}

/* ---- holes, ends, errors ------------------------------------------------------------------ */

static void test_b22_holes(void **state)
{
	static const char *const specs[] = { "mem", "sim(slots=1;mem)", "sim(slots=0;mem)" };
	uint8_t unit[4096], in[6 * 4096], zero[6 * 4096] = { 0 };

	fill_pattern(unit, sizeof(unit), 1);
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct blk_device *dev = open_device(specs[i], false);
		struct blk_crypto_key key;
		struct io io = { .dev = dev, .key = &key };
		size_t size;

		make_key(&key, i, 4096, HW);
		assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
		assert_int_equal(do_io(&io, REQ_OP_WRITE, unit, 4096), 0);
		io.dun = 3;
		io.sector = 3 * 8;
		assert_int_equal(do_io(&io, REQ_OP_WRITE, unit, 4096), 0);
		/* data, hole, hole, data, and two units past the end */
		io.dun = 0;
		io.sector = 0;
		io.flags = BIO_ZERO_UNIT_IS_HOLE;
		memset(in, 0xee, sizeof(in));
		assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
		assert_memory_equal(in, unit, 4096);
		assert_memory_equal(in + 4096, zero, 2 * 4096);
		assert_memory_equal(in + 3 * 4096, unit, 4096);
		assert_memory_equal(in + 4 * 4096, zero, 2 * 4096);
		/* A format without holes: zeros are ciphertext like any other. */
		io.flags = 0;
		assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
		assert_memory_equal(in, unit, 4096);
		assert_memory_not_equal(in + 4096, zero, 4096);
		assert_memory_not_equal(in + 4 * 4096, zero, 4096);
		/* Zeros that are written are encrypted, flag or no flag. */
		io.flags = BIO_ZERO_UNIT_IS_HOLE;
		round_trip(dev, &key, 4096, 0);
		assert_int_equal(do_io(&io, REQ_OP_WRITE, zero, 4096), 0);
		assert_memory_not_equal(stored(dev, &size), zero, 4096);
		blk_crypto_evict_key(dev, &key);
		blk_device_close(dev);
	}
}

static void test_b21_no_space(void **state)
{
	static const char *const specs[] = { "mem(size=12288)", "sim(slots=1;mem(size=12288))" };
	uint8_t buf[16384], copy[16384];

	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct blk_device *dev = open_device(specs[i], false);
		struct blk_crypto_key key;
		struct io io = { .dev = dev, .key = &key };

		make_key(&key, 1, 4096, HW);
		assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
		fill_pattern(buf, sizeof(buf), 5);
		memcpy(copy, buf, sizeof(buf));
		assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, 16384), -ENOSPC);
		assert_memory_equal(buf, copy, sizeof(buf));
		assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, 12288), 0);
		/* The slot was given back: the key can go. */
		assert_int_equal(blk_crypto_profile_evict(i ? dev->crypto_profile
							    : blk_crypto_fallback_profile(),
							  &key),
				 0);
		blk_device_close(dev);
	}
}

/* ---- a device that sees everything -------------------------------------------------------- */

static void test_b17_b26_b39_canary(void **state)
{
	struct blk_crypto_key key, wrapped;
	uint8_t buf[8192];
	struct io io = { .dev = &canary.dev, .key = &key };

	make_key(&key, 1, 4096, HW);
	fill_pattern(buf, 64, 1);
	assert_int_equal(blk_crypto_init_key(&wrapped, buf, 64, BLK_CRYPTO_KEY_TYPE_HW_WRAPPED,
					     BLK_ENCRYPTION_MODE_AES_256_XTS, 8, 4096, HW),
			 0);
	for (size_t i = 0; i + strlen(MARK) <= sizeof(buf); i += strlen(MARK))
		memcpy(buf + i, MARK, strlen(MARK));

	/* That the canary can sing. */
	canary_open(false, 0);
	io.key = NULL;
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), 0);
	assert_int_equal(atomic_load(&canary.marks), 1);
	canary_close();

	/* No engine, no fallback: refused before the start, and if it gets through all the same. */
	canary_open(true, 0);
	io.key = &key;
	assert_int_equal(blk_crypto_start_using_key(&canary.dev, &key), -ENOPKG);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), -EOPNOTSUPP);
	assert_int_equal(do_io(&io, REQ_OP_READ, buf, sizeof(buf)), -EOPNOTSUPP);
	io.key = &wrapped;
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), -EOPNOTSUPP);
	assert_int_equal(atomic_load(&canary.bios), 0);
	assert_int_equal(stat_read(&canary.dev.stats.errors), 3);
	canary_close();

	/* The fallback takes what it can, and refuses the rest. */
	canary_open(false, 0);
	io.key = &key;
	if (!DEBUG_BUILD)
		assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)),
				 -EIO); /* not started */
	assert_int_equal(blk_crypto_start_using_key(&canary.dev, &key), 0);
	io.key = &wrapped;
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), -EOPNOTSUPP);
	io.key = &key;
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, 100), -EINVAL);
	io.sector = 1;
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, 4096), -EINVAL);
	io.sector = 0;
	assert_int_equal(atomic_load(&canary.bios), 0);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), 0);
	assert_int_equal(do_io(&io, REQ_OP_READ, buf, sizeof(buf)), 0);
	assert_memory_equal(buf, MARK, strlen(MARK));
	assert_int_equal(atomic_load(&canary.bios), 2);
	assert_int_equal(atomic_load(&canary.marks), 0);
	assert_int_equal(atomic_load(&canary.contexts), 0);

	/* The errors of a backing come through whole. */
	canary.err = -EDQUOT;
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), -EDQUOT);
	assert_int_equal(do_io(&io, REQ_OP_READ, buf, sizeof(buf)), -EDQUOT);
	blk_crypto_evict_key(&canary.dev, &key);
	canary_close();
}

static void test_b21_head_with_first_piece(void **state)
{
	struct blk_crypto_key key;
	uint8_t buf[8 * 4096], head[4096];
	struct io io = { .dev = &canary.dev,
			 .key = &key,
			 .sector = 8,
			 .head = head,
			 .head_size = sizeof(head) };
	struct blk_bounce held;
	size_t size;

	fill_pattern(buf, sizeof(buf), 1);
	fill_pattern(head, sizeof(head), 2);
	make_key(&key, 1, 4096, 0);
	configure(2, 2);
	canary_open(false, 0);
	assert_int_equal(blk_crypto_start_using_key(&canary.dev, &key), 0);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), 0);
	assert_int_equal(atomic_load(&canary.writes), 1);
	assert_int_equal(atomic_load(&canary.heads), 1);
	hold_thread_buffer(&held);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), 0);
	blk_bounce_put(&held);
	assert_int_equal(atomic_load(&canary.writes), 1 + 4);
	assert_int_equal(atomic_load(&canary.heads), 1 + 1);
	assert_memory_equal(dev_mem_data(canary.mem, &size), head, sizeof(head));
	assert_int_equal(size, sizeof(head) + sizeof(buf));
	/* The first piece fails: there is no second. */
	canary.err = -ENOSPC;
	hold_thread_buffer(&held);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), -ENOSPC);
	blk_bounce_put(&held);
	assert_int_equal(atomic_load(&canary.writes), 5 + 1);
	blk_crypto_evict_key(&canary.dev, &key);
	canary_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_b27_same_bytes_everywhere, stop_fallback),
		cmocka_unit_test_teardown(test_b17_who_encrypts, stop_fallback),
		cmocka_unit_test_teardown(test_b16_direct_engine_evicts, stop_fallback),
		cmocka_unit_test_teardown(test_b21_larger_than_bounce, stop_fallback),
		cmocka_unit_test_teardown(test_b25_reserve, stop_fallback),
		cmocka_unit_test_teardown(test_b25_reserve_too_small, stop_fallback),
		cmocka_unit_test_teardown(test_b24_evict, stop_fallback),
		cmocka_unit_test_teardown(test_b23_weak_key, stop_fallback),
		cmocka_unit_test_teardown(test_b22_holes, stop_fallback),
		cmocka_unit_test_teardown(test_b21_no_space, stop_fallback),
		cmocka_unit_test_teardown(test_b17_b26_b39_canary, stop_fallback),
		cmocka_unit_test_teardown(test_b21_head_with_first_piece, stop_fallback),
	};

	if (secret_init() != 0)
		return 99;
	return cmocka_run_group_tests_name("blk-fallback", tests, NULL, NULL);
}
