/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fname.c - names and symlink targets under their key */
#include "fs/fscrypt/fscrypt_private.h"

#include <errno.h>
#include <string.h>

#include "crypto/skcipher.h"
#include "util/bits.h"

/* Length of the ciphertext of @len bytes: spec/fscrypt.md sections 10 and 12. */
static size_t padded_len(const struct fscrypt_info *info, size_t len, size_t limit)
{
	size_t n = round_up(MAX(len, (size_t)FSCRYPT_FNAME_MIN_MSG_LEN), info->padding);

	return MIN(n, limit);
}

/* @dst gets @n bytes: @src, zeros behind it, all encrypted in place. */
static int encrypt_padded(struct fscrypt_info *info, const char *src, size_t len, uint8_t *dst,
			  size_t n)
{
	int err;

	memcpy(dst, src, len);
	memset(dst + len, 0, n - len);
	pthread_mutex_lock(&info->key->tfm_lock);
	err = skcipher_encrypt(info->key->tfm, info->names_iv, dst, dst, n);
	pthread_mutex_unlock(&info->key->tfm_lock);
	return err;
}

/* Length of the plaintext, which ends at the first zero byte. */
static int decrypt_padded(struct fscrypt_info *info, const uint8_t *src, size_t n, char *dst,
			  size_t *ret_len)
{
	int err;

	pthread_mutex_lock(&info->key->tfm_lock);
	err = skcipher_decrypt(info->key->tfm, info->names_iv, src, dst, n);
	pthread_mutex_unlock(&info->key->tfm_lock);
	if (err == 0)
		*ret_len = strnlen(dst, n);
	return err;
}

int fscrypt_fname_encrypt(struct fscrypt_info *dir, const char *name, size_t len,
			  uint8_t ret_ct[static NAME_MAX_LEN], size_t *ret_len)
{
	size_t n;
	int err;

	if (len > NAME_MAX_LEN)
		return -ENAMETOOLONG;
	n = padded_len(dir, len, NAME_MAX_LEN);
	err = encrypt_padded(dir, name, len, ret_ct, n);
	if (err == 0)
		*ret_len = n;
	return err;
}

/* What a directory entry must not be: the store is not to be trusted with the caller's path walk.
 */
static bool bad_name(const char *name, size_t len)
{
	return len == 0 || (len == 1 && name[0] == '.') ||
	       (len == 2 && name[0] == '.' && name[1] == '.') || memchr(name, '/', len) != NULL;
}

int fscrypt_fname_decrypt(struct fscrypt_info *dir, const uint8_t *ct, size_t len,
			  char ret_name[static NAME_MAX_LEN], size_t *ret_len)
{
	size_t n;
	int err;

	if (len < FSCRYPT_FNAME_MIN_MSG_LEN || len > NAME_MAX_LEN)
		return -EUCLEAN;
	err = decrypt_padded(dir, ct, len, ret_name, &n);
	if (err != 0)
		return err;
	/* Made in another directory, or by nobody: a look-up of what it says would not find it. */
	if (bad_name(ret_name, n) || padded_len(dir, n, NAME_MAX_LEN) != len ||
	    !mem_is_zero(ret_name + n, len - n))
		return -EUCLEAN;
	*ret_len = n;
	return 0;
}

int fscrypt_symlink_encrypt(struct fscrypt_info *lnk, const char *target, size_t len,
			    uint8_t *ret_payload, size_t *ret_len)
{
	size_t n;
	int err;

	if (len == 0)
		return -ENOENT;
	if (len > FSCRYPT_MAX_SYMLINK_TARGET)
		return -ENAMETOOLONG;
	n = padded_len(lnk, len, FSCRYPT_MAX_SYMLINK_TARGET);
	err = encrypt_padded(lnk, target, len, ret_payload + sizeof(uint16_t), n);
	if (err != 0)
		return err;
	put_le16(ret_payload, (uint16_t)n);
	*ret_len = sizeof(uint16_t) + n;
	return 0;
}

int fscrypt_symlink_decrypt(struct fscrypt_info *lnk, const uint8_t *payload, size_t len,
			    char *ret_target, size_t *ret_len)
{
	size_t ct_len, n;
	int err;

	if (len <= sizeof(uint16_t))
		return -EUCLEAN;
	ct_len = get_le16(payload);
	if (ct_len < FSCRYPT_FNAME_MIN_MSG_LEN || ct_len > FSCRYPT_MAX_SYMLINK_TARGET ||
	    ct_len > len - sizeof(uint16_t))
		return -EUCLEAN;
	err = decrypt_padded(lnk, payload + sizeof(uint16_t), ct_len, ret_target, &n);
	if (err != 0)
		return err;
	if (n == 0)
		return -EUCLEAN;
	ret_target[n] = '\0';
	*ret_len = n;
	return 0;
}
