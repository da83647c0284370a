/* SPDX-License-Identifier: GPL-3.0-or-later */
/* file.c - the bottom of a mount's stack: the backing file of each request, or one for all */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "blkcrypto/blk-device-opt.h"
#include "blkcrypto/blk-request.h"
#include "blkcrypto/devices/devices.h"
#include "util/io.h"

/* One more for what goes in front; below IOV_MAX. */
#define BATCH BIO_MAX_VECS

/*
 * With path= it is that file or disk that all requests go to: a space of its own, so that what lies
 * above has its true geometry. Else dev->private is -1.
 */
static int file_open(struct blk_device *dev, const struct blk_device_opt *opts, char **ret_why)
{
	static const char *const known[] = { "path", NULL };
	const char *path;
	int err, fd = -1;

	err = blk_device_opts_check(opts, known, ret_why);
	if (!err)
		err = blk_opt_path(opts, "path", &path, ret_why);
	if (err)
		return err;
	if (path) {
		fd = open(path, O_RDWR | O_CREAT | O_NOCTTY | O_CLOEXEC, 0600);
		if (fd < 0)
			return blk_device_fail(ret_why, -errno, "%s: %s", path, strerror(errno));
	}
	dev->space = path ? BLK_SPACE_OWN : BLK_SPACE_FILE;
	dev->private = (void *)(intptr_t)fd;
	return 0;
}

static void file_close(struct blk_device *dev)
{
	if (dev->space == BLK_SPACE_OWN)
		close((int)(intptr_t)dev->private);
}

static int fd_of(const struct blk_device *dev, const struct blk_request *rq)
{
	return dev->space == BLK_SPACE_OWN ? (int)(intptr_t)dev->private : rq->file->fd;
}

/* Zeros from @from bytes behind @iter to the end. */
static void zero_from(struct blk_request_iter *iter, size_t from)
{
	struct iovec seg;

	while (blk_request_iter_next(iter, SIZE_MAX, &seg)) {
		size_t skip = MIN(from, seg.iov_len);

		memset((char *)seg.iov_base + skip, 0, seg.iov_len - skip);
		from -= skip;
	}
}

/* What is past the end of the file reads as a hole. */
static int file_read(const struct blk_request *rq, int fd)
{
	struct blk_request_iter iter = blk_request_iter_begin(rq), rest = iter;
	off_t pos = (off_t)(rq->sector << SECTOR_SHIFT);
	struct iovec batch[BATCH];
	unsigned count;
	size_t want;

	while ((count = blk_request_iter_fill(&iter, batch, BATCH, SIZE_MAX, &want)) > 0) {
		ssize_t n = io_preadv(fd, batch, (int)count, pos);

		if (n < 0)
			return (int)n;
		if ((size_t)n < want) {
			zero_from(&rest, (size_t)n);
			return 0;
		}
		pos += n;
		rest = iter;
	}
	return 0;
}

static int file_write(const struct blk_request *rq, int fd)
{
	struct blk_request_iter iter = blk_request_iter_begin(rq);
	off_t pos = (off_t)((rq->sector << SECTOR_SHIFT) - rq->head_size);
	struct iovec batch[1 + BATCH];
	unsigned head = 0;

	if (rq->head_size > 0) {
		batch[0].iov_base = (void *)rq->head;
		batch[0].iov_len = rq->head_size;
		head = 1;
	}
	for (;;) {
		size_t want;
		unsigned count =
			head + blk_request_iter_fill(&iter, batch + head, BATCH, SIZE_MAX, &want);
		int err;

		if (count == 0)
			return 0;
		if (head)
			want += rq->head_size;
		err = io_pwritev(fd, batch, (int)count, pos);
		if (err)
			return err;
		pos += (off_t)want;
		head = 0;
	}
}

static int file_flush(const struct blk_request *rq, int fd)
{
	int ret;

	do {
		ret = rq->flags & BIO_FLUSH_META ? fsync(fd) : fdatasync(fd);
	} while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : 0;
}

static void file_queue_rq(struct blk_device *dev, struct blk_request *rq)
{
	int err = -EOPNOTSUPP;

	if (rq->sector > ((uint64_t)INT64_MAX - rq->size) >> SECTOR_SHIFT) {
		blk_request_end(rq, -EFBIG);
		return;
	}
	switch (rq->op) {
	case REQ_OP_READ:
		err = file_read(rq, fd_of(dev, rq));
		break;
	case REQ_OP_WRITE:
		err = file_write(rq, fd_of(dev, rq));
		break;
	case REQ_OP_FLUSH:
		err = file_flush(rq, fd_of(dev, rq));
		break;
	}
	blk_request_end(rq, err);
}

const struct blk_device_type dev_file_type = {
	.name = "file",
	.help = "the backing file itself, or one for all (path=FILE); no inline encryption",
	.open = file_open,
	.close = file_close,
	.queue_rq = file_queue_rq,
};
