/* SPDX-License-Identifier: GPL-3.0-or-later */
/* workqueue.h - a few threads and a queue */
#ifndef UTIL_WORKQUEUE_H
#define UTIL_WORKQUEUE_H

#include <stdbool.h>

struct workqueue;

/* Embedded in the caller's object; valid until @fn has been entered. */
struct work {
	void (*fn)(struct work *work);
	struct work *next; /* private */
};

/* Start @threads threads named @name. NULL when out of memory. */
struct workqueue *workqueue_create(const char *name, unsigned threads);

/* Append; runs once, in order of queueing for one-thread queues. Context: any thread. */
void workqueue_queue(struct workqueue *wq, struct work *work);

/* Wait until everything queued before the call has returned. Not from a worker. */
void workqueue_flush(struct workqueue *wq);

/* Finish what is queued, join the threads, free. NULL is fine. */
void workqueue_destroy(struct workqueue *wq);

#endif
