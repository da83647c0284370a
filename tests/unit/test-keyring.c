/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-keyring.c - master keys: added, claimed by users within their quota, asked for, removed */
#include "keyring-fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- adding and asking ---- */

static void test_add_status(void **state)
{
	struct fscrypt_super *fsc = ((struct fixture *)*state)->fsc;
	struct fscrypt_key_specifier spec, unknown = { .type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER };
	uint8_t raw[64], identifier[FSCRYPT_KEY_IDENTIFIER_SIZE];
	uint64_t generation = fscrypt_keyring_generation(fsc);

	assert_status(fsc, &root, &unknown, FSCRYPT_KEY_STATUS_ABSENT, 0, 0);
	unknown.type = FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR;
	assert_status(fsc, &alice, &unknown, FSCRYPT_KEY_STATUS_ABSENT, 0, 0);

	assert_int_equal(add(fsc, &alice, 1, 64, &spec), 0);
	make_raw(1, raw, sizeof(raw));
	assert_int_equal(fscrypt_key_identifier(raw, sizeof(raw), identifier), 0);
	assert_memory_equal(spec.u.identifier, identifier, sizeof(identifier));
	assert_status(fsc, &alice, &spec, FSCRYPT_KEY_STATUS_PRESENT,
		      FSCRYPT_KEY_STATUS_FLAG_ADDED_BY_SELF, 1);
	assert_status(fsc, &root, &spec, FSCRYPT_KEY_STATUS_PRESENT, 0, 1);
	assert_int_equal(fscrypt_keyring_generation(fsc), generation + 1);

	/* Again by the same user: nothing new. */
	assert_int_equal(add(fsc, &alice, 1, 64, &spec), 0);
	assert_status(fsc, &alice, &spec, FSCRYPT_KEY_STATUS_PRESENT,
		      FSCRYPT_KEY_STATUS_FLAG_ADDED_BY_SELF, 1);
	assert_int_equal(fscrypt_keyring_generation(fsc), generation + 1);

	assert_int_equal(fscrypt_verify_key_added(fsc, alice.fsuid, identifier), 0);
	assert_int_equal(fscrypt_verify_key_added(fsc, root.fsuid, identifier), -ENOKEY);
	identifier[3] ^= 1;
	assert_int_equal(fscrypt_verify_key_added(fsc, alice.fsuid, identifier), -ENOKEY);
}

static void test_invalid(void **state)
{
	struct fscrypt_super *fsc = ((struct fixture *)*state)->fsc;
	struct fscrypt_key_specifier spec = { .type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER }, bad;
	struct fscrypt_get_key_status_arg arg = { 0 };
	uint8_t raw[65] = { 1 }, identifier[16];

	assert_int_equal(fscrypt_add_key(fsc, &root, &spec, raw, 15), -EINVAL);
	assert_int_equal(fscrypt_add_key(fsc, &root, &spec, raw, 65), -EINVAL);
	assert_int_equal(fscrypt_key_identifier(raw, 15, identifier), -EINVAL);
	assert_int_equal(fscrypt_key_identifier(raw, 65, identifier), -EINVAL);
	for (size_t size = 16; size <= 64; size++)
		assert_int_equal(fscrypt_add_key(fsc, &root, &spec, raw, size), 0);

	for (uint32_t type = 0; type < 5; type++) {
		bad = (struct fscrypt_key_specifier){ .type = type };
		bad.reserved = type == 1 || type == 2;
		assert_int_equal(fscrypt_add_key(fsc, &root, &bad, raw, 64), -EINVAL);
		assert_int_equal(remove_err(fsc, &root, &bad, false), -EINVAL);
		assert_int_equal(remove_err(fsc, &root, &bad, true), -EINVAL);
		arg.key_spec = bad;
		assert_int_equal(fscrypt_key_status(fsc, &root, &arg), -EINVAL);
	}
	/* The missing privilege is found before what is wrong with a specifier, or after: as Linux.
	 */
	assert_int_equal(remove_err(fsc, &alice, &bad, true), -EACCES);
	assert_int_equal(remove_err(fsc, &alice, &bad, false), -EINVAL);
	arg.key_spec = spec;
	for (size_t i = 0; i < ARRAY_SIZE(arg.reserved); i++) {
		memset(arg.reserved, 0, sizeof(arg.reserved));
		arg.reserved[i] = 1;
		assert_int_equal(fscrypt_key_status(fsc, &root, &arg), -EINVAL);
	}
}

