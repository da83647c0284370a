/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-threads.c - range locks, tiny locks and the work queue, with the threads that they are for
 */
#include "util/rangelock.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "util/compiler.h"
#include "util/tinylock.h"
#include "util/workqueue.h"

/* ---- range locks ---- */

/* A thread that takes one range, notes when, and gives it back when told. */
struct taker {
	struct rangelock *rl;
	uint64_t start, end;
	bool exclusive;
	atomic_int may_go;
	int turn; /* how many had their range before; -1: not yet. Protected by turn_lock */
	pthread_t thread;
};

static pthread_mutex_t turn_lock = PTHREAD_MUTEX_INITIALIZER;
static int turns;

static int taker_turn(struct taker *t)
{
	int turn;

	pthread_mutex_lock(&turn_lock);
	turn = t->turn;
	pthread_mutex_unlock(&turn_lock);
	return turn;
}

static void *taker_main(void *arg)
{
	struct taker *t = arg;
	struct rangelock_held held;

	rangelock_lock(t->rl, &held, t->start, t->end, t->exclusive);
	pthread_mutex_lock(&turn_lock);
	t->turn = turns++;
	pthread_mutex_unlock(&turn_lock);
	while (!atomic_load(&t->may_go))
		usleep(100);
	rangelock_unlock(t->rl, &held);
	return NULL;
}

static unsigned waiters(struct rangelock *rl)
{
	unsigned n;

	pthread_mutex_lock(&rl->mutex);
	n = rl->waiters;
	pthread_mutex_unlock(&rl->mutex);
	return n;
}

static void taker_start(struct taker *t, struct rangelock *rl, uint64_t start, uint64_t end,
			bool exclusive)
{
	t->rl = rl;
	t->start = start;
	t->end = end;
	t->exclusive = exclusive;
	t->turn = -1;
	atomic_store(&t->may_go, 0);
	assert_int_equal(pthread_create(&t->thread, NULL, taker_main, t), 0);
}

/* Start one that gets its range at once (else the alarm ends the program). */
static void start_holder(struct taker *t, struct rangelock *rl, uint64_t start, uint64_t end,
			 bool exclusive)
{
	taker_start(t, rl, start, end, exclusive);
	while (taker_turn(t) < 0)
		usleep(100);
}

/* Start one that has to wait. */
static void start_waiter(struct taker *t, struct rangelock *rl, uint64_t start, uint64_t end,
			 bool exclusive)
{
	unsigned before = waiters(rl);

	taker_start(t, rl, start, end, exclusive);
	while (waiters(rl) == before) {
		assert_int_equal(taker_turn(t), -1);
		usleep(100);
	}
	assert_int_equal(taker_turn(t), -1);
}

static void finish(struct taker *t)
{
	atomic_store(&t->may_go, 1);
	assert_int_equal(pthread_join(t->thread, NULL), 0);
}

static void range_compatible(void **state)
{
	struct rangelock rl;
	struct taker t[6];

	rangelock_init(&rl);
	/* Shared ones together, exclusive ones side by side; the ends do not touch. */
	start_holder(&t[0], &rl, 0, 100, false);
	start_holder(&t[1], &rl, 50, 150, false);
	start_holder(&t[2], &rl, 150, 200, true);
	start_holder(&t[3], &rl, 200, UINT64_MAX, true);
	assert_int_equal(waiters(&rl), 0);
	start_waiter(&t[4], &rl, 199, 200, false);
	start_waiter(&t[5], &rl, 99, 101, true);
	finish(&t[2]);
	while (taker_turn(&t[4]) < 0)
		usleep(100);
	/* Both of the shared ones have to go. */
	finish(&t[0]);
	assert_int_equal(taker_turn(&t[5]), -1);
	finish(&t[1]);
	finish(&t[3]);
	finish(&t[4]);
	finish(&t[5]);
	assert_null(rl.held);
	assert_int_equal(rl.waiters, 0);
	rangelock_destroy(&rl);
}

