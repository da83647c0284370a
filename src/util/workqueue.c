/* SPDX-License-Identifier: GPL-3.0-or-later */
/* workqueue.c - works are numbered as they come; a flush waits until no lower number is left */
#include "util/workqueue.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/compiler.h"

struct worker {
	struct workqueue *wq;
	pthread_t thread;
	uint64_t running; /* number of the work being run, 0 for none. Protected by wq->mutex */
};

struct workqueue {
	char name[16];
	pthread_mutex_t mutex;
	pthread_cond_t more;	   /* a work was queued, or stopping was set */
	pthread_cond_t done;	   /* a work has returned; signalled only if flushers */
	struct work *head, **tail; /* Protected by mutex */
	uint64_t queued;	   /* number of the newest work. Protected by mutex */
	uint64_t started;	   /* number of the newest work taken out. Protected by mutex */
	unsigned idle;		   /* threads waiting for more. Protected by mutex */
	unsigned flushers;	   /* Protected by mutex */
	bool stopping;		   /* Protected by mutex */
	unsigned threads;	   /* how many were started; constant afterwards */
	struct worker workers[];
};

static struct work *dequeue_locked(struct workqueue *wq)
{
	struct work *work = wq->head;

	wq->head = work->next;
	if (!wq->head)
		wq->tail = &wq->head;
	return work;
}

static void *worker_main(void *arg)
{
	struct worker *self = arg;
	struct workqueue *wq = self->wq;
	struct work *work;

	pthread_setname_np(pthread_self(), wq->name);
	pthread_mutex_lock(&wq->mutex);
	for (;;) {
		while (!wq->head && !wq->stopping) {
			wq->idle++;
			pthread_cond_wait(&wq->more, &wq->mutex);
			wq->idle--;
		}
		if (!wq->head)
			break;
		work = dequeue_locked(wq);
		self->running = ++wq->started;
		pthread_mutex_unlock(&wq->mutex);

		/* It may be freed or queued again in there: not touched afterwards. */
		work->fn(work);

		pthread_mutex_lock(&wq->mutex);
		self->running = 0;
		if (wq->flushers)
			pthread_cond_broadcast(&wq->done);
	}
	pthread_mutex_unlock(&wq->mutex);
	return NULL;
}

struct workqueue *workqueue_create(const char *name, unsigned threads)
{
	struct workqueue *wq;
	sigset_t all, old;
	unsigned i;
	int err = 0;

	wq = calloc(1, sizeof(*wq) + threads * sizeof(wq->workers[0]));
	if (!wq)
		return NULL;
	snprintf(wq->name, sizeof(wq->name), "%s", name);
	pthread_mutex_init(&wq->mutex, NULL);
	pthread_cond_init(&wq->more, NULL);
	pthread_cond_init(&wq->done, NULL);
	wq->tail = &wq->head;

	/* Signals are for the main thread; workers inherit this mask. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (i = 0; i < threads && !err; i++) {
		wq->workers[i].wq = wq;
		err = pthread_create(&wq->workers[i].thread, NULL, worker_main, &wq->workers[i]);
		if (!err)
			wq->threads++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err) {
		workqueue_destroy(wq);
		return NULL;
	}
	return wq;
}

void workqueue_queue(struct workqueue *wq, struct work *work)
{
	work->next = NULL;
	pthread_mutex_lock(&wq->mutex);
	*wq->tail = work;
	wq->tail = &work->next;
	wq->queued++;
	/* A busy worker looks at the queue anyway before it sleeps. */
	if (wq->idle)
		pthread_cond_signal(&wq->more);
	pthread_mutex_unlock(&wq->mutex);
}

static bool finished_locked(const struct workqueue *wq, uint64_t number)
{
	unsigned i;

	if (wq->started < number)
		return false;
	for (i = 0; i < wq->threads; i++)
		if (wq->workers[i].running && wq->workers[i].running <= number)
			return false;
	return true;
}

void workqueue_flush(struct workqueue *wq)
{
	uint64_t number;

	pthread_mutex_lock(&wq->mutex);
	number = wq->queued;
	wq->flushers++;
	while (!finished_locked(wq, number))
		pthread_cond_wait(&wq->done, &wq->mutex);
	wq->flushers--;
	pthread_mutex_unlock(&wq->mutex);
}

void workqueue_destroy(struct workqueue *wq)
{
	unsigned i;

	if (!wq)
		return;
	pthread_mutex_lock(&wq->mutex);
	wq->stopping = true;
	pthread_cond_broadcast(&wq->more);
	pthread_mutex_unlock(&wq->mutex);
	for (i = 0; i < wq->threads; i++)
		pthread_join(wq->workers[i].thread, NULL);
	pthread_cond_destroy(&wq->done);
	pthread_cond_destroy(&wq->more);
	pthread_mutex_destroy(&wq->mutex);
	free(wq);
}
