/* SPDX-License-Identifier: GPL-3.0-or-later */
/* skcipher.h - length-preserving ciphers behind one table: find by name, set a key, run */
#ifndef CRYPTO_SKCIPHER_H
#define CRYPTO_SKCIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/compiler.h"

#define SKCIPHER_MAX_IV_SIZE  32
#define SKCIPHER_MAX_KEY_SIZE 64

/*
 * A cipher is a row: `const struct skcipher_alg NAME_alg` in its own file, declared in
 * skcipher-algs.h, listed in skcipher.c, with a known answer in selftest.c.
 * All operations return 0 or -errno.
 */
struct skcipher_alg {
	const char *name;     /* the kernel's: "xts(aes)", "cts(cbc(aes))" */
	const char *variant;  /* tells rows of one name apart: "aes-256-xts" (also the device
				 spelling) */
	unsigned key_size;    /* bytes */
	unsigned iv_size;     /* bytes */
	unsigned block_align; /* message lengths must be multiples of this (1: any from min_len) */
	unsigned min_len;     /* shortest message, bytes */
	size_t ctx_size;      /* private state that the core allocates, non-dumpable, wiped */

	/* Required. Get library objects; may allocate. Called once, before anything else. */
	int (*init)(void *ctx);
	/* Required. Release what init made; wipe key material. */
	void (*exit)(void *ctx);
	/*
	 * Required. Take a key of key_size bytes; -EINVAL for a weak one (XTS halves equal). Must
	 * not allocate: it is called on the I/O path when a keyslot is programmed. May be called
	 * again.
	 */
	int (*setkey)(void *ctx, const uint8_t *key);
	/*
	 * Required. One message: @src to @dst (may be the same, must not overlap otherwise), any
	 * alignment, @len valid by block_align and min_len. @iv has iv_size bytes and is not
	 * modified. Must not allocate. One caller at a time.
	 */
	int (*encrypt)(void *ctx, const uint8_t *iv, const uint8_t *src, uint8_t *dst, size_t len);
	int (*decrypt)(void *ctx, const uint8_t *iv, const uint8_t *src, uint8_t *dst, size_t len);
};

/* A cipher with (room for) a key: a transform. Opaque. */
struct skcipher;

/* Row by variant name, NULL when there is none. */
const struct skcipher_alg *skcipher_find(const char *variant);

/* Rows by index, NULL past the end. */
const struct skcipher_alg *skcipher_by_index(unsigned i);

/*
 * A transform without a key. Returns 0, -ENOPKG when the library lacks the algorithm, -ENOMEM.
 * Context: allocates; not on the I/O path. Does not survive fork() (see secret_slab_alloc()).
 */
int skcipher_alloc(const struct skcipher_alg *alg, struct skcipher **ret_tfm);
void skcipher_free(struct skcipher *tfm); /* wipes; NULL is fine */

const struct skcipher_alg *skcipher_get_alg(const struct skcipher *tfm);

/* -EINVAL when @len is not the alg's key size or the key is weak. The old key is gone either way.
 */
int skcipher_setkey(struct skcipher *tfm, const uint8_t *key, size_t len);

/*
 * Run one message. -EINVAL for a length that the alg does not take, -ENOKEY when no key is set,
 * -EIO when the library fails. A transform serves one thread at a time (the caller sees to it).
 */
int skcipher_encrypt(struct skcipher *tfm, const uint8_t *iv, const void *src, void *dst,
		     size_t len);
int skcipher_decrypt(struct skcipher *tfm, const uint8_t *iv, const void *src, void *dst,
		     size_t len);

#endif
