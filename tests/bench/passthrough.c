/* SPDX-License-Identifier: GPL-3.0-or-later */
/* passthrough.c - a FUSE filesystem that shows a directory as it is: the floor of a measurement */
/*
 *   passthrough SOURCE MOUNTPOINT [-o nowriteback] [-o copy] [-o xattr] [-o clone_fd] ...
 *
 * What any FUSE program pays that keeps one descriptor for each inode and encrypts nothing: O_PATH
 * descriptors from look-up on, READDIRPLUS, day-long timeouts, the writeback cache, splice. It is
 * for one user's measurements: files belong to who mounted, and nobody else gets in. SOURCE is one
 * filesystem, changed by nobody else meanwhile.
 */
#include "passthrough-inode.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static struct {
	char *source;
	int nowriteback, copy, xattr;
} opt;

/* ---- names --------------------------------------------------------------------------------- */

static void reply_status(fuse_req_t req, int r)
{
	fuse_reply_err(req, r < 0 ? errno : 0);
}

static void reply_new(fuse_req_t req, fuse_ino_t parent, const char *name, int r)
{
	struct fuse_entry_param e;
	int err = r < 0 ? errno : pt_look_up(parent, name, &e);

	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_entry(req, &e);
}

static void pt_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e;
	int err = pt_look_up(parent, name, &e);

	if (err && err != ENOENT)
		fuse_reply_err(req, err);
	else
		fuse_reply_entry(req, &e); /* ENOENT: e.ino is 0, to be remembered too */
}

static void pt_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	reply_new(req, parent, name, mknodat(pt_fd(parent), name, mode, rdev));
}

static void pt_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	reply_new(req, parent, name, mkdirat(pt_fd(parent), name, mode));
}

static void pt_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name)
{
	reply_new(req, parent, name, symlinkat(link, pt_fd(parent), name));
}

static void pt_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	char proc[PT_PROC_SIZE];

	reply_new(req, parent, name,
		  linkat(AT_FDCWD, pt_proc_path(proc, pt_fd(ino)), pt_fd(parent), name,
			 AT_SYMLINK_FOLLOW));
}

static void pt_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	reply_status(req, unlinkat(pt_fd(parent), name, 0));
}

static void pt_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	reply_status(req, unlinkat(pt_fd(parent), name, AT_REMOVEDIR));
}

static void pt_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
		      const char *newname, unsigned flags)
{
	reply_status(req, renameat2(pt_fd(parent), name, pt_fd(newparent), newname, flags));
}

static void pt_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char buf[PATH_MAX + 1];
	ssize_t n = readlinkat(pt_fd(ino), "", buf, PATH_MAX);

	if (n < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	buf[n] = '\0';
	fuse_reply_readlink(req, buf);
}

static void pt_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	pt_drop(ino, nlookup);
	fuse_reply_none(req);
}

static void pt_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	size_t k;

	for (k = 0; k < count; k++)
		pt_drop(forgets[k].ino, forgets[k].nlookup);
	fuse_reply_none(req);
}

/* ---- directories --------------------------------------------------------------------------- */

/* fi->fh. The caller's file position is locked, so there is one reader at a time. */
struct dir {
	DIR *dp;
	off_t offset;	    /* where dp stands */
	struct dirent *got; /* read, but it did not fit into the last reply */
};

static struct dir *get_dir(struct fuse_file_info *fi)
{
	return (struct dir *)(uintptr_t)fi->fh;
}

static void pt_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct dir *d = calloc(1, sizeof(*d));
	int fd = -1, err = ENOMEM;

	if (!d)
		goto fail;
	fd = openat(pt_fd(ino), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || !(d->dp = fdopendir(fd))) {
		err = errno;
		goto fail;
	}
	fi->fh = (uintptr_t)d;
	fi->keep_cache = fi->cache_readdir = 1;
	fuse_reply_open(req, fi);
	return;
