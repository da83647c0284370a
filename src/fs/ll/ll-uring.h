/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-uring.h - FUSE requests by way of io_uring instead of read(2) and write(2) on /dev/fuse */
#ifndef FS_LL_LL_URING_H
#define FS_LL_LL_URING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct fuse_session;
struct ll_uring;

/*
 * The kernel's side: Documentation/filesystems/fuse/fuse-io-uring.rst, <linux/fuse.h> of Linux 6.14
 * (protocol 7.42). Older headers do not have these.
 */
#define LL_FUSE_OVER_IO_URING (1ULL << 41)

/*
 * Rings and threads, one of each for every processor that is there. To be called before
 * the kernel is told that its offer is taken, for from then on it waits for the rings.
 * @max_write: bytes of the largest WRITE. @look(@arg, buf, len) sees each request on the thread
 * that serves it, may change it and returns its length. Returns 0 or -errno: stay with /dev/fuse.
 */
int ll_uring_create(struct fuse_session *se, size_t max_write,
		    ssize_t (*look)(void *arg, void *buf, ssize_t len), void *arg,
		    struct ll_uring **ret_uring);

/* Whether requests come by @u, which may be NULL: not where the kernel has refused the rings. */
bool ll_uring_is_used(const struct ll_uring *u);

/* The kernel has been told: ask for requests. Context: once, any thread. */
void ll_uring_start(struct ll_uring *u);

/*
 * What has been taken is answered, or for two seconds waited for; then no more requests are taken
 * and the threads are joined. Replies may still come: they go nowhere. Context: after the session's
 * loop.
 */
void ll_uring_stop(struct ll_uring *u);

/* Context: when nobody replies any more. */
void ll_uring_destroy(struct ll_uring *u);

/*
 * Wait until the rings' requests that the kernel had when this was called are answered, but for
 * fsync and the like, ioctls that look into memory, and what is just reaching a helper. False when
 * that took more than a second. Context: the notifier.
 */
bool ll_uring_settle(struct ll_uring *u);

/*
 * Take a reply to a request that came by a ring; false when it did not, and the reply is for
 * /dev/fuse. Context: any thread.
 */
bool ll_uring_reply(struct ll_uring *u, const struct iovec *iov, int count);

/*
 * Whether the request that this thread is serving may be replied to later: false when so many of
 * its queue are waiting for that already that others would find no entry.
 */
bool ll_uring_may_wait(void);

/*
 * Where the data of the reply to the request that this thread is serving will be sent from: to have
 * it there saves a copy. NULL where there is no such place. A request that brings data has it
 * there.
 */
void *ll_uring_reply_buffer(size_t *ret_cap);

#endif
