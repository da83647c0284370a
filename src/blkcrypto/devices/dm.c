/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dm.c - a table of targets, each for a range of sectors; it can be loaded anew */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "blkcrypto/bio-part.h"
#include "blkcrypto/devices/devices.h"

#define MAX_TARGETS 64

struct dm {
	/*
	 * dev->children, the targets: shared by a bio for as long as one of them has it, exclusive
	 * for loading a table.
	 */
	pthread_rwlock_t lock;
};

/* Targets follow each other from sector 0 on, as in the kernel's tables. */
static int check_table(struct blk_device *const *targets, unsigned count, char **ret_why)
{
	uint64_t next = 0;

	for (unsigned i = 0; i < count; i++) {
		const struct blk_device *t = targets[i];

		if (!(t->type->flags & BLK_DEVICE_TARGET))
			return blk_device_fail(ret_why, -EINVAL,
					       "%s is not a target; \"linear %s\" is one",
					       t->type->name, t->type->name);
		if (t->range.sectors == 0)
			return blk_device_fail(ret_why, -EINVAL,
					       "target %s has no range like 0+1M in front of it",
					       t->type->name);
		if (t->range.start != next)
			return blk_device_fail(ret_why, -EINVAL,
					       "target %s begins at byte %llu, not at %llu where "
					       "the one before it ends",
					       t->type->name,
					       (unsigned long long)t->range.start << SECTOR_SHIFT,
					       (unsigned long long)next << SECTOR_SHIFT);
		next = t->range.start + t->range.sectors;
	}
	return 0;
}

static int dm_open(struct blk_device *dev, const struct blk_device_opt *opts, char **ret_why)
{
	static const char *const known[] = { NULL };
	pthread_rwlockattr_t attr;
	struct dm *dm;
	int err;

	err = blk_device_opts_check(opts, known, ret_why);
	if (!err)
		err = check_table(dev->children, dev->num_children, ret_why);
	if (err)
		return err;
	dm = calloc(1, sizeof(*dm));
	if (!dm)
		return -ENOMEM;
	/* A table waits for the bios that are under way, not for those that come meanwhile. */
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&dm->lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	dev->private = dm;
	dev->children_lock = &dm->lock;
	return 0;
}

static void dm_close(struct blk_device *dev)
{
	struct dm *dm = dev->private;

	pthread_rwlock_destroy(&dm->lock);
	free(dm);
}

/* ---- bios --------------------------------------------------------------------------------- */

static struct blk_device *find_target(const struct blk_device *dev, uint64_t sector)
{
	for (unsigned i = 0; i < dev->num_children; i++)
		if (sector - dev->children[i]->range.start < dev->children[i]->range.sectors)
			return dev->children[i];
	return NULL;
}

static uint64_t to_target(const struct blk_device *target, uint64_t sector)
{
	return target->space == BLK_SPACE_OWN ? sector - target->range.start : sector;
}

static bool out_of_range(struct bio *bio)
{
	bio->bi_status = BLK_STS_IOERR;
	bio->bi_errno = 0;
	return false;
}

/* What lies in front goes with the data only if the same target has both. */
static bool submit_head(const struct blk_device *dev, struct bio *bio)
{
	uint64_t sector = bio->bi_sector - (bio->bi_head_size >> SECTOR_SHIFT);
	struct blk_device *target;

	if (bio->bi_head_size == 0)
		return true;
	target = find_target(dev, sector);
	if (target && target == find_target(dev, bio->bi_sector))
		return true;
	if (!target || target != find_target(dev, bio->bi_sector - 1))
		return out_of_range(bio);
	if (!bio_submit_head(bio, target, to_target(target, bio->bi_sector)))
		return false;
	bio->bi_head = NULL;
	bio->bi_head_size = 0;
	return true;
}

static void submit_data(const struct blk_device *dev, struct bio *bio)
{
	size_t done = 0;

	if (!submit_head(dev, bio))
		return;
	do {
		uint64_t sector = bio->bi_sector + (done >> SECTOR_SHIFT);
		struct blk_device *target = find_target(dev, sector);
		uint64_t left;
		size_t len = bio->bi_size - done;

		if (!target) {
			out_of_range(bio);
			return;
		}
		left = target->range.start + target->range.sectors - sector;
		if (left < (len + SECTOR_SIZE - 1) >> SECTOR_SHIFT)
			len = left << SECTOR_SHIFT;
		if (!bio_submit_part(bio, target, to_target(target, sector), done, len))
			return;
		done += len;
	} while (done < bio->bi_size);
}

/* To all but those that are nothing but themselves: error and zero have nothing to flush. */
static void flush_targets(const struct blk_device *dev, struct bio *bio)
{
	struct blk_device *targets[MAX_TARGETS];
	unsigned n = 0;

	for (unsigned i = 0; i < dev->num_children; i++)
		if (dev->children[i]->num_children > 0)
			targets[n++] = dev->children[i];
	bio_submit_to_all(bio, targets, n);
}

static void dm_submit_bio(struct blk_device *dev, struct bio *bio)
{
	struct dm *dm = dev->private;

	/* Clones, waited for under the lock: a target stays as long as one of its bios. */
	pthread_rwlock_rdlock(&dm->lock);
	if (bio->bi_op == REQ_OP_FLUSH)
		flush_targets(dev, bio);
	else
		submit_data(dev, bio);
	pthread_rwlock_unlock(&dm->lock);
	bio_endio(bio);
}

const struct blk_device_type dev_dm_type = {
	.name = "dm",
	.help = "a table of targets: dm(0+1M linear sim; 1M+* linear file)",
	.min_children = 1,
	.max_children = MAX_TARGETS,
	.flags = BLK_DEVICE_PASSES_CRYPTO | BLK_DEVICE_TABLE,
	.open = dm_open,
	.close = dm_close,
	.submit_bio = dm_submit_bio,
};
