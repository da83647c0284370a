/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-keyring-wrapped.c - hardware-wrapped master keys: added, refused, and what derives from them
 */
#include "fs/fscrypt/fscrypt_private.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "blkcrypto/blk-crypto-fallback.h"
#include "blkcrypto/blk-crypto-wrapped.h"
#include "blkcrypto/blk-device.h"
#include "util/hex.h"
#include "util/secret.h"

/* spec/fscrypt.md section 20, for the master key 00..1f. */
#define SW_SECRET  "48b69fb100fda3d600b75d7f25e2b8f1cf95e5de1bd624b9273d537519270c65"
#define IDENTIFIER "a2c6bd9aa8682ec04bc51ac412b9acea"

static const struct fscrypt_caller root = { .fsuid = 0, .cap_sys_admin = true };
static const struct fscrypt_caller alice = { .fsuid = 1000 };

struct fixture {
	struct blk_device *bdev;
	struct fscrypt_super *fsc;
};

static char hwkey[] = "/tmp/test-keyring-wrapped.XXXXXX";

/* A mount on @spec. */
static void start(struct fixture *f, const char *spec, bool inlinecrypt)
{
	struct fscrypt_super_params params = { .uuid = { 1, 2, 3 },
					       .inlinecrypt = inlinecrypt,
					       .stable_inodes = true };
	char text[256], *why = NULL;

	/* One that ends in "hwkey=" wants the file's name. */
	snprintf(text, sizeof(text), "%s%s%s", spec, spec[strlen(spec) - 1] == '=' ? hwkey : "",
		 spec[strlen(spec) - 1] == '=' ? ")" : "");
	if (blk_device_open(text, false, &f->bdev, &why) != 0)
		fail_msg("%s", why);
	params.bdev = f->bdev;
	assert_int_equal(fscrypt_super_create(&params, &f->fsc), 0);
}

static void stop(struct fixture *f)
{
	fscrypt_super_destroy(f->fsc);
	blk_device_close(f->bdev);
	blk_crypto_fallback_destroy();
}

#define WRAPPING "sim(keytypes=raw+wrapped,hwkey="

static unsigned make_wrapped(struct fixture *f, uint8_t *ret_eph)
{
	uint8_t raw[32], lt[FSCRYPT_MAX_HW_WRAPPED_KEY_SIZE];
	int size;

	for (unsigned i = 0; i < sizeof(raw); i++)
		raw[i] = (uint8_t)i;
	size = blk_crypto_import_key(f->bdev, raw, sizeof(raw), lt);
	assert_true(size > 0);
	size = blk_crypto_prepare_key(f->bdev, lt, (size_t)size, ret_eph);
	assert_true(size > 0);
	return (unsigned)size;
}

static int add(struct fixture *f, const struct fscrypt_caller *who, const uint8_t *eph, size_t size,
	       struct fscrypt_key_specifier *spec)
{
	memset(spec, 0, sizeof(*spec));
	spec->type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER;
	return fscrypt_add_wrapped_key(f->fsc, who, spec, eph, size);
}

static unsigned status_of(struct fixture *f, const struct fscrypt_key_specifier *spec,
			  unsigned *ret_users)
{
	struct fscrypt_get_key_status_arg arg = { .key_spec = *spec };

	assert_int_equal(fscrypt_key_status(f->fsc, &root, &arg), 0);
	*ret_users = arg.user_count;
	return arg.status;
}

/* An inode with @flags under the key of @spec. */
static int set_up(struct fixture *f, const struct fscrypt_key_specifier *spec, unsigned flags,
		  enum fscrypt_inode_kind kind, struct fscrypt_info **ret_info)
{
	static const uint8_t nonce[FSCRYPT_FILE_NONCE_SIZE] = { 0xA0, 0xA1 };
	union fscrypt_policy policy = { .v2 = {
						.version = FSCRYPT_POLICY_V2,
						.contents_encryption_mode =
							FSCRYPT_MODE_AES_256_XTS,
						.filenames_encryption_mode =
							FSCRYPT_MODE_AES_256_CTS,
						.flags = (uint8_t)flags,
					} };
	union fscrypt_context ctx;
	size_t len;

	memcpy(policy.v2.master_key_identifier, spec->u.identifier, FSCRYPT_KEY_IDENTIFIER_SIZE);
	len = fscrypt_context_from_policy(&policy, nonce, &ctx);
	return fscrypt_setup_info(f->fsc, &ctx, len, kind, 12345, ret_info);
}

