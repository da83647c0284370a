/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-request.c - bios that go to a device in one piece: merged, with a keyslot, completed */
#include "blkcrypto/blk-request.h"

#include "blkcrypto/blk-crypto-internal.h"
#include "blkcrypto/blk-crypto-profile.h"
#include "blkcrypto/blk-device.h"

#define PLUG_MAX_REQUESTS 16

static __thread struct blk_plug *current_plug;

static struct bio *host_of(struct blk_request *rq)
{
	return container_of(rq, struct bio, bi_request);
}

/* ---- dispatch and completion -------------------------------------------------------------- */

static struct blk_pm *power_of(const struct blk_device *bdev)
{
	return bdev->crypto_profile ? bdev->crypto_profile->pm : NULL;
}

/* Give back what a request holds, then complete its bios: the one it lives in is the last. */
static void end_bios(struct blk_request *rq, int err)
{
	struct bio *host = host_of(rq), *next;

	for (struct bio *bio = rq->bios; bio; bio = next) {
		next = bio->bi_next;
		if (bio != host)
			bio_end_errno(bio, err);
	}
	bio_end_errno(host, err);
}

void blk_request_end(struct blk_request *rq, int err)
{
	blk_crypto_put_keyslot(rq->keyslot);
	blk_pm_put(power_of(rq->bdev));
	end_bios(rq, err);
}

/*
 * A keyslot is taken here and not before: what waits in a plug must not keep others from one. The
 * device is awake first, so that a slot that is found has its key.
 */
static void dispatch(struct blk_request *rq)
{
	struct blk_device *bdev = rq->bdev;
	enum blk_status status;
	int err;

	rq->keyslot = NULL;
	err = blk_pm_get(power_of(bdev));
	if (unlikely(err)) {
		end_bios(rq, err);
		return;
	}
	if (rq->crypt_ctx.bc_key) {
		BLK_CRYPTO_ASSERT(blk_crypto_profile_supports(bdev->crypto_profile,
							      &rq->crypt_ctx.bc_key->crypto_cfg));
		status = blk_crypto_get_keyslot(bdev->crypto_profile, rq->crypt_ctx.bc_key,
						&rq->keyslot);
		if (unlikely(status != BLK_STS_OK)) {
			blk_pm_put(power_of(bdev));
			end_bios(rq, blk_status_to_errno(status));
			return;
		}
	}
	stat_inc(&bdev->stats.requests);
	bdev->type->queue_rq(bdev, rq);
}

/* ---- merging ------------------------------------------------------------------------------ */

static const struct bio_crypt_ctx *ctx_of(const struct blk_request *rq)
{
	return rq->crypt_ctx.bc_key ? &rq->crypt_ctx : NULL;
}

static struct blk_request *request_init(struct bio *bio)
{
	struct blk_request *rq = &bio->bi_request;

	bio->bi_next = NULL;
	rq->bdev = bio->bi_bdev;
	rq->file = bio->bi_file;
	rq->op = bio->bi_op;
	rq->flags = bio->bi_flags;
	rq->sector = bio->bi_sector;
	rq->size = bio->bi_size;
	rq->vcnt = bio->bi_vcnt;
	rq->head = bio->bi_head;
	rq->head_size = bio->bi_head_size;
	if (bio->bi_crypt_context)
		rq->crypt_ctx = *bio->bi_crypt_context;
	else
		rq->crypt_ctx.bc_key = NULL;
	rq->bios = rq->last_bio = bio;
	rq->next = NULL;
	return rq;
}

/*
 * True when @b may follow @a. Each is a request; a bio that is not in one yet is one of its own. No
 * merge over a border between encrypted and plain, between keys, over a gap in sectors or data unit
 * numbers, and none that puts a head into the middle.
 */
static bool mergeable(const struct blk_request *a, const struct blk_request *b)
{
	return a->bdev == b->bdev && a->file == b->file && a->op == b->op && a->flags == b->flags &&
	       a->op != REQ_OP_FLUSH && b->head_size == 0 &&
	       (a->sector << SECTOR_SHIFT) + a->size == b->sector << SECTOR_SHIFT &&
	       a->size + b->size <= BLK_REQUEST_MAX_BYTES &&
	       a->vcnt + b->vcnt <= BLK_REQUEST_MAX_VECS &&
	       bio_crypt_ctx_mergeable(ctx_of(a), a->size, ctx_of(b));
}

