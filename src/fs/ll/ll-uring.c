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
#include "util/workqueue.h"

/*
 * The kernel puts a request into the queue of the processor on which it is made. A thread that is
 * bound to that processor serves it there: nobody else has to be woken, and a request is fetched by
 * the same system call that commits the one before. Every queue must have entries before the kernel
 * uses any. FORGET, INTERRUPT and notifications stay with /dev/fuse.
 *
 * One thread serves a queue's requests one after the other. What may take long while others wait
 * (fsync) goes to a few threads beside; their replies come back through the queue's list and its
 * eventfd, because a ring has one thread that submits.
 */

/* The request that this thread is serving, if it came by its own ring. */
static _Thread_local struct uring_entry *current;

static void prepare(struct uring_entry *e, unsigned cmd)
{
	struct uring_queue *q = e->q;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&q->ring);
	struct uring_cmd_req *req;

	/* The ring has room for every entry and the eventfd at once. */
	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, fuse_session_fd(q->u->se), e->iov, NUM_IOV, 0);
	io_uring_sqe_set_data(sqe, e);
	sqe->cmd_op = cmd;
	req = (void *)sqe->cmd;
	memset(req, 0, 80);
	req->qid = q->qid;
	if (cmd == CMD_COMMIT_AND_FETCH)
		req->commit_id = e->header->ent.commit_id;
}

static void prepare_event(struct uring_queue *q)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&q->ring);

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
	fuse_session_process_buf(u->se, &buf);
}

static void serve_slow(struct work *work)
{
	serve(container_of(work, struct uring_entry, work));
}

/* Entries whose requests have been taken and not been answered. */
static unsigned count_away(const struct uring_queue *q)
{
	unsigned k, n = atomic_load(&q->num_entries), away = 0;

	for (k = 0; k < n; k++)
		away += atomic_load(&q->entries[k].unique) != 0;
	return away;
}

/*
 * A request is going to be answered later, perhaps not before others have been served: a lock
 * waits for dirty pages, memory of a caller may be in a file of this mount. So the kernel gets
 * another entry in the place of one that is away.
 */
static void replace(struct uring_queue *q)
{
	struct uring_entry *e;

	if (atomic_load(&q->num_entries) - count_away(q) >= DEPTH / 2)
		return;
	e = ll_uring_add_entry(q);
	if (!e)
		return;
	prepare(e, CMD_REGISTER);
	q->live++;
}

bool ll_uring_may_wait(void)
{
	return !current || count_away(current->q) <= MAX_DEPTH - DEPTH / 2;
}

static bool is_slow(uint32_t opcode)
{
	return opcode == FUSE_FSYNC || opcode == FUSE_FSYNCDIR || opcode == FUSE_FALLOCATE ||
	       opcode == FUSE_COPY_FILE_RANGE;
}

static void take_request(struct uring_entry *e)
{
	const struct fuse_in_header *h = (const void *)e->header->in_out;

	atomic_store(&e->unique, h->unique);
	e->served = true;
	if (is_slow(h->opcode) && !atomic_load(&e->q->u->stopping)) {
		e->work.fn = serve_slow;
		workqueue_queue(e->q->u->slow, &e->work);
	} else {
		current = e;
		serve(e);
		current = NULL;
	}
	if (atomic_load(&e->unique) != 0)
		replace(e->q);
}

static struct uring_entry *find_entry(struct ll_uring *u, uint64_t unique)
{
	unsigned i, k, n;

