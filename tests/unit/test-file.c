/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-file.c - rules of the data path: headers, holes, limits, handles, failures, threads */
#include "file-fixture.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- single rules ------------------------------------------------------------------------------
 */

static void test_header_with_data(void **state)
{
	uint8_t buf[10000];
	struct fs_file *file;

	(void)state;
	fill(buf, sizeof(buf));
	start(4096);
	file = create_file();
	assert_int_equal(st_size(), 0);
	write_ok(file, 0, buf, sizeof(buf));
	assert_int_equal(fault.writes, 1); /* header and data in one */
	assert_int_equal(fault.heads, 1);
	assert_int_equal(st_size(), 4096 + 3 * 4096 + 10000 % 4096);
	write_ok(file, 0, buf, sizeof(buf));
	assert_int_equal(fault.writes, 2);
	assert_int_equal(fault.heads, 1);
	assert_int_equal(t.stored, 1);
	/* Down to nothing: the header stays. */
	assert_int_equal(fs_file_truncate(file, 0), 0);
	assert_int_equal(st_size(), 4096);
	file = reopen(file);
	assert_int_equal(fs_opened(&t.inode)->size, 0);
	assert_int_equal(fs_file_release(file), 0);
	assert_int_equal(t.stored, 1);

	/* Data further on: the header goes first. */
	start(512);
	file = create_file();
	write_ok(file, 1000, buf, 1);
	assert_int_equal(fault.writes, 2);
	assert_int_equal(fault.heads, 0);
	file = reopen(file);
	assert_int_equal(t.stored, 1);
	expect_zeros(file, 0, 1000);
	expect(file, 1000, buf, 1);
	assert_int_equal(fs_file_release(file), 0);
}

static void test_header_of_empty(void **state)
{
	struct fs_file *file, *reader;
	const void *data;
	size_t n;

	(void)state;
	start(1024);
	file = create_file();
	reader = open_file(O_RDONLY);
	assert_int_equal(fs_file_read(file, 0, 100, NULL, 0, &data, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(fs_file_truncate(file, 0), 0);
	assert_int_equal(st_size(), 0);
	assert_int_equal(fs_file_flush(reader), 0);
	assert_int_equal(st_size(), 0);
	assert_int_equal(fs_file_flush(file), 0);
	assert_int_equal(st_size(), 4096);
	assert_int_equal(fs_file_release(file), 0);
	assert_int_equal(fs_file_release(reader), 0);
	assert_int_equal(t.stored, 1);

	/* fsync and the last close do the same. */
	for (int how = 0; how < 2; how++) {
		start(1024);
		file = create_file();
		t.sb.unsynced = 1;
		t.chain = 0;
		if (how == 0) {
			assert_int_equal(fs_file_fsync(file, true), 0);
			assert_int_equal(st_size(), 4096);
			assert_int_equal(t.chain, 1);
		}
		t.sb.unsynced = 0;
		assert_int_equal(fs_file_release(file), 0);
		assert_int_equal(st_size(), 4096);
		assert_int_equal(t.stored, 1);
	}

	/* A header of zeros under zeros reads as zeros and gets a header before any data. */
	start(1024);
	file = create_file();
	assert_int_equal(truncate(t.path, 4096 + 2 * 1024 + 5), 0);
	file->writable = false; /* so that the close stores nothing */
	fs_opened(&t.inode)->writers = 0;
	assert_int_equal(fs_file_release(file), 0);
	forget_file();
	t.stored = 0;
	file = open_file(O_RDWR);
	assert_int_equal(fs_opened(&t.inode)->size, 1029);
	expect_zeros(file, 0, 1029);
	write_ok(file, 3, "x", 1);
	assert_int_equal(t.stored, 1);
	file = reopen(file);
	expect(file, 3, (const uint8_t *)"x", 1);
	expect_zeros(file, 4, 1025);
	assert_int_equal(fs_file_release(file), 0);
}

static void test_holes(void **state)
{
	struct stat st;
	struct fs_file *file;
	uint8_t buf[4096];
	uint64_t at;

	(void)state;
	fill(buf, sizeof(buf));
	start(4096);
	file = create_file();
	/* 1 GiB of nothing with a byte at its end. */
	write_ok(file, 1u << 30, buf, 1);
	assert_int_equal(fs_file_fsync(file, false), 0);
	assert_int_equal(stat(t.path, &st), 0);
	assert_true(st.st_blocks < 100);
	expect_zeros(file, 12345, 100000);
	assert_int_equal(fs_file_seek(file, 0, SEEK_HOLE, &at), 0);
	assert_int_equal(at, 0);
	assert_int_equal(fs_file_seek(file, 5, SEEK_DATA, &at), 0);
	assert_int_equal(at, 1u << 30);
	assert_int_equal(fs_file_seek(file, 1u << 30, SEEK_HOLE, &at), 0);
	assert_int_equal(at, (1u << 30) + 1);
	assert_int_equal(fs_file_seek(file, (1u << 30) + 1, SEEK_HOLE, &at), -ENXIO);
	assert_int_equal(fs_file_seek(file, 0, SEEK_CUR, &at), -EINVAL);

	/* A part of a hole that is zeroed stays one. */
	assert_int_equal(
		fs_file_fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, 50), 0);
	assert_int_equal(fs_file_seek(file, 0, SEEK_DATA, &at), 0);
	assert_int_equal(at, 1u << 30);

	/* The last unit, data up to the size, becomes one too. */
	assert_int_equal(
		fs_file_fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1u << 30, 4096),
		0);
	assert_int_equal(fs_file_seek(file, 0, SEEK_DATA, &at), -ENXIO);
	assert_int_equal(fs_opened(&t.inode)->size, (1u << 30) + 1);

	assert_int_equal(fs_file_fallocate(file, FALLOC_FL_COLLAPSE_RANGE, 0, 4096), -EOPNOTSUPP);
	assert_int_equal(fs_file_fallocate(file, FALLOC_FL_PUNCH_HOLE, 0, 4096), -EOPNOTSUPP);
	assert_int_equal(fs_file_fallocate(file, 0, 0, 0), -EINVAL);
	assert_int_equal(fs_file_release(file), 0);
}

