/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-test.h - what the tests of the block layer have in common: keys, bios, reference ciphertext
 */
#ifndef TESTS_UNIT_BLK_TEST_H
#define TESTS_UNIT_BLK_TEST_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "blkcrypto/blk-bounce.h"
#include "blkcrypto/blk-crypto-fallback.h"
#include "blkcrypto/blk-crypto.h"
#include "blkcrypto/blk-device.h"
#include "blkcrypto/devices/devices.h"
#include "crypto/skcipher.h"

/* Different for each @seed, the same in each run. */
static inline void fill_pattern(void *p, size_t len, uint64_t seed)
{
	uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;

	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		((uint8_t *)p)[i] = (uint8_t)(x >> 32);
	}
}

static inline void make_key(struct blk_crypto_key *key, uint64_t seed, unsigned data_unit_size,
			    unsigned flags)
{
	uint8_t bytes[64];

	fill_pattern(bytes, sizeof(bytes), seed);
	if (blk_crypto_init_key(key, bytes, sizeof(bytes), BLK_CRYPTO_KEY_TYPE_RAW,
				BLK_ENCRYPTION_MODE_AES_256_XTS, 8, data_unit_size, flags) != 0)
		abort();
}

/* Ciphertext by the cipher alone, IV and counting done here. */
static inline void reference_encrypt(const struct blk_crypto_key *key, uint64_t dun,
				     const uint8_t *src, uint8_t *dst, size_t len)
{
	unsigned unit = key->crypto_cfg.data_unit_size;
	struct skcipher *tfm;

	if (skcipher_alloc(skcipher_find("aes-256-xts"), &tfm) != 0 ||
	    skcipher_setkey(tfm, key->bytes, 64) != 0)
		abort();
	for (size_t pos = 0; pos < len; pos += unit, dun++) {
		uint8_t iv[16] = { 0 };

		for (unsigned i = 0; i < 8; i++)
			iv[i] = (uint8_t)(dun >> (8 * i));
		if (skcipher_encrypt(tfm, iv, src + pos, dst + pos, unit) != 0)
			abort();
	}
	skcipher_free(tfm);
}

/* In a debug build the engine stops at what it is not to be asked; else it has an error for it. */
#ifdef FUSCRYPT_DEBUG
#define DEBUG_BUILD true
#else
#define DEBUG_BUILD false
#endif

struct io {
	struct blk_device *dev;
	struct blk_file *file;
	const struct blk_crypto_key *key; /* NULL: plain */
	uint64_t dun;
	uint64_t sector;
	unsigned flags;
	const void *head;
	size_t head_size;
	size_t seg; /* bytes in a segment; 0: one segment */
};

/* Returns what submit_bio_wait() does. */
static inline int do_io(const struct io *io, enum bio_op op, void *buf, size_t len)
{
	size_t seg = io->seg ? io->seg : len;
	unsigned vcnt = seg ? (unsigned)((len + seg - 1) / seg) : 0;
	struct iovec *iov = calloc(vcnt + 1, sizeof(*iov));
	uint64_t dun[BLK_CRYPTO_DUN_ARRAY_SIZE] = { io->dun };
	struct bio bio;
	int err;

	if (!iov)
		abort();
	for (unsigned i = 0; i < vcnt; i++) {
		iov[i].iov_base = (char *)buf + i * seg;
		iov[i].iov_len = MIN(seg, len - i * seg);
	}
	bio_init(&bio, io->dev, io->file, op, io->sector, iov, vcnt);
	bio.bi_flags = io->flags;
	bio.bi_head = io->head;
	bio.bi_head_size = io->head_size;
	if (io->key)
		bio_crypt_set_ctx(&bio, io->key, dun);
	err = submit_bio_wait(&bio);
	free(iov);
	return err;
}

static inline struct blk_device *open_device(const char *spec, bool no_fallback)
{
	struct blk_device *dev;
	char *why = NULL;

	if (blk_device_open(spec, no_fallback, &dev, &why) != 0) {
		print_error("%s\n", why);
		abort();
	}
	return dev;
}

static inline void configure(unsigned slots, unsigned pages)
{
	struct blk_crypto_fallback_params params = { slots, pages, 0 };

	assert_int_equal(blk_crypto_fallback_configure(&params), 0);
}

static inline int stop_fallback(void **state)
{
	blk_crypto_fallback_destroy();
	return 0;
}

/* The `mem` at the bottom of @dev. */
static inline const uint8_t *stored(struct blk_device *dev, size_t *ret_size)
{
	while (dev->num_children > 0)
		dev = dev->children[0];
	return dev_mem_data(dev, ret_size);
}

/*
 * Write, compare the caller's memory with what it was, the store with the reference, and read back.
 * The bytes lie at an odd address.
 */
static inline void round_trip(struct blk_device *dev, const struct blk_crypto_key *key, size_t len,
			      size_t seg)
{
	uint8_t *mem = malloc(4 * len + 1);
	uint8_t *out = mem + 1, *copy = out + len, *want = copy + len, *in = want + len;
	struct io io = { .dev = dev, .key = key, .dun = 77, .sector = 16, .seg = seg };
	const uint8_t *data;
	size_t size;

	assert_non_null(mem);
	fill_pattern(out, len, len + seg);
	memcpy(copy, out, len);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, len), 0);
	assert_memory_equal(out, copy, len);
	reference_encrypt(key, io.dun, out, want, len);
	data = stored(dev, &size);
	assert_true(size >= 8192 + len);
	assert_memory_equal(data + 8192, want, len);
	assert_int_equal(do_io(&io, REQ_OP_READ, in, len), 0);
	assert_memory_equal(in, out, len);
	free(mem);
}

/* Where @len bytes of a bottom of its own are what the reference makes of @plain. */
static inline void expect_stored(struct blk_device *mem, size_t at,
				 const struct blk_crypto_key *key, uint64_t dun,
				 const uint8_t *plain, size_t len)
{
	uint8_t *want = malloc(len);
	const uint8_t *data;
	size_t size;

	assert_non_null(want);
	if (key)
		reference_encrypt(key, dun, plain, want, len);
	else
		memcpy(want, plain, len);
	data = stored(mem, &size);
	assert_true(size >= at + len);
	assert_memory_equal(data + at, want, len);
	free(want);
}

/* A device string that is refused, with @sentence in the reason. */
static inline void expect_refused(const char *spec, const char *sentence)
{
	struct blk_device *dev;
	char *why = NULL;

	assert_int_equal(blk_device_open(spec, false, &dev, &why), -EINVAL);
	if (!why || !strstr(why, sentence))
		fail_msg("\"%s\": %s", spec, why ? why : "no sentence");
	free(why);
}

/* Occupy this thread's buffer, so that writes must take the reserve. */
static inline void hold_thread_buffer(struct blk_bounce *ret)
{
	assert_int_equal(blk_bounce_get(NULL, 4096, 4096, ret), 0);
	assert_null(ret->pool);
}

/* For blk_crypto_profile_for_each_slot(): there is no key in any slot. */
static inline void no_key(unsigned slot, const struct blk_crypto_key *key, unsigned users,
			  void *arg)
{
	assert_null(key);
	assert_int_equal(users, 0);
}

#endif
