/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-uring.c - a ring and a thread for every processor: requests are served where they were made */
#include "fs/ll/ll-uring-private.h"

#include <errno.h>
#include <linux/fuse.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 12)
#include <fuse_lowlevel.h>

#include "util/compiler.h"
#include "util/log.h"
#include "util/secret.h"
#include "util/workqueue.h"

/*
 * The kernel puts a request into the queue of the processor on which it is made. A thread that is
 * bound to that processor serves it there: nobody else has to be woken, and a request is fetched by
 * the same system call that commits the one before. Every queue must have entries before the kernel
 * uses any. FORGET, INTERRUPT and notifications stay with /dev/fuse.
 *
 * One thread serves a queue's requests one after the other. What keeps others waiting goes to
 * threads beside (ll-uring-aside.c). Their replies come back through the queue's list and its
 * eventfd, because a ring has one thread that submits; or a helper keeps the entry, in a ring of
 * its own (ll-uring-helper.c).
 *
 * The kernel touches an entry's memory in its thread's own system calls only
 * (IORING_SETUP_DEFER_TASKRUN): it copies a reply when that is submitted, and then perhaps the next
 * request, of which there is a completion from then on.
 */

/* ---- what goes to the kernel ---- */

static struct uring_entry *next_request(struct uring_queue *q, struct uring_entry *e)
{
	struct io_uring_cqe *cqe;
	unsigned head;

	io_uring_for_each_cqe(&q->ring, head,
			      cqe) if (io_uring_cqe_get_data(cqe) == e && cqe->res == 0) return e;
	return NULL;
}

/* Replies with keys have been copied: nothing of them is to stay behind the next request. */
static void wipe_replies(struct uring_queue *q)
{
	unsigned k, n = atomic_load(&q->num_entries);
	struct uring_entry *e;
	size_t from;

	for (k = 0; k < n && q->wipes; k++) {
		e = q->entries[k];
		if (!e->wipe)
			continue;
		from = next_request(q, e) ? e->header->ent.payload_sz : 0;
		if (from < e->wipe)
			secret_wipe(e->payload + from, e->wipe - from);
		e->wipe = 0;
		q->wipes--;
	}
}

/* Everything that is prepared goes, and nothing is waited for. */
static void submit(struct uring_queue *q)
{
	io_uring_submit(&q->ring);
	if (q->wipes && io_uring_sq_ready(&q->ring) == 0)
		wipe_replies(q);
}

static struct io_uring_sqe *get_sqe(struct io_uring *ring)
{
	struct io_uring_sqe *sqe;

	while (!(sqe = io_uring_get_sqe(ring)))
		io_uring_submit(ring);
	return sqe;
}

void ll_uring_prepare(struct io_uring *ring, struct uring_entry *e, unsigned cmd)
{
	struct io_uring_sqe *sqe = get_sqe(ring);
	struct uring_cmd_req *req;

	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fuse_session_fd(e->q->u->se), e->iov, NUM_IOV,
			 0);
	io_uring_sqe_set_data(sqe, e);
	sqe->cmd_op = cmd;
	req = (void *)sqe->cmd;
	memset(req, 0, 80);
	req->qid = e->qid;
	if (cmd == CMD_COMMIT_AND_FETCH)
		req->commit_id = e->header->ent.commit_id;
}

void ll_uring_commit(struct uring_entry *e)
{
	struct uring_queue *q = e->q;

	e->away = false;
	q->large = q->large || e->touched >= LARGE;
	ll_uring_prepare(&q->ring, e, CMD_COMMIT_AND_FETCH);
	/* What an ioctl gives back may be a key. */
	if (e->opcode == FUSE_IOCTL && e->header->ent.payload_sz) {
		e->wipe = e->header->ent.payload_sz;
		q->wipes++;
	}
}

static void prepare_event(struct uring_queue *q)
{
	struct io_uring_sqe *sqe = get_sqe(&q->ring);

	io_uring_prep_read(sqe, q->event_fd, &q->event_count, sizeof(q->event_count), 0);
	io_uring_sqe_set_data(sqe, q);
}

/* ---- a request and its reply ---- */

