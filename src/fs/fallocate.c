/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fallocate.c - room, holes and zeros in files, and where they are */
#include "fs/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <unistd.h>

#include "fs/change.h"
#include "fs/file_private.h"
#include "util/bits.h"
#include "util/compiler.h"

static int backing_fallocate(struct fs_file *file, const struct fs_file_map *map, int mode,
			     uint64_t pos, uint64_t len)
{
	return fs_do_fallocate(file->inode->sb, file->backing.fd, mode, (off_t)(map->base + pos),
			       (off_t)len);
}

/* ---- zeros -------------------------------------------------------------------------------------
 */

/* Zero [@from, @to) inside the unit at @pos. Nothing is written where zeros are: holes stay. */
static int zero_in_unit(struct fs_file *file, const struct fs_file_map *map, uint64_t pos,
			size_t from, size_t to)
{
	uint8_t unit[FS_MAX_DATA_UNIT];
	int err;

	err = fs_file_read_unit(file, map, pos, fs_opened(file->inode)->size, unit);
	if (err || mem_is_zero(unit + from, to - from))
		return err;
	memset(unit + from, 0, to - from);
	return fs_file_write_unit(file, map, pos, unit);
}

/* Whole units become holes, by @mode or, where the backing cannot, by zeros for ciphertext. */
static int zero_units(struct fs_file *file, const struct fs_file_map *map, int mode, uint64_t pos,
		      uint64_t len)
{
	int err;

	err = backing_fallocate(file, map, mode | FALLOC_FL_KEEP_SIZE, pos, len);
	if (err == -EOPNOTSUPP || err == -ENOSYS)
		err = fs_file_write_zeros(file, map, pos, len);
	return err;
}

/*
 * Zero [@off, @end), which is below the size. The size lock is held; either exclusively, or shared
 * with the range.
 */
static int zero_range(struct fs_file *file, const struct fs_file_map *map, int mode, uint64_t off,
		      uint64_t end)
{
	uint64_t first = round_up(off, map->du), last = round_down(end, map->du);
	int err;

	if (map->info == NULL)
		return zero_units(file, map, mode, off, end - off);
	if (end == fs_opened(file->inode)->size)
		last = round_up(end, map->du); /* the last unit's padding is zeros too */

	if (first > last) /* one unit, neither its start nor its end */
		return zero_in_unit(file, map, last, off - last, end - last);
	if (off < first) {
		uint64_t unit = first - map->du;

		err = zero_in_unit(file, map, unit, off - unit, MIN(end, first) - unit);
		if (err)
			return err;
	}
	if (end > last) {
		err = zero_in_unit(file, map, last, 0, end - last);
		if (err)
			return err;
	}
	return first < last ? zero_units(file, map, mode, first, last - first) : 0;
}

/* Zeros in the part of [@off, @end) that is below the size, which stays. */
static int zero_below_size(struct fs_file *file, int mode, uint64_t off, uint64_t end)
{
	struct fs_inode *inode = file->inode;
	struct fs_opened *opened = fs_opened(inode);
	struct rangelock_held held;
	struct fs_file_map map;
	int err;

	pthread_rwlock_rdlock(&opened->size_lock);
	err = fs_file_map(inode, FS_BAR_READS, &map);
	end = MIN(end, opened->size);
	if (!err && off < end) {
		rangelock_lock(&opened->range, &held, round_down(off, map.du),
			       round_up(end, map.du), true);
		err = zero_range(file, &map, mode, off, end);
		rangelock_unlock(&opened->range, &held);
	}
	pthread_rwlock_unlock(&opened->size_lock);
	return err;
}

/* ---- room --------------------------------------------------------------------------------------
 */

/* Room for [@off, @end), and with @grow the size up to @end. With @zero zeros in what there was. */
static int allocate(struct fs_file *file, uint64_t off, uint64_t end, bool grow, bool zero)
{
	struct fs_inode *inode = file->inode;
	struct fs_opened *opened = fs_opened(inode);
	struct fs_file_map map;
	bool pending;
	int err;

	pending = fs_file_lock_size(inode);
	err = fs_file_map(inode, FS_BAR_READS, &map);
	if (!err)
		err = fs_file_refresh_size(file);
	if (!err && pending)
		err = fs_file_write_header(file);
	/* First what can fail for want of room and changes nothing yet. */
	if (!err)
		err = backing_fallocate(file, &map, FALLOC_FL_KEEP_SIZE, round_down(off, map.du),
					round_up(end, map.du) - round_down(off, map.du));
	if ((err == -EOPNOTSUPP || err == -ENOSYS) && zero)
		err = 0; /* zeros need no room set aside */
	if (!err && zero && off < opened->size)
		err = zero_range(file, &map, FALLOC_FL_ZERO_RANGE, off, MIN(end, opened->size));
	if (!err && grow && end > opened->size)
		err = fs_file_grow(file, &map, end);
	fs_file_unlock_size(inode, pending);
	return err;
}

