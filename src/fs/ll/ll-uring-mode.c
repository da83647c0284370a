/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-uring-mode.c - where the rings' threads run, and who goes first: by what they have to do */
#include "fs/ll/ll-uring-private.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "util/compiler.h"
#include "util/histogram.h"
#include "util/io.h"
#include "util/log.h"
#include "util/thread.h"

/*
 * A ring's thread is bound to its processor: nobody else has to be woken for a request. But then:
 *
 * Many small requests, one after the other: while the thread gives its answer its processor is
 * busy, with itself, so the kernel wakes the caller on another one that is idle, which takes longer
 * than all the rest. But a processor that runs nothing except a thread of policy SCHED_IDLE counts
 * as idle. So that is what the thread is (URING_YIELDING) while such requests keep coming: the
 * caller stays where it is and goes on at once. A program that computes on that processor would
 * keep the thread from running at all, where one weighs the two against each other (not where each
 * has a share of its own: autogroups, cgroups). So somebody looks every few milliseconds, and makes
 * it an ordinary thread again, for longer each time, when it wanted to run and did not.
 *
 * Much data: copying it takes time that the caller could use for its own copying. The thread is
 * bound to no processor then (URING_FREE). Not for some large files in a tree of small ones: grep
 * was a quarter slower with that. Nor is it bound when it sleeps over most requests: it is woken
 * soonest where the disk's interrupt comes.
 *
 * The policy and the processors of the threads are changed by the watcher only. It takes no lock
 * that they take: one that cannot run may hold it.
 */

#define TICK_MSECS    4
#define YIELD_FROM    8	  /* small requests in a tick */
#define STUCK_TICKS   2	  /* of wanting to run */
#define BULK_FROM     2	  /* large ones in a tick ... */
#define BULK_SHARE    4	  /* ... of the requests: one in so many */
#define BULK_TICKS    12  /* without any until they are over */
#define QUIET_TICKS   25  /* without a request until the watcher rests */
#define GOOD_TICKS    250 /* of yielding until a failure is forgotten */
#define BACKOFF_LEAST 64  /* ticks of not yielding after a failure */
#define BACKOFF_MOST  2048
#define BURST	      16	 /* requests, a large one is half of them, ... */
#define BURST_NSECS   10000000LL /* ... in this time: worth watching */

/* Whether thread @tid of ours wants to run, or runs. */
static bool is_runnable(pid_t tid)
{
	char path[64], text[256], *p;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	if (io_read_text(path, text, sizeof(text)) < 0)
		return false;
	/* "TID (name) STATE ..." */
	p = strrchr(text, ')');
	return p && p[1] == ' ' && p[2] == 'R';
}

static bool set_policy(pid_t tid, int policy)
{
	static const struct sched_param none;

	return sched_setscheduler(tid, policy, &none) == 0;
}

/*
 * A thread without a priority of its own at the disk has that of its policy, and the idle one's
 * requests wait there until nobody else has any. So this thread's is written down as it is now.
 */
void ll_uring_keep_ioprio(void)
{
	int prio = (int)syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0);

	/* Others keep the policy that they have. */
	if (prio < 0 || sched_getscheduler(0) != SCHED_OTHER)
		return;
	if (IOPRIO_PRIO_CLASS(prio) == IOPRIO_CLASS_NONE)
		prio = IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, (getpriority(PRIO_PROCESS, 0) + 20) / 5);
	(void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, prio);
}

/* To give way is easy. A thread of its own sees whether that can be taken back. */
static void *try_to_yield(void *arg)
{
	struct ll_uring *u = arg;

	u->can_yield =
		set_policy(0, SCHED_IDLE) && set_policy(0, SCHED_OTHER) && is_runnable(gettid());
	return NULL;
}

static void set_mode(struct uring_queue *q, enum uring_mode mode)
{
	pid_t tid = atomic_load(&q->tid);
	struct ll_uring *u = q->u;

	if (mode == q->mode)
		return;
	/* Back to the usual first: a thread is never both. */
	if (q->mode == URING_YIELDING && !set_policy(tid, SCHED_OTHER)) {
		log_warn("a thread of FUSE over io_uring stays idle: %s", strerror(errno));
		u->can_yield = false;
		return;
	}
	if (q->mode == URING_FREE)
		(void)sched_setaffinity(tid, CPU_SET_SIZE, q->own);
	q->mode = URING_BOUND;
	if (mode == URING_FREE && q->own && sched_setaffinity(tid, CPU_SET_SIZE, u->ours) == 0)
		q->mode = URING_FREE;
	if (mode == URING_YIELDING && set_policy(tid, SCHED_IDLE)) {
		q->mode = URING_YIELDING;
		q->stuck = 0;
	}
}

/* What came since the last time. */
static unsigned count(const _Atomic unsigned *now, unsigned *seen)
{
	unsigned before = *seen;

	*seen = atomic_load_explicit(now, memory_order_relaxed);
	return *seen - before;
}

/*
 * Whether @q's thread has wanted to run for some ticks and got little done. One that has answered
 * and lets the caller compute looks the same; then there are few requests, and it matters little.
 */