/*
 * A request is going to be answered later, perhaps not before others have been served: a lock
 * waits for dirty pages, memory of a caller may be in a file of this mount. So the kernel gets
 * another entry in the place of one that is away.
 */
static void replace(struct uring_queue *q, uint16_t qid)
{
	/* One is enough for a processor that is not there, or was not when we began. */
	unsigned k, n = atomic_load(&q->num_entries), idle = 0,
		    wanted = qid == q->qid ? DEPTH / 2 : 1;
	struct uring_entry *e;

	for (k = 0; k < n; k++)
		idle += q->entries[k]->qid == qid && !q->entries[k]->away;
	for (; idle < wanted; idle++) {
		e = ll_uring_add_entry(q, qid);
		if (!e)
			return;
		ll_uring_prepare(&q->ring, e, CMD_REGISTER);
		q->live++;
	}
}

static void take_request(struct uring_entry *e, bool others)
{
	/* Of a reply that was not submitted after all. */
	if (e->wipe) {
		e->wipe = 0;
		e->q->wipes--;
	}
	e->away = true;
	ll_uring_begin(e);
	ll_uring_note_request(e->q, e->size >= LARGE);
	if (!ll_uring_give_away(e, others))
		ll_uring_serve_here(e);
	if (e->away)
		replace(e->q, e->qid);
}

/* ---- a queue's thread ---- */

/* An entry that the kernel does not have any more. */
static void lose(struct uring_entry *e, int err)
{
	struct uring_queue *q = e->q;

	q->live--;
	e->away = true;
	/* The connection has ended, or is about to. */
	if (err == -ENOTCONN || err == -ECONNABORTED || err == -ECANCELED || err == -ENODEV ||
	    atomic_load(&q->u->stopping))
		return;
	if (!e->served) {
		/* Refused: without any the kernel uses /dev/fuse, with fewer it makes do. */
		if (!atomic_exchange(&q->u->refused, true))
			log_warn("the kernel refuses an entry of FUSE over io_uring: %s",
				 strerror(-err));
		return;
	}
	log_err("queue %u of FUSE over io_uring: %s: the mount ends", q->qid, strerror(-err));
	kill(getpid(), SIGTERM);
}

static void commit_done(struct uring_queue *q)
{
	struct uring_entry *e, *next;
	int lost;

	pthread_mutex_lock(&q->done_lock);
	e = q->done;
	q->done = NULL;
	pthread_mutex_unlock(&q->done_lock);
	for (; e; e = next) {
		next = e->next_done;
		lost = e->lost;
		if (lost)
			lose(e, lost);
		else
			ll_uring_commit(e);
	}
}

static void complete(struct uring_queue *q, void *data, int res, bool others)
{
	if (data == q) {
		q->goal = atomic_load(&q->asked);
		q->left = SETTLE_MOST;
		commit_done(q);
		prepare_event(q);
		/* A helper's request may have been put off. */
		replace(q, q->qid);
	} else if (res == 0) {
		take_request(data, others);
	} else {
		lose(data, res);
	}
}

static void settle(struct uring_queue *q)
{
	pthread_mutex_lock(&q->u->lock);
	q->settled = q->goal;
	pthread_cond_broadcast(&q->u->changed);
	pthread_mutex_unlock(&q->u->lock);
}

bool ll_uring_is_quiet(const struct io_uring *ring)
{
	return io_uring_sq_ready(ring) == 0 && io_uring_cq_ready(ring) == 0;
}

bool ll_uring_has_more(const struct io_uring *ring)
{
	return io_uring_cq_ready(ring) > 0 ||
	       (IO_URING_READ_ONCE(*ring->sq.kflags) & IORING_SQ_TASKRUN);
}

