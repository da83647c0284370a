/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-policy.c - policies: the kernel's whole grid of them, contexts, modes */
#include "fs/fscrypt/fscrypt_private.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "crypto/skcipher.h"
#include "util/bits.h"
#include "vector-files.h"

static json_t *grid;

static struct fscrypt_super *new_super(bool stable_inodes)
{
	const struct fscrypt_super_params params = { .stable_inodes = stable_inodes };
	struct fscrypt_super *fsc;

	assert_int_equal(fscrypt_super_create(&params, &fsc), 0);
	return fsc;
}

/* What the kernel answered: it lists what it took. */
static bool kernel_takes(const union fscrypt_policy *policy, size_t size)
{
	char hex[2 * sizeof(*policy) + 1];
	size_t i;
	json_t *row;

	hex_encode((const uint8_t *)policy, size, hex);
	json_array_foreach (json_object_get(grid, "rows"), i, row)
		if (strcmp(vector_str(row, "policy"), hex) == 0)
			return vector_int(row, "result") == 0;
	return false;
}

struct replay {
	struct fscrypt_super *fsc;
	unsigned tried, taken;
};

static bool uses_ino(const union fscrypt_policy *policy)
{
	return (policy->v1.flags &
		(FSCRYPT_POLICY_FLAG_IV_INO_LBLK_64 | FSCRYPT_POLICY_FLAG_IV_INO_LBLK_32)) != 0;
}

static void try_policy(struct replay *r, const union fscrypt_policy *policy, size_t size)
{
	bool expected = kernel_takes(policy, size);
	bool got;

	if (!r->fsc->stable_inodes && uses_ino(policy))
		expected = false;
	got = fscrypt_supported_policy(r->fsc, policy);
	if (got != expected) {
		char hex[2 * sizeof(*policy) + 1];

		hex_encode((const uint8_t *)policy, size, hex);
		print_error("policy %s: %d, the kernel says %d\n", hex, got, expected);
	}
	assert_int_equal(got, expected);
	r->tried++;
	r->taken += got;
}

static void make_v1(union fscrypt_policy *p, unsigned contents, unsigned names, unsigned flags)
{
	memset(p, 0, sizeof(*p));
	p->v1.version = FSCRYPT_POLICY_V1;
	p->v1.contents_encryption_mode = (uint8_t)contents;
	p->v1.filenames_encryption_mode = (uint8_t)names;
	p->v1.flags = (uint8_t)flags;
	vector_unhex(vector_str(grid, "descriptor"), p->v1.master_key_descriptor,
		     sizeof(p->v1.master_key_descriptor));
}

static void make_v2(union fscrypt_policy *p, unsigned contents, unsigned names, unsigned flags)
{
	memset(p, 0, sizeof(*p));
	p->v2.version = FSCRYPT_POLICY_V2;
	p->v2.contents_encryption_mode = (uint8_t)contents;
	p->v2.filenames_encryption_mode = (uint8_t)names;
	p->v2.flags = (uint8_t)flags;
	vector_unhex(vector_str(grid, "identifier"), p->v2.master_key_identifier,
		     sizeof(p->v2.master_key_identifier));
}

