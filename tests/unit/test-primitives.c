/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-primitives.c - what Adiantum and HCTR2 are made of: published vectors, vector code, twins */
#include "crypto/cpu.h"

#include <dirent.h>
#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "crypto/adiantum.h"
#include "crypto/evp-block.h"
#include "crypto/hctr2.h"
#include "crypto/skcipher.h"
#include "crypto/xctr.h"
#include "util/secret.h"
#include "vector-files.h"

#define MAX_TEXT 4200
#define SLACK	 64

/* The machine as it is, with half of its instructions, and with none: all must compute the same. */
static const unsigned feature_sets[] = { CPU_ALL, CPU_AVX2, CPU_PCLMUL, 0 };

static uint8_t key[NH_KEY_SIZE + POLYHASH_KEY_SIZE], iv[64];
static uint8_t input[MAX_TEXT], want[MAX_TEXT], got[MAX_TEXT + SLACK];

/* ---- vectors ---- */

static void check_hchacha12(const json_t *v)
{
	assert_int_equal(vector_unhex(vector_str(v, "nonce"), iv, sizeof(iv)), 16);
	assert_int_equal(vector_unhex(vector_str(v, "output"), want, sizeof(want)), 32);
	hchacha12(key, iv, got);
	assert_memory_equal(got, want, 32);
}

/* A keystream from its start, or one block out of its middle. */
static void check_xchacha12(const json_t *v)
{
	size_t len = vector_unhex(vector_str(v, "output"), want, sizeof(want));

	assert_int_equal(vector_unhex(vector_str(v, "nonce"), iv, sizeof(iv)), 24);
	memset(got, 0, len);
	xchacha12_xor(key, iv, vector_int(v, "block"), got, got, len);
	assert_memory_equal(got, want, len);
}

static void check_nh(const json_t *v)
{
	static uint32_t words[NH_KEY_WORDS];
	size_t len = vector_unhex(vector_str(v, "message"), input, sizeof(input));

	assert_int_equal(vector_unhex(vector_str(v, "output"), want, sizeof(want)), 32);
	nh_setkey(words, key);
	nh(words, input, len, got);
	assert_memory_equal(got, want, NH_HASH_SIZE);
}

static void check_nhpoly1305(const json_t *v)
{
	static uint32_t words[NH_KEY_WORDS];
	struct polyhash_key poly;
	size_t len = vector_unhex(vector_str(v, "message"), input, sizeof(input));

	assert_int_equal(vector_unhex(vector_str(v, "output"), want, sizeof(want)), BLOCK_LEN);
	polyhash_setkey(&poly, key);
	nh_setkey(words, key + POLYHASH_KEY_SIZE);
	le128_store(got, nhpoly1305(&poly, words, input, len));
	assert_memory_equal(got, want, BLOCK_LEN);
}

static void check_polyval(const json_t *v)
{
	const struct le128 zero = { 0, 0 };
	struct polyval_key powers;
	size_t len = vector_unhex(vector_str(v, "message"), input, sizeof(input));

	assert_int_equal(len % BLOCK_LEN, 0);
	assert_int_equal(vector_unhex(vector_str(v, "output"), want, sizeof(want)), BLOCK_LEN);
	polyval_setkey(&powers, key);
	le128_store(got, polyval_blocks(&powers, zero, input, len / BLOCK_LEN, NULL));
	assert_memory_equal(got, want, BLOCK_LEN);
}

static void check_xctr(const json_t *v)
{
	struct evp_pair aes;
	size_t len = vector_unhex(vector_str(v, "plaintext"), input, sizeof(input));

	assert_int_equal(vector_unhex(vector_str(v, "nonce"), iv, sizeof(iv)), BLOCK_LEN);
	assert_int_equal(vector_unhex(vector_str(v, "output"), want, sizeof(want)), len);
	assert_int_equal(evp_block_init(&aes, "AES-256-ECB"), 0);
	assert_int_equal(evp_pair_setkey(&aes, key), 0);
	for (size_t off = 0; off < 3; off++) {
		assert_int_equal(xctr(aes.enc, le128_load(iv), input, got + off, len), 0);
		assert_memory_equal(got + off, want, len);
		assert_int_equal(xctr(aes.enc, le128_load(iv), got + off, got + off, len), 0);
		assert_memory_equal(got + off, input, len);
	}
	evp_pair_exit(&aes);
}

