/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-uring-private.h - queues and their entries, for ll-uring.c and ll-uring-set.c */
#ifndef FS_LL_LL_URING_PRIVATE_H
#define FS_LL_LL_URING_PRIVATE_H

#include <liburing.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

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

#define DEPTH	     8	/* entries that a queue has at once */
#define MAX_DEPTH    56 /* and when others take long to reply: a ring has room for all */
#define MIN_READ     8192
#define HEAD_ROOM    4096 /* in front of the payload: the request's fixed parts are put there */
#define SLOW_THREADS 4
#define STACK_SIZE   (1u << 20)
#define NUM_IOV	     2
#define MAX_POSSIBLE 4096
#define STOP_SECS    2 /* for a reply that does not come: as long as ll_jobs_wait() waits */

struct uring_queue;

struct uring_entry {
	struct work work; /* for the slow ones */
	struct uring_queue *q;
	struct uring_req_header *header;
	char *payload;
	struct iovec iov[NUM_IOV];
	_Atomic uint64_t unique;       /* of the request being served, 0 for none */
	struct uring_entry *next_done; /* Protected by q->done_lock */
	bool served;		       /* it has had a request; thread only */
};

struct uring_queue {
	struct ll_uring *u;
	uint16_t qid;
	pthread_t thread;
	bool has_thread;
	struct io_uring ring;
	int event_fd;
	uint64_t event_count;	      /* read by the ring */
	unsigned live;		      /* entries that the kernel or a server has; thread only */
	_Atomic unsigned num_entries; /* the first of entries; more by the thread only */
	pthread_mutex_t done_lock;
	struct uring_entry *done; /* replied to by other threads. Protected by done_lock */
	struct uring_entry entries[MAX_DEPTH];
};

struct ll_uring {
	struct fuse_session *se;
	ssize_t (*look)(void *arg, void *buf, ssize_t len);
	void *arg;
	size_t payload_size;
	char *memory;
	size_t memory_size;
	struct workqueue *slow;
	_Atomic bool stopping; /* as soon as all that has been taken is answered */
	_Atomic bool give_up;  /* now */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned ready;	  /* threads that have their ring. Protected by lock */
	unsigned running; /* threads that serve. Protected by lock */
	int err;	  /* of the first that has none. Protected by lock */
	bool started;	  /* Protected by lock */
	unsigned num_queues;
	struct uring_queue queues[];
};

/* Another entry for @q, with memory of its own. Context: its thread. */
struct uring_entry *ll_uring_add_entry(struct uring_queue *q);

/* A queue's thread: makes its ring, tells so, waits for the start, serves. */
void *ll_uring_queue_main(void *queue);

#endif
