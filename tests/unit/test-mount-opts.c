/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-mount-opts.c - every word that -o takes, refuses, ignores or hands on */
#include "cli/mount-opts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include <cmocka.h>

#include "cli/exitcode.h"
#include "util/compiler.h"

static char why[512];

static int take(struct mount_opts *opts, const char *text)
{
	why[0] = '\0';
	return mount_opts_take(opts, text, why, sizeof(why));
}

static bool has_fuse(const struct mount_opts *opts, const char *word)
{
	size_t i;

	for (i = 0; i < opts->num_fuse_opts; i++)
		if (!strcmp(opts->fuse_opts[i], word))
			return true;
	return false;
}

static void test_defaults(void **state)
{
	struct mount_opts opts;

	mount_opts_init(&opts);
	assert_true(opts.writeback);
	assert_int_equal(mount_opts_finish(&opts, true), 0);
	assert_true(has_fuse(&opts, "allow_other"));
	assert_true(has_fuse(&opts, "default_permissions"));
	assert_true(has_fuse(&opts, "nodev"));
	assert_true(has_fuse(&opts, "nosuid"));
	assert_false(has_fuse(&opts, "ro"));
	mount_opts_free(&opts);

	mount_opts_init(&opts);
	assert_int_equal(mount_opts_finish(&opts, false), 0);
	assert_false(has_fuse(&opts, "allow_other"));
	assert_false(has_fuse(&opts, "default_permissions"));
	mount_opts_free(&opts);

	mount_opts_init(&opts);
	assert_int_equal(take(&opts, "default_permissions"), 0);
	assert_int_equal(mount_opts_finish(&opts, false), 0);
	assert_true(has_fuse(&opts, "default_permissions"));
	mount_opts_free(&opts);
}

/* What xfstests, fstab and systemd hand over. */
static void test_accepted(void **state)
{
	static const char *const all[] = {
		"rw,dev,nodev,suid,nosuid,exec,noexec,sync,dirsync,noatime,relatime,strictatime",
		"lazytime,nodiratime,silent,iversion,acl,noacl,user_xattr,default_permissions",
		"nofail,noauto,auto,_netdev,x-systemd.automount,x-gvfs-show,X-mount.mkdir=0755",
		"defaults,user,users,user=bob,owner,group,comment=hello,nouser",
		"allow_other,allow_root,fsname=a,subtype=b,nonempty",
		"inlinecrypt,shared,locked,no-fallback,nowriteback,writeback",
		"num_keyslots=1024,num_prealloc_bounce_pg=1,num_prealloc_crypt_ctxs=65536",
		"key=/k,passfile=/p,extpass=/e,device=file,keyring=@u",
		"",
		",,ro,",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(all); i++) {
		struct mount_opts opts;

		mount_opts_init(&opts);
		if (take(&opts, all[i]))
			fail_msg("%s: %s", all[i], why);
		mount_opts_free(&opts);
	}
}

static void test_effects(void **state)
{
	struct mount_opts opts;

	mount_opts_init(&opts);
	assert_int_equal(take(&opts, "ro,dev,suid,noexec,noatime,allow_root,inlinecrypt,shared"),
			 0);
	assert_int_equal(take(&opts, "no-fallback,nowriteback,nonempty,fsname=my,locked"), 0);
	assert_int_equal(mount_opts_finish(&opts, true), 0);
	assert_true(opts.read_only && opts.inlinecrypt && opts.shared && opts.no_fallback &&
		    opts.nonempty && opts.locked);
	assert_false(opts.writeback);
	assert_int_equal(opts.fallback.num_keyslots, 0);
	assert_int_equal(take(&opts, "num_keyslots=7,num_prealloc_crypt_ctxs=9"), 0);
	assert_int_equal(opts.fallback.num_keyslots, 7);
	assert_int_equal(opts.fallback.num_prealloc_bounce_pg, 0);
	assert_int_equal(opts.fallback.num_prealloc_crypt_ctxs, 9);
	assert_string_equal(opts.fsname, "my");
	assert_true(has_fuse(&opts, "ro"));
	assert_true(has_fuse(&opts, "dev"));
	assert_true(has_fuse(&opts, "suid"));
	assert_false(has_fuse(&opts, "nodev"));
	assert_true(has_fuse(&opts, "noexec"));
	assert_true(has_fuse(&opts, "noatime"));
	assert_true(has_fuse(&opts, "allow_root"));
	assert_false(has_fuse(&opts, "allow_other"));
	mount_opts_free(&opts);
}

/* The last of two that contradict each other wins, as with mount(8). */
static void test_last_wins(void **state)
{
	struct mount_opts opts;

	mount_opts_init(&opts);
	assert_int_equal(take(&opts, "ro,rw,nodev,dev,suid,nosuid"), 0);
	assert_int_equal(mount_opts_finish(&opts, false), 0);
	assert_false(opts.read_only);
	assert_true(has_fuse(&opts, "dev"));
	assert_true(has_fuse(&opts, "nosuid"));
	assert_false(has_fuse(&opts, "ro"));
	mount_opts_free(&opts);
}