static void test_v1(void **state)
{
	struct fscrypt_super *fsc = ((struct fixture *)*state)->fsc;
	struct fscrypt_key_specifier spec = { .type = FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR }, same;
	struct fscrypt_info *a, *b;
	uint8_t raw[64], first[64];

	memcpy(spec.u.descriptor, "descript", 8);
	make_raw(1, raw, sizeof(raw));
	assert_int_equal(fscrypt_add_key(fsc, &alice, &spec, raw, 64), -EACCES);
	/* Before the size is looked at. */
	assert_int_equal(fscrypt_add_key(fsc, &alice, &spec, raw, 1), -EACCES);
	assert_int_equal(fscrypt_add_key(fsc, &root, &spec, raw, 1), -EINVAL);
	assert_int_equal(fscrypt_add_key(fsc, &root, &spec, raw, 64), 0);
	assert_status(fsc, &root, &spec, FSCRYPT_KEY_STATUS_PRESENT, 0, 0);
	assert_status(fsc, &alice, &spec, FSCRYPT_KEY_STATUS_PRESENT, 0, 0);

	/* Other bytes under the same descriptor: success, and the first stay. */
	assert_int_equal(setup_info(fsc, &spec, FSCRYPT_REG, &a), 0);
	memcpy(first, a->key->blk_key->bytes, 64);
	make_raw(2, raw, sizeof(raw));
	add_v1(fsc, "descript", raw, 64, &same);
	assert_int_equal(setup_info(fsc, &spec, FSCRYPT_REG, &b), 0);
	assert_memory_equal(b->key->blk_key->bytes, first, 64);
	fscrypt_put_info(a);
	fscrypt_put_info(b);

	/* What lies behind the descriptor's 8 bytes is not looked at. */
	same.u.raw[20] = 1;
	assert_status(fsc, &root, &same, FSCRYPT_KEY_STATUS_PRESENT, 0, 0);
	assert_int_equal(remove_err(fsc, &alice, &spec, false), -EACCES);
	remove_ok(fsc, &root, &same, false, true, 0);
	assert_status(fsc, &root, &spec, FSCRYPT_KEY_STATUS_ABSENT, 0, 0);
	assert_int_equal(remove_err(fsc, &root, &spec, false), -ENOKEY);

	/* After a full removal the new bytes count. */
	add_v1(fsc, "descript", raw, 64, &spec);
	assert_int_equal(setup_info(fsc, &spec, FSCRYPT_REG, &a), 0);
	assert_memory_not_equal(a->key->blk_key->bytes, first, 64);
	fscrypt_put_info(a);
}

/* ---- claims ---- */

static void test_claims(void **state)
{
	struct fscrypt_super *fsc = ((struct fixture *)*state)->fsc;
	struct fscrypt_key_specifier spec;
	union fscrypt_policy policy;

	assert_int_equal(add(fsc, &alice, 1, 64, &spec), 0);
	assert_int_equal(add(fsc, &bob, 1, 64, &spec), 0);
	make_policy(&spec, 1, 4, 0, &policy);
	assert_status(fsc, &bob, &spec, FSCRYPT_KEY_STATUS_PRESENT,
		      FSCRYPT_KEY_STATUS_FLAG_ADDED_BY_SELF, 2);
	/* Without a claim nobody removes; root is nobody special. */
	assert_int_equal(remove_err(fsc, &root, &spec, false), -ENOKEY);
	assert_int_equal(remove_err(fsc, &alice, &spec, true), -EACCES);

	remove_ok(fsc, &alice, &spec, false, false, FSCRYPT_KEY_REMOVAL_STATUS_FLAG_OTHER_USERS);
	assert_status(fsc, &alice, &spec, FSCRYPT_KEY_STATUS_PRESENT, 0, 1);
	assert_int_equal(fscrypt_verify_key_added(fsc, alice.fsuid, spec.u.identifier), -ENOKEY);
	assert_int_equal(remove_err(fsc, &alice, &spec, false), -ENOKEY);
	assert_true(fscrypt_key_present(fsc, &policy));

	remove_ok(fsc, &bob, &spec, false, true, 0);
	assert_status(fsc, &bob, &spec, FSCRYPT_KEY_STATUS_ABSENT, 0, 0);
	assert_false(fscrypt_key_present(fsc, &policy));
	assert_int_equal(remove_err(fsc, &bob, &spec, false), -ENOKEY);
}

