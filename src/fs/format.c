/* SPDX-License-Identifier: GPL-3.0-or-later */
/* format.c - on-disk format 1, encoded and decoded without any I/O */
#include "fs/format.h"

#include <errno.h>
#include <string.h>

#include "crypto/digest.h"
#include "fs/fscrypt/fscrypt.h"
#include "util/base64url.h"
#include "util/bits.h"
#include "util/compiler.h"

#define HDR_MAGIC	  "fuscrypt"
#define HDR_CHECKSUM_SIZE 8
#define HASH_TEXT_LEN	  BASE64URL_LEN(SHA256_SIZE)

_Static_assert(sizeof(STORE_LONG_PREFIX) == sizeof(STORE_SIDECAR_PREFIX),
	       "a long name and its sidecar's differ in one letter");

/* ---- header ------------------------------------------------------------------------------------
 */

static void header_checksum(const uint8_t *buf, size_t used, uint8_t out[static HDR_CHECKSUM_SIZE])
{
	uint8_t digest[SHA256_SIZE];

	sha256(buf, used - HDR_CHECKSUM_SIZE, digest);
	memcpy(out, digest, HDR_CHECKSUM_SIZE);
}

size_t store_header_encode(const struct store_header *hdr, uint8_t *buf)
{
	size_t used = STORE_HDR_CTX_OFFSET + hdr->ctx_len + HDR_CHECKSUM_SIZE;

	memset(buf, 0, STORE_HDR_CTX_OFFSET);
	memcpy(buf, HDR_MAGIC, 8);
	buf[8] = STORE_FORMAT;
	buf[9] = hdr->flags;
	put_le16(buf + 10, (uint16_t)used);
	put_le32(buf + 12, hdr->ino);
	put_le32(buf + 16, hdr->parent_ino);
	buf[20] = (uint8_t)hdr->ctx_len;
	memcpy(buf + 24, hdr->parent_nonce, FSCRYPT_FILE_NONCE_SIZE);
	memcpy(buf + STORE_HDR_CTX_OFFSET, &hdr->ctx, hdr->ctx_len);
	header_checksum(buf, used, buf + used - HDR_CHECKSUM_SIZE);
	return used;
}

/* A context of a length that there is; or none, where there shall be none. */
static bool has_sound_flags(uint8_t flags, size_t ctx_len)
{
	if (flags == STORE_HDR_FLAG_PLAIN)
		return ctx_len == 0;
	return (flags & ~STORE_HDR_FLAG_LONG) == 0 &&
	       (ctx_len == FSCRYPT_CONTEXT_SIZE_V1 || ctx_len == FSCRYPT_CONTEXT_SIZE_V2);
}

int store_header_decode(const uint8_t *buf, size_t len, struct store_header *ret_hdr,
			size_t *ret_used)
{
	uint8_t sum[HDR_CHECKSUM_SIZE];
	struct store_header hdr;
	size_t used, ctx_len;

	if (mem_is_zero(buf, len))
		return -ENODATA;
	if (len < STORE_HDR_CTX_OFFSET || memcmp(buf, HDR_MAGIC, 8) != 0)
		return -EUCLEAN;

	/*
	 * Length and checksum are where they are in every format to come, so that a damaged header
	 * is never reported as one from the future.
	 */
	used = get_le16(buf + 10);
	if (used < STORE_HDR_CTX_OFFSET + HDR_CHECKSUM_SIZE || used > len)
		return -EUCLEAN;
	header_checksum(buf, used, sum);
	if (memcmp(sum, buf + used - HDR_CHECKSUM_SIZE, HDR_CHECKSUM_SIZE) != 0)
		return -EUCLEAN;
	if (buf[8] > STORE_FORMAT)
		return -EPROTONOSUPPORT;

	ctx_len = buf[20];
	if (buf[8] != STORE_FORMAT || !has_sound_flags(buf[9], ctx_len) ||
	    used != STORE_HDR_CTX_OFFSET + ctx_len + HDR_CHECKSUM_SIZE || !mem_is_zero(buf + 21, 3))
		return -EUCLEAN;

	memset(&hdr, 0, sizeof(hdr));
	hdr.flags = buf[9];
	hdr.ino = get_le32(buf + 12);
	hdr.parent_ino = get_le32(buf + 16);
	memcpy(hdr.parent_nonce, buf + 24, FSCRYPT_FILE_NONCE_SIZE);
	memcpy(&hdr.ctx, buf + STORE_HDR_CTX_OFFSET, ctx_len);
	hdr.ctx_len = ctx_len;
	*ret_hdr = hdr;
	*ret_used = used;
	return 0;
}

/* ---- sizes -------------------------------------------------------------------------------------
 */

uint64_t store_size_encode(uint64_t size, unsigned du)
{
	return STORE_HEADER_SIZE + round_up(size, du) + size % du;
}

int store_size_decode(uint64_t st_size, unsigned du, uint64_t *ret_size)
{
	uint64_t units, tail, size;

	if (st_size == 0) {
		*ret_size = 0;
		return 0;
	}
	if (st_size < STORE_HEADER_SIZE)
		return -EUCLEAN;
	units = (st_size - STORE_HEADER_SIZE) / du;
	tail = (st_size - STORE_HEADER_SIZE) % du;
	if (tail != 0 && units == 0)
		return -EUCLEAN;
	size = tail != 0 ? (units - 1) * du + tail : units * du;
	if (size > FSCRYPT_MAX_FILE_SIZE)
		return -EUCLEAN;
	*ret_size = size;
	return 0;
}

