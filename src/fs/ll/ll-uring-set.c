/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-uring-set.c - a queue for every processor: memory, threads, start and end */
#include "fs/ll/ll-uring-private.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "util/compiler.h"

/* "0-3,6": a list of processors as the kernel writes it. */
static bool read_cpus(const char *path, cpu_set_t *set, size_t size)
{
	FILE *f = fopen(path, "re");
	unsigned first, last;
	int n, c = 0;

	CPU_ZERO_S(size, set);
	if (!f)
		return false;
	while ((n = fscanf(f, "%u-%u", &first, &last)) > 0) {
		for (unsigned i = first; i <= (n == 1 ? first : last) && i < MAX_POSSIBLE; i++)
			CPU_SET_S(i, size, set);
		c = getc(f);
		if (c != ',')
			break;
	}
	fclose(f);
	return n > 0 && (c == '\n' || c == EOF);
}

/* The processors of this machine. The kernel's queues are as many as are possible. */
struct cpus {
	unsigned num;
	cpu_set_t *possible, *online, *ours;
};

static void free_cpus(struct cpus *c)
{
	CPU_FREE(c->possible);
	CPU_FREE(c->online);
	CPU_FREE(c->ours);
}

static int get_cpus(struct cpus *c)
{
	const size_t size = CPU_SET_SIZE;

	c->possible = CPU_ALLOC(MAX_POSSIBLE);
	c->online = CPU_ALLOC(MAX_POSSIBLE);
	c->ours = CPU_ALLOC(MAX_POSSIBLE);
	if (!c->possible || !c->online || !c->ours)
		return -ENOMEM;
	if (!read_cpus("/sys/devices/system/cpu/possible", c->possible, size) ||
	    !read_cpus("/sys/devices/system/cpu/online", c->online, size))
		return -EOPNOTSUPP;
	/* Of this thread: what the user wants us to run on. */
	CPU_ZERO_S(size, c->ours);
	if (sched_getaffinity(0, size, c->ours) < 0)
		return -errno;
	c->num = (unsigned)CPU_COUNT_S(size, c->possible);
	/* Numbers with gaps: the kernel's queues are not worth guessing, it waits for all. */
	if (c->num == 0 || !CPU_ISSET_S(c->num - 1, size, c->possible) ||
	    CPU_COUNT_S(size, c->online) == 0)
		return -EOPNOTSUPP;
	return 0;
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

struct uring_entry *ll_uring_add_entry(struct uring_queue *q, uint16_t qid)
{
	unsigned n = atomic_load(&q->num_entries);
	struct uring_entry *e = n < q->max_entries ? calloc(1, sizeof(*e)) : NULL;
	char *p = e ? get_memory(HEAD_ROOM + q->u->payload_size) : NULL;

	if (!p) {
		free(e);
		return NULL;
	}
	e->q = q;
	e->qid = qid;
	e->header = (void *)p;
	e->payload = p + HEAD_ROOM;
	e->iov[0] = (struct iovec){ e->header, sizeof(*e->header) };
	e->iov[1] = (struct iovec){ e->payload, q->u->payload_size };
	q->entries[n] = e;
	atomic_store(&q->num_entries, n + 1);
	return e;
}

void ll_uring_give_back_one(struct uring_entry *e)
{
	if (e->touched < LARGE)
		return;
	madvise(e->payload, e->touched, MADV_DONTNEED);
	e->touched = 0;
}

void ll_uring_give_back(struct uring_queue *q)
{
	unsigned n = atomic_load(&q->num_entries);

	/* Those that are away say so again when they come back. */
	q->large = false;
	for (unsigned i = 0; i < n; i++)
		if (!q->entries[i]->away)
			ll_uring_give_back_one(q->entries[i]);
}

/* Entries for the processor of @q; in the first queue for those too that are not there now. */
static int add_entries(struct uring_queue *q, const struct cpus *c)
{
	const size_t size = CPU_SET_SIZE;
	unsigned i;

	q->max_entries = DEPTH + MAX_WAITING + (q == q->u->queues ? c->num : 0);
	q->entries = calloc(q->max_entries, sizeof(struct uring_entry *));
	if (!q->entries)
		return -ENOMEM;
	for (i = 0; i < DEPTH; i++)
		if (!ll_uring_add_entry(q, q->qid))
			return -ENOMEM;
	for (i = 0; q == q->u->queues && i < c->num; i++)
		if (!CPU_ISSET_S(i, size, c->online) && !ll_uring_add_entry(q, (uint16_t)i))
			return -ENOMEM;
	return 0;
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

static cpu_set_t *one_cpu(unsigned cpu)
{
	cpu_set_t *set = CPU_ALLOC(MAX_POSSIBLE);

	if (set) {
		CPU_ZERO_S(CPU_SET_SIZE, set);
		CPU_SET_S(cpu, CPU_SET_SIZE, set);
	}
	return set;
}

/* Takes @c->ours over. */
static struct ll_uring *new_uring(struct cpus *c)
{
	unsigned num = (unsigned)CPU_COUNT_S(CPU_SET_SIZE, c->online), i, cpu;
	struct ll_uring *u = calloc(1, sizeof(*u) + num * sizeof(u->queues[0]));

	if (!u)
		return NULL;
	u->num_queues = num;
	pthread_mutex_init(&u->lock, NULL);
	pthread_cond_init(&u->changed, NULL);
	pthread_mutex_init(&u->watch_lock, NULL);
	pthread_cond_init(&u->watch_wake, NULL);
	for (i = 0, cpu = 0; i < num; i++, cpu++) {
		while (!CPU_ISSET_S(cpu, CPU_SET_SIZE, c->online))
			cpu++;
		u->queues[i].u = u;
		u->queues[i].qid = (uint16_t)cpu;
		if (CPU_ISSET_S(cpu, CPU_SET_SIZE, c->ours))
			u->queues[i].own = one_cpu(cpu);
		u->queues[i].event_fd = -1;
		pthread_mutex_init(&u->queues[i].done_lock, NULL);
		ll_uring_helpers_init(&u->queues[i]);
	}
	u->ours = c->ours;
	c->ours = NULL;
	return u;
}

static int start_all(struct ll_uring *u, const struct cpus *c)
{
	unsigned i;
	int err = 0;

	u->slow = workqueue_create("fuse-ring-slow", SLOW_THREADS);
	if (!u->slow)
		return -ENOMEM;
	ll_uring_watch_start(u);
	for (i = 0; i < u->num_queues && err == 0; i++) {
		err = add_entries(&u->queues[i], c);
		if (err == 0)
			err = start_thread(&u->queues[i]);
	}
	pthread_mutex_lock(&u->lock);
	while (err == 0 && u->ready < u->num_queues)
		pthread_cond_wait(&u->changed, &u->lock);
	if (err == 0)
		err = u->err;
	pthread_mutex_unlock(&u->lock);
	return err;
}

int ll_uring_create(struct fuse_session *se, size_t max_write,
		    ssize_t (*look)(void *arg, void *buf, ssize_t len), void *arg,
		    struct ll_uring **ret_uring)
{
	struct cpus cpus = { 0 };
	struct ll_uring *u = NULL;
	int err = get_cpus(&cpus);

	/* The header and the room in front of the payload are one page. */
	_Static_assert(sizeof(struct uring_req_header) + 256 <= HEAD_ROOM, "they share the page");
	if (err == 0) {
		u = new_uring(&cpus);
		err = u ? 0 : -ENOMEM;
	}
	if (err == 0) {
		u->se = se;
		u->look = look;
		u->arg = arg;
		u->payload_size = MAX(max_write, (size_t)MIN_READ);
		err = start_all(u, &cpus);
	}
	free_cpus(&cpus);
	if (err < 0)
		ll_uring_destroy(u);
	else
		*ret_uring = u;
	return err;
}

bool ll_uring_is_used(const struct ll_uring *u)
{
	return u && !atomic_load(&u->refused);
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

bool ll_uring_settle(struct ll_uring *u)
{
	struct timespec until;
	unsigned i;
	int err = 0;

	for (i = 0; i < u->num_queues; i++)
		atomic_fetch_add(&u->queues[i].asked, 1);
	wake_all(u);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += SETTLE_SECS;
	pthread_mutex_lock(&u->lock);
	for (i = 0; i < u->num_queues && err == 0; i++)
		while (u->queues[i].running && err == 0 &&
		       u->queues[i].settled != atomic_load(&u->queues[i].asked))
			err = pthread_cond_timedwait(&u->changed, &u->lock, &until);
	pthread_mutex_unlock(&u->lock);
	for (i = 0; i < u->num_queues && err == 0; i++)
		ll_uring_helpers_settle(&u->queues[i]);
	return err == 0;
}

void ll_uring_stop(struct ll_uring *u)
{
	struct timespec until;
	unsigned i;

	if (!u)
		return;
	ll_uring_watch_stop(u);
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
	for (i = 0; i < u->num_queues; i++)
		ll_uring_helpers_stop(&u->queues[i]);
}

void ll_uring_destroy(struct ll_uring *u)
{
	unsigned i, k;

	if (!u)
		return;
	ll_uring_stop(u);
	for (i = 0; i < u->num_queues; i++) {
		struct uring_queue *q = &u->queues[i];

		for (k = 0; k < atomic_load(&q->num_entries); k++) {
			munmap(q->entries[k]->header, HEAD_ROOM + u->payload_size);
			free(q->entries[k]);
		}
		free(q->entries);
		ll_uring_helpers_free(q);
		if (q->event_fd >= 0)
			close(q->event_fd);
		pthread_mutex_destroy(&q->done_lock);
		CPU_FREE(q->own);
	}
	CPU_FREE(u->ours);
	pthread_cond_destroy(&u->changed);
	pthread_cond_destroy(&u->watch_wake);
	pthread_mutex_destroy(&u->watch_lock);
	pthread_mutex_destroy(&u->lock);
	free(u);
}
