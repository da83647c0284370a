/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-uring-set.c - a queue for every processor: memory, threads, start and end */
#include "fs/ll/ll-uring-private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "util/compiler.h"

/* The kernel counts queues as it counts possible processors. "0-3" or "0". */
static unsigned possible_cpus(void)
{
	FILE *f = fopen("/sys/devices/system/cpu/possible", "re");
	unsigned first, last;
	int n, end;

	if (!f)
		return 0;
	n = fscanf(f, "%u-%u", &first, &last);
	end = getc(f);
	fclose(f);
	/* Numbers with gaps: the kernel's queues are not worth guessing, it waits for all. */
	if (n < 1 || first != 0 || (end != '\n' && end != EOF))
		return 0;
	return n == 1 ? 1 : last + 1;
}

/* Touched only by requests that need it. */
static char *get_memory(size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	/* Plain text passes through here. */
	madvise(p, size, MADV_DONTDUMP);
	return p;
}

static struct uring_entry *init_entry(struct uring_queue *q, char *p)
{
	struct uring_entry *e = &q->entries[atomic_load(&q->num_entries)];

	e->q = q;
	e->header = (void *)p;
	e->payload = p + HEAD_ROOM;
	e->iov[0] = (struct iovec){ e->header, sizeof(*e->header) };
	e->iov[1] = (struct iovec){ e->payload, q->u->payload_size };
	atomic_fetch_add(&q->num_entries, 1);
	return e;
}

struct uring_entry *ll_uring_add_entry(struct uring_queue *q)
{
	char *p = atomic_load(&q->num_entries) < MAX_DEPTH
			  ? get_memory(HEAD_ROOM + q->u->payload_size)
			  : NULL;

	return p ? init_entry(q, p) : NULL;
}

static int start_thread(struct uring_queue *q)
{
	pthread_attr_t attr;
	int err;

	q->event_fd = eventfd(0, EFD_CLOEXEC);
	if (q->event_fd < 0)
		return -errno;
	err = -pthread_attr_init(&attr);
	if (err < 0)
		return err;
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	err = -pthread_create(&q->thread, &attr, ll_uring_queue_main, q);
	pthread_attr_destroy(&attr);
	q->has_thread = err == 0;
	return err;
}

int ll_uring_create(struct fuse_session *se, size_t max_write,
		    ssize_t (*look)(void *arg, void *buf, ssize_t len), void *arg,
		    struct ll_uring **ret_uring)
{
	unsigned num = possible_cpus(), i;
	/* The header and the room in front of the payload are one page. */
	size_t entry_size = HEAD_ROOM + MAX(max_write, (size_t)MIN_READ);
	struct ll_uring *u;
	unsigned k;
	int err = 0;

	_Static_assert(sizeof(struct uring_req_header) + 256 <= HEAD_ROOM, "they share the page");
	if (num == 0 || num > MAX_POSSIBLE)
		return -EOPNOTSUPP;
	u = calloc(1, sizeof(*u) + num * sizeof(u->queues[0]));
	if (!u)
		return -ENOMEM;
	u->se = se;
	u->look = look;
	u->arg = arg;
	u->num_queues = num;
	u->payload_size = entry_size - HEAD_ROOM;
	pthread_mutex_init(&u->lock, NULL);
	pthread_cond_init(&u->changed, NULL);
	for (i = 0; i < num; i++) {
		u->queues[i].u = u;
		u->queues[i].qid = (uint16_t)i;
		u->queues[i].event_fd = -1;
		pthread_mutex_init(&u->queues[i].done_lock, NULL);
	}
	u->memory_size = num * DEPTH * entry_size;
	u->memory = get_memory(u->memory_size);
	u->slow = u->memory ? workqueue_create("fuse-ring-slow", SLOW_THREADS) : NULL;
	err = u->slow ? 0 : -ENOMEM;
	for (i = 0; i < num && err == 0; i++) {
		for (k = 0; k < DEPTH; k++)
			init_entry(&u->queues[i], u->memory + (i * DEPTH + k) * entry_size);
		err = start_thread(&u->queues[i]);
	}
	pthread_mutex_lock(&u->lock);
	while (err == 0 && u->ready < num)
		pthread_cond_wait(&u->changed, &u->lock);
	if (err == 0)
		err = u->err;
	pthread_mutex_unlock(&u->lock);
	if (err < 0) {
		ll_uring_destroy(u);
		return err;
	}
	*ret_uring = u;
	return 0;
}

void ll_uring_start(struct ll_uring *u)
{
	pthread_mutex_lock(&u->lock);
	u->started = true;
	pthread_cond_broadcast(&u->changed);
	pthread_mutex_unlock(&u->lock);
}

static void wake_all(struct ll_uring *u)
{
	unsigned i;

	for (i = 0; i < u->num_queues; i++)
		if (u->queues[i].has_thread)
			(void)eventfd_write(u->queues[i].event_fd, 1);
}

void ll_uring_stop(struct ll_uring *u)
{
	struct timespec until;
	unsigned i;

	if (!u)
		return;
	pthread_mutex_lock(&u->lock);
	atomic_store(&u->stopping, true);
	pthread_cond_broadcast(&u->changed);
	pthread_mutex_unlock(&u->lock);
	wake_all(u);
	/* The threads give the answers to the kernel, so they go on until there are none to come.
	 */
	if (u->slow)
		workqueue_flush(u->slow);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += STOP_SECS;
	pthread_mutex_lock(&u->lock);
	while (u->running > 0 && pthread_cond_timedwait(&u->changed, &u->lock, &until) == 0)
		;
	pthread_mutex_unlock(&u->lock);
	atomic_store(&u->give_up, true);
	wake_all(u);
	for (i = 0; i < u->num_queues; i++)
		if (u->queues[i].has_thread) {
			pthread_join(u->queues[i].thread, NULL);
			u->queues[i].has_thread = false;
		}
	/* Not before: a thread may just have given it something. */
	workqueue_destroy(u->slow);
	u->slow = NULL;
}

void ll_uring_destroy(struct ll_uring *u)
{
	unsigned i, k;

	if (!u)
		return;
	ll_uring_stop(u);
	for (i = 0; i < u->num_queues; i++) {
		struct uring_queue *q = &u->queues[i];

		for (k = DEPTH; k < atomic_load(&q->num_entries); k++)
			munmap(q->entries[k].header, HEAD_ROOM + u->payload_size);
		if (q->event_fd >= 0)
			close(q->event_fd);
		pthread_mutex_destroy(&q->done_lock);
	}
	if (u->memory)
		munmap(u->memory, u->memory_size);
	pthread_cond_destroy(&u->changed);
	pthread_mutex_destroy(&u->lock);
	free(u);
}
