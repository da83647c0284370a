/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-request.h - bios that go to a device in one piece: merged, with a keyslot, completed */
#ifndef BLKCRYPTO_BLK_REQUEST_H
#define BLKCRYPTO_BLK_REQUEST_H

#include "blkcrypto/bio.h"

/* Merging stops here: a bio that is larger by itself goes through as it is. */
#define BLK_REQUEST_MAX_BYTES (4u << 20)
#define BLK_REQUEST_MAX_VECS  BIO_MAX_VECS

/* ---- for submitters ---- */

/*
 * What a thread has submitted to devices that take requests waits in its plug, so that what comes
 * next can be merged; it is sent on its way by blk_finish_plug(), when much has come together, and
 * before the thread sleeps in the engine. Lives on the stack; an inner plug does nothing.
 */
struct blk_plug {
	struct blk_request *first, *last;
	unsigned count;
	bool inner;
};

void blk_start_plug(struct blk_plug *plug);
void blk_finish_plug(struct blk_plug *plug);

/* Send what is in this thread's plug, if it has one. Before anything that waits for others. */
void blk_flush_plug(void);

/* ---- for devices with queue_rq ---- */

/*
 * Complete a request with 0 or -errno: its keyslot is given back before the first of its bios
 * completes. Context: any thread.
 */
void blk_request_end(struct blk_request *rq, int err);

/* A place in the memory of a request. */
struct blk_request_iter {
	const struct bio *bio;
	struct bio_iter iter;
};

struct blk_request_iter blk_request_iter_begin(const struct blk_request *rq);

/* As bio_iter_next(), over all bios. */
bool blk_request_iter_next(struct blk_request_iter *iter, size_t max, struct iovec *ret_seg);

/* Up to @max vectors and @bytes bytes of @iter into @vecs; how many. *ret_size: their bytes. */
unsigned blk_request_iter_fill(struct blk_request_iter *iter, struct iovec *vecs, unsigned max,
			       size_t bytes, size_t *ret_size);

/* ---- for the core ---- */

/* @bio, which has been checked, to its device, which has queue_rq. */
void blk_request_submit_bio(struct bio *bio);

#endif
