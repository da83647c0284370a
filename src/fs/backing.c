/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backing.c - from an inode to its backing object: one component at a time, checked */
#include "fs/backing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "fs/file.h"
#include "util/compiler.h"

/* A rename may win the race between reading a name and using it; this often is never bad luck. */
#define NAME_TRIES 8

/* Descriptors that open handles never get: what is looked up, renamed or removed needs a few. */
#define SPARE_FDS 32u

#define SETTLE_MSECS 100

struct fs_dirfds {
	pthread_mutex_t mutex;
	TAILQ_HEAD(, fs_inode) idle; /* Protected by mutex: open, no user; least recent first */
	unsigned num_open;	     /* Protected by mutex */
	unsigned limit;
};

struct fs_procpath fs_procpath(int fd)
{
	struct fs_procpath p;

	snprintf(p.s, sizeof(p.s), "/proc/self/fd/%d", fd);
	return p;
}

bool fs_inode_is(const struct fs_inode *inode, const struct statx *stx)
{
	uint64_t btime = fs_btime(stx);

	return stx->stx_ino == inode->ino && (stx->stx_mode & S_IFMT) == inode->type &&
	       fs_dev(stx) == inode->dev && (!btime || !inode->btime || btime == inode->btime);
}

static int statx_fd(int fd, struct statx *ret_stx)
{
	return statx(fd, "", AT_EMPTY_PATH, FS_STATX_MASK, ret_stx) < 0 ? -errno : 0;
}

int fs_dirfds_create(struct fs_super *sb)
{
	struct fs_dirfds *d = calloc(1, sizeof(*d));
	struct rlimit rl;

	if (!d)
		return -ENOMEM;
	pthread_mutex_init(&d->mutex, NULL);
	TAILQ_INIT(&d->idle);
	/* A quarter for directories: the rest is for open files, which cannot be done without. */
	if (getrlimit(RLIMIT_NOFILE, &rl) < 0)
		rl.rlim_cur = 1024;
	d->limit = (unsigned)MAX(4, MIN(rl.rlim_cur / 4, 4096));
	sb->max_handles = (unsigned)MIN(MAX(rl.rlim_cur, 2 * SPARE_FDS), 1u << 30) - SPARE_FDS;
	sb->dirfds = d;
	return 0;
}

static bool have_room(struct fs_super *sb)
{
	return atomic_load(&sb->handles) + atomic_load(&sb->kept) < sb->max_handles;
}

