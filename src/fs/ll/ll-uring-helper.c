/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-uring-helper.c - threads that take over a queue's entry, with a ring of their own */
#include "fs/ll/ll-uring-private.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "util/compiler.h"
#include "util/log.h"
#include "util/thread.h"

/*
 * The kernel does not mind by which ring an entry is committed: where that is done the entry's next
 * request arrives. So a helper that is given an entry with a request commits it itself, and as long
 * as there is reason to it goes on with the requests that come into the entry: nobody else is woken
 * for them. Otherwise the reply goes back through the queue, and the entry with it.
 *
 * The kernel prefers the entry that was committed last, and takes none back. So the helpers of a
 * crowd that has gone stay parked, with entries below all others, and are given work as well, by an
 * eventfd in their ring: first who has been parked for longest, so that the entries which are used
 * have a helper each, and what one waits for keeps nobody else waiting.
 */
#define MOST_KEPT 16 /* entries by one helper; then they go back */

struct uring_helper {
	struct uring_queue *q;
	pthread_t thread;
	pthread_cond_t wake;
	/* Protected by q->help_lock: */
	TAILQ_ENTRY(uring_helper) link;
	enum { HELPER_BUSY, HELPER_IDLE, HELPER_PARKED } where; /* which list it is on */
	struct uring_entry *inbox;
	bool in_crowd; /* what is there: there is much to do, not long to wait */
	/* Changed by the thread: */
	_Atomic unsigned serial; /* odd while it serves a request */
	/* Of the thread: */
	struct io_uring ring; /* made for the first entry: descriptors are not to be wasted */
	bool has_ring;
	int event_fd;
	uint64_t event_count;		     /* read by the ring */
	struct uring_entry *kept[MOST_KEPT]; /* in the ring, for their next requests */
	unsigned num_kept;
	bool replied; /* to what it serves */
};

/* This thread, if it is a helper. */
static _Thread_local struct uring_helper *self;

static void *helper_main(void *arg);

/* ---- on the queue's thread ---- */

static struct uring_helper *new_helper(struct uring_queue *q, struct uring_entry *e, bool in_crowd)
{
	struct uring_helper *h;

	if (q->num_helpers == NUM_HELPERS)
		return NULL;
	h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->q = q;
	h->event_fd = -1;
	h->inbox = e;
	h->in_crowd = in_crowd;
	pthread_cond_init(&h->wake, NULL);
	if (thread_create(&h->thread, helper_main, h) < 0) {
		pthread_cond_destroy(&h->wake);
		free(h);
		return NULL;
	}
	pthread_mutex_lock(&q->help_lock);
	q->helpers[q->num_helpers++] = h;
	pthread_mutex_unlock(&q->help_lock);
	return h;
}

bool ll_uring_help(struct uring_entry *e, bool in_crowd)
{
	struct uring_queue *q = e->q;
	struct uring_helper *h, *parked = NULL;

	/* More threads than processors do not compute more. */
	if (in_crowd && atomic_load(&q->u->crowd) >= q->u->num_queues)
		return false;
	pthread_mutex_lock(&q->help_lock);
	h = TAILQ_FIRST(&q->idle);
	if (h) {
		TAILQ_REMOVE(&q->idle, h, link);
		pthread_cond_signal(&h->wake);
	} else if (q->num_helpers == NUM_HELPERS &&
		   (h = parked = TAILQ_LAST(&q->parked, helper_list))) {
		TAILQ_REMOVE(&q->parked, h, link);
	}
	if (h) {
		h->where = HELPER_BUSY;
		h->inbox = e;
		h->in_crowd = in_crowd;
	}
	pthread_mutex_unlock(&q->help_lock);
	if (!h)
		h = new_helper(q, e, in_crowd);
	if (parked && eventfd_write(parked->event_fd, 1) < 0)
		log_err("a helper cannot be woken: %s", strerror(errno));
	if (h && in_crowd)
		atomic_fetch_add(&q->u->crowd, 1);
	return h;
}

/* ---- on a helper's ---- */

