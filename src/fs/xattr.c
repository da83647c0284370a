/* SPDX-License-Identifier: GPL-3.0-or-later */
/* xattr.c - extended attributes and ACLs, passed through to the backing object */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fs/attr.h"
#include "fs/backing.h"
#include "fs/file.h"

/*
 * Reading goes by the directory's descriptor and the stored name in one call: ls asks for two
 * attributes of every file, and the kernel for one of each file that is written. Our own renames
 * are kept out by the directory's lock. Writing goes by a descriptor of the object itself, checked.
 */
struct xattr_path {
	struct fs_path path;
	int fd; /* of an inode that only handles lead to; else -1 */
};

static int xattr_path_get(struct fs_inode *inode, struct xattr_path *xp)
{
	int err = fs_path_get(inode, &xp->path);

	xp->fd = -1;
	if (err == -ESTALE) {
		xp->fd = fs_inode_open_path(inode);
		if (xp->fd < 0)
			return xp->fd;
		xp->path.parent = NULL;
		xp->path.dirfd = xp->fd;
		xp->path.name[0] = '\0';
		err = 0;
	}
	return err;
}

static void xattr_path_put(struct xattr_path *xp)
{
	fs_path_put(&xp->path);
	if (xp->fd >= 0)
		close(xp->fd);
}

#ifndef SYS_getxattrat
#define SYS_getxattrat	464
#define SYS_listxattrat 465
#endif

/* struct xattr_args of Linux 6.13. */
struct getxattrat_args {
	uint64_t value __attribute__((aligned(8)));
	uint32_t size;
	uint32_t flags;
};

static _Atomic bool no_xattrat;

/* Whether the newer calls are there; if not, they are not tried again. */
static bool xattrat_answered(ssize_t n)
{
	if (n >= 0 || errno != ENOSYS)
		return true;
	atomic_store(&no_xattrat, true);
	return false;
}

/*
 * By way of /proc, which costs three times as much: before Linux 6.13, and for what has no name but
 * an O_PATH descriptor, which the newer calls refuse. That one is a magic link, to be followed.
 */
struct xattr_proc {
	char s[64 + NAME_MAX_LEN];
};

static struct xattr_proc xattr_proc(const struct xattr_path *xp)
{
	struct xattr_proc proc;

	snprintf(proc.s, sizeof(proc.s), "/proc/self/fd/%d%s%s", xp->path.dirfd,
		 xp->path.name[0] ? "/" : "", xp->path.name);
	return proc;
}

static ssize_t read_xattr(const struct xattr_path *xp, const char *name, void *value, size_t size)
{
	struct getxattrat_args args = { .value = (uintptr_t)value, .size = (uint32_t)size };
	struct xattr_proc proc;
	ssize_t n;

	if (xp->path.name[0] && !atomic_load(&no_xattrat)) {
		n = syscall(SYS_getxattrat, xp->path.dirfd, xp->path.name, AT_SYMLINK_NOFOLLOW,
			    name, &args, sizeof(args));
		if (xattrat_answered(n))
			return n < 0 ? -errno : n;
	}
	proc = xattr_proc(xp);
	n = xp->path.name[0] ? lgetxattr(proc.s, name, value, size)
			     : getxattr(proc.s, name, value, size);
	return n < 0 ? -errno : n;
}

static ssize_t list_xattrs(const struct xattr_path *xp, char *list, size_t size)
{
	struct xattr_proc proc;
	ssize_t n;

	if (xp->path.name[0] && !atomic_load(&no_xattrat)) {
		n = syscall(SYS_listxattrat, xp->path.dirfd, xp->path.name, AT_SYMLINK_NOFOLLOW,
			    list, size);
		if (xattrat_answered(n))
			return n < 0 ? -errno : n;
	}
	proc = xattr_proc(xp);
	n = xp->path.name[0] ? llistxattr(proc.s, list, size) : listxattr(proc.s, list, size);
	return n < 0 ? -errno : n;
}

ssize_t fs_getxattr(struct fs_inode *inode, const char *name, void *value, size_t size)
{
	struct xattr_path xp;
	ssize_t n = xattr_path_get(inode, &xp);

	if (n < 0)
		return n;
	n = read_xattr(&xp, name, value, size);
	xattr_path_put(&xp);
	return n;
}

ssize_t fs_listxattr(struct fs_inode *inode, char *list, size_t size)
{
	struct xattr_path xp;
	ssize_t n = xattr_path_get(inode, &xp);

	if (n < 0)
		return n;
	n = list_xattrs(&xp, list, size);
	xattr_path_put(&xp);
	return n;
}

int fs_setxattr(struct fs_inode *inode, const char *name, const void *value, size_t size, int flags)
{
	int fd, err;
	struct fs_procpath proc;

	/* A write takes capabilities away, and the header is one. */
	if (strcmp(name, "security.capability") == 0) {
		err = fs_file_settle_header(inode);
		if (err < 0)
			return err;
	}
	fd = fs_inode_open_path(inode);
	if (fd < 0)
		return fd;
	proc = fs_procpath(fd);
	err = setxattr(proc.s, name, value, size, flags) < 0 ? -errno : 0;
	close(fd);
	return err;
}

int fs_removexattr(struct fs_inode *inode, const char *name)
{
	int fd = fs_inode_open_path(inode), err;
	struct fs_procpath proc;

	if (fd < 0)
		return fd;
	proc = fs_procpath(fd);
	err = removexattr(proc.s, name) < 0 ? -errno : 0;
	close(fd);
	return err;
}
