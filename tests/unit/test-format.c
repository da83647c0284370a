/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-format.c - on-disk format 1: sizes, headers, names */
#include "fs/format.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/digest.h"
#include "fs/fscrypt/fscrypt.h"
#include "util/base64url.h"
#include "util/bits.h"
#include "util/compiler.h"

static uint64_t rnd_state = 0x9e3779b97f4a7c15ULL;

static uint64_t rnd(void)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return rnd_state;
}

static void rnd_bytes(uint8_t *p, size_t len)
{
	while (len--)
		*p++ = (uint8_t)(rnd() >> 24);
}

/* ---- sizes -------------------------------------------------------------------------------------
 */

static const unsigned data_units[] = { 512, 1024, 2048, 4096 };

static void check_size(uint64_t size, unsigned du)
{
	uint64_t st = store_size_encode(size, du), back = ~size;

	assert_int_equal(store_size_decode(st, du, &back), 0);
	assert_int_equal(back, size);
	/* By the words of the design, not by the way it is computed. */
	assert_int_equal(st, 4096 + (size + du - 1) / du * du + size % du);
}

static void test_sizes(void **state)
{
	(void)state;
	for (size_t d = 0; d < ARRAY_SIZE(data_units); d++) {
		unsigned du = data_units[d];

		for (uint64_t size = 0; size < 20000; size++)
			check_size(size, du);
		for (unsigned bit = 14; bit < 44; bit++) {
			for (int64_t delta = -3; delta <= 3; delta++)
				check_size((uint64_t)((1LL << bit) + delta) % FSCRYPT_MAX_FILE_SIZE,
					   du);
		}
		for (int i = 0; i < 100000; i++)
			check_size(rnd() % (FSCRYPT_MAX_FILE_SIZE + 1), du);
		check_size(FSCRYPT_MAX_FILE_SIZE, du);
	}
}

/* Every st_size is the size of one file at most, and what decodes encodes to itself. */
static void test_st_sizes(void **state)
{
	(void)state;
	for (size_t d = 0; d < ARRAY_SIZE(data_units); d++) {
		unsigned du = data_units[d];

		for (uint64_t st = 1; st < 40000; st++) {
			uint64_t size = UINT64_MAX;
			int err = store_size_decode(st, du, &size);
			bool bad = st < 4096 || (st > 4096 && st < 4096 + du);

			assert_int_equal(err, bad ? -EUCLEAN : 0);
			if (bad)
				assert_true(size == UINT64_MAX);
			else
				assert_int_equal(store_size_encode(size, du), st);
		}
	}
}

static void test_size_limits(void **state)
{
	uint64_t size = 1;

	(void)state;
	assert_int_equal(store_size_decode(0, 4096, &size), 0);
	assert_int_equal(size, 0);
	size = 1;
	assert_int_equal(store_size_decode(4096, 4096, &size), 0);
	assert_int_equal(size, 0);
	assert_int_equal(store_size_decode(4096 + FSCRYPT_MAX_FILE_SIZE + 4096, 4096, &size),
			 -EUCLEAN);
	assert_int_equal(store_size_decode(UINT64_MAX, 512, &size), -EUCLEAN);
	assert_int_equal(store_size_decode(INT64_MAX, 4096, &size), -EUCLEAN);
}

/* ---- header ------------------------------------------------------------------------------------
 */

static void make_header(struct store_header *hdr, size_t ctx_len)
{
	memset(hdr, 0, sizeof(*hdr));
	hdr->flags = STORE_HDR_FLAG_LONG;
	hdr->ino = 0x12345678;
	hdr->parent_ino = 0x9abcdef0;
	rnd_bytes(hdr->parent_nonce, sizeof(hdr->parent_nonce));
	rnd_bytes((uint8_t *)&hdr->ctx, ctx_len);
	hdr->ctx.version = ctx_len == FSCRYPT_CONTEXT_SIZE_V1 ? 1 : 2;
	hdr->ctx_len = ctx_len;
}

/* Make the checksum of a header that was changed on purpose right. */
static void resum(uint8_t *buf)
{
	size_t used = get_le16(buf + 10);
	uint8_t digest[SHA256_SIZE];

	sha256(buf, used - 8, digest);
	memcpy(buf + used - 8, digest, 8);
}