void fs_descriptors_settle(struct fs_super *sb)
{
	for (int i = 0; i < SETTLE_MSECS && !have_room(sb) && fs_forgets_are_coming(sb); i++)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

int fs_handle_room(struct fs_super *sb)
{
	fs_descriptors_settle(sb);
	return have_room(sb) ? 0 : -ENFILE;
}

int fs_handle_take(struct fs_super *sb)
{
	fs_descriptors_settle(sb);
	if (atomic_fetch_add(&sb->handles, 1) + atomic_load(&sb->kept) < sb->max_handles)
		return 0;
	fs_handle_give(sb);
	return -ENFILE;
}

void fs_handle_give(struct fs_super *sb)
{
	atomic_fetch_sub(&sb->handles, 1);
}

void fs_dirfds_destroy(struct fs_super *sb)
{
	if (!sb->dirfds)
		return;
	pthread_mutex_destroy(&sb->dirfds->mutex);
	free(sb->dirfds);
	sb->dirfds = NULL;
}

/* Takes a user on the descriptor if it is open. */
static int dirfd_try(struct fs_dirfds *d, struct fs_inode *dir)
{
	int fd;

	pthread_mutex_lock(&d->mutex);
	fd = dir->use->dir.fd;
	if (fd >= 0 && dir->use->dir.fd_users++ == 0)
		TAILQ_REMOVE(&d->idle, dir, use->dir.lru);
	pthread_mutex_unlock(&d->mutex);
	return fd;
}

/* Close some that nobody is using. True when there were any. */
static bool close_idle(struct fs_super *sb)
{
	struct fs_dirfds *d = sb->dirfds;
	int fds[4], n = 0;

	pthread_mutex_lock(&d->mutex);
	while (n < (int)ARRAY_SIZE(fds) && !TAILQ_EMPTY(&d->idle)) {
		struct fs_inode *old = TAILQ_FIRST(&d->idle);

		TAILQ_REMOVE(&d->idle, old, use->dir.lru);
		fds[n++] = old->use->dir.fd;
		old->use->dir.fd = -1;
		d->num_open--;
	}
	pthread_mutex_unlock(&d->mutex);
	for (int i = 0; i < n; i++)
		close(fds[i]);
	return n > 0;
}

int fs_open_somehow(struct fs_super *sb, int dirfd, const char *name, int flags)
{
	int fd;

	while ((fd = openat(dirfd, name, flags)) < 0) {
		int err = -errno;

		if ((err != -EMFILE && err != -ENFILE) || !close_idle(sb))
			return err;
	}
	return fd;
}

DIR *fs_dir_open_somehow(struct fs_super *sb, int dirfd, int *ret_err)
{
	int fd = fs_open_somehow(sb, dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (d)
		return d;
	*ret_err = fd < 0 ? fd : -errno;
	if (fd >= 0)
		close(fd);
	return NULL;
}

static int dirfd_open(struct fs_inode *dir)
{
	struct fs_inode *parent;
	char name[NAME_MAX_LEN + 1];
	struct statx stx;
	int pfd, fd, err;
	bool named;

	if (dir == dir->sb->root || !dir->sb->root) {
		return fs_open_somehow(dir->sb, dir->sb->store->root_fd, ".",
				       O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	for (int i = 0; i < NAME_TRIES; i++) {
		fd = fs_inode_kept(dir);
		if (fd >= 0) {
			fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
			return fd < 0 ? -errno : fd;
		}
		if (fs_inode_name(dir, &parent, name) < 0)
			continue; /* removed meanwhile, and kept then */
		pfd = fs_dirfd_get(parent);
		if (pfd < 0) {
			fs_inode_put(parent);
			return pfd;
		}
		/* The caller may hold dir_lock of the parent already, in either way. */
		pthread_rwlock_rdlock(&dir->sb->rename_lock);
		fd = fs_open_somehow(dir->sb, pfd, name,
				     O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		named = fs_inode_has_name(dir, parent, name);
		pthread_rwlock_unlock(&dir->sb->rename_lock);
		err = fd < 0 ? fd : statx_fd(fd, &stx);
		fs_dirfd_put(parent);
		fs_inode_put(parent);
		if (err == 0 && fs_inode_is(dir, &stx))
			return fd;
		if (fd >= 0)
			close(fd);
		if (err == 0 || err == -ENOENT || err == -ENOTDIR || err == -ELOOP)
			err = -ESTALE;
		/* Renamed or removed meanwhile? Then try what it is now. */
		if (err != -ESTALE || named)
			return err;
	}
	return -ESTALE;
}

int fs_dirfd_get(struct fs_inode *dir)
{
	struct fs_dirfds *d = dir->sb->dirfds;
	int fd = dirfd_try(d, dir), victim = -1;

	if (fd >= 0)
		return fd;
	fd = dirfd_open(dir);
	if (fd < 0)
		return fd;
	pthread_mutex_lock(&d->mutex);
	if (dir->use->dir.fd >= 0) { /* another thread was faster */
		victim = fd;
		fd = dir->use->dir.fd;
		if (dir->use->dir.fd_users++ == 0)
			TAILQ_REMOVE(&d->idle, dir, use->dir.lru);
	} else {
		struct fs_inode *old = TAILQ_FIRST(&d->idle);

		dir->use->dir.fd = fd;
		dir->use->dir.fd_users = 1;
		if (++d->num_open > d->limit && old) {
			TAILQ_REMOVE(&d->idle, old, use->dir.lru);
			victim = old->use->dir.fd;
			old->use->dir.fd = -1;
			d->num_open--;
		}
	}
	pthread_mutex_unlock(&d->mutex);
	if (victim >= 0)
		close(victim);
	return fd;
}

void fs_dirfd_put(struct fs_inode *dir)
{
	struct fs_dirfds *d = dir->sb->dirfds;

	pthread_mutex_lock(&d->mutex);
	if (--dir->use->dir.fd_users == 0)
		TAILQ_INSERT_TAIL(&d->idle, dir, use->dir.lru);
	pthread_mutex_unlock(&d->mutex);
}

void fs_dirfd_drop(struct fs_inode *dir)
{
	struct fs_dirfds *d = dir->sb->dirfds;
	int fd;

	if (!d)
		return;
	pthread_mutex_lock(&d->mutex);
	fd = dir->use->dir.fd;
	if (fd >= 0) {
		if (dir->use->dir.fd_users == 0)
			TAILQ_REMOVE(&d->idle, dir, use->dir.lru);
		dir->use->dir.fd = -1;
		d->num_open--;
	}
	pthread_mutex_unlock(&d->mutex);
	if (fd >= 0)
		close(fd);
}

int fs_path_get(struct fs_inode *inode, struct fs_path *path)
{
	if (inode == inode->sb->root) {
		path->parent = NULL;
		path->dirfd = inode->sb->store->root_fd;
		path->name[0] = '.';
		path->name[1] = '\0';
		return 0;
	}
	for (int i = 0; i < NAME_TRIES; i++) {
		path->dirfd = fs_inode_kept(inode);
		if (path->dirfd >= 0) {
			path->parent = NULL;
			path->name[0] = '\0';
			return 0;
		}
		if (fs_inode_name(inode, &path->parent, path->name) < 0)
			continue; /* removed meanwhile, and kept then */
		path->dirfd = fs_dirfd_get(path->parent);
		if (path->dirfd < 0) {
			fs_inode_put(path->parent);
			return path->dirfd;
		}
		pthread_rwlock_rdlock(&path->parent->use->dir.dir_lock);
		if (fs_inode_has_name(inode, path->parent, path->name))
			return 0;
		fs_path_put(path);
	}
	return -ESTALE;
}

void fs_path_put(struct fs_path *path)
{
	if (!path->parent)
		return;
	pthread_rwlock_unlock(&path->parent->use->dir.dir_lock);
	fs_dirfd_put(path->parent);
	fs_inode_put(path->parent);
}

/* By an open handle: closing one takes the same lock. */
static bool statx_open(struct fs_inode *inode, struct statx *ret_stx, int *ret_err)
{
	struct fs_file *f;

	if (!S_ISREG(inode->type))
		return false;
	tinylock_lock(&inode->crypt_lock);
	f = fs_opened(inode) ? TAILQ_FIRST(&fs_opened(inode)->files) : NULL;
	if (f)
		*ret_err = statx_fd(f->backing.fd, ret_stx);
	tinylock_unlock(&inode->crypt_lock);
	return f != NULL;
}

int fs_inode_statx(struct fs_inode *inode, struct statx *ret_stx)
{
	struct fs_path path;
	int err;

	if (statx_open(inode, ret_stx, &err))
		return err;
	err = fs_path_get(inode, &path);
	if (err < 0)
		return err;
	err = statx(path.dirfd, path.name, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, FS_STATX_MASK,
		    ret_stx) < 0
		      ? -errno
		      : 0;
	fs_path_put(&path);
	if (err == -ENOENT ||
	    (err == 0 && inode != inode->sb->root && !fs_inode_is(inode, ret_stx)))
		return -ESTALE;
	return err;
}

int fs_inode_open_path(struct fs_inode *inode)
{
	struct fs_path path;
	struct fs_file *f;
	struct statx stx;
	int err, fd;

	err = fs_path_get(inode, &path);
	if (err == -ESTALE && S_ISREG(inode->type)) {
		/* Nameless from the start (O_TMPFILE): only its handles lead to it. */
		tinylock_lock(&inode->crypt_lock);
		f = fs_opened(inode) ? TAILQ_FIRST(&fs_opened(inode)->files) : NULL;
		fd = f ? open(fs_procpath(f->backing.fd).s, O_PATH | O_CLOEXEC) : -1;
		err = f && fd < 0 ? -errno : -ESTALE;
		tinylock_unlock(&inode->crypt_lock);
		return fd >= 0 ? fd : err;
	}
	if (err < 0)
		return err;
	if (path.name[0]) {
		fd = fs_open_somehow(inode->sb, path.dirfd, path.name,
				     O_PATH | O_NOFOLLOW | O_CLOEXEC);
	} else {
		fd = fcntl(path.dirfd, F_DUPFD_CLOEXEC, 3);
		fd = fd < 0 ? -errno : fd;
	}
	err = fd < 0 ? fd : statx_fd(fd, &stx);
	fs_path_put(&path);
	if (err == -ENOENT || (err == 0 && inode != inode->sb->root && !fs_inode_is(inode, &stx)))
		err = -ESTALE;
	if (err < 0) {
		if (fd >= 0)
			close(fd);
		return err;
	}
	return fd;
}

/*
 * An ordinary user's daemon may not read a file of mode 0200 that its own user may write, yet a
 * write to part of a data unit has to. The kernel has checked the caller's right already; so lend
 * the owner the bits for the moment of opening.
 */
static int open_lent(const char *path, int pathfd, int flags)
{
	struct stat st;
	int fd, err;

	if (fstat(pathfd, &st) < 0 || st.st_uid != geteuid())
		return -EACCES;
	if (chmod(path, (st.st_mode & 07777) | S_IRUSR | S_IWUSR) < 0)
		return -EACCES;
	fd = open(path, flags);
	err = -errno;
	(void)!chmod(path, st.st_mode & 07777);
	return fd < 0 ? err : fd;
}

/* A descriptor of an object by its O_PATH one: for what has no name, or may not be opened yet. */
static int reopen(struct fs_inode *inode, int flags)
{
	struct fs_procpath proc;
	int pathfd, fd;

	pathfd = fs_inode_open_path(inode);
	if (pathfd < 0)
		return pathfd;
	proc = fs_procpath(pathfd);
	fd = fs_open_somehow(inode->sb, AT_FDCWD, proc.s, flags);
	if (fd == -EACCES && !inode->sb->privileged && S_ISREG(inode->type))
		fd = open_lent(proc.s, pathfd, flags);
	close(pathfd);
	return fd;
}

/*
 * By its name, and looked at afterwards: a third of what going by /proc costs. What somebody else
 * may have put there instead is closed again: O_NONBLOCK and O_NOCTTY keep that from doing more.
 * -ESTALE, and whatever openat() says.
 */
static int open_by_name(struct fs_inode *inode, int flags, struct statx *ret_stx)
{
	struct fs_path path;
	int fd, err = fs_path_get(inode, &path);

	if (err < 0)
		return err;
	fd = path.name[0] ? fs_open_somehow(inode->sb, path.dirfd, path.name, flags | O_NOFOLLOW)
			  : -ESTALE;
	fs_path_put(&path);
	if (fd < 0)
		return fd;
	err = statx_fd(fd, ret_stx);
	if (err == 0 && !fs_inode_is(inode, ret_stx))
		err = -ESTALE;
	if (err < 0)
		close(fd);
	return err < 0 ? err : fd;
}

int fs_inode_open(struct fs_inode *inode, int flags, struct statx *ret_stx)
{
	struct statx own = { 0 };
	int fd;

	flags |= O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	if (atomic_load(&inode->sb->noatime) || atomic_load(&inode->sb->read_only))
		flags |= O_NOATIME;
	ret_stx = ret_stx ? ret_stx : &own;
	fd = open_by_name(inode, flags, ret_stx);
	if (fd >= 0 || fd == -ENOENT)
		return fd == -ENOENT ? -ESTALE : fd;
	ret_stx->stx_mask = 0;
	fd = reopen(inode, flags);
	if (fd == -EPERM && (flags & O_NOATIME)) /* for the owner of a file only */
		fd = reopen(inode, flags & ~O_NOATIME);
	return fd;
}
