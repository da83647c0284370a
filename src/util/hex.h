/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hex.h - lower-case hex out, strict hex in */
#ifndef UTIL_HEX_H
#define UTIL_HEX_H

#include <stddef.h>
#include <stdint.h>

/* Write 2 * @len digits and a NUL. */
void hex_encode(const uint8_t *in, size_t len, char *out);

/* Exactly 2 * @len hex digits of either case and then the end, else -EINVAL. */
int hex_decode(const char *in, uint8_t *out, size_t len);

#endif
