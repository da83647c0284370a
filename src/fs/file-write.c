/* SPDX-License-Identifier: GPL-3.0-or-later */
/* file-write.c - writing: whole data units straight from the caller, the ends through a bounce */
#include "fs/file.h"

#include <errno.h>
#include <string.h>

#include "fs/context.h"
#include "fs/file_private.h"
#include "util/bits.h"
#include "util/compiler.h"

/* A write of @len bytes at @off into a file that is @size bytes long before it. */
struct write_args {
	uint64_t off;
	const uint8_t *buf;
	size_t len;
	uint64_t size;
	const void *head; /* header block that goes out with it, or NULL */
};

/* A plain file: only where a bio starts is a matter of sectors. */
static int write_plain(struct fs_file *file, const struct fs_file_map *map,
		       const struct write_args *w)
{
	uint64_t start = round_down(w->off, map->du);
	uint8_t sector[SECTOR_SIZE];
	struct iovec iov[2];
	unsigned n = 0;
	int err;

	if (start != w->off) {
		err = fs_file_read_unit(file, map, start, w->size, sector);
		if (err)
			return err;
		iov[n].iov_base = sector;
		iov[n++].iov_len = w->off - start;
	}
	iov[n].iov_base = (void *)w->buf;
	iov[n++].iov_len = w->len;
	return fs_file_submit(file, map, REQ_OP_WRITE, start, iov, n, w->off - start + w->len,
			      NULL);
}

/*
 * Whole units from the bytes of @w, what they do not cover from the file and zeros from its end on:
 * the padding of the last unit is always written as zeros and never taken from the store.
 */
static int write_units(struct fs_file *file, const struct fs_file_map *map,
		       const struct write_args *w)
{
	uint8_t bounce[2][FS_MAX_DATA_UNIT] __attribute__((aligned(64)));
	uint64_t end = w->off + w->len, pos = round_down(w->off, map->du);
	uint64_t start = pos, last = round_down(end - 1, map->du);
	const unsigned du = map->du;
	bool keep_first = false, keep_last = false;
	const uint8_t *src = w->buf;
	struct iovec iov[3];
	unsigned n = 0;
	int err;

	if (map->info == NULL)
		return write_plain(file, map, w);

	/* The first unit, when it is not covered from its start, or is the last as well. */
	if (w->off != start || (start == last && end != last + du)) {
		size_t skip = w->off - start, here = MIN(w->len, du - skip);

		if (skip > 0 || end < MIN(w->size, start + du)) {
			err = fs_file_read_unit(file, map, start, w->size, bounce[0]);
			if (err)
				return err;
			keep_first = start < w->size;
		} else {
			memset(bounce[0] + here, 0, du - here);
		}
		memcpy(bounce[0] + skip, src, here);
		iov[n].iov_base = bounce[0];
		iov[n++].iov_len = du;
		src += here;
		pos += du;
	}
	/* Units that are covered. */
	if (pos < round_down(end, du)) {
		size_t here = round_down(end, du) - pos;

		iov[n].iov_base = (void *)src;
		iov[n++].iov_len = here;
		src += here;
		pos += here;
	}
	/* The last unit. */
	if (pos < end) {
		size_t here = end - pos;

		if (end < w->size) {
			err = fs_file_read_unit(file, map, pos, w->size, bounce[1]);
			if (err)
				return err;
			keep_last = true;
		} else {
			memset(bounce[1] + here, 0, du - here);
		}
		memcpy(bounce[1], src, here);
		iov[n].iov_base = bounce[1];
		iov[n++].iov_len = du;
		pos += du;
	}
	err = fs_file_submit(file, map, REQ_OP_WRITE, start, iov, n, pos - start, w->head);
	if (err) {
		/* Half a unit spoils bytes that are not this write's: once more, each alone. */
		if (keep_first)
			fs_file_write_unit(file, map, start, bounce[0]);
		if (keep_last)
			fs_file_write_unit(file, map, last, bounce[1]);
	}
	return err;
}

/* After a write that failed: the old size, with a hole as sparse tail. */
static void restore_size(struct fs_file *file, const struct fs_file_map *map, uint64_t old_st,
			 uint64_t size)
{
	uint64_t boundary = map->base + round_up(size, map->du);

	if (map->info != NULL && boundary < old_st)
		fs_file_set_st_size(file, boundary);
	fs_file_set_st_size(file, old_st);
	fs_opened(file->inode)->tail_clean = false;
}

