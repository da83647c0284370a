/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-file-fsx.c - random operations on a file, against a shadow of it in memory */
#include "file-fixture.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the exerciser -----------------------------------------------------------------------------
 */

static uint64_t some_offset(void)
{
	uint64_t off = rnd() % 4 ? rnd() % (shadow_size + 1) : rnd() % EX_MAX;

	switch (rnd() % 4) {
	case 0:
		return round_down(off, 4096);
	case 1:
		return round_down(off, 512);
	default:
		return off;
	}
}

static size_t some_length(uint64_t off)
{
	static const unsigned max[] = { 10, 600, 5000, 70000 };
	uint64_t len = 1 + rnd() % max[rnd() % ARRAY_SIZE(max)];

	if (rnd() % 3 == 0)
		len = round_up(len, rnd() % 2 ? 512 : 4096);
	return MIN(len, EX_MAX - off);
}

static void ex_write(struct fs_file *file)
{
	uint64_t off = some_offset();
	size_t len = some_length(off);

	fill(scratch, len);
	write_ok(file, off, scratch, len);
	if (len > 0 && off + len > shadow_size)
		shadow_resize(off + len);
	memcpy(shadow + off, scratch, len);
}

static void ex_read(struct fs_file *file)
{
	uint64_t off = some_offset();
	size_t len = some_length(off), n;
	const void *data;

	assert_int_equal(fs_file_read(file, off, len, NULL, 0, &data, &n), 0);
	assert_int_equal(n, off >= shadow_size ? 0 : MIN(len, shadow_size - off));
	expect(file, off, shadow + off, n);
}

static void ex_truncate(struct fs_file *file)
{
	uint64_t size = some_offset();

	if (rnd() % 20 == 0)
		size = 0;
	assert_int_equal(fs_file_truncate(file, size), 0);
	shadow_resize(size);
}

static void ex_fallocate(struct fs_file *file)
{
	static const int modes[] = { 0,
				     FALLOC_FL_KEEP_SIZE,
				     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				     FALLOC_FL_ZERO_RANGE,
				     FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE };
	int mode = modes[rnd() % ARRAY_SIZE(modes)], err;
	uint64_t off = some_offset();
	size_t len = some_length(off);

	if (len == 0)
		return;
	err = fs_file_fallocate(file, mode, off, len);
	if (err == -EOPNOTSUPP && (mode & ~FALLOC_FL_KEEP_SIZE) == 0)
		return; /* the backing has no fallocate */
	assert_int_equal(err, 0);
	if ((mode & FALLOC_FL_KEEP_SIZE) == 0 && off + len > shadow_size)
		shadow_resize(off + len);
	if ((mode & ~FALLOC_FL_KEEP_SIZE) != 0 && off < shadow_size)
		memset(shadow + off, 0, MIN(len, shadow_size - off));
}

static void ex_seek(struct fs_file *file, unsigned du)
{
	uint64_t off = some_offset(), at = UINT64_MAX;
	int err;

	err = fs_file_seek(file, off, SEEK_DATA, &at);
	if (off >= shadow_size) {
		assert_int_equal(err, -ENXIO);
		assert_int_equal(fs_file_seek(file, off, SEEK_HOLE, &at), -ENXIO);
		return;
	}
	if (err == -ENXIO) {
		at = shadow_size;
	} else {
		assert_int_equal(err, 0);
		assert_true(at >= off && at < shadow_size);
	}
	assert_true(mem_is_zero(shadow + off, at - off));

	assert_int_equal(fs_file_seek(file, off, SEEK_HOLE, &at), 0);
	assert_true(at >= off && at <= shadow_size);
	if (at < shadow_size) {
		uint64_t end = MIN(round_down(at, MAX(du, 1)) + MAX(du, 1), shadow_size);

		assert_true(mem_is_zero(shadow + at, end - at));
	}
}

static void ex_copy(struct fs_file *file)
{
	uint64_t from = some_offset(), to = some_offset(), n = UINT64_MAX, want;
	size_t len = some_length(MAX(from, to));
	int err;

	want = from >= shadow_size ? 0 : MIN(len, shadow_size - from);
	err = fs_file_copy(file, from, file, to, len, &n);
	if (len > (from < to ? to - from : from - to)) {
		assert_int_equal(err, -EINVAL);
		return;
	}
	assert_int_equal(err, 0);
	assert_int_equal(n, want);
	if (n > 0 && to + n > shadow_size)
		shadow_resize(to + n);
	memcpy(shadow + to, shadow + from, n);
}

