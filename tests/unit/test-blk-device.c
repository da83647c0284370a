/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-blk-device.c - device strings, and the device that is the backing file */
#include "blk-test.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "blkcrypto/blk-crypto-fallback.h"
#include "blkcrypto/blk-crypto-profile.h"
#include "blkcrypto/blk-device-spec.h"
#include "util/secret.h"

/* ---- the C library's functions, made to fall short ---------------------------------------- */

static unsigned pwritev_calls, preadv_calls, eintr_left;
static size_t short_by; /* each call moves at most this, if not 0 */
static int pwritev_errno;

static size_t clip(const struct iovec *iov, int iovcnt)
{
	(void)iovcnt;
	return MIN(short_by, iov[0].iov_len);
}

ssize_t pwritev(int fd, const struct iovec *iov, int iovcnt, off_t off)
{
	pwritev_calls++;
	if (eintr_left > 0) {
		eintr_left--;
		errno = EINTR;
		return -1;
	}
	if (pwritev_errno) {
		errno = pwritev_errno;
		return -1;
	}
	if (short_by)
		return pwrite(fd, iov[0].iov_base, clip(iov, iovcnt), off);
	return syscall(SYS_pwritev, fd, iov, iovcnt, off, 0);
}

ssize_t preadv(int fd, const struct iovec *iov, int iovcnt, off_t off)
{
	preadv_calls++;
	if (eintr_left > 0) {
		eintr_left--;
		errno = EINTR;
		return -1;
	}
	if (short_by)
		return pread(fd, iov[0].iov_base, clip(iov, iovcnt), off);
	return syscall(SYS_preadv, fd, iov, iovcnt, off, 0);
}

static int reset_faults(void **state)
{
	pwritev_calls = preadv_calls = eintr_left = 0;
	short_by = 0;
	pwritev_errno = 0;
	return 0;
}

/* ---- strings ------------------------------------------------------------------------------ */

static void test_spec_good(void **state)
{
	struct blk_device_spec *spec;

	assert_int_equal(blk_device_spec_parse("file", &spec, NULL), 0);
	assert_string_equal(spec->name, "file");
	assert_null(spec->opts);
	assert_int_equal(spec->num_children, 0);
	blk_device_spec_free(spec);

	assert_int_equal(
		blk_device_spec_parse("sim(slots=4,modes=aes-256-xts:512+4096,dun=8)", &spec, NULL),
		0);
	assert_string_equal(spec->opts->name, "slots");
	assert_string_equal(spec->opts->value, "4");
	assert_string_equal(blk_device_opt_get(spec->opts, "modes"), "aes-256-xts:512+4096");
	assert_string_equal(blk_device_opt_get(spec->opts, "dun"), "8");
	assert_null(blk_device_opt_get(spec->opts, "nothing"));
	blk_device_spec_free(spec);

	assert_int_equal(
		blk_device_spec_parse(" a ( x = 1 , y ; b( ; c ) ; d(z=p q) ) ", &spec, NULL), 0);
	assert_string_equal(spec->name, "a");
	assert_string_equal(blk_device_opt_get(spec->opts, "x"), "1");
	assert_string_equal(blk_device_opt_get(spec->opts, "y"), "");
	assert_int_equal(spec->num_children, 2);
	assert_string_equal(spec->children[0]->name, "b");
	assert_null(spec->children[0]->opts);
	assert_string_equal(spec->children[0]->children[0]->name, "c");
	assert_string_equal(blk_device_opt_get(spec->children[1]->opts, "z"), "p q");
	blk_device_spec_free(spec);

	assert_int_equal(blk_device_spec_parse("sim()", &spec, NULL), 0);
	blk_device_spec_free(spec);
}