/* size_lock is held exclusively, and the header is stored or in w->head. */
static int write_growing(struct fs_file *file, const struct fs_file_map *map,
			 const struct write_args *w)
{
	struct fs_inode *inode = file->inode;
	struct fs_opened *opened = fs_opened(inode);
	uint64_t end = w->off + w->len, old_st, new_st;
	int err;

	old_st = fs_file_st_size(inode, map, w->size);
	if (map->info == NULL) {
		err = write_units(file, map, w);
		if (err) {
			restore_size(file, map, old_st, w->size);
			return err;
		}
		opened->size = end;
		return 0;
	}

	new_st = store_size_encode(end, map->du);
	err = fs_file_clean_tail(file, map);
	if (err)
		return err;
	if (round_up(end, map->du) == round_up(w->size, map->du)) {
		/* The last unit gets fuller: nobody sees it before the size says so. */
		err = write_units(file, map, w);
		if (!err)
			err = fs_file_set_st_size(file, new_st);
		if (err) {
			opened->tail_clean = false;
			return err;
		}
	} else {
		/*
		 * The size first, also where the data would set it: XFS answers an ftruncate after
		 * a pwrite that extended the file by writing all of that out, and the file's last
		 * write nearly always needs the ftruncate.
		 */
		err = fs_file_set_st_size(file, new_st);
		if (!err)
			err = write_units(file, map, w);
		if (err) {
			restore_size(file, map, old_st, w->size);
			return err;
		}
	}
	opened->size = end;
	opened->tail_clean = true;
	return 0;
}

/* The first write of all: the header goes out in front of the data, or before it. */
static int write_with_header(struct fs_file *file, const struct fs_file_map *map,
			     struct write_args *w)
{
	struct fs_inode *inode = file->inode;
	uint8_t block[STORE_HEADER_SIZE];
	int err;

	if (w->size > 0 || w->off >= map->du) {
		err = fs_file_write_header(file);
		if (err)
			return err;
		return w->off + w->len > w->size ? write_growing(file, map, w)
						 : write_units(file, map, w);
	}
	fs_context_header_block(inode, block);
	w->head = block;
	err = write_growing(file, map, w);
	if (!err)
		inode->use->ctx_stored = true;
	return err;
}

/* Whoever locks the key wants to know whether the kernel still had data for the file. */
static int refused(struct fs_inode *inode, int err)
{
	if (err == -ENOKEY)
		atomic_fetch_add(&inode->use->reg.refused, 1);
	return err;
}

int fs_file_write(struct fs_file *file, uint64_t off, const void *buf, size_t len)
{
	struct write_args w = { .off = off, .buf = buf, .len = len };
	struct fs_inode *inode = file->inode;
	struct fs_opened *opened = fs_opened(inode);
	struct rangelock_held held;
	struct fs_file_map map;
	bool pending;
	int err;

	if (!file->writable)
		return -EBADF;
	if (len == 0)
		return 0;
	if (off > FSCRYPT_MAX_FILE_SIZE || len > FSCRYPT_MAX_FILE_SIZE - off)
		return -EFBIG;

	if (!inode->sb->opts.shared && (inode->crypt == FS_CRYPT_PLAIN || inode->use->ctx_stored)) {
		pthread_rwlock_rdlock(&opened->size_lock);
		w.size = opened->size;
		err = fs_file_map(inode, FS_BAR_ALL, &map);
		if (err) {
			pthread_rwlock_unlock(&opened->size_lock);
			return refused(inode, err);
		}
		if (off + len <= w.size) {
			rangelock_lock(&opened->range, &held, round_down(off, map.du),
				       round_up(off + len, map.du), true);
			err = write_units(file, &map, &w);
			rangelock_unlock(&opened->range, &held);
			pthread_rwlock_unlock(&opened->size_lock);
			return err;
		}
		pthread_rwlock_unlock(&opened->size_lock);
	}

	pending = fs_file_lock_size(inode);
	err = fs_file_map(inode, FS_BAR_ALL, &map);
	if (err) {
		refused(inode, err);
		goto unlock;
	}
	err = fs_file_refresh_size(file);
	w.size = opened->size;
	if (err)
		goto unlock;
	if (pending)
		err = write_with_header(file, &map, &w);
	else if (off + len > w.size)
		err = write_growing(file, &map, &w);
	else
		err = write_units(file, &map, &w);
unlock:
	fs_file_unlock_size(inode, pending);
	return err;
}
