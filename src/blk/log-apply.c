/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log-apply.c - one record of a log, done again in a directory and nowhere else */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blk/log.h"
#include "blkcrypto/blk-meta.h"
#include "blkcrypto/devices/log-format.h"
#include "util/io.h"

#define RENAME_FLAGS 7u /* NOREPLACE, EXCHANGE, WHITEOUT */

/* The file that a record is about, open, in *ret_fd; -1: it is gone, and so is what happens to it.
 */
static int open_file(struct replay *re, const struct log_record *rec, int *ret_fd)
{
	struct object *file = object_find(&re->objects, rec->ino);

	if (!file || file->kind != S_IFREG)
		return -ESTALE;
	*ret_fd = -1;
	if (file->left_out || (!file->names && file->fd < 0))
		return 0;
	if (re->file != file) {
		int fd = object_open_file(&re->objects, file);

		if (fd < 0)
			return fd;
		if (re->fd >= 0)
			close(re->fd);
		re->file = file;
		re->fd = fd;
	}
	*ret_fd = re->fd;
	return 0;
}

static int grow(int fd, uint64_t size)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if ((uint64_t)st.st_size >= size)
		return 0;
	return ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
}

static int on_file(struct replay *re, const struct log_record *rec)
{
	int fd, err = open_file(re, rec, &fd);

	if (err || fd < 0)
		return err;
	switch (rec->op) {
	case LOG_META + BLK_META_TRUNCATE:
		return ftruncate(fd, (off_t)rec->len) < 0 ? -errno : 0;
	case LOG_META + BLK_META_FALLOCATE:
		return fallocate(fd, (int)rec->flags, (off_t)rec->pos, (off_t)rec->len) < 0 ? -errno
											    : 0;
	default:
		/* The size is kept as names are, the bytes when they are flushed. */
		if (re->opts->flushed_only && !replay_was_flushed(re, rec))
			return rec->data_len ? grow(fd, rec->pos + rec->data_len) : 0;
		return io_pwrite(fd, rec->data, rec->data_len, (off_t)rec->pos);
	}
}

/* Whose a file is, the log does not say: as somebody else's it may not act for its owner. */
static mode_t safe_mode(const struct log_record *rec, mode_t kind)
{
	if ((kind == S_IFCHR || kind == S_IFBLK) && rec->pos != 0)
		return rec->mode & 0600;
	return rec->mode & 01777;
}

/* One that has nothing in it and is new, or @rec->data in place of what had the name. */
static int make_at(int dirfd, const struct log_record *rec, mode_t *kind)
{
	char target[PATH_MAX];
	int fd;

	switch (rec->op) {
	case LOG_META + BLK_META_MKDIR:
		*kind = S_IFDIR;
		return mkdirat(dirfd, rec->name, safe_mode(rec, *kind)) < 0 ? -errno : 0;
	case LOG_META + BLK_META_MKNOD:
		*kind = rec->mode & S_IFMT ? rec->mode & S_IFMT : S_IFREG;
		return mknodat(dirfd, rec->name, *kind | safe_mode(rec, *kind), rec->pos) < 0
			       ? -errno
			       : 0;
	case LOG_META + BLK_META_SYMLINK:
		*kind = S_IFLNK;
		memcpy(target, rec->data, rec->data_len);
		target[rec->data_len] = '\0';
		return symlinkat(target, dirfd, rec->name) < 0 ? -errno : 0;
	case LOG_META + BLK_META_REPLACE:
		*kind = S_IFREG;
		return io_replace_file(dirfd, rec->name, rec->data, rec->data_len,
				       safe_mode(rec, *kind));
	default:
		*kind = S_IFREG;
		fd = openat(dirfd, rec->name,
			    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC,
			    safe_mode(rec, *kind));
		if (fd < 0)
			return -errno;
		close(fd);
		return 0;
	}
}

static int make(struct replay *re, const struct log_record *rec, struct object *dir, int dirfd)
{
	struct object *object;
	mode_t kind;
	int err = make_at(dirfd, rec, &kind);

	if (err)
		return err;
	object = object_new(&re->objects, rec->ino, kind);
	return object ? object_name(&re->objects, object, dir, rec->name) : -ENOMEM;
}

static int make_nameless(struct replay *re, const struct log_record *rec)
{
	struct object *object;
	int fd = openat(re->objects.root_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC,
			safe_mode(rec, S_IFREG));

	if (fd < 0)
		return -errno;
	object = object_new(&re->objects, rec->ino, S_IFREG);
	if (!object) {
		close(fd);
		return -ENOMEM;
	}
	object->fd = fd;
	return 0;
}

