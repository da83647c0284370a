/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-bounce.c - memory for ciphertext on its way out: a buffer per thread, a reserve behind it */
#include "blkcrypto/blk-bounce.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "util/bits.h"
#include "util/compiler.h"

struct thread_buffer {
	void *mem;
	size_t size;
	bool busy;
};

static __thread struct thread_buffer thread_buffer;

/* Exists for its destructor only: the buffer itself is reached through thread_buffer. */
static pthread_key_t thread_key;
static pthread_once_t thread_key_once = PTHREAD_ONCE_INIT;
static bool thread_key_ok;

static void thread_buffer_free(void *arg)
{
	struct thread_buffer *tb = arg;

	munmap(tb->mem, tb->size);
	tb->mem = NULL;
	tb->size = 0;
}

static void thread_key_create(void)
{
	thread_key_ok = pthread_key_create(&thread_key, thread_buffer_free) == 0;
}

static void *map_pages(size_t size)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

/* Few sizes, so that a thread grows its buffer once at most. */
static size_t thread_buffer_size(size_t want)
{
	return want <= 64u << 10 ? 64u << 10 : BLK_BOUNCE_THREAD_MAX;
}

/* Failure leaves the buffer as it was, which may be enough for a part. */
static void thread_buffer_grow(struct thread_buffer *tb, size_t want)
{
	size_t size = thread_buffer_size(want);
	void *mem;

	pthread_once(&thread_key_once, thread_key_create);
	if (!thread_key_ok)
		return;
	mem = map_pages(size);
	if (!mem)
		return;
	if (pthread_setspecific(thread_key, tb) != 0) {
		munmap(mem, size);
		return;
	}
	if (tb->mem)
		munmap(tb->mem, tb->size);
	tb->mem = mem;
	tb->size = size;
}

static size_t fit(size_t want, size_t room, size_t unit)
{
	return want <= room ? want : round_down(room, unit);
}

int blk_bounce_pool_init(struct blk_bounce_pool *pool, unsigned num_pages)
{
	if (num_pages == 0)
		return -EINVAL;
	pool->num_pages = num_pages;
	pool->ticket = 0;
	pool->serving = 0;
	pool->used = calloc(num_pages, sizeof(*pool->used));
	if (!pool->used)
		return -ENOMEM;
	pool->mem = map_pages((size_t)num_pages * BLK_BOUNCE_PAGE_SIZE);
	if (!pool->mem) {
		free(pool->used);
		return -ENOMEM;
	}
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->wait, NULL);
	return 0;
}

void blk_bounce_pool_destroy(struct blk_bounce_pool *pool)
{
	pthread_cond_destroy(&pool->wait);
	pthread_mutex_destroy(&pool->lock);
	munmap(pool->mem, (size_t)pool->num_pages * BLK_BOUNCE_PAGE_SIZE);
	free(pool->used);
}

static bool find_run_locked(const struct blk_bounce_pool *pool, unsigned pages, unsigned *ret_first)
{
	unsigned run = 0;

	for (unsigned i = 0; i < pool->num_pages; i++) {
		run = pool->used[i] ? 0 : run + 1;
		if (run == pages) {
			*ret_first = i + 1 - pages;
			return true;
		}
	}
	return false;
}

/*
 * All pages in one step, never some and then more: two writers that each held a part could wait for
 * each other for ever. First come, first served, so that a large one is not overtaken for ever.
 */
static int reserve_get(struct blk_bounce_pool *pool, size_t want, size_t unit,
		       struct blk_bounce *ret)
{
	size_t all = (size_t)pool->num_pages * BLK_BOUNCE_PAGE_SIZE;
	size_t size = fit(want, all, unit);
	unsigned pages = (unsigned)((size + BLK_BOUNCE_PAGE_SIZE - 1) / BLK_BOUNCE_PAGE_SIZE);
	unsigned first = 0;
	uint64_t ticket;

	if (size == 0)
		return -ENOMEM;
	pthread_mutex_lock(&pool->lock);
	ticket = pool->ticket++;
	while (ticket != pool->serving || !find_run_locked(pool, pages, &first))
		pthread_cond_wait(&pool->wait, &pool->lock);
	for (unsigned i = 0; i < pages; i++)
		pool->used[first + i] = true;
	pool->serving++;
	pthread_cond_broadcast(&pool->wait);
	pthread_mutex_unlock(&pool->lock);

	ret->buf = pool->mem + (size_t)first * BLK_BOUNCE_PAGE_SIZE;
	ret->size = size;
	ret->pool = pool;
	ret->first_page = first;
	ret->num_pages = pages;
	return 0;
}

int blk_bounce_get(struct blk_bounce_pool *pool, size_t want, size_t unit, struct blk_bounce *ret)
{
	struct thread_buffer *tb = &thread_buffer;

	if (!tb->busy) {
		size_t size;

		if (unlikely(tb->size < MIN(want, BLK_BOUNCE_THREAD_MAX)))
			thread_buffer_grow(tb, want);
		size = fit(want, tb->size, unit);
		if (likely(size > 0)) {
			tb->busy = true;
			ret->buf = tb->mem;
			ret->size = size;
			ret->pool = NULL;
			return 0;
		}
	}
	return reserve_get(pool, want, unit, ret);
}

void blk_bounce_put(struct blk_bounce *bounce)
{
	struct blk_bounce_pool *pool = bounce->pool;

	if (!pool) {
		thread_buffer.busy = false;
		return;
	}
	pthread_mutex_lock(&pool->lock);
	for (unsigned i = 0; i < bounce->num_pages; i++)
		pool->used[bounce->first_page + i] = false;
	pthread_cond_broadcast(&pool->wait);
	pthread_mutex_unlock(&pool->lock);
}