int fs_file_fallocate(struct fs_file *file, int mode, uint64_t off, uint64_t len)
{
	int err;

	if (!file->writable)
		return -EBADF;
	if (len == 0)
		return -EINVAL;
	if (off > FSCRYPT_MAX_FILE_SIZE || len > FSCRYPT_MAX_FILE_SIZE - off)
		return -EFBIG;
	err = fs_file_refresh_shared(file);
	if (err)
		return err;

	switch (mode) {
	case 0:
	case FALLOC_FL_KEEP_SIZE:
		return allocate(file, off, off + len, mode == 0, false);
	case FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE:
		return zero_below_size(file, FALLOC_FL_PUNCH_HOLE, off, off + len);
	case FALLOC_FL_ZERO_RANGE:
	case FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE:
		return allocate(file, off, off + len, mode == FALLOC_FL_ZERO_RANGE, true);
	default:
		return -EOPNOTSUPP;
	}
}

/* ---- holes -------------------------------------------------------------------------------------
 */

/* Next data or hole of the backing file at or after @pos; @size when there is none before it. */
static int backing_seek(struct fs_file *file, const struct fs_file_map *map, uint64_t pos,
			int whence, uint64_t size, uint64_t *ret_pos)
{
	off_t at = lseek(file->backing.fd, (off_t)(map->base + pos), whence);

	if (at < 0) {
		/* A backing that knows no holes: all is data. */
		if (errno == EINVAL)
			*ret_pos = whence == SEEK_DATA ? pos : size;
		else if (errno == ENXIO)
			*ret_pos = size;
		else
			return -errno;
		return 0;
	}
	*ret_pos = MIN((uint64_t)at - map->base, size);
	return 0;
}

/* The first unit at or after @pos that is a hole as a whole. */
static int find_hole(struct fs_file *file, const struct fs_file_map *map, uint64_t pos,
		     uint64_t size, uint64_t *ret_pos)
{
	uint64_t data = size;
	int err;

	for (;;) {
		err = backing_seek(file, map, pos, SEEK_HOLE, size, &pos);
		if (err)
			return err;
		pos = round_up(pos, map->du);
		if (pos >= size)
			break;
		/* Holes of the backing can be smaller than a unit, and then are part of its data.
		 */
		err = backing_seek(file, map, pos, SEEK_DATA, size, &data);
		if (err)
			return err;
		if (data >= MIN(pos + map->du, size))
			break;
		pos = data;
	}
	*ret_pos = MIN(pos, size);
	return 0;
}

int fs_file_seek(struct fs_file *file, uint64_t off, int whence, uint64_t *ret_off)
{
	struct fs_inode *inode = file->inode;
	struct fs_opened *opened = fs_opened(inode);
	struct fs_file_map map;
	uint64_t pos, size;
	int err;

	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return -EINVAL;
	err = fs_file_refresh_shared(file);
	if (err)
		return err;

	pthread_rwlock_rdlock(&opened->size_lock);
	err = fs_file_map(inode, FS_BAR_READS, &map);
	if (err)
		goto unlock;
	if (map.info == NULL)
		map.du = 1;
	size = opened->size;
	if (off >= size) {
		err = -ENXIO;
		goto unlock;
	}
	pos = round_down(off, map.du);
	if (whence == SEEK_DATA) {
		err = backing_seek(file, &map, pos, SEEK_DATA, size, &pos);
		if (!err && pos >= size)
			err = -ENXIO;
		pos = round_down(pos, map.du);
	} else {
		err = find_hole(file, &map, pos, size, &pos);
	}
	if (!err)
		*ret_off = MAX(pos, off);
unlock:
	pthread_rwlock_unlock(&opened->size_lock);
	return err;
}
