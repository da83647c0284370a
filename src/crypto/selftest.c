/* SPDX-License-Identifier: GPL-3.0-or-later */
/* selftest.c - one known answer per cipher, before anything is encrypted with it */
#include "crypto/selftest.h"

#include <errno.h>
#include <string.h>

#include "crypto/digest.h"
#include "crypto/skcipher.h"
#include "util/hex.h"
#include "util/log.h"

#define MAX_LEN 4096

/* Byte i of the plaintext is first + i * step. */
struct known_answer {
	const char *variant;
	const char *key, *iv; /* hex */
	uint8_t first, step;
	unsigned len;
	const char *head;   /* hex: how the ciphertext begins */
	const char *digest; /* hex: SHA-256 of all of it; NULL when head is all */
};

/*
 * Sources: fscrypt.md section 20 (checked against Linux), ciphers.md section 2; the others from the
 * implementation in tests/oracle and, for SM4, from a model in Python of the modes over the openssl
 * command, which gives Linux's vector for xts(sm4).
 */
static const struct known_answer answers[] = {
	{
		.variant = "aes-256-xts",
		.key = "bd5252baa3698125929bab1ef11f6f7ec773084fd47cc5d7fd5a07d422da343c"
		       "73a5f95f05137c1585fe6bfd588dff7de3e1173fe2e4b1f987819eca1a9ec7a1",
		.iv = "05000000000000000000000000000000",
		.first = 0,
		.step = 1,
		.len = 4096,
		.head = "25285b4ca5a434ceae73d755fb433a37",
		.digest = "c1c6e29206906dcc987a15799a09960c65f46195e33e3217f8fc640e664c711d",
	},
	{
		.variant = "aes-256-cts",
		.key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		.iv = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
		.first = 0x40,
		.step = 1,
		.len = 40,
		.head = "965fe30bdce6316a5ec0e066ec3389d4bfcb4ad8446d8b5f9f6e24a667272d7b"
			"b1420a438b28d7af",
	},
	{
		.variant = "aes-256-hctr2",
		.key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		.iv = "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
		.first = 0x40,
		.step = 1,
		.len = 255,
		.head = "fcfbe815735352827a8f277c0ef66db7",
		.digest = "329444ff1842d3069bd2a356cb235189125b467602d1b0101748eadad70901af",
	},
	{
		.variant = "aes-128-cbc-essiv",
		.key = "000102030405060708090a0b0c0d0e0f",
		.iv = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
		.first = 0,
		.step = 1,
		.len = 4096,
		.head = "1f209f29c3194275b05fcc36baa81196",
		.digest = "fba89066e089a1b64308ca849f374082c6debfc593ca08b710b005a95e552bb3",
	},
	{
		.variant = "aes-128-cts",
		.key = "000102030405060708090a0b0c0d0e0f",
		.iv = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
		.first = 0x40,
		.step = 1,
		.len = 40,
		.head = "67896c75ba00597bae4779270ef2b108ec6cbbdc71bdb06b456ede0df7e50d01"
			"f070c8870f37e02d",
	},
	{
		.variant = "adiantum",
		.key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		.iv = "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
		.first = 0,
		.step = 7,
		.len = 4095,
		.head = "2560e55a006b4fc4577351620f345093",
		.digest = "01a14c7691915077221ea668cdd49009a34bca46e5e4bd891e0ba0e884103169",
	},
	{
		.variant = "sm4-xts",
		.key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		.iv = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
		.first = 0,
		.step = 1,
		.len = 4096,
		.head = "87addc1e7e4606122efe5ef62b98c7c5",
		.digest = "d773385b967a4654df33e661c1a35b866e703fdd711fc26f0e79db69fcb729fb",
	},
	{
		.variant = "sm4-cts",
		.key = "000102030405060708090a0b0c0d0e0f",
		.iv = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
		.first = 0x40,
		.step = 1,
		.len = 40,
		.head = "dacff223f50dcea816d033dc1cd7aa093e9c6f4cfe98fef70a400abaec2e6977"
			"7d97cb19748849fc",
	},
};

static const struct known_answer *find_answer(const char *variant)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(answers); i++)
		if (strcmp(answers[i].variant, variant) == 0)
			return &answers[i];
	return NULL;
}

/* Is @data what the hexadecimal @want says? */
static bool equals_hex(const uint8_t *data, size_t len, const char *want)
{
	char got[2 * MAX_LEN + 1];

	hex_encode(data, len, got);
	return strcmp(got, want) == 0;
}

static bool ciphertext_right(const struct known_answer *ka, const uint8_t *data)
{
	uint8_t digest[SHA256_SIZE];
	size_t head = strlen(ka->head) / 2;

	if (!ka->digest && head != ka->len)
		return false;
	if (!equals_hex(data, head, ka->head))
		return false;
	if (!ka->digest)
		return true;
	sha256(data, ka->len, digest);
	return equals_hex(digest, sizeof(digest), ka->digest);
}

static int run_answer(struct skcipher *tfm, const struct known_answer *ka)
{
	uint8_t key[SKCIPHER_MAX_KEY_SIZE], iv[SKCIPHER_MAX_IV_SIZE];
	uint8_t plain[MAX_LEN], data[MAX_LEN];
	const struct skcipher_alg *alg = skcipher_get_alg(tfm);
	unsigned i;

	if (hex_decode(ka->key, key, alg->key_size) || hex_decode(ka->iv, iv, alg->iv_size) ||
	    ka->len > MAX_LEN)
		return -EIO;
	for (i = 0; i < ka->len; i++)
		plain[i] = (uint8_t)(ka->first + i * ka->step);
	if (skcipher_setkey(tfm, key, alg->key_size))
		return -EIO;
	if (skcipher_encrypt(tfm, iv, plain, data, ka->len) || !ciphertext_right(ka, data))
		return -EIO;
	/* In place, as the data path decrypts. */
	if (skcipher_decrypt(tfm, iv, data, data, ka->len) || memcmp(data, plain, ka->len))
		return -EIO;
	return 0;
}

int skcipher_selftest(void)
{
	const struct skcipher_alg *alg;
	const struct known_answer *ka;
	struct skcipher *tfm;
	unsigned i;
	int err;

	for (i = 0; (alg = skcipher_by_index(i)); i++) {
		ka = find_answer(alg->variant);
		if (!ka) {
			log_err("cipher %s has no self-test", alg->variant);
			return -EIO;
		}
		err = skcipher_alloc(alg, &tfm);
		if (err == -ENOPKG) {
			log_debug("cipher %s is not in this OpenSSL", alg->variant);
			continue;
		}
		if (err)
			return err;
		err = run_answer(tfm, ka);
		skcipher_free(tfm);
		if (err) {
			log_err("cipher %s failed its self-test", alg->variant);
			return err;
		}
	}
	return 0;
}