static void test_limits(void **state)
{
	const uint64_t max = FSCRYPT_MAX_FILE_SIZE;
	struct fs_file *file, *reader;
	uint64_t n;

	(void)state;
	start(512);
	file = create_file();
	assert_int_equal(fs_file_write(file, max, "x", 1), -EFBIG);
	assert_int_equal(fs_file_write(file, UINT64_MAX, "x", 1), -EFBIG);
	assert_int_equal(fs_file_write(file, max - 1, "xy", 2), -EFBIG);
	assert_int_equal(fs_file_truncate(file, max + 1), -EFBIG);
	assert_int_equal(fs_file_truncate(file, UINT64_MAX), -EFBIG);
	assert_int_equal(fs_file_fallocate(file, 0, max, 1), -EFBIG);
	assert_int_equal(fs_file_fallocate(file, 0, 1, UINT64_MAX), -EFBIG);
	assert_int_equal(st_size(), 0);

	reader = open_file(O_RDONLY);
	assert_int_equal(fs_file_write(reader, 0, "x", 1), -EBADF);
	assert_int_equal(fs_file_truncate(reader, 1), -EBADF);
	assert_int_equal(fs_file_fallocate(reader, 0, 0, 1), -EBADF);
	assert_int_equal(fs_file_copy(file, 0, file, 10, 11, &n), -EINVAL);
	assert_int_equal(fs_file_release(reader), 0);
	assert_int_equal(fs_file_release(file), 0);
}

