/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-crypto-vectors.c - ciphers, derivation and digests against vectors, Linux and OpenSSL */
#include "crypto/skcipher.h"

#include <dirent.h>
#include <fnmatch.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "crypto/digest.h"
#include "crypto/hkdf.h"
#include "util/bits.h"
#include "util/secret.h"
#include "vector-files.h"

#define MAX_TEXT 70000

static uint8_t key[64], iv[32], plain[MAX_TEXT], stored[MAX_TEXT], out[MAX_TEXT];

static struct skcipher *make(const char *variant)
{
	const struct skcipher_alg *alg = skcipher_find(variant);
	struct skcipher *tfm = NULL;

	assert_non_null(alg);
	assert_int_equal(skcipher_alloc(alg, &tfm), 0);
	assert_ptr_equal(skcipher_get_alg(tfm), alg);
	return tfm;
}

/* Both directions, from one buffer to another. */
static void expect_both(struct skcipher *tfm, size_t len)
{
	memset(out, 0, len);
	assert_int_equal(skcipher_encrypt(tfm, iv, plain, out, len), 0);
	assert_memory_equal(out, stored, len);
	memset(out, 0, len);
	assert_int_equal(skcipher_decrypt(tfm, iv, stored, out, len), 0);
	assert_memory_equal(out, plain, len);
}

/* ---- vectors ---- */

static void primitives(void **state)
{
	struct skcipher *xts = make("aes-256-xts"), *cts = make("aes-256-cts"), *tfm;
	unsigned n_xts = 0, n_cts = 0, n_hkdf = 0, n_siphash = 0;
	json_t *json = vector_load("primitives.json");
	size_t i, klen, len;
	json_t *v;

	json_array_foreach (json_object_get(json, "vectors"), i, v) {
		const char *alg = vector_str(v, "alg");

		/* Other kinds have keys of other sizes. */
		if (strlen(vector_str(v, "key") ? vector_str(v, "key") : "") > 2 * sizeof(key))
			continue;
		klen = vector_str(v, "key") ? vector_unhex(vector_str(v, "key"), key, sizeof(key))
					    : 0;
		if ((strcmp(alg, "xts") == 0 && klen == 64) ||
		    (strcmp(alg, "cts") == 0 && klen == 32)) {
			tfm = alg[0] == 'x' ? xts : cts;
			n_xts += tfm == xts;
			n_cts += tfm == cts;
			assert_int_equal(vector_unhex(vector_str(v, "iv"), iv, sizeof(iv)), 16);
			len = vector_unhex(vector_str(v, "plaintext"), plain, sizeof(plain));
			assert_int_equal(
				vector_unhex(vector_str(v, "ciphertext"), stored, sizeof(stored)),
				len);
			assert_int_equal(skcipher_setkey(tfm, key, klen), 0);
			expect_both(tfm, len);
		} else if (strcmp(alg, "fscrypt_hkdf") == 0) {
			uint8_t prk[HKDF_PRK_SIZE], info[64];
			size_t ilen = vector_unhex(vector_str(v, "info"), info, sizeof(info));

			n_hkdf++;
			len = vector_unhex(vector_str(v, "output"), stored, sizeof(stored));
			assert_int_equal(len, vector_int(v, "length"));
			assert_int_equal(hkdf_extract(key, klen, prk), 0);
			out[len] = 0x5a;
			assert_int_equal(hkdf_expand(prk, (uint8_t)vector_int(v, "context"), info,
						     ilen, out, len),
					 0);
			assert_memory_equal(out, stored, len);
			assert_int_equal(out[len], 0x5a);
		} else if (strcmp(alg, "siphash24") == 0) {
			n_siphash++;
			assert_int_equal(klen, 16);
			len = vector_unhex(vector_str(v, "message"), plain, sizeof(plain));
			assert_int_equal(vector_unhex(vector_str(v, "output"), stored, 8), 8);
			assert_true(siphash24(key, plain, len) == get_le64(stored));
		}
	}
	print_message("# xts %u, cts %u, hkdf %u, siphash %u\n", n_xts, n_cts, n_hkdf, n_siphash);
	assert_true(n_xts >= 4 && n_cts >= 4 && n_hkdf >= 4 && n_siphash >= 4);
	json_decref(json);
	skcipher_free(xts);
	skcipher_free(cts);
}