static void test_all_users(void **state)
{
	struct fscrypt_super *fsc = ((struct fixture *)*state)->fsc;
	struct fscrypt_key_specifier spec;

	assert_int_equal(add(fsc, &alice, 1, 64, &spec), 0);
	assert_int_equal(add(fsc, &bob, 1, 64, &spec), 0);
	remove_ok(fsc, &root, &spec, true, true, 0);
	assert_status(fsc, &alice, &spec, FSCRYPT_KEY_STATUS_ABSENT, 0, 0);
	assert_int_equal(remove_err(fsc, &root, &spec, true), -ENOKEY);
}

static void test_list(void **state)
{
	struct fscrypt_super *fsc = ((struct fixture *)*state)->fsc;
	struct fscrypt_key_specifier spec;
	struct fscrypt_info *info;
	struct listing l = { 0 };
	uint8_t raw[64] = { 1 };

	fscrypt_for_each_key(fsc, list_one, &l);
	assert_int_equal(l.count, 0);
	assert_int_equal(add(fsc, &alice, 1, 64, &spec), 0);
	assert_int_equal(add(fsc, &bob, 1, 64, &spec), 0);
	add_v1(fsc, "descript", raw, 64, &spec);
	assert_int_equal(add(fsc, &bob, 2, 64, &spec), 0);
	assert_int_equal(setup_info(fsc, &spec, FSCRYPT_DIR, &info), 0);
	remove_ok(fsc, &bob, &spec, false, true, FSCRYPT_KEY_REMOVAL_STATUS_FLAG_FILES_BUSY);
	fscrypt_for_each_key(fsc, list_one, &l);
	assert_int_equal(l.count, 3);
	assert_int_equal(l.present, 2);
	assert_int_equal(l.users, 2);
	fscrypt_put_info(info);
}

/* ---- quota ---- */

static unsigned long limit_of(const char *path, unsigned long otherwise)
{
	FILE *f = fopen(path, "re");
	unsigned long value;

	if (f == NULL)
		return otherwise;
	if (fscanf(f, "%lu", &value) != 1)
		value = otherwise;
	fclose(f);
	return value;
}

static void test_quota(void **state)
{
	struct fscrypt_super *fsc = ((struct fixture *)*state)->fsc;
	const struct fscrypt_caller user = { .fsuid = 4000 };
	/* 64 + strlen("<32 hex digits>.uid.4000") + 1 */
	const unsigned long each = 106;
	unsigned long room = MIN(limit_of("/proc/sys/kernel/keys/maxkeys", 200),
				 limit_of("/proc/sys/kernel/keys/maxbytes", 20000) / each);
	struct fscrypt_key_specifier *specs = calloc(room, sizeof(*specs)), spec;
	uint8_t identifier[FSCRYPT_KEY_IDENTIFIER_SIZE];
	uint8_t raw[32];

	assert_non_null(specs);
	assert_true(room > 1 && room < 65536);
	for (unsigned i = 0; i < room; i++)
		assert_int_equal(add(fsc, &user, i, 32, &specs[i]), 0);
	make_raw(70000, raw, sizeof(raw));
	assert_int_equal(fscrypt_key_identifier(raw, sizeof(raw), identifier), 0);
	assert_int_equal(add(fsc, &user, 70000, 32, &spec), -EDQUOT);
	/* What was refused left nothing behind, and what is claimed already costs nothing. */
	spec = (struct fscrypt_key_specifier){ .type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER };
	memcpy(spec.u.identifier, identifier, sizeof(identifier));
	assert_status(fsc, &user, &spec, FSCRYPT_KEY_STATUS_ABSENT, 0, 0);
	assert_int_equal(add(fsc, &user, 0, 32, &spec), 0);
	/* A claim on somebody else's key costs as much as the first. */
	assert_int_equal(add(fsc, &alice, 70000, 32, &spec), 0);
	assert_int_equal(add(fsc, &user, 70000, 32, &spec), -EDQUOT);
	assert_status(fsc, &user, &spec, FSCRYPT_KEY_STATUS_PRESENT, 0, 1);

	/* The charge ends with the claim, whoever ends it. */
	remove_ok(fsc, &user, &specs[0], false, true, 0);
	assert_int_equal(add(fsc, &user, 70000, 32, &spec), 0);
	assert_int_equal(add(fsc, &user, 70001, 32, &spec), -EDQUOT);
	remove_ok(fsc, &root, &specs[1], true, true, 0);
	assert_int_equal(add(fsc, &user, 70001, 32, &spec), 0);
	assert_int_equal(add(fsc, &user, 70002, 32, &spec), -EDQUOT);
	free(specs);
}

