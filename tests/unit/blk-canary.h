/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-canary.h - a device over `mem` that looks at every bio, at its own pace */
#ifndef TESTS_UNIT_BLK_CANARY_H
#define TESTS_UNIT_BLK_CANARY_H

#include <stdatomic.h>
#include <unistd.h>

#include "blk-test.h"
#include "util/workqueue.h"

#define MARK "this is plaintext"

static struct canary {
	struct blk_device dev;
	struct blk_device *mem;
	struct workqueue *wq; /* NULL: at once */
	atomic_uint bios, writes, heads, marks, contexts;
	int err;
} canary;

struct canary_work {
	struct work work;
	struct bio *bio;
};

static inline void canary_run(struct bio *bio)
{
	if (canary.err) {
		bio_end_errno(bio, canary.err);
		return;
	}
	bio->bi_bdev = canary.mem;
	blk_crypto_submit_bio(bio);
}

static inline void canary_work(struct work *work)
{
	struct canary_work *cw = container_of(work, struct canary_work, work);
	struct bio *bio = cw->bio;

	free(cw);
	usleep(100);
	canary_run(bio);
}

static inline void canary_submit_bio(struct blk_device *dev, struct bio *bio)
{
	struct canary_work *cw;

	atomic_fetch_add(&canary.bios, 1);
	if (bio->bi_op == REQ_OP_WRITE)
		atomic_fetch_add(&canary.writes, 1);
	if (bio->bi_head_size > 0)
		atomic_fetch_add(&canary.heads, 1);
	if (bio->bi_crypt_context)
		atomic_fetch_add(&canary.contexts, 1);
	for (unsigned i = 0; bio->bi_op == REQ_OP_WRITE && i < bio->bi_vcnt; i++)
		if (memmem(bio->bi_iov[i].iov_base, bio->bi_iov[i].iov_len, MARK, strlen(MARK)))
			atomic_fetch_add(&canary.marks, 1);
	if (!canary.wq) {
		canary_run(bio);
		return;
	}
	cw = calloc(1, sizeof(*cw));
	if (!cw)
		abort();
	cw->work.fn = canary_work;
	cw->bio = bio;
	workqueue_queue(canary.wq, &cw->work);
}

static inline void canary_open(bool no_fallback, unsigned threads)
{
	static const struct blk_device_type type = {
		.name = "canary",
		.submit_bio = canary_submit_bio,
	};

	memset(&canary, 0, sizeof(canary));
	canary.dev.type = &type;
	canary.dev.fallback_disabled = no_fallback;
	canary.dev.children = &canary.mem;
	canary.dev.num_children = 1;
	canary.mem = open_device("mem", no_fallback);
	if (threads > 0) {
		canary.wq = workqueue_create("canary", threads);
		assert_non_null(canary.wq);
	}
}

static inline void canary_close(void)
{
	workqueue_destroy(canary.wq);
	blk_device_close(canary.mem);
}

#endif
