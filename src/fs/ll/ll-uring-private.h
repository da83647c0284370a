/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-uring-private.h - queues and their entries, for ll-uring.c and ll-uring-set.c */
#ifndef FS_LL_LL_URING_PRIVATE_H
#define FS_LL_LL_URING_PRIVATE_H

#include <liburing.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "fs/ll/ll-uring.h"
#include "util/workqueue.h"

/* <linux/fuse.h> since Linux 6.14 */
#define CMD_REGISTER	     1
#define CMD_COMMIT_AND_FETCH 2

struct uring_in_out {
	uint64_t flags;
	uint64_t commit_id;
	uint32_t payload_sz;
	uint32_t padding;
	uint64_t reserved;
};

struct uring_req_header {
	char in_out[128]; /* struct fuse_in_header, and struct fuse_out_header with the reply */
	char op_in[128];  /* the operation's own fixed part */
	struct uring_in_out ent;
};

struct uring_cmd_req {
	uint64_t flags;
	uint64_t commit_id;
	uint16_t qid;
	uint8_t padding[6];
};

/*
 * Entries that the queue of a processor has at once. What comes besides waits in the kernel and is
 * fetched by the system call that commits a reply. With more of them a large read goes through more
 * memory than the processor's cache has: eight were a tenth slower.
 */
#define DEPTH 4
#define MAX_WAITING                                                                  \
	504 /* more of them in a ring, in the place of those whose replies take long \
	     */
#define SQ_ENTRIES   64
#define MIN_READ     8192
#define HEAD_ROOM    4096 /* in front of the payload: the request's fixed parts are put there */
#define LARGE	     (128u << 10) /* bytes of data from which on a request is worth another thread */
#define SLOW_THREADS 4
#define STACK_SIZE   (1u << 20)
#define NUM_IOV	     2
#define MAX_POSSIBLE 4096
#define CPU_SET_SIZE CPU_ALLOC_SIZE(MAX_POSSIBLE)
#define STOP_SECS    2 /* for a reply that does not come: as long as ll_jobs_wait() waits */
#define SETTLE_SECS  1
#define SETTLE_MOST  4096 /* requests: so many are not left from before */

#define NUM_HELPERS  10 /* of a queue: as many as read /dev/fuse */
#define LARGE_HABITS 60 /* operations are numbered below that; large READs, large WRITEs */

struct uring_queue;
struct uring_helper;
TAILQ_HEAD(helper_list, uring_helper);

/* What requests of one kind have been like: ll-uring-aside.c. Counted by all threads that serve. */
struct uring_habit {
	_Atomic int score;	/* how often they slept while others waited */
	_Atomic bool took_long; /* the last one did */
};

struct uring_entry {
	struct work work; /* for those that go to other threads */
	struct uring_queue *q;
	struct uring_habit *habit; /* of the last request's kind */
	struct uring_req_header *header;
	char *payload;
	struct iovec iov[NUM_IOV];
	_Atomic uint64_t unique;       /* of the request being served, 0 for none */
	struct uring_entry *next_done; /* Protected by q->done_lock */
	int lost; /* what ended it with a helper, or 0. Protected by the same */
	/* Of the ring's thread, and of who serves the request: */
	uint16_t qid;	 /* the kernel's queue */
	bool served;	 /* it has had a request */
	uint32_t opcode; /* of the last one */
	size_t size;	 /* of its data, bytes */
	bool in_crowd;	 /* a helper has it, one of those that need a processor */
	bool here;	 /* it is served by the queue's thread */
	bool away;	 /* it is not in the queue's ring, nor going there; its thread only */
	size_t touched;	 /* bytes of the payload that memory is behind */
	size_t wipe;	 /* bytes of the reply that is being committed, for which that matters */
};

/* How a queue's thread runs: ll-uring-mode.c. */
enum uring_mode {
	URING_BOUND,	/* on its processor, as any other */
	URING_YIELDING, /* there, when nobody else wants to */
	URING_FREE,	/* on any */
};

