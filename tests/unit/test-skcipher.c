/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-skcipher.c - the ciphers: definitions, buffers, keys, lengths, no allocation */
#include "crypto/skcipher.h"

#include <errno.h>
#include <gcrypt.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "crypto/cpu.h"
#include "crypto/digest.h"
#include "crypto/selftest.h"
#include "util/hex.h"
#include "util/secret.h"

#define MAX_TEXT 4096

static uint8_t key[64], iv[32], plain[MAX_TEXT], stored[MAX_TEXT], out[MAX_TEXT];

/* The libraries' allocations, to show that none is made on the I/O path. */
static atomic_uint allocations;

static void *counting_malloc(size_t n, const char *file, int line)
{
	atomic_fetch_add(&allocations, 1);
	return malloc(n);
}

static void *counting_realloc(void *p, size_t n, const char *file, int line)
{
	atomic_fetch_add(&allocations, 1);
	return realloc(p, n);
}

static void *plain_malloc(size_t n)
{
	return counting_malloc(n, NULL, 0);
}

static void *plain_realloc(void *p, size_t n)
{
	return counting_realloc(p, n, NULL, 0);
}

static void counting_free(void *p, const char *file, int line)
{
	free(p);
}

/* NULL when this OpenSSL was built without the block cipher, as distributions do with SM4. */
static struct skcipher *make(const char *variant)
{
	const struct skcipher_alg *alg = skcipher_find(variant);
	struct skcipher *tfm = NULL;
	int err;

	assert_non_null(alg);
	err = skcipher_alloc(alg, &tfm);
	if (err == -ENOPKG && strncmp(variant, "sm4", 3) == 0)
		return NULL;
	assert_int_equal(err, 0);
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

/* ---- the definitions, from single blocks ---- */

static EVP_CIPHER *block_cipher; /* in ECB mode */

static void ecb(const uint8_t *k, const uint8_t in[16], uint8_t block[16])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;

	assert_int_equal(EVP_CipherInit_ex2(ctx, block_cipher, k, NULL, 1, NULL), 1);
	EVP_CIPHER_CTX_set_padding(ctx, 0);
	assert_int_equal(EVP_CipherUpdate(ctx, block, &n, in, 16), 1);
	EVP_CIPHER_CTX_free(ctx);
}

static void xor16(uint8_t *a, const uint8_t *b)
{
	for (unsigned i = 0; i < 16; i++)
		a[i] ^= b[i];
}

static void define_xts(size_t key_size, size_t len)
{
	uint8_t tweak[16], block[16];

	ecb(key + key_size / 2, iv, tweak);
	for (size_t at = 0; at < len; at += 16) {
		unsigned carry = tweak[15] >> 7;

		memcpy(block, plain + at, 16);
		xor16(block, tweak);
		ecb(key, block, stored + at);
		xor16(stored + at, tweak);
		for (unsigned i = 15; i > 0; i--)
			tweak[i] = (uint8_t)(tweak[i] << 1 | tweak[i - 1] >> 7);
		tweak[0] = (uint8_t)(tweak[0] << 1 ^ (carry ? 0x87 : 0));
	}
}

static void define_cts(size_t key_size, size_t len)
{
	uint8_t chain[16], block[16], prev[16];
	size_t last = (len - 1) / 16 * 16;

	memcpy(chain, iv, 16);
	for (size_t at = 0; at <= last; at += 16) {
		memset(block, 0, 16);
		memcpy(block, plain + at, at == last ? len - last : 16);
		xor16(block, chain);
		memcpy(prev, chain, 16);
		ecb(key, block, chain);
		if (at < last)
			memcpy(stored + at, chain, 16);
	}
	if (last == 0) {
		memcpy(stored, chain, 16);
		return;
	}
	memcpy(stored + last - 16, chain, 16);
	memcpy(stored + last, prev, len - last);
}

static void define_essiv(size_t key_size, size_t len)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t salt[SHA256_SIZE], chain[16];
	int n;

	sha256(key, key_size, salt);
	assert_int_equal(EVP_CipherInit_ex2(ctx, EVP_aes_256_ecb(), salt, NULL, 1, NULL), 1);
	assert_int_equal(EVP_CipherUpdate(ctx, chain, &n, iv, 16), 1);
	EVP_CIPHER_CTX_free(ctx);
	for (size_t at = 0; at < len; at += 16) {
		xor16(chain, plain + at);
		ecb(key, chain, chain);
		memcpy(stored + at, chain, 16);
	}
}

