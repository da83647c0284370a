/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-crypto-fallback-io.h - the fallback's data path: bounce and encrypt, read and decrypt */
#ifndef BLKCRYPTO_BLK_CRYPTO_FALLBACK_IO_H
#define BLKCRYPTO_BLK_CRYPTO_FALLBACK_IO_H

#include "blkcrypto/blk-crypt-engine.h"
#include "blkcrypto/blk-crypt-workers.h"
#include "blkcrypto/blk-pool.h"

/* Reads of at least so many bytes are shared with workers, in parts of so many. */
#define BLK_FALLBACK_PARALLEL_MIN (256u << 10)
#define BLK_FALLBACK_PART	  (64u << 10)

struct blk_fallback_io {
	struct blk_crypt_engine engine;
	struct blk_pool read_ctxs;	   /* what a read needs until it has been decrypted */
	struct blk_crypt_workers *workers; /* NULL: who completes a read decrypts it */
};

/* 0, -EINVAL for a number that is 0, -ENOMEM. No modes yet: blk_crypt_engine_add_mode(). */
int blk_fallback_io_init(struct blk_fallback_io *io, unsigned num_slots, unsigned num_bounce_pages,
			 unsigned num_ctxs, unsigned num_workers);
void blk_fallback_io_destroy(struct blk_fallback_io *io); /* no bio in flight */

/*
 * Encrypt or decrypt @bio, which has a checked context of a mode that was added, around a plain
 * submission to its device. A write is encrypted into bounce memory, cut to its size, and waited
 * for: @bio's memory is not changed. A read is decrypted in place after it has come, by who
 * completes it and, if it is large, by workers as well. A keyslot is held only while ciphering.
 * Completes @bio.
 */
void blk_fallback_io_submit(struct blk_fallback_io *io, struct bio *bio);

#endif
