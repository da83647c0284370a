/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-blk-crypto.c - keys, data unit numbers, status codes, and what submission refuses */
#include "blk-test.h"

#include "blkcrypto/blk-crypto-fallback.h"
#include "blkcrypto/blk-crypto-profile.h"
#include "util/secret.h"

#define RAW	 BLK_CRYPTO_KEY_TYPE_RAW
#define WRAPPED	 BLK_CRYPTO_KEY_TYPE_HW_WRAPPED
#define XTS	 BLK_ENCRYPTION_MODE_AES_256_XTS
#define ESSIV	 BLK_ENCRYPTION_MODE_AES_128_CBC_ESSIV
#define ADIANTUM BLK_ENCRYPTION_MODE_ADIANTUM
#define SM4	 BLK_ENCRYPTION_MODE_SM4_XTS

static void test_b1_key_table(void **state)
{
	static const struct {
		unsigned size, type;
		int mode;
		unsigned dun_bytes, unit, flags;
		int err;
	} rows[] = {
		{ 64, RAW, XTS, 8, 4096, 0, 0 },
		{ 64, RAW, XTS, 16, 512, BLK_CRYPTO_CFG_ALLOW_HW, 0 },
		{ 64, RAW, XTS, 1, 1024, 0, 0 },
		{ 16, RAW, ESSIV, 16, 4096, 0, 0 },
		{ 32, RAW, ADIANTUM, 32, 4096, 0, 0 },
		{ 32, RAW, SM4, 16, 4096, 0, 0 },
		{ 64, RAW, XTS, 8, 65536, 0, 0 },
		/* mode */
		{ 64, RAW, BLK_ENCRYPTION_MODE_INVALID, 8, 4096, 0, -EINVAL },
		{ 0, RAW, BLK_ENCRYPTION_MODE_INVALID, 8, 4096, 0, -EINVAL },
		{ 64, RAW, BLK_ENCRYPTION_MODE_MAX, 8, 4096, 0, -EINVAL },
		{ 64, RAW, -1, 8, 4096, 0, -EINVAL },
		/* raw sizes */
		{ 63, RAW, XTS, 8, 4096, 0, -EINVAL },
		{ 65, RAW, XTS, 8, 4096, 0, -EINVAL },
		{ 32, RAW, XTS, 8, 4096, 0, -EINVAL },
		{ 0, RAW, XTS, 8, 4096, 0, -EINVAL },
		{ 32, RAW, ESSIV, 8, 4096, 0, -EINVAL },
		/* wrapped sizes: from the strength of the mode to 128 */
		{ 32, WRAPPED, XTS, 8, 4096, 0, 0 },
		{ 31, WRAPPED, XTS, 8, 4096, 0, -EINVAL },
		{ 128, WRAPPED, XTS, 8, 4096, 0, 0 },
		{ 129, WRAPPED, XTS, 8, 4096, 0, -EINVAL },
		{ 16, WRAPPED, SM4, 8, 4096, 0, 0 },
		/* type */
		{ 64, 0, XTS, 8, 4096, 0, -EINVAL },
		{ 64, RAW | WRAPPED, XTS, 8, 4096, 0, -EINVAL },
		{ 64, 4, XTS, 8, 4096, 0, -EINVAL },
		/* DUN */
		{ 64, RAW, XTS, 0, 4096, 0, -EINVAL },
		{ 64, RAW, XTS, 17, 4096, 0, -EINVAL },
		{ 32, RAW, ADIANTUM, 33, 4096, 0, -EINVAL },
		/* data unit */
		{ 64, RAW, XTS, 8, 0, 0, -EINVAL },
		{ 64, RAW, XTS, 8, 4095, 0, -EINVAL },
		{ 64, RAW, XTS, 8, 1536, 0, -EINVAL },
		/* flags */
		{ 64, RAW, XTS, 8, 4096, 2, -EINVAL },
	};
	uint8_t bytes[160];

	fill_pattern(bytes, sizeof(bytes), 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct blk_crypto_key key, zero;
		int err;

		memset(&key, 0xff, sizeof(key));
		memset(&zero, 0, sizeof(zero));
		err = blk_crypto_init_key(&key, bytes, rows[i].size, rows[i].type,
					  (enum blk_crypto_mode_num)rows[i].mode, rows[i].dun_bytes,
					  rows[i].unit, rows[i].flags);
		if (err != rows[i].err)
			fail_msg("row %zu: %d", i, err);
		if (err) {
			assert_memory_equal(&key, &zero, sizeof(key));
			continue;
		}
		assert_int_equal(key.size, rows[i].size);
		assert_int_equal(1u << key.data_unit_size_bits, rows[i].unit);
		assert_int_equal(key.crypto_cfg.flags, rows[i].flags);
		assert_int_equal(key.crypto_cfg.dun_bytes, rows[i].dun_bytes);
		assert_memory_equal(key.bytes, bytes, key.size);
		for (unsigned b = key.size; b < sizeof(key.bytes); b++)
			assert_int_equal(key.bytes[b], 0);
	}
}

