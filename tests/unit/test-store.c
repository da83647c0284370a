/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-store.c - stores made, opened, refused and locked */
#include "fs/store.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fs/format.h"
#include "util/compiler.h"
#include "util/secret.h"

static char top[] = "/tmp/test-store.XXXXXX";
static char store_path[64];

static const union fscrypt_policy policy = {
	.v2 = { .version = FSCRYPT_POLICY_V2,
		.contents_encryption_mode = FSCRYPT_MODE_AES_256_XTS,
		.filenames_encryption_mode = FSCRYPT_MODE_AES_256_CTS,
		.flags = 3,
		.master_key_identifier = { 1, 2, 3, 4, 5, 6, 7, 8 } },
};

static int shell(const char *fmt, ...) PRINTF_LIKE(1, 2);

static int shell(const char *fmt, ...)
{
	char cmd[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, args);
	va_end(args);
	return system(cmd);
}

static int setup_group(void **state)
{
	return secret_init() < 0 || !mkdtemp(top);
}

static int teardown_group(void **state)
{
	return shell("rm -rf %s", top);
}

/* A fresh path for each test. */
static int setup(void **state)
{
	static int n;

	snprintf(store_path, sizeof(store_path), "%s/s%d", top, n++);
	return 0;
}

static void assert_refused(int exit_code, const char *word)
{
	struct store_error err = { 0 };
	struct store *store = NULL;

	assert_true(store_open(store_path, &store, &err) < 0);
	assert_null(store);
	assert_int_equal(err.exit_code, exit_code);
	if (!strstr(err.text, word))
		fail_msg("\"%s\" does not say \"%s\"", err.text, word);
	assert_non_null(strstr(err.text, store_path));
}