/* Revoking is for administrators, the only claimant, and who was the last one. */
static void test_revoke(void **state)
{
	struct fixture *f = *state;
	struct fscrypt_key_specifier spec, v1, none = { .type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER };
	uint8_t raw[FSCRYPT_MAX_RAW_KEY_SIZE];
	uint32_t flags = 0;
	bool evict;

	assert_int_equal(fscrypt_revoke_key(f->fsc, &root, &none), -ENOKEY);
	assert_int_equal(fscrypt_revoke_key(f->fsc, &alice, &none), -ENOKEY);
	assert_int_equal(add(f->fsc, &alice, 70, 64, &spec), 0);
	assert_int_equal(fscrypt_may_revoke(f->fsc, &bob, &spec), -EACCES);
	assert_int_equal(fscrypt_may_revoke(f->fsc, &alice, &spec), 0);
	assert_int_equal(add(f->fsc, &bob, 70, 64, &spec), 0);
	assert_int_equal(fscrypt_revoke_key(f->fsc, &alice, &spec), -EACCES);
	assert_int_equal(fscrypt_revoke_key(f->fsc, &bob, &spec), -EACCES);
	assert_status(f->fsc, &root, &spec, FSCRYPT_KEY_STATUS_PRESENT, 0, 2);
	/* An administrator takes everybody's claim, and with nothing set up the key is gone. */
	assert_int_equal(fscrypt_revoke_key(f->fsc, &root, &spec), 0);
	assert_status(f->fsc, &root, &spec, FSCRYPT_KEY_STATUS_ABSENT, 0, 0);
	assert_int_equal(fscrypt_may_revoke(f->fsc, &alice, &spec), -ENOKEY);

	make_raw(71, raw, sizeof(raw));
	add_v1(f->fsc, "revokeme", raw, sizeof(raw), &v1);
	assert_int_equal(fscrypt_revoke_key(f->fsc, &alice, &v1), -EACCES);
	assert_int_equal(fscrypt_remove_key(f->fsc, &root, &v1, false, &evict, &flags), 0);
	assert_int_equal(fscrypt_revoke_key(f->fsc, &root, &v1), -ENOKEY);
}

/* What was set up before is revoked, also while removal is under way; what comes later is not. */
static void test_revoke_in_use(void **state)
{
	struct fixture *f = *state;
	struct fscrypt_key_specifier spec;
	struct fscrypt_info *old, *fresh;
	uint32_t flags = 0;
	bool evict;

	assert_int_equal(add(f->fsc, &alice, 72, 64, &spec), 0);
	assert_int_equal(setup_info(f->fsc, &spec, FSCRYPT_REG, &old), 0);
	assert_false(fscrypt_info_revoked(old));
	assert_int_equal(fscrypt_remove_key(f->fsc, &alice, &spec, false, &evict, &flags), 0);
	assert_false(fscrypt_info_revoked(old));
	assert_int_equal(fscrypt_may_revoke(f->fsc, &bob, &spec), -EACCES);
	assert_int_equal(fscrypt_revoke_key(f->fsc, &alice, &spec), 0);
	assert_true(fscrypt_info_revoked(old));
	fscrypt_finish_removal(f->fsc, &spec, &flags);
	assert_int_equal(flags, FSCRYPT_KEY_REMOVAL_STATUS_FLAG_FILES_BUSY);
	assert_int_equal(add(f->fsc, &alice, 72, 64, &spec), 0);
	assert_int_equal(setup_info(f->fsc, &spec, FSCRYPT_DIR, &fresh), 0);
	assert_true(fscrypt_info_revoked(old));
	assert_false(fscrypt_info_revoked(fresh));
	fscrypt_put_info(old);
	assert_int_equal(fscrypt_revoke_key(f->fsc, &alice, &spec), 0);
	assert_true(fscrypt_info_revoked(fresh));
	fscrypt_put_info(fresh);
	assert_status(f->fsc, &root, &spec, FSCRYPT_KEY_STATUS_ABSENT, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_add_status), TEST(test_invalid),   TEST(test_v1),
		TEST(test_claims),     TEST(test_all_users), TEST(test_list),
		TEST(test_quota),      TEST(test_revoke),    TEST(test_revoke_in_use),
	};

	return keyring_run(tests, ARRAY_SIZE(tests), "keyring");
}
