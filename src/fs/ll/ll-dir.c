/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-dir.c - directories: decode, call fs, reply once */
#include <errno.h>
#include <stdlib.h>

#include "fs/dir.h"
#include "fs/ll/ll.h"

static struct fs_dir *dir_of(const struct fuse_file_info *fi)
{
	return (struct fs_dir *)(uintptr_t)fi->fh;
}

void ll_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs_dir *dir;
	int err = fs_opendir(ll_inode(req, ino), &dir);

	if (err < 0) {
		ll_reply_err(req, err);
		return;
	}
	fi->fh = (uintptr_t)dir;
	if (fuse_reply_open(req, fi) < 0)
		fs_releasedir(dir);
}

struct fill {
	fuse_req_t req;
	struct ll_session *s;
	char *buf;
	size_t size, used;
};

static bool emit(void *arg, const char *name, ino_t ino, mode_t type, struct fs_entry *entry,
		 off_t next)
{
	struct fill *f = arg;
	struct stat st = { .st_ino = ino, .st_mode = type };
	size_t n = fuse_add_direntry(f->req, f->buf + f->used, f->size - f->used, name, &st, next);

	(void)entry;
	if (n > f->size - f->used)
		return false;
	f->used += n;
	return true;
}

static bool emit_plus(void *arg, const char *name, ino_t ino, mode_t type, struct fs_entry *entry,
		      off_t next)
{
	struct fill *f = arg;
	struct fuse_entry_param e = { .attr = { .st_ino = ino, .st_mode = type } };
	size_t n;

	if (entry)
		ll_fill_entry(f->s, entry, &e);
	n = fuse_add_direntry_plus(f->req, f->buf + f->used, f->size - f->used, name, &e, next);
	if (n > f->size - f->used)
		return false;
	f->used += n;
	if (entry) {
		/* Told to the kernel with this reply: it will be forgotten like a look-up. */
		fs_inode_lookup(entry->inode);
		fs_inode_put(entry->inode);
	}
	return true;
}

static void read_dir(fuse_req_t req, size_t size, off_t off, struct fuse_file_info *fi, bool plus)
{
	struct fill f = { req, ll_session_of(req), malloc(size), size, 0 };
	int err = f.buf ? fs_readdir(dir_of(fi), off, plus, plus ? emit_plus : emit, &f) : -ENOMEM;

	/* An error after entries waits for the next call, so that none is lost. */
	if (err < 0 && f.used == 0)
		ll_reply_err(req, err);
	else
		fuse_reply_buf(req, f.buf, f.used);
	free(f.buf);
}

void ll_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	read_dir(req, size, off, fi, false);
}

void ll_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	read_dir(req, size, off, fi, true);
}

void ll_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	fs_releasedir(dir_of(fi));
	ll_reply_err(req, 0);
}

void ll_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	ll_reply_err(req, fs_fsyncdir(dir_of(fi), datasync != 0));
}
