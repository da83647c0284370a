/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-blk-log.c - what a log device writes down, and in which order */
#include "blk-test.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blkcrypto/blk-meta.h"
#include "blkcrypto/devices/log-format.h"
#include "util/bits.h"
#include "util/secret.h"

static char dir[64];
static uint8_t raw[1 << 20];
static size_t raw_len, raw_at;

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static struct blk_device *open_log(const char *above, const char *below)
{
	char spec[256];

	snprintf(spec, sizeof(spec), "%slog(path=%s;%s)%s", above, path_of("log"), below,
		 *above ? ")" : "");
	return open_device(spec, false);
}

static void read_log(void)
{
	int fd = open(path_of("log"), O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	raw_len = (size_t)read(fd, raw, sizeof(raw));
	raw_at = 0;
	close(fd);
}

/* The next record: its operation, and where its parts are. */
static unsigned next_record(const uint8_t **ret_head, const uint8_t **ret_tail, size_t *ret_data)
{
	const uint8_t *head = raw + raw_at;

	if (raw_at == raw_len)
		return 0;
	assert_true(raw_at + LOG_HEADER_SIZE <= raw_len);
	assert_memory_equal(head, LOG_MAGIC, 4);
	*ret_head = head;
	*ret_tail = head + LOG_HEADER_SIZE;
	*ret_data = get_le32(head + 60);
	raw_at += LOG_HEADER_SIZE + get_le16(head + 56) + get_le16(head + 58) + *ret_data;
	assert_true(raw_at <= raw_len);
	return get_le16(head + 4);
}

static void test_bios(void **state)
{
	struct blk_device *dev = open_log("", "file");
	struct blk_file file = { .fd = open(path_of("file"), O_RDWR | O_CREAT, 0600) };
	uint8_t out[1536], head[512], in[1536];
	struct io io = {
		.dev = dev, .file = &file, .sector = 3, .seg = 512, .head = head, .head_size = 512
	};
	const uint8_t *rec, *tail;
	struct stat st;
	size_t len;

	fill_pattern(out, sizeof(out), 1);
	fill_pattern(head, sizeof(head), 2);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, sizeof(out)), 0);
	io.head_size = 0;
	assert_int_equal(do_io(&io, REQ_OP_READ, in, sizeof(in)), 0);
	io.flags = BIO_FLUSH_META;
	assert_int_equal(do_io(&io, REQ_OP_FLUSH, NULL, 0), 0);
	blk_meta_mark(dev, "here");
	assert_int_equal(fstat(file.fd, &st), 0);

	read_log();
	assert_int_equal(next_record(&rec, &tail, &len), LOG_WRITE);
	assert_int_equal(get_le64(rec + 8), st.st_ino);
	assert_int_equal(get_le64(rec + 32), 1024);
	assert_int_equal(len, 2048);
	assert_memory_equal(tail, head, 512);
	assert_memory_equal(tail + 512, out, sizeof(out));
	assert_int_equal(next_record(&rec, &tail, &len), LOG_FLUSH);
	assert_int_equal(get_le64(rec + 8), st.st_ino);
	assert_int_equal(get_le32(rec + 52), 1);
	assert_int_equal(next_record(&rec, &tail, &len), LOG_META + BLK_META_MARK);
	assert_memory_equal(tail, "here", 4);
	assert_int_equal(next_record(&rec, &tail, &len), 0);
	close(file.fd);
	blk_device_close(dev);
}

/* What has a key is encrypted above: the log never holds plaintext. */
static void test_no_plaintext_B32(void **state)
{
	struct blk_device *dev = open_log("", "sim(;mem)");
	struct blk_crypto_key key;
	uint8_t out[4096], want[4096];
	struct io io = { .dev = dev, .key = &key, .dun = 3 };
	const uint8_t *rec, *tail;
	size_t len;

	assert_null(dev->crypto_profile);
	make_key(&key, 1, 4096, BLK_CRYPTO_CFG_ALLOW_HW);
	assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
	fill_pattern(out, sizeof(out), 1);
	reference_encrypt(&key, 3, out, want, sizeof(out));
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, sizeof(out)), 0);
	read_log();
	assert_int_equal(next_record(&rec, &tail, &len), LOG_WRITE);
	assert_int_equal(len, sizeof(want));
	assert_memory_equal(tail, want, sizeof(want));
	blk_crypto_evict_key(dev, &key);
	blk_device_close(dev);
	blk_crypto_fallback_destroy();

	/* Below an engine that does it, the same. */
	dev = open_log("sim(;", "mem");
	assert_non_null(dev->crypto_profile);
	assert_true(dev->records_meta);
	blk_device_close(dev);
}

