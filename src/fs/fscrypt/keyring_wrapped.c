/* SPDX-License-Identifier: GPL-3.0-or-later */
/* keyring_wrapped.c - master keys that only the device can read: asked for their software secret */
#include "fs/fscrypt/fscrypt_private.h"

#include <errno.h>
#include <string.h>

#include "blkcrypto/blk-crypto-wrapped.h"
#include "util/log.h"
#include "util/secret.h"

static int derive_sw_secret(const struct fscrypt_super *fsc, const uint8_t *wrapped, size_t size,
			    uint8_t ret_sw_secret[static BLK_CRYPTO_SW_SECRET_SIZE])
{
	int err;

	/* Contents could never be encrypted with it. */
	if (!fsc->inlinecrypt) {
		log_warn("a hardware-wrapped key needs a mount with -o inlinecrypt");
		return -EOPNOTSUPP;
	}
	err = blk_crypto_derive_sw_secret(fsc->bdev, wrapped, size, ret_sw_secret);
	if (err == -EOPNOTSUPP)
		log_warn("a hardware-wrapped key needs a device that takes such keys");
	return err;
}

int fscrypt_add_wrapped_key(struct fscrypt_super *fsc, const struct fscrypt_caller *who,
			    struct fscrypt_key_specifier *spec, const uint8_t *wrapped, size_t size)
{
	struct fscrypt_key_specifier wanted = { .type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER };
	uint8_t sw_secret[BLK_CRYPTO_SW_SECRET_SIZE];
	struct fscrypt_secret *secret;
	int err;

	if (spec->type != FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER || spec->reserved != 0)
		return -EINVAL;
	if (size < FSCRYPT_MIN_KEY_SIZE || size > FSCRYPT_MAX_HW_WRAPPED_KEY_SIZE)
		return -EINVAL;
	secret = fscrypt_secret_new(size);
	if (secret == NULL)
		return -ENOMEM;
	secret->is_hw_wrapped = true;
	memcpy(secret->wrapped, wrapped, size);
	err = derive_sw_secret(fsc, wrapped, size, sw_secret);
	if (err == 0)
		err = fscrypt_secret_extract(secret, sw_secret, sizeof(sw_secret),
					     HKDF_CONTEXT_WRAPPED_IDENTIFIER, wanted.u.identifier);
	secret_wipe(sw_secret, sizeof(sw_secret));
	if (err != 0) {
		secret_free(secret);
		return err;
	}
	err = fscrypt_add_secret(fsc, who, &wanted, secret);
	if (err == 0)
		memcpy(spec->u.identifier, wanted.u.identifier, sizeof(spec->u.identifier));
	return err;
}
