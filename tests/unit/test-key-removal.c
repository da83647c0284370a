/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-key-removal.c - keys removed while files use them, and by many threads at a time */
#include "keyring-fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- removal with inodes in use ---- */

static void test_incompletely_removed(void **state)
{
	struct fscrypt_super *fsc = ((struct fixture *)*state)->fsc;
	struct fscrypt_key_specifier spec, other;
	struct fscrypt_info *reg, *dir, *none = NULL;
	uint64_t generation;
	uint8_t ct[NAME_MAX_LEN];
	char name[NAME_MAX_LEN];
	size_t len, n;

	assert_int_equal(add(fsc, &alice, 1, 64, &spec), 0);
	assert_int_equal(add(fsc, &alice, 2, 64, &other), 0);
	assert_int_equal(setup_info(fsc, &spec, FSCRYPT_REG, &reg), 0);
	assert_int_equal(setup_info(fsc, &spec, FSCRYPT_DIR, &dir), 0);
	assert_true(fscrypt_info_uses_key(dir, &spec));
	assert_false(fscrypt_info_uses_key(dir, &other));
	assert_true(fscrypt_info_key_present(dir));
	assert_int_equal(fscrypt_fname_encrypt(dir, "name", 4, ct, &len), 0);

	generation = fscrypt_keyring_generation(fsc);
	remove_ok(fsc, &alice, &spec, false, true, FSCRYPT_KEY_REMOVAL_STATUS_FLAG_FILES_BUSY);
	assert_int_equal(fscrypt_keyring_generation(fsc), generation + 1);
	assert_null(dir->mk->secret);
	assert_status(fsc, &alice, &spec, FSCRYPT_KEY_STATUS_INCOMPLETELY_REMOVED, 0, 0);
	assert_false(fscrypt_info_key_present(dir));
	assert_int_equal(fscrypt_verify_key_added(fsc, alice.fsuid, spec.u.identifier), -ENOKEY);
	assert_false(fscrypt_key_present(fsc, fscrypt_info_policy(dir)));
	assert_int_equal(setup_info(fsc, &spec, FSCRYPT_REG, &none), -ENOKEY);
	assert_null(none);

	/* Names of a directory in use are still readable. */
	assert_int_equal(fscrypt_fname_decrypt(dir, ct, len, name, &n), 0);
	assert_int_equal(n, 4);
	assert_memory_equal(name, "name", 4);

	/* No claims are left: anybody may try again. */
	remove_ok(fsc, &bob, &spec, false, true, FSCRYPT_KEY_REMOVAL_STATUS_FLAG_FILES_BUSY);
	fscrypt_put_info(dir);
	remove_ok(fsc, &root, &spec, true, true, FSCRYPT_KEY_REMOVAL_STATUS_FLAG_FILES_BUSY);
	fscrypt_put_info(reg);
	assert_status(fsc, &alice, &spec, FSCRYPT_KEY_STATUS_ABSENT, 0, 0);
	assert_int_equal(remove_err(fsc, &bob, &spec, false), -ENOKEY);
	assert_status(fsc, &alice, &other, FSCRYPT_KEY_STATUS_PRESENT,
		      FSCRYPT_KEY_STATUS_FLAG_ADDED_BY_SELF, 1);
}

/* The filesystem lets go of the last inode between the two halves of a removal. */
static void test_evicted_in_time(void **state)
{
	struct fscrypt_super *fsc = ((struct fixture *)*state)->fsc;
	struct fscrypt_key_specifier spec;
	struct fscrypt_info *info;
	uint32_t flags;
	bool evict;

	assert_int_equal(add(fsc, &alice, 1, 64, &spec), 0);
	assert_int_equal(setup_info(fsc, &spec, FSCRYPT_LNK, &info), 0);
	assert_int_equal(fscrypt_remove_key(fsc, &alice, &spec, false, &evict, &flags), 0);
	assert_true(evict);
	fscrypt_put_info(info);
	fscrypt_finish_removal(fsc, &spec, &flags);
	assert_int_equal(flags, 0);
	assert_status(fsc, &alice, &spec, FSCRYPT_KEY_STATUS_ABSENT, 0, 0);
}

