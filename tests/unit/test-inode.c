/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-inode.c - the inode table: names that come and go, counts, and what a listed file takes */
#include "fs/inode.h"

#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "fs/itable.h"
#include "util/compiler.h"

/* What is stored for a name of up to 32 characters is 43 long. */
#define STORED "0123456789012345678901234567890123456789-xy"

static struct fs_super sb;

static int setup(void **state)
{
	(void)state;
	memset(&sb, 0, sizeof(sb));
	return fs_itable_create(&sb);
}

static int teardown(void **state)
{
	(void)state;
	fs_itable_destroy(&sb);
	return 0;
}

static struct statx stat_of(uint64_t ino, mode_t type)
{
	return (struct statx){ .stx_mask = STATX_BTIME,
			       .stx_ino = ino,
			       .stx_mode = (uint16_t)type,
			       .stx_dev_minor = 7,
			       .stx_btime = { .tv_sec = 1, .tv_nsec = (uint32_t)ino } };
}

static struct fs_inode *get(struct fs_inode *parent, const char *name, uint64_t ino, mode_t type)
{
	struct statx stx = stat_of(ino, type);
	struct fs_inode *inode = NULL;

	assert_int_equal(fs_inode_get(&sb, parent, name, &stx, true, &inode), 0);
	fs_inode_put(inode); /* the kernel's count is what keeps it */
	return inode;
}

static void forget(struct fs_inode *inode)
{
	fs_inode_forget(inode, UINT64_MAX);
}

static void is_named(struct fs_inode *inode, struct fs_inode *parent, const char *name)
{
	struct fs_inode *found = fs_inode_find(parent, name);

	assert_ptr_equal(found, inode);
	fs_inode_put(found);
}

static void is_known_as(struct fs_inode *inode, struct fs_inode *dir, const char *name)
{
	char had[NAME_MAX_LEN + 1];
	struct fs_inode *parent;

	assert_int_equal(fs_inode_place(inode, &parent, had), 0);
	assert_ptr_equal(parent, dir);
	assert_string_equal(had, name);
	fs_inode_put(parent);
}

/* The own alias serves the first name; all that follow, in any order, are the allocator's. */
static void names(void **state)
{
	struct fs_inode *root = get(NULL, NULL, 1, S_IFDIR), *d = get(root, "d", 2, S_IFDIR);
	struct fs_inode *f = get(root, "a", 3, S_IFREG);
	char had[NAME_MAX_LEN + 1];

	(void)state;
	assert_ptr_equal(get(root, "a", 3, S_IFREG), f);
	assert_ptr_equal(get(d, "b", 3, S_IFREG), f); /* a second one, found */
	assert_int_equal(fs_alias_add(f, d, "c"), 0); /* a third, made */
	is_named(f, root, "a");
	is_named(f, d, "b");
	is_named(f, d, "c");
	assert_true(fs_inode_has_other_alias(f, root, "a"));
	fs_alias_remove(root, "a");
	assert_null(fs_inode_find(root, "a"));
	assert_int_equal(fs_alias_move(d, "b", root, "a"), 0);
	assert_null(fs_inode_find(d, "b"));
	fs_alias_remove(d, "c");
	assert_false(fs_inode_has_other_alias(f, root, "a"));

	/* Without a name it is known where it was, and cannot be found there. */
	fs_alias_remove(root, "a");
	assert_null(fs_inode_find(root, "a"));
	assert_null(fs_inode_parent(f));
	assert_int_equal(fs_inode_name(f, &root, had), -ESTALE);
	is_known_as(f, root, "a");
	assert_false(fs_inode_is_foreign(f));

	/* Another takes the name; then it gets one again, and another place is its last. */
	is_named(get(root, "a", 4, S_IFREG), root, "a");
	assert_int_equal(fs_alias_add(f, d, "e"), 0);
	is_known_as(f, d, "e");
	fs_alias_remove(d, "e");
	is_known_as(f, d, "e");
	/* Its place keeps the directory, and goes with it. */
	forget(d);
	is_known_as(f, d, "e");
	forget(f);
	assert_null(fs_inode_find(root, "d"));

	/* An exchange of the first names of two. */
	d = get(root, "d", 5, S_IFDIR);
	f = get(d, "f", 6, S_IFREG);
	assert_int_equal(fs_alias_exchange(root, "a", d, "f"), 0);
	is_named(f, root, "a");
	assert_int_equal(fs_alias_exchange(root, "a", d, "f"), 0);
	is_named(f, d, "f");

	/* A number that has been given to something else. */
	assert_ptr_not_equal(get(d, "f", 6, S_IFLNK), f);
	assert_null(fs_inode_parent(f));
	is_known_as(f, d, "f");
}

