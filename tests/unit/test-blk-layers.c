/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-blk-layers.c - devices above others: where bios go, and what they show */
#include "blk-test.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "blkcrypto/blk-crypto-caps.h"
#include "blkcrypto/blk-crypto-profile.h"
#include "blkcrypto/blk-crypto-wrapped.h"
#include "util/secret.h"

#define HW BLK_CRYPTO_CFG_ALLOW_HW

static uint64_t programs(const struct blk_device *dev)
{
	return stat_read(&dev->crypto_profile->stats.programs);
}

/* ---- linear ------------------------------------------------------------------------------- */

static void test_linear_B30_B31_B33(void **state)
{
	struct blk_device *dev = open_device("linear(offset=8K;sim(slots=2;mem))", true);
	struct blk_device *sim = dev->children[0];
	struct blk_crypto_key key;
	uint8_t out[16384], in[16384], head[512];
	struct io io = { .dev = dev, .key = &key, .dun = 5, .sector = 8 };

	/* No slots of its own, the capabilities of what is below. */
	assert_int_equal(dev->crypto_profile->num_slots, 0);
	assert_true(blk_crypto_has_capabilities(dev->crypto_profile, sim->crypto_profile));
	assert_true(blk_crypto_has_capabilities(sim->crypto_profile, dev->crypto_profile));
	make_key(&key, 1, 4096, HW);
	assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
	fill_pattern(out, sizeof(out), 1);
	fill_pattern(head, sizeof(head), 2);
	io.head = head;
	io.head_size = sizeof(head);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, sizeof(out)), 0);
	expect_stored(dev, 4096 + 8192, &key, 5, out, sizeof(out));
	expect_stored(dev, 4096 + 8192 - 512, NULL, 0, head, sizeof(head));
	io.head = NULL;
	io.head_size = 0;
	assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
	assert_memory_equal(in, out, sizeof(in));
	/* The slot is the target's; eviction at the top reaches it. */
	assert_int_equal(programs(sim), 1);
	blk_crypto_evict_key(dev, &key);
	blk_crypto_profile_for_each_slot(sim->crypto_profile, no_key, NULL);
	assert_int_equal(stat_read(&sim->crypto_profile->stats.evictions), 1);
	assert_null(blk_crypto_fallback_profile());
	blk_device_close(dev);

	expect_refused("linear(offset=100;mem)", "is not a size like 64K");
	expect_refused("linear(;mem;mem)", "takes at most 1 device");
	expect_refused("linear(offset=8388608T;mem)", "past the end of any device");

	/* Far out there is nothing; above all not the beginning. */
	dev = open_device("linear(offset=8388607T;linear(offset=8388607T;mem))", true);
	io = (struct io){ .dev = dev, .sector = UINT64_C(4) << 31 };
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, 512), -EFBIG);
	assert_int_equal(do_io(&io, REQ_OP_READ, in, 512), -EFBIG);
	blk_device_close(dev);
}

/* ---- stripe ------------------------------------------------------------------------------- */

