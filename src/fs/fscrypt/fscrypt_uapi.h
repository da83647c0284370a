/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fscrypt_uapi.h - constants and structures of the kernel's fscrypt interface */
#ifndef FS_FSCRYPT_UAPI_H
#define FS_FSCRYPT_UAPI_H

/*
 * Ours, because <linux/fscrypt.h> of Debian 12 lacks the data unit size, the SM4 modes and the
 * flags word of ADD_KEY. Layouts: spec/ioctls.md section 2, spec/fscrypt.md sections 2 and 3. All
 * structures are the same in 32 and 64 bit.
 */
#include <stdint.h>

#define NAME_MAX_LEN			255
#define FSCRYPT_FILE_NONCE_SIZE		16
#define FSCRYPT_KEY_DESCRIPTOR_SIZE	8
#define FSCRYPT_KEY_IDENTIFIER_SIZE	16
#define FSCRYPT_MIN_KEY_SIZE		16
#define FSCRYPT_MAX_RAW_KEY_SIZE	64
#define FSCRYPT_MAX_HW_WRAPPED_KEY_SIZE 128
#define FSCRYPT_FNAME_MIN_MSG_LEN	16
#define FSCRYPT_MAX_SYMLINK_TARGET	4093
#define FSCRYPT_MAX_SYMLINK_PAYLOAD	4096
#define FSCRYPT_BLOCK_SIZE		4096
#define FSCRYPT_MAX_FILE_SIZE		0xFFFFFFFF000ULL
#define FS_ENCRYPT_FL			0x00000800

#define FSCRYPT_POLICY_FLAGS_PAD_MASK	   0x03
#define FSCRYPT_POLICY_FLAG_DIRECT_KEY	   0x04
#define FSCRYPT_POLICY_FLAG_IV_INO_LBLK_64 0x08
#define FSCRYPT_POLICY_FLAG_IV_INO_LBLK_32 0x10

#define FSCRYPT_MODE_AES_256_XTS   1
#define FSCRYPT_MODE_AES_256_CTS   4
#define FSCRYPT_MODE_AES_128_CBC   5
#define FSCRYPT_MODE_AES_128_CTS   6
#define FSCRYPT_MODE_SM4_XTS	   7
#define FSCRYPT_MODE_SM4_CTS	   8
#define FSCRYPT_MODE_ADIANTUM	   9
#define FSCRYPT_MODE_AES_256_HCTR2 10

/* v1 is 0 in a policy and 1 in a context. */
#define FSCRYPT_POLICY_V1  0
#define FSCRYPT_POLICY_V2  2
#define FSCRYPT_CONTEXT_V1 1
#define FSCRYPT_CONTEXT_V2 2

struct fscrypt_policy_v1 {
	uint8_t version;
	uint8_t contents_encryption_mode;
	uint8_t filenames_encryption_mode;
	uint8_t flags;
	uint8_t master_key_descriptor[FSCRYPT_KEY_DESCRIPTOR_SIZE];
};

struct fscrypt_policy_v2 {
	uint8_t version;
	uint8_t contents_encryption_mode;
	uint8_t filenames_encryption_mode;
	uint8_t flags;
	uint8_t log2_data_unit_size;
	uint8_t reserved[3];
	uint8_t master_key_identifier[FSCRYPT_KEY_IDENTIFIER_SIZE];
};

union fscrypt_policy {
	uint8_t version;
	struct fscrypt_policy_v1 v1;
	struct fscrypt_policy_v2 v2;
};

struct fscrypt_context_v1 {
	uint8_t version;
	uint8_t contents_encryption_mode;
	uint8_t filenames_encryption_mode;
	uint8_t flags;
	uint8_t master_key_descriptor[FSCRYPT_KEY_DESCRIPTOR_SIZE];
	uint8_t nonce[FSCRYPT_FILE_NONCE_SIZE];
};

struct fscrypt_context_v2 {
	uint8_t version;
	uint8_t contents_encryption_mode;
	uint8_t filenames_encryption_mode;
	uint8_t flags;
	uint8_t log2_data_unit_size;
	uint8_t reserved[3];
	uint8_t master_key_identifier[FSCRYPT_KEY_IDENTIFIER_SIZE];
	uint8_t nonce[FSCRYPT_FILE_NONCE_SIZE];
};

