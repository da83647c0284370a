/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-init.c - what is agreed with the kernel, each with its reason; replies that many share */
#include <errno.h>

#include "fs/ll/ll.h"

void ll_init(void *userdata, struct fuse_conn_info *conn)
{
	struct ll_session *s = userdata;

	/* Small writes gather in the page cache; shared stores must see them at once. */
	if (s->writeback && !s->sb->opts.shared && (conn->capable & FUSE_CAP_WRITEBACK_CACHE)) {
		conn->want |= FUSE_CAP_WRITEBACK_CACHE;
		s->writeback_active = true;
	}
	/* ACLs are checked by the kernel where it checks modes: this would make it check both. */
	if (s->kernel_checks && !s->no_acl && (conn->capable & FUSE_CAP_POSIX_ACL))
		conn->want |= FUSE_CAP_POSIX_ACL;
	/* The umask is the backing's to apply: it knows of default ACLs. */
	if (conn->capable & FUSE_CAP_DONT_MASK)
		conn->want |= FUSE_CAP_DONT_MASK;
	/* Listing brings attributes along where somebody asks for them. */
	conn->want |= conn->capable & (FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO);
	conn->want |= conn->capable & (FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_IOCTL_DIR);
	/*
	 * A file changed behind the mount is no business of an unshared one, and checking would
	 * drop the cache of files that the writeback cache has newer times for.
	 */
	if (!s->sb->opts.shared)
		conn->want &= ~(unsigned)FUSE_CAP_AUTO_INVAL_DATA;
	/* Spliced data cannot be decrypted in place. */
	conn->want &=
		~(unsigned)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
	/* Targets change with the key: CACHE_SYMLINKS would keep no-key ones. */
	conn->want &= ~(unsigned)FUSE_CAP_CACHE_SYMLINKS;
	/* Node ids are addresses: nothing that outlives the mount, so no NFS export. */
	conn->want &= ~(unsigned)FUSE_CAP_EXPORT_SUPPORT;
	/* Locks are between the callers of this one mount: the kernel sees all of them. */
	conn->want &= ~(unsigned)(FUSE_CAP_POSIX_LOCKS | FUSE_CAP_FLOCK_LOCKS);
	conn->max_write = LL_MAX_REQUEST;
	conn->max_background = 64;
	conn->congestion_threshold = 48;
	conn->time_gran = 1;
}

struct fs_cred ll_cred(fuse_req_t req)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	return (struct fs_cred){ ctx->uid, ctx->gid, ctx->umask, ctx->pid };
}

void ll_reply_attr(fuse_req_t req, int err, const struct stat *attr)
{
	if (err < 0)
		ll_reply_err(req, err);
	else
		fuse_reply_attr(req, attr, ll_session_of(req)->timeout);
}

void ll_fill_entry(struct ll_session *s, const struct fs_entry *entry, struct fuse_entry_param *ret)
{
	ll_mtime_told(s, entry->inode, &entry->attr);
	*ret = (struct fuse_entry_param){
		.ino = ll_nodeid(entry->inode),
		.attr = entry->attr,
		/* Damaged symlinks are found, so that they can be removed; stat asks again. */
		.attr_timeout =
			S_ISLNK(entry->attr.st_mode) && entry->attr.st_size == 0 ? 0 : s->timeout,
		.entry_timeout = s->timeout,
	};
}

void ll_reply_entry(fuse_req_t req, int err, struct fs_entry *entry)
{
	struct ll_session *s = ll_session_of(req);
	struct fuse_entry_param e;

	if (err == -ENOENT && s->timeout > 0) {
		e = (struct fuse_entry_param){ .entry_timeout = s->timeout };
		fuse_reply_entry(req, &e);
		return;
	}
	if (err < 0) {
		ll_reply_err(req, err);
		return;
	}
	ll_fill_entry(s, entry, &e);
	fs_inode_lookup(entry->inode);
	/* The caller was interrupted: the kernel does not know the inode after all. */
	if (fuse_reply_entry(req, &e) < 0)
		fs_inode_forget(entry->inode, 1);
	fs_inode_put(entry->inode);
}
