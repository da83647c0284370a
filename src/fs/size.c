/* SPDX-License-Identifier: GPL-3.0-or-later */
/* size.c - the size of a file: kept in st_size, changed under the size lock only */
#include "fs/file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fs/change.h"
#include "fs/context.h"
#include "fs/file_private.h"
#include "util/bits.h"
#include "util/compiler.h"

/* ---- locks and what they protect ---------------------------------------------------------------
 */

bool fs_file_lock_size(struct fs_inode *inode)
{
	bool pending = inode->crypt == FS_CRYPT_ENCRYPTED && !inode->use->ctx_stored;

	if (unlikely(pending)) {
		tinylock_lock(&inode->crypt_lock);
		if (inode->use->ctx_stored) {
			tinylock_unlock(&inode->crypt_lock);
			pending = false;
		}
	}
	pthread_rwlock_wrlock(&fs_opened(inode)->size_lock);
	return pending;
}

void fs_file_unlock_size(struct fs_inode *inode, bool header_pending)
{
	pthread_rwlock_unlock(&fs_opened(inode)->size_lock);
	if (unlikely(header_pending))
		tinylock_unlock(&inode->crypt_lock);
}

int fs_file_size_of_fd(const struct fs_inode *inode, int fd, uint64_t *ret_size,
		       struct stat *ret_stat)
{
	union fscrypt_policy policy;
	int err;

	if (fstat(fd, ret_stat) < 0)
		return -errno;
	if (inode->crypt != FS_CRYPT_ENCRYPTED) {
		*ret_size = (uint64_t)ret_stat->st_size;
		return 0;
	}
	err = fs_context_policy(inode, &policy);
	if (err)
		return err;
	return store_size_decode((uint64_t)ret_stat->st_size,
				 fscrypt_policy_data_unit_size(&policy), ret_size);
}

int fs_file_refresh_size(struct fs_file *file)
{
	struct fs_opened *opened = fs_opened(file->inode);
	struct stat st;

	if (likely(!file->inode->sb->opts.shared))
		return 0;
	opened->tail_clean = false;
	return fs_file_size_of_fd(file->inode, file->backing.fd, &opened->size, &st);
}

int fs_file_refresh_shared(struct fs_file *file)
{
	struct fs_inode *inode = file->inode;
	struct fs_opened *opened = fs_opened(inode);
	int err;

	if (likely(!inode->sb->opts.shared))
		return 0;
	pthread_rwlock_wrlock(&opened->size_lock);
	err = fs_file_refresh_size(file);
	pthread_rwlock_unlock(&opened->size_lock);
	return err;
}

/* ---- the end of the file -----------------------------------------------------------------------
 */

uint64_t fs_file_st_size(const struct fs_inode *inode, const struct fs_file_map *map, uint64_t size)
{
	if (map->info == NULL || (size == 0 && !inode->use->ctx_stored))
		return size;
	return store_size_encode(size, map->du);
}

int fs_file_set_st_size(struct fs_file *file, uint64_t st_size)
{
	return fs_do_truncate(file->inode->sb, file->backing.fd, (off_t)st_size);
}

/* Zeros in place of the sparse tail behind @pos, unless it is a hole already. */
static int clear_sparse_tail(struct fs_file *file, const struct fs_file_map *map, uint64_t pos,
			     size_t len)
{
	struct fs_file_map raw = { .info = NULL, .du = SECTOR_SIZE, .base = map->base };
	uint8_t tail[FS_MAX_DATA_UNIT];
	struct iovec iov = { .iov_base = tail, .iov_len = len };
	int err;

	err = fs_file_submit(file, &raw, REQ_OP_READ, pos, &iov, 1, len, NULL);
	if (err || mem_is_zero(tail, len))
		return err;
	return fs_file_write_zeros(file, map, pos, len);
}

/*
 * The zeros where something was cut off must be in the store before a larger size is: after a power
 * cut in between, what was cut off would be there again, in a file that has grown since.
 */
static int flush_tail(struct fs_file *file)
{
	struct bio bio;
	int err;

	if (likely(!atomic_exchange(&file->inode->use->reg.tail_unsynced, false)))
		return 0;
	bio_init(&bio, file->inode->sb->bdev, &file->backing, REQ_OP_FLUSH, 0, NULL, 0);
	err = submit_bio_wait(&bio);
	if (err)
		atomic_store(&file->inode->use->reg.tail_unsynced, true);
	return err;
}

int fs_file_clean_tail(struct fs_file *file, const struct fs_file_map *map)
{
	struct fs_inode *inode = file->inode;
	struct fs_opened *opened = fs_opened(inode);
	uint64_t size = opened->size, last = round_down(size, map->du);
	struct iovec iov;
	uint8_t unit[FS_MAX_DATA_UNIT];
	int err;

	if (map->info == NULL || size == last)
		return 0;
	if (opened->tail_clean)
		return flush_tail(file);

	iov.iov_base = unit;
	iov.iov_len = map->du;
	err = fs_file_submit(file, map, REQ_OP_READ, last, &iov, 1, map->du, NULL);
	if (err)
		return err;
	if (!mem_is_zero(unit + (size - last), map->du - (size - last))) {
		memset(unit + (size - last), 0, map->du - (size - last));
		err = fs_file_write_unit(file, map, last, unit);
		if (err)
			return err;
		atomic_store(&inode->use->reg.tail_unsynced, true);
	}
	err = clear_sparse_tail(file, map, last + map->du, size - last);
	if (err)
		return err;
	opened->tail_clean = true;
	return flush_tail(file);
}

/* ---- truncate ----------------------------------------------------------------------------------
 */