/* ---- names -------------------------------------------------------------------------------------
 */

/* The text after the prefix of a long name or of a sidecar. */
static void long_hash_text(const uint8_t *prefix, const uint8_t *rest_sha256,
			   char text[static HASH_TEXT_LEN])
{
	uint8_t digest[SHA256_SIZE];

	sha256_2(prefix, FSCRYPT_NOKEY_PREFIX, rest_sha256, SHA256_SIZE, digest);
	base64url_encode(digest, sizeof(digest), text);
}

void store_name_encode_long(const uint8_t prefix[static 149], const uint8_t rest_sha256[static 32],
			    char ret_name[static NAME_MAX_LEN + 1])
{
	size_t n = strlen(STORE_LONG_PREFIX);

	memcpy(ret_name, STORE_LONG_PREFIX, n);
	long_hash_text(prefix, rest_sha256, ret_name + n);
	ret_name[n + HASH_TEXT_LEN] = '\0';
}

void store_name_encode(const uint8_t *ct, size_t len, char ret_name[static NAME_MAX_LEN + 1],
		       bool *ret_long)
{
	uint8_t rest[SHA256_SIZE];

	if (BASE64URL_LEN(len) <= NAME_MAX_LEN) {
		ret_name[base64url_encode(ct, len, ret_name)] = '\0';
		*ret_long = false;
		return;
	}
	sha256(ct + FSCRYPT_NOKEY_PREFIX, len - FSCRYPT_NOKEY_PREFIX, rest);
	store_name_encode_long(ct, rest, ret_name);
	*ret_long = true;
}

/* True when @name is @prefix and the one spelling of a hash. */
static bool is_hash_name(const char *name, const char *prefix)
{
	uint8_t digest[SHA256_SIZE];
	size_t n = strlen(prefix);

	return strncmp(name, prefix, n) == 0 && strlen(name + n) == HASH_TEXT_LEN &&
	       base64url_decode(name + n, HASH_TEXT_LEN, digest, sizeof(digest)) == SHA256_SIZE;
}

enum store_name_kind store_name_classify(const char *name, uint8_t ret_ct[static NAME_MAX_LEN],
					 size_t *ret_len)
{
	uint8_t ct[NAME_MAX_LEN];
	size_t len = strlen(name);
	ssize_t n;

	if (name[0] == '.') {
		/* No ciphertext begins with a dot: it is not in the alphabet. */
		if (is_hash_name(name, STORE_LONG_PREFIX))
			return STORE_NAME_LONG;
		if (is_hash_name(name, STORE_SIDECAR_PREFIX) || strcmp(name, STORE_CTX_NAME) == 0 ||
		    strcmp(name, STORE_DIR) == 0 || strcmp(name, ".") == 0 ||
		    strcmp(name, "..") == 0 ||
		    strncmp(name, STORE_CTX_TMP_PREFIX, strlen(STORE_CTX_TMP_PREFIX)) == 0)
			return STORE_NAME_INTERNAL;
		/* A sync tool's copy of a sidecar or context is for its user to see and to remove.
		 */
		return STORE_NAME_FOREIGN;
	}
	if (len > NAME_MAX_LEN)
		return STORE_NAME_FOREIGN;
	n = base64url_decode(name, len, ct, sizeof(ct));
	if (n < FSCRYPT_FNAME_MIN_MSG_LEN)
		return STORE_NAME_FOREIGN;
	memcpy(ret_ct, ct, (size_t)n);
	*ret_len = (size_t)n;
	return STORE_NAME_SHORT;
}

void store_sidecar_name(const char *long_name, char ret_name[static NAME_MAX_LEN + 1])
{
	size_t n = strlen(STORE_SIDECAR_PREFIX);

	memcpy(ret_name, STORE_SIDECAR_PREFIX, n);
	memcpy(ret_name + n, long_name + n, HASH_TEXT_LEN);
	ret_name[n + HASH_TEXT_LEN] = '\0';
}

bool store_long_name_matches(const char *long_name, const uint8_t *ct, size_t len)
{
	char name[NAME_MAX_LEN + 1];
	bool is_long;

	/* One that fits a short name has that name and no other. */
	if (len > NAME_MAX_LEN || BASE64URL_LEN(len) <= NAME_MAX_LEN)
		return false;
	store_name_encode(ct, len, name, &is_long);
	return strcmp(name, long_name) == 0;
}

size_t store_foreign_nokey(const char *name, char *ret_text, size_t cap)
{
	char text[FSCRYPT_NOKEY_MAX_ENCODED];
	size_t n;

	n = fscrypt_nokey_encode(UINT32_MAX, UINT32_MAX, (const uint8_t *)name, strlen(name), text);
	n = MIN(n, cap);
	memcpy(ret_text, text, n);
	if (n < cap)
		ret_text[n] = '\0';
	return n;
}

bool store_name_is_reserved(const char *name)
{
	return strncmp(name, STORE_RESERVED_PREFIX, strlen(STORE_RESERVED_PREFIX)) == 0;
}
