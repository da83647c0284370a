/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-fscrypt-known.c - known answers of fscrypt: keys, IVs, contents and names, by policy flag */
#include "fscrypt-fixture.h"

#include <sys/mman.h>
#include <unistd.h>

#include "util/io.h"
#include "util/secret.h"

static void test_b41_known_contents(void **state)
{
	static const struct {
		unsigned version, flags, log2_du;
		uint64_t index;
		const char *key, *head, *sha256;
	} rows[] = {
		{ 2, 0, 0, 0,
		  "bd5252baa3698125929bab1ef11f6f7ec773084fd47cc5d7fd5a07d422da343c"
		  "73a5f95f05137c1585fe6bfd588dff7de3e1173fe2e4b1f987819eca1a9ec7a1",
		  "369eff698e62ac783e7dde3fb6e9cc76",
		  "c31ee011bed1d6a455c7f24042d633029aebfddebefd46e8c996fe95db574ce9" },
		{ 2, 0, 0, 5, NULL, "25285b4ca5a434ceae73d755fb433a37",
		  "c1c6e29206906dcc987a15799a09960c65f46195e33e3217f8fc640e664c711d" },
		{ 2, 0, 9, 0, NULL, "369eff698e62ac783e7dde3fb6e9cc76",
		  "026c3d8437cfb3af879a48a143b8b4f32b42582f40b62fe1d11385143e987013" },
		{ 2, FSCRYPT_POLICY_FLAG_IV_INO_LBLK_64, 0, 5,
		  "dda5b9074c6414fbed0e2aa0df23d445dba52d2bfd0714b572b017c34b335c7e"
		  "8182bdde14ab31ea6789c4f88f5dbd63f1960beecc427c819458caf69b687948",
		  "f71cea2cc649393364d1a97603157fb4",
		  "6e909ca3cf9a079e787eff1d891b44934ff3c4d2523fbf6a61e49082065d2a74" },
		{ 2, FSCRYPT_POLICY_FLAG_IV_INO_LBLK_32, 0, 5,
		  "9bac30d89c60f34c514e23e3bb14048a7903905480a7419922292b9021c569c7"
		  "30018f23a71aede3985c9668a58470471e25a45424e55557445a2c04f9d64e91",
		  "96dcba4e742df2a0d024160020959ce0",
		  "a7d4a45b56966bbc1216d62787071be11d67b87a674df13a74be9eac73d4d173" },
		{ 0, 0, 0, 3,
		  "1466752c7f159722b2410a6a9487553884df9888447cac8d79ea123972a20a73"
		  "f4ca09f8483d616df12d6e29a69087d826e2fd78694b0f2cca9f5bc70e770b31",
		  "9f3b7b3157788d9799bfa9e4bd1bec62",
		  "0073fe29b7dc13db884d6b690fb8bec82dd113baaee979a9705f154577e9e459" },
	};
	uint8_t plain[4096], stored[4096];
	struct blk_file file = { .fd = memfd_create("known", MFD_CLOEXEC) };

	assert_true(file.fd >= 0);
	for (size_t i = 0; i < 4096; i++)
		plain[i] = (uint8_t)i;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fscrypt_info *info =
			known_info(rows[i].version, rows[i].flags, rows[i].log2_du, FSCRYPT_REG);

		if (rows[i].key != NULL)
			assert_hex(info->key->blk_key->bytes, 64, rows[i].key);
		if (rows[i].flags == FSCRYPT_POLICY_FLAG_IV_INO_LBLK_32)
			assert_int_equal(info->hashed_ino, 0x83d49e28);
		transfer(known_fsc, info, &file, REQ_OP_WRITE, rows[i].index, plain, 4096);
		assert_int_equal(io_pread(file.fd, stored, 4096, DATA_SECTOR << SECTOR_SHIFT),
				 4096);
		assert_hex(stored, 16, rows[i].head);
		assert_sha256(stored, 4096, rows[i].sha256);
		fscrypt_put_info(info);
	}
	close(file.fd);
}

static void test_known_names(void **state)
{
	static const struct {
		unsigned flags;
		const char *name, *ct;
	} rows[] = {
		{ 0, "hello.txt", "4496a919770a270d14dba6242d5bc19e" },
		{ FSCRYPT_POLICY_FLAG_IV_INO_LBLK_64, "hello.txt",
		  "459d4a434024d221438aa1c47f36bcd9" },
		{ FSCRYPT_POLICY_FLAG_IV_INO_LBLK_32, "hello.txt",
		  "61303e0b7b4ce13f089b8876a6038c30" },
		{ 3, "hello.txt",
		  "66e4ef84c858ab0c79b064224702d7944496a919770a270d14dba6242d5bc19e" },
		{ 0, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  "95f83e02104d6fa6553661a17218a07c0264489354a443b1c5ef8200dc53f602b3ca15d37641d66"
		  "f" },
	};
	static const char nokey_short[] = "AAAAAAAAAABm5O-EyFirDHmwZCJHAteURJapGXcKJw0U26YkLVvBng";
	static const char nokey_long[] =
		"AAAAAAAAAAAp-Uy0HL0SSOZZzex8lan67GpAn39yer0fFL1Z8pkyRhxiRHEucaAPzd6oBaBn3ClDjAIZ-q"
		"XQY16XP4gct54QJklOivCNw4RwoCPI42T_KQH9gG4dVTSP6KQGOVjNCPdbAwkB5BoIBgO_K7uxO-UJ_Eid"
		"FtFaDaPqaOR4pa4MCmTYyxXFS7LdBhx_GTworpVktmN45Z3CSsa1phEgO-ympnW89DWigkdNKvw0m8VEW9"
		"XdAo5t";
	uint8_t ct[NAME_MAX_LEN];
	char name[NAME_MAX_LEN];
	struct fscrypt_info *info;
	size_t len;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		info = known_info(2, rows[i].flags, 0, FSCRYPT_DIR);
		check_name_bytes(info, rows[i].name, strlen(rows[i].name), rows[i].ct);
		fscrypt_put_info(info);
	}
	info = known_info(2, 3, 0, FSCRYPT_DIR);
	assert_int_equal(fscrypt_fname_encrypt(info, "hello.txt", 9, ct, &len), 0);
	check_nokey(0, 0, ct, len, nokey_short);
	memset(name, 'L', sizeof(name));
	assert_int_equal(fscrypt_fname_encrypt(info, name, sizeof(name), ct, &len), 0);
	assert_int_equal(len, NAME_MAX_LEN);
	check_nokey(0, 0, ct, len, nokey_long);
	fscrypt_put_info(info);
}

