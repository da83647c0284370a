/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-mtime.c - one mtime for the kernel, which keeps its own, and for the store, where writes
 * arrive late */
#include <errno.h>
#include <sys/stat.h>

#include "fs/ll/ll.h"

/*
 * The kernel takes mtime from us when it first meets an inode and from its own clock afterwards; it
 * sends SETATTR when that clock has moved. The clock ticks every few milliseconds: a write within
 * the tick of the creation changes nothing in the kernel's eyes, yet the data reaches the store,
 * and moves the mtime there, a moment later. So what the kernel believes is written down and put
 * back.
 */
void ll_mtime_told(struct ll_session *s, struct fs_inode *inode, const struct stat *attr)
{
	if (!s->writeback_active || !S_ISREG(inode->type))
		return;
	pthread_mutex_lock(&inode->crypt_lock);
	if (!inode->reg.kmtime_valid) {
		inode->reg.kmtime = attr->st_mtim;
		inode->reg.kmtime_valid = true;
	}
	pthread_mutex_unlock(&inode->crypt_lock);
}

void ll_mtime_set(struct ll_session *s, struct fs_inode *inode, const struct stat *attr)
{
	if (!s->writeback_active || !S_ISREG(inode->type))
		return;
	pthread_mutex_lock(&inode->crypt_lock);
	inode->reg.kmtime = attr->st_mtim;
	inode->reg.kmtime_valid = true;
	atomic_store(&inode->reg.mtime_dirty, false);
	pthread_mutex_unlock(&inode->crypt_lock);
}

void ll_mtime_wrote(struct ll_session *s, struct fs_file *file, const struct fuse_file_info *fi)
{
	if (!s->writeback_active || atomic_load(&file->inode->reg.revoked))
		return;
	if (!file->uncached) {
		atomic_store(&file->inode->reg.mtime_dirty, true);
		return;
	}
	/* Past the cache the kernel does not look at its clock: ours is the only one. */
	pthread_mutex_lock(&file->inode->crypt_lock);
	file->inode->reg.kmtime_valid = false;
	pthread_mutex_unlock(&file->inode->crypt_lock);
}

bool ll_mtime_known(struct ll_session *s, struct fs_inode *inode, struct timespec *ret_mtime)
{
	bool known;

	if (!s->writeback_active || !S_ISREG(inode->type))
		return false;
	pthread_mutex_lock(&inode->crypt_lock);
	known = inode->reg.kmtime_valid;
	if (known)
		*ret_mtime = inode->reg.kmtime;
	pthread_mutex_unlock(&inode->crypt_lock);
	return known;
}

int ll_mtime_settle(struct ll_session *s, struct fs_file *file)
{
	struct fs_inode *inode = file->inode;
	struct timespec t[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_OMIT } };

	/* A revoked one's file has another inode, whose time it is. */
	if (!atomic_exchange(&inode->reg.mtime_dirty, false) || atomic_load(&inode->reg.revoked))
		return 0;
	pthread_mutex_lock(&inode->crypt_lock);
	if (inode->reg.kmtime_valid)
		t[1] = inode->reg.kmtime;
	pthread_mutex_unlock(&inode->crypt_lock);
	return futimens(file->backing.fd, t) < 0 ? -errno : 0;
}
