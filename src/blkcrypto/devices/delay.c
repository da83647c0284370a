/* SPDX-License-Identifier: GPL-3.0-or-later */
/* delay.c - each request waits before it goes on */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "blkcrypto/bio-part.h"
#include "blkcrypto/blk-device-opt.h"
#include "blkcrypto/devices/devices.h"

struct delay {
	uint64_t usecs[3]; /* of enum bio_op */
};

static int delay_open(struct blk_device *dev, const struct blk_device_opt *opts, char **ret_why)
{
	static const char *const known[] = { "read", "write", "flush", NULL };
	struct delay *delay;
	int err;

	err = blk_device_opts_check(opts, known, ret_why);
	if (err)
		return err;
	delay = calloc(1, sizeof(*delay));
	if (!delay)
		return -ENOMEM;
	err = blk_opt_usecs(opts, "read", 0, &delay->usecs[REQ_OP_READ], ret_why);
	if (!err)
		err = blk_opt_usecs(opts, "write", delay->usecs[REQ_OP_READ],
				    &delay->usecs[REQ_OP_WRITE], ret_why);
	if (!err)
		err = blk_opt_usecs(opts, "flush", delay->usecs[REQ_OP_WRITE],
				    &delay->usecs[REQ_OP_FLUSH], ret_why);
	if (err) {
		free(delay);
		return err;
	}
	dev->private = delay;
	return 0;
}

static void delay_close(struct blk_device *dev)
{
	free(dev->private);
}

static void delay_submit_bio(struct blk_device *dev, struct bio *bio)
{
	const struct delay *delay = dev->private;
	uint64_t usecs = delay->usecs[bio->bi_op];
	struct timespec left = {
		.tv_sec = (time_t)(usecs / 1000000),
		.tv_nsec = (long)(usecs % 1000000) * 1000,
	};

	/* In the submitter's thread, which may sleep: a pool's worker must not submit. */
	while (usecs > 0 && nanosleep(&left, &left) < 0 && errno == EINTR)
		;
	bio_pass(bio, dev->children[0]);
}

const struct blk_device_type dev_delay_type = {
	.name = "delay",
	.help = "each request waits before it goes on (read=TIME,write=TIME,flush=TIME)",
	.max_children = 1,
	.flags = BLK_DEVICE_PASSES_CRYPTO | BLK_DEVICE_TARGET,
	.open = delay_open,
	.close = delay_close,
	.submit_bio = delay_submit_bio,
};