static void test_header_layout(void **state)
{
	uint8_t buf[STORE_HDR_MAX_USED], digest[SHA256_SIZE];
	struct store_header hdr;

	(void)state;
	make_header(&hdr, FSCRYPT_CONTEXT_SIZE_V2);
	assert_int_equal(store_header_encode(&hdr, buf), 88);
	assert_memory_equal(
		buf, "fuscrypt\x01\x01\x58\x00\x78\x56\x34\x12\xf0\xde\xbc\x9a\x28\0\0\0", 24);
	assert_memory_equal(buf + 24, hdr.parent_nonce, 16);
	assert_memory_equal(buf + 40, &hdr.ctx, 40);
	sha256(buf, 80, digest);
	assert_memory_equal(buf + 80, digest, 8);
}

static void test_header_round_trip(void **state)
{
	static const size_t lens[] = { FSCRYPT_CONTEXT_SIZE_V1, FSCRYPT_CONTEXT_SIZE_V2 };
	uint8_t block[STORE_HEADER_SIZE];
	struct store_header hdr, back;
	size_t used, back_used;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		make_header(&hdr, lens[i]);
		memset(block, 0, sizeof(block));
		used = store_header_encode(&hdr, block);
		assert_int_equal(used, 48 + lens[i]);
		/* From a block, from a file of just this length, and with something else behind it.
		 */
		for (int how = 0; how < 3; how++) {
			if (how == 2)
				memset(block + used, 0xff, sizeof(block) - used);
			assert_int_equal(store_header_decode(block, how == 1 ? used : sizeof(block),
							     &back, &back_used),
					 0);
			assert_int_equal(back_used, used);
			assert_memory_equal(&back, &hdr, sizeof(hdr));
		}
		/* Cut off anywhere. */
		for (size_t len = 1; len < used; len++)
			assert_int_equal(store_header_decode(block, len, &back, &back_used),
					 -EUCLEAN);
	}
}

static void test_header_damage(void **state)
{
	uint8_t good[STORE_HDR_MAX_USED], buf[STORE_HEADER_SIZE] = { 0 };
	struct store_header hdr, back;
	size_t used, n;

	(void)state;
	make_header(&hdr, FSCRYPT_CONTEXT_SIZE_V2);
	used = store_header_encode(&hdr, good);
	for (size_t i = 0; i < used; i++) {
		for (unsigned bit = 0; bit < 9; bit++) {
			memcpy(buf, good, used);
			buf[i] ^= bit < 8 ? (uint8_t)(1u << bit) : 0xff;
			assert_int_equal(store_header_decode(buf, sizeof(buf), &back, &n),
					 -EUCLEAN);
		}
	}
}

static void test_header_refused(void **state)
{
	uint8_t good[STORE_HDR_MAX_USED], buf[STORE_HEADER_SIZE] = { 0 };
	struct store_header hdr, back;
	size_t used, n;

	(void)state;
	make_header(&hdr, FSCRYPT_CONTEXT_SIZE_V2);
	used = store_header_encode(&hdr, good);

	/* A sound header of a later format, whose layout is unknown but for length and checksum. */
	memcpy(buf, good, used);
	buf[8] = 2;
	buf[22] = 7;
	resum(buf);
	assert_int_equal(store_header_decode(buf, sizeof(buf), &back, &n), -EPROTONOSUPPORT);

	/* Sound checksums do not make these right. */
	static const struct {
		size_t at;
		uint8_t value;
	} wrong[] = { { 8, 0 },	 { 9, 2 },  { 9, 0x81 }, { 20, 28 }, { 20, 0 }, { 20, 255 },
		      { 21, 1 }, { 22, 1 }, { 23, 1 },	 { 10, 87 }, { 10, 48 } };
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		memcpy(buf, good, used);
		buf[wrong[i].at] = wrong[i].value;
		resum(buf);
		assert_int_equal(store_header_decode(buf, sizeof(buf), &back, &n), -EUCLEAN);
	}

	/* The context is not judged here. */
	memcpy(buf, good, used);
	buf[40] = 99;
	resum(buf);
	assert_int_equal(store_header_decode(buf, sizeof(buf), &back, &n), 0);
	assert_int_equal(back.ctx.version, 99);

	memset(buf, 0, sizeof(buf));
	assert_int_equal(store_header_decode(buf, sizeof(buf), &back, &n), -ENODATA);
	assert_int_equal(store_header_decode(buf, 10, &back, &n), -ENODATA);
	buf[4095] = 1;
	assert_int_equal(store_header_decode(buf, sizeof(buf), &back, &n), -EUCLEAN);
}