/* A thread with its ring, for the kernel's queue of one processor. */
struct uring_queue {
	struct ll_uring *u;
	uint16_t qid;
	cpu_set_t *own; /* its processor, or NULL: it is not there, or not ours */
	pthread_t thread;
	bool has_thread;
	struct io_uring ring;
	int event_fd;
	uint64_t event_count;	      /* read by the ring */
	unsigned live;		      /* entries that the kernel or a server has; thread only */
	unsigned wipes;		      /* entries with something to wipe; thread only */
	bool large;		      /* some entry has much memory; thread only */
	_Atomic unsigned num_entries; /* the first of entries; more by the thread only */
	unsigned max_entries;
	struct uring_entry **entries;
	pthread_mutex_t done_lock;
	struct uring_entry *done; /* back from other threads. Protected by done_lock */
	_Atomic unsigned asked;	  /* times that somebody wanted it settled */
	unsigned goal;		  /* those that the thread has seen; thread only */
	unsigned left;		  /* requests until the goal is given up; thread only */
	unsigned settled;	  /* Protected by u->lock */
	bool running;		  /* it serves. Protected by u->lock */
	unsigned streak;	  /* requests since none waited behind; thread only */
	_Atomic bool backlog;	  /* some wait */
	_Atomic unsigned aside;	  /* requests that helpers have got */
	struct uring_habit habits[LARGE_HABITS + 2];
	pthread_mutex_t help_lock;
	struct helper_list idle, parked; /* Protected by help_lock */
	struct uring_helper *helpers[NUM_HELPERS];
	unsigned num_helpers; /* changed by the thread, with help_lock held */
	bool helpers_joined;

	/* Of the thread, for the watcher: */
	_Atomic pid_t tid;
	_Atomic unsigned small, bulk; /* requests that it has got */
	_Atomic unsigned slept;	      /* over how many */
	unsigned burst;		      /* some of them, since burst_began; thread only */
	long long burst_began;	      /* ns; thread only */
	/* Of the watcher: */
	enum uring_mode mode;
	unsigned seen_small, seen_bulk, seen_slept;
	unsigned quiet, since_bulk, stuck; /* ticks */
	unsigned wait, backoff, good; /* ticks: until it may yield, of the last wait, without one */
};

struct ll_uring {
	struct fuse_session *se;
	ssize_t (*look)(void *arg, void *buf, ssize_t len);
	void *arg;
	size_t payload_size;
	struct workqueue *slow; /* what waits for a disk, and for all of a file */
	_Atomic unsigned crowd; /* helpers at work that need a processor */
	_Atomic bool help_ends; /* helpers are to stop */
	_Atomic bool stopping;	/* as soon as all that has been taken is answered */
	_Atomic bool give_up;	/* now */
	_Atomic bool refused;	/* the kernel took no entries: logged */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned ready;	  /* threads that have their ring. Protected by lock */
	unsigned running; /* threads that serve. Protected by lock */
	int err;	  /* of the first that has none. Protected by lock */
	bool started;	  /* Protected by lock */

	pthread_t watcher;
	bool has_watcher;
	_Atomic bool watching, watch_stop; /* changed with watch_lock held */
	pthread_mutex_t watch_lock;
	pthread_cond_t watch_wake;
	/* Of the watcher: */
	bool can_yield;	 /* and come back from there */
	cpu_set_t *ours; /* processors that the user wants us to run on */
	unsigned num_queues;
	struct uring_queue queues[]; /* one for each processor that is there, in front qid 0 */
};

/*
 * Another entry of @q, with memory of its own, for the kernel's queue @qid; NULL: there are too
 * many. Context: its thread, or before there is one.
 */
struct uring_entry *ll_uring_add_entry(struct uring_queue *q, uint16_t qid);

