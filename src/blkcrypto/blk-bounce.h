/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-bounce.h - memory for ciphertext on its way out: a buffer per thread, a reserve behind it */
#ifndef BLKCRYPTO_BLK_BOUNCE_H
#define BLKCRYPTO_BLK_BOUNCE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLK_BOUNCE_PAGE_SIZE 4096u

/*
 * The most that a thread keeps, since there may be thirty of them. A larger write goes out in
 * pieces, no slower than at once: they are still in the processor's cache when they are written.
 */
#define BLK_BOUNCE_THREAD_MAX (256u << 10)

/* A reserve of pages, for when a thread cannot have a buffer of its own. One per engine. */
struct blk_bounce_pool {
	pthread_mutex_t lock;
	pthread_cond_t wait;
	uint8_t *mem;
	unsigned num_pages;
	bool *used;		  /* per page; protected by lock */
	uint64_t ticket, serving; /* who is next; protected by lock */
};

/* Memory that is held; lives on the holder's stack. */
struct blk_bounce {
	void *buf;
	size_t size; /* bytes */
	/* private: */
	struct blk_bounce_pool *pool; /* NULL: the thread's buffer */
	unsigned first_page, num_pages;
};

/* @num_pages pages of BLK_BOUNCE_PAGE_SIZE, at least 1. 0, -EINVAL, -ENOMEM. */
int blk_bounce_pool_init(struct blk_bounce_pool *pool, unsigned num_pages);
void blk_bounce_pool_destroy(struct blk_bounce_pool *pool); /* nothing is held */

/*
 * @want bytes or, when that much cannot be had at once, fewer: then a multiple of @unit (a power of
 * two). From the thread's buffer as a rule; from @pool, for which it may wait, when that is in use
 * or out of memory. -ENOMEM when not even one unit fits.
 * Context: may sleep; the caller holds nothing of this pool. Put it in the same thread.
 */
int blk_bounce_get(struct blk_bounce_pool *pool, size_t want, size_t unit, struct blk_bounce *ret);
void blk_bounce_put(struct blk_bounce *bounce);

#endif