/* A string, and a part of the sentence that it is answered with. */
static const struct {
	const char *spec;
	const char *why;
} bad_specs[] = {
	{ "", "the name of a device is missing at the end" },
	{ "  ", "the name of a device is missing at the end" },
	{ "(x)", "the name of a device is missing at character 1" },
	{ "sim(", "an option is missing at the end" },
	{ "sim(slots=4", "a comma, semicolon or closing parenthesis is missing at the end" },
	{ "sim(slots=4))", "unexpected text at character 13" },
	{ "sim(slots=)", "a value is missing at character 11" },
	{ "sim(slots=4,)", "an option is missing at character 13" },
	{ "sim(,)", "an option is missing at character 5" },
	{ "sim(slots=4 dun=8x y=)", "a number from 0 to 1024" },
	{ "sim(slots 4)", "a comma, semicolon or closing parenthesis is missing at character 11" },
	{ "sim(slots=4;)", "the name of a device is missing at character 13" },
	{ "sim(slots=4,slots=5)", "option slots of sim is given twice" },
	{ "flakey(sim(slots=4))", "\"sim(\" stands among the options of flakey" },
	{ "sim file", "unexpected text at character 5, \"file\"" },
	{ "nonsense", "there is no device named nonsense (there are: file, mem, sim, " },
	{ "sim(;nonsense)", "there is no device named nonsense" },
	{ "file(x=1)", "device file: unknown option x" },
	{ "file(;mem)", "file takes no device beneath it" },
	{ "sim(;mem;mem)", "sim takes at most 1 device(s) beneath it, not 2" },
	{ "sim(colour=red)", "device sim: unknown option colour" },
	{ "sim(slots=-1)", "slots=-1 is not a number" },
	{ "sim(slots=1025)", "slots=1025 is not a number from 0 to 1024" },
	{ "sim(slots)", "slots= is not a number" },
	{ "sim(dun=0)", "dun=0 is not a number from 1 to 32" },
	{ "sim(dun=33)", "dun=33 is not a number from 1 to 32" },
	{ "sim(modes=des)", "there is no mode named \"des\"" },
	{ "sim(modes)", "there is no mode named \"\"" },
	{ "sim(modes=aes-256-xts:)", "is not a list of data unit sizes" },
	{ "sim(modes=aes-256-xts:100)", "\"100\" is not a list of data unit sizes" },
	{ "sim(modes=aes-256-xts:8192)", "is not a list of data unit sizes" },
	{ "sim(modes=aes-256-xts:256)", "is not a list of data unit sizes" },
	{ "sim(modes=aes-256-xts:512+)", "is not a list of data unit sizes" },
	{ "sim(modes=aes-256-xts:512x)", "is not a list of data unit sizes" },
	{ "sim(modes=aes-256-xts/aes-256-xts:512)", "mode aes-256-xts is given twice" },
	{ "sim(modes=aes-256-xts/)", "there is no mode named \"\"" },
	{ "sim(;mem(size=lots))", "device mem: size=lots is not a number of bytes" },
};

static void test_spec_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_specs); i++) {
		struct blk_device *dev = NULL;
		char *why = NULL;

		assert_int_equal(blk_device_open(bad_specs[i].spec, false, &dev, &why), -EINVAL);
		assert_null(dev);
		assert_non_null(why);
		if (!strstr(why, bad_specs[i].why))
			fail_msg("\"%s\": %s", bad_specs[i].spec, why);
		free(why);
		/* Nobody has to ask. */
		assert_int_equal(blk_device_open(bad_specs[i].spec, false, &dev, NULL), -EINVAL);
	}
}

static void test_spec_depth(void **state)
{
	char spec[1024] = "", end[128] = "";
	struct blk_device *dev;
	char *why = NULL;

	for (unsigned i = 0; i < BLK_DEVICE_SPEC_MAX_DEPTH - 1; i++) {
		strcat(spec, "sim(slots=1;");
		strcat(end, ")");
	}
	strcat(spec, "mem");
	strcat(spec, end);
	assert_int_equal(blk_device_open(spec, false, &dev, NULL), 0);
	blk_device_close(dev);

	memmove(spec + strlen("sim(;"), spec, strlen(spec) + 1);
	memcpy(spec, "sim(;", strlen("sim(;"));
	strcat(spec, ")");
	assert_int_equal(blk_device_open(spec, false, &dev, &why), -EINVAL);
	assert_non_null(strstr(why, "too many devices"));
	free(why);
}