static void test_stripe_B27_B30_B33(void **state)
{
	struct blk_device *dev = open_device(
		"stripe(chunk=8K;sim(slots=1;mem);sim(slots=3;mem);linear(;sim(slots=0;mem)))",
		true);
	struct blk_crypto_key key, other;
	const size_t len = 5 * 8192 + 4096;
	uint8_t *out = malloc(2 * len), *in = out + len, head[4096];
	struct io io = { .dev = dev, .key = &key, .dun = UINT64_MAX - 3, .sector = 8 };

	assert_non_null(out);
	make_key(&key, 3, 4096, HW);
	make_key(&other, 4, 4096, HW);
	assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
	assert_int_equal(blk_crypto_start_using_key(dev, &other), 0);
	fill_pattern(out, len, 5);
	fill_pattern(head, sizeof(head), 6);
	for (io.seg = 0; io.seg <= 12288; io.seg += 4096) {
		io.head = head;
		io.head_size = sizeof(head);
		io.dun = 9;
		assert_int_equal(do_io(&io, REQ_OP_WRITE, out, len), 0);
		io.head = NULL;
		io.head_size = 0;
		memset(in, 0, len);
		assert_int_equal(do_io(&io, REQ_OP_READ, in, len), 0);
		assert_memory_equal(in, out, len);
	}
	/*
	 * Byte 4096 on: half a chunk of the first device, then whole ones in turn. The header is
	 * in front, on the same chunk.
	 */
	expect_stored(dev->children[0], 0, NULL, 0, head, 4096);
	expect_stored(dev->children[0], 4096, &key, 9, out, 4096);
	expect_stored(dev->children[1], 0, &key, 10, out + 4096, 8192);
	expect_stored(dev->children[2], 0, &key, 12, out + 12288, 8192);
	expect_stored(dev->children[0], 8192, &key, 14, out + 20480, 8192);
	expect_stored(dev->children[1], 8192, &key, 16, out + 28672, 8192);
	expect_stored(dev->children[2], 8192, &key, 18, out + 36864, 8192);

	/* A head that is on another device than the data goes there. */
	io.sector = 32;
	io.head = head;
	io.head_size = sizeof(head);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, 4096), 0);
	expect_stored(dev->children[1], 4096, NULL, 0, head, 4096);
	expect_stored(dev->children[2], 0, &key, 9, out, 4096);

	/* Each target used a slot of its own, and all are asked to evict. */
	assert_int_equal(programs(dev->children[0]), 1);
	assert_int_equal(programs(dev->children[1]), 1);
	blk_crypto_evict_key(dev, &key);
	blk_crypto_evict_key(dev, &other);
	assert_int_equal(stat_read(&dev->children[0]->crypto_profile->stats.evictions), 1);
	assert_int_equal(stat_read(&dev->children[1]->crypto_profile->stats.evictions), 1);
	assert_int_equal(stat_read(&dev->children[2]->children[0]->crypto_profile->stats.evictions),
			 2);
	for (unsigned i = 0; i < 2; i++)
		blk_crypto_profile_for_each_slot(dev->children[i]->crypto_profile, no_key, NULL);
	free(out);
	blk_device_close(dev);

	expect_refused("stripe(;mem)", "at least 2 device");
	expect_refused("stripe(chunk=1K;mem;mem)", "is not a power of two from 4K on");
	expect_refused("stripe(chunk=12K;mem;mem)", "is not a power of two from 4K on");
	expect_refused("stripe(;mem;file)", "partly in the files of a mount");
}

/* Data units larger than a chunk cannot be cut: refused, not stored in some way. */
static void test_stripe_no_cut_inside_unit_B18(void **state)
{
	struct blk_device *dev = open_device("stripe(chunk=4K;zero;mem)", true);
	struct blk_crypto_key key;
	uint8_t buf[8192] = { 0 };
	struct io io = { .dev = dev, .key = &key };

	assert_null(dev->crypto_profile); /* mem has none */
	blk_device_close(dev);
	dev = open_device("stripe(chunk=4K;mem;sim(slots=1;mem))", false);
	io.dev = dev;
	make_key(&key, 3, 8192, 0);
	assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
	/* The fallback is above, so what is cut is ciphertext already: fine. */
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), 0);
	blk_crypto_evict_key(dev, &key);
	blk_device_close(dev);
	dev = open_device("stripe(chunk=4K;zero;zero)", true);
	io.dev = dev;
	make_key(&key, 3, 8192, HW);
	assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), -EINVAL);
	blk_crypto_evict_key(dev, &key);
	blk_device_close(dev);
	blk_crypto_fallback_destroy();
}

/* file(path=): each a disk of its own, with the layout that the layers give it. */
static void test_geometry_of_files_B27(void **state)
{
	char dir[] = "/tmp/test-blk-layers-XXXXXX", spec[256], path[64];
	struct blk_crypto_key key;
	uint8_t out[16384], in[16384], want[16384], raw[8192];
	struct blk_device *dev;
	struct io io = { .key = &key };

	assert_non_null(mkdtemp(dir));
	snprintf(
		spec, sizeof(spec),
		"stripe(chunk=4K;sim(slots=1;file(path=%s/0));linear(offset=4K;sim(;file(path=%s/1))))",
		dir, dir);
	io.dev = dev = open_device(spec, true);
	assert_int_equal(dev->space, BLK_SPACE_OWN);
	make_key(&key, 1, 4096, HW);
	assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
	fill_pattern(out, sizeof(out), 1);
	reference_encrypt(&key, 0, out, want, sizeof(out));
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, sizeof(out)), 0);
	assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
	assert_memory_equal(in, out, sizeof(in));
	for (unsigned i = 0; i < 2; i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/%u", dir, i);
		fd = open(path, O_RDONLY);
		assert_true(fd >= 0);
		assert_int_equal(pread(fd, raw, 8192, i ? 4096 : 0), 8192);
		assert_memory_equal(raw, want + (size_t)i * 4096, 4096);
		assert_memory_equal(raw + 4096, want + 8192 + (size_t)i * 4096, 4096);
		close(fd);
		unlink(path);
	}
	io.key = NULL;
	assert_int_equal(do_io(&io, REQ_OP_FLUSH, NULL, 0), 0);
	blk_crypto_evict_key(dev, &key);
	blk_device_close(dev);
	rmdir(dir);
	expect_refused("file(path=x)", "is not an absolute path");
	expect_refused("stripe(;file;file(path=/dev/null))", "partly in the files of a mount");
}

