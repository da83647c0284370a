/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-crypto-fallback-io.c - the fallback's data path: bounce and encrypt, read and decrypt */
#include "blkcrypto/blk-crypto-fallback-io.h"

#include <string.h>

#include "blkcrypto/blk-crypto-internal.h"
#include "blkcrypto/blk-device.h"

/*
 * What was taken off a read on its way down, and what those who decrypt it share. From a pool of
 * its own, so that a read cannot fail for want of memory.
 */
struct read_ctx {
	struct blk_fallback_io *io;
	struct bio *bio;
	struct blk_device *bdev;
	struct bio_crypt_ctx *crypt_context;
	void (*end_io)(struct bio *bio);
	void *private;
	unsigned account_base;
	/* The range that was submitted: what is below may move the bio's own. */
	struct bio_iter iter;
	size_t size;

	struct blk_crypto_keyslot *keyslot; /* while it is decrypted */
	size_t part_size;
	atomic_uint status; /* the first part's that failed */
};

int blk_fallback_io_init(struct blk_fallback_io *io, unsigned num_slots, unsigned num_bounce_pages,
			 unsigned num_ctxs, unsigned num_workers)
{
	int err;

	io->workers = NULL;
	err = blk_crypt_engine_init(&io->engine, num_slots, num_bounce_pages);
	if (err)
		return err;
	err = blk_pool_init(&io->read_ctxs, num_ctxs, sizeof(struct read_ctx));
	if (err)
		goto destroy_engine;
	if (num_workers > 0) {
		err = blk_crypt_workers_create(num_workers, &io->workers);
		if (err)
			goto destroy_pool;
	}
	return 0;

destroy_pool:
	blk_pool_destroy(&io->read_ctxs);
destroy_engine:
	blk_crypt_engine_destroy(&io->engine);
	return err;
}

void blk_fallback_io_destroy(struct blk_fallback_io *io)
{
	blk_crypt_workers_destroy(io->workers);
	blk_pool_destroy(&io->read_ctxs);
	blk_crypt_engine_destroy(&io->engine);
}

/* ---- writes ------------------------------------------------------------------------------- */

/* @len bytes from @iter on, encrypted to @out. @dun is advanced. */
static enum blk_status encrypt_to(struct blk_crypt_engine *engine, const struct blk_crypto_key *key,
				  uint64_t dun[static BLK_CRYPTO_DUN_ARRAY_SIZE],
				  struct bio_iter *iter, uint8_t *out, size_t len)
{
	struct blk_crypto_keyslot *slot;
	enum blk_status status;
	struct iovec seg;

	status = blk_crypto_get_keyslot(&engine->profile, key, &slot);
	if (status != BLK_STS_OK)
		return status;
	while (status == BLK_STS_OK && bio_iter_next(iter, len, &seg)) {
		status = blk_crypt_engine_crypt(engine, blk_crypto_keyslot_index(slot), key, true,
						dun, seg.iov_base, out, seg.iov_len, false);
		out += seg.iov_len;
		len -= seg.iov_len;
	}
	blk_crypto_put_keyslot(slot);
	return status;
}

/* As bio_end_status(), with the completion left to the caller. */
static void fail(struct bio *bio, enum blk_status status)
{
	bio->bi_status = status;
	stat_inc(&bio->bi_bdev->stats.errors);
}

/* One write below for as much as the bounce memory takes. Sets bi_status. */
static size_t write_piece(struct blk_crypt_engine *engine, struct bio *bio, size_t done,
			  struct bio_iter *iter, uint64_t dun[static BLK_CRYPTO_DUN_ARRAY_SIZE])
{
	const struct blk_crypto_key *key = bio->bi_crypt_context->bc_key;
	size_t unit = MAX(key->crypto_cfg.data_unit_size, SECTOR_SIZE);
	enum blk_status status;
	struct blk_bounce bounce;
	struct iovec iov;
	struct bio clone;
	size_t size;

	if (blk_bounce_get(&engine->bounce, bio->bi_size - done, unit, &bounce) != 0) {
		fail(bio, BLK_STS_RESOURCE);
		return 0;
	}
	size = bounce.size;
	status = encrypt_to(engine, key, dun, iter, bounce.buf, size);
	if (status != BLK_STS_OK) {
		fail(bio, status);
	} else {
		iov.iov_base = bounce.buf;
		iov.iov_len = size;
		bio_init(&clone, bio->bi_bdev, bio->bi_file, REQ_OP_WRITE,
			 bio->bi_sector + (done >> SECTOR_SHIFT), &iov, 1);
		clone.bi_flags = bio->bi_flags;
		if (done == 0) {
			clone.bi_head = bio->bi_head;
			clone.bi_head_size = bio->bi_head_size;
		}
		submit_bio_wait(&clone);
		bio->bi_status = clone.bi_status;
		bio->bi_errno = clone.bi_errno;
	}
	blk_bounce_put(&bounce);
	return size;
}