/* A writer that waits holds up the readers behind it, but only those that it overlaps. */
static void range_fair(void **state)
{
	struct rangelock rl;
	struct taker first, writer, late, apart, whole;

	rangelock_init(&rl);
	start_holder(&first, &rl, 0, 4096, false);
	start_waiter(&writer, &rl, 0, 512, true);
	start_waiter(&late, &rl, 0, 4096, false);
	start_holder(&apart, &rl, 8192, 12288, true);
	start_waiter(&whole, &rl, 0, UINT64_MAX, true);
	atomic_store(&writer.may_go, 1);
	atomic_store(&late.may_go, 1);
	finish(&first);
	finish(&writer);
	finish(&late);
	assert_int_equal(taker_turn(&whole), -1);
	finish(&apart);
	finish(&whole);
	assert_true(first.turn < apart.turn && apart.turn < writer.turn);
	assert_true(writer.turn < late.turn && late.turn < whole.turn);
	rangelock_destroy(&rl);
}

enum { CELLS = 64, ROUNDS = 3000, THREADS = 6 };

static struct {
	struct rangelock rl;
	/* Not atomic: the range lock is what keeps these sound, and TSan looks on. */
	unsigned cells[CELLS], shadow[CELLS];
	atomic_uint torn, adds;
} board;

static void *range_player(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	struct rangelock_held held;

	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned start = (unsigned)rand_r(&seed) % CELLS;
		unsigned end = start + 1 + (unsigned)rand_r(&seed) % (CELLS - start);
		bool exclusive = rand_r(&seed) % 3 == 0;

		rangelock_lock(&board.rl, &held, start, end == CELLS ? UINT64_MAX : end, exclusive);
		for (unsigned c = start; c < end; c++) {
			if (board.cells[c] != board.shadow[c])
				atomic_fetch_add(&board.torn, 1);
			if (exclusive)
				board.cells[c]++;
		}
		for (unsigned c = start; exclusive && c < end; c++)
			board.shadow[c]++;
		if (exclusive)
			atomic_fetch_add(&board.adds, end - start);
		rangelock_unlock(&board.rl, &held);
	}
	return NULL;
}

static void range_many_threads(void **state)
{
	pthread_t threads[THREADS];
	unsigned sum = 0;

	rangelock_init(&board.rl);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, range_player, (void *)(i + 1)),
				 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (unsigned c = 0; c < CELLS; c++)
		sum += board.cells[c];
	assert_int_equal(atomic_load(&board.torn), 0);
	assert_int_equal(sum, atomic_load(&board.adds));
	assert_true(sum > 0);
	assert_null(board.rl.held);
	rangelock_destroy(&board.rl);
}

/* ---- tiny locks ---- */

static struct {
	struct tinylock lock;
	unsigned long count; /* Protected by lock */
} tiny;

static void *count_up(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20000; i++) {
		tinylock_lock(&tiny.lock);
		tiny.count++;
		/* Now and then long enough that the others go to sleep. */
		if (i % 2000 == 0)
			usleep(100);
		tinylock_unlock(&tiny.lock);
	}
	return NULL;
}

static void tiny_locks(void **state)
{
	pthread_t threads[4];

	(void)state;
	assert_false(tinylock_is_held(&tiny.lock));
	tinylock_lock(&tiny.lock);
	assert_true(tinylock_is_held(&tiny.lock));
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_up, NULL), 0);
	usleep(1000);
	assert_int_equal(tiny.count, 0);
	tinylock_unlock(&tiny.lock);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(tiny.count, ARRAY_SIZE(threads) * 20000);
	assert_false(tinylock_is_held(&tiny.lock));
}

/* ---- work queue ---- */

struct job {
	struct work work;
	unsigned number;
	unsigned usec;
};

enum { JOBS = 500 };
static struct job jobs[JOBS];
static unsigned order[JOBS];
static atomic_uint ran;

static void job_fn(struct work *work)
{
	struct job *job = container_of(work, struct job, work);

	if (job->usec)
		usleep(job->usec);
	order[atomic_fetch_add(&ran, 1)] = job->number;
}

static void make_jobs(unsigned slow_every)
{
	atomic_store(&ran, 0);
	memset(order, 0xff, sizeof(order));
	for (unsigned i = 0; i < JOBS; i++)
		jobs[i] = (struct job){ .work.fn = job_fn,
					.number = i,
					.usec = slow_every && i % slow_every == 0 ? 1000 : 0 };
}