/*
 * All of @b behind what @a has; @into is the one of the two that stays. In front it brings its head
 * and its data unit number along, and what the other had of them is forgotten.
 */
static void merge(struct blk_request *a, struct blk_request *b, struct blk_request *into)
{
	struct bio *first = a->bios, *last = b->last_bio;

	a->last_bio->bi_next = b->bios;
	into->sector = a->sector;
	into->head = a->head;
	into->head_size = a->head_size;
	into->crypt_ctx = a->crypt_ctx;
	into->size = a->size + b->size;
	into->vcnt = a->vcnt + b->vcnt;
	into->bios = first;
	into->last_bio = last;
	stat_inc(&into->bdev->stats.merges);
}

/* @old has grown: it may touch a neighbour now. */
static void merge_neighbour(struct blk_plug *plug, struct blk_request *grown)
{
	struct blk_request *prev = NULL;

	for (struct blk_request *rq = plug->first; rq; prev = rq, rq = rq->next) {
		if (rq == grown)
			continue;
		if (mergeable(grown, rq))
			merge(grown, rq, grown);
		else if (mergeable(rq, grown))
			merge(rq, grown, grown);
		else
			continue;
		if (prev)
			prev->next = rq->next;
		else
			plug->first = rq->next;
		if (plug->last == rq)
			plug->last = prev;
		plug->count--;
		return;
	}
}

static bool merge_into_plug(struct blk_plug *plug, struct blk_request *rq)
{
	for (struct blk_request *old = plug->first; old; old = old->next) {
		if (mergeable(old, rq))
			merge(old, rq, old);
		else if (mergeable(rq, old))
			merge(rq, old, old);
		else
			continue;
		merge_neighbour(plug, old);
		return true;
	}
	return false;
}

/* ---- plugs -------------------------------------------------------------------------------- */

void blk_start_plug(struct blk_plug *plug)
{
	*plug = (struct blk_plug){ .inner = current_plug != NULL };
	if (!plug->inner)
		current_plug = plug;
}

/* What devices submit meanwhile may come into the plug again. */
static void flush(struct blk_plug *plug)
{
	while (plug->first) {
		struct blk_request *rq = plug->first, *next;

		plug->first = plug->last = NULL;
		plug->count = 0;
		for (; rq; rq = next) {
			next = rq->next;
			dispatch(rq);
		}
	}
}

void blk_finish_plug(struct blk_plug *plug)
{
	if (plug->inner)
		return;
	flush(plug);
	current_plug = NULL;
}

void blk_flush_plug(void)
{
	if (unlikely(current_plug != NULL))
		flush(current_plug);
}

void blk_request_submit_bio(struct bio *bio)
{
	struct blk_request *rq = request_init(bio);
	struct blk_plug *plug = current_plug;

	if (likely(!plug) || rq->op == REQ_OP_FLUSH) {
		/* A flush is for what went before it. */
		blk_flush_plug();
		dispatch(rq);
		return;
	}
	if (merge_into_plug(plug, rq))
		return;
	if (plug->count >= PLUG_MAX_REQUESTS)
		flush(plug);
	if (plug->last)
		plug->last->next = rq;
	else
		plug->first = rq;
	plug->last = rq;
	plug->count++;
}

/* ---- for devices -------------------------------------------------------------------------- */

struct blk_request_iter blk_request_iter_begin(const struct blk_request *rq)
{
	return (struct blk_request_iter){ .bio = rq->bios, .iter = bio_iter_begin(rq->bios) };
}

bool blk_request_iter_next(struct blk_request_iter *iter, size_t max, struct iovec *ret_seg)
{
	if (max == 0 || !iter->bio)
		return false;
	while (!bio_iter_next(&iter->iter, max, ret_seg)) {
		iter->bio = iter->bio->bi_next;
		if (!iter->bio)
			return false;
		iter->iter = bio_iter_begin(iter->bio);
	}
	return true;
}

unsigned blk_request_iter_fill(struct blk_request_iter *iter, struct iovec *vecs, unsigned max,
			       size_t bytes, size_t *ret_size)
{
	size_t size = 0;
	unsigned n = 0;

	while (n < max && blk_request_iter_next(iter, bytes - size, &vecs[n]))
		size += vecs[n++].iov_len;
	*ret_size = size;
	return n;
}
