/* SPDX-License-Identifier: GPL-3.0-or-later */
/* integrity.c - a checksum for each sector, in a folder of its own, compared when it is read */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blkcrypto/bio-part.h"
#include "blkcrypto/blk-device-opt.h"
#include "blkcrypto/blk-meta.h"
#include "blkcrypto/blk-stack.h"
#include "blkcrypto/devices/devices.h"
#include "util/bits.h"
#include "util/crc32c.h"
#include "util/io.h"
#include "util/log.h"

#define TAG_SIZE 4u

/*
 * For each backing file one of tags, four bytes for each sector: its CRC32C, or 0 where nothing is
 * known. It is called by the file's inode number and birth, so that a number that comes again does
 * not bring old tags with it. A sector's tag is 0 while it is being written: what ends a server in
 * the middle leaves something that is not known, not something that is wrong.
 *
 * The owner of the file keeps those apart who read and write the same sector.
 */
struct integrity {
	int dirfd;
};

static int integrity_open(struct blk_device *dev, const struct blk_device_opt *opts, char **ret_why)
{
	static const char *const known[] = { "tags", NULL };
	struct integrity *integrity;
	const char *path;
	int err;

	err = blk_device_opts_check(opts, known, ret_why);
	if (!err)
		err = blk_opt_path(opts, "tags", &path, ret_why);
	if (err)
		return err;
	if (!path)
		return blk_device_fail(ret_why, -EINVAL,
				       "tags= is missing: a folder for checksums");
	integrity = calloc(1, sizeof(*integrity));
	if (!integrity)
		return -ENOMEM;
	integrity->dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (integrity->dirfd < 0) {
		err = blk_device_fail(ret_why, -errno, "%s: %s", path, strerror(errno));
		free(integrity);
		return err;
	}
	err = blk_integrity_register(dev);
	if (err) {
		close(integrity->dirfd);
		free(integrity);
		return err;
	}
	dev->records_meta = true;
	dev->private = integrity;
	return 0;
}

static void integrity_close(struct blk_device *dev)
{
	struct integrity *integrity = dev->private;

	close(integrity->dirfd);
	free(integrity);
}

/* ---- tags --------------------------------------------------------------------------------- */

static uint32_t tag_of(const void *sector, size_t len)
{
	static const uint8_t zeros[SECTOR_SIZE];
	uint32_t tag = crc32c(0, sector, len);

	/* What is behind the end of a file counts as zeros. */
	tag = crc32c(tag, zeros, SECTOR_SIZE - len);
	return tag ? tag : 1;
}

/* A mount's threads act as who asks (fs/cred.c); the folder is the server's own. */
static int open_as_server(int dirfd, const char *name, bool make)
{
	const int flags = O_RDWR | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC;
	uid_t uid = (uid_t)setfsuid(geteuid());
	gid_t gid = (gid_t)setfsgid(getegid());
	int fd = openat(dirfd, name, flags);

	if (fd < 0 && errno == ENOENT && make) {
		fd = openat(dirfd, name, flags | O_CREAT, 0600);
		if (fd >= 0 && fchmod(fd, 0600) < 0) { /* whatever the umask */
			int err = errno;

			close(fd);
			fd = -1;
			errno = err;
		}
	}
	if (fd < 0)
		fd = -errno;
	setfsgid(gid);
	setfsuid(uid);
	return fd;
}

/* The tags of the file @fd; a device without files has one set. -ENOENT when there are none. */
static int open_tags(const struct integrity *integrity, int fd, bool make)
{
	char name[64] = "tags";
	struct statx stx;

	if (fd >= 0) {
		if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &stx) < 0)
			return -errno;
		snprintf(name, sizeof(name), "%llx-%llx.%x", (unsigned long long)stx.stx_ino,
			 (unsigned long long)stx.stx_btime.tv_sec, stx.stx_btime.tv_nsec);
	}
	return open_as_server(integrity->dirfd, name, make);
}

static int bio_fd(const struct bio *bio)
{
	return bio->bi_file ? bio->bi_file->fd : -1;
}

/* Nothing is known of @count sectors from @sector on. */
static int forget(int tags, uint64_t sector, uint64_t count)
{
	static const uint8_t zeros[4096];
	struct stat st;
	uint64_t pos = sector * TAG_SIZE, end;
	int err = 0;

	if (fstat(tags, &st) < 0)
		return -errno;
	end = (uint64_t)st.st_size;
	if (count < end / TAG_SIZE && sector + count < end / TAG_SIZE)
		end = (sector + count) * TAG_SIZE;
	while (pos < end && !err) {
		size_t n = MIN(end - pos, sizeof(zeros));

		err = io_pwrite(tags, zeros, n, (off_t)pos);
		pos += n;
	}
	return err;
}

