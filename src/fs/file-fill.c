/* SPDX-License-Identifier: GPL-3.0-or-later */
/* file-fill.c - a small file's data for the kernel's cache, while nobody else has the file open */
#include <pthread.h>

#include "fs/file_private.h"

/* Reading the header has not moved it, so reading the data does not (relatime, noatime). */
static bool keeps_atime(const struct fs_file *file, const struct fs_opened *opened)
{
	return file->atime.tv_sec == opened->atime.tv_sec &&
	       file->atime.tv_nsec == opened->atime.tv_nsec &&
	       atomic_load(&file->inode->crypt) == FS_CRYPT_ENCRYPTED;
}

/*
 * Whoever has a handle can have pages of the file locked or dirty: data stored over them would be
 * older than they are, and storing would wait for them. So it is done for the only handle, and the
 * next one waits (open.c).
 */
static struct fs_opened *begin(const struct fs_file *file, size_t most)
{
	struct fs_inode *inode = file->inode;
	struct fs_use_reg *reg = &inode->use->reg;
	struct fs_opened *opened;
	bool alone;

	tinylock_lock(&inode->crypt_lock);
	opened = reg->opened;
	alone = opened->handles == 1 && !atomic_load(&reg->cached) && !atomic_load(&reg->filled) &&
		keeps_atime(file, opened) && pthread_rwlock_tryrdlock(&opened->size_lock) == 0;
	if (alone && (opened->size == 0 || opened->size > most)) {
		pthread_rwlock_unlock(&opened->size_lock);
		alone = false;
	}
	if (alone)
		atomic_store(&opened->filling, true);
	tinylock_unlock(&inode->crypt_lock);
	return alone ? opened : NULL;
}

void fs_file_fill(struct fs_file *file, size_t most,
		  int (*store)(struct fs_inode *inode, const void *data, size_t len, void *arg),
		  void *arg)
{
	struct fs_inode *inode = file->inode;
	struct fs_opened *opened = file->first ? begin(file, most) : NULL;
	const void *data;
	size_t len;

	if (!opened)
		return;
	/* A lock raises its bar first and waits then: it is seen here, or waits for the rest. */
	if (fs_file_read_held(file, 0, most, NULL, 0, &data, &len) == 0 &&
	    store(inode, data, len, arg) == 0)
		atomic_store(&inode->use->reg.cached, true);
	atomic_store(&opened->filling, false);
	pthread_rwlock_unlock(&opened->size_lock);
}

void fs_file_wait_filled(struct fs_opened *opened)
{
	if (!atomic_load(&opened->filling))
		return;
	pthread_rwlock_wrlock(&opened->size_lock);
	pthread_rwlock_unlock(&opened->size_lock);
}