static int link_to(struct replay *re, const struct log_record *rec, struct object *dir, int dirfd)
{
	struct object *object = object_find(&re->objects, rec->ino);
	int err, from;
	char proc[32];

	if (!object || object->kind == S_IFDIR)
		return -ESTALE;
	if (object->left_out)
		return 0;
	if (object->fd >= 0) {
		snprintf(proc, sizeof(proc), "/proc/self/fd/%d", object->fd);
		err = linkat(AT_FDCWD, proc, dirfd, rec->name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
	} else if (!object->names) {
		return -ESTALE;
	} else {
		from = object_open_dir(&re->objects, object->names->dir);
		if (from < 0)
			return from;
		err = linkat(from, object->names->name, dirfd, rec->name, 0) < 0 ? -errno : 0;
		close(from);
	}
	if (!err)
		err = object_name(&re->objects, object, dir, rec->name);
	if (!err && object->fd >= 0) {
		close(object->fd);
		object->fd = -1;
	}
	return err;
}

static int unlink_it(struct replay *re, const struct log_record *rec, struct object *dir, int dirfd)
{
	struct naming *e = object_lookup(&re->objects, dir, rec->name);
	bool is_dir = rec->op == LOG_META + BLK_META_RMDIR;

	if (!e)
		return 0; /* of what was left out */
	if (unlinkat(dirfd, rec->name, is_dir ? AT_REMOVEDIR : 0) < 0)
		return -errno;
	object_unname(&re->objects, e);
	return 0;
}

static int rename_it(struct replay *re, const struct log_record *rec, struct object *dir, int dirfd)
{
	struct objects *o = &re->objects;
	struct object *dir2 = object_find(o, rec->dir2), *a, *b = NULL, *white;
	struct naming *e = object_lookup(o, dir, rec->name), *e2;
	int err, dirfd2;

	if (!dir2 || dir2->kind != S_IFDIR || (rec->flags & ~RENAME_FLAGS))
		return -ESTALE;
	if (!e || dir2->left_out)
		return -EXDEV; /* between what is there and what was left out */
	dirfd2 = object_open_dir(o, dir2);
	if (dirfd2 < 0)
		return dirfd2;
	err = renameat2(dirfd, rec->name, dirfd2, rec->name2, rec->flags) < 0 ? -errno : 0;
	close(dirfd2);
	a = e->object;
	e2 = object_lookup(o, dir2, rec->name2);
	if (e2)
		b = e2->object;
	/* Two names of one file: rename() does nothing. */
	if (err || (a == b && !(rec->flags & 2)))
		return err;
	object_unname(o, e);
	err = object_name(o, a, dir2, rec->name2);
	if (!err && (rec->flags & 2) && b)
		err = object_name(o, b, dir, rec->name);
	if (!err && (rec->flags & 4)) {
		white = object_new(o, 0, S_IFCHR);
		err = white ? object_name(o, white, dir, rec->name) : -ENOMEM;
	}
	return err;
}

/* What is made in a directory that is not there is not there either. */
static int in_left_out(struct replay *re, const struct log_record *rec)
{
	struct object *object, *dir2;

	switch (rec->op) {
	case LOG_META + BLK_META_LINK:
	case LOG_META + BLK_META_UNLINK:
	case LOG_META + BLK_META_RMDIR:
		return 0;
	case LOG_META + BLK_META_RENAME:
		dir2 = object_find(&re->objects, rec->dir2);
		return dir2 && dir2->left_out ? 0 : -EXDEV;
	default:
		object = object_new(&re->objects, rec->ino,
				    rec->op == LOG_META + BLK_META_MKDIR ? S_IFDIR : S_IFREG);
		if (!object)
			return -ENOMEM;
		object->left_out = true;
		return 0;
	}
}

static int in_directory(struct replay *re, const struct log_record *rec)
{
	struct object *dir = object_find(&re->objects, rec->dir);
	int err, dirfd;

	if (!dir || dir->kind != S_IFDIR)
		return -ESTALE;
	if (dir->left_out)
		return in_left_out(re, rec);
	dirfd = object_open_dir(&re->objects, dir);
	if (dirfd < 0)
		return dirfd;
	switch (rec->op) {
	case LOG_META + BLK_META_LINK:
		err = link_to(re, rec, dir, dirfd);
		break;
	case LOG_META + BLK_META_UNLINK:
	case LOG_META + BLK_META_RMDIR:
		err = unlink_it(re, rec, dir, dirfd);
		break;
	case LOG_META + BLK_META_RENAME:
		err = rename_it(re, rec, dir, dirfd);
		break;
	default:
		err = make(re, rec, dir, dirfd);
	}
	close(dirfd);
	return err;
}

int replay_record(struct replay *re, const struct log_record *rec)
{
	switch (rec->op) {
	case LOG_FLUSH:
	case LOG_META + BLK_META_SYNC:
	case LOG_META + BLK_META_SYNCFS:
	case LOG_META + BLK_META_MARK:
		return 0;
	case LOG_WRITE:
	case LOG_META + BLK_META_WRITE:
	case LOG_META + BLK_META_TRUNCATE:
	case LOG_META + BLK_META_FALLOCATE:
		return on_file(re, rec);
	case LOG_META + BLK_META_TMPFILE:
		return make_nameless(re, rec);
	default:
		return in_directory(re, rec);
	}
}