static void test_add_again(void **state)
{
	struct fscrypt_super *fsc = ((struct fixture *)*state)->fsc;
	struct fscrypt_key_specifier spec;
	struct fscrypt_info *old, *fresh;
	uint64_t generation;
	uint8_t a[NAME_MAX_LEN], b[NAME_MAX_LEN];
	size_t alen, blen;

	assert_int_equal(add(fsc, &alice, 1, 64, &spec), 0);
	assert_int_equal(setup_info(fsc, &spec, FSCRYPT_DIR, &old), 0);
	remove_ok(fsc, &alice, &spec, false, true, FSCRYPT_KEY_REMOVAL_STATUS_FLAG_FILES_BUSY);
	generation = fscrypt_keyring_generation(fsc);
	assert_int_equal(add(fsc, &bob, 1, 64, &spec), 0);
	assert_int_equal(fscrypt_keyring_generation(fsc), generation + 1);
	assert_true(fscrypt_info_key_present(old));
	assert_status(fsc, &bob, &spec, FSCRYPT_KEY_STATUS_PRESENT,
		      FSCRYPT_KEY_STATUS_FLAG_ADDED_BY_SELF, 1);
	assert_int_equal(setup_info(fsc, &spec, FSCRYPT_DIR, &fresh), 0);
	assert_int_equal(fscrypt_fname_encrypt(old, "same", 4, a, &alen), 0);
	assert_int_equal(fscrypt_fname_encrypt(fresh, "same", 4, b, &blen), 0);
	assert_int_equal(alen, blen);
	assert_memory_equal(a, b, alen);
	fscrypt_put_info(old);
	fscrypt_put_info(fresh);
	/* The inodes are gone, the key stays. */
	assert_status(fsc, &bob, &spec, FSCRYPT_KEY_STATUS_PRESENT,
		      FSCRYPT_KEY_STATUS_FLAG_ADDED_BY_SELF, 1);
	remove_ok(fsc, &bob, &spec, false, true, 0);
}

/* ---- threads ---- */

#define STRESS_THREADS 6
#define STRESS_ROUNDS  400
#define STRESS_KEYS    3

struct stress {
	struct fscrypt_super *fsc;
	struct fscrypt_key_specifier specs[STRESS_KEYS];
	uint8_t expected[STRESS_KEYS][16]; /* ciphertext of "name" */
	unsigned id;
	unsigned set_up; /* how often it had a key */
	unsigned wrong;
};

/* @flags: 0 for a key of the file's own, else one of the IV_INO flags, whose keys threads share. */
static void stress_use(struct stress *s, unsigned key, unsigned flags)
{
	enum fscrypt_inode_kind kind = s->id % 2 == 0 ? FSCRYPT_DIR : FSCRYPT_REG;
	struct fscrypt_info *info;
	uint8_t ct[NAME_MAX_LEN];
	char name[NAME_MAX_LEN];
	size_t len, n = 0;
	int err = setup_modes(s->fsc, &s->specs[key], 1, 4, flags, kind, &info);

	if (err != 0) {
		s->wrong += err != -ENOKEY;
		return;
	}
	s->set_up++;
	(void)fscrypt_info_key_present(info);
	if (kind == FSCRYPT_DIR) {
		err = fscrypt_fname_encrypt(info, "name", 4, ct, &len);
		s->wrong += err != 0 || len != 16;
		s->wrong += flags == 0 && memcmp(ct, s->expected[key], 16) != 0;
		err = fscrypt_fname_decrypt(info, ct, len, name, &n);
		s->wrong += err != 0 || n != 4 || memcmp(name, "name", 4) != 0;
	}
	fscrypt_put_info(info);
}