/*
 * The end of a crash, or a hostile hand: the size of before some growth inside the last unit, whose
 * data are there already, and rubbish in the sparse tail.
 */
static void damage_tail(unsigned du)
{
	uint64_t rest = shadow_size % du, size;
	int fd;

	if (du == 0 || rest < 2)
		return;
	size = shadow_size - 1 - rnd() % (rest - 1);
	assert_int_equal(truncate(t.path, (off_t)store_size_encode(size, du)), 0);
	fill(scratch, size % du);
	fd = open(t.path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, scratch, size % du, (off_t)(4096 + round_up(size, du))),
			 size % du);
	close(fd);
	shadow_resize(size);
}

static void exercise(unsigned du, unsigned ops, unsigned first_dev)
{
	struct fs_file *file;
	unsigned dev = first_dev;

	start(du);
	use_device(dev);
	file = create_file();
	shadow_resize(0);
	for (unsigned i = 1; i <= ops; i++) {
		switch (rnd() % 16) {
		case 0 ... 5:
			ex_write(file);
			break;
		case 6 ... 8:
			ex_read(file);
			break;
		case 9 ... 10:
			ex_truncate(file);
			break;
		case 11 ... 13:
			ex_fallocate(file);
			break;
		case 14:
			ex_seek(file, du);
			break;
		case 15:
			ex_copy(file);
			break;
		}
		assert_int_equal(fs_opened(&t.inode)->size, shadow_size);
		if (i % 50 == 0) {
			bool damaged = rnd() % 3 == 0;

			t.no_falloc = rnd() % 2;
			check_all(file);
			assert_int_equal(fs_file_fsync(file, rnd() % 2), 0);
			assert_int_equal(fs_file_release(file), 0);
			forget_file();
			if (damaged && du != 0)
				damage_tail(du);
			/* Not open: the parent's policy says how long it is. */
			assert_int_equal(size_by_stat(), shadow_size);
			/* The other engine must find the same bytes. */
			dev = (dev + 1) % NUM_DEVS;
			use_device(dev);
			file = open_file(O_RDWR);
			check_all(file);
			if (!damaged)
				check_store(file, du);
		}
	}
	if (du != 0)
		assert_int_equal(t.stored, 1);
	assert_int_equal(fs_file_release(file), 0);
}

static unsigned num_ops(void)
{
	const char *s = getenv("FUSCRYPT_FSX_OPS");

	return s ? (unsigned)atoi(s) : 2000;
}

static void test_exercise(void **state)
{
	static const unsigned dus[] = { 512, 1024, 2048, 4096, 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(dus); i++) {
		for (unsigned dev = 0; dev < NUM_DEVS; dev++)
			exercise(dus[i], num_ops(), dev);
	}
}

/* Nothing is taken from memory: as when another mount may have changed the file. */
static void test_exercise_shared(void **state)
{
	struct fs_file *file;
	uint8_t byte = 7;

	(void)state;
	start(4096);
	t.sb.opts.shared = true;
	file = create_file();
	assert_int_equal(st_size(), 4096); /* another mount must not invent a context for it */
	shadow_resize(0);
	for (unsigned i = 0; i < num_ops() / 4; i++) {
		ex_write(file);
		ex_read(file);
		ex_truncate(file);
		/* Grown behind our back, to a whole unit of holes more. */
		if (rnd() % 4 == 0 && shadow_size + 8192 < EX_MAX) {
			uint64_t size = round_up(shadow_size + 1, 4096);

			assert_int_equal(fs_file_truncate(file, round_up(shadow_size, 4096)), 0);
			assert_int_equal(truncate(t.path, (off_t)store_size_encode(size, 4096)), 0);
			shadow_resize(size);
			ex_read(file);
			assert_int_equal(fs_file_write(file, size, &byte, 1), 0);
			shadow_resize(size + 1);
			shadow[size] = byte;
		}
		assert_int_equal(size_by_stat(), shadow_size);
	}
	assert_int_equal(fs_file_release(file), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exercise),
		cmocka_unit_test(test_exercise_shared),
	};

	return cmocka_run_group_tests_name("file-fsx", tests, group_setup, group_teardown);
}