static void test_create_and_open(void **state)
{
	static const uint8_t uuid[16] = { 0xaa, 0xbb, [15] = 0x01 };
	struct store_error err;
	struct store *store;
	union fscrypt_policy got;
	struct stat st;

	assert_int_equal(store_create(store_path, &policy, uuid, &err), 0);
	assert_int_equal(store_open(store_path, &store, &err), 0);
	assert_memory_equal(store->uuid, uuid, 16);
	assert_false(store->root_plain);
	assert_int_equal(store->root_ctx_len, FSCRYPT_CONTEXT_SIZE_V2);
	assert_int_equal(fscrypt_policy_from_context(&store->root_ctx, store->root_ctx_len, &got),
			 0);
	assert_true(fscrypt_policies_equal(&policy, &got));
	assert_string_equal(store->path, store_path);
	assert_int_equal(fstatat(store->meta_fd, "protectors", &st, 0), 0);
	assert_true(S_ISDIR(st.st_mode));
	store_close(store);
	assert_int_equal(stat(store_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	/* Probes leave nothing. */
	assert_int_equal(shell("test $(ls -A %s | wc -l) = 2", store_path), 0);
}

static void test_nonces_differ(void **state)
{
	struct store_error err;
	struct store *a, *b;
	char other[80];

	snprintf(other, sizeof(other), "%s.other", store_path);
	assert_int_equal(store_create(store_path, &policy, NULL, &err), 0);
	assert_int_equal(store_create(other, &policy, NULL, &err), 0);
	assert_int_equal(store_open(store_path, &a, &err), 0);
	assert_int_equal(store_open(other, &b, &err), 0);
	assert_memory_not_equal(a->uuid, b->uuid, 16);
	assert_memory_not_equal(fscrypt_context_nonce(&a->root_ctx),
				fscrypt_context_nonce(&b->root_ctx), FSCRYPT_FILE_NONCE_SIZE);
	store_close(a);
	store_close(b);
}

static void test_plain_keeps_files(void **state)
{
	struct store_error err;
	struct store *store;

	assert_int_equal(shell("mkdir %s && echo x >%s/file", store_path, store_path), 0);
	assert_int_equal(store_create(store_path, &policy, NULL, &err), -ENOTEMPTY);
	assert_int_equal(err.exit_code, STORE_EXIT_NOT_EMPTY);
	assert_int_equal(shell("test $(ls -A %s) = file", store_path), 0);
	assert_int_equal(store_create(store_path, NULL, NULL, &err), 0);
	assert_int_equal(store_open(store_path, &store, &err), 0);
	assert_true(store->root_plain);
	store_close(store);
	assert_int_equal(shell("grep -q x %s/file", store_path), 0);
	assert_int_equal(store_create(store_path, NULL, NULL, &err), -ENOTEMPTY);
	assert_int_equal(err.exit_code, STORE_EXIT_NOT_EMPTY);
}

static void test_undo(void **state)
{
	struct store_error err;
	struct stat st;

	assert_int_equal(store_create(store_path, &policy, NULL, &err), 0);
	assert_int_equal(shell("echo x >%s/.fuscrypt/protectors/a.json", store_path), 0);
	store_create_undo(store_path, true);
	assert_int_equal(stat(store_path, &st), -1);
	assert_int_equal(shell("mkdir %s", store_path), 0);
	assert_int_equal(store_create(store_path, &policy, NULL, &err), 0);
	store_create_undo(store_path, false);
	assert_int_equal(shell("test -z \"$(ls -A %s)\"", store_path), 0);
}

/* Every way of being damaged, each refused with a reason. */
static void test_damaged(void **state)
{
	static const struct {
		const char *damage; /* run in the store */
		const char *word;
	} cases[] = {
		{ "rm -r .fuscrypt", "not a store" },
		{ "rm .fuscrypt/store.conf", "store.conf" },
		{ ": >.fuscrypt/store.conf", "damaged" },
		{ "echo garbage >.fuscrypt/store.conf", "damaged" },
		{ "printf 'a\\0b' >>.fuscrypt/store.conf", "damaged" },
		{ "echo uuid=x >>.fuscrypt/store.conf", "damaged" },
		{ "sed -i /uuid/d .fuscrypt/store.conf", "damaged" },
		{ "sed -i 's/uuid=./uuid=/' .fuscrypt/store.conf", "uuid" },
		{ "sed -i 's/uuid=../uuid=zz/' .fuscrypt/store.conf", "uuid" },
		{ "sed -i 's/store=1/store=2/' .fuscrypt/store.conf", "format 2" },
		{ "sed -i 's/store=1/store=/' .fuscrypt/store.conf", "format" },
		{ "sed -i 's/features=/features=warp/' .fuscrypt/store.conf", "warp" },
		{ "sed -i 's/root=../root=/' .fuscrypt/store.conf", "root" },
		{ "sed -i 's/root=../root=09/' .fuscrypt/store.conf", "root" },
		{ "sed -i 's/root=.*/root=/' .fuscrypt/store.conf", "root" },
		{ "sed -i 's/root=.*/root=plain/' .fuscrypt/store.conf", "plain" },
		{ "head -c 5000 /dev/zero >>.fuscrypt/store.conf", "store.conf" },
		{ "mv .fuscrypt/store.conf x; ln -s ../x .fuscrypt/store.conf", "store.conf" },
		{ "rm .fuscrypt/store.conf; mkfifo .fuscrypt/store.conf", "store.conf" },
		{ "rm .fuscrypt.ctx", "missing" },
		{ ": >.fuscrypt.ctx", "damaged" },
		{ "truncate -s 60 .fuscrypt.ctx", "damaged" },
		{ "truncate -s 9999 .fuscrypt.ctx", "cannot be read" },
		{ "printf ZZZZ | dd of=.fuscrypt.ctx bs=1 seek=50 conv=notrunc status=none",
		  "damaged" },
		{ "sed -i '/root=/{s/0$/1/;t;s/.$/0/}' .fuscrypt/store.conf", "differs" },
	};
	struct store_error err;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(store_create(store_path, &policy, NULL, &err), 0);
		assert_int_equal(shell("cd %s && { %s; }", store_path, cases[i].damage), 0);
		assert_refused(STORE_EXIT_CONF, cases[i].word);
		assert_int_equal(shell("rm -rf %s", store_path), 0);
	}
}

static void test_no_store(void **state)
{
	assert_refused(STORE_EXIT_FAILED, "No such file");
}

static void test_unknown_lines_are_kept_out(void **state)
{
	struct store_error err;
	struct store *store;

	assert_int_equal(store_create(store_path, &policy, NULL, &err), 0);
	assert_int_equal(shell("echo later=1 >>%s/.fuscrypt/store.conf", store_path), 0);
	assert_int_equal(store_open(store_path, &store, &err), 0);
	store_close(store);
}

static void test_lock(void **state)
{
	struct store_error err;
	struct store *a, *b;
	char pid[32];

	assert_int_equal(store_create(store_path, &policy, NULL, &err), 0);
	assert_int_equal(store_open(store_path, &a, &err), 0);
	assert_int_equal(store_open(store_path, &b, &err), 0);
	assert_int_equal(store_lock(a, false, 0, &err), 0);
	assert_int_equal(store_lock(b, false, 0, &err), -EBUSY);
	snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
	assert_non_null(strstr(err.text, pid));
	assert_int_equal(store_lock(b, true, 0, &err), -EBUSY);
	store_close(a);
	assert_int_equal(store_lock(b, true, 0, &err), 0);
	assert_int_equal(store_open(store_path, &a, &err), 0);
	assert_int_equal(store_lock(a, true, 0, &err), 0);
	store_close(a);
	store_close(b);
}

/* The holder ends while the second one waits. */
static void test_lock_waits(void **state)
{
	struct store_error err;
	struct store *a, *b;
	int ready[2], status;
	char byte = 0;
	pid_t pid;

	assert_int_equal(store_create(store_path, &policy, NULL, &err), 0);
	assert_int_equal(store_open(store_path, &b, &err), 0);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		if (store_open(store_path, &a, &err) < 0 || store_lock(a, false, 0, &err) < 0)
			_exit(1);
		if (write(ready[1], &byte, 1) != 1)
			_exit(1);
		usleep(300 * 1000);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(store_lock(b, false, 5, &err), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	store_close(b);
	close(ready[0]);
	close(ready[1]);
}

static void test_uuid(void **state)
{
	static const char *const bad[] = {
		"",
		"00112233-4455-6677-8899-aabbccddeef",
		"00112233-4455-6677-8899-aabbccddeeff0",
		"0011223344556677-8899-aabbccddeeff--",
		"00112233-4455-6677-8899-aabbccddeefg",
		"00112233_4455-6677-8899-aabbccddeeff",
	};
	const char *text = "00112233-4455-6677-8899-aabbccddeeff";
	uint8_t uuid[16];
	char back[37];
	size_t i;

	assert_int_equal(store_uuid_parse(text, uuid), 0);
	assert_int_equal(uuid[0], 0x00);
	assert_int_equal(uuid[15], 0xff);
	store_uuid_format(uuid, back);
	assert_string_equal(back, text);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(store_uuid_parse(bad[i], uuid), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_create_and_open, setup),
		cmocka_unit_test_setup(test_nonces_differ, setup),
		cmocka_unit_test_setup(test_plain_keeps_files, setup),
		cmocka_unit_test_setup(test_undo, setup),
		cmocka_unit_test_setup(test_damaged, setup),
		cmocka_unit_test_setup(test_no_store, setup),
		cmocka_unit_test_setup(test_unknown_lines_are_kept_out, setup),
		cmocka_unit_test_setup(test_lock, setup),
		cmocka_unit_test_setup(test_lock_waits, setup),
		cmocka_unit_test(test_uuid),
	};

	return cmocka_run_group_tests_name("store", tests, setup_group, teardown_group);
}