/* Give back what memory the idle entries of @q have taken for large requests. Context: its thread.
 */
void ll_uring_give_back(struct uring_queue *q);

/* The same for one entry. Context: who has it in its ring. */
void ll_uring_give_back_one(struct uring_entry *e);

/*
 * The watcher of the queues' threads. Context: before they are started; before they are joined.
 * Where there can be none they stay bound.
 */
void ll_uring_watch_start(struct ll_uring *u);
void ll_uring_watch_stop(struct ll_uring *u);

/* Whatever policy the watcher gives this thread, it is served by the disk as it is now. */
void ll_uring_keep_ioprio(void);

/* A request has come, @large or not. Context: the thread of @q. */
void ll_uring_note_request(struct uring_queue *q, bool large);

/* It has slept over one. Context: the same. */
void ll_uring_note_sleep(struct uring_queue *q);

/*
 * Have the request in @e served by another thread, if that is better; @others are there behind it.
 * False: it has not been. Context: the thread of its queue.
 */
bool ll_uring_give_away(struct uring_entry *e, bool others);

/* Serve the request in @e on its queue's thread. Context: that, after the above. */
void ll_uring_serve_here(struct uring_entry *e);

/* The same for a helper; it may be another's request when this returns. */
void ll_uring_serve_aside(struct uring_entry *e);

/* Whether the helper that serves @e is to have the next request of its queue too. */
bool ll_uring_keep_aside(const struct uring_entry *e);

/* A request is there in @e: note what it is. Context: its queue's thread, a helper. */
void ll_uring_begin(struct uring_entry *e);
void ll_uring_begin_aside(struct uring_entry *e);

/* Have libfuse serve the request in @e. Context: any thread. */
void ll_uring_serve(struct uring_entry *e);

/* Entries of @q whose requests have been taken and not been answered. Context: any thread. */
unsigned ll_uring_count_away(const struct uring_queue *q);

/* The reply in @e is complete: to the kernel with it. Context: the queue's thread. */
void ll_uring_commit(struct uring_entry *e);

/* Give @e, which other threads had, to its queue's thread. */
void ll_uring_push_done(struct uring_entry *e);

/* Prepare @cmd for @e in @ring. Context: the thread of @ring. */
void ll_uring_prepare(struct io_uring *ring, struct uring_entry *e, unsigned cmd);

/* Make a ring of @entries completions at most. Context: its thread. Returns 0 or -errno. */
int ll_uring_make_ring(struct io_uring *ring, unsigned entries);

/*
 * Whether all replies in @ring have gone to the kernel, and no request has come: the memory of its
 * entries is free. Context: its thread.
 */
bool ll_uring_is_quiet(const struct io_uring *ring);

/* Whether something has come to @ring that its thread has not seen to. Context: that. */
bool ll_uring_has_more(const struct io_uring *ring);

/*
 * Helpers: threads with a ring each, made when they are wanted, which take an entry over from a
 * queue together with its request, and may keep it for those that come next. Stopped when the
 * queues' threads have ended. Settled: what they serve is answered, or a second is over.
 */
void ll_uring_helpers_init(struct uring_queue *q);
void ll_uring_helpers_settle(struct uring_queue *q);
void ll_uring_helpers_stop(struct uring_queue *q);
void ll_uring_helpers_free(struct uring_queue *q);

/*
 * Let a helper that has nothing to do serve @e; @in_crowd: it needs a processor more than it waits,
 * and there are to be no more of those than processors. False: there is none, or enough of those
 * are at work.
 */
bool ll_uring_help(struct uring_entry *e, bool in_crowd);

/*
 * This thread has replied to @e, which it serves. True: it is a helper that keeps it, and the reply
 * goes its way. False: it goes through the queue.
 */
bool ll_uring_helper_commit(struct uring_entry *e);

/* A queue's thread: makes its ring, tells so, waits for the start, serves. */
void *ll_uring_queue_main(void *queue);

#endif