bool ll_uring_helper_commit(struct uring_entry *e)
{
	struct uring_helper *h = self;
	bool stopping;

	if (!h)
		return false;
	h->replied = true;
	/* At the end the queue may be gone. */
	stopping = atomic_load(&h->q->u->stopping);
	if (!h->has_ring || h->num_kept == MOST_KEPT || !(stopping || ll_uring_keep_aside(e)))
		return false;
	h->kept[h->num_kept++] = e;
	atomic_store(&e->unique, 0);
	ll_uring_prepare(&h->ring, e, CMD_COMMIT_AND_FETCH);
	return true;
}

static void serve(struct uring_helper *h, struct uring_entry *e, bool in_crowd)
{
	struct uring_queue *q = h->q;

	h->replied = false;
	e->in_crowd = in_crowd;
	atomic_fetch_add(&h->serial, 1);
	ll_uring_serve_aside(e);
	atomic_fetch_add(&h->serial, 1);
	if (in_crowd)
		atomic_fetch_sub(&q->u->crowd, 1);
	/* Put off: the queue needs another entry. Stopping: it may have waited for this one. */
	if (!h->replied || atomic_load(&q->u->stopping))
		(void)eventfd_write(q->event_fd, 1);
}

/* A kept entry has its next request, or has ended. */
static void complete(struct uring_helper *h, struct uring_entry *e, int res)
{
	unsigned i = 0;

	while (h->kept[i] != e)
		i++;
	h->kept[i] = h->kept[--h->num_kept];
	if (res < 0) {
		e->lost = res;
		ll_uring_push_done(e);
		return;
	}
	ll_uring_begin_aside(e);
	if (e->in_crowd)
		atomic_fetch_add(&h->q->u->crowd, 1);
	serve(h, e, e->in_crowd);
}

static void prepare_event(struct uring_helper *h)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&h->ring);

	io_uring_prep_read(sqe, h->event_fd, &h->event_count, sizeof(h->event_count), 0);
	io_uring_sqe_set_data(sqe, NULL);
}

/* Without one, for want of descriptors, entries go back with each reply. */
static void get_ring(struct uring_helper *h)
{
	int fd;

	if (h->has_ring)
		return;
	fd = eventfd(0, EFD_CLOEXEC);
	if (fd < 0)
		return;
	if (ll_uring_make_ring(&h->ring, MOST_KEPT + 2) < 0) {
		close(fd);
		return;
	}
	h->event_fd = fd;
	h->has_ring = true;
	prepare_event(h);
}

static int submit_and_wait(struct uring_helper *h)
{
	struct __kernel_timespec second = { .tv_sec = 1 };
	struct io_uring_cqe *cqe;
	bool large = false;
	unsigned i;
	int r;

	for (i = 0; i < h->num_kept; i++)
		large = large || h->kept[i]->touched >= LARGE;
	if (!large)
		return io_uring_submit_and_wait(&h->ring, 1);
	r = io_uring_submit_and_wait_timeout(&h->ring, &cqe, 1, &second, NULL);
	if ((r >= 0 || r == -ETIME) && ll_uring_is_quiet(&h->ring))
		for (i = 0; i < h->num_kept; i++)
			ll_uring_give_back_one(h->kept[i]);
	return r == -ETIME ? 0 : r;
}

/* Parked: until the entry has a request, or the inbox has. */
static void wait_kept(struct uring_helper *h)
{
	struct uring_queue *q = h->q;
	struct io_uring_cqe *cqe;
	struct uring_entry *e;
	int r = submit_and_wait(h);

	pthread_mutex_lock(&q->help_lock);
	if (h->where == HELPER_PARKED)
		TAILQ_REMOVE(&q->parked, h, link);
	h->where = HELPER_BUSY;
	pthread_mutex_unlock(&q->help_lock);
	if (r < 0 && r != -EINTR && r != -EAGAIN && r != -EBUSY) {
		log_err("a helper of FUSE over io_uring: %s: the mount ends", strerror(-r));
		h->num_kept = 0;
		io_uring_queue_exit(&h->ring);
		close(h->event_fd);
		h->has_ring = false;
		kill(getpid(), SIGTERM);
		return;
	}
	while (io_uring_cq_ready(&h->ring) > 0 && io_uring_peek_cqe(&h->ring, &cqe) == 0 && cqe) {
		e = io_uring_cqe_get_data(cqe);
		r = cqe->res;
		io_uring_cqe_seen(&h->ring, cqe);
		if (e)
			complete(h, e, r);
		else
			prepare_event(h);
		/* A reply does not wait for the next request. */
		if (io_uring_cq_ready(&h->ring) > 0)
			io_uring_submit(&h->ring);
	}
}