/* Without a space of their own layers only choose the way: the file has the same bytes. */
static void test_routes_under_a_mount_B27(void **state)
{
	static const char *const specs[] = {
		"file",
		"linear(offset=1M;sim)",
		"stripe(chunk=4K;sim(slots=1);sim(slots=2);linear)",
		"stripe(chunk=4K;file;sim(slots=2))",
		"mirror(;sim(slots=1);file)",
		"mirror(;sim(slots=1);sim(slots=0))",
		"delay(read=10us;flakey(good=1,bad=0;sim))",
		"dm(0+4K linear file; 4K+12K stripe sim sim; 16K+* mirror sim file)",
	};
	uint8_t out[40960], head[4096], raw[4096 + sizeof(out)], want[sizeof(out)], in[sizeof(out)];

	fill_pattern(out, sizeof(out), 8);
	fill_pattern(head, sizeof(head), 9);
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		char path[] = "/tmp/test-blk-layers-XXXXXX";
		struct blk_device *dev = open_device(specs[i], false);
		struct blk_file file = { .fd = mkstemp(path) };
		struct blk_crypto_key key;
		struct io io = { .dev = dev,
				 .file = &file,
				 .key = &key,
				 .sector = 8,
				 .seg = 12288,
				 .head = head,
				 .head_size = sizeof(head) };

		assert_true(file.fd >= 0);
		unlink(path);
		make_key(&key, 10, 4096, HW);
		assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
		assert_int_equal(do_io(&io, REQ_OP_WRITE, out, sizeof(out)), 0);
		assert_int_equal(pread(file.fd, raw, sizeof(raw), 0), sizeof(raw));
		assert_memory_equal(raw, head, sizeof(head));
		reference_encrypt(&key, 0, out, want, sizeof(out));
		assert_memory_equal(raw + 4096, want, sizeof(want));
		io.head = NULL;
		io.head_size = 0;
		assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
		assert_memory_equal(in, out, sizeof(in));
		assert_int_equal(
			do_io(&(struct io){ .dev = dev, .file = &file }, REQ_OP_FLUSH, NULL, 0), 0);
		blk_crypto_evict_key(dev, &key);
		close(file.fd);
		blk_device_close(dev);
	}
	blk_crypto_fallback_destroy();
}

/* ---- mirror ------------------------------------------------------------------------------- */

static void test_mirror_B30_B33(void **state)
{
	struct blk_device *dev = open_device("mirror(;sim(slots=1;mem);sim(slots=4;mem))", true);
	struct blk_crypto_key key;
	uint8_t out[8192], in[8192];
	struct io io = { .dev = dev, .key = &key, .dun = 1 };

	make_key(&key, 1, 512, HW);
	assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
	fill_pattern(out, sizeof(out), 1);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, sizeof(out)), 0);
	for (unsigned i = 0; i < 2; i++) {
		expect_stored(dev->children[i], 0, &key, 1, out, sizeof(out));
		assert_int_equal(programs(dev->children[i]), 1);
	}
	/* Reads take turns. */
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
		assert_memory_equal(in, out, sizeof(in));
	}
	assert_int_equal(stat_read(&dev->children[0]->stats.reads), 2);
	assert_int_equal(stat_read(&dev->children[1]->stats.reads), 2);
	assert_int_equal(do_io(&(struct io){ .dev = dev }, REQ_OP_FLUSH, NULL, 0), 0);
	assert_int_equal(stat_read(&dev->children[0]->children[0]->stats.flushes), 1);
	assert_int_equal(stat_read(&dev->children[1]->children[0]->stats.flushes), 1);
	blk_crypto_evict_key(dev, &key);
	for (unsigned i = 0; i < 2; i++)
		blk_crypto_profile_for_each_slot(dev->children[i]->crypto_profile, no_key, NULL);
	blk_device_close(dev);
}

