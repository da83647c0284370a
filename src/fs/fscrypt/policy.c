/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy.c - policies and contexts: conversion, comparison, and which may be set */
#include "fs/fscrypt/fscrypt_private.h"

#include <errno.h>
#include <string.h>

#include "util/bits.h"

size_t fscrypt_context_size(const union fscrypt_context *ctx)
{
	switch (ctx->version) {
	case FSCRYPT_CONTEXT_V1:
		return FSCRYPT_CONTEXT_SIZE_V1;
	case FSCRYPT_CONTEXT_V2:
		return FSCRYPT_CONTEXT_SIZE_V2;
	default:
		return 0;
	}
}

size_t fscrypt_policy_size(const union fscrypt_policy *policy)
{
	switch (policy->version) {
	case FSCRYPT_POLICY_V1:
		return sizeof(policy->v1);
	case FSCRYPT_POLICY_V2:
		return sizeof(policy->v2);
	default:
		return 0;
	}
}

/*
 * A context is the policy with the nonce behind it; only version 1's version byte differs. Both
 * conversions below rest on that.
 */
_Static_assert(offsetof(struct fscrypt_context_v1, nonce) == sizeof(struct fscrypt_policy_v1),
	       "v1 context begins like its policy");
_Static_assert(offsetof(struct fscrypt_context_v2, nonce) == sizeof(struct fscrypt_policy_v2),
	       "v2 context begins like its policy");

int fscrypt_policy_from_context(const void *ctx, size_t len, union fscrypt_policy *ret_policy)
{
	const union fscrypt_context *c = ctx;

	if (len < sizeof(c->version) || len != fscrypt_context_size(c))
		return -EINVAL;
	memset(ret_policy, 0, sizeof(*ret_policy));
	memcpy(ret_policy, ctx, len - FSCRYPT_FILE_NONCE_SIZE);
	if (c->version == FSCRYPT_CONTEXT_V1)
		ret_policy->version = FSCRYPT_POLICY_V1;
	return 0;
}

size_t fscrypt_context_from_policy(const union fscrypt_policy *policy,
				   const uint8_t nonce[static FSCRYPT_FILE_NONCE_SIZE],
				   union fscrypt_context *ret_ctx)
{
	size_t size = fscrypt_policy_size(policy);

	memset(ret_ctx, 0, sizeof(*ret_ctx));
	if (size == 0)
		return 0;
	memcpy(ret_ctx, policy, size);
	if (policy->version == FSCRYPT_POLICY_V1)
		ret_ctx->version = FSCRYPT_CONTEXT_V1;
	memcpy((uint8_t *)ret_ctx + size, nonce, FSCRYPT_FILE_NONCE_SIZE);
	return size + FSCRYPT_FILE_NONCE_SIZE;
}

const uint8_t *fscrypt_context_nonce(const union fscrypt_context *ctx)
{
	return ctx->version == FSCRYPT_CONTEXT_V1 ? ctx->v1.nonce : ctx->v2.nonce;
}

bool fscrypt_context_uses_ino(const union fscrypt_context *ctx)
{
	return ctx->version == FSCRYPT_CONTEXT_V2 &&
	       (ctx->v2.flags &
		(FSCRYPT_POLICY_FLAG_IV_INO_LBLK_64 | FSCRYPT_POLICY_FLAG_IV_INO_LBLK_32)) != 0;
}

bool fscrypt_policies_equal(const union fscrypt_policy *a, const union fscrypt_policy *b)
{
	size_t size = fscrypt_policy_size(a);

	return size != 0 && a->version == b->version && memcmp(a, b, size) == 0;
}

size_t fscrypt_key_spec_len(const struct fscrypt_key_specifier *spec)
{
	switch (spec->type) {
	case FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR:
		return FSCRYPT_KEY_DESCRIPTOR_SIZE;
	case FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER:
		return FSCRYPT_KEY_IDENTIFIER_SIZE;
	default:
		return 0;
	}
}

bool fscrypt_key_spec_equal(const struct fscrypt_key_specifier *a,
			    const struct fscrypt_key_specifier *b)
{
	return a->type == b->type && memcmp(a->u.raw, b->u.raw, fscrypt_key_spec_len(a)) == 0;
}

void fscrypt_policy_to_key_spec(const union fscrypt_policy *policy,
				struct fscrypt_key_specifier *ret_spec)
{
	memset(ret_spec, 0, sizeof(*ret_spec));
	if (policy->version == FSCRYPT_POLICY_V1) {
		ret_spec->type = FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR;
		memcpy(ret_spec->u.descriptor, policy->v1.master_key_descriptor,
		       FSCRYPT_KEY_DESCRIPTOR_SIZE);
	} else {
		ret_spec->type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER;
		memcpy(ret_spec->u.identifier, policy->v2.master_key_identifier,
		       FSCRYPT_KEY_IDENTIFIER_SIZE);
	}
}

/* The first four bytes of both versions are the same fields. */
unsigned fscrypt_policy_contents_mode(const union fscrypt_policy *policy)
{
	return policy->v1.contents_encryption_mode;
}

