/* SPDX-License-Identifier: GPL-3.0-or-later */
/* crc32c.h - the Castagnoli CRC, against accidents */
#ifndef UTIL_CRC32C_H
#define UTIL_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC of what @crc is that of (0: of nothing), followed by @len bytes at @data. */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

#endif
