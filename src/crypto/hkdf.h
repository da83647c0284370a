/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hkdf.h - HKDF-SHA512 (RFC 5869) as fscrypt uses it: no salt, "fscrypt\0" || context || info */
#ifndef CRYPTO_HKDF_H
#define CRYPTO_HKDF_H

#include <stddef.h>
#include <stdint.h>

#define HKDF_PRK_SIZE 64

/* HKDF-Extract of @ikm with 64 zero bytes of salt. Returns 0 or -errno. */
int hkdf_extract(const uint8_t *ikm, size_t len, uint8_t prk[static HKDF_PRK_SIZE]);

/*
 * HKDF-Expand with info = "fscrypt" 00 || @context || @info (up to 64 bytes), into @outlen (up to
 * 64, that is one block, is all that fscrypt needs; more is supported up to 255 blocks).
 */
int hkdf_expand(const uint8_t prk[static HKDF_PRK_SIZE], uint8_t context, const void *info,
		size_t infolen, uint8_t *out, size_t outlen);

#endif
