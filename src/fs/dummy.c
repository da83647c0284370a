/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dummy.c - test_dummy_encryption: a policy for what is made in plain directories, and its key */
#include <errno.h>
#include <string.h>

#include "fs/super.h"
#include "util/log.h"

/*
 * Linux has a random key here, new at each boot. A daemon's would be new at each mount, so that
 * what one test wrote could not be read by the next: it is always the same, and no secret at all.
 */
static const uint8_t dummy_key[] =
	"fuscrypt test_dummy_encryption: everybody knows this key. \x01\x02\x03\x04\x05\x06";
_Static_assert(sizeof(dummy_key) == FSCRYPT_MAX_RAW_KEY_SIZE + 1, "64 bytes and a NUL");

#define DUMMY_DESCRIPTOR_BYTE 0x42

int fs_dummy_enable(struct fs_super *sb, unsigned version)
{
	/* Removing it, or setting its policy on a directory, is for whoever has mounted. */
	const struct fscrypt_caller who = { .fsuid = sb->owner, .cap_sys_admin = true };
	struct fscrypt_key_specifier spec = { 0 };
	union fscrypt_policy *p = &sb->dummy_policy;
	int err;

	memset(p, 0, sizeof(*p));
	if (version == 1) {
		p->v1.version = FSCRYPT_POLICY_V1;
		p->v1.contents_encryption_mode = FSCRYPT_MODE_AES_256_XTS;
		p->v1.filenames_encryption_mode = FSCRYPT_MODE_AES_256_CTS;
		memset(p->v1.master_key_descriptor, DUMMY_DESCRIPTOR_BYTE,
		       sizeof(p->v1.master_key_descriptor));
	} else {
		p->v2.version = FSCRYPT_POLICY_V2;
		p->v2.contents_encryption_mode = FSCRYPT_MODE_AES_256_XTS;
		p->v2.filenames_encryption_mode = FSCRYPT_MODE_AES_256_CTS;
		err = fscrypt_key_identifier(dummy_key, FSCRYPT_MAX_RAW_KEY_SIZE,
					     p->v2.master_key_identifier);
		if (err < 0)
			return err;
	}
	if (!fscrypt_contents_possible(sb->fsc, p))
		return -EOPNOTSUPP;
	fscrypt_policy_to_key_spec(p, &spec);
	err = fscrypt_add_key(sb->fsc, &who, &spec, dummy_key, FSCRYPT_MAX_RAW_KEY_SIZE);
	if (err == 0) {
		sb->has_dummy = true;
		log_warn("test_dummy_encryption: what is made now is not secret: everybody "
			 "knows the key");
	}
	return err;
}
