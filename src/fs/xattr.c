/* SPDX-License-Identifier: GPL-3.0-or-later */
/* xattr.c - extended attributes and ACLs, passed through to the backing object */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fs/attr.h"
#include "fs/backing.h"
#include "fs/file.h"

/*
 * Reading goes by "descriptor of the directory / stored name" in one call: ls asks for two
 * attributes of every file. Our own renames are kept out by the directory's lock. Writing goes by a
 * descriptor of the object itself, checked.
 */
struct xattr_path {
	struct fs_path path;
	int fd;	     /* of an inode that only handles lead to; else -1 */
	bool follow; /* a magic link */
	char s[64 + NAME_MAX_LEN];
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
	} else if (err < 0) {
		return err;
	}
	xp->follow = !xp->path.name[0];
	snprintf(xp->s, sizeof(xp->s), "/proc/self/fd/%d%s%s", xp->path.dirfd,
		 xp->follow ? "" : "/", xp->path.name);
	return 0;
}

static void xattr_path_put(struct xattr_path *xp)
{
	fs_path_put(&xp->path);
	if (xp->fd >= 0)
		close(xp->fd);
}

ssize_t fs_getxattr(struct fs_inode *inode, const char *name, void *value, size_t size)
{
	struct xattr_path xp;
	ssize_t n;
	int err = xattr_path_get(inode, &xp);

	if (err < 0)
		return err;
	n = xp.follow ? getxattr(xp.s, name, value, size) : lgetxattr(xp.s, name, value, size);
	if (n < 0)
		n = -errno;
	xattr_path_put(&xp);
	return n;
}

ssize_t fs_listxattr(struct fs_inode *inode, char *list, size_t size)
{
	struct xattr_path xp;
	ssize_t n;
	int err = xattr_path_get(inode, &xp);

	if (err < 0)
		return err;
	n = xp.follow ? listxattr(xp.s, list, size) : llistxattr(xp.s, list, size);
	if (n < 0)
		n = -errno;
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
