/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sim-rq.c - what the simulated engine does with a request: ciphers it on its way */
#include <errno.h>
#include <string.h>

#include "blkcrypto/blk-request.h"
#include "blkcrypto/devices/sim.h"

#define READ_VECS 64

/* A request on its way through: the slot that ciphers it, and how far it has come. */
struct passage {
	struct sim *sim;
	struct blk_device *lower;
	struct blk_request *rq;
	struct blk_request_iter iter;
	const struct blk_crypto_key *key;
	uint64_t dun[BLK_CRYPTO_DUN_ARRAY_SIZE];
	unsigned slot;
	size_t done;
};

/*
 * A key that a reset has taken is back when the reset is over, if it is not the next one that took
 * it: so again while there are new ones. Without one the slot has none for good: an error.
 */
static int crypt(struct passage *p, bool encrypt, const void *src, void *dst, size_t len)
{
	struct blk_crypt_engine *engine = &p->sim->engine;
	bool zero_is_hole = (p->rq->flags & BIO_ZERO_UNIT_IS_HOLE) != 0;
	uint64_t dun[BLK_CRYPTO_DUN_ARRAY_SIZE];
	unsigned resets = 0, seen;
	enum blk_status status;

	memcpy(dun, p->dun, sizeof(dun));
	for (;;) {
		status = blk_crypt_engine_crypt(engine, p->slot, p->key, encrypt, p->dun, src, dst,
						len, zero_is_hole);
		if (likely(status != BLK_STS_AGAIN))
			break;
		seen = sim_wait_for_reset(p->sim);
		if (seen == resets)
			break;
		resets = seen;
		memcpy(p->dun, dun, sizeof(dun));
	}
	return status == BLK_STS_OK ? 0 : -EIO;
}

/* @vecs below, without a context, and wait. */
static int submit_lower(struct passage *p, const struct iovec *vecs, unsigned vcnt)
{
	struct bio lower;

	bio_init(&lower, p->lower, p->rq->file, p->rq->op,
		 p->rq->sector + (p->done >> SECTOR_SHIFT), vecs, vcnt);
	lower.bi_flags = p->rq->flags;
	if (p->done == 0) {
		lower.bi_head = p->rq->head;
		lower.bi_head_size = p->rq->head_size;
	}
	return submit_bio_wait(&lower);
}

static int write_piece(struct passage *p)
{
	size_t unit = MAX(p->key->crypto_cfg.data_unit_size, SECTOR_SIZE);
	struct blk_bounce bounce;
	struct iovec seg, out;
	size_t filled = 0;
	int err;

	err = blk_bounce_get(&p->sim->engine.bounce, p->rq->size - p->done, unit, &bounce);
	if (err)
		return err;
	while (!err && blk_request_iter_next(&p->iter, bounce.size - filled, &seg)) {
		err = crypt(p, true, seg.iov_base, (uint8_t *)bounce.buf + filled, seg.iov_len);
		filled += seg.iov_len;
	}
	if (!err) {
		out.iov_base = bounce.buf;
		out.iov_len = filled;
		err = submit_lower(p, &out, 1);
		p->done += filled;
	}
	blk_bounce_put(&bounce);
	return err;
}

static int read_piece(struct passage *p)
{
	struct iovec vecs[READ_VECS];
	unsigned vcnt;
	size_t size;
	int err;

	vcnt = blk_request_iter_fill(&p->iter, vecs, READ_VECS, SIZE_MAX, &size);
	err = submit_lower(p, vecs, vcnt);
	for (unsigned i = 0; i < vcnt && !err; i++)
		err = crypt(p, false, vecs[i].iov_base, vecs[i].iov_base, vecs[i].iov_len);
	p->done += size;
	return err;
}

static int crypt_request(struct passage *p)
{
	int err = 0;

	while (p->done < p->rq->size && !err)
		err = p->rq->op == REQ_OP_WRITE ? write_piece(p) : read_piece(p);
	return err;
}

/* The key came with the request: the engine finds a place for it by itself. */
static int crypt_request_directly(struct passage *p)
{
	struct blk_crypto_keyslot *keyslot;
	enum blk_status status;
	int err;

	status = blk_crypto_get_keyslot(&p->sim->engine.profile, p->key, &keyslot);
	if (status != BLK_STS_OK)
		return blk_status_to_errno(status);
	p->slot = blk_crypto_keyslot_index(keyslot);
	err = crypt_request(p);
	blk_crypto_put_keyslot(keyslot);
	return err;
}

static int pass_plain(struct blk_device *lower, struct blk_request *rq)
{
	int err = 0;

	for (struct bio *bio = rq->bios; bio && !err; bio = bio->bi_next) {
		struct bio clone;

		bio_clone(bio, &clone, lower);
		err = submit_bio_wait(&clone);
	}
	return err;
}

static bool loses_keys_now(struct sim *sim)
{
	return sim->reset_every > 0 &&
	       (atomic_fetch_add(&sim->requests, 1) + 1) % sim->reset_every == 0;
}

void sim_queue_rq(struct blk_device *dev, struct blk_request *rq)
{
	struct sim *sim = dev->private;
	struct passage p = { .sim = sim, .lower = dev->children[0], .rq = rq };
	int err;

	if (unlikely(loses_keys_now(sim)))
		sim_reset(sim);
	if (!rq->crypt_ctx.bc_key) {
		blk_request_end(rq, pass_plain(p.lower, rq));
		return;
	}
	p.iter = blk_request_iter_begin(rq);
	p.key = rq->crypt_ctx.bc_key;
	memcpy(p.dun, rq->crypt_ctx.bc_dun, sizeof(p.dun));
	if (rq->keyslot) {
		p.slot = blk_crypto_keyslot_index(rq->keyslot);
		err = crypt_request(&p);
	} else {
		err = crypt_request_directly(&p);
	}
	blk_request_end(rq, err);
}
