/* SPDX-License-Identifier: GPL-3.0-or-later */
/* error.c - every bio fails */
#include <errno.h>
#include <stdint.h>

#include "blkcrypto/blk-device-opt.h"
#include "blkcrypto/devices/devices.h"

static int error_open(struct blk_device *dev, const struct blk_device_opt *opts, char **ret_why)
{
	static const char *const known[] = { "errno", NULL };
	int err, with;

	err = blk_device_opts_check(opts, known, ret_why);
	if (!err)
		err = blk_opt_errno(opts, "errno", -EIO, &with, ret_why);
	if (!err)
		dev->private = (void *)(intptr_t)with;
	return err;
}

static void error_close(struct blk_device *dev)
{
}

static void error_submit_bio(struct blk_device *dev, struct bio *bio)
{
	bio_end_errno(bio, (int)(intptr_t)dev->private);
}

const struct blk_device_type dev_error_type = {
	.name = "error",
	.help = "fails every request (errno=NAME)",
	.flags = BLK_DEVICE_TARGET,
	.open = error_open,
	.close = error_close,
	.submit_bio = error_submit_bio,
};