/* One message through a mode, with any length of tweak. */
typedef int crypt_fn(void *ctx, bool encrypt, size_t iv_len, const uint8_t *src, uint8_t *dst,
		     size_t len);

static int crypt_adiantum(void *ctx, bool encrypt, size_t iv_len, const uint8_t *src, uint8_t *dst,
			  size_t len)
{
	return adiantum_crypt(ctx, encrypt, iv, iv_len, src, dst, len);
}

static int crypt_hctr2(void *ctx, bool encrypt, size_t iv_len, const uint8_t *src, uint8_t *dst,
		       size_t len)
{
	return hctr2_crypt(ctx, encrypt, iv, iv_len, src, dst, len);
}

static int crypt_row(void *ctx, bool encrypt, size_t iv_len, const uint8_t *src, uint8_t *dst,
		     size_t len)
{
	assert_int_equal(iv_len, skcipher_get_alg(ctx)->iv_size);
	return encrypt ? skcipher_encrypt(ctx, iv, src, dst, len)
		       : skcipher_decrypt(ctx, iv, src, dst, len);
}

/* Both directions, from one place to another and in place, at all alignments of a block. */
static void check_mode(const json_t *v, crypt_fn *crypt, void *ctx)
{
	size_t iv_len = vector_unhex(vector_str(v, "iv"), iv, sizeof(iv));
	size_t len = vector_unhex(vector_str(v, "plaintext"), input, sizeof(input));

	assert_int_equal(vector_unhex(vector_str(v, "ciphertext"), want, sizeof(want)), len);
	for (size_t off = 0; off <= BLOCK_LEN; off++) {
		uint8_t *p = got + off;

		memset(got, 0xee, sizeof(got));
		assert_int_equal(crypt(ctx, true, iv_len, input, p, len), 0);
		assert_memory_equal(p, want, len);
		assert_int_equal(p[len], 0xee);
		assert_int_equal(crypt(ctx, false, iv_len, p, p, len), 0);
		assert_memory_equal(p, input, len);
		assert_int_equal(crypt(ctx, true, iv_len, p, p, len), 0);
		assert_memory_equal(p, want, len);
		memset(p, 0xee, len);
		assert_int_equal(crypt(ctx, false, iv_len, want, p, len), 0);
		assert_memory_equal(p, input, len);
		assert_int_equal(p[len], 0xee);
	}
}

static void check_adiantum(const json_t *v)
{
	static struct adiantum_ctx ctx;

	assert_int_equal(adiantum_init(&ctx), 0);
	assert_int_equal(adiantum_setkey(&ctx, key), 0);
	check_mode(v, crypt_adiantum, &ctx);
	adiantum_exit(&ctx);
}

static void check_hctr2(const json_t *v)
{
	static struct hctr2_ctx ctx;

	assert_int_equal(hctr2_init(&ctx), 0);
	assert_int_equal(hctr2_setkey(&ctx, key), 0);
	check_mode(v, crypt_hctr2, &ctx);
	hctr2_exit(&ctx);
}

static void check_row(const json_t *v, const char *variant)
{
	size_t key_size = strlen(vector_str(v, "key")) / 2;
	struct skcipher *tfm;

	assert_non_null(skcipher_find(variant));
	assert_int_equal(skcipher_alloc(skcipher_find(variant), &tfm), 0);
	assert_int_equal(skcipher_setkey(tfm, key, key_size), 0);
	check_mode(v, crypt_row, tfm);
	skcipher_free(tfm);
}