/* Names by the hundred, so that the tables grow, found and lost in orders of their own. */
static void many(void **state)
{
	static const unsigned N = 5000;
	struct fs_inode *root = get(NULL, NULL, 1, S_IFDIR), *f;
	char name[32];

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "%u", i);
		get(root, name, 10 + i % (N / 2), S_IFREG);
	}
	assert_int_equal(sb.itable->num_inodes, N / 2 + 1);
	assert_int_equal(root->use->dir.num_names, N);
	for (unsigned i = 0; i < N; i += 3) {
		snprintf(name, sizeof(name), "%u", i);
		fs_alias_remove(root, name);
	}
	for (unsigned i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "%u", i);
		f = fs_inode_find(root, name);
		assert_true(f ? i % 3 != 0 : i % 3 == 0);
		fs_inode_put(f);
	}
	for (unsigned i = 0; i < N / 2; i++)
		forget(fs_itable_find(sb.itable, 7, 10 + i));
	assert_int_equal(sb.itable->num_inodes, 1);
	assert_int_equal(root->use->dir.num_names, 0);
}

/* A count that can be no larger stays: better one that is kept than one that is gone too early. */
static void counts(void **state)
{
	struct fs_inode *root = get(NULL, NULL, 1, S_IFDIR), *f = get(root, "f", 2, S_IFREG);

	(void)state;
	fs_inode_lookup(f);
	fs_inode_forget(f, 1);
	assert_true(fs_inode_is_pinned(f));
	f->nlookup = UINT32_MAX - 1;
	fs_inode_lookup(f);
	fs_inode_lookup(f);
	fs_inode_forget(f, UINT32_MAX);
	is_named(f, root, "f");
	assert_true(fs_inode_is_pinned(f));
	forget(get(root, "g", 3, S_IFREG));
	assert_null(fs_inode_find(root, "g"));
}

static void encrypt(struct fs_inode *inode, uint8_t key)
{
	union fscrypt_policy policy = { .v2 = { .version = FSCRYPT_POLICY_V2,
						.master_key_identifier = { 1, 2, key } } };
	uint8_t nonce[FSCRYPT_FILE_NONCE_SIZE] = { 0 };
	struct fs_use *use = fs_use_get(inode);

	assert_non_null(use);
	use->ctx_len = (uint8_t)fscrypt_context_from_policy(&policy, nonce, &use->ctx);
	fs_inode_set_encrypted(inode);
}

static void add_number(struct fs_inode *inode, void *arg)
{
	*(uint64_t *)arg += inode->ino;
}

/* The sum of the numbers of those that are found. */
static uint64_t users(uint8_t key, bool tree)
{
	struct fscrypt_key_specifier spec = { .type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER,
					      .u.identifier = { 1, 2, key } };
	uint64_t sum = 0;

	fs_inode_for_each_of_key(&sb, &spec, tree, add_number, &sum);
	return sum;
}

/* Two keys of one bucket, and what is below the directories of one of them. */
static void key_users(void **state)
{
	struct fs_inode *root = get(NULL, NULL, 1, S_IFDIR), *d = get(root, "d", 10, S_IFDIR);
	struct fs_inode *e = get(root, "e", 100, S_IFDIR), *f = get(d, "f", 1000, S_IFREG);

	(void)state;
	get(d, "g", 10000, S_IFREG); /* never looked at */
	get(e, "h", 100000, S_IFREG);
	assert_int_equal(users(1, true), 0);
	encrypt(d, 1);
	encrypt(e, 2);
	encrypt(f, 1);
	encrypt(f, 1);
	assert_int_equal(users(1, false), 1010);
	assert_int_equal(users(1, true), 11010);
	assert_int_equal(users(2, false), 100);
	assert_int_equal(users(2, true), 100100);
	assert_int_equal(users(3, true), 0);
	/* A name in another's directory; and none at all. */
	assert_int_equal(fs_alias_add(f, e, "f"), 0);
	assert_int_equal(users(2, true), 101100);
	fs_alias_remove(e, "f");
	fs_alias_remove(d, "f");
	assert_int_equal(users(1, true), 11010);
	fs_inode_set_plain(e);
	assert_int_equal(users(2, true), 0);
	forget(f);
	assert_int_equal(users(1, true), 10010);
}

/* In bytes, malloc's included; 8 for the two tables come on top. */
static void memory(void **state)
{
	struct fs_inode *root = get(NULL, NULL, 1, S_IFDIR);
	struct fs_inode *f = get(root, STORED, 2, S_IFREG), *l = get(root, "l", 3, S_IFLNK);
	struct fs_use *use;

	(void)state;
	assert_true(malloc_usable_size(f) + sizeof(size_t) <= 176);
	assert_null(f->use);
	use = fs_use_get(f);
	assert_non_null(use);
	assert_ptr_equal(fs_use_get(f), use);
	assert_true(malloc_usable_size(use) + sizeof(size_t) <= 144);
	assert_non_null(root->use);
	assert_non_null(fs_use_get(l));
	assert_int_equal(fs_inode_bar(l), FS_BAR_NONE);
	assert_false(fs_inode_revoked(l));
	assert_null(fs_opened(f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names, setup, teardown),
		cmocka_unit_test_setup_teardown(many, setup, teardown),
		cmocka_unit_test_setup_teardown(counts, setup, teardown),
		cmocka_unit_test_setup_teardown(key_users, setup, teardown),
		cmocka_unit_test_setup_teardown(memory, setup, teardown),
	};

	return cmocka_run_group_tests_name("inode", tests, NULL, NULL);
}
