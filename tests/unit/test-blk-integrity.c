/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-blk-integrity.c - checksums below the ciphertext, and inline encryption out of their way */
#include "blk-test.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blkcrypto/blk-crypto-profile.h"
#include "blkcrypto/blk-meta.h"
#include "blkcrypto/blk-stack.h"
#include "util/crc32c.h"
#include "util/secret.h"

#define HW BLK_CRYPTO_CFG_ALLOW_HW

static char dir[64];
static struct blk_file file;

static struct blk_device *open_integrity(const char *above, const char *below, bool no_fallback)
{
	char spec[256];

	snprintf(spec, sizeof(spec), "%sintegrity(tags=%s;%s)%s", above, dir, below,
		 *above ? ")" : "");
	return open_device(spec, no_fallback);
}

static int setup(void **state)
{
	char path[128];

	strcpy(dir, "/tmp/test-blk-integrity-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/file", dir);
	file.fd = open(path, O_RDWR | O_CREAT, 0600);
	return file.fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	char command[128];

	close(file.fd);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

/* In place of the C library's: how often, and of which file last. */
static unsigned syncs;
static ino_t synced;

int fdatasync(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	syncs++;
	synced = st.st_ino;
	return 0;
}

static void flip(off_t pos)
{
	uint8_t b;

	assert_int_equal(pread(file.fd, &b, 1, pos), 1);
	b ^= 1;
	assert_int_equal(pwrite(file.fd, &b, 1, pos), 1);
}

static void test_crc32c(void **state)
{
	static const char nine[] = "123456789"; /* the usual check value */

	assert_int_equal(crc32c(0, nine, 9), 0xe3069283);
	assert_int_equal(crc32c(crc32c(0, nine, 4), nine + 4, 5), 0xe3069283);
	assert_int_equal(crc32c(0, nine, 0), 0);
}

/* What a flush has made lasting must not be an error after a power cut: nor may its tags be old. */
static void test_flushes_tags(void **state)
{
	struct blk_device *dev = open_integrity("", "file", false);
	struct io io = { .dev = dev, .file = &file, .sector = 8 };
	struct blk_meta sync = { .op = BLK_META_SYNC, .dirfd = -1, .dirfd2 = -1, .fd = file.fd };
	uint8_t out[512] = { 1 };
	struct stat st;

	syncs = 0;
	assert_int_equal(fstat(file.fd, &st), 0);
	assert_int_equal(do_io(&io, REQ_OP_FLUSH, NULL, 0), 0);
	assert_int_equal(syncs, 1); /* there are no tags yet */
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, sizeof(out)), 0);
	assert_int_equal(do_io(&io, REQ_OP_FLUSH, NULL, 0), 0);
	assert_int_equal(syncs, 3);
	assert_int_not_equal(synced, st.st_ino);
	blk_meta_begin(dev);
	blk_meta_end(dev, &sync, 0);
	assert_int_equal(syncs, 4);
	blk_device_close(dev);
}

static void test_finds_changes(void **state)
{
	struct blk_device *dev = open_integrity("", "file", false);
	uint8_t out[8192], in[8192], head[4096];
	struct io io = { .dev = dev,
			 .file = &file,
			 .sector = 8,
			 .seg = 1536,
			 .head = head,
			 .head_size = sizeof(head) };

	fill_pattern(out, sizeof(out), 1);
	fill_pattern(head, sizeof(head), 2);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, sizeof(out)), 0);
	io.head_size = 0;
	assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
	assert_memory_equal(in, out, sizeof(in));
	for (off_t pos = 0; pos < 12288; pos += 1000) {
		flip(pos);
		io.sector = 0;
		assert_int_equal(do_io(&io, REQ_OP_READ, in, 4096), pos < 4096 ? -EILSEQ : 0);
		io.sector = 8;
		assert_int_equal(do_io(&io, REQ_OP_READ, in, 8192), pos >= 4096 ? -EILSEQ : 0);
		flip(pos);
	}
	assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
	/* It is known after the device has been closed, too. */
	blk_device_close(dev);
	io.dev = dev = open_integrity("", "file", false);
	assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
	flip(4096);
	assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), -EILSEQ);
	/* Written again it is good again. */
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, sizeof(out)), 0);
	assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
	assert_int_equal(do_io(&io, REQ_OP_FLUSH, NULL, 0), 0);
	blk_device_close(dev);
}

/* Plain files end anywhere. */
static void test_part_of_a_sector(void **state)
{
	struct blk_device *dev = open_integrity("", "file", false);
	uint8_t out[2048], in[2048];
	struct io io = { .dev = dev, .file = &file };

	fill_pattern(out, sizeof(out), 1);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, 2048), 0);
	fill_pattern(out, sizeof(out), 2);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, 700), 0);
	assert_int_equal(do_io(&io, REQ_OP_READ, in, 2048), 0);
	assert_memory_equal(in, out, 700);
	assert_int_equal(do_io(&io, REQ_OP_READ, in, 600), 0);
	flip(1000); /* not what is asked for, but of a sector that is */
	assert_int_equal(do_io(&io, REQ_OP_READ, in, 600), -EILSEQ);
	assert_int_equal(do_io(&io, REQ_OP_READ, in, 512), 0);
	blk_device_close(dev);
}

