/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-xattr.c - extended attributes and ACLs: decode, call fs, reply once */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/attr.h"
#include "fs/ll/ll.h"
#include "util/compiler.h"

/* An answer of n bytes at @buf, or only the count when the caller asked for that (@size 0). */
static void reply_xattr(fuse_req_t req, ssize_t n, const char *buf, size_t size)
{
	if (n < 0)
		ll_reply_err(req, (int)n);
	else if (size == 0)
		fuse_reply_xattr(req, (size_t)n);
	else
		fuse_reply_buf(req, buf, (size_t)n);
}

#define SELINUX_NAME "security.selinux"
#define ACL_PREFIX   "system.posix_acl_"

/* With noacl there are none, whatever the backing has: asked once, ls asks for no other file's. */
static bool is_hidden(const struct ll_session *s, const char *name)
{
	return s->no_acl && strncmp(name, ACL_PREFIX, strlen(ACL_PREFIX)) == 0;
}

void ll_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	char small[1024];
	char *buf = size <= sizeof(small) ? small : malloc(size);
	ssize_t n;

	if (is_hidden(ll_session_of(req), name))
		n = -EOPNOTSUPP;
	else
		n = buf ? fs_getxattr(ll_inode(req, ino), name, buf, size) : -ENOMEM;
	/*
	 * Without SELinux a label is an attribute like others, and can be read where there is one.
	 * Where there is none, ls -l is told that there are none here, and does not ask for the
	 * next file's: that is one request in two of a long listing.
	 */
	if (n == -ENODATA && ll_session_of(req)->no_selinux && strcmp(name, SELINUX_NAME) == 0)
		n = -EOPNOTSUPP;
	reply_xattr(req, n, buf, size);
	if (buf != small)
		free(buf);
}

/* Returns what is left of the @n bytes of names at @list. */
static ssize_t drop_hidden(const struct ll_session *s, char *list, ssize_t n)
{
	ssize_t kept = 0;

	for (ssize_t at = 0, len; at < n; at += len) {
		len = (ssize_t)strlen(list + at) + 1;
		if (is_hidden(s, list + at))
			continue;
		memmove(list + kept, list + at, (size_t)len);
		kept += len;
	}
	return kept;
}

void ll_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	char small[1024];
	char *buf = size <= sizeof(small) ? small : malloc(size);
	ssize_t n = buf ? fs_listxattr(ll_inode(req, ino), buf, size) : -ENOMEM;

	/* Who asks for the size alone is told of a few bytes too many. */
	if (n > 0 && size > 0)
		n = drop_hidden(ll_session_of(req), buf, n);
	reply_xattr(req, n, buf, size);
	if (buf != small)
		free(buf);
}

/*
 * A write takes file capabilities away, in the backing as well. Data from before them that still
 * waits in the kernel's cache must not do so later; writing it out needs workers: not on this one.
 */
#define CAPS_NAME "security.capability"

struct caps_job {
	struct work work;
	fuse_req_t req;
	struct ll_session *s;
	struct fs_inode *inode; /* referenced */
	size_t size;
	int flags;
	char value[];
};

static void set_caps_written_back(struct work *work)
{
	struct caps_job *job = container_of(work, struct caps_job, work);
	int err = ll_notify_write_back(job->s, job->inode);

	if (err == 0 || err == -ENOENT)
		err = fs_setxattr(job->inode, CAPS_NAME, job->value, job->size, job->flags);
	ll_reply_err(job->req, err);
	fs_inode_put(job->inode);
	free(job);
}

static void set_caps(fuse_req_t req, struct fs_inode *inode, const char *value, size_t size,
		     int flags)
{
	struct ll_session *s = ll_session_of(req);
	struct caps_job *job = malloc(sizeof(*job) + size);

	if (!job) {
		ll_reply_err(req, -ENOMEM);
		return;
	}
	*job = (struct caps_job){ { set_caps_written_back, NULL }, req, s, inode, size, flags };
	memcpy(job->value, value, size);
	fs_inode_ref(inode);
	workqueue_queue(s->notifier, &job->work);
}

static int drop_sgid(struct fs_inode *inode)
{
	struct stat st;
	int err = fs_getattr(inode, &st);

	if (err < 0 || !(st.st_mode & S_ISGID))
		return err;
	st.st_mode &= ~(mode_t)S_ISGID;
	return fs_setattr(inode, NULL, &st, FS_SET_MODE, &st);
}

void ll_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
		 int flags)
{
	struct fs_inode *inode = ll_inode(req, ino);
	struct ll_session *s = ll_session_of(req);
	int err;

	if (is_hidden(s, name)) {
		ll_reply_err(req, -EOPNOTSUPP);
		return;
	}
	if (strcmp(name, CAPS_NAME) == 0 && s->writeback_active && S_ISREG(inode->type)) {
		set_caps(req, inode, value, size, flags);
		return;
	}
	err = fs_setxattr(inode, name, value, size, flags);
	if (ll_space_again(s, err))
		err = fs_setxattr(inode, name, value, size, flags);
	if (err == 0 && ll_wire_kill_suidgid())
		err = drop_sgid(inode);
	ll_reply_err(req, err);
}

void ll_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	ll_reply_err(req, is_hidden(ll_session_of(req), name)
				  ? -EOPNOTSUPP
				  : fs_removexattr(ll_inode(req, ino), name));
}
