/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-blk-log-read.c - records of a log read back, and what is no record of any log device */
#include "blk-test.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "blkcrypto/blk-meta.h"
#include "blkcrypto/devices/log-format.h"
#include "blkcrypto/devices/log-read.h"
#include "util/bits.h"

struct raw {
	unsigned op, failed;
	uint64_t pos, len;
	const char *name, *name2, *data;
	size_t name_len, name2_len, data_len; /* where they are not those of strings */
};

static int fd;

static size_t put(uint8_t *buf, const struct raw *raw)
{
	size_t n = raw->name_len ? raw->name_len : raw->name ? strlen(raw->name) : 0;
	size_t n2 = raw->name2_len ? raw->name2_len : raw->name2 ? strlen(raw->name2) : 0;
	size_t d = raw->data_len ? raw->data_len : raw->data ? strlen(raw->data) : 0;

	memset(buf, 0, LOG_HEADER_SIZE);
	memcpy(buf, LOG_MAGIC, 4);
	put_le16(buf + 4, (uint16_t)raw->op);
	put_le16(buf + 6, (uint16_t)raw->failed);
	put_le64(buf + 8, 11);
	put_le64(buf + 16, 12);
	put_le64(buf + 24, 13);
	put_le64(buf + 32, raw->pos);
	put_le64(buf + 40, raw->len);
	put_le32(buf + 48, 0100644);
	put_le32(buf + 52, 5);
	put_le16(buf + 56, (uint16_t)n);
	put_le16(buf + 58, (uint16_t)n2);
	put_le32(buf + 60, (uint32_t)d);
	buf += LOG_HEADER_SIZE;
	if (n)
		memcpy(buf, raw->name, n);
	if (n2)
		memcpy(buf + n, raw->name2, n2);
	if (d)
		memcpy(buf + n + n2, raw->data, d);
	return LOG_HEADER_SIZE + n + n2 + d;
}

static void begin(struct log_reader *r, const void *bytes, size_t len)
{
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, bytes, len, 0), len);
	assert_int_equal(log_reader_init(r, fd), 0);
}

/* A good record, then @raw: what reading that gives. The good one is given all the same. */
static int second(const struct raw *raw)
{
	static const struct raw good = { .op = LOG_META + BLK_META_MARK, .data = "ok" };
	static uint8_t buf[1024];
	const struct log_record *rec;
	struct log_reader r;
	size_t len = put(buf, &good), first = len;
	int ret;

	len += put(buf + len, raw);
	begin(&r, buf, len);
	assert_int_equal(log_reader_next(&r, &rec), 1);
	ret = log_reader_next(&r, &rec);
	if (ret < 0) {
		assert_int_equal(r.at, first);
		assert_non_null(strstr(r.why, "at byte 66"));
		/* And again: it does not go on behind. */
		assert_int_equal(log_reader_next(&r, &rec), ret);
	} else {
		assert_int_equal(log_reader_next(&r, &rec), 0);
	}
	log_reader_free(&r);
	return ret;
}

static void test_fields(void **state)
{
	const struct raw raws[] = {
		{ .op = LOG_META + BLK_META_BASE },
		{ .op = LOG_META + BLK_META_RENAME, .name = "from", .name2 = "to" },
		{ .op = LOG_WRITE, .failed = 1, .pos = 4096, .data = "bytes" },
		{ .op = LOG_META + BLK_META_BASE, .name = "again", .len = 7 },
		{ .op = LOG_FLUSH },
	};
	const struct log_record *rec;
	struct log_reader r;
	uint8_t buf[1024];
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(raws); i++)
		len += put(buf + len, &raws[i]);
	begin(&r, buf, len);
	for (unsigned pass = 0; pass < 2; pass++, log_reader_rewind(&r)) {
		assert_int_equal(log_reader_next(&r, &rec), 1);
		assert_int_equal(rec->index, 0);
		assert_string_equal(rec->name, "");
		assert_int_equal(log_reader_next(&r, &rec), 1);
		assert_int_equal(rec->index, 1);
		assert_int_equal(rec->ino, 11);
		assert_int_equal(rec->dir, 12);
		assert_int_equal(rec->dir2, 13);
		assert_int_equal(rec->mode, 0100644);
		assert_int_equal(rec->flags, 5);
		assert_string_equal(rec->name, "from");
		assert_string_equal(rec->name2, "to");
		assert_string_equal(log_op_name(rec->op), "rename");
		assert_int_equal(log_reader_next(&r, &rec), 1);
		assert_true(rec->failed);
		assert_int_equal(rec->pos, 4096);
		assert_int_equal(rec->data_len, 5);
		assert_memory_equal(rec->data, "bytes", 5);
		assert_int_equal(log_reader_next(&r, &rec), 1);
		assert_int_equal(rec->index, 2);
		assert_int_equal(rec->len, 7);
		assert_int_equal(log_reader_next(&r, &rec), 1);
		assert_int_equal(rec->index, 3);
		assert_int_equal(log_reader_next(&r, &rec), 0);
	}
	log_reader_free(&r);
}

