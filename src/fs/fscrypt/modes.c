/* SPDX-License-Identifier: GPL-3.0-or-later */
/* modes.c - the encryption modes: number, names, cipher, sizes */
#include "fs/fscrypt/fscrypt_private.h"

#include <string.h>

/* A new mode is a row here, a cipher row and, for contents, a row of blk_crypto_modes[]. */
static const struct fscrypt_mode modes[FSCRYPT_MODE_MAX + 1] = {
	[FSCRYPT_MODE_AES_256_XTS] = {
		.name = "AES-256-XTS",
		.variant = "aes-256-xts",
		.key_size = 64,
		.security_strength = 32,
		.iv_size = 16,
		.blk_mode = BLK_ENCRYPTION_MODE_AES_256_XTS,
		.is_xts = true,
	},
	[FSCRYPT_MODE_AES_256_CTS] = {
		.name = "AES-256-CTS",
		.variant = "aes-256-cts",
		.key_size = 32,
		.security_strength = 32,
		.iv_size = 16,
	},
	[FSCRYPT_MODE_AES_128_CBC] = {
		.name = "AES-128-CBC",
		.variant = "aes-128-cbc-essiv",
		.key_size = 16,
		.security_strength = 16,
		.iv_size = 16,
		.blk_mode = BLK_ENCRYPTION_MODE_AES_128_CBC_ESSIV,
	},
	[FSCRYPT_MODE_AES_128_CTS] = {
		.name = "AES-128-CTS",
		.variant = "aes-128-cts",
		.key_size = 16,
		.security_strength = 16,
		.iv_size = 16,
	},
	[FSCRYPT_MODE_SM4_XTS] = {
		.name = "SM4-XTS",
		.variant = "sm4-xts",
		.key_size = 32,
		.security_strength = 16,
		.iv_size = 16,
		.blk_mode = BLK_ENCRYPTION_MODE_SM4_XTS,
		.is_xts = true,
	},
	[FSCRYPT_MODE_SM4_CTS] = {
		.name = "SM4-CTS",
		.variant = "sm4-cts",
		.key_size = 16,
		.security_strength = 16,
		.iv_size = 16,
	},
	[FSCRYPT_MODE_ADIANTUM] = {
		.name = "Adiantum",
		.variant = "adiantum",
		.key_size = 32,
		.security_strength = 32,
		.iv_size = 32,
		.blk_mode = BLK_ENCRYPTION_MODE_ADIANTUM,
	},
	[FSCRYPT_MODE_AES_256_HCTR2] = {
		.name = "AES-256-HCTR2",
		.variant = "aes-256-hctr2",
		.key_size = 32,
		.security_strength = 32,
		.iv_size = 32,
	},
};

const struct fscrypt_mode *fscrypt_mode_get(unsigned mode)
{
	if (mode > FSCRYPT_MODE_MAX || modes[mode].name == NULL)
		return NULL;
	return &modes[mode];
}

const char *fscrypt_mode_name(unsigned mode)
{
	const struct fscrypt_mode *m = fscrypt_mode_get(mode);

	return m != NULL ? m->name : NULL;
}

unsigned fscrypt_mode_by_name(const char *name)
{
	for (unsigned i = 1; i < ARRAY_SIZE(modes); i++)
		if (modes[i].name != NULL && strcmp(modes[i].name, name) == 0)
			return i;
	return 0;
}