static void shake256(const char *seed, uint8_t *data, size_t len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	assert_int_equal(EVP_DigestInit_ex(ctx, EVP_shake256(), NULL), 1);
	assert_int_equal(EVP_DigestUpdate(ctx, seed, strlen(seed)), 1);
	assert_int_equal(EVP_DigestFinalXOF(ctx, data, len), 1);
	EVP_MD_CTX_free(ctx);
}

/* The key of one inode of a v2 policy (context 2), for modes 1 and 4. */
static void set_inode_key(struct skcipher *tfm, const json_t *file, const json_t *v)
{
	uint8_t prk[HKDF_PRK_SIZE], nonce[16];
	unsigned size = skcipher_get_alg(tfm)->key_size;
	size_t klen = vector_unhex(vector_str(file, "master_key"), key, sizeof(key));

	assert_int_equal(vector_unhex(vector_str(v, "nonce"), nonce, sizeof(nonce)), 16);
	assert_int_equal(hkdf_extract(key, klen, prk), 0);
	assert_int_equal(hkdf_expand(prk, 2, nonce, sizeof(nonce), key, size), 0);
	assert_int_equal(skcipher_setkey(tfm, key, size), 0);
}

static void linux_name(struct skcipher *cts, const json_t *v)
{
	size_t len = vector_unhex(vector_str(v, "plaintext"), plain, sizeof(plain));
	size_t padded = vector_unhex(vector_str(v, "ciphertext"), stored, sizeof(stored));

	assert_true(padded >= len);
	memset(plain + len, 0, padded - len);
	memset(iv, 0, sizeof(iv));
	expect_both(cts, padded);
}

/* A file of one part at its start: encrypt its data units, compare with what Linux stored. */
static bool linux_contents(struct skcipher *xts, const json_t *v, size_t unit)
{
	const json_t *parts = json_object_get(v, "plain"), *part = json_array_get(parts, 0);
	const json_t *segments = json_object_get(v, "segments"), *seg = json_array_get(segments, 0);
	size_t len = vector_int(seg, "length"), plen = vector_int(part, "length");
	const char *want = vector_str(seg, "sha256"), *seed = vector_str(part, "seed");
	uint8_t digest[SHA256_SIZE];

	if (json_array_size(parts) != 1 || json_array_size(segments) != 1 || !seed ||
	    vector_int(part, "offset") || vector_int(seg, "offset") || plen > len || len > MAX_TEXT)
		return false;
	memset(plain, 0, len);
	shake256(seed, plain, plen);
	memset(iv, 0, sizeof(iv));
	for (size_t at = 0; at < len; at += unit) {
		put_le64(iv, at / unit);
		assert_int_equal(skcipher_encrypt(xts, iv, plain + at, out + at, unit), 0);
		assert_int_equal(skcipher_decrypt(xts, iv, out + at, stored + at, unit), 0);
	}
	assert_memory_equal(stored, plain, len);
	if (want) {
		assert_int_equal(vector_unhex(want, stored, SHA256_SIZE), SHA256_SIZE);
		sha256(out, len, digest);
		assert_memory_equal(digest, stored, SHA256_SIZE);
	} else {
		assert_int_equal(vector_unhex(vector_str(seg, "ciphertext"), stored, MAX_TEXT),
				 len);
		assert_memory_equal(out, stored, len);
	}
	return true;
}

