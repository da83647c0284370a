/* SPDX-License-Identifier: GPL-3.0-or-later */
/* change-base.c - what a store has when a mount begins, told to devices that record changes of it
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blkcrypto/blk-device.h"
#include "blkcrypto/blk-meta.h"
#include "fs/change.h"
#include "util/log.h"

static void tell(const struct fs_super *sb, int dirfd, const char *name, int fd,
		 const struct stat *st, bool unrecorded)
{
	struct blk_meta meta = {
		.op = BLK_META_BASE,
		.name = name,
		.mode = st->st_mode,
		.flags = unrecorded,
		.len = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0,
		.pos = st->st_rdev,
		.dirfd = dirfd,
		.dirfd2 = -1,
		.fd = fd,
	};

	blk_meta_begin(sb->bdev);
	blk_meta_end(sb->bdev, &meta, 0);
}

/* Access times of the store are not ours to change, where we may say so. */
static DIR *open_dir(int dirfd, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dirfd, name, flags | O_NOATIME);
	DIR *dir;

	if (fd < 0 && errno == EPERM)
		fd = openat(dirfd, name, flags);
	if (fd < 0)
		return NULL;
	dir = fdopendir(fd);
	if (!dir)
		close(fd);
	return dir;
}

/* Everything in one directory; a descriptor for each level. */
static int tell_entries(const struct fs_super *sb, int parent, const char *name, dev_t dev)
{
	DIR *dir = open_dir(parent, name);
	const struct dirent *d;
	struct stat st, meta;
	bool in_meta;
	int err = 0;

	/* Where we may not look, nothing is changed through this mount. */
	if (!dir)
		return errno == EACCES ? 0 : -errno;
	/* The lock and the file of inode numbers are the mount's own, and no change of the store.
	 */
	in_meta = fstat(dirfd(dir), &st) == 0 && fstat(sb->store->meta_fd, &meta) == 0 &&
		  st.st_ino == meta.st_ino;
	while (!err) {
		errno = 0;
		d = readdir(dir);
		if (!d) {
			err = -errno;
			break;
		}
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		if (fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			err = errno == ENOENT ? 0 : -errno;
			continue;
		}
		tell(sb, dirfd(dir), d->d_name, -1, &st,
		     in_meta && S_ISREG(st.st_mode) && strcmp(d->d_name, "store.conf") != 0);
		if (S_ISDIR(st.st_mode) && st.st_dev == dev)
			err = tell_entries(sb, dirfd(dir), d->d_name, dev);
	}
	closedir(dir);
	return err;
}

int fs_change_base(const struct fs_super *sb, int root_fd)
{
	struct stat st;
	int err;

	if (!sb->bdev->wants_base)
		return 0;
	if (fstat(root_fd, &st) < 0)
		return -errno;
	tell(sb, -1, NULL, root_fd, &st, false);
	err = tell_entries(sb, root_fd, ".", st.st_dev);
	if (err)
		log_err("device log: what the store has cannot be listed: %s", strerror(-err));
	return err;
}
