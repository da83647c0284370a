/* SPDX-License-Identifier: GPL-3.0-or-later */
/* protector.c - a master key wrapped under a passphrase: the cryptography and the text of the file
 */
#include "cli/protector.h"

#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "util/hex.h"
#include "util/secret.h"

_Static_assert(PROTECTOR_NONCE_SIZE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce");
_Static_assert(PROTECTOR_TAG_SIZE == crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag");
_Static_assert(KDF_KEY_SIZE == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key");

#define AAD_MAX (512 + PROTECTOR_NAME_MAX)

/*
 * What is authenticated: the members as text in a fixed order, so that it does not depend on how
 * the file is laid out. The name comes last because it is the only one of free form.
 */
static size_t make_aad(const struct protector *p, char aad[static AAD_MAX])
{
	char salt[2 * KDF_SALT_SIZE + 1], ident[2 * FSCRYPT_KEY_IDENTIFIER_SIZE + 1];

	hex_encode(p->kdf.salt, KDF_SALT_SIZE, salt);
	hex_encode(p->key_identifier, FSCRYPT_KEY_IDENTIFIER_SIZE, ident);
	return (size_t)snprintf(aad, AAD_MAX,
				"fuscrypt-protector\nversion=%d\nid=%s\ntype=passphrase\n"
				"key_identifier=%s\nkdf=argon2id\nops=%u\nmem_kib=%u\nsalt=%s\n"
				"wrap=xchacha20poly1305\nname=%s\n",
				PROTECTOR_VERSION, p->id, ident, p->kdf.ops, p->kdf.mem_kib, salt,
				p->name);
}

/* @p has its id, its key's identifier and its parameters: the name and the wrapped key are added.
 */
static int wrap(struct protector *p, const char *name, const struct secretbuf *passphrase,
		const struct secretbuf *key)
{
	unsigned long long wrapped_len;
	char aad[AAD_MAX];
	uint8_t *wrap_key;
	size_t aad_len;
	int r;

	if (strlen(name) > PROTECTOR_NAME_MAX || !output_is_utf8(name) ||
	    key->len > FSCRYPT_MAX_RAW_KEY_SIZE || key->len < FSCRYPT_MIN_KEY_SIZE)
		return -EINVAL;
	strcpy(p->name, name);
	secret_random(p->nonce, sizeof(p->nonce));
	wrap_key = secret_alloc(KDF_KEY_SIZE);
	if (!wrap_key)
		return -ENOMEM;
	r = kdf_derive(&p->kdf, passphrase->data, passphrase->len, wrap_key);
	if (r == 0) {
		aad_len = make_aad(p, aad);
		crypto_aead_xchacha20poly1305_ietf_encrypt(p->wrapped, &wrapped_len, key->data,
							   key->len, (const uint8_t *)aad, aad_len,
							   NULL, p->nonce, wrap_key);
		p->wrapped_len = (size_t)wrapped_len;
	}
	secret_free(wrap_key);
	return r;
}

int protector_create(const char *name, const struct kdf_params *kdf,
		     const struct secretbuf *passphrase, const struct secretbuf *key,
		     const uint8_t key_identifier[static FSCRYPT_KEY_IDENTIFIER_SIZE],
		     struct protector *ret_p)
{
	uint8_t random_id[PROTECTOR_ID_LEN / 2];
	struct protector p = { .kdf = *kdf };
	int r;

	secret_random(random_id, sizeof(random_id));
	hex_encode(random_id, sizeof(random_id), p.id);
	memcpy(p.key_identifier, key_identifier, sizeof(p.key_identifier));
	r = wrap(&p, name, passphrase, key);
	if (r == 0)
		*ret_p = p;
	return r;
}

int protector_rewrap(const struct protector *old, const char *name, const struct kdf_params *kdf,
		     const struct secretbuf *passphrase, const struct secretbuf *key,
		     struct protector *ret_p)
{
	struct protector p = { .kdf = *kdf };
	int r;

	strcpy(p.id, old->id);
	memcpy(p.key_identifier, old->key_identifier, sizeof(p.key_identifier));
	r = wrap(&p, name, passphrase, key);
	if (r == 0)
		*ret_p = p;
	return r;
}

int protector_unwrap(const struct protector *p, const struct secretbuf *passphrase,
		     struct secretbuf *ret_key)
{
	uint8_t *wrap_key = secret_alloc(KDF_KEY_SIZE);
	unsigned long long len;
	char aad[AAD_MAX];
	size_t aad_len;
	int r;

	if (!wrap_key)
		return -ENOMEM;
	r = kdf_derive(&p->kdf, passphrase->data, passphrase->len, wrap_key);
	if (r == 0) {
		aad_len = make_aad(p, aad);
		if (crypto_aead_xchacha20poly1305_ietf_decrypt(
			    ret_key->data, &len, NULL, p->wrapped, p->wrapped_len,
			    (const uint8_t *)aad, aad_len, p->nonce, wrap_key) == 0)
			ret_key->len = (size_t)len;
		else
			r = -EKEYREJECTED;
	}
	secret_free(wrap_key);
	return r;
}

char *protector_format(const struct protector *p)
{
	json_t *obj;
	char *text;

	obj = json_pack(
		"{s:i, s:s, s:s, s:s, s:o, s:{s:s, s:I, s:I, s:o}, s:{s:s, s:o, s:o}}", "version",
		PROTECTOR_VERSION, "id", p->id, "name", p->name, "type", "passphrase",
		"key_identifier", output_hex(p->key_identifier, sizeof(p->key_identifier)), "kdf",
		"name", "argon2id", "ops", (json_int_t)p->kdf.ops, "mem_kib",
		(json_int_t)p->kdf.mem_kib, "salt", output_hex(p->kdf.salt, KDF_SALT_SIZE), "wrap",
		"name", "xchacha20poly1305", "nonce", output_hex(p->nonce, sizeof(p->nonce)),
		"ciphertext", output_hex(p->wrapped, p->wrapped_len));
	if (!obj)
		return NULL;
	text = json_dumps(obj, JSON_INDENT(2));
	json_decref(obj);
	return text;
}

static int parse_hex(const char *text, uint8_t *out, size_t min, size_t max, size_t *ret_len)
{
	size_t len = strlen(text) / 2;

	if (len < min || len > max || hex_decode(text, out, len) < 0)
		return -EINVAL;
	if (ret_len)
		*ret_len = len;
	return 0;
}

bool protector_is_id(const char *text)
{
	uint8_t bytes[PROTECTOR_ID_LEN / 2];

	return strspn(text, "0123456789abcdef") == PROTECTOR_ID_LEN &&
	       hex_decode(text, bytes, sizeof(bytes)) == 0;
}

/* What the members are worth, once they are there and of the right types. */
static const char *take_members(struct protector *p, const char *id, const char *name,
				const char *ident, json_int_t ops, json_int_t mem, const char *salt,
				const char *nonce, const char *ciphertext)
{
	if (!protector_is_id(id))
		return "its id is not 16 hex digits";
	if (strlen(name) > PROTECTOR_NAME_MAX)
		return "its name is too long";
	strcpy(p->id, id);
	strcpy(p->name, name);
	if (parse_hex(ident, p->key_identifier, sizeof(p->key_identifier),
		      sizeof(p->key_identifier), NULL) < 0)
		return "its key identifier is not 32 hex digits";
	if (parse_hex(salt, p->kdf.salt, KDF_SALT_SIZE, KDF_SALT_SIZE, NULL) < 0)
		return "its salt is not 32 hex digits";
	if (ops < 1 || ops > UINT32_MAX || mem < 1 || mem > UINT32_MAX)
		return "its Argon2id parameters are out of bounds";
	p->kdf.ops = (uint32_t)ops;
	p->kdf.mem_kib = (uint32_t)mem;
	if (kdf_params_check(&p->kdf) < 0)
		return "its Argon2id parameters are out of bounds";
	if (parse_hex(nonce, p->nonce, PROTECTOR_NONCE_SIZE, PROTECTOR_NONCE_SIZE, NULL) < 0)
		return "its nonce is not 48 hex digits";
	if (parse_hex(ciphertext, p->wrapped, FSCRYPT_MIN_KEY_SIZE + PROTECTOR_TAG_SIZE,
		      sizeof(p->wrapped), &p->wrapped_len) < 0)
		return "its wrapped key has the wrong size";
	return NULL;
}

int protector_parse(const char *text, size_t len, struct protector *ret_p, const char **ret_why)
{
	const char *id, *name, *type, *ident, *kdf, *salt, *wrap, *nonce, *ciphertext;
	const char *why = NULL;
	struct protector p = { .wrapped_len = 0 };
	json_int_t ops, mem;
	json_error_t error;
	json_t *obj;
	int version;

	obj = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!obj) {
		*ret_why = "it is not JSON";
		return -EINVAL;
	}
	if (json_unpack_ex(obj, &error, 0, "{s:i, s:s}", "version", &version, "type", &type) < 0)
		why = "version or type is missing";
	else if (version != PROTECTOR_VERSION)
		why = "it is of a version that this program does not know";
	else if (strcmp(type, "passphrase"))
		why = "it is of a type that this program does not know";
	else if (json_unpack_ex(obj, &error, 0,
				"{s:s, s:s, s:s, s:{s:s, s:I, s:I, s:s}, s:{s:s, s:s, s:s}}", "id",
				&id, "name", &name, "key_identifier", &ident, "kdf", "name", &kdf,
				"ops", &ops, "mem_kib", &mem, "salt", &salt, "wrap", "name", &wrap,
				"nonce", &nonce, "ciphertext", &ciphertext) < 0)
		why = "a member is missing or of the wrong type";
	else if (strcmp(kdf, "argon2id") || strcmp(wrap, "xchacha20poly1305"))
		why = "it uses a method that this program does not know";
	else
		why = take_members(&p, id, name, ident, ops, mem, salt, nonce, ciphertext);
	json_decref(obj);
	if (why) {
		*ret_why = why;
		return -EINVAL;
	}
	*ret_p = p;
	return 0;
}
