/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mirror.c - the same on several devices; reads go to another one on error */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "blkcrypto/bio-part.h"
#include "blkcrypto/devices/devices.h"
#include "util/log.h"

#define MAX_LEGS 8

struct mirror {
	/*
	 * Legs that a write or flush failed on while another one took it: they lack data, so
	 * nothing is read from them or written to them any more. At least one leg is never in here.
	 */
	atomic_uint failed;
	atomic_uint next; /* leg for the next read */
};

static int mirror_open(struct blk_device *dev, const struct blk_device_opt *opts, char **ret_why)
{
	static const char *const known[] = { NULL };
	int err = blk_device_opts_check(opts, known, ret_why);

	if (err)
		return err;
	dev->private = calloc(1, sizeof(struct mirror));
	return dev->private ? 0 : -ENOMEM;
}

static void mirror_close(struct blk_device *dev)
{
	free(dev->private);
}

/* From leg to leg, beginning with the next in turn, until one can read it. */
static void mirror_read(struct blk_device *dev, struct bio *bio)
{
	struct mirror *mirror = dev->private;
	unsigned first = atomic_fetch_add_explicit(&mirror->next, 1, memory_order_relaxed);

	for (unsigned i = 0; i < dev->num_children; i++) {
		unsigned leg = (first + i) % dev->num_children;

		if (atomic_load(&mirror->failed) & 1u << leg)
			continue;
		if (bio_submit_clone(bio, dev->children[leg], bio->bi_sector))
			break;
	}
	bio_endio(bio);
}

static void fail_legs(struct blk_device *dev, unsigned legs)
{
	struct mirror *mirror = dev->private;
	unsigned all = (1u << dev->num_children) - 1, old = atomic_load(&mirror->failed);

	/* Two writers may each have lost the other's leg: the last one that is left stays. */
	do {
		if ((old | legs) == all || (old | legs) == old)
			return;
	} while (!atomic_compare_exchange_weak(&mirror->failed, &old, old | legs));
	log_err("device mirror: a write failed on leg(s) 0x%x of %u: out of use from now on", legs,
		dev->num_children);
}

/* On all legs. It is written when one of them has it; the others are out of use then. */
static void mirror_write(struct blk_device *dev, struct bio *bio)
{
	struct mirror *mirror = dev->private;
	unsigned good = 0, bad = 0;
	enum blk_status status = BLK_STS_IOERR;
	int err = 0;

	for (unsigned i = 0; i < dev->num_children; i++) {
		if (atomic_load(&mirror->failed) & 1u << i)
			continue;
		if (bio_submit_clone(bio, dev->children[i], bio->bi_sector)) {
			good |= 1u << i;
		} else {
			bad |= 1u << i;
			status = bio->bi_status;
			err = bio->bi_errno;
		}
	}
	if (good) {
		if (bad)
			fail_legs(dev, bad);
		/* Unless the good one is one that another writer has given up meanwhile. */
		if (good & ~atomic_load(&mirror->failed)) {
			status = BLK_STS_OK;
			err = 0;
		}
	}
	bio->bi_status = status;
	bio->bi_errno = err;
	bio_endio(bio);
}

static void mirror_submit_bio(struct blk_device *dev, struct bio *bio)
{
	if (bio->bi_op == REQ_OP_READ)
		mirror_read(dev, bio);
	else
		mirror_write(dev, bio);
}

const struct blk_device_type dev_mirror_type = {
	.name = "mirror",
	.help = "the same on several devices; what one of them cannot read another one reads",
	.min_children = 2,
	.max_children = MAX_LEGS,
	.flags = BLK_DEVICE_PASSES_CRYPTO | BLK_DEVICE_TARGET,
	.open = mirror_open,
	.close = mirror_close,
	.submit_bio = mirror_submit_bio,
};
