/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy-opts.h - encryption policies on the command line: options in, records out */
#ifndef CLI_POLICY_OPTS_H
#define CLI_POLICY_OPTS_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/verbs.h"
#include "fs/fscrypt/fscrypt.h"

/* Values of struct option's val for the policy options; verbs take their own from 0x200 on. */
enum policy_opt {
	OPT_CONTENTS = 0x100,
	OPT_FILENAMES,
	OPT_PADDING,
	OPT_DATA_UNIT_SIZE,
	OPT_DIRECT_KEY,
	OPT_IV_INO_LBLK_64,
	OPT_IV_INO_LBLK_32,
	OPT_V1,
};

/* Rows for a verb's long options. */
/* clang-format off */
#define POLICY_LONG_OPTIONS \
	{ "contents", required_argument, NULL, OPT_CONTENTS }, \
	{ "filenames", required_argument, NULL, OPT_FILENAMES }, \
	{ "padding", required_argument, NULL, OPT_PADDING }, \
	{ "data-unit-size", required_argument, NULL, OPT_DATA_UNIT_SIZE }, \
	{ "direct-key", no_argument, NULL, OPT_DIRECT_KEY }, \
	{ "iv-ino-lblk-64", no_argument, NULL, OPT_IV_INO_LBLK_64 }, \
	{ "iv-ino-lblk-32", no_argument, NULL, OPT_IV_INO_LBLK_32 }, \
	{ "v1", no_argument, NULL, OPT_V1 }
/* clang-format on */

struct policy_opts {
	uint8_t contents;
	uint8_t filenames; /* 0: the one that goes with the contents */
	uint8_t flags;
	uint8_t log2_data_unit_size;
	bool v1;
	bool any; /* an option was given */
};

/* AES-256-XTS with AES-256-HCTR2 (with AES-256-CTS in version 1), padding 32, version 2. */
void policy_opts_init(struct policy_opts *opts);

/* One option that verb_getopt() has returned, with optarg. 0 or EXIT_USAGE, reported. */
int policy_opts_take(struct policy_opts *opts, const struct verb *verb, int opt, const char *value);

/* The policy for a key: identifier (16 bytes) or, with --v1, descriptor (8 bytes). */
void policy_opts_build(const struct policy_opts *opts, const uint8_t *key_ref,
		       union fscrypt_policy *ret_policy);

/* The policy taken apart, as `policy get` and `inspect` show it. */
json_t *policy_record(const union fscrypt_policy *policy);

/*
 * A key as people write it: 32 hex digits are an identifier, 16 a descriptor. 0 or -EINVAL.
 */
int key_spec_parse(const char *text, struct fscrypt_key_specifier *ret_spec);
json_t *key_spec_record(const struct fscrypt_key_specifier *spec); /* hex */

#endif