static bool could_not_run(struct uring_queue *q, unsigned small)
{
	q->stuck = small < YIELD_FROM && is_runnable(atomic_load(&q->tid)) ? q->stuck + 1 : 0;
	return q->stuck >= STUCK_TICKS;
}

/* The next try is the later the more often that happens. */
static void starved(struct uring_queue *q)
{
	set_mode(q, URING_BOUND);
	q->backoff = MIN(MAX(q->backoff * 2, (unsigned)BACKOFF_LEAST), (unsigned)BACKOFF_MOST);
	q->wait = q->backoff;
	q->good = 0;
}

/* Every tick. Returns whether there is anything to go on watching. */
static bool adjust(struct uring_queue *q)
{
	unsigned small = count(&q->small, &q->seen_small);
	unsigned bulk = count(&q->bulk, &q->seen_bulk);
	unsigned slept = count(&q->slept, &q->seen_slept);

	/* Over most of them; for a few it would be a loss, or they are those of a busy machine. */
	if (slept >= YIELD_FROM && slept * 2 >= small)
		bulk += slept;
	q->quiet = small || bulk ? 0 : q->quiet + 1;
	q->since_bulk = bulk >= BULK_FROM && bulk * BULK_SHARE >= small ? 0 : q->since_bulk + 1;
	if (q->wait > 0)
		q->wait--;
	if (q->mode == URING_YIELDING && could_not_run(q, small))
		starved(q);
	else if (q->since_bulk == 0)
		set_mode(q, URING_FREE);
	else if (q->mode == URING_FREE && q->since_bulk <= BULK_TICKS)
		return true;
	else if (q->quiet > QUIET_TICKS || q->mode == URING_FREE)
		set_mode(q, URING_BOUND);
	else if (small >= YIELD_FROM && q->wait == 0 && q->u->can_yield)
		set_mode(q, URING_YIELDING);
	if (q->mode == URING_YIELDING && ++q->good >= GOOD_TICKS)
		q->backoff = 0;
	return q->quiet <= QUIET_TICKS || q->mode != URING_BOUND;
}

static void watch(struct ll_uring *u)
{
	const struct timespec tick = { .tv_nsec = TICK_MSECS * 1000000L };
	bool more = true;
	unsigned i;

	while (more && !atomic_load(&u->watch_stop)) {
		nanosleep(&tick, NULL);
		for (i = 0, more = false; i < u->num_queues; i++)
			more = adjust(&u->queues[i]) || more;
	}
}

static void *watcher_main(void *arg)
{
	struct ll_uring *u = arg;
	unsigned i;

	pthread_setname_np(pthread_self(), "fuse-ring-watch");
	pthread_mutex_lock(&u->watch_lock);
	while (!atomic_load(&u->watch_stop)) {
		if (!atomic_load(&u->watching)) {
			pthread_cond_wait(&u->watch_wake, &u->watch_lock);
			continue;
		}
		pthread_mutex_unlock(&u->watch_lock);
		watch(u);
		pthread_mutex_lock(&u->watch_lock);
		atomic_store(&u->watching, false);
	}
	pthread_mutex_unlock(&u->watch_lock);
	for (i = 0; i < u->num_queues; i++)
		set_mode(&u->queues[i], URING_BOUND);
	return NULL;
}

/* Nobody else writes it. */
static void add_one(_Atomic unsigned *n)
{
	atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

void ll_uring_note_sleep(struct uring_queue *q)
{
	add_one(&q->slept);
}

void ll_uring_note_request(struct uring_queue *q, bool large)
{
	struct ll_uring *u = q->u;
	long long now;

	add_one(large ? &q->bulk : &q->small);
	if (atomic_load_explicit(&u->watching, memory_order_relaxed))
		return;
	q->burst += large ? BURST / 2 : 1;
	if (q->burst < BURST)
		return;
	now = (long long)clock_ns();
	if (now - q->burst_began < BURST_NSECS) {
		/* Of ordinary threads only: all are where nobody watches. */
		pthread_mutex_lock(&u->watch_lock);
		atomic_store(&u->watching, true);
		pthread_cond_signal(&u->watch_wake);
		pthread_mutex_unlock(&u->watch_lock);
	}
	q->burst = 0;
	q->burst_began = now;
}

void ll_uring_watch_start(struct ll_uring *u)
{
	pthread_t thread;

	/* Who has given the daemon another policy means something by it. */
	if (sched_getscheduler(getpid()) == SCHED_OTHER &&
	    thread_create(&thread, try_to_yield, u) == 0)
		pthread_join(thread, NULL);
	u->has_watcher = thread_create(&u->watcher, watcher_main, u) == 0;
}

void ll_uring_watch_stop(struct ll_uring *u)
{
	if (!u->has_watcher)
		return;
	pthread_mutex_lock(&u->watch_lock);
	atomic_store(&u->watch_stop, true);
	pthread_cond_signal(&u->watch_wake);
	pthread_mutex_unlock(&u->watch_lock);
	pthread_join(u->watcher, NULL);
	u->has_watcher = false;
}
