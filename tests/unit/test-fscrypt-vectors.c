/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-fscrypt-vectors.c - what Linux wrote, written again: contents, names, symlinks, byte for
 * byte */
#include "fscrypt-fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crypto/skcipher.h"
#include "util/io.h"
#include "util/secret.h"

#define MAX_SEGMENT (1u << 20)
#define MAX_FILES   128

/* The stacks that must all give the kernel's bytes. */
static const struct {
	const char *device;
	bool inlinecrypt;
} stacks[] = {
	{ "file", false },
	{ "sim(slots=2,modes=aes-256-xts:512+1024+2048+4096,dun=8)", true },
};

struct vector_run {
	char file[256];
	char title[320];
	size_t stack;
};

static struct {
	unsigned files, names, symlinks; /* checked */
	unsigned lblk_64, lblk_32;	 /* of these, with the inode number in the IV */
	unsigned not_covered;		 /* cipher not in this build */
} count;

static uint8_t plain[MAX_SEGMENT], stored[MAX_SEGMENT], back[MAX_SEGMENT];

/* ---- what a vector says ---- */

static void shake256(const char *seed, uint8_t *out, size_t len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	assert_int_equal(EVP_DigestInit_ex(ctx, EVP_shake256(), NULL), 1);
	assert_int_equal(EVP_DigestUpdate(ctx, seed, strlen(seed)), 1);
	assert_int_equal(EVP_DigestFinalXOF(ctx, out, len), 1);
	EVP_MD_CTX_free(ctx);
}

/* Plaintext of [@off, @off + @len): zeros with the parts written over them. */
static void plain_of(const json_t *vector, uint64_t off, size_t len, uint8_t *out)
{
	size_t i;
	json_t *part;

	memset(out, 0, len);
	json_array_foreach (json_object_get(vector, "plain"), i, part) {
		uint64_t start = vector_int(part, "offset"), part_len = vector_int(part, "length");
		uint64_t from = MAX(start, off), to = MIN(start + part_len, off + len);
		uint8_t *bytes;

		if (from >= to)
			continue;
		if (json_is_true(json_object_get(part, "zero"))) {
			memset(out + (from - off), 0, to - from);
			continue;
		}
		bytes = malloc(part_len);
		assert_non_null(bytes);
		shake256(vector_str(part, "seed"), bytes, part_len);
		memcpy(out + (from - off), bytes + (from - start), to - from);
		free(bytes);
	}
}

static size_t target_of(const json_t *vector, char *out, size_t cap)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
	const char *hex = vector_str(vector, "target");
	size_t len;

	if (hex != NULL)
		return vector_unhex(hex, (uint8_t *)out, cap);
	len = vector_int(vector, "target_length");
	assert_true(len <= cap);
	shake256(vector_str(vector, "target_seed"), (uint8_t *)out, len);
	for (size_t i = 0; i < len; i++)
		out[i] = letters[(uint8_t)out[i] & 31];
	return len;
}

/* ---- set-up ---- */

/* With IV_INO flags another inode number must give another IV: these vectors are about it. */
static void check_number_counts(const struct fscrypt_info *info, const union fscrypt_context *ctx,
				size_t len)
{
	uint64_t dun[2][BLK_CRYPTO_DUN_ARRAY_SIZE];
	struct fscrypt_info *other;

	if ((info->flags & FSCRYPT_POLICY_FLAG_IV_INO_LBLK_64) != 0)
		count.lblk_64++;
	else if ((info->flags & FSCRYPT_POLICY_FLAG_IV_INO_LBLK_32) != 0)
		count.lblk_32++;
	else
		return;
	assert_int_equal(fscrypt_setup_info(info->fsc, ctx, len, info->kind, info->ino + 1, &other),
			 0);
	fscrypt_generate_dun(info, 0, dun[0]);
	fscrypt_generate_dun(other, 0, dun[1]);
	assert_memory_not_equal(dun[0], dun[1], sizeof(dun[0]));
	assert_ptr_equal(info->key, other->key);
	fscrypt_put_info(other);
}

/* NULL when this build lacks the cipher; anything else that goes wrong is a failure. */
static struct fscrypt_info *setup(struct fscrypt_super *fsc, const json_t *vector,
				  enum fscrypt_inode_kind kind)
{
	union fscrypt_context ctx;
	union fscrypt_policy policy;
	struct fscrypt_info *info;
	const struct fscrypt_mode *mode;
	size_t len = vector_unhex(vector_str(vector, "context"), (uint8_t *)&ctx, sizeof(ctx));
	int err = fscrypt_setup_info(fsc, &ctx, len, kind, (uint32_t)vector_int(vector, "ino"),
				     &info);

