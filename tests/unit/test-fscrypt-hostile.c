/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-fscrypt-hostile.c - names, targets and no-key names that nobody should have made */
#include "fscrypt-fixture.h"

#include <errno.h>

#include "util/secret.h"

static void test_bad_names(void **state)
{
	static const char *const bad[] = { ".", "..", "a/b", "/" };
	struct fscrypt_info *info = known_info(2, 0, 0, FSCRYPT_DIR);
	char name[NAME_MAX_LEN + 1];
	uint8_t ct[NAME_MAX_LEN + 1] = { 0 };
	size_t len, n;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(fscrypt_fname_encrypt(info, bad[i], strlen(bad[i]), ct, &len), 0);
		assert_int_equal(fscrypt_fname_decrypt(info, ct, len, name, &n), -EUCLEAN);
	}
	assert_int_equal(fscrypt_fname_encrypt(info, "", 0, ct, &len), 0);
	assert_int_equal(fscrypt_fname_decrypt(info, ct, len, name, &n), -EUCLEAN);
	for (len = 0; len < FSCRYPT_FNAME_MIN_MSG_LEN; len++)
		assert_int_equal(fscrypt_fname_decrypt(info, ct, len, name, &n), -EUCLEAN);
	assert_int_equal(fscrypt_fname_decrypt(info, ct, NAME_MAX_LEN + 1, name, &n), -EUCLEAN);
	memset(name, 'x', sizeof(name));
	assert_int_equal(fscrypt_fname_encrypt(info, name, NAME_MAX_LEN + 1, ct, &len),
			 -ENAMETOOLONG);
	for (n = 1; n <= NAME_MAX_LEN; n++) {
		assert_int_equal(fscrypt_fname_encrypt(info, name, n, ct, &len), 0);
		assert_int_equal(len, MIN((MAX(n, (size_t)16) + 3) / 4 * 4, (size_t)255));
	}
	fscrypt_put_info(info);
}

static void test_bad_symlinks(void **state)
{
	struct fscrypt_info *info = known_info(2, 0, 0, FSCRYPT_LNK);
	uint8_t payload[FSCRYPT_MAX_SYMLINK_PAYLOAD] = { 0 };
	char target[FSCRYPT_MAX_SYMLINK_PAYLOAD], text[FSCRYPT_NOKEY_MAX_ENCODED];
	static const struct {
		unsigned ct_len, payload_len;
	} rows[] = { { 0, 0 },	 { 0, 1 },   { 0, 2 },	 { 16, 2 },	 { 0, 18 },
		     { 15, 40 }, { 17, 18 }, { 39, 40 }, { 4094, 4096 }, { 0xFFFF, 4096 } };
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		payload[0] = (uint8_t)rows[i].ct_len;
		payload[1] = (uint8_t)(rows[i].ct_len >> 8);
		assert_int_equal(
			fscrypt_symlink_decrypt(info, payload, rows[i].payload_len, target, &len),
			-EUCLEAN);
		assert_int_equal(fscrypt_symlink_nokey(payload, rows[i].payload_len, text, &len),
				 -EUCLEAN);
	}
	memset(target, 'x', sizeof(target));
	assert_int_equal(fscrypt_symlink_encrypt(info, target, 0, payload, &len), -ENOENT);
	assert_int_equal(
		fscrypt_symlink_encrypt(info, target, FSCRYPT_MAX_SYMLINK_TARGET, payload, &len),
		0);
	assert_int_equal(len, 2 + FSCRYPT_MAX_SYMLINK_TARGET);
	assert_int_equal(fscrypt_symlink_decrypt(info, payload, len, target, &len), 0);
	assert_int_equal(len, FSCRYPT_MAX_SYMLINK_TARGET);
	assert_int_equal(fscrypt_symlink_encrypt(info, target, FSCRYPT_MAX_SYMLINK_TARGET + 1,
						 payload, &len),
			 -ENAMETOOLONG);
	/* A target that decrypts to nothing. */
	target[0] = '\0';
	assert_int_equal(fscrypt_symlink_encrypt(info, target, 1, payload, &len), 0);
	assert_int_equal(fscrypt_symlink_decrypt(info, payload, len, target, &len), -EUCLEAN);
	fscrypt_put_info(info);
}

static void test_bad_nokey(void **state)
{
	struct fscrypt_nokey_name nokey;
	char text[FSCRYPT_NOKEY_MAX_ENCODED + 1];
	unsigned accepted = 0;

	/* By length alone: 'A's are zero bytes, with no bits left over. */
	memset(text, 'A', sizeof(text));
	for (size_t len = 0; len <= sizeof(text); len++) {
		size_t bytes = len * 3 / 4;
		bool good = len % 4 != 1 && len <= FSCRYPT_NOKEY_MAX_ENCODED &&
			    ((bytes >= 9 && bytes <= 157) || bytes == 189);

		assert_int_equal(fscrypt_nokey_decode(text, len, &nokey), good ? 0 : -ENOENT);
		if (good)
			assert_int_equal(nokey.len, nokey.is_long ? 149 : bytes - 8);
		accepted += good;
	}
	assert_true(accepted > 100);
	assert_int_equal(fscrypt_nokey_decode("hello.txt", 9, &nokey), -ENOENT);
	text[31] = '=';
	assert_int_equal(fscrypt_nokey_decode(text, 32, &nokey), -ENOENT);
	text[31] = '+';
	assert_int_equal(fscrypt_nokey_decode(text, 32, &nokey), -ENOENT);
	/* 30 characters are 22 bytes and 4 bits that must be zero. */
	text[29] = 'B';
	assert_int_equal(fscrypt_nokey_decode(text, 30, &nokey), -ENOENT);
	text[29] = 'Q';
	assert_int_equal(fscrypt_nokey_decode(text, 30, &nokey), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_bad_symlinks),
		cmocka_unit_test(test_bad_nokey),
	};
	int failed;

	if (secret_init() != 0)
		return 99;
	failed = cmocka_run_group_tests_name("fscrypt-hostile", tests, known_setup, known_teardown);
	blk_crypto_fallback_destroy();
	return failed;
}
