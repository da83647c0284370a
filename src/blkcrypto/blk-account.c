/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-account.c - what each device of a stack was given, and how long it took */
#include "blkcrypto/blk-account.h"

#include "blkcrypto/blk-device.h"

void blk_account_start(struct blk_device *bdev, struct bio *bio)
{
	struct blk_device_stats *stats = &bdev->stats;

	switch (bio->bi_op) {
	case REQ_OP_READ:
		stat_inc(&stats->reads);
		stat_add(&stats->read_bytes, bio->bi_size);
		break;
	case REQ_OP_WRITE:
		stat_inc(&stats->writes);
		stat_add(&stats->write_bytes, bio->bi_head_size + bio->bi_size);
		break;
	case REQ_OP_FLUSH:
		stat_inc(&stats->flushes);
		break;
	}
	if (bio->bi_account_depth == BIO_ACCOUNT_MAX || (unsigned)bio->bi_op >= REQ_OP_COUNT)
		return;
	bio->bi_account[bio->bi_account_depth].bdev = bdev;
	bio->bi_account[bio->bi_account_depth].since = clock_ns();
	bio->bi_account_depth++;
}

void blk_account_end(struct bio *bio)
{
	uint64_t now;

	if (bio->bi_account_depth == bio->bi_account_base)
		return;
	now = clock_ns();
	while (bio->bi_account_depth > bio->bi_account_base) {
		bio->bi_account_depth--;
		histogram_add(
			&bio->bi_account[bio->bi_account_depth].bdev->stats.latency[bio->bi_op],
			now - bio->bi_account[bio->bi_account_depth].since);
	}
}
