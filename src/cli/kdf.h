/* SPDX-License-Identifier: GPL-3.0-or-later */
/* kdf.h - Argon2id: from a passphrase to a wrapping key, and how much work that should be here */
#ifndef CLI_KDF_H
#define CLI_KDF_H

#include <stddef.h>
#include <stdint.h>

#define KDF_SALT_SIZE	    16
#define KDF_KEY_SIZE	    32
#define KDF_TIME_DEFAULT_MS 1000
#define KDF_TIME_MAX_MS	    60000
#define KDF_MEM_DEFAULT_KIB (128 * 1024)
#define KDF_MEM_MIN_KIB	    8
#define KDF_MEM_MAX_KIB	    (4 * 1024 * 1024) /* what a protector file may ask for: 4 GiB */
#define KDF_WORK_MAX_KIB    (1ull << 30) /* ops * memory: 1 TiB, some minutes to half an hour */

struct kdf_params {
	uint32_t ops;
	uint32_t mem_kib;
	uint8_t salt[KDF_SALT_SIZE];
};

/* Within the limits above: files are not trusted. -EINVAL. */
int kdf_params_check(const struct kdf_params *params);

/*
 * Random salt, and as many passes over @mem_kib as take about @time_ms on this machine; less memory
 * where one pass takes longer. @mem_kib 0: 128 MiB, but at most an eighth of what this machine and
 * the control group of this process have. Takes about @time_ms. 0 or -ENOMEM.
 */
int kdf_calibrate(unsigned time_ms, uint32_t mem_kib, struct kdf_params *ret_params);

/* 0, -ENOMEM (not enough memory for mem_kib) or -EINVAL. */
int kdf_derive(const struct kdf_params *params, const uint8_t *passphrase, size_t len,
	       uint8_t ret_key[static KDF_KEY_SIZE]);

#endif
