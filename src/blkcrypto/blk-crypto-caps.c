/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-crypto-caps.c - what a profile can do, as a set: compared, intersected, extended, listed */
#include "blkcrypto/blk-crypto-caps.h"

#include <limits.h>
#include <stdio.h>

void blk_crypto_set_all_capabilities(struct blk_crypto_profile *profile)
{
	profile->max_dun_bytes_supported = UINT_MAX;
	profile->key_types_supported = ~0u;
	for (unsigned i = BLK_ENCRYPTION_MODE_INVALID + 1; i < BLK_ENCRYPTION_MODE_MAX; i++)
		profile->modes_supported[i] = ~0u;
}

void blk_crypto_intersect_capabilities(struct blk_crypto_profile *parent,
				       const struct blk_crypto_profile *child)
{
	static const struct blk_crypto_profile nothing;

	if (!child)
		child = &nothing;
	parent->max_dun_bytes_supported =
		MIN(parent->max_dun_bytes_supported, child->max_dun_bytes_supported);
	parent->key_types_supported &= child->key_types_supported;
	for (unsigned i = 0; i < BLK_ENCRYPTION_MODE_MAX; i++)
		parent->modes_supported[i] &= child->modes_supported[i];
}

bool blk_crypto_has_capabilities(const struct blk_crypto_profile *target,
				 const struct blk_crypto_profile *reference)
{
	if (!reference)
		return true;
	if (!target)
		return false;
	for (unsigned i = 0; i < BLK_ENCRYPTION_MODE_MAX; i++)
		if (reference->modes_supported[i] & ~target->modes_supported[i])
			return false;
	return reference->max_dun_bytes_supported <= target->max_dun_bytes_supported &&
	       (reference->key_types_supported & ~target->key_types_supported) == 0;
}

void blk_crypto_update_capabilities(struct blk_crypto_profile *dst,
				    const struct blk_crypto_profile *src)
{
	/* Whoever looks meanwhile sees something between the old and the new. */
	for (unsigned i = 0; i < BLK_ENCRYPTION_MODE_MAX; i++)
		__atomic_store_n(&dst->modes_supported[i], src->modes_supported[i],
				 __ATOMIC_RELAXED);
	__atomic_store_n(&dst->max_dun_bytes_supported, src->max_dun_bytes_supported,
			 __ATOMIC_RELAXED);
	__atomic_store_n(&dst->key_types_supported, src->key_types_supported, __ATOMIC_RELAXED);
}

bool blk_crypto_capabilities_empty(const struct blk_crypto_profile *profile)
{
	unsigned modes = 0;

	for (unsigned i = 0; i < BLK_ENCRYPTION_MODE_MAX; i++)
		modes |= profile->modes_supported[i];
	return modes == 0 || profile->max_dun_bytes_supported == 0 ||
	       profile->key_types_supported == 0;
}

void blk_crypto_for_each_capability(const struct blk_crypto_profile *profile,
				    void (*fn)(const char *name, const char *value, void *arg),
				    void *arg)
{
	char name[64], value[32];

	if (!profile)
		return;
	if (profile->key_types_supported & BLK_CRYPTO_KEY_TYPE_HW_WRAPPED)
		fn("hw_wrapped_keys", "supported", arg);
	snprintf(value, sizeof(value), "%llu", 8ULL * profile->max_dun_bytes_supported);
	fn("max_dun_bits", value, arg);
	snprintf(value, sizeof(value), "%u", profile->num_slots);
	fn("num_keyslots", value, arg);
	if (profile->key_types_supported & BLK_CRYPTO_KEY_TYPE_RAW)
		fn("raw_keys", "supported", arg);
	for (unsigned i = 0; i < BLK_ENCRYPTION_MODE_MAX; i++) {
		if (profile->modes_supported[i] == 0)
			continue;
		snprintf(name, sizeof(name), "modes/%s", blk_crypto_modes[i].name);
		snprintf(value, sizeof(value), "0x%x", profile->modes_supported[i]);
		fn(name, value, arg);
	}
}