/* Names that lead elsewhere, or that no directory can have. */
static void test_hostile_names(void **state)
{
	static const unsigned makers[] = { BLK_META_CREATE, BLK_META_MKDIR,   BLK_META_MKNOD,
					   BLK_META_LINK,   BLK_META_UNLINK,  BLK_META_RMDIR,
					   BLK_META_BASE,   BLK_META_REPLACE, BLK_META_SYMLINK };
	static const char *const names[] = { ".", "..", "/", "/etc", "../x", "a/b", "a/" };
	char longest[256];

	memset(longest, 'n', sizeof(longest));
	for (size_t i = 0; i < ARRAY_SIZE(makers); i++) {
		struct raw raw = { .op = LOG_META + makers[i] };

		if (makers[i] == BLK_META_SYMLINK)
			raw.data = "target";
		for (size_t j = 0; j < ARRAY_SIZE(names); j++) {
			raw.name = names[j];
			assert_int_equal(second(&raw), -EBADMSG);
		}
		raw.name = "a\0b";
		raw.name_len = 3;
		assert_int_equal(second(&raw), -EBADMSG);
		raw.name = longest;
		raw.name_len = 256;
		assert_int_equal(second(&raw), -EBADMSG);
		raw.name_len = 255;
		assert_int_equal(second(&raw), 1);
		raw.name = "...";
		raw.name_len = 0;
		assert_int_equal(second(&raw), 1);
		raw.name = NULL;
		assert_int_equal(second(&raw), makers[i] == BLK_META_BASE ? 1 : -EBADMSG);
	}
	for (size_t j = 0; j < ARRAY_SIZE(names); j++) {
		struct raw raw = { .op = LOG_META + BLK_META_RENAME, .name = "a" };

		raw.name2 = names[j];
		assert_int_equal(second(&raw), -EBADMSG);
		raw.name2 = NULL;
		assert_int_equal(second(&raw), -EBADMSG);
	}
}

static void test_hostile_numbers(void **state)
{
	struct raw raw = { .op = 0 };

	assert_int_equal(second(&raw), -EBADMSG);
	for (raw.op = LOG_FLUSH + 1; raw.op < LOG_META; raw.op++)
		assert_int_equal(second(&raw), -EBADMSG);
	raw.op = LOG_META + BLK_META_BASE + 1;
	assert_int_equal(second(&raw), -EBADMSG);
	raw.op = 65535;
	assert_int_equal(second(&raw), -EBADMSG);
	raw = (struct raw){ .op = LOG_FLUSH, .failed = 2 };
	assert_int_equal(second(&raw), -EBADMSG);

	raw = (struct raw){ .op = LOG_WRITE, .pos = INT64_MAX - 3, .data = "four" };
	assert_int_equal(second(&raw), -EBADMSG);
	raw.pos--;
	assert_int_equal(second(&raw), 1);
	raw.pos = UINT64_MAX;
	assert_int_equal(second(&raw), -EBADMSG);
	raw = (struct raw){ .op = LOG_META + BLK_META_TRUNCATE, .len = UINT64_MAX };
	assert_int_equal(second(&raw), -EBADMSG);
	raw = (struct raw){ .op = LOG_META + BLK_META_FALLOCATE, .len = 1, .pos = INT64_MAX };
	assert_int_equal(second(&raw), -EBADMSG);
	raw = (struct raw){ .op = LOG_META + BLK_META_FALLOCATE };
	assert_int_equal(second(&raw), -EBADMSG);

	/* What has no place in a record of that kind. */
	raw = (struct raw){ .op = LOG_WRITE, .name = "name", .data = "data" };
	assert_int_equal(second(&raw), -EBADMSG);
	raw = (struct raw){ .op = LOG_META + BLK_META_MKDIR, .name = "d", .name2 = "e" };
	assert_int_equal(second(&raw), -EBADMSG);
	raw = (struct raw){ .op = LOG_META + BLK_META_MKDIR, .name = "d", .data = "data" };
	assert_int_equal(second(&raw), -EBADMSG);
	raw = (struct raw){ .op = LOG_META + BLK_META_SYMLINK, .name = "l" };
	assert_int_equal(second(&raw), -EBADMSG);
	raw.data = "a\0b";
	raw.data_len = 3;
	assert_int_equal(second(&raw), -EBADMSG);
}

/* Cut at every byte, and with every byte of a header changed: never more than what is there. */
static void test_damage(void **state)
{
	const struct raw raw = { .op = LOG_META + BLK_META_REPLACE,
				 .name = "file",
				 .data = "data" };
	const struct log_record *rec;
	struct log_reader r;
	uint8_t buf[256], bad[256];
	size_t len = put(buf, &raw);
	int ret;

	for (size_t cut = 1; cut < len; cut++) {
		begin(&r, buf, cut);
		assert_int_equal(log_reader_next(&r, &rec), -ENODATA);
		assert_non_null(strstr(r.why, "ends within the record at byte 0"));
		log_reader_free(&r);
	}
	for (size_t at = 0; at < LOG_HEADER_SIZE; at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			memcpy(bad, buf, len);
			bad[at] ^= (uint8_t)(1 << bit);
			begin(&r, bad, len);
			ret = log_reader_next(&r, &rec);
			if (at < 4)
				assert_int_equal(ret, -EBADMSG);
			if (ret == 1)
				assert_in_range(r.at, LOG_HEADER_SIZE, len);
			else
				assert_int_equal(r.at, 0);
			log_reader_free(&r);
		}
	/* A length that memory is not taken for. */
	memcpy(bad, buf, len);
	put_le32(bad + 60, UINT32_MAX);
	begin(&r, bad, len);
	assert_int_equal(log_reader_next(&r, &rec), -EBADMSG);
	log_reader_free(&r);
	begin(&r, "FUS?", 4);
	assert_int_equal(log_reader_next(&r, &rec), -EBADMSG);
	log_reader_free(&r);
	begin(&r, "", 0);
	assert_int_equal(log_reader_next(&r, &rec), 0);
	log_reader_free(&r);
}

static int setup(void **state)
{
	char path[] = "/tmp/test-blk-log-read-XXXXXX";

	fd = mkstemp(path);
	return fd < 0 ? -1 : unlink(path);
}

static int teardown(void **state)
{
	return close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_hostile_numbers),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests_name("blk-log-read", tests, setup, teardown);
}