	if (current && atomic_load(&current->unique) == unique)
		return current;
	for (i = 0; i < u->num_queues; i++)
		for (k = 0, n = atomic_load(&u->queues[i].num_entries); k < n; k++)
			if (atomic_load(&u->queues[i].entries[k].unique) == unique)
				return &u->queues[i].entries[k];
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
	*ret_cap = current ? current->q->u->payload_size : 0;
	return current ? current->payload : NULL;
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

static void complete(struct uring_queue *q, void *data, int res)
{
	struct uring_entry *e = data;

	if (data == q) {
		commit_done(q);
		prepare_event(q);
		return;
	}
	if (res == 0) {
		take_request(e);
		return;
	}
	q->live--;
	/* The connection has ended, or is about to. */
	if (res == -ENOTCONN || res == -ECONNABORTED || res == -ECANCELED || res == -ENODEV ||
	    atomic_load(&q->u->stopping))
		return;
	if (!e->served && e - q->entries >= DEPTH) {
		log_warn("queue %u of FUSE over io_uring gets no more entries: %s", q->qid,
			 strerror(-res));
		return;
	}
	/* The kernel waits for every queue to be there, and so would all who use the mount. */
	log_err("queue %u of FUSE over io_uring: %s: the mount ends", q->qid, strerror(-res));
	kill(getpid(), SIGTERM);
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

static void run_queue(struct uring_queue *q)
{
	struct io_uring_cqe *cqes[MAX_DEPTH + 1];
	unsigned n, i;
	int r, res;
	void *data;

	prepare_event(q);
	for (i = 0; i < DEPTH; i++)
		prepare(&q->entries[i], CMD_REGISTER);
	q->live = DEPTH;
	while (q->live > 0 && !may_end(q)) {
		r = io_uring_submit_and_wait(&q->ring, 1);
		if (r < 0 && r != -EINTR && r != -EAGAIN && r != -EBUSY) {
			log_err("queue %u of FUSE over io_uring: %s", q->qid, strerror(-r));
			break;
		}
		n = io_uring_peek_batch_cqe(&q->ring, cqes, ARRAY_SIZE(cqes));
		for (i = 0; i < n; i++) {
			data = io_uring_cqe_get_data(cqes[i]);
			res = cqes[i]->res;
			complete(q, data, res);
			/* What is done need not wait for those behind it. */
			if (i + 1 < n)
				io_uring_submit(&q->ring);
		}
		io_uring_cq_advance(&q->ring, n);
	}
	/* The last answers. */
	io_uring_submit(&q->ring);
}

static int set_up_ring(struct uring_queue *q)
{
	/* From the newest features down to what Linux 5.19 has. */
	static const unsigned flags[] = {
		IORING_SETUP_SQE128 | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
		IORING_SETUP_SQE128 | IORING_SETUP_COOP_TASKRUN,
		IORING_SETUP_SQE128,
	};
	int r = -EINVAL;
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(flags) && r == -EINVAL; i++)
		r = io_uring_queue_init(MAX_DEPTH + 1, &q->ring, flags[i]);
	return r;
}

void *ll_uring_queue_main(void *arg)
{
	struct uring_queue *q = arg;
	struct ll_uring *u = q->u;
	char name[16];
	cpu_set_t *set = CPU_ALLOC(MAX_POSSIBLE);
	bool go;
	int r;

	snprintf(name, sizeof(name), "fuse-ring-%u", q->qid);
	pthread_setname_np(pthread_self(), name);
	if (set) {
		CPU_ZERO_S(CPU_ALLOC_SIZE(MAX_POSSIBLE), set);
		CPU_SET_S(q->qid, CPU_ALLOC_SIZE(MAX_POSSIBLE), set);
		/* Refused for a processor that is off, or not ours: then no request comes by it. */
		(void)sched_setaffinity(0, CPU_ALLOC_SIZE(MAX_POSSIBLE), set);
		CPU_FREE(set);
	}
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
	pthread_mutex_unlock(&u->lock);
	if (r < 0)
		return NULL;
	if (go) {
		run_queue(q);
		pthread_mutex_lock(&u->lock);
		u->running--;
		pthread_cond_broadcast(&u->changed);
		pthread_mutex_unlock(&u->lock);
	}
	io_uring_queue_exit(&q->ring);
	return NULL;
}
