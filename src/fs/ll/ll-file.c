/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-file.c - open files: decode, call fs, reply once */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs/ll/ll-uring.h"
#include "fs/ll/ll.h"
#include "util/log.h"

void ll_fill_open(struct ll_session *s, struct fuse_file_info *fi, struct fs_file *file)
{
	fi->fh = (uintptr_t)file;
	fi->keep_cache = !s->sb->opts.shared;
	/*
	 * Reads from that cache are none of the backing's, and the kernel has an atime of before.
	 * With nothing cached the reads come here, and the backing sees to it.
	 */
	if (fi->keep_cache && (fi->flags & O_ACCMODE) == O_RDONLY &&
	    (atomic_load(&file->inode->use->reg.cached) ||
	     atomic_load(&file->inode->use->reg.filled)) &&
	    fs_file_accessed(file))
		fuse_lowlevel_notify_inval_inode(s->se, ll_nodeid(file->inode), -1, 0);
	/*
	 * With the writeback cache write(2) succeeds before there is a block for the data. Where
	 * blocks are few, the data goes out at once, so that ENOSPC reaches the caller (DESIGN
	 * section 6).
	 */
	if (file->writable && s->writeback_active && ll_space_is_low(s)) {
		fi->direct_io = 1;
		file->uncached = true;
	}
}

/*
 * Most who open a small file read it: its data goes to the kernel's cache before the reply, and
 * there is no READ. Larger ones would make those wait who do not read, or not all.
 */
#define FILL_MOST (16u << 10)

static int fill_cache(struct fs_inode *inode, const void *data, size_t len, void *arg)
{
	struct fuse_bufvec buf = FUSE_BUFVEC_INIT(len);
	struct ll_session *s = arg;

	buf.buf[0].mem = (void *)(uintptr_t)data;
	return fuse_lowlevel_notify_store(s->se, ll_nodeid(inode), 0, &buf, 0);
}

static void fill_small(struct ll_session *s, const struct fuse_file_info *fi, struct fs_file *file)
{
	if (fi->keep_cache && !fi->direct_io && !file->writable && !(fi->flags & O_DIRECT))
		fs_file_fill(file, FILL_MOST, fill_cache, s);
}

void ll_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs_file *file;
	int err = fs_file_open(ll_inode(req, ino), fi->flags, &file);

	/* Remounted behind our back: the kernel would not let a writer through otherwise. */
	if (ll_mount_again(ll_session_of(req), err))
		err = fs_file_open(ll_inode(req, ino), fi->flags, &file);
	if (err == 0 && (fi->flags & O_TRUNC) && ll_wire_kill_suidgid()) {
		err = ll_kill_suidgid(req, file);
		if (err < 0)
			fs_file_release(file);
	}
	if (err < 0) {
		ll_reply_err(req, err);
		return;
	}
	ll_fill_open(ll_session_of(req), fi, file);
	fill_small(ll_session_of(req), fi, file);
	if (fi->flags & O_TRUNC)
		ll_mtime_wrote(ll_session_of(req), file, fi);
	if (fuse_reply_open(req, fi) < 0)
		fs_file_release(file);
}

static bool past_cache(const struct fs_file *file, const struct fuse_file_info *fi)
{
	return (fi->flags & O_DIRECT) || file->uncached;
}

/* Raised once a file and mount: a look is cheaper than a store that others must see. */
static void raise_flag(_Atomic bool *flag)
{
	if (!atomic_load(flag))
		atomic_store(flag, true);
}

void ll_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct fs_file *file = ll_file(fi);
	const void *data;
	size_t len, cap;
	void *buf = ll_uring_reply_buffer(&cap);
	int err;

	if (!past_cache(file, fi))
		raise_flag(&file->inode->use->reg.cached);
	err = fs_file_read(file, (uint64_t)off, size, buf, cap, &data, &len);
	if (err < 0)
		ll_reply_err(req, err);
	else
		fuse_reply_buf(req, data, len);
}

/* A write past the kernel's cache, which others may be filling meanwhile. */
struct direct_job {
	struct work work;
	fuse_req_t req;
	struct ll_session *s;
	struct fs_inode *inode;
	size_t size;
};

