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
 * One thread serves a queue's requests one after the other. What may take long while others wait
 * (fsync, much data) goes to a few threads beside; their replies come back through the queue's list
 * and its eventfd, because a ring has one thread that submits.
 *
 * The kernel touches an entry's memory in its thread's own system calls only
 * (IORING_SETUP_DEFER_TASKRUN): it copies a reply when that is submitted, and then perhaps the next
 * request, of which there is a completion from then on.
 */

/* The request that this thread is serving, if it came by a ring. */
static _Thread_local struct uring_entry *serving;
/* The same, if it is this thread that submits its reply. */
static _Thread_local struct uring_entry *current;

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

static struct io_uring_sqe *get_sqe(struct uring_queue *q)
{
	struct io_uring_sqe *sqe;

	while (!(sqe = io_uring_get_sqe(&q->ring)))
		submit(q);
	return sqe;
}

static void prepare(struct uring_entry *e, unsigned cmd)
{
	struct uring_queue *q = e->q;
	struct io_uring_sqe *sqe = get_sqe(q);
	struct uring_cmd_req *req;

	q->large = q->large || e->touched >= LARGE;
	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fuse_session_fd(q->u->se), e->iov, NUM_IOV, 0);
	io_uring_sqe_set_data(sqe, e);
	sqe->cmd_op = cmd;
	req = (void *)sqe->cmd;
	memset(req, 0, 80);
	req->qid = e->qid;
	if (cmd != CMD_COMMIT_AND_FETCH)
		return;
	req->commit_id = e->header->ent.commit_id;
	/* What an ioctl gives back may be a key. */
	if (e->opcode == FUSE_IOCTL && e->header->ent.payload_sz) {
		e->wipe = e->header->ent.payload_sz;
		q->wipes++;
	}
}

static void prepare_event(struct uring_queue *q)
{
	struct io_uring_sqe *sqe = get_sqe(q);

	io_uring_prep_read(sqe, q->event_fd, &q->event_count, sizeof(q->event_count), 0);
	io_uring_sqe_set_data(sqe, q);
}

/* ---- a request and its reply ---- */

static void fail_request(struct uring_entry *e, uint64_t unique, int err)
{
	struct fuse_out_header out = { .len = sizeof(out), .error = err, .unique = unique };
	struct iovec iov = { &out, sizeof(out) };

	ll_uring_reply(e->q->u, &iov, 1);
}

/* Put the request together as /dev/fuse would have given it, in front of the payload. */
static void serve(struct uring_entry *e)
{
	struct ll_uring *u = e->q->u;
	const struct fuse_in_header *h = (const void *)e->header->in_out;
	size_t payload = e->header->ent.payload_sz, op_len;
	struct fuse_buf buf = { 0 };
	char *start;

	if (payload > u->payload_size || h->len < sizeof(*h) + payload ||
	    h->len - sizeof(*h) - payload > sizeof(e->header->op_in)) {
		fail_request(e, h->unique, -EIO);
		return;
	}
	op_len = h->len - sizeof(*h) - payload;
	start = e->payload - op_len - sizeof(*h);
	memcpy(start, h, sizeof(*h));
	memcpy(start + sizeof(*h), e->header->op_in, op_len);
	buf.mem = start;
	buf.size = (size_t)u->look(u->arg, start, (ssize_t)h->len);
	serving = e;
	fuse_session_process_buf(u->se, &buf);
	serving = NULL;
}

static void serve_elsewhere(struct work *work)
{
	serve(container_of(work, struct uring_entry, work));
}

/* Entries whose requests have been taken and not been answered. */
static unsigned count_away(const struct uring_queue *q)
{
	unsigned k, n = atomic_load(&q->num_entries), away = 0;

	for (k = 0; k < n; k++)
		away += atomic_load(&q->entries[k]->unique) != 0;
	return away;
}

/*
 * A request is going to be answered later, perhaps not before others have been served: a lock
 * waits for dirty pages, memory of a caller may be in a file of this mount. So the kernel gets
 * another entry in the place of one that is away.
 */
static void replace(struct uring_queue *q, uint16_t qid)
{
	unsigned k, n = atomic_load(&q->num_entries), idle = 0;
	struct uring_entry *e;

	for (k = 0; k < n; k++)
		idle += q->entries[k]->qid == qid && atomic_load(&q->entries[k]->unique) == 0;
	/* One is enough for a processor that is not there, or was not when we began. */
	if (idle >= (qid == q->qid ? DEPTH / 2 : 1))
		return;
	e = ll_uring_add_entry(q, qid);
	if (!e)
		return;
	prepare(e, CMD_REGISTER);
	q->live++;
}

bool ll_uring_may_wait(void)
{
	const struct uring_queue *q = current ? current->q : NULL;

	return !q || count_away(q) + DEPTH / 2 <= q->max_entries;
}

static bool is_slow(uint32_t opcode)
{
	return opcode == FUSE_FSYNC || opcode == FUSE_FSYNCDIR || opcode == FUSE_FALLOCATE ||
	       opcode == FUSE_COPY_FILE_RANGE;
}

/* Bytes of data that come or are asked for. */
static size_t data_size(const struct uring_entry *e, uint32_t opcode)
{
	const struct fuse_read_in *in = (const void *)e->header->op_in;

	return opcode == FUSE_WRITE  ? e->header->ent.payload_sz
	       : opcode == FUSE_READ ? in->size
				     : 0;
}

