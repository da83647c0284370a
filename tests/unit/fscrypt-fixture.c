/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fscrypt-fixture.c - for unit tests of fs/fscrypt: an engine, a keyring, inodes with a known key
 */
#include "fscrypt-fixture.h"

#include "crypto/digest.h"

#define KNOWN_INO	 12345
#define KNOWN_UUID	 "112233445566778899aabbccddeeff00"
#define KNOWN_DESCRIPTOR "0102030405060708"

struct blk_device *known_bdev;
struct fscrypt_super *known_fsc;

void assert_sha256(const void *data, size_t len, const char *hex)
{
	uint8_t digest[SHA256_SIZE];
	char text[2 * SHA256_SIZE + 1];

	sha256(data, len, digest);
	hex_encode(digest, sizeof(digest), text);
	assert_string_equal(text, hex);
}

void assert_hex(const void *data, size_t len, const char *hex)
{
	char *text = malloc(2 * len + 1);

	assert_non_null(text);
	hex_encode(data, len, text);
	assert_string_equal(text, hex);
	free(text);
}

int open_stack(const char *spec, struct blk_device **ret_dev)
{
	char *why = NULL;
	int err = blk_device_open(spec, false, ret_dev, &why);

	if (err != 0)
		print_error("%s: %s\n", spec, why != NULL ? why : strerror(-err));
	free(why);
	return err;
}

struct fscrypt_super *open_super(struct blk_device *bdev, bool inlinecrypt, const char *uuid_hex)
{
	struct fscrypt_super_params params = {
		.bdev = bdev,
		.inlinecrypt = inlinecrypt,
		.stable_inodes = true,
	};
	struct fscrypt_super *fsc;

	vector_unhex(uuid_hex, params.uuid, sizeof(params.uuid));
	assert_int_equal(fscrypt_super_create(&params, &fsc), 0);
	return fsc;
}

void add_master_key(struct fscrypt_super *fsc, const uint8_t *raw, size_t size,
		    const char *descriptor, const char *identifier)
{
	const struct fscrypt_caller root = { .fsuid = 0, .cap_sys_admin = true };
	struct fscrypt_key_specifier spec = { 0 };

	if (descriptor != NULL) {
		spec.type = FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR;
		vector_unhex(descriptor, spec.u.descriptor, sizeof(spec.u.descriptor));
	} else {
		spec.type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER;
	}
	assert_int_equal(fscrypt_add_key(fsc, &root, &spec, raw, size), 0);
	if (identifier != NULL)
		assert_hex(spec.u.identifier, sizeof(spec.u.identifier), identifier);
}

/* Data units from @index on, cut as a filesystem must: where their numbers stop being contiguous.
 */
void transfer(struct fscrypt_super *fsc, struct fscrypt_info *info, struct blk_file *file,
	      enum bio_op op, uint64_t index, uint8_t *data, size_t len)
{
	const unsigned du = fscrypt_info_data_unit_size(info);

	for (size_t done = 0; done < len;) {
		size_t n = fscrypt_contiguous_bytes(info, index + done / du, len - done);
		struct iovec iov = { .iov_base = data + done, .iov_len = n };
		struct bio bio;

		assert_true(n > 0 && n % du == 0 && n <= len - done);
		bio_init(&bio, fsc->bdev, file, op, DATA_SECTOR + (done >> SECTOR_SHIFT), &iov, 1);
		fscrypt_set_bio_crypt_ctx(info, &bio, index + done / du);
		assert_int_equal(submit_bio_wait(&bio), 0);
		done += n;
	}
}

void check_nokey(uint32_t hash, uint32_t minor, const uint8_t *ct, size_t len, const char *expected)
{
	char text[FSCRYPT_NOKEY_MAX_ENCODED];
	struct fscrypt_nokey_name nokey;
	size_t n = fscrypt_nokey_encode(hash, minor, ct, len, text);

	assert_int_equal(n, strlen(expected));
	assert_memory_equal(text, expected, n);
	assert_int_equal(fscrypt_nokey_decode(text, n, &nokey), 0);
	assert_int_equal(nokey.dirhash[0], hash);
	assert_int_equal(nokey.dirhash[1], minor);
	assert_int_equal(nokey.is_long, len > FSCRYPT_NOKEY_PREFIX);
	assert_int_equal(nokey.len, MIN(len, (size_t)FSCRYPT_NOKEY_PREFIX));
	assert_memory_equal(nokey.bytes, ct, nokey.len);
	if (nokey.is_long) {
		uint8_t digest[SHA256_SIZE];

		sha256(ct + FSCRYPT_NOKEY_PREFIX, len - FSCRYPT_NOKEY_PREFIX, digest);
		assert_memory_equal(nokey.sha256, digest, sizeof(digest));
	}
}

void check_name_bytes(struct fscrypt_info *info, const char *name, size_t len, const char *ct_hex)
{
	uint8_t ct[NAME_MAX_LEN];
	char text[NAME_MAX_LEN];
	size_t ct_len, n;

	assert_int_equal(fscrypt_fname_encrypt(info, name, len, ct, &ct_len), 0);
	assert_hex(ct, ct_len, ct_hex);
	assert_int_equal(fscrypt_fname_decrypt(info, ct, ct_len, text, &n), 0);
	assert_int_equal(n, len);
	assert_memory_equal(text, name, n);
}

int known_setup(void **state)
{
	uint8_t raw[64];

	for (unsigned i = 0; i < sizeof(raw); i++)
		raw[i] = (uint8_t)i;
	if (open_stack("file", &known_bdev) != 0)
		return -1;
	known_fsc = open_super(known_bdev, false, KNOWN_UUID);
	add_master_key(known_fsc, raw, 64, NULL, "8699c2c53707405da5aba5ae4d8583c0");
	add_master_key(known_fsc, raw, 32, NULL, "37d7d76a59400083289c185526730d34");
	add_master_key(known_fsc, raw, 64, KNOWN_DESCRIPTOR, NULL);
	return 0;
}

int known_teardown(void **state)
{
	fscrypt_super_destroy(known_fsc);
	blk_device_close(known_bdev);
	return 0;
}

struct fscrypt_info *known_info(unsigned version, unsigned flags, unsigned log2_du,
				enum fscrypt_inode_kind kind)
{
	uint8_t nonce[FSCRYPT_FILE_NONCE_SIZE];
	union fscrypt_policy policy = { 0 };
	union fscrypt_context ctx;
	struct fscrypt_info *info;
	size_t len;

	for (unsigned i = 0; i < sizeof(nonce); i++)
		nonce[i] = (uint8_t)(0xa0 + i);
	policy.version = (uint8_t)version;
	policy.v1.contents_encryption_mode = FSCRYPT_MODE_AES_256_XTS;
	policy.v1.filenames_encryption_mode = FSCRYPT_MODE_AES_256_CTS;
	policy.v1.flags = (uint8_t)flags;
	if (version == FSCRYPT_POLICY_V1) {
		vector_unhex(KNOWN_DESCRIPTOR, policy.v1.master_key_descriptor, 8);
	} else {
		policy.v2.log2_data_unit_size = (uint8_t)log2_du;
		vector_unhex("8699c2c53707405da5aba5ae4d8583c0", policy.v2.master_key_identifier,
			     16);
	}
	len = fscrypt_context_from_policy(&policy, nonce, &ctx);
	assert_int_equal(fscrypt_setup_info(known_fsc, &ctx, len, kind, KNOWN_INO, &info), 0);
	return info;
}