static void direct_written(struct work *work)
{
	struct direct_job *job = container_of(work, struct direct_job, work);

	/* All of it, so that the next direct write need not do so unless somebody has read since.
	 */
	atomic_store(&job->inode->use->reg.cached, false);
	fuse_lowlevel_notify_inval_inode(job->s->se, ll_nodeid(job->inode), 0, 0);
	fuse_reply_write(job->req, job->size);
	free(job);
}

void ll_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
	      struct fuse_file_info *fi)
{
	struct ll_session *s = ll_session_of(req);
	struct fs_file *file = ll_file(fi);
	struct direct_job *job;
	int err = fs_file_write(file, (uint64_t)off, buf, size);

	if (ll_space_again(s, err))
		err = fs_file_write(file, (uint64_t)off, buf, size);
	if (fi->writepage || !past_cache(file, fi))
		raise_flag(&file->inode->use->reg.filled);
	ll_mtime_wrote(s, file, fi);
	if (err == 0 && ll_wire_kill_suidgid())
		err = ll_kill_suidgid(req, file);
	if (err < 0) {
		if (err == -ENOKEY)
			ll_lock_late_write(s, file->inode);
		ll_reply_err(req, err);
		return;
	}
	/*
	 * The kernel drops the pages under a direct write before it, and not after it when it is
	 * asynchronous: what a reader brought in between is old. Dropping waits for such readers,
	 * whom the workers have to serve: not on this one.
	 */
	if (fi->writepage || !past_cache(file, fi) || !atomic_load(&file->inode->use->reg.cached)) {
		fuse_reply_write(req, size);
		return;
	}
	job = malloc(sizeof(*job));
	if (!job) {
		ll_reply_err(req, -ENOMEM);
		return;
	}
	*job = (struct direct_job){ { direct_written, NULL }, req, s, file->inode, size };
	workqueue_queue(s->notifier, &job->work);
}

static bool is_in_group(fuse_req_t req, gid_t gid)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	gid_t few[32], *list = few;
	int n, cap = ARRAY_SIZE(few);
	bool found = ctx->gid == gid;

	n = found ? 0 : fuse_req_getgroups(req, cap, list);
	if (n > cap) {
		cap = n;
		list = calloc((size_t)cap, sizeof(*list));
		n = list ? fuse_req_getgroups(req, cap, list) : 0;
	}
	for (int i = 0; i < n && i < cap && !found; i++)
		found = list[i] == gid;
	if (list != few)
		free(list);
	return found;
}

int ll_kill_suidgid(fuse_req_t req, struct fs_file *file)
{
	struct ll_session *s = ll_session_of(req);
	struct stat st;
	mode_t mode;

	if (fstat(file->backing.fd, &st) < 0)
		return -errno;
	mode = st.st_mode & ~(mode_t)S_ISUID;
	/* Without the group's x it is not for running, and a member may keep it. */
	if ((mode & S_ISGID) && ((mode & S_IXGRP) || !is_in_group(req, st.st_gid)))
		mode &= ~(mode_t)S_ISGID;
	if (mode == st.st_mode)
		return 0;
	if (fchmod(file->backing.fd, mode & 07777) < 0)
		return -errno;
	/* The kernel has the old bits for a second yet. Of attributes only: this waits for nothing.
	 */
	fuse_lowlevel_notify_inval_inode(s->se, ll_nodeid(file->inode), -1, 0);
	return 0;
}

/* A handle that the kernel gave up without telling: its header and mtime still belong to the store.
 */
void ll_file_settle(struct ll_session *s, struct fs_inode *inode)
{
	struct fs_file *file;
	bool writers;

	if (!S_ISREG(inode->type))
		return;
	tinylock_lock(&inode->crypt_lock);
	writers = fs_opened(inode) && fs_opened(inode)->writers > 0 && !fs_inode_revoked(inode);
	tinylock_unlock(&inode->crypt_lock);
	if (!writers || fs_file_borrow(inode, true, &file) < 0)
		return;
	if (fs_file_flush(file) < 0 || ll_mtime_settle(s, file) < 0)
		log_warn("inode %llu in the store was left without its last attributes",
			 (unsigned long long)inode->ino);
	fs_file_return(file);
}

