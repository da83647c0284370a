/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zero.c - reads zeros, forgets what is written */
#include <string.h>

#include "blkcrypto/devices/devices.h"

static int zero_open(struct blk_device *dev, const struct blk_device_opt *opts, char **ret_why)
{
	static const char *const known[] = { NULL };

	return blk_device_opts_check(opts, known, ret_why);
}

static void zero_close(struct blk_device *dev)
{
}

/* With a context as without: there is nothing that could be encrypted or decrypted. */
static void zero_submit_bio(struct blk_device *dev, struct bio *bio)
{
	struct bio_iter iter;
	struct iovec seg;

	if (bio->bi_op == REQ_OP_READ)
		bio_for_each_segment(seg, bio, iter) memset(seg.iov_base, 0, seg.iov_len);
	bio_end_status(bio, BLK_STS_OK);
}

const struct blk_device_type dev_zero_type = {
	.name = "zero",
	.help = "reads zeros and forgets what is written",
	.flags = BLK_DEVICE_PASSES_CRYPTO | BLK_DEVICE_TARGET | BLK_DEVICE_LOSES_DATA,
	.open = zero_open,
	.close = zero_close,
	.submit_bio = zero_submit_bio,
};
