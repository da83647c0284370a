/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-crypto-caps.h - what a profile can do, as a set: compared, intersected, extended, listed */
#ifndef BLKCRYPTO_BLK_CRYPTO_CAPS_H
#define BLKCRYPTO_BLK_CRYPTO_CAPS_H

#include "blkcrypto/blk-crypto-profile.h"

/* Everything: what an intersection over children begins with. */
void blk_crypto_set_all_capabilities(struct blk_crypto_profile *profile);

/* Take from @parent what @child cannot do. @child NULL: all of it. */
void blk_crypto_intersect_capabilities(struct blk_crypto_profile *parent,
				       const struct blk_crypto_profile *child);

/*
 * True when @target can do all that @reference can: modes, data unit sizes, DUN bytes, key types.
 * Everything covers @reference NULL, and @target NULL covers nothing else.
 */
bool blk_crypto_has_capabilities(const struct blk_crypto_profile *target,
				 const struct blk_crypto_profile *reference);

/*
 * Give @dst what @src has. Context: before I/O, or to extend: bios in flight rely on what was
 * there, so that the caller has made sure that @src has all that @dst has.
 */
void blk_crypto_update_capabilities(struct blk_crypto_profile *dst,
				    const struct blk_crypto_profile *src);

/* True when no configuration is supported: the device has no use for such a profile. */
bool blk_crypto_capabilities_empty(const struct blk_crypto_profile *profile);

/*
 * The entries of a disk's queue/crypto directory, in the kernel's names and spellings:
 * max_dun_bits, num_keyslots, raw_keys, hw_wrapped_keys (value "supported", when they are), and
 * modes/NAME (mask of data unit sizes, "0x1200"). @fn is called for each; nothing for NULL.
 */
void blk_crypto_for_each_capability(const struct blk_crypto_profile *profile,
				    void (*fn)(const char *name, const char *value, void *arg),
				    void *arg);

#endif