static void queue_order(void **state)
{
	struct workqueue *wq = workqueue_create("one", 1);

	assert_non_null(wq);
	make_jobs(50);
	for (unsigned i = 0; i < JOBS; i++)
		workqueue_queue(wq, &jobs[i].work);
	workqueue_flush(wq);
	assert_int_equal(atomic_load(&ran), JOBS);
	for (unsigned i = 0; i < JOBS; i++)
		assert_int_equal(order[i], i);
	/* With nothing queued there is nothing to wait for. */
	workqueue_flush(wq);
	workqueue_destroy(wq);
}

static void queue_several(void **state)
{
	struct workqueue *wq = workqueue_create("several", 3);
	bool seen[JOBS] = { false };

	assert_non_null(wq);
	make_jobs(20);
	for (unsigned i = 0; i < JOBS; i++) {
		workqueue_queue(wq, &jobs[i].work);
		/* Also those that are being run are waited for. */
		if (i % 100 == 0) {
			workqueue_flush(wq);
			assert_int_equal(atomic_load(&ran), i + 1);
		}
	}
	/* Destroying finishes what is queued. */
	workqueue_destroy(wq);
	assert_int_equal(atomic_load(&ran), JOBS);
	for (unsigned i = 0; i < JOBS; i++) {
		assert_false(seen[order[i]]);
		seen[order[i]] = true;
	}
	workqueue_destroy(NULL);
}

/* Two works that need each other's presence: passes only if two threads run at once. */
static pthread_barrier_t both;

static void meet_fn(struct work *work)
{
	pthread_barrier_wait(&both);
}

static void queue_parallel(void **state)
{
	struct workqueue *wq = workqueue_create("two", 2);
	struct work a = { .fn = meet_fn }, b = { .fn = meet_fn };

	assert_non_null(wq);
	pthread_barrier_init(&both, NULL, 2);
	workqueue_queue(wq, &a);
	workqueue_queue(wq, &b);
	workqueue_flush(wq);
	workqueue_destroy(wq);
	pthread_barrier_destroy(&both);
}

/* Queues itself again until told to stop; a flush must end all the same. */
static struct workqueue *endless_wq;
static atomic_bool endless_stop;
static atomic_uint endless_runs;

static void endless_fn(struct work *work)
{
	atomic_fetch_add(&endless_runs, 1);
	if (!atomic_load(&endless_stop))
		workqueue_queue(endless_wq, work);
}

static void queue_flush_ends(void **state)
{
	struct work work = { .fn = endless_fn };

	atomic_store(&endless_stop, false);
	atomic_store(&endless_runs, 0);
	endless_wq = workqueue_create("endless", 2);
	assert_non_null(endless_wq);
	workqueue_queue(endless_wq, &work);
	for (unsigned i = 0; i < 20; i++)
		workqueue_flush(endless_wq);
	assert_true(atomic_load(&endless_runs) >= 20);
	atomic_store(&endless_stop, true);
	workqueue_destroy(endless_wq);
}

/* The work's memory may go as soon as its function has begun. */
static char thread_name[16];
static bool signals_blocked;

static void last_words_fn(struct work *work)
{
	sigset_t set;

	free(work);
	pthread_getname_np(pthread_self(), thread_name, sizeof(thread_name));
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	signals_blocked = sigismember(&set, SIGTERM) == 1 && sigismember(&set, SIGHUP) == 1;
}

static void queue_thread(void **state)
{
	struct workqueue *wq = workqueue_create("a-name-that-is-too-long", 1);
	struct work *work = malloc(sizeof(*work));
	sigset_t set;

	assert_non_null(wq);
	assert_non_null(work);
	work->fn = last_words_fn;
	workqueue_queue(wq, work);
	workqueue_flush(wq);
	workqueue_destroy(wq);
	assert_string_equal(thread_name, "a-name-that-is-");
	assert_true(signals_blocked);
	/* The caller's own mask is as it was. */
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	assert_int_equal(sigismember(&set, SIGTERM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(range_compatible),   cmocka_unit_test(range_fair),
		cmocka_unit_test(range_many_threads), cmocka_unit_test(queue_order),
		cmocka_unit_test(queue_several),      cmocka_unit_test(queue_parallel),
		cmocka_unit_test(queue_flush_ends),   cmocka_unit_test(queue_thread),
		cmocka_unit_test(tiny_locks),
	};

	/* What hangs here has failed. */
	alarm(120);
	return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