/* ---- bios --------------------------------------------------------------------------------- */

/* All of a bio's memory in one piece. It is the caller's to free. */
static uint8_t *gather(const struct bio *bio, size_t *ret_len)
{
	size_t len = bio->bi_head_size + bio->bi_size, at = bio->bi_head_size;
	uint8_t *buf = malloc(len + 1);
	struct bio_iter iter;
	struct iovec seg;

	if (!buf)
		return NULL;
	if (at > 0)
		memcpy(buf, bio->bi_head, at);
	bio_for_each_segment(seg, bio, iter)
	{
		memcpy(buf + at, seg.iov_base, seg.iov_len);
		at += seg.iov_len;
	}
	*ret_len = len;
	return buf;
}

/* The whole of a sector, from below. */
static bool read_sector(struct blk_device *dev, struct bio *bio, uint64_t sector, uint8_t *buf)
{
	struct iovec iov = { .iov_base = buf, .iov_len = SECTOR_SIZE };
	struct bio part;

	bio_init(&part, dev->children[0], bio->bi_file, REQ_OP_READ, sector, &iov, 1);
	submit_bio_wait(&part);
	bio->bi_status = part.bi_status;
	bio->bi_errno = part.bi_errno;
	return bio->bi_status == BLK_STS_OK;
}

static uint64_t first_sector(const struct bio *bio)
{
	return bio->bi_sector - (bio->bi_head_size >> SECTOR_SHIFT);
}

/* Tags for @buf, which has been written from sector @first on. */
static int write_tags(struct blk_device *dev, struct bio *bio, int tags, const uint8_t *buf,
		      size_t len)
{
	uint64_t first = first_sector(bio);
	size_t count = (len + SECTOR_SIZE - 1) / SECTOR_SIZE;
	uint8_t *out = malloc(count * TAG_SIZE + 1);
	uint8_t last[SECTOR_SIZE];
	int err;

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const uint8_t *sector = buf + i * SECTOR_SIZE;

		/* Of a sector that was written in part the rest is what was there. */
		if (len - i * SECTOR_SIZE < SECTOR_SIZE) {
			if (!read_sector(dev, bio, first + i, last)) {
				free(out);
				return bio_errno(bio);
			}
			sector = last;
		}
		put_le32(out + i * TAG_SIZE, tag_of(sector, SECTOR_SIZE));
	}
	err = io_pwrite(tags, out, count * TAG_SIZE, (off_t)(first * TAG_SIZE));
	free(out);
	return err;
}

static void integrity_write(struct blk_device *dev, struct bio *bio)
{
	size_t len;
	uint8_t *buf;
	int tags, err;

	if (bio->bi_head_size % SECTOR_SIZE) {
		bio_end_status(bio, BLK_STS_INVAL);
		return;
	}
	buf = gather(bio, &len);
	tags = buf ? open_tags(dev->private, bio_fd(bio), true) : -ENOMEM;
	if (tags < 0) {
		free(buf);
		bio_end_errno(bio, tags);
		return;
	}
	err = forget(tags, first_sector(bio), (len + SECTOR_SIZE - 1) / SECTOR_SIZE);
	if (err) {
		bio_set_errno(bio, err);
	} else if (bio_submit_clone(bio, dev->children[0], bio->bi_sector)) {
		err = write_tags(dev, bio, tags, buf, len);
		bio_set_errno(bio, err);
	}
	if (err)
		stat_inc(&dev->stats.errors);
	close(tags);
	free(buf);
	bio_endio(bio);
}

static ino_t inode_number(const struct bio *bio)
{
	struct stat st;

	return bio->bi_file && fstat(bio->bi_file->fd, &st) == 0 ? st.st_ino : 0;
}

/* Compare what was read with @tags. False: it is not what was written. */
static bool compare(struct blk_device *dev, struct bio *bio, const uint8_t *tags, size_t count)
{
	uint8_t *buf, last[SECTOR_SIZE];
	bool good = true;
	size_t len;

	buf = gather(bio, &len);
	if (!buf) {
		bio->bi_status = BLK_STS_RESOURCE;
		return false;
	}
	for (size_t i = 0; i < count && good; i++) {
		const uint8_t *sector = buf + i * SECTOR_SIZE;
		uint32_t tag = get_le32(tags + i * TAG_SIZE);

		if (tag == 0)
			continue;
		if (len - i * SECTOR_SIZE < SECTOR_SIZE) {
			if (!read_sector(dev, bio, bio->bi_sector + i, last)) {
				good = false;
				break;
			}
			sector = last;
		}
		if (tag_of(sector, SECTOR_SIZE) != tag) {
			log_err("device integrity: sector %llu of inode %llu is not what was "
				"written there",
				(unsigned long long)(bio->bi_sector + i),
				(unsigned long long)inode_number(bio));
			bio->bi_status = BLK_STS_PROTECTION;
			good = false;
		}
	}
	free(buf);
	return good;
}

