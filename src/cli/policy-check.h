/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy-check.h - whether this build can do a policy with a key: by doing it */
#ifndef CLI_POLICY_CHECK_H
#define CLI_POLICY_CHECK_H

#include <stddef.h>

#include "cli/secretbuf.h"
#include "fs/fscrypt/fscrypt.h"

/*
 * Sets up the keys of a file and of a directory under @policy with @key, in memory. 0, or -errno
 * with a sentence in @why (of @cap bytes).
 */
int policy_check(const union fscrypt_policy *policy, const struct secretbuf *key, char *why,
		 size_t cap);

/* What the policy names a key by: identifier, or with @v1 the descriptor. 0 or -errno. */
int policy_key_ref(const struct secretbuf *key, bool v1,
		   uint8_t ret_ref[static FSCRYPT_KEY_IDENTIFIER_SIZE]);

#endif