static void test_handles(void **state)
{
	struct fscrypt_caller who = { .fsuid = getuid(), .cap_sys_admin = true };
	struct fscrypt_key_specifier spec;
	struct fs_file *a, *b, *c;
	uint32_t flags = 0;
	bool evict = false;
	int refs;

	(void)state;
	start(4096);
	a = create_file();
	write_ok(a, 0, "hello", 5);
	assert_int_equal(fs_file_borrow(&t.inode, true, &b), 0);
	assert_ptr_equal(a, b);
	/* The owner goes first: the borrower still has it. */
	assert_int_equal(fs_file_release(a), 0);
	assert_int_equal(fs_opened(&t.inode)->handles, 1);
	expect(b, 0, (const uint8_t *)"hello", 5);
	fs_file_return(b);
	assert_null(fs_opened(&t.inode));

	a = open_file(O_RDONLY);
	assert_int_equal(fs_file_borrow(&t.inode, false, &b), 0);
	assert_ptr_equal(a, b);
	assert_int_equal(fs_file_borrow(&t.inode, true, &c), 0);
	assert_ptr_not_equal(a, c);
	assert_int_equal(fs_opened(&t.inode)->handles, 2);
	assert_int_equal(fs_opened(&t.inode)->writers, 1);
	fs_file_return(c);
	fs_file_return(b);
	assert_int_equal(fs_file_release(a), 0);

	a = open_file(O_WRONLY | O_TRUNC);
	assert_int_equal(size_by_stat(), 0);
	assert_int_equal(st_size(), 4096);
	assert_int_equal(fs_file_release(a), 0);

	/* Refused, and nothing stays behind. */
	refs = (int)t.inode.refs;
	t.forbid = true;
	assert_int_equal(fs_file_open(&t.inode, O_RDONLY, &a), -EPERM);
	t.forbid = false;
	atomic_store(&t.sb.read_only, true);
	assert_int_equal(fs_file_open(&t.inode, O_RDWR, &a), -EROFS);
	assert_int_equal(fs_file_open(&t.inode, O_RDONLY | O_TRUNC, &a), -EROFS);
	atomic_store(&t.sb.read_only, false);
	assert_int_equal(fs_file_open(&t.parent, O_RDONLY, &a), -EISDIR);
	assert_int_equal(fs_file_borrow(&t.parent, true, &a), -EISDIR);
	assert_int_equal(truncate(t.path, 4096 + 100), 0);
	assert_int_equal(fs_file_open(&t.inode, O_RDONLY, &a), -EUCLEAN);
	assert_int_equal(truncate(t.path, 4096), 0);
	assert_int_equal(t.inode.refs, refs);
	assert_null(fs_opened(&t.inode));

	/* The key goes while a file is open: its last close lets go of it. On a super of its own.
	 */
	forget_file();
	use_device(DEV_SIM);
	a = open_file(O_RDWR);
	write_ok(a, 0, "hello", 5);
	fscrypt_policy_to_key_spec(&t.policy, &spec);
	assert_int_equal(fscrypt_remove_key(t.fsc[DEV_SIM], &who, &spec, false, &evict, &flags), 0);
	assert_true(evict);
	expect(a, 0, (const uint8_t *)"hello", 5);
	fscrypt_finish_removal(t.fsc[DEV_SIM], &spec, &flags);
	assert_int_equal(flags, FSCRYPT_KEY_REMOVAL_STATUS_FLAG_FILES_BUSY);
	assert_non_null(t.inode.use->info);
	assert_int_equal(fs_file_release(a), 0);
	assert_null(t.inode.use->info);
	assert_int_equal(fs_file_open(&t.inode, O_RDONLY, &a), -ENOKEY);
	assert_null(fs_opened(&t.inode));
	assert_int_equal(t.inode.refs, 1);
}

/* ---- failures ----------------------------------------------------------------------------------
 */