static void by_definition(void **state)
{
	static const struct {
		const char *variant, *block;
		void (*define)(size_t key_size, size_t len);
	} rows[] = {
		{ "aes-256-xts", "AES-256-ECB", define_xts },
		{ "aes-256-cts", "AES-256-ECB", define_cts },
		{ "aes-128-cbc-essiv", "AES-128-ECB", define_essiv },
		{ "aes-128-cts", "AES-128-ECB", define_cts },
		{ "sm4-xts", "SM4-ECB", define_xts },
		{ "sm4-cts", "SM4-ECB", define_cts },
	};

	secret_random(plain, 4096);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct skcipher_alg *alg = skcipher_find(rows[i].variant);
		struct skcipher *tfm = make(rows[i].variant);
		size_t step = alg->block_align, last = 4096 - (step == 1 ? 3 : 0);

		if (!tfm)
			continue;
		block_cipher = EVP_CIPHER_fetch(NULL, rows[i].block, NULL);
		assert_non_null(block_cipher);
		/* All lengths that a name can have, and then a symlink's greatest, or a page. */
		for (size_t len = 16; len <= last;
		     len = len >= 304 && len < last ? last : len + step) {
			secret_random(key, alg->key_size);
			secret_random(iv, 16);
			rows[i].define(alg->key_size, len);
			assert_int_equal(skcipher_setkey(tfm, key, alg->key_size), 0);
			expect_both(tfm, len);
		}
		EVP_CIPHER_free(block_cipher);
		skcipher_free(tfm);
	}
}

static void set_hex(uint8_t *p, size_t size, const char *hex)
{
	assert_int_equal(strlen(hex), 2 * size);
	assert_int_equal(hex_decode(hex, p, size), 0);
}

/* Linux's vector for xts(sm4), the one thing that tells its doubling from GB/T 17964's. */
static void sm4_ieee(void **state)
{
	struct skcipher *tfm = make("sm4-xts");

	if (!tfm)
		skip();
	set_hex(key, 32, "1111111111111111111111111111111122222222222222222222222222222222");
	set_hex(iv, 16, "33333333330000000000000000000000");
	set_hex(stored, 32, "a74d726c11196a32be04e001ff29d0c7932f9f3ec29bfcb64dd17f63cbd3ea31");
	memset(plain, 0x44, 32);
	assert_int_equal(skcipher_setkey(tfm, key, 32), 0);
	expect_both(tfm, 32);
	skcipher_free(tfm);
}

/* In place and at odd addresses: what lies around is not touched, nor is the IV. */
static void buffers(void **state)
{
	static const size_t lens[] = { 16, 32, 48, 112, 512, 4096 };
	static uint8_t src[4096 + 64], dst[4096 + 64], want[4096];
	uint8_t iv_copy[SKCIPHER_MAX_IV_SIZE];

	for (unsigned a = 0; skcipher_by_index(a); a++) {
		const struct skcipher_alg *alg = skcipher_by_index(a);
		struct skcipher *tfm = make(alg->variant);

		if (!tfm)
			continue;
		secret_random(key, alg->key_size);
		secret_random(iv, sizeof(iv));
		memcpy(iv_copy, iv, sizeof(iv));
		assert_int_equal(skcipher_setkey(tfm, key, alg->key_size), 0);
		for (unsigned l = 0; l < 6; l++) {
			size_t len = lens[l] + (alg->block_align == 1 ? l : 0);

			if (len > 4096)
				len = 4096;
			secret_random(plain, len);
			assert_int_equal(skcipher_encrypt(tfm, iv, plain, want, len), 0);
			for (size_t off = 1; off < 17; off++) {
				memset(src, 0xee, sizeof(src));
				memcpy(src + off, plain, len);
				memset(dst, 0xee, sizeof(dst));
				assert_int_equal(
					skcipher_encrypt(tfm, iv, src + off, dst + 17 - off, len),
					0);
				assert_memory_equal(dst + 17 - off, want, len);
				assert_int_equal(dst[16 - off], 0xee);
				assert_int_equal(dst[17 - off + len], 0xee);
				assert_memory_equal(src + off, plain, len);

				assert_int_equal(
					skcipher_encrypt(tfm, iv, src + off, src + off, len), 0);
				assert_memory_equal(src + off, want, len);
				assert_int_equal(
					skcipher_decrypt(tfm, iv, src + off, src + off, len), 0);
				assert_memory_equal(src + off, plain, len);
				assert_int_equal(src[off - 1], 0xee);
				assert_int_equal(src[off + len], 0xee);
			}
		}
		assert_memory_equal(iv, iv_copy, sizeof(iv));
		skcipher_free(tfm);
	}
}