fail:
	if (fd >= 0)
		close(fd);
	free(d);
	fuse_reply_err(req, err);
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* Adds the entry d->got; the bytes it takes, more than `room` where it does not fit. */
static size_t add_entry(fuse_req_t req, fuse_ino_t ino, struct dir *d, char *p, size_t room,
			bool plus)
{
	struct fuse_entry_param e = { .attr.st_ino = d->got->d_ino,
				      .attr.st_mode = DTTOIF(d->got->d_type) };
	size_t n;

	if (!plus)
		return fuse_add_direntry(req, p, room, d->got->d_name, &e.attr, d->got->d_off);
	/* Before pt_look_up(), so that what does not fit needs no pt_drop(). */
	n = fuse_add_direntry_plus(req, NULL, 0, d->got->d_name, NULL, 0);
	if (n > room)
		return n;
	if (!is_dots(d->got->d_name) && pt_look_up(ino, d->got->d_name, &e))
		return 0; /* removed meanwhile */
	return fuse_add_direntry_plus(req, p, room, d->got->d_name, &e, d->got->d_off);
}

static void read_dir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		     struct fuse_file_info *fi, bool plus)
{
	struct dir *d = get_dir(fi);
	char *buf = pt_buffer(size);
	size_t n, used = 0;

	if (!buf) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	if (offset != d->offset) {
		seekdir(d->dp, offset);
		d->offset = offset;
		d->got = NULL;
	}
	for (;;) {
		errno = 0;
		if (!d->got && !(d->got = readdir(d->dp)))
			break;
		n = add_entry(req, ino, d, buf + used, size - used, plus);
		if (n > size - used)
			break;
		used += n;
		d->offset = d->got->d_off;
		d->got = NULL;
	}
	if (!used && !d->got && errno)
		fuse_reply_err(req, errno);
	else
		fuse_reply_buf(req, buf, used);
}

static void pt_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		       struct fuse_file_info *fi)
{
	read_dir(req, ino, size, offset, fi, false);
}

static void pt_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
			   struct fuse_file_info *fi)
{
	read_dir(req, ino, size, offset, fi, true);
}

static void pt_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	closedir(get_dir(fi)->dp);
	free(get_dir(fi));
	fuse_reply_err(req, 0);
}

static void pt_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	int fd = dirfd(get_dir(fi)->dp);

	reply_status(req, datasync ? fdatasync(fd) : fsync(fd));
}

/* ---- attributes ---------------------------------------------------------------------------- */

static void pt_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	if (fstatat(pt_fd(ino), "", &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		fuse_reply_err(req, errno);
	else
		fuse_reply_attr(req, &st, PT_TIMEOUT);
}

static struct timespec new_time(int valid, int set, int now, struct timespec t)
{
	if (valid & now)
		t.tv_nsec = UTIME_NOW;
	else if (!(valid & set))
		t.tv_nsec = UTIME_OMIT;
	return t;
}

static int set_attr(int fd, struct stat *attr, int valid, struct fuse_file_info *fi)
{
	char proc[PT_PROC_SIZE];
	struct timespec t[2];

	pt_proc_path(proc, fd);
	if (valid & FUSE_SET_ATTR_MODE && chmod(proc, attr->st_mode))
		return -1;
	if (valid & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID) &&
	    fchownat(fd, "", valid & FUSE_SET_ATTR_UID ? attr->st_uid : (uid_t)-1,
		     valid & FUSE_SET_ATTR_GID ? attr->st_gid : (gid_t)-1,
		     AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -1;
	if (valid & FUSE_SET_ATTR_SIZE &&
	    (fi ? ftruncate(fi->fh, attr->st_size) : truncate(proc, attr->st_size)))
		return -1;
	if (!(valid & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME)))
		return 0;
	t[0] = new_time(valid, FUSE_SET_ATTR_ATIME, FUSE_SET_ATTR_ATIME_NOW, attr->st_atim);
	t[1] = new_time(valid, FUSE_SET_ATTR_MTIME, FUSE_SET_ATTR_MTIME_NOW, attr->st_mtim);
	return fi ? futimens(fi->fh, t) : utimensat(AT_FDCWD, proc, t, 0);
}

static void pt_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int valid,
		       struct fuse_file_info *fi)
{
	if (set_attr(pt_fd(ino), attr, valid, fi))
		fuse_reply_err(req, errno);
	else
		pt_getattr(req, ino, fi);
}

static void pt_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st;

	if (fstatvfs(pt_fd(ino), &st))
		fuse_reply_err(req, errno);
	else
		fuse_reply_statfs(req, &st);
}

