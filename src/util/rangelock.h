/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rangelock.h - shared and exclusive locks on byte ranges of one object */
#ifndef UTIL_RANGELOCK_H
#define UTIL_RANGELOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* One per file. Opaque in use; open so that it can be embedded. */
struct rangelock {
	pthread_mutex_t mutex;
	pthread_cond_t wait;
	struct rangelock_held *held; /* oldest of a ring, waiting ones too. Protected by mutex */
	unsigned waiters;	     /* Protected by mutex */
};

/* A range that is held; lives on the holder's stack. */
struct rangelock_held {
	uint64_t start, end; /* [start, end) */
	bool exclusive;
	struct rangelock_held *prev, *next;
};

void rangelock_init(struct rangelock *rl);
void rangelock_destroy(struct rangelock *rl);

/*
 * Wait until no conflicting range is held, then hold [start, end). UINT64_MAX as @end means all.
 * Conflicting requests are served in order of arrival, so neither side starves; hence a thread that
 * holds a shared range must not ask for an overlapping one again. @held stays in place until
 * unlock. Not recursive. Context: may block; no lock of the inode's may be held but its size lock.
 */
void rangelock_lock(struct rangelock *rl, struct rangelock_held *held, uint64_t start, uint64_t end,
		    bool exclusive);
void rangelock_unlock(struct rangelock *rl, struct rangelock_held *held);

#endif