static void test_failures(void **state)
{
	struct blk_device *dev = open_log("", "flakey(what=write,good=1,bad=1;mem)");
	uint8_t buf[512] = { 0 };
	struct io io = { .dev = dev };
	const uint8_t *rec, *tail;
	size_t len;

	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), 0);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), -EIO);
	read_log();
	next_record(&rec, &tail, &len);
	assert_int_equal(get_le16(rec + 6), 0);
	next_record(&rec, &tail, &len);
	assert_int_equal(get_le16(rec + 6), LOG_FAILED);
	blk_device_close(dev);
}

/* A log that cannot be written is no log: nothing is written past it. */
static void test_full(void **state)
{
	struct blk_device *dev = open_device("log(path=/dev/full;mem)", false);
	uint8_t buf[512];
	struct io io = { .dev = dev };

	memset(buf, 7, sizeof(buf));
	do_io(&io, REQ_OP_WRITE, buf, sizeof(buf));
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), -EIO);
	assert_int_equal(do_io(&io, REQ_OP_FLUSH, NULL, 0), -EIO);
	assert_int_equal(do_io(&io, REQ_OP_READ, buf, sizeof(buf)), 0);
	blk_device_close(dev);
}

static void test_meta(void **state)
{
	struct blk_device *dev = open_log("mirror(;linear;", "file");
	int fd = open(dir, O_RDONLY | O_DIRECTORY);
	struct blk_meta meta = { .op = BLK_META_RENAME,
				 .dirfd = fd,
				 .name = "from",
				 .dirfd2 = fd,
				 .name2 = "to",
				 .flags = 2,
				 .fd = -1 };
	const uint8_t *rec, *tail;
	struct stat st;
	size_t len;

	assert_true(dev->records_meta);
	blk_meta_begin(dev);
	blk_meta_end(dev, &meta, 0);
	blk_meta_begin(dev);
	blk_meta_end(dev, &meta, -ENOENT); /* has changed nothing */
	meta = (struct blk_meta){
		.op = BLK_META_TRUNCATE, .fd = fd, .dirfd = -1, .dirfd2 = -1, .len = 4711
	};
	blk_meta_begin(dev);
	blk_meta_end(dev, &meta, 0);
	assert_int_equal(fstat(fd, &st), 0);
	read_log();
	assert_int_equal(next_record(&rec, &tail, &len), LOG_META + BLK_META_RENAME);
	assert_int_equal(get_le64(rec + 16), st.st_ino);
	assert_int_equal(get_le64(rec + 24), st.st_ino);
	assert_int_equal(get_le32(rec + 52), 2);
	assert_int_equal(get_le16(rec + 56), 4);
	assert_int_equal(get_le16(rec + 58), 2);
	assert_memory_equal(tail, "fromto", 6);
	assert_int_equal(len, 0);
	assert_int_equal(next_record(&rec, &tail, &len), LOG_META + BLK_META_TRUNCATE);
	assert_int_equal(get_le64(rec + 8), st.st_ino);
	assert_int_equal(get_le64(rec + 40), 4711);
	assert_int_equal(next_record(&rec, &tail, &len), 0);
	close(fd);
	blk_device_close(dev);
}

static void test_options(void **state)
{
	struct blk_device *dev;
	char *why = NULL;

	assert_int_equal(blk_device_open("log", false, &dev, &why), -EINVAL);
	assert_non_null(strstr(why, "path= is missing"));
	free(why);
	assert_int_equal(blk_device_open("log(path=x)", false, &dev, NULL), -EINVAL);
	assert_int_equal(blk_device_open("log(path=/nowhere/x)", false, &dev, &why), -ENOENT);
	assert_non_null(strstr(why, "/nowhere/x: No such file"));
	free(why);
}

static int setup(void **state)
{
	strcpy(dir, "/tmp/test-blk-log-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	unlink(path_of("log"));
	unlink(path_of("file"));
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bios, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_plaintext_B32, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_meta, setup, teardown),
		cmocka_unit_test(test_options),
	};

	if (secret_init() != 0)
		return 99;
	return cmocka_run_group_tests_name("blk-log", tests, NULL, NULL);
}