static void test_identifier_and_claims_F6_F50(void **state)
{
	uint8_t eph[FSCRYPT_MAX_HW_WRAPPED_KEY_SIZE], want[FSCRYPT_KEY_IDENTIFIER_SIZE];
	struct fscrypt_key_specifier spec;
	uint32_t flags;
	struct fixture f;
	unsigned size, users;
	bool evict;

	start(&f, WRAPPING, true);
	size = make_wrapped(&f, eph);
	assert_int_equal(add(&f, &root, eph, size, &spec), 0);
	assert_int_equal(hex_decode(IDENTIFIER, want, sizeof(want)), 0);
	assert_memory_equal(spec.u.identifier, want, sizeof(want));
	assert_int_equal(status_of(&f, &spec, &users), FSCRYPT_KEY_STATUS_PRESENT);
	assert_int_equal(users, 1);
	/* Another wrapping of the same key is the same key. */
	size = make_wrapped(&f, eph);
	assert_int_equal(add(&f, &alice, eph, size, &spec), 0);
	assert_memory_equal(spec.u.identifier, want, sizeof(want));
	status_of(&f, &spec, &users);
	assert_int_equal(users, 2);
	assert_int_equal(fscrypt_verify_key_added(f.fsc, 1000, want), 0);
	assert_int_equal(fscrypt_remove_key(f.fsc, &alice, &spec, false, &evict, &flags), 0);
	assert_int_equal(flags, FSCRYPT_KEY_REMOVAL_STATUS_FLAG_OTHER_USERS);
	assert_int_equal(fscrypt_remove_key(f.fsc, &root, &spec, false, &evict, &flags), 0);
	assert_true(evict);
	assert_int_equal(status_of(&f, &spec, &users), FSCRYPT_KEY_STATUS_ABSENT);
	stop(&f);
}

static void test_refused_F50(void **state)
{
	static const struct {
		const char *spec;
		bool inlinecrypt;
		int err;
	} rows[] = {
		{ WRAPPING, true, -EBADMSG }, /* wrapped before this start of the device */
		{ WRAPPING, false, -EOPNOTSUPP }, { "sim", true, -EOPNOTSUPP },
		{ "sim", false, -EOPNOTSUPP },	  { "file", true, -EOPNOTSUPP },
		{ "file", false, -EOPNOTSUPP },
	};
	uint8_t eph[FSCRYPT_MAX_HW_WRAPPED_KEY_SIZE + 1] = { 0 };
	struct fscrypt_key_specifier spec, before;
	struct fixture f;
	unsigned size, users;

	start(&f, WRAPPING, true);
	size = make_wrapped(&f, eph);
	stop(&f);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		start(&f, rows[i].spec, rows[i].inlinecrypt);
		assert_int_equal(add(&f, &root, eph, size, &spec), rows[i].err);
		assert_int_equal(hex_decode(IDENTIFIER, spec.u.identifier, 16), 0);
		assert_int_equal(status_of(&f, &spec, &users), FSCRYPT_KEY_STATUS_ABSENT);
		stop(&f);
	}

	start(&f, WRAPPING, true);
	memset(&before, 0, sizeof(before));
	before.type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER;
	assert_int_equal(add(&f, &root, eph, 15, &spec), -EINVAL);
	assert_int_equal(add(&f, &root, eph, 129, &spec), -EINVAL);
	/* Sizes that may be, but that this device does not make. */
	assert_int_equal(add(&f, &root, eph, 16, &spec), -EBADMSG);
	assert_int_equal(add(&f, &root, eph, 128, &spec), -EBADMSG);
	assert_memory_equal(&spec, &before, sizeof(spec));
	spec.type = FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR;
	assert_int_equal(fscrypt_add_wrapped_key(f.fsc, &root, &spec, eph, size), -EINVAL);
	stop(&f);
}

static void encrypted_name(struct fixture *f, const struct fscrypt_key_specifier *spec,
			   unsigned flags, uint8_t ret_ct[static NAME_MAX_LEN])
{
	struct fscrypt_info *info;
	size_t len;

	assert_int_equal(set_up(f, spec, flags, FSCRYPT_DIR, &info), 0);
	assert_int_equal(fscrypt_fname_encrypt(info, "hello", 5, ret_ct, &len), 0);
	fscrypt_put_info(info);
}

