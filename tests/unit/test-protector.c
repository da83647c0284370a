/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-protector.c - master keys wrapped under passphrases, and files that are not to be trusted */
#include "cli/protector.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/compiler.h"
#include "util/secret.h"

static struct secretbuf pass, other, key, out;
static const uint8_t ident[FSCRYPT_KEY_IDENTIFIER_SIZE] = { 0xde, 0xad, 0xbe, 0xef };
static const struct kdf_params fast = { .ops = 1, .mem_kib = KDF_MEM_MIN_KIB, .salt = { 7 } };

static void fill(struct secretbuf *buf, const char *text)
{
	buf->len = strlen(text);
	memcpy(buf->data, text, buf->len + 1);
}

static int setup_group(void **state)
{
	if (secret_init() < 0 || secretbuf_init(&pass) < 0 || secretbuf_init(&other) < 0 ||
	    secretbuf_init(&key) < 0 || secretbuf_init(&out) < 0)
		return -1;
	fill(&pass, "correct horse");
	fill(&other, "correct horsf");
	key.len = FSCRYPT_MAX_RAW_KEY_SIZE;
	secret_random(key.data, key.len);
	return 0;
}

static int teardown_group(void **state)
{
	secretbuf_free(&pass);
	secretbuf_free(&other);
	secretbuf_free(&key);
	secretbuf_free(&out);
	return 0;
}

static void make(struct protector *p)
{
	assert_int_equal(protector_create("my passphrase", &fast, &pass, &key, ident, p), 0);
}

static void test_round_trip(void **state)
{
	struct protector p, q;
	const char *why = NULL;
	char *text;

	make(&p);
	assert_int_equal(p.wrapped_len, key.len + PROTECTOR_TAG_SIZE);
	assert_memory_not_equal(p.wrapped, key.data, key.len);
	text = protector_format(&p);
	assert_non_null(text);
	assert_true(strlen(text) < PROTECTOR_FILE_MAX);
	assert_int_equal(protector_parse(text, strlen(text), &q, &why), 0);
	free(text);
	assert_string_equal(q.id, p.id);
	assert_string_equal(q.name, "my passphrase");
	assert_memory_equal(q.key_identifier, ident, sizeof(ident));
	out.len = 0;
	assert_int_equal(protector_unwrap(&q, &pass, &out), 0);
	assert_int_equal(out.len, key.len);
	assert_memory_equal(out.data, key.data, key.len);
}

static void test_wrong_passphrase(void **state)
{
	struct protector p;

	make(&p);
	assert_int_equal(protector_unwrap(&p, &other, &out), -EKEYREJECTED);
}

/* Whatever the file says is authenticated with the key. */
static void test_tampering(void **state)
{
	struct protector p, q;
	size_t i;

	make(&p);
	for (i = 0; i < p.wrapped_len; i++) {
		q = p;
		q.wrapped[i] ^= 1;
		assert_int_equal(protector_unwrap(&q, &pass, &out), -EKEYREJECTED);
	}
	q = p;
	q.name[0] ^= 1;
	assert_int_equal(protector_unwrap(&q, &pass, &out), -EKEYREJECTED);
	q = p;
	q.id[0] = q.id[0] == 'a' ? 'b' : 'a';
	assert_int_equal(protector_unwrap(&q, &pass, &out), -EKEYREJECTED);
	q = p;
	q.key_identifier[15] ^= 1;
	assert_int_equal(protector_unwrap(&q, &pass, &out), -EKEYREJECTED);
	q = p;
	q.kdf.ops++;
	assert_int_equal(protector_unwrap(&q, &pass, &out), -EKEYREJECTED);
	q = p;
	q.kdf.salt[0] ^= 1;
	assert_int_equal(protector_unwrap(&q, &pass, &out), -EKEYREJECTED);
	q = p;
	q.nonce[0] ^= 1;
	assert_int_equal(protector_unwrap(&q, &pass, &out), -EKEYREJECTED);
	assert_int_equal(protector_unwrap(&p, &pass, &out), 0);
}