	if (err == 0) {
		check_number_counts(info, &ctx, len);
		return info;
	}
	assert_int_equal(err, -ENOPKG);
	assert_int_equal(fscrypt_policy_from_context(&ctx, len, &policy), 0);
	mode = fscrypt_mode_get(kind == FSCRYPT_REG ? fscrypt_policy_contents_mode(&policy)
						    : fscrypt_policy_filenames_mode(&policy));
	assert_null(skcipher_find(mode->variant));
	count.not_covered++;
	return NULL;
}

/* ---- contents ---- */

static void check_segment(struct fscrypt_super *fsc, struct fscrypt_info *info,
			  struct blk_file *file, const json_t *vector, const json_t *segment)
{
	const unsigned du = fscrypt_info_data_unit_size(info);
	uint64_t off = vector_int(segment, "offset");
	size_t len = vector_int(segment, "length");
	const char *head = vector_str(segment, "head"), *all = vector_str(segment, "ciphertext");

	assert_true(len > 0 && len <= MAX_SEGMENT);
	plain_of(vector, off, len, plain);
	memcpy(back, plain, len);
	transfer(fsc, info, file, REQ_OP_WRITE, off / du, plain, len);
	/* The caller's data is not encrypted in place. */
	assert_memory_equal(back, plain, len);
	assert_int_equal(io_pread(file->fd, stored, len, DATA_SECTOR << SECTOR_SHIFT), len);
	assert_sha256(stored, len, vector_str(segment, "sha256"));
	assert_true(head != NULL || all != NULL);
	if (all != NULL)
		assert_hex(stored, len, all);
	else
		assert_hex(stored, strlen(head) / 2, head);
	memset(back, 0xA5, len);
	transfer(fsc, info, file, REQ_OP_READ, off / du, back, len);
	assert_memory_equal(back, plain, len);
}

static void check_file(struct fscrypt_super *fsc, struct blk_file *file, const json_t *vector)
{
	struct fscrypt_info *info = setup(fsc, vector, FSCRYPT_REG);
	size_t i;
	json_t *segment;

	if (info == NULL)
		return;
	json_array_foreach (json_object_get(vector, "segments"), i, segment)
		check_segment(fsc, info, file, vector, segment);
	fscrypt_put_info(info);
	count.files++;
}

/* ---- names and symlinks ---- */

static void check_name(struct fscrypt_super *fsc, const json_t *vector)
{
	const json_t *dirhash = json_object_get(vector, "dirhash");
	uint8_t name[NAME_MAX_LEN], ct[NAME_MAX_LEN];
	size_t len = vector_unhex(vector_str(vector, "plaintext"), name, sizeof(name));
	size_t ct_len = vector_unhex(vector_str(vector, "ciphertext"), ct, sizeof(ct));
	struct fscrypt_info *info;

	check_nokey((uint32_t)json_integer_value(json_array_get(dirhash, 0)),
		    (uint32_t)json_integer_value(json_array_get(dirhash, 1)), ct, ct_len,
		    vector_str(vector, "nokey_name"));
	info = setup(fsc, vector, FSCRYPT_DIR);
	if (info == NULL)
		return;
	check_name_bytes(info, (const char *)name, len, vector_str(vector, "ciphertext"));
	fscrypt_put_info(info);
	count.names++;
}

static void check_symlink(struct fscrypt_super *fsc, const json_t *vector)
{
	char target[FSCRYPT_MAX_SYMLINK_PAYLOAD], text[FSCRYPT_MAX_SYMLINK_PAYLOAD];
	uint8_t payload[FSCRYPT_MAX_SYMLINK_PAYLOAD];
	char nokey[FSCRYPT_NOKEY_MAX_ENCODED];
	const char *expected = vector_str(vector, "nokey_target");
	size_t len = target_of(vector, target, sizeof(target)), payload_len, n;
	struct fscrypt_info *info = setup(fsc, vector, FSCRYPT_LNK);

	if (info == NULL)
		return;
	assert_int_equal(fscrypt_symlink_encrypt(info, target, len, payload, &payload_len), 0);
	assert_int_equal(payload_len, vector_int(vector, "payload_length"));
	assert_sha256(payload, payload_len, vector_str(vector, "payload_sha256"));
	if (vector_str(vector, "payload") != NULL)
		assert_hex(payload, payload_len, vector_str(vector, "payload"));
	assert_int_equal(fscrypt_symlink_decrypt(info, payload, payload_len, text, &n), 0);
	assert_int_equal(n, len);
	assert_memory_equal(text, target, n);
	assert_int_equal(text[n], '\0');
	assert_int_equal(fscrypt_symlink_nokey(payload, payload_len, nokey, &n), 0);
	assert_int_equal(n, strlen(expected));
	assert_memory_equal(nokey, expected, n);
	fscrypt_put_info(info);
	count.symlinks++;
}