union fscrypt_context {
	uint8_t version;
	struct fscrypt_context_v1 v1;
	struct fscrypt_context_v2 v2;
};

#define FSCRYPT_CONTEXT_SIZE_V1	 28
#define FSCRYPT_CONTEXT_SIZE_V2	 40
#define FSCRYPT_CONTEXT_SIZE_MAX 40
_Static_assert(sizeof(struct fscrypt_context_v1) == FSCRYPT_CONTEXT_SIZE_V1, "v1 context");
_Static_assert(sizeof(struct fscrypt_context_v2) == FSCRYPT_CONTEXT_SIZE_V2, "v2 context");
_Static_assert(sizeof(struct fscrypt_policy_v1) == 12, "v1 policy");
_Static_assert(sizeof(struct fscrypt_policy_v2) == 24, "v2 policy");

#define FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR 1
#define FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER 2

struct fscrypt_key_specifier {
	uint32_t type;
	uint32_t reserved;
	union {
		uint8_t raw[32];
		uint8_t descriptor[FSCRYPT_KEY_DESCRIPTOR_SIZE];
		uint8_t identifier[FSCRYPT_KEY_IDENTIFIER_SIZE];
	} u;
};

#define FSCRYPT_ADD_KEY_FLAG_HW_WRAPPED 0x1

struct fscrypt_add_key_arg {
	struct fscrypt_key_specifier key_spec;
	uint32_t raw_size;
	uint32_t key_id;
	uint32_t flags;
	uint32_t reserved[7];
	/* raw_size key bytes follow */
};

#define FSCRYPT_KEY_REMOVAL_STATUS_FLAG_FILES_BUSY  0x1
#define FSCRYPT_KEY_REMOVAL_STATUS_FLAG_OTHER_USERS 0x2

struct fscrypt_remove_key_arg {
	struct fscrypt_key_specifier key_spec;
	uint32_t removal_status_flags;
	uint32_t reserved[5];
};

#define FSCRYPT_KEY_STATUS_ABSENT		1
#define FSCRYPT_KEY_STATUS_PRESENT		2
#define FSCRYPT_KEY_STATUS_INCOMPLETELY_REMOVED 3
#define FSCRYPT_KEY_STATUS_FLAG_ADDED_BY_SELF	0x1

struct fscrypt_get_key_status_arg {
	struct fscrypt_key_specifier key_spec;
	uint32_t reserved[6];
	uint32_t status;
	uint32_t status_flags;
	uint32_t user_count;
	uint32_t out_reserved[13];
};

struct fscrypt_get_policy_ex_arg {
	uint64_t policy_size;
	union fscrypt_policy policy;
};

_Static_assert(sizeof(struct fscrypt_key_specifier) == 40, "key specifier");
_Static_assert(sizeof(struct fscrypt_add_key_arg) == 80, "add key");
_Static_assert(sizeof(struct fscrypt_remove_key_arg) == 64, "remove key");
_Static_assert(sizeof(struct fscrypt_get_key_status_arg) == 128, "key status");

#define FS_IOC_SET_ENCRYPTION_POLICY	       0x800c6613u
#define FS_IOC_GET_ENCRYPTION_PWSALT	       0x40106614u
#define FS_IOC_GET_ENCRYPTION_POLICY	       0x400c6615u
#define FS_IOC_GET_ENCRYPTION_POLICY_EX	       0xc0096616u
#define FS_IOC_ADD_ENCRYPTION_KEY	       0xc0506617u
#define FS_IOC_REMOVE_ENCRYPTION_KEY	       0xc0406618u
#define FS_IOC_REMOVE_ENCRYPTION_KEY_ALL_USERS 0xc0406619u
#define FS_IOC_GET_ENCRYPTION_KEY_STATUS       0xc080661au
#define FS_IOC_GET_ENCRYPTION_NONCE	       0x8010661bu

#endif