/* Replace the first @from of the text by @to; the result must be refused. */
static void refuse(const char *text, const char *from, const char *to)
{
	char bad[PROTECTOR_FILE_MAX * 2];
	const char *at = strstr(text, from), *why = NULL;
	struct protector p;

	assert_non_null(at);
	snprintf(bad, sizeof(bad), "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	if (protector_parse(bad, strlen(bad), &p, &why) != -EINVAL)
		fail_msg("accepted with \"%s\" for \"%s\"", to, from);
	assert_non_null(why);
}

static void test_untrusted_text(void **state)
{
	const char *why = NULL;
	struct protector p, q;
	char *text, long_name[PROTECTOR_NAME_MAX + 2];
	size_t i;

	make(&p);
	text = protector_format(&p);
	assert_non_null(text);
	refuse(text, "\"version\": 1", "\"version\": 2");
	refuse(text, "\"version\": 1", "\"version\": \"1\"");
	refuse(text, "\"version\": 1,", "");
	refuse(text, "\"passphrase\"", "\"fido2\"");
	refuse(text, "argon2id", "pbkdf2");
	refuse(text, "xchacha20poly1305", "none");
	refuse(text, p.id, "../../../../etc/");
	refuse(text, p.id, "0123");
	refuse(text, p.id, "0123456789ABCDEF");
	refuse(text, "\"ops\": 1", "\"ops\": 0");
	refuse(text, "\"ops\": 1", "\"ops\": -1");
	refuse(text, "\"ops\": 1", "\"ops\": 4294967296");
	refuse(text, "\"ops\": 1", "\"ops\": 1.5");
	refuse(text, "\"mem_kib\": 8", "\"mem_kib\": 7");
	refuse(text, "\"mem_kib\": 8", "\"mem_kib\": 4194305");
	/* Within each bound, but hours of work. */
	refuse(text, "\"ops\": 1,\n    \"mem_kib\": 8", "\"ops\": 1000000, \"mem_kib\": 4194304");
	refuse(text, "\"salt\": \"", "\"salt\": \"00");
	refuse(text, "\"salt\": \"07", "\"salt\": \"0g");
	refuse(text, "\"nonce\": \"", "\"nonce\": \"00");
	refuse(text, "\"ciphertext\": \"", "\"ciphertext\": \"00");
	refuse(text, "\"ciphertext\": \"", "\"ciphertext\": \"\", \"x\": \"");
	refuse(text, "\"ciphertext\": \"", "\"ciphertext\": \"0");
	refuse(text, "\"key_identifier\"", "\"key_id\"");
	refuse(text, "{", "[");
	memset(long_name, 'n', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	refuse(text, "my passphrase", long_name);
	for (i = 0; i < strlen(text) - 1; i++)
		assert_int_equal(protector_parse(text, i, &q, &why), -EINVAL);
	free(text);
}

static void test_key_sizes(void **state)
{
	struct protector p;
	size_t full = key.len;

	key.len = FSCRYPT_MIN_KEY_SIZE;
	assert_int_equal(protector_create("n", &fast, &pass, &key, ident, &p), 0);
	assert_int_equal(protector_unwrap(&p, &pass, &out), 0);
	assert_int_equal(out.len, FSCRYPT_MIN_KEY_SIZE);
	key.len = FSCRYPT_MIN_KEY_SIZE - 1;
	assert_int_equal(protector_create("n", &fast, &pass, &key, ident, &p), -EINVAL);
	key.len = full;
}

/* From another implementation (OpenSSL's, by way of python3-cryptography): RFC 9106 has no example
 * without a secret and associated data, which libsodium does not take. */
static void test_kdf_known_answer(void **state)
{
	static const uint8_t expected[KDF_KEY_SIZE] = {
		0x1a, 0x98, 0xfb, 0xa8, 0xe6, 0x39, 0x44, 0x25, 0xc9, 0xbd, 0xc3,
		0x33, 0xa9, 0xc7, 0x50, 0xaa, 0xf8, 0x11, 0xdf, 0x07, 0x0f, 0x5f,
		0xb4, 0xa5, 0x78, 0x8e, 0x1c, 0xf4, 0xdb, 0x57, 0x93, 0xa1,
	};
	struct kdf_params p = { .ops = 2, .mem_kib = 64 };
	uint8_t a[KDF_KEY_SIZE], b[KDF_KEY_SIZE];

	memcpy(p.salt, "somesaltsomesalt", KDF_SALT_SIZE);
	assert_int_equal(kdf_derive(&p, (const uint8_t *)"password", 8, a), 0);
	assert_int_equal(kdf_derive(&p, (const uint8_t *)"password", 8, b), 0);
	assert_memory_equal(a, b, sizeof(a));
	assert_memory_equal(a, expected, sizeof(a));
	p.ops = 3;
	assert_int_equal(kdf_derive(&p, (const uint8_t *)"password", 8, b), 0);
	assert_memory_not_equal(a, b, sizeof(a));
}

static void test_kdf_limits(void **state)
{
	struct kdf_params p = { .ops = 1, .mem_kib = KDF_MEM_MIN_KIB };
	uint8_t k[KDF_KEY_SIZE];

	assert_int_equal(kdf_params_check(&p), 0);
	p.ops = 0;
	assert_int_equal(kdf_params_check(&p), -EINVAL);
	p.ops = 1;
	p.mem_kib = KDF_MEM_MAX_KIB + 1;
	assert_int_equal(kdf_params_check(&p), -EINVAL);
	assert_int_equal(kdf_derive(&p, (const uint8_t *)"x", 1, k), -EINVAL);
	p.mem_kib = KDF_MEM_MAX_KIB;
	p.ops = UINT32_MAX;
	assert_int_equal(kdf_params_check(&p), -EINVAL);
}

static void test_calibrate(void **state)
{
	struct kdf_params a, b;

	assert_int_equal(kdf_calibrate(20, 1024, &a), 0);
	assert_int_equal(kdf_calibrate(20, 1024, &b), 0);
	assert_int_equal(kdf_params_check(&a), 0);
	assert_true(a.mem_kib <= 1024);
	assert_memory_not_equal(a.salt, b.salt, KDF_SALT_SIZE);
}

static void test_files(void **state)
{
	char top[] = "/tmp/test-protector.XXXXXX", path[128], why[256] = "", cmd[512];
	struct protector a, b, *list;
	size_t count, bad;
	struct stat st;
	int fd;

	assert_non_null(mkdtemp(top));
	fd = open(top, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	/* No directory: no protectors. */
	assert_int_equal(protector_load_all(fd, &list, &count, &bad, why, sizeof(why)), 0);
	assert_int_equal(count + bad, 0);
	free(list);
	snprintf(path, sizeof(path), "%s/" PROTECTORS_DIR, top);
	assert_int_equal(mkdir(path, 0700), 0);
	make(&a);
	make(&b);
	assert_string_not_equal(a.id, b.id);
	assert_int_equal(protector_write(fd, &a), 0);
	assert_int_equal(protector_write(fd, &a), -EEXIST);
	assert_int_equal(protector_write(fd, &b), 0);
	snprintf(path, sizeof(path), "%s/" PROTECTORS_DIR "/%s.json", top, a.id);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* A link, a fifo, an oversized file, a copy under another name, and names that are not
	 * ours. */
	snprintf(cmd, sizeof(cmd),
		 "cd %s/" PROTECTORS_DIR " && ln -s %s.json 0000000000000001.json && "
		 "mkfifo 0000000000000002.json && truncate -s 9000 0000000000000003.json && "
		 "cp %s.json 0000000000000004.json && echo x >notes && echo x >.0.json.tmp",
		 top, a.id, a.id);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(protector_load_all(fd, &list, &count, &bad, why, sizeof(why)), 0);
	assert_int_equal(count, 2);
	assert_int_equal(bad, 4);
	assert_true(strlen(why) > 0);
	assert_true(strcmp(list[0].id, list[1].id) < 0);
	assert_int_equal(protector_unwrap(&list[0], &pass, &out), 0);
	free(list);
	close(fd);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	assert_int_equal(system(cmd), 0);
}

static void test_replace(void **state)
{
	char top[] = "/tmp/test-protector.XXXXXX", path[128], cmd[512];
	struct protector a, b, c, now;
	const char *why = NULL;
	struct stat st;
	int fd, dirfd;

	assert_non_null(mkdtemp(top));
	fd = open(top, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	make(&a);
	assert_int_equal(protector_load(fd, a.id, &now, &why), -ENOENT);
	assert_int_equal(protector_lock(fd, &dirfd), -ENOENT);
	/* The folder is made too. */
	assert_int_equal(protector_write(fd, &a), 0);
	snprintf(path, sizeof(path), "%s/" PROTECTORS_DIR, top);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	snprintf(path, sizeof(path), "%s/" PROTECTORS_DIR "/%s.json", top, a.id);
	assert_int_equal(chmod(path, 0640), 0);

	assert_int_equal(protector_rewrap(&a, "new name", &fast, &other, &key, &b), 0);
	assert_string_equal(b.id, a.id);
	assert_memory_equal(b.key_identifier, a.key_identifier, sizeof(a.key_identifier));
	/* What a crash has left under the other name is no obstacle. */
	snprintf(cmd, sizeof(cmd), "echo x >%s/" PROTECTORS_DIR "/.fuscrypt-tmp-%s", top, a.id);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(protector_replace(fd, &a, &b), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(protector_load(fd, a.id, &now, &why), 0);
	assert_string_equal(now.name, "new name");
	assert_int_equal(now.written, st.st_mtime);
	assert_int_equal(protector_unwrap(&now, &pass, &out), -EKEYREJECTED);
	assert_int_equal(protector_unwrap(&now, &other, &out), 0);
	assert_memory_equal(out.data, key.data, key.len);

	/* Who still has the one before is too late. */
	assert_int_equal(protector_rewrap(&a, "third", &fast, &pass, &key, &c), 0);
	assert_int_equal(protector_replace(fd, &a, &c), -ESTALE);
	assert_int_equal(protector_load(fd, a.id, &now, &why), 0);
	assert_string_equal(now.name, "new name");
	assert_int_equal(protector_lock(fd, &dirfd), 0);
	assert_int_equal(protector_remove(dirfd, a.id), 0);
	assert_int_equal(protector_remove(dirfd, a.id), -ENOENT);
	close(dirfd);
	assert_int_equal(protector_replace(fd, &b, &c), -ESTALE);
	assert_int_equal(protector_load(fd, a.id, &now, &why), -ENOENT);
	/* Nothing else is left. */
	snprintf(path, sizeof(path), "%s/" PROTECTORS_DIR, top);
	assert_int_equal(rmdir(path), 0);
	close(fd);
	assert_int_equal(rmdir(top), 0);
}

static void test_lines(void **state)
{
	static const struct {
		const char *in, *line;
		int r;
	} cases[] = {
		{ "pass\n", "pass", 0 },       { "pass", "pass", 0 }, { "pass\r\n", "pass", 0 },
		{ "pass\nmore\n", "pass", 0 }, { "\n", "", 0 },	      { "", NULL, -ENODATA },
		{ " a b \n", " a b ", 0 },
	};
	size_t i;
	int fds[2];

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(pipe(fds), 0);
		assert_int_equal(write(fds[1], cases[i].in, strlen(cases[i].in)),
				 strlen(cases[i].in));
		close(fds[1]);
		assert_int_equal(secretbuf_read_line(&out, fds[0]), cases[i].r);
		if (cases[i].line)
			assert_string_equal((char *)out.data, cases[i].line);
		close(fds[0]);
	}
	/* One byte too many. */
	fds[0] = open("/dev/zero", O_RDONLY);
	assert_int_equal(secretbuf_read_line(&out, fds[0]), -E2BIG);
	assert_int_equal(secretbuf_read_all(&out, fds[0], 64), -E2BIG);
	close(fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_wrong_passphrase),
		cmocka_unit_test(test_tampering),  cmocka_unit_test(test_untrusted_text),
		cmocka_unit_test(test_key_sizes),  cmocka_unit_test(test_kdf_known_answer),
		cmocka_unit_test(test_kdf_limits), cmocka_unit_test(test_calibrate),
		cmocka_unit_test(test_files),	   cmocka_unit_test(test_replace),
		cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests_name("protector", tests, setup_group, teardown_group);
}