/* ---- one file of vectors on one stack ---- */

static void test_vector_file(void **state)
{
	const struct vector_run *run = *state;
	json_t *json = vector_load(run->file), *vector;
	const char *key_id = vector_str(json, "key_id");
	bool v1 = strcmp(vector_str(json, "key_spec"), "descriptor") == 0;
	uint8_t raw[FSCRYPT_MAX_RAW_KEY_SIZE];
	size_t i, size = vector_unhex(vector_str(json, "master_key"), raw, sizeof(raw));
	struct blk_file file = { .fd = memfd_create("vectors", MFD_CLOEXEC) };
	struct blk_device *bdev;
	struct fscrypt_super *fsc;

	assert_true(file.fd >= 0);
	assert_int_equal(open_stack(stacks[run->stack].device, &bdev), 0);
	fsc = open_super(bdev, stacks[run->stack].inlinecrypt, vector_str(json, "fs_uuid"));
	add_master_key(fsc, raw, size, v1 ? key_id : NULL, v1 ? NULL : key_id);

	assert_true(json_array_size(json_object_get(json, "vectors")) > 0);
	json_array_foreach (json_object_get(json, "vectors"), i, vector) {
		const char *kind = vector_str(vector, "kind");

		if (strcmp(kind, "file") == 0)
			check_file(fsc, &file, vector);
		else if (strcmp(kind, "name") == 0)
			check_name(fsc, vector);
		else if (strcmp(kind, "symlink") == 0)
			check_symlink(fsc, vector);
		else
			fail_msg("vector of unknown kind %s", kind);
	}
	fscrypt_super_destroy(fsc);
	blk_device_close(bdev);
	close(file.fd);
	json_decref(json);
}

/* Last: the run was not about nothing. */
static void test_something_ran(void **state)
{
	print_message(
		"# checked: %u files, %u names, %u symlinks, of which %u IV_INO_LBLK_64 and %u "
		"IV_INO_LBLK_32; not covered by this build: %u\n",
		count.files, count.names, count.symlinks, count.lblk_64, count.lblk_32,
		count.not_covered);
	assert_true(count.files > 0);
	assert_true(count.names > 0);
	assert_true(count.symlinks > 0);
	assert_true(count.lblk_64 > 0);
	assert_true(count.lblk_32 > 0);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct vector_run *)a)->file, ((const struct vector_run *)b)->file);
}

/* The vector files of the folder, in order. */
static size_t list_files(struct vector_run *runs, size_t cap)
{
	static const char *const patterns[] = { "kernel-v1*.json", "kernel-v2-*.json",
						"ref-v*.json" };
	DIR *dir = opendir(vector_dir());
	struct dirent *entry;
	size_t n = 0;

	if (dir == NULL) {
		perror(vector_dir());
		exit(99);
	}
	while ((entry = readdir(dir)) != NULL) {
		for (size_t i = 0; i < ARRAY_SIZE(patterns) && n < cap; i++) {
			if (fnmatch(patterns[i], entry->d_name, 0) != 0)
				continue;
			snprintf(runs[n].file, sizeof(runs[n].file), "%s", entry->d_name);
			n++;
		}
	}
	closedir(dir);
	qsort(runs, n, sizeof(*runs), by_name);
	return n;
}

int main(void)
{
	static const struct CMUnitTest last = cmocka_unit_test(test_something_ran);
	static struct CMUnitTest tests[MAX_FILES * ARRAY_SIZE(stacks) + 1];
	static struct vector_run files[MAX_FILES], runs[MAX_FILES * ARRAY_SIZE(stacks)];
	size_t nfiles, n = 0;
	int failed;

	if (secret_init() != 0)
		return 99;
	nfiles = list_files(files, MAX_FILES);
	for (size_t s = 0; s < ARRAY_SIZE(stacks); s++) {
		for (size_t i = 0; i < nfiles; i++) {
			struct vector_run *run = &runs[s * nfiles + i];

			*run = files[i];
			run->stack = s;
			snprintf(run->title, sizeof(run->title), "%s on %.*s", run->file,
				 (int)strcspn(stacks[s].device, "("), stacks[s].device);
			tests[n++] = (struct CMUnitTest){
				.name = run->title,
				.test_func = test_vector_file,
				.initial_state = run,
			};
		}
	}
	tests[n++] = last;
	failed = _cmocka_run_group_tests("fscrypt-vectors", tests, n, NULL, NULL);
	blk_crypto_fallback_destroy();
	return failed;
}
