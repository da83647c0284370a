/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bio.c - one read or write of consecutive sectors of one backing file */
#include "blkcrypto/bio.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "blkcrypto/blk-account.h"
#include "blkcrypto/blk-crypto.h"
#include "blkcrypto/blk-crypto-internal.h"
#include "blkcrypto/blk-device.h"
#include "blkcrypto/blk-request.h"

void bio_init(struct bio *bio, struct blk_device *bdev, struct blk_file *file, enum bio_op op,
	      uint64_t sector, const struct iovec *iov, unsigned vcnt)
{
	/* What is behind is written before it is read. */
	memset(bio, 0, offsetof(struct bio, bi_account));
	bio->bi_bdev = bdev;
	bio->bi_file = file;
	bio->bi_op = op;
	bio->bi_sector = sector;
	bio->bi_iov = iov;
	bio->bi_vcnt = vcnt;
	for (unsigned i = 0; i < vcnt; i++)
		bio->bi_size += iov[i].iov_len;
}

/* ---- taking bios apart -------------------------------------------------------------------- */

bool bio_iter_next(struct bio_iter *iter, size_t max, struct iovec *ret_seg)
{
	size_t here;

	if (iter->left == 0 || max == 0)
		return false;
	while (iter->skip == iter->iov->iov_len) {
		iter->iov++;
		iter->skip = 0;
	}
	here = MIN(iter->iov->iov_len - iter->skip, MIN(iter->left, max));
	ret_seg->iov_base = (char *)iter->iov->iov_base + iter->skip;
	ret_seg->iov_len = here;
	iter->skip += here;
	iter->left -= here;
	return true;
}

void bio_advance(struct bio *bio, size_t bytes)
{
	size_t left = bytes;

	bio->bi_sector += bytes >> SECTOR_SHIFT;
	bio->bi_size -= bytes;
	while (bio->bi_vcnt > 0 && left >= bio->bi_iov->iov_len - bio->bi_skip) {
		left -= bio->bi_iov->iov_len - bio->bi_skip;
		bio->bi_skip = 0;
		bio->bi_iov++;
		bio->bi_vcnt--;
	}
	bio->bi_skip += left;
	if (bytes > 0) {
		bio->bi_head = NULL;
		bio->bi_head_size = 0;
	}
	if (bio->bi_crypt_context)
		bio_crypt_advance(bio->bi_crypt_context, bytes);
}

void bio_clone(const struct bio *bio, struct bio *clone, struct blk_device *bdev)
{
	bio_init(clone, bdev, bio->bi_file, bio->bi_op, bio->bi_sector, NULL, 0);
	clone->bi_flags = bio->bi_flags;
	clone->bi_iov = bio->bi_iov;
	clone->bi_vcnt = bio->bi_vcnt;
	clone->bi_skip = bio->bi_skip;
	clone->bi_size = bio->bi_size;
	clone->bi_head = bio->bi_head;
	clone->bi_head_size = bio->bi_head_size;
	if (bio->bi_crypt_context)
		bio_crypt_set_ctx(clone, bio->bi_crypt_context->bc_key,
				  bio->bi_crypt_context->bc_dun);
}

int bio_split(struct bio *bio, size_t bytes, struct bio *front)
{
	size_t unit = SECTOR_SIZE;

	if (bio->bi_crypt_context)
		unit = MAX(unit, bio->bi_crypt_context->bc_key->crypto_cfg.data_unit_size);
	if (bytes == 0 || bytes >= bio->bi_size || (bytes & (unit - 1)) != 0)
		return -EINVAL;
	bio_clone(bio, front, bio->bi_bdev);
	front->bi_size = bytes;
	bio_advance(bio, bytes);
	/* Not more vectors than it has bytes of. */
	front->bi_vcnt -= bio->bi_skip > 0 ? bio->bi_vcnt - 1 : bio->bi_vcnt;
	return 0;
}

static void chain_end_io(struct bio *child)
{
	struct bio *parent = child->bi_private;
	int none = 0, err = bio_errno(child);

	if (err)
		atomic_compare_exchange_strong(&parent->bi_chain_errno, &none, err);
	bio_endio(parent);
}

void bio_chain(struct bio *child, struct bio *parent)
{
	child->bi_end_io = chain_end_io;
	child->bi_private = parent;
	if (!parent->bi_is_chained) {
		parent->bi_is_chained = true;
		atomic_store(&parent->bi_remaining, 1);
	}
	atomic_fetch_add(&parent->bi_remaining, 1);
}

/* ---- completion --------------------------------------------------------------------------- */

/* True when this was the last of @bio and its children. */
static bool chain_done(struct bio *bio)
{
	int err;

	if (atomic_fetch_sub(&bio->bi_remaining, 1) != 1)
		return false;
	bio->bi_is_chained = false;
	err = atomic_load(&bio->bi_chain_errno);
	if (err && bio->bi_status == BLK_STS_OK)
		bio_set_errno(bio, err);
	return true;
}

void bio_endio(struct bio *bio)
{
	if (unlikely(bio->bi_is_chained) && !chain_done(bio))
		return;
	blk_account_end(bio);
	/* The key is free to go before anybody hears of it. */
	if (bio->bi_counted)
		blk_crypto_bio_uncount(bio);
	bio->bi_end_io(bio);
}

/*
 * An error is counted where it arises, that is in the two functions below: one that a layer merely
 * hands upward with bio_endio() has been counted underneath.
 */
static void count_error(struct bio *bio)
{
	if (bio->bi_status != BLK_STS_OK && bio->bi_bdev)
		stat_inc(&bio->bi_bdev->stats.errors);
}

void bio_end_status(struct bio *bio, enum blk_status status)
{
	bio->bi_status = status;
	bio->bi_errno = 0;
	count_error(bio);
	bio_endio(bio);
}

void bio_end_errno(struct bio *bio, int err)
{
	bio_set_errno(bio, err);
	count_error(bio);
	bio_endio(bio);
}

void bio_set_errno(struct bio *bio, int err)
{
	bio->bi_status = errno_to_blk_status(err);
	bio->bi_errno = 0;
	if (blk_status_to_errno(bio->bi_status) != err) {
		bio->bi_status = BLK_STS_BACKING;
		bio->bi_errno = err;
	}
}

int bio_errno(const struct bio *bio)
{
	if (bio->bi_status == BLK_STS_BACKING && bio->bi_errno < 0)
		return bio->bi_errno;
	return blk_status_to_errno(bio->bi_status);
}

struct bio_waiter {
	pthread_mutex_t lock;
	pthread_cond_t wait;
	bool done; /* Protected by lock */
};

static void wait_end_io(struct bio *bio)
{
	struct bio_waiter *waiter = bio->bi_private;

	/* The signal is sent under the lock: once it is dropped the waiter's stack may be gone. */
	pthread_mutex_lock(&waiter->lock);
	waiter->done = true;
	pthread_cond_signal(&waiter->wait);
	pthread_mutex_unlock(&waiter->lock);
}

int submit_bio_wait(struct bio *bio)
{
	struct bio_waiter waiter = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.wait = PTHREAD_COND_INITIALIZER,
	};

	bio->bi_end_io = wait_end_io;
	bio->bi_private = &waiter;
	blk_crypto_submit_bio(bio);
	blk_flush_plug();

	pthread_mutex_lock(&waiter.lock);
	while (!waiter.done)
		pthread_cond_wait(&waiter.wait, &waiter.lock);
	pthread_mutex_unlock(&waiter.lock);
	pthread_cond_destroy(&waiter.wait);
	pthread_mutex_destroy(&waiter.lock);
	return bio_errno(bio);
}