static void check_xts(const json_t *v)
{
	check_row(v, "aes-256-xts");
}

static void check_essiv(const json_t *v)
{
	check_row(v, "aes-128-cbc-essiv");
}

static void check_cts(const json_t *v)
{
	check_row(v, strlen(vector_str(v, "key")) == 32 ? "aes-128-cts" : "aes-256-cts");
}

static struct {
	const char *alg;
	void (*check)(const json_t *v);
	unsigned published; /* how many vectors tests/vectors has */
	unsigned seen;
} kinds[] = {
	{ "hchacha12", check_hchacha12, 3 },
	{ "xchacha12", check_xchacha12, 3 },
	{ "xchacha12_block", check_xchacha12, 25 },
	{ "nh", check_nh, 11 },
	{ "nhpoly1305", check_nhpoly1305, 12 },
	{ "polyval", check_polyval, 50 },
	{ "xctr", check_xctr, 41 },
	{ "adiantum", check_adiantum, 63 },
	{ "hctr2", check_hctr2, 118 },
	{ "xts", check_xts, 4 },
	{ "cbc_essiv", check_essiv, 4 },
	{ "cts", check_cts, 32 },
};

static void check_file(const char *name)
{
	json_t *json = vector_load(name), *v;
	size_t i;

	json_array_foreach (json_object_get(json, "vectors"), i, v) {
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
			if (strcmp(kinds[k].alg, vector_str(v, "alg")) != 0)
				continue;
			vector_unhex(vector_str(v, "key"), key, sizeof(key));
			kinds[k].check(v);
			kinds[k].seen++;
		}
	}
	json_decref(json);
}

static void vectors(void **state)
{
	char path[4352];
	struct dirent *de;
	DIR *dir;

	for (size_t s = 0; s < ARRAY_SIZE(feature_sets); s++) {
		cpu_allow(feature_sets[s]);
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
			kinds[k].seen = 0;
		check_file("primitives.json");
		snprintf(path, sizeof(path), "%s/official", vector_dir());
		dir = opendir(path);
		assert_non_null(dir);
		while ((de = readdir(dir))) {
			if (fnmatch("official-*.json", de->d_name, 0) != 0)
				continue;
			snprintf(path, sizeof(path), "official/%s", de->d_name);
			check_file(path);
		}
		closedir(dir);
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
			assert_int_equal(kinds[k].seen, kinds[k].published);
	}
	cpu_allow(CPU_ALL);
}

/* ---- vector code against its twin ---- */

static void need(enum cpu_feature feature)
{
	cpu_allow(CPU_ALL);
	if (!cpu_has(feature))
		skip();
	cpu_allow(0);
	assert_false(cpu_has(feature));
	cpu_allow(CPU_ALL);
}

static void twin_chacha(const uint8_t *src, uint64_t block, size_t off, size_t len)
{
	cpu_allow(0);
	xchacha12_xor(key, iv, block, src, want, len);
	cpu_allow(CPU_ALL);
	memset(got, 0xee, sizeof(got));
	xchacha12_xor(key, iv, block, src, got + off, len);
	assert_memory_equal(got + off, want, len);
	assert_int_equal(got[off + len], 0xee);
	memcpy(got + off, src, len);
	xchacha12_xor(key, iv, block, got + off, got + off, len);
	assert_memory_equal(got + off, want, len);
}

static void twins_chacha(void **state)
{
	static const uint64_t blocks[] = { 0, UINT32_MAX - 9, UINT32_MAX, UINT64_MAX - 3 };

	need(CPU_AVX2);
	secret_random(key, 32);
	secret_random(iv, 24);
	secret_random(input, sizeof(input));
	for (size_t len = 0; len <= 1100; len++)
		twin_chacha(input + len % 7, 0, len % 33, len);
	/* The counter carries from one word to the next, between lanes and between batches. */
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++)
		for (uint64_t back = 0; back < 18; back++)
			twin_chacha(input + back, blocks[i] - back, back, 1500);
	twin_chacha(input, 12345, 1, 4096);
}

