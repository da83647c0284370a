/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log.c - records what is written, flushed and changed, so that any moment can be made again */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blkcrypto/bio-part.h"
#include "blkcrypto/blk-device-opt.h"
#include "blkcrypto/blk-meta.h"
#include "blkcrypto/devices/devices.h"
#include "blkcrypto/devices/log-format.h"
#include "blkcrypto/devices/log-read.h"
#include "util/bits.h"
#include "util/log.h"

struct log {
	int fd;
	/* Held from before a change to after its record: the log has the order of things. */
	pthread_mutex_t lock;
	bool broken; /* a record is missing, so that no later one is worth anything; under lock */
};

/*
 * What is there is a whole log, or this would come to lie where nobody finds it: behind a record
 * that a power cut has left half of, or in a file that is something else.
 */
static int check_end(int fd, const char *path, char **ret_why)
{
	const struct log_record *rec;
	struct log_reader reader;
	struct stat st;
	int r;

	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		return 0; /* /dev/null */
	r = log_reader_init(&reader, fd);
	if (r)
		return blk_device_fail(ret_why, r, "%s: %s", path, strerror(-r));
	reader.skim = true;
	while ((r = log_reader_next(&reader, &rec)) > 0)
		;
	if (r < 0)
		blk_device_fail(ret_why, r, "%s: is no log that can be added to: %s: move it away",
				path, reader.why);
	log_reader_free(&reader);
	return r;
}

static int log_open(struct blk_device *dev, const struct blk_device_opt *opts, char **ret_why)
{
	static const char *const known[] = { "path", NULL };
	const char *path;
	struct log *log;
	int err;

	err = blk_device_opts_check(opts, known, ret_why);
	if (!err)
		err = blk_opt_path(opts, "path", &path, ret_why);
	if (err)
		return err;
	if (!path)
		return blk_device_fail(ret_why, -EINVAL,
				       "path= is missing: where to write the log");
	log = calloc(1, sizeof(*log));
	if (!log)
		return -ENOMEM;
	log->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0600);
	if (log->fd < 0) {
		err = blk_device_fail(ret_why, -errno, "%s: %s", path, strerror(errno));
		free(log);
		return err;
	}
	err = check_end(log->fd, path, ret_why);
	if (err) {
		close(log->fd);
		free(log);
		return err;
	}
	pthread_mutex_init(&log->lock, NULL);
	dev->records_meta = true;
	dev->wants_base = true;
	dev->private = log;
	return 0;
}

static void log_close(struct blk_device *dev)
{
	struct log *log = dev->private;

	close(log->fd);
	pthread_mutex_destroy(&log->lock);
	free(log);
}

/* ---- records ------------------------------------------------------------------------------ */

struct record {
	unsigned op, flags;
	bool failed;
	uint64_t ino, dir, dir2, pos, len;
	mode_t mode;
	const char *name, *name2;
};

static uint64_t fd_ino(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static size_t total(const struct iovec *iov, unsigned vcnt)
{
	size_t len = 0;

	for (unsigned i = 0; i < vcnt; i++)
		len += iov[i].iov_len;
	return len;
}

/* Half a record, of @len bytes at the end, is none: unless somebody has appended to it already. */
static void take_back(int fd, size_t len)
{
	off_t end = lseek(fd, 0, SEEK_CUR);
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == end &&
	    ftruncate(fd, end - (off_t)len) < 0)
		log_err("device log: half a record stays at its end: %s", strerror(errno));
}

/* One write, whole or none: a mark that somebody else appends must not come to lie inside. */
static int append(int fd, const uint8_t *head, const struct record *r, const struct iovec *data,
		  unsigned vcnt)
{
	size_t name_len = r->name ? strlen(r->name) : 0,
	       name2_len = r->name2 ? strlen(r->name2) : 0;
	size_t len = LOG_HEADER_SIZE + name_len + name2_len + total(data, vcnt), at;
	uint8_t *buf = malloc(len);
	ssize_t n;
	int err;

	if (!buf)
		return -ENOMEM;
	memcpy(buf, head, LOG_HEADER_SIZE);
	at = LOG_HEADER_SIZE;
	if (name_len)
		memcpy(buf + at, r->name, name_len);
	at += name_len;
	if (name2_len)
		memcpy(buf + at, r->name2, name2_len);
	at += name2_len;
	for (unsigned i = 0; i < vcnt; i++) {
		memcpy(buf + at, data[i].iov_base, data[i].iov_len);
		at += data[i].iov_len;
	}
	do {
		n = write(fd, buf, len);
	} while (n < 0 && errno == EINTR);
	err = n < 0 ? -errno : (size_t)n < len ? -ENOSPC : 0;
	if (n > 0 && err)
		take_back(fd, (size_t)n);
	free(buf);
	return err;
}

