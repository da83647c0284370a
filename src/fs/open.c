/* SPDX-License-Identifier: GPL-3.0-or-later */
/* open.c - handles of regular files: who has one, and what happens at the last close */
#include "fs/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/backing.h"
#include "fs/context.h"
#include "fs/file_private.h"
#include "util/compiler.h"

/*
 * Files whose key stays set up after the last close, half a kilobyte each: it is needed again when
 * a file is opened again, and costs a few microseconds. Of more files than this none stays longer.
 */
#define KEEP_KEYS 16384

static bool header_pending(const struct fs_inode *inode)
{
	return inode->crypt == FS_CRYPT_ENCRYPTED && !inode->use->ctx_stored &&
	       !inode->use->reg.revoked;
}

/* Before the first handle: size and times, which the kernel knows too, from the store. */
static int new_opened(struct fs_inode *inode, int fd, struct fs_opened **ret_opened)
{
	struct fs_opened *opened = calloc(1, sizeof(*opened));
	struct stat st;
	int err;

	if (!opened)
		return -ENOMEM;
	err = fs_file_size_of_fd(inode, fd, &opened->size, &st);
	if (err) {
		free(opened);
		return err;
	}
	opened->atime = st.st_atim;
	opened->kmtime = st.st_mtim;
	opened->kmtime_valid = true;
	pthread_rwlock_init(&opened->size_lock, NULL);
	rangelock_init(&opened->range);
	TAILQ_INIT(&opened->files);
	*ret_opened = opened;
	return 0;
}

static void free_opened(struct fs_opened *opened)
{
	pthread_rwlock_destroy(&opened->size_lock);
	rangelock_destroy(&opened->range);
	free(opened);
}

/* Count @file in. The context is loaded. From here on a key that is there stays. */
static int attach(struct fs_file *file)
{
	struct fs_inode *inode = file->inode;
	struct fs_use *use = fs_use_get(inode);
	struct fs_opened *opened;
	int err;

	if (!use)
		return -ENOMEM;
	tinylock_lock(&inode->crypt_lock);
	if (use->reg.opened)
		err = fs_file_refresh_shared(file);
	else
		err = new_opened(inode, file->backing.fd, &use->reg.opened);
	if (!err) {
		opened = use->reg.opened;
		TAILQ_INSERT_HEAD(&opened->files, file, link);
		opened->handles++;
		opened->writers += file->writable;
		file->refs = 1;
	}
	tinylock_unlock(&inode->crypt_lock);
	if (!err)
		fs_file_wait_filled(opened);
	return err;
}

/* Drop a reference. True when it was the last: @file is the caller's to free. */
static bool detach(struct fs_file *file)
{
	struct fs_inode *inode = file->inode;
	struct fs_opened *opened = fs_opened(inode), *over = NULL;
	struct fs_use *use = inode->use;
	struct fscrypt_info *info = NULL;
	bool last;

	tinylock_lock(&inode->crypt_lock);
	last = --file->refs == 0;
	if (last) {
		if (opened->handles == 1 && opened->losing) {
			/* Nothing else leads there any more: the kernel may still ask. */
			fs_inode_keep(inode, file->backing.fd);
			file->backing.fd = -1;
		}
		TAILQ_REMOVE(&opened->files, file, link);
		opened->writers -= file->writable;
		if (--opened->handles == 0) {
			use->reg.opened = NULL;
			over = opened;
		}
		if (over && use->info && !fscrypt_info_key_present(use->info)) {
			/* A removal of the key went on without this file: it was busy. */
			info = use->info;
			use->info = NULL;
			if (!use->reg.revoked)
				atomic_store(&use->reg.bar, FS_BAR_NONE);
		} else if (over && fscrypt_num_file_infos(inode->sb->fsc) > KEEP_KEYS) {
			info = use->info;
			use->info = NULL;
		}
	}
	tinylock_unlock(&inode->crypt_lock);
	if (over)
		free_opened(over);
	fscrypt_put_info(info);
	return last;
}

static void free_file(struct fs_file *file)
{
	if (file->backing.fd >= 0)
		close(file->backing.fd);
	fs_handle_give(file->inode->sb);
	fs_inode_put(file->inode);
	free(file);
}

/* Takes @fd over, whatever happens. */
static int new_file(struct fs_inode *inode, int fd, bool writable, struct fs_file **ret_file)
{
	struct fs_file *file;
	int err;

	err = fs_handle_take(inode->sb);
	if (err)
		goto close_fd;
	file = calloc(1, sizeof(*file));
	if (file == NULL) {
		err = -ENOMEM;
		goto give_handle;
	}
	fs_inode_ref(inode);
	file->inode = inode;
	file->backing.fd = fd;
	file->writable = writable;
	*ret_file = file;
	return 0;

give_handle:
	fs_handle_give(inode->sb);
close_fd:
	close(fd);
	return err;
}

/* Key and size of a handle just made; frees it when that fails. */
static int start_file(struct fs_file *file)
{
	int err;

	err = attach(file);
	if (err)
		goto free_file;
	err = fs_context_require_key(file->inode);
	if (err)
		goto detach_file;
	return 0;

detach_file:
	detach(file);
free_file:
	free_file(file);
	return err;
}

