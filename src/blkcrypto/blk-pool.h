/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-pool.h - a fixed number of objects, taken and given back without a lock, waited for if need
 * be */
#ifndef BLKCRYPTO_BLK_POOL_H
#define BLKCRYPTO_BLK_POOL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "util/stats.h"

struct blk_pool {
	unsigned num_objects;
	stat_counter waits;
	/* private: blk-pool.c */
	size_t size;
	uint8_t *mem;
	atomic_uint *next;     /* per object: which is below it, plus one; 0: none */
	_Atomic uint64_t head; /* the uppermost plus one, and in the high half a count of changes */
	atomic_uint waiters;
	pthread_mutex_t lock;
	pthread_cond_t wait;
};

/* @num objects of @size bytes each, zeroed, all of them free. 0, -EINVAL for none, -ENOMEM. */
int blk_pool_init(struct blk_pool *pool, unsigned num, size_t size);
void blk_pool_destroy(struct blk_pool *pool); /* nothing is out */

/*
 * An object, with the content that it was put back with. Waits while all are out, after sending
 * what is in the thread's plug. Context: the caller holds nothing that those who put one need.
 */
void *blk_pool_get(struct blk_pool *pool);
void blk_pool_put(struct blk_pool *pool, void *obj); /* Context: any thread */

#endif