static void test_b2_dun_increment(void **state)
{
	static const struct {
		uint64_t before[4], inc, after[4];
	} rows[] = {
		{ { 0, 0, 0, 0 }, 0, { 0, 0, 0, 0 } },
		{ { 5, 1, 2, 3 }, 7, { 12, 1, 2, 3 } },
		{ { UINT64_MAX, 0, 0, 0 }, 1, { 0, 1, 0, 0 } },
		{ { UINT64_MAX, UINT64_MAX, 0, 9 }, 1, { 0, 0, 1, 9 } },
		{ { UINT64_MAX - 1, 0, 0, 0 }, 3, { 1, 1, 0, 0 } },
		{ { 2, UINT64_MAX, UINT64_MAX, 0 }, UINT64_MAX, { 1, 0, 0, 1 } },
		{ { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX }, 1, { 0, 0, 0, 0 } },
		{ { UINT64_MAX, 4, 0, 0 }, UINT64_MAX, { UINT64_MAX - 1, 5, 0, 0 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t dun[4];

		memcpy(dun, rows[i].before, sizeof(dun));
		bio_crypt_dun_increment(dun, rows[i].inc);
		assert_memory_equal(dun, rows[i].after, sizeof(dun));
	}
}

static void test_b2_dun_contiguous(void **state)
{
	static const struct {
		uint64_t dun[4];
		size_t bytes;
		uint64_t next[4];
		bool contiguous;
	} rows[] = {
		{ { 1, 0, 0, 0 }, 4096, { 2, 0, 0, 0 }, true },
		{ { 1, 0, 0, 0 }, 8192, { 3, 0, 0, 0 }, true },
		{ { 1, 0, 0, 0 }, 8192, { 2, 0, 0, 0 }, false },
		{ { 1, 0, 0, 0 }, 4096, { 2, 0, 0, 1 }, false },
		{ { UINT64_MAX, 0, 0, 0 }, 4096, { 0, 1, 0, 0 }, true },
		{ { UINT64_MAX, 0, 0, 0 }, 4096, { 0, 0, 0, 0 }, false },
		{ { UINT64_MAX, UINT64_MAX, UINT64_MAX, 5 }, 4096, { 0, 0, 0, 6 }, true },
		/* past the top limb: the sum is right, but it has wrapped */
		{ { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX }, 4096, { 0, 0, 0, 0 }, false },
	};
	struct blk_crypto_key key;

	make_key(&key, 1, 4096, 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bio_crypt_ctx ctx = { .bc_key = &key };

		memcpy(ctx.bc_dun, rows[i].dun, sizeof(ctx.bc_dun));
		assert_int_equal(bio_crypt_dun_is_contiguous(&ctx, rows[i].bytes, rows[i].next),
				 rows[i].contiguous);
	}
}

static void test_b2_dun_to_iv(void **state)
{
	static const uint64_t dun[4] = { 0x0807060504030201, 0x100f0e0d0c0b0a09, 0x1817161514131211,
					 0x201f1e1d1c1b1a19 };
	uint8_t iv[32];

	blk_crypto_dun_to_iv(dun, iv);
	for (unsigned i = 0; i < sizeof(iv); i++)
		assert_int_equal(iv[i], i + 1);
}

static void test_b38_status(void **state)
{
	static const struct {
		enum blk_status status;
		int err;
	} rows[] = {
		{ BLK_STS_OK, 0 },
		{ BLK_STS_NOTSUPP, -EOPNOTSUPP },
		{ BLK_STS_RESOURCE, -ENOMEM },
		{ BLK_STS_DEV_RESOURCE, -EBUSY },
		{ BLK_STS_AGAIN, -EAGAIN },
		{ BLK_STS_INVAL, -EINVAL },
		{ BLK_STS_IOERR, -EIO },
		{ BLK_STS_NOSPC, -ENOSPC },
		{ BLK_STS_MEDIUM, -ENODATA },
		{ BLK_STS_PROTECTION, -EILSEQ },
		{ BLK_STS_TIMEOUT, -ETIMEDOUT },
		{ BLK_STS_OFFLINE, -ENODEV },
		{ BLK_STS_TARGET, -EREMOTEIO },
		{ BLK_STS_TRANSPORT, -ENOLINK },
	};

	assert_int_equal(ARRAY_SIZE(rows), BLK_STS_BACKING);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(blk_status_to_errno(rows[i].status), rows[i].err);
		assert_int_equal(errno_to_blk_status(rows[i].err), rows[i].status);
	}
	assert_int_equal(errno_to_blk_status(-EDQUOT), BLK_STS_IOERR);
	assert_int_equal(errno_to_blk_status(-EROFS), BLK_STS_IOERR);
	assert_int_equal(blk_status_to_errno(BLK_STS_BACKING), -EIO);
	assert_int_equal(blk_status_to_errno((enum blk_status)99), -EIO);
}

static void count_end_io(struct bio *bio)
{
	(*(unsigned *)bio->bi_private)++;
}

static void test_b38_bio_errno(void **state)
{
	static const int errnos[] = { 0,      -EIO,    -ENOSPC, -EDQUOT, -EFBIG,
				      -EROFS, -ESTALE, -EINVAL, -ENOMEM, -EBADF };
	struct blk_device dev = { .type = NULL };
	unsigned ended = 0;
	struct bio bio;

	for (size_t i = 0; i < ARRAY_SIZE(errnos); i++) {
		bio_init(&bio, &dev, NULL, REQ_OP_READ, 0, NULL, 0);
		bio.bi_end_io = count_end_io;
		bio.bi_private = &ended;
		bio_end_errno(&bio, errnos[i]);
		assert_int_equal(bio_errno(&bio), errnos[i]);
	}
	assert_int_equal(ended, ARRAY_SIZE(errnos));
	assert_int_equal(stat_read(&dev.stats.errors), ARRAY_SIZE(errnos) - 1);
	bio_end_status(&bio, BLK_STS_TARGET);
	assert_int_equal(bio_errno(&bio), -EREMOTEIO);
}

static void test_b4_b26_config_supported(void **state)
{
	struct blk_device *file = open_device("file", false);
	struct blk_device *bare = open_device("file", true);
	struct blk_device *sim = open_device("sim(modes=aes-256-xts:4096;mem)", true);
	struct blk_crypto_key raw, raw_hw, small_hw, essiv, wrapped;
	uint8_t bytes[64];

	fill_pattern(bytes, sizeof(bytes), 3);
	make_key(&raw, 1, 4096, 0);
	make_key(&raw_hw, 1, 4096, BLK_CRYPTO_CFG_ALLOW_HW);
	make_key(&small_hw, 1, 512, BLK_CRYPTO_CFG_ALLOW_HW);
	assert_int_equal(blk_crypto_init_key(&essiv, bytes, 16, RAW, ESSIV, 8, 4096, 0), 0);
	assert_int_equal(blk_crypto_init_key(&wrapped, bytes, 64, WRAPPED, XTS, 8, 4096,
					     BLK_CRYPTO_CFG_ALLOW_HW),
			 0);

	assert_true(blk_crypto_config_supported(file, &raw.crypto_cfg));
	assert_false(blk_crypto_config_supported_natively(file, &raw_hw.crypto_cfg));
	assert_false(blk_crypto_config_supported(file, &wrapped.crypto_cfg));
	assert_int_equal(blk_crypto_start_using_key(file, &raw), 0);
	assert_int_equal(blk_crypto_start_using_key(file, &wrapped), -EOPNOTSUPP);

	assert_false(blk_crypto_config_supported(bare, &raw.crypto_cfg));
	assert_int_equal(blk_crypto_start_using_key(bare, &raw), -ENOPKG);
	assert_int_equal(blk_crypto_start_using_key(bare, &wrapped), -EOPNOTSUPP);

	/* Without the flag the engine is not used, even if that leaves nothing. */
	assert_true(blk_crypto_config_supported(sim, &raw_hw.crypto_cfg));
	assert_true(blk_crypto_config_supported_natively(sim, &raw_hw.crypto_cfg));
	assert_int_equal(blk_crypto_start_using_key(sim, &raw_hw), 0);
	assert_false(blk_crypto_config_supported(sim, &raw.crypto_cfg));
	assert_int_equal(blk_crypto_start_using_key(sim, &raw), -ENOPKG);
	assert_false(blk_crypto_config_supported(sim, &small_hw.crypto_cfg));
	assert_false(blk_crypto_config_supported(sim, &wrapped.crypto_cfg));

	if (skcipher_find(blk_crypto_modes[ESSIV].variant)) {
		assert_int_equal(blk_crypto_start_using_key(file, &essiv), 0);
	} else {
		assert_int_equal(blk_crypto_start_using_key(file, &essiv), -ENOPKG);
		assert_false(blk_crypto_config_supported(file, &essiv.crypto_cfg));
	}

	blk_device_close(file);
	blk_device_close(bare);
	blk_device_close(sim);
	blk_crypto_fallback_destroy();
}

static void test_b18_submit_refusals(void **state)
{
	struct blk_device *dev = open_device("mem", false);
	struct blk_crypto_key key, unstarted;
	uint8_t buf[8192] = { 0 };
	struct io io = { .dev = dev, .key = &key };

	make_key(&key, 1, 4096, 0);
	make_key(&unstarted, 2, 4096, 0);
	io.key = &unstarted;
	if (!DEBUG_BUILD)
		assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, 4096), -EIO);
	io.key = &key;
	assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);

	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, 0), -EIO);
	assert_int_equal(do_io(&io, REQ_OP_FLUSH, buf, 0), -EIO);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, 4095), -EINVAL);
	assert_int_equal(do_io(&io, REQ_OP_READ, buf, 512), -EINVAL);
	io.seg = 2048; /* the sum is aligned, the segments are not */
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, 8192), -EINVAL);
	io.seg = 0;
	io.sector = 1;
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, 4096), -EINVAL);
	io.sector = 8;
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, 4096), 0);
	io.head = buf;
	io.head_size = 4096;
	assert_int_equal(do_io(&io, REQ_OP_READ, buf, 4096), -EINVAL);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, 4096), 0);
	io.head_size = 4097;
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, 4096), -EINVAL);
	/* Two plain bytes, alone, in front of sector 8. */
	io.key = NULL;
	io.head_size = 2;
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, 0), 0);
	assert_int_equal(stat_read(&dev->stats.writes), 3);
	assert_int_equal(stat_read(&dev->stats.write_bytes), 4096 + 8192 + 2);

	blk_crypto_evict_key(dev, &key);
	blk_device_close(dev);
	blk_crypto_fallback_destroy();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_b1_key_table),
		cmocka_unit_test(test_b2_dun_increment),
		cmocka_unit_test(test_b2_dun_contiguous),
		cmocka_unit_test(test_b2_dun_to_iv),
		cmocka_unit_test(test_b38_status),
		cmocka_unit_test(test_b38_bio_errno),
		cmocka_unit_test(test_b4_b26_config_supported),
		cmocka_unit_test(test_b18_submit_refusals),
	};

	if (secret_init() != 0)
		return 99;
	return cmocka_run_group_tests_name("blk-crypto", tests, NULL, NULL);
}
