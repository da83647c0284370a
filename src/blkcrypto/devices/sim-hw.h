/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sim-hw.h - the simulated hardware that wraps keys: what never leaves it is in here */
#ifndef BLKCRYPTO_DEVICES_SIM_HW_H
#define BLKCRYPTO_DEVICES_SIM_HW_H

#include <stddef.h>
#include <stdint.h>

#include "blkcrypto/blk-crypto.h"

/*
 * Opaque. Two keys: the fuse key, which a real chip has burnt in, comes from a file and wraps the
 * long-term form; the boot key is random and wraps the ephemeral form. Both are set at opening and
 * stay, so that any thread may call.
 *
 * Devices of one process with the same fuse key are controllers on one chip: they share the boot
 * key too, for as long as one of them runs.
 */
struct sim_hw;

/*
 * @path is absolute, a regular file of SIM_HW_KEY_SIZE bytes that only its owner may read; made,
 * with a random key, when there is none. 0 or -errno with a sentence in *ret_why.
 */
int sim_hw_open(const char *path, struct sim_hw **ret_hw, char **ret_why);
void sim_hw_close(struct sim_hw *hw); /* NULL is fine; the last one wipes */

#define SIM_HW_KEY_SIZE	    32 /* of the fuse key, and of every key that it wraps */
#define SIM_HW_WRAPPED_SIZE 68

/* As the operations in blk_crypto_ll_ops: bytes written or -errno. */
int sim_hw_import(struct sim_hw *hw, const uint8_t *raw, size_t size, uint8_t *ret_lt_key);
int sim_hw_generate(struct sim_hw *hw, uint8_t *ret_lt_key);
int sim_hw_prepare(struct sim_hw *hw, const uint8_t *lt_key, size_t size, uint8_t *ret_eph_key);

/* What is derived inside. 0, -EBADMSG, -EIO. @size of the inline key: what the cipher takes. */
int sim_hw_sw_secret(struct sim_hw *hw, const uint8_t *eph_key, size_t eph_key_size,
		     uint8_t ret_secret[static BLK_CRYPTO_SW_SECRET_SIZE]);
int sim_hw_inline_key(struct sim_hw *hw, const uint8_t *eph_key, size_t eph_key_size,
		      uint8_t *ret_key, size_t size);

#endif