static void settle_inode(struct fs_inode *inode, void *arg)
{
	ll_file_settle(arg, inode);
}

void ll_files_settle(struct ll_session *s)
{
	fs_inode_for_each(s->sb, settle_inode, s);
}

void ll_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct ll_session *s = ll_session_of(req);
	int err;

	ll_mtime_settle(s, ll_file(fi));
	ll_space_end_begin(s);
	err = fs_file_release(ll_file(fi));
	ll_space_end_done(s);
	ll_reply_err(req, err);
}

void ll_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	int err = ll_mtime_settle(ll_session_of(req), ll_file(fi));

	if (err == 0)
		err = fs_file_fsync(ll_file(fi), datasync != 0);
	ll_reply_err(req, err);
}

/*
 * These requests carry no word on set-id bits as writes do: who may not set them (root may) has
 * them cleared.
 */
static int kill_for_caller(fuse_req_t req, struct fs_file *file)
{
	return fuse_req_ctx(req)->uid == 0 ? 0 : ll_kill_suidgid(req, file);
}

void ll_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len,
		  struct fuse_file_info *fi)
{
	struct ll_session *s = ll_session_of(req);
	int err = fs_file_fallocate(ll_file(fi), mode, (uint64_t)off, (uint64_t)len);

	if (ll_space_again(s, err))
		err = fs_file_fallocate(ll_file(fi), mode, (uint64_t)off, (uint64_t)len);
	ll_mtime_wrote(s, ll_file(fi), fi);
	if (err == 0)
		err = kill_for_caller(req, ll_file(fi));
	ll_reply_err(req, err);
}

/* An lseek that has to wait for the kernel's cache to be written out. */
struct seek_job {
	struct work work;
	fuse_req_t req;
	struct ll_session *s;
	struct fs_file *file;
	uint64_t off;
	int whence;
};

static void reply_seek(fuse_req_t req, struct fs_file *file, uint64_t off, int whence)
{
	uint64_t found;
	int err = fs_file_seek(file, off, whence, &found);

	if (err < 0)
		ll_reply_err(req, err);
	else
		fuse_reply_lseek(req, (off_t)found);
}

static void seek_written_back(struct work *work)
{
	struct seek_job *job = container_of(work, struct seek_job, work);
	int err = ll_notify_write_back(job->s, job->file->inode);

	if (err < 0 && err != -ENOENT)
		ll_reply_err(job->req, err);
	else
		reply_seek(job->req, job->file, job->off, job->whence);
	free(job);
}

void ll_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi)
{
	struct ll_session *s = ll_session_of(req);
	struct fs_file *file = ll_file(fi);
	struct seek_job *job;
	bool written;

	tinylock_lock(&file->inode->crypt_lock);
	written = fs_opened(file->inode)->writers > 0;
	tinylock_unlock(&file->inode->crypt_lock);
	/*
	 * The kernel asks without writing its cache out first, and then a copying program would
	 * take what is not in the store yet for a hole. Writing out needs workers: not on this one.
	 */
	if (!s->writeback_active || !written) {
		reply_seek(req, file, (uint64_t)off, whence);
		return;
	}
	job = malloc(sizeof(*job));
	if (!job) {
		ll_reply_err(req, -ENOMEM);
		return;
	}
	*job = (struct seek_job){
		{ seek_written_back, NULL }, req, s, file, (uint64_t)off, whence
	};
	workqueue_queue(s->notifier, &job->work);
}

void ll_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in,
			struct fuse_file_info *fi_in, fuse_ino_t ino_out, off_t off_out,
			struct fuse_file_info *fi_out, size_t len, int flags)
{
	/* One request for a large range would keep a worker for long: short answers are asked on.
	 */
	const uint64_t most = 16u << 20;
	uint64_t copied;
	int err = flags ? -EINVAL
			: fs_file_copy(ll_file(fi_in), (uint64_t)off_in, ll_file(fi_out),
				       (uint64_t)off_out, MIN(len, most), &copied);

	ll_mtime_wrote(ll_session_of(req), ll_file(fi_out), fi_out);
	if (err == 0)
		err = kill_for_caller(req, ll_file(fi_out));
	if (err < 0)
		ll_reply_err(req, err);
	else
		fuse_reply_write(req, copied);
}
