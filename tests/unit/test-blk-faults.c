/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-blk-faults.c - zero, error, delay and flakey: what they answer, and when */
#include "blk-test.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "util/secret.h"

#define HW BLK_CRYPTO_CFG_ALLOW_HW

/* ---- zero, error, delay ------------------------------------------------------------------- */

static void test_zero(void **state)
{
	struct blk_device *dev = open_device("zero", true);
	struct blk_crypto_key key;
	uint8_t buf[4096];
	struct io io = { .dev = dev, .seg = 1024 };

	memset(buf, 1, sizeof(buf));
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), 0);
	assert_int_equal(do_io(&io, REQ_OP_READ, buf, sizeof(buf)), 0);
	for (size_t i = 0; i < sizeof(buf); i++)
		assert_int_equal(buf[i], 0);
	assert_int_equal(do_io(&io, REQ_OP_FLUSH, NULL, 0), 0);
	/* It opts in, as the kernel's does: with it in a table the others keep their engines. */
	make_key(&key, 1, 1024, HW);
	assert_true(blk_crypto_config_supported_natively(dev, &key.crypto_cfg));
	blk_device_close(dev);
	expect_refused("zero(;mem)", "zero takes no device beneath it");
}

static void test_error(void **state)
{
	static const struct {
		const char *name;
		int err;
	} errors[] = {
		{ "EIO", EIO },	      { "ENOSPC", ENOSPC },	  { "EDQUOT", EDQUOT },
		{ "EROFS", EROFS },   { "ENODEV", ENODEV },	  { "EFBIG", EFBIG },
		{ "EILSEQ", EILSEQ }, { "ETIMEDOUT", ETIMEDOUT }, { "ENODATA", ENODATA },
	};
	struct blk_crypto_key key;
	uint8_t buf[4096] = { 0 };

	make_key(&key, 1, 4096, HW);
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		/* Errors come up through every layer as they are. */
		static const char *const around[][2] = {
			{ "", "" },
			{ "linear(;", ")" },
			{ "sim(;delay(;", "))" },
			{ "stripe(chunk=4K;", ";mem)" },
			{ "mirror(;flakey(errno=ENOLINK);linear(;", "))" },
			{ "dm(0+1M linear ", ")" },
		};

		for (size_t j = 0; j < ARRAY_SIZE(around); j++) {
			char spec[128];
			struct blk_device *dev;
			struct io io = { .key = &key };

			snprintf(spec, sizeof(spec), "%serror(errno=%s)%s", around[j][0],
				 errors[i].name, around[j][1]);
			io.dev = dev = open_device(spec, false);
			assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
			assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)),
					 -errors[i].err);
			assert_int_equal(do_io(&io, REQ_OP_READ, buf, sizeof(buf)), -errors[i].err);
			io.key = NULL;
			assert_int_equal(do_io(&io, REQ_OP_FLUSH, NULL, 0), -errors[i].err);
			blk_crypto_evict_key(dev, &key);
			blk_device_close(dev);
		}
	}
	blk_crypto_fallback_destroy();
	expect_refused("error(errno=EPERM)", "is not an error that I/O can fail with");
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void test_delay(void **state)
{
	struct blk_device *dev = open_device("delay(read=30ms,write=1ms;sim(;mem))", true);
	struct blk_crypto_key key;
	uint8_t out[4096], in[4096];
	struct io io = { .dev = dev, .key = &key };
	uint64_t start;

	make_key(&key, 1, 4096, HW);
	assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
	fill_pattern(out, sizeof(out), 1);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, sizeof(out)), 0);
	start = now_ms();
	assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
	assert_true(now_ms() - start >= 29);
	assert_memory_equal(in, out, sizeof(in));
	io.key = NULL;
	assert_int_equal(do_io(&io, REQ_OP_FLUSH, NULL, 0), 0);
	blk_crypto_evict_key(dev, &key);
	blk_device_close(dev);
	expect_refused("delay(read=5min)", "is not a time like 5ms");
	expect_refused("delay(read=90000s)", "a day at most");
}

/* ---- flakey ------------------------------------------------------------------------------- */

