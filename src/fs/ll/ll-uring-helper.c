/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-uring-helper.c - threads that take over a queue's entry, with a ring of their own */
#include "fs/ll/ll-uring-private.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
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
 * A helper has one entry at most: what it waits for keeps nobody else waiting. The kernel prefers
 * the entry that was committed last, so those that helpers have kept are used at once.
 */
struct uring_helper {
	struct ll_uring *u;
	pthread_t thread;
	pthread_cond_t wake;
	struct uring_helper *next; /* of those that have nothing to do. Protected by help_lock */
	struct uring_entry *inbox; /* Protected by help_lock */
	bool in_crowd;		   /* there is much to do, not long to wait. The same */
	/* Of the thread: */
	struct io_uring ring; /* made for the first entry: a descriptor is not to be wasted */
	bool has_ring;
	bool replied, kept; /* to the request; the entry, for the next one */
};

/* This thread, if it is a helper. */
static _Thread_local struct uring_helper *self;

bool ll_uring_help(struct uring_entry *e, bool in_crowd)
{
	struct ll_uring *u = e->q->u;
	struct uring_helper *h;

	pthread_mutex_lock(&u->help_lock);
	/* More threads than processors do not compute more. */
	h = in_crowd && u->crowd >= u->num_queues ? NULL : u->idle;
	if (h) {
		u->idle = h->next;
		u->crowd += in_crowd;
		h->in_crowd = in_crowd;
		h->inbox = e;
		pthread_cond_signal(&h->wake);
	}
	pthread_mutex_unlock(&u->help_lock);
	return h;
}

bool ll_uring_helper_commit(struct uring_entry *e)
{
	struct uring_helper *h = self;

	if (!h)
		return false;
	h->replied = true;
	/* At the end the queue may be gone. */
	h->kept = h->has_ring && (ll_uring_keep_aside(e) || atomic_load(&h->u->stopping));
	if (!h->kept)
		return false;
	atomic_store(&e->held, true);
	atomic_store(&e->unique, 0);
	ll_uring_prepare(&h->ring, e, CMD_COMMIT_AND_FETCH);
	return true;
}

static void serve(struct uring_helper *h, struct uring_entry *e)
{
	struct uring_queue *q = e->q;

	h->replied = h->kept = false;
	ll_uring_serve_aside(e);
	/* Put off: the queue needs another entry. */
	if (!h->replied)
		(void)eventfd_write(q->event_fd, 1);
}

/* The entry's next request, or its end. */
static void complete(struct uring_helper *h, struct uring_entry *e, int res)
{
	if (res == 0) {
		ll_uring_begin_aside(e);
		serve(h, e);
		return;
	}
	h->kept = false;
	e->lost = res;
	atomic_store(&e->held, false);
	ll_uring_push_done(e);
}

/* What it has kept: until there is no more reason to. */
static void serve_kept(struct uring_helper *h)
{
	struct io_uring_cqe *cqe;
	struct uring_entry *e;
	int r;

	while (h->kept && !atomic_load(&h->u->help_ends)) {
		r = io_uring_submit_and_wait(&h->ring, 1);
		if (r < 0 && r != -EINTR && r != -EAGAIN && r != -EBUSY) {
			log_err("a helper of FUSE over io_uring: %s: the mount ends", strerror(-r));
			kill(getpid(), SIGTERM);
			return;
		}
		while (io_uring_peek_cqe(&h->ring, &cqe) == 0 && cqe) {
			e = io_uring_cqe_get_data(cqe);
			r = cqe->res;
			io_uring_cqe_seen(&h->ring, cqe);
			if (e)
				complete(h, e, r);
		}
	}
	/* At the end: the last answer. */
	io_uring_submit(&h->ring);
}

/* Without one, for want of descriptors, entries go back with each reply. */
static void get_ring(struct uring_helper *h)
{
	struct io_uring_sqe *sqe;

	if (h->has_ring || ll_uring_make_ring(&h->ring, 2) < 0)
		return;
	h->has_ring = true;
	sqe = io_uring_get_sqe(&h->ring);
	io_uring_prep_poll_add(sqe, h->u->help_end_fd, POLLIN);
	io_uring_sqe_set_data(sqe, NULL);
}

static void *helper_main(void *arg)
{
	struct uring_helper *h = arg;
	struct ll_uring *u = h->u;
	struct uring_entry *e;

	pthread_setname_np(pthread_self(), "fuse-ring-help");
	self = h;
	pthread_mutex_lock(&u->help_lock);
	for (;;) {
		u->crowd -= h->in_crowd;
		h->in_crowd = false;
		h->next = u->idle;
		u->idle = h;
		while (!h->inbox && !atomic_load(&u->help_ends))
			pthread_cond_wait(&h->wake, &u->help_lock);
		e = h->inbox;
		h->inbox = NULL;
		if (!e)
			break;
		pthread_mutex_unlock(&u->help_lock);
		get_ring(h);
		serve(h, e);
		if (h->kept)
			serve_kept(h);
		pthread_mutex_lock(&u->help_lock);
	}
	pthread_mutex_unlock(&u->help_lock);
	if (h->has_ring)
		io_uring_queue_exit(&h->ring);
	return NULL;
}

int ll_uring_helpers_start(struct ll_uring *u)
{
	struct uring_helper *h;
	int err;

	u->help_end_fd = eventfd(0, EFD_CLOEXEC);
	if (u->help_end_fd < 0)
		return -errno;
	u->helpers = calloc(NUM_HELPERS, sizeof(*h));
	if (!u->helpers)
		return -ENOMEM;
	for (; u->num_helpers < NUM_HELPERS; u->num_helpers++) {
		h = &u->helpers[u->num_helpers];
		h->u = u;
		pthread_cond_init(&h->wake, NULL);
		err = thread_create(&h->thread, helper_main, h);
		if (err < 0) {
			pthread_cond_destroy(&h->wake);
			return err;
		}
	}
	return 0;
}

void ll_uring_helpers_stop(struct ll_uring *u)
{
	unsigned i;

	pthread_mutex_lock(&u->help_lock);
	atomic_store(&u->help_ends, true);
	for (i = 0; i < u->num_helpers; i++)
		pthread_cond_signal(&u->helpers[i].wake);
	pthread_mutex_unlock(&u->help_lock);
	if (u->help_end_fd >= 0)
		(void)eventfd_write(u->help_end_fd, 1);
	for (i = 0; i < u->num_helpers; i++) {
		pthread_join(u->helpers[i].thread, NULL);
		pthread_cond_destroy(&u->helpers[i].wake);
	}
	u->num_helpers = 0;
	free(u->helpers);
	u->helpers = NULL;
	if (u->help_end_fd >= 0)
		close(u->help_end_fd);
	u->help_end_fd = -1;
}