static void what_linux_wrote(void **state)
{
	struct skcipher *xts = make("aes-256-xts"), *cts = make("aes-256-cts");
	unsigned names = 0, contents = 0, files = 0;
	DIR *dir = opendir(vector_dir());
	struct dirent *de;
	size_t i;
	json_t *v;

	assert_non_null(dir);
	while ((de = readdir(dir))) {
		json_t *file;

		if (fnmatch("kernel-v2-*.json", de->d_name, 0))
			continue;
		file = vector_load(de->d_name);
		/* The other key rules (flags above the padding) are the fscrypt layer's tests. */
		if (vector_int(file, "contents_mode") == 1 &&
		    vector_int(file, "filenames_mode") == 4 && vector_int(file, "flags") < 4) {
			files++;
			json_array_foreach (json_object_get(file, "vectors"), i, v) {
				const char *kind = vector_str(v, "kind");

				if (strcmp(kind, "name") == 0) {
					set_inode_key(cts, file, v);
					linux_name(cts, v);
					names++;
				} else if (strcmp(kind, "file") == 0) {
					set_inode_key(xts, file, v);
					contents += linux_contents(
						xts, v, vector_int(file, "data_unit_size"));
				}
			}
		}
		json_decref(file);
	}
	closedir(dir);
	print_message("# %u files: %u names, %u contents\n", files, names, contents);
	assert_true(files >= 4 && names >= 100 && contents >= 20);
	skcipher_free(xts);
	skcipher_free(cts);
}

/* ---- derivation and digests ---- */

static void openssl_hkdf(const uint8_t *ikm, size_t len, uint8_t *info, size_t infolen,
			 uint8_t *okm, size_t outlen)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	char digest[] = "SHA512";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)ikm, len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, infolen),
		OSSL_PARAM_construct_end(),
	};

	assert_int_equal(EVP_KDF_derive(ctx, okm, outlen, params), 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

static void hkdf_lengths(void **state)
{
	static const size_t outlens[] = { 1, 16, 63, 64, 65, 128, 129, 1000, 255 * 64 };
	uint8_t ikm[64], prk[HKDF_PRK_SIZE], info[9 + 65] = "fscrypt";

	secret_random(ikm, sizeof(ikm));
	secret_random(info + 9, 65);
	info[8] = 5;
	for (size_t klen = 16; klen <= 64; klen += 16) {
		assert_int_equal(hkdf_extract(ikm, klen, prk), 0);
		for (unsigned i = 0; i < sizeof(outlens) / sizeof(outlens[0]); i++) {
			size_t infolen = i * 8;

			openssl_hkdf(ikm, klen, info, 9 + infolen, stored, outlens[i]);
			out[outlens[i]] = 0x5a;
			assert_int_equal(hkdf_expand(prk, 5, info + 9, infolen, out, outlens[i]),
					 0);
			assert_memory_equal(out, stored, outlens[i]);
			assert_int_equal(out[outlens[i]], 0x5a);
		}
	}
	assert_int_equal(hkdf_expand(prk, 1, info + 9, 65, out, 16), -EINVAL);
	assert_int_equal(hkdf_expand(prk, 1, info + 9, 16, out, 255 * 64 + 1), -EINVAL);
}

static void digests(void **state)
{
	/* FIPS 180-2 appendix B.1; fscrypt.md section 20. */
	static const char abc[] =
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	uint8_t digest[SHA256_SIZE], ino[8];

	vector_unhex(abc, stored, SHA256_SIZE);
	sha256("abc", 3, digest);
	assert_memory_equal(digest, stored, SHA256_SIZE);
	for (size_t n = 0; n <= 3; n++) {
		memset(digest, 0, sizeof(digest));
		sha256_2("abc", n, "abc" + n, 3 - n, digest);
		assert_memory_equal(digest, stored, SHA256_SIZE);
	}
	vector_unhex("670f76f85d2f3cb8a67e0bba366c1014", key, 16);
	put_le64(ino, 12345);
	assert_true(siphash24(key, ino, 8) == 0x9dcd5a5683d49e28);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(primitives),
		cmocka_unit_test(what_linux_wrote),
		cmocka_unit_test(hkdf_lengths),
		cmocka_unit_test(digests),
	};

	if (secret_init())
		return 99;
	return cmocka_run_group_tests_name("crypto-vectors", tests, NULL, NULL);
}