static void test_mirror_read_from_other_leg(void **state)
{
	struct blk_device *dev = open_device("mirror(;flakey(what=read;mem);mem)", false);
	uint8_t out[4096], in[4096];
	struct io io = { .dev = dev };

	fill_pattern(out, sizeof(out), 1);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, sizeof(out)), 0);
	for (unsigned i = 0; i < 4; i++) {
		memset(in, 0, sizeof(in));
		assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
		assert_memory_equal(in, out, sizeof(in));
	}
	/* A leg that cannot be read is still written. */
	expect_stored(dev->children[0], 0, NULL, 0, out, sizeof(out));
	assert_int_equal(stat_read(&dev->children[0]->stats.errors), 2);
	blk_device_close(dev);

	dev = open_device("mirror(;error(errno=ENODATA);error(errno=ENODATA))", false);
	io.dev = dev;
	assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), -ENODATA);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, in, sizeof(in)), -ENODATA);
	assert_int_equal(do_io(&io, REQ_OP_FLUSH, NULL, 0), -ENODATA);
	blk_device_close(dev);
}

/* What a leg has missed is never read from it. */
static void test_mirror_stale_leg(void **state)
{
	struct blk_device *dev =
		open_device("mirror(;flakey(what=write,good=1,bad=1;mem);mem)", false);
	uint8_t old[4096], new[4096], in[4096];
	struct io io = { .dev = dev };

	fill_pattern(old, sizeof(old), 1);
	fill_pattern(new, sizeof(new), 2);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, old, sizeof(old)), 0);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, new, sizeof(new)), 0); /* on one leg */
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
		assert_memory_equal(in, new, sizeof(in));
	}
	assert_int_equal(stat_read(&dev->children[0]->stats.reads), 0);
	assert_int_equal(stat_read(&dev->children[1]->stats.reads), 4);
	blk_device_close(dev);

	/* The last leg stays, whatever it says. */
	dev = open_device("mirror(;flakey(what=write;mem);flakey(what=write,good=1,bad=1;mem))",
			  false);
	io.dev = dev;
	assert_int_equal(do_io(&io, REQ_OP_WRITE, old, sizeof(old)), 0);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, new, sizeof(new)), -EIO);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, new, sizeof(new)), 0);
	assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
	assert_memory_equal(in, new, sizeof(in));
	blk_device_close(dev);
	expect_refused("mirror(;mem)", "at least 2 device");
	expect_refused("mirror(x=1;mem;mem)", "unknown option x");
}

/* ---- capabilities ------------------------------------------------------------------------- */

static void test_intersection_B31(void **state)
{
	struct blk_device *dev =
		open_device("mirror(;sim(modes=aes-256-xts:512+4096/adiantum,dun=8);"
			    "sim(modes=aes-256-xts:4096+2048,dun=5))",
			    false);
	const struct blk_crypto_profile *p = dev->crypto_profile;
	struct blk_crypto_key key;

	assert_int_equal(p->num_slots, 0);
	assert_int_equal(p->max_dun_bytes_supported, 5);
	assert_int_equal(p->key_types_supported, BLK_CRYPTO_KEY_TYPE_RAW);
	assert_int_equal(p->modes_supported[BLK_ENCRYPTION_MODE_AES_256_XTS], 4096);
	assert_int_equal(p->modes_supported[BLK_ENCRYPTION_MODE_ADIANTUM], 0);
	/* What only one leg can do finds the fallback ready, because the lack was seen at the top.
	 */
	make_key(&key, 1, 512, HW);
	assert_false(blk_crypto_config_supported_natively(dev, &key.crypto_cfg));
	assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
	assert_non_null(blk_crypto_fallback_profile());
	blk_crypto_evict_key(dev, &key);
	blk_device_close(dev);
	blk_crypto_fallback_destroy();

	/* Nothing in common, or a child without an engine: no profile at all. */
	dev = open_device("mirror(;sim(modes=aes-256-xts);sim(modes=adiantum))", false);
	assert_null(dev->crypto_profile);
	blk_device_close(dev);
	dev = open_device("stripe(;sim;file)", false);
	assert_null(dev->crypto_profile);
	blk_device_close(dev);
	/* Two levels. */
	dev = open_device("linear(;linear(;sim(modes=adiantum:4096)))", false);
	assert_int_equal(dev->crypto_profile->modes_supported[BLK_ENCRYPTION_MODE_ADIANTUM], 4096);
	blk_device_close(dev);
}