static void *helper_main(void *arg)
{
	struct uring_helper *h = arg;
	struct uring_queue *q = h->q;
	struct uring_entry *e;
	bool in_crowd, end;

	pthread_setname_np(pthread_self(), "fuse-ring-help");
	self = h;
	for (;;) {
		pthread_mutex_lock(&q->help_lock);
		while (!h->inbox && h->num_kept == 0 && !atomic_load(&q->u->help_ends)) {
			if (h->where == HELPER_BUSY)
				TAILQ_INSERT_HEAD(&q->idle, h, link);
			h->where = HELPER_IDLE;
			pthread_cond_wait(&h->wake, &q->help_lock);
		}
		e = h->inbox;
		in_crowd = h->in_crowd;
		h->inbox = NULL;
		end = !e && atomic_load(&q->u->help_ends);
		if (!e && !end) {
			TAILQ_INSERT_HEAD(&q->parked, h, link);
			h->where = HELPER_PARKED;
		}
		pthread_mutex_unlock(&q->help_lock);
		if (end)
			break;
		if (e) {
			get_ring(h);
			if (h->has_ring)
				io_uring_submit(&h->ring);
			serve(h, e, in_crowd);
		} else {
			wait_kept(h);
		}
	}
	if (h->has_ring) {
		/* The last answer. */
		io_uring_submit(&h->ring);
		io_uring_queue_exit(&h->ring);
	}
	return NULL;
}

/* ---- on others ---- */

void ll_uring_helpers_settle(struct uring_queue *q)
{
	const struct timespec tick = { .tv_nsec = 1000000 };
	unsigned i, num, serial, tries = SETTLE_SECS * 1000;
	struct uring_helper *h;

	pthread_mutex_lock(&q->help_lock);
	num = q->num_helpers;
	pthread_mutex_unlock(&q->help_lock);
	for (i = 0; i < num; i++) {
		h = q->helpers[i];
		serial = atomic_load(&h->serial);
		while (serial % 2 == 1 && atomic_load(&h->serial) == serial && tries > 0) {
			nanosleep(&tick, NULL);
			tries--;
		}
	}
}

void ll_uring_helpers_init(struct uring_queue *q)
{
	pthread_mutex_init(&q->help_lock, NULL);
	TAILQ_INIT(&q->idle);
	TAILQ_INIT(&q->parked);
}

void ll_uring_helpers_stop(struct uring_queue *q)
{
	unsigned i;

	pthread_mutex_lock(&q->help_lock);
	atomic_store(&q->u->help_ends, true);
	for (i = 0; i < q->num_helpers; i++) {
		pthread_cond_signal(&q->helpers[i]->wake);
		if (q->helpers[i]->where == HELPER_PARKED)
			(void)eventfd_write(q->helpers[i]->event_fd, 1);
	}
	pthread_mutex_unlock(&q->help_lock);
	for (i = 0; i < q->num_helpers && !q->helpers_joined; i++)
		pthread_join(q->helpers[i]->thread, NULL);
	q->helpers_joined = true;
}

void ll_uring_helpers_free(struct uring_queue *q)
{
	unsigned i;

	for (i = 0; i < q->num_helpers; i++) {
		if (q->helpers[i]->has_ring)
			close(q->helpers[i]->event_fd);
		pthread_cond_destroy(&q->helpers[i]->wake);
		free(q->helpers[i]);
	}
	pthread_mutex_destroy(&q->help_lock);
}
