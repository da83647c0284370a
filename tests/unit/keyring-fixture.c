/* SPDX-License-Identifier: GPL-3.0-or-later */
/* keyring-fixture.c - a keyring without a mount, and what its tests do to it all the time */
#include "keyring-fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blkcrypto/blk-crypto-fallback.h"
#include "blkcrypto/blk-device.h"
#include "util/secret.h"

const struct fscrypt_caller root = { .fsuid = 0, .cap_sys_admin = true };
const struct fscrypt_caller alice = { .fsuid = 1000 };
const struct fscrypt_caller bob = { .fsuid = 1001 };

int keyring_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct fscrypt_super_params params = { 0 };
	char *why = NULL;

	if (f == NULL || blk_device_open("file", false, &f->bdev, &why) != 0) {
		print_error("no device: %s\n", why != NULL ? why : "");
		return -1;
	}
	params.bdev = f->bdev;
	*state = f;
	return fscrypt_super_create(&params, &f->fsc);
}

int keyring_teardown(void **state)
{
	struct fixture *f = *state;

	fscrypt_super_destroy(f->fsc);
	blk_device_close(f->bdev);
	free(f);
	return 0;
}

void make_raw(unsigned seed, uint8_t *raw, size_t size)
{
	for (size_t i = 0; i < size; i++)
		raw[i] = (uint8_t)((seed >> (8 * (i % 4))) + i * 7);
}

int add(struct fscrypt_super *fsc, const struct fscrypt_caller *who, unsigned seed, size_t size,
	struct fscrypt_key_specifier *ret_spec)
{
	struct fscrypt_key_specifier spec = { .type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER };
	uint8_t raw[FSCRYPT_MAX_RAW_KEY_SIZE];
	int err;

	make_raw(seed, raw, size);
	err = fscrypt_add_key(fsc, who, &spec, raw, size);
	if (err == 0)
		*ret_spec = spec;
	return err;
}

void add_v1(struct fscrypt_super *fsc, const char *descriptor, const uint8_t *raw, size_t size,
	    struct fscrypt_key_specifier *ret_spec)
{
	struct fscrypt_key_specifier spec = { .type = FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR };

	memcpy(spec.u.descriptor, descriptor, FSCRYPT_KEY_DESCRIPTOR_SIZE);
	assert_int_equal(fscrypt_add_key(fsc, &root, &spec, raw, size), 0);
	*ret_spec = spec;
}

void assert_status(struct fscrypt_super *fsc, const struct fscrypt_caller *who,
		   const struct fscrypt_key_specifier *spec, unsigned status, unsigned flags,
		   unsigned users)
{
	struct fscrypt_get_key_status_arg arg;

	memset(&arg, 0xEE, sizeof(arg));
	arg.key_spec = *spec;
	memset(arg.reserved, 0, sizeof(arg.reserved));
	assert_int_equal(fscrypt_key_status(fsc, who, &arg), 0);
	assert_int_equal(arg.status, status);
	assert_int_equal(arg.status_flags, flags);
	assert_int_equal(arg.user_count, users);
	for (size_t i = 0; i < ARRAY_SIZE(arg.out_reserved); i++)
		assert_int_equal(arg.out_reserved[i], 0);
	assert_memory_equal(&arg.key_spec, spec, sizeof(*spec));
}

void remove_ok(struct fscrypt_super *fsc, const struct fscrypt_caller *who,
	       const struct fscrypt_key_specifier *spec, bool all, bool evict,
	       uint32_t expected_flags)
{
	uint32_t flags = 99;
	bool ret_evict = !evict;

	assert_int_equal(fscrypt_remove_key(fsc, who, spec, all, &ret_evict, &flags), 0);
	assert_int_equal(ret_evict, evict);
	assert_int_equal(flags, evict ? 0 : FSCRYPT_KEY_REMOVAL_STATUS_FLAG_OTHER_USERS);
	if (evict)
		fscrypt_finish_removal(fsc, spec, &flags);
	assert_int_equal(flags, expected_flags);
}

int remove_err(struct fscrypt_super *fsc, const struct fscrypt_caller *who,
	       const struct fscrypt_key_specifier *spec, bool all)
{
	uint32_t flags = 99;
	bool evict = true;
	int err = fscrypt_remove_key(fsc, who, spec, all, &evict, &flags);

	/* On errors nothing is answered. */
	assert_int_equal(flags, 99);
	assert_true(evict);
	return err;
}

void make_policy(const struct fscrypt_key_specifier *spec, unsigned contents, unsigned names,
		 unsigned flags, union fscrypt_policy *policy)
{
	memset(policy, 0, sizeof(*policy));
	policy->v1.contents_encryption_mode = (uint8_t)contents;
	policy->v1.filenames_encryption_mode = (uint8_t)names;
	policy->v1.flags = (uint8_t)flags;
	if (spec->type == FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR) {
		policy->version = FSCRYPT_POLICY_V1;
		memcpy(policy->v1.master_key_descriptor, spec->u.descriptor, 8);
	} else {
		policy->version = FSCRYPT_POLICY_V2;
		memcpy(policy->v2.master_key_identifier, spec->u.identifier, 16);
	}
}

int setup_modes(struct fscrypt_super *fsc, const struct fscrypt_key_specifier *spec,
		unsigned contents, unsigned names, unsigned flags, enum fscrypt_inode_kind kind,
		struct fscrypt_info **ret_info)
{
	static const uint8_t nonce[FSCRYPT_FILE_NONCE_SIZE] = "a nonce of bytes";
	union fscrypt_policy policy;
	union fscrypt_context ctx;
	size_t len;

	make_policy(spec, contents, names, flags, &policy);
	len = fscrypt_context_from_policy(&policy, nonce, &ctx);
	return fscrypt_setup_info(fsc, &ctx, len, kind, 0, ret_info);
}

int setup_info(struct fscrypt_super *fsc, const struct fscrypt_key_specifier *spec,
	       enum fscrypt_inode_kind kind, struct fscrypt_info **ret_info)
{
	return setup_modes(fsc, spec, 1, 4, 0, kind, ret_info);
}

void list_one(const struct fscrypt_key_specifier *spec, unsigned status, unsigned users, void *arg)
{
	struct listing *l = arg;

	assert_true(spec->type == 1 || spec->type == 2);
	l->count++;
	l->present += status == FSCRYPT_KEY_STATUS_PRESENT;
	l->users += users;
}

int keyring_run(const struct CMUnitTest *tests, size_t num, const char *name)
{
	int failed;

	if (secret_init() != 0)
		return 99;
	failed = _cmocka_run_group_tests(name, tests, num, NULL, NULL);
	blk_crypto_fallback_destroy();
	return failed;
}
