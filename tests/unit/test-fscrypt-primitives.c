/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-fscrypt-primitives.c - vectors of fscrypt's own small parts, and that no vector lies unused
 */
#include "fs/fscrypt/fscrypt_private.h"

#include <dirent.h>
#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "util/bits.h"
#include "vector-files.h"

static void test_v1_kdf(const json_t *v)
{
	uint8_t key[FSCRYPT_MAX_RAW_KEY_SIZE], want[FSCRYPT_MAX_RAW_KEY_SIZE];
	uint8_t got[FSCRYPT_MAX_RAW_KEY_SIZE + 1], nonce[FSCRYPT_FILE_NONCE_SIZE];
	size_t len = vector_unhex(vector_str(v, "output"), want, sizeof(want));

	assert_int_equal(vector_unhex(vector_str(v, "key"), key, sizeof(key)), len);
	assert_int_equal(vector_unhex(vector_str(v, "nonce"), nonce, sizeof(nonce)), 16);
	memset(got, 0xee, sizeof(got));
	assert_int_equal(fscrypt_v1_derive_key(key, nonce, len, got), 0);
	assert_memory_equal(got, want, len);
	assert_int_equal(got[len], 0xee);
}

static void test_nokey_encode(const json_t *v)
{
	static uint8_t ct[FSCRYPT_MAX_SYMLINK_TARGET];
	const json_t *dirhash = json_object_get(v, "dirhash");
	char got[FSCRYPT_NOKEY_MAX_ENCODED], want[FSCRYPT_NOKEY_MAX_ENCODED];
	size_t len = vector_unhex(vector_str(v, "ciphertext"), ct, sizeof(ct));
	size_t n = vector_unhex(vector_str(v, "output"), (uint8_t *)want, sizeof(want));
	uint32_t hash = (uint32_t)json_integer_value(json_array_get(dirhash, 0));
	uint32_t minor = (uint32_t)json_integer_value(json_array_get(dirhash, 1));
	struct fscrypt_nokey_name back;

	assert_int_equal(fscrypt_nokey_encode(hash, minor, ct, len, got), n);
	assert_memory_equal(got, want, n);
	assert_int_equal(fscrypt_nokey_decode(got, n, &back), 0);
	assert_int_equal(back.dirhash[0], hash);
	assert_int_equal(back.dirhash[1], minor);
	assert_int_equal(back.is_long, len > FSCRYPT_NOKEY_PREFIX);
	assert_memory_equal(back.bytes, ct, MIN(len, (size_t)FSCRYPT_NOKEY_PREFIX));
}

static void test_primitives(void **state)
{
	json_t *json = vector_load("primitives.json"), *v;
	unsigned kdf = 0, nokey = 0;
	size_t i;

	json_array_foreach (json_object_get(json, "vectors"), i, v) {
		if (strcmp(vector_str(v, "alg"), "v1_kdf") == 0) {
			test_v1_kdf(v);
			kdf++;
		} else if (strcmp(vector_str(v, "alg"), "nokey_encode") == 0) {
			test_nokey_encode(v);
			nokey++;
		}
	}
	assert_true(kdf >= 3);
	assert_true(nokey >= 8);
	json_decref(json);
}

/* Which test reads what; the kinds of vector in primitives.json and official/ likewise. */
static const struct {
	const char *pattern, *test;
} readers[] = {
	{ "kernel-v[12]-*.json", "test-fscrypt-vectors" },
	{ "ref-v*.json", "test-fscrypt-vectors" },
	{ "kernel-policy-grid.json", "test-policy" },
	{ "kernel-errnos.json", "scenario 446" },
	{ "primitives.json", "test-crypto-vectors, test-primitives, and this" },
	{ "official-*.json", "test-primitives" },
};
static const char *const kinds[] = {
	"hchacha12", "xchacha12",    "xchacha12_block", "nh",		"nhpoly1305", "polyval",
	"xctr",	     "adiantum",     "hctr2",		"xts",		"cbc_essiv",  "cts",
	"siphash24", "fscrypt_hkdf", "v1_kdf",		"nokey_encode",
};

static void check_kinds(const char *file)
{
	json_t *json = vector_load(file), *v;
	size_t i, k;

	json_array_foreach (json_object_get(json, "vectors"), i, v) {
		for (k = 0; k < ARRAY_SIZE(kinds); k++)
			if (strcmp(kinds[k], vector_str(v, "alg")) == 0)
				break;
		if (k == ARRAY_SIZE(kinds))
			fail_msg("%s: no test for vectors of %s", file, vector_str(v, "alg"));
	}
	json_decref(json);
}

static unsigned check_folder(const char *below)
{
	char path[4352], name[200];
	struct dirent *e;
	unsigned n = 0;
	DIR *dir;
	size_t i;

	snprintf(path, sizeof(path), "%s/%s", vector_dir(), below);
	dir = opendir(path);
	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL) {
		if (fnmatch("*.json", e->d_name, 0) != 0)
			continue;
		for (i = 0; i < ARRAY_SIZE(readers); i++)
			if (fnmatch(readers[i].pattern, e->d_name, 0) == 0)
				break;
		if (i == ARRAY_SIZE(readers))
			fail_msg("%s/%s: no test reads it", below, e->d_name);
		if (fnmatch("official-*", e->d_name, 0) == 0 ||
		    strcmp(e->d_name, "primitives.json") == 0) {
			snprintf(name, sizeof(name), "%.16s/%.160s", below, e->d_name);
			check_kinds(name);
		}
		n++;
	}
	closedir(dir);
	return n;
}

static void test_none_left(void **state)
{
	unsigned n = check_folder("");

	assert_true(n >= 30);
	assert_true(check_folder("official") >= 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_primitives),
		cmocka_unit_test(test_none_left),
	};

	return cmocka_run_group_tests_name("fscrypt-primitives", tests, NULL, NULL);
}