/* ---- names -------------------------------------------------------------------------------------
 */

static void test_names(void **state)
{
	uint8_t ct[NAME_MAX_LEN], back[NAME_MAX_LEN], rest[SHA256_SIZE], digest[SHA256_SIZE];
	char name[NAME_MAX_LEN + 1], other[NAME_MAX_LEN + 1], text[64] = { 0 };
	bool is_long;
	size_t n;

	(void)state;
	for (size_t len = FSCRYPT_FNAME_MIN_MSG_LEN; len <= NAME_MAX_LEN; len++) {
		rnd_bytes(ct, len);
		memset(name, 'x', sizeof(name));
		store_name_encode(ct, len, name, &is_long);
		assert_true(strlen(name) <= NAME_MAX_LEN);
		assert_int_equal(is_long, len > 191);
		n = 0;
		if (!is_long) {
			assert_int_equal(strlen(name), BASE64URL_LEN(len));
			assert_int_equal(store_name_classify(name, back, &n), STORE_NAME_SHORT);
			assert_int_equal(n, len);
			assert_memory_equal(back, ct, len);
			assert_false(store_long_name_matches(name, ct, len));
			continue;
		}
		assert_int_equal(store_name_classify(name, back, &n), STORE_NAME_LONG);
		assert_int_equal(n, 0);
		assert_true(store_long_name_matches(name, ct, len));

		/* By the design's words, and from what a no-key name has. */
		sha256(ct + 149, len - 149, rest);
		sha256_2(ct, 149, rest, sizeof(rest), digest);
		base64url_encode(digest, sizeof(digest), text);
		snprintf(other, sizeof(other), ".fuscrypt.l.%s", text);
		assert_string_equal(name, other);
		store_name_encode_long(ct, rest, other);
		assert_string_equal(name, other);

		store_sidecar_name(name, other);
		assert_int_equal(strncmp(other, ".fuscrypt.n.", 12), 0);
		assert_string_equal(other + 12, name + 12);
		assert_int_equal(store_name_classify(other, back, &n), STORE_NAME_INTERNAL);

		/* Any other ciphertext is not meant. */
		ct[rnd() % len] ^= 1;
		assert_false(store_long_name_matches(name, ct, len));
	}
}

static void test_names_of_a_nokey_name(void **state)
{
	char text[FSCRYPT_NOKEY_MAX_ENCODED], name[NAME_MAX_LEN + 1], other[NAME_MAX_LEN + 1];
	struct fscrypt_nokey_name nokey;
	uint8_t ct[NAME_MAX_LEN];
	bool is_long;
	size_t n;

	(void)state;
	for (size_t len = 192; len <= NAME_MAX_LEN; len++) {
		rnd_bytes(ct, len);
		store_name_encode(ct, len, name, &is_long);
		n = fscrypt_nokey_encode(0, 0, ct, len, text);
		assert_int_equal(fscrypt_nokey_decode(text, n, &nokey), 0);
		assert_true(nokey.is_long);
		store_name_encode_long(nokey.bytes, nokey.sha256, other);
		assert_string_equal(name, other);
	}
}