/* Names are encrypted as if the software secret were a raw master key; contents are not. */
static void test_derived_keys_F50(void **state)
{
	static const unsigned flags[] = { FSCRYPT_POLICY_FLAG_IV_INO_LBLK_64,
					  FSCRYPT_POLICY_FLAG_IV_INO_LBLK_32 };
	struct fscrypt_key_specifier wrapped, raw = { .type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER };
	uint8_t eph[FSCRYPT_MAX_HW_WRAPPED_KEY_SIZE], secret[32], a[255], b[255];
	struct fscrypt_info *info, *other;
	const struct blk_crypto_key *key;
	struct fixture f;
	unsigned size;

	start(&f, WRAPPING, true);
	size = make_wrapped(&f, eph);
	assert_int_equal(add(&f, &root, eph, size, &wrapped), 0);
	assert_int_equal(hex_decode(SW_SECRET, secret, sizeof(secret)), 0);
	assert_int_equal(fscrypt_add_key(f.fsc, &root, &raw, secret, sizeof(secret)), 0);
	assert_memory_not_equal(raw.u.identifier, wrapped.u.identifier, 16);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		encrypted_name(&f, &wrapped, flags[i], a);
		encrypted_name(&f, &raw, flags[i], b);
		assert_memory_equal(a, b, 16);

		assert_int_equal(set_up(&f, &wrapped, flags[i], FSCRYPT_REG, &info), 0);
		assert_int_equal(set_up(&f, &wrapped, flags[i], FSCRYPT_REG, &other), 0);
		key = info->key->blk_key;
		assert_ptr_equal(key, other->key->blk_key);
		assert_int_equal(key->crypto_cfg.key_type, BLK_CRYPTO_KEY_TYPE_HW_WRAPPED);
		assert_int_equal(key->size, size);
		assert_memory_equal(key->bytes, eph, size);
		fscrypt_put_info(other);
		/* And the IVs are those of the software secret. */
		assert_int_equal(set_up(&f, &raw, flags[i], FSCRYPT_REG, &other), 0);
		assert_int_equal(info->hashed_ino, other->hashed_ino);
		assert_int_equal(other->key->blk_key->crypto_cfg.key_type, BLK_CRYPTO_KEY_TYPE_RAW);
		fscrypt_put_info(other);
		fscrypt_put_info(info);
	}
	stop(&f);
}

/* Policies that a wrapped key does not go with, and contents that the device cannot do. */
static void test_not_for_this_policy_F50(void **state)
{
	static const enum fscrypt_inode_kind kinds[] = { FSCRYPT_REG, FSCRYPT_DIR, FSCRYPT_LNK };
	uint8_t eph[FSCRYPT_MAX_HW_WRAPPED_KEY_SIZE];
	struct fscrypt_key_specifier spec;
	struct fscrypt_info *info;
	struct fixture f;
	uint32_t flags;
	unsigned size;
	bool evict;

	start(&f, WRAPPING, true);
	size = make_wrapped(&f, eph);
	assert_int_equal(add(&f, &root, eph, size, &spec), 0);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		assert_int_equal(set_up(&f, &spec, 0, kinds[i], &info), -EINVAL);
	assert_int_equal(fscrypt_remove_key(f.fsc, &root, &spec, false, &evict, &flags), 0);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		assert_int_equal(
			set_up(&f, &spec, FSCRYPT_POLICY_FLAG_IV_INO_LBLK_64, kinds[i], &info),
			-ENOKEY);
	stop(&f);

	start(&f, "sim(modes=aes-256-xts:512,keytypes=raw+wrapped,hwkey=", true);
	size = make_wrapped(&f, eph);
	assert_int_equal(add(&f, &root, eph, size, &spec), 0);
	assert_int_equal(set_up(&f, &spec, FSCRYPT_POLICY_FLAG_IV_INO_LBLK_64, FSCRYPT_REG, &info),
			 -EINVAL);
	assert_int_equal(set_up(&f, &spec, FSCRYPT_POLICY_FLAG_IV_INO_LBLK_64, FSCRYPT_DIR, &info),
			 0);
	fscrypt_put_info(info);
	stop(&f);
}

/* With the fallback off a device for wrapped keys alone does for IV_INO policies, and only those.
 */
static void test_contents_possible_F50(void **state)
{
	union fscrypt_policy policy = { .v2 = {
						.version = FSCRYPT_POLICY_V2,
						.contents_encryption_mode =
							FSCRYPT_MODE_AES_256_XTS,
						.filenames_encryption_mode =
							FSCRYPT_MODE_AES_256_CTS,
					} };
	struct fscrypt_super_params params = { .inlinecrypt = true, .stable_inodes = true };
	struct fixture f;
	char text[256];

	snprintf(text, sizeof(text), "sim(keytypes=wrapped,hwkey=%s)", hwkey);
	assert_int_equal(blk_device_open(text, true, &f.bdev, NULL), 0);
	params.bdev = f.bdev;
	assert_int_equal(fscrypt_super_create(&params, &f.fsc), 0);
	assert_false(fscrypt_contents_possible(f.fsc, &policy));
	policy.v2.flags = FSCRYPT_POLICY_FLAG_IV_INO_LBLK_64;
	assert_true(fscrypt_contents_possible(f.fsc, &policy));
	policy.v2.flags = FSCRYPT_POLICY_FLAG_IV_INO_LBLK_32;
	assert_true(fscrypt_contents_possible(f.fsc, &policy));
	stop(&f);
}

static int setup(void **state)
{
	int fd = mkstemp(hwkey);

	/* The device makes its own. */
	return fd < 0 || close(fd) < 0 || unlink(hwkey) < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	return unlink(hwkey);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identifier_and_claims_F6_F50),
		cmocka_unit_test(test_refused_F50),
		cmocka_unit_test(test_derived_keys_F50),
		cmocka_unit_test(test_not_for_this_policy_F50),
		cmocka_unit_test(test_contents_possible_F50),
	};

	if (secret_init() != 0)
		return 99;
	return cmocka_run_group_tests_name("keyring-wrapped", tests, setup, teardown);
}