/* Serve what there is. What is done need not wait for those behind it. */
static void serve_all(struct uring_queue *q)
{
	struct io_uring_cqe *cqe;
	bool others;
	void *data;
	int res;

	/* What the kernel has besides comes when what is ready has been submitted. */
	while (io_uring_cq_ready(&q->ring) > 0 && io_uring_peek_cqe(&q->ring, &cqe) == 0 && cqe) {
		data = io_uring_cqe_get_data(cqe);
		res = cqe->res;
		io_uring_cqe_seen(&q->ring, cqe);
		others = io_uring_cq_ready(&q->ring) > 0;
		atomic_store_explicit(&q->backlog, others, memory_order_relaxed);
		complete(q, data, res, others);
		if (others || q->wipes)
			submit(q);
		if (q->goal == q->settled)
			continue;
		/* All replies are there and no request is left: or more than there can be. */
		io_uring_submit_and_get_events(&q->ring);
		if (io_uring_cq_ready(&q->ring) == 0 || --q->left == 0)
			settle(q);
	}
}

/* Stopping: nothing is to come any more, or nobody waits for it. */
static bool may_end(struct uring_queue *q)
{
	bool end;

	if (!atomic_load(&q->u->stopping))
		return false;
	pthread_mutex_lock(&q->done_lock);
	end = atomic_load(&q->u->give_up) || (ll_uring_count_away(q) == 0 && !q->done);
	pthread_mutex_unlock(&q->done_lock);
	return end;
}

static int submit_and_wait(struct uring_queue *q)
{
	struct __kernel_timespec second = { .tv_sec = 1 };
	struct io_uring_cqe *cqe;
	int r;

	if (!q->large)
		return io_uring_submit_and_wait(&q->ring, 1);
	r = io_uring_submit_and_wait_timeout(&q->ring, &cqe, 1, &second, NULL);
	if ((r >= 0 || r == -ETIME) && ll_uring_is_quiet(&q->ring))
		ll_uring_give_back(q);
	return r == -ETIME ? 0 : r;
}

static void run_queue(struct uring_queue *q)
{
	unsigned i, n = atomic_load(&q->num_entries);
	int r;

	prepare_event(q);
	q->live = n;
	for (i = 0; i < n; i++)
		ll_uring_prepare(&q->ring, q->entries[i], CMD_REGISTER);
	while (q->live > 0 && !may_end(q)) {
		r = submit_and_wait(q);
		if (r < 0 && r != -EINTR && r != -EAGAIN && r != -EBUSY) {
			log_err("queue %u of FUSE over io_uring: %s: the mount ends", q->qid,
				strerror(-r));
			kill(getpid(), SIGTERM);
			break;
		}
		serve_all(q);
	}
	/* The last answers. */
	submit(q);
}

int ll_uring_make_ring(struct io_uring *ring, unsigned entries)
{
	/* As many completions as there can be: none is ever kept back. */
	struct io_uring_params p = {
		.flags = IORING_SETUP_SQE128 | IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
			 IORING_SETUP_CQSIZE,
		.cq_entries = entries,
	};

	return io_uring_queue_init_params(MIN(entries, (unsigned)SQ_ENTRIES), ring, &p);
}

void *ll_uring_queue_main(void *arg)
{
	struct uring_queue *q = arg;
	struct ll_uring *u = q->u;
	char name[16];
	bool go;
	int r;

	snprintf(name, sizeof(name), "fuse-ring-%u", q->qid);
	pthread_setname_np(pthread_self(), name);
	atomic_store(&q->tid, gettid());
	ll_uring_keep_ioprio();
	if (q->own) /* refused for a processor that is off by now */
		(void)sched_setaffinity(0, CPU_SET_SIZE, q->own);
	r = ll_uring_make_ring(&q->ring, q->max_entries + 1); /* the eventfd */
	pthread_mutex_lock(&u->lock);
	u->ready++;
	if (r < 0 && !u->err)
		u->err = r;
	pthread_cond_broadcast(&u->changed);
	while (!u->started && !atomic_load(&u->stopping))
		pthread_cond_wait(&u->changed, &u->lock);
	go = r == 0 && u->started && !atomic_load(&u->stopping);
	u->running += go;
	q->running = go;
	pthread_mutex_unlock(&u->lock);
	if (r < 0)
		return NULL;
	if (go) {
		run_queue(q);
		pthread_mutex_lock(&u->lock);
		u->running--;
		q->running = false;
		pthread_cond_broadcast(&u->changed);
		pthread_mutex_unlock(&u->lock);
	}
	io_uring_queue_exit(&q->ring);
	return NULL;
}
