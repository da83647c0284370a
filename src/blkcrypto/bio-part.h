/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bio-part.h - a part of a bio, or all of it, sent to another device and waited for */
#ifndef BLKCRYPTO_BIO_PART_H
#define BLKCRYPTO_BIO_PART_H

#include "blkcrypto/bio.h"

/*
 * Clone the @len bytes of @bio from byte @skip on, submit that to sector @sector of @dev and wait.
 * The clone has a copy of the context, advanced by @skip, and finds its own keyslot there; what
 * lies in front (bi_head) goes along with @skip 0. @bio itself gets the status and is not
 * completed. Returns true when that is OK.
 *
 * A part that would begin inside a data unit fails with INVAL.
 */
bool bio_submit_part(struct bio *bio, struct blk_device *dev, uint64_t sector, size_t skip,
		     size_t len);

/* All of it, with its head. A flush has no bytes and goes as it is. */
bool bio_submit_clone(struct bio *bio, struct blk_device *dev, uint64_t sector);

/* A flush to each of them, whatever another one says; the first error counts. */
void bio_submit_to_all(struct bio *bio, struct blk_device *const *devs, unsigned count);

/* What lies in front of @bio, alone and as a plain write that ends before @sector of @dev. */
bool bio_submit_head(struct bio *bio, struct blk_device *dev, uint64_t sector);

/* Hand @bio itself to @dev. */
void bio_pass(struct bio *bio, struct blk_device *dev);

#endif