static void test_flakey_error(void **state)
{
	struct blk_device *dev =
		open_device("flakey(what=write+flush,good=2,bad=1,errno=ENOSPC;mem)", false);
	uint8_t buf[512] = { 0 };
	struct io io = { .dev = dev };

	for (unsigned i = 0; i < 9; i++) {
		assert_int_equal(do_io(&io, i % 2 ? REQ_OP_WRITE : REQ_OP_FLUSH, buf,
				       i % 2 ? sizeof(buf) : 0),
				 i % 3 == 2 ? -ENOSPC : 0);
		assert_int_equal(do_io(&io, REQ_OP_READ, buf, sizeof(buf)), 0);
	}
	blk_device_close(dev);
	dev = open_device("flakey(;mem)", false);
	io.dev = dev;
	assert_int_equal(do_io(&io, REQ_OP_READ, buf, sizeof(buf)), -EIO);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), -EIO);
	assert_int_equal(do_io(&io, REQ_OP_FLUSH, NULL, 0), -EIO);
	blk_device_close(dev);
}

static void test_flakey_when(void **state)
{
	char path[] = "/tmp/test-blk-layers-XXXXXX", spec[128];
	struct blk_device *dev;
	uint8_t buf[512] = { 0 };
	struct io io = { 0 };
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	snprintf(spec, sizeof(spec), "flakey(while=%s;mem)", path);
	io.dev = dev = open_device(spec, false);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), -EIO);
	unlink(path);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), 0);
	close(fd);
	blk_device_close(dev);

	/* Far apart, so that a slow machine does not matter. */
	io.dev = dev = open_device("flakey(up=3600s,down=1s;mem)", false);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), 0);
	blk_device_close(dev);
	io.dev = dev = open_device("flakey(down=1s;mem)", false);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), -EIO);
	blk_device_close(dev);
	expect_refused("flakey(while=x)", "is not an absolute path");
	expect_refused("flakey(mode=odd)", "is not error, drop or corrupt");
	expect_refused("flakey(what=write+all)", "is not a list like read+write+flush");
	expect_refused("flakey(mode=drop,what=read)", "a read cannot be dropped");
	expect_refused("flakey(mode=corrupt,what=flush)", "a flush cannot be corrupted");
	expect_refused("flakey(good=x)", "is not a number from 0");
}

static void test_flakey_drop(void **state)
{
	struct blk_device *dev = open_device("sim(;flakey(mode=drop,good=1,bad=1;mem))", true);
	struct blk_crypto_key key;
	uint8_t first[4096], second[4096], in[4096];
	struct io io = { .dev = dev, .key = &key };

	make_key(&key, 1, 4096, HW);
	assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
	fill_pattern(first, sizeof(first), 1);
	fill_pattern(second, sizeof(second), 2);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, first, sizeof(first)), 0);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, second, sizeof(second)), 0);
	assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
	assert_memory_equal(in, first, sizeof(in));
	blk_crypto_evict_key(dev, &key);
	blk_device_close(dev);
}

static void test_flakey_corrupt(void **state)
{
	struct blk_device *dev = open_device("flakey(mode=corrupt,byte=700;mem)", false);
	uint8_t out[1024], copy[1024], in[1024];
	struct io io = { .dev = dev, .seg = 512 };

	fill_pattern(out, sizeof(out), 1);
	memcpy(copy, out, sizeof(out));
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, sizeof(out)), 0);
	assert_memory_equal(out, copy, sizeof(out)); /* the caller's memory is its own */
	assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
	copy[700] ^= 0xff;
	assert_memory_equal(in, copy, sizeof(in));
	/* A bio without that byte is left alone. */
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, 512), 0);
	assert_int_equal(do_io(&io, REQ_OP_READ, in, 512), 0);
	assert_memory_equal(in, out, 512);
	blk_device_close(dev);

	dev = open_device("flakey(mode=corrupt,what=read;mem)", false);
	io.dev = dev;
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, sizeof(out)), 0);
	expect_stored(dev, 0, NULL, 0, out, sizeof(out));
	assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
	assert_int_equal(in[0], out[0] ^ 0xff);
	assert_memory_equal(in + 1, out + 1, sizeof(in) - 1);
	blk_device_close(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zero),	       cmocka_unit_test(test_error),
		cmocka_unit_test(test_delay),	       cmocka_unit_test(test_flakey_error),
		cmocka_unit_test(test_flakey_when),    cmocka_unit_test(test_flakey_drop),
		cmocka_unit_test(test_flakey_corrupt),
	};

	if (secret_init() != 0)
		return 99;
	return cmocka_run_group_tests_name("blk-faults", tests, NULL, NULL);
}
