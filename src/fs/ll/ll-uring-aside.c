/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-uring-aside.c - what a ring's thread gives to other threads, so that nobody waits behind it */
#include "fs/ll/ll-uring-private.h"

#include <linux/fuse.h>
#include <sys/resource.h>

#include "util/compiler.h"
#include "util/histogram.h"

/*
 * A request that sleeps, at the disk above all, keeps those behind it from being served. To give it
 * away costs two wake-ups more. So it is given away when its kind has a habit of sleeping while
 * others come: each that did counts for it, each that did not against it, here or there. What is in
 * the store's page cache, and what comes from one process only, stays.
 *
 * Whether a thread has slept the kernel says, for a third of a microsecond. It is asked only about
 * a kind whose last request took long.
 */

#define NSECS	    1000000000LL
#define LONG_NSECS  30000
#define SCORE_GIVE  4 /* from here on */
#define SCORE_HERE  4 /* for one that kept others waiting */
#define SCORE_ASIDE 2 /* for one that would have */
#define SCORE_MOST  24
#define STREAK	    8 /* requests with another behind each */

static struct uring_habit *find_habit(struct uring_queue *q, uint32_t opcode, bool large)
{
	unsigned i = opcode < LARGE_HABITS ? opcode : 0;

	if (large)
		i = opcode == FUSE_READ ? LARGE_HABITS : LARGE_HABITS + 1;
	return &q->habits[i];
}

/* Racing threads may lose a count: it is a habit, not a sum. */
static void count(struct uring_habit *habit, int n)
{
	int score = atomic_load_explicit(&habit->score, memory_order_relaxed) + n;

	atomic_store_explicit(&habit->score, MIN(MAX(score, 0), SCORE_MOST), memory_order_relaxed);
}

/* How often this thread has slept, and how long it has run. */
struct doings {
	long sleeps;
	long long ran; /* ns */
};

static struct doings look(void)
{
	struct rusage r;

	if (getrusage(RUSAGE_THREAD, &r) < 0)
		return (struct doings){ 0 };
	return (struct doings){
		.sleeps = r.ru_nvcsw,
		.ran = (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * NSECS +
		       (r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1000LL,
	};
}

/*
 * Serve @e. Returns whether the thread slept for most of the time: waiting for others to decipher
 * their part of a large read is no such thing. @e may be another request's afterwards.
 */
static bool serve_and_look(struct uring_entry *e, struct uring_habit *habit)
{
	bool looking = atomic_load_explicit(&habit->took_long, memory_order_relaxed), took_long;
	struct doings before = { 0 }, after;
	long long began, took;

	if (looking)
		before = look();
	began = (long long)clock_ns();
	ll_uring_serve(e);
	took = (long long)clock_ns() - began;
	took_long = took >= LONG_NSECS;
	if (took_long != looking)
		atomic_store_explicit(&habit->took_long, took_long, memory_order_relaxed);
	if (!looking || !took_long)
		return false;
	after = look();
	return after.sleeps != before.sleeps && after.ran - before.ran < took / 2;
}

static unsigned requests(struct uring_queue *q)
{
	return atomic_load_explicit(&q->small, memory_order_relaxed) +
	       atomic_load_explicit(&q->bulk, memory_order_relaxed) +
	       atomic_load_explicit(&q->aside, memory_order_relaxed);
}

void ll_uring_begin_aside(struct uring_entry *e)
{
	ll_uring_begin(e);
	e->habit = find_habit(e->q, e->opcode, e->size >= LARGE);
	atomic_fetch_add_explicit(&e->q->aside, 1, memory_order_relaxed);
}

void ll_uring_serve_aside(struct uring_entry *e)
{
	struct uring_habit *habit = e->habit;
	struct uring_queue *q = e->q;
	unsigned before = requests(q);
	bool slept = serve_and_look(e, habit);

	count(habit, slept && requests(q) != before ? SCORE_ASIDE : -1);
}

static void serve_slow(struct work *work)
{
	ll_uring_serve(container_of(work, struct uring_entry, work));
}

static bool is_sync(uint32_t opcode)
{
	return opcode == FUSE_FSYNC || opcode == FUSE_FSYNCDIR;
}

/* These may take seconds, and few at a time are enough. */
static bool is_slow(uint32_t opcode)
{
	return opcode == FUSE_FALLOCATE || opcode == FUSE_COPY_FILE_RANGE;
}

static bool sleeps_often(const struct uring_entry *e)
{
	return atomic_load_explicit(&e->habit->score, memory_order_relaxed) >= SCORE_GIVE;
}

bool ll_uring_keep_aside(const struct uring_entry *e)
{
	/* What an ioctl gives back is wiped by the queue's own thread. */
	if (e->opcode == FUSE_IOCTL)
		return false;
	return sleeps_often(e) || atomic_load_explicit(&e->q->backlog, memory_order_relaxed);
}

bool ll_uring_give_away(struct uring_entry *e, bool others)
{
	struct uring_queue *q = e->q;
	bool large = e->size >= LARGE;

	q->streak = others ? q->streak + 1 : 0;
	e->habit = find_habit(q, e->opcode, large);
	if (atomic_load(&q->u->stopping))
		return false;
	if (is_sync(e->opcode) && e->qid == q->qid && ll_uring_help(e, false))
		return true;
	if (is_slow(e->opcode) || is_sync(e->opcode)) {
		e->work.fn = serve_slow;
		workqueue_queue(q->u->slow, &e->work);
		return true;
	}
	/* An entry for a processor that is not there is the only one. */
	if (e->qid != q->qid)
		return false;
	/*
	 * Large writes that sleep wait for one another, at their file's lock: more threads than
	 * processors would only go through more memory.
	 */
	if (sleeps_often(e))
		return ll_uring_help(e, large && e->opcode == FUSE_WRITE);
	return others && (large || q->streak >= STREAK) && ll_uring_help(e, true);
}

void ll_uring_serve_here(struct uring_entry *e)
{
	struct uring_habit *habit = e->habit;
	struct uring_queue *q = e->q;
	bool slept;

	e->here = true;
	slept = serve_and_look(e, habit);
	e->here = false;
	if (slept)
		ll_uring_note_sleep(q);
	if (slept && ll_uring_has_more(&q->ring))
		count(habit, SCORE_HERE);
	else if (atomic_load_explicit(&habit->score, memory_order_relaxed) > 0)
		count(habit, -1);
}