static void *stress_thread(void *arg)
{
	static const uint8_t iv_flags[] = { 0, 0, FSCRYPT_POLICY_FLAG_IV_INO_LBLK_64,
					    FSCRYPT_POLICY_FLAG_IV_INO_LBLK_32 };
	struct stress *s = arg;
	const struct fscrypt_caller who = { .fsuid = 2000 + s->id % 3, .cap_sys_admin = true };
	unsigned random = s->id + 1;

	for (unsigned i = 0; i < STRESS_ROUNDS; i++) {
		struct fscrypt_get_key_status_arg status = { 0 };
		struct fscrypt_key_specifier spec;
		uint32_t flags;
		unsigned key;
		bool evict;
		int err;

		random = random * 1103515245 + 12345;
		key = (random >> 8) % STRESS_KEYS;
		switch ((random >> 16) % 8) {
		case 0:
			s->wrong += add(s->fsc, &who, key, 64, &spec) != 0;
			break;
		case 1:
			err = fscrypt_remove_key(s->fsc, &who, &s->specs[key],
						 (random >> 20) % 4 == 0, &evict, &flags);
			s->wrong += err != 0 && err != -ENOKEY;
			if (err == 0 && evict)
				fscrypt_finish_removal(s->fsc, &s->specs[key], &flags);
			break;
		case 2:
			status.key_spec = s->specs[key];
			s->wrong += fscrypt_key_status(s->fsc, &who, &status) != 0;
			s->wrong += status.status < 1 || status.status > 3;
			(void)fscrypt_keyring_generation(s->fsc);
			break;
		default:
			stress_use(s, key, iv_flags[(random >> 20) % ARRAY_SIZE(iv_flags)]);
		}
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct fscrypt_super *fsc = ((struct fixture *)*state)->fsc;
	struct stress s[STRESS_THREADS] = { 0 };
	pthread_t threads[STRESS_THREADS];
	unsigned set_up = 0;
	struct listing l = { 0 };

	for (unsigned k = 0; k < STRESS_KEYS; k++) {
		struct fscrypt_info *info;
		uint8_t ct[NAME_MAX_LEN];
		size_t len;

		assert_int_equal(add(fsc, &alice, k, 64, &s[0].specs[k]), 0);
		assert_int_equal(setup_info(fsc, &s[0].specs[k], FSCRYPT_DIR, &info), 0);
		assert_int_equal(fscrypt_fname_encrypt(info, "name", 4, ct, &len), 0);
		memcpy(s[0].expected[k], ct, 16);
		fscrypt_put_info(info);
	}
	s[0].fsc = fsc;
	fsc->stable_inodes = true;
	for (unsigned t = 0; t < STRESS_THREADS; t++) {
		s[t] = s[0];
		s[t].id = t;
	}
	for (unsigned t = 0; t < STRESS_THREADS; t++)
		assert_int_equal(pthread_create(&threads[t], NULL, stress_thread, &s[t]), 0);
	for (unsigned t = 0; t < STRESS_THREADS; t++) {
		pthread_join(threads[t], NULL);
		assert_int_equal(s[t].wrong, 0);
		set_up += s[t].set_up;
	}
	assert_true(set_up > 0);

	/* Every reference came back: removing leaves an empty table and no charges. */
	for (unsigned k = 0; k < STRESS_KEYS; k++) {
		uint32_t flags = 0;
		bool evict;
		int err = fscrypt_remove_key(fsc, &root, &s[0].specs[k], true, &evict, &flags);

		assert_true(err == 0 || err == -ENOKEY);
		fscrypt_finish_removal(fsc, &s[0].specs[k], &flags);
		assert_int_equal(flags, 0);
	}
	fscrypt_for_each_key(fsc, list_one, &l);
	assert_int_equal(l.count, 0);
	assert_null(fsc->charges);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_incompletely_removed),
		TEST(test_evicted_in_time),
		TEST(test_add_again),
		TEST(test_threads),
	};

	return keyring_run(tests, ARRAY_SIZE(tests), "key-removal");
}