/* ---- rules ---- */

static void table(void **state)
{
	/* As /proc/crypto of a kernel has them. */
	static const struct {
		const char *variant, *name;
	} names[] = {
		{ "aes-256-xts", "xts(aes)" },
		{ "aes-256-cts", "cts(cbc(aes))" },
		{ "aes-256-hctr2", "hctr2(aes)" },
		{ "aes-128-cbc-essiv", "essiv(cbc(aes),sha256)" },
		{ "aes-128-cts", "cts(cbc(aes))" },
		{ "adiantum", "adiantum(xchacha12,aes)" },
		{ "sm4-xts", "xts(sm4)" },
		{ "sm4-cts", "cts(cbc(sm4))" },
	};
	unsigned n = 0;

	for (const struct skcipher_alg *alg; (alg = skcipher_by_index(n)); n++) {
		assert_ptr_equal(skcipher_find(alg->variant), alg);
		assert_true(alg->key_size <= SKCIPHER_MAX_KEY_SIZE);
		assert_true(alg->iv_size <= SKCIPHER_MAX_IV_SIZE);
		assert_true(alg->block_align >= 1 && alg->min_len >= 1);
	}
	assert_int_equal(n, sizeof(names) / sizeof(names[0]));
	assert_null(skcipher_by_index(n));
	assert_null(skcipher_find("aes-256"));
	assert_null(skcipher_find(""));
	for (n = 0; n < sizeof(names) / sizeof(names[0]); n++)
		assert_string_equal(skcipher_find(names[n].variant)->name, names[n].name);
	assert_int_equal(skcipher_selftest(), 0);
	skcipher_free(NULL);
}

static void lengths(void **state)
{
	for (unsigned a = 0; skcipher_by_index(a); a++) {
		const struct skcipher_alg *alg = skcipher_by_index(a);
		struct skcipher *tfm = make(alg->variant);
		/* What the kernel takes in fscrypt: names of any length, contents in blocks. */
		bool names = strcmp(alg->variant, "adiantum") == 0 ||
			     strstr(alg->variant, "-cts") || strstr(alg->variant, "-hctr2");

		if (!tfm)
			continue;
		secret_random(key, 64);
		assert_int_equal(skcipher_setkey(tfm, key, alg->key_size), 0);
		for (size_t len = 0; len <= 64; len++) {
			int want = len >= 16 && (names || len % 16 == 0) ? 0 : -EINVAL;

			memset(out, 0xee, sizeof(out));
			assert_int_equal(skcipher_encrypt(tfm, iv, plain, out, len), want);
			assert_int_equal(skcipher_decrypt(tfm, iv, plain, out, len), want);
			for (size_t i = want ? 0 : len; i < len + 16; i++)
				assert_int_equal(out[i], 0xee);
		}
		skcipher_free(tfm);
	}
}

static void keys(void **state)
{
	static const size_t wrong[] = { 0, 15, 17, 31, 33, 63, 65, 128 };
	uint8_t good[64], other[64], weak[128];

	secret_random(good, 64);
	secret_random(other, 64);
	secret_random(weak, 32);
	memcpy(weak + 32, weak, 32);
	secret_random(plain, 512);
	for (unsigned a = 0; skcipher_by_index(a); a++) {
		const struct skcipher_alg *alg = skcipher_by_index(a);
		struct skcipher *tfm = make(alg->variant);
		unsigned size = alg->key_size;

		if (!tfm)
			continue;
		assert_int_equal(skcipher_encrypt(tfm, iv, plain, out, 512), -ENOKEY);
		assert_int_equal(skcipher_decrypt(tfm, iv, plain, out, 512), -ENOKEY);
		for (unsigned i = 0; i < 8; i++) {
			/* Each refusal takes the key away that was there. */
			assert_int_equal(skcipher_setkey(tfm, good, size), 0);
			assert_int_equal(skcipher_encrypt(tfm, iv, plain, out, 512), 0);
			assert_int_equal(skcipher_setkey(tfm, weak, wrong[i]), -EINVAL);
			assert_int_equal(skcipher_encrypt(tfm, iv, plain, out, 512), -ENOKEY);
			assert_int_equal(skcipher_decrypt(tfm, iv, plain, out, 512), -ENOKEY);
		}
		/* A key that comes back is the same key, whatever was in between. */
		assert_int_equal(skcipher_setkey(tfm, good, size), 0);
		assert_int_equal(skcipher_encrypt(tfm, iv, plain, stored, 512), 0);
		assert_int_equal(skcipher_setkey(tfm, other, size), 0);
		assert_int_equal(skcipher_encrypt(tfm, iv, plain, out, 512), 0);
		assert_memory_not_equal(out, stored, 512);
		assert_int_equal(skcipher_decrypt(tfm, iv, stored, out, 512), 0);
		assert_memory_not_equal(out, plain, 512);
		assert_int_equal(skcipher_setkey(tfm, good, size), 0);
		expect_both(tfm, 512);
		skcipher_free(tfm);
	}
}

