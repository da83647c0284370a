/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-crypt-workers.c - threads that help with a large piece of work and are never waited for */
#include "blkcrypto/blk-crypt-workers.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "util/compiler.h"
#include "util/thread.h"

/* On the stack of who wants it done. Progress does not depend on a worker: the owner does parts
 * too. */
struct job {
	void (*fn)(void *arg, unsigned part);
	void *arg;
	unsigned parts;
	atomic_uint next_part;
	unsigned helpers;	   /* workers inside; protected by lock */
	struct job *next, **pprev; /* on the board, while parts are left; protected by lock */
};

struct blk_crypt_workers {
	pthread_mutex_t lock;
	pthread_cond_t more; /* a job, or stopping */
	pthread_cond_t left; /* a worker has left a job */
	struct job *board;   /* Protected by lock */
	unsigned idle;	     /* Protected by lock */
	bool stopping;	     /* Protected by lock */
	stat_counter helped;
	unsigned num_threads;
	pthread_t threads[];
};

static void take_off_locked(struct job *job)
{
	if (!job->pprev)
		return;
	*job->pprev = job->next;
	if (job->next)
		job->next->pprev = job->pprev;
	job->pprev = NULL;
}

/* Parts until there are none left. How many. */
static unsigned do_parts(struct job *job)
{
	unsigned done = 0, part;

	while ((part = atomic_fetch_add(&job->next_part, 1)) < job->parts) {
		job->fn(job->arg, part);
		done++;
	}
	return done;
}

static void *worker_main(void *arg)
{
	struct blk_crypt_workers *workers = arg;
	struct job *job;

	pthread_setname_np(pthread_self(), "fuscrypt-crypt");
	pthread_mutex_lock(&workers->lock);
	for (;;) {
		while (!workers->board && !workers->stopping) {
			workers->idle++;
			pthread_cond_wait(&workers->more, &workers->lock);
			workers->idle--;
		}
		job = workers->board;
		if (!job)
			break;
		job->helpers++;
		pthread_mutex_unlock(&workers->lock);
		stat_add(&workers->helped, do_parts(job));
		pthread_mutex_lock(&workers->lock);
		take_off_locked(job);
		job->helpers--;
		pthread_cond_broadcast(&workers->left);
	}
	pthread_mutex_unlock(&workers->lock);
	return NULL;
}

int blk_crypt_workers_create(unsigned threads, struct blk_crypt_workers **ret)
{
	struct blk_crypt_workers *workers =
		calloc(1, sizeof(*workers) + threads * sizeof(pthread_t));
	sigset_t all, old;
	int err = 0;

	if (!workers)
		return -ENOMEM;
	pthread_mutex_init(&workers->lock, NULL);
	pthread_cond_init(&workers->more, NULL);
	pthread_cond_init(&workers->left, NULL);
	/* Signals are for the main thread; workers inherit this mask. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (unsigned i = 0; i < threads && !err; i++) {
		err = thread_create(&workers->threads[i], worker_main, workers);
		if (!err)
			workers->num_threads++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err) {
		blk_crypt_workers_destroy(workers);
		return -ENOMEM;
	}
	*ret = workers;
	return 0;
}

void blk_crypt_workers_destroy(struct blk_crypt_workers *workers)
{
	if (!workers)
		return;
	pthread_mutex_lock(&workers->lock);
	workers->stopping = true;
	pthread_cond_broadcast(&workers->more);
	pthread_mutex_unlock(&workers->lock);
	for (unsigned i = 0; i < workers->num_threads; i++)
		pthread_join(workers->threads[i], NULL);
	pthread_cond_destroy(&workers->left);
	pthread_cond_destroy(&workers->more);
	pthread_mutex_destroy(&workers->lock);
	free(workers);
}

void blk_crypt_workers_run(struct blk_crypt_workers *workers, unsigned parts,
			   void (*fn)(void *arg, unsigned part), void *arg)
{
	struct job job = { .fn = fn, .arg = arg, .parts = parts };
	bool shown;

	/* Nobody to help: not even the board is touched afterwards. */
	pthread_mutex_lock(&workers->lock);
	shown = workers->idle > 0;
	if (shown) {
		job.next = workers->board;
		if (job.next)
			job.next->pprev = &job.next;
		job.pprev = &workers->board;
		workers->board = &job;
		pthread_cond_signal(&workers->more);
	}
	pthread_mutex_unlock(&workers->lock);

	do_parts(&job);
	if (!shown)
		return;
	pthread_mutex_lock(&workers->lock);
	take_off_locked(&job);
	while (job.helpers > 0)
		pthread_cond_wait(&workers->left, &workers->lock);
	pthread_mutex_unlock(&workers->lock);
}

uint64_t blk_crypt_workers_helped(struct blk_crypt_workers *workers)
{
	return stat_read(&workers->helped);
}
