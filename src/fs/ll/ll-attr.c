/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-attr.c - attributes, symlinks' targets, statfs: decode, call fs, reply once */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ll/ll.h"
#include "fs/symlink.h"

void ll_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs_inode *inode = ll_inode(req, ino);
	struct stat attr;
	int err, bar = fs_inode_bar(inode);

	/*
	 * Before a write(2) into its cache the kernel asks for the attributes by the handle, if it
	 * does not have them: the only chance to refuse it.
	 */
	if (bar == FS_BAR_ALL && fi) {
		ll_reply_err(req, -ENOKEY);
		return;
	}
	err = fs_getattr(inode, &attr);
	if (bar != FS_BAR_NONE && err == 0)
		fuse_reply_attr(req, &attr, 0);
	else
		ll_reply_attr(req, err, &attr);
}

/* access(2) and chdir(2), where the kernel does not check by itself. */
void ll_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	ll_reply_err(req, fs_access(ll_inode(req, ino), mask));
}

static unsigned set_mask(int to_set)
{
	static const struct {
		int fuse;
		unsigned fs;
	} map[] = {
		{ FUSE_SET_ATTR_MODE, FS_SET_MODE },
		{ FUSE_SET_ATTR_UID, FS_SET_UID },
		{ FUSE_SET_ATTR_GID, FS_SET_GID },
		{ FUSE_SET_ATTR_SIZE, FS_SET_SIZE },
		{ FUSE_SET_ATTR_ATIME, FS_SET_ATIME },
		{ FUSE_SET_ATTR_MTIME, FS_SET_MTIME },
		{ FUSE_SET_ATTR_ATIME_NOW, FS_SET_ATIME_NOW },
		{ FUSE_SET_ATTR_MTIME_NOW, FS_SET_MTIME_NOW },
	};
	unsigned set = 0;

	for (size_t i = 0; i < ARRAY_SIZE(map); i++)
		if (to_set & map[i].fuse)
			set |= map[i].fs;
	return set;
}

void ll_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		struct fuse_file_info *fi)
{
	struct fs_inode *inode = ll_inode(req, ino);
	struct fs_file *file = fi && S_ISREG(inode->type) ? ll_file(fi) : NULL;
	/* utimes(2) names no handle, nor does anything else but a truncation. */
	bool flushed = file && !(to_set & FUSE_SET_ATTR_SIZE);
	struct ll_mtime_was was = { .known = false };
	struct stat after;
	int err;

	/*
	 * Times from the kernel's own clock come when it syncs or lets go of a file. A lock has
	 * brought them to the store already when it revoked the handles: they are no error then.
	 */
	if (fs_inode_revoked(inode) && (to_set & FUSE_SET_ATTR_CTIME) &&
	    !(to_set & ~(FUSE_SET_ATTR_CTIME | FUSE_SET_ATTR_MTIME))) {
		err = fs_getattr(inode, &after);
		if (err == 0)
			fuse_reply_attr(req, &after, 0);
		else
			ll_reply_err(req, err);
		return;
	}
	/* A truncation that moves the kernel's clock brings the time along; any other moves none.
	 */
	if ((to_set & FUSE_SET_ATTR_SIZE) &&
	    !(to_set & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW)) &&
	    ll_mtime_known(ll_session_of(req), inode, &attr->st_mtim))
		to_set |= FUSE_SET_ATTR_MTIME;
	if (to_set & FUSE_SET_ATTR_MTIME) {
		was = ll_mtime_setting(ll_session_of(req), inode, &attr->st_mtim,
				       to_set & FUSE_SET_ATTR_CTIME ? &attr->st_ctim : NULL,
				       flushed);
		if (was.overtaken)
			to_set &= ~FUSE_SET_ATTR_MTIME;
	}
	err = fs_setattr(inode, file, attr, set_mask(to_set), &after);
	if (ll_space_again(ll_session_of(req), err))
		err = fs_setattr(inode, file, attr, set_mask(to_set), &after);
	if (err < 0)
		ll_mtime_not_set(inode, &was);
	else if (was.known)
		ll_mtime_was_set(inode, &attr->st_mtim);
	if (err == 0 && (to_set & FUSE_SET_ATTR_SIZE) && ll_wire_kill_suidgid()) {
		struct fs_file *use;

		err = fs_file_borrow(inode, true, &use);
		if (err == 0) {
			err = ll_kill_suidgid(req, use);
			fs_file_return(use);
		}
		if (err == 0)
			err = fs_getattr(inode, &after);
	}
	ll_reply_attr(req, err, &after);
}

void ll_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char target[FSCRYPT_MAX_SYMLINK_PAYLOAD];
	size_t len;
	int err = fs_readlink(ll_inode(req, ino), target, &len);

	if (err < 0)
		ll_reply_err(req, err);
	else
		fuse_reply_readlink(req, target);
}

void ll_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st;
	int err;

	ll_space_settle(ll_session_of(req));
	err = fs_statfs(ll_session_of(req)->sb, &st);

	if (err < 0)
		ll_reply_err(req, err);
	else
		fuse_reply_statfs(req, &st);
}