static void test_stack(void **state)
{
	struct blk_device *dev = open_device("sim(slots=3,modes=aes-256-xts:512+4096,dun=4)", true);
	struct blk_crypto_profile *profile = dev->crypto_profile;

	assert_string_equal(dev->type->name, "sim");
	assert_int_equal(dev->num_children, 1);
	assert_string_equal(dev->children[0]->type->name, "file");
	assert_true(dev->fallback_disabled);
	assert_true(dev->children[0]->fallback_disabled);
	assert_null(dev->children[0]->crypto_profile);
	assert_int_equal(profile->num_slots, 3);
	assert_int_equal(profile->max_dun_bytes_supported, 4);
	assert_int_equal(profile->key_types_supported, BLK_CRYPTO_KEY_TYPE_RAW);
	assert_int_equal(profile->modes_supported[BLK_ENCRYPTION_MODE_AES_256_XTS], 512 | 4096);
	assert_int_equal(profile->modes_supported[BLK_ENCRYPTION_MODE_ADIANTUM], 0);
	blk_device_close(dev);

	dev = open_device("sim", false);
	profile = dev->crypto_profile;
	assert_int_equal(profile->num_slots, 16);
	assert_int_equal(profile->max_dun_bytes_supported, 8);
	for (unsigned i = 1; i < BLK_ENCRYPTION_MODE_MAX; i++)
		assert_int_equal(
			profile->modes_supported[i],
			skcipher_find(blk_crypto_modes[i].variant) ? 512 | 1024 | 2048 | 4096 : 0);
	blk_device_close(dev);

	dev = open_device("sim(slots=0;mem)", false);
	assert_int_equal(dev->crypto_profile->num_slots, 0);
	assert_string_equal(dev->children[0]->type->name, "mem");
	blk_device_close(dev);
	blk_device_close(NULL);
}

/* Every row is complete and can be found by its name. */
static void test_table(void **state)
{
	const struct blk_device_type *type;
	unsigned i;

	for (i = 0; (type = blk_device_type_by_index(i)); i++) {
		assert_ptr_equal(blk_device_type_find(type->name), type);
		assert_non_null(type->help);
		assert_null(strchr(type->help, '\n'));
		assert_true(type->open && type->close);
		assert_true((type->submit_bio != NULL) != (type->queue_rq != NULL));
		assert_true(type->min_children <= type->max_children);
	}
	assert_true(i >= 3);
	assert_null(blk_device_type_find("none"));
}

/* ---- the backing file --------------------------------------------------------------------- */

static int open_temp(void)
{
	char path[] = "/tmp/test-blk-device-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

static void test_file_plain(void **state)
{
	struct blk_device *dev = open_device("file", false);
	struct blk_file file = { .fd = open_temp() };
	uint8_t out[6000], in[6000], raw[512 + 6000];
	struct io io = { .dev = dev, .file = &file, .sector = 1, .seg = 10 };

	fill_pattern(out, sizeof(out), 4);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, sizeof(out)), 0); /* 600 segments */
	assert_int_equal(pread(file.fd, raw, sizeof(raw), 0), sizeof(raw));
	assert_memory_equal(raw + 512, out, sizeof(out));
	assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
	assert_memory_equal(in, out, sizeof(in));

	/* From the middle of the file to beyond its end. */
	io.sector = 3;
	memset(in, 0xee, sizeof(in));
	assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
	assert_memory_equal(in, out + 1024, 6000 - 1024);
	for (size_t i = 6000 - 1024; i < sizeof(in); i++)
		assert_int_equal(in[i], 0);
	io.sector = 1000;
	memset(in, 0xee, sizeof(in));
	assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
	for (size_t i = 0; i < sizeof(in); i++)
		assert_int_equal(in[i], 0);

	io.flags = 0;
	assert_int_equal(do_io(&io, REQ_OP_FLUSH, NULL, 0), 0);
	io.flags = BIO_FLUSH_META;
	assert_int_equal(do_io(&io, REQ_OP_FLUSH, NULL, 0), 0);
	io.sector = UINT64_MAX >> 9;
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, sizeof(out)), -EFBIG);
	assert_int_equal(stat_read(&dev->stats.reads), 3);
	assert_int_equal(stat_read(&dev->stats.flushes), 2);
	assert_int_equal(stat_read(&dev->stats.errors), 1);
	close(file.fd);
	blk_device_close(dev);
}