static void test_values(void **state)
{
	struct mount_opts opts;

	mount_opts_init(&opts);
	assert_int_equal(take(&opts, "key=/a,device=sim(slots=4,modes=aes-256-xts:512+4096,dun=8),"
				     "key=/b\\,c,passfile=/p\\\\q"),
			 0);
	assert_int_equal(take(&opts, "extpass=prog a b"), 0);
	assert_string_equal(opts.device, "sim(slots=4,modes=aes-256-xts:512+4096,dun=8)");
	assert_int_equal(opts.keys.count, 4);
	assert_int_equal(opts.keys.list[0].kind, KEY_SOURCE_RAW);
	assert_string_equal(opts.keys.list[0].arg, "/a");
	assert_string_equal(opts.keys.list[1].arg, "/b,c");
	assert_int_equal(opts.keys.list[2].kind, KEY_SOURCE_PASSFILE);
	assert_string_equal(opts.keys.list[2].arg, "/p\\q");
	assert_int_equal(opts.keys.list[3].kind, KEY_SOURCE_EXTPASS);
	assert_string_equal(opts.keys.list[3].arg, "prog a b");
	mount_opts_free(&opts);
}

static void test_unknown(void **state)
{
	static const char *const bad[] = { "frobnicate",
					   "ro,frobnicate",
					   "rox",
					   "key",
					   "device",
					   "inlinecrypt=1",
					   "noaclx",
					   "fsnamex=1",
					   "num_keyslots",
					   "num_keyslots=0",
					   "num_keyslots=1025",
					   "num_keyslots=x",
					   "num_keyslots=",
					   "num_keyslots=5x",
					   "num_prealloc_bounce_pg=-1",
					   "x",
					   "_netdevs" };
	struct mount_opts opts;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *last = strrchr(bad[i], ',');

		mount_opts_init(&opts);
		assert_int_equal(take(&opts, bad[i]), EXIT_USAGE);
		/* The message names the word. */
		assert_non_null(strstr(why, last ? last + 1 : bad[i]));
		mount_opts_free(&opts);
	}
	mount_opts_init(&opts);
	opts.sloppy = true;
	assert_int_equal(take(&opts, "frobnicate,ro,whatever=1"), 0);
	assert_true(opts.read_only);
	mount_opts_free(&opts);
}

/* Flags for mount(2): of two words about one thing the last one counts. */
static void test_flags(void **state)
{
	struct mount_opts opts;

	mount_opts_init(&opts);
	assert_int_equal(take(&opts, "rw,nosuid,nodev,noexec,ro,exec,noatime,strictatime"), 0);
	assert_int_equal(take(&opts, "user_id=0,group_id=0,default_permissions,allow_other"), 0);
	assert_int_equal(take(&opts, "rootmode=40000,max_read=131072,blksize=4096,remount"), 0);
	assert_true(opts.remount);
	assert_int_equal(opts.vfs_set, MS_RDONLY | MS_NOSUID | MS_NODEV | MS_STRICTATIME);
	assert_int_equal(opts.vfs_clear, MS_NOEXEC | MS_NOATIME | MS_RELATIME);
	mount_opts_free(&opts);
}

static void test_dummy(void **state)
{
	static const struct {
		const char *text;
		int code;
		unsigned version;
	} cases[] = {
		{ "test_dummy_encryption", 0, 2 },
		{ "test_dummy_encryption=v1", 0, 1 },
		{ "test_dummy_encryption=v2", 0, 2 },
		{ "test_dummy_encryption=v1,test_dummy_encryption", 0, 2 },
		{ "test_dummy_encryption=v3", EXIT_USAGE, 0 },
		{ "test_dummy_encryption=", EXIT_USAGE, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mount_opts opts;

		mount_opts_init(&opts);
		assert_int_equal(take(&opts, cases[i].text), cases[i].code);
		assert_int_equal(opts.dummy, cases[i].version);
		mount_opts_free(&opts);
	}
}

static void test_secrets_are_refused(void **state)
{
	static const char *const bad[] = { "passphrase=hunter2", "password=hunter2", "pass=hunter2",
					   "ro,passwd=hunter2" };
	struct mount_opts opts;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		mount_opts_init(&opts);
		opts.sloppy = true;
		assert_int_equal(take(&opts, bad[i]), EXIT_USAGE);
		assert_null(strstr(why, "hunter2"));
		assert_non_null(strstr(why, "passfile="));
		mount_opts_free(&opts);
	}
}

static void test_too_many(void **state)
{
	struct mount_opts opts;
	int i, r = 0;

	mount_opts_init(&opts);
	for (i = 0; i < 100 && r == 0; i++)
		r = take(&opts, "noatime,key=/k");
	assert_int_equal(r, EXIT_USAGE);
	assert_true(opts.keys.count <= KEY_SOURCES_MAX);
	mount_opts_free(&opts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_effects),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_last_wins),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_dummy),
		cmocka_unit_test(test_secrets_are_refused),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests_name("mount-opts", tests, NULL, NULL);
}