static void take_request(struct uring_entry *e, bool others)
{
	const struct fuse_in_header *h = (const void *)e->header->in_out;
	struct ll_uring *u = e->q->u;
	size_t size = data_size(e, h->opcode);
	struct workqueue *wq = is_slow(h->opcode)	 ? u->slow
			       : others && size >= LARGE ? u->bulk
							 : NULL;

	ll_uring_note_request(e->q, size >= LARGE);
	atomic_store(&e->unique, h->unique);
	e->served = true;
	e->opcode = h->opcode;
	e->touched = MAX(e->touched, size);
	if (wq && !atomic_load(&u->stopping)) {
		e->work.fn = serve_elsewhere;
		workqueue_queue(wq, &e->work);
	} else {
		current = e;
		serve(e);
		current = NULL;
	}
	if (atomic_load(&e->unique) != 0)
		replace(e->q, e->qid);
}

static struct uring_entry *find_entry(struct ll_uring *u, uint64_t unique)
{
	unsigned i, k, n;

	if (current && atomic_load(&current->unique) == unique)
		return current;
	for (i = 0; i < u->num_queues; i++)
		for (k = 0, n = atomic_load(&u->queues[i].num_entries); k < n; k++)
			if (atomic_load(&u->queues[i].entries[k]->unique) == unique)
				return u->queues[i].entries[k];
	return NULL;
}

bool ll_uring_reply(struct ll_uring *u, const struct iovec *iov, int count)
{
	const struct fuse_out_header *out = iov[0].iov_base;
	struct uring_entry *e = out->unique ? find_entry(u, out->unique) : NULL;
	struct fuse_out_header head = *out;
	size_t used = 0;
	int i;

	if (!e)
		return false;
	for (i = 1; i < count; i++) {
		if (iov[i].iov_len > u->payload_size - used) {
			log_err("a reply of more than %zu bytes: dropped", u->payload_size);
			head.error = -EIO;
			used = 0;
			break;
		}
		/* It may be there already, or where whole data units were read to. */
		if (iov[i].iov_base != e->payload + used)
			memmove(e->payload + used, iov[i].iov_base, iov[i].iov_len);
		used += iov[i].iov_len;
	}
	head.len = (uint32_t)(sizeof(head) + used);
	memcpy(e->header->in_out, &head, sizeof(head));
	e->header->ent.payload_sz = (uint32_t)used;
	e->touched = MAX(e->touched, used);
	if (e == current) {
		atomic_store(&e->unique, 0);
		prepare(e, CMD_COMMIT_AND_FETCH);
		return true;
	}
	pthread_mutex_lock(&e->q->done_lock);
	atomic_store(&e->unique, 0);
	e->next_done = e->q->done;
	e->q->done = e;
	pthread_mutex_unlock(&e->q->done_lock);
	if (eventfd_write(e->q->event_fd, 1) < 0)
		log_err("a reply cannot be announced: %s", strerror(errno));
	return true;
}

void *ll_uring_reply_buffer(size_t *ret_cap)
{
	*ret_cap = serving ? serving->q->u->payload_size : 0;
	return serving ? serving->payload : NULL;
}

/* ---- a queue's thread ---- */

static void commit_done(struct uring_queue *q)
{
	struct uring_entry *e, *next;

	pthread_mutex_lock(&q->done_lock);
	e = q->done;
	q->done = NULL;
	pthread_mutex_unlock(&q->done_lock);
	for (; e; e = next) {
		next = e->next_done;
		prepare(e, CMD_COMMIT_AND_FETCH);
	}
}

/* An entry that the kernel does not have any more. */
static void lose(struct uring_entry *e, int err)
{
	struct uring_queue *q = e->q;

	q->live--;
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

static void complete(struct uring_queue *q, void *data, int res, bool others)
{
	if (data == q) {
		q->goal = atomic_load(&q->asked);
		q->left = SETTLE_MOST;
		commit_done(q);
		prepare_event(q);
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

/* Serve what there is. What is done need not wait for those behind it. */
static void serve_all(struct uring_queue *q)
{
	struct io_uring_cqe *cqe;
	bool others;
	void *data;
	int res;

	while (io_uring_peek_cqe(&q->ring, &cqe) == 0 && cqe) {
		data = io_uring_cqe_get_data(cqe);
		res = cqe->res;
		io_uring_cqe_seen(&q->ring, cqe);
		others = io_uring_cq_ready(&q->ring) > 0;
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
	end = atomic_load(&q->u->give_up) || (count_away(q) == 0 && !q->done);
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
	if ((r >= 0 || r == -ETIME) && io_uring_cq_ready(&q->ring) == 0)
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
		prepare(q->entries[i], CMD_REGISTER);
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

static int set_up_ring(struct uring_queue *q)
{
	/* A completion of every entry, and of the eventfd: none is ever kept back. */
	struct io_uring_params p = {
		.flags = IORING_SETUP_SQE128 | IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
		.cq_entries = q->max_entries + 1,
	};

	return io_uring_queue_init_params(SQ_ENTRIES, &q->ring, &p);
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
	if (q->own) /* refused for a processor that is off by now */
		(void)sched_setaffinity(0, CPU_SET_SIZE, q->own);
	r = set_up_ring(q);
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