static void twin_nh(const uint32_t *words, const uint8_t *msg, size_t len)
{
	cpu_allow(0);
	nh(words, msg, len, want);
	cpu_allow(CPU_ALL);
	nh(words, msg, len, got);
	assert_memory_equal(got, want, NH_HASH_SIZE);
}

static void twins_nh(void **state)
{
	static uint32_t words[NH_KEY_WORDS];

	need(CPU_AVX2);
	for (unsigned round = 0; round < 3; round++) {
		/* Random, and where every sum and product is as great as it can be. */
		memset(input, round == 1 ? 0xff : 0, sizeof(input));
		memset(key, round == 2 ? 0xff : 0, sizeof(key));
		if (round == 0) {
			secret_random(input, sizeof(input));
			secret_random(key, sizeof(key));
		}
		nh_setkey(words, key);
		for (size_t len = 1; len <= NH_CHUNK; len++)
			twin_nh(words, input + len % 33, len);
	}
}

static void twins_polyval(void **state)
{
	struct polyval_key powers, twin;
	struct le128 acc;

	need(CPU_PCLMUL);
	for (unsigned round = 0; round < 200; round++) {
		secret_random(key, BLOCK_LEN);
		secret_random(input, sizeof(input));
		if (round < 4)
			memset(key, round & 1 ? 0xff : 0, BLOCK_LEN);
		if (round < 3)
			memset(input, round & 2 ? 0xff : 0, sizeof(input));
		acc = le128_load(input + sizeof(input) - BLOCK_LEN);
		cpu_allow(0);
		polyval_setkey(&twin, key);
		cpu_allow(CPU_ALL);
		polyval_setkey(&powers, key);
		assert_memory_equal(&powers, &twin, sizeof(powers));
		for (size_t blocks = 0; blocks <= 40; blocks++) {
			const uint8_t *data = input + (round + blocks) % 17;
			struct le128 last = le128_load(data + blocks * BLOCK_LEN), apart;
			const struct le128 *tail = round % 2 ? &last : NULL;

			cpu_allow(0);
			le128_store(want, polyval_blocks(&powers, acc, data, blocks, tail));
			cpu_allow(CPU_ALL);
			le128_store(got, polyval_blocks(&powers, acc, data, blocks, tail));
			assert_memory_equal(got, want, BLOCK_LEN);
			/* A tail is one more block. */
			apart = polyval_blocks(&powers, acc, data, blocks + (tail ? 1 : 0), NULL);
			le128_store(got, apart);
			assert_memory_equal(got, want, BLOCK_LEN);
		}
	}
}

/* Whole modes, every length that a name can have and some beyond; keyed by the one, run by the
 * other.
 */
static void twins_modes(void **state)
{
	static const char *const variants[] = { "adiantum", "aes-256-hctr2" };

	for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
		const struct skcipher_alg *alg = skcipher_find(variants[i]);
		struct skcipher *tfm;

		assert_non_null(alg);
		assert_int_equal(skcipher_alloc(alg, &tfm), 0);
		for (size_t len = 16; len <= 4200; len += len < 1200 ? 1 : 111) {
			size_t off = len % 17;

			secret_random(key, alg->key_size);
			secret_random(iv, alg->iv_size);
			secret_random(input, len);
			cpu_allow(len & 1 ? CPU_ALL : 0);
			assert_int_equal(skcipher_setkey(tfm, key, alg->key_size), 0);
			cpu_allow(0);
			assert_int_equal(skcipher_encrypt(tfm, iv, input, want, len), 0);
			assert_memory_not_equal(want, input, len);
			cpu_allow(CPU_ALL);
			assert_int_equal(skcipher_encrypt(tfm, iv, input, got + off, len), 0);
			assert_memory_equal(got + off, want, len);
			assert_int_equal(skcipher_decrypt(tfm, iv, got + off, got + off, len), 0);
			assert_memory_equal(got + off, input, len);
			cpu_allow(0);
			assert_int_equal(skcipher_decrypt(tfm, iv, want, want, len), 0);
			assert_memory_equal(want, input, len);
		}
		skcipher_free(tfm);
	}
	cpu_allow(CPU_ALL);
}