static void submit_write(struct blk_crypt_engine *engine, struct bio *bio)
{
	struct bio_iter iter = bio_iter_begin(bio);
	uint64_t dun[BLK_CRYPTO_DUN_ARRAY_SIZE];
	size_t done = 0;

	bio->bi_status = BLK_STS_OK;
	bio->bi_errno = 0;
	memcpy(dun, bio->bi_crypt_context->bc_dun, sizeof(dun));
	while (done < bio->bi_size && bio->bi_status == BLK_STS_OK)
		done += write_piece(engine, bio, done, &iter, dun);
	bio_endio(bio);
}

/* ---- reads -------------------------------------------------------------------------------- */

/* One part: found from the beginning, so that parts need not know of each other. */
static void decrypt_part(void *arg, unsigned part)
{
	struct read_ctx *ctx = arg;
	const struct blk_crypto_key *key = ctx->crypt_context->bc_key;
	size_t before = (size_t)part * ctx->part_size, left = ctx->part_size;
	bool zero_is_hole = (ctx->bio->bi_flags & BIO_ZERO_UNIT_IS_HOLE) != 0;
	unsigned slot = blk_crypto_keyslot_index(ctx->keyslot);
	uint64_t dun[BLK_CRYPTO_DUN_ARRAY_SIZE];
	enum blk_status status = BLK_STS_OK;
	struct bio_iter iter = ctx->iter;
	struct iovec seg;
	unsigned ok = BLK_STS_OK;

	memcpy(dun, ctx->crypt_context->bc_dun, sizeof(dun));
	bio_crypt_dun_increment(dun, before >> key->data_unit_size_bits);
	while (bio_iter_next(&iter, before, &seg))
		before -= seg.iov_len;
	while (status == BLK_STS_OK && bio_iter_next(&iter, left, &seg)) {
		status = blk_crypt_engine_crypt(&ctx->io->engine, slot, key, false, dun,
						seg.iov_base, seg.iov_base, seg.iov_len,
						zero_is_hole);
		left -= seg.iov_len;
	}
	if (status != BLK_STS_OK)
		atomic_compare_exchange_strong(&ctx->status, &ok, status);
}

static enum blk_status decrypt(struct read_ctx *ctx)
{
	struct blk_fallback_io *io = ctx->io;
	enum blk_status status;
	unsigned parts = 1;

	status = blk_crypto_get_keyslot(&io->engine.profile, ctx->crypt_context->bc_key,
					&ctx->keyslot);
	if (status != BLK_STS_OK)
		return status;
	atomic_store(&ctx->status, BLK_STS_OK);
	ctx->part_size = ctx->size;
	if (io->workers && ctx->size >= BLK_FALLBACK_PARALLEL_MIN) {
		ctx->part_size = BLK_FALLBACK_PART;
		parts = (unsigned)((ctx->size + BLK_FALLBACK_PART - 1) / BLK_FALLBACK_PART);
		blk_crypt_workers_run(io->workers, parts, decrypt_part, ctx);
	} else {
		decrypt_part(ctx, 0);
	}
	blk_crypto_put_keyslot(ctx->keyslot);
	return (enum blk_status)atomic_load(&ctx->status);
}

static void read_end_io(struct bio *bio)
{
	struct read_ctx *ctx = bio->bi_private;
	enum blk_status status = bio->bi_status;

	bio->bi_bdev = ctx->bdev;
	bio->bi_crypt_context = ctx->crypt_context;
	bio->bi_counted = true;
	bio->bi_end_io = ctx->end_io;
	bio->bi_private = ctx->private;
	bio->bi_account_base = ctx->account_base;
	if (status == BLK_STS_OK) {
		status = decrypt(ctx);
		blk_pool_put(&ctx->io->read_ctxs, ctx);
		bio_end_status(bio, status);
	} else {
		/* What was read is not looked at; the error has been counted below. */
		blk_pool_put(&ctx->io->read_ctxs, ctx);
		bio_endio(bio);
	}
}

static void submit_read(struct blk_fallback_io *io, struct bio *bio)
{
	struct read_ctx *ctx = blk_pool_get(&io->read_ctxs);

	ctx->io = io;
	ctx->bio = bio;
	ctx->bdev = bio->bi_bdev;
	ctx->crypt_context = bio->bi_crypt_context;
	ctx->end_io = bio->bi_end_io;
	ctx->private = bio->bi_private;
	ctx->iter = bio_iter_begin(bio);
	ctx->size = bio->bi_size;
	/* The completion below is not yet that of the devices above. */
	ctx->account_base = bio->bi_account_base;
	bio->bi_account_base = bio->bi_account_depth;
	/* Below, this is a plain bio; its key stays in use until it has been decrypted. */
	bio->bi_crypt_context = NULL;
	bio->bi_counted = false;
	bio->bi_end_io = read_end_io;
	bio->bi_private = ctx;
	blk_crypto_submit_bio(bio);
}

void blk_fallback_io_submit(struct blk_fallback_io *io, struct bio *bio)
{
	if (bio->bi_op == REQ_OP_WRITE)
		submit_write(&io->engine, bio);
	else
		submit_read(io, bio);
}
