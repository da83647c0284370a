/* SPDX-License-Identifier: GPL-3.0-or-later */
/* linear.c - one device below, at an offset where it has sectors of its own */
#include <errno.h>
#include <stdlib.h>

#include "blkcrypto/bio-part.h"
#include "blkcrypto/blk-device-opt.h"
#include "blkcrypto/devices/devices.h"

#define MAX_SECTOR ((uint64_t)INT64_MAX >> SECTOR_SHIFT)

struct linear {
	uint64_t offset; /* sectors */
};

static int linear_open(struct blk_device *dev, const struct blk_device_opt *opts, char **ret_why)
{
	static const char *const known[] = { "offset", NULL };
	struct linear *linear;
	uint64_t offset;
	int err;

	err = blk_device_opts_check(opts, known, ret_why);
	if (!err)
		err = blk_opt_sectors(opts, "offset", 0, &offset, ret_why);
	if (err)
		return err;
	if (offset > MAX_SECTOR)
		return blk_device_fail(ret_why, -EINVAL, "offset=%s is past the end of any device",
				       blk_device_opt_get(opts, "offset"));
	linear = calloc(1, sizeof(*linear));
	if (!linear)
		return -ENOMEM;
	linear->offset = offset;
	dev->private = linear;
	return 0;
}

static void linear_close(struct blk_device *dev)
{
	free(dev->private);
}

static void linear_submit_bio(struct blk_device *dev, struct bio *bio)
{
	const struct linear *linear = dev->private;

	if (dev->space == BLK_SPACE_OWN) {
		/* Past the last sector there is, where the position in bytes would begin anew. */
		if (bio->bi_sector > MAX_SECTOR - linear->offset) {
			bio_end_errno(bio, -EFBIG);
			return;
		}
		bio->bi_sector += linear->offset;
	}
	bio_pass(bio, dev->children[0]);
}

const struct blk_device_type dev_linear_type = {
	.name = "linear",
	.help = "what is below, moved by an offset where it has a space of its own (offset=SIZE)",
	.max_children = 1,
	.flags = BLK_DEVICE_PASSES_CRYPTO | BLK_DEVICE_TARGET,
	.open = linear_open,
	.close = linear_close,
	.submit_bio = linear_submit_bio,
};
