/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nokey.c - names as shown without the key, and back */
#include "fs/fscrypt/fscrypt_private.h"

#include <errno.h>
#include <string.h>

#include "crypto/digest.h"
#include "util/base64url.h"
#include "util/bits.h"

/* Layout of what is encoded: spec/fscrypt.md section 11. */
#define NOKEY_HEAD	8
#define NOKEY_SHORT_MAX (NOKEY_HEAD + FSCRYPT_NOKEY_PREFIX)
#define NOKEY_LONG	(NOKEY_SHORT_MAX + SHA256_SIZE)

_Static_assert(BASE64URL_LEN(NOKEY_LONG) == FSCRYPT_NOKEY_MAX_ENCODED, "longest no-key name");

size_t fscrypt_nokey_encode(uint32_t hash, uint32_t minor_hash, const uint8_t *ct, size_t len,
			    char ret_text[static FSCRYPT_NOKEY_MAX_ENCODED])
{
	uint8_t bytes[NOKEY_LONG];
	size_t n = MIN(len, (size_t)FSCRYPT_NOKEY_PREFIX);

	put_le32(bytes, hash);
	put_le32(bytes + 4, minor_hash);
	memcpy(bytes + NOKEY_HEAD, ct, n);
	n += NOKEY_HEAD;
	if (len > FSCRYPT_NOKEY_PREFIX) {
		sha256(ct + FSCRYPT_NOKEY_PREFIX, len - FSCRYPT_NOKEY_PREFIX, bytes + n);
		n += SHA256_SIZE;
	}
	return base64url_encode(bytes, n, ret_text);
}

int fscrypt_nokey_decode(const char *text, size_t len, struct fscrypt_nokey_name *ret_name)
{
	uint8_t bytes[NOKEY_LONG];
	ssize_t n;

	if (len > FSCRYPT_NOKEY_MAX_ENCODED)
		return -ENOENT;
	n = base64url_decode(text, len, bytes, sizeof(bytes));
	if (n <= NOKEY_HEAD || (n > NOKEY_SHORT_MAX && n != NOKEY_LONG))
		return -ENOENT;
	memset(ret_name, 0, sizeof(*ret_name));
	ret_name->dirhash[0] = get_le32(bytes);
	ret_name->dirhash[1] = get_le32(bytes + 4);
	ret_name->is_long = n == NOKEY_LONG;
	ret_name->len = ret_name->is_long ? FSCRYPT_NOKEY_PREFIX : (size_t)n - NOKEY_HEAD;
	memcpy(ret_name->bytes, bytes + NOKEY_HEAD, ret_name->len);
	if (ret_name->is_long)
		memcpy(ret_name->sha256, bytes + NOKEY_SHORT_MAX, SHA256_SIZE);
	return 0;
}

int fscrypt_symlink_nokey(const uint8_t *payload, size_t len,
			  char ret_text[static FSCRYPT_NOKEY_MAX_ENCODED], size_t *ret_len)
{
	size_t ct_len;

	if (len <= sizeof(uint16_t))
		return -EUCLEAN;
	ct_len = get_le16(payload);
	if (ct_len < FSCRYPT_FNAME_MIN_MSG_LEN || ct_len > FSCRYPT_MAX_SYMLINK_TARGET ||
	    ct_len > len - sizeof(uint16_t))
		return -EUCLEAN;
	*ret_len = fscrypt_nokey_encode(0, 0, payload + sizeof(uint16_t), ct_len, ret_text);
	return 0;
}
