/* SPDX-License-Identifier: GPL-3.0-or-later */
/* base64url.h - RFC 4648 section 5 without padding, strict on input */
#ifndef UTIL_BASE64URL_H
#define UTIL_BASE64URL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BASE64URL_LEN(n) (((n)*4 + 2) / 3)

/* Encode; writes BASE64URL_LEN(@len) characters, no NUL. Returns that count. */
size_t base64url_encode(const uint8_t *in, size_t len, char *out);

/*
 * Decode @len characters into at most @cap bytes. Foreign characters, an impossible length and
 * nonzero left-over bits are errors: every byte string has exactly one encoding.
 * Returns the byte count or -EINVAL (-ENOSPC when @cap is too small).
 */
ssize_t base64url_decode(const char *in, size_t len, uint8_t *out, size_t cap);

#endif