/* All that "tried" of kernel-policy-grid.json says; some policies come up more than once. */
static void replay_grid(struct replay *r)
{
	static const uint8_t pairs[][2] = { { 1, 4 }, { 1, 10 }, { 5, 6 }, { 9, 9 }, { 7, 8 } };
	static const uint8_t iv_flags[] = { 0, 4, 8, 16 };
	static const uint8_t versions[] = { 1, 3, 4, 255 };
	union fscrypt_policy p;

	for (unsigned contents = 0; contents <= 12; contents++) {
		for (unsigned names = 0; names <= 12; names++) {
			make_v1(&p, contents, names, 0);
			try_policy(r, &p, sizeof(p.v1));
			make_v2(&p, contents, names, 0);
			try_policy(r, &p, sizeof(p.v2));
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		for (unsigned flags = 0; flags < 256; flags++) {
			make_v1(&p, pairs[i][0], pairs[i][1], flags);
			try_policy(r, &p, sizeof(p.v1));
			make_v2(&p, pairs[i][0], pairs[i][1], flags);
			try_policy(r, &p, sizeof(p.v2));
		}
		for (size_t f = 0; f < ARRAY_SIZE(iv_flags); f++) {
			for (unsigned bits = 0; bits < 256; bits++) {
				make_v2(&p, pairs[i][0], pairs[i][1], iv_flags[f]);
				p.v2.log2_data_unit_size = (uint8_t)bits;
				try_policy(r, &p, sizeof(p.v2));
			}
		}
		for (size_t b = 0; b < sizeof(p.v2.reserved); b++) {
			make_v2(&p, pairs[i][0], pairs[i][1], 0);
			p.v2.reserved[b] = 1;
			try_policy(r, &p, sizeof(p.v2));
		}
		for (size_t v = 0; v < ARRAY_SIZE(versions); v++) {
			make_v1(&p, pairs[i][0], pairs[i][1], 0);
			p.version = versions[v];
			try_policy(r, &p, sizeof(p.v1));
			make_v2(&p, pairs[i][0], pairs[i][1], 0);
			p.version = versions[v];
			try_policy(r, &p, sizeof(p.v2));
		}
	}
}

static void test_grid(void **state)
{
	struct replay r = { .fsc = new_super(true) };

	replay_grid(&r);
	assert_true(r.tried >= vector_int(grid, "count"));
	assert_true(r.taken >= json_array_size(json_object_get(grid, "rows")));
	fscrypt_super_destroy(r.fsc);
}

/* Each row of the file is among what was tried: a row that we never ask about proves nothing. */
static void test_grid_rows(void **state)
{
	struct fscrypt_super *fsc = new_super(true);
	size_t i;
	json_t *row;

	assert_true(json_array_size(json_object_get(grid, "rows")) > 0);
	json_array_foreach (json_object_get(grid, "rows"), i, row) {
		union fscrypt_policy p = { 0 };

		size_t size = vector_unhex(vector_str(row, "policy"), (uint8_t *)&p, sizeof(p));

		assert_int_equal(size, fscrypt_policy_size(&p));
		assert_true(fscrypt_supported_policy(fsc, &p));
	}
	fscrypt_super_destroy(fsc);
}

static void test_grid_unstable_inodes(void **state)
{
	struct replay r = { .fsc = new_super(false) };

	replay_grid(&r);
	assert_true(r.taken > 0);
	fscrypt_super_destroy(r.fsc);
}

static void test_context_round_trip(void **state)
{
	static const uint8_t nonce[FSCRYPT_FILE_NONCE_SIZE] = "0123456789abcdef";
	union fscrypt_policy p, back;
	union fscrypt_context ctx;

	make_v1(&p, 1, 4, 3);
	assert_int_equal(fscrypt_context_from_policy(&p, nonce, &ctx), FSCRYPT_CONTEXT_SIZE_V1);
	assert_int_equal(ctx.version, FSCRYPT_CONTEXT_V1);
	assert_int_equal(fscrypt_context_size(&ctx), FSCRYPT_CONTEXT_SIZE_V1);
	assert_memory_equal(ctx.v1.nonce, nonce, sizeof(nonce));
	assert_memory_equal(fscrypt_context_nonce(&ctx), nonce, sizeof(nonce));
	assert_int_equal(fscrypt_policy_from_context(&ctx, FSCRYPT_CONTEXT_SIZE_V1, &back), 0);
	assert_int_equal(back.version, FSCRYPT_POLICY_V1);
	assert_true(fscrypt_policies_equal(&p, &back));

	make_v2(&p, 1, 4, 2);
	p.v2.log2_data_unit_size = 9;
	assert_int_equal(fscrypt_context_from_policy(&p, nonce, &ctx), FSCRYPT_CONTEXT_SIZE_V2);
	assert_int_equal(ctx.version, FSCRYPT_CONTEXT_V2);
	assert_memory_equal(ctx.v2.nonce, nonce, sizeof(nonce));
	assert_memory_equal(fscrypt_context_nonce(&ctx), nonce, sizeof(nonce));
	assert_int_equal(fscrypt_policy_from_context(&ctx, FSCRYPT_CONTEXT_SIZE_V2, &back), 0);
	assert_true(fscrypt_policies_equal(&p, &back));
}

static void test_context_unrecognised(void **state)
{
	uint8_t bytes[48] = { FSCRYPT_CONTEXT_V2 };
	union fscrypt_policy p = { .version = 77 };

	for (size_t len = 0; len <= sizeof(bytes); len++)
		if (len != FSCRYPT_CONTEXT_SIZE_V2)
			assert_int_equal(fscrypt_policy_from_context(bytes, len, &p), -EINVAL);
	bytes[0] = FSCRYPT_CONTEXT_V1;
	for (size_t len = 0; len <= sizeof(bytes); len++)
		if (len != FSCRYPT_CONTEXT_SIZE_V1)
			assert_int_equal(fscrypt_policy_from_context(bytes, len, &p), -EINVAL);
	for (unsigned version = 0; version < 256; version++) {
		if (version == FSCRYPT_CONTEXT_V1 || version == FSCRYPT_CONTEXT_V2)
			continue;
		bytes[0] = (uint8_t)version;
		for (size_t len = 0; len <= sizeof(bytes); len++)
			assert_int_equal(fscrypt_policy_from_context(bytes, len, &p), -EINVAL);
	}
	/* Written only on success. */
	assert_int_equal(p.version, 77);
}

static void test_equality(void **state)
{
	union fscrypt_policy a, b;

	make_v2(&a, 1, 4, 0);
	b = a;
	assert_true(fscrypt_policies_equal(&a, &b));
	/* They encrypt alike, and are two policies all the same. */
	b.v2.log2_data_unit_size = 12;
	assert_false(fscrypt_policies_equal(&a, &b));
	for (size_t i = 0; i < sizeof(a.v2); i++) {
		b = a;
		((uint8_t *)&b)[i] ^= 1;
		assert_false(fscrypt_policies_equal(&a, &b));
		assert_false(fscrypt_policies_equal(&b, &a));
	}
	make_v1(&a, 1, 4, 0);
	b = a;
	/* What lies behind the 12 bytes of a v1 policy does not count. */
	((uint8_t *)&b)[sizeof(b.v1)] ^= 1;
	assert_true(fscrypt_policies_equal(&a, &b));
	for (size_t i = 0; i < sizeof(a.v1); i++) {
		b = a;
		((uint8_t *)&b)[i] ^= 1;
		assert_false(fscrypt_policies_equal(&a, &b));
	}
	a.version = b.version = 9;
	assert_false(fscrypt_policies_equal(&a, &b));
}

static void test_fields(void **state)
{
	struct fscrypt_key_specifier spec;
	union fscrypt_policy p;

	make_v1(&p, 9, 9, FSCRYPT_POLICY_FLAG_DIRECT_KEY | 1);
	assert_int_equal(fscrypt_policy_size(&p), 12);
	assert_int_equal(fscrypt_policy_contents_mode(&p), 9);
	assert_int_equal(fscrypt_policy_filenames_mode(&p), 9);
	assert_int_equal(fscrypt_policy_flags(&p), 5);
	assert_int_equal(fscrypt_policy_data_unit_size(&p), 4096);
	fscrypt_policy_to_key_spec(&p, &spec);
	assert_int_equal(spec.type, FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR);
	assert_int_equal(spec.reserved, 0);
	assert_memory_equal(spec.u.descriptor, p.v1.master_key_descriptor, 8);

	make_v2(&p, 1, 10, 0);
	assert_int_equal(fscrypt_policy_size(&p), 24);
	assert_int_equal(fscrypt_policy_contents_mode(&p), 1);
	assert_int_equal(fscrypt_policy_filenames_mode(&p), 10);
	fscrypt_policy_to_key_spec(&p, &spec);
	assert_int_equal(spec.type, FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER);
	assert_memory_equal(spec.u.identifier, p.v2.master_key_identifier, 16);
	assert_int_equal(fscrypt_policy_data_unit_size(&p), 4096);
	for (unsigned bits = 9; bits <= 12; bits++) {
		p.v2.log2_data_unit_size = (uint8_t)bits;
		assert_int_equal(fscrypt_policy_data_unit_size(&p), 1u << bits);
	}
	/* From a hostile store: any answer, but no undefined shift. */
	p.v2.log2_data_unit_size = 255;
	assert_true(is_power_of_2(fscrypt_policy_data_unit_size(&p)));
	for (unsigned pad = 0; pad < 4; pad++) {
		p.v2.flags = (uint8_t)pad;
		assert_int_equal(fscrypt_policy_padding(&p), 4u << pad);
	}
	p.version = 1;
	assert_int_equal(fscrypt_policy_size(&p), 0);
}

/* The table of modes agrees with the spec's numbers and with the layers below. */
static void test_modes(void **state)
{
	static const struct {
		unsigned mode;
		const char *name;
		unsigned key, strength, iv;
		enum blk_crypto_mode_num blk_mode;
	} rows[] = {
		{ 1, "AES-256-XTS", 64, 32, 16, BLK_ENCRYPTION_MODE_AES_256_XTS },
		{ 4, "AES-256-CTS", 32, 32, 16, BLK_ENCRYPTION_MODE_INVALID },
		{ 5, "AES-128-CBC", 16, 16, 16, BLK_ENCRYPTION_MODE_AES_128_CBC_ESSIV },
		{ 6, "AES-128-CTS", 16, 16, 16, BLK_ENCRYPTION_MODE_INVALID },
		{ 7, "SM4-XTS", 32, 16, 16, BLK_ENCRYPTION_MODE_SM4_XTS },
		{ 8, "SM4-CTS", 16, 16, 16, BLK_ENCRYPTION_MODE_INVALID },
		{ 9, "Adiantum", 32, 32, 32, BLK_ENCRYPTION_MODE_ADIANTUM },
		{ 10, "AES-256-HCTR2", 32, 32, 32, BLK_ENCRYPTION_MODE_INVALID },
	};
	unsigned found = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct fscrypt_mode *m = fscrypt_mode_get(rows[i].mode);
		const struct skcipher_alg *alg;

		assert_non_null(m);
		assert_string_equal(fscrypt_mode_name(rows[i].mode), rows[i].name);
		assert_int_equal(fscrypt_mode_by_name(rows[i].name), rows[i].mode);
		assert_int_equal(m->key_size, rows[i].key);
		assert_int_equal(m->security_strength, rows[i].strength);
		assert_int_equal(m->iv_size, rows[i].iv);
		assert_int_equal(m->blk_mode, rows[i].blk_mode);
		if (m->blk_mode != BLK_ENCRYPTION_MODE_INVALID) {
			assert_int_equal(blk_crypto_modes[m->blk_mode].keysize, m->key_size);
			assert_int_equal(blk_crypto_modes[m->blk_mode].ivsize, m->iv_size);
			assert_string_equal(blk_crypto_modes[m->blk_mode].variant, m->variant);
		}
		alg = skcipher_find(m->variant);
		if (alg != NULL) {
			assert_int_equal(alg->key_size, m->key_size);
			assert_int_equal(alg->iv_size, m->iv_size);
			found++;
		}
	}
	assert_true(found >= 2);
	for (unsigned mode = 0; mode < 300; mode++)
		if (mode == 0 || mode == 2 || mode == 3 || mode > 10)
			assert_null(fscrypt_mode_name(mode));
	assert_int_equal(fscrypt_mode_by_name("AES-256-ECB"), 0);
	assert_int_equal(fscrypt_mode_by_name(""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grid),
		cmocka_unit_test(test_grid_rows),
		cmocka_unit_test(test_grid_unstable_inodes),
		cmocka_unit_test(test_context_round_trip),
		cmocka_unit_test(test_context_unrecognised),
		cmocka_unit_test(test_equality),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_modes),
	};
	int failed;

	grid = vector_load("kernel-policy-grid.json");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(grid);
	return failed;
}