static void test_file_interrupted(void **state)
{
	struct blk_device *dev = open_device("file", false);
	struct blk_file file = { .fd = open_temp() };
	uint8_t out[4096], in[4096], head[512], raw[512];
	struct io io = {
		.dev = dev, .file = &file, .sector = 1, .seg = 512, .head = head, .head_size = 512
	};

	fill_pattern(out, sizeof(out), 5);
	fill_pattern(head, sizeof(head), 6);
	eintr_left = 2;
	short_by = 100;
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, sizeof(out)), 0);
	assert_true(pwritev_calls > 8);
	assert_int_equal(eintr_left, 0);
	io.head = NULL;
	io.head_size = 0;
	eintr_left = 2;
	assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
	assert_memory_equal(in, out, sizeof(in));
	assert_int_equal(pread(file.fd, raw, sizeof(raw), 0), sizeof(raw));
	assert_memory_equal(raw, head, sizeof(raw));
	close(file.fd);
	blk_device_close(dev);
}

static void test_file_errors(void **state)
{
	static const int errnos[] = { ENOSPC, EDQUOT, EFBIG, EROFS, EIO };
	struct blk_device *dev = open_device("file", false);
	struct blk_file file = { .fd = open_temp() };
	struct blk_file closed = { .fd = -1 };
	struct blk_crypto_key key;
	uint8_t buf[4096] = { 0 };
	struct io plain = { .dev = dev, .file = &file };
	struct io encrypted = { .dev = dev, .file = &file, .key = &key };

	make_key(&key, 7, 4096, 0);
	assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
	for (size_t i = 0; i < ARRAY_SIZE(errnos); i++) {
		pwritev_errno = errnos[i];
		assert_int_equal(do_io(&plain, REQ_OP_WRITE, buf, sizeof(buf)), -errnos[i]);
		assert_int_equal(do_io(&encrypted, REQ_OP_WRITE, buf, sizeof(buf)), -errnos[i]);
	}
	assert_int_equal(stat_read(&dev->stats.errors), 2 * ARRAY_SIZE(errnos));
	plain.file = encrypted.file = &closed;
	assert_int_equal(do_io(&plain, REQ_OP_READ, buf, sizeof(buf)), -EBADF);
	assert_int_equal(do_io(&encrypted, REQ_OP_READ, buf, sizeof(buf)), -EBADF);
	assert_int_equal(do_io(&plain, REQ_OP_FLUSH, NULL, 0), -EBADF);
	blk_crypto_evict_key(dev, &key);
	close(file.fd);
	blk_device_close(dev);
	blk_crypto_fallback_destroy();
}

/* A header and the first data are one system call, whoever encrypts. */
static void test_head_one_write(void **state)
{
	static const char *const specs[] = { "file", "sim(slots=1)", "sim(slots=0)" };
	uint8_t out[40960], head[4096], raw[4096 + sizeof(out)], want[sizeof(out)];

	fill_pattern(out, sizeof(out), 8);
	fill_pattern(head, sizeof(head), 9);
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct blk_device *dev = open_device(specs[i], false);
		struct blk_file file = { .fd = open_temp() };
		struct blk_crypto_key key;
		struct io io = { .dev = dev,
				 .file = &file,
				 .key = &key,
				 .sector = 8,
				 .seg = 4096,
				 .head = head,
				 .head_size = sizeof(head) };

		make_key(&key, 10, 4096, BLK_CRYPTO_CFG_ALLOW_HW);
		assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
		reset_faults(NULL);
		assert_int_equal(do_io(&io, REQ_OP_WRITE, out, sizeof(out)), 0);
		assert_int_equal(pwritev_calls, 1);
		assert_int_equal(pread(file.fd, raw, sizeof(raw), 0), sizeof(raw));
		assert_memory_equal(raw, head, sizeof(head));
		reference_encrypt(&key, 0, out, want, sizeof(out));
		assert_memory_equal(raw + 4096, want, sizeof(want));
		blk_crypto_evict_key(dev, &key);
		close(file.fd);
		blk_device_close(dev);
	}
	blk_crypto_fallback_destroy();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spec_good),
		cmocka_unit_test(test_spec_bad),
		cmocka_unit_test(test_spec_depth),
		cmocka_unit_test(test_stack),
		cmocka_unit_test(test_table),
		cmocka_unit_test_setup(test_file_plain, reset_faults),
		cmocka_unit_test_setup(test_file_interrupted, reset_faults),
		cmocka_unit_test_setup(test_file_errors, reset_faults),
		cmocka_unit_test_setup(test_head_one_write, reset_faults),
	};

	if (secret_init() != 0)
		return 99;
	return cmocka_run_group_tests_name("blk-device", tests, NULL, NULL);
}
