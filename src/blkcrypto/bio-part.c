/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bio-part.c - a part of a bio, or all of it, sent to another device and waited for */
#include "blkcrypto/bio-part.h"

#include "blkcrypto/blk-crypto.h"
#include "blkcrypto/blk-device.h"

static bool submit(struct bio *bio, struct bio *clone)
{
	submit_bio_wait(clone);
	bio->bi_status = clone->bi_status;
	bio->bi_errno = clone->bi_errno;
	return bio->bi_status == BLK_STS_OK;
}

static bool fail(struct bio *bio, enum blk_status status)
{
	bio->bi_status = status;
	bio->bi_errno = 0;
	return false;
}

bool bio_submit_part(struct bio *bio, struct blk_device *dev, uint64_t sector, size_t skip,
		     size_t len)
{
	const struct bio_crypt_ctx *ctx = bio->bi_crypt_context;
	struct bio clone;

	if (ctx && (skip & (ctx->bc_key->crypto_cfg.data_unit_size - 1)))
		return fail(bio, BLK_STS_INVAL);
	bio_clone(bio, &clone, dev);
	bio_advance(&clone, skip);
	clone.bi_size = len;
	clone.bi_sector = sector;
	return submit(bio, &clone);
}

bool bio_submit_clone(struct bio *bio, struct blk_device *dev, uint64_t sector)
{
	return bio_submit_part(bio, dev, sector, 0, bio->bi_size);
}

void bio_submit_to_all(struct bio *bio, struct blk_device *const *devs, unsigned count)
{
	enum blk_status status = BLK_STS_OK;
	int err = 0;

	for (unsigned i = 0; i < count; i++) {
		if (!bio_submit_clone(bio, devs[i], bio->bi_sector) && status == BLK_STS_OK) {
			status = bio->bi_status;
			err = bio->bi_errno;
		}
	}
	bio->bi_status = status;
	bio->bi_errno = err;
}

bool bio_submit_head(struct bio *bio, struct blk_device *dev, uint64_t sector)
{
	struct iovec iov = { .iov_base = (void *)bio->bi_head, .iov_len = bio->bi_head_size };
	struct bio clone;

	if (bio->bi_head_size % SECTOR_SIZE || sector < bio->bi_head_size >> SECTOR_SHIFT)
		return fail(bio, BLK_STS_INVAL);
	bio_init(&clone, dev, bio->bi_file, REQ_OP_WRITE,
		 sector - (bio->bi_head_size >> SECTOR_SHIFT), &iov, 1);
	return submit(bio, &clone);
}

void bio_pass(struct bio *bio, struct blk_device *dev)
{
	bio->bi_bdev = dev;
	blk_crypto_submit_bio(bio);
}
