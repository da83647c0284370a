/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-file-wrap.c - IV_INO_LBLK_32 where data unit numbers wrap inside a file */
#include "file-fixture.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "crypto/skcipher.h"
#include "fs/fscrypt/fscrypt_private.h"
#include "util/io.h"

#define DU    4096u
#define UNITS (EX_MAX / DU)

/* A file whose hashed inode number is so great that data unit @wrap has the number 0. */
static void set_wrap(uint32_t wrap)
{
	t.inode.use->info->hashed_ino = (uint32_t)0 - wrap;
}

static struct fs_file *create_wrapping(uint32_t wrap)
{
	struct fs_file *file;

	start(DU);
	for (unsigned i = 0; i < NUM_DEVS; i++)
		t.fsc[i]->stable_inodes = true;
	t.parent.use->ctx.v2.flags |= FSCRYPT_POLICY_FLAG_IV_INO_LBLK_32;
	file = create_file();
	set_wrap(wrap);
	return file;
}

/* Every stored unit, by the cipher alone: the IV has the sum in four bytes, and nothing else. */
static void check_units(const uint8_t *plain, size_t units, uint32_t wrap)
{
	uint8_t stored[DU], want[DU];
	struct skcipher *tfm;
	int fd = open(t.path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(skcipher_alloc(skcipher_find("aes-256-xts"), &tfm), 0);
	assert_int_equal(skcipher_setkey(tfm, t.inode.use->info->key->blk_key->bytes, 64), 0);
	for (size_t i = 0; i < units; i++) {
		uint8_t iv[16] = { 0 };

		put_le32(iv, (uint32_t)i - wrap);
		assert_int_equal(skcipher_encrypt(tfm, iv, plain + i * DU, want, DU), 0);
		assert_int_equal(io_pread(fd, stored, DU, (off_t)(STORE_HEADER_SIZE + i * DU)), DU);
		assert_memory_equal(stored, want, DU);
	}
	skcipher_free(tfm);
	close(fd);
}

static void finish(struct fs_file *file)
{
	assert_int_equal(fs_file_release(file), 0);
}

/* One write over the wrap is two bios, cut there; on either side it is one. */
static void test_b28_b41_cut(void **state)
{
	uint64_t merges;
	static const uint32_t wraps[] = { 1, 7, 8, UNITS - 1 };

	for (size_t i = 0; i < ARRAY_SIZE(wraps); i++) {
		struct fs_file *file = create_wrapping(wraps[i]);

		fill(shadow, EX_MAX);
		fault.writes = 0;
		write_ok(file, 0, shadow, UNITS * DU);
		assert_int_equal(fault.writes, 2);
		assert_int_equal(fault.heads, 1);
		check_units(shadow, UNITS, wraps[i]);
		/* Of a read, what is below the encryption makes one request again. */
		merges = stat_read(&fault.child->stats.merges);
		expect(file, 0, shadow, UNITS * DU);
		assert_true(stat_read(&fault.child->stats.merges) > merges);
		fault.writes = 0;
		write_ok(file, 0, shadow, wraps[i] * DU);
		write_ok(file, wraps[i] * DU, shadow + wraps[i] * DU, (UNITS - wraps[i]) * DU);
		assert_int_equal(fault.writes, 2);
		check_units(shadow, UNITS, wraps[i]);
		finish(file);
	}
	/* The wrap is at the file's beginning or behind its end: nothing to cut. */
	for (uint32_t wrap = 0; wrap <= UNITS; wrap += UNITS) {
		struct fs_file *file = create_wrapping(wrap);

		write_ok(file, 0, shadow, UNITS * DU);
		assert_int_equal(fault.writes, 1);
		check_units(shadow, UNITS, wrap);
		finish(file);
	}
}

/* Parts of units, holes and sizes around it; and what one device wrote the other reads. */
static void test_around(void **state)
{
	const uint32_t wrap = 9;
	struct fs_file *file = create_wrapping(wrap);

	memset(shadow, 0, sizeof(shadow));
	shadow_size = 0;
	for (unsigned i = 0; i < 3000; i++) {
		uint64_t at = (uint64_t)wrap * DU, off = at - 20000 + rnd() % 40000;
		size_t len = 1 + rnd() % (rnd() % 2 ? 100 : 30000);

		if (i % 16 == 15) {
			shadow_resize(off);
			assert_int_equal(fs_file_truncate(file, off), 0);
		} else {
			fill(scratch, len);
			write_ok(file, off, scratch, len);
			memcpy(shadow + off, scratch, len);
			shadow_size = MAX(shadow_size, off + len);
		}
		if (i % 50 == 0)
			check_all(file);
		if (i % 500 == 0) {
			assert_int_equal(fs_file_release(file), 0);
			forget_file();
			use_device(i / 500 % 2 ? DEV_SIM : DEV_FILE);
			file = open_file(O_RDWR);
			set_wrap(wrap);
			check_all(file);
		}
	}
	finish(file);
}

/* The second half fails: what was there before stays readable, and the size is the old one. */
static void test_half_fails(void **state)
{
	const uint32_t wrap = 4;
	struct fs_file *file = create_wrapping(wrap);

	fill(shadow, EX_MAX);
	write_ok(file, 0, shadow, 3 * DU + 100);
	fault.fail_after = 1;
	fault.err = -ENOSPC;
	assert_int_equal(fs_file_write(file, 3 * DU + 100, shadow + 3 * DU + 100, 5 * DU), -ENOSPC);
	fault.fail_after = -1;
	shadow_size = 3 * DU + 100;
	assert_int_equal(size_by_stat(), shadow_size);
	expect(file, 0, shadow, 3 * DU + 100);
	write_ok(file, 3 * DU + 100, shadow + 3 * DU + 100, 5 * DU);
	expect(file, 0, shadow, 8 * DU + 100);
	finish(file);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_b28_b41_cut),
		cmocka_unit_test(test_around),
		cmocka_unit_test(test_half_fails),
	};

	return cmocka_run_group_tests_name("file-wrap", tests, group_setup, group_teardown);
}
