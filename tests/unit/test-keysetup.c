/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-keysetup.c - what a file does not get a key for: sizes, weak keys, missing ciphers */
#include "keyring-fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/skcipher.h"

/* ---- key set-up errors ---- */

static void test_key_sizes(void **state)
{
	struct fscrypt_super *fsc = ((struct fixture *)*state)->fsc;
	struct fscrypt_key_specifier spec;
	struct fscrypt_info *info;
	uint8_t raw[64];

	/* v2 asks for the strength of the mode, 32 bytes in both. */
	assert_int_equal(add(fsc, &alice, 1, 31, &spec), 0);
	assert_int_equal(setup_info(fsc, &spec, FSCRYPT_REG, &info), -ENOKEY);
	assert_int_equal(setup_info(fsc, &spec, FSCRYPT_DIR, &info), -ENOKEY);
	assert_int_equal(add(fsc, &alice, 2, 32, &spec), 0);
	assert_int_equal(setup_info(fsc, &spec, FSCRYPT_REG, &info), 0);
	fscrypt_put_info(info);

	/* v1 asks for the key size of the mode. */
	make_raw(3, raw, sizeof(raw));
	add_v1(fsc, "short   ", raw, 63, &spec);
	assert_int_equal(setup_info(fsc, &spec, FSCRYPT_REG, &info), -ENOKEY);
	assert_int_equal(setup_info(fsc, &spec, FSCRYPT_DIR, &info), 0);
	fscrypt_put_info(info);
	add_v1(fsc, "long    ", raw, 64, &spec);
	assert_int_equal(setup_info(fsc, &spec, FSCRYPT_REG, &info), 0);
	fscrypt_put_info(info);
}

static void test_weak_key(void **state)
{
	struct fscrypt_super *fsc = ((struct fixture *)*state)->fsc;
	struct fscrypt_key_specifier spec;
	struct fscrypt_info *info;
	uint8_t raw[64];

	/* v1 encrypts block by block, so equal halves stay equal. */
	make_raw(1, raw, 32);
	memcpy(raw + 32, raw, 32);
	add_v1(fsc, "weak    ", raw, 64, &spec);
	assert_int_equal(setup_info(fsc, &spec, FSCRYPT_REG, &info), -EINVAL);
	assert_int_equal(setup_info(fsc, &spec, FSCRYPT_DIR, &info), 0);
	fscrypt_put_info(info);
	/* A failure keeps no reference. */
	remove_ok(fsc, &root, &spec, false, true, 0);
}

static void test_setup_refused(void **state)
{
	struct fscrypt_super *fsc = ((struct fixture *)*state)->fsc;
	static const uint8_t pairs[][2] = { { 1, 10 }, { 5, 6 }, { 7, 8 }, { 9, 9 } };
	struct fscrypt_key_specifier spec, absent = { .type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER };
	union fscrypt_context ctx = { .version = 3 };
	struct fscrypt_info *info;

	assert_int_equal(add(fsc, &alice, 1, 64, &spec), 0);
	assert_int_equal(fscrypt_setup_info(fsc, &ctx, 40, FSCRYPT_REG, 0, &info), -EINVAL);
	/* Not without stable inode numbers. */
	assert_int_equal(setup_modes(fsc, &spec, 1, 4, FSCRYPT_POLICY_FLAG_IV_INO_LBLK_64,
				     FSCRYPT_REG, &info),
			 -EINVAL);
	assert_int_equal(setup_modes(fsc, &spec, 4, 4, 0, FSCRYPT_REG, &info), -EINVAL);
	/* A missing key counts before a missing cipher. */
	assert_int_equal(setup_modes(fsc, &absent, 9, 9, 0, FSCRYPT_REG, &info), -ENOKEY);

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		for (unsigned k = 0; k < 2; k++) {
			enum fscrypt_inode_kind kind = k == 0 ? FSCRYPT_REG : FSCRYPT_DIR;
			bool have = skcipher_find(fscrypt_mode_get(pairs[i][k])->variant) != NULL;
			int err = setup_modes(fsc, &spec, pairs[i][0], pairs[i][1], 0, kind, &info);

			assert_int_equal(err, have ? 0 : -ENOPKG);
			if (err == 0)
				fscrypt_put_info(info);
		}
	}
	remove_ok(fsc, &alice, &spec, false, true, 0);
}

/* A transform that comes back from a directory has forgotten its key. */
static void test_spare_transforms(void **state)
{
	struct fscrypt_super *fsc = ((struct fixture *)*state)->fsc;
	const unsigned mode = FSCRYPT_MODE_AES_256_CTS;
	static const uint8_t zeros[64];
	struct fscrypt_key_specifier spec;
	struct fscrypt_info *infos[FSCRYPT_TFM_POOL + 8];
	struct skcipher *spare, *blank;
	uint8_t a[32], b[32];

	assert_int_equal(add(fsc, &alice, 1, 64, &spec), 0);
	for (size_t i = 0; i < ARRAY_SIZE(infos); i++)
		assert_int_equal(setup_info(fsc, &spec, FSCRYPT_DIR, &infos[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(infos); i++)
		fscrypt_put_info(infos[i]);
	assert_int_equal(fsc->tfm_pool[mode].count, FSCRYPT_TFM_POOL);

	assert_int_equal(fscrypt_tfm_get(fsc, mode, &spare), 0);
	assert_int_equal(fsc->tfm_pool[mode].count, FSCRYPT_TFM_POOL - 1);
	assert_int_equal(skcipher_alloc(skcipher_find("aes-256-cts"), &blank), 0);
	assert_int_equal(skcipher_setkey(blank, zeros, 32), 0);
	assert_int_equal(skcipher_encrypt(spare, zeros, zeros, a, sizeof(a)), 0);
	assert_int_equal(skcipher_encrypt(blank, zeros, zeros, b, sizeof(b)), 0);
	assert_memory_equal(a, b, sizeof(a));
	skcipher_free(blank);
	fscrypt_tfm_put(fsc, mode, spare);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_key_sizes),
		TEST(test_weak_key),
		TEST(test_setup_refused),
		TEST(test_spare_transforms),
	};

	return keyring_run(tests, ARRAY_SIZE(tests), "keysetup");
}
