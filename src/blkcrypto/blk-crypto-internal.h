/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-crypto-internal.h - what the files of the core share: the life of a key, and bugs */
#ifndef BLKCRYPTO_BLK_CRYPTO_INTERNAL_H
#define BLKCRYPTO_BLK_CRYPTO_INTERNAL_H

#include <stdlib.h>

#include "blkcrypto/blk-crypto.h"
#include "util/log.h"

/*
 * Somebody does not keep the rules of the engine. A debug build (--enable-debug) stops here; any
 * other says so and goes on to the error that the place has for it.
 */
#ifdef FUSCRYPT_DEBUG
#define BLK_CRYPTO_BUG(...)           \
	do {                          \
		log_err(__VA_ARGS__); \
		abort();              \
	} while (0)
#define BLK_CRYPTO_ASSERT(cond)                                                         \
	do {                                                                            \
		if (unlikely(!(cond)))                                                  \
			BLK_CRYPTO_BUG("%s:%d: not so: %s", __FILE__, __LINE__, #cond); \
	} while (0)
#else
#define BLK_CRYPTO_BUG(...)	log_err(__VA_ARGS__)
#define BLK_CRYPTO_ASSERT(cond) ((void)0)
#endif

/* Where I/O may come again and again: said once in a process. */
#define BLK_CRYPTO_BUG_ONCE(...)                             \
	do {                                                 \
		static atomic_flag said_ = ATOMIC_FLAG_INIT; \
                                                             \
		if (!atomic_flag_test_and_set(&said_))       \
			BLK_CRYPTO_BUG(__VA_ARGS__);         \
	} while (0)

/* ---- blk-crypto-key.c ---- */

/* Once per start on a device. */
void blk_crypto_key_started(const struct blk_crypto_key *key);

/* Count @bio, which has a context, among its key's; again does nothing. False: not started. */
bool blk_crypto_bio_count(struct bio *bio);
/* On completion, before anybody hears of it. */
void blk_crypto_bio_uncount(struct bio *bio);

/* On eviction: no bio is in flight, or it is waited for; one start less. */
void blk_crypto_key_stopped(const struct blk_crypto_key *key);

#endif