/* XTS with equal halves is refused in both directions, and halves that nearly are, are not. */
static void weak_xts(void **state)
{
	static const char *const variants[] = { "aes-256-xts", "sm4-xts" };

	for (unsigned v = 0; v < 2; v++) {
		struct skcipher *xts = make(variants[v]);
		size_t size = skcipher_find(variants[v])->key_size, half = size / 2;
		uint8_t weak[64];

		if (!xts)
			continue;
		secret_random(weak, half);
		for (size_t i = 0; i < half; i++) {
			memcpy(weak + half, weak, half);
			assert_int_equal(skcipher_setkey(xts, weak, size), -EINVAL);
			assert_int_equal(skcipher_encrypt(xts, iv, plain, out, 16), -ENOKEY);
			assert_int_equal(skcipher_decrypt(xts, iv, plain, out, 16), -ENOKEY);
			weak[half + i] ^= 0x10;
			assert_int_equal(skcipher_setkey(xts, weak, size), 0);
			assert_int_equal(skcipher_encrypt(xts, iv, plain, out, 16), 0);
			assert_int_equal(skcipher_decrypt(xts, iv, plain, out, 16), 0);
		}
		memset(weak, 0, sizeof(weak));
		assert_int_equal(skcipher_setkey(xts, weak, size), -EINVAL);
		skcipher_free(xts);
	}
}

static void no_allocation(void **state)
{
	unsigned before = atomic_load(&allocations);

	secret_random(key, 64);
	for (unsigned a = 0; skcipher_by_index(a); a++) {
		const struct skcipher_alg *alg = skcipher_by_index(a);
		struct skcipher *tfm = make(alg->variant);

		if (!tfm)
			continue;
		/* The counter counts. */
		assert_true(atomic_load(&allocations) > before);
		before = atomic_load(&allocations);
		for (unsigned i = 0; i < 10; i++) {
			assert_int_equal(skcipher_setkey(tfm, key, alg->key_size), 0);
			assert_int_equal(skcipher_encrypt(tfm, iv, plain, out, 512), 0);
			assert_int_equal(skcipher_decrypt(tfm, iv, out, out, 512), 0);
		}
		assert_int_equal(atomic_load(&allocations), before);
		skcipher_free(tfm);
	}
}

/*
 * An OpenSSL that has none of the ciphers: a child of its own, for what is found is kept. Run
 * first, so that nothing has been found yet.
 */
static void missing(void **state)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		const struct skcipher_alg *alg;
		struct skcipher *tfm;
		int bad = EVP_set_default_properties(NULL, "fips=yes") != 1;

		cpu_allow(0); /* the other library would have one of them */

		for (unsigned i = 0; (alg = skcipher_by_index(i)); i++) {
			bad += skcipher_alloc(alg, &tfm) != -ENOPKG;
			bad += ERR_peek_error() != 0;
		}
		bad += skcipher_selftest() != 0;
		_exit(bad);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(missing),	 cmocka_unit_test(by_definition),
		cmocka_unit_test(sm4_ieee),	 cmocka_unit_test(buffers),
		cmocka_unit_test(table),	 cmocka_unit_test(lengths),
		cmocka_unit_test(keys),		 cmocka_unit_test(weak_xts),
		cmocka_unit_test(no_allocation),
	};

	gcry_set_allocation_handler(plain_malloc, NULL, NULL, plain_realloc, free);
	/* Before OpenSSL allocates for the first time, else it refuses. */
	if (!CRYPTO_set_mem_functions(counting_malloc, counting_realloc, counting_free))
		return 99;
	if (secret_init())
		return 99;
	return cmocka_run_group_tests_name("skcipher", tests, NULL, NULL);
}