unsigned fscrypt_policy_filenames_mode(const union fscrypt_policy *policy)
{
	return policy->v1.filenames_encryption_mode;
}

unsigned fscrypt_policy_flags(const union fscrypt_policy *policy)
{
	return policy->v1.flags;
}

unsigned fscrypt_policy_data_unit_size(const union fscrypt_policy *policy)
{
	unsigned bits = 0;

	if (policy->version == FSCRYPT_POLICY_V2)
		bits = policy->v2.log2_data_unit_size;
	/* Also called on policies from a store that nobody has judged yet. */
	if (bits < SECTOR_SHIFT || bits > 30)
		return FSCRYPT_BLOCK_SIZE;
	return 1u << bits;
}

unsigned fscrypt_policy_padding(const union fscrypt_policy *policy)
{
	return 4u << (fscrypt_policy_flags(policy) & FSCRYPT_POLICY_FLAGS_PAD_MASK);
}

/* Pairs of modes that belong together: spec/fscrypt.md section 4. */
static const struct {
	uint8_t contents, filenames;
	bool v1;
	uint8_t flags; /* accepted beside the padding; IV_INO ones in v2 only */
} mode_pairs[] = {
	{ FSCRYPT_MODE_AES_256_XTS, FSCRYPT_MODE_AES_256_CTS, true,
	  FSCRYPT_POLICY_FLAG_IV_INO_LBLK_64 | FSCRYPT_POLICY_FLAG_IV_INO_LBLK_32 },
	{ FSCRYPT_MODE_AES_256_XTS, FSCRYPT_MODE_AES_256_HCTR2, false,
	  FSCRYPT_POLICY_FLAG_IV_INO_LBLK_64 | FSCRYPT_POLICY_FLAG_IV_INO_LBLK_32 },
	{ FSCRYPT_MODE_AES_128_CBC, FSCRYPT_MODE_AES_128_CTS, true, 0 },
	{ FSCRYPT_MODE_SM4_XTS, FSCRYPT_MODE_SM4_CTS, false, 0 },
	{ FSCRYPT_MODE_ADIANTUM, FSCRYPT_MODE_ADIANTUM, true, FSCRYPT_POLICY_FLAG_DIRECT_KEY },
};

static bool supported_modes_and_flags(const union fscrypt_policy *policy, unsigned known_flags)
{
	unsigned iv_flags = fscrypt_policy_flags(policy) & ~FSCRYPT_POLICY_FLAGS_PAD_MASK;

	if ((iv_flags & ~known_flags) != 0 || (iv_flags & (iv_flags - 1)) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(mode_pairs); i++) {
		if (mode_pairs[i].contents != fscrypt_policy_contents_mode(policy) ||
		    mode_pairs[i].filenames != fscrypt_policy_filenames_mode(policy))
			continue;
		if (policy->version == FSCRYPT_POLICY_V1 && !mode_pairs[i].v1)
			return false;
		return (iv_flags & ~mode_pairs[i].flags) == 0;
	}
	return false;
}

static bool supported_v2(const struct fscrypt_super *fsc, const union fscrypt_policy *policy)
{
	const struct fscrypt_policy_v2 *p = &policy->v2;
	unsigned du_bits = p->log2_data_unit_size;

	if (!supported_modes_and_flags(policy, FSCRYPT_POLICY_FLAG_DIRECT_KEY |
						       FSCRYPT_POLICY_FLAG_IV_INO_LBLK_64 |
						       FSCRYPT_POLICY_FLAG_IV_INO_LBLK_32))
		return false;
	if (!mem_is_zero(p->reserved, sizeof(p->reserved)))
		return false;
	if (du_bits == 0)
		du_bits = ilog2(FSCRYPT_BLOCK_SIZE);
	if (du_bits < SECTOR_SHIFT || du_bits > ilog2(FSCRYPT_BLOCK_SIZE))
		return false;
	if ((p->flags &
	     (FSCRYPT_POLICY_FLAG_IV_INO_LBLK_64 | FSCRYPT_POLICY_FLAG_IV_INO_LBLK_32)) == 0)
		return true;
	if (!fsc->stable_inodes)
		return false;
	/* The IV has 32 bits for the number of a data unit. */
	if (fls64(FSCRYPT_MAX_FILE_SIZE - 1) - du_bits > 32)
		return false;
	return (p->flags & FSCRYPT_POLICY_FLAG_IV_INO_LBLK_32) == 0 ||
	       du_bits == ilog2(FSCRYPT_BLOCK_SIZE);
}

bool fscrypt_supported_policy(const struct fscrypt_super *fsc, const union fscrypt_policy *policy)
{
	switch (policy->version) {
	case FSCRYPT_POLICY_V1:
		return supported_modes_and_flags(policy, FSCRYPT_POLICY_FLAG_DIRECT_KEY);
	case FSCRYPT_POLICY_V2:
		return supported_v2(fsc, policy);
	default:
		return false;
	}
}
