/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-wire.c - hooks around libfuse's reading and writing, for what libfuse 3.14 does not know */
#include <errno.h>
#include <linux/fuse.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fs/ll/ll-uring.h"
#include "fs/ll/ll.h"
#include "util/log.h"

/*
 * Five things pass here.
 *  - FUSE_TMPFILE is a FUSE_CREATE with O_TMPFILE among the flags: same arguments, same answer.
 * libfuse does not know its number, so it gets the one that it knows.
 *  - FUSE_HANDLE_KILLPRIV_V2: with it the kernel does not ask for security.capability before every
 *    write, which costs a request each. It then says when set-id bits must go, in flags that
 * libfuse does not hand on.
 *  - FUSE_SETXATTR_EXT: in the same way it says when an ACL set by one who is not of the file's
 *    group takes the set-group-ID bit away. The request is longer then than libfuse thinks.
 *  - FUSE_DIRECT_IO_ALLOW_MMAP: a file opened without the cache because the store is nearly full
 * can still be mapped.
 *  - FUSE_OVER_IO_URING, by which requests come another way (ll-uring.c).
 */
static _Thread_local bool kill_suidgid;

#define WANT_FLAGS ((uint64_t)(FUSE_HANDLE_KILLPRIV_V2 | FUSE_SETXATTR_EXT))
#ifndef FUSE_DIRECT_IO_ALLOW_MMAP
#define FUSE_DIRECT_IO_ALLOW_MMAP (1ULL << 36)
#endif
#ifndef FUSE_OPEN_KILL_SUIDGID
#define FUSE_OPEN_KILL_SUIDGID (1 << 0)
#endif

bool ll_wire_kill_suidgid(void)
{
	return kill_suidgid;
}

static void note_init(struct ll_session *s, const struct fuse_in_header *h, size_t len)
{
	const struct fuse_init_in *in = (const void *)(h + 1);

	s->init_unique = h->unique;
	s->kernel_flags = in->flags;
	if (len >= sizeof(*h) + sizeof(*in) && (in->flags & FUSE_INIT_EXT))
		s->kernel_flags |= (uint64_t)in->flags2 << 32;
}

/* Take out what is behind the part of fuse_setxattr_in that libfuse knows. Returns the length. */
static ssize_t cut_setxattr(struct fuse_in_header *h, ssize_t n)
{
	const size_t extra = sizeof(struct fuse_setxattr_in) - FUSE_COMPAT_SETXATTR_IN_SIZE;
	struct fuse_setxattr_in *in = (void *)(h + 1);
	char *name = (char *)(in + 1);

	if (n < name - (char *)h)
		return n;
	kill_suidgid = in->setxattr_flags & FUSE_SETXATTR_ACL_KILL_SGID;
	memmove(name - extra, name, (size_t)(n - (name - (char *)h)));
	h->len -= (uint32_t)extra;
	return n - (ssize_t)extra;
}

/* What libfuse is to see of a request, for this thread to serve. Returns its new length. */
static ssize_t look_at(void *userdata, void *buf, ssize_t n)
{
	struct ll_session *s = userdata;
	struct fuse_in_header *h = buf;
	const void *body = h + 1;

	if (n < (ssize_t)sizeof(*h))
		return n;
	kill_suidgid = false;
	switch (h->opcode) {
	case FUSE_INIT:
		if (n >= (ssize_t)(sizeof(*h) + 16))
			note_init(s, h, (size_t)n);
		break;
	case FUSE_TMPFILE:
		h->opcode = FUSE_CREATE;
		break;
	case FUSE_WRITE:
		kill_suidgid =
			((const struct fuse_write_in *)body)->write_flags & FUSE_WRITE_KILL_SUIDGID;
		break;
	case FUSE_OPEN:
		kill_suidgid =
			((const struct fuse_open_in *)body)->open_flags & FUSE_OPEN_KILL_SUIDGID;
		break;
	case FUSE_SETXATTR:
		if (s->kernel_flags & FUSE_SETXATTR_EXT)
			n = cut_setxattr(h, n);
		break;
	case FUSE_SETATTR:
		kill_suidgid = ((const struct fuse_setattr_in *)body)->valid & FATTR_KILL_SUIDGID;
		break;
	default:
		break;
	}
	return n;
}

/*
 * With rings hardly anything but FORGETs comes by the device, one for each file that is removed.
 * For each the kernel wakes a thread that waits here, which costs the caller more than the FORGET
 * does. So a thread that has got one does not come back at once, and finds those of the meantime
 * together. Each of them keeps a descriptor (fs_inode_keep()): who needs one waits for them
 * (fs_descriptors_settle()).
 */
#define FORGETS_NSECS 1000000

static ssize_t wire_read(int fd, void *buf, size_t len, void *userdata)
{
	static _Thread_local bool more_to_come;
	const struct fuse_in_header *h = buf;
	struct ll_session *s = userdata;
	ssize_t n;

	if (more_to_come)
		nanosleep(&(struct timespec){ .tv_nsec = FORGETS_NSECS }, NULL);
	n = read(fd, buf, len);
	more_to_come = s->uring && n >= (ssize_t)sizeof(*h) &&
		       (h->opcode == FUSE_FORGET || h->opcode == FUSE_BATCH_FORGET);
	return look_at(s, buf, n);
}

/* The kernel offers rings, and we can have them: say so. */
static bool take_rings(struct ll_session *s, const struct fuse_init_out *out)
{
	int r;

	if (!s->want_uring || !(s->kernel_flags & LL_FUSE_OVER_IO_URING))
		return false;
	r = ll_uring_create(s->se, out->max_write, look_at, s, &s->uring);
	if (r < 0)
		log_warn("no FUSE over io_uring: %s: using /dev/fuse", strerror(-r));
	return r == 0;
}

static ssize_t wire_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	struct ll_session *s = userdata;
	const struct fuse_out_header *h = iov[0].iov_base;
	struct fuse_init_out out;
	ssize_t n;

	if (s->uring && ll_uring_reply(s->uring, iov, count))
		return (ssize_t)h->len;

	if (s->init_unique && h->unique == s->init_unique && h->error == 0 && count == 2 &&
	    iov[1].iov_len == sizeof(out)) {
		uint64_t want = WANT_FLAGS | FUSE_DIRECT_IO_ALLOW_MMAP;

		memcpy(&out, iov[1].iov_base, sizeof(out));
		want &= s->kernel_flags;
		if (take_rings(s, &out))
			want |= LL_FUSE_OVER_IO_URING;
		out.flags |= (uint32_t)want;
		if (want >> 32) {
			out.flags |= FUSE_INIT_EXT;
			out.flags2 |= (uint32_t)(want >> 32);
		}
		memcpy(iov[1].iov_base, &out, sizeof(out));
		s->init_unique = 0;
		n = writev(fd, iov, count);
		ll_bdi_tune(s);
		if (s->uring)
			ll_uring_start(s->uring);
		return n;
	}
	return writev(fd, iov, count);
}

void ll_wire_settle(struct ll_session *s)
{
	if (s->uring && !ll_uring_settle(s->uring))
		log_info("requests were still under way after a second");
}

bool ll_wire_has_unread(struct ll_session *s)
{
	struct pollfd p = { .fd = fuse_session_fd(s->se), .events = POLLIN };

	return poll(&p, 1, 0) > 0 && (p.revents & POLLIN);
}

int ll_wire_install(struct ll_session *s)
{
	static const struct fuse_custom_io io = { .writev = wire_writev, .read = wire_read };

	return fuse_session_custom_io(s->se, &io, fuse_session_fd(s->se)) < 0 ? -EIO : 0;
}