/* ---- xattrs, with -o xattr; without them one ENOSYS is the end of questions ------------------ */

static void reply_xattr(fuse_req_t req, size_t size, const char *value, ssize_t n)
{
	if (n < 0)
		fuse_reply_err(req, errno);
	else if (size)
		fuse_reply_buf(req, value, n);
	else
		fuse_reply_xattr(req, n);
}

static void pt_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	char proc[PT_PROC_SIZE], *value = pt_buffer(size);

	reply_xattr(req, size, value, getxattr(pt_proc_path(proc, pt_fd(ino)), name, value, size));
}

static void pt_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	char proc[PT_PROC_SIZE], *value = pt_buffer(size);

	reply_xattr(req, size, value, listxattr(pt_proc_path(proc, pt_fd(ino)), value, size));
}

static void pt_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
			size_t size, int flags)
{
	char proc[PT_PROC_SIZE];

	reply_status(req, setxattr(pt_proc_path(proc, pt_fd(ino)), name, value, size, flags));
}

static void pt_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	char proc[PT_PROC_SIZE];

	reply_status(req, removexattr(pt_proc_path(proc, pt_fd(ino)), name));
}

/* ---- files --------------------------------------------------------------------------------- */

/*
 * The writeback cache reads what it is about to change, and appends by itself. O_DIRECT is about
 * the caller's cache: the backing file is written from buffers that know no alignment.
 */
static int backing_flags(int flags)
{
	flags &= ~(O_NOFOLLOW | O_DIRECT);
	if (!opt.nowriteback) {
		flags &= ~O_APPEND;
		if ((flags & O_ACCMODE) == O_WRONLY)
			flags = (flags & ~O_ACCMODE) | O_RDWR;
	}
	return flags | O_CLOEXEC;
}

static void pt_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	int fd = openat(pt_fd(parent), name, backing_flags(fi->flags) | O_CREAT | O_NOFOLLOW, mode);
	int err = fd < 0 ? errno : 0;
	struct fuse_entry_param e;

	if (!err)
		err = pt_look_up(parent, name, &e);
	if (err) {
		if (fd >= 0)
			close(fd);
		fuse_reply_err(req, err);
		return;
	}
	fi->fh = fd;
	fi->keep_cache = 1;
	fuse_reply_create(req, &e, fi);
}

static void pt_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	char proc[PT_PROC_SIZE];
	int fd = open(pt_proc_path(proc, pt_fd(ino)), backing_flags(fi->flags));

	if (fd < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	fi->fh = fd;
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

static void pt_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	close(fi->fh);
	fuse_reply_err(req, 0);
}

/* What the backing filesystem has to say at a close: a quota, an error of NFS. */
static void pt_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	reply_status(req, close(dup(fi->fh)));
}

static void pt_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	reply_status(req, datasync ? fdatasync(fi->fh) : fsync(fi->fh));
}

static void pt_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct fuse_bufvec v = FUSE_BUFVEC_INIT(size);
	char *buf;
	ssize_t n;

	if (!opt.copy) {
		v.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
		v.buf[0].fd = fi->fh;
		v.buf[0].pos = off;
		fuse_reply_data(req, &v, 0);
		return;
	}
	buf = pt_buffer(size);
	errno = ENOMEM;
	n = buf ? pread(fi->fh, buf, size, off) : -1;
	if (n < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_buf(req, buf, n);
}

static void pt_write_buf(fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *in, off_t off,
			 struct fuse_file_info *fi)
{
	struct fuse_bufvec out = FUSE_BUFVEC_INIT(fuse_buf_size(in));
	ssize_t n;

	out.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	out.buf[0].fd = fi->fh;
	out.buf[0].pos = off;
	n = fuse_buf_copy(&out, in, opt.copy ? FUSE_BUF_NO_SPLICE : 0);
	if (n < 0)
		fuse_reply_err(req, -n);
	else
		fuse_reply_write(req, n);
}

static void pt_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
			 struct fuse_file_info *fi)
{
	reply_status(req, fallocate(fi->fh, mode, offset, length));
}

/* ---- the mount ----------------------------------------------------------------------------- */

static void pt_init(void *userdata, struct fuse_conn_info *conn)
{
	unsigned splice = FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE;

	if (!opt.nowriteback)
		conn->want |= conn->capable & FUSE_CAP_WRITEBACK_CACHE;
	conn->want &= ~splice;
	if (!opt.copy)
		conn->want |= conn->capable & splice;
}

