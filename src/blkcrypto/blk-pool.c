/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-pool.c - a fixed number of objects, taken and given back without a lock, waited for if need
 * be */
#include "blkcrypto/blk-pool.h"

#include <errno.h>
#include <stdlib.h>

#include "blkcrypto/blk-request.h"
#include "util/bits.h"
#include "util/compiler.h"

#define CACHE_LINE 64

int blk_pool_init(struct blk_pool *pool, unsigned num, size_t size)
{
	if (num == 0)
		return -EINVAL;
	pool->num_objects = num;
	pool->size = round_up(size, CACHE_LINE);
	atomic_init(&pool->waits, 0);
	pool->mem = calloc(num, pool->size);
	if (!pool->mem)
		return -ENOMEM;
	pool->next = calloc(num, sizeof(*pool->next));
	if (!pool->next) {
		free(pool->mem);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < num; i++)
		atomic_init(&pool->next[i], i);
	atomic_init(&pool->head, num);
	atomic_init(&pool->waiters, 0);
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->wait, NULL);
	return 0;
}

void blk_pool_destroy(struct blk_pool *pool)
{
	pthread_cond_destroy(&pool->wait);
	pthread_mutex_destroy(&pool->lock);
	free(pool->next);
	free(pool->mem);
}

/* A stack of numbers. The count makes a head that has been away and come back look different. */
static void *try_get(struct blk_pool *pool)
{
	uint64_t head = atomic_load(&pool->head), below;
	unsigned top;

	do {
		top = (uint32_t)head;
		if (top == 0)
			return NULL;
		below = atomic_load(&pool->next[top - 1]);
	} while (!atomic_compare_exchange_weak(&pool->head, &head,
					       ((head >> 32) + 1) << 32 | below));
	return pool->mem + (size_t)(top - 1) * pool->size;
}

void *blk_pool_get(struct blk_pool *pool)
{
	void *obj = try_get(pool);

	if (likely(obj != NULL))
		return obj;
	blk_flush_plug();
	stat_inc(&pool->waits);
	pthread_mutex_lock(&pool->lock);
	/* Counted before it looks: who puts one back looks at the count afterwards. */
	atomic_fetch_add(&pool->waiters, 1);
	while (!(obj = try_get(pool)))
		pthread_cond_wait(&pool->wait, &pool->lock);
	atomic_fetch_sub(&pool->waiters, 1);
	pthread_mutex_unlock(&pool->lock);
	return obj;
}

void blk_pool_put(struct blk_pool *pool, void *obj)
{
	unsigned number = (unsigned)(((uint8_t *)obj - pool->mem) / pool->size) + 1;
	uint64_t head = atomic_load(&pool->head);

	do {
		atomic_store(&pool->next[number - 1], (uint32_t)head);
	} while (!atomic_compare_exchange_weak(&pool->head, &head,
					       ((head >> 32) + 1) << 32 | number));
	if (likely(atomic_load(&pool->waiters) == 0))
		return;
	pthread_mutex_lock(&pool->lock);
	pthread_cond_signal(&pool->wait);
	pthread_mutex_unlock(&pool->lock);
}