int fs_file_grow(struct fs_file *file, const struct fs_file_map *map, uint64_t size)
{
	struct fs_inode *inode = file->inode;
	struct fs_opened *opened = fs_opened(inode);
	int err;

	err = fs_file_clean_tail(file, map);
	if (!err)
		err = fs_file_set_st_size(file, fs_file_st_size(inode, map, size));
	if (err)
		return err;
	opened->size = size;
	opened->tail_clean = true;
	return 0;
}

static int shrink(struct fs_file *file, const struct fs_file_map *map, uint64_t size)
{
	struct fs_inode *inode = file->inode;
	struct fs_opened *opened = fs_opened(inode);
	uint64_t st = fs_file_st_size(inode, map, size);
	uint64_t last = round_down(size, map->du);
	uint8_t unit[FS_MAX_DATA_UNIT];
	struct iovec iov;
	bool rewrite = false;
	int err;

	if (map->info == NULL || size == last) {
		err = fs_file_set_st_size(file, st);
		if (err)
			return err;
		opened->size = size;
		opened->tail_clean = true;
		return 0;
	}

	/* Read before anything is cut off: a unit that cannot be read leaves the file as it was. */
	iov.iov_base = unit;
	iov.iov_len = map->du;
	err = fs_file_submit(file, map, REQ_OP_READ, last, &iov, 1, map->du, NULL);
	if (err)
		return err;
	if (!mem_is_zero(unit + (size - last), map->du - (size - last))) {
		memset(unit + (size - last), 0, map->du - (size - last));
		rewrite = true;
	}
	err = fs_file_set_st_size(file, map->base + last + map->du);
	if (err)
		return err;
	/* For now the file ends with the unit: should the next step fail, it does so for good. */
	opened->size = last + map->du;
	opened->tail_clean = false;
	err = fs_file_set_st_size(file, st);
	if (err)
		return err;
	opened->size = size;
	atomic_store(&inode->use->reg.tail_unsynced, true);
	if (rewrite)
		err = fs_file_write_unit(file, map, last, unit);
	opened->tail_clean = err == 0;
	return err;
}

int fs_file_truncate(struct fs_file *file, uint64_t size)
{
	struct fs_inode *inode = file->inode;
	struct fs_opened *opened = fs_opened(inode);
	struct fs_file_map map;
	bool pending;
	int err;

	if (!file->writable)
		return -EBADF;
	if (size > FSCRYPT_MAX_FILE_SIZE)
		return -EFBIG;

	pending = fs_file_lock_size(inode);
	err = fs_file_map(inode, FS_BAR_READS, &map);
	if (!err)
		err = fs_file_refresh_size(file);
	if (!err && pending && size > 0)
		err = fs_file_write_header(file);
	if (err)
		goto unlock;
	if (size > opened->size)
		err = fs_file_grow(file, &map, size);
	else if (size < opened->size)
		err = shrink(file, &map, size);
	else /* for the times */
		err = fs_file_set_st_size(file, fs_file_st_size(inode, &map, size));
unlock:
	fs_file_unlock_size(inode, pending);
	return err;
}

/* ---- sizes of files that are not open ----------------------------------------------------------
 */

/* Data unit size of the policy that @inode has or, by its place, must have; 0 for a plain one. */
static int data_unit_of(struct fs_inode *inode, unsigned *ret_du)
{
	union fscrypt_policy policy;
	struct fs_inode *parent = NULL, *holder = inode;
	char name[NAME_MAX_LEN + 1];
	int err = 0;

	if (inode->crypt == FS_CRYPT_UNKNOWN || inode->crypt == FS_CRYPT_BAD) {
		/* A look-up must not open files: what is in an encrypted directory has its policy.
		 */
		parent = NULL;
		(void)fs_inode_place(inode, &parent, name);
		if (parent != NULL && parent->crypt == FS_CRYPT_UNKNOWN)
			err = fs_context_load(parent, -1);
		if (err)
			goto put_parent;
		if (parent != NULL && parent->crypt == FS_CRYPT_ENCRYPTED)
			holder = parent;
		else
			err = fs_context_load(inode, -1);
		if (err)
			goto put_parent;
	}
	if (holder->crypt != FS_CRYPT_ENCRYPTED) {
		*ret_du = 0;
		goto put_parent;
	}
	err = fs_context_policy(holder, &policy);
	if (!err)
		*ret_du = fscrypt_policy_data_unit_size(&policy);
put_parent:
	if (parent != NULL)
		fs_inode_put(parent);
	return err;
}

int fs_file_size(struct fs_inode *inode, const struct statx *stx, uint64_t *ret_size)
{
	struct fs_opened *opened;
	bool is_open;
	unsigned du;
	int err;

	if (inode->type != S_IFREG || inode->crypt == FS_CRYPT_PLAIN) {
		*ret_size = stx->stx_size;
		return 0;
	}
	if (!inode->sb->opts.shared && inode->use) {
		/* Under this lock the last handle cannot go. */
		tinylock_lock(&inode->crypt_lock);
		opened = fs_opened(inode);
		is_open = opened && !fs_inode_revoked(inode);
		if (is_open) {
			pthread_rwlock_rdlock(&opened->size_lock);
			*ret_size = opened->size;
			pthread_rwlock_unlock(&opened->size_lock);
		}
		tinylock_unlock(&inode->crypt_lock);
		if (is_open)
			return 0;
	}
	err = data_unit_of(inode, &du);
	if (err)
		return err;
	if (du != 0)
		return store_size_decode(stx->stx_size, du, ret_size);
	*ret_size = stx->stx_size;
	return 0;
}