static struct fuse_lowlevel_ops ops = {
	.init = pt_init,
	.lookup = pt_lookup,
	.forget = pt_forget,
	.forget_multi = pt_forget_multi,
	.getattr = pt_getattr,
	.setattr = pt_setattr,
	.readlink = pt_readlink,
	.mknod = pt_mknod,
	.mkdir = pt_mkdir,
	.symlink = pt_symlink,
	.link = pt_link,
	.unlink = pt_unlink,
	.rmdir = pt_rmdir,
	.rename = pt_rename,
	.opendir = pt_opendir,
	.readdir = pt_readdir,
	.readdirplus = pt_readdirplus,
	.releasedir = pt_releasedir,
	.fsyncdir = pt_fsyncdir,
	.create = pt_create,
	.open = pt_open,
	.release = pt_release,
	.flush = pt_flush,
	.fsync = pt_fsync,
	.read = pt_read,
	.write_buf = pt_write_buf,
	.statfs = pt_statfs,
	.fallocate = pt_fallocate,
};

static const struct fuse_opt options[] = {
	{ "nowriteback", offsetof(typeof(opt), nowriteback), 1 },
	{ "copy", offsetof(typeof(opt), copy), 1 },
	{ "xattr", offsetof(typeof(opt), xattr), 1 },
	FUSE_OPT_END,
};

/* The first word that is no option is the source; libfuse takes the second. */
static int take_source(void *data, const char *arg, int key, struct fuse_args *outargs)
{
	if (key != FUSE_OPT_KEY_NONOPT || opt.source)
		return 1;
	opt.source = strdup(arg);
	return opt.source ? 0 : -1;
}

/* A descriptor for every inode the kernel knows: as many as there may be. */
static void raise_limit(void)
{
	struct rlimit lim = { .rlim_cur = 1 << 20, .rlim_max = 1 << 20 };

	if (setrlimit(RLIMIT_NOFILE, &lim) && !getrlimit(RLIMIT_NOFILE, &lim)) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
}

static int serve(struct fuse_session *se, const struct fuse_cmdline_opts *cmd)
{
	struct fuse_loop_config *loop = fuse_loop_cfg_create();
	int r = 1;

	if (!loop)
		return 1;
	fuse_loop_cfg_set_clone_fd(loop, cmd->clone_fd);
	if (cmd->max_idle_threads != (unsigned)-1)
		fuse_loop_cfg_set_idle_threads(loop, cmd->max_idle_threads);
	if (!fuse_session_mount(se, cmd->mountpoint)) {
		if (!fuse_daemonize(cmd->foreground))
			r = cmd->singlethread ? fuse_session_loop(se)
					      : fuse_session_loop_mt(se, loop);
		fuse_session_unmount(se);
	}
	fuse_loop_cfg_destroy(loop);
	return r;
}

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	struct fuse_cmdline_opts cmd = { 0 };
	struct fuse_session *se;
	int r = 1;

	if (fuse_opt_parse(&args, &opt, options, take_source) || fuse_parse_cmdline(&args, &cmd))
		return 1;
	if (!opt.source || !cmd.mountpoint) {
		fprintf(stderr, "usage: %s SOURCE MOUNTPOINT [-o nowriteback,copy,xattr,...]\n",
			argv[0]);
		return 2;
	}
	if (pt_inode_init(opt.source)) {
		perror(opt.source);
		return 1;
	}
	if (opt.xattr) {
		ops.getxattr = pt_getxattr;
		ops.listxattr = pt_listxattr;
		ops.setxattr = pt_setxattr;
		ops.removexattr = pt_removexattr;
	}
	if (fuse_opt_add_arg(&args, "-odefault_permissions,fsname=passthrough"))
		return 1;
	raise_limit();
	umask(0);
	se = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	if (se) {
		if (!fuse_set_signal_handlers(se)) {
			r = serve(se, &cmd);
			fuse_remove_signal_handlers(se);
		}
		fuse_session_destroy(se);
	}
	fuse_opt_free_args(&args);
	free(cmd.mountpoint);
	free(opt.source);
	return r != 0;
}
