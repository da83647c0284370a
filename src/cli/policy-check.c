/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy-check.c - whether this build can do a policy with a key: by doing it */
#include "cli/policy-check.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blkcrypto/blk-crypto-fallback.h"
#include "blkcrypto/blk-device.h"
#include "util/secret.h"

int policy_key_ref(const struct secretbuf *key, bool v1,
		   uint8_t ret_ref[static FSCRYPT_KEY_IDENTIFIER_SIZE])
{
	uint8_t hash[crypto_hash_sha512_BYTES];

	if (!v1)
		return fscrypt_key_identifier(key->data, key->len, ret_ref);
	/* Descriptors are free to choose; fscryptctl's and e4crypt's way is the double SHA-512. */
	crypto_hash_sha512(hash, key->data, key->len);
	crypto_hash_sha512(hash, hash, sizeof(hash));
	memset(ret_ref, 0, FSCRYPT_KEY_IDENTIFIER_SIZE);
	memcpy(ret_ref, hash, FSCRYPT_KEY_DESCRIPTOR_SIZE);
	secret_wipe(hash, sizeof(hash));
	return 0;
}

static int try_kind(struct fscrypt_super *fsc, const union fscrypt_policy *policy,
		    enum fscrypt_inode_kind kind)
{
	static const uint8_t nonce[FSCRYPT_FILE_NONCE_SIZE] = { 1 };
	union fscrypt_context ctx;
	struct fscrypt_info *info;
	size_t len = fscrypt_context_from_policy(policy, nonce, &ctx);
	int r = fscrypt_setup_info(fsc, &ctx, len, kind, 2, &info);

	if (r == 0)
		fscrypt_put_info(info);
	return r;
}

static int check_in(struct fscrypt_super *fsc, const union fscrypt_policy *policy,
		    const struct secretbuf *key, const char **ret_why)
{
	const struct fscrypt_caller who = { .fsuid = geteuid(), .cap_sys_admin = true };
	struct fscrypt_key_specifier spec;
	int r;

	if (!fscrypt_supported_policy(fsc, policy)) {
		*ret_why = "these modes and flags do not go together, or not in this version";
		return -EINVAL;
	}
	fscrypt_policy_to_key_spec(policy, &spec);
	r = fscrypt_add_key(fsc, &who, &spec, key->data, key->len);
	if (r == 0)
		r = try_kind(fsc, policy, FSCRYPT_DIR);
	if (r == 0)
		r = try_kind(fsc, policy, FSCRYPT_REG);
	if (r == -ENOKEY)
		*ret_why = "the key is too short for these modes";
	else if (r == -ENOPKG)
		*ret_why = "this build does not have these ciphers";
	else if (r < 0)
		*ret_why = strerror(-r);
	return r;
}

int policy_check(const union fscrypt_policy *policy, const struct secretbuf *key, char *why,
		 size_t cap)
{
	struct fscrypt_super_params params = { .bdev = NULL, .stable_inodes = true };
	const char *reason = NULL;
	struct fscrypt_super *fsc;
	char *device_why = NULL;
	int r;

	r = blk_device_open("file", false, &params.bdev, &device_why);
	if (r < 0) {
		snprintf(why, cap, "%s", device_why ? device_why : strerror(-r));
		free(device_why);
		return r;
	}
	r = fscrypt_super_create(&params, &fsc);
	if (r == 0) {
		r = check_in(fsc, policy, key, &reason);
		fscrypt_super_destroy(fsc);
	}
	blk_device_close(params.bdev);
	blk_crypto_fallback_destroy();
	if (r < 0)
		snprintf(why, cap, "%s", reason ? reason : strerror(-r));
	return r;
}
