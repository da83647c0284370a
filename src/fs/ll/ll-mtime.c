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
 *
 * Of a file that nobody has open the store has what the kernel believes: it writes data and times
 * out before its last RELEASE. So this is kept for open files only, and read from the store with
 * the first handle (open.c).
 */
void ll_mtime_told(struct ll_session *s, struct fs_inode *inode, const struct stat *attr)
{
	struct fs_opened *opened;

	if (!s->writeback_active || !S_ISREG(inode->type))
		return;
	tinylock_lock(&inode->crypt_lock);
	opened = fs_opened(inode);
	if (opened && !opened->kmtime_valid) {
		opened->kmtime = attr->st_mtim;
		opened->kmtime_valid = true;
	}
	tinylock_unlock(&inode->crypt_lock);
}

/*
 * Linux sends its times without a lock when it writes an inode back, a truncation sends others
 * under one, and whoever serves them may be faster with the later: then what the kernel has in the
 * end is not what it said last. It has said when, though (ctime). Much older than the last one is
 * not overtaken but of a clock that was set back.
 *
 * Written back (@flushed), mtime and ctime are read one after the other, and a truncation may come
 * between: the ctime is the last one's then, the mtime that of before. An honest mtime with that
 * ctime is the last one that was set, or of a write in the same tick, and then both are the same.
 */
#define OVERTAKEN_SECS 10

static bool is_same(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_overtaken(const struct fs_opened *opened, const struct timespec *mtime,
			 const struct timespec *ctime, bool flushed)
{
	const struct timespec *last = &opened->kctime;

	if (is_same(ctime, last))
		return flushed && opened->kmtime_valid && !is_same(mtime, &opened->kmtime) &&
		       !is_same(mtime, ctime);
	return (ctime->tv_sec < last->tv_sec ||
		(ctime->tv_sec == last->tv_sec && ctime->tv_nsec < last->tv_nsec)) &&
	       last->tv_sec - ctime->tv_sec < OVERTAKEN_SECS;
}

/*
 * Data may arrive at any moment. What arrives before the store has the new time is overwritten by
 * it; what arrives later says so, and the time is put back. So the new one is known, and nothing is
 * dirty, before the store is told.
 */
struct ll_mtime_was ll_mtime_setting(struct ll_session *s, struct fs_inode *inode,
				     const struct timespec *mtime, const struct timespec *ctime,
				     bool flushed)
{
	struct ll_mtime_was was = { .known = false };
	struct fs_opened *opened;

	if (!s->writeback_active || !S_ISREG(inode->type))
		return was;
	tinylock_lock(&inode->crypt_lock);
	opened = fs_opened(inode);
	if (opened && ctime && is_overtaken(opened, mtime, ctime, flushed)) {
		was.overtaken = true;
	} else if (opened) {
		if (ctime)
			opened->kctime = *ctime;
		was.known = true;
		was.valid = opened->kmtime_valid;
		was.mtime = opened->kmtime;
		opened->kmtime = *mtime;
		opened->kmtime_valid = true;
		atomic_store(&opened->mtime_dirty, false);
	}
	tinylock_unlock(&inode->crypt_lock);
	return was;
}

/* Two at once may have reached the store the other way round. */
void ll_mtime_was_set(struct fs_inode *inode, const struct timespec *mtime)
{
	struct fs_opened *opened;

	tinylock_lock(&inode->crypt_lock);
	opened = S_ISREG(inode->type) ? fs_opened(inode) : NULL;
	if (opened && opened->kmtime_valid && !is_same(&opened->kmtime, mtime))
		atomic_store(&opened->mtime_dirty, true);
	tinylock_unlock(&inode->crypt_lock);
}

void ll_mtime_not_set(struct fs_inode *inode, const struct ll_mtime_was *was)
{
	struct fs_opened *opened;

	if (!was->known)
		return;
	tinylock_lock(&inode->crypt_lock);
	opened = fs_opened(inode);
	if (opened) {
		opened->kmtime = was->mtime;
		opened->kmtime_valid = was->valid;
		atomic_store(&opened->mtime_dirty, true);
	}
	tinylock_unlock(&inode->crypt_lock);
}

void ll_mtime_wrote(struct ll_session *s, struct fs_file *file, const struct fuse_file_info *fi)
{
	if (!s->writeback_active || fs_inode_revoked(file->inode))
		return;
	if (!file->uncached) {
		atomic_store(&fs_opened(file->inode)->mtime_dirty, true);
		return;
	}
	/* Past the cache the kernel does not look at its clock: ours is the only one. */
	tinylock_lock(&file->inode->crypt_lock);
	fs_opened(file->inode)->kmtime_valid = false;
	tinylock_unlock(&file->inode->crypt_lock);
}

bool ll_mtime_known(struct ll_session *s, struct fs_inode *inode, struct timespec *ret_mtime)
{
	struct fs_opened *opened;
	struct stat attr;
	bool known;

	if (!s->writeback_active || !S_ISREG(inode->type))
		return false;
	tinylock_lock(&inode->crypt_lock);
	opened = fs_opened(inode);
	known = opened && opened->kmtime_valid;
	if (known)
		*ret_mtime = opened->kmtime;
	tinylock_unlock(&inode->crypt_lock);
	if (!opened && fs_getattr(inode, &attr) == 0) {
		*ret_mtime = attr.st_mtim;
		known = true;
	}
	return known;
}

int ll_mtime_settle(struct ll_session *s, struct fs_file *file)
{
	struct fs_inode *inode = file->inode;
	struct timespec t[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_OMIT } }, before;
	int err = 0;

	/* A revoked one's file has another inode, whose time it is. */
	if (!atomic_exchange(&fs_opened(inode)->mtime_dirty, false) || fs_inode_revoked(inode))
		return 0;
	/* Again when it was set meanwhile: the store may have got the new one before the old. */
	do {
		before = t[1];
		tinylock_lock(&inode->crypt_lock);
		if (fs_opened(inode)->kmtime_valid)
			t[1] = fs_opened(inode)->kmtime;
		tinylock_unlock(&inode->crypt_lock);
		if (is_same(&t[1], &before))
			return err;
		err = futimens(file->backing.fd, t) < 0 ? -errno : 0;
	} while (err == 0);
	return err;
}