static void record_locked(struct log *log, const struct record *r, const struct iovec *data,
			  unsigned vcnt)
{
	uint8_t head[LOG_HEADER_SIZE];
	int err;

	if (log->broken)
		return;
	memcpy(head, LOG_MAGIC, 4);
	put_le16(head + 4, (uint16_t)r->op);
	put_le16(head + 6, r->failed ? LOG_FAILED : 0);
	put_le64(head + 8, r->ino);
	put_le64(head + 16, r->dir);
	put_le64(head + 24, r->dir2);
	put_le64(head + 32, r->pos);
	put_le64(head + 40, r->len);
	put_le32(head + 48, r->mode);
	put_le32(head + 52, r->flags);
	put_le16(head + 56, (uint16_t)(r->name ? strlen(r->name) : 0));
	put_le16(head + 58, (uint16_t)(r->name2 ? strlen(r->name2) : 0));
	put_le32(head + 60, (uint32_t)total(data, vcnt));
	err = append(log->fd, head, r, data, vcnt);
	if (err) {
		log->broken = true;
		log_err("device log: a record cannot be written: %s; writes fail from now on",
			strerror(-err));
	}
}

/* ---- bios --------------------------------------------------------------------------------- */

static int record_write_locked(struct log *log, const struct bio *bio)
{
	struct iovec *iov = malloc((bio->bi_vcnt + 1) * sizeof(*iov));
	struct bio_iter iter;
	struct iovec seg;
	unsigned n = 0;
	struct record r = {
		.op = LOG_WRITE,
		.failed = bio->bi_status != BLK_STS_OK,
		.ino = bio->bi_file ? fd_ino(bio->bi_file->fd) : 0,
		.pos = (bio->bi_sector << SECTOR_SHIFT) - bio->bi_head_size,
	};

	if (!iov)
		return -ENOMEM;
	if (bio->bi_head_size > 0) {
		iov[n].iov_base = (void *)bio->bi_head;
		iov[n++].iov_len = bio->bi_head_size;
	}
	bio_for_each_segment(seg, bio, iter) iov[n++] = seg;
	record_locked(log, &r, iov, n);
	free(iov);
	return 0;
}

static void log_submit_bio(struct blk_device *dev, struct bio *bio)
{
	struct log *log = dev->private;
	struct record flush = {
		.op = LOG_FLUSH,
		.flags = bio->bi_flags & BIO_FLUSH_META ? 1 : 0,
	};

	if (bio->bi_op == REQ_OP_READ) {
		bio_pass(bio, dev->children[0]);
		return;
	}
	pthread_mutex_lock(&log->lock);
	if (log->broken) {
		pthread_mutex_unlock(&log->lock);
		bio_end_status(bio, BLK_STS_IOERR);
		return;
	}
	bio_submit_clone(bio, dev->children[0], bio->bi_sector);
	if (bio->bi_op == REQ_OP_FLUSH) {
		flush.ino = bio->bi_file ? fd_ino(bio->bi_file->fd) : 0;
		flush.failed = bio->bi_status != BLK_STS_OK;
		record_locked(log, &flush, NULL, 0);
	} else if (record_write_locked(log, bio) != 0) {
		log->broken = true;
		log_err("device log: out of memory; writes fail from now on");
	}
	pthread_mutex_unlock(&log->lock);
	bio_endio(bio);
}

/* ---- other changes ------------------------------------------------------------------------ */

static void log_meta_begin(struct blk_device *dev)
{
	struct log *log = dev->private;

	pthread_mutex_lock(&log->lock);
}

/* Number of what has just been made under a name. */
static uint64_t named_ino(const struct blk_meta *meta)
{
	struct stat st;

	return fstatat(meta->dirfd, meta->name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
}

static void log_meta_end(struct blk_device *dev, const struct blk_meta *meta, int err)
{
	struct log *log = dev->private;
	struct iovec iov = { .iov_base = (void *)meta->data, .iov_len = meta->len };
	struct record r = {
		.op = LOG_META + meta->op,
		.failed = err != 0,
		.pos = meta->pos,
		.len = meta->data ? 0 : meta->len,
		.mode = meta->mode,
		.flags = meta->flags,
		.name = meta->name,
		.name2 = meta->name2,
	};

	/* Of what failed, only a write can have left something. */
	if (err && meta->op != BLK_META_WRITE)
		goto unlock;
	r.dir = fd_ino(meta->dirfd);
	r.dir2 = fd_ino(meta->dirfd2);
	r.ino = fd_ino(meta->fd);
	switch (meta->op) {
	case BLK_META_MKDIR:
	case BLK_META_MKNOD:
	case BLK_META_SYMLINK:
	case BLK_META_REPLACE:
		r.ino = named_ino(meta);
		break;
	case BLK_META_BASE:
		if (meta->name)
			r.ino = named_ino(meta);
		break;
	default:
		break;
	}
	record_locked(log, &r, &iov, meta->data ? 1 : 0);
unlock:
	pthread_mutex_unlock(&log->lock);
}

/* Does not pass keys on, or the log would hold what is to be secret. */
const struct blk_device_type dev_log_type = {
	.name = "log",
	.help = "records writes, flushes and other changes of the files (path=FILE)",
	.max_children = 1,
	.open = log_open,
	.close = log_close,
	.submit_bio = log_submit_bio,
	.meta_begin = log_meta_begin,
	.meta_end = log_meta_end,
};
