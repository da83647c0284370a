/* SPDX-License-Identifier: GPL-3.0-or-later */
/* keyring-fixture.h - a keyring without a mount, and what its tests do to it all the time */
#ifndef KEYRING_FIXTURE_H
#define KEYRING_FIXTURE_H

#include "fs/fscrypt/fscrypt_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

extern const struct fscrypt_caller root, alice, bob;

struct fixture {
	struct blk_device *bdev;
	struct fscrypt_super *fsc;
};

int keyring_setup(void **state);
int keyring_teardown(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, keyring_setup, keyring_teardown)
/* The tests of a program; its exit code. */
int keyring_run(const struct CMUnitTest *tests, size_t num, const char *name);

/* A key of @size bytes that no other @seed has. */
void make_raw(unsigned seed, uint8_t *raw, size_t size);
int add(struct fscrypt_super *fsc, const struct fscrypt_caller *who, unsigned seed, size_t size,
	struct fscrypt_key_specifier *ret_spec);
void add_v1(struct fscrypt_super *fsc, const char *descriptor, const uint8_t *raw, size_t size,
	    struct fscrypt_key_specifier *ret_spec);
void assert_status(struct fscrypt_super *fsc, const struct fscrypt_caller *who,
		   const struct fscrypt_key_specifier *spec, unsigned status, unsigned flags,
		   unsigned users);

/* A removal that must succeed with these answers. */
void remove_ok(struct fscrypt_super *fsc, const struct fscrypt_caller *who,
	       const struct fscrypt_key_specifier *spec, bool all, bool evict,
	       uint32_t expected_flags);
int remove_err(struct fscrypt_super *fsc, const struct fscrypt_caller *who,
	       const struct fscrypt_key_specifier *spec, bool all);

void make_policy(const struct fscrypt_key_specifier *spec, unsigned contents, unsigned names,
		 unsigned flags, union fscrypt_policy *policy);
int setup_modes(struct fscrypt_super *fsc, const struct fscrypt_key_specifier *spec,
		unsigned contents, unsigned names, unsigned flags, enum fscrypt_inode_kind kind,
		struct fscrypt_info **ret_info);
int setup_info(struct fscrypt_super *fsc, const struct fscrypt_key_specifier *spec,
	       enum fscrypt_inode_kind kind, struct fscrypt_info **ret_info);

/* What fscrypt_for_each_key() tells, counted. */
struct listing {
	unsigned count, present, users;
};
void list_one(const struct fscrypt_key_specifier *spec, unsigned status, unsigned users, void *arg);

#endif