/* One library against the other, in both directions, apart and in place. */
static void twins_xts(void **state)
{
	const struct skcipher_alg *alg = skcipher_find("aes-256-xts");
	struct skcipher *evp, *gcry;

	need(CPU_VAES);
	cpu_allow(0);
	assert_int_equal(skcipher_alloc(alg, &evp), 0);
	cpu_allow(CPU_ALL);
	assert_int_equal(skcipher_alloc(alg, &gcry), 0);
	for (size_t len = 16; len <= 4192; len += 16) {
		size_t off = len / 16 % 17;

		/* Keys change under a handle, as in a keyslot. */
		if (len / 16 % 3 == 0 || len == 16) {
			secret_random(key, alg->key_size);
			assert_int_equal(skcipher_setkey(evp, key, alg->key_size), 0);
			assert_int_equal(skcipher_setkey(gcry, key, alg->key_size), 0);
		}
		secret_random(iv, alg->iv_size);
		if (len / 16 % 5 == 0)
			memset(iv, 0xff, alg->iv_size);
		secret_random(input, len);
		assert_int_equal(skcipher_encrypt(evp, iv, input, want, len), 0);
		memset(got + off, 0xee, len + 1);
		assert_int_equal(skcipher_encrypt(gcry, iv, input, got + off, len), 0);
		assert_memory_equal(got + off, want, len);
		assert_int_equal(got[off + len], 0xee);
		assert_int_equal(skcipher_decrypt(evp, iv, got + off, got + off, len), 0);
		assert_memory_equal(got + off, input, len);
		assert_int_equal(skcipher_decrypt(gcry, iv, want, want, len), 0);
		assert_memory_equal(want, input, len);
		memcpy(got + off, input, len);
		assert_int_equal(skcipher_encrypt(gcry, iv, got + off, got + off, len), 0);
		assert_int_equal(skcipher_encrypt(evp, iv, input, want, len), 0);
		assert_memory_equal(got + off, want, len);
	}
	skcipher_free(evp);
	skcipher_free(gcry);
}

/* A wide-block cipher: any changed bit of message or tweak changes every block. */
static void wide_block(void **state)
{
	static const char *const variants[] = { "adiantum", "aes-256-hctr2" };
	static const size_t len = 80;

	for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
		const struct skcipher_alg *alg = skcipher_find(variants[i]);
		struct skcipher *tfm;

		assert_int_equal(skcipher_alloc(alg, &tfm), 0);
		secret_random(key, alg->key_size);
		secret_random(iv, alg->iv_size);
		secret_random(input, len);
		assert_int_equal(skcipher_setkey(tfm, key, alg->key_size), 0);
		assert_int_equal(skcipher_encrypt(tfm, iv, input, want, len), 0);
		for (size_t bit = 0; bit < 8 * (len + alg->iv_size); bit++) {
			uint8_t *byte = bit / 8 < len ? &input[bit / 8] : &iv[bit / 8 - len];

			*byte ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(skcipher_encrypt(tfm, iv, input, got, len), 0);
			*byte ^= (uint8_t)(1 << bit % 8);
			for (size_t at = 0; at < len; at += BLOCK_LEN)
				assert_memory_not_equal(got + at, want + at, BLOCK_LEN);
		}
		skcipher_free(tfm);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors),     cmocka_unit_test(twins_chacha),
		cmocka_unit_test(twins_nh),    cmocka_unit_test(twins_polyval),
		cmocka_unit_test(twins_modes), cmocka_unit_test(twins_xts),
		cmocka_unit_test(wide_block),
	};

	if (secret_init())
		return 99;
	return cmocka_run_group_tests_name("primitives", tests, NULL, NULL);
}
