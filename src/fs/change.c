/* SPDX-License-Identifier: GPL-3.0-or-later */
/* change.c - every change of the store that is no bio goes by here, so that devices can record it
 */
#include "fs/change.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blkcrypto/blk-device.h"
#include "blkcrypto/blk-meta.h"
#include "fs/backing.h"
#include "util/io.h"

static void begin(const struct fs_super *sb)
{
	if (unlikely(sb->bdev->records_meta))
		blk_meta_begin(sb->bdev);
}

/* Returns @err, which is 0 or -errno; or a descriptor. */
static int end(const struct fs_super *sb, const struct blk_meta *meta, int err)
{
	if (unlikely(sb->bdev->records_meta))
		blk_meta_end(sb->bdev, meta, MIN(err, 0));
	return err;
}

/* What is to happen to @name in the directory @dirfd. */
static struct blk_meta at_name(enum blk_meta_op op, int dirfd, const char *name)
{
	return (struct blk_meta){ .op = op, .dirfd = dirfd, .name = name, .dirfd2 = -1, .fd = -1 };
}

/* To the file @fd; -1: to all. */
static struct blk_meta of_file(enum blk_meta_op op, int fd)
{
	return (struct blk_meta){ .op = op, .dirfd = -1, .dirfd2 = -1, .fd = fd };
}

int fs_do_create(const struct fs_super *sb, int dirfd, const char *name, int flags, mode_t mode)
{
	struct blk_meta meta = at_name(BLK_META_CREATE, dirfd, name);

	meta.mode = mode;
	begin(sb);
	meta.fd = openat(dirfd, name, flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC,
			 mode);
	return end(sb, &meta, meta.fd < 0 ? -errno : meta.fd);
}

int fs_do_tmpfile(const struct fs_super *sb, int dirfd, int flags, mode_t mode)
{
	struct blk_meta meta = at_name(BLK_META_TMPFILE, dirfd, NULL);

	meta.mode = mode;
	begin(sb);
	meta.fd = openat(dirfd, ".", flags | O_TMPFILE | O_CLOEXEC, mode);
	return end(sb, &meta, meta.fd < 0 ? -errno : meta.fd);
}

int fs_do_mkdir(const struct fs_super *sb, int dirfd, const char *name, mode_t mode)
{
	struct blk_meta meta = at_name(BLK_META_MKDIR, dirfd, name);

	meta.mode = mode;
	begin(sb);
	return end(sb, &meta, mkdirat(dirfd, name, mode) < 0 ? -errno : 0);
}

int fs_do_mknod(const struct fs_super *sb, int dirfd, const char *name, mode_t mode, dev_t rdev)
{
	struct blk_meta meta = at_name(BLK_META_MKNOD, dirfd, name);

	meta.mode = mode;
	meta.pos = rdev;
	begin(sb);
	return end(sb, &meta, mknodat(dirfd, name, mode, rdev) < 0 ? -errno : 0);
}

int fs_do_symlink(const struct fs_super *sb, const char *target, int dirfd, const char *name)
{
	struct blk_meta meta = at_name(BLK_META_SYMLINK, dirfd, name);

	meta.data = target;
	meta.len = strlen(target);
	begin(sb);
	return end(sb, &meta, symlinkat(target, dirfd, name) < 0 ? -errno : 0);
}

int fs_do_link(const struct fs_super *sb, int fd, int dirfd, const char *name)
{
	struct blk_meta meta = at_name(BLK_META_LINK, dirfd, name);
	int err;

	meta.fd = fd;
	begin(sb);
	err = linkat(AT_FDCWD, fs_procpath(fd).s, dirfd, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
	return end(sb, &meta, err);
}

int fs_do_rename(const struct fs_super *sb, int dirfd, const char *name, int dirfd2,
		 const char *name2, unsigned flags)
{
	struct blk_meta meta = at_name(BLK_META_RENAME, dirfd, name);

	meta.name2 = name2;
	meta.flags = flags;
	meta.dirfd2 = dirfd2;
	begin(sb);
	return end(sb, &meta, renameat2(dirfd, name, dirfd2, name2, flags) < 0 ? -errno : 0);
}

int fs_do_unlink(const struct fs_super *sb, int dirfd, const char *name, int flags)
{
	struct blk_meta meta =
		at_name(flags & AT_REMOVEDIR ? BLK_META_RMDIR : BLK_META_UNLINK, dirfd, name);

	begin(sb);
	return end(sb, &meta, unlinkat(dirfd, name, flags) < 0 ? -errno : 0);
}

int fs_do_truncate(const struct fs_super *sb, int fd, off_t size)
{
	struct blk_meta meta = of_file(BLK_META_TRUNCATE, fd);
	int err;

	meta.len = (uint64_t)size;
	begin(sb);
	do {
		err = ftruncate(fd, size) < 0 ? -errno : 0;
	} while (err == -EINTR);
	return end(sb, &meta, err);
}

int fs_do_fallocate(const struct fs_super *sb, int fd, int mode, off_t pos, off_t len)
{
	struct blk_meta meta = of_file(BLK_META_FALLOCATE, fd);
	int err;

	meta.flags = (unsigned)mode;
	meta.pos = (uint64_t)pos;
	meta.len = (uint64_t)len;
	begin(sb);
	do {
		err = fallocate(fd, mode, pos, len) < 0 ? -errno : 0;
	} while (err == -EINTR);
	return end(sb, &meta, err);
}

int fs_do_pwrite(const struct fs_super *sb, int fd, const void *buf, size_t len, off_t pos)
{
	struct blk_meta meta = of_file(BLK_META_WRITE, fd);

	meta.data = buf;
	meta.len = len;
	meta.pos = (uint64_t)pos;
	begin(sb);
	return end(sb, &meta, io_pwrite(fd, buf, len, pos));
}

int fs_do_fsync(const struct fs_super *sb, int fd, bool datasync)
{
	struct blk_meta meta = of_file(BLK_META_SYNC, fd);

	meta.flags = datasync;
	begin(sb);
	return end(sb, &meta, (datasync ? fdatasync(fd) : fsync(fd)) < 0 ? -errno : 0);
}

int fs_do_syncfs(const struct fs_super *sb, int fd)
{
	struct blk_meta meta = of_file(BLK_META_SYNCFS, -1);

	begin(sb);
	return end(sb, &meta, syncfs(fd) < 0 ? -errno : 0);
}

int fs_do_replace_file(const struct fs_super *sb, int dirfd, const char *name, const void *buf,
		       size_t len, mode_t mode)
{
	struct blk_meta meta = at_name(BLK_META_REPLACE, dirfd, name);

	meta.data = buf;
	meta.len = len;
	meta.mode = mode;
	begin(sb);
	return end(sb, &meta, io_replace_file(dirfd, name, buf, len, mode));
}
