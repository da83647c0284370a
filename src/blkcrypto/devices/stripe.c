/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stripe.c - chunks in turn over several devices */
#include <errno.h>
#include <stdlib.h>

#include "blkcrypto/bio-part.h"
#include "blkcrypto/blk-device-opt.h"
#include "blkcrypto/devices/devices.h"
#include "util/bits.h"

#define DEFAULT_CHUNK (UINT64_C(65536) >> SECTOR_SHIFT)
#define MIN_CHUNK     (UINT64_C(4096) >> SECTOR_SHIFT) /* no data unit is cut */

struct stripe {
	uint64_t chunk; /* sectors, a power of two */
};

static int stripe_open(struct blk_device *dev, const struct blk_device_opt *opts, char **ret_why)
{
	static const char *const known[] = { "chunk", NULL };
	struct stripe *stripe;
	uint64_t chunk;
	int err;

	err = blk_device_opts_check(opts, known, ret_why);
	if (!err)
		err = blk_opt_sectors(opts, "chunk", DEFAULT_CHUNK, &chunk, ret_why);
	if (err)
		return err;
	if (chunk < MIN_CHUNK || !is_power_of_2(chunk))
		return blk_device_fail(ret_why, -EINVAL,
				       "chunk=%s is not a power of two from 4K on",
				       blk_device_opt_get(opts, "chunk"));
	stripe = calloc(1, sizeof(*stripe));
	if (!stripe)
		return -ENOMEM;
	stripe->chunk = chunk;
	dev->private = stripe;
	return 0;
}

static void stripe_close(struct blk_device *dev)
{
	free(dev->private);
}

/* The device that @sector is on, and where. Without a space of its own it stays where it is. */
static struct blk_device *stripe_map(const struct blk_device *dev, uint64_t sector,
				     uint64_t *ret_sector)
{
	const struct stripe *stripe = dev->private;
	uint64_t chunk = sector / stripe->chunk;

	*ret_sector = sector;
	if (dev->space == BLK_SPACE_OWN)
		*ret_sector = chunk / dev->num_children * stripe->chunk + sector % stripe->chunk;
	return dev->children[chunk % dev->num_children];
}

/* What lies in front may be on another device than the data: then it goes first, alone. */
static bool stripe_submit_head(const struct blk_device *dev, struct bio *bio)
{
	const struct stripe *stripe = dev->private;
	uint64_t head = bio->bi_head_size >> SECTOR_SHIFT, sector;
	struct blk_device *child;

	if (bio->bi_head_size == 0 || bio->bi_sector % stripe->chunk >= head)
		return true;
	if (head > stripe->chunk) {
		bio->bi_status = BLK_STS_INVAL;
		return false;
	}
	child = stripe_map(dev, bio->bi_sector - head, &sector);
	if (!bio_submit_head(bio, child, sector + head))
		return false;
	bio->bi_head = NULL;
	bio->bi_head_size = 0;
	return true;
}

static void stripe_submit_bio(struct blk_device *dev, struct bio *bio)
{
	const struct stripe *stripe = dev->private;
	uint64_t in_chunk = bio->bi_sector % stripe->chunk, sector;
	size_t room = (stripe->chunk - in_chunk) << SECTOR_SHIFT, done = 0;
	struct blk_device *child;

	if (bio->bi_op == REQ_OP_FLUSH) {
		bio_submit_to_all(bio, dev->children, dev->num_children);
		bio_endio(bio);
		return;
	}
	if (!stripe_submit_head(dev, bio)) {
		bio_endio(bio);
		return;
	}
	if (bio->bi_size <= room) {
		child = stripe_map(dev, bio->bi_sector, &sector);
		bio->bi_sector = sector;
		bio_pass(bio, child);
		return;
	}
	while (done < bio->bi_size) {
		size_t len = MIN(room, bio->bi_size - done);

		child = stripe_map(dev, bio->bi_sector + (done >> SECTOR_SHIFT), &sector);
		if (!bio_submit_part(bio, child, sector, done, len))
			break;
		done += len;
		room = stripe->chunk << SECTOR_SHIFT;
	}
	bio_endio(bio);
}

const struct blk_device_type dev_stripe_type = {
	.name = "stripe",
	.help = "chunks in turn over several devices (chunk=SIZE)",
	.min_children = 2,
	.max_children = 16,
	.flags = BLK_DEVICE_PASSES_CRYPTO | BLK_DEVICE_TARGET,
	.open = stripe_open,
	.close = stripe_close,
	.submit_bio = stripe_submit_bio,
};
