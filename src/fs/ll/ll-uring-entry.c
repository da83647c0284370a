/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-uring-entry.c - an entry of a ring: the request in it is served, and its reply finds the way
 * back */
#include "fs/ll/ll-uring-private.h"

#include <errno.h>
#include <linux/fuse.h>
#include <string.h>
#include <sys/eventfd.h>

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 12)
#include <fuse_lowlevel.h>

#include "util/compiler.h"
#include "util/log.h"

/* The request that this thread is serving, if it came by a ring. */
static _Thread_local struct uring_entry *serving;

/* Bytes of data that come or are asked for. */
static size_t data_size(const struct uring_entry *e)
{
	const struct fuse_in_header *h = (const void *)e->header->in_out;
	const struct fuse_read_in *in = (const void *)e->header->op_in;

	return h->opcode == FUSE_WRITE	? e->header->ent.payload_sz
	       : h->opcode == FUSE_READ ? in->size
					: 0;
}

void ll_uring_begin(struct uring_entry *e)
{
	const struct fuse_in_header *h = (const void *)e->header->in_out;

	e->opcode = h->opcode;
	e->size = data_size(e);
	e->touched = MAX(e->touched, e->size);
	e->served = true;
	atomic_store(&e->unique, h->unique);
}

static void fail_request(struct uring_entry *e, uint64_t unique, int err)
{
	struct fuse_out_header out = { .len = sizeof(out), .error = err, .unique = unique };
	struct iovec iov = { &out, sizeof(out) };

	ll_uring_reply(e->q->u, &iov, 1);
}

/* Put the request together as /dev/fuse would have given it, in front of the payload. */
void ll_uring_serve(struct uring_entry *e)
{
	struct ll_uring *u = e->q->u;
	const struct fuse_in_header *h = (const void *)e->header->in_out;
	size_t payload = e->header->ent.payload_sz, op_len;
	struct fuse_buf buf = { 0 };
	char *start;

	serving = e;
	if (payload > u->payload_size || h->len < sizeof(*h) + payload ||
	    h->len - sizeof(*h) - payload > sizeof(e->header->op_in)) {
		fail_request(e, h->unique, -EIO);
		serving = NULL;
		return;
	}
	op_len = h->len - sizeof(*h) - payload;
	start = e->payload - op_len - sizeof(*h);
	memcpy(start, h, sizeof(*h));
	memcpy(start + sizeof(*h), e->header->op_in, op_len);
	buf.mem = start;
	buf.size = (size_t)u->look(u->arg, start, (ssize_t)h->len);
	fuse_session_process_buf(u->se, &buf);
	serving = NULL;
}

unsigned ll_uring_count_away(const struct uring_queue *q)
{
	unsigned k, n = atomic_load(&q->num_entries), away = 0;

	for (k = 0; k < n; k++)
		away += atomic_load(&q->entries[k]->unique) != 0;
	return away;
}

bool ll_uring_may_wait(void)
{
	const struct uring_queue *q = serving ? serving->q : NULL;

	return !q || ll_uring_count_away(q) + DEPTH / 2 <= q->max_entries;
}

static struct uring_entry *find_entry(struct ll_uring *u, uint64_t unique)
{
	unsigned i, k, n;

	if (serving && atomic_load(&serving->unique) == unique)
		return serving;
	for (i = 0; i < u->num_queues; i++)
		for (k = 0, n = atomic_load(&u->queues[i].num_entries); k < n; k++)
			if (atomic_load(&u->queues[i].entries[k]->unique) == unique)
				return u->queues[i].entries[k];
	return NULL;
}

void ll_uring_push_done(struct uring_entry *e)
{
	struct uring_queue *q = e->q;
	bool first;

	pthread_mutex_lock(&q->done_lock);
	atomic_store(&e->unique, 0);
	first = !q->done;
	e->next_done = q->done;
	q->done = e;
	pthread_mutex_unlock(&q->done_lock);
	/* Who has put the first one there has told it, or is about to. */
	if (first && eventfd_write(q->event_fd, 1) < 0)
		log_err("a reply cannot be announced: %s", strerror(errno));
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
	if (e == serving && e->here) {
		atomic_store(&e->unique, 0);
		ll_uring_commit(e);
	} else if (e != serving || !ll_uring_helper_commit(e)) {
		ll_uring_push_done(e);
	}
	return true;
}

void *ll_uring_reply_buffer(size_t *ret_cap)
{
	*ret_cap = serving ? serving->q->u->payload_size : 0;
	return serving ? serving->payload : NULL;
}