/* Every write of every kind of change fails once, torn or not: size and old data stay. */
static void failing(unsigned du, bool tear)
{
	struct fs_file *file;

	start(du);
	file = create_file();
	shadow_resize(0);
	if (rnd() % 8) {
		shadow_size = 1 + rnd() % 30000;
		fill(shadow, shadow_size);
		write_ok(file, 0, shadow, shadow_size);
	}
	if (rnd() % 2)
		file = reopen(file);

	for (int tries = 0; tries < 10; tries++) {
		uint64_t old = shadow_size, off = shadow_size;
		size_t len = 1 + rnd() % 20000;
		int err;

		if (rnd() % 2)
			off += rnd() % 10000;
		fill(scratch, len);
		fault.err = rnd() % 2 ? -ENOSPC : -EIO;
		fault.tear = tear;
		fault.fail_after = (long)(rnd() % 3);
		err = fs_file_write(file, off, scratch, len);
		if (err)
			assert_int_equal(err, fault.err);
		fault.fail_after = -1;
		if (!err) {
			shadow_resize(off + len);
			memcpy(shadow + off, scratch, len);
		} else if (old > 0) {
			assert_int_equal(st_size(), du ? store_size_encode(old, du) : old);
			if (du != 0)
				check_sparse_tail(file, du);
		} else {
			assert_true(st_size() == 0 ||
				    (du && t.inode.use->ctx_stored && st_size() == 4096));
		}
		check_all(file);
		if (rnd() % 2)
			file = reopen(file);
		check_all(file);
		/* And then it goes on, with zeros where nothing was written. */
		if (rnd() % 2) {
			uint64_t size = shadow_size + 1 + rnd() % 9000;

			assert_int_equal(fs_file_truncate(file, size), 0);
			shadow_resize(size);
			check_all(file);
		}
		if (shadow_size > 100000) {
			assert_int_equal(fs_file_truncate(file, 3000), 0);
			shadow_resize(3000);
		}
	}
	assert_int_equal(fs_file_release(file), 0);
}

static void test_failures(void **state)
{
	static const unsigned dus[] = { 512, 1024, 2048, 4096, 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(dus); i++) {
		for (unsigned n = 0; n < 100; n++) {
			failing(dus[i], false);
			failing(dus[i], true);
		}
	}
}

/* The backing says no to a size: nothing has happened. */
static void test_no_room(void **state)
{
	struct rlimit old, limit;
	struct fs_file *file;

	(void)state;
	start(4096);
	file = create_file();
	shadow_resize(5000);
	fill(shadow, 5000);
	write_ok(file, 0, shadow, 5000);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 20000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	fill(scratch, 30000);
	assert_int_equal(fs_file_write(file, 100000, scratch, 30000), -EFBIG);
	assert_int_equal(fs_file_write(file, 5000, scratch, 30000), -EFBIG);
	assert_int_equal(fs_file_truncate(file, 30000), -EFBIG);
	assert_int_equal(fs_file_fallocate(file, 0, 0, 30000), -EFBIG);
	check_all(file);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	file = reopen(file);
	check_all(file);
	check_store(file, 4096);
	assert_int_equal(fs_file_release(file), 0);
}

/* ---- threads -----------------------------------------------------------------------------------
 */

#define THREADS 4
#define STRIPE	700u
#define ROUNDS	60u
static struct fs_file *thread_file;

/* Each thread has every fourth stripe to itself; data units are shared among them. */
static void *thread_writer(void *arg)
{
	uint8_t me = (uint8_t)(uintptr_t)arg, buf[STRIPE];
	const void *data;
	size_t n;

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t off = (uint64_t)(i * THREADS + me) * STRIPE;

		memset(buf, me + 1, sizeof(buf));
		if (fs_file_write(thread_file, off, buf, sizeof(buf)))
			return (void *)(uintptr_t) "write";
		/* Rewritten while the neighbours write theirs. */
		for (unsigned k = 0; k < 3; k++) {
			uint64_t back =
				(uint64_t)((i * 7 + k * 13) % (i + 1) * THREADS + me) * STRIPE;

			if (fs_file_write(thread_file, back, buf, sizeof(buf)))
				return (void *)(uintptr_t) "rewrite";
			if (fs_file_read(thread_file, back, sizeof(buf), NULL, 0, &data, &n) ||
			    n != sizeof(buf) || memcmp(data, buf, n) != 0)
				return (void *)(uintptr_t) "read";
		}
	}
	return NULL;
}