/* Wrapped keys pass a layer by the first child that made them. */
static void test_wrapped_through_layers_B36(void **state)
{
	char dir[] = "/tmp/test-blk-layers-XXXXXX", spec[128];
	struct blk_device *dev;
	uint8_t raw[32], lt[BLK_CRYPTO_MAX_HW_WRAPPED_KEY_SIZE];
	uint8_t eph[BLK_CRYPTO_MAX_HW_WRAPPED_KEY_SIZE], secret[2][BLK_CRYPTO_SW_SECRET_SIZE];
	int lt_len, eph_len;

	assert_non_null(mkdtemp(dir));
	snprintf(spec, sizeof(spec), "linear(;mirror(;zero;sim(keytypes=wrapped,hwkey=%s/hw)))",
		 dir);
	dev = open_device(spec, false);
	assert_int_equal(dev->crypto_profile->key_types_supported, BLK_CRYPTO_KEY_TYPE_HW_WRAPPED);
	fill_pattern(raw, sizeof(raw), 1);
	lt_len = blk_crypto_import_key(dev, raw, sizeof(raw), lt);
	assert_true(lt_len > 0);
	eph_len = blk_crypto_prepare_key(dev, lt, (size_t)lt_len, eph);
	assert_true(eph_len > 0);
	assert_int_equal(blk_crypto_derive_sw_secret(dev, eph, (size_t)eph_len, secret[0]), 0);
	assert_int_equal(blk_crypto_derive_sw_secret(dev->children[0]->children[1], eph,
						     (size_t)eph_len, secret[1]),
			 0);
	assert_memory_equal(secret[0], secret[1], sizeof(secret[0]));
	assert_true(blk_crypto_generate_key(dev, lt) > 0);
	eph[0] ^= 1;
	assert_int_equal(blk_crypto_derive_sw_secret(dev, eph, (size_t)eph_len, secret[0]),
			 -EBADMSG);
	blk_device_close(dev);
	snprintf(spec, sizeof(spec), "%s/hw", dir);
	unlink(spec);
	rmdir(dir);
}

static void test_superset_B34(void **state)
{
	struct blk_crypto_profile big = { .max_dun_bytes_supported = 8,
					  .key_types_supported = 3,
					  .modes_supported = { 0, 512 | 4096, 0, 4096 } };
	struct blk_crypto_profile small = big;

	assert_true(blk_crypto_has_capabilities(&big, &small));
	assert_true(blk_crypto_has_capabilities(&big, NULL));
	assert_true(blk_crypto_has_capabilities(NULL, NULL));
	assert_false(blk_crypto_has_capabilities(NULL, &small));
	small.max_dun_bytes_supported = 4;
	assert_true(blk_crypto_has_capabilities(&big, &small));
	assert_false(blk_crypto_has_capabilities(&small, &big));
	small = big;
	small.key_types_supported = 1;
	assert_false(blk_crypto_has_capabilities(&small, &big));
	small = big;
	small.modes_supported[3] = 0;
	assert_true(blk_crypto_has_capabilities(&big, &small));
	assert_false(blk_crypto_has_capabilities(&small, &big));
	blk_crypto_update_capabilities(&small, &big);
	assert_true(blk_crypto_has_capabilities(&small, &big));
	assert_false(blk_crypto_capabilities_empty(&small));
	blk_crypto_intersect_capabilities(&small, NULL);
	assert_true(blk_crypto_capabilities_empty(&small));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_linear_B30_B31_B33),
		cmocka_unit_test(test_stripe_B27_B30_B33),
		cmocka_unit_test(test_stripe_no_cut_inside_unit_B18),
		cmocka_unit_test(test_geometry_of_files_B27),
		cmocka_unit_test(test_routes_under_a_mount_B27),
		cmocka_unit_test(test_mirror_B30_B33),
		cmocka_unit_test(test_mirror_read_from_other_leg),
		cmocka_unit_test(test_mirror_stale_leg),
		cmocka_unit_test(test_intersection_B31),
		cmocka_unit_test(test_wrapped_through_layers_B36),
		cmocka_unit_test(test_superset_B34),
	};

	if (secret_init() != 0)
		return 99;
	return cmocka_run_group_tests_name("blk-layers", tests, NULL, NULL);
}