static void test_classify(void **state)
{
	static const struct {
		const char *name;
		enum store_name_kind kind;
	} names[] = {
		{ ".fuscrypt.ctx", STORE_NAME_INTERNAL },
		{ ".fuscrypt", STORE_NAME_INTERNAL },
		{ ".", STORE_NAME_INTERNAL },
		{ "..", STORE_NAME_INTERNAL },
		{ ".fuscrypt.t.0123456789abcdef", STORE_NAME_INTERNAL },
		{ ".fuscrypt.n.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", STORE_NAME_INTERNAL },
		{ ".fuscrypt.l.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", STORE_NAME_LONG },
		/* bits left over, too short, too long, a letter that is none */
		{ ".fuscrypt.l.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB", STORE_NAME_FOREIGN },
		{ ".fuscrypt.l.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", STORE_NAME_FOREIGN },
		{ ".fuscrypt.l.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", STORE_NAME_FOREIGN },
		{ ".fuscrypt.n.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", STORE_NAME_FOREIGN },
		{ ".fuscrypt.e.file", STORE_NAME_FOREIGN },
		{ ".fuscrypt.ctx (conflict)", STORE_NAME_FOREIGN },
		{ "AAAAAAAAAAAAAAAAAAAAAA", STORE_NAME_SHORT },
		{ "AAAAAAAAAAAAAAAAAAAAAB", STORE_NAME_FOREIGN }, /* bits left over */
		{ "AAAAAAAAAAAAAAAAAAAA", STORE_NAME_FOREIGN },	  /* 15 bytes */
		{ "AAAAAAAAAAAAAAAAAAAAAAA", STORE_NAME_SHORT },
		{ "AAAAAAAAAAAAAAAAAAAAAAAAA", STORE_NAME_FOREIGN }, /* 4n+1 letters are nothing */
		{ "AAAAAAAAAAAAAAAAAAAAAA==", STORE_NAME_FOREIGN },
		{ "AAAAAAAAAAA AAAAAAAAAA", STORE_NAME_FOREIGN },
		{ "AAAAAAAAAAA+AAAAAAAAAA", STORE_NAME_FOREIGN },
		{ "AAAAAAAAAAAAAAAAAAAAAA.conflict", STORE_NAME_FOREIGN },
		{ "README", STORE_NAME_FOREIGN },
	};
	uint8_t ct[NAME_MAX_LEN];
	char longest[300];
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (store_name_classify(names[i].name, ct, &n) != names[i].kind)
			fail_msg("%s is not %d", names[i].name, names[i].kind);
	}
	memset(longest, 'A', sizeof(longest));
	longest[255] = '\0';
	assert_int_equal(store_name_classify(longest, ct, &n), STORE_NAME_SHORT);
	assert_int_equal(n, 191);
	longest[255] = 'A';
	longest[256] = '\0';
	assert_int_equal(store_name_classify(longest, ct, &n), STORE_NAME_FOREIGN);
}

static void test_foreign(void **state)
{
	char text[NAME_MAX_LEN + 1], name[NAME_MAX_LEN + 1];
	struct fscrypt_nokey_name nokey;
	size_t n;

	(void)state;
	for (size_t len = 1; len <= NAME_MAX_LEN; len++) {
		memset(name, 'a' + (int)(len % 26), len);
		name[len] = '\0';
		n = store_foreign_nokey(name, text, sizeof(text));
		assert_int_equal(strlen(text), n);
		assert_int_equal(fscrypt_nokey_decode(text, n, &nokey), 0);
		assert_int_equal(nokey.dirhash[0], UINT32_MAX);
		assert_int_equal(nokey.dirhash[1], UINT32_MAX);
		assert_int_equal(nokey.is_long, len > 149);
		assert_int_equal(nokey.len, MIN(len, 149));
		assert_memory_equal(nokey.bytes, name, nokey.len);
	}
	memset(text, 'x', sizeof(text));
	assert_int_equal(store_foreign_nokey("README", text, 4), 4);
	assert_int_equal(text[4], 'x');
}

static void test_reserved(void **state)
{
	(void)state;
	assert_true(store_name_is_reserved(".fuscrypt"));
	assert_true(store_name_is_reserved(".fuscrypt.e.x"));
	assert_true(store_name_is_reserved(".fuscryptic"));
	assert_false(store_name_is_reserved(".fuscryp"));
	assert_false(store_name_is_reserved("fuscrypt"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_st_sizes),
		cmocka_unit_test(test_size_limits),
		cmocka_unit_test(test_header_layout),
		cmocka_unit_test(test_header_round_trip),
		cmocka_unit_test(test_header_damage),
		cmocka_unit_test(test_header_refused),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_names_of_a_nokey_name),
		cmocka_unit_test(test_classify),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_reserved),
	};

	return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
