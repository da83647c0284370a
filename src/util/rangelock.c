/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rangelock.c - a queue in order of arrival: who overlaps nobody in front of him may go
 *
 * The list holds those who have their range and those who wait for it, oldest first. A newcomer
 * respects also the waiting ones in front, so a stream of readers cannot starve a writer, and
 * nobody waits for anybody behind, so there is no cycle. No flag says "granted": it follows from
 * the place in the list.
 */
#include "util/rangelock.h"

#include "util/compiler.h"

void rangelock_init(struct rangelock *rl)
{
	pthread_mutex_init(&rl->mutex, NULL);
	pthread_cond_init(&rl->wait, NULL);
	rl->held = NULL;
	rl->waiters = 0;
}

void rangelock_destroy(struct rangelock *rl)
{
	assert(!rl->held);
	pthread_cond_destroy(&rl->wait);
	pthread_mutex_destroy(&rl->mutex);
}

/* The list is a ring, so that its end is found from its head. */
static void append(struct rangelock *rl, struct rangelock_held *held)
{
	struct rangelock_held *head = rl->held;

	if (!head) {
		rl->held = held->prev = held->next = held;
		return;
	}
	held->prev = head->prev;
	held->next = head;
	head->prev->next = held;
	head->prev = held;
}

static void unlink_held(struct rangelock *rl, struct rangelock_held *held)
{
	if (held->next == held) {
		rl->held = NULL;
		return;
	}
	held->prev->next = held->next;
	held->next->prev = held->prev;
	if (rl->held == held)
		rl->held = held->next;
}

static bool conflict(const struct rangelock_held *a, const struct rangelock_held *b)
{
	return (a->exclusive || b->exclusive) && a->start < b->end && b->start < a->end;
}

static bool must_wait(const struct rangelock *rl, const struct rangelock_held *held)
{
	const struct rangelock_held *h;

	for (h = rl->held; h != held; h = h->next)
		if (conflict(h, held))
			return true;
	return false;
}

void rangelock_lock(struct rangelock *rl, struct rangelock_held *held, uint64_t start, uint64_t end,
		    bool exclusive)
{
	held->start = start;
	held->end = end;
	held->exclusive = exclusive;

	pthread_mutex_lock(&rl->mutex);
	append(rl, held);
	if (unlikely(must_wait(rl, held))) {
		rl->waiters++;
		do {
			pthread_cond_wait(&rl->wait, &rl->mutex);
		} while (must_wait(rl, held));
		rl->waiters--;
	}
	pthread_mutex_unlock(&rl->mutex);
}

void rangelock_unlock(struct rangelock *rl, struct rangelock_held *held)
{
	pthread_mutex_lock(&rl->mutex);
	unlink_held(rl, held);
	/* All of them: one departure may let several go. Under the mutex, lest @rl be gone by then.
	 */
	if (unlikely(rl->waiters))
		pthread_cond_broadcast(&rl->wait);
	pthread_mutex_unlock(&rl->mutex);
}