/* What changes past the bios is not known any more, and no error. */
static void test_meta(void **state)
{
	struct blk_device *dev = open_integrity("", "file", false);
	uint8_t out[8192], in[8192];
	struct io io = { .dev = dev, .file = &file };
	struct blk_meta meta = { .dirfd = -1, .dirfd2 = -1, .fd = file.fd };

	fill_pattern(out, sizeof(out), 1);
	assert_true(dev->records_meta);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, sizeof(out)), 0);
	blk_meta_begin(dev);
	meta.op = BLK_META_TRUNCATE;
	meta.len = 4300;
	assert_int_equal(ftruncate(file.fd, 4300), 0);
	blk_meta_end(dev, &meta, 0);
	assert_int_equal(ftruncate(file.fd, 8192), 0);
	assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
	assert_memory_equal(in, out, 4300);
	assert_int_equal(in[4300], 0);
	flip(100);
	assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), -EILSEQ);
	blk_meta_begin(dev);
	meta.op = BLK_META_FALLOCATE;
	meta.flags = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	meta.pos = 0;
	meta.len = 512;
	blk_meta_end(dev, &meta, 0);
	assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
	flip(1000);
	assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), -EILSEQ);
	blk_device_close(dev);
}

/* Wherever it is in a stack: no profile at the top, the fallback works, and without it nothing. */
static void test_hides_inline_encryption_B35(void **state)
{
	static const char *const places[][2] = {
		{ "", "sim(slots=2)" },
		{ "sim(slots=2;", "file" },
		{ "linear(;sim(slots=0;", "file)" },
		{ "mirror(;sim;", "sim" },
	};
	struct blk_crypto_key key;
	uint8_t out[4096], raw[4096], want[4096], in[4096];

	make_key(&key, 1, 4096, HW);
	fill_pattern(out, sizeof(out), 1);
	reference_encrypt(&key, 0, out, want, sizeof(out));
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct io io = { .file = &file, .key = &key };
		struct blk_device *dev;

		dev = open_integrity(places[i][0], places[i][1], false);
		assert_true(dev->integrity);
		assert_null(dev->crypto_profile);
		io.dev = dev;
		assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
		assert_int_equal(do_io(&io, REQ_OP_WRITE, out, sizeof(out)), 0);
		assert_int_equal(pread(file.fd, raw, sizeof(raw), 0), sizeof(raw));
		assert_memory_equal(raw, want, sizeof(want));
		assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
		assert_memory_equal(in, out, sizeof(in));
		/* The checksums are those of the ciphertext. */
		flip(17);
		assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)),
				 strstr(places[i][0], "mirror") ? 0 : -EILSEQ);
		flip(17);
		blk_crypto_evict_key(dev, &key);
		blk_device_close(dev);

		dev = open_integrity(places[i][0], places[i][1], true);
		assert_false(blk_crypto_config_supported(dev, &key.crypto_cfg));
		assert_int_equal(blk_crypto_start_using_key(dev, &key), -ENOPKG);
		blk_device_close(dev);
	}
	blk_crypto_fallback_destroy();
}

/* Both orders. */
static void test_exclude_each_other_B35(void **state)
{
	struct blk_device *sim = open_device("sim", false);
	struct blk_crypto_profile *profile = sim->crypto_profile;

	assert_int_equal(blk_integrity_register(sim), -EINVAL);
	assert_false(sim->integrity);
	sim->crypto_profile = NULL;
	assert_int_equal(blk_integrity_register(sim), 0);
	assert_false(blk_crypto_register(sim, profile));
	assert_null(sim->crypto_profile);
	sim->integrity = false;
	assert_true(blk_crypto_register(sim, profile));
	assert_ptr_equal(sim->crypto_profile, profile);
	blk_device_close(sim);
}

static void test_options(void **state)
{
	struct blk_device *dev;
	char *why = NULL;

	assert_int_equal(blk_device_open("integrity", false, &dev, &why), -EINVAL);
	assert_non_null(strstr(why, "tags= is missing"));
	free(why);
	assert_int_equal(blk_device_open("integrity(tags=/nowhere)", false, &dev, &why), -ENOENT);
	free(why);
	assert_int_equal(blk_device_open("integrity(tags=here)", false, &dev, NULL), -EINVAL);
	assert_int_equal(blk_device_open("dm(0+* integrity(tags=/tmp))", false, &dev, NULL),
			 -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc32c),
		cmocka_unit_test_setup_teardown(test_flushes_tags, setup, teardown),
		cmocka_unit_test_setup_teardown(test_finds_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_part_of_a_sector, setup, teardown),
		cmocka_unit_test_setup_teardown(test_meta, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hides_inline_encryption_B35, setup, teardown),
		cmocka_unit_test(test_exclude_each_other_B35),
		cmocka_unit_test(test_options),
	};

	if (secret_init() != 0)
		return 99;
	return cmocka_run_group_tests_name("blk-integrity", tests, NULL, NULL);
}
