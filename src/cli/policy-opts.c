/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy-opts.c - encryption policies on the command line: options in, records out */
#include "cli/policy-opts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exitcode.h"
#include "cli/output.h"
#include "util/bits.h"
#include "util/hex.h"

void policy_opts_init(struct policy_opts *opts)
{
	memset(opts, 0, sizeof(*opts));
	opts->contents = FSCRYPT_MODE_AES_256_XTS;
	opts->flags = 3; /* padding 32 */
}

static int take_mode(uint8_t *mode, const struct verb *verb, const char *value)
{
	unsigned m = fscrypt_mode_by_name(value);

	if (m == 0)
		return verb_usage(verb, "%s: no such mode, or not in this build", value);
	*mode = (uint8_t)m;
	return 0;
}

/* A whole power of two from @min to @max, as its logarithm. */
static int take_log2(const struct verb *verb, const char *what, const char *value,
		     unsigned long min, unsigned long max, unsigned *ret_log2)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || n < min || n > max || !is_power_of_2(n))
		return verb_usage(verb, "%s: no such %s: a power of two from %lu to %lu", value,
				  what, min, max);
	*ret_log2 = ilog2(n);
	return 0;
}

int policy_opts_take(struct policy_opts *opts, const struct verb *verb, int opt, const char *value)
{
	unsigned log2;
	int r = 0;

	opts->any = true;
	switch (opt) {
	case OPT_CONTENTS:
		return take_mode(&opts->contents, verb, value);
	case OPT_FILENAMES:
		return take_mode(&opts->filenames, verb, value);
	case OPT_PADDING:
		r = take_log2(verb, "padding", value, 4, 32, &log2);
		if (r == 0)
			opts->flags = (uint8_t)((opts->flags & ~FSCRYPT_POLICY_FLAGS_PAD_MASK) |
						(log2 - 2));
		return r;
	case OPT_DATA_UNIT_SIZE:
		r = take_log2(verb, "data unit size", value, 512, 4096, &log2);
		if (r == 0)
			opts->log2_data_unit_size = (uint8_t)log2;
		return r;
	case OPT_DIRECT_KEY:
		opts->flags |= FSCRYPT_POLICY_FLAG_DIRECT_KEY;
		return 0;
	case OPT_IV_INO_LBLK_64:
		opts->flags |= FSCRYPT_POLICY_FLAG_IV_INO_LBLK_64;
		return 0;
	case OPT_IV_INO_LBLK_32:
		opts->flags |= FSCRYPT_POLICY_FLAG_IV_INO_LBLK_32;
		return 0;
	case OPT_V1:
		opts->v1 = true;
		return 0;
	default:
		return verb_usage(verb, "no such option");
	}
}

static uint8_t names_mode(const struct policy_opts *opts)
{
	if (opts->filenames)
		return opts->filenames;
	switch (opts->contents) {
	case FSCRYPT_MODE_AES_256_XTS:
		/* A wide-block cipher hides equal beginnings of names; it costs no more. */
		return opts->v1 ? FSCRYPT_MODE_AES_256_CTS : FSCRYPT_MODE_AES_256_HCTR2;
	case FSCRYPT_MODE_AES_128_CBC:
		return FSCRYPT_MODE_AES_128_CTS;
	case FSCRYPT_MODE_SM4_XTS:
		return FSCRYPT_MODE_SM4_CTS;
	default:
		return opts->contents;
	}
}

void policy_opts_build(const struct policy_opts *opts, const uint8_t *key_ref,
		       union fscrypt_policy *ret_policy)
{
	memset(ret_policy, 0, sizeof(*ret_policy));
	if (opts->v1) {
		ret_policy->v1.version = FSCRYPT_POLICY_V1;
		ret_policy->v1.contents_encryption_mode = opts->contents;
		ret_policy->v1.filenames_encryption_mode = names_mode(opts);
		ret_policy->v1.flags = opts->flags;
		memcpy(ret_policy->v1.master_key_descriptor, key_ref, FSCRYPT_KEY_DESCRIPTOR_SIZE);
	} else {
		ret_policy->v2.version = FSCRYPT_POLICY_V2;
		ret_policy->v2.contents_encryption_mode = opts->contents;
		ret_policy->v2.filenames_encryption_mode = names_mode(opts);
		ret_policy->v2.flags = opts->flags;
		ret_policy->v2.log2_data_unit_size = opts->log2_data_unit_size;
		memcpy(ret_policy->v2.master_key_identifier, key_ref, FSCRYPT_KEY_IDENTIFIER_SIZE);
	}
}

static json_t *mode_value(unsigned mode)
{
	const char *name = fscrypt_mode_name(mode);

	return name ? json_string(name) : json_integer(mode);
}

json_t *policy_record(const union fscrypt_policy *policy)
{
	unsigned flags = fscrypt_policy_flags(policy);
	bool v2 = policy->version == FSCRYPT_POLICY_V2;
	json_t *key;

	if (v2)
		key = output_hex(policy->v2.master_key_identifier, FSCRYPT_KEY_IDENTIFIER_SIZE);
	else
		key = output_hex(policy->v1.master_key_descriptor, FSCRYPT_KEY_DESCRIPTOR_SIZE);
	return json_pack("{s:i, s:o, s:o, s:o, s:i, s:b, s:b, s:b, s:i, s:i}", "version",
			 v2 ? 2 : 1, v2 ? "master_key_identifier" : "master_key_descriptor", key,
			 "contents", mode_value(fscrypt_policy_contents_mode(policy)), "filenames",
			 mode_value(fscrypt_policy_filenames_mode(policy)), "padding",
			 (int)fscrypt_policy_padding(policy), "direct_key",
			 !!(flags & FSCRYPT_POLICY_FLAG_DIRECT_KEY), "iv_ino_lblk_64",
			 !!(flags & FSCRYPT_POLICY_FLAG_IV_INO_LBLK_64), "iv_ino_lblk_32",
			 !!(flags & FSCRYPT_POLICY_FLAG_IV_INO_LBLK_32), "flags", (int)flags,
			 "log2_data_unit_size", v2 ? policy->v2.log2_data_unit_size : 0);
}

int key_spec_parse(const char *text, struct fscrypt_key_specifier *ret_spec)
{
	struct fscrypt_key_specifier spec = { 0 };

	if (hex_decode(text, spec.u.identifier, FSCRYPT_KEY_IDENTIFIER_SIZE) == 0)
		spec.type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER;
	else if (hex_decode(text, spec.u.descriptor, FSCRYPT_KEY_DESCRIPTOR_SIZE) == 0)
		spec.type = FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR;
	else
		return -EINVAL;
	*ret_spec = spec;
	return 0;
}

json_t *key_spec_record(const struct fscrypt_key_specifier *spec)
{
	return output_hex(spec->u.raw, spec->type == FSCRYPT_KEY_SPEC_TYPE_DESCRIPTOR
					       ? FSCRYPT_KEY_DESCRIPTOR_SIZE
					       : FSCRYPT_KEY_IDENTIFIER_SIZE);
}