static void test_known_symlink(void **state)
{
	static const char nokey[] = "AAAAAAAAAABL1U9SSv32ZDFK1zfTT3zkXt6TtwAji-Uwo_HBeo5RWw";
	uint8_t payload[FSCRYPT_MAX_SYMLINK_PAYLOAD];
	char text[FSCRYPT_NOKEY_MAX_ENCODED];
	struct fscrypt_info *info = known_info(2, 3, 0, FSCRYPT_LNK);
	size_t len, n;

	assert_int_equal(fscrypt_symlink_encrypt(info, "/etc/passwd", 11, payload, &len), 0);
	assert_hex(payload, len,
		   "20004bd54f524afdf664314ad737d34f7ce45ede93b700238be530a3f1c17a8e515b");
	assert_int_equal(fscrypt_symlink_nokey(payload, len, text, &n), 0);
	assert_int_equal(n, strlen(nokey));
	assert_memory_equal(text, nokey, n);
	fscrypt_put_info(info);
}

/* A run of data units never crosses the number that IV_INO_LBLK_32 wraps at. */
static void test_b41_contiguous(void **state)
{
	struct fscrypt_info *info =
		known_info(2, FSCRYPT_POLICY_FLAG_IV_INO_LBLK_32, 0, FSCRYPT_REG);
	uint64_t last = 0xFFFFFFFFu - 0x83d49e28u;

	assert_int_equal(fscrypt_contiguous_bytes(info, last, 65536), 4096);
	assert_int_equal(fscrypt_contiguous_bytes(info, last - 3, 65536), 4 * 4096);
	assert_int_equal(fscrypt_contiguous_bytes(info, last + 1, 65536), 65536);
	assert_int_equal(fscrypt_contiguous_bytes(info, 0, 65536), 65536);
	fscrypt_put_info(info);
	info = known_info(2, FSCRYPT_POLICY_FLAG_IV_INO_LBLK_64, 0, FSCRYPT_REG);
	assert_int_equal(fscrypt_contiguous_bytes(info, last, 65536), 65536);
	assert_int_equal(info->key->blk_key->crypto_cfg.dun_bytes, 8);
	fscrypt_put_info(info);
	info = known_info(2, 0, 9, FSCRYPT_REG);
	assert_int_equal(info->key->blk_key->crypto_cfg.dun_bytes, 5);
	fscrypt_put_info(info);
	info = known_info(2, 0, 0, FSCRYPT_REG);
	assert_int_equal(info->key->blk_key->crypto_cfg.dun_bytes, 4);
	fscrypt_put_info(info);
}

/* Inodes of one master key share what IV_INO policies derive, across data units only by size. */
static void test_mode_keys_shared(void **state)
{
	unsigned flag = FSCRYPT_POLICY_FLAG_IV_INO_LBLK_64;
	struct fscrypt_info *a = known_info(2, flag, 0, FSCRYPT_REG);
	struct fscrypt_info *b = known_info(2, flag | 3, 12, FSCRYPT_REG);
	struct fscrypt_info *dir = known_info(2, flag, 0, FSCRYPT_DIR);
	struct fscrypt_info *lnk = known_info(2, flag, 0, FSCRYPT_LNK);
	struct fscrypt_info *other =
		known_info(2, FSCRYPT_POLICY_FLAG_IV_INO_LBLK_32, 0, FSCRYPT_REG);

	assert_ptr_equal(a->key, b->key);
	assert_ptr_equal(dir->key, lnk->key);
	assert_ptr_not_equal(a->key, dir->key);
	assert_ptr_not_equal(a->key, other->key);
	fscrypt_put_info(a);
	fscrypt_put_info(b);
	fscrypt_put_info(dir);
	fscrypt_put_info(lnk);
	fscrypt_put_info(other);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_b41_known_contents), cmocka_unit_test(test_known_names),
		cmocka_unit_test(test_known_symlink),	   cmocka_unit_test(test_b41_contiguous),
		cmocka_unit_test(test_mode_keys_shared),
	};
	int failed;

	if (secret_init() != 0)
		return 99;
	failed = cmocka_run_group_tests_name("fscrypt-known", tests, known_setup, known_teardown);
	blk_crypto_fallback_destroy();
	return failed;
}