/* Below the size nothing but the range lock keeps the writers of one data unit apart. */
static void *thread_rewriter(void *arg)
{
	const unsigned stripe = 100;
	uint8_t me = (uint8_t)(uintptr_t)arg, buf[100];
	const void *data;
	size_t n;

	for (unsigned i = 0; i < 5000; i++) {
		uint64_t off = (uint64_t)(i % 10 * THREADS + me) * stripe;

		memset(buf, (int)(i & 0xff), stripe);
		if (fs_file_write(thread_file, off, buf, stripe))
			return (void *)(uintptr_t) "write";
		if (fs_file_read(thread_file, off, stripe, NULL, 0, &data, &n) || n != stripe ||
		    memcmp(data, buf, n) != 0)
			return (void *)(uintptr_t) "lost";
	}
	return NULL;
}

static void test_threads_in_place(void **state)
{
	static const unsigned dus[] = { 4096, 1024, 0 };
	pthread_t thread[THREADS];
	void *why;

	(void)state;
	for (size_t d = 0; d < ARRAY_SIZE(dus); d++) {
		start(dus[d]);
		thread_file = create_file();
		assert_int_equal(fs_file_truncate(thread_file, 4000), 0);
		for (uintptr_t i = 0; i < THREADS; i++)
			assert_int_equal(
				pthread_create(&thread[i], NULL, thread_rewriter, (void *)i), 0);
		for (unsigned i = 0; i < THREADS; i++) {
			assert_int_equal(pthread_join(thread[i], &why), 0);
			if (why)
				fail_msg("du %u, thread %u: %s", dus[d], i, (const char *)why);
		}
		assert_int_equal(fs_file_release(thread_file), 0);
	}
}

static void *thread_sizer(void *arg)
{
	uint64_t size = 0, before = 0;

	(void)arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct fs_file *file;

		if (fs_file_borrow(&t.inode, false, &file))
			return (void *)(uintptr_t) "borrow";
		size = size_by_stat();
		fs_file_return(file);
		if (size < before)
			return (void *)(uintptr_t) "shrunk";
		before = size;
	}
	return NULL;
}

static void test_threads(void **state)
{
	static const unsigned dus[] = { 4096, 512, 0 };
	pthread_t thread[THREADS], sizer;

	(void)state;
	for (size_t d = 0; d < ARRAY_SIZE(dus); d++) {
		void *why;

		start(dus[d]);
		if (d == 0)
			use_device(DEV_FILE);
		thread_file = create_file();
		for (uintptr_t i = 0; i < THREADS; i++)
			assert_int_equal(pthread_create(&thread[i], NULL, thread_writer, (void *)i),
					 0);
		assert_int_equal(pthread_create(&sizer, NULL, thread_sizer, NULL), 0);
		for (unsigned i = 0; i < THREADS; i++) {
			assert_int_equal(pthread_join(thread[i], &why), 0);
			if (why)
				fail_msg("thread %u: %s", i, (const char *)why);
		}
		assert_int_equal(pthread_join(sizer, &why), 0);
		assert_null(why);
		shadow_resize(ROUNDS * THREADS * STRIPE);
		for (unsigned i = 0; i < ROUNDS * THREADS; i++)
			memset(shadow + i * STRIPE, (int)(i % THREADS) + 1, STRIPE);
		thread_file = reopen(thread_file);
		check_all(thread_file);
		check_store(thread_file, dus[d]);
		assert_int_equal(fs_file_release(thread_file), 0);
		if (dus[d])
			assert_int_equal(t.stored, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header_with_data),
		cmocka_unit_test(test_header_of_empty),
		cmocka_unit_test(test_holes),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_threads_in_place),
		/* Last: takes a key away. */
		cmocka_unit_test(test_handles),
	};

	return cmocka_run_group_tests_name("file", tests, group_setup, group_teardown);
}