/* With @check, whether it may be where it is comes after whether its key is there. */
static int open_file(struct fs_inode *inode, int flags, bool check, struct fs_file **ret_file)
{
	bool write = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0;
	struct fs_file *file;
	struct statx stx;
	int fd, err;

	if (inode->type != S_IFREG)
		return inode->type == S_IFDIR ? -EISDIR : -EINVAL;
	if (write && atomic_load(&inode->sb->read_only))
		return -EROFS;

	/* Part of a unit cannot be written without reading the rest of it. */
	fd = fs_inode_open(inode, (write ? O_RDWR : O_RDONLY) | (flags & O_NOATIME), &stx);
	if (fd < 0)
		return fd;
	err = new_file(inode, fd, write, &file);
	if (err)
		return err;
	if (!write && (stx.stx_mask & STATX_ATIME) &&
	    atomic_load(&inode->crypt) == FS_CRYPT_UNKNOWN) {
		file->first = true;
		file->atime = (struct timespec){ stx.stx_atime.tv_sec, stx.stx_atime.tv_nsec };
	}
	err = fs_context_load(inode, fd);
	if (!err && check) {
		err = fs_context_require_key(inode);
		if (!err)
			err = fs_context_check_open(inode);
	}
	if (err) {
		free_file(file);
		return err;
	}
	err = start_file(file);
	if (err)
		return err;
	if (flags & O_TRUNC) {
		err = fs_file_truncate(file, 0);
		if (err) {
			fs_file_release(file);
			return err;
		}
	}
	*ret_file = file;
	return 0;
}

int fs_file_open(struct fs_inode *inode, int flags, struct fs_file **ret_file)
{
	return open_file(inode, flags, true, ret_file);
}

int fs_file_adopt(struct fs_inode *inode, int fd, struct fs_file **ret_file)
{
	struct fs_file *file;
	int err;

	err = new_file(inode, fd, true, &file);
	if (!err)
		err = start_file(file);
	if (err)
		return err;
	/* Another mount that saw an empty file would give it a context of its own. */
	if (inode->sb->opts.shared && header_pending(inode)) {
		err = fs_context_store(inode, fd);
		if (err) {
			fs_file_release(file);
			return err;
		}
	}
	*ret_file = file;
	return 0;
}

struct fs_file *fs_file_borrow_open(struct fs_inode *inode, bool write)
{
	struct fs_file *file = NULL;

	if (inode->type != S_IFREG)
		return NULL;
	tinylock_lock(&inode->crypt_lock);
	if (fs_opened(inode)) {
		TAILQ_FOREACH (file, &fs_opened(inode)->files, link) {
			if (file->writable || !write) {
				file->refs++;
				break;
			}
		}
	}
	tinylock_unlock(&inode->crypt_lock);
	return file;
}

int fs_file_borrow(struct fs_inode *inode, bool write, struct fs_file **ret_file)
{
	struct fs_file *file;

	if (inode->type != S_IFREG)
		return inode->type == S_IFDIR ? -EISDIR : -EINVAL;
	file = fs_file_borrow_open(inode, write);
	if (file == NULL)
		return open_file(inode, write ? O_RDWR : O_RDONLY, false, ret_file);
	*ret_file = file;
	return 0;
}

void fs_file_return(struct fs_file *file)
{
	fs_file_release(file);
}

bool fs_file_accessed(struct fs_file *file)
{
	/* Past the end of any file that is likely: nothing is read, yet the backing takes note. */
	const off_t far = (off_t)1 << 40;
	struct stat before, after;
	char byte;

	if (fstat(file->backing.fd, &before) < 0 || pread(file->backing.fd, &byte, 1, far) < 0 ||
	    fstat(file->backing.fd, &after) < 0)
		return false;
	return before.st_atim.tv_sec != after.st_atim.tv_sec ||
	       before.st_atim.tv_nsec != after.st_atim.tv_nsec;
}

int fs_file_flush(struct fs_file *file)
{
	if (!file->writable || !header_pending(file->inode))
		return 0;
	return fs_context_store(file->inode, file->backing.fd);
}

int fs_file_settle_header(struct fs_inode *inode)
{
	struct fs_file *file;
	int err;

	if (!S_ISREG(inode->type) || !header_pending(inode))
		return 0;
	err = fs_file_borrow(inode, true, &file);
	if (err)
		return err;
	err = fs_file_flush(file);
	fs_file_return(file);
	return err;
}

int fs_file_release(struct fs_file *file)
{
	int err = fs_file_flush(file);

	if (detach(file))
		free_file(file);
	return err;
}

int fs_file_fsync(struct fs_file *file, bool datasync)
{
	struct fs_super *sb = file->inode->sb;
	struct bio bio;
	bool tail;
	int err;

	err = fs_file_flush(file);
	if (err)
		return err;
	bio_init(&bio, sb->bdev, &file->backing, REQ_OP_FLUSH, 0, NULL, 0);
	if (!datasync)
		bio.bi_flags |= BIO_FLUSH_META;
	/* Before: a tail that is cut off meanwhile may not be part of this flush. */
	tail = atomic_exchange(&file->inode->use->reg.tail_unsynced, false);
	atomic_store(&file->inode->use->reg.unsynced, false);
	err = submit_bio_wait(&bio);
	if (err) {
		if (tail)
			atomic_store(&file->inode->use->reg.tail_unsynced, true);
		return err;
	}
	/* The data are of no use without the contexts and names that lead to them. */
	if (sb->unsynced != 0)
		err = fs_context_sync_chain(file->inode);
	return err;
}