static void integrity_read(struct blk_device *dev, struct bio *bio)
{
	size_t count = (bio->bi_size + SECTOR_SIZE - 1) / SECTOR_SIZE;
	int fd = open_tags(dev->private, bio_fd(bio), false);
	uint8_t *tags;
	ssize_t n;

	if (fd == -ENOENT) { /* never written by way of this device */
		bio_pass(bio, dev->children[0]);
		return;
	}
	if (fd < 0) {
		bio_end_errno(bio, fd);
		return;
	}
	tags = calloc(count + 1, TAG_SIZE);
	n = tags ? io_pread(fd, tags, count * TAG_SIZE, (off_t)(bio->bi_sector * TAG_SIZE))
		 : -ENOMEM;
	close(fd);
	if (n < 0) {
		free(tags);
		bio_end_errno(bio, (int)n);
		return;
	}
	if (bio_submit_clone(bio, dev->children[0], bio->bi_sector) &&
	    !compare(dev, bio, tags, count))
		stat_inc(&dev->stats.errors);
	free(tags);
	bio_endio(bio);
}

/* The tags of @fd are as lasting as what they are of: old ones would make an error of it. */
static int sync_tags(const struct integrity *integrity, int fd)
{
	int tags = open_tags(integrity, fd, false), err = 0;

	if (tags < 0)
		return tags == -ENOENT ? 0 : tags;
	if (fdatasync(tags) < 0)
		err = -errno;
	close(tags);
	return err;
}

static void integrity_flush(struct blk_device *dev, struct bio *bio)
{
	int err;

	if (bio_submit_clone(bio, dev->children[0], bio->bi_sector)) {
		err = sync_tags(dev->private, bio_fd(bio));
		bio_set_errno(bio, err);
		if (err)
			stat_inc(&dev->stats.errors);
	}
	bio_endio(bio);
}

static void integrity_submit_bio(struct blk_device *dev, struct bio *bio)
{
	if (bio->bi_op == REQ_OP_READ)
		integrity_read(dev, bio);
	else if (bio->bi_op == REQ_OP_WRITE)
		integrity_write(dev, bio);
	else
		integrity_flush(dev, bio);
}

/* ---- what changes a file otherwise -------------------------------------------------------- */

static void integrity_meta_begin(struct blk_device *dev)
{
}

static void say_failed(int err)
{
	/* What is kept is wrong now: reading it will say so. */
	if (err)
		log_err("device integrity: checksums cannot be updated: %s", strerror(-err));
}

/* Of what has been cut off, zeroed or written past the bios nothing is known any more. */
static void integrity_meta_end(struct blk_device *dev, const struct blk_meta *meta, int err)
{
	const struct integrity *integrity = dev->private;
	const int zeroing = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;
	uint64_t from, to;
	int tags;

	switch (meta->op) {
	case BLK_META_SYNC:
		say_failed(sync_tags(integrity, meta->fd));
		return;
	case BLK_META_SYNCFS:
		say_failed(syncfs(integrity->dirfd) < 0 ? -errno : 0);
		return;
	case BLK_META_TRUNCATE:
		from = meta->len;
		to = UINT64_MAX;
		break;
	case BLK_META_FALLOCATE:
		if (!(meta->flags & (unsigned)zeroing))
			return;
		/* fallthrough */
	case BLK_META_WRITE:
		from = meta->pos;
		to = from + meta->len;
		break;
	default:
		return;
	}
	tags = open_tags(integrity, meta->fd, false);
	if (tags == -ENOENT)
		return;
	if (tags >= 0) {
		from >>= SECTOR_SHIFT;
		to = to == UINT64_MAX ? to : (to + SECTOR_SIZE - 1) >> SECTOR_SHIFT;
		err = forget(tags, from, to - from);
		close(tags);
	} else {
		err = tags;
	}
	say_failed(err);
}

/*
 * Does not pass keys on: checksums of plaintext would tell about it, and would not fit what a
 * fallback below stores (blk-stack.h).
 */
const struct blk_device_type dev_integrity_type = {
	.name = "integrity",
	.help = "a checksum for each sector, compared when it is read (tags=DIR)",
	.max_children = 1,
	.open = integrity_open,
	.close = integrity_close,
	.submit_bio = integrity_submit_bio,
	.meta_begin = integrity_meta_begin,
	.meta_end = integrity_meta_end,
};
